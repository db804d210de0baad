"""Pairs of motifs: how often both stand in a sequence, how far apart and which way round, against shuffled sites."""

import itertools
import sys
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from cisflow.attribution import files as attribution_files
from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.io.tables import table, write_table
from cisflow.motifs import modisco, naming, runs

PAIR = ("first", "second", "first_name", "second_name")
TOGETHER_COLUMNS = (
    *PAIR,
    *("n_sequences", "n_first", "n_second", "n_both", "expected", "log2_ratio", "p_value", "q_value"),
)
SPACING_COLUMNS = (
    *(*PAIR, "orientation", "n_pairs", "expected_pairs", "orientation_p_value", "orientation_q_value"),
    *("distance", "n", "expected", "p_value", "q_value"),
)
DISTANCE_COLUMNS = (*PAIR, "orientation", "distance", "n", "expected")
# How the second motif lies to the first as that is read: behind it or before it on its strand, then on the other one.
# Two of one pattern on one strand are the first of these.
ORIENTATIONS = ("first> second>", "second> first>", "first> <second", "<second first>")
# Pairs of patterns whose distances are written, for the figure.
LISTED = 20


class Settings(settings.Settings):
    """Spacing of pairs of merged patterns."""

    max_distance: int = setting(100, minimum=10, meaning="Farthest that two motifs are apart, middle to middle, in bp.")
    null: str = setting(
        "pattern",
        choices=["pattern", "uniform"],
        meaning="Where shuffled sites lie: `pattern`, where any of the same pattern lie, so that what a motif prefers "
        "of a window is no spacing; `uniform`, anywhere. Each sequence keeps how many it has.",
    )
    min_pairs: int = setting(20, minimum=1, meaning="Pairs of sites within reach, below which patterns are not tested.")


class Sites(NamedTuple):
    """Places of merged patterns, each once however many runs show it; by sequence, then pattern.

    sequence, pattern : (n,) int. middle : (n,) int, twice the middle (start + end - 1). strand : (n,) int, 1 or -1.
    """

    sequence: np.ndarray
    pattern: np.ndarray
    middle: np.ndarray
    strand: np.ndarray


class Counts(NamedTuple):
    """Pairs of sites in the same sequence, by pair of patterns.

    observed : (pairs, 4, max_distance + 1) int, by orientation and distance of the middles, rounded down. expected :
    the same, float64, of shuffled sites. total : (pairs,) int, at any distance.
    """

    observed: np.ndarray
    expected: np.ndarray
    total: np.ndarray


def write_spacing(of_table, merged, instances, settings, together, spacing, distances):
    """Write the three tables on pairs of merged patterns of a dataset.

    Parameters
    ----------
    of_table, merged, instances : paths of the table of runs, of the merged patterns and of their instances; of these,
        hits are used where there are any, else seqlets.
    settings : Settings. together, spacing, distances : paths of the tables.
    """
    patterns = table(merged, ("pattern", "match_name", "consensus"), whole=("width",)).drop_duplicates("pattern")
    names = patterns["pattern"].tolist()
    titles = patterns["match_name"].where(patterns["match_name"] != "", patterns["consensus"]).tolist()
    sequences, length = read_sequences(runs.read(of_table))
    sites = read_sites(instances, names, sequences)
    print(f"{len(sites.middle)} sites of {len(names)} patterns in {len(sequences)} sequences", file=sys.stderr)
    pairs = list(itertools.combinations_with_replacement(range(len(names)), 2))
    widths = patterns["width"].to_numpy()
    counts = count(sites, pairs, widths, length, settings)
    nearest = least_distances(pairs, widths)
    found = preferred(counts, pairs, nearest, settings.min_pairs)
    frames = (
        (together, TOGETHER_COLUMNS, co_occurrence(sites, len(names), len(sequences))),
        (spacing, SPACING_COLUMNS, found),
        (distances, DISTANCE_COLUMNS, by_distance(counts, pairs, nearest, found)),
    )
    for path, columns, frame in frames:
        for side in ("first", "second"):
            frame[f"{side}_name"] = [titles[number] for number in frame[side]]
            frame[side] = [names[number] for number in frame[side]]
        write_table(path, frame[list(columns)])


def read_sequences(of_table):
    """({id: number} of the sequences that any run explains, the length of their windows)."""
    ids = [attribution_files.read_keys(run.attributions)[0] for run in of_table]
    with modisco.opened(of_table[0].modisco) as store:
        length = modisco.window_size(of_table[0].modisco, store)
    return {name: number for number, name in enumerate(np.unique(np.concatenate(ids)).tolist())}, length


