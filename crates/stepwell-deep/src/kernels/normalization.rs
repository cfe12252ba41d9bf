//! Batch normalization, with or without the ReLU that follows it, and its gradient, in two passes over memory each.

use rayon::prelude::*;
use stepwell::simd::{Kernel, dispatch};

/// Sums are taken in this many lanes, then lane by lane in double precision.
const LANES: usize = 32;

/// What a batch normalization does to one channel.
#[derive(Clone, Copy, Debug)]
pub struct Channel {
    /// Mean over samples and positions.
    pub mean: f32,
    /// Biased variance over samples and positions.
    pub variance: f32,
    /// `gamma / sqrt(variance + epsilon)`.
    scale: f32,
    /// `beta - mean * scale`.
    shift: f32,
    /// `1 / sqrt(variance + epsilon)`.
    inverse_deviation: f32,
}

impl Channel {
    fn new(mean: f32, variance: f32, gamma: f32, beta: f32, epsilon: f64) -> Self {
        let inverse_deviation = (1.0 / (f64::from(variance) + epsilon).sqrt()) as f32;
        let scale = gamma * inverse_deviation;
        Self { mean, variance, scale, shift: beta - mean * scale, inverse_deviation }
    }
}

/// Statistics of each channel of `x` (samples x channels x positions), with its scale and shift.
pub fn channels(x: &[f32], positions: usize, gamma: &[f32], beta: &[f32], epsilon: f64) -> Vec<Channel> {
    let count = gamma.len();
    let n = (x.len() / count) as f64;
    (0..count)
        .into_par_iter()
        .map(|c| {
            let maps = || x.chunks_exact(positions).skip(c).step_by(count);
            let mean = maps().map(|map| dispatch(Sum(map))).sum::<f64>() / n;
            let variance = maps().map(|map| dispatch(SquaredDeviations(map, mean as f32))).sum::<f64>() / n;
            Channel::new(mean as f32, variance as f32, gamma[c], beta[c], epsilon)
        })
        .collect()
}

/// `scale x + shift` of each number, its positive part if `relu`.
pub fn forward(x: &[f32], positions: usize, channels: &[Channel], relu: bool) -> Vec<f32> {
    let mut y = vec![0.0; x.len()];
    let sample = positions * channels.len();
    y.par_chunks_mut(sample).zip(x.par_chunks(sample)).for_each(|(y, x)| {
        for ((y, x), channel) in y.chunks_exact_mut(positions).zip(x.chunks_exact(positions)).zip(channels) {
            dispatch(Normalize { y, x, channel, relu });
        }
    });
    y
}

/// Gradients with respect to gamma and beta; `dy`, the gradient of the outputs, is replaced by that of the inputs:
/// `dx = scale (g - mean(g) - x^ mean(g x^))`, `g` = `dy` where the output is not cut off, `x^ = (x - mean) / deviation`.
pub fn backward(x: &[f32], positions: usize, channels: &[Channel], relu: bool, dy: &mut [f32]) -> (Vec<f32>, Vec<f32>) {
    let count = channels.len();
    let n = (x.len() / count) as f64;
    let sums: Vec<(f64, f64)> = channels
        .par_iter()
        .enumerate()
        .map(|(c, channel)| {
            let maps = x.chunks_exact(positions).zip(dy.chunks_exact(positions)).skip(c).step_by(count);
            maps.map(|(x, dy)| dispatch(GradientSums { x, dy, channel, relu }))
                .fold((0.0, 0.0), |total, part| (total.0 + part.0, total.1 + part.1))
        })
        .collect();
    let sample = positions * count;
    dy.par_chunks_mut(sample).zip(x.par_chunks(sample)).for_each(|(dy, x)| {
        let maps = dy.chunks_exact_mut(positions).zip(x.chunks_exact(positions));
        for ((dy, x), (channel, sums)) in maps.zip(channels.iter().zip(&sums)) {
            let means = ((sums.0 / n) as f32, (sums.1 / n) as f32);
            dispatch(InputGradient { dy, x, channel, means, relu });
        }
    });
    (sums.iter().map(|sums| sums.1 as f32).collect(), sums.iter().map(|sums| sums.0 as f32).collect())
}

