//! The program as its users meet it: files, interruptions, threads, pipes.

mod program;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use program::{names, run, stepwell};

fn succeeds(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

const SPEC: &str = r#"
steps = 20000
model = "diagonal_linear"
loss = "half_mean_square"
[data.sparse_regression]
n = 20
d = 40
sparsity = 3
test = 50
[init.diagonal]
u = 0.1
v = 0.0
[dynamics.sgd]
[schedule]
step_size = 0.1
decay = [{ after = 0.5, divide_by = 4.0 }]
[record]
probes = ["train_loss", "test_loss", "gradient_norm", "parameter_norm", "nonzero", "target_distance", "sharpness", "gradient_square", "step_size"]
costly = ["rank"]
"#;

fn with_spec() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("spec.toml"), SPEC).unwrap();
    folder
}

const RUN_FILES: [&str; 7] =
    ["figure.png", "figure.svg", "parameters.safetensors", "records.csv", "run.toml", "sha256sums.txt", "summary.json"];

#[test]
fn a_run_leaves_its_files_and_its_resolved_spec_makes_them_again() {
    let folder = with_spec();
    let out = succeeds(folder.path(), &["run", "spec.toml", "--seed", "3", "--out", "a"]);
    assert!(out.contains("sharpness") && out.contains("time "), "{out}");
    assert_eq!(names(&folder.path().join("a")), RUN_FILES);
    succeeds(folder.path(), &["run", "a/run.toml", "--seed", "3", "--out", "b"]);
    for name in RUN_FILES {
        let read = |run: &str| fs::read(folder.path().join(run).join(name)).unwrap();
        assert!(read("a") == read("b"), "{name} differs");
    }
    let csv = fs::read_to_string(folder.path().join("a/records.csv")).unwrap();
    assert!(csv.starts_with("run,seed,step,series,value\nrun,3,0,train_loss,"), "{}", &csv[..60]);
    assert!(csv.contains("\nrun,3,20000,train_loss,"), "the end is recorded too");
}

#[test]
fn a_folder_of_another_run_is_left_alone() {
    let folder = with_spec();
    let quick = ["--set", "steps=50", "--out", "a"];
    succeeds(folder.path(), &[&["run", "spec.toml"], &quick[..]].concat());
    let before = fs::read(folder.path().join("a/records.csv")).unwrap();
    let other = run(folder.path(), &[&["run", "spec.toml", "--seed", "2"], &quick[..]].concat());
    assert_eq!(other.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&other.stderr).contains("--overwrite"));
    assert_eq!(fs::read(folder.path().join("a/records.csv")).unwrap(), before);
    succeeds(folder.path(), &[&["run", "spec.toml", "--seed", "2", "--overwrite"], &quick[..]].concat());
    assert_ne!(fs::read(folder.path().join("a/records.csv")).unwrap(), before);
}

