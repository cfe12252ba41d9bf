//! The plan of a sweep: resolved base, settings, seeds, chunks.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use stepwell::spec::{ArraySource, Prepared, Spec, from_table, put_key};

use super::axes::Settings;
use super::sweep_spec::SweepSpec;
use crate::runs::GIVEN;

/// A plan. Run k has setting `k / seeds` and the `k % seeds`-th seed; chunk c is the runs from `c * runs_per_chunk` on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The version of the program: another one may compute other bits.
    pub version: String,
    /// The first seed.
    pub first_seed: u64,
    /// Runs per setting.
    pub seeds: u64,
    /// Runs in a file of results.
    pub runs_per_chunk: u64,
    /// Whether each run has a folder of its own with a lock and a checkpoint, and a file of results.
    pub long_runs: bool,
    /// The keys that are varied.
    pub keys: Vec<String>,
    /// Their values, one row per setting.
    pub settings: Vec<Vec<toml::Value>>,
    /// Files that the specs name, with their contents' hashes, as far as they are known.
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

/// All settings are checked if they are not more than this; others when their turn comes.
const CHECKED: usize = 1000;
/// More runs than this are a slip.
const MOST_PLANNED: u64 = 1 << 40;
/// A chunk of short runs takes about this many steps.
const STEPS_PER_CHUNK: u64 = 1 << 22;
const MOST_RUNS: u64 = 1024;
/// There are at least so many chunks where there are as many runs,
const FEW_CHUNKS: u64 = 64;
/// and at most so many.
const MOST_CHUNKS: u64 = 4096;

impl Plan {
    /// The plan of a sweep whose base and settings are resolved, paths included; hashes of files are not known yet.
    ///
    /// # Errors
    /// A setting that is no spec, or whose data are refused.
    pub fn new(
        sweep: &SweepSpec,
        base: toml::Table,
        settings: Settings,
        files: &dyn ArraySource,
    ) -> Result<Self, String> {
        let (Settings { keys, rows }, seeds) = (settings, sweep.seeds);
        let mut plan = Self {
            version: env!("CARGO_PKG_VERSION").into(),
            first_seed: sweep.first_seed,
            seeds,
            runs_per_chunk: 1,
            long_runs: false,
            keys,
            settings: rows,
            files: Vec::new(),
            base,
        };
        if (plan.settings.len() as u64).checked_mul(seeds).is_none_or(|runs| runs > MOST_PLANNED) {
            return Err(format!(
                "{} settings x {seeds} seeds, expected at most {MOST_PLANNED} runs",
                plan.settings.len()
            ));
        }
        plan.check(files)?;
        plan.runs_per_chunk = match sweep.runs_per_chunk {
            Some(runs) => runs.max(plan.runs().div_ceil(MOST_CHUNKS)),
            None => plan.good_runs_per_chunk()?,
        };
        Ok(if sweep.long_runs == Some(true) { plan.with_long_runs() } else { plan })
    }

    /// The same plan for long runs.
    pub fn with_long_runs(&self) -> Self {
        Self { runs_per_chunk: 1, long_runs: true, ..self.clone() }
    }

    /// Reads each setting, and prepares the first of them.
    fn check(&self, files: &dyn ArraySource) -> Result<(), String> {
        let mut like: Option<Prepared> = None;
        for setting in 0..self.settings.len() {
            let at = |why: String| format!("setting {setting}{}: {why}", self.setting_text(setting));
            let spec = self.spec(setting).map_err(at)?;
            if self.seeds > 1 && !spec.seeds_differ() {
                let seeds = self.seeds;
                let why = format!("{GIVEN}, so all of its seeds would be one run");
                return Err(at(format!("seeds = {seeds}: {why}; expected seeds = 1, or something that is drawn")));
            }
            if setting < CHECKED {
                like = Some(spec.prepare_like(like.as_ref(), files).map_err(|error| at(error.to_string()))?);
            }
        }
        Ok(())
    }

    /// The files that the specs of all settings name.
    ///
    /// # Errors
    /// A setting that is no spec.
    pub fn paths(&self) -> Result<BTreeSet<String>, String> {
        let mut paths = BTreeSet::new();
        for setting in 0..self.settings.len() {
            self.spec(setting)?.for_each_path(|path| _ = paths.insert(path.clone()));
        }
        Ok(paths)
    }

    /// Enough chunks to share them, few enough files, and none that takes long.
    fn good_runs_per_chunk(&self) -> Result<u64, String> {
        let by_work = STEPS_PER_CHUNK.div_ceil(self.spec(0)?.steps);
        Ok(by_work.min(self.runs().div_ceil(FEW_CHUNKS)).min(MOST_RUNS).max(self.runs().div_ceil(MOST_CHUNKS)).max(1))
    }

    /// The spec of a setting.
    ///
    /// # Errors
    /// If it is none.
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

    /// `step_size = 0.1, gain = 3.0`: what a setting is called, keys by their last part where that tells them apart.
    pub fn label(&self, setting: usize) -> String {
        let tail = |key: &str| key.rsplit('.').next().unwrap_or(key).to_string();
        let short = |key: &String| {
            let alone = self.keys.iter().filter(|other| tail(other) == tail(key)).count() == 1;
            if alone { tail(key) } else { key.clone() }
        };
        let pairs = self.keys.iter().zip(&self.settings[setting]);
        let words: Vec<String> = pairs
            .map(|(key, value)| match value.as_str() {
                Some(text) => format!("{} = {text}", short(key)),
                None => format!("{} = {value}", short(key)),
            })
            .collect();
        if words.is_empty() { "all runs".into() } else { words.join(", ") }
    }
}
