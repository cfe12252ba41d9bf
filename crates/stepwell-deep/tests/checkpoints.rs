//! Checkpoint files: damaged ones are refused with a message, and the last good one is used.

mod small;

use std::fs;

use small::{SPEC, started};
use stepwell::rng::{Purpose, Stream};
use stepwell_deep::checkpoint::{Checkpoint, CheckpointError, CheckpointFolder, FILE, PREVIOUS};

/// Bits flipped, bytes cut off, taken out, put in.
fn mutated(bytes: &[u8], stream: &mut Stream) -> Vec<u8> {
    let mut out = bytes.to_vec();
    // half of the time in the header, where there is more to confuse
    let range = if stream.below(2) == 0 { out.len() } else { 3000 };
    let at = stream.below(range as u32) as usize;
    match stream.below(4) {
        0 => out[at] ^= 1 << stream.below(8),
        1 => out.truncate(at),
        2 => _ = out.remove(at),
        _ => out.insert(at, stream.below(256) as u8),
    }
    out
}

#[test]
fn a_thousand_damaged_files_are_refused() {
    let mut training = started(SPEC);
    training.advance(5);
    let bytes = training.checkpoint();
    Checkpoint::read(bytes.clone()).unwrap();
    let mut stream = Stream::new(1, Purpose::Data);
    for k in 0..1000 {
        let damaged = mutated(&bytes, &mut stream);
        match Checkpoint::read(damaged) {
            Err(CheckpointError::Damaged(_)) => {}
            other => panic!("mutation {k}: {other:?}"),
        }
    }
}

#[test]
fn the_last_good_one_is_kept_and_used() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = CheckpointFolder::new(folder.path());
    assert!(checkpoints.load().unwrap().is_none());
    let mut training = started(SPEC);
    for _ in 0..3 {
        training.advance(2);
        checkpoints.save(&training.checkpoint()).unwrap();
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    let found = checkpoints.load().unwrap().unwrap();
    assert_eq!((found.checkpoint.step(), found.passed_over), (6, None));

    let newest = folder.path().join(FILE);
    let bytes = fs::read(&newest).unwrap();
    for damaged in [&bytes[..bytes.len() - 1], &[], &[&bytes[..5000], &[!bytes[5000]], &bytes[5001..]].concat()] {
        fs::write(&newest, damaged).unwrap();
        let found = checkpoints.load().unwrap().unwrap();
        assert_eq!(found.checkpoint.step(), 4);
        assert!(matches!(found.passed_over, Some(CheckpointError::Damaged(_))));
    }
    // stopped between two renames
    fs::remove_file(&newest).unwrap();
    let found = checkpoints.load().unwrap().unwrap();
    assert_eq!((found.checkpoint.step(), found.passed_over), (4, None));
    // nothing good is left
    fs::write(folder.path().join(PREVIOUS), &bytes[..100]).unwrap();
    fs::write(&newest, "x").unwrap();
    assert!(checkpoints.load().is_err());
}

/// A write that fails leaves what was there, and says so in one line.
#[cfg(target_os = "linux")]
#[test]
fn a_failed_write_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = CheckpointFolder::new(folder.path());
    let mut training = started(SPEC);
    training.advance(1);
    checkpoints.save(&training.checkpoint()).unwrap();
    // no file can be made below a file
    let gone = CheckpointFolder::new(&folder.path().join(FILE));
    let message = gone.save(&training.checkpoint()).unwrap_err().to_string();
    assert!(message.contains("cannot be written") && message.lines().count() == 1, "{message}");
    assert_eq!(checkpoints.load().unwrap().unwrap().checkpoint.step(), 1);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
