"""One page on a rerun of a published study: plain sentences, every number of them read from a table."""

import itertools
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from cisflow import datasets, families, files
from cisflow.errors import listing
from cisflow.figures import reading

FOLD = "test"
LEVEL = 0.05
# Base rates that differ by more than this make average precisions of two splits hard to compare.
SAME_RATE = 0.01
METRIC_NUMBERS = ("value", "lower", "upper", "minimum", "maximum", "n_seeds", "n", "n_positive")
COMPARISON_NUMBERS = ("difference", "lower", "upper", "p_holm", "delong_holm", "close", "baseline")
CHECKS = {
    "overlap": "share a base of the genome with a {other} window",
    "near_duplicate": "are nearly the same sequence as a {other} window",
    "shared_gene": "lie on a gene that has a {other} window too",
    "sei_trained": "lie on a chromosome that Sei was trained on",
}
NAMES = {
    "overlap": "overlapping windows",
    "near_duplicate": "near-duplicates",
    "shared_gene": "shared genes",
    "sei_trained": "chromosomes that Sei was trained on",
}
OTHERS = {"train": "training", "valid": "validation"}


class Tables(NamedTuple):
    """What the page is written from.

    settings : dataset, study, splits, models, baselines, resamples, extractors and figures, as the rule gives them.
    target : the one that the numbers are of. counts : frame of split, fold, windows, n (those with a
    label of any target) and positive (of any target).
    metrics : mean over seeds and ensembles, test fold. comparisons : test fold.
    leakage : {split: frame}. published : {model: reading.Published}. features : {extractor: frame of name and group}.
    unconverged : [(model, split, seed)] of logistic regressions that stopped short of their optimum.
    """

    settings: dict
    target: str
    counts: pd.DataFrame
    metrics: pd.DataFrame
    comparisons: pd.DataFrame
    leakage: dict
    published: dict
    features: dict
    unconverged: list


def read(folder, published, settings):
    """The Tables of a dataset's folder (InputError: one is absent or incomplete, or a published row is)."""
    folder = Path(folder)
    reading.demand("study", "settings", settings, ("dataset", "study", "splits", "models"))
    path = folder / "evaluation" / "metrics.tsv"
    metrics = reading.table(path, reading.METRICS, METRIC_NUMBERS)
    metrics = reading.matching(metrics, dataset=settings["dataset"], fold=FOLD)
    metrics = metrics[metrics["seed"].isin(["mean", "ensemble"])]
    target = reading.headline_target(metrics, path)
    names = ("dataset", "split", "fold", "target", "metric", "model_a", "model_b")
    comparisons = reading.table(folder / "evaluation" / "comparisons.tsv", names, COMPARISON_NUMBERS)
    leakage = {
        split: reading.table(
            folder / "splits" / f"{split}.leakage.tsv", ("check", "fold", "other", "note"), ("count", "n", "fraction")
        )
        for split in settings["splits"]
    }
    features = {
        name: files.read_table(folder / "features" / name / "targets.tsv", ("name", "group"), ("name", "group"))
        for name in settings.get("extractors", {})
    }
    return Tables(
        settings,
        target,
        _counts(folder, settings["splits"]),
        reading.matching(metrics, target=target),
        reading.matching(comparisons, dataset=settings["dataset"], fold=FOLD, target=target),
        leakage,
        reading.published(published, settings["study"].get("published", {})),
        features,
        _unconverged(folder, settings),
    )


def _unconverged(folder, settings):
    found = []
    for model, entry in settings["models"].items():
        if entry.get("classifier") != "logistic_regression":
            continue
        for split, seed in itertools.product(settings["splits"], entry["seeds"]):
            path = folder / "models" / model / split / f"seed{seed}" / "manifest.json"
            if not files.read_json(path)["chosen"]["converged"]:
                found.append((model, split, seed))
    return found


