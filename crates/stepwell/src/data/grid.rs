//! Points on a line: the 1D regression problem of the ReLU experiments.

use super::{DataError, Dataset, Samples};
use crate::linalg::Matrix;
use crate::rng::{Purpose, Stream};

/// `x_k = (k - (n - 1)/2) step + offset` for `k = 0..n`, with given labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    /// Distance of neighbors.
    pub step: f64,
    /// The middle of the grid.
    pub offset: f64,
    /// Labels, one per point.
    pub y: Vec<f64>,
}

impl Grid {
    /// The published 12 points: steps of 1/4 around 0.07, labels between -1.655 and 2.345.
    pub fn published() -> Self {
        let y = [-2.0, 1.5, 0.0, 0.0, 2.0, 1.0, 0.0, -1.0, 0.0, 1.0, 2.0, -1.0];
        Self { step: 0.25, offset: 0.07, y: y.map(|y| 0.345 + y).to_vec() }
    }

    /// The data set.
    ///
    /// # Errors
    /// If there is no label, or a number is not finite.
    pub fn dataset(&self) -> Result<Dataset, DataError> {
        let middle = (self.y.len() as f64 - 1.0) / 2.0;
        let x = Matrix::from_fn(self.y.len(), 1, |k, _| (k as f64 - middle) * self.step + self.offset);
        Dataset::new(Samples::new(x, self.y.clone(), ["x", "y"])?, None, None)
    }
}

/// `count` inputs (count x 1), uniform between the least and the largest entry of `x`, from the probes' own stream.
pub fn uniform_in_range(x: &Matrix, count: usize, seed: u64) -> Matrix {
    let range = x.as_slice().iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, m), x| (l.min(*x), m.max(*x)));
    let mut stream = Stream::new(seed, Purpose::Probe);
    Matrix::from_fn(count, 1, |_, _| range.0 + (range.1 - range.0) * stream.uniform())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_points() {
        let data = Grid::published().dataset().unwrap();
        let x = data.train.x.as_slice();
        assert_eq!((x.len(), x[0], x[11]), (12, -5.5 / 4.0 + 0.07, 5.5 / 4.0 + 0.07));
        assert_eq!((data.train.y[0], data.train.y[11]), (0.345 - 2.0, 0.345 - 1.0));
        let fresh = uniform_in_range(&data.train.x, 1000, 0);
        assert!(fresh.as_slice().iter().all(|v| (x[0]..x[11]).contains(v)));
        let mean = fresh.as_slice().iter().sum::<f64>() / 1000.0;
        // five standard errors of a uniform variable on an interval of length 2.75
        assert!((mean - 0.07).abs() < 5.0 * 2.75 / 12.0_f64.sqrt() / 1000.0_f64.sqrt());
    }
}
