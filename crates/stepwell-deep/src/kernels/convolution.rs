//! Convolution and its two gradients, one sample at a time: 3 x 3 directly, others as products of matrices with patches.

use core::ops::Range;

use rayon::prelude::*;

use super::direct::{self, Bordered, Packed};
use super::matmul::{Matrix, multiply};

/// Groups of samples whose weight gradients are summed apart: fixed, whatever the number of threads.
const GROUPS: usize = 8;
/// Positions from which sums over one sample, which end in adding up a vector, pay for 1 x 1 kernels.
const LONG: usize = 256;
/// Samples whose patches are held at once.
const AT_ONCE: usize = 32;
/// Outputs of one product, for one thread.
const ROWS: usize = 64;

/// Sizes of a convolution with a square odd kernel and zeros of width `(kernel - 1) / 2` around the maps.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Samples.
    pub samples: usize,
    /// Channels, height and width of an input.
    pub input: [usize; 3],
    /// Channels of an output.
    pub outputs: usize,
    /// Height and width of the kernel.
    pub kernel: usize,
    /// Step from one patch to the next.
    pub stride: usize,
}

impl Sizes {
    fn padding(&self) -> usize {
        (self.kernel - 1) / 2
    }

    /// Channels, height and width of an output.
    pub fn output(&self) -> [usize; 3] {
        let along = |length: usize| (length + 2 * self.padding() - self.kernel) / self.stride + 1;
        [self.outputs, along(self.input[1]), along(self.input[2])]
    }

    /// Numbers in an input.
    fn input_len(&self) -> usize {
        self.input.iter().product()
    }

    /// Numbers in an output.
    fn output_len(&self) -> usize {
        self.output().iter().product()
    }

    /// Numbers in a patch.
    fn patch(&self) -> usize {
        self.input[0] * self.kernel * self.kernel
    }

    /// Positions of an output map.
    fn positions(&self) -> usize {
        self.output_len() / self.outputs
    }

    /// True for what `direct` computes: its tail reads at most the borders of maps this wide.
    fn is_direct(&self) -> bool {
        self.kernel == 3 && self.stride == 1 && self.input[2] >= 6
    }

    /// True if the patches are the input itself.
    fn is_pointwise(&self) -> bool {
        self.kernel == 1 && self.stride == 1
    }
}

/// The output (samples x outputs x positions) of inputs `x` under weights `w` (outputs x patch).
pub fn forward(sizes: &Sizes, x: &[f32], w: &[f32]) -> Vec<f32> {
    let mut y = vec![0.0; sizes.samples * sizes.output_len()];
    let samples = y.par_chunks_mut(sizes.output_len()).zip(x.par_chunks(sizes.input_len()));
    if sizes.is_direct() {
        let [inputs, height, width] = sizes.input;
        let weights = Packed::bordered(w, inputs, height, width);
        samples.for_each_init(Bordered::new, |bordered, (y, x)| {
            bordered.fill(x, height, width);
            direct::forward(bordered, &weights, y);
        });
    } else if sizes.is_pointwise() && direct::fits_pointwise(sizes.positions()) {
        let weights = Packed::pointwise(w, sizes.input[0], sizes.positions());
        samples.for_each(|(y, x)| direct::forward_pointwise(x, sizes.positions(), &weights, y));
    } else if sizes.is_pointwise() {
        let (weights, positions) = (Matrix::new(w, sizes.outputs, sizes.patch()), sizes.positions());
        samples.for_each(|(y, x)| multiply(y, weights, Matrix::new(x, sizes.patch(), positions), false));
    } else {
        let (patch, positions) = (sizes.patch(), sizes.positions());
        let weights = Matrix::new(w, sizes.outputs, patch);
        let start = || (Patches::new(sizes), vec![0.0; patch * positions]);
        samples.for_each_init(start, |(patches, columns), (y, x)| {
            patches.write(x, columns, positions, 0);
            multiply(y, weights, Matrix::new(columns, patch, positions), false);
        });
    }
    y
}

