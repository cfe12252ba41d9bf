//! Sweeps as their users meet them: shared, stopped, killed, damaged, collected to the same bytes.

mod program;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use program::{names, run, stepwell};

const BASE: &str = r#"
steps = 3000
model = "diagonal_linear"
loss = "half_mean_square"
[data.sparse_regression]
n = 10
d = 20
sparsity = 3
test = 20
[init.diagonal]
u = 0.1
v = 0.0
[dynamics.sgd]
[schedule]
step_size = 0.1
[record]
first = 3
points = 12
probes = ["train_loss", "test_loss"]
costly = ["rank"]
costly_seeds = 2
"#;

/// Two step sizes that converge and one that diverges, ten seeds each, three runs per chunk.
const SWEEP: &str =
    "base = \"base.toml\"\nseeds = 10\nruns_per_chunk = 3\n[grid]\nschedule.step_size = [0.05, 0.1, 4.0]\n";

/// With it all seeds have the data set of NumPy's stream.
const DRAW: &str = "data.sparse_regression.draw.numpy_legacy";

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs and checks the exit code; gives stdout and stderr.
fn ends_with(code: i32, folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    said
}

fn with_sweep(sweep: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("base.toml"), BASE).unwrap();
    fs::write(folder.path().join("sweep.toml"), sweep).unwrap();
    folder
}

/// Bytes of both collected tables.
fn collected(folder: &Path, sweep: &str) -> (Vec<u8>, Vec<u8>) {
    ends_with(0, folder, &["sweep", "collect", sweep, "-o", "all.parquet"]);
    (fs::read(folder.join("all.parquet")).unwrap(), fs::read(folder.join("all.runs.parquet")).unwrap())
}

#[test]
fn the_collected_bytes_depend_on_the_plan_alone() {
    let folder = with_sweep(SWEEP);
    let at = folder.path();
    ends_with(0, at, &["--jobs", "1", "sweep", "run", "sweep.toml", "--out", "one"]);
    let expected = collected(at, "one");
    for jobs in ["2", "4"] {
        ends_with(0, at, &["--jobs", jobs, "sweep", "run", "sweep.toml", "--out", jobs]);
        assert!(collected(at, jobs) == expected, "{jobs} jobs");
    }
    ends_with(0, at, &["sweep", "plan", "sweep.toml", "--out", "shards"]);
    for shard in ["2/3", "0/3", "1/3"] {
        ends_with(0, at, &["sweep", "work", "shards", "--shard", shard]);
    }
    assert!(collected(at, "shards") == expected, "shards, last first");
    assert_eq!(names(&at.join("shards/chunks")).len(), 10, "one file per chunk, and no other");
}

#[test]
fn tables_agree_with_runs_of_their_own() {
    // settings with a data set in common share it, the others must not
    let sweep = format!("{SWEEP}data.sparse_regression.n = [10, 12]\n[set]\n{DRAW} = 0\n");
    let folder = with_sweep(&sweep);
    let at = folder.path();
    ends_with(0, at, &["sweep", "run", "sweep.toml", "--out", "s"]);
    ends_with(0, at, &["sweep", "collect", "s", "-o", "all.csv"]);
    let all = fs::read_to_string(at.join("all.csv")).unwrap();
    let rows = |text: &str, start: &str| -> Vec<String> {
        text.lines().filter_map(|line| line.strip_prefix(start).map(str::to_string)).collect()
    };
    // n varies slowest: runs 10 to 19 have n = 10 and the second step size, runs 40 to 49 n = 12 and the same
    for (n, first) in [(10, 10), (12, 40)] {
        let sets = [format!("data.sparse_regression.n={n}"), format!("{DRAW}=0"), "schedule.step_size=0.1".into()];
        let sets: Vec<&str> = sets.iter().flat_map(|set| ["--set", set]).collect();
        ends_with(0, at, &[&["run", "base.toml", "--seeds", "10", "--overwrite", "--out", "own"][..], &sets].concat());
        let own = fs::read_to_string(at.join("own/records.csv")).unwrap();
        for (seed, number) in (1..=10).zip(first..) {
            let expected = rows(&own, &format!("run,{seed},"));
            assert!(expected.len() > 20);
            assert_eq!(rows(&all, &format!("{number},{seed},")), expected);
        }
    }
    let runs = fs::read_to_string(at.join("all.runs.csv")).unwrap();
    assert_eq!(runs.lines().filter(|line| line.contains(",4.0,diverged,")).count(), 20);
    assert_eq!(runs.lines().filter(|line| line.contains(",finished,3000,")).count(), 40);
}

