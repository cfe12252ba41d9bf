//! `stepwell measure activations|jacobian|sharpness`: what the network in a checkpoint looks like.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};
use stepwell::spec::SpecError;
use stepwell::words::short;
use stepwell_deep::checkpoint::{CheckpointError, spec_of, weights_of};
use stepwell_deep::data::Part;
use stepwell_deep::data::catalog::Catalog;
use stepwell_deep::engine::{Device, on_processor};
use stepwell_deep::memory::{self, MeasureMemory, in_words};
use stepwell_deep::metrics::{
    OverBatches, ProbeBatches, RANK_TOLERANCE, activations, batch_sharpness, jacobian_rank, sharpness, to_safetensors,
};
use stepwell_deep::network::{Mode, Network, Weights};
use stepwell_deep::training::{TrainingImages, TrainingSpec};
use stepwell_store::checkpoints::newest;
use stepwell_store::container::from_bytes;

use super::data::catalog;
use super::train::{device, refused};
use crate::cli::{NetworkArgs, NetworkMeasure};
use crate::failure::Failure;
use crate::output::{number, print, print_json};
use stepwell_store::folder::Folder;

/// Images for Jacobian and Hessian, unless told otherwise.
const FEW: usize = 128;

/// Measures.
pub fn run(command: &NetworkMeasure) -> Result<ExitCode, Failure> {
    match command {
        NetworkMeasure::Activations { of, places, output } => write_activations(&Loaded::open(of)?, places, output),
        NetworkMeasure::Jacobian { of, json } => jacobian(&Loaded::open(of)?, *json),
        NetworkMeasure::Sharpness { of, batches, json } => hessian(&Loaded::open(of)?, *batches, *json),
    }
}

/// A trained network with the images of its spec.
struct Loaded {
    spec: TrainingSpec,
    step: u64,
    network: Network,
    weights: Weights,
    device: Device,
    catalog: Catalog,
    place: String,
    count: Option<usize>,
}

impl Loaded {
    fn open(args: &NetworkArgs) -> Result<Self, Failure> {
        let place = args.checkpoint.display();
        let corrupt = |error: CheckpointError| Failure::corrupt(format!("{place}: {error}"));
        let checkpoint = if args.checkpoint.is_dir() {
            let lacks = || Failure::input(format!("{place}: holds no sound checkpoint of `stepwell train`"));
            newest(&args.checkpoint).ok_or_else(lacks)?
        } else {
            let bytes = fs::read(&args.checkpoint).map_err(|error| Failure::input(format!("{place}: {error}")))?;
            from_bytes(&bytes).map_err(|error| Failure::corrupt(format!("{place}: {error}")))?
        };
        let spec = spec_of(&checkpoint).map_err(corrupt)?;
        let network = spec.network().map_err(|error| Failure::input(format!("{place}: {error}")))?;
        let device = device(&args.device)?;
        let weights = weights_of(&checkpoint, &network, &device).map_err(corrupt)?;
        let catalog = catalog(args.data_dir.as_deref())?;
        let count = args.images.map(|count| usize::try_from(count).unwrap_or(usize::MAX));
        let (step, place) = (checkpoint.word("step").unwrap_or(0), place.to_string());
        Ok(Self { spec, step, network, weights, device, catalog, place, count })
    }

    /// The images of the spec.
    fn images(&self) -> Result<TrainingImages, Failure> {
        TrainingImages::load(&self.spec, &self.catalog).map_err(|error| refused(&self.place, &error))
    }

    /// So many images, or all that the spec has.
    fn at_most(&self, images: usize, part: Part) -> Result<usize, Failure> {
        Ok(images.min(self.spec.count(part).map_err(|error| self.refused(&error))?))
    }

    fn refused(&self, error: &SpecError) -> Failure {
        Failure::input(format!("{}: {error}", self.place))
    }

    /// Refuses what needs more memory than there is, on the processor.
    fn fits(&self, what: MeasureMemory, images: usize) -> Result<(), Failure> {
        let Some(available) = memory::available().filter(|_| on_processor(&self.device)) else { return Ok(()) };
        let refuse = |error: SpecError| self.refused(&error);
        let (images, needed) = (images as u64, what.of(&self.spec, images as u64).map_err(refuse)?);
        if needed <= available {
            return Ok(());
        }
        let fits = match what.most_images(&self.spec, images, available).map_err(refuse)? {
            Some(most) => format!("--images {most} would fit"),
            None => "not even one image would fit".into(),
        };
        let (needed, left) = (in_words(needed), in_words(available));
        Err(Failure::input(format!("{images} images need about {needed} of memory, and {left} is available; {fits}")))
    }
}

