"""What all methods of design ask: scores of sequences, of all their single edits, and what is the best so far."""

import sys
from typing import NamedTuple

import numpy as np
import torch
from tqdm import tqdm

from cisflow.attribution.ism.exact import exact_ism
from cisflow.attribution.ism.graph import Plan, Unplannable
from cisflow.attribution.ism.plain import plain_effects
from cisflow.errors import InputError
from cisflow.models.network import Network
from cisflow.sequence import dna

# Mutants of the first pass that are compared with forward passes of the whole network.
CHECKS = 8


class Outputs(NamedTuple):
    """Outputs (n, outputs of the objective) of sequences, and their scores (n,) float64."""

    outputs: torch.Tensor
    scores: np.ndarray


class Problem:
    """A network, what is wanted of it, and what is allowed.

    Parameters
    ----------
    model : models.Network, or a bare torch module, in eval mode; its raw outputs count, the mean over both strands
        where its predictions are of both.
    objective : Objective. constraints : Constraints.
    fast : whether single edits are computed by what they change alone; False passes each through the whole network.
    batch_size : sequences in a forward pass. memory_mb : of single edits, beside the network and the result.

    Attributes
    ----------
    passes : sequences that went through the network or, of single edits, would have without the plan.

    Raises
    ------
    InputError : the network reads tokens or lacks an output of the objective.
    """

    def __init__(
        self, model, objective, constraints, device="cpu", fast=True, batch_size=256, memory_mb=256, name="the network"
    ):
        self.network = Network.of(model).to(device)
        if self.network.reads != "one-hot":
            raise InputError(f"{name}: reads {self.network.reads}, expected a network on one-hot sequence")
        self.network.module.eval()
        self.objective, self.constraints, self.device = objective, constraints, torch.device(device)
        self.used = objective.indices(self.network.outputs, name)
        opposite = self.network.opposite
        # What says on the reverse strand what the outputs say on this one.
        self._turned = self.used if opposite is None else [opposite[output] for output in self.used]
        self.batch_size, self.memory_mb = batch_size, memory_mb
        self.passes, self._checks = 0, CHECKS
        free = np.flatnonzero(constraints.free)
        self.span = range(int(free[0]), int(free[-1]) + 1)
        self.plan = None
        if fast:
            try:
                self.plan = Plan(self.network.module, constraints.length)
            except Unplannable as error:
                tqdm.write(f"design: plain forward passes, because {error}", file=sys.stderr)

    @property
    def both(self):
        return self.network.strands == "both"

    def forward(self, x):
        """Outputs (n, outputs of the objective) of x (n, 4, length) on the device, mean over strands."""
        found = self.network.module(x)[:, self.used].float()
        if self.both:
            found = (found + self.network.module(x.flip(1, 2))[:, self._turned].float()) / 2
        return found

    @torch.inference_mode()
    def outputs(self, codes):
        """Outputs (n, outputs of the objective) float32 of codes (n, length), a tensor on the CPU."""
        self.passes += len(codes)
        parts = [torch.zeros(0, len(self.used))]
        for start in range(0, len(codes), self.batch_size):
            (x,) = self.network.inputs(np.ascontiguousarray(codes[start : start + self.batch_size]), self.device)
            parts.append(self.forward(x).cpu())
        return torch.cat(parts)

    def scores(self, codes, first=None):
        """The Outputs of codes (n, length); `first` (n, outputs) are those of their starts, see Objective.score."""
        found = self.outputs(codes)
        return Outputs(found, self.objective.score(found, first).double().numpy())

    def edits(self, codes, found, first):
        """Scores of every sequence that differs in one base.

        Parameters
        ----------
        codes : (n, length) uint8. found : (n, outputs), their outputs. first : (n, outputs), those of their starts.

        Returns
        -------
        (n, 4, length) float64; at the base present the score of the sequence itself, and so outside of what is free.
        """
        effects = self._effects(codes)
        if self.both:
            effects = (effects + self._effects(dna.reverse_complement(codes), reverse=True)[..., ::-1, ::-1]) / 2
        self.passes += 3 * len(codes) * len(self.span)
        after = found.numpy()[:, :, None, None] + effects
        return self.objective.score(torch.from_numpy(after), first).double().numpy()

    def _effects(self, codes, reverse=False):
        """Effects (n, outputs, 4, length) of single edits on the outputs of one strand."""
        length = codes.shape[1]
        start, end = self.span.start, self.span.stop
        start, end = (length - end, length - start) if reverse else (start, end)
        used = self._turned if reverse else self.used
        if self.plan is not None:
            found = exact_ism(
                self.network.module,
                codes,
                used,
                self.device,
                start,
                end,
                memory_mb=self.memory_mb,
                checks=self._checks,
                batch_size=self.batch_size,
                progress=False,
                plan=self.plan,
            )
            self._checks = 0
            if found.route == "plain":
                tqdm.write(f"design: plain forward passes, because {found.reason}", file=sys.stderr)
                self.plan = None
            return found.effects
        effects = np.zeros((len(codes), len(self.used), 4, length), dtype=np.float32)
        with torch.inference_mode():
            (x,) = self.network.inputs(np.ascontiguousarray(codes), self.device)
            for row in range(len(codes)):
                for where, base, change in plain_effects(
                    lambda x: self.network.module(x)[:, used].float(), x[row], range(start, end), self.batch_size
                ):
                    effects[row][:, base.cpu(), where.cpu()] = change.T.cpu().numpy()
        return effects


class Step(NamedTuple):
    """A sequence that was better than all before it. row : of the start. codes : (length,) uint8."""

    row: int
    step: int
    codes: np.ndarray
    score: float


class Trace:
    """The best of each design so far, and how it came about.

    Attributes
    ----------
    starts, codes : (n, length) uint8. first : (n, outputs), those of the starts. scores : (n,) float64, of `codes`.
    steps : list of Step, the starts as step 0; of one row in order. last : (n,) int, step of `codes`.
    """

    def __init__(self, problem, starts):
        self.problem, self.starts = problem, np.ascontiguousarray(starts, dtype=np.uint8)
        self.codes = self.starts.copy()
        self.first = problem.outputs(self.starts)
        self.scores = problem.objective.score(self.first, self.first).double().numpy()
        self.steps = [Step(row, 0, codes, float(self.scores[row])) for row, codes in enumerate(self.starts)]
        self.last = np.zeros(len(starts), dtype=np.int64)

    @property
    def met(self):
        """(n,) bool: designs that reached the goal."""
        return np.asarray(self.problem.objective.met(self.scores))

    def offer(self, rows, codes, scores, step):
        """Keep what is better than all before it and holds the constraints.

        Parameters
        ----------
        rows : (m,) int, of the starts; each once. codes : (m, length). scores : (m,). step : int.

        Returns
        -------
        (m,) bool: what was kept.
        """
        better = scores > self.scores[rows]
        better[better] = self.problem.constraints.holds(codes[better], self.starts[rows[better]])
        for row, own, score in zip(rows[better], codes[better], scores[better], strict=True):
            self.codes[row], self.scores[row], self.last[row] = own, score, step
            self.steps.append(Step(int(row), step, own.copy(), float(score)))
        return better
