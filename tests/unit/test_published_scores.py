"""Scoring of factors as in the intron retention study: its own table, its hit rates, and each step by plain loops."""

import gzip
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage, signal, stats

from attributed import attributions
from cisflow.attribution import classes
from cisflow.errors import InputError
from cisflow.io.meme import Motif, read_meme
from cisflow.motifs import published
from cisflow.sequence import dna
from database import JASPAR
from simulated_windows import independent

SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "published"
# As the head of IG_sites.txt says.
BACKGROUND = np.array([0.26706862388049585, 0.23234181913329058, 0.23265356791036093, 0.26793598907585264])
N_CONTROL, N_POSITIVE = 109974, 5521
# Settings that are sizes, not ways.
SIZES = {"folds", "min_probability", "hot_spot", "fraction", "simulated"}
BASES = np.full(4, 0.25)
HEAD = {"threshold": "head", "zero": 1e-20, "window": 32}


def settings(**given):
    return published.Settings.complete(given, "motifs.published")


def shared(name):
    """A file of the study beside this repository."""
    if not (path := SHARED / name).exists():
        pytest.skip(f"{name} of the study is not there")
    return path


@pytest.fixture(scope="module")
def jaspar():
    """The 949 matrices that the study scored."""
    return read_meme(shared("jaspar_949.meme.gz"))


@pytest.fixture(scope="module")
def original():
    """The published table: id, motif, non-IR, IR, diff and adjusted p, in its order."""
    with gzip.open(shared("IG_sites.txt.gz"), "rt") as handle:
        lines = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in handle if line.startswith("|")]
    frame = pd.DataFrame(lines[1:], columns=["rank", "id", "motif", "control", "positive", "difference", "p"])
    frame["id"] = frame["id"].str.split().str[0]
    return frame.astype({"rank": int, "control": int, "positive": int, "difference": float, "p": float})


def random_windows(n, width, chances, seed=0):
    chances = np.asarray(chances)
    return np.random.default_rng(seed).choice(4, (n, width), p=chances / chances.sum()).astype(np.uint8)


# The published table ----------------------------------------------------------------------------------------------


def test_its_counts_give_its_order_differences_and_adjusted_p_values(jaspar, original):
    counts = original.set_index("id").loc[[motif.id for motif in jaspar]]
    table = published.compare(jaspar, counts["control"], counts["positive"], N_CONTROL, N_POSITIVE, settings())
    assert len(table) == 949 and table["motif_id"].tolist() == original["id"].tolist()
    assert table["rank"].tolist() == original["rank"].tolist()
    assert table["consensus"].tolist() == original["motif"].tolist()
    assert table["difference"].round(3).tolist() == original["difference"].tolist()
    np.testing.assert_allclose(table["p_adjusted"], original["p"], rtol=1e-9, atol=0)
    assert (table["p_adjusted"] < 0.05).sum() == 805 and (table["p_adjusted"] == 0).sum() == 165


@pytest.mark.parametrize(
    ("given", "n", "mean", "largest"),
    [
        ({}, 3000, 0.126, 0.685),
        (HEAD, 3000, 0.099, 0.60),
        # Rare, and many at a time: fewer windows would not tell 0.0028 from 0.0030.
        ({"threshold": "per_column"}, 20000, 0.0026, 0.24),
    ],
    ids=["ig_sites", "head", "per_column"],
)
def test_random_windows_are_hit_as_often_as_measured(jaspar, given, n, mean, largest):
    asked = settings(**given)
    fit = [motif for motif in jaspar if motif.matrix.shape[1] <= asked.window]
    hits = published.occurs(random_windows(n, asked.window, BACKGROUND), fit, BACKGROUND, asked)
    assert hits.mean() == pytest.approx(mean, rel=0.1)
    assert hits.mean(axis=0).max() == pytest.approx(largest, rel=0.05)


def test_gc_content_alone_gives_the_published_ranking(jaspar, original):
    by_gc = published.gc_differences(jaspar, (0.40, 0.65), BACKGROUND, settings(simulated=2000), seed=1)
    own = original["positive"] / N_POSITIVE - original["control"] / N_CONTROL
    assert stats.spearmanr(original["id"].map(by_gc), own).statistic == pytest.approx(0.974, abs=0.02)
    top = sorted(by_gc, key=by_gc.get)[-40:]
    assert {"MA0003.1", "MA1650.1", "MA0162.4", "MA1515.1"} <= set(top), "TFAP2A, ZBTB14, EGR1, KLF2"


