//! A chunk as a Parquet file: its records as rows, what is known of its runs in the footer, so that a look at the footer tells
//! how the sweep stands.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::KeyValue;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::TypePtr;
use sha2::{Digest, Sha256};
use stepwell::record::{Records, Series};
use stepwell_lab::sweep::runs::RunEntry;

use crate::columns::{PROPERTIES, read_column, write_column};
use crate::digest::hex;

const PLAN: &str = "stepwell.plan";
const CHUNK: &str = "stepwell.chunk";
const RUNS: &str = "stepwell.runs";
const CHECKSUM: &str = "stepwell.sha256";

/// Columns of records.
pub static SCHEMA: LazyLock<TypePtr> = LazyLock::new(|| {
    let columns = "message records { required int64 run; required int64 seed (INTEGER(64,false)); required int64 step; \
                   required binary series (STRING); required double value; }";
    Arc::new(parse_message_type(columns).expect("the schema is well-formed"))
});

/// Records of the runs of a chunk, by their numbers.
pub type Rows = Vec<(u64, Records)>;

/// The bytes of a chunk's file; one entry per run, in their order.
///
/// # Errors
/// Those of the Parquet library.
pub fn to_bytes(plan: &str, chunk: u64, rows: &Rows, entries: &[RunEntry]) -> Result<Vec<u8>> {
    let mut writer = SerializedFileWriter::new(Vec::new(), SCHEMA.clone(), PROPERTIES.clone())?;
    let columns = Columns::of(rows, entries);
    if !columns.run.is_empty() {
        let mut group = writer.next_row_group()?;
        write_column::<Int64Type>(&mut group, &columns.run)?;
        write_column::<Int64Type>(&mut group, &columns.seed)?;
        write_column::<Int64Type>(&mut group, &columns.step)?;
        write_column::<ByteArrayType>(&mut group, &columns.series)?;
        write_column::<DoubleType>(&mut group, &columns.value)?;
        group.close()?;
    }
    writer.flush()?;
    let line = |entry| serde_json::to_string(entry).map_err(|error| ParquetError::General(error.to_string()));
    let lines = entries.iter().map(line).collect::<Result<Vec<_>>>()?.join("\n");
    let data = writer.inner();
    let checksum = format!("{} {}", data.len(), checksum(data, &lines));
    for (key, value) in [(PLAN, plan.into()), (CHUNK, chunk.to_string()), (RUNS, lines), (CHECKSUM, checksum)] {
        writer.append_key_value_metadata(KeyValue::new(key.to_string(), Some(value)));
    }
    writer.into_inner()
}

/// Rows, column by column.
#[derive(Default)]
struct Columns {
    run: Vec<i64>,
    seed: Vec<i64>,
    step: Vec<i64>,
    series: Vec<ByteArray>,
    value: Vec<f64>,
}

impl Columns {
    fn of(rows: &Rows, entries: &[RunEntry]) -> Self {
        let mut columns = Self::default();
        for ((run, records), entry) in rows.iter().zip(entries) {
            // a run without a summary has no records
            let seed = entry.summary.as_ref().map_or(0, |summary| summary.seed);
            for Series { name, steps, values, .. } in &records.series {
                let length = columns.run.len() + steps.len();
                columns.run.resize(length, *run as i64);
                columns.seed.resize(length, seed as i64);
                columns.series.resize(length, ByteArray::from(&**name));
                columns.step.extend(steps.iter().map(|step| *step as i64));
                columns.value.extend(values);
            }
        }
        columns
    }
}

fn checksum(data: &[u8], lines: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(data);
    hash.update(lines.as_bytes());
    hex(&hash.finalize())
}

/// A chunk's file, open, its footer read.
pub struct ChunkFile {
    reader: SerializedFileReader<File>,
    checksum: String,
    lines: String,
    /// What is known of its runs.
    pub entries: Vec<RunEntry>,
}

impl ChunkFile {
    /// Opens a file and reads its footer.
    ///
    /// # Errors
    /// What is wrong with it, if it is not this chunk of this plan, with the runs `runs`.
    pub fn open(path: &Path, plan: &str, chunk: u64, runs: std::ops::Range<u64>) -> std::result::Result<Self, String> {
        let file = File::open(path).map_err(|error| error.to_string())?;
        let reader = SerializedFileReader::new(file).map_err(|error| error.to_string())?;
        let pairs = reader.metadata().file_metadata().key_value_metadata().cloned().unwrap_or_default();
        let value = |key: &str| {
            let pair = pairs.iter().find(|pair| pair.key == key).and_then(|pair| pair.value.clone());
            pair.ok_or_else(|| format!("has no {key} in its footer"))
        };
        if value(PLAN)? != plan || value(CHUNK)? != chunk.to_string() {
            return Err("belongs to another plan or place".into());
        }
        let (checksum, lines) = (value(CHECKSUM)?, value(RUNS)?);
        let entries: std::result::Result<Vec<RunEntry>, _> = lines.lines().map(serde_json::from_str).collect();
        match entries {
            Ok(entries) if entries.iter().map(|entry| entry.run).eq(runs) => {
                Ok(Self { reader, checksum, lines, entries })
            }
            _ => Err("lacks runs".into()),
        }
    }

