//! Step sizes as data; times are fractions of the run.

use serde::{Deserialize, Serialize};

use super::check::{SpecError, finite, fraction, positive, refuse, require};
use crate::schedule::{Schedule, share_of};

/// A step size with optional warm-up, cosine, pieces and decays, applied in this order. Times are fractions of the run;
/// a fraction f means step `floor(f T)`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ScheduleSpec {
    /// The base step size eta.
    pub step_size: f64,
    /// Whether step sizes are in units of a threshold of the data set and start: that of `relative_to`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub relative: bool,
    /// Which threshold.
    #[serde(default, skip_serializing_if = "RelativeTo::is_default")]
    pub relative_to: RelativeTo,
    /// Growth at the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warmup: Option<WarmupSpec>,
    /// A fall along half a cosine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cosine: Option<CosineSpec>,
    /// Piecewise constant factors.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub piecewise: Vec<PieceSpec>,
    /// Divisions of the step size.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decay: Vec<DecaySpec>,
}

/// The unit of relative step sizes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RelativeTo {
    /// `2/lambda_max` with the largest eigenvalue of the Hessian of the training loss at the start: the threshold of
    /// gradient descent on a quadratic.
    #[default]
    Start,
    /// The mean-square threshold of the spec's batches at the solution that gradient descent with small steps leads to
    /// from the start. For networks whose Hessian at the start says little, such as a diagonal one that starts near zero.
    Solution,
}

impl RelativeTo {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Growth of the step size, held after `until`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum WarmupSpec {
    /// `eta (1 + gain t/T)`.
    Linear(LinearWarmup),
    /// `eta (1 + gain (t/T)^exponent)`.
    Power(PowerWarmup),
    /// `eta base^(scale t/T)`.
    Exponential(ExponentialWarmup),
}

/// `eta (1 + gain t/T)`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LinearWarmup {
    /// Growth over a whole run.
    pub gain: f64,
    /// Fraction of the run where it ends.
    pub until: f64,
}

/// `eta (1 + gain (t/T)^exponent)`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PowerWarmup {
    /// Growth over a whole run.
    pub gain: f64,
    /// The power of time.
    pub exponent: f64,
    /// Fraction of the run where it ends.
    pub until: f64,
}

/// `eta base^(scale t/T)`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ExponentialWarmup {
    /// The base, above 0.
    pub base: f64,
    /// The exponent at the end of a whole run.
    pub scale: f64,
    /// Fraction of the run where it ends.
    pub until: f64,
}

/// A fall from factor 1 to `floor` along half a cosine.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CosineSpec {
    /// Fraction of the run where it begins.
    #[serde(default)]
    pub from: f64,
    /// Fraction of the run where it ends.
    #[serde(default = "one")]
    pub to: f64,
    /// The last factor.
    #[serde(default)]
    pub floor: f64,
}

fn one() -> f64 {
    1.0
}

/// A constant factor from a time on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PieceSpec {
    /// Fraction of the run where it begins.
    pub from: f64,
    /// What the step size is multiplied with.
    pub factor: f64,
}

/// A division of the step size: either `after` or `at` says when.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DecaySpec {
    /// After step `floor(after T)`: that step is still large.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<f64>,
    /// Before step `floor(at T)`: that step is small already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<f64>,
    /// The divisor.
    pub divide_by: f64,
}

impl ScheduleSpec {
    /// The schedule of a run of `steps` steps.
    ///
    /// # Errors
    /// If a number is out of range.
    pub fn build(&self, steps: u64) -> Result<Schedule, SpecError> {
        let at = |f: f64| share_of(f, steps);
        let mut schedule = Schedule::constant(positive(self.step_size, "schedule.step_size")?);
        let key = "schedule.warmup";
        schedule = match self.warmup {
            None => schedule,
            Some(WarmupSpec::Linear(w)) => {
                schedule.power_warmup(gain(w.gain, key)?, 1.0, at(fraction(w.until, key)?), steps)
            }
            Some(WarmupSpec::Power(w)) => {
                let exponent = positive(w.exponent, key)?;
                schedule.power_warmup(gain(w.gain, key)?, exponent, at(fraction(w.until, key)?), steps)
            }
            Some(WarmupSpec::Exponential(w)) => {
                let scale = finite(w.scale, key)?;
                schedule.exponential_warmup(positive(w.base, key)?, scale, at(fraction(w.until, key)?), steps)
            }
        };
        if let Some(CosineSpec { from, to, floor }) = self.cosine {
            let key = "schedule.cosine";
            require(from < to, key, format!("from {from} to {to}"), "from below to")?;
            require((0.0..=1.0).contains(&floor), key, floor, "a floor between 0 and 1")?;
            schedule = schedule.cosine(at(fraction(from, key)?), at(fraction(to, key)?), floor);
        }
        if !self.piecewise.is_empty() {
            let key = "schedule.piecewise";
            let piece = |p: &PieceSpec| Ok((at(fraction(p.from, key)?), positive(p.factor, key)?));
            schedule = schedule.piecewise(self.piecewise.iter().map(piece).collect::<Result<_, SpecError>>()?);
        }
        for decay in &self.decay {
            let key = "schedule.decay";
            let divisor = positive(decay.divide_by, "schedule.decay.divide_by")?;
            schedule = match (decay.after, decay.at) {
                (Some(after), None) => schedule.decay_after(at(fraction(after, key)?), divisor),
                (None, Some(before)) => schedule.decay_at(at(fraction(before, key)?), divisor),
                (both, _) => {
                    let found = if both.is_some() { "both `after` and `at`" } else { "neither `after` nor `at`" };
                    return Err(refuse(key, found, "one of them"));
                }
            };
        }
        Ok(schedule)
    }
}

fn gain(value: f64, key: &str) -> Result<f64, SpecError> {
    require(value > -1.0 && value.is_finite(), key, value, "a gain above -1")?;
    Ok(value)
}