# Nothing to find --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shipped():
    return read_meme(JASPAR)[::4]


@pytest.mark.parametrize(("gc", "called"), [((0.40, 0.65), (0.5, 1)), ((0.5, 0.5), (0, 0.02))])
def test_classes_that_differ_in_gc_content_alone_make_most_motifs_significant(shipped, gc, called):
    rng, asked = np.random.default_rng(0), settings(simulated=1000)
    hits = [published.occurs(independent(rng, 600, 42, content), shipped, BASES, asked).sum(axis=0) for content in gc]
    table = published.compare(shipped, *hits, 600, 600, asked)
    assert called[0] <= (table["p_adjusted"] < 0.05).mean() <= called[1]
    by_gc = table["motif_id"].map(published.gc_differences(shipped, (0.40, 0.65), BASES, asked, seed=9))
    rho = stats.spearmanr(table["difference"], by_gc).statistic
    assert rho > 0.95 if gc[0] < gc[1] else abs(rho) < 0.5


def test_windows_of_a_sequence_are_not_independent(shipped):
    """Without any difference between the classes: z is too wide over windows, and right over sequences."""
    rng, spread = np.random.default_rng(0), {}
    for how, given in (("windows", {}), ("sequences", {"count": "sequences", "pad": 42})):
        asked, hits, sizes = settings(**given), [], []
        for _ in range(2):
            smooth = ndimage.uniform_filter1d(rng.normal(size=(300, 4, 200)), 9, axis=2, mode="constant")
            rows = attributions(independent(rng, 300, 200, 0.45), smooth.astype(np.float32))
            spots = published.hot_spots(rows, asked)
            unit = published.units(rows.ids, spots.rows, asked)
            hits.append(published.count(published.occurs(spots.codes, shipped, BASES, asked), unit))
            sizes.append(unit.max() + 1)
        spread[how] = np.std(published.tested(*hits, *sizes, "z_test")[0])
    assert spread["windows"] > 1.3 and 0.8 < spread["sequences"] < 1.2


# Steps by plain loops ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def few():
    """Motifs of widths 1 to 12, some probabilities 0."""
    rng = np.random.default_rng(4)
    found = []
    for number, width in enumerate((1, 4, 4, 7, 12)):
        matrix = rng.dirichlet((0.4,) * 4, width).T.round(2)
        found.append(Motif(f"m{number}", "", matrix / matrix.sum(axis=0)))
    return found


@pytest.mark.parametrize("strands", ["reverse_complement", "both"])
@pytest.mark.parametrize("threshold", ["ig_sites", "head", "per_column"])
def test_hits_are_those_of_a_convolution(few, threshold, strands):
    asked = settings(threshold=threshold, strands=strands, window=20, zero=1e-4)
    codes = random_windows(150, 20, (3, 2, 2, 3))
    codes[::7, 5] = dna.UNKNOWN
    # As where the end of a sequence cuts a window off.
    codes[::5, 11:] = dna.ABSENT
    found = published.occurs(codes, few, BACKGROUND, asked)
    for row, window in enumerate(codes):
        bases = dna.one_hot(window[window != dna.ABSENT])
        for column, motif in enumerate(few):
            odds = np.log(np.where(motif.matrix == 0, 1e-4, motif.matrix) / BACKGROUND[:, None])
            # The three rules in the study's words.
            least = {
                "ig_sites": 0.8 * np.max(odds),
                "head": 0.8 * np.max(motif.matrix),
                "per_column": 0.8 * sum(max(odds[:, place]) for place in range(odds.shape[1])),
            }[threshold]
            sums = []
            if bases.shape[1] >= odds.shape[1]:
                sums += signal.convolve2d(bases, odds, mode="valid").ravel().tolist()
                if strands == "both":
                    sums += signal.correlate2d(bases, odds, mode="valid").ravel().tolist()
            assert found[row, column] == any(value > least for value in sums), (row, motif.id)
    assert 0 < found.mean() < 1


def test_a_convolution_finds_the_reverse_complement_alone():
    matrix = dna.one_hot(dna.encode("GATTACA")) * 0.96 + 0.01
    windows = np.stack([dna.encode("CCCCGATTACACCCC"), dna.encode("CCCCTGTAATCCCCC")])
    for strands, expected in (("reverse_complement", [False, True]), ("both", [True, True])):
        asked = settings(threshold="per_column", strands=strands, window=15)
        assert published.occurs(windows, [Motif("m", "", matrix)], BACKGROUND, asked)[:, 0].tolist() == expected


