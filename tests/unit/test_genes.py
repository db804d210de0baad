"""Windows on genes: bases against slicing strings one by one, on made annotations and on those of yeast."""

import gzip
from pathlib import Path

import numpy as np
import pyfaidx
import pytest

from cisflow.data import dataset as datasets
from cisflow.errors import InputError
from cisflow.io.gtf import read_gene_names
from cisflow.sequence import dna
from sources import collect

YEAST = Path(__file__).parents[3] / "shared" / "data" / "yeast"
OTHER = dict(zip("ACGTN", "TGCAN", strict=True))
LENGTH = 1200
# gene -> (chromosome, strand, biotype, {transcript: exons, 1-based closed, in the order of the chromosome}).
GENES = {
    "G1.4": ("c1", "+", "protein_coding", {"T1.1": [(301, 340), (361, 400)], "T1.2": [(311, 340), (351, 420)]}),
    "G2.1": ("c1", "-", "lncRNA", {"T2.1": [(501, 520), (561, 600)], "T2.2": [(531, 610)]}),
    "G3.1": ("c2", "+", "protein_coding", {"T3.1": [(11, 25)]}),
    "G4.1": ("c2", "-", "protein_coding", {"T4.1": [(1151, 1195)]}),
    "G5.1": ("c2", ".", "protein_coding", {"T5.1": [(601, 640)]}),
}
NAMES = {"G1.4": "ABC1", "G2.1": "", "G3.1": "XYZ", "G4.1": "QRS2", "G5.1": "ABC1"}


@pytest.fixture(scope="module")
def genome():
    rng = np.random.default_rng(7)
    return {chrom: "".join(rng.choice(list("ACGT"), LENGTH)) for chrom in ("c1", "c2")}


@pytest.fixture
def files(tmp_path, genome):
    (tmp_path / "g.fa").write_text("".join(f">{chrom}\n{sequence}\n" for chrom, sequence in genome.items()))
    lines = []
    for gene, (chrom, strand, kind, transcripts) in GENES.items():
        bounds = [place for exons in transcripts.values() for exon in exons for place in exon]
        name = f' gene_name "{NAMES[gene]}";' if NAMES[gene] else ""
        told = f'gene_id "{gene}"; gene_type "{kind}";{name}'
        lines.append((chrom, "gene", min(bounds), max(bounds), strand, told))
        for transcript, exons in transcripts.items():
            for start, end in exons:
                lines.append((chrom, "exon", start, end, strand, f'gene_id "{gene}"; transcript_id "{transcript}";'))
    text = "".join(f"{c}\tx\t{kind}\t{start}\t{end}\t.\t{s}\t.\t{told}\n" for c, kind, start, end, s, told in lines)
    (tmp_path / "a.gtf").write_text(text)
    return {"a": tmp_path / "a.gtf", "g": tmp_path / "g.fa"}


def gathered(files, length, **settings):
    return collect("annotation", {"annotation": "a", "genome": "g"} | settings, length, files)


def sequences(windows):
    """{id: sequence, with `-` where there is no base}."""
    text = np.array(list("ACGTN-"))
    return {name: "".join(text[row]) for name, row in zip(windows.frame["id"], windows.codes, strict=True)}


def read(genome, chrom, strand, positions):
    """The bases at 1-based positions, listed in the direction of the chromosome, on a strand."""
    bases = [genome[chrom][place - 1] if 1 <= place <= LENGTH else "N" for place in positions]
    return "".join(bases) if strand == "+" else "".join(OTHER[base] for base in reversed(bases))


def positions_of(exons):
    """1-based positions of exons, in the direction of the chromosome, each once."""
    return sorted({place for start, end in exons for place in range(start, end + 1)})


def gene_exons(gene):
    return [exon for exons in GENES[gene][3].values() for exon in exons]


