"""Which windows are left out for their numbers, in which order, and that the ledger tells of each."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from cisflow import tasks
from cisflow.data import filters, inequality, ledger, numbers
from cisflow.data.targets.common import Common, Numbers
from cisflow.errors import InputError
from matrices import windows

NAN = np.nan
TRACKS = ["a", "b", "c"]
RNG = np.random.default_rng(2)


def of(values, tracks=TRACKS, **settings):
    given = Common.complete({"name": "m", **settings}, "targets")
    return filters.transformed(given, np.asarray(values, np.float32), tracks, "d")


def attached(values, tracks=TRACKS, task="regression", weights=None, **settings):
    values = np.asarray(values, np.float32)
    table = pd.DataFrame({"target": tracks, "modality": "m", "class": "", "group": "", "replicate": ""})
    given = Numbers(values, table, ledger.counts("m.tsv", "target", len(values), {}), weights)
    module = SimpleNamespace(collect=lambda settings, windows: given)
    rows = windows([f"w{i}" for i in range(len(values))])
    return numbers.attach("d", rows, [(module, Common.complete({"name": "m", **settings}, "t"))], tasks.get(task))


def test_signal_is_judged_before_transforms_and_variation_after():
    values = [[0, 1, 8], [0, 0, 3], [100, 101, 102], [NAN, 9, 0], [NAN, NAN, NAN]]
    found, reasons, done = of(values, transform=["log2p1"], minimum_signal=5, minimum_sd=0.5)
    assert reasons.tolist() == ["", "m: no number of 5 or more", "m: standard deviation over tracks below 0.5", "", ""]
    expected = np.log2(np.array(values, np.float32) + 1)
    np.testing.assert_allclose(found[[0, 2, 3]], expected[[0, 2, 3]], rtol=1e-6)
    assert np.isnan(found[[1, 4]]).all() and [step["name"] for step in done] == ["log2p1"]


def test_transforms_are_of_the_windows_that_have_signal():
    values = RNG.gamma(1, 10, (200, 3))
    found, reasons, done = of(values, transform=["zscore"], minimum_signal=15)
    kept = values.max(axis=1) >= 15
    assert (reasons == "").tolist() == kept.tolist() and 50 < kept.sum() < 200
    np.testing.assert_allclose(done[0]["mean"], values[kept].mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(found[kept].mean(axis=0), 0, atol=1e-6)


@pytest.mark.parametrize("share", [0.1, 0.333, 1])
def test_the_most_variable_windows_are_kept(share):
    values = RNG.gamma(1, 10, (100, 3))
    values[7] = NAN
    _, reasons, _ = of(values, transform=["log1p"], most_variable=share)
    variances = np.log1p(values).var(axis=1, ddof=1)
    order = np.argsort(-np.where(np.isnan(variances), -1, variances))
    # A window without numbers is not judged, and is left out by what it has none of.
    kept = sorted({*order[: int(np.ceil(share * 99))].tolist(), 7})
    assert np.flatnonzero(reasons == "").tolist() == kept
    assert set(reasons) - {""} <= {f"m: not among the most variable {share:g}"}


def test_gini_coefficients_are_of_numbers_before_the_logarithm_but_scaled():
    values = RNG.gamma(0.5, 10, (300, 3)) * [1, 5, 0.5]
    for transform in (["log1p"], ["log1p", "zscore"], []):
        _, reasons, _ = of(values, transform=transform, gini=0.4) if transform else of(values, gini=0.4)
        assert (reasons == "").tolist() == (inequality.gini(values.astype(np.float32)) >= 0.4).tolist()
    found, reasons, done = of(values, transform=["constitutive", "log1p"], gini=0.4)
    scaled = values * np.array(done[0]["scale"])
    assert (reasons == "").tolist() == (inequality.gini(scaled) >= 0.4).tolist()
    np.testing.assert_allclose(found, np.log1p(scaled), rtol=1e-4)


def test_filters_one_after_another_and_the_ledger_adds_up():
    values = RNG.gamma(0.5, 10, (100, 3))
    values[3], values[5] = NAN, [4, NAN, NAN]
    found = attached(values, minimum_signal=4, minimum_sd=1, gini=0.3, most_variable=0.5, transform=["sqrt"])
    lines = found.ledger[found.ledger["step"] == "filter"]
    assert lines["n"].sum() == 100 and lines.loc[lines["outcome"] == "kept", "n"].sum() == len(found.frame)
    reasons = lines[lines["outcome"] == "dropped"].set_index("name")["reason"]
    assert reasons["w3"] == numbers.UNMEASURED
    # One number says nothing of how much a window varies.
    assert reasons["w5"] == "m: standard deviation over tracks below 1"
    assert len(set(reasons)) == 5 and found.dropped == reasons.value_counts().to_dict()
    before = np.isin(np.arange(100), [int(name[1:]) for name in found.frame["id"]])
    np.testing.assert_allclose(found.labels**2, values[before], rtol=1e-4)
    assert found.transforms == {"m": [{"name": "sqrt"}]}


def test_of_bins_totals_are_judged_and_none_is_transformed():
    profiles = np.array([[[1, 2]], [[0, 1]], [[5, NAN]]])
    found = attached(profiles, ["a"], minimum_signal=2)
    assert found.frame["id"].tolist() == ["w0"] and found.profiles.tolist() == [[[1, 2]]] and found.transforms is None
    with pytest.raises(InputError, match=r"targets\[0\] 'm': found transform log1p and numbers in bins"):
        attached(profiles, ["a"], transform=["log1p"])


@pytest.mark.parametrize(
    ("values", "settings", "words"),
    [
        ([[1], [2]], {"minimum_sd": 1}, "minimum_sd is of differences over tracks; found one track"),
        ([[1], [2]], {"gini": 0.5}, "gini is of differences over tracks"),
        ([[1, 2, -1]], {"gini": 0.5}, "gini is of numbers of 0 or more; found -1 in track 'c'"),
        ([[1, 2, -1]], {"transform": ["log1p"]}, "transform log1p is of numbers of 0 or more; found -1 in track 'c'"),
    ],
)
def test_what_a_filter_says_nothing_of_is_refused(values, settings, words):
    with pytest.raises(InputError, match=rf"^dataset 'd': targets\[0\] 'm': {words}"):
        attached(values, TRACKS[: len(values[0])], **settings)


def test_tracks_with_nothing_to_learn_are_warned_of_by_name(capsys):
    attached([[0, 2, NAN], [0, 2, NAN], [NAN, 2, NAN]])
    told = capsys.readouterr().err.splitlines()
    assert [line for line in told if line.startswith("WARNING")] == [
        "WARNING: dataset 'd': 1 of 3 tracks hold no number: c",
        "WARNING: dataset 'd': 1 of 3 tracks hold only zeros: a",
        "WARNING: dataset 'd': 1 of 3 tracks hold one number alone: b",
    ]
    attached(RNG.random((5, 3)))
    assert "WARNING" not in capsys.readouterr().err


def test_numbers_that_are_no_labels_of_the_task_are_refused():
    assert attached([[0, 1, NAN]], task="binary").labels.shape == (1, 3)
    with pytest.raises(InputError, match="dataset 'd': track 'b' holds 0.5, expected 0, 1"):
        attached([[0, 0.5, 1]], task="binary")


def test_what_was_done_can_be_kept_as_json():
    found = attached(RNG.random((30, 3)), transform=["quantile", "zscore"])
    assert json.loads(json.dumps(found.transforms)) == found.transforms
