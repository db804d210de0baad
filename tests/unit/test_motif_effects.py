"""Effects of motifs: of a network in closed form exactly, as tangermeme has them, and their intervals by theory."""

import numpy as np
import pytest
import torch
from scipy import stats
from tangermeme.marginalize import marginalize
from tangermeme.space import space

import grammar
import small_networks
from cisflow import tasks
from cisflow.effects import backgrounds, elements, intervals, layouts, motif_effects, scales
from cisflow.errors import InputError
from cisflow.models.network import Network
from cisflow.sequence import dna

CPU = torch.device("cpu")
LENGTH = 80


def settings(**given):
    return motif_effects.Settings.complete({"sequences": grammar.MOTIFS, "step": 24} | given, "effects")


def empty_backgrounds(n, seed=0):
    """Random sequences in which no motif of the grammar stands."""
    codes = backgrounds.draw(
        "random", np.zeros((1, LENGTH), dtype=np.uint8), 3 * n, np.random.default_rng(seed), gc=0.5
    )
    text = [dna.decode(row) for row in codes]
    kept = [number for number, row in enumerate(text) if not any(bases in row for bases in grammar.MOTIFS.values())]
    return codes[kept[:n]]


def measured(asked, network=None, **given):
    """Tables of some networks, each with its own random backgrounds."""
    network = network or Network(grammar.Grammar(), ["up", "down"], "forward")
    found = elements.read(None, None, asked.sequences)
    planned = motif_effects.plan(found, LENGTH, asked)
    of = scales.Measure(network, scale=asked.scale, **given)
    effects = [
        motif_effects.measure(of, planned, found, empty_backgrounds(12, seed), CPU, asked, np.random.default_rng(seed))
        for seed in (1, 2)
    ]
    return motif_effects.tables(planned, found, {"random": effects}, of.names, asked.scale)


def test_effects_and_synergies_of_a_closed_form_are_found_exactly():
    asked = settings(gaps=[0, 4, 10])
    made = measured(asked)
    for target, sign in (("up", 1), ("down", -1)):
        for name in ("single", "positions"):
            rows = made[name].query(f"target == '{target}' and strand == '+'").set_index("motif")["effect"]
            for motif, effect in grammar.EFFECTS.items():
                np.testing.assert_allclose(rows[motif], sign * effect, atol=1e-5)
        pairs = made["pairs"].query(f"target == '{target}'")
        for row in pairs.itertuples():
            expected = 0
            if row.orientation == "first> second>":
                expected = grammar.SYNERGIES.get((row.first, row.second, row.gap), 0)
            elif row.orientation == "second> first>":
                expected = grammar.SYNERGIES.get((row.second, row.first, row.gap), 0)
            assert row.interaction == pytest.approx(sign * expected, abs=1e-5)
            assert row.pair_effect == pytest.approx(row.first_effect + row.second_effect + row.interaction, abs=1e-6)
            assert row.distance == 8 + row.gap
    best = made["interactions"].query("target == 'up'").set_index(["first", "second"])
    assert best.loc[("one", "two"), "strongest_gap"] == 4 and best.loc[("one", "three"), "strongest_gap"] == 10
    # One of twelve layouts has it.
    assert best.loc[("one", "two"), "interaction"] == pytest.approx(2 / 12, abs=1e-5)
    assert (best["n_layouts"] == 12).all()


def test_a_motif_that_is_read_on_the_other_strand_alone_has_no_effect():
    rows = measured(settings(pairs="none"))["single"].query("strand == '-'")
    np.testing.assert_allclose(rows["effect"], 0, atol=1e-5)


def test_both_strands_are_their_mean():
    rows = measured(settings(pairs="none"), strands="both")["single"].query("target == 'up'")
    for row in rows.itertuples():
        assert row.effect == pytest.approx(grammar.EFFECTS[row.motif] / 2, abs=1e-5)


