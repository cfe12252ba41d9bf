//! Memory: what a training or a measurement needs, as far as it can be told beforehand, and what this machine has left.

use std::fs;
use std::path::Path;

use crate::data::{Expected, Part};
use crate::metrics::jacobian_memory;
use crate::network::Network;
use crate::training::TrainingSpec;
use stepwell::spec::SpecError;

/// Bytes of a number.
const NUMBER: u64 = 4;
/// Bytes of the program itself.
const PROGRAM: u64 = 24 << 20;
/// Maps of its largest size that one image needs in evaluation: what a layer reads, its result and two intermediate ones.
const MAPS_AT_ONCE: u64 = 4;
/// Vectors of double precision that Lanczos' method keeps, at most.
const LANCZOS: u64 = 45;
/// Batches that are ready, being made or in use.
const BATCHES: u64 = 4;
/// Copies of all that is saved while a checkpoint is written.
const COPIES: u64 = 4;

/// What a training needs, in bytes: `always + max(image * part, between)`, and `sum` for parts of batches. Measured peaks are within 30% of it.
///
/// It counts the activations that are kept for the backward pass (each layer keeps its input), parameters, gradient, momentum
/// and averaged weights, and images; not what the system keeps for files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrainingMemory {
    /// The program, images, parameters and what SGD keeps of them.
    pub always: u64,
    /// The sum of the gradients of parts, where a batch has more than one.
    pub sum: u64,
    /// For each image of a part of a batch.
    pub image: u64,
    /// What happens between steps: records and checkpoints.
    pub between: u64,
    /// Images of a part of a batch.
    pub part: u64,
    /// Images of a batch.
    pub batch: u64,
}

impl TrainingMemory {
    /// What the training of a spec needs on the processor.
    ///
    /// # Errors
    /// If the spec is refused.
    pub fn of(spec: &TrainingSpec) -> Result<Self, SpecError> {
        let network = spec.network()?;
        let set = spec.data_set()?;
        let whole = [Part::Train, Part::Test].map(|part| {
            let Expected { images, channels, height, width, .. } = set.expected(part);
            (images * channels * height * width) as u64
        });
        let batch = (spec.training.batch).min(spec.count(Part::Train)?);
        let part = spec.training.micro_batch.unwrap_or(batch).min(batch);
        let parameters = bytes_of_parameters(&network);
        let averaged = u64::from(spec.training.average.is_some());
        // parameters, gradient, momentum, averaged weights
        let vectors = 2 + u64::from(spec.training.momentum != 0.0) + averaged;
        let batches = BATCHES * NUMBER * (batch * pixels(&network)) as u64;
        let always = PROGRAM + images(spec, &network)? + vectors * parameters + batches;
        let image = bytes(network.numbers_for_backward());
        let record = &spec.record;
        let between = [
            evaluation(&network),
            COPIES * (1 + u64::from(spec.training.momentum != 0.0) + averaged) * parameters,
            if record.sharpness_images > 0 { sharpness(&network, record.sharpness_images as u64) } else { 0 },
            if record.jacobian_images > 0 { jacobian(&network, record.jacobian_images as u64) } else { 0 },
            // the whole data set is read before some of it is taken
            whole.iter().sum::<u64>().saturating_sub(vectors * parameters),
        ];
        let between = between.into_iter().max().unwrap_or(0);
        Ok(Self { always, sum: parameters, image, between, part: part as u64, batch: batch as u64 })
    }

    /// All of it.
    pub fn total(&self) -> u64 {
        let sum = if self.part < self.batch { self.sum } else { 0 };
        (self.always + sum).saturating_add(self.image.saturating_mul(self.part).max(self.between))
    }

    /// The most images of a part of a batch that fit and leave a twentieth free, at least one; `None` where that is too much
    /// as well.
    pub fn largest_part(&self, available: u64) -> Option<u64> {
        let rest = (available - available / 20).checked_sub(self.always + self.sum);
        let rest = rest.filter(|rest| *rest >= self.between)?;
        Some(rest / self.image.max(1)).filter(|part| *part > 0)
    }
}

fn pixels(network: &Network) -> usize {
    network.input().iter().product()
}

/// Bytes of the images that are kept.
fn images(spec: &TrainingSpec, network: &Network) -> Result<u64, SpecError> {
    Ok(((spec.count(Part::Train)? + spec.count(Part::Test)?) * pixels(network)) as u64)
}

