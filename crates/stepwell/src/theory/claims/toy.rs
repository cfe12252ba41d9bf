//! The scalar toy model: its recursion, its proposition and the bounds of its loss.

use std::sync::Arc;

use super::{Claim, Finding, Method, Seeds, Verdict};
use crate::data::{Dataset, Samples};
use crate::dynamics::{IndexSource, Sampler, Sgd};
use crate::linalg::Matrix;
use crate::loss::Loss;
use crate::model::ScalarToy;
use crate::problem::Problem;
use crate::run::Run;
use crate::schedule::Schedule;
use crate::theory::toy_certificates::{
    Certified, Lemma, assemble, certify_alternation, largest_gamma_max, toy_theorem,
};
use crate::theory::toy_level::{Inequality, LevelCertificate, certify_level};
use crate::theory::toy_map::{loss as level, step as h};

const SOURCE: &str = "Andriushchenko et al. 2023, Proposition 2 and its proof";

pub(super) const CLAIMS: &[Claim] = &[
    Claim {
        name: "toy-recursion",
        statement: "with phi = theta/theta_*, gamma = eta theta_*^2 x^2: phi <- phi + gamma phi (1 - phi^2), F = E[x^2] theta_*^4 (1 - phi^2)^2 / 4",
        source: SOURCE,
        method: Method::Identity,
        horizon: "",
        expected: Verdict::HoldsCorrected,
        correction: "gamma carries theta_*^2 (not theta_*), the sign is a plus, and the scale of F is E[x^2] theta_*^4 (not theta_*^2)",
        seeds: None,
        check: |_| recursion(),
    },
    Claim {
        name: "toy-pushforward",
        statement: "the law of phi_t is the law of phi_0 pushed forward by the random maps h_gamma: E f(phi_t) is a finite sum for atoms",
        source: SOURCE,
        method: Method::Statistics,
        horizon: "12 steps, 20,000 seeds, two atoms",
        expected: Verdict::Holds,
        correction: "",
        seeds: Some(Seeds { least: 400, usual: 20_000 }),
        check: pushforward,
    },
    Claim {
        name: "toy-invariance",
        statement: "for gamma in [1, 1.25] the interval (0, 1.162) is invariant",
        source: SOURCE,
        method: Method::Certificate,
        horizon: "",
        expected: Verdict::Holds,
        correction: "",
        seeds: None,
        check: |_| lemmas_named(&["ceiling", "positive"], Verdict::Holds),
    },
    Claim {
        name: "toy-theorem",
        statement: "for any gamma_t in [1+s, 1.25]: some phi_t = 1, or from some t0 on the iterates alternate between (0.65, 1-eps0) and (1+eps0, 1.162), eps0 = min(s/3, 0.02)",
        source: SOURCE,
        method: Method::Certificate,
        horizon: "",
        expected: Verdict::HoldsCorrected,
        correction: "holds for every sequence, but an iterate may hit 1 exactly; the interval I_3 leads to I_1 or I_2; the bounds of the loss are those of toy-bounds",
        seeds: None,
        check: |_| theorem(),
    },
    Claim {
        name: "toy-alternation",
        statement: "for gamma in [1, gamma_max] sides alternate for ever, up to gamma_max = 1.2769..: there h^2 of the critical point is (sqrt 5 - 1) / 2",
        source: "ours; for the interval [1, 1.25] Andriushchenko et al. 2023, Proposition 2",
        method: Method::Certificate,
        horizon: "",
        expected: Verdict::Holds,
        correction: "",
        seeds: None,
        check: |_| alternation(),
    },
    Claim {
        name: "toy-bounds-as-written",
        statement: "eps0 theta_*^2 < F < 0.17 theta_*^2 for all t",
        source: SOURCE,
        method: Method::Certificate,
        horizon: "",
        expected: Verdict::Refuted,
        correction: "",
        seeds: None,
        check: |_| bounds_as_written(),
    },
    Claim {
        name: "toy-bounds",
        statement: "once the iterates alternate, (2 eps0 - eps0^2)^2 / 4 <= F / (E[x^2] theta_*^4) <= 0.0834, and <= 0.0821 after a visit above 1",
        source: SOURCE,
        method: Method::Certificate,
        horizon: "",
        expected: Verdict::HoldsCorrected,
        correction: "the lower bound is of order eps0^2, units are E[x^2] theta_*^4, and both hold from t0 on only",
        seeds: None,
        check: |_| bounds(),
    },
    Claim {
        name: "toy-step-sizes",
        statement: "some step size puts every gamma = eta theta_*^2 x^2 into (1, 1.25] iff x_max / x_min < sqrt(1.25)",
        source: "ours",
        method: Method::ClosedForm,
        horizon: "100,000 steps of one seed, three inputs",
        expected: Verdict::Holds,
        correction: "",
        seeds: None,
        check: |_| step_sizes(),
    },
    Claim {
        name: "toy-atom",
        statement: "with x = theta_* = 1, eta = 25/24, theta_0 = 3/5 the first iterate is exactly 1, where all stay",
        source: "ours",
        method: Method::Identity,
        horizon: "",
        expected: Verdict::Holds,
        correction: "",
        seeds: None,
        check: |_| atom(),
    },
];