@pytest.mark.parametrize("downstream", [0, 1, 7, 40])
def test_a_tss_stands_where_it_is_said_on_both_strands(files, genome, downstream):
    length = 40
    found = gathered(files, length, anchor="tss", downstream=downstream, edge="pad")
    assert list(found.frame["id"]) == ["G1.4", "G2.1", "G3.1", "G4.1"]
    for gene, sequence in sequences(found).items():
        chrom, strand, _, _ = GENES[gene]
        bounds = positions_of(gene_exons(gene))
        # The TSS is the first base of a gene on the plus strand, the last on the minus strand.
        tss, step = (bounds[0], 1) if strand == "+" else (bounds[-1], -1)
        places = [tss + step * (offset - (length - downstream)) for offset in range(length)]
        assert sequence == read(genome, chrom, strand, sorted(places))
        if downstream and 1 <= tss <= LENGTH:
            assert sequence[length - downstream] == read(genome, chrom, strand, [tss])


@pytest.mark.parametrize("downstream", [0, 1, 13])
def test_an_end_stands_where_it_is_said_on_both_strands(files, genome, downstream):
    length = 30
    found = gathered(files, length, anchor="end", downstream=downstream, edge="pad")
    for gene, sequence in sequences(found).items():
        chrom, strand, _, _ = GENES[gene]
        bounds = positions_of(gene_exons(gene))
        last, step = (bounds[-1], 1) if strand == "+" else (bounds[0], -1)
        places = [last + step * (offset - (length - downstream - 1)) for offset in range(length)]
        assert sequence == read(genome, chrom, strand, sorted(places))
        assert sequence[length - downstream - 1] == read(genome, chrom, strand, [last])


def aligned(sequence, length, align):
    """A sequence cut or filled up to a length, at the end that `align` does not name."""
    if align == "left":
        return sequence[:length].ljust(length, "-")
    return sequence[-length:].rjust(length, "-")


@pytest.mark.parametrize("align", ["left", "right"])
@pytest.mark.parametrize("length", [1, 15, 60, 90, 130])
@pytest.mark.parametrize(("anchor", "per"), [("gene_body", "gene"), ("gene_body", "transcript")])
def test_a_gene_body_is_cut_or_followed_by_no_base(files, genome, anchor, per, length, align):
    found = gathered(files, length, anchor=anchor, per=per, align=align)
    expected = {}
    for gene, (chrom, strand, _, transcripts) in GENES.items():
        units = {gene: gene_exons(gene)} if per == "gene" else transcripts
        for name, exons in units.items() if strand != "." else ():
            bounds = positions_of(exons)
            body = read(genome, chrom, strand, range(bounds[0], bounds[-1] + 1))
            expected[name] = aligned(body, length, align)
    assert sequences(found) == expected


@pytest.mark.parametrize("align", ["left", "right"])
@pytest.mark.parametrize("length", [1, 39, 40, 41, 80, 100, 101])
def test_a_transcript_is_its_exons_joined_on_the_rna_strand(files, genome, length, align):
    found = gathered(files, length, anchor="transcript", per="transcript", align=align)
    expected = {
        name: aligned(read(genome, chrom, strand, positions_of(exons)), length, align)
        for chrom, strand, _, transcripts in GENES.values()
        for name, exons in transcripts.items()
        if strand != "."
    }
    assert sequences(found) == expected
    assert found.names["transcript_id"].tolist() == found.frame["id"].tolist()
    for row in found.frame.itertuples():
        gene = next(name for name, entry in GENES.items() if row.id in entry[3])
        held = positions_of(GENES[gene][3][row.id])
        kept = held[:length] if (row.strand == "+") == (align == "left") else held[-length:]
        assert (row.start, row.end) == (kept[0] - 1, kept[-1])


def test_the_longest_transcript_stands_for_a_gene(files, genome):
    found = gathered(files, 100, anchor="transcript")
    longest = {"G1.4": "T1.2", "G2.1": "T2.2", "G3.1": "T3.1", "G4.1": "T4.1"}
    assert dict(zip(found.frame["id"], found.names["transcript_id"], strict=True)) == longest


