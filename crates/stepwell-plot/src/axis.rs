//! Axes: round tick values and their labels; a logarithmic axis is a linear one over exponents.

use std::ops::Range;

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use stepwell::words::thousands;

/// A linear axis over positions with ticks of its own.
pub struct Axis {
    /// First and last position.
    pub range: (f64, f64),
    /// Where ticks stand.
    pub ticks: Vec<f64>,
}

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        let share = (value - self.range.0) / (self.range.1 - self.range.0);
        from + (f64::from(to - from) * share).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() { Vec::new() } else { self.ticks.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.range.0..self.range.1
    }
}

/// A linear or logarithmic scale. Data are drawn at `position(value)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Values as they are.
    Linear,
    /// Base-ten logarithms; values that are not positive have no place.
    Log,
}

impl Scale {
    /// Where a value is drawn; NaN if it has no place.
    pub fn position(self, value: f64) -> f64 {
        match self {
            Self::Linear if value.is_finite() => value,
            Self::Log if value > 0.0 && value.is_finite() => libm::log10(value),
            _ => f64::NAN,
        }
    }

    /// Tick positions within `[low, high]`, about `count` of them.
    pub fn ticks(self, low: f64, high: f64, count: usize) -> Vec<f64> {
        match self {
            Self::Linear => linear_ticks(low, high, count),
            Self::Log => log_ticks(low, high, count),
        }
    }

    /// The label of a tick at a position.
    pub fn label(self, position: f64) -> String {
        match self {
            Self::Linear => linear_label(position),
            Self::Log => log_label(position),
        }
    }
}

fn linear_ticks(low: f64, high: f64, count: usize) -> Vec<f64> {
    let rough = (high - low) / count.max(1) as f64;
    if !(rough > 0.0 && rough.is_finite()) {
        return vec![low];
    }
    let power = libm::pow(10.0, libm::log10(rough).floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|s| *s >= rough).unwrap_or(10.0 * power);
    let first = (low / step - 1e-9).ceil();
    let last = (high / step + 1e-9).floor();
    (0..=(last - first).max(0.0) as usize).map(|k| (first + k as f64) * step).collect()
}

/// Whole powers of ten, thinned where there are many; 2 and 5 between them where there are few.
fn log_ticks(low: f64, high: f64, count: usize) -> Vec<f64> {
    let (first, last) = (low.ceil(), high.floor());
    let decades = last - first + 1.0;
    if decades >= 3.0 {
        let stride = (decades / count as f64).ceil().max(1.0);
        let from = (first / stride).ceil() * stride;
        return (0..).map(|k| from + f64::from(k) * stride).take_while(|t| *t <= high).collect();
    }
    let steps: &[f64] = if decades >= 1.0 { &[1.0, 2.0, 5.0] } else { &[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0] };
    let mut out = Vec::new();
    let mut decade = low.floor();
    while decade <= high {
        out.extend(steps.iter().map(|s| decade + libm::log10(*s)).filter(|t| (low..=high).contains(t)));
        decade += 1.0;
    }
    out
}

fn linear_label(value: f64) -> String {
    let value = if value.abs() < 1e-12 { 0.0 } else { value };
    if value != 0.0 && (value.abs() >= 1e7 || value.abs() < 1e-3) {
        return log_or_product(value);
    }
    if value >= 1e4 && value.fract() == 0.0 {
        return thousands(value as u64);
    }
    let text = format!("{value:.6}");
    let trimmed = text.trim_end_matches('0').trim_end_matches('.');
    if trimmed.is_empty() { "0".into() } else { trimmed.replace('-', "−") }
}

/// `3×10⁴`, `10⁴`.
fn log_or_product(value: f64) -> String {
    let exponent = libm::log10(value.abs()).floor();
    let digit = value / libm::pow(10.0, exponent);
    let rounded = (digit * 100.0).round() / 100.0;
    if rounded == 1.0 {
        format!("10{}", superscript(exponent as i64))
    } else {
        format!("{}×10{}", rounded.to_string().replace('-', "−"), superscript(exponent as i64))
    }
}

fn log_label(position: f64) -> String {
    let nearest = position.round();
    if (position - nearest).abs() < 1e-9 {
        return match nearest as i64 {
            0 => "1".into(),
            1 => "10".into(),
            exponent => format!("10{}", superscript(exponent)),
        };
    }
    log_or_product(libm::pow(10.0, position))
}

/// Digits as superscripts.
fn superscript(number: i64) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let one = |c: char| c.to_digit(10).map_or('⁻', |d| DIGITS[d as usize]);
    number.to_string().chars().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_within() {
        assert_eq!(linear_ticks(0.0, 1e5, 5), [0.0, 2e4, 4e4, 6e4, 8e4, 1e5]);
        assert_eq!(log_ticks(-7.2, 0.3, 6), [-6.0, -4.0, -2.0, 0.0]);
        assert_eq!(linear_ticks(1.0, 1.0, 5), [1.0]);
        let narrow: Vec<String> = log_ticks(-4.7, -4.1, 6).into_iter().map(log_label).collect();
        assert_eq!(narrow, ["2×10⁻⁵", "3×10⁻⁵", "4×10⁻⁵", "5×10⁻⁵", "6×10⁻⁵"]);
    }

    #[test]
    fn labels_for_people() {
        assert_eq!(
            ["0", "0.25", "−3", "100,000", "2×10⁷"],
            [0.0, 0.25, -3.0, 1e5, 2e7].map(linear_label).each_ref().map(|s| s.as_str())
        );
        assert_eq!(log_label(-12.0), "10⁻¹²");
    }
}
