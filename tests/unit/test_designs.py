"""Designs: greedy against brute force and tangermeme, objectives by hand, starts, judges, and goals out of reach."""

import numpy as np
import pytest
import torch
from tangermeme.design import greedy_substitution
from torch import nn

from cisflow import models
from cisflow.data.dataset import Dataset
from cisflow.design import content, judging, methods, run, starts
from cisflow.design.constraints import Constraints
from cisflow.design.constraints import Settings as Allowed
from cisflow.design.objective import Objective, Settings
from cisflow.design.problem import Problem
from cisflow.errors import InputError
from cisflow.io.meme import Motif
from cisflow.sequence import dna
from drawing import probabilities
from small_networks import Linear
from weights import unlike_each_other

LENGTH = 50


def wanted(**given):
    return Objective(Settings.complete(given, "objective"))


def allowed(length=LENGTH, **given):
    return Constraints(Allowed.complete(given, "constraints"), length)


def network(strands="both", n_outputs=2, names=("a", "b")):
    torch.manual_seed(1)
    module = models.build("MotifCNN", n_outputs=n_outputs, channels=8, width=7, pool=2, hidden=6)
    return models.Network(unlike_each_other(module).eval(), list(names), strands)


def random_codes(n, seed=0, length=LENGTH):
    return np.random.default_rng(seed).integers(0, 4, (n, length)).astype(np.uint8)


def designed(problem, codes, seed=0, **method):
    return methods.read(method, "method").design(problem, codes, seed, progress=False)


def by_brute_force(model, objective, rules, start, steps):
    """Greedy design of one sequence, each mutant by itself through the whole network."""
    problem = Problem(model, objective, rules, fast=False)
    first = problem.outputs(start[None])
    codes, score = start.copy(), float(objective.score(first, first))
    for _ in range(steps):
        candidates = [(base, place) for base in range(4) for place in range(len(codes)) if codes[place] != base]
        mutants = np.repeat(codes[None], len(candidates), axis=0)
        for row, (base, place) in enumerate(candidates):
            mutants[row, place] = base
        holds = rules.holds(mutants, np.repeat(start[None], len(mutants), axis=0))
        found = problem.outputs(mutants)
        scores = objective.score(found, first.expand(len(found), -1)).numpy()
        scores[~holds] = -np.inf
        if scores.max() <= score + 1e-4:
            break
        codes, score = mutants[scores.argmax()], scores.max()
    return codes


@pytest.mark.parametrize("strands", ["both", "forward"])
@pytest.mark.parametrize(
    "given", [{"up": ["a"]}, {"up": ["a"], "down": ["b"], "weight": 0.5}, {"targets": {"a": 3.0, "b": -1.0}}]
)
def test_greedy_takes_the_edits_of_brute_force(strands, given):
    model, codes = network(strands), random_codes(2)
    rules, objective = allowed(homopolymer=4, banned=["GATC"]), wanted(**given)
    codes = rules.repaired(codes, ["x", "y"], np.random.default_rng(0))
    trace = designed(Problem(model, objective, rules), codes, method="greedy", steps=6)
    for row in range(2):
        assert (trace.codes[row] == by_brute_force(model, objective, rules, codes[row], 6)).all()
    assert trace.last.max() > 1


def test_greedy_takes_the_edits_of_tangermeme():
    model, codes = network("forward", 1, ["a"]), random_codes(2, 3)
    trace = designed(Problem(model, wanted(up=["a"]), allowed()), codes, method="greedy", steps=5, tolerance=0)
    for row in range(2):
        x = torch.from_numpy(dna.one_hot(codes[row : row + 1]))
        theirs = greedy_substitution(model.module, x, max_iter=5, tol=0, device="cpu")
        assert (theirs[0].argmax(dim=0).numpy() == trace.codes[row]).all()


@pytest.mark.parametrize("method", ["greedy", "beam", "annealing", "evolution", "gradient"])
def test_every_method_finds_the_best_of_a_linear_network(method):
    """Of a sum over positions, the best sequence is the best base at each."""
    torch.manual_seed(0)
    module = Linear(12).eval().requires_grad_(False)
    module.layer.weight *= 4
    weights = module.layer.weight[0].view(4, 12)
    model = models.Network(module, ["a", "b"], "forward")
    more = {
        "evolution": {"steps": 100},
        "gradient": {"learning_rate": 1.0, "steps": 60},
        "annealing": {"steps": 300},
    }.get(method, {})
    trace = designed(Problem(model, wanted(up=["a"]), allowed(12)), random_codes(3, 1, 12), method=method, **more)
    best = float(weights.max(dim=0).values.sum() + module.layer.bias[0])
    assert trace.scores == pytest.approx(best, abs=1e-4)
    assert (trace.codes == weights.argmax(dim=0).numpy()).all()


