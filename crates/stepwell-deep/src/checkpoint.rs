//! A training as a container: all that it takes to go on, or to look at its network.
//!
//! Weights have PyTorch's names; `momentum/NAME` and `averaged/NAME` stand beside them, `recent` is what the batches since the last
//! record said. The words have the spec, the step and the status.

use stepwell::container::{Container, Lacks};
use stepwell::record::Records;
use stepwell::run::Status;
use stepwell::tensor::Tensor as Named;

use crate::engine::{Device, Tensor};
use crate::network::{FileError, Network, Weights};
use crate::training::{Recent, TrainingSpec};

/// Why a container cannot be gone on from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// It is of something else than a training, or lacks a part.
    #[error("the checkpoint is damaged: {0}")]
    Damaged(String),
    /// It is sound, but of another training.
    #[error("the checkpoint is that of another training: it has `{found}`, expected `{expected}`")]
    Other {
        /// The first line of its spec that differs.
        found: String,
        /// What stands there in the spec at hand.
        expected: String,
    },
    /// Its arrays are not those of the network.
    #[error("in the checkpoint, {0}")]
    Weights(#[from] FileError),
}

impl From<Lacks> for CheckpointError {
    fn from(lacks: Lacks) -> Self {
        Self::Damaged(lacks.to_string())
    }
}

const MOMENTUM: &str = "momentum/";
const AVERAGED: &str = "averaged/";

/// Weights and buffers of a checkpoint, on a device.
pub(crate) struct Restored {
    pub weights: Weights,
    pub averaged: Option<Weights>,
    pub momentum: Vec<Tensor<1>>,
    pub recent: Recent,
}

/// What a checkpoint is made of.
pub(crate) struct Parts<'a> {
    pub spec: &'a TrainingSpec,
    pub network: &'a Network,
    pub weights: &'a Weights,
    pub averaged: Option<&'a Weights>,
    pub momentum: &'a [Tensor<1>],
    pub step: u64,
    pub status: Status,
    pub records: &'a Records,
    pub recent: Recent,
}

/// The checkpoint of a training.
pub(crate) fn of(parts: &Parts<'_>) -> Container {
    let Parts { spec, network, weights, averaged, momentum, step, status, records, recent } = parts;
    let mut out = Container::default();
    out.say("spec", spec.to_toml());
    out.say("step", step);
    out.put_status(*status);
    out.numbers("recent/loss", &[recent.loss]);
    out.whole_numbers("recent/counts", &[recent.wrong, recent.images]);
    out.put_records(records);
    out.tensors.extend(network.tensors(weights));
    if !momentum.is_empty() {
        let buffers = Weights { parameters: momentum.to_vec(), running: weights.running.clone() };
        let is_parameter = |tensor: &Named| network.layout().parameters().iter().any(|p| p.name == tensor.name);
        let named = network.tensors(&buffers).into_iter().filter(is_parameter);
        out.tensors.extend(named.map(|tensor| prefixed(MOMENTUM, tensor)));
    }
    if let Some(averaged) = averaged {
        out.tensors.extend(network.tensors(averaged).into_iter().map(|tensor| prefixed(AVERAGED, tensor)));
    }
    out
}

fn prefixed(prefix: &str, tensor: Named) -> Named {
    Named { name: format!("{prefix}{}", tensor.name), ..tensor }
}

/// The spec of the training that a checkpoint is of.
///
/// # Errors
/// If there is none, or this version cannot read it.
pub fn spec_of(checkpoint: &Container) -> Result<TrainingSpec, CheckpointError> {
    let refuse = |why: String| CheckpointError::Damaged(format!("its spec: {why}"));
    let text: String = checkpoint.word("spec")?;
    let spec: TrainingSpec = toml::from_str(&text).map_err(|error| refuse(error.message().to_owned()))?;
    spec.check().map_err(|error| refuse(error.to_string()))?;
    Ok(spec)
}

/// The weights of a checkpoint.
///
/// # Errors
/// If they are not those of `network`.
pub fn weights_of(checkpoint: &Container, network: &Network, device: &Device) -> Result<Weights, CheckpointError> {
    let own: Vec<Named> = checkpoint.tensors.iter().filter(|tensor| !tensor.name.contains('/')).cloned().collect();
    Ok(network.from_tensors(&own, device)?)
}

/// All tensors, if it is a checkpoint of the training that `spec` describes.
pub(crate) fn restore(
    checkpoint: &Container,
    spec: &TrainingSpec,
    network: &Network,
    device: &Device,
) -> Result<Restored, CheckpointError> {
    let (found, expected): (String, String) = (checkpoint.word("spec")?, spec.to_toml());
    if found != expected {
        return Err(first_difference(&found, &expected));
    }
    let step: u64 = checkpoint.word("step")?;
    if spec.steps().is_ok_and(|steps| step > steps) {
        return Err(CheckpointError::Damaged(format!("it is of step {step}, past the end")));
    }
    let weights = weights_of(checkpoint, network, device)?;
    let momentum = match spec.training.momentum {
        0.0 => Vec::new(),
        _ => network.from_tensors(&momentum_of(checkpoint, network), device)?.parameters,
    };
    let averaged = || Ok::<_, CheckpointError>(network.from_tensors(&below(checkpoint, AVERAGED), device)?);
    let averaged = spec.training.average.map(|_| averaged()).transpose()?;
    let ([loss], [wrong, images]) = (checkpoint.f64s("recent/loss")?, checkpoint.u64s("recent/counts")?) else {
        return Err(Lacks("recent".into()).into());
    };
    let recent = Recent { loss: *loss, wrong: *wrong, images: *images };
    Ok(Restored { weights, averaged, momentum, recent })
}

/// The tensors with a prefix, without it.
fn below(checkpoint: &Container, prefix: &str) -> Vec<Named> {
    let own = |tensor: &Named| Some(Named { name: tensor.name.strip_prefix(prefix)?.to_owned(), ..tensor.clone() });
    checkpoint.tensors.iter().filter_map(own).collect()
}

/// Momentum has no running statistics: those of the weights fill their place.
fn momentum_of(checkpoint: &Container, network: &Network) -> Vec<Named> {
    let is_parameter = |name: &str| network.layout().parameters().iter().any(|p| p.name == name);
    let running = checkpoint.tensors.iter().filter(|t| !t.name.contains('/') && !is_parameter(&t.name));
    below(checkpoint, MOMENTUM).into_iter().chain(running.cloned()).collect()
}

fn first_difference(found: &str, expected: &str) -> CheckpointError {
    let line = |line: Option<&str>| line.unwrap_or("nothing").to_owned();
    let (mut found, mut expected) = (found.lines(), expected.lines());
    loop {
        let pair = (found.next(), expected.next());
        if pair.0 != pair.1 || pair.0.is_none() {
            return CheckpointError::Other { found: line(pair.0), expected: line(pair.1) };
        }
    }
}
