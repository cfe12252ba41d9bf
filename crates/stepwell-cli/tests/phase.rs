//! Phase diagrams and advice as their users meet them, on a problem small enough for a test.

mod program;

use std::fs;
use std::path::Path;

use serde_json::Value;

use program::{run, stepwell};

const SPEC: &str = r#"
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

fn json(folder: &Path, arguments: &[&str]) -> Value {
    let output = run(folder, &[arguments, &["--json"]].concat());
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn with_spec() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("spec.toml"), SPEC).unwrap();
    folder
}

/// Small steps converge, the largest of the range diverge, and the thresholds lie in the order that theory gives them.
#[test]
fn a_phase_diagram_goes_from_convergence_to_divergence() {
    let folder = with_spec();
    let arguments = ["phase", "spec.toml", "--seeds", "8", "--out", "a"];
    let found = json(folder.path(), &arguments);
    let points = found["points"].as_array().unwrap();
    assert!((12..=24).contains(&points.len()), "{}", points.len());
    let hits = |point: &Value, fate: &str| point["shares"][fate]["hits"].as_u64().unwrap();
    let (first, last) = (&points[0], points.last().unwrap());
    assert_eq!((hits(first, "converges"), hits(last, "diverges")), (8, 8));
    for point in points {
        let all: u64 = ["converges", "stabilizes", "diverges", "undecided"].iter().map(|fate| hits(point, fate)).sum();
        assert_eq!(all, 8);
    }
    assert!(first["lyapunov"].as_f64().unwrap() < 0.0 && first["final"]["test_loss"]["median"].as_f64().is_some());
    let small = &found["thresholds"]["small_steps"];
    let (mean_square, gradient_descent) =
        (small["mean_square"].as_f64().unwrap(), small["gradient_descent"].as_f64().unwrap());
    assert!(mean_square < gradient_descent);
    // below the mean-square threshold where small steps lead to, SGD that starts near zero finds its way
    assert!(first["step_size"].as_f64().unwrap() < mean_square);
    for name in ["phase.svg", "phase.png", "phase.json", "spec.toml"] {
        assert!(folder.path().join("a").join(name).exists(), "{name}");
    }
    // the same on one thread
    let again = json(folder.path(), &[&arguments[..5], &["b", "--jobs", "1"]].concat());
    assert_eq!(found, again);
}

/// Interrupted or killed, the same call computes no finished run again and gives the same answer.
#[cfg(unix)]
#[test]
fn what_was_finished_is_kept() {
    let folder = with_spec();
    let at = folder.path();
    let call = |out| ["phase", "spec.toml", "--seeds", "30", "--set", "steps=40000", "--out", out];
    let expected = json(at, &call("whole"));
    let lines = |out: &str| {
        let text = fs::read_to_string(at.join(out).join("trials.tsv")).unwrap_or_default();
        text.lines().map(str::to_string).collect::<std::collections::BTreeSet<_>>()
    };
    let mut before = 0;
    for (name, code) in [("-KILL", None), ("-INT", Some(130)), ("-TERM", Some(75))] {
        let mut child = stepwell(at, &call("a")).spawn().unwrap();
        while lines("a").len() < before + 20 && child.try_wait().unwrap().is_none() {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        std::process::Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
        assert_eq!(child.wait_with_output().unwrap().status.code(), code, "{name}");
        assert!(lines("a").len() >= before + 20, "{name}");
        before = lines("a").len();
    }
    assert_eq!(json(at, &call("a")), expected);
    // each trial once, and the same ones
    assert_eq!(lines("a"), lines("whole"));
    assert_eq!(fs::read_to_string(at.join("a/trials.tsv")).unwrap().lines().count(), lines("a").len());
}

/// The advised spec is one that `run` takes, its step size is confirmed, and another data set gets another one.
#[test]
fn advice_is_confirmed_and_ready_to_run() {
    let folder = with_spec();
    let arguments = ["advise", "spec.toml", "--seeds", "80", "--warmup", "0.05", "--validate", "2", "--out", "a"];
    let found = json(folder.path(), &arguments);
    assert!(found["confirmed"]["interval"][1].as_f64().unwrap() <= 0.05);
    assert_eq!(found["confirmed"]["of"], 80);
    assert!(found["largest_step_size"].as_f64().unwrap() > found["small"]["step_size"].as_f64().unwrap());
    let sets = found["validation"]["data_sets"].as_array().unwrap();
    assert!(sets.len() == 2 && sets[0]["largest_step_size"] != sets[1]["largest_step_size"]);
    assert_eq!(found["validation"]["diverged"]["of"], 80);
    let run = json(folder.path(), &["run", "a/advised.toml", "--seeds", "10", "--out", "b"]);
    assert!(run["settings"][0]["diverged"].as_u64().unwrap() <= 2);
}

#[test]
fn what_cannot_be_asked_is_said() {
    let folder = with_spec();
    fs::write(folder.path().join("toy.toml"), include_str!("../../../experiments/toy.toml")).unwrap();
    let cases: [(&[&str], i32, &str); 6] = [
        (&["phase", "spec.toml", "--step-sizes", "0.3:0.1:5"], 2, "expected lo:hi:k"),
        (&["phase", "toy.toml", "--fresh"], 2, "expected data that are drawn"),
        (&["advise", "spec.toml", "--level", "2"], 2, "between 0 and 1"),
        (&["advise", "spec.toml", "--seeds", "72"], 2, "at least 73"),
        (&["reproduce", "toy", "--relative"], 2, "--relative"),
        (&["phase", "spec.toml", "--set", "steps=0"], 2, "steps"),
    ];
    for (arguments, code, words) in cases {
        let output = run(folder.path(), arguments);
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(code) && message.contains(words), "{arguments:?}: {message}");
    }
}
