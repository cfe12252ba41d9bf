//! What a training came to: table, JSON and figure.

use serde_json::{Map, Value, json};
use stepwell::record::Records;
use stepwell::statistics::Band;
use stepwell::verdict::{Behavior, Stabilization, stabilization};
use stepwell::words::{capitalized, short, thousands};
use stepwell_deep::training::{Status, Training};
use stepwell_plot::axis::Scale;
use stepwell_plot::figure::{Entry, Figure, Mark};
use stepwell_plot::panel::{Layer, Panel};
use stepwell_plot::series::band;
use stepwell_plot::style::{COLORS, INK, RGBColor};

use crate::output::{number, table};

/// A training that has ended.
pub struct Trained {
    /// What it is called.
    pub label: String,
    /// How it ended.
    pub status: Status,
    /// What was recorded.
    pub records: Records,
    /// Whether its loss stabilized while the step size was large.
    pub stabilization: Stabilization,
    /// Its seed.
    pub seed: u64,
    parameters: usize,
    decays: Vec<u64>,
}

impl Trained {
    /// What a training came to.
    pub fn of(label: &str, training: &Training) -> Self {
        let records = training.records().clone();
        let schedule = training.spec().schedule.build(training.steps());
        let last_large =
            schedule.as_ref().map_or(training.steps(), |schedule| schedule.last_step_before_decay(training.steps()));
        let diverged_at = if let Status::Diverged { step } = training.status() { Some(step) } else { None };
        let (steps, losses) =
            records.get("train_loss").map_or((&[][..], &[][..]), |series| (&series.steps[..], &series.values[..]));
        Self {
            label: label.to_owned(),
            status: training.status(),
            stabilization: stabilization(steps, losses, last_large, diverged_at),
            seed: training.spec().seed,
            parameters: training.network().layout().parameter_count(),
            decays: schedule.map_or(Vec::new(), |schedule| schedule.decay_steps()),
            records,
        }
    }

    /// Whether it diverged.
    pub fn diverged(&self) -> bool {
        matches!(self.status, Status::Diverged { .. })
    }

    /// The last value of a series; NaN if there is none.
    pub fn last(&self, name: &str) -> f64 {
        self.records.last(name)
    }

    /// The summary.
    pub fn json(&self) -> Value {
        let last = self.records.series.iter().map(|series| (series.name.to_string(), number(series.last())));
        let found = self.stabilization;
        json!({
            "label": self.label,
            "seed": self.seed,
            "parameters": self.parameters,
            "status": if self.diverged() { "diverged" } else { "finished" },
            "diverged_at": if let Status::Diverged { step } = self.status { Some(step) } else { None },
            "last": last.collect::<Map<_, _>>(),
            "stabilization": {
                "phase": found.behavior.name(), "from": found.from, "to": found.to,
                "level": number(found.level), "p10": number(found.p10), "p90": number(found.p90),
            },
        })
    }

    fn end_text(&self) -> String {
        match self.status {
            Status::Diverged { step } => format!("diverged at step {}", thousands(step)),
            _ => match self.stabilization.behavior {
                Behavior::Stabilizes => format!("loss stabilized at {}", short(self.stabilization.level)),
                Behavior::CannotTell => "too short to tell".into(),
                phase => format!("loss {}", phase.name()),
            },
        }
    }
}

/// A series' name in words: `feature_sparsity/block3` is "feature sparsity, block3".
pub fn words(name: &str) -> String {
    match name.strip_prefix("jacobian_") {
        Some(what) => format!("{} of the Jacobian", what.replace('_', " ")),
        None => name.replace('_', " ").replace('/', ", "),
    }
}

fn is_share(name: &str) -> bool {
    name.starts_with("feature_sparsity") || name.contains("error")
}

/// The last records of trainings, one below the other.
pub fn table_of(trained: &[Trained]) -> String {
    let mut table = table(&["run", "value", "last recorded", "while the step size is large"]);
    for one in trained {
        for (k, series) in one.records.series.iter().enumerate() {
            let first = |text: String| if k == 0 { text } else { String::new() };
            let value = value_text(&series.name, &[series.last()]);
            table.add_row([first(one.label.clone()), words(&series.name), value, first(one.end_text())]);
        }
    }
    table.trim_fmt()
}

