//! `stepwell measure`: metrics of arrays in files.

use std::path::Path;
use std::process::ExitCode;

use rayon::prelude::*;
use serde_json::json;
use stepwell::linalg::{Matrix, singular_values};
use stepwell::metrics::{
    Activations, Active, NeuronPairs, SparsityBlock, SparsityError, SparsityOptions, effective_rank, rank_of,
};
use stepwell::spec::Array;
use stepwell::words::short;

use crate::cli::{MeasureCommand, SparsityArgs};
use crate::failure::Failure;
use crate::output::{number, print, print_json};
use stepwell_store::arrays::read_one;

/// Runs one of the measurements.
pub fn run(command: &MeasureCommand) -> Result<ExitCode, Failure> {
    match command {
        MeasureCommand::Sparsity(args) => sparsity(args),
        MeasureCommand::Network(command) => super::measure_network::run(command),
        MeasureCommand::Rank { file, tol, array, json } => rank(file, array.as_deref(), *tol, *json),
    }
}

fn rank(file: &Path, array: Option<&str>, tol: f64, as_json: bool) -> Result<ExitCode, Failure> {
    if !(0.0..1.0).contains(&tol) {
        return Err(Failure::usage(format!("--tol {tol}: expected a number from 0 to below 1")));
    }
    let matrix = matrix(file, array)?;
    let values = singular_values(&matrix);
    let (rank, effective) = (rank_of(&values, tol), effective_rank(&values));
    if as_json {
        let values: Vec<_> = values.iter().map(|v| number(*v)).collect();
        print_json(&json!({
            "rank": rank, "effective_rank": number(effective), "tol": tol,
            "rows": matrix.rows(), "cols": matrix.cols(), "singular_values": values
        }))?;
    } else {
        let (largest, smallest) = (values.first().copied(), values.last().copied());
        print(&format!(
            "rank {rank} of {} x {} at {tol:e} of the largest singular value ({}; smallest {})\neffective rank {}\n",
            matrix.rows(),
            matrix.cols(),
            short(largest.unwrap_or(f64::NAN)),
            short(smallest.unwrap_or(f64::NAN)),
            short(effective),
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn sparsity(args: &SparsityArgs) -> Result<ExitCode, Failure> {
    if !(0.0..=1.0).contains(&args.threshold) {
        return Err(Failure::usage(format!("--threshold {}: expected a correlation from 0 to 1", args.threshold)));
    }
    let array = read_one(&args.file, args.array.as_deref(), "--array NAME").map_err(Failure::input)?;
    let place = args.file.display();
    let [samples, rest @ ..] = &array.shape[..] else {
        return Err(Failure::input(format!("{place}: a single number, expected samples x neurons")));
    };
    if rest.is_empty() {
        return Err(Failure::input(format!("{place}: shape {:?}, expected samples x neurons", array.shape)));
    }
    let neurons: usize = rest.iter().product();
    let active = if args.nonzero { Active::Nonzero } else { Active::Positive };
    let subset = args.subset.map(|count| (count, args.seed));
    let options = SparsityOptions { normalize_rows: args.normalize, threshold: args.threshold, active, subset };
    let refuse = |error: SparsityError| Failure::input(format!("{place}: {error}"));
    let activations = Activations::new(*samples, neurons, &array.values).map_err(refuse)?;
    let pairs = NeuronPairs::new(activations, options).map_err(refuse)?;
    let blocks: Vec<SparsityBlock> = (0..pairs.blocks()).into_par_iter().map(|k| pairs.block(k)).collect();
    let found = pairs.combine(&blocks);
    if args.json {
        print_json(&json!({
            "feature_sparsity": found.feature_sparsity, "nonzero_share": found.nonzero_share, "neurons": found.neurons,
            "dead": found.dead, "duplicates": found.duplicates, "kept": found.kept, "groups": found.groups,
            "threshold": found.threshold, "samples": found.samples,
        }))?;
    } else {
        print(&format!(
            "feature sparsity {:.2}% (lower is sparser; non-zero activations {:.2}%)\n{} neurons on {} samples: {} dead, {} duplicates at a \
             correlation above {}, {} kept; {} groups\n",
            100.0 * found.feature_sparsity,
            100.0 * found.nonzero_share,
            found.neurons,
            found.samples,
            found.dead,
            found.duplicates,
            found.threshold,
            found.kept,
            found.groups,
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
