"""The loops of a scan: which words of bases can be part of a hit, and the scores of what is left.

Most places are never scored. For every word of up to WORD bases it is known whether the best of a motif's other columns
could lift it over the threshold; the answers of 64 motifs are the bits of one number, so that one look-up at each base,
or two of words that are a fixed distance apart, rule out nearly all of 64 motifs at once. The places that are left are
scored column by column, the most informative first, until the best of the columns that remain is not enough.
"""

from typing import NamedTuple

import numba
import numpy as np

from cisflow.sequence import dna

WORD = 7
# Between the starts of two words; less than this, and the second tells little that the first does not.
LEAST_DISTANCE = 2
MOTIFS_A_GROUP = 64
# Columns that one look-up of `best` adds up.
BLOCK = 6
# Of partial sums in single precision, which decide where scoring stops; generous, as it costs nothing.
MARGIN = 1e-3
# The place of a number's only bit, from its product with a de Bruijn sequence.
DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
PLACE_OF_BIT = np.zeros(64, dtype=np.int64)
for _bit in range(64):
    PLACE_OF_BIT[((int(DE_BRUIJN) << _bit) % 2**64) >> 58] = _bit


class Group(NamedTuple):
    """What `scan` knows of g ways (a motif on a strand), the widest of w columns.

    ways : (g,) int64. motifs : (g,) int64. offsets : (g,) int64, first column of the first word. widths : (g,) int64.
    word : bases of a word. distance : between the starts of both words, 0 where there is one.
    first, second : (4^word,) uint64; bit i tells whether way i may have a hit around that word.
    columns : (g, w, 6) float64, score of each base code, and ordered : the same in float32 in the order of
    order : (g, w) int64, the most informative column first. bounds : (g, w) float32, what the sum of these columns must
    exceed. limits : (g,) float64, what a hit's score exceeds.
    """

    ways: np.ndarray
    motifs: np.ndarray
    offsets: np.ndarray
    widths: np.ndarray
    word: int
    distance: int
    first: np.ndarray
    second: np.ndarray
    columns: np.ndarray
    ordered: np.ndarray
    order: np.ndarray
    bounds: np.ndarray
    limits: np.ndarray


def groups(weights, thresholds, n_matrices):
    """The Groups of all ways that can have a hit, by width.

    weights : arrays (w, 4) by strand, then motif. thresholds : of each.
    """
    widths = np.array([len(columns) for columns in weights], dtype=np.int64)
    # Both strands of a motif side by side, so that what one has found spares the other.
    ways = np.lexsort((np.arange(len(weights)) % max(n_matrices, 1), widths))
    ways = ways[np.isfinite(thresholds[ways])]
    starts = range(0, len(ways), MOTIFS_A_GROUP)
    return [_group(ways[start : start + MOTIFS_A_GROUP], weights, thresholds, n_matrices) for start in starts]


def _group(ways, weights, thresholds, n_matrices):
    """The Group of some ways, which are of similar width."""
    widths = np.array([len(weights[way]) for way in ways], dtype=np.int64)
    word = int(min(WORD, widths.min()))
    distance = int(min(WORD, widths.min() - word))
    distance = distance if distance >= LEAST_DISTANCE else 0
    span = word + distance
    shape = (len(ways), int(widths.max()))
    order, bounds = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.float32)
    columns = np.zeros((*shape, dna.ABSENT + 1))
    columns[:, :, dna.ABSENT] = -np.inf
    offsets = np.empty(len(ways), dtype=np.int64)
    tables = np.zeros((2, 4**word), dtype=np.uint64)
    limits = thresholds[ways].astype(np.float64)
    for number, way in enumerate(ways):
        own = weights[way]
        # An unknown base scores 0.
        highest = np.maximum(own.max(axis=1), 0)
        gain = highest - own.mean(axis=1)
        sums = np.concatenate([[0.0], np.cumsum(gain)])
        offsets[number] = np.argmax(sums[span:] - sums[:-span])
        cut = limits[number] - MARGIN
        for table, start in zip(tables, (offsets[number], offsets[number] + distance), strict=True):
            of_word = slice(start, start + word)
            rest = highest.sum() - highest[of_word].sum()
            _mark(table, own[of_word].astype(np.float32), np.float32(cut - rest), np.uint64(1 << number))
        columns[number, : len(own), :4] = own
        places = np.argsort(-gain, kind="stable")
        order[number, : len(own)] = places
        bounds[number, : len(own)] = cut - (highest.sum() - np.cumsum(highest[places]))
    ordered = np.take_along_axis(columns, order[:, :, None], axis=1).astype(np.float32)
    lookups = (word, distance, *tables)
    return Group(ways, ways % n_matrices, offsets, widths, *lookups, columns, ordered, order, bounds, limits)


