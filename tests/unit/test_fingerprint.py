"""Which assembly a file speaks of, by lengths, by places and by bases."""

import numpy as np
import pandas as pd
import pytest

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
