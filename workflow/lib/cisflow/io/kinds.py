"""What a file is: its format, told by its content and never by its name alone."""

import re

from cisflow.errors import InputError
from cisflow.io import text, twobit

# First bytes of what is no text.
BINARY = {b"\x93NUMPY": "npy", b"\x89HDF": "hdf5", b"BAM\x01": "bam", b"BCF\x02": "bcf"}
MOTIFS = re.compile(r"(MEME version|ALPHABET|MOTIF\b|(AC|ID|P0|PO)\s)")
LINES = 200


def of(path):
    """The kind of a file: fasta, 2bit, vcf, gtf, bed, motifs, table, npy, archive (of torch or NumPy), safetensors, …

    Raises
    ------
    InputError : the file is absent or empty, or none of these.
    """
    try:
        with open(path, "rb") as handle:
            head = handle.read(512)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    if not head:
        raise InputError(f"{path}: an empty file")
    if twobit.is_twobit(path):
        return "2bit"
    for magic, kind in BINARY.items():
        if head.startswith(magic):
            return kind
    if head.startswith(b"PK\x03\x04") and b"[Content_Types]" not in head:
        return "archive"
    if len(head) > 9 and head[8:9] == b"{" and b"\x00" in head[:8]:
        return "safetensors"
    return _of_text(path)


def _of_text(path):
    lines = []
    for _, line in text.lines(path):
        line = line.strip("\r\n\ufeff")
        if line.startswith(("##fileformat=VCF", "#CHROM\tPOS")):
            return "vcf"
        if line.startswith("##gff-version"):
            return "gtf"
        if line.strip():
            lines.append(line)
        if len(lines) == LINES:
            break
    if not lines:
        raise InputError(f"{path}: holds blank lines alone")
    rows = [line for line in lines if not line.startswith(("#", "track", "browser"))]
    if lines[0].startswith(">") and not _is_matrix(rows):
        return "fasta"
    if any(MOTIFS.match(line) for line in lines[:5]) or lines[0].startswith(">"):
        return "motifs"
    for row in rows[:2]:
        fields = row.split("\t") if "\t" in row else row.split()
        if len(fields) >= 8 and fields[3].isdecimal() and fields[4].isdecimal() and fields[6] in "+-.?":
            return "gtf"
        if len(fields) >= 5 and fields[1].isdecimal() and re.fullmatch("[ACGTNacgtn]+", fields[3]):
            return "vcf"
        if len(fields) >= 3 and fields[1].isdecimal() and fields[2].isdecimal():
            return "bed"
    names = re.split("[\t,; ]", lines[0].lstrip("# ").lower())
    if {"chrom", "start", "end"} <= set(names) or {"chr", "start", "end"} <= set(names):
        return "bed"
    if re.search("[\t,;]", lines[0]):
        return "table"
    raise InputError(f"{path}: of no format that is read here; it begins with '{lines[0][:40]}'")


def _is_matrix(rows):
    """Whether rows below a `>` are numbers, as in JASPAR's and HOMER's files."""
    return len(rows) > 1 and re.fullmatch(r"[ACGT]?\s*\[?[\d.eE\s+-]+\]?", rows[1].strip()) is not None
