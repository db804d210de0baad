"""The tables that the page of a study is written from, and the rows that its sections look up."""

import itertools
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from cisflow.data import dataset as datasets
from cisflow.evaluation import results
from cisflow.io import files
from cisflow.io.tables import matching, read_table, table
from cisflow.published import numbers as published

FOLD = "test"
METRIC_NUMBERS = ("value", "lower", "upper", "minimum", "maximum", "n_seeds", "n", "n_positive")
COMPARISON_NUMBERS = ("difference", "lower", "upper", "p_holm", "delong_holm", "close", "baseline")


class Tables(NamedTuple):
    """What the page is written from.

    settings : dataset, study, splits, models, baselines, resamples, extractors and figures, as the rule gives them.
    target : the one that the numbers are of. counts : frame of split, fold, windows, n (those with a
    label of any target) and positive (of any target).
    metrics : mean over seeds and ensembles, test fold. comparisons : test fold.
    leakage : {split: frame}. published : {model: published.Published}. features : {extractor: frame of name and group}.
    unconverged : [(model, split, seed)] of logistic regressions that stopped short of their optimum.
    """

    settings: dict
    target: str
    counts: pd.DataFrame
    metrics: pd.DataFrame
    comparisons: pd.DataFrame
    leakage: dict
    published: dict
    features: dict
    unconverged: list


def read(folder, published_path, settings):
    """The Tables of a dataset's folder (InputError: one is absent or incomplete, or a published row is)."""
    folder = Path(folder)
    path = folder / "evaluation" / "metrics.tsv"
    metrics = table(path, results.METRIC_COLUMNS, METRIC_NUMBERS)
    metrics = matching(metrics, dataset=settings["dataset"], fold=FOLD)
    metrics = metrics[metrics["seed"].isin(["mean", "ensemble"])]
    target = results.headline_target(metrics, path)
    names = ("dataset", "split", "fold", "target", "metric", "model_a", "model_b")
    comparisons = table(folder / "evaluation" / "comparisons.tsv", names, COMPARISON_NUMBERS)
    leakage = {
        split: table(
            folder / "splits" / f"{split}.leakage.tsv", ("check", "fold", "other", "note"), ("count", "n", "fraction")
        )
        for split in settings["splits"]
    }
    features = {
        name: read_table(folder / "features" / name / "targets.tsv", ("name", "group"), ("name", "group"))
        for name in settings.get("extractors", {})
    }
    return Tables(
        settings,
        target,
        _counts(folder, settings["splits"]),
        matching(metrics, target=target),
        matching(comparisons, dataset=settings["dataset"], fold=FOLD, target=target),
        leakage,
        published.read(published_path, settings["study"].get("published", {})),
        features,
        _unconverged(folder, settings),
    )


def _unconverged(folder, settings):
    found = []
    for model, entry in settings["models"].items():
        if entry.get("classifier") != "logistic_regression":
            continue
        for split, seed in itertools.product(settings["splits"], entry["seeds"]):
            path = folder / "models" / model / split / f"seed{seed}" / "manifest.json"
            chosen = files.read_record(path, chosen=dict)["chosen"]
            files.check_record(path, chosen, {"converged": bool}, "chosen")
            if not chosen["converged"]:
                found.append((model, split, seed))
    return found


def _counts(folder, splits):
    dataset = datasets.read(folder, mmap=True)
    ids, labels = dataset.ids, dataset.labels
    positive, known = (labels == 1).any(axis=1), np.isfinite(labels).any(axis=1)
    rows = []
    for split in splits:
        folds = datasets.read_folds(folder / "splits" / f"{split}.tsv", ids)
        rows += [
            {
                "split": split,
                "fold": fold,
                "windows": int((folds == fold).sum()),
                "n": int(known[folds == fold].sum()),
                "positive": int(positive[folds == fold].sum()),
            }
            for fold in datasets.FOLDS
        ]
    return pd.DataFrame(rows)


# --- Rows of the tables ----------------------------------------------------------------------------------------------


def share(row):
    """Share of positives among the labelled windows of a row of the counts, NaN for none."""
    return row.positive / row.n if row.n else np.nan


def measured(tables, split, metric, strands="averaged", seed="mean"):
    """{model: row} of one metric on a split; strands `published`: each by itself where the model has single ones."""
    rows = matching(tables.metrics, split=split, metric=metric, seed=seed)
    rows = published.as_published(rows) if strands == "published" else matching(rows, strands=strands)
    return {row.model: row for row in rows.itertuples() if row.value == row.value}


def changes(before, after):
    """{model: value after minus value before} of the models that have both."""
    return {model: after[model].value - before[model].value for model in before if model in after}


def roles(tables):
    """The split that stands for the published one, and the one that is called held out."""
    splits = tables.settings["study"]["splits"]
    return splits["published"], splits["held_out"]


def own(tables, models):
    """The models that are no baselines, in the order of the config."""
    return [model for model in tables.settings["models"] if model in models and model not in baselines(tables)]


def baselines(tables):
    """{model: k of the k-mers it sees} of the baselines; k is 1 for GC content alone."""
    return tables.settings.get("baselines", {})
