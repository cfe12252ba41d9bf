//! A DenseNet on images: four runs, and whether large steps give a lower test error and sparser features there too.

mod estimate;
mod side_by_side;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use stepwell::words::thousands;
use stepwell_deep::data::catalog::DataSet;
use stepwell_deep::engine::Device;
use stepwell_deep::training::{Status, TrainingImages, TrainingSpec};
use stepwell_lab::experiment::Experiment;
use stepwell_lab::findings::Findings;
use stepwell_lab::findings::training::{StepSizes, Training};
use stepwell_lab::setting::Setting;
use stepwell_lab::training::densenet::{Changes, Choice, Plan, Scale, Style};
use stepwell_lab::training::{labeled, observations, setting};
use stepwell_store::checkpoints::newest;
use stepwell_store::run_folder::{Claim, Heading, Kind, RunFolder};
use stepwell_store::shell::quoted;

use self::estimate::{Costs, Left};
use self::side_by_side::SideBySide;
use crate::cli::{self, DenseNetArgs, ImageSet, ReproduceArgs};
use crate::commands::data::catalog;
use crate::commands::train::driven::Wanted;
use crate::commands::train::{device, fits, parameters, place_of, refused};
use crate::deliver::{Delivery, stopped};
use crate::failure::Failure;
use crate::interrupt;

/// Time between checkpoints.
const EVERY: Duration = Duration::from_secs(30);

/// Trains each setting for each seed; what an earlier call left unfinished is gone on with.
pub fn run(args: &ReproduceArgs) -> Result<ExitCode, Failure> {
    let started = Instant::now();
    if args.fresh.is_some() {
        return Err(Failure::usage("--fresh: densenet draws other images for each seed, expected --seeds"));
    }
    let (choice, changes) = asked(&args.deep);
    let plan = Plan::new(choice, &changes).map_err(Failure::of)?;
    let device = device(args.deep.device.as_deref().unwrap_or("cpu"))?;
    let catalog = catalog(args.deep.data_dir.as_deref())?;
    let set = plan.spec.data_set().map_err(|error| refused(NAME, &error.into()))?;
    catalog.find(set).map_err(|error| refused(NAME, &error.into()))?;
    fits(NAME, &plan.spec, &device)?;
    let out = args.results.out.clone().unwrap_or_else(|| default_folder(&plan.choice));
    let heading = heading(args, &plan);
    let folder = RunFolder::claim(&out, &heading, args.results.claim(Claim::New))?;
    let mut delivery = Delivery::new(&folder, &heading, "densenet", &args.results, started);
    if let Some(experiment) = folder.at_hand()? {
        delivery.again(experiment)?;
        return Ok(ExitCode::SUCCESS);
    }
    let first = plan.spec.seed;
    let seeds: Vec<TrainingSpec> =
        (0..seeds(args)).map(|k| TrainingSpec { seed: first + k, ..plan.spec.clone() }).collect();
    let left = left(&folder, &seeds)?;
    if left.steps < trained_steps(&seeds)? {
        delivery.remark = "; earlier calls had done some or all of the training".into();
    }
    eprint!("{}", about(&plan));
    let settings = train(&folder, &seeds, &device, &left, |spec| {
        TrainingImages::load(spec, &catalog).map_err(|error| refused(NAME, &error))
    })?;
    // a seed that a signal kept from beginning is missing
    let begun = settings.iter().all(|setting| setting.outcomes.len() == seeds.len());
    if !begun {
        folder.write_experiment(&experiment(&plan, settings), &heading.command, args.results.format())?;
        return Err(stopped(&folder));
    }
    delivery.of_trainings(experiment(&plan, settings))?;
    Ok(ExitCode::SUCCESS)
}

/// What the command line says.
fn asked(args: &DenseNetArgs) -> (Choice, Changes) {
    let data = match args.data {
        None | Some(ImageSet::FashionMnist) => DataSet::FashionMnist,
        Some(ImageSet::Cifar10) => DataSet::Cifar10,
        Some(ImageSet::Cifar100) => DataSet::Cifar100,
        Some(ImageSet::TinyImageNet) => DataSet::TinyImageNet,
    };
    let setting = if args.setting == Some(cli::Setting::Sota) { Style::Sota } else { Style::Basic };
    let scale = if args.scale == Some(cli::Scale::Paper) { Scale::Paper } else { Scale::Small };
    let DenseNetArgs { step_size, small_step_size, sets, .. } = args;
    let changes = Changes { step_size: *step_size, small_step_size: *small_step_size, sets: sets.clone() };
    (Choice { data, setting, scale }, changes)
}

