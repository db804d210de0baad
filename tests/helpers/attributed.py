"""Attribution files as tests make them up."""

import numpy as np

from cisflow.attribution import files


def attributions(codes, multipliers, **changes):
    """Attributions of one target `t` by the gradient, of windows w0, w1, …"""
    n = len(codes)
    found = files.Attributions(
        multipliers=multipliers,
        ids=np.array([f"w{row}" for row in range(n)], dtype=str),
        targets=np.full(n, "t"),
        folds=np.full(n, "test"),
        prediction=np.full(n, 0.9, dtype=np.float32),
        codes=codes,
        baseline=np.full(4, 0.25, dtype=np.float32),
        method="gradient",
    )
    return found._replace(**changes)


def write(path, codes, multipliers, **changes):
    """The path of a file of them."""
    files.write(path, attributions(codes, multipliers, **changes))
    return path