/// The gradient with respect to the inputs, given that with respect to the outputs.
pub fn input_gradient(sizes: &Sizes, w: &[f32], dy: &[f32]) -> Vec<f32> {
    if sizes.stride == 1 {
        let [_, height, width] = sizes.output();
        let backward = Sizes { input: [sizes.outputs, height, width], outputs: sizes.input[0], ..*sizes };
        return forward(&backward, dy, &flipped(sizes, w));
    }
    let mut dx = vec![0.0; sizes.samples * sizes.input_len()];
    let weights = Matrix::new(w, sizes.outputs, sizes.patch()).transposed();
    dx.par_chunks_mut(sizes.input_len()).zip(dy.par_chunks(sizes.output_len())).for_each_init(
        Vec::new,
        |patches, (dx, dy)| {
            patches.resize(sizes.patch() * sizes.positions(), 0.0);
            multiply(patches, weights, Matrix::new(dy, sizes.outputs, sizes.positions()), false);
            add_patches(sizes, patches, dx);
        },
    );
    dx
}

/// The gradient with respect to the weights, summed over samples.
pub fn weight_gradient(sizes: &Sizes, x: &[f32], dy: &[f32]) -> Vec<f32> {
    if sizes.is_direct() {
        let [inputs, height, width] = sizes.input;
        sum_over_samples(sizes, x, dy, || {
            let (mut bordered_x, mut bordered_dy) = (Bordered::new(), Bordered::new());
            move |x, dy, sum| {
                bordered_x.fill(x, height, width);
                bordered_dy.fill(dy, height, width);
                direct::add_weight_gradient(&bordered_x, &bordered_dy, inputs, sum);
            }
        })
    } else if sizes.is_pointwise() && sizes.positions() >= LONG && direct::fits_pointwise(sizes.positions()) {
        sum_over_samples(sizes, x, dy, || |x, dy, sum| direct::add_pointwise_gradient(x, dy, sizes.positions(), sum))
    } else {
        by_patches(sizes, x, dy)
    }
}

/// The sum of what `add` adds for each sample, in groups.
fn sum_over_samples<F: FnMut(&[f32], &[f32], &mut [f32])>(
    sizes: &Sizes,
    x: &[f32],
    dy: &[f32],
    add: impl Fn() -> F + Sync,
) -> Vec<f32> {
    let group = sizes.samples.div_ceil(GROUPS).max(1);
    let groups = x.par_chunks(group * sizes.input_len()).zip(dy.par_chunks(group * sizes.output_len()));
    let sums = groups.map(|(x, dy)| {
        let (mut add, mut sum) = (add(), vec![0.0; sizes.outputs * sizes.patch()]);
        for (x, dy) in x.chunks(sizes.input_len()).zip(dy.chunks(sizes.output_len())) {
            add(x, dy, &mut sum);
        }
        sum
    });
    let mut total = vec![0.0; sizes.outputs * sizes.patch()];
    for sum in sums.collect::<Vec<Vec<f32>>>() {
        total.iter_mut().zip(&sum).for_each(|(total, part)| *total += part);
    }
    total
}

/// The gradient of the weights as a product of the output gradients of many samples, side by side, with their patches.
fn by_patches(sizes: &Sizes, x: &[f32], dy: &[f32]) -> Vec<f32> {
    let (patch, positions) = (sizes.patch(), sizes.positions());
    let mut total = vec![0.0; sizes.outputs * patch];
    let (mut columns, mut gradients) = (Vec::new(), Vec::new());
    let mut patches = (!sizes.is_pointwise()).then(|| Patches::new(sizes));
    let several = x.chunks(AT_ONCE * sizes.input_len()).zip(dy.chunks(AT_ONCE * sizes.output_len()));
    for (x, dy) in several {
        let length = positions * (x.len() / sizes.input_len());
        columns.resize(patch * length, 0.0);
        gradients.resize(dy.len(), 0.0);
        for (sample, (x, dy)) in x.chunks(sizes.input_len()).zip(dy.chunks(sizes.output_len())).enumerate() {
            let first = sample * positions;
            match &mut patches {
                Some(patches) => patches.write(x, &mut columns, length, first),
                None => put_beside(&mut columns, x, positions, length, first),
            }
            put_beside(&mut gradients, dy, positions, length, first);
        }
        let columns = Matrix::new(&columns, patch, length).transposed();
        total.par_chunks_mut(ROWS * patch).zip(gradients.par_chunks(ROWS * length)).for_each(|(total, gradients)| {
            multiply(total, Matrix::new(gradients, gradients.len() / length, length), columns, true);
        });
    }
    total
}

