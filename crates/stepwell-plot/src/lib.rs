//! Figures and the report page of stepwell, drawn from values alone: no files, no clock, no printing.
//!
//! The data flows one way: `style` -> `panel` -> `figure` -> `series` -> `figures`, `report`. [`figures::figure`] makes the
//! picture of an experiment. A [`figure::Figure`] is panels of
//! layers and a legend; [`figure::Figure::svg`] draws it, [`raster::png`] and [`pdf::pdf`] turn the drawing into the
//! other formats. [`report::page::page`] is a page for a browser that needs nothing but itself.
//!
//! ```
//! use stepwell_plot::axis::Scale;
//! use stepwell_plot::figure::Figure;
//! use stepwell_plot::panel::{Layer, Panel};
//! use stepwell_plot::style::COLORS;
//!
//! let points = vec![(0.0, 1.0), (1.0, 0.1), (2.0, 0.01)];
//! let layers = vec![Layer::Line { points, color: COLORS[0], width: 3 }];
//! let panel =
//!     Panel { title: "Train loss".into(), x_label: "iteration".into(), scale: Scale::Log, y_range: None, layers };
//! let figure = Figure { title: "A run".into(), columns: 1, panels: vec![panel], legend: vec![], below: vec![] };
//! assert!(figure.svg()?.starts_with("<svg"));
//! # Ok::<(), stepwell_plot::PlotError>(())
//! ```

#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod axis;
mod error;
pub mod figure;
pub mod figures;
pub mod panel;
pub mod pdf;
pub mod raster;
pub mod report;
pub mod series;
pub mod style;

pub use error::PlotError;
