"""How well each model predicts, with an interval, where it does, and whether two models differ."""

import itertools
import json
import re
import zlib
from collections import defaultdict
from typing import NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from cisflow.errors import InputError, listing
from cisflow.evaluation import statistics
from cisflow.io.arrays import read_array
from cisflow.io.tables import read_table
from cisflow.sequence import dna

FOLDS = ("train", "valid", "test")
EVALUATED = ("valid", "test")
COMPARED = ("auroc", "average_precision")
# The name of the mean over seeds and of the macro mean over targets.
MEAN = "mean"
# One prediction a sequence, the mean of the probabilities that all seeds give it.
ENSEMBLE = "ensemble"
# One row a sequence, or its forward and its reverse strand as rows of their own, as was published.
AVERAGED, SEPARATE = "averaged", "separate"
# Pointwise bands are drawn, not read off: fewer resamples suffice.
CURVE_RESAMPLES = 200
# Two models whose metrics differ by less than this are close, however certain the difference is.
CLOSE = 0.02
# A chromosome with fewer sequences than this has no row: its interval would span most of the scale.
MIN_STRATUM = 20
TERTILES = ("low", "middle", "high")

COLUMNS = {
    "metrics": (
        *("dataset", "split", "model", "seed", "fold", "target", "strands", "metric", "value", "lower", "upper"),
        *("sd", "minimum", "maximum", "n_seeds", "n", "n_positive"),
    ),
    "curves": ("dataset", "split", "model", "fold", "target", "curve", "x", "y", "lower", "upper"),
    "comparisons": (
        *("dataset", "split", "fold", "target", "metric", "model_a", "model_b", "difference", "lower", "upper"),
        *("p_value", "p_holm", "p_bh", "delong_difference", "delong_lower", "delong_upper", "delong_p"),
        *("delong_holm", "delong_bh", "close", "baseline", "n", "n_positive"),
    ),
    "strata": (
        *("dataset", "split", "model", "fold", "target", "kind", "stratum", "gc_from", "gc_to", "metric", "value"),
        *("lower", "upper", "n", "n_positive"),
    ),
    "calibration": (
        *("dataset", "split", "model", "seed", "fold", "target", "bin_from", "bin_to", "predicted", "observed"),
        *("lower", "upper", "n", "n_positive"),
    ),
}


class Run(NamedTuple):
    """One trained model: where its predictions are."""

    split: str
    model: str
    seed: int
    predictions: str


class Predictions(NamedTuple):
    """One predictions.tsv, ids sorted. folds (n,) str; labels (t, n) 0, 1 or NaN.

    probabilities : {"averaged": (1, t, n), "separate": (2, t, n)}: both strands as one, and forward and reverse;
    a file without single strands, or with the forward one alone, has no `separate`.
    """

    path: str
    ids: np.ndarray
    folds: np.ndarray
    targets: list
    labels: np.ndarray
    probabilities: dict


class Windows(NamedTuple):
    """What sequences are grouped by. ids (n,) str; chroms (n,) str, empty where unknown; gc (n,) share of C and G."""

    ids: np.ndarray
    chroms: np.ndarray
    gc: np.ndarray


class Stratum(NamedTuple):
    """Some sequences of a fold. rows (m,) int; gc_from, gc_to: bounds of their GC content, NaN for a chromosome."""

    kind: str
    name: str
    gc_from: float
    gc_to: float
    rows: np.ndarray


class Average:
    """Mean of arrays of one shape, element by element, over those that are not NaN there."""

    def __init__(self):
        self.total, self.count = 0.0, 0

    def add(self, values):
        self.total = self.total + np.nan_to_num(values)
        self.count = self.count + np.isfinite(values)

    def mean(self):
        return np.divide(self.total, self.count, out=np.full(self.total.shape, np.nan), where=self.count > 0)


def parse_runs(text):
    """List of Run from JSON [{"split", "model", "seed", "predictions"}, ...] (InputError: anything else)."""
    try:
        entries = json.loads(text)
    except ValueError as error:
        raise InputError(f"--runs: not JSON: {error}") from error
    if not isinstance(entries, list) or not entries:
        raise InputError(f"--runs: found {text[:60]}, expected a list of at least one run")
    runs = []
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, dict) or set(entry) != set(Run._fields):
            raise InputError(f"--runs: run {number}: found {entry}, expected the keys {', '.join(Run._fields)}")
        run = Run(**entry)
        texts = (run.split, run.model, run.predictions)
        if type(run.seed) is not int or run.seed < 0 or not all(isinstance(text, str) for text in texts):
            raise InputError(f"--runs: run {number}: found {entry}, expected a whole number as seed and text elsewhere")
        if run[:3] in {other[:3] for other in runs}:
            raise InputError(
                f"--runs: run {number}: split '{run.split}', model '{run.model}', seed {run.seed} is twice"
            )
        runs.append(run)
    return runs


