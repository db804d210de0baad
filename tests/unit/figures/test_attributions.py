"""Attribution logos and the agreement of methods: letters, places and correlations of the multipliers."""

import itertools
import re
from importlib import import_module

import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr, spearmanr

from attributed import write
from cisflow.attribution import files, scores
from cisflow.errors import InputError
from cisflow.figures import attribution_logos, method_agreement, style
from cisflow.io.arrays import write_arrays
from cisflow.io.genome import Genome
from cisflow.io.tables import read_table, write_table
from cisflow.sequence import dna
from cisflow.sequence.context import Sequences
from drawing import CTCF, METHODS, RUN, drawn, svg_text


def attribution_files(folder, methods, n=24, length=200):
    """npz files of methods that see a planted CTCF site, with noise of each: ({method: path}, path of the truth)."""
    rng = np.random.default_rng(2)
    codes = rng.integers(0, 4, (n, length)).astype(np.uint8)
    starts = rng.integers(40, length - 60, n)
    signal = 0.02 * rng.normal(size=(n, 4, length))
    truth, sources = [], {}
    for row, start in enumerate(starts):
        codes[row, start : start + len(CTCF)] = dna.encode(CTCF)
        weight = rng.uniform(0.3, 1, len(CTCF))
        signal[row, codes[row, start : start + len(CTCF)], np.arange(start, start + len(CTCF))] += weight
        truth.append((f"s{row:03d}", "ir", "MA0139.2", start, start + len(CTCF), "+"))
    ids = np.array([row[0] for row in truth])
    for i, method in enumerate(methods):
        noise = (0.02 + 0.04 * i) * rng.normal(size=signal.shape)
        multipliers = (10.0 ** (1 - i) * (signal + noise)).astype(np.float32)
        order = rng.permutation(n)[: n - i]
        path = folder / f"{method}.npz"
        write_arrays(
            path,
            multipliers=multipliers[order],
            ids=ids[order],
            target=np.full(len(order), "ir"),
            fold=np.full(len(order), "test"),
            probability=np.linspace(0.99, 0.5, n, dtype=np.float32)[order],
            sequences=codes[order],
            baseline=np.full(4, 0.25, dtype=np.float32),
            method=np.array(method),
        )
        sources[method] = str(path)
    path = folder / "truth.tsv"
    write_table(path, pd.DataFrame(truth, columns=["id", "target", "matrix_id", "start", "end", "strand"]))
    return sources, str(path)


def windows(folder, rows):
    """{windows: path of windows.tsv}."""
    frame = pd.DataFrame(rows, columns=["id", "chrom", "start", "end", "strand", "ir"])
    write_table(folder / "windows.tsv", frame)
    return {"windows": str(folder / "windows.tsv")}


def of(methods):
    """Settings of a figure of these methods."""
    return RUN | {"methods": list(methods)}


def logos(folder, sources, **others):
    """Inputs of attribution_logos of {method: path}, of windows without a place on a genome."""
    return {"attributions": list(sources.values())} | windows(folder, []) | others


def agreement_inputs(folder, n_methods):
    return {"attributions": list(attribution_files(folder, METHODS[:n_methods])[0].values())}


def logo_inputs(folder, n_methods, truth=True):
    sources, path = attribution_files(folder, METHODS[:n_methods])
    return {"attributions": list(sources.values())} | windows(folder, []) | ({"truth": path} if truth else {})


AWKWARD = ("integrated_gradients", "ism")


