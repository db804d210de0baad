"""Alignments counted over windows against a count one base at a time, from the definitions."""

import itertools

import numpy as np
import pytest

from cisflow.data import ledger
from cisflow.data.targets import bam
from cisflow.errors import InputError
from cisflow.io import bam as bams
from counted import LENGTHS, counts, record, some_alignments, some_windows, units, windows, write_bam

BANNED = [("chr1", 100, 140), ("chr1", 135, 150), ("chr1", 690, 700), ("chr2", 0, 6)]
BASES = [(chrom, base) for chrom, start, end in BANNED for base in range(start, end)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bam")
    for seed in (1, 2):
        write_bam(folder / f"{seed}.bam", some_alignments(seed), index=True)
    (folder / "sheet.tsv").write_text("track\tfile\tclass\none\t1.bam\tT\ntwo\t2.bam\tB\n")
    (folder / "black.bed").write_text("".join(f"{chrom}\t{start}\t{end}\n" for chrom, start, end in BANNED))
    return folder


def count(sheet, found, **given):
    """Numbers, of settings as a config has them and of files."""
    files = {name: given.pop(name) for name in ("blacklist", "genome") if name in given}
    settings = bam.Settings.complete(given | {"sheet": "s"} | dict.fromkeys(files, "x"), "targets")
    return bam.collect(bam.Settings(**settings.as_dict() | {"sheet": sheet} | files), found)


def check(folder, given, seed=5, black=False):
    """What is counted is what the definitions say, of every file, and its ledger tells of every alignment."""
    found = some_windows(seed)
    files = {"blacklist": folder / "black.bed"} if black else {}
    numbers = count(folder / "sheet.tsv", found, **given, **files)
    fragments = given.get("unit") == "fragments"
    for number, file in enumerate(("1.bam", "2.bam")):
        alignments = some_alignments(number + 1)
        expected, kept = counts(found, units(alignments, given), given, fragments, BASES if black else ())
        expected = expected if given.get("bins") else expected[:, 0]
        assert numbers.values.dtype == np.float32
        if given.get("normalise") == "cpm":
            expected = (expected * 1e6 / kept).astype(np.float32)
        np.testing.assert_array_equal(numbers.values[:, number], expected)
        lines = numbers.ledger[numbers.ledger["input"].str.startswith(file)]
        assert lines["n"].sum() == len(alignments)
        assert lines.loc[lines["outcome"] == ledger.KEPT, "n"].sum() == kept * (1 + fragments)
    return numbers


@pytest.mark.parametrize("how", ["5prime", "3prime", "both", "span"])
@pytest.mark.parametrize("unit", ["reads", "fragments"])
@pytest.mark.parametrize(("bins", "shift"), [(0, [0, 0]), (0, [4, -5]), (6, [4, -5]), (60, [0, 0])])
def test_every_mode_counts_as_it_is_defined(folder, unit, how, bins, shift):
    numbers = check(folder, {"unit": unit, "count": how, "bins": bins, "shift": shift})
    assert numbers.values[np.isfinite(numbers.values)].sum() > 100


@pytest.mark.parametrize(
    "given",
    [
        {"minimum_mapq": 10},
        {"minimum_mapq": 10, "unit": "fragments"},
        {"duplicates": "keep"},
        {"duplicates": "keep", "unit": "fragments"},
        {"secondary": "keep", "supplementary": "keep"},
        {"mates": "first"},
        {"mates": "second", "strand": "opposite"},
        {"strand": "same"},
        {"strand": "same", "count": "span", "bins": 5},
        {"strand": "opposite", "unit": "fragments", "count": "both"},
        {"unit": "fragments", "fragment_length": [40, 80]},
        {"unit": "fragments", "fragment_length": [40, 47], "duplicates": "keep", "count": "span"},
        {"count_width": 20},
        {"count_width": 21, "bins": 3, "count": "span"},
        {"normalise": "cpm"},
        {"normalise": "cpm", "unit": "fragments", "count": "both", "bins": 2},
        {"shift": [-9, 30], "count": "span", "normalise": "cpm"},
    ],
    ids=str,
)
@pytest.mark.parametrize("black", [False, True])
def test_filters_leave_out_what_they_say(folder, given, black):
    check(folder, given, black=black)


@pytest.mark.parametrize("seed", range(12))
def test_any_settings_together(folder, seed):
    rng = np.random.default_rng(seed)
    fragments = rng.random() < 0.5
    given = {
        "unit": "fragments" if fragments else "reads",
        "count": str(rng.choice(["5prime", "3prime", "both", "span"])),
        "bins": int(rng.choice([0, 1, 4, 12])),
        "shift": [int(move) for move in rng.integers(-30, 30, 2)],
        "minimum_mapq": int(rng.choice([0, 10, 30])),
        "duplicates": str(rng.choice(["drop", "keep"])),
        "strand": str(rng.choice(["both", "same", "opposite"])),
        "normalise": str(rng.choice(["none", "cpm"])),
    }
    if rng.random() < 0.5:
        given["count_width"] = int(rng.choice([12, 24, 48]))
    if fragments:
        given["fragment_length"] = [int(rng.integers(1, 40)), int(rng.integers(41, 200))]
    else:
        given |= {name: str(rng.choice(["drop", "keep"])) for name in ("secondary", "supplementary")}
        given["mates"] = str(rng.choice(["both", "first", "second"]))
    check(folder, given, seed, black=rng.random() < 0.5)


def test_chunks_order_and_index_change_nothing(folder, tmp_path, monkeypatch):
    alignments = some_alignments(1)
    np.random.default_rng(0).shuffle(alignments)
    write_bam(tmp_path / "1.bam", alignments)
    (tmp_path / "sheet.csv").write_text("track,file\none,1.bam\n")
    for given in ({"unit": "fragments", "count": "span"}, {"bins": 6, "strand": "same"}):
        sorted_whole = count(folder / "sheet.tsv", some_windows(3), **given)
        monkeypatch.setattr(bams.read, "__defaults__", (7,))
        monkeypatch.setattr("cisflow.data.counting.BLOCK", 13)
        parts = count(tmp_path / "sheet.csv", some_windows(3), **given)
        np.testing.assert_array_equal(parts.values[:, 0], sorted_whole.values[:, 0])
        monkeypatch.undo()


def test_numbers_that_are_too_many_to_hold_are_mapped(folder, monkeypatch):
    held = count(folder / "sheet.tsv", some_windows(3), bins=6).values
    monkeypatch.setattr("cisflow.data.counting.HELD", 0)
    mapped = count(folder / "sheet.tsv", some_windows(3), bins=6).values
    assert isinstance(mapped, np.memmap) and not isinstance(held, np.memmap)
    np.testing.assert_array_equal(mapped, held)


def pair(start, end, name="f", chrom="chr1", first=True, **bits):
    """Two mates of 20 bases that make the fragment [start, end)."""
    return [
        record(name, chrom, start, "20M", paired=True, proper=True, first=first, second=not first, **bits),
        record(
            name, chrom, end - 20, "20M", paired=True, proper=True, first=not first, second=first, reverse=True, **bits
        ),
    ]


def one(tmp_path, alignments, rows, **given):
    """Numbers of one file over (chrom, start, end, strand)."""
    write_bam(tmp_path / "a.bam", alignments)
    (tmp_path / "sheet.tsv").write_text("track\tfile\na\ta.bam\n")
    return count(tmp_path / "sheet.tsv", windows(rows), **given).values[:, 0].tolist()


def test_a_fragment_counts_once(tmp_path):
    """Of two mates that overlap, and once in every bin that its span touches."""
    rows = [("chr1", 0, 100, "+"), ("chr1", 20, 120, "+")]
    found = pair(10, 45)
    assert one(tmp_path, found, rows, unit="fragments") == [1, 0]
    assert one(tmp_path, found, rows, unit="fragments", count="span") == [1, 1]
    assert one(tmp_path, found, rows, unit="fragments", count="both") == [2, 1]
    assert one(tmp_path, found, rows, unit="reads") == [2, 1]
    ten = one(tmp_path, found, rows, unit="fragments", count="span", bins=10)
    assert ten == [[0, 1, 1, 1, 1, 0, 0, 0, 0, 0], [1, 1, 1, 0, 0, 0, 0, 0, 0, 0]]


def test_the_shift_of_tn5(tmp_path):
    """The nine bases that one insertion repeats begin at 100: reads to the right of it begin there, those to the left
    end with base 108. [4, -5] puts these on neighbours, [4, -4] on one base, the middle of the nine."""
    found = [record("right", "chr1", 100, "30M"), record("left", "chr1", 79, "30M", reverse=True)]
    bases = [("chr1", base, base + 1, "+") for base in range(99, 110)]
    assert one(tmp_path, found, bases) == [0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0]
    assert one(tmp_path, found, bases, shift=[4, -5]) == [0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
    assert one(tmp_path, found, bases, shift=[4, -4]) == [0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0]


def test_bins_follow_the_strand_of_the_window(tmp_path):
    found = [record("a", "chr1", 12, "9M"), record("b", "chr1", 14, "9M"), record("c", "chr1", 38, "9M")]
    rows = [("chr1", 10, 40, strand) for strand in ("+", "-", ".", "")]
    forward, back = [2, 0, 1], [1, 0, 2]
    assert one(tmp_path, found, rows, bins=3) == [forward, back, forward, forward]


def test_the_left_end_of_a_fragment_is_its_5_prime_end_whichever_mate_is_first(tmp_path):
    rows = [("chr1", 10, 11, "+"), ("chr1", 44, 45, "-")]
    for first in (True, False):
        found = pair(10, 45, first=first)
        assert one(tmp_path, found, rows, unit="fragments") == [1, 0]
        assert one(tmp_path, found, rows, unit="fragments", count="3prime") == [0, 1]
        assert one(tmp_path, found, rows, unit="fragments", count="both", strand="same") == [int(first), int(not first)]


def test_mates_that_reach_over_each_other_make_a_fragment_between_their_5_prime_ends(tmp_path):
    found = pair(10, 25)
    assert found[1]["start"] == 5
    bases = [("chr1", base, base + 1, "+") for base in (9, 10, 24, 25)]
    assert one(tmp_path, found, bases, unit="fragments", count="span") == [0, 1, 1, 0]


def test_where_a_file_says_nothing_a_number_is_missing(tmp_path, capsys):
    write_bam(tmp_path / "a.bam", pair(10, 45))
    (tmp_path / "s.tsv").write_text("track\tfile\na\ta.bam\n")
    rows = [("1", 0, 40, "+"), ("scaffold", 0, 40, "+"), None, ("MT", 50, 90, "-"), ("1", 680, 720, "-")]
    numbers = count(tmp_path / "s.tsv", windows(rows), bins=2)
    assert np.array_equal(
        numbers.values[:, 0], [[1, 0], [np.nan] * 2, [np.nan] * 2, [0, 0], [np.nan, 0]], equal_nan=True
    )
    lines = numbers.ledger[numbers.ledger["input"] == "windows in a.bam"].set_index("reason")["n"].to_dict()
    assert lines == {"": 3, "window without a place on a genome": 1, "window on a contig that the file lacks": 1}
    assert set(numbers.ledger["step"]) == {"target"} and capsys.readouterr().out == ""


def test_tracks_are_described_as_the_sheet_has_them(folder):
    numbers = count(folder / "sheet.tsv", some_windows(1), name="atac")
    assert numbers.tracks.to_dict("list") == {
        "target": ["one", "two"],
        "modality": ["atac"] * 2,
        "class": ["T", "B"],
        "group": ["", ""],
        "replicate": ["", ""],
        "strand": ["", ""],
    }
    assert numbers.weights is None and numbers.values.shape == (len(some_windows(1).frame), 2)


def test_counts_of_one_file_add_up_over_windows_that_tile_it(tmp_path):
    alignments = some_alignments(4)
    write_bam(tmp_path / "a.bam", alignments)
    (tmp_path / "s.tsv").write_text("track\tfile\na\ta.bam\n")
    tiles = [
        (chrom, start, min(start + 50, bases), "+") for chrom, bases in LENGTHS.items() for start in range(0, bases, 50)
    ]
    for unit, how in itertools.product(("reads", "fragments"), ("5prime", "both")):
        values = count(tmp_path / "s.tsv", windows(tiles), unit=unit, count=how).values
        assert values.sum() == (1 + (how == "both")) * len(units(alignments, {"unit": unit}))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"unit": "fragments", "secondary": "keep"}, "targets 'signal': secondary is 'keep'; a fragment is of"),
        ({"unit": "fragments", "mates": "first"}, "mates is 'first'; a fragment is of .* expected 'both'"),
        ({"fragment_length": [1, 9]}, "fragment_length is given, expected unit: fragments"),
        ({"unit": "fragments", "fragment_length": [9, 1]}, r"fragment_length is \[9, 1\], expected the least"),
        ({"bins": 7}, "bins is 7, expected a divisor of the bases counted; window 'w0' has 60"),
        ({"bins": 61}, "bins is 61, expected a divisor of the bases counted; window 'w0' has 60"),
        ({"count_width": 61}, "count_width is 61, expected the bases of a window at most; window 'w0' has 60"),
        ({"minimum_mapq": 255}, "1.bam: no alignment is left to count, .* mapping quality below 255"),
        ({"name": "rna", "strand": "up"}, "strand: 'up' is not one of"),
        ({"shift": [4]}, "shift: .* is too short"),
    ],
)
def test_settings_that_make_no_sense_are_refused(folder, given, words):
    with pytest.raises(InputError, match=words) as error:
        count(folder / "sheet.tsv", some_windows(1), **given)
    assert "\n" not in str(error.value)


