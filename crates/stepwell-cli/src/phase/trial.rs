//! Runs at one step size: what becomes of each, and what is measured of it.

use rayon::prelude::*;
use stepwell::metrics::Thresholds;
use stepwell::probe::Probe;
use stepwell::record::RecordPlan;
use stepwell::run::Status;
use stepwell::session::Session;
use stepwell::spec::{ModelSpec, Prepared};
use stepwell::statistics::{Band, Share, quantile};
use stepwell::verdict::{Behavior, Stabilization, stabilization};

use super::protocol::{Protocol, in_units};
use crate::failure::Failure;
use crate::interrupt;

/// What becomes of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Its loss falls through the large phase, or is at the floor of arithmetic.
    Converges,
    /// Its loss hovers at a level while the step size is large.
    Stabilizes,
    /// It diverges, before or after the decay.
    Diverges,
    /// Its loss rises, or the large phase is too short to tell.
    Undecided,
}

impl Fate {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Converges, Self::Stabilizes, Self::Diverges, Self::Undecided];

    /// The fate in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Converges => "converges",
            Self::Stabilizes => "stabilizes",
            Self::Diverges => "diverges",
            Self::Undecided => "undecided",
        }
    }

    fn of(diverged: bool, phase: Behavior) -> Self {
        match phase {
            _ if diverged => Self::Diverges,
            Behavior::Diverges => Self::Diverges,
            Behavior::Stabilizes => Self::Stabilizes,
            Behavior::Falling | Behavior::Converges => Self::Converges,
            Behavior::Rising | Behavior::CannotTell => Self::Undecided,
        }
    }
}

/// One run.
#[derive(Clone, Debug)]
pub struct Trial {
    /// What became of it.
    pub fate: Fate,
    /// What its loss did in the large phase.
    pub stabilization: Stabilization,
    /// The loss at the start.
    pub first_loss: f64,
    /// What was measured after the last step; empty if it diverged.
    pub finals: Vec<(String, f64)>,
    /// What was looked at more closely, in the spec's unit of step sizes.
    pub closer: Option<Closer>,
}

/// What is measured of a few runs only.
#[derive(Clone, Copy, Debug)]
pub struct Closer {
    /// Thresholds at the last parameters, NaN if the run diverged.
    pub reached: Thresholds,
    /// The Lyapunov exponent of the training predictions a step, from the middle of the large phase on.
    pub lyapunov: f64,
    /// Two over the median batch sharpness in the second half of the large phase: the step size it goes with.
    pub batch_sharpness: f64,
    /// Two over the batch sharpness along the large phase, at its start and after each tenth; NaN where the run has ended.
    pub along: [f64; ALONG],
}

/// So often batch sharpness is measured along the large phase.
pub const ALONG: usize = 11;

/// All runs at one step size.
#[derive(Clone, Debug)]
pub struct Point {
    /// The largest step size of the schedule.
    pub step_size: f64,
    /// One a seed.
    pub trials: Vec<Trial>,
}

/// Steps between looks at signals.
const SLICE: u64 = 1 << 16;
/// Recorded losses of the large phase.
const LOSSES: u64 = 200;
/// Batch sharpness is measured at every so manieth of them.
const SHARPNESS_EVERY: u64 = LOSSES / (ALONG as u64 - 1);