/// The same for settings with several seeds each, without what is about the batches; diverged runs are counted, not averaged.
pub fn table_of_groups(settings: &[Vec<Trained>]) -> String {
    let mut table = table(&["run", "value", "median [10%, 90%]", "diverged", "while the step size is large"]);
    for runs in settings {
        let Some(one) = runs.first() else { continue };
        let diverged = runs.iter().filter(|one| one.diverged()).count();
        let of_network = |name: &str| name != "step_size" && !name.starts_with("batch_");
        for (k, series) in one.records.series.iter().filter(|series| of_network(&series.name)).enumerate() {
            let first = |text: String| if k == 0 { text } else { String::new() };
            let ends: Vec<f64> = runs.iter().filter(|one| !one.diverged()).map(|one| one.last(&series.name)).collect();
            table.add_row([
                first(one.label.clone()),
                words(&series.name),
                value_text(&series.name, &ends),
                first(format!("{diverged} of {}", runs.len())),
                first(one.end_text()),
            ]);
        }
    }
    table.trim_fmt()
}

fn value_text(name: &str, values: &[f64]) -> String {
    let text = |v: f64| if is_share(name) { format!("{:.2}%", 100.0 * v) } else { short(v) };
    let band = Band::of(values);
    match values {
        [] => "–".into(),
        [value] => text(*value),
        _ => format!("{} [{}, {}]", text(band.median), text(band.p10), text(band.p90)),
    }
}

/// Training loss, test error, sparsity at each place, effective rank of the Jacobian, schedule. (Its rank at few images is
/// their number all the time.)
pub fn figure(title: &str, trained: &Trained) -> Figure {
    figure_of(title, &[std::slice::from_ref(trained)])
}

/// The same for settings, one color each, with a band over their seeds.
pub fn figure_of(title: &str, settings: &[&[Trained]]) -> Figure {
    let all = settings.iter().flat_map(|runs| runs.iter()).flat_map(|one| &one.records.series);
    let shown = |name: &str| {
        matches!(name, "train_loss" | "test_error" | "jacobian_effective_rank" | "step_size")
            || name.starts_with("feature_sparsity")
    };
    let mut names: Vec<&str> = Vec::new();
    for name in all.map(|series| &*series.name).filter(|name| shown(name)) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let colored: Vec<(&[Trained], RGBColor)> = settings.iter().copied().zip(COLORS.into_iter().cycle()).collect();
    let panels = names.iter().map(|name| panel(name, &colored)).collect();
    let mut legend: Vec<Entry> = Vec::new();
    for (runs, color) in &colored {
        let Some(one) = runs.first() else { continue };
        let end =
            if let [one] = runs { one.end_text() } else { format!("median and 10% to 90% of {} seeds", runs.len()) };
        legend.push(Entry { mark: Mark::LineInBand(*color), text: format!("{}\n{end}", one.label) });
    }
    if settings.iter().flat_map(|runs| runs.first()).any(|one| !one.decays.is_empty()) {
        legend.push(Entry { mark: Mark::Dashed(INK), text: "the step size is divided".into() });
    }
    Figure { title: title.to_owned(), columns: 3, panels, legend, below: Vec::new() }
}

fn panel(name: &str, settings: &[(&[Trained], RGBColor)]) -> Panel {
    let (mut layers, mut lines) = (Vec::new(), Vec::new());
    for (runs, color) in settings {
        let decays = runs.first().map_or(&[][..], |one| &one.decays);
        layers.extend(decays.iter().map(|t| Layer::Vertical { x: *t as f64, color: *color }));
        // all diverged: the lines up to there are better than none
        let all = runs.iter().all(Trained::diverged);
        let records: Vec<&Records> = runs.iter().filter(|one| all || !one.diverged()).map(|one| &one.records).collect();
        let (line, area) = band(&records, name);
        if records.len() > 1 {
            layers.push(Layer::Band { points: area, color: *color });
        }
        lines.push(Layer::Line { points: line, color: *color, width: 3 });
    }
    layers.append(&mut lines);
    let log = name.ends_with("loss") || name.ends_with("error") || name == "step_size";
    let scale = if log { Scale::Log } else { Scale::Linear };
    Panel { title: capitalized(&words(name)), x_label: "step".into(), scale, y_range: None, layers }
}
