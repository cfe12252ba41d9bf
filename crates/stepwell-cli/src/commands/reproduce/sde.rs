//! `reproduce sde`: SGD, label noise at a fixed level, and the label-noise equations, side by side as distributions.

use std::process::ExitCode;

use indicatif::ProgressBar;
use rayon::prelude::*;
use serde_json::{Value, json};
use stepwell::data::Dataset;
use stepwell::linalg::Matrix;
use stepwell::probe::Probe;
use stepwell::record::RecordPlan;
use stepwell::run::Status;
use stepwell::spec::{Prepared, SpecError};
use stepwell::statistics::{Band, Share, energy_distance, quantile, sliced_wasserstein};
use stepwell::words::{band_text, percent, share_text, short, thousands};
use stepwell_plot::axis::Scale;
use stepwell_plot::figure::{Entry, Figure, Mark};
use stepwell_plot::panel::{Layer, Panel};
use stepwell_plot::style::{COLORS, INK, RGBColor};

use super::{DivergedRun, Reproduction, reproduce};
use crate::cli::ReproduceArgs;
use crate::failure::Failure;
use crate::output::{band_json, number, table};
use crate::records_rows::{HEADER, run_prefix};
use crate::spec_file::SpecFile;
use crate::{interrupt, progress};

/// Directions of the sliced Wasserstein distance.
const SLICES: usize = 64;

/// What is measured of a path at each recording point.
const SERIES: [&str; 4] = ["train_loss", "log_factor", "on_support", "off_support"];

/// One description of the dynamics with its paths.
struct Law {
    label: String,
    color: RGBColor,
    paths: Vec<Path>,
    /// Sliced Wasserstein distance of beta to SGD's, at each recording point; NaN where fewer than two paths are left.
    to_sgd: Vec<f64>,
}

/// One path at the recording points, up to its divergence.
struct Path {
    seed: u64,
    diverged: bool,
    /// The [`SERIES`], a row a recording point.
    values: Vec<[f64; 4]>,
    /// `beta = u * v` at each recording point.
    betas: Vec<Vec<f64>>,
}

/// All that the figure shows and prints.
struct Results {
    title: String,
    steps: Vec<u64>,
    laws: Vec<Law>,
    /// The distance between two halves of SGD's own paths: what sampling alone makes.
    floor: Vec<f64>,
    step_size: f64,
    /// Number of steps of a path.
    length: u64,
}

/// Runs the figure.
pub fn run(args: &ReproduceArgs) -> Result<ExitCode, Failure> {
    reproduce(args, |file, count| measure(file, count, args.fresh.is_some()))
}

const LEGEND_TEXT: &str = "log factor: median over coordinates of ln(|u² − v²| / |u₀² − v₀²|), not below round-off; on and off the support: mean |β_j| where β* is \
                           not zero and where it is;\ndistance: sliced Wasserstein distance of β to SGD's paths; its floor: \
                           between two halves of SGD's paths";

fn measure(file: &SpecFile, count: u64, fresh: bool) -> Result<Results, Failure> {
    let explain = |error| file.explain(&error);
    let bar = progress::bar(count * file.spec.variants.len() as u64, "paths");
    let mut laws: Vec<Law> = Vec::new();
    let mut steps = Vec::new();
    for (variant, color) in file.spec.variants.iter().zip(COLORS) {
        let prepared = file.prepare(&file.spec.with_variant(variant).seeded(fresh))?;
        steps = prepared.grid();
        let paths = (1..=count).into_par_iter().map(|seed| path(&prepared, seed, &steps, &bar));
        let paths = paths.collect::<Result<Vec<_>, _>>().map_err(explain)?;
        laws.push(Law { label: variant.label.clone(), color, paths, to_sgd: Vec::new() });
    }
    bar.finish_and_clear();
    let at = |law: usize| (0..steps.len()).map(|k| laws[law].cloud(k, |_| true)).collect::<Vec<_>>();
    let sgd = at(0);
    let distances = |clouds: &[Matrix]| sgd.par_iter().zip(clouds).map(|(a, b)| distance(a, b)).collect::<Vec<f64>>();
    let to_sgd: Vec<Vec<f64>> =
        (0..laws.len()).map(|law| if law == 0 { Vec::new() } else { distances(&at(law)) }).collect();
    let half = |odd: bool| move |seed: u64| (seed % 2 == 1) == odd;
    let floor = (0..steps.len()).into_par_iter();
    let floor = floor.map(|k| distance(&laws[0].cloud(k, half(true)), &laws[0].cloud(k, half(false)))).collect();
    for (law, to_sgd) in laws.iter_mut().zip(to_sgd) {
        law.to_sgd = to_sgd;
    }
    let title = file.spec.title.clone().unwrap_or_default();
    Ok(Results { title, steps, laws, floor, step_size: file.spec.schedule.step_size, length: file.spec.steps })
}

