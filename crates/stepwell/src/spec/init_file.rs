//! Initial parameters in a file: named tensors, or one flat array.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::check::{SpecError, refuse, require};
use super::files::{Array, ArraySource, one_array, shape};
use crate::tensor::{Layout, Tensor, Values};

/// Initial parameters in a file.
///
/// The file holds the model's tensors by name in PyTorch's layout: for a network `layer1.weight` (outputs x inputs),
/// `layer1.bias`, `layer2.weight` and so on, for a diagonal network `u` and `v`, for the linear model `beta`, for the
/// scalar toy model `theta`. Or it holds one flat array of all parameters, for a network with `layout`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct InitFileSpec {
    /// A `.safetensors`, `.npz` or `.npy` file, or a folder of `.npy` files.
    pub path: String,
    /// The name of the flat array, where the file has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub array: Option<String>,
    /// The order of a network's flat array.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<FlatOrder>,
}

/// The order of all parameters of a network in one flat array, layer by layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FlatOrder {
    /// The weights as inputs x outputs, row by row, then the biases: the order of `init.values`, and of the files that
    /// stepwell wrote before 0.2.
    InputsByOutputs,
    /// The weights as outputs x inputs, row by row, then the biases: what `torch.nn.utils.parameters_to_vector` gives.
    Pytorch,
}

const KEY: &str = "init.file";

impl InitFileSpec {
    /// The parameters of a model with this layout, in its own order.
    pub(super) fn theta(&self, layout: &Layout, files: &dyn ArraySource) -> Result<Vec<f64>, SpecError> {
        let arrays = files.arrays(&self.path).map_err(SpecError::File)?;
        let is_named = |name: &String| layout.0.iter().any(|tensor| tensor.name == *name);
        if self.array.is_some() || (arrays.len() == 1 && !arrays.keys().any(is_named)) {
            self.flat(&one_array(arrays, &self.path, self.array.as_deref())?, layout)
        } else {
            self.named(arrays, layout)
        }
    }

    fn named(&self, arrays: BTreeMap<String, Array>, layout: &Layout) -> Result<Vec<f64>, SpecError> {
        let expected = "no layout, which is that of one flat array (`array = \"..\"` says which)";
        require(self.layout.is_none(), "init.file.layout", format!("several arrays in {}", self.path), expected)?;
        for (name, array) in &arrays {
            self.check_finite(array, &format!("`{name}`, "))?;
        }
        let tensor = |(name, array): (String, Array)| {
            let Array { shape, values } = array;
            Tensor { name, shape, values: Values::F64(values) }
        };
        let tensors: Vec<Tensor> = arrays.into_iter().map(tensor).collect();
        layout.theta(&tensors).map_err(|error| {
            let none = tensors.iter().all(|tensor| layout.0.iter().all(|wanted| wanted.name != tensor.name));
            let flat = if none { "; or `array = \"..\"`, the name of one flat array" } else { "" };
            refuse(KEY, format!("{}: {}", self.path, error.found), error.expected + flat)
        })
    }

    fn flat(&self, array: &Array, layout: &Layout) -> Result<Vec<f64>, SpecError> {
        let (count, p) = (array.values.len(), layout.parameters());
        let one = format!("{p}, one per parameter");
        require(count == p, KEY, format!("{}: {count} numbers", self.path), &one)?;
        let found = format!("{}: an array of shape {}", self.path, shape(array));
        require(array.shape.len() < 2, KEY, found, &format!("one of shape {p}"))?;
        self.check_finite(array, "")?;
        match self.layout {
            Some(FlatOrder::Pytorch) => Ok(layout.from_pytorch(&array.values)),
            None if layout.has_own_order() => {
                let found = format!("{}: one flat array, which could have either of two orders", self.path);
                let expected = format!(
                    "the tensors {layout}; or, to read the array as it is, `init.file.layout = \"pytorch\"` (weights as \
                     outputs x inputs, as torch.nn.utils.parameters_to_vector gives them) or \
                     `init.file.layout = \"inputs_by_outputs\"` (weights as inputs x outputs, as stepwell wrote them \
                     before 0.2)"
                );
                Err(refuse(KEY, found, expected))
            }
            Some(FlatOrder::InputsByOutputs) | None => Ok(array.values.clone()),
        }
    }

    fn check_finite(&self, array: &Array, place: &str) -> Result<(), SpecError> {
        match array.values.iter().position(|value| !value.is_finite()) {
            Some(k) => {
                let found = format!("{}: {} at {place}index {k}", self.path, array.values[k]);
                Err(refuse(KEY, found, "finite numbers"))
            }
            None => Ok(()),
        }
    }
}
