//! The file that describes a sweep: a base experiment, what is varied, and seeds.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use stepwell::spec::put_key;

use crate::commands::reproduce::embedded_spec;
use crate::failure::Failure;
use crate::spec_file::{SpecFile, parse_as};
use crate::sweep::axes::{self, Settings};

/// A sweep as its author wrote it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SweepFile {
    /// A spec file, relative to this one, or the name of a figure.
    base: String,
    /// Whether each variant of the base is run.
    #[serde(default)]
    pub variants: bool,
    /// Runs a setting, each with its own seed.
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
    #[serde(skip)]
    folder: PathBuf,
}

/// Values drawn at random.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomSpec {
    /// How many settings are drawn.
    pub draws: u64,
    /// The seed of the draws.
    #[serde(default = "one")]
    pub seed: u64,
    /// Keys with their distributions.
    pub keys: toml::Table,
}

fn one() -> u64 {
    1
}

impl SweepFile {
    /// Reads the file.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::input(format!("{name}: {error}; expected a sweep in TOML, or the folder of one"))
        })?;
        let mut file: Self = parse_as(&name, &text, &[])?;
        file.folder = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        file.check().map_err(|why| Failure::input(format!("{name}: {why}")))?;
        Ok(file)
    }

    fn check(&self) -> Result<(), String> {
        let last = self.first_seed.checked_add(self.seeds);
        if self.seeds == 0 || last.is_none_or(|last| last > 1 << 53) {
            return Err(format!("seeds = {}, expected at least 1, all below 2^53", self.seeds));
        }
        if self.runs_per_chunk == Some(0) {
            return Err("runs_per_chunk = 0, expected at least 1".into());
        }
        if self.long_runs == Some(true) && self.runs_per_chunk.is_some() {
            return Err(
                "runs_per_chunk with long_runs = true, expected one of them: a long run has a file of its own".into()
            );
        }
        Ok(())
    }

    /// Whether it is left open if its runs are long.
    pub fn leaves_open(&self) -> bool {
        self.long_runs.is_none() && self.runs_per_chunk.is_none()
    }

    /// The base with its changes, as a table with all defaults and with absolute paths.
    pub fn base(&self) -> Result<toml::Table, Failure> {
        let path = self.folder.join(&self.base);
        let spec = match embedded_spec(&self.base) {
            Some(text) if !path.exists() => SpecFile::embedded(&format!("{}.toml", self.base), text, &[])?,
            _ => SpecFile::read(&path, &[])?,
        };
        let mut table: toml::Table = toml::from_str(&spec.resolved_anywhere())
            .map_err(|error| Failure::other(format!("cannot read the resolved spec: {error}")))?;
        if !self.variants {
            table.remove("variants");
        }
        for (key, value) in axes::leaves(&self.set) {
            let value = self.with_absolute_path(&key, value);
            put_key(&mut table, &key, value).map_err(|why| bad("set", &key, &why))?;
        }
        Ok(table)
    }

    /// What is varied: every combination of grid, list, draws and the base's variants.
    pub fn settings(&self, base: &toml::Table) -> Result<Settings, Failure> {
        let mut settings = Settings::default();
        if self.variants {
            axes::variants(base).and_then(|axis| settings.cross(axis)).map_err(|why| bad("variants", "", &why))?;
        }
        for column in axes::leaves(&self.grid) {
            axes::listed(&[column]).and_then(|axis| settings.cross(axis)).map_err(|why| bad("grid", "", &why))?;
        }
        if !self.list.is_empty() {
            let axis = axes::listed(&axes::leaves(&self.list));
            axis.and_then(|axis| settings.cross(axis)).map_err(|why| bad("list", "", &why))?;
        }
        if let Some(random) = &self.random {
            axes::drawn(random).and_then(|axis| settings.cross(axis)).map_err(|why| bad("random", "", &why))?;
        }
        settings.check(self.variants).map_err(Failure::input)?;
        for row in &mut settings.rows {
            for (key, value) in settings.keys.iter().zip(row) {
                *value = self.with_absolute_path(key, value.clone());
            }
        }
        Ok(settings)
    }

    /// Paths are relative to this file.
    fn with_absolute_path(&self, key: &str, value: toml::Value) -> toml::Value {
        match &value {
            toml::Value::String(path) if key.ends_with(".path") => {
                let absolute = std::path::absolute(self.folder.join(path));
                absolute.map_or(value.clone(), |path| toml::Value::String(path.display().to_string()))
            }
            _ => value,
        }
    }
}

fn bad(section: &str, key: &str, why: &str) -> Failure {
    Failure::input(format!("[{section}] {key}{}{why}", if key.is_empty() { "" } else { ": " }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutation::mutations;

    const GOOD: &str = r#"
base = "diagonal"
seeds = 3
runs_per_chunk = 4
set = { steps = 2000, "record.points" = 20 }
[grid]
schedule.step_size = [0.1, 0.2]
"data.sparse_regression.n" = [40, 80]
[list]
"init.diagonal.u" = [0.1, 0.2, 0.3]
[random]
draws = 3
keys = { "init.diagonal.v" = { log_uniform = [0.01, 0.1] } }
"#;

    /// Damaged sweeps give settings or a message, never a panic.
    #[test]
    fn damaged_sweeps_give_settings_or_a_message() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sweep.toml");
        let settings = |text: &[u8]| {
            std::fs::write(&path, text).unwrap();
            let file = SweepFile::read(&path)?;
            file.settings(&file.base()?).map(|settings| settings.rows.len())
        };
        assert_eq!(settings(GOOD.as_bytes()).unwrap(), 2 * 2 * 3 * 3);
        let found: Vec<bool> = mutations(GOOD.as_bytes(), 1500, 1).map(|bad| settings(&bad).is_ok()).collect();
        let good = found.iter().filter(|ok| **ok).count();
        assert!((50..1400).contains(&good), "{good} of 1500 were read");
    }
}
