//! A DenseNet on images: four runs, and whether large steps give a lower test error and sparser features there too.

mod estimate;
mod plan;
mod side_by_side;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stepwell::statistics::{Band, Share};
use stepwell::verdict::Behavior;
use stepwell::words::{percent, short, thousands};
use stepwell_deep::engine::Device;
use stepwell_deep::training::{Status, TrainingImages, TrainingSpec};
use stepwell_plot::figure::Figure;

use self::estimate::{Costs, Left};
use self::plan::{Choice, Plan};
use self::side_by_side::SideBySide;
use super::{DivergedRun, Reproduction, is_a_reproduction, present, seeds};
use crate::cli::{ReproduceArgs, word};
use crate::commands::data::catalog;
use crate::commands::run::is_a_run;
use crate::commands::train::report::{self, Trained, words};
use crate::commands::train::session::{Claim, Session, train};
use crate::commands::train::{device, fits, refused};
use crate::failure::Failure;
use crate::interrupt;
use crate::output::{band_json, table};
use crate::records_rows::{HEADER, append_csv, run_prefix};
use stepwell_store::folder::Folder;

/// Time between checkpoints.
const EVERY: Duration = Duration::from_secs(30);

/// The settings with their runs, one a seed.
struct Results {
    plan: Plan,
    settings: Vec<Vec<Trained>>,
    observations: Vec<Observation>,
    /// Whether an earlier call did some of it.
    earlier: bool,
}

/// Trains each setting for each seed; what an earlier call left unfinished is gone on with.
pub fn run(args: &ReproduceArgs) -> Result<ExitCode, Failure> {
    let started = Instant::now();
    if args.fresh.is_some() {
        return Err(Failure::usage("--fresh: densenet draws other images for each seed, expected --seeds"));
    }
    let plan = Plan::new(&args.deep)?;
    let device = device(args.deep.device.as_deref().unwrap_or("cpu"))?;
    let catalog = catalog(args.deep.data_dir.as_deref())?;
    let set = plan.spec.data_set().map_err(|error| refused(NAME, &error.into()))?;
    catalog.find(set).map_err(|error| refused(NAME, &error.into()))?;
    fits(NAME, &plan.spec, &device)?;
    let out = args.out.clone().unwrap_or_else(|| default_folder(&plan.choice));
    let first_run = out.join(format!("seed-{}", plan.spec.seed)).join("run-1");
    let folder = Folder::claim(&out, |path| is_a_reproduction(path) || is_a_run(&first_run))?;
    let seeds: Vec<TrainingSpec> =
        (0..seeds(args)).map(|k| TrainingSpec { seed: plan.spec.seed + k, ..plan.spec.clone() }).collect();
    let left = left(&folder, &seeds)?;
    eprint!("{}", about(&plan));
    let mut estimated = left.runs == 0;
    let count = plan.spec.variants.len();
    let side_by_side = SideBySide::of(count, &plan.spec, &device).map_err(|error| refused(NAME, &error.into()))?;
    let mut settings: Vec<Vec<Trained>> = plan.spec.variants.iter().map(|_| Vec::new()).collect();
    for spec in &seeds {
        let images = TrainingImages::load(spec, &catalog).map_err(|error| refused(NAME, &error))?;
        if !estimated {
            eprintln!("{}", estimate(spec, &images, &device, &left, side_by_side)?);
            estimated = true;
        }
        let trained = side_by_side.map(count, |k| {
            let (one, below) = one_run(&folder, spec, k)?;
            let label = &spec.variants[k].label;
            let mut session = Session::open(&below, label, &one, Claim::GoOn)?;
            let shown = format!("{label}, seed {}", spec.seed);
            let trained = Trained::of(label, &train(&mut session, &one, &images, &device, EVERY, &shown)?);
            session.write_results(&trained)?;
            Ok(trained)
        })?;
        settings.iter_mut().zip(trained).for_each(|(runs, one)| runs.push(one));
    }
    let (observations, text) = (observations(&settings), plan.text.clone());
    let earlier = left.steps < trained_steps(&seeds)?;
    present(args, &folder, &text, &Results { plan, settings, observations, earlier }, started)
}

/// What stands before messages on the spec and its images.
const NAME: &str = "reproduce densenet";

