"""Seqlets, their background windows and the test of motifs in them, against planted truth and brute force."""

import gzip
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from memelite import fimo
from scipy import stats

from attributed import write
from cisflow.errors import InputError
from cisflow.io.meme import read_meme
from cisflow.motifs import seqlets
from cisflow.sequence import dna
from tables import check_table

DATABASE = Path(__file__).parents[2] / "resources" / "demo" / "JASPAR2024_CORE_vertebrates_non-redundant.meme.gz"
PLANTED = "MA0139.2"
M, LENGTH = 200, 150


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    path = tmp_path_factory.mktemp("database") / "jaspar.meme"
    path.write_bytes(gzip.decompress(DATABASE.read_bytes()))
    return path


@pytest.fixture(scope="module")
def motifs(database):
    return read_meme(database)


def random_codes(rng, m=M, length=LENGTH):
    return rng.integers(0, 4, (m, length)).astype(np.uint8)


def bumps(rng, m=M, length=LENGTH):
    """Attributions (m, length) with two bumps a row at places that have nothing to do with the sequence."""
    observed = rng.normal(0, 0.05, (m, length)).astype(np.float32)
    for row in observed:
        for start in rng.integers(0, length - 10, 2):
            row[start : start + 10] += 1
    return observed


def multipliers_of(observed, codes):
    """Multipliers whose hypothetical score at the base present is `observed`."""
    return np.moveaxis(np.eye(5, 4, dtype=np.float32)[codes], 1, 2) * observed[:, None] * 4 / 3


def plant(motif, codes, observed, rng):
    """Put one instance of a motif, with high attribution, into each row; their starts."""
    starts = rng.integers(0, LENGTH - motif.matrix.shape[1], M)
    for row, start in enumerate(starts):
        instance = np.array([rng.choice(4, p=column / column.sum()) for column in motif.matrix.T], dtype=np.uint8)
        span = slice(start, start + len(instance))
        codes[row, span] = instance if rng.random() < 0.5 else dna.reverse_complement(instance)
        observed[row, span] += 1
    return starts


def scan(folder, database, codes, observed, seed=1, **settings):
    write(folder / "a.npz", codes, multipliers_of(observed, codes))
    settings = seqlets.Settings.complete(settings, "settings")
    paths = folder / "seqlets.tsv", folder / "motif_scores.tsv"
    seqlets.scan_seqlets(folder / "a.npz", database, settings, seed, 1, *paths)
    return check_table(paths[0], "seqlets"), check_table(paths[1], "motif_scores")


# From attributions to tables -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def planted(tmp_path_factory, database, motifs):
    """(seqlets, scores, starts, folder) where one motif makes all the attribution."""
    folder = tmp_path_factory.mktemp("planted")
    rng = np.random.default_rng(0)
    codes, observed = random_codes(rng), rng.normal(0, 0.05, (M, LENGTH)).astype(np.float32)
    motif = next(motif for motif in motifs if motif.id == PLANTED)
    starts = plant(motif, codes, observed, rng)
    return *scan(folder, database, codes, observed), starts, folder


def test_planted_motif_comes_first(planted):
    scores = planted[1]
    assert scores["motif_id"][0] == PLANTED
    assert float(scores["q_value"][0]) < 1e-20 and int(scores["n_in_seqlets"][0]) > 0.7 * M
    assert int(scores["n_sequences"][0]) == M and int(scores["n_background"][0]) < 0.1 * M
    assert float(scores["log2_ratio"][0]) > 3


def test_seqlets_lie_on_the_planted_instances(planted):
    spots, _, starts, _ = planted
    row = spots["id"].str[1:].astype(int).to_numpy()
    start, end = spots["start"].astype(int).to_numpy(), spots["end"].astype(int).to_numpy()
    assert len(set(row)) > 0.95 * M
    inside = (start >= starts[row] - 2) & (end <= starts[row] + 15 + 2)
    assert inside.mean() > 0.95
    assert (spots["score"].astype(float) > 0).all()
    assert list(zip(row, start, strict=True)) == sorted(zip(row, start, strict=True))


