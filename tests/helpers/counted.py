"""Windows, alignments and fragments that are made up, and what is counted of them one base at a time.

Nothing here is shared with the package: the counts follow the definitions alone, in sets of bases and plain loops.
"""

import numpy as np
import pandas as pd
import pysam
from figwig import BigWigWriter

from cisflow.data.windows import Windows

LENGTHS = {"chr1": 700, "chr2": 260, "chrM": 90}
OPERATIONS = "MIDNSHP=X"
# Bits of a flag as the SAM specification numbers them.
BITS = {
    "paired": 1,
    "proper": 2,
    "unmapped": 4,
    "reverse": 16,
    "mate_reverse": 32,
    "first": 64,
    "second": 128,
    "secondary": 256,
    "failed": 512,
    "duplicate": 1024,
    "supplementary": 2048,
}


def windows(rows):
    """Windows of (chrom, start, end, strand); None is one without a place."""
    frame = pd.DataFrame([row or ("", pd.NA, pd.NA, "") for row in rows], columns=["chrom", "start", "end", "strand"])
    frame.insert(0, "id", [f"w{number}" for number in range(len(rows))])
    frame = frame.astype({"id": object, "chrom": object, "start": "Int64", "end": "Int64", "strand": object})
    n = len(frame)
    return Windows(frame, np.zeros((n, 4), dtype=np.uint8), np.zeros((n, 0), dtype=np.float32), [], {})


def some_windows(seed, width=60):
    """Windows that overlap each other, touch the ends of contigs and reach over them, on either strand."""
    rng = np.random.default_rng(seed)
    rows = []
    for chrom in ("chr1", "chr2"):
        bases = LENGTHS[chrom]
        starts = [0, bases - width, -17, bases - width + 23, *rng.integers(0, bases - width, 9), 33, 33]
        rows += [(chrom, int(start), int(start) + width, "+-"[int(rng.integers(2))]) for start in starts]
    return windows(rows)


# Alignments ----------------------------------------------------------------------------------------------------------


def record(name, chrom, start, cigar, quality=40, **bits):
    """An alignment: cigar is a text, bits are names of BITS."""
    flag = sum(BITS[bit] for bit, given in bits.items() if given)
    return {"name": name, "chrom": chrom, "start": start, "cigar": cigar, "quality": quality, "flag": flag}


def operations(cigar):
    found, number = [], ""
    for letter in cigar:
        if letter.isdigit():
            number += letter
        else:
            found.append((letter, int(number)))
            number = ""
    return found


def reach(one):
    """Base behind the last that an alignment takes up on its contig."""
    return one["start"] + sum(n for letter, n in operations(one["cigar"]) if letter in "MDN=X")


def has(one, bit):
    return one["flag"] & BITS[bit] > 0


def some_alignments(seed, n=260):
    """Pairs and single reads of all sorts, sorted by their place as a BAM has them."""
    rng = np.random.default_rng(seed)
    found = []
    cigars = ["30M", "5S25M", "25M5S", "4H20M", "10M3I10M", "10M2D10M", "10M15N10M", "3S12M4S", "8=1X8="]
    for number in range(n):
        name, chrom = f"r{number}", str(rng.choice(list(LENGTHS), p=[0.6, 0.35, 0.05]))
        bits = {
            "duplicate": rng.random() < 0.15,
            "failed": rng.random() < 0.04,
        }
        quality = int(rng.choice([0, 9, 10, 30, 60]))
        one = record(name, chrom, 0, str(rng.choice(cigars)))
        room = LENGTHS[chrom] - reach(one)
        one["start"] = int(rng.choice([0, room, rng.integers(0, room + 1)], p=[0.1, 0.1, 0.8]))
        kind = rng.choice(
            ["pair", "outward", "improper", "alone", "split", "single", "secondary", "supplementary"],
            p=[0.5, 0.03, 0.05, 0.05, 0.05, 0.22, 0.05, 0.05],
        )
        if kind in ("single", "secondary", "supplementary"):
            extra = {kind: True} if kind != "single" else {}
            flags = bits | extra | {"reverse": rng.random() < 0.5}
            found.append(record(name, chrom, one["start"], one["cigar"], quality, **flags))
            continue
        # The mate on the minus strand lies behind, or a few bases before: it may hold the other, or reach over it.
        other_chrom = chrom if kind != "split" else "chr2" if chrom == "chr1" else "chr1"
        mate = record(name, other_chrom, 0, str(rng.choice(cigars)))
        room = LENGTHS[other_chrom] - reach(mate)
        mate["start"] = int(np.clip(one["start"] + rng.integers(-12, 90), 0, room))
        first = rng.random() < 0.5
        other_quality = quality if rng.random() < 0.8 else int(rng.choice([0, 9, 10, 30, 60]))
        shared = bits | {"paired": True, "proper": kind in ("pair", "outward", "alone")}
        left = shared | {"first": first, "second": not first, "mate_reverse": kind != "outward"}
        right = shared | {"first": not first, "second": first, "reverse": kind != "outward"}
        pair = [
            record(name, chrom, one["start"], one["cigar"], quality, **left),
            record(name, other_chrom, mate["start"], mate["cigar"], other_quality, **right),
        ]
        if kind == "pair" and rng.random() < 0.1:
            pair.append(record(name, chrom, one["start"], "9M20S", quality, **left, supplementary=True))
        found += pair[:1] if kind == "alone" else pair
    found += [record(f"u{number}", None, -1, "", 0, unmapped=True) for number in range(5)]
    order = {chrom: number for number, chrom in enumerate(LENGTHS)}
    return sorted(found, key=lambda one: (order.get(one["chrom"], 9), one["start"]))


