//! A thousand damaged files: each gives images or one message, never a panic, never memory on a header's word.

mod sets;

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use sets::{cifar_records, expect, gz, idx_pair, pattern, tar_gz, tiny_imagenet, write_all};
use stepwell::rng::{Purpose, Stream};
use stepwell_deep::data::cifar::{Cifar, Distribution};
use stepwell_deep::data::tree::Tree;
use stepwell_deep::data::{DataError, Images, Part, idx, tiny_imagenet as tiny};

/// The system's allocator, which remembers the largest piece that was asked for.
struct Watched;

static LARGEST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LARGEST.fetch_max(layout.size(), Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        LARGEST.fetch_max(layout.size(), Relaxed);
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        LARGEST.fetch_max(size, Relaxed);
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Watched = Watched;

/// A format: its files, the one that is damaged, and how it is read.
struct Format {
    name: &'static str,
    file: &'static str,
    files: Vec<(String, Vec<u8>)>,
    read: fn(&Path) -> Result<Images, DataError>,
}

fn read_idx(folder: &Path) -> Result<Images, DataError> {
    let stem = |name| idx::find(folder, name).expect("written before");
    idx::read(&stem("x-idx3-ubyte"), &stem("y-idx1-ubyte"), &expect(6, [1, 28, 28], 3))
}

fn read_binary(folder: &Path) -> Result<Images, DataError> {
    let mut tree = Tree::Folder(folder.into());
    Cifar::Hundred.read(&mut tree, Distribution::Binary, Part::Test, &expect(3, [3, 32, 32], 3))
}

fn read_python(folder: &Path) -> Result<Images, DataError> {
    let expected = sets::expect(2, [3, 32, 32], 10);
    let mut tree = Tree::Folder(folder.into());
    Cifar::Ten.read(
        &mut tree,
        Distribution::Python,
        Part::Test,
        &stepwell_deep::data::Expected { balanced: false, ..expected },
    )
}

fn read_tar(folder: &Path) -> Result<Images, DataError> {
    let names = Cifar::Hundred.files(Distribution::Binary, Part::Test);
    let mut tree = Tree::open_tar(&folder.join("a.tar.gz"), "cifar-100-binary", &names)?;
    Cifar::Hundred.read(&mut tree, Distribution::Binary, Part::Test, &expect(3, [3, 32, 32], 3))
}

fn read_folder(folder: &Path) -> Result<Images, DataError> {
    tiny::read(&mut Tree::Folder(folder.into()), Part::Test, &expect(4, [3, 64, 64], 2))
}

fn read_zip(folder: &Path) -> Result<Images, DataError> {
    tiny::read(&mut Tree::open_zip(&folder.join("a.zip"), tiny::FOLDER)?, Part::Test, &expect(4, [3, 64, 64], 2))
}

fn formats() -> Vec<Format> {
    let [pixels, labels] = idx_pair(&pattern(&expect(6, [1, 28, 28], 3)));
    let plain = vec![("x-idx3-ubyte".to_string(), pixels.clone()), ("y-idx1-ubyte".to_string(), labels.clone())];
    let packed = vec![("x-idx3-ubyte.gz".to_string(), gz(&pixels)), ("y-idx1-ubyte.gz".to_string(), gz(&labels))];
    let records = vec![("test.bin".to_string(), cifar_records(&pattern(&expect(3, [3, 32, 32], 3)), Some(1)))];
    let tar = vec![("a.tar.gz".to_string(), tar_gz("cifar-100-binary", &records))];
    let pickle = |bytes: &[u8]| vec![("test_batch".to_string(), bytes.to_vec())];
    let python2 = pickle(include_bytes!("data/cifar10.python2.pkl"));
    let python4 = pickle(include_bytes!("data/cifar10.protocol4.pkl"));
    let tiny = tiny_imagenet(|i| (0..64 * 64).map(|k| sets::pixel(i, k / 7)).collect());
    let scratch = tempfile::tempdir().unwrap();
    sets::zip(&scratch.path().join("a.zip"), tiny::FOLDER, &tiny);
    let zip = vec![("a.zip".to_string(), fs::read(scratch.path().join("a.zip")).unwrap())];
    let format = |name, file, files: &Vec<(String, Vec<u8>)>, read| Format { name, file, files: files.clone(), read };
    vec![
        format("IDX images", "x-idx3-ubyte", &plain, read_idx),
        format("IDX labels", "y-idx1-ubyte", &plain, read_idx),
        format("compressed images", "x-idx3-ubyte.gz", &packed, read_idx),
        format("compressed labels", "y-idx1-ubyte.gz", &packed, read_idx),
        format("CIFAR records", "test.bin", &records, read_binary),
        format("CIFAR archive", "a.tar.gz", &tar, read_tar),
        format("pickle of Python 2", "test_batch", &python2, read_python),
        format("pickle of protocol 4", "test_batch", &python4, read_python),
        format("gray JPEG", "val/images/val_0.JPEG", &tiny, read_folder),
        format("color JPEG", "val/images/val_1.JPEG", &tiny, read_folder),
        format("annotations", "val/val_annotations.txt", &tiny, read_folder),
        format("zip archive", "a.zip", &zip, read_zip),
    ]
}

/// One to four damages: flipped bits, bytes set to extremes, pieces cut out, put in or cut off. Half of them in the first
/// 64 bytes, where the headers are.
fn damaged(original: &[u8], stream: &mut Stream) -> Vec<u8> {
    let mut bytes = original.to_vec();
    for _ in 0..=stream.below(4) {
        let range = if stream.below(2) == 0 { bytes.len().min(64) } else { bytes.len() };
        if range == 0 {
            break;
        }
        let at = stream.below(range as u32) as usize;
        let length = (1 + stream.below(40) as usize).min(bytes.len() - at);
        match stream.below(6) {
            0 | 1 => bytes[at] ^= 1 << stream.below(8),
            2 => bytes[at] = [0, 0x7f, 0x80, 0xff][stream.below(4) as usize],
            3 => bytes.truncate(at),
            4 => _ = bytes.drain(at..at + length),
            _ => {
                let piece: Vec<u8> = (0..length).map(|_| stream.word() as u8).collect();
                _ = bytes.splice(at..at, piece);
            }
        }
    }
    bytes
}

#[test]
fn a_thousand_damaged_files() {
    let formats = formats();
    let mut stream = Stream::new(20, Purpose::Data);
    let (mut files, mut refused) = (0, 0);
    for format in &formats {
        let folder = tempfile::tempdir().unwrap();
        write_all(folder.path(), &format.files);
        (format.read)(folder.path()).unwrap_or_else(|error| panic!("{}, undamaged: {error}", format.name));
        let original = fs::read(folder.path().join(format.file)).unwrap();
        let mut refused_here = 0;
        LARGEST.store(0, Relaxed);
        for _ in 0..90 {
            let bytes = damaged(&original, &mut stream);
            fs::write(folder.path().join(format.file), &bytes).unwrap();
            files += 1;
            if let Err(error) = (format.read)(folder.path()) {
                let message = error.to_string();
                refused_here += 1;
                assert!(message.contains(&folder.path().display().to_string()), "{}: {message}", format.name);
                assert!(!message.contains('\n') && message.len() < 600, "{}: {message}", format.name);
            }
        }
        let largest = LARGEST.load(Relaxed);
        assert!(largest < 4 << 20, "{}: {largest} bytes at once", format.name);
        assert!(refused_here > 20, "{}: {refused_here} of 90 refused", format.name);
        refused += refused_here;
    }
    assert!(files >= 1000);
    eprintln!("{refused} of {files} damaged files refused; the others are images still");
}
