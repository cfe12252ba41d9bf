//! Checkpoints: a training in one safetensors file with a checksum, the last good one kept until the next is verified.
//!
//! Weights have PyTorch's names; `momentum/NAME` and `averaged/NAME` stand beside them, and `records/SERIES/steps` and
//! `/values`. The metadata have the spec, the step and a SHA-256 of the whole file in which its own digits count as zeros.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use stepwell::record::{Records, Series};
use stepwell::run::Status;

use crate::engine::{Device, Tensor};
use crate::network::{FileError, Network, Weights};
use crate::training::{Recent, Training, TrainingSpec};

/// The newest checkpoint of a folder.
pub const FILE: &str = "checkpoint.safetensors";
/// The one before it.
pub const PREVIOUS: &str = "checkpoint.previous.safetensors";

const UNFINISHED: &str = ".checkpoint-";
const FORMAT: u32 = 1;
const MARK: &[u8] = b"sha256:";
const DIGITS: usize = 64;
const METADATA: &str = "stepwell";

/// Why a checkpoint cannot be written, read or used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The file is not what was written.
    #[error("the checkpoint is damaged: {0}")]
    Damaged(String),
    /// It is sound, but of another training.
    #[error("the checkpoint is that of another training: it has `{found}`, expected `{expected}`")]
    Other {
        /// The first line of its spec that differs.
        found: String,
        /// What stands there in the spec at hand.
        expected: String,
    },
    /// Its arrays are not those of the network.
    #[error("in the checkpoint, {0}")]
    Weights(#[from] FileError),
    /// It cannot be read or written.
    #[error("{0}")]
    File(String),
}

/// What stands in the metadata.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format: u32,
    step: u64,
    finished: bool,
    diverged_at: Option<u64>,
    spec: String,
    series: Vec<String>,
    recent_wrong: u64,
    recent_images: u64,
}

/// A checkpoint in memory, known to be sound.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    bytes: Vec<u8>,
    header: Header,
    records: Records,
    recent: Recent,
}

/// Weights and buffers of a checkpoint, on a device.
pub(crate) struct Restored {
    pub weights: Weights,
    pub averaged: Option<Weights>,
    pub momentum: Vec<Tensor<1>>,
}

/// An array on its way into the file.
type Entry = (String, Dtype, Vec<usize>, Vec<u8>);

impl Checkpoint {
    /// The bytes of a training's checkpoint.
    pub(crate) fn bytes_of(training: &Training) -> Vec<u8> {
        let network = training.network();
        let mut entries = arrays_of(network, training.weights(), "");
        if !training.sgd().buffers().is_empty() {
            let buffers =
                Weights { parameters: training.sgd().buffers().to_vec(), running: training.weights().running.clone() };
            let named = arrays_of(network, &buffers, "momentum/");
            let parameter = |name: &str| network.layout().parameters().iter().any(|p| name[9..] == p.name);
            entries.extend(named.into_iter().filter(|entry| parameter(&entry.0)));
        }
        if let Some(averaged) = training.averaged() {
            entries.extend(arrays_of(network, averaged, "averaged/"));
        }
        for series in &training.records().series {
            let n = vec![series.steps.len()];
            let steps = series.steps.iter().flat_map(|t| t.to_le_bytes()).collect();
            let values = series.values.iter().flat_map(|v| v.to_le_bytes()).collect();
            entries.push((format!("records/{}/steps", series.name), Dtype::U64, n.clone(), steps));
            entries.push((format!("records/{}/values", series.name), Dtype::F64, n, values));
        }
        let recent = training.recent();
        entries.push(("recent/loss".into(), Dtype::F64, Vec::new(), recent.loss.to_le_bytes().to_vec()));
        let header = Header {
            format: FORMAT,
            step: training.step(),
            finished: training.status() == Status::Finished,
            diverged_at: if let Status::Diverged { step } = training.status() { Some(step) } else { None },
            spec: training.spec().to_toml(),
            series: training.records().series.iter().map(|series| series.name.to_string()).collect(),
            recent_wrong: recent.wrong,
            recent_images: recent.images,
        };
        sealed(&entries, &header)
    }