/// The toy model with inputs `x` and minimum `theta_star`.
pub(super) fn problem(x: &[f64], theta_star: f64) -> Problem<ScalarToy> {
    let labels = x.iter().map(|x| x * (theta_star * theta_star)).collect();
    let train = Samples::new(Matrix::from_rows(x.len(), 1, x), labels, ["x", "y"]).expect("shapes agree");
    let data = Dataset::new(train, None, None).expect("shapes agree");
    Problem { model: ScalarToy, data: Arc::new(data), loss: Loss::QuarterMeanSquare }
}

/// The library's SGD on a recorded sequence of samples against the recursion in phi; and against it as first written.
fn recursion() -> Finding {
    let (x, theta_star, eta) = ([0.9, 1.0, 1.15, 0.7], 1.7, 0.3);
    let problem = problem(&x, theta_star);
    let indices: Vec<u32> = (0..40).map(|t| (t * t + t / 3) % 4).collect();
    let source = IndexSource::Replay { indices: indices.clone().into(), next: 0 };
    let start = 0.2 * theta_star;
    let mut run = Run::new(problem, Sgd::new(Sampler::new(source, 4)), Schedule::constant(eta), &[start], 40);
    let (mut phi, mut as_written) = (0.2, 0.2);
    let (mut worst, mut worst_written) = (0.0_f64, 0.0_f64);
    for i in &indices {
        let x = x[*i as usize];
        phi = h(eta * theta_star * theta_star * x * x, phi);
        as_written = h(eta * theta_star * x * x, as_written);
        run.advance(1);
        let found = run.theta()[0] / theta_star;
        worst = worst.max((found - phi).abs());
        worst_written = worst_written.max((found - as_written).abs());
    }
    let mean_x2 = x.iter().map(|x| x * x).sum::<f64>() / 4.0;
    let scale = mean_x2 * theta_star * theta_star * theta_star * theta_star;
    worst = worst.max((run.problem().train_loss(run.theta()) / scale - level(phi)).abs());
    let detail = format!("40 steps of SGD; with gamma = eta theta_* x^2 the iterates are {worst_written:.2} off");
    Finding::new(worst < 1e-9 && worst_written > 0.1, Verdict::HoldsCorrected, format!("residual {worst:.1e}"), detail)
}

/// All `2^12` sequences of two atoms against seeds of SGD.
fn pushforward(seeds: u64) -> Finding {
    let (x, eta, steps) = ([1.02, 1.1], 1.0, 12);
    let mut atoms = vec![0.3];
    for _ in 0..steps {
        atoms = atoms.iter().flat_map(|phi| x.map(|x| h(eta * x * x, *phi))).collect();
    }
    let mean = atoms.iter().map(|phi| level(*phi)).sum::<f64>() / atoms.len() as f64;
    let square = atoms.iter().map(|phi| level(*phi) * level(*phi)).sum::<f64>() / atoms.len() as f64;
    let problem = problem(&x, 1.0);
    let measured = (0..seeds)
        .map(|seed| {
            let sgd = Sgd::new(Sampler::own(seed, 2));
            let mut run = Run::new(problem.clone(), sgd, Schedule::constant(eta), &[0.3], steps);
            run.advance(steps);
            level(run.theta()[0])
        })
        .sum::<f64>()
        / seeds as f64;
    let z = (measured - mean) / ((square - mean * mean) / seeds as f64).sqrt();
    let detail = format!(
        "mean loss after {steps} steps: {mean:.6} over all {} sequences, {measured:.6} over {seeds} seeds",
        atoms.len()
    );
    Finding::new(z.abs() < 4.5, Verdict::Holds, format!("z {z:+.2}"), detail)
}

