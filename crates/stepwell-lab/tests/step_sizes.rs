//! Phase diagrams and advice with few seeds: what they find, on any number of threads; what has ended is not run again.

use std::collections::BTreeMap;
use std::sync::Mutex;

use stepwell::outcome::Outcome;
use stepwell::spec::{NoFiles, Spec};
use stepwell::verdict::Behavior;
use stepwell_lab::drive::{Drive, Job, Next, Pace, ToTheEnd, Watch};
use stepwell_lab::error::LabError;
use stepwell_lab::experiment::Experiment;
use stepwell_lab::findings::Findings;
use stepwell_lab::findings::advice::{Advice, Large};
use stepwell_lab::findings::phase::{Fate, Phase};
use stepwell_lab::phase::{Protocol, Question, StepSizes, advise, diagram};
use stepwell_lab::summary::Summary;

const SPEC: &str = r#"
title = "small"
steps = 4000
model = "diagonal_linear"
loss = "half_mean_square"
[data.sparse_regression]
n = 20
d = 40
sparsity = 3
test = 100
draw.numpy_legacy = 0
[init.diagonal]
u = 0.1
v = 0.0
[dynamics.sgd]
[schedule]
step_size = 0.1
[record]
probes = ["train_loss", "test_loss", "nonzero", "step_size"]
"#;

fn protocol(fresh: bool) -> Protocol<'static> {
    let mut protocol = Protocol::new(Spec::from_toml(SPEC).unwrap(), &NoFiles, fresh).unwrap();
    protocol.decay(None, None);
    protocol
}

/// Everything, once it is the same on one and on three threads and its summary the same after JSON.
fn on_threads(find: impl Fn() -> Experiment + Sync + Send) -> Experiment {
    let on = |threads: usize| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(&find);
    let (one, three) = (on(1), on(3));
    // NaN is not itself, its words are
    assert_eq!(format!("{:?}", one.settings), format!("{:?}", three.settings));
    let text = |experiment: &Experiment| serde_json::to_string(&Summary::of(experiment, "0", "again")).unwrap();
    assert_eq!(text(&one), text(&three));
    let again: Summary = serde_json::from_str(&text(&one)).unwrap();
    assert_eq!(serde_json::to_string(&again).unwrap(), text(&one));
    one
}

fn phase(experiment: &Experiment) -> &Phase {
    let Findings::Phase(phase) = &experiment.findings else { panic!("{:?}", experiment.findings) };
    phase
}

fn advice(experiment: &Experiment) -> &Advice {
    let Findings::Advice(advice) = &experiment.findings else { panic!("{:?}", experiment.findings) };
    advice
}

/// Small steps converge, the largest of the range diverge, and the thresholds lie in the order that theory gives them.
#[test]
fn a_diagram_goes_from_convergence_to_divergence() {
    let experiment = on_threads(|| diagram(&protocol(false), None, 8, &ToTheEnd).unwrap());
    let found = phase(&experiment);
    assert_eq!((found.seeds, experiment.title.as_str()), (8, "small: phases"));
    assert_eq!(found.series, ["train_loss", "test_loss", "nonzero"]);
    assert!((12..=24).contains(&found.points.len()) && found.points.len() == experiment.settings.len());
    let (first, last) = (&found.points[0], found.points.last().unwrap());
    assert_eq!((first.pooled.behavior, last.shares.diverges.hits), (Behavior::Falling, 8));
    for (point, setting) in found.points.iter().zip(&experiment.settings) {
        let hits = Fate::ALL.map(|fate| point.shares.get(fate).hits);
        assert_eq!((hits.iter().sum::<usize>(), setting.outcomes.len()), (8, 8));
        let all = setting.outcomes.iter().filter(|run| !run.diverged()).all(|run| {
            let (steps, _) = run.records.line("train_loss");
            steps.len() == 201 && steps.last() == Some(&setting.last_large)
        });
        assert!(all && point.two_over_gradient_weighted_batch_sharpness_along.len() == 11);
    }
    let labels: std::collections::BTreeSet<_> = experiment.settings.iter().map(|setting| &setting.label).collect();
    assert_eq!(labels.len(), experiment.settings.len());
    assert!(first.end["test_loss"].count == 8 && last.end["test_loss"].count == 0);
    for point in &found.points {
        let [low, high] = point.lyapunov_interval.map(|end| end.0);
        assert_eq!(point.lyapunov.is_nan(), low.is_nan());
        assert!(point.lyapunov.is_nan() || (low <= point.lyapunov && point.lyapunov <= high));
        // where every run converges, nearby runs do not part
        assert!(point.sign_of_lyapunov() <= 0 || point.shares.converges.hits < 8, "{point:?}");
    }
    assert!(found.small_steps.mean_square < found.small_steps.gradient_descent);
    // below the mean-square threshold where small steps lead to, SGD that starts near zero finds its way
    assert!(first.step_size < found.small_steps.mean_square);
}

