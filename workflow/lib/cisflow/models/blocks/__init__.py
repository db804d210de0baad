"""Blocks of which networks are composed: a module each, with its `Settings` and its `Block`.

A block of KINDS is made by `Block(settings, shape, where)`: of activations of a common.Shape, and it has the `shape`
of what it gives; `where` is what it is called in messages. What stands at the ends of a network has shapes of its own:
`stem`, `summary`, `dense`, `heads` and `join`.
"""

from cisflow.errors import InputError, listing
from cisflow.models.blocks import attention, dilated, legnet, pool, reducing

KINDS = {"attention": attention, "dilated": dilated, "legnet": legnet, "pool": pool, "reducing": reducing}


def read(entry, where):
    """(module of a block, its settings) of a mapping with the key `kind` and settings.

    Raises
    ------
    InputError : no mapping, no such kind, or a setting that it does not have or of a wrong value.
    """
    if not isinstance(entry, dict) or "kind" not in entry:
        raise InputError(f"{where}: found {entry!r}; expected a mapping with the key kind and settings")
    given = dict(entry)
    kind = given.pop("kind")
    if kind not in KINDS:
        raise InputError(f"{where}.kind: {kind!r}; expected one of {listing(KINDS, 20)}")
    return KINDS[kind], KINDS[kind].Settings.complete(given, where)
