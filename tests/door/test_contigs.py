"""Names of chromosomes in the styles of UCSC, Ensembl, RefSeq, GenBank and TAIR, and the map between two files'."""

import numpy as np
import pandas as pd
import pytest

from cisflow.errors import InputError
from cisflow.io import contigs
from cisflow.sequence import dna
from sources import collect

# From NCBI's assembly reports: UCSC's name, Ensembl's, RefSeq's and GenBank's accession.
REPORTS = {
    "hg38": [
        ("chr1", "1", "NC_000001.11", "CM000663.2"),
        ("chr22", "22", "NC_000022.11", "CM000684.2"),
        ("chrX", "X", "NC_000023.11", "CM000685.2"),
        ("chrY", "Y", "NC_000024.10", "CM000686.2"),
        ("chrM", "MT", "NC_012920.1", "J01415.2"),
    ],
    "hg19": [("chr7", "7", "NC_000007.13", "CM000669.1"), ("chr10", "10", "NC_000010.10", "CM000672.1")],
    "mm10": [
        ("chr1", "1", "NC_000067.6", "CM000994.2"),
        ("chr19", "19", "NC_000085.6", "CM001012.2"),
        ("chrX", "X", "NC_000086.7", "CM001013.2"),
        ("chrY", "Y", "NC_000087.7", "CM001014.2"),
        ("chrM", "MT", "NC_005089.1"),
    ],
    "sacCer3": [
        ("chrI", "I", "NC_001133.9", "BK006935.2"),
        ("chrVIII", "VIII", "NC_001140.6", "BK006934.2"),
        ("chrXVI", "XVI", "NC_001148.4", "BK006949.2"),
        ("chrM", "Mito", "NC_001224.1"),
    ],
    "dm6": [("chr2L", "2L", "NT_033779.5"), ("chr4", "4", "NC_004353.4"), ("chrX", "X", "NC_004354.4")],
    "ce11": [("chrI", "I", "NC_003279.8"), ("chrX", "X", "NC_003284.9"), ("chrM", "MtDNA", "NC_001328.1")],
    "danRer11": [("chr1", "1", "NC_007112.7"), ("chr25", "25", "NC_007136.7")],
    "TAIR10": [("Chr1", "1", "NC_003070.9"), ("Chr5", "5", "NC_003076.8"), ("ChrC", "Pt", "NC_000932.1")],
}


@pytest.mark.parametrize("assembly", REPORTS)
def test_names_of_one_chromosome_are_mapped_from_any_style_to_any_other(assembly):
    styles = [[row[i] for row in REPORTS[assembly] if i < len(row)] for i in range(4)]
    for i, ours in enumerate(styles):
        for j, theirs in enumerate(styles):
            expected = {row[i]: row[j] for row in REPORTS[assembly] if max(i, j) < len(row)}
            assert contigs.mapping(ours, theirs) == expected


def test_scaffolds_by_the_accession_in_their_name():
    ours = ["chr1_KI270706v1_random", "chrUn_GL000195v1", "chr6_GL000250v2_alt"]
    theirs = ["KI270706.1", "GL000195.1", "GL000250.2", "1"]
    assert contigs.mapping(ours, theirs) == dict(zip(ours, theirs[:3], strict=True))
    assert contigs.mapping(["GL000250.1"], ["chr6_GL000250v2_alt"]) == {}


def test_a_name_that_is_known_is_itself_and_two_of_one_chromosome_are_not_guessed():
    assert contigs.mapping(["1", "chr1"], ["1", "chr1", "chr2"]) == {"1": "1", "chr1": "chr1"}
    assert contigs.mapping(["NC_000001.11"], ["1", "chr1"]) == {}
    assert contigs.mapping(["1", "Chr1"], ["chr1"]) == {}
    assert contigs.mapping(["2", "scaffold_7", "chr"], ["chr1", "scaffold_8"]) == {}


def test_what_is_mapped_is_said_and_kept_in_a_table(tmp_path, capsys):
    names = contigs.Names(["chr1", "chrM"], "genome.fa")
    found = names.of(tmp_path / "a.gtf", pd.Series(["1", "MT", "", "GL1", "1"]))
    assert found.tolist() == ["chr1", "chrM", "", "GL1", "chr1"]
    assert names.table().to_numpy().tolist() == [["a.gtf", "1", "chr1"], ["a.gtf", "MT", "chrM"]]
    assert "another style than in genome.fa: 1 is chr1, MT is chrM" in capsys.readouterr().err
    with pytest.raises(InputError, match=r"b.bed: none of its chromosomes \(x, y\) is in genome.fa \(chr1, chrM\)"):
        names.refuse_strangers("b.bed", ["x", "y"])


@pytest.mark.parametrize("style", ["chr1", "1", "NC_000001.11"])
def test_sources_of_two_files_whatever_the_style_of_either(tmp_path, style):
    """Introns, labelled intervals and accessible sites: the same windows, in the genome's names."""
    bases = dna.decode(np.random.default_rng(0).integers(0, 4, 2000).astype(np.uint8))
    (tmp_path / "g").write_text(f">chr1\n{bases}\n")
    exon = '{}\tx\texon\t{}\t{}\t.\t+\t.\tgene_id "G"; transcript_id "T";\n'
    (tmp_path / "a").write_text(exon.format(style, 101, 200) + exon.format(style, 1301, 1900))
    (tmp_path / "b").write_text(f"chrom\tstart\tend\tlabel\n{style}\t50\t60\t1\n")
    (tmp_path / "s").write_text("".join(f"{style}\t{start}\t{start + 20}\n" for start in (300, 700, 1500, 1600)))
    events = "Gene_ID,Pre_Exon,Intron,Post_Exon,Strand,Chromosome\n"
    (tmp_path / "e").write_text(events + f'G,"(250,280)","(281,340)","(341,360)",+,{style}\n')
    files = {name: tmp_path / name for name in "gabse"}
    annotation = collect("annotation", {"annotation": "a", "genome": "g"}, 20, files)
    bed = collect("bed", {"bed": "b", "genome": "g", "target": "label"}, 10, files)
    source = {"bed": "s", "annotation": "a", "events": "e", "genome": "g", "negatives_per_positive": 2}
    sites = collect("events", source, 20, files)
    assert annotation.frame["id"].tolist() == ["chr1:200-1300(+)"]
    assert bed.frame["id"].tolist() == ["chr1:50-60"] and dna.decode(bed.codes[0]) == bases[50:60]
    assert len(sites.frame) == 3 and sites.labels.sum() == 1 and set(sites.frame["chrom"]) == {"chr1"}
    for found, names in ((annotation, "a"), (bed, "b"), (sites, "sae")):
        expected = [] if style == "chr1" else [[name, style, "chr1"] for name in names]
        assert found.contigs.to_numpy().tolist() == expected
