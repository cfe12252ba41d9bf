//! Arrays with a name and a shape, and how the flat parameters of a model are made of them.

use std::fmt;

/// An array with a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// What it is called: `layer1.weight`, say.
    pub name: String,
    /// Length of each dimension.
    pub shape: Vec<usize>,
    /// The values in row-major order (last dimension fastest), as many as the product of `shape`.
    pub values: Values,
}

/// The values of a [`Tensor`].
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// In single precision.
    F32(Vec<f32>),
    /// In double precision.
    F64(Vec<f64>),
    /// Counters and states of random numbers.
    U64(Vec<u64>),
    /// Signed whole numbers, as PyTorch has them for counters.
    I64(Vec<i64>),
}

impl Values {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
            Self::U64(values) => values.len(),
            Self::I64(values) => values.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How the flat parameters `theta` of a model are made of named tensors, which stand there one after another.
///
/// The tensors are PyTorch's: row-major, weights `outputs x inputs`. So is the *flat PyTorch order*, all tensors' values
/// one after another, which `torch.nn.utils.parameters_to_vector` gives.
///
/// ```
/// use stepwell::model::{FullyConnected, Model};
/// let layout = FullyConnected::new(2, &[3], &[true, false]).layout();
/// assert_eq!(layout.to_string(), "`layer1.weight` [3 x 2], `layer1.bias` [3], `layer2.weight` [1 x 3]");
/// // a row of `layer1.weight` leads into a neuron; in theta a row of it comes from an input
/// let flat = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 0.1, 0.2, 0.3, 7.0, 8.0, 9.0];
/// let theta = layout.from_pytorch(&flat);
/// assert_eq!(theta, [1.0, 3.0, 5.0, 2.0, 4.0, 6.0, 0.1, 0.2, 0.3, 7.0, 8.0, 9.0]);
/// assert_eq!(layout.theta(&layout.tensors(&theta)), Ok(theta));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout(pub Vec<TensorLayout>);

/// Name and shape of a tensor, and how its values stand in `theta`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorLayout {
    /// What it is called.
    pub name: String,
    /// Length of each dimension.
    pub shape: Vec<usize>,
    /// Whether the *first* dimension is the fastest in `theta`.
    pub column_major: bool,
}

impl TensorLayout {
    /// A tensor whose values stand in `theta` in its own, row-major order.
    pub fn row_major(name: impl Into<String>, shape: Vec<usize>) -> Self {
        Self { name: name.into(), shape, column_major: false }
    }

    /// A tensor of which the first dimension is the fastest in `theta`.
    pub fn column_major(name: impl Into<String>, shape: Vec<usize>) -> Self {
        Self { name: name.into(), shape, column_major: true }
    }

    fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Where value `k` of the tensor stands among its values in `theta`.
    fn place(&self, mut k: usize) -> usize {
        if !self.column_major {
            return k;
        }
        let (mut place, mut stride) = (0, self.len());
        for length in self.shape.iter().rev() {
            stride /= length;
            place += k % length * stride;
            k /= length;
        }
        place
    }
}

/// `name` and shape, as messages have them: `layer1.weight` [20 x 2].
impl fmt::Display for TensorLayout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.name, shape_words(&self.shape))
    }
}

/// All tensors with their shapes.
impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
    }
}

/// Tensors that are not those of a model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found}, expected {expected}")]
pub struct LayoutError {
    /// What there is: the tensor that is missing or too many, or its shape.
    pub found: String,
    /// What would be right.
    pub expected: String,
}

impl Layout {
    /// Number of parameters p.
    pub fn parameters(&self) -> usize {
        self.0.iter().map(TensorLayout::len).sum()
    }

    /// Whether `theta` can be another order of the parameters than the flat PyTorch order.
    pub fn has_own_order(&self) -> bool {
        self.0.iter().any(|tensor| tensor.column_major)
    }

