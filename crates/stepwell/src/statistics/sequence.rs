//! An interval of a share that may be looked at after every run, and that may decide when to stop.

use super::beta::{crossing, ln_beta};

/// Weight of the mixture near 0 and 1: Jeffreys' law, narrow where shares are small.
const MIXED: f64 = 0.5;

/// A confidence sequence: with a chance of at least `1 - alpha` the intervals after 1, 2, 3, .. trials *all* hold the share, so
/// that a program may look after each trial and stop when it likes. (An interval of a fixed number of trials, like
/// [`Share`](super::Share)'s, misses in the end if one looks often enough.) `[0, 1]` before the first trial.
///
/// The interval is where the beta mixture's likelihood ratio stays below `1 / alpha`, with `s` successes among `n` trials:
/// `B(a + s, a + n - s) / B(a, a) < p^s (1 - p)^(n - s) / alpha`, `a = 1/2`. Sources: Ville, *Étude critique de la notion de
/// collectif* (1939), for the bound; Robbins, Ann. Math. Stat. 41 (1970), for the mixture.
///
/// ```
/// use stepwell::statistics::confidence_sequence;
/// let [low, high] = confidence_sequence(0, 149, 0.05);
/// assert!(low == 0.0 && high < 0.045);
/// ```
///
/// # Panics
/// If there are more successes than trials.
pub fn confidence_sequence(successes: usize, trials: usize, alpha: f64) -> [f64; 2] {
    assert!(successes <= trials, "{successes} successes in {trials} trials");
    if trials == 0 {
        return [0.0, 1.0];
    }
    let (s, f) = (successes as f64, (trials - successes) as f64);
    let mixed = ln_beta(MIXED + s, MIXED + f) - ln_beta(MIXED, MIXED);
    let ln_likelihood = |p: f64| {
        let part = |count: f64, ln: f64| if count == 0.0 { 0.0 } else { count * ln };
        part(s, libm::log(p)) + part(f, libm::log1p(-p))
    };
    let excluded = |p: f64| mixed - ln_likelihood(p) >= -libm::log(alpha);
    let best = s / (s + f);
    let low = if successes == 0 { 0.0 } else { crossing(0.0, best, excluded) };
    let high = if successes == trials { 1.0 } else { crossing(best, 1.0, |p| !excluded(p)) };
    [low, high]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Stream};

    #[test]
    fn it_is_wider_than_an_interval_of_a_fixed_number_and_shrinks() {
        for (s, n) in [(0, 10), (5, 10), (30, 100), (100, 100)] {
            let [low, high] = confidence_sequence(s, n, 0.05);
            let [l, h] = super::super::clopper_pearson(s, n, 0.05);
            assert!(low <= l && h <= high, "{s} of {n}");
            let [closer, nearer] = confidence_sequence(10 * s, 10 * n, 0.05);
            assert!(nearer - closer < 0.5 * (high - low), "{s} of {n}");
        }
        assert_eq!(confidence_sequence(0, 0, 0.05), [0.0, 1.0]);
    }

    /// No success among n: the upper end solves `(1 - p)^n = alpha B(1/2, n + 1/2) / B(1/2, 1/2)`; for n = 1 that is
    /// `alpha / 2`.
    #[test]
    fn ends_in_closed_form() {
        let [low, high] = confidence_sequence(0, 1, 0.05);
        assert!(low == 0.0 && (high - 0.975).abs() < 1e-12, "{high}");
    }

    /// Who looks often at 1,000 trials is misled in at most 5% of 1,000 such series; by intervals of a fixed number of trials
    /// in far more.
    #[test]
    fn it_covers_at_all_times() {
        let missed = |p: f64, interval: fn(usize, usize) -> [f64; 2]| {
            let ever = |seed: u64| {
                let mut stream = Stream::new(seed, Purpose::Probe);
                let mut successes = 0;
                (1..=1000).any(|n| {
                    successes += usize::from(stream.uniform() < p);
                    let [low, high] = if n < 50 || n % 20 == 0 { interval(successes, n) } else { [0.0, 1.0] };
                    !(low..=high).contains(&p)
                })
            };
            (0..1000).filter(|seed| ever(*seed)).count()
        };
        for p in [0.01, 0.05, 0.5] {
            // 5% and two standard errors of it
            let found = missed(p, |s, n| confidence_sequence(s, n, 0.05));
            assert!(found <= 64, "{found} of 1000 at {p}");
        }
        let fixed = missed(0.05, |s, n| super::super::clopper_pearson(s, n, 0.05));
        assert!(fixed > 120, "{fixed} of 1000");
    }
}
