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
seeds = 16
runs_per_chunk = 2
[set]
dynamics.sgd.indices = "seed"
[grid]
schedule.step_size = [0.15, 0.2, 0.25, 0.282, 0.3, 0.4]
T
cd "$dir"
"$stepwell" sweep run sweep.toml --out local
"$stepwell" sweep collect local -o local.parquet
"$stepwell" sweep plan sweep.toml --out cluster >/dev/null

done_chunks() { find cluster/chunks -name '0*.parquet' 2>/dev/null | wc -l; }
at_least() { # waits until so many chunks are done
  for _ in $(seq 600); do
    [ "$(done_chunks)" -ge "$1" ] && return
    sleep 0.2
  done
  echo "no progress beyond $(done_chunks) chunks" >&2
  squeue >&2 || true
  tail -n 5 cluster/slurm-*.log >&2 || true
  exit 1
}
submit() { "$stepwell" sweep submit cluster --engine slurm --partition main --time 00:10:00 --array-size 4; }

echo "-- an unknown partition is refused"
if "$stepwell" sweep submit cluster --engine slurm --partition nowhere 2>"$dir/refused"; then exit 1; fi
grep -q "sbatch refused the job" "$dir/refused"

job=$(submit | sed -n 's/^job *\([0-9]*\):.*/\1/p')
echo "-- job $job; a task is warned as before its time limit: it finishes the chunk in hand and is queued again"
at_least 1
scancel --batch --signal=TERM "${job}_1"
for k in $(seq 100); do
  scontrol -o show job "${job}_1" | grep -q ' Restarts=1 ' && break
  [ "$k" -lt 100 ] || { echo "not queued again" >&2; scontrol -o show job "$job" >&2; exit 1; }
  sleep 0.2
done
echo "-- the daemon of a node is killed"
at_least 2
kill -9 "$(daemon slurmd.n1)"
slurmd -N n1
echo "-- the controller is killed and started again"
at_least 4
kill -9 "$(daemon ctld)"
sleep 1
slurmctld
echo "-- the job is canceled and submitted again"
at_least 6
for _ in $(seq 50); do scancel "$job" 2>/dev/null && break; sleep 0.2; done
"$stepwell" sweep status cluster
submit
at_least 48
"$stepwell" sweep status cluster
"$stepwell" sweep collect cluster -o cluster.parquet
cmp local.parquet cluster.parquet
cmp local.runs.parquet cluster.runs.parquet
echo "the tables of the cluster are those of the local run"
