//! `stepwell advise`: a step size and a schedule for a problem, with the evidence.

use std::process::ExitCode;
use std::time::Instant;

use stepwell_lab::phase::{Protocol, Question, advise};
use stepwell_store::arrays::Files;
use stepwell_store::run_folder::Kind;

use crate::cli::AdviseArgs;
use crate::failure::Failure;
use crate::step_sizes::{self, Asked};
use crate::terminal::explain;

/// Advises.
pub fn run(args: &AdviseArgs) -> Result<ExitCode, Failure> {
    let started = Instant::now();
    let file = step_sizes::open(&args.spec, &args.sets)?;
    let protocol = Protocol::new(file.spec.clone(), &Files, args.fresh);
    let mut protocol = protocol.map_err(|error| explain(error, &file))?;
    if let Some(until) = args.warmup {
        protocol.warm_up(until);
    }
    let question = Question { level: args.level, seeds: args.seeds };
    let asked = Asked { kind: Kind::Advise, options: options(args), spec: &args.spec, results: &args.results };
    step_sizes::answer(&asked, &file, &protocol, started, |watch| advise(&protocol, question, args.validate, watch))?;
    Ok(ExitCode::SUCCESS)
}

/// What was asked for beside the spec, which has the warm-up, but not that there is to be none.
fn options(args: &AdviseArgs) -> String {
    let (fresh, validate) = (if args.fresh { " --fresh" } else { "" }, args.validate);
    let validate = validate.map_or(String::new(), |count| format!(" --validate {count}"));
    let warmup = if args.warmup == Some(0.0) { " --warmup 0" } else { "" };
    format!("--level {} --seeds {}{warmup}{fresh}{validate}", args.level, args.seeds)
}