    /// For each value in the flat PyTorch order its index in `theta`.
    fn places(&self) -> impl Iterator<Item = usize> {
        let starts = self.0.iter().scan(0, |next, tensor| {
            let start = *next;
            *next += tensor.len();
            Some((start, tensor))
        });
        starts.flat_map(|(start, tensor)| (0..tensor.len()).map(move |k| start + tensor.place(k)))
    }

    /// `theta` from the p parameters in the flat PyTorch order.
    ///
    /// # Panics
    /// If there are not p.
    pub fn from_pytorch(&self, flat: &[f64]) -> Vec<f64> {
        assert_eq!(flat.len(), self.parameters(), "one value per parameter");
        let mut theta = vec![0.0; flat.len()];
        for (place, value) in self.places().zip(flat) {
            theta[place] = *value;
        }
        theta
    }

    /// `theta` as named tensors in double precision.
    ///
    /// # Panics
    /// If `theta` has not p entries.
    pub fn tensors(&self, theta: &[f64]) -> Vec<Tensor> {
        assert_eq!(theta.len(), self.parameters(), "one value per parameter");
        let mut values = self.places().map(|place| theta[place]);
        let tensor = |tensor: &TensorLayout| Tensor {
            name: tensor.name.clone(),
            shape: tensor.shape.clone(),
            values: Values::F64(values.by_ref().take(tensor.len()).collect()),
        };
        self.0.iter().map(tensor).collect()
    }

    /// `theta` from named tensors in any order.
    ///
    /// # Errors
    /// If a tensor is missing, is none of the model's, has another shape, or holds integers.
    pub fn theta(&self, tensors: &[Tensor]) -> Result<Vec<f64>, LayoutError> {
        let mut flat = Vec::with_capacity(self.parameters());
        for wanted in &self.0 {
            let Some(tensor) = tensors.iter().find(|tensor| tensor.name == wanted.name) else {
                let names: Vec<String> = tensors.iter().map(|tensor| format!("`{}`", tensor.name)).collect();
                let found = if names.is_empty() { "no tensors".to_string() } else { names.join(", ") };
                let found = format!("no tensor `{}` ({found} found)", wanted.name);
                return Err(LayoutError { found, expected: self.to_string() });
            };
            let right = tensor.shape == wanted.shape && tensor.values.len() == wanted.len();
            match &tensor.values {
                Values::F64(values) if right => flat.extend(values),
                Values::F32(values) if right => flat.extend(values.iter().map(|value| f64::from(*value))),
                _ => return Err(wanted.misfit(tensor)),
            }
        }
        let extra = tensors.iter().enumerate().find(|(k, tensor)| {
            let is_this = |other: &Tensor| other.name == tensor.name;
            tensors[..*k].iter().any(is_this) || self.0.iter().all(|wanted| wanted.name != tensor.name)
        });
        match extra {
            Some((_, tensor)) => {
                let found = format!("tensor `{}` is one too many", tensor.name);
                Err(LayoutError { found, expected: self.to_string() })
            }
            None => Ok(self.from_pytorch(&flat)),
        }
    }
}

impl TensorLayout {
    /// Why `tensor`, which has the name, is not the one.
    fn misfit(&self, tensor: &Tensor) -> LayoutError {
        let (name, shape) = (&tensor.name, shape_words(&tensor.shape));
        let (found, expected) = if tensor.shape != self.shape {
            (format!("tensor `{name}` of shape {shape}"), format!("shape {}", shape_words(&self.shape)))
        } else if tensor.values.len() != self.len() {
            (format!("tensor `{name}` of shape {shape} with {} values", tensor.values.len()), self.len().to_string())
        } else {
            (format!("tensor `{name}` of integers"), "floating-point numbers".into())
        };
        LayoutError { found, expected }
    }
}

fn shape_words(shape: &[usize]) -> String {
    format!("[{}]", shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(" x "))
}
