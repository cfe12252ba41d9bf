//! Data sets: drawn, given, or read from files.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::check::{SpecError, require};
use super::files::{Array, ArraySource, shape};
use super::model::{FullyConnectedSpec, LayersInit, PerLayer};
use crate::data::{DataError, Dataset, Grid, Samples, SparseRegression, TeacherStudent};
use crate::linalg::Matrix;
use crate::model::{FullyConnected, LayerInit, Model};

/// A data set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DataSpec {
    /// A noiseless sparse regression problem.
    SparseRegression(SparseRegressionSpec),
    /// Points on a line with given labels.
    #[serde(rename = "grid_1d")]
    Grid(GridSpec),
    /// Inputs on the unit sphere, labels from a ReLU network.
    TeacherStudent(TeacherStudentSpec),
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

/// `x_k = (k - (n - 1)/2) step + offset`, `y_k = y_offset + y[k]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GridSpec {
    /// Distance of neighbors.
    pub step: f64,
    /// The middle of the grid.
    #[serde(default)]
    pub offset: f64,
    /// Labels, one per point.
    pub y: Vec<f64>,
    /// Added to all labels.
    #[serde(default)]
    pub y_offset: f64,
}

/// Inputs normal, then scaled to the unit sphere; labels from a teacher.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TeacherStudentSpec {
    /// Number of training samples.
    pub n: usize,
    /// Input dimension.
    pub d: usize,
    /// Number of test samples.
    #[serde(default)]
    pub test: usize,
    /// Where the numbers come from; by default a fresh data set and teacher for each seed. With `numpy_legacy` only the
    /// inputs are drawn, and the teacher must be given.
    #[serde(default)]
    pub draw: Draw,
    /// The network that makes the labels.
    pub teacher: TeacherSpec,
}

/// A teacher network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TeacherSpec {
    /// Widths of its hidden layers.
    pub hidden: Vec<usize>,
    /// Whether its layers have biases: one for all, or one per layer, the output's last.
    pub bias: PerLayer<bool>,
    /// How its weights are drawn.
    pub weights: PerLayer<LayerInit>,
    /// How its biases are drawn.
    pub biases: PerLayer<LayerInit>,
    /// Its layers, for inputs from NumPy's legacy stream.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub given: Vec<GivenLayer>,
}

/// A layer's numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GivenLayer {
    /// One list of weights per neuron.
    pub weights: Vec<Vec<f64>>,
    /// One bias per neuron; none for a layer without biases.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub biases: Vec<f64>,
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

impl TeacherStudentSpec {
    const PLACE: &'static str = "data.teacher_student";

    /// The shape and the initializations of the teacher's weights and biases.
    fn shape(&self) -> Result<(TeacherStudent, [Vec<LayerInit>; 2]), SpecError> {
        let key = format!("{}.teacher", Self::PLACE);
        require(self.n > 0, &format!("{}.n", Self::PLACE), 0, "at least 1")?;
        require(self.d > 0, &format!("{}.d", Self::PLACE), 0, "at least 1")?;
        let network = FullyConnectedSpec { hidden: self.teacher.hidden.clone(), bias: self.teacher.bias.clone() };
        let teacher = network.network(self.d, &key)?;
        let inits = LayersInit { weights: self.teacher.weights.clone(), biases: self.teacher.biases.clone() };
        let inits = inits.of(self.teacher.hidden.len() + 1, &key)?;
        Ok((TeacherStudent { n: self.n, test: self.test, teacher }, inits))
    }

    /// The teacher's given parameters.
    fn given(&self, teacher: &FullyConnected) -> Result<Vec<f64>, SpecError> {
        let key = format!("{}.teacher.given", Self::PLACE);
        let (given, shapes) = (&self.teacher.given, teacher.shapes());
        require(given.len() == shapes.len(), &key, format!("{} layers", given.len()), &format!("{}", shapes.len()))?;
        let mut flat = Vec::new();
        for (k, (layer, (fan_in, width, bias))) in given.iter().zip(shapes).enumerate() {
            let key = format!("{key}[{k}]");
            let biases = if bias { width } else { 0 };
            let right = layer.weights.len() == width
                && layer.weights.iter().all(|row| row.len() == fan_in)
                && layer.biases.len() == biases;
            let expected = format!("{width} lists of {fan_in} weights and {biases} biases");
            require(right, &key, "another shape", &expected)?;
            layer.weights.iter().chain([&layer.biases]).for_each(|row| flat.extend(row));
        }
        Ok(teacher.layout().from_pytorch(&flat))
    }

    /// The data set of a seed of our own stream.
    pub(super) fn draw_fresh(&self, seed: u64) -> Result<Dataset, SpecError> {
        let (shape, [weights, biases]) = self.shape()?;
        shape.draw_fresh(seed, &weights, &biases).map_err(Self::refused)
    }

    fn draw_numpy_legacy(&self, seed: u32) -> Result<Dataset, SpecError> {
        let (shape, _) = self.shape()?;
        shape.draw_numpy_legacy(seed, &self.given(&shape.teacher)?).map_err(Self::refused)
    }

    fn refused(source: DataError) -> SpecError {
        SpecError::Data { place: Self::PLACE.into(), source }
    }
}

impl DataSpec {
    /// Samples and inputs of data that are drawn afresh for each seed, checked.
    pub(super) fn drawn_shape(&self) -> Result<(usize, usize), SpecError> {
        match self {
            Self::SparseRegression(s) => {
                let place = "data.sparse_regression".to_string();
                s.shape().check().map_err(|source| SpecError::Data { place, source })?;
                Ok((s.n, s.d))
            }
            Self::TeacherStudent(s) => s.shape().map(|_| (s.n, s.d)),
            _ => unreachable!("only drawn data wait for a seed"),
        }
    }

    /// The data set of a seed, for data that are drawn afresh for each.
    pub(super) fn draw(&self, seed: u64) -> Result<Dataset, SpecError> {
        match self {
            Self::SparseRegression(s) => {
                let place = "data.sparse_regression".to_string();
                s.shape().draw_fresh(seed).map_err(|source| SpecError::Data { place, source })
            }
            Self::TeacherStudent(s) => s.draw_fresh(seed),
            _ => unreachable!("only drawn data wait for a seed"),
        }
    }

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
            Self::Grid(s) => {
                let y = s.y.iter().map(|y| s.y_offset + y).collect();
                let grid = Grid { step: s.step, offset: s.offset, y };
                grid.dataset().map_err(|source| SpecError::Data { place: "data.grid_1d".into(), source })?
            }
            Self::TeacherStudent(s) => match s.draw {
                Draw::Seed => return Ok(None),
                Draw::Fresh(seed) => s.draw_fresh(seed)?,
                Draw::NumpyLegacy(seed) => s.draw_numpy_legacy(seed)?,
            },
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
            return Err(DataError::Shape { name: names[1], found: shape(&y), expected: "one label per sample".into() });
        }
        Samples::new(Matrix::from_rows(rows, cols, &x.values), y.values, names).map(Some)
    };
    let train = take(["x", "y"])?.ok_or_else(|| missing("x"))?;
    let test = take(["x_test", "y_test"])?;
    let target = arrays.remove("target").map(|target| target.values);
    Dataset::new(train, test, target)
}
