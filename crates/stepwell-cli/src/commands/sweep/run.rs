//! `stepwell sweep run`: computes the chunks that are missing.

use std::process::ExitCode;
use std::time::Instant;

use indicatif::ProgressBar;
use stepwell::words::{percent, thousands};
use stepwell_store::sweep::folder::{Standing, SweepFolder};
use stepwell_store::sweep::frozen::check_unchanged;
use stepwell_store::sweep::workers::{Orders, Workers};

use super::args::RunArgs;
use super::open;
use crate::checkpoint::{every, warn};
use crate::code;
use crate::failure::Failure;
use crate::output::print;
use crate::terminal::Terminal;
use crate::{interrupt, progress};

/// Runs it.
pub fn run(args: &RunArgs) -> Result<ExitCode, Failure> {
    // the first Ctrl-C lets the chunks in hand be finished, the second drops them
    interrupt::tolerate(1);
    let folder = open(&args.sweep, args.out.as_deref())?;
    let chunks: Vec<u64> = (0..folder.plan.chunks()).collect();
    compute(&folder, &chunks, args.failures.fail_fast)
}

/// Computes what is missing of `chunks` and tells how it went.
pub fn compute(folder: &SweepFolder, chunks: &[u64], fail_fast: bool) -> Result<ExitCode, Failure> {
    let started = Instant::now();
    check_unchanged(&folder.plan)?;
    if folder.plan.long_runs {
        interrupt::stop_runs_in_hand();
    }
    let lock = folder.work_on()?;
    let standing = folder.standing_of(chunks.iter().copied());
    if let Some((chunk, why)) = standing.corrupt.first() {
        return Err(Failure::corrupt(format!(
            "{}: {why}; `stepwell sweep retry --failed {}` computes it again",
            folder.chunk_path(*chunk).display(),
            folder.path().display()
        )));
    }
    let total: u64 = chunks.iter().map(|chunk| folder.plan.runs_of(*chunk)).map(|runs| runs.end - runs.start).sum();
    let before = standing.done();
    let missing = standing.missing.clone();
    let bar = progress::rate_bar(total, before, &shares(&standing));
    // runs are counted by their ends
    let terminal = Terminal::with_bar(ProgressBar::hidden());
    let orders = Orders {
        threads: rayon::current_num_threads(),
        fail_fast,
        watch: &terminal,
        stopped: &interrupt::requested,
        seen: &|standing| show(&bar, standing),
        every: every(),
        warn: &warn,
    };
    let workers = Workers::new(folder, orders, standing);
    let result = workers.run(&missing);
    bar.finish_and_clear();
    result.map_err(Failure::of)?;
    drop(lock);
    let standing = folder.standing_of(chunks.iter().copied());
    let stopped = interrupt::requested() && !standing.missing.is_empty();
    if !stopped && (0..folder.plan.chunks()).all(|chunk| folder.has(chunk)) {
        folder.tidy();
    }
    print(&report(folder, &standing, total, before, started.elapsed().as_secs_f64()))?;
    if stopped {
        return Err(Failure::stopped("stopped on request; the same command goes on from here"));
    }
    let failed = workers.standing().failed.max(standing.failed);
    if failed == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    if let Some((run, error)) = workers.standing().an_error.or(standing.an_error) {
        eprintln!("{} of the runs failed, run {run} for one: {error}", thousands(failed));
    }
    Ok(ExitCode::from(code::SOME_FAILED))
}

fn report(folder: &SweepFolder, standing: &Standing, total: u64, before: u64, seconds: f64) -> String {
    let done = standing.done();
    let rate = done.saturating_sub(before) as f64 / seconds.max(1e-3);
    format!(
        "runs     {} of {} done: {} finished, {} diverged, {} failed\ntime     {seconds:.1} s, {rate:.0} runs per second\nfiles    {}\n",
        thousands(done),
        thousands(total),
        thousands(standing.finished),
        thousands(standing.diverged),
        thousands(standing.failed),
        folder.path().join("chunks").display(),
    )
}

fn show(bar: &ProgressBar, standing: &Standing) {
    bar.inc(1);
    if standing.diverged + standing.failed > 0 && bar.position().is_multiple_of(16) {
        bar.set_message(shares(standing));
    }
}

/// The shares of a sweep that is under way.
fn shares(standing: &Standing) -> String {
    let diverged = percent(standing.diverged as f64 / standing.done().max(1) as f64);
    let failed = if standing.failed > 0 { format!(", {} failed", standing.failed) } else { String::new() };
    format!("{diverged} diverged{failed}")
}
