"""Attributions of the large published networks at their true size, within the memory of a small job."""

import os
import subprocess
import sys
import tracemalloc
import weakref
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import nn

from cisflow import models
from cisflow.attribution import blocks, methods
from cisflow.attribution.method import Attribution, Common
from cisflow.attribution.methods import deep_lift_shap
from cisflow.attribution.targets import Targets

ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(models.__file__).parents[2])}
LIMIT = 8e9

START = """
import re, numpy as np, torch
from cisflow import models
from cisflow.attribution import blocks, methods
from cisflow.attribution.ism import exact
from cisflow.attribution.targets import Targets

torch.set_num_threads(1)
torch.manual_seed(0)

def explain(model, codes, targets, method, **settings):
    # As the command does: block by block, nothing kept.
    for rows, found in blocks.attribute(model, codes, targets, methods.get(method, **settings), progress=False):
        assert np.isfinite(found.multipliers).all() and np.abs(found.multipliers).max() > 0

def effects_at(model, codes, start, end):
    # What is held beside the result is bounded block by block, of which some show it.
    found = exact.exact_ism(model, codes, start=start, end=end, progress=False)
    assert found.route == "planned" and np.abs(found.effects[..., start:end]).max() > 0

def sequences(length):
    return np.random.default_rng(0).integers(0, 4, (2, length)).astype(np.uint8)
"""
END = """
print(1024 * int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]))
"""
BELUGA = """
model, codes = models.build("Beluga"), sequences(2000)
effects_at(model.eval().requires_grad_(False), codes, 900, 1300)
explain(model, codes, Targets(np.arange(40), 2002), "tism")
explain(model, codes, Targets([267], 2002), "integrated_gradients")
"""
BELUGA_ISM = """
explain(models.build("Beluga"), sequences(2000), Targets(None, 2002), "ism")
"""
# A point of a path through Sei takes hundreds of MB: `batch_size` bounds how many there are at a time.
SEI = """
model, codes = models.build("Sei").eval().requires_grad_(False), sequences(4096)
effects_at(model, codes, 2044, 2052)
explain(model, codes, Targets([5, 21906], 21907), "tism", batch_size=4)
explain(model, codes, Targets([5], 21907), "integrated_gradients", batch_size=4)
"""


FULL_SIZE = pytest.mark.skipif(
    "CISFLOW_FULL_SIZE" not in os.environ, reason="takes minutes and 8 GB: set CISFLOW_FULL_SIZE=1"
)


@pytest.mark.slow
@pytest.mark.parametrize(
    "program",
    [
        pytest.param(BELUGA, id="beluga"),
        pytest.param(BELUGA_ISM, id="beluga_ism", marks=FULL_SIZE),
        pytest.param(SEI, id="sei", marks=FULL_SIZE),
    ],
)
def test_two_sequences_are_explained_at_true_size_within_8_gb(program):
    command = [sys.executable, "-c", START + program + END]
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)
    print(f"{int(run.stdout) / 1e9:.2f} GB")
    assert int(run.stdout) < LIMIT


def test_strands_are_averaged_without_another_array():
    rng = np.random.default_rng(0)
    forward, reverse = rng.random((2, 3, 400, 4, 500), dtype=np.float32)
    expected = (forward + reverse[..., ::-1, ::-1]) / 2
    found = iter((forward, reverse))

    class Given(NamedTuple):
        """A method whose multipliers of either strand are there."""

        name: str = "given"
        settings: Common = Common(strands="both")

        def prepare(self, *_):
            return 3, lambda *_: Attribution(next(found))

    codes = np.zeros((3, 500), dtype=np.uint8)
    rows = blocks.attribute(nn.Linear(1, 1), codes, Targets(None, 400), Given(), progress=False)
    tracemalloc.start()
    try:
        ((_, mean),) = rows
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < forward.nbytes / 10
    np.testing.assert_array_equal(mean.multipliers, expected)


def test_effects_on_every_output_are_not_copied():
    effects = np.random.default_rng(0).random((2, 3, 4, 5), dtype=np.float32)
    everything = Targets(None, 3)
    assert everything.combine(effects, everything.used()) is effects
    some = Targets([2, 0, 2], 3)
    np.testing.assert_array_equal(some.combine(effects[:, [0, 2]], some.used()), effects[:, [2, 0, 2]])
    own = Targets([0, 1, 2], 3, which=[[1], [2]])
    np.testing.assert_array_equal(own.combine(effects[:, 1:], own.used())[:, 0], effects[[0, 1], [1, 2]])


def test_deep_lift_of_many_targets_holds_the_shuffles_of_one_at_a_time(monkeypatch):
    torch.manual_seed(0)
    network = models.build("MotifCNN", n_outputs=6, channels=8, width=5, pool=2, hidden=6).eval()
    codes = np.random.default_rng(0).integers(0, 4, (3, 30)).astype(np.uint8)
    deep_lift, alive, most = deep_lift_shap.deep_lift, [], []

    def watched(*args):
        found, difference = deep_lift(*args)
        alive.append(weakref.ref(found))
        most.append(sum(result() is not None for result in alive))
        return found, difference

    monkeypatch.setattr(deep_lift_shap, "deep_lift", watched)
    together = blocks.multipliers(network, codes, None, "deep_lift_shap", n_baselines=4)
    # The last one may live until the next replaces it.
    assert max(most) <= 2
    monkeypatch.undo()
    each = [blocks.multipliers(network, codes, [target], "deep_lift_shap", n_baselines=4) for target in range(6)]
    np.testing.assert_allclose(together, np.concatenate(each, axis=1), atol=1e-6)


def test_the_memory_setting_bounds_the_rows_of_deep_lift():
    method = methods.get("deep_lift_shap", baseline="uniform", batch_size=64, memory_mb=16)
    codes = np.zeros((1, 8192), dtype=np.uint8)
    rows = {n: blocks.block_rows(nn.Linear(1, 1), codes, Targets(None, n), method) for n in (1, 16, 4000)}
    assert rows == {1: 64, 16: 8, 4000: 1}