/// What a chain of lemmas says, with its boxes.
fn of_chain(lemmas: &[Lemma], verdict: Verdict, detail: &str) -> Finding {
    let (outcome, boxes) = assemble(lemmas);
    let measured = format!("{boxes} boxes");
    match outcome {
        Certified::Proved => Finding { verdict, measured, detail: detail.to_string() },
        Certified::Refuted(point) => Finding { verdict: Verdict::Refuted, measured, detail: point },
        Certified::Undecided(smallest) => Finding { verdict: Verdict::Undecided, measured, detail: smallest },
    }
}

fn lemmas_named(names: &[&str], verdict: Verdict) -> Finding {
    let lemmas: Vec<Lemma> = toy_theorem().into_iter().filter(|lemma| names.contains(&lemma.name)).collect();
    let detail = lemmas.iter().map(|lemma| format!("{} on {}", lemma.statement, lemma.region)).collect::<Vec<_>>();
    of_chain(&lemmas, verdict, &detail.join("; "))
}

fn theorem() -> Finding {
    let lemmas = toy_theorem();
    of_chain(&lemmas, Verdict::HoldsCorrected, &format!("a chain of {} lemmas", lemmas.len()))
}

fn alternation() -> Finding {
    let Ok(found) = largest_gamma_max(1.0, 1e-4) else {
        return Finding::new(false, Verdict::Holds, "", "gamma_min = 1 was refused");
    };
    let (proved, boxes) = (found.certificate.gamma_max, found.boxes);
    // the end in closed form: with gamma_min = 1 the floor f must have f (1 + f) > 1
    let golden = 0.5 * (5.0_f64.sqrt() - 1.0);
    let floor = |g: f64| h(g, h(g, ((1.0 + g) / (3.0 * g)).sqrt()));
    let (mut low, mut high) = (1.2, 1.4);
    while high - low > 1e-12 {
        let middle = 0.5 * (low + high);
        if floor(middle) > golden { low = middle } else { high = middle }
    }
    let certified = certify_alternation(1.0, 1.25).is_ok_and(|a| a.outcome == Certified::Proved);
    let beyond = found.beyond.as_ref().map_or("nothing", |a| a.outcome.name());
    let detail = format!(
        "certified on [1, 1.25] and up to gamma_max = {proved:.5} (the next, {:.5}, is {beyond}); closed form {low:.6}",
        found.beyond.as_ref().map_or(f64::NAN, |a| a.gamma_max)
    );
    Finding::new(
        certified && proved <= low && low - proved < 1e-4,
        Verdict::Holds,
        format!("gamma_max {proved:.5}, {boxes} boxes"),
        detail,
    )
}

fn bounds_as_written() -> Finding {
    let refuted = |inequality, value| match certify_level(inequality, value, 1.06, 1.25) {
        Ok(LevelCertificate { outcome: Certified::Refuted(orbit), boxes, .. }) => Some((orbit, boxes)),
        _ => None,
    };
    // eps0 = 0.02 for s = 0.06; and 0.17 theta_*^2 with theta_* = 3, x = 1: F = 81 (1 - phi^2)^2 / 4 against 1.53
    let lower = refuted(Inequality::Lower, 0.02);
    let upper = refuted(Inequality::Upper, 0.17 * 9.0 / 81.0);
    let at_start = level(0.1) > 0.17;
    match (lower, upper) {
        (Some((low, a)), Some((high, b))) if at_start => {
            let detail = format!(
                "lower, s = 0.06, eps0 = 0.02: {low}; upper, theta_* = 3, x = 1: {high}; at t = 0, phi = 0.1: F = {:.3} > 0.17",
                level(0.1)
            );
            Finding { verdict: Verdict::Refuted, measured: format!("{} boxes", a + b), detail }
        }
        _ => Finding { verdict: Verdict::Undecided, measured: String::new(), detail: "no counterexample".into() },
    }
}

