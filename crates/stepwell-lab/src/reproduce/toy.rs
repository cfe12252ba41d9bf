//! The scalar toy model's bouncing, its regions, and its bifurcations.

use rayon::prelude::*;
use stepwell::outcome::Outcome;
use stepwell::probe::Probe;
use stepwell::record::{Entry, RecordPlan, Records};
use stepwell::run::Status;
use stepwell::spec::{NoFiles, Spec};
use stepwell::statistics::{Band, Share};
use stepwell::theory::toy_map::{self, Orbit, Regions};
use stepwell::verdict::Finding;
use stepwell::words::{share_text, significant};

use super::Question;
use super::over_seeds::over_seeds;
use crate::drive::Watch;
use crate::error::LabError;
use crate::experiment::Experiment;
use crate::findings::Findings;
use crate::findings::toy::{Check, ORBIT, ORBITS, PATHS, PHI, STROKES, Toy};
use crate::setting::Setting;

/// Values of gamma in the bifurcation picture, evenly over (0, 2].
const GAMMAS: usize = 520;
/// Bins of the bifurcation picture over [-1.5, 1.5].
const BINS: usize = 500;
/// Steps of an orbit before it is looked at.
const TRANSIENT: usize = 4000;
/// Points of an orbit that are looked at.
const POINTS: usize = 6000;

/// Runs the paths of SGD and the orbits of a constant gamma and checks the theory in them.
pub fn reproduce(question: &Question, spec: &Spec, watch: &dyn Watch) -> Result<Experiment, LabError> {
    let &Question { seeds, .. } = question;
    watch.expects(seeds, "runs");
    let prepared = spec.prepare(&NoFiles)?;
    // every theta before the last step; the loss is not measured, so that it ends no path
    let entry = Entry { steps: (0..spec.steps).collect(), probes: vec![Probe::Parameters] };
    let plan = RecordPlan::new(&[entry], Vec::new());
    let mut outcomes = over_seeds(&prepared, PATHS, 1..=seeds, |_| plan.clone(), watch)?;
    let data = prepared.data(1)?;
    let target = data.target.as_ref().map_or(1.0, |target| target[0].sqrt());
    for series in outcomes.iter_mut().flat_map(|outcome| &mut outcome.records.series) {
        series.name = PHI.into();
        series.values.iter_mut().for_each(|theta| *theta /= target);
    }
    let step_size = spec.schedule.step_size;
    let gammas: Vec<f64> = data.train.x.as_slice().iter().map(|x| step_size * target * target * x * x).collect();
    let gamma = gammas.iter().fold((f64::INFINITY, 0.0_f64), |(low, high), g| (low.min(*g), high.max(*g)));
    let paths = Paths { paths: outcomes.iter().map(path).collect(), regions: Regions::new(gamma.0) };
    let last_losses: Vec<f64> =
        paths.paths.iter().filter_map(|path| path.last()).map(|phi| toy_map::loss(*phi)).collect();
    let orbits = orbits();
    let toy = Toy {
        step_size,
        gamma,
        eps0: paths.regions.eps0,
        final_loss: Band::of(&last_losses),
        checks: paths.checks().into_iter().chain(map_checks(&orbits)).collect(),
    };
    let paths = Setting { timetable: None, ..Setting::new(PATHS, &prepared, outcomes) };
    Ok(Experiment {
        title: spec.title.clone().unwrap_or_default(),
        settings: vec![paths, setting_of(&orbits)],
        findings: Findings::Toy(toy),
        step_size_unit: None,
        notes: Vec::new(),
    })
}

/// A path in `phi = theta / theta_*`.
fn path(outcome: &Outcome) -> &[f64] {
    outcome.records.line(PHI).1
}

/// The orbits of evenly spaced gammas in (0, 2].
fn orbits() -> Vec<(f64, Orbit)> {
    let gamma = |k: usize| 2.0 * (k + 1) as f64 / GAMMAS as f64;
    let orbit = |k: usize| (gamma(k), toy_map::orbit(gamma(k), 0.3, TRANSIENT, POINTS));
    (0..GAMMAS).into_par_iter().map(orbit).collect()
}

/// The orbits as the only outcome of a setting: the k-th row is not of a step but of the k-th gamma, or stroke.
fn setting_of(orbits: &[(f64, Orbit)]) -> Setting {
    let mut records = Records::default();
    for (k, (gamma, orbit)) in (0..).zip(orbits) {
        records.push_row(ORBIT, k, &[*gamma, orbit.mean_loss, orbit.lyapunov]);
    }
    let strokes = orbits.iter().flat_map(|(gamma, orbit)| strokes(orbit).into_iter().map(|ends| (*gamma, ends)));
    for (k, (gamma, (low, high))) in (0..).zip(strokes) {
        records.push_row(STROKES, k, &[gamma, low, high]);
    }
    let steps = (TRANSIENT + POINTS) as u64;
    Setting {
        label: ORBITS.into(),
        steps,
        last_large: steps - 1,
        timetable: None,
        outcomes: vec![Outcome { status: Status::Finished, records, ..Outcome::not_begun(0) }],
        as_published: None,
    }
}

/// The bins that an orbit visits, neighbors joined.
fn strokes(orbit: &Orbit) -> Vec<(f64, f64)> {
    let height = 3.0 / BINS as f64;
    let mut occupied = vec![false; BINS];
    for phi in &orbit.points {
        occupied[(((phi + 1.5) / height) as usize).min(BINS - 1)] = true;
    }
    let (mut strokes, mut k) = (Vec::new(), 0);
    while k < BINS {
        let length = occupied[k..].iter().take_while(|o| **o).count();
        if length > 0 {
            let low = -1.5 + k as f64 * height;
            strokes.push((low, low + length as f64 * height));
        }
        k += length + 1;
    }
    strokes
}

