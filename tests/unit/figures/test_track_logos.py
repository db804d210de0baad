"""Logos of one sequence for several tracks: letters on one scale, and bars of what was measured and predicted."""

import itertools

import numpy as np
import pandas as pd
import pytest

import predictions
from attributed import write
from cisflow import tasks
from cisflow.attribution import scores
from cisflow.errors import InputError
from cisflow.figures import style, track_logos
from cisflow.io.tables import write_table
from cisflow.sequence import dna
from drawing import LONG, RUN, drawn, svg_text

SITES = ("TGACTCA", "CACGTG", "GGGCGG")
NUMBERS = RUN | {"task": "regression", "methods": ["tism"], "outputs": None}
CONTRAST = ["track 0", "track 1", {"name": "difference", "contrast": ["track 0", "track 1"]}]


def explained(folder, tracks, n=6, length=160, targets=None, seed=0, place=True, measured=True):
    """Inputs of sequences that hold each of SITES, of which a track reads one; each explained for all of `targets`.

    Every third number of the first track has not been measured.
    """
    rng = np.random.default_rng(seed)
    targets = targets or tracks
    codes = rng.integers(0, 4, (n, length)).astype(np.uint8)
    signal = 0.03 * rng.normal(size=(n, len(targets), 4, length))
    for row in range(n):
        middle = int(rng.integers(0, max(length - 50, 1)))
        for number, site in enumerate(SITES):
            start = middle + 14 * number
            found = dna.encode(site)[: max(0, length - start)]
            codes[row, start : start + len(found)] = found
            for track in range(number, len(targets), len(SITES)):
                signal[row, track, found, np.arange(start, start + len(found))] += rng.uniform(-0.4, 1)
    labels = rng.normal(1, 1.5, (len(tracks), n))
    values = 0.8 * labels + rng.normal(0, 0.4, labels.shape)
    labels[0, ::3] = np.nan
    task = tasks.get("regression")
    predictions.write(folder, labels, values, ["test"] * n, tracks, task)
    ids = [f"w{row:04d}" for row in range(n)]
    rows = list(itertools.product(range(n), range(len(targets))))
    path = write(
        folder / "tism.npz",
        codes[[row for row, _ in rows]],
        np.array([signal[place] for place in rows], dtype=np.float32).reshape(-1, 4, length),
        ids=np.array([ids[row] for row, _ in rows], dtype=str),
        targets=np.array([targets[track] for _, track in rows], dtype=str),
        prediction=np.array([values[track % len(tracks), row] for row, track in rows], dtype=np.float32),
        method="tism",
    )
    where = [(name, "chr1", 1000 * i, 1000 * i + length, "+-"[i % 2]) for i, name in enumerate(ids)] if place else []
    write_table(folder / "windows.tsv", pd.DataFrame(where, columns=["id", "chrom", "start", "end", "strand"]))
    found = {"attributions": str(path), "windows": str(folder / "windows.tsv")}
    return found | ({"predictions": str(folder / "predictions.tsv")} if measured else {})


def named(count):
    return [f"track {number}" for number in range(count)]


def with_contrast(folder):
    return explained(folder, named(2), targets=["track 0", "track 1", "difference"])


# Name of the case: (figure, function of a folder -> inputs, settings).
CASES = {
    "three tracks": ("track_logos", lambda f: explained(f, ["open chromatin", "H3K27ac", "expression"]), NUMBERS),
    "a contrast": ("track_logos", with_contrast, NUMBERS | {"outputs": CONTRAST}),
    "many tracks, long names": (
        "track_logos",
        lambda f: explained(f, [f"{name} {LONG[0]}" for name in LONG], length=600, place=False),
        NUMBERS,
    ),
    "more sequences than a page has room for": (
        "track_logos",
        lambda f: explained(f, named(8)),
        NUMBERS | {"n_sequences": 5},
    ),
    "published weights": (
        "track_logos",
        lambda f: explained(f, named(2), measured=False),
        NUMBERS | {"outputs": ["track 0", "track 1"]},
    ),
    "two tracks of 9 bp": ("track_logos", lambda f: explained(f, named(2), n=2, length=9), NUMBERS),
    "no other track": ("track_logos", lambda f: explained(f, named(1)), NUMBERS),
    "no sequence": (
        "track_logos",
        lambda f: explained(f, named(2), n=2) | {"attributions": []},
        NUMBERS | {"methods": []},
    ),
}


def bars(axes):
    """{colour: {row of the track: value}} of the bars."""
    found = {}
    for bar in axes.patches:
        row = round(bar.get_y() + bar.get_height() / 2)
        found.setdefault(style.matplotlib.colors.to_hex(bar.get_facecolor()).upper(), {})[row] = bar.get_width()
    return found


def table(inputs, name):
    """Rows of the predictions of one sequence, by target."""
    found = pd.read_csv(inputs["predictions"], sep="\t")
    return found[found["id"] == name].set_index("target")


def sequence_axes(figure, rows):
    """[(axes of the logos, axes of the bars)] of each sequence."""
    blocks = [figure.axes[start : start + rows + 2] for start in range(0, len(figure.axes), rows + 2)]
    return [(block[1:-1], block[-1]) for block in blocks]


