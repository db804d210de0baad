"""k-mer frequencies against counting words in strings, and the features that the command writes."""

import json
from collections import Counter

import numpy as np
import pytest

import planted
from cisflow.__main__ import main
from cisflow.errors import InputError
from cisflow.features import arrays as features
from cisflow.features.kinds import composition
from cisflow.sequence import dna

COMPLEMENT = str.maketrans("ACGT", "TGCA")


def counted(text, k):
    """Frequency of each canonical k-mer of a string."""
    words = [text[i : i + k] for i in range(len(text) - k + 1)]
    words = [min(word, word[::-1].translate(COMPLEMENT)) for word in words if "N" not in word]
    return {word: count / len(words) for word, count in Counter(words).items()}


@pytest.fixture(scope="module")
def codes():
    rng = np.random.default_rng(0)
    return rng.choice(5, (30, 80), p=[0.3, 0.2, 0.2, 0.25, 0.05]).astype(np.uint8)


@pytest.mark.parametrize("k", [2, 3, 4, 6])
def test_frequencies_are_those_of_counting_words(codes, k):
    names, values = composition.names(k), composition.frequencies(codes, k)
    # Half of all words, and half of those that are their own reverse complement.
    assert len(names) == (4**k + (4 ** (k // 2) if k % 2 == 0 else 0)) // 2 and names == sorted(names)
    for row, value in zip(codes, values, strict=True):
        expected = counted(dna.decode(row), k)
        np.testing.assert_allclose(value, [expected.get(name, 0) for name in names], rtol=1e-6)


def test_one_base_is_the_gc_content(codes):
    assert composition.names(1) == ["GC"]
    np.testing.assert_allclose(composition.frequencies(codes, 1)[:, 0], dna.gc_content(codes), rtol=1e-6)


@pytest.mark.parametrize("k", [1, 3, 4])
def test_both_strands_give_the_same(codes, k):
    reverse = composition.frequencies(dna.reverse_complement(codes), k)
    np.testing.assert_array_equal(composition.frequencies(codes, k), reverse)


def test_a_sequence_of_unknown_bases_is_zero():
    assert not composition.frequencies(np.full((2, 9), dna.UNKNOWN, np.uint8), 3).any()


def test_windows_shorter_than_k_are_refused():
    with pytest.raises(InputError, match="k is 4, expected at most the length of the windows, 3"):
        composition.frequencies(np.zeros((2, 3), np.uint8), 4)


def test_the_command_writes_features_that_a_classifier_reads(tmp_path):
    ids, codes, labels, folds = planted.write(tmp_path / "data")
    options = ["--windows", tmp_path / "data" / "windows.tsv", "--sequences", tmp_path / "data" / "sequences.npy"]
    options += ["--extractor", json.dumps({"kind": "composition", "k": 4}), "--output", tmp_path / "features"]
    assert main(["composition", *map(str, options)]) == 0
    names, values, columns, words = features.load_columns(tmp_path / "features")
    assert names.tolist() == list(ids) and words.tolist() == composition.names(4) and len(columns) == 136
    expected = composition.frequencies(codes, 4)
    np.testing.assert_allclose(values, expected, rtol=2.0**-11, atol=0)
    # Counts stay apart in float16: the frequencies can be turned back into them.
    np.testing.assert_array_equal(np.rint(values.astype(float) * 57), np.rint(expected * 57))


@pytest.mark.parametrize(("k", "words"), [(7, "k: 7 is greater than the maximum of 6"), (0, "k: 0 is less than the")])
def test_a_k_out_of_range_is_refused(tmp_path, capsys, k, words):
    options = ["--windows", "w", "--sequences", "s", "--extractor", json.dumps({"kind": "composition", "k": k})]
    assert main(["composition", *options, "--output", str(tmp_path)]) == 1
    assert f"cisflow composition: error: composition.{words}" in capsys.readouterr().err
