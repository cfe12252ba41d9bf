//! Specs of any kind as TOML text: read, changed by `key=value`, and what is wrong with them taken apart.

use serde::de::DeserializeOwned;
use toml::Table;

use super::check::SpecError;
use super::place::key_at;
use super::set::put_text;

/// A spec of any kind from its text, with changes such as `schedule.step_size=0.2`; what is no TOML value is a string.
///
/// # Errors
/// [`SpecError::Text`] if the text is at fault, [`SpecError::Set`] if the changes are.
pub fn parse_as<S: DeserializeOwned>(text: &str, sets: &[String]) -> Result<S, SpecError> {
    let alone = toml::from_str::<S>(text).map_err(|error| misread(text, &error));
    // a table refuses whole numbers that TOML cannot write
    let table = toml::from_str::<Table>(text).map_err(|error| misread(text, &error));
    if sets.is_empty() {
        return alone.and_then(|spec| table.map(|_| spec));
    }
    let mut table = table?;
    for set in sets {
        put_text(&mut table, set).map_err(|why| {
            let key = set.split('=').next().unwrap_or_default().trim().to_string();
            SpecError::Set { set: set.clone(), error: Box::new(taken_apart(&why, key, None)) }
        })?;
    }
    from_table(table).map_err(|error| match alone {
        Err(own) if own.message() == error.message() => own,
        _ => SpecError::Set { set: sets.join(" --set "), error: Box::new(error) },
    })
}

/// A spec of any kind from its table.
///
/// # Errors
/// [`SpecError::Text`] without a place.
pub fn from_table<S: DeserializeOwned>(table: Table) -> Result<S, SpecError> {
    table.clone().try_into().map_err(|error: toml::de::Error| {
        // only text has places, which tell the key
        let text = toml::to_string(&table).unwrap_or_default();
        let placed = toml::from_str::<S>(&text).err().filter(|placed| placed.message() == error.message());
        let key = placed.map_or_else(String::new, |placed| misread(&text, &placed).key());
        taken_apart(error.message(), key, None)
    })
}

/// An error of TOML or serde, with its key and its place in the text.
fn misread(text: &str, error: &toml::de::Error) -> SpecError {
    let mut key = error.span().map_or_else(String::new, |span| key_at(text, &span));
    if let Some(field) = error.message().strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        key = if key.is_empty() { field.to_string() } else { format!("{key}.{field}") };
    }
    taken_apart(error.message(), key, error.span())
}

/// A sentence of serde's, or one like it, as the fields of an error in our words: the one place that knows how serde speaks.
fn taken_apart(message: &str, key: String, span: Option<std::ops::Range<usize>>) -> SpecError {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let word = match message {
        _ if message.starts_with("unknown field") => quoted.next().map(|word| ("key", word)),
        _ if message.starts_with("unknown variant") => quoted.next().map(|word| ("name", word)),
        _ => None,
    };
    if let Some((what, word)) = word {
        let known: Vec<&str> = quoted.collect();
        return SpecError::Text {
            key,
            found: format!("unknown {what} `{word}`"),
            expected: if known.is_empty() { "no keys here".into() } else { format!("one of: {}", known.join(", ")) },
            nearest: nearest(word, &known).map(Into::into),
            span,
        };
    }
    let (found, expected) = match message.strip_prefix("expected ") {
        Some(expected) => ("", expected),
        None => message.rsplit_once(", expected ").unwrap_or((message, "")),
    };
    let (found, expected) = match (found, expected) {
        ("invalid type: unit variant", "newtype variant") => {
            ("a name alone", "a table of its settings (it may be empty, as in `dynamics.sgd = {}`)")
        }
        ("wanted string or table", _) => ("neither a name nor a table", "one of them"),
        ("wanted exactly 1 element, more than 1 element", _) => {
            ("several names", "one name with its settings, as in `dynamics.sgd = {}`")
        }
        ("wanted exactly 1 element, found 0 elements", _) => {
            ("no name", "one name with its settings, as in `dynamics.sgd = {}`")
        }
        ("u64 value was too large", _) => ("too large", "a whole number below 2^63"),
        ("", "empty table") => ("", "an empty table"),
        (_, "f64") => (found, "a number"),
        (_, "u32") => (found, "a whole number from 0 to below 2^32"),
        (_, "u64" | "usize") if found.starts_with("invalid value") => (found, "a whole number from 0 on"),
        (_, "u64" | "usize") => (found, "a whole number"),
        (_, "a sequence") => (found, "a list"),
        (_, expected) if expected.starts_with("struct ") => (found, "a table"),
        other => other,
    };
    SpecError::Text { key, found: found.into(), expected: expected.into(), nearest: None, span }
}

/// The word most like `found`, if any is like it at all.
pub fn nearest<'a>(found: &str, words: &[&'a str]) -> Option<&'a str> {
    let scored = words.iter().map(|word| (strsim::jaro_winkler(found, word), *word));
    scored.filter(|(score, _)| *score > 0.7).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, word)| word)
}
