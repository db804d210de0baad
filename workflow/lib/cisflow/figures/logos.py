"""Sequence logos in the project's base colours."""

import numpy as np

from cisflow.figures import style
from cisflow.io.meme import column_information


def logo(axes, heights, limits, least=None):
    """Draw letters of the given heights; position i of the matrix spans i to i + 1 on the x axis.

    Parameters
    ----------
    heights : (4, w) float, rows A, C, G, T; negative letters hang below zero, upside down.
    limits : (lower, upper) of the y axis. least : letters below this share of the highest are left out.
    """
    if np.any(heights):
        # Here, as it takes torch with it: a figure of no letters does without.
        from tangermeme.plot import plot_logo

        left_out = {} if least is None else {"min_height_pct": least}
        plot_logo(heights, ax=axes, color=style.BASE_COLOURS, ylim=limits, **left_out)
    axes.set(xlim=(0, heights.shape[1]), ylim=limits)
    axes.axhline(0, color="black", linewidth=0.4, zorder=0)
    axes.spines["bottom"].set_visible(False)


def information_heights(matrix):
    """Letter heights in bits of a (4, w) probability matrix, against uniform bases."""
    return matrix * column_information(matrix)


def align(pattern, motif):
    """Where and on which strand a motif fits a pattern best.

    Parameters
    ----------
    pattern, motif : (4, w) and (4, v) float, letter heights.

    Returns
    -------
    (oriented, offset, reverse): the motif as it fits, (4, v); the position of its first column in the pattern, which
    may be negative; whether it is the reverse complement. The fit is the inner product of the overlap, that is the
    cosine with what does not overlap counted as zero.
    """
    width, span = pattern.shape[1], motif.shape[1]
    best = (0.0, motif, 0, False)
    for reverse in (False, True):
        oriented = motif[::-1, ::-1] if reverse else motif
        for offset in range(1 - span, width):
            left, right = max(0, offset), min(width, offset + span)
            fit = float((pattern[:, left:right] * oriented[:, left - offset : right - offset]).sum())
            # A palindrome fits both strands alike, but for rounding: it stays as it is.
            if fit > best[0] * (1 + 1e-6):
                best = (fit, oriented, offset, reverse)
    return best[1:]
