//! Step-size schedules: a base step size times warm-up, cosine or piecewise factors, divided at decays.

use serde::{Deserialize, Serialize};

/// The step size as a function of the step.
///
/// [`Schedule::at`]`(t)` is the step size of the update that turns `theta_t` into `theta_{t+1}`; the first update asks
/// for `at(0)`. Parts are applied in order, so that a run of the published experiments is a base, a warm-up, a decay.
///
/// ```
/// use stepwell::schedule::Schedule;
/// let schedule = Schedule::constant(0.3).decay_after(10, 3.0);
/// assert_eq!((schedule.at(10), schedule.at(11)), (0.3, 0.3 / 3.0));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    base: f64,
    parts: Vec<Part>,
}

/// The step sizes of a run, as they are drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timetable {
    /// Steps at which it is divided.
    pub decays: Vec<u64>,
    /// Step and step size: at the recording points, and just before and after it changes. Empty where it is not drawn.
    pub line: Vec<(u64, f64)>,
}

impl Timetable {
    /// The step sizes of `steps` steps, looked at in `grid`.
    pub fn new(schedule: &Schedule, steps: u64, mut grid: Vec<u64>) -> Self {
        let decays = schedule.decay_steps();
        grid.extend(decays.iter().flat_map(|t| [t.saturating_sub(1), *t]));
        grid.push(steps.saturating_sub(1));
        grid.sort_unstable();
        grid.dedup();
        let line = grid.into_iter().filter(|t| *t < steps).map(|t| (t, schedule.at(t))).collect();
        Self { decays, line }
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    /// Divides from step `from` on.
    Decay { from: u64, divide_by: f64 },
    /// Multiplies by `1 + gain (min(t, until) / total)^exponent`.
    Power { gain: f64, exponent: f64, until: u64, total: u64 },
    /// Multiplies by `base^(scale min(t, until) / total)`.
    Exponential { base: f64, scale: f64, until: u64, total: u64 },
    /// Multiplies by a factor that falls from 1 at `from` to `floor` at `to` along half a cosine.
    Cosine { from: u64, to: u64, floor: f64 },
    /// Multiplies by the factor of the last piece that has begun; 1 before the first.
    Piecewise { pieces: Vec<(u64, f64)> },
}

impl Schedule {
    /// The same step size at all steps.
    pub fn constant(step_size: f64) -> Self {
        Self { base: step_size, parts: Vec::new() }
    }

    /// All step sizes multiplied by `factor`.
    pub fn scaled(mut self, factor: f64) -> Self {
        self.base *= factor;
        self
    }

    fn with(mut self, part: Part) -> Self {
        self.parts.push(part);
        self
    }

    /// Divides the step size after step `step` has been taken: `at(step)` is still large. The diagonal experiment's way.
    pub fn decay_after(self, step: u64, divide_by: f64) -> Self {
        self.with(Part::Decay { from: step.saturating_add(1), divide_by })
    }

    /// Divides the step size before step `step` is taken: `at(step)` is small already. The ReLU experiments' way.
    pub fn decay_at(self, step: u64, divide_by: f64) -> Self {
        self.with(Part::Decay { from: step, divide_by })
    }

    /// Multiplies by `1 + gain (t / total)^exponent` up to step `until`, then holds. With exponent 1 the warm-up is
    /// linear: the published `eta_0 + (F - 1) eta_0 (t / T)` has `gain = F - 1`.
    pub fn power_warmup(self, gain: f64, exponent: f64, until: u64, total: u64) -> Self {
        self.with(Part::Power { gain, exponent, until, total })
    }

    /// Multiplies by `base^(scale t / total)` up to step `until`, then holds. The deep networks' basic setting has base
    /// 1.05 and scale 100.
    pub fn exponential_warmup(self, base: f64, scale: f64, until: u64, total: u64) -> Self {
        self.with(Part::Exponential { base, scale, until, total })
    }

    /// Multiplies by `floor + (1 - floor) (1 + cos(pi (t - from) / (to - from))) / 2` between `from` and `to`; by 1
    /// before and by `floor` after.
    pub fn cosine(self, from: u64, to: u64, floor: f64) -> Self {
        self.with(Part::Cosine { from, to, floor })
    }

    /// Multiplies by the factor of the last piece `(first step, factor)` that has begun.
    pub fn piecewise(self, mut pieces: Vec<(u64, f64)>) -> Self {
        pieces.sort_by_key(|piece| piece.0);
        self.with(Part::Piecewise { pieces })
    }

