//! Every format gives back the images that were written in it; real images where they are installed.

mod sets;

use std::fs;
use std::path::Path;

use sets::{cifar_records, expect, gz, idx_pair, jpeg, pattern, pixel, tar_gz, tiny_imagenet, write_all};
use stepwell_deep::data::catalog::{Catalog, DataSet};
use stepwell_deep::data::cifar::{Cifar, Distribution};
use stepwell_deep::data::tree::Tree;
use stepwell_deep::data::{Images, Part, idx, tiny_imagenet as tiny};

#[test]
fn idx_plain_and_compressed() {
    let folder = tempfile::tempdir().unwrap();
    let expected = expect(12, [1, 28, 28], 4);
    let images = pattern(&expected);
    let [pixels, labels] = idx_pair(&images);
    let path = |name| folder.path().join(name);
    fs::write(path("a-idx3-ubyte"), &pixels).unwrap();
    fs::write(path("b.idx3-ubyte.gz"), gz(&pixels)).unwrap();
    fs::write(path("l-idx1-ubyte.gz"), gz(&labels)).unwrap();
    let find = |stem| idx::find(folder.path(), stem).unwrap();
    for file in [find("a-idx3-ubyte"), find("b-idx3-ubyte")] {
        assert_eq!(idx::read(&file, &find("l-idx1-ubyte"), &expected).unwrap(), images);
    }
}

#[test]
fn cifar_10_in_both_distributions_and_in_archives() {
    let folder = tempfile::tempdir().unwrap();
    let expected = expect(20, [3, 32, 32], 4);
    let images = pattern(&expected);
    let bytes = cifar_records(&images, None);
    let names = Cifar::Ten.files(Distribution::Binary, Part::Train);
    let files: Vec<_> = names.iter().cloned().zip(bytes.chunks(4 * 3073).map(<[u8]>::to_vec)).collect();
    write_all(folder.path(), &files);
    let read = |tree: &mut Tree| Cifar::Ten.read(tree, Distribution::Binary, Part::Train, &expected);
    assert_eq!(read(&mut Tree::Folder(folder.path().into())).unwrap(), images);

    let archive = folder.path().join("cifar-10-binary.tar.gz");
    fs::write(&archive, tar_gz("cifar-10-batches-bin", &files)).unwrap();
    assert_eq!(read(&mut Tree::open_tar(&archive, "cifar-10-batches-bin", &names).unwrap()).unwrap(), images);

    // one record less: it is the file that is named
    let last = folder.path().join("data_batch_5.bin");
    fs::write(&last, &files[4].1[..3 * 3073]).unwrap();
    let error = read(&mut Tree::Folder(folder.path().into())).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{}: 9219 bytes, expected 4 records of 3073; get this file again", last.display())
    );
}

#[test]
fn cifar_100_takes_the_fine_labels() {
    let folder = tempfile::tempdir().unwrap();
    let expected = expect(8, [3, 32, 32], 4);
    let images = pattern(&expected);
    write_all(folder.path(), &[("test.bin".into(), cifar_records(&images, Some(17)))]);
    let mut tree = Tree::Folder(folder.path().into());
    assert_eq!(Cifar::Hundred.read(&mut tree, Distribution::Binary, Part::Test, &expected).unwrap(), images);
}

/// Batches that Python wrote (tests/data/make_pickles.py).
#[test]
fn pickles_of_python_2_and_3() {
    let folder = tempfile::tempdir().unwrap();
    let pixels: Vec<u8> = (0..2).flat_map(|i| (0..3072).map(move |k| pixel(i, k))).collect();
    for (file, set, name, labels) in [
        ("cifar10.python2.pkl", Cifar::Ten, "test_batch", vec![6, 9]),
        ("cifar10.protocol2.pkl", Cifar::Ten, "test_batch", vec![6, 9]),
        ("cifar10.protocol4.pkl", Cifar::Ten, "test_batch", vec![6, 9]),
        ("cifar100.python2.pkl", Cifar::Hundred, "test", vec![19, 99]),
    ] {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(file);
        fs::copy(from, folder.path().join(name)).unwrap();
        let classes = if set == Cifar::Ten { 10 } else { 100 };
        let mut expected = expect(2, [3, 32, 32], classes);
        expected.balanced = false;
        let mut tree = Tree::Folder(folder.path().into());
        let images = set.read(&mut tree, Distribution::Python, Part::Test, &expected).unwrap();
        assert_eq!(images, Images::new(pixels.clone(), labels, [3, 32, 32], classes).unwrap(), "{file}");
    }
}

/// Smooth planes, which JPEG keeps to a few units.
fn smooth(i: usize) -> Vec<u8> {
    (0..64 * 64).map(|k| (20 * i + k / 64 + 2 * (k % 64)) as u8 / 2 + 20).collect()
}

