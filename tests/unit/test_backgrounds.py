"""Windows of the background: what they share with those that they match, and where they may lie."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cisflow.motifs import backgrounds, balancing
from cisflow.sequence import dna


def codes_of(rng, m, length, gc=0.5):
    return rng.choice(4, p=np.array([1 - gc, gc, gc, 1 - gc]) / 2, size=(m, length)).astype(np.uint8)


def windows_of(rng, m, length, each=2):
    rows = [(row, start, start + rng.integers(8, 20)) for row in range(m) for start in (5, 60)[:each]]
    return pd.DataFrame(rows, columns=["row", "start", "end"])


def mask(windows, shape):
    found = np.zeros(shape, dtype=bool)
    for row, start, end in windows.itertuples(index=False):
        found[row, start:end] = True
    return found


def composition(codes):
    text = dna.decode(codes)
    return len(text), text.count("G") + text.count("C"), text.count("CG")


@pytest.mark.parametrize("own_rows", [True, False])
def test_matches_have_the_same_width_gc_and_cpg_and_lie_off_all_windows(own_rows):
    rng = np.random.default_rng(0)
    codes, windows = codes_of(rng, 60, 150), windows_of(rng, 60, 150)
    codes[3, 100:120] = dna.UNKNOWN
    taken = mask(windows, codes.shape)
    pool = backgrounds.Pool(codes, taken.copy(), np.arange(60))
    found = backgrounds.match(windows, codes, pool, rng, own_rows)
    assert len(found) > 0.95 * len(windows)
    used = taken.copy()
    for row, start, end, place, first in found.itertuples(index=False):
        span = slice(first, first + end - start)
        assert composition(codes[row, start:end]) == composition(codes[place, span])
        assert not used[place, span].any() and (codes[place, span] < dna.UNKNOWN).all()
        used[place, span] = True
    own = (found["row"] == found["pool_row"]).mean()
    assert own > 0.5 if own_rows else own < 0.2


def test_places_are_drawn_uniformly():
    rng = np.random.default_rng(1)
    codes = np.zeros((4000, 30), dtype=np.uint8)
    windows = pd.DataFrame({"row": np.arange(4000), "start": 10, "end": 14})
    pool = backgrounds.Pool(codes, mask(windows, codes.shape), np.arange(4000))
    found = backgrounds.match(windows, codes, pool, rng, own_rows=True)
    places = np.bincount(found["pool_start"], minlength=30)
    free = np.r_[0:7, 14:27]
    assert places[free].sum() == 4000 and stats.chisquare(places[free]).pvalue > 0.01


def test_a_window_without_a_match_is_left_out():
    codes = np.zeros((2, 40), dtype=np.uint8)
    codes[0, 5:15] = dna.BASES.index("G")
    codes[1, 20:24] = dna.UNKNOWN
    windows = pd.DataFrame({"row": [0, 1, 1], "start": [5, 18, 30], "end": [15, 26, 36]})
    pool = backgrounds.Pool(codes, mask(windows, codes.shape), np.arange(2))
    found = backgrounds.match(windows, codes, pool, np.random.default_rng(0))
    assert found[["row", "start"]].to_numpy().tolist() == [[1, 30]]


def test_windows_wider_than_the_pool_have_no_match():
    codes = np.zeros((2, 40), dtype=np.uint8)
    windows = pd.DataFrame({"row": [0], "start": [0], "end": [30]})
    pool = backgrounds.Pool(codes[:, :20], np.zeros((2, 20), dtype=bool))
    assert not len(backgrounds.match(windows, codes, pool, np.random.default_rng(0)))


def test_flanked_seqlets_that_meet_are_one():
    spots = pd.DataFrame({"row": [0, 0, 0, 2], "start": [0, 8, 30, 95], "end": [4, 12, 34, 99]})
    found = backgrounds.spans(spots, 100, 2)
    assert found.to_numpy().tolist() == [[0, 0, 14], [0, 28, 36], [2, 93, 100]]


def test_words_by_brute_force():
    rng = np.random.default_rng(2)
    codes = rng.integers(0, 4, (5, 17)).astype(np.uint8)
    codes[1, 4], codes[2, 12:] = dna.UNKNOWN, dna.ABSENT
    found = balancing.words(codes)
    assert found.shape == (5, 2 + 10 + 32)
    for row, counts in zip(codes, found, strict=True):
        texts = [dna.decode(part) for part in np.split(row, [12]) if (part < dna.ABSENT).all()]
        for k, part in zip((1, 2, 3), np.split(counts, [2, 12]), strict=True):
            words = [text[i : i + k] for text in ["".join(texts)] for i in range(len(text) - k + 1)]
            words = [word for word in words if "N" not in word]
            turned = str.maketrans("ACGT", "TGCA")
            both = [min(word, word.translate(turned)[::-1]) for word in words]
            expected = sorted(both.count(word) / len(both) for word in set(both))
            np.testing.assert_allclose(sorted(part[part > 0]), expected)


def test_weights_give_the_background_the_words_of_the_foreground():
    rng = np.random.default_rng(3)
    foreground = balancing.words(codes_of(rng, 300, 60, 0.5))
    background = balancing.words(codes_of(rng, 3000, 60, 0.46))
    found = balancing.balance(foreground, background)
    scale = np.vstack([foreground, background]).std(axis=0)
    apart = np.abs(found.weights @ background / len(background) - foreground.mean(axis=0)) / scale
    assert found.weights.mean() == pytest.approx(1) and (found.weights > 0).all()
    # Up to two standard errors, which chance explains.
    assert apart.max() == pytest.approx(found.after, abs=1e-6)
    assert found.after <= 2 * np.sqrt(1 / 300 + 1 / 3000) + 1e-3 < 0.3 < found.before
    assert found.worth == pytest.approx(found.weights.sum() ** 2 / (found.weights**2).sum())


def test_windows_of_one_composition_keep_their_weights():
    rng = np.random.default_rng(5)
    for n in (100, 1000):
        found = balancing.balance(*(balancing.words(codes_of(rng, n, 40)) for _ in range(2)))
        assert found.worth > 0.97 * n and found.weights.std() < 0.2


def test_weights_never_rest_on_few_windows():
    rng = np.random.default_rng(4)
    found = balancing.balance(
        balancing.words(codes_of(rng, 300, 60, 0.7)), balancing.words(codes_of(rng, 300, 60, 0.3))
    )
    assert found.worth >= balancing.LEAST_WORTH * 300 and found.after < found.before


def test_a_single_window_has_the_weight_of_one():
    words = balancing.words(np.zeros((1, 20), dtype=np.uint8))
    assert balancing.balance(words, words).weights.tolist() == [1]
