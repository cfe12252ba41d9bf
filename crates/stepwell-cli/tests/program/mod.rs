//! The program under test, as its users call it.

#![allow(dead_code, reason = "each test file uses some of it")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A call in a folder, with nothing on stdin; output is caught.
pub fn stepwell(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stepwell"));
    command.current_dir(folder).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The same, run to its end.
pub fn run(folder: &Path, arguments: &[&str]) -> Output {
    stepwell(folder, arguments).output().unwrap()
}

/// Names of all files in a folder but the lock, sorted.
pub fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name != ".stepwell-lock");
    names.sort();
    names
}