/// Copies each row of a sample to rows of `length` numbers, from number `first` on.
fn put_beside(to: &mut [f32], from: &[f32], positions: usize, length: usize, first: usize) {
    for (to, from) in to.chunks_exact_mut(length).zip(from.chunks_exact(positions)) {
        to[first..first + positions].copy_from_slice(from);
    }
}

/// The weights of the convolution that turns output gradients into input gradients at stride 1: channels exchanged,
/// kernels turned by half a turn.
fn flipped(sizes: &Sizes, w: &[f32]) -> Vec<f32> {
    let (inputs, area) = (sizes.input[0], sizes.kernel * sizes.kernel);
    let mut turned = vec![0.0; w.len()];
    for (o, of_output) in w.chunks(inputs * area).enumerate() {
        for (c, kernel) in of_output.chunks(area).enumerate() {
            let at = (c * sizes.outputs + o) * area;
            turned[at..at + area].iter_mut().zip(kernel.iter().rev()).for_each(|(to, from)| *to = *from);
        }
    }
    turned
}

/// Writes patches, a column a position; row `(c, a, b)` is channel c moved by (a, b).
struct Patches {
    /// Where each number of the rows of one channel comes from in its map; what is outside comes from the 0 behind it.
    sources: Vec<usize>,
    /// A map and a 0.
    map: Vec<f32>,
    positions: usize,
}

impl Patches {
    fn new(sizes: &Sizes) -> Self {
        let [_, height, width] = sizes.input;
        let (area, positions) = (height * width, sizes.positions());
        let mut sources = vec![area; sizes.kernel * sizes.kernel * positions];
        for_each_run(&Sizes { input: [1, height, width], ..*sizes }, |run| {
            let steps = (run.source..).step_by(sizes.stride);
            sources[run.patches].iter_mut().zip(steps).for_each(|(to, from)| *to = from);
        });
        Self { sources, map: vec![0.0; area + 1], positions }
    }

    /// Writes those of a sample to columns `first..` of rows of `length` numbers.
    fn write(&mut self, x: &[f32], columns: &mut [f32], length: usize, first: usize) {
        let (positions, area) = (self.positions, self.map.len() - 1);
        let shifts = self.sources.len() / positions;
        for (rows, from) in columns.chunks_exact_mut(shifts * length).zip(x.chunks_exact(area)) {
            self.map[..area].copy_from_slice(from);
            for (row, sources) in rows.chunks_exact_mut(length).zip(self.sources.chunks_exact(positions)) {
                let row = &mut row[first..first + positions];
                row.iter_mut().zip(sources).for_each(|(to, from)| *to = self.map[*from]);
            }
        }
    }
}

/// Adds to each number of the input what its copies in the patches hold.
fn add_patches(sizes: &Sizes, patches: &[f32], dx: &mut [f32]) {
    for_each_run(sizes, |run| {
        let to = dx[run.source..].iter_mut().step_by(sizes.stride);
        to.zip(&patches[run.patches]).for_each(|(to, from)| *to += from);
    });
}

/// Part of a row of patches that comes from a row of the input, number by number at the stride, the first from `source`.
struct Run {
    patches: Range<usize>,
    source: usize,
}

