//! Batch normalization, with or without the ReLU that follows it, and its gradient, in two passes over memory each.

use rayon::prelude::*;
use stepwell::simd::{Kernel, dispatch};

/// Sums are taken in this many lanes.
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

    /// `(x - mean) / sqrt(variance + epsilon)`.
    #[inline(always)]
    fn normalized(&self, x: f32) -> f32 {
        (x - self.mean) * self.inverse_deviation
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
            let mean = (dispatch(Sum(maps())) / n) as f32;
            let variance = (dispatch(SquaredDeviations(maps(), mean)) / n) as f32;
            Channel::new(mean, variance, gamma[c], beta[c], epsilon)
        })
        .collect()
}

/// `scale x + shift` of each number, its positive part if `relu`.
pub fn forward(x: &[f32], positions: usize, channels: &[Channel], relu: bool) -> Vec<f32> {
    let mut y = vec![0.0; x.len()];
    let sample = positions * channels.len();
    y.par_chunks_mut(sample)
        .zip(x.par_chunks(sample))
        .for_each(|(y, x)| dispatch(Normalize { y, x, positions, channels, relu }));
    y
}

/// Gradients with respect to gamma and beta; `dy`, the gradient of the outputs, is replaced by that of the inputs:
/// `dx = scale (g - mean(g) - x^ mean(g x^))`, `g` = `dy` where the output is not cut off, `x^ = (x - mean) / deviation`.
pub fn backward(x: &[f32], positions: usize, channels: &[Channel], relu: bool, dy: &mut [f32]) -> (Vec<f32>, Vec<f32>) {
    let count = channels.len();
    let n = (x.len() / count) as f64;
    let sums: Vec<[f64; 2]> = channels
        .par_iter()
        .enumerate()
        .map(|(c, channel)| {
            let maps = x.chunks_exact(positions).zip(dy.chunks_exact(positions)).skip(c).step_by(count);
            dispatch(GradientSums { maps, channel, relu })
        })
        .collect();
    let means: Vec<[f32; 2]> = sums.iter().map(|sums| sums.map(|sum| (sum / n) as f32)).collect();
    let sample = positions * count;
    dy.par_chunks_mut(sample)
        .zip(x.par_chunks(sample))
        .for_each(|(dy, x)| dispatch(InputGradient { dy, x, positions, channels, means: &means, relu }));
    (sums.iter().map(|sums| sums[1] as f32).collect(), sums.iter().map(|sums| sums[0] as f32).collect())
}

/// `K` sums over a channel, in lanes: in single precision along a map, in double precision across maps.
struct Sums<const K: usize>([[f64; LANES]; K]);

impl<const K: usize> Sums<K> {
    const ZERO: Self = Self([[0.0; LANES]; K]);

    /// Adds `term(i)` for each `i` in `0..n`.
    #[inline(always)]
    fn add(&mut self, n: usize, term: impl Fn(usize) -> [f32; K]) {
        let whole = n - n % LANES;
        let mut lanes = [[0.0_f32; LANES]; K];
        for start in (0..whole).step_by(LANES) {
            for lane in 0..LANES {
                let terms = term(start + lane);
                for k in 0..K {
                    lanes[k][lane] += terms[k];
                }
            }
        }
        for lane in 0..n - whole {
            let terms = term(whole + lane);
            for k in 0..K {
                lanes[k][lane] += terms[k];
            }
        }
        for k in 0..K {
            for lane in 0..n.min(LANES) {
                self.0[k][lane] += f64::from(lanes[k][lane]);
            }
        }
    }

    fn total(&self) -> [f64; K] {
        self.0.map(|lanes| lanes.iter().sum())
    }
}

struct Sum<M>(M);

impl<'a, M: Iterator<Item = &'a [f32]>> Kernel for Sum<M> {
    type Output = f64;
    #[inline(always)]
    fn run(self) -> f64 {
        let mut sums = Sums::ZERO;
        for x in self.0 {
            sums.add(x.len(), |i| [x[i]]);
        }
        sums.total()[0]
    }
}

struct SquaredDeviations<M>(M, f32);

impl<'a, M: Iterator<Item = &'a [f32]>> Kernel for SquaredDeviations<M> {
    type Output = f64;
    #[inline(always)]
    fn run(self) -> f64 {
        let (maps, mean) = (self.0, self.1);
        let mut sums = Sums::ZERO;
        for x in maps {
            sums.add(x.len(), |i| [(x[i] - mean) * (x[i] - mean)]);
        }
        sums.total()[0]
    }
}

struct Normalize<'a> {
    y: &'a mut [f32],
    x: &'a [f32],
    positions: usize,
    channels: &'a [Channel],
    relu: bool,
}

impl Kernel for Normalize<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Self { y, x, positions, channels, relu } = self;
        for ((y, x), channel) in y.chunks_exact_mut(positions).zip(x.chunks_exact(positions)).zip(channels) {
            let Channel { scale, shift, .. } = *channel;
            for (y, x) in y.iter_mut().zip(x) {
                let normalized = x * scale + shift;
                // not `max`, which would turn NaN into 0
                *y = if relu && normalized <= 0.0 { 0.0 } else { normalized };
            }
        }
    }
}