    /// Step size of the update that turns `theta_t` into `theta_{t+1}`.
    pub fn at(&self, t: u64) -> f64 {
        self.parts.iter().fold(self.base, |eta, part| part.apply(eta, t))
    }

    /// The step sizes of the steps `from, from + 1, ..`: the bits of [`Schedule::at`], for less. What a part multiplies
    /// with is computed once where it no longer changes.
    pub fn fill(&self, from: u64, out: &mut [f64]) {
        out.fill(self.base);
        for part in &self.parts {
            let changing = part.changes_until().saturating_sub(from).min(out.len() as u64) as usize;
            let (changing, held) = out.split_at_mut(changing);
            for (t, eta) in (from..).zip(changing.iter_mut()) {
                *eta = part.apply(*eta, t);
            }
            part.apply_held(held);
        }
    }

    /// The last step before the step size falls for the first time within `0..steps`: where a large-step phase ends.
    /// `steps - 1` if it never falls.
    pub fn last_step_before_decay(&self, steps: u64) -> u64 {
        let last = steps.saturating_sub(1);
        let falls = |t: &u64| self.at(*t) < self.at(t - 1);
        let first = |range: (u64, u64)| (range.0.max(1)..=range.1.min(last)).find(falls);
        let found = self.parts.iter().flat_map(Part::may_fall).filter_map(first).min();
        found.map_or(last, |t| t - 1)
    }

    /// The steps at which a decay first has effect.
    pub fn decay_steps(&self) -> Vec<u64> {
        let from = |part: &Part| if let Part::Decay { from, .. } = part { Some(*from) } else { None };
        self.parts.iter().filter_map(from).collect()
    }
}

impl Part {
    /// The first step from which on the part does the same at every step.
    fn changes_until(&self) -> u64 {
        match self {
            Self::Decay { from, .. } => *from,
            Self::Power { until, .. } | Self::Exponential { until, .. } => *until,
            Self::Cosine { from, to, .. } => (*to).max(*from),
            Self::Piecewise { pieces } => pieces.last().map_or(0, |piece| piece.0),
        }
    }

    /// Ranges (first, last) of steps at which it may give less than at the step before. Elsewhere it holds or rises.
    fn may_fall(&self) -> Vec<(u64, u64)> {
        match self {
            Self::Decay { from, .. } => vec![(*from, *from)],
            Self::Power { gain, exponent, .. } if gain * exponent >= 0.0 => Vec::new(),
            Self::Exponential { base, scale, .. } if (*base >= 1.0) == (*scale >= 0.0) => Vec::new(),
            Self::Power { until, .. } | Self::Exponential { until, .. } => vec![(1, *until)],
            Self::Cosine { from, to, .. } => vec![(from.saturating_add(1), *to)],
            Self::Piecewise { pieces } => pieces.iter().map(|piece| (piece.0, piece.0)).collect(),
        }
    }

    /// Applies the part to step sizes of steps from [`Part::changes_until`] on.
    fn apply_held(&self, etas: &mut [f64]) {
        // equal step sizes follow each other where the parts before hold too
        let mut last = (f64::NAN, f64::NAN);
        for eta in etas {
            if *eta != last.0 {
                last = (*eta, self.apply(*eta, u64::MAX));
            }
            *eta = last.1;
        }
    }

