//! The logarithm of what the steps of a diagonal network multiply `u^2 - v^2` with, accumulated exactly.

/// For each coordinate of `theta = [u, v]`, the logarithm of what the steps so far have multiplied `|u_j^2 - v_j^2|` with.
///
/// A step `u' = u - g v`, `v' = v - g u` multiplies `u + v` with `1 - g` and `u - v` with `1 + g`. The larger of the two is
/// known to full relative precision before and after the step, and so is g. The smaller one drowns in the round-off of u
/// and v after a while: `u^2 - v^2` of the last parameters does not tell the factor. Exact for steps of this form, which
/// all dynamics have but equations with corrections (second order, Heun's scheme); minus infinity once u and v are 0.
#[derive(Clone, Debug, PartialEq)]
pub struct LogFactors {
    seen: Vec<f64>,
    /// Factors of the last few steps, multiplied: a logarithm is taken now and then.
    products: Vec<f64>,
    pending: u32,
    logs: Vec<f64>,
}

/// A logarithm is taken of the product of so many factors.
const TOGETHER: u32 = 8;

impl LogFactors {
    /// From here on; `theta` has an even length.
    pub fn new(theta: &[f64]) -> Self {
        let d = theta.len() / 2;
        Self { seen: theta.to_vec(), products: vec![1.0; d], pending: 0, logs: vec![0.0; d] }
    }

    /// Takes in a step that led to `theta`; what was seen already changes nothing.
    pub fn see(&mut self, theta: &[f64]) {
        let d = self.logs.len();
        let ((old_u, old_v), (u, v)) = (self.seen.split_at(d), theta.split_at(d));
        for (j, product) in self.products.iter_mut().enumerate() {
            let (sum, difference) = (old_u[j] + old_v[j], old_u[j] - old_v[j]);
            let (before, after) =
                if sum.abs() >= difference.abs() { (sum, u[j] + v[j]) } else { (difference, u[j] - v[j]) };
            // 1 - g or 1 + g; a coordinate at 0 stays there
            let ratio = if before == 0.0 { 1.0 } else { after / before };
            *product *= (ratio * (2.0 - ratio)).abs();
        }
        self.seen.copy_from_slice(theta);
        self.pending += 1;
        if self.pending == TOGETHER {
            self.logs = self.values();
            self.products.fill(1.0);
            self.pending = 0;
        }
    }

    /// Goes on from other parameters, which no step has led to.
    pub fn go_on_from(&mut self, theta: &[f64]) {
        self.seen.copy_from_slice(theta);
    }

    /// The logarithms.
    pub fn values(&self) -> Vec<f64> {
        self.logs.iter().zip(&self.products).map(|(log, product)| log + libm::log(*product)).collect()
    }

    /// What it takes to go on, beside the parameters.
    pub fn state(&self) -> Vec<f64> {
        [f64::from(self.pending)].iter().chain(&self.products).chain(&self.logs).copied().collect()
    }

    /// At the parameters `theta`, with a [`state`](Self::state); `None` if it is of another length.
    pub fn resumed(state: &[f64], theta: &[f64]) -> Option<Self> {
        let (pending, rest) = state.split_first()?;
        let (products, logs) = rest.split_at_checked(theta.len() / 2)?;
        (products.len() == logs.len()).then(|| Self {
            seen: theta.to_vec(),
            products: products.to_vec(),
            pending: *pending as u32,
            logs: logs.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `1 - g^2` for a g that is the same in each step, long after `u - v` has drowned in the round-off of u and v; where both
    /// are 0, where v is negative, and from a state.
    #[test]
    fn factors_are_exact_beyond_round_off() {
        let (g, steps) = (0.1, 6001);
        let mut theta = [0.1, 0.0, -0.3, 0.0, 0.0, 0.2];
        let mut factors = LogFactors::new(&theta);
        for t in 0..steps {
            // large and small in turn, so that u and v stay in range
            let g = if t % 2 == 0 { -g } else { g / (1.0 + g) };
            for j in 0..3 {
                let (u, v) = (theta[j], theta[3 + j]);
                (theta[j], theta[3 + j]) = (u - g * v, v - g * u);
            }
            factors.see(&theta);
            factors.see(&theta);
            if t == 3003 {
                factors = LogFactors::resumed(&factors.state(), &theta).unwrap();
            }
        }
        let of = |g: f64| libm::log(1.0 - g * g);
        let expected = 3001.0 * of(g) + 3000.0 * of(g / (1.0 + g));
        let values = factors.values();
        assert!((values[0] / expected - 1.0).abs() < 1e-12, "{values:?} {expected}");
        assert!((values[2] / expected - 1.0).abs() < 1e-12 && values[1] == 0.0, "{values:?}");
        // u and v are equal to the last digits, which tell less than that
        let told = libm::log((theta[0] - theta[3]).abs().max(f64::EPSILON * theta[0]) * (theta[0] + theta[3]) / 0.01);
        assert!(told > 0.9 * expected, "{told} {expected}");
        assert_eq!(LogFactors::resumed(&[0.0; 6], &theta), None);
    }
}
