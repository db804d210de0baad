"""Measures of how attribution methods compare: closed forms, NumPy, scikit-learn, and truths that are known."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats
from sklearn.metrics import average_precision_score
from torch import nn

from attributed import attributions
from cisflow import models
from cisflow.attribution import blocks, targets
from cisflow.attribution.comparison import agreement, perturbation
from cisflow.models.network import Network
from cisflow.sequence import dna

LENGTH = 40


class Linear(nn.Module):
    """A linear output and its reverse complement, so that both strands have the same."""

    output, length, n_outputs = "logit", LENGTH, 1

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, LENGTH))

    def forward(self, x):
        return (x * (self.weight + self.weight.flip(0, 1))).sum(dim=(1, 2))[:, None] / 2


def part(codes, multipliers, ids=None):
    given = {} if ids is None else {"ids": np.array(ids)}
    return attributions(codes, multipliers, targets=np.full(len(codes), "x"), **given)


@pytest.fixture
def codes():
    return np.random.default_rng(0).integers(0, 4, (30, LENGTH)).astype(np.uint8)


@pytest.fixture
def noise():
    return np.random.default_rng(1).normal(size=(2, 30, 4, LENGTH)).astype(np.float32)


def test_average_precision_is_scikit_learns():
    rng = np.random.default_rng(2)
    for _ in range(20):
        labels, values = rng.random(30) < 0.3, rng.integers(0, 8, 30).astype(float)
        labels[0] = True
        expected = average_precision_score(labels, values)
        assert agreement.average_precision(labels, values) == pytest.approx(expected)


def test_agreement_is_the_correlation_of_effects(codes, noise):
    parts = {"ism": part(codes, noise[0]), "other": part(codes, noise[0] + noise[1])}
    found = agreement.agreement(parts, "ism")
    assert set(found["method"]) == {"other"}
    for row in (0, 17):
        present = codes[row], np.arange(LENGTH)
        effects = [each.multipliers[row] - each.multipliers[row][present] for each in parts.values()]
        expected = np.corrcoef(effects[0].ravel(), effects[1].ravel())[0, 1]
        of_row = found[found["id"] == f"w{row}"].set_index("scores")["pearson"]
        assert of_row["all bases"] == pytest.approx(expected)
        # Minus the mean over the three other bases.
        means = [-each.sum(axis=0) / 3 for each in effects]
        assert of_row["base present"] == pytest.approx(np.corrcoef(*means)[0, 1])


def test_a_constant_has_no_correlation():
    first = np.array([[1.0, 2, 3], [1, 1, 1]])
    found = agreement.correlation(first, 2 * first + 1)
    assert found[0] == pytest.approx(1)
    assert np.isnan(found[1])


def test_what_was_planted_is_recovered_and_chance_has_its_share(codes):
    truth = pd.DataFrame({"id": [f"w{row}" for row in range(30)], "target": "x", "start": 10, "end": 18})
    truth = truth[truth["id"] != "w3"]
    perfect = np.zeros((30, 4, LENGTH), dtype=np.float32)
    perfect[:, :, 10:18] = dna.one_hot(codes[:, 10:18])
    found = pd.concat(
        agreement.planted({"perfect": part(codes, perfect), "opposite": part(codes, -perfect)}, truth, seed)
        for seed in range(20)
    )
    values = found.groupby("method")["average_precision"]
    # The sign of a score does not count.
    assert values.min()["perfect"] == values.min()["opposite"] == 1
    assert "w3" not in set(found["id"])
    assert (found["base_rate"] == 0.2).all() and (found["n_planted"] == 1).all()
    # Of 8 in 40 at random: the mean of the average precision lies a little over the share.
    rng = np.random.default_rng(9)
    labels = np.arange(LENGTH) < 8
    expected = np.mean([average_precision_score(labels, rng.random(LENGTH)) for _ in range(2000)])
    assert values.mean()[agreement.RANDOM] == pytest.approx(expected, abs=0.03)


def test_at_fixed_gc_a_score_of_gc_recovers_no_more_than_chance():
    rng = np.random.default_rng(3)
    codes = rng.choice(4, size=(30, LENGTH), p=[0.4, 0.1, 0.1, 0.4]).astype(np.uint8)
    # Six of the eight planted bases are G or C.
    codes[:, 10:16], codes[:, 16:18], codes[:, 0] = 1, 0, dna.UNKNOWN
    truth = pd.DataFrame({"id": [f"w{row}" for row in range(30)], "target": "x", "start": 10, "end": 18})
    parts = {
        "gc": part(codes, np.float32(dna.one_hot(codes) * np.isin(codes, (1, 2))[:, None])),
        "noise": part(codes, rng.normal(size=(30, 4, LENGTH)).astype(np.float32)),
    }
    found = agreement.planted(parts, truth, 0).set_index(["method", "id"])
    labels = np.isin(np.arange(LENGTH), np.arange(10, 18))
    for row in range(30):
        strong, weak = np.isin(codes[row], (1, 2)), np.isin(codes[row], (0, 3))
        chance = 0.75 * labels[strong].mean() + 0.25 * labels[weak].mean()
        gc = found.loc["gc", f"w{row}"]
        assert gc["average_precision_fixed_gc"] == pytest.approx(chance)
        assert gc["base_rate_fixed_gc"] == pytest.approx(chance)
        assert gc["average_precision"] > chance
        size = np.abs(agreement.at_present(parts["noise"].multipliers, codes)[row])
        expected = [average_precision_score(labels[group], size[group]) for group in (strong, weak)]
        noise = found.loc["noise", f"w{row}"]
        assert noise["average_precision_fixed_gc"] == pytest.approx(np.average(expected, weights=[6, 2]))
        assert noise["average_precision"] == pytest.approx(average_precision_score(labels, size))


def linear_curves(codes):
    """A linear model's gain from each base of the sequences over a replaced one, its curves, and its output of none."""
    torch.manual_seed(0)
    model = Linear().eval()
    wanted = targets.Targets([0], 1, np.zeros((30, 1)))
    found = blocks.multipliers(model, codes, wanted, "tism")[:, 0]
    frame = perturbation.curves(model, {"tism": part(codes, found)}, wanted, 0, batch_size=7)
    weight = ((model.weight + model.weight.flip(0, 1)) / 2).detach().numpy()
    gains = (dna.one_hot(codes) * weight).sum(axis=1) - weight.mean(axis=0)
    return gains, frame[frame["method"] == "tism"], weight.mean(axis=0).sum()


