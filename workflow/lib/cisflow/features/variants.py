"""Variants against a genome: which can be scored, the two sequences of each, and the effect on every target."""

import sys
from typing import NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from cisflow.data import fingerprint
from cisflow.errors import InputError, listing
from cisflow.features import sequence_classes
from cisflow.io import vcf
from cisflow.models import predict
from cisflow.sequence import dna
from cisflow.sequence.context import Cut

SCORED = "scored"
# A variant with one of these and the genome cannot both be right.
CONTRADICTIONS = ("ref_differs", "unknown_contig", "outside")
COLUMNS = ("id", "record", "chrom", "pos", "ref", "alt", "status", "note")
# Variants between two commits of the arrays: what a restart computes again, at most.
BLOCK = 256


def read(path, genome, length=None, strict=False):
    """One row for each alternative of a VCF, in the file's order, with what keeps it from being scored.

    Parameters
    ----------
    genome : `Genome` that the positions refer to.
    length : bases that the network sees; None where that is not known yet.
    strict : make a contradiction between VCF and genome an error, instead of a status and a warning.

    Returns
    -------
    frame with id (`ID:chrom:pos:REF>ALT`, without `ID:` where the VCF has none), record (the VCF's ID or ""), chrom,
    pos (as in the VCF, from 1), ref, alt, status and note (what was found, for those that are not scored). Status:
    `scored`; `ref_differs`, `unknown_contig`, `outside` (past what the genome holds); `no_alternative`, `symbolic`,
    `breakend`, `spanning_deletion` (`*`), `not_bases`; `longer_than_input` (an allele longer than `length`);
    `duplicate` (the same id as a row above).

    Raises
    ------
    InputError : what `vcf.read` refuses, lengths or bases of another assembly, no variant that can be scored, or with
        `strict` a contradiction.
    """
    fingerprint.refuse_lengths(path, vcf.contigs(path), genome)
    rows, seen = [], set()
    for record in vcf.read(path):
        for alt in record.alts or (vcf.MISSING,):
            status, note = problem(record, alt, genome, length)
            if strict and status in CONTRADICTIONS:
                raise InputError(f"{path}: line {record.line}: {note}")
            place = f"{record.chrom}:{record.start + 1}:{record.ref}>{alt}"
            name = f"{record.name}:{place}" if record.name else place
            if status == SCORED and name in seen:
                status, note = "duplicate", f"line {record.line} repeats a row above"
            seen.add(name)
            rows.append((name, record.name, record.chrom, record.start + 1, record.ref, alt, status, note))
    frame = pd.DataFrame(rows, columns=COLUMNS)
    differ, scored = ((frame["status"] == status).sum() for status in ("ref_differs", SCORED))
    places = frame[["chrom"]].assign(end=frame["pos"])
    fingerprint.refuse_bases(path, int(scored), int(scored + differ), genome, places)
    _report(path, frame)
    return frame


def problem(record, alt, genome, length):
    """(status, note) of one alternative of a Record; ("scored", "") where nothing keeps it from being scored."""
    if alt == vcf.MISSING:
        return "no_alternative", "the row has no alternative"
    if alt == "*":
        return "spanning_deletion", "the alternative is a deletion that another row describes"
    if "[" in alt or "]" in alt or alt.startswith(".") or alt.endswith("."):
        return "breakend", f"breakend {alt}"
    if alt.startswith("<"):
        return "symbolic", f"symbolic alternative {alt}"
    if not set(alt) <= set("ACGTN"):
        return "not_bases", f"alternative {alt[:40]}, expected A, C, G, T or N"
    if genome.chromosome(record.chrom) is None:
        return "unknown_contig", genome.problem(record.chrom, 0, 1)
    end = record.start + len(record.ref)
    outside = genome.problem(record.chrom, record.start, end)
    if outside:
        return "outside", outside
    found = genome.fetch(record.chrom, record.start, end)
    if not np.array_equal(found, dna.encode(record.ref)):
        shown = dna.decode(found)
        return (
            "ref_differs",
            f"REF is {record.ref[:40]}, the genome has {shown[:40]} at {record.chrom}:{record.start + 1}",
        )
    _, ref, changed = trim(record.start, record.ref, alt)
    if length and max(len(ref), len(changed)) > length:
        return "longer_than_input", too_long(ref, changed, length)
    return SCORED, ""


