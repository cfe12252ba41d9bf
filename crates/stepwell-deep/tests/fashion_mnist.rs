//! A small network learns real images, twice with the same bits.

mod small;

use small::{device, spec};
use stepwell_deep::data::catalog::{Catalog, DataSet};
use stepwell_deep::training::{Status, Training, TrainingImages};

const LEARNS: &str = r#"
    data = { set = "fashion-mnist", train = 2000, test = 2000, halved = true }
    network = { kind = "conv_net", width = 16 }
    training = { batch = 32, epochs = 16, momentum = 0.9, weight_decay = 5e-4 }
    schedule = { step_size = 0.05, decay = [{ at = 0.7, divide_by = 10.0 }] }
    record = { every = 1000, sparsity_images = 200 }
"#;

#[test]
fn two_thousand_images_are_learned_twice_to_the_same_bits() {
    let catalog = Catalog::new(None);
    if catalog.find(DataSet::FashionMnist).is_err() {
        return eprintln!("skipped: Fashion-MNIST is not installed (apt install dataset-fashion-mnist)");
    }
    let images = TrainingImages::load(&spec(LEARNS), &catalog).unwrap();
    let run = || {
        let mut training = Training::new(spec(LEARNS), images.clone(), device()).unwrap();
        assert_eq!(training.advance(u64::MAX), Status::Finished);
        training
    };
    let (first, second) = (run(), run());
    let error = first.records().last("test_error");
    assert!(error < 0.2, "test error {error}");
    assert!(first.checkpoint() == second.checkpoint());
}
