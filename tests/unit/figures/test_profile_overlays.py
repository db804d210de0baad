"""Profiles over each other: counts and predicted shares of the regions with most counts."""

import numpy as np
import pandas as pd

from cisflow.io.arrays import write_array
from cisflow.io.tables import write_table
from drawing import LONG, SPLIT, drawn


def profiles(folder, n=60, tracks=("a", "b"), bins=25, rate=30.0, predicted=True):
    """{runs, folds} of a dataset with counted profiles, and a network of two seeds that predicts them well."""
    rng = np.random.default_rng(0)
    shape = rng.dirichlet(np.full(bins, 0.6), (n, len(tracks)))
    counted = rng.poisson(rate * rng.random((n, len(tracks), 1)) * shape * bins).astype(np.float32)
    ids = [f"chr1:{number}00-{number}99(+)" for number in range(n)]
    write_array(folder / "profiles.npy", counted)
    write_table(folder / "targets.tsv", pd.DataFrame({"target": list(tracks)}))
    write_table(folder / "splits" / "random.tsv", pd.DataFrame({"id": ids, "fold": np.resize(["test", "train"], n)}))
    table = {"split": "random", "model": "bpnet", "seed": [1, 2], "kind": "network", "k": None}
    write_table(folder / "runs.tsv", pd.DataFrame(table))
    for seed in (1, 2) if predicted else ():
        own = shape + 0.01 * seed
        place = folder / "models" / "bpnet" / "random" / f"seed{seed}"
        place.mkdir(parents=True, exist_ok=True)
        write_array(place / "profiles.npy", (own / own.sum(axis=2, keepdims=True)).astype(np.float16))
    return {"runs": str(folder / "runs.tsv"), "folds": str(folder / "splits" / "random.tsv")}


CASES = {
    "two tracks": ("profile_overlays", profiles, SPLIT),
    "one region, long name": ("profile_overlays", lambda f: profiles(f, n=2, tracks=(LONG[0],)), SPLIT),
    "no count, nothing to draw": ("profile_overlays", lambda f: profiles(f, rate=0), SPLIT),
    "no profile predicted": ("profile_overlays", lambda f: profiles(f, predicted=False), SPLIT),
}


def test_counts_and_shares_are_those_of_the_files(tmp_path):
    figure = drawn("profile_overlays", profiles(tmp_path), SPLIT)
    counted = np.load(tmp_path / "profiles.npy")[::2]
    highest = np.unravel_index(counted.sum(axis=2).argmax(), counted.shape[:2])
    grey, red = figure.axes[0].patches
    np.testing.assert_array_equal(grey.get_data().values, counted[highest])
    files = [tmp_path / "models" / "bpnet" / "random" / f"seed{seed}" / "profiles.npy" for seed in (1, 2)]
    share = np.mean([np.load(path)[::2][highest].astype(float) for path in files], axis=0)
    np.testing.assert_allclose(red.get_data().values, share * counted[highest].sum())
