"""Signal of bigWig files over windows against the values that were written, one base at a time."""

import numpy as np
import pytest

from cisflow.data.targets import bam, bigwig
from cisflow.errors import InputError
from counted import LENGTHS, some_alignments, some_values, some_windows, windows, write_bam, write_bigwig


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bigwig")
    for seed in (1, 2):
        write_bigwig(folder / f"{seed}.bw", some_values(seed))
    (folder / "sheet.tsv").write_text("track\tfile\treplicate\none\t1.bw\tA\ntwo\t2.bw\tB\n")
    (folder / "strands.tsv").write_text("track\tfile\tfile_minus\none\t1.bw\t2.bw\ntwo\t2.bw\t\n")
    return folder


def count(sheet, found, **given):
    settings = bigwig.Settings.complete(given | {"sheet": "s"}, "targets")
    return bigwig.collect(bigwig.Settings(**settings.as_dict() | {"sheet": sheet}), found)


def expected(found, values, given):
    """The numbers by their definition, in double precision."""
    bins = given.get("bins") or 1
    table = np.full((len(found.frame), bins), np.nan)
    for row, (_, chrom, start, end, strand) in enumerate(found.frame.itertuples(index=False)):
        if "count_width" in given:
            start = (start + end) // 2 - given["count_width"] // 2
            end = start + given["count_width"]
        inside = [base for base in range(start, end) if 0 <= base < LENGTHS[chrom]]
        width = (end - start) // bins
        for number in range(bins):
            here = [base for base in inside if number * width <= base - start < (number + 1) * width]
            numbers = [float(values[chrom][base]) for base in here]
            if given.get("missing", "zero") == "zero":
                numbers = [0 if np.isnan(value) else value for value in numbers]
            numbers = [value for value in numbers if not np.isnan(value)]
            place = bins - 1 - number if strand == "-" else number
            if numbers:
                summary = {"mean": np.mean, "sum": np.sum, "max": np.max}[given.get("summary", "mean")]
                table[row, place] = summary(numbers)
    return table


@pytest.mark.parametrize("summary", ["mean", "sum", "max"])
@pytest.mark.parametrize("missing", ["zero", "nan"])
@pytest.mark.parametrize("given", [{}, {"bins": 6}, {"bins": 60}, {"count_width": 21, "bins": 3}], ids=str)
def test_numbers_are_those_of_the_values(folder, summary, missing, given, monkeypatch):
    monkeypatch.setattr(bigwig, "BASES", 600)
    given = given | {"summary": summary, "missing": missing}
    found = some_windows(7)
    numbers = count(folder / "sheet.tsv", found, **given)
    for number in (0, 1):
        there = expected(found, some_values(number + 1), given)
        there = there if "bins" in given else there[:, 0]
        np.testing.assert_allclose(numbers.values[:, number], there, rtol=1e-6, atol=1e-7)
    assert numbers.values.dtype == np.float32 and numbers.tracks["replicate"].tolist() == ["A", "B"]


def test_single_bases_are_exactly_those_of_the_file(folder):
    values = some_values(1)["chr1"]
    numbers = count(folder / "sheet.tsv", windows([("chr1", 0, 700, "+")]), bins=700, missing="nan")
    np.testing.assert_array_equal(numbers.values[0, 0], values)


def test_windows_on_the_minus_strand_read_a_file_of_their_own(folder):
    found = some_windows(9)
    numbers = count(folder / "strands.tsv", found, bins=4)
    minus = (found.frame["strand"] == "-").to_numpy()
    assert 0 < minus.sum() < len(minus)
    there = [expected(found, some_values(seed), {"bins": 4}) for seed in (1, 2)]
    np.testing.assert_allclose(numbers.values[:, 0], np.where(minus[:, None], there[1], there[0]), rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(numbers.values[:, 1], there[1], rtol=1e-6, atol=1e-7)


def test_coverage_of_a_bam_is_the_same_through_a_bigwig(tmp_path):
    """Ends of reads in a BAM, counted there, and written base by base to a bigWig that is summed."""
    write_bam(tmp_path / "a.bam", some_alignments(3))
    (tmp_path / "bam.tsv").write_text("track\tfile\na\ta.bam\n")
    settings = bam.Settings(sheet=tmp_path / "bam.tsv", unit="fragments", count="both", shift=[4, -5])
    bases = windows([(chrom, base, base + 1, "+") for chrom, n in LENGTHS.items() for base in range(n)])
    single = bam.collect(settings, bases).values[:, 0]
    edges = np.cumsum(list(LENGTHS.values()))[:-1]
    values = dict(zip(LENGTHS, np.split(single, edges), strict=True))
    # A base without a count has no value in one of the files, and 0 in the other.
    for name, told in (("zeros", values), ("gaps", {k: np.where(v > 0, v, np.nan) for k, v in values.items()})):
        write_bigwig(tmp_path / f"{name}.bw", told)
        (tmp_path / f"{name}.tsv").write_text(f"track\tfile\na\t{name}.bw\n")
        found = some_windows(3)
        for bins in (0, 5):
            there = bam.collect(bam.Settings(**settings.as_dict() | {"bins": bins}), found).values
            np.testing.assert_array_equal(
                count(tmp_path / f"{name}.tsv", found, summary="sum", bins=bins).values, there
            )


def test_windows_that_the_file_has_no_value_for(folder, capsys):
    rows = [("1", 0, 40, "+"), ("scaffold", 0, 40, "+"), None, ("chrM", 0, 40, "-")]
    zeros, gaps = (count(folder / "sheet.tsv", windows(rows), missing=missing) for missing in ("zero", "nan"))
    assert "has no contig scaffold; 1 windows there are 0" in capsys.readouterr().err
    first = np.nanmean(some_values(1)["chr1"][:40])
    np.testing.assert_allclose(gaps.values[:, 0], [first, np.nan, np.nan, np.nan], rtol=1e-6)
    assert np.array_equal(zeros.values[1:, 0], [0, np.nan, 0], equal_nan=True)
    lines = gaps.ledger[gaps.ledger["input"] == "1.bw (one)"]
    assert lines[["outcome", "reason", "n"]].values.tolist() == [
        ["kept", "", 1],
        ["dropped", "window without a value", 3],
    ]


def test_windows_of_several_widths(folder):
    found = windows([("chr1", 0, 40, "+"), ("chr1", 100, 160, "-"), ("chr2", 40, 60, "+")])
    values = count(folder / "sheet.tsv", found, bins=2, summary="sum").values[:, 0]
    np.testing.assert_allclose(values, expected(found, some_values(1), {"bins": 2, "summary": "sum"}), rtol=1e-6)


def test_bins_that_do_not_fit_are_refused(folder):
    with pytest.raises(InputError, match="bins is 50, expected a divisor of the bases counted; window 'w1' has 60"):
        count(folder / "sheet.tsv", windows([("chr1", 0, 50, "+"), ("chr1", 0, 60, "-")]), bins=50)


def test_files_of_several_genomes_speak_of_their_own_windows(folder, tmp_path):
    (tmp_path / "s.tsv").write_text(f"track\tfile\tgenome\nx\t{folder}/1.bw\tmouse\ny\t{folder}/1.bw\tfly\n")
    both = windows([("mouse:chr1", 0, 60, "+"), ("fly:chr1", 0, 60, "+")])._replace(genomes=np.array(["mouse", "fly"]))
    values = count(tmp_path / "s.tsv", both).values
    assert values[0, 0] == values[1, 1] and np.isnan([values[0, 1], values[1, 0]]).all()
