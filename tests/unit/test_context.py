"""Windows in context against slices of the very string that the genome was written from."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cisflow.errors import InputError
from cisflow.io.genome import Genome, Records
from cisflow.sequence import dna
from cisflow.sequence.context import Sequences

CHROM = "".join(np.random.default_rng(5).choice(list("ACGTN"), 300, p=[0.24, 0.24, 0.24, 0.24, 0.04]))
FAR = 1000
LONG = "N" * FAR + CHROM + "N" * FAR


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    path = tmp_path_factory.mktemp("genome") / "genome.fa"
    path.write_text(f">chr1\n{CHROM}\n")
    return Genome(path)


def reverse(text):
    return text.translate(str.maketrans("ACGT", "TGCA"))[::-1]


def frame(loci):
    rows = [(f"w{number}", *locus) for number, locus in enumerate(loci)]
    return pd.DataFrame(rows, columns=["id", "chrom", "start", "end", "strand"])


def texts(sequences):
    return [dna.decode(codes) for codes in sequences[:]]


def expected(start, end, strand, length):
    """The stretch in which the window begins at base (length - window) // 2, in the direction of reading."""
    text = LONG if strand != "-" else reverse(LONG)
    first = FAR + start if strand != "-" else len(LONG) - (FAR + end)
    first -= (length - (end - start)) // 2
    return text[first : first + length]


@given(st.integers(0, 299), st.integers(1, 60), st.integers(1, 400), st.sampled_from("+-."))
def test_genome_around_an_interval_is_the_slice(genome, start, width, length, strand):
    end = min(start + width, 300)
    sequences = Sequences(frame([("chr1", start, end, strand)]), None, length, "genome", genome)
    assert texts(sequences) == [expected(start, end, strand, length)]


@given(st.integers(0, 299), st.integers(1, 60), st.integers(0, 60), st.sampled_from("+-."))
def test_windows_of_one_sequence_differ_only_in_what_lies_around_them(genome, start, width, more, strand):
    end = min(start + width, 300)
    windows, length = frame([("chr1", start, end, strand)]), end - start + more
    own = dna.encode(LONG[FAR + start : FAR + end])
    own = (dna.reverse_complement(own) if strand == "-" else own)[None]
    left = more // 2
    padded = "N" * left + dna.decode(own[0]) + "N" * (more - left)
    for codes in (own, None):
        assert texts(Sequences(windows, codes, None, "none", genome)) == [dna.decode(own[0])]
        assert texts(Sequences(windows, codes, length, "pad", genome)) == [padded]
        assert texts(Sequences(windows, codes, length, "genome", genome)) == [expected(start, end, strand, length)]


def test_a_window_keeps_its_own_bases_in_the_surroundings_of_the_genome(genome):
    own = dna.encode(CHROM[100:120])
    own[7] = (own[7] + 1) % 4
    sequences = Sequences(frame([("chr1", 100, 120, "+")]), own[None], 40, "genome", genome)
    assert texts(sequences) == [CHROM[90:100] + dna.decode(own) + CHROM[120:130]]


def test_slices_and_parts_are_those_of_the_whole(genome):
    windows = frame([("chr1", start, start + 11, "+-"[start % 2]) for start in range(0, 200, 7)])
    whole = Sequences(windows, None, 32, "genome", genome)
    rows = whole[:]
    assert rows.shape == (29, 32) and rows.dtype == np.uint8 and len(whole) == 29
    np.testing.assert_array_equal(np.concatenate([whole[first : first + 4] for first in range(0, 29, 4)]), rows)
    part = whole.part(slice(5, 12))
    assert len(part) == 7 and part.ids.tolist() == windows["id"].tolist()[5:12]
    np.testing.assert_array_equal(part[2:99], rows[7:12])
    assert whole[29:].shape == (0, 32)


def test_records_of_several_lengths_are_padded_each(tmp_path):
    path = tmp_path / "some.fa"
    path.write_text(">a\nACG\nTA\n\n>b\nttttttt\n>c x\nN\n")
    records = Records(path)
    windows = frame([("", None, None, "")] * 3)
    sequences = Sequences(windows, records, 8, "pad")
    assert texts(sequences) == ["NACGTANN", "TTTTTTTN", "NNNNNNNN"]
    with pytest.raises(InputError, match="windows have 1 to 7 bases, expected one length"):
        Sequences(windows, records, 8, "none")


@pytest.mark.parametrize(
    "locus, codes, length, context, words",
    [
        (("", None, None, ""), True, 40, "genome", "window 'w0' has no coordinates"),
        (("chr2", 100, 120, "+"), True, 40, "genome", "window 'w0': chromosome 'chr2' is not in"),
        (("chr1", 290, 310, "+"), True, 40, "genome", "window 'w0': chr1:290-310 reaches past"),
        (("chr1", 290, 310, "+"), False, None, "none", "window 'w0': chr1:290-310 reaches past"),
        (("chr1", 100, 120, "+"), True, 19, "pad", "length 19 is shorter than window 'w0', expected 20"),
        (("chr1", 100, 120, "+"), True, 19, "genome", "length 19 is shorter than window 'w0', expected 20"),
        (("chr1", 130, 150, "+"), True, 40, "genome", "not that of .*genome.fa at chr1:130-150"),
        (("chr1", 100, 120, "-"), True, 40, "genome", "not that of .*genome.fa at chr1:100-120"),
    ],
)
def test_what_cannot_be_cut_is_refused_by_name(genome, locus, codes, length, context, words):
    codes = dna.encode(CHROM[100:120])[None] if codes else None
    with pytest.raises(InputError, match=words):
        Sequences(frame([locus]), codes, length, context, genome)[:]


def test_a_genome_is_asked_for_where_it_is_needed():
    windows = frame([("chr1", 100, 120, "+")])
    for codes, context in ((None, "none"), (np.zeros((1, 20), np.uint8), "genome")):
        with pytest.raises(InputError, match="expected a genome"):
            Sequences(windows, codes, 40, context)
