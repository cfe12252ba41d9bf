//! `stepwell advise`: a step size and a schedule for a problem, with the evidence.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use crate::cli::AdviseArgs;
use crate::commands::run::stem;
use crate::failure::Failure;
use crate::output::{print, print_json};
use crate::phase::advice::{Question, advise};
use crate::phase::kept::{KeptTrials, is_ours};
use crate::phase::protocol::Protocol;
use crate::phase::validation::validate;
use stepwell_store::folder::Folder;

/// Advises.
pub fn run(args: &AdviseArgs) -> Result<ExitCode, Failure> {
    let started = Instant::now();
    let mut protocol = Protocol::open(&args.spec, &args.sets, args.fresh)?;
    if let Some(until) = args.warmup {
        protocol.warm_up(until);
    }
    let question = Question { level: args.level, seeds: args.seeds };
    let default = || PathBuf::from("results").join(format!("{}-advice", stem(&args.spec)));
    let folder = Folder::claim(&args.out.clone().unwrap_or_else(default), is_ours)?;
    protocol.kept = Some(Arc::new(KeptTrials::open(folder.path())?));
    let advice = advise(&protocol, question)?;
    let title = protocol.spec.title.clone().unwrap_or_else(|| stem(&args.spec));
    let mut file = protocol.file.with_spec(advice.spec.clone());
    file.spec.title = Some(format!("{title}, advised"));
    let toml = file.resolved_anywhere();
    folder.write("advised.toml", toml.as_bytes())?;
    let validation = args.validate.map(|count| validate(&protocol, question, count)).transpose()?;
    let mut json = advice.json();
    json["spec"] = serde_json::Value::from(toml.as_str());
    if let Some(validation) = &validation {
        json["validation"] = validation.json();
    }
    folder.write("advice.json", format!("{json:#}\n").as_bytes())?;
    if args.json {
        print_json(&json)?;
        return Ok(ExitCode::SUCCESS);
    }
    let validation = validation.map_or(String::new(), |validation| format!("\n{}", validation.report()));
    let place = folder.path().display();
    print(&format!(
        "{title}\n{}\n{toml}{validation}\nfiles       {place}/{{advised.toml, advice.json}}\n\
         run it      stepwell run {place}/advised.toml --seeds 20\ntime        {:.1} s\n",
        advice.report(),
        started.elapsed().as_secs_f64()
    ))?;
    Ok(ExitCode::SUCCESS)
}
