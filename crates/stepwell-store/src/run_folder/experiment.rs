//! An experiment in a folder: written, and read back.

use std::collections::HashMap;
use std::path::Path;

use stepwell::container::Container;
use stepwell::record::{Records, Series};
use stepwell::tensor::{Tensor, Values};
use stepwell_lab::experiment::Experiment;
use stepwell_lab::setting::Setting;
use stepwell_lab::summary::Summary;

use super::{HEAD, Heading, RunFolder, sums};
use crate::container::{from_bytes, to_bytes};
use crate::error::StoreError;
use crate::records::{self, as_published};

/// How records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `records.csv`.
    Csv,
    /// `records.parquet`.
    Parquet,
}

impl Format {
    /// The name of the file.
    pub fn file(self) -> &'static str {
        match self {
            Self::Csv => CSV,
            Self::Parquet => PARQUET,
        }
    }
}

const SUMMARY: &str = "summary.json";
const CSV: &str = "records.csv";
const PARQUET: &str = "records.parquet";
/// Series of rows: what pictures need beyond numbers.
const SNAPSHOTS: &str = "snapshots.safetensors";
/// What is added to the name of a series of rows for its steps.
const STEPS: &str = "steps";

impl RunFolder {
    /// Writes records, snapshots where there are some, and the summary.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn write_experiment(&self, experiment: &Experiment, command: &str, format: Format) -> Result<(), StoreError> {
        let runs = records::of_experiment(experiment);
        let failed =
            |name: &str, why: String| StoreError::failed(format!("{}: {why}", self.path().join(name).display()));
        match format {
            Format::Csv => self.write(CSV, &records::csv::to_bytes(&runs).map_err(|why| failed(CSV, why))?)?,
            Format::Parquet => {
                let bytes = records::parquet::to_bytes(&runs).map_err(|error| failed(PARQUET, error.to_string()))?;
                self.write(PARQUET, &bytes)?;
            }
        }
        let snapshots = snapshots(experiment);
        if !snapshots.tensors.is_empty() {
            self.write(SNAPSHOTS, &to_bytes(&snapshots)?)?;
        }
        let summary = Summary::of(experiment, env!("CARGO_PKG_VERSION"), command);
        let text = serde_json::to_string_pretty(&summary).map_err(|error| failed(SUMMARY, error.to_string()))?;
        self.write(SUMMARY, format!("{text}\n").as_bytes())
    }

    /// The last parameters of all runs by their names in PyTorch's layout, as in `layer1.weight`; of several runs behind
    /// `LABEL/SEED/`.
    ///
    /// # Errors
    /// If they cannot be encoded.
    pub fn write_parameters(&self, experiment: &Experiment) -> Result<(), StoreError> {
        let mut named = Container::default();
        for setting in &experiment.settings {
            for run in &setting.outcomes {
                let prefix =
                    if experiment.runs() == 1 { String::new() } else { format!("{}/{}/", setting.label, run.seed) };
                let with_prefix =
                    |tensor: &Tensor| Tensor { name: format!("{prefix}{}", tensor.name), ..tensor.clone() };
                named.tensors.extend(run.parameters.iter().map(with_prefix));
            }
        }
        self.write("parameters.safetensors", &to_bytes(&named)?)
    }

    /// The experiment that lies in the folder already, if it is complete.
    ///
    /// # Errors
    /// If a file is not as it was written.
    pub fn at_hand(&self) -> Result<Option<Experiment>, StoreError> {
        if sums::read(self.path()).is_none() { Ok(None) } else { Ok(Some(read(self.path(), false)?.1)) }
    }

    /// Counts all files that are listed as written: they stay as they are.
    pub fn keep_all(&self) {
        self.written().extend(sums::read(self.path()).unwrap_or_default());
    }
}

