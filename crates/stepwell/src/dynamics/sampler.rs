//! Where sample indices come from: our own stream, NumPy's legacy stream, or a recorded sequence.

use std::sync::Arc;

use crate::rng::{NumpyLegacy, Purpose, Stream};

/// A source of sample indices, uniform on `0..n`.
#[derive(Clone, Debug)]
pub enum IndexSource {
    /// Our own stream; one word an index.
    Own(Box<Stream>),
    /// `numpy.random.randint(n)` of the legacy stream, as in the published experiments.
    NumpyLegacy(Box<NumpyLegacy>),
    /// A recorded sequence, replayed from its start; its caller has checked that it is long enough.
    Replay {
        /// The recorded indices.
        indices: Arc<[u32]>,
        /// Which comes next.
        next: usize,
    },
}

/// Draws sample indices below `n`.
#[derive(Clone, Debug)]
pub struct Sampler {
    source: IndexSource,
    n: u32,
}

impl Sampler {
    /// Indices below `n` from a source.
    pub fn new(source: IndexSource, n: usize) -> Self {
        Self { source, n: u32::try_from(n).unwrap_or(u32::MAX) }
    }

    /// Indices below `n` from our own stream of `seed`.
    pub fn own(seed: u64, n: usize) -> Self {
        Self::new(IndexSource::Own(Box::new(Stream::new(seed, Purpose::Batch))), n)
    }

    /// The number n of samples.
    pub fn samples(&self) -> u32 {
        self.n
    }

    /// The next index.
    #[inline]
    pub fn draw(&mut self) -> usize {
        self.draw_below(self.n) as usize
    }

    /// The next indices, appended to `out`.
    pub fn draw_many(&mut self, count: usize, out: &mut Vec<u32>) {
        let n = self.n;
        match &mut self.source {
            IndexSource::Own(stream) => out.extend((0..count).map(|_| stream.below(n))),
            IndexSource::NumpyLegacy(stream) => out.extend((0..count).map(|_| stream.below(n))),
            IndexSource::Replay { indices, next } => {
                let known = indices.get(*next..).unwrap_or(&[]);
                out.extend(known.iter().copied().chain(std::iter::repeat(0)).take(count));
                *next += count;
            }
        }
    }

    /// Where its source stands, as words.
    pub fn position(&self) -> Vec<u64> {
        match &self.source {
            IndexSource::Own(stream) => vec![stream.position()],
            IndexSource::NumpyLegacy(stream) => stream.position(),
            IndexSource::Replay { next, .. } => vec![*next as u64],
        }
    }

    /// Goes to a [`Sampler::position`] of the same source; false if it is none.
    pub fn seek(&mut self, position: &[u64]) -> bool {
        match (&mut self.source, position) {
            (IndexSource::Own(stream), [word]) => stream.seek(*word),
            (IndexSource::NumpyLegacy(stream), position) => return stream.seek(position),
            (IndexSource::Replay { next, .. }, [index]) => *next = *index as usize,
            _ => return false,
        }
        true
    }

    /// The next index below `n`, for shuffles.
    #[inline]
    pub fn draw_below(&mut self, n: u32) -> u32 {
        match &mut self.source {
            IndexSource::Own(stream) => stream.below(n),
            IndexSource::NumpyLegacy(stream) => stream.below(n),
            IndexSource::Replay { indices, next } => {
                let index = indices.get(*next).copied().unwrap_or(0);
                *next += 1;
                index
            }
        }
    }
}
