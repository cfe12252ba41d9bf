//! A run that goes on from a checkpoint has the bits of one that was never interrupted, whatever its dynamics.

use std::collections::BTreeMap;

use stepwell::probe::Probe;
use stepwell::run::{Checkpoint, ResumeError, Status};
use stepwell::session::{Saved, Session};
use stepwell::spec::{Array, ArraySource, Prepared, Spec};
use stepwell::statistics::quantile;

/// One array of sample indices, whatever the file's name.
struct Indices;

impl ArraySource for Indices {
    fn arrays(&self, _: &str) -> Result<BTreeMap<String, Array>, String> {
        let values = (0..1_000).map(|t| f64::from((7 * t * t + 3) % 12)).collect();
        Ok(BTreeMap::from([("indices".to_string(), Array { shape: vec![1_000], values })]))
    }
}

const DYNAMICS: [&str; 11] = [
    "\"gradient_descent\"",
    "{ sgd = {} }",
    "{ sgd.indices = { numpy_legacy = 3 } }",
    "{ sgd.indices = { file = { path = \"indices.npy\" } } }",
    "{ label_noise = {} }",
    "{ label_noise.indices = { numpy_legacy = 3 } }",
    "{ mini_batch = { size = 5, rule = \"with_replacement\" } }",
    "{ mini_batch = { size = 5, rule = \"without_replacement\" } }",
    "{ mini_batch = { size = 5, rule = \"epochs\" } }",
    "{ fixed_label_noise = { delta = 0.01 } }",
    "{ sde = { equation = \"second_order\", scheme = \"stochastic_heun\", substeps = 2 } }",
];

fn prepared(dynamics: &str, step_size: f64) -> Prepared {
    let text = format!(
        r#"
steps = 1000
model = "diagonal_linear"
loss = "half_mean_square"
dynamics = {dynamics}
data.sparse_regression = {{ n = 12, d = 7, sparsity = 2, test = 20 }}
init.diagonal = {{ u = 0.1, v = 0.0 }}
schedule = {{ step_size = {step_size}, decay = [{{ after = 0.6, divide_by = 2.0 }}] }}
record = {{ first = 4, points = 9, probes = ["train_loss", "test_loss", "step_size", "mean_sampled_loss", "log_factor"], costly = ["rank"] }}
"#
    );
    let spec: Spec = toml::from_str(&text).unwrap_or_else(|error| panic!("{dynamics}: {error}"));
    spec.prepare(&Indices).unwrap_or_else(|error| panic!("{dynamics}: {error}"))
}

/// While u^2 - v^2 can be told from the parameters, the accumulated factor is that of the parameters; gradient descent
/// sees the loss itself.
#[test]
fn sums_within_a_run_have_their_closed_forms() {
    for dynamics in
        [DYNAMICS[0], DYNAMICS[1], DYNAMICS[7], DYNAMICS[9], "{ sde = { equation = \"first_order\", substeps = 3 } }"]
    {
        let mut session = prepared(dynamics, 0.05).session(2).unwrap();
        let mut losses = Vec::new();
        for _ in 0..50 {
            losses.push(session.measure(&[Probe::TrainLoss])[0].1);
            session.advance(1);
        }
        let theta = session.theta();
        let gap = |j: usize| libm::log(((theta[j] * theta[j] - theta[7 + j] * theta[7 + j]) / 0.01).abs());
        let factors: Vec<f64> = (0..7).map(gap).collect();
        let [(_, factor), (_, mean)] = session.measure(&[Probe::LogFactor, Probe::MeanSampledLoss])[..] else {
            panic!()
        };
        assert!((factor - quantile(&factors, 0.5)).abs() < 1e-11 && factor < -1e-6, "{dynamics}: {factor} {factors:?}");
        if dynamics == DYNAMICS[0] {
            let expected = losses.iter().sum::<f64>() / 50.0;
            assert!((mean / expected - 1.0).abs() < 1e-12, "{mean} {expected}");
        }
    }
}

/// What a session came to, bit by bit.
type Bits = (Status, Vec<u64>, Vec<(String, u64, u64)>);

fn bits(session: &Session) -> Bits {
    let outcome = session.outcome();
    let on_the_way = outcome.records.series.iter().flat_map(|series| {
        series.rows().flat_map(move |(step, row)| row.iter().map(move |v| (series.name.to_string(), step, v.to_bits())))
    });
    let end = outcome.end.iter().map(|(name, value)| (format!("{name} at the end"), u64::MAX, value.to_bits()));
    let rows = on_the_way.chain(end).collect();
    let sums = session.save().checkpoint.sampled;
    (outcome.status, session.theta().iter().chain(&sums).map(|t| t.to_bits()).collect(), rows)
}

/// Advances by `parts`, each time in a session made anew that goes on from where the last one was saved, then to the end.
fn in_parts(prepared: &Prepared, parts: &[u64]) -> Bits {
    let data = prepared.data(5).unwrap();
    let mut saved: Option<Saved> = None;
    let mut go = |k: u64| {
        let mut session = prepared.session_on(5, data.clone(), prepared.record_plan(false));
        if let Some(saved) = &saved {
            session.resume(saved.clone()).unwrap();
        }
        session.advance(k);
        saved = Some(session.save());
        bits(&session)
    };
    for part in parts {
        go(*part);
    }
    go(u64::MAX)
}

