//! Whether advice can be trusted: worked out for 30 problems, then judged by 200 runs of each on seeds that it has not seen.
//! Prints the table of `docs/advice.md`.
//!
//! `cargo run --release -p stepwell-lab --example advise_study`; with words behind it, the problems whose names have one of them

use std::collections::BTreeMap;
use std::process::ExitCode;

use stepwell::rng::{Purpose, Stream};
use stepwell::spec::{Array, ArraySource, Spec};
use stepwell::statistics::{Share, clopper_pearson, quantile};
use stepwell::words::{percent, short};
use stepwell_lab::drive::ToTheEnd;
use stepwell_lab::error::LabError;
use stepwell_lab::findings::Findings;
use stepwell_lab::findings::advice::{Advice, Large};
use stepwell_lab::phase::{Protocol, Question, advise};
use stepwell_lab::runs::{runs, settings};
use stepwell_lab::setting::Setting;

/// Seeds that judge the advice, from this one on.
const FIRST: u64 = 9_000_000_000;
const SEEDS: u64 = 200;
/// Losses below this part of the start's are equal.
const NO_LOSS: f64 = 1e-12;

/// A problem, by the words that its name is made of.
struct Problem {
    /// Whether theory and the paper lead one to expect that large steps pay.
    pays: bool,
    model: &'static str,
    data: &'static str,
    dynamics: &'static str,
}

const fn problem(model: &'static str, data: &'static str, dynamics: &'static str) -> Problem {
    Problem { pays: matches!(model.as_bytes()[0], b'd' | b'R'), model, data, dynamics }
}

/// Named before any of them was run.
const PROBLEMS: [Problem; 30] = [
    problem("linear", "n 100, d 20, noise", "SGD"),
    problem("linear", "n 100, d 20, noise", "batches of 8"),
    problem("linear", "n 100, d 20, noise", "GD"),
    problem("linear", "n 100, d 20, condition 1000", "SGD"),
    problem("linear", "n 100, d 20, condition 1000", "batches of 8"),
    problem("linear", "n 100, d 20, condition 1000", "GD"),
    problem("linear", "n 40, d 80", "SGD"),
    problem("linear", "n 40, d 80", "GD"),
    problem("logistic", "n 60, d 20, separable", "SGD"),
    problem("logistic", "n 60, d 20, separable", "batches of 8"),
    problem("logistic", "n 60, d 20, separable", "GD"),
    problem("logistic", "n 100, d 10, flipped labels", "SGD"),
    problem("logistic", "n 100, d 10, flipped labels", "batches of 8"),
    problem("logistic", "n 100, d 10, flipped labels", "GD"),
    problem("logistic", "n 100, d 10, flipped labels, condition 1000", "SGD"),
    problem("diagonal", "n 80, d 200", "SGD"),
    problem("diagonal", "n 80, d 200", "batches of 4"),
    problem("diagonal", "n 40, d 100", "SGD"),
    problem("diagonal", "n 40, d 100", "batches of 4"),
    problem("diagonal", "n 40, d 100", "GD"),
    problem("diagonal", "n 20, d 40", "SGD"),
    problem("diagonal", "n 40, d 100, condition 10", "SGD"),
    problem("diagonal", "n 40, d 100, condition 10", "batches of 4"),
    problem("ReLU", "teacher 2-3-1, n 15", "SGD"),
    problem("ReLU", "teacher 2-3-1, n 15", "batches of 2"),
    problem("ReLU", "teacher 2-3-1, n 15", "GD"),
    problem("ReLU", "teacher 5-4-1, n 40", "SGD"),
    problem("ReLU", "teacher 5-4-1, n 40", "batches of 4"),
    problem("ReLU", "teacher 5-4-1, n 40, two hidden layers", "SGD"),
    problem("ReLU", "teacher 5-4-1, n 40, condition 10", "SGD"),
];

impl Problem {
    fn name(&self) -> String {
        format!("{}, {}, {}", self.model, self.data, self.dynamics)
    }

    /// The number behind a word of the data's name.
    fn number(&self, word: &str) -> Option<usize> {
        let words: Vec<&str> = self.data.split([' ', ',']).filter(|word| !word.is_empty()).collect();
        words.windows(2).find(|pair| pair[0] == word).and_then(|pair| pair[1].parse().ok())
    }

