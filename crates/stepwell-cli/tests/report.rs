//! Reports as their users meet them: one file, the same bytes, every value; and what cannot be reported on.

mod program;

use std::fs;
use std::path::Path;
#[cfg(unix)]
use std::process::Command;

use program::{names, run};

/// A short experiment, some runs of which diverge; its title would end a careless page's script.
const SPEC: &str = r#"
title = "</script><script>alert(1)</script> & 'quotes'"
steps = 600
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
step_size = 0.4
decay = [{ after = 0.5, divide_by = 4.0 }]
[record]
first = 1
points = 30
probes = ["train_loss", "nonzero"]
costly = ["rank"]
costly_seeds = 2
"#;

/// Runs and checks the exit code; gives stdout and stderr.
fn ends_with(code: i32, folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    said
}

fn with_run() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("spec.toml"), SPEC).unwrap();
    ends_with(0, folder.path(), &["run", "spec.toml", "--seeds", "12", "--out", "many"]);
    folder
}

#[test]
fn a_page_has_the_same_bytes_for_the_same_results_and_escapes_what_it_is_given() {
    let folder = with_run();
    let at = folder.path();
    ends_with(0, at, &["report", "many"]);
    ends_with(0, at, &["--jobs", "1", "report", "many", "-o", "deep/again.html"]);
    let page = fs::read_to_string(at.join("report.html")).unwrap();
    // the rank was measured along the way in two runs only, the losses in all
    assert!(page.matches("\"rests_on\":\"median of ").count() == 1 && page.contains(" of 12 runs\""), "{page}");
    assert!(fs::read_to_string(at.join("many/figure.svg")).unwrap().contains("iteration (median of "));
    assert!(page == fs::read_to_string(at.join("deep/again.html")).unwrap());
    assert_eq!(names(&at.join("deep")), ["again.html"]);
    assert!(
        !page.contains("<script>alert")
            && page.contains("&lt;script&gt;alert(1)&lt;/script&gt; &amp; &#39;quotes&#39;")
    );
    // the library, the model, the numbers, the script
    assert_eq!(page.matches("</script>").count(), 4);
    for outside in ["http://", "https://", "//cdn", "@import", "url("] {
        let found = page.replace("https://github.com/leeoniya/uPlot", "").contains(outside);
        assert!(!found, "the page mentions {outside}");
    }
    assert!(page.len() < 150_000, "{}", page.len());
}

/// Runs the first command of `report.html` in a shell that finds the program.
#[cfg(unix)]
fn make_again(at: &Path, place: &Path) {
    let page = fs::read_to_string(at.join("report.html")).unwrap();
    let command = page.split("<pre>").nth(1).unwrap().split("</pre>").next().unwrap();
    let pairs = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    let command = pairs.iter().fold(command.to_string(), |text, (from, to)| text.replace(from, to));
    let program = Path::new(env!("CARGO_BIN_EXE_stepwell")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let output = Command::new("sh").arg("-c").arg(&command).current_dir(place).env("PATH", path).output().unwrap();
    assert!(output.status.success(), "{command}\n{}", String::from_utf8_lossy(&output.stderr));
}

#[cfg(unix)]
#[test]
fn the_command_in_a_page_makes_the_experiment_again() {
    let folder = with_run();
    let at = folder.path();
    ends_with(0, at, &["report", "many"]);
    make_again(at, at);
    for name in ["records.csv", "summary.json", "run.toml"] {
        assert!(fs::read(at.join("many").join(name)).unwrap() == fs::read(at.join("results/many").join(name)).unwrap());
    }
}

#[cfg(unix)]
#[test]
fn a_sweep_is_made_again_by_the_command_too() {
    let folder = with_run();
    let at = folder.path();
    let sweep =
        "base = \"spec.toml\"\nseeds = 3\n[grid]\nschedule.step_size = [0.1, 0.4]\ninit.diagonal.u = [0.1, 0.2]\n";
    fs::write(at.join("sweep.toml"), sweep).unwrap();
    ends_with(0, at, &["sweep", "plan", "sweep.toml", "--out", "sweep"]);
    let said = ends_with(1, at, &["report", "sweep"]);
    assert!(said.contains("not computed yet") && said.contains("--partial"), "{said}");
    ends_with(0, at, &["sweep", "run", "sweep"]);
    ends_with(0, at, &["report", "sweep", "many"]);
    let page = fs::read_to_string(at.join("report.html")).unwrap();
    assert!(
        page.contains("<th>sweep: u = 0.2, step_size = 0.1</th>") && page.contains("<th>many</th>"),
        "settings by name"
    );
    let elsewhere = at.join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    make_again(at, &elsewhere);
    let rows = |sweep: &str| {
        ends_with(0, at, &["sweep", "collect", sweep, "-o", "rows.csv"]);
        fs::read(at.join("rows.csv")).unwrap()
    };
    assert!(rows("sweep") == rows("elsewhere/results/sweep"));
}

#[test]
fn figures_for_print_are_of_the_asked_kind() {
    let folder = with_run();
    let at = folder.path();
    for (arguments, file, start) in [
        (&["--svg"][..], "report.svg", &b"<svg"[..]),
        (&["--png"], "report.png", b"\x89PNG"),
        (&["--pdf-ready"], "report.pdf", b"%PDF-1.4"),
        (&["-o", "narrow.pdf", "--width", "3.25"], "narrow.pdf", b"%PDF-1.4"),
    ] {
        ends_with(0, at, &[&["report", "many"], arguments].concat());
        let bytes = fs::read(at.join(file)).unwrap();
        assert!(bytes.starts_with(start), "{file}");
        ends_with(0, at, &[&["report", "many"], arguments].concat());
        assert!(bytes == fs::read(at.join(file)).unwrap(), "{file} differs");
    }
    let size = |names: &str| {
        ends_with(0, at, &["report", "many", "--svg", "--series", names]);
        fs::read_to_string(at.join("report.svg")).unwrap().lines().next().unwrap().to_string()
    };
    // three panels and the legend in two rows, or one panel and the legend in one
    assert!(size("train_loss,nonzero,step_size").contains("height=\"954\"") && size("rank").contains("height=\"514\""));
    let narrow = fs::read(at.join("narrow.pdf")).unwrap();
    assert!(String::from_utf8_lossy(&narrow).contains("/MediaBox [0 0 234 "));
}

#[test]
fn event_files_have_the_same_bytes_from_both_commands() {
    let folder = with_run();
    let at = folder.path();
    ends_with(0, at, &["run", "spec.toml", "--seeds", "12", "--out", "many", "--tensorboard"]);
    ends_with(0, at, &["report", "many", "--tensorboard", "logs"]);
    let setting = names(&at.join("logs")).remove(0);
    assert_eq!(names(&at.join("logs").join(&setting)).len(), 12);
    for seed in names(&at.join("logs").join(&setting)) {
        let file = Path::new(&setting).join(seed).join("events.out.tfevents.0000000000.stepwell");
        let read = |place: &str| fs::read(at.join(place).join(&file)).unwrap();
        assert!(read("logs") == read("many/tensorboard") && read("logs").len() > 100);
    }
}

#[test]
fn reproductions_are_reported_with_what_diverged() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    ends_with(0, at, &["reproduce", "quadratic", "--seeds", "3", "--out", "q"]);
    ends_with(0, at, &["report", "q"]);
    let page = fs::read_to_string(at.join("report.html")).unwrap();
    assert!(page.contains("stepwell reproduce quadratic --seeds 3"));
    assert!(page.contains("<td>3 of 3 <small>[") && page.contains("<td>0 of 3 <small>["));
}

