//! Finished trials in a file: a call that was interrupted, killed or is made again computes none of them twice.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};
use stepwell::metrics::Thresholds;
use stepwell::verdict::{Behavior, Stabilization};

use super::trial::{Closer, Fate, Trial};
use crate::failure::Failure;
use crate::sweep::plan::hex;
use stepwell_store::lock::Lock;

/// The name of the file: a line a trial, with what it is a trial of and a checksum.
pub const FILE: &str = "trials.tsv";

/// The trials of a folder.
pub struct KeptTrials {
    known: HashMap<String, Trial>,
    file: Mutex<File>,
    name: String,
    _lock: Lock,
}

impl KeptTrials {
    /// Reads what is there. A last line that was cut short is dropped, one that is damaged is ignored.
    pub fn open(folder: &Path) -> Result<Self, Failure> {
        let path = folder.join(FILE);
        let name = path.display().to_string();
        let lock = Lock::take(&path, true)?;
        let lock =
            lock.ok_or_else(|| Failure::locked(format!("{} is being worked on by another process", folder.display())))?;
        let fail = |error| Failure::other(format!("{name}: {error}"));
        let mut file = File::options().read(true).append(true).open(&path).map_err(fail)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(fail)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if whole < bytes.len() {
            file.set_len(whole as u64).and_then(|()| file.seek(SeekFrom::End(0))).map_err(fail)?;
        }
        let known = bytes[..whole].split(|byte| *byte == b'\n').filter_map(from_line).collect();
        Ok(Self { known, file: Mutex::new(file), name, _lock: lock })
    }

    /// The trial that a key names, if it is there.
    pub fn get(&self, key: &str) -> Option<Trial> {
        self.known.get(key).cloned()
    }

    /// Adds a trial: in one write, so that a killed process leaves whole lines.
    pub fn add(&self, key: &str, trial: &Trial) -> Result<(), Failure> {
        let line = to_line(key, trial);
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(line.as_bytes()).map_err(|error| Failure::other(format!("{}: {error}", self.name)))
    }

    /// Makes sure that what was added survives a crash of the machine.
    pub fn sync(&self) -> Result<(), Failure> {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.sync_data().map_err(|error| Failure::other(format!("{}: {error}", self.name)))
    }
}

/// Whether a folder holds trials of ours: a file of theirs with a line whose checksum is right, or an empty one.
pub fn is_ours(folder: &Path) -> bool {
    std::fs::read(folder.join(FILE))
        .is_ok_and(|bytes| bytes.is_empty() || bytes.split(|byte| *byte == b'\n').any(|line| from_line(line).is_some()))
}

fn checksum(text: &str) -> String {
    hex(&Sha256::digest(text)[..4])
}

/// Fields between tabs; numbers keep their bits.
fn to_line(key: &str, trial: &Trial) -> String {
    use std::fmt::Write;
    let Trial { fate, stabilization, first_loss, finals, closer } = trial;
    let Stabilization { behavior, from, to, level, p10, p90, trend } = stabilization;
    let (fate, phase) = (fate.name(), behavior.name());
    let mut text =
        format!("{key}\t{fate}\t{phase}\t{from}\t{to}\t{level:?}\t{p10:?}\t{p90:?}\t{trend:?}\t{first_loss:?}");
    let _ = match closer {
        None => write!(text, "\t-"),
        Some(Closer { reached, lyapunov, batch_sharpness, along }) => {
            let Thresholds { gradient_descent, mean_square } = reached;
            let along: Vec<String> = along.iter().map(|value| format!("{value:?}")).collect();
            let along = along.join(" ");
            write!(text, "\t{gradient_descent:?} {mean_square:?} {lyapunov:?} {batch_sharpness:?} {along}")
        }
    };
    for (name, value) in finals {
        let _ = write!(text, "\t{name}={value:?}");
    }
    format!("{text}\t{}\n", checksum(&text))
}

