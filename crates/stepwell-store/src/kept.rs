//! Finished runs in one file: a watcher about another one, so that a call that was interrupted, killed or is made again computes
//! none of them twice.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use stepwell::container::Container;
use stepwell::outcome::Outcome;
use stepwell_lab::drive::{Drive, Job, Next, Pace, Watch};
use stepwell_lab::error::LabError;

use crate::digest::sha256;
use crate::error::StoreError;
use crate::frames::{frame_of, frames, next_frame};

/// The name of the file: one frame per run.
pub const FILE: &str = "outcomes.bin";
/// What tells the run apart from all others.
const RUN: &str = "stepwell.run";
/// A frame that was cut short may have so many bytes without its beginning.
const LEAST: usize = 64;

/// Keeps the outcomes of runs that `inner` watches, once they have come to their ends; not those with rows of numbers.
pub struct KeptOutcomes<'a> {
    inner: &'a dyn Watch,
    inputs: String,
    known: Mutex<HashMap<String, Outcome>>,
    file: Mutex<File>,
    path: PathBuf,
}

/// Removes the file of kept outcomes from a folder, unless it is somebody else's.
///
/// # Errors
/// If the disk refuses.
pub fn remove(folder: &Path) -> Result<(), StoreError> {
    let path = folder.join(FILE);
    let ours = std::fs::read(&path).is_ok_and(|bytes| bytes.is_empty() || next_frame(&bytes, 0).is_some());
    if !ours {
        return Ok(());
    }
    std::fs::remove_file(&path).map_err(|error| failed(&path, &error))
}

impl<'a> KeptOutcomes<'a> {
    /// Reads what is there, in a folder that is claimed and locked. Runs on other `inputs`, hashes of the files that the spec names,
    /// are other runs. A last frame that was cut short is dropped, one that is damaged is skipped.
    ///
    /// # Errors
    /// If the file cannot be read or written.
    pub fn open(inner: &'a dyn Watch, folder: &Path, inputs: &[String]) -> Result<Self, StoreError> {
        let path = folder.join(FILE);
        let fail = |error| failed(&path, &error);
        let mut file = File::options().create(true).read(true).append(true).open(&path).map_err(fail)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(fail)?;
        let (sound, whole) = frames(&bytes);
        if whole == 0 && bytes.len() > LEAST && next_frame(&bytes, 0).is_none() {
            let why = "was not written by stepwell; name another folder, or move it";
            return Err(StoreError::usage(format!("{}: {why}", path.display())));
        }
        if whole < bytes.len() {
            file.set_len(whole as u64).map_err(fail)?;
        }
        let of_run = |container: Container| Some((container.word(RUN).ok()?, Outcome::try_from(&container).ok()?));
        let known = sound.into_iter().filter_map(of_run).collect();
        let (known, file) = (Mutex::new(known), Mutex::new(file));
        Ok(Self { inner, inputs: inputs.join(" "), known, file, path })
    }

    /// Makes sure that what was kept survives a crash of the machine.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn sync(&self) -> Result<(), StoreError> {
        held(&self.file).sync_data().map_err(|error| failed(&self.path, &error))
    }

    /// A hash of what the run is.
    fn identity(&self, job: &Job<'_>) -> String {
        let (version, inputs, parameters) = (env!("CARGO_PKG_VERSION"), &self.inputs, job.keeps_parameters);
        sha256(format!("{version}\n{inputs}\nparameters: {parameters}\n{}", job.description).as_bytes())
    }

    /// Adds an outcome: in one write, so that a killed process leaves whole frames.
    fn keep(&self, identity: String, outcome: Outcome) -> Result<(), StoreError> {
        let mut container = Container::from(&outcome);
        container.metadata.insert(RUN.into(), identity.clone());
        let frame = frame_of(&container)?;
        held(&self.file).write_all(&frame).map_err(|error| failed(&self.path, &error))?;
        held(&self.known).insert(identity, outcome);
        Ok(())
    }
}

