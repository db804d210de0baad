"""`cisflow variants` and `cisflow sequence-classes` from files to files, on the demo's genome."""

import gzip
import json

import numpy as np
import pandas as pd
import pytest
import torch

import pipeline
from cisflow import models
from cisflow.__main__ import main
from cisflow.features import variants
from cisflow.io import files
from cisflow.io.arrays import read_array, write_array
from cisflow.io.genome import Genome
from cisflow.io.tables import write_table
from cisflow.sequence import dna
from tables import check_table

SETTINGS = {"n_targets": 8, "channels": [4, 5, 6]}
LENGTH = 256
START = 20_100_000
TARGETS = ["A | H3K4me3 | x", "B | CTCF | x", "C | H3K27ac | x", "D | DNase | x", *(f"E{i} | TF | x" for i in range(4))]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Options of the command: a piece of the demo's chr22, a narrow Sei, nine variants of which six can be scored."""
    folder = tmp_path_factory.mktemp("inputs")
    with gzip.open(pipeline.ROOT / "resources/demo/hg19_fragments.fa.gz", "rt") as handle:
        keep = False
        parts = []
        for line in handle:
            keep = line.startswith(">chr22:20000000-") or (keep and not line.startswith(">"))
            if keep and not line.startswith(">"):
                parts.append(line.strip())
    bases = "".join(parts)[100_000:102_000]
    (folder / "genome.fa").write_text(f">chr22:{START}-{START + len(bases)}\n{bases}\n")
    rows = []
    for number in range(5):
        at = 300 + 200 * number
        rows.append(("chr22", START + at + 1, f"rs{number}", bases[at], "ACGT"[("ACGT".index(bases[at]) + 1) % 4]))
    rows.append(("chr22", START + 501, ".", bases[500:504], f"{bases[500]},<DEL>"))
    rows += [("21", START + 1, ".", bases[0], "N"), ("chr22", START + 1, ".", "ACGT"["ACGT".index(bases[0]) - 1], "N")]
    text = "".join("\t".join(map(str, row)) + "\n" for row in rows)
    (folder / "v.vcf.gz").write_bytes(gzip.compress(("#CHROM\tPOS\tID\tREF\tALT\n" + text).encode()))
    torch.manual_seed(0)
    torch.save(models.build("Sei", **SETTINGS).state_dict(), folder / "sei.pth")
    (folder / "targets.txt").write_text("\n".join(TARGETS) + "\n")
    np.save(folder / "classes.npy", np.random.default_rng(0).normal(size=(5, 8)))
    (folder / "classes.txt").write_text("PC1 Polycomb\nL1 Low signal\nCTCF CTCF-Cohesin\n")
    np.save(folder / "histone.npy", np.array([0, 2]))
    names = {"vcf": "v.vcf.gz", "genome": "genome.fa", "weights": "sei.pth", "names": "targets.txt"}
    names |= {"classes": "classes.npy", "class-names": "classes.txt"}
    options = {name: str(folder / path) for name, path in names.items()}
    options |= {"architecture": "Sei", "settings": json.dumps(SETTINGS), "length": LENGTH, "device": "cpu"}
    return options | {"threads": 1, "batch-size": 4}


def call(options, *flags, command="variants", **more):
    options = {**options, **{name.replace("_", "-"): value for name, value in more.items()}}
    words = [word for name, value in options.items() if value is not None for word in (f"--{name}", str(value))]
    return main([command, *words, *flags])


