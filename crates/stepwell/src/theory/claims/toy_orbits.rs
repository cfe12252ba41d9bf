//! Orbits of the scalar toy model: steps and times of the proof, cycles, and thresholds for random step sizes.

use super::{Claim, Finding, Method, Seeds, Verdict};
use crate::rng::{Purpose, Stream};
use crate::theory::toy_map::{
    loss as level, period_doubling as doubling_gamma, slope, step as h, two_cycle as cycle, two_cycle_mean_loss,
};

const PROOF: &str = "Andriushchenko et al. 2023, proof of Proposition 2";
const OURS: &str = "ours";

pub(super) const CLAIMS: &[Claim] = &[
    Claim {
        name: "toy-steps",
        statement: "(0,0.65] grows; I_1 = (0.65,1-eps0) goes to I_4 = (1+eps0,1.162) and back; I_2 = [1-eps0,1) goes to I_3 = (1,1+eps0] or I_4; I_3 to I_1 or I_2",
        source: PROOF,
        method: Method::ClosedForm,
        horizon: "4,000 orbits of 200 steps",
        expected: Verdict::HoldsCorrected,
        correction: "\"I_3 goes to I_1 or I_3\" reads \"I_1 or I_2\"; \"for all k' > k .. I_2\" reads \"k' < k\"",
        seeds: None,
        check: |_| steps(),
    },
    Claim {
        name: "toy-time",
        statement: "at most ceil(ln(0.65/phi_0) / ln 1.5774) + 1 iterates are below 0.65; |1 - phi| grows over two steps from [1-eps0,1) by at least (1+s(1-s))(1+2s)",
        source: OURS,
        method: Method::ClosedForm,
        horizon: "20,000 orbits up to 0.65",
        expected: Verdict::Holds,
        correction: "",
        seeds: None,
        check: |_| times(),
    },
    Claim {
        name: "toy-two-cycle",
        statement: "the 2-cycle (sqrt(1+3/gamma) -+ sqrt(1-1/gamma)) / 2 has product 1/gamma, multiplier 9 - 2 (1+gamma)^2 and mean loss (1 - gamma^-2) / 8",
        source: OURS,
        method: Method::ClosedForm,
        horizon: "20,000 steps at each of four gammas",
        expected: Verdict::Holds,
        correction: "",
        seeds: None,
        check: |_| two_cycle(),
    },
    Claim {
        name: "toy-period-doubling",
        statement: "the 2-cycle doubles its period at gamma = sqrt 5 - 1 < 1.25; above, only the side alternates",
        source: OURS,
        method: Method::ClosedForm,
        horizon: "200,000 steps at each gamma",
        expected: Verdict::Holds,
        correction: "",
        seeds: None,
        check: |_| period_doubling(),
    },
    Claim {
        name: "toy-positivity",
        statement: "with constant gamma iterates stay positive iff gamma <= 3 sqrt 3 / 2 - 1 and bounded iff gamma <= 2",
        source: OURS,
        method: Method::ClosedForm,
        horizon: "200 orbits of 2,000 steps at each gamma",
        expected: Verdict::Holds,
        correction: "",
        seeds: None,
        check: |_| positivity(),
    },
    Claim {
        name: "toy-chebyshev",
        statement: "at gamma = 2, h(sqrt 2 cos t) = -sqrt 2 cos 3t: Lyapunov exponent ln 3, mean loss 1/8",
        source: OURS,
        method: Method::Statistics,
        horizon: "200 orbits of 2,000 steps",
        expected: Verdict::Holds,
        correction: "",
        seeds: Some(Seeds { least: 20, usual: 200 }),
        check: chebyshev,
    },
    Claim {
        name: "toy-lyapunov",
        statement: "with random gamma the minimum is unstable iff E ln|2 gamma - 1| > 0 (not iff E gamma > 1)",
        source: OURS,
        method: Method::Statistics,
        horizon: "200 seeds of 6,000 steps",
        expected: Verdict::Holds,
        correction: "",
        seeds: Some(Seeds { least: 20, usual: 200 }),
        check: lyapunov,
    },
    Claim {
        name: "toy-mean-square",
        statement: "with random gamma the minimum is mean-square unstable iff E gamma^2 > E gamma",
        source: OURS,
        method: Method::ClosedForm,
        horizon: "",
        expected: Verdict::Holds,
        correction: "",
        seeds: None,
        check: |_| mean_square(),
    },
];