def test_windows_without_strand_or_place_are_refused_where_they_are_needed(folder):
    with pytest.raises(InputError, match="strand is 'same'; window 'w1' has no strand, expected"):
        count(folder / "sheet.tsv", windows([("chr1", 0, 60, "+"), ("chr1", 0, 60, ".")]), strand="same")
    with pytest.raises(InputError, match="no window has a place on a genome"):
        count(folder / "sheet.tsv", windows([None, None]))


def test_files_of_several_genomes_speak_of_their_own_windows(tmp_path):
    """Both genomes have a chr1; windows call it by the genome too, and a sheet says whose a file is."""
    write_bam(tmp_path / "m.bam", [record("a", "chr1", 5, "9M")])
    write_bam(tmp_path / "f.bam", [record(f"b{n}", "chr1", 205, "9M") for n in range(3)], lengths={"chr1": 9000})
    (tmp_path / "s.tsv").write_text("track\tfile\tgenome\nx\tm.bam\tmouse\ny\tf.bam\tfly\n")
    rows = [("mouse:chr1", 0, 60, "+"), ("fly:chr1", 200, 260, "+"), ("fly:chr1", 8000, 8060, "-")]
    both = windows(rows)._replace(genomes=np.array(["mouse", "fly", "fly"]))
    numbers = count(tmp_path / "s.tsv", both)
    np.testing.assert_array_equal(numbers.values, [[1, np.nan], [np.nan, 3], [np.nan, 0]])
    lines = numbers.ledger[numbers.ledger["reason"] == "window on another genome"]
    assert lines["n"].tolist() == [2, 1]
    (tmp_path / "s.tsv").write_text("track\tfile\nx\tm.bam\n")
    with pytest.raises(
        InputError, match="genome is '', expected in the column genome of a sheet one of .*: mouse, fly"
    ):
        count(tmp_path / "s.tsv", both)
