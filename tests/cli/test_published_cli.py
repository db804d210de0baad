"""From a network with two logits to published scores: what is attributed, of which rows, and what is said."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

import planted
from calls import call, predict
from cisflow import models
from cisflow.attribution import blocks, files, logits, targets
from cisflow.io.tables import write_table
from cisflow.models import Network
from cisflow.models.layers import LogitDifference
from cisflow.motifs.published import SCORE_COLUMNS
from cisflow.sequence import dna
from small_networks import SMALL, build
from tables import check_table, text

SETTINGS = {"n_outputs": 1, "channels": [4, 6, 8], "hidden": 10, "two_logits": True}
MEME = """MEME version 4

ALPHABET= ACGT

MOTIF A1 AP1
letter-probability matrix: alength= 4 w= 7
{}

MOTIF G1 SP1
letter-probability matrix: alength= 4 w= 4
{}
"""


def matrix(sequence):
    return "\n".join(" ".join("0.97" if base == letter else "0.01" for letter in "ACGT") for base in sequence)


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """(dataset, folder of a network with two logits and random weights, with its predictions of either class)."""
    dataset, folder = tmp_path_factory.mktemp("dataset"), tmp_path_factory.mktemp("two")
    _, codes, *_ = planted.write(dataset, length=80)
    torch.manual_seed(1)
    module = models.build("FSei", **SETTINGS).eval()
    head = module.classifier["prediction_head"]
    with torch.no_grad():
        head.weight *= 100
        x = models.one_hot(codes, "cpu")
        head.bias[0] += module(x).median()
    models.save(
        folder / "model.safetensors", module, {"architecture": "FSei", "settings": SETTINGS, "targets": ["ap1"]}
    )
    assert predict(dataset, folder) == 0
    (folder / "motifs.meme").write_text(MEME.format(matrix("TGACTCA"), matrix("GGGG")))
    return dataset, folder


def attribute(dataset, folder, output, method="integrated_gradients", **asked):
    paths = {"weights": folder / "model.safetensors", "predictions": folder / "predictions.tsv", "output": output}
    asked = {"min_probability": 0.5} | asked
    options = {"method": {"method": method}, "classes": asked, "seed": 1, "device": "cpu"}
    return call("attribute", dataset=dataset, **paths, **options, work=output.with_suffix(".work"))


def score(dataset, folder, attributions, out, matched=None, **asked):
    paths = {"attributions": attributions, "predictions": folder / "predictions.tsv", "dataset": dataset}
    paths |= {"database": folder / "motifs.meme", "output": out / "published.tsv", "classes": out / "classes.tsv"}
    paths |= {"matched": matched} if matched else {}
    asked = {"min_probability": 0.5, "window": 20, "simulated": 200} | asked
    assert call("published-scores", **paths, settings=asked, seed=1) == 0
    return check_table(out / "published.tsv", "published"), check_table(out / "classes.tsv", "published_classes")


def gradients(function, codes):
    """(n, 4, length) gradient of the sum of a function's values at sequences."""
    x = models.one_hot(codes, "cpu").requires_grad_(True)
    return torch.autograd.grad(function(x).sum(), x)[0].numpy()


def test_a_logit_of_its_own_is_attributed_on_the_strand_of_each_row(two, tmp_path):
    dataset, folder = two
    assert attribute(dataset, folder, tmp_path / "a.npz", method="gradient") == 0
    found = files.read(tmp_path / "a.npz")
    assert set(found.targets) == {"ap1=0", "ap1=1"} and set(found.folds) == {"valid", "test"}
    table = text(folder / "predictions.tsv").set_index("id")
    codes = dict(zip(text(dataset / "windows.tsv")["id"], np.load(dataset / "sequences.npy"), strict=True))
    expected = {}
    for strand, side in (("+", "forward"), ("-", "reverse")):
        for name, row in table[table["fold"].isin(["valid", "test"]) & (table["label"] != "")].iterrows():
            chance = float(row[side])
            if (chance > 0.5) == (row["label"] == "1"):
                own = codes[name] if strand == "+" else dna.reverse_complement(codes[name])
                expected[name, "ap1=0", own.tobytes()] = 1 - chance
                if row["label"] == "1":
                    expected[name, "ap1=1", own.tobytes()] = chance
    keys = [(*key, row.tobytes()) for key, row in zip(found.keys(), found.codes, strict=True)]
    assert sorted(keys) == sorted(expected) and len({target for _, target, _ in keys}) == 2
    np.testing.assert_allclose(found.prediction, [expected[key] for key in keys], atol=1e-5)
    module = models.load(folder / "model.safetensors").module
    assert isinstance(module.difference, LogitDifference)
    # Without it the network returns both logits.
    module.difference = torch.nn.Identity()
    for label in (0, 1):
        rows = found.targets == f"ap1={label}"
        of_class = gradients(lambda x, label=label: module(x)[:, label], found.codes[rows])
        np.testing.assert_allclose(found.multipliers[rows], of_class, atol=1e-5)


