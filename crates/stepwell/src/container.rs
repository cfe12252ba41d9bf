//! Named tensors with words beside them: what a checkpoint, a kept outcome or a file of parameters holds, before it is bytes.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::outcome::Outcome;
use crate::probe::Measurement;
use crate::record::{Records, Series};
use crate::run::{Checkpoint, Status};
use crate::session::Saved;
use crate::tensor::{Tensor, Values};
use crate::verdict::{Behavior, Divergence, Drift, Sign, Stabilization};

/// Tensors and words, each by its name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Container {
    /// Words: small facts such as a status or a seed.
    pub metadata: BTreeMap<String, String>,
    /// Arrays, in order.
    pub tensors: Vec<Tensor>,
}

/// What a container lacks to be what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it has no sound `{0}`")]
pub struct Lacks(pub String);

impl Container {
    /// Adds a word.
    pub fn say(&mut self, key: &str, value: impl ToString) {
        self.metadata.insert(key.into(), value.to_string());
    }

    /// A word.
    ///
    /// # Errors
    /// If it is not there or cannot be read.
    pub fn word<T: std::str::FromStr>(&self, key: &str) -> Result<T, Lacks> {
        self.metadata.get(key).and_then(|text| text.parse().ok()).ok_or_else(|| Lacks(key.into()))
    }

    /// Adds numbers in one dimension.
    pub fn numbers(&mut self, name: impl Into<String>, values: &[f64]) {
        let (name, shape) = (name.into(), vec![values.len()]);
        self.tensors.push(Tensor { name, shape, values: Values::F64(values.to_vec()) });
    }

    /// Adds whole numbers in one dimension.
    pub fn whole_numbers(&mut self, name: impl Into<String>, values: &[u64]) {
        let (name, shape) = (name.into(), vec![values.len()]);
        self.tensors.push(Tensor { name, shape, values: Values::U64(values.to_vec()) });
    }

    /// The values of a tensor of double precision.
    ///
    /// # Errors
    /// If there is none of this name.
    pub fn f64s(&self, name: &str) -> Result<&[f64], Lacks> {
        match self.tensors.iter().find(|tensor| tensor.name == name) {
            Some(Tensor { values: Values::F64(values), .. }) => Ok(values),
            _ => Err(Lacks(name.into())),
        }
    }

    /// The values of a tensor of whole numbers.
    ///
    /// # Errors
    /// If there is none of this name.
    pub fn u64s(&self, name: &str) -> Result<&[u64], Lacks> {
        match self.tensors.iter().find(|tensor| tensor.name == name) {
            Some(Tensor { values: Values::U64(values), .. }) => Ok(values),
            _ => Err(Lacks(name.into())),
        }
    }

    /// Says whether a run goes on, or how it ended.
    pub fn put_status(&mut self, status: Status) {
        self.say("status", status.name());
        if let Status::Overflowed { step } = status {
            self.say("overflowed_at", step);
        }
    }

    /// What [`Container::put_status`] said.
    ///
    /// # Errors
    /// If nothing of the kind was said.
    pub fn status(&self) -> Result<Status, Lacks> {
        match self.word::<String>("status")?.as_str() {
            "running" => Ok(Status::Running),
            "finished" => Ok(Status::Finished),
            "overflowed" => Ok(Status::Overflowed { step: self.word("overflowed_at")? }),
            _ => Err(Lacks("status".into())),
        }
    }

    /// `records/NAME/steps` and `records/NAME/values` (steps x width) of each series.
    pub fn put_records(&mut self, records: &Records) {
        self.say("series", records.series.len());
        for (k, series) in records.series.iter().enumerate() {
            self.say(&format!("series.{k}"), &series.name);
            self.whole_numbers(format!("records/{}/steps", series.name), &series.steps);
            let name = format!("records/{}/values", series.name);
            let shape = vec![series.steps.len(), series.width];
            self.tensors.push(Tensor { name, shape, values: Values::F64(series.values.clone()) });
        }
    }