def read_predictions(path):
    """Read a predictions.tsv as Predictions.

    Raises
    ------
    InputError : a fold other than train, valid, test; a label other than 0, 1 or empty; a probability outside 0..1; an
        id and target that occur twice or not at all; an id in two folds; a target named like the macro mean; single
        strands in some rows only.
    """
    frame = _checked_rows(path)
    place, ids = pd.factorize(frame["id"], sort=True)
    row, targets = pd.factorize(frame["target"])
    if len(targets) > 1 and MEAN in targets:
        raise InputError(f"{path}: a target is named '{MEAN}', expected another name: it stands for the macro mean")
    cell = pd.Series(row * len(ids) + place)
    _refuse(path, cell.duplicated(), frame["id"], "target and id repeat an earlier row, id is", "one row for both")
    held = np.zeros((len(targets), len(ids)), dtype=bool)
    held[row, place] = True
    if not held.all():
        target, index = np.argwhere(~held)[0]
        raise InputError(f"{path}: no row of id '{ids[index]}' and target '{targets[target]}', expected one")
    folds = np.empty(len(ids), dtype=object)
    folds[place] = frame["fold"]
    _refuse(path, frame["fold"] != folds[place], frame["id"], "fold differs in other rows of id", "one fold per id")
    labels = np.empty(held.shape)
    labels[row, place] = frame["label"]
    columns = {AVERAGED: ["probability"], SEPARATE: ["forward", "reverse"]}
    if frame["reverse"].isna().all():
        del columns[SEPARATE]
    probabilities = {strands: np.empty((len(names), *held.shape)) for strands, names in columns.items()}
    for strands, names in columns.items():
        probabilities[strands][:, row, place] = frame[names].to_numpy().T
    return Predictions(str(path), np.asarray(ids), folds, list(targets), labels, probabilities)


def _checked_rows(path):
    """The columns of a predictions.tsv that count, each value checked by itself (InputError)."""
    columns = ["id", "fold", "target", "label", "forward", "reverse", "probability"]
    frame = read_table(path, columns, text=("id", "fold", "target"))[columns]
    if frame.empty:
        raise InputError(f"{path}: no rows, expected one per id and target")
    for name in columns[3:]:
        numbers = pd.to_numeric(frame[name], errors="coerce")
        _refuse(path, numbers.isna() & frame[name].notna(), frame[name], f"{name} is", "a number")
        frame[name] = numbers.astype(float)
    for name in ("id", "target"):
        _refuse(path, frame[name] == "", frame[name], f"{name} is", "a name")
    _refuse(path, ~frame["fold"].isin(FOLDS), frame["fold"], "fold is", ", ".join(FOLDS))
    _refuse(path, frame["label"].notna() & ~frame["label"].isin([0, 1]), frame["label"], "label is", "0, 1 or nothing")
    # A network of the forward strand has that one alone; the reverse one never comes without it.
    single = {"reverse": ("forward", "reverse"), "forward": ("forward",)}
    held = next((single[name] for name in single if frame[name].notna().any()), ())
    for name in ("probability", *held):
        _refuse(path, ~frame[name].between(0, 1), frame[name], f"{name} is", "a number from 0 to 1")
    return frame


def _refuse(path, bad, values, what, expected):
    """InputError for the first row where `bad` holds; rows count as lines do, the header is row 1."""
    places = np.flatnonzero(bad)
    if len(places):
        found = values.iloc[places[0]]
        found = "empty" if found == "" or pd.isna(found) else f"'{found}'"
        raise InputError(f"{path}: row {places[0] + 2}: {what} {found}, expected {expected}")


