//! Teacher-student data: inputs on the unit sphere, labels from a ReLU network.

use super::{DataError, Dataset, Samples};
use crate::linalg::{Matrix, lanes};
use crate::model::{FullyConnected, LayerInit, Model};
use crate::rng::{NumpyLegacy, Purpose, Stream};

/// Normal inputs scaled to the unit sphere, `y = h_teacher(x)`.
#[derive(Clone, Debug, PartialEq)]
pub struct TeacherStudent {
    /// Number of training samples n.
    pub n: usize,
    /// Number of test samples.
    pub test: usize,
    /// The network that makes the labels; its inputs are the data's.
    pub teacher: FullyConnected,
}

impl TeacherStudent {
    /// The published way: `X` (n x d), then `X_test`, from NumPy's legacy stream, rows then normalized. The published
    /// teachers' parameters `theta` came from another stream and are to be given.
    ///
    /// # Errors
    /// If there is no training sample or a label is not finite.
    ///
    /// # Panics
    /// If `theta` has not as many entries as the teacher has parameters.
    pub fn draw_numpy_legacy(&self, seed: u32, theta: &[f64]) -> Result<Dataset, DataError> {
        let mut stream = NumpyLegacy::new(seed);
        let inputs = self.inputs(|| stream.normal());
        self.label(inputs, theta)
    }

    /// Inputs, then a teacher with the given initializations, from our own stream.
    ///
    /// # Errors
    /// If there is no training sample or a label is not finite.
    ///
    /// # Panics
    /// If there is not one initialization per layer.
    pub fn draw_fresh(&self, seed: u64, weights: &[LayerInit], biases: &[LayerInit]) -> Result<Dataset, DataError> {
        let mut stream = Stream::new(seed, Purpose::Data);
        let inputs = self.inputs(|| stream.normal());
        let theta = self.teacher.draw(weights, biases, &mut stream);
        self.label(inputs, &theta)
    }

    fn inputs(&self, mut normal: impl FnMut() -> f64) -> [Matrix; 2] {
        [self.n, self.test].map(|rows| on_sphere(rows, self.teacher.inputs(), &mut normal))
    }

    fn label(&self, [x, x_test]: [Matrix; 2], theta: &[f64]) -> Result<Dataset, DataError> {
        assert_eq!(theta.len(), self.teacher.parameters(), "the teacher's parameters");
        let mut tape = self.teacher.tape();
        let mut labels = |x: &Matrix| x.iter_rows().map(|x| self.teacher.predict(theta, x, &mut tape)).collect();
        let (y, y_test): (Vec<f64>, Vec<f64>) = (labels(&x), labels(&x_test));
        let test = if self.test > 0 { Some(Samples::new(x_test, y_test, ["x_test", "y_test"])?) } else { None };
        Dataset::new(Samples::new(x, y, ["x", "y"])?, test, None)
    }
}

/// `rows` normal vectors in `R^d`, each divided by its norm.
pub(crate) fn on_sphere(rows: usize, d: usize, mut normal: impl FnMut() -> f64) -> Matrix {
    let mut x = Matrix::from_fn(rows, d, |_, _| normal());
    for i in 0..rows {
        let norm = lanes::norm2(x.row(i)).sqrt();
        x.row_mut(i).iter_mut().for_each(|v| *v /= norm);
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fresh_inputs_lie_on_the_sphere_and_differ_by_seed() {
        let shape = TeacherStudent { n: 9, test: 4, teacher: FullyConnected::new(3, &[2], &[false, false]) };
        let draw = |seed| shape.draw_fresh(seed, &[LayerInit::UnitRows, LayerInit::Sign(1.0)], &[LayerInit::Zeros; 2]);
        let (one, two) = (draw(1).unwrap(), draw(2).unwrap());
        for x in one.train.x.iter_rows().chain(one.test.as_ref().unwrap().x.iter_rows()) {
            assert!((lanes::norm2(x) - 1.0).abs() < 1e-15);
        }
        assert_ne!(one.train.y, two.train.y);
        // two unit rows with weights +-1 on the unit sphere
        assert!(one.train.y.iter().all(|y| y.abs() <= 2.0));
    }
}
