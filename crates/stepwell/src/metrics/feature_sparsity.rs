//! The feature sparsity coefficient: the share of non-zero activations that is left without duplicate neurons.
//!
//! Definition, for the activations phi (n samples x m neurons) of a layer. Rows may first be divided by their Euclidean
//! norm. Neurons that are never active are dropped (*dead*). On the others take Pearson's correlation over the samples;
//! in the order of the neurons, one is dropped (*duplicate*) if its absolute correlation with a neuron still kept exceeds
//! the threshold. The coefficient is the number of active entries of the neurons that are left (*kept*) over `n m`, with
//! the original m: 1 is dense, 0 is all zero. Source: Andriushchenko et al., ICML 2023.
//!
//! The greedy scan needs no memory: a neuron is dropped exactly if it exceeds the threshold with a *later* neuron, for
//! had it exceeded it with an earlier one that was kept, that one would have been dropped. So pairs are worked on in
//! blocks, in any order. A neuron that is active but constant (up to round-off) has no correlation and is kept.
//! As the scan depends on the order of the neurons, [`FeatureSparsity::groups`] counts without one.

use crate::rng::{Purpose, Stream};
use crate::simd::{Kernel, dispatch};

/// A number that activations are stored in.
pub trait Activation: Copy + Send + Sync {
    /// Its value.
    fn value(self) -> f64;
}

impl Activation for f64 {
    #[inline(always)]
    fn value(self) -> f64 {
        self
    }
}

impl Activation for f32 {
    #[inline(always)]
    fn value(self) -> f64 {
        f64::from(self)
    }
}

/// Activations (n samples x m neurons), row by row, left where they are.
#[derive(Clone, Copy, Debug)]
pub struct Activations<'a, T> {
    samples: usize,
    neurons: usize,
    values: &'a [T],
}

/// Which entries count as active.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Active {
    /// Entries above 0: rectified layers.
    #[default]
    Positive,
    /// Entries other than 0: layers whose activations may be negative.
    Nonzero,
}

/// How the coefficient is taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SparsityOptions {
    /// Whether each row is first divided by its Euclidean norm (a zero row stays zero). The shallow experiments' way.
    pub normalize_rows: bool,
    /// Absolute correlations above this make a duplicate; between 0 and 1.
    pub threshold: f64,
    /// Which entries count.
    pub active: Active,
    /// Only so many neurons, drawn at random with the given seed; they are then the original m. For wide layers.
    pub subset: Option<(usize, u64)>,
}

impl Default for SparsityOptions {
    /// Raw rows, threshold 0.95, entries above 0, all neurons.
    fn default() -> Self {
        Self { normalize_rows: false, threshold: 0.95, active: Active::Positive, subset: None }
    }
}

/// A feature sparsity coefficient with its parts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FeatureSparsity {
    /// The coefficient, between 0 and 1.
    pub feature_sparsity: f64,
    /// Share of active entries of all neurons, duplicates included.
    pub nonzero_share: f64,
    /// Number of samples n.
    pub samples: usize,
    /// Number of neurons m.
    pub neurons: usize,
    /// Neurons that are never active.
    pub dead: usize,
    /// Neurons dropped for their correlation with another.
    pub duplicates: usize,
    /// Neurons left.
    pub kept: usize,
    /// Connected groups of the neurons that are not dead, two being connected if their absolute correlation exceeds the
    /// threshold: does not depend on their order, and is at most `kept`.
    pub groups: usize,
    /// The threshold.
    pub threshold: f64,
}

/// Why activations or options were refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SparsityError {
    /// No samples or no neurons, or not as many values as they ask for.
    #[error("{values} activations of shape {samples} x {neurons}, expected at least one sample and neuron")]
    Shape {
        /// Number of rows.
        samples: usize,
        /// Number of columns.
        neurons: usize,
        /// Number of values.
        values: usize,
    },
    /// A NaN or an infinity.
    #[error("activation {value} of neuron {neuron} at sample {sample}, expected finite numbers")]
    NotFinite {
        /// Row, from 0.
        sample: usize,
        /// Column, from 0.
        neuron: usize,
        /// The value.
        value: f64,
    },
    /// A threshold that no correlation could be compared with.
    #[error("threshold {0}, expected a number between 0 and 1")]
    Threshold(f64),
    /// A subset of nothing.
    #[error("a subset of 0 neurons, expected at least 1")]
    EmptySubset,
}

