//! Networks for images: what they compute, their gradients, and their parameters by PyTorch's names.

mod batch_norm;
mod classifier;
mod conv_net;
mod convolution;
mod dense_net;
mod file;
mod layout;
mod pass;
mod res_net;
pub(crate) mod weights;

pub use conv_net::ConvNet;
pub use dense_net::DenseNet;
pub use file::FileError;
pub use layout::{Layout, Parameter};
pub use pass::{Features, Mode};
pub use res_net::ResNet;
pub use weights::{BatchStatistics, Running, Weights};

use burn::tensor::Int;
use burn::tensor::activation::log_softmax;
use serde::{Deserialize, Serialize};

use crate::engine::{Device, Tensor, TensorData};
use classifier::Classifier;
use pass::Pass;
use weights::values;

/// Which network.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Architecture {
    /// See [`DenseNet`].
    DenseNet(DenseNet),
    /// See [`ResNet`].
    ResNet(ResNet),
    /// See [`ConvNet`].
    ConvNet(ConvNet),
}

/// More channels, classes or layers are a mistake.
const MOST: usize = 100_000;

/// Why there is no such network.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NetworkError {
    /// The depth does not divide into three blocks.
    #[error("depth is {found}, expected {each} n + 4 for a whole n above 0")]
    Depth {
        /// The depth asked for.
        found: usize,
        /// Layers that one more layer in each block adds.
        each: usize,
    },
    /// The compression is not a share.
    #[error("compression is {0}, expected a number above 0 and up to 1")]
    Compression(f64),
    /// A number that must not be 0, nor beyond all machines.
    #[error("{name} is {found}, expected a number from 1 to {MOST}")]
    Size {
        /// What it is.
        name: &'static str,
        /// The number asked for.
        found: usize,
    },
    /// The maps would shrink to nothing.
    #[error("images are {height} x {width}, expected at least {least} x {least} for this network")]
    Image {
        /// Their height.
        height: usize,
        /// Their width.
        width: usize,
        /// The least of both.
        least: usize,
    },
}

impl NetworkError {
    fn check_size(name: &'static str, found: usize) -> Result<(), Self> {
        if (1..=MOST).contains(&found) { Ok(()) } else { Err(Self::Size { name, found }) }
    }
}

/// Everything between the image and the pooled features.
trait Body: Send + Sync {
    /// The last maps (samples x channels x height x width), after a ReLU.
    fn forward(&self, pass: &mut Pass<'_>, x: Tensor<4>) -> Tensor<4>;
    /// Channels of the last maps.
    fn channels(&self) -> usize;
    /// Where features can be looked at, in order.
    fn places(&self) -> Vec<String>;
    /// The least height and width.
    fn smallest_image(&self) -> usize;
    /// What a pass over one image of channels x height x width holds.
    fn held(&self, input: [usize; 3]) -> Held;
}

/// Numbers that a pass over one image holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Held {
    /// For the backward pass: every layer keeps its input.
    for_backward: usize,
    /// In the largest of these inputs.
    widest: usize,
}

impl Held {
    /// A layer keeps an input of so many channels, on maps of `area` positions.
    fn keep(&mut self, channels: usize, area: usize) {
        let numbers = channels.saturating_mul(area);
        self.for_backward = self.for_backward.saturating_add(numbers);
        self.widest = self.widest.max(numbers);
    }
}

/// A network: a body, an average over all positions, and a linear classifier. It holds no numbers: those are [`Weights`].
pub struct Network {
    architecture: Architecture,
    input: [usize; 3],
    layout: Layout,
    body: Box<dyn Body>,
    classifier: Classifier,
    classes: usize,
}

/// The loss of a batch and its gradient.
#[derive(Clone, Debug)]
pub struct Gradient {
    /// Mean cross-entropy in nats.
    pub loss: f64,
    /// Logits, samples x classes.
    pub logits: Vec<f32>,
    /// The gradient of the loss, flat, for each parameter in the layout's order.
    pub parameters: Vec<Tensor<1>>,
    /// What the batch normalizations saw, for [`Weights::track`]; empty in evaluation mode.
    pub statistics: Vec<BatchStatistics>,
}

impl Gradient {
    /// The gradient as one vector, in the layout's order.
    pub fn flat(&self) -> Vec<f32> {
        let mut flat = vec![0.0; self.parameters.iter().map(|tensor| tensor.dims()[0]).sum()];
        self.write_flat(&mut flat);
        flat
    }

    /// Writes the gradient as one vector, in the layout's order.
    ///
    /// # Panics
    /// If `out` has another length than all parameters together.
    pub fn write_flat(&self, out: &mut [f32]) {
        let mut rest = out;
        for tensor in &self.parameters {
            let (head, tail) = rest.split_at_mut(tensor.dims()[0]);
            head.copy_from_slice(&values(tensor.clone()));
            rest = tail;
        }
        assert!(rest.is_empty(), "as many numbers as parameters");
    }
}

impl Network {
    /// A network for images of channels x height x width.
    ///
    /// # Errors
    /// If the architecture's numbers are out of range, or the images are too small for it.
    pub fn new(architecture: Architecture, input: [usize; 3], classes: usize) -> Result<Self, NetworkError> {
        let [channels, height, width] = input;
        NetworkError::check_size("channels", channels)?;
        NetworkError::check_size("classes", classes)?;
        let mut layout = Layout::default();
        let (body, last) = match architecture {
            Architecture::DenseNet(shape) => (shape.body(&mut layout, channels)?, "classifier"),
            Architecture::ResNet(shape) => (shape.body(&mut layout, channels)?, "fc"),
            Architecture::ConvNet(shape) => (shape.body(&mut layout, channels)?, "classifier"),
        };
        let least = body.smallest_image();
        if height < least || width < least {
            return Err(NetworkError::Image { height, width, least });
        }
        let classifier = Classifier::new(&mut layout, last, body.channels(), classes);
        Ok(Self { architecture, input, layout, body, classifier, classes })
    }