    /// Data as in the published figures, from a stream of their own; other data come from the arrays below.
    fn drawn(&self) -> Option<String> {
        let (n, d) = (self.number("n")?, self.number("d").unwrap_or(0));
        match (self.model, self.data.contains("condition")) {
            ("diagonal", false) => Some(format!(
                "sparse_regression = {{ n = {n}, d = {d}, sparsity = {}, test = 1000, draw.fresh = 1 }}",
                d / 10
            )),
            _ => None,
        }
    }

    fn spec(&self) -> Result<Spec, LabError> {
        let (model, init, steps) = match self.model {
            "linear" => ("model = 'linear'", "init.constant = 0.0", 4_000),
            "logistic" => ("model = 'linear'", "init.constant = 0.0", 4_000),
            "diagonal" => ("model = 'diagonal_linear'", "init.diagonal = { u = 0.1, v = 0.0 }", 20_000),
            _ if self.data.contains("two hidden") => {
                ("model.fully_connected = { hidden = [12, 12] }", "init = 'he'", 12_000)
            }
            _ => ("model.fully_connected = { hidden = [20], bias = false }", "init = 'he'", 12_000),
        };
        let loss = if self.model == "logistic" { "logistic" } else { "half_mean_square" };
        let dynamics = match self.dynamics.strip_prefix("batches of ") {
            Some(size) => format!("mini_batch = {{ size = {size}, rule = 'with_replacement' }}"),
            None if self.dynamics == "GD" => "gradient_descent = {}".into(),
            None => "sgd = {}".into(),
        };
        let data = self.drawn().unwrap_or_else(|| format!("file.path = '{}'", self.data));
        Ok(Spec::from_toml(&format!(
            "steps = {steps}\n{model}\nloss = '{loss}'\ndata.{data}\n{init}\ndynamics.{dynamics}\n\
             schedule.step_size = 0.1"
        ))?)
    }
}

/// The arrays of a problem, from streams of its own: inputs with columns of falling size where the name has a condition number,
/// labels of a sparse vector, of its signs, or of a ReLU teacher; a test set of 1000.
impl ArraySource for Problem {
    fn arrays(&self, path: &str) -> Result<BTreeMap<String, Array>, String> {
        let key = path.bytes().fold(7_u64, |key, byte| key.wrapping_mul(31).wrapping_add(u64::from(byte)));
        let mut draw = Stream::new(key, Purpose::Data);
        let n = self.number("n").ok_or("no number of samples")?;
        let teacher = path.strip_prefix("teacher ").and_then(|shape| shape.split('-').next()?.parse().ok());
        let d = teacher.or(self.number("d")).ok_or("no dimension")?;
        let condition = self.number("condition").unwrap_or(1) as f64;
        let scale = |j: usize| libm::pow(condition, -0.5 * j as f64 / (d - 1) as f64);
        let sparse = if self.model == "diagonal" { 10 } else { 5 };
        let beta: Vec<f64> =
            (0..d).map(|j| if j % sparse == 0 { draw.normal() / scale(j).sqrt() } else { 0.0 }).collect();
        let neurons: Vec<Vec<f64>> = (0..4).map(|_| (0..d).map(|_| draw.normal()).collect()).collect();
        let mut arrays = BTreeMap::new();
        for (suffix, count) in [("", n), ("_test", 1000)] {
            let (mut x, mut y) = (Vec::new(), Vec::new());
            for _ in 0..count {
                let row: Vec<f64> = (0..d).map(|j| scale(j) * draw.normal()).collect();
                let dot = |w: &[f64]| row.iter().zip(w).map(|(x, w)| x * w).sum::<f64>();
                let noise = if path.contains("noise") { 0.5 * draw.normal() } else { 0.0 };
                let flipped = path.contains("flipped") && draw.below(10) == 0;
                y.push(match self.model {
                    "logistic" => dot(&beta).signum() * if flipped { -1.0 } else { 1.0 },
                    "ReLU" => neurons.iter().zip([1.0, -1.0, 1.0, -1.0]).map(|(w, a)| a * dot(w).max(0.0)).sum(),
                    _ => dot(&beta) + noise,
                });
                x.extend(row);
            }
            arrays.insert(format!("x{suffix}"), Array { shape: vec![count, d], values: x });
            arrays.insert(format!("y{suffix}"), Array { shape: vec![count], values: y });
        }
        Ok(arrays)
    }
}

