//! The scalar toy model as a map: `phi <- h_gamma(phi) = phi + gamma phi (1 - phi^2)` with `phi = theta / theta_*` and
//! `gamma = eta theta_*^2 x^2`. Losses are in units of `E[x^2] theta_*^4`.

/// `h_gamma(phi) = phi + gamma phi (1 - phi^2)`: one SGD step on a sample with this gamma.
pub fn step(gamma: f64, phi: f64) -> f64 {
    phi + gamma * phi * (1.0 - phi * phi)
}

/// Derivative `1 + gamma (1 - 3 phi^2)` of the map.
pub fn slope(gamma: f64, phi: f64) -> f64 {
    1.0 + gamma * (1.0 - 3.0 * phi * phi)
}

/// `F = 1/4 (1 - phi^2)^2`.
pub fn loss(phi: f64) -> f64 {
    let gap = 1.0 - phi * phi;
    0.25 * gap * gap
}

/// The two points of the 2-cycle, `(sqrt(1 + 3/gamma) -+ sqrt(1 - 1/gamma)) / 2`, which exists for `gamma > 1`.
pub fn two_cycle(gamma: f64) -> Option<(f64, f64)> {
    let (sum, difference) = ((1.0 + 3.0 / gamma).sqrt(), (1.0 - 1.0 / gamma).sqrt());
    (gamma > 1.0).then_some((0.5 * (sum - difference), 0.5 * (sum + difference)))
}

/// Mean loss `(1 - gamma^-2) / 8` of the 2-cycle.
pub fn two_cycle_mean_loss(gamma: f64) -> f64 {
    (1.0 - 1.0 / (gamma * gamma)) / 8.0
}

/// The 2-cycle is stable up to this gamma, `sqrt 5 - 1`, where its multiplier `9 - 2 (1 + gamma)^2` is -1.
pub fn period_doubling() -> f64 {
    5.0_f64.sqrt() - 1.0
}

/// Mean and extent of an orbit after its transient.
#[derive(Clone, Debug)]
pub struct Orbit {
    /// The points, in order; empty if the orbit left the bounded set.
    pub points: Vec<f64>,
    /// Mean loss over the points.
    pub mean_loss: f64,
    /// Lyapunov exponent: mean of `ln |h'|`.
    pub lyapunov: f64,
}

/// The orbit of `phi` under a constant gamma: `keep` points after `skip` steps.
pub fn orbit(gamma: f64, mut phi: f64, skip: usize, keep: usize) -> Orbit {
    for _ in 0..skip {
        phi = step(gamma, phi);
    }
    let mut points = Vec::with_capacity(keep);
    let (mut losses, mut logs) = (0.0, 0.0);
    for _ in 0..keep {
        points.push(phi);
        losses += loss(phi);
        logs += libm::log(slope(gamma, phi).abs());
        phi = step(gamma, phi);
    }
    if !phi.is_finite() {
        return Orbit { points: Vec::new(), mean_loss: f64::INFINITY, lyapunov: f64::INFINITY };
    }
    Orbit { points, mean_loss: losses / keep as f64, lyapunov: logs / keep as f64 }
}

/// The four regions of the proof for `gamma` in `[1 + s, 1.25]`: `I_0 = (0, 0.65]`, `I_1 = (0.65, 1 - eps_0)`,
/// `I_2 = [1 - eps_0, 1)`, `I_3 = (1, 1.162)`, with `eps_0 = min(s/3, 0.02)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Regions {
    /// The width of the gap about the minimum.
    pub eps0: f64,
}

/// Upper end of `I_0`.
pub const LOW: f64 = 0.65;
/// Upper end of `I_3`: no iterate passes it.
pub const HIGH: f64 = 1.162;
/// No loss on the attracting set passes this.
pub const HIGHEST_LOSS: f64 = 0.0821;

impl Regions {
    /// The regions for the smallest gamma.
    pub fn new(gamma_min: f64) -> Self {
        Self { eps0: ((gamma_min - 1.0) / 3.0).min(0.02) }
    }

