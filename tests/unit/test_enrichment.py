"""The table of motifs: nothing where composition alone differs, a planted motif where it was planted."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import simulated_windows
from cisflow.io import matrices
from cisflow.motifs import association, enrichment, families
from cisflow.motifs.scanning import Scanner
from cisflow.sequence import dna
from database import JASPAR

PLANTED = "MA0466.4"  # CEBPB


@pytest.fixture(scope="module")
def known():
    """(motifs, families, scanner) of every sixth motif, and CEBPB."""
    motifs = matrices.read_motifs(JASPAR)
    motifs = [motif for row, motif in enumerate(motifs) if row % 6 == 0 or motif.id == PLANTED]
    return motifs, families.of(motifs), Scanner([motif.matrix for motif in motifs])


NULLS = {
    "one composition": lambda rng: simulated_windows.two_classes(rng, 500, 0.5, 0.5),
    "two classes of two compositions": lambda rng: simulated_windows.two_classes(rng, 1000, 0.65, 0.4),
    "windows of another composition than around them": lambda rng: simulated_windows.within(
        rng, 500, 0.65, 0.4, length=300
    ),
}


@pytest.mark.parametrize("null", NULLS)
def test_composition_calls_nothing_and_p_values_are_uniform(known, null):
    motifs, family, scanner = known
    p_values, rhos, called, tested = [], [], 0, 0
    for seed in range(4):
        rng = np.random.default_rng(seed)
        counted = enrichment.count(NULLS[null](rng), scanner)
        table = enrichment.table(counted, motifs, family)
        called, tested = called + (table["q_value"] < 0.05).sum(), tested + len(table)
        rhos.append(stats.spearmanr(table["log2_ratio"], table["gc"])[0])
        tails = association.weighted(counted.foreground, counted.background, counted.weights)
        hit = (counted.foreground | counted.background).any(axis=0)
        # Counts are few: the share of the tail that is theirs is drawn, or no test of counts is uniform.
        p_values.append(tails.two_sided(rng.random(len(motifs)))[hit])
    assert called <= 0.05 * tested
    assert abs(np.mean(rhos)) < 0.2
    assert stats.kstest(np.concatenate(p_values), "uniform").pvalue > 0.01


def test_a_motif_in_a_twentieth_of_the_sequences_is_found(known):
    motifs, family, scanner = known
    matrix = next(motif.matrix for motif in motifs if motif.id == PLANTED)
    pairs = simulated_windows.two_classes(np.random.default_rng(0), 1000, 0.5, 0.5, matrix=matrix)
    table = enrichment.table(enrichment.count(pairs, scanner), motifs, family)
    first = table.iloc[0]
    assert (first["motif_id"], first["stands"]) == (PLANTED, 1)
    assert first["q_value"] < 1e-4 and first["family_q_value"] < 1e-4 and first["low"] > 1
    others = table[table["family"] != first["family"]]
    assert (others["q_value"] > 0.05).all()


@pytest.fixture(scope="module")
def planted(known):
    motifs, family, scanner = known
    matrix = next(motif.matrix for motif in motifs if motif.id == PLANTED)
    pairs = simulated_windows.two_classes(np.random.default_rng(1), 300, 0.45, 0.5, matrix=matrix, share=0.3)
    counted = enrichment.count(pairs, scanner)
    return counted, enrichment.table(counted, motifs, family), pairs


def test_columns_agree_with_each_other(planted, known):
    counted, table, pairs = planted
    order = [next(i for i, motif in enumerate(known[0]) if motif.id == name) for name in table["motif_id"]]
    foreground, background = counted.foreground[:, order], counted.background[:, order]
    n = len(np.unique(pairs.unit))
    assert list(table.columns) == list(enrichment.COLUMNS) and (table["n_sequences"] == n).all()
    np.testing.assert_array_equal(table["n_in_seqlets"], foreground.sum(axis=0))
    np.testing.assert_array_equal(table["n_in_seqlets"] - table["seqlets_only"], (foreground & background).sum(axis=0))
    np.testing.assert_array_equal(
        table["n_background"] - table["background_only"], (foreground & background).sum(axis=0)
    )
    np.testing.assert_allclose(table["q_value"], stats.false_discovery_control(table["p_value"]))
    assert table["p_value"].is_monotonic_increasing
    assert (table["low"] < table["log2_ratio"]).all() and (table["log2_ratio"] < table["high"]).all()
    first = table.groupby("family", sort=False).head(1)
    assert (first["stands"] == 1).all() and table["stands"].sum() == len(first)
    for name in ("p_permutation", "p_mcnemar", "p_fisher", "p_logistic"):
        assert table[name].between(0, 1).all() and table[name][0] < 1e-6


def test_intervals_hold_the_planted_ratio(known):
    """Without a motif the ratio is 1: of 95% intervals about as many hold 0, of motifs with enough hits."""
    motifs, family, scanner = known
    inside = []
    for seed in range(3):
        pairs = simulated_windows.two_classes(np.random.default_rng(seed), 600, 0.5, 0.5)
        table = enrichment.table(enrichment.count(pairs, scanner), motifs, family)
        some = table[table["n_in_seqlets"] + table["n_background"] >= 8]
        inside += ((some["low"] <= 0) & (some["high"] >= 0)).tolist()
    assert len(inside) > 60 and np.mean(inside) > 0.9


def test_a_sequence_counts_once_however_many_windows_it_has(known):
    motifs, family, scanner = known
    site = next(motif.matrix for motif in motifs if motif.id == PLANTED).argmax(axis=0).astype(np.uint8)
    windows = np.zeros((5, 20), dtype=np.uint8)
    windows[:3, 4 : 4 + len(site)] = site
    windows[4, 14:] = dna.ABSENT
    pairs = enrichment.Pairs(windows, np.zeros_like(windows), np.array([0, 0, 0, 1, 2]))
    counted = enrichment.count(pairs, scanner)
    column = next(i for i, motif in enumerate(motifs) if motif.id == PLANTED)
    assert counted.foreground[:, column].tolist() == [True, False, False] and not counted.background[:, column].any()
    np.testing.assert_allclose(np.exp(counted.covariates[:3, 2]), [60, 20, 14])


def test_exchanged_sides_keep_the_pairs(planted):
    pairs = planted[2]
    other = pairs.exchanged(np.random.default_rng(0))
    same = (other.foreground == pairs.foreground).all(axis=1)
    swapped = (other.foreground == pairs.background).all(axis=1) & (other.background == pairs.foreground).all(axis=1)
    assert (same | swapped).all() and 0.3 < swapped.mean() < 0.7


def test_no_hit_gives_an_empty_table(known):
    motifs, family, scanner = known
    windows = np.full((3, 12), dna.UNKNOWN, dtype=np.uint8)
    windows[:, :3] = 0
    table = enrichment.table(
        enrichment.count(enrichment.Pairs(windows, windows, np.arange(3)), scanner), motifs, family
    )
    assert isinstance(table, pd.DataFrame) and not len(table) and list(table.columns) == list(enrichment.COLUMNS)
