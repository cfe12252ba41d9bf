//! Specs as TOML text: read, changed by `--set`, and what is wrong with them shown at its place.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use stepwell::data::DataError;
use stepwell::spec::{Prepared, Spec, SpecError};
use toml::de::DeTable;

use crate::arrays::Files;
use crate::failure::Failure;

/// A spec with the text it came from.
#[derive(Clone)]
pub struct SpecFile {
    /// The spec, changes by `--set` included; paths are relative to the folder of the file.
    pub spec: Spec,
    name: String,
    text: String,
    sets: Vec<String>,
}

impl SpecFile {
    /// Reads a file (`-` is stdin) and applies `key=value` changes.
    pub fn read(path: &Path, sets: &[String]) -> Result<Self, Failure> {
        let (name, text) = read_text(path)?;
        Self::from_text(path, name, text, sets)
    }

    /// The same of the text of a file, once it is read.
    pub fn from_text(path: &Path, name: String, text: String, sets: &[String]) -> Result<Self, Failure> {
        let folder = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        Self::parse(name, text, sets, &folder)
    }

    /// A spec that is part of the program.
    pub fn embedded(name: &str, text: &str, sets: &[String]) -> Result<Self, Failure> {
        Self::parse(name.to_string(), text.to_string(), sets, Path::new(""))
    }

    fn parse(name: String, text: String, sets: &[String], folder: &Path) -> Result<Self, Failure> {
        if is_of_a_deep_network(&text) {
            return Err(Failure::input(format!("{name}: the spec of a deep network; `stepwell train` runs it")));
        }
        let spec: Spec = parse_as(&name, &text, sets)?;
        let mut file = Self { spec, name, text, sets: sets.to_vec() };
        file.spec.for_each_path(|path| *path = folder.join(&*path).display().to_string());
        Ok(file)
    }

    /// Another spec that came from this file.
    pub fn with_spec(&self, spec: Spec) -> Self {
        Self { spec, ..self.clone() }
    }

    /// The spec as TOML with all defaults.
    pub fn resolved(&self) -> Result<String, Failure> {
        toml::to_string_pretty(&self.spec).map_err(|error| Failure::other(format!("cannot write the spec: {error}")))
    }

    /// The same with absolute paths, so that it can be run from anywhere.
    pub fn resolved_anywhere(&self) -> Result<String, Failure> {
        let mut spec = self.spec.clone();
        spec.for_each_path(|path| {
            if let Ok(absolute) = std::path::absolute(&*path) {
                *path = absolute.display().to_string();
            }
        });
        toml::to_string_pretty(&spec).map_err(|error| Failure::other(format!("cannot write the spec: {error}")))
    }

    /// Checks a spec that came from this file (its variants, say) and reads the files that it names.
    pub fn prepare(&self, spec: &Spec) -> Result<Prepared, Failure> {
        spec.prepare(&Files).map_err(|error| self.explain(&error))
    }

    /// The message for a spec that was refused, at its place in the text.
    pub fn explain(&self, error: &SpecError) -> Failure {
        explain(&self.name, &self.text, &self.sets, error)
    }
}

/// Specs of `stepwell train` have a network, those of `stepwell run` a model.
pub fn is_of_a_deep_network(text: &str) -> bool {
    toml::from_str::<toml::Table>(text).is_ok_and(|table| table.contains_key("network") && !table.contains_key("model"))
}

/// Name and text of a file; `-` is stdin.
pub fn read_text(path: &Path) -> Result<(String, String), Failure> {
    let name = path.display().to_string();
    let text = if name == "-" { std::io::read_to_string(std::io::stdin()) } else { std::fs::read_to_string(path) };
    let text = text.map_err(|error| Failure::input(format!("{name}: {error}; expected a spec in TOML")))?;
    Ok((name, text))
}

/// A spec of any kind from its text, with `key=value` changes.
pub fn parse_as<S: DeserializeOwned>(name: &str, text: &str, sets: &[String]) -> Result<S, Failure> {
    let alone = toml::from_str::<S>(text);
    match (alone, sets.is_empty()) {
        (Ok(spec), true) => Ok(spec),
        (Err(error), true) => Err(Failure::input(located_toml(name, text, &error))),
        (alone, false) => {
            let changed = with_sets(name, text, sets)?;
            changed.try_into::<S>().map_err(|error| match alone {
                Err(own) if own.message() == error.message() => Failure::input(located_toml(name, text, &own)),
                _ => Failure::usage(format!("--set {}: {}", sets.join(" --set "), explained(error.message()))),
            })
        }
    }
}

