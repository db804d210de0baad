"""The table of motifs: which lie in windows of the foreground in more sequences than in windows of the background."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from cisflow.motifs import association, backgrounds, balancing

COLUMNS = (
    *("motif_id", "motif_name", "family", "stands", "gc", "n_sequences", "n_in_seqlets", "n_background"),
    *("seqlets_only", "background_only", "log2_ratio", "low", "high", "p_value", "q_value"),
    *("p_permutation", "p_mcnemar", "p_fisher", "p_logistic", "family_q_value"),
)
# Of a 95% interval.
Z = 1.96


class Pairs(NamedTuple):
    """Windows of the foreground, each beside its window of the background, sorted by sequence.

    foreground, background : (n, width) uint8 base codes, filled up with dna.ABSENT.
    unit : (n,) int, the sequence that a window of the foreground lies in; equal numbers stand together.
    """

    foreground: np.ndarray
    background: np.ndarray
    unit: np.ndarray

    def exchanged(self, rng):
        """The same with the two sides of a random half of the units exchanged: a null that keeps all but the sides."""
        edges = backgrounds.firsts(self.unit)
        swap = np.repeat(rng.random(len(edges)) < 0.5, np.diff(np.append(edges, len(self.unit))))[:, None]
        return self._replace(
            foreground=np.where(swap, self.background, self.foreground),
            background=np.where(swap, self.foreground, self.background),
        )


class Counted(NamedTuple):
    """Hits by unit and what they are compared by.

    foreground, background : (u, motifs) bool. weights : (u,) of the background units, of mean 1.
    strata : (2 u,) int, by GC and CpG. covariates : (2 u, 3): GC and CpG per base, log width.
    balance : balancing.Balance of windows.
    """

    foreground: np.ndarray
    background: np.ndarray
    weights: np.ndarray
    strata: np.ndarray
    covariates: np.ndarray
    balance: balancing.Balance


def count(pairs, scanner):
    """The Counted of Pairs, n > 0, with a `scanning.Scanner`."""
    edges = backgrounds.firsts(pairs.unit)
    hits = [
        np.logical_or.reduceat(scanner.occurs(codes), edges, axis=0) for codes in (pairs.foreground, pairs.background)
    ]
    balance = balancing.balance(balancing.words(pairs.foreground), balancing.words(pairs.background))
    sizes = np.diff(np.append(edges, len(pairs.unit)))
    weights = np.add.reduceat(balance.weights, edges) / sizes
    weights *= len(weights) / weights.sum()
    covariates = np.vstack([_covariates(codes, edges) for codes in (pairs.foreground, pairs.background)])
    return Counted(*hits, weights, association.strata(covariates[:, :2].round(9), len(edges)), covariates, balance)


def _covariates(codes, edges):
    known, strong, pairs = (
        np.add.reduceat(part.sum(axis=1), edges)
        for part in (codes < 4, backgrounds.strong(codes), backgrounds.cpg(codes))
    )
    return np.column_stack([strong / known, pairs / known, np.log(known)])


def table(counted, motifs, families):
    """Frame with COLUMNS of the motifs with a hit in any unit, the most significant first.

    `p_value` is of Fisher's test against the weighted background, `q_value` over motifs (Benjamini & Hochberg 1995).
    Beside it stand tests without weights: exchanges of units of one composition, pairs, both sides as they are, and a
    regression on composition. `log2_ratio` compares shares of units, those of the background weighted, with a half
    added to both
    counts, and `low` to `high` is its 95% interval by the delta method. The family's q-value is of Simes' p-values of
    its members, and `stands` marks the member with the smallest p-value.
    """
    kept = np.flatnonzero((counted.foreground | counted.background).any(axis=0))
    foreground, background = counted.foreground[:, kept], counted.background[:, kept]
    n = len(foreground)
    first, second = foreground.sum(axis=0), background.sum(axis=0)
    only, lacking = (foreground & ~background).sum(axis=0), (background & ~foreground).sum(axis=0)
    ratio, error = _ratio(first, counted.weights @ background, n, (counted.weights**2).mean())
    label = np.repeat([1.0, 0.0], n)
    family = np.asarray(families)[kept]
    found = pd.DataFrame(
        {
            "motif_id": [motifs[i].id for i in kept],
            "motif_name": [motifs[i].name for i in kept],
            "family": family,
            "stands": 0,
            "gc": [float(motifs[i].matrix[1:3].sum() / motifs[i].matrix.sum()) for i in kept],
            "n_sequences": n,
            "n_in_seqlets": first,
            "n_background": second,
            "seqlets_only": only,
            "background_only": lacking,
            "log2_ratio": ratio,
            "low": ratio - Z * error,
            "high": ratio + Z * error,
            "p_value": association.weighted(foreground, background, counted.weights).two_sided(),
            "p_permutation": association.permutation(foreground, background, counted.strata).two_sided(),
            "p_mcnemar": association.mcnemar(only, lacking),
            "p_fisher": association.fisher(first, n, second, n).two_sided(),
            "p_logistic": association.logistic(np.vstack([foreground, background]), label, counted.covariates),
        }
    )
    found["q_value"] = stats.false_discovery_control(found["p_value"]) if len(found) else None
    of_family = association.simes(found["p_value"].to_numpy(), family)
    corrected = stats.false_discovery_control(list(of_family.values())) if of_family else []
    found["family_q_value"] = found["family"].map(dict(zip(of_family, corrected, strict=True)))
    found = found.sort_values(["p_value", "log2_ratio", "motif_id"], ascending=[True, False, True], ignore_index=True)
    found.loc[~found["family"].duplicated(), "stands"] = 1
    return found[list(COLUMNS)]


def _ratio(first, second, n, spread):
    """Log2 ratio of two shares (k + 1/2) / (n + 1) and its standard error; the second count is of weighted units, whose
    squared weights have the mean `spread`.
    """
    first, second = first + 0.5, second + 0.5
    variance = 1 / first - 1 / (n + 1) + (1 / second - 1 / (n + 1)) * spread
    return np.log2(first / second), np.sqrt(np.maximum(variance, 0)) / np.log(2)
