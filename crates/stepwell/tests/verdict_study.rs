//! A short version of the study of docs/statistics.md, by its own code: verdicts err no more often than stated, and tell
//! what they should; intervals hold the truth as often as stated. Four standard errors are allowed.

#[path = "../examples/verdict_study/study/mod.rs"]
mod study;

use study::table::{Row, worst};
use study::{Size, coverage, ensembles, growth, logs, recorded, signs};

const SIZE: Size = Size { logs: 250, runs: 120, ensembles: 150, truths: 200 };

fn err_rarely(rows: &[Row]) {
    let (what, rate, above) = worst(rows, 0.05);
    assert!(above <= 4.0, "{what}: {} of {}, {above:.1} standard errors above 5%", rate.hits, rate.total);
}

#[test]
fn single_runs() {
    let rows = logs::synthetic(SIZE);
    err_rarely(&rows);
    // white noise: what can be told is told
    assert!(rows[1].told.iter().all(|rate| rate.share() > 0.99));
    err_rarely(&logs::unsteady(SIZE));
    // noise that is too slow is known not to be covered
    assert!(worst(&logs::too_slow(SIZE), 0.05).2 > 4.0);
}

#[test]
fn recorded_runs_and_settings() {
    let runs = recorded::ensembles(SIZE.runs);
    err_rarely(&logs::real(SIZE, &runs));
    let settings = ensembles::real(SIZE, &runs);
    err_rarely(&settings);
    for rate in ensembles::power(&settings, 100) {
        assert!(rate.share() >= 0.8, "{rate:?}");
    }
    err_rarely(&ensembles::synthetic(SIZE));
}

#[test]
fn growth_and_families_of_tests() {
    let rows = growth::rows(SIZE);
    err_rarely(&rows);
    // a thousandfold growth over the last quarter is seen, unless the loss jumps by a factor of 10 all the while
    assert!(rows[..8].iter().all(|row| row.told[1].share() > 0.75));
    err_rarely(&signs::rows(SIZE));
}

#[test]
fn intervals_hold_the_truth() {
    for kind in coverage::KINDS {
        let (rate, _) = kind.coverage(SIZE);
        let above = (rate.share() - kind.level) / rate.error(kind.level);
        let looked_at_too_often = kind.name.contains("fixed-n");
        assert_eq!(above >= -4.0, !looked_at_too_often, "{}: {rate:?}", kind.name);
    }
}
