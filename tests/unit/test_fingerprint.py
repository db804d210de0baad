"""Which assembly a file speaks of, by lengths, by places and by bases."""

import numpy as np
import pandas as pd
import pytest
from pybedtools import genome_registry

from cisflow.data import fingerprint
from cisflow.data.windows import table
from cisflow.errors import InputError
from cisflow.features import variants
from cisflow.io.genome import Genome, Locus
from cisflow.sequence import dna
from sources import collect


class Lengths:
    """Stands for a Genome of whole chromosomes of the assemblies' true lengths, which no test could hold."""

    path = "genome.fa"

    def __init__(self, **lengths):
        self.lengths = lengths

    def regions(self):
        return [Locus(name, 0, length) for name, length in self.lengths.items()]

    def chromosome(self, name):
        return name if name in self.lengths else None


# From the assemblies' own reports (NCBI GCA_000001405.1 and .15, GCA_000146045.2).
@pytest.mark.parametrize(
    ("lengths", "name"),
    [
        ({"chr1": 249250621, "chr22": 51304566, "chrUn": 5}, "hg19"),
        ({"1": 248956422}, "hg38"),
        ({"chrI": 230218, "chrIV": 1531933}, "sacCer3"),
        ({"chr1": 249250621, "chr2": 242193529}, None),
        ({"scaffold_1": 249250621}, None),
    ],
)
def test_lengths_tell_the_assembly(lengths, name):
    assert fingerprint.assembly(lengths) == name


def test_no_two_assemblies_share_a_length():
    seen = [(contig, bases) for known in fingerprint.ASSEMBLIES.values() for contig, bases in known.items()]
    assert len(seen) == len(set(seen))


def test_places_past_an_end_say_which_assembly_they_are_of():
    places = pd.DataFrame({"chrom": ["chr3", "chr3"], "end": [198_200_000, 5]})
    assert fingerprint.guess(places, Lengths(chr3=198022430)) == "; this looks like hg38, the genome is hg19"
    assert "hg19" not in fingerprint.fitting({"chr3": 198_200_000})


@pytest.fixture
def random_genome(tmp_path):
    rng = np.random.default_rng(0)
    bases = {name: dna.decode(rng.integers(0, 4, 3000).astype(np.uint8)) for name in ("c", "d")}
    (tmp_path / "g.fa").write_text("".join(f">{name}\n{text}\n" for name, text in bases.items()))
    return tmp_path / "g.fa", bases


def vcf_file(path, rows, header=""):
    lines = [f"c\t{at + 1}\t.\t{ref}\t{'G' if ref != 'G' else 'A'}\t.\t.\t." for at, ref in rows]
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
    path.write_text("\n".join(["##fileformat=VCFv4.2", *header.splitlines(), columns, *lines]) + "\n")
    return path


def test_reference_alleles_of_another_genome_end_the_run(random_genome, tmp_path):
    path, bases = random_genome
    genome = Genome(path)
    places = range(100, 400, 5)
    right = vcf_file(tmp_path / "v.vcf", [(at, bases["c"][at]) for at in places])
    assert (variants.read(right, genome)["status"] == "scored").all()
    wrong = vcf_file(tmp_path / "w.vcf", [(at, bases["d"][at]) for at in places])
    agree = sum(bases["c"][at] == bases["d"][at] for at in places)
    with pytest.raises(
        InputError, match=f"w.vcf: {agree} of 60 reference alleles are those of .*g.fa, expected nearly"
    ):
        variants.read(wrong, genome)


def test_a_header_of_another_assembly_ends_the_run(tmp_path):
    path = vcf_file(tmp_path / "v.vcf", [(5, "A")], "##contig=<ID=chr1,assembly=b38,length=248956422>")
    found = variants.vcf.contigs(path)
    assert found == {"chr1": 248956422}
    words = "v.vcf: chr1 has 248956422 bases, in genome.fa 249250621; this looks like hg38, the genome is hg19"
    with pytest.raises(InputError, match=words):
        fingerprint.refuse_lengths(path, found, Lengths(chr1=249250621))
    fingerprint.refuse_lengths(path, found, Lengths(chr1=248956422))
    fingerprint.refuse_lengths(path, found, Lengths(other=7))


