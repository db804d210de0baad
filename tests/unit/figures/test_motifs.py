"""Discovered motifs and top factors: logos, names, q-values and controls."""

from importlib import import_module

import h5py
import numpy as np
import pandas as pd
import pytest

from cisflow.errors import InputError
from cisflow.figures import logos, style
from cisflow.io import files
from cisflow.io.tables import read_table, write_table
from cisflow.sequence import dna
from drawing import (
    CTCF,
    FACTORS,
    METHODS,
    RUN,
    drawn,
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


def probabilities(consensus, strength=0.88):
    matrix = np.full((4, len(consensus)), (1 - strength) / 3)
    matrix[dna.encode(consensus), np.arange(len(consensus))] = strength
    return matrix


def database_file(path):
    lines = ["MEME version 4", "", "ALPHABET= ACGT", "", "strands: + -", ""]
    for motif, (name, consensus) in DATABASE.items():
        lines += [f"MOTIF {motif} {name}", f"letter-probability matrix: alength= 4 w= {len(consensus)} nsites= 20 E= 0"]
        lines += [" ".join(f"{value:.6f}" for value in column) for column in probabilities(consensus).T] + [""]
    path.write_text("\n".join(lines))
    return str(path)


def discovery(folder, methods, n_patterns=6, empty=(), recovery=False):
    """Inputs of discovered_motifs: patterns that carry the database's motifs, every second one reverse-complemented."""
    rng = np.random.default_rng(3)
    inputs = {"modisco": [], "summary": [], "patterns": [], "database": database_file(folder / "jaspar.meme")}
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
        write_table(paths["patterns"], pd.DataFrame(rows, columns=columns).assign(p_value=0.001))
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


def score_tables(folder, methods, empty=(), n_significant=(22, 22, 0, 5, 12)):
    """Paths of motif_scores.tsv, one a method."""
    rng = np.random.default_rng(4)
    sources = []
    for i, method in enumerate(methods):
        p = np.sort(10 ** -rng.uniform(2, 14, len(FACTORS)))
        q = np.where(np.arange(len(FACTORS)) < (0 if i in empty else n_significant[i]), 3 * p, 0.4)
        background = rng.integers(10, 60, len(FACTORS))
        hot = (background * rng.uniform(1.3, 5, len(FACTORS))).astype(int)
        frame = pd.DataFrame({"motif_id": [f"MA{k:04d}.1" for k in range(len(FACTORS))], "motif_name": FACTORS})
        frame = frame.assign(
            n_sequences=320, n_in_seqlets=hot, n_background=background, seqlets_only=hot, background_only=5
        )
        frame = frame.assign(log2_ratio=np.log2(hot / background), p_value=p, q_value=q)
        path = folder / f"{method}-scores.tsv"
        write_table(path, frame)
        sources.append(str(path))
    return sources


# Name of the case: (figure, function of a folder -> inputs, settings).
CASES = {
    "motifs of one method": ("discovered_motifs", lambda f: discovery(f, METHODS[:1]), of(1)),
    "motifs of five": ("discovered_motifs", lambda f: discovery(f, METHODS, empty=(2,), recovery=True), of(5)),
    "no motifs": ("discovered_motifs", lambda f: discovery(f, METHODS[:1], empty=(0,)), of(1)),
    "no discovery": ("discovered_motifs", lambda f: discovery(f, []), of(0)),
    "factors of one method": ("top_factors", lambda f: {"scores": score_tables(f, METHODS[:1])}, of(1)),
    "factors of five": ("top_factors", lambda f: {"scores": score_tables(f, METHODS)}, of(5)),
    "no factors": ("top_factors", lambda f: {"scores": score_tables(f, METHODS[:1], empty=(0,))}, of(1)),
    "no scores": ("top_factors", lambda f: {"scores": []}, of(0)),
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
    with pytest.raises(InputError, match=r"pattern 'pos_7' not found as pos_patterns/pattern_7"):
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


def test_factors_are_the_significant_ones_and_say_their_q_values(tmp_path):
    sources = score_tables(tmp_path, METHODS[:2], n_significant=(22, 5))
    figure = drawn("top_factors", {"scores": sources}, of(2) | {"n_factors": 8})
    text = svg_text(figure)
    for source, (ratio, count), n in zip(sources, (figure.axes[:2], figure.axes[2:]), (8, 5), strict=True):
        table = pd.read_csv(source, sep="\t").head(n)
        np.testing.assert_allclose(ratio.lines[0].get_xdata(), table["log2_ratio"])
        np.testing.assert_allclose(count.lines[0].get_xdata(), table["n_background"] / 320)
        np.testing.assert_allclose(count.lines[1].get_xdata(), table["n_in_seqlets"] / 320)
        assert [label.get_text()[:5] for label in ratio.get_yticklabels()] == [name[:5] for name in FACTORS[:n]]
        for q in table["q_value"]:
            assert style.small(q) in text
    assert "22 of 22 factors with q \u2264 0.05" in text and "5 of 22 factors" in text


def test_a_table_without_a_row_is_explained(tmp_path):
    sources = score_tables(tmp_path, METHODS[:1])
    write_table(sources[0], read_table(sources[0]).head(0))
    assert "nothing to test" in svg_text(drawn("top_factors", {"scores": sources}, of(1)))
