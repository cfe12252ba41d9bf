//! How often the verdicts err and how often intervals hold the truth: the tables of docs/statistics.md.
//!
//! `cargo run --release -p stepwell --example verdict_study`

mod study;

use study::table::{self, Rate, Row};
use study::{Size, coverage, ensembles, growth, logs, recorded, signs};

const SIZE: Size = Size { logs: 2_000, runs: 2_000, ensembles: 1_000, truths: 1_000 };

fn main() {
    println!("## A single run\n");
    let head =
        ["loss", "steps", "said \"stabilized\", is not", "said to change, does not", "stabilized at 1", "rising at 4"];
    show(&head, &logs::synthetic(SIZE));
    println!("Power laws and jumps:\n");
    show(&head, &logs::unsteady(SIZE));
    let runs = recorded::ensembles(SIZE.runs);
    println!("Recorded runs ({} seeds):\n", SIZE.runs);
    show(&head, &logs::real(SIZE, &runs));
    println!("Not covered:\n");
    show(&head, &logs::too_slow(SIZE));

    println!("## A setting\n");
    let head = ["drifts of seeds", "law", "seeds", head[2], head[3], head[4], head[5]];
    show(&head, &ensembles::synthetic(SIZE));
    let real = ensembles::real(SIZE, &runs);
    show(&head, &real);
    println!("Power: \"stabilized\" at a drift of 1\n");
    let words = |rates: Vec<Rate>| rates.into_iter().map(Rate::words);
    let row = |seeds: usize| [seeds.to_string()].into_iter().chain(words(ensembles::power(&real, seeds))).collect();
    table::print(&["seeds", "10000 steps", "30000 steps", "50000 steps"], ensembles::SEEDS.map(row));

    println!("## Divergence\n");
    show(
        &["loss", "hovers", "drifts by 2", "comes back", "grows tenfold", "grows a thousandfold"],
        &growth::rows(SIZE),
    );
    println!("## Families of tests\n");
    show(&["rows", "pairs", "tied", "one or more decided"], &signs::rows(SIZE));

    println!("## Coverage\n");
    let covered = |kind: &coverage::Kind| {
        let (rate, none) = kind.coverage(SIZE);
        let level = format!("{:.0}%", 100.0 * kind.level);
        vec![
            kind.name.to_owned(),
            level,
            rate.words(),
            format!("± {:.1}%", 100.0 * rate.error(kind.level)),
            none.to_string(),
        ]
    };
    table::print(
        &["interval", "level", "holds the truth", "error", "no interval"],
        coverage::KINDS.iter().map(covered),
    );
}

/// A table, and its worst cell.
fn show(head: &[&str], rows: &[Row]) {
    table::print_rows(head, rows);
    let (what, rate, above) = table::worst(rows, 0.05);
    println!("Worst: {} ({what}), {above:+.1} standard errors from 5%.\n", rate.words());
}
