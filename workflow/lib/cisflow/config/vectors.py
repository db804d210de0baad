"""Vectors of tracks and tracks that are held out: what a config says of both, and what is refused before a run."""

import gzip
import math
import os

from cisflow.config import architectures, entries
from cisflow.config.refusals import expect, refuse


def reads(model):
    """Whether a model is a network whose heads read a vector of each track."""
    return isinstance(model, entries.Network) and model.settings.get("vectors") is not None


def held(dataset):
    """{split: {fold: names}} of the splits of a dataset that hold tracks out."""
    given = {name: split.get("tracks") or {} for name, split in dataset.splits.items()}
    found = {name: {fold: names for fold, names in tracks.items() if names} for name, tracks in given.items()}
    return {name: tracks for name, tracks in found.items() if tracks}


def check(study, dataset, where):
    """Refuse tracks held out that no model could predict, and vectors that no head could read (InputError)."""
    name = dataset.track_features
    if name is not None:
        expect(name, study.resources, f"{where}.track_features")
    readers = [model for model in dataset.models if reads(study.models[model])]
    for model in readers:
        network = study.models[model]
        if not architectures.is_modular(network.module, network.architecture):
            refuse(f"models.{model}.settings", "unknown key 'vectors'")
        if name is None:
            refuse(where, f"heads of '{model}' read vectors of tracks; expected the key track_features")
        if dataset.has_profiles:
            refuse(f"{where}.models", f"heads of '{model}' read vectors of tracks; expected numbers without bins")
    out = held(dataset)
    if out and dataset.task != "regression":
        refuse(f"{where}.splits.{next(iter(out))}.tracks", f"found task {dataset.task}; expected regression")
    for split in out:
        if others := [model for model in dataset.models if model not in readers]:
            found = f"'{others[0]}' predicts no track that it has not seen"
            refuse(f"{where}.splits.{split}.tracks", f"{found}; expected networks whose heads read vectors (vectors)")
    if name is not None and study.resources[name].source and not study.resources[name].member:
        check_table(study.shipped(study.resources[name].url), dataset, where)


def check_table(path, dataset, where):
    """Refuse a table of vectors that is there already, for what its rows lack; the job reads one that is not."""
    features, tracks = table(path, f"{where}.track_features")
    if features is None:
        return
    for split, folds in held(dataset).items():
        for fold, names in folds.items():
            if missing := [track for track in names if track not in tracks]:
                refuse(f"{where}.splits.{split}.tracks.{fold}", f"no row of track '{missing[0]}' in {path}")
        if both := [track for track in folds.get("valid", ()) if track in folds.get("test", ())]:
            refuse(f"{where}.splits.{split}.tracks", f"'{both[0]}' is in valid and in test; expected it in one of them")
    for number, entry in enumerate(dataset.targets):
        if entry["kind"] == "planted":
            for matrix, feature in entry["regulators"].items():
                if feature not in features:
                    refuse(f"{where}.targets[{number}].regulators.{matrix}", f"no feature '{feature}' in {path}")
        elif missing := [track for track in entry.get("columns") or () if track not in tracks]:
            refuse(f"{where}.track_features", f"no row of track '{missing[0]}' in {path}; expected one of every track")


def table(path, where):
    """(features, tracks) of a table of vectors whose numbers are finite (InputError); (None, None) of no file here."""
    if not os.path.isfile(path):
        return None, None
    opened = gzip.open if str(path).endswith(".gz") else open
    try:
        with opened(path, "rt", encoding="utf-8-sig") as handle:
            lines = [line.rstrip("\n\r") for line in handle if line.strip()]
    except (OSError, UnicodeDecodeError, EOFError):
        refuse(where, f"{path} cannot be read as text")
    mark = "\t" if lines and "\t" in lines[0] else ","
    header, *rows = [line.split(mark) for line in lines] or [[]]
    header = [name.lstrip("# ") for name in header]
    if "track" not in header or len(header) < 2 or not rows:
        refuse(where, f"{path}: expected the column track, a column for each feature, and a row for each track")
    place, tracks = header.index("track"), []
    for number, row in enumerate(rows, 2):
        if len(row) != len(header):
            refuse(where, f"{path}: row {number}: found {len(row)} columns, expected {len(header)} as in the header")
        if row[place] in tracks:
            refuse(where, f"{path}: row {number}: track '{row[place]}' is there twice; expected it once")
        tracks.append(row[place])
        for name, text in zip(header, row, strict=True):
            if name != "track" and not _is_finite(text):
                refuse(where, f"{path}: row {number}: {name} is '{text}', expected a finite number")
    return [name for name in header if name != "track"], tracks


def _is_finite(text):
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
