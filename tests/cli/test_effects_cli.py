"""Commands of effects on a small dataset: tables that fit their schemas, the same bytes again, and refusals."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

import small_genome
from cisflow import models
from cisflow.__main__ import main
from cisflow.data import dataset as datasets
from cisflow.io.genome import Genome
from tables import check_table


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(folder with dataset, split, two networks and a VCF with a sample, words of its options)."""
    folder = tmp_path_factory.mktemp("effects")
    genome, place = small_genome.write(folder)
    ids = datasets.read_ids(place / "windows.tsv")
    datasets.write_folds(folder / "split.tsv", ids, np.array(["train", "valid", "test"])[np.arange(len(ids)) % 3])
    weights = []
    for seed in (1, 2):
        settings = {"n_outputs": 1, "channels": 8, "width": 5, "pool": 2, "hidden": 6}
        torch.manual_seed(seed)
        weights.append(str(folder / f"model{seed}.safetensors"))
        header = {"architecture": "MotifCNN", "settings": settings, "targets": ["activity"], "task": "regression"}
        models.save(weights[-1], models.build("MotifCNN", **settings), header)
    rng = np.random.default_rng(0)
    rows = [small_genome.single(genome, "chr1", pos, rng) for pos in (40, 44, 52, 61, 2500)]
    rows += [("chr1", 70, rows[0][2] * 3, "A"), ("chr9", 1, "A", "C")]
    sample = ["1|0", "1|1", "0|1", "1|0", "1|0", "0|0", "0|0"]
    small_genome.vcf(folder / "some.vcf", rows, sample, ["AF=0.02"] * len(rows))
    others = [small_genome.single(genome, f"chr{1 + n % 2}", 20 + n, rng) for n in range(300)]
    small_genome.vcf(folder / "others.vcf", others, info=["AF=0.03"] * len(others))
    common = ["--dataset", place, "--weights", *weights]
    return folder, [str(word) for word in common]


def call(command, words, **options):
    for name, value in options.items():
        words = [*words, f"--{name.replace('_', '-')}", value if isinstance(value, str) else json.dumps(value)]
    return main([command, *words])


def motif_effects(made, folder, **settings):
    place, common = made
    given = {"sequences": {"a": "TGACTCA", "b": "CACGTG"}, "gaps": [0, 5], "step": 11, "n_backgrounds": 4} | settings
    words = [*common, "--split", str(place / "split.tsv"), "--device", "cpu", "--seed", "3"]
    return call("motif-effects", words, settings=given, output=str(folder))


def variant_effects(made, folder, **settings):
    place, common = made
    given = {"vcf": "v", "genome": "g", "least_null": 5, "n_null": 20, "shifts": [-2, 0, 2], "sample": "s1"} | settings
    paths = [f"v={place / 'some.vcf'}", f"g={place / 'genome.fa'}", f"o={place / 'others.vcf'}"]
    words = [*common, "--inputs", *paths, "--device", "cpu", "--seed", "3"]
    return call("variant-effects", words, settings=given, output=str(folder))


TABLES = {"single": "motifs_singly", "positions": "motif_positions", "pairs": "motif_pairs"}
TABLES |= {"interactions": "motif_interactions"}


@pytest.mark.parametrize("pairs", ["all", "none"])
def test_tables_of_motifs_fit_their_schemas(made, tmp_path, pairs):
    assert motif_effects(made, tmp_path, pairs=pairs, backgrounds=["low", "shuffled", "random"]) == 0
    found = {name: check_table(tmp_path / f"{name}.tsv", schema) for name, schema in TABLES.items()}
    assert len(found["single"]) == 3 * 2 * 2
    # Three pairs, of which the two of one motif with itself have three orientations.
    assert len(found["pairs"]) == (3 * 2 * (4 + 3 + 3) if pairs == "all" else 0)
    assert set(found["single"]["n_seeds"]) == {"2"}


