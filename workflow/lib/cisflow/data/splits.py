"""Splits: which windows train a model, which choose its best epoch, and which test it.

Every kind of split is a class of settings, named after it, with `folds(dataset, name, near) -> (n,) folds`.
"""

import sys

import numpy as np

from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.data import duplicates
from cisflow.data.dataset import FOLDS
from cisflow.errors import InputError, listing
from cisflow.io import contigs
from cisflow.published import split as published
from cisflow.sequence import intervals


class Tracks(settings.Settings):
    """Tracks that are held out beside windows."""

    valid: list[str] = setting(
        None, unique=True, meaning="Tracks to validate on; without any, training stops by those that it sees."
    )
    test: list[str] = setting(None, unique=True, meaning="Tracks whose labels no training sees.")


class Split(settings.Settings):
    """What every kind of split has."""

    tracks: Tracks = setting(
        None,
        meaning="Tracks that are held out too: no model sees their labels in training, and those of `test` are judged "
        "on the test fold as unseen. It needs networks whose heads read vectors (`vectors`).",
    )


class Chromosome(Split):
    """Whole chromosomes; those not named are for training."""

    valid: list[str] = setting(
        unique=True, meaning="Chromosomes of the validation fold, as the windows call them or in another style."
    )
    test: list[str] = setting(unique=True, meaning="Chromosomes of the test fold.")

    def folds(self, dataset, name, near):
        chrom = chromosomes(dataset.frame, name)
        folds = np.full(len(chrom), "train", dtype=object)
        present = sorted(set(chrom))
        for fold in ("valid", "test"):
            for chromosome in getattr(self, fold):
                own = contigs.mapping([chromosome], present).get(chromosome, chromosome)
                if own != chromosome:
                    print(f"split '{name}': chromosome '{chromosome}' is '{own}' in the windows", file=sys.stderr)
                rows = chrom == own
                if not rows.any():
                    raise InputError(
                        f"split '{name}': {fold} names chromosome '{chromosome}', which no window has; expected one "
                        f"of {listing(present, 30)}"
                    )
                if (folds[rows] != "train").any():
                    raise InputError(f"split '{name}': chromosome '{chromosome}' is named twice, expected once")
                folds[rows] = fold
        return folds


class Random(Split):
    """A permutation of the windows."""

    valid: float = setting(0.1, above=0, below=1, meaning="Fraction of the windows to validate on.")
    test: float = setting(0.2, above=0, below=1, meaning="Fraction of the windows to test on.")
    seed: int = setting(1, minimum=0, meaning="Seed of the permutation.")

    def folds(self, dataset, name, near):
        n = len(dataset.ids)
        n_valid, n_test = held_out_sizes(n, self.valid, self.test, name)
        order = np.random.default_rng(self.seed).permutation(n)
        folds = np.full(n, "train", dtype=object)
        folds[order[:n_valid]] = "valid"
        folds[order[n_valid : n_valid + n_test]] = "test"
        return folds


class Cluster(Split):
    """Near-duplicates and windows that share a base of the genome stay in one fold."""

    valid: float = setting(0.1, above=0, below=1, meaning="Fraction of the windows to validate on.")
    test: float = setting(0.2, above=0, below=1, meaning="Fraction of the windows to test on.")
    seed: int = setting(1, minimum=0, meaning="Seed of the draw of folds.")

    def folds(self, dataset, name, near):
        """Folds (n,) by the connected components of both relations.

        They are taken in order of size, largest first, and in random order where they are equal. Each goes to a fold
        drawn with a probability in proportion to the room that is left, among the folds that it fits into, or to the
        one with most room where it fits into none.
        """
        if near is None:
            raise InputError(f"split '{name}': found no table of near-duplicates, which kind 'cluster' expects")
        n = len(dataset.ids)
        sizes = held_out_sizes(n, self.valid, self.test, name)
        rng = np.random.default_rng(self.seed)
        numbers, rows, counts = np.unique(clusters(dataset.frame, near), return_inverse=True, return_counts=True)
        shuffled = rng.permutation(len(numbers))
        order = shuffled[np.argsort(-counts[shuffled], kind="stable")]
        room = np.array([n - sum(sizes), *sizes])
        fold = np.empty(len(numbers), dtype=np.int64)
        for number, draw in zip(order, rng.random(len(order)), strict=True):
            share = np.where(room >= counts[number], room, 0).cumsum()
            fold[number] = np.searchsorted(share, draw * share[-1], side="right") if share[-1] else room.argmax()
            room[fold[number]] -= counts[number]
        return np.array(FOLDS, dtype=object)[fold][rows]


