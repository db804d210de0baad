"""Which assembly a file speaks of: told by lengths of contigs, by how far intervals reach, and by bases.

The lengths below are those of the assemblies' own FASTA files (UCSC; for TAIR10, Ensembl Plants).
"""

import numpy as np

from cisflow.errors import InputError
from cisflow.sequence import dna

# Assembly -> {contig without `chr`: bases}. A few chromosomes tell them apart.
ASSEMBLIES = {
    "hg19": {"1": 249250621, "2": 243199373, "3": 198022430, "22": 51304566, "X": 155270560},
    "hg38": {"1": 248956422, "2": 242193529, "3": 198295559, "22": 50818468, "X": 156040895},
    "mm10": {"1": 195471971, "2": 182113224, "3": 160039680, "19": 61431566, "X": 171031299},
    "mm39": {"1": 195154279, "2": 181755017, "3": 159745316, "19": 61420004, "X": 169476592},
    "sacCer3": {"I": 230218, "II": 813184, "III": 316620, "IV": 1531933},
    "TAIR10": {"1": 30427671, "2": 19698289, "3": 23459830, "4": 18585056, "5": 26975502},
    "dm6": {"2L": 23513712, "2R": 25286936, "3L": 28110227, "3R": 32079331, "4": 1348131, "X": 23542271},
    "ce11": {"I": 15072434, "II": 15279421, "III": 13783801, "IV": 17493829, "V": 20924180, "X": 17718942},
}
# Sequences that are compared with the genome, the fewest bases that tell anything, and the least share that agrees.
# Chance alone makes a quarter agree to a third; another individual's sequence agrees almost everywhere.
SAMPLE, LEAST, AGREEMENT = 500, 100, 0.5
# Reference alleles below which a share of them tells nothing.
FEWEST = 20
# Places that all lie before this base fit any assembly.
TELLING = 1_000_000


def bare(contig):
    """The name of a contig without `chr`."""
    return str(contig).removeprefix("chr").removeprefix("Chr")


def assembly(lengths):
    """The known assembly whose contigs have exactly these lengths, {contig: bases}; None where there is none.

    Contigs that the table of assemblies lacks say nothing.
    """
    lengths = {bare(name): bases for name, bases in lengths.items()}
    for name, known in ASSEMBLIES.items():
        shared = known.keys() & lengths.keys()
        if shared and all(lengths[contig] == known[contig] for contig in shared):
            return name
    return None


def fitting(ends):
    """The known assemblies that hold every contig that is known of them as far as this, {contig: furthest end}."""
    ends = {bare(name): int(end) for name, end in ends.items()}
    return [
        name
        for name, known in ASSEMBLIES.items()
        if (shared := known.keys() & ends.keys()) and all(ends[contig] <= known[contig] for contig in shared)
    ]


def of_genome(genome):
    """The assembly of a Genome; None where it holds fragments, or none that is known."""
    regions = genome.regions()
    return assembly({region.chrom: region.end for region in regions if region.start == 0})


def guess(frame, genome):
    """`; this looks like hg38, the genome is hg19`, as far as places (chrom, end) and contigs tell; else empty.

    Of places, the assembly that fits most tightly: the one whose contigs end first behind the furthest of them.
    """
    ends = frame.groupby("chrom")["end"].max().to_dict()
    return said(_tightest(ends), of_genome(genome))


def _tightest(ends):
    if max(ends.values(), default=0) < TELLING:
        return None
    found = fitting(ends)
    bare_ends = {bare(name): end for name, end in ends.items()}
    room = {
        name: sum(bases - bare_ends[contig] for contig, bases in ASSEMBLIES[name].items() if contig in bare_ends)
        for name in found
    }
    return min(room, key=room.get) if room else None


def said(here, there):
    """What is told of two assemblies, of which either may be None, as the end of a message."""
    if here and there and here != there:
        return f"; this looks like {here}, the genome is {there}"
    if there:
        return f"; the genome is {there}"
    return f"; this looks like {here}" if here else ""


