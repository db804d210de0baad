"""Say what a file is, what would be read of it, and what is odd about it: the first command for data of one's own.

With --genome, intervals, variants and annotations are held against it.
"""

import itertools
import sys
from collections import Counter

import numpy as np
import pandas as pd

from cisflow.data import fingerprint, placing
from cisflow.errors import InputError, listing
from cisflow.io import arrays, bed, gtf, kinds, meme, tables, vcf
from cisflow.io.genome import Genome, Records, parse_locus
from cisflow.sequence import dna

# Sequence that is looked at of a genome, in bases.
SAMPLE = 1 << 22


def arguments(parser):
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--genome", help="FASTA or 2bit that the files speak of")


def run(args):
    genome = Genome(args.genome) if args.genome else None
    failed = 0
    for path in args.files:
        try:
            kind = kinds.of(path)
            what, read, odd = TELLERS.get(kind, of_other)(path, genome)
        except InputError as error:
            failed += 1
            print(f"{path}: NOT READ\n  {error}")
            continue
        print(f"{path}: {what}")
        for line in read:
            print(f"  read: {line}")
        for line in odd:
            print(f"  odd:  {line}")
        sys.stdout.flush()
    if failed:
        raise InputError(f"{failed} of {len(args.files)} files cannot be read, see above")


def of_bed(path, genome):
    """(what it is, what is read, what is odd) of a BED, narrowPeak or broadPeak."""
    rows, records, loci = [], [], []
    for row, record in bed.read_bed(path):
        rows.append(row)
        records.append(record)
        loci.append(bed.interval(f"{path}: row {row}", record))
    frame = pd.DataFrame(loci)
    summits = sum("summit" in record for record in records)
    kind = "narrowPeak" if "peak" in records[0] else "broadPeak" if "signalValue" in records[0] else "BED"
    width = frame["end"] - frame["start"]
    read = [
        f"{len(rows):,} intervals of {width.min():,} to {width.max():,} bp (median {width.median():,.0f}) on "
        f"{contigs(frame['chrom'])}",
        f"columns {listing((name for name in records[0] if name != 'summit'), 12)}",
    ]
    read += [f"{summits:,} summits, which windows are centred on"] if summits else []
    odd = repeated("intervals", zip(frame["chrom"], frame["start"], frame["end"], _summits(records), strict=True))
    names = Counter(record.get("name", ".") for record in records)
    shared = sum(count for name, count in names.items() if count > 1 and name not in ("", "."))
    odd += [f"{shared:,} rows share their name with others: their locus is their id"] if shared else []
    if 0 < summits < len(rows):
        odd.append(f"{len(rows) - summits:,} peaks have no summit: their middle is taken")
    return kind, read, odd + against(frame, genome)


def _summits(records):
    return (record.get("summit") for record in records)


def of_gtf(path, genome):
    """As `of_bed`, of a GTF or GFF3."""
    exons = gtf.read_exons(path)
    genes, transcripts = exons["gene"].nunique(), exons.groupby(["transcript", "gene", "chrom"]).ngroups
    several = exons.groupby(["transcript", "gene", "chrom", "strand"]).size() > 1
    read = [
        f"{len(exons):,} exons of {transcripts:,} transcripts of {genes:,} genes on {contigs(exons['chrom'])}",
        f"{int(several.sum()):,} transcripts have introns",
    ]
    strandless = int((~exons["strand"].isin(["+", "-"])).sum())
    odd = [f"{strandless:,} exons have no strand"] if strandless else []
    return "gene annotation", read, odd + against(exons, genome)


def of_vcf(path, genome):
    """As `of_bed`, of a VCF."""
    records = list(vcf.read(path))
    if not records:
        return "VCF", ["0 variants"], ["it holds no variant"]
    frame = pd.DataFrame({"chrom": [record.chrom for record in records], "start": [r.start for r in records]})
    frame["end"] = frame["start"] + [len(record.ref) for record in records]
    alts = [alt for record in records for alt in record.alts]
    read = [f"{len(records):,} rows with {len(alts):,} alternatives on {contigs(frame['chrom'])}"]
    lengths = vcf.contigs(path)
    if name := fingerprint.assembly(lengths):
        read.append(f"its header gives contigs the lengths of {name}")
    symbolic = sum(not set(alt) <= set("ACGTN") for alt in alts)
    odd = [f"{symbolic:,} alternatives are symbolic, breakends or missing bases: not scored"] if symbolic else []
    odd += repeated("rows", ((r.chrom, r.start, r.ref, r.alts) for r in records))
    if genome is not None:
        # Imports torch, which nothing else here needs.
        from cisflow.features import variants

        found = variants.read(path, genome)
        counts = found["status"].value_counts(sort=False)
        read.append(f"against {genome.path}: " + ", ".join(f"{n:,} {name}" for name, n in counts.items()))
    return "VCF", read, odd


