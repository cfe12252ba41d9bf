//! The data sets that are known: what they hold, where they are looked for, by which checksums they are recognized.

use std::path::{Path, PathBuf};

use super::checksum::{SumOf, md5};
use super::cifar::{Cifar, Distribution};
use super::tree::Tree;
use super::{DataError, Expected, Images, Part, idx, tiny_imagenet};

/// The environment variable that names the folder of data sets.
pub const ENVIRONMENT: &str = "STEPWELL_DATA";
/// Where data sets are looked for if no folder is named: beside the user, then where Debian's packages put them.
pub const DEFAULT_FOLDERS: [&str; 2] = ["data", "/usr/share/datasets"];

/// A known data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataSet {
    /// Articles of clothing, 28 x 28, gray, 10 classes.
    FashionMnist,
    /// Handwritten digits, 28 x 28, gray, 10 classes.
    Mnist,
    /// Small photographs, 32 x 32, in color, 10 classes.
    Cifar10,
    /// Small photographs, 32 x 32, in color, 100 classes.
    Cifar100,
    /// Photographs of ImageNet at 64 x 64, in color, 200 classes.
    TinyImageNet,
}

impl DataSet {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::FashionMnist, Self::Mnist, Self::Cifar10, Self::Cifar100, Self::TinyImageNet];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::FashionMnist => "fashion-mnist",
            Self::Mnist => "mnist",
            Self::Cifar10 => "cifar10",
            Self::Cifar100 => "cifar100",
            Self::TinyImageNet => "tiny-imagenet",
        }
    }

    /// The data set of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|set| set.name() == name)
    }

    /// What a part holds.
    pub fn expected(self, part: Part) -> Expected {
        let (train, test, [channels, height, width], classes) = match self {
            Self::FashionMnist | Self::Mnist => (60_000, 10_000, [1, 28, 28], 10),
            Self::Cifar10 => (50_000, 10_000, [3, 32, 32], 10),
            Self::Cifar100 => (50_000, 10_000, [3, 32, 32], 100),
            Self::TinyImageNet => (100_000, 10_000, [3, 64, 64], 200),
        };
        let images = if part == Part::Train { train } else { test };
        Expected { images, channels, height, width, classes, balanced: self != Self::Mnist }
    }

    /// What a user does who lacks it.
    pub fn how_to_get(self) -> &'static str {
        match self {
            Self::FashionMnist => {
                "apt install dataset-fashion-mnist, or the four files of github.com/zalandoresearch/fashion-mnist \
                 in fashion-mnist/"
            }
            Self::Mnist => "the four files of MNIST (ossci-datasets.s3.amazonaws.com/mnist/) in mnist/",
            Self::Cifar10 => "cifar-10-binary.tar.gz or cifar-10-python.tar.gz of www.cs.toronto.edu/~kriz/cifar.html",
            Self::Cifar100 => {
                "cifar-100-binary.tar.gz or cifar-100-python.tar.gz of www.cs.toronto.edu/~kriz/cifar.html"
            }
            Self::TinyImageNet => "tiny-imagenet-200.zip of cs231n.stanford.edu",
        }
    }

    /// The places below a folder where it may be, in the order in which they are tried.
    fn places(self) -> Vec<(&'static str, Form)> {
        use Distribution::{Binary, Python};
        match self {
            Self::FashionMnist => vec![("fashion-mnist", Form::Idx), ("FashionMNIST/raw", Form::Idx)],
            Self::Mnist => vec![("mnist", Form::Idx), ("MNIST/raw", Form::Idx)],
            Self::Cifar10 => vec![
                ("cifar-10-batches-bin", Form::CifarFolder(Cifar::Ten, Binary)),
                ("cifar-10-batches-py", Form::CifarFolder(Cifar::Ten, Python)),
                ("cifar-10-binary.tar.gz", Form::CifarArchive(Cifar::Ten, Binary)),
                ("cifar-10-python.tar.gz", Form::CifarArchive(Cifar::Ten, Python)),
            ],
            Self::Cifar100 => vec![
                ("cifar-100-binary", Form::CifarFolder(Cifar::Hundred, Binary)),
                ("cifar-100-python", Form::CifarFolder(Cifar::Hundred, Python)),
                ("cifar-100-binary.tar.gz", Form::CifarArchive(Cifar::Hundred, Binary)),
                ("cifar-100-python.tar.gz", Form::CifarArchive(Cifar::Hundred, Python)),
            ],
            Self::TinyImageNet => {
                vec![(tiny_imagenet::FOLDER, Form::JpegFolder), ("tiny-imagenet-200.zip", Form::JpegArchive)]
            }
        }
    }
}

