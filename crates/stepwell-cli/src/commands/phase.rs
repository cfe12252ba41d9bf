//! `stepwell phase`: what runs do as a function of the step size.

use std::process::ExitCode;
use std::time::Instant;

use stepwell_lab::findings::Findings;
use stepwell_lab::phase::{Protocol, StepSizes, diagram};
use stepwell_store::kept::{self, KeptOutcomes};
use stepwell_store::pace::Clock;

use crate::arrays::Files;
use crate::cli::PhaseArgs;
use crate::ensemble::{Terminal, explain};
use crate::failure::Failure;
use crate::output::print;
use crate::print::phase::report;
use crate::report::remake;
use crate::{figures, progress, step_sizes};

/// Draws the diagram.
pub fn run(args: &PhaseArgs) -> Result<ExitCode, Failure> {
    let started = Instant::now();
    let file = step_sizes::open(&args.spec, &args.sets)?;
    let protocol = Protocol::new(file.spec.clone(), &Files, args.fresh);
    let mut protocol = protocol.map_err(|error| explain(error, &file))?;
    protocol.decay(args.decay_after, args.divide_by);
    let spec = protocol.spec();
    let out = args.out.clone().unwrap_or_else(|| step_sizes::default_folder(&args.spec, "phase"));
    let folder = kept::claim(&out)?;
    let bar = progress::bar(0, "runs");
    let terminal = Terminal { bar: &bar, clock: Clock::start() };
    let watch = KeptOutcomes::open(&terminal, &folder, &step_sizes::inputs(spec))?;
    let measured = diagram(&protocol, args.step_sizes, args.seeds, &watch);
    let experiment = step_sizes::kept(measured, &watch, &file)?;
    bar.finish_and_clear();
    let Findings::Phase(found) = &experiment.findings else { unreachable!("a diagram's findings are of this kind") };
    let spec = spec.to_toml();
    folder.write("spec.toml", spec.as_bytes())?;
    figures::write(&folder, &stepwell_plot::phase::figure(&experiment.title, found), "phase")?;
    let summary = step_sizes::write_summary(&folder, &experiment, &remake::with_spec(&command(args), &spec))?;
    if args.json {
        print(&summary)?;
        return Ok(ExitCode::SUCCESS);
    }
    print(&format!(
        "{}files        {}/{{phase.svg, phase.png, summary.json, spec.toml}}\ntime         {:.1} s for {} runs\n",
        report(&experiment.title, found),
        folder.path().display(),
        started.elapsed().as_secs_f64(),
        experiment.runs(),
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// What was asked for beside the spec, which has the decay.
fn command(args: &PhaseArgs) -> String {
    let range = |StepSizes { low, high, count }| format!(" --step-sizes {low:?}:{high:?}:{count}");
    let (sizes, fresh) = (args.step_sizes.map_or(String::new(), range), if args.fresh { " --fresh" } else { "" });
    format!("phase - --seeds {}{sizes}{fresh}", args.seeds)
}
