//! One page for a browser: panels that it draws, tables, specs and commands; it needs nothing but itself.

use std::fmt::Write;

use stepwell::statistics::Band;
use stepwell::words::{band_text, probe_words, share_text, short, thousands};

use super::encoding::Words;
use super::experiment::{Experiment, Group, Run, full_label, last_step, series_names};
use super::model::{self, MOST_GROUPS};
use super::print::title;

const UPLOT: &str = include_str!("../../assets/uplot/uPlot.iife.min.js");
const UPLOT_STYLE: &str = include_str!("../../assets/uplot/uPlot.min.css");
const SCRIPT: &str = include_str!("../../assets/report/report.js");
const STYLE: &str = include_str!("../../assets/report/report.css");

/// What the page may do: run its own script and style, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/// The page; at most `most_runs` runs are drawn one by one.
pub fn page(experiments: &[Experiment], most_runs: usize) -> String {
    let mut words = Words::default();
    let model = model::of(experiments, most_runs, &mut words);
    // within a script element `<` could only begin what ends it
    let model = model.to_string().replace('<', "\\u003c");
    let title = escaped(&title(experiments));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <link rel=\"icon\" href=\"data:,\">\n<title>{title}</title>\n<style>\n{UPLOT_STYLE}\n{STYLE}</style>\n</head>\n<body>\n\
         <header>\n<h1>{title}</h1>\n{}</header>\n{BAR}{}{}\
         <footer>stepwell {} · panels drawn with uPlot (MIT, © Leon Sorokin)</footer>\n\
         <script>{UPLOT}</script>\n<script type=\"application/json\" id=\"model\">{model}</script>\n\
         <script type=\"text/plain\" id=\"words\">{}</script>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n",
        head(experiments, most_runs),
        tables(experiments),
        experiments.iter().map(remake).collect::<String>(),
        env!("CARGO_PKG_VERSION"),
        words.to_text(),
    )
}

/// What is filled by the script.
const BAR: &str = "<noscript><p class=\"note\">Panels need a browser with JavaScript; tables, spec and command stand below.</p></noscript>\n\
    <div id=\"bar\" hidden>\n\
    <button type=\"button\" id=\"runs\" title=\"Each run as a thin line\">runs</button>\n\
    <button type=\"button\" id=\"bands\" title=\"From 10% to 90% of the runs that did not diverge\">bands</button>\n\
    <button type=\"button\" id=\"log-steps\" title=\"Logarithmic steps\">log steps</button>\n\
    <button type=\"button\" id=\"reset\" title=\"Show all steps (or double click on a panel)\">reset zoom</button>\n\
    <span id=\"at\"></span>\n</div>\n\
    <div id=\"groups\"></div>\n<div id=\"panels\"></div>\n\
    <p class=\"hint\">Thick: median of the runs that did not diverge; band: their 10% to 90%; thin: single runs. × a run diverged; strokes at \
    the upper edge: all that did. Dashed: the step size is divided. Drag to zoom, double click to see all again.</p>\n";

fn head(experiments: &[Experiment], most_runs: usize) -> String {
    let runs = experiments.iter().flat_map(Experiment::runs).count();
    let steps = experiments.iter().flat_map(Experiment::runs).map(last_step).max().unwrap_or(0);
    let folders: Vec<String> = experiments.iter().map(|e| escaped(&e.name)).collect();
    let mut versions: Vec<String> = experiments.iter().map(|e| escaped(&e.version)).collect();
    versions.dedup();
    let mut out = format!(
        "<p class=\"meta\">{} · {} {} up to step {} · computed by stepwell {}</p>\n",
        folders.join(", "),
        thousands(runs as u64),
        if runs == 1 { "run" } else { "runs" },
        thousands(steps),
        versions.join(", ")
    );
    for (experiment, note) in experiments.iter().flat_map(|e| e.notes.iter().map(move |note| (e, note))) {
        let _ = writeln!(out, "<p class=\"note\">{}: {}</p>", escaped(&experiment.name), escaped(note));
    }
    let groups: usize = experiments.iter().map(|e| e.groups.len()).sum();
    if groups > MOST_GROUPS {
        let _ = writeln!(
            out,
            "<p class=\"note\">The first {MOST_GROUPS} of {groups} settings are drawn; the table has all.</p>"
        );
    }
    if runs > most_runs {
        let _ = writeln!(
            out,
            "<p class=\"meta\">Of {} runs about {most_runs} are drawn one by one (--runs); medians, bands, shares and tables are over all.</p>",
            thousands(runs as u64)
        );
    }
    out
}

