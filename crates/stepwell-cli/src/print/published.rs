//! A figure of the paper in words and tables.

use stepwell::outcome::Outcome;
use stepwell::verdict::{Effect, Observation, as_published};
use stepwell::words::{band_of_text, band_text, percent, probe_label, share_text, short, significant, thousands};
use stepwell_lab::experiment::Experiment;
use stepwell_lab::findings::published::{Compared, Published, Sensitivity, Variant};
use stepwell_lab::setting::Setting;

use super::observation::seeds_text;
use super::stabilization::{drift_text, singles_text, verdict_text};
use crate::output::table;

/// Values, stabilization, observations, and which digits can be reproduced.
pub fn in_words(experiment: &Experiment, found: &Published) -> String {
    let asked = &found.asked;
    let what = match (asked.fresh, found.known) {
        (true, _) => "fresh data sets, one per seed",
        (false, true) => "index seeds on the published data set",
        (false, false) => "seeds of start and indices on the published data set",
    };
    let steps = thousands(experiment.settings.first().map_or(0, |setting| setting.steps));
    let mut out =
        format!("{}\n{steps} steps; {} {what}; values at the last recording point.\n", experiment.title, asked.seeds);
    if asked.relative {
        out += "Step sizes over seeds: scaled with the mean-square threshold at the solution that small steps lead to, so that\n\
                they stand to it as the published ones to that of the published data set (printed below: the published ones).\n";
    }
    out += &format!("{}\n\n", values(experiment, found));
    out += &format!("Loss stabilization while the step size is not decayed\n{}\n\n", stabilization(found));
    out += &format!("The paper's observations, seed by seed\n{}\n\n", observed(found));
    out + &format!("{}\n", digits(experiment, found))
}

fn pairs<'a>(experiment: &'a Experiment, found: &'a Published) -> impl Iterator<Item = (&'a Setting, &'a Variant)> {
    experiment.settings.iter().zip(&found.variants)
}

fn values(experiment: &Experiment, found: &Published) -> String {
    let mut header = vec!["run", "value", "published", "median [10%, 90%]", "diverged [95%]", "verdict"];
    if found.known {
        header.insert(3, "published indices");
    }
    let mut table = table(&header);
    for (setting, variant) in pairs(experiment, found) {
        for (k, Compared { series, published, verdict, .. }) in variant.compared.iter().enumerate() {
            let first = |text: String| if k == 0 { text } else { String::new() };
            let mut row = vec![
                first(setting.label.clone()),
                probe_label(series),
                published.map_or("–".into(), |value| as_published(value.0)),
                band_of_text(&setting.band(series), setting.survived()),
                first(share_text(&setting.diverged())),
                verdict.words(),
            ];
            if found.known {
                row.insert(3, value_text(setting.as_published.as_ref(), series));
            }
            table.add_row(row);
        }
    }
    table.trim_fmt()
}

fn value_text(run: Option<&Outcome>, series: &str) -> String {
    match run.map(Outcome::diverged_at) {
        None => "–".into(),
        Some(Some(step)) => format!("diverged at {}", thousands(step)),
        Some(None) => significant(run.map_or(f64::NAN, |run| run.last(series)), 4),
    }
}

fn stabilization(found: &Published) -> String {
    let header = [
        "run",
        "verdict",
        "drift, median [95%]",
        "runs",
        "each run by itself",
        "from step",
        "level δ, median [10%, 90%]",
        "geometric",
        "sign changes along the top eigenvector",
    ];
    let mut table = table(&header);
    for Variant { label, stabilization, .. } in &found.variants {
        table.add_row([
            label.clone(),
            verdict_text(&stabilization.pooled),
            drift_text(&stabilization.pooled.drift),
            stabilization.pooled.runs.to_string(),
            singles_text(&stabilization.pooled),
            short(stabilization.from.round()),
            band_text(&stabilization.level),
            short(stabilization.geometric.median),
            percent(stabilization.bouncing),
        ]);
    }
    table.trim_fmt()
}

fn observed(found: &Published) -> String {
    let header = ["observation", "between", "in seeds [95%]", "median effect [95%]", "p", "p, corrected", "verdict"];
    let mut table = table(&header);
    for observation in &found.observations {
        let Observation { statement, between, effect, p, corrected_p, family, .. } = observation;
        let corrected = format!("{} of {family}", short(*corrected_p));
        table.add_row([
            statement.clone(),
            between.clone(),
            seeds_text(observation),
            effect.as_ref().map_or("–".into(), Effect::words),
            short(*p),
            if p.is_nan() { "–".into() } else { corrected },
            observation.words(),
        ]);
    }
    let mut out = table.trim_fmt()
        + "\nExact sign tests without ties; p-values of the rows about one pair of settings are corrected together, by Holm.";
    if !found.variants.iter().any(|variant| variant.compared.iter().any(|row| row.series == "test_loss")) {
        out += "\nThis figure has no test set.";
    }
    out
}

/// Which numbers can be reproduced to the digit, from what was measured.
fn digits(experiment: &Experiment, found: &Published) -> String {
    let mut out = String::from(
        "Which digits can be reproduced: runs once more, one parameter changed by one unit in its last place\n",
    );
    for (setting, Variant { label, sensitivity, .. }) in pairs(experiment, found) {
        let Sensitivity { departed, pairs, runs, exponent, .. } = sensitivity;
        let apart = significant(sensitivity.difference_at_end, 1);
        let exponent = significant(*exponent, 2);
        let of = format!("{pairs} pairs of {runs} runs");
        let words = match sensitivity.departs_at {
            _ if setting.shown().is_some_and(Outcome::diverged) => {
                "every run diverged; there is no end to compare.".into()
            }
            Some(step) => format!(
                "{departed} of {of} come 1% apart, the first at step {}. Such an end is one draw, decided by rounding; compare \
                 distributions.",
                thousands(step)
            ),
            None if sensitivity.contracting => format!(
                "at most {apart} apart at the end, over {of} (largest exponent {exponent} per step). The digits can be reproduced \
                 on any machine."
            ),
            None => format!("at most {apart} apart at the end, over {of}. The first digits can be reproduced."),
        };
        out += &format!("  {label}: {words}\n");
    }
    out
}
