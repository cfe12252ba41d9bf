//! Event files for TensorBoard: a folder per run, with the recorded series as scalars.
//!
//! A file is a list of framed records (length, its checksum, bytes, their checksum), each an `Event` of TensorFlow's
//! `event.proto` in protocol-buffer encoding. Values are single precision there: NaN and infinities stay what they are, and
//! a finite value, or one that is not zero, stays so. There is no clock: the wall time of step t is t seconds, so that a
//! run has the same bytes whenever it is written.

use std::path::{Path, PathBuf};

use stepwell::outcome::Outcome;
use stepwell::record::Records;

use crate::error::StoreError;
use crate::folder::Folder;

/// The name of each file; readers look for `tfevents` in it.
const FILE: &str = "events.out.tfevents.0000000000.stepwell";
/// The series that says when a run diverged: 1 at that step.
const DIVERGED: &str = "diverged";

/// A run, and what it is called.
pub struct Named<'a> {
    /// The name of its setting.
    pub setting: String,
    /// Its own among those of the setting.
    pub run: String,
    /// The run.
    pub outcome: &'a Outcome,
}

/// Writes a folder per run below `path`, `SETTING/RUN`.
///
/// # Errors
/// If the disk refuses.
pub fn write(runs: &[Named<'_>], path: &Path) -> Result<(), StoreError> {
    Folder::create(path)?;
    let mut taken: Vec<PathBuf> = Vec::new();
    for Named { setting, run, outcome } in runs {
        let mut place = path.join(file_name(setting)).join(file_name(run));
        while taken.contains(&place) {
            place.as_mut_os_string().push("_");
        }
        Folder::create(&place)?.write(FILE, &events(outcome))?;
        taken.push(place);
    }
    Ok(())
}

/// Removes the event files that were written below a folder before, and nothing else.
pub fn clear(path: &Path) {
    let below = |path: &Path| std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    for setting in below(path) {
        for run in below(&setting) {
            let _ = std::fs::remove_file(run.join(FILE));
            // stays where something else is in it
            let _ = std::fs::remove_dir(&run);
        }
        let _ = std::fs::remove_dir(&setting);
    }
}

/// Letters, digits and what else is safe in a file's name.
fn file_name(label: &str) -> String {
    let safe = |c: char| if c.is_alphanumeric() || "-_.=,".contains(c) { c } else { '_' };
    let name: String = label.chars().map(safe).take(120).collect();
    if name.trim_matches('.').is_empty() { "_".into() } else { name }
}

/// The file of a run: step by step, each with all that was measured there.
fn events(run: &Outcome) -> Vec<u8> {
    let mut out = Vec::new();
    let mut first = Vec::new();
    double(&mut first, 1, 0.0);
    bytes(&mut first, 3, b"brain.Event:2");
    frame(&mut out, &first);
    let numbers = run.records.series.iter().filter(|series| series.width == 1).cloned();
    let mut records = Records { series: numbers.collect() };
    if let Some(step) = run.diverged_at() {
        records.push(DIVERGED, step, 1.0);
    }
    let mut steps: Vec<u64> = records.series.iter().flat_map(|series| &series.steps).copied().collect();
    steps.sort_unstable();
    steps.dedup();
    let mut next = vec![0; records.series.len()];
    for step in steps {
        let mut summary = Vec::new();
        for (series, next) in records.series.iter().zip(&mut next) {
            while series.steps.get(*next) == Some(&step) {
                let mut value = Vec::new();
                bytes(&mut value, 1, series.name.as_bytes());
                float(&mut value, 2, single(series.values[*next]));
                bytes(&mut summary, 1, &value);
                *next += 1;
            }
        }
        let mut event = Vec::new();
        double(&mut event, 1, step as f64);
        whole(&mut event, 2, step);
        bytes(&mut event, 5, &summary);
        frame(&mut out, &event);
    }
    out
}

/// The nearest single-precision value that is finite, or not zero, where the value is.
fn single(value: f64) -> f32 {
    let nearest = value as f32;
    if value.is_finite() && nearest.is_infinite() {
        f32::MAX.copysign(nearest)
    } else if value != 0.0 && nearest == 0.0 {
        f32::from_bits(1).copysign(nearest)
    } else {
        nearest
    }
}

/// A record with its checksums.
fn frame(out: &mut Vec<u8>, record: &[u8]) {
    let length = (record.len() as u64).to_le_bytes();
    out.extend(length);
    out.extend(masked(&length).to_le_bytes());
    out.extend(record);
    out.extend(masked(record).to_le_bytes());
}

/// The format's checksum: CRC-32C, rotated, plus a constant, so that checksums of data with checksums stay apart.
fn masked(data: &[u8]) -> u32 {
    crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The cyclic redundancy check of Castagnoli's polynomial, bit by bit from the lowest.
fn crc32c(data: &[u8]) -> u32 {
    let step = |crc: u32| (crc >> 1) ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 };
    !data.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}

/// Field numbers with their wire types: 0 a whole number, 1 eight bytes, 2 bytes with their length, 5 four bytes.
fn key(out: &mut Vec<u8>, field: u8, wire: u8) {
    out.push(field << 3 | wire);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn whole(out: &mut Vec<u8>, field: u8, value: u64) {
    key(out, field, 0);
    varint(out, value);
}

fn double(out: &mut Vec<u8>, field: u8, value: f64) {
    key(out, field, 1);
    out.extend(value.to_le_bytes());
}

fn bytes(out: &mut Vec<u8>, field: u8, value: &[u8]) {
    key(out, field, 2);
    varint(out, value.len() as u64);
    out.extend(value);
}

fn float(out: &mut Vec<u8>, field: u8, value: f32) {
    key(out, field, 5);
    out.extend(value.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        // the check value of CRC-32C, and two of RFC 3720, B.4
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
    }

    #[test]
    fn finite_stays_finite_and_small_stays_positive() {
        assert_eq!(single(1e300), f32::MAX);
        assert_eq!(single(-1e300), f32::MIN);
        assert!(single(1e-300) > 0.0 && single(-1e-300) < 0.0);
        assert!(single(f64::NAN).is_nan() && single(f64::NEG_INFINITY) == f32::NEG_INFINITY && single(0.0) == 0.0);
    }

    #[test]
    fn names_are_safe() {
        assert_eq!(file_name("η = 0.25, a/b"), "η_=_0.25,_a_b");
        assert_eq!(file_name(".."), "_");
    }
}
