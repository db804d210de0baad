"""Introns of a gene annotation against comparing all pairs of exons, on shipped and on made data."""

from collections import defaultdict

import numpy as np
import pytest

from cisflow.io.genome import Genome, parse_locus
from cisflow.sequence import dna
from sources import collect, unpacked


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The shipped data, unpacked: resource name -> file."""
    return unpacked(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def genome(demo):
    return Genome(demo["hg19"])


@pytest.fixture(scope="module")
def introns(demo):
    return collect("annotation", {"annotation": "gtf", "genome": "hg19"}, 600, demo, 1)


def introns_by_hand(path):
    """intron locus -> genes that own it, and the loci retained, by comparing all pairs."""
    transcripts = defaultdict(list)
    for line in path.read_text().splitlines():
        fields = line.split("\t")
        words = fields[8].replace('"', "").split("; ")
        names = dict(word.rstrip(";").split(" ", 1) for word in words)
        key = (names["gene_id"], names["transcript_id"], fields[0], fields[6])
        transcripts[key].append((int(fields[3]) - 1, int(fields[4])))
    genes = defaultdict(list)
    for (gene, transcript, _, _), exons in transcripts.items():
        genes[gene] += [(transcript, *exon) for exon in exons]
    owners, retained = defaultdict(set), set()
    for (gene, transcript, chrom, strand), exons in transcripts.items():
        exons = sorted(exons)
        for (_, start), (end, _) in zip(exons, exons[1:], strict=False):
            if start >= end:
                continue
            owners[chrom, start, end, strand].add(gene)
            if any(name != transcript and first <= start and end <= last for name, first, last in genes[gene]):
                retained.add((chrom, start, end, strand))
    return owners, retained


def test_introns_and_retention_against_all_pairs(introns, demo):
    owners, retained = introns_by_hand(demo["gtf"])
    found = [parse_locus(name) for name in introns.frame["id"]]
    assert found == sorted(owners)
    assert {locus for locus, label in zip(found, introns.labels[:, 0], strict=True) if label == 1} == retained
    assert (len(found), len(retained)) == (1162, 82)
    # An intron that several genes share is one window.
    assert sum(len(genes) for genes in owners.values()) == 1206
    assert introns.dropped == {"chromosome not in the genome": 0, "past the end of a chromosome": 0}


def test_intron_windows_are_centred_and_read_on_the_strand(introns, genome):
    assert introns.targets == ["retained"]
    for row in range(0, 1162, 29):
        intron = parse_locus(introns.frame["id"].iloc[row])
        window = introns.frame.iloc[row]
        assert abs((intron.start - window["start"]) - (window["end"] - intron.end)) <= 1
        assert window["strand"] == intron.strand
        assert np.array_equal(introns.codes[row], genome.fetch(*window[["chrom", "start", "end", "strand"]]))


@pytest.mark.parametrize("length", [600, 601])
@pytest.mark.parametrize(("anchor", "offset", "motif"), [("donor", 0, "GT"), ("acceptor", -2, "AG")])
def test_windows_on_splice_sites_hold_the_splice_site_in_the_middle(demo, anchor, offset, motif, length):
    source = {"annotation": "gtf", "genome": "hg19", "anchor": anchor}
    found = collect("annotation", source, length, demo, 1)
    middle = length // 2 + offset
    assert len(found.frame) == 1162
    for strand in "+-":
        rows = found.codes[(found.frame["strand"] == strand).to_numpy(), middle : middle + 2]
        assert np.mean([dna.decode(row) == motif for row in rows]) > 0.95


def write_gtf(path, exons):
    rows = ["# a comment"]
    for chrom, start, end, strand, gene, transcript in exons:
        names = f'gene_id "{gene}"; transcript_id "{transcript}";'
        rows.append(f"{chrom}\t.\texon\t{start}\t{end}\t.\t{strand}\t.\t{names}")
        rows.append(f"{chrom}\t.\tCDS\t{start}\t{end}\t.\t{strand}\t.\twhatever")
    path.write_text("\n".join(rows) + "\n")
    return path


def test_retention_needs_an_exon_of_the_same_gene_that_covers_all(tmp_path):
    (tmp_path / "g.fa").write_text(">c\n" + "ACGT" * 250 + "\n")
    path = write_gtf(
        tmp_path / "x.gtf",
        [
            ("c", 201, 300, "+", "G", "t1"),
            ("c", 101, 150, "+", "G", "t1"),
            ("c", 401, 450, "+", "G", "t1"),
            ("c", 120, 260, "+", "G", "t2"),
            ("c", 301, 399, "+", "G", "t3"),
            ("c", 301, 400, "+", "H", "t4"),
            ("c", 301, 400, "-", "G", "t5"),
            ("d", 1, 10, "+", "K", "t6"),
            ("d", 21, 30, "+", "K", "t6"),
            ("c", 981, 985, "-", "L", "t7"),
            ("c", 991, 995, "-", "L", "t7"),
            # Exons that touch leave no intron, and an exon within another does not open one.
            ("c", 501, 600, "-", "M", "t8"),
            ("c", 510, 520, "-", "M", "t8"),
            ("c", 601, 650, "-", "M", "t8"),
        ],
    )
    found = collect("annotation", {"annotation": "a", "genome": "g"}, 40, {"a": path, "g": tmp_path / "g.fa"}, 1)
    assert found.frame["id"].tolist() == ["c:150-200(+)", "c:300-400(+)"]
    assert found.labels[:, 0].tolist() == [1, 0]
    assert found.dropped == {"chromosome not in the genome": 1, "past the end of a chromosome": 1}