#[test]
fn a_plan_is_frozen_once_it_has_started() {
    let folder = with_sweep(SWEEP);
    let at = folder.path();
    let planned = ends_with(0, at, &["sweep", "plan", "sweep.toml", "--out", "s"]);
    assert!(planned.contains("30 (3 settings x 10 seeds), 0 done, 30 left"), "{planned}");
    // not started yet: planned anew
    fs::write(at.join("sweep.toml"), SWEEP.replace("seeds = 10", "seeds = 9")).unwrap();
    assert!(ends_with(0, at, &["sweep", "plan", "sweep.toml", "--out", "s"]).contains("27 (3 settings"));
    ends_with(0, at, &["sweep", "work", "s", "--shard", "0/2"]);
    fs::write(at.join("sweep.toml"), SWEEP).unwrap();
    let refused = ends_with(2, at, &["sweep", "run", "sweep.toml", "--out", "s"]);
    assert!(refused.contains("started by another plan"), "{refused}");
    // neither the sweep's file nor the base change what is pending
    fs::write(at.join("base.toml"), BASE.replace("steps = 3000", "steps = 5")).unwrap();
    assert!(ends_with(0, at, &["sweep", "run", "s"]).contains("27 of 27 done"));
    let status = ends_with(0, at, &["sweep", "status", "s", "--json"]);
    assert!(status.contains("\"diverged\": 9,") && status.contains("\"finished\": 18,"), "{status}");
    let plan = fs::read_to_string(at.join("s/run.toml")).unwrap();
    fs::write(at.join("s/run.toml"), plan.replace("seeds = 9", "seeds = 8")).unwrap();
    assert!(ends_with(6, at, &["sweep", "run", "s"]).contains("changed after it was frozen"));
}

#[test]
fn damage_is_found_and_repaired() {
    let folder = with_sweep(SWEEP);
    let at = folder.path();
    ends_with(0, at, &["sweep", "run", "sweep.toml", "--out", "s"]);
    let expected = collected(at, "s");
    let chunk = at.join("s/chunks/00004.parquet");
    let good = fs::read(&chunk).unwrap();
    // cut short: seen in the footer
    fs::write(&chunk, &good[..good.len() / 2]).unwrap();
    assert!(ends_with(6, at, &["sweep", "status", "s"]).contains("00004.parquet"));
    ends_with(6, at, &["sweep", "run", "s"]);
    ends_with(0, at, &["sweep", "retry", "s", "--failed"]);
    assert_eq!(fs::read(&chunk).unwrap(), good);
    // one bit of the data: seen when they are read
    let mut flipped = good.clone();
    flipped[60] ^= 4;
    fs::write(&chunk, flipped).unwrap();
    assert!(ends_with(6, at, &["sweep", "collect", "s", "-o", "all.parquet"]).contains("00004.parquet"));
    ends_with(0, at, &["sweep", "retry", "s", "--failed"]);
    assert!(collected(at, "s") == expected);
    fs::remove_file(&chunk).unwrap();
    assert!(ends_with(1, at, &["sweep", "collect", "s", "-o", "x.parquet"]).contains("1 of 10 chunks"));
    ends_with(0, at, &["sweep", "collect", "s", "-o", "x.parquet", "--partial"]);
    ends_with(0, at, &["sweep", "run", "s"]);
    assert!(collected(at, "s") == expected);
}

#[test]
fn failed_runs_are_told_apart_from_diverged_ones() {
    // so many settings that the last is checked only when its turn comes
    let mut sizes = vec!["0.1"; 1000];
    sizes.push("-0.1");
    let sweep = format!(
        "base = \"base.toml\"\nset.steps = 5\nruns_per_chunk = 7\ngrid.\"schedule.step_size\" = [{}]\n",
        sizes.join(", ")
    );
    let folder = with_sweep(&sweep);
    let at = folder.path();
    let said = ends_with(4, at, &["sweep", "run", "sweep.toml", "--out", "s"]);
    assert!(said.contains("1,001 of 1,001 done: 1,000 finished, 0 diverged, 1 failed"), "{said}");
    assert!(said.contains("schedule.step_size") && said.contains("-0.1"), "{said}");
    let expected = collected(at, "s");
    ends_with(4, at, &["sweep", "retry", "s", "--failed"]);
    assert!(collected(at, "s") == expected, "a chunk that is computed again has the same bytes");
    ends_with(4, at, &["--jobs", "1", "sweep", "run", "sweep.toml", "--out", "fast", "--fail-fast"]);
    assert_eq!(names(&at.join("fast/chunks")).iter().filter(|name| *name == "00142.parquet").count(), 0);
}

