"""Exact in silico mutagenesis."""

import sys
import zlib

import torch
from tqdm import tqdm

from cisflow.attribution.ism.exact import exact_ism
from cisflow.attribution.ism.graph import Plan, Unplannable
from cisflow.attribution.ism.plain import plain_effects
from cisflow.attribution.method import Attribution, InMemory, rows_in_memory
from cisflow.config.settings import setting

# Sequences that are finished together: enough that what is computed once a block costs little.
SEQUENCES = 16


class Settings(InMemory):
    """In silico mutagenesis, exact: target of the mutant minus target of the reference.

    0 at the reference base. At an unknown base the reference is the sequence as it stands. Only what a mutant changes
    is evaluated, unless the network has no plan for that; the log then says why.
    """

    plan: bool = setting(
        True,
        meaning="Evaluate only what a mutant changes. `false` passes every mutant through the whole network, which "
        "gives the same in more time.",
    )


def prepare(network, length, n_targets, settings, seed):
    plain = _plain(network, settings)
    if not settings.plan:
        return 1, plain
    try:
        plan = Plan(network, length)
    except Unplannable as error:
        tqdm.write(f"ism: plain forward passes, because {error}", file=sys.stderr)
        return 1, plain
    refuted = False

    def explain(x, codes, targets):
        nonlocal refuted
        if refuted:
            return plain(x, codes, targets)
        used = targets.used()
        found = exact_ism(
            network,
            codes,
            used,
            x.device,
            memory_mb=settings.memory_mb,
            batch_size=settings.batch_size,
            # Other mutants of each block are checked, the same ones where a run resumes.
            seed=[seed, zlib.crc32(codes.tobytes())],
            progress=False,
            plan=plan,
        )
        refuted = found.route == "plain"
        return Attribution(targets.combine(found.effects, used))

    return max(1, min(SEQUENCES, rows_in_memory(network.n_outputs, length, settings.memory_mb))), explain


def _plain(network, settings):
    def explain(x, codes, targets):
        effects = torch.zeros((len(x), len(targets), 4, x.shape[-1]), device=x.device)
        for row in range(len(x)):
            chosen = targets.take(slice(row, row + 1), x.device)

            def outputs(sequences, chosen=chosen):
                return chosen.of(network(sequences))

            for position, base, found in plain_effects(outputs, x[row], range(x.shape[-1]), settings.batch_size):
                effects[row][:, base, position] = found.T
        return Attribution(effects.cpu().numpy())

    return explain
