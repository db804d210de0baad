"""What the models score: beside the published numbers, and by each change of the way to measure."""

import itertools

import numpy as np

from cisflow.evaluation import results
from cisflow.published.numbers import rates as base_rates
from cisflow.report.tables import FOLD, baselines, changes, measured, own, roles, share
from cisflow.report.words import cell, code, markdown, percent, plural, signed, spread, value

# Base rates that differ by more than this make average precisions of two splits hard to compare.
SAME_RATE = 0.01


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
    rates = base_rates(tables.published)
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
    published, _ = roles(tables)
    models = own(tables, measured(tables, published, "auroc"))
    parts = (by_area, by_strands, by_split, by_seeds, by_chance)
    lines = list(itertools.chain.from_iterable(part(tables, models) for part in parts))
    rows = everywhere(tables)
    header = ("model", "split", "AUROC", "AUROC over seeds", "average precision")
    return [*lines, "", *markdown(header, rows)] if rows else lines


def by_area(tables, models):
    """What trapezoids add to average precision, of the models that have both."""
    published, _ = roles(tables)
    precision, trapezoid = (measured(tables, published, name) for name in ("average_precision", "auprc_trapezoid"))
    area = of(models, changes(precision, trapezoid))
    if not area:
        return []
    return [
        f"- **Area by trapezoids against average precision** (split `{published}`, strands averaged): trapezoids "
        f"give {signed(np.mean(list(area.values())))} on average over models, {spread(area)}. A straight line "
        "between two recalls is no prediction's precision, so average precision counts here."
    ]


def by_strands(tables, models):
    """What one prediction a sequence changes, and which models have no other."""
    published, _ = roles(tables)
    separate = measured(tables, published, "auroc", "separate")
    strands = of(models, changes(separate, measured(tables, published, "auroc")))
    lines = []
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
    return lines


def by_split(tables, models):
    """What the held-out split changes, and whether its base rate is another."""
    published, held_out = roles(tables)
    moved = of(models, changes(measured(tables, published, "auroc"), measured(tables, held_out, "auroc")))
    if not moved or held_out == published:
        return []
    lines = [
        f"- **Split**: from `{published}` to `{held_out}` AUROC changes by {signed(np.mean(list(moved.values())))} "
        f"on average, {spread(moved)}. What test and training fold of `{published}` have in common is below."
    ]
    rates = tables.counts[tables.counts["fold"] == FOLD].set_index("split")
    rates = rates["positive"] / rates["n"]
    if abs(rates[published] - rates[held_out]) > SAME_RATE:
        lines.append(
            f"- The base rates of the test folds differ ({percent(rates[published])} against "
            f"{percent(rates[held_out])}), so average precision is not to be compared across these splits."
        )
    return lines


def by_seeds(tables, models):
    """How far the seeds of a model lie apart, and which models ran with one."""
    published, held_out = roles(tables)
    here = measured(tables, held_out, "auroc")
    several = of(models, {model: row for model, row in here.items() if row.n_seeds > 1})
    lines = []
    if several:
        widest = max(several, key=lambda model: several[model].maximum - several[model].minimum)
        row = several[widest]
        lines.append(
            f"- **Seeds**: {plural(len(several), 'model was', 'models were')} trained with several seeds, where the "
            f"study used one. Their AUROC on `{held_out}` differs most for `{widest}`: {value(row.minimum)} to "
            f"{value(row.maximum)} over {row.n_seeds:.0f} seeds."
        )
    counted = [*measured(tables, published, "auroc").items(), *here.items()]
    once = [model for model in models if not any(name == model and row.n_seeds > 1 for name, row in counted)]
    if once:
        lines.append(
            f"- {code(once)} ran with one seed, so that {'its' if len(once) == 1 else 'their'} spread is not known."
        )
    return lines


def by_chance(tables, models):
    """Which models are surely below chance, where."""
    lines = []
    for split in dict.fromkeys((*roles(tables), *tables.settings["splits"])):
        found = of(models, measured(tables, split, "auroc"))
        below = [f"`{model}` {cell(row)}" for model, row in found.items() if row.upper < results.CHANCE["auroc"]]
        if below:
            lines.append(
                f"- **Below chance** on `{split}`, where an AUROC of one half is chance: {', '.join(below)}. What "
                "tells positives apart in the training fold points the other way in the test fold."
            )
    return lines


def of(models, values):
    """{model: value} of the given models that have one, in their order."""
    return {model: values[model] for model in models if model in values}


def everywhere(tables):
    """Rows of a table of every model on every split, baselines last."""
    rows = []
    for model in own(tables, tables.settings["models"]) + list(baselines(tables)):
        for split in dict.fromkeys((*roles(tables), *tables.settings["splits"])):
            found = measured(tables, split, "auroc").get(model)
            if found is None:
                continue
            seeds = "one" if not found.n_seeds > 1 else f"{value(found.minimum)} to {value(found.maximum)}"
            ap = measured(tables, split, "average_precision").get(model)
            rows.append((f"`{model}`", f"`{split}`", cell(found), seeds, cell(ap)))
    return rows


def calibration(tables):
    """The best and the worst calibrated model on the held-out split, and how many are overconfident."""
    _, held_out = roles(tables)
    found = {
        name: measured(tables, held_out, f"calibration_{name}")
        | measured(tables, held_out, f"calibration_{name}", seed="ensemble")
        for name in ("error", "slope")
    }
    errors = {model: found["error"][model].value for model in own(tables, found["error"])}
    if not errors:
        return []
    best, worst = min(errors, key=errors.get), max(errors, key=errors.get)
    slopes = [found["slope"][model].value for model in own(tables, found["slope"])]
    steep = sum(slope < 1 for slope in slopes)
    text = (
        f"On `{held_out}` the expected calibration error (0 is perfect) goes from {value(errors[best])} (`{best}`) to "
    )
    text += f"{value(errors[worst])} (`{worst}`)."
    if slopes:
        among = plural(len(slopes), "model", "models")
        text += f" The slope of the logits is below 1, which is overconfident, for {steep} of {among}."
    return [text + "\n"]
