"""Tables of tracks and regions: against numbers computed one by one, closed forms, and what was planted."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.spatial import distance

from calls import call
from cisflow import tasks
from cisflow.data.dataset import TRACKS, Dataset
from cisflow.errors import InputError
from cisflow.evaluation import ceilings, matrix, similarity, track_folds, track_results, tracks
from cisflow.evaluation.runs import Run
from cisflow.sequence import dna
from predictions import pick, write
from tables import check_table

TASK = tasks.get("regression")
N, T = 120, 8


def tracks_of(classes, replicates=None):
    """Frame of tracks: their classes, and groups of two replicates where there are any."""
    t = len(classes)
    frame = {"target": [f"t{i}" for i in range(t)], "modality": "rna", "class": classes}
    frame |= {"group": [f"g{i // 2}" for i in range(t)] if replicates else "", "replicate": replicates or [""] * t}
    return pd.DataFrame(frame)[list(TRACKS)]


@pytest.fixture
def numbers(tmp_path):
    """(Dataset of eight tracks in two classes, Runs of three splits: strong with two seeds, weak with one)."""
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(N, T)) + np.linspace(-2, 2, T)
    labels = truth.astype(np.float32)
    labels[rng.random(labels.shape) < 0.1] = np.nan
    ids = np.array([f"w{i:04d}" for i in range(N)])
    codes = rng.integers(0, 4, (N, 60)).astype(np.uint8)
    targets = [f"t{i}" for i in range(T)]
    dataset = Dataset(ids, codes, labels, targets, TASK, tracks=tracks_of(["a"] * 4 + ["b"] * 4))
    runs, block = [], np.arange(N) // 40
    for split in range(3):
        folds = np.where(block == split, "test", np.where(np.arange(N) % 5 == 0, "valid", "train"))
        for model, noise, seeds in (("strong", 0.5, (1, 2)), ("weak", 3.0, (1,))):
            for seed in seeds:
                values = truth + noise * rng.normal(size=truth.shape)
                folder = write(
                    tmp_path / "models" / model / f"s{split}" / f"seed{seed}", labels.T, values.T, folds, targets, TASK
                )
                runs.append(Run(f"s{split}", model, seed, folder))
    return dataset, runs


def read(run, dataset):
    folds, values = matrix.read(run.predictions, dataset.ids, dataset.targets, TASK)
    return values, np.flatnonzero(folds == "test")


def evaluate(dataset, runs, **keywords):
    pools = keywords.pop("pools", {"pooled": ["s0", "s1", "s2"]})
    return tracks.evaluate("d", runs, dataset, 1, 200, 30, pools=pools, **keywords)


def pearson(y, p):
    known = np.isfinite(y)
    return stats.pearsonr(y[known], p[known]).statistic


def test_tables_have_their_schemas(numbers, tmp_path):
    for name, table in evaluate(*numbers, cut=track_folds.Cut(quantile=0.5)).items():
        table.to_csv(tmp_path / f"{name}.tsv", sep="\t", index=False)
        check_table(tmp_path / f"{name}.tsv", name)
    frame = track_results.read(tmp_path / "tracks.tsv")
    assert set(frame["class"]) == {"a", "b", "all"} and set(frame["split"]) == {"s0", "s1", "s2", "pooled"}
    assert len(track_results.read_comparisons(tmp_path / "track_comparisons.tsv"))
    assert len(track_results.read_similarity(tmp_path / "similarity.tsv"))


def test_units_and_their_means_are_those_of_scipy(numbers):
    dataset, runs = numbers
    table = evaluate(dataset, runs)["tracks"]
    first = [read(run, dataset) for run in runs if (run.split, run.model) == ("s0", "strong")]
    rows = first[0][1]
    labels = dataset.labels[rows]
    for seeds, seed in (([0], "1"), ([1], "2"), ([0, 1], "mean")):
        values = [[pearson(labels[:, t], first[s][0][rows, t]) for t in range(T)] for s in seeds]
        found = pick(table, split="s0", model="strong", seed=seed, fold="test", axis="track", metric="pearson")
        single = found[~found["unit"].str.startswith("mean")]
        assert single["unit"].tolist() == dataset.targets
        np.testing.assert_allclose(single["value"], np.mean(values, axis=0), rtol=1e-5)
        for name, columns in (("a", slice(0, 4)), ("b", slice(4, 8)), ("all", slice(0, 8))):
            mean = pick(found, unit="mean", **{"class": name}).iloc[0]
            assert mean["value"] == pytest.approx(np.mean(np.mean(values, axis=0)[columns]), rel=1e-5)
            assert mean["lower"] <= mean["value"] <= mean["upper"] and mean["p_null"] == pytest.approx(1 / 31)
    averaged = np.mean([values for values, _ in first], axis=0)
    found = pick(table, split="s0", model="strong", seed="ensemble", axis="region", metric="spearman")
    regions = pick(found, **{"class": "all"})
    regions = regions[~regions["unit"].str.startswith("mean")]
    for row, y, p in zip(regions.itertuples(), labels, averaged[rows], strict=True):
        known = np.isfinite(y)
        assert row.value == pytest.approx(stats.spearmanr(y[known], p[known]).statistic, abs=1e-6)
        assert row.n == known.sum() and row.unit in dataset.ids[rows]


def test_the_mean_of_the_tracks_is_the_mean_profile_of_the_training_fold(numbers):
    dataset, runs = numbers
    table = pick(evaluate(dataset, runs)["tracks"], model=tracks.TRACK_MEAN, fold="test")
    folds, _ = matrix.read(runs[0].predictions, dataset.ids, dataset.targets, TASK)
    profile = np.nanmean(dataset.labels[folds == "train"], axis=0)
    test = dataset.labels[folds == "test"]
    found = pick(table, split="s0", axis="region", metric="pearson", unit="mean", **{"class": "all"}).iloc[0]
    assert found["value"] == pytest.approx(np.mean([pearson(y, profile) for y in test]), abs=1e-6)
    # Every region has the same prediction: moved regions are as good, and no track is told of any region.
    assert found["null"] == pytest.approx(found["value"]) and found["p_null"] == 1
    assert pick(table, axis="track", metric="pearson")["value"].isna().all()
    error = pick(table, split="s0", axis="track", metric="rmse", unit="t0").iloc[0]["value"]
    assert error == pytest.approx(np.sqrt(np.nanmean((test[:, 0] - profile[0]) ** 2)), rel=1e-5)


def test_pooled_folds_are_all_test_predictions_as_one(numbers, capsys):
    dataset, runs = numbers
    found = evaluate(dataset, runs)["tracks"]
    row = pick(found, split="pooled", model="weak", seed="1", axis="track", metric="pearson", unit="t3").iloc[0]
    together = np.empty(N, dtype=np.float32)
    for run in runs:
        if run.model == "weak":
            values, rows = read(run, dataset)
            together[rows] = values[rows, 3]
    assert row["value"] == pytest.approx(pearson(dataset.labels[:, 3], together), rel=1e-5)
    assert row["n"] == np.isfinite(dataset.labels[:, 3]).sum()
    again = runs + [Run("s9", run.model, run.seed, run.folder) for run in runs if run.split == "s0"]
    found = evaluate(dataset, again, pools={"pooled": ["s0", "s9"]})["tracks"]
    assert "pooled" not in set(found["split"])
    assert "pooled: test folds of s0, s9 share regions: not pooled" in capsys.readouterr().err


def test_variable_regions_are_the_tenth_of_highest_variance():
    rng = np.random.default_rng(1)
    labels = rng.normal(size=(40, 6)) * rng.permutation(np.arange(1, 41))[:, None]
    labels[rng.random(labels.shape) < 0.2] = np.nan
    chosen = tracks.most_variable(labels)
    variance = np.nanvar(labels, axis=1, ddof=1)
    np.testing.assert_array_equal(np.flatnonzero(chosen), np.sort(np.argsort(-variance)[:4]))
    assert not tracks.most_variable(np.ones((5, 3))).any() and tracks.most_variable(labels[:3]).sum() == 1


def test_variable_regions_have_a_row_of_their_own_on_both_axes(numbers):
    dataset, runs = numbers
    table = evaluate(dataset, runs)["tracks"]
    (values, rows), labels = read(runs[0], dataset), dataset.labels
    chosen = rows[tracks.most_variable(labels[rows])]
    where = {"split": "s0", "model": "strong", "seed": "1", "fold": "test", "metric": "pearson", "class": "all"}
    where["unit"] = tracks.VARIABLE
    per_region = np.mean([pearson(labels[row], values[row]) for row in chosen])
    assert pick(table, axis="region", **where)["value"].iloc[0] == pytest.approx(per_region, rel=1e-5)
    per_track = [
        pearson(labels[chosen, t], values[chosen, t]) for t in range(T) if np.isfinite(labels[chosen, t]).sum() > 2
    ]
    assert pick(table, axis="track", **where)["value"].iloc[0] == pytest.approx(np.mean(per_track), rel=1e-4)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_reliability_of_a_mean_is_what_simulated_replicates_have(k):
    rng = np.random.default_rng(2)
    truth, noise = rng.normal(size=20_000), rng.normal(size=(2, k, 20_000))
    one, two = (truth + 1.5 * each.mean(axis=0) for each in noise)
    single = 1 / (1 + 1.5**2)
    assert ceilings.spearman_brown(single, k) == pytest.approx(np.corrcoef(one, two)[0, 1], abs=0.02)


@pytest.fixture
def replicated(tmp_path):
    """(Dataset of four groups of two replicates, whose noise has the variance of the truth, Run, truth (n, 4))."""
    rng = np.random.default_rng(3)
    n = 400
    truth = rng.normal(size=(n, 4))
    labels = (np.repeat(truth, 2, axis=1) + rng.normal(size=(n, 8))).astype(np.float32)
    labels[::17, 2] = np.nan
    ids, targets = np.array([f"w{i:04d}" for i in range(n)]), [f"t{i}" for i in range(8)]
    known = tracks_of(["a"] * 8, ["1", "2"] * 4)
    folds = np.repeat(["test", "train", "valid"], [300, 50, 50])
    folder = write(tmp_path / "perfect", labels.T, np.repeat(truth, 2, axis=1).T, folds, targets, TASK)
    dataset = Dataset(ids, np.zeros((n, 20), np.uint8), labels, targets, TASK, tracks=known)
    return dataset, Run("s", "perfect", 1, folder), truth


def test_ceilings_are_correlations_of_replicates(replicated):
    dataset, run, truth = replicated
    table = pick(evaluate(dataset, [run], pools={})["tracks"], fold="test", seed="mean", model="perfect")
    labels = dataset.labels[:300]
    for track in range(8):
        row = pick(table, axis="track", metric="pearson", unit=f"t{track}").iloc[0]
        other = labels[:, track ^ 1].copy()
        other[np.isnan(labels[:, track])] = np.nan
        known = np.isfinite(other)
        expected = np.corrcoef(labels[known, track], other[known])[0, 1]
        assert row["ceiling"] == pytest.approx(expected, rel=1e-5)
        assert row["share"] == pytest.approx(row["value"] / expected, rel=1e-5)
    mean = pick(table, axis="track", metric="pearson", unit="mean").iloc[0]
    # Half of the variance is noise: replicates have 1/2, the truth the root of it.
    assert mean["ceiling"] == pytest.approx(0.5, abs=0.05) and mean["value"] == pytest.approx(np.sqrt(0.5), abs=0.05)
    both = pick(table, axis="track", metric="pearson", unit="g3, mean of 2 replicates").iloc[0]
    assert both["value"] == pytest.approx(np.corrcoef(truth[:300, 3], labels[:, 6:].mean(axis=1))[0, 1], rel=1e-5)
    assert both["ceiling"] == pytest.approx(2 / 3, abs=0.07)
    region = pick(table, axis="region", metric="pearson").set_index("unit").loc["w0001"]
    assert region["ceiling"] == pytest.approx(np.corrcoef(labels[1, ::2], labels[1, 1::2])[0, 1], rel=1e-4)


def test_a_track_without_a_replicate_has_no_ceiling(numbers):
    table = evaluate(*numbers)["tracks"]
    assert table["ceiling"].isna().all() and table["share"].isna().all()
    assert ceilings.of_tracks(tracks_of(["a"] * 2, ["1", "1"]), np.arange(2)) == []


def test_three_replicates_have_the_mean_of_their_pairs():
    rng = np.random.default_rng(4)
    labels = rng.normal(size=(50, 3)) + rng.normal(size=(50, 1))
    known = pd.DataFrame({"target": list("xyz"), "modality": "m", "class": "", "group": "g", "replicate": list("123")})
    (group,) = ceilings.of_tracks(known, np.arange(3))
    table = np.corrcoef(labels.T)
    expected = [(table[0, 1] + table[0, 2]) / 2, (table[0, 1] + table[1, 2]) / 2, (table[0, 2] + table[1, 2]) / 2]
    np.testing.assert_allclose(ceilings.of_each_track(labels, [group], "pearson"), expected)
    pairs = (table.sum() - 3) / 6
    assert ceilings.of_means(labels, [group], "pearson")[0] == pytest.approx(3 * pairs / (1 + 2 * pairs))


def test_axes_can_disagree_and_the_verdict_says_so(tmp_path):
    """`level` knows how high a region is in all tracks, `profile` how tracks differ: each wins on one axis."""
    rng = np.random.default_rng(5)
    n, t = 200, 10
    level, shape = rng.normal(size=(n, 1)), rng.normal(size=(n, t))
    labels = (2 * level + shape).astype(np.float32)
    folds = np.repeat(["test", "train", "valid"], [140, 30, 30])
    targets, runs = [f"t{i}" for i in range(t)], []
    for model, values in (("level", 2 * level + 0.5 * rng.normal(size=(n, t))), ("profile", shape)):
        folder = write(tmp_path / model, labels.T, np.broadcast_to(values, (n, t)).T, folds, targets, TASK)
        runs.append(Run("s", model, 1, folder))
    dataset = Dataset(np.array([f"w{i:04d}" for i in range(n)]), np.zeros((n, 20), np.uint8), labels, targets, TASK)
    comparisons = evaluate(dataset, runs, pools={})["track_comparisons"]
    rows = pick(comparisons, model_a="level", model_b="profile", metric="pearson", regions="all")
    winners = rows.set_index(["axis", "over"])["winner"].to_dict()
    assert winners == {("track", "tracks"): "level", ("track", "regions"): "level", ("region", "regions"): "profile"}
    (said,) = [line for line in track_results.verdicts(comparisons) if "level" in line and "profile" in line]
    assert "per track across regions level beats profile" in said and said.endswith("The axes disagree.")
    assert "per region across tracks profile beats level" in said


def test_comparisons_are_paired(numbers):
    dataset, runs = numbers
    found = evaluate(dataset, runs)
    table, rows = found["tracks"], found["track_comparisons"]
    row = pick(rows, split="pooled", axis="region", metric="rmse", regions="all", model_a="strong", model_b="weak")
    row = pick(row, **{"class": "all"}).iloc[0]
    single = pick(table, split="pooled", axis="region", metric="rmse", seed="mean", **{"class": "all"})
    single = single[~single["unit"].str.startswith("mean")]
    a, b = (pick(single, model=model)["value"].to_numpy() for model in ("strong", "weak"))
    assert row["difference"] == pytest.approx((a - b).mean()) and row["n"] == N
    assert (row["a_better"], row["b_better"]) == ((a < b).sum(), (a > b).sum()) and row["winner"] == "strong"
    # 200 draws of signs, none of which comes near.
    assert row["p_permutation"] == pytest.approx(1 / 201)
    half = 1.96 * (a - b).std() / np.sqrt(N)
    assert row["upper"] - row["lower"] == pytest.approx(2 * half, rel=0.2)


def test_equal_models_have_no_winner(numbers):
    dataset, runs = numbers
    twins = [
        Run(run.split, f"{run.model}{copy}", 1, run.folder) for run in runs if run.model == "weak" for copy in "ab"
    ]
    rows = pick(evaluate(dataset, twins)["track_comparisons"], model_a="weaka", model_b="weakb")
    assert (rows["difference"] == 0).all() and (rows["winner"] == "").all() and (rows["p_value"] == 1).all()


def test_similarity_is_the_largest_share_of_shared_words():
    rng = np.random.default_rng(6)
    codes = rng.integers(0, 4, (12, 50)).astype(np.uint8)
    codes[10] = dna.reverse_complement(codes[0])
    codes[11, :25], codes[11, 25:] = codes[1, :25], codes[2, 25:]
    codes[9] = dna.UNKNOWN
    k, train, rows = 6, np.arange(6), np.array([11, 10, 9, 8])

    def words(row):
        texts = [dna.decode(each) for each in (row, dna.reverse_complement(row))]
        pairs = [(texts[0][i : i + k], texts[1][len(row) - k - i :][:k]) for i in range(len(row) - k + 1)]
        return {min(pair) for pair in pairs if "N" not in pair[0]}

    held = [words(row) for row in codes]
    expected = [max(len(held[r] & held[t]) / max(len(held[r]), len(held[t])) for t in train) for r in rows]
    found = similarity.nearest(codes, rows, train, k)
    np.testing.assert_allclose(found[[0, 1, 3]], np.array(expected)[[0, 1, 3]])
    assert found[1] == 1 and 0.3 < found[0] < 0.6 and np.isnan(found[2])


def test_a_cut_is_a_value_or_a_quantile_of_the_training_labels(numbers):
    dataset, runs = numbers
    labels = dataset.labels
    np.testing.assert_allclose(track_folds.quantiles(labels, 0.8), np.nanquantile(labels, 0.8, axis=0), rtol=1e-6)
    table = evaluate(dataset, runs, cut=track_folds.Cut(value=0.0))["tracks"]
    values, rows = read(runs[0], dataset)
    row = pick(table, split="s0", model="strong", seed="1", axis="track", metric="auroc", unit="t4", fold="test").iloc[
        0
    ]
    known = rows[np.isfinite(labels[rows, 4])]
    statistic = stats.mannwhitneyu(
        *(values[known, 4][(labels[known, 4] > 0) == side] for side in (True, False))
    ).statistic
    positives = (labels[known, 4] > 0).sum()
    assert row["value"] == pytest.approx(statistic / (positives * (len(known) - positives)))
    assert "auroc" not in set(evaluate(dataset, runs)["tracks"]["metric"])


def test_profiles_are_judged_where_networks_predict_them(numbers):
    dataset, runs = numbers
    rng = np.random.default_rng(8)
    counted = rng.poisson(3, (N, T, 5)).astype(np.float32)
    counted[0, 0] = 0
    dataset = dataset._replace(profiles=counted)
    strong = [run for run in runs if run.model == "strong"]
    shares = {run: rng.dirichlet(np.ones(5), (N, T)).astype(np.float16) for run in strong}
    for run, values in shares.items():
        np.save(run.profiles, values)
    table = pick(evaluate(dataset, runs)["tracks"], metric="jensen_shannon", split="s0", fold="test")
    assert set(table["model"]) == {"strong", tracks.TRACK_MEAN}
    folds, _ = matrix.read(runs[0].predictions, dataset.ids, dataset.targets, TASK)
    rows = np.flatnonzero(folds == "test")
    first, second = (shares[run].astype(float) for run in strong[:2])
    expected = {"1": first, "ensemble": (first + second) / 2}
    for seed, values in expected.items():
        each = [distance.jensenshannon(counted[row, 2], values[row, 2], base=2) for row in rows]
        found = pick(table, model="strong", seed=seed, axis="track", unit="t2").iloc[0]
        assert found["value"] == pytest.approx(np.mean(each), rel=1e-4)
    region = pick(table, model="strong", seed="ensemble", axis="region", unit="w0001", **{"class": "all"}).iloc[0]
    each = [distance.jensenshannon(counted[1, t], expected["ensemble"][1, t], base=2) for t in range(T)]
    assert region["value"] == pytest.approx(np.mean(each), rel=1e-4)
    # Of the profile of the training fold.
    whole = counted[folds == "train"].sum(axis=0)
    each = [distance.jensenshannon(counted[row, 5], whole[5], base=2) for row in rows]
    found = pick(table, model=tracks.TRACK_MEAN, axis="track", unit="t5").iloc[0]
    assert found["value"] == pytest.approx(np.mean(each), rel=1e-4)
    np.save(strong[0].profiles, shares[strong[0]][:, :, :4])
    with pytest.raises(InputError, match=r"profiles.npy: shape is \(120, 8, 4\), expected \(120, 8, 5\)"):
        evaluate(dataset, runs)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.drop(columns="prediction"), "not a table with columns id, fold, target, prediction"),
        (lambda f: f.assign(prediction=["x", *f["prediction"][1:]]), "row 2: prediction is 'x', expected a finite"),
        (lambda f: f.assign(target=["q", *f["target"][1:]]), "row 2: target is 'q', expected one of t0, t1"),
        (lambda f: f.assign(id=["q", *f["id"][1:]]), "row 2: id is 'q', expected an id of the dataset"),
        (lambda f: f.assign(fold=["dev", *f["fold"][1:]]), "row 2: fold is 'dev', expected train, valid, test"),
        (lambda f: f.iloc[1:], "no row of id 'w0000' and target 't0', expected one"),
        (lambda f: pd.concat([f, f.iloc[:1]]), "id is 'w0000', expected each id and target once"),
        (lambda f: f.assign(fold=["train", *f["fold"][1:]]), "fold is 'train', expected that of the other rows"),
    ],
)
@pytest.mark.parametrize("rows", [7, matrix.ROWS])
def test_bad_predictions_are_refused(numbers, monkeypatch, change, words, rows):
    monkeypatch.setattr(matrix, "ROWS", rows)
    dataset, runs = numbers
    frame = pd.read_csv(runs[0].predictions, sep="\t")
    change(frame).to_csv(runs[0].predictions, sep="\t", index=False)
    with pytest.raises(InputError) as error:
        read(runs[0], dataset)
    assert words in str(error.value) and str(runs[0].predictions) in str(error.value)


def test_a_model_is_not_called_like_the_mean(numbers):
    dataset, runs = numbers
    with pytest.raises(InputError, match="a model is named 'track_mean', expected another name"):
        evaluate(dataset, [runs[0]._replace(model="track_mean")])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"seed": 1, "cut": 1, "cut_quantile": 0.5}, "found cut and cut_quantile, expected one of them at most"),
        ({"seed": -1}, "--settings.seed: -1 is less than the minimum of 0"),
        ({}, "--settings: no key 'seed'"),
    ],
)
def test_bad_settings_are_refused(tmp_path, capsys, settings, words):
    options = {"dataset": "d", "folder": tmp_path, "runs": tmp_path / "runs.tsv", "output": tmp_path}
    assert call("evaluate-tracks", **options, settings=settings) == 1
    assert f"cisflow evaluate-tracks: error: {words}" in capsys.readouterr().err.replace("--settings: found", "found")