impl Point {
    /// The runs of some seeds at a step size; the first `closer` of them are looked at more closely.
    pub fn measure(
        protocol: &Protocol,
        step_size: f64,
        seeds: std::ops::Range<u64>,
        closer: u64,
    ) -> Result<Self, Failure> {
        let prepared = protocol.at(step_size)?;
        let first = seeds.start;
        // data that differ from seed to seed follow from the spec, others are those of seed 1 as well
        let name = protocol.trials_name(&prepared, 1)?;
        let one = |seed: u64| {
            let closer = seed - first < closer;
            let key = format!("{name} {seed}{}", if closer { " closer" } else { "" });
            if let Some(trial) = protocol.kept.as_ref().and_then(|kept| kept.get(&key)) {
                return Ok(trial);
            }
            let trial = trial(protocol, &prepared, seed, closer)?;
            if interrupt::stopped() {
                return Err(interrupt::failure(
                    "interrupted; the runs that had ended are kept, and the same call goes on",
                ));
            }
            protocol.kept.as_ref().map_or(Ok(()), |kept| kept.add(&key, &trial))?;
            Ok(trial)
        };
        let seeds: Vec<u64> = seeds.collect();
        let trials = seeds.into_par_iter().with_max_len(1).map(one).collect::<Result<_, _>>()?;
        protocol.kept.as_ref().map_or(Ok(()), |kept| kept.sync())?;
        Ok(Self { step_size, trials })
    }

    /// The share of runs with a fate.
    pub fn share(&self, fate: Fate) -> Share {
        Share::of(self.trials.iter().filter(|trial| trial.fate == fate).count(), self.trials.len())
    }

    /// A value after the last step, over the runs that did not diverge.
    pub fn last(&self, series: &str) -> Band {
        let find = |trial: &Trial| trial.finals.iter().find(|(name, _)| name == series).map(|(_, value)| *value);
        Band::of(&self.trials.iter().filter_map(find).collect::<Vec<_>>())
    }

    /// The median loss at the start.
    pub fn first_loss(&self) -> f64 {
        quantile(&self.trials.iter().map(|trial| trial.first_loss).collect::<Vec<_>>(), 0.5)
    }

    /// The level of the loss, over the runs that stabilize.
    pub fn level(&self) -> Band {
        Band::of(&self.stabilized().map(|found| found.level).collect::<Vec<_>>())
    }

    /// The runs that stabilize.
    pub fn stabilized(&self) -> impl Iterator<Item = Stabilization> {
        self.trials.iter().filter(|trial| trial.fate == Fate::Stabilizes).map(|trial| trial.stabilization)
    }

    /// The median of two over the batch sharpness after `tenths` tenths of the large phase, over the runs that got there.
    pub fn along(&self, tenths: usize) -> f64 {
        let closer = self.trials.iter().filter_map(|trial| trial.closer.as_ref()).map(|closer| closer.along[tenths]);
        quantile(&closer.filter(|value| !value.is_nan()).collect::<Vec<_>>(), 0.5)
    }

    /// The median of something that was looked at more closely.
    pub fn closer(&self, value: impl Fn(&Closer) -> f64) -> f64 {
        quantile(&self.trials.iter().filter_map(|trial| trial.closer.as_ref()).map(value).collect::<Vec<_>>(), 0.5)
    }
}

/// Names of the losses and measures of sparsity that were taken after the last step of any run.
pub fn measured<'a>(points: impl IntoIterator<Item = &'a Point>) -> Vec<String> {
    let trials = points.into_iter().flat_map(|point| &point.trials);
    let longest = trials.map(|trial| &trial.finals).max_by_key(|finals| finals.len());
    longest.map_or(Vec::new(), |finals| finals.iter().map(|(name, _)| name.clone()).collect())
}

/// Whether a probe tells how good or how sparse the solution is.
fn is_shown(probe: Probe) -> bool {
    !matches!(
        probe,
        Probe::TrainLoss
            | Probe::StepSize
            | Probe::ParameterNorm
            | Probe::GradientNorm
            | Probe::GradientSquare
            | Probe::Sharpness
            | Probe::SharpnessResidual
            | Probe::SharpnessIterations
            | Probe::BatchSharpness
    )
}