/// Random, extreme and alternating sequences of gamma in `[1 + s, 1.25]`.
fn gamma_of(kind: u64, t: u64, s: f64, stream: &mut Stream) -> f64 {
    let (low, high) = (1.0 + s, 1.25);
    match kind % 4 {
        0 => low + (high - low) * stream.uniform(),
        1 => {
            if stream.below(2) == 0 {
                low
            } else {
                high
            }
        }
        2 => {
            if t.is_multiple_of(2) {
                low
            } else {
                high
            }
        }
        _ => {
            if t.is_multiple_of(3) {
                high
            } else {
                low
            }
        }
    }
}

/// The interval that phi lies in: 0 for (0, 0.65], then I_1 to I_4; 5 for exactly 1 (to round-off), 6 outside.
fn interval(phi: f64, eps0: f64) -> usize {
    match phi {
        _ if (phi - 1.0).abs() < 1e-12 => 5,
        _ if !(0.0..1.162).contains(&phi) => 6,
        _ if phi <= 0.65 => 0,
        _ if phi < 1.0 - eps0 => 1,
        _ if phi < 1.0 => 2,
        _ if phi <= 1.0 + eps0 => 3,
        _ => 4,
    }
}

fn steps() -> Finding {
    const ALLOWED: [&[usize]; 5] = [&[0, 1, 2, 3, 4], &[4], &[3, 4], &[1, 2], &[1]];
    let mut stream = Stream::new(1, Purpose::Probe);
    let (mut seen, mut violations, mut as_written) = (0_u64, 0_u64, 0_u64);
    let mut example = String::new();
    for orbit in 0..4_000_u64 {
        let s = [0.002, 0.03, 0.06, 0.2][(orbit / 4 % 4) as usize];
        let eps0 = f64::min(s / 3.0, 0.02);
        let mut phi = stream.uniform();
        for t in 0..200 {
            let next = h(gamma_of(orbit, t, s, &mut stream), phi);
            let (from, to) = (interval(phi, eps0), interval(next, eps0));
            if from >= 5 || to == 5 {
                break;
            }
            seen += 1;
            as_written += u64::from(from == 3 && to == 2);
            if !ALLOWED[from].contains(&to) || (from == 0 && next < 1.5774 * phi) {
                violations += 1;
                example = format!("s = {s}, phi = {phi} goes to {next}");
            }
            phi = next;
        }
    }
    let detail = if violations == 0 {
        format!("{as_written} of them go from I_3 to I_2, which the text leaves out")
    } else {
        example
    };
    let passed = violations == 0 && as_written > 0;
    Finding::new(passed, Verdict::HoldsCorrected, format!("{violations} exceptions in {seen} steps"), detail)
}

fn times() -> Finding {
    let mut stream = Stream::new(2, Purpose::Probe);
    let (mut slack, mut least) = (i64::MAX, f64::INFINITY);
    for orbit in 0..20_000_u64 {
        let s = [0.001, 0.03, 0.1, 0.2][(orbit / 4 % 4) as usize];
        let start = libm::exp(-12.0 * stream.uniform());
        let (mut phi, mut below) = (start, 0_i64);
        while phi < 0.65 {
            phi = h(gamma_of(orbit, below as u64, s, &mut stream), phi);
            below += 1;
        }
        let most = (libm::log(0.65 / start).max(0.0) / libm::log(1.5774)).ceil() as i64 + 1;
        slack = slack.min(most - below);
        // from [1 - eps0, 1), distances that are not so small that round-off counts
        let near = 1.0 - f64::min(s / 3.0, 0.02) * (0.001 + 0.999 * stream.uniform());
        let once = h(gamma_of(orbit, 0, s, &mut stream), near);
        let twice = h(gamma_of(orbit, 1, s, &mut stream), once);
        let growth = (1.0 - twice).abs() / (1.0 - near);
        least = least.min(growth / ((1.0 + s * (1.0 - s)) * (1.0 + 2.0 * s)));
    }
    let detail = format!("20000 starts; smallest two-step growth is {least:.9} times the bound");
    Finding::new(slack >= 0 && least >= 1.0 - 1e-10, Verdict::Holds, format!("at least {slack} steps to spare"), detail)
}

