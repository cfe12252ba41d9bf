//! Figures: panels of lines, bands and regions with a title and a legend.

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::error::PlotError;
use crate::panel::{Area, Panel};
use crate::raster;
use crate::style::{FONT, FONT_BYTES, INK};

const PANEL_WIDTH: u32 = 640;
const PANEL_HEIGHT: u32 = 440;
const HEAD: u32 = 64;

/// Several panels and a legend.
pub struct Figure {
    /// Stands above all panels.
    pub title: String,
    /// Panels side by side.
    pub columns: usize,
    /// The panels, row by row.
    pub panels: Vec<Panel>,
    /// What the colors mean; takes the places after the last panel, or those before a row that begins anew.
    pub legend: Vec<Entry>,
    /// Panels that belong together: in a row of their own below the others, where those leave a place for the legend.
    pub below: Vec<Panel>,
}

/// A line of the legend.
pub struct Entry {
    /// Its sample.
    pub mark: Mark,
    /// Its words; further lines are indented.
    pub text: String,
}

/// The sample of a legend entry.
pub enum Mark {
    /// A line inside its band.
    LineInBand(RGBColor),
    /// A thin line.
    Thin(RGBColor),
    /// A dashed line.
    Dashed(RGBColor),
    /// Dots.
    Dots(RGBColor),
    /// A filled box.
    Area(RGBColor),
    /// No sample: a remark.
    None,
}

/// Registers the embedded font with the drawing library.
fn register_font() {
    for style in [FontStyle::Normal, FontStyle::Bold] {
        // the font is part of the program and known to be good
        let _ = plotters::style::register_font(FONT, style, FONT_BYTES);
    }
}

impl Figure {
    /// The figure as an SVG document.
    ///
    /// # Errors
    /// If the drawing library fails.
    pub fn svg(&self) -> Result<String, PlotError> {
        register_font();
        let legend = legend_columns(&self.legend);
        let all = self.panels.len() + self.below.len() + legend.len();
        let columns = self.columns.clamp(1, all.max(1));
        let (below, first) = self.places(columns, legend.len());
        let cells = (below + self.below.len()).max(first + legend.len());
        let rows = cells.div_ceil(columns) as u32;
        let mut svg = String::new();
        {
            let size = (columns as u32 * PANEL_WIDTH, HEAD + rows * PANEL_HEIGHT + 10);
            let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
            self.draw(&root, columns, rows as usize)
                .and_then(|()| root.present().map_err(|error| error.to_string()))
                .map_err(PlotError::Drawing)?;
        }
        Ok(svg)
    }

    /// The cell where the panels below begin, and the first of the legend's cells.
    fn places(&self, columns: usize, legend: usize) -> (usize, usize) {
        let count = self.panels.len();
        if self.below.is_empty() {
            return (count, count);
        }
        let below = count.next_multiple_of(columns);
        (below, if count + legend <= below { count } else { below + self.below.len() })
    }

    fn draw(&self, root: &DrawingArea<SVGBackend<'_>, Shift>, columns: usize, rows: usize) -> Result<(), String> {
        let text = |error: DrawingAreaErrorKind<_>| error.to_string();
        root.fill(&WHITE).map_err(text)?;
        let (head, body) = root.split_vertically(HEAD);
        head.draw(&Text::new(self.title.clone(), (24, 22), (FONT, 26).into_font().color(&INK))).map_err(text)?;
        let areas = body.split_evenly((rows, columns));
        let legend = legend_columns(&self.legend);
        let (below, first) = self.places(columns, legend.len());
        for (panel, area) in self.panels.iter().zip(&areas).chain(self.below.iter().zip(areas.iter().skip(below))) {
            panel.draw(area)?;
        }
        legend.iter().zip(areas.iter().skip(first)).try_for_each(|(entries, area)| draw_legend(area, entries))
    }

    /// Names and bytes of the files `NAME.svg` and `NAME.png`.
    ///
    /// # Errors
    /// If the drawing libraries fail.
    pub fn files(&self, name: &str) -> Result<Vec<(String, Vec<u8>)>, PlotError> {
        let svg = self.svg()?;
        let png = raster::png(&svg)?;
        Ok(vec![(format!("{name}.svg"), svg.into_bytes()), (format!("{name}.png"), png)])
    }
}

const LEGEND_TOP: i32 = 44;
const FIRST_LINE: i32 = 26;
const NEXT_LINE: i32 = 23;
/// Long legends stand closer.
const SMALL_GAP: i32 = 4;

/// The entries, as many to a cell as fit.
fn legend_columns(entries: &[Entry]) -> Vec<&[Entry]> {
    let height = |entry: &Entry| FIRST_LINE + (entry.text.lines().count() as i32 - 1) * NEXT_LINE + SMALL_GAP;
    let (mut columns, mut from, mut y) = (Vec::new(), 0, LEGEND_TOP);
    for (k, entry) in entries.iter().enumerate() {
        if y + height(entry) - FIRST_LINE > PANEL_HEIGHT as i32 && k > from {
            columns.push(&entries[from..k]);
            (from, y) = (k, LEGEND_TOP);
        }
        y += height(entry);
    }
    columns.extend(Some(&entries[from..]).filter(|rest| !rest.is_empty()));
    columns
}

fn draw_legend(area: &Area<'_>, entries: &[Entry]) -> Result<(), String> {
    let text = |error: DrawingAreaErrorKind<_>| error.to_string();
    let (mut y, left) = (LEGEND_TOP, 70);
    let gap = if entries.len() > 6 { SMALL_GAP } else { 12 };
    for entry in entries {
        let line = |dy: i32| vec![(left, y + dy), (left + 44, y + dy)];
        match &entry.mark {
            Mark::LineInBand(color) => {
                area.draw(&Rectangle::new([(left, y - 9), (left + 44, y + 9)], color.mix(0.22).filled()))
                    .map_err(text)?;
                area.draw(&PathElement::new(line(0), color.stroke_width(3))).map_err(text)?;
            }
            Mark::Thin(color) => area.draw(&PathElement::new(line(0), color.stroke_width(1))).map_err(text)?,
            Mark::Dashed(color) => {
                for k in 0..4 {
                    let x = left + 12 * k;
                    area.draw(&PathElement::new(vec![(x, y), (x + 8, y)], color.stroke_width(2))).map_err(text)?;
                }
            }
            Mark::Dots(color) => {
                for k in 0..4 {
                    area.draw(&Circle::new((left + 4 + 12 * k, y), 3, color.filled())).map_err(text)?;
                }
            }
            Mark::Area(color) => {
                area.draw(&Rectangle::new([(left, y - 9), (left + 44, y + 9)], color.mix(0.22).filled()))
                    .map_err(text)?;
            }
            Mark::None => {}
        }
        for (k, words) in entry.text.lines().enumerate() {
            let style = (FONT, if k == 0 { 19 } else { 17 }).into_font().color(&INK);
            area.draw(&Text::new(words.to_string(), (left + 58, y - 10), style)).map_err(text)?;
            y += if k == 0 { FIRST_LINE } else { NEXT_LINE };
        }
        y += gap;
    }
    Ok(())
}
