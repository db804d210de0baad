"""Tracks that no training saw, against others that predict them: by scipy, track by track."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cisflow import tasks
from cisflow.data.dataset import Dataset
from cisflow.data.track_features import TrackFeatures
from cisflow.evaluation import runs, tracks, unseen_tracks
from cisflow.io.tables import write_table
from predictions import write
from tables import check_table

TASK = tasks.get("regression")
N, T = 60, 7
HELD = {"s1": {"test": ["track 5", "track 6"], "valid": ["track 4"]}}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(runs, dataset, features, {seed: predictions}) of one model with two seeds."""
    folder, rng = tmp_path_factory.mktemp("unseen"), np.random.default_rng(3)
    vectors = rng.normal(size=(T, 3))
    labels = vectors @ rng.normal(size=(3, N)) + rng.normal(size=(T, N))
    labels[2, :5] = np.nan
    folds, names = np.resize(["test", "train", "train"], N), [f"track {number}" for number in range(T)]
    predicted, rows = {}, []
    for seed in (1, 2):
        predicted[seed] = (np.nan_to_num(labels) + rng.normal(0, 2, labels.shape)).astype(np.float32)
        write(folder / "models" / "m" / "s1" / f"seed{seed}", labels, predicted[seed], folds, names, TASK)
        rows.append(("s1", "m", seed, "network"))
    write_table(folder / "runs.tsv", pd.DataFrame(rows, columns=["split", "model", "seed", "kind"]).assign(k=None))
    ids = np.array([f"w{i:04d}" for i in range(N)])
    dataset = Dataset(ids, rng.integers(0, 4, (N, 20)).astype(np.uint8), labels.T.astype(np.float32), names, TASK)
    features = TrackFeatures(["a", "b", "c"], names, vectors)
    return runs.read(folder / "runs.tsv"), dataset, features, predicted, folds


def test_values_are_those_of_scipy_and_of_the_track_that_is_nearest(made, tmp_path):
    trained, dataset, features, predicted, folds = made
    rows, compared = unseen_tracks.evaluate("d", trained, dataset, features, HELD, 1, 50)
    for name, table in (("unseen_tracks", rows), ("unseen_track_comparisons", compared)):
        write_table(tmp_path / "t.tsv", table)
        check_table(tmp_path / "t.tsv", name)
    labels, test = dataset.labels.astype(float), folds == "test"
    seen = [0, 1, 2, 3]
    standard = (features.values - features.values[seen].mean(axis=0)) / features.values[seen].std(axis=0)
    frame = rows[(rows["seed"] == "1") & (rows["metric"] == "pearson")].set_index(["predictor", "of", "track"])
    p = predicted[1].T.astype(float)
    for track in range(T):
        name, others = f"track {track}", [other for other in seen if other != track]
        near = min(others, key=lambda other: np.linalg.norm(standard[other] - standard[track]))
        known = np.isfinite(labels[:, track])

        def r(other, rows=None, track=track, known=known):
            keep = (test if rows is None else rows) & known & np.isfinite(other)
            return stats.pearsonr(labels[keep, track], other[keep]).statistic

        alike = max(others, key=lambda other: r(labels[:, other], folds == "train"))
        expected = {
            ("model", "predicted"): r(p[:, track]),
            ("nearest_vector", "predicted"): r(p[:, near]),
            ("nearest_vector", "measured"): r(labels[:, near]),
            ("nearest_correlation", "predicted"): r(p[:, alike]),
            ("mean_track", "predicted"): r(p[:, others].mean(axis=1)),
            ("mean_track", "measured"): r(np.nanmean(labels[:, others], axis=1)),
        }
        for key, value in expected.items():
            assert frame.loc[(*key, name), "value"] == pytest.approx(value, abs=1e-6), (key, name)
        assert frame.loc[("nearest_vector", "measured", name), "nearest"] == f"track {near}"
        state = "unseen" if track > 4 else "validated" if track == 4 else "seen"
        assert (frame.xs(name, level="track")["tracks"] == state).all()
    own = frame.xs("predicted", level="of")["value"].unstack("predictor").loc[["track 5", "track 6"]]
    row = compared.query("seed == '1' and tracks == 'unseen' and metric == 'pearson' and of == 'predicted'")
    row = row.set_index("predictor").loc["nearest_vector"]
    assert row["difference"] == pytest.approx((own["model"] - own["nearest_vector"]).mean())
    assert row["wins"] == (own["model"] > own["nearest_vector"]).sum() and row["n"] == 2
    assert set(rows["seed"]) == {"1", "2", "ensemble"}


def test_no_split_that_holds_tracks_out_is_an_empty_table(made, tmp_path):
    trained, dataset, features, _, _ = made
    for name, table in zip(
        ("unseen_tracks", "unseen_track_comparisons"),
        unseen_tracks.evaluate("d", trained, dataset, features, {}, 1, 50),
        strict=True,
    ):
        write_table(tmp_path / "t.tsv", table)
        assert not len(check_table(tmp_path / "t.tsv", name))


def test_tables_on_two_axes_have_seen_and_unseen_tracks_apart(made):
    trained, dataset, _, predicted, folds = made
    found = tracks.evaluate("d", trained, dataset, 1, 20, 20, k=5, held=HELD)["tracks"]
    assert set(found["class"]) == {"all, tracks seen", "all, tracks validated", "all, tracks unseen"}
    rows = found.query("fold == 'test' and axis == 'track' and metric == 'pearson' and seed == '1' and unit == 'mean'")
    test = folds == "test"
    expected = [stats.pearsonr(dataset.labels[test, t], predicted[1][t, test]).statistic for t in (5, 6)]
    value = rows.set_index(["model", "class"])["value"]["m", "all, tracks unseen"]
    assert value == pytest.approx(np.mean(expected), abs=1e-6)
    # The mean of an unseen track is not known: no skill comes from its labels.
    means = found.query("model == 'track_mean' and metric == 'rmse' and axis == 'track' and fold == 'test'")
    unseen = means[means["unit"] == "track 5"]["value"].iloc[0]
    assert unseen == pytest.approx(np.sqrt(np.mean(dataset.labels[test, 5] ** 2)), rel=1e-5)
