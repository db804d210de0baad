"""Building a dataset: the windows of one of `cisflow.data.sources`, gathered and written.

A source is a module of that package, chosen by its name, `kind` in the dataset's settings. It declares its `Settings`,
whose docstring begins with what the source is, and has `collect(source, length, seed, task) -> Windows`, where
settings that name a resource hold its file. `ANY_TASK = True` says that its labels are whatever its files hold, of any
task; without it they are 0 and 1. `TRUTH = True` says that its windows come with a table of the truth,
`MATCHING = True` with one of what negatives were matched on. `LABELS` names settings of which one must be there for
it to label its windows, and `UNLABELLED = {setting: values}` says with which it does not; the labels of others are
those of `data.targets`. `COLUMNS = True` says that its setting `targets` takes columns of its file, in which targets of
kind columns have their numbers. `PARTS` names the setting that lists the sources which it joins; in `collect` each is a
`Source`. The ledger of its Windows has a line for each row it read.
"""

import dataclasses
import importlib
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from cisflow import tasks
from cisflow.config.settings import Settings
from cisflow.data import dataset as datasets
from cisflow.data import ledger, numbers
from cisflow.errors import InputError, listing
from cisflow.io.manifests import manifest

KINDS = sorted(path.stem for path in (Path(__file__).parent / "sources").glob("*.py") if path.stem != "__init__")


class Source(NamedTuple):
    """A module of `cisflow.data.sources` and its settings, with files in place of resources."""

    module: Any
    settings: Settings

    def collect(self, length, seed, task):
        """Its Windows of `length` bp."""
        return self.module.collect(self.settings, length, seed, task)


def build(folder, dataset, source, length, inputs, seed, task, targets=()):
    """Gather the windows of a dataset and write them, with a manifest, to its folder.

    Parameters
    ----------
    dataset : its name, for messages.
    source : settings with `kind`, the name of a module of `cisflow.data.sources`.
    length : bases of a window.
    inputs : name of a resource, as the settings use it -> its file.
    seed : of all draws.
    task : what a label means, a tasks.task.Task.
    targets : settings of each modality of numbers, with `kind`, the name of a module of `cisflow.data.targets`.

    Raises
    ------
    InputError : whatever `collect`, `numbers.attach` or `dataset.write` refuses.
    """
    settings = {"dataset": dataset, "source": source, "window": length, "task": task.name}
    settings |= {"targets": list(targets)} if targets else {}
    with manifest(Path(folder) / "manifest.json", settings, inputs.values(), seed) as record:
        # What the numbers of files mean is for them to say: the source gives windows alone.
        if columns := list(dict.fromkeys(name for entry in targets for name in _columns(entry))):
            windows = _with_columns(dataset, source, length, inputs, seed, columns)
        else:
            windows = collect(dataset, source, length, inputs, seed, tasks.get(tasks.DEFAULT) if targets else task)
        windows = numbers.attach(dataset, windows, _modalities(dataset, source, targets, inputs), task)
        ledger.report(windows.ledger)
        datasets.write(folder, windows)
        record["n"] = len(windows.frame)
        record["dropped"] = windows.dropped


def _columns(entry):
    return entry.get("columns", ()) if entry.get("kind") == "columns" else ()


def _with_columns(dataset, source, length, inputs, seed, columns):
    """The Windows of a source, without labels, and the numbers that its file has in some columns (InputError)."""
    module = importlib.import_module(f"cisflow.data.sources.{source['kind']}") if source.get("kind") in KINDS else None
    given = [name for name in getattr(module, "LABELS", ()) if source.get(name) is not None]
    if module is not None and (given or not getattr(module, "COLUMNS", False)):
        found = f"its key {given[0]}" if given else f"kind {source['kind']}"
        raise InputError(
            f"dataset '{dataset}': targets of kind columns: the source has {found}; expected a bed or table without "
            f"labels of its own"
        )
    windows = collect(dataset, source | {"targets": columns}, length, inputs, seed, tasks.get("regression"))
    found = pd.DataFrame(windows.labels, columns=windows.targets)
    return windows._replace(labels=windows.labels[:, :0], targets=[], columns=found)


def collect(dataset, source, length, inputs, seed, task):
    """The Windows of a source; parameters as of `build`.

    Raises
    ------
    InputError : an unknown kind, settings that are unknown, missing or out of range, a length below 1, a task that the
        source has no labels of, a resource without a file, or whatever the source refuses.
    """
    if length < 1:
        raise InputError(f"dataset '{dataset}': window is {length}, expected 1 or more bases")
    return open_source(source, inputs, f"dataset '{dataset}': source", task).collect(length, seed, task)


def open_source(source, inputs, where, task):
    """The Source of a mapping with `kind`, checked and completed; `where` it stands, for messages."""
    kind = source.get("kind")
    if kind not in KINDS:
        raise InputError(f"{where}: kind is '{kind}', expected one of {listing(KINDS, 9)}")
    module = importlib.import_module(f"cisflow.data.sources.{kind}")
    settings = module.Settings.complete({name: value for name, value in source.items() if name != "kind"}, where)
    without = getattr(module, "UNLABELLED", {})
    has_labels = not any(getattr(settings, name) in values for name, values in without.items())
    if has_labels and task.name != tasks.DEFAULT and not getattr(module, "ANY_TASK", False):
        raise InputError(
            f"{where.removesuffix(': source')}: task is '{task.name}'; a source of kind '{kind}' labels its windows 0 "
            f"and 1, expected task '{tasks.DEFAULT}'"
        )
    return Source(module, resolve(settings, inputs, where, task))


def _modalities(dataset, source, targets, inputs):
    """[(module, its settings with files)] of the entries of `targets`, to which the source lends its genome."""
    found = []
    for number, entry in enumerate(targets):
        where = f"dataset '{dataset}': targets[{number}]"
        kind = entry.get("kind")
        if kind not in numbers.KINDS:
            raise InputError(f"{where}: kind is '{kind}', expected one of {listing(numbers.KINDS, 9)}")
        module = importlib.import_module(f"cisflow.data.targets.{kind}")
        given = {name: value for name, value in entry.items() if name != "kind"}
        if "genome" in source and "genome" in module.Settings.schema():
            given = {"genome": source["genome"]} | given
        found.append((module, resolve(module.Settings.complete(given, where), inputs, where)))
    return found


def resolve(settings, inputs, where, task=None):
    """Settings in which the names of resources are replaced by their files, and sources by their Source.

    Parameters
    ----------
    where : they stand, for messages. task : what labels of the sources mean, where there are any.

    Raises
    ------
    InputError : a resource without a file, or a source within that `open_source` refuses.
    """
    found = {}
    for field in dataclasses.fields(settings):
        value, place = getattr(settings, field.name), f"{where}.{field.name}"
        if isinstance(value, Settings):
            found[field.name] = resolve(value, inputs, place, task)
        elif isinstance(value, list) and value and isinstance(value[0], Settings):
            found[field.name] = [resolve(item, inputs, f"{place}[{row}]", task) for row, item in enumerate(value)]
        elif value is not None and field.metadata["chosen"]:
            found[field.name] = open_source(value, inputs, place, task)
        elif value is not None and field.metadata["resource"]:
            if value not in inputs:
                expected = listing(inputs) or "(none given)"
                raise InputError(f"the source names resource '{value}'; expected one of {expected}")
            found[field.name] = Path(inputs[value])
    return dataclasses.replace(settings, **found)
