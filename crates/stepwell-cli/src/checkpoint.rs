//! Checkpoints of runs in files: a run that is long goes on from there, to the same bytes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use sha2::{Digest, Sha256};
use stepwell::data::{Dataset, Samples};
use stepwell::record::{Records, Series};
use stepwell::run::{Checkpoint, Recording, Status};

use crate::failure::Failure;
use crate::interrupt;
use crate::store::Folder;
use crate::sweep::plan::hex;

/// The name of the file in the folder of a run.
pub const FILE: &str = "checkpoint.safetensors";
/// Steps before the clock is first looked at.
const FIRST_SLICE: u64 = 1 << 12;
/// The clock, and whether a signal has come, is looked at about this often.
const SLICE: Duration = Duration::from_millis(50);
/// A run that took less is not worth a file when it ends or is stopped.
const SHORT: Duration = Duration::from_millis(200);

/// Where a run keeps its checkpoint, and what the run is.
#[derive(Clone)]
pub struct Keeper {
    folder: PathBuf,
    identity: String,
    every: Duration,
}

impl Keeper {
    /// For the run that `description` tells apart from all others. The folder is made when there is something to keep.
    pub fn new(folder: &Path, description: &str) -> Self {
        Self { folder: folder.to_path_buf(), identity: description.into(), every: every() }
    }

    /// A hash of what the run is, its data included.
    fn identity(&self, data: &Dataset) -> String {
        let mut hash = Sha256::new();
        hash.update(env!("CARGO_PKG_VERSION"));
        hash.update(&self.identity);
        let mut add = |samples: &Samples| {
            for value in samples.x.iter_rows().flatten().chain(&samples.y) {
                hash.update(value.to_le_bytes());
            }
        };
        add(&data.train);
        data.test.as_ref().into_iter().for_each(add);
        hex(&hash.finalize())
    }

    /// Reads the checkpoint, where there is one of this run. One that is damaged, or of another run, is of no use; the run
    /// starts anew.
    fn read(&self, identity: &str) -> Option<Saved> {
        let path = self.folder.join(FILE);
        let bytes = std::fs::read(&path).ok()?;
        match Saved::from_bytes(&bytes, identity) {
            Ok(saved) => Some(saved),
            Err(why) => {
                eprintln!("{}: {why}; the run starts anew", path.display());
                None
            }
        }
    }

    fn write(&self, saved: &Saved, identity: &str) -> Result<(), Failure> {
        let fail = |error| Failure::other(format!("{}: {error}", self.folder.join(FILE).display()));
        let bytes = saved.to_bytes(identity).map_err(fail)?;
        Folder::create(&self.folder)?.write(FILE, &bytes).map(|_| ())
    }
}

/// How many steps the run in a folder has taken up to its checkpoint.
pub fn steps_taken(folder: &Path) -> Option<u64> {
    let bytes = std::fs::read(folder.join(FILE)).ok()?;
    let (_, header) = SafeTensors::read_metadata(&bytes).ok()?;
    header.metadata().as_ref()?.get("step")?.parse().ok()
}

/// Seconds between checkpoints: `STEPWELL_CHECKPOINT_EVERY`, or 10.
fn every() -> Duration {
    let given = std::env::var("STEPWELL_CHECKPOINT_EVERY").ok().and_then(|text| text.parse().ok());
    Duration::try_from_secs_f64(given.unwrap_or(10.0)).unwrap_or(Duration::MAX)
}

/// Takes a run to its end, or to where it is stopped, in slices between which it may be stopped and its checkpoint is
/// written. Slices have no influence on its bits.
pub fn run_to_end(
    mut recording: Recording<'_>,
    data: &Dataset,
    keeper: Option<&Keeper>,
) -> Result<(Status, Vec<f64>, Records), Failure> {
    let Some(keeper) = keeper else {
        in_slices(&mut recording, SLICE, |_| Ok(()))?;
        return Ok(recording.finish());
    };
    let identity = || keeper.identity(data);
    let path = keeper.folder.join(FILE);
    if path.exists()
        && let Some(saved) = keeper.read(&identity())
    {
        if saved.status != Status::Running {
            return Ok((saved.status, saved.checkpoint.theta, saved.records));
        }
        let fits = recording.resume(&saved.checkpoint, saved.records);
        fits.map_err(|why| Failure::corrupt(format!("{}: {why}; remove it to start anew", path.display())))?;
    }
    let started = Instant::now();
    let mut last = started;
    in_slices(&mut recording, SLICE.min(keeper.every), |recording| {
        if last.elapsed() < keeper.every {
            return Ok(());
        }
        let written = keeper.write(&Saved::of(recording), &identity());
        last = Instant::now();
        written
    })?;
    if started.elapsed() >= SHORT || path.exists() {
        keeper.write(&Saved::of(&recording), &identity())?;
    }
    Ok(recording.finish())
}