/// Runs per setting, unless told otherwise.
fn seeds(args: &ReproduceArgs) -> u64 {
    args.seeds.unwrap_or(1)
}

fn heading(args: &ReproduceArgs, plan: &Plan) -> Heading {
    let options: String = args.deep.given().iter().map(|(flag, value)| format!(" {flag} {}", quoted(value))).collect();
    let question = format!("densenet --seeds {}{options}", seeds(args));
    let command = format!("stepwell reproduce {question}");
    Heading::new(Kind::Reproduce, question, command, Vec::new(), plan.text.clone())
}

/// All trainings, seed by seed, each seed's side by side; those that were stopped are `Running`.
fn train(
    folder: &RunFolder,
    seeds: &[TrainingSpec],
    device: &Device,
    left: &Left,
    load: impl Fn(&TrainingSpec) -> Result<TrainingImages, Failure>,
) -> Result<Vec<Setting>, Failure> {
    let Some(one) = seeds.first() else { return Ok(Vec::new()) };
    let runs = labeled(one);
    let side_by_side = SideBySide::of(runs.len(), one, device).map_err(|error| refused(NAME, &error.into()))?;
    let mut trained: Vec<Setting> = runs.into_iter().map(|(label, spec)| setting(label, &spec, Vec::new())).collect();
    let mut estimated = left.runs == 0;
    for (s, spec) in seeds.iter().enumerate() {
        if interrupt::stopped() {
            break;
        }
        let images = load(spec)?;
        if !estimated {
            eprintln!("{}", estimate(spec, &images, device, left, side_by_side)?);
            estimated = true;
        }
        let runs = labeled(spec);
        let outcomes = side_by_side.map(runs.len(), |k| {
            let (label, one) = &runs[k];
            let label = &format!("{label}, seed {}", spec.seed);
            let wanted = Wanted { spec: one, images: &images, device, label, every: EVERY, keeps_parameters: false };
            wanted.train(&run_place(folder, seeds, s, k))
        })?;
        trained.iter_mut().zip(outcomes).for_each(|(setting, outcome)| setting.outcomes.push(outcome));
    }
    Ok(trained)
}

/// Where the checkpoints of the k-th run of the s-th seed are.
fn run_place(folder: &RunFolder, seeds: &[TrainingSpec], s: usize, k: usize) -> PathBuf {
    let variants = seeds[s].variants.len();
    place_of(folder, variants * seeds.len(), s * variants + k)
}

fn experiment(plan: &Plan, settings: Vec<Setting>) -> Experiment {
    let [small, large] = plan.step_sizes;
    let step_sizes = StepSizes { small, large, source: plan.source.words().into() };
    let observations = observations(&settings);
    let found = Training { parameters: parameters(&plan.spec), step_sizes: Some(step_sizes), observations };
    Experiment {
        title: plan.spec.title.clone().unwrap_or_default(),
        settings,
        findings: Findings::Training(found),
        step_size_unit: None,
        notes: Vec::new(),
    }
}

/// What stands before messages on the spec and its images.
const NAME: &str = "reproduce densenet";

/// Another choice has another folder.
fn default_folder(choice: &Choice) -> PathBuf {
    if *choice == Choice::DEFAULT {
        return PathBuf::from("results/densenet");
    }
    let Choice { data, setting, scale } = choice;
    let setting = if *setting == Style::Basic { "basic" } else { "sota" };
    let scale = if *scale == Scale::Small { "small" } else { "paper" };
    PathBuf::from(format!("results/densenet-{}-{setting}-{scale}", data.name()))
}

/// What is left to do, of all runs.
fn left(folder: &RunFolder, seeds: &[TrainingSpec]) -> Result<Left, Failure> {
    let mut left = Left::default();
    for (s, spec) in seeds.iter().enumerate() {
        for k in 0..spec.variants.len() {
            let at = match newest(&run_place(folder, seeds, s, k)) {
                Some(found) if found.status() != Ok(Status::Running) => None,
                found => Some(found.and_then(|found| found.word("step").ok()).unwrap_or(0)),
            };
            left.add(at, spec).map_err(|error| refused(NAME, &error.into()))?;
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
        return Err(Failure::halted("stopped on request before the first step; the same command goes on"));
    }
    Ok(format!(
        "{}\nTERM and Ctrl-C save and stop; the same command goes on",
        costs.words(left, side_by_side.trainings)
    ))
}

/// What is trained, and with which step sizes.
fn about(plan: &Plan) -> String {
    let [small, large] = plan.step_sizes;
    format!(
        "{}, {} parameters
step sizes {small} and {large}: {}
",
        plan.spec.title.as_deref().unwrap_or_default(),
        thousands(parameters(&plan.spec)),
        plan.source.words()
    )
}
