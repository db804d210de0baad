"""Several sequences a sample, such as the promoter of a gene and its RNA: a source each, joined row by row."""

from collections import Counter

import numpy as np
import pandas as pd

from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.data import ledger
from cisflow.data.windows import Windows
from cisflow.errors import InputError, listing

ANY_TASK = True
PARTS = "inputs"


class Input(settings.Settings):
    """One of several sequences."""

    name: str = setting(meaning="Name of the input.")
    window: int = setting(minimum=1, meaning="Its bases; those of all inputs add up to the window of the dataset.")
    source: dict = setting(chosen=("data/sources", ("inputs", "genomes")), meaning="A source, as that of a dataset.")


class Settings(settings.Settings):
    """Several sequences a sample, side by side in one row: each has its own source and window."""

    inputs: list[Input] = setting(min_items=2, meaning="The sequences, in their order in a row.")
    by: str = setting(
        "id",
        choices=("id", "gene_id", "gene_name", "transcript_id"),
        meaning="What the rows of the inputs have in common. It must be unique in all inputs but one, whose rows the "
        "samples then are.",
    )


def collect(source, length, seed, task):
    """Samples whose sequences stand side by side: those rows that have a partner in every input.

    Where a name occurs more than once in one of the inputs, as that of a gene does among transcripts, its rows are the
    samples, and each has the one partner of that name in the others; else those of the first input are. Ids, order and
    folds are theirs, coordinates those of the first input. At most one input may be labelled.

    Parameters
    ----------
    source : Settings, whose sources are build.Source. length : the bases of all inputs together.

    Raises
    ------
    InputError : windows that do not add up to `length`, two inputs of a name, several with labels or with repeated
        names, none with a name of the kind asked for, or no row with a partner in every input.
    """
    names = [part.name for part in source.inputs]
    if len(set(names)) < len(names):
        raise InputError(f"source inputs: names are {listing(names)}; expected distinct ones")
    if sum(part.window for part in source.inputs) != length:
        sizes = " + ".join(str(part.window) for part in source.inputs)
        raise InputError(
            f"source inputs: the windows are {sizes} bases, that of the dataset {length}; expected their sum"
        )
    found = [part.source.collect(part.window, seed, task) for part in source.inputs]
    keys = [_keys(name, windows, source.by) for name, windows in zip(names, found, strict=True)]
    lead = _lead(names, keys, source.by)
    rows, reasons = _joined(names, keys, lead, source.by)
    kept = np.flatnonzero(reasons == "")
    if not len(kept):
        shown = "; ".join(f"{name} has {listing(key, 3)}" for name, key in zip(names, keys, strict=True))
        raise InputError(f"source inputs: no row has a partner in every input by {source.by}: {shown}")
    taken = [windows.rows(row[kept]) for windows, row in zip(found, rows, strict=True)]
    labelled = [name for name, windows in zip(names, found, strict=True) if windows.targets]
    if len(labelled) > 1:
        raise InputError(f"source inputs: {listing(labelled)} are labelled; expected one of them at most")
    labels = next((windows for windows in taken if windows.targets), taken[0])
    ends = np.cumsum([part.window for part in source.inputs]).tolist()
    return Windows(
        taken[0].frame.assign(id=taken[lead].frame["id"]),
        np.concatenate([windows.codes for windows in taken], axis=1),
        labels.labels,
        labels.targets,
        _dropped(found, reasons),
        task=task,
        ledger=ledger.join(*_told(names, found, rows, lead, reasons)),
        contigs=_contigs(found),
        names=_names(taken[lead], taken),
        folds=taken[lead].folds,
        inputs=tuple(zip(names, [0, *ends[:-1]], ends, strict=True)),
    )


def _keys(name, windows, by):
    """What each row (n,) of an input is joined by, "" where it has no such name."""
    if by == "id":
        return windows.frame["id"].to_numpy(dtype=object)
    if windows.names is None or by not in windows.names.columns:
        raise InputError(f"source inputs: the rows of '{name}' have no {by}; expected by: id, or a source of genes")
    return windows.names[by].to_numpy(dtype=object)


def _lead(names, keys, by):
    """The input whose rows are the samples."""
    several = [number for number, key in enumerate(keys) if pd.Series(key[key != ""]).duplicated().any()]
    if len(several) > 1:
        shown = listing(names[number] for number in several)
        raise InputError(f"source inputs: {by} occurs more than once in {shown}; expected in one of them at most")
    return several[0] if several else 0


def _joined(names, keys, lead, by):
    """(for each input, the row (n,) of each of the n rows of the leading one; why each has no partner, "" where it has
    one in every input).
    """
    reasons = np.where(keys[lead] == "", f"no {by}", "").astype(object)
    rows = []
    for number, key in enumerate(keys):
        if number == lead:
            rows.append(np.arange(len(key)))
            continue
        named = np.flatnonzero(key != "")
        place = pd.Index(key[named]).get_indexer(keys[lead])
        reasons[(place < 0) & (reasons == "")] = f"no partner in '{names[number]}'"
        rows.append(np.where(place < 0, -1, named[np.maximum(place, 0)] if len(named) else -1))
    return rows, reasons


def _dropped(found, reasons):
    """{reason: number of rows} of all inputs, and of the join."""
    total = Counter()
    for windows in found:
        total.update(windows.dropped)
    total.update(reasons[reasons != ""])
    return dict(total)


def _told(names, found, rows, lead, reasons):
    """The ledger of each input: rows of the leading one become samples, which those of others join."""
    for number, (name, windows) in enumerate(zip(names, found, strict=True)):
        ids = windows.frame["id"]
        if number == lead:
            why = dict(zip(ids, reasons, strict=True))
        else:
            used = set(rows[number][reasons == ""])
            why = {item: "" if row in used else f"no sample of '{names[lead]}'" for row, item in enumerate(ids)}
        lines = windows.ledger.copy()
        placed = (lines["outcome"] == ledger.KEPT) & lines["step"].isin(ledger.PLACED)
        lines["input"] = f"{name}: " + lines["input"]
        lost = placed & lines["id"].map(lambda item, why=why: why.get(item, "") != "")
        lines.loc[lost, "reason"] = lines.loc[lost, "id"].map(why)
        lines.loc[lost, ["outcome", "id"]] = [ledger.DROPPED, ""]
        if number != lead:
            lines.loc[lines["step"].isin(ledger.PLACED), "step"] = "join"
        yield lines


def _contigs(found):
    tables = [windows.contigs for windows in found if windows.contigs is not None]
    return pd.concat(tables).drop_duplicates(ignore_index=True) if tables else None


def _names(lead, taken):
    """Names of the samples: those of the leading input, and kinds that only others have."""
    found = {}
    for windows in (lead, *taken):
        for kind in windows.names if windows.names is not None else ():
            found.setdefault(kind, windows.names[kind])
    return pd.DataFrame(found) if found else None
