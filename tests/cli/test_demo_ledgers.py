"""The demo's datasets, from its own config: every row of every file, every window, every explanation is accounted for.

What a file holds is counted here from its text, by none of the project's readers.
"""

import gzip
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from calls import call
from cisflow.config.loading import load
from tables import text

ROOT = Path(__file__).parents[2]
CONFIG = yaml.safe_load((ROOT / "config" / "demo.yaml").read_text())
STUDY = load(yaml.safe_load((ROOT / "config" / "demo.yaml").read_text()))


@pytest.fixture(scope="session")
def resources(tmp_path_factory):
    """The resources of the demo, unpacked: name -> file."""
    folder = tmp_path_factory.mktemp("resources")
    for name, entry in CONFIG["resources"].items():
        (folder / name).write_bytes(gzip.decompress((ROOT / entry["url"]).read_bytes()))
    return {name: folder / name for name in CONFIG["resources"]}


@pytest.fixture(scope="session")
def made(tmp_path_factory, resources):
    """Folder of each dataset, made when it is asked for: its windows and splits."""
    folders = {}

    def make(name):
        if name not in folders:
            dataset = STUDY.datasets[name]
            folders[name] = folder = tmp_path_factory.mktemp(name)
            inputs = [f"{resource}={resources[resource]}" for resource in dataset.resources]
            common = {"dataset": name, "source": dataset.source, "window": dataset.window, "task": dataset.task}
            assert call("windows", **common, seed=dataset.seed, inputs=inputs, output=folder) == 0
            for split, settings in dataset.splits.items():
                paths = {"windows": folder / "windows.tsv", "output": folder / "splits" / f"{split}.tsv"}
                assert call("split", **paths, name=split, settings=settings) == 0
        return folders[name]

    return make


def lines(path):
    return [line for line in path.read_text().splitlines() if line and not line.startswith("#")]


def records(path):
    """Bases of each record of a FASTA."""
    return [len("".join(part.splitlines()[1:])) for part in path.read_text().split(">")[1:]]


def introns(path):
    """Gaps between the exons of each transcript of a GTF whose lines are exons alone, each gap once."""
    transcripts = defaultdict(set)
    for line in lines(path):
        chrom, _, kind, start, end, _, strand, _, names = line.split("\t")
        assert kind == "exon"
        gene, transcript = (names.split(f'{key} "')[1].split('"')[0] for key in ("gene_id", "transcript_id"))
        transcripts[chrom, strand, gene, transcript].add((int(start), int(end)))
    gaps = set()
    for (chrom, strand, _, _), exons in transcripts.items():
        exons = sorted(exons)
        gaps |= {(chrom, strand, a[1], b[0]) for a, b in zip(exons, exons[1:], strict=False) if a[1] + 1 < b[0]}
    return gaps


