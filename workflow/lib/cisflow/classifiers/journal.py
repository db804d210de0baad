"""The journal of a search: what optuna asks to be kept, a line a record, read as far as it is whole."""

import bisect
import json
import os
import sys
from pathlib import Path

from optuna.storages.journal import BaseJournalBackend, JournalStorage

from cisflow.io import work


class Records(BaseJournalBackend):
    """Records of a search in memory, for `JournalStorage`."""

    def __init__(self, records):
        self._records = records

    def read_logs(self, log_number_from):
        return iter(self._records[log_number_from:])

    def append_logs(self, logs):
        self._records += logs


class Journal(Records):
    """Records of a search in a file, one JSON object a line.

    A process that is killed may leave half a line, and a machine that goes down zeros: what follows the last whole
    record is cut off, which a line says, and so is a file that is no journal. There is no lock: who writes holds the
    work folder that the file is in.
    """

    def __init__(self, path):
        self._path = Path(path)
        if os.path.lexists(self._path) and not self._path.is_file():
            print(f"{self._path}: it is not a journal of a search, which starts afresh", file=sys.stderr)
            work.remove(self._path)
        text = self._path.read_bytes() if self._path.exists() else b""
        records, ends = _whole(text)
        count = _replayed(records)
        super().__init__(records[:count])
        end = ends[count]
        if end < len(text):
            cut = f"{len(text) - end} bytes after record {count} are no whole records, and are dropped"
            why = cut if count else "it is not a journal of a search, which starts afresh"
            print(f"{self._path}: {why}", file=sys.stderr)
            os.truncate(self._path, end)

    def append_logs(self, logs):
        lines = [json.dumps(log, separators=(",", ":")) for log in logs]
        with open(self._path, "a") as handle:
            handle.writelines(f"{line}\n" for line in lines)
            handle.flush()
            os.fsync(handle.fileno())
        super().append_logs([json.loads(line) for line in lines])


def _whole(text):
    """(the JSON objects of the first whole lines, where in the text each begins and the last one ends)."""
    records, ends = [], [0]
    for line in text.splitlines(keepends=True):
        try:
            record = json.loads(line) if line.endswith(b"\n") else None
        except (ValueError, RecursionError):
            break
        if not isinstance(record, dict):
            break
        records.append(record)
        ends.append(ends[-1] + len(line))
    return records, ends


def _replayed(records):
    """How many of the first records make sense to optuna, which reads one after the other."""
    return bisect.bisect_left(range(1, len(records) + 1), True, key=lambda count: not _replays(records[:count]))


def _replays(records):
    # A record that is not one of optuna's raises whatever its keys bring about.
    try:
        JournalStorage(Records(records))
    except Exception:
        return False
    return True
