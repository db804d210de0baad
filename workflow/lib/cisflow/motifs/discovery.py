"""De novo motifs from attributions by TF-MoDISco, beside control runs: on attributions of shuffled sequences, and on
shuffled attributions."""

import sys
import traceback
from typing import NamedTuple

import h5py
import numpy as np
from modiscolite import io, tfmodisco
from tqdm import tqdm

from cisflow.attribution import files as attribution_files
from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.errors import InputError
from cisflow.io import files
from cisflow.sequence import dna


class Settings(settings.Settings):
    """TF-MoDISco."""

    max_seqlets: int = setting(20000, minimum=1, meaning="Seqlets of each sign that take part; time grows with them.")
    n_leiden_runs: int = setting(2, minimum=1, meaning="Runs of the clustering, of which the best is kept.")
    sliding_window_size: int = setting(
        20, minimum=1, meaning="Width of a seqlet's core, in bp; less in windows of less than 100 bp, in proportion."
    )
    flank_size: int = setting(
        5, minimum=1, meaning="Bases added on either side of the core; less in windows of less than 100 bp, likewise."
    )
    target_seqlet_fdr: float = setting(
        0.05, above=0, below=1, meaning="Share of false seqlets, by TF-MoDISco's own null."
    )
    min_seqlets: int = setting(100, minimum=1, meaning="A sign with no more seqlets than this is left out.")
    by_output: bool = setting(
        False,
        meaning="Search the rows of each output by themselves, where several are explained: as many searches, each "
        "with a null of its own. Otherwise all rows share one search.",
    )


# Bits that the best six adjacent columns of a pattern must hold. The library's default of 0.6 is what twenty random
# sequences hold, so that it lets pass what it finds in shuffled attributions; known motifs hold more than 4.
MIN_INFORMATION = 2.0
# Of a pattern while it is put together, in bp: the library's own defaults.
CORE, FLANK = 30, 10


class Patterns(NamedTuple):
    """What TF-MoDISco found: lists of its SeqletSets by sign, and a sentence where both are empty."""

    positive: list
    negative: list
    explanation: str

    @property
    def n_patterns(self):
        return len(self.positive) + len(self.negative)

    @property
    def n_seqlets(self):
        return sum(len(pattern.seqlets) for pattern in self.positive + self.negative)


class Widths(NamedTuple):
    """Widths in bp of a TF-MoDISco run, by its own names.

    sliding_window_size, flank_size : of a seqlet's core and of what is added on either side.
    trim_to_window_size, initial_flank_to_add : of a pattern's core and of what is added on either side.
    """

    sliding_window_size: int
    flank_size: int
    trim_to_window_size: int
    initial_flank_to_add: int


class Part(NamedTuple):
    """Rows that are searched together.

    name : the output, or "" for those of all. rows : (m,) int, rows of the attribution file, in the order in which they
    offer their seqlets.
    """

    name: str
    rows: np.ndarray


def discover(attributions, settings, seed, output, control, summary, null=None, null_output=None):
    """Run TF-MoDISco on attributions and, as controls, on attributions of shuffled sequences and on shuffled ones.

    Parameters
    ----------
    attributions : path of an `.npz`.
    settings : Settings.
    seed : of the order in which rows offer their seqlets (`max_seqlets` takes the first) and of the shuffle.
    output, control : paths of the two `.h5` files; without patterns they hold neither group.
    summary : path of the JSON with the counts.
    null, null_output : paths of the attributions of shuffled sequences under the same network, and of the patterns in
        them; None where there are none.

    Raises
    ------
    InputError : an attribution file that `files.read` refuses, or a null of windows of another length.
    """
    rows = attribution_files.read(attributions)
    length = rows.codes.shape[1]
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(rows.ids))
    parts = parted(rows.targets, order, settings.by_output)
    found = {"attributions": search("attributions", rows.codes, rows.hypothetical(), parts, settings)}
    write_patterns(output, found["attributions"], length)
    back = np.argsort(order)
    shuffled = (own[back] for own in shuffle_positions(rows.codes[order], rows.hypothetical()[order], rng))
    found["control"] = search("shuffled attributions", *shuffled, parts, settings)
    write_patterns(control, found["control"], length)
    if null is not None:
        nulls = attribution_files.read(null)
        if nulls.codes.shape[1] != length:
            raise InputError(f"{null}: windows of {nulls.codes.shape[1]} bp, expected {length} as in {attributions}")
        parts = parted(nulls.targets, rng.permutation(len(nulls.ids)), settings.by_output)
        found["shuffled"] = search("shuffled sequences", nulls.codes, nulls.hypothetical(), parts, settings)
        write_patterns(null_output, found["shuffled"], length)
    files.write_json(summary, summarised(found, settings))


