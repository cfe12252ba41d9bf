//! Trainings side by side: as many at a time as there are threads and memory for, each with its share of the threads.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rayon::{ThreadPool, ThreadPoolBuilder};
use stepwell::spec::SpecError;
use stepwell_deep::engine::{Device, on_processor};
use stepwell_deep::memory::{TrainingMemory, available};
use stepwell_deep::training::TrainingSpec;

use crate::failure::Failure;

/// How many trainings run at a time. A quarter of a training's work is on one thread, so that trainings beside each other make more
/// of a machine than one on all of its threads; the bits are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SideBySide {
    /// Trainings at a time.
    pub trainings: usize,
    /// Threads of each.
    pub threads: usize,
}

impl SideBySide {
    /// For `runs` trainings of a spec; one after the other on a GPU.
    pub fn of(runs: usize, spec: &TrainingSpec, device: &Device) -> Result<Self, SpecError> {
        let threads = rayon::current_num_threads();
        if !on_processor(device) {
            return Ok(Self { trainings: 1, threads });
        }
        let needed = TrainingMemory::of(spec)?.total().max(1);
        let room = available().map_or(u64::MAX, |bytes| bytes / needed);
        Ok(Self::within(runs, threads, usize::try_from(room).unwrap_or(usize::MAX)))
    }

    fn within(runs: usize, threads: usize, room: usize) -> Self {
        let trainings = runs.min(threads).min(room).max(1);
        Self { trainings, threads: (threads / trainings).max(1) }
    }

    fn pool(self) -> Result<ThreadPool, Failure> {
        let pool = ThreadPoolBuilder::new().num_threads(self.threads).build();
        pool.map_err(|error| Failure::other(format!("threads cannot be started: {error}")))
    }

    /// Does something with the threads of one training.
    pub fn alone<T: Send>(self, what: impl FnOnce() -> T + Send) -> Result<T, Failure> {
        Ok(self.pool()?.install(what))
    }

    /// `train(0)`, `train(1)`.. up to `runs` of them, in this order; after a failure no further one begins.
    pub fn map<T: Send>(
        self,
        runs: usize,
        train: impl Fn(usize) -> Result<T, Failure> + Sync,
    ) -> Result<Vec<T>, Failure> {
        let next = AtomicUsize::new(0);
        let some = || {
            let mut done = Vec::new();
            loop {
                let k = next.fetch_add(1, Ordering::Relaxed);
                if k >= runs {
                    return Ok(done);
                }
                match train(k) {
                    Ok(one) => done.push((k, one)),
                    Err(failure) => {
                        next.store(runs, Ordering::Relaxed);
                        return Err(failure);
                    }
                }
            }
        };
        let lanes = thread::scope(|scope| {
            let lanes: Vec<_> = (0..self.trainings).map(|_| scope.spawn(|| self.alone(some)?)).collect();
            lanes.into_iter().map(|lane| lane.join().unwrap_or_else(|panic| resume_unwind(panic))).collect::<Vec<_>>()
        });
        let mut done = Vec::new();
        for lane in lanes {
            done.extend(lane?);
        }
        done.sort_by_key(|(k, _)| *k);
        Ok(done.into_iter().map(|(_, one)| one).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_and_memory_are_shared_out() {
        let within = |runs, threads, room| {
            let SideBySide { trainings, threads } = SideBySide::within(runs, threads, room);
            (trainings, threads)
        };
        assert_eq!(within(4, 2, 9), (2, 1));
        assert_eq!(within(4, 8, 9), (4, 2));
        assert_eq!(within(4, 9, 3), (3, 3));
        assert_eq!(within(4, 2, 1), (1, 2));
        assert_eq!(within(0, 2, 0), (1, 2));
    }

    #[test]
    fn results_are_in_order_and_a_failure_starts_no_more() {
        let two = SideBySide { trainings: 2, threads: 1 };
        assert_eq!(two.map(7, |k| Ok(k * k)).unwrap(), [0, 1, 4, 9, 16, 25, 36]);
        assert!(two.map(3, |_| Ok(rayon::current_num_threads())).unwrap().iter().all(|threads| *threads == 1));
        let begun = AtomicUsize::new(0);
        let failing = SideBySide { trainings: 1, threads: 1 }.map(9, |k| {
            begun.fetch_add(1, Ordering::Relaxed);
            if k == 2 { Err(Failure::input("no")) } else { Ok(()) }
        });
        assert!(failing.is_err());
        assert_eq!(begun.into_inner(), 3);
    }
}
