//! One page for a browser: panels that it draws, tables, specs and commands; it needs nothing but itself.

use std::fmt::Write;

use stepwell::outcome::Outcome;
use stepwell::statistics::Band;
use stepwell::words::{band_of_text, probe_label, share_text, short, thousands};
use stepwell_lab::setting::Setting;

use super::encoding::Words;
use super::model::{self, MOST_SETTINGS};
use super::print::title;
use super::source::{Source, full_label, last, last_step, series_names, settings};

const UPLOT: &str = include_str!("../../assets/uplot/uPlot.iife.min.js");
const UPLOT_STYLE: &str = include_str!("../../assets/uplot/uPlot.min.css");
const SCRIPT: &str = include_str!("../../assets/report/report.js");
const STYLE: &str = include_str!("../../assets/report/report.css");

/// What the page may do: run its own script and style, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/// The page; at most `most_runs` runs are drawn one by one.
pub fn page(sources: &[Source], most_runs: usize) -> String {
    let mut words = Words::default();
    let model = model::of(sources, most_runs, &mut words);
    // within a script element `<` could only begin what ends it
    let model = model.to_string().replace('<', "\\u003c");
    let title = escaped(&title(sources));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <link rel=\"icon\" href=\"data:,\">\n<title>{title}</title>\n<style>\n{UPLOT_STYLE}\n{STYLE}</style>\n</head>\n<body>\n\
         <header>\n<h1>{title}</h1>\n{}</header>\n{BAR}{}{}\
         <footer>stepwell {} · <code>stepwell explain WORD</code> defines the words of this page · panels drawn with uPlot (MIT, © Leon Sorokin)</footer>\n\
         <script>{UPLOT}</script>\n<script type=\"application/json\" id=\"model\">{model}</script>\n\
         <script type=\"text/plain\" id=\"words\">{}</script>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n",
        head(sources, most_runs),
        tables(sources),
        sources.iter().map(remake).collect::<String>(),
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

fn head(sources: &[Source], most_runs: usize) -> String {
    let runs = sources.iter().flat_map(Source::runs).count();
    let steps = sources.iter().flat_map(Source::runs).map(last_step).max().unwrap_or(0);
    let folders: Vec<String> = sources.iter().map(|e| escaped(&e.name)).collect();
    let mut versions: Vec<String> = sources.iter().map(|e| escaped(&e.version)).collect();
    versions.dedup();
    let mut out = format!(
        "<p class=\"meta\">{} · {} {} up to step {} · computed by stepwell {}</p>\n",
        folders.join(", "),
        thousands(runs as u64),
        if runs == 1 { "run" } else { "runs" },
        thousands(steps),
        versions.join(", ")
    );
    for (source, note) in sources.iter().flat_map(|e| e.experiment.notes.iter().map(move |note| (e, note))) {
        let _ = writeln!(out, "<p class=\"note\">{}: {}</p>", escaped(&source.name), escaped(note));
    }
    let count = settings(sources).count();
    if count > MOST_SETTINGS {
        let _ = writeln!(
            out,
            "<p class=\"note\">The first {MOST_SETTINGS} of {count} settings are drawn; the table has all.</p>"
        );
    }
    if runs > most_runs {
        let _ = writeln!(
            out,
            "<p class=\"meta\">Of {} runs about {most_runs} are drawn one by one (--runs); medians, bands, shares and tables are over all, or as many as they say.</p>",
            thousands(runs as u64)
        );
    }
    out
}

/// Last values over the seeds of each setting, with the share of diverged runs.
fn tables(sources: &[Source]) -> String {
    let names = series_names(sources);
    let mut out = String::from("<h2>Last values</h2>\n<div class=\"scroll\"><table>\n<thead><tr><th>setting</th>");
    for words in ["diverged [95%]", "at step"].map(String::from).into_iter().chain(names.iter().map(|n| probe_label(n)))
    {
        let _ = write!(out, "<th>{}</th>", escaped(&words));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for source in sources {
        for setting in &source.experiment.settings {
            let label = full_label(sources, source, setting);
            out.push_str(&row(&label, setting, &names));
            out.push_str(
                &setting.as_published.as_ref().map_or(String::new(), |run| published_row(&label, run, &names)),
            );
        }
    }
    out.push_str(
        "</tbody>\n</table></div>\n<p class=\"hint\">Median [10%, 90%] of the runs that did not diverge, where each was recorded last, and of how many \
         where that is not all of them; shares with exact 95% intervals.</p>\n",
    );
    out
}

fn row(label: &str, setting: &Setting, names: &[String]) -> String {
    let steps: Vec<f64> = setting.outcomes.iter().filter_map(|run| Some(run.diverged_at()? as f64)).collect();
    let mut out = format!(
        "<tr><th>{}</th><td>{}</td><td>{}</td>",
        escaped(label),
        small(&share_text(&setting.diverged())),
        small(&of_steps(&Band::of(&steps)))
    );
    for name in names {
        let _ = write!(out, "<td>{}</td>", small(&of_band(&last(setting, name), setting.survived())));
    }
    out + "</tr>\n"
}

fn published_row(label: &str, run: &Outcome, names: &[String]) -> String {
    let at = run.diverged_at();
    let mut out = format!(
        "<tr class=\"published\"><th>{}, published</th><td>{}</td><td>{}</td>",
        escaped(label),
        if at.is_some() { "yes" } else { "no" },
        at.map_or("–".into(), thousands)
    );
    for name in names {
        let _ = write!(out, "<td>{}</td>", short(run.records.last(name)));
    }
    out + "</tr>\n"
}

/// One value where there is but one run; how many values there are where that is not `all`.
fn of_band(band: &Band, all: usize) -> String {
    if band.count == 1 && all == 1 { short(band.median) } else { band_of_text(band, all) }
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

fn remake(source: &Source) -> String {
    format!(
        "<h2>Make it again: {}</h2>\n<p class=\"quiet\">With stepwell {} to the same numbers; the command carries what it needs.</p>\n\
         <div class=\"code\"><pre>{}</pre><button type=\"button\" class=\"copy\" hidden>copy</button></div>\n\
         <details><summary>The spec</summary>\n\
         <div class=\"code\"><pre>{}</pre><button type=\"button\" class=\"copy\" hidden>copy</button></div></details>\n",
        escaped(&source.name),
        escaped(&source.version),
        escaped(&source.command),
        escaped(&source.spec)
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