def test_table_is_sorted_and_its_columns_agree(planted):
    scores = planted[1].copy()
    for name in scores.columns[2:]:
        scores[name] = scores[name].astype(float)
    assert scores[["p_value", "motif_id"]].apply(tuple, axis=1).is_monotonic_increasing
    np.testing.assert_array_equal(
        scores["n_in_seqlets"] - scores["seqlets_only"], scores["n_background"] - scores["background_only"]
    )
    assert (scores["n_in_seqlets"] + scores["n_background"] > 0).all() and (scores["n_in_seqlets"] <= M).all()
    expected = np.log2((scores["n_in_seqlets"] + 0.5) / (scores["n_background"] + 0.5))
    np.testing.assert_allclose(scores["log2_ratio"], expected, rtol=1e-6)
    np.testing.assert_allclose(scores["q_value"], stats.false_discovery_control(scores["p_value"]), rtol=1e-6)


def test_same_seed_same_bytes(planted, database, tmp_path):
    for name in ("seqlets.tsv", "motif_scores.tsv"):
        (tmp_path / name).write_bytes((planted[3] / name).read_bytes())
    arguments = (planted[3] / "a.npz", database, seqlets.Settings(), 1, 1)
    seqlets.scan_seqlets(*arguments, tmp_path / "again.tsv", tmp_path / "scores.tsv")
    assert (tmp_path / "again.tsv").read_bytes() == (tmp_path / "seqlets.tsv").read_bytes()
    assert (tmp_path / "scores.tsv").read_bytes() == (tmp_path / "motif_scores.tsv").read_bytes()


def test_negative_attribution_makes_no_seqlet(tmp_path, database):
    rng = np.random.default_rng(2)
    spots, scores = scan(tmp_path, database, random_codes(rng, 40), -bumps(rng, 40))
    assert len(spots) == len(scores) == 0


@pytest.mark.parametrize("n", [0, 40])
def test_nothing_attributed_gives_empty_tables(tmp_path, database, n, capsys):
    rng = np.random.default_rng(3)
    spots, scores = scan(tmp_path, database, random_codes(rng, n), rng.normal(size=(n, LENGTH)).astype(np.float32))
    assert len(spots) == len(scores) == 0
    assert f"0 seqlets in 0 of {n} rows" in capsys.readouterr().err


def test_p_values_are_sane_where_attribution_ignores_the_sequence(motifs):
    """The exact test is conservative: at most 5% below 0.05, and nothing survives the correction."""
    below, lowest, ratios = [], [], []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        codes, observed = random_codes(rng), bumps(rng)
        windows = seqlets.draw_windows(seqlets.call_seqlets(observed, seqlets.Settings(), rng), observed.shape, 8, rng)
        table = seqlets.enrichment(motifs, seqlets.count_rows(codes, windows, motifs, 1e-3), M)
        below.append((table["p_value"] < 0.05).mean())
        lowest.append(table["q_value"].min())
        ratios.append(table["log2_ratio"].mean())
    assert np.mean(below) <= 0.05 and min(lowest) > 0.05
    assert abs(np.mean(ratios)) < 0.2


def test_composition_of_a_sequence_does_not_matter(motifs):
    """Half of the rows rich in GC, half in AT, with bumps anywhere: the background has the composition of its row."""
    rng = np.random.default_rng(5)
    strong = np.arange(M) % 2 == 0
    codes = np.where(rng.random((M, LENGTH)) < np.where(strong, 0.8, 0.2)[:, None], 1, 0).astype(np.uint8)
    codes = np.where(rng.random((M, LENGTH)) < 0.5, codes, 3 - codes).astype(np.uint8)
    observed = bumps(rng)
    windows = seqlets.draw_windows(seqlets.call_seqlets(observed, seqlets.Settings(), rng), observed.shape, 8, rng)
    table = seqlets.enrichment(motifs, seqlets.count_rows(codes, windows, motifs, 1e-3), M)
    assert (table["p_value"] < 0.05).mean() <= 0.05 and table["q_value"].min() > 0.05


# Windows -------------------------------------------------------------------------------------------------------------