/// Calls `visit` for each channel, shift and output row whose patches reach the input.
fn for_each_run(sizes: &Sizes, mut visit: impl FnMut(Run)) {
    let [channels, height, width] = sizes.input;
    let [_, out_height, out_width] = sizes.output();
    let (padding, stride) = (sizes.padding(), sizes.stride);
    // the outputs that shift `by` leads to numbers inside of `length`
    let inside = |by: usize, length: usize, outputs: usize| {
        let last = (length + padding).saturating_sub(by).div_ceil(stride);
        padding.saturating_sub(by).div_ceil(stride)..last.min(outputs)
    };
    for c in 0..channels {
        for (a, b) in (0..sizes.kernel * sizes.kernel).map(|shift| (shift / sizes.kernel, shift % sizes.kernel)) {
            let columns = inside(b, width, out_width);
            for i in inside(a, height, out_height).filter(|_| !columns.is_empty()) {
                let row = (((c * sizes.kernel + a) * sizes.kernel + b) * out_height + i) * out_width;
                let y = i * stride + a - padding;
                visit(Run {
                    patches: row + columns.start..row + columns.end,
                    source: (c * height + y) * width + columns.start * stride + b - padding,
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::close::assert_close;
    use super::*;
    use stepwell::rng::{Purpose, Stream};

    /// The definition, entry by entry, in double precision.
    fn by_definition(sizes: &Sizes, mut visit: impl FnMut(usize, usize, usize)) {
        let [channels, height, width] = sizes.input;
        let [outputs, out_height, out_width] = sizes.output();
        for n in 0..sizes.samples {
            for (o, i, j) in grid(outputs, out_height, out_width) {
                for (c, a, b) in grid(channels, sizes.kernel, sizes.kernel) {
                    let (y, x) = (i * sizes.stride + a, j * sizes.stride + b);
                    let p = sizes.padding();
                    if y >= p && y < height + p && x >= p && x < width + p {
                        visit(
                            ((n * channels + c) * height + y - p) * width + x - p,
                            ((o * channels + c) * sizes.kernel + a) * sizes.kernel + b,
                            ((n * outputs + o) * out_height + i) * out_width + j,
                        );
                    }
                }
            }
        }
    }

    fn grid(n: usize, m: usize, k: usize) -> impl Iterator<Item = (usize, usize, usize)> {
        (0..n * m * k).map(move |i| (i / (m * k), i / k % m, i % k))
    }

    #[test]
    fn all_three_agree_with_the_definition() {
        let mut stream = Stream::new(1, Purpose::Data);
        let mut draw = |n: usize| -> Vec<f32> { (0..n).map(|_| stream.normal() as f32).collect() };
        for (kernel, stride, height, width) in [
            (1, 1, 5, 7),
            (3, 1, 5, 7),
            (3, 1, 4, 16),
            (3, 1, 6, 32),
            (3, 2, 5, 8),
            (3, 2, 8, 8),
            (3, 1, 3, 3),
            (3, 2, 4, 4),
            (1, 2, 5, 8),
            (5, 1, 3, 2),
            (3, 1, 1, 1),
        ] {
            let sizes = Sizes { samples: 11, input: [5, height, width], outputs: 19, kernel, stride };
            let (x, w) = (draw(11 * sizes.input_len()), draw(19 * sizes.patch()));
            let dy = draw(11 * sizes.output_len());
            let (mut y, mut dx, mut dw) = (vec![0.0; dy.len()], vec![0.0; x.len()], vec![0.0; w.len()]);
            by_definition(&sizes, |at_x, at_w, at_y| {
                y[at_y] += f64::from(x[at_x]) * f64::from(w[at_w]);
                dx[at_x] += f64::from(dy[at_y]) * f64::from(w[at_w]);
                dw[at_w] += f64::from(dy[at_y]) * f64::from(x[at_x]);
            });
            assert_close(&forward(&sizes, &x, &w), &y);
            assert_close(&input_gradient(&sizes, &w, &dy), &dx);
            assert_close(&weight_gradient(&sizes, &x, &dy), &dw);
        }
    }
}
