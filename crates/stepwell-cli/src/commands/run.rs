//! `stepwell run`: a spec of the user's, for one seed or many.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use serde_json::{Map, Value, json};
use stepwell::container::Container;
use stepwell::run::Status;
use stepwell::spec::Prepared;
use stepwell::statistics::{Band, Share};
use stepwell::tensor::Tensor;
use stepwell::verdict::Behavior;
use stepwell::words::{band_text, probe_words, share_text, short, thousands};
use stepwell_plot::figure::Figure;
use stepwell_plot::series::{Group, legend, panels};
use stepwell_plot::style::COLORS;

use crate::checkpoint::{every, warn};
use crate::cli::RunArgs;
use crate::ensemble::{Job, Outcome, Terminal, explain, run_watched, series_names};
use crate::failure::{Failure, code};
use crate::figures;
use crate::output::{band_json, number, print, print_json, table};
use crate::records_rows::{HEADER, append_csv, run_prefix};
use crate::report::{self, tensorboard};
use crate::spec_file::SpecFile;
use crate::{interrupt, progress};
use stepwell_lab::drive;
use stepwell_store::checkpoints::{self, Checkpoints, RUNS};
use stepwell_store::container::to_bytes;
use stepwell_store::folder::Folder;
use stepwell_store::lock::Lock;
use stepwell_store::pace::Clock;

/// A setting of the spec with its runs: the spec itself, or one of its variants.
struct Setting {
    label: String,
    prepared: Prepared,
    runs: Vec<Outcome>,
}

/// Runs the spec.
pub fn run(args: &RunArgs) -> Result<ExitCode, Failure> {
    let started = Instant::now();
    let file = SpecFile::read(&args.spec, &args.sets)?;
    let prepared = prepare(&file)?;
    let out = args.out.clone().unwrap_or_else(|| default_folder(&args.spec));
    let folder = Folder::claim(&out, is_a_run)?;
    let header = format!(
        "# stepwell {}; seed {}, {} seed{}\n",
        env!("CARGO_PKG_VERSION"),
        args.seed,
        args.seeds,
        if args.seeds == 1 { "" } else { "s" }
    );
    let plan = format!("{header}{}", file.resolved_anywhere());
    let place = folder.path().display();
    let lock = Lock::take_and_remove(&folder.path().join(".stepwell-lock"))?;
    let _lock = lock.ok_or_else(|| Failure::locked(format!("{place} is being worked on by another process")))?;
    folder.sweep_up();
    claim(&folder, &plan, args)?;
    if args.resume && folder.read(SUMMARY).is_some() {
        eprintln!("{place} is complete: nothing is left to do");
        return Ok(ExitCode::SUCCESS);
    }
    let settings = run_settings(&file, prepared, args, &folder, &plan)?;
    folder.write("records.csv", csv(&settings).as_bytes())?;
    if interrupt::stopped() {
        return Err(interrupt::failure(format!(
            "interrupted; what was recorded lies in {place}, and the same command with --resume goes on from there"
        )));
    }
    folder.write("parameters.safetensors", &parameters(&settings)?)?;
    let names = series_names(settings.iter().flat_map(|setting| &setting.runs));
    figures::write(&folder, &figure(&file, &settings, &names), "figure")?;
    let predictors = predictors(&settings);
    if let Some(rows) = &predictors {
        folder.write("predictor.csv", rows.as_bytes())?;
    }
    let summary = summary(&settings, &names);
    folder.write(SUMMARY, format!("{summary:#}\n").as_bytes())?;
    if args.tensorboard {
        tensorboard::write(&[report::read(folder.path(), false)?], &folder.path().join("tensorboard"))?;
    }
    remove_checkpoints(&folder)?;
    if args.json {
        print_json(&summary)?;
    } else {
        print(&report(&settings, &names, &folder, predictors.is_some(), started.elapsed().as_secs_f64()))?;
    }
    let diverged = settings.iter().flat_map(|setting| &setting.runs).any(Outcome::diverged);
    Ok(if diverged && args.fail_on_diverge { ExitCode::from(code::FAILURE) } else { ExitCode::SUCCESS })
}

/// The last file that a run writes.
const SUMMARY: &str = "summary.json";

fn default_folder(spec: &Path) -> PathBuf {
    PathBuf::from("results").join(stem(spec))
}

/// The name of a spec's file without its ending; `run` for stdin.
pub fn stem(spec: &Path) -> String {
    let stem = spec.file_stem().map_or("run".into(), |stem| stem.to_string_lossy().replace('-', "_"));
    if stem == "_" { "run".to_string() } else { stem }
}

/// The spec, or each of its variants, ready to start.
fn prepare(file: &SpecFile) -> Result<Vec<(String, Prepared)>, Failure> {
    if file.spec.variants.is_empty() {
        let label = file.spec.title.clone().unwrap_or_else(|| "run".into());
        return Ok(vec![(label, file.prepare(&file.spec)?)]);
    }
    let one = |variant| -> Result<_, Failure> {
        Ok((variant_label(variant), file.prepare(&file.spec.with_variant(variant))?))
    };
    file.spec.variants.iter().map(one).collect()
}

