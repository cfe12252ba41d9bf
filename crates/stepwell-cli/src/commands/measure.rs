//! `stepwell measure`: metrics of arrays in files.

use std::path::Path;
use std::process::ExitCode;

use serde_json::json;
use stepwell::linalg::{Matrix, singular_values};
use stepwell::metrics::rank_of;
use stepwell::spec::Array;

use crate::arrays::read_one;
use crate::cli::MeasureCommand;
use crate::failure::Failure;
use crate::output::{number, print, print_json, short};

/// Runs one of the measurements.
pub fn run(command: &MeasureCommand) -> Result<ExitCode, Failure> {
    match command {
        MeasureCommand::Rank { file, tol, array, json } => rank(file, array.as_deref(), *tol, *json),
    }
}

fn rank(file: &Path, array: Option<&str>, tol: f64, as_json: bool) -> Result<ExitCode, Failure> {
    if !(0.0..1.0).contains(&tol) {
        return Err(Failure::usage(format!("--tol {tol}: expected a number from 0 to below 1")));
    }
    let matrix = matrix(file, array)?;
    let values = singular_values(&matrix);
    let rank = rank_of(&values, tol);
    if as_json {
        let values: Vec<_> = values.iter().map(|v| number(*v)).collect();
        print_json(&json!({
            "rank": rank, "tol": tol, "rows": matrix.rows(), "cols": matrix.cols(), "singular_values": values
        }))?;
    } else {
        let (largest, smallest) = (values.first().copied(), values.last().copied());
        print(&format!(
            "rank {rank} of {} x {} at {tol:e} of the largest singular value ({}; smallest {})\n",
            matrix.rows(),
            matrix.cols(),
            short(largest.unwrap_or(f64::NAN)),
            short(smallest.unwrap_or(f64::NAN)),
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A two-dimensional array of finite numbers.
fn matrix(file: &Path, array: Option<&str>) -> Result<Matrix, Failure> {
    let array = read_one(file, array, "--array NAME").map_err(Failure::input)?;
    let place = file.display();
    let Array { shape, values } = array;
    let [rows, cols] = shape[..] else {
        return Err(Failure::input(format!("{place}: shape {shape:?}, expected a matrix (two dimensions)")));
    };
    if rows == 0 || cols == 0 {
        return Err(Failure::input(format!("{place}: shape {shape:?}, expected at least one row and one column")));
    }
    if let Some(k) = values.iter().position(|v| !v.is_finite()) {
        let (row, column) = (k / cols, k % cols);
        return Err(Failure::input(format!(
            "{place}: {} at row {row}, column {column}; expected finite numbers",
            values[k]
        )));
    }
    Ok(Matrix::from_rows(rows, cols, &values))
}
