"""Figures of the effects of motifs: what they hold of tables of any size."""

import itertools

import numpy as np
import pandas as pd

from cisflow.effects import layouts, motif_effects
from cisflow.io.tables import write_table
from drawing import FACTORS, RUN, drawn, svg_text

SETTINGS = RUN | {"n_effects": 20, "n_pairs": 12}


def estimates(rng, effect):
    reach = rng.uniform(0.05, 0.4)
    return (effect, effect - reach, effect + reach, 0.5, 0.1, 50, 3)


def tables(folder, motifs=FACTORS[:5], targets=("activity",), kinds=("random",), gaps=(0, 5, 10)):
    """{input: path} of made-up tables."""
    rng = np.random.default_rng(len(motifs))
    single, positions, pairs = [], [], []
    for target, kind, motif, strand in itertools.product(targets, kinds, motifs, "+-"):
        where, effect = (target, "output", kind, motif, strand), rng.normal()
        single.append((*where, 46, *estimates(rng, effect)))
        positions += [(*where, start, start + 4, *estimates(rng, effect)) for start in range(0, 90, 10)]
    for target, kind, (first, second) in itertools.product(targets, kinds, itertools.combinations(motifs, 2)):
        for orientation, gap in itertools.product(layouts.ORIENTATIONS, gaps):
            interaction, *rest = estimates(rng, 3 if gap == 5 else rng.normal(0, 0.1))
            where = (target, "output", kind, first, second, orientation, gap, gap + 8)
            pairs.append((*where, 1, 1, 2 + interaction, interaction, *rest))
    paths = {}
    for name, rows in (("single", single), ("positions", positions), ("pairs", pairs)):
        paths[name] = str(folder / f"{name}.tsv")
        write_table(paths[name], pd.DataFrame(rows, columns=motif_effects.COLUMNS[name]))
    return paths


def of(name, **given):
    return lambda folder: {name: tables(folder, **given)[name]}


LONG = {"motifs": [*FACTORS, *(f"ETV5::DRGX_{n}" for n in range(20))], "targets": [f"track_{n}" for n in range(9)]}
KINDS = {"kinds": ("low", "shuffled", "random")}
CASES = {
    "effects": ("motif_effects", of("single"), SETTINGS),
    "effects of many motifs and outputs": ("motif_effects", of("single", **LONG, **KINDS), SETTINGS),
    "effects of no motif": ("motif_effects", of("single", motifs=()), SETTINGS),
    "positions": ("motif_positions", of("positions"), {}),
    "positions of many motifs": ("motif_positions", of("positions", **LONG), {}),
    "positions of one motif": ("motif_positions", of("positions", motifs=["CTCF"]), {}),
    "positions of no motif": ("motif_positions", of("positions", motifs=()), {}),
    "pairs": ("motif_pairs", of("pairs"), SETTINGS),
    "pairs of many motifs": ("motif_pairs", of("pairs", motifs=FACTORS[:9], gaps=range(0, 60, 3)), SETTINGS),
    "pairs of no motif": ("motif_pairs", of("pairs", motifs=()), SETTINGS),
}


def test_motifs_stand_from_the_highest_effect_down(tmp_path):
    inputs = of("single", motifs=["CTCF", "REST", "Nrf1", "YY1"])(tmp_path)
    figure = drawn("motif_effects", inputs, SETTINGS)
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    table = pd.read_csv(inputs["single"], sep="\t")
    assert names == table.groupby("motif")["effect"].mean().sort_values(ascending=False).index.tolist()


def test_the_strongest_pairs_are_shown_with_what_leaves_out_zero(tmp_path):
    figure = drawn("motif_pairs", of("pairs", motifs=FACTORS[:4])(tmp_path), SETTINGS | {"n_pairs": 2})
    maps = [axes for axes in figure.axes if axes.get_title() in ("A\u2192 B\u2192", "A\u2192 \u2190B")]
    for axes in maps:
        assert axes.get_ylim() == (2, 0)
        dots = sorted(line.get_xdata()[0] for line in axes.lines if line.get_marker() == "o")
        # The gap of 5, the second of three, has an interaction of 3 in every pair.
        assert dots.count(1) == 2
    assert "interval leaves out 0" in svg_text(figure)
