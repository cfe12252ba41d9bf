//! Archives of NumPy's arrays.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};

use stepwell::spec::Array;

use super::chosen;
use super::npy::read_npy;

/// How many times longer than itself an archive can become: the limit of its compression.
const MOST_INFLATED: u64 = 1032;

/// The arrays of an archive that `choose` picks out of all names.
pub fn read_npz(
    mut reader: impl Read + Seek,
    choose: impl Fn(&[String]) -> Result<Option<String>, String>,
) -> Result<BTreeMap<String, Array>, String> {
    let most = reader.seek(SeekFrom::End(0)).map_err(|error| error.to_string())?.saturating_mul(MOST_INFLATED);
    let mut archive = zip::ZipArchive::new(reader).map_err(|error| format!("not a readable .npz archive ({error})"))?;
    let mut members = BTreeMap::new();
    for k in 0..archive.len() {
        let member = archive.by_index(k).map_err(|error| format!("member {k}: {error}"))?;
        let name = member.name().map_err(|error| format!("member {k}: {error}"))?.into_owned();
        if let Some(name) = name.strip_suffix(".npy") {
            members.insert(name.to_string(), k);
        }
    }
    let mut out = BTreeMap::new();
    for name in chosen(members.keys().cloned().collect(), choose)? {
        let member = archive.by_index(members[&name]).map_err(|error| format!("array `{name}`: {error}"))?;
        let size = member.size().min(most);
        let array = read_npy(member, size).map_err(|why| format!("array `{name}`: {why}"))?;
        out.insert(name, array);
    }
    Ok(out)
}
