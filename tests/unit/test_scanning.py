"""Scanning for motifs: against memelite's FIMO, against every word of a width, and against sums at every place."""

import gzip
import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from memelite import fimo

from cisflow.errors import InputError
from cisflow.io.meme import read_meme
from cisflow.motifs.scanning import Scanner
from cisflow.sequence import dna

DATABASE = Path(__file__).parents[2] / "resources" / "demo" / "JASPAR2024_CORE_vertebrates_non-redundant.meme.gz"
PLACE = ["row", "motif", "start", "end", "strand"]
SKEWED = (0.35, 0.12, 0.23, 0.30)


@pytest.fixture(scope="module")
def matrices(tmp_path_factory):
    """Every eighth motif of the database, its narrowest and its widest among them."""
    path = tmp_path_factory.mktemp("database") / "jaspar.meme"
    path.write_bytes(gzip.decompress(DATABASE.read_bytes()))
    by_width = sorted((motif.matrix for motif in read_meme(path)), key=lambda matrix: matrix.shape[1])
    return [*by_width[::8], by_width[-1]]


@pytest.fixture(scope="module")
def codes():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, (2500, 60)).astype(np.uint8)
    codes[rng.random(codes.shape) < 0.005] = dna.UNKNOWN
    return codes


@pytest.fixture(scope="module")
def scanner(matrices):
    return Scanner(matrices)


@pytest.fixture(scope="module")
def hits(scanner, codes):
    return scanner.hits(codes)


def random_matrices(rng, widths):
    return [rng.dirichlet(np.full(4, 0.4), width).T for width in widths]


def scores_at_places(matrix, codes, background=(0.25, 0.25, 0.25, 0.25), strands=2):
    """(n, strands, places) float64, each place summed in a loop over columns; -inf where a base is absent."""
    ways = []
    for matrix_of_strand in (matrix, matrix[::-1, ::-1])[:strands]:
        log_ratios = np.zeros((matrix.shape[1], 6))
        log_ratios[:, :4] = (np.log2(matrix_of_strand + 1e-4) - np.log2(np.array(background))[:, None]).T
        log_ratios[:, dna.ABSENT] = -np.inf
        places = codes.shape[1] - matrix.shape[1] + 1
        ways.append(sum(column[codes[:, i : i + places]] for i, column in enumerate(log_ratios)))
    return np.stack(ways, axis=1)


def test_every_hit_of_memelite_is_found_with_its_score_and_p_value(matrices, codes, scanner, hits):
    one_hot = np.ascontiguousarray(np.moveaxis(np.eye(5, 4, dtype=np.int8)[codes], 1, 2))
    theirs = pd.concat(fimo({str(i): matrix for i, matrix in enumerate(matrices)}, one_hot))
    theirs = theirs.rename(columns={"sequence_name": "row", "motif_idx": "motif"}).drop(columns="motif_name")
    theirs[["row", "motif", "start", "end"]] = theirs[["row", "motif", "start", "end"]].astype(np.int64)
    theirs[["score", "p-value"]] = theirs[["score", "p-value"]].astype(np.float64)
    both = theirs.merge(hits, how="outer", on=PLACE, suffixes=("_theirs", ""), indicator=True)
    assert len(hits) > 2000
    assert not (both["_merge"] == "right_only").any()
    # Motifs so short that no word has a p-value below the threshold: scores that rounding puts above the best sum of
    # rounded columns have p = 0 there, and are hits.
    missed = both[both["_merge"] == "left_only"]
    assert (missed["p-value"] == 0).all()
    assert np.isinf(scanner.thresholds[0][missed["motif"]]).all()
    assert max(matrices[motif].shape[1] for motif in missed["motif"]) < 8
    both = both[both["_merge"] == "both"]
    assert np.array_equal(both["score"], both["score_theirs"].astype(np.float32))
    positive = both["p-value"] > 0
    assert positive.mean() > 0.98
    np.testing.assert_allclose(both["p_value"][positive], both["p-value"][positive], rtol=1e-10)


