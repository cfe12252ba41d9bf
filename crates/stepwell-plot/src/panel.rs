//! One panel: layers over a pair of axes.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::axis::{Axis, Scale};
use crate::style::{FAINT, FONT, INK};

/// Where a panel or a legend is drawn.
pub(crate) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// At most this many points per line; longer ones are thinned to the least and largest value of each piece.
const MOST_POINTS: usize = 1500;

/// What is drawn in a panel, first layers below later ones.
pub enum Layer {
    /// A line; it is broken at values that have no place on the axis.
    Line {
        /// x, y.
        points: Vec<(f64, f64)>,
        /// The line's color.
        color: RGBColor,
        /// In pixels.
        width: u32,
    },
    /// A dashed line.
    Dashed {
        /// x, y.
        points: Vec<(f64, f64)>,
        /// The line's color.
        color: RGBColor,
    },
    /// The area between two lines.
    Band {
        /// x, lower, upper.
        points: Vec<(f64, f64, f64)>,
        /// Its color, drawn pale.
        color: RGBColor,
    },
    /// Dots.
    Dots {
        /// x, y.
        points: Vec<(f64, f64)>,
        /// The dots' color.
        color: RGBColor,
        /// Their radius in pixels.
        size: u32,
    },
    /// Vertical strokes.
    Strokes {
        /// x, lower, upper.
        points: Vec<(f64, f64, f64)>,
        /// The strokes' color.
        color: RGBColor,
    },
    /// A dashed vertical line.
    Vertical {
        /// Where it stands.
        x: f64,
        /// The line's color.
        color: RGBColor,
    },
    /// A horizontal stripe over the whole width with its name.
    Stripe {
        /// Its lower edge.
        low: f64,
        /// Its upper edge.
        high: f64,
        /// Its color, drawn pale.
        color: RGBColor,
        /// Stands at its left end.
        name: String,
    },
}

/// A panel.
pub struct Panel {
    /// Its title.
    pub title: String,
    /// Name of the horizontal axis.
    pub x_label: String,
    /// Scale of the vertical axis.
    pub scale: Scale,
    /// The vertical range, where it is not that of the data.
    pub y_range: Option<(f64, f64)>,
    /// What is drawn.
    pub layers: Vec<Layer>,
}

impl Layer {
    /// Corners of what the axes must show.
    fn extent(&self) -> Vec<(f64, f64)> {
        match self {
            Self::Line { points, .. } | Self::Dashed { points, .. } | Self::Dots { points, .. } => points.clone(),
            Self::Band { points, .. } | Self::Strokes { points, .. } => {
                points.iter().flat_map(|(x, low, high)| [(*x, *low), (*x, *high)]).collect()
            }
            Self::Vertical { .. } | Self::Stripe { .. } => Vec::new(),
        }
    }
}

impl Panel {
    /// The ranges of both axes, in positions.
    fn ranges(&self) -> ((f64, f64), (f64, f64)) {
        let points = self.layers.iter().flat_map(Layer::extent).map(|(x, y)| (x, self.scale.position(y)));
        let inside: Vec<(f64, f64)> = points.filter(|(x, y)| x.is_finite() && y.is_finite()).collect();
        let range = |values: &mut dyn Iterator<Item = f64>| {
            let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
            match (low <= high, low == high) {
                (false, _) => (0.0, 1.0),
                (true, true) => (low - 0.5 * low.abs().max(0.1), high + 0.5 * high.abs().max(0.1)),
                (true, false) => (low, high),
            }
        };
        let x = range(&mut inside.iter().map(|p| p.0));
        let (low, high) = match self.y_range {
            Some((low, high)) => (self.scale.position(low), self.scale.position(high)),
            None => range(&mut inside.iter().map(|p| p.1)),
        };
        let margin = 0.04 * (high - low);
        (x, (low - margin, high + margin))
    }

