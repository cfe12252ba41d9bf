//! `stepwell train`: deep networks on images, stopped and resumed at will.

pub mod driven;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use stepwell::outcome::Outcome;
use stepwell_deep::checkpoint::CheckpointError;
use stepwell_deep::engine::{Device, Engine, on_processor};
use stepwell_deep::memory::{self, TrainingMemory, in_words};
use stepwell_deep::training::{TrainingError, TrainingImages, TrainingSpec};
use stepwell_lab::experiment::Experiment;
use stepwell_lab::findings::{self, Findings};
use stepwell_lab::setting::Setting;
use stepwell_lab::training::{labeled, setting};
use stepwell_store::checkpoints::RUNS;
use stepwell_store::run_folder::{Claim, Heading, Kind, RunFolder};

use self::driven::Wanted;
use crate::cli::TrainArgs;
use crate::code;
use crate::commands::data::catalog;
use crate::commands::run::stem;
use crate::deliver::Delivery;
use crate::failure::Failure;
use crate::spec_file;

/// Trains the network of a spec, or those of its variants.
pub fn run(args: &TrainArgs) -> Result<ExitCode, Failure> {
    let started = Instant::now();
    if !(args.checkpoint_every >= 0.0 && args.checkpoint_every <= 1e9) {
        return Err(Failure::usage(format!("--checkpoint-every {}: expected seconds", args.checkpoint_every)));
    }
    let (name, text) = spec_file::read_text(&args.spec)?;
    let spec = spec(&name, &text, &args.sets, args.seed)?;
    let device = device(&args.device)?;
    fits(&name, &spec, &device)?;
    let catalog = catalog(args.data_dir.as_deref())?;
    let out = args.results.out.clone().unwrap_or_else(|| PathBuf::from("results").join(stem(&args.spec)));
    let question = format!("seed {}, on {}", spec.seed, args.device);
    let command = format!("stepwell train - --device {}", args.device);
    let heading = Heading::new(Kind::Train, question, command, Vec::new(), spec.to_toml());
    // the claim first: what cannot run is said before any image is read
    let claim = args.results.claim(if args.resume { Claim::Resume } else { Claim::New });
    let folder = RunFolder::claim(&out, &heading, claim)?;
    let delivery = Delivery::new(&folder, &heading, "figure", &args.results, started);
    let experiment = match folder.at_hand()? {
        Some(experiment) => delivery.again(experiment)?,
        None => {
            let images = TrainingImages::load(&spec, &catalog).map_err(|error| refused(&name, &error))?;
            let every = Duration::from_secs_f64(args.checkpoint_every);
            let runs = labeled(&spec);
            let count = runs.len();
            let mut trained = Vec::new();
            for (k, (label, spec)) in runs.into_iter().enumerate() {
                let wanted = Wanted {
                    spec: &spec,
                    images: &images,
                    device: &device,
                    label: &label,
                    every,
                    keeps_parameters: true,
                };
                let outcome = wanted.train(&place_of(&folder, count, k))?;
                trained.push(setting(label, &spec, vec![outcome]));
            }
            let experiment = experiment(&spec, trained);
            if experiment.settings.iter().flat_map(|setting| &setting.outcomes).all(Outcome::has_ended) {
                folder.write_parameters(&experiment)?;
            }
            delivery.of_trainings(experiment)?
        }
    };
    let diverged = experiment.settings.iter().flat_map(|setting| &setting.outcomes).any(Outcome::diverged);
    Ok(if diverged && args.fail_on_diverge { ExitCode::from(code::FAILURE) } else { ExitCode::SUCCESS })
}

/// Where the checkpoints of the k-th training are: one training has the folder to itself.
pub fn place_of(folder: &RunFolder, count: usize, k: usize) -> PathBuf {
    if count == 1 { folder.path().into() } else { folder.path().join(RUNS).join(format!("{k:05}")) }
}

fn experiment(spec: &TrainingSpec, settings: Vec<Setting>) -> Experiment {
    let found = findings::training::Training { parameters: parameters(spec), ..Default::default() };
    Experiment {
        title: spec.title.clone().unwrap_or_else(|| settings.first().map_or(String::new(), |one| one.label.clone())),
        settings,
        findings: Findings::Training(found),
        step_size_unit: None,
        notes: Vec::new(),
    }
}

/// Number of parameters of the network.
pub fn parameters(spec: &TrainingSpec) -> u64 {
    spec.network().map_or(0, |network| network.layout().parameter_count() as u64)
}

/// A checked spec from its text.
pub fn spec(name: &str, text: &str, sets: &[String], seed: Option<u64>) -> Result<TrainingSpec, Failure> {
    let mut spec: TrainingSpec = spec_file::parse_as(name, text, sets)?;
    if let Some(seed) = seed {
        spec.seed = seed;
    }
    spec.check().map_err(|error| spec_file::explain(name, text, sets, &error))?;
    Ok(spec)
}

/// The device of a name.
pub fn device(name: &str) -> Result<Device, Failure> {
    let device = name.parse::<Engine>().and_then(Engine::device);
    device.map_err(|error| Failure::usage(format!("--device {name}: {error}")))
}

/// Refuses a training on the processor that needs more memory than there is.
pub fn fits(name: &str, spec: &TrainingSpec, device: &Device) -> Result<(), Failure> {
    let Some(available) = memory::available().filter(|_| on_processor(device)) else { return Ok(()) };
    let needed = TrainingMemory::of(spec).map_err(|error| Failure::input(format!("{name}: {error}")))?;
    if needed.total() <= available {
        return Ok(());
    }
    let fits = match needed.largest_part(available) {
        Some(part) => format!("training.micro_batch = {part} would fit"),
        None => "not even training.micro_batch = 1 would fit: expected a smaller network or smaller images".into(),
    };
    let (total, left) = (in_words(needed.total()), in_words(available));
    let part = needed.part;
    Err(Failure::input(format!(
        "{name}: needs about {total} of memory with {part} images at a time, and {left} is available; {fits}"
    )))
}

/// What a training was refused for.
pub fn refused(name: &str, error: &TrainingError) -> Failure {
    match error {
        TrainingError::Checkpoint(error @ CheckpointError::Other { .. }) => Failure::input(format!("{name}: {error}")),
        TrainingError::Checkpoint(error) => Failure::corrupt(format!("{name}: {error}")),
        TrainingError::Data(error) => Failure::input(error.to_string()),
        TrainingError::Spec(error) => Failure::input(format!("{name}: {error}")),
    }
}
