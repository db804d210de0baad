"""Sequence classes against sums worked out by hand and against plain loops."""

from pathlib import Path

import numpy as np
import pytest

from cisflow.errors import InputError
from cisflow.features import sequence_classes
from cisflow.io.arrays import read_array, write_array

NAMES = Path(__file__).parents[3] / "shared" / "data" / "sei" / "seqclass.names"


def unit(vectors):
    vectors = np.asarray(vectors, dtype=float)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_variant_scores_of_an_example_by_hand():
    # Targets 1 and 2 are histone marks. Their sums: ref 0.2 + 0.2 = 0.4, alt 0.6 + 0.2 = 0.8, mean 0.6.
    # ref is scaled by 0.6 / 0.4 = 1.5: 0.3, 0.3. alt by 0.6 / 0.8 = 0.75: 0.45, 0.15. Target 0 stays: 0.5 and 0.9.
    # alt - ref = (0.4, 0.15, -0.15).
    # Class (0, 3, 4), norm 5: (3 * 0.15 - 4 * 0.15) / 5 = -0.03. Class (2, 0, 0), norm 2: 2 * 0.4 / 2 = 0.4.
    ref, alt = [[0.5, 0.2, 0.2]], [[0.9, 0.6, 0.2]]
    scores = sequence_classes.variant_scores(ref, alt, unit([[0, 3, 4], [2, 0, 0]]), [1, 2])
    np.testing.assert_allclose(scores, [[-0.03, 0.4]], atol=1e-6)
    # Without histone targets the plain difference is (0.4, 0.4, 0): 3 * 0.4 / 5 = 0.24, and 0.4 again.
    scores = sequence_classes.variant_scores(ref, alt, unit([[0, 3, 4], [2, 0, 0]]), np.array([], dtype=int))
    np.testing.assert_allclose(scores, [[0.24, 0.4]], atol=1e-6)


@pytest.mark.parametrize(
    ("ref", "alt", "expected"),
    [
        # Both sums are zero: only target 0 differs.
        ([0.5, 0, 0], [0.25, 0, 0], [-0.25, 0, 0]),
        # One is zero, so that nothing can be scaled: the plain difference.
        ([0.5, 0, 0], [0.5, 0.2, 0.4], [0, 0.2, 0.4]),
        ([0.5, 0.2, 0.4], [0.5, 0, 0], [0, -0.2, -0.4]),
    ],
)
def test_sums_of_zero_give_the_plain_difference(ref, alt, expected):
    with np.errstate(all="raise"):
        scores = sequence_classes.variant_scores([ref], [alt], np.eye(3, dtype=np.float32), [1, 2])
    np.testing.assert_allclose(scores, [expected], atol=1e-7)


def test_scores_equal_those_of_plain_loops():
    rng = np.random.default_rng(0)
    ref, alt, vectors = rng.random((5, 30)), rng.random((5, 30)), rng.normal(size=(4, 30))
    histone = [2, 3, 11, 29]
    scores = sequence_classes.variant_scores(ref, alt, unit(vectors), histone)
    plain = sequence_classes.project(ref, unit(vectors))
    for row in range(5):
        sums = [sum(values[row][column] for column in histone) for values in (ref, alt)]
        for number, vector in enumerate(vectors):
            score = projection = 0.0
            for column, weight in enumerate(vector):
                scales = [sum(sums) / 2 / own if column in histone else 1.0 for own in sums]
                score += weight * (alt[row][column] * scales[1] - ref[row][column] * scales[0])
                projection += weight * ref[row][column]
            norm = sum(weight**2 for weight in vector) ** 0.5
            assert scores[row, number] == pytest.approx(score / norm, abs=1e-5)
            assert plain[row, number] == pytest.approx(projection / norm, abs=1e-5)


def test_a_common_change_of_all_histone_marks_does_not_count():
    rng = np.random.default_rng(1)
    ref = rng.random((3, 6)) / 2
    alt = ref.copy()
    alt[:, 1:4] *= 1.7
    scores = sequence_classes.variant_scores(ref, alt, unit(rng.normal(size=(2, 6))), [1, 2, 3])
    np.testing.assert_allclose(scores, 0, atol=1e-6)