def test_sequences_are_compared_with_the_genome_at_their_places(random_genome):
    path, _ = random_genome
    genome = Genome(path)
    loci = [Locus("c", 100, 150, "+"), Locus("d", 700, 750, "-"), None, Locus("z", 5, 55, "+")]
    frame = table(["a", "b", "x", "y"], loci)
    own = [genome.fetch(*locus) for locus in loci[:2]]
    other = np.zeros((2, 50), dtype=np.uint8)
    assert fingerprint.compare("x.fa", frame, np.vstack([own, other]), genome) == 1
    # A single strand may be written otherwise than its name says.
    turned = [dna.reverse_complement(codes) for codes in own]
    assert fingerprint.compare("x.fa", frame, np.vstack([turned, other]), genome) == 1
    shifted = [genome.fetch(locus.chrom, locus.start + 7, locus.end + 7, locus.strand) for locus in loci[:2]]
    with pytest.raises(InputError, match="x.fa: [0-9]+% of 100 bases are those of .*g.fa at the places that the names"):
        fingerprint.compare("x.fa", frame, np.vstack([shifted, other]), genome)
    assert np.isnan(fingerprint.compare("x.fa", frame.iloc[2:], other, genome))


def test_positives_of_another_assembly_draw_no_background(random_genome, tmp_path):
    path, bases = random_genome
    (tmp_path / "p.fa").write_text(
        "".join(f">c:{at}-{at + 50}\n{bases['d'][at : at + 50]}\n" for at in range(0, 500, 100))
    )
    source = {"positives": "p", "background": {"genome": "g"}}
    with pytest.raises(InputError, match="p.fa: [0-9]+% of 250 bases are those of .*another assembly"):
        collect("fasta", source, 50, {"p": tmp_path / "p.fa", "g": path})


def table_file(path, rows):
    path.write_text("\n".join(["header,sequence,label", *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


def test_a_table_with_loci_is_compared_with_its_genome(random_genome, tmp_path):
    """Loci of another assembly, or that count from 1 where they should not, are refused; other headers say nothing."""
    path, bases = random_genome
    (tmp_path / "g.fa").write_text(path.read_text().replace(">c", ">chr1").replace(">d", ">chr2"))
    starts = range(0, 500, 50)
    own = [(f"1:{at}-{at + 50}", bases["c"][at : at + 50], at % 2) for at in starts]
    files = {"t": table_file(tmp_path / "t.csv", [*own, ("control", "A" * 50, 1)]), "g": path}
    source = {"table": "t", "genome": "g"}
    found = collect("table", source, 50, files)
    assert found.frame["chrom"].tolist() == ["chr1"] * len(own) + [""]
    assert found.contigs[["name", "known"]].to_numpy().tolist() == [["1", "chr1"]]
    plain = collect("table", {"table": "t"}, 50, files)
    assert plain.frame["chrom"].tolist() == ["1"] * len(own) + [""] and plain.contigs is None
    assert np.array_equal(found.codes, plain.codes) and np.array_equal(found.labels, plain.labels)
    others = {
        "another assembly": [(name, bases["d"][at : at + 50], 0) for (name, *_), at in zip(own, starts, strict=True)],
        "counted from 0": [(name, bases["c"][at + 1 : at + 51], 0) for (name, *_), at in zip(own, starts, strict=True)],
    }
    for rows in others.values():
        table_file(files["t"], rows)
        assert len(collect("table", {"table": "t"}, 50, files).frame) == len(own)
        with pytest.raises(InputError, match="t.csv: [0-9]+% of 500 bases are those of .*g.fa at the places"):
            collect("table", source, 50, files)


@pytest.mark.parametrize("headers", [["a", "b", "e"], ["z:5-55", "z:60-110", "z:700-750"]])
def test_a_table_that_cannot_be_compared_is_warned_of(random_genome, tmp_path, capsys, headers):
    path, _ = random_genome
    files = {"t": table_file(tmp_path / "t.csv", [(name, "ACGTA" * 10, 1) for name in headers]), "g": path}
    assert len(collect("table", {"table": "t", "genome": "g"}, 50, files).frame) == 3
    assert "WARNING" in (err := capsys.readouterr().err) and "t.csv: too few of its headers say where" in err


# Lengths that pybedtools has from UCSC, and those of assembly reports (GRCm39, R64, TAIR10, WBcel235).
REPORTS = {
    "mm39": "1 195154279, 2 181755017, 3 159745316, 19 61420004, X 169476592",
    "sacCer3": "I 230218, II 813184, III 316620, IV 1531933",
    "TAIR10": "1 30427671, 2 19698289, 3 23459830, 4 18585056, 5 26975502",
    "ce11": "I 15072434, II 15279421, III 13783801, IV 17493829, V 20924180, X 17718942",
}


@pytest.mark.parametrize("name", fingerprint.ASSEMBLIES)
def test_lengths_of_assemblies_are_those_that_others_have(name):
    if name in REPORTS:
        known = dict(pair.split() for pair in REPORTS[name].split(", "))
    else:
        known = {contig.removeprefix("chr"): end for contig, (_, end) in getattr(genome_registry, name).items()}
    for contig, bases in fingerprint.ASSEMBLIES[name].items():
        assert int(known[contig]) == bases
