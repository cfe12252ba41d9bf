//! The loops over a layer's weights, written in pieces that become vectors.

/// `relu(z)`; NaN stays NaN.
#[inline(always)]
pub(super) fn relu(z: f64) -> f64 {
    if z < 0.0 { 0.0 } else { z }
}

/// Calls `$block` on pieces of `0..m` of 32, 8, 4, 2 and 1 neighbors.
macro_rules! for_pieces {
    ($m:expr, |$from:ident, $size:ident| $block:expr) => {{
        let m = $m;
        let mut $from = 0;
        for_pieces!(@while 32, m, $from, $size, $block);
        for_pieces!(@while 8, m, $from, $size, $block);
        for_pieces!(@if 4, m, $from, $size, $block);
        for_pieces!(@if 2, m, $from, $size, $block);
        if m > $from {
            const $size: usize = 1;
            $block;
        }
    }};
    (@while $b:literal, $m:ident, $from:ident, $size:ident, $block:expr) => {
        while $m - $from >= $b {
            const $size: usize = $b;
            $block;
            $from += $b;
        }
    };
    (@if $b:literal, $m:ident, $from:ident, $size:ident, $block:expr) => {
        if $m - $from >= $b {
            const $size: usize = $b;
            $block;
            $from += $b;
        }
    };
}

/// `out = f(b + W^T input)`, terms added in the order of the inputs.
#[inline(always)]
pub(super) fn forward(weights: &[f64], biases: &[f64], input: &[f64], out: &mut [f64], f: impl Fn(f64) -> f64) {
    for_pieces!(out.len(), |from, SIZE| {
        let z = affine::<SIZE>(from, out.len(), weights, biases, input);
        for l in 0..SIZE {
            out[from + l] = f(z[l]);
        }
    });
}

#[inline(always)]
fn affine<const B: usize>(from: usize, m: usize, weights: &[f64], biases: &[f64], input: &[f64]) -> [f64; B] {
    let mut z = [0.0; B];
    if !biases.is_empty() {
        z.copy_from_slice(&biases[from..from + B]);
    }
    for (x, row) in input.iter().zip(weights.chunks_exact(m)) {
        let row = &row[from..from + B];
        for l in 0..B {
            z[l] += row[l] * x;
        }
    }
    z
}

/// `<row, delta>`: whole blocks of eight in eight lanes, then the rest one by one.
#[inline(always)]
pub(super) fn row_sum(row: &[f64], delta: &[f64]) -> f64 {
    let whole = row.len() - row.len() % 8;
    let (row, row_rest) = row.split_at(whole);
    let (delta, delta_rest) = delta.split_at(whole);
    let mut acc = [0.0; 8];
    for (row, delta) in row.chunks_exact(8).zip(delta.chunks_exact(8)) {
        for l in 0..8 {
            acc[l] += row[l] * delta[l];
        }
    }
    let mut sum = sum_of_eight(acc);
    for (row, delta) in row_rest.iter().zip(delta_rest) {
        sum += row * delta;
    }
    sum
}

/// The step of output weights, `weights -= w input`, and what flows back to the neurons `input` from the old ones.
#[inline(always)]
pub(super) fn output_step(weights: &mut [f64], input: &[f64], w: f64, delta: &mut [f64]) {
    assert!(weights.len() == input.len() && input.len() == delta.len());
    for_pieces!(input.len(), |from, SIZE| {
        let (weights, input) = (&mut weights[from..from + SIZE], &input[from..from + SIZE]);
        let delta = &mut delta[from..from + SIZE];
        for l in 0..SIZE {
            delta[l] = masked(input[l], w * weights[l]);
            weights[l] -= w * input[l];
        }
    });
}

/// `row -= input delta`, and the [`row_sum`] of the old row.
#[inline(always)]
pub(super) fn row_step(row: &mut [f64], input: f64, delta: &[f64]) -> f64 {
    assert_eq!(row.len(), delta.len());
    let mut acc = [0.0; 8];
    let mut from = 0;
    while row.len() - from >= 8 {
        let terms = row_piece::<8>(&mut row[from..], input, &delta[from..]);
        for l in 0..8 {
            acc[l] += terms[l];
        }
        from += 8;
    }
    let mut sum = sum_of_eight(acc);
    if row.len() - from >= 4 {
        let terms = row_piece::<4>(&mut row[from..], input, &delta[from..]);
        sum = (((sum + terms[0]) + terms[1]) + terms[2]) + terms[3];
        from += 4;
    }
    if row.len() - from >= 2 {
        let terms = row_piece::<2>(&mut row[from..], input, &delta[from..]);
        sum = (sum + terms[0]) + terms[1];
        from += 2;
    }
    if row.len() > from {
        sum += row_piece::<1>(&mut row[from..], input, &delta[from..])[0];
    }
    sum
}

#[inline(always)]
fn row_piece<const B: usize>(row: &mut [f64], input: f64, delta: &[f64]) -> [f64; B] {
    let (row, delta) = (&mut row[..B], &delta[..B]);
    let mut terms = [0.0; B];
    for l in 0..B {
        terms[l] = row[l] * delta[l];
        row[l] -= input * delta[l];
    }
    terms
}

#[inline(always)]
fn sum_of_eight(a: [f64; 8]) -> f64 {
    ((a[0] + a[4]) + (a[2] + a[6])) + ((a[1] + a[5]) + (a[3] + a[7]))
}

/// `out += a x`, written in pieces so that short rows are vectors too.
#[inline(always)]
pub(super) fn add_scaled(out: &mut [f64], a: f64, x: &[f64]) {
    assert_eq!(out.len(), x.len());
    for_pieces!(x.len(), |from, SIZE| {
        let (out, x) = (&mut out[from..from + SIZE], &x[from..from + SIZE]);
        for l in 0..SIZE {
            out[l] += a * x[l];
        }
    });
}

/// `out -= a x`.
#[inline(always)]
pub(super) fn subtract_scaled(out: &mut [f64], a: f64, x: &[f64]) {
    assert_eq!(out.len(), x.len());
    for_pieces!(x.len(), |from, SIZE| {
        let (out, x) = (&mut out[from..from + SIZE], &x[from..from + SIZE]);
        for l in 0..SIZE {
            out[l] -= a * x[l];
        }
    });
}

/// `value`, or 0 where the neuron is not active. In bits, as a branch for each neuron would not become a vector.
#[inline(always)]
pub(super) fn masked(activation: f64, value: f64) -> f64 {
    let mask = u64::from(activation > 0.0).wrapping_neg();
    f64::from_bits(value.to_bits() & mask)
}
