"""Hits of patterns: planted instances, by their definition and against sequences in which nothing is planted."""

import numpy as np
import pandas as pd
import pytest

from attributed import attributions, write
from cisflow.errors import InputError
from cisflow.motifs import hits
from cisflow.sequence import dna
from patterns import PATTERNS, WORDS, matrix, pattern, write_modisco
from tables import check_table

LENGTH, NOISE = 120, 0.06


def explained(codes, rng):
    """Attributions of a network that knows the words: each adds what its match is worth, wherever it stands, by chance
    too.
    """
    multipliers = rng.normal(0, NOISE, (len(codes), 4, codes.shape[1])).astype(np.float32)
    for name, word in WORDS.items():
        sign = -1 if name.startswith("neg") else 1
        for effect in (matrix(word) - 0.25, (matrix(word) - 0.25)[::-1, ::-1]):
            width = len(word)
            places = codes.shape[1] - width + 1
            found = sum((effect.argmax(axis=0)[j] == codes[:, j : j + places]).astype(int) for j in range(width))
            for row, start in zip(*np.nonzero(found >= width - 1), strict=True):
                multipliers[row, :, start : start + width] += sign * effect * (0.5 + 0.5 * (found[row, start] == width))
    return attributions(codes, multipliers)


def planted(n, seed):
    """(Attributions, Attributions of shuffles, truth): two instances a row of one word or two, apart."""
    rng = np.random.default_rng(seed)
    codes, truth = rng.integers(0, 4, (n, LENGTH)).astype(np.uint8), []
    for row in range(n):
        for name, start in zip(rng.permutation(list(WORDS))[:2], (15, 70), strict=True):
            start += int(rng.integers(0, 25))
            instance, strand = dna.encode(WORDS[name]), "+-"[rng.integers(2)]
            instance = dna.reverse_complement(instance) if strand == "-" else instance
            codes[row, start : start + len(instance)] = instance
            truth.append((f"w{row}", name, start, start + len(instance), strand))
    shuffled = rng.permuted(codes, axis=1)
    columns = ["id", "pattern", "start", "end", "strand"]
    return explained(codes, rng), explained(shuffled, rng), pd.DataFrame(truth, columns=columns)


@pytest.fixture(scope="module")
def data():
    return planted(250, 1)


@pytest.fixture(scope="module")
def found(data):
    return hits.call(data[0], data[1], PATTERNS, hits.Settings())


def overlapping(found, truth):
    """(hits that lie on an instance of their pattern, on its strand; share of the instances with such a hit)."""
    pairs = found.reset_index().merge(truth.reset_index(), on=["id", "pattern", "strand"], suffixes=("", "_true"))
    near = pairs[np.minimum(pairs["end"], pairs["end_true"]) - np.maximum(pairs["start"], pairs["start_true"]) >= 5]
    return set(near["index"]), near["index_true"].nunique() / len(truth)


def test_planted_instances_are_found_on_their_strands(data, found):
    right, recall = overlapping(found, data[2])
    print(f"recall {recall:.3f}, precision {len(right) / len(found):.3f} of {len(found)} hits")
    assert recall > 0.95 and len(right) / len(found) > 0.95
    for name in WORDS:
        assert (found["pattern"] == name).sum() > 100
    assert set(found["strand"]) == {"+", "-"} and found["q_value"].between(0, 0.05).all()
    assert found["similarity"].between(0.7, 1).all() and (found["score"] > 0).all()


def test_order_and_places(data, found):
    rows = found["id"].str[1:].astype(int)
    assert list(zip(rows, found["start"], strict=True)) == sorted(zip(rows, found["start"], strict=True))
    assert found["start"].min() >= 0 and found["end"].max() <= LENGTH
    widths = {pattern.name: pattern.trimmed(0).contributions.shape[1] for pattern in PATTERNS}
    assert (found["end"] - found["start"] == found["pattern"].map(widths)).all()


def test_the_null_gives_at_most_the_stated_share(data):
    """Counted anew: the same score in the null, over the hits; and another draw of nothing gives as few."""
    rows, null, _ = data
    matrices = [one.trimmed(0).contributions for one in PATTERNS]
    rng = np.random.default_rng(7)
    other = explained(rng.integers(0, 4, null.codes.shape).astype(np.uint8), rng)
    for fdr in (0.05, 0.2):
        called = hits.call(rows, null, PATTERNS, hits.Settings(fdr=fdr))
        for one, own, again in zip(
            PATTERNS, hits.matches(null, matrices, 0.7), hits.matches(other, matrices, 0.7), strict=True
        ):
            scores = called.loc[called["pattern"] == one.name, "score"]
            assert (own.scores >= scores.min()).sum() <= fdr * len(scores)
            assert (again.scores >= scores.min()).sum() <= 2 * fdr * len(scores)


