//! Records as rows of CSV: `run,seed,step,series,value`, whatever the number of runs.

use stepwell::record::Records;

/// The names of the columns, with a line feed.
pub const HEADER: &str = "run,seed,step,series,value\n";

/// What is added to the label of the run with the published data and indices, which stands beside those over seeds.
pub const AS_PUBLISHED: &str = ", as published";

/// The first columns of a run's rows, for [`append_csv`]: its label, quoted, and its seed.
pub fn run_prefix(label: &str, seed: u64) -> String {
    format!("\"{}\",{seed},", label.replace('"', "\"\""))
}

/// Adds the records of one run as tidy rows `prefix,step,series,value`; NaN and infinities are written as such.
pub fn append_csv(out: &mut String, prefix: &str, records: &Records) {
    use std::fmt::Write;
    for series in &records.series {
        for (step, value) in series.steps.iter().zip(&series.values) {
            let _ = writeln!(out, "{prefix}{step},{},{value:?}", series.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_the_csv_to_the_bit() {
        let mut records = Records::default();
        let values = [1.4216162873995314e-06, f64::NAN, f64::INFINITY, -0.0, 5e-324];
        for (step, value) in values.into_iter().enumerate() {
            records.push("train_loss", step as u64, value);
        }
        let mut csv = String::new();
        append_csv(&mut csv, "7,", &records);
        let back: Vec<f64> = csv.lines().map(|line| line.rsplit(',').next().unwrap().parse().unwrap()).collect();
        assert_eq!(csv.lines().next(), Some("7,0,train_loss,1.4216162873995314e-6"));
        for (a, b) in values.iter().zip(back) {
            assert!(a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan());
        }
    }
}