def test_curves_of_a_linear_model_are_sums_of_its_weights(codes):
    gains, frame, base = linear_curves(codes)
    totals = gains.sum(axis=1)
    assert totals.min() < -1 and totals.max() > 1
    for row in (totals.argmin(), totals.argmax(), 11):
        gain = gains[row]
        # Those that speak for a high output come first where it is high, those for a low one where it is low.
        order = np.argsort(-np.sign(gain.sum()) * gain)
        of_row = frame[frame["id"] == f"w{row}"]
        for share in perturbation.SHARES:
            first = order[: round(share * LENGTH)]
            outputs = of_row[of_row["share"] == share].set_index("curve")["output"]
            assert outputs["insertion"] == pytest.approx(base + gain[first].sum(), abs=1e-4)
            assert outputs["deletion"] == pytest.approx(base + gain.sum() - gain[first].sum(), abs=1e-4)


@pytest.mark.parametrize("asked", [None, "forward", "both"])
@pytest.mark.parametrize("own", ["forward", "both"])
def test_curves_are_of_the_strands_that_are_explained(codes, own, asked):
    torch.manual_seed(0)
    model = models.build("MotifCNN", n_outputs=1, channels=8, width=5, pool=2, hidden=6).eval()
    network = Network(model, strands=own)
    wanted = targets.Targets([0], 1, np.zeros((30, 1)))
    parts = {"tism": part(codes, blocks.multipliers(network, codes, wanted, "tism")[:, 0])}
    frame = perturbation.curves(network, parts, wanted, 0, strands=asked)
    x = models.one_hot(codes, "cpu")
    forward, reverse = (model(each).detach().numpy()[:, 0] for each in (x, x.flip(1, 2)))
    expected = forward if (asked or own) == "forward" else (forward + reverse) / 2
    whole = frame[(frame["method"] == "tism") & (frame["curve"] == "deletion") & (frame["share"] == 0)]
    np.testing.assert_allclose(whole["output"], expected, atol=1e-6)
    assert np.abs(forward - reverse).max() > 1e-3


