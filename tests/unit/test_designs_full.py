"""Designs at full size: of a grammar that is known, judged by other networks, and promoters from random bases."""

import json
import os
from itertools import product

import numpy as np
import pandas as pd
import pytest
import yaml

import pipeline
from calls import call
from cisflow.data import splits
from cisflow.data.dataset import Dataset
from cisflow.io.arrays import write_array
from cisflow.io.tables import write_table
from cisflow.sequence import dna
from cisflow.tasks import get

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("CISFLOW_FULL_SIZE" not in os.environ, reason="takes minutes: set CISFLOW_FULL_SIZE=1"),
]
CONFIG = yaml.safe_load((pipeline.ROOT / "config" / "design.yaml").read_text())
# What a window gains by holding a motif, however often.
RAISING = {"TGACTCAT": 1.2, "ACCGGAAG": 0.9, "GTCACGTG": 0.7}
LOWERING = {"ATTTGCAT": -0.8, "AGATAAGG": -1.0}
BOXES = ("TTGACA", "TATAAT")


def grammar(folder, n=9000, length=80, seed=0):
    """Write random windows with up to two instances of each motif on either strand, and their splits in parts."""
    rng, effects = np.random.default_rng(seed), RAISING | LOWERING
    codes = rng.integers(0, 4, (n, length)).astype(np.uint8)
    counts = rng.binomial(2, 0.3, (n, len(effects)))
    for row in range(n):
        places = iter(rng.permutation(np.arange(0, length - 8, 8)))
        for word, count in zip(effects, counts[row], strict=True):
            for _ in range(count):
                site, start = dna.encode(word), int(next(places))
                codes[row, start : start + 8] = site if rng.random() < 0.5 else dna.reverse_complement(site)
    labels = (counts > 0) @ np.array(list(effects.values())) + rng.normal(0, 0.3, n)
    ids, labels = np.array([f"w{row}" for row in range(n)]), labels.astype(np.float32)[:, None]
    frame = pd.DataFrame({"id": ids, **dict.fromkeys(("chrom", "start", "end", "strand"), "")})
    write_table(folder / "windows.tsv", frame.assign(activity=labels[:, 0]))
    write_array(folder / "sequences.npy", codes)
    write_array(folder / "targets.npy", labels)
    write_table(folder / "targets.tsv", pd.DataFrame({"target": ["activity"], "task": "regression"}))
    dataset = Dataset(ids, codes, labels, ["activity"], get("regression"), frame)
    for part, name in enumerate(("first", "second", "third"), 1):
        chosen = splits.complete({"kind": "parts", "part": part}, name)
        table = pd.DataFrame({"id": ids, "fold": splits.assign(dataset, chosen, name)})
        write_table(folder / "splits" / f"{name}.tsv", table)


def trained(folder, name, split, seed):
    """Path of a network of the config's, trained on a part."""
    entry = CONFIG["models"][name]
    how = {key: entry[key] for key in ("architecture", "settings", "training")}
    output = folder / f"{name}.safetensors"
    files = {"output": output, "history": folder / f"{name}.tsv", "manifest": folder / f"{name}.json"}
    places = {"dataset": folder, "split": folder / "splits" / f"{split}.tsv", "work": folder / f"work_{name}"}
    assert call("train", **places, **files, model=how, seed=seed, device="cpu") == 0
    return output


def occurrences(text, word):
    other = dna.decode(dna.reverse_complement(dna.encode(word)))
    return text.count(word) + text.count(other)


def test_designs_of_a_grammar_hold_what_raises_and_judges_prefer_them_to_all_natural_ones(tmp_path):
    grammar(tmp_path)
    judges = {"pooled.second": ("pooled", "second", 2), "dilated.third": ("dilated", "third", 3)}
    entry = CONFIG["datasets"]["grammar"]["design"][0]
    assert call(
        "design",
        dataset=tmp_path,
        weights=trained(tmp_path, "designer", "first", 1),
        split=tmp_path / "splits" / "first.tsv",
        judges=[f"{name}={trained(tmp_path, *how)}" for name, how in judges.items()],
        judge_splits=[f"{name}={tmp_path}/splits/{how[1]}.tsv" for name, how in judges.items()],
        **{key: entry[key] for key in ("objective", "constraints", "method", "starts")},
        settings={"n_natural": 9000},
        seed=1,
        device="cpu",
        output=tmp_path / "designs",
    ) == 0  # fmt: skip
    designs = pd.read_csv(tmp_path / "designs" / "designs.tsv", sep="\t")
    networks = pd.read_csv(tmp_path / "designs" / "networks.tsv", sep="\t")
    raising = {word: np.mean([occurrences(text, word) > 0 for text in designs["sequence"]]) for word in RAISING}
    lowering = {word: np.mean([occurrences(text, word) > 0 for text in designs["sequence"]]) for word in LOWERING}
    print(networks[["network", "best", "n_designs", "n_above"]], raising, lowering)
    print("above the best natural sequence by every judge", designs["above_natural"].mean())
    assert (networks["overlap"].iloc[1:] == 0).all() and len(designs) == 50
    assert designs["above_natural"].mean() >= 0.9
    assert min(raising.values()) >= 0.9 and max(lowering.values()) == 0


def spaced(text, wrong=(1, 1), gaps=(16, 17, 18)):
    """Whether a -35 box stands before a -10 box at such a distance, each with so many mismatches at most."""

    def mismatches(start, box):
        part = text[start : start + len(box)]
        return sum(a != b for a, b in zip(part, box, strict=True)) if len(part) == len(box) else len(box)

    return any(
        mismatches(start, BOXES[0]) <= wrong[0] and mismatches(start + 6 + gap, BOXES[1]) <= wrong[1]
        for start, gap in product(range(len(text)), gaps)
    )


def test_promoters_from_random_bases_hold_both_boxes_at_their_distance(tmp_path):
    entry = CONFIG["datasets"]["promoter"]
    path = pipeline.ROOT / CONFIG["resources"][entry["source"]["table"]]["url"]
    assert call(
        "windows",
        dataset="promoter",
        source=entry["source"],
        window=entry["window"],
        task="regression",
        targets=json.dumps(entry["targets"]),
        seed=1,
        inputs=f"{entry['source']['table']}={path}",
        output=tmp_path,
    ) == 0  # fmt: skip
    split = tmp_path / "splits" / "first.tsv"
    settings = entry["splits"]["first"]
    assert call("split", windows=tmp_path / "windows.tsv", name="first", settings=settings, output=split) == 0
    asked = entry["design"][0]
    assert call(
        "design",
        dataset=tmp_path,
        weights=trained(tmp_path, "promoter", "first", 1),
        split=split,
        **{key: asked[key] for key in ("objective", "constraints", "method", "starts")},
        seed=1,
        device="cpu",
        output=tmp_path / "designs",
    ) == 0  # fmt: skip
    designs = pd.read_csv(tmp_path / "designs" / "designs.tsv", sep="\t")["sequence"]
    rng = np.random.default_rng(0)
    chance = ["".join(row) for row in rng.choice(list("ACGT"), (5000, 75))]
    for wrong in ((0, 0), (1, 1), (2, 2)):
        found = [np.mean([spaced(text, wrong) for text in texts]) for texts in (designs, chance)]
        print(f"{wrong} mismatches of (-35, -10), 16 to 18 between: designs {found[0]:.3f}, random {found[1]:.4f}")
    assert np.mean([spaced(text) for text in designs]) >= 0.8
    assert np.mean([spaced(text) for text in chance]) < 0.02
