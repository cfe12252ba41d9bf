//! What a page draws: bands over all runs, single lines of some, all on few grids of steps.

use serde_json::{Value, json};
use stepwell::outcome::Outcome;
use stepwell::record::Series;
use stepwell::words::{capitalized, probe_label};
use stepwell_lab::setting::Setting;

use super::encoding::Words;
use super::source::{Source, full_label, is_logarithmic, last_step, series_names};
use crate::series::{LineInBand, band_of, grouped, rests_on};
use crate::style::INK;

/// A series longer than this is thinned.
const MOST_POINTS: usize = 700;
/// So many settings are drawn.
pub const MOST_SETTINGS: usize = 48;

/// Settings with their source, as many as are drawn.
pub fn drawn(sources: &[Source]) -> Vec<(&Source, &Setting)> {
    let all = sources.iter().flat_map(|source| source.experiment.settings.iter().map(move |setting| (source, setting)));
    all.take(MOST_SETTINGS).collect()
}

/// How many runs of a setting are drawn one by one, if there may be `most` of all settings together: as many as all can have.
fn runs_each(settings: &[(&Source, &Setting)], most: usize) -> usize {
    let drawn = |each: usize| settings.iter().map(|(_, setting)| setting.runs().count().min(each)).sum::<usize>();
    (2..=most).take_while(|each| drawn(*each) <= most).last().unwrap_or(1)
}

/// The model as JSON, its numbers in `words`.
pub fn of(sources: &[Source], most_runs: usize, words: &mut Words) -> Value {
    let drawn = drawn(sources);
    let names = series_names(sources);
    let mut grids = Grids::default();
    let each = runs_each(&drawn, most_runs);
    let of_setting = |(k, (source, setting)): (usize, &(&Source, &Setting))| {
        let published = setting.as_published.as_ref().map(|run| (run, false));
        let runs = published.into_iter().chain(setting.outcomes.iter().map(|run| (run, true)));
        let lines = runs.take(each).map(|(run, counts)| line(run, counts, &names, &mut grids, words));
        let lines: Vec<Value> = lines.collect();
        let survivors = setting.surviving_records();
        let bands = names.iter().enumerate().filter_map(|(s, name)| {
            let LineInBand { line, area, .. } = band_of(setting, &survivors, name);
            if survivors.len() < 2 || line.is_empty() {
                return None;
            }
            let kept = thinned(line.len());
            let grid = grids.number(kept.iter().map(|k| line[*k].0 as u64).collect());
            let median = words.push(kept.iter().map(|k| line[*k].1));
            let low = words.push(kept.iter().map(|k| area[*k].1));
            let high = words.push(kept.iter().map(|k| area[*k].2));
            Some(json!([s, grid, kept.len(), median, low, high]))
        });
        let bands: Vec<Value> = bands.collect();
        let line = setting.step_sizes();
        let schedule = (!line.is_empty()).then(|| {
            let kept = thinned(line.len());
            let grid = grids.number(kept.iter().map(|k| line[*k].0).collect());
            json!([grid, kept.len(), words.push(kept.iter().map(|k| line[*k].1))])
        });
        json!({
            "label": full_label(sources, source, setting),
            "color": color(k, drawn.len()),
            "runs": setting.runs().count(),
            "none_left": setting.all_diverged(),
            "diverged": setting.outcomes.iter().filter_map(Outcome::diverged_at).collect::<Vec<_>>(),
            "decays": setting.decays(),
            "lines": lines,
            "bands": bands,
            "schedule": schedule,
        })
    };
    let groups: Vec<Value> = drawn.iter().enumerate().map(of_setting).collect();
    let medians = grouped(drawn.iter().map(|(_, setting)| (*setting, INK)));
    let series = |name: &String| {
        let (title, log) = (capitalized(&probe_label(name)), is_logarithmic(name, sources));
        json!({ "name": name, "title": title, "log": log, "rests_on": rests_on(name, &medians) })
    };
    let unit = sources.iter().find_map(|source| source.experiment.step_size_unit.clone());
    json!({
        "series": names.iter().map(series).collect::<Vec<_>>(),
        "grids": grids.lists,
        "groups": groups,
        "step_size_unit": unit,
        "last_step": sources.iter().flat_map(Source::runs).map(last_step).max().unwrap_or(0),
    })
}

