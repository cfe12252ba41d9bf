//! `stepwell sweep plan`: freezes a plan and tells what it takes.

use std::process::ExitCode;

use serde_json::json;
use stepwell::words::thousands;
use stepwell_store::sweep::estimate::estimate;

use super::args::PlanArgs;
use super::open;
use crate::failure::Failure;
use crate::output::{print, print_json};

/// Runs it.
pub fn run(args: &PlanArgs) -> Result<ExitCode, Failure> {
    let folder = open(&args.sweep, args.out.as_deref())?;
    let (plan, standing) = (&folder.plan, folder.standing());
    let estimate = estimate(plan)?;
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

/// A duration for people.
fn duration_text(seconds: f64) -> String {
    match seconds {
        s if s < 1.0 => "1 s".into(),
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.1} h", s / 3600.0),
        s => format!("{:.1} days", s / 86_400.0),
    }
}

/// A size for people.
fn size_text(bytes: f64) -> String {
    match bytes {
        b if b < 1e6 => format!("{:.0} kB", (b / 1e3).max(1.0)),
        b if b < 1e9 => format!("{:.0} MB", b / 1e6),
        b => format!("{:.1} GB", b / 1e9),
    }
}
