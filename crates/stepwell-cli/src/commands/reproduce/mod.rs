//! `stepwell reproduce`: the figures, from specs that are part of the program.

#[cfg(feature = "deep")]
mod densenet;
mod published;
mod quadratic;
mod sde;
mod toy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::ValueEnum;
use serde_json::{Value, json};
use stepwell::run::Status;
use stepwell_plot::figure::Figure as Picture;

use crate::cli::{Figure, ReproduceArgs};
use crate::ensemble::Outcome;
use crate::failure::Failure;
use crate::figures;
use crate::interrupt;
use crate::output::{print, print_json};
use crate::report::remake::quoted;
use crate::spec_file::SpecFile;
use stepwell_store::folder::Folder;

/// Runs a setting, unless told otherwise.
fn seeds(args: &ReproduceArgs) -> u64 {
    let usual = if args.figure == Figure::DenseNet { 1 } else { 100 };
    args.fresh.or(args.seeds).unwrap_or(usual)
}

/// The spec of a figure, by the figure's name.
pub fn embedded_spec(figure: &str) -> Option<&'static str> {
    match figure {
        "diagonal" => Some(include_str!("../../../../../experiments/diagonal.toml")),
        "relu-1d" => Some(include_str!("../../../../../experiments/relu-1d.toml")),
        "teacher-2" => Some(include_str!("../../../../../experiments/teacher-2.toml")),
        "teacher-3" => Some(include_str!("../../../../../experiments/teacher-3.toml")),
        "sde" => Some(include_str!("../../../../../experiments/sde.toml")),
        "quadratic" => Some(include_str!("../../../../../experiments/quadratic.toml")),
        "toy" => Some(include_str!("../../../../../experiments/toy.toml")),
        "densenet" => Some(include_str!("../../../../../experiments/densenet-small.toml")),
        _ => None,
    }
}

/// Reproduces a figure.
pub fn run(args: &ReproduceArgs) -> Result<ExitCode, Failure> {
    if args.relative && matches!(args.figure, Figure::Quadratic | Figure::Toy | Figure::DenseNet) {
        let name = args.figure.name();
        return Err(Failure::usage(format!(
            "--relative: {name} has thresholds of its own, expected a figure of the paper"
        )));
    }
    if let (false, Some((flag, value))) = (args.figure == Figure::DenseNet, args.deep.given().first()) {
        let name = args.figure.name();
        return Err(Failure::usage(format!(
            "{flag} {value}: only densenet has this, {name} has nothing to choose there"
        )));
    }
    match args.figure {
        Figure::Diagonal | Figure::Relu1d | Figure::Teacher2 | Figure::Teacher3 => published::run(args),
        Figure::Sde => sde::run(args),
        Figure::Quadratic => quadratic::run(args),
        Figure::Toy => toy::run(args),
        #[cfg(feature = "deep")]
        Figure::DenseNet => densenet::run(args),
        #[cfg(not(feature = "deep"))]
        Figure::DenseNet => super::not_built::refused("reproduce densenet"),
    }
}

/// How long the authors' own scripts took for one seed of a figure, in seconds, on a machine like those this is tested on.
fn authors_seconds(figure: Figure) -> Option<f64> {
    match figure {
        Figure::Diagonal => Some(35.6),
        Figure::Relu1d => Some(29.8),
        Figure::Teacher2 => Some(14.8),
        Figure::Teacher3 => Some(38.1),
        Figure::Sde | Figure::Quadratic | Figure::Toy | Figure::DenseNet => None,
    }
}

/// A run that diverged: its setting, its seed or other name, and the step.
struct DivergedRun {
    label: String,
    seed: u64,
    step: u64,
}

/// The outcomes of a setting that diverged.
fn diverged_of<'a>(
    label: &'a str,
    runs: impl IntoIterator<Item = &'a Outcome> + 'a,
) -> impl Iterator<Item = DivergedRun> + 'a {
    runs.into_iter().filter_map(|run| match run.status {
        Status::Diverged { step } => Some(DivergedRun { label: label.into(), seed: run.seed, step }),
        _ => None,
    })
}

