//! `stepwell train`: its files, what it refuses, and that no interruption changes a byte.

mod program;

use program::run;

#[cfg(not(feature = "deep"))]
#[test]
fn a_build_without_says_which_build_has_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("deep.toml"), "network = { kind = \"conv_net\", width = 1 }\n").unwrap();
    let commands = [
        &["train", "x.toml"][..],
        &["measure", "jacobian", "x"],
        &["spec", "check", "deep.toml"],
        &["spec", "show", "densenet"],
        &["spec", "schema", "train"],
    ];
    for arguments in commands {
        let output = run(folder.path(), arguments);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(
            message.contains("`cargo build --release --features deep`") && message.lines().count() == 1,
            "{message}"
        );
    }
}

#[cfg(feature = "deep")]
mod deep {
    use std::fs;
    use std::path::Path;
    use std::time::{Duration, Instant};

    use serde_json::Value;

    use super::program::stepwell;
    use super::*;

    const SPEC: &str = r#"
data = { set = "fashion-mnist", train = 300, test = 100, halved = true, augment = true }
network = { kind = "dense_net", depth = 10, growth = 4, bottleneck = false, compression = 1.0 }
training = { batch = 20, steps = 60, momentum = 0.9, weight_decay = 5e-4 }
[schedule]
step_size = 0.05
decay = [{ at = 0.5, divide_by = 10.0 }]
[record]
every = 20
train_images = 100
sparsity_images = 50
neurons = 100
"#;

    /// A folder with the spec, where the images are installed.
    fn with_spec() -> Option<tempfile::TempDir> {
        if !Path::new("/usr/share/datasets/fashion-mnist").exists() {
            eprintln!("skipped: Fashion-MNIST is not installed (apt install dataset-fashion-mnist)");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("spec.toml"), SPEC).unwrap();
        Some(folder)
    }

    fn fails(folder: &Path, arguments: &[&str]) -> (i32, String) {
        let output = run(folder, arguments);
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    }