def test_bars_are_the_numbers_of_the_predictions_and_empty_where_none_was_measured(tmp_path):
    inputs = explained(tmp_path, named(3), n=5)
    figure = drawn("track_logos", inputs, NUMBERS | {"n_sequences": 6})
    shown = [line.split()[0] for line in svg_text(figure).splitlines() if line.startswith("w0")]
    assert sorted(shown) == [f"w{row:04d}" for row in range(5)]
    for name, (_, axes) in zip(shown, sequence_axes(figure, 3), strict=True):
        expected, found = table(inputs, name), bars(axes)
        for column, colour in (("value", track_logos.MEASURED), ("prediction", track_logos.PREDICTED)):
            numbers = expected.loc[named(3), column]
            assert found[colour] == pytest.approx({i: value for i, value in enumerate(numbers) if np.isfinite(value)})


def test_a_contrast_has_the_difference_of_what_was_measured_and_predicted(tmp_path):
    inputs = with_contrast(tmp_path)
    figure = drawn("track_logos", inputs, NUMBERS | {"outputs": CONTRAST, "n_sequences": 6})
    shown = [line.split()[0] for line in svg_text(figure).splitlines() if line.startswith("w0")]
    for name, (_, axes) in zip(shown, sequence_axes(figure, 3), strict=True):
        expected, found = table(inputs, name), bars(axes)
        predicted = expected.loc["track 0", "prediction"] - expected.loc["track 1", "prediction"]
        assert found[track_logos.PREDICTED][2] == pytest.approx(predicted)
        measured = expected.loc["track 0", "value"] - expected.loc["track 1", "value"]
        assert found[track_logos.MEASURED].get(2, np.nan) == pytest.approx(measured, nan_ok=True)


def test_logos_of_a_sequence_have_one_scale_and_its_letters(tmp_path):
    inputs = explained(tmp_path, named(4))
    with np.load(inputs["attributions"]) as archive:
        arrays = dict(archive)
    figure = drawn("track_logos", inputs, NUMBERS)
    titles = [line for line in svg_text(figure).splitlines() if line.startswith("w0")]
    for text, (logos, _) in zip(titles, sequence_axes(figure, 4), strict=True):
        rows = np.flatnonzero(arrays["ids"] == text.split()[0])
        codes = arrays["sequences"][rows[0]]
        full = scores.transform(arrays["multipliers"][rows], arrays["sequences"][rows], "hypothetical")
        at_base = scores.observed(full, arrays["sequences"][rows])
        assert len({axes.get_ylim() for axes in logos}) == 1
        start, end = track_logos.attribution_logos.busiest(at_base, track_logos.WINDOW)
        low, high = logos[0].get_ylim()
        assert low <= at_base[:, start:end].min() and at_base[:, start:end].max() <= high
        for axes, heights in zip(logos, at_base[:, start:end], strict=True):
            tops = np.zeros(end - start)
            glyphs = next(item for item in axes.collections if len(item.get_paths()))
            for path, colour in zip(glyphs.get_paths(), glyphs.get_facecolors(), strict=True):
                place = int(np.median(path.vertices[:, 0]))
                assert tuple(colour) == style.matplotlib.colors.to_rgba(
                    style.BASE_COLOURS[dna.BASES[codes[start + place]]]
                )
                tops[place] = max(path.vertices[:, 1], key=abs)
            np.testing.assert_allclose(tops, heights, atol=0.03 * np.abs(at_base).max())


def test_sequences_explained_for_most_tracks_come_first_then_those_whose_predictions_differ_most(tmp_path):
    inputs = explained(tmp_path, named(3))
    part = track_logos.files.read(inputs["attributions"])
    few = part.take(np.flatnonzero((part.ids != "w0002") | (part.targets == "track 1")))
    _, predicted = track_logos.values(few, inputs["predictions"], NUMBERS)
    shown = [item.name for item in track_logos.gather(few, predicted, predicted, inputs["windows"], 9)]
    frame = pd.read_csv(inputs["predictions"], sep="\t").query("id != 'w0002' or target == 'track 1'")
    by_track = frame.groupby("target")["prediction"]
    spread = ((frame["prediction"] - by_track.transform("mean")) / by_track.transform("std", ddof=0)).groupby(
        frame["id"]
    )
    expected = spread.std(ddof=0).drop("w0002").sort_values(ascending=False).index.tolist()
    assert shown == expected


def test_without_predictions_nothing_is_measured_and_a_contrast_has_no_value(tmp_path):
    inputs = with_contrast(tmp_path)
    part = track_logos.files.read(inputs["attributions"])
    measured, predicted = track_logos.values(part, None, NUMBERS | {"outputs": CONTRAST})
    assert np.isnan(measured).all()
    of_outputs = part.targets != "difference"
    np.testing.assert_array_equal(predicted[of_outputs], part.prediction[of_outputs])
    assert np.isnan(predicted[~of_outputs]).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda frame: frame[frame["id"] != "w0001"], "predictions.tsv: no row of id 'w0001', which is explained"),
        (lambda frame: frame[frame["target"] != "track 1"], "predictions.tsv: no target 'track 1', which is explained"),
    ],
)
def test_predictions_of_others_are_refused(tmp_path, change, words):
    inputs = explained(tmp_path, named(2))
    frame = pd.read_csv(inputs["predictions"], sep="\t")
    write_table(inputs["predictions"], change(frame))
    with pytest.raises(InputError, match=words):
        drawn("track_logos", inputs, NUMBERS)
