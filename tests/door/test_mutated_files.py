"""A fuzzer: files of every format, mutated. Each is refused in one line of ours, or what is read is all that it says.

Mutations at random, of bytes and of lines, are held against a second reading of the text that knows nothing but the
format's lines; mutations that break a row for certain must be refused.
"""

import re
import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cisflow.errors import InputError
from cisflow.features import inputs
from cisflow.io import bed, gtf, matrices, tables, vcf
from cisflow.io.genome import Genome, Records
from cisflow.io.twobit import TwoBit
from holding import within

EXAMPLES = 130
SECONDS = 20

BED = "track name=x\n#chrom\tstart\tend\tname\tscore\tstrand\n"
BED += "chr1\t5\t9\ta\t0\t+\nchr1\t20\t39\tb\t7\t-\nchr2\t0\t3\tc\t0\t.\n"
PEAKS = "".join(f"chr1\t{100 * i}\t{100 * i + 60}\tp{i}\t900\t.\t12.5\t3.1\t-1\t{i}\n" for i in range(1, 6))
GTF = "#!build\n" + "".join(
    f'chr1\tx\texon\t{100 * i}\t{100 * i + 50}\t.\t+\t.\tgene_id "G"; transcript_id "T{i % 2}"; note "a; b";\n'
    for i in range(1, 7)
)
GFF = (
    "##gff-version 3\nchr1\tx\tgene\t1\t999\t.\t-\t.\tID=gene:G\nchr1\tx\tmRNA\t1\t999\t.\t-\t.\tID=T;Parent=gene:G\n"
    + "".join(f"chr1\tx\texon\t{100 * i}\t{100 * i + 50}\t.\t-\t.\tID=e{i};Parent=T\n" for i in range(1, 6))
)
VCF = (
    "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\nchr1\t5\trs1\tA\tC\nchr1\t9\t.\tAC\tA,<DEL>\nchr2\t70\t.\tG\tT\n"
)
CSV = 'header,sequence,label\na,ACGT,1\n"b,c",TTTT,0\nd,GGGG,1\ne,ACAC,0\n'
MEME = "MEME version 4\n\nALPHABET= ACGT\n\n" + "".join(
    f"MOTIF M{i} N{i}\nletter-probability matrix: alength= 4 w= 3 nsites= 20 E= 0\n"
    "0.10 0.20 0.30 0.40\n0.00 1.00 0.00 0.00\n0.25 0.25 0.25 0.25\n\n"
    for i in range(3)
)
JASPAR = "".join(f">M{i} N{i}\nA [ 1 2 3 ]\nC [ 4 5 6 ]\nG [ 0 0 2 ]\nT [ 7 8 9 ]\n" for i in range(3))
TRANSFAC = "".join(
    f"AC  M{i}\nXX\nID  N{i}\nP0  A  C  G  T\n01  1  2  3  4  N\n02  9  0  1  5  A\nXX\n//\n" for i in range(3)
)
HOMER = "".join(f">ACG\tN{i}/x\t6.1\n0.1\t0.2\t0.3\t0.4\n0.0\t1.0\t0.0\t0.0\n0.2\t0.2\t0.2\t0.4\n" for i in range(3))
FASTA = ">chr1 one\nACGTACGTAC\nGTNNACGTAC\nACG\n>chr2\nTTTTTTTTTT\nGG\n>x:0-4\nACGT\n"
TWOBIT = struct.pack("<4IB4sIB4sI", 0x1A412743, 0, 2, 0, 4, b"chr1", 34, 4, b"chr2", 60)
TWOBIT += struct.pack("<6I2s", 8, 1, 2, 3, 0, 0, b"\x1b\x1b") + struct.pack("<4I4s", 16, 0, 0, 0, b"\x1b\xe4\x00\xff")


def lines_of(text):
    return [(i, line) for i, line in enumerate(re.split("\r\n|\n|\r", text.removeprefix("\ufeff")), 1) if line.strip()]


# Second readings: of an accepted file, what must have been read of it.


def check_bed(path, text):
    rows = dict(bed.read_bed(path))
    inputs.read_bed(path)
    header = ("chrom", "start", "end")
    data = [
        (i, re.split(r"\s*\t\s*" if "\t" in line else r"\s+", line.strip(" ")))
        for i, line in lines_of(text)
        if not line.startswith("#") and line.split()[0] not in ("track", "browser")
    ]
    data = [(i, fields) for i, fields in data if [field.lower() for field in fields[:3]] != list(header)]
    assert list(rows) == [i for i, _ in data]
    if all(field in rows[next(iter(rows))] for field in header) and not re.search("(?i)end.*start|start.*chrom", text):
        for i, fields in data:
            locus = bed.interval("", rows[i])
            assert locus.chrom == fields[0] and (locus.start, locus.end) == tuple(int(float(x)) for x in fields[1:3])
            assert 0 <= locus.start < locus.end