    /// A checkpoint from the bytes of its file.
    ///
    /// # Errors
    /// If they are not exactly what was written.
    pub fn read(bytes: Vec<u8>) -> Result<Self, CheckpointError> {
        let damaged = |why: &str| CheckpointError::Damaged(why.to_owned());
        check_sum(&bytes)?;
        let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(|error| damaged(&error.to_string()))?;
        let text = metadata.metadata().as_ref().and_then(|map| map.get(METADATA)).ok_or(damaged("no metadata"))?;
        let json = text.get(MARK.len() + DIGITS..).ok_or(damaged("its metadata end early"))?;
        let header: Header = serde_json::from_str(json).map_err(|error| damaged(&format!("its metadata: {error}")))?;
        if header.format != FORMAT {
            return Err(damaged(&format!("format {}, expected {FORMAT}: another version wrote it", header.format)));
        }
        let file = SafeTensors::deserialize(&bytes).map_err(|error| damaged(&error.to_string()))?;
        let words = |name: &str| -> Result<Vec<[u8; 8]>, CheckpointError> {
            let view = file.tensor(name).map_err(|_| damaged(&format!("no array `{name}`")))?;
            Ok(view.data().as_chunks::<8>().0.to_vec())
        };
        let mut records = Records::default();
        for name in &header.series {
            let steps = words(&format!("records/{name}/steps"))?;
            let values = words(&format!("records/{name}/values"))?;
            if steps.len() != values.len() {
                return Err(damaged(&format!("{} steps and {} values of `{name}`", steps.len(), values.len())));
            }
            records.series.push(Series {
                name: name.clone().into(),
                width: 1,
                steps: steps.into_iter().map(u64::from_le_bytes).collect(),
                values: values.into_iter().map(f64::from_le_bytes).collect(),
            });
        }
        let loss = words("recent/loss")?.first().map_or(0.0, |word| f64::from_le_bytes(*word));
        let recent = Recent { loss, wrong: header.recent_wrong, images: header.recent_images };
        Ok(Self { header, records, recent, bytes })
    }

    /// The step it was taken at.
    pub fn step(&self) -> u64 {
        self.header.step
    }

    /// Whether the training was to go on.
    pub fn status(&self) -> Status {
        match self.header.diverged_at {
            Some(step) => Status::Diverged { step },
            None if self.header.finished => Status::Finished,
            None => Status::Running,
        }
    }

    /// What was recorded up to there.
    pub fn records(&self) -> &Records {
        &self.records
    }

    pub(crate) fn recent(&self) -> Recent {
        self.recent
    }

    /// The spec of its training.
    ///
    /// # Errors
    /// If this version cannot read it.
    pub fn spec(&self) -> Result<TrainingSpec, CheckpointError> {
        let refuse = |why: String| CheckpointError::Damaged(format!("its spec: {why}"));
        let spec: TrainingSpec =
            toml::from_str(&self.header.spec).map_err(|error| refuse(error.message().to_owned()))?;
        spec.check().map_err(|error| refuse(error.to_string()))?;
        Ok(spec)
    }

    /// The weights alone.
    ///
    /// # Errors
    /// If they are not those of `network`.
    pub fn weights(&self, network: &Network, device: &Device) -> Result<Weights, CheckpointError> {
        Ok(network.from_safetensors(&self.part("", network)?, device)?)
    }

    /// All tensors, if it is a checkpoint of the training that `spec` describes.
    pub(crate) fn restore(
        &self,
        spec: &TrainingSpec,
        network: &Network,
        device: &Device,
    ) -> Result<Restored, CheckpointError> {
        let expected = spec.to_toml();
        if self.header.spec != expected {
            return Err(first_difference(&self.header.spec, &expected));
        }
        if spec.steps().is_ok_and(|steps| self.step() > steps) {
            return Err(CheckpointError::Damaged(format!("it is of step {}, past the end", self.step())));
        }
        let read = |prefix| Ok::<_, CheckpointError>(network.from_safetensors(&self.part(prefix, network)?, device)?);
        let momentum = if spec.training.momentum == 0.0 { Vec::new() } else { read("momentum/")?.parameters };
        let averaged = spec.training.average.map(|_| read("averaged/")).transpose()?;
        Ok(Restored { weights: read("")?, averaged, momentum })
    }

