//! How often the verdicts err and how often intervals hold the truth: the tables of docs/statistics.md.
//!
//! `cargo run --release -p stepwell --example verdict_study`

mod print;
mod study;

use study::{Size, coverage, ensembles, growth, logs, recorded, signs};

const SIZE: Size = Size { logs: 2_000, runs: 2_000, ensembles: 1_000, truths: 1_000 };

fn main() {
    println!("## A single run\n");
    let head =
        ["loss", "steps", "said \"stabilized\", is not", "said to change, does not", "stabilized at 1", "rising at 4"];
    print::rates(&head, &logs::synthetic(SIZE));
    println!("Power laws and jumps:\n");
    print::rates(&head, &logs::unsteady(SIZE));
    let runs = recorded::ensembles(SIZE.runs);
    println!("Recorded runs ({} seeds):\n", SIZE.runs);
    print::rates(&head, &logs::real(SIZE, &runs));
    println!("Not covered:\n");
    print::rates(&head, &logs::too_slow(SIZE));

    println!("## A setting\n");
    let head = ["drifts of seeds", "law", "seeds", head[2], head[3], head[4], head[5]];
    print::rates(&head, &ensembles::synthetic(SIZE));
    let real = ensembles::real(SIZE, &runs);
    print::rates(&head, &real);
    println!("Power: \"stabilized\" at a drift of 1\n");
    let row = |seeds: usize| {
        [seeds.to_string()].into_iter().chain(ensembles::power(&real, seeds).into_iter().map(print::percent)).collect()
    };
    print::table(&["seeds", "10000 steps", "30000 steps", "50000 steps"], ensembles::SEEDS.map(row));

    println!("## Divergence\n");
    print::rates(
        &["loss", "hovers", "drifts by 2", "comes back", "grows tenfold", "grows a thousandfold"],
        &growth::rows(SIZE),
    );
    println!("## Families of tests\n");
    print::rates(&["rows", "pairs", "tied", "one or more decided"], &signs::rows(SIZE));

    println!("## Coverage\n");
    let covered = |kind: &coverage::Kind| {
        let (rate, none) = kind.coverage(SIZE);
        let level = format!("{:.0}%", 100.0 * kind.level);
        vec![
            kind.name.to_owned(),
            level,
            print::percent(rate),
            format!("± {:.1}%", 100.0 * rate.error(kind.level)),
            none.to_string(),
        ]
    };
    print::table(
        &["interval", "level", "holds the truth", "error", "no interval"],
        coverage::KINDS.iter().map(covered),
    );
}
