"""The dataset folder: windows, sequences, labels, folds and near-duplicates. It is written and read here alone.

    windows.tsv           id, chrom, start, end, strand and a column a target; coordinates are empty where unknown
    sequences.npy         uint8 base codes (n, length)
    targets.npy           float32 labels (n, t), NaN = missing
    targets.tsv           the t targets with counts; its column `task` says what a label means, binary where it lacks;
                          of numbers from `targets`, modality, class, group and replicate of each too, and its strand
                          where tracks are of one
    weights.npy           float32 (n, t), how much each label counts, where they do not count alike
    profiles.npy          float32 (n, t, bins), where numbers are counted in bins; labels are their totals
    transforms.json       what was done to the numbers of each modality, enough to undo it
    inputs.tsv            of several sequences a sample: name, start and end of each in a row of sequences.npy
    genomes.tsv           the genome of each window, where there are several
    folds.tsv             the fold that the source's file gives each window, where it does
    truth.tsv             of planted windows: where the instances of each motif lie
    ledger.tsv            what became of every row that the source read, see `data.ledger`
    matching.tsv          of drawn negatives and their positives: what they were matched on
    contigs.tsv           where a file writes the names of chromosomes otherwise than the genome: file, name, known
    near_duplicates.tsv   pairs of windows that are nearly the same sequence
    splits/<split>.tsv    the fold of each window

Rows are joined by id, and every reader checks their number.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from cisflow import tasks
from cisflow.data import ledger, transforms
from cisflow.errors import InputError, listing
from cisflow.io import files
from cisflow.io.arrays import read_array, write_array
from cisflow.io.tables import read_table, refuse_duplicates, table, write_table
from cisflow.tasks.task import Task

COLUMNS = ("id", "chrom", "start", "end", "strand")
# The name of the macro mean over targets and of the mean over seeds, in tables of metrics.
MEAN = "mean"
TRACKS = ("target", "modality", "class", "group", "replicate")
# Of a track that is of one strand of the windows, "+" or "-"; "" of one that is not.
STRAND = "strand"
# The modality of targets that name none.
ONLY = "signal"
OPTIONAL = ("weights.npy", "profiles.npy", "transforms.json", "inputs.tsv", "genomes.tsv", "folds.tsv")
FOLDS = ("train", "valid", "test")


class Dataset(NamedTuple):
    """A dataset in memory.

    Attributes
    ----------
    ids : (n,) str. codes : (n, length) uint8. labels : (n, t) float32, NaN = missing. targets : t names.
    task : what a label means.
    frame : windows with id, chrom, start, end, strand; None where `read` was not asked for coordinates.
    tracks : (t rows) text columns target, modality, class, group, replicate, and strand where some are of one; ""
        where unknown, None of one modality without any.
    weights : (n, t) float32, or None where all labels count alike.
    profiles : (n, t, bins) float32, mapped, or None. transforms : {modality: list of dicts}, see `data.transforms`.
    inputs : (name, start, end) of each of several sequences a sample. genomes, folds : (n,) str, or None.
    """

    ids: np.ndarray
    codes: np.ndarray
    labels: np.ndarray
    targets: list
    task: Task = tasks.get(tasks.DEFAULT)
    frame: pd.DataFrame | None = None
    tracks: pd.DataFrame | None = None
    weights: np.ndarray | None = None
    profiles: np.ndarray | None = None
    transforms: dict | None = None
    inputs: tuple = ()
    genomes: np.ndarray | None = None
    folds: np.ndarray | None = None

    @property
    def modalities(self):
        """{modality: its number of targets}, in the order of the targets; those of one modality stand together."""
        return _modalities(len(self.targets), self.tracks)

    @property
    def opposite(self):
        """Of each target the one that speaks of it when a window is read on its other strand, see `opposite`."""
        return None if self.tracks is None else opposite(self.tracks)


def opposite(tracks):
    """The other of two tracks of one signal on both strands, of each of t: its number, or its own where it is of none.

    Two belong together that have one modality, class, group and replicate, one of strand + and one of strand -.

    Parameters
    ----------
    tracks : (t rows) columns of TRACKS, and STRAND.

    Returns
    -------
    list of t ints, or None where no track is of a strand.

    Raises
    ------
    InputError : a track of one strand without one, or with several, of the other.
    """
    if STRAND not in tracks.columns or not (tracks[STRAND] != "").any():
        return None
    found, alike = list(range(len(tracks))), {}
    for number, (strand, *key) in enumerate(tracks[[STRAND, *TRACKS[1:]]].itertuples(index=False)):
        if strand:
            alike.setdefault(tuple(key), []).append((strand, number))
    for members in alike.values():
        if sorted(strand for strand, _ in members) != ["+", "-"]:
            names = listing(f"'{tracks['target'].iloc[number]}' ({strand})" for strand, number in members)
            raise InputError(
                f"tracks of one strand: found {names} with one class, group and replicate; expected two, one of strand "
                f"+ and one of strand -"
            )
        (_, first), (_, second) = members
        found[first], found[second] = second, first
    return found


def read(folder, mmap=False, coordinates=False):
    """The Dataset that `cisflow windows` wrote into `folder`.

    Parameters
    ----------
    mmap : map sequences, labels and weights instead of reading them; profiles are mapped in any case.
    coordinates : read the frame of coordinates too.

    Raises
    ------
    InputError : a file is absent or incomplete, its task is unknown, or the files disagree on the number of windows
        or targets.
    """
    folder = Path(folder)
    frame = read_windows(folder / "windows.tsv") if coordinates else None
    ids = read_ids(folder / "windows.tsv") if frame is None else frame["id"].to_numpy(dtype=str)
    targets, task = read_targets(folder / "targets.tsv")
    codes = read_sequences(folder / "sequences.npy", len(ids), mmap)
    labels = read_array(folder / "targets.npy", np.float32, (len(ids), len(targets)), mmap=mmap)
    found = {"tracks": read_tracks(folder / "targets.tsv")}
    for name, shape, mapped in (("weights", (), mmap), ("profiles", (None,), True)):
        if (path := folder / f"{name}.npy").exists():
            found[name] = read_array(path, np.float32, (len(ids), len(targets), *shape), mmap=mapped)
    if (path := folder / "transforms.json").exists():
        found["transforms"] = _read_transforms(path, len(targets), found["tracks"])
    if (path := folder / "inputs.tsv").exists():
        spans = table(path, ("name",), whole=("start", "end"))
        found["inputs"] = tuple(zip(spans["name"], spans["start"], spans["end"], strict=True))
    if (path := folder / "genomes.tsv").exists():
        found["genomes"] = _read_genomes(path, ids)
    if (path := folder / "folds.tsv").exists():
        found["folds"] = read_folds(path, ids)
    return Dataset(ids, codes, labels, targets, task, frame, **found)


def _read_transforms(path, n, tracks):
    """What was done to the numbers of n targets; it can be undone (InputError)."""
    done = files.read_record(path)
    try:
        transforms.undo(done, _modalities(n, tracks), np.zeros((1, n)))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: not the transforms of {n} targets that `cisflow windows` writes: {error}") from error
    return done


def _modalities(n, tracks):
    return {ONLY: n} if tracks is None else tracks.groupby("modality", sort=False).size().to_dict()


def read_tracks(path):
    """Frame of TRACKS, and STRAND where it has that, from a targets.tsv; None where it says nothing of its targets but
    their names.
    """
    frame = read_table(path, ["target"], text=(*TRACKS, STRAND))
    if "modality" not in frame.columns:
        return None
    tracks = frame.reindex(columns=[*TRACKS, *([STRAND] if STRAND in frame.columns else [])]).fillna("")
    try:
        opposite(tracks)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return tracks


def _read_genomes(path, ids):
    table = read_table(path, ["id", "genome"], text=("id", "genome"))
    if table["id"].tolist() != list(ids):
        raise InputError(f"{path}: found {len(table)} windows, expected the {len(ids)} of windows.tsv in their order")
    return table["genome"].to_numpy(dtype=str)


def read_ids(path):
    """Ids (n,) str of a windows.tsv."""
    return read_table(path, ["id"])["id"].to_numpy(dtype=str)


def read_windows(path):
    """The windows of a windows.tsv: frame of COLUMNS. Texts are "" and coordinates NaN where they are unknown.

    Raises
    ------
    InputError : the file is absent, is not a table or lacks a column.
    """
    return read_table(path, COLUMNS, text=("id", "chrom", "strand"), whole=("start", "end"))[list(COLUMNS)]


def read_sequences(path, n, mmap=True):
    """Base codes (n, length) uint8 of a sequences.npy; mapped, or read."""
    return read_array(path, np.uint8, (n, None), mmap=mmap)


def read_targets(path):
    """(names of the targets, their Task) from a targets.tsv.

    Raises
    ------
    InputError : the file is absent or lacks a column, or names a task that is unknown, or several.
    """
    frame = read_table(path, ["target"], text=("target",))
    names = frame["task"].unique() if "task" in frame.columns else [tasks.DEFAULT]
    if len(names) > 1:
        raise InputError(f"{path}: found tasks {listing(names)}, expected one for all targets")
    try:
        return frame["target"].tolist(), tasks.get(names[0] if len(names) else tasks.DEFAULT)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def write(folder, windows):
    """Write windows.tsv, sequences.npy, targets.npy, targets.tsv and what there is of truth, ledger, matching, contigs.

    Parameters
    ----------
    windows : windows.Windows.

    Raises
    ------
    InputError : no windows, an empty or repeated id, or a target name that windows.tsv cannot hold.
    """
    folder = Path(folder)
    check(folder / "windows.tsv", windows)
    frame = windows.frame.loc[:, list(COLUMNS)].reset_index(drop=True)
    columns = zip(windows.targets, windows.labels.T, strict=True)
    labels = pd.DataFrame({name: windows.task.column(values) for name, values in columns})
    write_table(folder / "windows.tsv", pd.concat([frame, labels], axis=1))
    write_array(folder / "sequences.npy", windows.codes)
    write_array(folder / "targets.npy", windows.labels)
    summary = windows.task.summary(windows.labels, windows.targets)
    if windows.tracks is not None:
        told = [*TRACKS, *([STRAND] if STRAND in windows.tracks.columns else [])]
        summary = summary.merge(windows.tracks[told], on="target", how="left", sort=False)
    write_table(folder / "targets.tsv", summary)
    _write_optional(folder, windows)
    if windows.ledger is not None:
        ledger.check(windows.ledger, windows.frame["id"], folder / "ledger.tsv")
    for name in ("truth", "ledger", "matching"):
        if getattr(windows, name) is not None:
            write_table(folder / f"{name}.tsv", getattr(windows, name))
    if windows.contigs is not None and len(windows.contigs):
        write_table(folder / "contigs.tsv", windows.contigs)


def _write_optional(folder, windows):
    """Write what only some datasets have, and remove what is left of another one."""
    for name in OPTIONAL:
        (folder / name).unlink(missing_ok=True)
    for name in ("weights", "profiles"):
        if getattr(windows, name) is not None:
            write_array(folder / f"{name}.npy", getattr(windows, name).astype(np.float32, copy=False))
    if windows.transforms:
        files.write_json(folder / "transforms.json", windows.transforms)
    if windows.inputs:
        write_table(folder / "inputs.tsv", pd.DataFrame(windows.inputs, columns=["name", "start", "end"]))
    if windows.folds is not None:
        write_folds(folder / "folds.tsv", windows.frame["id"], windows.folds)
    if windows.genomes is not None:
        write_table(folder / "genomes.tsv", pd.DataFrame({"id": windows.frame["id"], "genome": windows.genomes}))


def check(path, windows):
    """Refuse windows that the table `path` cannot hold (InputError)."""
    if not len(windows.frame):
        reasons = listing(f"{reason}: {count}" for reason, count in windows.dropped.items()) or "none"
        raise InputError(f"{path}: no window is left, expected at least one (dropped: {reasons})")
    refuse_duplicates(path, windows.frame["id"], range(2, len(windows.frame) + 2))
    # The mean of one target is that target.
    taken = (*COLUMNS, MEAN) if len(windows.targets) > 1 else COLUMNS
    for target in windows.targets:
        if not target or target in taken or windows.targets.count(target) > 1:
            raise InputError(
                f"{path}: target name '{target}' cannot be a column; expected distinct names, none empty and none of "
                f"{listing(taken, 6)}"
            )


def write_folds(path, ids, folds):
    """Write the table of a split: the fold (n,) of each of the windows `ids` (n,)."""
    write_table(path, pd.DataFrame({"id": ids, "fold": folds}))


def read_folds(path, ids):
    """Fold of each window (n,) str, in the order of `ids`.

    Raises
    ------
    InputError : a window has no fold, or a fold is not one of train, valid, test.
    """
    table = read_table(path, ["id", "fold"], text=("id", "fold"))
    unknown = sorted(set(table["fold"]) - set(FOLDS))
    if unknown:
        raise InputError(f"{path}: fold '{unknown[0]}'; expected one of {', '.join(FOLDS)}")
    fold_of = dict(zip(table["id"], table["fold"], strict=True))
    missing = [item for item in ids if item not in fold_of]
    if missing:
        raise InputError(f"{path}: window '{missing[0]}' has no fold ({len(missing)} of {len(ids)} have none)")
    return np.array([fold_of[item] for item in ids])


def write_near_duplicates(path, ids, pairs):
    """Write pairs of near-duplicates, as `duplicates.find` gives them, with the ids (n,) of their windows."""
    ids = np.asarray(ids, dtype=object)
    names = {"id": ids[pairs["first"]], "other": ids[pairs["second"]]}
    write_table(path, pd.DataFrame({**names, "similarity": pairs["similarity"]}))


def read_near_duplicates(path, ids):
    """Pairs of near-duplicates as rows of `ids`: frame of first and second, int64.

    Raises
    ------
    InputError : the table names a window that is not among the ids.
    """
    table = read_table(path, ["id", "other"], text=("id", "other"))
    index, pairs = pd.Index(ids), {}
    for column, name in (("first", "id"), ("second", "other")):
        pairs[column] = index.get_indexer(table[name])
        if (pairs[column] < 0).any():
            absent = table[name][pairs[column] < 0].iloc[0]
            raise InputError(f"{path}: {name} '{absent}' is no window of the dataset; expected its ids")
    return pd.DataFrame(pairs, dtype=np.int64)
