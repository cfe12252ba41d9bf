//! Tables as Markdown, as docs/statistics.md has them.

use crate::study::table::{Rate, Row, worst};

pub fn percent(rate: Rate) -> String {
    format!("{:.1}%", 100.0 * rate.share())
}

pub fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
    println!("| {} |", head.join(" | "));
    println!("|{}", " --- |".repeat(head.len()));
    for row in rows {
        println!("| {} |", row.join(" | "));
    }
    println!();
}

/// Error rates and what is told, a dash for what was not looked at; and the worst error rate.
pub fn rates(head: &[&str], rows: &[Row]) {
    let cells = |row: &Row| {
        let rates = row.errors.iter().chain(&row.told).map(|rate| percent(*rate));
        row.what.iter().cloned().chain(rates).chain(std::iter::repeat("–".to_owned())).take(head.len()).collect()
    };
    table(head, rows.iter().map(cells));
    let (what, rate, above) = worst(rows, 0.05);
    println!("Worst: {} ({what}), {above:+.1} standard errors from 5%.\n", percent(rate));
}
