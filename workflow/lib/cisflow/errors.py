"""The one exception that a user is meant to read."""


class InputError(Exception):
    """Bad input: the message names the file, the row or key, what was found and what was expected.

    The command line prints the message alone, without a traceback, and exits with status 1.
    """


class MachineError(InputError):
    """What this machine cannot do and another may: a second attempt on a cluster is worth its while."""


def listing(items, limit=5):
    """The first `limit` items as one string, with the number of those left out."""
    items = [str(item) for item in items]
    rest = len(items) - limit
    return ", ".join(items[:limit]) + (f" and {rest} more" if rest > 0 else "")
