//! The hash of the golden runs as a WebAssembly export, for `.ci/bits.mjs` to compare with the one committed.

#![allow(missing_docs)]
#![cfg_attr(not(target_arch = "wasm32"), allow(dead_code))]

#[path = "../tests/golden/runs.rs"]
mod runs;

/// The hash over all golden runs.
#[cfg(target_arch = "wasm32")]
#[unsafe(no_mangle)]
pub extern "C" fn bits() -> u64 {
    runs::hash_of_all()
}
