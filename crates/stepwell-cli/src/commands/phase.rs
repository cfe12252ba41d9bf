//! `stepwell phase`: what runs do as a function of the step size.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use crate::cli::PhaseArgs;
use crate::commands::run::stem;
use crate::failure::Failure;
use crate::figures;
use crate::output::{print, print_json};
use crate::phase::grid::{StepSizes, range, refined, zero};
use crate::phase::kept::{KeptTrials, is_ours};
use crate::phase::protocol::{Protocol, scale};
use crate::phase::report::Diagram;
use crate::phase::trial::Point;
use crate::progress;
use stepwell_store::folder::Folder;

/// Step sizes, unless told otherwise.
const DEFAULT_COUNT: usize = 24;
/// Runs at each step size that are looked at more closely.
const CLOSER: u64 = 4;

/// Draws the diagram.
pub fn run(args: &PhaseArgs) -> Result<ExitCode, Failure> {
    let started = Instant::now();
    let mut protocol = Protocol::open(&args.spec, &args.sets, args.fresh)?;
    protocol.decay(args.decay_after, args.divide_by);
    let default = || PathBuf::from("results").join(format!("{}-phase", stem(&args.spec)));
    let folder = Folder::claim(&args.out.clone().unwrap_or_else(default), is_ours)?;
    protocol.kept = Some(Arc::new(KeptTrials::open(folder.path())?));
    let diagram = measure(&protocol, args)?;
    let file = protocol.file.with_spec(protocol.spec.clone());
    folder.write("spec.toml", file.resolved_anywhere().as_bytes())?;
    figures::write(&folder, &diagram.figure(), "phase")?;
    let json = diagram.json();
    folder.write("phase.json", format!("{json:#}\n").as_bytes())?;
    if args.json {
        print_json(&json)?;
    } else {
        let place = folder.path().display();
        let files = format!("files        {place}/{{phase.svg, phase.png, phase.json, spec.toml}}\n");
        let runs: usize = diagram.points.iter().map(|point| point.trials.len()).sum();
        let time = format!("time         {:.1} s for {runs} runs\n", started.elapsed().as_secs_f64());
        print(&format!("{}{files}{time}", diagram.report()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn measure(protocol: &Protocol, args: &PhaseArgs) -> Result<Diagram, Failure> {
    let small_steps = protocol.small_step_thresholds()?;
    let sizes = match args.step_sizes {
        Some(sizes) => sizes,
        None => {
            let (low, high) = range(protocol, scale(small_steps)?)?;
            StepSizes { low, high, count: DEFAULT_COUNT }
        }
    };
    let bar = progress::bar(sizes.count as u64, "step sizes");
    let points = refined(sizes, &bar, |eta| Point::measure(protocol, eta, 1..args.seeds + 1, CLOSER))?;
    bar.finish_and_clear();
    let name = protocol.spec.title.clone().unwrap_or_else(|| stem(&args.spec));
    let title = if args.fresh { format!("{name}: phases, fresh data sets") } else { format!("{name}: phases") };
    let lyapunov_zero = zero(&points, |point| point.closer(|c| c.lyapunov));
    Ok(Diagram { title, points, seeds: args.seeds, small_steps, lyapunov_zero })
}
