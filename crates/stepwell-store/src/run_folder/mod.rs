//! A folder of results, whichever command made it: `run.toml` says what it is about, `summary.json`, `records.csv` (or
//! `records.parquet`) and `snapshots.safetensors` hold the experiment, `sha256sums.txt` is written last.
//!
//! A folder is claimed for a question before anything is written. What is not ours is never touched, and of ours only files that
//! are as they were written are removed.

mod experiment;
mod heading;
mod sums;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub use self::experiment::{Format, read};
pub use self::heading::{Heading, Input, Kind, inputs};

use self::sums::Sums;
use crate::checkpoints;
use crate::digest::sha256;
use crate::error::StoreError;
use crate::folder::Folder;
use crate::kept;
use crate::lock::Lock;

/// The file that says what a folder is about.
pub const HEAD: &str = "run.toml";
/// Locked while somebody works on a folder; the file stays.
pub const LOCK: &str = ".stepwell-lock";

/// Which folder may be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// One that is empty or of the same question, which is completed: runs are deterministic.
    New,
    /// One of the same question only.
    Resume,
    /// One that is empty or of the same command: what was kept of it answers other questions too.
    Further,
    /// Any that is empty or ours: what is there is removed.
    Overwrite,
}

/// A folder that is claimed and locked.
pub struct RunFolder {
    folder: Folder,
    written: Mutex<Sums>,
    _lock: Lock,
}

impl RunFolder {
    /// Takes a folder for what `heading` asks.
    ///
    /// # Errors
    /// If it is somebody else's, of an earlier version, of another question, in use, or cannot be written to.
    pub fn claim(path: &Path, heading: &Heading, claim: Claim) -> Result<Self, StoreError> {
        let place = path.display();
        refuse_older(path)?;
        let there = head_of(path);
        if claim == Claim::Resume && there.is_none() {
            return Err(StoreError::usage(format!("{place} holds nothing to resume")));
        }
        if is_a_sweep(path) {
            return Err(StoreError::usage(format!("{place} holds a sweep; name another folder with --out")));
        }
        let folder = Folder::claim(path, |_| there.is_some())?;
        let busy = || StoreError::locked(format!("{place} is being worked on by another process"));
        let lock = Lock::take(&path.join(LOCK), true)?.ok_or_else(busy)?;
        folder.sweep_up();
        // once more, now that nobody else writes it
        let there = head_of(path);
        let difference = there.as_ref().and_then(|there| heading.difference(there));
        let same_kind = there.as_ref().is_none_or(|there| there.kind == heading.kind);
        let claimed = Self { folder, written: Mutex::default(), _lock: lock };
        match (difference, claim) {
            (_, Claim::Overwrite) => {
                claimed.forget()?;
                checkpoints::remove_all(path)?;
                kept::remove(path)?;
            }
            (None, _) => {}
            (Some(_), Claim::Further) if same_kind => claimed.forget()?,
            (Some(why), _) => {
                return Err(StoreError::usage(format!(
                    "{place} holds other results: {why} (see its {HEAD}); name another folder with --out, or --overwrite it"
                )));
            }
        }
        if there.as_ref() != Some(heading) {
            claimed.folder.remove(sums::FILE)?;
            claimed.folder.write(HEAD, heading.to_text().as_bytes())?;
        }
        Ok(claimed)
    }

    /// Removes the files of another question, as far as they are as they were written.
    fn forget(&self) -> Result<(), StoreError> {
        let path = self.path();
        for (name, sum) in sums::read(path).unwrap_or_default() {
            // the head stays until another one takes its place: it says that the folder is ours
            if name != HEAD && !name.contains('/') && sums::matches(path, &name, &sum) {
                self.folder.remove(&name)?;
            }
        }
        self.folder.remove(sums::FILE)
    }

    /// The folder's path.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file, whole or not at all.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        // until the end the folder is not complete
        self.folder.remove(sums::FILE)?;
        self.folder.write(name, bytes)?;
        self.written().insert(name.into(), sha256(bytes));
        Ok(())
    }

    /// Says that everything is written.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn finish(&self) -> Result<(), StoreError> {
        let place = self.path().join(HEAD);
        let head = self.folder.read(HEAD);
        let head = head.ok_or_else(|| StoreError::failed(format!("{}: is gone", place.display())))?;
        self.written().insert(HEAD.into(), sha256(&head));
        self.folder.write(sums::FILE, sums::to_text(&self.written()).as_bytes()).map(|_| ())
    }

    /// The names of the files that were written, in order.
    pub fn names(&self) -> Vec<String> {
        self.written().keys().cloned().collect()
    }

    fn written(&self) -> MutexGuard<'_, Sums> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a folder is about; `None` if it is none of ours, or a sweep's.
pub fn head_of(path: &Path) -> Option<Heading> {
    Heading::parse(&std::fs::read_to_string(path.join(HEAD)).ok()?)
}

/// Folders of earlier versions are neither read nor written.
///
/// # Errors
/// If it is one.
pub fn refuse_older(path: &Path) -> Result<(), StoreError> {
    if head_of(path).is_some() || is_a_sweep(path) {
        return Ok(());
    }
    let starts =
        |name: &str, start: &str| std::fs::read(path.join(name)).is_ok_and(|text| text.starts_with(start.as_bytes()));
    let has = |name: &str| path.join(name).exists();
    let figure = || {
        let text = std::fs::read(path.join("summary.json")).unwrap_or_default();
        text.windows(9).any(|window| window == b"\"version\"") && has("spec.toml") && has("records.csv")
    };
    let older = starts(HEAD, "# stepwell ")
        || starts("plan.toml", "# A frozen plan.")
        || (starts("phase.json", "{") || starts("advice.json", "{")) && has("spec.toml")
        || starts("advice.json", "{") && has("advised.toml")
        || has_trials(path)
        || figure();
    let place = path.display();
    if !older {
        return Ok(());
    }
    Err(StoreError::usage(format!(
        "{place} was made by an earlier version of stepwell, whose folders this one neither reads nor writes; name another folder, or \
         remove it"
    )))
}

/// Whether a folder is that of a sweep, whose `run.toml` is a plan.
pub fn is_a_sweep(path: &Path) -> bool {
    let first = std::fs::read_to_string(path.join(HEAD)).unwrap_or_default();
    first.lines().next().is_some_and(|line| line.starts_with("# stepwell ") && line.ends_with(" sweep"))
}

/// Runs of phase diagrams were kept in lines of a table, with what became of the run in the second column.
fn has_trials(path: &Path) -> bool {
    let fates = ["converges", "stabilizes", "diverges", "undecided"];
    let text = std::fs::read_to_string(path.join("trials.tsv")).unwrap_or_default();
    text.lines().any(|line| line.split('\t').nth(1).is_some_and(|word| fates.contains(&word)))
}
