//! Figures of the paper: its settings over seeds, beside the numbers that were published.

mod observations;
mod report;
mod sensitivity;
mod shapes;
mod summary;

use std::collections::BTreeMap;
use std::process::ExitCode;

use serde_json::Value;
use stepwell::record::{RecordPlan, Records};
use stepwell::spec::{Prepared, RelativeTo};
use stepwell::statistics::{Share, quantile};
use stepwell::verdict::Behavior;
use stepwell_plot::figure::{Entry, Figure, Mark};
use stepwell_plot::series::{Group, legend, panels};
use stepwell_plot::style::{COLORS, INK};

use self::observations::{Observation, observations};
use self::sensitivity::Sensitivity;
use super::{DivergedRun, Reproduction, authors_seconds, diverged_of, reproduce};
use crate::cli::{Figure as FigureName, ReproduceArgs};
use crate::ensemble::{Job, Outcome, bouncing, explain, run_all, series_names};
use crate::failure::Failure;
use crate::progress;
use crate::records_rows::{AS_PUBLISHED, HEADER, append_csv, run_prefix};
use crate::spec_file::SpecFile;

/// Starts that the unit of relative step sizes is measured at.
const UNIT_SEEDS: u64 = 5;

/// One published setting.
struct Setting {
    label: String,
    published: BTreeMap<String, f64>,
    /// As it was published, where its sample indices are known.
    as_published: Option<Prepared>,
    over_seeds: Prepared,
}

/// What was measured of a setting.
struct Measured {
    as_published: Option<Outcome>,
    seeds: Vec<Outcome>,
    sensitivity: Sensitivity,
    /// Share of sign changes along the dominant direction, one a seed.
    bouncing: Vec<f64>,
}

/// All that a figure shows and prints.
struct Results<'a> {
    args: &'a ReproduceArgs,
    file: SpecFile,
    settings: Vec<Setting>,
    measured: Vec<Measured>,
    observations: Vec<Observation>,
    count: u64,
}

/// Runs the figure.
pub fn run(args: &ReproduceArgs) -> Result<ExitCode, Failure> {
    reproduce(args, |file, count| {
        let settings = settings(file, args.fresh.is_some(), args.relative)?;
        let measured = measure(file, &settings, count)?;
        let observations = observations(&settings, &measured);
        Ok(Results { args, file: file.clone(), settings, measured, observations, count })
    })
}

impl Reproduction for Results<'_> {
    fn csv(&self) -> String {
        csv(&self.settings, &self.measured)
    }

    fn figure(&self) -> Result<Figure, Failure> {
        figure(self)
    }

    fn summary(&self) -> Value {
        self.as_json()
    }

    fn diverged(&self) -> Vec<DivergedRun> {
        let of_setting = |(setting, measured): (&Setting, &Measured)| {
            let published = diverged_of(&setting.label, &measured.as_published);
            let label = format!("{}{AS_PUBLISHED}", setting.label);
            let published = published.map(|run| DivergedRun { label: label.clone(), ..run });
            published.chain(diverged_of(&setting.label, &measured.seeds)).collect::<Vec<_>>()
        };
        self.settings.iter().zip(&self.measured).flat_map(of_setting).collect()
    }

    fn report(&self) -> String {
        self.in_words()
    }

    fn after_time(&self) -> String {
        let runs: usize = self.measured.iter().map(|m| m.seeds.len() + usize::from(m.as_published.is_some())).sum();
        let authors = authors_seconds(self.args.figure)
            .map_or(String::new(), |s| format!("; the authors' scripts take {s} s for one seed"));
        format!(" for {runs} runs{authors}")
    }
}

fn settings(file: &SpecFile, fresh_data: bool, relative: bool) -> Result<Vec<Setting>, Failure> {
    let unit = relative.then(|| published_unit(file)).transpose()?;
    let one = |variant: &stepwell::spec::VariantSpec| {
        let spec = file.spec.with_variant(variant);
        let mut over_seeds = spec.seeded(fresh_data);
        if let Some(unit) = unit {
            over_seeds.schedule.step_size /= unit;
            over_seeds.schedule.relative = true;
            over_seeds.schedule.relative_to = RelativeTo::Solution;
        }
        // a spec without seeds of its own to replace was not published with its indices
        let known = spec.seeded(false) != spec;
        Ok(Setting {
            label: variant.label.clone(),
            published: variant.published.clone(),
            over_seeds: file.prepare(&over_seeds)?,
            as_published: known.then(|| file.prepare(&spec)).transpose()?,
        })
    };
    file.spec.variants.iter().map(one).collect()
}

/// The published data set's own threshold, that of `relative_to = "solution"`: the median over a few seeds where the start is
/// random.
fn published_unit(file: &SpecFile) -> Result<f64, Failure> {
    let prepared = file.prepare(&file.spec)?;
    let one = |seed| {
        let data = prepared.data(seed).map_err(|error| file.explain(&error))?;
        let moments = prepared.batch_moments(data.train.len());
        let start = prepared.session_on(seed, data, RecordPlan::default());
        Ok(start.landscape().small_step_thresholds(start.theta(), moments).mean_square)
    };
    let units = (1..=UNIT_SEEDS).map(one).collect::<Result<Vec<f64>, Failure>>()?;
    Ok(quantile(&units, 0.5))
}