/// The advised step size is confirmed, its spec can be run, and another data set gets another one.
#[test]
fn advice_is_confirmed_and_validated() {
    let question = Question { level: 0.2, seeds: 20 };
    let experiment = on_threads(|| {
        let mut protocol = protocol(false);
        protocol.warm_up(0.05);
        advise(&protocol, question, Some(2), &ToTheEnd).unwrap()
    });
    let found = advice(&experiment);
    assert!(found.diverge_at_most <= 0.2 && found.large_runs.diverged.total >= 20 && found.tries >= 1);
    assert!(found.constants.len() >= 4 && found.constants.iter().all(|one| one.diverged.hits == 0), "{found:?}");
    assert!(found.large.step_size >= 0.5 * found.edge && found.optimized == "test_loss");
    let labels: Vec<_> = experiment.settings.iter().map(|setting| &setting.label[..]).collect();
    assert_eq!(labels, ["large steps", "constant"]);
    let [large, constant] = [0, 1].map(|k| &experiment.settings[k]);
    let (told, counted) = (found.large_runs.diverged, large.diverged());
    assert_eq!((told.hits, told.total), (counted.hits, counted.total));
    assert!(large.outcomes.iter().zip(&constant.outcomes).all(|(one, other)| one.seed == other.seed));
    let spec = Spec::from_toml(&found.spec).unwrap();
    assert_eq!(spec.title.as_deref(), Some("small, advised"));
    let advised = if found.verdict == Large::DoesNotHelp { None } else { found.large.warmup_from };
    assert!(advised.is_none_or(|from| from == spec.schedule.step_size));
    assert_eq!(spec.schedule.decay.is_empty(), found.verdict == Large::DoesNotHelp);
    spec.prepare(&NoFiles).unwrap();
    let validation = found.validation.as_ref().unwrap();
    let [one, other] = &validation.data_sets[..] else { panic!("{validation:?}") };
    assert!(one.large.step_size != other.large.step_size && validation.diverged.total >= 40);
}

/// What it saw end, and how many runs began.
#[derive(Default)]
struct Remembers(Mutex<(BTreeMap<String, Outcome>, usize)>);

impl Watch for Remembers {
    fn known(&self, job: &Job<'_>) -> Result<Option<Outcome>, LabError> {
        Ok(self.0.lock().unwrap().0.get(&job.description).cloned())
    }

    fn begins(&self, _: &Job<'_>, _: &mut dyn Drive) -> Result<(), LabError> {
        self.0.lock().unwrap().1 += 1;
        Ok(())
    }

    fn look(&self, _: &Job<'_>, _: &dyn Drive, _: &mut Pace) -> Result<Next, LabError> {
        Ok(Next::Go(777))
    }

    fn ended(&self, job: &Job<'_>, _: &dyn Drive, outcome: &Outcome, _: &Pace) -> Result<(), LabError> {
        self.0.lock().unwrap().0.insert(job.description.clone(), outcome.clone());
        Ok(())
    }
}

impl Remembers {
    fn counts(&self) -> [usize; 2] {
        let state = self.0.lock().unwrap();
        [state.0.len(), state.1]
    }
}

#[test]
fn what_has_ended_is_not_run_again_and_no_run_is_taken_for_another() {
    let sizes = Some(StepSizes { low: 0.1, high: 0.7, count: 4 });
    let watch = Remembers::default();
    let measure = |fresh| diagram(&protocol(fresh), sizes, 6, &watch).unwrap();
    let first = measure(false);
    let runs = first.runs();
    assert_eq!(watch.counts(), [runs, runs]);
    let again = measure(false);
    assert_eq!(watch.counts(), [runs, runs]);
    // to the bit, like what nobody watches
    let alone = diagram(&protocol(false), sizes, 6, &ToTheEnd).unwrap();
    for other in [&again, &alone] {
        assert_eq!(format!("{:?}", phase(other)), format!("{:?}", phase(&first)));
    }
    // other data, other runs: drawn for each seed, or once for all of them
    let fresh = measure(true);
    assert_eq!(watch.counts(), [runs + fresh.runs(); 2]);
    for seed in [1, 2] {
        let [before, _] = watch.counts();
        let found = diagram(&protocol(false).on_data_of(seed).unwrap(), sizes, 6, &watch).unwrap();
        assert_eq!(watch.counts(), [before + found.runs(); 2]);
    }
}

/// A watcher who wants to stop gets no result.
struct Stops;

impl Watch for Stops {
    fn look(&self, _: &Job<'_>, _: &dyn Drive, _: &mut Pace) -> Result<Next, LabError> {
        Ok(Next::Stop)
    }
}

#[test]
fn what_cannot_be_asked_is_said() {
    let toy = Spec::from_toml(stepwell_lab::reproduce::experiment("toy").unwrap()).unwrap();
    assert!(Protocol::new(toy.clone(), &NoFiles, true).is_err_and(|error| error.to_string().contains("are drawn")));
    let given = Protocol::new(toy, &NoFiles, false).unwrap();
    assert!(given.on_data_of(1).is_err_and(|error| error.to_string().contains("are drawn")));
    let refused = |level, seeds| advise(&protocol(false), Question { level, seeds }, None, &ToTheEnd).unwrap_err();
    assert!(refused(0.05, 20).to_string().contains("to tell a share below 5%"));
    assert!(refused(0.0, 72).to_string().contains("between 0 and 1"));
    assert!(matches!(diagram(&protocol(false), None, 0, &ToTheEnd), Err(LabError::Usage(_))));
    assert!(matches!(diagram(&protocol(false), None, 2, &Stops), Err(LabError::Stopped)));
}
