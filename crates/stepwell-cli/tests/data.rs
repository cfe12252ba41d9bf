//! `stepwell data`: what it finds, and the exit codes for what is wrong.

mod program;

use std::path::Path;
use std::process::Output;

fn data(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output: Output = program::stepwell(folder, arguments).env_remove("STEPWELL_DATA").output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap().replace(&folder.display().to_string(), "DIR");
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[cfg(not(feature = "deep"))]
#[test]
fn a_build_without_says_which_build_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let (code, out, message) = data(folder.path(), &["data", "list"]);
    assert_eq!((code, &out[..]), (2, ""));
    assert!(message.contains("`cargo build --release --features deep`") && message.lines().count() == 1, "{message}");
}

#[cfg(feature = "deep")]
mod deep {
    use std::fs;

    use super::*;

    /// CIFAR-10 with black images, classes in turn.
    fn black_cifar(folder: &Path) {
        let folder = folder.join("cifar-10-batches-bin");
        fs::create_dir_all(&folder).unwrap();
        for name in ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"] {
            let mut bytes = vec![0; 10_000 * 3073];
            for (k, record) in bytes.chunks_mut(3073).enumerate() {
                record[0] = (k % 10) as u8;
            }
            fs::write(folder.join(format!("{name}.bin")), bytes).unwrap();
        }
    }

    #[test]
    fn nothing_is_found_in_an_empty_folder() {
        let folder = tempfile::tempdir().unwrap();
        let (code, out, _) = data(folder.path(), &["data", "list", "--data-dir", "."]);
        assert_eq!(code, 0);
        for name in ["fashion-mnist", "mnist", "cifar10", "cifar100", "tiny-imagenet"] {
            let line = out.lines().find(|line| line.starts_with(&format!(" {name} "))).unwrap();
            assert!(line.contains(" no; get "), "{line}");
        }
        let (code, out, message) = data(folder.path(), &["data", "check", "--data-dir", "."]);
        assert_eq!((code, &out[..]), (3, ""));
        assert!(message.contains("no data set found in ."), "{message}");
        let (code, out, _) = data(folder.path(), &["data", "check", "cifar10", "--data-dir", "."]);
        assert_eq!(code, 3);
        assert!(
            out.starts_with("cifar10: missing\n  cifar10: not found in . (looked for cifar-10-batches-bin,"),
            "{out}"
        );
        let (code, _, message) = data(folder.path(), &["data", "check", "cifar"]);
        assert_eq!(code, 2);
        assert!(message.contains("no data set is named `cifar`, expected one of fashion-mnist, mnist"), "{message}");
        let (code, _, message) = data(folder.path(), &["data", "list", "--data-dir", "nowhere"]);
        assert_eq!(code, 2);
        assert!(message.contains("--data-dir nowhere: is no folder"), "{message}");
    }

    #[test]
    fn damaged_and_wrong_files_have_their_exit_codes() {
        let folder = tempfile::tempdir().unwrap();
        black_cifar(folder.path());
        // readable, but not the published images
        let (code, out, _) = data(folder.path(), &["data", "check", "cifar10", "--data-dir", "."]);
        assert_eq!(code, 6);
        assert!(out.starts_with("cifar10: bad; 0 of 6 published checksums agree"), "{out}");
        assert_eq!(out.matches("published 5dd7e06a14cb22eb9f671a540d1b7c25; get this file again").count(), 1, "{out}");

        let batch = folder.path().join("cifar-10-batches-bin/data_batch_3.bin");
        let bytes = fs::read(&batch).unwrap();
        fs::write(&batch, &bytes[..bytes.len() - 1]).unwrap();
        let (code, out, _) = data(folder.path(), &["data", "check", "--data-dir", ".", "--json"]);
        assert_eq!(code, 6);
        assert!(out.contains("30729999 bytes, expected 10000 records of 3073"), "{out}");

        fs::remove_file(&batch).unwrap();
        let (_, out, _) = data(folder.path(), &["data", "check", "--data-dir", "."]);
        assert!(out.contains("data_batch_3.bin: is not there"), "{out}");
    }

    #[test]
    fn labels_of_other_images_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let set = folder.path().join("mnist");
        fs::create_dir_all(&set).unwrap();
        let images = [&[0, 0, 8, 3, 0, 0, 39, 16, 0, 0, 0, 28, 0, 0, 0, 28][..], &[0; 10_000 * 784]].concat();
        fs::write(set.join("t10k-images-idx3-ubyte"), images).unwrap();
        fs::write(set.join("t10k-labels-idx1-ubyte"), [0, 0, 8, 1, 0, 0, 234, 96]).unwrap();
        let (code, out, _) = data(folder.path(), &["data", "check", "--data-dir", ".", "--json"]);
        assert_eq!(code, 6, "images without the published checksum: {out}");
        assert!(out.contains("its header says 60000, expected 10000"), "{out}");
        assert!(out.contains("train-images-idx3-ubyte: is not there, nor with .gz"), "{out}");
    }

    #[test]
    fn fashion_mnist_is_good_where_it_is_installed() {
        if !Path::new("/usr/share/datasets/fashion-mnist").exists() {
            return eprintln!("skipped: Fashion-MNIST is not installed (apt install dataset-fashion-mnist)");
        }
        let folder = tempfile::tempdir().unwrap();
        let (code, out, _) = data(folder.path(), &["data", "check", "fashion-mnist"]);
        assert_eq!(code, 0, "{out}");
        assert_eq!(
            out,
            "fashion-mnist: good; 60,000 + 10,000 images of 1 x 28 x 28, labels 0 to 9; 4 of 4 published checksums agree; \
             /usr/share/datasets/fashion-mnist (IDX files)\n"
        );
    }
}