@numba.njit(nogil=True, cache=True)
def _mark(table, weights, cut, bit):
    """Set `bit` in the table (4^w,) uint64 of every word of w bases that scores more than `cut`; first base highest."""
    sums = np.zeros(len(table), dtype=np.float32)
    filled = 1
    for column in range(len(weights)):
        # From behind, as each sum becomes four that lie no further in front.
        for i in range(filled - 1, -1, -1):
            before = sums[i]
            for base in range(4):
                sums[4 * i + base] = before + weights[column, base]
        filled *= 4
    for i in range(len(table)):
        if sums[i] > cut:
            table[i] |= bit


@numba.njit(nogil=True, cache=True)
def scan(
    codes,
    ways,
    motifs,
    offsets,
    widths,
    word,
    distance,
    first,
    second,
    columns,
    ordered,
    order,
    bounds,
    limits,
    found,
    places,
    scores,
):
    """Write the hits of a Group in codes (n, length), (row, way, start) and score; their number.

    found : (n, n_matrices) bool, or empty; where it is not, hits are marked in it and not written.
    places, scores : (capacity, 3) int64 and (capacity,) float64; hits beyond the capacity are counted alone.
    """
    size = 0
    mark = found.size > 0
    span = word + distance
    mask, mask_of_word, shift = np.int64(4**span - 1), np.int64(4**word - 1), np.int64(2 * distance)
    all_bits = np.uint64(0)
    for number in range(len(ways)):
        all_bits |= np.uint64(1) << np.uint64(number)
    length = codes.shape[1]
    for row in range(len(codes)):
        code, known, there = np.int64(0), 0, 0
        for end in range(length):
            base = codes[row, end]
            code = ((code << 2) | np.int64(base & 3)) & mask
            known = known + 1 if base < dna.UNKNOWN else 0
            there = there + 1 if base < dna.ABSENT else 0
            if there < span:
                continue
            # Of a word with an unknown base the tables know nothing.
            bits = all_bits
            if known >= span:
                bits = first[code >> shift]
                if distance and bits:
                    bits &= second[code & mask_of_word]
            while bits:
                bit = bits & (~bits + np.uint64(1))
                bits ^= bit
                number = PLACE_OF_BIT[(bit * DE_BRUIJN) >> np.uint64(58)]
                start = end - span + 1 - offsets[number]
                width = widths[number]
                if start < 0 or start + width > length:
                    continue
                if mark and found[row, motifs[number]]:
                    continue
                partial, alive = np.float32(0), True
                for i in range(width):
                    partial += ordered[number, i, codes[row, start + order[number, i]]]
                    if partial <= bounds[number, i]:
                        alive = False
                        break
                if not alive:
                    continue
                score = 0.0
                for i in range(width):
                    score += columns[number, i, codes[row, start + i]]
                if score <= limits[number]:
                    continue
                if mark:
                    found[row, motifs[number]] = True
                    continue
                if size < len(scores):
                    places[size, 0], places[size, 1], places[size, 2] = row, ways[number], start
                    scores[size] = score
                size += 1
    return size


@numba.njit(nogil=True, cache=True)
def words_from(codes, word):
    """At each place of codes (n, length): the number of the `word` bases from there on, as if A stood behind the end
    (int16), and how many known bases come before one that is not (int32).
    """
    words, known = np.zeros(codes.shape, dtype=np.int16), np.zeros(codes.shape, dtype=np.int32)
    for row in range(len(codes)):
        code = run = 0
        for place in range(codes.shape[1] - 1, -1, -1):
            base = np.int64(codes[row, place])
            code = (code >> 2) | ((base & 3) << (2 * (word - 1)))
            run = run + 1 if base < dna.UNKNOWN else 0
            words[row, place], known[row, place] = code, run
    return words, known


@numba.njit(nogil=True, cache=True)
def best(codes, words, known, weights, found):
    """Raise `found` (n,) float32 to the best score of one motif, weights (w, 4), in each sequence (n, length).

    words, known : of `words_from`, for words of BLOCK bases.
    """
    width, length = len(weights), codes.shape[1]
    n_blocks = (width + BLOCK - 1) // BLOCK
    tables = np.zeros((n_blocks, 4**BLOCK), dtype=np.float32)
    for block in range(n_blocks):
        for code in range(4**BLOCK):
            total = 0.0
            for i in range(min(BLOCK, width - block * BLOCK)):
                total += weights[block * BLOCK + i, (code >> (2 * (BLOCK - 1 - i))) & 3]
            tables[block, code] = total
    for row in range(len(codes)):
        highest = found[row]
        for start in range(length - width + 1):
            if known[row, start] >= width:
                # To stop where the rest cannot make up for it takes longer than to add two or three numbers.
                total = np.float32(0)
                for block in range(n_blocks):
                    total += tables[block, words[row, start + block * BLOCK]]
                highest = max(highest, total)
                continue
            score = 0.0
            for i in range(width):
                base = codes[row, start + i]
                if base == dna.ABSENT:
                    score = -np.inf
                    break
                if base != dna.UNKNOWN:
                    score += weights[i, base]
            highest = max(highest, np.float32(score))
        found[row] = highest