fn failed(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::failed(format!("{}: {error}", path.display()))
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watch for KeptOutcomes<'_> {
    fn known(&self, job: &Job<'_>) -> Result<Option<Outcome>, LabError> {
        let identity = self.identity(job);
        let known = held(&self.known).get(&identity).cloned();
        if known.is_some() { Ok(known) } else { self.inner.known(job) }
    }

    fn begins(&self, job: &Job<'_>, run: &mut dyn Drive) -> Result<(), LabError> {
        self.inner.begins(job, run)
    }

    fn look(&self, job: &Job<'_>, run: &dyn Drive, pace: &mut Pace) -> Result<Next, LabError> {
        self.inner.look(job, run, pace)
    }

    fn ended(&self, job: &Job<'_>, run: &dyn Drive, outcome: &Outcome, pace: &Pace) -> Result<(), LabError> {
        // rows of numbers would take more room than time
        if outcome.has_ended() && outcome.records.series.iter().all(|series| series.width == 1) {
            self.keep(self.identity(job), outcome.clone())?;
        }
        self.inner.ended(job, run, outcome, pace)
    }

    fn starts_more(&self) -> bool {
        self.inner.starts_more()
    }

    fn expects(&self, count: u64, what: &str) {
        self.inner.expects(count, what);
    }

    fn done(&self) {
        self.inner.done();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use stepwell::spec::{NoFiles, Prepared, Spec};
    use stepwell_lab::drive::{ToTheEnd, one};

    use super::*;

    const SPEC: &str = r#"
        steps = 30
        model = "diagonal_linear"
        loss = "half_mean_square"
        data.sparse_regression = { n = 5, d = 4, sparsity = 1, test = 5 }
        init.diagonal = { u = 0.1, v = 0.0 }
        dynamics.sgd = {}
        schedule.step_size = 0.1
    "#;

    fn prepared() -> Prepared {
        Spec::from_toml(SPEC).unwrap().prepare(&NoFiles).unwrap()
    }

    /// The outcome of a seed, and how many runs were opened for it.
    fn outcome(watch: &dyn Watch, seed: u64) -> (Outcome, usize) {
        let (prepared, opened) = (prepared(), AtomicUsize::new(0));
        let open = || {
            opened.fetch_add(1, Ordering::Relaxed);
            Ok(prepared.session(seed)?)
        };
        let found = one(&Job::new("a", seed, format!("seed {seed}"), open), watch).unwrap();
        (found, opened.load(Ordering::Relaxed))
    }

    fn bytes_of(folder: &Path) -> Vec<u8> {
        std::fs::read(folder.join(FILE)).unwrap()
    }

    fn opened(folder: &Path, seed: u64) -> usize {
        outcome(&KeptOutcomes::open(&ToTheEnd, folder, &[]).unwrap(), seed).1
    }

    /// A folder with the runs of the seeds 1, 2 and 3, and the bytes of its file.
    fn three() -> (tempfile::TempDir, PathBuf, Vec<u8>) {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().to_path_buf();
        let kept = KeptOutcomes::open(&ToTheEnd, &folder, &[]).unwrap();
        for seed in 1..=3 {
            assert_eq!(outcome(&kept, seed).1, 1);
        }
        kept.sync().unwrap();
        let bytes = bytes_of(&folder);
        (root, folder, bytes)
    }

    #[test]
    fn outcomes_come_back_and_nothing_is_computed_twice() {
        let (_root, folder, bytes) = three();
        let kept = KeptOutcomes::open(&ToTheEnd, &folder, &[]).unwrap();
        for seed in 1..=3 {
            let again = outcome(&ToTheEnd, seed).0;
            // NaN is not itself, its words are
            assert_eq!(format!("{:?}", outcome(&kept, seed)), format!("{:?}", (again, 0)));
        }
        // a run of this very call is known, too
        assert_eq!((outcome(&kept, 4).1, outcome(&kept, 4).1), (1, 0));
        drop(kept);
        assert!(bytes_of(&folder).starts_with(&bytes));
    }

    struct AtOnce;

    impl Watch for AtOnce {
        fn look(&self, _: &Job<'_>, _: &dyn Drive, _: &mut Pace) -> Result<Next, LabError> {
            Ok(Next::Stop)
        }
    }

    #[test]
    fn a_run_that_was_stopped_is_not_kept() {
        let (_root, folder, bytes) = three();
        let kept = KeptOutcomes::open(&AtOnce, &folder, &[]).unwrap();
        assert!(outcome(&kept, 1).0.has_ended() && !outcome(&kept, 4).0.has_ended());
        assert_eq!(bytes_of(&folder), bytes);
    }

    #[test]
    fn what_was_cut_short_is_dropped_and_what_is_damaged_is_skipped() {
        let (_root, folder, bytes) = three();
        std::fs::write(folder.join(FILE), &bytes[..bytes.len() - 1]).unwrap();
        assert_eq!((opened(&folder, 2), opened(&folder, 3)), (0, 1));
        assert_eq!(bytes_of(&folder), bytes);
        let mut damaged = bytes.clone();
        damaged[bytes.len() / 2] ^= 1;
        std::fs::write(folder.join(FILE), &damaged).unwrap();
        assert_eq!((opened(&folder, 1), opened(&folder, 3)), (0, 0));
        assert_eq!((opened(&folder, 2), opened(&folder, 2)), (1, 0));
    }

    #[test]
    fn other_inputs_are_other_runs() {
        let (_root, folder, ..) = three();
        let mut counts = Vec::new();
        for content in ["1", "2", "1"] {
            let input = sha256(content.as_bytes());
            counts.push(outcome(&KeptOutcomes::open(&ToTheEnd, &folder, &[input]).unwrap(), 1).1);
        }
        assert_eq!(counts, [1, 1, 0]);
    }

    #[test]
    fn what_is_not_ours_is_not_removed() {
        let (_root, folder, ..) = three();
        let path = folder.join(FILE);
        remove(&folder).unwrap();
        assert!(!path.exists());
        std::fs::write(&path, "precious").unwrap();
        remove(&folder).unwrap();
        assert!(path.exists());
    }
}