class Counts(nn.Module):
    """Outputs: how often TGACTCA and how often GATTACA occur on the strand that is read."""

    n_outputs = 2
    length = None

    def __init__(self):
        super().__init__()
        words = [dna.one_hot(dna.encode(word)) for word in ("TGACTCA", "GATTACA")]
        self.kernels = nn.Conv1d(4, 2, 7)
        self.kernels.weight = nn.Parameter(torch.from_numpy(np.stack(words)))
        self.kernels.bias = nn.Parameter(torch.full((2,), -6.0))
        self.relu = nn.ReLU()

    def forward(self, x):
        return self.relu(self.kernels(x)).sum(dim=2)


def test_motifs_are_put_where_they_count_and_until_they_add_nothing():
    model = models.Network(Counts().eval(), ["raises", "lowers"], "forward")
    objective = wanted(up=["raises"], down=["lowers"], goal=3)
    words = ["TGACTCA", "GATTACA"]
    trace = designed(
        Problem(model, objective, allowed()), random_codes(4), method="insertion", motifs=words, orientations="forward"
    )
    assert trace.met.all()
    texts = [dna.decode(codes) for codes in trace.codes]
    assert all(text.count("TGACTCA") >= 3 and "GATTACA" not in text for text in texts)


def test_scores_are_those_of_the_formulas():
    y, first = torch.tensor([[1.0, 2.0, 5.0]]), torch.tensor([[0.0, 0.0, 3.0]])
    assert wanted(up=["a", "b"]).score(y[:, :2]).item() == pytest.approx(1.5)
    contrast = wanted(up=["a"], down=["b"], flat=["c"], weight=2)
    assert contrast.score(y, first).item() == pytest.approx(1 - 2 * 2 - 2 * 2)
    assert contrast.score(y).item() == pytest.approx(1 - 2 * 2)
    for loss, value in (("squared", (1 + 4) / 2), ("absolute", 1.5), ("huber", (0.5 + 1.5) / 2)):
        objective = wanted(targets={"a": 2.0, "b": 4.0}, loss=loss)
        assert objective.score(y[:, :2]).item() == pytest.approx(-value)


def test_outputs_that_are_to_stay_stay_nearer_to_the_start():
    model, codes = network(), random_codes(2)
    free = designed(Problem(model, wanted(up=["a"]), allowed()), codes, method="greedy", steps=5)
    held = designed(Problem(model, wanted(up=["a"], flat=["b"], weight=3), allowed()), codes, method="greedy", steps=5)
    problem = Problem(model, wanted(targets={"b": 0.0}), allowed())
    before = problem.outputs(codes)
    change = [float((problem.outputs(trace.codes) - before).abs().mean()) for trace in (free, held)]
    assert change[1] < 0.5 * change[0]


def test_what_cannot_be_met_ends_with_the_best_found_and_says_so(capsys, tmp_path):
    model, codes = network(), random_codes(3)
    problem = Problem(model, wanted(up=["a"], goal=1e6), allowed(edits=3))
    trace = designed(problem, codes, method="greedy")
    assert not trace.met.any() and (trace.scores > [step.score for step in trace.steps[:3]]).all()
    frame = run._tables(*_told(trace, codes), run.Settings.complete({}, "s"))["designs"]
    run._report(frame, problem.objective)
    assert (frame["outcome"] == "not met").all()
    assert "3 of 3 designs did not reach the goal of 1e+06; the best found are kept" in capsys.readouterr().err
    reached = designed(
        Problem(model, wanted(up=["a"], goal=float(trace.scores.min())), allowed()), codes, method="greedy"
    )
    assert reached.met.all() and (reached.last <= trace.last.max() + 3).all()


def _told(trace, natural):
    begun = starts.Starts(np.array(["s"] * len(trace.codes)), trace.starts, np.zeros(len(trace.codes), dtype=int))
    judge = judging.Judge(judging.DESIGNER, judging.DESIGNER, trace.problem, 1.0)
    names = np.array([f"design{row}" for row in range(len(trace.codes))])
    return names, begun, trace, natural, [judging.verdict(judge, trace, natural)]


