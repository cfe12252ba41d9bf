//! Columns of Parquet files.

use std::sync::{Arc, LazyLock};

use parquet::basic::Compression;
use parquet::column::reader::get_typed_column_reader;
use parquet::data_type::DataType;
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use parquet::file::reader::RowGroupReader;
use parquet::file::writer::SerializedRowGroupWriter;
use parquet::schema::types::ColumnPath;

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

/// Writes the next column, of values that are all there.
pub fn write_column<T: DataType>(group: &mut SerializedRowGroupWriter<'_, Vec<u8>>, values: &[T::T]) -> Result<()> {
    let mut column = group.next_column()?.ok_or_else(|| ParquetError::General("too few columns".into()))?;
    column.typed::<T>().write_batch(values, None, None)?;
    column.close()
}

/// The values of a column that are all there.
pub fn read_column<T: DataType>(group: &dyn RowGroupReader, column: usize) -> Result<Vec<T::T>> {
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
