"""Reading what figures are drawn from: rows of tidy tables, and attribution files on their common rows."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from cisflow.errors import InputError, listing
from cisflow.io.arrays import read_arrays
from cisflow.io.tables import read_table

CLASSES = ("dataset", "split", "model", "fold", "target")
METRICS = (*CLASSES, "seed", "strands", "metric")
METRIC_NUMBERS = ("value", "lower", "upper", "n", "n_positive")


class Attribution(NamedTuple):
    """Attributions of one method on the rows that all methods share.

    multipliers : (m, 4, length) float32, raw. codes : (m, length) uint8. ids, targets : (m,) str.
    probability : (m,) float32.
    """

    method: str
    multipliers: np.ndarray
    codes: np.ndarray
    ids: np.ndarray
    targets: np.ndarray
    probability: np.ndarray


def demand(figure, what, given, keys):
    """Refuse a mapping that lacks one of the keys a figure needs (InputError)."""
    missing = [key for key in keys if key not in given]
    if missing:
        found = listing(given, 9) or "nothing"
        raise InputError(
            f"figure {figure}: {what} has no {listing(missing)}; expected {listing(keys, 9)}, found {found}"
        )


def table(path, text=(), numbers=()):
    """Read a TSV whose columns `text` are strings and `numbers` floats.

    Raises
    ------
    InputError : a column is missing, or a value of `numbers` is not a number.
    """
    frame = read_table(path, (*text, *numbers), text)
    for name in numbers:
        values = pd.to_numeric(frame[name], errors="coerce")
        bad = np.flatnonzero(values.isna() & frame[name].notna())
        if len(bad):
            raise InputError(f"{path}: row {bad[0] + 1}: {name} is '{frame[name].iloc[bad[0]]}', expected a number")
        frame[name] = values.astype(float)
    return frame


def matching(frame, **values):
    """The rows whose columns have the given values."""
    keep = np.ones(len(frame), dtype=bool)
    for name, value in values.items():
        keep &= (frame[name] == str(value)).to_numpy()
    return frame[keep].reset_index(drop=True)


def metrics(path, strands="averaged", ensembles=False):
    """The rows of the table of metrics with both strands averaged, or separate; without ensembles of seeds."""
    frame = matching(table(path, METRICS, METRIC_NUMBERS), strands=strands)
    return frame if ensembles else frame[frame["seed"] != "ensemble"].reset_index(drop=True)


def headline_target(frame, path):
    """The target that a figure shows: the only one, or "mean" where there are several.

    Raises
    ------
    InputError : several targets and no mean over them.
    """
    targets = sorted(set(frame["target"]))
    named = [target for target in targets if target != "mean"]
    if len(named) == 1:
        return named[0]
    if "mean" not in targets:
        raise InputError(f"{path}: found targets {listing(named)} and no row for 'mean'; expected one target or 'mean'")
    return "mean"


class Published(NamedTuple):
    """What a study printed for a model, NaN where it printed none.

    base_rate : share of positives among the sequences that it was measured on.
    """

    auroc: float
    auprc: float
    base_rate: float


def published(path, rows):
    """{model: its Published}.

    Parameters
    ----------
    path : table of model, features, auroc, auprc and base_rate.
    rows : {our model: {"model", "features"}}: the row that answers to each.

    Raises
    ------
    InputError : the table has no such row, or two.
    """
    frame = table(path, ("model", "features"), Published._fields)
    found = {}
    for model, row in rows.items():
        same = matching(frame, model=row["model"], features=row["features"])
        if len(same) != 1:
            known = listing([f"{one.model} on {one.features}" for one in frame.itertuples()], 12)
            raise InputError(
                f"{path}: {len(same)} rows of model '{row['model']}' and features '{row['features']}', named for "
                f"'{model}'; expected one of {known}"
            )
        found[model] = Published(*map(float, same[list(Published._fields)].iloc[0]))
    return found


def published_rates(numbers):
    """`27.2%`, or `22.3% to 27.2%`: the base rates behind published AUPRCs; "" where none is known."""
    rates = [row.base_rate for row in numbers.values() if np.isfinite(row.auprc) and np.isfinite(row.base_rate)]
    return " to ".join(dict.fromkeys(f"{100 * rate:.1f}%" for rate in (min(rates), max(rates)))) if rates else ""


def counted(k):
    """What a baseline on k-mers of length k counts."""
    return "GC content" if k == 1 else f"{k}-mers"


def sees(k):
    """The same, with what it does not see."""
    return f"{counted(k)} alone" + ("" if k == 1 else " (short words without position or order)")


def close_baselines(path, dataset, target, metric="auroc"):
    """The rows of the table of comparisons whose baseline, model_b, is as good as model_a or better, test fold."""
    names = ("dataset", "split", "fold", "target", "metric", "model_a", "model_b")
    rows = table(path, names, ("difference", "close", "baseline"))
    rows = matching(rows, dataset=dataset, fold="test", target=target, metric=metric)
    return rows[(rows["baseline"] == 1) & (rows["close"] == 1)].reset_index(drop=True)


class Reversal(NamedTuple):
    """A baseline whose AUROC is surely below chance on a split.

    value : what its AUROC would be, were its predictions reversed. reached : models whose AUROC is no higher.
    """

    model: str
    split: str
    value: float
    reached: list


def reversals(metrics, baselines):
    """The Reversals among rows of the metrics of one target and fold, strands averaged and mean over seeds."""
    rows = matching(metrics, metric="auroc")
    found = []
    for row in rows[rows["model"].isin(list(baselines)) & (rows["upper"] < 0.5)].itertuples():
        models = matching(rows, split=row.split)
        models = models[~models["model"].isin(list(baselines)) & (models["value"] <= 1 - row.value)]
        found.append(Reversal(row.model, row.split, 1 - row.value, models["model"].tolist()))
    return found


def baseline_notes(path, dataset, target, metrics, baselines):
    """Sentences on baselines that are as good as a model, and on those below chance.

    Parameters
    ----------
    path : table of comparisons.
    metrics : as reversals takes them; their splits are those looked at.
    baselines : {model: k of its k-mers}.
    """
    close = close_baselines(path, dataset, target)
    close = close[close["split"].isin(metrics["split"])]
    notes = []
    for (model, split), rows in close.groupby(["model_b", "split"], sort=True):
        what = f", which sees {sees(baselines[model])}," if model in baselines else ""
        names = listing(f"{row.model_a} ({row.difference:+.3f})" for row in rows.itertuples())
        notes.append(f"{model}{what} is as good as or better than a model in AUROC on {split}: {names}.")
    for found in reversals(metrics, baselines):
        reached = f" and reach {listing(found.reached)}" if found.reached else ""
        notes.append(
            f"{found.model} is below chance on {found.split}: reversed its AUROC would be {found.value:.3f}{reached}. "
            f"{counted(baselines[found.model])} separate{'s' if baselines[found.model] == 1 else ''} its test fold "
            "the other way round than its training fold."
        )
    return notes


def as_published(metrics):
    """The rows whose strands count by themselves; of models without single strands those of both, averaged."""
    separate = matching(metrics, strands="separate")
    others = matching(metrics, strands="averaged")
    return pd.concat([separate, others[~others["model"].isin(separate["model"])]], ignore_index=True)


class Balance(NamedTuple):
    """How many sequences a fold holds.

    text : the counts in words. rates : (t,) share of positives per target, NaN where unknown.
    """

    text: str
    rates: np.ndarray


def balance(frame):
    """The Balance of the rows of one dataset, split and fold of the metrics."""
    named = frame[frame["target"] != "mean"]
    rows = (named if len(named) else frame).drop_duplicates(["target", "n", "n_positive"])
    rows = rows[rows["n"] > 0]
    rates = (rows["n_positive"] / rows["n"]).to_numpy()
    n_targets = rows["target"].nunique()
    if not len(rows):
        return Balance("n not given", rates)
    text = f"n = {_span(rows['n'])}, {_span(rows['n_positive'])} positive"
    return Balance(f"mean of {n_targets} targets, {text}" if n_targets > 1 else text, rates)


def _span(counts):
    """`1,234`, or `1,200-1,234` where counts differ."""
    counts = counts.dropna()
    if not len(counts):
        return "unknown"
    low, high = int(counts.min()), int(counts.max())
    return f"{low:,}" if low == high else f"{low:,}\u2013{high:,}"


def no_skill(metric, rates):
    """What a prediction without skill scores, as a mean over targets with these shares of positives.

    AUROC: 0.5. Average precision: the share of positives. Accuracy and Brier score: always predicting the more
    frequent class, and always predicting the share.
    """
    rates = rates[np.isfinite(rates)]
    if metric == "auroc":
        return 0.5
    if not len(rates):
        return float("nan")
    values = {"average_precision": rates, "accuracy": np.maximum(rates, 1 - rates), "brier": rates * (1 - rates)}
    return float(values[metric].mean())


def attributions(sources):
    """Attribution files on the (id, target) rows that all of them hold, in the first file's order.

    Parameters
    ----------
    sources : [{"method": str, "path": str}, ...].

    Raises
    ------
    InputError : a file holds a row twice or a value that is not finite, or two files give one id other sequences.
    """
    parts = [_attribution(source["method"], source["path"]) for source in sources]
    keys = [list(zip(part.ids.tolist(), part.targets.tolist(), strict=True)) for part in parts]
    rows = [{key: row for row, key in enumerate(of_part)} for of_part in keys]
    for source, of_part, unique in zip(sources, keys, rows, strict=True):
        if len(unique) < len(of_part):
            twice = next(key for row, key in enumerate(of_part) if unique[key] != row)
            raise InputError(f"{source['path']}: id '{twice[0]}', target '{twice[1]}' occurs more than once")
    common = [key for key in keys[0] if all(key in of_part for of_part in rows)] if parts else []
    picked = [
        part._replace(**{name: getattr(part, name)[[of_part[key] for key in common]] for name in part._fields[1:]})
        for part, of_part in zip(parts, rows, strict=True)
    ]
    for source, part in zip(sources, picked, strict=True):
        _check_same(source["path"], part, sources[0]["path"], picked[0])
    return picked


def _attribution(method, path):
    names = ("multipliers", "sequences", "ids", "target", "probability")
    multipliers, codes, ids, targets, probability = read_arrays(path, names).values()
    if multipliers.shape != (len(ids), 4, codes.shape[-1]) or len(codes) != len(ids) or len(targets) != len(ids):
        raise InputError(
            f"{path}: multipliers {multipliers.shape}, sequences {codes.shape}, ids {ids.shape} and target "
            f"{targets.shape} do not fit; expected (m, 4, length), (m, length), (m,) and (m,)"
        )
    bad = np.flatnonzero(~np.isfinite(multipliers).all(axis=(1, 2)))
    if len(bad):
        raise InputError(f"{path}: id '{ids[bad[0]]}': multipliers are not finite in {len(bad)} of {len(ids)} rows")
    return Attribution(method, multipliers, codes, ids, targets, probability)


def _check_same(path, part, first_path, first):
    if len(first.ids) == 0:
        return
    if part.codes.shape != first.codes.shape:
        raise InputError(
            f"{path}: sequences are {part.codes.shape[1]} bases long, those of {first_path} {first.codes.shape[1]}"
        )
    bad = np.flatnonzero((part.codes != first.codes).any(axis=1))
    if len(bad):
        raise InputError(f"{path}: id '{part.ids[bad[0]]}' has another sequence than in {first_path}")
