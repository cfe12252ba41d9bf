//! Changes of a spec's table by dotted keys: `schedule.step_size=0.2`, `variants.0.label=first`.

use toml::{Table, Value};

/// Puts `key=value` in its place.
pub(super) fn put_text(table: &mut Table, set: &str) -> Result<(), String> {
    let (key, value) = set.split_once('=').ok_or("expected key=value, such as schedule.step_size=0.2")?;
    put_key(table, key.trim(), parse_value(value.trim()))
}

/// A TOML value; what is none is a string.
fn parse_value(text: &str) -> Value {
    let document = format!("value = {text}");
    let parsed = toml::from_str::<Table>(&document).ok().and_then(|mut table| table.remove("value"));
    parsed.unwrap_or_else(|| Value::String(text.to_string()))
}

/// Puts a value at a dotted key: numbers count entries of lists from 0, tables that are missing are made, and a bare name
/// (`dynamics = "gradient_descent"`, say) gives way to a table.
///
/// # Errors
/// A message, if a part of the key is empty or no entry of its list.
pub fn put_key(table: &mut Table, key: &str, value: Value) -> Result<(), String> {
    put(table, &key.split('.').collect::<Vec<_>>(), value)
}

fn put(table: &mut Table, path: &[&str], value: Value) -> Result<(), String> {
    let (first, rest) = path.split_first().ok_or("expected a key")?;
    if first.is_empty() {
        return Err("expected a key before `=`".into());
    }
    if rest.is_empty() {
        table.insert((*first).to_string(), value);
        return Ok(());
    }
    let next = table.entry((*first).to_string()).or_insert_with(|| Value::Table(Table::new()));
    put_below(next, first, rest, value)
}

fn put_below(next: &mut Value, key: &str, rest: &[&str], value: Value) -> Result<(), String> {
    match next {
        Value::Table(table) => put(table, rest, value),
        Value::Array(items) => {
            let count = items.len();
            let index: usize = rest[0].parse().map_err(|_| format!("`{key}` is a list, expected a number after it"))?;
            let item = items.get_mut(index).ok_or(format!("`{key}` has {count} entries, counted from 0"))?;
            if rest.len() > 1 {
                return put_below(item, rest[0], &rest[1..], value);
            }
            *item = value;
            Ok(())
        }
        other => {
            let mut table = Table::new();
            put(&mut table, rest, value)?;
            *other = Value::Table(table);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_reach_tables_lists_and_bare_names() {
        let mut table: Table = toml::from_str("a = { b = 1 }\nc = [{ d = 2 }]\ne = \"name\"").unwrap();
        for set in ["a.b=5", "c.0.d = 6", "e.f=7", "g.h=8"] {
            put_text(&mut table, set).unwrap();
        }
        let expected = "a = { b = 5 }\nc = [{ d = 6 }]\ne = { f = 7 }\ng = { h = 8 }";
        assert_eq!(table, toml::from_str::<Table>(expected).unwrap());
        for (wrong, why) in [
            ("c.9.d=0", "`c` has 1 entries, counted from 0"),
            ("c.d=0", "`c` is a list, expected a number after it"),
            ("a..b=0", "expected a key before `=`"),
            ("a", "expected key=value, such as schedule.step_size=0.2"),
        ] {
            assert_eq!(put_text(&mut table, wrong).unwrap_err(), why);
        }
        assert_eq!(parse_value("0.5"), Value::Float(0.5));
        assert_eq!(parse_value("sgd"), Value::String("sgd".into()));
    }
}
