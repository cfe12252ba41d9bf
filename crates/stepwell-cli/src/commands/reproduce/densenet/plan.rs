//! Which training is done: data set, setting and scale give one spec, which is written beside the results.

use stepwell::words::thousands;
use stepwell_deep::data::Part;
use stepwell_deep::data::catalog::DataSet;
use stepwell_deep::network::{Architecture, DenseNet};
use stepwell_deep::training::TrainingSpec;
use stepwell_lab::experiments::experiment;

use crate::cli::{DenseNetArgs, ImageSet, Scale, Setting};
use crate::commands::train::spec;
use crate::failure::Failure;

/// The spec of the default choice; the others are made from it.
fn default_text() -> &'static str {
    experiment("densenet").expect("a spec of the program")
}
const NAME: &str = "densenet-small.toml";

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

/// Data set, setting and scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Which images.
    pub data: DataSet,
    /// How it is trained.
    pub setting: Setting,
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

impl Plan {
    /// The training that the command line asks for.
    pub fn new(args: &DenseNetArgs) -> Result<Self, Failure> {
        let choice = Choice {
            data: args.data.map_or(DataSet::FashionMnist, data_set),
            setting: args.setting.unwrap_or(Setting::Basic),
            scale: args.scale.unwrap_or(Scale::Small),
        };
        let (published, source) = choice.step_sizes();
        let step_sizes = [args.small_step_size.unwrap_or(published[0]), args.step_size.unwrap_or(published[1])];
        if choice == Choice::DEFAULT && args.sets.is_empty() && step_sizes == published {
            let spec = spec(NAME, default_text(), &[], None)?;
            return Ok(Self { choice, spec, text: default_text().to_owned(), step_sizes, source });
        }
        let mut spec = spec("densenet.toml", &choice.spec(step_sizes)?.to_toml(), &args.sets, None)?;
        if spec.variants.len() != 4 {
            let found = spec.variants.len();
            return Err(Failure::usage(format!("--set variants: {found} runs, expected the four of the figure")));
        }
        if spec.title.is_none() {
            spec.title = Some(choice.title(&spec));
        }
        let step_sizes = [0, 3].map(|k: usize| spec.variants[k].schedule.step_size);
        let source = match source {
            _ if step_sizes != published => Source::Given,
            Source::Searched if !args.sets.is_empty() => Source::SearchedForAnother,
            source => source,
        };
        let text = format!("{}{}", choice.comment(step_sizes, source), spec.to_toml());
        Ok(Self { choice, spec, text, step_sizes, source })
    }
}

impl Choice {
    /// What is done if nothing is said.
    pub const DEFAULT: Self = Self { data: DataSet::FashionMnist, setting: Setting::Basic, scale: Scale::Small };

    /// Small and large step size, and where they come from.
    fn step_sizes(self) -> ([f64; 2], Source) {
        match (self.scale, self.data, self.setting) {
            (Scale::Small, DataSet::FashionMnist, Setting::Basic) => ([0.1, 0.5], Source::Searched),
            (Scale::Small, DataSet::FashionMnist, Setting::Sota) => ([0.01, 0.2], Source::Searched),
            (_, _, Setting::Basic) => ([0.01, 0.75], Source::OfResNet18),
            (_, _, Setting::Sota) => ([0.002, 0.05], Source::OfResNet18),
        }
    }

