//! `stepwell sweep status`: how a sweep stands, read from its folder alone.

use std::process::ExitCode;

use serde_json::json;
use stepwell::statistics::Share;
use stepwell::words::{share_text, thousands};
use stepwell_store::sweep::folder::SweepFolder;

use super::args::StatusArgs;
use crate::code;
use crate::failure::Failure;
use crate::output::{print, print_json};

/// Runs it.
pub fn run(args: &StatusArgs) -> Result<ExitCode, Failure> {
    let folder = SweepFolder::open(&args.folder)?;
    let standing = folder.standing();
    let (total, done) = (folder.plan.runs(), standing.done());
    if args.json {
        print_json(&json!({
            "plan": folder.hash,
            "runs": total,
            "done": done,
            "finished": standing.finished,
            "diverged": standing.diverged,
            "failed": standing.failed,
            "under_way": folder.under_way().iter().map(|(run, step)| json!({ "run": run, "step": step })).collect::<Vec<_>>(),
            "chunks": folder.plan.chunks(),
            "chunks_missing": standing.missing.len(),
            "chunks_corrupt": standing.corrupt.iter().map(|(chunk, _)| chunk).collect::<Vec<_>>(),
        }))?;
    } else {
        let share = Share::of(standing.diverged as usize, done as usize);
        let under_way: String =
            folder.under_way().iter().map(|(run, step)| under_way_text(&folder, *run, *step)).collect();
        let diverged = if done == 0 { "0".into() } else { share_text(&share) };
        print(&format!(
            "runs     {} of {} done, {} left\ndiverged {diverged}\nfailed   {}\nchunks   {} of {}, {} damaged\n{under_way}",
            thousands(done),
            thousands(total),
            thousands(total - done),
            thousands(standing.failed),
            thousands(folder.plan.chunks() - (standing.missing.len() + standing.corrupt.len()) as u64),
            thousands(folder.plan.chunks()),
            standing.corrupt.len(),
        ))?;
    }
    if let Some((run, error)) = &standing.an_error {
        eprintln!("run {run} failed: {error}");
    }
    for (chunk, why) in &standing.corrupt {
        eprintln!("{}: {why}", folder.chunk_path(*chunk).display());
    }
    Ok(if standing.corrupt.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(code::CORRUPT) })
}

/// A long run that has a checkpoint.
fn under_way_text(folder: &SweepFolder, run: u64, step: u64) -> String {
    let steps = folder.plan.spec(folder.plan.run(run).setting).map_or(0, |spec| spec.steps);
    format!("run {run:<4} at step {} of {}\n", thousands(step), thousands(steps))
}
