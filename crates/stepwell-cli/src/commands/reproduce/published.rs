//! Figures of the paper: each published run with the published data and indices, and over seeds, beside what was printed.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Instant;

use serde_json::{Map, Value, json};
use stepwell::metrics::Phase;
use stepwell::probe::Probe;
use stepwell::record::Records;
use stepwell::run::Status;
use stepwell::spec::Prepared;
use stepwell::statistics::{Band, Share};

use super::sensitivity::Sensitivity;
use super::verdict::{Verdict, as_published};
use super::{authors_seconds, embedded_spec, folder};
use crate::cli::ReproduceArgs;
use crate::ensemble::{Job, Outcome, bouncing, run_all};
use crate::failure::Failure;
use crate::figures::series::{Group, legend, panels};
use crate::figures::{COLORS, Entry, Figure, INK, Mark};
use crate::output::{
    band_text, number, percent, print, print_json, probe_words, share_text, short, significant, table, thousands,
};
use crate::spec_file::SpecFile;
use crate::store::{Folder, append_csv};
use crate::{interrupt, progress};

const DEFAULT_SEEDS: u64 = 100;
/// The panels, in the paper's order.
const SHOWN: [Probe; 5] = [Probe::TrainLoss, Probe::TestLoss, Probe::Rank, Probe::Nonzero, Probe::StepSize];

/// One published setting: as it was published, and over seeds.
struct Setting {
    label: String,
    published: BTreeMap<String, f64>,
    as_published: Prepared,
    over_seeds: Prepared,
}

/// What was measured of a setting.
struct Measured {
    as_published: Outcome,
    seeds: Vec<Outcome>,
    sensitivity: Sensitivity,
    /// Share of sign changes along the dominant direction, one a seed.
    bouncing: Vec<f64>,
}

