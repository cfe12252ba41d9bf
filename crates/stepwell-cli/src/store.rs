//! Folders of results: files appear whole or not at all (temporary file, fsync, rename, fsync of the folder).

use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use stepwell::record::Records;

use crate::failure::Failure;

/// A folder that results are written to.
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes the folder, and makes sure that files can be written there before any time is spent on computing them.
    pub fn create(path: &Path) -> Result<Self, Failure> {
        let refuse = |why: String| Failure::usage(format!("--out {}: {why}; name another folder", path.display()));
        if path.exists() && !path.is_dir() {
            return Err(refuse("is a file, expected a folder".into()));
        }
        let made = first_missing(path);
        fs::create_dir_all(path).map_err(|error| refuse(format!("cannot be made: {error}")))?;
        if let Err(error) = tempfile::tempfile_in(path) {
            remove_empty(made.as_deref(), path);
            return Err(refuse(format!("cannot be written to: {error}")));
        }
        Ok(Self { path: path.to_path_buf() })
    }

    /// A folder that is taken to be there, or is made later by [`Folder::create`].
    pub fn unchecked(path: &Path) -> Self {
        Self { path: path.to_path_buf() }
    }

    /// The folder's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file whole or not at all.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, Failure> {
        let target = self.path.join(name);
        let failed = |error| Failure::other(format!("{}: {error}", target.display()));
        self.write_with(&target, |mut file| file.write_all(bytes).map_err(failed))?;
        Ok(target)
    }

    /// Writes a file of this folder by `content`, whole or not at all.
    pub fn write_with(&self, target: &Path, content: impl FnOnce(&File) -> Result<(), Failure>) -> Result<(), Failure> {
        let failed = |error| Failure::other(format!("{}: {error}", target.display()));
        let file = tempfile::Builder::new().prefix(".stepwell-").tempfile_in(&self.path).map_err(failed)?;
        content(file.as_file())?;
        make_readable(file.as_file()).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
        file.persist(target).map_err(|error| failed(error.error))?;
        File::open(&self.path).and_then(|folder| folder.sync_all()).map_err(failed)
    }

    /// Removes a file, or a folder with all that is in it, where it is there.
    pub fn remove(&self, name: &str) -> Result<(), Failure> {
        let path = self.path.join(name);
        let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        match removed {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(Failure::other(format!("{}: {error}", path.display())))
            }
            _ => Ok(()),
        }
    }

    /// The bytes of a file, where it is there.
    pub fn read(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.path.join(name)).ok()
    }
}

/// A lock that ends with its owner, however that ends.
pub struct Lock {
    _file: File,
    path: Option<PathBuf>,
}

impl Lock {
    /// Takes the lock of a file, alone or shared with others; `None` if another process holds it. A file system without
    /// locks gives it to everyone: computing something twice is harmless.
    pub fn take(path: &Path, alone: bool) -> Result<Option<Self>, Failure> {
        let file = File::options().create(true).append(true).open(path);
        let file = file.map_err(|error| Failure::other(format!("{}: {error}", path.display())))?;
        Ok(match if alone { file.try_lock() } else { file.try_lock_shared() } {
            Err(TryLockError::WouldBlock) => None,
            Ok(()) | Err(TryLockError::Error(_)) => Some(Self { _file: file, path: None }),
        })
    }

    /// The same; its file is removed in the end.
    pub fn take_and_remove(path: &Path) -> Result<Option<Self>, Failure> {
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

/// Temporary files are private; results are as readable as other files of the user.
#[cfg(unix)]
fn make_readable(file: &File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn make_readable(_: &File) -> std::io::Result<()> {
    Ok(())
}

/// The first folder on the way to `path` that is not there yet.
fn first_missing(path: &Path) -> Option<PathBuf> {
    path.ancestors()
        .filter(|ancestor| !ancestor.as_os_str().is_empty() && !ancestor.exists())
        .last()
        .map(Path::to_path_buf)
}

/// Removes the empty folders that were made from `made` down to `path`.
fn remove_empty(made: Option<&Path>, path: &Path) {
    let Some(made) = made else { return };
    for folder in path.ancestors().take_while(|folder| folder.starts_with(made)) {
        if fs::remove_dir(folder).is_err() {
            return;
        }
    }
}

/// The first columns of a run's rows, for [`append_csv`]: its label, quoted, and its seed.
pub fn run_prefix(label: &str, seed: impl std::fmt::Display) -> String {
    format!("\"{}\",{seed},", label.replace('"', "\"\""))
}

/// Adds the records of one run as tidy rows `prefix,step,series,value`; NaN and infinities are written as such.
pub fn append_csv(out: &mut String, prefix: &str, records: &Records) {
    use std::fmt::Write;
    for series in &records.series {
        for (step, value) in series.steps.iter().zip(&series.values) {
            let _ = writeln!(out, "{prefix}{step},{},{value:?}", series.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_the_csv_to_the_bit() {
        let mut records = Records::default();
        let values = [1.4216162873995314e-06, f64::NAN, f64::INFINITY, -0.0, 5e-324];
        for (step, value) in values.into_iter().enumerate() {
            records.push("train_loss", step as u64, value);
        }
        let mut csv = String::new();
        append_csv(&mut csv, "7,", &records);
        let back: Vec<f64> = csv.lines().map(|line| line.rsplit(',').next().unwrap().parse().unwrap()).collect();
        assert_eq!(csv.lines().next(), Some("7,0,train_loss,1.4216162873995314e-6"));
        for (a, b) in values.iter().zip(back) {
            assert!(a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan());
        }
    }

    #[test]
    fn a_refused_folder_leaves_nothing() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        fs::write(&file, "x").unwrap();
        assert!(Folder::create(&file).is_err());
        assert!(Folder::create(&file.join("below")).is_err());
        let folder = Folder::create(&root.path().join("a/b")).unwrap();
        folder.write("x.txt", b"1").unwrap();
        folder.write("x.txt", b"2").unwrap();
        assert_eq!(folder.read("x.txt").unwrap(), b"2");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