/// What stepwell did not make is neither deleted nor overwritten, whatever its name.
#[test]
fn a_folder_of_somebody_else_is_left_alone() {
    let folder = with_spec();
    let at = folder.path();
    let theirs = [
        "runs/exp1/events",
        "runs/00000/model",
        "checkpoint.safetensors",
        "records.csv",
        "summary.json",
        "outcomes.bin",
    ];
    for file in theirs {
        let path = at.join("theirs").join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "precious").unwrap();
    }
    fs::write(at.join("sweep.toml"), "base = \"spec.toml\"\nset = { steps = 50 }\nseeds = 2\n").unwrap();
    for command in [
        &["run", "spec.toml", "--set", "steps=50"][..],
        &["run", "spec.toml", "--set", "steps=50", "--overwrite"],
        &["sweep", "run", "sweep.toml"],
        &["reproduce", "quadratic", "--seeds", "2"],
        &["phase", "spec.toml", "--set", "steps=50", "--seeds", "2", "--step-sizes", "0.1:0.2:2"],
        &["advise", "spec.toml", "--set", "steps=50"],
    ] {
        let refused = run(at, &[command, &["--out", "theirs"]].concat());
        let said = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(2), "{command:?}: {said}");
        assert!(said.contains("did not write there"), "{said}");
    }
    // beside results of ours, too
    succeeds(at, &["run", "spec.toml", "--set", "steps=50", "--out", "ours"]);
    fs::create_dir_all(at.join("ours/runs/exp1")).unwrap();
    fs::create_dir_all(at.join("ours/runs/00000")).unwrap();
    for file in ["runs/exp1/events", "runs/00000/model", "checkpoint.safetensors"] {
        fs::write(at.join("ours").join(file), "precious").unwrap();
    }
    succeeds(at, &["run", "spec.toml", "--set", "steps=60", "--seeds", "2", "--overwrite", "--out", "ours"]);
    for (place, files) in [("theirs", &theirs[..]), ("ours", &theirs[..3])] {
        for file in files {
            assert_eq!(fs::read(at.join(place).join(file)).unwrap(), b"precious", "{place}/{file}");
        }
    }
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_keeps_its_records_and_resumes_to_the_same_bytes() {
    let folder = with_spec();
    let long = ["run", "spec.toml", "--set", "steps=6000000", "--set", "record.points=2000", "--seeds", "2"];
    let child = stepwell(folder.path(), &[&long[..], &["--out", "a"]].concat())
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // run.toml is there when runs begin
    while !folder.path().join("a/run.toml").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(400));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stderr).contains("goes on"));
    assert_eq!(names(&folder.path().join("a")), ["records.csv", "run.toml", "runs", "summary.json"]);
    let kept = fs::read_to_string(folder.path().join("a/records.csv")).unwrap();
    assert!(kept.ends_with('\n') && kept.lines().count() > 100);
    assert!(kept.lines().skip(1).all(|line| line.rsplit(',').next().unwrap().parse::<f64>().is_ok()));
    succeeds(folder.path(), &[&long[..], &["--out", "a", "--resume"]].concat());
    succeeds(folder.path(), &[&long[..], &["--out", "b"]].concat());
    assert_eq!(names(&folder.path().join("a")), RUN_FILES);
    for name in RUN_FILES {
        let read = |run: &str| fs::read(folder.path().join(run).join(name)).unwrap();
        assert!(read("a") == read("b"), "{name} differs");
    }
}

/// Killed, stopped and interrupted again and again, it gets ahead from checkpoint to checkpoint, to the same bytes.
#[cfg(unix)]
#[test]
fn a_long_run_goes_on_from_its_checkpoint() {
    let folder = with_spec();
    let at = folder.path();
    let long = ["run", "spec.toml", "--set", "steps=8000000", "--set", "dynamics.sgd.indices.numpy_legacy=3"];
    succeeds(at, &[&long[..], &["--out", "whole"]].concat());
    let step = || {
        let bytes = fs::read(at.join("a/checkpoint.safetensors")).ok()?;
        let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
        let words = &header.metadata().as_ref().unwrap()["stepwell"];
        words.lines().find_map(|line| line.strip_prefix("step="))?.parse::<u64>().ok()
    };
    let mut last = None;
    for (signal, expected) in [("-KILL", None), ("-TERM", Some(75)), ("-KILL", None), ("-INT", Some(130))] {
        let mut child = stepwell(at, &[&long[..], &["--out", "a"]].concat());
        let mut child = child.env("STEPWELL_CHECKPOINT_EVERY", "0.01").spawn().unwrap();
        while step() <= last && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(2));
        }
        let locked = run(at, &[&long[..], &["--out", "a"]].concat());
        assert_eq!(locked.status.code(), Some(5), "{}", String::from_utf8_lossy(&locked.stderr));
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        assert_eq!(child.wait_with_output().unwrap().status.code(), expected, "{signal} at {:?}", step());
        assert!(step() > last && step() < Some(8_000_000), "{:?} after {last:?}", step());
        last = step();
    }
    succeeds(at, &[&long[..], &["--out", "a", "--resume"]].concat());
    assert_eq!(names(&at.join("a")), RUN_FILES);
    for name in RUN_FILES {
        let read = |run: &str| fs::read(at.join(run).join(name)).unwrap();
        assert!(read("a") == read("whole"), "{name} differs");
    }
    // what is complete is not computed again
    let again = run(at, &[&long[..], &["--out", "a", "--resume"]].concat());
    assert!(String::from_utf8_lossy(&again.stdout).contains("nothing was computed"));
    // of another run, or damaged: no use, said so
    for bytes in [&b"damaged"[..], &fs::read(at.join("a/parameters.safetensors")).unwrap()] {
        fs::write(at.join("a/checkpoint.safetensors"), bytes).unwrap();
        let anew = run(at, &["run", "spec.toml", "--set", "steps=50", "--out", "a", "--overwrite"]);
        assert!(anew.status.success() && !at.join("a/checkpoint.safetensors").exists());
    }
}

