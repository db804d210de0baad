"""Files between stages, cut, garbled or of another kind: each reader ends in an InputError of one line or a result.

Mutants are drawn from a seed. What is read of one must have the form that its reader promises; CISFLOW_MUTANTS=n tries
n times as many, and CISFLOW_SEED=n others.
"""

import json
import os
import shutil
import warnings

import h5py
import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch

import planted
from cisflow import models, tasks
from cisflow.attribution import files as attribution_files
from cisflow.attribution import selection
from cisflow.classifiers import tuning
from cisflow.data import dataset as datasets
from cisflow.errors import InputError
from cisflow.evaluation import predictions, results, runs
from cisflow.features import arrays as features
from cisflow.features import sequence_classes
from cisflow.figures import discovered_motifs
from cisflow.io import files, meme
from cisflow.io.arrays import read_array, read_arrays, write_array, write_arrays
from cisflow.io.tables import table, write_table
from cisflow.models import checkpoints
from cisflow.motifs import exports, instances, modisco, naming, report, splicing
from cisflow.motifs import runs as motif_runs

TIMES, SEED = int(os.environ.get("CISFLOW_MUTANTS", 1)), int(os.environ.get("CISFLOW_SEED", 0))
N, LENGTH, TARGETS = 12, 30, ("ap1", "creb")
BINARY = tasks.get("binary")
SETTINGS = {"n_outputs": 2, "channels": 4, "width": 5, "hidden": 4}
# A cell of a table, or a value of a JSON entry, in place of what belongs there.
CELLS = ["", "x", "nan", "inf", "-1", "1e400", "9" * 30, "True", "0x10", "1.5", "12,5", "é", '"', "\x00", "-"]
VALUES = [None, [], {}, 0, -1, 1.5, "x", True, [None], {"x": None}, "nan", 10**30, [[]]]
TYPES = [np.float64, np.int64, np.bool_, "U3", "S3", np.complex64, "M8[s]", [("a", "f4")], object]


# ---- what is drawn of bytes -----------------------------------------------------------------------------------------


def of_bytes(content, rng):
    """Mutants of the bytes of a file, without end."""
    n = max(len(content), 1)
    while True:
        start, size = int(rng.integers(n)), int(rng.integers(1, 64))
        some = rng.bytes(size)
        head = bytearray(content)
        for place in rng.integers(0, min(n, 400), 3):
            head[place : place + 1] = rng.bytes(1)
        yield from (
            content[:start],
            bytes(head),
            content[:start] + some + content[start + size :],
            content[:start] + bytes(size) + content[start + size :],
            content[:start] + content[start + size :],
            content + some,
        )


def of_text(content, rng):
    """Mutants of a table, cell by cell, without end."""
    rows = [line.split("\t") for line in content.decode().splitlines()]

    def joined(rows):
        return ("\n".join("\t".join(row) for row in rows) + "\n").encode()

    while True:
        column, row = int(rng.integers(len(rows[0]))), int(rng.integers(1, max(len(rows), 2)))
        cell = str(rng.choice(CELLS))
        changed = [list(line) for line in rows]
        if row < len(rows):
            changed[row][column] = cell
        yield joined(changed)
        whole = [rows[0], *([*line[:column], cell, *line[column + 1 :]] for line in rows[1:])]
        yield joined(whole)
        yield joined([line[:column] + line[column + 1 :] for line in rows])
        yield joined([*rows[:row], [*rows[-1], cell], *rows[row:]])
        yield joined([*rows, rows[-1]])
        yield joined([[*rows[0][:column], cell, *rows[0][column + 1 :]], *rows[1:]])
        yield joined(rows[:1])
        yield content.decode().replace("\t", ",").encode()


def of_json(content, rng):
    """Mutants of a JSON object, an entry at a time, without end."""
    whole = json.loads(content)
    while True:
        changed = json.loads(content)
        inner = changed
        while isinstance(inner, dict) and inner:
            key = str(rng.choice(list(inner)))
            if not isinstance(inner[key], dict) or not inner[key] or rng.random() < 0.4:
                break
            inner = inner[key]
        value = VALUES[rng.integers(len(VALUES))]
        yield json.dumps(value).encode()
        if isinstance(inner, dict) and inner:
            yield json.dumps(dict(changed), default=str).replace(json.dumps(inner[key]), json.dumps(value), 1).encode()
            inner[key] = value
            yield json.dumps(changed).encode()
            del inner[key]
            yield json.dumps(changed).encode()
        yield json.dumps([whole]).encode()
        yield b"[" * 100_000