impl<'a, T: Activation> Activations<'a, T> {
    /// Activations from `samples * neurons` finite values, row by row.
    ///
    /// # Errors
    /// If the shape is empty or not that of `values`, or a value is not finite.
    pub fn new(samples: usize, neurons: usize, values: &'a [T]) -> Result<Self, SparsityError> {
        if values.is_empty() || samples.checked_mul(neurons) != Some(values.len()) {
            return Err(SparsityError::Shape { samples, neurons, values: values.len() });
        }
        match values.iter().position(|v| !v.value().is_finite()) {
            Some(k) => {
                let (sample, neuron) = (k / neurons, k % neurons);
                Err(SparsityError::NotFinite { sample, neuron, value: values[k].value() })
            }
            None => Ok(Self { samples, neurons, values }),
        }
    }

    fn rows(&self) -> impl Iterator<Item = &'a [T]> + use<'a, T> {
        self.values.chunks_exact(self.neurons)
    }
}

/// The coefficient of a layer's activations, see the definition at the top of the file.
///
/// ```
/// use stepwell::metrics::{Activations, SparsityOptions, feature_sparsity};
/// // the third neuron is twice the first, the fourth is dead
/// let phi = [1.0, 0.0, 2.0, 0.0, 3.0, 1.0, 6.0, 0.0, 0.0, 1.0, 0.0, 0.0];
/// let found = feature_sparsity(Activations::new(3, 4, &phi)?, SparsityOptions::default())?;
/// assert_eq!((found.dead, found.duplicates, found.kept, found.groups), (1, 1, 2, 2));
/// assert_eq!((found.nonzero_share, found.feature_sparsity), (6.0 / 12.0, 4.0 / 12.0));
/// # Ok::<(), stepwell::metrics::SparsityError>(())
/// ```
///
/// # Errors
/// If an option is out of range.
pub fn feature_sparsity<T: Activation>(
    activations: Activations<'_, T>,
    options: SparsityOptions,
) -> Result<FeatureSparsity, SparsityError> {
    let pairs = NeuronPairs::new(activations, options)?;
    let blocks: Vec<SparsityBlock> = (0..pairs.blocks()).map(|b| pairs.block(b)).collect();
    Ok(pairs.combine(&blocks))
}

/// The share of active entries.
pub fn nonzero_share<T: Activation>(activations: Activations<'_, T>, active: Active) -> f64 {
    let count = activations.values.iter().filter(|v| active.is_active(v.value())).count();
    count as f64 / activations.values.len() as f64
}

impl Active {
    #[inline(always)]
    fn is_active(self, value: f64) -> bool {
        match self {
            Self::Positive => value > 0.0,
            Self::Nonzero => value != 0.0,
        }
    }
}

/// Neurons of the first side of a block of pairs, of the second, and samples that are worked on at once.
const LEFT: usize = 48;
const RIGHT: usize = 64;
const DEPTH: usize = 128;
/// The register tile: `6 x 8` sums at a time.
const TILE: [usize; 2] = [6, 8];
/// What a bound must clear the threshold by, so that round-off cannot matter.
const MARGIN: f64 = 1e-9;

/// A feature sparsity coefficient cut into blocks, which may be computed in any order or in parallel.
///
/// [`feature_sparsity`] is `combine` of every `block`. Working memory is a few values per neuron and sample, and half a
/// megabyte per block; activations are read in place.
pub struct NeuronPairs<'a, T> {
    activations: Activations<'a, T>,
    options: SparsityOptions,
    /// Number of neurons that are looked at, dead ones included.
    width: usize,
    /// Columns of the neurons that are not dead, in order, with what standardizes them.
    columns: Vec<Column>,
    row_scales: Vec<f64>,
    active_entries: usize,
}

/// A neuron that is not dead. `(scale_i phi_ij - mean) / deviation` has mean 0 and norm 1 over the samples.
#[derive(Clone, Copy, Debug)]
struct Column {
    index: usize,
    active: usize,
    mean: f64,
    /// Infinite for constant neurons, whose standardized entries are then 0.
    deviation: f64,
}

