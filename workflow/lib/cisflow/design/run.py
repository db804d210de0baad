"""A design from beginning to end: starts, method, judges, and the tables that tell of it."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.data import dataset as datasets
from cisflow.design import content, judging, logos, starts
from cisflow.design.constraints import Constraints
from cisflow.design.judging import DESIGNER, JUDGE, Judge
from cisflow.design.objective import Objective
from cisflow.design.problem import Problem
from cisflow.errors import InputError
from cisflow.io import files
from cisflow.io.matrices import read_motifs
from cisflow.io.tables import write_table
from cisflow.models import checkpoints
from cisflow.sequence import dna

DESIGNS = (
    *("design", "start", "outcome", "steps", "edits", "repaired", "gc", "distance", "start_score", "score"),
    *("judges", "lowest_judge", "gap", "above_natural", "sequence"),
)
STEPS = ("design", "step", "edits", "changed", "sequence")
SCORES = ("design", "step", "network", "role", "score")
NATURAL = ("network", "role", "overlap", "n_natural", "mean", "standard_deviation", "best", "n_designs", "n_above")
TABLES = ("designs", "steps", "scores", "networks", "motifs", "hits", "logos")
MET, NOT_MET, IMPROVED, UNCHANGED = "met", "not met", "improved", "unchanged"


class Settings(settings.Settings):
    """What a design is compared with."""

    folds: str = setting(
        "disjoint",
        choices=["disjoint", "shared"],
        meaning="Whether a judge may have learned from windows of the designer too; `shared` tells how many.",
    )
    n_natural: int = setting(
        10000, minimum=1, meaning="Windows of the dataset that designs are compared with, at most; drawn at random."
    )
    k: int = setting(
        6, minimum=1, maximum=15, meaning="Length of the k-mers by which the nearest natural one is found."
    )
    p_value: float = setting(
        0.0001, above=0, below=1, meaning="What counts as a motif of the database in the table of motifs."
    )
    n_logos: int = setting(3, minimum=0, meaning="Designs whose bases are drawn as logos along their way.")


def design(inputs, asked, seed, device, folder, progress=True):
    """Design sequences, have them judged, and write tables and FASTA into a folder.

    Parameters
    ----------
    inputs : {"dataset": folder, "weights": path, "split": path, "database": path or None, "judges": {name: (weights,
        split)}}. asked : {"objective", "constraints", "starts", "compared": instances of Settings, "method":
        methods.Method}. seed : of all draws. device : torch device.

    Raises
    ------
    InputError : what the parts refuse.
    """
    dataset = datasets.read(inputs["dataset"])
    database = read_motifs(inputs["database"]) if inputs["database"] else None
    constraints = Constraints(asked["constraints"], dataset.codes.shape[1], database)
    objective = Objective(asked["objective"])

    def posed(weights):
        network = checkpoints.load(weights)
        if network.length not in (None, constraints.length):
            raise InputError(
                f"{weights}: reads {network.length} bases; windows of the dataset are {constraints.length}"
            )
        return Problem(network, objective, constraints, device, name=str(weights))

    compared, problem = asked["compared"], posed(inputs["weights"])
    folds = datasets.read_folds(inputs["split"], dataset.ids)
    judges = [Judge(DESIGNER, DESIGNER, problem, 1.0)]
    for name, (weights, split) in inputs["judges"].items():
        own = datasets.read_folds(split, dataset.ids)
        shared = judging.overlap(own, folds, name, compared.folds == "shared")
        judges.append(Judge(name, JUDGE, posed(weights), shared))
    begun = starts.draw(asked["starts"], dataset, folds, problem, seed)
    trace = asked["method"].design(problem, begun.codes, seed, progress)
    natural = _natural(dataset, compared.n_natural, seed)
    verdicts = [judging.verdict(judge, trace, natural) for judge in judges]
    names = np.array([f"design{number}" for number in range(1, len(begun.names) + 1)])
    written = _tables(names, begun, trace, natural, verdicts, compared)
    written |= _motifs(names, begun, trace, natural, database, compared)
    written["logos"] = logos.table(problem, trace, names, compared.n_logos)
    _report(written["designs"], objective)
    for name in TABLES:
        write_table(Path(folder) / f"{name}.tsv", written[name])
    files.write_text(Path(folder) / "designs.fa", fasta(written["designs"]))


def _natural(dataset, most, seed):
    """Windows (m, length) without unknown bases, at most so many, drawn at random."""
    known = np.flatnonzero((dataset.codes < dna.UNKNOWN).all(axis=1))
    if not len(known):
        raise InputError("dataset: every window holds an unknown base; expected natural sequences without")
    return np.asarray(dataset.codes[np.sort(np.random.default_rng(seed).permutation(known)[:most])])


def _tables(names, begun, trace, natural, verdicts, compared):
    """The frames designs, steps, scores and networks."""
    constraints = trace.problem.constraints
    rows = np.array([step.row for step in trace.steps], dtype=np.int64)
    order = np.lexsort((np.array([step.step for step in trace.steps]), rows))
    steps = [trace.steps[place] for place in order]
    before = {}
    told = []
    for step in steps:
        told.append(_changed(before.get(step.row), step.codes))
        before[step.row] = step.codes
    of_steps = {
        "design": names[rows[order]],
        "step": [step.step for step in steps],
        "edits": [int((step.codes != trace.starts[step.row]).sum()) for step in steps],
        "changed": told,
        "sequence": [dna.decode(step.codes) for step in steps],
    }
    scores = pd.concat(
        [
            pd.DataFrame(
                {
                    "design": of_steps["design"],
                    "step": of_steps["step"],
                    "network": each.judge.name,
                    "role": each.judge.role,
                    "score": each.steps[order],
                }
            )
            for each in verdicts
        ],
        ignore_index=True,
    )
    # The last step of each design is the design.
    last = np.zeros(len(names), dtype=np.int64)
    last[rows[order]] = order
    final = np.stack([each.steps[last] for each in verdicts])
    best = np.array([each.natural.max() for each in verdicts])
    judged = final[1:]
    nothing = np.full(len(names), np.nan)
    mean, lowest = (judged.mean(axis=0), judged.min(axis=0)) if len(judged) else (nothing, nothing)
    above = pd.array(
        (judged > best[1:, None]).all(axis=0).astype(int) if len(judged) else [pd.NA] * len(names), "Int64"
    )
    begin, improved = trace.steps[0 : len(names)], trace.last > 0
    designs = pd.DataFrame(
        {
            "design": names,
            "start": begun.names,
            "outcome": _outcomes(trace, improved),
            "steps": trace.last,
            "edits": constraints.distance(trace.codes, trace.starts),
            "repaired": begun.repaired,
            "gc": dna.gc_content(trace.codes[:, constraints.insert]),
            "distance": content.nearest(trace.codes, natural, compared.k),
            "start_score": [step.score for step in begin],
            "score": trace.scores,
            "judges": mean,
            "lowest_judge": lowest,
            "gap": trace.scores - mean,
            "above_natural": above,
            "sequence": [dna.decode(codes) for codes in trace.codes],
        }
    )
    networks = pd.DataFrame(
        {
            "network": [each.judge.name for each in verdicts],
            "role": [each.judge.role for each in verdicts],
            "overlap": [each.judge.overlap for each in verdicts],
            "n_natural": len(natural),
            "mean": [each.natural.mean() for each in verdicts],
            "standard_deviation": [each.natural.std() for each in verdicts],
            "best": best,
            "n_designs": len(names),
            "n_above": (final > best[:, None]).sum(axis=1),
        }
    )
    return {
        "designs": designs[list(DESIGNS)],
        "steps": pd.DataFrame(of_steps, columns=list(STEPS)),
        "scores": scores[list(SCORES)],
        "networks": networks[list(NATURAL)],
    }


def _changed(before, codes):
    """Bases that a step changed, `17A>T` with the position from 0; "" of a start."""
    if before is None:
        return ""
    places = np.flatnonzero(before != codes)
    return " ".join(f"{place}{dna.BASES[before[place]]}>{dna.BASES[codes[place]]}" for place in places)


def _outcomes(trace, improved):
    """What became of each design: MET or NOT_MET where there is a goal, else IMPROVED or UNCHANGED."""
    if trace.problem.objective.settings.goal is not None:
        return np.where(trace.met, MET, NOT_MET)
    return np.where(improved, IMPROVED, UNCHANGED)


def _motifs(names, begun, trace, natural, database, compared):
    """The frames motifs and hits; empty where there is no database."""
    if database is None:
        return {name: pd.DataFrame(columns=list(getattr(content, columns))) for name, columns in _EMPTY.items()}
    groups = {"design": trace.codes, "start": begun.codes, "natural": natural}
    table, hits = content.motifs(groups, database, compared.p_value)
    return {"motifs": table, "hits": hits.assign(design=names[hits["design"].to_numpy(dtype=np.int64)])}


_EMPTY = {"motifs": "COLUMNS", "hits": "HITS"}


def _report(designs, objective):
    """Say in the log what was reached."""
    counts = designs["outcome"].value_counts()
    if counts.get(NOT_MET, 0):
        goal = objective.settings.goal
        what = (
            f"{counts[NOT_MET]} of {len(designs)} designs did not reach the goal of {goal:g}; the best found are kept"
        )
        print(f"{what} (scores {designs['score'].min():.4g} to {designs['score'].max():.4g})", file=sys.stderr)
    if counts.get(UNCHANGED, 0):
        print(f"{counts[UNCHANGED]} of {len(designs)} starts: nothing better was found", file=sys.stderr)


def fasta(designs):
    """FASTA of the designs, with what is known of each behind its name."""
    lines = []
    for row in designs.itertuples(index=False):
        judged = "" if np.isnan(row.judges) else f" judges={row.judges:.6g}"
        start = "_".join(str(row.start).split())
        lines += [f">{row.design} start={start} edits={row.edits} score={row.score:.6g}{judged}", row.sequence]
    return "\n".join(lines) + "\n"
