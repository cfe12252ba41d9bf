//! `stepwell train`: deep networks on images, stopped and resumed at will.

pub mod report;
pub mod session;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde_json::json;
use stepwell_deep::checkpoint::CheckpointError;
use stepwell_deep::engine::{Device, Engine, on_processor};
use stepwell_deep::memory::{self, TrainingMemory, in_words};
use stepwell_deep::training::{Status, TrainingError, TrainingImages, TrainingSpec};

use self::report::Trained;
use self::session::{Claim, Session, train};
use crate::cli::TrainArgs;
use crate::commands::data::catalog;
use crate::commands::run::{is_a_run, stem};
use crate::failure::{Failure, code};
use crate::output::{print, print_json};
use crate::spec_file;
use stepwell_store::folder::Folder;

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
    let out = args.out.clone().unwrap_or_else(|| PathBuf::from("results").join(stem(&args.spec)));
    let runs = runs(&spec, &out);
    let folders = runs.iter().map(|(_, _, path)| Folder::claim(path, is_a_run)).collect::<Result<Vec<_>, _>>()?;
    // the claims first: what cannot run is said before any image is read
    let claim = match (args.resume, args.overwrite) {
        (true, _) => Claim::Resume,
        (_, true) => Claim::Overwrite,
        _ => Claim::New,
    };
    let mut sessions = Vec::new();
    for ((label, spec, _), folder) in runs.iter().zip(&folders) {
        sessions.push(Session::open(folder, label, spec, claim)?);
    }
    let images = TrainingImages::load(&spec, &catalog).map_err(|error| refused(&name, &error))?;
    let every = Duration::from_secs_f64(args.checkpoint_every);
    let mut trained = Vec::new();
    for ((label, spec, _), session) in runs.iter().zip(&mut sessions) {
        let training = train(session, spec, &images, &device, every, label)?;
        let one = Trained::of(label, &training);
        session.write_results(&one)?;
        trained.push(one);
    }
    let summary = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "runs": trained.iter().map(Trained::json).collect::<Vec<_>>(),
    });
    if args.json {
        print_json(&summary)?;
    } else {
        let table = report::table_of(&trained);
        let seconds = started.elapsed().as_secs_f64();
        print(&format!("{table}\nfiles    {}\ntime     {seconds:.1} s\n", out.display()))?;
    }
    let diverged = trained.iter().any(|one| matches!(one.status, Status::Diverged { .. }));
    Ok(if diverged && args.fail_on_diverge { ExitCode::from(code::FAILURE) } else { ExitCode::SUCCESS })
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

/// Label, spec and folder of each run: the spec's own, or one a variant in folders below.
pub fn runs(spec: &TrainingSpec, out: &Path) -> Vec<(String, TrainingSpec, PathBuf)> {
    if spec.variants.is_empty() {
        let label = spec.title.clone().unwrap_or_else(|| "run".into());
        return vec![(label, spec.clone(), out.to_path_buf())];
    }
    let one = |(k, variant): (usize, &stepwell_deep::training::VariantSpec)| {
        (variant.label.clone(), spec.with_variant(variant), out.join(format!("run-{}", k + 1)))
    };
    spec.variants.iter().enumerate().map(one).collect()
}
