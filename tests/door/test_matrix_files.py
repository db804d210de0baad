"""Matrices as pandas, R, featureCounts, GTEx and single-cell tools write them, and what is broken of them."""

import gzip
import io
import zipfile

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from cisflow.errors import InputError
from cisflow.io import matrix
from matrices import collect, windows, write_h5ad

FRAME = pd.DataFrame({"s1": [1.5, 0, -2], "s2": [np.nan, 1e3, 7]}, index=["a", "b", "c"])
PLAIN = FRAME.to_csv(index_label="gene")
LINES = PLAIN.splitlines()


def r_table(separator, corner=None):
    """What R's write.csv (with a corner) and write.table write: quoted names, NA."""
    head = separator.join([*([corner] if corner is not None else []), '"s1"', '"s2"'])
    rows = [separator.join([f'"{name}"', f"{row.s1:g}", f"{row.s2:g}".replace("nan", "NA")]) for name, row in rows_of()]
    return "\n".join([head, *rows]) + "\n"


def rows_of():
    return [(name, row) for name, row in FRAME.iterrows()]


COUNTS = """# Program:featureCounts v2.0.6; Command:"featureCounts" "-a" "genes.gtf" "-o" "counts.txt"
Geneid\tChr\tStart\tEnd\tStrand\tLength\ts1\ts2
a\tchr1;chr1\t1;50\t9;99\t+;+\t58\t1.5\t
b\tchr1\t200\t300\t-\t101\t0\t1000
c\tchr2\t5\t10\t-\t6\t-2\t7
"""
GCT = "#1.2\n3\t2\nName\tDescription\ts1\ts2\na\tGENE A\t1.5\t\nb\tGENE B\t0\t1000\nc\tGENE C\t-2\t7\n"
DEEPTOOLS = (
    "#'chr'\t'start'\t'end'\t's1'\t's2'\nchr1\t0\t50\t1.5\tnan\nchr1\t100\t150\t0\t1000\nchr1\t200\t250\t-2\t7\n"
)
COMMENTS = "# one\n# two, three\n" + PLAIN


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        FRAME.to_csv(),
        FRAME.to_csv(sep="\t"),
        PLAIN.replace(",", ";"),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.rstrip("\n"),
        "#" + PLAIN,
        "\n\n" + PLAIN + "\n\n",
        FRAME.reset_index(names="gene").to_csv(),
        "\ufeff" + PLAIN,
        PLAIN.encode("utf-16"),
        gzip.compress(PLAIN.encode(), mtime=0),
        r_table(","),
        r_table(",", '""'),
        r_table("\t"),
        r_table(" "),
        PLAIN.replace("1000.0", "1e3").replace("1.5,", "+1.50,NaN"),
        PLAIN.replace("1.5,", "1.5, null "),
        "\n".join(f"{line}," for line in LINES) + "\n",
        "\n".join([LINES[0], *(f"{line}," for line in LINES[1:])]) + "\n",
        "\n".join(f"{line}{',,' if line == LINES[0] else ',,'}" for line in LINES) + "\n",
        COMMENTS,
        COUNTS,
        GCT,
    ],
)
def test_three_genes_however_they_are_written(tmp_path, content):
    (tmp_path / "m").write_bytes(content if isinstance(content, bytes) else content.encode())
    # featureCounts has the lengths of genes among its columns.
    chosen = {"columns": ["s1", "s2"]} if content is COUNTS else {}
    found = collect(tmp_path / "m", windows(["c", "a", "b"]), **chosen)
    np.testing.assert_array_equal(found.values, FRAME.loc[["c", "a", "b"]].to_numpy(np.float32))
    assert found.tracks["target"].tolist() == ["s1", "s2"]


def test_bins_of_deeptools_are_called_by_their_coordinates(tmp_path):
    (tmp_path / "m").write_text(DEEPTOOLS)
    found = collect(tmp_path / "m", windows(["a", "b", "c"]))
    np.testing.assert_array_equal(found.values, FRAME.to_numpy(np.float32))


def test_what_is_said_of_rows_in_words_is_no_track(tmp_path, capsys):
    (tmp_path / "m").write_text("sequence\tset\tn\nAC\ttraining\t3\nGT\ttest\t4\n")
    assert collect(tmp_path / "m", windows(["GT", "AC"])).values.tolist() == [[4], [3]]
    assert "columns without numbers are no tracks: set" in capsys.readouterr().err