def of_arrays(rng, **arrays):
    """An array of an archive in another type, shape or length, without end: {name: array}."""
    while True:
        name = str(rng.choice(list(arrays)))
        array = arrays[name]
        kind = TYPES[rng.integers(len(TYPES))]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            odd = np.zeros(array.shape, kind)
        for other in (odd, array[None], array[..., None], array.ravel(), array[:0] if array.ndim else odd, np.array(3)):
            yield {**arrays, name: other}
        yield {other: values for other, values in arrays.items() if other != name}
        if array.dtype.kind == "f":
            broken = np.array(array)
            broken.flat[0] = rng.choice([np.nan, np.inf])
            yield {**arrays, name: broken}
        yield {**arrays, "more": odd}


def of_store(path, rng):
    """An HDF5 file with a data set in another type or shape, absent or a group, without end: bytes."""
    copy = path.with_name("copy.h5")
    with h5py.File(path) as store:
        names = []
        store.visititems(lambda name, item: names.append(name))
    while True:
        shutil.copy(path, copy)
        name, change = str(rng.choice(names)), int(rng.integers(6))
        with h5py.File(copy, "r+") as store:
            item = store[name]
            values = item[()] if isinstance(item, h5py.Dataset) else None
            del store[name]
            if change == 0:
                store.create_group(f"{name}/x")
            elif change == 1:
                store[name] = "text"
            elif values is None:
                store.create_group(name)["pattern_x"] = 3
            elif change == 2:
                store[name] = np.zeros(values.shape, rng.choice(["S3", "f4", "i2", "?", "c8", "f8"]))
            elif change == 3:
                store[name] = values[:0]
            elif change == 4:
                store[name] = values[..., None] * rng.choice([1, -1])
            if rng.random() < 0.2:
                store.attrs["window_size"] = ["text", -1, 3, np.nan][rng.integers(4)]
        yield copy.read_bytes()


# ---- files and their readers ----------------------------------------------------------------------------------------


def npz(path):
    arrays = read_arrays(path)

    def drawn(rng):
        copy = path.with_name("copy.npz")
        for changed in of_arrays(rng, **arrays):
            np.savez(copy, **changed)
            yield copy.read_bytes()

    return drawn


def npy(path):
    array = np.array(read_array(path))

    def drawn(rng):
        copies = path.with_name("copy.npy"), path.with_name("copy.npz")
        for changed in of_arrays(rng, x=array):
            np.savez(copies[1], **changed)
            if "x" in changed:
                np.save(copies[0], changed["x"])
            yield copies["x" not in changed].read_bytes()

    return drawn


def header(path):
    state, own = safetensors.torch.load_file(path), json.dumps(checkpoints.read_header(path)).encode()

    def drawn(rng):
        copy = path.with_name("copy.safetensors")
        for text in of_json(own, rng):
            safetensors.torch.save_file(state, copy, metadata={"cisflow": text.decode()})
            yield copy.read_bytes()

    return drawn


def store(path):
    original = shutil.copy(path, path.with_name("original.h5"))
    return lambda rng: of_store(original, rng)


def cells(path):
    content = path.read_bytes()
    return lambda rng: of_text(content, rng)


def entries(path):
    content = path.read_bytes()
    return lambda rng: of_json(content, rng)


def written_dataset(folder):
    ids, *_, folds = planted.write(folder, n=N, length=LENGTH, targets=TARGETS)
    frame = pd.DataFrame({"id": ids, "chrom": "chr1", "start": np.arange(N), "end": np.arange(N) + LENGTH})
    write_table(folder / "windows.tsv", frame.assign(strand="+"))
    write_array(folder / "weights.npy", np.ones((N, 2), np.float32))
    write_array(folder / "profiles.npy", np.ones((N, 2, 5), np.float32))
    done = [{"name": "zscore", "mean": [0.0, 1.0], "sd": [1.0, 2.0]}]
    files.write_json(folder / "transforms.json", {datasets.ONLY: done})
    write_table(folder / "inputs.tsv", pd.DataFrame({"name": ["a", "b"], "start": [0, 10], "end": [10, 30]}))
    write_table(folder / "genomes.tsv", pd.DataFrame({"id": ids, "genome": "hg38"}))
    write_table(folder / "folds.tsv", pd.DataFrame({"id": ids, "fold": folds}))
    return ids, folds


