//! Averages of 2 x 2 positions, and their gradient; a last odd row or column is left out.

use rayon::prelude::*;

/// The averages of each map of `height x width`, row after row.
pub fn forward(x: &[f32], height: usize, width: usize) -> Vec<f32> {
    let (rows, columns) = (height / 2, width / 2);
    let mut y = vec![0.0; x.len() / (height * width) * rows * columns];
    y.par_chunks_exact_mut(rows * columns).zip(x.par_chunks_exact(height * width)).for_each(|(y, x)| {
        for (y, x) in y.chunks_exact_mut(columns).zip(x.chunks_exact(2 * width)) {
            let (upper, lower) = x.split_at(width);
            for (y, (a, b)) in y.iter_mut().zip(upper.as_chunks::<2>().0.iter().zip(lower.as_chunks::<2>().0)) {
                *y = (a[0] + a[1] + b[0] + b[1]) / 4.0;
            }
        }
    });
    y
}

/// The gradient with respect to maps of `height x width`: a quarter of that of the average, 0 for what is left out.
pub fn backward(dy: &[f32], height: usize, width: usize) -> Vec<f32> {
    let (rows, columns) = (height / 2, width / 2);
    let mut dx = vec![0.0; dy.len() / (rows * columns) * height * width];
    dx.par_chunks_exact_mut(height * width).zip(dy.par_chunks_exact(rows * columns)).for_each(|(dx, dy)| {
        for (dx, dy) in dx.chunks_exact_mut(2 * width).zip(dy.chunks_exact(columns)) {
            for row in dx.chunks_exact_mut(width) {
                row.as_chunks_mut::<2>().0.iter_mut().zip(dy).for_each(|(pair, dy)| *pair = [dy / 4.0; 2]);
            }
        }
    });
    dx
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_and_quarters() {
        // two maps of 3 x 5: the last row and the last column are left out
        let x: Vec<f32> = (0..30).map(|i| i as f32).collect();
        assert_eq!(forward(&x, 3, 5), [3.0, 5.0, 18.0, 20.0]);
        let dx = backward(&[4.0, 8.0, 12.0, 16.0], 3, 5);
        let row = |a: f32, b: f32| [a, a, b, b, 0.0];
        assert_eq!(dx, [row(1.0, 2.0), row(1.0, 2.0), [0.0; 5], row(3.0, 4.0), row(3.0, 4.0), [0.0; 5]].concat());
    }
}