    fn apply(&self, eta: f64, t: u64) -> f64 {
        match self {
            Self::Decay { from, divide_by } if t >= *from => eta / divide_by,
            Self::Decay { .. } => eta,
            Self::Power { gain, exponent, until, total } => {
                let fraction = t.min(*until) as f64 / *total as f64;
                let power = match *exponent {
                    1.0 => fraction,
                    0.5 => fraction.sqrt(),
                    exponent => libm::pow(fraction, exponent),
                };
                eta + gain * eta * power
            }
            Self::Exponential { base, scale, until, total } => {
                eta * libm::pow(*base, scale * t.min(*until) as f64 / *total as f64)
            }
            Self::Cosine { from, to, floor } => {
                let length = to.saturating_sub(*from).max(1) as f64;
                let progress = t.clamp(*from, (*to).max(*from)).saturating_sub(*from) as f64 / length;
                eta * (floor + (1.0 - floor) * 0.5 * (1.0 + libm::cos(core::f64::consts::PI * progress)))
            }
            Self::Piecewise { pieces } => {
                let begun = pieces.partition_point(|piece| piece.0 <= t);
                if begun == 0 { eta } else { eta * pieces[begun - 1].1 }
            }
        }
    }
}

/// `floor(share steps)` of the exact product: 29 steps are 0.29 of 100. The share is what its shortest decimal says, which is
/// what was written.
///
/// `share` is at least 0; 0 for NaN.
pub fn share_of(share: f64, steps: u64) -> u64 {
    let text = format!("{:e}", if share > 0.0 { share } else { 0.0 });
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let decimals = mantissa.split_once('.').map_or(0, |(_, decimals)| decimals.len() as i32);
    let digits: u128 = mantissa.chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap_or(0);
    let exponent = exponent.parse::<i32>().unwrap_or(0) - decimals;
    // at most 17 digits times 20
    let product = digits * u128::from(steps);
    let floor = match exponent {
        e if e < -38 => 0,
        e if e < 0 => product / 10_u128.pow(e.unsigned_abs()),
        e => 10_u128.checked_pow(e as u32).and_then(|power| product.checked_mul(power)).unwrap_or(u128::MAX),
    };
    u64::try_from(floor).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use num_rational::BigRational;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn shares_are_those_of_the_decimals_that_were_written() {
        assert_eq!(
            [0.29, 0.57, 0.58, 1.0, 0.0, 5e-324, f64::NAN].map(|f| share_of(f, 100)),
            [29, 57, 58, 100, 0, 0, 0]
        );
        // every percent of every hundred is whole; in doubles 12 of these 101 products fall short
        for percent in 0..=100_u64 {
            let share: f64 = format!("{}.{:02}", percent / 100, percent % 100).parse().unwrap();
            for hundreds in [1, 7, 1_000, 90_071_992_547] {
                assert_eq!(share_of(share, 100 * hundreds), percent * hundreds, "{percent}% of {hundreds} hundreds");
            }
        }
        // thirds as doubles have 16 decimals
        assert_eq!(share_of(1.0 / 3.0, 3), 0);
        assert_eq!(share_of(0.333, 31_623), 10_530);
        assert_eq!(share_of(0.1, u64::MAX), u64::MAX / 10);
    }

    #[test]
    fn diagonal_experiment_divides_after_the_step() {
        // T = 100001, decay after int(0.1 T) = 10000
        let schedule = Schedule::constant(0.282).decay_after(10_000, 4.8);
        assert_eq!(schedule.at(9_999), 0.282);
        assert_eq!(schedule.at(10_000), 0.282);
        assert_eq!(schedule.at(10_001), 0.282 / 4.8);
        assert_eq!(schedule.last_step_before_decay(100_001), 10_000);
    }

    #[test]
    fn relu_experiment_divides_before_the_step_and_holds() {
        // T = 31623, f = 0.02, F = 400 f = 8, D = 2.5, eta_0 = 2e-4
        let (total, eta, f) = (31_623_u64, 2e-4, 632_u64);
        let schedule = Schedule::constant(eta).power_warmup(7.0, 1.0, f, total).decay_at(f, 2.5);
        assert_eq!(schedule.at(0), eta);
        assert_eq!(schedule.at(631), eta + 7.0 * eta * (631.0 / 31_623.0));
        let held = (eta + 7.0 * eta * (632.0 / 31_623.0)) / 2.5;
        assert_eq!(schedule.at(632), held);
        assert_eq!(schedule.at(31_622), held);
    }

    #[test]
    fn square_root_warmup_of_the_teacher_student_experiment() {
        let schedule = Schedule::constant(0.04).power_warmup(5.0, 0.5, 1_000, 10_001).decay_at(1_000, 3.5);
        let expected = 0.04 + 5.0 * 0.04 * (500.0_f64 / 10_001.0).sqrt();
        assert!((schedule.at(500) - expected).abs() < 1e-15);
    }

    #[test]
    fn exponential_warmup_of_the_deep_experiment() {
        let schedule = Schedule::constant(0.75).exponential_warmup(1.05, 100.0, 50, 100).decay_at(50, 10.0);
        assert_eq!(schedule.at(0), 0.75);
        let product: f64 = (0..49).fold(0.75, |eta, _| eta * 1.05);
        assert!((schedule.at(49) / product - 1.0).abs() < 1e-13);
        assert_eq!(schedule.at(99), schedule.at(50));
    }

    #[test]
    fn cosine_and_piecewise_have_their_ends() {
        let cosine = Schedule::constant(2.0).cosine(10, 20, 0.1);
        assert_eq!((cosine.at(0), cosine.at(10)), (2.0, 2.0));
        assert!((cosine.at(15) - 2.0 * 0.55).abs() < 1e-15);
        assert!((cosine.at(20) - 0.2).abs() < 1e-15 && (cosine.at(99) - 0.2).abs() < 1e-15);
        let pieces = Schedule::constant(2.0).piecewise(vec![(8, 0.25), (5, 0.5)]);
        assert_eq!([4, 5, 7, 8, 100].map(|t| pieces.at(t)), [2.0, 1.0, 1.0, 0.5, 0.5]);
    }

    #[test]
    fn blocks_have_the_bits_of_single_steps() {
        let schedules = [
            Schedule::constant(0.3).power_warmup(7.0, 1.0, 20, 101).decay_at(20, 3.0),
            Schedule::constant(0.3).power_warmup(5.0, 0.7, 33, 101).decay_after(50, 3.0).decay_at(77, 1.7),
            Schedule::constant(0.3).exponential_warmup(1.05, 100.0, 40, 101).cosine(30, 90, 0.01),
            Schedule::constant(0.3).cosine(10, 60, 0.2).piecewise(vec![(8, 0.25), (5, 0.5), (70, 0.1)]),
        ];
        for schedule in schedules {
            for from in [0, 3, 49, 100] {
                let mut block = [0.0; 37];
                schedule.fill(from, &mut block);
                for (t, eta) in (from..).zip(block) {
                    assert_eq!(eta.to_bits(), schedule.at(t).to_bits(), "{schedule:?} at {t}");
                }
            }
        }
    }

    /// Against a look at every step.
    #[test]
    fn the_large_phase_ends_where_the_step_size_first_falls() {
        let schedules = [
            Schedule::constant(0.3),
            Schedule::constant(0.3).power_warmup(7.0, 1.0, 20, 101).decay_at(20, 3.0),
            Schedule::constant(0.3).power_warmup(5.0, 0.7, 33, 101).decay_after(77, 1.7).decay_after(50, 3.0),
            Schedule::constant(0.3).power_warmup(-0.5, 1.0, 33, 101),
            Schedule::constant(0.3).exponential_warmup(1.05, 100.0, 40, 101).cosine(30, 90, 0.01),
            Schedule::constant(0.3).exponential_warmup(0.9, 100.0, 40, 101),
            Schedule::constant(0.3).cosine(10, 60, 0.2).piecewise(vec![(8, 0.25), (5, 2.0), (70, 0.1)]),
            Schedule::constant(0.3).piecewise(vec![(8, 1.5), (40, 1.5), (70, 0.1)]),
            Schedule::constant(0.3).decay_at(0, 2.0).decay_at(30, 0.5),
        ];
        for schedule in schedules {
            for steps in [1, 2, 10, 60, 101] {
                let slow = (1..steps).find(|t| schedule.at(*t) < schedule.at(t - 1)).map_or(steps - 1, |t| t - 1);
                assert_eq!(schedule.last_step_before_decay(steps), slow, "{schedule:?} {steps}");
            }
        }
    }

    #[test]
    fn parts_compose_in_order() {
        let schedule = Schedule::constant(1.0).power_warmup(1.0, 1.0, 10, 10).decay_at(5, 2.0).decay_at(8, 5.0);
        assert_eq!(schedule.at(4), 1.4);
        assert_eq!(schedule.at(6), 1.6 / 2.0);
        assert_eq!(schedule.at(9), 1.9 / 2.0 / 5.0);
        assert_eq!(schedule.decay_steps(), [5, 8]);
    }

    /// The exact product of a decimal and a number of steps, rounded down, with integers of any size.
    fn floor_of(decimal: &str, steps: u64) -> u64 {
        let (digits, exponent) = decimal.split_once('e').unwrap_or((decimal, "0"));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let power = exponent.parse::<i32>().unwrap() - fraction.len() as i32;
        let digits: BigRational = format!("{whole}{fraction}").parse().unwrap();
        let share = digits * BigRational::from_integer(10.into()).pow(power);
        (share * BigRational::from_integer(steps.into())).floor().to_integer().try_into().unwrap()
    }

    proptest! {
        /// Decimals as people write them, and any f64, taken as the decimal that it is printed as.
        #[test]
        fn a_share_is_the_floor_of_the_exact_product(
            (places, part) in (1_usize..16).prop_flat_map(|places| (Just(places), 0..10_u64.pow(places as u32))),
            below_one in 0.0_f64..1.0,
            power in -330_i32..0,
            steps in prop_oneof![0..1_000_000_u64, any::<u64>()],
        ) {
            let written = format!("0.{part:0places$}");
            prop_assert_eq!(share_of(written.parse().unwrap(), steps), floor_of(&written, steps));
            for share in [below_one, below_one * libm::pow(10.0, power.into()), 1.0 - below_one * f64::EPSILON] {
                prop_assert_eq!(share_of(share, steps), floor_of(&format!("{share:e}"), steps), "{}", share);
            }
        }
    }
}
