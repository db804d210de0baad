"""In silico mutagenesis that is exact up to an inner layer and of first order after it."""

import numpy as np
import torch

from cisflow.attribution.ism import first_convolution
from cisflow.attribution.ism.changes import Front, folded_weights
from cisflow.attribution.ism.exact import as_sequences, exact_ism, in_single_precision
from cisflow.attribution.ism.graph import Plan
from cisflow.attribution.ism.smoothing import smoothed
from cisflow.attribution.targets import Targets

# Sequences that go through the network together.
SEQUENCES = 16


@in_single_precision
def taylor_ism(model, codes, targets, layer, device="cpu", memory_mb=256, smoothing=0, plan=None):
    """First-order in silico mutagenesis that is exact up to a layer and linear after it.

    The change that a mutant makes at the layer, times the gradient of the output there. At `input` this is TISM
    (Sasse et al. 2023), at `output` exact ISM; a deeper layer comes closer to exact ISM.

    Parameters
    ----------
    model, codes, device, memory_mb : as for `exact_ism`.
    targets : (t,) indices of the outputs, or (n, t), a row of them for each sequence; or Targets, but for `output`.
    layer : one of `Plan(model, length).layers`, from `input` (TISM) to `output` (exact ISM).
    smoothing : width of the changes over which the slopes behind the layer are means, see `smoothed`; 0 takes the
        gradient.
    plan : Plan of the model at this length and up to this layer, where one has been made; None makes it.

    Returns
    -------
    (n, t, 4, length) float32.

    Raises
    ------
    Unplannable : the network has no local front.
    InputError : no such layer.
    """
    model = model.to(device).eval()
    x = as_sequences(model, codes, device)
    n, _, length = x.shape
    if not isinstance(targets, Targets):
        targets = torch.as_tensor(np.asarray(targets), device=device, dtype=torch.long)
        targets = targets.expand(n, -1) if targets.ndim == 1 else targets
    if layer == "output":
        chosen, where = torch.unique(targets, return_inverse=True)
        effects = exact_ism(model, x, chosen.tolist(), device, memory_mb=memory_mb).effects
        return effects[np.arange(n)[:, None], where.cpu().numpy()]
    plan = plan or Plan(model, length, until=layer)
    rest = smoothed(plan.rest, smoothing) if smoothing else plan.rest
    name, weights = plan.frontier[0], folded_weights(plan)
    shape = first_convolution.shape_of(plan) if x.device.type == "cpu" else None
    n_targets = len(targets) if isinstance(targets, Targets) else targets.shape[1]
    result = np.zeros((n, n_targets, 4, length), dtype=np.float32)
    for begin in range(0, n, SEQUENCES):
        at = slice(begin, begin + SEQUENCES)
        part = x[at]
        with torch.no_grad():
            front = Front(plan, weights, part)
        chosen = targets.take(at, device) if isinstance(targets, Targets) else targets[at]
        gradient = _gradients(rest, front.values[name], chosen)
        if shape is not None:
            result[at] = first_convolution.effects(shape, front, gradient, torch.get_num_threads())
            continue
        with torch.no_grad():
            for rows, window, delta in front.mutants(range(length), memory_mb * 2**20):
                slopes = _at_windows(gradient, rows.sequence, window)
                effects = torch.einsum("panc,ptnc->pta", delta, slopes).float().cpu().numpy()
                for column in range(rows.alternatives.shape[1]):
                    result[begin + rows.sequence, :, rows.alternatives[:, column], rows.position] = effects[..., column]
    return result


def _at_windows(table, sequence, window):
    """(n, t, positions, channels) on the windows of mutants, 0 outside of the layer: (p, t, n, channels)."""
    device = table.device
    rows = torch.as_tensor(sequence, device=device)[:, None]
    position = torch.as_tensor(window.position.clip(0, table.shape[2] - 1), device=device)
    values = table.permute(0, 2, 1, 3)[rows, position]
    values[torch.as_tensor(~window.exists, device=device)] = 0
    return values.transpose(1, 2)


def _gradients(rest, value, targets):
    """Gradient of each sequence's targets at the layer: (n, t, positions, channels)."""
    with torch.enable_grad():
        value = value.detach().clone().requires_grad_(True)
        outputs = rest(value)
        outputs = targets.of(outputs) if isinstance(targets, Targets) else outputs.gather(1, targets)
        columns = [torch.autograd.grad(column.sum(), value, retain_graph=True)[0] for column in outputs.unbind(1)]
    return torch.stack([column.flatten(2).transpose(1, 2) for column in columns], dim=1)
