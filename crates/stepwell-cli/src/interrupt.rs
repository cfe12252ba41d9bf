//! Ctrl-C and TERM: a flag that runs look at between recording points, so that what was recorded is kept.

use std::sync::atomic::{AtomicBool, Ordering};

static STOPPED: AtomicBool = AtomicBool::new(false);

/// Sets the flag at the first signal; a second one ends the program at once.
pub fn listen() {
    let handler = || {
        if STOPPED.swap(true, Ordering::SeqCst) {
            std::process::exit(i32::from(crate::failure::code::INTERRUPTED));
        }
    };
    // fails only where a handler is set already
    let _ = ctrlc::set_handler(handler);
}

/// Whether a signal has come.
pub fn stopped() -> bool {
    STOPPED.load(Ordering::SeqCst)
}
