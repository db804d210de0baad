"""GTF and GFF3 as GENCODE, Ensembl, RefSeq, StringTie and TAIR write them."""

import gzip

import numpy as np
import pandas as pd
import pytest

from cisflow.__main__ import main
from cisflow.errors import InputError
from cisflow.io.gtf import genes_of, read_exons
from sources import collect

PLAIN = [("chr1", 100, 200, "+", "G", "T"), ("chr1", 300, 400, "+", "G", "T")]


def gtf(*rows):
    """Lines of (feature, start, end, strand, attributes), 1-based closed, on chr1."""
    return "".join(f"chr1\tx\t{kind}\t{a}\t{b}\t.\t{strand}\t.\t{names}\n" for kind, a, b, strand, names in rows)


def exons(*names, strand="+"):
    """Two exons, whose attributes are given."""
    return gtf(*(("exon", a, b, strand, text) for (a, b), text in zip([(101, 200), (301, 400)], names, strict=True)))


def read(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read_exons(path).itertuples(index=False, name=None))


IDS = 'gene_id "G"; transcript_id "T";'


def tree(gene, transcript, kind="mRNA"):
    """Lines of a gene and its transcript in a GFF3."""
    return gtf(("gene", 101, 400, "+", gene), (kind, 101, 400, "+", transcript))


ENSEMBL = tree("ID=gene:G;Name=g", "ID=transcript:T;Parent=gene:G")
REFSEQ = tree("ID=gene-G;Dbxref=GeneID:1", "ID=rna-T;Parent=gene-G")
GENCODE = tree("ID=G;gene_id=G", "ID=T;Parent=G;gene_id=G", "transcript")
GFFREAD = gtf(("transcript", 101, 400, "+", "ID=T;geneID=G"))


@pytest.mark.parametrize(
    "content",
    [
        exons(IDS, IDS),
        exons(IDS, IDS).replace("\n", "\r\n"),
        "\ufeff" + exons(IDS, IDS),
        "# a note\n#!genome-build GRCh38\n\n" + exons(IDS, IDS) + "###\n",
        exons(IDS, IDS).rstrip(),
        exons(*['gene_id "G"; transcript_id "T"'] * 2),
        exons(*["gene_id G; transcript_id T;"] * 2),
        exons(*["gene_id G;transcript_id T; exon_number 1"] * 2).replace("number 1\n", "number 2\n", 1),
        exons(*['transcript_id "T"; gene_id "G"; tag "basic"; tag "CCDS";'] * 2),
        exons(*['note "one; gene_id "X" two"; gene_id "G"; transcript_id "T";'] * 2),
        exons(*['note "gene_id wrong; transcript_id wrong"; gene_id "G"; transcript_id "T";'] * 2),
        exons(*['product "2\'-5\' ; 3\' thing"; gene_id "G"; transcript_id "T";'] * 2),
        exons(*['gene_id ""; gene "G"; transcript_id "T";'] * 2),
        exons(*['gene "G"; transcript_id "T"; db_xref "GeneID:1";'] * 2),
        exons(*['gene_name "G"; transcript_id "T";'] * 2),
        exons(*['level 2; gene_id "G"; transcript_id "T"; transcript_support_level "1 (assigned to version 2)";'] * 2),
        gtf(("gene", 101, 400, "+", 'gene_id "G"; transcript_id "";'), ("transcript", 101, 400, "+", IDS))
        + exons(IDS, IDS)
        + gtf(("CDS", 150, 180, "+", IDS)),
        ("#é\n" + exons(IDS, IDS)).encode("latin-1"),
        gzip.compress(exons(IDS, IDS).encode(), mtime=0),
        # GFF3
        "##gff-version 3\n" + ENSEMBL + exons("Parent=transcript:T;Name=e1", "Parent=transcript:T;Name=e2"),
        # A child may stand before its parent.
        exons("Parent=rna-T", "Parent=rna-T;gene=g") + REFSEQ,
        "##gff-version 3.1.26\n" + exons(*["ID=exon:T:1;Parent=T;gene_id=G;transcript_id=T;tag=a,b"] * 2) + GENCODE,
        "##gff-version 3\n" + GFFREAD + exons("Parent=T", "Parent=T;") + "##FASTA\n>chr1\nACGT\n",
    ],
)
def test_two_exons_however_they_are_written(tmp_path, content):
    assert read(tmp_path / "a.gtf", content) == PLAIN