def parted(targets, order, by_output):
    """The Parts of rows with targets (m,) in an order (m,) of all of them: one, or one an output, by name."""
    if not by_output or not len(order):
        return [Part("", order)]
    return [Part(name, order[targets[order] == name]) for name in sorted(set(targets.tolist()))]


def search(name, codes, hypothetical, parts, settings):
    """[(Part, its Patterns)], told on stderr.

    Parameters
    ----------
    name : what is searched, in words. codes : (m, length) uint8. hypothetical : (m, 4, length) float32. Both by rows
        of the attribution file.
    """
    found = []
    for part in tqdm(parts, desc=name, unit="search", disable=len(parts) == 1):
        told = f"TF-MoDISco on {name}{f' of {part.name}' if part.name else ''}"
        print(f"{told}: {len(part.rows)} rows of {codes.shape[1]} bp", file=sys.stderr)
        own = find_patterns(codes[part.rows], hypothetical[part.rows], settings)
        outcome = f"{own.n_patterns} patterns of {own.n_seqlets} seqlets" if own.n_patterns else own.explanation
        print(f"{told}: {outcome}", file=sys.stderr)
        found.append((part, own))
    return found


def summarised(found, settings):
    """What discovery.json holds.

    Parameters
    ----------
    found : {run: [(Part, Patterns)]} of the runs `attributions`, `control` and, where there is one, `shuffled`.
    """
    outputs = []
    for part, own in found["attributions"]:
        counts = {"n_rows": len(part.rows), "n_patterns": own.n_patterns, "n_seqlets": own.n_seqlets}
        for run in [*found][1:]:
            # Rows to shuffle are drawn at random, of some output perhaps none.
            of_part = [(len(other.rows), control) for other, control in found[run] if other.name == part.name]
            counts[f"{run}_n_rows"] = sum(n for n, _ in of_part)
            counts[f"{run}_n_patterns"] = sum(control.n_patterns for _, control in of_part)
            counts[f"{run}_n_seqlets"] = sum(control.n_seqlets for _, control in of_part)
        outputs.append({"output": part.name} | counts | {"explanation": own.explanation})
    totals = {name: sum(line[name] for line in outputs) for name in counts}
    explanation = "" if totals["n_patterns"] else outputs[0]["explanation"]
    if explanation and len(outputs) > 1:
        explanation = f"Nothing in any of {len(outputs)} outputs; in {outputs[0]['output']}: {explanation}"
    told = {"outputs": outputs} if settings.by_output else {}
    return totals | {"explanation": explanation} | told | {"settings": settings.as_dict()}