/// What one block of pairs tells: which of its neurons are duplicates, and which neurons are connected.
#[derive(Clone, Debug)]
pub struct SparsityBlock {
    block: usize,
    duplicates: Vec<bool>,
    /// A spanning forest of the connections found.
    links: Vec<(u32, u32)>,
}

impl<'a, T: Activation> NeuronPairs<'a, T> {
    /// Finds dead neurons and standardizes the others.
    ///
    /// # Errors
    /// If an option is out of range.
    pub fn new(activations: Activations<'a, T>, options: SparsityOptions) -> Result<Self, SparsityError> {
        if !(0.0..=1.0).contains(&options.threshold) {
            return Err(SparsityError::Threshold(options.threshold));
        }
        let chosen = match options.subset {
            Some((0, _)) => return Err(SparsityError::EmptySubset),
            Some((size, seed)) => random_subset(activations.neurons, size, seed),
            None => (0..activations.neurons).collect(),
        };
        let scale = |row: &[T]| if options.normalize_rows { inverse_norm(row) } else { 1.0 };
        let row_scales: Vec<f64> = activations.rows().map(scale).collect();
        let (columns, active_entries) = columns(&activations, &chosen, &row_scales, options.active);
        Ok(Self { activations, options, width: chosen.len(), columns, row_scales, active_entries })
    }

    /// Number of blocks. The first have the most pairs.
    pub fn blocks(&self) -> usize {
        self.columns.len().div_ceil(LEFT)
    }

    /// Compares the neurons of block `block` with all later ones.
    ///
    /// # Panics
    /// If there is no such block.
    pub fn block(&self, block: usize) -> SparsityBlock {
        assert!(block < self.blocks());
        dispatch(BlockKernel { pairs: self, block })
    }

    /// The coefficient from all blocks, in any order.
    pub fn combine(&self, blocks: &[SparsityBlock]) -> FeatureSparsity {
        let alive = self.columns.len();
        let mut groups = Groups::new(alive);
        let (mut duplicates, mut kept_entries) = (0, 0);
        for block in blocks {
            for (duplicate, column) in block.duplicates.iter().zip(&self.columns[block.block * LEFT..]) {
                duplicates += usize::from(*duplicate);
                kept_entries += if *duplicate { 0 } else { column.active };
            }
            block.links.iter().for_each(|(j, k)| _ = groups.join(*j, *k));
        }
        let entries = (self.activations.samples * self.width) as f64;
        FeatureSparsity {
            feature_sparsity: kept_entries as f64 / entries,
            nonzero_share: self.active_entries as f64 / entries,
            samples: self.activations.samples,
            neurons: self.width,
            dead: self.width - alive,
            duplicates,
            kept: alive - duplicates,
            groups: groups.count,
            threshold: self.options.threshold,
        }
    }
}

/// `size` of `0..m` in order, each subset alike; all of them if there are not so many.
fn random_subset(m: usize, size: usize, seed: u64) -> Vec<usize> {
    let mut stream = Stream::new(seed, Purpose::Probe);
    let mut order: Vec<usize> = (0..m).collect();
    let size = size.min(m);
    for k in 0..size {
        let other = k + stream.below((m - k) as u32) as usize;
        order.swap(k, other);
    }
    order.truncate(size);
    order.sort_unstable();
    order
}

/// `1 / |row|` without overflow; 0 for a zero row.
fn inverse_norm<T: Activation>(row: &[T]) -> f64 {
    let largest = row.iter().fold(0.0_f64, |m, v| m.max(v.value().abs()));
    if largest == 0.0 {
        return 0.0;
    }
    let squares: f64 = row.iter().map(|v| (v.value() / largest) * (v.value() / largest)).sum();
    1.0 / squares.sqrt() / largest
}

