//! The results as JSON.

use serde_json::{Map, Value, json};
use stepwell::run::Status;
use stepwell::statistics::Band;
use stepwell::verdict::Comparison;

use super::{Measured, Observation, Results, Setting, listed};
use crate::output::{band_json, number};

impl Results<'_> {
    /// The results as JSON; final values are those at the last recording point.
    pub(super) fn as_json(&self) -> Value {
        let names = listed(&self.measured);
        let pairs = self.settings.iter().zip(&self.measured);
        let runs: Vec<Value> = pairs.map(|(setting, measured)| of_setting(setting, measured, &names)).collect();
        let observations: Vec<Value> = self.observations.iter().map(of_observation).collect();
        json!({
            "figure": self.args.figure.name(),
            "version": env!("CARGO_PKG_VERSION"),

            "runs": runs,
            "observations": observations,
        })
    }
}

fn of_setting(setting: &Setting, measured: &Measured, names: &[String]) -> Value {
    let share = measured.diverged();
    let finals: Map<String, Value> =
        names.iter().map(|name| (name.clone(), of_series(setting, measured, name))).collect();
    let level = Band::of(&measured.levels());
    let mut out = json!({
        "label": setting.label,
        "step_size": setting.over_seeds.spec().schedule.step_size,
        "relative": setting.over_seeds.spec().schedule.relative,
        "seeds": share.total,
        "diverged": share.hits,
        "diverged_interval": [share.low, share.high],
        "final": finals,
        "stabilization": {
            "stabilized": level.count,
            "level": band_json(&level),
            "bouncing": number(Band::of(&measured.bouncing).median),
        },
        "sensitivity": {
            "contracting": measured.sensitivity.is_contracting(),
            "departs_at": measured.sensitivity.departs_at,
            "difference_at_end": number(measured.sensitivity.difference_at_end),
        },
    });
    if let Some(predictor) = &measured.first().predictor {
        out["shown"] = json!({ "seed": measured.first().seed, "kinks_at": predictor.kinks });
    }
    if let Some(run) = &measured.as_published {
        out["published_indices_diverged_at"] = match run.status {
            Status::Diverged { step } => json!(step),
            _ => Value::Null,
        };
    }
    out
}

fn of_series(setting: &Setting, measured: &Measured, name: &str) -> Value {
    let published = setting.published.get(name).copied();
    let here = measured.as_published.as_ref().map_or(f64::NAN, |run| run.final_value(name));
    let finals = measured.finals(name);
    let mut out = band_json(&Band::of(&finals));
    out["published"] = published.map_or(Value::Null, number);
    out["published_indices"] = number(here);
    out["verdict"] = json!(Comparison::of(published, here, &finals).words());
    out
}

fn of_observation(observation: &Observation) -> Value {
    let Observation { statement, between, share, effect, verdict } = observation;
    let effect = effect.as_ref().map(|effect| {
        let interval = [number(effect.interval.0), number(effect.interval.1)];
        json!({ "unit": effect.unit, "median": number(effect.median), "interval": interval })
    });
    json!({
        "statement": statement, "between": between, "seeds": share.hits, "of": share.total,
        "share_interval": [share.low, share.high], "effect": effect, "verdict": verdict,
    })
}
