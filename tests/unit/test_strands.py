"""Tracks of the two strands of windows: on the reverse complement each says what the other said."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from cisflow import tasks
from cisflow.attribution.blocks import multipliers
from cisflow.data import dataset as datasets
from cisflow.data.targets import bam, bigwig
from cisflow.design.constraints import Constraints
from cisflow.design.constraints import Settings as Rules
from cisflow.design.objective import Objective
from cisflow.design.objective import Settings as Wanted
from cisflow.design.problem import Problem
from cisflow.errors import InputError
from cisflow.models import Network, checkpoints
from cisflow.models.motif_cnn import MotifCNN
from cisflow.models.network import Architecture
from cisflow.models.predict import predict, profiles, stream
from cisflow.training import batches
from counted import some_alignments, some_values, some_windows, write_bam, write_bigwig

CPU = torch.device("cpu")
PAIR = [1, 0, 2]


class Equivariant(Architecture):
    """Signal of a motif where it reads so, of the same on the other strand, and of both: exactly equivariant."""

    output = "logit"
    n_outputs = 3
    bins = 12

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.scan = nn.Conv1d(4, 2, 5, padding=2, bias=False)
        weight = torch.randn(4, 5)
        self.scan.weight.data = torch.stack([weight, weight.flip(0, 1)])
        self.relu = nn.ReLU()

    def bases(self, x):
        found = self.relu(self.scan(x))
        return torch.cat([found, found.sum(1, keepdim=True)], 1)

    def forward(self, x):
        return self.bases(x).sum(2)

    def profile(self, x):
        shapes = self.bases(x).unflatten(2, (self.bins, -1)).sum(3)
        return shapes.sum(2), shapes


@pytest.fixture(scope="module")
def network():
    return Network(Equivariant().eval(), ["a", "b", "c"], task=tasks.get("regression"), opposite=PAIR)


CODES = np.random.default_rng(1).integers(0, 5, (40, 60)).astype(np.uint8)


def test_predictions_of_both_strands_are_those_of_one(network):
    forward, reverse = predict(network, CODES, CPU)
    np.testing.assert_allclose(reverse, forward, rtol=1e-5)
    both = np.concatenate(list(stream(network, CODES, CPU)))
    np.testing.assert_allclose(both, forward, rtol=1e-5)
    separate = np.concatenate(list(stream(network, CODES, CPU, "separate")))
    np.testing.assert_allclose(separate[:, 1], separate[:, 0], rtol=1e-5)
    with torch.inference_mode():
        own = network.module.profile(*network.inputs(CODES, CPU))[1].softmax(2)
    np.testing.assert_allclose(np.concatenate(list(profiles(network, CODES, CPU))), own, rtol=1e-4)
    # Without knowing of the strands the two tracks would be alike.
    blind, _ = (values for values in predict(Network(network.module, task=network.task), CODES, CPU))
    assert not np.allclose(blind[:, 0], blind[:, 1])


@pytest.mark.parametrize("method", ["gradient", "ism"])
@pytest.mark.parametrize("targets", [None, [1], [[1.0, -1.0, 0.0], [0.5, 0.0, 0.5]]])
def test_attributions_of_both_strands_are_those_of_one(network, method, targets):
    found = {how: multipliers(network, CODES[:5], targets, method, strands=how) for how in ("both", "forward")}
    np.testing.assert_allclose(found["both"], found["forward"], atol=1e-4)


def test_a_batch_on_the_other_strand_has_the_loss_of_its_own(network):
    rng = np.random.default_rng(2)
    given = [torch.tensor(rng.random((40, 3)), dtype=torch.float32) for _ in range(2)]
    shapes = torch.tensor(rng.random((40, 3, 12)), dtype=torch.float32)
    batch = batches.Batch(torch.as_tensor(CODES), *given, shapes)
    turned = batches.on_other_strand(batch, torch.arange(40) < 20, PAIR)
    with torch.inference_mode():
        losses = []
        for part in (batch, turned):
            totals, bins = network.module.profile(*network.inputs(part.codes, CPU))
            of_totals = ((totals - part.labels) ** 2 * part.weights).sum(1)
            losses.append([of_totals, ((bins - part.profiles) ** 2).sum((1, 2))])
    for own, other in zip(*losses, strict=True):
        torch.testing.assert_close(other, own, rtol=1e-4, atol=1e-4)
    back = batches.on_other_strand(turned, torch.arange(40) < 20, PAIR)
    assert all(torch.equal(a, b) for a, b in zip(back, batch, strict=True))


@pytest.mark.parametrize("fast", [True, False])
def test_edits_of_a_design_are_scored_on_both_strands_as_on_one(network, fast):
    codes, wanted = CODES[:2] % 4, Objective(Wanted.complete({"up": ["b"], "down": ["c"]}, "o"))
    rules = Constraints(Rules.complete({}, "c"), codes.shape[1])
    found = []
    for strands in ("both", "forward"):
        problem = Problem(dataclasses.replace(network, strands=strands), wanted, rules, fast=fast)
        outputs = problem.outputs(codes)
        found.append([outputs.numpy(), problem.edits(codes, outputs, outputs)])
    for both, one in zip(*found, strict=True):
        np.testing.assert_allclose(both, one, rtol=1e-4, atol=1e-4)


def test_a_checkpoint_says_which_tracks_are_of_one_signal(tmp_path):
    settings = {"n_outputs": 3, "channels": 4, "hidden": 4}
    for opposite in (None, PAIR, [1, 2, 0], [0, 1], [3, 1, 2]):
        header = {"architecture": "MotifCNN", "settings": settings, "targets": ["a", "b", "c"], "opposite": opposite}
        checkpoints.save(tmp_path / "x.safetensors", MotifCNN(**settings), header)
        if opposite in (None, PAIR):
            assert checkpoints.load(tmp_path / "x.safetensors").opposite == opposite
        else:
            with pytest.raises(InputError, match="opposite of the header is .*, expected 3 outputs in pairs"):
                checkpoints.load(tmp_path / "x.safetensors")


SHEET = "track\tfile\tgroup\tstrand\nplus\t1.{0}\tx\t+\nminus\t{1}.{0}\tx\t-\nboth\t1.{0}\ty\t\n"


def test_reads_of_a_track_of_one_strand_are_those_of_that_strand(tmp_path):
    write_bam(tmp_path / "1.bam", some_alignments(1))
    (tmp_path / "sheet.tsv").write_text(SHEET.format("bam", 1))
    (tmp_path / "one.tsv").write_text("track\tfile\nall\t1.bam\n")
    windows = some_windows(5)

    def count(sheet, **given):
        settings = bam.Settings.complete(given | {"sheet": "s", "bins": 6}, "targets").as_dict()
        return bam.collect(bam.Settings(**settings | {"sheet": tmp_path / sheet}), windows)

    found = count("sheet.tsv")
    for number, strand in enumerate(("same", "opposite", "both")):
        np.testing.assert_array_equal(found.values[:, [number]], count("one.tsv", strand=strand).values)
    assert datasets.opposite(found.tracks) == PAIR
    with pytest.raises(InputError, match="strand is 'same'; expected 'both' where the sheet tells strands"):
        count("sheet.tsv", strand="same")


def test_signal_of_windows_on_the_minus_strand_is_read_from_the_other_track_s_file(tmp_path):
    for seed in (1, 2):
        write_bigwig(tmp_path / f"{seed}.bw", some_values(seed))
    (tmp_path / "sheet.tsv").write_text(SHEET.format("bw", 2))
    told = "track\tfile\tfile_minus\nplus\t1.bw\t2.bw\nminus\t2.bw\t1.bw\nboth\t1.bw\t\n"
    (tmp_path / "told.tsv").write_text(told)
    settings = bigwig.Settings.complete({"sheet": "s", "bins": 4}, "targets").as_dict()
    found, expected = (
        bigwig.collect(bigwig.Settings(**settings | {"sheet": tmp_path / name}), some_windows(5)).values
        for name in ("sheet.tsv", "told.tsv")
    )
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("strands", "message"),
    [
        (["+", "-", "+"], "'a' \\(\\+\\), 'b' \\(-\\), 'c' \\(\\+\\)"),
        (["+", "", ""], "'a' \\(\\+\\) with one class, group and replicate; expected two"),
    ],
)
def test_a_track_of_one_strand_has_one_of_the_other(strands, message):
    tracks = pd.DataFrame({"target": ["a", "b", "c"], "strand": strands} | dict.fromkeys(datasets.TRACKS[1:], ""))
    with pytest.raises(InputError, match=message):
        datasets.opposite(tracks)