/// What became of an advice.
struct Judged {
    advice: Advice,
    diverged: Share,
    /// Medians of what is advised over those of the reference.
    test: f64,
    train: f64,
}

fn judge(problem: &Problem) -> Result<Judged, LabError> {
    let protocol = Protocol::new(problem.spec()?, problem, false)?;
    let found = advise(&protocol, Question { level: 0.05, seeds: 200 }, None, &ToTheEnd)?;
    let Findings::Advice(advice) = found.findings else { return Err(LabError::Failed("no advice".into())) };
    let advised = Spec::from_toml(&advice.spec)?;
    let mut constant = advised.clone();
    (constant.schedule.warmup, constant.schedule.decay) = (None, Vec::new());
    constant.schedule.step_size = advice.constant_runs.step_size;
    let taken = |spec: &Spec| -> Result<Setting, LabError> {
        Ok(runs(&settings(spec, problem)?, FIRST, SEEDS, &ToTheEnd)?.settings.remove(0))
    };
    let (advised, constant) = (taken(&advised)?, taken(&constant)?);
    let ratio = |name: &str| {
        let none = NO_LOSS * advised.outcomes[0].records.line(name).1.first().copied().unwrap_or(0.0);
        let of = |setting: &Setting| {
            let ends = setting.outcomes.iter().filter(|run| !run.diverged()).map(|run| run.end_value(name));
            quantile(&ends.collect::<Vec<_>>(), 0.5).max(none)
        };
        of(&advised) / of(&constant)
    };
    Ok(Judged { diverged: advised.diverged(), test: ratio("test_loss"), train: ratio("train_loss"), advice: *advice })
}

#[expect(clippy::disallowed_methods, reason = "a command line of its own")]
fn main() -> Result<ExitCode, LabError> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let asked =
        |problem: &&Problem| words.is_empty() || words.iter().any(|word| problem.name().contains(word.as_str()));
    println!("| problem | advice | large steps | constant | diverged | test loss | train loss |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    let (mut shares, mut kept) = (Vec::new(), true);
    let (mut count, mut advised, mut large) = (0, 0, 0);
    for problem in PROBLEMS.iter().filter(asked) {
        let Judged { advice, diverged: Share { hits, total, .. }, test, train } = judge(problem)?;
        let verdict = match advice.verdict {
            Large::Helps => "large steps help",
            Large::MakesNoDifference => "no difference",
            Large::DoesNotHelp => "large steps do not help",
        };
        let schedule = format!("{} for {}", short(advice.large.step_size), percent(advice.large.keep));
        println!(
            "| {} | {verdict} | {schedule} | {} | {hits} of {total} | {} | {} |",
            problem.name(),
            short(advice.constant_runs.step_size),
            short(test),
            short(train)
        );
        shares.push(hits as f64 / total as f64);
        // what the advice says of a training loss that ends higher, it has said beforehand
        let said = advice.verdict == Large::Helps && advice.train_ratio.as_ref().is_some_and(|told| told.median > 2.0);
        kept &= clopper_pearson(hits, total, 0.001)[0] <= 0.05 && test <= 1.1 && (train <= 10.0 || said);
        count += usize::from(problem.pays);
        large += usize::from(problem.pays && advice.verdict == Large::Helps);
        advised += usize::from(problem.pays && advice.verdict != Large::DoesNotHelp);
    }
    let mean = shares.iter().sum::<f64>() / shares.len() as f64;
    println!("\n{} of the advised runs diverge on average, {} at most.", percent_of(mean), percent_of(worst(&shares)));
    println!(
        "Large steps are advised in {advised} of the {count} problems in which they are expected to pay, and help in {large}."
    );
    let good = kept && mean <= 0.04 && 5 * advised >= 4 * count;
    println!("{}", if good { "All that was promised was kept." } else { "Something that was promised was not kept." });
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn worst(shares: &[f64]) -> f64 {
    shares.iter().copied().fold(0.0, f64::max)
}

/// With a digit behind the point.
fn percent_of(share: f64) -> String {
    format!("{:.1}%", 100.0 * share)
}
