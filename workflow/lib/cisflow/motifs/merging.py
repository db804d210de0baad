"""Patterns of all models, methods, seeds and outputs of a dataset, put together: one table of merged patterns."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.cluster import hierarchy

from cisflow.attribution import files as attribution_files
from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.io import matrices, meme
from cisflow.io.meme import Motif
from cisflow.io.tables import table, write_table
from cisflow.motifs import families, naming, runs
from cisflow.motifs.instances import Member, name_of, placed
from cisflow.motifs.similarity import similarities

# What a cell of the table is of: the seeds of a training stand together in it.
CELL = ("model", "split", "method", "output")
PATTERN_COLUMNS = ("pattern", "width", "consensus", "match_id", "match_name", "q_value", "family", "also", "note")
COLUMNS = (*PATTERN_COLUMNS, *CELL, "sign", "n_seqlets", "n_sequences", "n_hits", "effect", "n_seeds", "seeds")
MEMBER_COLUMNS = ("pattern", *runs.COLUMNS, "member", "n_seqlets", "similarity", "start", "end", "strand")
SIGNIFICANT = 0.05
# What a cell holds where a pattern was not found.
NOTHING = SimpleNamespace(sign="", n_seqlets=0, n_sequences=0, n_hits=0, effect=None, n_seeds=0)
# Further names that a pattern is given beside that of its best match.
ALSO = 2


class Settings(settings.Settings):
    """Patterns of all explanations of a dataset, merged."""

    similarity: float = setting(
        0.7,
        above=0,
        maximum=1,
        meaning="Patterns are merged while their mean correlation is at least this; 1 merges equal ones alone.",
    )


def merge_patterns(table_of_runs, database, settings, folder, hits=False, threads=None):
    """Write patterns.tsv, members.tsv, instances.tsv and patterns.meme of a dataset into `folder`.

    Parameters
    ----------
    table_of_runs : path. database : of a file of motifs. settings : Settings.
    hits : whether hits of the patterns of each run were called; they are counted beside the seqlets.
    threads : of the comparison with the database.
    """
    of_table = runs.read(table_of_runs)
    listed = [(number, pattern) for number, run in enumerate(of_table) for pattern in naming.read_patterns(run.modisco)]
    merged, members = merge(listed, settings.similarity)
    names = named(merged, matrices.read_motifs(database), threads)
    members = [_turned(member) if names[member.merged].reverse else member for member in members]
    merged = [matrix[::-1, ::-1] if name.reverse else matrix for matrix, name in zip(merged, names, strict=True)]
    print(f"{len(listed)} patterns of {len(of_table)} runs: {len(merged)} merged patterns", file=sys.stderr)

    keys = [attribution_files.read_keys(run.attributions) for run in of_table]
    instances = placed(of_table, keys, members, hits)
    described = describe(merged, names, notes_of(of_table, members))
    folder = Path(folder)
    write_table(folder / "patterns.tsv", tabulate(of_table, keys, instances, described, hits))
    write_table(folder / "members.tsv", list_members(of_table, members))
    write_table(folder / "instances.tsv", instances)
    sizes = np.bincount([member.merged for member in members], [member.pattern.n_seqlets for member in members])
    titles = described["match_name"].where(described["match_name"] != "", described["consensus"])
    motifs = [Motif(*found) for found in zip(described["pattern"], titles, merged, strict=True)]
    meme.write_meme(folder / "patterns.meme", motifs, sizes.astype(int).tolist())


def merge(listed, similarity):
    """Group patterns by how alike they are, and average each group.

    Average linkage (Sokal and Michener 1958) of one minus the correlation of base frequencies, whatever the sign of
    their contributions. A group lies on its centre, the member that is most like all others; the merged pattern has
    the centre's columns, and in each the mean frequencies of the members that have it, weighted by their seqlets.

    Parameters
    ----------
    listed : [(run, naming.Pattern)].

    Returns
    -------
    list of matrices (4, w), most runs and then most seqlets first; list of Members in the order of `listed`.
    """
    if not listed:
        return [], []
    cores = [pattern.core() for _, pattern in listed]
    found = similarities([pattern.sequence[:, core] for (_, pattern), core in zip(listed, cores, strict=True)])
    groups = _ranked(_groups(found.r, 1 - similarity), listed)
    merged, members = [], {}
    for number, group in enumerate(groups):
        centre = max(group, key=lambda item: (found.r[item, group].sum(), listed[item][1].n_seqlets, -item))
        width = cores[centre].stop - cores[centre].start
        parts = []
        for item in group:
            start, reverse = _place(cores[item], found.offset[centre, item], found.reverse[centre, item], width)
            member = Member(*listed[item], number, float(found.r[centre, item]), start, start + width, reverse)
            members[item] = member
            parts.append((member.cut(member.pattern.sequence, np.nan), member.pattern.n_seqlets))
        merged.append(_mean(parts))
    return merged, [members[item] for item in range(len(listed))]


def _groups(r, cut):
    """Lists of items, by average linkage of 1 - r up to `cut`."""
    if len(r) == 1:
        return [[0]]
    distances = np.clip(1 - (r + r.T) / 2, 0, None)[np.triu_indices(len(r), 1)]
    labels = hierarchy.fcluster(hierarchy.linkage(distances, "average"), cut, "distance")
    return [np.flatnonzero(labels == label).tolist() for label in np.unique(labels)]


def _ranked(groups, listed):
    """Groups of items, those of most runs first, then those of most seqlets."""

    def rank(group):
        return -len({listed[item][0] for item in group}), -sum(listed[item][1].n_seqlets for item in group), group

    return sorted(groups, key=rank)


def _place(core, offset, reverse, width):
    """(column of a pattern's file at which the merged pattern begins, reverse) of a core that lies at `offset`."""
    # Reversed, the last column of the core lies at `offset`.
    return (core.stop + offset - width, True) if reverse else (core.start - offset, False)


def _mean(parts):
    """Mean of matrices (4, w) weighted by seqlets, over those that have a column."""
    sequences = np.stack([sequence for sequence, _ in parts])
    weights = np.array([weight for _, weight in parts], dtype=float)[:, None, None] * ~np.isnan(sequences)
    mean = (np.nan_to_num(sequences) * weights).sum(axis=0) / weights.sum(axis=0)
    return mean / mean.sum(axis=0)


def _turned(member):
    return member._replace(reverse=not member.reverse)


class Name(NamedTuple):
    """What a merged pattern is called.

    match : Motif, or None without one. q : float. family : int, of the database. also : further names. reverse : bool,
    whether the pattern is the reverse complement of its match.
    """

    match: Motif | None = None
    q: float = np.nan
    family: int | None = None
    also: str = ""
    reverse: bool = False


def named(merged, motifs, threads=None):
    """The Name of each matrix by the motifs of a database: the best match, and others with a q-value of SIGNIFICANT."""
    if not merged:
        return []
    of_family = families.of(motifs)
    found = []
    for matrix, p, q in zip(merged, *naming.compare(merged, motifs, threads), strict=True):
        best = naming.nearest(p, motifs, len(motifs))
        if not len(best):
            found.append(Name())
            continue
        first, others = motifs[best[0]], [motifs[item].name for item in best[1:] if q[item] <= SIGNIFICANT]
        also = [name for name in dict.fromkeys(others) if name != first.name][:ALSO]
        reverse = bool(similarities([matrix], [first.matrix]).reverse[0, 0])
        found.append(Name(first, q[best[0]], int(of_family[best[0]]), ", ".join(also), reverse))
    return found


def notes_of(of_table, members):
    """{number of a merged pattern: what its members are told to be beside their names, by most of its seqlets}."""
    votes = {}
    for number, run in enumerate(of_table):
        told = table(run.patterns, ("run", "pattern", "note"))
        told = dict(told.loc[told["run"] == "attributions", ["pattern", "note"]].itertuples(index=False))
        for member in members:
            if member.run == number:
                note = told.get(member.pattern.name, "")
                of_pattern = votes.setdefault(member.merged, {})
                of_pattern[note] = of_pattern.get(note, 0) + member.pattern.n_seqlets
    return {merged: max(of_pattern, key=of_pattern.get) for merged, of_pattern in votes.items()}


def describe(merged, names, notes):
    """Frame with PATTERN_COLUMNS, a row a merged pattern; these are called M1, M2, … in their order."""
    rows = []
    for number, (matrix, name) in enumerate(zip(merged, names, strict=True)):
        known = (name.match.id, name.match.name) if name.match is not None else ("", "")
        row = (
            name_of(number),
            matrix.shape[1],
            naming.consensus(matrix),
            *known,
            name.q,
            name.family,
            name.also,
            notes[number],
        )
        rows.append(row)
    return pd.DataFrame(rows, columns=PATTERN_COLUMNS).astype({"family": "Int64"})


def tabulate(of_table, keys, placed, described, hits):
    """Frame with COLUMNS: every merged pattern in every cell, a row for each sign that it has there; where it has none,
    one row without sign and of no seqlets.

    Where there are several outputs, they have cells of their own, and one without a name has all of them.

    Parameters
    ----------
    placed : frame of instances. described : of `describe`. hits : whether there are hits among the instances.
    """
    seeds = {}
    for run, (_, targets) in zip(of_table, keys, strict=True):
        outputs = np.unique(targets).tolist()
        for output in outputs if len(outputs) == 1 else ["", *outputs]:
            seeds.setdefault((run.model, run.split, run.method, output), []).append(run.seed)
    placed = pd.concat([placed, placed.assign(output="")])
    by = ["pattern", *CELL, "sign"]
    counts = (
        placed[placed["kind"] == "seqlet"]
        .groupby(by)
        .agg(
            n_seqlets=("id", "size"),
            n_sequences=("id", "nunique"),
            effect=("contribution", "mean"),
            n_seeds=("seed", "nunique"),
        )
    )
    n_hits = placed[placed["kind"] == "hit"].groupby(by).size().rename("n_hits")
    counts = counts.join(n_hits, how="outer")
    whole = ["n_seqlets", "n_sequences", "n_hits", "n_seeds"]
    counts[whole] = counts[whole].fillna(0).astype(int)
    cells = {}
    for row in counts.reset_index().itertuples(index=False):
        cells.setdefault((row.pattern, row.model, row.split, row.method, row.output), []).append(row)
    rows = []
    for pattern in described.itertuples(index=False):
        for cell, of_cell in seeds.items():
            for row in cells.get((pattern.pattern, *cell), [NOTHING]):
                n_hits = row.n_hits if hits else None
                counted = (row.sign, row.n_seqlets, row.n_sequences, n_hits, row.effect, row.n_seeds)
                rows.append((*pattern, *cell, *counted, len(of_cell)))
    return pd.DataFrame(rows, columns=COLUMNS).astype({"family": "Int64", "n_hits": "Int64"})


def list_members(of_table, members):
    """Frame with MEMBER_COLUMNS; start, end and strand are those of the merged pattern in the member's columns."""
    rows = [
        (
            name_of(member.merged),
            *of_table[member.run].key.values(),
            *(member.pattern.name, member.pattern.n_seqlets, member.r, member.start, member.end),
            "-" if member.reverse else "+",
        )
        for member in sorted(members, key=lambda member: member.merged)
    ]
    return pd.DataFrame(rows, columns=MEMBER_COLUMNS)
