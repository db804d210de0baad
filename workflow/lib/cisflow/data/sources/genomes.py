"""Windows of several genomes in one dataset, such as those of two species: a source each, one below the other."""

import numpy as np
import pandas as pd

from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.data import ledger
from cisflow.data.windows import Windows
from cisflow.errors import InputError, listing

ANY_TASK = True
PARTS = "genomes"


class Part(settings.Settings):
    """The windows of one genome."""

    name: str = setting(meaning="Name of the genome, such as the species.")
    source: dict = setting(chosen=("data/sources", ("genomes",)), meaning="A source, as that of a dataset.")


class Settings(settings.Settings):
    """Windows of several genomes, such as species; a split of kind `genome` holds some of them out."""

    genomes: list[Part] = setting(min_items=2, meaning="The genomes, in the order of their rows.")


def collect(source, length, seed, task):
    """Windows of `length` bp of all genomes, in their order, each row with the name of its genome.

    Chromosomes are called `<genome>:<chromosome>`, so that no interval of one genome is taken for one of another:
    splits by chromosome, overlaps and clusters keep them apart. Near-duplicates are found by sequence, between genomes
    too. Where two genomes share an id, all ids are `<genome>:<id>`; likewise each kind of names that numbers join by.

    Raises
    ------
    InputError : two genomes of a name, labels of other targets, or inputs of other names or lengths.
    """
    called = [part.name for part in source.genomes]
    if len(set(called)) < len(called):
        raise InputError(f"source genomes: names are {listing(called)}; expected distinct ones")
    found = [part.source.collect(length, seed, task) for part in source.genomes]
    for name, windows in zip(called[1:], found[1:], strict=True):
        for what in ("targets", "inputs"):
            one, other = getattr(found[0], what), getattr(windows, what)
            if one != other:
                raise InputError(
                    f"source genomes: {what} of '{called[0]}' are {_shown(one)}, of '{name}' {_shown(other)}; expected "
                    f"the same"
                )
    ids = _apart(called, [windows.frame["id"] for windows in found])
    frames = [
        windows.frame.assign(id=own, chrom=_within(name, windows.frame["chrom"]))
        for name, own, windows in zip(called, ids, found, strict=True)
    ]
    return Windows(
        pd.concat(frames, ignore_index=True),
        np.concatenate([windows.codes for windows in found]),
        np.concatenate([windows.labels for windows in found]),
        found[0].targets,
        {
            f"{name}: {reason}": n
            for name, windows in zip(called, found, strict=True)
            for reason, n in windows.dropped.items()
        },
        task=task,
        ledger=ledger.join(*map(_told, called, ids, found)),
        contigs=_contigs(called, found),
        names=_names(called, found),
        inputs=found[0].inputs,
        folds=None if any(windows.folds is None for windows in found) else np.concatenate([w.folds for w in found]),
        genomes=np.repeat(called, [len(windows.frame) for windows in found]),
    )


def _shown(items):
    return listing(item if isinstance(item, str) else f"{item[0]} ({item[2] - item[1]} bp)" for item in items) or "none"


def _within(name, column):
    """Names of chromosomes, or others, with that of their genome; "" stays as it is."""
    return column.map(lambda text: f"{name}:{text}" if text else text)


def _apart(called, columns):
    """Names in each genome, with that of the genome where two genomes share one."""
    distinct = [set(column) - {""} for column in columns]
    if sum(map(len, distinct)) == len(set().union(*distinct)):
        return columns
    return [_within(name, column) for name, column in zip(called, columns, strict=True)]


def _told(name, ids, windows):
    """The ledger of one genome, by its names."""
    own = dict(zip(windows.frame["id"], ids, strict=True))
    lines = windows.ledger
    return lines.assign(input=f"{name}: " + lines["input"], id=lines["id"].map(lambda item: own.get(item, item)))


def _contigs(called, found):
    tables = [
        windows.contigs.assign(known=_within(name, windows.contigs["known"]))
        for name, windows in zip(called, found, strict=True)
        if windows.contigs is not None
    ]
    return pd.concat(tables, ignore_index=True) if tables else None


def _names(called, found):
    """Names of all rows, "" where a genome has none of a kind; those that two genomes share, with their genome's."""
    if all(windows.names is None for windows in found):
        return None
    kinds = list(dict.fromkeys(name for windows in found if windows.names is not None for name in windows.names))
    parts = [
        pd.DataFrame(index=range(len(windows.frame))) if windows.names is None else windows.names for windows in found
    ]
    parts = [part.reindex(columns=kinds, fill_value="") for part in parts]
    columns = {kind: pd.concat(_apart(called, [part[kind] for part in parts]), ignore_index=True) for kind in kinds}
    return pd.DataFrame(columns)