fn distance(a: &Matrix, b: &Matrix) -> f64 {
    if a.rows() < 2 || b.rows() < 2 { f64::NAN } else { sliced_wasserstein(a, b, SLICES) }
}

fn path(prepared: &Prepared, seed: u64, steps: &[u64], bar: &ProgressBar) -> Result<Path, SpecError> {
    let data = prepared.data(seed)?;
    let mut session = prepared.session_on(seed, data.clone(), RecordPlan::default());
    let start = session.theta().to_vec();
    let mut path = Path { seed, diverged: false, values: Vec::new(), betas: Vec::new() };
    for &step in steps {
        path.diverged |= matches!(session.advance(step - session.step()), Status::Diverged { .. });
        let loss = session.measure(&[Probe::TrainLoss])[0].1;
        path.diverged |= !loss.is_finite();
        if path.diverged || interrupt::stopped() {
            break;
        }
        let (values, beta) = observed(session.theta(), &start, &data);
        path.values.push([loss, values[0], values[1], values[2]]);
        path.betas.push(beta);
    }
    bar.inc(1);
    Ok(path)
}

/// Log factor, mean `|beta|` on and off the support, and beta itself. `|u^2 - v^2|` is known to the round-off of
/// `u^2 + v^2` only, and is taken for that where it is smaller.
fn observed(theta: &[f64], start: &[f64], data: &Dataset) -> ([f64; 3], Vec<f64>) {
    let gap = |theta: &[f64], j: usize| {
        let (u, v) = theta.split_at(theta.len() / 2);
        ((u[j] - v[j]).abs() * (u[j] + v[j]).abs()).max(f64::EPSILON * (u[j] * u[j] + v[j] * v[j]))
    };
    let d = theta.len() / 2;
    let factors: Vec<f64> = (0..d).map(|j| libm::log(gap(theta, j) / gap(start, j))).collect();
    let beta: Vec<f64> = (0..d).map(|j| theta[j] * theta[d + j]).collect();
    let target = data.target.as_deref().unwrap_or(&[]);
    let mean = |wanted: bool| {
        let chosen: Vec<f64> =
            beta.iter().zip(target).filter(|(_, t)| (**t != 0.0) == wanted).map(|(b, _)| b.abs()).collect();
        chosen.iter().sum::<f64>() / chosen.len() as f64
    };
    ([quantile(&factors, 0.5), mean(true), mean(false)], beta)
}

impl Law {
    /// The paths' beta at recording point `k`, one row a path, for those seeds that are wanted and still go on.
    fn cloud(&self, k: usize, wanted: impl Fn(u64) -> bool) -> Matrix {
        let alive = self.paths.iter().filter(|path| wanted(path.seed) && !path.diverged);
        let rows: Vec<&Vec<f64>> = alive.filter_map(|path| path.betas.get(k)).collect();
        Matrix::from_fn(rows.len(), rows.first().map_or(0, |row| row.len()), |i, j| rows[i][j])
    }

    fn diverged(&self) -> Share {
        Share::of(self.paths.iter().filter(|path| path.diverged).count(), self.paths.len())
    }

    fn band(&self, k: usize, series: usize) -> Band {
        let alive = self.paths.iter().filter(|path| !path.diverged);
        Band::of(&alive.filter_map(|path| Some(path.values.get(k)?[series])).collect::<Vec<_>>())
    }
}

impl Results {
    fn last(&self) -> usize {
        self.steps.len() - 1
    }

    fn table(&self) -> String {
        let header = [
            "description",
            "diverged [95%]",
            "train loss",
            "log factor",
            "on the support",
            "off the support",
            "distance to SGD (floor)",
        ];
        let mut table = table(&header);
        let last = self.last();
        for law in &self.laws {
            let cell = |series| band_text(&law.band(last, series));
            let distance = match law.to_sgd.last() {
                Some(distance) => format!("{} ({})", short(*distance), short(self.floor[last])),
                None => "–".into(),
            };
            table.add_row([
                law.label.clone(),
                share_text(&law.diverged()),
                cell(0),
                cell(1),
                cell(2),
                cell(3),
                distance,
            ]);
        }
        table.trim_fmt()
    }

    fn panel(&self, title: &str, series: usize, scale: Scale, y_range: Option<(f64, f64)>) -> Panel {
        let mut layers = Vec::new();
        for law in &self.laws {
            let bands: Vec<(f64, Band)> =
                self.steps.iter().enumerate().map(|(k, step)| (*step as f64, law.band(k, series))).collect();
            layers.push(Layer::Band {
                points: bands.iter().map(|(t, b)| (*t, b.p10, b.p90)).collect(),
                color: law.color,
            });
            let points = bands.iter().map(|(t, b)| (*t, b.median)).collect();
            layers.push(Layer::Line { points, color: law.color, width: 3 });
        }
        Panel { title: title.into(), x_label: "iteration".into(), scale, y_range, layers }
    }

