"""Families of motifs: what resembles each other is one finding, whatever its names."""

import numpy as np

from cisflow.io import matrices
from cisflow.io.meme import Motif
from cisflow.motifs import families, information
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


def bits(matrix):
    return 2 + np.where(matrix > 0, matrix * np.log2(np.where(matrix > 0, matrix, 1)), 0).sum(axis=0)


def shared(first, second):
    """Bits that two matrices share, column by column at every offset of either strand."""
    best = 0.0
    for turned in (second, second[::-1, ::-1]):
        for offset in range(1 - first.shape[1], turned.shape[1]):
            places = [(i, i + offset) for i in range(first.shape[1]) if 0 <= i + offset < turned.shape[1]]
            total = 0.0
            for i, j in places:
                a, b = first[:, i] - first[:, i].mean(), turned[:, j] - turned[:, j].mean()
                size = np.linalg.norm(a) * np.linalg.norm(b)
                cosine = a @ b / size if size > 0 else 0
                total += max(cosine, 0) * min(bits(first)[i], bits(turned)[j])
            best = max(best, total)
    return best


def test_shared_information_by_brute_force():
    motifs = [motif.matrix for motif in matrices.read_motifs(JASPAR)[::110]]
    found = information.shared(motifs[:4], motifs)
    expected = [[shared(first, second) for second in motifs] for first in motifs[:4]]
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_nothing_shares_nothing():
    assert information.shared([], [np.eye(4)]).shape == (0, 1) and information.shared([np.eye(4)], []).shape == (1, 0)


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
