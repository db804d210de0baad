"""The demo's datasets, from its own config: every row of every file, every window, every explanation is accounted for.

What a file holds is counted here from its text, by none of the project's readers.
"""

import gzip
import json
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
PLACED = ("window", "draw")
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
            common |= {"targets": json.dumps(dataset.targets)} if dataset.targets else {}
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


def transcripts(path):
    """{(chromosome, strand, gene, transcript): {(start, end) of each exon}} of a GTF."""
    found = defaultdict(set)
    for line in lines(path):
        chrom, _, kind, start, end, _, strand, _, names = line.split("\t")
        if kind == "exon":
            gene, transcript = (names.split(f'{key} "')[1].split('"')[0] for key in ("gene_id", "transcript_id"))
            found[chrom, strand, gene, transcript].add((int(start), int(end)))
    return found


def introns(path):
    """Gaps between the exons of each transcript of a GTF, each gap once."""
    gaps = set()
    for (chrom, strand, _, _), exons in transcripts(path).items():
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
        path = resources[source["annotation"]]
        found["read", source["annotation"]] = len(lines(path))
        genes = {key[:3] for key in transcripts(path)}
        found["window", source["annotation"]] = len(genes if source.get("anchor") == "tss" else introns(path))
    elif source["kind"] == "planted":
        motifs = [line for line in lines(resources[source["motifs"]]) if line.startswith("MOTIF")]
        found["read", source["motifs"]] = len(motifs)
        found["draw", source["genome"]] = tiles(resources[source["genome"]], length)
    else:
        pytest.fail(f"what a source of kind {source['kind']} reads is not counted here yet")
    for entry in dataset.targets:
        # A row of names stands above those of genes.
        found["target", entry["matrix"]] = len(lines(resources[entry["matrix"]])) - 1
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
    if STUDY.datasets[name].targets:
        # Every window that the source gave has numbers, or none.
        expected["filter", "windows"] = sum(some for (step, _), (some, _) in told.items() if step in PLACED)
    assert {key: sum(both) for key, both in told.items()} == expected
    for (step, file), (some, others) in told.items():
        print(f"{name}: {step}: {file}: {expected[step, file]} = {some} kept + {others} dropped")
    # Rows that have numbers have each their own, and none is missing.
    for (_, file), rows in ledger[ledger["row"] != ""].groupby(["step", "input"]):
        # Records count from 1; a row of names stands above those of a table.
        numbers = sorted(map(int, rows["row"]))
        assert numbers == list(range(numbers[0], numbers[0] + len(rows))) and numbers[0] in (1, 2), file
    placed = kept.loc[kept["step"].isin(PLACED), "id"]
    filtered = dropped.loc[dropped["step"] == "filter", "name"]
    assert placed.is_unique and filtered.is_unique and set(filtered) <= set(placed)
    assert sorted(set(placed) - set(filtered)) == sorted(text(folder / "windows.tsv")["id"])


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
    folder, dataset = made(name), STUDY.datasets[name]
    job, numbers = dataset.explain[number], dataset.task == "regression"
    frame, targets = text(folder / "windows.tsv"), text(folder / "targets.tsv")["target"].tolist()
    folds = text(folder / "splits" / f"{job.split}.tsv")["fold"]
    rng = np.random.default_rng(number)
    names = ("value", "prediction") if numbers else ("label", "probability")
    parts = []
    for target in targets:
        values = (frame[target], rng.random(len(frame)).round(6))
        columns = {"id": frame["id"], "fold": folds, "target": target, **dict(zip(names, values, strict=True))}
        parts.append(pd.DataFrame(columns))
    predictions = pd.concat(parts).sort_index(kind="stable")
    predictions.to_csv(tmp_path / "predictions.tsv", sep="\t", index=False)
    paths = {"dataset": folder, "predictions": tmp_path / "predictions.tsv", "output": tmp_path / "ledger.tsv"}
    assert call("explained-ledger", **paths, selection=job.asked) == 0
    told = text(tmp_path / "ledger.tsv")
    kept, asked = told["outcome"] == "kept", job.asked
    assert ((told["reason"] == "") == kept).all() and kept.any()
    explained = [output["name"] for output in job.outputs] if job.outputs else targets
    assert told["target"].unique().tolist() == explained
    for target in explained:
        rows = told[told["target"] == target]
        assert rows["id"].tolist() == frame["id"].tolist()
        fits = folds.isin(asked["folds"])
        if not numbers:
            # The demo explains outputs of classes one by one.
            own = predictions[predictions["target"] == target].reset_index(drop=True)
            right = np.where(own["label"] == "1", own["probability"], 1 - own["probability"])
            fits &= own["label"].astype(int).isin(asked["labels"]) & (right > asked["min_probability"])
        chosen = set(rows.loc[rows["outcome"] == "kept", "id"])
        assert chosen <= set(frame.loc[fits, "id"])
        assert len(chosen) == min(fits.sum(), asked["max_per_target"] or len(frame))
