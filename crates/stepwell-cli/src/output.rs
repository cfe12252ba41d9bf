//! What goes to stdout: text and JSON, written at once, a closed pipe being no error.

use std::io::{ErrorKind, Write};

use serde::Serialize;
use serde_json::Value;

use crate::failure::Failure;

/// Writes to stdout. Whoever closed the pipe (`head`, say) has read enough.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::other(format!("stdout: {error}"))),
        _ => Ok(()),
    }
}

/// Prints JSON with a line feed.
pub fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::other(error.to_string()))?;
    print(&format!("{text}\n"))
}

/// A number in JSON. JSON knows neither NaN nor infinity: a missing value (NaN) is `null`, infinities are the strings
/// `"inf"` and `"-inf"`.
pub fn number(value: f64) -> Value {
    if value.is_nan() {
        Value::Null
    } else if value.is_infinite() {
        Value::from(if value > 0.0 { "inf" } else { "-inf" })
    } else if value.fract() == 0.0 && value.abs() < 1e15 {
        Value::from(value as i64)
    } else {
        Value::from(value)
    }
}

/// Width of tables: `COLUMNS` where it is set, else that of the terminal on stdout; wide where stdout is a file or a pipe,
/// so that no line is broken there.
pub fn width() -> u16 {
    let told = std::env::var("COLUMNS").ok().and_then(|columns| columns.trim().parse::<u16>().ok());
    let terminal = || console::Term::stdout().size_checked().map(|(_, columns)| columns);
    told.or_else(terminal).map_or(180, |columns| columns.max(40))
}

/// An empty table in the house style: lines above and below the header and at the end.
pub fn table(header: &[&str]) -> comfy_table::Table {
    use comfy_table::TableComponent::{HorizontalLines, MiddleIntersections};
    let mut table = comfy_table::Table::new();
    table
        .load_preset(comfy_table::presets::UTF8_HORIZONTAL_ONLY)
        .remove_style(HorizontalLines)
        .remove_style(MiddleIntersections)
        .set_content_arrangement(comfy_table::ContentArrangement::Dynamic)
        .set_width(width())
        .set_header(header.iter().copied());
    table
}

/// Where the words of what was printed are explained, with some of them.
pub fn explained(words: &[&str]) -> String {
    format!("`stepwell explain WORD` defines each word above, such as {}.", words.join(", "))
}

/// Lines that are read as text are no longer than this.
const TEXT_WIDTH: u16 = 100;

/// A text in lines as wide as the terminal, where that is not too wide for text.
pub fn paragraph(text: &str) -> String {
    let mut lines = comfy_table::Table::new();
    lines
        .load_preset(comfy_table::presets::NOTHING)
        .set_content_arrangement(comfy_table::ContentArrangement::Dynamic)
        .set_width(width().min(TEXT_WIDTH))
        .add_row([text]);
    lines.trim_fmt().lines().map(|line| line.strip_prefix(' ').unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_json_keep_what_json_lacks() {
        assert_eq!(number(f64::NAN), Value::Null);
        assert_eq!(number(f64::NEG_INFINITY), Value::from("-inf"));
        assert_eq!(number(200.0).to_string(), "200");
        assert_eq!(number(1.4216162873995314e-06).to_string(), "1.4216162873995314e-6");
    }
}