/// The neurons among `chosen` that are not dead, and the number of all active entries. Two passes over the rows.
fn columns<T: Activation>(
    activations: &Activations<'_, T>,
    chosen: &[usize],
    row_scales: &[f64],
    active: Active,
) -> (Vec<Column>, usize) {
    let n = activations.samples as f64;
    let mut columns: Vec<Column> =
        chosen.iter().map(|&index| Column { index, active: 0, mean: 0.0, deviation: 0.0 }).collect();
    let mut ranges = vec![(f64::INFINITY, f64::NEG_INFINITY); columns.len()];
    for (row, scale) in activations.rows().zip(row_scales) {
        for (column, range) in columns.iter_mut().zip(&mut ranges) {
            let value = row[column.index].value();
            column.active += usize::from(active.is_active(value));
            column.mean += value * scale / n;
            *range = (range.0.min(value * scale), range.1.max(value * scale));
        }
    }
    let largest: Vec<f64> = ranges.iter().map(|(least, most)| least.abs().max(most.abs())).collect();
    // deviations in units of the largest entry, so that their squares do not underflow
    for (row, scale) in activations.rows().zip(row_scales) {
        for (column, largest) in columns.iter_mut().zip(&largest) {
            let relative = (row[column.index].value() * scale - column.mean) / largest;
            column.deviation += relative * relative;
        }
    }
    let entries = columns.iter().map(|column| column.active).sum();
    for ((column, (least, most)), largest) in columns.iter_mut().zip(ranges).zip(largest) {
        let constant = most - least <= 8.0 * f64::EPSILON * largest;
        column.deviation = if constant { f64::INFINITY } else { column.deviation.sqrt() * largest };
    }
    columns.retain(|column| column.active > 0);
    (columns, entries)
}

struct BlockKernel<'a, T> {
    pairs: &'a NeuronPairs<'a, T>,
    block: usize,
}

impl<T: Activation> Kernel for BlockKernel<'_, T> {
    type Output = SparsityBlock;

    #[inline(always)]
    fn run(self) -> SparsityBlock {
        let Self { pairs, block } = self;
        let alive = pairs.columns.len();
        let from = block * LEFT;
        let to = (from + LEFT).min(alive);
        let mut groups = Groups::new(alive);
        let mut out = SparsityBlock { block, duplicates: vec![false; to - from], links: Vec::new() };
        let mut room = Room::new();
        for first in (from..alive).step_by(RIGHT) {
            if !room.correlate(pairs, from, first) {
                continue;
            }
            for j in from..to {
                for k in first.max(j + 1)..(first + RIGHT).min(alive) {
                    if room.sums[j - from][k - first].abs() > pairs.options.threshold {
                        out.duplicates[j - from] = true;
                        if groups.join(j as u32, k as u32) {
                            out.links.push((j as u32, k as u32));
                        }
                    }
                }
            }
        }
        out
    }
}

/// What one block works in: standardized entries of both sides for some samples, and sums over the samples so far.
struct Room {
    left: Vec<[f64; LEFT]>,
    right: Vec<[f64; RIGHT]>,
    sums: Box<[[f64; RIGHT]; LEFT]>,
}

impl Room {
    fn new() -> Self {
        Self { left: vec![[0.0; LEFT]; DEPTH], right: vec![[0.0; RIGHT]; DEPTH], sums: Box::new([[0.0; RIGHT]; LEFT]) }
    }

    /// Correlations of the neurons from `left` on with those from `right` on. False, with sums that are not complete,
    /// if none of them can exceed the threshold: by Cauchy and Schwarz what the samples ahead add to a correlation is
    /// at most the product of what is left of the two norms.
    #[inline(always)]
    fn correlate<T: Activation>(&mut self, pairs: &NeuronPairs<'_, T>, left: usize, right: usize) -> bool {
        let n = pairs.activations.samples;
        *self.sums = [[0.0; RIGHT]; LEFT];
        let (mut left_norms, mut right_norms) = ([0.0; LEFT], [0.0; RIGHT]);
        for start in (0..n).step_by(DEPTH) {
            let depth = DEPTH.min(n - start);
            standardize(pairs, start, left, &mut self.left[..depth], &mut left_norms);
            standardize(pairs, start, right, &mut self.right[..depth], &mut right_norms);
            add_products(&self.left[..depth], &self.right[..depth], &mut self.sums);
            let more = start + depth < n;
            let bound = pairs.options.threshold - MARGIN;
            if more && self.largest_bound(&left_norms, &right_norms, left == right) < bound {
                return false;
            }
        }
        true
    }