    /// The default spec with the choice's differences, without a title.
    fn spec(self, [small, large]: [f64; 2]) -> Result<TrainingSpec, Failure> {
        let mut spec = spec(NAME, default_text(), &[], None)?;
        spec.title = None;
        spec.data.set = self.data.name().to_owned();
        if self.scale == Scale::Paper {
            (spec.data.train, spec.data.test, spec.data.halved) = (None, None, false);
            spec.network = Architecture::DenseNet(DenseNet::PLAIN_100_12);
            (spec.training.batch, spec.training.epochs) = (256, Some(100));
        }
        if self.setting == Setting::Sota {
            spec.data.augment = true;
            (spec.training.momentum, spec.training.weight_decay) = (0.9, 5e-4);
        }
        spec.schedule.step_size = small;
        for (k, variant) in spec.variants.iter_mut().enumerate() {
            variant.schedule.step_size = if k == 0 { small } else { large };
            if self.setting == Setting::Sota {
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
            Setting::Basic => "basic setting",
            Setting::Sota => "state-of-the-art setting",
        };
        format!("{network} on {images}, {setting}")
    }

    /// What stands above the spec.
    fn comment(self, [small, large]: [f64; 2], source: Source) -> String {
        let search = match (source, self.setting) {
            (Source::Searched | Source::SearchedForAnother, Setting::Sota) => SOTA_SEARCH,
            _ => "",
        };
        format!("# Step sizes {small} and {large}: {}.\n{search}", source.words())
    }
}

/// What the step sizes of the state-of-the-art setting at small scale come from.
const SOTA_SEARCH: &str = "\
# The search: runs of 320 steps (2,000 images, batch 64, 10 epochs, one seed), none of which diverged.
#   run                       test error   sparsity: block2  block3  pooled
#   small step 0.002             49.0%             51%     49%     91%
#   small step 0.01              36.9%             51%     49%     91%
#   eta_0 = 0.05, decay at 10%   30.5%             51%     49%     91%
#   eta_0 = 0.05, decay at 50%   25.6%             50%     49%     91%
#   eta_0 = 0.1, decay at 50%    24.8%             49%     45%     90%
#   eta_0 = 0.2, decay at 50%    24.2%             46%     32%     75%
#   eta_0 = 0.5, decay at 50%    24.8%             42%     19%     53%
";

fn data_set(name: ImageSet) -> DataSet {
    match name {
        ImageSet::FashionMnist => DataSet::FashionMnist,
        ImageSet::Cifar10 => DataSet::Cifar10,
        ImageSet::Cifar100 => DataSet::Cifar100,
        ImageSet::TinyImageNet => DataSet::TinyImageNet,
    }
}

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
mod tests {
    use stepwell::spec::WarmupSpec;

    use super::*;

    const SETS: [ImageSet; 4] = [ImageSet::FashionMnist, ImageSet::Cifar10, ImageSet::Cifar100, ImageSet::TinyImageNet];

    fn args(data: ImageSet, setting: Setting, scale: Scale) -> DenseNetArgs {
        let (data, setting, scale) = (Some(data), Some(setting), Some(scale));
        DenseNetArgs { data, setting, scale, ..DenseNetArgs::default() }
    }

    fn plan(args: &DenseNetArgs) -> Plan {
        Plan::new(args).unwrap_or_else(|failure| panic!("{failure:?}"))
    }

    fn parameters(plan: &Plan) -> usize {
        plan.spec.network().unwrap().layout().parameter_count()
    }

    #[test]
    fn nothing_said_is_the_file_as_it_stands() {
        let default = plan(&DenseNetArgs::default());
        assert_eq!((default.choice, default.text.as_str()), (Choice::DEFAULT, default_text()));
        assert_eq!(default.text, plan(&args(ImageSet::FashionMnist, Setting::Basic, Scale::Small)).text);
        // what the code says of the file, the file says too
        let [small, large] = default.step_sizes;
        let in_file: Vec<f64> = default.spec.variants.iter().map(|variant| variant.schedule.step_size).collect();
        assert_eq!(in_file, [small, large, large, large]);
        assert_eq!(default.spec.title, Some(Choice::DEFAULT.title(&default.spec)));
        let untitled = TrainingSpec { title: None, ..default.spec.clone() };
        assert_eq!(Choice::DEFAULT.spec(default.step_sizes).unwrap(), untitled);
    }

