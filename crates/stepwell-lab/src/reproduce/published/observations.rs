//! The paper's observations as tests over paired seeds: the loss stabilizes; large step sizes, and the longer ones among them,
//! leave a smaller test loss, rank, and share of features. Which of two settings diverges more often is a question of its own.

use stepwell::verdict::{Effect, Observation, Signs};
use stepwell::words::probe_in_sentence;

use crate::setting::Setting;

/// All observations that the figure can speak to, in the series `names` that were recorded. Rows that compare one pair of
/// settings are corrected together.
pub fn observations(settings: &[Setting], names: &[String]) -> Vec<Observation> {
    let decays = |setting: &&Setting| setting.timetable.as_ref().is_some_and(|table| !table.decays.is_empty());
    let mut large: Vec<&Setting> = settings.iter().filter(decays).collect();
    large.sort_by_key(|setting| setting.last_large);
    let mut out: Vec<Observation> = large.iter().map(|setting| setting.stabilizes()).collect();
    let small = smallest(settings);
    large.retain(|setting| small.is_none_or(|small| !std::ptr::eq(small, *setting)));
    let mut compare = |one: &Setting, other: &Setting, what: &str| {
        let claimed = |name: &&String| {
            matches!(name.as_str(), "test_loss" | "rank" | "nonzero")
                || name.starts_with("feature_sparsity")
                || name.starts_with("nonzero_share")
        };
        let rows = names.iter().filter(claimed).map(|name| shrinks(name, one, other, what)).collect();
        out.extend(Observation::family(rows));
        out.push(diverges(one, other, what));
    };
    if let (Some(small), Some(long)) = (small, large.last()) {
        compare(small, long, "with the large step size than with the small one");
    }
    if let [short, .., long] = large[..] {
        compare(short, long, "with the longer large phase than with the shorter one");
    }
    out
}

/// The setting whose largest step size is the smallest; `None` where several have it.
fn smallest(settings: &[Setting]) -> Option<&Setting> {
    let peak = |setting: &Setting| {
        let line = setting.timetable.iter().flat_map(|timetable| &timetable.line);
        line.map(|(_, step_size)| *step_size).fold(f64::NEG_INFINITY, f64::max)
    };
    let small = settings.iter().min_by(|a, b| peak(a).total_cmp(&peak(b)))?;
    (settings.iter().filter(|setting| peak(setting) <= peak(small)).count() == 1).then_some(small)
}

/// Whether the last value of a series is smaller in the second setting, seed by seed; pairs of which one diverged are left out.
fn shrinks(name: &str, one: &Setting, other: &Setting, what: &str) -> Observation {
    let pairs = one.paired_finals(other, name);
    let is_loss = name.ends_with("loss");
    let sizes: Vec<f64> = pairs.iter().map(|(a, b)| if is_loss { b / a } else { b - a }).collect();
    let effect = Effect::of(if is_loss { "ratio" } else { "difference" }, &sizes);
    let less = if name == "nonzero" { "fewer" } else { "smaller" };
    let statement = format!("{less} {} {what}", probe_in_sentence(name));
    let seeds = one.paired(other).len();
    Observation::paired(statement, between(one, other), seeds, Signs::smaller(&pairs), effect)
}

/// Whether more seeds diverge in the second setting only than in the first one only.
fn diverges(one: &Setting, other: &Setting, what: &str) -> Observation {
    let pairs = one.paired(other);
    let seeds = pairs.len();
    let ended = pairs.into_iter().filter(|(a, b)| a.has_ended() && b.has_ended());
    let ended: Vec<(bool, bool)> = ended.map(|(a, b)| (a.diverged(), b.diverged())).collect();
    let statement = format!("diverges more often {what}");
    Observation::paired(statement, between(one, other), seeds, Signs::more_often(&ended), None)
}

fn between(one: &Setting, other: &Setting) -> String {
    format!("{} → {}", one.label, other.label)
}

#[cfg(test)]
mod tests {
    use stepwell::outcome::Outcome;
    use stepwell::record::Records;
    use stepwell::run::Status;
    use stepwell::schedule::Timetable;
    use stepwell::statistics::holm;
    use stepwell::verdict::{Divergence, Sign};

    use super::*;

    /// Runs of these seeds, with their test losses and ranks; a test loss of NaN is that of a run that diverged.
    fn setting(label: &str, (peak, decay): (f64, Option<u64>), runs: &[(u64, f64, f64)]) -> Setting {
        let run = |&(seed, loss, rank): &(u64, f64, f64)| {
            let mut records = Records::default();
            records.push("test_loss", 9, loss);
            records.push("rank", 9, rank);
            let divergence = loss.is_nan().then_some(Divergence { step: 5, by: Sign::Overflow });
            Outcome { status: Status::Finished, divergence, records, ..Outcome::not_begun(seed) }
        };
        Setting {
            label: label.into(),
            steps: 10,
            last_large: decay.unwrap_or(9),
            timetable: Some(Timetable { decays: decay.into_iter().collect(), line: vec![(0, 0.1 * peak), (1, peak)] }),
            outcomes: runs.iter().map(run).collect(),
            as_published: None,
        }
    }

