"""Figures of variants by networks that were trained here, and of saturation mutagenesis."""

import itertools

import numpy as np
import pandas as pd

from cisflow.io.tables import write_table
from cisflow.variants import haplotypes, saturation, scoring
from drawing import DATASET, drawn, svg_text

SETTINGS = DATASET | {"job": "mine", "n_variants": 30}


def variants(folder, n=12, targets=("activity",), seeds=3, null=60, carried=True, scored=True):
    """{input: path} of made-up tables."""
    rng = np.random.default_rng(n)
    rows, of_null, pairs = [], [], []
    for number, target in itertools.product(range(n), targets):
        kind, effect = f"A[C>T]{'ACGT'[number % 4]}, part {number % 2 + 1} of 2", rng.standard_t(2)
        place = 100 * number
        where = (f"rs{number}:chr1:{place}:C>T", f"rs{number}", "chr1", place + 1, "C", "T", "scored", "", 0.1)
        reach = (effect - 0.2, effect + 0.2, 0.1) if seeds > 1 else (None, None, None)
        percentile = rng.uniform(0, 100) if null else None
        values = (f"w{number}", "+", 20, target, "output", 0, effect, effect, None, 1, *reach, seeds)
        rows.append((*where, *values, kind, percentile, percentile, null))
    for number, target in itertools.product(range(8), targets):
        kind = f"A[C>T]{'ACGT'[number % 4]}, part {number % 2 + 1} of 2"
        of_null += [(kind, target, "chr2", 5, 6, "T", 1, rng.normal()) for _ in range(null)]
    for number, target in itertools.product(range(n if carried else 0), targets):
        total = rng.normal()
        names = (f"w{number}", "s1", 1, 2, "a,b", target, "output")
        pairs.append((*names, total + 0.1, None, None, total, 0.1, None, None, None, seeds))
    frame = pd.DataFrame(rows, columns=scoring.COLUMNS).assign(status="scored" if scored else "outside_windows")
    frames = {"effects": frame}
    frames["null"] = pd.DataFrame(of_null, columns=scoring.NULL_COLUMNS)
    frames["haplotypes"] = pd.DataFrame(pairs, columns=haplotypes.COLUMNS)
    for name, made in frames.items():
        write_table(folder / f"{name}.tsv", made)
    return {name: str(folder / f"{name}.tsv") for name in frames}


def saturated(folder, regions=("chr1:100-140",), targets=("activity",), length=40):
    rng, rows = np.random.default_rng(0), []
    for region, target, place in itertools.product(regions, targets, range(length)):
        reference = "ACGTN"[rng.integers(4)]
        for base in "ACGT":
            if base != reference:
                rows.append((region, "chr1", 1, place, reference, base, target, rng.normal(), None, None, None, 1))
    write_table(folder / "s.tsv", pd.DataFrame(rows, columns=saturation.COLUMNS))
    return {"saturation": str(folder / "s.tsv")}


LONG = {"targets": [f"GM12878_{n}" for n in range(4)]}
CASES = {
    "variants": ("variant_effects", variants, SETTINGS),
    "many variants": ("variant_effects", lambda f: variants(f, 80, seeds=1, **LONG), SETTINGS),
    "variants beside nothing": ("variant_effects", lambda f: variants(f, 3, null=0, carried=False), SETTINGS),
    "no variant": ("variant_effects", lambda f: variants(f, scored=False), SETTINGS),
    "saturation": ("saturation", saturated, {}),
    "saturation of many regions": ("saturation", lambda f: saturated(f, [f"w{n}" for n in range(9)], **LONG), {}),
    "saturation of a long region": ("saturation", lambda f: saturated(f, length=400), {}),
    "saturation of no region": ("saturation", lambda f: saturated(f, ()), {}),
}


def test_the_strongest_come_first_and_stand_before_their_null(tmp_path):
    inputs = variants(tmp_path)
    figure = drawn("variant_effects", inputs, SETTINGS | {"n_variants": 5})
    table = pd.read_csv(inputs["effects"], sep="\t")
    order = table.loc[table["effect"].abs().sort_values(ascending=False).index[:5], "id"].tolist()
    (axes,) = [axes for axes in figure.subfigs[0].axes]
    assert [label.get_text() for label in axes.get_yticklabels()] == order
    # A grey bar for each.
    assert len(axes.patches) == 5


def test_the_region_is_drawn_for_the_output_that_changes_most(tmp_path):
    inputs = saturated(tmp_path, targets=("small", "large"))
    table = pd.read_csv(inputs["saturation"], sep="\t")
    table.loc[table["target"] == "small", "effect"] /= 100
    write_table(inputs["saturation"], table)
    text = svg_text(drawn("saturation", inputs, {}))
    assert "chr1:100-140: large" in text and "small" not in text


def test_a_null_that_is_too_small_is_told(tmp_path):
    text = svg_text(drawn("variant_effects", variants(tmp_path, 3, null=0, carried=False), SETTINGS))
    assert "null of its kind" in text.replace("\n", " ")