def awkward_logos(folder):
    """Crowded planted motifs, unknown bases, seqlets, the minus strand of a genome, a long id, zero attributions."""
    rng = np.random.default_rng(5)
    name = "ENST00000641515.2_intron_retention_candidate_chr1:65419-65433(-)_of_a_long_name"
    codes = rng.integers(0, 5, (1, 60)).astype(np.uint8)
    sources = []
    for i, method in enumerate(AWKWARD):
        path = folder / f"{method}.npz"
        multipliers = np.zeros((1, 4, 60), np.float32) if i else rng.normal(size=(1, 4, 60)).astype(np.float32)
        row = {"ids": np.array([name]), "target": np.array(["ir"]), "fold": np.array(["test"])}
        row |= {"probability": np.array([0.7], np.float32), "sequences": codes, "multipliers": multipliers}
        write_arrays(path, **row, baseline=np.full(4, 0.25, np.float32), method=np.array(method))
        sources.append(str(path))
    spans = pd.DataFrame({"id": name, "target": "ir", "start": [0, 8, 16, 24, 52], "end": [8, 16, 24, 32, 60]})
    write_table(folder / "truth.tsv", spans.assign(matrix_id="MA0139.2", strand="-"))
    write_table(folder / "seqlets.tsv", spans.iloc[:2].assign(strand="", score=1.0, p_value=0.01))
    write_table(folder / "none.tsv", spans.iloc[:0].assign(strand="", score=1.0, p_value=0.01))
    seqlets = [str(folder / f"{table}.tsv") for table in ("none", "seqlets")]
    inputs = {"attributions": sources, "seqlets": seqlets, "truth": str(folder / "truth.tsv")}
    return inputs | windows(folder, [(name, "chr1", 65400, 65460, "-", 1)])


def edge(folder, length, values):
    """[path of two methods] of rows of a few bases whose multipliers are all `values`, or noise where that is None."""
    rng = np.random.default_rng(6)
    codes = rng.integers(0, 4, (5, length)).astype(np.uint8)
    paths = []
    for method in AWKWARD:
        found = rng.normal(size=(5, 4, length)) if values is None else np.full((5, 4, length), values)
        paths.append(str(write(folder / f"{method}.npz", codes, found.astype(np.float32), method=method)))
    return {"attributions": paths}


# Windows of a few bases, and methods that say the same of every base: (bases, multiplier).
EDGES = [(1, None), (8, None), (29, None), (41, 0.0), (41, 0.5), (1, 0.0)]
# Name of the case: (figure, function of a folder -> inputs, settings).
CASES = {
    "logos of one method": ("attribution_logos", lambda f: logo_inputs(f, 1, truth=False), of(METHODS[:1])),
    "logos of five methods": ("attribution_logos", lambda f: logo_inputs(f, 5), of(METHODS)),
    "awkward logos": ("attribution_logos", awkward_logos, of(AWKWARD)),
    "no logos": ("attribution_logos", lambda f: {"attributions": []} | windows(f, []), of([])),
    "agreement of two": ("method_agreement", lambda f: agreement_inputs(f, 2), of(METHODS[:2])),
    "agreement of five": ("method_agreement", lambda f: agreement_inputs(f, 5), of(METHODS)),
    "no agreement of one method": ("method_agreement", lambda f: agreement_inputs(f, 1), of(METHODS[:1])),
    **{
        f"{figure} of {bases} bp, {value}": (
            figure,
            lambda f, figure=figure, bases=bases, value=value: (
                edge(f, bases, value) | (windows(f, []) if figure == "attribution_logos" else {})
            ),
            of(AWKWARD),
        )
        for bases, value in EDGES
        for figure in ("attribution_logos", "method_agreement")
    },
}


def letters_of(axes):
    """{(position, base)} of a logo, read from the colours of its glyphs."""
    bases = {style.matplotlib.colors.to_rgba(colour): base for base, colour in style.BASE_COLOURS.items()}
    glyphs = next(item for item in axes.collections if len(item.get_paths()))
    places = [int(np.median(path.vertices[:, 0])) for path in glyphs.get_paths()]
    return {(place, bases[tuple(colour)]) for place, colour in zip(places, glyphs.get_facecolors(), strict=True)}


def test_logos_show_the_same_bases_under_every_method(tmp_path):
    sources, _ = attribution_files(tmp_path, METHODS[:4])
    figure = drawn("attribution_logos", logos(tmp_path, sources), of(sources) | {"n_sequences": 2})
    with np.load(next(iter(sources.values()))) as archive:
        codes = dict(zip(archive["ids"], archive["sequences"], strict=True))
    logo_axes = [axes for axes in figure.axes if axes.get_xlim() == (0, 72) and axes.collections and axes.axison]
    assert len(logo_axes) == 2 * 4
    for i, name in enumerate(("s000", "s001")):
        of_sequence = logo_axes[4 * i : 4 * i + 4]
        assert len({axes.get_ylim() for axes in of_sequence}) == 1
        tick, label = of_sequence[-1].get_xticks()[0], of_sequence[-1].get_xticklabels()[0].get_text()
        start = int(label) - round(tick - 0.475)
        for axes in of_sequence:
            shown = letters_of(axes)
            assert len(shown) > 15
            assert all(base == dna.BASES[codes[name][start + place]] for place, base in shown)