def test_the_difference_is_attributed_where_asked(two, tmp_path):
    dataset, folder = two
    assert attribute(dataset, folder, tmp_path / "a.npz", "gradient", logits="difference", rows="windows") == 0
    found = files.read(tmp_path / "a.npz")
    keys = found.keys()
    assert len(set(keys)) == len(keys)
    network = models.load(folder / "model.safetensors")
    both = blocks.multipliers(network, found.codes, method="gradient")[:, 0]
    sign = np.where(found.targets == "ap1=1", 1, -1)[:, None, None]
    np.testing.assert_allclose(found.multipliers, sign * both, atol=1e-5)


def test_a_network_with_one_logit_says_that_it_has_no_other(capsys):
    network = Network(build("MotifCNN"), ["a", "b", "c"])
    same, groups = logits.members(network, "own")
    assert same is network and groups["b=0"] == {"b": -1.0} and groups["b=1"] == {"b": 1.0} and len(groups) == 6
    assert "MotifCNN has one logit a target: class 0 is attributed as minus" in capsys.readouterr().err


@pytest.mark.parametrize("architecture", ["AttentionConv", "BassetLike", "ConvNet", "FSei"])
def test_both_logits_of_every_published_network_are_outputs(architecture):
    torch.manual_seed(0)
    module = models.build(architecture, **SMALL[architecture], two_logits=True).eval()
    own = logits.both(module)
    x = torch.rand(3, 4, SMALL[architecture].get("length", 64))
    assert own.n_outputs == 6 and module.n_outputs == 3
    both, difference = own(x), module(x)
    torch.testing.assert_close(both[:, 1::2] - both[:, ::2], difference)
    # Their softmax is the probability that the network predicts.
    torch.testing.assert_close(both.unflatten(1, (3, 2)).softmax(dim=2)[..., 1], difference.sigmoid())
    # As the attribution methods take it.
    codes = np.random.default_rng(0).integers(0, 4, (2, x.shape[2])).astype(np.uint8)
    network, groups = logits.members(Network(module, ["a", "b", "c"]), "own")
    asked = targets.from_members(groups, network.outputs, ["b=1", "c=0"])
    found = blocks.multipliers(network, codes, asked, "gradient", strands="forward")[:, 0]
    for row, output in enumerate((3, 4)):
        expected = gradients(lambda x, output=output: own(x)[:, output], codes[row : row + 1])[0]
        np.testing.assert_allclose(found[row], expected, atol=1e-5)