def test_a_motif_wider_than_the_window_is_skipped(few):
    found = published.occurs(random_windows(50, 6, BACKGROUND), few, BACKGROUND, settings(window=6))
    assert found[:, :3].any() and not found[:, 3:].any()
    counts = found.sum(axis=0)
    table = published.compare(few, counts, counts, 50, 50, settings())
    assert set(table["motif_id"]) <= {"m0", "m1", "m2"} and (table["p_adjusted"] == 1).all()


def by_loops(values, length, asked):
    """[(row, start, end)] of the windows around hot spots, as the study walks along a sequence."""
    found, half = [], asked.window // 2
    for row, scores in enumerate(values):
        last = None
        for i in range(length - half):
            high = scores[i + half] > asked.hot_spot * max(scores) and scores[i + half] > 0
            if high and (last is None or i - last > asked.pad):
                if asked.truncated == "keep" or i + asked.window <= length:
                    found.append((row, i, min(i + asked.window, length)))
                last = i
    return found


@pytest.mark.parametrize(
    "given",
    [
        {"window": 10},
        {"window": 9, "pad": 3, "hot_spot": 0.4},
        {"window": 10, "pad": 0, "truncated": "drop", "hot_spot": 0.5},
        {"window": 10, "bases": "present", "hot_spot": 0.2, "pad": 10},
        {"window": 50},
    ],
)
def test_hot_spots_are_those_of_a_walk_along_each_row(given):
    rng = np.random.default_rng(2)
    codes = random_windows(30, 40, BACKGROUND)
    rows = attributions(codes, rng.normal(0, 1, (30, 4, 40)).astype(np.float32))
    # A row without anything positive at the base present, and one whose maximum lies in the first half window.
    rows.multipliers[3] = -1 * dna.one_hot(codes[3])
    rows.multipliers[4, :, 1] = 9
    asked = settings(**given)
    x = dna.one_hot(codes)
    contributions = rows.multipliers * (x - 0.25)
    values = contributions.max(axis=1)
    if asked.bases == "present":
        corrected = rows.multipliers - rows.multipliers.mean(axis=1, keepdims=True)
        values = (corrected * x).sum(axis=1)
    expected = by_loops(values.tolist(), 40, asked)
    found = published.hot_spots(rows, asked)
    assert found.rows.tolist() == [row for row, _, _ in expected]
    assert found.codes.shape == (len(expected), asked.window) and (expected or asked.window > 40)
    for window, (row, start, end) in zip(found.codes, expected, strict=True):
        assert window[: end - start].tolist() == codes[row, start:end].tolist()
        assert (window[end - start :] == dna.ABSENT).all()


def test_sequences_are_counted_once_over_windows_and_strands():
    ids = np.array(["a", "a", "b", "c"])
    rows = np.array([0, 0, 1, 2, 2, 3])
    hits = np.array([[1, 0], [1, 0], [1, 0], [0, 1], [1, 0], [0, 0]], dtype=bool)
    for how, expected, n in (("windows", [4, 1], 6), ("sequences", [2, 1], 3)):
        unit = published.units(ids, rows, settings(count=how))
        assert published.count(hits, unit).tolist() == expected and unit.max() + 1 == n
    assert published.count(np.zeros((0, 2), dtype=bool), np.zeros(0, dtype=int)).tolist() == [0, 0]


def test_tests_of_two_proportions_are_those_of_scipy():
    control, positive = np.array([30, 5, 90, 7]), np.array([40, 6, 1, 2])
    z, p = published.tested(control, positive, 100, 60, "z_test")
    _, exact = published.tested(control, positive, 100, 60, "fisher")
    for column in range(4):
        table = [[positive[column], 60 - positive[column]], [control[column], 100 - control[column]]]
        chi = stats.chi2_contingency(table, correction=False)
        assert z[column] ** 2 == pytest.approx(chi.statistic) and p[column] == pytest.approx(chi.pvalue)
        assert np.sign(z[column]) == np.sign(positive[column] / 60 - control[column] / 100)
        assert exact[column] == pytest.approx(stats.fisher_exact(table).pvalue)
    # Hit in every window of both.
    assert published.tested(np.array([5]), np.array([3]), 5, 3, "z_test")[1].tolist() == [1]
    assert published.adjusted(np.array([0.01, 0.4]), "bonferroni").tolist() == [0.02, 0.8]
    assert published.adjusted(np.array([0.01, 0.4]), "benjamini_hochberg").tolist() == [0.02, 0.4]