def test_logos_choose_the_most_probable_planted_sequences_and_mark_them(tmp_path):
    sources, truth = attribution_files(tmp_path, METHODS[:2])
    table = read_table(truth)
    write_table(truth, table[table["id"].isin(["s010", "s020"])])
    figure = drawn("attribution_logos", logos(tmp_path, sources, truth=truth), of(sources))
    text = svg_text(figure)
    assert re.findall(r"s0\d\d", text) == ["s010", "s020", "s000"]
    assert text.count("MA0139.2 +") == 2


def test_logos_zoom_on_the_planted_site(tmp_path):
    sources, truth = attribution_files(tmp_path, METHODS[:3])
    module = import_module("cisflow.figures.attribution_logos")
    table = read_table(truth).set_index("id")
    for item in module.gather(files.read_common(sources), {}, {}, 9):
        site = table.loc[item.key[0]]
        assert item.start <= site["start"] and site["end"] <= item.end == item.start + 72


def test_logos_use_the_hypothetical_score_of_the_base_present(tmp_path):
    sources, _ = attribution_files(tmp_path, METHODS[:1])
    module = import_module("cisflow.figures.attribution_logos")
    parts = files.read_common(sources)
    item = module.gather(parts, {}, {}, 1)[0]
    (part,) = parts.values()
    row = part.ids.tolist().index(item.key[0])
    centred = part.multipliers[row] - part.multipliers[row].mean(axis=0)
    np.testing.assert_allclose(item.scores[0], centred[part.codes[row], np.arange(200)], rtol=1e-5)


def test_logos_count_the_minus_strand_down(tmp_path):
    figure = drawn("attribution_logos", awkward_logos(tmp_path), of(AWKWARD))
    axes = figure.axes[-1]
    labels = {
        round(tick - 0.475): label.get_text()
        for tick, label in zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)
    }
    # Base 0 of the window is the last base of 65400-65460, number 65460 when counted from 1.
    assert labels == {10 * i: f"{65460 - 10 * i:,}" for i in range(6)}
    assert "Position on chr1, minus strand (bp, 1-based)" in svg_text(figure)


@pytest.mark.parametrize("strand", ["+", "-"])
def test_context_around_a_window_has_its_own_coordinates(tmp_path, strand):
    """A window of 7 bases in the middle of 12: where `context.Sequences` puts it."""
    chromosome = np.random.default_rng(0).integers(0, 4, 40).astype(np.uint8)
    (tmp_path / "genome.fa").write_text(f">chr1\n{''.join('ACGT'[base] for base in chromosome)}\n")
    frame = pd.DataFrame({"id": ["w"], "chrom": ["chr1"], "start": [14], "end": [21], "strand": [strand]})
    seen = Sequences(frame, None, 12, "genome", Genome(tmp_path / "genome.fa"))[:][0]
    places, label = attribution_logos.coordinates(frame, "windows.tsv", "w", 12)
    there = chromosome[places - 1]
    np.testing.assert_array_equal(seen, there if strand == "+" else 3 - there)
    assert label == (
        "Position on chr1, minus strand (bp, 1-based)" if strand == "-" else "Position on chr1 (bp, 1-based)"
    )


def test_attributions_of_other_sequences_are_refused(tmp_path):
    sources, _ = attribution_files(tmp_path, METHODS[:2])
    arrays = dict(np.load(list(sources.values())[1]))
    arrays["sequences"][3, 5] = (arrays["sequences"][3, 5] + 1) % 4
    np.savez(list(sources.values())[1], **arrays)
    with pytest.raises(InputError, match=rf"tism.npz: id '{arrays['ids'][3]}' has another sequence than in .*npz"):
        drawn("attribution_logos", logos(tmp_path, sources), of(sources))


