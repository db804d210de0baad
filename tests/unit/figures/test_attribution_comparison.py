"""Figures of the comparison of attribution methods, against the tables that they are drawn from."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import pipeline
from cisflow.attribution import files
from cisflow.attribution.comparison import agreement, perturbation, timing
from cisflow.errors import InputError
from cisflow.figures import style
from cisflow.io.tables import read_table, write_table
from drawing import RUN, drawn

# What the methods of `recovery_tables` recover in each seed; `random` is drawn beside them.
RECOVERED = {"ism": (0.9, 0.95, 1.0), "tism": (0.7, 0.8, 0.9), "random": (0.1, 0.1, 0.1)}


def recovery_tables(folder, seeds=(1, 2, 3), planted=True):
    """Tables of a comparison whose curves fall and rise in steps; inputs of the figure."""
    columns = ["seed", "id", "target", "method"]
    rows = [(seed, f"w{row}", "x", method) for seed in seeds for row in range(4) for method in RECOVERED]
    frame = pd.DataFrame(rows, columns=columns)
    value = [RECOVERED[method][seed - 1] for seed, _, _, method in rows]
    truth = frame.assign(n_planted=1, base_rate=0.05, average_precision=value)
    truth = truth.assign(base_rate_fixed_gc=0.05, average_precision_fixed_gc=value)[list(agreement.PLANTED)]
    truth = truth if planted else truth.iloc[:0]
    curves = [
        frame.assign(curve=curve, share=share, output=(1 - share if curve == "deletion" else share) * frame["seed"])
        for curve in ("deletion", "insertion")
        for share in perturbation.SHARES
    ]
    curves = pd.concat(curves, ignore_index=True)[list(perturbation.COLUMNS)]
    measures = {f"{curve}_area": rows for curve, rows in agreement.areas(curves).groupby("curve")}
    if planted:
        measures["planted_average_precision_fixed_gc"] = truth[["seed", "id", "method", "average_precision_fixed_gc"]]
    if len(seeds) > 1:
        pairs = frame[frame["seed"] > 1].assign(value=0.8)
        measures["seed_correlation"] = pairs[pairs["method"] != "random"]
    tables = {"summary": agreement.summary(measures), "planted": truth, "perturbation": curves}
    for name, table in tables.items():
        write_table(folder / f"{name}.tsv", table)
    return {name: str(folder / f"{name}.tsv") for name in tables}


def test_a_method_looks_the_same_whatever_else_a_figure_shows():
    few, many = style.method_looks(["ism", "tism"]), style.method_looks([*style.METHODS, "mine", "ig_zeros"])
    assert few["ism"] == many["ism"] and few["tism"] == many["tism"]
    known = [many[name] for name in style.METHODS if name != "random"]
    assert len({look.colour for look in known}) == len({look.marker for look in known}) == len(known)
    # Methods of the user's own take what those of the figure leave.
    own = style.method_looks(["ism", "tism", "b", "a"])
    assert len(set(own.values())) == len({look.marker for look in own.values()}) == 4
    # Without lines a colour and a marker tell them apart.
    assert len({(look.colour, look.marker) for look in many.values()}) == len(many)


def test_recovery_is_written_with_its_interval_over_seeds(tmp_path):
    inputs = recovery_tables(tmp_path)
    figure = drawn("attribution_recovery", inputs, {})
    a, b, c, d = figure.axes
    summary = read_table(inputs["summary"], text=("measure", "seed"))
    rows = summary[summary["measure"].str.startswith("planted") & (summary["seed"] == "all")].set_index("method")
    written = {text.get_text() for text in a.texts}
    for method, values in RECOVERED.items():
        row = rows.loc[method]
        assert row["value"] == pytest.approx(np.mean(values))
        assert f"{row['value']:.3f} ({row['lower']:.3f}\u2013{row['upper']:.3f})" in written
    assert len(b.texts) == 2
    # A straight line from 1 to 0 has half of the area of a step; the seeds agree.
    for axes in (c, d):
        labels = [text.get_text() for text in axes.get_legend().get_texts()]
        assert labels == ["ISM: 0.50 (0.50\u20130.50)", "TISM: 0.50 (0.50\u20130.50)", "Random: 0.50 (0.50\u20130.50)"]


@pytest.mark.parametrize(
    ("given", "panel", "words"),
    [({"planted": False}, 0, "No motif was planted"), ({"seeds": (1,)}, 1, "a single seed")],
)
def test_an_empty_panel_says_why(tmp_path, given, panel, words):
    figure = drawn("attribution_recovery", recovery_tables(tmp_path, **given), {})
    texts = [[text.get_text() for text in axes.texts] for axes in figure.axes[:2]]
    assert words in texts[panel][0].replace("\n", " ")
    assert len(texts[1 - panel]) >= 2


def test_an_interval_below_zero_has_no_dash_for_a_minus():
    assert style.number(-0.214, -0.292, 0.135, digits=2) == "\u22120.21 (\u22120.29 to 0.14)"
    assert style.number(0.5, 0.4, 0.6) == "0.500 (0.400\u20130.600)"
    assert style.number(-1.0) == "\u22121.000"


def attribution_files(folder, multipliers):
    """{method: path} of {method: multipliers (m, 4, length)}, all of the same sequences."""
    codes = np.random.default_rng(0).integers(0, 4, next(iter(multipliers.values())).shape[::2]).astype(np.uint8)
    ids, same = np.array([f"w{row}" for row in range(len(codes))]), np.ones(len(codes), dtype=np.float32)
    paths = {method: str(folder / f"{method}.npz") for method in multipliers}
    for method, path in paths.items():
        rows = (ids, np.full(len(ids), "x"), np.full(len(ids), "test"), same, codes)
        files.write(path, files.Attributions(multipliers[method], *rows, np.full(4, 0.25, np.float32), method))
    return paths


def agreement_inputs(folder, multipliers):
    """Inputs of the figure of agreement with `ism`, from {method: multipliers (m, 4, length)}."""
    paths = attribution_files(folder, multipliers)
    found = agreement.agreement(files.read_common(paths), "ism").assign(seed=1)
    cost = pd.DataFrame({"seed": 1, "method": list(multipliers), "repeat": 1, "n_sequences": 1})
    write_table(folder / "agreement.tsv", found[list(agreement.AGREEMENT)])
    write_table(folder / "cost.tsv", cost.assign(seconds_per_sequence=0.5))
    tables = {name: str(folder / f"{name}.tsv") for name in ("agreement", "cost")}
    return tables | {"attributions": list(paths.values())}


def of(methods):
    """Settings of a figure of these methods."""
    return RUN | {"methods": list(methods), "reference": "ism"}


def logo_inputs(folder, multipliers, **others):
    paths = attribution_files(folder, multipliers)
    write_table(folder / "windows.tsv", pd.DataFrame(columns=["id", "chrom", "start", "end", "strand"]))
    return {"attributions": list(paths.values()), "windows": str(folder / "windows.tsv")} | others


def random_multipliers(methods, seed=1, n=3):
    rng = np.random.default_rng(seed)
    return {method: rng.normal(size=(n, 4, 30)).astype(np.float32) for method in methods}


def without_rows(inputs):
    """The same inputs, whose tables have no row."""
    for path in inputs.values():
        if str(path).endswith(".tsv"):
            write_table(path, read_table(path).iloc[:0])
    return inputs


def timing_table(folder, lengths, n_sequences, n_targets, methods=("tism",)):
    """{timing: path}: a second for every 100 bp, sequence and target."""
    sizes = timing.Settings(lengths=lengths, sequences=n_sequences, targets=n_targets).grid()
    rows = [
        (method, varied, *size, repeat, np.prod(size) / 100, 5)
        for method in methods
        for varied, *size in sizes
        for repeat in (1, 2)
    ]
    write_table(folder / "timing.tsv", pd.DataFrame(rows, columns=timing.COLUMNS))
    return {"timing": str(folder / "timing.tsv")}


MANY = [*list(style.METHODS)[:7], "taylor_ism_pool2"]
# Name of the case: (figure, function of a folder -> inputs, settings).
CASES = {
    "agreement of three methods": (
        "attribution_agreement",
        lambda f: agreement_inputs(f, random_multipliers(["ism", "tism", "gradient"])),
        of(["ism", "tism", "gradient"]),
    ),
    "agreement of many methods": (
        "attribution_agreement",
        lambda f: agreement_inputs(f, random_multipliers(MANY)),
        of(MANY),
    ),
    "no agreement": (
        "attribution_agreement",
        lambda f: without_rows(agreement_inputs(f, random_multipliers(["ism", "tism"]))),
        of(["ism", "tism"]),
    ),
    "methods judged": ("attribution_recovery", recovery_tables, {}),
    "methods judged by one seed, nothing planted": (
        "attribution_recovery",
        lambda f: recovery_tables(f, seeds=(1,), planted=False),
        {},
    ),
    "no method judged": ("attribution_recovery", lambda f: without_rows(recovery_tables(f, planted=False)), {}),
    "cost of a method": ("attribution_cost", lambda f: timing_table(f, [100, 400], [1, 8], [1, 16]), {}),
    "cost of many methods": (
        "attribution_cost",
        lambda f: timing_table(f, [100, 400, 1600], [1, 8, 64], [1, 16], MANY),
        {},
    ),
    "no cost": ("attribution_cost", lambda f: without_rows(timing_table(f, [100], [1], [1])), {}),
}


def test_a_method_without_a_correlation_is_shown_as_such(tmp_path):
    noise = np.random.default_rng(1).normal(size=(3, 4, 30)).astype(np.float32)
    inputs = agreement_inputs(tmp_path, {"ism": noise, "tism": 2 * noise, "gradient": 0 * noise})
    figure = drawn("attribution_agreement", inputs, of(["ism", "tism", "gradient"]))
    cost, distributions = figure.subfigs[0].axes
    labels = [text.get_text() for text in cost.get_legend().get_texts()]
    assert labels == ["ISM: 1.000, 500 ms", "TISM: 1.000, 500 ms", "Gradient: undefined, 500 ms"]
    assert [text.get_text() for text in distributions.texts].count("undefined: constant scores") == 2
    assert [label.get_text() for label in distributions.get_yticklabels()] == ["TISM", "Gradient"]
    assert [axes.texts[0].get_text() for axes in figure.subfigs[1].axes[:2]] == ["r = 1.00", "r = n/a"]


def test_a_first_seed_without_an_effect_says_so(tmp_path):
    noise = np.random.default_rng(2).normal(size=(3, 4, 30)).astype(np.float32)
    inputs = agreement_inputs(tmp_path, {"ism": noise, "tism": noise})
    dead = agreement_inputs(tmp_path / "dead", {"ism": 0 * noise, "tism": 0 * noise})
    inputs |= {"attributions": dead["attributions"]}
    figure = drawn("attribution_agreement", inputs, of(["ism", "tism"]))
    assert "No effect to show" in figure.subfigs[1].axes[0].texts[0].get_text()


def test_the_guide_is_three_lengths_of_tism_for_one_target(tmp_path):
    figure = drawn("attribution_cost", timing_table(tmp_path, [100, 400], [1, 8], [1, 16]), {})
    guides = [axes.lines[-1].get_ydata().tolist() for axes in figure.axes[:3]]
    assert guides == [[300 * 1, 1200 * 4], [300, 300 * 8], [300, 300]]


@pytest.mark.parametrize(
    ("reference", "methods", "words"),
    [
        ("isms", ["ism", "tism"], "cost: no method 'isms'; expected the reference and those of the agreement: isms, "),
        ("ism", ["ism"], "attributions: no method 'tism'; expected the reference and those of the agreement: ism, "),
    ],
)
def test_agreement_refuses_a_method_that_is_not_there(tmp_path, reference, methods, words):
    noise = np.random.default_rng(3).normal(size=(3, 4, 30)).astype(np.float32)
    inputs = agreement_inputs(tmp_path, {"ism": noise, "tism": noise})
    inputs["attributions"] = inputs["attributions"][: len(methods)]
    with pytest.raises(InputError, match=words):
        drawn("attribution_agreement", inputs, of(methods) | {"reference": reference})


CONFIG = {
    "timing": {"model": "my_model"},
    "attribution": {
        "ig": {"method": "integrated_gradients", "steps": 7, "n_baselines": 20},
        "shap": {"method": "deep_lift_shap", "steps": 20, "n_baselines": 9},
        "zeros": {"method": "deep_lift_shap", "baseline": "zeros", "n_baselines": 9},
        "inner": {"method": "taylor_ism", "layer": "pool1"},
    },
}
SETTINGS = ("``ig``: 7 points", "``shap``: 9 shuffles", "``inner``: exact up to ``pool1``")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("attribution_agreement", ("demo_data", "FSei", "random", "middle half", *SETTINGS)),
        ("attribution_recovery", ("demo_data", "FSei", "random", "by chance")),
        ("attribution_cost", ("my_model", "a run of the same size goes before", *SETTINGS)),
    ],
)
def test_captions_name_what_they_show(name, says):
    jinja2, docutils = pytest.importorskip("jinja2"), pytest.importorskip("docutils.core")
    template = (pipeline.ROOT / "workflow" / "report" / f"{name}.rst").read_text()
    wildcards = SimpleNamespace(dataset="demo_data", model="FSei", split="random")
    snakemake = SimpleNamespace(wildcards=wildcards, config=CONFIG)
    text = jinja2.Template(template, trim_blocks=True, lstrip_blocks=True).render(snakemake=snakemake)
    words = " ".join(text.split()).lower()
    assert [part for part in says if part.lower() not in words] == []
    assert "``zeros``" not in words
    strict = {"halt_level": 2, "report_level": 2}
    assert docutils.publish_parts(text, writer="html", settings_overrides=strict)["body"]


def test_a_planted_motif_has_its_name_over_the_logos(tmp_path):
    noise = np.random.default_rng(4).normal(size=(2, 4, 60)).astype(np.float32)
    truth = {"id": ["w0", "w1"], "target": "x", "matrix_id": "MA0001.1", "start": 20, "end": 38, "strand": ["+", "-"]}
    write_table(tmp_path / "truth.tsv", pd.DataFrame(truth))
    inputs = logo_inputs(tmp_path, {"ism": noise, "tism": noise}, truth=str(tmp_path / "truth.tsv"))
    figure = drawn("attribution_logos", inputs, of(["ism", "tism"]) | {"n_sequences": 2})
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert texts.count("x MA0001.1 +") == texts.count("x MA0001.1 \u2212") == 1


def test_a_single_length_is_within_its_panels(tmp_path):
    figure = drawn("attribution_cost", timing_table(tmp_path, [2000], [1, 2], [1]), {})
    with style.applied():
        figure.canvas.draw()
    for axes in figure.axes:
        low, high = axes.get_xlim()
        places = [x for line in axes.lines for x in line.get_xdata()]
        assert places and low < min(places) <= max(places) < high
    assert [tick.get_text() for tick in figure.axes[3].get_xticklabels()] == ["2,000"]
    assert figure.axes[0].lines[-1].get_marker() == "_"


def test_numbers_of_neighbouring_logos_do_not_meet(tmp_path):
    # Scores of either sign, as high as each other.
    noise = np.sign(np.random.default_rng(5).normal(size=(1, 4, 60))).astype(np.float32)
    methods = ("ism", "tism", "gradient", "deep_lift_shap", "x")
    inputs = logo_inputs(tmp_path, dict.fromkeys(methods, noise))
    figure = drawn("attribution_logos", inputs, of(methods) | {"n_sequences": 1})
    with style.applied():
        figure.canvas.draw()
        logos = [axes for axes in figure.axes if axes.axison and len(axes.get_yticks())]
        labels = [label for axes in logos for label in (*axes.get_yticklabels(), *axes.texts)]
        boxes = [label.get_window_extent() for label in labels]
    # Of each method -1, 0 and 1, and its name.
    assert len(boxes) == 5 * 4
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:i])


def test_every_pair_of_many_methods_fits_a_page(tmp_path):
    paths = attribution_files(tmp_path, random_multipliers(MANY, seed=6, n=4))
    figure = drawn("method_agreement", {"attributions": list(paths.values())}, of(MANY))
    with style.applied():
        figure.canvas.draw()
        boxes = [label.get_window_extent() for label in figure.axes[0].get_yticklabels()]
    assert figure.get_size_inches()[1] / style.MM == pytest.approx(style.PAGE)
    assert len(boxes) == 28
    assert not any(box.overlaps(other) for i, box in enumerate(boxes) for other in boxes[:i])
