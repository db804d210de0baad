"""Columns of the file that windows come from, as targets."""

import numpy as np
import pandas as pd
import pytest

from cisflow import tasks
from cisflow.data import build, transforms
from cisflow.data import dataset as datasets
from cisflow.errors import InputError

ROWS = 30


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A table and a BED of the same regions, with two columns of numbers, one of which has gaps."""
    folder, rng = tmp_path_factory.mktemp("columns"), np.random.default_rng(0)
    genome = "".join(rng.choice(list("ACGT"), 2000))
    (folder / "g.fa").write_text(f">chr1\n{genome}\n>chr2\n{genome[::-1]}\n")
    frame = pd.DataFrame({"chrom": np.where(np.arange(ROWS) < 20, "chr1", "chr2"), "start": 20 + 40 * np.arange(ROWS)})
    frame = frame.assign(end=frame["start"] + 20, name=[f"r{row}" for row in range(ROWS)], score=0, strand="+")
    frame = frame.assign(dev=rng.gamma(2, 3, ROWS), hk=rng.gamma(2, 3, ROWS), note="text")
    frame.loc[[3, 7], "hk"] = np.nan
    frame.loc[7, "dev"] = np.nan
    frame.to_csv(folder / "r.bed", sep="\t", index=False)
    table = frame.assign(
        header=frame["name"], sequence=["".join(rng.choice(list("ACGT"), 20)) for _ in range(ROWS)], fold="train"
    )
    table.loc[20:, "fold"] = "test"
    table.drop(columns=["chrom", "start", "end", "strand"]).to_csv(folder / "t.tsv", sep="\t", index=False)
    (folder / "tracks.tsv").write_text("track\tclass\ndev\tcore\n")
    inputs = {"bed": folder / "r.bed", "g": folder / "g.fa", "t": folder / "t.tsv", "tracks": folder / "tracks.tsv"}
    return frame, inputs


BED = {"kind": "bed", "bed": "bed", "genome": "g"}
TABLE = {"kind": "table", "table": "t", "target": None, "fold": "fold"}


def made(folder, files, source, *targets):
    entries = [{"kind": "columns", **given} for given in targets]
    build.build(folder, "d", source, 20, files[1], 1, tasks.get("regression"), entries)
    return datasets.read(folder)


@pytest.mark.parametrize("source", [BED, TABLE])
def test_columns_are_the_labels_that_the_source_would_read(tmp_path, files, source):
    found = made(tmp_path / "a", files, source, {"name": "activity", "columns": ["hk", "dev"], "tracks": "tracks"})
    frame = files[0].drop(index=7)
    assert found.ids.tolist() == frame["name"].tolist()
    np.testing.assert_array_equal(found.labels, frame[["hk", "dev"]].to_numpy(np.float32))
    assert found.tracks[["target", "modality", "class"]].to_numpy().tolist() == [
        ["hk", "activity", ""],
        ["dev", "activity", "core"],
    ]
    build.build(tmp_path / "b", "d", source | {"targets": ["hk", "dev"]}, 20, files[1], 1, tasks.get("regression"))
    before = datasets.read(tmp_path / "b")
    kept = before.ids != "r7"
    np.testing.assert_array_equal(before.labels[kept], found.labels)
    np.testing.assert_array_equal(before.codes[kept], found.codes)
    ledger = pd.read_csv(tmp_path / "a" / "ledger.tsv", sep="\t")
    assert ledger.query("name == 'r7' and outcome == 'dropped'")["reason"].tolist() == ["no number of any track"]


def test_columns_have_modalities_transforms_and_filters_of_their_own(tmp_path, files):
    found = made(
        tmp_path,
        files,
        BED,
        {"name": "one", "columns": ["dev"], "transform": ["log1p", "zscore"], "held_out": ["chr2"]},
        {"name": "two", "columns": ["hk"], "minimum_signal": 4},
    )
    frame = files[0].drop(index=7)
    known = np.log1p(frame["dev"])
    expected = (known - known[:19].mean()) / known[:19].std(ddof=0)
    kept = ~(frame["hk"] < 4)
    assert found.modalities == {"one": 1, "two": 1}
    np.testing.assert_allclose(found.labels[:, 0], expected[kept], rtol=1e-4, atol=1e-6)
    original = transforms.undo(found.transforms, found.modalities, found.labels)
    np.testing.assert_allclose(original[:, 0], frame["dev"][kept], rtol=1e-5)


def test_folds_of_the_file_may_be_held_out(tmp_path, files):
    found = made(tmp_path, files, TABLE, {"columns": ["dev"], "transform": ["zscore"], "held_out": ["test"]})
    train = found.labels[found.folds == "train"]
    assert abs(train.mean()) < 1e-6 and abs(train.std() - 1) < 1e-6 and abs(found.labels.mean()) > 1e-3


@pytest.mark.parametrize(
    ("source", "targets", "message"),
    [
        (BED, {"columns": ["dev", "x"]}, "no column x"),
        (BED, {"columns": ["note"]}, "column 'note' is 'text', expected"),
        (BED | {"target": "hk"}, {"columns": ["dev"]}, "the source has its key target; expected a bed or table"),
        ({"kind": "fasta"}, {"columns": ["dev"]}, "the source has kind fasta; expected a bed or table"),
        (BED, {"columns": ["dev"], "held_out": ["chr9"]}, "held_out: no window of 'chr9'; expected some of chr1, chr2"),
        (BED, {"columns": ["dev"], "held_out": ["chr1", "chr2"], "transform": ["zscore"]}, "held_out leaves no window"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(tmp_path, files, source, targets, message):
    with pytest.raises(InputError, match=message):
        made(tmp_path, files, source, targets)
