//! `stepwell sweep submit`: hands a sweep to a cluster's scheduler.

use std::process::{Command, ExitCode};

use stepwell::words::thousands;
use stepwell_store::folder::Folder;
use stepwell_store::sweep::folder::SweepFolder;
use stepwell_store::sweep::frozen::check_unchanged;
use stepwell_store::sweep::slurm::ArrayJob;

use super::args::{Engine, SubmitArgs};
use crate::failure::Failure;
use crate::output::print;

/// Array tasks unless asked otherwise: each is a matter of half a second to a scheduler.
const TASKS: u64 = 64;

/// Runs it.
pub fn run(args: &SubmitArgs) -> Result<ExitCode, Failure> {
    let folder = SweepFolder::open(&args.folder)?;
    check_unchanged(&folder.plan)?;
    let left = (0..folder.plan.chunks()).filter(|chunk| !folder.has(*chunk)).count() as u64;
    if left == 0 {
        print("nothing is left to compute\n")?;
        return Ok(ExitCode::SUCCESS);
    }
    let absolute = |path| std::path::absolute(path).map_err(|error| Failure::other(format!("{error}")));
    let program =
        std::env::current_exe().map_err(|error| Failure::other(format!("cannot find this program: {error}")))?;
    let place = absolute(folder.path())?;
    let job = ArrayJob {
        program: &program,
        folder: &place,
        tasks: args.array_size.unwrap_or(TASKS).min(folder.plan.chunks()),
        time: &args.time,
        partition: args.partition.as_deref(),
    };
    let script = job.script();
    if args.dry_run {
        print(&script)?;
        return Ok(ExitCode::SUCCESS);
    }
    let file = Folder::create(&place)?.write("slurm.sh", script.as_bytes())?;
    match args.engine {
        Engine::Slurm => {
            let id = sbatch(Command::new("sbatch").arg("--parsable").arg(file))?;
            print(&format!(
                "job      {id}: {} tasks for {} chunks\nnext     stepwell sweep status {}\n",
                job.tasks,
                thousands(left),
                folder.path().display()
            ))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The number of the submitted job.
fn sbatch(command: &mut Command) -> Result<String, Failure> {
    let output =
        command.output().map_err(|error| Failure::other(format!("sbatch: {error}; is Slurm installed here?")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_string());
    }
    Err(Failure::other(format!("sbatch refused the job: {}", String::from_utf8_lossy(&output.stderr).trim())))
}
