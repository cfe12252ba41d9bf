//! 3 x 3 convolution at stride 1 without copies of patches: maps with a border of zeros, read at nine shifts.
//!
//! A bordered map is one flat row after row of length `width + 2`; output position `q` of that row needs the inputs
//! `q + a (width + 2) + b`. The last two positions of each row of outputs are computed too and thrown away.

use pulp::{Arch, Simd, WithSimd};

/// Vectors of outputs side by side.
const VECTORS: usize = 2;
/// Outputs at once: with `VECTORS`, as many sums as fit in the registers, many (AVX-512, NEON) or few (AVX2).
const OUTPUTS: [usize; 2] = [12, 6];
/// Outputs and inputs at once for the gradient of 1 x 1 weights, with many registers or few.
const PRODUCTS: [[usize; 2]; 2] = [[4, 6], [4, 3]];
/// Outputs at once for the gradient of the weights.
const GRADIENT_OUTPUTS: usize = 4;
/// Numbers in the widest vector.
const WIDEST: usize = 16;
/// Numbers behind the last map that may be read with it; at least `VECTORS` times the widest vector.
const SLACK: usize = 64;

/// True if vectors of this kind have registers for the larger tiles.
const fn many_registers<S: Simd>() -> bool {
    S::REGISTER_COUNT >= 32
}

/// [`OUTPUTS`] of the processor's vectors.
fn outputs_at_once() -> usize {
    struct Outputs;
    impl WithSimd for Outputs {
        type Output = usize;
        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> usize {
            if many_registers::<S>() { OUTPUTS[0] } else { OUTPUTS[1] }
        }
    }
    Arch::new().dispatch(Outputs)
}

/// Lengths of a row and of a map with its border.
const fn with_border(height: usize, width: usize) -> (usize, usize) {
    (width + 2, (height + 2) * (width + 2))
}

/// Maps with a border of zeros.
pub struct Bordered {
    data: Vec<f32>,
    height: usize,
    width: usize,
}

impl Bordered {
    pub const fn new() -> Self {
        Self { data: Vec::new(), height: 0, width: 0 }
    }

    /// Takes in maps of `height x width`.
    pub fn fill(&mut self, x: &[f32], height: usize, width: usize) {
        let (row, plane) = with_border(height, width);
        if (self.height, self.width) != (height, width) {
            self.data.clear();
        }
        (self.height, self.width) = (height, width);
        let channels = x.len() / (height * width);
        self.data.resize(channels * plane + 2 * row + SLACK, 0.0);
        for (plane, map) in self.data.chunks_exact_mut(plane).zip(x.chunks_exact(height * width)) {
            for (to, from) in plane[row..].chunks_exact_mut(row).zip(map.chunks_exact(width)) {
                to[1..=width].copy_from_slice(from);
            }
        }
    }

    fn row(&self) -> usize {
        with_border(self.height, self.width).0
    }

    fn plane(&self) -> usize {
        with_border(self.height, self.width).1
    }

    /// Flat positions of an output, thrown-away ones included.
    fn positions(&self) -> usize {
        self.height * self.row()
    }
}

/// Weights in the order of [`forward`]: for each block of outputs computed at once, each number of the patch, the outputs' weights;
/// outputs that a block lacks are 0.
pub struct Packed {
    data: Vec<f32>,
    /// How far behind its position each number of the patch is.
    offsets: Vec<usize>,
}

impl Packed {
    /// For bordered maps of `height x width`, from `w` (outputs x inputs x 9).
    pub fn bordered(w: &[f32], inputs: usize, height: usize, width: usize) -> Self {
        let (row, plane) = with_border(height, width);
        Self::new(w, (0..inputs * 9).map(|i| i / 9 * plane + i % 9 / 3 * row + i % 3).collect())
    }

    /// For maps of so many positions, from `w` (outputs x inputs).
    pub fn pointwise(w: &[f32], inputs: usize, positions: usize) -> Self {
        Self::new(w, (0..inputs).map(|c| c * positions).collect())
    }

    fn new(w: &[f32], offsets: Vec<usize>) -> Self {
        let (patch, block) = (offsets.len(), outputs_at_once());
        let mut data = vec![0.0; (w.len() / patch).div_ceil(block) * patch * block];
        for (o, of_output) in w.chunks_exact(patch).enumerate() {
            let place = &mut data[o / block * patch * block..];
            place.iter_mut().skip(o % block).step_by(block).zip(of_output).for_each(|(to, from)| *to = *from);
        }
        Self { data, offsets }
    }
}

/// Whether 1 x 1 convolution of maps of so many positions can be computed directly.
pub fn fits_pointwise(positions: usize) -> bool {
    positions.is_multiple_of(WIDEST * VECTORS)
}

/// The output (outputs x height x width) of one sample under 3 x 3 weights.
pub fn forward(x: &Bordered, w: &Packed, y: &mut [f32]) {
    Arch::new().dispatch(Forward { x: &x.data, row: x.row(), width: x.width, map: x.height * x.width, w, y });
}