    #[test]
    fn every_choice_is_a_sound_spec_and_reads_back() {
        for data in SETS {
            for setting in [Setting::Basic, Setting::Sota] {
                for scale in [Scale::Small, Scale::Paper] {
                    let plan = plan(&args(data, setting, scale));
                    plan.spec.check().unwrap();
                    assert_eq!(toml::from_str::<TrainingSpec>(&plan.text).unwrap(), plan.spec);
                    let searched = scale == Scale::Small && data == ImageSet::FashionMnist;
                    assert_eq!(plan.source, if searched { Source::Searched } else { Source::OfResNet18 });
                    assert_eq!(plan.text.contains("ResNet-18"), !searched, "{}", plan.text);
                }
            }
        }
    }

    /// The numbers of the published setting, each by itself.
    #[test]
    fn the_published_scale_is_as_published() {
        for (data, setting, count, train) in [
            (ImageSet::Cifar10, Setting::Basic, 6_979_642, 50_000),
            (ImageSet::Cifar100, Setting::Sota, 7_084_852, 50_000),
            (ImageSet::TinyImageNet, Setting::Sota, 7_201_752, 100_000),
        ] {
            let plan = plan(&args(data, setting, Scale::Paper));
            let spec = &plan.spec;
            assert_eq!(parameters(&plan), count);
            let batches = (train as u64).div_ceil(256);
            assert_eq!((spec.steps().unwrap(), spec.steps_per_epoch().unwrap()), (100 * batches, batches));
            assert_eq!(spec.places(&spec.network().unwrap()), ["block2", "block3", "pooled"]);
            assert_eq!(spec.data.augment, setting == Setting::Sota);
            let expected = if setting == Setting::Sota { (0.9, 5e-4) } else { (0.0, 0.0) };
            assert_eq!((spec.training.momentum, spec.training.weight_decay), expected);
            let steps = spec.steps().unwrap();
            for (variant, decay) in spec.variants.iter().zip([None, Some(0.1), Some(0.3), Some(0.5)]) {
                let schedule = variant.schedule.build(steps).unwrap();
                let (first, last) = (schedule.at(0), schedule.at(steps - 1));
                let Some(decay) = decay else {
                    assert_eq!((first, last), (plan.step_sizes[0], first));
                    continue;
                };
                let at = decay * steps as f64;
                let warm = if setting == Setting::Basic { libm::pow(1.05, 100.0 * decay) } else { 1.0 };
                let close =
                    |found: f64, expected: f64| assert!((found / expected - 1.0).abs() < 2e-3, "{found} {expected}");
                close(first, plan.step_sizes[1]);
                close(schedule.at(at as u64 - 1), plan.step_sizes[1] * warm);
                close(schedule.at(at as u64 + 2), plan.step_sizes[1] * warm / 10.0);
                close(last, plan.step_sizes[1] * warm / 100.0);
                assert_eq!(matches!(variant.schedule.warmup, Some(WarmupSpec::Exponential { .. })), warm > 1.0);
            }
        }
    }

    #[test]
    fn the_command_line_has_the_last_word() {
        let given = DenseNetArgs {
            step_size: Some(0.3),
            small_step_size: Some(0.001),
            sets: vec!["data.train=300".into(), "training.epochs=2".into()],
            ..args(ImageSet::Cifar10, Setting::Basic, Scale::Small)
        };
        let given = plan(&given);
        assert_eq!((given.step_sizes, given.source), ([0.001, 0.3], Source::Given));
        assert_eq!(given.spec.title.as_deref(), Some("DenseNet-16-12 on 300 images of CIFAR-10, basic setting"));
        assert_eq!(given.spec.training.epochs, Some(2));
        let args = DenseNetArgs { sets: vec!["training.batch=64".into()], ..DenseNetArgs::default() };
        assert_eq!(plan(&args).source, Source::SearchedForAnother);
        let refused = |set: &str| {
            let args = DenseNetArgs { sets: vec![set.into()], ..DenseNetArgs::default() };
            format!("{:?}", Plan::new(&args).err().expect("is refused"))
        };
        assert!(refused("data.trains=5").contains("did you mean `train`"));
        assert!(refused("data.train=500000").contains("at most 60000"));
        assert!(refused("variants=[]").contains("0 runs, expected the four"));
    }
}
