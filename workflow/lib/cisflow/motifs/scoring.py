"""Known motifs in seqlets, counted by sequence, against windows of the same composition where there is no seqlet."""

import sys
from typing import NamedTuple

import numba
import numpy as np
import pandas as pd
from tqdm import tqdm

from cisflow.attribution import files, places, scores
from cisflow.attribution.places import Places
from cisflow.data import dataset as datasets
from cisflow.errors import InputError
from cisflow.io import bed, matrices
from cisflow.io.genome import Genome
from cisflow.io.tables import write_table
from cisflow.motifs import association, backgrounds, enrichment, families, seqlets
from cisflow.motifs.scanning import Scanner
from cisflow.sequence import dna

COLUMNS = ("target", *enrichment.COLUMNS, "null", "seqlet_fdr")
BED_COLUMNS = ("chrom", "start", "end", "name", "score", "strand")
NULL_COLUMNS = ("target", "null", "motif_id", "p_value", "p_unmatched")
# Rows that a pool of the genome, or of the other class, has at most.
POOL_ROWS = 5000


class Source(NamedTuple):
    """Rows that background windows are drawn from.

    codes : (p, length) uint8. places : where they lie. own : (p,) int, the explained row that each is, or -1.
    asked : (m,) bool, explained rows whose seqlets take part.
    """

    codes: np.ndarray
    places: Places
    own: np.ndarray
    asked: np.ndarray


class Known(NamedTuple):
    """What windows are scanned for: motifs, their families (n,) int, and a Scanner."""

    motifs: list
    families: np.ndarray
    scanner: Scanner


def score(paths, settings, seed, threads):
    """Call seqlets, match windows to them, test every motif and write the four tables.

    Parameters
    ----------
    paths : {name: path}: attributions, null (attributions of shuffled sequences, or None), dataset (folder of the
        windows), genome (or None), database; seqlets, scores, background (BED) and nulls, which are written.
    settings : seqlets.Settings. seed : of the background, and of what is permuted.
    threads : at most as many as NUMBA_NUM_THREADS allows.

    Raises
    ------
    InputError : a file is not what it should be, or there is no background of the kind asked for.
    """
    numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
    motifs = matrices.read_motifs(paths["database"])
    known = Known(motifs, families.of(motifs), Scanner([motif.matrix for motif in motifs], settings.p_value))
    rows = files.read(paths["attributions"])
    null = files.read(paths["null"]) if settings.null == "shuffled" else None
    data = datasets.read(paths["dataset"], mmap=True)
    rng = np.random.default_rng(seed)
    found = {"seqlets": [], "scores": [], "background": [], "nulls": []}
    for target in dict.fromkeys(rows.targets.tolist()):
        part = rows.take(rows.targets == target)
        control = None if null is None else null.take(null.targets == target)
        source = _source(target, part, data, paths, settings, rng)
        for name, table in _of_target(target, part, control, source, known, settings, rng).items():
            found[name].append(table)
    columns = {"seqlets": seqlets.COLUMNS, "scores": COLUMNS, "nulls": NULL_COLUMNS}
    for name, wanted in columns.items():
        write_table(paths[name], pd.concat([pd.DataFrame(columns=wanted), *found[name]])[list(wanted)])
    drawn = pd.concat([pd.DataFrame(columns=BED_COLUMNS), *found["background"]])
    bed.write_bed(paths["background"], drawn, "no window of the background was drawn")


def _of_target(target, rows, null, source, known, settings, rng):
    """{table: frame} of the rows of one target; without a matched window, of seqlets alone."""
    control = None if null is None else scores.observed(null.hypothetical(), null.codes)
    called = seqlets.call(scores.observed(rows.hypothetical(), rows.codes), control, settings, rng)
    spots = called.spots
    print(
        f"{target}: {len(spots)} seqlets in {spots['row'].nunique()} of {len(rows.ids)} rows, told from {called.null} "
        f"{'sequences' if called.null == 'shuffled' else 'positions'}",
        file=sys.stderr,
    )
    named = spots.assign(id=rows.ids[spots["row"]], target=target, strand="")
    found = {"seqlets": named[list(seqlets.COLUMNS)]}
    windows = backgrounds.spans(spots, rows.codes.shape[1], settings.flank)
    windows = windows[windows["row"].isin(np.flatnonzero(source.asked))]
    matched = matched_windows(windows, rows.codes, source, rng)
    print(f"{target}: {len(matched)} of {len(windows)} windows around them have a match", file=sys.stderr)
    if not len(matched):
        return found
    paired = pairs(matched, rows.codes, source.codes)
    counted = enrichment.count(paired, known.scanner)
    balance = counted.balance
    print(
        f"{target}: words of up to 3 bases differ by {balance.before:.2f} standard deviations at most, weighted by "
        f"{balance.after:.2f}; the weighted background is worth {balance.worth:.0f} of {len(matched)} windows",
        file=sys.stderr,
    )
    table = enrichment.table(counted, known.motifs, known.families)
    found["scores"] = table.assign(target=target, null=called.null, seqlet_fdr=called.fdr)
    found["background"] = _intervals(matched, rows.ids, source)
    found["nulls"] = nulls(windows, rows.codes, source, paired, known, rng).assign(target=target)
    return found