/// Last values over the seeds of each setting, with the share of diverged runs.
fn tables(experiments: &[Experiment]) -> String {
    let names = series_names(experiments);
    let mut out = String::from("<h2>Last values</h2>\n<div class=\"scroll\"><table>\n<thead><tr><th>setting</th>");
    for words in ["diverged [95%]", "at step"].map(String::from).into_iter().chain(names.iter().map(|n| probe_words(n)))
    {
        let _ = write!(out, "<th>{}</th>", escaped(&words));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for experiment in experiments {
        for group in &experiment.groups {
            let label = full_label(experiments, experiment, group);
            out.push_str(&row(&label, group, &names));
            for run in group.runs.iter().filter(|run| !run.counts) {
                out.push_str(&row_of_run(&label, run, &names));
            }
        }
    }
    out.push_str(
        "</tbody>\n</table></div>\n<p class=\"hint\">Median [10%, 90%] of the runs that did not diverge, where each was recorded last; \
         shares with 95% Wilson intervals.</p>\n",
    );
    out
}

fn row(label: &str, group: &Group, names: &[String]) -> String {
    let steps: Vec<f64> = group.counted().filter_map(|run| Some(run.diverged_at()? as f64)).collect();
    let mut out = format!(
        "<tr><th>{}</th><td>{}</td><td>{}</td>",
        escaped(label),
        small(&share_text(&group.diverged())),
        small(&of_steps(&Band::of(&steps)))
    );
    for name in names {
        let _ = write!(out, "<td>{}</td>", small(&of_band(&group.last(name))));
    }
    out + "</tr>\n"
}

fn row_of_run(label: &str, run: &Run, names: &[String]) -> String {
    let at = run.diverged_at();
    let mut out = format!(
        "<tr class=\"published\"><th>{}, {}</th><td>{}</td><td>{}</td>",
        escaped(label),
        escaped(&run.seed),
        if at.is_some() { "yes" } else { "no" },
        at.map_or("–".into(), thousands)
    );
    for name in names {
        let _ = write!(out, "<td>{}</td>", short(run.records.last(name)));
    }
    out + "</tr>\n"
}

/// One value where there is but one.
fn of_band(band: &Band) -> String {
    if band.count == 1 { short(band.median) } else { band_text(band) }
}

/// Steps in the same way.
fn of_steps(band: &Band) -> String {
    let step = |value: f64| thousands(value.round() as u64);
    match band.count {
        0 => "–".into(),
        1 => step(band.median),
        _ => format!("{} [{}, {}]", step(band.median), step(band.p10), step(band.p90)),
    }
}

/// A text whose bracketed end is quieter.
fn small(text: &str) -> String {
    match text.split_once(" [") {
        Some((value, interval)) => format!("{} <small>[{}</small>", escaped(value), escaped(interval)),
        None => escaped(text),
    }
}

fn remake(experiment: &Experiment) -> String {
    format!(
        "<h2>Make it again: {}</h2>\n<p class=\"quiet\">With stepwell {} to the same numbers; the command carries what it needs.</p>\n\
         <div class=\"code\"><pre>{}</pre><button type=\"button\" class=\"copy\" hidden>copy</button></div>\n\
         <details><summary>The spec</summary>\n\
         <div class=\"code\"><pre>{}</pre><button type=\"button\" class=\"copy\" hidden>copy</button></div></details>\n",
        escaped(&experiment.name),
        escaped(&experiment.version),
        escaped(&experiment.command),
        escaped(&experiment.spec)
    )
}

/// Text in HTML, also within attributes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}
