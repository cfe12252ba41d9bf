//! What every command does with an experiment: it is written, drawn and printed.

use std::time::Instant;

use stepwell_lab::error::LabError;
use stepwell_lab::experiment::Experiment;
use stepwell_lab::summary::Summary;
use stepwell_plot::figures::figure;
use stepwell_store::run_folder::{Format, Heading, RunFolder};

use crate::cli::ResultArgs;
use crate::failure::Failure;
use crate::output::{print, print_json};
use crate::print::{diverged, in_words};

/// Where an experiment goes, and how it is told.
pub struct Delivery<'a> {
    folder: &'a RunFolder,
    heading: &'a Heading,
    picture: &'a str,
    format: Format,
    json: bool,
    started: Instant,
    /// What is added after the time that it took.
    pub remark: String,
    /// What may help where all runs diverge.
    pub help: Option<String>,
}

impl<'a> Delivery<'a> {
    /// To a folder, whose pictures have the name `picture`.
    pub fn new(
        folder: &'a RunFolder,
        heading: &'a Heading,
        picture: &'a str,
        args: &ResultArgs,
        started: Instant,
    ) -> Self {
        let (format, json) = (args.format(), args.json);
        Self { folder, heading, picture, format, json, started, remark: String::new(), help: None }
    }

    /// Writes, draws and prints an experiment that was computed.
    ///
    /// # Errors
    /// If it cannot be drawn, written or printed.
    pub fn of(&self, experiment: Experiment) -> Result<Experiment, Failure> {
        self.folder.write_experiment(&experiment, &self.heading.command, self.format)?;
        self.draw(&experiment)?;
        self.tell(&experiment, &format!(" for {}{}", runs_text(&experiment), self.remark))?;
        Ok(experiment)
    }

    /// The same of trainings, of which some may have been stopped: then what was recorded is written.
    ///
    /// # Errors
    /// That it was stopped; and as of [`Delivery::of`].
    #[cfg(feature = "deep")]
    pub fn of_trainings(&self, experiment: Experiment) -> Result<Experiment, Failure> {
        if experiment.settings.iter().flat_map(|setting| &setting.outcomes).all(|run| run.has_ended()) {
            return self.of(experiment);
        }
        self.folder.write_experiment(&experiment, &self.heading.command, self.format)?;
        Err(stopped(self.folder))
    }

    /// Draws and prints an experiment that lies in the folder already.
    ///
    /// # Errors
    /// If it cannot be drawn, written or printed.
    pub fn again(&self, experiment: Experiment) -> Result<Experiment, Failure> {
        self.folder.keep_all();
        if !self.folder.names().iter().any(|name| name == self.format.file()) {
            self.folder.write_experiment(&experiment, &self.heading.command, self.format)?;
        }
        self.draw(&experiment)?;
        self.tell(
            &experiment,
            "; the results were there already, and nothing was computed (--overwrite computes them again)",
        )?;
        Ok(experiment)
    }

    fn draw(&self, experiment: &Experiment) -> Result<(), Failure> {
        if let Some(figure) = figure(experiment) {
            for (name, bytes) in figure.files(self.picture)? {
                self.folder.write(&name, &bytes)?;
            }
        }
        Ok(self.folder.finish()?)
    }

    fn tell(&self, experiment: &Experiment, remark: &str) -> Result<(), Failure> {
        if self.json {
            return print_json(&Summary::of(experiment, env!("CARGO_PKG_VERSION"), &self.heading.command));
        }
        let (place, files) = (self.folder.path().display(), self.folder.names().join(", "));
        let (words, seconds) = (in_words(experiment), self.started.elapsed().as_secs_f64());
        let diverged = diverged::in_words(experiment, self.help.as_deref());
        let diverged = if diverged.is_empty() { diverged } else { format!("\n\n{}", diverged.trim_end()) };
        print(&format!(
            "{}{diverged}\n\nfiles    {place}/{{{files}}}\ntime     {seconds:.1} s{remark}\n",
            words.trim_end()
        ))
    }

    /// The end of a command that could not get its experiment, or was stopped: the same command goes on with what is kept.
    pub fn failure(&self, error: LabError) -> Failure {
        match error {
            LabError::Stopped => stopped(self.folder),
            error => Failure::of(error),
        }
    }
}

/// The end of a command that was stopped.
pub fn stopped(folder: &RunFolder) -> Failure {
    let place = folder.path().display();
    Failure::halted(format!("interrupted; what was computed lies in {place}, and the same command goes on from there"))
}

fn runs_text(experiment: &Experiment) -> String {
    let runs = experiment.runs();
    format!("{runs} run{}", if runs == 1 { "" } else { "s" })
}
