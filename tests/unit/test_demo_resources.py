"""What was made for the demo and the small study is what resources/demo/README.md says."""

import hashlib
import json
import re
from pathlib import Path

import pytest
import yaml

import tokens
from cisflow.features import arrays as features

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "resources" / "demo"


def read(name):
    return yaml.safe_load((ROOT / "config" / f"{name}.yaml").read_text())


def test_readme_gives_the_digest_of_every_file():
    rows = dict(re.findall(r"^\| `(\S+)` \| `([0-9a-f]{64})` \|$", (DEMO / "README.md").read_text(), re.MULTILINE))
    assert rows == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in DEMO.iterdir() if path.name != "README.md"
    }


@pytest.mark.parametrize("name", ["demo", "study_small", "config"])
def test_configs_hold_the_digest_of_what_ships(name):
    for entry in read(name)["resources"].values():
        if entry["url"].startswith("resources/demo/"):
            assert entry["sha256"] == hashlib.sha256((ROOT / entry["url"]).read_bytes()).hexdigest()


def test_factor_names_are_those_of_the_planted_matrices():
    source = read("study_small")["datasets"]["factors"]["source"]
    assert source == read("demo")["datasets"]["factors"]["source"]
    names, groups = features.read_target_names(DEMO / "factors_targets.txt", "corrected", len(source["matrices"]))
    assert [name.split(" | ")[2] for name in names] == [f"JASPAR {matrix}" for matrix in source["matrices"]]
    assert [groups.count(group) for group in ("TF", "histone", "accessibility")] == [10, 4, 2]
    legacy = features.read_target_names(DEMO / "factors_targets.txt", "legacy", len(names))
    assert legacy == (names, groups)


def test_the_tokenizer_is_what_its_helper_makes():
    assert json.loads((DEMO / "tokenizer.json").read_text()) == json.loads(tokens.tokenizer(256))