    /// Which region holds `phi`: 0 to 3; `None` outside of all.
    pub fn of(&self, phi: f64) -> Option<usize> {
        match phi {
            phi if phi <= 0.0 => None,
            phi if phi <= LOW => Some(0),
            phi if phi < 1.0 - self.eps0 => Some(1),
            phi if phi < 1.0 => Some(2),
            phi if phi > 1.0 && phi < HIGH => Some(3),
            _ => None,
        }
    }

    /// The loss on the attracting set lies above `1/4 (2 eps_0 - eps_0^2)^2`.
    pub fn lowest_loss(&self) -> f64 {
        loss(1.0 - self.eps0)
    }

    /// The first `t_0` from which on the iterates alternate: `I_1` at even, `(1 + eps_0, 1.162)` at odd distances; `None`
    /// if they do not up to the end of `path`, or only in its last two points.
    pub fn alternation_from(&self, path: &[f64]) -> Option<usize> {
        let above = |phi: f64| phi > 1.0 + self.eps0 && phi < HIGH;
        let fits = |pair: &[f64]| {
            (self.of(pair[0]) == Some(1) && above(pair[1])) || (above(pair[0]) && self.of(pair[1]) == Some(1))
        };
        let broken = path.windows(2).rposition(|pair| !fits(pair)).map_or(0, |k| k + 1);
        let first = if self.of(*path.get(broken)?) == Some(1) { broken } else { broken + 1 };
        (first + 3 <= path.len()).then_some(first)
    }
}

/// At most this many steps are spent below 0.65: `ceil(ln(0.65/phi_0) / ln 1.5774) + 1`.
pub fn most_steps_below_low(phi0: f64) -> usize {
    (libm::log(LOW / phi0) / libm::log(1.5774)).ceil().max(0.0) as usize + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_cycle_is_one() {
        for gamma in [1.01, 1.1, 1.2, 1.24] {
            let (low, high) = two_cycle(gamma).unwrap();
            assert!((step(gamma, low) - high).abs() < 1e-15 && (step(gamma, high) - low).abs() < 1e-15);
            assert!((low * high - 1.0 / gamma).abs() < 1e-15);
            assert!((0.5 * (loss(low) + loss(high)) - two_cycle_mean_loss(gamma)).abs() < 1e-16);
            let multiplier = slope(gamma, low) * slope(gamma, high);
            assert!((multiplier - (9.0 - 2.0 * (1.0 + gamma) * (1.0 + gamma))).abs() < 1e-13);
        }
        assert_eq!(two_cycle(1.0), None);
    }

    #[test]
    fn orbits_settle_on_the_cycle_and_double_at_its_threshold() {
        let distinct = |gamma: f64| {
            let mut points = orbit(gamma, 0.3, 100_000, 64).points;
            points.sort_by(f64::total_cmp);
            points.dedup_by(|a, b| (*a - *b).abs() < 1e-9);
            points.len()
        };
        assert_eq!((distinct(0.9), distinct(period_doubling() - 1e-3), distinct(period_doubling() + 1e-3)), (1, 2, 4));
    }

    /// At gamma = 2 the map is conjugate to a Chebyshev polynomial: Lyapunov exponent ln 3, mean loss 1/8.
    #[test]
    fn chebyshev_point() {
        let found = orbit(2.0, 0.3, 100, 1_000_000);
        assert!((found.lyapunov - libm::log(3.0)).abs() < 0.01, "{}", found.lyapunov);
        assert!((found.mean_loss - 0.125).abs() < 1e-3, "{}", found.mean_loss);
    }

    #[test]
    fn regions_and_alternation() {
        let regions = Regions::new(1.03);
        assert_eq!(
            [0.5, 0.7, 0.995, 1.1, 1.2, -0.1].map(|phi| regions.of(phi)),
            [Some(0), Some(1), Some(2), Some(3), None, None]
        );
        let mut path = vec![0.1];
        for k in 0..200 {
            let gamma = if k % 3 == 0 { 1.03 } else { 1.22 };
            path.push(step(gamma, path[k]));
        }
        let from = regions.alternation_from(&path).unwrap();
        assert!(from < 100, "{from}");
        assert!(path.iter().filter(|phi| **phi <= LOW).count() <= most_steps_below_low(0.1));
        assert_eq!(regions.alternation_from(&[0.1, 0.2, 0.3]), None);
    }
}
