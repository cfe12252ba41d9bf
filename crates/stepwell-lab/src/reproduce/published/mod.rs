//! Figures of the paper: its settings over seeds, beside the numbers that were published.

mod observations;
mod sensitivity;
mod shapes;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use stepwell::number::Number;
use stepwell::outcome::Outcome;
use stepwell::probe::Probe;
use stepwell::record::{Entry, RecordPlan};
use stepwell::schedule::Timetable;
use stepwell::spec::{NoFiles, Prepared, RelativeTo, Spec, VariantSpec};
use stepwell::statistics::{Band, quantile};
use stepwell::verdict::{Behavior, Comparison};

use self::observations::observations;
use crate::drive::{Job, Watch, all_ended, ensemble};
use crate::error::LabError;
use crate::experiment::Experiment;
use crate::findings::Findings;
use crate::findings::published::{Asked, Compared, LossStabilization, Published, Sensitivity, Shown, Variant};
use crate::runs::RELATIVE;
use crate::setting::{Setting, series_names};

/// Starts that the unit of relative step sizes is measured at.
const UNIT_SEEDS: u64 = 5;

/// One published setting, ready to run.
struct Ready {
    label: String,
    published: BTreeMap<String, f64>,
    /// As it was published, where its sample indices are known.
    as_published: Option<Prepared>,
    over_seeds: Prepared,
}

/// Runs the settings of a spec over seeds, and those runs once more that are looked at closely.
pub fn reproduce(asked: Asked, spec: &Spec, watch: &dyn Watch) -> Result<Experiment, LabError> {
    if asked.seeds == 0 {
        return Err(LabError::Usage("seeds: found 0, expected 1 or more".into()));
    }
    let variants = variants(spec, asked.fresh, asked.relative)?;
    let mut settings = run(&variants, asked.seeds, watch)?;
    let looks = look_closely(&variants, &mut settings, watch)?;
    let names = listed(&settings);
    let parts = variants.iter().zip(&settings).zip(looks);
    let variants = parts.map(|((ready, setting), look)| ready.found(setting, &names, look)).collect();
    let mut title = spec.title.clone().unwrap_or_default();
    if asked.fresh {
        title += &format!(", {} fresh data sets", asked.seeds);
    }
    if asked.relative {
        title += ", step sizes relative to thresholds";
    }
    let known = settings.iter().any(|setting| setting.as_published.is_some());
    let observations = observations(&settings, &names);
    let step_size_unit = asked.relative.then(|| RELATIVE.into());
    let findings = Findings::Published(Published { asked, known, variants, observations });
    Ok(Experiment { title, settings, findings, step_size_unit, notes: Vec::new() })
}

fn variants(spec: &Spec, fresh: bool, relative: bool) -> Result<Vec<Ready>, LabError> {
    let unit = relative.then(|| published_unit(spec)).transpose()?;
    let one = |variant: &VariantSpec| {
        let spec = spec.with_variant(variant);
        let mut over_seeds = spec.seeded(fresh);
        if let Some(unit) = unit {
            over_seeds.schedule.step_size /= unit;
            over_seeds.schedule.relative = true;
            over_seeds.schedule.relative_to = RelativeTo::Solution;
        }
        // a spec without seeds of its own to replace was not published with its indices
        let known = spec.seeded(false) != spec;
        Ok(Ready {
            label: variant.label.clone(),
            published: variant.published.clone(),
            over_seeds: over_seeds.prepare(&NoFiles)?,
            as_published: known.then(|| spec.prepare(&NoFiles)).transpose()?,
        })
    };
    spec.variants.iter().map(one).collect()
}

/// The published data set's own threshold, that of `relative_to = "solution"`: the median over a few seeds where the start is
/// random.
fn published_unit(spec: &Spec) -> Result<f64, LabError> {
    let prepared = spec.prepare(&NoFiles)?;
    let one = |seed| {
        let session = prepared.session_on(seed, prepared.data(seed)?, RecordPlan::default());
        let moments = session.instruments().moments;
        Ok(session.landscape().small_step_thresholds(session.theta(), moments).mean_square)
    };
    let units = (1..=UNIT_SEEDS).map(one).collect::<Result<Vec<f64>, LabError>>()?;
    Ok(quantile(&units, 0.5))
}

fn run(variants: &[Ready], count: u64, watch: &dyn Watch) -> Result<Vec<Setting>, LabError> {
    let jobs: Vec<Job<'_>> = variants.iter().flat_map(|ready| ready.jobs(count)).collect();
    watch.expects(jobs.len() as u64, "runs");
    let mut outcomes = all_ended(ensemble(&jobs, watch)?)?.into_iter();
    let setting = |ready: &Ready| {
        let as_published = ready.as_published.as_ref().and_then(|_| outcomes.next());
        let over_seeds = outcomes.by_ref().take(count as usize).collect();
        ready.setting(as_published, over_seeds)
    };
    Ok(variants.iter().map(setting).collect())
}

/// What is learned from the run of each setting that is shown by itself, once it has run again.
type Look = (Sensitivity, Option<Shown>);

