"""An epoch of training side by side: ours, through lightning, against the barest loop in PyTorch.

    python tests/benchmarks/bench_training.py [--repeats 5] [--threads 2] [--device cpu] [--precision 32-true]
        [--only BassetLike] [--tiny]

Both train the same network, from the same weights, on the same batches: a pass over the training fold and one over the
validation fold. Ours writes its checkpoints, history and progress besides; the bare loop holds all in memory and does
nothing but forward, loss, backward and step. They take turns, epoch by epoch, in one process, so that other work on the
machine meets both; the ratio is of a turn. That both do the same their losses say. Memory is the largest that is
anonymous (that of no file) beyond the network's, of ours on mapped files and of the bare loop: 100,000 windows of 100
tracks. `--tiny` is to see whether the script runs.
"""

import argparse
import contextlib
import copy
import io
import re
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "workflow" / "lib")]

import lightning  # noqa: E402
import numpy as np  # noqa: E402
import side_by_side  # noqa: E402
import torch  # noqa: E402
from torch.nn import functional  # noqa: E402

from cisflow import models, tasks  # noqa: E402
from cisflow.data.dataset import Dataset  # noqa: E402
from cisflow.models.device import deterministic  # noqa: E402
from cisflow.training import fit  # noqa: E402

AT_LEAST = 0.95
SEED, LENGTH, TRACKS, BATCH = 1, 600, 100, 128
# Row of the table: architecture, its settings, windows.
ROWS = {
    "BassetLike": ({}, 2560),
    "MotifCNN": ({"channels": 64, "width": 15, "hidden": 64}, 12800),
}


def dataset(n, length, folder=None):
    """Random windows and labels of 100 tracks, a fifth of them for validation; mapped files where a folder is given."""
    rng = np.random.default_rng(0)
    arrays = {"codes": rng.integers(0, 4, (n, length), dtype=np.uint8)}
    arrays["labels"] = rng.standard_normal((n, TRACKS), dtype=np.float32)
    if folder is not None:
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", array)
            arrays[name] = np.load(folder / f"{name}.npy", mmap_mode="r")
    folds = np.array(["train", "train", "train", "train", "valid"])[np.arange(n) % 5]
    ids = np.arange(n).astype(str)
    return Dataset(ids, **arrays, targets=[f"t{i}" for i in range(TRACKS)], task=tasks.get("regression")), folds


class Bare:
    """The barest loop: all in memory, mean squared error, AdamW."""

    def __init__(self, network, data, folds, device, precision):
        self.network, self.device, self.losses = network.to(device), device, []
        self.codes, self.labels = torch.tensor(data.codes, device=device), torch.tensor(data.labels, device=device)
        self.train, self.valid = (torch.tensor(np.flatnonzero(folds == fold)) for fold in ("train", "valid"))
        self.optimizer = torch.optim.AdamW(network.parameters(), lr=0.001, weight_decay=0.01)
        self.half = None if precision == "32-true" else torch.bfloat16

    def loss(self, rows):
        rows = rows.to(self.device)
        with torch.autocast(self.device.type, self.half, enabled=self.half is not None):
            outputs = self.network(models.one_hot(self.codes[rows], self.device))
        return functional.mse_loss(outputs.float(), self.labels[rows])

    def epoch(self, number):
        torch.manual_seed(SEED * 100_003 + number)
        order = torch.tensor(np.random.default_rng([SEED, number]).permutation(len(self.train)))
        self.network.train()
        for rows in self.train[order].split(BATCH):
            self.optimizer.zero_grad()
            self.loss(rows).backward()
            self.optimizer.step()
        self.network.eval()
        with torch.inference_mode():
            total = sum(self.loss(rows) * len(rows) for rows in self.valid.split(4 * BATCH))
        self.losses.append(float(total) / len(self.valid))


