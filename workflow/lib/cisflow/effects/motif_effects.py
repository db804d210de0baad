"""Effects of motifs on a network's outputs: singly, by position, and by spacing and orientation to another."""

import sys
from typing import NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.effects import backgrounds, intervals, layouts
from cisflow.effects.layouts import Inserted
from cisflow.errors import InputError, listing
from cisflow.sequence import dna

ESTIMATE = ("effect", "lower", "upper", "sd_backgrounds", "sd_seeds", "n_backgrounds", "n_seeds")
WHERE = ("target", "scale", "background")
COLUMNS = {
    "single": (*WHERE, "motif", "strand", "start", *ESTIMATE),
    "positions": (*WHERE, "motif", "strand", "start", "middle", *ESTIMATE),
    "pairs": (
        *(*WHERE, "first", "second", "orientation", "gap", "distance"),
        *("first_effect", "second_effect", "pair_effect", "interaction", *ESTIMATE[1:]),
    ),
    "interactions": (
        *(*WHERE, "first", "second", "n_layouts", "interaction", *ESTIMATE[1:]),
        *("strongest_orientation", "strongest_gap", "strongest_interaction"),
    ),
}


class Settings(settings.Settings):
    """Effects of motifs that are put into backgrounds."""

    motifs: str = setting(
        None, resource=True, meaning="Resource with matrices of motifs: MEME, JASPAR, TRANSFAC or HOMER."
    )
    matrices: list[str] = setting(
        None, unique=True, meaning="Identifiers of the matrices to put in; all of `motifs` without it."
    )
    sequences: dict[str, str] = setting(
        None, meaning="Further motifs by name, written out; N leaves the background's base."
    )
    instances: str = setting(
        "consensus",
        choices=["consensus", "sampled"],
        meaning="What of a matrix is put in: its most likely bases, or, for each background, bases drawn from it.",
    )
    backgrounds: list[str] = setting(
        ["shuffled"],
        items={"choices": ["low", "shuffled", "random"]},
        min_items=1,
        unique=True,
        meaning="What motifs are put into: `low`, windows of the lowest predictions; `shuffled`, windows with their "
        "dinucleotides shuffled; `random`, independent bases.",
    )
    folds: list[str] = setting(
        ["test"],
        items={"choices": ["train", "valid", "test"]},
        min_items=1,
        unique=True,
        meaning="Folds whose windows backgrounds are made of.",
    )
    n_backgrounds: int = setting(100, minimum=2, meaning="Backgrounds of each kind, drawn anew for each seed.")
    low_share: float = setting(
        0.1,
        above=0,
        maximum=1,
        meaning="Share of the windows, those of the lowest mean rank over the outputs, that `low` draws from.",
    )
    gc: float = setting(
        None, minimum=0, maximum=1, meaning="Share of G and C of `random`; without it, the composition of the windows."
    )
    scale: str = setting(
        "output",
        choices=["output", "prediction", "log", "logit"],
        meaning="Numbers of which effects are differences, and on which those of two motifs are taken to add up: the "
        "network's own outputs (logits of classes), its predictions, or their log or logit.",
    )
    centre: int = setting(
        None,
        minimum=0,
        meaning="Base of the window, from 0, that single motifs and pairs lie around; its middle without it.",
    )
    step: int = setting(10, minimum=1, meaning="Bases from one position to the next, for effects by position.")
    paired: list[str] = setting(
        None, unique=True, meaning="Motifs whose pairs are measured, by name; all without it, see `pairs`."
    )
    pairs: str = setting(
        "different",
        choices=["different", "all", "none"],
        meaning="Pairs of different motifs, those of a motif with itself too, or none.",
    )
    gaps: list[int] = setting(
        [0, 2, 4, 6, 8, 10, 15, 20, 30, 40],
        items={"minimum": 0},
        min_items=1,
        unique=True,
        meaning="Bases between the two motifs of a pair.",
    )


class Plan(NamedTuple):
    """Every layout of a run, each once, and what is read from them.

    layouts : tuples of Sites. single, along : (row of `layouts`, Site). pairs : (row, row of the first alone, row of
    the second alone, Pair).
    """

    layouts: list
    single: list
    along: list
    pairs: list


