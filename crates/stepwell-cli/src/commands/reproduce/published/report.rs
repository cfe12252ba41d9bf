//! The results in words and tables.

use stepwell::run::Status;
use stepwell::statistics::{Band, Share};
use stepwell::verdict::{Behavior, Comparison, as_published};
use stepwell::words::{band_text, percent, probe_words, share_text, short, significant, thousands};

use super::{Measured, Results, Setting, listed};
use crate::ensemble::Outcome;
use crate::output::table;

impl Results<'_> {
    /// What `reproduce` prints before it says where the files are.
    pub(super) fn in_words(&self) -> String {
        let title = self.file.spec.title.clone().unwrap_or_default();
        let known = self.settings.iter().any(|setting| setting.as_published.is_some());
        let what = match (self.args.fresh, known) {
            (Some(_), _) => "fresh data sets, one a seed",
            (None, true) => "index seeds on the published data set",
            (None, false) => "seeds of start and indices on the published data set",
        };
        let steps = thousands(self.file.spec.steps);
        let mut out = format!("{title}\n{steps} steps; {} {what}; values at the last recording point.\n", self.count);
        if self.args.relative {
            out += "Step sizes over seeds: scaled with the mean-square threshold at the solution that small steps lead to, so that\n\
                    they stand to it as the published ones to that of the published data set (printed below: the published ones).\n";
        }
        out += &format!("{}\n\n", self.values());
        out += &format!("Loss stabilization while the step size is not decayed\n{}\n\n", self.stabilization());
        out += &format!("The paper's observations, seed by seed\n{}\n\n", self.observed());
        out + &format!("{}\n", self.digits())
    }

    fn pairs(&self) -> impl Iterator<Item = (&Setting, &Measured)> {
        self.settings.iter().zip(&self.measured)
    }

    fn values(&self) -> String {
        let known = self.settings.iter().any(|setting| setting.as_published.is_some());
        let mut header = vec!["run", "value", "published", "median [10%, 90%]", "diverged [95%]", "verdict"];
        if known {
            header.insert(3, "published indices");
        }
        let mut table = table(&header);
        let names = listed(&self.measured);
        for (setting, measured) in self.pairs() {
            for (k, name) in names.iter().enumerate() {
                let published = setting.published.get(name).copied();
                let here = measured.as_published.as_ref().map_or(f64::NAN, |run| run.final_value(name));
                let finals = measured.finals(name);
                let first = |text: String| if k == 0 { text } else { String::new() };
                let mut row = vec![
                    first(setting.label.clone()),
                    probe_words(name),
                    published.map_or("–".into(), as_published),
                    band_text(&Band::of(&finals)),
                    first(share_text(&measured.diverged())),
                    Comparison::of(published, here, &finals).words(),
                ];
                if known {
                    row.insert(3, value_text(measured.as_published.as_ref(), name));
                }
                table.add_row(row);
            }
        }
        table.trim_fmt()
    }

    fn stabilization(&self) -> String {
        let header = [
            "run",
            "stabilized [95%]",
            "else",
            "from step",
            "level δ, median [10%, 90%]",
            "sign changes along the top eigenvector",
        ];
        let mut table = table(&header);
        for (setting, measured) in self.pairs() {
            let levels = measured.levels();
            let from: Vec<f64> = measured.stabilized().map(|run| run.stabilization.from as f64).collect();
            table.add_row([
                setting.label.clone(),
                share_text(&Share::of(levels.len(), measured.seeds.len())),
                other_phases(&measured.seeds),
                short(Band::of(&from).median.round()),
                band_text(&Band::of(&levels)),
                percent(Band::of(&measured.bouncing).median),
            ]);
        }
        table.trim_fmt()
    }

    fn observed(&self) -> String {
        let mut table = table(&["observation", "between", "in seeds [95%]", "median effect [95%]", "verdict"]);
        for observation in &self.observations {
            let effect = observation.effect.as_ref().map_or("–".into(), |effect| {
                let (low, high) = effect.interval;
                format!("{} {} [{}, {}]", effect.unit, short(effect.median), short(low), short(high))
            });
            let (statement, between) = (observation.statement.clone(), observation.between.clone());
            table.add_row([statement, between, share_text(&observation.share), effect, observation.verdict.into()]);
        }
        table.trim_fmt()
    }

    /// Which numbers can be reproduced to the digit, from what was measured.
    fn digits(&self) -> String {
        let mut out = String::from(
            "Which digits can be reproduced: a run once more, one parameter changed by one unit in its last place\n",
        );
        for (setting, measured) in self.pairs() {
            let apart = significant(measured.sensitivity.difference_at_end, 1);
            if measured.first().diverged() {
                out += &format!("  {}: every run diverged; there is no end to compare.\n", setting.label);
                continue;
            }
            let words = match measured.sensitivity.departs_at {
                Some(step) => format!(
                    "1% apart from step {} on. Chaotic: its end is one draw, decided by rounding; compare distributions.",
                    thousands(step)
                ),
                None if measured.sensitivity.is_contracting() => {
                    format!("{apart} apart at the end. Contracting: its digits can be reproduced on any machine.")
                }
                None => format!("{apart} apart at the end. Its first digits can be reproduced."),
            };
            out += &format!("  {}: {words}\n", setting.label);
        }
        out
    }
}

fn value_text(run: Option<&Outcome>, name: &str) -> String {
    match run.map(|run| run.status) {
        Some(Status::Diverged { step }) => format!("diverged at {}", thousands(step)),
        _ => run.map_or("–".into(), |run| significant(run.final_value(name), 4)),
    }
}

/// What the loss of those seeds did that did not stabilize.
fn other_phases(runs: &[Outcome]) -> String {
    let count = |phase: Behavior| runs.iter().filter(|run| run.stabilization.behavior == phase).count();
    let others = Behavior::ALL.into_iter().filter(|phase| *phase != Behavior::Stabilizes && count(*phase) > 0);
    let parts: Vec<String> = others.map(|phase| format!("{} {}", count(phase), phase.name())).collect();
    if parts.is_empty() { "–".into() } else { parts.join(", ") }
}
