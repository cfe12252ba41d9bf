//! The names, shapes and initial values of a network's parameters, in one fixed order.

use stepwell::rng::{Purpose, Stream};

/// One named array of parameters. Names and shapes are PyTorch's: convolutions are (outputs, inputs, height, width),
/// linear layers (outputs, inputs).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// For example `features.denseblock1.denselayer2.conv1.weight`.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    pub(crate) start: Start,
}

impl Parameter {
    /// How many numbers it holds.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// True if it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How a parameter starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// Normal with variance `2 / fan_out`, `fan_out` = outputs x kernel area. Source: He et al., ICCV 2015.
    HeFanOut,
    /// Uniform on `+-1/sqrt(fan_in)`: the usual start of a linear layer.
    Linear,
    /// All one (scales of batch normalization).
    Ones,
    /// All zero (shifts of batch normalization, biases of the classifier).
    Zeros,
}

/// The parameters and running statistics of a network. Layers are added in the order of the forward pass, which is also
/// the order in which initial values are drawn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    parameters: Vec<Parameter>,
    normalizations: Vec<(String, usize)>,
}

impl Layout {
    /// All parameters that training changes.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// Name and channels of each batch normalization: the owners of running statistics.
    pub fn normalizations(&self) -> &[(String, usize)] {
        &self.normalizations
    }

    /// How many numbers training changes; running statistics are not counted.
    pub fn parameter_count(&self) -> usize {
        self.parameters.iter().fold(0, |sum, parameter| sum.saturating_add(parameter.len()))
    }

    pub(crate) fn add(&mut self, name: String, shape: &[usize], start: Start) -> usize {
        self.parameters.push(Parameter { name, shape: shape.to_vec(), start });
        self.parameters.len() - 1
    }

    pub(crate) fn add_normalization(&mut self, name: &str, channels: usize) -> usize {
        self.normalizations.push((name.to_owned(), channels));
        self.normalizations.len() - 1
    }

    /// Initial values of all parameters, in order, from the stream of `seed` for [`Purpose::Init`].
    pub(crate) fn draw(&self, seed: u64) -> Vec<Vec<f32>> {
        let mut stream = Stream::new(seed, Purpose::Init);
        self.parameters.iter().map(|parameter| draw(parameter, &mut stream)).collect()
    }
}

fn draw(parameter: &Parameter, stream: &mut Stream) -> Vec<f32> {
    let n = parameter.len();
    let area: usize = parameter.shape.iter().skip(2).product();
    match parameter.start {
        Start::HeFanOut => {
            let deviation = (2.0 / (parameter.shape[0] * area) as f64).sqrt();
            (0..n).map(|_| (deviation * stream.normal()) as f32).collect()
        }
        Start::Linear => {
            let bound = 1.0 / (parameter.shape[1] as f64).sqrt();
            (0..n).map(|_| (bound * (2.0 * stream.uniform() - 1.0)) as f32).collect()
        }
        Start::Ones => vec![1.0; n],
        Start::Zeros => vec![0.0; n],
    }
}
