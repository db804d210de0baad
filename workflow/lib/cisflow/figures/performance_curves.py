"""ROC and precision-recall curves of all models on one split, with bootstrap bands."""

import textwrap

from cisflow.evaluation import results
from cisflow.figures import given, style
from cisflow.io import tables
from cisflow.published import numbers as published

FIGURES = [
    {
        "of": "split",
        "label": "ROC and PR",
        "order": 30,
        "inputs": {"curves": "curves", "metrics": "metrics", "published": "published_metrics?"},
        "settings": ["published"],
        "tasks": ["binary"],
    },
    {
        "name": "study_curves",
        "caption": "performance_curves",
        "of": "study_set",
        "label": "ROC and PR: {group}",
        "order": 80,
        "inputs": {"curves": "curves", "metrics": "metrics", "published": "published_metrics"},
        "settings": ["published", "models"],
        "tasks": ["binary"],
    },
]
FOLD = "test"
NUMBERS = ("x", "y", "lower", "upper")
PANELS = (
    ("roc", "auroc", "ROC curve", "False positive rate", "True positive rate"),
    ("pr", "average_precision", "Precision\u2013recall curve", "Recall", "Precision"),
)
# Left edges of the columns of the key in mm, and the letters of a name that fit into the first.
PLAIN, BESIDE = (20, 112, 151), (20, 76, 110, 140)
NAME_WIDTH = {PLAIN: 58, BESIDE: 32}
NO_SKILL = "No skill: chance (ROC), base rate of positives (precision\u2013recall)"
ROW = 4.2
NOTE_WIDTH = 110
NAN = float("nan")


def draw(inputs, settings):
    """The Figure.

    Parameters
    ----------
    inputs : curves, metrics: paths of the evaluation's tables; published: path of published numbers, if wanted.
    settings : dataset, split; models: those to draw, if not all; with published numbers also
        published (the row of each model), same_data (whether they are of the same windows) and published_split (the
        split that stands for the published one).
    """
    given.demand("performance_curves", "settings", settings, ("dataset", "split"))
    dataset, split = settings["dataset"], settings["split"]
    curves = tables.table(inputs["curves"], (*results.CLASSES, "curve"), NUMBERS)
    curves = tables.matching(curves, dataset=dataset, split=split, fold=FOLD)
    if curves.empty:
        return style.explained(
            f"No curve to draw: the {FOLD} fold of split '{split}' of dataset '{dataset}' has none. "
            "A curve needs sequences of both classes.",
            width=style.DOUBLE,
        )
    target = results.headline_target(curves, inputs["curves"])
    curves = tables.matching(curves, target=target)
    metrics = results.metrics(inputs["metrics"])
    looks = style.looks(tables.matching(metrics, dataset=dataset)["model"].tolist() + curves["model"].tolist())
    metrics = tables.matching(metrics, dataset=dataset, split=split, fold=FOLD)
    balance = results.balance(metrics)
    models = by_auroc(curves, tables.matching(metrics, target=target, seed="mean"))
    models = [entry for entry in models if entry[0] in settings.get("models", [entry[0]])]
    beside = None
    if "published" in inputs:
        beside = published.read(inputs["published"], settings.get("published", {}))
    columns = PLAIN if beside is None else BESIDE
    notes = [f"{FOLD.capitalize()} fold of split '{split}': {balance.text}"]
    if beside is not None:
        notes += published_notes(settings, beside)
    means = tables.matching(metrics, target=target, seed="mean")
    means = means[means["model"].isin([model for model, _ in models])]
    for note in results.chance_notes(means):
        notes += textwrap.wrap(note, NOTE_WIDTH, break_on_hyphens=False)

    lines = sum(style.wrap(model, NAME_WIDTH[columns]).count("\n") + 1 for model, _ in models) + 2 + len(notes)
    figure = style.figure(style.DOUBLE, 84 + ROW * lines)
    grid = figure.add_gridspec(2, 2, height_ratios=[84, ROW * lines])
    for column, letter in enumerate("ab"):
        draw_panel(figure.add_subplot(grid[0, column]), letter, PANELS[column], curves, models, looks, balance.rates)
    draw_key(figure.add_subplot(grid[1, :]), columns, models, looks, balance.rates, beside, notes, lines)
    return figure


