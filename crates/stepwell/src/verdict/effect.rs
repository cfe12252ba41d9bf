//! The size of an effect over seeds: a median, with its interval where there are enough of them.

use serde::{Deserialize, Serialize};

use crate::statistics::{median_interval, quantile};
use crate::words::short;

/// A median over seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// What is measured.
    pub unit: String,
    /// The median.
    #[serde(with = "crate::number")]
    pub median: f64,
    /// Lower end of the 95% interval of the median, or the least value.
    #[serde(with = "crate::number")]
    pub low: f64,
    /// Upper end of that interval, or the largest value.
    #[serde(with = "crate::number")]
    pub high: f64,
    /// Whether there are enough values for an interval; `low` and `high` are their range if not.
    pub is_interval: bool,
}

impl Effect {
    /// The effect that `values` measure, one per seed; `None` of no values.
    pub fn of(unit: impl Into<String>, values: &[f64]) -> Option<Self> {
        let interval = median_interval(values);
        let [low, high] = interval.unwrap_or_else(|| [quantile(values, 0.0), quantile(values, 1.0)]);
        let (unit, median) = (unit.into(), quantile(values, 0.5));
        (!values.is_empty()).then_some(Self { unit, median, low, high, is_interval: interval.is_some() })
    }

    /// In words: brackets are for intervals alone.
    pub fn words(&self) -> String {
        let Self { unit, median, low, high, is_interval } = self;
        let [median, low, high] = [median, low, high].map(|value| short(*value));
        if *is_interval {
            format!("{unit} {median} [{low}, {high}]")
        } else if low == high {
            format!("{unit} {median}")
        } else {
            format!("{unit} {median}, range {low} to {high}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_have_a_range_and_no_interval() {
        let words = |values: &[f64]| Effect::of("ratio", values).unwrap().words();
        assert_eq!(words(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), "ratio 3.50 [1, 6]");
        assert_eq!(words(&[3.0, 1.0, 2.0]), "ratio 2, range 1 to 3");
        assert_eq!(words(&[2.0]), "ratio 2");
        assert_eq!(Effect::of("ratio", &[]), None);
    }
}
