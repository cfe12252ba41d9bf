//! A table with named columns, as Parquet and as CSV.

use std::fmt::Write;
use std::sync::Arc;

use parquet::basic::{ConvertedType, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{BoolType, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type;

use crate::columns::PROPERTIES;
use crate::records::csv::quoted;

/// The values of a column; `None` is missing, which is not the same as NaN.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Integers.
    Int(Vec<Option<i64>>),
    /// Numbers.
    Float(Vec<Option<f64>>),
    /// Yes or no.
    Bool(Vec<Option<bool>>),
    /// Text.
    Text(Vec<Option<String>>),
}

/// Columns of equal length, by name.
pub struct Table {
    /// Name and values of each column.
    pub columns: Vec<(String, Values)>,
}

impl Table {
    /// The table as a Parquet file.
    pub fn to_parquet(&self) -> Result<Vec<u8>> {
        let fields = self.columns.iter().map(|(name, values)| field(name, values).map(Arc::new));
        let fields = fields.collect::<Result<Vec<_>>>()?;
        let schema = Type::group_type_builder("runs").with_fields(fields).build()?;
        let mut writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), PROPERTIES.clone())?;
        let mut group = writer.next_row_group()?;
        for (_, values) in &self.columns {
            match values {
                Values::Int(values) => write_column::<Int64Type>(&mut group, values)?,
                Values::Float(values) => write_column::<DoubleType>(&mut group, values)?,
                Values::Bool(values) => write_column::<BoolType>(&mut group, values)?,
                Values::Text(values) => {
                    let values: Vec<_> = values.iter().map(|text| text.as_deref().map(Into::into)).collect();
                    write_column::<ByteArrayType>(&mut group, &values)?;
                }
            }
        }
        group.close()?;
        writer.into_inner()
    }

    /// The table as CSV; numbers keep their bits, what is missing is empty.
    pub fn to_csv(&self) -> String {
        let header: Vec<String> = self.columns.iter().map(|(name, _)| quoted(name)).collect();
        let mut out = header.join(",");
        for row in 0..self.columns.first().map_or(0, |(_, values)| values.len()) {
            out.push('\n');
            for (k, (_, values)) in self.columns.iter().enumerate() {
                if k > 0 {
                    out.push(',');
                }
                let _ = match values {
                    Values::Int(values) => values[row].map_or(Ok(()), |value| write!(out, "{value}")),
                    Values::Float(values) => values[row].map_or(Ok(()), |value| write!(out, "{value:?}")),
                    Values::Bool(values) => values[row].map_or(Ok(()), |value| write!(out, "{value}")),
                    Values::Text(values) => out.write_str(&values[row].as_deref().map_or(String::new(), quoted)),
                };
            }
        }
        out.push('\n');
        out
    }
}

impl Values {
    fn len(&self) -> usize {
        match self {
            Self::Int(values) => values.len(),
            Self::Float(values) => values.len(),
            Self::Bool(values) => values.len(),
            Self::Text(values) => values.len(),
        }
    }
}

fn field(name: &str, values: &Values) -> Result<Type> {
    let physical = match values {
        Values::Int(_) => Physical::INT64,
        Values::Float(_) => Physical::DOUBLE,
        Values::Bool(_) => Physical::BOOLEAN,
        Values::Text(_) => Physical::BYTE_ARRAY,
    };
    let builder = Type::primitive_type_builder(name, physical).with_repetition(Repetition::OPTIONAL);
    match values {
        Values::Text(_) => {
            builder.with_logical_type(Some(LogicalType::String)).with_converted_type(ConvertedType::UTF8).build()
        }
        _ => builder.build(),
    }
}

fn write_column<T: DataType>(group: &mut SerializedRowGroupWriter<'_, Vec<u8>>, values: &[Option<T::T>]) -> Result<()> {
    let mut column = group.next_column()?.ok_or_else(|| ParquetError::General("too few columns".into()))?;
    let present: Vec<T::T> = values.iter().flatten().cloned().collect();
    let levels: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
    column.typed::<T>().write_batch(&present, Some(&levels), None)?;
    column.close()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_quotes_what_needs_it_and_leaves_out_what_is_missing() {
        let columns = vec![
            ("a,b".to_string(), Values::Float(vec![Some(f64::NAN), None, Some(-0.0)])),
            ("c".to_string(), Values::Text(vec![Some("x\"y".into()), Some("z".into()), None])),
        ];
        assert_eq!(Table { columns }.to_csv(), "\"a,b\",c\nNaN,\"x\"\"y\"\n,z\n-0.0,\n");
    }
}