def _counts(folder, splits):
    ids = files.read_table(folder / "windows.tsv", ["id"])["id"].to_numpy(dtype=str)
    labels = files.read_array(folder / "targets.npy", np.float32, (len(ids), None))
    positive, known = (labels == 1).any(axis=1), np.isfinite(labels).any(axis=1)
    rows = []
    for split in splits:
        folds = datasets.read_folds(folder / "splits" / f"{split}.tsv", ids)
        rows += [
            {
                "split": split,
                "fold": fold,
                "windows": int((folds == fold).sum()),
                "n": int(known[folds == fold].sum()),
                "positive": int(positive[folds == fold].sum()),
            }
            for fold in datasets.FOLDS
        ]
    return pd.DataFrame(rows)


def page(tables):
    """The page as Markdown; the same tables give the same text."""
    parts = [
        f"# {tables.settings['dataset']}: the study, rerun\n",
        "Written from the tables of this run. Intervals are 95%, by a bootstrap over test sequences; numbers are of "
        f"the {FOLD} fold and, with several seeds, the mean over them.\n",
    ]
    sections = {
        "Data": data,
        "What was reproduced": reproduced,
        "What changed, and why": changed,
        "What GC content and short words can do": simple,
        "What the folds have in common": leakage,
        "Calibration": calibration,
        "Which models differ": differences,
        "What to know of the models": notes,
        "Figures": figures,
    }
    for title, write in sections.items():
        lines = write(tables)
        if lines:
            parts += [f"## {title}\n", *lines]
    return "\n".join(parts).rstrip("\n") + "\n"


# --- Numbers in words ------------------------------------------------------------------------------------------------


def value(number, digits=3):
    return "not known" if number != number else f"{number:.{digits}f}"


def signed(number):
    return "not known" if number != number else f"{number:+.3f}"


def percent(share):
    return "not known" if share != share else f"{100 * share:.1f}%"


def share(row):
    """Share of positives among the labelled windows of a row of the counts, NaN for none."""
    return row.positive / row.n if row.n else np.nan


def cell(row):
    """`0.812 (0.795 to 0.828)` of a row of the metrics, None for none."""
    if row is None or row.value != row.value:
        return "not known"
    return value(row.value) + (f" ({value(row.lower)} to {value(row.upper)})" if row.lower == row.lower else "")


def markdown(header, rows):
    """Lines of a table, an empty one below."""
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows), ""]


def code(names):
    """`a`, `b` and `c`."""
    names = [f"`{name}`" for name in names]
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def spread(values):
    """`from -0.010 (model) to +0.020 (other)` of {model: signed number}; of one model its number alone."""
    low, high = min(values, key=values.get), max(values, key=values.get)
    if len(values) == 1:
        return f"{signed(values[low])} (`{low}`)"
    return f"from {signed(values[low])} (`{low}`) to {signed(values[high])} (`{high}`)"


def plural(n, one, many):
    return f"{n:,} {one if n == 1 else many}"


# --- Rows of the tables ----------------------------------------------------------------------------------------------


def measured(tables, split, metric, strands="averaged", seed="mean"):
    """{model: row} of one metric on a split; strands `published`: each by itself where the model has single ones."""
    rows = reading.matching(tables.metrics, split=split, metric=metric, seed=seed)
    rows = reading.as_published(rows) if strands == "published" else reading.matching(rows, strands=strands)
    return {row.model: row for row in rows.itertuples() if row.value == row.value}


def changes(before, after):
    """{model: value after minus value before} of the models that have both."""
    return {model: after[model].value - before[model].value for model in before if model in after}


def roles(tables):
    splits = tables.settings["study"]["splits"]
    return splits["published"], splits["honest"]


def own(tables, models):
    """The models that are no baselines, in the order of the config."""
    return [model for model in tables.settings["models"] if model in models and model not in baselines(tables)]


def baselines(tables):
    return tables.settings.get("baselines", {})


# --- Sections --------------------------------------------------------------------------------------------------------