@pytest.mark.parametrize("architecture", ["MotifCNN", "AttentionConv"])
def test_effects_are_those_of_tangermeme(architecture):
    module = small_networks.build(architecture)
    length = small_networks.SIZES[architecture]
    codes = np.random.default_rng(0).integers(0, 4, (6, length)).astype(np.uint8)
    found = elements.read(None, None, {"a": "GATTACA", "b": "CCGTA"})
    asked = settings(sequences={"a": "GATTACA", "b": "CCGTA"}, gaps=[3, 8], step=7)
    planned = motif_effects.plan(found, length, asked)
    of = scales.Measure(Network(module, ["x", "y", "z"], "forward"))
    effects = motif_effects.measure(of, planned, found, codes, CPU, asked, np.random.default_rng(0))
    x = torch.from_numpy(dna.one_hot(codes))
    for number, (_, site) in enumerate(planned.along):
        if site.strand == "+":
            motif = ["GATTACA", "CCGTA"][site.element]
            before, after = marginalize(module, x, motif, start=site.start, device="cpu")
            expected = (after - before).numpy()
            np.testing.assert_allclose(effects.along.mean[number], expected.mean(0), atol=1e-5)
            np.testing.assert_allclose(effects.along.variance[number], expected.var(0, ddof=1), rtol=1e-2, atol=1e-7)
    for number, (*_, pair) in enumerate(planned.pairs):
        if pair.orientation == "first> second>":
            start = pair.sites[0].start
            before, after = space(module, x, ["GATTACA", "CCGTA"], [[pair.gap]], start=start, device="cpu")
            np.testing.assert_allclose(effects.pairs[2].mean[number], (after[:, 0] - before).mean(0), atol=1e-5)


@pytest.mark.parametrize("scale", scales.SCALES)
def test_scales_are_those_of_what_the_network_predicts(scale):
    network = Network(small_networks.build("MotifCNN"), ["x", "y", "z"])
    codes = small_networks.sequences(60)
    values = scales.Measure(network, ["y", {"name": "d", "contrast": ["x", "z"]}], scale)(codes, CPU)
    with torch.inference_mode():
        strands = (codes, dna.reverse_complement(codes).copy())
        raw = torch.stack([network(*network.inputs(part, CPU)) for part in strands]).double().numpy()
    predicted = (1 / (1 + np.exp(-raw))).mean(axis=0)
    expected = {
        "output": raw.mean(axis=0),
        "prediction": predicted,
        "log": np.log(predicted),
        "logit": np.log(predicted / (1 - predicted)),
    }[scale]
    np.testing.assert_allclose(values, np.stack([expected[:, 1], expected[:, 0] - expected[:, 2]], 1), atol=1e-5)


def test_a_scale_without_a_number_for_a_prediction_is_refused():
    network = Network(grammar.Grammar(), ["up", "down"], "forward", tasks.get("regression"))
    with pytest.raises(InputError, match="scale: log of output 0 of sequence 0, from 0, which is 0; expected"):
        scales.Measure(network, scale="log")(empty_backgrounds(2), CPU)


@pytest.mark.parametrize("networks", [1, 4])
def test_intervals_cover_the_mean_in_95_percent(networks):
    rng = np.random.default_rng(0)
    trials, n, truth = 4000, 5, 0.3
    # Of one network, its own mean is the truth.
    shifts = rng.normal(0, 1, (networks, 1, trials)) if networks > 1 else np.zeros((1, 1, trials))
    values = truth + shifts + rng.normal(0, 2, (networks, n, trials))
    found = intervals.estimate([intervals.moments(part) for part in values])
    covered = int(((found.lower <= truth) & (truth <= found.upper)).sum())
    assert stats.binomtest(covered, trials, 0.95).pvalue > 0.001
    assert found.sd_backgrounds.mean() == pytest.approx(1.9, abs=0.1)


def test_sampled_instances_follow_their_matrix():
    matrix = np.array([[0.7, 0.1], [0.1, 0.1], [0.1, 0.1], [0.1, 0.7]])
    drawn = elements.Element("m", matrix).drawn(4000, np.random.default_rng(0))
    for column in range(2):
        counts = np.bincount(drawn[:, column], minlength=4)
        assert stats.chisquare(counts, 4000 * matrix[:, column]).pvalue > 0.001


