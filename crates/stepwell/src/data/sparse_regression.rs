//! A sparse regression problem: the diagonal network's data set.

use super::{DataError, Dataset, Samples};
use crate::linalg::{Matrix, lanes};
use crate::rng::{NumpyLegacy, Purpose, Stream};

/// A sparse regression problem: normal inputs, `y = X beta* + noise`, `beta*` with `sparsity` positive entries first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SparseRegression {
    /// Number of training samples n.
    pub n: usize,
    /// Input dimension d.
    pub d: usize,
    /// Number r of non-zero entries of `beta*`.
    pub sparsity: usize,
    /// Number of test samples.
    pub test: usize,
    /// Standard deviation of the normal noise on the labels of both sets; 0 as published.
    pub noise: f64,
}

impl SparseRegression {
    /// Checks the sizes: `n`, `d` at least 1 and `1 <= sparsity <= d`.
    pub fn check(&self) -> Result<(), DataError> {
        let positive = |name, value: usize| match value {
            0 => Err(DataError::OutOfRange { name, value, expected: "at least 1".into() }),
            _ => Ok(()),
        };
        positive("n", self.n)?;
        positive("d", self.d)?;
        if self.sparsity == 0 || self.sparsity > self.d {
            let expected = format!("between 1 and d = {}", self.d);
            return Err(DataError::OutOfRange { name: "sparsity", value: self.sparsity, expected });
        }
        Ok(())
    }

    /// The published way: `X` (n x d), `X_test`, then `beta* = |normal(d)|` cut after `sparsity` entries and divided by
    /// its norm, all from NumPy's legacy stream.
    pub fn draw_numpy_legacy(&self, seed: u32) -> Result<Dataset, DataError> {
        let mut stream = NumpyLegacy::new(seed);
        self.draw(|| stream.normal())
    }

    /// The same from our own stream.
    pub fn draw_fresh(&self, seed: u64) -> Result<Dataset, DataError> {
        let mut stream = Stream::new(seed, Purpose::Data);
        self.draw(|| stream.normal())
    }

    fn draw(&self, mut normal: impl FnMut() -> f64) -> Result<Dataset, DataError> {
        self.check()?;
        let x = Matrix::from_fn(self.n, self.d, |_, _| normal());
        let x_test = Matrix::from_fn(self.test, self.d, |_, _| normal());
        let mut target: Vec<f64> = (0..self.d).map(|_| normal().abs()).collect();
        target[self.sparsity..].fill(0.0);
        let norm = lanes::norm2(&target).sqrt();
        target.iter_mut().for_each(|t| *t /= norm);
        let mut label = |x: &Matrix| {
            let clean = x.iter_rows().map(|x| lanes::dot(&target, x));
            clean.map(|y| if self.noise == 0.0 { y } else { y + self.noise * normal() }).collect()
        };
        let train = Samples { y: label(&x), x };
        let test = (self.test > 0).then(|| Samples { y: label(&x_test), x: x_test });
        Dataset::new(train, test, Some(target))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_data_set_of_the_smaller_experiment() {
        // n = 40, d = 100: the loss at u = 0.1, v = 0 was printed by the authors' notebook
        let shape = SparseRegression { n: 40, d: 100, sparsity: 20, test: 1000, noise: 0.0 };
        let data = shape.draw_numpy_legacy(0).unwrap();
        let loss = 0.5 * lanes::norm2(&data.train.y) / 40.0;
        assert!((loss / 0.649_006_698_471_868_1 - 1.0).abs() < 1e-14, "{loss}");
    }

    #[test]
    fn sizes_out_of_range_are_named() {
        let shape = SparseRegression { n: 4, d: 10, sparsity: 11, test: 0, noise: 0.0 };
        assert_eq!(shape.draw_fresh(0).unwrap_err().to_string(), "sparsity is 11, expected between 1 and d = 10");
        assert!(SparseRegression { n: 0, ..shape }.draw_fresh(0).is_err());
    }
}
