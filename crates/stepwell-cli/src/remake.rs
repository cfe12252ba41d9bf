//! Shell commands that make an experiment again, on a machine that has nothing but `stepwell`.

use stepwell_lab::sweep::plan::Plan;
use stepwell_store::run_folder::Heading;
use stepwell_store::shell::quoted;
use toml::{Table, Value};

/// The command of a folder, with the spec itself on its standard input where it takes one.
pub fn again(heading: &Heading, name: &str) -> String {
    let out = format!("--out {}", quoted(&format!("results/{name}")));
    // `stepwell SUBCOMMAND - OPTIONS`
    let mut words = heading.command.splitn(4, ' ');
    let (program, subcommand, spec) = (words.next(), words.next(), words.next());
    match (program, subcommand, spec) {
        (Some(program), Some(subcommand), Some("-")) => {
            let options = words.next().unwrap_or_default();
            format!("{program} {subcommand} - {options} {out} {}", here(&heading.spec))
        }
        _ => format!("{} {out}", heading.command),
    }
}

/// Files with the base and what is varied, and `stepwell sweep run` on them.
pub fn sweep(plan: &Plan, name: &str) -> String {
    let base = toml::to_string_pretty(&plan.base).unwrap_or_default();
    let out = quoted(&format!("results/{name}"));
    format!(
        "cat > base.toml {}\ncat > sweep.toml {}\nstepwell sweep run sweep.toml --out {out}",
        here(&base),
        here(&toml::to_string_pretty(&sweep_file(plan)).unwrap_or_default())
    )
}

/// The settings of a plan as lists side by side; variants are the base's own and vary slowest.
fn sweep_file(plan: &Plan) -> Table {
    let variants = plan.keys.iter().any(|key| key == "variant");
    let stride = match plan.base.get("variants").and_then(Value::as_array) {
        Some(all) if variants => all.len().max(1),
        _ => 1,
    };
    let mut list = Table::new();
    for (k, key) in plan.keys.iter().enumerate().filter(|(_, key)| *key != "variant") {
        let values = plan.settings.iter().take(plan.settings.len() / stride).map(|row| row[k].clone()).collect();
        list.insert(key.clone(), Value::Array(values));
    }
    let mut table = Table::new();
    table.insert("base".into(), "base.toml".into());
    table.insert("variants".into(), variants.into());
    for (key, value) in
        [("seeds", plan.seeds), ("first_seed", plan.first_seed), ("runs_per_chunk", plan.runs_per_chunk)]
    {
        table.insert(key.into(), Value::Integer(value as i64));
    }
    table.insert("list".into(), Value::Table(list));
    table
}

/// A text as the shell's here-document, ended by a line that the text does not have.
fn here(text: &str) -> String {
    let mut end = String::from("END");
    while text.lines().any(|line| line == end) {
        end.push('_');
    }
    let feed = if text.ends_with('\n') || text.is_empty() { "" } else { "\n" };
    format!("<<'{end}'\n{text}{feed}{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_documents_are_safe_in_a_shell() {
        assert_eq!(quoted("results/a-1"), "results/a-1");
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
        assert_eq!(here("a\nEND\nb"), "<<'END_'\na\nEND\nb\nEND_");
    }
}
