//! Folders in all states, claimed in all ways.

use std::fs;
use std::path::Path;

use stepwell::probe::Probe;
use stepwell::record::Entry;
use stepwell::spec::{NoFiles, Spec};
use stepwell_lab::drive::{Job, ToTheEnd, ensemble};
use stepwell_lab::experiment::Experiment;
use stepwell_lab::findings::Findings;
use stepwell_lab::setting::Setting;

use super::*;
use crate::error::Kind as ErrorKind;

const SPEC: &str = "steps = 40\nmodel = 'diagonal_linear'\nloss = 'half_mean_square'\n\
    data.sparse_regression = { n = 5, d = 4, sparsity = 1, test = 5 }\ninit.diagonal = { u = 0.1, v = 0.0 }\n\
    dynamics.sgd = {}\nschedule.step_size = 0.1\n";

fn heading(seeds: u64) -> Heading {
    Heading::new(Kind::Run, format!("{seeds} seeds"), "stepwell run -".into(), Vec::new(), SPEC.into())
}

/// Three seeds, one of which diverges at once, with a series of rows and a published run.
fn experiment() -> Experiment {
    let prepared = Spec::from_toml(SPEC).unwrap().prepare(&NoFiles).unwrap();
    let rows = Entry { steps: vec![0, 20, 40], probes: vec![Probe::Parameters] };
    let job = |seed| Job::of_seed("a \"b\", c", &prepared, seed, prepared.record_plan(true).with(rows.clone()));
    let jobs: Vec<Job<'_>> = (1..=3).map(job).collect();
    let mut outcomes = ensemble(&jobs, &ToTheEnd).unwrap();
    outcomes[1].status = stepwell::run::Status::Overflowed { step: 7 };
    outcomes[1].divergence = Some(stepwell::verdict::Divergence { step: 7, by: stepwell::verdict::Sign::Overflow });
    outcomes[1].end.clear();
    let mut setting = Setting::new("a \"b\", c", &prepared, outcomes);
    setting.as_published = setting.outcomes.first().cloned();
    Experiment {
        title: "three".into(),
        settings: vec![setting],
        findings: Findings::Runs,
        step_size_unit: None,
        notes: Vec::new(),
    }
}

fn filled(path: &Path, seeds: u64) {
    let folder = RunFolder::claim(path, &heading(seeds), Claim::New).unwrap();
    folder.write_experiment(&experiment(), "stepwell run -", Format::Csv).unwrap();
    folder.write("figure.svg", b"<svg").unwrap();
    folder.finish().unwrap();
}

fn kind(result: Result<RunFolder, StoreError>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind)
}

#[test]
fn an_experiment_comes_back() {
    let root = tempfile::tempdir().unwrap();
    // ends are a map in the summary
    let text = |experiment: &Experiment| {
        let mut experiment = experiment.clone();
        let setting = &mut experiment.settings[0];
        for run in setting.as_published.iter_mut().chain(&mut setting.outcomes) {
            run.end.sort_by_key(|(name, _)| name.to_string());
        }
        format!("{experiment:?}")
    };
    for (name, format) in [("csv", Format::Csv), ("parquet", Format::Parquet)] {
        let folder = RunFolder::claim(&root.path().join(name), &heading(3), Claim::New).unwrap();
        let written = experiment();
        folder.write_experiment(&written, "stepwell run -", format).unwrap();
        assert!(folder.at_hand().unwrap().is_none());
        folder.finish().unwrap();
        let (found, read) = read(folder.path(), false).unwrap();
        assert!(found == heading(3) && text(&read) == text(&written));
        assert!(text(&folder.at_hand().unwrap().unwrap()) == text(&written));
    }
}

