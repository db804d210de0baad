"""What a designed sequence may be, asked of whole sequences and of every single edit at once.

Coordinates are those of the network's sequence, 0-based half-open, flanks included.
"""

import numpy as np

from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.design import patterns
from cisflow.errors import InputError
from cisflow.sequence import dna

# Rounds of single edits for each base of a sequence, and fresh attempts, before a start counts as beyond repair.
ROUNDS, ATTEMPTS = 2, 5


class Span(settings.Settings):
    """Positions that stay as they are."""

    start: int = setting(minimum=0, meaning="First position, 0-based.")
    end: int = setting(minimum=1, meaning="One past the last position.")


class Settings(settings.Settings):
    """What a designed sequence may be; what lies wholly in flanks and protected positions does not count."""

    gc: list[float] = setting(
        None,
        min_items=2,
        max_items=2,
        items={"minimum": 0, "maximum": 1},
        meaning="Lowest and highest GC content of what lies between the flanks.",
    )
    edits: int = setting(None, minimum=0, meaning="Most bases that differ from the start.")
    protected: list[Span] = setting(None, meaning="Positions that stay as they are.")
    banned: list[str] = setting(
        None,
        unique=True,
        meaning="Motifs that must not occur: ids or names of the motif database, or words of IUPAC letters.",
    )
    required: list[str] = setting(None, unique=True, meaning="The same of motifs that must occur, each at least once.")
    p_value: float = setting(
        0.0001,
        above=0,
        below=1,
        meaning="What matches a motif of the database: p-value of a place under uniform bases.",
    )
    strands: str = setting(
        "both", choices=["both", "forward"], meaning="Strands on which banned and required motifs are looked for."
    )
    homopolymer: int = setting(None, minimum=1, meaning="Most times that a base may stand in a row.")
    left: str = setting(None, meaning="Bases of the vector before the insert, which take the first positions.")
    right: str = setting(None, meaning="Bases of the vector behind the insert, which take the last positions.")
    violations: str = setting(
        "repair",
        choices=["repair", "refuse"],
        meaning="A start that violates a constraint is changed as little as is found to do, or is an error.",
    )