def test_bgzipped(tmp_path, bgzip):
    assert read(tmp_path / "a.gtf.gz", bgzip(exons(IDS, IDS).encode())) == PLAIN


def test_exons_without_a_strand_are_kept_and_make_no_intron(tmp_path):
    """StringTie writes `.` where it cannot tell."""
    names = 'gene_id "STRG.1"; transcript_id "STRG.1.1";'
    rows = read(tmp_path / "a.gtf", exons(names, names, strand=".") + exons(IDS, IDS))
    assert [row[3] for row in rows] == [".", ".", "+", "+"]
    (tmp_path / "g.fa").write_text(">chr1\n" + "ACGT" * 200 + "\n")
    found = collect(
        "annotation", {"annotation": "a", "genome": "g"}, 40, {"a": tmp_path / "a.gtf", "g": tmp_path / "g.fa"}
    )
    assert found.frame["id"].tolist() == ["chr1:200-300(+)"]


def test_trna_of_refseq_has_no_transcript(tmp_path):
    rows = read(tmp_path / "a.gtf", exons('gene_id "TRNP"; transcript_id "";', 'gene_id "TRNP"; transcript_id "";'))
    assert [row[4:] for row in rows] == [("TRNP", ""), ("TRNP", "")]


@pytest.mark.parametrize("strand", "+-")
@pytest.mark.parametrize("told_by", ["transcripts", "numbers"])
def test_one_transcript_at_two_loci_has_no_intron_between_them(tmp_path, strand, told_by):
    """RefSeq: copies of a gene share an id; an intron of 14,700 bp is not there."""
    rows = []
    for start in (101, 15101):
        if told_by == "transcripts":
            rows.append(("transcript", start, start + 299, strand, IDS))
        for number in (1, 2) if strand == "+" else (2, 1):
            first = start if (number == 1) == (strand == "+") else start + 200
            count = f" exon_number {number};" if told_by == "numbers" else ""
            rows.append(("exon", first, first + 99, strand, IDS + count))
    (tmp_path / "a.gtf").write_text(gtf(*rows))
    found = read_exons(tmp_path / "a.gtf")
    assert found["transcript"].tolist() == ["T", "T", "T#2", "T#2"] and found["gene"].tolist() == [
        "G",
        "G",
        "G#2",
        "G#2",
    ]
    assert genes_of(found)[["start", "end"]].to_numpy().tolist() == [[100, 400], [15100, 15400]]
    (tmp_path / "g.fa").write_text(">chr1\n" + "ACGT" * 4000 + "\n")
    found = collect(
        "annotation", {"annotation": "a", "genome": "g"}, 40, {"a": tmp_path / "a.gtf", "g": tmp_path / "g.fa"}
    )
    assert found.frame["id"].tolist() == [f"chr1:200-300({strand})", f"chr1:15200-15300({strand})"]


def test_one_transcript_of_both_arms_of_a_pseudoautosomal_region(tmp_path):
    rows = read(tmp_path / "a.gtf", exons(IDS, IDS).replace("chr1", "chrX") + exons(IDS, IDS).replace("chr1", "chrY"))
    assert {row[0]: row[5] for row in rows} == {"chrX": "T", "chrY": "T"}


