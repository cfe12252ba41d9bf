//! Weights as safetensors with PyTorch's names, so that `load_state_dict` takes them and its files load here.

use std::collections::{BTreeMap, BTreeSet};

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensorError, SafeTensors};
use stepwell::tensor::{Tensor as Named, Values};

use super::Network;
use super::weights::{Running, Weights, values, vector};
use crate::engine::{Device, Tensor};

/// Why a file does not hold the weights of a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// Not safetensors.
    #[error("not a readable .safetensors file ({0})")]
    Format(String),
    /// Arrays are missing, unexpected, or of another shape or type: all of them, one per line.
    #[error("these are not the weights of this network:{}", .0.iter().map(|line| format!("\n  {line}")).collect::<String>())]
    Mismatch(Vec<String>),
}

impl Network {
    /// The weights by their names: parameters, then `running_mean`, `running_var` and `num_batches_tracked` of each batch
    /// normalization.
    ///
    /// # Panics
    /// If `weights` are those of another network.
    pub fn tensors(&self, weights: &Weights) -> Vec<Named> {
        let named = |name: String, shape: Vec<usize>, tensor: &Tensor<1>| Named {
            name,
            shape,
            values: Values::F32(values(tensor.clone())),
        };
        let parameters = self.layout.parameters().iter().zip(&weights.parameters);
        let mut out: Vec<Named> =
            parameters.map(|(p, tensor)| named(p.name.clone(), p.shape.clone(), tensor)).collect();
        for ((name, channels), running) in self.layout.normalizations().iter().zip(&weights.running) {
            out.push(named(format!("{name}.running_mean"), vec![*channels], &running.mean));
            out.push(named(format!("{name}.running_var"), vec![*channels], &running.variance));
        }
        for ((name, _), running) in self.layout.normalizations().iter().zip(&weights.running) {
            let (name, values) = (format!("{name}.num_batches_tracked"), Values::I64(vec![running.batches as i64]));
            out.push(Named { name, shape: Vec::new(), values });
        }
        out
    }

    /// The weights of such tensors.
    ///
    /// # Errors
    /// If tensors are missing, unexpected or of another shape; then it names them all.
    pub fn from_tensors(&self, tensors: &[Named], device: &Device) -> Result<Weights, FileError> {
        let bytes = safetensors_of(tensors).map_err(|error| FileError::Format(error.to_string()))?;
        self.from_safetensors(&bytes, device)
    }

    /// The bytes of a .safetensors file with these tensors.
    ///
    /// # Panics
    /// If `weights` are those of another network.
    pub fn to_safetensors(&self, weights: &Weights) -> Vec<u8> {
        safetensors_of(&self.tensors(weights)).expect("names and sizes are in order")
    }

    /// Weights from the bytes of a .safetensors file. Arrays may be f32 or f64 (rounded); `num_batches_tracked` may be
    /// missing.
    ///
    /// # Errors
    /// If it is not such a file, or arrays are missing, unexpected or of another shape; then it names them all.
    pub fn from_safetensors(&self, bytes: &[u8], device: &Device) -> Result<Weights, FileError> {
        let file = SafeTensors::deserialize(bytes).map_err(|error| FileError::Format(error.to_string()))?;
        let mut arrays: BTreeMap<String, TensorView<'_>> = file.tensors().into_iter().collect();
        let mut reader = Reader { arrays: &mut arrays, problems: Vec::new() };
        let parameters = self
            .layout
            .parameters()
            .iter()
            .map(|parameter| vector(reader.take(&parameter.name, &parameter.shape), device))
            .collect();
        let running = self
            .layout
            .normalizations()
            .iter()
            .map(|(name, channels)| Running {
                mean: vector(reader.take(&format!("{name}.running_mean"), &[*channels]), device),
                variance: vector(reader.take(&format!("{name}.running_var"), &[*channels]), device),
                batches: reader.take_count(&format!("{name}.num_batches_tracked")),
            })
            .collect();
        let mut problems = reader.problems;
        let unexpected: BTreeSet<&String> = arrays.keys().collect();
        problems.extend(unexpected.into_iter().map(|name| format!("{name}: unexpected")));
        if problems.is_empty() { Ok(Weights { parameters, running }) } else { Err(FileError::Mismatch(problems)) }
    }
}

/// A file as PyTorch writes it.
fn safetensors_of(tensors: &[Named]) -> Result<Vec<u8>, SafeTensorError> {
    let encoded = |tensor: &Named| match &tensor.values {
        Values::F32(values) => (Dtype::F32, values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>()),
        Values::F64(values) => (Dtype::F64, values.iter().flat_map(|v| v.to_le_bytes()).collect()),
        Values::U64(values) => (Dtype::U64, values.iter().flat_map(|v| v.to_le_bytes()).collect()),
        Values::I64(values) => (Dtype::I64, values.iter().flat_map(|v| v.to_le_bytes()).collect()),
    };
    let arrays: Vec<(Dtype, Vec<u8>)> = tensors.iter().map(encoded).collect();
    let mut views = Vec::new();
    for (tensor, (dtype, bytes)) in tensors.iter().zip(&arrays) {
        views.push((tensor.name.as_str(), TensorView::new(*dtype, tensor.shape.clone(), bytes)?));
    }
    safetensors::serialize(views, None)
}

/// Takes arrays out of a file and notes what is wrong with them.
struct Reader<'a, 'b> {
    arrays: &'a mut BTreeMap<String, TensorView<'b>>,
    problems: Vec<String>,
}

impl Reader<'_, '_> {
    /// The numbers of an array, or zeros and a note.
    fn take(&mut self, name: &str, shape: &[usize]) -> Vec<f32> {
        let read = match self.arrays.remove(name) {
            None => Err(format!("{name}: missing, expected shape {shape:?}")),
            Some(view) if view.shape() != shape => {
                Err(format!("{name}: found shape {:?}, expected {shape:?}", view.shape()))
            }
            Some(view) => numbers(&view).ok_or_else(|| format!("{name}: found {:?}, expected F32", view.dtype())),
        };
        read.unwrap_or_else(|problem| {
            self.problems.push(problem);
            vec![0.0; shape.iter().product()]
        })
    }

    fn take_count(&mut self, name: &str) -> u64 {
        let Some(view) = self.arrays.remove(name) else { return 0 };
        match (view.dtype(), <[u8; 8]>::try_from(view.data())) {
            (Dtype::I64, Ok(bytes)) => u64::try_from(i64::from_le_bytes(bytes)).unwrap_or(0),
            _ => {
                self.problems.push(format!(
                    "{name}: found {:?} of shape {:?}, expected one I64",
                    view.dtype(),
                    view.shape()
                ));
                0
            }
        }
    }
}

fn numbers(view: &TensorView<'_>) -> Option<Vec<f32>> {
    match view.dtype() {
        Dtype::F32 => Some(view.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()),
        Dtype::F64 => Some(view.data().as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes) as f32).collect()),
        _ => None,
    }
}
