//! TinyImageNet: 200 classes of 64 x 64 JPEGs in folders.

use std::collections::HashMap;

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::tree::Tree;
use super::{DataError, Expected, Images, Part};

/// The folder that the archive unpacks to.
pub const FOLDER: &str = "tiny-imagenet-200";

/// A 64 x 64 JPEG has some 2 kB.
const LARGEST_JPEG: usize = 1 << 20;
const LARGEST_LIST: usize = 16 << 20;

/// A part of the data set. Classes are numbered by their WordNet names in alphabetical order; the test part are the
/// validation images.
///
/// # Errors
/// If a file is missing, damaged or not what is expected.
pub fn read(tree: &mut Tree, part: Part, expected: &Expected) -> Result<Images, DataError> {
    let classes = classes(tree, expected.classes)?;
    let files = match part {
        Part::Train => train_files(tree, &classes)?,
        Part::Test => validation_files(tree, &classes)?,
    };
    let folder = tree.place(if part == Part::Train { "train" } else { "val" });
    if files.len() != expected.images {
        return Err(DataError::wrong(folder, format!("{} images, expected {}", files.len(), expected.images)));
    }
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for (file, label) in files {
        let bytes = tree.read(&file, LARGEST_JPEG)?;
        let image = decode(&bytes, expected).map_err(|why| DataError::damaged(tree.place(&file), why))?;
        pixels.extend_from_slice(&image);
        labels.push(label);
    }
    expected.images_of(pixels, labels, &folder)
}

/// The WordNet names of `wnids.txt`, sorted.
fn classes(tree: &mut Tree, expected: usize) -> Result<Vec<String>, DataError> {
    let text = text(tree, "wnids.txt")?;
    let mut classes: Vec<String> = text.split_whitespace().map(str::to_string).collect();
    classes.sort_unstable();
    classes.dedup();
    let place = tree.place("wnids.txt");
    if classes.len() != expected {
        return Err(DataError::wrong(place, format!("{} classes, expected {expected}", classes.len())));
    }
    match classes.iter().find(|name| !name.bytes().all(|c| c.is_ascii_alphanumeric())) {
        Some(name) => Err(DataError::wrong(place, format!("`{name}`, expected WordNet names as n01443537"))),
        None => Ok(classes),
    }
}

fn train_files(tree: &Tree, classes: &[String]) -> Result<Vec<(String, u16)>, DataError> {
    let mut files = Vec::new();
    for (label, class) in classes.iter().enumerate() {
        let folder = format!("train/{class}/images");
        let names = tree.names(&folder)?.into_iter().filter(|name| is_jpeg(name));
        files.extend(names.map(|name| (format!("{folder}/{name}"), label as u16)));
    }
    Ok(files)
}

/// Lines of `val_annotations.txt`: file, class and a box, separated by tabs.
fn validation_files(tree: &mut Tree, classes: &[String]) -> Result<Vec<(String, u16)>, DataError> {
    let list = "val/val_annotations.txt";
    let text = text(tree, list)?;
    let labels: HashMap<&str, u16> = classes.iter().map(String::as_str).zip(0..).collect();
    let mut files = Vec::new();
    for (k, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let mut columns = line.split('\t').map(str::trim);
        let (name, class) = (columns.next().unwrap_or(""), columns.next().unwrap_or(""));
        let place = || format!("{}, line {}", tree.place(list), k + 1);
        if !is_jpeg(name) || name.contains(['/', '\\']) {
            return Err(DataError::wrong(place(), format!("`{name}`, expected the name of a JPEG as val_0.JPEG")));
        }
        let label = labels.get(class).ok_or_else(|| {
            DataError::wrong(place(), format!("the class `{class}`, expected one of those in wnids.txt"))
        })?;
        files.push((format!("val/images/{name}"), *label));
    }
    let distinct: std::collections::HashSet<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    if distinct.len() != files.len() {
        return Err(DataError::wrong(tree.place(list), "names a file twice"));
    }
    Ok(files)
}

fn text(tree: &mut Tree, name: &str) -> Result<String, DataError> {
    let bytes = tree.read(name, LARGEST_LIST)?;
    String::from_utf8(bytes).map_err(|_| DataError::damaged(tree.place(name), "is not a text"))
}

fn is_jpeg(name: &str) -> bool {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    extension.eq_ignore_ascii_case("jpeg") || extension.eq_ignore_ascii_case("jpg")
}

/// Pixels of a JPEG, C x H x W. A gray one gets three equal channels where color is expected.
fn decode(bytes: &[u8], expected: &Expected) -> Result<Vec<u8>, String> {
    // the decoder's messages may have several lines
    let unreadable =
        |error: String| format!("not a readable JPEG ({})", error.split_whitespace().collect::<Vec<_>>().join(" "));
    // strict: what is truncated shall not be filled up with gray
    let options = DecoderOptions::default().set_strict_mode(true);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(|error| unreadable(format!("{error:?}")))?;
    let (width, height) = decoder.dimensions().ok_or("not a readable JPEG (it has no size)")?;
    if (height, width) != (expected.height, expected.width) {
        return Err(format!("{width} x {height} pixels, expected {} x {}", expected.width, expected.height));
    }
    let gray = decoder.input_colorspace() == Some(ColorSpace::Luma);
    let colors = if gray { ColorSpace::Luma } else { ColorSpace::RGB };
    decoder.set_options(options.jpeg_set_out_colorspace(colors));
    let pixels = decoder.decode().map_err(|error| unreadable(format!("{error:?}")))?;
    let channels = if gray { 1 } else { 3 };
    if pixels.len() != channels * height * width {
        return Err(format!("decodes to {} bytes, expected {}", pixels.len(), channels * height * width));
    }
    let plane = |c: usize| pixels.iter().skip(c % channels).step_by(channels);
    Ok((0..expected.channels).flat_map(plane).copied().collect())
}