class Block(Split):
    """Whole blocks of the genome, for data of few chromosomes."""

    size: int = setting(
        1_000_000, minimum=1, meaning="Bases of a block; blocks are counted from the chromosome's start."
    )
    valid: float = setting(0.1, above=0, below=1, meaning="Fraction of the windows to validate on.")
    test: float = setting(0.2, above=0, below=1, meaning="Fraction of the windows to test on.")
    seed: int = setting(1, minimum=0, meaning="Seed of the draw of blocks.")

    def folds(self, dataset, name, near):
        """Folds (n,): blocks in random order fill the test fold, then the validation fold, until each has its share.

        A window belongs to the block of its middle, so that windows at the border of two folds may overlap by half.
        """
        n_valid, n_test = held_out_sizes(len(dataset.frame), self.valid, self.test, name)
        blocks, codes = np.unique(blocks_of(dataset.frame, self.size, name), return_inverse=True)
        counts = np.bincount(codes)
        order = np.random.default_rng(self.seed).permutation(len(blocks))
        before = np.r_[0, np.cumsum(counts[order])[:-1]]
        # A block goes to the fold that most of it fills, had the windows been dealt out one by one.
        middle_of = before + counts[order] / 2
        fold = np.select([middle_of < n_test, middle_of < n_test + n_valid], ["test", "valid"], "train")
        found = np.empty(len(blocks), dtype=object)
        found[order] = fold
        return found[codes]


class Given(Split):
    """The folds that the file of the source gives, as its setting `fold` says."""

    def folds(self, dataset, name, near):
        if dataset.folds is None:
            raise InputError(f"split '{name}': the source gives no folds; expected its setting fold, or another kind")
        return np.asarray(dataset.folds, dtype=object)


class Published(Split):
    """The permutation of Daoud and Ben-Hur: a tenth to validate on, a tenth to test on."""

    def folds(self, dataset, name, near):
        return published.folds(len(dataset.ids))


class Folds(Split):
    """K folds: over all of them every window is tested once, and validated on once."""

    k: int = setting(5, minimum=3, meaning="Number of folds.")
    fold: int = setting(
        None,
        minimum=1,
        meaning="The fold to test on, from 1; the next one, or the first behind the last, is validated on. Without it "
        "the entry stands for all of them: `cv` for the splits `cv1` to `cv5`.",
    )
    by: str = setting(
        "chromosome",
        choices=("chromosome", "block", "cluster", "random"),
        meaning="What stays in one fold: whole chromosomes, or blocks of the genome; near-duplicates and windows that "
        "share a base; or each window by itself. Folds are as nearly of one size as that allows.",
    )
    size: int = setting(1_000_000, minimum=1, meaning="Bases of a block, by block.")
    seed: int = setting(1, minimum=0, meaning="Seed of the permutation, or of ties and the order of the folds.")

    def folds(self, dataset, name, near):
        if self.fold is None or self.fold > self.k:
            raise InputError(f"split '{name}': fold is {self.fold}; expected a number from 1 to {self.k}, k")
        _, number = divided(dataset, self, near, name)
        found = np.full(len(number), "train", dtype=object)
        found[number == self.fold - 1] = "test"
        found[number == self.fold % self.k] = "valid"
        return found


class Parts(Split):
    """K parts, of which a network learns from one alone, so that networks of other parts can judge what it makes."""

    k: int = setting(3, minimum=2, meaning="Number of parts.")
    part: int = setting(minimum=1, meaning="The part to train and to validate on, from 1; all others are tested on.")
    valid: float = setting(0.1, above=0, below=1, meaning="Share of that part to validate on.")
    by: str = setting(
        "random",
        choices=("chromosome", "block", "cluster", "random"),
        meaning="What stays in one part, and in one fold, as of kind `folds`.",
    )
    size: int = setting(1_000_000, minimum=1, meaning="Bases of a block, by block.")
    seed: int = setting(1, minimum=0, meaning="Seed of the division; splits of one division have the same.")

    def folds(self, dataset, name, near):
        if self.part > self.k:
            raise InputError(f"split '{name}': part is {self.part}; expected a number from 1 to {self.k}, k")
        unit, number = divided(dataset, self, near, name)
        found = np.full(len(number), "test", dtype=object)
        own = number == self.part - 1
        found[own] = "train"
        units, counts = np.unique(unit[own], return_counts=True)
        order = np.random.default_rng(self.seed + 1).permutation(len(units))
        # Units are taken while their middle lies within the share: the nearest that whole ones come to it.
        before = np.cumsum(counts[order]) - counts[order] / 2
        found[own & np.isin(unit, units[order[before <= self.valid * own.sum()]])] = "valid"
        return found