    /// The largest bound on a correlation of the block; neurons are not paired with themselves.
    #[inline(always)]
    fn largest_bound(&self, left_norms: &[f64; LEFT], right_norms: &[f64; RIGHT], diagonal: bool) -> f64 {
        let right_rest = right_norms.map(|norm2| (1.0 - norm2).max(0.0).sqrt());
        let mut largest = 0.0_f64;
        for j in 0..LEFT {
            let left_rest = (1.0 - left_norms[j]).max(0.0).sqrt();
            for k in 0..RIGHT {
                let bound = self.sums[j][k].abs() + left_rest * right_rest[k];
                let paired = !(diagonal && k <= j);
                if paired && bound > largest {
                    largest = bound;
                }
            }
        }
        largest
    }
}

/// Standardized entries of up to `W` neurons from `first` on, for the samples from `start` on; 0 where there is no such
/// neuron. Adds their squares to `norms2`.
#[inline(always)]
fn standardize<T: Activation, const W: usize>(
    pairs: &NeuronPairs<'_, T>,
    start: usize,
    first: usize,
    out: &mut [[f64; W]],
    norms2: &mut [f64; W],
) {
    let columns = &pairs.columns[first..(first + W).min(pairs.columns.len())];
    let Activations { neurons, values, .. } = pairs.activations;
    for (i, out) in out.iter_mut().enumerate() {
        let row = &values[(start + i) * neurons..(start + i + 1) * neurons];
        let scale = pairs.row_scales[start + i];
        for (out, column) in out.iter_mut().zip(columns) {
            *out = (row[column.index].value() * scale - column.mean) / column.deviation;
        }
        for l in 0..W {
            norms2[l] += out[l] * out[l];
        }
    }
}

/// `sums += left^T right`, sample after sample.
#[inline(always)]
fn add_products(left: &[[f64; LEFT]], right: &[[f64; RIGHT]], sums: &mut [[f64; RIGHT]; LEFT]) {
    const ROWS: usize = TILE[0];
    const COLS: usize = TILE[1];
    for k in (0..RIGHT).step_by(COLS) {
        for j in (0..LEFT).step_by(ROWS) {
            let mut tile = [[0.0; COLS]; ROWS];
            for a in 0..ROWS {
                tile[a].copy_from_slice(&sums[j + a][k..k + COLS]);
            }
            for (left, right) in left.iter().zip(right) {
                let (left, right) = (&left[j..j + ROWS], &right[k..k + COLS]);
                for a in 0..ROWS {
                    for b in 0..COLS {
                        tile[a][b] += left[a] * right[b];
                    }
                }
            }
            for a in 0..ROWS {
                sums[j + a][k..k + COLS].copy_from_slice(&tile[a]);
            }
        }
    }
}

/// Disjoint groups of neurons, joined one connection at a time.
struct Groups {
    parent: Vec<u32>,
    count: usize,
}

impl Groups {
    fn new(size: usize) -> Self {
        Self { parent: (0..size as u32).collect(), count: size }
    }

    fn root(&mut self, mut j: u32) -> u32 {
        while self.parent[j as usize] != j {
            let grandparent = self.parent[self.parent[j as usize] as usize];
            self.parent[j as usize] = grandparent;
            j = grandparent;
        }
        j
    }

