"""Tables that users bring: CSV and TSV, however they were saved."""

import pytest

from cisflow.errors import InputError
from cisflow.io import tables


@pytest.mark.parametrize(
    "content",
    [
        b"header,sequence\na,AC\n\nb,GT\n",
        b"\xef\xbb\xbfheader,sequence\r\na,AC\r\n\r\nb,GT\r\n",
        b"header\tsequence\na\tAC\n\nb\tGT",
        b'#header\t"sequence"\na\tAC\n\n"b"\tGT\n\n\n',
    ],
)
def test_rows_are_read_from_csv_and_tsv_however_they_were_saved(tmp_path, content):
    (tmp_path / "table").write_bytes(content)
    rows, columns = tables.read_rows(tmp_path / "table", ["header"])
    assert rows == [2, 4]
    assert columns == {"header": ["a", "b"], "sequence": ["AC", "GT"]}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "found 0 rows, expected a header line"),
        (b"header,sequence\n", "found 1 rows, expected a header line and at least one row"),
        (b"sequence,label\nAC,1\n", "row 1: no column header; found columns sequence, label"),
        (b"header,label,label\na,1,1\n", "row 1: column label occurs more than once"),
        (b"header,label\na,1\n\nb\n", "row 4: found 1 columns, expected 2"),
        (b"header,label\na,1,1\n", "row 2: found 3 columns, expected 2"),
        (b'header,label\n"a,1\n', "not a table of text, expected CSV or TSV: unexpected end of data"),
        (b"\x1f\x8b\x08\x00\xff", "corrupt or incomplete gzip"),
        (b"header,label\na,1\nb\x00,1\n", "line 3: not a text file: found the byte 0x00"),
        (None, "No such file"),
    ],
)
def test_a_table_that_is_not_whole_is_refused(tmp_path, content, words):
    if content is not None:
        (tmp_path / "table").write_bytes(content)
    with pytest.raises(InputError, match=f"table: {words}"):
        tables.read_rows(tmp_path / "table", ["header"])


def test_a_very_long_sequence_fits_into_a_table(tmp_path):
    (tmp_path / "table").write_text("header,sequence\na," + "ACGT" * 50_000 + "\n")
    assert len(tables.read_rows(tmp_path / "table", [])[1]["sequence"][0]) == 200_000
