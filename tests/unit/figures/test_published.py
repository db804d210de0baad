"""Published against matched scoring."""

import numpy as np
import pandas as pd

from cisflow.io.tables import write_table
from cisflow.motifs.published import CLASS_COLUMNS, MATCHED_COLUMNS, SCORE_COLUMNS
from drawing import FACTORS, RUN, drawn, svg_text

N = 60


def tables(folder, targets=("bound",), matched=True, standing=9, scored=True):
    """Inputs: N motifs whose published difference is that of GC content, with noise; matched effects are not."""
    rng, parts, lines = np.random.default_rng(5), [], []
    for target in targets:
        by_gc = np.sort(rng.uniform(-0.5, 0.4, N))[::-1]
        frame = pd.DataFrame({"motif_id": [f"MA{i:04d}.1" for i in range(N)], "gc_difference": by_gc})
        frame = frame.assign(target=target, motif_name=[FACTORS[i % len(FACTORS)] for i in range(N)], consensus="ACGT")
        frame["difference"] = by_gc + rng.normal(0, 0.02, N)
        frame = frame.sort_values("difference", ascending=False, ignore_index=True)
        frame = frame.assign(rank=np.arange(1, N + 1), control=5, positive=6, z=2.0, gc=0.5)
        frame = frame.assign(p_value=0.0, p_adjusted=np.where(np.arange(N) < 50, 0.001, 1), family=7)
        frame = frame.assign(matched_log2_ratio=rng.normal(0, 1, N), matched_rank=1, stands=np.arange(N) % 2)
        frame["matched_q_value"] = np.where(np.arange(N) < 2 * standing, 0.01, 0.6)
        parts.append(frame if matched else frame.assign(**dict.fromkeys(MATCHED_COLUMNS, np.nan)))
        why = "" if scored else "No hot spot in the control class: nothing is compared."
        for name, gc in (("control", 0.41), ("positive", 0.63)):
            background = {f"background_{base}": 0.25 for base in "acgt"}
            line = {"target": target, "class": name, "sequences": 9, "selected": 8, "hot_spots": 20, "counted": 20}
            lines.append(line | background | {"gc": gc, "explanation": why})
    frame = pd.concat(parts) if scored else pd.DataFrame(columns=SCORE_COLUMNS)
    write_table(folder / "published.tsv", frame[list(SCORE_COLUMNS)])
    write_table(folder / "published_classes.tsv", pd.DataFrame(lines, columns=CLASS_COLUMNS))
    return {"scores": str(folder / "published.tsv"), "classes": str(folder / "published_classes.tsv")}


FIGURE = "published_against_matched"
CASES = {
    "one target": (FIGURE, tables, RUN),
    "two targets": (FIGURE, lambda f: tables(f, ("bound", "a_target_of_a_long_name_in_two_cell_lines")), RUN),
    "one target that stands for little": (FIGURE, lambda f: tables(f, standing=1), RUN),
    "published scores alone": (FIGURE, lambda f: tables(f, matched=False), RUN),
    "no scores": (FIGURE, lambda f: tables(f, scored=False), RUN),
    "no target": (FIGURE, lambda f: tables(f, (), scored=False), RUN),
}


def test_what_gc_content_explains_is_said(tmp_path):
    inputs = tables(tmp_path)
    frame = pd.read_csv(inputs["scores"], sep="\t")
    text = svg_text(drawn(FIGURE, inputs, RUN)).replace("\u2212", "-")
    # Spearman's correlation is Pearson's of ranks.
    ranks = frame.rank()
    for title, column in (("Published", "difference"), ("Matched", "matched_log2_ratio")):
        rho = np.corrcoef(ranks["gc_difference"], ranks[column])[0, 1]
        assert f"{title}: \u03c1 with GC alone {rho:.2f}" in text
    assert "published scoring calls 50 of 60 motifs" in text
    assert "GC content 63% (positive) and 41% (control)" in text


def test_those_that_stand_for_their_families_are_named(tmp_path):
    inputs = tables(tmp_path, standing=3)
    frame = pd.read_csv(inputs["scores"], sep="\t")
    named = frame[(frame["matched_q_value"] < 0.05) & (frame["stands"] == 1)]["motif_name"]
    lines = [line.strip(" \u2026") for line in svg_text(drawn(FIGURE, inputs, RUN)).split("\n")]
    known = {name[:13] if len(name) > 14 else name for name in FACTORS}
    assert len(named) == 3 and sorted(known & set(lines)) == sorted(name[:13] for name in named)