def test_nothing_is_called_where_nothing_is_planted(data):
    """Explained sequences that are a shuffle themselves: as many matches as in the null."""
    other = planted(250, 3)[1]
    assert len(hits.call(other, data[1], PATTERNS, hits.Settings())) <= 5


def test_score_and_similarity_by_their_definition(data):
    """Every place on both strands, one at a time."""
    rows = data[0].take([0, 1, 2])
    rows.codes[1, 40:44] = dna.UNKNOWN
    rows.codes[2, :30] = dna.ABSENT
    widest = pattern("pos_9", "ACGTTGCAACG")
    matrices = [one.contributions for one in (PATTERNS[0], widest)]
    found = hits.matches(rows, matrices, 0.3)
    hypothetical = rows.multipliers - rows.multipliers.mean(axis=1, keepdims=True)
    for c, matches in zip(matrices, found, strict=True):
        assert len(matches.rows) > 3
        for row, start, reverse, score, similarity in zip(*matches, strict=True):
            block = np.zeros(c.shape)
            for column in range(c.shape[1]):
                code = rows.codes[row, start + column]
                assert code != dna.ABSENT
                if code < dna.UNKNOWN:
                    block[code, column] = hypothetical[row, code, start + column]
            along = [(block * strand).sum() / np.linalg.norm(c) for strand in (c, c[::-1, ::-1])]
            assert reverse == (along[1] > along[0])
            size = np.linalg.norm(block)
            np.testing.assert_allclose(similarity, max(along) / size, rtol=1e-4)
            np.testing.assert_allclose(score, size * (max(along) / size) ** 2, rtol=1e-4)
            assert similarity >= 0.3 and start + c.shape[1] <= LENGTH


def greedy(rows, starts, ends, patterns, scores):
    """The same by its definition: best first, each against all that stay."""
    kept = []
    for one in sorted(range(len(rows)), key=lambda i: (-scores[i], i)):
        shared = [(min(ends[one], ends[i]) - max(starts[one], starts[i]), i) for i in kept if rows[i] == rows[one]]
        rival = [
            size > 0 if patterns[i] == patterns[one] else 2 * size > min(ends[i] - starts[i], ends[one] - starts[one])
            for size, i in shared
        ]
        if not any(rival):
            kept.append(one)
    return np.isin(np.arange(len(rows)), kept)


def test_of_matches_that_share_bases_the_best_stay():
    rng = np.random.default_rng(4)
    for ties in (False, True):
        for _ in range(20):
            k = int(rng.integers(0, 120))
            patterns = rng.integers(0, 4, k)
            rows, starts = rng.integers(0, 3, k), rng.integers(0, 60, k)
            ends = starts + np.array([5, 8, 12, 20])[patterns]
            scores = rng.integers(0, 5, k).astype(float) if ties else rng.random(k)
            given = rows, starts, ends, patterns, scores
            np.testing.assert_array_equal(hits.best_apart(*given), greedy(*given))


def test_part_of_a_strong_motif_is_no_other_motif():
    """Eight of nine columns of one pattern stand in the other, instances of which the null does not hold."""
    rng = np.random.default_rng(6)
    both = [pattern("pos_0", "CCAATGGGAGAA"), pattern("pos_1", "CCAATGGGT")]
    codes = rng.integers(0, 4, (200, 60)).astype(np.uint8)
    multipliers = rng.normal(0, NOISE, (200, 4, 60)).astype(np.float32)
    null = attributions(codes.copy(), multipliers.copy())
    for row in range(200):
        word = "CCAATGGGAGAA" if row < 150 else "CCAATGGGT"
        codes[row, 20 : 20 + len(word)] = dna.encode(word)
        multipliers[row, :, 20 : 20 + len(word)] += matrix(word) - 0.25
    rows = attributions(codes, multipliers)
    apart = hits.call(rows, null, both[1:], hits.Settings())
    assert len(apart) >= 195, "each by itself, the second pattern is everywhere"
    found = hits.call(rows, null, both, hits.Settings())
    numbers = found["id"].str[1:].astype(int)
    assert (numbers[found["pattern"] == "pos_0"] < 150).all() and (numbers[found["pattern"] == "pos_1"] >= 150).all()
    assert len(found) == 200


