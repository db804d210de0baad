"""Tables as pandas, R, Excel and people write them, and labels in their words."""

import gzip
import io

import numpy as np
import pandas as pd
import pytest

from cisflow.errors import InputError
from cisflow.io.tables import read_rows
from cisflow.sequence import dna
from sources import collect

FRAME = pd.DataFrame({"header": ["a", "b", "c"], "sequence": ["ACGT", "TTTT", "GGGG"], "label": [1, 0, 1]})
WANTED = {"header": ["a", "b", "c"], "sequence": ["ACGT", "TTTT", "GGGG"], "label": ["1", "0", "1"]}


def r_table(separator, corner=""):
    """What R's write.csv (with a corner) and write.table write: quoted texts, row names."""
    head = separator.join([*([corner] if corner else []), *(f'"{name}"' for name in FRAME)])
    rows = [
        f'"{i + 1}"{separator}"{r.header}"{separator}"{r.sequence}"{separator}{r.label}' for i, r in FRAME.iterrows()
    ]
    return "\n".join([head, *rows]) + "\n"


PLAIN = FRAME.to_csv(index=False)


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        PLAIN.replace(",", "\t"),
        PLAIN.replace(",", ";"),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        PLAIN.rstrip(),
        "\ufeff" + PLAIN,
        "\n\n" + PLAIN + "\n\n",
        "#" + PLAIN,
        FRAME.to_csv(),
        FRAME.to_csv(sep="\t"),
        FRAME.to_csv(sep=";"),
        pd.read_csv(io.StringIO(FRAME.to_csv())).to_csv(index=False),
        FRAME.set_index("label", drop=False).rename_axis(None).to_csv(),
        r_table(",", '""'),
        r_table(";", '""'),
        r_table("\t"),
        r_table(" "),
        r_table(","),
        PLAIN.replace("\n", ",\n").replace("label,", "label"),
        "\n".join(",".join(f'"{field}"' for field in line.split(",")) for line in PLAIN.splitlines()),
        PLAIN.encode("utf-16"),
        PLAIN.replace("\n", "\n,,\n", 2),
        PLAIN.replace("\n", ",,\n"),
        gzip.compress(PLAIN.encode(), mtime=0),
    ],
)
def test_three_rows_however_they_are_written(tmp_path, content):
    (tmp_path / "t").write_bytes(content if isinstance(content, bytes) else content.encode())
    assert read_rows(tmp_path / "t", ["header"])[1] == WANTED


def test_an_index_is_said_to_be_left_out(tmp_path, capsys):
    for text in (FRAME.to_csv(), r_table("\t")):
        (tmp_path / "t").write_text(text)
        read_rows(tmp_path / "t", [])
        assert "is taken for an index and left out" in capsys.readouterr().err


def test_commas_and_line_ends_within_quotes(tmp_path):
    (tmp_path / "t").write_text('header,note\na,"one, two"\nb,"one\ntwo"\nc,"say ""x"""\n')
    rows, columns = read_rows(tmp_path / "t", [])
    assert columns["note"] == ["one, two", "one\ntwo", 'say "x"'] and rows == [2, 4, 5]


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-8-sig", "utf-16"])
def test_names_of_people_and_places(tmp_path, encoding):
    (tmp_path / "t").write_bytes("header,place\na,Tübingen\nb,Århus\n".encode(encoding))
    assert read_rows(tmp_path / "t", [])[1]["place"] == ["Tübingen", "Århus"]


def test_thousands_of_columns(tmp_path):
    frame = pd.DataFrame(np.arange(15000).reshape(3, 5000), columns=[f"x{i}" for i in range(5000)])
    frame.to_csv(tmp_path / "t", index=False)
    columns = read_rows(tmp_path / "t", [])[1]
    assert len(columns) == 5000 and columns["x4999"] == ["4999", "9999", "14999"]


def test_dates_in_the_place_of_genes_are_warned_of(tmp_path, capsys):
    (tmp_path / "t").write_text("gene,day\nTP53,1-Mar\n2-Sep,2-Mar\nMar-01,3-Mar\n")
    assert read_rows(tmp_path / "t", [])[1]["gene"] == ["TP53", "2-Sep", "Mar-01"]
    message = capsys.readouterr().err
    assert "row 3: column 'gene' holds '2-Sep', in 2 of 3 rows a date" in message and "'day'" not in message


@pytest.mark.parametrize(
    "words", [("True", "False"), ("TRUE", "FALSE"), ("yes", "no"), ("Yes", "NO"), ("1", "0"), ("1.0", "0.0")]
)
@pytest.mark.parametrize("kind", ["table", "bed"])
def test_labels_in_the_words_of_pandas_r_and_people(tmp_path, words, kind):
    (tmp_path / "g").write_text(">chr1\nACGTTTTTGGGG\n")
    for i, word in enumerate((words[0], words[1], words[0])):
        row = {"table": f"{'abc'[i]},{FRAME['sequence'][i]},{word}\n", "bed": f"chr1,{4 * i},{4 * i + 4},{word}\n"}[
            kind
        ]
        with open(tmp_path / "t", "a") as handle:
            handle.write(
                ("" if i else {"table": "header,sequence,label\n", "bed": "chrom,start,end,label\n"}[kind]) + row
            )
    settings = {kind: "t", "target": "label"} | ({"genome": "g"} if kind == "bed" else {})
    found = collect(kind, settings, 4, {"t": tmp_path / "t", "g": tmp_path / "g"})
    assert found.labels[:, 0].tolist() == [1, 0, 1]
    assert [dna.decode(row) for row in found.codes] == WANTED["sequence"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "found 0 rows"),
        (b"header,sequence,label\n", "found 1 rows, expected a header line and at least one row"),
        (b"a,ACGT,1\nb,ACGT,0\n", "row 1: no column header; found columns a, ACGT, 1"),
        (b"header,label,label\na,1,1\n", "row 1: column label occurs more than once"),
        (b"header,label,\na,1,x\n", "row 1: column 3 has no name"),
        (b"header,label\na,1\nb\n", "row 3: found 1 columns, expected 2"),
        (b"header,label\na,1\nb,1,2\n", "row 3: found 3 columns, expected 2"),
        (b"header,label\na,1,2\na,1,2\n", "row 2: found 3 columns, expected 2"),
        (b'header,label\n"a,1\n', "not a table of text, expected CSV or TSV: unexpected end of data"),
        (b'header,label\n"a"b,1\n', "not a table of text, expected CSV or TSV"),
        (b"header,label\na,\x01\n", "line 2: not a text file: found the byte 0x01"),
        (b"PK\x03\x04\x14\x00\x06\x00", "a zip archive or a spreadsheet"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old spreadsheet"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"<html><body>Sign in</body></html>", "an HTML page"),
        (gzip.compress(b"header,label\na,1\n", mtime=0)[:-4], "corrupt or incomplete gzip"),
    ],
)
def test_what_is_broken_is_refused_in_one_line(tmp_path, content, words):
    (tmp_path / "t").write_bytes(content)
    with pytest.raises(InputError, match=f"t: {words}") as error:
        read_rows(tmp_path / "t", ["header"])
    assert "\n" not in str(error.value)