def data(tables):
    lines = []
    first = tables.counts[tables.counts["split"] == tables.settings["splits"][0]]
    windows, n, positive = (first[name].sum() for name in ("windows", "n", "positive"))
    of = f"target `{tables.target}`" if tables.target != "mean" else "at least one of several targets"
    labelled = "" if n == windows else f", {n:,} of them with a label"
    lines.append(
        f"{windows:,} windows{labelled}, of which {positive:,} "
        f"({percent(positive / n if n else np.nan)}) are positive for {of}."
    )
    if not tables.settings["study"].get("same_data"):
        lines.append(
            "**These are not the data of the published study.** Its numbers stand beside ours to show the form of the "
            "comparison; agreement or difference says nothing about the study."
        )
    published, honest = roles(tables)
    lines.append(
        f"Split `{published}` stands for the published one, `{honest}` is chosen in the config as the honest one; what "
        "test and training folds of either have in common is counted below.\n"
    )
    rows = [
        (
            f"`{row.split}`",
            row.fold,
            f"{row.windows:,}",
            f"{row.n:,}",
            f"{row.positive:,}",
            percent(share(row)),
        )
        for row in tables.counts.itertuples()
    ]
    return lines + markdown(("split", "fold", "windows", "labelled", "positive", "base rate"), rows)


def reproduced(tables):
    """Published numbers beside ours, measured in the same way."""
    published, _ = roles(tables)
    areas = {
        "AUROC": measured(tables, published, "auroc", "published"),
        "AUPRC": measured(tables, published, "auprc_trapezoid", "published"),
    }
    known = {model: pair for model, pair in tables.published.items() if np.isfinite(pair[:2]).any()}
    if not known:
        return ["The config names no published number for any model.\n"]
    lines = [
        f"Measured as published: split `{published}`, each strand of a sequence a row of its own where the model has "
        "single strands, area under the precision-recall curve (AUPRC) by trapezoids."
    ]
    rates = reading.published_rates(tables.published)
    if rates:
        rows = tables.counts[(tables.counts["split"] == published) & (tables.counts["fold"] == FOLD)]
        lines.append(
            f"AUPRC depends on the base rate: {rates} behind the published numbers, "
            f"{percent(share(rows.iloc[0]))} of our test fold."
        )
    same = tables.settings["study"].get("same_data")
    if not same:
        lines.append("On other data, whether a published number lies in our interval means nothing, so it is not said.")
    for number, (name, found) in enumerate(areas.items() if same else ()):
        pairs = {model: pair[number] for model, pair in known.items() if model in found and np.isfinite(pair[number])}
        inside = [model for model in pairs if found[model].lower <= pairs[model] <= found[model].upper]
        outside = [model for model in pairs if model not in inside]
        if not pairs:
            lines.append(f"No model has both a published {name} and ours.")
            continue
        text = f"The published {name} lies in our interval for {len(inside)} of {plural(len(pairs), 'model', 'models')}"
        lines.append(text + (f"; not for {code(outside)}." if outside else "."))
    rows = []
    for model, pair in tables.published.items():
        entry = [f"`{model}`"]
        for number, found in enumerate(areas.values()):
            row, paper = found.get(model), pair[number]
            gap = signed(row.value - paper) if row is not None else "not known"
            entry += [value(paper) if paper == paper else "none", cell(row), gap if paper == paper else "none"]
        rows.append(entry)
    header = ("model", "published AUROC", "ours", "difference", "published AUPRC", "ours", "difference")
    lines[-1] += "\n"
    others = [model for model in own(tables, tables.settings["models"]) if model not in known]
    table = markdown(header, rows)
    return lines + table + ([f"No published number answers to {code(others)}.\n"] if others else [])


