//! A small convolutional network for quick looks.

use serde::{Deserialize, Serialize};

use super::batch_norm::BatchNorm;
use super::convolution::Convolution;
use super::layout::Layout;
use super::pass::Pass;
use super::{Body, Held, NetworkError};
use crate::engine::Tensor;
use crate::layer_ops::halve;

/// Three stages of 3 x 3 convolution, batch normalization and ReLU with `width`, 2 and 4 times `width` channels, on maps
/// of full, half and quarter size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ConvNet {
    /// Channels of the first stage.
    pub width: usize,
}

impl ConvNet {
    pub(super) fn body(self, layout: &mut Layout, inputs: usize) -> Result<Box<dyn Body>, NetworkError> {
        NetworkError::check_size("width", self.width)?;
        let mut channels = inputs;
        let stages = (0..3)
            .map(|stage| {
                let (inputs, name) = (channels, format!("stage{}", stage + 1));
                channels = self.width << stage;
                let conv = Convolution::new(layout, &format!("{name}.conv"), inputs, channels, 3, 1);
                (conv, BatchNorm::new(layout, &format!("{name}.norm"), channels))
            })
            .collect();
        Ok(Box::new(Stages { stages, channels }))
    }
}

struct Stages {
    stages: Vec<(Convolution, BatchNorm)>,
    channels: usize,
}

impl Body for Stages {
    fn forward(&self, pass: &mut Pass<'_>, mut x: Tensor<4>) -> Tensor<4> {
        for (stage, (conv, norm)) in self.stages.iter().enumerate() {
            if stage > 0 {
                x = halve(x);
            }
            x = conv.forward(pass, x);
            x = norm.forward_relu(pass, x);
            pass.record(&format!("block{}", stage + 1), &x);
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
        4
    }

    fn held(&self, [_, height, width]: [usize; 3]) -> Held {
        let mut held = Held::default();
        for (stage, (conv, norm)) in self.stages.iter().enumerate() {
            let area = (height >> stage) * (width >> stage);
            held.keep(conv.inputs(), area);
            held.keep(norm.channels, area);
            if stage + 1 < self.stages.len() {
                held.keep(norm.channels, area); // of the pooling
            }
        }
        held
    }
}
