"""Losses: each against a closed form or another implementation, with gaps, weights, and batches of any size."""

import numpy as np
import pytest
import torch
from scipy import stats
from torch.nn import functional

from cisflow import tasks
from cisflow.errors import InputError
from cisflow.tasks import losses as kinds
from cisflow.training import losses, recipe

RNG = np.random.default_rng(3)
N, T, BINS = 7, 4, 5
RAW = RNG.normal(0.5, 1, (N, T))
COUNTS = RNG.poisson(3, (N, T)).astype(np.float64)
# Tracks and regions of one value have no correlation.
COUNTS[:, 0] += np.arange(N)
REAL = RNG.normal(0, 2, (N, T))
SHARES = RNG.uniform(0, 1, (N, T))
SHAPES = RNG.normal(0, 1, (N, T, BINS))
PROFILES = RNG.poisson(2, (N, T, BINS)).astype(np.float64)


def of_each(function):
    """Mean of a loss of each label over the known ones."""

    def loss(raw, labels, weights):
        known = ~np.isnan(labels)
        return np.average(function(raw, labels)[known], weights=weights[known])

    return loss


def poisson_over_tracks(raw, labels, weights):
    """scipy's log-probabilities of totals and shares, less those of the labels themselves."""
    found, count = 0.0, 0.0
    for z, y, w in zip(raw, labels, weights, strict=True):
        z, y, w = z[(known := ~np.isnan(y))], y[known], w[known]
        if not len(y):
            continue
        m, total = np.exp(z), y.sum()
        shares = stats.multinomial.logpmf(y, total, y / total) - stats.multinomial.logpmf(y, total, m / m.sum())
        totals = stats.poisson.logpmf(total, total) - stats.poisson.logpmf(total, m.sum())
        found += w.mean() * (shares + 0.2 * totals)
        count += w.sum()
    return found / count


def cosine_log_mse(raw, labels, weights):
    cosines, rows = [], []
    for z, y, w in zip(raw, labels, weights, strict=True):
        z, y, w = z[(known := ~np.isnan(y))], y[known], w[known]
        if len(y) and y.any():
            m = np.exp(z)
            cosines.append(1 - (w * m * y).sum() / np.sqrt((w * m * m).sum() * (w * y * y).sum()))
            rows.append(w.mean())
    logs = of_each(lambda z, y: (np.log1p(1000 * np.exp(z)) - np.log1p(1000 * y)) ** 2)(raw, labels, weights)
    return np.average(cosines, weights=rows) + logs


def correlation(axis):
    def loss(raw, labels, weights):
        values, over = [], []
        for z, y, w in zip(*(a if axis else a.T for a in (raw, labels, weights)), strict=True):
            known = ~np.isnan(y)
            if known.sum() > 1 and np.ptp(y[known]) > 0:
                covariance = np.cov(z[known], y[known], aweights=w[known])
                values.append(1 - covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1]))
                over.append(w[known].mean() if axis else 1.0)
        return np.average(values, weights=over)

    return loss


def negative_binomial(z, y):
    # As it starts: a dispersion of 1.
    return -stats.nbinom.logpmf(y, 1, 1 / (1 + np.exp(z)))


REFERENCES = {
    "mse": (REAL, of_each(lambda z, y: (z - y) ** 2)),
    "huber": (REAL, of_each(lambda z, y: np.where(abs(z - y) < 1, (z - y) ** 2 / 2, abs(z - y) - 0.5))),
    "gaussian": (REAL, of_each(lambda z, y: -stats.norm.logpdf(y, z, 1))),
    "poisson": (COUNTS, of_each(lambda z, y: -stats.poisson.logpmf(y, np.exp(z)))),
    "negative_binomial": (COUNTS, of_each(negative_binomial)),
    "binary_cross_entropy": (SHARES, of_each(lambda z, y: np.log1p(np.exp(-z)) + (1 - y) * z)),
    "cosine_log_mse": (COUNTS, cosine_log_mse),
    "poisson_multinomial": (COUNTS, poisson_over_tracks),
    "correlation_tracks": (REAL, correlation(1)),
    "correlation_regions": (REAL, correlation(0)),
}
PROFILE = {"profile", "profile_log_mse"}


