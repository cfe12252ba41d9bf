//! Images: reading the usual data sets, augmenting, and cutting epochs into batches.

pub mod augment;
pub mod batches;
pub mod catalog;
pub mod checksum;
pub mod cifar;
mod error;
pub mod idx;
mod images;
pub mod pickle;
pub mod tiny_imagenet;
pub mod tree;

pub use error::{DataError, Fault};
pub use images::{Expected, Images};

/// One of the two parts that every data set has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What is trained on.
    Train,
    /// What is held out (the validation images of TinyImageNet, whose test labels were never published).
    Test,
}