def plan(found, length, settings):
    """The Plan of Elements in sequences of a length.

    Raises
    ------
    InputError : an element that has no room in the sequences, or around their centre, or a name in `paired` that none
        has.
    """
    widths = [element.width for element in found]
    twice = length if settings.centre is None else 2 * settings.centre
    for element in found:
        if element.width > length:
            raise InputError(f"motif '{element.name}' has {element.width} bp, the network reads {length}")
        start = (twice - element.width) // 2
        if start < 0 or start + element.width > length or twice - start > length:
            raise InputError(
                f"centre: found {settings.centre}; around it there is no room for motif '{element.name}' of "
                f"{element.width} bp in {length} bp"
            )
    names = [element.name for element in found]
    if unknown := [name for name in settings.paired or () if name not in names]:
        raise InputError(f"paired: no motif '{unknown[0]}'; expected one of {listing(names, 12)}")
    rows = {}

    def row(*sites):
        return rows.setdefault(sites, len(rows))

    numbers, strands = range(len(found)), ("+", "-")
    single = [layouts.middle(number, widths[number], twice, strand) for number in numbers for strand in strands]
    along = [
        site
        for number in numbers
        for strand in strands
        for site in layouts.along(number, widths[number], length, settings.step, strand)
    ]
    chosen = numbers if settings.paired is None else [names.index(name) for name in settings.paired]
    chosen = [] if settings.pairs == "none" else sorted(chosen)
    pairs = layouts.pairs(chosen, widths, length, settings.gaps, settings.pairs == "all", twice)
    single = [(row(site), site) for site in single]
    along = [(row(site), site) for site in along]
    pairs = [(row(*pair.sites), *(row(site) for site in pair.sites), pair) for pair in pairs]
    return Plan(list(rows), single, along, pairs)


class Effects(NamedTuple):
    """Moments of one network and kind of background, each with rows as the Plan has them, and a column an output.

    single, along : of the difference that a motif makes. pairs : of the differences that the first, the second and both
    make, and of the interaction, that of both less those of each. interactions : {(first, second): Moments} of the
    mean interaction over the layouts of a pair.
    """

    single: intervals.Moments
    along: intervals.Moments
    pairs: tuple
    interactions: dict


def measure(measured, planned, found, codes, device, settings, rng):
    """The Effects of one network in backgrounds (B, length) uint8.

    Parameters
    ----------
    measured : scales.Measure. planned : Plan. found : Elements. rng : draws instances, where they are sampled.
    """
    n = len(codes)
    if settings.instances == "sampled":
        instances = [_drawn(element, n, rng) for element in found]
    else:
        instances = [np.tile(_consensus(element), (n, 1)) for element in found]
    inserted = Inserted(codes, instances, [(), *planned.layouts])
    values = np.empty((len(inserted), len(measured.names)))
    done = 0
    with tqdm(total=len(inserted), desc="insert", unit="sequence", unit_scale=True) as bar:
        for part in measured.stream(inserted, device):
            values[done : done + len(part)] = part
            done += len(part)
            bar.update(len(part))
    values = values.reshape(len(planned.layouts) + 1, n, -1)
    # (B, layouts, outputs): what each layout adds to its own background.
    added = (values[1:] - values[0]).swapaxes(0, 1)
    moments = intervals.moments
    both, first, second = (added[:, [item[part] for item in planned.pairs]] for part in range(3))
    interaction = both - first - second
    by_pair = {}
    for number, (*_, pair) in enumerate(planned.pairs):
        by_pair.setdefault((pair.first, pair.second), []).append(number)
    return Effects(
        moments(added[:, [row for row, _ in planned.single]]),
        moments(added[:, [row for row, _ in planned.along]]),
        tuple(moments(part) for part in (first, second, both, interaction)),
        {pair: moments(interaction[:, numbers].mean(axis=1)) for pair, numbers in by_pair.items()},
    )


def _consensus(element):
    """(w,) uint8; a column that says nothing leaves the background's base."""
    flat = np.ptp(element.matrix, axis=0) == 0
    return np.where(flat, dna.UNKNOWN, element.consensus)


def _drawn(element, n, rng):
    flat = np.ptp(element.matrix, axis=0) == 0
    return np.where(flat, dna.UNKNOWN, element.drawn(n, rng))