def test_hits_are_the_places_above_the_threshold_in_order(matrices, codes, scanner, hits):
    assert hits.equals(hits.sort_values(["row", "motif", "start", "strand"], ignore_index=True))
    assert list(hits.columns) == ["row", "motif", "start", "end", "strand", "score", "p_value"]
    assert (hits["p_value"] < 1e-4).all() and (hits["p_value"] > 0).all()
    assert hits["score"].dtype == np.float32
    for motif in (0, 40, len(matrices) - 1):
        scores = scores_at_places(matrices[motif], codes)
        expected = np.argwhere(scores > scanner.thresholds[:, motif, None])
        found = hits[hits["motif"] == motif]
        assert len(found) == len(expected)
        strands = found["strand"].map({"+": 0, "-": 1})
        assert set(zip(found["row"], strands, found["start"], strict=True)) == set(map(tuple, expected.tolist()))


def test_occurs_and_best_agree_with_hits(scanner, codes, hits):
    occurs, best = scanner.occurs(codes), scanner.best(codes)
    expected = np.zeros_like(occurs)
    expected[hits["row"], hits["motif"]] = True
    assert np.array_equal(occurs, expected)
    top = hits.groupby(["row", "motif"], as_index=False)["score"].max()
    np.testing.assert_allclose(best[top["row"], top["motif"]], top["score"], atol=1e-5)


def test_best_is_the_largest_sum_over_places_and_strands():
    rng = np.random.default_rng(1)
    matrices = random_matrices(rng, [1, 3, 5, 7, 16, 31])
    codes = rng.integers(0, 6, (40, 30)).astype(np.uint8)
    codes[:20] %= 4
    for strands in (1, 2):
        best = Scanner(matrices, background=SKEWED, strands=strands).best(codes)
        for motif, matrix in enumerate(matrices[:-1]):
            expected = scores_at_places(matrix, codes, SKEWED, strands).max(axis=(1, 2))
            np.testing.assert_allclose(best[:, motif], expected, atol=1e-4)
        # Wider than the sequences.
        assert np.isneginf(best[:, -1]).all()


def test_p_values_are_those_of_all_words_under_the_background():
    rng = np.random.default_rng(2)
    words = np.array(list(itertools.product(range(4), repeat=6)), dtype=np.uint8)
    chances = np.array(SKEWED)[words].prod(axis=1)
    for matrix in random_matrices(rng, [6] * 5):
        scanner = Scanner([matrix], p_value=0.01, background=SKEWED)
        for strand, number in (("+", 0), ("-", 1)):
            scores = scores_at_places(matrix, words, SKEWED)[:, number, 0]
            found = scanner.p_values(0, scores, strand)
            # Rounded by up to half a bin a column, and down to a whole bin.
            slack = 6 * 0.05 + 0.1
            at_least = np.array([chances[scores >= score + slack].sum() for score in scores])
            at_most = np.array([chances[scores >= score - slack].sum() for score in scores])
            assert (found >= at_least - 1e-12).all() and (found <= at_most + 1e-12).all()
            hits = scanner.hits(words)
            is_hit = np.isin(np.arange(len(words)), hits["row"][hits["strand"] == strand])
            # A hit is rare, and what is no hit is not, but for rounding.
            assert (found[is_hit] < 0.01).all() and (at_most[~is_hit] >= 0.01).all()
            assert chances[is_hit].sum() < 0.011


@pytest.mark.parametrize("background", [None, SKEWED])
@pytest.mark.parametrize("strands", [1, 2])
def test_convolution_equals_the_kernel(background, strands):
    rng = np.random.default_rng(3)
    scanner = Scanner(
        random_matrices(rng, [2, 7, 8, 9, 9, 20, 41]), p_value=1e-3, background=background, strands=strands
    )
    codes = rng.integers(0, 4, (500, 40)).astype(np.uint8)
    codes[:, 35:][:100] = dna.ABSENT
    codes[:, 10][:50] = dna.UNKNOWN
    assert scanner.occurs(codes).any()
    assert np.array_equal(scanner.occurs(codes, device="cpu:0"), scanner.occurs(codes))
    np.testing.assert_allclose(scanner.best(codes, device="cpu:0"), scanner.best(codes), atol=1e-4)


