//! `reproduce toy`: the scalar toy model's bouncing, its regions, and its bifurcations.

use std::process::ExitCode;

use rayon::prelude::*;
use serde_json::{Value, json};
use stepwell::record::RecordPlan;
use stepwell::run::Status;
use stepwell::statistics::{Band, Share};
use stepwell::theory::toy_map::{self, Orbit, Regions};
use stepwell::words::{share_text, significant};
use stepwell_plot::axis::Scale;
use stepwell_plot::figure::{Entry, Figure, Mark};
use stepwell_plot::panel::{Layer, Panel};
use stepwell_plot::style::{COLORS, INK};

use super::{DivergedRun, Reproduction, reproduce};
use crate::cli::ReproduceArgs;
use crate::failure::Failure;
use crate::interrupt;
use crate::output::{band_json, table};
use crate::records_rows::{HEADER, run_prefix};
use crate::spec_file::SpecFile;

/// Values of gamma in the bifurcation picture, evenly over (0, 2].
const GAMMAS: usize = 520;
/// What the only setting is called.
const LABEL: &str = "random gamma";
/// Bins of the bifurcation picture over [-1.5, 1.5].
const BINS: usize = 500;

/// The paths of all seeds, in `phi = theta / theta_*`, and the regions that they must visit.
struct Paths {
    paths: Vec<Vec<f64>>,
    diverged: usize,
    gamma: (f64, f64),
    regions: Regions,
    step_size: f64,
}

/// A statement of the theory with what was measured.
struct Check {
    what: &'static str,
    theory: String,
    measured: String,
    holds: bool,
}

/// All that the figure shows and prints.
struct Results {
    title: String,
    steps: u64,
    paths: Paths,
    orbits: Vec<(f64, Orbit)>,
    checks: Vec<Check>,
}

/// Runs the figure.
pub fn run(args: &ReproduceArgs) -> Result<ExitCode, Failure> {
    reproduce(args, |file, count| {
        let paths = measure(file, count)?;
        let orbits = bifurcation();
        let checks = bouncing_checks(&paths).into_iter().chain(map_checks(&orbits)).collect();
        let title = file.spec.title.clone().unwrap_or_default();
        Ok(Results { title, steps: file.spec.steps, paths, orbits, checks })
    })
}

impl Reproduction for Results {
    fn csv(&self) -> String {
        csv(&self.paths)
    }

    fn figure(&self) -> Result<Figure, Failure> {
        Ok(figure(&self.title, &self.paths, &self.orbits))
    }

    fn summary(&self) -> Value {
        summary(&self.paths, &self.checks)
    }

    fn diverged(&self) -> Vec<DivergedRun> {
        Vec::new()
    }

    fn report(&self) -> String {
        let Self { title, steps, paths, checks, .. } = self;
        let (start, seeds) = (paths.paths[0][0], paths.paths.len());
        let units = "φ = θ/θ*, losses in units of E[x²] θ*⁴";
        format!("{title}\n{steps} steps from φ = {start}, {seeds} seeds; {units}\n{}\n", report(checks))
    }
}

fn measure(file: &SpecFile, count: u64) -> Result<Paths, Failure> {
    let prepared = file.prepare(&file.spec)?;
    let explain = |error| file.explain(&error);
    let one = |seed: u64| {
        let mut session = prepared.session_on(seed, prepared.data(seed)?, RecordPlan::default());
        let mut path = vec![session.theta()[0]];
        while session.advance(1) == Status::Running && !interrupt::stopped() {
            path.push(session.theta()[0]);
        }
        Ok((path, matches!(session.status(), Status::Diverged { .. })))
    };
    let paths = (1..=count).into_par_iter().map(one).collect::<Result<Vec<_>, _>>().map_err(explain)?;
    let data = prepared.data(1).map_err(explain)?;
    let target = data.target.as_ref().map_or(1.0, |target| target[0].sqrt());
    let step_size = file.spec.schedule.step_size;
    let gammas: Vec<f64> = data.train.x.as_slice().iter().map(|x| step_size * target * target * x * x).collect();
    let gamma = gammas.iter().fold((f64::INFINITY, 0.0_f64), |(low, high), g| (low.min(*g), high.max(*g)));
    let diverged = paths.iter().filter(|path| path.1).count();
    let paths = paths.into_iter().map(|(path, _)| path.into_iter().map(|theta| theta / target).collect()).collect();
    Ok(Paths { paths, diverged, gamma, regions: Regions::new(gamma.0), step_size })
}

