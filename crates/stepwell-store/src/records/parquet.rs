//! The same table as Parquet: `run` and `series` text, `seed` and `step` integers, `value` double.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::Result;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::TypePtr;

use super::{Recorded, Rows};
use crate::columns::{PROPERTIES, read_column, write_column};

static SCHEMA: LazyLock<TypePtr> = LazyLock::new(|| {
    let columns = "message records { required binary run (STRING); required int64 seed (INTEGER(64,false)); \
                   required int64 step (INTEGER(64,false)); required binary series (STRING); required double value; }";
    Arc::new(parse_message_type(columns).expect("the schema is well-formed"))
});

/// The table of some runs.
///
/// # Errors
/// Those of the Parquet library.
pub fn to_bytes(runs: &[Recorded]) -> Result<Vec<u8>> {
    let mut writer = SerializedFileWriter::new(Vec::new(), SCHEMA.clone(), PROPERTIES.clone())?;
    // a group of rows per run
    for Recorded { label, seed, records } in runs {
        let steps: Vec<i64> = records.series.iter().flat_map(|series| &series.steps).map(|step| *step as i64).collect();
        if steps.is_empty() {
            continue;
        }
        let names = records.series.iter().flat_map(|series| {
            let name = ByteArray::from(&*series.name);
            series.steps.iter().map(move |_| name.clone())
        });
        let values: Vec<f64> = records.series.iter().flat_map(|series| &series.values).copied().collect();
        let mut group = writer.next_row_group()?;
        write_column::<ByteArrayType>(&mut group, &vec![ByteArray::from(&**label); steps.len()])?;
        write_column::<Int64Type>(&mut group, &vec![*seed as i64; steps.len()])?;
        write_column::<Int64Type>(&mut group, &steps)?;
        write_column::<ByteArrayType>(&mut group, &names.collect::<Vec<_>>())?;
        write_column::<DoubleType>(&mut group, &values)?;
        group.close()?;
    }
    writer.into_inner()
}

/// The runs of a table, in its order.
///
/// # Errors
/// Those of the Parquet library, for files that are no such table too.
pub fn from_bytes(bytes: Vec<u8>) -> Result<Vec<Recorded>> {
    let reader = SerializedFileReader::new(Bytes::from(bytes))?;
    let mut rows = Rows::default();
    for k in 0..reader.num_row_groups() {
        let group = reader.get_row_group(k)?;
        let run = read_column::<ByteArrayType>(&*group, 0)?;
        let seed = read_column::<Int64Type>(&*group, 1)?;
        let step = read_column::<Int64Type>(&*group, 2)?;
        let series = read_column::<ByteArrayType>(&*group, 3)?;
        let value = read_column::<DoubleType>(&*group, 4)?;
        for at in 0..run.len() {
            rows.push(run[at].as_utf8()?, seed[at] as u64, step[at] as u64, series[at].as_utf8()?, value[at]);
        }
    }
    Ok(rows.runs)
}
