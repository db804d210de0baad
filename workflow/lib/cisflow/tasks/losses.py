"""Losses by name: how raw outputs become predictions under each, and which labels it has a meaning for.

The arithmetic, which needs torch, is in `training.losses`.
"""

import dataclasses

import numpy as np

from cisflow.errors import InputError, listing

LINKS = ("identity", "exp", "sigmoid")
# Labels that are looked at together; they may lie in a mapped file.
BLOCK = 1 << 20


@dataclasses.dataclass(frozen=True)
class Kind:
    """What a loss asks for.

    Attributes
    ----------
    link : from raw outputs to predictions; "any" where the loss takes the predictions of the losses beside it.
    lowest, highest : of labels, None where there is no bound; none from above alone.
    counts : whether labels are taken for counts.
    least_tracks : fewer have no loss. varying : whether a track of one value carries none.
    profile : whether it reads bins besides totals.
    additive : whether the loss of a fold is the mean of those of its batches.
    """

    link: str = "any"
    lowest: float | None = None
    highest: float | None = None
    counts: bool = False
    least_tracks: int = 1
    varying: bool = False
    profile: bool = False
    additive: bool = True


KINDS = {
    "mse": Kind(),
    "huber": Kind(),
    "gaussian": Kind(),
    "poisson": Kind("exp", 0, counts=True),
    "negative_binomial": Kind("exp", 0, counts=True),
    "binary_cross_entropy": Kind("sigmoid", 0, 1),
    "cosine_log_mse": Kind("exp", 0, least_tracks=2),
    "poisson_multinomial": Kind("exp", 0, counts=True, least_tracks=2),
    "profile": Kind("exp", 0, counts=True, profile=True),
    "profile_log_mse": Kind("exp", 0, counts=True, profile=True),
    "correlation_tracks": Kind(least_tracks=2),
    "correlation_regions": Kind(varying=True, additive=False),
}
NAMES = tuple(KINDS)


@dataclasses.dataclass(frozen=True)
class Loss:
    """A loss, or a sum of several.

    Attributes
    ----------
    terms : {name: weight}. link : one of LINKS: predictions are the link of raw outputs, of shape and order alike.
    """

    terms: dict
    link: str

    @property
    def name(self):
        """Of its terms, for messages."""
        return " + ".join(self.terms)

    @property
    def profile(self):
        """Whether it reads the bins of profiles besides the labels."""
        return any(KINDS[name].profile for name in self.terms)

    @property
    def additive(self):
        """Whether the loss of a fold is the mean of those of its batches."""
        return all(KINDS[name].additive for name in self.terms)

    def complaint(self, labels, names, profiles=None):
        """Why labels have no loss, as the end of a sentence that begins with whose they are; None where they have.

        Parameters
        ----------
        labels : (n, t), NaN = missing; they may be mapped. names : of the t tracks.
        profiles : (n, t, bins), what a loss of profiles reads besides.
        """
        if self.profile and profiles is None:
            return f"have no profiles; loss {self.name} expects a count in each bin"
        for term in self.terms:
            kind = KINDS[term]
            if len(names) < kind.least_tracks:
                return f"have {len(names)} track; loss {term} expects at least {kind.least_tracks}"
            if kind.lowest is None:
                continue
            for values in (labels, profiles) if kind.profile else (labels,):
                seen = _Seen(values)
                if (low := seen.lowest < kind.lowest).any():
                    return _out_of_range(term, kind, names, low, seen.lowest)
                if kind.highest is not None and (high := seen.highest > kind.highest).any():
                    return _out_of_range(term, kind, names, high, seen.highest)
        return None

    def warnings(self, labels, names):
        """What is doubtful of labels that have a loss: a list of texts; parameters as of `complaint`."""
        if not any(KINDS[term].link == "exp" or KINDS[term].varying for term in self.terms):
            return []
        seen, found = _Seen(labels), []
        names = np.asarray(names, dtype=object)
        for term in self.terms:
            kind = KINDS[term]
            if kind.counts and seen.fractions.any():
                found.append(
                    f"{_tracks(names[seen.fractions])} with fractions, such as {seen.fraction:g}; loss {term} expects "
                    "counts, whose variance grows with their mean"
                )
            if kind.link == "exp" and (zero := seen.highest == 0).any():
                found.append(f"{_tracks(names[zero])} of zeros alone; under loss {term} its output falls without end")
            if kind.varying and (constant := seen.highest == seen.lowest).any():
                found.append(f"{_tracks(names[constant])} of one value; loss {term} says nothing of it")
        return found


def get(spec):
    """The Loss of a name, or of a mixture {name: weight}.

    Raises
    ------
    InputError : a name that there is not, a weight that is not above 0, or losses whose outputs mean different things.
    """
    terms = {spec: 1.0} if isinstance(spec, str) else dict(spec)
    if not terms:
        raise InputError("loss: found no name; expected at least one")
    for name, weight in terms.items():
        if name not in KINDS:
            raise InputError(f"unknown loss '{name}'; expected one of {', '.join(NAMES)}")
        if not weight > 0:
            raise InputError(f"loss {name}: weight {weight}; expected one above 0")
    links = {KINDS[name].link: name for name in terms if KINDS[name].link != "any"}
    if len(links) > 1:
        text = " and ".join(f"{name}, whose predictions are the {link} of outputs" for link, name in links.items())
        raise InputError(f"loss: found {text}; expected losses of one kind of output")
    return Loss(terms, next(iter(links), "identity"))


class _Seen:
    """Of the known values (n, t, …) of each track: lowest and highest, and whether any is no whole number, (t,) each.

    A track without a known value has the lowest infinity and the highest -infinity.
    """

    def __init__(self, values):
        n_tracks = values.shape[1]
        self.lowest, self.highest = np.full(n_tracks, np.inf), np.full(n_tracks, -np.inf)
        self.fractions, self.fraction = np.zeros(n_tracks, dtype=bool), None
        step = max(1, BLOCK // max(1, values[:1].size))
        for start in range(0, len(values), step):
            block = np.moveaxis(np.asarray(values[start : start + step]), 1, 0).reshape(n_tracks, -1)
            known = ~np.isnan(block)
            self.lowest = np.minimum(self.lowest, np.where(known, block, np.inf).min(axis=1))
            self.highest = np.maximum(self.highest, np.where(known, block, -np.inf).max(axis=1))
            broken = known & (block != np.rint(block))
            if broken.any():
                self.fractions |= broken.any(axis=1)
                self.fraction = float(block[broken][0]) if self.fraction is None else self.fraction


def _out_of_range(term, kind, names, wrong, values):
    track = int(np.flatnonzero(wrong)[0])
    expected = f"{kind.lowest} or more" if kind.highest is None else f"{kind.lowest} to {kind.highest}"
    others = f" ({int(wrong.sum())} tracks have such values)" if wrong.sum() > 1 else ""
    return f"hold {values[track]:g} in track '{names[track]}'{others}; loss {term} expects {expected}"


def _tracks(names):
    quoted = [f"'{name}'" for name in names]
    return f"track {listing(quoted)}"
