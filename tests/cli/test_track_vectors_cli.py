"""The commands of tracks that have vectors, and of what models have not seen, on files."""

import numpy as np
import pandas as pd

import planted
from calls import call, train
from tables import check_table

VECTORS = "track\tg\tc\na\t1\t0.5\nb\t0.2\t1.5\nc\t0.9\t0.1\n"
NETWORK = {
    "architecture": "Modular",
    "settings": {"stem": {"kernels": 8, "width": 7}, "vectors": "full"},
    "training": {"max_epochs": 2, "batch_size": 32},
}


def test_a_network_of_vectors_predicts_tracks_that_no_file_measured(tmp_path, capsys):
    dataset, folder, table = tmp_path / "dataset", tmp_path / "network", tmp_path / "vectors.tsv"
    planted.write(dataset, targets=("a", "b", "c"), task="regression")
    table.write_text(VECTORS)
    assert train(dataset, folder, NETWORK) == 1
    assert "tracks have no features; expected track_features" in capsys.readouterr().err
    options = {"track_features": table, "held_tracks": {"test": ["c"]}}
    assert train(dataset, folder, NETWORK, **options) == 0
    common = {"dataset": dataset, "split": dataset / "splits" / "random.tsv", "device": "cpu"}
    common |= {"weights": folder / "model.safetensors"}
    assert call("predict", **common, output=folder / "predictions.tsv") == 0
    other = tmp_path / "other.tsv"
    other.write_text("track\tg\tc\nas c\t0.9\t0.1\nhalfway\t0.6\t1\n")
    assert call("predict", **common, track_features=other, output=folder / "other.tsv") == 0
    known, found = (
        pd.read_csv(folder / name, sep="\t").pivot(index="id", columns="target", values="prediction")
        for name in ("predictions.tsv", "other.tsv")
    )
    np.testing.assert_allclose(found["as c"], known["c"], atol=1e-5)
    # Halfway between the vectors of a and b, in a form that is linear in them.
    np.testing.assert_allclose(found["halfway"], (known["a"] + known["b"]) / 2, atol=1e-5)
    names = {"dataset": "d", "split": "random", "model": "m", "seed": "1"}
    assert call("track-weights", **common, names=names, seed=1, output=folder / "track_weights.tsv") == 0
    assert set(check_table(folder / "track_weights.tsv", "track_weights")["feature"]) == {"g", "c"}
    assert call("reach", **common, names=names, settings={}, seed=1, output=folder / "reach.tsv") == 0
    assert len(check_table(folder / "reach.tsv", "reach"))
    other.write_text("track\tg\nx\t0.9\n")
    assert call("predict", **common, track_features=other, output=folder / "other.tsv") == 1
    assert "features are g; the network was trained on g, c" in capsys.readouterr().err
