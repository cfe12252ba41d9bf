//! Distances between two samples of vectors: energy distance and sliced Wasserstein distance, and what sampling makes of it.

use crate::linalg::{Matrix, lanes};
use crate::rng::{Normals, Purpose, Stream};

/// Energy distance `sqrt(2 E|A - B| - E|A - A'| - E|B - B'|)` of two samples (one row a point), with unbiased means within a
/// sample; 0 if the estimate is negative. Zero in the limit iff the laws agree. Source: Szekely, Rizzo, J. Stat. Plan. Inference
/// 143 (2013). NaN if a sample has fewer than two points.
pub fn energy_distance(a: &Matrix, b: &Matrix) -> f64 {
    let between = mean_distance(a, b, (a.rows() * b.rows()) as f64);
    let within = |a: &Matrix| mean_distance(a, a, (a.rows() * a.rows().saturating_sub(1)) as f64);
    let squared = 2.0 * between - within(a) - within(b);
    if squared < 0.0 { 0.0 } else { squared.sqrt() }
}

fn mean_distance(a: &Matrix, b: &Matrix, pairs: f64) -> f64 {
    let distance = |p: &[f64], q: &[f64]| p.iter().zip(q).map(|(p, q)| (p - q) * (p - q)).sum::<f64>().sqrt();
    let total: f64 = a.iter_rows().map(|p| b.iter_rows().map(|q| distance(p, q)).sum::<f64>()).sum();
    if pairs > 0.0 { total / pairs } else { f64::NAN }
}

/// Sliced Wasserstein distance: root mean square, over `slices` directions drawn from a fixed stream, of the 2-Wasserstein
/// distance between the projections of two samples (one row a point). Source: Bonneel et al., J. Math. Imaging Vis. 51
/// (2015). Samples may differ in size. NaN if one is empty.
///
/// # Panics
/// If the points have different dimensions.
pub fn sliced_wasserstein(a: &Matrix, b: &Matrix, slices: usize) -> f64 {
    assert_eq!(a.cols(), b.cols());
    Slices::of(a, slices).distance(None, &Slices::of(b, slices), None)
}

/// The projections of a sample on the directions of [`sliced_wasserstein`], for distances between many of its parts.
#[derive(Clone, Debug)]
pub struct Slices {
    /// One list per direction, in the order of the points.
    projections: Vec<Vec<f64>>,
}

impl Slices {
    /// Of a sample, one row a point.
    pub fn of(points: &Matrix, slices: usize) -> Self {
        let mut normals = Normals::of(0, Purpose::Probe);
        let mut direction = vec![0.0; points.cols()];
        let mut project = || {
            normals.fill(&mut direction);
            let norm = lanes::norm2(&direction).sqrt();
            points.iter_rows().map(|p| lanes::dot(p, &direction) / norm).collect()
        };
        Self { projections: (0..slices).map(|_| project()).collect() }
    }

    /// The distance between the points `rows` of this sample and `others` of another one; all points for `None`.
    ///
    /// # Panics
    /// If there is no such point, or the other sample has fewer directions.
    pub fn distance(&self, rows: Option<&[usize]>, other: &Self, others: Option<&[usize]>) -> f64 {
        let sorted = |values: &[f64], rows: Option<&[usize]>| {
            let mut chosen = rows.map_or_else(|| values.to_vec(), |rows| rows.iter().map(|i| values[*i]).collect());
            chosen.sort_by(f64::total_cmp);
            chosen
        };
        let squared =
            |k: usize| squared_wasserstein(&sorted(&self.projections[k], rows), &sorted(&other.projections[k], others));
        let slices = self.projections.len();
        ((0..slices).map(squared).sum::<f64>() / slices as f64).sqrt()
    }

    /// What sampling alone makes of the distance between samples of `sizes` points of one law: `splits` random disjoint parts
    /// of these sizes of this sample. Empty if it has not as many points.
    pub fn floor(&self, sizes: [usize; 2], splits: usize) -> Vec<f64> {
        let count = self.projections.first().map_or(0, Vec::len);
        let wanted = sizes[0] + sizes[1];
        if wanted > count {
            return Vec::new();
        }
        let mut stream = Stream::new(1, Purpose::Probe);
        let mut order: Vec<usize> = (0..count).collect();
        let mut split = || {
            for k in 0..wanted {
                order.swap(k, k + stream.below((count - k) as u32) as usize);
            }
            self.distance(Some(&order[..sizes[0]]), self, Some(&order[sizes[0]..wanted]))
        };
        (0..splits).map(|_| split()).collect()
    }
}