fn check_tiny(tree: &mut Tree, plane: impl Fn(usize) -> Vec<u8>, tolerance: f64) {
    let mut expected = expect(6, [3, 64, 64], 2);
    let train = tiny::read(tree, Part::Train, &expected).unwrap();
    assert_eq!(train.labels(), [0, 0, 0, 1, 1, 1]);
    expected.images = 4;
    let test = tiny::read(tree, Part::Test, &expected).unwrap();
    assert_eq!(test.labels(), [0, 0, 1, 1]);
    for (images, per_class, first) in [(&train, 3, 0), (&test, 2, 3)] {
        for k in 0..images.len() {
            let source = first + k % per_class;
            let gray = plane(5 * (k / per_class) + source);
            for (c, channel) in images.image(k).chunks(64 * 64).enumerate() {
                let expected = |v: u8| match (source, c) {
                    (0 | 3, _) | (_, 0) => v,
                    (_, 1) => v / 2,
                    _ => 255 - v,
                };
                let off: f64 = gray.iter().zip(channel).map(|(v, w)| f64::from(expected(*v).abs_diff(*w))).sum();
                assert!(off / 4096.0 < tolerance, "image {k}, channel {c}: {}", off / 4096.0);
            }
        }
    }
}

#[test]
fn tiny_imagenet_in_folders_and_zipped() {
    let folder = tempfile::tempdir().unwrap();
    let files = tiny_imagenet(smooth);
    write_all(folder.path(), &files);
    check_tiny(&mut Tree::Folder(folder.path().into()), smooth, 2.0);
    let archive = folder.path().join("tiny.zip");
    sets::zip(&archive, tiny::FOLDER, &files);
    check_tiny(&mut Tree::open_zip(&archive, tiny::FOLDER).unwrap(), smooth, 2.0);
}

#[test]
fn wrong_files_of_tiny_imagenet_are_named() {
    let expected = expect(4, [3, 64, 64], 2);
    let message = |change: &dyn Fn(&Path)| {
        let folder = tempfile::tempdir().unwrap();
        write_all(folder.path(), &tiny_imagenet(smooth));
        change(folder.path());
        let error = tiny::read(&mut Tree::Folder(folder.path().into()), Part::Test, &expected).unwrap_err();
        error.to_string().replace(&folder.path().display().to_string(), "DIR")
    };
    let cut = |folder: &Path| {
        let path = folder.join("val/images/val_1.JPEG");
        let bytes = fs::read(&path).unwrap();
        fs::write(path, &bytes[..bytes.len() * 2 / 3]).unwrap();
    };
    let why = message(&cut);
    assert!(why.starts_with("DIR/val/images/val_1.JPEG: not a readable JPEG ("), "{why}");
    let small = |folder: &Path| fs::write(folder.join("val/images/val_2.JPEG"), jpeg(&[7; 64], [1, 8, 8])).unwrap();
    let why = message(&small);
    assert!(why.starts_with("DIR/val/images/val_2.JPEG: 8 x 8 pixels, expected 64 x 64"), "{why}");
    let why = message(&|folder| fs::remove_file(folder.join("val/images/val_3.JPEG")).unwrap());
    assert_eq!(why, "DIR/val/images/val_3.JPEG: is not there");
    let why = message(&|folder| fs::write(folder.join("val/val_annotations.txt"), "val_0.JPEG\tn1\t0\n").unwrap());
    assert!(why.starts_with("DIR/val/val_annotations.txt, line 1: the class `n1`"), "{why}");
    let why = message(&|folder| fs::write(folder.join("val/val_annotations.txt"), "../../x.JPEG\tn1\n").unwrap());
    assert!(why.starts_with("DIR/val/val_annotations.txt, line 1: `../../x.JPEG`"), "{why}");
    let why = message(&|folder| fs::write(folder.join("wnids.txt"), "n02124075\n").unwrap());
    assert_eq!(why, "DIR/wnids.txt: 1 classes, expected 2");
}