class Genome(Split):
    """Whole genomes, such as species, of a dataset that has several; those not named are for training."""

    test: list[str] = setting(unique=True, meaning="Genomes of the test fold.")
    valid: list[str] = setting(
        None, unique=True, meaning="Genomes of the validation fold; without it a part of those not tested, see `share`."
    )
    share: float = setting(
        0.1, above=0, below=1, meaning="Share of the windows of the genomes not tested to validate on, without `valid`."
    )
    by: str = setting(
        "chromosome",
        choices=("chromosome", "random"),
        meaning="What that share is made of: whole chromosomes, drawn until it is reached, or single windows.",
    )
    seed: int = setting(1, minimum=0, meaning="Seed of that draw.")

    def folds(self, dataset, name, near):
        genomes = dataset.genomes
        if genomes is None:
            raise InputError(f"split '{name}': the dataset has one genome; expected a source of kind 'genomes'")
        folds = np.full(len(genomes), "train", dtype=object)
        present = sorted(set(genomes))
        for fold in ("test", "valid"):
            for genome in getattr(self, fold) or ():
                if genome not in present:
                    raise InputError(
                        f"split '{name}': {fold} names genome '{genome}', which no window has; expected one of "
                        f"{listing(present, 30)}"
                    )
                if (folds[genomes == genome] != "train").any():
                    raise InputError(f"split '{name}': genome '{genome}' is named twice, expected once")
                folds[genomes == genome] = fold
        if self.valid is None:
            rest = np.flatnonzero(folds == "train")
            folds[rest[self._drawn(dataset, rest, name)]] = "valid"
        return folds

    def _drawn(self, dataset, rest, name):
        """Which of the rows `rest` (m,) are drawn for validation, (m,) bool."""
        rng, wanted = np.random.default_rng(self.seed), round(self.share * len(rest))
        if self.by == "random":
            return rng.permutation(len(rest)) < wanted
        chrom = chromosomes(dataset.frame, name)[rest]
        drawn = np.zeros(len(rest), dtype=bool)
        for chromosome in rng.permutation(sorted(set(chrom))):
            more = chrom == chromosome
            # A chromosome that overshoots by more than is missing would be further from the share.
            if abs(drawn.sum() + more.sum() - wanted) < wanted - drawn.sum():
                drawn |= more
        return drawn


_CLASSES = (Chromosome, Random, Cluster, Block, Folds, Parts, Genome, Given, Published)
KINDS = {kind.__name__.lower(): kind for kind in _CLASSES}


def complete(given, name):
    """The settings of a split, an instance of the class of its kind.

    Parameters
    ----------
    given : settings with `kind`, one of KINDS. name : of the split, for messages.

    Raises
    ------
    InputError : an unknown kind, or settings that are unknown, missing or out of range.
    """
    if given.get("kind") not in KINDS:
        raise InputError(f"split '{name}': kind is '{given.get('kind')}', expected one of {listing(KINDS, 20)}")
    values = {key: value for key, value in given.items() if key != "kind"}
    return KINDS[given["kind"]].complete(values, f"split '{name}'")


def assign(dataset, split, name="split", near=None):
    """Fold (n,) of every window of a dataset.

    Parameters
    ----------
    dataset : dataset.Dataset with its frame.
    split : settings, from `complete`.
    name : of the split, for messages.
    near : near-duplicates, frame of first and second (rows), for kind cluster.

    Raises
    ------
    InputError : chromosomes that do not occur or are named twice, windows without chromosome, fractions that leave
        nothing, or a fold that lacks windows or, for some target, labels that a model could be trained and tested on.
    """
    folds = split.folds(dataset, name, near)
    check_folds(dataset, folds, name)
    return folds


def divided(dataset, chosen, near, name):
    """What each window stays together with, (n,), and the number (n,), from 0, of its part of k of nearly one size.

    Parameters
    ----------
    chosen : settings with k, by, size and seed.

    Raises
    ------
    InputError : fewer units than parts, or what they are told by lacks.
    """
    rng, n = np.random.default_rng(chosen.seed), len(dataset.ids)
    if chosen.by == "random":
        number = np.empty(n, dtype=np.int64)
        number[rng.permutation(n)] = np.arange(n) % chosen.k
        return np.arange(n), number
    unit = _units(dataset, chosen, near, name)
    _, rows, counts = np.unique(unit, return_inverse=True, return_counts=True)
    if len(counts) < chosen.k:
        raise InputError(f"split '{name}': k is {chosen.k}; expected at most {len(counts)}, one a {chosen.by}")
    return unit, balanced(counts, chosen.k, rng)[rows]