def written_predictions(folder, ids, folds):
    shape = (N, len(TARGETS))
    known = datasets.Dataset(ids, None, np.arange(N * 2).reshape(shape) % 2.0, list(TARGETS))
    values = np.random.default_rng(0).random((2, *shape))
    write_table(folder / "predictions.tsv", predictions.table(known, folds, *values, values.mean(0)))


def written_modisco(path):
    rng = np.random.default_rng(4)
    with h5py.File(path, "w") as out:
        out.attrs["window_size"] = LENGTH
        for key, width in (("pos_patterns", 8), ("neg_patterns", 6)):
            group = out.create_group(f"{key}/pattern_0")
            group["sequence"] = rng.dirichlet(np.ones(4), width)
            group["contrib_scores"] = rng.random((width, 4))
            group["seqlets/n_seqlets"] = np.array([3])
            group["seqlets/example_idx"], group["seqlets/start"] = np.array([0, 2, 5]), np.array([1, 2, 3])
            group["seqlets/end"], group["seqlets/is_revcomp"] = np.array([1, 2, 3]) + width, np.array([0, 1, 0]) == 1
            group["seqlets/contrib_scores"] = rng.random((3, width, 4))


def read_modisco(path):
    """All that is read of a result: patterns, seqlets, splice sites, windows, and the contributions of a figure."""
    patterns = naming.read_patterns(path)
    ids, targets = np.array([f"chr1:{n}-{n + 9}(+)" for n in range(6)]), np.array(["a", "b"] * 3)
    naming.outputs_of(path, patterns, targets)
    sites = splicing.Sites(dict.fromkeys(ids.tolist(), 3), dict.fromkeys(ids.tolist(), 5))
    splicing.notes(path, patterns, ids, sites)
    with modisco.opened(path) as opened:
        assert modisco.window_size(path, opened) > 0
        for pattern in patterns:
            width = pattern.sequence.shape[1]
            member = instances.Member(0, pattern, 0, 1.0, 0, width, False)
            assert set(instances._seqlets(path, opened, member, ids, targets)["id"]) <= set(ids.tolist())
            assert pattern.trimmed().sequence.shape[0] == 4 and len(naming.consensus(pattern.sequence)) == width
    discovered_motifs.contributions(path, "pos_0")


def read_attributions(path):
    found = attribution_files.read(path)
    m, four, length = found.multipliers.shape
    assert found.codes.shape == (m, length) and four == 4 and len(found.targets) == len(found.prediction) == m
    assert found.hypothetical().shape == (m, 4, length) and isinstance(found.method, str)
    attribution_files.read_keys(path)


def read_network(path):
    network = checkpoints.load(path)
    with torch.no_grad():
        raw = network(*network.inputs(np.zeros((2, LENGTH), np.uint8), "cpu"))
        assert network.predictions(raw).shape == (2, network.n_outputs)


def read_spans(path):
    index = {("w0", "ap1"): 0, ("w1", "creb"): 1}
    found = exports.read_spans(path, ("pattern",), index, LENGTH)
    assert ((found["start"] >= 0) & (found["end"] <= LENGTH)).all()


def read_dataset(path):
    found = datasets.read(path.parent, coordinates=True)
    assert found.codes.shape == (N, LENGTH) and found.labels.shape == found.weights.shape == (N, len(found.targets))
    assert sum(found.modalities.values()) == len(found.targets)


def read_predictions(path):
    found = predictions.read(path, BINARY)
    assert found.labels.shape == (len(found.targets), len(found.ids)) == found.values["averaged"].shape[1:]
    selection.select(path, selection.Settings(folds=["test"], labels=[0, 1]), None, BINARY)


def read_columns(path):
    ids, values, columns, names = features.load_columns(path.parent)
    assert len(ids) == len(values) and len(columns) == len(names)


def gathered(path):
    ids = np.array([f"w{number}" for number in range(N)])
    width, _ = features.gather([path], ids, path.with_name("gathered.npy"))
    assert read_array(path.with_name("gathered.npy"), np.float16).shape[-1] == width