def test_a_place_with_an_absent_base_is_none_and_padding_changes_nothing():
    rng = np.random.default_rng(4)
    matrices = random_matrices(rng, [6, 8, 12, 20])
    scanner = Scanner(matrices, p_value=1e-3)
    codes = rng.integers(0, 4, (600, 25)).astype(np.uint8)
    padded = np.full((600, 40), dna.ABSENT, dtype=np.uint8)
    padded[:, 9:34] = codes
    found, expected = scanner.hits(padded), scanner.hits(codes)
    assert len(expected) > 50
    pd.testing.assert_frame_equal(found.assign(start=found["start"] - 9, end=found["end"] - 9), expected)
    np.testing.assert_allclose(scanner.best(padded), scanner.best(codes), atol=1e-5)
    # A gap parts a sequence in two.
    codes[:, 12] = dna.ABSENT
    halves = [scanner.occurs(codes[:, :12]), scanner.occurs(codes[:, 13:])]
    assert np.array_equal(scanner.occurs(codes), halves[0] | halves[1])


def test_unknown_bases_score_nothing():
    matrix = np.full((4, 12), 0.001)
    matrix[[0, 1, 2, 3] * 3, range(12)] = 0.997
    codes = np.tile(np.arange(4, dtype=np.uint8), 3)[None]
    whole = Scanner([matrix]).hits(codes)
    codes[0, [0, 5]] = dna.UNKNOWN
    found = Scanner([matrix]).hits(codes)
    assert list(whole["score"] > found["score"]) == [True] * len(found) and len(found)
    assert found["score"][0] == pytest.approx(10 * np.log2(0.9971 / 0.25), abs=1e-4)


def test_more_hits_than_foreseen_are_all_given():
    matrix = np.full((4, 10), 0.001)
    matrix[0] = 0.997
    found = Scanner([matrix]).hits(np.zeros((50, 100), dtype=np.uint8))
    assert len(found) == 50 * 91
    assert (found["strand"] == "+").all()


@pytest.mark.parametrize("n, length, widths", [(0, 30, [8]), (5, 30, []), (5, 6, [8, 12]), (5, 0, [8])])
def test_nothing_to_find(n, length, widths):
    scanner = Scanner(random_matrices(np.random.default_rng(5), widths))
    codes = np.zeros((n, length), dtype=np.uint8)
    assert list(scanner.hits(codes).columns) == ["row", "motif", "start", "end", "strand", "score", "p_value"]
    assert scanner.hits(codes).empty
    for device in ("cpu", "cpu:0"):
        assert scanner.occurs(codes, device).shape == scanner.best(codes, device).shape == (n, len(widths))
        assert not scanner.occurs(codes, device).any()
    assert n == 0 or length > 6 or np.isneginf(scanner.best(codes)).all()


@pytest.mark.parametrize(
    "matrices, settings, complaint",
    [
        ([np.ones((3, 5))], {}, r"matrix 0 has shape \(3, 5\), expected \(4, w\)"),
        ([np.ones((4, 0))], {}, r"matrix 0 has shape \(4, 0\)"),
        ([np.full((4, 5), np.nan)], {}, "matrix 0 holds values that are no probabilities"),
        ([], {"background": (0.5, 0.5, 0, 0)}, "expected four probabilities above 0"),
        ([], {"p_value": 0}, "p_value is 0, expected"),
        ([], {"strands": 3}, "strands is 3, expected 1 or 2"),
    ],
)
def test_what_cannot_be_scanned_is_refused(matrices, settings, complaint):
    with pytest.raises(InputError, match=complaint):
        Scanner(matrices, **settings)