/// The output (outputs x positions) of one sample under 1 x 1 weights, for positions that [fit](fits_pointwise).
pub fn forward_pointwise(x: &[f32], positions: usize, w: &Packed, y: &mut [f32]) {
    Arch::new().dispatch(Forward { x, row: positions, width: positions, map: positions, w, y });
}

/// Maps in rows of length `row`, of which `width` are kept.
struct Forward<'a> {
    x: &'a [f32],
    row: usize,
    width: usize,
    map: usize,
    w: &'a Packed,
    y: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if many_registers::<S>() {
            self.in_blocks::<S, { OUTPUTS[0] }>(simd);
        } else {
            self.in_blocks::<S, { OUTPUTS[1] }>(simd);
        }
    }
}

impl Forward<'_> {
    /// With blocks of `B` outputs.
    #[inline(always)]
    fn in_blocks<S: Simd, const B: usize>(self, simd: S) {
        let Self { row, width, map, .. } = self;
        let offsets = &self.w.offsets[..];
        let mut start = 0;
        while start < map / width * row {
            let x = &self.x[start..];
            let blocks = self.w.data.chunks_exact(offsets.len() * B);
            for (block, y) in blocks.zip(self.y.chunks_mut(B * map)) {
                // a last block of few outputs computes no more of them than it must
                match y.len() / map {
                    1..=4 => keep(&tile::<S, B, 4>(simd, x, offsets, block), start, row, width, map, y),
                    5..=8 if B > 8 => keep(&tile::<S, B, 8>(simd, x, offsets, block), start, row, width, map, y),
                    _ => keep(&tile::<S, B, B>(simd, x, offsets, block), start, row, width, map, y),
                }
            }
            start += S::F32_LANES * VECTORS;
        }
    }
}

/// Sums for the first `O` of a block's `B` outputs at the first positions of `x`.
#[inline(always)]
fn tile<S: Simd, const B: usize, const O: usize>(
    simd: S,
    x: &[f32],
    offsets: &[usize],
    block: &[f32],
) -> [[S::f32s; VECTORS]; O] {
    let mut sums = [[simd.splat_f32s(0.0); VECTORS]; O];
    for (offset, weights) in offsets.iter().zip(block.as_chunks::<B>().0) {
        let source = &x[*offset..*offset + S::F32_LANES * VECTORS];
        let source = S::as_simd_f32s(source).0;
        let source: [S::f32s; VECTORS] = [source[0], source[1]];
        for o in 0..O.min(B) {
            let weight = simd.splat_f32s(weights[o]);
            for v in 0..VECTORS {
                sums[o][v] = simd.mul_add_e_f32s(weight, source[v], sums[o][v]);
            }
        }
    }
    sums
}

/// Writes the sums of each output to its map.
#[inline(always)]
fn keep<V: bytemuck::Pod>(sums: &[[V; VECTORS]], start: usize, row: usize, width: usize, map: usize, y: &mut [f32]) {
    for (sums, y) in sums.iter().zip(y.chunks_exact_mut(map)) {
        store(bytemuck::cast_slice(sums), start, row, width, y);
    }
}

/// Writes flat positions `start..` to the map, without the two that end each row.
#[inline(always)]
fn store(sums: &[f32], start: usize, row: usize, width: usize, y: &mut [f32]) {
    let (mut i, mut at) = (start / row, start % row);
    let mut rest = sums;
    while !rest.is_empty() && (i + 1) * width <= y.len() {
        let (now, later) = rest.split_at(rest.len().min(row - at));
        if at < width {
            let n = now.len().min(width - at);
            y[i * width + at..i * width + at + n].copy_from_slice(&now[..n]);
        }
        (rest, i, at) = (later, i + 1, 0);
    }
}

/// Adds to `dw` (outputs x inputs x 9) the gradient of the weights from one sample.
pub fn add_weight_gradient(x: &Bordered, dy: &Bordered, inputs: usize, dw: &mut [f32]) {
    Arch::new().dispatch(WeightGradient { x, dy, inputs, dw });
}

struct WeightGradient<'a> {
    x: &'a Bordered,
    dy: &'a Bordered,
    inputs: usize,
    dw: &'a mut [f32],
}

impl WithSimd for WeightGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { x, dy, inputs, dw } = self;
        let patch = inputs * 9;
        for (block, dw) in dw.chunks_mut(GRADIENT_OUTPUTS * patch).enumerate() {
            let first = block * GRADIENT_OUTPUTS;
            if dw.len() == GRADIENT_OUTPUTS * patch {
                of_outputs::<S, GRADIENT_OUTPUTS>(simd, x, dy, first, dw);
            } else {
                for (o, dw) in dw.chunks_mut(patch).enumerate() {
                    of_outputs::<S, 1>(simd, x, dy, first + o, dw);
                }
            }
        }
    }
}