#[test]
fn what_is_wrong_with_a_sweep_is_said() {
    let folder = with_sweep(SWEEP);
    let at = folder.path();
    for (sweep, expected) in [
        ("base = \"base.toml\"\nseed = 3\n", "did you mean `seeds`"),
        ("base = \"base.toml\"\n[grid]\nschedule.step_size = [-1.0]\n", "setting 0 (schedule.step_size = -1.0)"),
        ("base = \"base.toml\"\n[grid]\nschedule.stepsize = [1.0]\n", "did you mean `step_size`"),
        (
            "base = \"base.toml\"\n[list]\nsteps = [1, 2]\nschedule.step_size = [0.1]\n",
            "steps has 2 values, schedule.step_size has 1",
        ),
        ("base = \"diagonal\"\nvariants = true\n[grid]\nschedule.step_size = [0.1]\n", "brings its own schedule"),
        ("base = \"nowhere.toml\"\n", "nowhere.toml"),
        ("base = \"base.toml\"\nlong_runs = true\nruns_per_chunk = 3\n", "a long run has a file of its own"),
    ] {
        fs::write(at.join("bad.toml"), sweep).unwrap();
        let said = ends_with(3, at, &["sweep", "plan", "bad.toml"]);
        assert!(said.contains(expected), "{sweep}: {said}");
    }
    assert!(!at.join("results").exists(), "what is refused leaves nothing");
    ends_with(3, at, &["sweep", "run", "nowhere"]);
    ends_with(2, at, &["sweep", "collect", ".", "-o", "x.parquet"]);
}

#[test]
fn two_at_once_share_the_work() {
    let folder = with_sweep(SWEEP);
    let at = folder.path();
    ends_with(0, at, &["sweep", "run", "sweep.toml", "--out", "alone"]);
    let expected = collected(at, "alone");
    ends_with(0, at, &["sweep", "plan", "sweep.toml", "--out", "s"]);
    let both: Vec<_> = (0..2).map(|_| stepwell(at, &["--jobs", "1", "sweep", "run", "s"]).spawn().unwrap()).collect();
    for child in both {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert!(text(&output.stdout).contains("30 of 30 done: 20 finished, 10 diverged"), "{}", text(&output.stdout));
    }
    assert!(collected(at, "s") == expected);
    assert_eq!(names(&at.join("s/chunks")).len(), 10);
}

#[cfg(unix)]
fn signal(child: &std::process::Child, name: &str) {
    Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
}

#[cfg(unix)]
#[test]
fn stopped_or_killed_it_goes_on_to_the_same_bytes() {
    // chunks that take a while
    let sweep = format!("{}\n[set]\nsteps = 60000\n", SWEEP.replace("seeds = 10", "seeds = 6"));
    let folder = with_sweep(&sweep);
    let at = folder.path();
    ends_with(0, at, &["sweep", "run", "sweep.toml", "--out", "whole"]);
    let expected = collected(at, "whole");
    ends_with(0, at, &["sweep", "plan", "sweep.toml", "--out", "s"]);
    let mut codes = Vec::new();
    for (k, name) in ["-KILL", "-TERM", "-KILL", "-INT", "-KILL"].into_iter().enumerate() {
        let child = stepwell(at, &["--jobs", "1", "sweep", "work", "s"]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(15 + 10 * k as u64));
        signal(&child, name);
        signal(&child, name);
        codes.push(child.wait_with_output().unwrap().status.code());
        let there = if at.join("s/chunks").exists() { names(&at.join("s/chunks")) } else { Vec::new() };
        for name in there.iter().filter(|name| name.ends_with(".parquet") && !name.starts_with('.')) {
            let (there, right) = (at.join("s/chunks").join(name), at.join("whole/chunks").join(name));
            assert_eq!(fs::read(there).unwrap(), fs::read(right).unwrap(), "{name} is whole");
        }
    }
    assert!(codes.iter().all(|code| matches!(code, None | Some(0 | 75))), "{codes:?}");
    ends_with(0, at, &["sweep", "run", "s"]);
    assert!(collected(at, "s") == expected);
    assert_eq!(names(&at.join("s/chunks")).len(), 6, "nothing is left over");
}