    /// Joins the groups of two neurons; false if they are one already.
    fn join(&mut self, j: u32, k: u32) -> bool {
        let (j, k) = (self.root(j), self.root(k));
        if j == k {
            return false;
        }
        self.parent[j.max(k) as usize] = j.min(k);
        self.count -= 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Greedy scan with memory, one correlation at a time, as the definition reads.
    fn plain(n: usize, m: usize, phi: &[f64], options: SparsityOptions) -> (f64, usize, usize) {
        let mut rows: Vec<Vec<f64>> = phi.chunks(m).map(<[f64]>::to_vec).collect();
        if options.normalize_rows {
            for row in &mut rows {
                let norm = row.iter().map(|v| v * v).sum::<f64>().sqrt();
                if norm > 0.0 {
                    row.iter_mut().for_each(|v| *v /= norm);
                }
            }
        }
        let column = |j: usize| -> Vec<f64> { rows.iter().map(|row| row[j]).collect() };
        let active = |v: &f64| options.active.is_active(*v);
        let correlation = |j: usize, k: usize| {
            let (a, b) = (column(j), column(k));
            let mean = |v: &[f64]| v.iter().sum::<f64>() / n as f64;
            let (a_mean, b_mean) = (mean(&a), mean(&b));
            let product = |p: &[f64], pm: f64, q: &[f64], qm: f64| -> f64 {
                p.iter().zip(q).map(|(p, q)| (p - pm) * (q - qm)).sum()
            };
            let constant = |v: &[f64]| v.iter().all(|x| (x - v[0]).abs() <= 1e-14 * v[0].abs());
            if constant(&a) || constant(&b) {
                return f64::NAN;
            }
            product(&a, a_mean, &b, b_mean) / (product(&a, a_mean, &a, a_mean) * product(&b, b_mean, &b, b_mean)).sqrt()
        };
        let alive: Vec<usize> = (0..m).filter(|&j| column(j).iter().any(active)).collect();
        let mut kept = alive.clone();
        for &j in &alive {
            if kept.iter().any(|&k| k != j && correlation(j, k).abs() > options.threshold) {
                kept.retain(|&k| k != j);
            }
        }
        let entries: usize = kept.iter().map(|&j| column(j).iter().filter(|v| active(v)).count()).sum();
        let mut colors: Vec<usize> = (0..m).collect();
        for &j in &alive {
            for &k in &alive {
                if j != k && correlation(j, k).abs() > options.threshold {
                    let (from, to) = (colors[j], colors[k]);
                    colors.iter_mut().filter(|c| **c == from).for_each(|c| *c = to);
                }
            }
        }
        let mut groups: Vec<usize> = alive.iter().map(|&j| colors[j]).collect();
        groups.sort_unstable();
        groups.dedup();
        (entries as f64 / (n * m) as f64, kept.len(), groups.len())
    }

    /// A layer with dead, constant, negated, scaled, nearly equal and independent neurons.
    fn layer(n: usize, m: usize, seed: u64) -> Vec<f64> {
        let mut stream = Stream::new(seed, Purpose::Data);
        let mut phi = vec![0.0; n * m];
        for j in 0..m {
            let source = if j > 0 { stream.below(j as u32) as usize } else { 0 };
            let (kind, scale) = (stream.below(8), 0.5 + stream.uniform());
            for i in 0..n {
                let old = phi[i * m + source];
                phi[i * m + j] = match kind {
                    0 => 0.0,
                    1 => scale,
                    2 => scale * old,
                    3 => -scale * old,
                    4 => old + 0.2 * stream.normal(),
                    _ => stream.normal().max(0.0),
                };
            }
        }
        phi
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]
        /// No threshold is a correlation that sparse neurons can have exactly, such as -1/2 of two that are active at one
        /// of three samples each: round-off would decide there, in either version.
        #[test]
        fn equals_the_plain_version(
            n in 1_usize..40, m in 1_usize..90, seed in 0_u64..1_000_000,
            normalize_rows: bool, nonzero: bool, threshold in prop::sample::select(vec![0.47, 0.8, 0.95, 0.999]),
        ) {
            let phi = layer(n, m, seed);
            let active = if nonzero { Active::Nonzero } else { Active::Positive };
            let options = SparsityOptions { normalize_rows, threshold, active, subset: None };
            let found = feature_sparsity(Activations::new(n, m, &phi).unwrap(), options).unwrap();
            let (coefficient, kept, groups) = plain(n, m, &phi, options);
            prop_assert_eq!((found.feature_sparsity, found.kept, found.groups), (coefficient, kept, groups));
            prop_assert_eq!(found.dead + found.duplicates + found.kept, m);
            prop_assert!(found.groups <= found.kept && found.feature_sparsity <= found.nonzero_share);
            let share = phi.iter().filter(|v| active.is_active(**v)).count() as f64 / (n * m) as f64;
            prop_assert_eq!(found.nonzero_share, share);
        }

    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]
        /// Many samples: blocks of pairs are given up before their last sample, which must not change the answer.
        #[test]
        fn early_stops_change_nothing(seed in 0_u64..1000) {
            let (n, m) = (400, 130);
            let phi = layer(n, m, seed);
            let options = SparsityOptions { threshold: 0.9, ..SparsityOptions::default() };
            let found = feature_sparsity(Activations::new(n, m, &phi).unwrap(), options).unwrap();
            let (coefficient, kept, groups) = plain(n, m, &phi, options);
            prop_assert_eq!((found.feature_sparsity, found.kept, found.groups), (coefficient, kept, groups));
        }
    }

    #[test]
    fn shuffled_neurons_have_the_same_groups() {
        let (n, m) = (30, 80);
        let phi = layer(n, m, 3);
        let mirrored: Vec<f64> = phi.chunks(m).flat_map(|row| row.iter().rev().copied()).collect();
        let of =
            |phi: &[f64]| feature_sparsity(Activations::new(n, m, phi).unwrap(), SparsityOptions::default()).unwrap();
        assert_eq!(of(&phi).groups, of(&mirrored).groups);
        assert_ne!(of(&phi).feature_sparsity, of(&mirrored).feature_sparsity);
    }

    #[test]
    fn single_precision_and_extreme_scales() {
        let (n, m) = (30, 20);
        let phi = layer(n, m, 5);
        let single: Vec<f32> = phi.iter().map(|v| *v as f32).collect();
        let double: Vec<f64> = single.iter().map(|v| f64::from(*v)).collect();
        let options = SparsityOptions { normalize_rows: true, ..SparsityOptions::default() };
        let found = feature_sparsity(Activations::new(n, m, &double).unwrap(), options).unwrap();
        assert_eq!(feature_sparsity(Activations::new(n, m, &single).unwrap(), options).unwrap(), found);
        for scale in [1e-290, 1e290] {
            let scaled: Vec<f64> = double.iter().map(|v| v * scale).collect();
            assert_eq!(feature_sparsity(Activations::new(n, m, &scaled).unwrap(), options).unwrap(), found);
        }
    }

    #[test]
    fn all_zero_one_sample_and_constant_neurons() {
        let options = SparsityOptions::default();
        let zero = feature_sparsity(Activations::new(2, 3, &[0.0; 6]).unwrap(), options).unwrap();
        assert_eq!((zero.feature_sparsity, zero.nonzero_share, zero.dead, zero.groups), (0.0, 0.0, 3, 0));
        // one sample has no correlation
        let one = feature_sparsity(Activations::new(1, 3, &[1.0, 0.0, 2.0]).unwrap(), options).unwrap();
        assert_eq!((one.feature_sparsity, one.kept, one.groups), (2.0 / 3.0, 2, 2));
        let constant = [0.1, 0.7, 0.1, 0.3, 0.1, 0.9];
        let found = feature_sparsity(Activations::new(3, 2, &constant).unwrap(), options).unwrap();
        assert_eq!((found.kept, found.duplicates, found.feature_sparsity), (2, 0, 1.0));
    }

    #[test]
    fn bad_input_is_named() {
        assert_eq!(
            Activations::new(1, 3, &[1.0, f64::NAN, 2.0]).unwrap_err().to_string(),
            "activation NaN of neuron 1 at sample 0, expected finite numbers"
        );
        assert!(Activations::<f64>::new(0, 3, &[]).is_err() && Activations::new(2, 2, &[1.0; 3]).is_err());
        let phi = Activations::new(1, 1, &[1.0]).unwrap();
        let with = |threshold| SparsityOptions { threshold, ..SparsityOptions::default() };
        assert!(feature_sparsity(phi, with(f64::NAN)).is_err() && feature_sparsity(phi, with(1.5)).is_err());
        let none = SparsityOptions { subset: Some((0, 1)), ..SparsityOptions::default() };
        assert_eq!(feature_sparsity(phi, none), Err(SparsityError::EmptySubset));
    }

    /// A subset is the coefficient of its columns alone, and differs with the seed.
    #[test]
    fn subsets_are_their_columns() {
        let (n, m) = (20, 50);
        let phi = layer(n, m, 9);
        let chosen = random_subset(m, 12, 4);
        assert_eq!(chosen.len(), 12);
        assert_ne!(chosen, random_subset(m, 12, 5));
        let alone: Vec<f64> = phi.chunks(m).flat_map(|row| chosen.iter().map(|&j| row[j])).collect();
        let options = SparsityOptions::default();
        let expected = feature_sparsity(Activations::new(n, 12, &alone).unwrap(), options).unwrap();
        let subset = SparsityOptions { subset: Some((12, 4)), ..options };
        assert_eq!(feature_sparsity(Activations::new(n, m, &phi).unwrap(), subset).unwrap(), expected);
    }
}