#[test]
fn threads_do_not_change_a_byte() {
    let folder = with_spec();
    for jobs in ["1", "2", "4"] {
        succeeds(
            folder.path(),
            &["run", "spec.toml", "--seeds", "7", "--set", "steps=2000", "--jobs", jobs, "--out", jobs],
        );
    }
    for name in RUN_FILES {
        let read = |jobs: &str| fs::read(folder.path().join(jobs).join(name)).unwrap();
        assert!(read("1") == read("2") && read("1") == read("4"), "{name} differs");
    }
}

#[test]
fn every_simd_level_gives_the_same_bytes() {
    let folder = with_spec();
    let mut found = Vec::new();
    for level in ["sse2", "avx2", "avx512"] {
        let arguments = ["run", "spec.toml", "--set", "steps=2000", "--out", level];
        let output = stepwell(folder.path(), &arguments).env("STEPWELL_SIMD", level).output().unwrap();
        if output.status.success() {
            found.push(fs::read(folder.path().join(level).join("records.csv")).unwrap());
        } else {
            // this processor lacks it: said so, not ignored
            assert_eq!(output.status.code(), Some(2));
            assert!(String::from_utf8_lossy(&output.stderr).contains("STEPWELL_SIMD"));
        }
    }
    assert!(found.iter().all(|bytes| *bytes == found[0]) && !found.is_empty());
}

#[test]
fn a_diverged_run_is_a_result() {
    let folder = with_spec();
    let large = ["run", "spec.toml", "--set", "schedule.step_size=5.0", "--json"];
    let summary: Value = serde_json::from_str(&succeeds(folder.path(), &large)).unwrap();
    assert_eq!(summary["settings"][0]["diverged"]["hits"], 1);
    assert_eq!(summary["settings"][0]["runs"][0]["status"], "diverged");
    let strict = run(folder.path(), &[&large[..], &["--fail-on-diverge"]].concat());
    assert_eq!(strict.status.code(), Some(1));
}

/// One line says so, with what helps; the figure says what it draws, and marks no decay that no run came to.
#[test]
fn runs_that_all_diverged_say_so_in_one_line() {
    let folder = with_spec();
    let large = ["--set", "schedule.step_size=2", "--set", "steps=2000"];
    let out = succeeds(folder.path(), &[&["run", "spec.toml", "--seeds", "7", "--out", "a"], &large[..]].concat());
    let line =
        out.lines().find(|line| line.contains("7 of 7 diverged, median step ")).unwrap_or_else(|| panic!("{out}"));
    assert!(line.ends_with("; `stepwell advise spec.toml --set steps=2000` finds a step size"), "{line}");
    let figure = fs::read_to_string(folder.path().join("a/figure.svg")).unwrap();
    assert!(
        figure.contains(": their start is drawn")
            && figure.contains("thick: median of all seeds until the first diverges")
    );
    assert!(!figure.contains("did not diverge") && !figure.contains("the step size is divided"));
    let fine = succeeds(folder.path(), &["run", "spec.toml", "--set", "steps=2000", "--out", "b"]);
    assert!(!fine.contains("stepwell advise"), "{fine}");
    assert!(fs::read_to_string(folder.path().join("b/figure.svg")).unwrap().contains("the step size is divided"));
}