def aligned(reference, other):
    """`other` with the targets in the order of `reference`.

    Raises
    ------
    InputError : the two files differ in ids, targets, folds or labels; names both and the first difference by id.
    """
    both = f"{reference.path} and {other.path} are predictions of one split but"
    unshared = sorted(set(reference.ids) ^ set(other.ids))
    if unshared:
        where = reference.path if unshared[0] in set(reference.ids) else other.path
        raise InputError(f"{both} differ in their ids: '{unshared[0]}' is in {where} only")
    if sorted(reference.targets) != sorted(other.targets):
        raise InputError(
            f"{both} differ in their targets: {listing(reference.targets)} against {listing(other.targets)}"
        )
    order = [other.targets.index(target) for target in reference.targets]
    probabilities = {strands: values[:, order] for strands, values in other.probabilities.items()}
    other = other._replace(targets=reference.targets, labels=other.labels[order], probabilities=probabilities)
    for name, left, right in (("fold", reference.folds, other.folds), ("label", reference.labels.T, other.labels.T)):
        same = (left == right) | ((left != left) & (right != right))
        if not same.all():
            place = tuple(np.argwhere(~same)[0])
            target = f" and target '{reference.targets[place[1]]}'" if len(place) > 1 else ""
            raise InputError(
                f"{both} differ in the {name} of id '{reference.ids[place[0]]}'{target}: "
                f"{left[place]} against {right[place]}"
            )
    return other


