//! A setting with its runs: the same experiment over seeds.

use std::collections::BTreeMap;

use stepwell::outcome::Outcome;
use stepwell::record::Records;
use stepwell::run::Status;
use stepwell::schedule::Timetable;
use stepwell::spec::Prepared;
use stepwell::statistics::{Band, Share, quantile};
use stepwell::verdict::{Behavior, Effect, Finding, Observation, Pooled, Stabilization};
use stepwell::words::{short, thousands};

/// The runs of one setting, over seeds.
///
/// ```
/// use stepwell::spec::{NoFiles, Spec};
/// use stepwell_lab::drive::ToTheEnd;
/// use stepwell_lab::runs::{runs, settings};
///
/// let spec = Spec::from_toml(
///     r#"
///     steps = 300
///     model = "scalar_toy"
///     loss = "quarter_mean_square"
///     data.scalar = { x = [1.0], theta_star = 1.0 }
///     init.normal = 0.5
///     dynamics.gradient_descent = {}
///     schedule.step_size = 3.0
///     "#,
/// )?;
/// let setting = runs(&settings(&spec, &NoFiles)?, 1, 10, &ToTheEnd)?.settings.remove(0);
/// assert_eq!(setting.diverged().total, 10);
/// assert_eq!(setting.band("train_loss").count, 10 - setting.diverged().hits);
/// for run in &setting.outcomes {
///     println!("seed {}: {}", run.seed, setting.end_words(run));
/// }
/// # Ok::<(), stepwell_lab::error::LabError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// What it is called.
    pub label: String,
    /// Number of steps of a run.
    pub steps: u64,
    /// The last step before the step size falls for the first time: verdicts on the loss are about the phase up to there.
    pub last_large: u64,
    /// Its step sizes, as they are drawn, in units of each run's threshold where they are relative; `None` where they are not
    /// known.
    pub timetable: Option<Timetable>,
    /// Its runs, in the order of their seeds.
    pub outcomes: Vec<Outcome>,
    /// The run with the published data and indices, where these are known: it stands beside the statistics.
    pub as_published: Option<Outcome>,
}

impl Setting {
    /// The runs of a spec that is ready to start.
    pub fn new(label: impl Into<String>, prepared: &Prepared, outcomes: Vec<Outcome>) -> Self {
        let (schedule, steps) = (prepared.schedule(), prepared.spec().steps);
        Self {
            label: label.into(),
            steps,
            last_large: schedule.last_step_before_decay(steps),
            timetable: Some(prepared.timetable()),
            outcomes,
            as_published: None,
        }
    }

    /// All runs, the published one first.
    pub fn runs(&self) -> impl Iterator<Item = &Outcome> {
        self.as_published.iter().chain(&self.outcomes)
    }

    /// How many of the runs that ended diverged.
    pub fn diverged(&self) -> Share {
        let ended = self.outcomes.iter().filter(|run| run.has_ended());
        Share::of(self.outcomes.iter().filter(|run| run.diverged()).count(), ended.count())
    }

    /// Whether all of its runs diverged.
    pub fn all_diverged(&self) -> bool {
        self.outcomes.iter().all(Outcome::diverged)
    }

    /// `20 of 20 diverged, median step 22`, where all of its runs did.
    pub fn all_diverged_words(&self) -> Option<String> {
        let steps: Vec<f64> = self.outcomes.iter().filter_map(|run| Some(run.diverged_at()? as f64)).collect();
        let runs = self.outcomes.len();
        let step = thousands(quantile(&steps, 0.5).round() as u64);
        let at = if runs == 1 { "at step" } else { "median step" };
        (runs > 0 && steps.len() == runs).then(|| format!("{runs} of {runs} diverged, {at} {step}"))
    }

    /// The runs that did not diverge; all of them where none is left, since lines up to there are better than none.
    pub fn survivors(&self) -> impl Iterator<Item = &Outcome> {
        let all = self.all_diverged();
        self.outcomes.iter().filter(move |run| all || !run.diverged())
    }

    /// How many runs statistics over those that did not diverge rest on, where all of these have a value.
    pub fn survived(&self) -> usize {
        self.outcomes.iter().filter(|run| !run.diverged()).count()
    }

    /// The last step that one of its runs came to: it may have overflowed on the way.
    fn reached(&self) -> u64 {
        let recorded =
            |run: &Outcome| run.records.series.iter().filter_map(|series| series.steps.last().copied()).max();
        let of = |run: &Outcome| match run.status {
            Status::Finished => self.steps,
            Status::Overflowed { step } => step,
            Status::Running => recorded(run).unwrap_or(0),
        };
        self.runs().map(of).max().unwrap_or(0)
    }

    /// The steps at which the step size was divided, of those that a run came to.
    pub fn decays(&self) -> Vec<u64> {
        let (reached, planned) = (self.reached(), self.timetable.iter().flat_map(|timetable| &timetable.decays));
        planned.copied().filter(|step| *step < reached).collect()
    }

    /// Its step sizes up to where a run came to; empty where they are not known.
    pub fn step_sizes(&self) -> Vec<(u64, f64)> {
        let (reached, planned) = (self.reached(), self.timetable.iter().flat_map(|timetable| &timetable.line));
        planned.copied().filter(|(step, _)| *step <= reached).collect()
    }

    /// Records of the survivors.
    pub fn surviving_records(&self) -> Vec<&Records> {
        self.survivors().map(|run| &run.records).collect()
    }