fn look_closely(variants: &[Ready], settings: &mut [Setting], watch: &dyn Watch) -> Result<Vec<Look>, LabError> {
    // variants differ in schedule and dynamics only
    let drawn = variants.first().map(|ready| shapes::plan(&ready.over_seeds)).transpose()?.flatten();
    let mut jobs = Vec::new();
    for (ready, setting) in variants.iter().zip(&*settings) {
        for (is_published, run) in sensitivity::runs(setting.as_published.as_ref(), &setting.outcomes) {
            let published = ready.as_published.as_ref().filter(|_| is_published);
            jobs.extend(sensitivity::jobs(&ready.label, published.unwrap_or(&ready.over_seeds), run.seed));
        }
        let run = setting.shown().expect("at least one seed");
        jobs.extend(drawn.clone().map(|plan| Job::of_seed(&*ready.label, &ready.over_seeds, run.seed, plan)));
    }
    watch.expects(jobs.len() as u64, "runs once more");
    let mut outcomes = all_ended(ensemble(&jobs, watch)?)?.into_iter();
    let mut next = || outcomes.next().expect("one outcome per job");
    let look = |(ready, setting): (&Ready, &mut Setting)| {
        let runs = sensitivity::runs(setting.as_published.as_ref(), &setting.outcomes);
        let twins: Vec<Outcome> = (0..sensitivity::twins(&runs)).map(|_| next()).collect();
        let sensitivity = sensitivity::worst(&runs, &twins);
        let run = setting.shown_mut().expect("at least one seed");
        let shown = drawn.as_ref().map(|_| shapes::shown(&ready.over_seeds, run, next())).transpose()?;
        Ok((sensitivity, shown))
    };
    variants.iter().zip(settings).map(look).collect()
}

/// The recorded series that have a row in the table: all but the step size, and what is measured once on the way.
fn listed(settings: &[Setting]) -> Vec<String> {
    let others = [Probe::StepSize, Probe::Bouncing].map(Probe::name);
    series_names(settings).into_iter().filter(|name| !others.contains(&&name[..])).collect()
}

impl Ready {
    /// Its runs: the published one, then those over seeds, some of which are looked at in the middle of the phase of large
    /// step sizes.
    fn jobs(&self, count: u64) -> impl Iterator<Item = Job<'_>> {
        let record = &self.over_seeds.spec().record;
        let middle = self.last_large() / 2;
        let over_seeds = move |seed| {
            let costly = seed <= record.costly_seeds;
            let plan = self.over_seeds.record_plan(costly);
            let bouncing = Entry { steps: vec![middle], probes: vec![Probe::Bouncing] };
            let plan = if costly { plan.with(bouncing) } else { plan };
            Job::of_seed(&*self.label, &self.over_seeds, seed, plan)
        };
        let published = self.as_published.iter();
        let published = published.map(|prepared| Job::of_seed(&*self.label, prepared, 1, prepared.record_plan(true)));
        published.chain((1..=count).map(over_seeds))
    }

    fn last_large(&self) -> u64 {
        self.over_seeds.schedule().last_step_before_decay(self.over_seeds.spec().steps)
    }

    fn setting(&self, as_published: Option<Outcome>, over_seeds: Vec<Outcome>) -> Setting {
        let drawn = self.as_published.as_ref().unwrap_or(&self.over_seeds);
        let timetable = Timetable::new(drawn.schedule(), drawn.spec().steps, drawn.grid());
        Setting { as_published, timetable: Some(timetable), ..Setting::new(&*self.label, &self.over_seeds, over_seeds) }
    }

    fn found(&self, setting: &Setting, names: &[String], (sensitivity, shown): Look) -> Variant {
        let schedule = &self.over_seeds.spec().schedule;
        Variant {
            label: self.label.clone(),
            step_size: schedule.step_size,
            relative: schedule.relative,
            published_indices_diverged_at: setting.as_published.as_ref().and_then(Outcome::diverged_at),
            compared: names.iter().map(|name| self.compared(setting, name)).collect(),
            stabilization: loss_stabilization(setting),
            sensitivity,
            shown,
        }
    }

    fn compared(&self, setting: &Setting, name: &str) -> Compared {
        let published = self.published.get(name).copied();
        let here = setting.as_published.as_ref().map(|run| run.last(name));
        Compared {
            series: name.into(),
            published: published.map(Number),
            published_indices: here.map(Number),
            verdict: Comparison::of(published, here.unwrap_or(f64::NAN), &setting.finals(name)),
        }
    }
}

fn loss_stabilization(setting: &Setting) -> LossStabilization {
    let from = |run: &Outcome| {
        let stabilized = run.stabilization.behavior == Behavior::Stabilizes;
        if stabilized { run.stabilization.from as f64 } else { f64::NAN }
    };
    let over = |value: &dyn Fn(&Outcome) -> f64| setting.outcomes.iter().map(value).collect::<Vec<_>>();
    let bouncing = |run: &Outcome| run.records.last(Probe::Bouncing.name());
    LossStabilization {
        pooled: setting.stabilization(),
        from: quantile(&over(&from), 0.5),
        level: Band::of(&over(&|run| run.stabilization.level)),
        geometric: Band::of(&over(&|run| setting.geometric_level(run))),
        bouncing: quantile(&over(&bouncing), 0.5),
    }
}
