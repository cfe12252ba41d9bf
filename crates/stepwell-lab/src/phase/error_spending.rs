//! Tests that may be repeated: each attempt may err with half of the probability of the one before, all of them together with 5%.

use stepwell::statistics::clopper_pearson;

/// One of several attempts to show that a share is below a level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Attempt {
    level: f64,
    error: f64,
}

impl Attempt {
    /// The first one: it may err in 2.5%.
    pub(super) fn first(level: f64) -> Self {
        Self { level, error: 0.025 }
    }

    /// The next one, with other runs.
    pub(super) fn next(self) -> Self {
        Self { error: 0.5 * self.error, ..self }
    }

    /// How many runs it takes if none of them diverges: `(1 - level)^n <= error`.
    pub(super) fn least_seeds(self) -> u64 {
        (libm::log(self.error) / libm::log1p(-self.level)).ceil() as u64
    }

    /// The upper end of the share with `hits` of `total`, at the confidence of this attempt.
    pub(super) fn upper_end(self, hits: usize, total: usize) -> f64 {
        clopper_pearson(hits, total, 2.0 * self.error)[1]
    }
}

/// The most of `total` runs that may diverge; `None` where that is not even 0.
pub(super) fn most_diverged(attempt: Attempt, total: usize) -> Option<usize> {
    (0..total).take_while(|hits| attempt.upper_end(*hits, total) <= attempt.level).last()
}

#[cfg(test)]
mod tests {
    use stepwell::rng::{Purpose, Stream};

    use super::*;

    /// `0.95^72 = 0.0249`.
    #[test]
    fn so_many_runs_tell_a_small_share() {
        let first = Attempt::first(0.05);
        assert_eq!((first.least_seeds(), Attempt::first(0.5).least_seeds()), (72, 6));
        assert_eq!(
            (most_diverged(first, 72), most_diverged(first, 71), most_diverged(first, 200)),
            (Some(0), None, Some(3))
        );
        assert!(first.next().least_seeds() > 72);
    }

    /// At a share of exactly the level, twenty attempts with fresh runs pass in at most 5% of cases.
    #[test]
    fn many_attempts_err_together_no_more_than_allowed() {
        let mut stream = Stream::new(1, Purpose::Noise);
        let cases = 2_000;
        let passes = |stream: &mut Stream| {
            let mut attempt = Attempt::first(0.05);
            (0..20).any(|_| {
                let total = attempt.least_seeds().max(200) as usize;
                let hits = (0..total).filter(|_| stream.below(20) == 0).count();
                let passed = most_diverged(attempt, total) >= Some(hits);
                attempt = attempt.next();
                passed
            })
        };
        let passed = (0..cases).filter(|_| passes(&mut stream)).count();
        // four standard errors above 5%
        assert!(passed as f64 <= 0.05 * f64::from(cases) + 4.0 * (0.05 * 0.95 * f64::from(cases)).sqrt(), "{passed}");
        assert!(passed > 0);
    }
}