/// How a data set is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Four IDX files, plain or compressed.
    Idx,
    /// CIFAR, unpacked.
    CifarFolder(Cifar, Distribution),
    /// CIFAR in the `.tar.gz` it comes in.
    CifarArchive(Cifar, Distribution),
    /// Folders of JPEGs.
    JpegFolder,
    /// The `.zip` that the folders of JPEGs come in.
    JpegArchive,
}

impl Form {
    /// The form in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Idx => "IDX files",
            Self::CifarFolder(_, Distribution::Binary) => "binary records",
            Self::CifarFolder(_, Distribution::Python) => "Python pickles",
            Self::CifarArchive(_, Distribution::Binary) => "binary records in their archive",
            Self::CifarArchive(_, Distribution::Python) => "Python pickles in their archive",
            Self::JpegFolder => "folders of JPEGs",
            Self::JpegArchive => "JPEGs in their archive",
        }
    }
}

/// The folders in which data sets are looked for.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// In this order.
    pub folders: Vec<PathBuf>,
}

impl Catalog {
    /// The folder that is named, or else the one of the environment ([`ENVIRONMENT`]), or else [`DEFAULT_FOLDERS`].
    #[allow(clippy::disallowed_methods, reason = "where images lie is asked for here until they are the store's")]
    pub fn new(named: Option<&Path>) -> Self {
        let folders = match (named, std::env::var_os(ENVIRONMENT).filter(|value| !value.is_empty())) {
            (Some(folder), _) => vec![folder.to_path_buf()],
            (None, Some(folder)) => vec![PathBuf::from(folder)],
            (None, None) => DEFAULT_FOLDERS.map(PathBuf::from).to_vec(),
        };
        Self { folders }
    }

    /// Where a data set is: the first place that exists.
    ///
    /// # Errors
    /// If it is nowhere, with what was looked for and how to get it.
    pub fn find(&self, set: DataSet) -> Result<Found, DataError> {
        for folder in &self.folders {
            for (name, form) in set.places() {
                let path = folder.join(name);
                if path.exists() {
                    return Ok(Found { set, form, path });
                }
            }
        }
        let folders: Vec<String> = self.folders.iter().map(|folder| folder.display().to_string()).collect();
        let names: Vec<&str> = set.places().into_iter().map(|(name, _)| name).collect();
        let why = format!(
            "not found in {} (looked for {}); get {}, and name the folder by --data-dir or {ENVIRONMENT}",
            folders.join(", "),
            names.join(", "),
            set.how_to_get(),
        );
        Err(DataError::missing(set.name(), why))
    }

    /// A part of a data set, wherever it is.
    ///
    /// # Errors
    /// If it is not found, damaged or not what is expected.
    pub fn load(&self, set: DataSet, part: Part) -> Result<Images, DataError> {
        self.find(set)?.load(part)
    }
}

/// A data set in its place.
#[derive(Clone, Debug)]
pub struct Found {
    /// Which it is.
    pub set: DataSet,
    /// How it is stored.
    pub form: Form,
    /// The folder or archive.
    pub path: PathBuf,
}

impl Found {
    /// Reads a part into memory: CIFAR's training images take 154 MB, TinyImageNet's 1.2 GB.
    ///
    /// # Errors
    /// If a file is missing, damaged or not what is expected.
    pub fn load(&self, part: Part) -> Result<Images, DataError> {
        let expected = self.set.expected(part);
        match self.form {
            Form::Idx => {
                let [images, labels] = idx_stems(part).map(|stem| {
                    idx::find(&self.path, stem)
                        .ok_or_else(|| DataError::missing(self.path.join(stem).display(), "is not there, nor with .gz"))
                });
                idx::read(&images?, &labels?, &expected)
            }
            Form::CifarFolder(cifar, from) => cifar.read(&mut Tree::Folder(self.path.clone()), from, part, &expected),
            Form::CifarArchive(cifar, from) => {
                let mut tree = Tree::open_tar(&self.path, cifar.folder(from), &cifar.files(from, part))?;
                cifar.read(&mut tree, from, part, &expected)
            }
            Form::JpegFolder => tiny_imagenet::read(&mut Tree::Folder(self.path.clone()), part, &expected),
            Form::JpegArchive => {
                tiny_imagenet::read(&mut Tree::open_zip(&self.path, tiny_imagenet::FOLDER)?, part, &expected)
            }
        }
    }