def check_annotation(path, text):
    found = gtf.read_exons(path)
    rows = []
    for _, line in lines_of(text):
        if line.startswith("##FASTA"):
            break
        fields = line.split("\t")
        if not line.startswith("#") and fields[2].lower() == "exon":
            rows.append((fields[0].strip(), int(fields[3]) - 1, int(fields[4])))
    assert list(dict.fromkeys(found[["chrom", "start", "end"]].itertuples(index=False, name=None))) == list(
        dict.fromkeys(rows)
    )
    assert (found["gene"] != "").all() and found["strand"].isin(["+", "-", "."]).all()


def check_vcf(path, text):
    assert [record.line for record in vcf.read(path)] == [i for i, line in lines_of(text) if not line.startswith("#")]


def check_table(path, text):
    rows, columns = tables.read_rows(path, [])
    assert {len(values) for values in columns.values()} == {len(rows)} and "" not in columns
    if '"' not in text:
        data = [i for i, line in lines_of(text) if line.strip(",; \t")]
        assert rows == data[1:]


def check_motifs(path, text):
    motifs = matrices.read_motifs(path)
    lines = [line.strip() for _, line in lines_of(text)]
    first = next(line for line in lines if not line.startswith("#"))
    head = ">" if first.startswith(">") else r"MOTIF\b(?! DIAGRAM)" if "MEME" in text else r"(P0|PO)\b"
    heads = [line for line in lines if re.match(head, line)]
    assert len(motifs) == len(heads) == len({motif.id for motif in motifs})
    assert "MEME" not in text or len(motifs) == len(re.findall("(?m)^ *letter-probability", text))
    for motif in motifs:
        assert motif.matrix.shape[0] == 4 and (motif.matrix >= 0).all()
        assert np.abs(motif.matrix.sum(axis=0) - 1).max() <= 0.011


def letters(text):
    """Bases of each record, as the lines have them."""
    found = []
    for _, line in lines_of(text):
        if line.startswith(">"):
            found.append("")
        elif found:
            found[-1] += line.strip()
    return found


def check_records(path, text):
    records = Records(path)
    assert records.lengths.tolist() == [len(bases) for bases in letters(text)]
    assert [len(records[row]) for row in range(len(records))] == records.lengths.tolist()


def check_genome(path, text):
    genome = Genome(path)
    assert sorted(end - start for _, start, end, _ in genome.regions()) == sorted(map(len, letters(text)))
    for chrom, start, end, _ in genome.regions():
        if start < end:
            genome.fetch(chrom, start, end)


def check_twobit(path, text):
    genome = TwoBit(path)
    for name, length in genome.lengths.items():
        assert len(genome.codes(name, 0, length)) == length


FORMATS = {
    "bed": (BED, check_bed),
    "narrowPeak": (PEAKS, check_bed),
    "gtf": (GTF, check_annotation),
    "gff3": (GFF, check_annotation),
    "vcf": (VCF, check_vcf),
    "csv": (CSV, check_table),
    "meme": (MEME, check_motifs),
    "jaspar": (JASPAR, check_motifs),
    "transfac": (TRANSFAC, check_motifs),
    "homer": (HOMER, check_motifs),
    "fasta": (FASTA, check_records),
    "genome": (FASTA, check_genome),
    "2bit": (TWOBIT, check_twobit),
}
JUNK = st.sampled_from(
    [
        b"",
        b"\t",
        b"\n",
        b"\r",
        b" ",
        b"-1",
        b"x",
        b"0",
        b"9" * 30,
        b"9" * 5000,
        b"1e5",
        b"nan",
        b"inf",
        b"\x00",
        b"\xff",
    ]
    + [b"\xef\xbb\xbf", b'"', b";", b",", b">", b"#", b".", b"=", b"exon", b"chr1:5-9", b"\xd9\xa3", b"[", b"]", b"//"]
)


