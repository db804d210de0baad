"""docs/networks.md: its tables are those of the settings, its numbers those of the networks, its example is built."""

import re
from pathlib import Path

import pytest
import torch
import yaml

from cisflow import models
from cisflow.config import declared, settings
from cisflow.models import modular
from cisflow.models.blocks import KINDS, dense, heads, join, stem, summary

TEXT = (Path(__file__).parents[2] / "docs" / "networks.md").read_text()
PARTS = {"`stem`": stem.Settings, "`summary`": summary.Settings, "`dense`, `heads.<modality>`": dense.Settings}
PARTS |= {"`settings`": modular.Settings, "`join`, `joins.<modality>`": join.Settings, "`profile`": heads.Profile}
PARTS |= {f"`blocks[]` of kind `{kind}`": module.Settings for kind, module in KINDS.items()}


def rows(heading):
    part = re.search(rf"^### {re.escape(heading)}\n(.*?)(?=^#|\Z)", TEXT, re.MULTILINE | re.DOTALL)[1]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in part.splitlines() if line.startswith("| `")]


@pytest.mark.parametrize("heading", PARTS)
def test_every_setting_of_every_block_is_told_with_its_meaning_and_choices(heading):
    schema = PARTS[heading].schema()
    assert [name.strip("`") for name, _, _ in rows(heading)] == list(schema)
    for (_, default, meaning), entry in zip(rows(heading), schema.values(), strict=True):
        assert meaning.startswith(entry["description"])
        assert all(f"`{choice}`" in meaning for choice in entry.get("enum", []))
        if "default" in entry:
            assert yaml.safe_load(default.strip("`")) == entry["default"]


def test_settings_of_blocks_can_be_read_from_their_source_text():
    for kind, module in KINDS.items():
        assert declared.classes(f"models/blocks/{kind}")["Settings"].schema() == module.Settings.schema()
        assert issubclass(module.Settings, settings.Settings)


def test_the_example_is_built():
    example = yaml.safe_load(re.search(r"^```yaml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)[1])["models"]["mine"]
    with torch.device("meta"):
        model = models.build(example["architecture"], modalities={"expression": 5}, length=400, **example["settings"])
    assert model.n_outputs == 5


@pytest.mark.parametrize(
    ("architecture", "given"),
    [
        ("DRGATAC", {"length": 1000, "n_outputs": 175}),
        ("DRGExpression", {"length": 40_000, "n_outputs": 81}),
        ("BPNet", {"length": 2114, "n_outputs": 2, "bins": 1000, "crop": 557}),
        ("LegNet", {"length": 230}),
        ("DeepSTARR", {"length": 249, "n_outputs": 2}),
    ],
)
def test_parameters_are_as_many_as_the_docs_say(architecture, given):
    with torch.device("meta"):
        model = models.build(architecture, **given)
    told = re.search(rf"^\| `{architecture}` \| ([\d,]+) \|", TEXT, re.MULTILINE)[1]
    assert sum(parameter.numel() for parameter in model.parameters()) == int(told.replace(",", ""))