class Turns(lightning.Callback):
    """Lets the bare loop run an epoch before each of ours, and takes the time of both."""

    def __init__(self, data, folds, precision):
        self.dataset, self.folds, self.precision = data, folds, precision
        self.times, self.started = {"bare": [], "ours": []}, None

    def on_fit_start(self, trainer, module):
        self.bare = Bare(copy.deepcopy(module.network), self.dataset, self.folds, module.device, self.precision)

    def on_train_epoch_start(self, trainer, module):
        self._end()
        with deterministic(False):
            spent, _ = side_by_side.clocked(self._bare, trainer.current_epoch)
        self.times["bare"].append(spent)
        self.started = self._now()

    def on_train_end(self, trainer, module):
        self._end()

    def _bare(self, epoch):
        self.bare.epoch(epoch)
        self._now()

    def _end(self):
        if self.started is not None:
            self.times["ours"].append(self._now() - self.started)

    def _now(self):
        if self.bare.device.type == "cuda":
            torch.cuda.synchronize()
        return np.array([time.perf_counter(), time.process_time()])


def train(data, folds, row, settings, epochs, options, *callbacks):
    """What `fit.train` gives after some epochs, with other callbacks before its own."""
    trainer = fit._trainer

    def with_callbacks(training, devices, share, work, own, idle):
        return trainer(training, devices, share, work, [*callbacks, *own], idle)

    recipe = {"max_epochs": epochs, "patience": epochs, "batch_size": BATCH, "reverse_complement": "none"}
    recipe["precision"] = options.precision
    fit._trainer = with_callbacks
    try:
        with tempfile.TemporaryDirectory() as work, contextlib.redirect_stdout(io.StringIO()):
            return fit.train(data, folds, row, settings, recipe, SEED, torch.device(options.device), work)
    finally:
        fit._trainer = trainer


def compare(row, options):
    settings, n = ROWS[row]
    n = 500 if options.tiny else n
    data, folds = dataset(n, LENGTH)
    turns = Turns(data, folds, options.precision)
    # The first epoch of each warms up.
    _, _, history = train(data, folds, row, settings, options.repeats + 1, options, turns)
    times = {way: found[1:] for way, found in turns.times.items()}
    weights = sum(parameter.numel() for parameter in turns.bare.network.parameters())
    print(f"{row}, {weights:,} weights, {n:,} windows of {LENGTH} bp, {TRACKS} tracks, batches of {BATCH}")
    print(f"  {side_by_side.ratio(times, 'bare', 'ours', AT_LEAST)}")
    for way, values in times.items():
        wall, cpu = np.transpose(values)
        print(f"  {way:<5} {side_by_side.spread(wall)} s an epoch, CPU {side_by_side.spread(cpu)} s")
    difference = abs(turns.bare.losses[-1] - history[-1]["valid_loss"])
    print(f"  validation loss of the last epoch: {history[-1]['valid_loss']:.6f}, {difference:.1e} apart", flush=True)


class Peak(threading.Thread):
    """The most memory, in MiB, that a process holds beyond files while a block runs, over what it held before."""

    def __enter__(self):
        self.going, self.before, self.most = True, self._now(), 0
        self.start()
        return self

    def run(self):
        while self.going:
            self.most = max(self.most, self._now() - self.before)
            time.sleep(0.005)

    def __exit__(self, *_):
        self.going = False
        self.join()

    def _now(self):
        return int(re.search(r"RssAnon:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024


def memory(options):
    n = 2000 if options.tiny else 100_000
    # A small network, so that what is held is the data's.
    row, settings, length = "MotifCNN", {"channels": 8, "width": 9, "hidden": 8}, 100
    with tempfile.TemporaryDirectory() as folder:
        data, folds = dataset(n, length, Path(folder))
        train(*dataset(500, length), row, settings, 1, options)
        with Peak() as ours:
            train(data, folds, row, settings, 1, options)
        network = models.registry.build(row, n_outputs=TRACKS, **settings)
        with Peak() as bare:
            Bare(network, data, folds, torch.device(options.device), options.precision).epoch(0)
    size = (data.codes.nbytes + data.labels.nbytes) / 2**20
    print(f"memory, {n:,} windows of {length} bp, {TRACKS} tracks, {size:.0f} MiB on disk: an epoch of ours holds")
    print(
        f"  {ours.most:.0f} MiB at the peak, outputs and labels of the validation fold included; bare {bare.most:.0f}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--precision", default="32-true", choices=["32-true", "bf16-mixed"])
    parser.add_argument("--only", help="rows whose name holds this")
    parser.add_argument("--tiny", action="store_true", help="few windows, to see whether the script runs")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for row in ROWS:
        if options.only is None or options.only in row:
            compare(row, options)
    if options.only is None or options.only in "memory":
        memory(options)


if __name__ == "__main__":
    main()
