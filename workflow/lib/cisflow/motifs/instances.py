"""Where the seqlets and hits of the patterns of several runs lie, as instances of the merged patterns."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from cisflow.errors import InputError
from cisflow.io.tables import table
from cisflow.motifs import modisco, naming, runs

COLUMNS = (*("pattern", *runs.COLUMNS, "kind", "output", "id", "start", "end", "strand", "sign", "contribution"),)
SIGNS = {"pos": "+", "neg": "-"}


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

    @property
    def sign(self):
        return SIGNS[self.pattern.name.partition("_")[0]]

    def cut(self, values, empty):
        """(4, w) or (n, 4, w) of the file's columns -> those of the merged pattern, `empty` where the file has none."""
        outside = max(0, -self.start), max(0, self.end - values.shape[-1])
        sides = [(0, 0)] * (values.ndim - 1) + [outside]
        wider = np.pad(values, sides, constant_values=empty)[..., self.start + outside[0] : self.end + outside[0]]
        return wider[..., ::-1, ::-1] if self.reverse else wider


def name_of(number):
    """What the merged pattern of a number is called: M1, M2, …"""
    return f"M{number + 1}"


def placed(of_table, keys, members, hits):
    """Where seqlets and hits of all patterns lie: frame with COLUMNS, by run, pattern and place.

    start and end are those of the merged pattern in its window, as far as the window reaches; `strand` is `+` where it
    is read as its matrix; `contribution` is that of a seqlet summed over the columns of the merged pattern, and of a
    hit its score with the sign of its pattern.

    Parameters
    ----------
    of_table : list of Run. keys : (ids, targets) of the attribution file of each run. members : list of Member.
    hits : whether hits were called.

    Raises
    ------
    InputError : a seqlet is of no row of the attributions, or a hit of no pattern.
    """
    parts = []
    for number, run in enumerate(tqdm(of_table, desc="instances", unit="run")):
        own = [member for member in members if member.run == number]
        if own:
            with modisco.opened(run.modisco) as store:
                length = modisco.window_size(run.modisco, store)
                found = [_seqlets(run.modisco, store, member, *keys[number]) for member in own]
            found += _hits(run.hits, own) if hits else []
            parts += [part.assign(run=number, end=part["end"].clip(upper=length), **run.key) for part in found]
    if not parts:
        return pd.DataFrame(columns=COLUMNS)
    whole = pd.concat(parts, ignore_index=True).sort_values(
        ["run", "merged", "kind", "id", "start", "end", "output"], kind="stable", ignore_index=True
    )
    return whole.assign(start=whole["start"].clip(lower=0), pattern=whole["merged"].map(name_of))[list(COLUMNS)]


def _seqlets(path, store, member, ids, targets):
    """The seqlets of a Member in an open file."""
    name, width = member.pattern.name, member.pattern.sequence.shape[1]
    own = modisco.seqlets(path, store, name, len(ids))
    where = f"{modisco.group_of(name)}/seqlets/contrib_scores"
    scores = modisco.array(path, store, where, "iuf", (len(own.rows), width, 4))
    scores = member.cut(np.moveaxis(scores, 1, 2), 0).sum(axis=(1, 2), dtype=float)
    columns = {"kind": "seqlet", "output": targets[own.rows], "id": ids[own.rows], "contribution": scores}
    return _on_merged(member, own.start, own.reverse, columns)


def _hits(path, members):
    """The hits of a table, whose spans are the cores of the Members without flanks."""
    found = table(path, ("id", "target", "pattern", "strand"), ("score",), ("start", "end"))
    named = {member.pattern.name: member for member in members}
    if unknown := sorted(set(found["pattern"]) - set(named)):
        raise InputError(f"{path}: pattern '{unknown[0]}' is none of its run; expected one of {', '.join(named)}")
    parts = []
    for name, of in found.groupby("pattern"):
        member, turned = named[name], (of["strand"] == "-").to_numpy()
        core, width = member.pattern.core(flank=0), member.pattern.sequence.shape[1]
        start = of["start"].to_numpy() - np.where(turned, width - core.stop, core.start)
        scores = of["score"].to_numpy() * (1 if member.sign == "+" else -1)
        columns = {"kind": "hit", "output": of["target"].to_numpy(), "id": of["id"].to_numpy(), "contribution": scores}
        parts.append(_on_merged(member, start, turned, columns))
    return parts


def _on_merged(member, start, turned, columns):
    """Frame of instances of the merged pattern, where those of a Member's pattern with all columns begin at `start`.

    turned : (n,) bool, whether these lie reverse-complemented in their windows.
    """
    width = member.pattern.sequence.shape[1]
    start = start + np.where(turned, width - member.end, member.start)
    strand = np.where(turned != member.reverse, "-", "+")
    placed = {"start": start, "end": start + member.end - member.start, "strand": strand, "sign": member.sign}
    return pd.DataFrame(columns | placed | {"merged": member.merged})
