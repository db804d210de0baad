"""Real introns of Arabidopsis: their ends are found as patterns, and said to be splice sites."""

import gzip
import os

import numpy as np
import pytest
import torch

import attributed
import pipeline
from cisflow.attribution.baselines import shuffled_codes
from cisflow.attribution.blocks import multipliers
from cisflow.data.dataset import Dataset
from cisflow.io.tables import write_table
from cisflow.motifs import discovery, naming
from cisflow.training import fit
from sources import collect

DEMO = pipeline.ROOT / "resources" / "demo"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("CISFLOW_FULL_SIZE" not in os.environ, reason="takes a minute: set CISFLOW_FULL_SIZE=1"),
]


@pytest.mark.parametrize("site", ["donor", "acceptor"])
def test_the_first_pattern_of_introns_is_a_splice_site(tmp_path, site):
    """A network that tells the ends of introns from their shuffles looks at the splice site, and the table says so."""
    shipped = {"fa": "tair10_chr1_12Mb.fa", "gtf": "tair10_chr1_12Mb.gtf"}
    for suffix, name in shipped.items():
        (tmp_path / f"genome.{suffix}").write_bytes(gzip.decompress((DEMO / f"{name}.gz").read_bytes()))
    genome, annotation = tmp_path / "genome.fa", tmp_path / "genome.gtf"
    database = DEMO / "JASPAR2024_CORE_plants_non-redundant.meme.gz"
    given = {"annotation": "gtf", "genome": "fa", "anchor": site}
    introns = collect("annotation", given, 100, {"gtf": annotation, "fa": genome}, 1)
    rows = np.random.default_rng(0).permutation(len(introns.frame))[:2000]
    codes, frame = introns.codes[rows], introns.frame.iloc[rows]
    write_table(tmp_path / "windows.tsv", frame)
    ids = frame["id"].to_numpy(dtype=str)
    labels = np.repeat(np.float32([[1], [0]]), len(rows), axis=0)
    both = np.concatenate([codes, shuffled_codes(codes, 1)])
    dataset = Dataset(np.arange(len(both)).astype(str), both, labels, ["end"])
    folds = np.array(["train", "train", "train", "train", "valid"])[np.arange(len(both)) % 5]
    training = {"max_epochs": 2, "batch_size": 32, "learning_rate": 0.001, "reverse_complement": "none"}
    network, _, _ = fit.train(dataset, folds, "MotifCNN", {}, training, 1, torch.device("cpu"), tmp_path / "work")
    found = multipliers(network, codes[:600], method="tism", strands="forward")[:, 0]
    path = attributed.write(tmp_path / "tism.npz", codes[:600], found, ids=ids[:600])
    outputs = [tmp_path / name for name in ("modisco.h5", "control.h5", "discovery.json")]
    discovery.discover(path, discovery.Settings(min_seqlets=50), 1, *outputs)
    table = naming.name_patterns(*outputs[:2], database, attributions=path, windows=tmp_path / "windows.tsv")
    print(table.to_string())
    assert table["pattern"][0] == "pos_0" and table["note"][0] == f"splice {site}"
