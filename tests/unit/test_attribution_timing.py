"""Time and memory of attribution methods."""

import json
import signal
import subprocess
import sys
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

import pipeline
from cisflow import __main__ as cli
from cisflow.attribution import methods, targets
from cisflow.attribution.comparison import timing
from cisflow.errors import InputError
from cisflow.figures import attribution_cost, style
from cisflow.io.tables import write_table
from tables import check_table


def test_one_size_varies_at_a_time():
    assert timing.Settings(lengths=[10, 20], sequences=[1, 3], targets=[2]).grid() == [
        ("length", 10, 1, 2),
        ("length", 20, 1, 2),
        ("n_sequences", 10, 1, 2),
        ("n_sequences", 10, 3, 2),
        ("n_targets", 10, 1, 2),
    ]


def run(*arguments):
    assert cli.main([str(argument) for argument in arguments]) == 0


def test_methods_are_timed_at_every_size(tmp_path):
    options = {
        "--model": {"architecture": "BassetLike", "settings": {}},
        "--methods": {"plain": {"method": "ism", "plan": False}, "tism": {"method": "tism"}},
        "--sizes": {"lengths": [60, 120], "sequences": [1], "targets": [1, 2]},
    }
    given = [text for name, value in options.items() for text in (name, json.dumps(value))]
    run("time-attributions", *given, "--repeats", 2, "--device", "cpu", "--output", tmp_path / "timing.tsv")
    table = check_table(tmp_path / "timing.tsv", "timing")
    assert len(table) == 2 * 5 * 2
    assert (table[["seconds", "peak_mb"]].astype(float) > 0).all(axis=None)
    with style.applied():
        figure = attribution_cost.draw({"timing": tmp_path / "timing.tsv"}, {})
    labels = {text.get_text() for text in figure.legends[0].get_texts()}
    assert labels == {"Plain", "TISM", "3 \u00b7 length \u00b7 TISM"}


REPEATED = """
import numpy as np
from cisflow.attribution import blocks
from cisflow.attribution.comparison import timing
from cisflow.attribution.targets import Targets

def attribute(model, codes, *_, **__):
    kept.clear()
    if not tables:
        tables.extend(np.ones(2**20) for _ in range(15))
    kept.extend(np.ones(2**20) for _ in range(next(sizes) * len(codes)))
    kept.clear()
    yield

kept, tables, sizes = [], [], iter([6, 5, 8, 3])
# 80 MiB in blocks that the allocator keeps when they are freed.
freed = [np.ones(2**20) for _ in range(10)]
del freed
blocks.attribute = attribute
for _, peak in timing.costs(None, np.zeros((2, 9), dtype=np.uint8), Targets(None, 1), None, "cpu", 3):
    print(peak)
"""


@pytest.mark.skipif(not timing.PEAK_RESET.exists(), reason="the system cannot count a peak anew")
def test_every_repeat_has_a_peak_that_no_freed_memory_lowers():
    # As in the jobs of the pipeline: no block is a mapping of its own, none is given back before there is much.
    kept = {"MALLOC_MMAP_THRESHOLD_": "33554432", "MALLOC_TRIM_THRESHOLD_": "268435456"}
    environment = pipeline.environment(PYTHONPATH=str(pipeline.ROOT / "workflow" / "lib"), **kept)
    found = subprocess.run([sys.executable, "-c", REPEATED], env=environment, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    # Two sequences; the last repeat needs less than the one before, whose memory is still held. What the first of all
    # runs made for good, 120 MiB, is none of theirs.
    assert [float(line) for line in found.stdout.split()] == pytest.approx([80, 128, 128], abs=6)


def test_without_linux_methods_are_timed_and_memory_is_left_empty(tmp_path, monkeypatch):
    monkeypatch.setattr(timing, "PEAK_RESET", tmp_path / "absent")
    model = timing.build({"architecture": "BassetLike", "settings": {}}, 60, 2).eval()
    found = timing.costs(model, np.zeros((1, 60), np.uint8), targets.Targets(None, 2), methods.get("tism"), "cpu", 2)
    assert len(found) == 2
    assert all(seconds > 0 and np.isnan(peak) for seconds, peak in found)
    rows = [
        ("tism", varied, *size, repeat, seconds, peak)
        for varied, *size in timing.Settings(lengths=[60, 120], sequences=[1], targets=[2]).grid()
        for repeat, (seconds, peak) in enumerate(found, start=1)
    ]
    write_table(tmp_path / "timing.tsv", pd.DataFrame(rows, columns=timing.COLUMNS))
    check_table(tmp_path / "timing.tsv", "timing")
    with style.applied():
        figure = attribution_cost.draw({"timing": tmp_path / "timing.tsv"}, {})
        figure.canvas.draw()
    assert "No memory to show" in figure.axes[3].texts[0].get_text()


class Deadly(NamedTuple):
    """A method at which the process that is sent it dies."""

    name: str = "deadly"

    def __reduce__(self):
        return signal.raise_signal, (signal.SIGKILL,)


def test_a_measurement_that_is_killed_is_an_error_that_names_it():
    model = {"architecture": "BassetLike", "settings": {}}
    with pytest.raises(InputError, match="deadly: .*killed at length 60, 2 sequences and 3 targets") as error:
        timing.measure(model, Deadly(), 60, 2, 3, "cpu", 1, 1)
    assert "\n" not in str(error.value)