@st.composite
def mutated(draw, content):
    """A file after one to four changes: a piece cut, doubled, replaced by junk, or lines exchanged."""
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.integers(0, 30)))
        kind = draw(st.sampled_from(["cut", "double", "junk", "insert", "end", "lines"]))
        if kind == "lines":
            lines = content.split(b"\n")
            i, j = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
            lines[i], lines[j] = lines[j], lines[i]
            content = b"\n".join(lines)
            continue
        piece = {"cut": b"", "double": content[start:end] * 2, "end": b""}.get(kind)
        piece = draw(JUNK) if piece is None else piece
        tail = b"" if kind == "end" else content[start if kind == "insert" else end :]
        content = content[:start] + piece + tail
    return content


def decoded(content):
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("mutated")


@pytest.mark.parametrize("name", FORMATS)
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_a_mutated_file_is_refused_or_read_whole(folder, name, data):
    content, check = FORMATS[name]
    content = data.draw(mutated(content if isinstance(content, bytes) else content.encode()))
    path = folder / f"{name}.file"
    path.with_name(path.name + ".fai").unlink(missing_ok=True)
    path.write_bytes(content)
    with within(SECONDS):
        try:
            check(path, decoded(content))
        except InputError as error:
            assert "\n" not in str(error) and str(path) in str(error)


def test_the_files_themselves_are_read(folder):
    for name, (content, check) in FORMATS.items():
        path = folder / f"{name}.whole"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        check(path, content)


# Broken for certain: (pattern, what takes its place), anywhere in the file but in its first line.
BROKEN = {
    "bed": [(r"\t\d+\t(?=\d+\t\w)", "\tx\t"), (r"\t\d+\t(?=\d+\t\w)", "\t-3\t"), (r"\t\d+\t(?=\d+\t\w)", "\t9999\t")],
    "narrowPeak": [(r"\t\d\n", "\t60\n"), (r"\t\d\n", "\t1.5\n"), (r"\t\d\n", "\t-2\n"), (r"\t\d\n", "\n")],
    "gtf": [(r"\t\d+\t(?=\d)", "\t9999\t"), (r"\t\+\t", "\tplus\t"), ('gene_id "G"; ', ""), (r"\t\.\t", "\t")],
    "gff3": [(r"exon\t\d+\t", "exon\t9999\t"), ("Parent=T", "Parent=U"), (r";Parent=T", ""), ("exon\t", "exon\tx\t")],
    "vcf": [(r"\t\d+\t", "\t-1\t"), (r"\t\d+\t", "\t1.5\t"), (r"\t\d+\t", "\t"), (r"\tA(?=C?\t)", "\t!")],
    "csv": [(r",[ACGT]{4}", ""), (r",(?=[01]\n)", ",,"), (r"\n(?=[de])", '\n"')],
    "meme": [
        ("MOTIF", "OTIF"),
        (r"0\.40", "0.90"),
        (r"0\.40", "-0.4"),
        (r"0\.40", "x"),
        (r" 0\.40", ""),
        (r"w= 3", "w= 4"),
    ],
    "jaspar": [(r"A \[ 1 ", "A [ "), (r"7 8", "7 x"), (r"7 8", "7 -8"), (r"G \[ 0", "C [ 0"), (r"9 \]", "9")],
    "transfac": [
        (r"01  1  2  3", "01  2"),
        (r"01  1", "01  x"),
        (r"01  1", "01  -1"),
        ("P0  A  C", "P0  A  A"),
        (r"XX\n//(?=\n.)", "XX"),
    ],
    "homer": [("0.3\t0.4", "0.4"), ("0.3\t0.4", "0.3\t0.9"), ("0.3\t0.4", "0.7\tx"), ("0.3\t0.4", "-0.3\t1.0")],
    "fasta": [("ACG\n", "A-G\n"), ("ACG\n", "AXG\n"), (">chr2", ">chr1"), (">x:0-4", ">x:0-9")],
    "genome": [("ACG\n", "A-G\n"), ("ACG\n", "AXG\n"), (">chr2", ">chr1"), (">x:0-4", ">x:0-9")],
}
CASES = [(name, pattern, piece) for name, changes in BROKEN.items() for pattern, piece in changes]


@pytest.mark.parametrize(("name", "pattern", "piece"), CASES)
def test_a_broken_row_is_never_taken(folder, name, pattern, piece):
    content, check = FORMATS[name]
    places = list(re.finditer(pattern, content))
    assert places
    for match in places:
        path = folder / f"{name}.broken"
        path.with_name(path.name + ".fai").unlink(missing_ok=True)
        text = content[: match.start()] + piece + content[match.end() :]
        path.write_text(text)
        with pytest.raises(InputError):
            read = check if name != "fasta" else lambda path, _: inputs.read_fasta(path)
            read(path, text)
