"""Splits: which windows train a model, which choose its best epoch, and which test it."""

import numpy as np
import pandas as pd

from cisflow.errors import InputError, listing

FOLDS = ("train", "valid", "test")


def assign(frame, targets, settings, name="split"):
    """Put every window into a fold.

    Parameters
    ----------
    frame : windows with the columns id, chrom and one of 0, 1 or NaN for each target.
    settings : {kind: chromosome, valid: [...], test: [...]}, where all other chromosomes train; or {kind: random,
        valid: fraction, test: fraction, seed: 1}, by a permutation of the rows.
    name : of the split, for messages.

    Returns
    -------
    frame with columns id and fold, in the order of the windows.

    Raises
    ------
    InputError : unknown kind, chromosomes that do not occur or are named twice, rows without chromosome, fractions
        that leave nothing, or a fold that lacks rows or, for some target, one of the classes.
    """
    kinds = {"chromosome": by_chromosome, "random": at_random}
    if settings.get("kind") not in kinds:
        raise InputError(f"split '{name}': kind is '{settings.get('kind')}', expected one of {listing(kinds)}")
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
    valid, test = settings["valid"], settings["test"]
    if valid <= 0 or test <= 0 or valid + test >= 1:
        raise InputError(
            f"split '{name}': valid is {valid} and test is {test}, expected fractions above 0 whose sum is below 1"
        )
    n_valid, n_test = round(valid * len(frame)), round(test * len(frame))
    order = np.random.default_rng(settings.get("seed", 1)).permutation(len(frame))
    folds = np.full(len(frame), "train", dtype=object)
    folds[order[:n_valid]] = "valid"
    folds[order[n_valid : n_valid + n_test]] = "test"
    return folds


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
