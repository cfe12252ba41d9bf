//! `stepwell explain`: what the words mean that are printed.

use std::process::ExitCode;

use clap::Args;
use stepwell::spec::nearest;
use stepwell_lab::glossary::{Entry, TOPICS, find, markdown, names};

use crate::failure::Failure;
use crate::output::{paragraph, print, table};

/// `explain`.
#[derive(Args)]
pub struct ExplainArgs {
    /// The word, as it is printed; without one, all words are listed
    #[arg(value_name = "WORD")]
    words: Vec<String>,
    /// Print all definitions as Markdown: the page docs/words.md
    #[arg(long, conflicts_with = "words")]
    all: bool,
}

/// Prints the definition of a word, the list of words, or all definitions.
pub fn run(args: &ExplainArgs) -> Result<ExitCode, Failure> {
    let text = match (args.all, &args.words[..]) {
        (true, _) => markdown(),
        (false, []) => list(),
        (false, words) => definition(&words.join(" "))?,
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn definition(word: &str) -> Result<String, Failure> {
    let Some(Entry { word, also, meaning, see }) = find(word) else {
        let hint = nearest(word, &names()).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
        return Err(Failure::usage(format!("unknown word `{word}`, `stepwell explain` lists all words{hint}")));
    };
    let line = |label: &str, words: &[&str], between: &str| match words {
        [] => String::new(),
        words => format!("{}\n", paragraph(&format!("{label}: {}", words.join(between)))),
    };
    Ok(format!("{word}\n\n{}\n\n{}{}", paragraph(meaning), line("also", also, "; "), line("see", see, "; ")))
}

fn list() -> String {
    let mut table = table(&["word", "what it means in short"]);
    for entry in TOPICS.iter().flat_map(|topic| topic.entries) {
        table.add_row([entry.word, entry.first_sentence()]);
    }
    format!("{}\n`stepwell explain WORD` prints the whole definition.\n", table.trim_fmt())
}