#[test]
fn what_cannot_be_reported_on_is_refused_and_nothing_is_written() {
    let folder = with_run();
    let at = folder.path();
    fs::create_dir(at.join("empty")).unwrap();
    fs::create_dir(at.join("other")).unwrap();
    fs::write(at.join("other/notes.txt"), "x").unwrap();
    let copy = |name: &str| {
        fs::create_dir(at.join(name)).unwrap();
        for file in names(&at.join("many")) {
            fs::copy(at.join("many").join(&file), at.join(name).join(&file)).unwrap();
        }
        at.join(name)
    };
    fs::remove_file(copy("unfinished").join("sha256sums.txt")).unwrap();
    let cut = copy("cut").join("records.csv");
    let whole = fs::read(&cut).unwrap();
    fs::write(&cut, &whole[..whole.len() - 3]).unwrap();
    fs::write(copy("garbled").join("summary.json"), "{").unwrap();
    fs::write(copy("stranger").join("run.toml"), "steps = 3\n").unwrap();
    for (code, folder, word) in [
        (2, "missing", "no such folder"),
        (2, "spec.toml", "is a file"),
        (2, "empty", "is empty"),
        (2, "other", "holds no results"),
        (1, "unfinished", "--partial"),
        (6, "cut", "records.csv: is not as it was written"),
        (6, "garbled", "summary.json"),
        (6, "stranger", "run.toml"),
    ] {
        let said = ends_with(code, at, &["report", folder]);
        assert!(said.contains(word) && said.lines().count() == 1, "{said}");
        assert!(!at.join("report.html").exists());
    }
    for (code, arguments, word) in [
        (2, &["-o", "many"][..], "is a folder"),
        (2, &["-o", "report.txt"], "expected a name that ends in"),
        (2, &["-o", "x.png", "--pdf"], "expected a name that ends in .pdf"),
        (2, &["-o", "spec.toml/x.html"], "spec.toml"),
        (2, &["--svg", "--png"], "cannot be used with"),
        (2, &["--width", "0"], "inches"),
        (2, &["--series", "train_loss,rnk"], "no series `rnk`, expected some of: train_loss, nonzero, rank, step_size"),
    ] {
        let said = ends_with(code, at, &[&["report", "many"], arguments].concat());
        assert!(said.contains(word), "{said}");
    }
    ends_with(0, at, &["report", "unfinished", "--partial"]);
    assert!(fs::read_to_string(at.join("report.html")).unwrap().contains("had not ended"));
    let left = ["cut", "empty", "garbled", "many", "other", "report.html", "spec.toml", "stranger", "unfinished"];
    assert_eq!(names(at), left);
}
