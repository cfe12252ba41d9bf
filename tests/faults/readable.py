"""Reads a sweep's tables with pyarrow and checks them, NaN and infinities included, against the same as CSV.

usage: readable.py STEPWELL (needs pyarrow)
"""

import csv
import math
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow.parquet as pq

# GD with far too large a step size: the recorded losses overflow to inf; variants of it go on to NaN
BASE = """
steps = 60
model = "linear"
loss = "half_mean_square"
[data.sparse_regression]
n = 10
d = 5
sparsity = 2
test = 20
[init]
constant = 0.5
[dynamics]
gradient_descent = {}
[schedule]
step_size = 0.1
[record]
first = 60
probes = ["train_loss", "test_loss", "gradient_norm", "step_size"]
"""
SWEEP = """
base = "base.toml"
seeds = 3
[grid]
schedule.step_size = [0.1, 1e20]
[list]
init.constant = [0.5, 1e150, 1e160]
"""


def same(a, b):
    return a == b or (math.isnan(a) and math.isnan(b))


def main():
    program = str(Path(sys.argv[1]).resolve())
    with tempfile.TemporaryDirectory() as root:
        root = Path(root)
        (root / "base.toml").write_text(BASE)
        (root / "sweep.toml").write_text(SWEEP)
        run = lambda *a: subprocess.run([program, "sweep", *a], cwd=root, check=True, stdout=subprocess.DEVNULL)
        run("run", "sweep.toml", "--out", "s")
        run("collect", "s", "-o", "all.parquet")
        run("collect", "s", "-o", "all.csv")
        records = pq.read_table(root / "all.parquet")
        assert records.schema.names == ["run", "seed", "step", "series", "value"], records.schema
        assert [str(t) for t in records.schema.types] == ["int64", "uint64", "int64", "string", "double"], records.schema
        rows = list(csv.DictReader(open(root / "all.csv")))
        assert len(rows) == records.num_rows > 0
        for row, kept in zip(rows, records.to_pylist()):
            assert (int(row["run"]), int(row["seed"]), int(row["step"]), row["series"]) == (kept["run"], kept["seed"], kept["step"], kept["series"])
            assert same(float(row["value"]), kept["value"]), (row, kept)
        values = records["value"].to_pylist()
        infinite = sum(math.isinf(v) for v in values)
        runs = pq.read_table(root / "all.runs.parquet")
        assert runs.num_rows == 18 and runs["schedule.step_size"].to_pylist()[-1] == 1e20
        assert set(runs["status"].to_pylist()) == {"finished", "diverged"}
        nan = sum(v is not None and math.isnan(v) for v in runs["level"].to_pylist())
        assert infinite > 0 and nan > 0, (infinite, nan)
        for row, kept in zip(csv.DictReader(open(root / "all.runs.csv")), runs.to_pylist()):
            for name, value in kept.items():
                text = row[name]
                assert (value is None) == (text == ""), (name, value, text)
                assert value is None or (same(float(text), value) if isinstance(value, float) else text == str(value)), name
        print(f"{records.num_rows} records and {runs.num_rows} runs read back by pyarrow, {infinite} infinite and {nan} NaN")


if __name__ == "__main__":
    main()
