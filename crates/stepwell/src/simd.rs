//! Run-time choice of the instruction set: the same code compiled for SSE2, AVX2 and AVX-512, with the same bits.
//!
//! A plain build targets the baseline of the architecture. A [`Kernel`] is compiled once more for each wider
//! instruction set and the widest one that the processor has is called. Results do not depend on the choice: kernels
//! use no fused multiply-add and sum in the fixed lanes of [`crate::linalg::lanes`].

use core::sync::atomic::{AtomicU8, Ordering};

/// An instruction set that kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// What every processor of the architecture has (SSE2 on x86-64).
    Baseline = 1,
    /// AVX2: four numbers per instruction.
    Avx2 = 2,
    /// AVX-512 F, VL and DQ: eight numbers per instruction.
    Avx512 = 3,
}

static CHOSEN: AtomicU8 = AtomicU8::new(0);

impl Level {
    /// All levels, narrowest first.
    pub const ALL: [Self; 3] = [Self::Baseline, Self::Avx2, Self::Avx512];

    /// Whether this processor has it.
    pub fn is_available(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        match self {
            Self::Baseline => true,
            Self::Avx2 => is_x86_feature_detected!("avx2"),
            Self::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512dq")
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            self == Self::Baseline
        }
    }

    /// The level called `sse2` (or `baseline`), `avx2` or `avx512`.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "sse2" | "baseline" => Some(Self::Baseline),
            "avx2" => Some(Self::Avx2),
            "avx512" => Some(Self::Avx512),
            _ => None,
        }
    }
}

/// The level in use: the widest available, or the one that was [forced](force).
pub fn level() -> Level {
    match CHOSEN.load(Ordering::Relaxed) {
        1 => Level::Baseline,
        2 => Level::Avx2,
        3 => Level::Avx512,
        _ => {
            let widest = Level::ALL.into_iter().rev().find(|level| level.is_available()).unwrap_or(Level::Baseline);
            CHOSEN.store(widest as u8, Ordering::Relaxed);
            widest
        }
    }
}

/// Uses `level` from now on, in the whole process; false (and no change) if this processor lacks it.
///
/// For tests and comparisons: the results are the same at every level.
pub fn force(level: Level) -> bool {
    let available = level.is_available();
    if available {
        CHOSEN.store(level as u8, Ordering::Relaxed);
    }
    available
}

/// A computation to be compiled for each [`Level`]. `run` must be `#[inline(always)]`, and so must what it calls.
pub trait Kernel {
    /// What the computation returns.
    type Output;
    /// The computation.
    fn run(self) -> Self::Output;
}

/// Runs a kernel with the instruction set in use.
#[inline]
pub fn dispatch<K: Kernel>(kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    match level() {
        // SAFETY: `level` returns only what `is_available` found on this processor.
        Level::Avx512 => return unsafe { run_avx512(kernel) },
        // SAFETY: as above.
        Level::Avx2 => return unsafe { run_avx2(kernel) },
        Level::Baseline => {}
    }
    kernel.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512dq")]
fn run_avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn run_avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}