/// The command line that `args` came from.
fn command(args: &ReproduceArgs) -> String {
    let kind = if args.fresh.is_some() { "fresh" } else { "seeds" };
    let relative = if args.relative { " --relative" } else { "" };
    let deep: String = args.deep.given().iter().map(|(flag, value)| format!(" {flag} {}", quoted(value))).collect();
    format!("stepwell reproduce {} --{kind} {}{relative}{deep}", args.figure.name(), seeds(args))
}

/// What a figure has measured, and what is made of it.
trait Reproduction {
    /// All records, as tidy CSV.
    fn csv(&self) -> String;
    /// The picture.
    fn figure(&self) -> Result<Picture, Failure>;
    /// The results as JSON.
    fn summary(&self) -> Value;
    /// The runs that diverged, and when.
    fn diverged(&self) -> Vec<DivergedRun>;
    /// The results in words and tables.
    fn report(&self) -> String;
    /// What follows the time that it took, in the report.
    fn after_time(&self) -> String {
        String::new()
    }
}

/// Opens the figure's spec and the output folder, measures, and writes and prints what came of it.
fn reproduce<R: Reproduction>(
    args: &ReproduceArgs,
    measure: impl FnOnce(&SpecFile, u64) -> Result<R, Failure>,
) -> Result<ExitCode, Failure> {
    let started = Instant::now();
    let name = args.figure.name();
    let text = embedded_spec(name).unwrap_or_default();
    let file = SpecFile::embedded(&format!("{name}.toml"), text, &[])?;
    let default = || PathBuf::from("results").join(name);
    let folder = Folder::claim(&args.out.clone().unwrap_or_else(default), is_a_reproduction)?;
    let results = measure(&file, seeds(args))?;
    present(args, &folder, text, &results, started)
}

/// Whether a folder holds a figure: its summary says so, or its spec is a figure's, where a call was interrupted.
fn is_a_reproduction(path: &Path) -> bool {
    let spec = std::fs::read_to_string(path.join("spec.toml")).unwrap_or_default();
    if Figure::value_variants().iter().any(|figure| embedded_spec(figure.name()) == Some(&spec)) {
        return true;
    }
    let summary =
        std::fs::read(path.join("summary.json")).ok().and_then(|text| serde_json::from_slice::<Value>(&text).ok());
    summary.is_some_and(|summary| summary["figure"].is_string() && summary["version"].is_string())
}

/// Writes and prints what a figure's measurements came to.
fn present<R: Reproduction>(
    args: &ReproduceArgs,
    folder: &Folder,
    text: &str,
    results: &R,
    started: Instant,
) -> Result<ExitCode, Failure> {
    let (name, place) = (args.figure.name(), folder.path().display());
    folder.write("spec.toml", text.as_bytes())?;
    folder.write("records.csv", results.csv().as_bytes())?;
    if interrupt::stopped() {
        return Err(Failure::interrupted(format!("interrupted; what was recorded lies in {place}")));
    }
    figures::write(folder, &results.figure()?, name)?;
    let elapsed = started.elapsed().as_secs_f64();
    let mut summary = results.summary();
    summary["command"] = command(args).into();
    let of_run = |run: DivergedRun| json!({ "label": run.label, "seed": run.seed, "step": run.step });
    summary["diverged_runs"] = results.diverged().into_iter().map(of_run).collect();
    folder.write("summary.json", format!("{summary:#}\n").as_bytes())?;
    // apart, so that results of the same question are the same bytes
    folder.write("elapsed.json", format!("{:#}\n", json!({ "seconds": elapsed })).as_bytes())?;
    if args.json {
        print_json(&summary)?;
    } else {
        print(&format!(
            "{}figure   {place}/{name}.svg, {place}/{name}.png\nrecords  {place}/records.csv\n\
             json     {place}/summary.json\ntime     {elapsed:.1} s{}\n",
            results.report(),
            results.after_time(),
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}
