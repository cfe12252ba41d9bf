//! A published number beside our own: reproduced, within what one more run would give, or outside of it.

use serde::{Deserialize, Serialize};

use crate::statistics::{LEAST_FOR_PREDICTION, percentile_of, prediction_interval};
use crate::words::{percent, significant};

/// How a published value compares.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// The run with the published indices gives the same number, to this many digits.
    Reproduced(u32),
    /// The value lies in the interval that one more run would lie in with a chance of 95%; this share of the runs lies below it.
    Within(f64),
    /// It lies outside of that, with this share of the runs below it.
    Outside(f64),
    /// So few runs ended that they have no such interval.
    TooFew(usize),
    /// No value was published.
    NotPublished,
}

/// Two numbers of double precision that agree to this are the same result.
const SAME: f64 = 1e-11;

impl Comparison {
    /// The verdict on `published`, with the value of the same run here and those over seeds (NaN where diverged).
    pub fn of(published: Option<f64>, here: f64, over_seeds: &[f64]) -> Self {
        let Some(published) = published else { return Self::NotPublished };
        let difference = if published == here { 0.0 } else { (here / published - 1.0).abs() };
        if difference <= half_unit(published).max(SAME) {
            return Self::Reproduced(agreeing_digits(difference, published));
        }
        let Some([low, high]) = prediction_interval(over_seeds) else {
            return Self::TooFew(over_seeds.iter().filter(|v| !v.is_nan()).count());
        };
        let below = percentile_of(published, over_seeds);
        if (low..=high).contains(&published) { Self::Within(below) } else { Self::Outside(below) }
    }

    /// The verdict in words.
    pub fn words(&self) -> String {
        match self {
            Self::Reproduced(digits) => format!("reproduced ({digits} digits)"),
            Self::Within(below) => format!("within (above {} of the runs)", percent(*below)),
            Self::Outside(below) => format!("outside (above {} of the runs)", percent(*below)),
            Self::TooFew(_) => format!("too few (needs {LEAST_FOR_PREDICTION})"),
            Self::NotPublished => "not published".into(),
        }
    }
}

/// A published value with its digits, four at most.
pub fn as_published(value: f64) -> String {
    significant(value, written(value).0.min(4))
}

/// Half a unit in the last published digit, relative to the value.
fn half_unit(published: f64) -> f64 {
    let (digits, exponent) = written(published);
    let exponent = exponent - digits as i32 + 1;
    0.5 * libm::pow(10.0, f64::from(exponent)) / published.abs()
}

/// Number of significant digits of the shortest decimal, and its decimal exponent.
fn written(value: f64) -> (usize, i32) {
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let digits = mantissa.chars().filter(char::is_ascii_digit).count();
    let exponent = exponent.parse().unwrap_or(0);
    // a whole number shows all its digits
    (if value.fract() == 0.0 { digits.max(exponent as usize + 1) } else { digits }, exponent)
}

fn agreeing_digits(difference: f64, published: f64) -> u32 {
    let all = written(published).0 as u32;
    if difference == 0.0 { all } else { ((-libm::log10(difference)) as u32).clamp(1, all) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_digits_decide() {
        let seeds: Vec<f64> = (1..=40).map(|k| 0.5 * f64::from(k)).collect();
        assert_eq!(Comparison::of(Some(1.53e-4), 1.5342e-4, &seeds), Comparison::Reproduced(2));
        assert_eq!(Comparison::of(Some(200.0), 200.0, &seeds), Comparison::Reproduced(3));
        assert_eq!(Comparison::of(Some(200.0), 201.0, &seeds), Comparison::Outside(1.0));
        assert_eq!(Comparison::of(Some(10.3), 7.0, &seeds), Comparison::Within(0.5));
        assert_eq!(Comparison::of(Some(0.5), f64::NAN, &seeds), Comparison::Within(0.0125));
        assert_eq!(Comparison::of(Some(0.4), f64::NAN, &seeds), Comparison::Outside(0.0));
        assert_eq!(Comparison::of(Some(0.5), f64::NAN, &seeds[..3]), Comparison::TooFew(3));
        assert_eq!(Comparison::of(None, 1.0, &seeds), Comparison::NotPublished);
        assert_eq!([6.26e-5, 2.537, 200.0].map(as_published), ["6.26e-5", "2.537", "200"]);
        let long = 1.4216162873995314e-06;
        assert_eq!(Comparison::of(Some(long), long * (1.0 + 3e-14), &[]), Comparison::Reproduced(13));
    }
}
