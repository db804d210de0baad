"""Finished rows of an attribution on disk, so that an interrupted job goes on where it stopped."""

import json
import shutil
import time
from pathlib import Path

import numpy as np

from cisflow import files

# Rows finished since the last save are lost to an interruption.
SAVE_EVERY_S = 10


class Journal:
    """Arrays of a job's rows in a folder, filled from the first row on.

    Parameters
    ----------
    folder : kept between runs of the same job; emptied where it belongs to another.
    key : JSON-able; what makes the job.
    shape : (m, length) of the sequences.

    Attributes
    ----------
    rows : number of rows that an earlier run finished.
    multipliers : (m, 4, length) float32, in the folder, mapped. difference, error : (m,) float32, likewise.
    """

    def __init__(self, folder, key, shape):
        self.folder = Path(folder)
        self._key = json.loads(json.dumps(key | {"shape": list(shape)}))
        self.rows = self._resume()
        if self.rows is None:
            if self.folder.exists():
                shutil.rmtree(self.folder)
            self.folder.mkdir(parents=True)
            self.rows = 0
        n, length = shape
        self.multipliers = self._array("multipliers", (n, 4, length))
        self.difference = self._array("difference", (n,))
        self.error = self._array("error", (n,))
        self._saved = time.monotonic()

    def _resume(self):
        note = self.folder / "rows.json"
        if not note.exists():
            return None
        found = files.read_json(note)
        return found["rows"] if found["key"] == self._key else None

    def _array(self, name, shape):
        path = self.folder / f"{name}.npy"
        return np.lib.format.open_memmap(path, "r+" if self.rows else "w+", np.float32, shape)

    def add(self, rows, part):
        """Take the Attribution of a slice of rows, of one target each."""
        self.multipliers[rows] = part.multipliers[:, 0]
        for array, values in ((self.difference, part.difference), (self.error, part.error)):
            array[rows] = np.nan if values is None else values[:, 0]
        if time.monotonic() - self._saved >= SAVE_EVERY_S:
            for array in (self.multipliers, self.difference, self.error):
                array.flush()
            files.write_json(self.folder / "rows.json", {"key": self._key, "rows": rows.stop})
            self._saved = time.monotonic()

    def remove(self):
        """Remove the folder, once the result is safe."""
        shutil.rmtree(self.folder)