/// Calls `between` after each slice but the last; slices take about as long as `target`.
fn in_slices(
    recording: &mut Recording<'_>,
    target: Duration,
    mut between: impl FnMut(&Recording<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut slice = if interrupt::stopped() { 0 } else { FIRST_SLICE };
    loop {
        let started = Instant::now();
        if recording.advance(slice) != Status::Running || interrupt::stopped() {
            return Ok(());
        }
        between(recording)?;
        match started.elapsed() {
            took if took < target / 2 => slice = slice.saturating_mul(2),
            took if took > target * 2 => slice = (slice / 2).max(1),
            _ => {}
        }
    }
}

/// A run on its way, or ended: all that is known of it.
#[derive(Debug, PartialEq)]
struct Saved {
    status: Status,
    checkpoint: Checkpoint,
    records: Records,
}

impl Saved {
    fn of(recording: &Recording<'_>) -> Self {
        let (checkpoint, records) = (recording.checkpoint(), recording.records().clone());
        Self { status: recording.status(), checkpoint, records }
    }

    /// As a safetensors file: `theta`, `dynamics`, and `steps` and `values` of each series.
    fn to_bytes(&self, identity: &str) -> Result<Vec<u8>, safetensors::SafeTensorError> {
        let Self { status, checkpoint, records } = self;
        let le = |words: &[u64]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
        let floats = |values: &[f64]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
        let mut parts = vec![
            ("theta".to_string(), Dtype::F64, floats(&checkpoint.theta)),
            ("dynamics".to_string(), Dtype::U64, le(&checkpoint.dynamics)),
        ];
        for (k, series) in records.series.iter().enumerate() {
            parts.push((format!("steps.{k}"), Dtype::U64, le(&series.steps)));
            parts.push((format!("values.{k}"), Dtype::F64, floats(&series.values)));
        }
        let names: Vec<&str> = records.series.iter().map(|series| &*series.name).collect();
        let (word, diverged_at) = match status {
            Status::Running => ("running", 0),
            Status::Finished => ("finished", 0),
            Status::Diverged { step } => ("diverged", *step),
        };
        let metadata = HashMap::from([
            ("stepwell.run".to_string(), identity.to_string()),
            ("step".to_string(), checkpoint.step.to_string()),
            ("status".to_string(), word.to_string()),
            ("diverged_at".to_string(), diverged_at.to_string()),
            ("series".to_string(), names.join(" ")),
            ("sha256".to_string(), checksum(parts.iter().map(|(_, _, bytes)| &bytes[..]))),
        ]);
        let mut views = Vec::new();
        for (name, dtype, bytes) in &parts {
            views.push((name.as_str(), TensorView::new(*dtype, vec![bytes.len() / 8], bytes)?));
        }
        safetensors::serialize(views, Some(metadata))
    }

    fn from_bytes(bytes: &[u8], identity: &str) -> Result<Self, String> {
        let damaged = || "is damaged".to_string();
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|_| damaged())?;
        let metadata = header.metadata().clone().ok_or_else(damaged)?;
        let text = |key: &str| metadata.get(key).map(String::as_str).ok_or_else(damaged);
        let number = |key: &str| text(key)?.parse::<u64>().map_err(|_| damaged());
        let file = SafeTensors::deserialize(bytes).map_err(|_| damaged())?;
        let data = |name: &str| file.tensor(name).map(|tensor| tensor.data()).map_err(|_| damaged());
        let words = |name: &str| -> Result<Vec<u64>, String> {
            Ok(data(name)?.chunks_exact(8).map(|c| u64::from_le_bytes(c.try_into().expect("chunks of 8"))).collect())
        };
        let floats =
            |name: &str| -> Result<Vec<f64>, String> { Ok(words(name)?.into_iter().map(f64::from_bits).collect()) };
        let names: Vec<&str> = text("series")?.split_whitespace().collect();
        let mut order = vec![data("theta")?, data("dynamics")?];
        for k in 0..names.len() {
            order.extend([data(&format!("steps.{k}"))?, data(&format!("values.{k}"))?]);
        }
        if checksum(order.into_iter()) != text("sha256")? {
            return Err(damaged());
        }
        if text("stepwell.run")? != identity {
            return Err("was taken of another run, or with other data".into());
        }
        let series = names.iter().enumerate().map(|(k, name)| {
            let name = std::borrow::Cow::Owned((*name).to_string());
            Ok(Series { name, steps: words(&format!("steps.{k}"))?, values: floats(&format!("values.{k}"))? })
        });
        Ok(Self {
            status: match text("status")? {
                "running" => Status::Running,
                "finished" => Status::Finished,
                "diverged" => Status::Diverged { step: number("diverged_at")? },
                _ => return Err(damaged()),
            },
            checkpoint: Checkpoint { step: number("step")?, theta: floats("theta")?, dynamics: words("dynamics")? },
            records: Records { series: series.collect::<Result<_, String>>()? },
        })
    }
}