def test_areas_are_shares_of_the_whole():
    rows = [
        (1, "a", "x", "m", curve, share, 2 + 4 * (1 - share if curve == "deletion" else share))
        for curve in ("deletion", "insertion")
        for share in perturbation.SHARES
    ]
    found = agreement.areas(pd.DataFrame(rows, columns=perturbation.COLUMNS))
    assert found["area"].tolist() == pytest.approx([0.5, 0.5])


def test_areas_of_negatives_do_not_cancel_those_of_positives(codes):
    gains, frame, _ = linear_curves(codes)
    found = agreement.areas(frame.assign(seed=1)).set_index(["id", "curve"])["area"]
    totals = gains.sum(axis=1)
    scale = np.abs(totals).mean()
    assert np.abs(totals.mean()) < scale / 2
    taken = np.round(np.array(perturbation.SHARES) * LENGTH).astype(int)
    for row in range(30):
        support = np.sort(np.sign(totals[row]) * gains[row])[::-1]
        given_back = np.append(0, support.cumsum())[taken]
        area = np.trapezoid(given_back, perturbation.SHARES) / scale
        assert found[f"w{row}", "insertion"] == pytest.approx(area, abs=1e-4)
        assert found[f"w{row}", "deletion"] == pytest.approx(np.abs(totals[row]) / scale - area, abs=1e-4)


def test_a_network_that_answers_nothing_has_no_area():
    rows = [(1, "a", "x", "m", curve, share, 2.0) for curve in ("deletion", "insertion") for share in (0, 0.5, 1)]
    assert agreement.areas(pd.DataFrame(rows, columns=perturbation.COLUMNS))["area"].isna().all()


def test_seeds_are_compared_on_the_rows_of_both(codes, noise):
    ids = [f"w{row}" for row in range(30)]
    runs = {
        1: {"ism": part(codes, noise[0], ids=ids)},
        2: {"ism": part(codes[::-1][:20], noise[0][::-1][:20], ids=ids[::-1][:20])},
        3: {"ism": part(codes, noise[1], ids=ids)},
    }
    found = agreement.between_seeds(runs)
    sizes = found[found["scores"] == "all bases"].groupby(["seed", "other_seed"]).size()
    assert sizes.to_dict() == {(1, 2): 20, (1, 3): 30, (2, 3): 20}
    np.testing.assert_allclose(found.loc[(found["seed"] == 1) & (found["other_seed"] == 2), "pearson"], 1, atol=1e-6)
    assert found.loc[found["other_seed"] == 3, "pearson"].abs().mean() < 0.2


def test_seeds_that_share_no_row_are_not_compared(codes, noise):
    names = [[f"{letter}{row}" for row in range(30)] for letter in "abb"]
    runs = {
        seed: {"ism": part(codes, values, ids=ids)}
        for seed, (values, ids) in enumerate(zip((*noise, noise[1]), names, strict=True))
    }
    found = agreement.between_seeds(runs)
    assert set(zip(found["seed"], found["other_seed"], strict=True)) == {(1, 2)}
    assert len(found) == 60
    none = agreement.between_seeds({seed: runs[seed] for seed in (0, 1)})
    assert list(none) == list(agreement.SEEDS) and not len(none)


def test_the_summary_has_bootstrap_and_student_intervals():
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"seed": np.repeat([1, 2, 3], 200), "method": "m", "value": rng.normal(2, 1, 600)})
    found = agreement.summary({"cost": frame}).set_index("seed")
    means = frame.groupby("seed")["value"].mean()
    for seed in (1, 2, 3):
        values = frame.loc[frame["seed"] == seed, "value"]
        low, high = stats.t.interval(0.95, 199, values.mean(), stats.sem(values))
        assert found.loc[str(seed), ["lower", "upper"]].tolist() == pytest.approx([low, high], abs=0.04)
    expected = [means.mean(), *stats.t.interval(0.95, 2, means.mean(), stats.sem(means)), 3]
    assert found.loc["all", ["value", "lower", "upper", "n"]].tolist() == pytest.approx(expected)
    alone = agreement.summary({"cost": frame[frame["seed"] == 1]}).set_index("seed")
    assert np.isnan(alone.loc["all", "lower"])