#[test]
fn a_network_is_measured_layer_by_layer() {
    let folder = with_spec();
    let spec = r#"
steps = 200
model.fully_connected = { hidden = [6, 4], bias = true }
loss = "half_mean_square"
init = "he"
dynamics.mini_batch = { size = 4, rule = "epochs" }
data.sparse_regression = { n = 20, d = 3, sparsity = 1, test = 10 }
schedule.step_size = 0.05
record.probes = ["train_loss", "feature_sparsity", "nonzero_share"]
"#;
    fs::write(folder.path().join("network.toml"), spec).unwrap();
    let out = succeeds(folder.path(), &["run", "network.toml", "--seeds", "3"]);
    assert!(out.contains("feature sparsity, layer 2") && out.contains("non-zero activations, layer 1"), "{out}");
    let logistic = run(folder.path(), &["run", "network.toml", "--set", "loss=logistic", "--out", "b"]);
    assert_eq!(logistic.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&logistic.stderr).contains("labels +1 and -1"));
}

/// A network with one input leaves its function on a grid, and its kinks with their places.
#[test]
fn a_network_with_one_input_leaves_its_predictor() {
    let folder = tempfile::tempdir().unwrap();
    let spec = r#"
steps = 300
model.fully_connected = { hidden = [9], bias = [true, false] }
loss = "mean_square"
data.grid_1d = { step = 0.25, offset = 0.1, y = [0, 1, 0, -1] }
init = "he"
dynamics.sgd = {}
schedule.step_size = 0.01
record.probes = ["train_loss", "kinks"]
"#;
    fs::write(folder.path().join("spec.toml"), spec).unwrap();
    let out = succeeds(folder.path(), &["run", "spec.toml", "--seeds", "2", "--out", "a"]);
    assert!(out.contains("predictor.csv"), "{out}");
    let csv = fs::read_to_string(folder.path().join("a/predictor.csv")).unwrap();
    assert_eq!((csv.lines().next(), csv.lines().count()), (Some("run,seed,x,h"), 1 + 2 * 401));
    let places = fs::read_to_string(folder.path().join("a/kinks.csv")).unwrap();
    assert_eq!(places.lines().next(), Some("run,seed,x"));
    for seed in [",1,", ",2,"] {
        let kinks: Vec<f64> = places.lines().filter_map(|line| line.split_once(seed)?.1.parse().ok()).collect();
        assert!(kinks.is_sorted() && (1..=9).contains(&kinks.len()), "{kinks:?}");
        // between the kinks the function on the grid is straight, across one it is not
        let of_seed = |line: &&str| line.starts_with(&format!("run{seed}"));
        let points: Vec<[f64; 2]> = csv
            .lines()
            .filter(of_seed)
            .map(|line| line.split(',').skip(2).map(|v| v.parse().unwrap()).collect::<Vec<f64>>().try_into().unwrap())
            .collect();
        assert_eq!(points.len(), 401);
        let (low, high) = (points[21][0], points[379][0]);
        for three in points.windows(3).filter(|three| low < three[0][0] && three[2][0] < high) {
            let bent = (three[0][1] - 2.0 * three[1][1] + three[2][1]).abs() > 1e-9;
            let near = kinks.iter().any(|x| three[0][0] - 2e-3 < *x && *x < three[2][0] + 2e-3);
            assert!(!bent || near, "bent at {} without a kink in {kinks:?}", three[1][0]);
        }
    }
}

#[test]
fn every_experiment_parses_and_runs() {
    let experiments = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments");
    let folder = tempfile::tempdir().unwrap();
    let mut count = 0;
    for entry in fs::read_dir(experiments).unwrap() {
        let path = entry.unwrap().path();
        let name = path.to_str().unwrap();
        if fs::read_to_string(&path).unwrap().contains("[network]") {
            let refused = run(folder.path(), &["run", name]);
            assert!(String::from_utf8_lossy(&refused.stderr).contains("`stepwell train` runs it"));
            continue;
        }
        succeeds(folder.path(), &["spec", "check", name]);
        succeeds(
            folder.path(),
            &["run", name, "--set", "steps=100", "--out", path.file_stem().unwrap().to_str().unwrap()],
        );
        count += 1;
    }
    assert!(count >= 3);
}

