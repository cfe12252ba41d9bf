//! A chunk as a Parquet file: its records as rows, its runs' ends in the footer, so that a look at the footer tells how
//! the sweep stands.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use parquet::basic::Compression;
use parquet::column::reader::get_typed_column_reader;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::{ColumnPath, TypePtr};
use sha2::{Digest, Sha256};

use crate::sweep::chunk::{Rows, RunEnd};
use crate::sweep::plan::hex;

const PLAN: &str = "stepwell.plan";
const CHUNK: &str = "stepwell.chunk";
const RUNS: &str = "stepwell.runs";
const CHECKSUM: &str = "stepwell.sha256";

/// Columns of records.
pub static SCHEMA: LazyLock<TypePtr> = LazyLock::new(|| {
    let columns = "message records { required int64 run; required int64 step; required binary series (STRING); \
                   required double value; }";
    Arc::new(parse_message_type(columns).expect("the schema is well-formed"))
});

/// How files are written: the same bytes for the same content.
pub static PROPERTIES: LazyLock<WriterPropertiesPtr> = LazyLock::new(|| {
    let value = ColumnPath::from("value");
    let properties = WriterProperties::builder()
        .set_created_by("stepwell".into())
        .set_compression(Compression::SNAPPY)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_max_row_group_row_count(None)
        // values hardly repeat, and numbers that are none have no place in an order
        .set_column_dictionary_enabled(value.clone(), false)
        .set_column_statistics_enabled(value, EnabledStatistics::None);
    Arc::new(properties.build())
});

/// The bytes of a chunk's file.
pub fn to_bytes(plan: &str, chunk: u64, rows: &Rows, ends: &[RunEnd]) -> Result<Vec<u8>> {
    let mut writer = SerializedFileWriter::new(Vec::new(), SCHEMA.clone(), PROPERTIES.clone())?;
    if !rows.run.is_empty() {
        let names: Vec<ByteArray> = rows.names.iter().map(|name| name.as_str().into()).collect();
        let series: Vec<ByteArray> = rows.series.iter().map(|k| names[*k as usize].clone()).collect();
        let mut group = writer.next_row_group()?;
        write_column::<Int64Type>(&mut group, &rows.run)?;
        write_column::<Int64Type>(&mut group, &rows.step)?;
        write_column::<ByteArrayType>(&mut group, &series)?;
        write_column::<DoubleType>(&mut group, &rows.value)?;
        group.close()?;
    }
    writer.flush()?;
    let lines: Vec<String> = ends.iter().map(RunEnd::to_line).collect();
    let lines = lines.join("\n");
    let data = writer.inner();
    let checksum = format!("{} {}", data.len(), checksum(data, &lines));
    for (key, value) in [(PLAN, plan.into()), (CHUNK, chunk.to_string()), (RUNS, lines), (CHECKSUM, checksum)] {
        writer.append_key_value_metadata(KeyValue::new(key.to_string(), Some(value)));
    }
    writer.into_inner()
}

fn write_column<T: DataType>(group: &mut SerializedRowGroupWriter<'_, Vec<u8>>, values: &[T::T]) -> Result<()> {
    let mut column = group.next_column()?.ok_or_else(|| ParquetError::General("too few columns".into()))?;
    column.typed::<T>().write_batch(values, None, None)?;
    column.close()
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
    /// How its runs ended.
    pub ends: Vec<RunEnd>,
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
        let ends: Option<Vec<RunEnd>> = lines.lines().map(RunEnd::from_line).collect();
        match ends {
            Some(ends) if ends.iter().map(|end| end.run).eq(runs) => Ok(Self { reader, checksum, lines, ends }),
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

    /// The rows.
    pub fn rows(&self) -> Result<Rows> {
        let mut rows = Rows::default();
        for k in 0..self.reader.num_row_groups() {
            let group = self.reader.get_row_group(k)?;
            rows.run.extend(read_column::<Int64Type>(&*group, 0)?);
            rows.step.extend(read_column::<Int64Type>(&*group, 1)?);
            for name in read_column::<ByteArrayType>(&*group, 2)? {
                let name = name.as_utf8()?;
                let known = rows.names.iter().position(|known| known == name).unwrap_or_else(|| {
                    rows.names.push(name.to_string());
                    rows.names.len() - 1
                });
                rows.series.push(known as u32);
            }
            rows.value.extend(read_column::<DoubleType>(&*group, 3)?);
        }
        Ok(rows)
    }
}

fn read_column<T: DataType>(group: &dyn RowGroupReader, column: usize) -> Result<Vec<T::T>> {
    let mut reader = get_typed_column_reader::<T>(group.get_column_reader(column)?);
    let mut values = Vec::new();
    let count = group.metadata().num_rows() as usize;
    while values.len() < count {
        let (_, read, _) = reader.read_records(count - values.len(), None, None, &mut values)?;
        if read == 0 {
            return Err(ParquetError::EOF(format!("column {column} ends early")));
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::chunk::End;

    fn sample() -> (Rows, Vec<RunEnd>) {
        let rows = Rows {
            run: vec![4, 4, 4, 5],
            step: vec![0, 10, 0, 0],
            series: vec![0, 0, 1, 0],
            value: vec![f64::NAN, f64::NEG_INFINITY, 5e-324, -0.0],
            names: vec!["train_loss".into(), "rank".into()],
        };
        let end = |run| RunEnd {
            run,
            end: End::Finished,
            step: 10,
            phase: "falling".into(),
            level: 0.5,
            error: String::new(),
            last: Vec::new(),
        };
        (rows, vec![end(4), end(5)])
    }

    #[test]
    fn rows_come_back_to_the_bit_and_damage_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("2.parquet");
        let (rows, ends) = sample();
        let bytes = to_bytes("plan", 2, &rows, &ends).unwrap();
        assert_eq!(bytes, to_bytes("plan", 2, &rows, &ends).unwrap());
        std::fs::write(&path, &bytes).unwrap();
        let file = ChunkFile::open(&path, "plan", 2, 4..6).unwrap();
        file.verify(&path).unwrap();
        let back = file.rows().unwrap();
        let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&back.value), bits(&rows.value));
        assert_eq!((back.run, back.step, back.series, back.names), (rows.run, rows.step, rows.series, rows.names));
        assert_eq!(file.ends, ends);
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