def over(values, measure):
    """Lower bound, value and upper bound over seeds that have one row each."""
    frame = pd.DataFrame({"seed": range(len(values)), "method": "m", "value": values})
    found = agreement.summary({measure: frame}).set_index("seed").loc["all"]
    return found[["lower", "value", "upper"]].tolist()


@pytest.mark.parametrize("values", [[0.99, 0.2, 0.9], [-0.9, 0.3], [0.999, 0.99, 0.95, 0.9, -0.2]])
def test_the_interval_of_correlations_over_seeds_is_that_of_fishers_z(values):
    # Fisher's own form of z, and scipy's interval.
    z = [np.log((1 + r) / (1 - r)) / 2 for r in values]
    low, high = stats.t.interval(0.95, len(z) - 1, np.mean(z), stats.sem(z))
    back = [(np.exp(2 * bound) - 1) / (np.exp(2 * bound) + 1) for bound in (low, high)]
    for measure in ("correlation_all", "correlation_present", "seed_correlation"):
        lower, value, upper = over(values, measure)
        assert [lower, upper] == pytest.approx(back)
        assert value == pytest.approx(np.mean(values)) and -1 < lower < value < upper < 1
    assert over(values, "deletion_area")[2] > 1 or over(values, "deletion_area")[0] < -1


def test_the_interval_of_average_precision_over_seeds_is_that_of_the_logit():
    values = [0.98, 0.7, 0.9]
    logit = np.log(np.array(values) / (1 - np.array(values)))
    expected = 1 / (1 + np.exp(-np.array(stats.t.interval(0.95, 2, logit.mean(), stats.sem(logit)))))
    for measure in ("planted_average_precision", "planted_average_precision_fixed_gc"):
        lower, _, upper = over(values, measure)
        assert [lower, upper] == pytest.approx(expected) and 0 < lower < upper < 1


def test_the_interval_of_seconds_over_seeds_is_that_of_their_logarithm():
    values = [0.01, 0.3, 0.02]
    low, high = stats.t.interval(0.95, 2, np.log(values).mean(), stats.sem(np.log(values)))
    lower, _, upper = over(values, "seconds_per_sequence")
    assert [lower, upper] == pytest.approx([np.exp(low), np.exp(high)]) and lower > 0
    assert over([0, 0.1], "seconds_per_sequence")[0] >= 0


def test_correlations_of_one_have_an_interval():
    assert over([1, 1, 1], "seed_correlation") == [1, 1, 1]
    # By rounding past the end, as a mean of many rows may be.
    assert over([1 + 1e-9, 1], "seed_correlation")[::2] == [1, 1]
    lower, _, upper = over([1, 1 - 1e-12, 1], "seed_correlation")
    assert 1 - 1e-8 < lower < 1 - 1e-13 and lower < upper <= 1
    for values in ([1, 0.9, 1], [-1, 1], [1, 0, -1]):
        lower, _, upper = over(values, "seed_correlation")
        assert -1 <= lower < min(values) + 1e-9 and max(values) - 1e-9 < upper <= 1
    assert np.isnan(over([1], "seed_correlation")[::2]).all()


def test_the_bootstrap_draws_sequences_with_all_of_their_targets():
    values = np.random.default_rng(6).normal(2, 1, 150)
    frame = pd.DataFrame({"seed": 1, "method": "m", "id": [f"w{row}" for row in range(150)], "value": values})
    # Every sequence for four targets that agree: no more is known of the mean than with one target.
    found = agreement.summary({"measure": pd.concat([frame] * 4)}).set_index("seed").loc["1"]
    low, high = stats.t.interval(0.95, 149, values.mean(), stats.sem(values))
    assert [found["lower"], found["upper"]] == pytest.approx([low, high], abs=0.04)
    assert found["n"] == 600