#[test]
fn the_first_figure_with_two_seeds() {
    let folder = tempfile::tempdir().unwrap();
    let out = succeeds(folder.path(), &["reproduce", "diagonal", "--seeds", "2", "--json"]);
    let summary: Value = serde_json::from_str(&out).unwrap();
    let variants = &summary["findings"]["variants"];
    for (probe, published) in [("train_loss", 1.421_616_287_399_531_4e-6), ("test_loss", 3.528_621_943_603_826e-3)] {
        let compared = variants[0]["compared"].as_array().unwrap().iter().find(|one| one["series"] == probe).unwrap();
        let found = compared["published_indices"].as_f64().unwrap();
        assert!((found / published - 1.0).abs() < 1e-11, "{probe}: {found:e}");
        assert_eq!(compared["published"].as_f64(), Some(published));
    }
    assert_eq!((variants.as_array().unwrap().len(), summary["settings"].as_array().unwrap().len()), (4, 4));
    assert_eq!(variants[0]["sensitivity"]["contracting"], true);
    assert_eq!(variants[1]["sensitivity"]["contracting"], false);
    let results = folder.path().join("results/diagonal");
    assert_eq!(
        names(&results),
        ["diagonal.png", "diagonal.svg", "records.csv", "run.toml", "sha256sums.txt", "summary.json"]
    );
    assert!(fs::read(results.join("diagonal.png")).unwrap().starts_with(b"\x89PNG"));
    assert!(fs::read_to_string(results.join("diagonal.svg")).unwrap().contains("Non-zero coordinates"));
}

#[test]
fn closed_forms_hold_in_the_small_figures() {
    let folder = tempfile::tempdir().unwrap();
    let quadratic: Value =
        serde_json::from_str(&succeeds(folder.path(), &["reproduce", "quadratic", "--seeds", "10", "--json"])).unwrap();
    let settings = quadratic["settings"].as_array().unwrap();
    let diverged: Vec<&Value> = settings.iter().map(|setting| &setting["diverged"]["hits"]).collect();
    assert_eq!(diverged, [0, 0, 10]);
    for regime in quadratic["findings"]["regimes"].as_array().unwrap() {
        assert!(regime["largest_error"].as_f64().unwrap() < 1e-9 && regime["finding"] == "holds", "{regime}");
    }
    let toy: Value =
        serde_json::from_str(&succeeds(folder.path(), &["reproduce", "toy", "--seeds", "10", "--json"])).unwrap();
    assert_eq!(toy["findings"]["checks"].as_array().unwrap().len(), 9);
    for check in toy["findings"]["checks"].as_array().unwrap() {
        assert_eq!(check["finding"], "holds", "{check}");
    }
}

/// The calibrated equation has SGD's distribution up to sampling; the one as written has another.
#[test]
fn the_calibrated_equation_is_close_to_sgd_and_the_one_as_written_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let sde: Value =
        serde_json::from_str(&succeeds(folder.path(), &["reproduce", "sde", "--seeds", "12", "--json"])).unwrap();
    let distance = |run: usize| sde["findings"]["laws"][run]["sliced_wasserstein"].as_f64().unwrap();
    assert!(distance(3) > 2.0 * distance(1) && distance(3) > 2.0 * distance(2), "{sde}");
}

#[test]
fn all_claims_are_as_documented() {
    let folder = tempfile::tempdir().unwrap();
    let claims: Value = serde_json::from_str(&succeeds(folder.path(), &["verify", "--json"])).unwrap();
    assert!(claims.as_array().unwrap().len() >= 40);
    for claim in claims.as_array().unwrap() {
        assert_eq!(claim["verdict"], claim["expected"], "{claim}");
    }
    // every claim has its line in the documentation, and the documentation names no other
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/theory.md")).unwrap();
    for claim in claims.as_array().unwrap() {
        assert!(page.contains(&format!("`{}`", claim["claim"].as_str().unwrap())), "{claim} is not in docs/theory.md");
    }
}

