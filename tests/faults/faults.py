"""Breaks sweeps in many ways and checks that resuming gives the same bytes.

usage: faults.py STEPWELL [--kills N] [--calls N] [--races N]

Kills at random times and at the N-th write, fsync and rename (strace), full disks (a small tmpfs, as root), failing fsync,
races of two processes. The defaults are the short version.
"""

import argparse
import hashlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BASE = """
steps = 3000
model = "diagonal_linear"
loss = "half_mean_square"
[data.sparse_regression]
n = 10
d = 20
sparsity = 3
test = 20
[init.diagonal]
u = 0.1
v = 0.0
[dynamics.sgd]
[schedule]
step_size = 0.1
[record]
first = 3
points = 12
probes = ["train_loss", "test_loss"]
"""
# 120 files of one run each: enough writes, fsyncs and renames to be killed at
SWEEP = """
base = "base.toml"
seeds = 40
runs_per_chunk = 1
[grid]
schedule.step_size = [0.05, 0.1, 4.0]
"""


# a few long runs, each in a folder of its own with checkpoints
LONG = """
base = "base.toml"
seeds = 2
long_runs = true
[set]
steps = 10000000
[grid]
schedule.step_size = [0.05, 4.0]
"""


class Sweep:
    """Sweeps of one plan: whole ones, and broken ones that are resumed."""

    def __init__(self, program, root, text, name, every="10"):
        self.program, self.root, self.name = program, root, name
        self.environment = {**os.environ, "STEPWELL_CHECKPOINT_EVERY": every}
        root.mkdir()
        (root / "base.toml").write_text(BASE)
        (root / "sweep.toml").write_text(text)
        assert self.run("run", "sweep.toml", "--out", "whole").returncode == 0
        self.expected = self.collected(root / "whole")

    def command(self, *arguments, jobs=2):
        return [self.program, "--jobs", str(jobs), "sweep", *map(str, arguments)]

    def run(self, *arguments, before=(), jobs=2):
        command = [*before, *self.command(*arguments, jobs=jobs)]
        return subprocess.run(command, cwd=self.root, env=self.environment, capture_output=True, text=True)

    def start(self, *arguments):
        pipe = subprocess.PIPE
        return subprocess.Popen(self.command(*arguments), cwd=self.root, env=self.environment, stdout=pipe, stderr=pipe, text=True)

    def fresh(self, place=None):
        place = place or self.root / "broken"
        shutil.rmtree(place, ignore_errors=True)
        planned = self.run("plan", "sweep.toml", "--out", place)
        assert planned.returncode == 0, planned.stderr
        return place

    def collected(self, place):
        collected = self.run("collect", place, "-o", self.root / "all.parquet")
        assert collected.returncode == 0, collected.stderr
        names = ["all.parquet", "all.runs.parquet"]
        return [hashlib.sha256((self.root / name).read_bytes()).hexdigest() for name in names]

    def check(self, place, what):
        """Resumes, and compares."""
        resumed = self.run("run", place)
        assert resumed.returncode == 0, f"{what}: {resumed.stderr}"
        assert self.collected(place) == self.expected, f"{what}: other bytes"
        left = [name for name in os.listdir(place / "chunks") if not re.fullmatch(r"\d+\.parquet", name)]
        left += ["runs"] if (place / "runs").exists() else []
        assert not left, f"{what}: left over {left}"


def kills(sweep, count):
    draw = random.Random(1)
    landed = 0
    place = sweep.fresh()
    started = time.monotonic()
    sweep.run("run", place)
    whole = time.monotonic() - started
    for k in range(count):
        place = sweep.fresh()
        child = sweep.start("run", place)
        time.sleep(draw.uniform(0, whole))
        child.send_signal(signal.SIGKILL)
        child.communicate()
        landed += child.returncode == -signal.SIGKILL
        sweep.check(place, f"kill {k}")
    print(f"{sweep.name}: kill -9 at random times: {count} times, {landed} of them before the end; same bytes")
    assert landed > 0 or count == 0


def calls(sweep, count):
    strace = shutil.which("strace")
    if not strace:
        print("SKIPPED: kills at system calls: strace is not installed")
        return
    for call in ["write", "fsync", "rename"]:
        landed = 0
        for k in range(1, count + 1):
            place = sweep.fresh()
            pattern = {"rename": "/^rename"}.get(call, call)
            inject = [strace, "-f", "-qq", "-o", "/dev/null", "-e", f"trace={pattern}", "-e", f"inject={pattern}:signal=KILL:when={k}"]
            killed = sweep.run("run", place, before=inject)
            if "ptrace" in killed.stderr:
                print("SKIPPED: kills at system calls: strace is not allowed here")
                return
            landed += killed.returncode != 0
            sweep.check(place, f"{call} {k}")
        print(f"{sweep.name}: kill -9 at {call} 1 to {count}: {landed} landed; same bytes")
        assert landed == count, f"{call}: only {landed} of {count} kills landed"