def refuse_lengths(path, contigs, genome):
    """Refuse a file whose header gives contigs the lengths of another assembly than the genome's (InputError).

    Parameters
    ----------
    contigs : {name: bases}, as the header of a VCF has them; contigs that the genome holds in part say nothing.
    """
    whole = {region.chrom: region.end for region in genome.regions() if region.start == 0}
    here, there = assembly(contigs), of_genome(genome)
    if here and there and here != there:
        name = next(name for name in contigs if bare(name) in ASSEMBLIES[here] and genome.chromosome(name))
        raise InputError(
            f"{path}: {name} has {contigs[name]} bases, in {genome.path} {whole[genome.chromosome(name)]}"
            f"{said(here, there)}"
        )


def refuse_contigs(path, contigs, frame, genome=None):
    """Refuse a file whose contigs are not as long as those of the windows' genome (InputError).

    Parameters
    ----------
    contigs : {name, as the windows have it: bases in the file}, of contigs that have windows.
    frame : windows, columns id, chrom, start and end, all of them on a contig.
    genome : Genome of the windows, whose whole contigs must be exactly as long; None where it is not at hand, so that
        a file is refused where a window begins past the end of its contig.
    """
    whole = genome.lengths if genome else {}
    there = of_genome(genome) if genome else _tightest(frame.groupby("chrom")["end"].max().to_dict())
    guessed = said(assembly(contigs), there)
    for name, bases in contigs.items():
        known = whole.get(genome.chromosome(name)) if genome else None
        if known is not None and known != bases:
            raise InputError(f"{path}: {name} has {bases} bases, in {genome.path} {known}{guessed}")
    # Windows may reach over an end, where a source pads them.
    beyond = frame[frame["start"] >= frame["chrom"].map(contigs)]
    if len(beyond):
        name, chrom = beyond[["id", "chrom"]].iloc[0]
        raise InputError(
            f"{path}: {chrom} has {contigs[chrom]} bases, and window '{name}' lies beyond; expected a file of the "
            f"windows' genome{guessed}"
        )


def refuse_bases(path, agree, n, genome, ends):
    """Refuse a VCF most of whose reference alleles are not those of the genome (InputError).

    Parameters
    ----------
    agree, n : alleles that agree, of those compared; fewer than FEWEST tell nothing.
    ends : frame of chrom and end, places that the file names.
    """
    if n >= FEWEST and agree < AGREEMENT * n:
        raise InputError(
            f"{path}: {agree} of {n} reference alleles are those of {genome.path}, expected nearly all: another "
            f"assembly, or positions that do not count from 1{guess(ends, genome)}"
        )


def compare(path, frame, codes, genome):
    """Refuse sequences that are not those of a genome at their places.

    Parameters
    ----------
    frame : windows, columns id, chrom, start, end, strand; rows without coordinates, or that the genome lacks, say
        nothing. codes : their base codes, (n, length) or a list of arrays, read on their strand.

    Returns
    -------
    share of bases that agree, of those compared; NaN where these are too few.

    Raises
    ------
    InputError : fewer than half of the bases agree, on either strand.
    """
    placed = np.flatnonzero((frame["chrom"] != "").to_numpy())
    agree, n = np.zeros(2), 0
    compared = 0
    for row in placed[np.linspace(0, len(placed) - 1, min(20 * SAMPLE, len(placed))).astype(int)]:
        chrom, start, end, strand = frame[["chrom", "start", "end", "strand"]].iloc[row]
        if genome.problem(chrom, start, end) is not None:
            continue
        there, own = genome.fetch(chrom, start, end, strand), codes[row]
        if len(own) != len(there):
            continue
        for number, one in enumerate((own, dna.reverse_complement(own))):
            known = (one < dna.UNKNOWN) & (there < dna.UNKNOWN)
            agree[number] += (one == there)[known].sum()
        n += known.sum()
        compared += 1
        if compared == SAMPLE:
            break
    if n < LEAST:
        return float("nan")
    share = agree.max() / n
    if share < AGREEMENT:
        raise InputError(
            f"{path}: {100 * share:.0f}% of {n} bases are those of {genome.path} at the places that the names give, "
            f"expected nearly all: another assembly, or places counted from 1{guess(frame.iloc[placed], genome)}"
        )
    return share