fn from_line(line: &[u8]) -> Option<(String, Trial)> {
    let (text, sum) = str::from_utf8(line).ok()?.rsplit_once('\t')?;
    if checksum(text) != sum {
        return None;
    }
    let fields: Vec<&str> = text.split('\t').collect();
    let [key, fate, phase, from, to, level, p10, p90, trend, first_loss, closer, finals @ ..] = &fields[..] else {
        return None;
    };
    let number = |text: &str| text.parse::<f64>().ok();
    let closer = match closer {
        &"-" => None,
        words => {
            let numbers: Vec<f64> = words.split(' ').map(number).collect::<Option<_>>()?;
            let [gradient_descent, mean_square, lyapunov, batch_sharpness, along @ ..] = &numbers[..] else {
                return None;
            };
            let reached = Thresholds { gradient_descent: *gradient_descent, mean_square: *mean_square };
            let along = along.try_into().ok()?;
            Some(Closer { reached, lyapunov: *lyapunov, batch_sharpness: *batch_sharpness, along })
        }
    };
    let stabilization = Stabilization {
        behavior: Behavior::ALL.into_iter().find(|known| known.name() == *phase)?,
        from: from.parse().ok()?,
        to: to.parse().ok()?,
        level: number(level)?,
        p10: number(p10)?,
        p90: number(p90)?,
        trend: number(trend)?,
    };
    let value = |field: &&str| field.split_once('=').and_then(|(name, value)| Some((name.to_string(), number(value)?)));
    let trial = Trial {
        fate: Fate::ALL.into_iter().find(|known| known.name() == *fate)?,
        stabilization,
        first_loss: number(first_loss)?,
        finals: finals.iter().map(value).collect::<Option<_>>()?,
        closer,
    };
    Some(((*key).to_string(), trial))
}

#[cfg(test)]
mod tests {
    use super::super::trial::ALONG;
    use super::*;

    fn trial() -> Trial {
        let stabilization = Stabilization {
            behavior: Behavior::CannotTell,
            from: 3,
            to: 9,
            level: 1.4216162873995314e-06,
            p10: -0.0,
            p90: f64::INFINITY,
            trend: 5e-324,
        };
        let reached = Thresholds { gradient_descent: 0.1, mean_square: 0.3 };
        let closer = Some(Closer { reached, lyapunov: -0.2, batch_sharpness: f64::INFINITY, along: [f64::NAN; ALONG] });
        let finals = vec![("train_loss".to_string(), 0.1 + 0.2), ("rank".to_string(), 7.0)];
        Trial { fate: Fate::Undecided, stabilization, first_loss: 1.5, finals, closer }
    }

    #[test]
    fn trials_come_back_and_a_line_cut_short_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let open = || KeptTrials::open(folder.path()).unwrap();
        let bare = Trial { closer: None, finals: Vec::new(), first_loss: f64::NAN, ..trial() };
        let kept = open();
        kept.add("a", &trial()).unwrap();
        kept.add("b", &bare).unwrap();
        assert!(KeptTrials::open(folder.path()).is_err(), "one process at a time");
        drop(kept);
        let kept = open();
        assert_eq!(format!("{:?}", kept.get("a").unwrap()), format!("{:?}", trial()));
        assert_eq!(format!("{:?}", kept.get("b").unwrap()), format!("{bare:?}"));
        assert!(kept.get("c").is_none());
        drop(kept);
        let path = folder.path().join(FILE);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 5]).unwrap();
        let kept = open();
        assert!(kept.get("a").is_some() && kept.get("b").is_none());
        kept.add("b", &bare).unwrap();
        drop(kept);
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
        let mut damaged = bytes.clone();
        damaged[5] ^= 1;
        std::fs::write(&path, damaged).unwrap();
        let kept = open();
        assert!(kept.get("a").is_none() && kept.get("b").is_some());
    }
}
