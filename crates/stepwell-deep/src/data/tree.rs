//! The files of a data set, unpacked in a folder or still in their archive.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use zip::ZipArchive;

use super::DataError;

/// No archive of a data set unpacks to more bytes than this.
const LARGEST_ARCHIVE: u64 = 1 << 30;

/// Files by name, wherever they are. Names use `/` and are relative to the data set's own folder.
pub enum Tree {
    /// A folder.
    Folder(PathBuf),
    /// Members of a `.tar.gz`, read at once.
    Tar {
        /// The archive.
        archive: PathBuf,
        /// Its members that were asked for.
        members: BTreeMap<String, Vec<u8>>,
    },
    /// A `.zip`, read member by member.
    Zip {
        /// The archive.
        archive: PathBuf,
        /// The folder at its top, with a `/`.
        top: String,
        /// Its directory.
        zip: Box<ZipArchive<BufReader<File>>>,
    },
}

impl Tree {
    /// The members `wanted` of a `.tar.gz` whose files are in a folder `top`. Members that are not there are missed when
    /// they are read.
    ///
    /// # Errors
    /// If the archive cannot be opened or is damaged.
    pub fn open_tar(archive: &Path, top: &str, wanted: &[String]) -> Result<Self, DataError> {
        let place = &archive.display();
        let file = File::open(archive).map_err(|error| DataError::io(place, &error))?;
        let mut reader = GzDecoder::new(BufReader::new(file)).take(LARGEST_ARCHIVE);
        let members = tar_members(&mut reader, top, wanted)
            .map_err(|error| DataError::damaged(place, format!("not a readable .tar.gz archive ({error})")))?;
        Ok(Self::Tar { archive: archive.to_path_buf(), members })
    }

    /// A `.zip` whose files are in a folder `top`.
    ///
    /// # Errors
    /// If the archive cannot be opened or its directory is damaged.
    pub fn open_zip(archive: &Path, top: &str) -> Result<Self, DataError> {
        let place = &archive.display();
        let file = File::open(archive).map_err(|error| DataError::io(place, &error))?;
        let zip = ZipArchive::new(BufReader::new(file))
            .map_err(|error| DataError::damaged(place, format!("not a readable .zip archive ({error})")))?;
        Ok(Self::Zip { archive: archive.to_path_buf(), top: format!("{top}/"), zip: Box::new(zip) })
    }

    /// How a file is named in messages.
    pub fn place(&self, name: &str) -> String {
        match self {
            Self::Folder(folder) => folder.join(name).display().to_string(),
            Self::Tar { archive, .. } | Self::Zip { archive, .. } => format!("{}, {name}", archive.display()),
        }
    }

    /// A file of at most `limit` bytes.
    ///
    /// # Errors
    /// If it is missing, larger, or damaged.
    pub fn read(&mut self, name: &str, limit: usize) -> Result<Vec<u8>, DataError> {
        let place = self.place(name);
        let mut bytes = Vec::new();
        let take = limit as u64 + 1;
        match self {
            Self::Folder(folder) => {
                let file = File::open(folder.join(name)).map_err(|error| DataError::io(&place, &error))?;
                file.take(take).read_to_end(&mut bytes).map_err(|error| DataError::io(&place, &error))?;
            }
            Self::Tar { members, .. } => {
                bytes = members.remove(name).ok_or_else(|| DataError::missing(&place, "is not in the archive"))?;
            }
            Self::Zip { top, zip, .. } => {
                let member = zip.by_name(&format!("{top}{name}")).map_err(|error| match error {
                    zip::result::ZipError::FileNotFound => DataError::missing(&place, "is not in the archive"),
                    other => DataError::damaged(&place, format!("cannot be unpacked ({other})")),
                })?;
                let read = member.take(take).read_to_end(&mut bytes);
                read.map_err(|error| DataError::damaged(&place, format!("cannot be unpacked ({error})")))?;
            }
        }
        if bytes.len() > limit {
            return Err(DataError::damaged(&place, format!("more than {limit} bytes, too many for what it should be")));
        }
        Ok(bytes)
    }

    /// Names of the files in a folder, sorted by length and then by letters, so that `x_9` precedes `x_10`.
    ///
    /// # Errors
    /// If the folder is missing.
    pub fn names(&self, folder: &str) -> Result<Vec<String>, DataError> {
        let place = self.place(folder);
        let mut names: Vec<String> = match self {
            Self::Folder(root) => fs::read_dir(root.join(folder))
                .and_then(|entries| {
                    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
                })
                .map_err(|error: io::Error| DataError::io(&place, &error))?,
            Self::Tar { members, .. } => below(members.keys(), &format!("{folder}/")),
            Self::Zip { top, zip, .. } => below(zip.file_names().filter_map(Result::ok), &format!("{top}{folder}/")),
        };
        if names.is_empty() {
            return Err(DataError::missing(&place, "holds no files"));
        }
        names.sort_unstable_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
        Ok(names)
    }
}

/// Names that are directly below a prefix, without it.
fn below(names: impl Iterator<Item = impl AsRef<str>>, prefix: &str) -> Vec<String> {
    let inside = names.filter_map(|name| name.as_ref().strip_prefix(prefix).map(str::to_string));
    inside.filter(|name| !name.is_empty() && !name.contains('/')).collect()
}

fn tar_members(reader: &mut impl Read, top: &str, wanted: &[String]) -> io::Result<BTreeMap<String, Vec<u8>>> {
    let mut members = BTreeMap::new();
    for entry in tar::Archive::new(&mut *reader).entries()? {
        let mut entry = entry?;
        let path = entry.path()?.to_string_lossy().into_owned();
        let name = path.strip_prefix("./").unwrap_or(&path).strip_prefix(top).and_then(|name| name.strip_prefix('/'));
        let Some(name) = name.filter(|name| wanted.iter().any(|wanted| wanted == name)) else { continue };
        let (size, mut bytes) = (entry.size(), Vec::new());
        entry.read_to_end(&mut bytes)?;
        if bytes.len() as u64 != size {
            return Err(io::Error::other(format!("{name} ends after {} of {size} bytes", bytes.len())));
        }
        members.insert(name.to_string(), bytes);
    }
    // to the end, where gzip has its checksum
    io::copy(reader, &mut io::sink())?;
    Ok(members)
}
