//! Convolution, batch normalization and pooling as operations on tensors: our own kernels on the processor, Burn's elsewhere.

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, AutodiffBackend, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::module::{avg_pool2d, batch_norm_train, conv2d};
use burn::tensor::ops::{AvgPoolOptions, ConvOptions};

use crate::engine::{Tensor, TensorData, on_processor};
use crate::kernels::{convolution, normalization, pooling};

/// Convolution of `x` (samples x inputs x height x width) with `weight` (outputs x inputs x kernel x kernel), without bias,
/// zeros of width `(kernel - 1) / 2` around the maps.
pub fn convolve(x: Tensor<4>, weight: Tensor<4>, stride: usize) -> Tensor<4> {
    if on_processor(&x.device()) {
        let y = <Dispatch as LayerOps>::convolve(x.into_dispatch(), weight.into_dispatch(), stride);
        return Tensor::from_dispatch(y);
    }
    let padding = (weight.dims()[2] - 1) / 2;
    conv2d(x, weight, None, ConvOptions::new([stride; 2], [padding; 2], [1, 1], 1))
}

/// What a batch normalization returns in training.
pub struct Normalized {
    /// The normalized maps.
    pub output: Tensor<4>,
    /// Mean of the batch per channel, without gradient.
    pub mean: Tensor<1>,
    /// Biased variance of the batch per channel, without gradient.
    pub variance: Tensor<1>,
}

/// Batch normalization with the statistics of the batch, then the positive part if `relu`.
pub fn normalize(x: Tensor<4>, gamma: Tensor<1>, beta: Tensor<1>, epsilon: f64, relu: bool) -> Normalized {
    if on_processor(&x.device()) {
        let inputs = (x.into_dispatch(), gamma.into_dispatch(), beta.into_dispatch());
        let (output, mean, variance) = <Dispatch as LayerOps>::normalize(inputs.0, inputs.1, inputs.2, epsilon, relu);
        let statistics = |tensor| Tensor::<1>::from_dispatch(tensor).without_autodiff();
        return Normalized {
            output: Tensor::from_dispatch(output),
            mean: statistics(mean),
            variance: statistics(variance),
        };
    }
    let normalized = batch_norm_train(x, gamma, beta, epsilon);
    let output = if relu { burn::tensor::activation::relu(normalized.output) } else { normalized.output };
    Normalized { output, mean: normalized.mean.without_autodiff(), variance: normalized.variance.without_autodiff() }
}

/// Averages of 2 x 2 positions; a last odd row or column is left out.
pub fn halve(x: Tensor<4>) -> Tensor<4> {
    if on_processor(&x.device()) {
        return Tensor::from_dispatch(<Dispatch as LayerOps>::halve(x.into_dispatch()));
    }
    avg_pool2d(x, AvgPoolOptions::new([2, 2]))
}

/// The operations as Burn sees them.
#[backend_extension(Flex, Autodiff)]
trait LayerOps: Backend {
    fn convolve(x: FloatTensor<Self>, weight: FloatTensor<Self>, stride: usize) -> FloatTensor<Self>;

    fn normalize(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
        relu: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    fn halve(x: FloatTensor<Self>) -> FloatTensor<Self>;
}

type FlexTensor = FloatTensor<Flex>;

impl LayerOps for Flex {
    fn convolve(x: FlexTensor, weight: FlexTensor, stride: usize) -> FlexTensor {
        let (x, weight) = (x.to_contiguous(), weight.to_contiguous());
        let sizes = sizes(&x, &weight, stride);
        let [outputs, height, width] = sizes.output();
        tensor(convolution::forward(&sizes, numbers(&x), numbers(&weight)), &[sizes.samples, outputs, height, width])
    }

    fn normalize(
        x: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        epsilon: f64,
        relu: bool,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let x = x.to_contiguous();
        let channels = channels(&x, &gamma, &beta, epsilon);
        let (mean, variance) = statistics(&channels);
        (normalized(&x, &channels, relu), mean, variance)
    }

    fn halve(x: FlexTensor) -> FlexTensor {
        let x = x.to_contiguous();
        let [samples, channels, height, width] = x.shape().dims();
        tensor(pooling::forward(numbers(&x), height, width), &[samples, channels, height / 2, width / 2])
    }
}

impl<C: CheckpointStrategy> LayerOps for Autodiff<Flex, C> {
    fn convolve(x: FloatTensor<Self>, weight: FloatTensor<Self>, stride: usize) -> FloatTensor<Self> {
        let prepared = Convolve.prepare::<C>([x.node(), weight.node()]).compute_bound().stateful();
        let (x, weight) = (x.into_primitive().to_contiguous(), weight.into_primitive().to_contiguous());
        let y = Flex::convolve(x.clone(), weight.clone(), stride);
        match prepared {
            OpsKind::Tracked(prepared) => prepared.finish((x, weight, stride), y),
            OpsKind::UnTracked(prepared) => prepared.finish(y),
        }
    }