/// The message for a spec that was refused, at its place in the text.
pub fn explain(name: &str, text: &str, sets: &[String], error: &SpecError) -> Failure {
    let key = match error {
        SpecError::Value { key, .. } => key.clone(),
        SpecError::Data { place, source: DataError::OutOfRange { name, .. } } => format!("{place}.{name}"),
        _ => return Failure::input(format!("{error}")),
    };
    if sets.iter().any(|set| set.split('=').next().is_some_and(|k| k.trim() == key)) {
        return Failure::usage(format!("--set {error}"));
    }
    match place_of(text, &key) {
        Some(span) => Failure::input(located(name, text, span, &error.to_string())),
        None => Failure::input(format!("{name}: {error}")),
    }
}

/// Where the value of a dotted key stands: in the spec itself, or in the first variant that has it.
fn place_of(text: &str, key: &str) -> Option<std::ops::Range<usize>> {
    let parts: Vec<&str> = key.split('.').collect();
    let table = DeTable::parse(text).ok()?;
    let in_variants = || find(table.get_ref().get("variants")?.get_ref(), &parts, None);
    find(&toml::de::DeValue::Table(table.get_ref().clone()), &parts, None).or_else(in_variants)
}

/// The span of the deepest part of a path that is there; `None` if not even its first part is.
fn find(
    value: &toml::de::DeValue<'_>,
    path: &[&str],
    span: Option<std::ops::Range<usize>>,
) -> Option<std::ops::Range<usize>> {
    let Some((first, rest)) = path.split_first() else { return span };
    if let Some(items) = value.as_array() {
        return items.iter().find_map(|item| find(item.get_ref(), path, None)).or(span);
    }
    match value.as_table().and_then(|table| table.get(*first)) {
        Some(next) => find(next.get_ref(), rest, Some(next.span())),
        None => span,
    }
}

/// The spec's table with each `a.b.c=value` put in its place.
fn with_sets(name: &str, text: &str, sets: &[String]) -> Result<toml::Table, Failure> {
    let mut table: toml::Table =
        toml::from_str(text).map_err(|error| Failure::input(located_toml(name, text, &error)))?;
    for set in sets {
        let Some((key, value)) = set.split_once('=') else {
            return Err(Failure::usage(format!("--set {set}: expected key=value, such as schedule.step_size=0.2")));
        };
        let value = parse_value(value.trim());
        put(&mut table, &key.trim().split('.').collect::<Vec<_>>(), value)
            .map_err(|why| Failure::usage(format!("--set {set}: {why}")))?;
    }
    Ok(table)
}

/// A TOML value; what is none is a string.
fn parse_value(text: &str) -> toml::Value {
    let document = format!("value = {text}");
    let parsed = toml::from_str::<toml::Table>(&document).ok().and_then(|mut table| table.remove("value"));
    parsed.unwrap_or_else(|| toml::Value::String(text.to_string()))
}

/// Puts a value at a dotted key.
pub fn put_key(table: &mut toml::Table, key: &str, value: toml::Value) -> Result<(), String> {
    put(table, &key.split('.').collect::<Vec<_>>(), value)
}

fn put(table: &mut toml::Table, path: &[&str], value: toml::Value) -> Result<(), String> {
    let (first, rest) = path.split_first().ok_or("expected a key")?;
    if first.is_empty() {
        return Err("expected a key before `=`".into());
    }
    if rest.is_empty() {
        table.insert((*first).to_string(), value);
        return Ok(());
    }
    let next = table.entry((*first).to_string()).or_insert_with(|| toml::Value::Table(toml::Table::new()));
    put_below(next, first, rest, value)
}

fn put_below(next: &mut toml::Value, key: &str, rest: &[&str], value: toml::Value) -> Result<(), String> {
    match next {
        toml::Value::Table(table) => put(table, rest, value),
        toml::Value::Array(items) => {
            let count = items.len();
            let index: usize = rest[0].parse().map_err(|_| format!("`{key}` is a list, expected a number after it"))?;
            let item = items.get_mut(index).ok_or(format!("`{key}` has {count} entries, counted from 0"))?;
            if rest.len() > 1 {
                return put_below(item, rest[0], &rest[1..], value);
            }
            *item = value;
            Ok(())
        }
        // a bare name, `dynamics = "gradient_descent"` say, gives way to a table
        other => {
            let mut table = toml::Table::new();
            put(&mut table, rest, value)?;
            *other = toml::Value::Table(table);
            Ok(())
        }
    }
}

/// A TOML error at its place in the text.
pub fn located_toml(name: &str, text: &str, error: &toml::de::Error) -> String {
    let message = explained(error.message());
    match error.span() {
        Some(span) => located(name, text, span, &message),
        None => format!("{name}: {message}"),
    }
}

