//! Families of paired sign tests under the null: how often even one of their rows is decided.

use stepwell::rng::Stream;
use stepwell::verdict::{Finding, Observation, Signs};

use super::noise::stream;
use super::table::{Rate, Row};
use super::{Size, each};

/// Rows about one pair of settings, over `pairs` seeds, of which a share `tied` is equal in both; rows share a part of their
/// noise, so that their tests are dependent.
fn family(rows: usize, pairs: usize, tied: f64, stream: &mut Stream) -> Vec<Observation> {
    let common: Vec<f64> = (0..pairs).map(|_| stream.normal()).collect();
    let mut row = || {
        let mut difference = |k: usize| {
            let value = common[k] + stream.normal();
            (0.0, if stream.uniform() < tied { 0.0 } else { value })
        };
        let values: Vec<(f64, f64)> = (0..pairs).map(&mut difference).collect();
        Observation::paired("smaller", "", pairs, Signs::smaller(&values), None)
    };
    Observation::family((0..rows).map(|_| row()).collect())
}

/// Error rates over families.
pub fn rows(size: Size) -> Vec<Row> {
    let kinds = [(1, 16, 0.0), (4, 16, 0.0), (4, 53, 0.3), (6, 100, 0.0), (6, 100, 0.3)];
    let row = |(rows, pairs, tied): (usize, usize, f64)| {
        let families = each(0..size.logs, |case| family(rows, pairs, tied, &mut stream("signs", case)));
        let decided = |family: &Vec<Observation>| family.iter().any(|row| row.finding != Finding::CannotTell);
        let what = vec![rows.to_string(), pairs.to_string(), format!("{:.0}%", 100.0 * tied)];
        Row { what, errors: vec![Rate::of(&families, decided)], told: Vec::new() }
    };
    kinds.into_iter().map(row).collect()
}