def test_attributions_twice_or_not_finite_are_refused(tmp_path):
    sources, _ = attribution_files(tmp_path, METHODS[:1])
    arrays = dict(np.load(next(iter(sources.values()))))
    np.savez(next(iter(sources.values())), **arrays | {"ids": np.where(arrays["ids"] == "s001", "s002", arrays["ids"])})
    with pytest.raises(InputError, match="id 's002', target 'ir' occurs more than once"):
        files.read_common(sources)
    arrays["multipliers"][4, 0, 0] = np.nan
    np.savez(next(iter(sources.values())), **arrays)
    with pytest.raises(
        InputError, match=f"id '{arrays['ids'][4]}': found a multiplier that is not finite .1 of 24 rows."
    ):
        files.read_common(sources)


def check_nothing_shared(folder, sources):
    inputs = logos(folder, sources)
    assert "share no sequence" in svg_text(drawn("attribution_logos", inputs, of(sources)))
    del inputs["windows"]
    assert "share no sequence" in svg_text(drawn("method_agreement", inputs, of(sources)))


def test_attributions_and_truth_without_a_row(tmp_path):
    sources, truth = attribution_files(tmp_path, METHODS[:2])
    write_table(truth, read_table(truth).head(0))
    assert "s000" in svg_text(drawn("attribution_logos", logos(tmp_path, sources, truth=truth), of(sources)))
    arrays = dict(np.load(next(iter(sources.values()))))
    np.savez(
        next(iter(sources.values())),
        **{name: array[:0] if array.ndim and name != "baseline" else array for name, array in arrays.items()},
    )
    check_nothing_shared(tmp_path, sources)


def test_a_window_of_another_length_is_refused(tmp_path):
    inputs = awkward_logos(tmp_path)
    windows = read_table(inputs["windows"])
    write_table(inputs["windows"], windows.assign(end=65461))
    with pytest.raises(InputError, match="windows.tsv: id 'ENST.*spans 61 bases, its sequence 60; expected no more"):
        drawn("attribution_logos", inputs, of(AWKWARD))


def test_correlations_equal_those_of_scipy(tmp_path):
    sources, _ = attribution_files(tmp_path, METHODS[:3], n=6, length=150)
    parts = list(files.read_common(sources).values())
    values = method_agreement.correlations(parts)
    assert values.shape == (2, 2, 3, len(parts[0].ids))
    for pair, (a, b) in enumerate(itertools.combinations(parts, 2)):
        for row in range(3):
            full = [scores.transform(part.multipliers[row], part.codes[row], "corrected") for part in (a, b)]
            at_base = [score[part.codes[row], np.arange(150)] for score, part in zip(full, (a, b), strict=True)]
            for which, vectors in enumerate(([score.ravel() for score in full], at_base)):
                expected = pearsonr(*vectors)[0], spearmanr(*vectors)[0]
                np.testing.assert_allclose(values[which, :, pair, row], expected, atol=1e-5)


def test_agreement_says_medians_and_n_and_bears_constant_scores(tmp_path):
    sources, _ = attribution_files(tmp_path, METHODS[:3])
    arrays = dict(np.load(list(sources.values())[1]))
    arrays["multipliers"][:] = 0
    np.savez(list(sources.values())[1], **arrays)
    parts = list(files.read_common(sources).values())
    values = method_agreement.correlations(parts)
    assert np.isnan(values[:, :, [0, 2]]).all() and np.isfinite(values[:, :, 1]).all()
    text = svg_text(drawn("method_agreement", {"attributions": list(sources.values())}, of(sources)))
    assert f"n = {len(parts[0].ids)} sequence\u2013target pairs" in text
    assert text.count("undefined: constant scores") == 8
    for median in np.median(values[:, :, 1], axis=-1).ravel():
        assert f"{median:.2f}\n" in text


def test_methods_without_a_common_row_are_explained(tmp_path):
    sources, _ = attribution_files(tmp_path, METHODS[:2])
    arrays = dict(np.load(list(sources.values())[1]))
    np.savez(list(sources.values())[1], **arrays | {"target": np.full(len(arrays["target"]), "other")})
    check_nothing_shared(tmp_path, sources)
