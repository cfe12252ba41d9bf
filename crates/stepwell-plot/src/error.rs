//! What can go wrong in drawing.

/// A figure that cannot be drawn.
#[derive(Debug, thiserror::Error)]
pub enum PlotError {
    /// The drawing library failed, or the SVG document cannot be read.
    #[error("cannot draw the figure: {0}")]
    Drawing(String),
    /// The picture has no pixels, or they cannot be encoded.
    #[error("cannot draw the figure as PNG: {0}")]
    Png(String),
}
