"""Several sequences a sample, several genomes in one dataset: rows against slicing strings, from config to leakage."""

import copy
import itertools
import json

import numpy as np
import pandas as pd
import pytest

import pipeline
from cisflow.__main__ import main
from cisflow.config.loading import load
from cisflow.data import dataset as datasets
from cisflow.data import ledger
from cisflow.errors import InputError
from cisflow.sequence import dna
from sources import collect

OTHER = dict(zip("ACGT", "TGCA", strict=True))
LENGTH = 2000
STARTS = {f"G{number}": 120 + 180 * number for number in range(9)}


def reverse(text):
    return "".join(OTHER[base] for base in reversed(text))


@pytest.fixture
def genomes(tmp_path):
    """Two genomes of two chromosomes with genes of the same names: {resource: file}, {species: {chrom: sequence}}."""
    rng, files, sequences = np.random.default_rng(3), {}, {}
    for species in ("human", "mouse"):
        sequences[species] = {chrom: "".join(rng.choice(list("ACGT"), LENGTH)) for chrom in ("chr1", "chr2")}
        files[f"{species}.fa"] = tmp_path / f"{species}.fa"
        files[f"{species}.fa"].write_text("".join(f">{name}\n{text}\n" for name, text in sequences[species].items()))
        lines = []
        for number, (gene, start) in enumerate(STARTS.items()):
            chrom, strand = f"chr{1 + number % 2}", "+-"[number % 3 == 1]
            names = f'gene_id "{gene}"; gene_name "N{number % 8}"; transcript_id "{gene}.t'
            lines.append(f'{chrom}\tx\texon\t{start + 1}\t{start + 50}\t.\t{strand}\t.\t{names}1";\n')
            if number % 4 == 0:
                lines.append(f'{chrom}\tx\texon\t{start + 11}\t{start + 60}\t.\t{strand}\t.\t{names}2";\n')
        files[f"{species}.gtf"] = tmp_path / f"{species}.gtf"
        files[f"{species}.gtf"].write_text("".join(lines))
    return files, sequences


def of_genes(anchor, species="human", **settings):
    return {
        "kind": "annotation",
        "annotation": f"{species}.gtf",
        "genome": f"{species}.fa",
        "anchor": anchor,
    } | settings


def two(species="human", by="id", **rna):
    """Promoter and RNA, 60 and 40 bp."""
    promoter = {"name": "promoter", "window": 60, "source": of_genes("tss", species)}
    return {
        "inputs": [promoter, {"name": "rna", "window": 40, "source": of_genes("transcript", species, **rna)}],
        "by": by,
    }


def promoter_and_rna(text, gene, second=False):
    """Sequence of a gene's promoter and of one of its transcripts, by string slicing."""
    number, start = int(gene[1:]), STARTS[gene]
    last = start + (60 if number % 4 == 0 else 50)
    body = text[start + 10 : start + 60] if second else text[start : start + 50]
    if number % 3 == 1:
        return reverse(text[last : last + 60]) + reverse(body)[:40]
    return text[start - 60 : start] + body[:40]


def chromosome(gene):
    return f"chr{1 + int(gene[1:]) % 2}"


def test_two_inputs_stand_side_by_side(genomes):
    files, sequences = genomes
    found = collect("inputs", two(), 100, files)
    assert found.inputs == (("promoter", 0, 60), ("rna", 60, 100))
    assert found.frame["id"].tolist() == list(STARTS) and found.targets == [] and found.labels.shape == (9, 0)
    for row, codes in zip(found.frame.itertuples(), found.codes, strict=True):
        text = sequences["human"][row.chrom]
        # Both transcripts have 50 bases: the one that begins first stands for the gene.
        forward = int(row.id[1:]) % 3 != 1
        second = not forward and int(row.id[1:]) % 4 == 0
        assert dna.decode(codes) == promoter_and_rna(text, row.id, second)
        assert row.end - row.start == 60
    assert found.names["gene_id"].tolist() == list(STARTS)
    ledger.check(found.ledger, found.frame["id"], "ledger.tsv")