def read_sites(path, patterns, sequences):
    """The Sites of a table of instances.

    Of instances of one pattern that overlap, from several runs or outputs or on either strand, the one that most of
    them agree on is the site.

    Parameters
    ----------
    patterns : names, in order. sequences : {id: number}.
    """
    found = table(path, ("pattern", "kind", "id", "strand"), ("start", "end"))
    if (found["kind"] == "hit").any():
        found = found[found["kind"] == "hit"]
    counted = found.groupby(["id", "pattern", "start", "end", "strand"]).size().rename("votes").reset_index()
    counted = counted.sort_values("votes", ascending=False, kind="stable").sort_values(["id", "pattern"], kind="stable")
    number, kept = {name: place for place, name in enumerate(patterns)}, []
    for (name, pattern), group in itertools.groupby(counted.itertuples(index=False), lambda row: (row.id, row.pattern)):
        taken = []
        for row in group:
            if all(row.start >= end or row.end <= start for start, end in taken):
                taken.append((row.start, row.end))
                strand = 1 if row.strand == "+" else -1
                kept.append((sequences[name], number[pattern], row.start + row.end - 1, strand))
    return Sites(*np.array(sorted(kept), dtype=int).reshape(-1, 4).T)


def co_occurrence(sites, n_patterns, n_sequences):
    """Frame on every two patterns that both have sites: Fisher's exact test (two-sided) of whether the same sequences
    hold both, and q-values (Benjamini and Hochberg) over the pairs.
    """
    held = np.zeros((n_patterns, n_sequences), dtype=int)
    held[sites.pattern, sites.sequence] = 1
    n, both = held.sum(axis=1), held @ held.T
    rows = []
    for first, second in itertools.combinations(np.flatnonzero(n), 2):
        of = (n[first], n[second], both[first, second])
        expected = n[first] * n[second] / n_sequences
        cross = [[of[2], of[0] - of[2]], [of[1] - of[2], n_sequences - of[0] - of[1] + of[2]]]
        ratio = np.log2((of[2] + 0.5) / (expected + 0.5))
        rows.append((first, second, n_sequences, *of, expected, ratio, stats.fisher_exact(cross).pvalue))
    frame = pd.DataFrame(rows, columns=["first", "second", *TOGETHER_COLUMNS[4:-1]])
    frame["q_value"] = adjusted(frame["p_value"])
    return frame.sort_values(["p_value", "first", "second"], ignore_index=True)


def count(sites, pairs, widths, length, settings):
    """The Counts of pairs of patterns (first, second), of which none is lower than the one before it."""
    n = len(widths)
    number = np.zeros((n, n), dtype=int)
    number[tuple(np.array(pairs, dtype=int).reshape(-1, 2).T)] = np.arange(len(pairs))
    one, other = _together(sites.sequence)
    # Sites are sorted by pattern within a sequence, so that `one` has the first of a pair.
    pair = number[sites.pattern[one], sites.pattern[other]]
    same = sites.pattern[one] == sites.pattern[other]
    apart = (sites.middle[other] - sites.middle[one]) * sites.strand[one]
    opposite = sites.strand[one] != sites.strand[other]
    # Of two of one pattern on one strand, either may be called the first.
    before = (apart < 0) & ~(same & ~opposite)
    distance = np.abs(apart) // 2
    near = distance <= settings.max_distance
    observed = np.zeros((len(pairs), len(ORIENTATIONS), settings.max_distance + 1), dtype=int)
    np.add.at(observed, (pair[near], (2 * opposite + before)[near], distance[near]), 1)
    total = np.bincount(pair, minlength=len(pairs))
    chance = _chance(sites, pairs, widths, length, settings)
    return Counts(observed, chance * total[:, None, None], total)


def _together(sequence):
    """Indices (one, other) of every two sites of one sequence, one before other; `sequence` (n,) is sorted."""
    places = np.arange(len(sequence))
    following = np.searchsorted(sequence, sequence, side="right") - places - 1
    one = np.repeat(places, following)
    return one, one + 1 + np.arange(len(one)) - np.repeat(np.cumsum(following) - following, following)


