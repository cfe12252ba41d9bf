//! `stepwell run`: a spec of the user's, for one seed or many.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use stepwell::outcome::Outcome;
use stepwell::spec::Prepared;
use stepwell_lab::drive::Job;
use stepwell_lab::experiment::Experiment;
use stepwell_lab::runs::{runs, settings};
use stepwell_store::arrays::Files;
use stepwell_store::checkpoints::{self, Checkpoints, RUNS};
use stepwell_store::run_folder::{Claim, Heading, Kind, RunFolder};
use stepwell_store::shell::quoted;
use stepwell_store::tensorboard;

use crate::checkpoint::{every, warn};
use crate::cli::RunArgs;
use crate::code;
use crate::deliver::{Delivery, stopped};
use crate::failure::Failure;
use crate::interrupt;
use crate::learned::Learned;
use crate::results::{named, read};
use crate::spec_file::SpecFile;
use crate::terminal::{Terminal, explain};

/// Runs the spec.
pub fn run(args: &RunArgs) -> Result<ExitCode, Failure> {
    let started = Instant::now();
    let file = SpecFile::read(&args.spec, &args.sets)?;
    let settings = settings(&file.spec, &Files).map_err(|error| file.explain(&error))?;
    let heading = heading(args, &file)?;
    let out = args.results.out.clone().unwrap_or_else(|| PathBuf::from("results").join(stem(&args.spec)));
    let folder =
        RunFolder::claim(&out, &heading, args.results.claim(if args.resume { Claim::Resume } else { Claim::New }))?;
    let mut delivery = Delivery::new(&folder, &heading, "figure", &args.results, started);
    delivery.help = advice(args);
    let experiment = match folder.at_hand()? {
        Some(experiment) => delivery.again(experiment)?,
        None => delivery.of(compute(args, &file, &settings, &folder, &heading)?)?,
    };
    // once all results are written they are of no use
    checkpoints::remove_all(folder.path())?;
    if args.tensorboard {
        let source = [read(folder.path(), false)?];
        tensorboard::clear(&folder.path().join("tensorboard"));
        tensorboard::write(&named(&source), &folder.path().join("tensorboard"))?;
    }
    let diverged = experiment.settings.iter().flat_map(|setting| &setting.outcomes).any(Outcome::diverged);
    Ok(if diverged && args.fail_on_diverge { ExitCode::from(code::FAILURE) } else { ExitCode::SUCCESS })
}

/// The name of a spec's file without its ending; `run` for stdin.
pub fn stem(spec: &Path) -> String {
    let stem = spec.file_stem().map_or("run".into(), |stem| stem.to_string_lossy().replace('-', "_"));
    if stem == "_" { "run".to_string() } else { stem }
}

/// Who finds a step size, for a spec that lies in a file.
fn advice(args: &RunArgs) -> Option<String> {
    let path = args.spec.to_str().filter(|path| *path != "-")?;
    let others = args.sets.iter().filter(|set| !set.trim_start().starts_with("schedule.step_size"));
    let sets: String = others.map(|set| format!(" --set {}", quoted(set))).collect();
    Some(format!("`stepwell advise {}{sets}` finds a step size", quoted(path)))
}

fn heading(args: &RunArgs, file: &SpecFile) -> Result<Heading, Failure> {
    let RunArgs { seed, seeds, .. } = args;
    let question = format!("seed {seed}, {seeds} seed{}", if *seeds == 1 { "" } else { "s" });
    let command = format!("stepwell run - --seed {seed} --seeds {seeds}");
    Ok(Heading::new(Kind::Run, question, command, file.inputs()?, file.anywhere().to_toml()))
}

/// Takes the runs to their ends, from their checkpoints where there are some, and writes what is not in the experiment.
fn compute(
    args: &RunArgs,
    file: &SpecFile,
    settings: &[(String, Prepared)],
    folder: &RunFolder,
    heading: &Heading,
) -> Result<Experiment, Failure> {
    // one run has the folder to itself, several have a folder each where they are long
    let alone = settings.len() == 1 && args.seeds == 1;
    let number = |job: &Job<'_>| {
        let setting = settings.iter().position(|(label, _)| *label == job.label).unwrap_or(0) as u64;
        setting * args.seeds + job.seed.wrapping_sub(args.seed)
    };
    let place = |job: &Job<'_>| {
        if alone { folder.path().into() } else { folder.path().join(format!("{RUNS}/{:05}", number(job))) }
    };
    let experiment = {
        let terminal = Terminal::new();
        let watch = Checkpoints::new(&terminal, every(), &warn, place);
        runs(settings, args.seed, args.seeds, &watch).map_err(|error| explain(error, file))?
    };
    if interrupt::stopped() {
        folder.write_experiment(&experiment, &heading.command, args.results.format())?;
        return Err(stopped(folder));
    }
    folder.write_parameters(&experiment)?;
    if let Some(learned) = Learned::of(settings, &experiment)? {
        folder.write("predictor.csv", learned.predictors.as_bytes())?;
        folder.write("kinks.csv", learned.kinks.as_bytes())?;
    }
    Ok(experiment)
}