fn multiplier(gamma: f64) -> f64 {
    9.0 - 2.0 * (1.0 + gamma) * (1.0 + gamma)
}

fn two_cycle() -> Finding {
    let mut worst = 0.0_f64;
    for gamma in [1.02, 1.1, 1.2, 1.23] {
        let Some((low, high)) = cycle(gamma) else { continue };
        worst = worst.max((low * high * gamma - 1.0).abs());
        worst = worst.max((slope(gamma, low) * slope(gamma, high) - multiplier(gamma)).abs());
        let mut phi = 0.3;
        for _ in 0..20_000 {
            phi = h(gamma, phi);
        }
        let next = h(gamma, phi);
        let (p, q) = if phi < next { (phi, next) } else { (next, phi) };
        worst = worst.max((p - low).abs()).max((q - high).abs());
        worst = worst.max((0.5 * (level(p) + level(q)) - two_cycle_mean_loss(gamma)).abs());
    }
    Finding::residual(worst, 1e-12, Verdict::Holds, "gamma = 1.02, 1.1, 1.2, 1.23, after 20000 steps from 0.3")
}

fn period_doubling() -> Finding {
    let doubling = doubling_gamma();
    let residual = (multiplier(doubling) + 1.0).abs();
    // distance after one period of 2 and of 4, on the attractor
    let distances = |gamma: f64| {
        let mut phi = 0.3;
        for _ in 0..200_000 {
            phi = h(gamma, phi);
        }
        let orbit: Vec<f64> = (0..9).scan(phi, |phi, _| Some(core::mem::replace(phi, h(gamma, *phi)))).collect();
        let alternates = orbit.windows(2).all(|pair| (pair[0] < 1.0) != (pair[1] < 1.0));
        ((orbit[2] - orbit[0]).abs(), (orbit[4] - orbit[0]).abs(), alternates)
    };
    let (below, above) = (distances(doubling - 0.002), distances(doubling + 0.002));
    let passed = residual < 1e-14 && below.0 < 1e-12 && above.0 > 1e-2 && above.1 < 1e-12 && below.2 && above.2;
    let measured = format!("|phi_t+2 - phi_t| {:.0e} below, {:.0e} above", below.0, above.0);
    Finding::new(
        passed,
        Verdict::Holds,
        measured,
        format!("sqrt 5 - 1 = {doubling:.6}; above, |phi_t+4 - phi_t| = {:.0e}", above.1),
    )
}

fn positivity() -> Finding {
    let positive = 1.5 * 3.0_f64.sqrt() - 1.0;
    let highest = |gamma: f64| h(gamma, ((1.0 + gamma) / (3.0 * gamma)).sqrt());
    // above the critical point's image iterates turn negative iff h there is negative
    let lowest = |gamma: f64| h(gamma, highest(gamma));
    let changes_sign = lowest(positive - 1e-6) > 0.0 && lowest(positive + 1e-6) < 0.0;
    let largest = |gamma: f64| {
        let mut stream = Stream::new(4, Purpose::Probe);
        let mut largest = 0.0_f64;
        for _ in 0..200 {
            let mut phi = stream.uniform();
            for _ in 0..2_000 {
                phi = h(gamma, phi);
                largest = largest.max(phi.abs());
            }
        }
        largest
    };
    // at 2 the image of [-sqrt 2, sqrt 2] is itself; beyond, orbits leave
    let (at, above) = (largest(1.9999), largest(2.001));
    let measured = format!("largest |phi| {at:.3} at 1.9999, {above:.0e} at 2.001");
    let passed = changes_sign && at <= 2.0_f64.sqrt() && above > 1e10;
    Finding::new(passed, Verdict::Holds, measured, format!("min h on [0, max h] changes its sign at {positive:.6}"))
}