def _intervals(matched, ids, source):
    """Frame of BED of the windows of the background, named after the windows that they match."""
    rows, width = matched["pool_row"].to_numpy(), (matched["end"] - matched["start"]).to_numpy()
    first = matched["pool_start"].to_numpy()
    starts, ends = source.places.intervals(rows, first, first + width)
    names = [f"{ids[row]}:{start}-{end}" for row, start, end in matched.iloc[:, :3].itertuples(index=False)]
    frame = {"chrom": source.places.chroms[rows], "start": np.maximum(starts, 0), "end": ends, "name": names}
    return pd.DataFrame(frame | {"score": 0, "strand": source.places.strands(rows, ["+"] * len(rows))})


def matched_windows(windows, codes, source, rng):
    """`backgrounds.match` of windows (row, start, end) of `codes` in a Source, off all of these windows."""
    taken = np.zeros(source.codes.shape, dtype=bool)
    row_of = {row: place for place, row in enumerate(source.own.tolist()) if row >= 0}
    for row, start, end in windows.itertuples(index=False):
        if row in row_of:
            taken[row_of[row], start:end] = True
    pool = backgrounds.Pool(source.codes, taken, source.own)
    return backgrounds.match(windows, codes, pool, rng, own_rows=bool(row_of))


def pairs(matched, codes, pool_codes):
    """The enrichment.Pairs of windows that `backgrounds.match` gave."""
    width = matched["end"] - matched["start"]
    widest, own, start = int(width.max()), matched["pool_row"], matched["pool_start"]
    return enrichment.Pairs(
        backgrounds.cut(codes, matched["row"], matched["start"], matched["end"], widest),
        backgrounds.cut(pool_codes, own, start, start + width, widest),
        matched["row"].to_numpy(),
    )


def nulls(windows, codes, source, paired, known, rng):
    """P-values where there is nothing to find, beside those of Fisher's test against windows that are not matched.

    `sides` exchanges the sides of a random half of the pairs. `composition` permutes the bases of each window and those
    of what lies around it, so that windows differ from their surroundings in composition alone.

    Returns
    -------
    frame with NULL_COLUMNS but for target.
    """
    exchanged = enrichment.count(paired.exchanged(rng), known.scanner)
    tables = [_null_table("sides", exchanged, exchanged, known, rng)]
    inside = np.zeros(codes.shape, dtype=bool)
    for row, start, end in windows.itertuples(index=False):
        inside[row, start:end] = True
    permuted = np.array([_permuted(row, within, rng) for row, within in zip(codes, inside, strict=True)])
    for row, start, end in windows.itertuples(index=False):
        permuted[row, start:end] = rng.permutation(permuted[row, start:end])
    outside = np.zeros(source.codes.shape, dtype=bool)
    outside[source.own >= 0] = inside[source.own[source.own >= 0]]
    pool = np.array([_permuted(row, within, rng) for row, within in zip(source.codes, outside, strict=True)])
    surroundings = source._replace(codes=pool)
    matched = matched_windows(windows, permuted, surroundings, rng)
    anywhere = unmatched_windows(windows, surroundings, rng)
    if len(matched) and len(anywhere):
        of = enrichment.count(pairs(matched, permuted, pool), known.scanner)
        plain = enrichment.count(pairs(anywhere, permuted, pool), known.scanner)
        tables.append(_null_table("composition", of, plain, known, rng))
    return pd.concat(tables, ignore_index=True)


