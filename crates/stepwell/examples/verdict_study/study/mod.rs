//! How often the verdicts err, and how often intervals hold the truth, over simulated and recorded runs whose truth is known.

pub mod coverage;
pub mod ensembles;
pub mod growth;
pub mod logs;
pub mod noise;
pub mod recorded;
pub mod signs;
pub mod table;

use std::ops::Range;

/// How much is simulated.
#[derive(Clone, Copy)]
pub struct Size {
    /// Logs of each kind.
    pub logs: u64,
    /// Real runs.
    pub runs: u64,
    /// Ensembles of each kind.
    pub ensembles: u64,
    /// Truths of each kind of interval.
    pub truths: u64,
}

/// What `f` makes of each case, in their order, on all cores.
pub fn each<T: Send>(cases: Range<u64>, f: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let share = (cases.end - cases.start).div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        let f = &f;
        let parts = (0..threads).map(|k| {
            let from = (cases.start + k * share).min(cases.end);
            let part = from..(from + share).min(cases.end);
            scope.spawn(move || part.map(f).collect::<Vec<T>>())
        });
        let running: Vec<_> = parts.collect();
        running.into_iter().flat_map(|part| part.join().expect("a case panicked")).collect()
    })
}
