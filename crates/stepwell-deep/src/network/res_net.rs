//! ResNet-18 in its variant for small images.

use burn::tensor::activation::relu;
use serde::{Deserialize, Serialize};

use super::batch_norm::BatchNorm;
use super::convolution::Convolution;
use super::layout::Layout;
use super::pass::Pass;
use super::{Body, Held, NetworkError};
use crate::engine::Tensor;

/// ResNet-18 with a 3 x 3 stem and no first pooling: four stages of two residual blocks with `width`, 2, 4 and 8 times
/// `width` channels. Source: He, Zhang, Ren, Sun, CVPR 2016. The usual width is 64 (11,173,962 parameters for 10
/// classes in color).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ResNet {
    /// Channels of the first stage.
    pub width: usize,
}

impl ResNet {
    pub(super) fn body(self, layout: &mut Layout, inputs: usize) -> Result<Box<dyn Body>, NetworkError> {
        NetworkError::check_size("width", self.width)?;
        let stem = Convolution::new(layout, "conv1", inputs, self.width, 3, 1);
        let norm = BatchNorm::new(layout, "bn1", self.width);
        let mut channels = self.width;
        let mut stages = Vec::new();
        for stage in 0..4 {
            let width = self.width << stage;
            let mut blocks = Vec::new();
            for block in 0..2 {
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                let name = format!("layer{}.{block}", stage + 1);
                blocks.push(Residual::new(layout, &name, channels, width, stride));
                channels = width;
            }
            stages.push(blocks);
        }
        Ok(Box::new(Stages { stem, norm, stages, channels }))
    }
}

struct Stages {
    stem: Convolution,
    norm: BatchNorm,
    stages: Vec<Vec<Residual>>,
    channels: usize,
}

/// `relu(x' + bn(conv(relu(bn(conv(x))))))`, where `x'` is `x`, or its projection if the shape changes.
struct Residual {
    first: (Convolution, BatchNorm),
    second: (Convolution, BatchNorm),
    projection: Option<(Convolution, BatchNorm)>,
}

impl Residual {
    fn new(layout: &mut Layout, name: &str, inputs: usize, width: usize, stride: usize) -> Self {
        let first = (
            Convolution::new(layout, &format!("{name}.conv1"), inputs, width, 3, stride),
            BatchNorm::new(layout, &format!("{name}.bn1"), width),
        );
        let second = (
            Convolution::new(layout, &format!("{name}.conv2"), width, width, 3, 1),
            BatchNorm::new(layout, &format!("{name}.bn2"), width),
        );
        let projection = (stride != 1 || inputs != width).then(|| {
            (
                Convolution::new(layout, &format!("{name}.downsample.0"), inputs, width, 1, stride),
                BatchNorm::new(layout, &format!("{name}.downsample.1"), width),
            )
        });
        Self { first, second, projection }
    }

    fn forward(&self, pass: &mut Pass<'_>, x: Tensor<4>) -> Tensor<4> {
        let y = self.first.0.forward(pass, x.clone());
        let y = self.first.1.forward_relu(pass, y);
        let y = self.second.0.forward(pass, y);
        let y = self.second.1.forward(pass, y);
        let shortcut = match &self.projection {
            Some((conv, norm)) => {
                let x = conv.forward(pass, x);
                norm.forward(pass, x)
            }
            None => x,
        };
        relu(y + shortcut)
    }
}

impl Body for Stages {
    fn forward(&self, pass: &mut Pass<'_>, x: Tensor<4>) -> Tensor<4> {
        let x = self.stem.forward(pass, x);
        let mut x = self.norm.forward_relu(pass, x);
        for (stage, place) in self.stages.iter().zip(self.places()) {
            for block in stage {
                x = block.forward(pass, x);
            }
            pass.record(&place, &x);
        }
        x
    }

    fn channels(&self) -> usize {
        self.channels
    }

    fn places(&self) -> Vec<String> {
        (1..=self.stages.len()).map(|stage| format!("block{stage}")).collect()
    }

    fn smallest_image(&self) -> usize {
        1
    }

    fn held(&self, [_, mut height, mut width]: [usize; 3]) -> Held {
        let mut held = Held::default();
        held.keep(self.stem.inputs(), height * width);
        held.keep(self.norm.channels, height * width);
        for (stage, blocks) in self.stages.iter().enumerate() {
            for (k, block) in blocks.iter().enumerate() {
                held.keep(block.first.0.inputs(), height * width);
                if stage > 0 && k == 0 {
                    (height, width) = (height.div_ceil(2), width.div_ceil(2));
                }
                held.keep(block.first.1.channels, height * width);
                held.keep(block.second.0.inputs(), height * width);
                held.keep(block.second.1.channels, height * width);
                if let Some((_, norm)) = &block.projection {
                    held.keep(norm.channels, height * width);
                }
            }
        }
        held.keep(self.channels, height * width); // of the last positive part
        held
    }
}
