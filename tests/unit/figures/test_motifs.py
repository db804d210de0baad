"""Discovered motifs: logos, names, q-values and controls."""

from importlib import import_module

import h5py
import numpy as np
import pandas as pd
import pytest

from cisflow.errors import InputError
from cisflow.figures import logos
from cisflow.io import files
from cisflow.io.tables import read_table, write_table
from cisflow.sequence import dna
from drawing import (
    CTCF,
    METHODS,
    RUN,
    database_file,
    drawn,
    probabilities,
    svg_text,
)

DATABASE = {
    "MA0139.2": ("CTCF", CTCF),
    "MA0466.4": ("CEBPB", "ATTGCGCAAT"),
    "MA1130.2": ("FOSL2::JUN", "GATGACTCATCA"),
    "MA0512.2": ("Rxra", "CAAAGGTCAGAG"),
    "MA0830.3": ("TCF4", "AGCACCTGCC"),
    "MA1990.1": ("SMAD2::SMAD3::SMAD4", "CTGTCTGTC"),
}


def of(n):
    """Settings of a figure of the first n methods."""
    return RUN | {"methods": METHODS[:n]}


def discovery(folder, methods, n_patterns=6, empty=(), recovery=False):
    """Inputs of discovered_motifs: patterns that carry the database's motifs, every second one reverse-complemented."""
    rng = np.random.default_rng(3)
    inputs = {"modisco": [], "summary": [], "patterns": [], "database": database_file(folder / "jaspar.meme", DATABASE)}
    for i, method in enumerate(methods):
        paths = {key: str(folder / f"{method}.{key}") for key in ("modisco", "patterns", "summary", "recovery")}
        n = 0 if i in empty else n_patterns
        rows = []
        with h5py.File(paths["modisco"], "w") as store:
            for k, (motif, (name, consensus)) in enumerate(list(DATABASE.items())[:n]):
                codes = rng.integers(0, 4, 30).astype(np.uint8)
                site = dna.encode(consensus)
                codes[6 : 6 + len(site)] = dna.reverse_complement(site) if k % 2 else site
                sign = "neg" if k == n - 1 else "pos"
                weights = dna.one_hot(codes) * 0.02
                weights[:, 6 : 6 + len(site)] *= 10 * rng.uniform(0.5, 1, len(site))
                pattern = f"{sign}_{k if sign == 'pos' else 0}"
                group = store.create_group(f"{sign}_patterns/pattern_{pattern[4:]}")
                group["contrib_scores"] = (-weights if sign == "neg" else weights).T
                group["sequence"], group["hypothetical_contribs"] = dna.one_hot(codes).T, weights.T
                missing = k == 3
                q = np.nan if missing else 10.0 ** -(9 - 2 * k)
                rows.append(
                    ("attributions", pattern, 1400 // (k + 1), 30, consensus, "" if missing else motif, name, q)
                )
        rows.append(("control", "pos_0", 9999, 30, "A" * 30, "MA0139.2", "CTCF", 0.5))
        columns = ["run", "pattern", "n_seqlets", "width", "consensus", "match_id", "match_name", "q_value"]
        write_table(paths["patterns"], pd.DataFrame(rows, columns=columns).assign(p_value=0.001, target="", note=""))
        explanation = "" if n else "Only 12 seqlets were above the threshold; TF-MoDISco needs 20 to form a pattern."
        files.write_json(
            paths["summary"],
            {"n_rows": 40, "n_patterns": n, "n_seqlets": 812, "control_n_patterns": 1, "explanation": explanation},
        )
        for key in ("modisco", "patterns", "summary"):
            inputs[key].append(paths[key])
        if recovery:
            found = [
                ("ir", motif, name, int(k < 4 - i), f"pos_{k}", motif, name, 1e-5, "name" if k else "family")
                for k, (motif, (name, _)) in enumerate(DATABASE.items())
            ]
            columns = [
                "target",
                "matrix_id",
                "matrix_name",
                "found",
                "pattern",
                "match_id",
                "match_name",
                "q_value",
                "how",
            ]
            write_table(paths["recovery"], pd.DataFrame(found, columns=columns))
            inputs.setdefault("recovery", []).append(paths["recovery"])
    return inputs


# Name of the case: (figure, function of a folder -> inputs, settings).
CASES = {
    "motifs of one method": ("discovered_motifs", lambda f: discovery(f, METHODS[:1]), of(1)),
    "motifs of five": ("discovered_motifs", lambda f: discovery(f, METHODS, empty=(2,), recovery=True), of(5)),
    "no motifs": ("discovered_motifs", lambda f: discovery(f, METHODS[:1], empty=(0,)), of(1)),
    "no discovery": ("discovered_motifs", lambda f: discovery(f, []), of(0)),
}


def test_motifs_say_names_q_values_and_the_control(tmp_path):
    inputs = discovery(tmp_path, METHODS[:1], recovery=True)
    text = svg_text(drawn("discovered_motifs", inputs, of(1) | {"n_patterns": 3}))
    for expected in (
        "6 patterns; in shuffled attributions: 1",
        "n = 1,400",
        "CTCF",
        "1.0\u00d710\u207b\u2079",
        "FOSL2::JUN",
    ):
        assert expected in text
    assert "pos_2\n" in text and "n = 350" not in text and "9,999" not in text
    assert "Planted motifs found again by any method: 4 of 6" in text
    assert "pos_0 (family)" in text and text.count("not found") == 2


def test_contributions_are_trimmed_and_missing_patterns_named(tmp_path):
    inputs = discovery(tmp_path, METHODS[:1])
    module = import_module("cisflow.figures.discovered_motifs")
    path = inputs["modisco"][0]
    weights = module.contributions(path, "pos_0")
    assert weights.shape == (4, len(CTCF) + 2)
    assert dna.decode(weights.argmax(axis=0).astype(np.uint8))[1:-1] == CTCF
    with pytest.raises(InputError, match="pattern 'pos_7' not found among pos_0"):
        module.contributions(path, "pos_7")


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("offset", [-3, 0, 4])
def test_align_finds_where_a_motif_was_put(offset, reverse):
    heights = logos.information_heights(probabilities(CTCF))
    placed = heights[::-1, ::-1] if reverse else heights
    pattern = np.zeros((4, 24))
    left, right = max(0, offset), min(24, offset + len(CTCF))
    pattern[:, left:right] = placed[:, left - offset : right - offset]
    oriented, found, flipped = logos.align(pattern, heights)
    assert (found, flipped) == (offset, reverse)
    np.testing.assert_array_equal(oriented, placed)


def test_information_heights_sum_to_the_information():
    matrix = np.array([[1, 0.25, 0.5], [0, 0.25, 0.5], [0, 0.25, 0], [0, 0.25, 0]])
    np.testing.assert_allclose(logos.information_heights(matrix).sum(axis=0), [2, 0, 1])


def test_a_match_outside_the_database_is_refused(tmp_path):
    inputs = discovery(tmp_path, METHODS[:1])
    table = read_table(inputs["patterns"][0])
    write_table(inputs["patterns"][0], table.assign(match_id="MA9999.1"))
    with pytest.raises(InputError, match="match 'MA9999.1' is not in the motif database"):
        drawn("discovered_motifs", inputs, of(1))