fn trial(protocol: &Protocol, prepared: &Prepared, seed: u64, closer: bool) -> Result<Trial, Failure> {
    let data = protocol.data_of(prepared, seed)?;
    let mut session = prepared.session_on(seed, data, RecordPlan::default());
    let unit = session.step_size() / prepared.schedule().at(0);
    let last_large = prepared.schedule().last_step_before_decay(prepared.spec().steps);
    let large = LargePhase::record(&mut session, last_large, closer);
    while session.advance(SLICE) == Status::Running && !interrupt::stopped() {}
    let finals = finals(&session, prepared);
    let diverged_at = match session.status() {
        Status::Diverged { step } => Some(step),
        _ => finals.is_empty().then_some(session.steps()),
    };
    let stabilization = stabilization(&large.steps, &large.losses, last_large, diverged_at);
    let fate = Fate::of(diverged_at.is_some(), stabilization.behavior);
    let first_loss = large.losses.first().copied().unwrap_or(f64::NAN);
    let closer = closer.then(|| {
        let unknown = Thresholds { gradient_descent: f64::NAN, mean_square: f64::NAN };
        let reached = if diverged_at.is_none() { session.thresholds() } else { unknown };
        Closer {
            reached: in_units(reached, unit),
            lyapunov: large.lyapunov,
            batch_sharpness: 2.0 / quantile(&large.second_half(), 0.5) / unit,
            along: large.sharpness.map(|value| 2.0 / value / unit),
        }
    });
    Ok(Trial { fate, stabilization, first_loss, finals, closer })
}

/// What is recorded while the step size is large.
struct LargePhase {
    steps: Vec<u64>,
    losses: Vec<f64>,
    /// Batch sharpness along it, if looked at more closely.
    sharpness: [f64; ALONG],
    /// From its middle on.
    lyapunov: f64,
}

impl LargePhase {
    fn record(session: &mut Session, last_large: u64, closer: bool) -> Self {
        let (steps, losses) = (Vec::new(), Vec::new());
        let mut out = Self { steps, losses, sharpness: [f64::NAN; ALONG], lyapunov: f64::NAN };
        for k in 0..=LOSSES {
            let step = last_large * k / LOSSES;
            if out.steps.last() == Some(&step) {
                continue;
            }
            if matches!(session.advance(step - session.step()), Status::Diverged { .. }) || interrupt::stopped() {
                break;
            }
            out.steps.push(step);
            out.losses.push(value(session, Probe::TrainLoss));
            if closer && k.is_multiple_of(SHARPNESS_EVERY) {
                out.sharpness[(k / SHARPNESS_EVERY) as usize] = value(session, Probe::BatchSharpness);
            }
            if closer && k == LOSSES / 2 {
                out.lyapunov = value(session, Probe::Lyapunov);
            }
        }
        out
    }
}

impl LargePhase {
    /// Batch sharpness in its second half.
    fn second_half(&self) -> Vec<f64> {
        self.sharpness[ALONG / 2..].iter().copied().filter(|value| !value.is_nan()).collect()
    }
}

fn value(session: &Session, probe: Probe) -> f64 {
    session.measure(&[probe]).first().map_or(f64::NAN, |measurement| measurement.1)
}

/// The losses and measures of sparsity that the spec records, and the model's own measure of sparsity, now; nothing if the
/// run has diverged.
fn finals(session: &Session, prepared: &Prepared) -> Vec<(String, f64)> {
    if matches!(session.status(), Status::Diverged { .. }) {
        return Vec::new();
    }
    let record = &prepared.spec().record;
    let others = record.probes.iter().chain(&record.costly).copied().filter(|probe| is_shown(*probe));
    let mut probes: Vec<Probe> = [Probe::TrainLoss].into_iter().chain(others).collect();
    let sparsity = match prepared.spec().model {
        ModelSpec::Linear | ModelSpec::DiagonalLinear => Some(Probe::Nonzero),
        ModelSpec::FullyConnected(_) => Some(Probe::FeatureSparsity),
        ModelSpec::ScalarToy => None,
    };
    probes.extend(sparsity.filter(|probe| !probes.contains(probe)));
    let found = session.measure(&probes);
    let finite = found.first().is_some_and(|(_, loss)| loss.is_finite());
    let named = found.into_iter().map(|(name, value)| (name.into_owned(), value));
    if finite { named.collect() } else { Vec::new() }
}