    fn succeeds(folder: &Path, arguments: &[&str]) -> String {
        let output = run(folder, arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn killed_at_any_time_it_ends_in_the_same_bytes() {
        let Some(folder) = with_spec() else { return };
        let folder = folder.path();
        let started = Instant::now();
        succeeds(folder, &["train", "spec.toml", "--out", "whole"]);
        let whole = started.elapsed();
        let mut kills = 0;
        for round in 0..30 {
            let arguments = ["train", "spec.toml", "--out", "killed", "--resume", "--checkpoint-every", "0"];
            let mut child = stepwell(folder, &arguments[..if round == 0 { 4 } else { 7 }]);
            if round == 0 {
                child.args(["--checkpoint-every", "0"]);
            }
            let mut child = child.spawn().unwrap();
            // a checkpoint after every step makes it slower than the whole one was
            std::thread::sleep(whole.mul_f64([0.3, 0.5, 0.7, 0.4, 0.6][round % 5]));
            if child.try_wait().unwrap().is_some() {
                break;
            }
            child.kill().unwrap();
            child.wait().unwrap();
            kills += 1;
        }
        assert!(kills > 0);
        succeeds(folder, &["train", "spec.toml", "--out", "killed", "--resume"]);
        for file in [
            "checkpoint.safetensors",
            "parameters.safetensors",
            "records.csv",
            "run.toml",
            "figure.svg",
            "sha256sums.txt",
        ] {
            let read = |run: &str| fs::read(folder.join(run).join(file)).unwrap();
            assert!(read("whole") == read("killed"), "{file} after {kills} kills");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_request_to_stop_saves_and_exits_with_75() {
        let Some(folder) = with_spec() else { return };
        let folder = folder.path();
        let arguments = ["train", "spec.toml", "--out", "o", "--set", "training.steps=100000"];
        let child = stepwell(folder, &arguments).spawn().unwrap();
        std::thread::sleep(Duration::from_secs(4));
        std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
        let output = child.wait_with_output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(75), "{message}");
        assert!(message.contains("the same command goes on") && message.lines().count() == 1, "{message}");
        assert!(folder.join("o/checkpoint.safetensors").exists());
        let (code, message) = fails(folder, &["train", "spec.toml", "--out", "o", "--resume"]);
        assert_eq!(code, 2);
        assert!(message.contains("holds other results"), "{message}");
        // a damaged checkpoint that stands alone
        fs::write(folder.join("o/checkpoint.safetensors"), "x").unwrap();
        _ = fs::remove_file(folder.join("o/checkpoint.previous.safetensors"));
        let child = stepwell(folder, &[&arguments[..], &["--resume"]].concat()).spawn().unwrap();
        std::thread::sleep(Duration::from_secs(4));
        std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
        let message = String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap();
        assert!(message.contains("is damaged") && message.contains("starts anew"), "{message}");
    }

    #[test]
    fn activations_have_the_recorded_sparsity() {
        let Some(folder) = with_spec() else { return };
        let folder = folder.path();
        let summary: Value =
            serde_json::from_str(&succeeds(folder, &["train", "spec.toml", "--out", "o", "--json"])).unwrap();
        for place in ["block2", "pooled"] {
            let out = succeeds(folder, &["measure", "activations", "o", "--at", place, "-o", "acts.safetensors"]);
            let command = out.lines().find_map(|line| line.strip_prefix("as recorded: stepwell ")).unwrap();
            let arguments: Vec<&str> = command.split(' ').chain(["--json"]).collect();
            let found: Value = serde_json::from_str(&succeeds(folder, &arguments)).unwrap();
            let recorded = &summary["settings"][0]["runs"][0]["last"][format!("feature_sparsity/{place}")];
            assert_eq!(found["feature_sparsity"].as_f64(), recorded.as_f64(), "{place}");
            assert!(recorded.as_f64().unwrap() > 0.0);
        }
        let (code, message) = fails(folder, &["measure", "activations", "o", "--at", "block9", "-o", "x.safetensors"]);
        assert_eq!(code, 2);
        assert!(message.contains("expected one of block1, block2, block3, pooled"), "{message}");
        let found: Value =
            serde_json::from_str(&succeeds(folder, &["measure", "jacobian", "o", "--images", "6", "--json"])).unwrap();
        assert!((1..=6).contains(&found["rank"].as_u64().unwrap()));
    }

    /// Every spec of the repository is good, whichever command it is for; what is shown of a training is one again.
    #[test]
    fn specs_of_both_kinds_are_checked_and_described() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let experiments = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments");
        let names = fs::read_dir(&experiments).unwrap().map(|entry| entry.unwrap().path().display().to_string());
        let names: Vec<String> = names.filter(|name| name.ends_with(".toml")).collect();
        let arguments: Vec<&str> = ["spec", "check"].into_iter().chain(names.iter().map(String::as_str)).collect();
        assert_eq!(succeeds(folder, &arguments).matches(": good").count(), names.len());
        let shown = succeeds(folder, &["spec", "show", "densenet", "--set", "training.momentum=0.5"]);
        assert!(shown.contains("momentum = 0.5") && shown.contains("jacobian_images = "), "{shown}");
        fs::write(folder.join("shown.toml"), &shown).unwrap();
        assert_eq!(succeeds(folder, &["spec", "show", "shown.toml"]), shown);
        fs::write(folder.join("bad.toml"), shown.replace("momentum = 0.5", "momentum = 1.5")).unwrap();
        let (code, message) = fails(folder, &["spec", "check", "bad.toml"]);
        assert_eq!(code, 3);
        assert!(message.contains("--> bad.toml:") && message.contains("training.momentum"), "{message}");
        let schema: Value = serde_json::from_str(&succeeds(folder, &["spec", "schema", "train"])).unwrap();
        for key in ["data", "network", "training", "schedule", "record", "variants"] {
            assert!(schema["properties"][key].is_object(), "{key}");
        }
        let kinds = schema["$defs"]["Architecture"].to_string();
        assert!(kinds.contains("dense_net") && kinds.contains("res_net") && kinds.contains("conv_net"), "{kinds}");
    }

    /// Refused before any image is read.
    #[test]
    fn too_little_memory_is_told_with_what_would_fit() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        fs::write(folder.join("spec.toml"), SPEC).unwrap();
        let (code, message) = fails(
            folder,
            &[
                "train",
                "spec.toml",
                "--set=training.batch=60000",
                "--set=data.train=60000",
                "--set=network.depth=1000",
                "--set=network.growth=1200",
            ],
        );
        assert_eq!(code, 3, "{message}");
        assert!(message.contains("of memory with 60000 images at a time") && message.lines().count() == 1, "{message}");
        assert!(message.contains("would fit") && !folder.join("results").exists(), "{message}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_limit_on_memory_is_respected() {
        let Some(folder) = with_spec() else { return };
        let folder = folder.path();
        let program = env!("CARGO_BIN_EXE_stepwell");
        let limited = |kilobytes: u64, more: &str| {
            let line = format!("ulimit -v {kilobytes}; exec {program} train spec.toml --jobs 1 --overwrite {more}");
            let output = std::process::Command::new("sh").args(["-c", &line]).current_dir(folder).output().unwrap();
            (output.status.code(), String::from_utf8(output.stderr).unwrap())
        };
        let wide = "--set training.batch=300 --set network.growth=24 --set network.depth=22";
        let (code, message) = limited(500_000, wide);
        assert_eq!(code, Some(3), "{message}");
        let part = message.split("training.micro_batch = ").nth(1).and_then(|rest| rest.split(' ').next());
        let part = part.and_then(|part| part.trim().parse::<u64>().ok()).unwrap_or_else(|| panic!("{message}"));
        assert!((1..300).contains(&part), "{message}");
        // what it says would fit does
        let fits =
            format!("{wide} --set training.micro_batch={part} --set training.steps=2 --set record.sparsity_images=0");
        let (code, message) = limited(500_000, &fits);
        assert_eq!(code, Some(0), "{message}");
    }

    #[test]
    fn bad_specs_are_shown_at_their_place() {
        let Some(folder) = with_spec() else { return };
        let folder = folder.path();
        for (from, to, part) in [
            ("fashion-mnist", "fashion", "spec.toml:2:16"),
            ("batch = 20", "batch = 0", "training.batch: 0, expected at least 1"),
            ("momentum", "momentun", "did you mean `momentum`?"),
            ("train = 300", "train = 300000", "at most 60000"),
        ] {
            fs::write(folder.join("spec.toml"), SPEC.replace(from, to)).unwrap();
            let (code, message) = fails(folder, &["train", "spec.toml"]);
            assert_eq!(code, 3, "{message}");
            assert!(message.contains(part), "{message}");
        }
        fs::write(folder.join("spec.toml"), SPEC).unwrap();
        let (code, message) = fails(folder, &["train", "spec.toml", "--data-dir", "."]);
        assert_eq!(code, 3);
        assert!(message.contains("not found in ."), "{message}");
        let (code, message) = fails(folder, &["train", "spec.toml", "--device", "cuda"]);
        assert_eq!(code, 2);
        assert!(message.contains("cargo build --release --features cuda"), "{message}");
    }

    /// The figure `densenet` in seconds.
    const TINY: &str = "reproduce densenet --setting sota --set data.train=200 --set data.test=50 --set network.depth=7 \
                        --set network.growth=4 --set training.batch=20 --set training.epochs=4 \
                        --set record.train_images=100 --set record.sparsity_images=50 --set record.jacobian_images=4";

    fn tiny<'a>(more: &[&'a str]) -> Vec<&'a str> {
        TINY.split_whitespace().chain(more.iter().copied()).collect()
    }

    #[cfg(unix)]
    #[test]
    fn the_figure_is_stopped_and_gone_on_with_by_the_same_command() {
        let Some(folder) = with_spec() else { return };
        let folder = folder.path();
        let whole: Value = serde_json::from_str(&succeeds(folder, &tiny(&["--out", "whole", "--json"]))).unwrap();
        let again = tiny(&["--out", "cut", "--json"]);
        let child = stepwell(folder, &again).spawn().unwrap();
        while !folder.join("cut/runs/00000/checkpoint.safetensors").exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
        let output = child.wait_with_output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(75), "{message}");
        assert!(
            message.contains(": 4 runs") && message.contains("with 160 steps") && message.contains("20 records"),
            "{message}"
        );
        assert!(
            message.contains("lies in cut, and the same command goes on from there") && !message.contains("--resume"),
            "{message}"
        );
        let output = run(folder, &again);
        assert!(output.status.success());
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(!message.contains(": 4 runs") && !message.contains("with 160 steps"), "{message}");
        let gone_on: Value = serde_json::from_slice(&output.stdout).unwrap();
        for key in ["settings", "findings"] {
            assert_eq!(whole[key], gone_on[key], "{key}");
        }
        for file in ["records.csv", "run.toml", "densenet.svg", "runs/00001/checkpoint.safetensors", "sha256sums.txt"] {
            let read = |run: &str| fs::read(folder.join(run).join(file)).unwrap();
            assert!(read("whole") == read("cut"), "{file}");
        }
        // what was measured, and under which names
        assert_eq!(whole["settings"].as_array().unwrap().len(), 4);
        assert_eq!(whole["findings"]["observations"].as_array().unwrap().len(), 7);
        let last = &whole["settings"][3]["runs"][0]["last"];
        for name in ["train_loss", "test_error", "feature_sparsity/block2", "feature_sparsity/pooled", "jacobian_rank"]
        {
            assert!(last[name].as_f64().unwrap() > 0.0, "{name}: {last}");
        }
        // another choice does not go on in that folder
        let (code, message) = fails(folder, &tiny(&["--out", "cut", "--step-size", "0.3"]));
        assert_eq!(code, 2);
        assert!(message.contains("holds other results") && message.contains("--overwrite"), "{message}");
    }

    #[test]
    fn the_figure_says_what_it_lacks() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        for (arguments, code, part) in [
            (
                &["--data", "cifar10", "--data-dir", "."][..],
                3,
                "cifar10: not found in . (looked for cifar-10-batches-bin",
            ),
            (&["--data", "cifar"], 2, "tiny-imagenet"),
            (&["--scale", "large"], 2, "[possible values: small, paper]"),
            (&["--step-size", "0"], 2, "expected a number above 0"),
            (&["--fresh", "2"], 2, "expected --seeds"),
            (&["--set", "network.depht=7"], 2, "did you mean `depth`?"),
            (&["--device", "tpu"], 2, "--device tpu"),
        ] {
            let (found, message) = fails(folder, &[&["reproduce", "densenet"][..], arguments].concat());
            assert_eq!(found, code, "{arguments:?}: {message}");
            assert!(message.contains(part), "{arguments:?}: {message}");
        }
        assert!(!folder.join("results").exists());
    }
}
