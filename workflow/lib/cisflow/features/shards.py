"""Feature arrays in shards: computing one, gathering all, and a whole run that a restart resumes."""

import contextlib
import os
import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

from cisflow.errors import InputError, listing
from cisflow.features import arrays as features
from cisflow.features.extractor import load, open_sequences, ready, target_names
from cisflow.io import files, manifests, work
from cisflow.io.arrays import read_arrays, write_arrays
from cisflow.io.manifests import manifest
from cisflow.io.tables import write_table
from cisflow.models import predict

# Windows of a shard, where nobody says how many: 22 MB of Sei's targets, and minutes of a CPU.
SHARD = 500
# What a shard holds.
ARRAYS = ("ids", "features", "largest_rounding_error", "device")


def compute(output, network, sequences, device, extractor, bar):
    """Write one shard: ids (n,), features (n, t) or (n, 2, t) float16, largest error of rounding to it, and the device.

    Parameters
    ----------
    sequences : those of the shard.
    extractor : `strands` ("both") and `batch_size` ("auto").
    bar : progress bar that counts windows.
    """
    strands, batch_size = extractor.get("strands", "both"), extractor.get("batch_size", "auto")
    values = np.empty((len(sequences), *predict.window_shape(network, strands)), dtype=np.float16)
    row, error = 0, 0.0
    for exact in predict.stream(network, sequences, device, strands, batch_size):
        rounded = exact.astype(np.float16)
        error = max(error, float(np.abs(exact - rounded).max()))
        values[row : row + len(rounded)] = rounded
        row += len(rounded)
        bar.update(len(rounded))
    about = {"largest_rounding_error": np.float32(error), "device": np.str_(device.type)}
    write_arrays(output, ids=sequences.ids, features=values, **about)


def progress(total, done=0):
    """A bar over windows: rate and time left."""
    return tqdm(total=total, initial=done, desc="features", unit="window", smoothing=0.1)


def gather(folder, shards, rows, extractor, weights, names=None, inputs=(), made_of=None):
    """Write features.npy, ids.tsv, targets.tsv and manifest.json, the last of all, from shards in order.

    Parameters
    ----------
    rows : the `inputs.Rows` that were cut into shards.
    names : list of target names, where the checkpoint has none.
    inputs : further files whose digest the manifest holds.
    made_of : what the manifest is to say that all was made of, for `manifests.agrees`.
    """
    folder = Path(folder)
    with manifest(folder / "manifest.json", extractor, [*rows.files, weights, *inputs]) as record:
        ids = rows.frame["id"].to_numpy(dtype=str)
        width, error = features.gather(shards, ids, folder / "features.npy")
        names, groups = target_names(extractor, weights, width, names)
        write_table(folder / "targets.tsv", features.target_table(names, groups))
        write_table(folder / "ids.tsv", rows.frame)
        record |= {"windows": len(ids), "targets": width, "largest_rounding_error": error}
        if made_of is not None:
            record |= manifests.as_made(made_of, folder, ["features.npy", "ids.tsv", "targets.tsv"])
        used = {str(read_arrays(path, ["device"])["device"]) for path in shards}
        record["device"] = listing(sorted(used))


def run(folder, rows, extractor, weights, genome, names, count, acquire):
    """Compute all shards one after the other and gather them; a run that was stopped goes on with its next shard.

    Finished shards lie in `<folder>/shards`, beside a record of what they were made of, and go when all are gathered.
    A shard that is damaged is computed again. The caller holds the folder of the shards, see `io.work`.

    Parameters
    ----------
    count : number of shards.
    acquire : gives a context manager that yields the device.
    """
    folder = Path(folder)
    n = len(rows.frame)
    extra = [genome] if genome else []
    made_of = {
        "shards": count,
        "extractor": {key: value for key, value in extractor.items() if key != "groups"},
        "files": [identity(path) for path in (*rows.files, weights, *extra)],
    }
    whole = {**made_of, "groups": extractor.get("groups"), "names": identity(names) if names else None}
    finished, record = folder / "manifest.json", folder / "shards" / "made_of.json"
    if manifests.agrees(finished, whole):
        print(f"features: {folder} is complete", file=sys.stderr)
        return
    # Without its manifest, an array of an earlier run does not look like that of this one.
    finished.unlink(missing_ok=True)
    if work.note(record) != made_of:
        work.fresh(record.parent, "its shards belong to another job, or to none that can be told")
        files.write_json(record, made_of)
    parts = [features.shard_rows(n, number, count) for number in range(1, count + 1)]
    paths = [folder / "shards" / f"{number}-of-{count}.npz" for number in range(1, count + 1)]
    ids = rows.frame["id"].to_numpy(dtype=str)
    waiting = [(path, part) for path, part in zip(paths, parts, strict=True) if not _whole(path, ids[part])]
    if len(waiting) < count:
        print(f"features: {count - len(waiting)} of {count} shards are there from an earlier run", file=sys.stderr)
    if waiting:
        network = load(extractor, weights)
        # A list that does not fit is refused now, not after hours.
        target_names(extractor, weights, network.n_outputs, names)
        sequences = open_sequences(rows, network, extractor, genome)
        done = n - sum(part.stop - part.start for _, part in waiting)
        with acquire() as device, progress(n, done) as bar:
            network = ready(network, extractor, device)
            for path, part in waiting:
                compute(path, network, sequences.part(part), device, extractor, bar)
    gather(folder, paths, rows, extractor, weights, names, extra, whole)
    work.remove(record.parent)


def _whole(path, ids):
    """Whether a shard of these windows is there; one that is damaged is removed, which a line says."""
    if not os.path.lexists(path):
        return False
    with contextlib.suppress(InputError):
        if np.array_equal(read_arrays(path, ARRAYS)["ids"], ids):
            return True
    print(f"{path}: it is damaged; the shard is computed again", file=sys.stderr)
    work.remove(path)
    return False


def identity(path):
    """What tells one state of a file from another, without reading gigabytes of it."""
    try:
        state = Path(path).stat()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    return [str(path), state.st_size, state.st_mtime_ns]
