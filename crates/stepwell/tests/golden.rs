//! Same seed, same bits: at every SIMD level, for any number of threads, for any cut into calls.

#[path = "golden/runs.rs"]
mod runs;

use stepwell::simd::{self, Level};

/// One hash a run. A change here changes every result: it needs a reason and a line in the changelog.
const HASHES: [u64; runs::COUNT] = [
    0xed5a_05a7_d9fb_4e8c,
    0x37de_edc9_e028_a6c1,
    0x969d_3926_cdaf_11f2,
    0xe0d6_4cd6_382e_6df5,
    0x4bb9_a21b_b2c3_7f36,
    0xcd6b_0304_3921_0e9a,
    0x0e38_2a52_98e0_13ba,
    0x369c_fb65_da4f_8c8a,
    0x92a6_ba56_d12d_05b7,
    0x2817_94ed_d21f_aa7d,
    0x1417_6373_895c_70e6,
    0x213f_36b8_3793_b760,
    0x4da3_7665_76d0_98e1,
    0x28de_8111_0e51_d41d,
    0xdd20_3bbc_9075_a11e,
    0x930a_926e_b4d4_d1b7,
];
/// The hash over all runs; the WebAssembly check in `.ci/run` compares with it too.
const ALL: u64 = 0xe559_087e_05a8_3f16;

#[test]
fn hashes_are_those_committed_at_every_level() {
    for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
        assert!(simd::force(level));
        let found: Vec<u64> = (0..runs::COUNT).map(|k| runs::hash(runs::run(k))).collect();
        assert_eq!(found, HASHES, "at {level:?}: {found:#x?}");
        assert_eq!(runs::hash_of_all(), ALL, "at {level:?}: {:#018x}", runs::hash_of_all());
    }
}

#[test]
fn golden_runs_are_alive() {
    for k in 0..runs::COUNT {
        let values: Vec<f64> = runs::run(k).into_iter().map(f64::from_bits).collect();
        assert!(values.iter().all(|v| v.is_finite()), "run {k} diverged");
        assert!(values[values.len() - 2] > 1e-12, "run {k} has nothing left to do");
    }
}

#[test]
fn threads_do_not_change_the_bits() {
    for threads in [1, 2, 4] {
        let found: Vec<u64> = std::thread::scope(|scope| {
            let work =
                |t: usize| move || (t..runs::COUNT).step_by(threads).map(|k| (k, runs::hash(runs::run(k)))).collect();
            let workers: Vec<_> = (0..threads).map(|t| scope.spawn(work(t))).collect();
            let mut found: Vec<(usize, u64)> =
                workers.into_iter().flat_map(|worker| -> Vec<(usize, u64)> { worker.join().unwrap() }).collect();
            found.sort_unstable();
            found.into_iter().map(|(_, hash)| hash).collect()
        });
        assert_eq!(found, HASHES, "{threads} threads");
    }
}
