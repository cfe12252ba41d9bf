//! Records as one table: `run, seed, step, series, value`, whatever the command and the number of runs.
//!
//! `run` is the label of the setting; the run with the published data and indices is [`as_published`]. Values after the last step
//! stand at step T. What was not measured has no row; NaN and infinities are written as such.

pub mod csv;
pub mod parquet;

use stepwell::record::{Records, Series};
use stepwell_lab::experiment::Experiment;
use stepwell_lab::setting::Setting;

/// The records of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// What its setting is called.
    pub label: String,
    /// Its seed.
    pub seed: u64,
    /// Its series of numbers.
    pub records: Records,
}

/// What the run with the published data and indices of a setting is called: it stands beside those over seeds.
pub fn as_published(label: &str) -> String {
    format!("{label}, as published")
}

/// The records of all runs, in order, with the values after the last step.
pub fn of_experiment(experiment: &Experiment) -> Vec<Recorded> {
    experiment.settings.iter().flat_map(of_setting).collect()
}

fn of_setting(setting: &Setting) -> Vec<Recorded> {
    let labeled = |label: String| {
        move |run: &stepwell::outcome::Outcome| Recorded {
            label: label.clone(),
            seed: run.seed,
            records: run.all_records(setting.steps),
        }
    };
    let published = setting.as_published.iter().map(labeled(as_published(&setting.label)));
    published.chain(setting.outcomes.iter().map(labeled(setting.label.clone()))).collect()
}

/// Collects rows that were read: those of a run, and of a series, stand together.
#[derive(Default)]
struct Rows {
    runs: Vec<Recorded>,
    places: std::collections::HashMap<(String, u64), usize>,
}

impl Rows {
    fn push(&mut self, label: &str, seed: u64, step: u64, series: &str, value: f64) {
        let same = |run: &Recorded| run.seed == seed && run.label == label;
        let at = if self.runs.last().is_some_and(same) {
            self.runs.len() - 1
        } else {
            *self.places.entry((label.to_string(), seed)).or_insert_with(|| {
                self.runs.push(Recorded { label: label.to_string(), seed, records: Records::default() });
                self.runs.len() - 1
            })
        };
        let all = &mut self.runs[at].records.series;
        let known = match all.last() {
            Some(last) if last.name == series => all.len() - 1,
            _ => all.iter().position(|known| known.name == series).unwrap_or_else(|| {
                let name = series.to_string().into();
                all.push(Series { name, width: 1, steps: Vec::new(), values: Vec::new() });
                all.len() - 1
            }),
        };
        all[known].steps.push(step);
        all[known].values.push(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Records survive both formats to the bit, whatever labels and values are.
    #[test]
    fn records_come_back_from_csv_and_parquet() {
        let values = [1.4216162873995314e-06, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 5e-324, 3.0];
        let labels = ["run", "η = 0.25, \"large\"", "two\nlines", " ", "as published"];
        let mut runs = Vec::new();
        for (k, label) in labels.into_iter().enumerate() {
            for seed in [0, u64::MAX] {
                let mut records = Records::default();
                for (step, value) in values.into_iter().enumerate() {
                    records.push("train_loss", step as u64, value);
                    records.push("feature_sparsity_1", (step * k) as u64, value * 3.0);
                }
                runs.push(Recorded { label: label.into(), seed, records });
            }
        }
        let text = |runs: &[Recorded]| format!("{runs:?}");
        let bytes = csv::to_bytes(&runs).unwrap();
        assert_eq!(text(&csv::from_bytes(&bytes).unwrap()), text(&runs));
        assert_eq!(csv::to_bytes(&csv::from_bytes(&bytes).unwrap()).unwrap(), bytes);
        let packed = parquet::to_bytes(&runs).unwrap();
        assert_eq!(text(&parquet::from_bytes(packed).unwrap()), text(&runs));
        assert_eq!(csv::from_bytes(&csv::to_bytes(&[]).unwrap()).unwrap(), []);
        assert_eq!(parquet::from_bytes(parquet::to_bytes(&[]).unwrap()).unwrap(), []);
    }
}