/// Another choice has another folder.
fn default_folder(choice: &Choice) -> PathBuf {
    if *choice == Choice::DEFAULT {
        return PathBuf::from("results/densenet");
    }
    let Choice { data, setting, scale } = choice;
    PathBuf::from(format!("results/densenet-{}-{}-{}", data.name(), word(setting), word(scale)))
}

/// Spec and folder of the k-th run of a seed.
fn one_run(folder: &Folder, spec: &TrainingSpec, k: usize) -> Result<(TrainingSpec, Folder), Failure> {
    let path = folder.path().join(format!("seed-{}", spec.seed)).join(format!("run-{}", k + 1));
    Ok((spec.with_variant(&spec.variants[k]), Folder::create(&path)?))
}

/// What is left to do, of all runs. What cannot be gone on with is refused before anything is read or measured.
fn left(folder: &Folder, seeds: &[TrainingSpec]) -> Result<Left, Failure> {
    let mut left = Left::default();
    for spec in seeds {
        for k in 0..spec.variants.len() {
            let (one, below) = one_run(folder, spec, k)?;
            let session = Session::open(&below, &spec.variants[k].label, &one, Claim::GoOn)?;
            left.add(session.step(), spec).map_err(|error| refused(NAME, &error.into()))?;
        }
    }
    Ok(left)
}

/// The steps of all runs.
fn trained_steps(seeds: &[TrainingSpec]) -> Result<u64, Failure> {
    let mut all = Left::default();
    for spec in seeds {
        for _ in &spec.variants {
            all.add(Some(0), spec).map_err(|error| refused(NAME, &error.into()))?;
        }
    }
    Ok(all.steps)
}

/// How long it will take.
fn estimate(
    spec: &TrainingSpec,
    images: &TrainingImages,
    device: &Device,
    left: &Left,
    side_by_side: SideBySide,
) -> Result<String, Failure> {
    let costs = side_by_side.alone(|| Costs::measure(spec, images, device))?.map_err(|error| refused(NAME, &error))?;
    if interrupt::stopped() {
        return Err(Failure::stopped("stopped on request before the first step; the same command goes on"));
    }
    Ok(format!(
        "{}\nTERM and Ctrl-C save and stop; the same command goes on",
        costs.words(left, side_by_side.trainings)
    ))
}

/// What is trained, and with which step sizes.
fn about(plan: &Plan) -> String {
    let network = plan.spec.network().map_or(0, |network| network.layout().parameter_count());
    let [small, large] = plan.step_sizes;
    format!(
        "{}, {} parameters
step sizes {small} and {large}: {}
",
        plan.spec.title.as_deref().unwrap_or_default(),
        thousands(network as u64),
        plan.source.words()
    )
}

/// One of the paper's observations, counted over seeds.
struct Observation {
    statement: String,
    between: String,
    share: Share,
    /// Medians of what is compared.
    from_to: Option<(f64, f64)>,
}

impl Observation {
    fn verdict(&self) -> &'static str {
        match self.share {
            Share { total: 0, .. } => "no run to tell",
            share if share.low > 0.5 => "holds",
            share if share.high < 0.5 => "does not hold",
            share if share.hits == share.total => "seen, too few seeds to be sure",
            share if share.hits == 0 => "not seen, too few seeds to be sure",
            _ => "undecided",
        }
    }
}

/// The settings in the file's order: a small step, then decays from the earliest to the latest.
fn observations(settings: &[Vec<Trained>]) -> Vec<Observation> {
    let [small, early, .., late] = settings else { return Vec::new() };
    let told = |one: &&Trained| !matches!(one.stabilization.behavior, Behavior::CannotTell | Behavior::Diverges);
    let stable = late.iter().filter(|one| one.stabilization.behavior == Behavior::Stabilizes).count();
    let mut found = vec![Observation {
        statement: "the loss stabilizes while the step size is large".into(),
        between: label(late),
        share: Share::of(stable, late.iter().filter(told).count()),
        from_to: None,
    }];
    let smaller = |name: &str, statement: String, a: &[Trained], b: &[Trained]| {
        let pairs: Vec<(f64, f64)> = a
            .iter()
            .zip(b)
            .filter(|(a, b)| !a.diverged() && !b.diverged())
            .map(|(a, b)| (a.last(name), b.last(name)))
            .collect();
        let median = |of: fn(&(f64, f64)) -> f64| Band::of(&pairs.iter().map(of).collect::<Vec<_>>()).median;
        Observation {
            statement,
            between: format!("{} → {}", label(a), label(b)),
            share: Share::of(pairs.iter().filter(|(a, b)| b < a).count(), pairs.len()),
            from_to: (!pairs.is_empty()).then(|| (median(|pair| pair.0), median(|pair| pair.1))),
        }
    };
    found.push(smaller("test_error", "large steps give a smaller test error".into(), small, late));
    let names: Vec<String> = late[0].records.series.iter().map(|series| series.name.to_string()).collect();
    for name in names {
        if name == "test_error" || name == "jacobian_effective_rank" || name.starts_with("feature_sparsity") {
            found.push(smaller(&name, format!("the longer, the smaller the {}", words(&name)), early, late));
        }
    }
    found
}

