"""Arrays that a long job fills from the first row on, and that the job goes on with after it was killed."""

import contextlib
import io
import os
from pathlib import Path

import numpy as np

from cisflow.io import files, work


class Rows:
    """Arrays of n rows in a work folder: `append` adds rows to all of them, `commit` makes them last, `finish` moves
    the whole arrays to where they belong.

    Rows are written to the files and not kept, so that memory does not grow with n. A new object with the same key
    in the same folder goes on after the last commit; with another key, or where the folder holds anything that no
    commit left, it starts over and says so. A folder is held (`work.held`) until the object is closed.

    Parameters
    ----------
    folder : work folder, which belongs to this object alone.
    key : what the rows depend on; any text.
    n : rows in all.
    layout : {name: (shape of a row, dtype)}; array `name` is the file `<name>.npy`.

    Files are closed where a `with` block ends; where an exception ends it, the rows so far last.

    Attributes
    ----------
    done : rows that are written.
    """

    def __init__(self, folder, key, n, layout):
        self._folder, self._key, self._n = Path(folder), key, n
        self._layout = {name: (tuple(shape), np.dtype(dtype)) for name, (shape, dtype) in layout.items()}
        with contextlib.ExitStack() as stack:
            stack.enter_context(work.held(folder))
            self.done, why = self._committed()
            if not self.done:
                work.fresh(self._folder, why)
            self._handles = {name: stack.enter_context(self._open(name)) for name in self._layout}
            self._held = stack.pop_all()

    def _path(self, name):
        return self._folder / f"{name}.npy"

    def _header(self, name):
        """The bytes before the rows of an array that is whole."""
        shape, dtype = self._layout[name]
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": (self._n, *shape)}
        text = io.BytesIO()
        np.lib.format.write_array_header_1_0(text, header)
        return text.getvalue()

    def _end(self, name, rows):
        """Length in bytes of the file of an array of which so many rows are written."""
        shape, dtype = self._layout[name]
        return len(self._header(name)) + rows * dtype.itemsize * int(np.prod(shape))

    def _committed(self):
        """(rows that an earlier object with this key made last, why there are none)."""
        record = work.note(self._folder / "progress.json")
        if not record:
            return 0, "no finished rows are noted there"
        if record.get("key") != self._key:
            return 0, "it belongs to another job"
        rows = record.get("rows")
        if type(rows) is not int or not 0 <= rows <= self._n:
            return 0, f"progress.json notes {rows!r} finished rows of {self._n}"
        for name in self._layout:
            path, header = self._path(name), self._header(name)
            if not path.is_file():
                return 0, f"{path.name} is not there"
            with open(path, "rb") as handle:
                if handle.read(len(header)) != header or path.stat().st_size < self._end(name, rows):
                    return 0, f"{path.name} is not an array with {rows} rows of this job"
        return rows, "no rows are finished"

    def _open(self, name):
        """The file of an array, cut back to its committed rows, with the header of the whole array."""
        path = self._path(name)
        handle = open(path, "r+b" if path.exists() else "w+b")  # noqa: SIM115 (closed by `close`)
        handle.write(self._header(name))
        handle.seek(self._end(name, self.done))
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

    def __exit__(self, kind, *_):
        if kind is not None:
            # What ended the block is told, and not that the rows so far could not be kept.
            with contextlib.suppress(OSError, ValueError):
                self.commit()
        self.close()

    def close(self):
        """Close the files, and let another process have the folder."""
        self._held.close()

    def finish(self, folder, names):
        """Move the arrays `names`, now whole, to `<folder>/<name>.npy`, and remove the work folder with the others."""
        if self.done != self._n:
            raise ValueError(f"{self.done} rows written, expected {self._n}")
        self.commit()
        for handle in self._handles.values():
            handle.close()
        Path(folder).mkdir(parents=True, exist_ok=True)
        for name in names:
            os.replace(self._path(name), Path(folder) / f"{name}.npy")
        work.remove(self._folder)
        self.close()

    def read(self, name):
        """An array as far as it is written, as a memory map (rows, …)."""
        self._handles[name].flush()
        return np.load(self._path(name), mmap_mode="r")
