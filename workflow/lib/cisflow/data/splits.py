"""Splits: which windows train a model, which choose its best epoch, and which test it."""

import numpy as np
import pandas as pd

from cisflow.data import duplicates
from cisflow.errors import InputError, listing
from cisflow.sequence import intervals

FOLDS = ("train", "valid", "test")


def assign(frame, targets, settings, name="split", near=None):
    """Put every window into a fold.

    Parameters
    ----------
    frame : windows with the columns id, chrom and one of 0, 1 or NaN for each target.
    settings : {kind: chromosome, valid: [...], test: [...]}, where all other chromosomes train; {kind: random,
        valid: fraction, test: fraction, seed: 1}, by a permutation of the rows; {kind: cluster}, with the same keys,
        which keeps near-duplicates and overlapping windows in one fold; or {kind: published}.
    name : of the split, for messages.
    near : near-duplicates, frame of first and second (rows), for kind cluster.

    Returns
    -------
    frame with columns id and fold, in the order of the windows.

    Raises
    ------
    InputError : unknown kind, chromosomes that do not occur or are named twice, rows without chromosome, fractions
        that leave nothing, or a fold that lacks rows or, for some target, one of the classes.
    """
    kinds = {"chromosome": by_chromosome, "random": at_random, "cluster": by_cluster, "published": as_published}
    if settings.get("kind") not in kinds:
        raise InputError(f"split '{name}': kind is '{settings.get('kind')}', expected one of {listing(kinds)}")
    if settings["kind"] == "cluster":
        if near is None:
            raise InputError(f"split '{name}': found no table of near-duplicates, which kind 'cluster' expects")
        settings = {**settings, "near": near}
    folds = kinds[settings["kind"]](frame, settings, name)
    check_folds(frame, targets, folds, name)
    return pd.DataFrame({"id": frame["id"].to_numpy(), "fold": folds})


def by_chromosome(frame, settings, name):
    """Folds (n,) by chromosome; those named neither in `valid` nor in `test` train."""
    chrom = frame["chrom"].to_numpy(dtype=object)
    nowhere = frame["id"].to_numpy()[chrom == ""]
    if len(nowhere):
        raise InputError(
            f"split '{name}': {len(nowhere)} of {len(frame)} windows have no chromosome ({listing(nowhere, 3)}); "
            f"expected coordinates for all, or a split of kind 'random'"
        )
    folds = np.full(len(frame), "train", dtype=object)
    found = sorted(set(chrom))
    for fold in ("valid", "test"):
        for chromosome in settings[fold]:
            rows = chrom == chromosome
            if not rows.any():
                raise InputError(
                    f"split '{name}': {fold} names chromosome '{chromosome}', which no window has; expected one of "
                    f"{listing(found, 30)}"
                )
            if (folds[rows] != "train").any():
                raise InputError(f"split '{name}': chromosome '{chromosome}' is named twice, expected once")
            folds[rows] = fold
    return folds


def at_random(frame, settings, name):
    """Folds (n,) by a seeded permutation of the rows: the first are `valid`, the next `test`, the rest `train`."""
    n_valid, n_test = held_out_sizes(len(frame), settings, name)
    order = np.random.default_rng(settings.get("seed", 1)).permutation(len(frame))
    folds = np.full(len(frame), "train", dtype=object)
    folds[order[:n_valid]] = "valid"
    folds[order[n_valid : n_valid + n_test]] = "test"
    return folds


def by_cluster(frame, settings, name):
    """Folds (n,) in which no near-duplicates and no windows with a base in common are apart.

    The connected components of both relations are taken in order of size, largest first, and in random order where
    they are equal. Each goes to a fold drawn with a probability in proportion to the room that is left, among the
    folds that it fits into, or to the one with most room where it fits into none.
    """
    sizes = held_out_sizes(len(frame), settings, name)
    rng = np.random.default_rng(settings.get("seed", 1))
    label = clusters(frame, settings["near"])
    numbers, rows, counts = np.unique(label, return_inverse=True, return_counts=True)
    shuffled = rng.permutation(len(numbers))
    order = shuffled[np.argsort(-counts[shuffled], kind="stable")]
    room = np.array([len(frame) - sum(sizes), *sizes])
    fold = np.empty(len(numbers), dtype=np.int64)
    for number, draw in zip(order, rng.random(len(order)), strict=True):
        share = np.where(room >= counts[number], room, 0).cumsum()
        fold[number] = np.searchsorted(share, draw * share[-1], side="right") if share[-1] else room.argmax()
        room[fold[number]] -= counts[number]
    return np.array(FOLDS, dtype=object)[fold][rows]


def clusters(frame, near):
    """Label (n,) of the component of each window: near-duplicates, and windows with a base in common, are joined."""
    located = np.flatnonzero(frame["chrom"] != "")
    first, second = near["first"].to_numpy(), near["second"].to_numpy()
    if len(located):
        block = intervals.blocks(frame.iloc[located])
        order = np.argsort(block, kind="stable")
        same = block[order][1:] == block[order][:-1]
        first = np.concatenate([first, located[order][:-1][same]])
        second = np.concatenate([second, located[order][1:][same]])
    return duplicates.components(len(frame), first, second)


def as_published(frame, settings, name):
    """Folds (n,) of Daoud & Ben-Hur (2025): numpy's legacy generator with seed 100 shuffles a list of the rows; the
    first tenth, rounded down, is `valid`, the next as many `test`, the rest `train`.
    """
    order = list(range(len(frame)))
    np.random.RandomState(100).shuffle(order)
    k = len(frame) // 10
    folds = np.full(len(frame), "train", dtype=object)
    folds[order[:k]] = "valid"
    folds[order[k : 2 * k]] = "test"
    return folds


def held_out_sizes(n, settings, name):
    """Numbers of windows to validate and to test on, of n, from the fractions of the settings."""
    valid, test = settings["valid"], settings["test"]
    if valid <= 0 or test <= 0 or valid + test >= 1:
        raise InputError(
            f"split '{name}': valid is {valid} and test is {test}, expected fractions above 0 whose sum is below 1"
        )
    return round(valid * n), round(test * n)


def check_folds(frame, targets, folds, name):
    """Refuse a fold without rows or without one of the classes of a target (InputError)."""
    for fold in FOLDS:
        rows = folds == fold
        if not rows.any():
            raise InputError(f"split '{name}': fold '{fold}' is empty, expected at least two of {len(frame)} windows")
        for target in targets:
            labels = frame.loc[rows, target].to_numpy(dtype=float, na_value=np.nan)
            positives, negatives = int((labels == 1).sum()), int((labels == 0).sum())
            if not positives or not negatives:
                raise InputError(
                    f"split '{name}': fold '{fold}' has {positives} positives and {negatives} negatives of target "
                    f"'{target}' in {len(labels)} windows, expected at least one of each"
                )
