"""Keys and values of a config that have another name since the last version: they go on working for this one."""

# Place of a key, with `*` for any name and `[]` for each entry of a list -> (its old name, its new name).
KEYS = (
    (("motifs",), "hotspots", "seqlets"),
    (("datasets", "*", "explain", "[]"), "targets", "outputs"),
    (("datasets", "*", "study", "splits"), "honest", "held_out"),
)
# Place of a value -> (its old name, its new name).
VALUES = ((("models", "*", "training", "schedule"), "modern", "warmup_cosine"),)


def update(config):
    """Give old names their new ones, in place; returns a line for each, for people to read."""
    lines = []
    for place, old, new in KEYS:
        for where, part in _parts(config, place):
            if isinstance(part, dict) and old in part and new not in part:
                # In the old key's place, so that messages list keys as the config has them.
                items = [(new if key == old else key, value) for key, value in part.items()]
                part.clear()
                part.update(items)
                lines.append(f"config: {where}.{old} is called {new} now; the old name works in this version alone")
    for (*place, key), old, new in VALUES:
        for where, part in _parts(config, place):
            if isinstance(part, dict) and part.get(key) == old:
                part[key] = new
                lines.append(
                    f"config: {where}.{key}: '{old}' is called '{new}' now; the old name works in this version alone"
                )
    return lines


def _parts(config, place, where=""):
    """(path, part) of every part of a config that a place names."""
    if not place:
        yield where, config
        return
    first, *rest = place
    if first == "[]":
        entries = config if isinstance(config, list) else []
        items = [(f"{where}[{number}]", entry) for number, entry in enumerate(entries)]
    elif not isinstance(config, dict):
        items = []
    elif first == "*":
        items = [(f"{where}.{name}", entry) for name, entry in config.items()]
    else:
        items = [(f"{where}.{first}".lstrip("."), config[first])] if first in config else []
    for path, part in items:
        yield from _parts(part, rest, path)
