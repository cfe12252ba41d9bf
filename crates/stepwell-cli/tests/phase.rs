//! Phase diagrams and advice as their users meet them, on a problem small enough for a test.

mod program;

use std::collections::BTreeSet;
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
    let points = found["findings"]["points"].as_array().unwrap();
    assert!((12..=24).contains(&points.len()), "{}", points.len());
    let hits = |point: &Value, fate: &str| point["shares"][fate]["hits"].as_u64().unwrap();
    let (first, last) = (&points[0], points.last().unwrap());
    assert_eq!((first["pooled"]["behavior"].as_str(), hits(last, "diverges")), (Some("falling"), 8));
    for point in points {
        let all: u64 = ["converges", "stabilizes", "diverges", "undecided"].iter().map(|fate| hits(point, fate)).sum();
        assert_eq!(all, 8);
    }
    assert!(first["end"]["test_loss"]["median"].as_f64().is_some());
    // so few small steps do not resolve the exponent: no number is better than a wrong one
    assert_eq!(first["lyapunov"], "NaN");
    let small = &found["findings"]["small_steps"];
    let (mean_square, gradient_descent) =
        (small["mean_square"].as_f64().unwrap(), small["gradient_descent"].as_f64().unwrap());
    assert!(mean_square < gradient_descent);
    // below the mean-square threshold where small steps lead to, SGD that starts near zero finds its way
    assert!(first["step_size"].as_f64().unwrap() < mean_square);
    let command = found["command"].as_str().unwrap();
    assert!(command == "stepwell phase - --seeds 8", "{command}");
    for name in ["phase.svg", "phase.png", "summary.json", "records.csv", "run.toml"] {
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
    let kept = |out: &str| frames(&at.join(out).join("outcomes.bin"));
    let different = |out: &str| kept(out).into_iter().collect::<BTreeSet<_>>();
    let mut before = 0;
    for (name, code) in [("-KILL", None), ("-INT", Some(130)), ("-TERM", Some(75))] {
        let mut child = stepwell(at, &call("a")).spawn().unwrap();
        while kept("a").len() < before + 20 && child.try_wait().unwrap().is_none() {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        std::process::Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
        assert_eq!(child.wait_with_output().unwrap().status.code(), code, "{name}");
        assert!(kept("a").len() >= before + 20, "{name}");
        before = kept("a").len();
    }
    assert_eq!(json(at, &call("a")), expected);
    // each run once, and the same ones
    assert_eq!(different("a"), different("whole"));
    assert_eq!(kept("a").len(), different("a").len());
    // a folder of an earlier version is left as it is
    fs::create_dir(at.join("old")).unwrap();
    fs::write(at.join("old/trials.tsv"), "0a 1\tconverges\tfalling\n").unwrap();
    let refused = run(at, &call("old"));
    let message = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(2) && message.contains("made by an earlier version"), "{message}");
}

/// Another start of the same name is another run.
#[test]
fn runs_from_another_start_are_not_taken_for_the_same() {
    let folder = with_spec();
    let at = folder.path();
    let short = ["--set", "steps=200"];
    for (seed, out) in [("1", "one"), ("2", "two")] {
        let start = ["run", "spec.toml", "--seed", seed, "--out", out];
        json(at, &[&start[..], &short].concat());
    }
    let spec = SPEC.replace("[init.diagonal]\nu = 0.1\nv = 0.0", "[init.file]\npath = \"start.safetensors\"");
    fs::write(at.join("spec.toml"), spec).unwrap();
    let call = ["phase", "spec.toml", "--seeds", "2", "--step-sizes", "0.05:0.1:2", "--out", "a"];
    let found = ["one", "two", "one"].map(|start| {
        fs::copy(at.join(start).join("parameters.safetensors"), at.join("start.safetensors")).unwrap();
        let found = json(at, &[&call[..], &short].concat());
        (found, frames(&at.join("a/outcomes.bin")).len())
    });
    assert_eq!((found[0].1, found[1].1, found[2].1), (4, 8, 8));
    assert!(found[0].0 != found[1].0 && found[0].0 == found[2].0);
}

/// The whole frames of a file of kept outcomes: each is a length and so many bytes.
fn frames(path: &Path) -> Vec<Vec<u8>> {
    let bytes = fs::read(path).unwrap_or_default();
    let (mut rest, mut frames) = (&bytes[..], Vec::new());
    while let Some((length, behind)) = rest.split_first_chunk::<8>()
        && let Some((frame, behind)) = behind.split_at_checked(u64::from_le_bytes(*length) as usize)
    {
        frames.push(frame.to_vec());
        rest = behind;
    }
    frames
}

/// The advised spec is one that `run` takes, its step size is confirmed, and another data set gets another one.
#[test]
fn advice_is_confirmed_and_ready_to_run() {
    let folder = with_spec();
    let arguments = ["advise", "spec.toml", "--seeds", "80", "--warmup", "0.05", "--validate", "2", "--out", "a"];
    let found = json(folder.path(), &arguments);
    assert_eq!(found["settings"][0]["label"], "large steps");
    let found = &found["findings"];
    assert!(found["diverge_at_most"].as_f64().unwrap() <= 0.05);
    assert!(found["large_runs"]["diverged"]["total"].as_u64().unwrap() >= 80);
    assert!(found["constants"].as_array().unwrap().len() >= 4);
    let sets = found["validation"]["data_sets"].as_array().unwrap();
    assert!(sets.len() == 2 && sets[0]["large"]["step_size"] != sets[1]["large"]["step_size"]);
    assert!(found["validation"]["diverged"]["total"].as_u64().unwrap() >= 160);
    let run = json(folder.path(), &["run", "a/advised.toml", "--seeds", "10", "--out", "b"]);
    assert!(run["settings"][0]["diverged"]["hits"].as_u64().unwrap() <= 2);
}

#[test]
fn what_cannot_be_asked_is_said() {
    let folder = with_spec();
    fs::write(folder.path().join("toy.toml"), include_str!("../../../experiments/toy.toml")).unwrap();
    let cases: [(&[&str], i32, &str); 6] = [
        (&["phase", "spec.toml", "--step-sizes", "0.3:0.1:5"], 2, "expected lo:hi:k"),
        (&["phase", "toy.toml", "--fresh"], 2, "expected data that are drawn"),
        (&["advise", "spec.toml", "--level", "2"], 2, "between 0 and 1"),
        (&["advise", "spec.toml", "--seeds", "20"], 2, "to tell a share below 5%"),
        (&["reproduce", "toy", "--relative"], 2, "relative step sizes"),
        (&["phase", "spec.toml", "--set", "steps=0"], 2, "steps"),
    ];
    for (arguments, code, words) in cases {
        let output = run(folder.path(), arguments);
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(code) && message.contains(words), "{arguments:?}: {message}");
    }
}
