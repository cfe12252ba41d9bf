"""Event files are read back by TensorBoard's own reader, NaN and infinities included.

Usage: events.py STEPWELL, with a Python that has tensorboard.
"""

import hashlib
import json
import math
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

SPEC = """
title = "η = 0.4, a/b"
steps = 600
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
step_size = 0.4
[record]
points = 30
probes = ["train_loss", "nonzero"]
costly = ["rank"]
"""

# what the format cannot hold as it is: the nearest value of the same kind
SPECIAL = {"NaN": math.nan, "inf": math.inf, "-inf": -math.inf, "1e300": 3.4028234663852886e38, "1e-300": 1.401298464324817e-45}


def single(value):
    """The nearest single-precision number, finite or not zero where the value is."""
    if not math.isfinite(value) or value == 0:
        return value
    size = min(max(abs(value), SPECIAL["1e-300"]), SPECIAL["1e300"])
    return math.copysign(struct.unpack("f", struct.pack("f", size))[0], value)


def same(a, b):
    return a == b or math.isnan(a) and math.isnan(b)


def main(program):
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        (work / "spec.toml").write_text(SPEC)
        call = lambda *args: subprocess.run([program, *args], cwd=work, check=True, stdout=subprocess.DEVNULL)
        call("run", "spec.toml", "--seeds", "8", "--out", "many")
        # values that no run would give together
        path = work / "many" / "records.csv"
        rows = path.read_text().splitlines()
        first = [k for k, row in enumerate(rows) if ",1," in row and row.split(",")[-2] == "nonzero"]
        for k, word in zip(first, SPECIAL):
            rows[k] = rows[k].rsplit(",", 1)[0] + "," + word
        path.write_text("\n".join(rows) + "\n")
        # the folder's own list of hashes is changed with it
        sums = work / "many" / "sha256sums.txt"
        lines = [line for line in sums.read_text().splitlines() if not line.endswith("  records.csv")]
        lines.append(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  records.csv")
        sums.write_text("\n".join(lines) + "\n")
        call("report", "many", "--tensorboard", "logs")
        wanted = {}
        for row in rows[1:]:
            seed, step, series, value = row.rsplit(",", 4)[1:]
            wanted.setdefault(seed, {}).setdefault(series, []).append((int(step), value))
        folders = sorted((work / "logs").glob("*/*"))
        assert sorted(folder.name for folder in folders) == sorted(wanted), folders
        # a loss that is too large is noticed before a number overflows, up to which the run is recorded
        runs = json.loads((work / "many" / "summary.json").read_text())["settings"][0]["runs"]
        noticed = {str(run["seed"]): run["divergence"]["step"] for run in runs if "divergence" in run}
        count = special = diverged = 0
        for folder in folders:
            events = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
            tags = events.Tags()["scalars"]
            assert set(wanted[folder.name]) <= set(tags) <= set(wanted[folder.name]) | {"diverged"}, tags
            for series, points in wanted[folder.name].items():
                found = events.Scalars(series)
                assert [event.step for event in found] == [step for step, _ in points]
                assert [event.wall_time for event in found] == [step for step, _ in points]
                for event, (_, text) in zip(found, points):
                    expected = SPECIAL.get(text, single(float(text)))
                    assert same(event.value, expected), (series, event, text)
                    special += text in SPECIAL
                    count += 1
            if "diverged" in tags:
                (event,) = events.Scalars("diverged")
                assert event.value == 1 and event.step == noticed[folder.name]
                diverged += 1
        assert special >= len(SPECIAL) and 0 < diverged < len(folders), (special, diverged)
        print(f"event files: TensorBoard reads {count} values of {len(folders)} runs, {special} special ones, {diverged} diverged runs")


main(str(Path(sys.argv[1]).resolve()))