def tiles(path, length):
    """Windows of a genome side by side, and the rest of each record, shorter than one."""
    return sum(bases // length + (bases % length > 0) for bases in records(path))


def there_is(dataset, resources):
    """What the files of a dataset hold: {(step of the ledger, file): rows}."""
    source, length = dataset.source, dataset.window
    found = {}
    if source["kind"] == "fasta":
        found["window", source["positives"]] = len(records(resources[source["positives"]]))
        found["draw", source["background"]["genome"]] = tiles(resources[source["background"]["genome"]], length)
    elif source["kind"] == "annotation":
        found["read", source["annotation"]] = len(lines(resources[source["annotation"]]))
        found["window", source["annotation"]] = len(introns(resources[source["annotation"]]))
    elif source["kind"] == "planted":
        motifs = [line for line in lines(resources[source["motifs"]]) if line.startswith("MOTIF")]
        found["read", source["motifs"]] = len(motifs)
        found["draw", source["genome"]] = tiles(resources[source["genome"]], length)
    else:
        pytest.fail(f"what a source of kind {source['kind']} reads is not counted here yet")
    return found


@pytest.mark.parametrize("name", CONFIG["datasets"])
def test_every_row_of_the_demo_is_kept_or_has_a_reason(made, resources, name):
    folder, expected = made(name), there_is(STUDY.datasets[name], resources)
    ledger = text(folder / "ledger.tsv").astype({"n": int})
    kept, dropped = (ledger[ledger["outcome"] == outcome] for outcome in ("kept", "dropped"))
    assert len(kept) + len(dropped) == len(ledger) and (ledger["n"] > 0).all()
    assert (kept["reason"] == "").all() and (dropped["reason"] != "").all()
    counted = [lines.groupby(["step", "input"])["n"].sum().to_dict() for lines in (kept, dropped)]
    told = {key: (counted[0].get(key, 0), counted[1].get(key, 0)) for key in {**counted[0], **counted[1]}}
    assert {key: sum(both) for key, both in told.items()} == expected
    for (step, file), (some, others) in told.items():
        print(f"{name}: {step}: {file}: {expected[step, file]} = {some} kept + {others} dropped")
    # Rows that have numbers have each their own, and none is missing.
    for (_, file), rows in ledger[ledger["row"] != ""].groupby(["step", "input"]):
        assert sorted(map(int, rows["row"])) == list(range(1, 1 + len(rows))), file
    placed = kept[kept["step"].isin(["window", "draw"])]
    assert sorted(placed["id"]) == sorted(text(folder / "windows.tsv")["id"])


@pytest.mark.parametrize("name", CONFIG["datasets"])
def test_every_window_of_the_demo_is_in_one_fold_of_each_split(made, name):
    folder = made(name)
    ids = text(folder / "windows.tsv")["id"].tolist()
    assert ids and len(set(ids)) == len(ids)
    for split in CONFIG["datasets"][name]["splits"]:
        table = text(folder / "splits" / f"{split}.tsv")
        assert table["id"].tolist() == ids
        counts = Counter(table["fold"])
        assert counts.keys() == {"train", "valid", "test"} and sum(counts.values()) == len(ids)


EXPLAINED = [
    (name, number) for name, entry in CONFIG["datasets"].items() for number, _ in enumerate(entry.get("explain", []))
]


@pytest.mark.parametrize(("name", "number"), EXPLAINED)
def test_every_window_of_the_demo_is_explained_or_has_a_reason(made, tmp_path, name, number):
    """By predictions of no network: what is explained of them is worked out again, row by row."""
    folder, job = made(name), STUDY.datasets[name].explain[number]
    frame, targets = text(folder / "windows.tsv"), text(folder / "targets.tsv")["target"].tolist()
    folds = text(folder / "splits" / f"{job.split}.tsv")["fold"]
    rng = np.random.default_rng(number)
    parts = []
    for target in targets:
        probability = rng.random(len(frame)).round(6)
        columns = {"id": frame["id"], "fold": folds, "target": target, "label": frame[target]}
        parts.append(pd.DataFrame(columns | {"probability": probability}))
    predictions = pd.concat(parts).sort_index(kind="stable")
    predictions.to_csv(tmp_path / "predictions.tsv", sep="\t", index=False)
    paths = {"dataset": folder, "predictions": tmp_path / "predictions.tsv", "output": tmp_path / "ledger.tsv"}
    assert call("explained-ledger", **paths, selection=job.asked) == 0
    told = text(tmp_path / "ledger.tsv")
    kept, asked = told["outcome"] == "kept", job.asked
    assert ((told["reason"] == "") == kept).all() and kept.any()
    for target in targets:
        rows = told[told["target"] == target]
        assert rows["id"].tolist() == frame["id"].tolist()
        own = predictions[predictions["target"] == target].set_index("id")
        right = np.where(own["label"] == "1", own["probability"], 1 - own["probability"])
        fits = own["fold"].isin(asked["folds"]) & own["label"].astype(int).isin(asked["labels"])
        fits &= right > asked["min_probability"]
        chosen = set(rows.loc[rows["outcome"] == "kept", "id"])
        assert chosen <= set(own.index[fits])
        assert len(chosen) == min(fits.sum(), asked["max_per_target"] or len(frame))
