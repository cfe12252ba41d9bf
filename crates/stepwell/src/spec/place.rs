//! Places in the text of a spec: where a key stands, which key stands there, and messages that show the line.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::check::SpecError;

impl SpecError {
    /// Where in the text the wrong key stands, in bytes; `None` if it does not, or no key is to blame.
    pub fn place(&self, text: &str) -> Option<Range<usize>> {
        match self {
            Self::Text { span, .. } => span.clone(),
            Self::Value { key, found, .. } => place_of(text, key, found),
            Self::Data { .. } => place_of(text, &self.key(), ""),
            Self::File(_) | Self::Set { .. } => None,
        }
    }

    /// The message for people, with the line of the text and a caret under the place: `name` is what the text is called, a
    /// file say.
    ///
    /// ```
    /// # use stepwell::spec::Spec;
    /// let text = "steps = 5\nmodell = \"linear\"\n";
    /// let shown = Spec::from_toml(text).unwrap_err().in_text("mine.toml", text);
    /// assert!(shown.starts_with("unknown key `modell`, expected one of: title, steps, model,"));
    /// assert!(shown.ends_with("; did you mean `model`?
    ///  --> mine.toml:2:1
    ///   |
    /// 2 | modell = \"linear\"
    ///   | ^^^^^^"));
    /// ```
    pub fn in_text(&self, name: &str, text: &str) -> String {
        let message = if let Self::Text { .. } = self { self.message() } else { self.to_string() };
        let blames_text = match self {
            Self::Text { .. } | Self::Value { .. } => true,
            Self::Data { .. } => !self.key().is_empty(),
            Self::File(_) | Self::Set { .. } => false,
        };
        match self.place(text) {
            Some(span) => located(name, text, span, &message),
            None if blames_text => format!("{name}: {message}"),
            None => message,
        }
    }
}

/// Where the value of a dotted key stands, in the spec itself or in a variant: the first that is `found`, else the first.
fn place_of(text: &str, key: &str, found: &str) -> Option<Range<usize>> {
    let parts: Vec<&str> = key.split('.').collect();
    let table = DeTable::parse(text).ok()?;
    let variants = table.get_ref().get("variants").and_then(|variants| variants.get_ref().as_array());
    let own = DeValue::Table(table.get_ref().clone());
    let all = std::iter::once(&own).chain(variants.into_iter().flatten().map(Spanned::get_ref));
    let mut places = all.filter_map(|value| find(value, &parts, None));
    let first = places.next()?;
    let same = |place: &Range<usize>| {
        let there = &text[place.clone()];
        there == found || there.parse::<f64>().is_ok_and(|there| found.parse() == Ok(there))
    };
    if same(&first) { Some(first) } else { places.find(same).or(Some(first)) }
}

/// The span of the deepest part of a path that is there; `None` if not even its first part is.
fn find(value: &DeValue<'_>, path: &[&str], span: Option<Range<usize>>) -> Option<Range<usize>> {
    let Some((first, rest)) = path.split_first() else { return span };
    if let Some(items) = value.as_array() {
        return items.iter().find_map(|item| find(item.get_ref(), path, None)).or(span);
    }
    match value.as_table().and_then(|table| table.get(*first)) {
        Some(next) => find(next.get_ref(), rest, Some(next.span())),
        None => span,
    }
}

/// The dotted key that stands at a place, itself or its value; empty if none does.
pub(super) fn key_at(text: &str, place: &Range<usize>) -> String {
    let table = DeTable::parse(text).map(|table| DeValue::Table(table.into_inner()));
    table.ok().and_then(|table| key_below(&table, place)).unwrap_or_default()
}

fn key_below(value: &DeValue<'_>, place: &Range<usize>) -> Option<String> {
    let entry = |key: String, value: &Spanned<DeValue<'_>>, here: bool| match key_below(value.get_ref(), place) {
        Some(below) => Some(format!("{key}.{below}")),
        None => (here || value.span() == *place).then_some(key),
    };
    match value {
        DeValue::Table(table) => {
            table.iter().find_map(|(key, value)| entry(key.get_ref().to_string(), value, key.span() == *place))
        }
        DeValue::Array(items) => items.iter().enumerate().find_map(|(k, value)| entry(k.to_string(), value, false)),
        _ => None,
    }
}

/// The message, the text's name with line and column, the line itself and a caret under the place.
fn located(name: &str, text: &str, span: Range<usize>, message: &str) -> String {
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