@pytest.fixture(scope="module")
def effects(inputs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("effects")
    assert call(inputs, output=folder) == 0
    return folder


def test_tables_and_arrays_agree(inputs, effects):
    table = check_table(effects / "variants.tsv", "variants")
    assert table["status"].tolist() == ["scored"] * 6 + ["symbolic", "unknown_contig", "ref_differs"]
    assert table["row"].tolist() == [*map(str, range(6)), "", "", ""]
    ref, alt = (read_array(effects / f"{name}.npy", np.float16, (6, 8), finite=True) for name in ("ref", "alt"))
    diff = read_array(effects / "diff.npy", np.float32, (6, 8), finite=True)
    scores = read_array(effects / "class_scores.npy", np.float32, (6, 3), finite=True)
    np.testing.assert_allclose(alt.astype(float) - ref.astype(float), diff, atol=2**-11)
    ranked = check_table(effects / "class_scores.tsv", "class_scores").set_index("id")
    largest = ranked["max_abs_class_score"].astype(float)
    assert largest.is_monotonic_decreasing and len(ranked) == 6
    for row, name in enumerate(table["id"][:6]):
        np.testing.assert_allclose(ranked.loc[name].iloc[-3:].astype(float), scores[row], rtol=1e-6)
        assert float(table["top_class_score"][row]) == pytest.approx(max(scores[row], key=abs), rel=1e-6)
        assert ranked.columns[-3:][np.abs(scores[row]).argmax()] == table["top_class"][row]
        assert TARGETS[np.abs(diff[row]).argmax()] == table["top_target"][row]
    manifest = files.read_json(effects / "manifest.json")
    assert manifest["variants"] == {"scored": 6, "symbolic": 1, "unknown_contig": 1, "ref_differs": 1}
    assert sorted(path.name for path in effects.iterdir()) == sorted(
        [f"{name}.npy" for name in ("ref", "alt", "diff", "class_scores")]
        + ["variants.tsv", "class_scores.tsv", "targets.tsv", "manifest.json"]
    )


def test_class_scores_are_those_of_both_strands_worked_out_by_loops(inputs, effects):
    genome = Genome(inputs["genome"])
    frame = variants.read(inputs["vcf"], genome, LENGTH)
    codes = variants.Alleles(frame[frame["status"] == "scored"], genome, LENGTH)[0:12]
    model = models.load_pretrained("Sei", SETTINGS, inputs["weights"])
    with torch.no_grad():
        strands = [model(torch.as_tensor(dna.one_hot(part))) for part in (codes, dna.reverse_complement(codes))]
    both = torch.stack(strands).mean(dim=0).double().numpy()
    vectors, scores = np.load(inputs["classes"])[:3], np.load(effects / "class_scores.npy")
    for row in range(6):
        ref, alt = both[2 * row].copy(), both[2 * row + 1].copy()
        sums = ref[[0, 2]].sum(), alt[[0, 2]].sum()
        for values, own in zip((ref, alt), sums, strict=True):
            values[[0, 2]] *= sum(sums) / 2 / own
        for number, vector in enumerate(vectors):
            assert scores[row, number] == pytest.approx((alt - ref) @ vector / np.sqrt(vector @ vector), abs=2e-7)


def test_histone_indices_and_group_histone_are_the_same_where_they_name_the_same(inputs, effects, tmp_path):
    path = tmp_path / "h.npy"
    np.save(path, np.array([0, 2]))
    assert call(inputs, output=tmp_path / "out", histone=path) == 0
    assert (tmp_path / "out" / "class_scores.npy").read_bytes() == (effects / "class_scores.npy").read_bytes()
    np.save(path, np.array([1, 2]))
    assert call(inputs, output=tmp_path / "out", histone=path) == 0
    assert (tmp_path / "out" / "class_scores.npy").read_bytes() != (effects / "class_scores.npy").read_bytes()


def test_a_stopped_run_goes_on_and_writes_the_same_bytes(inputs, effects, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(variants, "BLOCK", 2)
    stream, scored = variants.predict.stream, []

    def stopped(model, sequences, *rest):
        for number, values in enumerate(stream(model, sequences, *rest)):
            if number == 2:
                raise KeyboardInterrupt
            yield values

    def counted(model, sequences, *rest):
        scored.append(len(sequences) // 2)
        return stream(model, sequences, *rest)

    monkeypatch.setattr(variants.predict, "stream", stopped)
    with pytest.raises(KeyboardInterrupt):
        call(inputs, output=tmp_path)
    assert not (tmp_path / "diff.npy").exists()
    monkeypatch.setattr(variants.predict, "stream", counted)
    assert call(inputs, output=tmp_path) == 0
    assert scored == [2]
    for path in effects.iterdir():
        assert path.name == "manifest.json" or path.read_bytes() == (tmp_path / path.name).read_bytes()
    capsys.readouterr()
    assert call(inputs, output=tmp_path) == 0
    assert "is complete" in capsys.readouterr().err and scored == [2]
    # A manifest that the files beside it belie is not believed.
    (tmp_path / "diff.npy").write_bytes((effects / "diff.npy").read_bytes()[:-1])
    assert call(inputs, output=tmp_path) == 0
    assert (tmp_path / "diff.npy").read_bytes() == (effects / "diff.npy").read_bytes()


def test_without_classes_targets_alone_are_ranked(inputs, tmp_path):
    assert call(inputs, output=tmp_path, classes=None, class_names=None, names=None) == 0
    table = check_table(tmp_path / "variants.tsv", "variants")
    assert table["top_class"].eq("").all() and table["top_target"][0].startswith("target_")
    assert not (tmp_path / "class_scores.npy").exists()


@pytest.mark.parametrize(
    ("change", "flags", "words"),
    [
        ({}, ["--strict"], "v.vcf.gz: line 8: chromosome '21' is not in"),
        ({"length": None}, [], "the network takes any length; expected --length"),
        ({"class_names": None}, [], "expected --class-names beside --classes"),
        ({"names": None}, [], "no target of group histone; expected --histone"),
        ({"strands": "separate"}, [], "strands: found separate; a variant has one effect, expected both or forward"),
    ],
)
def test_bad_options_end_in_one_line_and_leave_nothing(inputs, tmp_path, capsys, change, flags, words):
    assert call(inputs, *flags, output=tmp_path / "out", **change) == 1
    message = capsys.readouterr().err
    assert words in message and "Traceback" not in message
    assert not (tmp_path / "out").exists()


def test_features_of_a_vcf_are_the_arrays_of_its_variants(inputs, effects, tmp_path, capsys):
    options = {name: value for name, value in inputs.items() if "class" not in name}
    assert call(options, command="features", output=tmp_path / "out") == 0
    features = np.load(tmp_path / "out" / "features.npy")
    for start, allele in enumerate(("ref", "alt")):
        np.testing.assert_array_equal(features[start::2], np.load(effects / f"{allele}.npy"))
    names = pd.read_csv(effects / "variants.tsv", sep="\t")["id"][:6]
    ids = pd.read_csv(tmp_path / "out" / "ids.tsv", sep="\t")
    assert ids["id"].tolist() == [f"{name}|{allele}" for name in names for allele in ("ref", "alt")]
    assert ids["start"][0] == START + 300 and ids["end"][11] == START + 504
    capsys.readouterr()
    for change, words in (({"genome": None}, "expected --genome"), ({"context": "pad"}, "expected context genome")):
        assert call(options | change, command="features", output=tmp_path / "other") == 1
        assert words in capsys.readouterr().err


def test_sequence_classes_of_a_feature_array(inputs, tmp_path):
    values = np.random.default_rng(1).random((7, 8)).astype(np.float16)
    write_array(tmp_path / "features.npy", values)
    write_table(tmp_path / "ids.tsv", pd.DataFrame({"id": [f"w{i}" for i in range(7)]}))
    options = {name: inputs[name] for name in ("classes", "class-names")}
    paths = {"output": tmp_path / "scores.npy", "table": tmp_path / "scores.tsv", "features": tmp_path}
    assert call(options | paths, command="sequence-classes") == 0
    vectors = np.load(inputs["classes"])[:3]
    expected = values.astype(float) @ vectors.T / np.linalg.norm(vectors, axis=1)
    np.testing.assert_allclose(np.load(tmp_path / "scores.npy"), expected, atol=1e-5)
    table = check_table(tmp_path / "scores.tsv", "sequence_classes")
    assert list(table.columns) == ["id", "PC1 Polycomb", "L1 Low signal", "CTCF CTCF-Cohesin"]
    np.testing.assert_allclose(table.iloc[:, 1:].astype(float), expected, atol=1e-5)