def made(folder):
    """{name: (path of a file, its drawers of mutants besides those of bytes, its reader)}, written into a folder."""
    ids, folds = written_dataset(folder)
    written_predictions(folder, ids, folds)
    rng = np.random.default_rng(3)
    found = {}

    def add(name, drawers, reader):
        found[name] = (folder / name, [drawer(folder / name) for drawer in drawers], reader)

    write_array(folder / "array.npy", rng.random((N, 7)).astype(np.float32))
    add("array.npy", [npy], lambda path: read_array(path, np.float32, (N, 7), finite=True))
    write_array(folder / "free.npy", rng.random((N, 7)).astype(np.float32))
    add("free.npy", [npy], lambda path: read_array(path, finite=True, mmap=True))
    write_array(folder / "histone.npy", np.arange(5))
    add("histone.npy", [npy], lambda path: sequence_classes.read_histone_columns(path, 9))
    for name in ("sequences.npy", "targets.npy", "weights.npy", "profiles.npy"):
        add(name, [npy], read_dataset)
    for name in ("windows.tsv", "targets.tsv", "inputs.tsv", "genomes.tsv", "folds.tsv"):
        add(name, [cells], read_dataset)
    add("transforms.json", [entries], read_dataset)
    add("predictions.tsv", [cells], read_predictions)
    codes = rng.integers(0, 5, (6, LENGTH)).astype(np.uint8)
    multipliers = rng.normal(0, 1, (6, 4, LENGTH)).astype(np.float32)
    numbers, text = np.ones(6, np.float32), np.array(["a"] * 6)
    explained = (multipliers, np.array([f"w{n}" for n in range(6)]), text, text, numbers, codes)
    explained = attribution_files.Attributions(*explained, np.full(4, 0.25, np.float32), "ism", numbers, numbers)
    attribution_files.write(folder / "attributions.npz", explained)
    add("attributions.npz", [npz], read_attributions)
    shard = {"ids": np.array([f"w{n}" for n in range(N)]), "features": rng.random((N, 3)).astype(np.float16)}
    write_arrays(folder / "shard.npz", **shard, largest_rounding_error=np.float32(0), device=np.str_("cpu"))
    add("shard.npz", [npz], gathered)
    network = models.build("MotifCNN", **SETTINGS)
    about = {"architecture": "MotifCNN", "settings": SETTINGS, "targets": list(TARGETS), "strands": "both"}
    models.save(folder / "model.safetensors", network, {**about, "task": "binary", "links": ["identity", "exp"]})
    add("model.safetensors", [header], read_network)
    torch.save({"state_dict": network.state_dict(), "epoch": 3}, folder / "published.pth")
    add("published.pth", [], lambda path: models.load_pretrained("MotifCNN", SETTINGS, path))
    written_modisco(folder / "modisco.h5")
    add("modisco.h5", [store], read_modisco)
    counts = {"n_rows": 3, "n_patterns": 2, "n_seqlets": 6, "control_n_patterns": 0, "explanation": "none"}
    files.write_json(folder / "discovery.json", counts)
    add("discovery.json", [entries], report.read_summary)
    files.write_json(folder / "record.json", {"chosen": {"converged": True}, "seeds": [1], "n": 3})
    add("record.json", [entries], lambda path: files.read_record(path, chosen=dict, seeds=list, n=int)["chosen"].keys())
    hits = {"id": ["w0", "w1"], "target": ["ap1", "creb"], "pattern": ["pos_0", "neg_0"], "strand": "+"}
    write_table(folder / "hits.tsv", pd.DataFrame({**hits, "start": [1, 2], "end": [9, 8], "score": [0.5, 2.5]}))
    add("hits.tsv", [cells], read_spans)
    run = {"split": "random", "model": ["a", "b"], "kind": ["network", "classifier"], "seed": 1, "k": ["", 3]}
    write_table(folder / "runs.tsv", pd.DataFrame(run))
    add("runs.tsv", [cells], runs.read)
    (folder / "patterns").mkdir()
    run = {"model": ["a", "b"], "split": "random", "seed": 1, "method": "ism"}
    write_table(folder / "patterns" / "motif_runs.tsv", pd.DataFrame(run))
    add("patterns/motif_runs.tsv", [cells], motif_runs.read)
    tuned = {"trial": [1, 1], "parameter": ["learning_rate", "max_bin"], "value": [0.1, 63], "best": 1}
    write_table(folder / "tuned.tsv", pd.DataFrame(tuned))
    add("tuned.tsv", [cells], tuning.read_best)
    metrics = pd.DataFrame({**dict.fromkeys(results.METRIC_COLUMNS, "averaged"), "value": [0.5, 0.25]})
    write_table(folder / "metrics.tsv", metrics.assign(lower=0.1, upper=0.9, n=3, n_positive=1))
    add("metrics.tsv", [cells], lambda path: results.metrics(path)["value"] + 1)
    write_table(folder / "introns.tsv", pd.DataFrame({"id": ["chr1:5-20(+)"], "start": 1, "end": 31, "strand": "+"}))
    add("introns.tsv", [cells], splicing.read_sites)
    write_table(folder / "spans.tsv", pd.DataFrame({"name": ["a", "b"], "start": 1, "value": 0.5}))
    add("spans.tsv", [cells], lambda path: table(path, ("name",), ("value",), ("start",))["start"] * 2 + 1)
    (folder / "features").mkdir()
    features.write(folder / "features", ids, ["x", "y", "z"], "all", rng.random((N, 3)))
    add("features/features.npy", [npy], read_columns)
    for name in ("ids.tsv", "targets.tsv"):
        add(f"features/{name}", [cells], read_columns)
    meme.write_meme(folder / "motifs.meme", [meme.Motif("M1", "one", np.full((4, 6), 0.25))], [10])
    add("motifs.meme", [], meme.read_meme)
    return found


