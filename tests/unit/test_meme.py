"""The reader of motif databases, on the shipped one and on small made files."""

import numpy as np
import pytest

from cisflow.errors import InputError
from cisflow.io.meme import column_information, read_meme
from sources import unpacked


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The shipped data, unpacked: resource name -> file."""
    return unpacked(tmp_path_factory.mktemp("demo"))


MEME = "MEME version 4\n\nALPHABET= ACGT\n\nMOTIF {} \nletter-probability matrix: alength= 4 w= 2\n{}\nURL x\n"


def test_the_motif_database_is_read_whole(demo):
    motifs = read_meme(demo["jaspar"])
    assert len(motifs) == 879 == len({motif.id for motif in motifs})
    assert all(motif.matrix.dtype == np.float64 and motif.matrix.shape[0] == 4 for motif in motifs)
    assert max(np.abs(motif.matrix.sum(axis=0) - 1).max() for motif in motifs) < 1e-5
    runx = motifs[0]
    assert (runx.id, runx.name, runx.matrix.shape) == ("MA0002.3", "Runx1", (4, 9))
    assert runx.matrix[:, 1].tolist() == [0.0285, 0, 0.0035, 0.968]


def test_the_motif_database_against_another_reader(demo):
    memelite = pytest.importorskip("memelite.io")
    expected = memelite.read_meme(str(demo["jaspar"]))
    found = read_meme(demo["jaspar"])
    assert [f"{motif.id} {motif.name}" for motif in found] == list(expected)
    for motif, matrix in zip(found, expected.values(), strict=True):
        assert np.allclose(motif.matrix, matrix)


def test_information_of_known_columns():
    assert column_information(np.array([[1.0, 0.25, 0.5], [0, 0.25, 0.5], [0, 0.25, 0], [0, 0.25, 0]])).tolist() == [
        2,
        0,
        1,
    ]


def test_a_motif_without_name_is_named_by_its_id(tmp_path):
    (tmp_path / "m.meme").write_text(MEME.format("M1", "1 0 0 0\n0 0 0.5 0.5"))
    (motif,) = read_meme(tmp_path / "m.meme")
    assert motif.name == "M1" and motif.matrix.tolist() == [[1, 0], [0, 0], [0, 0.5], [0, 0.5]]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (">chr1\nACGT\n", "not a MEME file: .* found '>chr1'"),
        ("MEME version 4\n", "holds no motif"),
        (MEME.format("M1", "1 0 0 0\n0 0 1"), "line 8: motif 'M1': found '0 0 1', expected four probabilities"),
        (MEME.format("M1", "1 0 0 0\n9 0 1 0"), "line 8: motif 'M1': found '9 0 1 0', expected four probabilities"),
        (MEME.format("M1", "1 0 0 0\nnan 0 1 0"), "line 8: motif 'M1': found 'nan 0 1 0'"),
        (MEME.format("M1", "1 0 0 0"), "line 6: motif 'M1': matrix has 1 rows, expected 2"),
        (MEME.format("", "1 0 0 0\n1 0 0 0"), "line 5: found 'MOTIF', expected 'MOTIF id name'"),
        (MEME.format("M1", "1 0 0 0\nx 0 1 0"), "line 8: motif 'M1': found 'x 0 1 0'"),
        ("MEME version 4\nMOTIF M1\nURL x\n", "line 2: motif 'M1' has no 'letter-probability matrix'"),
        ("MEME version 4\nALPHABET= ACDEFGHIKLMNPQRSTVWY\n", "alphabet is .*, expected 'ALPHABET= ACGT'"),
        ("", "not a MEME file"),
    ],
)
def test_a_bad_motif_file_is_refused(tmp_path, content, words):
    (tmp_path / "m.meme").write_text(content)
    with pytest.raises(InputError, match=f"m.meme: {words}|m.meme: line [0-9]+: {words}"):
        read_meme(tmp_path / "m.meme")
