"""Manifests: how an output was made, beside it."""

import contextlib
import importlib.metadata
import resource
import sys
import time

from cisflow.io import files


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


def _versions():
    """Versions of the third-party packages that this process has imported, by distribution name."""
    owners = importlib.metadata.packages_distributions()
    names = sorted({dist for module in list(sys.modules) for dist in owners.get(module, ())})
    return {name: importlib.metadata.version(name) for name in names}
