//! The text that describes a sweep: a base experiment, what is varied, and seeds.

use serde::Deserialize;
use stepwell::spec::{SpecError, parse_as, put_key};

use super::axes::{self, RandomSpec, Settings};

/// A sweep as its author wrote it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SweepSpec {
    /// A spec file, relative to this one, or the name of a figure.
    pub base: String,
    /// Whether each variant of the base is run.
    #[serde(default)]
    pub variants: bool,
    /// Runs per setting, each with its own seed.
    #[serde(default = "one")]
    pub seeds: u64,
    /// The first seed.
    #[serde(default = "one")]
    pub first_seed: u64,
    /// Runs in a file of results.
    pub runs_per_chunk: Option<u64>,
    /// Whether each run has a folder of its own with a checkpoint; decided by an estimate unless given.
    pub long_runs: Option<bool>,
    /// Changes of the base, for all runs.
    #[serde(default)]
    set: toml::Table,
    /// Keys with lists of values: every combination is run.
    #[serde(default)]
    grid: toml::Table,
    /// Keys with lists of one length: the k-th entries are run together.
    #[serde(default)]
    list: toml::Table,
    /// Keys whose values are drawn.
    random: Option<RandomSpec>,
}

fn one() -> u64 {
    1
}

/// Makes a path that the sweep names absolute: it is relative to the sweep's own file.
pub type Place<'a> = dyn Fn(&str) -> String + 'a;

impl SweepSpec {
    /// Reads the text.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn from_toml(text: &str) -> Result<Self, SpecError> {
        let sweep: Self = parse_as(text, &[])?;
        sweep.check()?;
        Ok(sweep)
    }

    fn check(&self) -> Result<(), SpecError> {
        let refuse = |key: &str, found: String, expected: &str| {
            Err(SpecError::Value { key: key.into(), found, expected: expected.into() })
        };
        let last = self.first_seed.checked_add(self.seeds);
        if self.seeds == 0 || last.is_none_or(|last| last > 1 << 53) {
            return refuse("seeds", self.seeds.to_string(), "at least 1, all below 2^53");
        }
        if self.runs_per_chunk == Some(0) {
            return refuse("runs_per_chunk", "0".into(), "at least 1");
        }
        if let (Some(true), Some(runs)) = (self.long_runs, self.runs_per_chunk) {
            let expected = "no runs_per_chunk with long_runs = true: a long run has a file of its own";
            return refuse("runs_per_chunk", runs.to_string(), expected);
        }
        Ok(())
    }

    /// Whether it is left open if its runs are long.
    pub fn leaves_open(&self) -> bool {
        self.long_runs.is_none() && self.runs_per_chunk.is_none()
    }

    /// The base with the sweep's changes; `base` is the resolved spec with all defaults.
    ///
    /// # Errors
    /// A change that cannot be made.
    pub fn changed(&self, mut base: toml::Table, place: &Place<'_>) -> Result<toml::Table, String> {
        if !self.variants {
            base.remove("variants");
        }
        for (key, value) in axes::leaves(&self.set) {
            let value = placed(&key, value, place);
            put_key(&mut base, &key, value).map_err(|why| format!("[set] {key}: {why}"))?;
        }
        Ok(base)
    }

    /// What is varied: every combination of grid, list, draws and the base's variants.
    ///
    /// # Errors
    /// What cannot be varied so.
    pub fn settings(&self, base: &toml::Table, place: &Place<'_>) -> Result<Settings, String> {
        let mut settings = Settings::default();
        let mut cross = |section: &str, axis: Result<Settings, String>| {
            axis.and_then(|axis| settings.cross(axis)).map_err(|why| format!("[{section}] {why}"))
        };
        if self.variants {
            cross("variants", axes::variants(base))?;
        }
        for column in axes::leaves(&self.grid) {
            cross("grid", axes::listed(&[column]))?;
        }
        if !self.list.is_empty() {
            cross("list", axes::listed(&axes::leaves(&self.list)))?;
        }
        if let Some(random) = &self.random {
            cross("random", axes::drawn(random))?;
        }
        settings.check(self.variants)?;
        for row in &mut settings.rows {
            for (key, value) in settings.keys.iter().zip(row) {
                *value = placed(key, value.clone(), place);
            }
        }
        Ok(settings)
    }
}

/// A value, made absolute if its key is that of a path.
fn placed(key: &str, value: toml::Value, place: &Place<'_>) -> toml::Value {
    match &value {
        toml::Value::String(path) if key.ends_with(".path") => toml::Value::String(place(path)),
        _ => value,
    }
}