def test_the_same_seed_gives_the_same_bytes(made, tmp_path):
    for name, measure in (("motifs", motif_effects), ("variants", variant_effects)):
        for turn in "ab":
            assert measure(made, tmp_path / name / turn) == 0
        for path in (tmp_path / name / "a").iterdir():
            assert path.read_bytes() == (tmp_path / name / "b" / path.name).read_bytes()


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"placement": "centre", "sample": None},
        {"null": "none"},
        {"null": "variants", "null_vcf": "o", "parts": 1, "least_null": 1},
    ],
)
def test_tables_of_variants_fit_their_schemas(made, tmp_path, settings):
    settings = {name: value for name, value in settings.items() if value is not None}
    given = {"sample": "s1"} if settings.get("placement") != "centre" else {}
    place, common = made
    whole = {"vcf": "v", "genome": "g", "least_null": 5, "n_null": 20, "shifts": [-2, 0, 2]} | given | settings
    paths = [f"v={place / 'some.vcf'}", f"g={place / 'genome.fa'}", f"o={place / 'others.vcf'}"]
    words = [*common, "--inputs", *paths, "--device", "cpu", "--seed", "3"]
    assert call("variant-effects", words, settings=whole, output=str(tmp_path)) == 0
    effects = check_table(tmp_path / "effects.tsv", "variant_effects")
    null = check_table(tmp_path / "null.tsv", "variant_null")
    haplotypes = check_table(tmp_path / "haplotypes.tsv", "haplotypes")
    status = dict(zip(effects["pos"], effects["status"], strict=True))
    assert status["70"] == "ref_differs" and status["1"] == "unknown_contig"
    assert status["2500"] == ("scored" if "placement" in settings else "outside_windows")
    assert len(haplotypes) == 0 or given
    numbers = pd.read_csv(tmp_path / "effects.tsv", sep="\t")
    scored = numbers[numbers["status"] == "scored"]
    np.testing.assert_allclose(scored["effect"], scored["alternative"] - scored["reference"], atol=1e-6)
    # No percentile without a null, and none of too small a one.
    known = scored["percentile"].notna()
    if settings.get("null") == "none":
        assert not known.any() and scored["n_null"].isna().all() and null.empty
    else:
        assert (known == (scored["n_null"] >= whole["least_null"])).all() and known.any()
    # As the table of the null has it.
    of = pd.read_csv(tmp_path / "null.tsv", sep="\t")
    for row in scored[known].itertuples():
        effects = of.loc[of["kind"].isin([row.kind, row.kind.split(", AF")[0]]), "effect"]
        assert len(effects) == row.n_null
        assert row.percentile == pytest.approx(100 * (effects < row.effect).mean(), abs=1e-4)


def test_saturation_fits_its_schema(made, tmp_path):
    place, common = made
    words = [*common, "--genome", str(place / "genome.fa"), "--device", "cpu"]
    regions = ["w1", "chr2:100-110"]
    assert call("saturate", words, settings={"regions": regions}, output=str(tmp_path / "s.tsv")) == 0
    found = check_table(tmp_path / "s.tsv", "saturation")
    assert found.groupby("region", sort=False).size().to_dict() == {"w1": 120, "chr2:100-110": 30}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"least_null": 20, "n_null": 20, "parts": 5}, "the null has"),
        ({"sample": "s7"}, "no sample 's7'; expected one of s1"),
        ({"vcf": "o", "sample": "s1"}, "no sample 's1'; expected one of (none)"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line(made, tmp_path, settings, words, capsys):
    assert variant_effects(made, tmp_path, **settings) != 0
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    assert words in line


def test_a_vcf_outside_every_window_is_refused(made, tmp_path, capsys):
    place, common = made
    genome = Genome(place / "genome.fa")
    rows = [small_genome.single(genome, "chr1", pos, np.random.default_rng(0)) for pos in (2000, 2500)]
    path = small_genome.vcf(tmp_path / "far.vcf", rows)
    words = [*common, "--inputs", f"v={path}", f"g={place / 'genome.fa'}", "--device", "cpu", "--seed", "1"]
    assert call("variant-effects", words, settings={"vcf": "v", "genome": "g"}, output=str(tmp_path)) != 0
    assert "none of 2 variants lies in a window of" in capsys.readouterr().err