def spans(row):
    """{label: (start, end)} of a row of windows; each label must be one contiguous span."""
    found = {}
    for label in set(row.tolist()) - {0}:
        where = np.flatnonzero(row == label)
        assert where[-1] - where[0] + 1 == len(where)
        found[label] = (where[0], where[-1] + 1)
    return found


def test_background_matches_seqlet_windows_and_avoids_all_seqlets():
    rng = np.random.default_rng(0)
    spots = []
    for row in range(100):
        starts = np.sort(rng.choice(np.arange(0, 90, 6), rng.integers(0, 5), replace=False))
        spots += [(row, start, start + rng.integers(4, 6)) for start in starts]
    spots = pd.DataFrame(spots, columns=["row", "start", "end"])
    windows = seqlets.draw_windows(spots, (100, 95), 3, np.random.default_rng(1))
    in_seqlets = np.zeros((100, 95), dtype=bool)
    for row, start, end in spots.itertuples(index=False):
        in_seqlets[row, max(start - 3, 0) : end + 3] = True
    assert not in_seqlets[windows < 0].any() and in_seqlets[windows > 0].all()
    for row in windows:
        found = spans(row)
        assert sorted(-label for label in found) == sorted(found)
        for label, (start, end) in found.items():
            partner = found[-label]
            assert end - start == partner[1] - partner[0]
    rows_with_spots = set(spots["row"])
    assert {row for row in range(100) if windows[row].any()} <= rows_with_spots
    assert (windows != 0).any(axis=1).sum() > 0.9 * len(rows_with_spots)


def test_background_places_are_uniform():
    spots = pd.DataFrame({"row": np.arange(6000), "start": 10, "end": 14})
    windows = seqlets.draw_windows(spots, (6000, 24), 0, np.random.default_rng(0))
    places = np.bincount((windows == -1).argmax(axis=1), minlength=24)
    free = np.r_[0:7, 14:21]
    assert places[free].sum() == 6000
    assert stats.chisquare(places[free]).pvalue > 0.01


def test_a_seqlet_window_without_room_is_left_out():
    spots = pd.DataFrame({"row": [0, 1, 1], "start": [2, 0, 30], "end": [18, 16, 34]})
    windows = seqlets.draw_windows(spots, (2, 40), 2, np.random.default_rng(0))
    assert spans(windows[0]).keys() == {1, -1}
    # 18 and 8 bases are of seqlets; the 14 left hold the background of the narrow window alone.
    assert spans(windows[1]).keys() == {2, -2} and spans(windows[1])[2] == (28, 36)


def test_seqlet_windows_that_meet_are_one():
    spots = pd.DataFrame({"row": 0, "start": [0, 8, 30], "end": [4, 12, 34]})
    windows = seqlets.draw_windows(spots, (1, 100), 2, np.random.default_rng(0))
    assert sorted(span for label, span in spans(windows[0]).items() if label > 0) == [(0, 14), (28, 36)]


# Counts --------------------------------------------------------------------------------------------------------------


def test_counts_equal_those_of_each_window_scanned_alone(motifs):
    rng = np.random.default_rng(1)
    chosen = motifs[::60]
    codes = random_codes(rng, 40, 120)
    codes[3, 20:60] = dna.UNKNOWN
    spots = pd.DataFrame({"row": np.repeat(np.arange(40), 2), "start": [10, 70] * 40, "end": [25, 80] * 40})
    windows = seqlets.draw_windows(spots, codes.shape, 5, rng)
    counts = seqlets.count_rows(codes, windows, chosen, 0.01)
    hits = np.zeros((len(chosen), 40, 2), dtype=bool)
    matrices = {motif.id: motif.matrix for motif in chosen}
    for row in range(40):
        for label, (start, end) in spans(windows[row]).items():
            one_hot = np.eye(5, 4, dtype=np.int8)[codes[row, start:end]].T[None].copy()
            wide = {key: matrix for key, matrix in matrices.items() if matrix.shape[1] <= end - start}
            for key, frame in zip(wide, fimo(wide, one_hot, threshold=0.01), strict=True):
                hits[list(matrices).index(key), row, int(label < 0)] |= len(frame) > 0
    in_seqlets, background = hits[..., 0], hits[..., 1]
    np.testing.assert_array_equal(counts.in_seqlets, in_seqlets.sum(axis=1))
    np.testing.assert_array_equal(counts.background, background.sum(axis=1))
    np.testing.assert_array_equal(counts.seqlets_only, (in_seqlets & ~background).sum(axis=1))
    np.testing.assert_array_equal(counts.background_only, (background & ~in_seqlets).sum(axis=1))
    assert 0 < counts.in_seqlets.sum() < in_seqlets.size