#[test]
fn folders_are_claimed_for_one_question() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    let claim = |name: &str, seeds, claim| RunFolder::claim(&at(name), &heading(seeds), claim);
    assert_eq!(kind(claim("nothing", 3, Claim::Resume)), Some(ErrorKind::Usage));
    filled(&at("ours"), 3);
    let first = claim("ours", 3, Claim::New).unwrap();
    assert!(first.at_hand().unwrap().is_some());
    for how in [Claim::New, Claim::Resume, Claim::Overwrite] {
        assert_eq!(kind(claim("ours", 3, how)), Some(ErrorKind::Locked));
    }
    drop(first);
    let refused = claim("ours", 4, Claim::New).err().unwrap();
    assert!(refused.message.contains("other seeds or options") && refused.message.contains("--overwrite"), "{refused}");
    assert_eq!(kind(claim("ours", 4, Claim::Resume)), Some(ErrorKind::Usage));
    assert!(claim("ours", 3, Claim::Resume).unwrap().at_hand().unwrap().is_some());
    let other = Heading { kind: Kind::Phase, ..heading(3) };
    assert_eq!(kind(RunFolder::claim(&at("ours"), &other, Claim::Further)), Some(ErrorKind::Usage));

    // what is not as it was written, or not ours, stays
    fs::write(at("ours/notes.txt"), "mine").unwrap();
    fs::write(at("ours/figure.svg"), "changed by hand").unwrap();
    fs::write(at("ours/outcomes.bin"), "mine").unwrap();
    let taken = claim("ours", 4, Claim::Overwrite).unwrap();
    assert!(taken.at_hand().unwrap().is_none());
    for (name, there) in [
        ("notes.txt", true),
        ("figure.svg", true),
        ("outcomes.bin", true),
        ("records.csv", false),
        ("summary.json", false),
    ] {
        assert_eq!(at("ours").join(name).exists(), there, "{name}");
    }
    drop(taken);
    // the same question once more, from the beginning
    for _ in 0..2 {
        let again = claim("ours", 4, Claim::Overwrite).unwrap();
        again.write_experiment(&experiment(), "stepwell run -", Format::Parquet).unwrap();
        again.finish().unwrap();
        assert_eq!(read(again.path(), false).unwrap().0, heading(4));
    }
    // what an interrupted call with another format left is not read
    fs::write(at("ours/records.csv"), "run,seed\n").unwrap();
    assert!(read(&at("ours"), false).is_ok());
    assert!(claim("ours", 4, Claim::New).is_ok(), "an interrupted call is made again");
    assert!(claim("ours", 5, Claim::Further).is_ok(), "another question of the same command");
}

#[test]
fn folders_of_others_are_refused_and_older_ones_told() {
    let root = tempfile::tempdir().unwrap();
    for (k, (files, words)) in [
        (&[("notes.txt", "x")][..], "did not write there"),
        (&[("run.toml", "steps = 3\n")], "did not write there"),
        (&[("outcomes.bin", "x")], "did not write there"),
        (&[("trials.tsv", "a\tb\n")], "did not write there"),
        (&[("run.toml", "# stepwell 0.1.0; seed 1, 3 seeds\nsteps = 3\n")], "earlier version"),
        (&[("plan.toml", "# A frozen plan. It is")], "earlier version"),
        (&[("trials.tsv", "0a\tconverges\tfalling\n")], "earlier version"),
        (&[("spec.toml", ""), ("records.csv", ""), ("summary.json", "{\"version\": 1}")], "earlier version"),
        (&[("spec.toml", ""), ("phase.json", "{}")], "earlier version"),
        (&[("advised.toml", ""), ("advice.json", "{}")], "earlier version"),
    ]
    .into_iter()
    .enumerate()
    {
        let folder = root.path().join(k.to_string());
        fs::create_dir(&folder).unwrap();
        for (name, text) in files {
            fs::write(folder.join(name), text).unwrap();
        }
        for claim in [Claim::New, Claim::Resume, Claim::Further, Claim::Overwrite] {
            let refused = RunFolder::claim(&folder, &heading(3), claim).err().unwrap();
            let nothing = claim == Claim::Resume && refused.message.contains("nothing to resume");
            assert!(nothing || refused.message.contains(words), "{files:?}: {refused}");
        }
        for (name, text) in files {
            assert_eq!(fs::read_to_string(folder.join(name)).unwrap(), *text);
        }
    }
}

#[test]
fn damage_and_interruptions_are_told() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("a");
    filled(&path, 3);
    for name in ["records.csv", "summary.json", "snapshots.safetensors", "figure.svg", "run.toml"] {
        let good = fs::read(path.join(name)).unwrap();
        let mut bad = good.clone();
        *bad.last_mut().unwrap() ^= 1;
        fs::write(path.join(name), &bad).unwrap();
        let told = read(&path, false).err().unwrap();
        assert!(told.kind == ErrorKind::Corrupt && told.message.contains(name), "{told}");
        fs::write(path.join(name), &good).unwrap();
    }
    assert!(read(&path, false).is_ok());
    fs::remove_file(path.join("sha256sums.txt")).unwrap();
    let told = read(&path, false).err().unwrap();
    assert!(told.message.contains("--partial"), "{told}");
    assert!(read(&path, true).unwrap().1.notes[0].contains("had not ended"));
    for name in ["records.csv", "summary.json"] {
        fs::remove_file(path.join(name)).unwrap();
    }
    assert!(read(&path, true).unwrap().1.settings.is_empty());
}