def changed(tables):
    """What each change of the way to measure does, one at a time."""
    published, honest = roles(tables)
    auroc, separate = measured(tables, published, "auroc"), measured(tables, published, "auroc", "separate")
    precision = measured(tables, published, "average_precision")
    models = own(tables, auroc)
    lines = []
    area = changes(precision, measured(tables, published, "auprc_trapezoid"))
    area = {model: area[model] for model in models if model in area}
    if area:
        lines.append(
            f"- **Area by trapezoids against average precision** (split `{published}`, strands averaged): trapezoids "
            f"give {signed(np.mean(list(area.values())))} on average over models, {spread(area)}. A straight line "
            "between two recalls is no prediction's precision, so average precision counts here."
        )
    strands = changes(separate, auroc)
    strands = {model: strands[model] for model in models if model in strands}
    if strands:
        lines.append(
            f"- **Strands**: the published metrics count both strands of a sequence as independent samples. One "
            f"prediction a sequence, the mean of both, changes AUROC by {signed(np.mean(list(strands.values())))} on "
            f"average, {spread(strands)}."
        )
    single = [model for model in models if model not in separate]
    if single:
        lines.append(
            f"- {code(single)} have no predictions of single strands: they read features of both merged, or were "
            "trained on the forward strand alone and predict from it."
        )
    moved = changes(auroc, measured(tables, honest, "auroc"))
    moved = {model: moved[model] for model in models if model in moved}
    if moved and honest != published:
        lines.append(
            f"- **Split**: from `{published}` to `{honest}` AUROC changes by {signed(np.mean(list(moved.values())))} "
            f"on average, {spread(moved)}. What test and training fold of `{published}` have in common is below."
        )
        rates = tables.counts[tables.counts["fold"] == FOLD].set_index("split")
        rates = rates["positive"] / rates["n"]
        if abs(rates[published] - rates[honest]) > SAME_RATE:
            lines.append(
                f"- The base rates of the test folds differ ({percent(rates[published])} against "
                f"{percent(rates[honest])}), so average precision is not to be compared across these splits."
            )
    several = {model: row for model, row in measured(tables, honest, "auroc").items() if row.n_seeds > 1}
    several = {model: several[model] for model in models if model in several}
    if several:
        widest = max(several, key=lambda model: several[model].maximum - several[model].minimum)
        row = several[widest]
        lines.append(
            f"- **Seeds**: {plural(len(several), 'model was', 'models were')} trained with several seeds, where the "
            f"study used one. Their AUROC on `{honest}` differs most for `{widest}`: {value(row.minimum)} to "
            f"{value(row.maximum)} over {row.n_seeds:.0f} seeds."
        )
    counted = [*auroc.items(), *measured(tables, honest, "auroc").items()]
    once = [model for model in models if not any(name == model and row.n_seeds > 1 for name, row in counted)]
    if once:
        lines.append(
            f"- {code(once)} ran with one seed, so that {'its' if len(once) == 1 else 'their'} spread is not known."
        )
    rows = []
    for model in own(tables, tables.settings["models"]) + list(baselines(tables)):
        for split in dict.fromkeys((published, honest, *tables.settings["splits"])):
            found = measured(tables, split, "auroc").get(model)
            if found is None:
                continue
            seeds = "one" if not found.n_seeds > 1 else f"{value(found.minimum)} to {value(found.maximum)}"
            ap = measured(tables, split, "average_precision").get(model)
            rows.append((f"`{model}`", f"`{split}`", cell(found), seeds, cell(ap)))
    header = ("model", "split", "AUROC", "AUROC over seeds", "average precision")
    return [*lines, "", *markdown(header, rows)] if rows else lines


def simple(tables):
    """How far the baselines get, on both splits."""
    found = baselines(tables)
    if not found:
        return ["The config has no baseline on GC content or k-mers, so that their part in the results is not known.\n"]
    lines = [
        "A baseline counts as good as a model where the model's AUROC is less than 0.02 higher, or where the interval "
        "of their paired difference reaches zero. Differences are model minus baseline.\n"
    ]
    means = reading.matching(tables.metrics, strands="averaged", seed="mean")
    reversed_ = {(item.model, item.split): item for item in reading.reversals(means, found)}
    for model, k in found.items():
        for split in dict.fromkeys(roles(tables)):
            row = measured(tables, split, "auroc").get(model)
            if row is None:
                continue
            text = f"- `{model}` sees {reading.sees(k)} and has AUROC {cell(row)} on `{split}`. "
            below = reversed_.get((model, split))
            lines.append(text + (below_chance(below, k) if below else "") + verdict(tables, model, k, split, below))
    return [*lines, ""]


def below_chance(found, k):
    """What an AUROC below one half says."""
    what = reading.counted(k)
    text = (
        f"**That is below chance: reversed it would be {value(found.value)}.** So {what} "
        f"separate{'s' if k == 1 else ''} this test fold, in the opposite direction to training: what positives have "
        "more of differs between training and test fold. "
    )
    return text + (f"Reversed it would be as good as or better than {code(found.reached)}. " if found.reached else "")