def test_a_pattern_of_one_target_is_looked_for_there_alone(data):
    rows, null, _ = data
    targets = np.where(np.arange(250) % 2, "a", "b")
    rows, null = rows._replace(targets=targets), null._replace(targets=targets)
    found = hits.call(rows, null, PATTERNS, hits.Settings(), {"pos_0": "a", "pos_1": ""})
    assert set(found.loc[found["pattern"] == "pos_0", "target"]) == {"a"}
    assert {"a", "b"} == set(found.loc[found["pattern"] == "pos_1", "target"])
    # As in a file of that target alone.
    own = np.flatnonzero(targets == "a")
    alone = hits.call(rows.take(own), null.take(own), PATTERNS, hits.Settings())
    columns = ["id", "start", "strand", "q_value"]
    pairs = [part.loc[part["pattern"] == "pos_0", columns].reset_index(drop=True) for part in (found, alone)]
    pd.testing.assert_frame_equal(*pairs)
    # A null without a row of the target says nothing of it.
    none = hits.call(rows, null.take(np.flatnonzero(targets == "b")), PATTERNS, hits.Settings(), {"pos_0": "a"})
    assert "pos_0" not in set(none["pattern"]) and "pos_1" in set(none["pattern"])


def test_q_values_by_their_definition():
    rng = np.random.default_rng(5)
    observed, null = rng.integers(0, 30, 80) + 5.0, rng.integers(0, 25, 60).astype(float)
    for ratio in (1.0, 3.0):
        share = {t: ratio * (1 + (null >= t).sum()) / (observed >= t).sum() for t in observed}
        expected = [min(1, min(share[t] for t in observed if t <= score)) for score in observed]
        np.testing.assert_allclose(hits.q_values(observed, null, ratio), expected)
    assert len(hits.q_values(np.zeros(0), null, 1.0)) == 0


def test_a_null_of_a_sample_counts_for_all(data):
    """A tenth of the null is ten times as much in each row."""
    rows, null, truth = data
    some = hits.call(rows, null.take(slice(0, 25)), PATTERNS, hits.Settings(fdr=0.2))
    right, recall = overlapping(some, truth)
    assert recall > 0.5 and len(right) / len(some) > 0.9


def test_places_lack_no_base():
    codes = np.zeros((2, 12), dtype=np.uint8)
    codes[0, 4], codes[1, 11] = dna.UNKNOWN, dna.ABSENT
    expected = np.array([[1] * 10 + [0] * 2, [1] * 9 + [0] * 3], dtype=bool)
    np.testing.assert_array_equal(hits.fits(codes, 3), expected)
    assert not hits.fits(codes, 13).any()
    rows = attributions(codes, np.zeros((2, 4, 12), dtype=np.float32), targets=np.array(["a", "b"]))
    assert [hits.n_places(rows, 3, target) for target in ("", "a", "b", "c")] == [19, 10, 9, 0]


NAMES = "run\ttarget\tpattern\tmatch_name\ncontrol\tt\tpos_0\tZZZ\nattributions\tt\tpos_0\tCRE B\n"


def call(folder, rows, null, patterns):
    for name, part in (("a", rows), ("null", null)):
        write(folder / f"{name}.npz", part.codes, part.multipliers)
    write_modisco(folder / "m.h5", patterns)
    (folder / "patterns.tsv").write_text(NAMES)
    files = (folder / name for name in ("a.npz", "null.npz", "m.h5", "patterns.tsv"))
    hits.call_hits(*files, hits.Settings(), folder / "hits.tsv")
    return check_table(folder / "hits.tsv", "hits")


def test_table_has_names(tmp_path, data, found):
    table = call(tmp_path, data[0], data[1], PATTERNS)
    assert len(table) == len(found)
    named = table.drop_duplicates("pattern").set_index("pattern")["name"].to_dict()
    assert named == {"pos_0": "CRE B", "pos_1": "", "neg_0": ""}


def test_too_little_gives_an_empty_table(tmp_path, data, capsys):
    rows, null, _ = data
    few, none = slice(0, 3), slice(0, 0)
    assert not len(call(tmp_path, rows, null, []))
    assert "no hits: there are 0 patterns" in capsys.readouterr().err
    assert not len(call(tmp_path, rows.take(few), null.take(few), PATTERNS))
    assert not len(call(tmp_path, rows.take(none), null.take(none), PATTERNS))
    wide = pattern("pos_0", "ACGTTGCA" * 16)
    assert not len(call(tmp_path, rows.take(few), null.take(few), [wide]))
    with pytest.raises(InputError, match=r"null.npz: holds no row; expected attributions of the shuffled sequences"):
        call(tmp_path, rows, null.take(none), PATTERNS)
