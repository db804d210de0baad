"""Fragments of single cells counted over windows against a count one base at a time, from the definitions."""

import gzip

import numpy as np
import pytest

from cisflow.data import ledger
from cisflow.data.targets import fragments
from cisflow.errors import InputError
from cisflow.io import fragments as rows_of
from counted import LENGTHS, counts, some_windows, windows

GROUPS = {"B": ["B1-1", "B2-1"], "T": ["T1-1"], "mono": ["M1-1", "M2-1", "M3-1"]}
NONE = ["X1-1", "X2-1"]


def some_fragments(seed, n=300):
    """(chrom, start, end, barcode, count), sorted by their place."""
    rng = np.random.default_rng(seed)
    barcodes = [*sum(GROUPS.values(), []), *NONE]
    found = []
    for chrom in rng.choice(list(LENGTHS), n, p=[0.6, 0.35, 0.05]):
        length = int(rng.integers(1, 85))
        start = int(rng.choice([0, LENGTHS[chrom] - length, rng.integers(0, LENGTHS[chrom] - length + 1)]))
        found.append((str(chrom), start, start + length, str(rng.choice(barcodes)), int(rng.integers(1, 4))))
    return sorted(found)


def write(path, found, head="# id=sample\n# primary_contig=chr1\n"):
    text = head + "".join("\t".join(map(str, row)) + "\n" for row in found)
    path.write_bytes(gzip.compress(text.encode()))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fragments")
    for seed in (1, 2):
        write(folder / f"{seed}.tsv.gz", some_fragments(seed))
    cells = [(barcode, group) for group, barcodes in GROUPS.items() for barcode in barcodes]
    (folder / "cells.csv").write_text("barcode,group\nX1-1,\n" + "".join(f"{b},{g}\n" for b, g in cells))
    (folder / "sheet.tsv").write_text(
        "track\tfile\tclass\treplicate\nleft\t1.tsv.gz\tblood\t1\nright\t2.tsv.gz\tblood\t2\n"
    )
    (folder / "black.bed").write_text("chr1\t100\t150\nchr2\t0\t6\n")
    return folder


def collect(found, **given):
    files = {name: given.pop(name) for name in ("fragments", "sheet", "groups", "blacklist", "genome") if name in given}
    settings = fragments.Settings.complete(given | dict.fromkeys(files, "x"), "targets")
    return fragments.collect(fragments.Settings(**settings.as_dict() | files), found)


def units(found, group, given):
    least, most = given.get("fragment_length", (1, 10**9))
    return [
        (chrom, start, end, "+")
        for chrom, start, end, barcode, copies in found
        if barcode in GROUPS[group] and least <= end - start <= most
        for _ in range(copies if given.get("duplicates") == "keep" else 1)
    ]


@pytest.mark.parametrize(
    "given",
    [
        {"count": "5prime"},
        {"count": "3prime"},
        {"count": "both"},
        {"count": "span"},
        {"count": "both", "bins": 6, "normalise": "cpm"},
        {"count": "span", "bins": 12, "duplicates": "keep"},
        {"count": "both", "duplicates": "keep", "normalise": "cpm"},
        {"count": "both", "shift": [-4, 5], "count_width": 30},
        {"count": "span", "fragment_length": [20, 60], "shift": [15, -15]},
    ],
    ids=str,
)
@pytest.mark.parametrize("black", [False, True])
def test_groups_are_counted_as_it_is_defined(folder, genome, given, black):
    found, rows = some_windows(4), some_fragments(1)
    files = {"genome": genome(LENGTHS)} | ({"blacklist": folder / "black.bed"} if black else {})
    banned = [("chr1", base) for base in range(100, 150)] + [("chr2", base) for base in range(6)]
    numbers = collect(found, fragments=folder / "1.tsv.gz", groups=folder / "cells.csv", **given, **files)
    assert numbers.tracks["target"].tolist() == numbers.tracks["group"].tolist() == list(GROUPS)
    kept = {}
    for number, group in enumerate(GROUPS):
        expected, library = counts(found, units(rows, group, given), given, True, banned if black else ())
        expected = expected if given.get("bins") else expected[:, 0]
        if given.get("normalise") == "cpm":
            expected = (expected * 1e6 / library).astype(np.float32)
        np.testing.assert_array_equal(numbers.values[:, number], expected)
        kept[group] = library
    assert numbers.ledger["n"].sum() == len(rows)
    if given.get("duplicates") != "keep":
        assert numbers.ledger.loc[numbers.ledger["outcome"] == ledger.KEPT, "n"].sum() == sum(kept.values())
    reasons = numbers.ledger.set_index("reason")["n"]
    assert reasons["barcode without a group"] == sum(row[3] in NONE for row in rows)