def dataset(n=60):
    codes = random_codes(n, 5)
    codes[0, 3] = dna.UNKNOWN
    return Dataset(np.array([f"w{row}" for row in range(n)]), codes, np.zeros((n, 1), np.float32), ["a"])


def begun(folds=None, rules=None, seed=0, **given):
    data = dataset()
    folds = np.resize(["train", "test"], len(data.ids)) if folds is None else folds
    problem = Problem(network(), wanted(up=["a"]), rules or allowed())
    return starts.draw(starts.Settings.complete(given, "starts"), data, folds, problem, seed), data, problem


def test_starts_are_of_their_kind():
    found, data, problem = begun(kind="natural", n=10)
    row_of = {name: row for row, name in enumerate(data.ids)}
    assert all(row_of[name] % 2 == 1 for name in found.names)
    assert (found.codes == data.codes[[row_of[name] for name in found.names]]).all() and not found.repaired.any()
    shuffled, _, _ = begun(kind="shuffled", n=10)
    pairs = [sorted(zip(codes[:-1], codes[1:], strict=True)) for codes in (found.codes[0], shuffled.codes[0])]
    assert pairs[0] == pairs[1] and (found.codes[0] != shuffled.codes[0]).any()
    rich, _, _ = begun(n=400, gc=0.8)
    assert dna.gc_content(rich.codes).mean() == pytest.approx(0.8, abs=0.01)
    lowest, _, _ = begun(kind="natural", n=5, pick="lowest", folds=None)
    scores = problem.scores(data.codes[1::2]).scores
    assert sorted(problem.scores(lowest.codes).scores) == pytest.approx(sorted(scores)[:5])
    framed, _, _ = begun(kind="natural", n=5, rules=allowed(left="AAAA", right="CC"))
    assert {dna.decode(codes)[:4] + dna.decode(codes)[-2:] for codes in framed.codes} == {"AAAACC"}


def test_more_starts_than_windows_are_refused():
    with pytest.raises(InputError, match="^starts.n: found 31, of 30 windows of folds test without unknown bases"):
        begun(kind="natural", n=31)


def test_judges_that_learned_from_the_designers_windows_are_refused():
    folds, others = np.array(["train", "valid", "test", "test"]), np.array(["test", "train", "train", "valid"])
    with pytest.raises(InputError, match="^judges: j was trained on 1 of 3 windows that the designer was trained on"):
        judging.overlap(others, folds, "j", allow=False)
    assert judging.overlap(others, folds, "j", allow=True) == pytest.approx(1 / 3)
    assert judging.overlap(np.array(["test", "test", "train", "valid"]), folds, "j", allow=False) == 0


def test_an_output_that_a_judge_lacks_is_refused():
    with pytest.raises(InputError, match="^objective: 'c' is no output of judge; expected a, b"):
        Problem(network(), wanted(up=["c"]), allowed(), name="judge")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "objective: nothing to reach; expected one of the keys up, down, targets"),
        ({"up": ["a"], "down": ["a"]}, "objective: 'a' is wanted in two ways"),
        ({"up": ["a"], "targets": {"b": 1.0}}, "objective: found targets and up; expected one"),
    ],
)
def test_wants_that_exclude_each_other_are_refused(given, words):
    with pytest.raises(InputError, match=f"^{words}"):
        wanted(**given)


def test_the_table_of_motifs_finds_what_was_put_in():
    natural, made = random_codes(200, 1), random_codes(20, 2)
    made[:, 10:17] = dna.encode("TGACTCA")
    database = [Motif("M1", "AP1", probabilities("TGACTCA", 0.97)), Motif("M2", "other", probabilities("GGGATTTCCC"))]
    table, hits = content.motifs({"design": made, "start": natural[:20], "natural": natural}, database, 1e-4)
    rows = table.set_index(["matrix_id", "kind"])
    assert rows.loc[("M1", "design"), "share"] == 1 and rows.loc[("M1", "design"), "q_value"] < 1e-9
    assert rows.loc[("M2", "design"), "q_value"] > 0.05
    assert set(hits.loc[hits["matrix_id"] == "M1", "design"]) == set(range(20))


def test_distances_are_shares_of_kmers():
    natural = np.stack([dna.encode("ACGTTGCAAC"), dna.encode("GGGGGGGGGG")])
    codes = np.stack([dna.encode("ACGTTGCAAC"), dna.reverse_complement(dna.encode("ACGTTGCAAC")), dna.encode("A" * 10)])
    assert content.nearest(codes, natural, 4).tolist() == [0, 0, 1]
