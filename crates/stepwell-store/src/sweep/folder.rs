//! The folder of a sweep: its plan, a file per chunk, and locks. It alone says what is done.

use std::fs;
use std::path::{Path, PathBuf};

use stepwell_lab::sweep::plan::Plan;
use stepwell_lab::sweep::runs::RunEntry;

use super::chunk_file::ChunkFile;
use super::estimate::estimate;
use super::frozen::{freeze, thaw};
use crate::checkpoints;
use crate::error::StoreError;
use crate::folder::Folder;
use crate::lock::Lock;
use crate::run_folder::{HEAD, LOCK, head_of, refuse_older};

/// A folder with a frozen plan.
pub struct SweepFolder {
    path: PathBuf,
    chunks: Folder,
    /// The plan.
    pub plan: Plan,
    /// Its hash.
    pub hash: String,
}

/// How a sweep stands, counted in runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Runs that took all their steps.
    pub finished: u64,
    /// Runs that diverged.
    pub diverged: u64,
    /// Runs that could not be computed.
    pub failed: u64,
    /// Chunks without a file.
    pub missing: Vec<u64>,
    /// Chunks with a damaged file, and what is wrong.
    pub corrupt: Vec<(u64, String)>,
    /// A message of a failed run.
    pub an_error: Option<(u64, String)>,
}

impl Standing {
    /// Runs that have a result.
    pub fn done(&self) -> u64 {
        self.finished + self.diverged + self.failed
    }

    /// Counts a run.
    pub fn count(&mut self, entry: &RunEntry) {
        if entry.has_failed() {
            self.failed += 1;
            self.an_error.get_or_insert_with(|| (entry.run, entry.error.clone()));
        } else if entry.diverged() {
            self.diverged += 1;
        } else {
            self.finished += 1;
        }
    }
}

impl SweepFolder {
    /// Freezes a plan in a folder. One that holds the same plan is taken as it is; one with another plan is refused as
    /// soon as it has results. Where the sweep's file leaves it open, it is decided here whether the runs are long.
    pub fn freeze(path: &Path, mut plan: Plan, open: bool) -> Result<Self, StoreError> {
        refuse_older(path)?;
        if let Some(there) = head_of(path) {
            let (place, kind) = (path.display(), there.kind.name());
            let why = format!("{place} holds results of `stepwell {kind}`; name another folder with --out");
            return Err(StoreError::usage(why));
        }
        let folder =
            Folder::claim(path, |path| fs::read_to_string(path.join(HEAD)).is_ok_and(|text| thaw(&text).is_ok()))?;
        if open {
            // what was decided once stays so, however fast the machine is today
            let there = folder.read(HEAD).and_then(|text| thaw(&String::from_utf8(text).ok()?).ok());
            let (there, long) = (there.map(|(plan, _)| plan), plan.with_long_runs());
            if there.as_ref() == Some(&long) || there.as_ref() != Some(&plan) && takes_long(&plan)? {
                plan = long;
            }
        }
        let (text, _) = freeze(&plan)?;
        if folder.read(HEAD).as_deref() != Some(text.as_bytes()) {
            let _alone = lock_whole(path, true)?;
            // once more, now that nobody else writes it
            if folder.read(HEAD).is_some_and(|there| there != text.as_bytes()) && has_results(path) {
                return Err(StoreError::usage(format!(
                    "{} was started by another plan (see its {HEAD}); name another folder with --out, or remove it",
                    path.display()
                )));
            }
            folder.write(HEAD, text.as_bytes())?;
        }
        Self::open(path)
    }