def _units(dataset, chosen, near, name):
    if chosen.by == "chromosome":
        return chromosomes(dataset.frame, name)
    if chosen.by == "block":
        return blocks_of(dataset.frame, chosen.size, name)
    if near is None:
        raise InputError(f"split '{name}': found no table of near-duplicates, which folds by cluster expect")
    return clusters(dataset.frame, near)


def chromosomes(frame, name):
    """Chromosome (n,) of every window; a window without one is refused (InputError)."""
    chrom = frame["chrom"].to_numpy(dtype=object)
    nowhere = frame["id"].to_numpy()[chrom == ""]
    if len(nowhere):
        raise InputError(
            f"split '{name}': {len(nowhere)} of {len(frame)} windows have no chromosome ({listing(nowhere, 3)}); "
            f"expected coordinates for all, or a split of kind 'random'"
        )
    return chrom


def blocks_of(frame, size, name):
    """Name (n,) of the block of `size` bases that holds the middle of each window; InputError as of `chromosomes`."""
    chrom = chromosomes(frame, name)
    middle = (frame["start"].to_numpy(dtype=np.int64) + frame["end"].to_numpy(dtype=np.int64)) // 2
    return np.array([f"{place}:{block:09d}" for place, block in zip(chrom, middle // size, strict=True)])


def balanced(counts, k, rng):
    """Group (m,) from 0 to k - 1 of each of m units of `counts` windows, so that the groups have nearly as many.

    The largest unit that is left goes to the smallest group (Graham 1969, doi 10.1137/0117039: the largest group is at
    most 4/3 of what it must be); then units move, or two change places, while that brings two groups closer. No such
    change is left in the end. Ties and the order of the groups are drawn.
    """
    group, size = np.empty(len(counts), dtype=np.int64), np.zeros(k, dtype=np.int64)
    shuffled = rng.permutation(len(counts))
    for unit in shuffled[np.argsort(-counts[shuffled], kind="stable")]:
        group[unit] = size.argmin()
        size[group[unit]] += counts[unit]
    while (change := _closer(counts, group, size)) is not None:
        for unit, to in change:
            size[group[unit]] -= counts[unit]
            size[to] += counts[unit]
            group[unit] = to
    return rng.permutation(k)[group]


def _closer(counts, group, size):
    """[(unit, its new group), …] that brings the largest group and another closer in size; None where nothing does."""
    large = size.argmax()
    for small in np.argsort(size, kind="stable"):
        gap, own = size[large] - size[small], np.flatnonzero(group == large)
        others = np.append(np.flatnonzero(group == small), -1)
        # What the larger group loses: a unit, or a unit less the one that comes in its place (-1: none).
        loss = counts[own][:, None] - np.where(others < 0, 0, counts[others])[None]
        good = (loss > 0) & (loss < gap)
        if good.any():
            row, column = np.unravel_index(np.where(good, abs(2 * loss - gap), gap + 1).argmin(), loss.shape)
            back = [(others[column], large)] if others[column] >= 0 else []
            return [(own[row], small), *back]
    return None


def clusters(frame, near):
    """Label (n,) of the component of each window: near-duplicates, and windows with a base in common, are joined."""
    located = np.flatnonzero(frame["chrom"] != "")
    first, second = near["first"].to_numpy(), near["second"].to_numpy()
    if len(located):
        block = intervals.blocks(frame.iloc[located])
        order = np.argsort(block, kind="stable")
        same = block[order][1:] == block[order][:-1]
        first = np.concatenate([first, located[order][:-1][same]])
        second = np.concatenate([second, located[order][1:][same]])
    return duplicates.components(len(frame), first, second)


def held_out_sizes(n, valid, test, name):
    """Numbers of windows to validate and to test on, of n, from their fractions."""
    if valid + test >= 1:
        raise InputError(
            f"split '{name}': valid is {valid} and test is {test}, expected fractions above 0 whose sum is below 1"
        )
    return round(valid * n), round(test * n)


def check_folds(dataset, folds, name):
    """Refuse a fold without windows, or one whose labels of a target the task cannot use (InputError)."""
    for fold in FOLDS:
        rows = folds == fold
        if not rows.any():
            raise InputError(f"split '{name}': fold '{fold}' is empty, expected at least two of {len(folds)} windows")
        for target, labels in zip(dataset.targets, dataset.labels.T, strict=True):
            if complaint := dataset.task.complaint(labels[rows], target):
                raise InputError(f"split '{name}': fold '{fold}' {complaint}")
