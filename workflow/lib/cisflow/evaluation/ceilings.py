"""Replicate ceilings: how well one measurement predicts another of the same thing.

Tracks of one modality, class and group that differ in their replicate measure the same. The ceiling of a track is the
mean correlation of its labels with those of each other replicate; that of the mean of k replicates, with the mean of
k others, follows by the formula of Spearman and Brown, k r / (1 + (k - 1) r) (Spearman 1910 and Brown 1910, Br. J.
Psychol. 3:271 and 3:296), r the mean over the pairs. A prediction without noise of its own is correlated with one
measurement by sqrt(r) at most (Spearman 1904, doi 10.2307/1412159), so that a share above 1 is possible: it then
predicts the measurement better than another measurement does.
"""

import itertools
from typing import NamedTuple

import numpy as np

from cisflow.evaluation import axes


class Replicates(NamedTuple):
    """Tracks that measure the same. name : of their group. columns : (k,) int, at least two."""

    name: str
    columns: np.ndarray


def of_tracks(tracks, columns):
    """The Replicates among some tracks, in their order.

    Parameters
    ----------
    tracks : frame of modality, class, group, replicate; a track without a replicate has no other. columns : (t,) int.
    """
    found = {}
    for column in columns:
        row = tracks.iloc[column]
        if row["replicate"] and row["group"]:
            found.setdefault((row["modality"], row["class"], row["group"]), {}).setdefault(row["replicate"], column)
    return [Replicates(key[2], np.array(list(members.values()))) for key, members in found.items() if len(members) > 1]


def spearman_brown(r, k):
    """Reliability of the mean of k measurements of reliability r."""
    return k * r / (1 + (k - 1) * r)


def of_each_track(labels, replicates, metric):
    """(t,) ceiling of each track of labels (n, t), NaN of those without another replicate."""
    found = np.full(labels.shape[1], np.nan)
    for group in replicates:
        table = _pairs(labels[:, group.columns].T, metric)
        found[group.columns] = np.nanmean(np.where(np.eye(len(table)) > 0, np.nan, table), axis=1)
    return found


def of_means(labels, replicates, metric):
    """(groups,) ceiling of the mean of the replicates of each group."""
    found = []
    for group in replicates:
        table = _pairs(labels[:, group.columns].T, metric)
        found.append(spearman_brown(np.nanmean(table[np.triu_indices(len(table), 1)]), len(table)))
    return np.array(found)


def _pairs(values, metric):
    """(k, k) correlations of the rows of values (k, n), each over the members that both have."""
    table = np.full((len(values), len(values)), np.nan)
    for a, b in itertools.combinations(range(len(values)), 2):
        table[a, b] = table[b, a] = _between(values[a : a + 1], values[b : b + 1], metric)[0]
    return table


def of_each_region(labels, tracks, replicates, metric):
    """(n,) ceiling of each region across tracks: the profile in one replicate against that in another.

    For each pair of replicates' names, the groups that have both; the mean over the pairs. NaN without three such
    groups.
    """
    columns = {}
    for group in replicates:
        for column in group.columns:
            columns.setdefault(tracks.iloc[column]["replicate"], {})[group.name, _class(tracks, column)] = column
    found = []
    for a, b in itertools.combinations(sorted(columns), 2):
        shared = [key for key in columns[a] if key in columns[b]]
        if len(shared) >= axes.LEAST:
            one, two = (labels[:, [columns[name][key] for key in shared]] for name in (a, b))
            found.append(_between(one, two, metric))
    if not found:
        return np.full(len(labels), np.nan)
    known = np.isfinite(found).sum(axis=0)
    return np.where(known > 0, np.nansum(found, axis=0) / np.maximum(known, 1), np.nan)


def _class(tracks, column):
    return tracks.iloc[column]["class"]


def _between(one, two, metric):
    """(u,) correlation of the rows of two arrays (u, m) with NaN, over the members that both have."""
    one = np.where(np.isfinite(two), one, np.nan)
    return axes.metrics(one, np.where(np.isfinite(two), two, 0.0), (metric,))[metric]
