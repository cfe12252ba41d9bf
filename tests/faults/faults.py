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


class Sweep:
    def __init__(self, program, root):
        self.program, self.root = program, root
        (root / "base.toml").write_text(BASE)
        (root / "sweep.toml").write_text(SWEEP)
        assert self.run("run", "sweep.toml", "--out", "whole").returncode == 0
        self.expected = self.collected(root / "whole")

    def command(self, *arguments):
        return [self.program, "--jobs", "2", "sweep", *map(str, arguments)]

    def run(self, *arguments, before=()):
        return subprocess.run([*before, *self.command(*arguments)], cwd=self.root, capture_output=True, text=True)

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
        child = subprocess.Popen(sweep.command("run", place), cwd=sweep.root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(draw.uniform(0, whole))
        child.send_signal(signal.SIGKILL)
        landed += child.wait() == -signal.SIGKILL
        sweep.check(place, f"kill {k}")
    print(f"kill -9 at random times: {count} times, {landed} of them before the end; same bytes")
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
        print(f"kill -9 at {call} 1 to {count}: {landed} landed; same bytes")
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
    print(f"EIO of fsync: exit 1 ({failed.stderr.strip()}); same bytes after resuming")


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
        print(f"full disk after {there} chunks: exit 1; same bytes after making room")
    finally:
        subprocess.run(["umount", mount], check=True)


def races(sweep, count):
    shared = 0
    for k in range(count):
        place = sweep.fresh()
        both = [
            subprocess.Popen(sweep.command("run", place), cwd=sweep.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for _ in range(2)
        ]
        ends = [(child.communicate(), child.returncode) for child in both]
        for (_, said), code in ends:
            assert code == 0 or (code == 5 and "worked on by another" in said), (code, said)
        shared += all(code == 0 for _, code in ends)
        sweep.check(place, f"race {k}")
    print(f"races of two: {count}, the work was shared in {shared}; same bytes")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stepwell")
    parser.add_argument("--kills", type=int, default=8)
    parser.add_argument("--calls", type=int, default=3)
    parser.add_argument("--races", type=int, default=4)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        sweep = Sweep(os.path.abspath(options.stepwell), Path(root))
        kills(sweep, options.kills)
        calls(sweep, options.calls)
        failing_fsync(sweep)
        full_disk(sweep)
        races(sweep, options.races)


if __name__ == "__main__":
    sys.exit(main())
