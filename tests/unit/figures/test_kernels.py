"""Kernels of the first layer: which are shown, for one output and for many."""

import json

import numpy as np
import pandas as pd

from cisflow.figures import kernels as drawing_of
from cisflow.io import meme
from cisflow.io.meme import Motif
from cisflow.io.tables import read_table, write_table
from cisflow.motifs import kernels
from cisflow.sequence import dna
from drawing import RUN, drawn, svg_text

SETTINGS = RUN | {"n_kernels": 16}


def results(folder, n=20, outputs=("ir",), metric="cross_entropy", explanation="", dead=3, labelled=True):
    """Inputs of n kernels, the first `dead` of which respond to all alike."""
    rng = np.random.default_rng(n)
    paths = {key: str(folder / name) for key, name in (("kernels", "k.tsv"), ("matrices", "k.meme"), ("summary", "k"))}
    rows, motifs = [], []
    for number in range(n):
        matrix = rng.dirichlet(np.full(4, 0.25), 13).T if number >= dead else np.full((4, 13), 0.25)
        consensus = dna.decode(matrix.argmax(axis=0).astype(np.uint8)) if number >= dead else "N" * 13
        motifs.append(Motif(f"k{number}", consensus, matrix))
        name = ["CTCF", "ZSCAN29", "SMAD2::SMAD3::SMAD4", ""][number % 4] if number >= dead else ""
        match = ("MA1.1", name, 1e-4, 10.0 ** -rng.uniform(0, 6)) if name else kernels.NO_MATCH
        known = (int(rng.integers(50, 5000)) * (number >= dead), 5.0, consensus, consensus, *match, 0.2)
        for output in outputs:
            effect = rng.normal() if number >= dead else 0.0
            change = rng.normal(0.01, 0.02) if labelled else None
            rows.append((f"k{number}", output, *known, effect, metric, change))
    write_table(paths["kernels"], pd.DataFrame(rows, columns=kernels.COLUMNS))
    meme.write_meme(paths["matrices"], motifs, [20] * n)
    (folder / "k").write_text(json.dumps({"explanation": explanation}))
    return paths


CASES = {
    "one output": ("kernels", results, SETTINGS),
    "four outputs": ("kernels", lambda f: results(f, 8, ("K562", "GM12878", "HepG2", "A549")), SETTINGS),
    "more outputs than columns": (
        "kernels",
        lambda f: results(f, 40, [f"cluster_{i}_of_a_long_name_that_goes_on" for i in range(40)], "1-pearson"),
        SETTINGS | {"n_kernels": 30},
    ),
    "one kernel without labels": ("kernels", lambda f: results(f, 1, dead=0, labelled=False), SETTINGS),
    "no kernels": ("kernels", lambda f: results(f, 0, explanation="Net has no convolution of bases."), SETTINGS),
    "no kernels that respond": ("kernels", lambda f: results(f, 3), SETTINGS),
}


def test_the_kernels_that_do_most_come_first(tmp_path):
    inputs = results(tmp_path)
    frame = read_table(inputs["kernels"])
    strongest = frame.loc[frame["effect"].abs().sort_values(ascending=False).index, "kernel"].tolist()
    text = svg_text(drawn("kernels", inputs, SETTINGS | {"n_kernels": 5}))
    shown = [word for word in text.split() if word in set(frame["kernel"])]
    assert shown == strongest[:5] and "5 of 20 kernels" in text


def test_columns_are_the_outputs_that_differ_most(tmp_path):
    inputs = results(tmp_path, 10, [f"o{i}" for i in range(60)])
    text = svg_text(drawn("kernels", inputs, SETTINGS))
    assert f"7 of 10 kernels, {drawing_of.COLUMNS} of 60 outputs" in text


def test_a_network_without_kernels_says_why(tmp_path):
    text = svg_text(drawn("kernels", results(tmp_path, 0, explanation="Net has no kernels at all."), SETTINGS))
    assert "Net has no kernels at all." in " ".join(text.split())
