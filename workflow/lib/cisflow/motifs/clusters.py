"""Merged patterns beyond their matrices: sub-clusters by effect across outputs, models against each other, and what of
each pattern every sequence has.
"""

import itertools

import numpy as np
import pandas as pd
from scipy import stats
from scipy.cluster import hierarchy
from tqdm import tqdm

from cisflow.attribution import files as attribution_files
from cisflow.attribution import scores
from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.io.tables import table, write_table
from cisflow.motifs import runs

GROUP = ("model", "split", "method")
CLUSTER_COLUMNS = ("cluster", "pattern", *GROUP, "output", "n_seqlets", "n_sequences", "effect", "n_seeds", "seeds")
ENRICHMENT_COLUMNS = (
    *("pattern", "method", "model", "split", "other_model", "other_split"),
    *("n", "total", "other_n", "other_total", "log2_odds", "p_value", "q_value"),
)
MATRIX_COLUMNS = ("pattern", *runs.COLUMNS, "kind", "output", "id", "count", "max", "mean", "sum")
PLACE = ["pattern", "model", "split", "method", "seed", "id", "start", "end", "strand"]


class Settings(settings.Settings):
    """Sub-clusters of merged patterns by their effects on several outputs."""

    distance: float = setting(
        0.7,
        above=0,
        maximum=2,
        meaning="One minus the correlation of effects, which no two seqlets of a cluster exceed.",
    )
    min_seqlets: int = setting(10, minimum=1, meaning="A cluster of fewer seqlets joins the one that is most like it.")
    max_seqlets: int = setting(
        1000,
        minimum=2,
        meaning="Seqlets of a pattern that are clustered; others join the cluster that is most like them.",
    )


def write_clusters(of_table, instances, settings, seed, clusters, enrichment, matrix):
    """Write the three tables on the merged patterns of a dataset.

    Parameters
    ----------
    of_table, instances : paths of the table of runs and of the instances. settings : Settings.
    seed : of the choice of seqlets that are clustered. clusters, enrichment, matrix : paths of the tables.
    """
    of_table = runs.read(of_table)
    found = table(instances, ("pattern", "model", "split", "method", "kind", "output", "id", "strand", "sign"))
    seqlets = found[found["kind"] == "seqlet"]
    write_table(clusters, cluster(of_table, seqlets, settings, np.random.default_rng(seed)))
    write_table(enrichment, compare_models(seqlets))
    write_table(matrix, summarise(found))


def cluster(of_table, seqlets, settings, rng):
    """Frame with CLUSTER_COLUMNS: sub-clusters of each pattern, named M1.1, M1.2, … from the most seqlets down.

    Runs that explain the same outputs are clustered together; a place counts once a run, for whichever outputs it is a
    seqlet. `effect` is the mean over the seqlets of a cluster of the contributions to one output, summed over the
    pattern's columns; only sequences that are explained for all outputs have effects to compare.
    """
    seqlets = seqlets.drop_duplicates(PLACE).sort_values(PLACE, kind="stable", ignore_index=True)
    parts = []
    for outputs, group in _by_outputs(of_table):
        effects = [effects_of(run, outputs, _of_run(seqlets, run)) for run in tqdm(group, desc="effects", unit="run")]
        placed = pd.concat([_of_run(seqlets, run) for run in group], ignore_index=True)
        effects = np.concatenate(effects)
        whole = np.isfinite(effects).all(axis=1)
        seeds = pd.DataFrame([run.key for run in group]).groupby(list(GROUP))["seed"].nunique()
        for pattern in sorted(placed["pattern"].unique(), key=_number):
            of = np.flatnonzero(whole & (placed["pattern"] == pattern).to_numpy())
            labels = by_effect(effects[of], settings, rng)
            for label in range(labels.max(initial=-1) + 1):
                inside = of[labels == label]
                parts += _rows(pattern, label, placed.iloc[inside], effects[inside], outputs, seeds)
    return pd.DataFrame(parts, columns=CLUSTER_COLUMNS)


def _number(pattern):
    return int(pattern[1:])


def _by_outputs(of_table):
    """[(outputs, [Run])] of the runs that explain the same outputs."""
    groups = {}
    for run in of_table:
        outputs = np.unique(attribution_files.read_keys(run.attributions)[1])
        groups.setdefault(tuple(outputs.tolist()), []).append(run)
    return list(groups.items())


def _of_run(seqlets, run):
    same = np.ones(len(seqlets), dtype=bool)
    for column, value in run.key.items():
        same &= (seqlets[column] == value).to_numpy()
    return seqlets[same]


def effects_of(run, outputs, placed):
    """Contributions (n, outputs) of the bases of n places, summed; NaN where a sequence has no row of an output."""
    rows = attribution_files.read(run.attributions)
    place = {key: row for row, key in enumerate(rows.keys())}
    total = np.cumsum(scores.observed(rows.hypothetical(), rows.codes), axis=1, dtype=np.float64)
    total = np.hstack([np.zeros((len(total), 1)), total])
    found = np.full((len(placed), len(outputs)), np.nan)
    ids, starts, ends = (placed[name].to_numpy(kind) for name, kind in (("id", object), ("start", int), ("end", int)))
    for column, output in enumerate(outputs):
        at = np.array([place.get((name, output), -1) for name in ids], dtype=int)
        known = np.flatnonzero(at >= 0)
        found[known, column] = total[at[known], ends[known]] - total[at[known], starts[known]]
    return found