    fn distances(&self) -> Panel {
        let line = |values: &[f64]| self.steps.iter().zip(values).map(|(t, d)| (*t as f64, *d)).collect();
        let mut layers: Vec<Layer> =
            self.laws.iter().map(|law| Layer::Line { points: line(&law.to_sgd), color: law.color, width: 3 }).collect();
        layers.push(Layer::Dashed { points: line(&self.floor), color: INK });
        let title = "Distance of β to SGD's distribution".into();
        Panel { title, x_label: "iteration".into(), scale: Scale::Log, y_range: None, layers }
    }
}

impl Reproduction for Results {
    fn csv(&self) -> String {
        use std::fmt::Write;
        let mut out = String::from(HEADER);
        for law in &self.laws {
            for path in &law.paths {
                let prefix = run_prefix(&law.label, path.seed);
                for (step, values) in self.steps.iter().zip(&path.values) {
                    for (name, value) in SERIES.iter().zip(values) {
                        let _ = writeln!(out, "{prefix}{step},{name},{value:?}");
                    }
                }
            }
        }
        out
    }

    fn figure(&self) -> Result<Figure, Failure> {
        let panels = vec![
            self.panel("Train loss", 0, Scale::Log, None),
            // the noise as written shrinks so fast that it would flatten the others
            self.panel("Log of the multiplicative factors", 1, Scale::Linear, Some((-150.0, 0.0))),
            self.panel("Mean |β| on the support of β*", 2, Scale::Linear, None),
            self.panel("Mean |β| off the support of β*", 3, Scale::Log, Some((1e-5, 0.2))),
            self.distances(),
        ];
        let one = |law: &Law| {
            let Share { hits, total, low, high } = law.diverged();
            let text = format!("{}\n{hits} of {total} diverged [{}, {}]", law.label, percent(low), percent(high));
            Entry { mark: Mark::LineInBand(law.color), text }
        };
        let mut legend: Vec<Entry> = self.laws.iter().map(one).collect();
        legend.push(Entry {
            mark: Mark::None,
            text: "line: median of the paths that did not diverge\nband: their 10% to 90%".into(),
        });
        legend.push(Entry { mark: Mark::Dashed(INK), text: "distance between two halves of SGD's paths".into() });
        Ok(Figure { title: self.title.clone(), columns: 3, panels, legend, below: Vec::new() })
    }

    fn summary(&self) -> Value {
        let last = self.last();
        let sgd = self.laws[0].cloud(last, |_| true);
        let one = |law: &Law| {
            let share = law.diverged();
            let mut finals = serde_json::Map::new();
            for (k, name) in SERIES.iter().enumerate() {
                let band = law.band(last, k);
                finals.insert((*name).to_string(), band_json(&band));
            }
            json!({
                "label": law.label,
                "step_size": self.step_size,
                "seeds": share.total,
                "diverged": share.hits,
                "diverged_interval": [share.low, share.high],
                "final": finals,
                "sliced_wasserstein_to_sgd": number(law.to_sgd.last().copied().unwrap_or(f64::NAN)),
                "energy_distance_to_sgd": number(energy(&sgd, &law.cloud(last, |_| true))),
            })
        };
        json!({
            "figure": "sde",
            "version": env!("CARGO_PKG_VERSION"),

            "runs": self.laws.iter().map(one).collect::<Vec<_>>(),
            "sliced_wasserstein_floor": number(self.floor[last]),
        })
    }

    fn diverged(&self) -> Vec<DivergedRun> {
        let of_law = |law: &Law| {
            let ended = |path: &&Path| path.diverged;
            // seen at the recording point that follows the last one recorded
            let at = |path: &Path| self.steps[path.values.len().min(self.last())];
            let run = |path: &Path| DivergedRun { label: law.label.clone(), seed: path.seed, step: at(path) };
            law.paths.iter().filter(ended).map(run).collect::<Vec<_>>()
        };
        self.laws.iter().flat_map(of_law).collect()
    }

    fn report(&self) -> String {
        format!(
            "{}\n{} steps, {} paths each; values at the last recording point, of the paths that did not diverge\n{}\n{LEGEND_TEXT}\n",
            self.title,
            thousands(self.length),
            self.laws[0].paths.len(),
            self.table(),
        )
    }
}

fn energy(a: &Matrix, b: &Matrix) -> f64 {
    if a.rows() < 2 || b.rows() < 2 { f64::NAN } else { energy_distance(a, b) }
}