def of_fasta(path, genome):
    """As `of_bed`, of a FASTA: a genome, or windows."""
    records = Records(path)
    lengths = dict(zip(records.names, records.lengths.tolist(), strict=True))
    total, known = sum(lengths.values()), fingerprint.assembly(lengths)
    located = [name for name in records.names if parse_locus(name)]
    read = [
        f"{len(lengths):,} records of {min(lengths.values()):,} to {max(lengths.values()):,} bases, {total:,} in all"
    ]
    read += [f"contigs as long as those of {known}"] if known else []
    read.append(f"{len(located):,} names are loci, which give coordinates" if located else "names are no loci")
    sample = []
    for row in range(len(records)):
        sample.append(records[row])
        if sum(map(len, sample)) > SAMPLE:
            break
    codes = np.concatenate(sample)
    read.append(f"GC content {100 * dna.gc_content(codes):.1f}%")
    unknown = (codes == dna.UNKNOWN).mean()
    odd = [f"{100 * unknown:.1f}% of bases are N or ambiguous"] if unknown > 0.01 else []
    if located and len(set(lengths.values())) > 1 and len(located) == len(lengths):
        odd.append("records differ in length: a genome in pieces, or windows that are not of one length")
    return "FASTA", read, odd


def of_twobit(path, genome):
    """As `of_bed`, of a 2bit."""
    own = Genome(path)
    lengths = {region.chrom: region.end for region in own.regions()}
    known = fingerprint.assembly(lengths)
    read = [f"{len(lengths):,} sequences, {sum(lengths.values()):,} bases in all"]
    return "2bit genome", read + ([f"contigs as long as those of {known}"] if known else []), []


def of_motifs(path, genome):
    """As `of_bed`, of motifs in any of their formats."""
    motifs = meme.read_meme(path)
    widths = [motif.matrix.shape[1] for motif in motifs]
    names = listing(motif.name for motif in motifs)
    odd = repeated("names", (motif.name for motif in motifs))
    return "motifs", [f"{len(motifs):,} motifs of {min(widths)} to {max(widths)} bp: {names}"], odd


def of_table(path, genome):
    """As `of_bed`, of a table of text."""
    rows, columns = tables.read_rows(path, [])
    read = [f"{len(rows):,} rows; columns {listing(columns, 12)}"]
    odd = []
    if "sequence" in columns:
        counts = Counter(map(len, columns["sequence"]))
        common = ", ".join(f"{bases} bp: {n:,} rows" for bases, n in counts.most_common(3))
        read.append(f"sequences of {common}")
        odd += [f"sequences of {len(counts)} lengths; a window has one"] if len(counts) > 1 else []
    else:
        odd.append("no column 'sequence': no source of kind table")
    if "label" in columns:
        values = Counter(columns["label"])
        read.append("labels " + ", ".join(f"'{value}': {n:,}" for value, n in values.most_common(5)))
    if "header" in columns:
        odd += repeated("headers", columns["header"])
        located = sum(parse_locus(name) is not None for name in columns["header"])
        read.append(f"{located:,} headers are loci, which give coordinates")
    return "table", read, odd


def of_array(path, genome):
    """As `of_bed`, of a NumPy array."""
    found = arrays.read_array(path, mmap=True)
    return "NumPy array", [f"{found.dtype} {found.shape}"], []


def of_other(path, genome):
    """As `of_bed`, of what is told by its first bytes alone."""
    what = {
        "safetensors": ("weights (safetensors)", "weights of a network, by `models.<name>.weights` or `pretrained`"),
        "archive": ("archive of torch or NumPy", "weights of a network, where torch saved it"),
        "hdf5": ("HDF5", "nothing: no source reads it"),
    }
    name, read = what.get(kinds.of(path), (kinds.of(path), "nothing: no source reads it"))
    return name, [read], []


def contigs(column):
    """The contigs of a column, the most frequent first, in words."""
    counts = column.value_counts()
    return f"{len(counts):,} contig{'s' * (len(counts) > 1)} ({listing(counts.index)})"


def repeated(what, items):
    """[how many of some items occurred before], or nothing."""
    counts = Counter(items)
    again = sum(counts.values()) - len(counts)
    first = next((item for item, count in counts.items() if count > 1), "")
    if isinstance(first, tuple):
        first = " ".join(str(part) for part in itertools.islice(first, 3))
    return [f"{again:,} {what} are listed again, as {first}"] if again else []


def against(frame, genome):
    """What is odd of intervals (chrom, start, end) on a genome; without one, which assemblies would hold them."""
    if genome is None:
        fits = fingerprint.fitting(frame.groupby("chrom")["end"].max())
        return [] if fits else ["they reach past the contigs of every assembly that is known here"]
    chrom = frame["chrom"].to_numpy(dtype=object)
    start, end = (frame[name].to_numpy(dtype=np.int64) for name in ("start", "end"))
    known = np.array([genome.chromosome(name) is not None for name in chrom])
    past = known & ~placing.inside(genome, chrom, start, end)
    odd = []
    if not known.all():
        strangers = contigs(frame.loc[~known, "chrom"])
        odd.append(
            f"{int((~known).sum()):,} lie on {strangers} that {genome.path} lacks ({listing(genome.chromosomes)})"
        )
    if past.any():
        odd.append(f"{int(past.sum()):,} reach past what {genome.path} holds{fingerprint.guess(frame, genome)}")
    return odd


TELLERS = {
    "bed": of_bed,
    "gtf": of_gtf,
    "vcf": of_vcf,
    "fasta": of_fasta,
    "2bit": of_twobit,
    "motifs": of_motifs,
    "table": of_table,
    "npy": of_array,
}