    /// The arrays with a prefix (those without any for an empty one) as a file of weights. Momentum has no running
    /// statistics: those of the weights fill their place.
    fn part(&self, prefix: &str, network: &Network) -> Result<Vec<u8>, CheckpointError> {
        let damaged = |error: safetensors::SafeTensorError| CheckpointError::Damaged(error.to_string());
        let file = SafeTensors::deserialize(&self.bytes).map_err(damaged)?;
        let is_parameter = |name: &str| network.layout().parameters().iter().any(|p| p.name == name);
        let mut views: Vec<(String, TensorView<'_>)> = Vec::new();
        for (name, view) in file.tensors() {
            let own =
                if prefix.is_empty() { (!name.contains('/')).then_some(&*name) } else { name.strip_prefix(prefix) };
            if let Some(own) = own {
                views.push((own.to_owned(), view));
            } else if prefix == "momentum/" && !name.contains('/') && !is_parameter(&name) {
                views.push((name, view));
            }
        }
        safetensors::serialize(views, None).map_err(damaged)
    }
}

/// The arrays of weights, by their names with a prefix.
fn arrays_of(network: &Network, weights: &Weights, prefix: &str) -> Vec<Entry> {
    let bytes = network.to_safetensors(weights);
    let file = SafeTensors::deserialize(&bytes).expect("just written");
    let entry = |(name, view): (String, TensorView<'_>)| {
        (format!("{prefix}{name}"), view.dtype(), view.shape().to_vec(), view.data().to_vec())
    };
    file.tensors().into_iter().map(entry).collect()
}

/// The file, its checksum in place.
fn sealed(entries: &[Entry], header: &Header) -> Vec<u8> {
    let json = serde_json::to_string(header).expect("numbers and strings");
    let text = format!("{}{}{json}", String::from_utf8_lossy(MARK), "0".repeat(DIGITS));
    let views = entries.iter().map(|(name, dtype, shape, bytes)| {
        (name.as_str(), TensorView::new(*dtype, shape.clone(), bytes).expect("as many bytes as the shape says"))
    });
    // one key only: a map of several has no fixed order
    let metadata = [(METADATA.to_owned(), text)].into();
    let mut bytes = safetensors::serialize(views, Some(metadata)).expect("names and sizes are in order");
    let at = digits_at(&bytes).expect("the mark was just written");
    let sum = hexadecimal(&Sha256::digest(&bytes));
    bytes[at..at + DIGITS].copy_from_slice(sum.as_bytes());
    bytes
}

/// Where the digits of the checksum stand: behind the first mark.
fn digits_at(bytes: &[u8]) -> Option<usize> {
    let at = bytes.windows(MARK.len()).take(1000).position(|window| window == MARK)? + MARK.len();
    (at + DIGITS <= bytes.len()).then_some(at)
}

fn check_sum(bytes: &[u8]) -> Result<(), CheckpointError> {
    let damaged = |why: &str| Err(CheckpointError::Damaged(why.to_owned()));
    let Some(at) = digits_at(bytes) else { return damaged("it is no checkpoint, or its beginning is lost") };
    let mut hash = Sha256::new();
    hash.update(&bytes[..at]);
    hash.update("0".repeat(DIGITS));
    hash.update(&bytes[at + DIGITS..]);
    if hexadecimal(&hash.finalize()).as_bytes() == &bytes[at..at + DIGITS] {
        return Ok(());
    }
    damaged("its checksum is wrong, so that bytes of it were changed or lost")
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn first_difference(found: &str, expected: &str) -> CheckpointError {
    let line = |line: Option<&str>| line.unwrap_or("nothing").to_owned();
    let (mut found, mut expected) = (found.lines(), expected.lines());
    loop {
        let pair = (found.next(), expected.next());
        if pair.0 != pair.1 || pair.0.is_none() {
            return CheckpointError::Other { found: line(pair.0), expected: line(pair.1) };
        }
    }
}

/// The checkpoints of a folder: the newest, and the one before it.
#[derive(Clone, Debug)]
pub struct CheckpointFolder {
    folder: PathBuf,
}

/// A checkpoint that was found in a folder.
#[derive(Clone, Debug)]
pub struct Found {
    /// The last good one.
    pub checkpoint: Checkpoint,
    /// What is wrong with the newest, where it had to be passed over.
    pub passed_over: Option<CheckpointError>,
}

impl CheckpointFolder {
    /// The checkpoints of a folder that exists.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_path_buf() }
    }

    /// Removes what a process that was killed while it wrote has left behind. For who alone works on the folder.
    pub fn remove_unfinished(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        for entry in entries.flatten() {
            if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                // it does no harm where it cannot be removed
                _ = fs::remove_file(entry.path());
            }
        }
    }

