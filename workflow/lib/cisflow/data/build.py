"""Building a dataset: the windows of one of `cisflow.data.sources`, gathered and written.

A source is a module of that package, chosen by its name, `kind` in the dataset's settings. It declares its `Settings`,
whose docstring begins with what the source is, and has `collect(source, length, seed, task) -> Windows`, where
settings that name a resource hold its file. `ANY_TASK = True` says that its labels are whatever its files hold, of any
task; without it they are 0 and 1. `TRUTH = True` says that its windows come with a table of the truth,
`MATCHING = True` with one of what negatives were matched on. `LABELS` names settings of which one must be there for
it to label its windows, and `UNLABELLED = {setting: values}` says with which it does not; the labels of others are
those of `data.targets`. The ledger of its Windows has a line for each row it read.
"""

import dataclasses
import importlib
from pathlib import Path

from cisflow.config.settings import Settings
from cisflow.data import dataset as datasets
from cisflow.data import ledger, numbers
from cisflow.errors import InputError, listing
from cisflow.io.manifests import manifest
from cisflow.tasks import DEFAULT

KINDS = sorted(path.stem for path in (Path(__file__).parent / "sources").glob("*.py") if path.stem != "__init__")


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
        windows = collect(dataset, source, length, inputs, seed, task)
        windows = numbers.attach(dataset, windows, _modalities(dataset, targets, inputs), task)
        ledger.report(windows.ledger)
        datasets.write(folder, windows)
        record["n"] = len(windows.frame)
        record["dropped"] = windows.dropped


def collect(dataset, source, length, inputs, seed, task):
    """The Windows of a source; parameters as of `build`.

    Raises
    ------
    InputError : an unknown kind, settings that are unknown, missing or out of range, a length below 1, a task that the
        source has no labels of, a resource without a file, or whatever the source refuses.
    """
    if length < 1:
        raise InputError(f"dataset '{dataset}': window is {length}, expected 1 or more bases")
    kind = source.get("kind")
    if kind not in KINDS:
        raise InputError(f"dataset '{dataset}': source: kind is '{kind}', expected one of {listing(KINDS, 9)}")
    module = importlib.import_module(f"cisflow.data.sources.{kind}")
    given = {name: value for name, value in source.items() if name != "kind"}
    settings = module.Settings.complete(given, f"dataset '{dataset}': source")
    if task.name != DEFAULT and not getattr(module, "ANY_TASK", False):
        raise InputError(
            f"dataset '{dataset}': task is '{task.name}'; a source of kind '{kind}' labels its windows 0 and 1, "
            f"expected task '{DEFAULT}'"
        )
    return module.collect(resolve(settings, inputs), length, seed, task)


def _modalities(dataset, targets, inputs):
    """[(module, its settings with files)] of the entries of `targets`."""
    found = []
    for number, entry in enumerate(targets):
        where = f"dataset '{dataset}': targets[{number}]"
        kind = entry.get("kind")
        if kind not in numbers.KINDS:
            raise InputError(f"{where}: kind is '{kind}', expected one of {listing(numbers.KINDS, 9)}")
        module = importlib.import_module(f"cisflow.data.targets.{kind}")
        given = {name: value for name, value in entry.items() if name != "kind"}
        found.append((module, resolve(module.Settings.complete(given, where), inputs)))
    return found


def resolve(settings, inputs):
    """Settings in which the names of resources are replaced by their files (InputError where one has none)."""
    files = {}
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if isinstance(value, Settings):
            files[field.name] = resolve(value, inputs)
        elif value is not None and field.metadata["resource"]:
            if value not in inputs:
                expected = listing(inputs) or "(none given)"
                raise InputError(f"the source names resource '{value}'; expected one of {expected}")
            files[field.name] = Path(inputs[value])
    return dataclasses.replace(settings, **files)