def _null_table(name, counted, plain, known, rng):
    """P-values of one null; of an observed count a share is drawn, or no test of few counts would be uniform."""
    first, second = counted.foreground, counted.background
    one, other = plain.foreground, plain.background
    n, share = len(one), rng.random(len(known.motifs))
    frame = {
        "null": name,
        "motif_id": [motif.id for motif in known.motifs],
        "p_value": association.weighted(first, second, counted.weights).two_sided(share),
        "p_unmatched": association.fisher(one.sum(axis=0), n, other.sum(axis=0), n).two_sided(share),
    }
    hit = (first | second).any(axis=0)
    return pd.DataFrame(frame)[hit]


def _permuted(codes, inside, rng):
    """A row with the bases outside of windows permuted."""
    found = codes.copy()
    found[~inside] = rng.permutation(codes[~inside])
    return found


def unmatched_windows(windows, source, rng):
    """As `matched_windows`, of one window of the same width anywhere off the windows, whatever its composition."""
    length, found = source.codes.shape[1], []
    taken = {row: [] for row in source.own.tolist()}
    for row, start, end in windows.itertuples(index=False):
        taken.setdefault(row, []).append((start, end))
    for row, start, end in windows.itertuples(index=False):
        for _ in range(backgrounds.TRIES):
            place, first = int(rng.integers(len(source.codes))), int(rng.integers(length - (end - start) + 1))
            spans = taken[int(source.own[place])] if source.own[place] >= 0 else ()
            if all(first + end - start <= a or first >= b for a, b in spans):
                found.append((row, start, end, place, first))
                break
    return pd.DataFrame(found, columns=backgrounds.COLUMNS, dtype=np.int64)


def _source(target, rows, data, paths, settings, rng):
    """The Source that settings ask for."""
    m, length = rows.codes.shape
    everything = np.ones(m, dtype=bool)
    if settings.background == "genome":
        return Source(*_of_genome(paths["genome"], length, rng), everything)
    if settings.background == "sequences":
        return Source(rows.codes, places.of_rows(paths["dataset"], rows.ids, length), np.arange(m), everything)
    if data.task.range != (0, 1):
        low, high = np.quantile(rows.prediction, [settings.extreme, 1 - settings.extreme]) if m else (0, 0)
        chosen = np.flatnonzero(rows.prediction <= low)
        of = places.of_rows(paths["dataset"], rows.ids[chosen], length)
        return Source(rows.codes[chosen], of, np.full(len(chosen), -1), rows.prediction >= high)
    if target not in data.targets:
        raise InputError(
            f"motifs.seqlets.background: other: '{target}' is no label of the dataset and has no other class; "
            "expected sequences or genome"
        )
    labels = data.labels[:, data.targets.index(target)]
    chosen = np.sort(rng.permutation(np.flatnonzero(labels == 0))[:POOL_ROWS])
    of = places.of_rows(paths["dataset"], data.ids[chosen], data.codes.shape[1])
    asked = np.isin(rows.ids, data.ids[labels == 1])
    return Source(np.asarray(data.codes[chosen]), of, np.full(len(chosen), -1), asked)


def _of_genome(path, length, rng):
    """(codes, places, own) of windows drawn uniformly from what a genome holds, those of mostly known bases."""
    if path is None:
        raise InputError(
            "motifs.seqlets.background: genome: the dataset's source has none; expected sequences or other"
        )
    genome = Genome(path)
    regions = [region for region in genome.regions() if region.end - region.start >= length]
    if not regions:
        raise InputError(f"{path}: holds no sequence of {length} bases, expected one as long as a window")
    room = np.array([region.end - region.start - length + 1 for region in regions])
    chosen = rng.choice(len(regions), POOL_ROWS, p=room / room.sum())
    starts = np.array([regions[i].start for i in chosen]) + (rng.random(POOL_ROWS) * room[chosen]).astype(np.int64)
    chroms = np.array([regions[i].chrom for i in chosen], dtype=object)
    found = zip(chroms, starts.tolist(), strict=True)
    codes = np.array([genome.fetch(c, s, s + length) for c, s in tqdm(found, "genome", POOL_ROWS, unit="window")])
    kept = (codes < dna.UNKNOWN).mean(axis=1) >= 0.5
    n = int(kept.sum())
    of = Places(chroms[kept], starts[kept], np.zeros(n, dtype=bool), np.ones(n, dtype=bool), length)
    return codes[kept], of, np.full(n, -1)
