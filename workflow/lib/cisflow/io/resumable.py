"""Arrays that a long job fills from the first row on, and that the job goes on with after it was killed."""

import os
import shutil
from pathlib import Path

import numpy as np

from cisflow.io import files


class Rows:
    """Arrays of n rows in a work folder: `append` adds rows to all of them, `commit` makes them last, `finish` moves
    the whole arrays to where they belong.

    Rows are written to the files and not kept, so that memory does not grow with n. A new object with the same key
    in the same folder goes on after the last commit; with another key it starts over.

    Parameters
    ----------
    folder : work folder, which belongs to this object alone.
    key : what the rows depend on; any text.
    n : rows in all.
    layout : {name: (shape of a row, dtype)}; array `name` is the file `<name>.npy`.

    Files are closed where a `with` block ends.

    Attributes
    ----------
    done : rows that are written.
    """

    def __init__(self, folder, key, n, layout):
        self._folder, self._key, self._n = Path(folder), key, n
        self._layout = {name: (tuple(shape), np.dtype(dtype)) for name, (shape, dtype) in layout.items()}
        self.done = self._committed()
        if not self.done:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._handles = {name: self._open(name) for name in self._layout}

    def _path(self, name):
        return self._folder / f"{name}.npy"

    def _committed(self):
        record = self._folder / "progress.json"
        if not record.exists() or not all(self._path(name).exists() for name in self._layout):
            return 0
        record = files.read_json(record)
        return record["rows"] if record["key"] == self._key else 0

    def _open(self, name):
        """The file of an array, cut back to its committed rows, with the header of the whole array."""
        shape, dtype = self._layout[name]
        path = self._path(name)
        handle = open(path, "r+b" if path.exists() else "w+b")  # noqa: SIM115 (closed by `close`)
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": (self._n, *shape)}
        np.lib.format.write_array_header_1_0(handle, header)
        handle.seek(handle.tell() + self.done * dtype.itemsize * int(np.prod(shape)))
        handle.truncate()
        return handle

    def append(self, **arrays):
        """Add rows (k, …) to every array of the layout; all have the same k."""
        (count,) = {len(array) for array in arrays.values()}
        for name, handle in self._handles.items():
            shape, dtype = self._layout[name]
            values = np.ascontiguousarray(arrays[name], dtype=dtype)
            if values.shape != (count, *shape):
                raise ValueError(f"{name}: rows of shape {values.shape[1:]}, expected {shape}")
            handle.write(values.data)
        self.done += count

    def commit(self):
        """Make all rows so far last: a restart goes on after them."""
        for handle in self._handles.values():
            handle.flush()
            os.fsync(handle.fileno())
        files.write_json(self._folder / "progress.json", {"key": self._key, "rows": self.done})

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def close(self):
        for handle in self._handles.values():
            handle.close()

    def finish(self, folder, names):
        """Move the arrays `names`, now whole, to `<folder>/<name>.npy`, and remove the work folder with the others."""
        if self.done != self._n:
            raise ValueError(f"{self.done} rows written, expected {self._n}")
        self.commit()
        self.close()
        Path(folder).mkdir(parents=True, exist_ok=True)
        for name in names:
            os.replace(self._path(name), Path(folder) / f"{name}.npy")
        shutil.rmtree(self._folder)

    def read(self, name):
        """An array as far as it is written, as a memory map (rows, …)."""
        self._handles[name].flush()
        return np.load(self._path(name), mmap_mode="r")
