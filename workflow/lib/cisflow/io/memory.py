"""Errors that say that memory ran out."""

_WORDS = ("not enough memory", "can't allocate memory", "out of memory", "alloc_failed")


def ran_out(error):
    """Whether an exception of Python, numpy or torch says that memory ran out; on a CPU torch has no class for it."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _WORDS)
    )


def in_words(error):
    """First line of what such an exception says."""
    return str(error).partition("\n")[0] or type(error).__name__
