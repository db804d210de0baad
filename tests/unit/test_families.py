"""Families of motifs: what resembles each other is one finding, whatever its names."""

import numpy as np

from cisflow.io import matrices
from cisflow.io.meme import Motif
from cisflow.motifs import families, naming
from database import JASPAR


def family_of(motifs, found):
    return {number: {motif.name for motif, of in zip(motifs, found, strict=True) if of == number} for number in found}


def test_families_of_jaspar():
    motifs = matrices.read_motifs(JASPAR)
    found = families.of(motifs)
    names = family_of(motifs, found)
    by_name = {motif.name: number for motif, number in zip(motifs, found, strict=True)}
    assert {"TFAP2A", "TFAP2B", "TFAP2C", "TFAP2E"} == names[by_name["TFAP2A"]]
    assert names[by_name["CTCF"]] == {"CTCF"} and sum(motif.name == "CTCF" for motif in motifs) == 3
    assert {"GATA1", "GATA2", "GATA4"} <= names[by_name["GATA1"]] and "CTCF" not in names[by_name["GATA1"]]
    assert 100 < len(names) < 250 and found[0] == 1 and set(found) == set(range(1, len(names) + 1))


def test_shared_information_equals_the_slow_form():
    motifs = matrices.read_motifs(JASPAR)[::60]
    own = [motif.matrix for motif in motifs]
    found = families.shared(own)
    for row, matrix in zip(found, own, strict=True):
        np.testing.assert_allclose(row, naming.shared_information(matrix, own), atol=1e-9)


def test_a_motif_and_its_reverse_complement_are_one_family_and_order_does_not_matter():
    motifs = matrices.read_motifs(JASPAR)[:40]
    turned = Motif("turned", "turned", motifs[5].matrix[::-1, ::-1])
    found = families.of([*motifs, turned])
    assert found[-1] == found[5]
    order = np.random.default_rng(0).permutation(41)
    other = families.of([[*motifs, turned][i] for i in order])
    pairs = found[order][:, None] == found[order]
    np.testing.assert_array_equal(pairs, other[:, None] == other)


def test_few_motifs():
    assert families.of([]).tolist() == [] and families.of([Motif("a", "a", np.full((4, 3), 0.25))]).tolist() == [1]
