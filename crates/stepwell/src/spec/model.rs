//! Predictors and their initial parameters.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, IntoDeserializer, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::check::{SpecError, require};
use super::init_file::InitFileSpec;
use crate::model::{self, FullyConnected, LayerInit, Model};
use crate::tensor::Layout;

/// The models, each with its variant in specs and how it is made for a number of inputs.
macro_rules! models {
    ($inputs:ident => $($(#[doc = $doc:literal])* $model:ident $(($spec:ident: $settings:ty))? = $made:expr,)*) => {
        /// A predictor.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(rename_all = "snake_case", deny_unknown_fields)]
        pub enum ModelSpec {
            $($(#[doc = $doc])* $model $(($settings))?,)*
        }

        impl ModelSpec {
            /// Does something with the model of so many inputs; the one place that knows them all.
            pub(super) fn with_model<T: ForModel>(&self, $inputs: usize, then: T) -> Result<T::Output, SpecError> {
                Ok(match self {
                    $(Self::$model $(($spec))? => then.go($made),)*
                })
            }
        }
    };
}

models! { d =>
    /// `h = <b, x>`; with a square loss, the quadratic.
    Linear = model::Linear::new(d),
    /// `h = x theta^2`, one parameter.
    ScalarToy = model::ScalarToy,
    /// `h = <u * v, x>`, parameters `[u, v]`.
    DiagonalLinear = model::DiagonalLinear::new(d),
    /// A fully connected ReLU network with one output.
    FullyConnected(spec: FullyConnectedSpec) = spec.network(d, "model.fully_connected")?,
}

/// What is done with a model, whichever it is.
pub(super) trait ForModel {
    type Output;
    fn go<M: Model>(self, model: M) -> Self::Output;
}

impl ModelSpec {
    /// The tensors of the parameters for `d` inputs.
    pub(super) fn layout(&self, d: usize) -> Result<Layout, SpecError> {
        self.with_model(d, LayoutOf)
    }
}

struct LayoutOf;

impl ForModel for LayoutOf {
    type Output = Layout;
    fn go<M: Model>(self, model: M) -> Layout {
        model.layout()
    }
}

/// Shape of a fully connected network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FullyConnectedSpec {
    /// Widths of the hidden layers.
    pub hidden: Vec<usize>,
    /// Whether layers have biases: one for all, or one per layer, the output's last.
    #[serde(default = "with_biases")]
    pub bias: PerLayer<bool>,
}

fn with_biases() -> PerLayer<bool> {
    PerLayer::All(true)
}

/// A setting for all layers, or one for each with the output's last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum PerLayer<T> {
    /// The same for all.
    All(T),
    /// One per layer.
    Each(Vec<T>),
}

/// Written out, because a derived one forgets which names would have been right.
impl<'de, T: Deserialize<'de>> Deserialize<'de> for PerLayer<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrMany(PhantomData))
    }
}

struct OneOrMany<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrMany<T> {
    type Value = PerLayer<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one setting for all layers, or a list with one for each layer, the output's last")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Self::Value, E> {
        T::deserialize(value.into_deserializer()).map(PerLayer::All)
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Self::Value, E> {
        T::deserialize(name.into_deserializer()).map(PerLayer::All)
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(de::value::MapAccessDeserializer::new(map)).map(PerLayer::All)
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        Vec::deserialize(de::value::SeqAccessDeserializer::new(list)).map(PerLayer::Each)
    }
}

impl<T: Clone> PerLayer<T> {
    /// All that stand there.
    pub(super) fn entries(&self) -> &[T] {
        match self {
            Self::All(value) => std::slice::from_ref(value),
            Self::Each(values) => values,
        }
    }

    /// One for each of `layers` layers.
    pub(super) fn of(&self, layers: usize, key: &str) -> Result<Vec<T>, SpecError> {
        match self {
            Self::All(value) => Ok(vec![value.clone(); layers]),
            Self::Each(values) => {
                let expected = format!("{layers}, one per layer, the output's last");
                require(values.len() == layers, key, format!("{} entries", values.len()), &expected)?;
                Ok(values.clone())
            }
        }
    }
}

impl FullyConnectedSpec {
    /// The network for `inputs` inputs.
    pub(super) fn network(&self, inputs: usize, key: &str) -> Result<FullyConnected, SpecError> {
        require(
            self.hidden.iter().all(|width| *width > 0),
            &format!("{key}.hidden"),
            0,
            "layers of at least one neuron",
        )?;
        // far beyond what fits into memory, and far from overflow
        let most = 1 << 20;
        let widest = self.hidden.iter().copied().max().unwrap_or(1);
        require(widest <= most, &format!("{key}.hidden"), widest, &format!("at most {most} neurons per layer"))?;
        let bias = self.bias.of(self.hidden.len() + 1, &format!("{key}.bias"))?;
        Ok(FullyConnected::new(inputs, &self.hidden, &bias))
    }
}

/// Initial parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum InitSpec {
    /// All parameters alike.
    Constant(f64),
    /// A diagonal network's layers, each constant.
    Diagonal(DiagonalInit),
    /// A network's weights normal with variance `2 / fan_in`, biases 0, from the seed of the run.
    He,
    /// A network's weights and biases uniform on `+-1/sqrt(fan_in)`, from the seed of the run.
    FrameworkDefault,
    /// A network's layers by name, from the seed of the run.
    Layers(LayersInit),
    /// Independent normal parameters of this standard deviation, from the seed of the run.
    Normal(f64),
    /// Exactly these, in the model's own flat order: a network's layer by layer, the weights as inputs x outputs, row by
    /// row, then the biases; a diagonal network's `u`, then `v`.
    Values(Vec<f64>),
    /// From a file.
    File(InitFileSpec),
}

/// Constant layers of a diagonal network.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DiagonalInit {
    /// Every `u_j`.
    pub u: f64,
    /// Every `v_j`.
    pub v: f64,
}

/// Initializations of a network's layers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LayersInit {
    /// Of the weights: one for all layers, or one per layer, the output's last.
    pub weights: PerLayer<LayerInit>,
    /// Of the biases, alike; layers without biases pass theirs over.
    #[serde(default = "zeros")]
    pub biases: PerLayer<LayerInit>,
}

fn zeros() -> PerLayer<LayerInit> {
    PerLayer::All(LayerInit::Zeros)
}

impl LayersInit {
    /// Weights and biases of each of `layers` layers.
    pub(super) fn of(&self, layers: usize, key: &str) -> Result<[Vec<LayerInit>; 2], SpecError> {
        let checked = |inits: &PerLayer<LayerInit>, name: &str| {
            let key = format!("{key}.{name}");
            let inits = inits.of(layers, &key)?;
            for scale in inits.iter().filter_map(|init| init.scale()) {
                require(scale >= 0.0 && scale.is_finite(), &key, scale, "a scale of at least 0")?;
            }
            Ok(inits)
        };
        Ok([checked(&self.weights, "weights")?, checked(&self.biases, "biases")?])
    }
}

impl InitSpec {
    /// A network's initializations, where they are drawn layer by layer.
    pub(super) fn layers(&self) -> Option<LayersInit> {
        let all = PerLayer::All;
        match self {
            Self::He => Some(LayersInit { weights: all(LayerInit::He), biases: zeros() }),
            Self::FrameworkDefault => {
                Some(LayersInit { weights: all(LayerInit::FrameworkDefault), biases: all(LayerInit::FrameworkDefault) })
            }
            Self::Layers(layers) => Some(layers.clone()),
            _ => None,
        }
    }
}
