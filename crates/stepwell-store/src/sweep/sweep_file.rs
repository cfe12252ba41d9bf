//! The file that describes a sweep, and what it names.

use std::path::{Path, PathBuf};

use stepwell::spec::{Spec, SpecError};
use stepwell_lab::reproduce::experiment;
use stepwell_lab::sweep::axes::Settings;
use stepwell_lab::sweep::plan::Plan;
use stepwell_lab::sweep::sweep_spec::SweepSpec;

use super::frozen::hashed_files;
use crate::arrays::Files;
use crate::error::StoreError;

/// A sweep with the folder that its paths are relative to.
pub struct SweepFile {
    /// The sweep.
    pub sweep: SweepSpec,
    folder: PathBuf,
}

impl SweepFile {
    /// Reads the file.
    ///
    /// # Errors
    /// If it cannot be read, or is no sweep.
    pub fn read(path: &Path) -> Result<Self, StoreError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| {
            StoreError::input(format!("{name}: {error}; expected a sweep in TOML, or the folder of one"))
        })?;
        let sweep = SweepSpec::from_toml(&text).map_err(|error| StoreError::input(error.in_text(&name, &text)))?;
        Ok(Self { sweep, folder: path.parent().map_or_else(PathBuf::new, Path::to_path_buf) })
    }

    /// The plan: everything that the sweep names, resolved and checked.
    ///
    /// # Errors
    /// What is wrong with the base, a change or a setting.
    pub fn plan(&self) -> Result<Plan, StoreError> {
        let (base, settings) = self.settings()?;
        let mut plan = Plan::new(&self.sweep, base, settings, &Files).map_err(StoreError::input)?;
        plan.files = hashed_files(&plan)?;
        Ok(plan)
    }

    /// The resolved base with its changes, and what is varied.
    fn settings(&self) -> Result<(toml::Table, Settings), StoreError> {
        let place = |path: &str| absolute(&self.folder.join(path));
        let base = self.sweep.changed(self.base()?, &place).map_err(StoreError::input)?;
        let settings = self.sweep.settings(&base, &place).map_err(StoreError::input)?;
        Ok((base, settings))
    }

    /// The base as a table with all defaults and with absolute paths.
    fn base(&self) -> Result<toml::Table, StoreError> {
        let path = self.folder.join(&self.sweep.base);
        let (name, text) = match experiment(&self.sweep.base) {
            Some(text) if !path.exists() => (format!("{}.toml", self.sweep.base), text.to_string()),
            _ => (path.display().to_string(), read(&path)?),
        };
        let refuse = |error: SpecError| StoreError::input(error.in_text(&name, &text));
        let mut spec = Spec::from_toml(&text).map_err(refuse)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        spec.for_each_path(|path| *path = absolute(&folder.join(&*path)));
        toml::from_str(&spec.to_toml())
            .map_err(|error| StoreError::failed(format!("cannot read the resolved spec: {error}")))
    }
}

fn read(path: &Path) -> Result<String, StoreError> {
    std::fs::read_to_string(path)
        .map_err(|error| StoreError::input(format!("{}: {error}; expected a spec in TOML", path.display())))
}

/// A path that holds from anywhere.
fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf()).display().to_string()
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
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sweep.toml");
        let settings = |text: &[u8]| {
            std::fs::write(&path, text).unwrap();
            SweepFile::read(&path)?.settings().map(|(_, settings)| settings.rows.len())
        };
        assert_eq!(settings(GOOD.as_bytes()).unwrap(), 2 * 2 * 3 * 3);
        let found: Vec<bool> = mutations(GOOD.as_bytes(), 1500, 1).map(|bad| settings(&bad).is_ok()).collect();
        let good = found.iter().filter(|ok| **ok).count();
        assert!((50..1400).contains(&good), "{good} of 1500 were read");
    }
}