/// `int_0^1 (F_a^-1(p) - F_b^-1(p))^2 dp` of two sorted samples.
fn squared_wasserstein(a: &[f64], b: &[f64]) -> f64 {
    if a.is_empty() || b.is_empty() {
        return f64::NAN;
    }
    // in units of 1 / (|a| |b|), each value of a covers |b| units and the other way round
    let (mut i, mut j, mut at, mut total) = (0, 0, 0, 0.0);
    while i < a.len() && j < b.len() {
        let to = ((i + 1) * b.len()).min((j + 1) * a.len());
        total += (to - at) as f64 * (a[i] - b[j]) * (a[i] - b[j]);
        at = to;
        i += usize::from(to == (i + 1) * b.len());
        j += usize::from(to == (j + 1) * a.len());
    }
    total / (a.len() * b.len()) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(seed: u64, n: usize, d: usize, mean: f64, scale: f64) -> Matrix {
        let mut normals = Normals::new(seed);
        Matrix::from_fn(n, d, |_, _| mean + scale * normals.draw())
    }

    /// In one dimension `W_2` of two normals is `sqrt((m - m')^2 + (s - s')^2)`; of points, known by hand.
    #[test]
    fn wasserstein_of_normals_and_of_points() {
        let (a, b) = (sample(1, 20_000, 1, 0.0, 1.0), sample(2, 30_000, 1, 0.6, 1.8));
        assert!((sliced_wasserstein(&a, &b, 3) - 1.0).abs() < 0.03);
        assert_eq!(squared_wasserstein(&[0.0, 1.0], &[0.0, 1.0, 3.0]), (0.0 + 1.0 / 6.0 + 0.0 + 4.0 / 3.0));
    }

    /// A shift by m in d dimensions: each direction sees it with mean square `m^2 / d`.
    #[test]
    fn slices_see_a_shift() {
        let a = sample(3, 500, 4, 0.0, 1.0);
        let b = Matrix::from_fn(500, 4, |i, j| a.row(i)[j] + if j == 0 { 2.0 } else { 0.0 });
        assert!((sliced_wasserstein(&a, &b, 4000) - 1.0).abs() < 0.05);
        assert_eq!(sliced_wasserstein(&a, &a, 10), 0.0);
    }

    /// Of 0, 1, 2, 3 in pairs: {0, 1} and {2, 3} are 2 apart, the two other ways to split 1.
    #[test]
    fn a_floor_is_made_of_random_splits() {
        let slices = Slices::of(&Matrix::from_fn(4, 1, |i, _| i as f64), 3);
        let found = slices.floor([2, 2], 3000);
        assert!(found.iter().all(|d| (d - 1.0).abs() < 1e-12 || (d - 2.0).abs() < 1e-12));
        let share = found.iter().filter(|d| **d > 1.5).count() as f64 / 3000.0;
        assert!((share - 1.0 / 3.0).abs() < 4.0 * (2.0_f64 / 9.0 / 3000.0).sqrt(), "{share}");
        assert!(slices.floor([1, 2], 10).iter().all(|d| (0.5..3.0).contains(d)));
        assert!(slices.floor([2, 3], 10).is_empty());
        assert_eq!(slices.distance(Some(&[3]), &slices, Some(&[0])), 3.0);
    }

    /// For standard normals in one dimension `E|A - A'| = 2/sqrt(pi)`; with a shift m, `E|A - B|` of N(m, 2) is known.
    #[test]
    fn energy_distance_of_shifted_normals() {
        let (a, b) = (sample(5, 2000, 1, 0.0, 1.0), sample(6, 2000, 1, 1.0, 1.0));
        let m = 1.0 / core::f64::consts::SQRT_2;
        let pi = core::f64::consts::PI;
        let between = core::f64::consts::SQRT_2
            * ((2.0 / pi).sqrt() * libm::exp(-m * m / 2.0) + m * libm::erf(m / 2.0_f64.sqrt()));
        let expected = (2.0 * between - 4.0 / pi.sqrt()).sqrt();
        assert!((energy_distance(&a, &b) - expected).abs() < 0.05, "{} {expected}", energy_distance(&a, &b));
        assert!(energy_distance(&a, &sample(7, 2000, 1, 0.0, 1.0)) < 0.07);
        assert!(energy_distance(&a.head(1), &b).is_nan());
    }
}