/// What [`evaluate`](crate::training::evaluate) and [`activations`](crate::metrics::activations) need beside the network.
fn evaluation(network: &Network) -> u64 {
    MAPS_AT_ONCE * bytes(network.widest_maps()) * crate::training::CHUNK as u64
}

/// What [`jacobian_rank`](crate::metrics::jacobian_rank) of so many images needs beside the network.
fn jacobian(network: &Network, images: u64) -> u64 {
    let [rows, at_once] = jacobian_memory(images, bytes_of_parameters(network));
    // evaluation mode keeps the scaled maps as well
    let one = bytes_of_parameters(network) + 3 * bytes(network.numbers_for_backward()) / 2;
    rows + at_once * one + 4 * 8 * images.saturating_mul(images)
}

/// What [`sharpness`](crate::metrics::sharpness) of so many images needs beside the network.
fn sharpness(network: &Network, images: u64) -> u64 {
    let parameters = bytes_of_parameters(network);
    bytes(network.numbers_for_backward()).saturating_mul(images).saturating_add(2 * LANCZOS * parameters)
}

/// Bytes of so many numbers; beyond all machines it makes no difference how many.
fn bytes(numbers: usize) -> u64 {
    NUMBER.saturating_mul(numbers as u64).min(1 << 55)
}

fn bytes_of_parameters(network: &Network) -> u64 {
    bytes(network.layout().parameter_count())
}

/// What a measurement of a checkpoint needs, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MeasureMemory {
    /// Activations with so many numbers per image.
    Activations(u64),
    /// The rank of the Jacobian.
    Jacobian,
    /// Sharpness.
    Sharpness,
}

impl MeasureMemory {
    /// What it needs for so many images of a spec.
    ///
    /// # Errors
    /// If the spec is refused.
    pub fn of(self, spec: &TrainingSpec, images: u64) -> Result<u64, SpecError> {
        let network = spec.network()?;
        let always = PROGRAM + self::images(spec, &network)? + 2 * bytes_of_parameters(&network);
        let own = match self {
            // the numbers, and the bytes of the file twice
            Self::Activations(each) => evaluation(&network) + (3 * NUMBER * each).saturating_mul(images),
            Self::Jacobian => jacobian(&network, images),
            Self::Sharpness => sharpness(&network, images),
        };
        Ok(always.saturating_add(own))
    }

    /// The most images that fit, up to `images`; `None` if not even one does.
    ///
    /// # Errors
    /// If the spec is refused.
    pub fn most_images(self, spec: &TrainingSpec, images: u64, available: u64) -> Result<Option<u64>, SpecError> {
        let (mut fits, mut too_many) = (0, images.saturating_add(1));
        while too_many - fits > 1 {
            let middle = fits + (too_many - fits) / 2;
            if self.of(spec, middle)? <= available { fits = middle } else { too_many = middle }
        }
        Ok((fits > 0).then_some(fits))
    }
}

/// Bytes that this process may still take: the least of what the system has available, what its control groups and its limit
/// on address space leave. `None` where none of them can be told.
pub fn available() -> Option<u64> {
    let read = |path: &str| fs::read_to_string(path).ok();
    let system = read("/proc/meminfo").and_then(|text| kilobytes(&text, "MemAvailable:"));
    let address_space = || {
        let limit =
            number(read("/proc/self/limits")?.lines().find_map(|line| line.strip_prefix("Max address space"))?)?;
        Some(limit.saturating_sub(kilobytes(&read("/proc/self/status")?, "VmSize:")?))
    };
    [system, address_space(), read("/proc/self/cgroup").and_then(|text| in_groups(&text))].into_iter().flatten().min()
}

/// The value of a line such as `MemAvailable:   123 kB`.
fn kilobytes(text: &str, name: &str) -> Option<u64> {
    number(text.lines().find_map(|line| line.strip_prefix(name))?)?.checked_mul(1024)
}

fn number(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

/// What the groups of /proc/self/cgroup leave, with all that are around them.
fn in_groups(text: &str) -> Option<u64> {
    let left = |line: &str| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        let (root, limit, used) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max", "memory.current"),
            _ if controllers.split(',').any(|c| c == "memory") => {
                ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes")
            }
            _ => return None,
        };
        let folder = Path::new(root).join(path.trim_start_matches('/'));
        folder
            .ancestors()
            .take_while(|folder| folder.starts_with(root))
            .filter_map(|folder| {
                let read = |name: &str| fs::read_to_string(folder.join(name)).ok();
                left_of(&read(limit)?, &read(used)?, &read("memory.stat").unwrap_or_default())
            })
            .min()
    };
    text.lines().filter_map(left).min()
}