    /// Writes a checkpoint beside those that are there, reads it back, and only then lets it take the place of the newest,
    /// which takes the place of the one before.
    ///
    /// # Errors
    /// If it cannot be written or does not read back; then the folder is as it was.
    pub fn save(&self, bytes: &[u8]) -> Result<(), CheckpointError> {
        self.try_save(bytes).map_err(|error| {
            let target = self.folder.join(FILE);
            CheckpointError::File(format!(
                "{}: cannot be written ({error}); what was saved before is kept",
                target.display()
            ))
        })
    }

    fn try_save(&self, bytes: &[u8]) -> io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(&self.folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        if fs::read(file.path())? != bytes {
            return Err(io::Error::other("it does not read back as it was written"));
        }
        let newest = self.folder.join(FILE);
        if newest.exists() {
            fs::rename(&newest, self.folder.join(PREVIOUS))?;
        }
        make_readable(file.as_file())?;
        file.persist(newest).map_err(|error| error.error)?;
        File::open(&self.folder)?.sync_all()
    }

    /// The last good checkpoint; none if there are no files.
    ///
    /// # Errors
    /// If there are files but no good one: what is wrong with the newest.
    pub fn load(&self) -> Result<Option<Found>, CheckpointError> {
        let mut passed_over = None;
        for name in [FILE, PREVIOUS] {
            let path = self.folder.join(name);
            let read = match fs::read(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => Err(CheckpointError::File(error.to_string())),
                Ok(bytes) => Checkpoint::read(bytes),
            };
            match read {
                Ok(checkpoint) => return Ok(Some(Found { checkpoint, passed_over })),
                Err(error) => _ = passed_over.get_or_insert(error),
            }
        }
        passed_over.map_or(Ok(None), Err)
    }
}

/// Temporary files are private; results are as readable as other files of the user.
#[cfg(unix)]
fn make_readable(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn make_readable(_: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Images;
    use crate::engine::Engine;
    use crate::training::TrainingImages;
    use stepwell::rng::{Purpose, Stream};

    const SPEC: &str = r#"
        data = { set = "fashion-mnist", train = 16, test = 8, halved = true }
        network = { kind = "conv_net", width = 1 }
        training = { batch = 8, steps = 3, momentum = 0.5, average = 0.5 }
        schedule = { step_size = 0.1 }
        record = { sparsity_images = 0 }
    "#;

    /// A file that was damaged before its checksum was taken is refused as well, or does no harm.
    #[test]
    fn wrong_content_with_a_right_checksum_does_not_panic() {
        let spec: TrainingSpec = toml::from_str(SPEC).unwrap();
        let device = Engine::Cpu.device().unwrap();
        let of = |count: usize| {
            let pixels = (0..count * 784).map(|k| (k * 31 % 251) as u8).collect();
            Images::new(pixels, (0..count).map(|k| (k % 10) as u16).collect(), [1, 28, 28], 10).unwrap()
        };
        let images = TrainingImages::prepare(&spec, of(16), of(8));
        let mut training = Training::new(spec.clone(), images.clone(), device.clone()).unwrap();
        training.advance(2);
        let bytes = training.checkpoint();
        let header = usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap();
        let mut stream = Stream::new(1, Purpose::Data);
        let mut read = 0;
        for _ in 0..1000 {
            let mut damaged = bytes.clone();
            let at = stream.below(header as u32 + 8) as usize;
            match stream.below(3) {
                0 => damaged[at] = b"0123456789\"{}[]:,-ef\\"[stream.below(21) as usize],
                1 => damaged[at] ^= 1 << stream.below(8),
                _ => damaged.truncate(bytes.len() - stream.below(200) as usize),
            }
            if let Some(at) = digits_at(&damaged) {
                damaged[at..at + DIGITS].fill(b'0');
                let sum = hexadecimal(&Sha256::digest(&damaged));
                damaged[at..at + DIGITS].copy_from_slice(sum.as_bytes());
            }
            if let Ok(checkpoint) = Checkpoint::read(damaged) {
                read += 1;
                _ = checkpoint.spec();
                _ = Training::resume(spec.clone(), images.clone(), device.clone(), &checkpoint).map(|t| t.step());
            }
        }
        assert!(read > 10, "only {read} came past the checksum");
    }
}
