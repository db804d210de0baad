"""The gradient at the sequence."""

import numpy as np

from cisflow.attribution.method import Attribution, Chunked, backward, chunks, rows_in_batch


class Settings(Chunked):
    """The gradient at the sequence; `global` scores of it, against a baseline of 0, are gradient x input."""


def prepare(network, length, n_targets, settings, seed):
    parts = chunks(n_targets, settings.target_chunk)

    def explain(x, codes, targets):
        x = x.clone().requires_grad_(True)
        outputs = network(x)
        result = np.empty((len(x), n_targets, *x.shape[1:]), dtype=np.float32)
        for part in parts:
            cotangents = targets.cotangents(len(x), part)
            (found,) = backward([outputs], [x], [cotangents], keep=part is not parts[-1])
            result[:, part] = found.transpose(0, 1).cpu().numpy()
        return Attribution(result)

    return rows_in_batch(n_targets, settings), explain
