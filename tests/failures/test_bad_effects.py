"""Entries of effects, variants and saturation with one mistake: each ends a run before it starts, in one line."""

import copy

import pytest
import yaml

import pipeline
from cisflow.config.loading import load
from cisflow.errors import InputError

PRESET = yaml.safe_load((pipeline.ROOT / "config" / "effects.yaml").read_text())
EFFECTS = ("datasets", "promoter", "effects", 0)
YEAST = ("datasets", "cell_cycle", "variants", "made")
SATURATION = ("datasets", "promoter", "saturation", "promoter")

# What is wrong -> (where, key, value, the line); a value of None takes the key away.
MISTAKES = {
    "no motif": (EFFECTS, "sequences", None, "effects[0]: found neither motifs nor sequences; expected one of them"),
    "a file that is no resource": (EFFECTS, "motifs", "x.meme", "effects[0].motifs: 'x.meme' is not defined"),
    "ids of no file": (EFFECTS, "matrices", ["M1"], "effects[0].matrices: needs the key motifs"),
    "a sequence of no bases": (EFFECTS, "sequences", {"a": "TA-T"}, "effects[0].sequences.a: found '-'"),
    "a sequence beyond the window": (EFFECTS, "sequences", {"a": "T" * 76}, "found 76 bp; expected 1 to 75"),
    "a pair of no motif": (EFFECTS, "paired", ["x"], "effects[0].paired: 'x' is not defined; expected one of box_10"),
    "pairs that nowhere fit": (EFFECTS, "gaps", [70], "effects[0].gaps: no pair fits into a window of 75 bp"),
    "a centre beyond the window": (EFFECTS, "centre", 75, "effects[0].centre: found 75; expected a base of the window"),
    "a seed that is not trained": (EFFECTS, "seeds", [9], "effects[0].seeds: '9' is not defined; expected one of 1, 2"),
    "a network of another dataset": (EFFECTS, "model", "promoters", "effects[0].model: 'promoters' is not defined"),
    "an unknown scale": (EFFECTS, "scale", "odds", "effects[0].scale: 'odds' is not one of"),
    "a VCF that is no resource": (YEAST, "vcf", "my.vcf", "variants.made.vcf: 'my.vcf' is not defined"),
    "a null of no file": (YEAST, "null", "variants", "variants.made: found null variants and no null_vcf"),
    "a file that is no null": (YEAST, "null_vcf", "made_variants.vcf", "found null random and the key null_vcf"),
    "a null that is too small": (YEAST, "n_null", 10, "variants.made.n_null: found 10; expected least_null, 50"),
    "haplotypes in the middle": (YEAST, "placement", "centre", "variants.made.sample: found placement centre"),
    "frequencies out of order": (
        YEAST,
        "frequencies",
        [0.5, 0.1],
        "frequencies: found [0.5, 0.1]; expected the lowest",
    ),
    "a split that is not there": (YEAST, "split", "x", "variants.made.split: 'x' is not defined"),
    "no regions": (SATURATION, "regions", None, "saturation.promoter: no key 'regions'"),
    "a genome that is no resource": (SATURATION, "genome", "x.fa", "saturation.promoter.genome: 'x.fa' is not defined"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_in_one_line(mistake):
    where, key, value, words = MISTAKES[mistake]
    config = part = copy.deepcopy(PRESET)
    for step in where:
        part = part[step]
    part.pop(key, None)
    if value is not None:
        part[key] = value
    with pytest.raises(InputError) as caught:
        load(config)
    line = str(caught.value)
    assert line.startswith("config: datasets.") and words in line and "\n" not in line


def test_variants_of_windows_without_a_genome_are_refused():
    config = copy.deepcopy(PRESET)
    entry = config["datasets"]["cell_cycle"]["variants"]["made"]
    config["datasets"]["grammar"]["variants"] = {"made": entry | {"model": "grammar_network", "split": "random"}}
    with pytest.raises(InputError, match="grammar.variants.made: the source reads no genome; expected windows"):
        load(config)


def test_one_entry_a_network_and_split():
    config = copy.deepcopy(PRESET)
    entries = config["datasets"]["promoter"]["effects"]
    entries.append(copy.deepcopy(entries[0]))
    with pytest.raises(InputError, match=r"promoter.effects\[1\]: this model and split are in an entry above"):
        load(config)