fn label(runs: &[Trained]) -> String {
    runs.first().map_or(String::new(), |one| one.label.clone())
}

impl Reproduction for Results {
    fn csv(&self) -> String {
        let mut out = String::from(HEADER);
        for one in self.settings.iter().flatten() {
            append_csv(&mut out, &run_prefix(&one.label, one.seed), &one.records);
        }
        out
    }

    fn figure(&self) -> Result<Figure, Failure> {
        let groups: Vec<&[Trained]> = self.settings.iter().map(Vec::as_slice).collect();
        Ok(report::figure_of(self.plan.spec.title.as_deref().unwrap_or_default(), &groups))
    }

    fn summary(&self) -> Value {
        let setting = |runs: &Vec<Trained>| json!({ "label": label(runs), "runs": runs.iter().map(Trained::json).collect::<Vec<_>>() });
        let observation = |one: &Observation| {
            json!({
                "statement": one.statement, "between": one.between, "hits": one.share.hits, "seeds": one.share.total,
                "interval": [one.share.low, one.share.high], "verdict": one.verdict(),
                "medians": one.from_to.map(|(a, b)| [a, b]),
            })
        };
        let finals = |runs: &Vec<Trained>| {
            let values: Vec<f64> = runs.iter().map(|one| one.last("test_error")).collect();
            json!({ "label": label(runs), "test_error": band_json(&Band::of(&values)) })
        };
        let plan = &self.plan;
        let [small, large] = plan.step_sizes;
        json!({
            "version": env!("CARGO_PKG_VERSION"), "figure": "densenet", "title": plan.spec.title,
            "data": plan.choice.data.name(), "setting": word(&plan.choice.setting), "scale": word(&plan.choice.scale),
            "step_sizes": { "small": small, "large": large, "source": plan.source.words() },
            "final": self.settings.iter().map(finals).collect::<Vec<_>>(),
            "settings": self.settings.iter().map(setting).collect::<Vec<_>>(),
            "observations": self.observations.iter().map(observation).collect::<Vec<_>>(),
        })
    }

    fn diverged(&self) -> Vec<DivergedRun> {
        let of = |one: &Trained| match one.status {
            Status::Diverged { step } => Some(DivergedRun { label: one.label.clone(), seed: one.seed, step }),
            _ => None,
        };
        self.settings.iter().flatten().filter_map(of).collect()
    }

    fn report(&self) -> String {
        let seeds = self.settings.first().map_or(0, Vec::len);
        let mut out = format!(
            "{}{seeds} seed{} of start, images and order; values at the end.\n",
            about(&self.plan),
            if seeds == 1 { "" } else { "s" }
        );
        out += &format!("{}\n\nThe paper's observations, seed by seed\n", report::table_of_groups(&self.settings));
        let mut table = table(&["observation", "between", "from → to", "seeds", "verdict"]);
        for one in &self.observations {
            let share = one.statement.contains("error") || one.statement.contains("sparsity");
            let value = |v: f64| if share { format!("{:.2}%", 100.0 * v) } else { short(v) };
            table.add_row([
                one.statement.clone(),
                one.between.clone(),
                one.from_to.map_or("–".into(), |(a, b)| format!("{} → {}", value(a), value(b))),
                format!(
                    "{} of {} [{}, {}]",
                    one.share.hits,
                    one.share.total,
                    percent(one.share.low),
                    percent(one.share.high)
                ),
                one.verdict().to_string(),
            ]);
        }
        out + &format!("{}\n\n", table.trim_fmt())
    }

    fn after_time(&self) -> String {
        if self.earlier { "; earlier calls had done some or all of the training".into() } else { String::new() }
    }
}
