"""Saturation mutagenesis of regions: what every single base there does to the outputs of networks, exactly."""

import re

import numpy as np
import pandas as pd

from cisflow.attribution import blocks
from cisflow.attribution.targets import Targets
from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.effects import intervals, scales
from cisflow.errors import InputError, listing
from cisflow.sequence import dna

COLUMNS = (
    *("region", "chrom", "pos", "position", "reference", "base", "target"),
    *("effect", "lower", "upper", "sd_seeds", "n_seeds"),
)
LOCUS = re.compile(r"(.+):(\d{1,12})-(\d{1,12})")


class Settings(settings.Settings):
    """Saturation mutagenesis by exact ISM, on the network's outputs."""

    regions: list[str] = setting(
        min_items=1,
        unique=True,
        meaning="Windows of the dataset by their ids, or, with `genome`, regions such as `chr1:100-140` (from 0, "
        "half-open) that lie in the middle of what the network reads.",
    )
    genome: str = setting(None, resource=True, meaning="Resource with the genome that regions refer to.")


def read(regions, dataset, genome=None):
    """(codes (n, length) uint8, [(name, chrom, start of the first base, strand, first, last)]) of regions.

    `first` and `last` bound what is mutated, in a row of `codes`; chrom is "" and start None where they are unknown.

    Raises
    ------
    InputError : a name that is neither a window nor a region, a region that is not on the genome or longer than what
        the network reads.
    """
    length, codes, found = dataset.codes.shape[1], [], []
    row_of = {name: row for row, name in enumerate(dataset.ids)}
    for name in regions:
        if name in row_of:
            window = dataset.frame.iloc[row_of[name]]
            known = bool(window["chrom"]) and not pd.isna(window["start"])
            codes.append(np.asarray(dataset.codes[row_of[name]]))
            start = int(window["start"]) if known else None
            place = (window["chrom"], start, window["strand"] or "+") if known else ("", None, "+")
            found.append((name, *place, 0, length))
            continue
        locus = LOCUS.fullmatch(name)
        if genome is None or locus is None:
            expected = "an id of windows.tsv" if genome is None else "an id of windows.tsv, or a region as chr1:100-140"
            raise InputError(f"regions: '{name}' is no window; expected {expected}, such as {listing(dataset.ids, 2)}")
        chrom, start, end = locus[1], int(locus[2]), int(locus[3])
        if problem := genome.problem(chrom, start, end):
            raise InputError(f"regions: '{name}': {problem}")
        if end - start > length:
            raise InputError(f"regions: '{name}' has {end - start} bp, the network reads {length}; expected fewer")
        first = (length - (end - start)) // 2
        codes.append(genome.fetch(chrom, start - first, start - first + length, pad=True))
        found.append((name, chrom, start - first, "+", first, first + end - start))
    return np.stack(codes), found


def mutated(network, codes, entries, device):
    """(names of what is measured, effects (n, g, 4, length) float32 of each base in place of the one there).

    They are of its own outputs, the mean over both strands where it predicts that; 0 at the base that is there.

    Parameters
    ----------
    entries : as of `explain.outputs`; None is every output.
    """
    names, weights = scales.measured(network, entries)
    return names, blocks.multipliers(network, codes, Targets(weights, network.n_outputs), "ism", device)


def table(regions, codes, effects, targets):
    """saturation.tsv: a row for each region, output, position and base that is not the one there.

    Parameters
    ----------
    regions, codes : of `read`. effects : (networks, n, g, 4, length). targets : names of the outputs.
    """
    found, frames = intervals.over_seeds(effects), []
    n = len(effects)
    for row, (name, chrom, start, strand, first, last) in enumerate(regions):
        length = codes.shape[1]
        at = np.repeat(np.arange(first, last), 4)
        base = np.tile(np.arange(4), last - first)
        kept = codes[row][at] != base
        at, base = at[kept], base[kept]
        place = None if start is None else (start + at if strand != "-" else start + length - 1 - at) + 1
        own = {
            "region": name,
            "chrom": chrom,
            "pos": pd.array(place if place is not None else [pd.NA] * len(at), dtype="Int64"),
            "position": at,
            "reference": list(dna.decode(codes[row][at])),
            "base": np.array(list(dna.BASES))[base],
        }
        for number, target in enumerate(targets):
            values = {key: part[row, number, base, at] for key, part in zip(COLUMNS[7:10], found[:3], strict=True)}
            values |= {"sd_seeds": found.sd_seeds[row, number, base, at], "n_seeds": n}
            frames.append(pd.DataFrame(own | {"target": target} | values, columns=list(COLUMNS)))
    return pd.concat(frames, ignore_index=True)
