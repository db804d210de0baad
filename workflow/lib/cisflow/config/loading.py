"""From a config to its Study: names of today, the schema, typed entries, and what no schema can check."""

from pathlib import Path

from cisflow.config import checks, designs, effects, entries, renamed, schema, values
from cisflow.config.targets import Targets


def _entries(config, root, moved):
    """The entries of a config that the schema has checked and completed."""
    return {
        "device": config["device"],
        "torch": config.get("torch", "cpu" if config["device"] == "cpu" and "container" not in config else "cuda"),
        "container": config.get("container"),
        "shards": config["shards"],
        "resources": {name: entries.Resource(name, **entry) for name, entry in config["resources"].items()},
        "datasets": {name: entries.dataset(name, entry) for name, entry in config["datasets"].items()},
        "models": {name: entries.model(name, entry) for name, entry in config["models"].items()},
        "extractors": {name: entries.extractor(name, entry) for name, entry in config["features"].items()},
        "variants": {name: entries.VariantJob(name, **entry) for name, entry in config["variants"].items()},
        "methods": {name: entries.method(name, entry) for name, entry in config["attribution"].items()},
        "evaluation": config["evaluation"],
        "motifs": config["motifs"],
        "figure_counts": config["figures"],
        "generalisation": config["generalisation"],
        "timing": entries.timing(config["timing"]) if "timing" in config else None,
        **effects.entries_of(config["datasets"]),
        "designs": designs.entries_of(config["datasets"]),
        "root": Path(root),
        "moved": moved,
    }


def load(config, root=".", moved=False, warn=lambda line: None):
    """The Study of a config, whose defaults are filled in, in place.

    Parameters
    ----------
    config : mapping, as YAML gives it. root, moved : see Study. warn : is called with each line about an old name.

    Raises
    ------
    InputError : the first thing that is wrong, in one line that says where it is.
    """
    values.check(config)
    for line in renamed.update(config):
        warn(line)
    schema.validate(config, schema.read())
    study = Targets(**_entries(config, root, moved))
    checks.check(study)
    effects.check(study)
    designs.check(study, warn)
    return study