fn line(run: &Outcome, counts: bool, names: &[String], grids: &mut Grids, words: &mut Words) -> Value {
    let series = names.iter().enumerate().filter_map(|(s, name)| {
        // measured once, at the end: the table has it
        let Series { steps, values, .. } = run.records.get(name).filter(|series| series.steps.len() > 1)?;
        let kept = thinned(steps.len());
        let grid = grids.number(kept.iter().map(|k| steps[*k]).collect());
        Some(json!([s, grid, kept.len(), words.push(kept.iter().map(|k| values[*k]))]))
    });
    let series: Vec<Value> = series.collect();
    let name = if counts { format!("seed {}", run.seed) } else { "published".into() };
    json!({ "name": name, "counts": counts, "diverged": run.diverged_at(), "series": series })
}

/// Which of `count` points are kept: evenly spaced ones, the first and the last among them.
fn thinned(count: usize) -> Vec<usize> {
    if count <= MOST_POINTS {
        return (0..count).collect();
    }
    (0..MOST_POINTS).map(|k| k * (count - 1) / (MOST_POINTS - 1)).collect()
}

/// Lists of steps; one that begins another is not stored.
#[derive(Default)]
struct Grids {
    lists: Vec<Vec<u64>>,
}

impl Grids {
    /// The number of a list that begins with these steps.
    fn number(&mut self, steps: Vec<u64>) -> usize {
        if let Some(k) = self.lists.iter().position(|list| list.starts_with(&steps)) {
            return k;
        }
        if let Some(k) = self.lists.iter().position(|list| steps.starts_with(list)) {
            self.lists[k] = steps;
            return k;
        }
        self.lists.push(steps);
        self.lists.len() - 1
    }
}

/// Colors of few groups on a light and on a dark ground. Source: Okabe and Ito (2002), lightened or darkened to stand out.
const FEW: [[&str; 2]; 8] = [
    ["#0072b2", "#58b4ee"],
    ["#d55e00", "#ff8a3d"],
    ["#009e73", "#2fd3a4"],
    ["#b8508f", "#eb93c6"],
    ["#a67600", "#f0c04a"],
    ["#5b4fc4", "#a59bff"],
    ["#4d4d4d", "#c9c9c9"],
    ["#8b1e1e", "#ff8f8f"],
];

/// The color of group `k` of `count`, on light and on dark: many groups are an order, and get a ramp of hues.
fn color(k: usize, count: usize) -> [String; 2] {
    if count <= FEW.len() {
        return FEW[k].map(String::from);
    }
    let hue = ramp(k, count);
    [format!("hsl({hue:.0} 75% 40%)"), format!("hsl({hue:.0} 80% 66%)")]
}

/// The hue, in degrees, of group `k` of `count`: from violet to red.
pub fn ramp(k: usize, count: usize) -> f64 {
    265.0 - 255.0 * k as f64 / (count - 1).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_both_ends() {
        assert_eq!(thinned(3), [0, 1, 2]);
        let kept = thinned(100_001);
        assert_eq!((kept.len(), kept[0], kept[MOST_POINTS - 1]), (MOST_POINTS, 0, 100_000));
        assert!(kept.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn a_diverged_run_shares_the_grid_of_the_others() {
        let mut grids = Grids::default();
        assert_eq!(grids.number(vec![0, 1]), 0);
        assert_eq!(grids.number(vec![0, 1, 5, 10]), 0);
        assert_eq!(grids.number(vec![0, 1, 5]), 0);
        assert_eq!(grids.number(vec![10]), 1);
        assert_eq!(grids.lists, [vec![0, 1, 5, 10], vec![10]]);
    }
}