    /// Checks that the data are those that were written.
    pub fn verify(&self, path: &Path) -> std::result::Result<(), String> {
        let (length, _) = self.checksum.split_once(' ').unwrap_or_default();
        let length: u64 = length.parse().map_err(|_| "has no checksum".to_string())?;
        let mut data = Vec::new();
        let file = File::open(path).map_err(|error| error.to_string())?;
        file.take(length).read_to_end(&mut data).map_err(|error| error.to_string())?;
        if format!("{length} {}", checksum(&data, &self.lines)) == self.checksum {
            Ok(())
        } else {
            Err("its checksum differs".into())
        }
    }

    /// Appends the rows to another file of records, bytes as they are.
    pub fn copy_to<W: std::io::Write + Send>(&self, path: &Path, writer: &mut SerializedFileWriter<W>) -> Result<()> {
        let file = File::open(path)?;
        for group in self.reader.metadata().row_groups() {
            let mut copy = writer.next_row_group()?;
            for column in group.columns() {
                let close = parquet::column::writer::ColumnCloseResult {
                    bytes_written: column.compressed_size() as u64,
                    rows_written: group.num_rows() as u64,
                    metadata: column.clone(),
                    bloom_filter: None,
                    column_index: None,
                    offset_index: None,
                };
                copy.append_column(&file, close)?;
            }
            copy.close()?;
        }
        Ok(())
    }

    /// The records, run by run.
    ///
    /// # Errors
    /// Those of the Parquet library.
    pub fn rows(&self) -> Result<Rows> {
        let mut rows = Rows::new();
        for k in 0..self.reader.num_row_groups() {
            let group = self.reader.get_row_group(k)?;
            let run = read_column::<Int64Type>(&*group, 0)?;
            let step = read_column::<Int64Type>(&*group, 2)?;
            let series = read_column::<ByteArrayType>(&*group, 3)?;
            let value = read_column::<DoubleType>(&*group, 4)?;
            for at in 0..run.len() {
                let number = run[at] as u64;
                if rows.last().is_none_or(|(known, _)| *known != number) {
                    rows.push((number, Records::default()));
                }
                let Some((_, records)) = rows.last_mut() else { continue };
                let name = series[at].as_utf8()?;
                if records.series.last().is_none_or(|last| last.name != name) {
                    let name = name.to_string().into();
                    records.series.push(Series { name, width: 1, steps: Vec::new(), values: Vec::new() });
                }
                if let Some(last) = records.series.last_mut() {
                    last.steps.push(step[at] as u64);
                    last.values.push(value[at]);
                }
            }
        }
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> (Rows, Vec<RunEntry>) {
        let mut first = Records::default();
        for (series, step, value) in
            [("train_loss", 0, f64::NAN), ("train_loss", 10, f64::NEG_INFINITY), ("rank", 0, 5e-324)]
        {
            first.push(series, step, value);
        }
        let mut second = Records::default();
        second.push("train_loss", 0, -0.0);
        (vec![(4, first), (5, second)], vec![RunEntry::failed(4, "a\tb\nc"), RunEntry::failed(5, "why")])
    }

    #[test]
    fn rows_come_back_to_the_bit_and_damage_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("2.parquet");
        let (rows, entries) = sample();
        let bytes = to_bytes("plan", 2, &rows, &entries).unwrap();
        assert_eq!(bytes, to_bytes("plan", 2, &rows, &entries).unwrap());
        std::fs::write(&path, &bytes).unwrap();
        let file = ChunkFile::open(&path, "plan", 2, 4..6).unwrap();
        file.verify(&path).unwrap();
        let back = file.rows().unwrap();
        // NaN is not itself, its words are
        assert_eq!(format!("{back:?}"), format!("{rows:?}"));
        assert_eq!(file.entries, entries);
        assert!(ChunkFile::open(&path, "another", 2, 4..6).is_err());
        assert!(ChunkFile::open(&path, "plan", 2, 4..7).is_err());
        // each flipped byte before the footer is noticed, and each cut
        for at in [0, 10, 40, 100, 200] {
            let mut bad = bytes.clone();
            bad[at] ^= 1;
            std::fs::write(&path, &bad).unwrap();
            assert!(
                ChunkFile::open(&path, "plan", 2, 4..6).is_err_and(|_| true) || file.verify(&path).is_err(),
                "{at}"
            );
            std::fs::write(&path, &bytes[..bytes.len() - 1 - at]).unwrap();
            assert!(ChunkFile::open(&path, "plan", 2, 4..6).is_err(), "{at}");
        }
    }
}
