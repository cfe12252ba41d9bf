//! One table of all records and one of all runs, from the chunks.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use parquet::file::metadata::KeyValue;
use parquet::file::writer::SerializedFileWriter;
use stepwell_lab::summary::RunSummary;
use stepwell_lab::sweep::plan::Plan;
use stepwell_lab::sweep::runs::RunEntry;
use toml::Value;

use super::chunk_file::{ChunkFile, SCHEMA};
use super::folder::SweepFolder;
use super::table::{Table, Values};
use crate::columns::PROPERTIES;
use crate::error::StoreError;
use crate::folder::Folder;

/// What was collected.
pub struct Collected {
    /// The table with a row per run, step and series.
    pub records: PathBuf,
    /// The table with a row per run.
    pub runs: PathBuf,
    /// Numbers of rows.
    pub rows: (u64, usize),
}

/// Writes `out` and, beside it, the table of runs. Chunks must all be there, unless `partial`.
///
/// # Errors
/// If chunks are missing or damaged, or a file cannot be written.
pub fn collect(folder: &SweepFolder, out: &Path, partial: bool) -> Result<Collected, StoreError> {
    let csv = match out.extension().and_then(|extension| extension.to_str()) {
        Some("csv") => true,
        Some("parquet") => false,
        _ => {
            return Err(StoreError::usage(format!(
                "-o {}: expected a name that ends in .parquet or .csv",
                out.display()
            )));
        }
    };
    let chunks = folder.computed(partial)?;
    let parent = out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let target = Folder::create(parent)?;
    let (mut entries, mut rows) = (Vec::new(), 0);
    target.write_with::<StoreError>(out, |file| {
        let write = if csv { write_csv } else { write_parquet };
        rows = write(folder, &chunks, file, &mut entries)?;
        Ok(())
    })?;
    let runs = out.with_extension(if csv { "runs.csv" } else { "runs.parquet" });
    let table = table_of_runs(&folder.plan, &entries);
    let bytes =
        if csv { table.to_csv().into_bytes() } else { table.to_parquet().map_err(|error| failed(&runs, error))? };
    target.write_with(&runs, |mut file| file.write_all(&bytes).map_err(|error| failed(&runs, error)))?;
    Ok(Collected { records: out.into(), runs, rows: (rows, entries.len()) })
}

fn failed(path: &Path, error: impl std::fmt::Display) -> StoreError {
    StoreError::failed(format!("{}: {error}", path.display()))
}

/// Opens and checks a chunk.
pub fn checked(folder: &SweepFolder, chunk: u64) -> Result<(PathBuf, ChunkFile), StoreError> {
    let path = folder.chunk_path(chunk);
    let open = || -> Result<ChunkFile, String> {
        let file = folder.chunk(chunk)?;
        file.verify(&path)?;
        Ok(file)
    };
    match open() {
        Ok(file) => Ok((path, file)),
        Err(why) => Err(StoreError::corrupt(format!(
            "{}: {why}; `stepwell sweep retry --failed {}` computes it again",
            path.display(),
            folder.path().display()
        ))),
    }
}

fn write_parquet(
    folder: &SweepFolder,
    chunks: &[u64],
    file: &File,
    entries: &mut Vec<RunEntry>,
) -> Result<u64, StoreError> {
    let fail = |error| StoreError::failed(format!("collected records: {error}"));
    let buffered = BufWriter::with_capacity(1 << 20, file);
    let mut writer = SerializedFileWriter::new(buffered, SCHEMA.clone(), PROPERTIES.clone()).map_err(fail)?;
    for chunk in chunks {
        let (path, file) = checked(folder, *chunk)?;
        file.copy_to(&path, &mut writer).map_err(fail)?;
        entries.extend(file.entries);
    }
    writer.append_key_value_metadata(KeyValue::new("stepwell.plan".into(), Some(folder.hash.clone())));
    let rows = writer.flushed_row_groups().iter().map(|group| group.num_rows() as u64).sum();
    let mut buffered = writer.into_inner().map_err(fail)?;
    buffered.flush().map_err(|error| fail(error.into()))?;
    Ok(rows)
}

