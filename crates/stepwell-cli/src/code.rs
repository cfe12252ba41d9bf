//! The codes that the program ends with, beside 0.

/// Something failed that is no fault of the input.
pub const FAILURE: u8 = 1;
/// A wrong command line.
pub const USAGE: u8 = 2;
/// A bad spec or bad data.
pub const INPUT: u8 = 3;
/// Some runs of a sweep failed.
pub const SOME_FAILED: u8 = 4;
/// Another process works on the folder.
pub const LOCKED: u8 = 5;
/// A file of results is damaged.
pub const CORRUPT: u8 = 6;
/// Stopped on request; to be resumed.
pub const STOPPED: u8 = 75;
/// Stopped by the user; what was recorded is kept.
pub const INTERRUPTED: u8 = 130;
