//! A spec of one's own over seeds: its settings, and the runs of each.

use stepwell::spec::{ArraySource, Prepared, Spec, SpecError};

use crate::drive::{Job, Watch, ensemble};
use crate::error::LabError;
use crate::experiment::Experiment;
use crate::findings::Findings;
use crate::setting::Setting;

/// The settings of a spec, ready to start: its variants, or itself where it has none, each with a label of its own.
///
/// # Errors
/// If a setting is refused, or an array that it names is.
pub fn settings(spec: &Spec, files: &dyn ArraySource) -> Result<Vec<(String, Prepared)>, SpecError> {
    if spec.variants.is_empty() {
        let label = spec.title.clone().unwrap_or_else(|| "run".into());
        return Ok(vec![(label, spec.prepare(files)?)]);
    }
    spec.check_names()?;
    let labels = apart(spec.variants.iter().map(|variant| &*variant.label));
    let ready = |(label, variant)| Ok((label, spec.with_variant(variant).prepare(files)?));
    labels.into_iter().zip(&spec.variants).map(ready).collect()
}

/// Labels that repeat are numbered, so that each tells its setting apart.
pub(crate) fn apart<'a>(labels: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for label in labels {
        let numbered = (2..).map(|k| format!("{label} ({k})"));
        let free = std::iter::once(label.to_string()).chain(numbered).find(|label| !out.contains(label));
        out.extend(free);
    }
    out
}

/// The runs of settings over `seeds` seeds, `first`, `first + 1`, .., with their last parameters: see the example on the
/// [front page](crate). Costly probes are measured at every recording point of the first few seeds, as the spec says. Runs that
/// were stopped are `Running`. A setting whose seeds [would all be one run](Spec::seeds_differ) has one, and a note says so.
///
/// # Errors
/// If a run cannot be started, or the watcher could not do its part.
pub fn runs(
    settings: &[(String, Prepared)],
    first: u64,
    seeds: u64,
    watch: &dyn Watch,
) -> Result<Experiment, LabError> {
    let different = |prepared: &Prepared| if prepared.spec().seeds_differ() { seeds } else { seeds.min(1) };
    let jobs: Vec<Job<'_>> =
        settings.iter().flat_map(|(label, prepared)| jobs(label, prepared, first, different(prepared))).collect();
    watch.expects(jobs.len() as u64, "runs");
    let mut outcomes = ensemble(&jobs, watch)?.into_iter();
    let with_runs = |(label, prepared): &(String, Prepared)| {
        Setting::new(label.clone(), prepared, outcomes.by_ref().take(different(prepared) as usize).collect())
    };
    let same = settings.iter().filter(|(_, prepared)| different(prepared) < seeds);
    let relative = settings.iter().any(|(_, prepared)| prepared.spec().schedule.relative);
    Ok(Experiment {
        title: settings.first().and_then(|(_, prepared)| prepared.spec().title.clone()).unwrap_or_default(),
        settings: settings.iter().map(with_runs).collect(),
        findings: Findings::Runs,
        step_size_unit: relative.then(|| RELATIVE.into()),
        notes: same.map(|(label, _)| one_run(label, seeds)).collect(),
    })
}

/// Why seeds do not differ.
pub(crate) const GIVEN: &str = "data, start and sample indices are given";

/// That the seeds of a setting do not differ.
pub(crate) fn one_run(label: &str, seeds: u64) -> String {
    format!("{label}: {GIVEN}, so all {seeds} seeds would be one run. It was taken once.")
}

/// What relative step sizes are counted in.
pub const RELATIVE: &str = "in units of each run's threshold";

fn jobs<'a>(label: &str, prepared: &'a Prepared, first: u64, seeds: u64) -> Vec<Job<'a>> {
    let costly = prepared.spec().record.costly_seeds;
    let job = |k| {
        let plan = prepared.record_plan(k < costly);
        Job { keeps_parameters: true, ..Job::of_seed(label, prepared, first.wrapping_add(k), plan) }
    };
    (0..seeds).map(job).collect()
}

#[cfg(test)]
mod tests {
    use stepwell::spec::NoFiles;

    use super::*;

    #[test]
    fn names_stand_in_one_line() {
        let spec = |title: &str, label: &str| {
            let text = format!(
                "title = '{title}'\nsteps = 9\nmodel = 'linear'\nloss = 'half_mean_square'\ninit.constant = 0.1\n\
                 data.sparse_regression = {{ n = 9, d = 2, sparsity = 1, test = 5 }}\ndynamics.sgd = {{}}\n\
                 schedule.step_size = 0.1\nvariants = [{{ label = 'a' }}, {{ label = \"{label}\" }}]"
            );
            settings(&Spec::from_toml(&text).unwrap(), &NoFiles).map(|all| all.len()).map_err(|error| error.to_string())
        };
        assert_eq!(spec("one", "b"), Ok(2));
        assert_eq!(spec("one", r"b\nc"), Err("variants.1.label: several lines, expected one line".into()));
    }

    /// Gradient descent from a fixed start on data that are given is one run; with samples that are drawn it is many.
    #[test]
    fn seeds_that_would_be_one_run_are_one() {
        let spec = Spec::from_toml(
            "steps = 9\nmodel = 'linear'\nloss = 'half_mean_square'\ninit.constant = 0.1\n\
             data.sparse_regression = { n = 9, d = 2, sparsity = 1, draw.fresh = 1 }\ndynamics.sgd = {}\n\
             schedule.step_size = 0.1\nvariants = [{ label = 'SGD' }, { label = 'GD', dynamics.gradient_descent = {} }]",
        );
        let ready = settings(&spec.unwrap(), &NoFiles).unwrap();
        let found = runs(&ready, 1, 20, &crate::drive::ToTheEnd).unwrap();
        let counts: Vec<usize> = found.settings.iter().map(|setting| setting.outcomes.len()).collect();
        assert_eq!(counts, [20, 1]);
        assert!(found.notes.len() == 1 && found.notes[0].starts_with("GD: "), "{:?}", found.notes);
        assert!(runs(&ready, 1, 1, &crate::drive::ToTheEnd).unwrap().notes.is_empty());
    }

    #[test]
    fn labels_tell_settings_apart() {
        let spec = Spec::from_toml(
            "steps = 9\nmodel = 'diagonal_linear'\nloss = 'half_mean_square'\ninit.diagonal = { u = 0.1, v = 0.0 }\n\
             data.sparse_regression = { n = 9, d = 20, sparsity = 2, test = 5 }\ndynamics.sgd = {}\n\
             schedule.step_size = 0.1\nvariants = [{ label = 'a' }, { label = 'a (2)' }, { label = 'a' }]",
        );
        let labels: Vec<String> = settings(&spec.unwrap(), &NoFiles).unwrap().into_iter().map(|one| one.0).collect();
        assert_eq!(labels, ["a", "a (2)", "a (3)"]);
    }
}
