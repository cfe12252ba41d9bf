"""Seconds a training step, batch 32 of 32 x 32 color images, of stepwell-deep and of PyTorch, in turns on one machine.

    python -m venv .venv && .venv/bin/pip install torch==2.13.0 numpy safetensors
    .venv/bin/python crates/stepwell-deep/benches/against_pytorch.py [--threads 1 2] [--steps 5] [--rounds 3]

Prints the best step of all rounds, by the clock and in processor time (of all threads: what to compare on a machine that
others use too), peak memory, and ratios to PyTorch's default layout (NCHW).
"""
import argparse
import json
import os
import resource
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
NETWORKS = ("dense_net_bc_100_12", "res_net_18")


def pytorch(network, layout, threads, steps):
    """One measurement in this process."""
    sys.path.insert(0, os.path.join(HERE, "..", "tests", "parity"))
    import torch
    from make import DenseNet, ResNet

    torch.set_num_threads(threads)
    torch.manual_seed(1)
    net = DenseNet(100, 12, True, 0.5, 3, 10) if network == NETWORKS[0] else ResNet(64, 3, 10)
    images, labels = torch.rand(32, 3, 32, 32), torch.arange(32) % 10
    if layout == "nhwc":
        net, images = net.to(memory_format=torch.channels_last), images.contiguous(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    seconds, processor = [], []
    for _ in range(steps + 1):
        start, busy = time.perf_counter(), time.process_time()
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(images), labels).backward()
        optimizer.step()
        seconds.append(time.perf_counter() - start)
        processor.append(time.process_time() - busy)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"best": min(seconds[1:]), "processor": min(processor[1:]), "peak_mib": peak}))


def run(command, threads):
    env = dict(os.environ, RAYON_NUM_THREADS=str(threads), OMP_NUM_THREADS=str(threads))
    return json.loads(subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ours", nargs="+", help="the bench program, if it is already built")
    parser.add_argument("--pytorch", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.pytorch:
        return pytorch(*options.pytorch, options.threads[0], options.steps)
    ours = options.ours or ["cargo", "bench", "--quiet", "-p", "stepwell-deep", "--bench", "step", "--"]
    print("network               threads  what            seconds   of PyTorch   processor   of PyTorch   peak MiB")
    for network in NETWORKS:
        for threads in options.threads:
            best = {}
            for _ in range(options.rounds):
                for what in ("PyTorch", "PyTorch NHWC", "stepwell-deep"):
                    if what == "stepwell-deep":
                        command = [*ours, network, str(options.steps)]
                    else:
                        layout = "nhwc" if what.endswith("NHWC") else "nchw"
                        command = [sys.executable, os.path.abspath(__file__), "--pytorch", network, layout]
                        command += ["--threads", str(threads), "--steps", str(options.steps)]
                    found = run(command, threads)
                    before = best.get(what, found)
                    best[what] = {key: min(before[key], value) for key, value in found.items()}
            for what, found in best.items():
                of_pytorch = [found[key] / best["PyTorch"][key] for key in ("best", "processor")]
                print(
                    f"{network:<20} {threads:>8}  {what:<14} {found['best']:>8.3f} {of_pytorch[0]:>12.2f} "
                    f"{found['processor']:>11.3f} {of_pytorch[1]:>12.2f} {found['peak_mib']:>10.0f}",
                    flush=True,
                )


main()
