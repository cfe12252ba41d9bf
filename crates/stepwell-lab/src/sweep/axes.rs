//! What a sweep varies: grids, lists and draws become a list of settings.

use serde::Deserialize;
use stepwell::rng::{Purpose, Stream};
use toml::Value;

/// Values drawn at random.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomSpec {
    /// How many settings are drawn.
    pub draws: u64,
    /// The seed of the draws.
    #[serde(default = "one")]
    pub seed: u64,
    /// Keys with their distributions.
    pub keys: toml::Table,
}

fn one() -> u64 {
    1
}

/// Keys, and one row of values per setting.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Dotted keys of specs.
    pub keys: Vec<String>,
    /// One value per key, a row per setting.
    pub rows: Vec<Vec<Value>>,
}

/// One setting that changes nothing.
impl Default for Settings {
    fn default() -> Self {
        Self { keys: Vec::new(), rows: vec![Vec::new()] }
    }
}

/// More settings than this are a slip.
const MOST: usize = 10_000_000;

impl Settings {
    /// Every setting so far with every one of `other`, which varies fastest.
    ///
    /// # Errors
    /// If there are too many.
    pub fn cross(&mut self, other: Self) -> Result<(), String> {
        let count = self.rows.len().saturating_mul(other.rows.len());
        if count > MOST {
            return Err(format!("{count} settings, expected at most {MOST}"));
        }
        self.keys.extend(other.keys);
        let with_each = |row: &Vec<Value>| {
            let row = row.clone();
            other.rows.clone().into_iter().map(move |more| [row.clone(), more].concat())
        };
        self.rows = self.rows.iter().flat_map(with_each).collect();
        Ok(())
    }

    /// Refuses what cannot be meant.
    ///
    /// # Errors
    /// What that is.
    pub fn check(&self, variants: bool) -> Result<(), String> {
        for (k, key) in self.keys.iter().enumerate() {
            if self.keys[..k].contains(key) {
                return Err(format!("`{key}` is varied twice"));
            }
            if variants && (key == "schedule" || key.starts_with("schedule.")) {
                return Err(format!(
                    "`{key}` is varied, but with variants = true each variant brings its own schedule"
                ));
            }
        }
        if self.rows.is_empty() { Err("no settings".into()) } else { Ok(()) }
    }
}

/// Dotted keys and values of a table: `a.b = 1` and `"a.b" = 1` are the same.
pub fn leaves(table: &toml::Table) -> Vec<(String, Value)> {
    fn walk(prefix: &str, table: &toml::Table, out: &mut Vec<(String, Value)>) {
        for (key, value) in table {
            let key = format!("{prefix}{key}");
            match value {
                Value::Table(below) if !below.is_empty() && !is_distribution(below) => {
                    walk(&format!("{key}."), below, out);
                }
                _ => out.push((key, value.clone())),
            }
        }
    }
    let mut out = Vec::new();
    walk("", table, &mut out);
    out
}

/// The base's variants by their labels, as values of a key of their own.
///
/// # Errors
/// If there are none.
pub fn variants(base: &toml::Table) -> Result<Settings, String> {
    let labels = |value: &Value| -> Option<Vec<Value>> {
        value.as_array()?.iter().map(|variant| variant.get("label").cloned()).collect()
    };
    let labels = base.get("variants").and_then(labels).ok_or("the base has no variants")?;
    Ok(Settings { keys: vec!["variant".into()], rows: labels.into_iter().map(|label| vec![label]).collect() })
}

/// Lists of one length, side by side.
///
/// # Errors
/// If they are no lists, or of several lengths.
pub fn listed(columns: &[(String, Value)]) -> Result<Settings, String> {
    let mut lists = Vec::new();
    for (key, value) in columns {
        let list = value.as_array().filter(|list| !list.is_empty());
        lists.push(list.ok_or_else(|| format!("{key} = {value}, expected a list of values"))?);
    }
    let count = lists.first().map_or(0, |list| list.len());
    if let Some(k) = lists.iter().position(|list| list.len() != count) {
        return Err(format!("{} has {} values, {} has {count}", columns[k].0, lists[k].len(), columns[0].0));
    }
    let rows = (0..count).map(|k| lists.iter().map(|list| list[k].clone()).collect()).collect();
    Ok(Settings { keys: columns.iter().map(|(key, _)| key.clone()).collect(), rows })
}

const DISTRIBUTIONS: [&str; 4] = ["uniform", "log_uniform", "integer", "choice"];

fn is_distribution(table: &toml::Table) -> bool {
    table.len() == 1 && table.keys().all(|key| DISTRIBUTIONS.contains(&key.as_str()))
}

