//! `stepwell reproduce`: the figures, from specs that are part of the program.

#[cfg(feature = "deep")]
mod densenet;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use stepwell::spec::Spec;
use stepwell_lab::reproduce::{Kind, Question, reproduce};
use stepwell_store::kept::{self, KeptOutcomes};
use stepwell_store::run_folder::{self, Claim, Heading, RunFolder};

use crate::cli::ReproduceArgs;
use crate::deliver::Delivery;
use crate::failure::Failure;
use crate::terminal::Terminal;

/// Runs per setting, unless told otherwise.
const SEEDS: u64 = 100;

/// Reproduces a figure.
pub fn run(args: &ReproduceArgs) -> Result<ExitCode, Failure> {
    let figure = args.figure;
    if let Kind::Training = figure.kind {
        return run_densenet(args);
    }
    let started = Instant::now();
    if let Some((flag, value)) = args.deep.given().first() {
        let name = figure.name;
        return Err(Failure::usage(format!(
            "{flag} {value}: only densenet has this, {name} has nothing to choose there"
        )));
    }
    let question = Question {
        figure,
        seeds: args.fresh.or(args.seeds).unwrap_or(SEEDS),
        fresh: args.fresh.is_some(),
        relative: args.relative,
    };
    let heading = heading(&question)?;
    let out = args.results.out.clone().unwrap_or_else(|| PathBuf::from("results").join(figure.name));
    let folder = RunFolder::claim(&out, &heading, args.results.claim(Claim::New))?;
    let mut delivery = Delivery::new(&folder, &heading, figure.name, &args.results, started);
    if let Kind::Paper { authors_seconds: seconds } = figure.kind {
        delivery.remark = format!("; the authors' scripts take {seconds} s for one seed");
    }
    match folder.at_hand()? {
        Some(experiment) => delivery.again(experiment)?,
        None => {
            let terminal = Terminal::new();
            let kept = KeptOutcomes::open(&terminal, folder.path(), &[])?;
            let found = reproduce(&question, &kept).map_err(|error| delivery.failure(error))?;
            drop(terminal);
            delivery.of(found)?
        }
    };
    // all that they hold is in the records
    kept::remove(folder.path())?;
    Ok(ExitCode::SUCCESS)
}

fn heading(question: &Question) -> Result<Heading, Failure> {
    let &Question { figure, seeds, fresh, relative } = question;
    let kind = if fresh { "fresh" } else { "seeds" };
    let flags = format!("{} --{kind} {seeds}{}", figure.name, if relative { " --relative" } else { "" });
    let spec = Spec::from_toml(figure.text).map_err(|error| Failure::other(error.to_string()))?;
    let command = format!("stepwell reproduce {flags}");
    Ok(Heading::new(run_folder::Kind::Reproduce, flags, command, Vec::new(), spec.to_toml()))
}

fn run_densenet(args: &ReproduceArgs) -> Result<ExitCode, Failure> {
    if args.relative {
        let name = args.figure.name;
        return Err(Failure::usage(format!(
            "--relative: {name} has thresholds of its own, expected a figure of the paper"
        )));
    }
    #[cfg(feature = "deep")]
    return densenet::run(args);
    #[cfg(not(feature = "deep"))]
    super::not_built::refused("reproduce densenet")
}
