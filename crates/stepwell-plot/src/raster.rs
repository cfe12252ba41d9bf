//! SVG to PNG with the embedded font, so that figures look the same on every machine.

use resvg::{tiny_skia, usvg};

use crate::error::PlotError;
use crate::style::{FONT, FONT_BYTES};

/// The document with its letters as outlines.
///
/// # Errors
/// If it cannot be read.
pub(crate) fn tree(svg: &str) -> Result<usvg::Tree, PlotError> {
    let mut options = usvg::Options { font_family: FONT.into(), ..usvg::Options::default() };
    options.fontdb_mut().load_font_data(FONT_BYTES.to_vec());
    usvg::Tree::from_str(svg, &options).map_err(|error| PlotError::Drawing(error.to_string()))
}

/// The picture as PNG, one pixel per unit.
///
/// # Errors
/// If the document cannot be drawn.
pub fn png(svg: &str) -> Result<Vec<u8>, PlotError> {
    let tree = tree(svg)?;
    let size = tree.size().to_int_size();
    let mut pixels =
        tiny_skia::Pixmap::new(size.width(), size.height()).ok_or_else(|| PlotError::Png("it has no area".into()))?;
    resvg::render(&tree, tiny_skia::Transform::identity(), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| PlotError::Png(error.to_string()))
}
