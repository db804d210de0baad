"""Labels that are real numbers: independent targets under the squared error."""

import numpy as np
import pandas as pd

from cisflow.tasks.task import Task


class Regression(Task):
    """How much of something a sequence has. A network's output is the prediction itself."""

    name = "regression"
    expected = "a finite number or empty"
    classes = ()
    truth, predicted = "value", "prediction"
    range = None
    loss = "mse"
    score = "pearson"
    metrics = ("pearson", "spearman", "rmse")
    headline = "pearson"
    # A difference of errors has the unit of the labels: none of it is small by itself.
    compared = ("pearson", "spearman")
    labels = {"pearson": "Pearson's r", "spearman": "Spearman's \u03c1", "rmse": "RMSE"}
    lower = ("rmse",)
    chance = {"pearson": 0.0, "spearman": 0.0}
    axis = "Predicted value"

    def valid(self, values):
        return np.isfinite(values)

    def column(self, values):
        return pd.array(np.asarray(values, dtype=np.float64), dtype="Float64")

    def summary(self, labels, targets):
        known = pd.DataFrame(labels.astype(np.float64))
        return pd.DataFrame(
            {
                "target": targets,
                "task": self.name,
                "n_labelled": known.count().to_numpy(),
                "n_missing": known.isna().sum().to_numpy(),
                "mean": known.mean().to_numpy(),
                "sd": known.std().to_numpy(),
                "minimum": known.min().to_numpy(),
                "maximum": known.max().to_numpy(),
            }
        )

    def complaint(self, labels, target):
        distinct = len(np.unique(labels[np.isfinite(labels)]))
        if distinct > 1:
            return None
        return f"has {distinct} distinct values of target '{target}' in {len(labels)} windows, expected at least two"

    def link(self, outputs, kind):
        return outputs

    def _score(self, labels, outputs):
        if len(labels) < 2 or np.ptp(labels) == 0 or np.ptp(outputs) == 0:
            return None
        return np.corrcoef(labels.astype(np.float64), outputs.astype(np.float64))[0, 1]
