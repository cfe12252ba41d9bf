//! The phase diagram: shares of fates over the step size, what runs reach, and the thresholds.

use stepwell::statistics::{Band, Share};
use stepwell::words::{capitalized, probe_words, short};
use stepwell_plot::axis::Scale;
use stepwell_plot::figure::{Entry, Figure, Mark};
use stepwell_plot::panel::{Layer, Panel};
use stepwell_plot::style::{COLORS, INK, RGBColor};

use super::report::Diagram;
use super::trial::{Fate, Point, measured};

const GRADIENT_DESCENT: RGBColor = COLORS[4];
const MEAN_SQUARE: RGBColor = COLORS[3];
const LYAPUNOV: RGBColor = COLORS[5];

/// The color of a fate.
fn color(fate: Fate) -> RGBColor {
    match fate {
        Fate::Converges => COLORS[0],
        Fate::Stabilizes => COLORS[2],
        Fate::Diverges => COLORS[1],
        Fate::Undecided => RGBColor(140, 140, 140),
    }
}

/// A fate in the legend.
fn words(fate: Fate) -> &'static str {
    match fate {
        Fate::Converges => "converges: the loss falls",
        Fate::Stabilizes => "stabilizes: the loss hovers at a level δ",
        Fate::Diverges => "diverges",
        Fate::Undecided => "undecided: the loss rises without diverging",
    }
}

impl Diagram {
    /// The figure.
    pub fn figure(&self) -> Figure {
        let mut panels = vec![self.shares(), self.bands("Level δ where the loss stabilizes", Scale::Log, Point::level)];
        for name in measured(&self.points) {
            let scale = if name.ends_with("loss") { Scale::Log } else { Scale::Linear };
            let title = format!("{} after the decay", capitalized(&probe_words(&name)));
            panels.push(self.bands(&title, scale, |point| point.last(&name)));
        }
        panels.extend([self.reached(), self.exponents()]);
        Figure { title: self.title.clone(), columns: 3, panels, legend: self.legend(), below: Vec::new() }
    }

    fn panel(&self, title: &str, scale: Scale, y_range: Option<(f64, f64)>, layers: Vec<Layer>) -> Panel {
        let mut all = self.verticals(&layers);
        all.extend(layers);
        Panel { title: title.into(), x_label: "step size η".into(), scale, y_range, layers: all }
    }

    /// The thresholds that lie within the range that lines are drawn over.
    fn verticals(&self, layers: &[Layer]) -> Vec<Layer> {
        let drawn =
            layers.iter().flat_map(|layer| if let Layer::Line { points, .. } = layer { &points[..] } else { &[] });
        let (low, high) = drawn
            .filter(|(_, y)| y.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (x, _)| (low.min(*x), high.max(*x)));
        let known = [
            (Some(self.small_steps.gradient_descent), GRADIENT_DESCENT),
            (Some(self.small_steps.mean_square), MEAN_SQUARE),
            (self.lyapunov_zero, LYAPUNOV),
        ];
        let within = known.into_iter().filter_map(|(x, color)| x.map(|x| (x, color)));
        within.filter(|(x, _)| low <= *x && *x <= high).map(|(x, color)| Layer::Vertical { x, color }).collect()
    }

    fn shares(&self) -> Panel {
        let mut layers = Vec::new();
        let shown = Fate::ALL.into_iter().filter(|fate| self.points.iter().any(|point| point.share(*fate).hits > 0));
        for fate in shown {
            let shares: Vec<(f64, Share)> = self.points.iter().map(|p| (p.step_size, p.share(fate))).collect();
            let color = color(fate);
            layers.push(Layer::Band { points: shares.iter().map(|(x, s)| (*x, s.low, s.high)).collect(), color });
            let points: Vec<(f64, f64)> = shares.iter().map(|(x, s)| (*x, s.value())).collect();
            layers.push(Layer::Line { points: points.clone(), color, width: 3 });
            layers.push(Layer::Dots { points, color, size: 3 });
        }
        self.panel("Share of runs", Scale::Linear, Some((0.0, 1.0)), layers)
    }