/// Sum of `term(i)` over `0..n`.
#[inline(always)]
fn sum_of(n: usize, term: impl Fn(usize) -> f32) -> f64 {
    let mut lanes = [0.0_f32; LANES];
    let whole = n - n % LANES;
    for start in (0..whole).step_by(LANES) {
        for lane in 0..LANES {
            lanes[lane] += term(start + lane);
        }
    }
    let rest: f64 = (whole..n).map(|i| f64::from(term(i))).sum();
    lanes.iter().map(|v| f64::from(*v)).sum::<f64>() + rest
}

struct Sum<'a>(&'a [f32]);

impl Kernel for Sum<'_> {
    type Output = f64;
    #[inline(always)]
    fn run(self) -> f64 {
        let x = self.0;
        sum_of(x.len(), |i| x[i])
    }
}

struct SquaredDeviations<'a>(&'a [f32], f32);

impl Kernel for SquaredDeviations<'_> {
    type Output = f64;
    #[inline(always)]
    fn run(self) -> f64 {
        let (x, mean) = (self.0, self.1);
        sum_of(x.len(), |i| (x[i] - mean) * (x[i] - mean))
    }
}

struct Normalize<'a> {
    y: &'a mut [f32],
    x: &'a [f32],
    channel: &'a Channel,
    relu: bool,
}

impl Kernel for Normalize<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Channel { scale, shift, .. } = *self.channel;
        let pairs = self.y.iter_mut().zip(self.x);
        if self.relu {
            // not `max`, which would turn NaN into 0
            pairs.for_each(|(y, x)| *y = if x * scale + shift <= 0.0 { 0.0 } else { x * scale + shift });
        } else {
            pairs.for_each(|(y, x)| *y = x * scale + shift);
        }
    }
}

/// `(sum g, sum g x^)`.
struct GradientSums<'a> {
    x: &'a [f32],
    dy: &'a [f32],
    channel: &'a Channel,
    relu: bool,
}

impl Kernel for GradientSums<'_> {
    type Output = (f64, f64);
    #[inline(always)]
    fn run(self) -> (f64, f64) {
        let (n, channel, relu) = (self.x.len(), *self.channel, self.relu);
        let (x, dy) = (&self.x[..n], &self.dy[..n]);
        let (mut sums, mut products) = ([0.0_f32; LANES], [0.0_f32; LANES]);
        let whole = n - n % LANES;
        for start in (0..whole).step_by(LANES) {
            let (x, dy) = (&x[start..start + LANES], &dy[start..start + LANES]);
            for lane in 0..LANES {
                let g = through(x[lane], dy[lane], &channel, relu);
                sums[lane] += g;
                products[lane] += g * ((x[lane] - channel.mean) * channel.inverse_deviation);
            }
        }
        let total = |lanes: &[f32; LANES]| lanes.iter().map(|v| f64::from(*v)).sum::<f64>();
        let mut result = (total(&sums), total(&products));
        for i in whole..n {
            let g = through(x[i], dy[i], &channel, relu);
            result.0 += f64::from(g);
            result.1 += f64::from(g * ((x[i] - channel.mean) * channel.inverse_deviation));
        }
        result
    }
}

struct InputGradient<'a> {
    dy: &'a mut [f32],
    x: &'a [f32],
    channel: &'a Channel,
    means: (f32, f32),
    relu: bool,
}

impl Kernel for InputGradient<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let (channel, (mean, product), relu) = (*self.channel, self.means, self.relu);
        for (dy, x) in self.dy.iter_mut().zip(self.x) {
            let g = through(*x, *dy, &channel, relu);
            let normalized = (x - channel.mean) * channel.inverse_deviation;
            *dy = channel.scale * (g - mean - normalized * product);
        }
    }
}

/// The gradient that comes through the ReLU: 0 where the output was cut off.
#[inline(always)]
fn through(x: f32, dy: f32, channel: &Channel, relu: bool) -> f32 {
    if relu && x * channel.scale + channel.shift <= 0.0 { 0.0 } else { dy }
}