def test_one_transcript_on_both_strands_has_no_intron_between_them(tmp_path):
    """Inverted copies of a gene, whose exons lie in turn."""
    other = exons(IDS, IDS, strand="-").replace("\t101\t200\t", "\t221\t250\t").replace("\t301\t400\t", "\t501\t600\t")
    (tmp_path / "a.gtf").write_text(exons(IDS, IDS) + other)
    (tmp_path / "g.fa").write_text(">chr1\n" + "ACGT" * 200 + "\n")
    files = {"a": tmp_path / "a.gtf", "g": tmp_path / "g.fa"}
    found = collect("annotation", {"annotation": "a", "genome": "g"}, 40, files)
    assert found.frame["id"].tolist() == ["chr1:200-300(+)", "chr1:250-500(-)"]
    assert genes_of(read_exons(files["a"]))[["strand", "start", "end"]].to_numpy().tolist() == [
        ["+", 100, 400],
        ["-", 220, 600],
    ]


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (2, 3, 0, 1), (3, 2, 1, 0), (1, 0, 3, 2)])
def test_two_loci_of_one_strand_that_nothing_tells_apart_are_one_transcript(tmp_path, order):
    """Without transcript lines and numbers of exons; no order of lines is taken for a proof."""
    starts = [(101, 200), (301, 400), (15101, 15200), (15301, 15400)]
    rows = read(tmp_path / "a.gtf", gtf(*(("exon", *starts[place], "+", IDS) for place in order)))
    assert {row[5] for row in rows} == {"T"} and len(rows) == 4


def test_exons_with_several_parents_belong_to_each(tmp_path):
    """TAIR10 writes an exon once for all transcripts that share it."""
    content = "##gff-version 3\n" + gtf(
        ("gene", 101, 400, "-", "ID=AT1G01010;Note=protein_coding_gene"),
        ("mRNA", 101, 400, "-", "ID=AT1G01010.1;Parent=AT1G01010"),
        ("mRNA", 101, 400, "-", "ID=AT1G01010.2;Parent=AT1G01010"),
        ("exon", 101, 200, "-", "Parent=AT1G01010.1,AT1G01010.2"),
        ("exon", 301, 400, "-", "Parent=AT1G01010.1"),
    )
    assert [row[4:] for row in read(tmp_path / "a.gff3", content)] == [
        ("AT1G01010", "AT1G01010.1"),
        ("AT1G01010", "AT1G01010.2"),
        ("AT1G01010", "AT1G01010.1"),
    ]


def test_the_same_annotation_as_gtf_and_as_gff3(tmp_path):
    """Random genes, written both ways, are the same exons."""
    rng = np.random.default_rng(1)
    lines, nodes = [], []
    for gene in range(20):
        strand = "+-"[gene % 2]
        nodes.append(("gene", 1, 9999, strand, f"ID=gene:G{gene}"))
        for transcript in range(1 + gene % 3):
            name = f"G{gene}.{transcript}"
            nodes.append(("mRNA", 1, 9999, strand, f"ID=transcript:{name};Parent=gene:G{gene}"))
            for start in np.sort(rng.choice(np.arange(1, 9999, 50), 4, replace=False)):
                lines.append(("exon", start, start + 30, strand, f'gene_id "G{gene}"; transcript_id "{name}";'))
                nodes.append(("exon", start, start + 30, strand, f"ID=e{len(nodes)};Parent=transcript:{name}"))
    assert read(tmp_path / "a.gff3", "##gff-version 3\n" + gtf(*nodes)) == read(tmp_path / "a.gtf", gtf(*lines))


