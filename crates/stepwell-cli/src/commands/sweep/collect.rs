//! `stepwell sweep collect`: all results in two tables.

use std::process::ExitCode;
use stepwell::words::thousands;

use super::args::CollectArgs;
use stepwell_store::sweep::collect::collect;
use stepwell_store::sweep::folder::SweepFolder;

use crate::failure::Failure;
use crate::output::print;

/// Runs it.
pub fn run(args: &CollectArgs) -> Result<ExitCode, Failure> {
    let folder = SweepFolder::open(&args.folder)?;
    let collected = collect(&folder, &args.out, args.partial)?;
    let (records, runs) = collected.rows;
    print(&format!(
        "records  {} ({} rows)\nruns     {} ({} rows)\n",
        collected.records.display(),
        thousands(records),
        collected.runs.display(),
        thousands(runs as u64)
    ))?;
    Ok(ExitCode::SUCCESS)
}