def test_counts_do_not_depend_on_chunks(motifs, monkeypatch):
    rng = np.random.default_rng(1)
    codes = random_codes(rng, 50)
    windows = seqlets.draw_windows(
        pd.DataFrame({"row": np.arange(50), "start": 50, "end": 70}), codes.shape, 5, np.random.default_rng(0)
    )
    whole = seqlets.count_rows(codes, windows, motifs[:50], 0.01)
    monkeypatch.setattr(seqlets, "ROWS_AT_ONCE", 7)
    for one, other in zip(whole, seqlets.count_rows(codes, windows, motifs[:50], 0.01), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("reverse", [False, True])
def test_a_site_counts_once_on_either_strand(motifs, reverse):
    motif = next(motif for motif in motifs if motif.id == PLANTED)
    codes = np.zeros((2, 100), dtype=np.uint8)
    site = motif.matrix.argmax(axis=0).astype(np.uint8)
    codes[0, 40 : 40 + len(site)] = codes[0, 10 : 10 + len(site)] = dna.reverse_complement(site) if reverse else site
    windows = np.zeros((2, 100), dtype=np.int32)
    windows[:, 8:60], windows[:, 70:90] = 1, -1
    counts = seqlets.count_rows(codes, windows, [motif], 1e-4)
    assert [int(count[0]) for count in counts] == [1, 0, 1, 0]
    # A site that crosses the edge of a window is not in it.
    windows[:, 8:60], windows[:, 8:24], windows[:, 42:60] = 0, 1, 2
    assert seqlets.count_rows(codes, windows, [motif], 1e-4).in_seqlets[0] == 0


# The test ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("first", "second"), [(0, 0), (1, 0), (5, 5), (12, 3), (3, 12), (40, 11), (0, 30)])
def test_mcnemar_equals_its_closed_form(first, second):
    n = first + second
    tail = sum(math.comb(n, k) for k in range(min(first, second) + 1)) / 2**n
    assert seqlets.mcnemar(first, second) == pytest.approx(min(1, 2 * tail), rel=1e-9)


def test_mcnemar_approaches_the_chi_squared_form():
    first, second = 1060, 940
    corrected = (abs(first - second) - 1) ** 2 / (first + second)
    assert seqlets.mcnemar(first, second) == pytest.approx(stats.chi2.sf(corrected, 1), rel=0.01)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"window": 5}, "seqlets: unknown key 'window'; expected keys: target_fdr"),
        ({"flank": -1}, r"seqlets\.flank: -1 is less than the minimum of 0"),
        ({"max_length": 3}, r"seqlets\.max_length: 3 is less than min_length, which is 4"),
        ({"p_value": 0}, r"seqlets\.p_value: 0 is less than or equal to the minimum of 0"),
        ({"target_fdr": None}, r"seqlets\.target_fdr: None is not of type 'number'"),
    ],
)
def test_bad_settings_are_refused(settings, words):
    with pytest.raises(InputError, match=words):
        seqlets.Settings.complete(settings, "seqlets")


@pytest.mark.parametrize("length", [1, 3, 8, 29, 41])
@pytest.mark.parametrize("values", [0.0, 0.5])
def test_rows_that_say_the_same_of_every_base_have_no_seqlet(tmp_path, database, length, values):
    codes = random_codes(np.random.default_rng(3), 6, length)
    write(tmp_path / "a.npz", codes, np.full((6, 4, length), values, dtype=np.float32))
    paths = tmp_path / "seqlets.tsv", tmp_path / "motif_scores.tsv"
    seqlets.scan_seqlets(tmp_path / "a.npz", database, seqlets.Settings(), 1, 1, *paths)
    assert check_table(paths[0], "seqlets").empty and check_table(paths[1], "motif_scores").empty
