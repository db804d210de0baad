"""Labels and scores, their metrics by scikit-learn, and tables of predictions that hold them."""

import numpy as np
import pandas as pd
from sklearn import metrics as sk

from cisflow import tasks

BINARY = tasks.get("binary")


def heavy_ties(seed, n=300, levels=12):
    """Labels, scores with few values and a missing label in ten."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(n) < 0.3).astype(float)
    scores = np.round(np.clip(0.5 * rng.random(n) + 0.3 * labels, 0, 1) * levels) / levels
    labels[rng.random(n) < 0.1] = np.nan
    return labels, scores


def weighted_by_sklearn(labels, scores, weights):
    """The first five metrics of a binary prediction, of the known labels (n,) with weights (n,)."""
    known = np.isfinite(labels) & (weights > 0)
    labels, scores, weights = labels[known], scores[known], weights[known]
    precision, recall, _ = sk.precision_recall_curve(labels, scores, sample_weight=weights)
    return [
        sk.roc_auc_score(labels, scores, sample_weight=weights),
        sk.average_precision_score(labels, scores, sample_weight=weights),
        sk.accuracy_score(labels, scores >= 0.5, sample_weight=weights),
        sk.brier_score_loss(labels, scores, sample_weight=weights),
        sk.auc(recall, precision),
    ]


def write(folder, labels, values, folds, targets=("A",), task=BINARY):
    """Write the predictions.tsv of labels and predictions (t, n) and folds (n,) into a folder; returns the folder."""
    n = len(folds)
    frame = pd.DataFrame(
        {
            "id": np.repeat([f"w{i:04d}" for i in range(n)], len(targets)),
            "fold": np.repeat(folds, len(targets)),
            "target": np.tile(targets, n),
            task.truth: np.asarray(labels).T.ravel(),
            "forward": np.nan,
            "reverse": np.nan,
            task.predicted: np.asarray(values).T.ravel(),
        }
    )
    folder.mkdir(parents=True, exist_ok=True)
    frame.to_csv(folder / "predictions.tsv", sep="\t", index=False)
    return folder


def pick(frame, **conditions):
    """The rows of a frame that have these values."""
    for name, value in conditions.items():
        frame = frame[frame[name] == value]
    return frame