    /// Medians in the band of 10% to 90%.
    fn bands(&self, title: &str, scale: Scale, value: impl Fn(&Point) -> Band) -> Panel {
        let bands: Vec<(f64, Band)> = self.points.iter().map(|point| (point.step_size, value(point))).collect();
        let points: Vec<(f64, f64)> = bands.iter().map(|(x, band)| (*x, band.median)).collect();
        let layers = vec![
            Layer::Band { points: bands.iter().map(|(x, band)| (*x, band.p10, band.p90)).collect(), color: COLORS[0] },
            Layer::Line { points: points.clone(), color: COLORS[0], width: 3 },
            Layer::Dots { points, color: COLORS[0], size: 3 },
        ];
        self.panel(title, scale, None, layers)
    }

    fn reached(&self) -> Panel {
        let line = |value: &dyn Fn(&Point) -> f64| -> Vec<(f64, f64)> {
            self.points.iter().map(|point| (point.step_size, value(point))).collect()
        };
        let layers = vec![
            Layer::Dashed { points: line(&|point| point.step_size), color: INK },
            Layer::Line {
                points: line(&|point| point.closer(|c| c.reached.gradient_descent)),
                color: GRADIENT_DESCENT,
                width: 3,
            },
            Layer::Line {
                points: line(&|point| point.closer(|c| c.reached.mean_square)),
                color: MEAN_SQUARE,
                width: 3,
            },
            Layer::Line { points: line(&|point| point.closer(|c| c.batch_sharpness)), color: INK, width: 2 },
        ];
        self.panel("Thresholds at the solution reached", Scale::Log, None, layers)
    }

    fn exponents(&self) -> Panel {
        let points: Vec<(f64, f64)> =
            self.points.iter().map(|point| (point.step_size, point.closer(|c| c.lyapunov))).collect();
        let zero = points.iter().map(|(x, _)| (*x, 0.0)).collect();
        let layers = vec![
            Layer::Dashed { points: zero, color: INK },
            Layer::Line { points: points.clone(), color: LYAPUNOV, width: 3 },
            Layer::Dots { points, color: LYAPUNOV, size: 3 },
        ];
        self.panel("Lyapunov exponent a step, in the large phase", Scale::Linear, None, layers)
    }

    fn legend(&self) -> Vec<Entry> {
        let present = |fate: &Fate| self.points.iter().any(|point| point.share(*fate).hits > 0);
        let mut entries: Vec<Entry> = Fate::ALL
            .into_iter()
            .filter(present)
            .map(|fate| Entry { mark: Mark::LineInBand(color(fate)), text: words(fate).into() })
            .collect();
        let thresholds = self.small_steps;
        let text = format!("2/λmax; dashed: {} where\nsmall steps lead to", short(thresholds.gradient_descent));
        entries.push(Entry { mark: Mark::Dashed(GRADIENT_DESCENT), text });
        if thresholds.mean_square.is_finite() {
            let text = format!(
                "mean-square stable below; dashed: {}\nwhere small steps lead to",
                short(thresholds.mean_square)
            );
            entries.push(Entry { mark: Mark::Dashed(MEAN_SQUARE), text });
        }
        if let Some(zero) = self.lyapunov_zero {
            let text = format!("the Lyapunov exponent's zero: {}", short(zero));
            entries.push(Entry { mark: Mark::Dashed(LYAPUNOV), text });
        }
        let text = "2 / batch sharpness in the large phase;\ndashed: η itself".into();
        entries.push(Entry { mark: Mark::Thin(INK), text });
        let text = format!("{} runs a step size; bands: 95% intervals\nof shares, 10% to 90% of values", self.seeds);
        entries.push(Entry { mark: Mark::None, text });
        entries
    }
}