def test_a_gene_with_two_transcripts_is_two_samples(genomes):
    files, sequences = genomes
    found = collect("inputs", two(by="gene_id", per="transcript"), 100, files)
    ids = [f"{gene}.t{number}" for gene in STARTS for number in (1, 2) if number == 1 or int(gene[1:]) % 4 == 0]
    assert found.frame["id"].tolist() == ids and found.names["transcript_id"].tolist() == ids
    for name, chrom, codes in zip(ids, found.frame["chrom"], found.codes, strict=True):
        gene, second = name[:2], name.endswith("2")
        assert dna.decode(codes) == promoter_and_rna(sequences["human"][chrom], gene, second)
    ledger.check(found.ledger, found.frame["id"], "ledger.tsv")


def test_a_row_without_a_partner_is_dropped_and_told(genomes):
    files, _ = genomes
    text = files["human.gtf"].read_text()
    files["some.gtf"] = files["human.gtf"].with_name("some.gtf")
    files["some.gtf"].write_text("".join(line for line in text.splitlines(True) if '"G3"' not in line))
    for place, lost in ((0, "no sample of 'promoter'"), (1, "no partner in 'rna'")):
        source = two()
        source["inputs"][place]["source"]["annotation"] = "some.gtf"
        found = collect("inputs", source, 100, files)
        assert found.frame["id"].tolist() == [gene for gene in STARTS if gene != "G3"]
        told = found.ledger[found.ledger["name"] == "G3"]
        assert told[["outcome", "reason"]].to_numpy().tolist() == [["dropped", lost]]
        ledger.check(found.ledger, found.frame["id"], "ledger.tsv")


def test_one_of_the_inputs_may_be_labelled(genomes, tmp_path):
    files, _ = genomes
    rows = [f"{gene},ACGT,{number / 2},{number}" for number, gene in enumerate(reversed(STARTS))]
    (tmp_path / "t.csv").write_text("header,sequence,label,half\n" + "\n".join(rows) + "\n")
    files["t"] = tmp_path / "t.csv"
    extra = {"name": "barcode", "window": 4, "source": {"kind": "table", "table": "t", "targets": ["half", "label"]}}
    source = {"inputs": [*two()["inputs"], extra]}
    found = collect("inputs", source, 104, files, task="regression")
    assert found.targets == ["half", "label"] and found.task.name == "regression"
    assert found.labels.tolist() == [[8 - number, (8 - number) / 2] for number in range(9)]
    assert all(dna.decode(row) == "ACGT" for row in found.codes[:, 100:])
    source["inputs"].append(extra | {"name": "again"})
    with pytest.raises(InputError, match="^source inputs: barcode, again are labelled; expected one of them at most"):
        collect("inputs", source, 108, files, task="regression")


def change(given, **settings):
    given = copy.deepcopy(given)
    given["inputs"][1] |= settings
    return given


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (change(two(), window=41), r"the windows are 60 \+ 41 bases, that of the dataset 100; expected their sum"),
        (change(two(), name="promoter"), "names are promoter, promoter; expected distinct ones"),
        (two(by="transcript_id"), "no row has a partner in every input by transcript_id: promoter has , , "),
        (
            two(per="transcript"),
            "no row has a partner in every input by id: promoter has G0, G1, G2 and 6 more; rna ha",
        ),
        (two(by="gene_name"), "gene_name occurs more than once in promoter, rna; expected in one of them at most"),
    ],
)
def test_inputs_that_cannot_be_joined_are_refused(genomes, source, words):
    with pytest.raises(InputError, match=f"^source inputs: {words}") as error:
        collect("inputs", source, 100, genomes[0])
    assert "\n" not in str(error.value)


