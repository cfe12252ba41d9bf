//! Every choice is a sound spec.

use stepwell::spec::WarmupSpec;

use super::*;

const SETS: [DataSet; 4] = [DataSet::FashionMnist, DataSet::Cifar10, DataSet::Cifar100, DataSet::TinyImageNet];

fn plan(data: DataSet, setting: Style, scale: Scale) -> Plan {
    Plan::new(Choice { data, setting, scale }, &Changes::default()).unwrap()
}

fn parameters(plan: &Plan) -> usize {
    plan.spec.network().unwrap().layout().parameter_count()
}

#[test]
fn nothing_said_is_the_file_as_it_stands() {
    let default = plan(DataSet::FashionMnist, Style::Basic, Scale::Small);
    assert_eq!((default.choice, default.text.as_str()), (Choice::DEFAULT, default_text()));
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
        for setting in [Style::Basic, Style::Sota] {
            for scale in [Scale::Small, Scale::Paper] {
                let plan = plan(data, setting, scale);
                plan.spec.check().unwrap();
                assert_eq!(toml::from_str::<TrainingSpec>(&plan.text).unwrap(), plan.spec);
                let searched = scale == Scale::Small && data == DataSet::FashionMnist;
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
        (DataSet::Cifar10, Style::Basic, 6_979_642, 50_000),
        (DataSet::Cifar100, Style::Sota, 7_084_852, 50_000),
        (DataSet::TinyImageNet, Style::Sota, 7_201_752, 100_000),
    ] {
        let plan = plan(data, setting, Scale::Paper);
        let spec = &plan.spec;
        assert_eq!(parameters(&plan), count);
        let batches = (train as u64).div_ceil(256);
        assert_eq!((spec.steps().unwrap(), spec.steps_per_epoch().unwrap()), (100 * batches, batches));
        assert_eq!(spec.places(&spec.network().unwrap()), ["block2", "block3", "pooled"]);
        assert_eq!(spec.data.augment, setting == Style::Sota);
        let expected = if setting == Style::Sota { (0.9, 5e-4) } else { (0.0, 0.0) };
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
            let warm = if setting == Style::Basic { libm::pow(1.05, 100.0 * decay) } else { 1.0 };
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
fn changes_have_the_last_word() {
    let choice = Choice { data: DataSet::Cifar10, ..Choice::DEFAULT };
    let sets = vec!["data.train=300".into(), "training.epochs=2".into()];
    let given = Plan::new(choice, &Changes { step_size: Some(0.3), small_step_size: Some(0.001), sets }).unwrap();
    assert_eq!((given.step_sizes, given.source), ([0.001, 0.3], Source::Given));
    assert_eq!(given.spec.title.as_deref(), Some("DenseNet-16-12 on 300 images of CIFAR-10, basic setting"));
    assert_eq!(given.spec.training.epochs, Some(2));
    let changed = |set: &str| Plan::new(Choice::DEFAULT, &Changes { sets: vec![set.into()], ..Changes::default() });
    assert_eq!(changed("training.batch=64").unwrap().source, Source::SearchedForAnother);
    let refused = |set: &str| changed(set).err().expect("is refused").to_string();
    assert!(refused("data.trains=5").contains("did you mean `train`"), "{}", refused("data.trains=5"));
    assert!(refused("data.train=500000").contains("at most 60000"));
    assert!(refused("variants=[]").contains("0 runs, expected the four"));
}