    /// The last recorded values of a series, one per run; NaN where it diverged.
    pub fn finals(&self, series: &str) -> Vec<f64> {
        self.outcomes.iter().map(|run| run.last(series)).collect()
    }

    /// Its runs beside those of another setting with the same seeds.
    pub fn paired<'a>(&'a self, other: &'a Self) -> Vec<(&'a Outcome, &'a Outcome)> {
        let others: BTreeMap<u64, &Outcome> = other.outcomes.iter().map(|run| (run.seed, run)).collect();
        self.outcomes.iter().filter_map(|run| Some((run, *others.get(&run.seed)?))).collect()
    }

    /// The last recorded values of a series in these pairs, where both have one.
    pub fn paired_finals(&self, other: &Self, series: &str) -> Vec<(f64, f64)> {
        let pairs = self.paired(other).into_iter().map(|(a, b)| (a.last(series), b.last(series)));
        pairs.filter(|(a, b)| !a.is_nan() && !b.is_nan()).collect()
    }

    /// Their median and quantiles, over the runs that did not diverge.
    pub fn band(&self, series: &str) -> Band {
        Band::of(&self.finals(series))
    }

    /// The first run that did not diverge; the first of all where there is none.
    pub fn first_survivor(&self) -> Option<&Outcome> {
        self.survivors().next()
    }

    /// The run that is shown by itself: the published one where there is one, else the first that did not diverge.
    pub fn shown(&self) -> Option<&Outcome> {
        self.as_published.as_ref().or_else(|| self.first_survivor())
    }

    /// The same, to be changed.
    pub fn shown_mut(&mut self) -> Option<&mut Outcome> {
        let all = self.all_diverged();
        let survivor = self.outcomes.iter_mut().find(|run| all || !run.diverged());
        self.as_published.as_mut().or(survivor)
    }

    /// What the loss of each run does while the step size is large, in their order.
    pub fn stabilizations(&self) -> Vec<Stabilization> {
        self.outcomes.iter().map(|run| run.stabilization).collect()
    }

    /// What it does over all of them, those left out that did not end.
    pub fn stabilization(&self) -> Pooled {
        let ended = self.outcomes.iter().filter(|run| run.has_ended());
        Pooled::of(&ended.map(|run| run.stabilization).collect::<Vec<_>>())
    }

    /// That as an observation of the paper's: the verdict on the setting decides, not the shares of single runs. Runs that
    /// diverged meanwhile, or were too short, are left out. Effect: the drift.
    pub fn stabilizes(&self) -> Observation {
        let Pooled { behavior, drift, runs, .. } = self.stabilization();
        let statement = "the loss stabilizes while the step size is large, unless it diverges";
        let is_interval = drift.low > 0.0 && drift.high.is_finite();
        let (low, high) = if is_interval { (drift.low, drift.high) } else { (drift.factor, drift.factor) };
        let effect = Effect { unit: "drift, factor".into(), median: drift.factor, low, high, is_interval };
        let finding = match behavior {
            Behavior::Stabilizes => Finding::Holds,
            Behavior::Flat | Behavior::CannotTell | Behavior::TooShort => Finding::CannotTell,
            _ => Finding::DoesNotHold,
        };
        let share = Share::of(self.levels().len(), runs);
        let row = Observation::new(statement, &*self.label, share, (runs > 0).then_some(effect));
        Observation { finding, p: f64::NAN, corrected_p: f64::NAN, ..row }
    }

    /// The geometric mean over the training losses that a run recorded in the second half of its large phase: it lies below
    /// the arithmetic one, by more for a loss that varies more. NaN where nothing was recorded there.
    pub fn geometric_level(&self, run: &Outcome) -> f64 {
        let (steps, losses) = run.records.line("train_loss");
        let half = self.last_large / 2..self.last_large + 1;
        let logs = steps.iter().zip(losses).filter(|(step, _)| half.contains(step)).map(|(_, loss)| libm::log(*loss));
        let (sum, count) = logs.fold((0.0, 0.0), |(sum, count), log| (sum + log, count + 1.0));
        libm::exp(sum / count)
    }

    /// What became of a run, in words.
    pub fn end_words(&self, run: &Outcome) -> String {
        if let Some(step) = run.diverged_at() {
            return format!("diverged at step {}", thousands(step));
        }
        let found = run.stabilization;
        match found.behavior {
            Behavior::Stabilizes => format!("loss stabilized at {}", short(found.level)),
            Behavior::TooShort => "too short to tell".into(),
            Behavior::CannotTell => "cannot tell what the loss does".into(),
            behavior => format!("loss {}", behavior.name()),
        }
    }

    /// Levels of the loss, over the runs that stabilize.
    pub fn levels(&self) -> Vec<f64> {
        let found = self.stabilizations();
        found.iter().filter(|found| found.behavior == Behavior::Stabilizes).map(|found| found.level).collect()
    }
}

/// The names of all series of numbers that runs recorded, in order: those of the run that got farthest.
pub fn series_names<'a>(settings: impl IntoIterator<Item = &'a Setting>) -> Vec<String> {
    let runs = settings.into_iter().flat_map(Setting::runs);
    let names = |run: &Outcome| {
        let numbers = run.records.series.iter().filter(|series| series.width == 1);
        numbers.map(|series| series.name.to_string()).collect::<Vec<_>>()
    };
    // of several with as many names the last one's, as ever
    runs.map(names).max_by_key(Vec::len).unwrap_or_default()
}
