//! Folders of results: files appear whole or not at all (temporary file, fsync, rename, fsync of the folder).

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::error::StoreError;

/// A folder that results are written to.
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes the folder, and makes sure that files can be written there before any time is spent on computing them.
    pub fn create(path: &Path) -> Result<Self, StoreError> {
        let refuse = |why: String| StoreError::usage(format!("--out {}: {why}; name another folder", path.display()));
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

    /// The same where nobody else's files may be: a folder that is not empty must be ours.
    ///
    /// # Errors
    /// If it holds files and `is_ours` does not know it, before anything is written; and as of [`Folder::create`].
    pub fn claim(path: &Path, is_ours: impl FnOnce(&Path) -> bool) -> Result<Self, StoreError> {
        if !is_empty(path) && !is_ours(path) {
            let place = path.display();
            let why = format!("--out {place}: holds files that stepwell did not write there; name another folder");
            return Err(StoreError::usage(why));
        }
        Self::create(path)
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
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, StoreError> {
        let target = self.path.join(name);
        let failed = |error| StoreError::failed(format!("{}: {error}", target.display()));
        self.write_with::<StoreError>(&target, |mut file| file.write_all(bytes).map_err(failed))?;
        Ok(target)
    }

    /// Writes a file of this folder by `content`, whole or not at all.
    ///
    /// # Errors
    /// Those of `content`, or of the disk.
    pub fn write_with<E: From<StoreError>>(
        &self,
        target: &Path,
        content: impl FnOnce(&File) -> Result<(), E>,
    ) -> Result<(), E> {
        let failed = |error| StoreError::failed(format!("{}: {error}", target.display()));
        let file = tempfile::Builder::new().prefix(".stepwell-").tempfile_in(&self.path).map_err(failed)?;
        content(file.as_file())?;
        make_readable(file.as_file()).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
        file.persist(target).map_err(|error| failed(error.error))?;
        Ok(File::open(&self.path).and_then(|folder| folder.sync_all()).map_err(failed)?)
    }

    /// Removes a file, or a folder with all that is in it, where it is there.
    pub fn remove(&self, name: &str) -> Result<(), StoreError> {
        let path = self.path.join(name);
        let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        match removed {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(StoreError::failed(format!("{}: {error}", path.display())))
            }
            _ => Ok(()),
        }
    }

    /// Removes temporary files that killed processes left; only whoever holds the folder's lock may.
    pub fn sweep_up(&self) {
        for entry in fs::read_dir(&self.path).into_iter().flatten().flatten() {
            let name = entry.file_name();
            if name.as_encoded_bytes().starts_with(b".stepwell-") && name != ".stepwell-lock" {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// The bytes of a file, where it is there.
    pub fn read(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.path.join(name)).ok()
    }
}

/// Whether nothing is in a folder but what killed processes of ours left.
fn is_empty(path: &Path) -> bool {
    let mut entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.all(|entry| entry.file_name().as_encoded_bytes().starts_with(b".stepwell-"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_folder_leaves_nothing() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        fs::write(&file, "x").unwrap();
        assert!(Folder::create(&file).is_err());
        assert!(Folder::create(&file.join("below")).is_err());
        // what is not ours is neither written to nor emptied
        let refused = Folder::claim(root.path(), |_| false).err().unwrap();
        assert!(refused.message.contains("did not write there"), "{refused}");
        assert!(Folder::claim(root.path(), |_| true).is_ok());
        assert!(Folder::claim(&root.path().join("new"), |_| false).is_ok());
        let folder = Folder::create(&root.path().join("a/b")).unwrap();
        folder.write("x.txt", b"1").unwrap();
        folder.write("x.txt", b"2").unwrap();
        assert_eq!(folder.read("x.txt").unwrap(), b"2");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
