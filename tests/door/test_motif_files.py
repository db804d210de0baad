"""Motifs in the formats of MEME, JASPAR, TRANSFAC and HOMER, and as matrices of counts."""

import gzip
import re

import numpy as np
import pytest

from cisflow.errors import InputError
from cisflow.io.matrices import read_motifs
from sources import DEMO

# A, C, G, T down, three positions across.
COUNTS = np.array([[4, 0, 10], [2, 20, 0], [0, 0, 5], [14, 0, 5]])
MATRIX = COUNTS / 20
HEADER = "MEME version 4\n\nALPHABET= ACGT\n\nstrands: + -\n\n"


def rows(matrix, separator=" ", digits=None):
    form = str if digits is None else f"{{:.{digits}f}}".format
    return "".join(separator.join(form(value) for value in column) + "\n" for column in matrix.T)


def meme(matrix=MATRIX, head=HEADER, name="M1 Factor", digits=6, width=3):
    return f"{head}MOTIF {name}\nletter-probability matrix: alength= 4 w= {width} nsites= 20 E= 0\n" + rows(
        matrix, digits=digits
    )


def jaspar(form="{} [ {} ]\n"):
    return "".join(form.format(base, "  ".join(map(str, row))) for base, row in zip("ACGT", COUNTS, strict=True))


def transfac(order="ACGT", key="P0", extra=" N"):
    lines = [
        f"{i + 1:02d}  " + "  ".join(str(COUNTS["ACGT".index(base), i]) for base in order) + extra for i in range(3)
    ]
    return f"{key}  " + "  ".join(order) + "\n" + "\n".join(lines) + "\nXX\n//\n"


STARS = "*" * 80
OUTPUT = f"""{STARS}
MEME - Motif discovery tool
{STARS}
MEME version 5.5.5 (Release date: Thu Sep 14 08:48:04 2023 +1000)

{STARS}
TRAINING SET
{STARS}
PRIMARY SEQUENCES= peaks.fa
ALPHABET= ACGT
Sequence name            Weight Length  Sequence name            Weight Length
-------------            ------ ------  -------------            ------ ------
chr1:0-200               1.0000    200  chr1:300-500             1.0000    200

{STARS}
MOTIF M1 Factor	width =   3  sites =  20  llr = 214  E-value = 1.1e-044
{STARS}
	Motif M1 Factor position-specific scoring matrix
log-odds matrix: alength= 4 w= 3 n= 386 bayes= 7.2 E= 1.1e-044
  -123     10   -910     20
  -123     10   -910     20
  -123     10   -910     20
--------------------------------------------------------------------------------
	Motif M1 Factor position-specific probability matrix
--------------------------------------------------------------------------------
letter-probability matrix: alength= 4 w= 3 nsites= 20 E= 1.1e-044
{rows(MATRIX, "  ", 6)}--------------------------------------------------------------------------------

{STARS}
SUMMARY OF MOTIFS
{STARS}
SEQUENCE NAME            COMBINED P-VALUE  MOTIF DIAGRAM
"""