def draw_backgrounds(kind, measured, codes, device, settings, rng):
    """Backgrounds (B, length) uint8 of a kind for one network, of windows (n, length) uint8."""
    scores = None
    if kind == "low":
        values = measured(codes, device)
        scores = values.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable").mean(axis=1)
    drawn = backgrounds.draw(kind, codes, settings.n_backgrounds, rng, scores, settings.low_share, settings.gc)
    if len(drawn) < settings.n_backgrounds:
        print(f"backgrounds: {len(drawn)} of {settings.n_backgrounds}, as many as there are windows", file=sys.stderr)
    if len(drawn) < 2:
        raise InputError(f"backgrounds: {len(drawn)} window in folds {listing(settings.folds, 3)}; expected 2 or more")
    return drawn


def tables(planned, found, of_kinds, targets, scale):
    """{name: frame} of COLUMNS, from the Effects of every network.

    Parameters
    ----------
    of_kinds : {kind of background: [Effects of each seed]}. targets : names of what is measured.
    """
    parts = {name: [] for name in COLUMNS}
    for kind, effects in of_kinds.items():
        for name, frame in _of_kind(planned, found, effects, targets).items():
            parts[name].append(frame.assign(scale=scale, background=kind))
    # A table without rows has its columns all the same.
    return {
        name: pd.concat(frames, ignore_index=True).reindex(columns=list(COLUMNS[name]))
        for name, frames in parts.items()
    }


def _of_kind(planned, found, effects, targets):
    names, widths = [element.name for element in found], [element.width for element in found]
    sites = {"single": planned.single, "positions": planned.along}
    frames = {}
    for name, moments in (("single", [e.single for e in effects]), ("positions", [e.along for e in effects])):
        rows = [
            {
                "motif": names[site.element],
                "strand": site.strand,
                "start": site.start,
                "middle": site.start + widths[site.element] / 2,
            }
            for _, site in sites[name]
        ]
        frames[name] = _filled(rows, moments, targets, "effect")
    rows = [
        {
            "first": names[pair.first],
            "second": names[pair.second],
            "orientation": pair.orientation,
            "gap": pair.gap,
            "distance": pair.distance(widths),
        }
        for *_, pair in planned.pairs
    ]
    pairs = _filled(rows, [e.pairs[3] for e in effects], targets, "interaction")
    for place, column in enumerate(("first_effect", "second_effect", "pair_effect")):
        pairs[column] = _filled(rows, [e.pairs[place] for e in effects], targets, column)[column]
    frames["pairs"] = pairs
    frames["interactions"] = _interactions(pairs, names, effects, targets)
    return frames


def _interactions(pairs, names, effects, targets):
    """A row for each output and pair of motifs: the mean interaction over layouts, and the strongest one."""
    keys = list(effects[0].interactions)
    rows = [{"first": names[first], "second": names[second]} for first, second in keys]
    moments = [
        intervals.Moments(
            *(
                np.stack([getattr(e.interactions[key], part) for key in keys]).reshape(len(keys), len(targets))
                if keys
                else np.empty((0, len(targets)))
                for part in ("mean", "variance")
            ),
            e.single.n,
        )
        for e in effects
    ]
    frame = _filled(rows, moments, targets, "interaction")
    if frame.empty:
        return frame
    by = ["target", "first", "second"]
    grouped = pairs.groupby(by, sort=False)
    frame = frame.merge(grouped.size().rename("n_layouts").reset_index(), on=by)
    strongest = pairs.loc[grouped["interaction"].apply(lambda values: values.abs().idxmax())]
    renamed = {name: f"strongest_{name}" for name in ("orientation", "gap", "interaction")}
    return frame.merge(strongest[[*by, *renamed]].rename(columns=renamed), on=by)


def _filled(rows, moments, targets, what):
    """Frame with a row for each output and each of `rows`, and the Estimate of it under the name `what`."""
    found = intervals.estimate(moments)
    frames = []
    for number, target in enumerate(targets):
        frame = pd.DataFrame(rows)
        frame.insert(0, "target", [target] * len(rows))
        for name, values in zip((what, *ESTIMATE[1:5]), found, strict=True):
            frame[name] = values[:, number] if len(rows) else pd.Series(dtype=float)
        frames.append(frame.assign(n_backgrounds=moments[0].n, n_seeds=len(moments)))
    return pd.concat(frames, ignore_index=True)
