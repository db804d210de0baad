"""`cisflow compare-attributions` from attributions to tables, and the figures of them."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch

from attributed import write
from cisflow import __main__ as cli
from cisflow import models
from cisflow.attribution import blocks, files, targets
from cisflow.figures import attribution_agreement, attribution_recovery, style
from cisflow.io.tables import read_table, write_table
from tables import check_table

LENGTH = 40
METHODS = {
    "ism": {"method": "ism"},
    "taylor_ism": {"method": "taylor_ism", "layer": "pool1"},
    "tism": {"method": "tism"},
}
SETTINGS = {"n_outputs": 2, "channels": 8, "width": 5, "pool": 2, "hidden": 6}


def file_of(folder, room, seed, name):
    return folder / room / "cnn" / "random" / f"seed{seed}" / name


def attributions_of(folder, seed):
    """Paths of the attributions of a seed, in the order of METHODS."""
    return [str(file_of(folder, "attributions", seed, f"{name}.npz")) for name in METHODS]


def copy(folder, seed, other, as_seed):
    """Put a seed of one folder's results into another's, as another seed."""
    for room in ("attributions", "models"):
        shutil.copytree(file_of(folder, room, seed, ""), file_of(other, room, as_seed, ""))


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """Results with two seeds of an untrained network, their attributions, and the tables of their comparison."""
    folder = tmp_path_factory.mktemp("compared")
    codes = np.random.default_rng(5).integers(0, 4, (6, LENGTH)).astype(np.uint8)
    for seed in (1, 2):
        torch.manual_seed(seed)
        model = models.build("MotifCNN", **SETTINGS).eval()
        header = {"architecture": "MotifCNN", "settings": SETTINGS, "targets": ["x", "y"]}
        models.save(file_of(folder, "models", seed, "model.safetensors"), model, header)
        chosen = np.array([0, 1] * 3)
        wanted = targets.Targets([0, 1], 2, chosen[:, None])
        for path, entry in zip(attributions_of(folder, seed), METHODS.values(), strict=True):
            found = blocks.multipliers(model, codes, wanted, **entry)[:, 0]
            write(path, codes, found, targets=np.array(["x", "y"])[chosen])
    truth = pd.DataFrame(
        {"id": ["w0", "w1"], "target": ["x", "y"], "matrix_id": "M", "start": 3, "end": 9, "strand": "+"}
    )
    write_table(folder / "truth.tsv", truth)
    assert compare(folder, (1, 2), folder / "truth.tsv", folder / "tables") == 0
    return folder


def compare(folder, seeds, truth, output, chosen=METHODS):
    """Exit status of the comparison of methods."""
    words = ["compare-attributions", "--folder", folder, "--model", "cnn", "--split", "random", "--seeds", *seeds]
    words += ["--methods", json.dumps(chosen), "--reference", "ism", "--truth", truth]
    words += ["--repeats", 2, "--n-timed", 2, "--device", "cpu", "--output", output]
    return cli.main([str(word) for word in words])


@pytest.mark.parametrize("name", ["agreement", "planted", "perturbation", "seeds", "cost", "summary"])
def test_the_tables_have_their_schema_and_rows(compared, name):
    rows = {"agreement": 48, "planted": 16, "perturbation": 960, "seeds": 36, "cost": 12, "summary": 75}
    assert len(check_table(compared / "tables" / f"{name}.tsv", name)) == rows[name]


def explain_nothing(folder, seed):
    """Leave the attributions of a seed without a row."""
    for path in attributions_of(folder, seed):
        files.write(path, files.read(path).take(slice(0, 0)))


def test_a_seed_that_explains_nothing_is_left_out_and_named(compared, tmp_path, capsys):
    copy(compared, 1, tmp_path, 7)
    explain_nothing(tmp_path, 7)
    for seed in (1, 2):
        copy(compared, seed, tmp_path, seed)
    assert compare(tmp_path, (7, 1, 2), compared / "truth.tsv", tmp_path / "tables") == 0
    paths = attributions_of(tmp_path, 7)
    assert f"seed 7 is left out: {paths[0]}: no sequence that every method explains" in capsys.readouterr().err
    for name in ("agreement", "planted", "perturbation", "seeds"):
        found, expected = (folder / "tables" / f"{name}.tsv" for folder in (tmp_path, compared))
        assert found.read_bytes() == expected.read_bytes()
    inputs = {name: str(tmp_path / "tables" / f"{name}.tsv") for name in ("agreement", "cost")}
    with style.applied():
        settings = {"reference": "ism", "methods": list(METHODS)}
        figure = attribution_agreement.draw(inputs | {"attributions": paths}, settings)
    (told,) = {text.get_text().replace("\n", " ") for axes in figure.subfigs[1].axes for text in axes.texts}
    assert told == "No effect to show: of the first seed the methods share no sequence."


def test_seeds_that_explain_nothing_are_one_error(compared, tmp_path, capsys):
    for seed in (1, 2):
        copy(compared, seed, tmp_path, seed)
        explain_nothing(tmp_path, seed)
    assert compare(tmp_path, (1, 2), compared / "truth.tsv", tmp_path / "tables") == 1
    told = [line for line in capsys.readouterr().err.splitlines() if "error: " in line]
    words = "--seeds: no sequence that every method explains in any seed (1, 2); expected some"
    assert len(told) == 1 and told[0].endswith(words)
    assert not (tmp_path / "tables").exists()


def outputs_of(folder, seed, strands):
    """Output of each row's target, by the network itself."""
    network = models.load(file_of(folder, "models", seed, "model.safetensors"))
    x = models.one_hot(files.read(attributions_of(folder, seed)[0]).codes, "cpu")
    outputs = network(x) if strands == "forward" else (network(x) + network(x.flip(1, 2))) / 2
    return outputs.detach().numpy()[np.arange(6), [0, 1] * 3]