/// The orbits of evenly spaced gammas in (0, 2].
fn bifurcation() -> Vec<(f64, Orbit)> {
    let gamma = |k: usize| 2.0 * (k + 1) as f64 / GAMMAS as f64;
    (0..GAMMAS).into_par_iter().map(|k| (gamma(k), toy_map::orbit(gamma(k), 0.3, 4000, 6000))).collect()
}

impl Paths {
    /// From where on each path alternates.
    fn alternation(&self) -> Vec<Option<usize>> {
        self.paths.iter().map(|path| self.regions.alternation_from(path)).collect()
    }

    /// The points of all paths from their alternation on: those below and those above the minimum.
    fn attracted(&self) -> (Vec<f64>, Vec<f64>) {
        let tails = self.paths.iter().zip(self.alternation()).filter_map(|(path, from)| Some(&path[from?..]));
        tails.flatten().partition(|phi| **phi < 1.0)
    }
}

fn range(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)))
}

fn interval((low, high): (f64, f64)) -> String {
    format!("{} to {}", significant(low, 5), significant(high, 5))
}

fn bouncing_checks(paths: &Paths) -> Vec<Check> {
    let (regions, seeds) = (paths.regions, paths.paths.len());
    let from: Vec<usize> = paths.alternation().into_iter().flatten().collect();
    let below: Vec<usize> =
        paths.paths.iter().map(|path| path.iter().take_while(|phi| **phi <= toy_map::LOW).count()).collect();
    let most = toy_map::most_steps_below_low(paths.paths[0][0]);
    let slowest = below.iter().copied().max().unwrap_or(0);
    let (lower, upper) = paths.attracted();
    let losses: Vec<f64> = lower.iter().chain(&upper).map(|phi| toy_map::loss(*phi)).collect();
    let (low, high, loss) = (range(&lower), range(&upper), range(&losses));
    let share = Share::of(from.len(), seeds);
    let when = Band::of(&from.iter().map(|t| *t as f64).collect::<Vec<_>>());
    vec![
        Check {
            what: "steps spent in I₀ = (0, 0.65]",
            theory: format!("at most {most}"),
            measured: format!("at most {slowest}"),
            holds: slowest <= most,
        },
        Check {
            what: "alternates over the minimum from some step on",
            theory: "every path".into(),
            measured: format!("{}, from step {} on (median)", share_text(&share), when.median),
            holds: share.hits == share.total,
        },
        Check {
            what: "then at even distances in I₁ = (0.65, 1 − ε₀)",
            theory: interval((toy_map::LOW, 1.0 - regions.eps0)),
            measured: interval(low),
            holds: low.0 > toy_map::LOW && low.1 < 1.0 - regions.eps0,
        },
        Check {
            what: "and at odd ones in (1 + ε₀, 1.162)",
            theory: interval((1.0 + regions.eps0, toy_map::HIGH)),
            measured: interval(high),
            holds: high.0 > 1.0 + regions.eps0 && high.1 < toy_map::HIGH,
        },
        Check {
            what: "loss from then on",
            theory: interval((regions.lowest_loss(), toy_map::HIGHEST_LOSS)),
            measured: interval(loss),
            holds: loss.0 >= regions.lowest_loss() && loss.1 <= toy_map::HIGHEST_LOSS,
        },
    ]
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
        Check {
            what: "mean loss of the 2-cycle, 1.05 < γ < √5 − 1",
            theory: "(1 − γ⁻²)/8".into(),
            measured: format!("differs by at most {}", significant(error, 2)),
            holds: error < 1e-9,
        },
        Check {
            what: "the 2-cycle doubles its period at",
            theory: format!("√5 − 1 = {}", significant(doubling, 6)),
            measured: significant(found, 6),
            holds: (found - doubling).abs() < 1e-3,
        },
        Check {
            what: "Lyapunov exponent at γ = 2",
            theory: format!("ln 3 = {}", significant(libm::log(3.0), 5)),
            measured: significant(long.lyapunov, 5),
            holds: (long.lyapunov - libm::log(3.0)).abs() < 0.01,
        },
        Check {
            what: "mean loss at γ = 2",
            theory: "1/8".into(),
            measured: significant(long.mean_loss, 5),
            holds: (long.mean_loss - 0.125).abs() < 1e-3,
        },
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

fn report(checks: &[Check]) -> String {
    let mut table = table(&["statement", "theory", "measured", "verdict"]);
    for check in checks {
        let verdict = if check.holds { "holds" } else { "does not hold" };
        table.add_row([check.what, &check.theory, &check.measured, verdict]);
    }
    table.trim_fmt()
}

fn summary(paths: &Paths, checks: &[Check]) -> Value {
    let finals: Vec<f64> = paths.paths.iter().map(|path| toy_map::loss(path[path.len() - 1])).collect();
    let band = Band::of(&finals);
    let checks: Vec<Value> = checks
        .iter()
        .map(|c| json!({ "statement": c.what, "theory": c.theory, "measured": c.measured, "holds": c.holds }))
        .collect();
    let share = Share::of(paths.diverged, paths.paths.len());
    json!({
        "figure": "toy",
        "version": env!("CARGO_PKG_VERSION"),

        "runs": [{
            "label": LABEL,
            "step_size": paths.step_size,
            "gamma": [paths.gamma.0, paths.gamma.1],
            "seeds": share.total,
            "diverged": share.hits,
            "final": { "train_loss": band_json(&band) },
        }],
        "checks": checks,
    })
}

fn csv(paths: &Paths) -> String {
    use std::fmt::Write;
    let mut out = String::from(HEADER);
    for (seed, path) in (1..).zip(&paths.paths) {
        let prefix = run_prefix(LABEL, seed);
        for (t, phi) in path.iter().enumerate() {
            let _ = writeln!(out, "{prefix}{t},phi,{phi:?}");
        }
    }
    out
}

fn figure(title: &str, paths: &Paths, orbits: &[(f64, Orbit)]) -> Figure {
    let panels = vec![
        bouncing_panel(paths),
        loss_panel(paths),
        bifurcation_panel(orbits),
        mean_loss_panel(orbits),
        lyapunov_panel(orbits),
    ];
    let legend = vec![
        Entry {
            mark: Mark::LineInBand(COLORS[0]),
            text: format!(
                "SGD, γ drawn from {}\nmedian and 10% to 90% of {} seeds",
                interval(paths.gamma),
                paths.paths.len()
            ),
        },
        Entry { mark: Mark::Dots(COLORS[0]), text: "the first seed".into() },
        Entry { mark: Mark::Area(COLORS[2]), text: "the four regions of the proof".into() },
        Entry { mark: Mark::Thin(INK), text: "orbits of a constant γ".into() },
        Entry { mark: Mark::Dashed(COLORS[1]), text: "exact: 2-cycle, its mean loss, the loss bounds".into() },
    ];
    Figure { title: title.into(), columns: 3, panels, legend, below: Vec::new() }
}

fn panel(title: &str, x_label: &str, scale: Scale, layers: Vec<Layer>) -> Panel {
    Panel { title: title.into(), x_label: x_label.into(), scale, y_range: None, layers }
}

fn bouncing_panel(paths: &Paths) -> Panel {
    let eps = paths.regions.eps0;
    let stripe = |low, high, name: &str, color| Layer::Stripe { low, high, color, name: name.into() };
    let path: Vec<(f64, f64)> = paths.paths[0].iter().take(61).enumerate().map(|(t, phi)| (t as f64, *phi)).collect();
    let layers = vec![
        stripe(0.0, toy_map::LOW, "I₀", COLORS[5]),
        stripe(toy_map::LOW, 1.0 - eps, "I₁", COLORS[2]),
        stripe(1.0 - eps, 1.0, "I₂", COLORS[1]),
        stripe(1.0, toy_map::HIGH, "I₃", COLORS[4]),
        Layer::Line { points: path.clone(), color: COLORS[0], width: 1 },
        Layer::Dots { points: path, color: COLORS[0], size: 4 },
    ];
    Panel { y_range: Some((0.0, 1.2)), ..panel("Bouncing: φ of the first seed", "iteration", Scale::Linear, layers) }
}

fn loss_panel(paths: &Paths) -> Panel {
    let shown = 200.min(paths.paths.iter().map(Vec::len).min().unwrap_or(0));
    let at = |t: usize| Band::of(&paths.paths.iter().map(|path| toy_map::loss(path[t])).collect::<Vec<_>>());
    let bands: Vec<(f64, Band)> = (0..shown).map(|t| (t as f64, at(t))).collect();
    let level = |y: f64| Layer::Dashed { points: vec![(0.0, y), (shown as f64, y)], color: COLORS[1] };
    let layers = vec![
        Layer::Band { points: bands.iter().map(|(t, b)| (*t, b.p10, b.p90)).collect(), color: COLORS[0] },
        Layer::Line { points: bands.iter().map(|(t, b)| (*t, b.median)).collect(), color: COLORS[0], width: 2 },
        level(paths.regions.lowest_loss()),
        level(toy_map::HIGHEST_LOSS),
    ];
    panel("Loss, with its bounds on the attracting set", "iteration", Scale::Log, layers)
}

/// Occupied bins of each orbit as vertical strokes, neighbors joined, and the exact 2-cycle.
fn bifurcation_panel(orbits: &[(f64, Orbit)]) -> Panel {
    let height = 3.0 / BINS as f64;
    let mut strokes = Vec::new();
    for (gamma, orbit) in orbits {
        let mut occupied = vec![false; BINS];
        for phi in &orbit.points {
            occupied[(((phi + 1.5) / height) as usize).min(BINS - 1)] = true;
        }
        let mut k = 0;
        while k < BINS {
            let length = occupied[k..].iter().take_while(|o| **o).count();
            if length > 0 {
                let low = -1.5 + k as f64 * height;
                strokes.push((*gamma, low, low + length as f64 * height));
            }
            k += length + 1;
        }
    }
    let branch = |upper: bool| -> Vec<(f64, f64)> {
        let point = |k: usize| {
            let gamma = 1.0 + 0.005 * k as f64 + 1e-9;
            toy_map::two_cycle(gamma).map(|(low, high)| (gamma, if upper { high } else { low }))
        };
        (0..=200).filter_map(point).collect()
    };
    let layers = vec![
        Layer::Strokes { points: strokes, color: INK },
        Layer::Dashed { points: branch(false), color: COLORS[1] },
        Layer::Dashed { points: branch(true), color: COLORS[1] },
        Layer::Vertical { x: toy_map::period_doubling(), color: COLORS[2] },
    ];
    panel("Where a constant γ ends: φ", "γ", Scale::Linear, layers)
}

fn mean_loss_panel(orbits: &[(f64, Orbit)]) -> Panel {
    let measured = orbits.iter().map(|(gamma, orbit)| (*gamma, orbit.mean_loss)).collect();
    let exact = (0..=200).map(|k| 1.0 + 0.005 * f64::from(k)).map(|g| (g, toy_map::two_cycle_mean_loss(g))).collect();
    let layers = vec![
        Layer::Line { points: measured, color: INK, width: 2 },
        Layer::Dashed { points: exact, color: COLORS[1] },
        Layer::Vertical { x: toy_map::period_doubling(), color: COLORS[2] },
    ];
    panel("Mean loss", "γ", Scale::Linear, layers)
}

fn lyapunov_panel(orbits: &[(f64, Orbit)]) -> Panel {
    let points = orbits.iter().map(|(gamma, orbit)| (*gamma, orbit.lyapunov)).collect();
    let layers = vec![
        Layer::Dashed { points: vec![(0.0, 0.0), (2.0, 0.0)], color: COLORS[1] },
        Layer::Line { points, color: INK, width: 1 },
        Layer::Vertical { x: toy_map::period_doubling(), color: COLORS[2] },
    ];
    Panel { y_range: Some((-2.0, 1.2)), ..panel("Lyapunov exponent (chaos above 0)", "γ", Scale::Linear, layers) }
}
