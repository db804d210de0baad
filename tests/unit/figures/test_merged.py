"""The table and the tree of merged patterns: rows, columns, and what of them fits a page."""

import numpy as np
import pandas as pd
import pytest

from cisflow.figures import merged, style
from cisflow.io import meme
from cisflow.io.meme import Motif
from cisflow.io.tables import read_table, write_table
from cisflow.motifs import merging, spacing
from cisflow.sequence import dna
from drawing import DATASET, METHODS, drawn, svg_text

SETTINGS = DATASET | {"n_merged": 60}


def tables(folder, n=2, models=("FSei",), methods=METHODS[:2], outputs=("ir",), hits=False, seeds=3):
    """Inputs of both figures: n patterns of random bases, of which a quarter speaks against the outputs."""
    rng = np.random.default_rng(n)
    paths = {"patterns": str(folder / "patterns.tsv"), "matrices": str(folder / "patterns.meme")}
    rows, motifs = [], []
    for number in range(1, n + 1):
        width = int(rng.integers(7, 22))
        matrix = rng.dirichlet(np.full(4, 0.25), width).T
        consensus = dna.decode(matrix.argmax(axis=0).astype(np.uint8))
        name = "" if number % 7 == 0 else ["CTCF", "ZSCAN29", "SMAD2::SMAD3::SMAD4", "Ahr::Arnt"][number % 4]
        motifs.append(Motif(f"M{number}", name or consensus, matrix))
        q = np.nan if not name else 10.0 ** -rng.uniform(0, 12)
        known = (
            f"M{number}",
            width,
            consensus,
            "MA1.1" if name else "",
            name,
            q,
            number if name else None,
            "",
            "splice donor" if number == 5 else "",
        )
        for model in models:
            for method in methods:
                for output in outputs if len(outputs) == 1 else ("", *outputs):
                    found = rng.random() < 0.7 or number == 1
                    sign = "" if not found else "-" if number % 4 == 0 else "+"
                    n_seqlets = int(10 ** rng.uniform(1.3, 4.2)) if found else 0
                    effect = (-1 if sign == "-" else 1) * rng.uniform(0.2, 5) if found else np.nan
                    counted = (n_seqlets, n_seqlets, 2 * n_seqlets if hits else None, effect)
                    n_seeds = int(rng.integers(1, seeds + 1)) if found else 0
                    rows.append((*known, model, "random", method, output, sign, *counted, n_seeds, seeds))
    write_table(paths["patterns"], pd.DataFrame(rows, columns=merging.COLUMNS).astype({"family": "Int64"}))
    meme.write_meme(paths["matrices"], motifs, [20] * n)
    return paths


def many(folder, n=60):
    return tables(folder, n, ("FSei", "BassetLike_with_attention_pooling"), METHODS[:3], ("K562", "GM12878", "HepG2"))


# Name of the case: (figure, function of a folder -> inputs, settings).
CASES = {
    "table of eight patterns": (
        "pattern_table",
        lambda f: tables(f, 8, ("FSei", "BassetLike"), METHODS[:3], hits=True),
        SETTINGS,
    ),
    "table of two": ("pattern_table", tables, SETTINGS),
    "table in many columns": ("pattern_table", lambda f: many(f, 9), SETTINGS),
    "table of no patterns": ("pattern_table", lambda f: tables(f, 0), SETTINGS),
    "tree of eight patterns": ("motif_tree", lambda f: tables(f, 8, outputs=("K562", "HepG2", "A549")), SETTINGS),
    "tree of one": ("motif_tree", lambda f: tables(f, 1), SETTINGS),
    "tree of two": ("motif_tree", tables, SETTINGS),
    "tree of sixty in many columns": ("motif_tree", many, SETTINGS),
    "tree of no patterns": ("motif_tree", lambda f: tables(f, 0), SETTINGS),
}


def test_cells_say_seqlets_hits_and_seeds(tmp_path):
    inputs = tables(tmp_path, 3, hits=True)
    frame = read_table(inputs["patterns"])
    text = svg_text(drawn("pattern_table", inputs, SETTINGS))
    for row in frame[frame["n_seqlets"] > 0].itertuples():
        n, hits = ((f"{n}" if n < 1000 else f"{n / 1000:.{n < 9950:d}f}k") for n in (row.n_seqlets, int(row.n_hits)))
        assert f"{n}, {row.n_seeds}/3" in text and f"{hits} hits" in text
    assert "3 of 3 merged patterns" in text
    assert "2 of 3 merged patterns" in svg_text(drawn("motif_tree", inputs, SETTINGS | {"n_merged": 2}))


