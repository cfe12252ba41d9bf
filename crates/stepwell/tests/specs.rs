//! Specs: every experiment file is read, prepared, run for a while and measured; what is wrong is named.

use std::collections::BTreeMap;

use stepwell::linalg::Matrix;
use stepwell::metrics::predictor_grid;
use stepwell::probe::Probe;
use stepwell::record::{Entry, RecordPlan};
use stepwell::run::Status;
use stepwell::session::Session;
use stepwell::spec::{Array, ArraySource, DataSpec, NoFiles, ScheduleSpec, Spec};

/// Every file in `experiments/`, by name; those of deep networks are another crate's.
fn experiments() -> Vec<(String, Spec)> {
    let folder = format!("{}/../../experiments", env!("CARGO_MANIFEST_DIR"));
    let mut found: Vec<(String, Spec)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (std::fs::read_to_string(&path).unwrap(), path))
        .filter(|(text, _)| !text.contains("[network]"))
        .map(|(text, path)| {
            let name = path.file_stem().unwrap().to_string_lossy().to_string();
            (name.clone(), toml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}")))
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

fn experiment(name: &str) -> Spec {
    experiments().into_iter().find(|(found, _)| found == name).unwrap().1
}

#[test]
fn experiments_run_and_their_published_keys_are_series() {
    let found = experiments();
    for name in ["diagonal", "relu-1d", "teacher-2", "teacher-3"] {
        assert!(found.iter().any(|(found, _)| found == name), "{name} is missing");
    }
    let mut finished = BTreeMap::new();
    for (name, spec) in found {
        for variant in &spec.variants {
            let prepared = spec.with_variant(variant).prepare(&NoFiles).unwrap();
            let data = prepared.data(0).unwrap();
            let layers = prepared.landscape(0).unwrap().layers().len();
            let names: Vec<_> = Probe::ALL.iter().flat_map(|probe| probe.series(layers)).collect();
            for key in variant.published.keys() {
                assert!(names.iter().any(|name| name == key), "{name}: no series {key}");
            }
            let mut grid = prepared.grid();
            grid.truncate(101);
            let points = grid.len();
            let last = vec![grid[points - 1]];
            let costly = [prepared.spec().record.costly.clone(), vec![Probe::Rank, Probe::NonzeroShare]].concat();
            let entries = [
                Entry { steps: grid, probes: prepared.spec().record.probes.clone() },
                Entry { steps: last, probes: costly },
            ];
            // a run with a large step size may diverge, which is no failure
            let mut session = prepared.session_on(0, data, RecordPlan::new(&entries, Vec::new()));
            let status = session.advance(u64::MAX);
            let records = session.records();
            let losses = &records.get("train_loss").unwrap().values;
            assert!(losses.len() == points || status != Status::Finished, "{name}");
            assert!(losses.len() < points || records.last("rank") > 0.0, "{name}");
            *finished.entry(name.clone()).or_insert(0) += usize::from(losses.len() == points);
            assert_eq!(records.get("nonzero_share_1").is_some(), layers > 0);
            // a loss that is not finite ends the run and is recorded
            let infinite = losses.iter().filter(|loss| !loss.is_finite()).count();
            assert!(infinite == 0 || matches!(status, Status::Overflowed { .. }) && infinite == 1, "{name}");
        }
        // a fresh data set for each seed, where data can be drawn
        let fresh = spec.seeded(true).prepare(&NoFiles).unwrap();
        let labels = |seed| fresh.data(seed).unwrap().train.y.clone();
        let drawn = matches!(spec.data, DataSpec::SparseRegression(_) | DataSpec::TeacherStudent(_));
        assert_eq!(labels(1) != labels(2), drawn, "{name}");
        let text = toml::to_string(&spec).unwrap();
        assert_eq!(toml::from_str::<Spec>(&text).unwrap(), spec, "{name} changes when it is written and read");
    }
    assert!(finished.values().all(|count| *count > 0), "{finished:?}");
}

/// All probes at once give what each gives alone, and the run goes on as if it had not been looked at.
#[test]
fn probes_agree_alone_and_together_and_do_not_disturb() {
    let prepared = experiment("teacher-3").prepare(&NoFiles).unwrap();
    let mut session = prepared.session(5).unwrap();
    session.advance(60);
    let together = session.measure(Probe::ALL);
    let alone: Vec<_> = Probe::ALL.iter().flat_map(|probe| session.measure(&[*probe])).collect();
    assert_eq!(format!("{together:?}"), format!("{alone:?}"));
    let names: Vec<&str> = together.iter().map(|(name, _)| name.as_ref()).collect();
    assert!(names.contains(&"feature_sparsity_2") && names.contains(&"dead_neurons_1"));
    let value = |name: &str| together.iter().find(|(found, _)| found == name).unwrap().1;
    assert!(value("feature_sparsity_1") <= value("nonzero_share_1") && value("effective_rank") <= value("rank"));
    let (iterations, small) = (value("sharpness_iterations"), value("small_columns"));
    assert!(value("sharpness_residual") <= 1e-9 * value("sharpness") && (2.0..=300.0).contains(&iterations));
    assert!((0.0..1.0).contains(&small), "{small}");
    assert!(
        value("batch_sharpness") > 0.0
            && value("gradient_weighted_batch_sharpness") > 0.0
            && value("column_norm_max") > 0.0
            && value("kinks").is_nan()
    );
    session.advance(40);
    let mut other = prepared.session_on(5, prepared.data(5).unwrap(), RecordPlan::default());
    other.advance(100);
    assert_eq!(session.theta(), other.theta());
}

/// What figures draw: the predictor on a grid with its kinks, and the neurons in the plane.
#[test]
fn sessions_show_their_predictor_kinks_and_neurons() {
    let prepared = experiment("relu-1d").prepare(&NoFiles).unwrap();
    let data = prepared.data(0).unwrap();
    let mut session = prepared.session(0).unwrap();
    let h = session.predict(&data.train.x).unwrap();
    let loss = h.iter().zip(&data.train.y).map(|(h, y)| (h - y) * (h - y)).sum::<f64>() / 12.0;
    let measured = session.measure(&[Probe::TrainLoss, Probe::Kinks]);
    assert!((loss / measured[0].1 - 1.0).abs() < 1e-13);
    let landscape = session.landscape();
    let kinks = landscape.kinks(session.theta(), 1e-3).unwrap();
    assert_eq!((kinks.len() as f64, landscape.layers()), (measured[1].1, vec![100]));
    // first weights are +-2.5 and biases 2.5 normal: the kinks lie at normal places, most of them in the data's range
    assert!((50..100).contains(&kinks.len()), "{}", kinks.len());

    let wrong = session.predict(&Matrix::zeros(3, 2)).unwrap_err().to_string();
    assert_eq!(wrong, "columns of x: found 2, expected 1");
    // the same as a series of rows
    let wide = Entry { steps: vec![0, 7], probes: vec![Probe::Predictor, Probe::Parameters, Probe::Neurons] };
    session = prepared.session_on(0, data.clone(), RecordPlan::new(&[wide], Vec::new()));
    session.advance(7);
    let records = session.records();
    let widths: Vec<usize> = records.series.iter().map(|series| series.width).collect();
    assert_eq!(widths, [401, 300, 100]);
    let last = session.predict(&predictor_grid(&data.train.x)).unwrap();
    assert_eq!(records.get("predictor").unwrap().row(1), last);
    assert_eq!(records.get("parameters").unwrap().row(1), session.theta());

    let prepared = experiment("teacher-2").prepare(&NoFiles).unwrap();
    let mut session = prepared.session(0).unwrap();
    let neurons = |session: &Session| session.landscape().neurons(session.theta()).unwrap();
    let before = neurons(&session);
    // output weights begin at 0
    assert!((before.rows(), before.cols()) == (20, 2) && before.as_slice().iter().all(|v| *v == 0.0));
    session.advance(100);
    assert!(neurons(&session).as_slice().iter().any(|v| *v != 0.0));
    assert!(session.landscape().kinks(session.theta(), 1e-3).is_none());
}

const NETWORK: &str = r#"
steps = 10
model.fully_connected = { hidden = [4], bias = [true, false] }
loss = "logistic"
data.file.path = "mine"
init = "he"
dynamics.sgd = {}
schedule.step_size = 0.1
"#;

/// Arrays that are said to be in any file.
struct Mine(&'static [f64]);

impl ArraySource for Mine {
    fn arrays(&self, _: &str) -> Result<BTreeMap<String, Array>, String> {
        let n = self.0.len();
        let x = Array { shape: vec![n, 2], values: (0..2 * n).map(|k| k as f64 / 10.0).collect() };
        let y = Array { shape: vec![n], values: self.0.to_vec() };
        Ok(BTreeMap::from([("x".to_string(), x), ("y".to_string(), y)]))
    }
}

fn refusal(text: &str, labels: &'static [f64]) -> String {
    toml::from_str::<Spec>(text).unwrap().prepare(&Mine(labels)).unwrap_err().to_string()
}

#[test]
fn logistic_networks_on_your_own_labels() {
    let prepared = toml::from_str::<Spec>(NETWORK).unwrap().prepare(&Mine(&[1.0, -1.0, 1.0])).unwrap();
    assert_eq!(prepared.session(1).unwrap().advance(10), Status::Finished);
    assert_eq!(
        refusal(NETWORK, &[1.0, 0.0]),
        "data: y = 0 at index 1, expected labels +1 and -1 for the logistic loss"
    );
    let noise = NETWORK.replace("sgd", "label_noise");
    assert_eq!(refusal(&noise, &[1.0, -1.0]), "dynamics.label_noise: the logistic loss, expected a square loss");
    let regression =
        NETWORK.replace("data.file.path = \"mine\"", "data.sparse_regression = { n = 5, d = 4, sparsity = 1 }");
    assert_eq!(
        refusal(&regression, &[]),
        "data: labels of a regression, expected labels +1 and -1 for the logistic loss"
    );
}

#[test]
fn bad_networks_are_named() {
    let with = |from: &str, to: &str| refusal(&NETWORK.replace(from, to), &[1.0, -1.0]);
    assert_eq!(with("[4]", "[4, 0]"), "model.fully_connected.hidden: 0, expected layers of at least one neuron");
    assert_eq!(
        with("[true, false]", "[true]"),
        "model.fully_connected.bias: 1 entries, expected 2, one per layer, the output's last"
    );
    assert_eq!(
        with("init = \"he\"", "init.layers.weights = [\"he\", { normal = -1.0 }]"),
        "init.layers.weights: -1, expected a scale of at least 0"
    );
    assert_eq!(
        with("model.fully_connected = { hidden = [4], bias = [true, false] }", "model = \"linear\""),
        "init: an initialization of layers, expected model.fully_connected to go with it"
    );
    let error = toml::from_str::<Spec>(&NETWORK.replace("[true, false]", "3")).unwrap_err().to_string();
    assert!(error.contains("one setting for all layers, or a list with one for each layer"), "{error}");
    for wrong in ["init.layers.weights = \"hee\"", "init.layers.weights = [\"he\", { hee = 2 }]"] {
        let error = toml::from_str::<Spec>(&NETWORK.replace("init = \"he\"", wrong)).unwrap_err().to_string();
        assert!(error.contains("unknown variant `hee`") && error.contains("framework_default"), "{error}");
    }
    let mut spec = experiment("teacher-2");
    let DataSpec::TeacherStudent(data) = &mut spec.data else { panic!() };
    data.teacher.given[0].weights[1].pop();
    assert_eq!(
        spec.prepare(&NoFiles).unwrap_err().to_string(),
        "data.teacher_student.teacher.given[0]: another shape, expected 3 lists of 2 weights and 0 biases"
    );
}

/// The steps at which the step sizes of the experiments are divided, as they were published: any change of these moves a
/// figure. In the order of the file: its own schedule, then those of its variants.
#[test]
fn experiments_decay_at_the_published_steps() {
    let decays: [(&str, u64, &[&[u64]]); 8] = [
        ("densenet-small", 2_000, &[&[], &[], &[200, 1_800], &[600, 1_800], &[1_000, 1_800]]),
        ("diagonal", 100_001, &[&[], &[], &[10_001], &[30_001], &[50_001]]),
        ("quadratic", 2_000, &[&[], &[], &[], &[]]),
        ("relu-1d", 31_623, &[&[632], &[632], &[15_811]]),
        ("sde", 10_000, &[&[]]),
        ("teacher-2", 14_126, &[&[], &[], &[1_412], &[4_237], &[7_063]]),
        ("teacher-3", 10_001, &[&[], &[], &[1_000], &[3_000], &[5_000]]),
        ("toy", 5_000, &[&[]]),
    ];
    let folder = format!("{}/../../experiments", env!("CARGO_MANIFEST_DIR"));
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), decays.len());
    for (name, steps, expected) in decays {
        let text = std::fs::read_to_string(format!("{folder}/{name}.toml")).unwrap();
        let spec: toml::Table = toml::from_str(&text).unwrap();
        let of = |table: &toml::Table| -> Option<ScheduleSpec> { table.get("schedule")?.clone().try_into().ok() };
        let variants = spec.get("variants").and_then(toml::Value::as_array).into_iter().flatten();
        let schedules = of(&spec).into_iter().chain(variants.filter_map(|variant| of(variant.as_table().unwrap())));
        let found: Vec<Vec<u64>> = schedules.map(|spec| spec.build(steps).unwrap().decay_steps()).collect();
        assert_eq!(found, expected, "{name}");
    }
}
