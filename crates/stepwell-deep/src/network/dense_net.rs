//! DenseNet: every layer sees the features of all layers before it in its block.

use serde::{Deserialize, Serialize};

use super::batch_norm::BatchNorm;
use super::convolution::Convolution;
use super::layout::Layout;
use super::pass::Pass;
use super::{Body, Held, NetworkError};
use crate::engine::Tensor;
use crate::layer_ops::halve;

/// How deep and wide a DenseNet is. Source: Huang, Liu, van der Maaten, Weinberger, CVPR 2017.
///
/// Three dense blocks on maps of full, half and quarter size. Depth counts convolutions and the classifier:
/// `depth = 3 n + 4` with `n` layers per block, or `6 n + 4` where each layer has a bottleneck, hence two convolutions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DenseNet {
    /// Depth.
    pub depth: usize,
    /// Channels that each layer adds.
    pub growth: usize,
    /// Whether a 1 x 1 convolution to four times the growth precedes each 3 x 3 convolution.
    pub bottleneck: bool,
    /// Share of channels that a transition keeps, in (0, 1].
    pub compression: f64,
}

impl DenseNet {
    /// DenseNet-100-12 as the name says: no bottleneck, no compression (6,979,642 parameters for 10 classes in color).
    pub const PLAIN_100_12: Self = Self { depth: 100, growth: 12, bottleneck: false, compression: 1.0 };
    /// DenseNet-BC-100-12, which most public code means by that name (769,162 parameters for 10 classes in color).
    pub const BC_100_12: Self = Self { depth: 100, growth: 12, bottleneck: true, compression: 0.5 };

    fn layers_in_block(&self) -> Result<usize, NetworkError> {
        let each = if self.bottleneck { 6 } else { 3 };
        let fits = self.depth > 4 && (self.depth - 4).is_multiple_of(each);
        if fits { Ok((self.depth - 4) / each) } else { Err(NetworkError::Depth { found: self.depth, each }) }
    }

    pub(super) fn body(&self, layout: &mut Layout, inputs: usize) -> Result<Box<dyn Body>, NetworkError> {
        let layers = self.layers_in_block()?;
        NetworkError::check_size("depth", self.depth)?;
        NetworkError::check_size("growth", self.growth)?;
        if !(self.compression > 0.0 && self.compression <= 1.0) {
            return Err(NetworkError::Compression(self.compression));
        }
        let mut channels = if self.bottleneck { 2 * self.growth } else { 16 };
        let stem = Convolution::new(layout, "features.conv0", inputs, channels, 3, 1);
        let mut blocks = Vec::new();
        for block in 1..=3 {
            let name = format!("features.denseblock{block}");
            let layers = (1..=layers)
                .map(|layer| {
                    let layer = Layer::new(layout, &format!("{name}.denselayer{layer}"), channels, self);
                    channels += self.growth;
                    layer
                })
                .collect();
            let name = if block < 3 { format!("features.transition{block}.norm") } else { "features.norm5".to_owned() };
            let norm = BatchNorm::new(layout, &name, channels);
            let transition = (block < 3).then(|| {
                let kept = ((channels as f64 * self.compression) as usize).max(1);
                let name = format!("features.transition{block}.conv");
                let conv = Convolution::new(layout, &name, channels, kept, 1, 1);
                channels = kept;
                conv
            });
            blocks.push(Block { place: format!("block{block}"), layers, norm, transition });
        }
        Ok(Box::new(Blocks { stem, blocks, channels }))
    }
}

struct Blocks {
    stem: Convolution,
    blocks: Vec<Block>,
    channels: usize,
}

struct Block {
    place: String,
    layers: Vec<Layer>,
    norm: BatchNorm,
    transition: Option<Convolution>,
}

struct Layer {
    bottleneck: Option<(BatchNorm, Convolution)>,
    norm: BatchNorm,
    conv: Convolution,
}

impl Layer {
    fn new(layout: &mut Layout, name: &str, inputs: usize, shape: &DenseNet) -> Self {
        let growth = shape.growth;
        if !shape.bottleneck {
            let norm = BatchNorm::new(layout, &format!("{name}.norm1"), inputs);
            let conv = Convolution::new(layout, &format!("{name}.conv1"), inputs, growth, 3, 1);
            return Self { bottleneck: None, norm, conv };
        }
        let first = BatchNorm::new(layout, &format!("{name}.norm1"), inputs);
        let squeeze = Convolution::new(layout, &format!("{name}.conv1"), inputs, 4 * growth, 1, 1);
        let norm = BatchNorm::new(layout, &format!("{name}.norm2"), 4 * growth);
        let conv = Convolution::new(layout, &format!("{name}.conv2"), 4 * growth, growth, 3, 1);
        Self { bottleneck: Some((first, squeeze)), norm, conv }
    }

    /// The new channels alone.
    fn forward(&self, pass: &mut Pass<'_>, mut x: Tensor<4>) -> Tensor<4> {
        if let Some((norm, conv)) = &self.bottleneck {
            x = norm.forward_relu(pass, x);
            x = conv.forward(pass, x);
        }
        x = self.norm.forward_relu(pass, x);
        self.conv.forward(pass, x)
    }
}

impl Body for Blocks {
    fn forward(&self, pass: &mut Pass<'_>, x: Tensor<4>) -> Tensor<4> {
        let mut x = self.stem.forward(pass, x);
        for block in &self.blocks {
            for layer in &block.layers {
                let new = layer.forward(pass, x.clone());
                x = Tensor::cat(vec![x, new], 1);
            }
            x = block.norm.forward_relu(pass, x);
            pass.record(&block.place, &x);
            if let Some(conv) = &block.transition {
                x = halve(conv.forward(pass, x));
            }
        }
        x
    }

    fn channels(&self) -> usize {
        self.channels
    }

    fn places(&self) -> Vec<String> {
        self.blocks.iter().map(|block| block.place.clone()).collect()
    }

    fn smallest_image(&self) -> usize {
        4
    }

    fn held(&self, [_, height, width]: [usize; 3]) -> Held {
        let mut held = Held::default();
        held.keep(self.stem.inputs(), height * width);
        for (k, block) in self.blocks.iter().enumerate() {
            let area = (height >> k) * (width >> k);
            for layer in &block.layers {
                for (norm, conv) in layer.bottleneck.iter().map(|(n, c)| (n, c)).chain([(&layer.norm, &layer.conv)]) {
                    held.keep(norm.channels, area);
                    held.keep(conv.inputs(), area);
                }
            }
            held.keep(block.norm.channels, area);
            if let Some(conv) = &block.transition {
                held.keep(conv.inputs(), area);
                held.keep(conv.outputs(), area); // of the pooling
            }
        }
        held
    }
}
