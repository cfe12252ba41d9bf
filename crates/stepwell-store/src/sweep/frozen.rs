//! A plan as text, with a hash of it all: it is not changed any more.

use std::path::Path;

use stepwell_lab::sweep::plan::{HashedFile, Plan};

use crate::digest::{file_sha256, sha256};
use crate::error::StoreError;

/// What the text of a plan says below its first line.
const COMMENT: &str = "# A frozen plan. It is not to be edited: change the sweep's file and plan another folder.";

/// The hashes of the files that a plan names.
///
/// # Errors
/// If one cannot be read.
pub fn hashed_files(plan: &Plan) -> Result<Vec<HashedFile>, StoreError> {
    let paths = plan.paths().map_err(StoreError::input)?;
    paths.into_iter().map(|path| Ok(HashedFile { sha256: file_sha256(Path::new(&path))?, path })).collect()
}

/// The first line of a plan's text.
fn first_line(version: &str) -> String {
    format!("# stepwell {version} sweep")
}

/// The plan as text with its hash, and the hash.
///
/// # Errors
/// If it cannot be written as TOML.
pub fn freeze(plan: &Plan) -> Result<(String, String), StoreError> {
    let body = toml::to_string(plan).map_err(|error| StoreError::failed(format!("cannot write the plan: {error}")))?;
    let hash = sha256(body.as_bytes());
    Ok((format!("{}\n{COMMENT}\n# sha256 {hash}\n{body}", first_line(&plan.version)), hash))
}

/// Reads a frozen plan, and its hash; the text must have the hash that it names.
///
/// # Errors
/// What is wrong with it.
pub fn thaw(text: &str) -> Result<(Plan, String), String> {
    let mut parts = text.splitn(4, '\n');
    let mut next = || parts.next().ok_or("expected the plan of a sweep");
    let (first, comment, hash, body) = (next()?, next()?, next()?, next()?);
    let hash = hash.strip_prefix("# sha256 ").filter(|_| comment == COMMENT).ok_or("expected the plan of a sweep")?;
    if sha256(body.as_bytes()) != hash {
        return Err("was changed after it was frozen: its hash differs".into());
    }
    let plan: Plan = toml::from_str(body).map_err(|error| error.message().to_string())?;
    if first != first_line(&plan.version) {
        return Err("was changed after it was frozen: its first line differs".into());
    }
    Ok((plan, hash.to_string()))
}

/// Refuses to compute where bits could differ from those of the plan: another version, changed files.
///
/// # Errors
/// What differs.
pub fn check_unchanged(plan: &Plan) -> Result<(), StoreError> {
    let here = env!("CARGO_PKG_VERSION");
    if plan.version != here {
        let there = &plan.version;
        return Err(StoreError::usage(format!(
            "the plan was frozen by stepwell {there}, this is {here}: their runs may differ. Use {there}, or plan anew"
        )));
    }
    for HashedFile { path, sha256 } in &plan.files {
        if file_sha256(Path::new(path))? != *sha256 {
            return Err(StoreError::input(format!(
                "{path}: was changed after the plan was frozen; restore it, or plan anew"
            )));
        }
    }
    Ok(())
}