#[test]
fn a_run_in_parts_has_the_bits_of_a_whole_one() {
    for dynamics in DYNAMICS {
        let prepared = prepared(dynamics, 0.02);
        let whole = in_parts(&prepared, &[]);
        assert_eq!(whole.0, Status::Finished, "{dynamics}");
        // before the first step, within the dense records, in a block, at a recording step, within an epoch, at the end
        for parts in [&[0][..], &[2, 1], &[1, 255, 1, 300], &[125, 125], &[998, 1, 1], &[1000]] {
            assert!(in_parts(&prepared, parts) == whole, "{dynamics} in parts {parts:?}");
        }
    }
}

#[test]
fn divergence_comes_at_the_same_step() {
    for dynamics in &DYNAMICS[..9] {
        let prepared = prepared(dynamics, 30.0);
        let whole = in_parts(&prepared, &[]);
        assert!(matches!(whole.0, Status::Overflowed { .. }), "{dynamics}: {:?}", whole.0);
        for parts in [&[1][..], &[2, 1, 1], &[3, 3]] {
            assert!(in_parts(&prepared, parts) == whole, "{dynamics} in parts {parts:?}");
        }
    }
}

#[test]
fn a_checkpoint_of_another_run_is_refused() {
    let start = |dynamics: &str| prepared(dynamics, 0.02).session(5).unwrap();
    let mut sgd = start("{ sgd = {} }");
    sgd.advance(10);
    let good = sgd.save();
    assert_eq!(sgd.resume(good.clone()), Ok(()));
    let refused = |change: &dyn Fn(&mut Checkpoint)| {
        let mut bad = good.clone();
        change(&mut bad.checkpoint);
        start("{ sgd = {} }").resume(bad).unwrap_err()
    };
    assert_eq!(refused(&|c| c.step = 1001), ResumeError::Steps { step: 1001, steps: 1000 });
    assert_eq!(refused(&|c| _ = c.theta.pop()), ResumeError::Parameters { found: 13, expected: 14 });
    assert_eq!(refused(&|c| c.theta[3] = f64::NAN), ResumeError::NotFinite { index: 3 });
    assert_eq!(refused(&|c| _ = c.sampled.pop()), ResumeError::Dynamics);
    for dynamics in ["\"gradient_descent\"", "{ mini_batch = { size = 5, rule = \"epochs\" } }", DYNAMICS[2]] {
        assert_eq!(start(dynamics).resume(good.clone()), Err(ResumeError::Dynamics), "{dynamics}");
    }
}

/// Setting what is there already changes no bit; what is set is told, saved and resumed.
#[test]
fn parameters_and_step_size_can_be_set_between_steps() {
    for dynamics in DYNAMICS {
        let prepared = prepared(dynamics, 0.02);
        let whole = in_parts(&prepared, &[]);
        let mut session = prepared.session_on(5, prepared.data(5).unwrap(), prepared.record_plan(false));
        for _ in 0..10 {
            session.advance(100);
            let theta = session.theta().to_vec();
            session.set_theta(&theta).unwrap();
        }
        assert!(bits(&session) == whole, "{dynamics}");
        assert!(session.outcome().altered);
    }
    let prepared = prepared(DYNAMICS[1], 0.02);
    let start = || prepared.session(5).unwrap();
    let mut session = start();
    assert!(!session.outcome().altered);
    session.advance(500);
    session.set_step_size(0.015).unwrap();
    session.advance(100);
    let mut resumed = start();
    resumed.resume(session.save()).unwrap();
    assert_eq!(resumed.step_size(), 0.015);
    let copy = session.clone();
    for session in [&mut session, &mut resumed] {
        session.advance(u64::MAX);
        assert!(session.outcome().altered);
    }
    // NaN is not itself, its words are
    assert_eq!(format!("{:?}", session.outcome()), format!("{:?}", resumed.outcome()));
    assert_eq!((copy.step(), session.step()), (600, 1000));
    assert_eq!(session.set_step_size(-1.0), Err(ResumeError::StepSize { found: -1.0 }));
    assert_eq!(session.set_theta(&[0.0]), Err(ResumeError::Parameters { found: 1, expected: 14 }));
    let mut diverged = prepared_diverging().session(5).unwrap();
    let Status::Overflowed { step } = diverged.advance(u64::MAX) else { panic!("it did not diverge") };
    let theta = vec![0.1; 14];
    assert_eq!(diverged.set_theta(&theta), Err(ResumeError::Overflowed { step }));
    let mut again = prepared_diverging().session(5).unwrap();
    again.resume(diverged.save()).unwrap();
    assert_eq!(bits(&again).0, bits(&diverged).0);
    assert!(bits(&again).2 == bits(&diverged).2);
}

fn prepared_diverging() -> Prepared {
    prepared(DYNAMICS[1], 30.0)
}

/// A session can be handed to another thread, or looked at by several.
#[test]
fn sessions_are_owned_values() {
    fn is<T: Send + Sync + Clone + 'static>(_: &T) {}
    is(&prepared(DYNAMICS[0], 0.02).session(1).unwrap());
}
