"""Pairs of motifs: a planted spacing is found, chance and what a motif prefers of a window are not."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from attributed import write as write_attributions
from cisflow.io.tables import write_table
from cisflow.motifs import instances, runs, spacing
from patterned import write
from tables import check_table

N, LENGTH, WIDTH = 300, 200, 9
NAMES = ["M1", "M2", "M3"]


def site(pattern, sequence, middle, strand, **others):
    """An instance of a pattern with its middle at a base."""
    start = middle - WIDTH // 2
    known = {"model": "a", "split": "random", "seed": 1, "method": "ism", "kind": "seqlet", "output": "t"}
    place = {"id": f"w{sequence:03}", "start": start, "end": start + WIDTH, "strand": strand, "sign": "+"}
    return {"pattern": pattern} | known | place | {"contribution": 1.0} | others


def scattered(rng, places=(5, 195)):
    """A site of each pattern in each sequence, anywhere."""
    return [
        site(name, number, int(rng.integers(*places)), "+-"[rng.integers(2)]) for number in range(N) for name in NAMES
    ]


def planted(rng, n=60):
    """In `n` sequences more, M2 lies 12 bp behind M1, on the other strand, pointing at it."""
    rows = []
    for number in range(N - n, N):
        middle, strand = int(rng.integers(40, 160)), "+-"[rng.integers(2)]
        ahead = 12 if strand == "+" else -12
        rows += [site("M1", number, middle, strand), site("M2", number, middle + ahead, "-+"[strand == "-"])]
    return [row for row in scattered(rng) if row["id"] < f"w{N - n:03}"] + rows


def tables(folder, rows, names=NAMES, **settings):
    """{table: frame} of made-up instances."""
    out = folder / "patterns"
    out.mkdir(exist_ok=True)
    write_table(out / "runs.tsv", pd.DataFrame([("a", "random", 1, "ism")], columns=runs.COLUMNS))
    (run,) = runs.read(out / "runs.tsv")
    for path in (run.modisco, run.attributions):
        path.parent.mkdir(parents=True, exist_ok=True)
    codes = np.zeros((N, LENGTH), dtype=np.uint8)
    write(run.modisco, codes, [])
    ids = np.array([f"w{number:03}" for number in range(N)])
    write_attributions(run.attributions, codes, np.zeros((N, 4, LENGTH), np.float32), ids=ids)
    known = {"pattern": names, "width": WIDTH, "match_name": ["CTCF", "", "REST"][: len(names)], "consensus": "ACG"}
    write_table(out / "patterns.tsv", pd.DataFrame(known))
    write_table(out / "instances.tsv", pd.DataFrame(rows, columns=instances.COLUMNS))
    settings = spacing.Settings.complete(settings, "motifs.spacing")
    paths = {name: out / f"{name}.tsv" for name in ("together", "spacing", "distances")}
    files = (out / "runs.tsv", out / "patterns.tsv", out / "instances.tsv")
    spacing.write_spacing(*files, settings, *paths.values())
    for name, path in paths.items():
        check_table(path, name)
    return {name: pd.read_csv(path, sep="\t") for name, path in paths.items()}


def test_a_planted_pair_is_found_at_its_distance_and_orientation(tmp_path):
    found = tables(tmp_path, planted(np.random.default_rng(0)))
    spaced = found["spacing"]
    best = spaced.iloc[0]
    assert best[["first", "second", "orientation", "distance"]].tolist() == ["M1", "M2", "first> <second", 12]
    assert best["n"] >= 60 and best["expected"] < 3 and best["q_value"] < 1e-20
    assert best["orientation_q_value"] < 1e-6 and best["n_pairs"] > best["expected_pairs"]
    assert (spaced["q_value"][1:] > 0.05).all()
    listed = found["distances"]
    at = listed[(listed["orientation"] == "first> <second") & (listed["distance"] == 12)]
    assert at.set_index(["first", "second"])["n"]["M1", "M2"] == best["n"]
    assert set(best[["first_name", "second_name"]]) == {"CTCF", "ACG"}


@pytest.mark.parametrize("null", ["pattern", "uniform"])
def test_sites_anywhere_have_no_spacing(tmp_path, null):
    found = tables(tmp_path, scattered(np.random.default_rng(6)), null=null)["spacing"]
    # Three pairs of patterns, none of one pattern twice.
    assert len(found) == 12 and (found["q_value"] > 0.05).all() and (found["orientation_q_value"] > 0.05).all()
    total = found[["n_pairs", "expected_pairs"]].sum()
    assert total["n_pairs"] == pytest.approx(total["expected_pairs"], rel=0.1)


def test_what_motifs_prefer_of_a_window_is_no_spacing(tmp_path):
    rng = np.random.default_rng(2)
    centred = [
        site(name, number, middle + int(rng.normal(0, 2)), "+")
        for number in range(N)
        for name, middle in zip(NAMES, (70, 90, 120), strict=True)
    ]
    assert (tables(tmp_path, centred)["spacing"]["q_value"] > 0.05).all()
    assert (tables(tmp_path, centred, null="uniform")["spacing"]["q_value"] < 1e-6).any()


def test_pairs_are_counted_as_by_hand():
    rng = np.random.default_rng(3)
    n, far = 60, 30
    sequence, pattern = np.sort(rng.integers(0, 15, n)), rng.integers(0, 3, n)
    order = np.lexsort((pattern, sequence))
    sites = spacing.Sites(sequence[order], pattern[order], rng.integers(0, 120, n), rng.choice([-1, 1], n))
    pairs = list(itertools.combinations_with_replacement(range(3), 2))
    settings = spacing.Settings(max_distance=far)
    found = spacing.count(sites, pairs, np.full(3, WIDTH), 60, settings).observed
    expected = np.zeros_like(found)
    for one, other in itertools.combinations(range(n), 2):
        first, second = sites.pattern[one], sites.pattern[other]
        apart = (sites.middle[other] - sites.middle[one]) * sites.strand[one]
        if sites.sequence[one] == sites.sequence[other] and abs(apart) // 2 <= far:
            opposite = sites.strand[one] != sites.strand[other]
            way = {(False, True): 0, (False, False): 1, (True, True): 2, (True, False): 3}[
                bool(opposite), bool(apart >= 0)
            ]
            way = 0 if first == second and not opposite else way
            expected[pairs.index((first, second)), way, abs(apart) // 2] += 1
    np.testing.assert_array_equal(found, expected)
    assert found.sum() > 30


@pytest.mark.parametrize("null", ["pattern", "uniform"])
def test_expected_pairs_are_the_mean_over_shuffles(null):
    """Against shuffles that are drawn: sites that lie near 30 and 60, of patterns of odd and even width."""
    rng = np.random.default_rng(4)
    n, length, widths = 400, 90, np.array([9, 6, 13])
    sequence, pattern = rng.integers(0, 100, n), rng.integers(0, 3, n)
    order = np.lexsort((pattern, sequence))
    sequence, pattern = sequence[order], pattern[order]
    start = np.clip(rng.normal(30, 5, n) + 30 * (pattern == 1), 0, 70).astype(int)
    strand = np.where(rng.random(n) < 0.7, 1, -1)
    sites = spacing.Sites(sequence, pattern, 2 * start + widths[pattern] - 1, strand)
    pairs = list(itertools.combinations_with_replacement(range(3), 2))
    settings = spacing.Settings(max_distance=50, null=null)
    expected = spacing.count(sites, pairs, widths, length, settings).expected
    total, draws = np.zeros_like(expected), 200
    for _ in range(draws):
        shuffled = np.arange(n)
        for number in range(3):
            shuffled[pattern == number] = rng.permutation(shuffled[pattern == number])
        drawn = sites._replace(middle=sites.middle[shuffled], strand=strand[shuffled])
        if null == "uniform":
            start = rng.integers(0, length - widths[pattern] + 1)
            drawn = sites._replace(middle=2 * start + widths[pattern] - 1, strand=rng.choice([-1, 1], n))
        total += spacing.count(drawn, pairs, widths, length, settings).observed
    error = (total / draws - expected) / np.sqrt(np.maximum(expected, 1e-3) / draws)
    assert expected.sum() > 500 and not total[expected == 0].any()
    assert np.abs(error[expected > 0.1]).max() < 5 and error[expected > 0.1].std() == pytest.approx(1, abs=0.15)


def test_p_values_of_chance_are_no_smaller_than_they_should():
    """Of pairs of scattered patterns; counts are whole, so that p-values are somewhat too large."""
    rng = np.random.default_rng(5)
    n, patterns = 12000, 15
    sequence, pattern = rng.integers(0, 2000, n), rng.integers(0, patterns, n)
    order = np.lexsort((pattern, sequence))
    sites = spacing.Sites(sequence[order], pattern[order], 2 * rng.integers(0, 190, n) + 8, rng.choice([-1, 1], n))
    pairs = list(itertools.combinations_with_replacement(range(patterns), 2))
    widths = np.full(patterns, WIDTH)
    counts = spacing.count(sites, pairs, widths, LENGTH, spacing.Settings())
    found = spacing.preferred(counts, pairs, spacing.least_distances(pairs, widths), 20)
    assert len(found) > 400
    for name in ("p_value", "orientation_p_value"):
        for level in (0.01, 0.05, 0.2):
            assert (found[name] <= level).mean() < 1.35 * level + 0.005
    assert (found["p_value"] <= 0.2).mean() > 0.05


def test_co_occurrence_is_that_of_fisher(tmp_path):
    rows = [site("M1", number, 50, "+") for number in range(100)]
    rows += [site("M2", number, 120, "+") for number in range(40, 160)]
    rows += [site("M3", number, 160, "-") for number in (0, *range(200, 260))]
    found = tables(tmp_path, rows)["together"].set_index(["first", "second"])
    assert found.loc[("M1", "M2"), ["n_sequences", "n_first", "n_second", "n_both"]].tolist() == [N, 100, 120, 60]
    assert found.loc[("M1", "M2"), "expected"] == pytest.approx(40)
    p = [stats.fisher_exact([[60, 40], [60, 140]]).pvalue, stats.fisher_exact([[1, 99], [60, 140]]).pvalue]
    p += [stats.fisher_exact([[0, 120], [61, 119]]).pvalue]
    pairs = [("M1", "M2"), ("M1", "M3"), ("M2", "M3")]
    np.testing.assert_allclose(found.loc[pairs, "p_value"], p)
    np.testing.assert_allclose(found.loc[pairs, "q_value"], stats.false_discovery_control(p))


def test_a_place_that_several_runs_show_is_one_site(tmp_path):
    rows = [site("M1", 0, 50, "+", seed=seed) for seed in (1, 2, 3)]
    # Shifted, on the other strand, of another pattern, elsewhere.
    rows += [site("M1", 0, 52, "+", seed=4), site("M1", 0, 50, "-", method="tism")]
    rows += [site("M2", 0, 50, "+"), site("M1", 0, 90, "-"), site("M1", 7, 50, "+")]
    write_table(tmp_path / "instances.tsv", pd.DataFrame(rows, columns=instances.COLUMNS))
    found = spacing.read_sites(tmp_path / "instances.tsv", NAMES, {"w000": 0, "w007": 1})
    assert np.transpose(found).tolist() == [[0, 0, 100, 1], [0, 0, 180, -1], [0, 1, 100, 1], [1, 0, 100, 1]]


def test_hits_stand_for_seqlets_where_there_are_any(tmp_path):
    rows = [site("M1", 0, 50, "+"), site("M1", 0, 90, "+", kind="hit")]
    write_table(tmp_path / "instances.tsv", pd.DataFrame(rows, columns=instances.COLUMNS))
    assert spacing.read_sites(tmp_path / "instances.tsv", NAMES, {"w000": 0}).middle.tolist() == [180]


def test_two_sites_that_share_bases_are_not_apart(tmp_path):
    """Motifs of 9 bp, of which 7 are no flank, share none of these from 7 bp on."""
    rows = [site(name, number, 50 + 6 * (name == "M2"), "+") for number in range(100) for name in ("M1", "M2")]
    assert tables(tmp_path, rows)["spacing"].empty
    rows = [site(name, number, 50 + 7 * (name == "M2"), "+") for number in range(100) for name in ("M1", "M2")]
    assert tables(tmp_path, rows)["spacing"]["n_pairs"].sum() == 100


@pytest.mark.parametrize("names", [[], NAMES])
def test_nothing_found_is_empty_tables(tmp_path, names):
    assert all(table.empty for table in tables(tmp_path, [], names).values())