    /// Draws the panel, its axes and its layers.
    pub(crate) fn draw(&self, area: &Area<'_>) -> Result<(), String> {
        let failed = |error: DrawingAreaErrorKind<_>| error.to_string();
        let ((x0, x1), (y0, y1)) = self.ranges();
        let x_axis = Axis { range: (x0, x1), ticks: Scale::Linear.ticks(x0, x1, 5) };
        let y_axis = Axis { range: (y0, y1), ticks: self.scale.ticks(y0, y1, 7) };
        let mut chart = ChartBuilder::on(area)
            .margin_right(28)
            .margin_left(10)
            .margin_top(14)
            .caption(&self.title, (FONT, 21).into_font().color(&INK))
            .x_label_area_size(56)
            .y_label_area_size(84)
            .build_cartesian_2d(x_axis, y_axis)
            .map_err(failed)?;
        let small = (FONT, 17).into_font().color(&INK);
        chart
            .configure_mesh()
            .x_desc(&self.x_label)
            .axis_desc_style((FONT, 18).into_font().color(&INK))
            .label_style(small.clone())
            .x_label_formatter(&|x| Scale::Linear.label(*x))
            .y_label_formatter(&|y| self.scale.label(*y))
            .bold_line_style(FAINT.stroke_width(1))
            .light_line_style(TRANSPARENT)
            .axis_style(INK.stroke_width(1))
            .draw()
            .map_err(failed)?;
        for layer in &self.layers {
            let place = |y: f64| self.scale.position(y).clamp(y0, y1);
            match layer {
                Layer::Line { points, color, width } => {
                    for piece in pieces(points, self.scale, (y0, y1)) {
                        chart.draw_series(LineSeries::new(piece, color.stroke_width(*width))).map_err(failed)?;
                    }
                }
                Layer::Dashed { points, color } => {
                    for piece in pieces(points, self.scale, (y0, y1)) {
                        let line = DashedLineSeries::new(piece, 9, 6, color.stroke_width(2));
                        chart.draw_series(line).map_err(failed)?;
                    }
                }
                Layer::Band { points, color } => {
                    for piece in band_pieces(points, self.scale, (y0, y1)) {
                        chart.draw_series([Polygon::new(piece, color.mix(0.2).filled())]).map_err(failed)?;
                    }
                }
                Layer::Dots { points, color, size } => {
                    let inside = points.iter().map(|(x, y)| (*x, self.scale.position(*y)));
                    let inside = inside.filter(|(_, y)| (y0..=y1).contains(y));
                    chart.draw_series(inside.map(|p| Circle::new(p, *size, color.filled()))).map_err(failed)?;
                }
                Layer::Strokes { points, color } => {
                    let style = color.stroke_width(1);
                    let stroke = |(x, low, high): &(f64, f64, f64)| {
                        PathElement::new(vec![(*x, place(*low)), (*x, place(*high))], style)
                    };
                    chart.draw_series(points.iter().map(stroke)).map_err(failed)?;
                }
                Layer::Vertical { x, color } => {
                    let line = DashedLineSeries::new([(*x, y0), (*x, y1)], 6, 6, color.stroke_width(1));
                    chart.draw_series(line).map_err(failed)?;
                }
                Layer::Stripe { low, high, color, name } => {
                    let corners = [(x0, place(*low)), (x1, place(*high))];
                    chart.draw_series([Rectangle::new(corners, color.mix(0.13).filled())]).map_err(failed)?;
                    let middle = 0.5 * (corners[0].1 + corners[1].1);
                    let style = small.clone().pos(Pos::new(HPos::Left, VPos::Center));
                    let at = (x0 + 0.012 * (x1 - x0), middle);
                    chart.draw_series([Text::new(name.clone(), at, style)]).map_err(failed)?;
                }
            }
        }
        Ok(())
    }
}

/// A line in positions, broken where a value has no place, thinned where it is long. Where it leaves the axis it is drawn
/// up to the edge.
fn pieces(points: &[(f64, f64)], scale: Scale, (y0, y1): (f64, f64)) -> Vec<Vec<(f64, f64)>> {
    let placed: Vec<(f64, f64)> = points.iter().map(|(x, y)| (*x, scale.position(*y))).collect();
    let inside = |k: usize| placed.get(k).is_some_and(|(_, y)| (y0..=y1).contains(y));
    let kept = |k: usize| inside(k) || inside(k + 1) || (k > 0 && inside(k - 1));
    let cut: Vec<(f64, f64)> =
        (0..placed.len()).map(|k| (placed[k].0, if kept(k) { placed[k].1.clamp(y0, y1) } else { f64::NAN })).collect();
    cut.split(|(_, y)| y.is_nan()).filter(|piece| !piece.is_empty()).map(thinned).collect()
}

fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if points.len() <= MOST_POINTS {
        return points.to_vec();
    }
    let chunk = points.len().div_ceil(MOST_POINTS / 2);
    let ends = |piece: &[(f64, f64)]| {
        let mut ends = [piece[0], piece[0]];
        for p in piece {
            if p.1 < ends[0].1 {
                ends[0] = *p;
            }
            if p.1 > ends[1].1 {
                ends[1] = *p;
            }
        }
        ends.sort_by(|a, b| a.0.total_cmp(&b.0));
        ends
    };
    points.chunks(chunk).flat_map(ends).collect()
}

fn band_pieces(points: &[(f64, f64, f64)], scale: Scale, (y0, y1): (f64, f64)) -> Vec<Vec<(f64, f64)>> {
    let place = |y: f64| scale.position(y).clamp(y0, y1);
    let placed: Vec<(f64, f64, f64)> = points.iter().map(|(x, l, h)| (*x, place(*l), place(*h))).collect();
    let outline = |piece: &[(f64, f64, f64)]| {
        let upper = piece.iter().map(|(x, _, high)| (*x, *high));
        let lower = piece.iter().rev().map(|(x, low, _)| (*x, *low));
        upper.chain(lower).collect()
    };
    placed.split(|(_, l, h)| l.is_nan() || h.is_nan()).filter(|piece| piece.len() > 1).map(outline).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_where_a_value_has_no_place() {
        let points = [(0.0, 1.0), (1.0, f64::NAN), (2.0, 10.0), (3.0, -1.0), (4.0, 100.0)];
        let found = pieces(&points, Scale::Log, (-9.0, 9.0));
        assert_eq!(found, [vec![(0.0, 0.0)], vec![(2.0, 1.0)], vec![(4.0, 2.0)]]);
    }

    #[test]
    fn thinning_keeps_the_extremes() {
        let points: Vec<(f64, f64)> =
            (0..100_000).map(|k| (f64::from(k), if k == 54_321 { 9.0 } else { 0.0 })).collect();
        let found = thinned(&points);
        assert!(found.len() <= MOST_POINTS && found.contains(&(54_321.0, 9.0)));
    }
}