def value(name, raw, labels, weights=None, shapes=None, profiles=None, gradient=False):
    arrays = [None if a is None else torch.tensor(a, dtype=torch.float32) for a in (labels, weights, shapes, profiles)]
    outputs = torch.tensor(raw, dtype=torch.float32, requires_grad=True)
    loss, count = losses.build(name, raw.shape[1])(outputs, *arrays)
    loss.backward()
    return outputs.grad.numpy() if gradient else (float(loss.detach()), float(count))


def gaps(labels):
    """Labels of which some are missing, all of one region among them."""
    labels = labels.copy()
    labels[RNG.random(labels.shape) < 0.25] = np.nan
    labels[2] = np.nan
    return labels


def test_every_loss_is_tested_and_may_be_asked_for():
    assert set(REFERENCES) | PROFILE == set(kinds.NAMES)
    assert recipe.Training.schema()["loss"]["anyOf"][0]["enum"] == list(kinds.NAMES)
    assert {tasks.get(name).loss for name in tasks.NAMES} <= set(kinds.NAMES)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("name", REFERENCES)
def test_loss_is_that_of_another_implementation(name, missing, weighted):
    labels, reference = REFERENCES[name]
    labels = gaps(labels) if missing else labels
    weights = RNG.uniform(0.2, 3, labels.shape) if weighted else np.ones_like(labels)
    loss, count = value(name, RAW, labels, weights if weighted else None)
    assert loss == pytest.approx(reference(RAW, labels, weights), rel=2e-5)
    assert count == pytest.approx(weights[~np.isnan(labels)].sum(), rel=1e-6)


def test_losses_that_torch_has_are_torch_s():
    z, y, c = (torch.tensor(array, dtype=torch.float32) for array in (RAW, REAL, COUNTS))
    for name, labels, expected in (
        ("mse", REAL, functional.mse_loss(z, y)),
        ("huber", REAL, functional.huber_loss(z, y)),
        ("gaussian", REAL, functional.gaussian_nll_loss(z, y, torch.ones_like(z), full=True)),
        ("binary_cross_entropy", SHARES, functional.binary_cross_entropy_with_logits(z, torch.tensor(SHARES).float())),
        ("poisson", COUNTS, functional.poisson_nll_loss(z, c) + torch.lgamma(c + 1).mean()),
    ):
        assert value(name, RAW, labels)[0] == pytest.approx(float(expected), rel=1e-5)


def test_learned_spreads_are_those_of_each_track():
    scales, dispersions = np.array([0.5, 1, 2, 3]), np.array([0.1, 0.5, 1, 4])
    gaussian, binomial = losses.build("gaussian", T), losses.build("negative_binomial", T)
    gaussian.terms["gaussian"].log_variance.data = torch.tensor(2 * np.log(scales)).float()
    binomial.terms["negative_binomial"].log_dispersion.data = torch.tensor(np.log(dispersions)).float()
    outputs = torch.tensor(RAW).float()
    expected = -stats.norm.logpdf(REAL, RAW, scales).mean()
    assert gaussian(outputs, torch.tensor(REAL).float())[0].item() == pytest.approx(expected, rel=1e-5)
    mean, r = np.exp(RAW), 1 / dispersions
    expected = -stats.nbinom.logpmf(COUNTS, r, r / (r + mean)).mean()
    assert binomial(outputs, torch.tensor(COUNTS).float())[0].item() == pytest.approx(expected, rel=1e-5)


