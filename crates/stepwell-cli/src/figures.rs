//! Figures as files of a folder of results.

use stepwell_plot::figure::Figure;
use stepwell_store::folder::Folder;

use crate::failure::Failure;

/// Writes `NAME.svg` and `NAME.png`.
///
/// # Errors
/// If the figure cannot be drawn or written.
pub fn write(folder: &Folder, figure: &Figure, name: &str) -> Result<(), Failure> {
    for (name, bytes) in figure.files(name)? {
        folder.write(&name, &bytes)?;
    }
    Ok(())
}
