//! Data sets: drawn, given, or read from files.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::check::SpecError;
use super::files::{Array, ArraySource, shape};
use crate::data::{DataError, Dataset, Samples, SparseRegression};
use crate::linalg::Matrix;

/// A data set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DataSpec {
    /// A noiseless sparse regression problem.
    SparseRegression(SparseRegressionSpec),
    /// The scalar toy model's samples: `y = x theta_star^2`.
    Scalar(ScalarSpec),
    /// Your own arrays.
    File(FileSpec),
}

/// Normal inputs, `y = X beta*` with `sparsity` non-zero coefficients.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SparseRegressionSpec {
    /// Number of training samples.
    pub n: usize,
    /// Input dimension.
    pub d: usize,
    /// Number of non-zero coefficients.
    pub sparsity: usize,
    /// Number of test samples.
    #[serde(default)]
    pub test: usize,
    /// Standard deviation of the normal noise on the labels.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub noise: f64,
    /// Where the numbers come from; by default a fresh data set for each seed.
    #[serde(default)]
    pub draw: Draw,
}

/// A source of random numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Draw {
    /// Our own stream, with the seed of the run.
    #[default]
    Seed,
    /// Our own stream, with this seed for all runs.
    Fresh(u64),
    /// NumPy's legacy stream, with this seed for all runs.
    NumpyLegacy(u32),
}

/// Scalar inputs with labels `y = x theta_star^2`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ScalarSpec {
    /// The inputs.
    pub x: Vec<f64>,
    /// The minimum.
    pub theta_star: f64,
}

/// Arrays in a file: `.npz`, or `.npy` files named apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FileSpec {
    /// A `.npz` file with arrays `x` (n x d), `y` (n) and, optionally, `x_test`, `y_test`, `target` (d); or a folder of
    /// `.npy` files with these names.
    pub path: String,
}

fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

impl SparseRegressionSpec {
    pub(super) fn shape(&self) -> SparseRegression {
        SparseRegression { n: self.n, d: self.d, sparsity: self.sparsity, test: self.test, noise: self.noise }
    }
}

impl DataSpec {
    /// The data set, unless it is drawn afresh for each seed.
    pub(super) fn read(&self, files: &dyn ArraySource) -> Result<Option<Arc<Dataset>>, SpecError> {
        let data = match self {
            Self::SparseRegression(s) => {
                let data = match s.draw {
                    Draw::Seed => return Ok(None),
                    Draw::Fresh(seed) => s.shape().draw_fresh(seed),
                    Draw::NumpyLegacy(seed) => s.shape().draw_numpy_legacy(seed),
                };
                data.map_err(|source| SpecError::Data { place: "data.sparse_regression".into(), source })?
            }
            Self::Scalar(s) => {
                let x = Matrix::from_rows(s.x.len(), 1, &s.x);
                let y = s.x.iter().map(|x| x * (s.theta_star * s.theta_star)).collect();
                let place = || "data.scalar".to_string();
                let train =
                    Samples::new(x, y, ["x", "y"]).map_err(|source| SpecError::Data { place: place(), source })?;
                let target = Some(vec![s.theta_star * s.theta_star]);
                Dataset::new(train, None, target).map_err(|source| SpecError::Data { place: place(), source })?
            }
            Self::File(file) => {
                let mut arrays = files.arrays(&file.path).map_err(SpecError::File)?;
                dataset_from(&mut arrays).map_err(|source| SpecError::Data { place: file.path.clone(), source })?
            }
        };
        Ok(Some(Arc::new(data)))
    }
}

/// A data set from named arrays: `x`, `y`, optionally `x_test` with `y_test`, and `target`.
fn dataset_from(arrays: &mut BTreeMap<String, Array>) -> Result<Dataset, DataError> {
    let names = arrays.keys().cloned().collect::<Vec<_>>().join(", ");
    let missing =
        |name| DataError::Shape { name, found: format!("nothing (arrays: {names})"), expected: "an array".into() };
    let mut take = |names: [&'static str; 2]| -> Result<Option<Samples>, DataError> {
        let (x, y) = match (arrays.remove(names[0]), arrays.remove(names[1])) {
            (Some(x), Some(y)) => (x, y),
            (None, None) => return Ok(None),
            (None, _) => return Err(missing(names[0])),
            (_, None) => return Err(missing(names[1])),
        };
        let [rows, cols] = x.shape[..] else {
            return Err(DataError::Shape { name: names[0], found: shape(&x), expected: "samples x inputs".into() });
        };
        if y.shape.iter().filter(|n| **n != 1).count() > 1 {
            return Err(DataError::Shape { name: names[1], found: shape(&y), expected: "one label a sample".into() });
        }
        Samples::new(Matrix::from_rows(rows, cols, &x.values), y.values, names).map(Some)
    };
    let train = take(["x", "y"])?.ok_or_else(|| missing("x"))?;
    let test = take(["x_test", "y_test"])?;
    let target = arrays.remove("target").map(|target| target.values);
    Dataset::new(train, test, target)
}
