//! `stepwell sweep plan`: freezes a plan and tells what it takes.

use std::process::ExitCode;

use serde_json::json;
use stepwell::words::thousands;

use super::args::PlanArgs;
use super::open;
use crate::failure::Failure;
use crate::output::{print, print_json};
use crate::sweep::estimate::{duration_text, estimate, size_text};

/// Runs it.
pub fn run(args: &PlanArgs) -> Result<ExitCode, Failure> {
    let folder = open(&args.sweep, args.out.as_deref())?;
    let (plan, standing) = (&folder.plan, folder.standing());
    let estimate = estimate(plan).map_err(Failure::input)?;
    let threads = rayon::current_num_threads();
    let left = plan.runs() - standing.done();
    let seconds = estimate.seconds_per_run * left as f64 / threads as f64;
    let memory = estimate.bytes_per_thread * threads as f64;
    if args.json {
        print_json(&json!({
            "folder": folder.path().display().to_string(),
            "plan": folder.hash,
            "settings": plan.settings.len(),
            "seeds": plan.seeds,
            "runs": plan.runs(),
            "runs_done": standing.done(),
            "runs_left": left,
            "long_runs": plan.long_runs,
            "chunks": plan.chunks(),
            "chunks_left": standing.missing.len() + standing.corrupt.len(),
            "seconds_left": seconds,
            "threads": threads,
            "memory_bytes": memory.round(),
            "disk_bytes": estimate.disk.round(),
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let varied = if plan.keys.is_empty() { String::new() } else { format!("varied   {}\n", plan.keys.join(", ")) };
    print(&format!(
        "runs     {} ({} settings x {} seeds), {} done, {} left\n{varied}\
         chunks   {} of {} runs{long}, {} left\n\
         time     about {} on {threads} threads\n\
         memory   about {} beside the program\n\
         disk     about {}\n\
         folder   {place} (plan {})\n\
         next     stepwell sweep run {place}\n",
        thousands(plan.runs()),
        thousands(plan.settings.len() as u64),
        thousands(plan.seeds),
        thousands(standing.done()),
        thousands(left),
        thousands(plan.chunks()),
        thousands(plan.runs_per_chunk),
        thousands((standing.missing.len() + standing.corrupt.len()) as u64),
        duration_text(seconds),
        size_text(memory),
        size_text(estimate.disk),
        &folder.hash[..12],
        long = if plan.long_runs { " (long, with checkpoints)" } else { "" },
        place = folder.path().display(),
    ))?;
    Ok(ExitCode::SUCCESS)
}
