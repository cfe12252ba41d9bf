//! Ctrl-C and TERM: counts that runs look at on their way, so that what was computed is kept.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::code;

/// Signals so far.
static SIGNALS: AtomicU32 = AtomicU32::new(0);
/// Whether the first was a request to end (TERM, HUP), not Ctrl-C.
static TERMINATED: AtomicBool = AtomicBool::new(false);
/// How many signals runs in hand are allowed to ignore.
static IGNORED: AtomicU32 = AtomicU32::new(0);
/// After how many more the program ends at once.
static TOLERATED: AtomicU32 = AtomicU32::new(0);

/// Counts signals; one more than stops the runs in hand ends the program at once.
#[cfg(unix)]
pub fn listen() {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    // fails only where signals cannot be handled at all
    let Ok(mut signals) = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP]) else { return };
    std::thread::spawn(move || signals.forever().for_each(|signal| count(signal != SIGINT)));
}

/// Counts Ctrl-C.
#[cfg(not(unix))]
pub fn listen() {
    let _ = ctrlc::set_handler(|| count(false));
}

fn count(terminated: bool) {
    if SIGNALS.load(Ordering::SeqCst) == 0 {
        TERMINATED.store(terminated, Ordering::SeqCst);
    }
    if SIGNALS.fetch_add(1, Ordering::SeqCst) > TOLERATED.load(Ordering::SeqCst) {
        std::process::exit(i32::from(code::INTERRUPTED));
    }
}

/// Lets runs in hand finish in spite of `signals` signals; new ones are not to be started after the first.
pub fn tolerate(signals: u32) {
    IGNORED.store(signals, Ordering::SeqCst);
    TOLERATED.store(signals, Ordering::SeqCst);
}

/// The first signal stops the runs in hand after all: they go on from their checkpoints.
pub fn stop_runs_in_hand() {
    IGNORED.store(0, Ordering::SeqCst);
}

/// Whether a signal has come.
pub fn requested() -> bool {
    SIGNALS.load(Ordering::SeqCst) > 0
}

/// Whether runs in hand are to stop.
pub fn stopped() -> bool {
    SIGNALS.load(Ordering::SeqCst) > IGNORED.load(Ordering::SeqCst)
}

/// Whether the first signal was a request to end (TERM, HUP), not Ctrl-C.
pub fn was_terminated() -> bool {
    TERMINATED.load(Ordering::SeqCst)
}
