#!/usr/bin/env bash
# A sweep under a real Slurm of two nodes: a node's daemon and the controller are killed, the job is canceled and submitted
# again; afterwards the collected tables are, byte for byte, those of a local run. usage: run.sh STEPWELL
set -euo pipefail
stepwell=$(realpath "${1:?usage: run.sh STEPWELL}")
here=$(realpath "$(dirname "$0")")
skip() { echo "SKIPPED: sweeps under Slurm: $*"; exit 0; }

if ! command -v slurmctld >/dev/null || ! command -v slurmd >/dev/null; then
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || skip "slurm-wlm is not installed, and only root could install it"
  { apt-get update -qq && apt-get install -y -qq --no-install-recommends slurm-wlm; } >/dev/null 2>&1 || skip "slurm-wlm cannot be installed"
fi
[ "$(id -u)" = 0 ] || skip "its daemons have to be started by root"

dir=$(mktemp -d)
daemon() { cat "$dir/slurm/$1.pid" 2>/dev/null || true; }
finish() {
  scontrol shutdown >/dev/null 2>&1 || true
  sleep 1
  for name in ctld slurmd.n1 slurmd.n2; do
    pid=$(daemon "$name")
    [ -z "$pid" ] || kill -9 "$pid" 2>/dev/null || true
  done
  rm -rf "$dir"
}
trap finish EXIT
"$here/start.sh" "$dir/slurm" || skip "no Slurm could be started here"
export SLURM_CONF="$dir/slurm/slurm.conf"

cat > "$dir/sweep.toml" <<T
base = "diagonal"
seeds = 8
runs_per_chunk = 2
[set]
# long enough that tasks can be disturbed while they run
steps = 12000000
dynamics.sgd.indices = "seed"
[grid]
schedule.step_size = [0.1, 0.12, 0.15, 0.18, 0.2, 0.4]
T
cd "$dir"
"$stepwell" sweep run sweep.toml --out local
"$stepwell" sweep collect local -o local.parquet
"$stepwell" sweep plan sweep.toml --out cluster >/dev/null

# waits until a command succeeds; a machine under load may need long
within() { # SECONDS WHAT COMMAND..
  local until=$((SECONDS + $1)) seconds=$1 what=$2
  shift 2
  until "$@"; do
    if [ "$SECONDS" -ge "$until" ]; then
      echo "not within $seconds s: $what" >&2
      squeue >&2 || true
      sinfo >&2 || true
      tail -n 5 "$dir"/slurm/*.log cluster/slurm-*.log >&2 || true
      exit 1
    fi
    sleep 0.2
  done
}
done_chunks() { find cluster/chunks -name '0*.parquet' 2>/dev/null | wc -l; }
has_chunks() { [ "$(done_chunks)" -ge "$1" ]; }
at_least() { within 600 "$1 chunks are done" has_chunks "$1"; }
# the queue may be stale, or its answer fail, while a controller or a node starts again
queued_again() { scontrol -o show job "$1" 2>/dev/null | grep -Eq ' Restarts=[1-9]'; }
has_begun() { pgrep -f "sweep work $dir/cluster --shard $1" >/dev/null; }
# right after a job has begun Slurm may call its state transitional; scancel itself would retry only after seconds
signaled() { timeout 1 scancel --batch --signal=TERM "$1" 2>/dev/null; }
canceled() { scancel "$1" 2>/dev/null; }
is_running() { [ "$(squeue --noheader --jobs="$1" --format=%T 2>/dev/null)" = RUNNING ]; }
answers() { scontrol ping 2>/dev/null | grep -q UP; }
submit() { "$stepwell" sweep submit cluster --engine slurm --partition main --time 00:10:00 --array-size 4; }

echo "-- an unknown partition is refused"
if "$stepwell" sweep submit cluster --engine slurm --partition nowhere 2>"$dir/refused"; then exit 1; fi
grep -q "sbatch refused the job" "$dir/refused"

job=$(submit | sed -n 's/^job *\([0-9]*\):.*/\1/p')
echo "-- job $job; a task is warned as before its time limit: it finishes the chunk in hand and is queued again"
at_least 1
within 300 "task ${job}_1 runs" is_running "${job}_1"
within 300 "the worker of task ${job}_1 has begun" has_begun 1/4
within 300 "task ${job}_1 is signaled" signaled "${job}_1"
within 300 "task ${job}_1 is queued again" queued_again "${job}_1"
echo "-- the daemon of a node is killed"
at_least 2
kill -9 "$(daemon slurmd.n1)"
slurmd -N n1
echo "-- the controller is killed and started again"
at_least 4
kill -9 "$(daemon ctld)"
sleep 1
slurmctld
within 300 "the controller answers" answers
echo "-- the job is canceled and submitted again"
at_least 6
within 300 "job $job is canceled" canceled "$job"
"$stepwell" sweep status cluster
submit
at_least 24
"$stepwell" sweep status cluster
"$stepwell" sweep collect cluster -o cluster.parquet
cmp local.parquet cluster.parquet
cmp local.runs.parquet cluster.runs.parquet
echo "the tables of the cluster are those of the local run"