/// Reads a folder. With `partial` also one whose command was interrupted, as far as it came.
///
/// # Errors
/// If it is not complete, or a file is not as it was written.
pub fn read(path: &Path, partial: bool) -> Result<(Heading, Experiment), StoreError> {
    let text = std::fs::read_to_string(path.join(HEAD)).unwrap_or_default();
    let heading = Heading::parse(&text)
        .ok_or_else(|| corrupt(&path.join(HEAD), "expected `# stepwell VERSION COMMAND` in its first line"))?;
    match sums::read(path) {
        Some(sums) => {
            if let Some((name, _)) = sums.iter().find(|(name, sum)| !sums::matches(path, name, sum)) {
                return Err(corrupt(
                    &path.join(name),
                    "is not as it was written (see sha256sums.txt); the same command with --overwrite makes it again",
                ));
            }
        }
        None if !partial => {
            return Err(StoreError::failed(format!(
                "{}: its command has not ended (no {}); the same command completes it, --partial does without",
                path.display(),
                sums::FILE
            )));
        }
        None => {}
    }
    // of a complete folder what is listed, of another what is there
    let listed = sums::read(path);
    let has = |name: &str| listed.as_ref().map_or_else(|| path.join(name).exists(), |sums| sums.contains_key(name));
    let mut experiment = if has(SUMMARY) { whole(path, has)? } else { nothing(&heading) };
    if listed.is_none() {
        experiment.notes.push("The run had not ended; what it had recorded is shown.".into());
    }
    Ok((heading, experiment))
}

/// Of a command that was killed before it could write anything.
fn nothing(heading: &Heading) -> Experiment {
    Experiment {
        title: heading.question.clone(),
        settings: Vec::new(),
        findings: stepwell_lab::findings::Findings::Runs,
        step_size_unit: None,
        notes: Vec::new(),
    }
}

fn whole(path: &Path, has: impl Fn(&str) -> bool) -> Result<Experiment, StoreError> {
    let bytes = |name: &str| {
        let place = path.join(name);
        std::fs::read(&place).map_err(|error| StoreError::failed(format!("{}: {error}", place.display())))
    };
    let summary: Summary =
        serde_json::from_slice(&bytes(SUMMARY)?).map_err(|error| corrupt(&path.join(SUMMARY), error))?;
    let runs = if has(PARQUET) {
        records::parquet::from_bytes(bytes(PARQUET)?).map_err(|error| corrupt(&path.join(PARQUET), error))?
    } else {
        records::csv::from_bytes(&bytes(CSV)?).map_err(|why| corrupt(&path.join(CSV), why))?
    };
    let mut found: HashMap<(String, u64), Records> =
        runs.into_iter().map(|run| ((run.label, run.seed), run.records)).collect();
    if has(SNAPSHOTS) {
        let container = from_bytes(&bytes(SNAPSHOTS)?).map_err(|why| corrupt(&path.join(SNAPSHOTS), why))?;
        add_snapshots(&container, &mut found).ok_or_else(|| corrupt(&path.join(SNAPSHOTS), "lacks rows or steps"))?;
    }
    Ok(summary.experiment(|label, seed, published| {
        let label = if published { as_published(label) } else { label.to_string() };
        found.remove(&(label, seed)).unwrap_or_default()
    }))
}

/// All series of rows as tensors `LABEL/SEED/SERIES`, rows x width, with their steps beside them.
fn snapshots(experiment: &Experiment) -> Container {
    let mut container = Container::default();
    let mut add = |label: &str, run: &stepwell::outcome::Outcome| {
        for Series { name, width, steps, values } in run.records.series.iter().filter(|series| series.width != 1) {
            let name = format!("{label}/{}/{name}", run.seed);
            let (shape, count) = (vec![steps.len(), *width], vec![steps.len()]);
            let of_steps = Tensor { name: format!("{name}/{STEPS}"), shape: count, values: Values::U64(steps.clone()) };
            container.tensors.push(Tensor { name, shape, values: Values::F64(values.clone()) });
            container.tensors.push(of_steps);
        }
    };
    for Setting { label, outcomes, as_published: published, .. } in &experiment.settings {
        published.iter().for_each(|run| add(&as_published(label), run));
        outcomes.iter().for_each(|run| add(label, run));
    }
    container
}

fn add_snapshots(container: &Container, found: &mut HashMap<(String, u64), Records>) -> Option<()> {
    for pair in container.tensors.chunks(2) {
        let [rows, steps] = pair else { return None };
        let (Values::F64(values), Values::U64(steps)) = (&rows.values, &steps.values) else { return None };
        let [_, width] = rows.shape[..] else { return None };
        let (rest, name) = rows.name.rsplit_once('/')?;
        let (label, seed) = rest.rsplit_once('/')?;
        let series = Series { name: name.to_string().into(), width, steps: steps.clone(), values: values.clone() };
        found.entry((label.into(), seed.parse().ok()?)).or_default().series.push(series);
    }
    Some(())
}

fn corrupt(path: &Path, why: impl std::fmt::Display) -> StoreError {
    StoreError::corrupt(format!("{}: {why}", path.display()))
}
