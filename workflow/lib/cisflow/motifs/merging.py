"""Patterns of all models, methods, seeds and outputs of a dataset, put together: one table of merged patterns."""

import sys
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import pandas as pd
from scipy.cluster import hierarchy
from tqdm import tqdm

from cisflow.attribution import files as attribution_files
from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.errors import InputError
from cisflow.io import matrices, meme
from cisflow.io.meme import Motif
from cisflow.io.tables import table, write_table
from cisflow.motifs import naming
from cisflow.motifs.similarity import similarities

RUN = ("model", "split", "seed", "method")
# What a cell of the table is of: the seeds of a training stand together in it.
CELL = ("model", "split", "method", "output")
PATTERN_COLUMNS = ("pattern", "width", "consensus", "match_id", "match_name", "q_value", "also")
COLUMNS = (*PATTERN_COLUMNS, *CELL, "sign", "n_seqlets", "n_sequences", "n_hits", "effect", "n_seeds", "seeds")
MEMBER_COLUMNS = ("pattern", *RUN, "member", "n_seqlets", "similarity", "start", "end", "strand")
INSTANCE_COLUMNS = ("pattern", *RUN, "output", "id", "start", "end", "strand", "sign", "contribution")
SIGNS = {"pos": "+", "neg": "-"}
SIGNIFICANT = 0.05
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


class Member(NamedTuple):
    """A pattern of one run, and the columns of its file that the merged pattern covers.

    run : number of the run. pattern : naming.Pattern. merged : number of the merged pattern. r : float, likeness to the
    member that the others lie on. start, end : columns, of which some may lie outside the file's. reverse : bool,
    whether the merged pattern lies reverse-complemented there.
    """

    run: int
    pattern: naming.Pattern
    merged: int
    r: float
    start: int
    end: int
    reverse: bool

    def cut(self, values, empty):
        """(4, w) or (n, 4, w) of the file's columns -> those of the merged pattern, `empty` where the file has none."""
        outside = max(0, -self.start), max(0, self.end - values.shape[-1])
        sides = [(0, 0)] * (values.ndim - 1) + [outside]
        wider = np.pad(values, sides, constant_values=empty)[..., self.start + outside[0] : self.end + outside[0]]
        return wider[..., ::-1, ::-1] if self.reverse else wider


def merge_patterns(runs, modisco, attributions, hits, database, settings, folder, threads=None):
    """Write patterns.tsv, members.tsv, instances.tsv and patterns.meme of a dataset into `folder`.

    Parameters
    ----------
    runs : list of {model, split, seed, method}. modisco, attributions : a file of each run. hits : likewise, tables of
        the instances that were called of its patterns; or an empty list.
    database : path of a file of motifs. settings : Settings.
    threads : of the comparison with the database.
    """
    patterns = [naming.read_patterns(path) for path in modisco]
    listed = [(run, pattern) for run, found in enumerate(patterns) for pattern in found]
    merged, members = merge(listed, settings.similarity)
    names = named(merged, matrices.read_motifs(database), threads)
    members = [_turned(member) if names[member.merged].reverse else member for member in members]
    merged = [matrix[::-1, ::-1] if name.reverse else matrix for matrix, name in zip(merged, names, strict=True)]
    print(f"{len(listed)} patterns of {len(runs)} runs: {len(merged)} merged patterns", file=sys.stderr)

    keys = [attribution_files.read_keys(path) for path in attributions]
    instances = placed(runs, modisco, keys, members)
    counted = count_hits(runs, hits, members)
    described = describe(merged, names)
    folder = Path(folder)
    write_table(folder / "patterns.tsv", tabulate(runs, keys, instances, counted, described))
    write_table(folder / "members.tsv", list_members(runs, members))
    write_table(folder / "instances.tsv", instances)
    sizes = np.bincount([member.merged for member in members], [member.pattern.n_seqlets for member in members])
    written = [
        Motif(row.pattern, row.match_name or row.consensus, matrix)
        for row, matrix in zip(described.itertuples(), merged, strict=True)
    ]
    meme.write_meme(folder / "patterns.meme", written, sizes.astype(int).tolist())


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
    """What a merged pattern is called: match, a Motif or None; q; also, further names; reverse: it is the reverse
    complement of its match.
    """

    match: Motif | None
    q: float
    also: str
    reverse: bool


def named(merged, motifs, threads=None):
    """The Name of each matrix by the motifs of a database: the best match, and others with a q-value of SIGNIFICANT."""
    if not merged:
        return []
    found = []
    for matrix, p, q in zip(merged, *naming.compare(merged, motifs, threads), strict=True):
        best = naming.nearest(p, motifs, len(motifs))
        if not len(best):
            found.append(Name(None, np.nan, "", False))
            continue
        first, others = motifs[best[0]], [motifs[item].name for item in best[1:] if q[item] <= SIGNIFICANT]
        also = [name for name in dict.fromkeys(others) if name != first.name][:ALSO]
        reverse = bool(similarities([matrix], [first.matrix]).reverse[0, 0])
        found.append(Name(first, q[best[0]], ", ".join(also), reverse))
    return found


def describe(merged, names):
    """Frame with PATTERN_COLUMNS, a row a merged pattern; these are called M1, M2, … in their order."""
    rows = []
    for number, (matrix, name) in enumerate(zip(merged, names, strict=True), start=1):
        known = (name.match.id, name.match.name) if name.match is not None else ("", "")
        rows.append((f"M{number}", matrix.shape[1], naming.consensus(matrix), *known, name.q, name.also))
    return pd.DataFrame(rows, columns=PATTERN_COLUMNS)