def test_of_equally_long_transcripts_the_first_is_taken(tmp_path):
    (tmp_path / "g.fa").write_text(">c\n" + "ACGT" * 50 + "\n")
    rows = [("A", "+", 61, 70), ("B", "+", 51, 60), ("C", "-", 61, 70), ("D", "-", 51, 60), ("E", "-", 61, 70)]
    text = [
        f'c\tx\texon\t{start}\t{end}\t.\t{strand}\t.\tgene_id "G{strand}"; transcript_id "{name}";\n'
        for name, strand, start, end in rows
    ]
    (tmp_path / "a.gtf").write_text("".join(text))
    found = gathered({"a": tmp_path / "a.gtf", "g": tmp_path / "g.fa"}, 10, anchor="transcript")
    assert found.names["transcript_id"].tolist() == ["B", "C"]


def test_exons_of_a_transcript_that_overlap_are_read_once(tmp_path):
    (tmp_path / "g.fa").write_text(">c\n" + "ACGTTGCA" * 20 + "\n")
    places = [(21, 40), (11, 30), (25, 28), (41, 45), (51, 55)]
    (tmp_path / "a.gtf").write_text(
        "".join(f'c\tx\texon\t{a}\t{b}\t.\t+\t.\tgene_id "G"; transcript_id "T";\n' for a, b in places)
    )
    found = gathered({"a": tmp_path / "a.gtf", "g": tmp_path / "g.fa"}, 60, anchor="transcript")
    text = "ACGTTGCA" * 20
    assert sequences(found)["G"] == (text[10:45] + text[50:55]).ljust(60, "-")


def test_names_and_reasons_of_every_gene(files):
    found = gathered(files, 40, anchor="tss", gene_type=["protein_coding"], max_dropped=0.7)
    assert found.targets == [] and found.labels.shape == (1, 0)
    assert found.names.iloc[0].tolist() == ["G1.4", "ABC1", ""]
    lines = found.ledger[found.ledger["step"] == "window"].set_index("name")
    assert lines["outcome"].to_dict() == {"G1.4": "kept"} | dict.fromkeys(("G2.1", "G3.1", "G4.1", "G5.1"), "dropped")
    assert lines["reason"].to_dict() == {
        "G1.4": "",
        "G2.1": "of another gene_type",
        "G3.1": "past the end of a chromosome",
        "G4.1": "past the end of a chromosome",
        "G5.1": "no strand",
    }
    # Lines of the annotation itself: ten exons, five genes.
    told = found.ledger[found.ledger["step"] == "read"]
    assert dict(zip(told["reason"], told["n"], strict=True)) == {"": 10, "gene, not an exon": 5}


def test_a_gene_at_two_loci_has_two_ids(tmp_path):
    (tmp_path / "g.fa").write_text(">x\n" + "ACGT" * 50 + "\n>y\n" + "ACGT" * 50 + "\n")
    line = '{}\tx\texon\t101\t120\t.\t+\t.\tgene_id "G"; transcript_id "T"; gene_name "N"; gene_biotype "b";\n'
    (tmp_path / "a.gtf").write_text(line.format("x") + line.format("y"))
    files = {"a": tmp_path / "a.gtf", "g": tmp_path / "g.fa"}
    assert gathered(files, 20, anchor="tss", gene_type=["b"]).frame["id"].tolist() == ["G", "G#2"]
    assert gathered(files, 20, anchor="end", per="transcript").frame["id"].tolist() == ["T", "T#2"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"anchor": "center", "downstream": 3},
            "anchor is 'center', which takes no downstream; expected anchor tss",
        ),
        ({"anchor": "tss", "align": "left"}, "anchor is 'tss', which takes no align; expected anchor gene_body, trans"),
        ({"anchor": "donor", "gene_type": ["x"]}, "anchor is 'donor', which takes no gene_type"),
        ({"anchor": "tss", "downstream": 41}, "downstream is 41; expected 40 at most, the window"),
        (
            {"anchor": "tss", "gene_type": ["mRNA"]},
            "gene_type names 'mRNA', which no gene has; expected one of prot",
        ),
        ({"anchor": "tss", "edge": "error"}, "window c2:-30-10: past the end of a chromosome; expected a place"),
        ({"anchor": "tss", "max_dropped": 0.1}, "50% of 4 windows have no place on"),
    ],
)
def test_what_cannot_be_gathered_is_refused_in_one_line(files, settings, words):
    with pytest.raises(InputError, match=f"a.gtf: {words}") as error:
        gathered(files, 40, **settings)
    assert "\n" not in str(error.value)


