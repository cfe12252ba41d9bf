"""How fast a sweep of many short runs is, beside its raw steps, and how fast its folder is read.

usage: speed.py STEPWELL [--runs N]

Speeds are compared in processor time, which other work on the machine disturbs little. Exits with 1 below 90%, or if `status` takes
more than 0.3 s or `collect` more than 5 s.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# the diagonal network of the paper's first figure (d = 200), the loss recorded ten times
SWEEP = """
base = "diagonal"
seeds = {seeds}
[set]
steps = {steps}
dynamics.sgd.indices = "seed"
record.first = 0
record.points = {points}
record.probes = ["train_loss"]
record.costly = []
schedule.step_size = 0.2
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stepwell")
    parser.add_argument("--runs", type=int, default=10_000)
    options = parser.parse_args()
    program = os.path.abspath(options.stepwell)
    with tempfile.TemporaryDirectory() as root:
        root = Path(root)

        def call(*arguments):
            """Wall time and processor time."""
            before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
            subprocess.run([program, "--jobs", "2", "sweep", *arguments], cwd=root, check=True, stdout=subprocess.DEVNULL)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            used = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
            return time.monotonic() - started, used

        steps = options.runs * 10_000
        (root / "runs.toml").write_text(SWEEP.format(seeds=options.runs, steps=10_000, points=11))
        (root / "raw.toml").write_text(SWEEP.format(seeds=4, steps=steps // 4, points=2))
        raw = min(call("run", "raw.toml", "--out", f"raw{k}")[1] for k in range(3))
        took = [call("run", "runs.toml", "--out", f"runs{k}") for k in range(3)]
        wall, used = min(took, key=lambda pair: pair[1])
        ratio = raw / used
        print(f"{options.runs} runs of 10,000 steps: {wall:.1f} s, {1e9 * used / steps:.1f} ns per step; raw steps {1e9 * raw / steps:.1f} ns: {ratio:.0%}")
        status = min(call("status", "runs0")[0] for _ in range(3))
        collect = min(call("collect", "runs0", "-o", "all.parquet")[0] for _ in range(3))
        print(f"status {status:.3f} s, collect {collect:.2f} s")
        return int(ratio < 0.9 or status > 0.3 or collect > 5)


if __name__ == "__main__":
    sys.exit(main())
