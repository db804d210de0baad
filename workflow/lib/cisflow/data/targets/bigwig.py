"""Signal of bigWig files over windows: its mean, sum or largest value."""

import sys

import numpy as np
import pandas as pd
from tqdm import tqdm

from cisflow.config.settings import setting
from cisflow.data import counting, dataset, ledger, sheet
from cisflow.data.counting import Regions
from cisflow.data.targets.common import DESCRIBED, Numbers
from cisflow.errors import listing
from cisflow.io.bigwig import BigWig

# Bases that are read at once.
BASES = 1 << 24
NOTHING = "window without a value"


class Settings(Regions):
    """Signal (bigWig) of the tracks of a sheet over the windows."""

    sheet: str = setting(
        resource=True,
        meaning="Resource with the sheet: a row a track, columns track and file, and file_minus where windows on the "
        "minus strand are read from a file of their own; of two tracks of strand + and -, that is the other's without "
        "it.",
    )
    summary: str = setting(
        "mean", choices=("mean", "sum", "max"), meaning="What a window's, or a bin's, number is of its bases."
    )
    missing: str = setting(
        "zero",
        choices=("zero", "nan"),
        meaning="What a base without a value is: 0, or missing and left out of mean, sum and max. Bases past the end "
        "of a contig are always left out. A contig that the file lacks has no value at any base.",
    )


def collect(settings, windows):
    """Numbers of every track of the sheet: float32 of sums in double precision; NaN where no base has a value.

    Raises
    ------
    InputError : windows that `counting.Places` refuses, a sheet that cannot be read, a file that is no whole bigWig,
        has none of the windows' contigs or is of another assembly.
    """
    tracks = sheet.read(settings.sheet, settings.name, files=("file_minus",))
    other = dataset.opposite(tracks)
    if other is not None:
        # On a window's own strand lies what the file of the other strand holds, where the window is on that one.
        paired = [track if own != track else None for track, own in enumerate(other)]
        lent = [None if track is None else tracks["file"].iloc[other[track]] for track in paired]
        tracks["file_minus"] = tracks["file_minus"].where(tracks["file_minus"].notna(), pd.Series(lent, dtype=object))
    everywhere = {genome: counting.Places(windows, settings, genome) for genome in tracks["genome"].unique()}
    values = next(iter(everywhere.values())).values(len(tracks))
    lines = [ledger.counts(settings.sheet, "target", len(tracks), {})]
    opened = {path: BigWig(path) for path in dict.fromkeys([*tracks["file"], *tracks["file_minus"].dropna()])}
    rows = {}
    for path, minus, genome in tracks[["file", "file_minus", "genome"]].itertuples(index=False):
        for one in (path, minus):
            if one is not None:
                rows[one, genome] = everywhere[genome].on(one, opened[one].lengths, settings.genome)
    for number, track in enumerate(tracks.to_dict("records")):
        numbers, whole, places = values[:, number], track["file_minus"] is None, everywhere[track["genome"]]
        numbers[...] = np.nan
        for path, strand in ((track["file"], False), (track["file_minus"], True)):
            if path is not None:
                chosen = (places.chrom != "") & (whole | (places.minus == strand))
                read(opened[path], rows[path, track["genome"]], places, settings, chosen, numbers)
        known = int(np.isfinite(numbers.reshape(places.n, -1)).any(axis=1).sum())
        source = f"{track['file'].name} ({track['target']})"
        lines.append(ledger.counts(source, "target", known, {NOTHING: places.n - known}))
    return Numbers(values, tracks[["target", *DESCRIBED]], ledger.join(*lines))


def read(file, rows, places, settings, chosen, numbers):
    """Write the numbers of the windows that are chosen, (n,) bool, to those of a track.

    Parameters
    ----------
    file : BigWig. rows : {contig: windows on it}. places : Places.
    numbers : (n,) or (n, bins) float32, of what `Places.values` gives.
    """
    missing = 0.0 if settings.missing == "zero" else np.nan
    contig = np.full(places.n, "", dtype=object)
    for name, some in rows.items():
        contig[some] = name
    absent = chosen & (contig == "")
    if settings.missing == "zero" and absent.any():
        numbers[absent] = 0
        names = listing(dict.fromkeys(places.chrom[absent]))
        print(f"{file.path}: has no contig {names}; {absent.sum()} windows there are 0", file=sys.stderr)
    width = places.end - places.start
    some = np.flatnonzero(chosen & (contig != ""))
    with tqdm(total=len(some), desc=file.path.name, unit="window") as bar:
        for bases in np.unique(width[some]):
            same = some[width[some] == bases]
            step = max(1, BASES // int(bases))
            for part in (same[first : first + step] for first in range(0, len(same), step)):
                found = file.values(contig[part], places.start[part], bases, missing)
                found = summarised(found.reshape(len(part), places.bins, -1), settings.summary)
                numbers[part] = places.in_order(found, part)
                bar.update(len(part))


def summarised(values, summary):
    """Mean, sum or max over the last axis of values that are known; NaN where none is. float64."""
    known = ~np.isnan(values)
    n = known.sum(axis=-1)
    if summary == "max":
        found = np.where(known, values, -np.inf).max(axis=-1).astype(float)
    else:
        found = np.where(known, values, 0).sum(axis=-1, dtype=float)
        if summary == "mean":
            found = found / np.maximum(n, 1)
    return np.where(n > 0, found, np.nan)
