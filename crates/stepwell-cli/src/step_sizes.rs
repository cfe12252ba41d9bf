//! What `phase` and `advise` share: a spec whose step size varies, and runs that are kept for further questions.

use std::path::{Path, PathBuf};
use std::time::Instant;

use stepwell_lab::drive::Watch;
use stepwell_lab::error::LabError;
use stepwell_lab::experiment::Experiment;
use stepwell_lab::findings::Findings;
use stepwell_lab::phase::Protocol;
use stepwell_store::kept::KeptOutcomes;
use stepwell_store::run_folder::{Claim, Heading, Kind, RunFolder};
use stepwell_store::shell::quoted;

use crate::cli::ResultArgs;
use crate::commands::run::stem;
use crate::deliver::{Delivery, stopped};
use crate::failure::Failure;
use crate::spec_file::SpecFile;
use crate::terminal::{Terminal, explain};

/// A spec file, or a figure's spec by its name. It has a title, and paths that hold anywhere.
pub fn open(path: &Path, sets: &[String]) -> Result<SpecFile, Failure> {
    let mut file = SpecFile::named(path, sets)?;
    file.spec = file.anywhere();
    file.spec.title.get_or_insert_with(|| stem(path));
    Ok(file)
}

/// What is asked, and where the answer goes.
pub struct Asked<'a> {
    /// Which command it is.
    pub kind: Kind,
    /// The options that change the answer.
    pub options: String,
    /// The spec's file.
    pub spec: &'a Path,
    /// What becomes of the results.
    pub results: &'a ResultArgs,
}

/// Answers a question by `measure`, unless the answer is at hand; runs that have ended are kept.
pub fn answer(
    asked: &Asked<'_>,
    file: &SpecFile,
    protocol: &Protocol<'_>,
    started: Instant,
    measure: impl FnOnce(&dyn Watch) -> Result<Experiment, LabError>,
) -> Result<(), Failure> {
    let Asked { kind, options, results, .. } = asked;
    let name = kind.name();
    let command = format!("stepwell {name} - {options}");
    let heading = Heading::new(*kind, options.clone(), command, file.inputs()?, protocol.spec().to_toml());
    let what = if *kind == Kind::Phase { "phase" } else { "advice" };
    let default = || PathBuf::from("results").join(format!("{}-{what}", stem(asked.spec)));
    let out = results.out.clone().unwrap_or_else(default);
    let folder = RunFolder::claim(&out, &heading, results.claim(Claim::Further))?;
    let mut delivery = Delivery::new(&folder, &heading, what, results, started);
    if *kind == Kind::Advise {
        let advised = quoted(&out.join("advised.toml").display().to_string());
        delivery.remark = format!("; run it: stepwell run {advised} --seeds 20");
    }
    if let Some(experiment) = folder.at_hand()? {
        delivery.again(experiment)?;
        return Ok(());
    }
    let terminal = Terminal::new();
    let kept = KeptOutcomes::open(&terminal, folder.path(), &heading.hashes())?;
    let measured = measure(&kept);
    kept.sync()?;
    drop(kept);
    drop(terminal);
    let experiment = measured.map_err(|error| match error {
        LabError::Stopped => stopped(&folder),
        error => explain(error, file),
    })?;
    if let Findings::Advice(found) = &experiment.findings {
        folder.write("advised.toml", found.spec.as_bytes())?;
    }
    delivery.of(experiment)?;
    Ok(())
}