def by_effect(effects, settings, rng):
    """Cluster (n,) int of vectors of effects (n, outputs), 0 that of most.

    Complete linkage of one minus the correlation over outputs, up to `distance`: every two of a cluster are that much
    alike. One output alone has no correlation, and makes one cluster; so do seqlets of which too few are alike.
    """
    n, outputs = effects.shape
    if n < 2 or outputs < 2:
        return np.zeros(n, dtype=int)
    units = effects - effects.mean(axis=1, keepdims=True)
    size = np.linalg.norm(units, axis=1, keepdims=True)
    units = np.divide(units, size, out=np.zeros_like(units), where=size > 1e-12 * np.abs(effects).max(initial=0))
    chosen = np.sort(rng.permutation(n)[: settings.max_seqlets])
    distances = np.clip(1 - units[chosen] @ units[chosen].T, 0, 2)[np.triu_indices(len(chosen), 1)]
    labels = hierarchy.fcluster(hierarchy.linkage(distances, "complete"), settings.distance, "distance")
    names, counts = np.unique(labels, return_counts=True)
    # Of what is clustered of a sample, as large a share.
    kept = np.flatnonzero(counts >= settings.min_seqlets * len(chosen) / n)
    if not len(kept):
        return np.zeros(n, dtype=int)
    centres = np.stack([units[chosen[labels == name]].mean(axis=0) for name in names[kept]])
    length = np.linalg.norm(centres, axis=1, keepdims=True)
    centres = np.divide(centres, length, out=np.zeros_like(centres), where=length > 0)
    nearest = (units @ centres.T).argmax(axis=1)
    numbers = np.full(len(names) + 1, -1)
    numbers[names[kept]] = np.arange(len(kept))
    inside = numbers[labels] >= 0
    nearest[chosen[inside]] = numbers[labels[inside]]
    order = np.argsort(-np.bincount(nearest, minlength=len(kept)), kind="stable")
    return np.argsort(order)[nearest]


def _rows(pattern, label, placed, effects, outputs, seeds):
    """Rows of one cluster, by model, split, method and output."""
    found = []
    for key, places in placed.reset_index(drop=True).groupby(list(GROUP)).groups.items():
        part, mean = placed.iloc[places], effects[places].mean(axis=0)
        counted = (len(part), part["id"].nunique())
        appears = (part["seed"].nunique(), seeds[key])
        for output, effect in zip(outputs, mean, strict=True):
            found.append((f"{pattern}.{label + 1}", pattern, *key, output, *counted, effect, *appears))
    return found


def compare_models(seqlets):
    """Frame with ENRICHMENT_COLUMNS: of every two trainings that one method explains, in how many of the sequences with
    any seqlet each pattern stands, by Fisher's exact test (two-sided), with q-values over all rows.

    A sequence counts once, however many seeds and seqlets it is of. `log2_odds` adds one half to all counts.
    """
    rows = []
    for method, of_method in seqlets.groupby("method"):
        trained = {key: part for key, part in of_method.groupby(["model", "split"])}
        for (one, part), (other, against) in itertools.combinations(trained.items(), 2):
            totals = part["id"].nunique(), against["id"].nunique()
            counts = [frame.groupby("pattern")["id"].nunique() for frame in (part, against)]
            for pattern in sorted(set(counts[0].index) | set(counts[1].index), key=_number):
                n, m = (int(count.get(pattern, 0)) for count in counts)
                cross = np.array([[n, totals[0] - n], [m, totals[1] - m]])
                (a, b), (c, d) = cross + 0.5
                tested = (n, totals[0], m, totals[1], np.log2(a * d / (b * c)), stats.fisher_exact(cross).pvalue)
                rows.append((pattern, method, *one, *other, *tested))
    frame = pd.DataFrame(rows, columns=ENRICHMENT_COLUMNS[:-1])
    frame["q_value"] = stats.false_discovery_control(frame["p_value"]) if rows else None
    return frame.sort_values(["p_value", "pattern", "method", "model"], kind="stable", ignore_index=True)


def summarise(found):
    """Frame with MATRIX_COLUMNS: the sequences by patterns of each run, without the cells that hold nothing.

    `max` is the contribution that is largest in size, with its sign.
    """
    by = ["pattern", *runs.COLUMNS, "kind", "output", "id"]
    ordered = found.assign(size=found["contribution"].abs()).sort_values("size", ascending=False, kind="stable")
    groups = ordered.groupby(by, sort=True)["contribution"]
    frame = groups.agg(count="size", max="first", mean="mean", sum="sum").reset_index()
    order = np.lexsort([frame[name] for name in (*by[:0:-1],)] + [frame["pattern"].map(_number)])
    return frame.iloc[order][list(MATRIX_COLUMNS)]
