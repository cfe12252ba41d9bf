//! The frozen plan of a sweep: resolved base, settings, seeds, chunks, and a hash of it all.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use stepwell::spec::{Prepared, Spec, from_table, put_key};

use crate::arrays::Files;
use crate::failure::Failure;
use crate::sweep::axes::Settings;
use crate::sweep::sweep_file::SweepFile;

/// A plan. Run k has setting `k / seeds` and the `k % seeds`-th seed; chunk c is the runs from `c * runs_per_chunk` on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The program's version: another one may compute other bits.
    pub version: String,
    /// The first seed.
    pub first_seed: u64,
    /// Runs a setting.
    pub seeds: u64,
    /// Runs in a file of results.
    pub runs_per_chunk: u64,
    /// Whether each run has a folder of its own with a lock and a checkpoint, and a file of results.
    pub long_runs: bool,
    /// The keys that are varied.
    pub keys: Vec<String>,
    /// Their values, one row a setting.
    pub settings: Vec<Vec<toml::Value>>,
    /// Files that the specs name, with their contents' hashes.
    pub files: Vec<HashedFile>,
    /// The resolved base.
    pub base: toml::Table,
}

/// A file that results depend on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HashedFile {
    /// Its absolute path.
    pub path: String,
    /// SHA-256 of its content; of a folder, of the contents of its files in alphabetical order.
    pub sha256: String,
}

/// One run of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedRun {
    /// Its number.
    pub run: u64,
    /// The number of its setting.
    pub setting: usize,
    /// Its seed.
    pub seed: u64,
    /// Which of its setting's runs it is, counted from 0.
    pub seed_index: u64,
}

const COMMENT: &str = "# A frozen plan. It is not to be edited: change the sweep's file and plan another folder.\n";

/// All settings are checked if they are not more than this; others when their turn comes.
const CHECKED: usize = 1000;

impl Plan {
    /// Resolves and checks all that the sweep names.
    pub fn new(file: &SweepFile) -> Result<Self, Failure> {
        let base = file.base()?;
        let Settings { keys, rows } = file.settings(&base)?;
        let mut plan = Self {
            version: env!("CARGO_PKG_VERSION").into(),
            first_seed: file.first_seed,
            seeds: file.seeds,
            runs_per_chunk: 1,
            long_runs: false,
            keys,
            settings: rows,
            files: Vec::new(),
            base,
        };
        plan.check()?;
        plan.runs_per_chunk = match file.runs_per_chunk {
            Some(runs) => runs.max(plan.runs().div_ceil(MOST_CHUNKS)),
            None => plan.good_runs_per_chunk()?,
        };
        Ok(if file.long_runs == Some(true) { plan.with_long_runs() } else { plan })
    }

    /// The same plan for long runs.
    pub fn with_long_runs(&self) -> Self {
        Self { runs_per_chunk: 1, long_runs: true, ..self.clone() }
    }

    /// Reads each setting, prepares the first of them, and hashes the files they name.
    fn check(&mut self) -> Result<(), Failure> {
        let mut paths = BTreeSet::new();
        let mut like: Option<Prepared> = None;
        for setting in 0..self.settings.len() {
            let place = || format!("setting {setting}{}", self.setting_text(setting));
            let mut spec = self.spec(setting).map_err(|why| Failure::input(format!("{}: {why}", place())))?;
            if setting < CHECKED {
                let prepared = spec.prepare_like(like.as_ref(), &Files);
                like = Some(prepared.map_err(|why| Failure::input(format!("{}: {why}", place())))?);
            }
            spec.for_each_path(|path| _ = paths.insert(path.clone()));
        }
        let hashed = |path: String| Ok(HashedFile { sha256: file_hash(Path::new(&path))?, path });
        self.files = paths.into_iter().map(hashed).collect::<Result<_, Failure>>()?;
        Ok(())
    }

    /// Enough chunks to share them, few enough files, and none that takes long.
    fn good_runs_per_chunk(&self) -> Result<u64, Failure> {
        let steps = self.spec(0).map_err(Failure::input)?.steps;
        let by_work = STEPS_PER_CHUNK.div_ceil(steps);
        Ok(by_work.min(self.runs().div_ceil(FEW_CHUNKS)).min(MOST_RUNS).max(self.runs().div_ceil(MOST_CHUNKS)).max(1))
    }