fn write_activations(of: &Loaded, places: &[String], output: &Path) -> Result<ExitCode, Failure> {
    let known = of.network.places();
    if let Some(place) = places.iter().find(|place| !known.contains(place)) {
        let known = known.join(", ");
        return Err(Failure::usage(format!("--at {place}: no such place in this network, expected one of {known}")));
    }
    let count = of.at_most(of.count.unwrap_or(of.spec.record.sparsity_images.max(1)), Part::Train)?;
    let one = of.network.batch(vec![0.0; of.network.input().iter().product()], &of.device);
    let chosen = of.network.features(&of.weights, one).into_iter().filter(|found| places.contains(&found.place));
    let numbers = chosen.map(|found| found.values.dims().iter().product::<usize>() as u64).sum();
    of.fits(MeasureMemory::Activations(numbers), count)?;
    let found = activations(&of.network, &of.weights, &of.images()?.train, count, places, &of.device);
    let parent = output.parent().filter(|parent| !parent.as_os_str().is_empty());
    let folder = Folder::unchecked(parent.unwrap_or(".".as_ref()));
    let bytes = to_safetensors(&found);
    folder.write_with(output, |mut file| {
        use std::io::Write;
        file.write_all(&bytes).map_err(|error| Failure::other(format!("{}: {error}", output.display())))
    })?;
    for place in &found {
        let [samples, channels, height, width] = place.shape;
        print(&format!("{}: {samples} samples x {channels} channels x {height} x {width}\n", place.place))?;
    }
    let subset = if found.iter().any(|place| place.shape[1..].iter().product::<usize>() > of.spec.record.neurons) {
        format!(" --subset {} --seed {}", of.spec.record.neurons, of.spec.seed)
    } else {
        String::new()
    };
    let array = if found.len() > 1 { format!(" --array {}", found[0].place) } else { String::new() };
    print(&format!("as recorded: stepwell measure sparsity {}{array}{subset}\n", output.display()))?;
    Ok(ExitCode::SUCCESS)
}

fn jacobian(of: &Loaded, as_json: bool) -> Result<ExitCode, Failure> {
    let count = of.at_most(of.count.unwrap_or(FEW), Part::Test)?;
    of.fits(MeasureMemory::Jacobian, count)?;
    let found = jacobian_rank(&of.network, &of.weights, &of.images()?.test, count, of.spec.seed, &of.device);
    let n = found.singular_values.len();
    if as_json {
        print_json(&json!({
            "step": of.step, "rank": found.rank(), "effective_rank": number(found.effective_rank()),
            "tol": RANK_TOLERANCE, "images": n, "parameters": found.parameters,
            "combination": found.combination.iter().map(|c| number(f64::from(*c))).collect::<Vec<_>>(),
            "singular_values": found.singular_values.iter().map(|s| number(*s)).collect::<Vec<_>>(),
        }))?;
    } else {
        print(&format!(
            "rank {} of {n} x {} at {RANK_TOLERANCE:.2e} of the largest singular value ({}; smallest {})\n\
             effective rank {}\nrows are gradients of one random combination of logits, at {n} test images, at step {}\n",
            found.rank(),
            found.parameters,
            short(found.singular_values.first().copied().unwrap_or(f64::NAN)),
            short(found.singular_values.last().copied().unwrap_or(f64::NAN)),
            short(found.effective_rank()),
            of.step,
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn hessian(of: &Loaded, batches: u64, as_json: bool) -> Result<ExitCode, Failure> {
    let count = of.at_most(of.count.unwrap_or(FEW), Part::Train)?;
    of.fits(MeasureMemory::Sharpness, count)?;
    let images = of.images()?.train;
    let found = sharpness(&of.network, &of.weights, &images, count, Mode::Train, &of.device);
    let batches = ProbeBatches { count: usize::try_from(batches).unwrap_or(usize::MAX), ..of.spec.probe_batches() };
    let own = batch_sharpness(&of.network, &of.weights, &images, batches, Mode::Train, &of.device);
    let size = batches.size.min(images.len());
    if as_json {
        print_json(&json!({
            "step": of.step, "sharpness": number(found.value), "residual": number(found.residual),
            "difference_error": number(found.difference_error), "images": count, "products": found.products,
            "batch_sharpness": over_batches(&own.mean_of_ratios),
            "gradient_weighted_batch_sharpness": over_batches(&own.ratio_of_means),
            "batches": own.batches, "batch": size,
        }))?;
    } else {
        print(&format!(
            "sharpness {} on {count} training images in one batch, at step {}\n\
             within {} by the residual of Lanczos' method, {} by the differences of gradients ({} products)\n",
            short(found.value),
            of.step,
            short(found.residual),
            short(found.difference_error),
            found.products,
        ))?;
        print(&format!(
            "{}{}on {} batches of {size} training images, along their own gradients\n",
            batches_in_words("batch sharpness (mean of ratios)", &own.mean_of_ratios),
            batches_in_words("gradient-weighted batch sharpness (ratio of means)", &own.ratio_of_means),
            own.batches,
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn over_batches(found: &OverBatches) -> Value {
    json!({
        "value": number(found.value), "difference_error": number(found.difference_error),
        "standard_error": number(found.standard_error),
    })
}

fn batches_in_words(name: &str, found: &OverBatches) -> String {
    format!(
        "{name} {}, within {} by the differences of gradients; standard error over batches {}\n",
        short(found.value),
        short(found.difference_error),
        short(found.standard_error),
    )
}