def too_long(ref, alt, length):
    return f"an allele of {max(len(ref), len(alt))} bases, the network sees {length}"


def _report(path, frame):
    """Say on stderr what is not scored, and refuse a file of which nothing is."""
    left = frame[frame["status"] != SCORED]
    counts = [f"{count} {status}" for status, count in left["status"].value_counts(sort=False).items()]
    if len(left) == len(frame):
        first = f": {listing(counts, 10)}; the first: {left['note'].iloc[0]}" if len(left) else ""
        raise InputError(f"{path}: none of {len(frame)} variants can be scored{first}")
    if len(left):
        print(
            f"WARNING: {path}: {len(left)} of {len(frame)} variants are left out: {listing(counts, 10)}; "
            f"the first: {left['note'].iloc[0]}",
            file=sys.stderr,
        )


def trim(start, ref, alt):
    """(start, ref, alt) without the bases that both alleles share at their ends; either may become empty."""
    shared = 0
    while shared < min(len(ref), len(alt)) and ref[shared] == alt[shared]:
        shared += 1
    start, ref, alt = start + shared, ref[shared:], alt[shared:]
    while ref and alt and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    return start, ref, alt


class Alleles(Cut):
    """Base codes of both alleles of variants: rows 2i and 2i + 1 are the reference and the alternative of variant i.

    `alleles[first:last]` reads them from the genome, (last - first, length) uint8; nothing is kept. Bases that REF and
    ALT share at their ends are no part of the change. What remains of either allele lies in the middle of its own
    sequence, from base (length - its bases) // 2 on, between the genome's own bases on both sides; so an alternative
    that is longer or shorter than the reference loses or gains the same number of flanking bases on either side, to
    within one. Bases past the ends of what the genome holds are unknown.

    Parameters
    ----------
    frame : rows of `read` with status `scored`.
    genome : `Genome` that they were checked against.

    Attributes
    ----------
    ids : `<id>|ref` and `<id>|alt`, in the order of the rows (2n,) str.

    Raises
    ------
    InputError : an allele that is longer than `length`.
    """

    def __init__(self, frame, genome, length):
        self._names = frame["id"].to_numpy(dtype=object)
        places = zip(frame["chrom"], frame["pos"] - 1, frame["ref"], frame["alt"], strict=True)
        self._variants = [(chrom, *trim(start, ref, alt)) for chrom, start, ref, alt in places]
        for name, (_, _, ref, alt) in zip(self._names, self._variants, strict=True):
            if max(len(ref), len(alt)) > length:
                raise InputError(f"variant '{name}': {too_long(ref, alt, length)}")
        self._genome, self.length = genome, length
        self._rows = range(2 * len(frame))

    @property
    def ids(self):
        return np.array([f"{self._names[row // 2]}|{('ref', 'alt')[row % 2]}" for row in self._rows])

    def _cut(self, row):
        chrom, start, ref, alt = self._variants[row // 2]
        allele, end = alt if row % 2 else ref, start + len(ref)
        left = (self.length - len(allele)) // 2
        right = self.length - len(allele) - left
        return np.concatenate(
            [self._flank(chrom, start - left, start), dna.encode(allele), self._flank(chrom, end, end + right)]
        )

    def _flank(self, chrom, start, end):
        if start == end:
            return np.empty(0, dtype=np.uint8)
        return self._genome.fetch(chrom, start, end, pad=True)


class Classes(NamedTuple):
    """Sequence classes of a network: names; vectors (classes, targets) of norm 1; indices of the histone targets."""

    names: list
    vectors: np.ndarray
    histone: np.ndarray


def layout(n_targets, classes=None):
    """Arrays that `score` fills, for `resumable.Rows`.

    ref, alt : probabilities of every target, (n, n_targets) float16.
    diff : alt - ref, float32, from the probabilities before they were rounded.
    top_target, top_diff : column of the largest absolute diff and its value, (n,) int32 and float32.
    class_scores : (n, classes) float32, with `classes` only.
    """
    arrays = {name: ((n_targets,), np.float16) for name in ("ref", "alt")} | {"diff": ((n_targets,), np.float32)}
    arrays |= {"top_target": ((), np.int32), "top_diff": ((), np.float32)}
    return arrays | ({"class_scores": ((len(classes.names),), np.float32)} if classes else {})


def score(network, alleles, rows, device, strands="both", batch_size="auto", classes=None):
    """Predict both alleles of each variant and fill the arrays of `layout`, from where `rows` stands.

    Parameters
    ----------
    rows : `resumable.Rows` of as many variants as `alleles` has; committed every BLOCK variants or more.
    strands, batch_size : as for `predict.stream`.
    classes : `Classes`, or None for none.
    """
    sequences = alleles.part(slice(2 * rows.done, None))
    committed = rows.done
    waiting = np.empty((0, network.n_outputs), dtype=np.float32)
    with tqdm(total=len(alleles) // 2, initial=rows.done, desc="variants", unit="variant") as bar:
        for values in predict.stream(network, sequences, device, strands, batch_size):
            # A batch may end between the two alleles of a variant.
            values = np.concatenate([waiting, values])
            whole = len(values) // 2 * 2
            waiting = values[whole:]
            ref, alt = values[:whole:2], values[1:whole:2]
            diff = alt - ref
            top = np.abs(diff).argmax(axis=1)
            found = {"ref": ref, "alt": alt, "diff": diff, "top_target": top}
            found["top_diff"] = np.take_along_axis(diff, top[:, None], axis=1)[:, 0]
            if classes:
                found["class_scores"] = sequence_classes.variant_scores(ref, alt, classes.vectors, classes.histone)
            rows.append(**found)
            bar.update(len(ref))
            if rows.done - committed >= BLOCK:
                rows.commit()
                committed = rows.done
    rows.commit()


def table(frame, rows, target_names, class_names=()):
    """variants.tsv: the rows of `read`, with the row of the arrays and the largest effects of those that are scored.

    Parameters
    ----------
    rows : `resumable.Rows`, filled by `score`.
    """
    scored = frame["status"] == SCORED
    result = frame.copy()
    effects = {"row": pd.array(np.arange(rows.done), dtype="Int64")}
    for name in ("max_abs_class_score", "top_class", "top_class_score"):
        effects[name] = pd.array([pd.NA] * rows.done)
    if len(class_names):
        scores = rows.read("class_scores")
        top = np.abs(scores).argmax(axis=1)
        effects["max_abs_class_score"] = np.abs(scores).max(axis=1)
        effects["top_class"] = np.array(class_names, dtype=object)[top]
        effects["top_class_score"] = np.take_along_axis(np.asarray(scores), top[:, None], axis=1)[:, 0]
    effects["top_target"] = np.array(target_names, dtype=object)[rows.read("top_target")]
    effects["top_target_diff"] = np.array(rows.read("top_diff"))
    for name, values in effects.items():
        result[name] = pd.Series(values, index=frame.index[scored])
    return result


def class_table(frame, scores, class_names):
    """class_scores.tsv: scored variants and their score for every class, by the largest absolute score, downwards."""
    kept = frame.loc[frame["status"] == SCORED, ["id", "record", "chrom", "pos", "ref", "alt"]].reset_index(drop=True)
    kept["max_abs_class_score"] = np.abs(scores).max(axis=1)
    result = pd.concat([kept, pd.DataFrame(np.asarray(scores), columns=list(class_names))], axis=1)
    # Ties stay in the order of the file.
    return result.sort_values("max_abs_class_score", ascending=False, kind="stable").reset_index(drop=True)