fn variant_label(variant: &stepwell::spec::VariantSpec) -> String {
    variant.label.clone()
}

/// Makes the folder this run's own. Another run's folder is left alone unless told otherwise; the same run's is
/// completed: it is deterministic, so that its files come out the same.
fn claim(folder: &Folder, plan: &str, args: &RunArgs) -> Result<(), Failure> {
    let place = folder.path().display();
    match folder.read("run.toml") {
        Some(there) if there != plan.as_bytes() && !args.overwrite => Err(Failure::usage(format!(
            "{place} holds another run (its run.toml differs); name another folder with --out, or --overwrite it"
        ))),
        None if args.resume => Err(Failure::usage(format!("{place} holds no run to resume"))),
        there => {
            if there.is_some_and(|there| there != plan.as_bytes()) {
                folder.remove(SUMMARY)?;
                remove_checkpoints(folder)?;
            }
            folder.write("run.toml", plan.as_bytes())?;
            Ok(())
        }
    }
}

/// Once all files are written they are of no use.
fn remove_checkpoints(folder: &Folder) -> Result<(), Failure> {
    Ok(checkpoints::remove_all(folder.path())?)
}

/// Whether a folder holds a run of ours, by the first line of its `run.toml`.
pub fn is_a_run(path: &Path) -> bool {
    std::fs::read(path.join("run.toml")).is_ok_and(|text| text.starts_with(b"# stepwell "))
}

fn run_settings(
    file: &SpecFile,
    prepared: Vec<(String, Prepared)>,
    args: &RunArgs,
    folder: &Folder,
    plan: &str,
) -> Result<Vec<Setting>, Failure> {
    let costly_seeds = file.spec.record.costly_seeds;
    let seeds =
        |prepared| (0..args.seeds).map(move |k| Job::new(prepared, args.seed.wrapping_add(k), k < costly_seeds));
    let mut jobs: Vec<Job<'_>> = prepared.iter().flat_map(|(_, prepared)| seeds(prepared)).collect();
    // one run has the folder to itself, several have a folder each where they are long
    let alone = jobs.len() == 1;
    for (k, job) in jobs.iter_mut().enumerate() {
        job.description = format!("run {k} of\n{plan}");
    }
    let place = |job: &drive::Job<'_>| {
        let number = || job.description.split(' ').nth(1).and_then(|k| k.parse::<u64>().ok()).unwrap_or(0);
        if alone { folder.path().into() } else { folder.path().join(format!("{RUNS}/{:05}", number())) }
    };
    let bar = progress::bar(jobs.len() as u64, "runs");
    let terminal = Terminal { bar: &bar, clock: Clock::start() };
    let watch = Checkpoints::new(&terminal, every(), &warn, place);
    let mut outcomes = run_watched(&jobs, &watch).map_err(|error| explain(error, file))?.into_iter();
    bar.finish_and_clear();
    drop(jobs);
    let with_runs =
        |(label, prepared)| Setting { label, prepared, runs: outcomes.by_ref().take(args.seeds as usize).collect() };
    Ok(prepared.into_iter().map(with_runs).collect())
}

/// The last parameters by their names in PyTorch's layout, as in `layer1.weight`; of several runs behind `LABEL/SEED/`, labels
/// being numbered where they repeat.
fn parameters(settings: &[Setting]) -> Result<Vec<u8>, Failure> {
    let mut named = Container::default();
    if let [Setting { runs, .. }] = settings
        && let [run] = &runs[..]
    {
        named.tensors.clone_from(&run.parameters);
        return Ok(to_bytes(&named)?);
    }
    for (k, setting) in settings.iter().enumerate() {
        let label = &setting.label;
        let repeats = settings.iter().filter(|other| other.label == *label).count() > 1;
        let label = if repeats { format!("{label} ({k})") } else { label.clone() };
        for run in &setting.runs {
            let one =
                |tensor: &Tensor| Tensor { name: format!("{label}/{}/{}", run.seed, tensor.name), ..tensor.clone() };
            named.tensors.extend(run.parameters.iter().map(one));
        }
    }
    Ok(to_bytes(&named)?)
}

/// All records, those after the last step included.
fn csv(settings: &[Setting]) -> String {
    let mut out = String::from(HEADER);
    for setting in settings {
        for run in &setting.runs {
            append_csv(&mut out, &run_prefix(&setting.label, run.seed), &run.all_records);
        }
    }
    out
}

/// `run,seed,x,h`: what networks with one input have learned, on a grid; `None` where there is nothing of the kind.
fn predictors(settings: &[Setting]) -> Option<String> {
    let mut out = String::from("run,seed,x,h\n");
    let header = out.len();
    for setting in settings {
        for run in &setting.runs {
            let prefix = run_prefix(&setting.label, run.seed);
            run.predictor.iter().for_each(|predictor| predictor.append_csv(&mut out, &prefix));
        }
    }
    (out.len() > header).then_some(out)
}

