//! Small data sets in the exact formats of the published ones, written into a folder.

#![allow(dead_code, reason = "each test file uses some of it")]

use std::fs::{self, File};
use std::io::{Cursor, Write};
use std::path::Path;

use flate2::{Compression, write::GzEncoder};
use image::{ExtendedColorType, ImageEncoder, codecs::jpeg::JpegEncoder};
use stepwell_deep::data::catalog::{Catalog, DataSet};
use stepwell_deep::data::{Expected, Images, Part};

/// Byte `k` of image `i` of the tests' images.
pub fn pixel(i: usize, k: usize) -> u8 {
    ((5 * k + 101 * i) % 256) as u8
}

/// Images of that pattern, labeled 0, 1, 2, .. in turn.
pub fn pattern(expected: &Expected) -> Images {
    let size = expected.image_bytes();
    let pixels = (0..expected.images).flat_map(|i| (0..size).map(move |k| pixel(i, k))).collect();
    let labels = (0..expected.images).map(|i| (i % expected.classes) as u16).collect();
    expected.images_of(pixels, labels, "pattern").unwrap()
}

/// `count` images of `shape`, balanced.
pub fn expect(count: usize, shape: [usize; 3], classes: usize) -> Expected {
    let [channels, height, width] = shape;
    Expected { images: count, channels, height, width, classes, balanced: true }
}

/// An IDX file: magic number, dimensions, bytes.
pub fn idx(magic: u32, dimensions: &[u32], bytes: &[u8]) -> Vec<u8> {
    let mut out = magic.to_be_bytes().to_vec();
    out.extend(dimensions.iter().flat_map(|n| n.to_be_bytes()));
    out.extend_from_slice(bytes);
    out
}

/// The pair of IDX files of gray images.
pub fn idx_pair(images: &Images) -> [Vec<u8>; 2] {
    let ([_, height, width], n) = (images.shape(), images.len() as u32);
    let labels: Vec<u8> = images.labels().iter().map(|label| *label as u8).collect();
    [idx(0x803, &[n, height as u32, width as u32], images.pixels()), idx(0x801, &[n], &labels)]
}

/// Compressed by gzip.
pub fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Records of CIFAR's binary distribution; `coarse` puts a byte before the label, as CIFAR-100 does.
pub fn cifar_records(images: &Images, coarse: Option<u8>) -> Vec<u8> {
    let record = |k: usize| {
        let label = images.labels()[k] as u8;
        coarse.into_iter().chain([label]).chain(images.image(k).iter().copied()).collect::<Vec<u8>>()
    };
    (0..images.len()).flat_map(record).collect()
}

/// A `.tar.gz` of files in a folder `top`.
pub fn tar_gz(top: &str, files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, format!("{top}/{name}"), &bytes[..]).unwrap();
    }
    gz(&builder.into_inner().unwrap())
}

/// A JPEG of quality 95 of an image C x H x W; of one channel it is a gray JPEG.
pub fn jpeg(image: &[u8], [channels, height, width]: [usize; 3]) -> Vec<u8> {
    let plane = height * width;
    let interleaved: Vec<u8> = (0..plane).flat_map(|k| (0..channels).map(move |c| image[c * plane + k])).collect();
    let color = if channels == 1 { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
    let mut out = Cursor::new(Vec::new());
    JpegEncoder::new_with_quality(&mut out, 95).write_image(&interleaved, width as u32, height as u32, color).unwrap();
    out.into_inner()
}

/// Files of a TinyImageNet of two classes with three training and two validation images each, made of gray images
/// enlarged to 64 x 64, the first of each class in gray and the others in color; with their names.
pub fn tiny_imagenet(gray: impl Fn(usize) -> Vec<u8>) -> Vec<(String, Vec<u8>)> {
    let mut files = vec![("wnids.txt".to_string(), b"n02124075\nn01443537\n".to_vec())];
    let mut annotations = String::new();
    for (class, name) in ["n01443537", "n02124075"].into_iter().enumerate() {
        for k in 0..5 {
            let plane = gray(5 * class + k);
            let bytes = match k {
                0 | 3 => jpeg(&plane, [1, 64, 64]),
                // green is weaker and blue is inverted, so that channels cannot be mistaken
                _ => {
                    let green = plane.iter().map(|v| v / 2);
                    let blue = plane.iter().map(|v| 255 - v);
                    jpeg(&plane.iter().copied().chain(green).chain(blue).collect::<Vec<u8>>(), [3, 64, 64])
                }
            };
            if k < 3 {
                files.push((format!("train/{name}/images/{name}_{}.JPEG", 9 + k), bytes));
            } else {
                let file = format!("val_{}.JPEG", 2 * class + k - 3);
                annotations += &format!("{file}\t{name}\t0\t32\t44\t62\n");
                files.push((format!("val/images/{file}"), bytes));
            }
        }
        files.push((format!("train/{name}/{name}_boxes.txt"), b"n_0.JPEG\t0\t10\t63\t58\n".to_vec()));
    }
    files.push(("val/val_annotations.txt".to_string(), annotations.into_bytes()));
    files
}

/// Writes files below a folder.
pub fn write_all(folder: &Path, files: &[(String, Vec<u8>)]) {
    for (name, bytes) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// A `.zip` of files in a folder `top`.
pub fn zip(path: &Path, top: &str, files: &[(String, Vec<u8>)]) {
    let mut writer = zip::ZipWriter::new(File::create(path).unwrap());
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, bytes) in files {
        writer.start_file(format!("{top}/{name}"), options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap();
}

/// The test images of Fashion-MNIST, where they are installed. Tests that need them say that they were skipped.
pub fn fashion_mnist(part: Part) -> Option<Images> {
    match Catalog::new(None).find(DataSet::FashionMnist) {
        Ok(found) => Some(found.load(part).unwrap()),
        Err(error) => {
            eprintln!("skipped: {error}");
            None
        }
    }
}