def test_the_curves_of_the_tables_begin_and_end_at_the_network(compared):
    table = read_table(compared / "tables" / "perturbation.tsv", text=("id", "target"))
    of_method = table[(table["seed"] == 1) & (table["method"] == "tism")]
    for curve, share in (("deletion", 0), ("insertion", 1)):
        rows = of_method[(of_method["curve"] == curve) & (of_method["share"] == share)]
        np.testing.assert_allclose(rows["output"], outputs_of(compared, 1, "both"), atol=1e-5)


@pytest.mark.parametrize(("asked", "expected"), [({}, "forward"), ({"strands": "both"}, "both")])
def test_the_curves_of_a_network_of_the_forward_strand(compared, tmp_path, asked, expected):
    copy(compared, 1, tmp_path, 1)
    weights = file_of(tmp_path, "models", 1, "model.safetensors")
    models.save(weights, models.load(weights).module, models.read_header(weights) | {"strands": "forward"})
    # What the other methods explain does not matter.
    chosen = {name: method | (asked if name == "ism" else {}) for name, method in METHODS.items()}
    assert compare(tmp_path, (1,), compared / "truth.tsv", tmp_path / "tables", chosen) == 0
    table = read_table(tmp_path / "tables" / "perturbation.tsv", text=("id", "target"))
    whole = table[(table["method"] == "tism") & (table["curve"] == "deletion") & (table["share"] == 0)]
    np.testing.assert_allclose(whole["output"], outputs_of(tmp_path, 1, expected), atol=1e-5)


def test_the_figures_of_a_comparison_show_every_method(compared):
    inputs = {
        name: str(compared / "tables" / f"{name}.tsv")
        for name in ("agreement", "planted", "perturbation", "summary", "cost")
    }
    inputs["attributions"] = attributions_of(compared, 1)
    with style.applied():
        figure = attribution_agreement.draw(inputs, {"reference": "ism", "methods": list(METHODS)})
        names = {text.get_text().split(":")[0] for text in figure.subfigs[0].axes[0].get_legend().get_texts()}
        assert names == {"ISM", "Taylor ISM", "TISM"}
        figure = attribution_recovery.draw(inputs, {})
        # Four methods with the random one: a mark for each of two seeds, and one over them, with its interval.
        marks = [line.get_marker() for line in figure.axes[0].lines]
        assert (marks.count("o"), marks.count("D")) == (8, 4)
        table = read_table(inputs["perturbation"], text=("id", "target"))
        table = table[(table["method"] == "tism") & (table["curve"] == "deletion")]
        wide = table.pivot(index=["seed", "id", "target"], columns="share", values="output")
        drawn = [line.get_ydata() for line in figure.axes[2].lines]
        for values in drawn:
            assert values[0] == pytest.approx((wide[0] - wide[1]).abs().mean())
            assert values[-1] == 0
        for axes in figure.axes[2:]:
            names = {text.get_text().split(":")[0] for text in axes.get_legend().get_texts()}
            assert names == {"ISM", "Taylor ISM", "TISM", "Random"}
