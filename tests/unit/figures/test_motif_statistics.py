"""Statistics of motifs in seqlets: families with their logos, effect against GC, p-values under nulls."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cisflow.errors import InputError
from cisflow.figures import effect_against_gc, scored, style, top_factors
from cisflow.io.tables import read_table, write_table
from drawing import CTCF, FACTORS, METHODS, RUN, database_file, drawn, svg_text

SEVEN = [*METHODS, "taylor_ism", "a_method_of_a_user_with_a_long_name"]
TARGETS = ["K562_accessibility_of_replicate_1", "b", "c", "d"]
# Members of a family stand together: of three, of one, of three, …
FAMILIES = [1 + 2 * (k // 4) + (k % 4 == 3) for k in range(len(FACTORS))]
ID = [f"MA{k:04d}.1" for k in range(len(FACTORS))]
DATABASE = {ID[k]: (name, (CTCF * 2)[k : k + 6 + k]) for k, name in enumerate(FACTORS)}


def of(methods):
    return RUN | {"methods": methods}


def scores_of(seed, n_significant, target="ir", null="shuffled"):
    """Rows of motif_scores.tsv: the first families are significant, and the first member of each stands."""
    rng = np.random.default_rng(seed)
    n = len(FACTORS)
    frame = pd.DataFrame({"target": target, "motif_id": ID, "motif_name": FACTORS, "family": FAMILIES})
    significant = frame["family"] <= n_significant
    background = rng.integers(10, 60, n)
    hot = (background * rng.uniform(0.4, 5, n)).astype(int)
    ratio = np.log2(hot / background)
    p = np.where(significant, np.sort(10 ** -rng.uniform(4, 140, n)), 0.3)
    q = np.where(significant, 3 * p, 0.4)
    frame = frame.assign(stands=(~frame["family"].duplicated()).astype(int), gc=rng.uniform(0.2, 0.9, n))
    frame = frame.assign(n_sequences=12320, n_in_seqlets=hot, n_background=background, log2_ratio=ratio)
    frame = frame.assign(low=ratio - 0.8, high=ratio + 0.8, p_value=p, q_value=q, null=null, seqlet_fdr=0.0873)
    return frame.assign(family_q_value=frame.groupby("family")["q_value"].transform("min"))


def score_inputs(folder, methods, n_significant, targets=("ir",), permuted=()):
    """Inputs of top_factors: a table a method, of so many significant families a target, and the database."""
    paths = []
    for i, method in enumerate(methods):
        null = "permuted" if i in permuted else "shuffled"
        parts = [scores_of(9 * i + k, n_significant[i], target, null) for k, target in enumerate(targets)]
        paths.append(str(folder / f"{method}.scores.tsv"))
        write_table(paths[-1], pd.concat(parts))
    return {"scores": paths, "database": database_file(folder / "known.meme", DATABASE)}


def only_scores(*given, **more):
    return {"scores": score_inputs(*given, **more)["scores"]}


def null_inputs(folder, methods, inflation=(), targets=("ir",), n=60):
    """Inputs of motif_nulls: uniform p-values, those of the unmatched test to a power."""
    paths = []
    for i, method in enumerate(methods):
        rng, parts = np.random.default_rng(i), []
        for target in targets:
            for null in ("sides", "composition"):
                power = inflation[i] if null == "composition" and i < len(inflation) else 1
                values = {"p_value": rng.random(n), "p_unmatched": rng.random(n) ** power}
                parts.append(pd.DataFrame({"target": target, "null": null, "motif_id": "MA1"} | values))
        paths.append(str(folder / f"{method}.nulls.tsv"))
        columns = ["target", "null", "motif_id", "p_value", "p_unmatched"]
        write_table(paths[-1], pd.concat([pd.DataFrame(columns=columns), *parts]))
    return {"nulls": paths}


FEW, ONE = [9, 3, 0, 2, 1, 1, 2], METHODS[:1]
# Name of the case: (figure, function of a folder -> inputs, settings).
CASES = {
    "of one method": ("top_factors", lambda f: score_inputs(f, ONE, [9], permuted=[0]), of(ONE)),
    "of seven": ("top_factors", lambda f: score_inputs(f, SEVEN, FEW, permuted=[3]), of(SEVEN)),
    "of 24 methods and targets": (
        "top_factors",
        lambda f: score_inputs(f, SEVEN[1:], FEW[1:], TARGETS),
        of(SEVEN[1:]),
    ),
    "no factor of one": ("top_factors", lambda f: score_inputs(f, ONE, [0]), of(ONE)),
    "no factor of 24": ("top_factors", lambda f: score_inputs(f, SEVEN[1:], [0] * 6, TARGETS), of(SEVEN[1:])),
    "no scores": ("top_factors", lambda f: score_inputs(f, [], []), of([])),
    "effects of one method": ("effect_against_gc", lambda f: only_scores(f, ONE, [9]), of(ONE)),
    "effects of seven": ("effect_against_gc", lambda f: only_scores(f, SEVEN, FEW), of(SEVEN)),
    "effects of 24": ("effect_against_gc", lambda f: only_scores(f, SEVEN[1:], FEW, TARGETS), of(SEVEN[1:])),
    "no effects": ("effect_against_gc", lambda f: only_scores(f, [], []), of([])),
    "nulls of one method": ("motif_nulls", lambda f: null_inputs(f, ONE), of(ONE)),
    "nulls of seven": ("motif_nulls", lambda f: null_inputs(f, SEVEN, (1, 3, 30), TARGETS[:2]), of(SEVEN)),
    "no nulls": ("motif_nulls", lambda f: null_inputs(f, ONE, (), ()), of(ONE)),
}


def test_families_are_shown_by_the_member_that_stands(tmp_path):
    inputs = score_inputs(tmp_path, METHODS[:2], (9, 3))
    figure = drawn("top_factors", inputs, of(METHODS[:2]) | {"n_factors": 4})
    text = svg_text(figure)
    ratios = [axes for axes in figure.axes if axes.get_xlabel() == "log2 ratio"]
    shares = [axes for axes in figure.axes if axes.get_xlabel() == "Share (%)"]
    for path, ratio, share, n in zip(inputs["scores"], ratios, shares, (4, 3), strict=True):
        table = pd.read_csv(path, sep="\t")
        table = table[table["stands"] == 1].sort_values("p_value").head(n)
        np.testing.assert_allclose(ratio.lines[0].get_xdata(), table["log2_ratio"])
        np.testing.assert_allclose(np.array(ratio.collections[0].get_segments())[:, 1, 0], table["high"])
        np.testing.assert_allclose(share.lines[1].get_xdata(), 100 * table["n_in_seqlets"] / 12320)
        for q in table["family_q_value"]:
            assert style.small(q) in text
    assert "9 of 11 families (4 shown)" in text and "3 of 11 families" in text
    # Of the first three families of each block.
    for name in (FACTORS[0], FACTORS[3], FACTORS[4]):
        assert text.split("\n").count(name) == 2
    assert FACTORS[1] not in text.split("\n") and "and 2 more" in text and "\u2020" not in text
    # A logo a row, as wide as its motif.
    assert len(figure.axes) == 4 + 7


def test_what_is_left_out_of_the_figure_is_told(tmp_path):
    inputs = score_inputs(tmp_path, SEVEN, [1, 11, 0, 11, 11, 11, 11], ("a", "b"), permuted=[0])
    text = svg_text(drawn("top_factors", inputs, of(SEVEN)))
    assert "Integrated gradients: a" in text and "Integrated gradients: b" not in text.split("\n")
    left_out = "Integrated gradients: b, TISM: b, Deeplift shap: b and 3 more."
    assert f"Not shown, with a family at q \u2264 0.05: {left_out}" in text
    assert "Without a family at q \u2264 0.05: ISM: a, ISM: b." in text
    assert "seqlet FDR 0.087\u2020" in text and "Seqlets told from permuted positions" in text


@pytest.mark.parametrize(
    ("counts", "expected"),
    [([1] * 24, (14, 1)), ([20] * 3, (3, 15)), ([3], (1, 3)), ([40], (1, 34)), ([9] * 7, (6, 8))],
)
def test_blocks_fill_a_page_and_no_more(counts, expected):
    n, most = top_factors.arranged(counts)
    assert (n, most) == expected
    assert sum(top_factors.heights([min(count, most) for count in counts[:n]])) <= 225


def test_a_table_without_a_row_is_explained_and_a_motif_that_is_not_there_refused(tmp_path):
    inputs = score_inputs(tmp_path, METHODS[:1], (3,))
    table = read_table(inputs["scores"][0])
    write_table(inputs["scores"][0], table.assign(motif_id="MA9999.1"))
    with pytest.raises(InputError, match=r"motif 'MA9999.1' of the scores is not in the motif database"):
        drawn("top_factors", inputs, of(METHODS[:1]))
    write_table(inputs["scores"][0], table.head(0))
    assert "nothing to test" in svg_text(drawn("top_factors", inputs, of(METHODS[:1])))


def test_effects_stand_over_gc_and_their_correlation_is_said(tmp_path):
    inputs = only_scores(tmp_path, METHODS[:1], (3,))
    table = read_table(inputs["scores"][0])
    figure = drawn("effect_against_gc", inputs, of(METHODS[:1]))
    hot, lines = table["q_value"] <= 0.05, figure.axes[0].lines
    for line, rows in zip(lines, (table[~hot], table[hot]), strict=False):
        np.testing.assert_allclose(line.get_xydata(), np.column_stack([100 * rows["gc"], rows["log2_ratio"]]))
    assert list(lines[2].get_ydata()) == [0, 0]
    text = svg_text(figure).replace("\u2212", "-").split("\n")
    rho = stats.spearmanr(table["gc"], table["log2_ratio"]).statistic
    assert f"Spearman\u2019s \u03c1 {rho:.2f}, n = 22 motifs" in text
    assert FACTORS[0] in text and FACTORS[3] in text and FACTORS[1] not in text


def test_of_several_targets_the_correlation_has_a_range(tmp_path):
    path = only_scores(tmp_path, METHODS[:1], (3,), TARGETS)["scores"][0]
    table = scored.read(path)
    values = [stats.spearmanr(part["gc"], part["log2_ratio"]).statistic for _, part in table.groupby("target")]
    text = effect_against_gc.correlation(table).replace("\u2212", "-")
    assert text.endswith(f"of 4 targets {min(values):.2f} to {max(values):.2f}")
    assert effect_against_gc.correlation(table.assign(gc=0.5)).startswith("\u03c1 n/a; of 4 targets n/a")


def test_labels_lie_on_nothing_and_within_the_panel():
    size, point = np.array([50.0, 40.0]), np.array([[25.0, 20.0]])
    free = effect_against_gc.free_box(point[0], 10, size, [], point)
    assert free[0] > 25 and (free[:2] + free[2:])[1] / 2 == 20
    beside = effect_against_gc.free_box(point[0], 10, size, [free], point)
    assert beside[2] < 25
    assert effect_against_gc.free_box(np.array([49.0, 20.0]), 10, size, [], point)[2] < 49
    assert effect_against_gc.free_box(point[0], 60, size, [], point) is None


def test_p_values_are_drawn_by_rank_and_their_distance_said(tmp_path):
    inputs = null_inputs(tmp_path, METHODS[:1], (6,))
    table = read_table(inputs["nulls"][0])
    figure = drawn("motif_nulls", inputs, of(METHODS[:1]))
    axes, text = figure.axes[0], svg_text(figure)
    rows = table[table["null"] == "composition"]
    drawn_points = axes.lines[1].get_xydata()
    np.testing.assert_allclose(drawn_points[0], -np.log10([1 / 61, rows["p_value"].min()]), rtol=1e-6)
    np.testing.assert_allclose(drawn_points[-1], -np.log10([60 / 61, rows["p_value"].max()]), rtol=1e-6)
    for name, column in (("Composition", "p_value"), ("Composition, unmatched", "p_unmatched")):
        distance = stats.kstest(rows[column], "uniform").statistic
        assert f"{name}: {distance:.2f}, {(rows[column] <= 0.05).mean():.0%}" in text
    # No panel is so high that its diagonal lies flat.
    assert axes.get_ylim()[1] <= 3.2 * np.log10(61) and "up to " in text
    band = axes.collections[0].get_paths()[0].get_extents()
    assert band.y1 == pytest.approx(-np.log10(stats.beta.ppf(0.025, 1, 60)))