KINDS = [
    *("array.npy", "free.npy", "histone.npy", "sequences.npy", "targets.npy", "weights.npy", "profiles.npy"),
    *("windows.tsv", "targets.tsv", "inputs.tsv", "genomes.tsv", "folds.tsv", "transforms.json", "predictions.tsv"),
    *("attributions.npz", "shard.npz", "model.safetensors", "published.pth", "modisco.h5", "discovery.json"),
    *("record.json", "hits.tsv", "runs.tsv", "patterns/motif_runs.tsv", "tuned.tsv", "metrics.tsv", "introns.tsv"),
    *("spans.tsv", "features/features.npy", "features/ids.tsv", "features/targets.tsv", "motifs.meme"),
]
OF_BYTES, OF_KIND = 18, 24


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    return made(tmp_path_factory.mktemp("given"))


def mutants(content, drawers, rng):
    """Contents (bytes) to try in place of a file's."""
    for drawer, count in ((lambda rng: of_bytes(content, rng), OF_BYTES), *((own, OF_KIND) for own in drawers)):
        # Bound first: a drawer has no end.
        yield from (mutant for mutant, _ in zip(drawer(rng), range(count * TIMES), strict=False))
    yield from (b"", b"\n", b"\x00" * 100, b"PK\x03\x04", b"\x93NUMPY\x01\x00", b"null", b"<html></html>")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", KINDS)
def test_what_is_no_whole_file_of_its_kind_is_said_in_a_line(given, name):
    path, drawers, reader = given[name]
    content = path.read_bytes()
    reader(path)
    rng, refused, count = np.random.default_rng(KINDS.index(name) + 1000 * SEED), 0, 0
    try:
        for count, mutant in enumerate(mutants(content, drawers, rng), 1):
            # A new file: the old one may be mapped.
            path.unlink()
            path.write_bytes(mutant)
            try:
                reader(path)
            except InputError as error:
                refused += 1
                assert str(path.name) in str(error) or str(path.parent) in str(error), error
                assert "Traceback" not in str(error)
            except BaseException:
                keep = path.with_name(f"failed-{count}")
                keep.write_bytes(mutant)
                print(f"mutant {count}: {mutant[:200]!r}", keep)
                raise
    finally:
        path.unlink(missing_ok=True)
        path.write_bytes(content)
    print(f"{name}: {refused} of {count} files refused")
    assert count >= OF_BYTES and refused > count / 4


def test_every_reader_refuses_the_files_of_all_others(given):
    refused = 0
    for name, (path, _, reader) in given.items():
        content = path.read_bytes()
        for other in ("array.npy", "attributions.npz", "model.safetensors", "modisco.h5", "record.json", "runs.tsv"):
            if other.rpartition(".")[2] == name.rpartition(".")[2]:
                continue
            path.unlink()
            shutil.copy(given[other][0], path)
            with pytest.raises(InputError):
                reader(path)
            refused += 1
        path.unlink()
        path.mkdir()
        with pytest.raises(InputError):
            reader(path)
        path.rmdir()
        path.write_bytes(content)
        reader(path)
    print(f"{refused} files of other kinds refused")
