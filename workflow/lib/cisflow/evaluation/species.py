"""How far what motifs do agrees between genomes: as measured, and as a network predicts it.

The effect of a motif in a genome is the correlation, over its windows, of how well the motif fits a window with the
label, or with what a network predicts. A network that was trained on other genomes has learned what is shared where
its effects in one genome are those measured in another.
"""

from itertools import combinations

import numpy as np
import pandas as pd

from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.errors import InputError
from cisflow.evaluation import axes, matrix, statistics

MEASURED, PREDICTED = "measured", "predicted"
EFFECTS = (
    *("dataset", "split", "model", "seed", "target", "genome", "trained", "motif", "of", "value", "lower", "upper"),
    "n",
)
AGREEMENT = (
    *("dataset", "split", "model", "seed", "target", "of_a", "genome_a", "of_b", "genome_b", "pearson", "lower"),
    *("upper", "spearman", "same_sign", "n"),
)


class Settings(settings.Settings):
    """Agreement between genomes of what known motifs do."""

    pseudocount: float = setting(
        0.01, above=0, below=1, meaning="Share of the background that is added to the probabilities of a motif."
    )
    resamples: int = setting(300, minimum=20, meaning="Bootstrap resamples of the motifs, for 95% intervals.")


def effects(scores, values):
    """Pearson's correlation (m, t) of scores (n, m) of motifs with values (n, t), and n (m, t) of what is known."""
    found, count = np.empty((scores.shape[1], values.shape[1])), np.empty((scores.shape[1], values.shape[1]), int)
    for target, column in enumerate(np.asarray(values, dtype=np.float64).T):
        known = np.isfinite(column)
        x = np.asarray(scores[known].T, dtype=np.float64)
        y = np.broadcast_to(column[known], x.shape)
        found[:, target] = axes.correlations(x, y, np.ones(x.shape, dtype=bool))
        count[:, target] = known.sum()
    return found, count


def evaluate(name, runs, dataset, motifs, scores, chosen, seed):
    """(frame of EFFECTS, frame of AGREEMENT) of every run, over all windows of each genome.

    `trained` says whether windows of the genome trained the run. Intervals of an effect are Fisher's; those of an
    agreement are of a bootstrap over motifs, many of which are alike, so that they are narrower than the truth.
    `same_sign` is the share of the motifs whose effects have the same sign in both.

    Parameters
    ----------
    name : of the dataset. runs : list of runs.Run. dataset : dataset.Dataset of several genomes.
    motifs : m names. scores : (n, m), how well each fits each window. chosen : Settings. seed : of the resamples.

    Raises
    ------
    InputError : a dataset of one genome, or predictions that `matrix.read` refuses.
    """
    if dataset.genomes is None:
        raise InputError(f"dataset '{name}': effects by genome of one genome; expected a source of kind genomes")
    genomes, labels = list(dict.fromkeys(dataset.genomes)), np.asarray(dataset.labels)
    rows = {genome: np.flatnonzero(dataset.genomes == genome) for genome in genomes}
    measured = {genome: effects(scores[own], labels[own]) for genome, own in rows.items()}
    effect_rows, agreement_rows = [], []
    for run in runs:
        folds, values = matrix.read(run.predictions, dataset.ids, dataset.targets, dataset.task)
        known = {(MEASURED, genome): found for genome, found in measured.items()}
        known |= {(PREDICTED, genome): effects(scores[own], values[own]) for genome, own in rows.items()}
        trained = {genome: bool((folds[own] == "train").any()) for genome, own in rows.items()}
        place = {"dataset": name, "split": run.split, "model": run.model, "seed": run.seed}
        counts = statistics.resamples(len(motifs), chosen.resamples, np.random.default_rng([seed, len(motifs)]))
        for number, target in enumerate(dataset.targets):
            at = place | {"target": target}
            for (of, genome), (found, n) in known.items():
                lower, upper = axes.fisher(found[:, number], n[:, number], "pearson")
                numbers = zip(motifs, found[:, number], lower, upper, n[:, number], strict=True)
                effect_rows += [
                    at
                    | {"genome": genome, "trained": int(trained[genome]), "motif": motif, "of": of, "value": value}
                    | {"lower": low, "upper": high, "n": int(total)}
                    for motif, value, low, high, total in numbers
                ]
            for one, other in combinations(known, 2):
                first, second = known[one][0][:, number], known[other][0][:, number]
                where = {"of_a": one[0], "genome_a": one[1], "of_b": other[0], "genome_b": other[1]}
                agreement_rows.append(at | where | _agreement(first, second, counts))
    return pd.DataFrame(effect_rows, columns=list(EFFECTS)), pd.DataFrame(agreement_rows, columns=list(AGREEMENT))


def _agreement(first, second, counts):
    """How alike two effects (m,) of the same motifs are."""
    both = np.isfinite(first) & np.isfinite(second)
    x, y = np.where(both, first, np.nan)[None], np.nan_to_num(second)[None]
    found = axes.metrics(x, y, axes.CORRELATIONS)
    lower, upper = statistics.interval(axes.resampled_correlations(x, y, counts)[:, 0])
    same = np.sign(first[both]) == np.sign(second[both])
    return {
        "pearson": found["pearson"][0],
        "lower": lower,
        "upper": upper,
        "spearman": found["spearman"][0],
        "same_sign": same.mean() if both.any() else np.nan,
        "n": int(both.sum()),
    }
