//! `stepwell sweep retry`: computes again what failed or is damaged.

use std::process::ExitCode;

use stepwell_lab::sweep::runs::RunEntry;
use stepwell_store::sweep::folder::SweepFolder;
use stepwell_store::sweep::frozen::check_unchanged;

use super::args::RetryArgs;
use super::run::compute;
use crate::failure::Failure;
use crate::interrupt;
use crate::output::print;

/// Runs it.
pub fn run(args: &RetryArgs) -> Result<ExitCode, Failure> {
    interrupt::tolerate(1);
    let folder = SweepFolder::open(&args.folder)?;
    check_unchanged(&folder.plan)?;
    let chunks: Vec<u64> =
        (0..folder.plan.chunks()).filter(|chunk| folder.has(*chunk) && is_bad(&folder, *chunk)).collect();
    if chunks.is_empty() {
        print("nothing failed, nothing is damaged\n")?;
        return Ok(ExitCode::SUCCESS);
    }
    folder.remove(&chunks)?;
    compute(&folder, &chunks, false)
}

/// Whether a chunk has failed runs, or a file that is not as it was written.
fn is_bad(folder: &SweepFolder, chunk: u64) -> bool {
    let path = folder.chunk_path(chunk);
    match folder.chunk(chunk) {
        Ok(file) => file.entries.iter().any(RunEntry::has_failed) || file.verify(&path).is_err(),
        Err(_) => true,
    }
}