class Constraints:
    """One object that answers for whole sequences (`holds`) and for all single edits at once (`allowed`).

    Attributes
    ----------
    length : of a sequence. free : (length,) bool, positions that may change. insert : slice between the flanks.

    Raises
    ------
    InputError : flanks or protected positions that leave nothing to design or do not fit, a range that no sequence can
        be in, a motif that is not known.
    """

    def __init__(self, given, length, motifs=None, where="constraints"):
        self.settings, self.length, self.where = given, length, where
        left, right = self._flank("left"), self._flank("right")
        if len(left) + len(right) >= length:
            found = f"flanks of {len(left)} and {len(right)} bases"
            raise InputError(f"{where}: {found} leave nothing of {length}; expected shorter ones")
        self.left, self.right = left, right
        self.insert = slice(len(left), length - len(right))
        self.free = np.zeros(length, dtype=bool)
        self.free[self.insert] = True
        for number, span in enumerate(given.protected or ()):
            if not span.start < span.end <= length:
                place = f"{where}.protected[{number}]"
                raise InputError(f"{place}: found {span.start} to {span.end}; expected positions within 0 to {length}")
            self.free[span.start : span.end] = False
        if not self.free.any():
            raise InputError(f"{where}: all {length} positions are protected; expected some that may change")
        size = self.insert.stop - self.insert.start
        low, high = given.gc or (0, 1)
        self.strong = int(np.ceil(low * size - 1e-9)), int(np.floor(high * size + 1e-9))
        if self.strong[0] > self.strong[1]:
            raise InputError(f"{where}.gc: found {low} to {high}; expected a range that some of {size} bases can have")
        self._motifs = motifs
        self.banned = self.named(given.banned, f"{where}.banned")
        self.required = self.named(given.required, f"{where}.required")
        if given.homopolymer is not None:
            self.banned = [*self.banned, *(patterns.homopolymer(base, given.homopolymer + 1) for base in range(4))]
        for pattern in self.required:
            if pattern.width > length:
                raise InputError(
                    f"{where}.required: '{pattern.name}' is {pattern.width} wide; expected {length} at most"
                )

    def _flank(self, side):
        codes = dna.encode(getattr(self.settings, side) or "", f"{self.where}.{side}")
        if (codes >= dna.UNKNOWN).any():
            raise InputError(f"{self.where}.{side}: found an unknown base; expected A, C, G and T")
        return codes

    def named(self, names, where):
        """Patterns of names, as `patterns.named` finds them in the motif database and by the settings."""
        both = self.settings.strands == "both"
        return patterns.named(names, self._motifs, self.settings.p_value, both, where)

    def framed(self, codes):
        """Codes (n, length) with the flanks in their places, a copy."""
        framed = np.array(codes, dtype=np.uint8)
        framed[:, : self.insert.start] = self.left
        framed[:, self.insert.stop :] = self.right
        return framed

    # --- Whole sequences ---------------------------------------------------------------------------------------------

    def holds(self, codes, starts):
        """Whether each sequence (n, length) holds all constraints, (n,) bool; `starts` (n, length) are theirs."""
        fixed = (codes[:, ~self.free] == starts[:, ~self.free]).all(axis=1)
        within = self.distance(codes, starts) <= self._most(codes)
        return fixed & within & (self.violated(codes) == 0)

    def distance(self, codes, starts):
        """Bases (n,) that differ."""
        return (codes != starts).sum(axis=1)

    def _most(self, codes):
        return codes.shape[1] if self.settings.edits is None else self.settings.edits

    def violated(self, codes):
        """How much is wrong with each sequence but for its edits, (n,) int: matches of banned motifs, required motifs
        that lack, and bases by which the GC content is out of its range; 0 where nothing is.
        """
        total = self._excess(self._strong(codes))
        for pattern in self.banned:
            total += self._hits(pattern, codes).sum(axis=(0, 2))
        for pattern in self.required:
            total += ~pattern.hits(codes).any(axis=(0, 2))
        return total

    def complaint(self, codes):
        """The first thing that is wrong with a sequence (length,), in words; "" where nothing is."""
        codes = codes[None]
        strong = int(self._strong(codes)[0])
        if self._excess(np.array([strong]))[0]:
            size = self.insert.stop - self.insert.start
            low, high = self.settings.gc
            return f"GC content is {strong / size:.3f}, expected {low} to {high}"
        for pattern in self.banned:
            if self._hits(pattern, codes).any():
                start = int(np.argwhere(self._hits(pattern, codes))[0][2])
                return f"'{pattern.name}' occurs at {start}, expected nowhere"
        missing = [pattern.name for pattern in self.required if not pattern.hits(codes).any()]
        return f"'{missing[0]}' does not occur, expected it once or more" if missing else ""

    def _strong(self, codes):
        part = codes[:, self.insert]
        return ((part == 1) | (part == 2)).sum(axis=1)

    def _excess(self, strong):
        low, high = self.strong
        return np.maximum(low - strong, 0) + np.maximum(strong - high, 0)

    def _hits(self, pattern, codes):
        """Matches of a banned pattern that hold a position which may change: (ways, n, places) bool."""
        return pattern.hits(codes) & self._touched(pattern)

    def _touched(self, pattern):
        """(places,) bool: whether a match there holds a position that may change."""
        places = max(self.length - pattern.width + 1, 0)
        sums = np.r_[0, np.cumsum(self.free)]
        return sums[pattern.width : pattern.width + places] > sums[:places]

    # --- All single edits at once ------------------------------------------------------------------------------------

    def allowed(self, codes, starts):
        """Which sequences that differ from these in one base hold all constraints.

        Parameters
        ----------
        codes : (n, length) uint8 without unknown bases. starts : (n, length), theirs.

        Returns
        -------
        (n, 4, length) bool; False at the base present.
        """
        new = np.arange(4)[None, :, None]
        change = (new != starts[:, None]).astype(np.int64) - (codes != starts)[:, None]
        within = self.distance(codes, starts)[:, None, None] + change <= self._most(codes)
        fixed = (codes[:, ~self.free] == starts[:, ~self.free]).all(axis=1)[:, None, None]
        changes = (new != codes[:, None]) & self.free & within & fixed
        return changes & (self.violated_by_edits(codes) == 0)

    def violated_by_edits(self, codes):
        """`violated` of every sequence that differs from these in one base: (n, 4, length) int."""
        new = np.arange(4)[None, :, None]
        is_strong = ((codes == 1) | (codes == 2))[:, None]
        inside = np.zeros(self.length, dtype=np.int64)
        inside[self.insert] = 1
        change = (((new == 1) | (new == 2)).astype(np.int64) - is_strong) * inside
        total = self._excess(self._strong(codes)[:, None, None] + change)
        for pattern in self.banned:
            total = total + self._matches_after(pattern, codes, self._touched(pattern))
        for pattern in self.required:
            places = max(self.length - pattern.width + 1, 0)
            total = total + (self._matches_after(pattern, codes, np.ones(places, dtype=bool)) == 0)
        return total

    def _matches_after(self, pattern, codes, counted):
        """Matches of a pattern after each single edit, of the places that are counted: (n, 4, length) int."""
        places = self.length - pattern.width + 1
        total = np.zeros((len(codes), 4, self.length), dtype=np.int64)
        if places <= 0:
            return total
        for way, weights in enumerate(pattern.ways):
            scores = pattern.scores(codes, way)
            now = (scores > pattern.threshold) & counted
            total += now.sum(axis=1)[:, None, None]
            for k in range(pattern.width):
                there = slice(k, k + places)
                # Without the base present: what another one would make of the match.
                others = scores - weights[k][codes[:, there]]
                after = (others[:, None] + weights[k][None, :, None] > pattern.threshold) & counted
                total[:, :, there] += after.astype(np.int64) - now[:, None]
        return total

    # --- Starts ------------------------------------------------------------------------------------------------------

    def repaired(self, codes, names, rng):
        """Starts that hold the constraints, found from these by as few edits as a local search needs.

        Motifs that must occur are put, each with its best bases, where that breaks least; then the single edit that
        leaves least wrong is taken until nothing is.

        Parameters
        ----------
        codes : (n, length) uint8 with flanks (`framed`). names : (n,), for messages. rng : numpy Generator.

        Raises
        ------
        InputError : a start that violates a constraint, where it is to be refused or no repair was found.
        """
        wrong = np.flatnonzero(self.violated(codes))
        if len(wrong) and self.settings.violations == "refuse":
            raise InputError(f"start '{names[wrong[0]]}': {self.complaint(codes[wrong[0]])} ({self.where})")
        result = codes.copy()
        for row in wrong:
            found = next(
                filter(lambda one: one is not None, (self._repair(codes[row], rng) for _ in range(ATTEMPTS))), None
            )
            if found is None:
                what = f"{self.complaint(codes[row])}, and no repair was found"
                raise InputError(f"start '{names[row]}': {what}; expected {self.where} that some sequence holds")
            result[row] = found
        return result

    def _repair(self, codes, rng):
        """One attempt at a sequence (length,) that holds; None where it ended without."""
        codes = codes[None].copy()
        for pattern in self.required:
            if not pattern.hits(codes).any():
                codes = self._planted(pattern, codes, rng)
                if codes is None:
                    return None
        for _ in range(ROUNDS * self.length + 1):
            now = self.violated(codes)[0]
            if now == 0:
                return codes[0]
            after = self.violated_by_edits(codes)[0].astype(float)
            after[:, ~self.free] = np.inf
            after[codes[0], np.arange(self.length)] = np.inf
            # Of edits that leave as much wrong, any: a plateau is left by a walk.
            base, position = np.argwhere(after == after.min())[rng.integers((after == after.min()).sum())]
            codes[0, position] = base
        return None

    def _planted(self, pattern, codes, rng):
        """A sequence (1, length) with a pattern's best bases where they leave least wrong; None where nowhere fits."""
        sites = [pattern.best, dna.reverse_complement(pattern.best)][: len(pattern.ways)]
        candidates = []
        for start in range(self.length - pattern.width + 1):
            span = slice(start, start + pattern.width)
            for site in sites:
                if (self.free[span] | (codes[0, span] == site)).all():
                    candidates.append(codes[0].copy())
                    candidates[-1][span] = site
        if not candidates:
            return None
        candidates = np.array(candidates)
        wrong = self.violated(candidates)
        return candidates[rng.choice(np.flatnonzero(wrong == wrong.min()))][None]