/// Long runs go on from their checkpoints: killed and stopped again and again the sweep gets ahead, to the same bytes.
#[cfg(unix)]
#[test]
fn long_runs_of_a_sweep_go_on_from_their_checkpoints() {
    let sweep = "base = \"base.toml\"\nseeds = 2\nlong_runs = true\n[set]\nsteps = 10000000\n[grid]\n\
                 schedule.step_size = [0.05, 4.0]\n";
    let folder = with_sweep(sweep);
    let at = folder.path();
    let planned = ends_with(0, at, &["sweep", "plan", "sweep.toml", "--out", "s"]);
    assert!(planned.contains("long, with checkpoints"), "{planned}");
    ends_with(0, at, &["sweep", "run", "sweep.toml", "--out", "whole"]);
    let expected = collected(at, "whole");
    let checkpoint = at.join("s/runs/00000/checkpoint.safetensors");
    let mut last = Vec::new();
    for name in ["-KILL", "-TERM", "-KILL", "-INT"] {
        let mut child = stepwell(at, &["--jobs", "1", "sweep", "work", "s"]);
        let mut child = child.env("STEPWELL_CHECKPOINT_EVERY", "0.01").spawn().unwrap();
        while fs::read(&checkpoint).unwrap_or_default() == last && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(2));
        }
        if name == "-TERM" {
            let status = ends_with(0, at, &["sweep", "status", "s"]);
            assert!(status.contains("run 0 ") && status.contains("of 10,000,000"), "{status}");
        }
        signal(&child, name);
        signal(&child, name);
        let code = child.wait_with_output().unwrap().status.code();
        assert!(if name == "-KILL" { code.is_none() } else { code == Some(75) }, "{name}: {code:?}");
        last = fs::read(&checkpoint).unwrap_or_default();
        assert!(!last.is_empty(), "{name}");
    }
    ends_with(0, at, &["sweep", "run", "s"]);
    assert!(collected(at, "s") == expected);
    assert_eq!(names(&at.join("s")), ["chunks", "run.toml"], "nothing is left over");
    assert_eq!(names(&at.join("s/chunks")).len(), 4);
}

#[cfg(unix)]
#[test]
fn a_locked_folder_is_left_alone() {
    let sweep = format!("{SWEEP}\n[set]\nsteps = 3000000\n");
    let folder = with_sweep(&sweep);
    let at = folder.path();
    ends_with(0, at, &["sweep", "plan", "sweep.toml", "--out", "s"]);
    let child = stepwell(at, &["--jobs", "1", "sweep", "run", "s"]).spawn().unwrap();
    while !at.join("s/chunks").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    fs::write(at.join("s/chunks/00009.parquet"), "damaged").unwrap();
    let said = ends_with(5, at, &["sweep", "retry", "s", "--failed"]);
    assert!(said.contains("worked on by another process"), "{said}");
    fs::write(at.join("sweep.toml"), SWEEP).unwrap();
    ends_with(5, at, &["sweep", "plan", "sweep.toml", "--out", "s"]);
    // twice: the chunk in hand is dropped
    signal(&child, "-INT");
    std::thread::sleep(Duration::from_millis(50));
    signal(&child, "-INT");
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(75));
}

#[test]
fn the_array_script_names_program_folder_and_shards() {
    let folder = with_sweep(SWEEP);
    let at = folder.path();
    ends_with(0, at, &["sweep", "plan", "sweep.toml", "--out", "s"]);
    let arguments =
        ["sweep", "submit", "s", "--engine", "slurm", "--partition", "main", "--array-size", "4", "--dry-run"];
    let script = ends_with(0, at, &arguments);
    assert!(script.starts_with("#!/bin/bash\n#SBATCH ") && script.contains("--array=0-3\n"), "{script}");
    assert!(script.contains("--partition=main") && script.contains("\"$SLURM_ARRAY_TASK_ID/4\""), "{script}");
    assert_eq!(names(&at.join("s")), ["run.toml"], "a dry run writes nothing");
}