def verdict(tables, baseline, k, split, below=None):
    """How many models the baseline is as good as; of one below chance only where there are any."""
    rows = reading.matching(tables.comparisons, split=split, metric="auroc", model_b=baseline)
    rows = rows[(rows["baseline"] == 1) & rows["difference"].notna()]
    if rows.empty:
        return "No model is compared with it."
    close = rows[rows["close"] == 1].sort_values("difference", kind="stable")
    if close.empty and below:
        return "As it stands every model is better, which says nothing of how much it could explain."
    if close.empty:
        nearest = rows.loc[rows["difference"].idxmin()]
        return (
            f"It is as good as none of {plural(len(rows), 'model', 'models')}: the nearest, `{nearest['model_a']}`, "
            f"is better by {value(nearest['difference'])} ({value(nearest['lower'])} to {value(nearest['upper'])})."
        )
    named = ", ".join(f"`{row.model_a}` ({signed(row.difference)})" for row in close.itertuples())
    return (
        f"**It is as good as or better than {len(close)} of {plural(len(rows), 'model', 'models')}**: {named}. What "
        f"these predict may be {reading.counted(k)}."
    )


def leakage(tables):
    lines = []
    for split, table in tables.leakage.items():
        for check, text in CHECKS.items():
            for other in ("",) if check == "sei_trained" else ("train",):
                rows = reading.matching(table, check=check, fold=FOLD, other=other)
                for row in rows.itertuples():
                    words = text.format(other=OTHERS.get(other, ""))
                    if row.fraction != row.fraction:
                        lines.append(f"- `{split}`: how many test windows {words} is not known ({row.note}).")
                        continue
                    note = f" ({row.note})" if row.note else ""
                    lines.append(
                        f"- `{split}`: {row.count:,.0f} of {plural(int(row.n), 'test window', 'test windows')} "
                        f"({percent(row.fraction)}) {words}{note}."
                    )
    return [*lines, *less_in_common(tables), ""]


def less_in_common(tables):
    """Whether the split that is called honest shares less with its training fold, by the counts."""
    published, honest = roles(tables)
    shares = {split: {} for split in (published, honest)}
    for split, check in itertools.product(shares, CHECKS):
        other = "" if check == "sei_trained" else "train"
        rows = reading.matching(tables.leakage[split], check=check, fold=FOLD, other=other)
        for row in rows[rows["fraction"].notna()].itertuples():
            shares[split][check] = row.fraction
    checks = [check for check in CHECKS if all(check in known for known in shares.values())]
    if published == honest or not checks:
        return []
    kinds = {"less": [], "as much": [], "more": []}
    for check in checks:
        gap = shares[honest][check] - shares[published][check]
        kinds["less" if gap < 0 else "more" if gap > 0 else "as much"].append(NAMES[check])
    found = "; ".join(f"{kind} by {listing(names)}" for kind, names in kinds.items() if names)
    return [f"- By these counts the test fold of `{honest}` leaks, against `{published}`: {found}."]


def calibration(tables):
    _, honest = roles(tables)
    found = {
        name: measured(tables, honest, f"calibration_{name}")
        | measured(tables, honest, f"calibration_{name}", seed="ensemble")
        for name in ("error", "slope")
    }
    errors = {model: found["error"][model].value for model in own(tables, found["error"])}
    if not errors:
        return []
    best, worst = min(errors, key=errors.get), max(errors, key=errors.get)
    slopes = [found["slope"][model].value for model in own(tables, found["slope"])]
    steep = sum(slope < 1 for slope in slopes)
    text = f"On `{honest}` the expected calibration error (0 is perfect) goes from {value(errors[best])} (`{best}`) to "
    text += f"{value(errors[worst])} (`{worst}`)."
    if slopes:
        among = plural(len(slopes), "model", "models")
        text += f" The slope of the logits is below 1, which is too sure, for {steep} of {among}."
    return [text + "\n"]


