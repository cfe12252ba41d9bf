//! Computes the missing chunks: threads take one after the other, finished ones are written while they go on.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::ProgressBar;
use stepwell_lab::drive::Watch;
use stepwell_store::checkpoints::Checkpoints;
use stepwell_store::pace::Clock;

use crate::checkpoint::{every, warn};
use crate::ensemble::Terminal;
use crate::failure::Failure;
use crate::interrupt;
use crate::sweep::chunk::{End, Preparations, RunEnd, compute};
use crate::sweep::chunk_file::to_bytes;
use crate::sweep::folder::{Standing, SweepFolder};
use stepwell_store::lock::Lock;

/// Threads that compute chunks.
pub struct Workers<'a> {
    folder: &'a SweepFolder,
    threads: usize,
    fail_fast: bool,
    bar: &'a ProgressBar,
    standing: Mutex<Standing>,
    preparations: Preparations,
    stopping: AtomicBool,
}

/// A chunk on its way to the disk; the lock goes with it.
type Finished = (u64, Vec<u8>, Lock);

/// How long to wait for chunks that other processes have in hand before looking again.
const PATIENCE: Duration = Duration::from_millis(100);

impl<'a> Workers<'a> {
    /// As many threads as the program may use. `standing` is what is done already.
    pub fn new(folder: &'a SweepFolder, fail_fast: bool, bar: &'a ProgressBar, standing: Standing) -> Self {
        Self {
            folder,
            threads: rayon::current_num_threads(),
            fail_fast,
            bar,
            standing: Mutex::new(standing),
            preparations: Preparations::default(),
            stopping: AtomicBool::new(false),
        }
    }

    /// Computes chunks until all of them have a file, a signal comes, or (with fail-fast) a run fails. Chunks that other
    /// processes have in hand are waited for, and taken over if these end without them.
    pub fn run(&self, chunks: &[u64]) -> Result<(), Failure> {
        let mut left = chunks.to_vec();
        while !left.is_empty() && !self.stops() {
            left = self.round(&left)?;
            if !left.is_empty() && !self.stops() {
                std::thread::sleep(PATIENCE);
            }
        }
        Ok(())
    }

    fn stops(&self) -> bool {
        self.stopping.load(Ordering::SeqCst) || interrupt::requested()
    }

    /// Goes through the chunks once; gives those that other processes have in hand.
    fn round(&self, chunks: &[u64]) -> Result<Vec<u64>, Failure> {
        let (next, elsewhere) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        let mut result = Ok(());
        std::thread::scope(|scope| {
            let (sender, receiver) = sync_channel::<Result<Finished, Failure>>(self.threads);
            for _ in 0..self.threads.min(chunks.len()) {
                let (sender, next, elsewhere) = (sender.clone(), &next, &elsewhere);
                scope.spawn(move || {
                    while let Some(chunk) = chunks.get(next.fetch_add(1, Ordering::SeqCst)) {
                        if self.stops() {
                            break;
                        }
                        self.take(*chunk, &sender, elsewhere);
                    }
                });
            }
            drop(sender);
            for finished in receiver {
                let written = finished.and_then(|(chunk, bytes, _lock)| {
                    self.folder.write(chunk, &bytes)?;
                    self.folder.remove_run_folder(chunk);
                    Ok(())
                });
                if written.is_err() && result.is_ok() {
                    self.stopping.store(true, Ordering::SeqCst);
                    result = written;
                }
            }
        });
        result?;
        let mut elsewhere = elsewhere.into_inner().unwrap_or_else(PoisonError::into_inner);
        elsewhere.sort_unstable();
        Ok(elsewhere)
    }

    fn take(&self, chunk: u64, sender: &SyncSender<Result<Finished, Failure>>, elsewhere: &Mutex<Vec<u64>>) {
        let message = match self.folder.lock(chunk) {
            Err(failure) => Err(failure),
            Ok(None) => return elsewhere.lock().unwrap_or_else(PoisonError::into_inner).push(chunk),
            Ok(Some(_)) if self.folder.has(chunk) => return self.count_of_others(chunk),
            Ok(Some(lock)) => {
                let seen = |end: &RunEnd| self.seen(end);
                // runs are counted by their ends, not by this one
                let hidden = ProgressBar::hidden();
                let terminal = Terminal { bar: &hidden, clock: Clock::start() };
                let kept = Checkpoints::new(&terminal, every(), &warn, |_| self.folder.run_folder(chunk));
                let watch: &dyn Watch = if self.folder.plan.long_runs { &kept } else { &terminal };
                match compute(&self.folder.plan, &self.preparations, chunk, &self.folder.hash, watch, seen) {
                    Ok(None) => return,
                    Ok(Some((rows, ends))) => to_bytes(&self.folder.hash, chunk, &rows, &ends)
                        .map(|bytes| (chunk, bytes, lock))
                        .map_err(|error| Failure::other(format!("chunk {chunk}: {error}"))),
                    Err(failure) => Err(failure),
                }
            }
        };
        // the receiver lives as long as the threads do
        let _ = sender.send(message);
    }

    /// Another process has computed the chunk meanwhile.
    fn count_of_others(&self, chunk: u64) {
        if let Ok(file) = self.folder.chunk(chunk) {
            for end in &file.ends {
                self.count(end);
            }
        }
    }

    /// Counts a run; false if it is the last one.
    fn seen(&self, end: &RunEnd) -> bool {
        self.count(end);
        if self.fail_fast && end.end == End::Failed {
            self.stopping.store(true, Ordering::SeqCst);
            return false;
        }
        // a failure elsewhere ends the runs in hand, a signal lets the chunk in hand be finished
        !self.stopping.load(Ordering::SeqCst)
    }

    fn count(&self, end: &RunEnd) {
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        standing.count(end);
        self.bar.inc(1);
        if standing.diverged + standing.failed > 0 && self.bar.position().is_multiple_of(16) {
            self.bar.set_message(shares(&standing));
        }
    }

    /// What is known of the runs so far.
    pub fn standing(&self) -> Standing {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The shares of a sweep that is under way.
pub fn shares(standing: &Standing) -> String {
    let diverged = stepwell::words::percent(standing.diverged as f64 / standing.done().max(1) as f64);
    let failed = if standing.failed > 0 { format!(", {} failed", standing.failed) } else { String::new() };
    format!("{diverged} diverged{failed}")
}