fn write_csv(
    folder: &SweepFolder,
    chunks: &[u64],
    file: &File,
    entries: &mut Vec<RunEntry>,
) -> Result<u64, StoreError> {
    let fail = |error: std::io::Error| StoreError::failed(format!("collected records: {error}"));
    let mut out = BufWriter::with_capacity(1 << 20, file);
    writeln!(out, "run,seed,step,series,value").map_err(fail)?;
    let mut count = 0;
    for chunk in chunks {
        let (path, file) = checked(folder, *chunk)?;
        let rows = file.rows().map_err(|error| StoreError::corrupt(format!("{}: {error}", path.display())))?;
        for (run, records) in rows {
            let seed = folder.plan.run(run).seed;
            for series in &records.series {
                for (step, value) in series.steps.iter().zip(&series.values) {
                    writeln!(out, "{run},{seed},{step},{},{value:?}", series.name).map_err(fail)?;
                }
                count += series.steps.len() as u64;
            }
        }
        entries.extend(file.entries);
    }
    out.flush().map_err(fail)?;
    Ok(count)
}

/// One row per run: number, seed, what was varied, status, step of its end, stabilization, last values.
fn table_of_runs(plan: &Plan, entries: &[RunEntry]) -> Table {
    let planned: Vec<_> = entries.iter().map(|entry| plan.run(entry.run)).collect();
    let int = |of: &dyn Fn(usize) -> u64| Values::Int((0..entries.len()).map(|k| Some(of(k) as i64)).collect());
    let text = |of: &dyn Fn(&RunEntry) -> Option<&str>| {
        Values::Text(entries.iter().map(|entry| of(entry).map(str::to_string)).collect())
    };
    let float = |of: &dyn Fn(&RunSummary) -> Option<f64>| {
        Values::Float(entries.iter().map(|entry| of(entry.summary.as_ref()?)).collect())
    };
    let mut columns = vec![
        ("run".to_string(), int(&|k| entries[k].run)),
        ("setting".to_string(), int(&|k| planned[k].setting as u64)),
        ("seed".to_string(), int(&|k| planned[k].seed)),
    ];
    for (k, key) in plan.keys.iter().enumerate() {
        let all: Vec<&Value> = plan.settings.iter().map(|row| &row[k]).collect();
        let each: Vec<&Value> = planned.iter().map(|run| &plan.settings[run.setting][k]).collect();
        columns.push((key.clone(), typed(&all, &each)));
    }
    let summaries = || entries.iter().filter_map(|entry| entry.summary.as_ref());
    columns.push(("status".to_string(), text(&|entry| Some(entry.summary.as_ref().map_or("failed", status)))));
    columns.push(("end_step".to_string(), int(&|k| entries[k].step)));
    columns.push(("phase".to_string(), text(&|entry| Some(entry.summary.as_ref()?.stabilization.behavior.name()))));
    columns.push(("level".to_string(), float(&|summary| Some(summary.stabilization.level))));
    let names: BTreeSet<&String> = summaries().flat_map(|summary| summary.last.keys()).collect();
    for name in names {
        columns.push((format!("last_{name}"), float(&|summary| summary.last.get(name).map(|value| value.0))));
    }
    columns.push(("error".to_string(), text(&|entry| entry.has_failed().then_some(&*entry.error))));
    Table { columns }
}

fn status(summary: &RunSummary) -> &'static str {
    summary.status.name()
}

/// A column of the narrowest type that all values of a key have in common.
fn typed(all: &[&Value], each: &[&Value]) -> Values {
    let number = |value: &Value| value.as_float().or_else(|| value.as_integer().map(|n| n as f64));
    if all.iter().all(|value| value.is_integer()) {
        Values::Int(each.iter().map(|value| value.as_integer()).collect())
    } else if all.iter().all(|value| number(value).is_some()) {
        Values::Float(each.iter().map(|value| number(value)).collect())
    } else if all.iter().all(|value| value.is_bool()) {
        Values::Bool(each.iter().map(|value| value.as_bool()).collect())
    } else {
        let text = |value: &&Value| value.as_str().map_or_else(|| value.to_string(), str::to_string);
        Values::Text(each.iter().map(|value| Some(text(value))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_the_narrowest_type_that_fits() {
        let (one, half, name) = (Value::Integer(1), Value::Float(0.5), Value::String("x".into()));
        assert_eq!(typed(&[&one], &[&one]), Values::Int(vec![Some(1)]));
        assert_eq!(typed(&[&one, &half], &[&one]), Values::Float(vec![Some(1.0)]));
        assert_eq!(typed(&[&one, &name], &[&one, &name]), Values::Text(vec![Some("1".into()), Some("x".into())]));
    }
}
