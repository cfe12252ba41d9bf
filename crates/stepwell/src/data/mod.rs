//! Data sets: drawn from NumPy's legacy stream as published, drawn from our own streams, or the user's own.

mod grid;
mod sparse_regression;
mod teacher_student;

pub use grid::{Grid, uniform_in_range};
pub use sparse_regression::SparseRegression;
pub use teacher_student::TeacherStudent;
pub(crate) use teacher_student::on_sphere;

use crate::linalg::Matrix;

/// Why a data set was refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DataError {
    /// Too few samples, inputs or a sparsity out of range.
    #[error("{name} is {value}, expected {expected}")]
    OutOfRange {
        /// Which setting.
        name: &'static str,
        /// Its value.
        value: usize,
        /// What would be right.
        expected: String,
    },
    /// An array has another shape than the others ask for.
    #[error("{name} has shape {found}, expected {expected}")]
    Shape {
        /// Which array.
        name: &'static str,
        /// Its shape.
        found: String,
        /// What would be right.
        expected: String,
    },
    /// A value is not finite.
    #[error("{name} holds {value} at index {index}, expected finite numbers")]
    NotFinite {
        /// Which array.
        name: &'static str,
        /// Its flat index.
        index: usize,
        /// The value.
        value: f64,
    },
}

/// Inputs (n x d) with their labels (n).
#[derive(Clone, Debug)]
pub struct Samples {
    /// Inputs, one row per sample.
    pub x: Matrix,
    /// Labels.
    pub y: Vec<f64>,
}

/// A training set, and what else is known.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// The training samples.
    pub train: Samples,
    /// The test samples, where there are any.
    pub test: Option<Samples>,
    /// The coefficients `beta*` that made the labels, where they are known.
    pub target: Option<Vec<f64>>,
}

impl Samples {
    /// Checks shapes and finiteness. `names` are those of inputs and labels in messages.
    pub fn new(x: Matrix, y: Vec<f64>, names: [&'static str; 2]) -> Result<Self, DataError> {
        if x.rows() == 0 || x.cols() == 0 {
            let found = format!("{} x {}", x.rows(), x.cols());
            return Err(DataError::Shape { name: names[0], found, expected: "at least one row and column".into() });
        }
        if x.rows() != y.len() {
            let expected = format!("one label for each of the {} rows of {}", x.rows(), names[0]);
            return Err(DataError::Shape { name: names[1], found: y.len().to_string(), expected });
        }
        for (name, values) in [(names[0], x.as_slice()), (names[1], &y[..])] {
            if let Some(index) = values.iter().position(|v| !v.is_finite()) {
                return Err(DataError::NotFinite { name, index, value: values[index] });
            }
        }
        Ok(Self { x, y })
    }

    /// Checks that every label is +1 or -1, as the logistic loss asks for.
    ///
    /// # Errors
    /// The index of the first other label.
    pub fn check_signs(&self) -> Result<(), usize> {
        self.y.iter().position(|y| y.abs() != 1.0).map_or(Ok(()), Err)
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.y.len()
    }

    /// Whether there is none; never true for a checked set.
    pub fn is_empty(&self) -> bool {
        self.y.is_empty()
    }
}

impl Dataset {
    /// The user's own data. Shapes must agree and all values must be finite.
    pub fn new(train: Samples, test: Option<Samples>, target: Option<Vec<f64>>) -> Result<Self, DataError> {
        let d = train.x.cols();
        if let Some(test) = &test
            && test.x.cols() != d
        {
            let found = format!("{} x {}", test.x.rows(), test.x.cols());
            return Err(DataError::Shape { name: "x_test", found, expected: format!("{d} columns, like x") });
        }
        if let Some(target) = &target
            && target.len() != d
        {
            let (found, expected) = (target.len().to_string(), format!("{d} coefficients"));
            return Err(DataError::Shape { name: "target", found, expected });
        }
        Ok(Self { train, test, target })
    }
}