def differences(tables):
    """How many paired differences in AUROC stand after Holm's adjustment, on both splits."""
    lines = []
    for split in dict.fromkeys(roles(tables)):
        rows = reading.matching(tables.comparisons, split=split, metric="auroc")
        pairs = len(rows)
        if not pairs:
            continue
        stand = int((rows["p_holm"] < LEVEL).sum())
        text = f"- `{split}`: of {plural(pairs, 'pair', 'pairs')} of models, {stand} differ in AUROC after "
        text += "Holm's adjustment of the paired bootstrap"
        if rows["delong_holm"].notna().any():
            text += f", {int((rows['delong_holm'] < LEVEL).sum())} by DeLong's test"
        lines.append(text + ".")
        resamples = tables.settings.get("resamples")
        least = 2 * pairs / (resamples + 1) if resamples else 0
        if least >= LEVEL:
            lines[-1] += (
                f" With {resamples:,} resamples the bootstrap's least adjusted p-value is {value(min(least, 1.0))}: it "
                "cannot tell any single pair apart."
            )
        auroc = {model: row.value for model, row in measured(tables, split, "auroc").items()}
        best = max(auroc, key=auroc.get) if auroc else None
        column = "delong_holm" if least >= LEVEL and rows["delong_holm"].notna().any() else "p_holm"
        with_best = rows[(rows["model_a"] == best) | (rows["model_b"] == best)]
        like = with_best[~(with_best[column] < LEVEL)]
        same = [row.model_b if row.model_a == best else row.model_a for row in like.itertuples()]
        if best:
            lines[-1] += f" The highest AUROC is that of `{best}`; " + (
                f"{code(same)} cannot be told from it." if same else "every other model differs from it."
            )
    return [*lines, ""] if lines else []


def notes(tables):
    """What the original did otherwise, for the models and features that this run has."""
    models = {name: entry for name, entry in tables.settings["models"].items() if name not in baselines(tables)}
    lines = []
    for name, entry in models.items():
        architecture = entry.get("architecture")
        if architecture == "AttentionConv":
            lines.append(
                f"- `{name}` attends along the sequence. The published AttentionConv attended across the batch, so "
                "that a prediction depended on the other sequences of its batch."
            )
        if architecture == "DNABERT2":
            lines.append(f"- `{name}` {starts(entry)}. " + DNABERT2)
        if architecture == "FSei":
            lines.append(
                f"- `{name}` {starts(entry)}. The published program trains from random weights unless an option says "
                "otherwise."
            )
    lines += training(models)
    logistic = [name for name, entry in models.items() if entry.get("classifier") == "logistic_regression"]
    if logistic:
        lines.append(
            f"- {code(logistic)}: fitted to the optimum by L-BFGS, with an L2 penalty chosen on the validation fold. "
            "The published logistic regression was trained epoch by epoch by AdamW, with a weight decay of 0.01."
        )
    if tables.unconverged:
        runs = ", ".join(f"`{model}` on `{split}` with seed {seed}" for model, split, seed in tables.unconverged)
        lines.append(f"- **Stopped short of the optimum**: {runs}. A higher `max_iter` in the settings may reach it.")
    standard = [name for name in logistic if models[name].get("settings", {}).get("standardise", True)]
    if standard:
        lines.append(f"- {code(standard)}: features are standardised; the published ones were not.")
    tuned = [name for name, entry in models.items() if "tune" in entry]
    if tuned:
        lines.append(
            f"- {code(tuned)}: the folds of the search keep a window and its reverse complement together; the "
            "published search split them."
        )
    lines += [*inputs(tables, models), *targets(tables)]
    return [*lines, ""] if lines else []


DNABERT2 = (
    "The published DNABERT-2 was very probably trained with most of its encoder at random, as the class that loaded "
    "the checkpoint has no place for its fused weights: its number is no fair baseline."
)


