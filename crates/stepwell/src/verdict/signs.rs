//! Paired seeds as signs: in how many something is so, in how many not, and how many are tied.

use serde::{Deserialize, Serialize};

use crate::statistics::{Share, sign_test};

/// Level of all tests.
pub(super) const LEVEL: f64 = 0.05;

/// How pairs turned out. Ties tell nothing about the direction: they are counted, and left out of the test.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signs {
    /// Pairs in which it is so.
    pub so: usize,
    /// Pairs whose values are equal.
    pub tied: usize,
    /// Pairs in which the opposite is so.
    pub opposite: usize,
}

impl Signs {
    /// Whether the second value is smaller than the first one; pairs with a NaN are left out.
    ///
    /// ```
    /// use stepwell::verdict::Signs;
    /// let signs = Signs::smaller(&[(2.0, 1.0), (1.0, 1.0), (3.0, f64::NAN)]);
    /// assert_eq!(signs, Signs { so: 1, tied: 1, opposite: 0 });
    /// ```
    pub fn smaller(pairs: &[(f64, f64)]) -> Self {
        let count = |is_so: fn(&(f64, f64)) -> bool| pairs.iter().filter(|pair| is_so(pair)).count();
        Self { so: count(|(a, b)| b < a), tied: count(|(a, b)| a == b), opposite: count(|(a, b)| b > a) }
    }

    /// Whether something happens in the second arm rather than in the first one (McNemar's discordant pairs).
    pub fn more_often(pairs: &[(bool, bool)]) -> Self {
        let count = |wanted: (bool, bool)| pairs.iter().filter(|pair| **pair == wanted).count();
        let (so, opposite) = (count((false, true)), count((true, false)));
        Self { so, tied: pairs.len() - so - opposite, opposite }
    }

    /// Pairs with a direction.
    pub fn untied(&self) -> usize {
        self.so + self.opposite
    }

    /// All pairs.
    pub fn pairs(&self) -> usize {
        self.untied() + self.tied
    }

    /// The share of pairs in which it is so, of those with a direction.
    pub fn share(&self) -> Share {
        Share::of(self.so, self.untied())
    }

    /// The p-value of the exact two-sided sign test on the pairs with a direction.
    pub fn p(&self) -> f64 {
        sign_test(self.so, self.opposite)
    }
}

/// The least number of untied pairs with which a test among `family` tests can be significant: if all of them agree,
/// `family 2^(1 - n) <= 0.05`.
///
/// ```
/// assert_eq!([1, 3, 4].map(stepwell::verdict::least_pairs), [6, 7, 8]);
/// ```
pub fn least_pairs(family: usize) -> usize {
    (1..).find(|n| family as f64 * sign_test(0, *n) <= LEVEL).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_are_no_votes() {
        let pairs: Vec<(f64, f64)> =
            [(2.0, 1.0); 21].into_iter().chain([(1.0, 1.0); 15]).chain([(1.0, 2.0); 6]).collect();
        let signs = Signs::smaller(&pairs);
        assert_eq!((signs.so, signs.tied, signs.opposite, signs.pairs()), (21, 15, 6, 42));
        assert_eq!((signs.share().hits, signs.share().total), (21, 27));
        assert!((signs.p() - 0.005_92).abs() < 1e-5);
    }

    #[test]
    fn only_discordant_pairs_tell() {
        let pairs = [(false, true), (true, true), (false, false), (true, false), (false, true)];
        assert_eq!(Signs::more_often(&pairs), Signs { so: 2, tied: 2, opposite: 1 });
    }
}