def test_files_of_a_sheet_have_tracks_of_their_own(folder, tmp_path):
    found = some_windows(5)
    numbers = collect(found, sheet=folder / "sheet.tsv", groups=folder / "cells.csv", name="atac")
    assert numbers.tracks["target"].tolist() == [f"{file}:{group}" for file in ("left", "right") for group in GROUPS]
    assert numbers.tracks["replicate"].tolist() == ["1"] * 3 + ["2"] * 3
    assert set(numbers.tracks["class"]) == {"blood"} and set(numbers.tracks["modality"]) == {"atac"}
    for number, seed in enumerate((1, 2)):
        alone = collect(found, fragments=folder / f"{seed}.tsv.gz", groups=folder / "cells.csv")
        np.testing.assert_array_equal(numbers.values[:, 3 * number : 3 * number + 3], alone.values)
    # The same barcode is another cell in another file.
    (tmp_path / "cells.tsv").write_text("track\tbarcode\tgroup\nleft\tB1-1\tB\nleft\tB2-1\tB\nright\tB1-1\tT\n")
    own = collect(found, sheet=folder / "sheet.tsv", groups=tmp_path / "cells.tsv")
    assert own.tracks["target"].tolist() == ["left:B", "right:T"]
    np.testing.assert_array_equal(own.values[:, 0], numbers.values[:, 0])


def test_chunks_change_nothing_and_comments_may_stand_anywhere(folder, tmp_path, monkeypatch):
    rows = some_fragments(1)
    whole = collect(some_windows(6), fragments=folder / "1.tsv.gz", groups=folder / "cells.csv", bins=4)
    text = "".join("\t".join(map(str, row)) + "\n" + "# note\n" * (n % 50 == 0) for n, row in enumerate(rows))
    (tmp_path / "a.tsv").write_text(text)
    monkeypatch.setattr(rows_of.read, "__defaults__", (100,))
    parts = collect(some_windows(6), fragments=tmp_path / "a.tsv", groups=folder / "cells.csv", bins=4)
    np.testing.assert_array_equal(whole.values, parts.values)


def test_four_columns_are_enough(folder, tmp_path):
    write(tmp_path / "a.tsv.gz", [row[:4] for row in some_fragments(1)], head="")
    found = some_windows(6)
    four, five = (
        collect(found, fragments=path, groups=folder / "cells.csv")
        for path in (tmp_path / "a.tsv.gz", folder / "1.tsv.gz")
    )
    np.testing.assert_array_equal(four.values, five.values)


def test_a_group_without_fragments_is_zero_and_told(folder, tmp_path, capsys):
    (tmp_path / "cells.tsv").write_text("barcode\tgroup\nB1-1\tB\nnone-1\trare\n")
    numbers = collect(some_windows(1), fragments=folder / "1.tsv.gz", groups=tmp_path / "cells.tsv")
    assert "no fragment of group 'rare' counts; its track is 0" in capsys.readouterr().err
    assert np.nansum(numbers.values[:, 1]) == 0 < np.nansum(numbers.values[:, 0])


@pytest.fixture
def genome(tmp_path):
    def write(lengths):
        (tmp_path / "genome.fa").write_text("".join(f">{name}\n{'A' * bases}\n" for name, bases in lengths.items()))
        return tmp_path / "genome.fa"

    return write


def test_a_genome_tells_where_contigs_end(folder, genome):
    rows = [("chr1", 660, 720, "+"), ("chr2", 0, 60, "-")]
    given = {"fragments": folder / "1.tsv.gz", "groups": folder / "cells.csv", "bins": 3}
    there = collect(windows(rows), **given, genome=genome({"1": 700, "2": 260, "MT": 90}))
    assert np.isnan(there.values[0, :, 2]).all() and np.isfinite(there.values[1]).all()
    with pytest.raises(InputError, match=r"1.tsv.gz: a fragment of chr1 ends at 700, in .* it has 650 bases"):
        collect(windows(rows), **given, genome=genome({"chr1": 650, "chr2": 260}))


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (
            "barcode\tgroup\nB1\tB\nB2\tB\n",
            "1.tsv.gz: no barcode has a group; they are .* here and B1, B2 in .*cells.tsv",
        ),
        ("barcode\tgroup\nB1-1\tB\nB1-1\tT\n", "cells.tsv: rows 2 and 3 have the same barcode 'B1-1'"),
        ("barcode\tgroup\nB1-1\t\n", "cells.tsv: no cell has a group"),
        ("barcode\tcluster\nB1-1\tB\n", "cells.tsv: row 1: no column group; found columns barcode, cluster"),
    ],
)
def test_cells_that_do_not_fit_are_refused(folder, tmp_path, cells, words):
    (tmp_path / "cells.tsv").write_text(cells)
    with pytest.raises(InputError, match=words):
        collect(some_windows(1), fragments=folder / "1.tsv.gz", groups=tmp_path / "cells.tsv")


def test_a_track_that_the_sheet_lacks_is_refused(folder, tmp_path):
    (tmp_path / "cells.tsv").write_text("track\tbarcode\tgroup\nleft\tB1-1\tB\nmiddle\tB1-1\tB\n")
    with pytest.raises(InputError, match="row 3: track is 'middle', expected one of the sheet's: left, right"):
        collect(some_windows(1), sheet=folder / "sheet.tsv", groups=tmp_path / "cells.tsv")


def test_windows_elsewhere_are_refused(folder):
    with pytest.raises(InputError, match="none of its contigs .chr1, chr2, chrM. has a window; windows are on chr7"):
        collect(windows([("chr7", 0, 60, "+")]), fragments=folder / "1.tsv.gz", groups=folder / "cells.csv")


def test_one_of_file_and_sheet_is_asked_for(folder):
    with pytest.raises(InputError, match="exactly one of the keys fragments, sheet"):
        fragments.Settings.complete({"groups": "g"}, "targets")