    /// Opens a folder with a plan.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        refuse_older(path)?;
        let place = path.join(HEAD);
        let text = fs::read_to_string(&place).map_err(|error| {
            StoreError::usage(format!(
                "{}: {error}; expected the folder of a sweep (see `stepwell sweep plan`)",
                place.display()
            ))
        })?;
        let (plan, hash) = thaw(&text).map_err(|why| StoreError::corrupt(format!("{}: {why}", place.display())))?;
        let chunks = Folder::unchecked(&path.join("chunks"));
        Ok(Self { path: path.to_path_buf(), chunks, plan, hash })
    }

    /// The folder's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the place where chunks are written, and keeps others from removing any while the lock lives.
    pub fn work_on(&self) -> Result<Lock, StoreError> {
        let lock = lock_whole(&self.path, false)?;
        Folder::create(self.chunks.path())?;
        Ok(lock)
    }

    /// Removes chunks, if nobody works on the folder.
    pub fn remove(&self, chunks: &[u64]) -> Result<(), StoreError> {
        let _alone = lock_whole(&self.path, true)?;
        for chunk in chunks {
            let path = self.chunk_path(*chunk);
            fs::remove_file(&path).map_err(|error| StoreError::failed(format!("{}: {error}", path.display())))?;
        }
        Ok(())
    }

    /// The file of a chunk.
    pub fn chunk_path(&self, chunk: u64) -> PathBuf {
        self.chunks.path().join(chunk_name(chunk))
    }

    /// Whether a chunk has a file.
    pub fn has(&self, chunk: u64) -> bool {
        self.chunk_path(chunk).exists()
    }

    /// The chunks that have a file: all of them, unless `partial`.
    ///
    /// # Errors
    /// If some are missing.
    pub fn computed(&self, partial: bool) -> Result<Vec<u64>, StoreError> {
        let all = self.plan.chunks();
        let chunks: Vec<u64> = (0..all).filter(|chunk| self.has(*chunk)).collect();
        let absent = all - chunks.len() as u64;
        if absent == 0 || partial {
            return Ok(chunks);
        }
        Err(StoreError::failed(format!(
            "{absent} of {all} chunks are not computed yet; `stepwell sweep run {}` computes them, --partial does without",
            self.path.display()
        )))
    }

    /// Opens the file of a chunk.
    pub fn chunk(&self, chunk: u64) -> Result<ChunkFile, String> {
        ChunkFile::open(&self.chunk_path(chunk), &self.hash, chunk, self.plan.runs_of(chunk))
    }

    /// Writes the file of a chunk, whole or not at all.
    pub fn write(&self, chunk: u64, bytes: &[u8]) -> Result<(), StoreError> {
        match self.chunks.write(&chunk_name(chunk), bytes) {
            Err(failure) if !self.has(chunk) => Err(failure),
            // written here, or by another process with the same bytes
            _ => Ok(()),
        }
    }

    /// Takes a chunk; `None` if another process has it.
    pub fn lock(&self, chunk: u64) -> Result<Option<Lock>, StoreError> {
        let taken = if self.plan.long_runs {
            Folder::create(&self.run_folder(chunk))
                .and_then(|folder| Lock::take_and_remove(&folder.path().join("lock")))
        } else {
            Lock::take_and_remove(&self.chunks.path().join(format!("{}.lock", chunk_name(chunk))))
        };
        match taken {
            // whoever has written the chunk removes the folder of its run
            Err(_) if self.has(chunk) => Ok(None),
            taken => taken,
        }
    }

    /// The folder of a long run, for its lock and its checkpoint. Such a run is a chunk of its own.
    pub fn run_folder(&self, run: u64) -> PathBuf {
        self.path.join(checkpoints::RUNS).join(format!("{run:05}"))
    }

    /// Removes the folder of a long run whose chunk is written.
    pub fn remove_run_folder(&self, run: u64) {
        if self.plan.long_runs {
            let _ = checkpoints::remove_run(&self.run_folder(run));
        }
    }

    /// Long runs that have a checkpoint, with the number of steps that they have taken.
    pub fn under_way(&self) -> Vec<(u64, u64)> {
        let entries = fs::read_dir(self.path.join(checkpoints::RUNS)).into_iter().flatten().flatten();
        let one = |entry: fs::DirEntry| {
            let run = entry.file_name().to_str()?.parse().ok()?;
            Some((run, checkpoints::steps_taken(&entry.path())?))
        };
        let mut all: Vec<(u64, u64)> = entries.filter_map(one).filter(|(run, _)| !self.has(*run)).collect();
        all.sort_unstable();
        all
    }

    /// Reads the footers of all chunks.
    pub fn standing(&self) -> Standing {
        self.standing_of(0..self.plan.chunks())
    }

    /// Reads the footers of some chunks.
    pub fn standing_of(&self, chunks: impl IntoIterator<Item = u64>) -> Standing {
        let mut standing = Standing::default();
        for chunk in chunks {
            if !self.has(chunk) {
                standing.missing.push(chunk);
                continue;
            }
            match self.chunk(chunk) {
                Ok(file) => file.entries.iter().for_each(|entry| standing.count(entry)),
                Err(why) => standing.corrupt.push((chunk, why)),
            }
        }
        standing
    }

    /// Removes what killed processes left behind, once nobody needs it any more.
    pub fn tidy(&self) {
        let _ = checkpoints::remove_all(&self.path);
        let Ok(entries) = fs::read_dir(self.chunks.path()) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name();
            if name.as_encoded_bytes().starts_with(b".stepwell-") || name.as_encoded_bytes().ends_with(b".lock") {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// Runs are long if one of those that are tried is estimated to take more seconds than this on one core.
pub const LONG: f64 = 60.0;

fn takes_long(plan: &Plan) -> Result<bool, StoreError> {
    Ok(estimate(plan)?.longest_run > LONG)
}

fn chunk_name(chunk: u64) -> String {
    format!("{chunk:05}.parquet")
}

fn has_results(path: &Path) -> bool {
    let entries = fs::read_dir(path.join("chunks"));
    entries.is_ok_and(|entries| entries.flatten().any(|entry| entry.path().extension().is_some_and(|e| e == "parquet")))
}

/// A lock of the whole folder: shared by those who compute, alone for those who remove.
fn lock_whole(path: &Path, alone: bool) -> Result<Lock, StoreError> {
    Lock::take(&path.join(LOCK), alone)?.ok_or_else(|| {
        StoreError::locked(format!(
            "{} is being worked on by another process; try again when it has ended",
            path.display()
        ))
    })
}
