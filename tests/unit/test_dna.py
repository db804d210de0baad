"""Base codes against plain string handling."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cisflow.errors import InputError
from cisflow.sequence import dna

PLAIN = st.text(alphabet="ACGTN", max_size=60)
ANY_CASE = st.text(alphabet="ACGTUNRYSWKMBDHVacgtunryswkmbdhv", max_size=60)


@given(PLAIN)
def test_decode_reverses_encode(text):
    assert dna.decode(dna.encode(text)) == text


@given(ANY_CASE)
def test_case_u_and_ambiguity_codes(text):
    plain = text.upper().replace("U", "T")
    for base in dna.AMBIGUOUS:
        plain = plain.replace(base, "N")
    assert dna.decode(dna.encode(text)) == plain


def test_encode_gives_uint8_codes():
    codes = dna.encode("ACGTN")
    assert codes.dtype == np.uint8
    assert codes.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("text", "character", "position"), [("AC-T", "-", 3), ("J", "J", 1), ("ACGTé", "é", 5), ("A C", " ", 2)]
)
def test_a_character_that_is_no_base_is_named_with_its_position(text, character, position):
    with pytest.raises(InputError, match=rf"^peak 9: character '{character}' at position {position} is not a base"):
        dna.encode(text, "peak 9")


@given(PLAIN)
def test_reverse_complement_against_string_translation(text):
    expected = text.translate(str.maketrans("ACGT", "TGCA"))[::-1]
    codes = dna.encode(text)
    assert dna.decode(dna.reverse_complement(codes)) == expected
    assert np.array_equal(dna.reverse_complement(dna.reverse_complement(codes)), codes)


def test_reverse_complement_flips_both_axes_of_the_one_hot():
    codes = np.random.default_rng(0).integers(0, 5, (7, 11)).astype(np.uint8)
    assert np.array_equal(dna.one_hot(dna.reverse_complement(codes)), dna.one_hot(codes)[:, ::-1, ::-1])


def test_one_hot_shape_channels_and_unknown_base():
    one_hot = dna.one_hot(dna.encode("ACGTN"))
    assert one_hot.dtype == np.float32
    assert np.array_equal(one_hot, np.hstack([np.eye(4), np.full((4, 1), 0.25)]))
    assert dna.one_hot(np.zeros((2, 3, 5), dtype=np.uint8)).shape == (2, 3, 4, 5)


@given(PLAIN)
def test_gc_content_against_counting(text):
    known = text.replace("N", "")
    found = dna.gc_content(dna.encode(text))
    if known:
        assert found == pytest.approx((known.count("G") + known.count("C")) / len(known))
    else:
        assert np.isnan(found)


def test_gc_content_of_many_rows():
    codes = np.stack([dna.encode("GGCC"), dna.encode("ATNG"), dna.encode("NNNN")])
    assert np.array_equal(dna.gc_content(codes), [1, 1 / 3, np.nan], equal_nan=True)
