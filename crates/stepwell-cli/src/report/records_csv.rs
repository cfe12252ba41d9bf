//! Reads `records.csv`: tidy rows, with a label and a seed before them where there are several runs.

use std::collections::HashMap;

use stepwell::record::Records;

/// The records of one run, by its label and seed; both are empty where the file has no such columns.
pub struct Recorded {
    /// The setting's label.
    pub label: String,
    /// The seed, or another name.
    pub seed: String,
    /// The records.
    pub records: Records,
}

/// The runs in the order of the file.
///
/// # Errors
/// The line that is none, and what was expected.
pub fn parse(text: &str) -> Result<Vec<Recorded>, String> {
    let (header, body) = text.split_once('\n').unwrap_or((text, ""));
    let (has_label, has_seed) = match header {
        "run,seed,step,series,value" => (true, true),
        "seed,step,series,value" => (false, true),
        "step,series,value" => (false, false),
        other => {
            return Err(format!(
                "line 1: `{}`, expected step,series,value",
                other.chars().take(60).collect::<String>()
            ));
        }
    };
    if !body.is_empty() && !body.ends_with('\n') {
        return Err("its last line ends early".into());
    }
    let mut runs: Vec<Recorded> = Vec::new();
    let mut places: HashMap<(String, String), usize> = HashMap::new();
    let (mut rest, mut line) = (body, 1);
    while !rest.is_empty() {
        line += 1;
        let at = line;
        let bad = || format!("line {at}: expected {header}");
        let mut label = String::new();
        if has_label {
            (label, rest) = quoted(rest).ok_or_else(bad)?;
            line += label.matches('\n').count();
        }
        let (row, next) = rest.split_once('\n').unwrap_or((rest, ""));
        rest = next;
        let mut fields = row.split(',');
        let seed = if has_seed { fields.next().ok_or_else(bad)? } else { "" };
        let (step, series, value) = (fields.next(), fields.next(), fields.next());
        let step: u64 = step.and_then(|step| step.parse().ok()).ok_or_else(bad)?;
        let value: f64 = value.and_then(|value| value.parse().ok()).ok_or_else(bad)?;
        let series = series.filter(|name| !name.is_empty() && fields.next().is_none()).ok_or_else(bad)?;
        // rows of a run stand together
        let same = |run: &Recorded| run.seed == seed && run.label == label;
        let known = if runs.last().is_some_and(same) {
            runs.len() - 1
        } else {
            *places.entry((label.clone(), seed.to_string())).or_insert_with(|| {
                runs.push(Recorded { label, seed: seed.into(), records: Records::default() });
                runs.len() - 1
            })
        };
        match runs[known].records.series.iter_mut().find(|known| known.name == series) {
            Some(known) => {
                known.steps.push(step);
                known.values.push(value);
            }
            None => runs[known].records.push(series.to_string(), step, value),
        }
    }
    Ok(runs)
}

/// A quoted field and what follows its comma.
fn quoted(text: &str) -> Option<(String, &str)> {
    let (mut out, mut rest) = (String::new(), text.strip_prefix('"')?);
    loop {
        let (piece, after) = rest.split_once('"')?;
        out.push_str(piece);
        match after.strip_prefix('"') {
            Some(more) => {
                out.push('"');
                rest = more;
            }
            None => return Some((out, after.strip_prefix(',')?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records_rows::{append_csv, run_prefix};

    #[test]
    fn what_was_written_is_read_to_the_bit() {
        let label = "a \"b\",\nc";
        let values = [1.4216162873995314e-06, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 5e-324];
        let mut records = Records::default();
        for (step, value) in values.into_iter().enumerate() {
            records.push("train_loss", step as u64, value);
            records.push("rank", step as u64, -value);
        }
        let mut csv = String::from("run,seed,step,series,value\n");
        append_csv(&mut csv, &run_prefix(label, 3), &records);
        append_csv(&mut csv, &run_prefix("second", 7), &records);
        let back = parse(&csv).unwrap();
        assert_eq!(back.len(), 2);
        assert_eq!((back[0].label.as_str(), back[0].seed.as_str()), (label, "3"));
        for run in &back {
            for (a, b) in run.records.series.iter().zip(&records.series) {
                assert_eq!((&a.name, &a.steps), (&b.name, &b.steps));
                assert!(
                    a.values.iter().zip(&b.values).all(|(a, b)| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan())
                );
            }
        }
    }

    #[test]
    fn damage_is_found_at_its_line() {
        let good = "step,series,value\n0,train_loss,1.0\n";
        assert_eq!(parse(good).unwrap()[0].records.last("train_loss"), 1.0);
        for (bad, place) in [
            ("", "line 1"),
            ("step,value\n", "line 1"),
            ("step,series,value\n0,train_loss,1.0\n1,train_lo", "last line"),
            ("step,series,value\n0,train_loss,1.0\n1,train_loss\n", "line 3"),
            ("step,series,value\n0,train_loss,x\n", "line 2"),
            ("step,series,value\n0,train_loss,1,2\n", "line 2"),
            ("run,seed,step,series,value\na,1,0,train_loss,1\n", "line 2"),
        ] {
            let why = parse(bad).err().unwrap_or_default();
            assert!(why.contains(place), "{bad:?}: {why}");
        }
    }
}
