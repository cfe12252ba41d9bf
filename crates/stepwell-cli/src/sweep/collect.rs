//! One table of all records and one of all runs, from the chunks.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use parquet::file::metadata::KeyValue;
use parquet::file::writer::SerializedFileWriter;
use toml::Value;

use crate::failure::Failure;
use crate::sweep::chunk::RunEnd;
use crate::sweep::chunk_file::{ChunkFile, PROPERTIES, SCHEMA};
use crate::sweep::folder::SweepFolder;
use crate::sweep::plan::Plan;
use crate::sweep::table::{Table, Values};
use stepwell_store::folder::Folder;

/// What was collected.
pub struct Collected {
    /// The table with a row a run, step and series.
    pub records: PathBuf,
    /// The table with a row a run.
    pub runs: PathBuf,
    /// Numbers of rows.
    pub rows: (u64, usize),
}

/// Writes `out` and, beside it, the table of runs. Chunks must all be there, unless `partial`.
pub fn collect(folder: &SweepFolder, out: &Path, partial: bool) -> Result<Collected, Failure> {
    let csv = match out.extension().and_then(|extension| extension.to_str()) {
        Some("csv") => true,
        Some("parquet") => false,
        _ => {
            return Err(Failure::usage(format!("-o {}: expected a name that ends in .parquet or .csv", out.display())));
        }
    };
    let chunks: Vec<u64> = (0..folder.plan.chunks()).filter(|chunk| folder.has(*chunk)).collect();
    let absent = folder.plan.chunks() - chunks.len() as u64;
    if absent > 0 && !partial {
        return Err(Failure::other(format!(
            "{absent} of {} chunks are not computed yet; `stepwell sweep run {}` computes them, --partial does without",
            folder.plan.chunks(),
            folder.path().display()
        )));
    }
    let parent = out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let target = Folder::create(parent)?;
    let (mut ends, mut rows) = (Vec::new(), 0);
    target.write_with::<Failure>(out, |file| {
        let write = if csv { write_csv } else { write_parquet };
        rows = write(folder, &chunks, file, &mut ends)?;
        Ok(())
    })?;
    let runs = out.with_extension(if csv { "runs.csv" } else { "runs.parquet" });
    let table = table_of_runs(&folder.plan, &ends);
    let bytes =
        if csv { table.to_csv().into_bytes() } else { table.to_parquet().map_err(|error| failed(&runs, error))? };
    target.write_with(&runs, |mut file| file.write_all(&bytes).map_err(|error| failed(&runs, error)))?;
    Ok(Collected { records: out.into(), runs, rows: (rows, ends.len()) })
}

fn failed(path: &Path, error: impl std::fmt::Display) -> Failure {
    Failure::other(format!("{}: {error}", path.display()))
}

/// Opens and checks a chunk.
pub fn checked(folder: &SweepFolder, chunk: u64) -> Result<(PathBuf, ChunkFile), Failure> {
    let path = folder.chunk_path(chunk);
    let open = || -> Result<ChunkFile, String> {
        let file = folder.chunk(chunk)?;
        file.verify(&path)?;
        Ok(file)
    };
    match open() {
        Ok(file) => Ok((path, file)),
        Err(why) => Err(Failure::corrupt(format!(
            "{}: {why}; `stepwell sweep retry --failed {}` computes it again",
            path.display(),
            folder.path().display()
        ))),
    }
}

fn write_parquet(folder: &SweepFolder, chunks: &[u64], file: &File, ends: &mut Vec<RunEnd>) -> Result<u64, Failure> {
    let fail = |error| Failure::other(format!("collected records: {error}"));
    let buffered = BufWriter::with_capacity(1 << 20, file);
    let mut writer = SerializedFileWriter::new(buffered, SCHEMA.clone(), PROPERTIES.clone()).map_err(fail)?;
    for chunk in chunks {
        let (path, file) = checked(folder, *chunk)?;
        file.copy_to(&path, &mut writer).map_err(fail)?;
        ends.extend(file.ends);
    }
    writer.append_key_value_metadata(KeyValue::new("stepwell.plan".into(), Some(folder.hash.clone())));
    let rows = writer.flushed_row_groups().iter().map(|group| group.num_rows() as u64).sum();
    let mut buffered = writer.into_inner().map_err(fail)?;
    buffered.flush().map_err(|error| fail(error.into()))?;
    Ok(rows)
}

fn write_csv(folder: &SweepFolder, chunks: &[u64], file: &File, ends: &mut Vec<RunEnd>) -> Result<u64, Failure> {
    let fail = |error: std::io::Error| Failure::other(format!("collected records: {error}"));
    let mut out = BufWriter::with_capacity(1 << 20, file);
    writeln!(out, "run,step,series,value").map_err(fail)?;
    let mut count = 0;
    for chunk in chunks {
        let (path, file) = checked(folder, *chunk)?;
        let rows = file.rows().map_err(|error| Failure::corrupt(format!("{}: {error}", path.display())))?;
        for k in 0..rows.run.len() {
            let series = &rows.names[rows.series[k] as usize];
            writeln!(out, "{},{},{series},{:?}", rows.run[k], rows.step[k], rows.value[k]).map_err(fail)?;
        }
        count += rows.run.len() as u64;
        ends.extend(file.ends);
    }
    out.flush().map_err(fail)?;
    Ok(count)
}

/// One row a run: number, seed, what was varied, status, step of its end, stabilization, last values.
fn table_of_runs(plan: &Plan, ends: &[RunEnd]) -> Table {
    let planned: Vec<_> = ends.iter().map(|end| plan.run(end.run)).collect();
    let int = |of: &dyn Fn(usize) -> u64| Values::Int((0..ends.len()).map(|k| Some(of(k) as i64)).collect());
    let text = |of: &dyn Fn(&RunEnd) -> &str| {
        Values::Text(ends.iter().map(|end| Some(of(end).to_string()).filter(|text| !text.is_empty())).collect())
    };
    let mut columns = vec![
        ("run".to_string(), int(&|k| ends[k].run)),
        ("setting".to_string(), int(&|k| planned[k].setting as u64)),
        ("seed".to_string(), int(&|k| planned[k].seed)),
    ];
    for (k, key) in plan.keys.iter().enumerate() {
        let all: Vec<&Value> = plan.settings.iter().map(|row| &row[k]).collect();
        let each: Vec<&Value> = planned.iter().map(|run| &plan.settings[run.setting][k]).collect();
        columns.push((key.clone(), typed(&all, &each)));
    }
    columns.push(("status".to_string(), text(&|end| end.end.name())));
    columns.push(("end_step".to_string(), int(&|k| ends[k].step)));
    columns.push(("phase".to_string(), text(&|end| &end.phase)));
    columns.push(("level".to_string(), Values::Float(ends.iter().map(|end| Some(end.level)).collect())));
    let mut names: Vec<&String> = Vec::new();
    for (name, _) in ends.iter().flat_map(|end| &end.last) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    for name in names {
        let last = |end: &RunEnd| end.last.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
        columns.push((format!("last_{name}"), Values::Float(ends.iter().map(last).collect())));
    }
    columns.push(("error".to_string(), text(&|end| &end.error)));
    Table { columns }
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
