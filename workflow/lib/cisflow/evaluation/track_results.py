"""What the tables of tracks and regions say, for figures and pages."""

from cisflow.evaluation import similarity, track_comparisons, tracks
from cisflow.evaluation.predictions import MEAN
from cisflow.io.tables import table

AXES = {"track": "per track across regions", "region": "per region across tracks"}
WORDS = {
    "pearson": "Pearson's r",
    "spearman": "Spearman's \u03c1",
    "rmse": "RMSE",
    "jensen_shannon": "Jensen-Shannon distance",
}
_NUMBERS = ("value", "lower", "upper", "n", "null", "p_null", "ceiling", "share")
_COMPARED = (
    "mean_a",
    "mean_b",
    "difference",
    "lower",
    "upper",
    "p_value",
    "p_permutation",
    "a_better",
    "b_better",
    "n",
)


def read(path):
    """The frame of tracks.tsv: texts as strings, numbers as floats (InputError: a column or a number is not there)."""
    return table(path, [name for name in tracks.COLUMNS if name not in _NUMBERS], _NUMBERS)


def read_comparisons(path):
    """The frame of track_comparisons.tsv."""
    return table(path, [name for name in track_comparisons.COLUMNS if name not in _COMPARED], _COMPARED)


def read_similarity(path):
    """The frame of similarity.tsv."""
    numbers = ("similarity", "value", "n")
    return table(path, [name for name in similarity.COLUMNS if name not in numbers], numbers)


def verdicts(comparisons, metric="pearson", regions="all"):
    """Sentences, one a pair of models, split, modality and class: which of them wins on which axis.

    Per track the certainty is that of resampled regions, where the table has it.

    Parameters
    ----------
    comparisons : rows of track_comparisons.tsv.
    """
    rows = comparisons[(comparisons["metric"] == metric) & (comparisons["regions"] == regions)]
    rows = rows[rows["seeds"] == MEAN]
    # Of two rows per track, the one over regions stands behind the one over tracks.
    rows = rows.drop_duplicates(["split", "modality", "class", "axis", "model_a", "model_b"], keep="last")
    sentences = []
    keys = ["split", "modality", "class", "model_a", "model_b"]
    for (split, modality, name, a, b), part in rows.groupby(keys, sort=False):
        said = [_verdict(row, a, b) for row in part.itertuples()]
        where = f"{split}, {modality}" + ("" if name == tracks.ALL else f", {name}")
        winners = set(part["winner"]) - {""}
        disagree = " The axes disagree." if len(winners) == 2 else ""
        sentences.append(f"{where}: {'; '.join(said)} ({WORDS.get(metric, metric)}).{disagree}")
    return sentences


def _verdict(row, a, b):
    numbers = f"{row.mean_a:.3f} and {row.mean_b:.3f}, difference {row.difference:+.3f}"
    numbers += f" ({row.lower:+.3f} to {row.upper:+.3f})"
    if row.winner:
        other = b if row.winner == a else a
        return f"{AXES[row.axis]} {row.winner} beats {other}: {a} and {b} have {numbers}"
    return f"{AXES[row.axis]} neither {a} nor {b} is surely better: {numbers}"