def failing_fsync(sweep):
    strace = shutil.which("strace")
    if not strace:
        print("SKIPPED: failing fsync: strace is not installed")
        return
    place = sweep.fresh()
    inject = [strace, "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync", "-e", "inject=fsync:error=EIO:when=9"]
    failed = sweep.run("run", place, before=inject)
    if "ptrace" in failed.stderr:
        print("SKIPPED: failing fsync: strace is not allowed here")
        return
    assert failed.returncode == 1 and "error:" in failed.stderr, (failed.returncode, failed.stderr)
    sweep.check(place, "EIO")
    print(f"{sweep.name}: EIO of fsync: exit 1 ({failed.stderr.strip()}); same bytes after resuming")


def full_disk(sweep):
    mount = sweep.root / "small"
    mount.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", mount], capture_output=True).returncode:
        print("SKIPPED: full disk: a tmpfs cannot be mounted here")
        return
    try:
        place = mount / "sweep"
        assert sweep.run("plan", "sweep.toml", "--out", place).returncode == 0
        full = sweep.run("run", place)
        assert full.returncode == 1 and "space" in full.stderr, (full.returncode, full.stderr)
        there = len(list((place / "chunks").glob("*.parquet")))
        assert there > 0
        subprocess.run(["mount", "-o", "remount,size=8m", mount], check=True)
        sweep.check(place, "full disk")
        print(f"{sweep.name}: full disk after {there} chunks: exit 1; same bytes after making room")
    finally:
        subprocess.run(["umount", mount], check=True)


def races(sweep, count):
    shared = 0
    for k in range(count):
        place = sweep.fresh()
        both = [sweep.start("run", place) for _ in range(2)]
        ends = [(child.communicate(), child.returncode) for child in both]
        for (_, said), code in ends:
            assert code == 0 or (code == 5 and "worked on by another" in said), (code, said)
        shared += all(code == 0 for _, code in ends)
        sweep.check(place, f"race {k}")
    print(f"{sweep.name}: races of two: {count}, the work was shared in {shared}; same bytes")


def orders(sweep):
    """1, 2 and 4 jobs, and shards in any order, give the same bytes."""
    for jobs in [1, 2, 4]:
        place = sweep.fresh()
        assert sweep.run("run", place, jobs=jobs).returncode == 0
        sweep.check(place, f"{jobs} jobs")
    shards = list(range(7))
    random.Random(2).shuffle(shards)
    place = sweep.fresh()
    for shard in shards:
        worked = sweep.run("work", place, "--shard", f"{shard}/7")
        assert worked.returncode == 0, worked.stderr
    sweep.check(place, "shards")
    print(f"{sweep.name}: 1, 2, 4 jobs and shards in the order {shards}; same bytes")


class OneRun:
    """`stepwell run` of one long run."""

    FILES = ["records.csv", "summary.json", "parameters.safetensors"]

    def __init__(self, program, root, dynamics):
        self.root = root
        root.mkdir()
        (root / "base.toml").write_text(BASE)
        self.call = [program, "run", "base.toml", "--set", "steps=1500000", "--set", f"dynamics={dynamics}", "--out"]
        self.dynamics = dynamics
        self.environment = {**os.environ, "STEPWELL_CHECKPOINT_EVERY": "0.02"}
        started = time.monotonic()
        assert self.run("whole").returncode == 0
        self.seconds = time.monotonic() - started
        self.expected = self.files("whole")

    def run(self, place, *more):
        return subprocess.run([*self.call, place, *more], cwd=self.root, env=self.environment, capture_output=True, text=True)

    def files(self, place):
        return [(self.root / place / name).read_bytes() for name in self.FILES]

    def kills(self, count):
        draw = random.Random(3)
        landed = resumed = 0
        for k in range(count):
            shutil.rmtree(self.root / "broken", ignore_errors=True)
            child = subprocess.Popen([*self.call, "broken"], cwd=self.root, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(draw.uniform(0, self.seconds))
            child.send_signal([signal.SIGKILL, signal.SIGTERM, signal.SIGINT][k % 3])
            code = child.wait()
            assert code in [0, -signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, 75, 130], code
            landed += code != 0
            resumed += (self.root / "broken/checkpoint.safetensors").exists()
            again = self.run("broken")
            assert again.returncode == 0, again.stderr
            assert self.files("broken") == self.expected, f"{self.dynamics}, kill {k}: other bytes"
        print(f"run, {self.dynamics}: KILL, TERM, INT at random times: {count} times, {landed} before the end, {resumed} checkpoints; same bytes")
        assert resumed > 0 or count == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stepwell")
    parser.add_argument("--kills", type=int, default=8)
    parser.add_argument("--calls", type=int, default=3)
    parser.add_argument("--races", type=int, default=4)
    options = parser.parse_args()
    program = os.path.abspath(options.stepwell)
    with tempfile.TemporaryDirectory() as root:
        root = Path(root)
        sweep = Sweep(program, root / "short", SWEEP, "short runs")
        kills(sweep, options.kills)
        calls(sweep, options.calls)
        failing_fsync(sweep)
        full_disk(sweep)
        races(sweep, options.races)
        orders(sweep)
        long = Sweep(program, root / "long", LONG, "long runs", every="0.001")
        kills(long, options.kills)
        calls(long, options.calls)
        failing_fsync(long)
        races(long, options.races)
        for k, dynamics in enumerate(["{sgd={indices={numpy_legacy=3}}}", "{mini_batch={size=3,rule=\"epochs\"}}"]):
            OneRun(program, root / f"run{k}", dynamics).kills(options.kills)


if __name__ == "__main__":
    sys.exit(main())
