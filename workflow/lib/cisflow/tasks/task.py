"""What every task says of its labels, its predictions and their words."""

import abc

import numpy as np


class Task(abc.ABC):
    """What a label means. A label is float32, NaN where it is missing; without state, so that all of a task are equal.

    Attributes
    ----------
    name : as the config and the files have it.
    expected : which labels there are, for messages and documentation.
    classes : the labels of which there are no others, or nothing where a label is any number.
    truth, predicted : columns of predictions.tsv.
    range : lowest and highest prediction, or None where any number may be predicted.
    loss : name of the loss that a network is trained under where no other is asked for, of `tasks.losses`.
    score : name of the metric that training reports of its validation fold.
    metrics : names of the metrics of an evaluation, in order. headline : the one that stands for all.
    compared : those that models are compared by.
    labels : {metric: how papers write it} of those that figures show, and of the score. lower : those of them of
        which a smaller value is better.
    chance : {metric: what a prediction without skill has in it, whatever the labels}.
    axis : what a figure calls the axis of predictions.
    """

    name: str
    expected: str
    classes: tuple
    truth: str
    predicted: str
    range: tuple | None
    loss: str
    score: str
    metrics: tuple
    headline: str
    compared: tuple
    labels: dict
    lower: tuple
    chance: dict
    axis: str

    def __eq__(self, other):
        return type(self) is type(other)

    def __hash__(self):
        return hash(self.name)

    def __repr__(self):
        return f"Task({self.name})"

    @abc.abstractmethod
    def valid(self, values):
        """Which of an array of values are labels, bool of its shape; NaN is none."""

    @abc.abstractmethod
    def column(self, values):
        """Labels (n,), NaN = missing, as a column of a table: missing ones are written as nothing."""

    @abc.abstractmethod
    def summary(self, labels, targets):
        """The table targets.tsv of labels (n, t) and the names of the t targets: one row a target.

        The column `task` names the task; a table without it is of binary labels.
        """

    @abc.abstractmethod
    def complaint(self, labels, target):
        """Why a fold with these labels (n,) of a target cannot train or test a model, as the end of a sentence that
        begins with the fold; None where it can."""

    @abc.abstractmethod
    def link(self, outputs, kind):
        """Predictions of a network's raw outputs, a tensor.

        Parameters
        ----------
        kind : what the network's last layer gives: "logit" or "probability".
        """

    @abc.abstractmethod
    def _score(self, labels, outputs):
        """`score` of the known labels (m,) of one target and its raw outputs (m,); None where it is undefined."""

    def mean_score(self, labels, outputs):
        """`score` of raw outputs (n, t) and labels (n, t), numpy, as the mean over targets.

        Targets of which it is undefined are left out; NaN where none is left.
        """
        values = []
        for truth, output in zip(labels.T, outputs.T, strict=True):
            known = ~np.isnan(truth)
            if (value := self._score(truth[known], output[known])) is not None:
                values.append(value)
        return float(np.mean(values)) if values else float("nan")
