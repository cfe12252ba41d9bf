//! Locks that end with their owner, however that ends.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use crate::error::StoreError;

/// A lock that ends with its owner, however that ends.
pub struct Lock {
    _file: File,
    path: Option<PathBuf>,
}

impl Lock {
    /// Takes the lock of a file, alone or shared with others; `None` if another process holds it. A file system without
    /// locks gives it to everyone: computing something twice is harmless.
    pub fn take(path: &Path, alone: bool) -> Result<Option<Self>, StoreError> {
        let file = File::options().create(true).append(true).open(path);
        let file = file.map_err(|error| StoreError::failed(format!("{}: {error}", path.display())))?;
        Ok(match if alone { file.try_lock() } else { file.try_lock_shared() } {
            Err(TryLockError::WouldBlock) => None,
            Ok(()) | Err(TryLockError::Error(_)) => Some(Self { _file: file, path: None }),
        })
    }

    /// The same; its file is removed in the end.
    pub fn take_and_remove(path: &Path) -> Result<Option<Self>, StoreError> {
        let mut lock = Self::take(path, true)?;
        if let Some(lock) = &mut lock {
            lock.path = Some(path.to_path_buf());
        }
        Ok(lock)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Whoever opened the file before may lock what is no longer there, and compute the same bytes again.
        if let Some(path) = &self.path {
            let _ = fs::remove_file(path);
        }
    }
}