/// Mean over orbits of 2000 steps from random starts: they forget the start like any chaotic orbit, so their means scatter as
/// independent ones.
fn chebyshev(seeds: u64) -> Finding {
    let root = 2.0_f64.sqrt();
    let conjugacy = (0..100)
        .map(|k| 0.03 * f64::from(k))
        .map(|t| (h(2.0, root * libm::cos(t)) + root * libm::cos(3.0 * t)).abs())
        .fold(0.0, f64::max);
    let means: Vec<[f64; 2]> = (0..seeds)
        .map(|seed| {
            let mut phi = root * libm::cos(core::f64::consts::PI * Stream::new(seed, Purpose::Probe).uniform());
            let mut sums = [0.0; 2];
            for _ in 0..2_000 {
                sums[0] += libm::log(slope(2.0, phi).abs());
                sums[1] += level(phi);
                phi = h(2.0, phi);
            }
            sums.map(|sum| sum / 2_000.0)
        })
        .collect();
    let [exponent, loss] = [0, 1].map(|k| mean_and_error(&means.iter().map(|m| m[k]).collect::<Vec<_>>()));
    let z = [(exponent.0 - libm::log(3.0)) / exponent.1, (loss.0 - 0.125) / loss.1];
    let passed = conjugacy < 1e-13 && z.iter().all(|z| z.abs() < 4.5) && exponent.1 < 0.01;
    let detail = format!(
        "conjugacy to {conjugacy:.0e}; exponent {:.5}, mean loss {:.5} over {seeds} orbits",
        exponent.0, loss.0
    );
    Finding::new(passed, Verdict::Holds, format!("z {:+.2}, {:+.2}", z[0], z[1]), detail)
}

/// Mean and its standard error.
pub(super) fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let square = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (n - 1.0);
    (mean, (square / n).sqrt())
}

/// Two atoms each: `E gamma > 1` in both, but only the second is unstable.
fn lyapunov(seeds: u64) -> Finding {
    let cases = [[0.8, 1.25], [0.92, 1.25]];
    let exponent = |atoms: [f64; 2]| atoms.iter().map(|g| libm::log((2.0 * g - 1.0).abs())).sum::<f64>() / 2.0;
    // share of orbits that end at the minimum
    let share = |atoms: [f64; 2]| {
        let settled = (0..seeds).filter(|seed| {
            let mut stream = Stream::new(*seed, Purpose::Probe);
            let mut phi = 0.3 + 0.4 * stream.uniform();
            for _ in 0..6_000 {
                phi = h(atoms[stream.below(2) as usize], phi);
            }
            (phi - 1.0).abs() < 1e-9
        });
        settled.count() as f64 / seeds as f64
    };
    let [stable, unstable] = cases.map(share);
    let exponents = cases.map(exponent);
    let passed = exponents[0] < 0.0 && exponents[1] > 0.0 && stable == 1.0 && unstable < 0.05;
    let measured = format!("share at the minimum {stable:.2} and {unstable:.2}");
    let detail = format!(
        "E ln|2 gamma - 1| = {:.3} and {:.3}, E gamma = 1.025 and 1.085, {seeds} seeds of 6000 steps",
        exponents[0], exponents[1]
    );
    Finding::new(passed, Verdict::Holds, measured, detail)
}

/// The linearized second moment over all sequences of two atoms, and the sign of `E gamma^2 - E gamma`.
fn mean_square() -> Finding {
    let mut worst = 0.0_f64;
    let mut agree = true;
    for atoms in [[0.8, 1.25], [0.6, 1.1], [0.7, 1.15], [1.0, 1.01], [0.3, 1.25]] {
        let growth = atoms.iter().map(|g| (1.0 - 2.0 * g) * (1.0 - 2.0 * g)).sum::<f64>() / 2.0;
        let (mean, square) = ((atoms[0] + atoms[1]) / 2.0, (atoms[0] * atoms[0] + atoms[1] * atoms[1]) / 2.0);
        worst = worst.max((growth - 1.0 - 4.0 * (square - mean)).abs());
        // E (phi_t - 1)^2 of the true recursion, from 1e-7 off, over all 2^10 sequences
        let mut orbit = vec![1.0 + 1e-7];
        for _ in 0..10 {
            orbit = orbit.iter().flat_map(|phi| atoms.map(|g| h(g, *phi))).collect();
        }
        let moment = orbit.iter().map(|phi| (phi - 1.0) * (phi - 1.0)).sum::<f64>() / orbit.len() as f64;
        agree &= (moment > 1e-14) == (square > mean);
        worst = worst.max((moment / 1e-14 / (0..10).fold(1.0, |power, _| power * growth) - 1.0).abs() * 1e-9);
    }
    let detail = "five pairs of atoms, all 1024 sequences of ten steps; 0.8 and 1.25 are unstable here and stable in toy-lyapunov";
    Finding::new(worst < 1e-13 && agree, Verdict::Holds, format!("residual {worst:.1e}"), detail)
}
