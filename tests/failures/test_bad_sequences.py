"""Every bad sequence, interval, table and annotation ends in one message that names file, place, found and expected."""

import json
import re

import pytest

from cisflow.__main__ import main

GENOME = ">chr1\nACGTACGTACGTACGTACGT\n>chr2:100-112\nACGTNACGTACG\n"
FASTA = {"kind": "fasta", "positives": "p", "negatives": "n"}
BED = {"kind": "bed", "bed": "b", "genome": "g", "target": "bound"}
TABLE = {"kind": "table", "table": "t"}
GTF = {"kind": "annotation", "annotation": "a", "genome": "g"}
BACKGROUND = {"kind": "fasta", "positives": "p", "background": {"genome": "g", "per_positive": 2}}


def exon(start, end, chrom="chr1", strand="+", names='gene_id "G"; transcript_id "T";'):
    return f"{chrom}\t.\texon\t{start}\t{end}\t.\t{strand}\t.\t{names}\n"


def bed(*rows):
    return "#chrom\tstart\tend\tname\tbound\n" + "".join("\t".join(row.split()) + "\n" for row in rows)


CASES = {
    # FASTA
    "an empty FASTA": (FASTA, {"p": "", "n": ">a\nACGT\n"}, "p.txt: not a FASTA: .* found an empty file"),
    "no FASTA": (FASTA, {"p": "a,ACGT,1\n", "n": ">a\nACGT\n"}, "p.txt: not a FASTA: expected .* found 'a,ACGT,1"),
    "a packed FASTA": (
        FASTA,
        {"p": b"\x1f\x8b\x08\x00\xff\xfe", "n": ">a\nACGT\n"},
        "p.txt: corrupt or incomplete gzip",
    ),
    "a protein": (FASTA, {"p": ">a\nMKLV\n", "n": ">b\nACGT\n"}, "p.txt, record 'a': character 'L' at position 3"),
    "a gap": (FASTA, {"p": ">a\nAC-T\n", "n": ">b\nACGT\n"}, "p.txt, record 'a': character '-' at position 3"),
    "another length": (
        FASTA,
        {"p": ">a\nACGT\n>b\nACG\n", "n": ">c\nACGT\n"},
        "p.txt: record 'b' has 3 bases, expected 4",
    ),
    "a long negative": (FASTA, {"p": ">a\nACGT\n", "n": ">c\nACGTA\n"}, "n.txt: record 'c' has 5 bases, expected 4"),
    "a name twice": (
        FASTA,
        {"p": ">a\nACGT\n>a\nACGT\n", "n": ">c\nACGT\n"},
        "p.txt: record name 'a' occurs more than once",
    ),
    "a name in both": (FASTA, {"p": ">a\nACGT\n", "n": ">a\nGGGG\n"}, "n.txt: record 'a' is in .*p.txt as well"),
    "no name": (FASTA, {"p": ">\nACGT\n", "n": ">a\nGGGG\n"}, "p.txt: record 1 has no name, expected '>name'"),
    "a record without sequence": (
        FASTA,
        {"p": ">a\n>b\nACGT\n", "n": ">c\nACGT\n"},
        "p.txt: record 'a' has no sequence",
    ),
    "names that count from 1 and from 0": (
        FASTA,
        {"p": ">chr1:1-4\nACGT\n>chr1:4-8\nACGT\n", "n": ">c\nACGT\n"},
        "p.txt: record 1: the name 'chr1:1-4' counts from 1, that of record 2, 'chr1:4-8', from 0",
    ),
    "neither negatives nor background": (
        {"kind": "fasta", "positives": "p"},
        {"p": ">a\nACGT\n"},
        "dataset 'd': source: found neither; expected exactly one of the keys negatives, background",
    ),
    "negatives and background": (
        {**FASTA, **BACKGROUND},
        {"p": ">a\nACGT\n"},
        "dataset 'd': source: found negatives and background; expected exactly one of the keys negatives, background",
    ),
    "a resource that is not given": (FASTA, {"p": ">a\nACGT\n"}, "names resource 'n'; expected one of p"),
    # Background
    "a small genome": (
        BACKGROUND,
        {"p": ">a\nACGT\n>b\nACGT\n>c\nACGT\n>d\nACGT\n", "g": GENOME},
        "g.txt: offers 7 windows of 4 bp .* expected at least 8 .2 for each of 4 positives.",
    ),
    "a genome under the positives": (
        BACKGROUND,
        {"p": ">chr1:1-5\nACGT\n>chr1:6-10\nACGT\n>chr1:11-15\nACGT\n", "g": GENOME},
        "g.txt: offers 3 windows .* expected at least 6",
    ),
    "a genome of other GC content": (
        BACKGROUND,
        {"p": ">a\nGGGG\n", "g": GENOME},
        "g.txt: has too few windows of the positives' GC content: mean GC is 1.000 .* and 0.500 in the closest 2",
    ),
    "a positive without a base": (BACKGROUND, {"p": ">a\nNNNN\n", "g": GENOME}, "positive 'a' has no known base"),
    # BED
    "an empty BED": (BED, {"b": "", "g": GENOME}, "b.txt: holds no interval, expected at least one"),
    "a BED of a header": (BED, {"b": bed(), "g": GENOME}, "b.txt: holds no interval, expected at least one"),
    "no header": (
        BED,
        {"b": "chr1\t4\t8\tx\t1\nchr1\t8\t12\ty\t0\n", "g": GENOME},
        "b.txt: no column bound; found columns chrom, start, end, name, score, expected a header line",
    ),
    "no label column": (
        {**BED, "target": "open"},
        {"b": bed("chr1 4 8 x 1"), "g": GENOME},
        "b.txt: no column open; found columns chrom, start, end, name, bound",
    ),
    "a short row": (
        BED,
        {"b": bed("chr1 4 8 x 1", "chr1 4 8 y"), "g": GENOME},
        "b.txt: row 3: found 4 columns, expected 5",
    ),
    "a decimal start": (
        BED,
        {"b": bed("chr1 4.5 8 x 1"), "g": GENOME},
        "b.txt: row 2: start is '4.5', expected an integer",
    ),
    "a negative start": (
        BED,
        {"b": bed("chr1 -4 8 x 1"), "g": GENOME},
        "b.txt: row 2: start is '-4', expected an integer of 0",
    ),
    "a word for an end": (
        BED,
        {"b": bed("chr1 4 end x 1"), "g": GENOME},
        "b.txt: row 2: end is 'end', expected an integer",
    ),
    "an empty interval": (
        BED,
        {"b": bed("chr1 4 8 x 1", "chr1 8 8 y 1"), "g": GENOME},
        "b.txt: row 3: start is 8 and end is 8, expected start < end",
    ),
    "a reversed interval": (
        BED,
        {"b": bed("chr1 8 4 x 1"), "g": GENOME},
        "b.txt: row 2: start is 8 and end is 4, expected start < end",
    ),
    "past the end": (
        BED,
        {"b": bed("chr1 18 20 x 1"), "g": GENOME},
        "b.txt: 100% of 1 windows .* row 2: window chr1:17-21: past the end of a chromosome; contigs are chr1 here",
    ),
    "before the start": (
        BED,
        {"b": bed("chr1 0 1 x 1"), "g": GENOME},
        "b.txt: .* row 2: window chr1:-2-2: past the end",
    ),
    "outside a fragment": (
        BED,
        {"b": bed("chr2 4 8 x 1"), "g": GENOME},
        "b.txt: 100% of 1 windows .* row 2: window chr2:4-8: past the end of a chromosome",
    ),
    "another chromosome": (
        BED,
        {"b": bed("7 4 8 x 1"), "g": GENOME},
        "b.txt: .* row 2: window 7:4-8: chromosome not in the genome; contigs are 7 here and chr1, chr2",
    ),
    "another label": (
        BED,
        {"b": bed("chr1 4 8 x 1", "chr1 8 12 y 0.7"), "g": GENOME},
        "b.txt: row 3: column 'bound' is '0.7', expected 0, 1 or empty",
    ),
    "an interval twice": (
        BED,
        {"b": bed("chr1 4 8 . 1", "chr1 4 8 . 0"), "g": GENOME},
        "b.txt: rows 2 and 3 are the same window, chr1:4-8, with other labels; expected one row a window",
    ),
    "another strand": (
        BED,
        {"b": "chrom\tstart\tend\tstrand\tbound\nchr1\t4\t8\tplus\t1\n", "g": GENOME},
        r"b.txt: row 2: strand is 'plus', expected \+, - or \.",
    ),
    "a genome that is none": (BED, {"b": bed("chr1 4 8 x 1"), "g": "chr1\n"}, "g.txt: not a FASTA"),
    "a bad base in the genome": (
        BED,
        {"b": bed("chr1 4 8 x 1"), "g": ">chr1\nACGTAXGTACGT\n"},
        "g.txt, record 'chr1': character 'X'",
    ),
    # Table
    "an empty table": (TABLE, {"t": ""}, "t.txt: found 0 rows, expected a header line"),
    "no sequence column": (
        TABLE,
        {"t": "header,seq,label\na,ACGT,1\n"},
        "t.txt: row 1: no column sequence; found columns header, seq, label",
    ),
    "a short sequence": (
        TABLE,
        {"t": "header,sequence,label\na,ACGT,1\nb,ACG,0\n"},
        "t.txt: row 3: the sequence has 3 bases, expected 4",
    ),
    "an empty sequence": (
        TABLE,
        {"t": "header,sequence,label\na,,1\n"},
        "t.txt: row 2: the sequence has 0 bases, expected 4",
    ),
    "a bad base in a table": (
        TABLE,
        {"t": "header,sequence,label\na,ACGT,1\nb,AC!T,0\n"},
        "t.txt: row 3: character '!' at position 3",
    ),
    "a bad label in a table": (
        TABLE,
        {"t": "header,sequence,label\na,ACGT,1\n\nb,ACGT,maybe\n"},
        "t.txt: row 4: column 'label' is 'maybe', expected 0, 1 or empty",
    ),
    "a header twice": (
        TABLE,
        {"t": "header,sequence,label\na,ACGT,1\nb,ACGT,1\na,ACGT,0\n"},
        "t.txt: rows 2 and 4 have the same id 'a'",
    ),
    "an empty header": (TABLE, {"t": "header,sequence,label\n,ACGT,1\n"}, "t.txt: row 2: the id is empty"),
    "a row of two": (TABLE, {"t": "header,sequence,label\na,ACGT\n"}, "t.txt: row 2: found 2 columns, expected 3"),
    "a locus of another length": (
        TABLE,
        {"t": "header,sequence,label\nchr1:0-5,ACGT,1\n"},
        "t.txt: row 2: the name 'chr1:0-5' speaks of 5 bases",
    ),
    "a packed table": (TABLE, {"t": b"PK\x03\x04\xff\xfe\n"}, "t.txt: a zip archive or a spreadsheet"),
    "an absent table": (TABLE, {"t": None}, "t.txt: No such file"),
    # Annotation
    "an empty GTF": (GTF, {"a": "", "g": GENOME}, "a.txt: holds no exon, expected a GTF"),
    "a GTF of genes": (
        GTF,
        {"a": exon(1, 4).replace("exon", "gene"), "g": GENOME},
        "a.txt: holds no exon, expected a GTF",
    ),
    "a GTF with spaces": (
        GTF,
        {"a": exon(1, 4) + exon(9, 12).replace("\t", " "), "g": GENOME},
        "a.txt: line 2: found 1 columns, expected 9",
    ),
    "no gene_id": (
        GTF,
        {"a": exon(1, 4, names='transcript_id "T";'), "g": GENOME},
        "a.txt: line 1: no gene_id among the attributes 'transcript_id",
    ),
    "no transcript_id": (
        GTF,
        {"a": "#\n" + exon(1, 4, names='gene_id "T";'), "g": GENOME},
        "a.txt: line 2: no transcript_id among",
    ),
    "a GFF3 without parents": (
        GTF,
        {"a": exon(1, 4, names="ID=exon1;Parent=T"), "g": GENOME},
        "a.txt: line 1: Parent is 'T', expected the ID of a feature of the file",
    ),
    "an exon from 0": (
        GTF,
        {"a": exon(0, 4), "g": GENOME},
        "a.txt: line 1: start is '0' and end is '4', expected integers with 1 <= start",
    ),
    "an exon reversed": (GTF, {"a": exon(9, 4), "g": GENOME}, "a.txt: line 1: start is '9' and end is '4'"),
    "an exon of another strand": (
        GTF,
        {"a": exon(1, 4, strand="plus"), "g": GENOME},
        r"a.txt: line 1: strand of an exon is 'plus', expected \+, - or \.",
    ),
    "introns without strand": (
        GTF,
        {"a": exon(1, 4, strand=".") + exon(9, 12, strand="."), "g": GENOME},
        "a.txt: no intron among 2 exons",
    ),
    "single exons": (
        GTF,
        {"a": exon(1, 4), "g": GENOME},
        "a.txt: no intron among 1 exons, expected transcripts of two or more",
    ),
    "other chromosome names": (
        GTF,
        {"a": exon(1, 4, "7") + exon(9, 12, "7"), "g": GENOME},
        r"a.txt: none of its chromosomes \(7\) is in .*\(chr1, chr2\)",
    ),
    "introns at the edge": (
        {**GTF, "anchor": "donor"},
        {"a": exon(1, 1) + exon(9, 12), "g": GENOME},
        "a.txt: 100% of 1 windows .* past the end of a chromosome",
    ),
    "another anchor": (
        {**GTF, "anchor": "middle"},
        {"a": exon(1, 4), "g": GENOME},
        r"source.anchor: 'middle' is not one of \['center', 'donor', 'acceptor', 'tss', ",
    ),
    "a packed GTF": (GTF, {"a": b"\x1f\x8b\x08\xff", "g": GENOME}, "a.txt: corrupt or incomplete gzip"),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input_ends_in_one_message(tmp_path, capsys, case):
    source, contents, words = CASES[case]
    inputs = []
    for name, content in contents.items():
        path = tmp_path / f"{name}.txt"
        inputs.append(f"{name}={path}")
        if content is not None:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
    options = ["--dataset", "d", "--source", json.dumps(source), "--window", "4", "--seed", "1"]
    status = main(["windows", *options, "--output", str(tmp_path / "out"), "--inputs", *inputs])
    error = capsys.readouterr().err
    assert status == 1
    # The bars of tqdm may stand before it on the same stream.
    message = error[error.index("cisflow windows: error: ") :]
    assert re.search(words, message), message
    assert message.count("\n") == 1 and "Traceback" not in error
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_a_bed_that_looks_right_is_taken(tmp_path):
    """The cases above fail for their own reason, not for what they share."""
    (tmp_path / "b.txt").write_text(bed("chr1 4 8 x 1", "chr1 8 12 y 0"))
    (tmp_path / "g.txt").write_text(GENOME)
    options = ["--dataset", "d", "--source", json.dumps(BED), "--window", "4", "--seed", "1"]
    inputs = [f"{name}={tmp_path / name}.txt" for name in "bg"]
    assert main(["windows", *options, "--output", str(tmp_path / "out"), "--inputs", *inputs]) == 0


def test_no_bedtools(tmp_path, capsys, monkeypatch):
    (tmp_path / "p.txt").write_text(">a\nACGT\n")
    (tmp_path / "g.txt").write_text(GENOME)
    (tmp_path / "a.txt").write_text(exon(1, 8) + exon(13, 14))
    monkeypatch.setenv("PATH", "/nowhere")
    for source in (BACKGROUND, GTF):
        options = ["--dataset", "d", "--source", json.dumps(source), "--window", "4", "--seed", "1"]
        inputs = [f"{name}={tmp_path / name}.txt" for name in "pga"]
        assert main(["windows", *options, "--output", str(tmp_path / "out"), "--inputs", *inputs]) == 1
        assert "bedtools is not on PATH; install it with 'conda install" in capsys.readouterr().err
