//! What every command does with an experiment: it is written, drawn and printed.

use std::time::Instant;

use stepwell_lab::experiment::Experiment;
use stepwell_lab::summary::Summary;
use stepwell_plot::figures::figure;
use stepwell_store::run_folder::{Format, Heading, RunFolder};

use crate::failure::Failure;
use crate::interrupt;
use crate::output::{print, print_json};
use crate::print::in_words;

/// Where an experiment goes, and how it is told.
pub struct Delivery<'a> {
    /// The folder of results.
    pub folder: &'a RunFolder,
    /// What it is about.
    pub heading: &'a Heading,
    /// The name of the picture's files.
    pub picture: &'a str,
    /// How records are written.
    pub format: Format,
    /// Whether JSON is printed instead of the table.
    pub json: bool,
    /// When the command began.
    pub started: Instant,
    /// What is added after the time that it took.
    pub remark: String,
}

impl Delivery<'_> {
    /// Writes, draws and prints an experiment that was computed, or that lies in the folder already.
    ///
    /// # Errors
    /// If it cannot be drawn, written or printed.
    pub fn of(&self, experiment: &Experiment) -> Result<(), Failure> {
        let Self { folder, heading, .. } = self;
        folder.write_experiment(experiment, &heading.command, self.format)?;
        if let Some(figure) = figure(experiment) {
            for (name, bytes) in figure.files(self.picture)? {
                folder.write(&name, &bytes)?;
            }
        }
        folder.finish()?;
        self.tell(experiment)
    }

    fn tell(&self, experiment: &Experiment) -> Result<(), Failure> {
        if self.json {
            let summary = Summary::of(experiment, env!("CARGO_PKG_VERSION"), &self.heading.command);
            return print_json(&summary);
        }
        let place = self.folder.path().display();
        let (runs, seconds) = (experiment.runs(), self.started.elapsed().as_secs_f64());
        print(&format!(
            "{}\nfiles    {place}/{{{}}}\ntime     {seconds:.1} s for {runs} run{}{}\n",
            in_words(experiment).trim_end(),
            self.folder.names().join(", "),
            if runs == 1 { "" } else { "s" },
            self.remark,
        ))
    }
}

/// The end of a command that was stopped; what is kept goes on with the same command.
pub fn stopped(folder: &RunFolder) -> Failure {
    let place = folder.path().display();
    interrupt::failure(format!("interrupted; what was computed lies in {place}, and the same command goes on from there"))
}
