//! Ctrl-C and TERM: a count that runs look at between recording points, so that what was recorded is kept.

use std::sync::atomic::{AtomicU32, Ordering};

/// Signals so far.
static SIGNALS: AtomicU32 = AtomicU32::new(0);
/// How many signals runs in hand are allowed to ignore.
static TOLERATED: AtomicU32 = AtomicU32::new(0);

/// Counts signals; one more than stops the runs in hand ends the program at once.
pub fn listen() {
    let handler = || {
        let before = SIGNALS.fetch_add(1, Ordering::SeqCst);
        if before > TOLERATED.load(Ordering::SeqCst) {
            std::process::exit(i32::from(crate::failure::code::INTERRUPTED));
        }
    };
    // fails only where a handler is set already
    let _ = ctrlc::set_handler(handler);
}

/// Lets runs in hand finish in spite of `signals` signals; new ones are not to be started after the first.
pub fn tolerate(signals: u32) {
    TOLERATED.store(signals, Ordering::SeqCst);
}

/// Whether a signal has come.
pub fn requested() -> bool {
    SIGNALS.load(Ordering::SeqCst) > 0
}

/// Whether runs in hand are to stop.
pub fn stopped() -> bool {
    SIGNALS.load(Ordering::SeqCst) > TOLERATED.load(Ordering::SeqCst)
}