@pytest.mark.parametrize("style", ["chr1", "1", "NC_000001.11"])
def test_genes_shared_between_folds_whatever_the_style_of_their_chromosome(tmp_path, style):
    """Two windows of one gene, in two folds: 0 shared genes were counted where the GTF said `1`."""
    (tmp_path / "a.gtf").write_text(exons(IDS, IDS).replace("chr1", style))
    starts = [110, 310, 900]
    windows = {"id": ["a", "b", "c"], "chrom": "chr1", "start": starts, "end": [start + 20 for start in starts]}
    pd.DataFrame(windows | {"strand": "+"}).to_csv(tmp_path / "windows.tsv", sep="\t", index=False)
    (tmp_path / "split.tsv").write_text("id\tfold\na\ttrain\nb\ttest\nc\ttest\n")
    (tmp_path / "near.tsv").write_text("id\tother\tsimilarity\n")
    argv = ["leakage", "--windows", "windows.tsv", "--split", "split.tsv", "--near-duplicates", "near.tsv"]
    paths = [str(tmp_path / item) if item.endswith(".tsv") else item for item in argv]
    assert main([*paths, "--genes", str(tmp_path / "a.gtf"), "--output", str(tmp_path / "out.tsv")]) == 0
    found = pd.read_csv(tmp_path / "out.tsv", sep="\t").set_index(["check", "fold", "other"])
    assert found.loc[("shared_gene", "test", "train"), "count"] == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "holds no exon"),
        (gtf(("gene", 1, 9, "+", IDS)), "holds no exon"),
        ("chr1\tx\texon\t1\t9\t.\t+\t.\n", "line 1: found 8 columns, expected 9"),
        ("chr1 x exon 1 9 . + . gene_id\n", "line 1: found 1 columns, expected 9"),
        (gtf(("exon", 0, 9, "+", IDS)), "line 1: start is '0' and end is '9'"),
        (gtf(("exon", 9, 1, "+", IDS)), "line 1: start is '9' and end is '1'"),
        (gtf(("exon", "x", 1, "+", IDS)), "line 1: start is 'x'"),
        (gtf(("exon", "1e5", 200000, "+", IDS)), "line 1: start is '1e5'"),
        (gtf(("exon", 1, 9, "plus", IDS)), "line 1: strand of an exon is 'plus'"),
        (gtf(("exon", 1, 9, "+", 'transcript_id "T";')), "line 1: no gene_id among the attributes"),
        (gtf(("exon", 1, 9, "+", 'gene_id "G";')), "line 1: no transcript_id among the attributes"),
        (gtf(("exon", 1, 9, "+", 'gene_id "G"; transcript_i')), "line 1: no gene_id"),
        (gtf(("exon", 1, 9, "+", 'gene_id "G"; transcript_id "T')), "line 1: no gene_id"),
        (gtf(("exon", 1, 9, "+", IDS)).replace("chr1", ""), "line 1: the chromosome is empty"),
        (gtf(("exon", 1, 9, "+", "Parent=T")), "line 1: Parent is 'T', expected the ID of a feature"),
        (gtf(("mRNA", 1, 9, "+", "ID=T;Parent=T"), ("exon", 1, 9, "+", "Parent=T")), "line 2: 'T' is its own ancestor"),
        (gtf(("exon", 1, 9, "+", "Parent=T;broken")), "line 1: attribute 'broken', expected key=value"),
        (gtf(("exon", 1, 9, "+", "ID=e1;Name=e")), "line 1: an exon without Parent and gene"),
        (gzip.compress(exons(IDS, IDS).encode(), mtime=0)[:-5], "corrupt or incomplete gzip"),
        (b"PK\x03\x04", "a zip archive"),
        (b"<html>", "an HTML page"),
    ],
)
def test_what_is_broken_is_refused_in_one_line(tmp_path, content, words):
    with pytest.raises(InputError, match=f"a.gtf: {words}") as error:
        read(tmp_path / "a.gtf", content)
    assert "\n" not in str(error.value)


def test_genes_that_are_their_own_transcripts_are_warned_of(tmp_path, capsys):
    """UCSC's table browser writes the transcript's id as gene_id, so that no intron is ever retained."""
    (tmp_path / "a.gtf").write_text(exons(*['gene_id "NM_1"; transcript_id "NM_1";'] * 2))
    (tmp_path / "g.fa").write_text(">chr1\n" + "ACGT" * 200 + "\n")
    files = {"a": tmp_path / "a.gtf", "g": tmp_path / "g.fa"}
    assert len(collect("annotation", {"annotation": "a", "genome": "g"}, 40, files).frame) == 1
    assert "every gene_id is the transcript_id" in capsys.readouterr().err