fn checksum<'a>(parts: impl Iterator<Item = &'a [u8]>) -> String {
    let mut hash = Sha256::new();
    parts.for_each(|part| hash.update(part));
    hex(&hash.finalize())
}

/// Parameters of runs as a safetensors file: one vector a run, by its name. The same bytes for the same parameters.
pub fn parameters_file(named: &[(String, &[f64])]) -> Result<Vec<u8>, Failure> {
    let fail = |error| Failure::other(format!("parameters: {error}"));
    let bytes: Vec<Vec<u8>> =
        named.iter().map(|(_, theta)| theta.iter().flat_map(|value| value.to_le_bytes()).collect()).collect();
    let views = named.iter().zip(&bytes).map(|((name, theta), bytes)| {
        Ok((name.as_str(), TensorView::new(Dtype::F64, vec![theta.len()], bytes).map_err(fail)?))
    });
    safetensors::serialize(views.collect::<Result<Vec<_>, Failure>>()?, None).map_err(fail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Saved {
        let series = |name: &'static str, steps: &[u64], values: &[f64]| Series {
            name: name.into(),
            steps: steps.to_vec(),
            values: values.to_vec(),
        };
        Saved {
            status: Status::Diverged { step: 9 },
            checkpoint: Checkpoint { step: 7, theta: vec![-0.0, 5e-324, f64::INFINITY], dynamics: vec![u64::MAX, 3] },
            records: Records {
                series: vec![series("train_loss", &[0, 3, 7], &[1.5, 0.1, 3.0]), series("rank", &[7], &[2.0])],
            },
        }
    }

    #[test]
    fn checkpoints_come_back_to_the_bit_and_damage_is_seen() {
        let saved = sample();
        let bytes = saved.to_bytes("one").unwrap();
        assert_eq!(Saved::from_bytes(&bytes, "one"), Ok(saved));
        assert!(Saved::from_bytes(&bytes, "another").unwrap_err().contains("another run"));
        for at in [0, 7, bytes.len() / 2, bytes.len() - 60, bytes.len() - 1] {
            let mut bad = bytes.clone();
            bad[at] ^= 1;
            assert!(Saved::from_bytes(&bad, "one").is_err(), "byte {at}");
            assert!(Saved::from_bytes(&bytes[..at], "one").is_err(), "cut at {at}");
        }
        let none = Saved { records: Records::default(), status: Status::Running, ..sample() };
        assert_eq!(Saved::from_bytes(&none.to_bytes("x").unwrap(), "x"), Ok(none));
    }

    #[test]
    fn parameters_have_the_same_bytes_whatever_their_order() {
        let (one, two) = (("a/1".to_string(), &[1.0, f64::NAN][..]), ("b/1".to_string(), &[-0.0][..]));
        let bytes = parameters_file(&[one.clone(), two.clone()]).unwrap();
        assert_eq!(bytes, parameters_file(&[two, one]).unwrap());
    }
}