def placed(runs, modisco, keys, members):
    """Where the seqlets of all patterns lie: frame with INSTANCE_COLUMNS, by run, pattern and place.

    start and end are those of the merged pattern in its window, as far as the window reaches; `strand` is `+` where it
    is read as its matrix; `contribution` is summed over its columns.

    Parameters
    ----------
    keys : (ids, targets) of the attribution file of each run.
    """
    parts = []
    for number, path in enumerate(tqdm(modisco, desc="seqlets", unit="run")):
        ids, targets = keys[number]
        with h5py.File(path) as store:
            length = int(store.attrs["window_size"])
            for member in (member for member in members if member.run == number):
                sign, _, rank = member.pattern.name.partition("_")
                seqlets = store[f"{naming.GROUPS[sign]}/pattern_{rank}/seqlets"]
                rows = seqlets["example_idx"][:]
                if len(rows) and rows.max() >= len(ids):
                    raise InputError(f"{path}: a seqlet is of row {rows.max() + 1}; expected one of {len(ids)} rows")
                turned, first, last = seqlets["is_revcomp"][:], seqlets["start"][:], seqlets["end"][:]
                start = np.where(turned, last - member.end, first + member.start)
                scores = member.cut(np.moveaxis(seqlets["contrib_scores"][:], 1, 2), 0)
                part = {"pattern": f"M{member.merged + 1}", **runs[number], "output": targets[rows], "id": ids[rows]}
                part |= {"start": np.maximum(start, 0), "end": np.minimum(start + member.end - member.start, length)}
                part |= {"strand": np.where(turned != member.reverse, "-", "+"), "sign": SIGNS[sign]}
                parts.append(pd.DataFrame(part | {"contribution": scores.sum(axis=(1, 2), dtype=float)}))
    if not parts:
        return pd.DataFrame(columns=INSTANCE_COLUMNS)
    found = pd.concat(parts, ignore_index=True)[list(INSTANCE_COLUMNS)]
    order = found["pattern"].str[1:].astype(int).to_frame().assign(**found[["id", "start", "end", "output"]])
    order["run"] = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    by = ["run", "pattern", "id", "start", "end", "output"]
    return found.loc[order.sort_values(by, kind="stable").index].reset_index(drop=True)


def count_hits(runs, hits, members):
    """Hits of all patterns: frame with pattern, RUN, output, sign and n_hits; None where none were called.

    Raises
    ------
    InputError : a table names a pattern that its run has not.
    """
    if not hits:
        return None
    parts = []
    for number, path in enumerate(hits):
        merged = {member.pattern.name: f"M{member.merged + 1}" for member in members if member.run == number}
        found = table(path, ("target", "pattern"))
        if unknown := sorted(set(found["pattern"]) - set(merged)):
            raise InputError(f"{path}: pattern '{unknown[0]}' is none of those that were merged")
        signs = found["pattern"].str[:3].map(SIGNS)
        part = pd.DataFrame({"pattern": found["pattern"].map(merged), "output": found["target"], "sign": signs})
        parts.append(
            part.groupby(["pattern", "output", "sign"]).size().rename("n_hits").reset_index().assign(**runs[number])
        )
    return pd.concat(parts, ignore_index=True)


def tabulate(runs, keys, instances, hits, described):
    """Frame with COLUMNS: every merged pattern in every cell, a row for each sign that it has there; where it has none,
    one row without sign and of no seqlets.

    Where there are several outputs, they have cells of their own, and one without a name has all of them.
    """
    seeds = {}
    for run, (_, targets) in zip(runs, keys, strict=True):
        outputs = np.unique(targets).tolist()
        for output in outputs if len(outputs) == 1 else ["", *outputs]:
            seeds.setdefault((run["model"], run["split"], run["method"], output), []).append(run["seed"])
    instances, hits = (
        None if rows is None else pd.concat([rows, rows.assign(output="")]) for rows in (instances, hits)
    )
    by = ["pattern", *CELL, "sign"]
    groups = instances.groupby(by, sort=False)
    counts = groups.agg(
        n_seqlets=("id", "size"),
        n_sequences=("id", "nunique"),
        effect=("contribution", "mean"),
        n_seeds=("seed", "nunique"),
    )
    if hits is not None:
        counts = counts.join(hits.groupby(by)["n_hits"].sum(), how="outer")
    cells = {}
    for key, row in counts.iterrows():
        cells.setdefault(key[:-1], []).append((key[-1], row))
    rows = []
    for pattern in described.itertuples(index=False):
        for cell, of in seeds.items():
            found = sorted(cells.get((pattern.pattern, *cell), []), key=lambda item: item[0]) or [("", {})]
            for sign, row in found:
                n_hits = None if hits is None else _whole(row, "n_hits")
                counted = (*(_whole(row, name) for name in ("n_seqlets", "n_sequences")), n_hits)
                rows.append((*pattern, *cell, sign, *counted, row.get("effect"), _whole(row, "n_seeds"), len(of)))
    frame = pd.DataFrame(rows, columns=COLUMNS)
    return frame.astype({"n_hits": "Int64"})


def _whole(row, name):
    value = row.get(name, 0)
    return int(value) if value == value else 0


def list_members(runs, members):
    """Frame with MEMBER_COLUMNS; start, end and strand are those of the merged pattern in the member's columns."""
    rows = [
        (
            f"M{member.merged + 1}",
            *(runs[member.run][name] for name in RUN),
            *(member.pattern.name, member.pattern.n_seqlets, member.r, member.start, member.end),
            "-" if member.reverse else "+",
        )
        for member in members
    ]
    frame = pd.DataFrame(rows, columns=MEMBER_COLUMNS)
    order = sorted(range(len(members)), key=lambda item: (members[item].merged, item))
    return frame.iloc[order].reset_index(drop=True)
