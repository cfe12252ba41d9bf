//! Tests that may be repeated, and that may look at their runs as often as they like: each attempt may err with half of the
//! probability of the one before, all of them together with 5%.

use super::confidence_sequence;

/// One of several attempts to show that a share is below a level: each takes fresh trials, may look at them as often as it
/// likes, and may err with half of the probability of the one before, `0.025 / 2^k` for k = 0, 1, ..; all of them together with
/// 5%.
///
/// ```
/// use stepwell::statistics::{Attempt, Look};
/// let first = Attempt::first(0.05);
/// // three of 200 may be fewer than 5%, three of 300 are
/// assert_eq!((first.look(3, 200, 800), first.look(3, 300, 800)), (Look::Open, Look::Below));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attempt {
    level: f64,
    error: f64,
}

/// What an attempt knows after some of its runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// The share lies below the level.
    Below,
    /// More runs can tell.
    Open,
    /// More runs would hardly tell.
    Hopeless,
}

impl Attempt {
    /// The first one: it may err in 2.5%.
    pub fn first(level: f64) -> Self {
        Self { level, error: 0.025 }
    }

    /// The next one, with other runs.
    pub fn next(self) -> Self {
        Self { error: 0.5 * self.error, ..self }
    }

    /// How many runs it takes if none of them diverges.
    pub fn least_seeds(self) -> u64 {
        let tells = |n: u64| self.upper_end(0, n as usize) <= self.level;
        let enough = (0..60).map(|k| 1 << k).find(|n| tells(*n)).unwrap_or(1 << 60);
        let (mut few, mut many) = (enough / 2, enough);
        while many - few > 1 {
            let middle = few + (many - few) / 2;
            if tells(middle) { many = middle } else { few = middle }
        }
        many
    }

    /// The upper end of the share with `hits` of `total`, at the confidence of this attempt, however often one looks.
    pub fn upper_end(self, hits: usize, total: usize) -> f64 {
        confidence_sequence(hits, total, self.error)[1]
    }

    /// What `hits` of `total` runs tell, where at most `most` are taken: giving up too early is no error of the kind that is
    /// limited.
    pub fn look(self, hits: usize, total: usize, most: usize) -> Look {
        match () {
            () if self.upper_end(hits, total) <= self.level => Look::Below,
            () if total >= most || self.upper_end(hits, most) > self.level => Look::Hopeless,
            () if hits as f64 > 0.8 * self.level * total as f64 + 2.0 => Look::Hopeless,
            () => Look::Open,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Stream};

    #[test]
    fn so_many_runs_tell_a_small_share() {
        let first = Attempt::first(0.05);
        let least = first.least_seeds();
        assert!((100..150).contains(&least), "{least}");
        assert_eq!(first.look(0, least as usize, 800), Look::Below);
        assert_eq!(first.look(0, least as usize - 1, 800), Look::Open);
        assert_eq!(first.look(0, least as usize - 1, least as usize - 1), Look::Hopeless);
        assert!(first.next().least_seeds() > least && Attempt::first(0.5).least_seeds() < 20);
        // a share of 2% is told by 800 runs, one of 10% is given up
        assert_eq!((first.look(16, 800, 800), first.look(20, 200, 800)), (Look::Below, Look::Hopeless));
    }

    /// At a share of exactly the level, twenty attempts with fresh runs, each looked at after every ten of them, pass in at
    /// most 5% of cases; at a third of it nearly all do.
    #[test]
    fn many_looks_and_attempts_err_together_no_more_than_allowed() {
        let mut stream = Stream::new(1, Purpose::Noise);
        let cases = 1_000;
        let passes = |stream: &mut Stream, one_in: u32, attempts: usize| {
            let mut attempt = Attempt::first(0.05);
            (0..attempts).any(|_| {
                let (mut hits, mut total, mut look) = (0, 0, Look::Open);
                while look == Look::Open {
                    hits += (0..10).filter(|_| stream.below(one_in) == 0).count();
                    total += 10;
                    look = attempt.look(hits, total, 800);
                }
                attempt = attempt.next();
                look == Look::Below
            })
        };
        let passed = |stream: &mut Stream, one_in, attempts| {
            (0..cases).filter(|_| passes(stream, one_in, attempts)).count() as f64 / f64::from(cases)
        };
        // four standard errors above 5%
        let wrong = passed(&mut stream, 20, 20);
        assert!(wrong > 0.0 && wrong <= 0.05 + 4.0 * (0.05 * 0.95 / f64::from(cases)).sqrt(), "{wrong}");
        let right = passed(&mut stream, 60, 1);
        assert!(right > 0.8, "{right}");
    }
}