    fn rows(settings: &[Setting]) -> Vec<Observation> {
        observations(settings, &["train_loss", "test_loss", "rank"].map(String::from))
    }

    fn between_two(one: &str, other: &str, rows: &[Observation]) -> Vec<(String, Signs)> {
        let of = |row: &&Observation| row.between == format!("{one} → {other}");
        rows.iter().filter(of).map(|row| (row.statement.clone(), row.signs)).collect()
    }

    fn alike(loss: f64, rank: f64, seeds: u64) -> Vec<(u64, f64, f64)> {
        (1..=seeds).map(|seed| (seed, loss, rank)).collect()
    }

    #[test]
    fn the_smallest_peak_is_the_small_step_size_whether_it_decays_or_not() {
        let (short, long) = (alike(2.0, 9.0, 8), alike(1.0, 9.0, 8));
        let two = [setting("2%", (0.4, Some(2)), &short), setting("50%", (7.0, Some(5)), &long)];
        let found = rows(&two);
        let statements: Vec<&str> = found.iter().map(|row| &row.statement[..]).collect();
        let stabilizes = "the loss stabilizes while the step size is large, unless it diverges";
        let [smaller_loss, smaller_rank, oftener] = [
            "smaller test loss with the large step size than with the small one",
            "smaller rank of the Jacobian with the large step size than with the small one",
            "diverges more often with the large step size than with the small one",
        ];
        assert_eq!(statements, [stabilizes, stabilizes, smaller_loss, smaller_rank, oftener]);
        let small = setting("small", (0.3, None), &short);
        let three = [&two[1], &small, &two[0]].map(Setting::clone);
        assert_eq!(between_two("small", "50%", &rows(&three)).len(), 3);
        assert_eq!(between_two("2%", "50%", &rows(&three)).len(), 3);
        // of two alike neither is the small one
        assert_eq!(
            rows(&[two[0].clone(), two[0].clone()])[2].statement,
            "smaller test loss with the longer large phase than with the shorter one"
        );
    }

    #[test]
    fn runs_are_paired_by_their_seeds() {
        let one = setting("one", (1.0, None), &[(1, 5.0, 5.0), (2, 1.0, 5.0), (3, 9.0, 5.0), (4, 1.0, 1.0)]);
        let other = setting("other", (2.0, Some(5)), &[(2, 3.0, 4.0), (3, f64::NAN, 4.0), (1, 4.0, 6.0)]);
        let found = rows(&[one, other]);
        let signs = between_two("one", "other", &found);
        // seed 1: 5 -> 4, 5 -> 6; seed 2: 1 -> 3, 5 -> 4; seed 3 diverges in the second only; seed 4 has no partner
        assert_eq!(signs[0].1, Signs { so: 1, tied: 0, opposite: 1 });
        assert_eq!(signs[1].1, Signs { so: 1, tied: 0, opposite: 1 });
        assert_eq!(signs[2].1, Signs { so: 1, tied: 2, opposite: 0 });
        assert_eq!(found[1].seeds, Some(3));
    }

    /// Rows about values of one pair are a family; divergence is asked by itself, whatever becomes of the others.
    #[test]
    fn divergence_is_a_row_of_its_own_beside_a_family() {
        let one = setting("one", (1.0, None), &alike(2.0, 9.0, 20));
        let mut runs = alike(1.0, 8.0, 20);
        runs[..9].iter_mut().for_each(|run| run.1 = f64::NAN);
        runs[9..11].iter_mut().for_each(|run| run.2 = 10.0);
        let found = rows(&[one, setting("other", (2.0, Some(5)), &runs)]);
        let [_, loss, rank, oftener] = &found[..] else { panic!("{found:?}") };
        assert_eq!(loss.signs, Signs { so: 11, tied: 0, opposite: 0 });
        assert_eq!(rank.signs, Signs { so: 9, tied: 0, opposite: 2 });
        assert_eq!(oftener.signs, Signs { so: 9, tied: 11, opposite: 0 });
        assert_eq!([loss.family, rank.family, oftener.family], [2, 2, 1]);
        assert_eq!(vec![loss.corrected_p, rank.corrected_p], holm(&[loss.p, rank.p]));
        assert_eq!(oftener.corrected_p, oftener.p);
        assert_eq!([loss, rank, oftener].map(|row| row.words()), ["holds", "undecided", "holds"]);
    }
}