/// Runs the figure.
pub fn run(args: &ReproduceArgs) -> Result<ExitCode, Failure> {
    let started = Instant::now();
    let name = args.figure.name();
    let text = embedded_spec(name).unwrap_or_default();
    let file = SpecFile::embedded(&format!("{name}.toml"), text, &[])?;
    let folder = folder(args)?;
    let settings = settings(&file, args.fresh.is_some())?;
    let count = args.fresh.or(args.seeds).unwrap_or(DEFAULT_SEEDS);
    let measured = measure(&file, &settings, count)?;
    folder.write("spec.toml", text.as_bytes())?;
    folder.write("records.csv", csv(&settings, &measured).as_bytes())?;
    if interrupt::stopped() {
        return Err(Failure::interrupted(format!(
            "interrupted; what was recorded lies in {}",
            folder.path().display()
        )));
    }
    let probes = listed(&file);
    figure(&file, &settings, &measured, args).write(&folder, name)?;
    let elapsed = started.elapsed().as_secs_f64();
    let summary = summary(name, elapsed, &probes, &settings, &measured);
    folder.write("summary.json", format!("{summary:#}\n").as_bytes())?;
    if args.json {
        print_json(&summary)?;
    } else {
        print(&report(&file, args, count, elapsed, &probes, &settings, &measured, &folder))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn settings(file: &SpecFile, fresh_data: bool) -> Result<Vec<Setting>, Failure> {
    let one = |variant: &stepwell::spec::VariantSpec| {
        let spec = file.spec.with_variant(variant);
        Ok(Setting {
            label: variant.label.clone(),
            published: variant.published.clone(),
            over_seeds: file.prepare(&spec.seeded(fresh_data))?,
            as_published: file.prepare(&spec)?,
        })
    };
    file.spec.variants.iter().map(one).collect()
}

/// The probes of the table: all that are recorded, the step size left out.
fn listed(file: &SpecFile) -> Vec<Probe> {
    let record = &file.spec.record;
    record.probes.iter().chain(&record.costly).copied().filter(|probe| *probe != Probe::StepSize).collect()
}

fn measure(file: &SpecFile, settings: &[Setting], count: u64) -> Result<Vec<Measured>, Failure> {
    let costly_seeds = file.spec.record.costly_seeds;
    let mut jobs = Vec::new();
    for setting in settings {
        jobs.push(Job { prepared: &setting.as_published, seed: 1, costly_everywhere: true });
        jobs.extend((1..=count).map(|seed| Job {
            prepared: &setting.over_seeds,
            seed,
            costly_everywhere: seed <= costly_seeds,
        }));
    }
    let bar = progress::bar(jobs.len() as u64, "runs");
    let outcomes = run_all(&jobs, &bar).map_err(|error| file.explain(&error))?;
    bar.finish_and_clear();
    let mut outcomes = outcomes.into_iter();
    settings
        .iter()
        .map(|setting| {
            let as_published = outcomes.next().ok_or_else(|| Failure::other("a run is missing"))?;
            let seeds: Vec<Outcome> = outcomes.by_ref().take(count as usize).collect();
            let explain = |error| file.explain(&error);
            let some = 1..=count.min(costly_seeds);
            Ok(Measured {
                sensitivity: Sensitivity::measure(file, &setting.as_published, &as_published)?,
                bouncing: some
                    .map(|seed| bouncing(&setting.over_seeds, seed).map_err(explain))
                    .collect::<Result<_, _>>()?,
                as_published,
                seeds,
            })
        })
        .collect()
}

impl Measured {
    fn diverged(&self) -> Share {
        Share::of(self.seeds.iter().filter(|run| run.diverged()).count(), self.seeds.len())
    }

    fn finals(&self, probe: Probe) -> Vec<f64> {
        self.seeds.iter().map(|run| run.final_value(probe.name())).collect()
    }

    /// Records of the runs that did not diverge.
    fn survivors(&self) -> Vec<&Records> {
        self.seeds.iter().filter(|run| !run.diverged()).map(|run| &run.records).collect()
    }

    /// Level of the loss, over the seeds whose loss stabilized while the step size was large.
    fn levels(&self) -> Vec<f64> {
        let stabilized = self.seeds.iter().filter(|run| run.stabilization.phase == Phase::Stabilized);
        stabilized.map(|run| run.stabilization.level).collect()
    }
}

fn csv(settings: &[Setting], measured: &[Measured]) -> String {
    let mut out = String::from("run,seed,step,series,value\n");
    for (setting, measured) in settings.iter().zip(measured) {
        let label = setting.label.replace('"', "\"\"");
        append_csv(&mut out, &format!("\"{label}\",published,"), &measured.as_published.records);
        for run in &measured.seeds {
            append_csv(&mut out, &format!("\"{label}\",{},", run.seed), &run.records);
        }
    }
    out
}

fn summary(name: &str, elapsed: f64, probes: &[Probe], settings: &[Setting], measured: &[Measured]) -> Value {
    let runs: Vec<Value> = settings
        .iter()
        .zip(measured)
        .map(|(setting, measured)| {
            let share = measured.diverged();
            let finals: Map<String, Value> =
                probes.iter().map(|probe| (probe.name().to_string(), final_json(setting, measured, *probe))).collect();
            let level = Band::of(&measured.levels());
            json!({
                "label": setting.label,
                "step_size": setting.as_published.spec().schedule.step_size,
                "seeds": share.total,
                "diverged": share.hits,
                "diverged_interval": [share.low, share.high],
                "published_indices_diverged_at": match measured.as_published.status {
                    Status::Diverged { step } => json!(step),
                    _ => Value::Null,
                },
                "final": finals,
                "stabilization": {
                    "stabilized": level.count,
                    "level": { "median": number(level.median), "p10": number(level.p10), "p90": number(level.p90) },
                    "bouncing": number(Band::of(&measured.bouncing).median),
                },
                "sensitivity": {
                    "contracting": measured.sensitivity.is_contracting(),
                    "departs_at": measured.sensitivity.departs_at,
                    "difference_at_end": number(measured.sensitivity.difference_at_end),
                },
            })
        })
        .collect();
    json!({ "figure": name, "version": env!("CARGO_PKG_VERSION"), "elapsed_s": elapsed, "runs": runs })
}

fn final_json(setting: &Setting, measured: &Measured, probe: Probe) -> Value {
    let published = setting.published.get(probe.name()).copied();
    let (here, finals) = (measured.as_published.final_value(probe.name()), measured.finals(probe));
    let band = Band::of(&finals);
    json!({
        "published": published.map_or(Value::Null, number),
        "published_indices": number(here),
        "median": number(band.median),
        "p10": number(band.p10),
        "p90": number(band.p90),
        "verdict": Verdict::of(published, here, &finals).words(),
    })
}

#[allow(clippy::too_many_arguments)] // the parts of one page
fn report(
    file: &SpecFile,
    args: &ReproduceArgs,
    count: u64,
    elapsed: f64,
    probes: &[Probe],
    settings: &[Setting],
    measured: &[Measured],
    folder: &Folder,
) -> String {
    let title = file.spec.title.clone().unwrap_or_default();
    let what =
        if args.fresh.is_some() { "fresh data sets, one a seed" } else { "index seeds on the published data set" };
    let last = file.spec.steps;
    let mut out = format!("{title}\n{} steps; {count} {what}; values at the last recording point.\n", thousands(last));
    out += &format!("{}\n\n", values_table(probes, settings, measured));
    out += &format!(
        "Loss stabilization while the step size is not decayed\n{}\n\n",
        stabilization_table(settings, measured)
    );
    out += &format!("{}\n", digits_text(settings, measured));
    let place = folder.path().display();
    let name = args.figure.name();
    out += &format!("figure   {place}/{name}.svg, {place}/{name}.png\n");
    out += &format!("records  {place}/records.csv\njson     {place}/summary.json\n");
    let runs: usize = measured.iter().map(|m| m.seeds.len() + 1).sum();
    let authors = authors_seconds(args.figure)
        .map_or(String::new(), |s| format!("; the authors' scripts take {s} s for one seed"));
    out += &format!("time     {elapsed:.1} s for {runs} runs{authors}\n");
    out
}

fn values_table(probes: &[Probe], settings: &[Setting], measured: &[Measured]) -> String {
    let header = ["run", "value", "published", "published indices", "median [10%, 90%]", "diverged [95%]", "verdict"];
    let mut table = table(&header);
    for (setting, measured) in settings.iter().zip(measured) {
        for (k, probe) in probes.iter().enumerate() {
            let published = setting.published.get(probe.name()).copied();
            let (here, finals) = (measured.as_published.final_value(probe.name()), measured.finals(*probe));
            let here_text = match measured.as_published.status {
                Status::Diverged { step } => format!("diverged at {}", thousands(step)),
                _ => significant(here, 4),
            };
            table.add_row([
                if k == 0 { setting.label.clone() } else { String::new() },
                probe_words(probe.name()),
                published.map_or("–".into(), as_published),
                here_text,
                band_text(&Band::of(&finals)),
                if k == 0 { share_text(&measured.diverged()) } else { String::new() },
                Verdict::of(published, here, &finals).words(),
            ]);
        }
    }
    table.trim_fmt()
}

fn stabilization_table(settings: &[Setting], measured: &[Measured]) -> String {
    let mut table = table(&[
        "run",
        "stabilized [95%]",
        "else",
        "from step",
        "level δ, median [10%, 90%]",
        "sign changes along the top eigenvector",
    ]);
    for (setting, measured) in settings.iter().zip(measured) {
        let levels = measured.levels();
        let from = |run: &&Outcome| run.stabilization.phase == Phase::Stabilized;
        let from: Vec<f64> = measured.seeds.iter().filter(from).map(|run| run.stabilization.from as f64).collect();
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

/// What the loss of those seeds did that did not stabilize.
fn other_phases(runs: &[Outcome]) -> String {
    let count = |phase: Phase| runs.iter().filter(|run| run.stabilization.phase == phase).count();
    let others = Phase::ALL.into_iter().filter(|phase| *phase != Phase::Stabilized && count(*phase) > 0);
    let parts: Vec<String> = others.map(|phase| format!("{} {}", count(phase), phase.name())).collect();
    if parts.is_empty() { "–".into() } else { parts.join(", ") }
}

/// Which numbers can be reproduced to the digit, from what was measured.
fn digits_text(settings: &[Setting], measured: &[Measured]) -> String {
    let mut out = String::from(
        "Which digits can be reproduced: each published run once more, one parameter changed by one unit in its last place\n",
    );
    for (setting, measured) in settings.iter().zip(measured) {
        let Sensitivity { departs_at, difference_at_end } = measured.sensitivity;
        out += &match departs_at {
            Some(step) => format!(
                "  {}: 1% apart from step {} on. Chaotic: its end is one draw, decided by rounding; compare distributions.\n",
                setting.label,
                thousands(step)
            ),
            None if measured.sensitivity.is_contracting() => format!(
                "  {}: {} apart at the end. Contracting: its digits can be reproduced on any machine.\n",
                setting.label,
                significant(difference_at_end, 1)
            ),
            None => format!(
                "  {}: {} apart at the end. Its first digits can be reproduced.\n",
                setting.label,
                significant(difference_at_end, 1)
            ),
        };
    }
    out
}

fn figure(file: &SpecFile, settings: &[Setting], measured: &[Measured], args: &ReproduceArgs) -> Figure {
    let record = &file.spec.record;
    let recorded: Vec<Probe> = record.probes.iter().chain(&record.costly).copied().collect();
    let shown = SHOWN.into_iter().filter(|probe| recorded.contains(probe)).map(Probe::name).collect::<Vec<_>>();
    let groups: Vec<Group<'_>> = settings
        .iter()
        .zip(measured)
        .zip(COLORS)
        .map(|((setting, measured), color)| Group {
            label: &setting.label,
            prepared: &setting.as_published,
            thin: Some(&measured.as_published.records),
            survivors: measured.survivors(),
            diverged: measured.diverged(),
            color,
        })
        .collect();
    let title = file.spec.title.clone().unwrap_or_default();
    let title = args.fresh.map_or(title.clone(), |n| format!("{title}, {n} fresh data sets"));
    let mut legend = legend(&groups);
    legend.push(Entry { mark: Mark::Thin(INK), text: "the published data and indices".into() });
    Figure { title, columns: 3, panels: panels(&shown, &groups), legend }
}
