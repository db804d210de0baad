"""In silico mutagenesis by brute force: every mutant through the whole network."""

import torch


@torch.inference_mode()
def plain_effects(outputs, x, span, batch_size):
    """Yield what the mutants of one sequence change, batch after batch, position by position.

    Parameters
    ----------
    outputs : function of sequences (m, 4, length), which gives what is attributed, (m, t).
    x : (4, length).
    span : range of positions to mutate, to every base that is not the one present.
    batch_size : mutants in a pass.

    Yields
    ------
    positions (k,) and bases (k,) of the mutants, int64, and their outputs minus those of the sequence (k, t).
    """
    reference = outputs(x[None])
    position, base = torch.nonzero(x.T[span.start : span.stop] != 1, as_tuple=True)
    position = position + span.start
    for begin in range(0, len(position), batch_size):
        where, what = position[begin : begin + batch_size], base[begin : begin + batch_size]
        yield where, what, outputs(mutants(x, where, what)) - reference


def mutants(x, position, base):
    """(4, length) and (m,) positions and bases -> (m, 4, length)."""
    changed = x.expand(len(position), -1, -1).clone()
    rows = torch.arange(len(position), device=x.device)
    changed[rows, :, position] = 0
    changed[rows, base, position] = 1
    return changed