def test_settings_within_settings_are_checked_in_their_place(genomes):
    files, _ = genomes
    for source, words in (
        (change(two(), source={"kind": "annotation"}), "inputs[1].source: no key 'annotation'; found keys: (none)"),
        (change(two(), source={"kind": "nothing"}), "inputs[1].source: kind is 'nothing', expected one of annotation,"),
        (change(two(), windw=3), "inputs[1]: unknown key 'windw'; expected keys: name, window, source"),
        ({"inputs": two()["inputs"][:1]}, "inputs: "),
    ):
        with pytest.raises(InputError) as error:
            collect("inputs", source, 100, files)
        assert str(error.value).startswith(f"dataset 'd': source.{words}")


def both(**settings):
    return {"genomes": [{"name": name, "source": of_genes("tss", name, **settings)} for name in ("human", "mouse")]}


def test_rows_of_two_genomes_never_share_a_place_or_an_id(genomes):
    files, sequences = genomes
    found = collect("genomes", both(), 60, files)
    assert found.genomes.tolist() == ["human"] * 9 + ["mouse"] * 9
    assert found.frame["id"].tolist() == [f"{name}:{gene}" for name in sequences for gene in STARTS]
    for species, row, codes in zip(found.genomes, found.frame.itertuples(), found.codes, strict=True):
        gene = row.id.removeprefix(f"{species}:")
        assert row.chrom == f"{species}:{chromosome(gene)}"
        assert dna.decode(codes) == promoter_and_rna(sequences[species][chromosome(gene)], gene)[:60]
    assert found.names["gene_id"].tolist() == found.frame["id"].tolist()
    ledger.check(found.ledger, found.frame["id"], "ledger.tsv")


def test_ids_that_are_distinct_stay_as_they_are(genomes):
    files, _ = genomes
    path = files["mouse.gtf"]
    path.write_text(path.read_text().replace('"G', '"M'))
    found = collect("genomes", both(), 60, files)
    assert found.frame["id"].tolist() == [f"{letter}{number}" for letter in "GM" for number in range(9)]
    # Names of genes occur in both, so that a number joined by one of them would have two rows.
    assert found.names["gene_name"].iloc[9] == "mouse:N0"


def test_two_genomes_of_two_inputs(genomes):
    files, _ = genomes
    parts = [{"name": name, "source": {"kind": "inputs", **two(name)}} for name in ("human", "mouse")]
    found = collect("genomes", {"genomes": parts}, 100, files)
    for name in ("human", "mouse"):
        alone = collect("inputs", two(name), 100, files)
        assert np.array_equal(found.codes[found.genomes == name], alone.codes)
    assert found.inputs == (("promoter", 0, 60), ("rna", 60, 100))
    parts[1]["source"] = of_genes("tss", "mouse")
    with pytest.raises(InputError) as error:
        collect("genomes", {"genomes": parts}, 100, files)
    assert str(error.value) == (
        "source genomes: inputs of 'human' are promoter (60 bp), rna (40 bp), of 'mouse' none; expected the same"
    )


def test_genomes_of_other_labels_are_refused(genomes):
    files, _ = genomes
    bed = files["human.gtf"].with_name("b.bed")
    bed.write_text("chrom\tstart\tend\tx\nchr1\t100\t120\t1\nchr1\t300\t320\t0\n")
    labelled = {"kind": "bed", "bed": "bed", "genome": "human.fa", "target": "x"}
    parts = [{"name": "a", "source": of_genes("tss")}, {"name": "b", "source": labelled}]
    with pytest.raises(InputError, match="^source genomes: targets of 'a' are none, of 'b' x; expected the same"):
        collect("genomes", {"genomes": parts}, 20, files | {"bed": bed})
    parts = both()["genomes"]
    parts[1]["name"] = "human"
    with pytest.raises(InputError, match="^source genomes: names are human, human; expected distinct ones"):
        collect("genomes", {"genomes": parts}, 20, files)