def test_inputs_stay_as_they_are():
    ref, alt = np.full((1, 2), 0.5, np.float32), np.full((1, 2), 0.25, np.float32)
    sequence_classes.equalise_histones(ref, alt, [0])
    assert (ref == 0.5).all() and (alt == 0.25).all()


@pytest.mark.parametrize("rows", [1, 3, 100])
def test_a_file_is_projected_block_by_block(tmp_path, rows):
    values = np.random.default_rng(2).random((10, 8)).astype(np.float16)
    vectors = unit(np.random.default_rng(3).normal(size=(3, 8)))
    write_array(tmp_path / "features.npy", values)
    sequence_classes.project_file(tmp_path / "features.npy", 10, vectors, tmp_path / "scores.npy", rows)
    scores = read_array(tmp_path / "scores.npy", np.float32, (10, 3))
    np.testing.assert_allclose(scores, values.astype(float) @ vectors.T.astype(float), atol=1e-6)


def test_only_the_named_rows_are_read_and_scaled_to_norm_one(tmp_path):
    vectors = np.array([[3.0, 4.0], [0.0, 2.0], [0.0, 0.0]])
    np.save(tmp_path / "v.npy", vectors)
    read = sequence_classes.read_vectors(tmp_path / "v.npy", 2, 2)
    np.testing.assert_allclose(read, [[0.6, 0.8], [0, 1]], rtol=1e-6)


@pytest.mark.parametrize(
    ("array", "n_classes", "words"),
    [
        (np.ones((2, 5)), 3, "2 rows, expected at least 3"),
        (np.ones((3, 4)), 3, r"shape is \(3, 4\), expected \(any, 5\)"),
        (np.vstack([np.ones((1, 5)), np.zeros((1, 5))]), 2, "row 1 is zero"),
        (np.full((2, 5), np.nan), 2, "not finite"),
    ],
)
def test_bad_vectors_are_refused(tmp_path, array, n_classes, words):
    np.save(tmp_path / "v.npy", array)
    with pytest.raises(InputError, match=f"v.npy: .*{words}"):
        sequence_classes.read_vectors(tmp_path / "v.npy", n_classes, 5)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.array([0, 5]), "index 5, expected 0 to 4"),
        (np.array([-1]), "index -1"),
        (np.array([1, 1]), "more than once"),
        (np.array([0.5]), "expected whole numbers"),
        (np.zeros((2, 2), int), "shape is"),
    ],
)
def test_bad_histone_indices_are_refused(tmp_path, array, words):
    np.save(tmp_path / "h.npy", array)
    with pytest.raises(InputError, match=f"h.npy: .*{words}"):
        sequence_classes.read_histone_columns(tmp_path / "h.npy", 5)


def test_histone_indices_may_be_whole_numbers_of_any_kind(tmp_path):
    np.save(tmp_path / "h.npy", np.array([1.0, 4.0]))
    assert sequence_classes.read_histone_columns(tmp_path / "h.npy", 5).tolist() == [1, 4]


@pytest.mark.parametrize(("text", "words"), [("", "no class name"), ("a\nb\na\n", "class 'a' occurs more than once")])
def test_bad_class_names_are_refused(tmp_path, text, words):
    (tmp_path / "names").write_text(text)
    with pytest.raises(InputError, match=words):
        sequence_classes.read_names(tmp_path / "names")


@pytest.mark.skipif(not NAMES.exists(), reason=f"{NAMES} is not at hand")
def test_names_of_the_published_classes():
    names = sequence_classes.read_names(NAMES)
    groups = ["".join(filter(str.isalpha, name.split()[0])) for name in names]
    expected = {"PC": 4, "L": 7, "TN": 4, "E": 12, "TF": 5, "HET": 6, "P": 1, "CTCF": 1}
    assert {group: groups.count(group) for group in groups} == expected
    assert names[0] == "PC1 Polycomb / Heterochromatin"