/// `dw[o, c, a, b] += sum_q dy[o, q] x[c, q + a row + b]` for `O` outputs from `first`; the border of `dy` is 0, so the
/// positions between rows add nothing.
#[inline(always)]
fn of_outputs<S: Simd, const O: usize>(simd: S, x: &Bordered, dy: &Bordered, first: usize, dw: &mut [f32]) {
    let (lanes, row, positions) = (S::F32_LANES, x.row(), x.positions());
    let steps = positions.div_ceil(lanes);
    // positions past the map: the next one's border, of zeros as long as it is at least a vector wide
    let gradients: [&[f32]; O] =
        core::array::from_fn(|o| &dy.data[(first + o) * dy.plane() + row + 1..][..steps * lanes]);
    for c in 0..dw.len() / O / 9 {
        for a in 0..3 {
            let source = &x.data[c * x.plane() + a * row..][..steps * lanes + 2];
            let mut sums = [[simd.splat_f32s(0.0); 3]; O];
            for step in 0..steps {
                let shifted: [S::f32s; 3] =
                    core::array::from_fn(|b| S::as_simd_f32s(&source[step * lanes + b..][..lanes]).0[0]);
                for o in 0..O {
                    let gradient = S::as_simd_f32s(&gradients[o][step * lanes..][..lanes]).0[0];
                    for b in 0..3 {
                        sums[o][b] = simd.mul_add_e_f32s(gradient, shifted[b], sums[o][b]);
                    }
                }
            }
            for o in 0..O {
                for b in 0..3 {
                    dw[(o * (dw.len() / O / 9) + c) * 9 + a * 3 + b] += simd.reduce_sum_f32s(sums[o][b]);
                }
            }
        }
    }
}

/// Adds to `dw` (outputs x inputs) the gradient of 1 x 1 weights from one sample: the products of all maps of `dy` with all
/// maps of `x`, for positions that [fit](fits_pointwise).
pub fn add_pointwise_gradient(x: &[f32], dy: &[f32], positions: usize, dw: &mut [f32]) {
    Arch::new().dispatch(PointwiseGradient { x, dy, positions, dw });
}

struct PointwiseGradient<'a> {
    x: &'a [f32],
    dy: &'a [f32],
    positions: usize,
    dw: &'a mut [f32],
}

impl WithSimd for PointwiseGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if many_registers::<S>() {
            self.in_blocks::<S, { PRODUCTS[0][0] }, { PRODUCTS[0][1] }>(simd);
        } else {
            self.in_blocks::<S, { PRODUCTS[1][0] }, { PRODUCTS[1][1] }>(simd);
        }
    }
}

impl PointwiseGradient<'_> {
    /// With blocks of `O` outputs and `I` inputs.
    #[inline(always)]
    fn in_blocks<S: Simd, const O: usize, const I: usize>(self, simd: S) {
        let Self { x, dy, positions, dw } = self;
        let inputs = x.len() / positions;
        for (dy, dw) in dy.chunks(O * positions).zip(dw.chunks_mut(O * inputs)) {
            for (block, x) in x.chunks(I * positions).enumerate() {
                if dy.len() == O * positions && x.len() == I * positions {
                    add_products::<S, O, I>(simd, x, dy, positions, block * I, inputs, dw);
                    continue;
                }
                for (dy, dw) in dy.chunks(positions).zip(dw.chunks_mut(inputs)) {
                    for (c, x) in x.chunks(positions).enumerate() {
                        add_products::<S, 1, 1>(simd, x, dy, positions, block * I + c, inputs, dw);
                    }
                }
            }
        }
    }
}

/// Adds to rows of `dw` the products of `O` maps of `dy` with `I` maps of `x`, the first of which is input `first`.
#[inline(always)]
fn add_products<S: Simd, const O: usize, const I: usize>(
    simd: S,
    x: &[f32],
    dy: &[f32],
    positions: usize,
    first: usize,
    inputs: usize,
    dw: &mut [f32],
) {
    let outputs: [&[S::f32s]; O] = core::array::from_fn(|o| S::as_simd_f32s(&dy[o * positions..][..positions]).0);
    let maps: [&[S::f32s]; I] = core::array::from_fn(|c| S::as_simd_f32s(&x[c * positions..][..positions]).0);
    let mut sums = [[simd.splat_f32s(0.0); I]; O];
    for step in 0..positions / S::F32_LANES {
        let source: [S::f32s; I] = core::array::from_fn(|c| maps[c][step]);
        for o in 0..O {
            let gradient = outputs[o][step];
            for c in 0..I {
                sums[o][c] = simd.mul_add_e_f32s(gradient, source[c], sums[o][c]);
            }
        }
    }
    for o in 0..O {
        for c in 0..I {
            dw[o * inputs + first + c] += simd.reduce_sum_f32s(sums[o][c]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Lanes;

    impl WithSimd for Lanes {
        type Output = usize;

        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }

    /// Without the feature of pulp that a processor needs, kernels would silently be fifty times slower.
    #[test]
    #[cfg(target_arch = "x86_64")]
    fn vectors_are_those_of_the_processor() {
        let lanes = Arch::new().dispatch(Lanes);
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl") {
            assert_eq!(lanes, 16);
        } else if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            assert_eq!(lanes, 8);
        }
    }
}
