//! `stepwell sweep retry`: computes again what failed or is damaged.

use std::process::ExitCode;

use super::args::RetryArgs;
use super::run::compute;
use crate::failure::Failure;
use crate::interrupt;
use crate::output::print;
use crate::sweep::folder::SweepFolder;

/// Runs it.
pub fn run(args: &RetryArgs) -> Result<ExitCode, Failure> {
    interrupt::tolerate(1);
    let folder = SweepFolder::open(&args.folder)?;
    folder.plan.check_unchanged()?;
    let standing = folder.standing();
    let mut chunks = standing.with_failures;
    chunks.extend(standing.corrupt.iter().map(|(chunk, _)| chunk));
    chunks.sort_unstable();
    if chunks.is_empty() {
        print("nothing failed, nothing is damaged\n")?;
        return Ok(ExitCode::SUCCESS);
    }
    folder.remove(&chunks)?;
    compute(&folder, &chunks, false)
}
