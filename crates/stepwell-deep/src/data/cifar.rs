//! CIFAR-10 and CIFAR-100, in the binary and in the Python distribution.

use super::pickle::Dict;
use super::tree::Tree;
use super::{DataError, Expected, Images, Part};

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cifar {
    /// Ten classes; the training images in five files.
    Ten,
    /// A hundred classes (the fine labels are used), each file in one piece.
    Hundred,
}

/// How the files are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distribution {
    /// Records of label bytes and pixels.
    Binary,
    /// Pickled dictionaries.
    Python,
}

impl Cifar {
    /// The folder that both the archive unpacks to and its members are in.
    pub fn folder(self, distribution: Distribution) -> &'static str {
        match (self, distribution) {
            (Self::Ten, Distribution::Binary) => "cifar-10-batches-bin",
            (Self::Ten, Distribution::Python) => "cifar-10-batches-py",
            (Self::Hundred, Distribution::Binary) => "cifar-100-binary",
            (Self::Hundred, Distribution::Python) => "cifar-100-python",
        }
    }

    /// The files that hold a part, in order.
    pub fn files(self, distribution: Distribution, part: Part) -> Vec<String> {
        let end = if distribution == Distribution::Binary { ".bin" } else { "" };
        match (self, part) {
            (Self::Ten, Part::Train) => (1..=5).map(|k| format!("data_batch_{k}{end}")).collect(),
            (Self::Ten, Part::Test) => vec![format!("test_batch{end}")],
            (Self::Hundred, Part::Train) => vec![format!("train{end}")],
            (Self::Hundred, Part::Test) => vec![format!("test{end}")],
        }
    }

    /// A part of the data set; each of its files must hold the same number of images.
    ///
    /// # Errors
    /// If a file is missing, damaged or not what is expected.
    pub fn read(
        self,
        tree: &mut Tree,
        from: Distribution,
        part: Part,
        expected: &Expected,
    ) -> Result<Images, DataError> {
        let files = self.files(from, part);
        let each = Expected { images: expected.images / files.len(), balanced: false, ..*expected };
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        for file in &files {
            let place = tree.place(file);
            match from {
                Distribution::Binary => {
                    let size = each.images * (self.label_bytes() + each.image_bytes());
                    let bytes = tree.read(file, size)?;
                    self.records(&bytes, &each, &place, &mut pixels, &mut labels)?;
                }
                Distribution::Python => {
                    // labels and file names come to some 50 bytes per image
                    let bytes = tree.read(file, each.images * (each.image_bytes() + 200) + 100_000)?;
                    self.pickled(&bytes, &each, &place, &mut pixels, &mut labels)?;
                }
            }
        }
        let place = tree.place(if files.len() == 1 { &files[0] } else { "data_batch_1 to 5" });
        expected.images_of(pixels, labels, &place)
    }

    /// CIFAR-100 has a coarse label before the fine one.
    fn label_bytes(self) -> usize {
        match self {
            Self::Ten => 1,
            Self::Hundred => 2,
        }
    }

    fn records(
        self,
        bytes: &[u8],
        each: &Expected,
        place: &str,
        pixels: &mut Vec<u8>,
        labels: &mut Vec<u16>,
    ) -> Result<(), DataError> {
        let label_bytes = self.label_bytes();
        let record = label_bytes + each.image_bytes();
        if bytes.len() != each.images * record {
            let found = format!("{} bytes, expected {} records of {record}", bytes.len(), each.images);
            return Err(DataError::damaged(place, found));
        }
        for (k, record) in bytes.chunks_exact(record).enumerate() {
            let (label, image) = record.split_at(label_bytes);
            let label = label[label_bytes - 1];
            check_label(i64::from(label), k, each, place)?;
            labels.push(u16::from(label));
            pixels.extend_from_slice(image);
        }
        Ok(())
    }

    fn pickled(
        self,
        bytes: &[u8],
        each: &Expected,
        place: &str,
        pixels: &mut Vec<u8>,
        labels: &mut Vec<u16>,
    ) -> Result<(), DataError> {
        let dict = Dict::read(bytes).map_err(|why| DataError::damaged(place, why))?;
        let wrong = |why: String| DataError::wrong(place, why);
        let key = match self {
            Self::Ten => "labels",
            Self::Hundred => "fine_labels",
        };
        let found = dict.integers(key).map_err(wrong)?;
        let data = dict.bytes("data").map_err(wrong)?;
        if data.shape != [each.images, each.image_bytes()] || found.len() != each.images {
            return Err(wrong(format!(
                "`data` is {:?} and `{key}` has {} entries, expected {:?} and {}",
                data.shape,
                found.len(),
                [each.images, each.image_bytes()],
                each.images
            )));
        }
        for (k, label) in found.into_iter().enumerate() {
            check_label(label, k, each, place)?;
            labels.push(label as u16);
        }
        if data.fortran {
            let column = |k| (0..each.image_bytes()).map(move |pixel| data.bytes[pixel * each.images + k]);
            pixels.extend((0..each.images).flat_map(column));
        } else {
            pixels.extend_from_slice(data.bytes);
        }
        Ok(())
    }
}

fn check_label(label: i64, image: usize, each: &Expected, place: &str) -> Result<(), DataError> {
    if (0..each.classes as i64).contains(&label) {
        return Ok(());
    }
    let why = format!("image {image} has the label {label}, expected 0 to {}", each.classes - 1);
    Err(DataError::wrong(place, format!("{why}; get this file again")))
}
