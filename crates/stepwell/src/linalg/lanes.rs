//! Sums in 32 fixed lanes: term `j` goes to lane `j mod 32`, and the lanes are added in a fixed tree.
//!
//! So a sum has the same bits at every vector width. 32 lanes are four AVX-512 registers, enough to hide the latency of
//! the addition.

/// Number of lanes.
pub const LANES: usize = 32;

/// Adds the lanes: upper half to lower half, until one is left.
#[inline(always)]
pub fn combine(lanes: [f64; LANES]) -> f64 {
    let (eights, _) = lanes.as_chunks::<8>();
    combine_eights([eights[0], eights[1], eights[2], eights[3]])
}

/// [`combine`] for lanes that are held as four times eight, written out so that they stay in registers.
#[inline(always)]
pub(crate) fn combine_eights([a, b, c, d]: [[f64; 8]; 4]) -> f64 {
    let mut eight = [0.0; 8];
    for l in 0..8 {
        eight[l] = (a[l] + c[l]) + (b[l] + d[l]);
    }
    let four = [eight[0] + eight[4], eight[1] + eight[5], eight[2] + eight[6], eight[3] + eight[7]];
    (four[0] + four[2]) + (four[1] + four[3])
}

/// Calls `$block` on equal pieces of slices: whole blocks of 32, then of 8 and 4, then the rest, with the lanes they
/// belong to and their size. All indices are constant, so that the lanes stay in registers.
macro_rules! for_lanes {
    ($d:expr, |$from:ident, $lane:ident, $size:ident| $block:expr) => {{
        let d = $d;
        let whole = d - d % LANES;
        let mut start = 0;
        while start < whole {
            for_lanes!(@piece start, $from, $lane = 0, $size = LANES, $block);
        }
        let rest = d - start;
        if rest >= 8 {
            for_lanes!(@piece start, $from, $lane = 0, $size = 8, $block);
            if rest >= 16 {
                for_lanes!(@piece start, $from, $lane = 8, $size = 8, $block);
                if rest >= 24 {
                    for_lanes!(@piece start, $from, $lane = 16, $size = 8, $block);
                    if rest >= 28 {
                        for_lanes!(@piece start, $from, $lane = 24, $size = 4, $block);
                    }
                } else if rest >= 20 {
                    for_lanes!(@piece start, $from, $lane = 16, $size = 4, $block);
                }
            } else if rest >= 12 {
                for_lanes!(@piece start, $from, $lane = 8, $size = 4, $block);
            }
        } else if rest >= 4 {
            for_lanes!(@piece start, $from, $lane = 0, $size = 4, $block);
        }
        start
    }};
    (@piece $start:ident, $from:ident, $lane:ident = $l:literal, $size:ident = $s:expr, $block:expr) => {
        #[allow(dead_code, reason = "not every block asks for its size")]
        const $size: usize = $s;
        const $lane: usize = $l;
        let $from = $start;
        $block;
        $start += $size;
    };
}
pub(crate) use for_lanes;

/// `sum_j a_j b_j`.
///
/// # Panics
/// If the lengths differ.
#[inline(always)]
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let mut acc = [0.0; LANES];
    let end = for_lanes!(a.len(), |from, LANE, SIZE| {
        let (a, b) = (&a[from..from + SIZE], &b[from..from + SIZE]);
        for l in 0..a.len() {
            acc[LANE + l] += a[l] * b[l];
        }
    });
    if end == a.len() {
        return combine(acc);
    }
    // a copy, so that the lanes above stay in registers
    let mut last = acc;
    for j in end..a.len() {
        last[j % LANES] += a[j] * b[j];
    }
    combine(last)
}

/// `sum_j a_j^2`.
#[inline(always)]
pub fn norm2(a: &[f64]) -> f64 {
    dot(a, a)
}

/// `sum_j a_j`.
#[inline(always)]
pub fn sum(a: &[f64]) -> f64 {
    let mut acc = [0.0; LANES];
    let end = for_lanes!(a.len(), |from, LANE, SIZE| {
        let a = &a[from..from + SIZE];
        for l in 0..a.len() {
            acc[LANE + l] += a[l];
        }
    });
    if end == a.len() {
        return combine(acc);
    }
    // a copy, so that the lanes above stay in registers
    let mut last = acc;
    for j in end..a.len() {
        last[j % LANES] += a[j];
    }
    combine(last)
}

/// `sum_j (u_j v_j) x_j`.
///
/// # Panics
/// If the lengths differ.
#[inline(always)]
pub fn dot3(u: &[f64], v: &[f64], x: &[f64]) -> f64 {
    assert!(u.len() == x.len() && v.len() == x.len());
    let mut acc = [0.0; LANES];
    let end = for_lanes!(x.len(), |from, LANE, SIZE| {
        let (u, v, x) = (&u[from..from + SIZE], &v[from..from + SIZE], &x[from..from + SIZE]);
        for l in 0..x.len() {
            acc[LANE + l] += (u[l] * v[l]) * x[l];
        }
    });
    if end == x.len() {
        return combine(acc);
    }
    // a copy, so that the lanes above stay in registers
    let mut last = acc;
    for j in end..x.len() {
        last[j % LANES] += (u[j] * v[j]) * x[j];
    }
    combine(last)
}

/// `out += a x`.
///
/// # Panics
/// If the lengths differ.
#[inline(always)]
pub fn add_scaled(out: &mut [f64], a: f64, x: &[f64]) {
    assert_eq!(out.len(), x.len());
    for (out, x) in out.iter_mut().zip(x) {
        *out += a * x;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, term by term.
    fn plain(terms: &[f64]) -> f64 {
        let mut acc = [0.0; LANES];
        for (j, t) in terms.iter().enumerate() {
            acc[j % LANES] += t;
        }
        combine(acc)
    }

    proptest! {
        #[test]
        fn blocks_equal_the_definition(a in prop::collection::vec(-10.0..10.0_f64, 0..150)) {
            let b: Vec<f64> = a.iter().map(|a| a * 0.37 - 1.0).collect();
            let c: Vec<f64> = a.iter().map(|a| 2.0 - a * 0.11).collect();
            let two: Vec<f64> = a.iter().zip(&b).map(|(a, b)| a * b).collect();
            let three: Vec<f64> = two.iter().zip(&c).map(|(ab, c)| ab * c).collect();
            prop_assert_eq!(dot(&a, &b).to_bits(), plain(&two).to_bits());
            prop_assert_eq!(dot3(&a, &b, &c).to_bits(), plain(&three).to_bits());
            prop_assert_eq!(sum(&a).to_bits(), plain(&a).to_bits());
        }
    }
}
