//! Findings of a figure of the paper: its settings over seeds, beside the numbers that were published.

use serde::{Deserialize, Serialize};
use stepwell::linalg::Matrix;
use stepwell::metrics::predictor_grid;
use stepwell::number::Number;
use stepwell::statistics::Band;
use stepwell::verdict::{Comparison, Observation, Pooled};

/// Settings of a figure beside what was published of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Published {
    /// What was asked for.
    pub asked: Asked,
    /// Whether the published data and indices are known, so that the published runs themselves stand beside the seeds.
    pub known: bool,
    /// Its variants, in the order of their settings.
    pub variants: Vec<Variant>,
    /// The paper's observations, as tests over seeds.
    pub observations: Vec<Observation>,
}

/// Which figure, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The name of the figure.
    pub figure: String,
    /// Runs per setting.
    pub seeds: u64,
    /// Whether each seed draws a data set of its own.
    pub fresh: bool,
    /// Whether step sizes are scaled by each data set's own threshold.
    pub relative: bool,
}

/// What was found of a setting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Variant {
    /// What it is called, as its setting.
    pub label: String,
    /// The step size of its runs over seeds, before warm-up and decay.
    #[serde(with = "stepwell::number")]
    pub step_size: f64,
    /// Whether that is counted in thresholds of each data set.
    pub relative: bool,
    /// The step at which the run with the published data and indices diverged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_indices_diverged_at: Option<u64>,
    /// The last recorded values beside the published ones, for each series that has a row in the table.
    pub compared: Vec<Compared>,
    /// What the loss does while the step size is not decayed.
    pub stabilization: LossStabilization,
    /// Which digits can be reproduced.
    pub sensitivity: Sensitivity,
    /// What the run that is shown by itself has learned, where that is drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<Shown>,
}

/// A series at the last recording point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// Its name.
    pub series: String,
    /// The published value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<Number>,
    /// The value with the published data and indices, where they are known; NaN if that run diverged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_indices: Option<Number>,
    /// What is said of the published value.
    pub verdict: Comparison,
}

/// The loss of all seeds while the step size is not decayed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LossStabilization {
    /// The verdict on the setting, with those on its runs.
    pub pooled: Pooled,
    /// From which step on runs are stabilized: the median over those that are.
    #[serde(with = "stepwell::number")]
    pub from: f64,
    /// The arithmetic mean losses over the second half of the phase, over the runs that did not diverge in it.
    pub level: Band,
    /// The geometric mean over the losses that were recorded there, over the same runs: it depends on the recording grid.
    pub geometric: Band,
    /// The share of sign changes among 200 moves along the top eigenvector in the middle of that phase: the median over the
    /// seeds that it was measured of.
    #[serde(with = "stepwell::number")]
    pub bouncing: f64,
}

/// How far runs and their twins are apart, each of which starts with one parameter changed by one unit in its last place:
/// the worst over several runs and several such nudges.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sensitivity {
    /// Whether no digit that is shown depends on rounding: in none of the pairs do the losses ever differ by 1e-9.
    pub contracting: bool,
    /// The first recorded step at which the losses of the pair that is first differ by more than 1%.
    pub departs_at: Option<u64>,
    /// How many of the pairs differ by that much.
    pub departed: usize,
    /// The pairs.
    pub pairs: usize,
    /// The runs that the pairs are of.
    pub runs: usize,
    /// The largest relative difference of the losses at the last point that both of a pair recorded.
    #[serde(with = "stepwell::number")]
    pub difference_at_end: f64,
    /// The largest finite-time exponent per step: the logarithm of the factor from the nudge's relative size to that
    /// difference, over the steps.
    #[serde(with = "stepwell::number")]
    pub exponent: f64,
}

/// The run that is shown by itself. What it looks like is in its records: a row of the series `predictor` per time for a
/// network with one input, of `neurons` for two.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shown {
    /// Its seed.
    pub seed: u64,
    /// The training data `(x, y)` of a network with one input; empty for others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<(f64, f64)>,
    /// Where the function of a network with one input bends after the last step, in the range of the training inputs;
    /// `None` for other networks, and if it diverged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kinks: Option<Vec<f64>>,
}

impl Shown {
    /// The inputs at which the values of the series `predictor` are those of the network, see [`predictor_grid`].
    pub fn grid(&self) -> Vec<f64> {
        let x = Matrix::from_fn(self.data.len(), 1, |i, _| self.data[i].0);
        predictor_grid(&x).as_slice().to_vec()
    }
}