def read_windows(table, sequences):
    """The Windows of a dataset's windows.tsv and sequences.npy; unknown bases do not count for GC.

    Raises
    ------
    InputError : a file is absent or incomplete, or they disagree on the number of windows.
    """
    frame = read_table(table, ["id", "chrom"], text=("id", "chrom"))
    codes = read_array(sequences, np.uint8, (len(frame), None), mmap=True)
    gc = np.empty(len(frame))
    step = max(1, (1 << 24) // max(codes.shape[1], 1))
    for start in range(0, len(frame), step):
        gc[start : start + step] = dna.gc_content(codes[start : start + step])
    return Windows(frame["id"].to_numpy(dtype=str), frame["chrom"].to_numpy(dtype=str), gc)


def evaluate(dataset, runs, seed, n_resamples, windows=None, baselines=()):
    """Metrics, curves, comparisons, strata and calibration of all runs of a dataset.

    Intervals are percentiles (2.5, 97.5) of a bootstrap over sequences. All models, seeds, targets and strands of a
    split and fold share their resamples: comparisons are paired, and the mean over seeds or targets is bootstrapped
    as one number. Where strands are rows of their own, a resample draws both of a sequence together. In a resample
    where a target lacks a class, that target has no AUROC and average precision: it is left out of the target's
    interval and of the resample's macro mean. An interval is for the choice of sequences; what the training adds
    shows in the rows of the seeds and in `sd`, `minimum` and `maximum` of their mean.

    Parameters
    ----------
    dataset : name, for the tables. runs : list of Run.
    seed : int, at least 0, fixes the resamples together with the names of split and fold.
    n_resamples : int, at least 1.
    windows : Windows that hold every id of the runs; without them there are no strata.
    baselines : models that see no more than the GC content or k-mers of a sequence; a pair of models names one second.

    Returns
    -------
    dict of data frames by the names and with the columns of COLUMNS; all but `metrics` of the test fold alone.
    """
    for option, value, least in (("--seed", seed, 0), ("--resamples", n_resamples, 1)):
        if value < least:
            raise InputError(f"{option}: found {value}, expected {least} or more")
    unknown = sorted(set(baselines) - {run.model for run in runs})
    if unknown:
        raise InputError(
            f"--baselines: no run of model '{unknown[0]}'; found {listing(sorted({run.model for run in runs}))}"
        )
    tables = {name: [] for name in COLUMNS}
    for split in dict.fromkeys(run.split for run in runs):
        scores, first = _read_split([run for run in runs if run.split == split])
        for fold in EVALUATED:
            for estimate in _fold_estimates(scores, first, split, fold, seed, n_resamples, windows):
                names = {"dataset": dataset, "split": split, "fold": fold, "target": estimate.target}
                tables["metrics"] += _metric_rows(names, estimate)
                if fold == "test":
                    tables["curves"] += _curve_rows(names, estimate)
                    tables["comparisons"] += _comparison_rows(names, estimate, baselines)
                    tables["strata"] += _stratum_rows(names, estimate)
                    tables["calibration"] += _calibration_rows(names, estimate)
    return {name: pd.DataFrame(rows, columns=list(COLUMNS[name])) for name, rows in tables.items()}


def _read_split(runs):
    """({(model, seed): probabilities of Predictions}, the first run's Predictions) of the runs of one split.

    Models of several seeds have the entry `ensemble` as well.
    """
    scores, first = {}, None
    for run in tqdm(runs, desc=f"reading predictions of {runs[0].split}", unit="run"):
        predictions = read_predictions(run.predictions)
        first = first or predictions
        scores[run.model, str(run.seed)] = aligned(first, predictions).probabilities
    if not np.isin(first.folds, EVALUATED).any():
        raise InputError(f"{first.path}: no row of fold {' or '.join(EVALUATED)}, expected some to evaluate")
    for model in dict.fromkeys(run.model for run in runs):
        seeds = [values for (name, _), values in scores.items() if name == model]
        shared = [strands for strands in (AVERAGED, SEPARATE) if all(strands in values for values in seeds)]
        if len(seeds) > 1:
            scores[model, ENSEMBLE] = {name: np.mean([values[name] for values in seeds], axis=0) for name in shared}
    return scores, first


class Estimate(NamedTuple):
    """What is known of one target, or of the macro mean; index 0 of an array is the data, the others the resamples.

    n, n_positive : labelled sequences and positives (macro mean: with a label, or a positive one, of any target).
    metrics : {(model, seed, strands): (8, 1 + b)}, seed `mean` included.
    curves : {model: (2, 1 + min(b, 200), 101)}.
    strata : {(number of the stratum, model): (8, 1 + b)}, of the mean over seeds.
    sizes : [(Stratum, n, n_positive)], in the order of their numbers.
    bins : {(model, seed): statistics.Reliability}; delong : (models, statistics.Delong); neither of the macro mean.
    """

    target: str
    n: int
    n_positive: int
    metrics: dict
    curves: dict
    strata: dict
    sizes: list
    bins: dict
    delong: tuple


def _fold_estimates(scores, first, split, fold, seed, n_resamples, windows):
    """The Estimates of one fold of a split, none where it holds no sequence."""
    rows = np.flatnonzero(first.folds == fold)
    if not len(rows):
        return []
    rng = np.random.default_rng([seed, zlib.crc32(f"{split}/{fold}".encode())])
    counts = statistics.resamples(len(rows), n_resamples, rng)
    held_out = {run: {strands: values[:, :, rows] for strands, values in both.items()} for run, both in scores.items()}
    detailed = fold == "test"
    strata = _strata(first.path, first.ids[rows], windows) if detailed and windows else []
    return _estimates(held_out, first.labels[:, rows], first.targets, counts, strata, f"{split}, {fold}", detailed)


def _strata(path, ids, windows):
    """The Stratum of each chromosome and of each tertile of GC content of the sequences `ids` (n,)."""
    order = np.argsort(windows.ids)
    place = order[np.minimum(np.searchsorted(windows.ids, ids, sorter=order), len(order) - 1)]
    absent = np.flatnonzero(windows.ids[place] != ids)
    if len(absent):
        raise InputError(f"{path}: id '{ids[absent[0]]}' is not in the table of windows ({len(absent)} are not)")
    chroms, gc = windows.chroms[place], windows.gc[place]
    found = [
        Stratum("chromosome", name, np.nan, np.nan, np.flatnonzero(chroms == name))
        for name in sorted(set(chroms) - {""}, key=_natural)
    ]
    # A sequence of unknown bases alone has no GC content and is in no tertile.
    edges = np.r_[-np.inf, np.quantile(gc[np.isfinite(gc)], [1 / 3, 2 / 3]) if np.isfinite(gc).any() else (), np.inf]
    for name, above, upto in zip(TERTILES, edges[:-1], edges[1:], strict=False):
        rows = np.flatnonzero((gc > above) & (gc <= upto))
        if len(rows):
            found.append(Stratum("gc", name, gc[rows].min(), gc[rows].max(), rows))
    return [stratum for stratum in found if stratum.kind == "gc" or len(stratum.rows) >= MIN_STRATUM]


def _natural(name):
    """Sort key that puts chr2 before chr10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def _estimates(scores, labels, targets, counts, strata, title, detailed):
    """Yield the Estimate of each target and, for more than one, of their macro mean.

    scores : {(model, seed): {strands: (s, t, n)}}; labels : (t, n); counts : (b, n) resamples; strata : of Stratum;
    detailed : with curves, strata, bins and DeLong's test.
    """
    macro = [defaultdict(Average) for _ in range(3)]
    # Both strands of a sequence are drawn together.
    drawn = {AVERAGED: counts}
    if any(SEPARATE in both for both in scores.values()):
        drawn[SEPARATE] = np.tile(counts, (1, 2))
    with tqdm(total=len(targets) * len(scores), desc=f"evaluating {title}", unit="run") as bar:
        for index, target in enumerate(targets):
            truth = labels[index]
            metrics, means, curves, parts = {}, defaultdict(Average), defaultdict(Average), defaultdict(Average)
            for (model, seed), both in scores.items():
                for strands, values in both.items():
                    repeated = np.tile(truth, len(values))
                    metrics[model, seed, strands] = _metrics(repeated, values[:, index].ravel(), drawn[strands])
                    if seed != ENSEMBLE:
                        means[model, MEAN, strands].add(metrics[model, seed, strands])
                if detailed and seed != ENSEMBLE:
                    values = both[AVERAGED][0, index]
                    curves[model].add(_curves(truth, values, counts))
                    for number, stratum in enumerate(strata):
                        rows = stratum.rows
                        parts[number, model].add(_metrics(truth[rows], values[rows], counts[:, rows]))
                bar.update()
            own = [metrics | _means(means), _means(curves), _means(parts)]
            for sums, values in zip(macro, own, strict=True):
                for key, value in values.items():
                    sums[key].add(value)
            bins, delong = (_bins(truth, scores, index), _delong(truth, scores, index)) if detailed else ({}, None)
            yield _estimate(target, labels[index : index + 1], own, strata, bins, delong)
    if len(targets) > 1:
        yield _estimate(MEAN, labels, [_means(sums) for sums in macro], strata, {}, None)


def _estimate(target, labels, values, strata, bins, delong):
    """The Estimate of labels (t, n); values : its metrics, curves and strata."""
    sizes = [(stratum, *_size(labels[:, stratum.rows])) for stratum in strata]
    return Estimate(target, *_size(labels), *values, sizes, bins, delong)


def _bins(labels, scores, index):
    """{(model, seed): Reliability} of one target's labels (n,), strands averaged."""
    known = np.isfinite(labels)
    return {run: statistics.reliability(labels[known], both[AVERAGED][0, index, known]) for run, both in scores.items()}


def _delong(labels, scores, index):
    """(models, their Delong) of one target's labels (n,): of the only seed, or of the ensemble of several."""
    models = dict.fromkeys(model for model, _ in scores)
    chosen = {model: seed for model in models for name, seed in scores if name == model}
    values = np.array([scores[model, seed][AVERAGED][0, index] for model, seed in chosen.items()])
    return list(chosen), statistics.delong(labels, values)


def _means(averages):
    return {key: average.mean() for key, average in averages.items()}


def _size(labels):
    """Number of sequences with a label, and with a positive one, of any target of labels (t, n)."""
    return int(np.isfinite(labels).any(axis=0).sum()), int((labels == 1).any(axis=0).sum())


def _metrics(labels, scores, counts):
    """(8, 1 + b): METRICS of the data, then of each resample."""
    resampled = statistics.bootstrap_metrics(labels, scores, counts)
    return np.column_stack([statistics.point_metrics(labels, scores), resampled])


def _curves(labels, scores, counts):
    """(2, 1 + min(b, 200), 101): CURVES of the data, then of each resample."""
    whole = np.ones((1, counts.shape[1]), dtype=counts.dtype)
    return statistics.curves(labels, scores, np.vstack([whole, counts[:CURVE_RESAMPLES]]))


def _metric_rows(names, estimate):
    """One row per model, seed, strands and metric; the spread over seeds stands in the rows of their mean."""
    rows = []
    for (model, seed, strands), values in estimate.metrics.items():
        seeds = [
            other[:, 0]
            for (name, number, kind), other in estimate.metrics.items()
            if (name, kind) == (model, strands) and number not in (MEAN, ENSEMBLE)
        ]
        spread = np.full((3, len(values)), np.nan)
        if seed == MEAN:
            spread[1:] = np.min(seeds, axis=0), np.max(seeds, axis=0)
            spread[0] = np.std(seeds, axis=0, ddof=1) if len(seeds) > 1 else np.nan
        for number, metric in enumerate(statistics.METRICS):
            value, lower, upper = _summary(values[number])
            entry = {"model": model, "seed": seed, "strands": strands, "metric": metric, "value": value}
            entry |= {"lower": lower, "upper": upper}
            entry |= dict(zip(("sd", "minimum", "maximum"), spread[:, number], strict=True))
            entry["n_seeds"] = len(seeds) if seed in (MEAN, ENSEMBLE) else 1
            rows.append({**names, **entry, "n": estimate.n, "n_positive": estimate.n_positive})
    return rows


def _curve_rows(names, estimate):
    """One row per model, curve and point; none for a curve that lacks a class."""
    rows = []
    for model, both in estimate.curves.items():
        for curve, values in zip(statistics.CURVES, both, strict=True):
            if np.isnan(values[0]).any():
                continue
            for x, y, lower, upper in zip(statistics.PERCENT / 100, *_summary(values), strict=True):
                rows.append({**names, "model": model, "curve": curve, "x": x, "y": y, "lower": lower, "upper": upper})
    return rows


def _comparison_rows(names, estimate, baselines):
    """One row per metric of COMPARED and pair of models: of their means over seeds, and DeLong's of their ensembles.

    A p-value is adjusted over the pairs of its target and metric.
    """
    models = [model for model, seed, strands in estimate.metrics if (seed, strands) == (MEAN, AVERAGED)]
    pairs = list(itertools.combinations(sorted(models, key=lambda model: model in baselines), 2))
    rows = []
    for metric in COMPARED:
        place, group = statistics.METRICS.index(metric), []
        for a, b in pairs:
            differences = estimate.metrics[a, MEAN, AVERAGED][place] - estimate.metrics[b, MEAN, AVERAGED][place]
            difference, lower, upper = _summary(differences)
            entry = {"metric": metric, "model_a": a, "model_b": b, "difference": difference, "lower": lower}
            entry |= {"upper": upper, "p_value": statistics.p_value(differences[1:])}
            if metric == "auroc" and estimate.delong:
                numbered, covariance = estimate.delong
                test = statistics.delong_test(covariance, numbered.index(a), numbered.index(b))
                entry |= dict(zip(("delong_difference", "delong_lower", "delong_upper", "delong_p"), test, strict=True))
            entry["baseline"] = int(b in baselines and a not in baselines)
            # A baseline that beats a model warns of it no less than one that is as good.
            below = difference < CLOSE or lower <= 0
            near = below and (entry["baseline"] or difference > -CLOSE or upper >= 0)
            entry["close"] = np.nan if np.isnan(difference) else int(near)
            group.append({**names, **entry, "n": estimate.n, "n_positive": estimate.n_positive})
        for name, prefix in (("p_value", "p"), ("delong_p", "delong")):
            p_values = [row.get(name, np.nan) for row in group]
            for row, holm, bh in zip(
                group, statistics.holm(p_values), statistics.benjamini_hochberg(p_values), strict=True
            ):
                row |= {f"{prefix}_holm": holm, f"{prefix}_bh": bh}
        rows += group
    return rows


def _stratum_rows(names, estimate):
    """One row per model, stratum and metric of COMPARED, of the mean over seeds."""
    rows = []
    for (number, model), values in estimate.strata.items():
        stratum, n, n_positive = estimate.sizes[number]
        where = {"kind": stratum.kind, "stratum": stratum.name, "gc_from": stratum.gc_from, "gc_to": stratum.gc_to}
        for metric in COMPARED:
            value, lower, upper = _summary(values[statistics.METRICS.index(metric)])
            entry = {"metric": metric, "value": value, "lower": lower, "upper": upper}
            rows.append({**names, "model": model, **where, **entry, "n": n, "n_positive": n_positive})
    return rows


def _calibration_rows(names, estimate):
    """One row per model, seed and bin of the score."""
    edges = np.arange(statistics.BINS + 1) / statistics.BINS
    rows = []
    for (model, seed), bins in estimate.bins.items():
        lower, upper = statistics.wilson(bins.n_positive, bins.n)
        total = np.where(bins.n > 0, bins.n, np.nan)
        for number in range(statistics.BINS):
            entry = {"model": model, "seed": seed, "bin_from": edges[number], "bin_to": edges[number + 1]}
            entry |= {"predicted": bins.predicted[number] / total[number]}
            entry |= {"observed": bins.n_positive[number] / total[number]}
            entry |= {"lower": lower[number], "upper": upper[number]}
            rows.append({**names, **entry, "n": bins.n[number], "n_positive": bins.n_positive[number]})
    return rows


def _summary(values):
    """(value of the data, lower bound, upper bound) of values (1 + b, ...)."""
    return values[0], *statistics.interval(values[1:])
