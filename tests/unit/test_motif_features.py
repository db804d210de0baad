"""Scores of motifs against a scan base by base, and the features that the command writes."""

import json

import numpy as np
import pytest

import planted
from cisflow.__main__ import main
from cisflow.errors import InputError
from cisflow.features import arrays as features
from cisflow.features.kinds import motifs
from cisflow.io.meme import Motif
from cisflow.sequence import dna

MEME = """MEME version 4

ALPHABET= ACGT

MOTIF M1 AP1
letter-probability matrix: alength= 4 w= 3
0.9 0.1 0 0
0 0 0.5 0.5
0.25 0.25 0.25 0.25

MOTIF M2
letter-probability matrix: alength= 4 w= 2
0 1 0 0
0.1 0.2 0.3 0.4
"""


@pytest.fixture(scope="module")
def known():
    rng = np.random.default_rng(0)
    return [Motif(f"M{w}", f"M{w}", rng.dirichlet(np.full(4, 0.4), w).T) for w in (5, 8, 5, 1)]


@pytest.fixture(scope="module")
def codes():
    rng = np.random.default_rng(1)
    return rng.choice(5, (23, 40), p=[0.3, 0.2, 0.2, 0.25, 0.05]).astype(np.uint8)


def scanned(row, matrix, pseudocount):
    """Scores of one motif at every place of one sequence and of its reverse complement."""
    odds = np.log2(((1 - pseudocount) * matrix + pseudocount / 4) * 4)
    width = matrix.shape[1]
    found = []
    for strand in (row, dna.reverse_complement(row)):
        for start in range(len(row) - width + 1):
            bases = strand[start : start + width]
            columns = [odds[base, place] if base < 4 else odds[:, place].mean() for place, base in enumerate(bases)]
            found.append(sum(columns))
    return np.array(found)


@pytest.mark.parametrize("block", [motifs.BLOCK, 3000, 1])
def test_scores_are_those_of_a_scan(monkeypatch, known, codes, block):
    monkeypatch.setattr(motifs, "BLOCK", block)
    values = motifs.scores(codes, known, ("max", "mean"), 0.05).reshape(len(codes), 2, len(known))
    for row, found in zip(codes, values, strict=True):
        places = [scanned(row, motif.matrix, 0.05) for motif in known]
        np.testing.assert_allclose(found[0], [each.max() for each in places], rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(found[1], [np.log2(np.mean(2**each)) for each in places], rtol=1e-4, atol=1e-4)


def test_both_strands_give_the_same(known, codes):
    both = [motifs.scores(each, known, ("max", "mean")) for each in (codes, dna.reverse_complement(codes))]
    np.testing.assert_allclose(*both, rtol=1e-5, atol=1e-5)


def test_the_best_sequence_has_the_highest_score(known):
    best = known[1].matrix.argmax(axis=0).astype(np.uint8)
    expected = motifs.log_odds(known[1].matrix, 0.01).max(axis=0).sum()
    assert motifs.scores(best[None], known[1:2])[0, 0] == pytest.approx(expected, rel=1e-5)


def test_motifs_wider_than_windows_are_refused(known):
    with pytest.raises(InputError, match="motif 'M8' has 8 columns, expected at most the length of the windows, 6"):
        motifs.scores(np.zeros((2, 6), np.uint8), known)


def write(folder, extractor, meme=MEME):
    (folder / "known.meme").write_text(meme)
    options = ["--windows", folder / "data" / "windows.tsv", "--sequences", folder / "data" / "sequences.npy"]
    options += ["--database", folder / "known.meme", "--extractor", json.dumps(extractor), "--output", folder / "out"]
    return main(["motif-features", *map(str, options)])


def test_the_command_writes_features_that_a_classifier_reads(tmp_path):
    ids, codes, *_ = planted.write(tmp_path / "data")
    assert write(tmp_path, {"kind": "motifs", "database": "known.meme", "statistics": ["max", "mean"]}) == 0
    names, values, columns, called = features.load_columns(tmp_path / "out")
    assert names.tolist() == list(ids)
    assert called.tolist() == ["M1 AP1 (max)", "M2 (max)", "M1 AP1 (mean)", "M2 (mean)"]
    first = scanned(codes[0], np.array([[0, 0.1], [1, 0.2], [0, 0.3], [0, 0.4]]), 0.01)
    assert values[0, 1] == pytest.approx(first.max(), rel=1e-3)


@pytest.mark.parametrize(
    ("extractor", "words"),
    [
        ({"kind": "motifs"}, "motifs: no key 'database'"),
        ({"kind": "motifs", "database": "a", "statistics": ["sum"]}, "motifs.statistics[0]: 'sum' is not one of"),
        ({"kind": "motifs", "database": "a", "pseudocount": 0}, "motifs.pseudocount: 0 is less than or equal to"),
    ],
)
def test_bad_settings_are_refused(tmp_path, capsys, extractor, words):
    assert write(tmp_path, extractor) == 1
    assert f"cisflow motif-features: error: {words}" in capsys.readouterr().err
