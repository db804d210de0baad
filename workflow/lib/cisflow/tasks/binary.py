"""Labels of two classes, 0 and 1: independent targets under binary cross-entropy."""

import numpy as np
import pandas as pd

from cisflow.tasks.task import Task


class Binary(Task):
    """Whether a sequence is positive. A network's output is a logit, a prediction a probability."""

    name = "binary"
    expected = "0, 1 or empty"
    classes = (0, 1)
    truth, predicted = "label", "probability"
    range = (0, 1)
    loss = "binary_cross_entropy"
    score = "auroc"
    metrics = (
        "auroc",
        "average_precision",
        "accuracy",
        "brier",
        "auprc_trapezoid",
        "calibration_error",
        "calibration_slope",
        "calibration_intercept",
    )
    headline = "auroc"
    compared = ("auroc", "average_precision")
    labels = {
        "auroc": "AUROC",
        "average_precision": "Average precision",
        "accuracy": "Accuracy",
        "brier": "Brier score",
    }
    lower = ("brier",)
    chance = {"auroc": 0.5}
    axis = "Predicted probability"

    def valid(self, values):
        return np.isin(values, (0, 1))

    def column(self, values):
        # As nullable integers they are written without a decimal point.
        return pd.array(values, dtype="Int8")

    def summary(self, labels, targets):
        counts = {"n_positive": labels == 1, "n_negative": labels == 0, "n_missing": np.isnan(labels)}
        return pd.DataFrame({"target": targets} | {name: rows.sum(axis=0) for name, rows in counts.items()})

    def complaint(self, labels, target):
        positives, negatives = int((labels == 1).sum()), int((labels == 0).sum())
        if positives and negatives:
            return None
        return (
            f"has {positives} positives and {negatives} negatives of target '{target}' in {len(labels)} windows, "
            "expected at least one of each"
        )

    def link(self, outputs, kind):
        return outputs.sigmoid() if kind == "logit" else outputs

    def _score(self, labels, outputs):
        from sklearn.metrics import roc_auc_score

        return roc_auc_score(labels, outputs) if 0 < labels.sum() < len(labels) else None