# Rows of classes --------------------------------------------------------------------------------------------------


def predictions(folder, **changes):
    columns = {
        "id": ["a", "b", "c", "d", "e"],
        "fold": ["test", "test", "valid", "train", "test"],
        "target": "t",
        "label": [1, 0, 1, 1, None],
        "forward": [0.95, 0.1, 0.85, 0.9, 0.9],
        "reverse": [0.70, 0.15, 0.99, 0.9, 0.9],
        "probability": [0.825, 0.125, 0.92, 0.9, 0.9],
    }
    pd.DataFrame(columns | changes).to_csv(folder / "predictions.tsv", sep="\t", index=False)
    return folder / "predictions.tsv"


def asked_rows(**given):
    return classes.Rows.complete(given, "--classes")


def test_each_strand_is_predicted_and_chosen_by_itself(tmp_path):
    rows = classes.read(predictions(tmp_path), asked_rows())
    assert rows["id"].tolist() == ["a", "b", "c"] * 2 and rows["strand"].tolist() == ["+"] * 3 + ["-"] * 3
    assert rows["kept"].tolist() == [True, True, True, False, True, True]
    chosen = classes.select(rows)
    kept = list(zip(chosen["target"], chosen["id"], chosen["strand"], strict=True))
    # Class 0 has the rows of label 1 too, which the study did not take out.
    of_zero = [("t=0", "a", "+"), ("t=0", "b", "+"), ("t=0", "c", "+"), ("t=0", "b", "-"), ("t=0", "c", "-")]
    assert kept == [*of_zero, ("t=1", "a", "+"), ("t=1", "c", "+"), ("t=1", "c", "-")]
    np.testing.assert_allclose(chosen["prediction"], [0.05, 0.9, 0.15, 0.85, 0.01, 0.95, 0.85, 0.99])
    codes = random_windows(2, 9, BACKGROUND)
    strands = classes.sequences(codes[[0, 1, 1]], ["+", "-", "+"])
    assert strands.tolist() == [codes[0].tolist(), dna.reverse_complement(codes[1]).tolist(), codes[1].tolist()]


def test_windows_are_rows_where_asked_and_where_one_strand_is_known(tmp_path):
    rows = classes.read(predictions(tmp_path), asked_rows(rows="windows", folds=["test"]))
    assert rows["id"].tolist() == ["a", "b"] and rows["probability"].tolist() == [0.825, 0.125]
    rows = classes.read(predictions(tmp_path, reverse=None), asked_rows())
    assert rows["id"].tolist() == ["a", "b", "c"] and set(rows["strand"]) == {"+"}


def test_predictions_of_numbers_are_refused(tmp_path):
    pd.DataFrame({"id": ["a"], "fold": "test", "target": "t", "value": 1.0}).to_csv(tmp_path / "p.tsv", sep="\t")
    with pytest.raises(InputError, match="no column label"):
        classes.read(tmp_path / "p.tsv", asked_rows())


def test_a_filtered_control_has_rows_of_its_own_label(tmp_path):
    codes = random_windows(4, 12, BACKGROUND)
    rows = attributions(codes, np.zeros((4, 4, 12), dtype=np.float32))
    chance = np.array([0.9, 0.1, 0.85, 0.99], dtype=np.float32)
    rows = rows._replace(targets=np.array(["t=0", "t=0", "t=1", "u=0"]), prediction=chance)
    taken = {
        how: published.take(rows, "t", 0, settings(control=how)).ids.tolist() for how in ("unfiltered", "filtered")
    }
    assert taken == {"unfiltered": ["w0", "w1"], "filtered": ["w0"]}
    assert published.take(rows, "t", 1, settings()).ids.tolist() == ["w2"]


def test_the_docs_name_every_setting_and_undo_each_flaw_by_a_value_that_it_has():
    text = (Path(__file__).parents[2] / "docs" / "motifs.md").read_text()
    text = text.split("## Published scoring", 1)[1].split("\n## ", 1)[0]
    (flaws,) = re.findall(r"\| to undo it \|\n\|---.*?\n\n", text, re.DOTALL)
    undone = dict(re.findall(r"\| `(\w+): (\w+)` \|", flaws))
    settings(**{name: int(value) if value.isdecimal() else value for name, value in undone.items()})
    others = {"logits", "rows", "bases", "zero", "window"}
    assert set(undone) | others == set(published.Settings.schema()) - SIZES