FORMS = {
    "meme": meme(),
    "meme of streme": "# STREME\n" + meme(head="MEME version 5.4.1 (Release date)\n\nALPHABET= ACGT\n\n"),
    "meme text output": OUTPUT,
    "meme without alphabet": meme(head="MEME version 4.4\n"),
    "meme rna": meme(head=HEADER.replace("ACGT", "ACGU")),
    "meme alphabet by name": meme(head='MEME version 5\nALPHABET "DNA" DNA-LIKE\nA "Adenine" CC0000\nEND ALPHABET\n'),
    "meme windows": meme().replace("\n", "\r\n"),
    "meme with a mark": "\ufeff" + meme(),
    "meme url": meme() + "URL http://jaspar.genereg.net/matrix/M1\n",
    "meme by tabs": re.sub(r"(?<!probability) ", "\t", meme()),
    "meme by many blanks": meme().replace(" 0.", "    0.").replace("\n0.", "\n   0.").replace("w= 3", "w =  3"),
    "meme with gaps": meme().replace("\n", "\n \n"),
    "meme of returns": meme().replace("\n", "\r"),
    "meme with words behind": meme() + "\nTime  0.52 secs.\n\n0.1 secs more\n",
    "meme scientific": meme().replace("0.200000", "2.0e-01"),
    "meme of counts": meme(COUNTS, digits=0),
    "meme without width": meme().replace(" w= 3", ""),
    "jaspar": ">M1\tFactor\n" + jaspar(),
    "jaspar by blanks": ">M1 Factor\n" + jaspar("{}  [{}]\n"),
    "jaspar without brackets": ">M1 Factor\n" + jaspar("{} {}\n"),
    "jaspar with bars": ">M1 Factor\n" + jaspar("{} | {}\n"),
    "jaspar by tabs": ">M1\tFactor\n" + jaspar().replace(" ", "\t"),
    "jaspar tight": ">M1 Factor\n" + jaspar("{}[{}]\n"),
    "jaspar windows": (">M1\tFactor\n" + jaspar()).replace("\n", "\r\n"),
    "jaspar with gaps": ">M1\tFactor\n\n" + jaspar("{} [ {} ]\n\n"),
    "jaspar in another order": ">M1 Factor\n" + "".join(reversed(jaspar().splitlines(keepends=True))),
    "jaspar raw": ">M1 Factor\n" + jaspar("{1}\n"),
    "transfac": "AC  M1\nXX\nID  V$FACTOR_01\nXX\nNA  Factor\nXX\n" + transfac(),
    "transfac that starts with words": "CC  by hand\nBF  Homo sapiens\nAC  M1\nNA  Factor\n" + transfac(),
    "transfac by tabs": "AC\tM1\nID\tFactor\n" + transfac().replace("  ", "\t"),
    "transfac windows": ("AC  M1\nNA  Factor\n" + transfac()).replace("\n", "\r\n"),
    "transfac with gaps": ("AC  M1\nNA  Factor\n" + transfac()).replace("\n", "\n\n"),
    "transfac of counts with decimals": "AC  M1\nNA  Factor\n" + re.sub(r"(?<= )(\d+)", r"\1.0", transfac(extra="")),
    "transfac of jaspar": "AC M1\nXX\nID Factor\nXX\nDE M1 Factor ; From JASPAR\n" + transfac(key="PO", extra=""),
    "transfac version": "VV  TRANSFAC MATRIX TABLE\nXX\n//\nAC  M1\nNA  Factor\n" + transfac(),
    "transfac in another order": "AC  M1\nNA  Factor\n" + transfac("TGCA"),
    "homer": ">TCA\tFactor(bHLH)/K562/Homer\t6.05\t-1000\t0\n" + rows(MATRIX, "\t", 3),
    "cis-bp counts": ">M1 Factor\n" + rows(COUNTS, "\t"),
    "probabilities": ">M1 Factor\n" + rows(MATRIX, "\t", 4),
    "comment first": "# made by hand\n>M1 Factor\n" + rows(MATRIX, "\t", 4),
}


@pytest.mark.parametrize("form", FORMS)
def test_one_motif_in_every_form(tmp_path, form):
    (tmp_path / "m").write_text(FORMS[form], newline="")
    (motif,) = read_motifs(tmp_path / "m")
    np.testing.assert_allclose(motif.matrix, MATRIX, atol=1e-9)
    assert motif.name == "Factor" and motif.matrix.dtype == np.float64
    assert motif.id == ("Factor(bHLH)/K562/Homer" if form == "homer" else "M1")


def test_four_positions_are_told_from_four_bases(tmp_path):
    square = np.array([[1, 0, 0, 2], [0, 3, 1, 1], [2, 0, 2, 0], [1, 1, 1, 1]]) / 4
    (tmp_path / "homer").write_text(">ACGT\tF\t1\n" + rows(square, "\t", 3))
    np.testing.assert_allclose(read_motifs(tmp_path / "homer")[0].matrix, square)
    (tmp_path / "raw").write_text(">F\n" + rows(4 * square.T, "\t", 0))
    np.testing.assert_allclose(read_motifs(tmp_path / "raw")[0].matrix, square)


@pytest.mark.parametrize("form", [jaspar("{} [ {} ]\n"), jaspar("{1}\n")])
def test_counts_may_add_up_to_other_numbers_at_other_positions(tmp_path, form):
    (tmp_path / "m").write_text(">M1 F\n" + form.replace("14", "34"))
    expected = COUNTS.astype(float)
    expected[3, 0] = 34
    np.testing.assert_allclose(read_motifs(tmp_path / "m")[0].matrix, expected / expected.sum(axis=0))


@pytest.mark.parametrize(
    "row", ["0.33 0.33 0.33 0.00", "0.333 0.333 0.333 0.000", "0.26 0.26 0.25 0.25", "0.34 0.33 0.33 0.02"]
)
def test_rows_that_miss_one_by_rounding(tmp_path, row):
    (tmp_path / "m").write_text(HEADER + f"MOTIF M1\nletter-probability matrix: w= 1\n{row}\n")
    matrix = read_motifs(tmp_path / "m")[0].matrix[:, 0]
    values = np.array(row.split(), dtype=float)
    np.testing.assert_allclose(matrix, values / values.sum(), atol=0.006)
    assert abs(matrix.sum() - 1) <= 0.01


def test_ids_that_occur_again_are_numbered(tmp_path, capsys):
    (tmp_path / "m").write_text(meme() + meme(head="\n", name="M2") + meme(head="\n") + meme(head="\n"))
    assert [motif.id for motif in read_motifs(tmp_path / "m")] == ["M1", "M2", "M1#2", "M1#3"]
    assert "ids that occur more than once are numbered: M1" in capsys.readouterr().err


def test_several_motifs_of_each_format(tmp_path):
    for text in (
        ">A a\n" + jaspar() + "\n>B b\n" + jaspar(),
        "AC A\nNA a\n" + transfac() + "AC B\nNA b\n" + transfac(),
    ):
        (tmp_path / "m").write_text(text)
        assert [motif[:2] for motif in read_motifs(tmp_path / "m")] == [("A", "a"), ("B", "b")]


