//! A progress bar on stderr, drawn only on a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar of `total` pieces of work called `what`.
pub fn bar(total: u64, what: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    let template = "{msg} {bar:30.cyan/dim} {pos}/{len} {elapsed} (left: {eta})";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_message(what.to_string());
    bar
}

/// A bar of runs with their rate; `before` of them are done already.
pub fn rate_bar(total: u64, before: u64, message: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr()).with_position(before);
    let template = "runs {bar:30.cyan/dim} {human_pos}/{human_len} {per_sec} (left: {eta}) {msg}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_message(message.to_string());
    bar.reset_eta();
    bar
}

/// The bars of trainings beside each other.
#[cfg(feature = "deep")]
static TRAININGS: std::sync::LazyLock<indicatif::MultiProgress> =
    std::sync::LazyLock::new(|| indicatif::MultiProgress::with_draw_target(ProgressDrawTarget::stderr()));

/// A bar of training steps; `before` of them are taken already. Its message says how it goes.
#[cfg(feature = "deep")]
pub fn training_bar(total: u64, before: u64) -> ProgressBar {
    let bar = TRAININGS.add(ProgressBar::new(total)).with_position(before);
    let template = "step {bar:30.cyan/dim} {human_pos}/{human_len} (left: {eta}) {msg}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.reset_eta();
    bar
}