/// The message, the file with line and column, the line itself and a caret under the place.
fn located(name: &str, text: &str, span: std::ops::Range<usize>, message: &str) -> String {
    let start = span.start.min(text.len());
    let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let line_number = text[..start].matches('\n').count() + 1;
    let line = text[line_start..].lines().next().unwrap_or("");
    let column = text[line_start..start].chars().count();
    let length = text[start..span.end.clamp(start, line_start + line.len().max(start - line_start))].chars().count();
    let margin = " ".repeat(line_number.to_string().len());
    format!(
        "{message}\n{margin}--> {name}:{line_number}:{}\n{margin} |\n{line_number} | {line}\n{margin} | {}{}",
        column + 1,
        " ".repeat(column),
        "^".repeat(length.max(1)),
    )
}

/// A deserializer's message in the program's words, with the nearest right word where a word is wrong.
pub fn explained(message: &str) -> String {
    let words: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let (Some(found), expected) = (words.first(), words.get(1..).unwrap_or(&[])) else {
        let table = "a name alone, expected a table of its settings (it may be empty, as in `dynamics.sgd = {}`)";
        return message
            .replace("invalid type: unit variant, expected newtype variant", table)
            .replace("expected f64", "expected a number")
            .replace("expected u64", "expected a whole number");
    };
    let what = if message.starts_with("unknown field") {
        "key"
    } else if message.starts_with("unknown variant") {
        "name"
    } else {
        return message.to_string();
    };
    let list = if expected.is_empty() { "no keys here".to_string() } else { expected.join(", ") };
    let hint = nearest(found, expected).map_or(String::new(), |word| format!("; did you mean `{word}`?"));
    format!("unknown {what} `{found}`, expected one of: {list}{hint}")
}

/// The word most like `found`, if any is like it at all.
pub fn nearest<'a>(found: &str, words: &[&'a str]) -> Option<&'a str> {
    let scored = words.iter().map(|word| (strsim::jaro_winkler(found, word), *word));
    scored.filter(|(score, _)| *score > 0.7).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutation::mutations;

    #[test]
    fn a_wrong_key_is_shown_at_its_place_with_the_nearest_right_one() {
        let text = "steps = 5\nmodell = \"linear\"\n";
        let message = match SpecFile::embedded("x.toml", text, &[]) {
            Err(failure) => format!("{failure:?}"),
            Ok(_) => panic!("accepted"),
        };
        assert!(message.contains("did you mean `model`") && message.contains("x.toml:2:1"), "{message}");
    }

    #[test]
    fn a_name_without_its_settings_is_told_what_is_missing() {
        let text = crate::commands::reproduce::embedded_spec("relu-1d").unwrap().replace("[dynamics.sgd]", "");
        let Err(failure) = SpecFile::embedded("x.toml", &format!("dynamics = \"sgd\"\n{text}"), &[]) else { panic!() };
        assert!(format!("{failure:?}").contains("a name alone, expected a table of its settings"), "{failure:?}");
    }

    #[test]
    fn sets_reach_tables_lists_and_bare_names() {
        let mut table: toml::Table = toml::from_str("a = { b = 1 }\nc = [{ d = 2 }]\ne = \"name\"").unwrap();
        for (key, value) in [("a.b", 5), ("c.0.d", 6), ("e.f", 7), ("g.h", 8)] {
            put(&mut table, &key.split('.').collect::<Vec<_>>(), toml::Value::Integer(value)).unwrap();
        }
        let expected = "a = { b = 5 }\nc = [{ d = 6 }]\ne = { f = 7 }\ng = { h = 8 }";
        assert_eq!(table, toml::from_str::<toml::Table>(expected).unwrap());
        assert!(put(&mut table, &["c", "9", "d"], toml::Value::Integer(0)).is_err());
        assert_eq!(parse_value("0.5"), toml::Value::Float(0.5));
        assert_eq!(parse_value("sgd"), toml::Value::String("sgd".into()));
    }

    /// Damaged specs give a spec or a message, never a panic; so do the settings of what is left of them.
    #[test]
    fn damaged_specs_give_a_spec_or_a_message() {
        let (mut read, mut refused) = (0, 0);
        for (k, name) in ["diagonal", "relu-1d", "teacher-3", "sde", "toy", "quadratic"].into_iter().enumerate() {
            let good = crate::commands::reproduce::embedded_spec(name).unwrap();
            for bad in mutations(good.as_bytes(), 120, k as u64) {
                let text = String::from_utf8_lossy(&bad);
                let changed = [format!("schedule.{}=1", text.chars().take(9).collect::<String>())];
                _ = SpecFile::embedded("x.toml", &text, &changed);
                match SpecFile::embedded("x.toml", &text, &[]).and_then(|file| file.prepare(&file.spec).map(|_| file)) {
                    Ok(file) => {
                        read += 1;
                        assert!(SpecFile::embedded("again.toml", &file.resolved().unwrap(), &[]).is_ok());
                    }
                    Err(failure) => {
                        refused += 1;
                        assert!(!format!("{failure:?}").is_empty());
                    }
                }
            }
        }
        assert!(read > 50 && refused > 150, "{read} read, {refused} refused");
    }
}
