//! SVG to PNG with the embedded font, so that figures look the same on every machine.

use resvg::{tiny_skia, usvg};

use super::FONT;
use crate::failure::Failure;

/// The Latin, Greek and mathematical glyphs of DejaVu Sans.
pub const FONT_BYTES: &[u8] = include_bytes!("../../assets/DejaVuSans-subset.ttf");

/// The document with its letters as outlines.
///
/// # Errors
/// If it cannot be read.
pub fn tree(svg: &str) -> Result<usvg::Tree, Failure> {
    let mut options = usvg::Options { font_family: FONT.into(), ..usvg::Options::default() };
    options.fontdb_mut().load_font_data(FONT_BYTES.to_vec());
    usvg::Tree::from_str(svg, &options).map_err(|error| Failure::other(format!("cannot draw the figure: {error}")))
}

/// The picture as PNG, one pixel a unit.
///
/// # Errors
/// If the document cannot be drawn.
pub fn png(svg: &str) -> Result<Vec<u8>, Failure> {
    let failed = |why: String| Failure::other(format!("cannot draw the figure as PNG: {why}"));
    let tree = tree(svg)?;
    let size = tree.size().to_int_size();
    let mut pixels =
        tiny_skia::Pixmap::new(size.width(), size.height()).ok_or_else(|| failed("it has no area".into()))?;
    resvg::render(&tree, tiny_skia::Transform::identity(), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| failed(error.to_string()))
}
