"""Every transform is what its source says, is undone by what is kept of it, and leaves missing numbers missing."""

import json

import numpy as np
import pandas as pd
import pytest

from cisflow import tasks
from cisflow.data import inequality, transforms
from cisflow.data.dataset import Dataset
from cisflow.errors import InputError
from cisflow.evaluation import predictions
from cisflow.io.tables import write_table
from tables import check_table

TRACKS = ["a", "b", "c", "d"]


def numbers(seed=0, n=300, t=4, missing=0.1, ties=False):
    rng = np.random.default_rng(seed)
    values = rng.gamma(0.7, 20, (n, t)) * rng.uniform(0.3, 4, t)
    values = np.round(values / 5) if ties else values
    values[rng.random((n, t)) < missing] = np.nan
    return values.astype(np.float32)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("missing", [0, 0.1])
@pytest.mark.parametrize(
    "names",
    [
        *([name] for name in transforms.TRANSFORMS),
        ["constitutive", "log1p", "zscore"],
        ["quantile", "log2p1"],
        ["sqrt", "quantile", "zscore"],
    ],
    ids="+".join,
)
def test_what_was_done_is_undone_by_what_is_kept(names, missing, seed):
    values = numbers(seed, missing=missing)
    found, done = transforms.apply(names, values, TRACKS, "d")
    done = json.loads(json.dumps(done))
    assert [step["name"] for step in done] == names
    np.testing.assert_array_equal(np.isnan(found), np.isnan(values))
    np.testing.assert_allclose(transforms.inverse(done, found), values, rtol=2e-4, atol=2e-4)


def test_transforms_without_parameters():
    values = numbers()
    known = values.astype(np.float64)
    for name, expected in {"log1p": np.log(known + 1), "log2p1": np.log2(known + 1), "sqrt": known**0.5}.items():
        np.testing.assert_allclose(transforms.apply([name], values, TRACKS, "d")[0], expected, rtol=1e-6)