def test_learned_variance_becomes_that_of_the_residuals():
    rng = np.random.default_rng(0)
    labels = torch.tensor(rng.normal(0, [0.5, 3], (4000, 2))).float()
    loss = losses.build("gaussian", 2)
    optimizer = torch.optim.Adam(loss.parameters(), lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        loss(torch.zeros_like(labels), labels)[0].backward()
        optimizer.step()
    np.testing.assert_allclose(loss.terms["gaussian"].log_variance.detach().exp(), labels.square().mean(0), rtol=1e-3)


@pytest.mark.parametrize("name", sorted(PROFILE))
def test_loss_of_profiles_is_that_of_scipy(name):
    totals = PROFILES.sum(2)
    loss, _ = value(name, RAW, totals, None, SHAPES, PROFILES)
    shape = np.zeros((N, T))
    for place in np.ndindex(N, T):
        y, p = PROFILES[place], np.exp(SHAPES[place]) / np.exp(SHAPES[place]).sum()
        shape[place] = stats.multinomial.logpmf(y, y.sum(), y / y.sum()) - stats.multinomial.logpmf(y, y.sum(), p)
    if name == "profile":
        total = stats.poisson.logpmf(totals, totals) - stats.poisson.logpmf(totals, np.exp(RAW))
        expected = (shape + 0.2 * total).mean() / BINS
    else:
        # BPNet's sum, with half the mean total as the weight of the totals, a fragment.
        squares = ((np.log1p(totals) - np.log1p(np.exp(RAW))) ** 2).mean()
        expected = (shape.mean() + totals.mean() / 2 * squares) / totals.mean()
    assert loss == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", sorted(PROFILE))
def test_bins_and_totals_that_are_missing_carry_no_loss(name):
    profiles = PROFILES.copy()
    profiles[0, 0, 3:] = np.nan
    profiles[1, 1] = np.nan
    totals = np.nansum(profiles, axis=2)
    totals[1, 1] = np.nan
    moved = SHAPES.copy()
    moved[0, 0, 3:] += 5
    moved[1, 1] -= 3
    first, second = (value(name, RAW, totals, None, shapes, profiles)[0] for shapes in (SHAPES, moved))
    assert np.isfinite(first) and first == second
    gradient = value(name, RAW, totals, None, SHAPES, profiles, gradient=True)
    np.testing.assert_array_equal(gradient == 0, np.isnan(totals))


@pytest.mark.parametrize("name", REFERENCES)
def test_missing_labels_have_no_gradient_and_nothing_known_no_loss(name):
    labels = gaps(REFERENCES[name][0])
    labels[:, 3] = np.nan
    gradient = value(name, RAW, labels, gradient=True)
    assert np.isfinite(gradient).all() and (gradient[np.isnan(labels)] == 0).all() and gradient.any()
    assert value(name, RAW, np.full_like(labels, np.nan)) == (0, 0)


@pytest.mark.parametrize("name", kinds.NAMES)
def test_loss_does_not_grow_with_the_batch_or_the_tracks(name):
    """A batch twice over, and each track twice, have the loss of once; and so has their gradient, put together."""
    if name in PROFILE:
        arrays = [RAW, PROFILES.sum(2), np.ones((N, T)), SHAPES, PROFILES]
    else:
        labels = REFERENCES[name][0]
        arrays = [RAW, labels, np.full_like(labels, 2.0)]
    once, gradient = value(name, *arrays)[0], value(name, *arrays, gradient=True)
    for axis in (0, 1):
        twice = [np.concatenate([array, array], axis=axis) for array in arrays]
        assert value(name, *twice)[0] == pytest.approx(once, rel=1e-5)
        halves = np.split(value(name, *twice, gradient=True), 2, axis=axis)
        np.testing.assert_allclose(halves[0] + halves[1], gradient, atol=1e-6, rtol=1e-3)


@pytest.mark.parametrize("name", sorted(set(kinds.NAMES) - {"correlation_regions"}))
def test_loss_of_a_fold_is_put_together_from_its_batches(name):
    labels = PROFILES.sum(2) if name in PROFILE else gaps(REFERENCES[name][0])
    arrays = [torch.tensor(array).float() for array in (RAW, labels, np.ones_like(labels), SHAPES, PROFILES)]
    loss = losses.build(name, T)
    whole = loss.parts(*arrays)
    batches = [loss.parts(*(array[rows] for array in arrays)) for rows in (slice(0, 2), slice(2, 6), slice(6, N))]
    for number, part in enumerate(whole):
        over = sum(batch[number].count for batch in batches)
        mean = sum(batch[number].mean * batch[number].count for batch in batches) / over
        assert mean.item() == pytest.approx(part.mean.item(), rel=1e-5)
    assert kinds.get(name).additive


def test_a_perfect_prediction_has_no_loss_where_the_best_is_known():
    positive = COUNTS + 1
    for name in ("poisson_multinomial", "cosine_log_mse"):
        assert value(name, np.log(positive), positive)[0] == pytest.approx(0, abs=1e-5)
    counts = PROFILES + 1
    assert value("profile", np.log(counts.sum(2)), counts.sum(2), None, np.log(counts), counts)[0] == pytest.approx(
        0, abs=1e-5
    )


def test_a_mixture_is_the_weighted_sum_on_one_kind_of_output():
    mixture = value({"correlation_tracks": 0.95, "mse": 0.05}, RAW, REAL)[0]
    assert mixture == pytest.approx(
        0.95 * correlation(1)(RAW, REAL, np.ones((N, T))) + 0.05 * ((RAW - REAL) ** 2).mean()
    )
    # Beside Poisson, the squared error is that of exp of the outputs.
    both = value({"poisson": 1, "mse": 0.5}, RAW, COUNTS)[0]
    assert both == pytest.approx(
        value("poisson", RAW, COUNTS)[0] + 0.5 * ((np.exp(RAW) - COUNTS) ** 2).mean(), rel=1e-5
    )
    assert kinds.get({"poisson": 1, "mse": 0.5}).link == "exp"


def test_outputs_that_are_all_alike_have_a_finite_gradient():
    for name in ("correlation_tracks", "correlation_regions"):
        assert np.isfinite(value(name, np.zeros((N, T)), REAL, gradient=True)).all()


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("mee", "unknown loss 'mee'; expected one of mse, huber"),
        ({"mse": 0}, "loss mse: weight 0; expected one above 0"),
        ({}, "loss: found no name; expected at least one"),
        ({"poisson": 1, "binary_cross_entropy": 1}, "expected losses of one kind of output"),
    ],
)
def test_a_loss_that_is_none_is_refused(spec, message):
    with pytest.raises(InputError, match=message):
        kinds.get(spec)


