"""What a network makes of sequences whose bases are replaced in the order of an attribution method."""

import numpy as np
import pandas as pd
import torch

from cisflow.attribution.comparison import agreement
from cisflow.models.network import Network

COLUMNS = ("seed", "id", "target", "method", "curve", "share", "output")
# Shares of the positions that are replaced; most of what matters is in the first few.
SHARES = (0, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1)


def curves(model, parts, targets, seed, device="cpu", batch_size=256, strands=None):
    """Frame of the target's output while bases are replaced by 0.25 in each channel, in the order of their score.

    The order is that of how much a base speaks for what the network says of the sequence: of the score where the whole
    sequence has a higher output than the replaced one, of minus the score where it has a lower one. `deletion`
    replaces the highest first; `insertion` starts from a sequence of nothing but replaced bases and gives the highest
    back first. The output is in the network's units (logits).

    Parameters
    ----------
    model : Network, or a bare torch module, in eval mode.
    parts : as for `comparison.agreement`. targets : Targets of the rows.
    seed : of the random control.
    strands : those of the output that the methods explain; None what the network predicts.
    """
    network = Network.of(model)
    strands = strands or network.strands
    some = next(iter(parts.values()))
    m, length = some.codes.shape
    whole, none = (
        _outputs(network, some.codes, np.full((m, length), replaced), targets, device, batch_size, strands)
        for replaced in (False, True)
    )
    sign = np.where(whole < none, -1, 1)[:, None]
    support = {method: sign * agreement.at_present(part.multipliers, part.codes) for method, part in parts.items()}
    support[agreement.RANDOM] = np.random.default_rng(seed).random((m, length))
    counts = np.round(np.array(SHARES) * length).astype(int)
    frames = []
    for method, values in support.items():
        order = np.argsort(np.argsort(-values, axis=1, kind="stable"), axis=1)
        for curve in ("deletion", "insertion"):
            for share, count in zip(SHARES, counts, strict=True):
                replaced = order < count if curve == "deletion" else order >= count
                outputs = _outputs(network, some.codes, replaced, targets, device, batch_size, strands)
                frames.append(agreement.rows_of(some).assign(method=method, curve=curve, share=share, output=outputs))
    return pd.concat(frames, ignore_index=True)


@torch.inference_mode()
def _outputs(network, codes, replaced, targets, device, batch_size, strands):
    """Targets (m,) of sequences with 0.25 in each channel where `replaced` (m, length)."""
    found = []
    for begin in range(0, len(codes), batch_size):
        rows = slice(begin, begin + batch_size)
        (x,) = network.inputs(codes[rows], device)
        x = torch.where(torch.as_tensor(replaced[rows], device=device)[:, None], 0.25, x)
        chosen = targets.take(rows, device)
        outputs = network(x) if strands == "forward" else (network(x) + network(x.flip(1, 2))) / 2
        found.append(chosen.of(outputs))
    return torch.cat(found)[:, 0].float().cpu().numpy()