    /// The records that [`Container::put_records`] put there.
    ///
    /// # Errors
    /// If they are not all there.
    pub fn records(&self) -> Result<Records, Lacks> {
        let one = |k: usize| {
            let name: String = self.word(&format!("series.{k}"))?;
            let steps = self.u64s(&format!("records/{name}/steps"))?.to_vec();
            let place = format!("records/{name}/values");
            let values = self.f64s(&place)?.to_vec();
            let shape = self.tensors.iter().find(|tensor| tensor.name == place).map(|tensor| &tensor.shape[..]);
            match shape {
                Some([count, width]) if *count == steps.len() && values.len() == count * width => {
                    Ok(Series { name: Cow::Owned(name), width: *width, steps, values })
                }
                _ => Err(Lacks(place)),
            }
        };
        let count: usize = self.word("series")?;
        Ok(Records { series: (0..count).map(one).collect::<Result<_, _>>()? })
    }

    fn put_verdicts(&mut self, outcome: &Outcome) {
        if let Some(Divergence { step, by }) = outcome.divergence {
            self.say("diverged_at", step);
            self.say("diverged_by", position(&Sign::ALL, by));
        }
        let Stabilization { behavior, drift, from, to, level, p10, p90, at_small_steps, of_constant } =
            outcome.stabilization;
        self.say("behavior", position(&Behavior::ALL, behavior));
        self.whole_numbers("stabilization/steps", &[from, to]);
        let Drift { factor, low, high } = drift;
        self.numbers("stabilization/values", &[factor, low, high, level, p10, p90, at_small_steps, of_constant]);
    }

    fn divergence(&self) -> Result<Option<Divergence>, Lacks> {
        if !self.metadata.contains_key("diverged_at") {
            return Ok(None);
        }
        let by: usize = self.word("diverged_by")?;
        let by = *Sign::ALL.get(by).ok_or_else(|| Lacks("diverged_by".into()))?;
        Ok(Some(Divergence { step: self.word("diverged_at")?, by }))
    }

    fn stabilization(&self) -> Result<Stabilization, Lacks> {
        let behavior: usize = self.word("behavior")?;
        let behavior = *Behavior::ALL.get(behavior).ok_or_else(|| Lacks("behavior".into()))?;
        let lacks = |name: &str| Lacks(format!("stabilization/{name}"));
        let &[from, to] = self.u64s("stabilization/steps")? else { return Err(lacks("steps")) };
        let &[factor, low, high, level, p10, p90, at_small_steps, of_constant] = self.f64s("stabilization/values")?
        else {
            return Err(lacks("values"));
        };
        let drift = Drift { factor, low, high };
        Ok(Stabilization { behavior, drift, from, to, level, p10, p90, at_small_steps, of_constant })
    }

    fn put_end(&mut self, end: &[Measurement]) {
        self.say("end", end.iter().map(|(name, _)| &**name).collect::<Vec<_>>().join(" "));
        self.numbers("end", &end.iter().map(|(_, value)| *value).collect::<Vec<_>>());
    }

    fn end(&self) -> Result<Vec<Measurement>, Lacks> {
        let names: String = self.word("end")?;
        let (names, values) = (names.split_whitespace().collect::<Vec<_>>(), self.f64s("end")?);
        if names.len() != values.len() {
            return Err(Lacks("end".into()));
        }
        Ok(names.into_iter().map(|name| Cow::Owned(name.to_string())).zip(values.iter().copied()).collect())
    }
}

/// The place of a verdict among all of its kind.
fn position<T: PartialEq>(all: &[T], one: T) -> usize {
    all.iter().position(|other| *other == one).unwrap_or(all.len())
}

/// A number as a word that keeps its bits.
fn bits(value: f64) -> String {
    format!("{:016x}", value.to_bits())
}

fn of_bits(container: &Container, key: &str) -> Result<f64, Lacks> {
    let text: String = container.word(key)?;
    u64::from_str_radix(&text, 16).map(f64::from_bits).map_err(|_| Lacks(key.into()))
}

impl From<&Saved> for Container {
    fn from(saved: &Saved) -> Self {
        let Saved { status, checkpoint, records, end, step_size, altered } = saved;
        let mut out = Self::default();
        out.put_status(*status);
        out.say("step", checkpoint.step);
        out.say("altered", altered);
        if let Some(eta) = step_size {
            out.say("step_size", bits(*eta));
        }
        out.numbers("theta", &checkpoint.theta);
        out.whole_numbers("dynamics", &checkpoint.dynamics);
        out.numbers("sampled_loss", &checkpoint.sampled);
        if !checkpoint.factors.is_empty() {
            out.numbers("factors", &checkpoint.factors);
        }
        out.put_end(end);
        out.put_records(records);
        out
    }
}

