//! The array script that works on a sweep under Slurm.

use std::path::Path;

use crate::shell::quoted;

/// What a job array is to be.
pub struct ArrayJob<'a> {
    /// This program.
    pub program: &'a Path,
    /// The sweep's folder.
    pub folder: &'a Path,
    /// Number of array tasks.
    pub tasks: u64,
    /// Time limit of a task, as Slurm writes it.
    pub time: &'a str,
    /// Where it runs.
    pub partition: Option<&'a str>,
}

/// Seconds between the warning and the time limit.
const WARNING: u32 = 60;

impl ArrayJob<'_> {
    /// The script: each task works on its share of the chunks. Before its time is up it finishes the chunk in hand and is
    /// queued again. What is done is read from the folder, so that a task that runs twice does nothing twice.
    pub fn script(&self) -> String {
        let partition = self.partition.map_or(String::new(), |name| format!("#SBATCH --partition={name}\n"));
        let [program, folder] = [self.program, self.folder].map(|path| quoted(&path.display().to_string()));
        let (tasks, last, time) = (self.tasks, self.tasks - 1, self.time);
        let log = self.folder.join("slurm-%A_%a.log");
        let log = log.display();
        format!(
            r#"#!/bin/bash
#SBATCH --job-name=stepwell
#SBATCH --array=0-{last}
#SBATCH --time={time}
{partition}#SBATCH --signal=B:TERM@{WARNING}
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output="{log}"
worker=
stopping=
trap 'stopping=yes; kill -TERM "$worker" 2>/dev/null' TERM
{program} --jobs "${{SLURM_CPUS_PER_TASK:-1}}" sweep work {folder} --shard "$SLURM_ARRAY_TASK_ID/{tasks}" &
worker=$!
[ -z "$stopping" ] || kill -TERM "$worker"
wait "$worker"
code=$?
while kill -0 "$worker" 2>/dev/null; do
  wait "$worker"
  code=$?
done
# the time is up: queue the task again, unless the job was canceled meanwhile
task="${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}"
if [ -n "$stopping" ] && [ "$(squeue --noheader --jobs="$task" --format=%T)" = RUNNING ]; then
  scontrol requeue "$task"
fi
exit "$code"
"#
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_is_one_that_bash_reads() {
        let job = ArrayJob {
            program: Path::new("/opt/it's here/stepwell"),
            folder: Path::new("/data/my sweep"),
            tasks: 8,
            time: "01:00:00",
            partition: Some("main"),
        };
        let script = job.script();
        assert!(script.contains("#SBATCH --array=0-7\n#SBATCH --time=01:00:00\n#SBATCH --partition=main\n"));
        assert!(script.contains(r"'/opt/it'\''s here/stepwell' --jobs"));
        assert!(script.contains("--shard \"$SLURM_ARRAY_TASK_ID/8\""));
        assert!(!ArrayJob { partition: None, ..job }.script().contains("partition"));
    }
}