def test_backgrounds_are_what_they_say():
    rng = np.random.default_rng(0)
    codes = rng.choice(4, (50, 60), p=[0.4, 0.1, 0.2, 0.3]).astype(np.uint8)
    low = backgrounds.draw("low", codes, 5, rng, scores=np.arange(50)[::-1], share=0.2)
    assert {row.tobytes() for row in low} <= {row.tobytes() for row in codes[-10:]} and len(low) == 5
    shuffled = backgrounds.draw("shuffled", codes, 70, rng)
    assert len({row.tobytes() for row in shuffled}) == 70

    def pairs(rows):
        return sorted(tuple(np.bincount(4 * row[:-1] + row[1:], minlength=16)) for row in rows.astype(int))

    assert set(pairs(shuffled)) == set(pairs(codes))
    drawn = backgrounds.draw("random", codes, 2000, rng, gc=0.3)
    assert dna.gc_content(drawn.reshape(-1)) == pytest.approx(0.3, abs=0.01)
    same = backgrounds.draw("random", codes, 2000, rng)
    np.testing.assert_allclose(backgrounds.composition(same), backgrounds.composition(codes), atol=0.01)


def test_layouts_share_no_base_and_lie_in_the_sequence():
    widths = [7, 5, 12]
    for pair in layouts.pairs(range(3), widths, 30, [0, 3, 8], same=True):
        (a, b) = sorted(pair.sites, key=lambda site: site.start)
        assert a.start >= 0 and b.start - (a.start + widths[a.element]) == pair.gap
        assert b.start + widths[b.element] <= 30
        assert (pair.sites[0].start < pair.sites[1].start) == pair.orientation.startswith("first")
        assert [site.strand for site in pair.sites] == ["+", "-" if "<second" in pair.orientation else "+"]


def test_motifs_lie_around_the_centre_asked_for():
    (pair,) = layouts.pairs([0, 1], [6, 6], 75, [18], twice=108)[:1]
    assert (pair.sites[0].start, pair.sites[1].start) == (39, 63)
    assert layouts.middle(0, 5, 108) == (0, 51, "+") and layouts.middle(0, 5, 108, "-") == (0, 52, "-")
    assert not layouts.pairs([0, 1], [6, 6], 75, [60], twice=140)


def test_an_unknown_base_of_a_sequence_leaves_the_background():
    codes = np.zeros((1, 9), dtype=np.uint8)
    inserted = layouts.Inserted(codes, [dna.encode("CNG")[None]], [(layouts.Site(0, 3),), (layouts.Site(0, 3, "-"),)])
    assert [dna.decode(row) for row in inserted[:]] == ["AAACAGAAA", "AAACAGAAA"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"sequences": {"a": "ACG-T"}}, "sequences: 'a': character '-' at position 4 is not a base"),
        ({"sequences": {"a": "A" * 90}}, "motif 'a' has 90 bp, the network reads 80"),
        ({"sequences": {"a": ""}}, "sequences: 'a' is empty; expected bases"),
        ({"centre": 3}, "centre: found 3; around it there is no room for motif 'one' of 8 bp in 80 bp"),
        ({"paired": ["four"]}, "paired: no motif 'four'; expected one of one, two, three"),
    ],
)
def test_what_cannot_be_put_in_is_refused_in_one_line(given, words):
    asked = settings(**given)
    with pytest.raises(InputError, match=words) as caught:
        motif_effects.plan(elements.read(None, None, asked.sequences), LENGTH, asked)
    assert "\n" not in str(caught.value)


def test_without_pairs_their_tables_are_empty():
    made = measured(settings(pairs="none"))
    assert made["pairs"].empty and made["interactions"].empty
    assert {name: tuple(frame.columns) for name, frame in made.items()} == motif_effects.COLUMNS