def find_patterns(codes, hypothetical, settings):
    """The Patterns of one TF-MoDISco run (Shrikumar et al. 2018, arXiv 1811.00416) over whole windows.

    Parameters
    ----------
    codes : (m, length) uint8; an unknown base contributes nothing.
    hypothetical : (m, 4, length) float32.
    settings : Settings.
    """
    one_hot = np.eye(dna.ABSENT + 1, 4, dtype=np.float32)[codes]
    hypothetical = np.ascontiguousarray(np.moveaxis(hypothetical, 1, 2), dtype=np.float32)
    problem = why_impossible((one_hot * hypothetical).sum(axis=2), settings)
    if problem:
        return Patterns([], [], problem)
    try:
        positive, negative = tfmodisco.TFMoDISco(
            one_hot,
            hypothetical,
            **widths(codes.shape[1], settings)._asdict(),
            min_metacluster_size=settings.min_seqlets,
            max_seqlets_per_metacluster=settings.max_seqlets,
            target_seqlet_fdr=settings.target_seqlet_fdr,
            n_leiden_runs=settings.n_leiden_runs,
            min_ic_in_window=MIN_INFORMATION,
        )
    except ZeroDivisionError:
        # Values of a sign are compared with values of that sign drawn from the null, of which there may be none.
        problem = (
            f"Nearly all contributions of {len(codes)} rows are of one sign, so that the null distribution of "
            "TF-MoDISco has nothing to compare the other sign with."
        )
        return Patterns([], [], problem)
    except (IndexError, ValueError) as error:
        # Its fit of a null distribution fails on few windows; no condition on the input foretells it.
        traceback.print_exc()
        problem = f"TF-MoDISco could not fit its null distribution to {len(codes)} rows ({error})."
        return Patterns([], [], problem)
    if positive is None and negative is None:
        problem = (
            f"No more than {settings.min_seqlets} seqlets of either sign stand out in {len(codes)} rows, "
            f"too few to be grouped into patterns."
        )
    elif not positive and not negative:
        problem = f"No group of seqlets of {len(codes)} rows is large and specific enough to be a pattern."
    return Patterns(positive or [], negative or [], problem)


def widths(length, settings):
    """The Widths of a search in windows of `length` bp.

    A seqlet that would reach past its window once it has the width of a pattern is lost, so that windows narrower than
    a pattern and its flanks hold none, and somewhat wider ones hardly any. Where these take more than half a window,
    all widths shrink by the same factor.
    """
    full = Widths(settings.sliding_window_size, settings.flank_size, CORE, FLANK)
    factor = min(1, length / (2 * (CORE + 2 * FLANK)))
    return Widths(*(max(1, round(width * factor)) for width in full))


def why_impossible(contributions, settings):
    """Why seqlets cannot be called on contributions (m, length), as a sentence; "" where they can."""
    m, length = contributions.shape
    width = settings.sliding_window_size
    seqlet = width + 2 * settings.flank_size
    if m == 0:
        return "There is nothing to search: no window of the folds and labels asked for was predicted correctly."
    if length < seqlet:
        return f"The windows of {length} bp are shorter than a seqlet of {seqlet} bp."
    total = np.cumsum(contributions, axis=1, dtype=np.float64)
    total = np.hstack([np.zeros((m, 1)), total])
    sums = total[:, width:] - total[:, :-width]
    if not sums.min() < 0 < sums.max():
        return (
            f"The contributions of {m} rows summed over {width} bp lie between {sums.min():.3g} and {sums.max():.3g}; "
            f"TF-MoDISco needs both signs for its null distribution."
        )
    return ""


def shuffle_positions(codes, hypothetical, rng):
    """Both arrays with the positions of each row permuted, base and scores together.

    Every value is kept and only its place is lost: what TF-MoDISco finds in the result is found by chance.
    """
    order = rng.permuted(np.tile(np.arange(codes.shape[1]), (len(codes), 1)), axis=1)
    return np.take_along_axis(codes, order, axis=1), np.take_along_axis(hypothetical, order[:, None], axis=2)


def write_patterns(path, found, length):
    """Write [(Part, Patterns)] of windows of `length` bp as modisco-lite's `.h5`.

    Patterns of several parts are numbered together, most seqlets first; `example_idx` is the row of the attribution
    file.
    """
    signs = {}
    for sign in ("positive", "negative"):
        signs[sign] = [(pattern, part.rows) for part, patterns in found for pattern in getattr(patterns, sign)]
        if len(found) > 1:
            signs[sign].sort(key=lambda own: -len(own[0].seqlets))

    with files.atomic(path) as temporary:
        io.save_hdf5(temporary, *([pattern for pattern, _ in own] or None for own in signs.values()), length)
        with h5py.File(temporary, "r+") as store:
            for key, own in zip(("pos_patterns", "neg_patterns"), signs.values(), strict=True):
                for number, (_, rows) in enumerate(own):
                    _restore(store[f"{key}/pattern_{number}"], rows)


def _restore(group, rows):
    """Rows of the attribution file, in place of those of a search, in a pattern and its subpatterns."""

    def restore(name, item):
        if name.rpartition("/")[2] == "example_idx":
            item[...] = rows[item[...]]

    group.visititems(restore)
