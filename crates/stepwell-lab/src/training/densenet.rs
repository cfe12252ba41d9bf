//! The figure of a DenseNet on images: data set, setting and scale give one spec.

use stepwell::spec::parse_as;
use stepwell::words::thousands;
use stepwell_deep::data::Part;
use stepwell_deep::data::catalog::DataSet;
use stepwell_deep::network::{Architecture, DenseNet};
use stepwell_deep::training::TrainingSpec;

use crate::error::LabError;
use crate::reproduce::experiment;

/// The spec of the default choice; the others are made from it.
fn default_text() -> &'static str {
    experiment("densenet").expect("a spec of the program")
}

/// Where the step sizes come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A short search, which the spec's comment tells.
    Searched,
    /// The same, but keys were changed since.
    SearchedForAnother,
    /// The published ones for ResNet-18: for DenseNet there are none.
    OfResNet18,
    /// The command line.
    Given,
}

impl Source {
    /// The source in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Searched => "found by a short search, see run.toml",
            Self::SearchedForAnother => "found by a short search for the same figure without --set",
            Self::OfResNet18 => {
                "those published for ResNet-18; none are published for DenseNet, and these were not tried on it at this \
                 scale (--step-size and --small-step-size give others)"
            }
            Self::Given => "as given on the command line",
        }
    }
}

/// The published settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Plain SGD with exponential warm-up: no momentum, no weight decay, no augmentation.
    Basic,
    /// Momentum, weight decay and augmentation, without warm-up.
    Sota,
}

/// Network, images and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// DenseNet-16-12 on 5,120 images at half size, 50 epochs: minutes.
    Small,
    /// DenseNet-100-12 on all images, batch 256, 100 epochs: for a GPU.
    Paper,
}

/// Data set, setting and scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Which images.
    pub data: DataSet,
    /// How it is trained.
    pub setting: Style,
    /// How large it is.
    pub scale: Scale,
}

/// What is trained.
pub struct Plan {
    /// Data set, setting and scale.
    pub choice: Choice,
    /// The four runs.
    pub spec: TrainingSpec,
    /// The spec as TOML, with a comment on its step sizes.
    pub text: String,
    /// The small and the large step size.
    pub step_sizes: [f64; 2],
    /// Where they come from.
    pub source: Source,
}

/// What is asked for beside the choice.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// Another large step size.
    pub step_size: Option<f64>,
    /// Another small step size.
    pub small_step_size: Option<f64>,
    /// Changes of the spec by `key=value`.
    pub sets: Vec<String>,
}

impl Plan {
    /// The training that is asked for.
    ///
    /// # Errors
    /// If a change cannot be made, or leaves no figure.
    pub fn new(choice: Choice, changes: &Changes) -> Result<Self, LabError> {
        let (published, source) = choice.step_sizes();
        let step_sizes = [changes.small_step_size.unwrap_or(published[0]), changes.step_size.unwrap_or(published[1])];
        if choice == Choice::DEFAULT && changes.sets.is_empty() && step_sizes == published {
            let spec = read(default_text(), &[])?;
            return Ok(Self { choice, spec, text: default_text().to_owned(), step_sizes, source });
        }
        let mut spec = read(&choice.spec(step_sizes)?.to_toml(), &changes.sets)?;
        if spec.variants.len() != 4 {
            let found = spec.variants.len();
            return Err(LabError::Usage(format!("--set variants: {found} runs, expected the four of the figure")));
        }
        if spec.title.is_none() {
            spec.title = Some(choice.title(&spec));
        }
        let step_sizes = [0, 3].map(|k: usize| spec.variants[k].schedule.step_size);
        let source = match source {
            _ if step_sizes != published => Source::Given,
            Source::Searched if !changes.sets.is_empty() => Source::SearchedForAnother,
            source => source,
        };
        let text = format!("{}{}", choice.comment(step_sizes, source), spec.to_toml());
        Ok(Self { choice, spec, text, step_sizes, source })
    }
}

/// A checked spec with changes.
fn read(text: &str, sets: &[String]) -> Result<TrainingSpec, LabError> {
    let spec: TrainingSpec = parse_as(text, sets)?;
    spec.check().map_err(|error| error.of_sets(sets))?;
    Ok(spec)
}

impl Choice {
    /// What is done if nothing is said.
    pub const DEFAULT: Self = Self { data: DataSet::FashionMnist, setting: Style::Basic, scale: Scale::Small };

