"""Configs with random mistakes: each ends in a plan, or in one line that says where it is wrong.

CISFLOW_SEED=n draws others.
"""

import copy
import os
import random

import yaml

import pipeline
from cisflow.config.loading import load
from cisflow.errors import InputError

COUNT, SEED = 1500, int(os.environ.get("CISFLOW_SEED", 20261128))
CONFIGS = [
    yaml.load((pipeline.ROOT / path).read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    for path in ("config/demo.yaml", "config/study_small.yaml", "config/reporters.yaml", "tests/helpers/tiny.yaml")
]
ODD = (
    *(None, True, False, 0, 1, -1, 2.0, 0.5, 1e-300, float("nan"), float("inf"), 2**31, 2**70, 10**400),
    *(
        "",
        " ",
        "a",
        "A",
        "id",
        "mean",
        "none",
        "auto",
        "../a",
        "a/b",
        "~/a",
        "s3://a/b",
        "a\n",
        "\x00",
        "é",
        "💥",
        "{a}",
    ),
    *([], {}, [[]], [{}], [None], ["a", "a"], [1, 0], {"a": 1}, {1: 2}, {"kind": "random"}, {"kind": 5}, {None: {}}),
)
# What rule all asks for.
PLANNED = ("stacked_metrics", "track_tables", "input_tables", "all_leakage", "figures", "study_pages", "motif_results")
PLANNED += ("published_results", "kernel_tables", "genome_files", "class_tables", "variant_results", "feature_arrays")


def places(part):
    """(mapping or list, key or number) of every place of a config."""
    for key, value in part.items() if isinstance(part, dict) else enumerate(part):
        yield part, key
        if isinstance(value, dict | list):
            yield from places(value)


def mutate(config, draw):
    """One mistake in a config, in place; what it is, for messages."""
    found = list(places(config))
    part, key = draw.choice(found)
    kind = draw.choice(("odd", "odd", "drop", "name", "copy", "other", "wrap", "factor"))
    if kind == "odd":
        part[key] = copy.deepcopy(draw.choice(ODD))
    elif kind == "drop":
        del part[key]
    elif kind == "name" and isinstance(part, dict):
        part[draw.choice((f"{key}s", str(key).upper(), "kind", 7, f"{key}\n", ""))] = part.pop(key)
    elif kind == "copy":
        other, place = draw.choice(found)
        other[place] = copy.deepcopy(part[key])
    elif kind == "other" and isinstance(part, dict):
        part[draw.choice(("unknown", "tune", "targets", "trained_on", "reference", "CTCF", "features"))] = part[key]
    elif kind == "wrap":
        part[key] = [part[key]]
    elif isinstance(part[key], int | float) and not isinstance(part[key], bool):
        part[key] = part[key] * draw.choice((-1, 0, 1.0, 1.5, 1000))
    return kind, key


def test_a_config_ends_in_a_plan_or_in_one_line():
    draw, planned, refused = random.Random(SEED), 0, set()
    for number in range(COUNT):
        config = copy.deepcopy(draw.choice(CONFIGS))
        mistakes = [mutate(config, draw) for _ in range(draw.choice((1, 1, 2)))]
        try:
            study = load(config, pipeline.ROOT)
            for name in PLANNED:
                getattr(study, name)()
            planned += 1
        except InputError as error:
            assert str(error).startswith("config: ") and len(str(error).splitlines()) == 1, (number, mistakes, error)
            refused.add(str(error))
        except Exception as error:
            raise AssertionError(f"config {number}, {mistakes}") from error
    # Neither everything nor nothing is refused, nor all for one reason.
    assert planned > COUNT / 20
    assert len(refused) > COUNT / 4