/// The three observations of the paper come with their evidence, and the recorded values with their published ones.
#[test]
fn relu_figures_compare_with_what_was_published() {
    let folder = tempfile::tempdir().unwrap();
    for (figure, seeds, series) in [("teacher-2", "12", "test_loss"), ("teacher-3", "2", "feature_sparsity_2")] {
        let out = succeeds(folder.path(), &["reproduce", figure, "--seeds", seeds, "--json"]);
        let summary: Value = serde_json::from_str(&out).unwrap();
        for setting in summary["settings"].as_array().unwrap() {
            assert!(setting["final"][series]["p10"].is_number() || setting["diverged"]["hits"] == 12, "{setting}");
        }
        for variant in summary["findings"]["variants"].as_array().unwrap() {
            let compared = &variant["compared"][0];
            assert!(compared["series"] == "train_loss" && compared["published"].is_number(), "{variant}");
        }
        let observations = summary["findings"]["observations"].as_array().unwrap();
        assert!(observations.iter().any(|o| o["statement"].as_str().unwrap().contains("rank")), "{summary}");
        assert!(folder.path().join(format!("results/{figure}/{figure}.png")).exists());
    }
}

/// A run made elsewhere is replayed from its data, initial parameters and sample indices.
#[test]
fn a_run_made_elsewhere_is_replayed_from_files() {
    let folder = with_spec();
    let write = |name: &str, shape: &[u64], values: &[f64]| {
        let file = fs::File::create(folder.path().join(name)).unwrap();
        let mut writer = npyz::WriteOptions::new().default_dtype().shape(shape).writer(file).begin_nd().unwrap();
        writer.extend(values.iter().copied()).unwrap();
        writer.finish().unwrap();
    };
    use npyz::WriterBuilder;
    fs::create_dir(folder.path().join("data")).unwrap();
    write("data/x.npy", &[2, 1], &[1.0, 2.0]);
    write("data/y.npy", &[2], &[3.0, 0.0]);
    write("start.npy", &[1], &[0.5]);
    write("indices.npy", &[3], &[1.0, 0.0, 1.0]);
    let spec = r#"
steps = 3
model = "linear"
loss = "half_mean_square"
data.file.path = "data"
init.file.path = "start.npy"
dynamics.sgd.indices.file.path = "indices.npy"
schedule.step_size = 0.25
record.probes = ["parameter_norm"]
"#;
    fs::write(folder.path().join("replay.toml"), spec).unwrap();
    succeeds(folder.path(), &["run", "replay.toml", "--out", "replay"]);
    // b <- b - eta (b x - y) x by hand: 0.5, 0.5 - 0.25 (1 - 0) 2 = 0, 0 + 0.25 (3) = 0.75, 0.75 - 0.25 (1.5) 2 = 0
    let csv = fs::read_to_string(folder.path().join("replay/records.csv")).unwrap();
    let values: Vec<&str> = csv.lines().skip(1).map(|line| line.rsplit(',').next().unwrap()).collect();
    assert_eq!(values, ["0.5", "0.0", "0.75", "0.0"]);
    for (bad, message) in [
        ("init.file.path = \"indices.npy\"", "3 numbers, expected 1"),
        ("dynamics.sgd.indices.file.path = \"start.npy\"", "1 indices, expected 3"),
    ] {
        let key = bad.split(' ').next().unwrap();
        let line = spec.lines().find(|line| line.starts_with(key)).unwrap();
        fs::write(folder.path().join("bad.toml"), spec.replace(line, bad)).unwrap();
        let output = run(folder.path(), &["run", "bad.toml", "--out", "bad"]);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{error}");
        assert!(error.contains(message), "{error}");
        assert!(!folder.path().join("bad").exists());
    }
}

#[cfg(unix)]
#[test]
fn a_closed_pipe_is_no_error() {
    let folder = with_spec();
    let mut child = stepwell(folder.path(), &["spec", "schema"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn schema_and_completions_are_printed() {
    let folder = tempfile::tempdir().unwrap();
    let schema: Value = serde_json::from_str(&succeeds(folder.path(), &["spec", "schema"])).unwrap();
    assert!(schema["properties"]["schedule"].is_object());
    for shell in ["bash", "zsh", "fish"] {
        assert!(succeeds(folder.path(), &["completions", shell]).contains("reproduce"));
    }
}

#[test]
fn output_that_is_no_terminal_has_no_colors() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["run", "nothing.toml"]);
    assert!(!output.stderr.contains(&0x1b));
}