def training(models):
    """One sentence for each way in which networks are laid out or trained unlike the published ones."""
    found = {}
    for name, entry in models.items():
        if entry.get("architecture") not in OPTIMIZERS:
            continue
        given, optimizer = entry.get("training", {}), OPTIMIZERS[entry["architecture"]]
        layout = entry.get("settings", {})
        sizes = [key for key in layout if key != "two_logits"]
        shift = given.get("shift", 0)
        texts = [
            SCHEDULES.get(given.get("schedule")),
            STRANDS.get(given.get("reverse_complement")),
            f"windows are moved by up to {shift} bases at random in training; the published ones stayed."
            if shift
            else "",
            "" if layout.get("two_logits") else "the last layer has one logit a target; the published one had two.",
            f"the sizes of the network are its own ({code(sizes)}), not the published ones." if sizes else "",
        ]
        if given.get("optimizer", optimizer) != optimizer:
            texts.append(f"trained by {WORDS[given['optimizer']]}, the published network by {WORDS[optimizer]}.")
        for text in filter(None, texts):
            found.setdefault(text, []).append(name)
    return [f"- {code(names)}: {text}" for text, names in found.items()]


# How the study trained each network.
OPTIMIZERS = {"FSei": "sgd", "DNABERT2": "sgd", "BassetLike": "adamw", "ConvNet": "adamw", "AttentionConv": "adamw"}
WORDS = {"sgd": "SGD", "adamw": "AdamW"}
PUBLISHED_SCHEDULE = "the published one rose from 1e-4 and fell in a cosine to 1e-5, epoch by epoch."
SCHEDULES = {
    "modern": f"the learning rate rises from 0 and falls to 0, batch by batch; {PUBLISHED_SCHEDULE}",
    "constant": f"the learning rate is constant; {PUBLISHED_SCHEDULE}",
}
APPENDED = "the published training had both strands of every window as rows of their own."
STRANDS = {
    "random": f"each window is shown on a random strand; {APPENDED}",
    "none": f"windows are shown on their own strand alone; {APPENDED}",
}
CONTEXTS = {
    "genome": "the genome's own sequence around it",
    "pad": "unknown bases around it, each 0.25 of every base",
    "none": "nothing around it",
}
STRANDS_OF_FEATURES = {
    "both": "the mean over both strands",
    "forward": "the forward strand alone",
    "separate": "each strand as a row of its own",
}


def inputs(tables, models):
    """What the extractors that classifiers read are given, against the published features."""
    lines = []
    for name, entry in sorted(tables.settings.get("extractors", {}).items()):
        readers = [model for model, other in models.items() if other.get("features") == name]
        if not readers or "context" not in entry:
            continue
        length = f", {entry['length']:,} bases in all" if entry.get("length") else ""
        strands = STRANDS_OF_FEATURES[entry.get("strands", "both")]
        lines.append(
            f"- Features `{name}`, which {code(readers)} read{'s' if len(readers) == 1 else ''}: the window with "
            f"{CONTEXTS[entry['context']]}{length}, and {strands}. The published "
            "features very probably had zeros around the window, and had each strand as a row of its own."
        )
    return lines


def starts(entry):
    """What a network starts from, as the config says."""
    frozen = ", which stay as they are" if entry.get("freeze") else ""
    if "pretrained" in entry:
        return f"starts from the weights of `{entry['pretrained']}`{frozen}"
    if "trained_on" in entry:
        start = entry["trained_on"]
        return f"starts from `{start['model']}` as trained here on `{start['dataset']}`{frozen}"
    return "starts from random weights"


def targets(tables):
    """Tracks that the published rule files under the wrong group, counted in the list of targets."""
    lines = []
    for name, table in sorted(tables.features.items()):
        factors = table[table["group"] == "TF"]["name"]
        kinds = [families.family(target) for target in factors if "|" in target]
        counted = {kind: kinds.count(kind) for kind in ("accessibility", "histone") if kind in kinds}
        if counted:
            wrong = " and ".join(plural(n, f"{kind} track", f"{kind} tracks") for kind, n in counted.items())
            lines.append(
                f"- Features `{name}`: the {len(factors):,} targets of group TF hold {wrong}, by the published rule of "
                "grouping; `groups: corrected` files them where they belong."
            )
    return lines


def figures(tables):
    links = [f"- [{Path(name).stem}](figures/{name})" for name in tables.settings.get("figures", [])]
    return [*links, ""] if links else []
