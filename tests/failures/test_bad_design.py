"""Designs with one mistake: each ends a run before it starts, in one line; what only a job can tell is warned of."""

import copy

import pytest
import yaml

import pipeline
from cisflow.config.loading import load
from cisflow.errors import InputError

PRESET = yaml.safe_load((pipeline.ROOT / "config" / "design.yaml").read_text())
JUDGES = PRESET["datasets"]["grammar"]["design"][0]["judges"]
RANDOM = {"kind": "random"}

# What is wrong -> (keys below design[0] of the grammar, value, the line behind the name of the dataset).
MISTAKES = {
    "a model that is not trained": (("model",), "promoter", "design[0].model: 'promoter' is not defined"),
    "a split that is not there": (("split",), "fourth", "design[0].split: 'fourth' is not defined; expected one of"),
    "a seed that is not trained": (("seeds",), [7], "design[0].seeds: '7' is not defined; expected one of 1"),
    "a name twice": (("name",), "few_edits", "design[1].name: 'few_edits' is of an entry above"),
    "nothing wanted": (
        ("objective",),
        {"weight": 2.0},
        "design[0].objective: nothing to reach; expected one of the keys",
    ),
    "wanted both ways": (
        ("objective",),
        {"up": ["activity"], "down": ["activity"]},
        "design[0].objective: 'activity' is wanted in two ways; expected each output once",
    ),
    "targets beside up": (
        ("objective",),
        {"up": ["activity"], "targets": {"activity": 1.0}},
        "design[0].objective: found targets beside up, down or flat",
    ),
    "GC content upside down": (
        ("constraints", "gc"),
        [0.6, 0.4],
        "design[0].constraints.gc: found 0.6 to 0.4; expected",
    ),
    "flanks of the whole window": (
        ("constraints", "left"),
        "A" * 80,
        "design[0].constraints: flanks of 80 bases leave",
    ),
    "a flank of no bases": (
        ("constraints", "right"),
        "ACGN",
        "design[0].constraints.right: found 'N'; expected A, C, G",
    ),
    "protected beyond the window": (
        ("constraints", "protected"),
        [{"start": 70, "end": 90}],
        "design[0].constraints.protected[0]: found 70 to 90; expected positions within the window, 0 to 80",
    ),
    "an unknown method": (("method",), {"method": "best"}, "design[0].method.method: 'best' is not one of"),
    "a setting of another method": (
        ("method",),
        {"method": "greedy", "width": 4},
        "design[0].method: unknown key 'width'; expected keys: method, steps, patience, tolerance",
    ),
    "one judge": (("judges",), JUDGES[:1], "design[0].judges: found one; expected two or more, or none"),
    "a judge twice": (("judges",), [JUDGES[0]] * 2, "design[0].judges[1]: pooled.second.seed2 is in an entry above"),
    "the designer as judge": (
        ("judges",),
        [JUDGES[0], {"model": "designer", "split": "first", "seed": 1}],
        "design[0].judges[1]: designer.first.seed1 is the designer; expected a network of another model and seed",
    ),
    "the designer's model and seed on other windows": (
        ("judges",),
        [JUDGES[0], {"model": "designer", "split": "second", "seed": 1}],
        "design[0].judges[1]: designer.second.seed1 has the designer's model and seed; expected a network of another",
    ),
    "the designer's windows": (
        ("judges",),
        [JUDGES[0], {"model": "dilated", "split": "first", "seed": 3}],
        "design[0].judges[1].split: 'first' is the designer's, so that both learn from the same windows; expected",
    ),
}


def edited(keys, value):
    config = copy.deepcopy(PRESET)
    place = config["datasets"]["grammar"]["design"][0]
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    return config


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_in_one_line(mistake):
    keys, value, words = MISTAKES[mistake]
    with pytest.raises(InputError) as error:
        load(edited(keys, value), pipeline.ROOT)
    assert str(error.value).startswith(f"config: datasets.grammar.{words}") and "\n" not in str(error.value)


def test_judges_that_are_built_alike_are_refused():
    config = copy.deepcopy(PRESET)
    config["models"]["pooled"]["settings"] = config["models"]["designer"]["settings"]
    with pytest.raises(InputError, match=r"judges\[0\].model: 'pooled' has the designer's architecture and settings"):
        load(config, pipeline.ROOT)


def test_a_word_without_a_database_is_no_motif():
    config = edited(("constraints", "banned"), ["MA0139.2"])
    load(copy.deepcopy(config), pipeline.ROOT)
    del config["datasets"]["grammar"]["motifs"]
    with pytest.raises(InputError, match="banned: 'MA0139.2' is no word of IUPAC letters, and the run has no database"):
        load(config, pipeline.ROOT)


def test_splits_that_may_share_windows_are_warned_of():
    config, lines = copy.deepcopy(PRESET), []
    load(copy.deepcopy(config), pipeline.ROOT, warn=lines.append)
    assert not lines
    config["datasets"]["grammar"]["splits"]["second"] = RANDOM
    load(config, pipeline.ROOT, warn=lines.append)
    assert (
        len(lines) == 3 and "whether splits 'second' and 'first' train on windows in common is told by the" in lines[0]
    )
