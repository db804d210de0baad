"""Planted motif instances: their truth, their statistics and the sequence around them."""

import numpy as np
import pytest

from cisflow.data.sources import planted
from cisflow.data.targets import planted as numbers_planted
from cisflow.errors import InputError
from cisflow.io.genome import Genome
from cisflow.io.meme import column_information, read_meme
from cisflow.sequence import dna
from sources import collect, unpacked

MATRICES = ["MA0139.2", "MA0138.3", "MA0106.3"]
PLANTED = {"genome": "hg19", "motifs": "jaspar", "matrices": MATRICES, "n": 4000, "probability": 0.2}


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The shipped data, unpacked: resource name -> file."""
    return unpacked(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def genome(demo):
    return Genome(demo["hg19"])


@pytest.fixture(scope="module")
def grammar(demo):
    return collect("planted", PLANTED, 300, demo, 1)


def test_labels_and_truth_tell_the_same(grammar):
    assert grammar.targets == ["CTCF", "REST", "TP53"]
    assert dict(zip(grammar.truth["matrix_id"], grammar.truth["target"], strict=True)) == dict(
        zip(MATRICES, grammar.targets, strict=True)
    )
    for column, target in enumerate(grammar.targets):
        rows = grammar.truth[grammar.truth["target"] == target]
        assert rows["id"].is_unique
        assert set(rows["id"]) == set(grammar.frame["id"][grammar.labels[:, column] == 1])


def test_motifs_are_planted_with_the_probability_given_and_independently(grammar):
    labels = grammar.labels
    # Binomial(4000, 0.2): standard deviation 25; (4000, 0.04): 12.
    assert np.abs(labels.sum(axis=0) - 800).max() < 100
    assert np.abs(np.triu(labels.T @ labels, 1)[np.triu_indices(3, 1)] - 160).max() < 50


def best_place(matrix, codes):
    """Start and strand of the highest log-odds score of a motif in one window, and the scores there are."""
    width = matrix.shape[1]
    weights = np.log2(np.maximum(matrix, 1e-3) / 0.25)
    words = np.lib.stride_tricks.sliding_window_view(codes, width)
    scores = np.stack([weights[words, range(width)].sum(axis=1), weights[::-1, ::-1][words, range(width)].sum(axis=1)])
    strand, start = np.unravel_index(scores.argmax(), scores.shape)
    return start, "+-"[strand], scores


def test_instances_score_high_and_are_found_at_their_place_and_strand(grammar, demo):
    motifs = {motif.id: motif.matrix for motif in read_meme(demo["jaspar"])}
    rows = dict(zip(grammar.frame["id"], range(4000), strict=True))
    for identifier, truth in grammar.truth.groupby("matrix_id"):
        matrix, own, found = motifs[identifier], [], []
        for item in truth.itertuples():
            codes = grammar.codes[rows[item.id]]
            assert item.end - item.start == matrix.shape[1]
            start, strand, scores = best_place(matrix, codes)
            own.append(scores["+-".index(item.strand), item.start])
            # TP53 binds as a palindrome, so that its strand cannot be told.
            found.append(start == item.start and (strand == item.strand or item.target == "TP53"))
            instance = codes[item.start : item.end]
            if item.strand == "-":
                instance = dna.reverse_complement(instance)
            # No instance holds a base that its matrix excludes.
            assert (matrix[instance, range(len(instance))] > 0).all()
        # The expected log-odds of an instance drawn from a matrix is the matrix's information.
        assert np.mean(own) == pytest.approx(column_information(matrix).sum(), abs=0.5)
        assert np.mean(found) > 0.9
    assert abs((grammar.truth["strand"] == "+").mean() - 0.5) < 0.05


def test_nothing_changes_outside_the_instances(grammar, genome):
    inside = np.zeros(grammar.codes.shape, dtype=bool)
    rows = dict(zip(grammar.frame["id"], range(4000), strict=True))
    for item in grammar.truth.itertuples():
        # Instances do not overlap.
        assert not inside[rows[item.id], item.start : item.end].any()
        inside[rows[item.id], item.start : item.end] = True
    native = np.stack([genome.fetch(*row) for row in grammar.frame[["chrom", "start", "end"]].itertuples(index=False)])
    assert np.array_equal(grammar.codes[~inside], native[~inside])
    assert (grammar.codes[inside] != native[inside]).mean() > 0.5
    assert (native < dna.UNKNOWN).all()


def test_planted_windows_do_not_overlap_and_come_back_from_their_seed(grammar, demo):
    frame = grammar.frame
    assert frame["id"].is_unique and len(frame) == 4000
    for _, group in frame.groupby("chrom"):
        starts = group["start"].to_numpy(dtype=int)
        assert (np.diff(starts) >= 300).all()
    again = collect("planted", PLANTED, 300, demo, 1)
    assert np.array_equal(again.codes, grammar.codes) and again.truth.equals(grammar.truth)
    assert not collect("planted", PLANTED, 300, demo, 2).frame["id"].equals(frame["id"])


def test_places_are_even_where_one_instance_is_planted():
    rng = np.random.default_rng(0)
    starts = [planted.place([5], 14, rng)[0] for _ in range(5000)]
    counts = np.bincount(starts, minlength=10)
    # Ten places, 500 each, standard deviation 21.
    assert len(counts) == 10 and np.abs(counts - 500).max() < 100


def test_instances_fill_a_window_to_the_brim_and_no_further():
    rng = np.random.default_rng(0)
    assert sorted(planted.place([4, 4], 8, rng)) == [0, 4]
    with pytest.raises(InputError, match="3 instances of 12 bp together found no room in a window of 11 bp"):
        planted.place([4, 4, 4], 11, rng)


def test_instances_are_drawn_column_by_column():
    rng = np.random.default_rng(0)
    matrix = np.array([[0.7, 0], [0.1, 0], [0.2, 0], [0, 1.0]])
    drawn = [planted.draw_instance(matrix, rng) for _ in range(4000)]
    forward = np.array([dna.reverse_complement(codes) if strand == "-" else codes for codes, strand in drawn])
    frequencies = np.stack([np.bincount(column, minlength=4) / 4000 for column in forward.T], axis=1)
    assert np.abs(frequencies - matrix).max() < 0.03


def test_motifs_that_share_a_name_are_told_apart_by_their_id(demo):
    motifs = planted.choose_motifs("x", read_meme(demo["jaspar"]), ["MA0139.2", "MA1930.2", "MA0106.3"], 0, 300)
    assert planted.target_names(motifs) == ["CTCF_MA0139.2", "CTCF_MA1930.2", "TP53"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"matrices": ["MA0139.2", "MA9999.1"]}, "no motif 'MA9999.1'; expected an id such as MA0002.3"),
        ({"matrices": ["MA0002.3"]}, r"motif 'MA0002.3' \(Runx1\) holds 10.2 bits, expected 14 or more"),
        ({"matrices": ["MA0139.2"], "min_information": 19}, "holds 1[0-9.]* bits, expected 19 or more"),
        ({"matrices": ["MA0139.2", "MA0139.2"]}, r"source.matrices: \[.*\] has non-unique elements"),
        ({"matrices": []}, r"source.matrices: \[\] is too short"),
        ({"probability": 1.2}, "source.probability: 1.2 is greater than or equal to the maximum of 1"),
        ({"n": 10**6}, "offers 2[0-9]* windows of 300 bp without unknown bases, expected at least 1000000"),
    ],
)
def test_settings_that_cannot_be_planted_are_refused(demo, changes, words):
    with pytest.raises(InputError, match=words):
        collect("planted", {**PLANTED, **changes}, 300, demo, 1)


def test_a_motif_wider_than_the_window_is_refused(demo):
    with pytest.raises(InputError, match=r"motif 'MA0139.2' \(CTCF\) is 15 bp wide, windows are 12 bp"):
        collect("planted", PLANTED, 12, demo, 1)


def test_numbers_are_the_regulators_of_the_planted_motifs_and_noise(demo, tmp_path):
    """Labelled by `targets`, the same windows have the sum over their instances of each track's regulator."""
    bare = collect("planted", PLANTED | {"labels": "none", "n": 400}, 300, demo, 1)
    assert bare.targets == [] and bare.labels.shape == (400, 0)
    table = tmp_path / "tracks.tsv"
    table.write_text("track\tdecoy\tctcf\trest\na\t9\t1\t0.5\nb\t9\t2\t-1\n")
    given = {"features": table, "regulators": {"MA0139.2": "ctcf", "MA0138.3": "rest"}}
    settings = numbers_planted.Settings(**given | {"noise": 0})
    found = numbers_planted.collect(settings, bare)
    planted_in = bare.truth.groupby(["id", "matrix_id"]).size().unstack(fill_value=0)
    counts = planted_in.reindex(index=bare.frame["id"], columns=MATRICES, fill_value=0).to_numpy()
    np.testing.assert_allclose(found.values, counts[:, :2] @ np.array([[1, 2], [0.5, -1]]), atol=1e-6)
    assert found.tracks["target"].tolist() == ["a", "b"]
    noisy = numbers_planted.collect(numbers_planted.Settings(**given | {"noise": 2.0}), bare)
    assert abs((noisy.values - found.values).std() - 2) < 0.2
    for regulators, line in (({"MA0001.1": "ctcf"}, "no matrix 'MA0001.1'"), ({"MA0139.2": "x"}, "no feature 'x'")):
        with pytest.raises(InputError, match=line):
            numbers_planted.collect(numbers_planted.Settings(features=table, regulators=regulators), bare)
    with pytest.raises(InputError, match="windows have no planted motifs"):
        numbers_planted.collect(settings, bare._replace(truth=None))
