"""De novo motifs from attributions by TF-MoDISco, beside a control run on shuffled attributions."""

import sys
import traceback
from typing import NamedTuple

import h5py
import numpy as np
from modiscolite import io, tfmodisco

from cisflow.attribution import files as attribution_files
from cisflow.config import settings
from cisflow.config.settings import setting
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


def discover(attributions, settings, seed, output, control, summary):
    """Run TF-MoDISco on attributions and on the same attributions shuffled.

    Parameters
    ----------
    attributions : path of an `.npz`.
    settings : Settings.
    seed : of the order in which rows offer their seqlets (`max_seqlets` takes the first) and of the shuffle.
    output, control : paths of the two `.h5` files; without patterns they hold neither group.
    summary : path of the JSON with the counts.
    """
    rows = attribution_files.read(attributions)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(rows.ids))
    codes, hypothetical = rows.codes[order], rows.hypothetical()[order]
    found = logged_run("attributions", codes, hypothetical, settings)
    write_patterns(output, found, order, codes.shape[1])
    shuffled = logged_run("shuffled attributions", *shuffle_positions(codes, hypothetical, rng), settings)
    write_patterns(control, shuffled, order, codes.shape[1])
    files.write_json(
        summary,
        {
            "n_rows": len(rows.ids),
            "n_patterns": found.n_patterns,
            "n_seqlets": found.n_seqlets,
            "control_n_patterns": shuffled.n_patterns,
            "explanation": found.explanation,
            "settings": settings.as_dict(),
        },
    )


def logged_run(name, codes, hypothetical, settings):
    """`find_patterns`, told on stderr."""
    print(f"TF-MoDISco on {name}: {len(codes)} rows of {codes.shape[1]} bp", file=sys.stderr)
    found = find_patterns(codes, hypothetical, settings)
    outcome = f"{found.n_patterns} patterns of {found.n_seqlets} seqlets" if found.n_patterns else found.explanation
    print(f"TF-MoDISco on {name}: {outcome}", file=sys.stderr)
    return found


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


def write_patterns(path, patterns, order, length):
    """Write Patterns as modisco-lite's `.h5`; `order` gives the row of the attribution file of each example."""

    def restore(name, item):
        if name.rpartition("/")[2] == "example_idx":
            item[...] = order[item[...]]

    with files.atomic(path) as temporary:
        io.save_hdf5(temporary, patterns.positive or None, patterns.negative or None, length)
        with h5py.File(temporary, "r+") as store:
            store.visititems(restore)
