//! Computes the missing chunks: threads take one after the other, finished ones are written while they go on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use stepwell::record::Records;
use stepwell_lab::drive::Watch;
use stepwell_lab::error::LabError;
use stepwell_lab::sweep::runs::{Preparations, RunEntry, run};

use super::chunk_file::to_bytes;
use super::folder::{Standing, SweepFolder};
use crate::arrays::Files;
use crate::checkpoints::Checkpoints;
use crate::error::StoreError;
use crate::lock::Lock;

/// How chunks are computed.
pub struct Orders<'a> {
    /// Threads.
    pub threads: usize,
    /// Whether the first run that fails ends it all.
    pub fail_fast: bool,
    /// Watches each run.
    pub watch: &'a dyn Watch,
    /// Whether no more chunks are to be begun.
    pub stopped: &'a (dyn Fn() -> bool + Sync),
    /// Told of each run that has ended, with how the sweep stands then.
    pub seen: &'a (dyn Fn(&Standing) + Sync),
    /// Seconds between checkpoints of long runs.
    pub every: f64,
    /// Told of checkpoints that are of no use.
    pub warn: &'a (dyn Fn(&str) + Sync),
}

/// Threads that compute chunks.
pub struct Workers<'a> {
    folder: &'a SweepFolder,
    orders: Orders<'a>,
    standing: Mutex<Standing>,
    preparations: Preparations<'a>,
    stopping: AtomicBool,
}

/// A chunk on its way to the disk; the lock goes with it.
type Finished = (u64, Vec<u8>, Lock);

/// How long to wait for chunks that other processes have in hand before looking again.
const PATIENCE: Duration = Duration::from_millis(100);

impl<'a> Workers<'a> {
    /// Of a folder; `standing` is what is done already.
    pub fn new(folder: &'a SweepFolder, orders: Orders<'a>, standing: Standing) -> Self {
        let (standing, preparations) = (Mutex::new(standing), Preparations::new(&Files));
        Self { folder, orders, standing, preparations, stopping: AtomicBool::new(false) }
    }

    /// Computes chunks until all of them have a file, a signal comes, or (with fail-fast) a run fails. Chunks that other
    /// processes have in hand are waited for, and taken over if these end without them.
    ///
    /// # Errors
    /// What the disk or the watcher refused.
    pub fn run(&self, chunks: &[u64]) -> Result<(), LabError> {
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
        self.stopping.load(Ordering::SeqCst) || (self.orders.stopped)()
    }

    /// Goes through the chunks once; gives those that other processes have in hand.
    fn round(&self, chunks: &[u64]) -> Result<Vec<u64>, LabError> {
        let (next, elsewhere) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        let mut result = Ok(());
        std::thread::scope(|scope| {
            let (sender, receiver) = sync_channel::<Result<Finished, LabError>>(self.orders.threads);
            for _ in 0..self.orders.threads.min(chunks.len()) {
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

    fn take(&self, chunk: u64, sender: &SyncSender<Result<Finished, LabError>>, elsewhere: &Mutex<Vec<u64>>) {
        let message = match self.folder.lock(chunk) {
            Ok(None) => return elsewhere.lock().unwrap_or_else(PoisonError::into_inner).push(chunk),
            Ok(Some(_)) if self.folder.has(chunk) => return self.count_of_others(chunk),
            Ok(Some(lock)) => {
                let watch = self.orders.watch;
                let kept =
                    Checkpoints::new(watch, self.orders.every, self.orders.warn, |_| self.folder.run_folder(chunk));
                match self.compute(chunk, if self.folder.plan.long_runs { &kept } else { watch }) {
                    Ok(None) => return,
                    Ok(Some((rows, entries))) => to_bytes(&self.folder.hash, chunk, &rows, &entries)
                        .map(|bytes| (chunk, bytes, lock))
                        .map_err(|error| StoreError::failed(format!("chunk {chunk}: {error}")).into()),
                    Err(error) => Err(error),
                }
            }
            Err(error) => Err(error.into()),
        };
        // the receiver lives as long as the threads do
        let _ = sender.send(message);
    }

    /// Computes a chunk's runs one after the other; `None` if it was stopped on the way.
    fn compute(&self, chunk: u64, watch: &dyn Watch) -> Result<Option<Computed>, LabError> {
        let (mut rows, mut entries) = (Vec::new(), Vec::new());
        for number in self.folder.plan.runs_of(chunk) {
            let one = || run(&self.folder.plan, &self.preparations, number, &self.folder.hash, watch);
            let ended = match catch_unwind(AssertUnwindSafe(one)) {
                Ok(ended) => ended?,
                Err(panic) => Some((RunEntry::failed(number, panic_text(&*panic)), Records::default())),
            };
            let Some((entry, records)) = ended else { return Ok(None) };
            let goes_on = self.seen(&entry);
            rows.push((number, records));
            entries.push(entry);
            if !goes_on {
                return Ok(None);
            }
        }
        Ok(Some((rows, entries)))
    }

    /// Another process has computed the chunk meanwhile.
    fn count_of_others(&self, chunk: u64) {
        if let Ok(file) = self.folder.chunk(chunk) {
            for entry in &file.entries {
                self.count(entry);
            }
        }
    }

    /// Counts a run; false if it is the last one.
    fn seen(&self, entry: &RunEntry) -> bool {
        self.count(entry);
        if self.orders.fail_fast && entry.has_failed() {
            self.stopping.store(true, Ordering::SeqCst);
            return false;
        }
        // a failure elsewhere ends the runs in hand, a signal lets the chunk in hand be finished
        !self.stopping.load(Ordering::SeqCst)
    }

    fn count(&self, entry: &RunEntry) {
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        standing.count(entry);
        (self.orders.seen)(&standing);
    }

    /// What is known of the runs so far.
    pub fn standing(&self) -> Standing {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Records and entries of a chunk's runs.
type Computed = (Vec<(u64, Records)>, Vec<RunEntry>);

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    format!("the program failed: {}", text.unwrap_or("panic"))
}