fn measure(file: &SpecFile, settings: &[Setting], count: u64) -> Result<Vec<Measured>, Failure> {
    let costly_seeds = file.spec.record.costly_seeds;
    let mut jobs = Vec::new();
    for setting in settings {
        jobs.extend(setting.as_published.iter().map(|prepared| Job::new(prepared, 1, true)));
        let over_seeds = |seed| Job::new(&setting.over_seeds, seed, seed <= costly_seeds);
        jobs.extend((1..=count).map(over_seeds));
    }
    let bar = progress::bar(jobs.len() as u64, "runs");
    let outcomes = run_all(&jobs, &bar).map_err(|error| explain(error, file))?;
    bar.finish_and_clear();
    let mut outcomes = outcomes.into_iter();
    let mut measured = Vec::new();
    for setting in settings {
        let as_published = if setting.as_published.is_some() { outcomes.next() } else { None };
        let seeds: Vec<Outcome> = outcomes.by_ref().take(count as usize).collect();
        let reference = setting.as_published.as_ref().zip(as_published.as_ref());
        let (prepared, run) = reference.unwrap_or((&setting.over_seeds, first_survivor(&seeds)));
        let some = 1..=count.min(costly_seeds);
        let bouncing = some.map(|seed| bouncing(&setting.over_seeds, seed)).collect::<Result<_, _>>();
        measured.push(Measured {
            sensitivity: Sensitivity::measure(file, prepared, run)?,
            bouncing: bouncing.map_err(|error| file.explain(&error))?,
            as_published,
            seeds,
        });
    }
    Ok(measured)
}

/// The first run that did not diverge; the first of all where there is none.
fn first_survivor(seeds: &[Outcome]) -> &Outcome {
    seeds.iter().find(|run| !run.diverged()).unwrap_or(&seeds[0])
}

impl Measured {
    /// The run that is shown by itself: the published one where there is one, else the first seed that did not diverge.
    fn first(&self) -> &Outcome {
        self.as_published.as_ref().unwrap_or(first_survivor(&self.seeds))
    }

    fn diverged(&self) -> Share {
        Share::of(self.seeds.iter().filter(|run| run.diverged()).count(), self.seeds.len())
    }

    /// The last values over seeds; NaN where a run diverged.
    fn finals(&self, series: &str) -> Vec<f64> {
        self.seeds.iter().map(|run| run.final_value(series)).collect()
    }

    /// Records of the runs that did not diverge.
    fn survivors(&self) -> Vec<&Records> {
        self.seeds.iter().filter(|run| !run.diverged()).map(|run| &run.records).collect()
    }

    fn stabilized(&self) -> impl Iterator<Item = &Outcome> {
        self.seeds.iter().filter(|run| run.stabilization.behavior == Behavior::Stabilizes)
    }

    /// Level of the loss, over the seeds whose loss stabilized while the step size was large.
    fn levels(&self) -> Vec<f64> {
        self.stabilized().map(|run| run.stabilization.level).collect()
    }
}

/// The recorded series that have a row in the table: all but the step size.
fn listed(measured: &[Measured]) -> Vec<String> {
    let all = series_names(measured.iter().flat_map(|m| m.as_published.iter().chain(&m.seeds)));
    all.into_iter().filter(|name| name != "step_size").collect()
}

fn csv(settings: &[Setting], measured: &[Measured]) -> String {
    let mut out = String::from(HEADER);
    for (setting, measured) in settings.iter().zip(measured) {
        if let Some(run) = &measured.as_published {
            append_csv(&mut out, &run_prefix(&format!("{}{AS_PUBLISHED}", setting.label), run.seed), &run.all_records);
        }
        for run in &measured.seeds {
            append_csv(&mut out, &run_prefix(&setting.label, run.seed), &run.all_records);
        }
    }
    out
}

fn figure(results: &Results<'_>) -> Result<Figure, Failure> {
    let Results { args, file, settings, measured, .. } = results;
    let recorded = listed(measured);
    // losses and rank first, as in the paper
    let first = ["train_loss", "test_loss", "rank", "nonzero"];
    let features =
        |name: &&str| name.starts_with("feature_sparsity") || name.starts_with("nonzero_share") || *name == "kinks";
    let mut shown: Vec<&str> = first.into_iter().filter(|name| recorded.iter().any(|r| r == name)).collect();
    shown.extend(recorded.iter().map(String::as_str).filter(features));
    shown.push("step_size");
    let groups: Vec<Group<'_>> = settings
        .iter()
        .zip(measured)
        .zip(COLORS)
        .map(|((setting, measured), color)| Group {
            label: &setting.label,
            timetable: Some(setting.as_published.as_ref().unwrap_or(&setting.over_seeds).timetable()),
            thin: Some(&measured.first().records),
            survivors: measured.survivors(),
            diverged: measured.diverged(),
            color,
        })
        .collect();
    let panels = panels(&shown, &groups);
    let mut legend = legend(&groups);
    let known = settings.iter().any(|setting| setting.as_published.is_some());
    let thin = if known { "the published data and indices" } else { "the first seed that did not diverge" };
    legend.push(Entry { mark: Mark::Thin(INK), text: thin.into() });
    let below = match args.figure {
        FigureName::Relu1d => shapes::predictors(file, settings, measured, &mut legend)?,
        FigureName::Teacher2 => shapes::movements(file, settings, measured, &mut legend)?,
        _ => Vec::new(),
    };
    let title = file.spec.title.clone().unwrap_or_default();
    let title = args.fresh.map_or(title.clone(), |n| format!("{title}, {n} fresh data sets"));
    let title = if args.relative { format!("{title}, step sizes relative to thresholds") } else { title };
    let columns = if panels.len() + below.len() > 8 { 4 } else { 3 };
    Ok(Figure { title, columns, panels, legend, below })
}
