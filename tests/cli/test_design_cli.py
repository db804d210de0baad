"""The command of design on a small dataset: tables that fit their schemas, FASTA, the same bytes, and refusals."""

import re

import numpy as np
import pandas as pd
import pytest
import torch

import planted
from calls import call
from cisflow import models
from cisflow.data import dataset as datasets
from cisflow.sequence import dna
from drawing import database_file
from tables import check_table

SCHEMAS = {"designs": "designs"} | {
    name: f"design_{name}" for name in ("steps", "scores", "networks", "motifs", "hits", "logos")
}
ASKED = {
    "objective": {"up": ["ap1"]},
    "constraints": {"homopolymer": 4, "edits": 5},
    "method": {"method": "greedy", "steps": 4},
    "starts": {"n": 4},
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a dataset, three networks, their splits in parts, and a database of motifs."""
    folder = tmp_path_factory.mktemp("design")
    ids, *_ = planted.write(folder / "data", n=60, targets=("ap1", "creb"))
    for number, name in enumerate(("designer", "first", "second")):
        torch.manual_seed(number)
        settings = {"n_outputs": 2, "channels": 6 + number, "width": 7, "pool": 2, "hidden": 6}
        header = {"architecture": "MotifCNN", "settings": settings, "targets": ["ap1", "creb"]}
        models.save(folder / f"{name}.safetensors", models.build("MotifCNN", **settings), header)
        folds = np.full(len(ids), "test", dtype=object)
        folds[20 * number : 20 * number + 15], folds[20 * number + 15 : 20 * number + 20] = "train", "valid"
        datasets.write_folds(folder / f"{name}.tsv", ids, folds)
    database_file(folder / "known.meme", {"M1": ("AP1", "TGACTCA"), "M2": ("CREB", "TGACGTCA")})
    return folder


def design(made, output, judges=("first", "second"), database=True, **given):
    options = {"dataset": made / "data", "weights": made / "designer.safetensors", "split": made / "designer.tsv"}
    options |= {"database": made / "known.meme"} if database else {}
    if judges:
        options["judges"] = [f"{name}={made / name}.safetensors" for name in judges]
        options["judge_splits"] = [f"{name}={made / name}.tsv" for name in judges]
    return call("design", **options | ASKED | given, seed=3, device="cpu", output=output)


def test_tables_fit_their_schemas_and_agree(made, tmp_path):
    assert design(made, tmp_path) == 0
    found = {name: check_table(tmp_path / f"{name}.tsv", schema) for name, schema in SCHEMAS.items()}
    designs = pd.read_csv(tmp_path / "designs.tsv", sep="\t").set_index("design")
    assert len(designs) == 4 and (designs["edits"] <= 5).all() and (designs["score"] > designs["start_score"]).all()
    scores = pd.read_csv(tmp_path / "scores.tsv", sep="\t")
    last = scores[scores["step"] == scores["design"].map(designs["steps"])]
    wide = last.pivot(index="design", columns="network", values="score").loc[designs.index]
    assert np.allclose(wide["designer"], designs["score"], atol=1e-5)
    assert np.allclose(wide[["first", "second"]].mean(axis=1), designs["judges"], atol=1e-5)
    assert np.allclose(designs["gap"], designs["score"] - designs["judges"], atol=1e-5)
    networks = pd.read_csv(tmp_path / "networks.tsv", sep="\t").set_index("network")
    assert networks["overlap"].to_dict() == {"designer": 1, "first": 0, "second": 0}
    above = (wide[["first", "second"]] > networks.loc[["first", "second"], "best"]).all(axis=1)
    assert (above == (designs["above_natural"] == 1)).all()
    steps = found["steps"]
    for name, part in steps.groupby("design"):
        text = part["sequence"].iloc[0]
        for row in part.iloc[1:].itertuples():
            # A greedy step changes one base, which it names.
            place, new = int(row.changed[: row.changed.index(">") - 1]), row.changed[-1]
            text = text[:place] + new + text[place + 1 :]
            assert text == row.sequence
        assert text == designs.loc[name, "sequence"]
    lines = (tmp_path / "designs.fa").read_text().splitlines()
    assert lines[1::2] == designs["sequence"].tolist() and lines[0].startswith(">design1 start=random1 edits=")
    for row in found["hits"].itertuples():
        site = designs.loc[row.design, "sequence"][int(row.start) : int(row.end)]
        site = site if row.strand == "+" else dna.decode(dna.reverse_complement(dna.encode(site)))
        assert site[:5] in ("TGACT", "TGACG") or row.matrix_id == "M1"


def test_the_same_seed_gives_the_same_bytes(made, tmp_path):
    for name in ("a", "b"):
        assert design(made, tmp_path / name, method={"method": "evolution", "steps": 3, "population": 4}) == 0
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == sorted([*(f"{name}.tsv" for name in SCHEMAS), "designs.fa"])
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in files)


def test_without_judges_and_motifs_tables_are_empty_where_they_must_be(made, tmp_path):
    assert design(made, tmp_path, judges=(), database=False, objective={"up": ["ap1"], "goal": 1e9}) == 0
    for name, schema in SCHEMAS.items():
        check_table(tmp_path / f"{name}.tsv", schema)
    designs = pd.read_csv(tmp_path / "designs.tsv", sep="\t")
    assert designs[["judges", "gap", "above_natural"]].isna().all(axis=None) and (designs["outcome"] == "not met").all()
    assert not len(pd.read_csv(tmp_path / "motifs.tsv", sep="\t"))


def test_nothing_to_do_is_told(made, tmp_path, capsys):
    assert design(made, tmp_path, constraints={"edits": 0}) == 0
    designs = pd.read_csv(tmp_path / "designs.tsv", sep="\t")
    assert (designs["outcome"] == "unchanged").all() and (designs["edits"] == 0).all()
    assert "4 of 4 starts: nothing better was found" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"objective": {"up": ["gata"]}}, "objective: 'gata' is no output of .*designer.safetensors; expected ap1"),
        ({"method": {"steps": 3}}, "method: found .*; expected the key method and its settings"),
        ({"method": {"method": "best"}}, "unknown method of design 'best'; expected one of annealing, beam"),
        ({"constraints": {"banned": ["MA1.1"]}}, r"constraints.banned: 'MA1.1' is no word .* \(M1, M2\)"),
        ({"starts": {"kind": "natural", "n": 99}}, "starts.n: found 99, of 40 windows of folds test without unknown"),
        ({"judge_splits": ["first=x.tsv"]}, "--judge-splits: found .*; expected those of"),
    ],
)  # fmt: skip
def test_wrong_input_is_one_line(made, tmp_path, capsys, given, words):
    assert design(made, tmp_path / "out", **given) == 1
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert re.search(words, message), message
    assert not (tmp_path / "out").exists()


def test_judges_of_the_designers_windows_are_refused_or_told(made, tmp_path, capsys):
    folds = datasets.read_ids(made / "designer.tsv")
    shared = tmp_path / "shared.tsv"
    datasets.write_folds(shared, folds, np.resize(["train", "valid", "test"], len(folds)))
    splits = [f"first={shared}", f"second={made / 'second.tsv'}"]
    assert design(made, tmp_path, judge_splits=splits) == 1
    assert "judges: first was trained on 14 of 40 windows that the designer was trained on" in capsys.readouterr().err
    assert design(made, tmp_path, judge_splits=splits, settings={"folds": "shared"}) == 0
    networks = pd.read_csv(tmp_path / "networks.tsv", sep="\t").set_index("network")
    assert networks.loc["first", "overlap"] == pytest.approx(14 / 40)