def test_zscores_of_each_track():
    found, _ = transforms.apply(["zscore"], numbers(), TRACKS, "d")
    np.testing.assert_allclose(np.nanmean(found, axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(np.nanstd(found, axis=0), 1, rtol=1e-6)
    constant, done = transforms.apply(["zscore"], np.full((5, 1), 3.0), ["a"], "d")
    assert constant.tolist() == [[0]] * 5 and transforms.inverse(done, constant).tolist() == [[3]] * 5


def test_quantiles_are_the_means_of_sorted_tracks():
    """Without gaps and ties: sort each column, take the mean of each row, put it back by rank."""
    values = numbers(missing=0)
    means = np.sort(values.astype(np.float64), axis=0).mean(axis=1)
    expected = means[values.argsort(axis=0).argsort(axis=0)]
    np.testing.assert_allclose(transforms.apply(["quantile"], values, TRACKS, "d")[0], expected, rtol=1e-5)


def test_quantiles_of_tracks_with_gaps_and_ties():
    """A rank, the mean of ties, is the same share of the way through its track and through the mean of all tracks."""
    values = numbers(missing=0.3, ties=True)
    values[:, 3] = np.nan
    found, done = transforms.apply(["quantile"], values, TRACKS, "d")
    whole = max(np.isfinite(values).sum(axis=0))
    grid = np.linspace(0, 1, whole)
    sorted_tracks = [np.sort(column[np.isfinite(column)]) for column in values.T[:3]]
    reference = np.mean([np.interp(grid, np.linspace(0, 1, len(each)), each) for each in sorted_tracks], axis=0)
    for track in range(3):
        column = values[:, track]
        for row in np.flatnonzero(np.isfinite(column))[::17]:
            others = column[np.isfinite(column)]
            rank = (others < column[row]).sum() + ((others == column[row]).sum() - 1) / 2
            assert found[row, track] == pytest.approx(np.interp(rank / (len(others) - 1), grid, reference), rel=1e-5)
    assert np.isnan(found[:, 3]).all() and done[0]["tracks"][3] == []
    # A level between two kept ones is on the line between them, also where a track is flat.
    back = transforms.inverse(done, found)
    known = np.isfinite(values)
    assert np.abs(back - values)[known].max() <= 2.5


def test_the_distribution_of_many_windows_is_kept_at_fewer_points():
    values = numbers(n=20_000, missing=0)
    found, done = transforms.apply(["quantile"], values, TRACKS, "d")
    assert len(done[0]["reference"]) == transforms.LEVELS and len(json.dumps(done)) < 400_000
    back = transforms.inverse(done, found)
    # A median of relative error; and the extremes, of which the last is a single window.
    assert np.median(np.abs(back / values - 1)) < 1e-3
    np.testing.assert_allclose(back.max(axis=0), values.max(axis=0), rtol=1e-5)
    np.testing.assert_allclose(np.quantile(back, 0.999, axis=0), np.quantile(values, 0.999, axis=0), rtol=1e-2)


def test_predictions_beyond_the_range_of_a_transform():
    values = numbers(missing=0)
    _, done = transforms.apply(["quantile"], values, TRACKS, "d")
    beyond = np.array([[-1e6] * 4, [1e6] * 4])
    np.testing.assert_allclose(transforms.inverse(done, beyond), [values.min(axis=0), values.max(axis=0)], rtol=1e-6)
    assert transforms.inverse([{"name": "sqrt"}], np.array([[-2.0]])) == 0


def test_constitutive_windows_have_equal_means_and_depth_does_not_matter():
    rng = np.random.default_rng(4)
    values = rng.gamma(1, 1, (2000, 4)).astype(np.float32)
    # 15 windows are high and alike in all tracks, 5 as high in one alone.
    alike = rng.choice(2000, 20, replace=False)
    values[alike[:15]] = 100 * rng.uniform(0.95, 1.05, (15, 4))
    values[alike[15:]] = [300, 0, 0, 0]
    depth = np.array([1, 3, 0.2, 10])
    found, done = transforms.apply(["constitutive"], values * depth, TRACKS, "d")
    np.testing.assert_allclose(found[alike[:15]].mean(axis=0), 1000, rtol=0.02)
    np.testing.assert_allclose(np.array(done[0]["scale"]) * depth, 10, rtol=0.02)
    assert min(done[0]["scale"]) == 1


@pytest.mark.parametrize("name", ["log1p", "log2p1", "sqrt", "constitutive"])
def test_negative_numbers_are_refused_with_their_track(name):
    values = numbers(missing=0)
    values[3, 2] = -0.5
    with pytest.raises(InputError, match=f"^d: transform {name} is of numbers of 0 or more; found -0.5 in track 'c'$"):
        transforms.apply([name], values, TRACKS, "d")


def test_gini_coefficients_are_half_the_mean_difference_over_the_mean():
    values = numbers(n=50, missing=0.2).astype(np.float64)
    values[0], values[1], values[2] = 0, np.nan, [0, 0, 0, 7]
    for row, found in zip(values, inequality.gini(values), strict=True):
        known = row[np.isfinite(row)]
        if not len(known):
            assert np.isnan(found)
            continue
        differences = np.abs(known[:, None] - known).mean()
        assert found == pytest.approx(differences / (2 * known.mean()) if known.sum() else 0, abs=1e-9)
    assert inequality.gini(values)[2] == pytest.approx(0.75)


def test_predictions_are_in_the_unit_of_the_file_too(tmp_path):
    values = numbers(n=3, missing=0)
    labels, done = transforms.apply(["log1p", "zscore"], values[:, :3], TRACKS[:3], "d")
    labels = np.concatenate([labels, values[:, 3:]], axis=1)
    tracks = pd.DataFrame({"target": TRACKS, "modality": ["m"] * 3 + ["plain"]})
    data = Dataset(
        np.array(list("xyz")), np.zeros((3, 4), np.uint8), labels, TRACKS, tasks.get("regression"), tracks=tracks
    )._replace(transforms={"m": done})
    folds = np.array(["train", "valid", "test"])
    write_table(tmp_path / "p.tsv", predictions.table(data, folds, labels, None, labels))
    table = check_table(tmp_path / "p.tsv", "predictions.transformed")
    np.testing.assert_allclose(table["original"].astype(float), values.ravel(), rtol=1e-5)
    found = predictions.read(tmp_path / "p.tsv", data.task)
    np.testing.assert_allclose(found.values["averaged"][0].T, labels, rtol=1e-6)


@pytest.mark.parametrize(
    "names",
    [["zscore"], ["constitutive", "log1p", "zscore"], ["quantile"], ["sqrt", "quantile", "zscore"]],
    ids="+".join,
)
def test_windows_that_are_held_out_are_transformed_by_the_parameters_of_the_others(names):
    values, fitted = numbers(missing=0), np.arange(300) % 3 > 0
    found, done = transforms.apply(names, values, TRACKS, "d", fitted)
    alone, expected = transforms.apply(names, values[fitted], TRACKS, "d")
    assert done == expected
    np.testing.assert_array_equal(found[fitted], alone)
    others = values.copy()
    others[~fitted] = others[~fitted][::-1] * 3
    assert transforms.apply(names, others, TRACKS, "d", fitted)[1] == done
    # The same numbers become the same, whether they were looked at or not; none leaves what is known of its track.
    twice = np.concatenate([values[fitted], values[fitted]])
    first = np.arange(len(twice)) < fitted.sum()
    halves = transforms.apply(names, twice, TRACKS, "d", first)[0]
    np.testing.assert_allclose(halves[~first], halves[first], rtol=1e-4, atol=1e-5)
