//! Records as CSV.

use csv::{ReaderBuilder, WriterBuilder};

use super::{Recorded, Rows};

/// The columns.
const HEADER: [&str; 5] = ["run", "seed", "step", "series", "value"];

/// The table of some runs; numbers have the fewest digits that tell them apart from all others.
///
/// # Errors
/// Those of the CSV library.
pub fn to_bytes(runs: &[Recorded]) -> Result<Vec<u8>, String> {
    let failed = |error: csv::Error| error.to_string();
    let mut writer = WriterBuilder::new().from_writer(Vec::new());
    writer.write_record(HEADER).map_err(failed)?;
    for Recorded { label, seed, records } in runs {
        let seed = seed.to_string();
        for series in &records.series {
            for (step, value) in series.steps.iter().zip(&series.values) {
                let row = [label, &seed, &step.to_string(), &*series.name, &format!("{value:?}")];
                writer.write_record(row).map_err(failed)?;
            }
        }
    }
    writer.into_inner().map_err(|error| error.to_string())
}

/// A field of CSV, in quotes where it needs them.
pub fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.into() }
}

/// The runs of a table, in its order.
///
/// # Errors
/// The line that is none of such a table, and what was expected.
pub fn from_bytes(bytes: &[u8]) -> Result<Vec<Recorded>, String> {
    if bytes.last().is_some_and(|last| *last != b'\n') {
        return Err("its last line ends early".into());
    }
    let mut reader = ReaderBuilder::new().has_headers(false).from_reader(bytes);
    let mut rows = Rows::default();
    let mut record = csv::StringRecord::new();
    let mut first = true;
    while reader.read_record(&mut record).map_err(|error| error.to_string())? {
        let line = record.position().map_or(0, csv::Position::line);
        if std::mem::take(&mut first) {
            if record != HEADER[..] {
                let found: String = record.iter().collect::<Vec<_>>().join(",").chars().take(60).collect();
                return Err(format!("line 1: `{found}`, expected {}", HEADER.join(",")));
            }
            continue;
        }
        let parsed = || {
            let [label, seed, step, series, value] = record.iter().collect::<Vec<_>>()[..] else { return None };
            let (seed, step, value) = (seed.parse().ok()?, step.parse().ok()?, value.parse().ok()?);
            (!series.is_empty()).then_some((label, seed, step, series, value))
        };
        let (label, seed, step, series, value) =
            parsed().ok_or_else(|| format!("line {line}: expected {}", HEADER.join(",")))?;
        rows.push(label, seed, step, series, value);
    }
    if first { Err(format!("is empty, expected {}", HEADER.join(","))) } else { Ok(rows.runs) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let good = "run,seed,step,series,value\nrun,1,0,train_loss,0.5\n\"a\nb\",2,7,rank,NaN\n";
        let found = from_bytes(good.as_bytes()).unwrap();
        assert_eq!((found.len(), &*found[1].label, found[1].records.line("rank").0), (2, "a\nb", &[7][..]));
        let wrong = |text: &str| from_bytes(text.as_bytes()).unwrap_err();
        assert_eq!(wrong("step,series,value\n"), "line 1: `step,series,value`, expected run,seed,step,series,value");
        assert!(
            wrong(&good.replace(",7,", ",x,")).starts_with("line 3: expected run"),
            "{}",
            wrong(&good.replace(",7,", ",x,"))
        );
        assert_eq!(wrong(&good[..good.len() - 2]), "its last line ends early");
        assert!(wrong(&format!("{good}run,1\n")).contains("5"));
    }
}
