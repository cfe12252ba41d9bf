//! `stepwell phase`: what runs do as a function of the step size.

use std::process::ExitCode;
use std::time::Instant;

use stepwell_lab::phase::{Protocol, StepSizes, diagram};
use stepwell_store::arrays::Files;
use stepwell_store::run_folder::Kind;

use crate::cli::PhaseArgs;
use crate::failure::Failure;
use crate::step_sizes::{self, Asked};
use crate::terminal::explain;

/// Draws the diagram.
pub fn run(args: &PhaseArgs) -> Result<ExitCode, Failure> {
    let started = Instant::now();
    let file = step_sizes::open(&args.spec, &args.sets)?;
    let protocol = Protocol::new(file.spec.clone(), &Files, args.fresh);
    let mut protocol = protocol.map_err(|error| explain(error, &file))?;
    protocol.decay(args.decay_after, args.divide_by);
    let asked = Asked { kind: Kind::Phase, options: options(args), spec: &args.spec, results: &args.results };
    step_sizes::answer(&asked, &file, &protocol, started, |watch| {
        diagram(&protocol, args.step_sizes, args.seeds, watch)
    })?;
    Ok(ExitCode::SUCCESS)
}

/// What was asked for beside the spec, which has the decay.
fn options(args: &PhaseArgs) -> String {
    let range = |StepSizes { low, high, count }| format!(" --step-sizes {low:?}:{high:?}:{count}");
    let (sizes, fresh) = (args.step_sizes.map_or(String::new(), range), if args.fresh { " --fresh" } else { "" });
    format!("--seeds {}{sizes}{fresh}", args.seeds)
}