def test_labels_without_meaning_are_told_with_their_track(monkeypatch):
    monkeypatch.setattr(kinds, "BLOCK", 4)
    labels = np.array([[1, 0, 2], [3, 0, np.nan], [0, 0, 5]], dtype=np.float32)
    names = ["a", "b", "c"]
    counts = kinds.get("negative_binomial")
    assert counts.complaint(labels, names) is None
    assert counts.warnings(labels, names) == [
        "track 'b' of zeros alone; under loss negative_binomial its output falls without end"
    ]
    negative = np.where(labels == 5, -2, labels)
    assert counts.complaint(negative, names) == ("hold -2 in track 'c'; loss negative_binomial expects 0 or more")
    shares = kinds.get("binary_cross_entropy")
    assert shares.complaint(np.minimum(labels, [1, 1, 9]), names) == (
        "hold 5 in track 'c'; loss binary_cross_entropy expects 0 to 1"
    )
    assert "track 'a', 'c' with fractions, such as 0.5" in kinds.get("poisson").warnings(labels / 2, names)[0]
    assert kinds.get("mse").complaint(negative, names) is None and kinds.get("mse").warnings(labels / 2, names) == []
    assert "track 'b' of one value" in kinds.get("correlation_regions").warnings(labels, names)[0]
    assert kinds.get("correlation_tracks").complaint(labels[:, :1], ["a"]) == (
        "have 1 track; loss correlation_tracks expects at least 2"
    )
    assert kinds.get("profile").complaint(labels, names).startswith("have no profiles; loss profile expects")
    assert "hold -2 in track 'c'" in kinds.get("profile").complaint(labels, names, negative[:, :, None])
