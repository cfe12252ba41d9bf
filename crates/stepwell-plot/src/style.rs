//! Colors and letters that all figures share.

pub use plotters::style::RGBColor;

/// Colors that stay apart for most eyes, also in gray. Source: Okabe and Ito (2002), yellow left out.
pub const COLORS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
];
/// Text and frames.
pub const INK: RGBColor = RGBColor(40, 40, 40);
/// Grid lines.
pub const FAINT: RGBColor = RGBColor(225, 225, 225);

/// The family name under which the embedded font is known to the drawing libraries.
pub const FONT: &str = "DejaVu Sans";

/// The Latin, Greek and mathematical glyphs of DejaVu Sans.
pub(crate) const FONT_BYTES: &[u8] = include_bytes!("../assets/DejaVuSans-subset.ttf");