    /// Small and large step size, and where they come from.
    fn step_sizes(self) -> ([f64; 2], Source) {
        match (self.scale, self.data, self.setting) {
            (Scale::Small, DataSet::FashionMnist, Style::Basic) => ([0.1, 0.5], Source::Searched),
            (Scale::Small, DataSet::FashionMnist, Style::Sota) => ([0.01, 0.2], Source::Searched),
            (_, _, Style::Basic) => ([0.01, 0.75], Source::OfResNet18),
            (_, _, Style::Sota) => ([0.002, 0.05], Source::OfResNet18),
        }
    }

    /// The default spec with the choice's differences, without a title.
    fn spec(self, [small, large]: [f64; 2]) -> Result<TrainingSpec, LabError> {
        let mut spec = read(default_text(), &[])?;
        spec.title = None;
        spec.data.set = self.data.name().to_owned();
        if self.scale == Scale::Paper {
            (spec.data.train, spec.data.test, spec.data.halved) = (None, None, false);
            spec.network = Architecture::DenseNet(DenseNet::PLAIN_100_12);
            (spec.training.batch, spec.training.epochs) = (256, Some(100));
        }
        if self.setting == Style::Sota {
            spec.data.augment = true;
            (spec.training.momentum, spec.training.weight_decay) = (0.9, 5e-4);
        }
        spec.schedule.step_size = small;
        for (k, variant) in spec.variants.iter_mut().enumerate() {
            variant.schedule.step_size = if k == 0 { small } else { large };
            if self.setting == Style::Sota {
                variant.schedule.warmup = None;
            }
        }
        Ok(spec)
    }

    /// A line for people.
    fn title(self, spec: &TrainingSpec) -> String {
        let network = match spec.network {
            Architecture::DenseNet(DenseNet { depth, growth, bottleneck: false, .. }) => {
                format!("DenseNet-{depth}-{growth}")
            }
            Architecture::DenseNet(DenseNet { depth, growth, .. }) => format!("DenseNet-BC-{depth}-{growth}"),
            Architecture::ResNet(_) => "ResNet-18".into(),
            Architecture::ConvNet(_) => "ConvNet".into(),
        };
        let set = spec.data_set().unwrap_or(self.data);
        let all = set.expected(Part::Train).images;
        let images = match spec.data.train {
            Some(count) if count < all => format!("{} images of {}", thousands(count as u64), name_of(set)),
            _ => name_of(set).into(),
        };
        let setting = match self.setting {
            Style::Basic => "basic setting",
            Style::Sota => "state-of-the-art setting",
        };
        format!("{network} on {images}, {setting}")
    }

    /// What stands above the spec.
    fn comment(self, [small, large]: [f64; 2], source: Source) -> String {
        let search = match (source, self.setting) {
            (Source::Searched | Source::SearchedForAnother, Style::Sota) => SOTA_SEARCH,
            _ => "",
        };
        format!("# Step sizes {small} and {large}: {}.\n{search}", source.words())
    }
}

/// What the step sizes of the state-of-the-art setting at small scale come from.
const SOTA_SEARCH: &str = "\
# The search: runs of 320 steps (2,000 images, batch 64, 10 epochs, one seed), none of which diverged. Lower sparsity is sparser.
#   run                       test error   sparsity: block2  block3  pooled
#   small step 0.002             49.0%             51%     49%     91%
#   small step 0.01              36.9%             51%     49%     91%
#   eta_0 = 0.05, decay at 10%   30.5%             51%     49%     91%
#   eta_0 = 0.05, decay at 50%   25.6%             50%     49%     91%
#   eta_0 = 0.1, decay at 50%    24.8%             49%     45%     90%
#   eta_0 = 0.2, decay at 50%    24.2%             46%     32%     75%
#   eta_0 = 0.5, decay at 50%    24.8%             42%     19%     53%
";

/// How a data set is called by people.
fn name_of(set: DataSet) -> &'static str {
    match set {
        DataSet::FashionMnist => "Fashion-MNIST",
        DataSet::Mnist => "MNIST",
        DataSet::Cifar10 => "CIFAR-10",
        DataSet::Cifar100 => "CIFAR-100",
        DataSet::TinyImageNet => "TinyImageNet",
    }
}

#[cfg(test)]
#[path = "densenet_tests.rs"]
mod tests;
