"""Numbers of a config that contradict each other, each of which is in its own range."""

from cisflow.config import declared, entries, settings
from cisflow.config.refusals import below, refuse


def check(study):
    """Refuse numbers that no job can follow (InputError)."""
    for dataset in study.datasets.values():
        for name, split in dataset.splits.items():
            check_split(split, f"datasets.{dataset.name}.splits.{name}")
        for number, entry in enumerate(dataset.targets):
            length = entry.get("fragment_length")
            if length is not None and length[0] > length[1]:
                where = f"datasets.{dataset.name}.targets[{number}].fragment_length"
                refuse(where, f"found {length}; expected the least length, then the largest")
    for model in study.models.values():
        if isinstance(model, entries.Network):
            check_training(model.training, f"models.{model.name}.training")
        elif model.tune is not None:
            check_space(model.tune["space"], f"models.{model.name}.tune.space")
    seqlets = study.motifs["seqlets"]
    if seqlets["max_length"] < seqlets["min_length"]:
        found = f"found {seqlets['max_length']}; expected min_length, {seqlets['min_length']}, or more"
        refuse("motifs.seqlets.max_length", found)


def check_split(split, where):
    """What a split holds out leaves windows to train on, and no window is in two of its folds."""
    valid, test = split.get("valid"), split.get("test")
    if isinstance(valid, float) and isinstance(test, float) and valid + test >= 1:
        refuse(where, f"valid {valid} and test {test} leave nothing to train on; expected a sum below 1")
    if isinstance(valid, list) and (both := [name for name in valid if name in test]):
        refuse(where, f"'{both[0]}' is in valid and in test; expected it in one of them")
    if split.get("fold") is not None and split["fold"] > split["k"]:
        refuse(f"{where}.fold", f"found {split['fold']}; expected a number from 1 to k, {split['k']}")


def check_training(training, where):
    """The learning rate rises for a part of the training, and something says when that ends."""
    warmup, epochs = training["warmup_epochs"], training["max_epochs"]
    if training["schedule"] != "constant" and warmup >= epochs:
        refuse(f"{where}.warmup_epochs", f"found {warmup}; expected less than max_epochs, {epochs}")


def check_space(space, where):
    """The settings that a search varies are the classifier's own, from one value to a higher one."""
    fixed = declared.literal("classifiers/tuning", "FIXED")
    known = declared.classes("classifiers/lightgbm")["Settings"].schema()
    known = {name: schema for name, schema in known.items() if name not in fixed}
    for name, bounds in space.items():
        if name not in known:
            refuse(where, f"'{name}' is no setting that is searched; expected one of {', '.join(known)}")
        for number, bound in enumerate(bounds):
            if found := settings.complaint(bound, known[name]):
                refuse(below(below(where, name), number), found[1])
        if not bounds[0] < bounds[1]:
            refuse(below(where, name), f"found {bounds}; expected a lower and a higher bound")