def test_a_packed_database_is_the_unpacked_one(tmp_path):
    packed = DEMO / "JASPAR2024_CORE_vertebrates_non-redundant.meme.gz"
    (tmp_path / "m").write_bytes(gzip.decompress(packed.read_bytes()))
    ours, plain = read_motifs(packed), read_motifs(tmp_path / "m")
    assert len(ours) == 879 and all((a.matrix == b.matrix).all() for a, b in zip(ours, plain, strict=True))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not a MEME file"),
        ("chr1\t5\t9\n", "not a MEME file: expected a line 'MEME version 4', found 'chr1"),
        ('<?xml version="1.0"?>\n<MEME version="5">', "MEME's XML; expected its text output"),
        ("MEME version 4\nALPHABET= ACDEFGHIKLMNPQRSTVWY\n", "alphabet is .*, expected 'ALPHABET= ACGT'"),
        (HEADER, "holds no motif"),
        (meme(width=4), "line 8: motif 'M1': matrix has 3 rows, expected 4"),
        (meme().replace("0.200000", "0.900000"), "line 9: motif 'M1': found .*, expected four probabilities"),
        (meme().replace("0.200000", "-0.20000"), "line 9: motif 'M1': found .*, expected four probabilities"),
        (meme().replace("0.200000", "nan"), "line 9: motif 'M1': found .*, expected four probabilities"),
        (meme().replace("0.200000", "x"), "line 9: motif 'M1': found .*, expected four probabilities"),
        (meme().replace("0.200000 0.100000 0.000000 0.700000", "0 0 0 0"), "line 9: motif 'M1': found '0 0 0 0', exp"),
        (meme().replace("\n0.", "\n\n0.").replace("0.200000", "0.900000"), "line 10: motif 'M1': found '0.9"),
        (meme(np.zeros((4, 0)), width=0), "line 8: motif 'M1': matrix has 0 rows, expected 1"),
        (meme(np.ones((3, 3)) / 3), "line 9: motif 'M1': found .*, expected four probabilities"),
        (HEADER + "MOTIF M1\nURL x\n", "line 7: motif 'M1' has no 'letter-probability matrix'"),
        (">M1\n", "line 1: motif 'M1' has no matrix"),
        (">\n1 2 3 4\n", "line 1: found '>', expected '>id name'"),
        (">M1\nA [ 1 2 ]\nC [ 1 2 ]\nG [ 1 ]\nT [ 1 2 ]\n", "line 4: motif 'M1': rows of 2, 2, 1, 2 numbers"),
        (">M1\nA [ 1 2 ]\nC [ 1 2 ]\nG [ 1 2 ]\n", "line 1: motif 'M1' has rows A, C, G, expected one each"),
        (">M1\nA [ 1 2\nC [ 1 2 ]\nG [ 1 2 ]\nT [ 1 2 ]\n", "line 1: motif 'M1' has a row without its closing"),
        (">M1\nA [ 0 2 ]\nC [ 0 2 ]\nG [ 0 2 ]\nT [ 0 2 ]\n", "line 2: motif 'M1': column 1 is '0 0 0 0', exp"),
        ("AC M1\nP0 A C G T\n01 0 0 0 0\n//\n", "line 3: motif 'M1': row 1 is '0 0 0 0', expected four"),
        ("AC M1\nP0 A C G T\n01 1 2 3 4\n03 1 2 3 4\n//\n", "line 4: position 03, expected 2"),
        (">M1\nA [ 1 x ]\nC [ 0 2 ]\nG [ 0 2 ]\nT [ 0 2 ]\n", "line 2: motif 'M1': column 2 is 'x 2 2 2'"),
        (">M1\n0.1 0.2 0.3 0.4\n0.1 0.2 0.3 0.1\n", "line 3: motif 'M1': row 2 is '0.1 0.2 0.3 0.1', expected"),
        (">chr1\nACGTACGT\n", "line 2: motif 'chr1'"),
        ("AC M1\nP0 A C G\n01 1 2 3\n//\n", "line 2: columns are 'A C G'"),
        ("AC M1\n01 1 2 3 4\n//\n", "line 2: a position before the line 'P0 A C G T'"),
        ("AC M1\nP0 A C G T\n01 1 2 3\n//\n", "line 3: motif 'M1': row 1 is '1 2 3'"),
        ("AC M1\nP0 A C G T\nXX\n//\n", "motif 'M1' has no matrix"),
        ("XX\nP0 A C G T\n01 1 2 3 4\n//\n", "line 3: a matrix without AC or ID"),
        ("AC M1\nXX\n//\n", "holds no motif"),
    ],
)
def test_what_is_broken_is_refused_in_one_line(tmp_path, text, words):
    (tmp_path / "m").write_text(text)
    with pytest.raises(InputError, match=f"m: {words}") as error:
        read_motifs(tmp_path / "m")
    assert "\n" not in str(error.value)
