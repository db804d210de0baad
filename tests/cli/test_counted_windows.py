"""`cisflow windows` with numbers that are counted: from a BED, BAM, bigWig and fragments to the dataset's folder."""

import gzip
import json

import numpy as np
import pytest
from figwig import BigWigWriter

from cisflow.__main__ import main
from cisflow.data import dataset as datasets
from cisflow.io.tables import read_table
from counted import LENGTHS, counts, some_alignments, units, windows, write_bam

ROWS = [("chr1", 100, 160, "+"), ("chr1", 300, 360, "-"), ("chr2", 40, 100, "."), ("chr1", 130, 190, "-")]


@pytest.fixture
def inputs(tmp_path):
    """{resource: file} of two BAM files, one bigWig of ones on chr1, fragments of two groups, and their genome."""
    rng = np.random.default_rng(0)
    texts = {
        "genome.fa": "".join(f">{name}\n{''.join(rng.choice(list('ACGT'), n))}\n" for name, n in LENGTHS.items()),
        "peaks.bed": "".join(f"{c}\t{s}\t{e}\tw{row}\t0\t{strand}\n" for row, (c, s, e, strand) in enumerate(ROWS)),
        "atac.tsv": "track\tfile\tclass\tgroup\treplicate\nT1\tone.bam\tlymphoid\tT\t1\nT2\ttwo.bam\tlymphoid\tT\t2\n",
        "signal.csv": "track,file\nones,ones.bw\n",
        "cells.tsv": "barcode\tgroup\nA\tB\nC\tNK\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    for seed, name in enumerate(("one.bam", "two.bam")):
        write_bam(tmp_path / name, some_alignments(seed))
    with BigWigWriter(tmp_path / "ones.bw", {"chr1": LENGTHS["chr1"]}) as file:
        file.write("chr1", [0], np.ones((1, LENGTHS["chr1"]), dtype=np.float32))
    (tmp_path / "f.tsv.gz").write_bytes(
        gzip.compress(b"chr1\t110\t150\tA\t1\nchr1\t120\t140\tC\t3\nchr1\t5\t9\tX\t1\n")
    )
    return {name.split(".")[0]: tmp_path / name for name in [*texts, "f.tsv.gz"]}


def run(inputs, output, *targets):
    source = {"kind": "bed", "bed": "peaks", "genome": "genome"}
    options = [
        "--dataset",
        "d",
        "--source",
        json.dumps(source),
        "--window",
        "60",
        "--seed",
        "1",
        "--task",
        "regression",
    ]
    files = [f"{name}={path}" for name, path in inputs.items()]
    return main(["windows", *options, "--targets", json.dumps(targets), "--inputs", *files, "--output", str(output)])


ATAC = {"kind": "bam", "name": "atac", "sheet": "atac", "unit": "fragments", "count": "both", "shift": [4, -5]}
SIGNAL = {"kind": "bigwig", "name": "ones", "sheet": "signal", "summary": "sum"}
CELLS = {"kind": "fragments", "name": "cells", "fragments": "f", "groups": "cells"}


def test_counts_of_files_are_the_labels(tmp_path, inputs):
    assert run(inputs, tmp_path / "out", ATAC, SIGNAL, CELLS) == 0
    found = datasets.read(tmp_path / "out")
    tracks = found.tracks
    assert tracks["target"].tolist() == ["T1", "T2", "ones", "B", "NK"]
    assert tracks["modality"].tolist() == ["atac", "atac", "ones", "cells", "cells"]
    assert tracks["replicate"].tolist()[:2] == ["1", "2"] and tracks["group"].tolist()[-2:] == ["B", "NK"]
    for seed in (0, 1):
        expected, _ = counts(windows(ROWS), units(some_alignments(seed), ATAC), ATAC, True)
        np.testing.assert_array_equal(found.labels[:, seed], expected[:, 0])
    # chr2 is not in the bigWig, which has data of chr1 alone.
    assert found.labels[:, 2].tolist() == [60, 60, 0, 60]
    assert found.labels[:, 3:].tolist() == [[2, 2], [0, 0], [0, 0], [1, 1]]
    ledger = read_table(tmp_path / "out" / "ledger.tsv")
    told = ledger[ledger["step"] == "target"].groupby("input")["n"].sum()
    assert told["one.bam (T1)"] == len(some_alignments(0)) and told["f.tsv.gz"] == 3 and told["atac.tsv"] == 2


def test_bins_are_profiles_with_totals(tmp_path, inputs):
    assert run(inputs, tmp_path / "out", ATAC | {"bins": 12}) == 0
    found = datasets.read(tmp_path / "out")
    for seed in (0, 1):
        expected, _ = counts(windows(ROWS), units(some_alignments(seed), ATAC), ATAC | {"bins": 12}, True)
        np.testing.assert_array_equal(found.profiles[:, seed], expected)
        np.testing.assert_array_equal(found.labels[:, seed], expected.sum(axis=1))


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"kind": "bam", "sheet": "atac", "genome": "other"}, "one.bam: chr1 has 700 bases, in "),
        ({"kind": "bam", "sheet": "cells"}, "cells.tsv: row 1: no column track, file"),
        ({"kind": "bam", "sheet": "signal"}, "ones.bw: not a BAM file"),
        ({"kind": "bigwig", "sheet": "atac"}, "one.bam: the file is not a bigWig file"),
        ({"kind": "bam", "sheet": "atac", "bins": 7}, "bins is 7, expected a divisor of the bases counted"),
        ({"kind": "fragments", "groups": "cells"}, "expected exactly one of the keys fragments, sheet"),
    ],
)
def test_what_cannot_be_counted_is_one_line(tmp_path, inputs, capsys, entry, words):
    (tmp_path / "other.fa").write_text(f">chr1\n{'A' * 710}\n>chr2\n{'A' * 260}\n")
    assert run(inputs | {"other": tmp_path / "other.fa"}, tmp_path / "out", entry) == 1
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert words in last


def test_files_must_be_of_the_genome_of_the_windows(tmp_path, inputs, capsys):
    """The genome of the source is compared without being named again."""
    write_bam(tmp_path / "two.bam", some_alignments(1), lengths=LENGTHS | {"chr2": 300})
    assert run(inputs, tmp_path / "out", ATAC) == 1
    assert "two.bam: chr2 has 300 bases, in " in capsys.readouterr().err