def test_tables_hold_the_published_columns_and_matched_scores_beside(two, tmp_path):
    dataset, folder = two
    assert attribute(dataset, folder, tmp_path / "a.npz") == 0
    matched = {"target": ["ap1", "ap1", "other"], "motif_id": ["X1", "A1", "A1"], "family": [3, 12, 12]}
    matched |= {
        "stands": [1, 1, 0],
        "log2_ratio": [-1.0, 2.0, 0.5],
        "p_value": [1e-9, 0.001, 1],
        "q_value": [1e-8, 0.002, 1],
    }
    write_table(tmp_path / "matched.tsv", pd.DataFrame(matched))
    loose = {"threshold": "head", "strands": "both"}
    table, told = score(dataset, folder, tmp_path / "a.npz", tmp_path, tmp_path / "matched.tsv", **loose)
    assert table.columns.tolist() == list(SCORE_COLUMNS) and set(table["motif_id"]) == {"A1", "G1"}
    by_id = table.set_index("motif_id")
    assert by_id.loc["A1", ["matched_rank", "matched_log2_ratio", "family", "stands"]].tolist() == [
        "1",
        "2",
        "12",
        "1",
    ]
    assert (by_id.loc["G1", ["matched_rank", "matched_q_value", "family"]] == "").all()
    assert by_id.loc["A1", "consensus"] == "TGACTCA"
    rows = told.set_index("class").drop(columns=["target", "explanation"]).astype(float)
    known = text(folder / "predictions.tsv")
    known = known[known["fold"].isin(["valid", "test"]) & (known["label"] != "")]
    assert rows.loc["control", "sequences"] == 2 * len(known)
    assert rows.loc["positive", "sequences"] == 2 * (known["label"] == "1").sum()
    found = files.read(tmp_path / "a.npz")
    assert rows["selected"].tolist() == [(found.targets == f"ap1={label}").sum() for label in (0, 1)]
    assert (rows["counted"] == rows["hot_spots"]).all() and (told["explanation"] == "").all()
    codes = np.load(dataset / "sequences.npy")
    for base, letter in enumerate("acgt"):
        np.testing.assert_allclose(rows[f"background_{letter}"], (codes == base).mean(), atol=1e-6)
    for column, name in (("control", "control"), ("positive", "positive")):
        assert (by_id[column].astype(float) <= rows.loc[name, "hot_spots"]).all()
    share = by_id["positive"].astype(float) / rows.loc["positive", "counted"]
    share -= by_id["control"].astype(float) / rows.loc["control", "counted"]
    np.testing.assert_allclose(by_id["difference"].astype(float), share, atol=1e-6)


def test_each_flaw_is_undone_by_its_name(two, tmp_path):
    dataset, folder = two
    assert attribute(dataset, folder, tmp_path / "a.npz") == 0
    _, plain = score(dataset, folder, tmp_path / "a.npz", tmp_path)
    fixed = {"bases": "present", "control": "filtered", "pad": 20, "truncated": "drop", "threshold": "per_column"}
    fixed |= {"strands": "both", "count": "sequences", "test": "fisher", "adjust": "benjamini_hochberg"}
    table, told = score(dataset, folder, tmp_path / "a.npz", tmp_path, **fixed)
    before, after = (
        frame.set_index("class")[["selected", "hot_spots", "counted"]].astype(int) for frame in (plain, told)
    )
    assert after.loc["control", "selected"] < before.loc["control", "selected"]
    assert after.loc["positive", "selected"] == before.loc["positive", "selected"]
    assert (after["counted"] <= after["hot_spots"]).all() and (after["hot_spots"] < before["hot_spots"]).all()
    assert (table["z"] == "").all() and (table["matched_rank"] == "").all()


def test_a_class_without_rows_ends_in_an_empty_table_that_says_so(two, tmp_path, capsys):
    dataset, folder = two
    assert attribute(dataset, folder, tmp_path / "a.npz", min_probability=0.999999) == 0
    table, told = score(dataset, folder, tmp_path / "a.npz", tmp_path, min_probability=0.999999)
    assert table.empty and table.columns.tolist() == list(SCORE_COLUMNS)
    assert set(told["explanation"]) == {"No hot spot in the control and the positive class: nothing is compared."}
    assert "ap1: No hot spot in the control and" in capsys.readouterr().err


def test_classes_need_predictions(two, tmp_path, capsys):
    dataset, folder = two
    options = {"method": json.dumps({"method": "tism"}), "classes": "{}", "seed": 1, "device": "cpu"}
    paths = {"weights": folder / "model.safetensors", "split": dataset / "splits" / "random.tsv"}
    assert call("attribute", dataset=dataset, **paths, **options, work=tmp_path / "w", output=tmp_path / "a.npz") == 1
    assert "--classes: no predictions to choose by; expected the option --predictions" in capsys.readouterr().err