@pytest.mark.parametrize(("n_columns", "labels"), [(36, 12), (11, 4), (3, 3)])
def test_outputs_have_columns_of_their_own_where_there_is_room(tmp_path, n_columns, labels):
    inputs = tables(tmp_path, 4, ("FSei", "BassetLike"), METHODS[:2], ("K562", "GM12878", "HepG2"))
    found = merged.read(inputs, 3, n_columns)
    assert len(found.labels) == len(set(found.labels)) == labels and len(found.rows) == 3 and found.n == 4
    assert ("K562" in found.labels[0]) == (labels == 12)
    frame = read_table(inputs["patterns"], text=("output", "sign"))
    of = frame[(frame["pattern"] == "M1") & (frame["model"] == "FSei") & (frame["method"] == METHODS[0])]
    expected = of[of["output"] == ("K562" if labels == 12 else "")]["n_seqlets"].item()
    assert found.rows[0].cells[0].n_seqlets == expected


def test_both_signs_stand_in_one_cell(tmp_path):
    inputs = tables(tmp_path, 1, methods=METHODS[:1])
    frame = read_table(inputs["patterns"])
    other = frame.assign(sign="-", n_seqlets=frame["n_seqlets"] * 3, effect=-2.0, n_seeds=3)
    write_table(inputs["patterns"], pd.concat([frame, other]))
    (row,) = merged.read(inputs, 5, 5).rows
    assert row.signs == "+-" and row.cells[0].n_seqlets == 4 * frame["n_seqlets"].item() and row.cells[0].n_seeds == 3
    assert row.cells[0].effect == pytest.approx((frame["effect"].item() - 6) / 4, rel=1e-6)


# Spacing ---------------------------------------------------------------------------------------------------------


def spaced(folder, n=12, furthest=100):
    """Inputs of the figure of spacing: n pairs, of which the first has many at 12 bp."""
    rng = np.random.default_rng(n)
    paths = {"spacing": str(folder / "spacing.tsv"), "distances": str(folder / "distances.tsv")}
    rows, listed = [], []
    for number in range(n):
        pair = (f"M{number + 1}", f"M{number + 5}", "SMAD2::SMAD3::SMAD4", ["CTCF", "NGGCACGTGN"][number % 2])
        for place, orientation in enumerate(spacing.ORIENTATIONS):
            expected = rng.uniform(0.5, 3) * np.linspace(1.2, 0.8, furthest + 1)
            observed = rng.poisson(expected)
            observed[12 + 10 * number // 2] += 40 * (number < 4 and place == number % 4)
            for distance in range(5 + number % 3, furthest + 1):
                listed.append((*pair, orientation, distance, observed[distance], expected[distance]))
            best = int(observed.argmax())
            q = 1e-9 if observed[best] > 30 else 0.7
            rows.append((*pair, orientation, 200, 190.0, 0.3, 0.4, best, observed[best], expected[best], q / 9, q))
    frame = pd.DataFrame(rows, columns=spacing.SPACING_COLUMNS).sort_values("p_value", kind="stable")
    write_table(paths["spacing"], frame)
    write_table(paths["distances"], pd.DataFrame(listed, columns=spacing.DISTANCE_COLUMNS))
    return paths


CASES |= {
    "spacing of twelve pairs": ("spacing", spaced, DATASET | {"n_pairs": 12}),
    "spacing of one pair": ("spacing", lambda f: spaced(f, 1, 30), DATASET | {"n_pairs": 12}),
    "spacing of no pairs": ("spacing", lambda f: spaced(f, 0), DATASET | {"n_pairs": 12}),
}


def test_spacing_says_where_the_most_unlikely_pair_lies(tmp_path):
    figure = drawn("spacing", spaced(tmp_path, 5), DATASET | {"n_pairs": 3})
    text = svg_text(figure)
    assert "at 12 bp" in text and style.small(1e-9) in text and "M3 SMAD2::SMA\u2026, M7 SMAD" not in text
    assert "M4 " not in text and "A\u2192 \u2190B" in text
    boxes = [len(axes.patches) for axes in figure.axes[:4]]
    assert boxes == [1, 1, 1, 0]
