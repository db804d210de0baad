"""Tables of an evaluation, made up, with what figures are drawn from beside them."""

import itertools

import numpy as np
import pandas as pd
from scipy.stats import norm

from cisflow.io.tables import read_table, write_table


def metric_table(path, models, splits=("random",), n_seeds=1, targets=("ir",), n=1200, n_positive=400):
    """metrics.tsv with a row a seed and a mean with its interval; returns (path, frame)."""
    rng = np.random.default_rng(0)
    rows = []
    for (s, split), (m, model) in itertools.product(enumerate(splits), enumerate(models)):
        base = {"auroc": 0.88 - 0.02 * m - 0.04 * s, "average_precision": 0.74 - 0.03 * m - 0.05 * s}
        base |= {"accuracy": 0.81 - 0.012 * m - 0.02 * s, "brier": 0.14 + 0.007 * m + 0.01 * s}
        for target, (metric, value) in itertools.product(targets, base.items()):
            names = {"dataset": "demo", "split": split, "model": model, "fold": "test", "target": target}
            names["strands"] = "averaged"
            counts = {"metric": metric, "n": n + 10 * s, "n_positive": n_positive}
            noise = rng.normal(0, 0.008, n_seeds)
            for seed in range(n_seeds):
                one = value + noise[seed]
                rows.append(
                    names | counts | {"seed": str(seed + 1), "value": one, "lower": one - 0.03, "upper": one + 0.03}
                )
            mean = value + noise.mean()
            interval = {"value": mean, "lower": mean - 0.021, "upper": mean + 0.019}
            rows.append(names | counts | {"seed": "mean"} | interval)
    frame = pd.DataFrame(rows)
    write_table(path, frame)
    return str(path), pd.read_csv(path, sep="\t", dtype={"seed": str})


def curve_table(path, metrics, n_positive=400, n=1200):
    """curves.tsv of binormal models that have the AUROC of the metrics."""
    rows = []
    means = metrics[(metrics["seed"] == "mean") & (metrics["metric"] == "auroc")]
    for row in means.itertuples():
        x = np.linspace(0, 1, 101)
        shift = np.sqrt(2) * norm.ppf(row.value)
        roc = norm.cdf(norm.ppf(x) + shift)
        fpr = norm.cdf(norm.ppf(np.clip(x, 0.01, 1)) - shift)
        hits = np.clip(x, 0.01, 1) * n_positive
        pr = hits / (hits + fpr * (n - n_positive))
        for curve, y in (("roc", roc), ("pr", pr)):
            width = 0.03 * (1 - np.abs(2 * x - 1)) + (0.02 if curve == "pr" else 0)
            part = pd.DataFrame({"x": x, "y": y, "lower": np.clip(y - width, 0, 1), "upper": np.clip(y + width, 0, 1)})
            names = {"dataset": "demo", "split": row.split, "model": row.model, "fold": "test", "target": row.target}
            rows.append(part.assign(curve=curve, **names))
    write_table(path, pd.concat(rows))
    return str(path)


def performance(folder, models, targets=("ir",), **keywords):
    metrics, frame = metric_table(folder / "metrics.tsv", models, ("random", "chromosome"), 3, targets, **keywords)
    return {"curves": curve_table(folder / "curves.tsv", frame), "metrics": metrics}


def comparison(folder, models, splits, n_seeds, close=()):
    metrics = metric_table(folder / "metrics.tsv", models, splits, n_seeds)[0]
    return {"metrics": metrics, "comparisons": comparison_table(folder / "comparisons.tsv", models, splits, close)}


def comparison_table(path, models, splits=("random",), close=(), difference=0.0123):
    """comparisons.tsv in which the last model is a baseline that is as good as some others; returns its path."""
    rows = [
        {"dataset": "demo", "split": split, "fold": "test", "target": "ir", "metric": metric, "model_a": model}
        | {"model_b": models[-1], "difference": difference, "close": int(model in close), "baseline": 1}
        for split, model, metric in itertools.product(splits, models[:-1], ("auroc", "average_precision"))
    ]
    columns = ("dataset", "split", "fold", "target", "metric", "model_a", "model_b", "difference", "close", "baseline")
    write_table(path, pd.DataFrame(rows, columns=columns))
    return str(path)


def below_chance(inputs, model, split, value):
    """The same inputs, with the AUROC of one model below one half in the table of metrics."""
    path = inputs["metrics"]
    frame = read_table(path)
    where = (frame["model"] == model) & (frame["split"] == split) & (frame["metric"] == "auroc")
    frame.loc[where, ["value", "lower", "upper"]] = value, value - 0.05, value + 0.05
    write_table(path, frame)
    return inputs


def published_table(folder, models, missing=()):
    """({our model: row}, path) of published numbers; those of `missing` are empty."""
    rows = [
        {"figure": "final", "model": f"paper {model}", "features": "x", "auroc": 0.8 - 0.01 * i, "auprc": 0.6}
        | {"base_rate": 0.272}
        for i, model in enumerate(models)
    ]
    frame = pd.DataFrame(rows)
    frame.loc[[model in missing for model in models], ["auroc", "auprc"]] = np.nan
    write_table(folder / "published.tsv", frame)
    return {model: {"model": f"paper {model}", "features": "x"} for model in models}, str(folder / "published.tsv")


def with_published(folder, models, **keywords):
    return performance(folder, models, **keywords) | {"published": published_table(folder, models)[1]}


def study(folder, models, splits=("random", "chromosome"), n_seeds=3, close=()):
    """Inputs of study_comparison: the last model is a baseline; networks alone have single strands."""
    path, frame = metric_table(folder / "metrics.tsv", models, splits, n_seeds)
    frame["n_seeds"] = np.where(frame["seed"] == "mean", n_seeds, 1)
    frame["minimum"], frame["maximum"] = frame["value"] - 0.004, frame["value"] + 0.006
    ap = frame[frame["metric"] == "average_precision"]
    frame = pd.concat([frame, ap.assign(metric="auprc_trapezoid", value=ap["value"] + 0.01)])
    single = frame[~frame["model"].str.startswith("L")]
    shifted = {name: single[name] - 0.015 for name in ("value", "lower", "upper", "minimum", "maximum")}
    write_table(path, pd.concat([frame, single.assign(strands="separate", **shifted)]))
    beside = published_table(folder, models[:-1])[1]
    comparisons = comparison_table(folder / "comparisons.tsv", models, splits, close)
    return {"metrics": path, "comparisons": comparisons, "published": beside}


def study_settings(models, splits=("random", "chromosome"), **keywords):
    rows = {model: {"model": f"paper {model}", "features": "x"} for model in models[:-1]}
    entry = {"splits": dict(zip(("published", "held_out"), splits, strict=True)), "published": rows} | keywords
    return {"dataset": "demo", "study": entry, "baselines": {models[-1]: 1}}