/// Settings drawn at random: one after the other, the keys of each in alphabetical order.
///
/// # Errors
/// If a distribution is none.
pub fn drawn(random: &RandomSpec) -> Result<Settings, String> {
    if random.draws == 0 || random.draws > MOST as u64 {
        return Err(format!("draws = {}, expected 1 to {MOST}", random.draws));
    }
    let mut stream = Stream::new(random.seed, Purpose::Data);
    let columns = leaves(&random.keys);
    if columns.is_empty() {
        return Err("no keys to draw".into());
    }
    let one =
        |_| columns.iter().map(|(key, law)| draw(&mut stream, law).map_err(|why| format!("{key}: {why}"))).collect();
    let rows: Vec<Vec<Value>> = (0..random.draws).map(one).collect::<Result<_, _>>()?;
    Ok(Settings { keys: columns.into_iter().map(|(key, _)| key).collect(), rows })
}

fn draw(stream: &mut Stream, law: &Value) -> Result<Value, String> {
    let expected = || {
        format!(
            "{law}, expected {{ uniform = [low, high] }}, {{ log_uniform = [low, high] }}, {{ integer = [low, high] }} \
             or {{ choice = [..] }}"
        )
    };
    let (name, list) = match law.as_table().and_then(|table| table.iter().next()) {
        Some((name, Value::Array(list))) if !list.is_empty() => (name.as_str(), list),
        _ => return Err(expected()),
    };
    let range = || match &list[..] {
        [low, high] => as_float(low).zip(as_float(high)).filter(|(low, high)| low <= high && high.is_finite()),
        _ => None,
    };
    Ok(match name {
        "uniform" => {
            let (low, high) = range().ok_or_else(expected)?;
            Value::Float(low + (high - low) * stream.uniform())
        }
        "log_uniform" => {
            let (low, high) = range().filter(|(low, _)| *low > 0.0).ok_or_else(expected)?;
            let (from, to) = (libm::log(low), libm::log(high));
            Value::Float(libm::exp(from + (to - from) * stream.uniform()))
        }
        "integer" => {
            let (Some(low), Some(high)) = (list[0].as_integer(), list.get(1).and_then(Value::as_integer)) else {
                return Err(expected());
            };
            let count = high
                .checked_sub(low)
                .and_then(|width| u32::try_from(width.checked_add(1)?).ok())
                .filter(|count| *count > 0);
            Value::Integer(low + i64::from(stream.below(count.ok_or_else(expected)?)))
        }
        "choice" => list[stream.below(list.len() as u32) as usize].clone(),
        _ => return Err(expected()),
    })
}

fn as_float(value: &Value) -> Option<f64> {
    value.as_float().or_else(|| value.as_integer().map(|n| n as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> toml::Table {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn a_grid_takes_every_combination_and_its_last_key_varies_fastest() {
        let mut settings = Settings::default();
        for column in leaves(&table("a.b = [1, 2]\n\"c.d\" = [0.5, 0.25, 0.125]")) {
            settings.cross(listed(&[column]).unwrap()).unwrap();
        }
        assert_eq!(settings.keys, ["a.b", "c.d"]);
        let rows: Vec<(i64, f64)> =
            settings.rows.iter().map(|row| (row[0].as_integer().unwrap(), row[1].as_float().unwrap())).collect();
        assert_eq!(rows, [(1, 0.5), (1, 0.25), (1, 0.125), (2, 0.5), (2, 0.25), (2, 0.125)]);
        settings.cross(listed(&[("a.b".into(), Value::Array(vec![Value::Integer(1)]))]).unwrap()).unwrap();
        assert_eq!(settings.check(false), Err("`a.b` is varied twice".into()));
    }

    #[test]
    fn lists_go_side_by_side() {
        let good = listed(&leaves(&table("a = [1, 2]\nb = ['x', 'y']"))).unwrap();
        assert_eq!(good.rows.len(), 2);
        let uneven = listed(&leaves(&table("a = [1, 2]\nb = [1]"))).unwrap_err();
        assert_eq!(uneven, "b has 1 values, a has 2");
    }

    #[test]
    fn draws_stay_in_their_range_and_are_the_same_for_the_same_seed() {
        let keys = "s.log_uniform = [0.01, 1.0]\nu = { uniform = [-1, 1] }\nn.integer = [3, 5]\nc.choice = ['a', 'b']";
        let random = RandomSpec { draws: 400, seed: 7, keys: table(keys) };
        let (settings, again) = (drawn(&random).unwrap(), drawn(&random).unwrap());
        assert_eq!(settings, again);
        assert_eq!(settings.keys, ["c", "n", "s", "u"]);
        let column = |k: usize| settings.rows.iter().map(move |row| &row[k]);
        let integers: std::collections::BTreeSet<i64> = column(1).map(|v| v.as_integer().unwrap()).collect();
        assert_eq!(integers.into_iter().collect::<Vec<_>>(), [3, 4, 5]);
        // half of a log-uniform draw from [0.01, 1] lies below 0.1: 200 with a standard deviation of 10
        let below = column(2).filter(|v| v.as_float().unwrap() < 0.1).count();
        assert!(column(2).all(|v| (0.01..=1.0).contains(&v.as_float().unwrap())) && (150..=250).contains(&below));
        assert!(drawn(&RandomSpec { draws: 1, seed: 1, keys: table("s.log_uniform = [0, 1]") }).is_err());
        assert!(drawn(&RandomSpec { draws: 1, seed: 1, keys: table("s = 3") }).is_err());
    }
}
