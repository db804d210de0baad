"""Windows from a source's settings, and the data that ship with the project, unpacked."""

import gzip
from pathlib import Path

from cisflow import tasks
from cisflow.data import build
from cisflow.sequence import dna

DEMO = Path(__file__).parents[2] / "resources" / "demo"
NAMES = {
    "hg19": "hg19_fragments.fa",
    "gtf": "hg19_transcripts.gtf",
    "ctcf": "ctcf_gm12878_peaks.fa",
    "jaspar": "JASPAR2024_CORE_vertebrates_non-redundant.meme",
}


def unpacked(folder):
    """The shipped data in a folder: resource name -> file."""
    for name in NAMES.values():
        (folder / name).write_bytes(gzip.decompress((DEMO / f"{name}.gz").read_bytes()))
    return {key: folder / name for key, name in NAMES.items()}


def collect(kind, settings, length, inputs, seed=1, task="binary"):
    """Windows of a source of this kind, with its settings as a config has them."""
    return build.collect("d", {"kind": kind, **settings}, length, inputs, seed, tasks.get(task))


def spread(windows):
    """Labels of a single target and decoded sequences."""
    return windows.labels[:, 0].tolist(), [dna.decode(row) for row in windows.codes]
