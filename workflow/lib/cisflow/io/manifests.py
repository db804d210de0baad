"""Manifests: how an output was made, beside it."""

import contextlib
import importlib.metadata
import resource
import sys
import time
from pathlib import Path

from cisflow.io import files, work


@contextlib.contextmanager
def manifest(path, settings, inputs, seed=None):
    """Write `path` (JSON) when the block succeeds: how an output was made.

    Yields a dict to which the block may add entries (`device`, counts). The file holds these beside the settings,
    the sha256 of each input, the package versions, the seed, the wall time in seconds and the peak memory in MB
    of this process.
    """
    started = time.monotonic()
    record = {}
    yield record
    # ru_maxrss is in kB on Linux and in bytes on macOS.
    scale = 1024 if sys.platform != "darwin" else 1024**2
    files.write_json(
        path,
        {
            "settings": settings,
            "inputs": {str(item): files.digest(item) for item in inputs},
            "versions": _versions(),
            "seed": seed,
            "seconds": round(time.monotonic() - started, 3),
            "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale, 1),
            **record,
        },
    )


def as_made(made_of, folder, names):
    """Entries of a manifest by which `agrees` tells whether its outputs, files of a folder, are still what was made."""
    return {"made_of": made_of, "bytes": {name: Path(folder, name).stat().st_size for name in names}}


def agrees(path, made_of):
    """Whether a manifest is of outputs made of `made_of`, and these lie beside it, none of them cut."""
    record = work.note(path)
    sizes = record.get("bytes")
    if record.get("made_of") != made_of or not isinstance(sizes, dict):
        return False
    found = {name: Path(path).with_name(name) for name in sizes}
    return all(found[name].is_file() and found[name].stat().st_size == size for name, size in sizes.items())


def _versions():
    """Versions of the third-party packages that this process has imported, by distribution name."""
    owners = importlib.metadata.packages_distributions()
    names = sorted({dist for module in list(sys.modules) for dist in owners.get(module, ())})
    return {name: importlib.metadata.version(name) for name in names}