fn bounds() -> Finding {
    let mut lemmas: Vec<Lemma> = toy_theorem().into_iter().filter(|lemma| lemma.name.contains("level")).collect();
    for s in [0.01, 0.03, 0.06, 0.2] {
        let eps0 = f64::min(s / 3.0, 0.02);
        let lowest = 0.25 * (2.0 * eps0 - eps0 * eps0) * (2.0 * eps0 - eps0 * eps0);
        for (inequality, value) in [(Inequality::Lower, lowest * (1.0 - 1e-9)), (Inequality::Upper, 0.0821)] {
            match certify_level(inequality, value, 1.0 + s, 1.25) {
                Ok(found) => lemmas.extend(found.lemmas),
                Err(error) => return Finding::new(false, Verdict::HoldsCorrected, "", error.to_string()),
            }
        }
    }
    of_chain(
        &lemmas,
        Verdict::HoldsCorrected,
        "lower bounds for s = 0.01, 0.03, 0.06, 0.2 (to 1e-9), upper bounds for all s > 0",
    )
}

/// In integers: `3/5 + 25/24 3/5 (1 - 9/25) = 1`.
/// A ratio of inputs a little below the limit has such a step size, and SGD with it alternates; a little above it none has.
fn step_sizes() -> Finding {
    let theta_star = 1.7;
    let inputs = |ratio: f64| [0.6, 0.6 * libm::sqrt(ratio), 0.6 * ratio];
    let gamma = |eta: f64, x: f64| eta * theta_star * theta_star * x * x;
    // geometric grid of step sizes, much finer than the margin of 1e-3 on either side
    let good = |ratio: f64| {
        let x = inputs(ratio);
        let etas = (0..200_000).map(|k| 0.1 * libm::exp(3.0e-5 * f64::from(k)));
        let fits = |eta: &f64| gamma(*eta, x[0]) > 1.0 && gamma(*eta, x[2]) <= 1.25;
        etas.filter(fits).collect::<Vec<f64>>()
    };
    let limit = libm::sqrt(1.25);
    let (below, above) = (good(0.999 * limit), good(1.001 * limit));
    let turns = below.get(below.len() / 2).map_or(0, |&eta| {
        let problem = problem(&inputs(0.999 * limit), theta_star);
        let start = 0.5 * theta_star;
        let mut run = Run::new(problem, Sgd::new(Sampler::own(1, 3)), Schedule::constant(eta), &[start], 100_000);
        // the slowest growth of |1 - phi| near 1 leaves no one there for long
        run.advance(90_000);
        let mut turns = 0;
        for _ in 0..10_000 {
            let before = run.theta()[0] < theta_star;
            run.advance(1);
            turns += usize::from(before != (run.theta()[0] < theta_star));
        }
        turns
    });
    let measured = format!("{} and {} step sizes at 0.999 and 1.001 of the limit", below.len(), above.len());
    let detail = format!("of 200000 from 0.1 on; SGD with one of them changed sides in {turns} of 10000 steps");
    Finding::new(!below.is_empty() && above.is_empty() && turns == 10_000, Verdict::Holds, measured, detail)
}

fn atom() -> Finding {
    let (phi, gamma) = ((3_i64, 5_i64), (25_i64, 24_i64));
    // phi + gamma phi (1 - phi^2) over the common denominator q_gamma q_phi^3
    let (p, q) = phi;
    let numerator = p * q * q * gamma.1 + gamma.0 * p * (q * q - p * p);
    let denominator = gamma.1 * q * q * q;
    let stays = h(25.0 / 24.0, 1.0) == 1.0;
    let detail = format!("h = {numerator} / {denominator}; h(1) = 1 for every gamma");
    Finding::new(
        numerator == denominator && stays,
        Verdict::Holds,
        format!("residual {}", numerator - denominator),
        detail,
    )
}
