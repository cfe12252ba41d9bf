//! Figures as files of a folder of results.

use stepwell_plot::figure::Figure;

use crate::failure::Failure;
use crate::store::Folder;

/// Writes `NAME.svg` and `NAME.png`.
///
/// # Errors
/// If the figure cannot be drawn or written.
pub fn write(folder: &Folder, figure: &Figure, name: &str) -> Result<(), Failure> {
    figure.files(name)?.iter().try_for_each(|(name, bytes)| folder.write(name, bytes).map(|_| ()))
}