impl TryFrom<&Container> for Saved {
    type Error = Lacks;

    fn try_from(from: &Container) -> Result<Self, Lacks> {
        let step_size = from.metadata.contains_key("step_size").then(|| of_bits(from, "step_size")).transpose()?;
        Ok(Self {
            status: from.status()?,
            checkpoint: Checkpoint {
                step: from.word("step")?,
                theta: from.f64s("theta")?.to_vec(),
                dynamics: from.u64s("dynamics")?.to_vec(),
                sampled: from.f64s("sampled_loss")?.to_vec(),
                factors: from.f64s("factors").map_or(Vec::new(), <[f64]>::to_vec),
            },
            records: from.records()?,
            end: from.end()?,
            step_size,
            altered: from.word("altered")?,
        })
    }
}

/// Before the names of an outcome's parameters.
const PARAMETERS: &str = "parameters/";

impl From<&Outcome> for Container {
    fn from(outcome: &Outcome) -> Self {
        let Outcome { seed, status, parameters, records, end, unit, altered, .. } = outcome;
        let mut out = Self::default();
        out.put_status(*status);
        out.say("seed", seed);
        out.put_verdicts(outcome);
        out.say("unit", bits(*unit));
        out.say("altered", altered);
        out.put_end(end);
        out.put_records(records);
        let named = |tensor: &Tensor| Tensor { name: format!("{PARAMETERS}{}", tensor.name), ..tensor.clone() };
        out.tensors.extend(parameters.iter().map(named));
        out
    }
}

impl TryFrom<&Container> for Outcome {
    type Error = Lacks;

    fn try_from(from: &Container) -> Result<Self, Lacks> {
        let own =
            |tensor: &Tensor| Some(Tensor { name: tensor.name.strip_prefix(PARAMETERS)?.into(), ..tensor.clone() });
        Ok(Self {
            seed: from.word("seed")?,
            status: from.status()?,
            divergence: from.divergence()?,
            stabilization: from.stabilization()?,
            parameters: from.tensors.iter().filter_map(own).collect(),
            records: from.records()?,
            end: from.end()?,
            unit: of_bits(from, "unit")?,
            altered: from.word("altered")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records() -> Records {
        let mut records = Records::default();
        records.push("train_loss", 0, 1.5);
        records.push("train_loss", 7, f64::INFINITY);
        records.push_row("neurons", 7, &[-0.0, 5e-324]);
        records
    }

    #[test]
    fn sessions_and_outcomes_come_back_to_the_bit() {
        let (theta, dynamics) = (vec![-0.0, 5e-324], vec![u64::MAX]);
        let checkpoint = Checkpoint { step: 7, theta, dynamics, sampled: vec![0.5; 64], factors: vec![1.0; 3] };
        let end = vec![(Cow::Borrowed("rank"), 3.0), (Cow::Borrowed("test_loss"), f64::NEG_INFINITY)];
        let (status, step_size, altered) = (Status::Overflowed { step: 9 }, Some(0.1), true);
        let saved = Saved { status, checkpoint, records: records(), end: end.clone(), step_size, altered };
        assert_eq!(Saved::try_from(&Container::from(&saved)), Ok(saved.clone()));
        let bare =
            Saved { status: Status::Running, records: Records::default(), end: Vec::new(), step_size: None, ..saved };
        assert_eq!(Saved::try_from(&Container::from(&bare)), Ok(bare));
        let weight = Tensor { name: "layer1.weight".into(), shape: vec![1, 2], values: Values::F64(vec![1.0, 2.0]) };
        let (seed, unit, parameters) = (3, f64::NAN, vec![weight]);
        let divergence = Some(Divergence { step: 8, by: Sign::Growth });
        let stabilization = Stabilization { level: 0.1, behavior: Behavior::Falling, ..Stabilization::unknown() };
        let outcome =
            Outcome { seed, status, divergence, stabilization, parameters, records: records(), end, unit, altered };
        let back = Outcome::try_from(&Container::from(&outcome)).unwrap();
        assert_eq!(format!("{back:?}"), format!("{outcome:?}"));
        let mut lacking = Container::from(&outcome);
        lacking.tensors.retain(|tensor| tensor.name != "records/neurons/steps");
        assert_eq!(Outcome::try_from(&lacking).unwrap_err(), Lacks("records/neurons/steps".into()));
    }
}