    /// Which network it is.
    pub fn architecture(&self) -> Architecture {
        self.architecture
    }

    /// Channels, height and width of its images.
    pub fn input(&self) -> [usize; 3] {
        self.input
    }

    /// How many classes it tells apart.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Names, shapes and order of its parameters.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Numbers that the backward pass needs of the forward pass over one image.
    pub fn numbers_for_backward(&self) -> usize {
        self.body.held(self.input).for_backward
    }

    /// Numbers in the largest maps of one image.
    pub fn widest_maps(&self) -> usize {
        self.body.held(self.input).widest
    }

    /// The names of the places that [`Network::features`] records, in order. `block1`, `block2`, .. end a dense block
    /// (after the batch normalization and ReLU that follow it, so that a feature is active where it is positive), a
    /// stage of residual blocks or a stage of the small network; `pooled` is the input of the classifier.
    pub fn places(&self) -> Vec<String> {
        let mut places = self.body.places();
        places.push("pooled".to_owned());
        places
    }

    /// Initial weights: convolutions by He's rule with fan-out, batch normalization as the identity, the classifier's
    /// weights uniform on `+-1/sqrt(features)` and its biases 0. The same seed gives the same bits on every device.
    pub fn draw(&self, seed: u64, device: &Device) -> Weights {
        Weights::draw(&self.layout, seed, device)
    }

    /// A batch of images, samples x channels x height x width in row-major order, as a tensor.
    ///
    /// # Panics
    /// If the number of pixels is not a multiple of an image's.
    pub fn batch(&self, pixels: Vec<f32>, device: &Device) -> Tensor<4> {
        let [channels, height, width] = self.input;
        let n = pixels.len() / (channels * height * width);
        Tensor::from_data(TensorData::new(pixels, [n, channels, height, width]), device)
    }

    /// Logits (samples x classes), and in training mode what the batch normalizations saw.
    pub fn logits(&self, weights: &Weights, images: Tensor<4>, mode: Mode) -> (Tensor<2>, Vec<BatchStatistics>) {
        let mut pass = Pass::new(mode, &weights.parameters, &weights.running, false);
        let logits = self.forward(&mut pass, images);
        (logits, pass.statistics)
    }

    /// Activations in evaluation mode at each of [`Network::places`].
    pub fn features(&self, weights: &Weights, images: Tensor<4>) -> Vec<Features> {
        let mut pass = Pass::new(Mode::Evaluate, &weights.parameters, &weights.running, true);
        self.forward(&mut pass, images);
        pass.into_features()
    }

    /// Mean cross-entropy of a batch with the given labels, and its gradient.
    ///
    /// # Panics
    /// If there is not one label an image, each below the number of classes.
    pub fn gradient(&self, weights: &Weights, images: Tensor<4>, labels: &[usize], mode: Mode) -> Gradient {
        let samples = images.dims()[0];
        assert!(labels.len() == samples && labels.iter().all(|label| *label < self.classes), "one label an image");
        let labels: Vec<i32> = labels.iter().map(|label| *label as i32).collect();
        let labels = Tensor::<2, Int>::from_data(TensorData::new(labels, [samples, 1]), &images.device());
        self.differentiate(weights, images, mode, |logits| -log_softmax(logits, 1).gather(1, labels.autodiff()).mean())
    }

    /// The gradient of `sum_{i,k} weight_ik logit_ik`, `logit_weights` samples x classes in row-major order: one row of a
    /// Jacobian, or any combination of rows. The `loss` of the result is that sum.
    ///
    /// # Panics
    /// If there is not one weight a logit.
    pub fn pullback(&self, weights: &Weights, images: Tensor<4>, logit_weights: Vec<f32>, mode: Mode) -> Gradient {
        let samples = images.dims()[0];
        let data = TensorData::new(logit_weights, [samples, self.classes]);
        let logit_weights = Tensor::<2>::from_data(data, &images.device());
        self.differentiate(weights, images, mode, |logits| (logits * logit_weights.autodiff()).sum())
    }

    fn differentiate(
        &self,
        weights: &Weights,
        images: Tensor<4>,
        mode: Mode,
        objective: impl FnOnce(Tensor<2>) -> Tensor<1>,
    ) -> Gradient {
        let tracked: Vec<Tensor<1>> =
            weights.parameters.iter().map(|tensor| tensor.clone().autodiff().require_grad()).collect();
        let mut pass = Pass::new(mode, &tracked, &weights.running, false);
        let logits = self.forward(&mut pass, images.autodiff());
        let statistics = pass.statistics;
        let loss = objective(logits.clone());
        let mut gradients = loss.backward();
        let parameters = tracked
            .iter()
            .map(|tensor| tensor.grad_remove(&mut gradients).expect("every parameter takes part in the logits"))
            .collect();
        let loss = f64::from(values(loss.without_autodiff())[0]);
        Gradient { loss, logits: values(logits.without_autodiff()), parameters, statistics }
    }

    fn forward(&self, pass: &mut Pass<'_>, images: Tensor<4>) -> Tensor<2> {
        let maps = self.body.forward(pass, images);
        let pooled = maps.mean_dim(3).mean_dim(2);
        pass.record("pooled", &pooled);
        let [n, channels, _, _] = pooled.dims();
        self.classifier.forward(pass, pooled.reshape([n, channels]))
    }
}