fn figure(file: &SpecFile, settings: &[Setting], names: &[String]) -> Figure {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let groups: Vec<Group<'_>> = settings
        .iter()
        .zip(COLORS.into_iter().cycle())
        .map(|(setting, color)| {
            let diverged = setting.diverged();
            // all diverged: the lines up to there are better than none
            let all = diverged.hits == diverged.total;
            let survivors = setting.runs.iter().filter(|run| all || !run.diverged()).map(|run| &run.records).collect();
            let timetable = Some(setting.prepared.timetable());
            Group { label: &setting.label, timetable, thin: None, survivors, diverged, color }
        })
        .collect();
    let title = file.spec.title.clone().unwrap_or_else(|| "stepwell".into());
    Figure { title, columns: 3, panels: panels(&names, &groups), legend: legend(&groups), below: Vec::new() }
}

impl Setting {
    fn diverged(&self) -> Share {
        Share::of(self.runs.iter().filter(|run| run.diverged()).count(), self.runs.len())
    }
}

fn summary(settings: &[Setting], names: &[String]) -> Value {
    let one_run = |run: &Outcome| {
        let (status, step) = match run.status {
            Status::Diverged { step } => ("diverged", Some(step)),
            Status::Finished => ("finished", None),
            Status::Running => ("interrupted", None),
        };
        let last = names.iter().map(|name| (name.clone(), number(run.records.last(name))));
        let found = run.stabilization;
        let mut out = json!({
            "seed": run.seed,
            "status": status,
            "diverged_at": step,
            "last": last.collect::<Map<_, _>>(),
            "stabilization": {
                "phase": found.behavior.name(), "from": found.from, "to": found.to,
                "level": number(found.level), "p10": number(found.p10), "p90": number(found.p90),
            },
        });
        if let Some(predictor) = &run.predictor {
            out["kinks_at"] = json!(predictor.kinks);
        }
        out
    };
    let one_setting = |setting: &Setting| {
        let share = setting.diverged();
        let finals = names.iter().map(|name| {
            let band = Band::of(&setting.runs.iter().map(|run| run.final_value(name)).collect::<Vec<_>>());
            (name.clone(), band_json(&band))
        });
        json!({
            "label": setting.label,
            "seeds": share.total,
            "diverged": share.hits,
            "diverged_interval": [share.low, share.high],
            "final": finals.collect::<Map<_, _>>(),
            "runs": setting.runs.iter().map(one_run).collect::<Vec<_>>(),
        })
    };
    json!({ "version": env!("CARGO_PKG_VERSION"), "settings": settings.iter().map(one_setting).collect::<Vec<_>>() })
}

fn report(settings: &[Setting], names: &[String], folder: &Folder, predictor: bool, elapsed: f64) -> String {
    let mut table = table(&["run", "value", "last recorded", "diverged", "loss at the large step size"]);
    for setting in settings {
        for (k, name) in names.iter().enumerate() {
            let first = |text: String| if k == 0 { text } else { String::new() };
            table.add_row([
                first(setting.label.clone()),
                probe_words(name),
                last_text(setting, name),
                first(diverged_text(setting)),
                first(phases_text(setting)),
            ]);
        }
    }
    let place = folder.path().display();
    let more = if predictor { ", predictor.csv" } else { "" };
    format!(
        "{}\nfiles    {place}/{{run.toml, records.csv, parameters.safetensors{more}, summary.json, figure.svg, figure.png}}\ntime     {elapsed:.1} s\n",
        table.trim_fmt()
    )
}

fn last_text(setting: &Setting, name: &str) -> String {
    match &setting.runs[..] {
        [run] => short(run.records.last(name)),
        runs => band_text(&Band::of(&runs.iter().map(|run| run.final_value(name)).collect::<Vec<_>>())),
    }
}

fn diverged_text(setting: &Setting) -> String {
    match &setting.runs[..] {
        [run] => match run.status {
            Status::Diverged { step } => format!("at step {}", thousands(step)),
            _ => "no".into(),
        },
        _ => share_text(&setting.diverged()),
    }
}

fn phases_text(setting: &Setting) -> String {
    if let [run] = &setting.runs[..] {
        let found = run.stabilization;
        return match found.behavior {
            Behavior::Stabilizes => {
                format!(
                    "stabilized at {} [{}, {}] from step {}",
                    short(found.level),
                    short(found.p10),
                    short(found.p90),
                    thousands(found.from)
                )
            }
            phase => phase.name().into(),
        };
    }
    let stabilized = setting.runs.iter().filter(|run| run.stabilization.behavior == Behavior::Stabilizes);
    let levels: Vec<f64> = stabilized.map(|run| run.stabilization.level).collect();
    let share = share_text(&Share::of(levels.len(), setting.runs.len()));
    if levels.is_empty() {
        format!("stabilized: {share}")
    } else {
        format!("stabilized: {share}, at {}", band_text(&Band::of(&levels)))
    }
}
