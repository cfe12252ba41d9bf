//! Intervals between order statistics, which suppose no law: of the median, and of one more value.

use super::binomial::binomial_at_most;

/// From so many values on there is a 95% interval of a median.
pub const LEAST_FOR_MEDIAN: usize = 6;
/// From so many values on there is a 95% interval that one more value of the same law lies in.
pub const LEAST_FOR_PREDICTION: usize = 39;

/// The 95% interval of the median: between the order statistics that the exact sign test accepts. `None` of fewer than
/// [`LEAST_FOR_MEDIAN`] values; NaN values are left out.
///
/// ```
/// use stepwell::statistics::median_interval;
/// assert_eq!(median_interval(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), Some([1.0, 6.0]));
/// assert_eq!(median_interval(&[1.0, 2.0, 3.0, 4.0, 5.0]), None);
/// ```
pub fn median_interval(values: &[f64]) -> Option<[f64; 2]> {
    let sorted = sorted(values);
    let n = sorted.len();
    // the median lies below the k-th value if at most k - 1 of n values lie below the median
    let k = (1..=n / 2).take_while(|k| 2.0 * binomial_at_most(k - 1, n, 0.5) <= 0.05).last()?;
    Some([sorted[k - 1], sorted[n - k]])
}

/// The interval that one more value of the same law lies in with a chance of at least 95%: it falls into each of the `n + 1`
/// gaps between `n` values with the same chance. `None` of fewer than [`LEAST_FOR_PREDICTION`] values; NaN values are left out.
pub fn prediction_interval(values: &[f64]) -> Option<[f64; 2]> {
    let sorted = sorted(values);
    let n = sorted.len();
    let k = (n + 1) / 40;
    (k > 0).then(|| [sorted[k - 1], sorted[n - k]])
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|v| !v.is_nan()).collect();
    sorted.sort_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(n: i32) -> Vec<f64> {
        (1..=n).map(f64::from).collect()
    }

    #[test]
    fn order_statistics_of_the_tables() {
        // Conover, Practical Nonparametric Statistics, table A3: n = 16: 4 and 13; n = 53: 19 and 35; n = 100: 40 and 61
        for (n, low, high) in [(16, 4.0, 13.0), (53, 19.0, 35.0), (100, 40.0, 61.0)] {
            assert_eq!(median_interval(&ramp(n)), Some([low, high]), "{n}");
        }
        assert_eq!(LEAST_FOR_MEDIAN, (1..).find(|n| median_interval(&ramp(*n)).is_some()).unwrap() as usize);
    }

    #[test]
    fn one_more_value_falls_into_each_gap_alike() {
        assert_eq!(LEAST_FOR_PREDICTION, (1..).find(|n| prediction_interval(&ramp(*n)).is_some()).unwrap() as usize);
        assert_eq!(prediction_interval(&ramp(39)), Some([1.0, 39.0]));
        // 2 of 80 gaps on either side
        assert_eq!(prediction_interval(&ramp(79)), Some([2.0, 78.0]));
    }
}
