//! `stepwell sweep work`: computes a share of the chunks, for whatever starts it on many machines.

use std::process::ExitCode;

use stepwell_store::sweep::folder::SweepFolder;

use super::args::WorkArgs;
use super::run::compute;
use crate::failure::Failure;
use crate::interrupt;

/// Runs it.
pub fn run(args: &WorkArgs) -> Result<ExitCode, Failure> {
    // schedulers send TERM more than once: the chunk in hand is finished all the same
    interrupt::tolerate(u32::MAX);
    let folder = SweepFolder::open(&args.folder)?;
    let mine = |chunk: &u64| chunk % args.shard.count == args.shard.index;
    let chunks: Vec<u64> = (0..folder.plan.chunks()).filter(mine).collect();
    compute(&folder, &chunks, args.failures.fail_fast)
}
