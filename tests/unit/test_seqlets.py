"""Seqlets against planted spans and brute force, and their false ones against what the control says."""

import numpy as np
import pytest

from cisflow.errors import InputError
from cisflow.motifs import seqlets

M, LENGTH = 200, 120
SETTINGS = seqlets.Settings()


def noise(rng, m=M, length=LENGTH):
    """Attributions whose neighbours resemble each other, as those of a network do."""
    values = rng.normal(0, 1, (m, length + 4))
    return sum(values[:, i : length + i] for i in range(5)) / np.sqrt(5)


def bumps(rng, share=0.5, height=3.0, width=14):
    """Noise with one span of high attribution in a share of the rows; its start, or -1."""
    values, starts = noise(rng), np.full(M, -1)
    for row in rng.permutation(M)[: int(share * M)]:
        starts[row] = rng.integers(0, LENGTH - width)
        values[row, starts[row] : starts[row] + width] += height
    return values, starts


def test_planted_spans_are_found_and_little_else():
    rng = np.random.default_rng(0)
    values, starts = bumps(rng)
    called = seqlets.call(values, noise(rng), SETTINGS, rng)
    assert called.null == "shuffled" and called.fdr <= SETTINGS.target_fdr
    spots = called.spots
    true = (
        (starts[spots["row"]] >= 0)
        & (spots["start"] < starts[spots["row"]] + 14)
        & (spots["end"] > starts[spots["row"]])
    )
    assert len(set(spots["row"][true])) > 0.95 * (starts >= 0).sum()
    assert true.mean() > 0.85
    assert ((spots["start"] - starts[spots["row"]])[true].abs() <= 4).mean() > 0.9


@pytest.mark.parametrize("seed", range(3))
def test_the_share_of_false_seqlets_is_what_it_says(seed):
    """Weak spans, so that true and false ones overlap: of those called a tenth is false, within chance."""
    rng = np.random.default_rng(seed)
    values, starts = bumps(rng, share=0.8, height=2.0)
    spots = seqlets.call(values, noise(rng), SETTINGS, rng).spots
    false = (
        (starts[spots["row"]] < 0)
        | (spots["end"] <= starts[spots["row"]])
        | (spots["start"] >= starts[spots["row"]] + 14)
    )
    assert len(spots) > 80 and false.mean() < 2 * SETTINGS.target_fdr


def test_what_shuffled_sequences_hold_as_well_is_told_and_permuted_positions_take_their_place(capsys):
    rng = np.random.default_rng(1)
    values, _ = bumps(rng)
    control, _ = bumps(rng)
    called = seqlets.call(values, control, SETTINGS, rng)
    assert called.null == "permuted" and called.fdr > SETTINGS.target_fdr and len(called.spots)
    assert "as much is attributed to spans of shuffled sequences" in capsys.readouterr().err


def test_nothing_stands_out_of_independent_noise():
    rng = np.random.default_rng(2)
    values = rng.normal(0, 1, (M, LENGTH))
    assert not len(seqlets.call(values, None, SETTINGS, rng).spots)


def test_seqlets_lie_apart_and_add_up():
    rng = np.random.default_rng(3)
    values, _ = bumps(rng, share=0.9)
    spots = seqlets.ranked(values, noise(rng), SETTINGS)
    taken = np.zeros(values.shape, dtype=int)
    for row, start, end, score in spots[["row", "start", "end", "score"]].itertuples(index=False):
        taken[row, start:end] += 1
        assert score == pytest.approx(values[row, start:end].sum(), rel=1e-6)
        assert values[row, start] > 0 and values[row, end - 1] > 0
    assert taken.max() == 1
    assert spots[["row", "start"]].apply(tuple, axis=1).is_monotonic_increasing


def test_p_and_q_values_by_brute_force():
    """One width: the rank of each sum among the control's, and the control's candidates counted one by one."""
    rng = np.random.default_rng(4)
    values, _ = bumps(rng, share=0.3)
    control = noise(rng, 150)
    settings = seqlets.Settings.complete({"min_length": 12, "max_length": 12}, "seqlets")
    spots = seqlets.ranked(values, control, settings)
    sums = np.array([[row[i : i + 12].sum() for i in range(LENGTH - 11)] for row in control]).ravel()
    own = np.array([[row[i : i + 12].sum() for i in range(LENGTH - 11)] for row in values])
    best = spots.loc[spots["p_value"].idxmin()]
    assert best["score"] >= own.max() - 1e-9
    middle = spots.iloc[(spots["p_value"] - 0.01).abs().argsort().iloc[0]]
    inside = [
        own[int(middle["row"]), i]
        for i in range(max(int(middle["end"]) - 12, 0), min(int(middle["start"]), LENGTH - 12) + 1)
    ]
    ranks = [(np.sum(sums >= total) + 1) / (len(sums) + 1) for total in inside]
    assert any(middle["p_value"] == pytest.approx(rank, rel=1e-9) for rank in ranks)
    false = seqlets.ranked(control, control, settings)["p_value"].to_numpy()
    ordered = spots.sort_values("p_value")
    for row in (0, len(ordered) // 2, len(ordered) - 1):
        limit = ordered["p_value"].iloc[row:].to_numpy()
        shares = [
            (np.sum(false <= p) + 1) * (values.size / control.size) / np.sum(spots["p_value"] <= p) for p in limit
        ]
        assert ordered["q_value"].iloc[row] == pytest.approx(min(1, *shares), rel=1e-9)


@pytest.mark.parametrize("length", [1, 3, 8, 29])
@pytest.mark.parametrize("value", [0.0, 0.5, -1.0])
def test_rows_that_say_the_same_of_every_base_have_no_seqlet(length, value):
    values = np.full((6, length), value)
    assert not len(seqlets.call(values, values, SETTINGS, np.random.default_rng(0)).spots)


def test_no_rows():
    empty = np.zeros((0, LENGTH))
    assert not len(seqlets.call(empty, empty, SETTINGS, np.random.default_rng(0)).spots)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"window": 5}, "seqlets: unknown key 'window'; expected keys: target_fdr"),
        ({"flank": -1}, r"seqlets\.flank: -1 is less than the minimum of 0"),
        ({"max_length": 3}, r"seqlets\.max_length: 3 is less than min_length, which is 10"),
        ({"p_value": 0}, r"seqlets\.p_value: 0 is less than or equal to the minimum of 0"),
        ({"target_fdr": None}, r"seqlets\.target_fdr: None is not of type 'number'"),
        ({"null": "none"}, r"seqlets\.null: 'none' is not one of \['shuffled', 'permuted'\]"),
        ({"background": "random"}, r"seqlets\.background: 'random' is not one of \['sequences', 'other', 'genome'\]"),
        ({"extreme": 0.7}, r"seqlets\.extreme: 0\.7 is greater than the maximum of 0\.5"),
    ],
)
def test_bad_settings_are_refused(settings, words):
    with pytest.raises(InputError, match=words):
        seqlets.Settings.complete(settings, "seqlets")
