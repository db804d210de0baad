"""Sequence classes of variants: the largest scores, in their order."""

import re

import numpy as np
import pandas as pd

from cisflow.io.tables import write_table
from drawing import drawn, svg_text


def variant_table(folder, n, n_classes):
    """{scores: path of class_scores.tsv}, with variants of long names."""
    scores = np.random.default_rng(6).normal(size=(n, n_classes))
    frame = pd.DataFrame({"id": [f"rs{10**8 + i}:chr22:{10**7 + i}:ACCGT>A" for i in range(n)]})
    frame = frame.assign(record="", chrom="chr22", pos=range(1, n + 1), ref="ACCGT", alt="A")
    frame["max_abs_class_score"] = np.abs(scores).max(axis=1) if n else []
    classes = pd.DataFrame(scores, columns=[f"HET{i} Heterochromatin" for i in range(n_classes)])
    write_table(folder / "class_scores.tsv", pd.concat([frame, classes], axis=1))
    return {"scores": str(folder / "class_scores.tsv")}


# Name of the case: (figure, function of a folder -> inputs, settings).
CASES = {
    "classes of one variant": ("variant_classes", lambda f: variant_table(f, 1, 3), {"n_variants": 30}),
    "classes of many variants": ("variant_classes", lambda f: variant_table(f, 80, 48), {"n_variants": 60}),
    "no variants": ("variant_classes", lambda f: variant_table(f, 0, 3), {"n_variants": 30}),
}


def test_the_variants_shown_are_those_with_the_largest_scores_in_their_order(tmp_path):
    inputs = variant_table(tmp_path, 9, 3)
    table = pd.read_csv(inputs["scores"], sep="\t").sort_values("max_abs_class_score", ascending=False)
    text = svg_text(drawn("variant_classes", inputs, {"n_variants": 4}))
    assert "4 of 9 variants" in text
    assert re.findall(r"rs1\d+", text) == [name.split(":")[0] for name in table["id"].head(4)]