def write_bam(path, alignments, lengths=LENGTHS, index=False):
    """A BAM of alignments, in their order."""
    names = list(lengths)
    header = {"HD": {"VN": "1.6"}, "SQ": [{"SN": name, "LN": bases} for name, bases in lengths.items()]}
    with pysam.AlignmentFile(path, "wb", header=header) as file:
        for one in alignments:
            segment = pysam.AlignedSegment(file.header)
            segment.query_name, segment.flag = one["name"], one["flag"]
            segment.reference_id = -1 if one["chrom"] is None else names.index(one["chrom"])
            segment.reference_start, segment.mapping_quality = one["start"], one["quality"]
            parts = operations(one["cigar"])
            segment.cigartuples = [(OPERATIONS.index(letter), n) for letter, n in parts]
            segment.query_sequence = "A" * (sum(n for letter, n in parts if letter in "MIS=X") or 5)
            file.write(segment)
    if index:
        pysam.index(str(path))
    return path


def units(alignments, settings):
    """What counts once, as (chrom, start, end, strand), by the definitions of the settings."""
    passed = []
    for one in alignments:
        if has(one, "unmapped") or has(one, "failed") or one["quality"] < settings.get("minimum_mapq", 0):
            continue
        if any(
            has(one, bit) and settings.get(name, "drop") == "drop"
            for bit, name in (
                ("secondary", "secondary"),
                ("supplementary", "supplementary"),
                ("duplicate", "duplicates"),
            )
        ):
            continue
        mates = settings.get("mates", "both")
        if mates != "both" and has(one, "paired") and not has(one, mates):
            continue
        passed.append(one)
    if settings.get("unit", "reads") == "reads":
        return [(one["chrom"], one["start"], reach(one), "-" if has(one, "reverse") else "+") for one in passed]
    found = []
    for one in passed:
        if not has(one, "proper") or has(one, "reverse"):
            continue
        for mate in passed:
            if mate["name"] == one["name"] and mate is not one and has(mate, "proper") and has(mate, "reverse"):
                if mate["chrom"] != one["chrom"] or one["start"] >= reach(mate):
                    continue
                strand = "+" if has(one, "first") else "-"
                found.append((one["chrom"], one["start"], reach(mate), strand))
    least, most = settings.get("fragment_length", (1, 10**9))
    return [unit for unit in found if least <= unit[2] - unit[1] <= most]


# Counting ------------------------------------------------------------------------------------------------------------


def spots(unit, settings, fragments):
    """What is counted of (chrom, start, end, strand): a list of sets of bases, cut to the contig."""
    chrom, start, end, strand = unit
    plus, minus = settings.get("shift", (0, 0))
    if fragments or strand == "+":
        start += plus
    if fragments or strand == "-":
        end += minus
    left, right = {start}, {end - 1}
    if not fragments and strand == "-":
        left, right = right, left
    ends = {"5prime": [left], "3prime": [right], "both": [left, right], "span": [set(range(start, end))]}
    chosen = ends[settings.get("count", "5prime")]
    whole = range(LENGTHS[chrom])
    return [{base for base in bases if base in whole} for bases in chosen]


def counts(found, units, settings, fragments, banned=()):
    """Counts (n, bins) of windows, and the number of units that count at all.

    Parameters
    ----------
    found : Windows. banned : (chrom, base) in which nothing counts.
    """
    bins, banned = settings.get("bins", 0) or 1, set(banned)
    parts = []
    for unit in units:
        good = [
            bases
            for bases in spots(unit, settings, fragments)
            if bases and not any((unit[0], base) in banned for base in bases)
        ]
        if good:
            parts.append((unit, good))
    table = np.zeros((len(found.frame), bins))
    for row, (_, chrom, start, end, strand) in enumerate(found.frame.itertuples(index=False)):
        width = settings.get("count_width") or end - start
        first = (start + end) // 2 - width // 2 if "count_width" in settings else start
        for number in range(bins):
            bases = set(range(first + number * width // bins, first + (number + 1) * width // bins))
            place = bins - 1 - number if strand == "-" else number
            if not any(base in range(LENGTHS[chrom]) for base in bases):
                table[row, place] = np.nan
                continue
            for unit, good in parts:
                side = settings.get("strand", "both")
                if side != "both" and (unit[3] == strand) != (side == "same"):
                    continue
                if unit[0] == chrom:
                    table[row, place] += sum(1 for spot in good if spot & bases)
    return table, len(parts)


# Signal ---------------------------------------------------------------------------------------------------------------


def write_bigwig(path, values, lengths=LENGTHS):
    """A bigWig of {contig: float32 (bases,)}, in which NaN is no value."""
    with BigWigWriter(path, lengths) as file:
        for name in lengths:
            if name in values:
                file.write(name, [0], values[name][None], missing=np.nan)
    return path


def some_values(seed):
    """Values of every base, of which runs have none; chrM has none at all."""
    rng = np.random.default_rng(seed)
    found = {}
    for name in ("chr1", "chr2"):
        values = rng.normal(size=LENGTHS[name]).astype(np.float32)
        for start in rng.integers(0, LENGTHS[name], 6):
            values[start : start + rng.integers(1, 80)] = np.nan
        values[:30] = np.nan if name == "chr2" else values[:30]
        found[name] = values
    return found