    /// The files whose checksum was published.
    pub fn published_sums(&self) -> Vec<PublishedSum> {
        let one = |path: PathBuf, of, md5| PublishedSum { path, of, md5 };
        match self.form {
            Form::Idx => {
                let sums = if self.set == DataSet::Mnist { MNIST } else { FASHION_MNIST };
                let present = |(stem, md5)| Some(one(idx::find(&self.path, stem)?, SumOf::Content, md5));
                sums.into_iter().filter_map(present).collect()
            }
            Form::CifarFolder(Cifar::Ten, Distribution::Binary) => self.members(&CIFAR_10_BINARY),
            Form::CifarFolder(Cifar::Ten, Distribution::Python) => self.members(&CIFAR_10_PYTHON),
            Form::CifarFolder(Cifar::Hundred, Distribution::Python) => self.members(&CIFAR_100_PYTHON),
            Form::CifarFolder(Cifar::Hundred, Distribution::Binary) | Form::JpegFolder => Vec::new(),
            Form::CifarArchive(cifar, from) => {
                let md5 = match (cifar, from) {
                    (Cifar::Ten, Distribution::Binary) => "c32a1d4ab5d03f1284b67883e8d87530",
                    (Cifar::Ten, Distribution::Python) => "c58f30108f718f92721af3b95e74349a",
                    (Cifar::Hundred, Distribution::Binary) => "03b5dce01913d631647c71ecec9e9cb8",
                    (Cifar::Hundred, Distribution::Python) => "eb9058c3a382ffc7106e4002c42a8d85",
                };
                vec![one(self.path.clone(), SumOf::File, md5)]
            }
            Form::JpegArchive => vec![one(self.path.clone(), SumOf::File, "90528d7ca1a48142e341f4ef8d21d0de")],
        }
    }

    fn members(&self, sums: &[(&str, &'static str)]) -> Vec<PublishedSum> {
        let path = |name| self.path.join(name);
        sums.iter().map(|(name, md5)| PublishedSum { path: path(name), of: SumOf::File, md5 }).collect()
    }
}

fn idx_stems(part: Part) -> [&'static str; 2] {
    match part {
        Part::Train => ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"],
        Part::Test => ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"],
    }
}

/// A file and the checksum it should have.
#[derive(Clone, Debug)]
pub struct PublishedSum {
    /// The file.
    pub path: PathBuf,
    /// What the sum is taken of.
    pub of: SumOf,
    /// In hexadecimal digits.
    pub md5: &'static str,
}

impl PublishedSum {
    /// Compares the file's sum with the published one.
    ///
    /// # Errors
    /// If they differ or the file cannot be read.
    pub fn check(&self) -> Result<(), DataError> {
        let found = md5(&self.path, self.of)?;
        if found == self.md5 {
            return Ok(());
        }
        let content = if self.of == SumOf::Content { " of the unpacked content" } else { "" };
        let why = format!("MD5{content} {found}, published {}", self.md5);
        Err(DataError::damaged(self.path.display(), why))
    }
}

const FASHION_MNIST: [(&str, &str); 4] = [
    ("train-images-idx3-ubyte", "f4a8712d7a061bf5bd6d2ca38dc4d50a"),
    ("train-labels-idx1-ubyte", "9018921c3c673c538a1fc5bad174d6f9"),
    ("t10k-images-idx3-ubyte", "8181f5470baa50b63fa0f6fddb340f0a"),
    ("t10k-labels-idx1-ubyte", "15d484375f8d13e6eb1aabb0c3f46965"),
];
const MNIST: [(&str, &str); 4] = [
    ("train-images-idx3-ubyte", "6bbc9ace898e44ae57da46a324031adb"),
    ("train-labels-idx1-ubyte", "a25bea736e30d166cdddb491f175f624"),
    ("t10k-images-idx3-ubyte", "2646ac647ad5339dbf082846283269ea"),
    ("t10k-labels-idx1-ubyte", "27ae3e4e09519cfbb04c329615203637"),
];
const CIFAR_10_BINARY: [(&str, &str); 6] = [
    ("data_batch_1.bin", "5dd7e06a14cb22eb9f671a540d1b7c25"),
    ("data_batch_2.bin", "5ea93a67294ea407fff1d09f752e9692"),
    ("data_batch_3.bin", "942cd6a4bcdd0dd3c604fbe906cb4421"),
    ("data_batch_4.bin", "ae636b3ba5c66a11e91e8cb52e771fcb"),
    ("data_batch_5.bin", "53f37980c15c3d472c316c40844f3f0d"),
    ("test_batch.bin", "803d5f7f4d78ea53de84dbe85f74fb6d"),
];
const CIFAR_10_PYTHON: [(&str, &str); 6] = [
    ("data_batch_1", "c99cafc152244af753f735de768cd75f"),
    ("data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec"),
    ("data_batch_3", "54ebc095f3ab1f0389bbae665268c751"),
    ("data_batch_4", "634d18415352ddfa80567beed471001a"),
    ("data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb"),
    ("test_batch", "40351d587109b95175f43aff81a1287e"),
];
const CIFAR_100_PYTHON: [(&str, &str); 2] =
    [("train", "16019d7e3df5f24257cddd939b257f8d"), ("test", "f0ef6b0ae62326f3e7ffdfab6717acfc")];