/// `[sum g, sum g x^]` over the maps `(x, dy)` of a channel.
struct GradientSums<'a, M> {
    maps: M,
    channel: &'a Channel,
    relu: bool,
}

impl<'a, M: Iterator<Item = (&'a [f32], &'a [f32])>> Kernel for GradientSums<'_, M> {
    type Output = [f64; 2];
    #[inline(always)]
    fn run(self) -> [f64; 2] {
        let (channel, relu) = (*self.channel, self.relu);
        let mut sums = Sums::ZERO;
        for (x, dy) in self.maps {
            sums.add(x.len().min(dy.len()), |i| {
                let g = through(x[i], dy[i], &channel, relu);
                [g, g * channel.normalized(x[i])]
            });
        }
        sums.total()
    }
}

/// For one sample; `means` are those of `g` and of `g x^`.
struct InputGradient<'a> {
    dy: &'a mut [f32],
    x: &'a [f32],
    positions: usize,
    channels: &'a [Channel],
    means: &'a [[f32; 2]],
    relu: bool,
}

impl Kernel for InputGradient<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Self { dy, x, positions, channels, means, relu } = self;
        let maps = dy.chunks_exact_mut(positions).zip(x.chunks_exact(positions));
        for ((dy, x), (channel, [mean, product])) in maps.zip(channels.iter().zip(means)) {
            for (dy, x) in dy.iter_mut().zip(x) {
                let g = through(*x, *dy, channel, relu);
                *dy = channel.scale * (g - mean - channel.normalized(*x) * product);
            }
        }
    }
}

/// The gradient that comes through the ReLU: 0 where the output was cut off.
#[inline(always)]
fn through(x: f32, dy: f32, channel: &Channel, relu: bool) -> f32 {
    if relu && x * channel.scale + channel.shift <= 0.0 { 0.0 } else { dy }
}

#[cfg(test)]
mod tests {
    use super::super::close::assert_close;
    use super::*;
    use stepwell::rng::{Purpose, Stream};

    const EPSILON: f64 = 1e-5;

    /// Statistics, outputs and gradients in double precision, for maps with and without a rest behind whole lanes.
    #[test]
    fn all_agree_with_the_definition() {
        let mut stream = Stream::new(1, Purpose::Data);
        let mut draw = |n: usize| -> Vec<f32> { (0..n).map(|_| stream.normal() as f32).collect() };
        let (samples, count) = (7, 3);
        for (positions, relu) in [1, 9, 32, 49, 196].into_iter().flat_map(|n| [(n, false), (n, true)]) {
            let (gamma, beta) = (draw(count), draw(count));
            let (x, dy) = (draw(samples * count * positions), draw(samples * count * positions));
            let channels = channels(&x, positions, &gamma, &beta, EPSILON);
            let y = forward(&x, positions, &channels, relu);
            let mut dx = dy.clone();
            let (dgamma, dbeta) = backward(&x, positions, &channels, relu, &mut dx);

            let (mut outputs, mut of_x) = (vec![0.0; x.len()], vec![0.0; x.len()]);
            let (mut of_gamma, mut of_beta) = (vec![0.0; count], vec![0.0; count]);
            for c in 0..count {
                let places: Vec<usize> = (0..x.len()).filter(|i| i / positions % count == c).collect();
                let mean_of =
                    |value: &dyn Fn(usize) -> f64| places.iter().map(|i| value(*i)).sum::<f64>() / places.len() as f64;
                let mean = mean_of(&|i| f64::from(x[i]));
                let variance = mean_of(&|i| (f64::from(x[i]) - mean) * (f64::from(x[i]) - mean));
                let deviation = (variance + EPSILON).sqrt();
                let normalized = |i: usize| (f64::from(x[i]) - mean) / deviation;
                let output = |i: usize| f64::from(gamma[c]) * normalized(i) + f64::from(beta[c]);
                let g = |i: usize| if relu && output(i) <= 0.0 { 0.0 } else { f64::from(dy[i]) };
                let (mean_g, mean_product) = (mean_of(&g), mean_of(&|i| g(i) * normalized(i)));
                for &i in &places {
                    outputs[i] = if relu { output(i).max(0.0) } else { output(i) };
                    of_x[i] = f64::from(gamma[c]) / deviation * (g(i) - mean_g - normalized(i) * mean_product);
                }
                of_gamma[c] = mean_product * places.len() as f64;
                of_beta[c] = mean_g * places.len() as f64;
                assert_close(&[channels[c].mean, channels[c].variance], &[mean, variance]);
            }
            assert_close(&y, &outputs);
            assert_close(&dx, &of_x);
            assert_close(&dgamma, &of_gamma);
            assert_close(&dbeta, &of_beta);
        }
    }
}
