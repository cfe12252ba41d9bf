//! The figures with few seeds and short runs.

use stepwell::record::Records;
use stepwell::verdict::Comparison;

use super::*;
use crate::drive::ToTheEnd;
use crate::reproduce::experiment;
use crate::summary::Summary;

fn asked(figure: &str, seeds: u64) -> Asked {
    Asked { figure: figure.into(), seeds, fresh: false, relative: false }
}

fn short(figure: &str) -> Spec {
    let mut spec: Spec = toml::from_str(experiment(figure).unwrap()).unwrap();
    spec.steps = 1500;
    spec.record.points = 51;
    spec.record.first = 3;
    spec.record.rank_inputs = 20;
    spec.record.costly_seeds = 2;
    spec
}

/// The figure, once it is the same on one and on three threads, and its summary the same after JSON.
fn found(asked: &Asked) -> (Experiment, Published) {
    let spec = short(&asked.figure);
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| reproduce(asked.clone(), &spec, &ToTheEnd)).unwrap()
    };
    let (one, three) = (on(1), on(3));
    let text = |experiment: &Experiment| serde_json::to_string(&Summary::of(experiment, "0", "again")).unwrap();
    // NaN is not itself, its words are
    assert_eq!(text(&one), text(&three));
    assert_eq!(format!("{:?}", one.settings), format!("{:?}", three.settings));
    let again: Summary = serde_json::from_str(&text(&one)).unwrap();
    assert_eq!(serde_json::to_string(&again).unwrap(), text(&one));
    let Findings::Published(published) = one.findings.clone() else { panic!("{:?}", one.findings) };
    assert_eq!(&published.asked, asked);
    assert_eq!(published.variants.len(), one.settings.len());
    (one, published)
}

fn wide(records: &Records) -> Vec<(&str, usize, usize)> {
    let wide = records.series.iter().filter(|series| series.width != 1);
    wide.map(|series| (&series.name[..], series.width, series.steps.len())).collect()
}

#[test]
fn a_network_with_one_input_is_drawn_as_a_function() {
    let (experiment, published) = found(&asked("relu-1d", 3));
    assert!(!published.known);
    for (variant, setting) in published.variants.iter().zip(&experiment.settings) {
        let [first, others @ ..] = &setting.outcomes[..] else { panic!("three runs") };
        assert_eq!(wide(&first.records), [("predictor", 401, 6)]);
        assert_eq!(first.records.get("predictor").unwrap().steps, [1, 5, 23, 93, 375, 1500]);
        assert!(others.iter().all(|run| wide(&run.records).is_empty()));
        let shown = variant.shown.as_ref().unwrap();
        let (grid, kinks) = (shown.grid(), shown.kinks.as_ref().unwrap());
        assert_eq!((shown.seed, shown.data.len(), grid.len()), (1, 12, 401));
        assert!(grid[0] < shown.data[0].0 && shown.data[11].0 < grid[400]);
        assert!(!kinks.is_empty() && kinks.iter().all(|x| (shown.data[0].0..=shown.data[11].0).contains(x)));
        let names: Vec<&str> = variant.compared.iter().map(|compared| &compared.series[..]).collect();
        assert_eq!(names, ["train_loss", "nonzero_share_1", "feature_sparsity_1", "kinks", "rank"]);
        assert!(variant.compared.iter().all(|compared| compared.published_indices.is_none()));
    }
    let between = "decay at 2% → decay at 50%";
    assert_eq!(published.observations.iter().filter(|observation| observation.between == between).count(), 4);
}

#[test]
fn neurons_in_the_plane_are_drawn_as_paths() {
    let (experiment, published) = found(&asked("teacher-2", 3));
    for (variant, setting) in published.variants.iter().zip(&experiment.settings) {
        let shown = setting.shown().unwrap();
        let paths = shown.records.get("neurons").unwrap();
        assert_eq!((paths.width, paths.steps[1]), (40, 10));
        assert!(shown.diverged() || paths.steps.len() == 151);
        assert_eq!(variant.shown, Some(Shown { seed: shown.seed, data: Vec::new(), kinks: None }));
        // the middle of the phase is no recording point
        for run in &setting.outcomes {
            let looked_at = run.seed <= 2 && run.diverged_at().is_none_or(|step| step > setting.last_large / 2);
            let steps = run.records.get("bouncing").map(|bouncing| &bouncing.steps[..]);
            assert_eq!(steps, looked_at.then_some(&[setting.last_large / 2][..]));
        }
    }
    let first = &experiment.settings[0].outcomes[0].records;
    let names: Vec<&str> = first.series.iter().map(|series| &series.name[..]).collect();
    let recorded = ["train_loss", "test_loss", "nonzero_share_1", "feature_sparsity_1", "step_size", "rank"];
    assert_eq!(names[..6], recorded);
    assert_eq!(names[6..], ["bouncing", "neurons"]);
}

#[test]
fn published_runs_stand_beside_the_seeds() {
    let relative = Asked { fresh: true, relative: true, ..asked("diagonal", 2) };
    let (experiment, published) = found(&relative);
    let title = "Diagonal linear network, n = 80, d = 200, 2 fresh data sets, step sizes relative to thresholds";
    assert_eq!(experiment.title, title);
    assert!(published.known);
    assert_eq!(experiment.runs(), 12);
    for (variant, setting) in published.variants.iter().zip(&experiment.settings) {
        let run = setting.as_published.as_ref().unwrap();
        assert_eq!((run.unit, variant.relative), (1.0, true));
        assert!(setting.outcomes.iter().all(|run| run.unit != 1.0));
        // the published step sizes are drawn, those over seeds are in other units
        assert!(setting.timetable.as_ref().unwrap().line[0].1 < 0.3 && variant.step_size > 0.3);
        assert_eq!(variant.compared[0].published_indices, Some(Number(run.last("train_loss"))));
        assert_eq!((variant.compared.last().unwrap().series.as_str(), &variant.shown), ("rank", &None));
        assert_eq!(variant.compared.last().unwrap().verdict, Comparison::NotPublished);
    }
    assert!(published.variants[0].sensitivity.contracting);
}

#[test]
fn deep_students_are_not_drawn() {
    let (experiment, published) = found(&asked("teacher-3", 1));
    assert!(experiment.settings.iter().all(|setting| wide(&setting.outcomes[0].records).is_empty()));
    assert!(published.variants.iter().all(|variant| variant.shown.is_none()));
}

#[test]
fn no_seeds_are_no_figure() {
    let refused = reproduce(asked("diagonal", 0), &short("diagonal"), &ToTheEnd);
    assert!(matches!(refused, Err(LabError::Usage(_))));
}
