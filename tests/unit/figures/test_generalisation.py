"""Figures of what models have not seen: what they show is what the tables say."""

import numpy as np
import pandas as pd

from cisflow.io.tables import write_table
from drawing import DATASET, LONG, drawn, svg_text

NUMBERS = DATASET | {"task": "regression"}
PLACE = {"dataset": "demo", "seed": "1", "fold": "test"}


def table(folder, name, rows, columns=()):
    """{input: path} of a table of rows, dicts."""
    path = folder / f"{name}.tsv"
    write_table(path, pd.DataFrame(rows, columns=list(columns) or None))
    return str(path)


def unseen(folder, splits=("s1",), models=("vectors",), state="unseen", n=20):
    rng, rows = np.random.default_rng(0), []
    columns = ["dataset", "split", "model", "seed", "fold", "modality", "tracks", "track", "predictor", "of", "nearest"]
    columns += ["distance", "metric", "value", "lower", "upper", "n"]
    for split in splits:
        for model in models:
            for track in range(n):
                for predictor in ("model", "nearest_vector", "nearest_correlation", "mean_track"):
                    value = rng.uniform(0.2, 0.6) + 0.2 * (predictor == "model")
                    rows.append(
                        PLACE
                        | {"split": split, "model": model, "modality": "signal", "tracks": state, "track": f"t{track}"}
                        | {"predictor": predictor, "of": "predicted", "nearest": "t0", "distance": 1.5}
                        | {"metric": "pearson", "value": value, "lower": value - 0.1, "upper": value + 0.1, "n": 90}
                    )
    return {"tracks": table(folder, "unseen_tracks", rows, columns)}


def weights(folder, splits=("s1",), models=("vectors",), features=20):
    rng, rows = np.random.default_rng(1), []
    columns = ["dataset", "split", "model", "seed", "modality", "feature", "mean", "importance", "lower", "upper"]
    columns += ["rank", "n"]
    for split in splits:
        for model in models:
            for number in range(features):
                value = float(rng.random())
                rows.append(
                    {"dataset": "demo", "split": split, "model": model, "seed": "1", "modality": "signal"}
                    | {"feature": f"regulator_{number}", "mean": rng.normal(), "importance": value}
                    | {"lower": 0.9 * value, "upper": 1.1 * value, "rank": 1, "n": 80}
                )
    return {"weights": table(folder, "track_weights", rows, columns)}


def homology(folder, models=("network", "ridge"), splits=("random",), metric="auroc", known=True):
    rows = []
    for split in splits:
        for place, model in enumerate(models):
            for low, high in ((0, 0.1), (0.1, 0.5), (0.5, 1)):
                value = 0.6 + 0.3 * low + 0.01 * place if known else np.nan
                rows.append(
                    {"dataset": "demo", "split": split, "model": model, "fold": "test", "metric": metric, "low": low}
                    | {"high": high, "similarity": (low + high) / 2, "value": value, "lower": value - 0.05}
                    | {"upper": value + 0.05, "n": 50, "positives": 20}
                )
    return {"homology": table(folder, "homology", rows)}


def reach(folder, models=("network",), length=1001, known=True):
    rows, bounds = [], [0, 1, 2, 5, 10, 50, 100, 501]
    for model in models:
        for of in ("position", "output"):
            total = 0.0
            for low, high in zip(bounds, bounds[1:], strict=False):
                share = 1 / 7 if known else np.nan
                total += share
                rows.append(
                    {"dataset": "demo", "split": "random", "model": model, "seed": "1", "of": of, "low": low}
                    | {"high": high, "contribution": share, "cumulative": total}
                    | {"effective": 60 if known else np.nan, "architectural": 120 if of == "position" else 500}
                    | {"length": length, "n": 8}
                )
    return {"reach": table(folder, "reach", rows)}


def species(folder, targets=("t1",), genomes=("yeast", "thale cress"), motifs=30):
    rng, rows = np.random.default_rng(2), []
    columns = ["dataset", "split", "model", "seed", "target", "genome", "trained", "motif", "of", "value", "lower"]
    columns += ["upper", "n"]
    for target in targets:
        for number in range(motifs):
            effect = rng.normal(0, 0.2)
            for genome in genomes:
                for of in ("measured", "predicted"):
                    value = effect + rng.normal(0, 0.05)
                    rows.append(
                        {"dataset": "demo", "split": "genome", "model": "network", "seed": "1", "target": target}
                        | {"genome": genome, "trained": 1, "motif": f"m{number}", "of": of, "value": value}
                        | {"lower": value - 0.1, "upper": value + 0.1, "n": 200}
                    )
    return {"effects": table(folder, "species_effects", rows, columns)}


# Name of the case: (figure, function of a folder -> inputs, settings).
CASES = {
    "a third held out": ("unseen_tracks", unseen, NUMBERS),
    "several splits, long names": ("unseen_tracks", lambda f: unseen(f, LONG[:2], LONG[2:4]), NUMBERS),
    "no track is unseen": ("unseen_tracks", lambda f: unseen(f, state="seen"), NUMBERS),
    "twenty features": ("track_weights", weights, NUMBERS),
    "two features, several splits": ("track_weights", lambda f: weights(f, ("a", "b", "c"), features=2), NUMBERS),
    "no features": ("track_weights", lambda f: weights(f, features=0), NUMBERS),
    "labels 0 and 1": ("homology", homology, DATASET),
    "numbers, many models": ("homology", lambda f: homology(f, LONG, ("a", "b", "c", "d"), "pearson"), DATASET),
    "no bin has windows enough": ("homology", lambda f: homology(f, known=False), DATASET),
    "one network": ("reach", reach, DATASET),
    "long windows of several": ("reach", lambda f: reach(f, LONG[:4], 100_000), DATASET),
    "no gradient": ("reach", lambda f: reach(f, known=False), DATASET),
    "two genomes": ("species", species, DATASET),
    "three genomes": ("species", lambda f: species(f, ("t1", "t2"), ("a", "b", LONG[0])), DATASET),
    "no motif": ("species", lambda f: species(f, motifs=0), DATASET),
}


def test_points_are_the_correlations_of_unseen_tracks(tmp_path):
    inputs = unseen(tmp_path)
    figure = drawn("unseen_tracks", inputs, NUMBERS)
    frame = pd.read_csv(inputs["tracks"], sep="\t")
    wide = frame.pivot_table(index="track", columns="predictor", values="value")
    points = next(line for line in figure.axes[0].lines if line.get_marker() == "o")
    np.testing.assert_allclose(points.get_xdata(), wide["nearest_vector"])
    np.testing.assert_allclose(points.get_ydata(), wide["model"])
    assert f"above on {(wide['model'] > wide['nearest_vector']).sum()} of 20" in svg_text(figure)


def test_features_stand_by_their_importance(tmp_path):
    inputs = weights(tmp_path)
    axes = drawn("track_weights", inputs, NUMBERS).axes[0]
    frame = pd.read_csv(inputs["weights"], sep="\t").sort_values("importance", ascending=False)
    np.testing.assert_allclose([bar.get_width() for bar in axes.patches], frame["importance"][:16])


def test_lines_end_at_the_whole_contribution_and_mark_both_reaches(tmp_path):
    axes = drawn("reach", reach(tmp_path), DATASET).axes[0]
    curves = [line for line in axes.lines if len(line.get_xdata()) > 2]
    assert all(abs(line.get_ydata()[-1] - 1) < 1e-6 for line in curves) and len(curves) == 2
    marks = {line.get_xdata()[0] for line in axes.lines if len(line.get_xdata()) == 2}
    assert marks == {60, 120, 500}