def _chance(sites, pairs, widths, length, settings):
    """Probability (pairs, 4, max_distance + 1) of each orientation and distance of two sites of a sequence.

    It is that over all shuffles, without drawing any: a shuffled site has the place and strand of any site of its
    pattern with equal probability, so that differences of places are the correlation of two histograms.
    """
    places = np.zeros((len(widths), 2, 2 * length))
    if settings.null == "uniform":
        for pattern, width in enumerate(widths):
            places[pattern, :, width - 1 : max(2 * length - width, width) : 2] = 1
    else:
        np.add.at(places, (sites.pattern, (sites.strand < 0).astype(int), sites.middle), 1)
    spectra = np.fft.rfft(places, 4 * length)
    n = places.sum(axis=(1, 2))
    found = np.zeros((len(pairs), len(ORIENTATIONS), settings.max_distance + 1))
    for number, (first, second) in enumerate(pairs):
        # [strand of the first, strand of the second, difference of the middles]; counts, but for rounding.
        apart = np.rint(np.fft.irfft(spectra[first, :, None].conj() * spectra[second, None], 4 * length))
        ways = n[first] * n[second]
        if first == second and settings.null == "pattern":
            # No site is its own neighbour.
            apart[[0, 1], [0, 1], 0] -= places[first].sum(axis=1)
            ways = n[first] * (n[first] - 1)
        for opposite in (0, 1):
            # On the other strand, before is behind.
            read = apart[0, opposite] + np.roll(apart[1, 1 - opposite][::-1], 1)
            behind, ahead = _by_distance(read, settings.max_distance)
            folded = first == second and not opposite
            found[number, 2 * opposite] = behind + ahead if folded else behind
            found[number, 2 * opposite + 1] = 0 if folded else ahead
        found[number] /= max(ways, 1)
    return found


def _by_distance(values, furthest):
    """Sums (furthest + 1,) of values at differences of doubled middles, those from 0 up and those below 0."""
    reach = 2 * furthest + 2
    behind = np.zeros(reach)
    ahead = np.zeros(reach)
    half = min(reach, len(values) // 2)
    behind[:half] = values[:half]
    ahead[1:half] = values[-1:-half:-1]
    return behind.reshape(-1, 2).sum(axis=1), ahead.reshape(-1, 2).sum(axis=1)


def least_distances(pairs, widths):
    """(pairs,) int: the distance of the middles from which on two sites share no base, but for the patterns' flanks.

    Nearer ones are mostly one place that resembles both: of planted IRF3 and RFX5, 12 hits had the other 10 bp on.
    """
    cores = np.maximum(widths - 2 * naming.FLANK, 1)
    return np.array([-(-(cores[first] + cores[second]) // 2) for first, second in pairs], dtype=int)


def preferred(counts, pairs, nearest, min_pairs):
    """Frame on the pairs of patterns with at least `min_pairs` pairs of sites within reach, a row an orientation.

    Orientation: binomial test (two-sided) of its pairs of sites among all of the pair, against its share among
    shuffled ones. Distance: the one that is most unlikely, with the binomial probability of as many pairs of sites or
    more among all pairs of the sequences, corrected for the number of distances (Sidak 1967). q-values (Benjamini and
    Hochberg) are over the rows.
    """
    rows = []
    for number, (first, second) in enumerate(pairs):
        observed, expected = (values[number, :, nearest[number] :] for values in (counts.observed, counts.expected))
        if observed.sum() < min_pairs:
            continue
        totals, chance = observed.sum(axis=1), expected.sum(axis=1)
        p = stats.binom.sf(observed - 1, counts.total[number], np.minimum(expected / counts.total[number], 1))
        for place, orientation in _orientations(first, second):
            best = int(p[place].argmin())
            of_orientation = stats.binomtest(int(totals[place]), int(totals.sum()), chance[place] / chance.sum()).pvalue
            of_distance = -np.expm1(observed.shape[1] * np.log1p(-min(p[place, best], 1 - 1e-16)))
            at = (best + nearest[number], observed[place, best], expected[place, best])
            rows.append((first, second, orientation, totals[place], chance[place], of_orientation, *at, of_distance))
    names = ["first", "second", "orientation", "n_pairs", "expected_pairs", "orientation_p_value"]
    frame = pd.DataFrame(rows, columns=[*names, "distance", "n", "expected", "p_value"])
    frame["orientation_q_value"] = adjusted(frame["orientation_p_value"])
    frame["q_value"] = adjusted(frame["p_value"])
    return frame.sort_values(["p_value", "first", "second", "orientation"], ignore_index=True)


def _orientations(first, second):
    """[(number, orientation)] that two patterns can have."""
    return [item for item in enumerate(ORIENTATIONS) if first != second or item[0] != 1]


def by_distance(counts, pairs, nearest, found):
    """Frame with the counts at every distance of the LISTED pairs of patterns that are most unlikely."""
    rows = []
    chosen = found[["first", "second"]].drop_duplicates().head(LISTED)
    for first, second in chosen.itertuples(index=False):
        number = pairs.index((first, second))
        for place, orientation in _orientations(first, second):
            for distance in range(nearest[number], counts.observed.shape[2]):
                at = (values[number, place, distance] for values in (counts.observed, counts.expected))
                rows.append((first, second, orientation, distance, *at))
    return pd.DataFrame(rows, columns=["first", "second", *DISTANCE_COLUMNS[4:]])


def adjusted(p):
    """q-values of p-values, by Benjamini and Hochberg."""
    return stats.false_discovery_control(p) if len(p) else p
