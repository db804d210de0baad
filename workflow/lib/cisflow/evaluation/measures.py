"""What an evaluation asks of a task: its metrics with their resamples, and what else there is to say of predictions."""

import abc

import numpy as np

from cisflow.tasks.task import Task

# Abscissae of curves in percent: whole numbers keep the comparison with counts exact.
PERCENT = np.arange(101)


class Measures(abc.ABC):
    """How predictions of a task are measured. A task without curves, bins or a test of its own keeps the defaults.

    Attributes
    ----------
    task : tasks.task.Task. curve_names : curves in the order of `curves`.
    """

    task: Task
    curve_names: tuple = ()

    @abc.abstractmethod
    def metrics(self, labels, predictions, counts):
        """(k, 1 + b) float64: the task's metrics of the data, then of each resample; NaN where one is undefined.

        Parameters
        ----------
        labels : (n,), NaN where missing. predictions : (n,). counts : (b, n) uint8, as `statistics.resamples` draws.
        """

    def curves(self, labels, predictions, counts):
        """(curves, 1 + b, 101): heights of each curve at the abscissae 0, 0.01, … 1, of the data and of resamples."""
        return np.empty((len(self.curve_names), 1, len(PERCENT)))

    def n_positive(self, labels):
        """How many sequences are positive for any target of labels (t, n); NaN where nothing is positive or not."""
        return np.nan

    def bins(self, labels, predictions):
        """Predictions (n,) and labels (n,) in bins, for `calibration_rows`; None where a task has none."""
        return None

    def calibration_rows(self, names, bins):
        """Rows of calibration.tsv, each with `names`, of {(model, seed): bins}."""
        return []

    def test(self, labels, predictions):
        """What a paired test needs of predictions (m, n) of m models and labels (n,); None where a task has no test."""
        return None

    def tested(self, estimate, metric, a, b):
        """Columns of comparisons.tsv that the test of a task adds to models number a and b in a metric."""
        return {}
