"""Random sequences whose number is known from what was put into them: motifs with effects, and pairs with synergies."""

import numpy as np

from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.data import ledger
from cisflow.data.sources.planted import place
from cisflow.data.windows import Windows, table
from cisflow.errors import InputError, listing
from cisflow.sequence import dna

ANY_TASK = True


class Word(settings.Settings):
    """A motif that is written out."""

    sequence: str = setting(meaning="Its bases; N is any.")
    effect: float = setting(meaning="What an instance adds to the number.")


class Synergy(settings.Settings):
    """What two motifs add beside their own effects."""

    first: str = setting(meaning="One motif.")
    second: str = setting(meaning="The other one.")
    effect: float = setting(meaning="What an instance of each adds, where they touch.")
    reach: float = setting(
        None,
        above=0,
        meaning="Bases between the two over which that falls to 1/e; the same at any distance without it.",
    )


class Settings(settings.Settings):
    """Random bases with motifs put in, and a number that is the sum of their effects."""

    n: int = setting(10000, minimum=1, meaning="Number of windows.")
    gc: float = setting(0.5, minimum=0, maximum=1, meaning="Share of G and C.")
    motifs: dict[str, Word] = setting(meaning="Motifs by name.")
    pairs: list[Synergy] = setting(None, meaning="Pairs of them that add more, or less, than both add up to.")
    probability: float = setting(
        0.4, above=0, maximum=1, meaning="Probability that a window holds an instance of a given motif."
    )
    noise: float = setting(0.3, minimum=0, meaning="Standard deviation of what is added to each number.")
    target: str = setting("activity", meaning="Name of the number.")


def collect(source, length, seed, task):
    """Windows `w1`, `w2`, … without coordinates.

    Each window holds each motif at most once, drawn independently, on either strand, where there is room. The label is
    the sum over instances of their effect, and over pairs of them of effect * exp(-gap / reach), with the bases between
    the two as gap, plus noise. What random bases hold of a motif is not counted.

    Parameters
    ----------
    source : Settings. length : bases of a window. seed : of all draws. task : not used.

    Raises
    ------
    InputError : a motif that is no sequence, a pair of motifs that there are not or of one with itself, or motifs that
        find no room in a window.
    """
    names = list(source.motifs)
    words = [encoded(source, name) for name in names]
    for number, pair in enumerate(source.pairs or ()):
        for name in (pair.first, pair.second):
            if name not in names:
                raise InputError(f"pairs[{number}]: no motif '{name}'; expected one of {listing(names, 8)}")
        if pair.first == pair.second:
            raise InputError(f"pairs[{number}]: '{pair.first}' with itself; expected two motifs")
    rng = np.random.default_rng(seed)
    shares = np.array([1 - source.gc, source.gc, source.gc, 1 - source.gc]) / 2
    codes = rng.choice(4, size=(source.n, length), p=shares).astype(np.uint8)
    present = rng.random((source.n, len(names))) < source.probability
    labels = np.zeros(source.n)
    for row in range(source.n):
        listed = np.flatnonzero(present[row])
        starts = place([len(words[number]) for number in listed], length, rng)
        sites = {}
        for number, start in zip(listed, starts, strict=True):
            word = words[number] if rng.random() < 0.5 else dna.reverse_complement(words[number])
            known = word < dna.UNKNOWN
            codes[row, start : start + len(word)][known] = word[known]
            sites[names[number]] = start, start + len(word)
        labels[row] = value(source, sites)
    labels += rng.normal(0, source.noise, source.n)
    ids = [f"w{number}" for number in range(1, source.n + 1)]
    lines = ledger.drawn("random", ids, {})
    frame = table(ids, [None] * source.n)
    return Windows(frame, codes, labels.astype(np.float32)[:, None], [source.target], {}, task=task, ledger=lines)


def encoded(source, name):
    """Base codes (w,) uint8 of a motif."""
    sequence = source.motifs[name].sequence
    if not sequence:
        raise InputError(f"motifs.{name}: no bases; expected at least one")
    return dna.encode(sequence, f"motifs.{name}")


def value(source, sites):
    """The number, without noise, of {motif: (start, end)}."""
    total = sum(source.motifs[name].effect for name in sites)
    for pair in source.pairs or ():
        if pair.first in sites and pair.second in sites:
            (_, end), (start, _) = sorted((sites[pair.first], sites[pair.second]))
            total += pair.effect * (np.exp(-(start - end) / pair.reach) if pair.reach is not None else 1)
    return total