    /// The spec of a setting.
    pub fn spec(&self, setting: usize) -> Result<Spec, String> {
        let mut table = self.base.clone();
        let mut variant = None;
        for (key, value) in self.keys.iter().zip(&self.settings[setting]) {
            match (key.as_str(), value) {
                ("variant", toml::Value::String(label)) => variant = Some(label),
                _ => put_key(&mut table, key, value.clone())?,
            }
        }
        let spec: Spec = from_table(table).map_err(|error| error.message())?;
        match variant {
            None => Ok(spec),
            Some(label) => {
                let found = spec.variants.iter().find(|variant| variant.label == *label);
                Ok(spec.with_variant(found.ok_or_else(|| format!("no variant `{label}`"))?))
            }
        }
    }

    /// ` (key = value, ..)` of a setting.
    fn setting_text(&self, setting: usize) -> String {
        let pairs: Vec<String> =
            self.keys.iter().zip(&self.settings[setting]).map(|(key, value)| format!("{key} = {value}")).collect();
        if pairs.is_empty() { String::new() } else { format!(" ({})", pairs.join(", ")) }
    }

    /// Number of runs.
    pub fn runs(&self) -> u64 {
        self.settings.len() as u64 * self.seeds
    }

    /// Number of chunks.
    pub fn chunks(&self) -> u64 {
        self.runs().div_ceil(self.runs_per_chunk)
    }

    /// A run by its number.
    pub fn run(&self, run: u64) -> PlannedRun {
        let seed_index = run % self.seeds;
        PlannedRun { run, setting: (run / self.seeds) as usize, seed: self.first_seed + seed_index, seed_index }
    }

    /// The numbers of a chunk's runs.
    pub fn runs_of(&self, chunk: u64) -> std::ops::Range<u64> {
        let first = chunk * self.runs_per_chunk;
        first..(first + self.runs_per_chunk).min(self.runs())
    }

    /// The plan as text with its hash, and the hash.
    pub fn frozen(&self) -> Result<(String, String), Failure> {
        let body = toml::to_string(self).map_err(|error| Failure::other(format!("cannot write the plan: {error}")))?;
        let hash = hex(&Sha256::digest(body.as_bytes()));
        Ok((format!("{COMMENT}# sha256 {hash}\n{body}"), hash))
    }

    /// Reads a frozen plan; the text must have the hash that it names.
    pub fn thaw(text: &str) -> Result<(Self, String), String> {
        let rest = text.strip_prefix(COMMENT).and_then(|rest| rest.strip_prefix("# sha256 "));
        let (hash, body) = rest.and_then(|rest| rest.split_once('\n')).ok_or("expected a plan of stepwell")?;
        if hex(&Sha256::digest(body.as_bytes())) != hash {
            return Err("was changed after it was frozen: its hash differs".into());
        }
        let plan = toml::from_str(body).map_err(|error| error.message().to_string())?;
        Ok((plan, hash.to_string()))
    }

    /// Refuses to compute where bits could differ from those of the plan: another version, changed files.
    pub fn check_unchanged(&self) -> Result<(), Failure> {
        let here = env!("CARGO_PKG_VERSION");
        if self.version != here {
            let there = &self.version;
            return Err(Failure::usage(format!(
                "the plan was frozen by stepwell {there}, this is {here}: their runs may differ. Use {there}, or plan anew"
            )));
        }
        for HashedFile { path, sha256 } in &self.files {
            if file_hash(Path::new(path))? != *sha256 {
                return Err(Failure::input(format!(
                    "{path}: was changed after the plan was frozen; restore it, or plan anew"
                )));
            }
        }
        Ok(())
    }
}

/// A chunk of short runs takes about this many steps.
const STEPS_PER_CHUNK: u64 = 1 << 22;
const MOST_RUNS: u64 = 1024;
/// There are at least so many chunks where there are as many runs,
const FEW_CHUNKS: u64 = 64;
/// and at most so many.
const MOST_CHUNKS: u64 = 4096;

fn file_hash(path: &Path) -> Result<String, Failure> {
    let read =
        |path: &Path| std::fs::read(path).map_err(|error| Failure::input(format!("{}: {error}", path.display())));
    if !path.is_dir() {
        return Ok(hex(&Sha256::digest(read(path)?)));
    }
    let entries = std::fs::read_dir(path).map_err(|error| Failure::input(format!("{}: {error}", path.display())))?;
    let files: BTreeSet<_> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_file()).collect();
    let mut hash = Sha256::new();
    for file in files {
        hash.update(file.file_name().unwrap_or_default().as_encoded_bytes());
        hash.update(Sha256::digest(read(&file)?));
    }
    Ok(hex(&hash.finalize()))
}

/// Bytes in hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