def test_thousands_of_genes_as_columns(tmp_path):
    values = np.arange(9000, dtype=np.float32).reshape(3, 3000)
    pd.DataFrame(values, index=["x", "y", "z"], columns=[f"g{i}" for i in range(3000)]).to_csv(tmp_path / "m")
    np.testing.assert_array_equal(collect(tmp_path / "m", windows(["g5", "g2999"])).values, values[:, [5, 2999]].T)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "found 0 rows, expected a header line and at least one row"),
        (b"gene,s1\n", "found 1 rows, expected a header line"),
        (b"gene\na\nb\n", "holds 2 rows and 0 columns of numbers, expected both"),
        (b"gene,s1\na,x\nb,y\n", "holds 2 rows and 0 columns of numbers, expected both"),
        (b"gene,s1,s2\na,1,2\nb,1\n", "row 3: found 2 columns, expected 3 as in the header"),
        (b"gene,s1,s2\na,1,2\n\nb,1,2,3\n", "row 4: found 4 columns, expected 3 as in the header"),
        (b"gene,s1,s2\na,1,2\nb,1,high\n", "row 3: column 's2' is 'high', expected a number"),
        (b"gene,s1,s2\na,1,low\nb,1,3\nc,1,4\n", "row 2: column 's2' is 'low', expected a number"),
        (b"gene;s1\na;1\nb;2,5\n", "row 3: column 's1' is '2,5', expected a number"),
        (b"gene,s1\na,1\nb,1_000\n", "row 3: column 's1' is '1_000', expected a number"),
        (b"gene,s1\na,1\nb,inf\n", "row 3: column 's1' is inf, expected a finite number"),
        (b"gene,s1\na,1\nb,1e39\n", "row 3: column 's1' is inf, expected a finite number"),
        (b"gene,s1,s1\na,1,2\n", "1 tracks occur more than once, as 's1'; expected distinct names"),
        (b"gene,s1,\na,1,2\n", "column 3 has no name, expected one for each"),
        (b"gene,s1\na,1\na,2\n", "rows 2 and 3 are 'a' and 'a', both the window 'a'; expected one row a name"),
        (
            b"gene,s1\nx,1\ny,2\nz,3\nq,4\n",
            r"none of its 4 rows \(x, y, z and 1 more\) or 1 columns \(s1\) is a window",
        ),
        (b'gene,s1\n"a,1\n', "not a table of text, expected CSV or TSV"),
        (b"gene,s1\na,\x01\n", "line 2: not a text file: found the byte 0x01"),
        (gzip.compress(PLAIN.encode(), mtime=0)[:-4], "corrupt or incomplete gzip"),
        (b"PK\x03\x04\x14\x00\x06\x00", "not a complete .npz archive"),
        (b"\x89HDF\r\n\x1a\n broken", "not a readable .h5ad"),
        (b"<html><body>Sign in</body></html>", "an HTML page"),
    ],
)
def test_what_is_broken_is_refused_in_one_line(tmp_path, content, words):
    (tmp_path / "m").write_bytes(content)
    with pytest.raises(InputError, match=f"m: {words}") as error:
        collect(tmp_path / "m", windows(["a", "b"]))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"names": "symbol"}, "row 1: no column symbol; found columns gene, s1, s2"),
        ({"columns": ["s1", "s3"]}, "no track s3; found tracks s1, s2"),
        ({"group_by": "type"}, "group_by is 'type', but the file is no .h5ad"),
        ({"layer": "raw"}, "layer is 'raw', but the file is no .h5ad"),
    ],
)
def test_settings_that_the_file_has_nothing_of(tmp_path, settings, words):
    (tmp_path / "m").write_text(PLAIN)
    with pytest.raises(InputError, match=f"m: {words}"):
        collect(tmp_path / "m", windows(["a"]), **settings)


def npz(**arrays):
    packed = io.BytesIO()
    np.savez(packed, **arrays)
    return packed.getvalue()


def sheet():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
    return packed.getvalue()


NAMES, TRACKS = np.array(["a", "b"]), np.array(["s1", "s2"])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            npz(counts=np.ones((2, 2)), names=NAMES),
            "no array of columns; found counts, names, expected one of celltypes",
        ),
        (npz(x=np.ones((2, 2)), names=NAMES, celltypes=TRACKS), "no array of values; found x, names, celltypes"),
        (npz(counts=np.ones((2, 3)), names=NAMES, celltypes=TRACKS), r"values are float64 of shape \(2, 3\); expected"),
        (npz(counts=np.ones(2), names=NAMES, celltypes=TRACKS), r"values are float64 of shape \(2,\)"),
        (npz(counts=NAMES[:, None], names=NAMES, celltypes=TRACKS[:1]), r"values are <U1 of shape \(2, 1\)"),
        (
            npz(counts=np.ones((2, 2)), names=np.ones((2, 2)), celltypes=TRACKS),
            "the names of rows are float64 of shape",
        ),
        (npz(counts=np.ones((2, 2)), names=NAMES.astype(object), celltypes=TRACKS), "not a complete .npz archive"),
        (npz(counts=np.full((2, 2), np.inf), names=NAMES, celltypes=TRACKS), "row 'a', column 's1' is inf, expected"),
        (npz(counts=np.ones((2, 2)), names=NAMES[[0, 0]], celltypes=TRACKS), "two rows are 'a' and 'a', both the wind"),
        (sheet(), r"\[Content_Types\].xml is no array, expected one"),
    ],
)
def test_what_an_npz_lacks(tmp_path, content, words):
    (tmp_path / "m").write_bytes(content)
    with pytest.raises(InputError, match=f"m: {words}") as error:
        collect(tmp_path / "m", windows(["a", "b"]))
    assert "\n" not in str(error.value)