#[test]
fn files_in_each_others_place_are_recognized() {
    let folder = tempfile::tempdir().unwrap();
    let expected = expect(12, [1, 28, 28], 4);
    let images = pattern(&expected);
    let [pixels, labels] = idx_pair(&images);
    let (a, b) = (folder.path().join("images"), folder.path().join("labels"));
    let message = |pixels: &[u8], labels: &[u8]| {
        fs::write(&a, pixels).unwrap();
        fs::write(&b, labels).unwrap();
        let error = idx::read(&a, &b, &expected).unwrap_err().to_string();
        error.replace(&folder.path().display().to_string(), "DIR")
    };
    assert_eq!(message(&labels, &pixels), "DIR/images: holds labels, expected images");
    assert_eq!(message(&gz(&pixels), &labels), "DIR/images: is compressed by gzip, expected a name that ends in .gz");
    let why = message(&sets::idx(0x803, &[12, 14, 56], images.pixels()), &labels);
    assert!(why.starts_with("DIR/images: its header says 12 x 14 x 56, expected 12 x 28 x 28"), "{why}");
    let why = message(&pixels, &sets::idx(0x801, &[11], &[0; 11]));
    assert!(why.starts_with("DIR/labels: its header says 11, expected 12"), "{why}");
    let why = message(&pixels[..pixels.len() - 1], &labels);
    assert_eq!(why, "DIR/images: ends after 9407 of 9408 bytes; get this file again");
    let why = message(&[&pixels[..], &[0]].concat(), &labels);
    assert!(why.starts_with("DIR/images: goes on after the 9408 bytes"), "{why}");
    let mut wrong = labels.clone();
    wrong[8 + 3] = 4;
    assert_eq!(message(&pixels, &wrong), "DIR/labels: image 3 has the label 4, expected 0 to 3");
    wrong[8 + 3] = 2;
    let why = message(&pixels, &wrong);
    assert!(why.starts_with("DIR/labels: 4 images of class 2, expected 3 of each"), "{why}");
    let why = message(b"<html>not found</html>", &labels);
    assert!(why.starts_with("DIR/images: begins with 0x3c68746d, expected 0x00000803"), "{why}");
}

#[test]
fn a_missing_set_says_how_to_get_it() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::new(Some(folder.path()));
    for set in DataSet::ALL {
        assert_eq!(DataSet::named(set.name()), Some(set));
        let why = catalog.find(set).unwrap_err().to_string();
        assert!(why.contains(set.how_to_get()) && why.contains(&folder.path().display().to_string()), "{why}");
    }
}

#[test]
fn fashion_mnist_is_what_was_published() {
    let Ok(found) = Catalog::new(None).find(DataSet::FashionMnist) else {
        return eprintln!("skipped: Fashion-MNIST is not installed (apt install dataset-fashion-mnist)");
    };
    for part in [Part::Train, Part::Test] {
        let images = found.load(part).unwrap();
        assert_eq!(images.len(), if part == Part::Train { 60_000 } else { 10_000 });
        assert_eq!(images.shape(), [1, 28, 28]);
    }
    let sums = found.published_sums();
    assert_eq!(sums.len(), 4);
    for sum in sums {
        sum.check().unwrap();
    }
}

/// Real images through the formats of the other data sets.
#[test]
fn fashion_mnist_as_cifar_and_as_tiny_imagenet() {
    let Some(fashion) = sets::fashion_mnist(Part::Test) else { return };
    // 32 x 32 in color: the picture in a black frame, a third of its brightness in green, half of it in blue
    let color = |k: usize| {
        let framed = |y: usize, x: usize| {
            let inside = (2..30).contains(&y) && (2..30).contains(&x);
            if inside { fashion.image(k)[(y - 2) * 28 + x - 2] } else { 0 }
        };
        let plane: Vec<u8> = (0..1024).map(|k| framed(k / 32, k % 32)).collect();
        [1, 3, 2].map(|divisor| plane.iter().map(|v| v / divisor).collect::<Vec<u8>>()).concat()
    };
    let pixels: Vec<u8> = (0..500).flat_map(color).collect();
    let images = Images::new(pixels, fashion.labels()[..500].to_vec(), [3, 32, 32], 10).unwrap();
    let folder = tempfile::tempdir().unwrap();
    write_all(folder.path(), &[("test_batch.bin".into(), cifar_records(&images, None))]);
    let mut expected = expect(500, [3, 32, 32], 10);
    expected.balanced = false;
    let mut tree = Tree::Folder(folder.path().into());
    assert_eq!(Cifar::Ten.read(&mut tree, Distribution::Binary, Part::Test, &expected).unwrap(), images);

    // 64 x 64: each pixel twice in a black frame
    let large = |i: usize| {
        let pixel = |y: usize, x: usize| {
            let inside = (4..60).contains(&y) && (4..60).contains(&x);
            if inside { fashion.image(i)[(y - 4) / 2 * 28 + (x - 4) / 2] } else { 0 }
        };
        (0..64 * 64).map(|k| pixel(k / 64, k % 64)).collect::<Vec<u8>>()
    };
    let folder = tempfile::tempdir().unwrap();
    write_all(folder.path(), &tiny_imagenet(large));
    // sharp edges, and colors at half the resolution: off by some more than the smooth ones
    check_tiny(&mut Tree::Folder(folder.path().into()), large, 8.0);
}
