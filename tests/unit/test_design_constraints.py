"""Constraints of designs: single edits against whole sequences and against strings, repairs, and all methods."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cisflow import models
from cisflow.design import methods
from cisflow.design.constraints import Constraints, Settings
from cisflow.design.objective import Objective
from cisflow.design.objective import Settings as Wanted
from cisflow.design.problem import Problem
from cisflow.errors import InputError
from cisflow.io.meme import Motif
from cisflow.sequence import dna
from drawing import probabilities

LENGTH = 40
AP1 = Motif("M1.1", "AP1", probabilities("TGACTCA", 0.97))
EVERY = {"gc": [0.3, 0.6], "edits": 9, "protected": [{"start": 12, "end": 17}], "banned": ["GATC", "CCWGG"]}
EVERY |= {"required": ["TATAA"], "homopolymer": 4, "left": "ACGTA", "right": "GGTT"}
METHODS = (
    {"method": "greedy", "steps": 12, "patience": 2},
    {"method": "beam", "steps": 4, "width": 2, "rollouts": 2},
    {"method": "annealing", "steps": 40},
    {"method": "evolution", "steps": 6, "population": 6},
    {"method": "gradient", "steps": 10, "learning_rate": 1.0, "edit_cost": 0},
    {"method": "insertion", "steps": 2, "motifs": ["TGACTCA", "GATTA", "AAAAA"]},
)
GIVEN = st.fixed_dictionaries(
    {},
    optional={
        "gc": st.sampled_from([[0.4, 0.6], [0.0, 0.45], [0.5, 1.0]]),
        "edits": st.integers(0, 8),
        "protected": st.sampled_from([[{"start": 0, "end": 6}], [{"start": 10, "end": 14}, {"start": 30, "end": 40}]]),
        "banned": st.lists(st.sampled_from(["GATC", "ACGT", "NNGGNN", "TATWAW", "AP1"]), min_size=1, unique=True),
        "required": st.lists(st.sampled_from(["CAGCTG", "TRTA", "M1.1"]), min_size=1, max_size=2, unique=True),
        "homopolymer": st.integers(3, 6),
        "left": st.sampled_from(["ACGTAC", "TTTTTTTTT"]),
        "right": st.sampled_from(["GATC", "A"]),
        "strands": st.sampled_from(["both", "forward"]),
    },
)


def constraints(given, length=LENGTH, motifs=(AP1,)):
    return Constraints(Settings.complete(given, "c"), length, list(motifs))


def starts_of(rules, n=3, seed=0):
    """Random starts with flanks, repaired; None where none was found."""
    rng = np.random.default_rng(seed)
    codes = rules.framed(rng.integers(0, 4, (n, rules.length)).astype(np.uint8))
    try:
        return rules.repaired(codes, [f"s{row}" for row in range(n)], rng)
    except InputError:
        return None


def text_holds(text, start, given):
    """Whether a sequence holds words, runs, GC and edits, told from strings alone; of no motif of a matrix."""
    left, right = len(given.get("left", "")), len(given.get("right", ""))
    free = np.ones(len(text), dtype=bool)
    free[:left], free[len(text) - right :] = False, False
    for span in given.get("protected", ()):
        free[span["start"] : span["end"]] = False
    if any(a != b and not is_free for a, b, is_free in zip(text, start, free, strict=True)):
        return False
    insert = text[left : len(text) - right]
    share = sum(base in "GC" for base in insert) / len(insert)
    low, high = given.get("gc", (0, 1))
    letters = {"N": "[ACGT]", "W": "[AT]", "R": "[AG]"}

    def places(word):
        both = given.get("strands", "both") == "both"
        words = {word, word[::-1].translate(str.maketrans("ACGTWRN", "TGCAWYN"))} if both else {word}
        for each in words:
            pattern = "".join(letters.get(letter, "[CT]" if letter == "Y" else letter) for letter in each)
            yield from (match.start() for match in re.finditer(f"(?={pattern})", text))

    banned = [word for word in given.get("banned", ()) if word != "AP1"]
    broken = any(free[place : place + len(word)].any() for word in banned for place in places(word))
    run = given.get("homopolymer", len(text)) + 1
    broken |= any(
        free[match.start() : match.start() + run].any()
        for base in "ACGT"
        for match in re.finditer(f"(?={base * run})", text)
    )
    missing = any(not list(places(word)) for word in given.get("required", ()) if word != "M1.1")
    edits = sum(a != b for a, b in zip(text, start, strict=True))
    return low - 1e-9 <= share <= high + 1e-9 and not broken and not missing and edits <= given.get("edits", len(text))


def mutants(codes):
    """Every sequence that differs in one base, (4, length, length), and which are others."""
    found = np.repeat(np.repeat(codes[None, None], 4, axis=0), len(codes), axis=1)
    found[np.arange(4)[:, None], np.arange(len(codes)), np.arange(len(codes))] = np.arange(4)[:, None]
    return found, np.arange(4)[:, None] != codes


@settings(max_examples=12, deadline=None)
@given(GIVEN, st.integers(0, 10**6))
def test_allowed_edits_are_those_whose_sequences_hold(given, seed):
    rules = constraints(given)
    starts = starts_of(rules, 2, seed)
    if starts is None:
        return
    rng = np.random.default_rng(seed)
    codes = starts.copy()
    for _ in range(3):
        allowed = rules.allowed(codes, starts)
        for row in range(len(codes)):
            found, others = mutants(codes[row])
            whole = rules.holds(found.reshape(-1, LENGTH), np.repeat(starts[[row]], 4 * LENGTH, axis=0))
            assert (allowed[row] == (whole.reshape(4, LENGTH) & others)).all()
            if places := np.argwhere(allowed[row]).tolist():
                base, position = places[rng.integers(len(places))]
                codes[row, position] = base
    assert rules.holds(codes, starts).all()


@settings(max_examples=20, deadline=None)
@given(GIVEN, st.integers(0, 10**6))
def test_what_holds_is_what_strings_say(given, seed):
    given = {key: [word for word in value if word not in ("AP1", "M1.1")] if key in ("banned", "required") else value
             for key, value in given.items()}  # fmt: skip
    rules = constraints({key: value for key, value in given.items() if value != []})
    starts = starts_of(rules, 1, seed)
    if starts is None:
        return
    found, _ = mutants(starts[0])
    found = found.reshape(-1, LENGTH)[::3]
    holds = rules.holds(found, np.repeat(starts, len(found), axis=0))
    start = dna.decode(starts[0])
    assert holds.tolist() == [text_holds(dna.decode(codes), start, given) for codes in found]
    assert text_holds(start, start, given)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    module = models.build("MotifCNN", n_outputs=2, channels=8, width=7, pool=2, hidden=6).eval()
    return models.Network(module, ["a", "b"])


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method["method"])
@settings(max_examples=4, deadline=None)
@given(given=GIVEN, seed=st.integers(0, 10**6))
def test_every_design_of_every_method_holds_all_constraints(network, method, given, seed):
    rules = constraints(given)
    starts = starts_of(rules, 3, seed)
    if starts is None:
        return
    wanted = Objective(Wanted.complete({"up": ["a"], "down": ["b"]}, "o"))
    trace = methods.read(method, "m").design(Problem(network, wanted, rules), starts, seed, progress=False)
    assert rules.holds(trace.codes, starts).all()
    assert all(rules.holds(step.codes[None], starts[[step.row]])[0] for step in trace.steps)
    assert (trace.scores >= np.array([step.score for step in trace.steps[:3]])).all()


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method["method"])
def test_the_same_seed_gives_the_same_designs(network, method):
    rules = constraints(EVERY)
    starts = starts_of(rules)
    wanted = Objective(Wanted.complete({"up": ["a"]}, "o"))

    def designed(seed):
        return methods.read(method, "m").design(Problem(network, wanted, rules), starts, seed, progress=False)

    first, second = designed(5), designed(5)
    assert (first.codes == second.codes).all() and (first.scores == second.scores).all()
    assert [step.step for step in first.steps] == [step.step for step in second.steps]


def test_a_match_of_a_matrix_is_what_the_scanner_calls_a_hit():
    from cisflow.motifs.scanning import Scanner

    codes = np.random.default_rng(3).integers(0, 4, (200, 120)).astype(np.uint8)
    codes[::4, 50:57] = dna.encode("TGACTCA")
    codes[1::4, 20:27] = dna.reverse_complement(dna.encode("TGACTCA"))
    rules = constraints({"banned": ["AP1"]}, 120)
    assert ((rules.violated(codes) > 0) == Scanner([AP1.matrix], 1e-4).occurs(codes)[:, 0]).all()
    assert (rules.violated(codes) > 0).sum() >= 100


def test_repairs_change_little_and_nothing_that_is_protected():
    given = {"banned": ["GATC"], "homopolymer": 5, "protected": [{"start": 0, "end": 10}], "gc": [0.4, 0.6]}
    rules = constraints(given, 100)
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, (20, 100)).astype(np.uint8)
    codes[:, 50:54], codes[:, 70:78] = dna.encode("GATC"), 0
    found = rules.repaired(codes, [f"s{row}" for row in range(20)], rng)
    assert (rules.violated(found) == 0).all() and (found[:, :10] == codes[:, :10]).all()
    # One edit breaks the word, and one the run of eight; the GC content of some asks for more.
    assert np.median((found != codes).sum(axis=1)) <= 4


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"left": "ACGT" * 5, "right": "ACGT" * 5}, ": flanks of 20 and 20 bases leave nothing of 40"),
        ({"left": "ACNT"}, ".left: found an unknown base"),
        ({"protected": [{"start": 5, "end": 50}]}, r".protected\[0\]: found 5 to 50; expected positions within 0"),
        ({"protected": [{"start": 0, "end": 40}]}, ": all 40 positions are protected"),
        ({"gc": [0.6, 0.4]}, ".gc: found 0.6 to 0.4; expected a range"),
        ({"banned": ["MA0001.1"]}, ".banned: 'MA0001.1' is no word of IUPAC letters and no motif of the database"),
        ({"required": ["A" * 41]}, ".required: 'A+' is 41 wide; expected 40 at most"),
    ],
)
def test_what_no_sequence_can_hold_is_refused(given, words):
    with pytest.raises(InputError, match=f"^constraints{words}"):
        constraints(given)


def test_starts_that_cannot_be_repaired_are_refused_in_one_line():
    codes = dna.encode("ACGT" * 10)[None]
    rules = constraints({"banned": ["ACGT"], "violations": "refuse"})
    with pytest.raises(InputError, match=r"^start 's': 'ACGT' occurs at 0, expected nowhere \(constraints\)$"):
        rules.repaired(codes, ["s"], np.random.default_rng(0))
    # Whatever stands there, one of these occurs.
    rules = constraints({"banned": ["SS", "WW"], "gc": [0.2, 0.3]})
    with pytest.raises(InputError, match="^start 's': .*, and no repair was found; expected constraints that"):
        rules.repaired(codes, ["s"], np.random.default_rng(0))