def test_several_sequences_of_a_row_of_a_table(tmp_path):
    (tmp_path / "t.tsv").write_text("header\tref\talt\tlabel\nchr1:0-4\tACGT\tAGGT\t1\nb\tTTTT\tTTTA\t0\n")
    given = {"table": "t", "sequences": ["ref", "alt"]}
    found = collect("table", given, 8, {"t": tmp_path / "t.tsv"})
    assert [dna.decode(row) for row in found.codes] == ["ACGTAGGT", "TTTTTTTA"]
    assert found.inputs == (("ref", 0, 4), ("alt", 4, 8))
    assert found.frame["start"].tolist() == [0, pd.NA]
    (tmp_path / "t.tsv").write_text("header\tdna\trna\tlabel\na\tACGT\tAG\t1\nb\tTTTT\tTT\t0\n")
    given = {"table": "t", "sequences": ["rna", "dna"], "lengths": [2, 4]}
    found = collect("table", given, 6, {"t": tmp_path / "t.tsv"})
    assert [dna.decode(row) for row in found.codes] == ["AGACGT", "TTTTTT"]
    for change, window, words in (
        ({"lengths": [4, 2]}, 6, "row 2: the sequence 'rna' has 2 bases, expected 4"),
        ({}, 7, "lengths are [2, 4]; expected 2, one for each of rna, dna, and 7 bases in all (the window)"),
        ({"lengths": [6]}, 6, "lengths are [6]; expected 2, one for each of rna, dna, and 6 bases in all (the window)"),
        ({"lengths": None}, 7, "the window of 7 bases has no 2 equal parts; expected the key lengths"),
    ):
        settings = {key: value for key, value in (given | change).items() if value is not None}
        with pytest.raises(InputError) as error:
            collect("table", settings, window, {"t": tmp_path / "t.tsv"})
        assert words in str(error.value) and "\n" not in str(error.value)


# ---- from a config to the leakage report -----------------------------------------------------------------------------


def config(source, window=100, splits=None):
    names = [f"{species}.{kind}" for species in ("human", "mouse") for kind in ("fa", "gtf")]
    split = splits or {"random": {"kind": "random", "valid": 0.3, "test": 0.3}}
    return {
        "resources": {name: {"url": f"data/{name}"} for name in names},
        "datasets": {"d": {"source": source, "window": window, "splits": split, "models": ["cnn"]}},
        "models": {"cnn": {"architecture": "MotifCNN"}},
    }


def test_a_config_names_the_files_of_sources_within_sources():
    parts = [{"name": name, "source": {"kind": "inputs", **two(name)}} for name in ("human", "mouse")]
    for part in parts:
        part["source"]["inputs"][1]["source"]["anchor"] = "acceptor"
    study = load(config({"kind": "genomes", "genomes": parts}), pipeline.ROOT)
    found = study.datasets["d"]
    assert set(found.resources) == {"human.fa", "human.gtf", "mouse.fa", "mouse.gtf"}
    assert found.is_labelled and [source["anchor"] for source in found.sources] == ["tss", "acceptor"] * 2
    assert found.joined_modules == ["data/sources/annotation", "data/sources/inputs"]
    # Defaults of settings within settings are filled in.
    assert found.source["genomes"][0]["source"]["by"] == "id"
    assert found.source["genomes"][0]["source"]["inputs"][0]["source"]["edge"] == "drop"
    wildcards = type("Wildcards", (), {"dataset": "d"})
    assert study.source_files(wildcards) == [
        *(f"resources/{name}" for name in ("human.fa", "human.gtf", "mouse.fa", "mouse.gtf")),
        "resources/human.fa.fai",
        "resources/mouse.fa.fai",
    ]


