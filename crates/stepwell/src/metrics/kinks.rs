//! Kinks of a network with one input: where its piecewise linear predictor changes slope.

use crate::model::{FullyConnected, Model};

/// Slopes that differ by less than this share of the steepest are the same slope.
const SAME_SLOPE: f64 = 1e-9;

/// Where `h(theta, .)` changes slope strictly between `from` and `to`, in order; kinks nearer to each other than
/// `tolerance * (to - from)` count as one, at their mean.
///
/// Layer by layer: between the knots found so far a neuron's pre-activation is a straight line, so its zeros follow from
/// its values at the knots.
///
/// # Panics
/// If the network has more than one input.
pub fn kinks(network: &FullyConnected, theta: &[f64], [from, to]: [f64; 2], tolerance: f64) -> Vec<f64> {
    assert_eq!(network.inputs(), 1, "kinks are places on a line");
    let mut knots = vec![from, to];
    for layer in 0..network.shapes().len() - 1 {
        let lines: Vec<Vec<f64>> = knots.iter().map(|&x| line(network, theta, x, layer).0).collect();
        let mut zeros = Vec::new();
        for (x, z) in knots.windows(2).zip(lines.windows(2)) {
            for (left, right) in z[0].iter().zip(&z[1]) {
                if (*left < 0.0) != (*right < 0.0) {
                    zeros.push(x[0] + (x[1] - x[0]) * (left / (left - right)));
                }
            }
        }
        knots.extend(zeros.iter().filter(|x| from < **x && **x < to));
        knots.sort_by(f64::total_cmp);
        knots.dedup();
    }
    let output = network.shapes().len() - 1;
    let slopes: Vec<f64> =
        knots.windows(2).map(|pair| line(network, theta, pair[0] + 0.5 * (pair[1] - pair[0]), output).1[0]).collect();
    let steepest = slopes.iter().fold(0.0_f64, |m, s| m.max(s.abs()));
    let turns = slopes.windows(2).zip(&knots[1..]);
    let turns = turns.filter(|(slopes, _)| (slopes[1] - slopes[0]).abs() > SAME_SLOPE * steepest).map(|(_, x)| *x);
    merged(turns, tolerance * (to - from))
}

/// Pre-activations of layer `layer` at x, and their derivatives by x.
fn line(network: &FullyConnected, theta: &[f64], x: f64, layer: usize) -> (Vec<f64>, Vec<f64>) {
    let (mut values, mut slopes) = (vec![x], vec![1.0]);
    for (k, (_, width, _)) in network.shapes().into_iter().enumerate().take(layer + 1) {
        let (mut z, mut dz) = (vec![0.0; width], vec![0.0; width]);
        network.pre_activations(theta, k, &values, &mut z);
        network.weighted_sums(theta, k, &slopes, &mut dz);
        if k < layer {
            for (z, dz) in z.iter_mut().zip(&mut dz) {
                if *z <= 0.0 {
                    (*z, *dz) = (0.0, 0.0);
                }
            }
        }
        (values, slopes) = (z, dz);
    }
    (values, slopes)
}

/// Means of the runs of places that follow each other within `distance`.
fn merged(places: impl Iterator<Item = f64>, distance: f64) -> Vec<f64> {
    let mut runs: Vec<Vec<f64>> = Vec::new();
    for x in places {
        match runs.last_mut() {
            Some(run) if x - run[run.len() - 1] < distance => run.push(x),
            _ => runs.push(vec![x]),
        }
    }
    runs.iter().map(|run| run.iter().sum::<f64>() / run.len() as f64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Stream};

    /// `relu(x - 1) - 2 relu(x - 2) + relu(-x - 5)`, and two neurons that cancel at 3.
    #[test]
    fn kinks_of_one_layer_are_where_its_neurons_switch() {
        let network = FullyConnected::new(1, &[5], &[true, false]);
        let weights = [1.0, 1.0, -1.0, 1.0, 1.0];
        let biases = [-1.0, -2.0, -5.0, -3.0, -3.0];
        let outgoing = [1.0, -2.0, 1.0, 4.0, -4.0];
        let theta = [weights, biases, outgoing].concat();
        assert_eq!(kinks(&network, &theta, [-10.0, 10.0], 0.0), [-5.0, 1.0, 2.0]);
        assert_eq!(kinks(&network, &theta, [0.0, 10.0], 0.0), [1.0, 2.0]);
        assert_eq!(kinks(&network, &theta, [0.0, 10.0], 0.11), [1.5]);
    }

    /// Deep networks against second differences on a grid: a cell has one where and only where a kink lies in it.
    #[test]
    fn deep_kinks_are_where_the_second_difference_is() {
        let network = FullyConnected::new(1, &[6, 5, 4], &[true; 4]);
        for seed in 0..20 {
            let mut stream = Stream::new(seed, Purpose::Init);
            let theta: Vec<f64> = (0..network.parameters()).map(|_| stream.normal()).collect();
            let found = kinks(&network, &theta, [-2.0, 2.0], 0.0);
            let mut tape = network.tape();
            let mut h = |x: f64| network.predict(&theta, &[x], &mut tape);
            let cells = 4000;
            let step = 4.0 / f64::from(cells);
            let place = |k: i32| -2.0 + step * f64::from(k);
            let values: Vec<f64> = (0..=cells).map(|k| h(place(k))).collect();
            let scale = values.iter().fold(1.0_f64, |m, v| m.max(v.abs()));
            for k in 1..cells as usize {
                let bent = (values[k - 1] - 2.0 * values[k] + values[k + 1]).abs() > 1e-11 * scale;
                let (left, right) = (place(k as i32 - 1), place(k as i32 + 1));
                let near = |margin: f64| found.iter().any(|x| left - margin < *x && *x < right + margin);
                assert!(!bent || near(1e-9), "seed {seed}: bent at {} without a kink in {found:?}", place(k as i32));
            }
            for x in &found {
                let slope = |x: f64| line(&network, &theta, x, 3).1[0];
                assert!(slope(x - 1e-9) != slope(x + 1e-9), "seed {seed}: no kink at {x}");
            }
        }
    }

    #[test]
    fn linear_and_dead_networks_have_none() {
        let network = FullyConnected::new(1, &[], &[true]);
        assert!(kinks(&network, &[2.0, 1.0], [-1.0, 1.0], 0.0).is_empty());
        let network = FullyConnected::new(1, &[2], &[true, false]);
        assert!(kinks(&network, &[1.0, 1.0, 0.0, 0.5, 0.0, 0.0], [-1.0, 1.0], 0.0).is_empty());
    }
}