def published_notes(settings, beside):
    """What the published numbers were measured on, and how."""
    where = "on other data"
    if settings.get("same_data"):
        measured = settings.get("published_split", settings["split"])
        other = measured != settings["split"]
        where = f"measured on split '{measured}', not on this one" if other else "on the same data"
    rates = published.rates(beside)
    how = "each strand a row, area under the precision\u2013recall curve by trapezoids"
    return [f"Published: {where}" + (f", base rate {rates}" if rates else ""), f"Published numbers count {how}"]


def by_auroc(curves, metrics):
    """[(model, {metric: (value, lower, upper)})] of the models with a curve, highest AUROC first."""
    values = {
        model: {row.metric: (row.value, row.lower, row.upper) for row in rows.itertuples()}
        for model, rows in metrics.groupby("model")
    }
    found = [(model, values.get(model, {})) for model in sorted(set(curves["model"]))]
    return sorted(found, key=lambda item: -max(item[1].get("auroc", (0.0,))[0], 0.0))


def draw_panel(axes, letter, panel, curves, models, looks, rates):
    kind, metric, title, x_label, y_label = panel
    # Between two recalls precision is a step: a straight line would flatter it.
    steps = kind == "pr"
    for model, _ in models:
        rows = tables.matching(curves, model=model, curve=kind).sort_values("x", kind="stable")
        look = looks[model]
        axes.fill_between(
            rows["x"],
            rows["lower"],
            rows["upper"],
            step="pre" if steps else None,
            color=look.colour,
            alpha=0.15 if len(models) <= 4 else 0.07,
            linewidth=0,
        )
        # The table starts where the ROC curve has left the axis; it comes from (0, 0).
        start = [] if steps else [0.0]
        axes.plot(
            [*start, *rows["x"]],
            [*start, *rows["y"]],
            color=look.colour,
            linestyle=look.dashes,
            drawstyle="steps-pre" if steps else "default",
            label=model,
        )
    chance = results.no_skill(metric, rates)
    axes.plot([0, 1], [chance, chance] if steps else [0, 1], color=style.GREY, linewidth=0.8, dashes=(2, 2), zorder=1)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal", xlabel=x_label, ylabel=y_label)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.5", "0.75", "1"])
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.5", "0.75", "1"])
    style.panel(axes, letter, title)


def draw_key(axes, columns, models, looks, rates, published, notes, lines):
    """The key as a table: line, model, AUROC and average precision with their intervals, and what was published."""
    axes.set_axis_off()
    axes.set(xlim=(0, style.DOUBLE), ylim=(lines, 0))
    names, *places = columns
    left = names - 12
    titles = ("Model", "AUROC (95% interval)", "AP (95% interval)", "Published AUROC, AUPRC")
    for place, title in zip(columns, titles, strict=False):
        axes.text(place, 0.5, title, fontweight="bold", va="center")
    axes.plot([left, style.DOUBLE - 2], [1, 1], color="black", linewidth=0.6)
    top = 1.15
    for model, values in models:
        name = style.wrap(model, NAME_WIDTH[columns])
        height = name.count("\n") + 1
        middle = top + height / 2
        axes.plot([left, left + 10], [middle, middle], color=looks[model].colour, linestyle=looks[model].dashes)
        axes.text(names, middle, name, va="center", linespacing=1.1)
        cells = [style.number(*values.get(metric, (NAN,))) for metric in ("auroc", "average_precision")]
        if model in (published or {}):
            cells.append(", ".join(map(style.number, published[model][:2])))
        for place, cell in zip(places, cells, strict=False):
            axes.text(place, middle, cell, va="center")
        top += height
    middle = top + 0.5
    axes.plot([left, left + 10], [middle, middle], color=style.GREY, linewidth=0.8, dashes=(2, 2))
    full = columns == PLAIN
    axes.text(names, middle, NO_SKILL if full else "No skill: chance, base rate of positives", va="center")
    for place, metric in zip(places, ("auroc", "average_precision"), strict=False):
        axes.text(place, middle, style.number(results.no_skill(metric, rates)), va="center")
    for number, note in enumerate(notes, 1):
        axes.text(names, middle + number, note, va="center")