CELLS = sparse.csr_matrix(np.arange(6, dtype=np.float32).reshape(3, 2))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"group_by": "tissue"}, "no column 'tissue' of obs; found type"),
        ({"layer": "counts"}, r"no layers counts; found layers \(none\)"),
        ({"names": "gene_ids"}, "no column 'gene_ids' of obs or var; found type of obs and none of var"),
        ({"group_by": "type", "columns": ["NK"]}, "no track NK; found tracks B, T"),
    ],
)
def test_what_an_h5ad_lacks(tmp_path, settings, words):
    write_h5ad(tmp_path / "m", CELLS, ["1", "2", "3"], ["a", "b"], obs_columns={"type": ["B", "T", "B"]})
    assert collect(tmp_path / "m", windows(["b", "a"]), group_by="type").values.tolist() == [[3, 3], [2, 2]]
    with pytest.raises(InputError, match=f"m: {words}"):
        collect(tmp_path / "m", windows(["a", "b"]), **settings)


def test_numbers_of_an_h5ad_that_are_not_finite_or_none(tmp_path):
    values = CELLS.copy()
    values.data[0] = np.inf
    write_h5ad(tmp_path / "m", values, ["1", "2", "3"], ["a", "b"], obs_columns={"type": ["B", "T", "B"]})
    for settings in ({}, {"group_by": "type"}):
        with pytest.raises(InputError, match="m: holds the number inf, expected finite ones"):
            collect(tmp_path / "m", windows(["a", "b"]), **settings)


def test_an_hdf5_of_something_else_and_a_truncated_one(tmp_path):
    import h5py

    with h5py.File(tmp_path / "m", "w") as handle:
        handle["counts"] = np.ones(3)
    with pytest.raises(InputError, match="m: no 'obs', which every .h5ad has; found counts"):
        matrix.read(tmp_path / "m")
    write_h5ad(tmp_path / "m", CELLS, ["1", "2", "3"], ["a", "b"])
    (tmp_path / "m").write_bytes((tmp_path / "m").read_bytes()[:-100])
    with pytest.raises(InputError, match="m: not a readable .h5ad: .*") as error:
        matrix.read(tmp_path / "m").take([0], [0])
    assert "\n" not in str(error.value)


def test_cells_are_no_tracks(tmp_path):
    n = 20_001
    write_h5ad(tmp_path / "m", sparse.csr_matrix((n, 2), dtype=np.float32), [str(i) for i in range(n)], ["a", "b"])
    with pytest.raises(
        InputError, match="m: holds 20,001 observations, which would be a track each; expected group_by"
    ):
        collect(tmp_path / "m", windows(["a", "b"]))


def test_a_file_that_is_absent(tmp_path):
    with pytest.raises(InputError, match="m: No such file"):
        matrix.read(tmp_path / "m")


def test_a_first_column_of_numbers_is_a_track_where_another_is_said_to_name_rows(tmp_path, capsys):
    (tmp_path / "m").write_text("s1,gene,s2\n5,a,6\n7,b,8\n")
    assert collect(tmp_path / "m", windows(["b", "a"])).values.tolist() == [[8], [6]]
    assert "column 's1', the first, is of numbers but no track; expected the setting names 'gene'" in (
        capsys.readouterr().err
    )
    assert collect(tmp_path / "m", windows(["b", "a"]), names="gene").values.tolist() == [[7, 8], [5, 6]]
    assert "the first" not in capsys.readouterr().err
    # What pandas counted rows by is no track.
    (tmp_path / "m").write_text(",gene,s2\n0,a,6\n1,b,8\n")
    assert collect(tmp_path / "m", windows(["b", "a"]), names="gene").values.tolist() == [[8], [6]]


def test_tables_of_an_h5ad_that_are_of_a_later_format(tmp_path):
    import h5py

    write_h5ad(tmp_path / "m", CELLS, ["1", "2", "3"], ["a", "b"])
    with h5py.File(tmp_path / "m", "r+") as handle:
        handle["obs"].attrs["encoding-type"] = "dataframe-of-2030"
    with pytest.raises(InputError, match="m: obs is no table that anndata reads") as error:
        matrix.read(tmp_path / "m")
    assert "\n" not in str(error.value)
