"""A tiny dataset on disk, with a motif planted in every second group of windows."""

import numpy as np
import pandas as pd

from cisflow.io.arrays import write_array
from cisflow.io.tables import write_table

MOTIF = [3, 2, 0, 1, 3, 1, 0]
FOLDS = ["train"] * 4 + ["valid", "test"]


def write(folder, n=240, length=60, targets=("ap1",), seed=0, task="binary"):
    """Write a dataset of random bases, where windows with label 1 hold TGACTCA in the middle, and its split.

    Every target has the same labels, but for the last window of all: there they are missing. Under task regression
    the labels are -0.75 for 0 and 2.5 for 1. Returns the ids, base codes (n, length), labels (n, t) and folds (n,).
    """
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, (n, length)).astype(np.uint8)
    labels = np.repeat((np.arange(n) // 6 % 2).astype(np.float32)[:, None], len(targets), axis=1)
    codes[labels[:, 0] == 1, 20:27] = MOTIF
    labels[-1] = np.nan
    if task == "regression":
        labels = np.float32(3.25) * labels - np.float32(0.75)
    ids, folds = np.array([f"w{i}" for i in range(n)]), np.array(FOLDS * (n // 6))
    frame = pd.DataFrame({"id": ids, **dict.fromkeys(("chrom", "start", "end", "strand"), "")})
    values = pd.DataFrame(labels, columns=list(targets)).astype("Int64" if task == "binary" else "Float64")
    write_table(folder / "windows.tsv", pd.concat([frame, values], axis=1))
    write_array(folder / "sequences.npy", codes)
    write_array(folder / "targets.npy", labels)
    summary = {"target": list(targets)} | ({} if task == "binary" else {"task": task})
    write_table(folder / "targets.tsv", pd.DataFrame(summary))
    write_table(folder / "splits" / "random.tsv", pd.DataFrame({"id": ids, "fold": folds}))
    return ids, codes, labels, folds
