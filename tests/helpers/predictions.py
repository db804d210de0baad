"""Labels and scores, their metrics by scikit-learn, and tables of predictions that hold them."""

import numpy as np
import pandas as pd
from sklearn import metrics as sk


def heavy_ties(seed, n=300, levels=12):
    """Labels, scores with few values and a missing label in ten."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(n) < 0.3).astype(float)
    scores = np.round(np.clip(0.5 * rng.random(n) + 0.3 * labels, 0, 1) * levels) / levels
    labels[rng.random(n) < 0.1] = np.nan
    return labels, scores


def weighted_by_sklearn(labels, scores, weights):
    """The first five METRICS of statistics, of the known labels (n,) with weights (n,)."""
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


def write(path, labels, probabilities, folds, targets=("A",), shuffle=None):
    """A predictions.tsv of labels and probabilities (t, n) and folds (n,)."""
    n = len(folds)
    frame = pd.DataFrame(
        {
            "id": np.repeat([f"w{i:04d}" for i in range(n)], len(targets)),
            "fold": np.repeat(folds, len(targets)),
            "target": np.tile(targets, n),
            "label": np.asarray(labels).T.ravel(),
            "forward": np.nan,
            "reverse": np.nan,
            "probability": np.asarray(probabilities).T.ravel(),
        }
    )
    if shuffle is not None:
        frame = frame.sample(frac=1, random_state=shuffle)
    frame.to_csv(path, sep="\t", index=False)
    return str(path)


def pick(frame, **conditions):
    """The rows of a frame that have these values."""
    for name, value in conditions.items():
        frame = frame[frame[name] == value]
    return frame