@pytest.mark.parametrize(
    ("edit", "line"),
    [
        (
            lambda s: s["inputs"][0].update(window=59),
            "source.inputs: windows are 59 + 40 bases, that of the dataset 100; e",
        ),
        (
            lambda s: s["inputs"][0]["source"].update(genome="x"),
            "source: 'x' is not defined; expected one of human.fa, h",
        ),
        (
            lambda s: s["inputs"][0]["source"].pop("genome"),
            "source.inputs[0].source: no key 'genome'; found keys: kind",
        ),
        (
            lambda s: s["inputs"][0]["source"].update(anchr=1),
            "source.inputs[0].source: unknown key 'anchr'; expected k",
        ),
        (
            lambda s: s["inputs"][0]["source"].update(kind="inputs"),
            "source.inputs[0].source.kind: 'inputs' is not one of",
        ),
        (lambda s: s["inputs"].pop(), "source.inputs: "),
        (lambda s: s.update(by="name"), "source.by: 'name' is not one of ['id', 'gene_id'"),
        (lambda s: None, "source: found no labels; expected the key targets beside it"),
    ],
)
def test_a_mistake_within_an_input_is_told_in_one_line(edit, line):
    source = {"kind": "inputs", **two()}
    edit(source)
    with pytest.raises(InputError) as error:
        load(config(source), pipeline.ROOT)
    assert str(error.value).startswith(f"config: datasets.d.{line}") and "\n" not in str(error.value)


def test_near_duplicates_splits_and_leakage_of_two_genomes_of_two_inputs(tmp_path, genomes):
    files, _ = genomes
    # A gene of mouse is one of human, base by base: a near-duplicate, though no place is shared.
    parts = [{"name": name, "source": {"kind": "inputs", **two(name)}} for name in ("human", "mouse")]
    found = collect("genomes", {"genomes": parts}, 100, files)
    codes = found.codes.copy()
    codes[9] = codes[0]
    labels = np.arange(18, dtype=np.float32)[:, None] % 2
    folder = tmp_path / "d"
    datasets.write(folder, found._replace(codes=codes, labels=labels, targets=["x"]))
    read = datasets.read(folder, coordinates=True)
    assert read.inputs == found.inputs and read.genomes.tolist() == found.genomes.tolist()
    windows, near = str(folder / "windows.tsv"), str(folder / "near.tsv")
    settings = json.dumps({"k": 15, "similarity": 0.2})
    argv = ["near-duplicates", "--windows", windows, "--sequences", str(folder / "sequences.npy")]
    assert main([*argv, "--settings", settings, "--output", near]) == 0
    pairs = pd.read_csv(near, sep="\t")
    assert pairs[["id", "other"]].to_numpy().tolist() == [["human:G0", "mouse:G0"]]
    split = json.dumps({"kind": "genome", "test": ["mouse"], "by": "random", "share": 0.4})
    argv = ["split", "--windows", windows, "--name", "species", "--settings", split]
    assert main([*argv, "--output", str(folder / "split.tsv")]) == 0
    folds = pd.read_csv(folder / "split.tsv", sep="\t")["fold"]
    assert (folds[9:] == "test").all() and set(folds[:9]) == {"train", "valid"}
    argv = ["leakage", "--windows", windows, "--split", str(folder / "split.tsv"), "--near-duplicates", near]
    assert main([*argv, "--output", str(folder / "leakage.tsv")]) == 0
    table = pd.read_csv(folder / "leakage.tsv", sep="\t")
    table = table[table["fold"] == "test"].groupby("check")["count"].sum()
    assert table["overlap"] == 0 and table["near_duplicate"] == 1


def test_samples_may_be_in_any_order(genomes):
    """Whatever the order of an annotation, a sample's inputs are of one gene."""
    files, _ = genomes
    lines = files["human.gtf"].read_text().splitlines(True)
    shuffled = files["human.gtf"].with_name("shuffled.gtf")
    shuffled.write_text("".join(np.random.default_rng(0).permutation(lines)))
    source = two()
    source["inputs"][1]["source"]["annotation"] = "shuffled"
    one, other = collect("inputs", two(), 100, files), collect("inputs", source, 100, files | {"shuffled": shuffled})
    assert np.array_equal(one.codes, other.codes) and one.frame.equals(other.frame)
    assert len({row.tobytes() for row in itertools.chain(one.codes)}) == 9
