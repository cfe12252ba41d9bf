//! `stepwell advise`: a step size and a schedule for a problem, with the evidence.

use std::process::ExitCode;
use std::time::Instant;

use stepwell_lab::findings::Findings;
use stepwell_lab::phase::{Protocol, Question, advise};
use stepwell_store::kept::{self, KeptOutcomes};
use stepwell_store::pace::Clock;

use crate::arrays::Files;
use crate::cli::AdviseArgs;
use crate::ensemble::{Terminal, explain};
use crate::failure::Failure;
use crate::output::print;
use crate::print::advice::{report, validation};
use crate::report::remake;
use crate::{progress, step_sizes};

/// Advises.
pub fn run(args: &AdviseArgs) -> Result<ExitCode, Failure> {
    let started = Instant::now();
    let file = step_sizes::open(&args.spec, &args.sets)?;
    let protocol = Protocol::new(file.spec.clone(), &Files, args.fresh);
    let mut protocol = protocol.map_err(|error| explain(error, &file))?;
    if let Some(until) = args.warmup {
        protocol.warm_up(until);
    }
    let spec = protocol.spec();
    let out = args.out.clone().unwrap_or_else(|| step_sizes::default_folder(&args.spec, "advice"));
    let folder = kept::claim(&out)?;
    let bar = progress::bar(0, "runs");
    let terminal = Terminal { bar: &bar, clock: Clock::start() };
    let watch = KeptOutcomes::open(&terminal, &folder, &step_sizes::inputs(spec))?;
    let question = Question { level: args.level, seeds: args.seeds };
    let measured = advise(&protocol, question, args.validate, &watch);
    let experiment = step_sizes::kept(measured, &watch, &file)?;
    bar.finish_and_clear();
    let Findings::Advice(found) = &experiment.findings else { unreachable!("advice's findings are of this kind") };
    folder.write("advised.toml", found.spec.as_bytes())?;
    let command = remake::with_spec(&command(args), &spec.to_toml());
    let summary = step_sizes::write_summary(&folder, &experiment, &command)?;
    if args.json {
        print(&summary)?;
        return Ok(ExitCode::SUCCESS);
    }
    let place = folder.path().display();
    print(&format!(
        "{}\n{}\n{}{}\nfiles       {place}/{{advised.toml, summary.json}}\n\
         run it      stepwell run {place}/advised.toml --seeds 20\ntime        {:.1} s\n",
        spec.title.as_deref().unwrap_or_default(),
        report(found, spec.steps),
        found.spec,
        found.validation.as_ref().map_or(String::new(), |found| format!("\n{}", validation(found))),
        started.elapsed().as_secs_f64()
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// What was asked for beside the spec, which has the warm-up.
fn command(args: &AdviseArgs) -> String {
    let (fresh, validate) = (if args.fresh { " --fresh" } else { "" }, args.validate);
    let validate = validate.map_or(String::new(), |count| format!(" --validate {count}"));
    format!("advise - --level {} --seeds {}{fresh}{validate}", args.level, args.seeds)
}