    fn normalize(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
        relu: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let prepared = Normalize.prepare::<C>([x.node(), gamma.node(), beta.node()]).compute_bound().stateful();
        let (x, gamma, beta) = (x.into_primitive().to_contiguous(), gamma.into_primitive(), beta.into_primitive());
        let channels = channels(&x, &gamma, &beta, epsilon);
        let y = normalized(&x, &channels, relu);
        let (mean, variance) = statistics(&channels);
        let y = match prepared {
            OpsKind::Tracked(prepared) => prepared.finish((x, channels, relu), y),
            OpsKind::UnTracked(prepared) => prepared.finish(y),
        };
        (y, Self::from_inner(mean), Self::from_inner(variance))
    }

    fn halve(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let prepared = Halve.prepare::<C>([x.node()]).compute_bound().stateful();
        let x = x.into_primitive();
        let shape = x.shape().dims();
        let y = Flex::halve(x);
        match prepared {
            OpsKind::Tracked(prepared) => prepared.finish(shape, y),
            OpsKind::UnTracked(prepared) => prepared.finish(y),
        }
    }
}

#[derive(Debug)]
struct Convolve;

impl Backward<Flex, 2> for Convolve {
    type State = (FlexTensor, FlexTensor, usize);

    fn backward(self, ops: Ops<Self::State, 2>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let dy = gradients.consume::<Flex>(&ops.node).to_contiguous();
        let (x, weight, stride) = ops.state;
        let sizes = sizes(&x, &weight, stride);
        let [of_x, of_weight] = ops.parents;
        if let Some(node) = of_weight {
            let dw = convolution::weight_gradient(&sizes, numbers(&x), numbers(&dy));
            gradients.register::<Flex>(node.id, tensor(dw, &weight.shape()));
        }
        if let Some(node) = of_x {
            let dx = convolution::input_gradient(&sizes, numbers(&weight), numbers(&dy));
            gradients.register::<Flex>(node.id, tensor(dx, &x.shape()));
        }
    }
}

#[derive(Debug)]
struct Normalize;

impl Backward<Flex, 3> for Normalize {
    type State = (FlexTensor, Vec<normalization::Channel>, bool);

    fn backward(self, ops: Ops<Self::State, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let mut dy = gradients.consume::<Flex>(&ops.node).to_contiguous();
        let (x, channels, relu) = ops.state;
        let dx = dy.storage_mut::<f32>();
        let (dgamma, dbeta) = normalization::backward(numbers(&x), positions(&x), &channels, relu, dx);
        let [of_x, of_gamma, of_beta] = ops.parents;
        let shape = [channels.len()];
        let results = [(of_x, dy), (of_gamma, tensor(dgamma, &shape)), (of_beta, tensor(dbeta, &shape))];
        for (node, gradient) in results.into_iter().filter_map(|(node, gradient)| Some((node?, gradient))) {
            gradients.register::<Flex>(node.id, gradient);
        }
    }
}

#[derive(Debug)]
struct Halve;

impl Backward<Flex, 1> for Halve {
    /// The shape of the input.
    type State = [usize; 4];

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let dy = gradients.consume::<Flex>(&ops.node).to_contiguous();
        let ([of_x], shape) = (ops.parents, ops.state);
        if let Some(node) = of_x {
            let dx = pooling::backward(numbers(&dy), shape[2], shape[3]);
            gradients.register::<Flex>(node.id, tensor(dx, &shape));
        }
    }
}

fn sizes(x: &FlexTensor, weight: &FlexTensor, stride: usize) -> convolution::Sizes {
    let ([samples, inputs, height, width], [outputs, _, kernel, _]) = (x.shape().dims(), weight.shape().dims());
    convolution::Sizes { samples, input: [inputs, height, width], outputs, kernel, stride }
}

fn positions(x: &FlexTensor) -> usize {
    let [_, _, height, width] = x.shape().dims();
    height * width
}

fn channels(x: &FlexTensor, gamma: &FlexTensor, beta: &FlexTensor, epsilon: f64) -> Vec<normalization::Channel> {
    let (gamma, beta) = (gamma.to_contiguous(), beta.to_contiguous());
    normalization::channels(numbers(x), positions(x), numbers(&gamma), numbers(&beta), epsilon)
}

fn normalized(x: &FlexTensor, channels: &[normalization::Channel], relu: bool) -> FlexTensor {
    tensor(normalization::forward(numbers(x), positions(x), channels, relu), &x.shape())
}

fn statistics(channels: &[normalization::Channel]) -> (FlexTensor, FlexTensor) {
    let of =
        |value: fn(&normalization::Channel) -> f32| tensor(channels.iter().map(value).collect(), &[channels.len()]);
    (of(|channel| channel.mean), of(|channel| channel.variance))
}

fn numbers(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice().expect("contiguous single-precision numbers")
}

fn tensor(numbers: Vec<f32>, shape: &[usize]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(numbers, shape.to_vec()))
}
