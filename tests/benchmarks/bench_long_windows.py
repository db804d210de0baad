"""Peak memory, and time, of predicting and of training on windows of 100,000 bases on the CPU.

    python tests/benchmarks/bench_long_windows.py [--length 100000] [--windows 8] [--kernels 64] [--batch 2] [--tiny]

The network has a stem, pooling by 8, seven dilated residual convolutions and pooling by attention. Each step runs in a
process of its own, so that its peak is its own: loading everything alone, the prediction of all windows, and one batch
of training with its gradients. `--tiny` is to see whether the script runs.
"""

import argparse
import multiprocessing
import resource
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "workflow" / "lib")]

import numpy as np  # noqa: E402
import torch  # noqa: E402

from cisflow import models, tasks  # noqa: E402
from cisflow.models.predict import batch_of, predict  # noqa: E402

GIB = 1 << 20


def network(length, kernels):
    torch.manual_seed(0)
    return models.build(
        "Modular",
        length=length,
        n_outputs=4,
        stem={"kernels": kernels, "width": 15},
        blocks=[
            {"kind": "pool", "size": 8},
            {"kind": "dilated", "width": 3, "dilations": [2, 4, 8, 16, 32, 64, 128]},
        ],
        summary={"kind": "attention"},
    )


def step(name, length, windows, kernels, batch, queue):
    torch.set_num_threads(1)
    module = network(length, kernels)
    codes = np.random.default_rng(0).integers(0, 4, (windows, length), dtype=np.uint8)
    before = time.perf_counter()
    if name == "prediction":
        predict(models.Network(module.eval(), task=tasks.get("regression")), codes, torch.device("cpu"))
    elif name == "training":
        optimizer = torch.optim.AdamW(module.parameters())
        outputs = module(*module.inputs(codes[:batch], torch.device("cpu")))
        (outputs**2).mean().backward()
        optimizer.step()
    queue.put((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / GIB, time.perf_counter() - before))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("length", 100_000), ("windows", 24), ("kernels", 64), ("batch", 2)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--tiny", action="store_true")
    args = parser.parse_args()
    sizes = (2000, 3, 4, 2) if args.tiny else (args.length, args.windows, args.kernels, args.batch)
    length, windows, kernels, batch = sizes
    print(f"{windows} windows of {length:,} bp, {kernels} kernels, 1 thread")
    context = multiprocessing.get_context("spawn")
    for name in ("loading", "prediction", "training"):
        queue = context.Queue()
        process = context.Process(target=step, args=(name, *sizes, queue))
        process.start()
        peak, seconds = queue.get()
        process.join()
        of = {
            "prediction": f", {batch_of(length)} windows a batch, both strands",
            "training": f", one batch of {batch}",
        }
        print(f"{name}{of.get(name, '')}: {peak:.2f} GiB at the peak, {seconds:.1f} s")


if __name__ == "__main__":
    main()