GFF3 = """##gff-version 3
chr1\tx\tgene\t1\t9\t.\t+\t.\t{gene}
chr1\tx\tmRNA\t1\t9\t.\t+\t.\tID=transcript:T;Parent={parent};biotype=other;Name=wrong
chr1\tx\texon\t1\t9\t.\t+\t.\tParent=transcript:T;Name=e1
"""


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('chr1\tx\tgene\t1\t9\t.\t+\t.\tgene_id "G"; gene_name "N"; gene_biotype "b";\n', ("G", "N", "b")),
        ('chr1\tx\texon\t1\t9\t.\t+\t.\tgene_id "G"; transcript_id "T"; gene_type "b";\n', ("G", "", "b")),
        ('chr1\tx\texon\t1\t9\t.\t+\t.\tgene_id "G_1"; transcript_id "T"; gene "N";\n', ("G_1", "N", "")),
        (GFF3.format(gene="ID=gene:G;Name=N;biotype=b;gene_id=G", parent="gene:G"), ("G", "N", "b")),
        (GFF3.format(gene="ID=gene-G;gene=N%2C1;gene_biotype=b", parent="gene-G"), ("G", "N,1", "b")),
    ],
)
def test_names_and_types_as_they_are_written(tmp_path, content, expected):
    (tmp_path / "a.gtf").write_text(content)
    gene, name, kind = expected
    assert read_gene_names(tmp_path / "a.gtf") == {gene: (name, kind)}


def test_a_dataset_of_genes_with_no_base_is_written_and_read(tmp_path, files):
    windows = gathered(files, 130, anchor="transcript")
    labelled = windows._replace(labels=np.arange(4, dtype=np.float32)[:, None], targets=["x"])
    datasets.write(tmp_path / "d", labelled)
    found = datasets.read(tmp_path / "d")
    assert np.array_equal(found.codes, windows.codes) and (found.codes == dna.ABSENT).any()


@pytest.mark.skipif(not YEAST.exists(), reason="the yeast genome is not at hand")
def test_promoters_of_all_genes_of_yeast(tmp_path):
    for name in ("sacCer3.fa", "sacCer3_genes.gtf"):
        (tmp_path / name).write_bytes(gzip.decompress((YEAST / f"{name}.gz").read_bytes()))
    found = gathered({"a": tmp_path / "sacCer3_genes.gtf", "g": tmp_path / "sacCer3.fa"}, 600, anchor="tss")
    assert (len(found.frame), found.dropped) == (5986, {"past the end of a chromosome": 3})
    genome = pyfaidx.Fasta(str(tmp_path / "sacCer3.fa"), as_raw=True, sequence_always_upper=True)
    have = dict(zip(found.frame["id"], zip(found.codes, found.names["gene_name"], strict=True), strict=True))
    for line in (tmp_path / "sacCer3_genes.gtf").read_text().splitlines():
        fields = line.split("\t")
        words = fields[8].split('"')
        if fields[2] != "gene" or words[1] not in have:
            continue
        start, end = int(fields[3]), int(fields[4])
        plus = genome[fields[0]][start - 601 : start - 1] if fields[6] == "+" else genome[fields[0]][end : end + 600]
        upstream = plus if fields[6] == "+" else "".join(OTHER[base] for base in reversed(plus))
        codes, name = have.pop(words[1])
        assert (dna.decode(codes), name) == (upstream, words[3])
    assert not have
