#!/usr/bin/env python3
"""Trainings that are killed end in the same bytes: `train.py path/to/stepwell [KILLS]`.

A small DenseNet on Fashion-MNIST is trained once without interruption and once killed (SIGKILL) at random times, 20 if
not said otherwise, each time resumed; then a write on a full disk and a damaged checkpoint. Exits with 1 if a byte differs.
"""

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SPEC = """
data = { set = "fashion-mnist", train = 500, test = 200, halved = true, augment = true, label_noise = 0.1 }
network = { kind = "dense_net", depth = 10, growth = 6, bottleneck = false, compression = 1.0 }
training = { batch = 25, steps = 300, micro_batch = 10, momentum = 0.9, weight_decay = 5e-4, average = 0.99 }
schedule = { step_size = 0.05, decay = [{ at = 0.5, divide_by = 10.0 }] }
record = { every = 20, train_images = 200, sparsity_images = 100, neurons = 200 }
"""
FILES = ["checkpoint.safetensors", "records.csv", "run.toml", "summary.json", "figure.svg", "figure.png", "sha256sums.txt"]


def main():
    program = str(Path(sys.argv[1]).resolve())
    kills = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    random.seed(1)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("spec.toml").write_text(SPEC)
        train = [program, "train", "spec.toml", "--checkpoint-every", "0.1"]
        started = time.monotonic()
        subprocess.run([*train, "--out", "whole"], check=True, stdout=subprocess.DEVNULL)
        seconds = time.monotonic() - started
        done, tries = 0, 0
        while done < kills:
            tries += 1
            resume = ["--resume"] if Path("killed/run.toml").exists() else []
            child = subprocess.Popen([*train, "--out", "killed", *resume], stdout=subprocess.DEVNULL)
            try:
                child.wait(random.uniform(0.05, 1.2 * seconds / kills))
                if Path("killed/sha256sums.txt").exists():
                    break
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
                done += 1
        subprocess.run([*train, "--out", "killed", "--resume"], check=True, stdout=subprocess.DEVNULL)
        different = [f for f in FILES if Path("whole", f).read_bytes() != Path("killed", f).read_bytes()]
        left = [f.name for f in Path("killed").iterdir() if f.name.startswith(".stepwell-") and f.name != ".stepwell-lock"]
        print(f"{done} kills in {tries} starts; {len(FILES) - len(different)} of {len(FILES)} files equal to the byte")
        assert not different, different
        assert not left, left
        assert done >= min(kills, 5), "ended before it could be killed: make the run longer"

        # the newest damaged: the one before is used, and the end is the same
        newest = Path("killed/checkpoint.safetensors")
        data = bytearray(newest.read_bytes())
        data[len(data) // 2] ^= 1
        newest.write_bytes(data)
        # results that are complete would be taken as they are
        Path("killed/sha256sums.txt").unlink()
        again = subprocess.run([*train, "--out", "killed", "--resume"], check=True, capture_output=True, text=True)
        assert "is damaged" in again.stderr and "going on from the one before" in again.stderr, again.stderr
        assert newest.read_bytes() == Path("whole/checkpoint.safetensors").read_bytes()
        print("a damaged checkpoint: gone on from the one before, to the same bytes")

        full_disk(train)


def full_disk(train):
    """On a file system of 600 kB, where it can be mounted."""
    Path("disk").mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", "disk"], capture_output=True)
    if mounted.returncode != 0:
        print("full disk: skipped, no right to mount one")
        return
    try:
        end = subprocess.run([*train, "--out", "disk/run", "--set", "network.growth=40"], capture_output=True, text=True)
        message = end.stderr.strip()
        assert end.returncode == 1 and "No space left" in message and len(message.splitlines()) == 1, (end, message)
        print(f"full disk: {message}")
    finally:
        subprocess.run(["umount", "disk"], check=True)
        shutil.rmtree("disk", ignore_errors=True)


if __name__ == "__main__":
    main()