/// The paths of all seeds, and the regions that they must visit.
struct Paths<'a> {
    paths: Vec<&'a [f64]>,
    regions: Regions,
}

impl Paths<'_> {
    /// From where on each path alternates.
    fn alternation(&self) -> Vec<Option<usize>> {
        self.paths.iter().map(|path| self.regions.alternation_from(path)).collect()
    }

    /// The points of all paths from their alternation on: those below and those above the minimum.
    fn attracted(&self) -> (Vec<f64>, Vec<f64>) {
        let tails = self.paths.iter().zip(self.alternation()).filter_map(|(path, from)| Some(&path[from?..]));
        tails.flatten().partition(|phi| **phi < 1.0)
    }

    fn checks(&self) -> Vec<Check> {
        let regions = self.regions;
        let from: Vec<usize> = self.alternation().into_iter().flatten().collect();
        let below = |path: &&[f64]| path.iter().take_while(|phi| **phi <= toy_map::LOW).count();
        let slowest = self.paths.iter().map(below).max().unwrap_or(0);
        let start = self.paths.first().and_then(|path| path.first());
        let most = start.map_or(0, |phi| toy_map::most_steps_below_low(*phi));
        let (lower, upper) = self.attracted();
        let losses: Vec<f64> = lower.iter().chain(&upper).map(|phi| toy_map::loss(*phi)).collect();
        let (low, high, loss) = (range(&lower), range(&upper), range(&losses));
        let share = Share::of(from.len(), self.paths.len());
        let when = Band::of(&from.iter().map(|t| *t as f64).collect::<Vec<_>>());
        vec![
            check(
                "steps spent in I₀ = (0, 0.65]",
                format!("at most {most}"),
                format!("at most {slowest}"),
                slowest <= most,
            ),
            check(
                "alternates over the minimum from some step on",
                "every path",
                format!("{}, from step {} on (median)", share_text(&share), when.median),
                share.hits == share.total,
            ),
            check(
                "then at even distances in I₁ = (0.65, 1 − ε₀)",
                interval((toy_map::LOW, 1.0 - regions.eps0)),
                interval(low),
                low.0 > toy_map::LOW && low.1 < 1.0 - regions.eps0,
            ),
            check(
                "and at odd ones in (1 + ε₀, 1.162)",
                interval((1.0 + regions.eps0, toy_map::HIGH)),
                interval(high),
                high.0 > 1.0 + regions.eps0 && high.1 < toy_map::HIGH,
            ),
            check(
                "loss from then on",
                interval((regions.lowest_loss(), toy_map::HIGHEST_LOSS)),
                interval(loss),
                loss.0 >= regions.lowest_loss() && loss.1 <= toy_map::HIGHEST_LOSS,
            ),
        ]
    }
}

fn check(statement: &str, theory: impl Into<String>, measured: String, holds: bool) -> Check {
    Check { statement: statement.into(), theory: theory.into(), measured, finding: Finding::checked(holds) }
}

fn range(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)))
}

fn interval((low, high): (f64, f64)) -> String {
    format!("{} to {}", significant(low, 5), significant(high, 5))
}

fn map_checks(orbits: &[(f64, Orbit)]) -> Vec<Check> {
    let doubling = toy_map::period_doubling();
    let on_cycle = orbits.iter().filter(|(gamma, _)| *gamma > 1.05 && *gamma < doubling - 0.01);
    let error = on_cycle
        .map(|(gamma, orbit)| (orbit.mean_loss - toy_map::two_cycle_mean_loss(*gamma)).abs())
        .fold(0.0, f64::max);
    let found = first_gamma_off_the_cycle();
    let long = toy_map::orbit(2.0, 0.3, 1000, 2_000_000);
    vec![
        check(
            "mean loss of the 2-cycle, 1.05 < γ < √5 − 1",
            "(1 − γ⁻²)/8",
            format!("differs by at most {}", significant(error, 2)),
            error < 1e-9,
        ),
        check(
            "the 2-cycle doubles its period at",
            format!("√5 − 1 = {}", significant(doubling, 6)),
            significant(found, 6),
            (found - doubling).abs() < 1e-3,
        ),
        check(
            "Lyapunov exponent at γ = 2",
            format!("ln 3 = {}", significant(libm::log(3.0), 5)),
            significant(long.lyapunov, 5),
            (long.lyapunov - libm::log(3.0)).abs() < 0.01,
        ),
        check("mean loss at γ = 2", "1/8", significant(long.mean_loss, 5), (long.mean_loss - 0.125).abs() < 1e-3),
    ]
}

/// Where the attractor stops being the 2-cycle, by bisection on whether a long orbit comes back after two steps.
fn first_gamma_off_the_cycle() -> f64 {
    let two_periodic = |gamma: f64| {
        let points = toy_map::orbit(gamma, 0.3, 200_000, 3).points;
        points.len() == 3 && (points[2] - points[0]).abs() < 1e-6
    };
    let (mut low, mut high) = (1.1, 1.3);
    for _ in 0..30 {
        let middle = 0.5 * (low + high);
        if two_periodic(middle) { low = middle } else { high = middle }
    }
    low
}