/// What a limit leaves: files that are kept in memory unread give way.
fn left_of(limit: &str, used: &str, statistics: &str) -> Option<u64> {
    let files = statistics.lines().find_map(|line| line.strip_prefix("inactive_file ")).and_then(number).unwrap_or(0);
    Some(number(limit)?.saturating_sub(number(used)?.saturating_sub(files)))
}

/// Bytes in words: `512 MiB`, `7.4 GiB`.
pub fn in_words(bytes: u64) -> String {
    let mebibytes = bytes as f64 / f64::from(1 << 20);
    if mebibytes < 1000.0 { format!("{mebibytes:.0} MiB") } else { format!("{:.1} GiB", mebibytes / 1024.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read() {
        assert_eq!(kilobytes("MemTotal: 9 kB\nMemAvailable:     12 kB\n", "MemAvailable:"), Some(12 << 10));
        assert_eq!(kilobytes("MemTotal: 9 kB\n", "MemAvailable:"), None);
        assert_eq!(left_of("1000\n", "700\n", "anon 5\ninactive_file 100\n"), Some(400));
        assert_eq!(left_of("1000\n", "1700\n", ""), Some(0));
        assert_eq!(left_of("max\n", "700\n", ""), None);
        assert_eq!(in_groups("12:cpu:/x\nnonsense\n"), None);
    }

    /// Peaks of trainings of one to three steps as GNU time reported them, in kilobytes, on two threads.
    #[test]
    fn estimates_are_within_30_percent_of_measured_peaks() {
        let plain = "dense_net\", depth = 100, growth = 12, bottleneck = false, compression = 1.0";
        let compressed = "dense_net\", depth = 100, growth = 12, bottleneck = true, compression = 0.5";
        let small = "dense_net\", depth = 16, growth = 12, bottleneck = false, compression = 1.0";
        for (data, kind, batch, peak) in [
            ("fashion-mnist\", train = 5000, test = 2000, halved = true", small, 128, 101_652),
            ("cifar10\", train = 300, test = 10", "res_net\", width = 64", 32, 323_140),
            ("cifar10\", train = 300, test = 10", compressed, 32, 1_114_324),
            ("cifar10\", train = 64, test = 512", plain, 8, 975_968),
            ("fashion-mnist\", train = 64, test = 600", plain, 8, 753_656),
        ] {
            let text = format!(
                "data = {{ set = \"{data} }}\nnetwork = {{ kind = \"{kind} }}\n\
                 training = {{ batch = {batch}, steps = 2 }}\nschedule = {{ step_size = 0.1 }}"
            );
            let found = TrainingMemory::of(&toml::from_str(&text).unwrap()).unwrap();
            let ratio = found.total() as f64 / (1024.0 * f64::from(peak));
            eprintln!("{data}, {kind}, batch {batch}: estimate / peak = {ratio:.2}");
            assert!((1.0 / 1.3..1.3).contains(&ratio), "{data}, {kind}, batch {batch}: {ratio}");
        }
    }

    #[test]
    fn the_largest_part_is_the_last_that_fits() {
        let memory = TrainingMemory { always: 900, sum: 100, image: 30, between: 200, part: 64, batch: 64 };
        assert_eq!(memory.total(), 900 + 30 * 64);
        // 1900 of 2000 leave 900 for images, 30 of them
        assert_eq!(memory.largest_part(2000), Some(30));
        assert_eq!(memory.largest_part(1999), Some(30));
        assert_eq!(memory.largest_part(1980), Some(29));
        assert_eq!(TrainingMemory { part: 30, ..memory }.total(), 1900);
        assert_eq!(memory.largest_part(1260), None); // the records do not fit
        assert_eq!(TrainingMemory { between: 0, ..memory }.largest_part(1080), None);
        assert_eq!(TrainingMemory { part: 2, ..memory }.total(), 1200);
        assert_eq!(TrainingMemory { image: u64::MAX, ..memory }.total(), u64::MAX);
    }
}
