"""TF-MoDISco on attributions whose motifs are known, on noise, and on too little."""

import gzip
import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from attributed import attributions, write
from cisflow.errors import InputError
from cisflow.io import files
from cisflow.io.arrays import read_arrays
from cisflow.io.meme import read_meme
from cisflow.motifs import discovery, naming
from cisflow.sequence import dna

DATABASE = Path(__file__).parents[2] / "resources" / "demo" / "JASPAR2024_CORE_vertebrates_non-redundant.meme.gz"
PLANTED = ("MA0139.2", "MA0003.5")
N, LENGTH = 250, 160


def planted(motifs, rng):
    """Codes (N, LENGTH) and multipliers with one instance of each motif a sequence, on a strand drawn at random."""
    codes = rng.integers(0, 4, (N, LENGTH)).astype(np.uint8)
    multipliers = rng.normal(0, 0.02, (N, 4, LENGTH)).astype(np.float32)
    for row in range(N):
        for motif, start in zip(motifs, rng.choice([10, 45, 80, 115], len(motifs), replace=False), strict=True):
            start += rng.integers(0, 10)
            matrix = motif.matrix / motif.matrix.sum(axis=0)
            instance = np.array([rng.choice(4, p=column) for column in matrix.T], dtype=np.uint8)
            effect = np.log2((matrix + 0.01) / 0.26) * (matrix * np.log2(matrix / 0.25 + 1e-9)).sum(axis=0) / 10
            if rng.random() < 0.5:
                instance, effect = dna.reverse_complement(instance), effect[::-1, ::-1]
            span = slice(start, start + len(instance))
            codes[row, span] = instance
            multipliers[row, :, span] += effect
    return codes, multipliers


def discover(folder, attributions, seed=1, null=None, **settings):
    """The summary, and the paths of the patterns and of the control."""
    paths = folder / "modisco.h5", folder / "control.h5"
    settings = discovery.Settings.complete(settings, "settings")
    nulls = () if null is None else (null, folder / "shuffled.h5")
    discovery.discover(attributions, settings, seed, *paths, folder / "discovery.json", *nulls)
    return files.read_json(folder / "discovery.json"), *paths


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    path = tmp_path_factory.mktemp("database") / "jaspar.meme"
    path.write_bytes(gzip.decompress(DATABASE.read_bytes()))
    return path


@pytest.fixture(scope="module")
def found(tmp_path_factory, database):
    """(attribution file, summary, patterns, control) of a run on planted motifs."""
    folder = tmp_path_factory.mktemp("found")
    motifs = {motif.id: motif for motif in read_meme(database)}
    path = write(folder / "a.npz", *planted([motifs[item] for item in PLANTED], np.random.default_rng(0)))
    return path, *discover(folder, path)


def groups(path):
    with h5py.File(path) as store:
        return sorted(store)


# Planted motifs --------------------------------------------------------------------------------------------------


def test_planted_motifs_are_found_and_named(found, database):
    _, _, modisco, control = found
    table = naming.name_patterns(modisco, control, database)
    attributions = table[(table["run"] == "attributions") & (table["q_value"] < 1e-3)]
    assert set(PLANTED) <= set(attributions["match_id"])
    assert attributions["n_seqlets"].sum() > 0.8 * N


def test_control_finds_fewer(found, database):
    _, summary, modisco, control = found
    assert summary["control_n_patterns"] < summary["n_patterns"]
    table = naming.name_patterns(modisco, control, database)
    named = table[table["q_value"] < 1e-3]["run"]
    assert (named == "attributions").sum() > (named == "control").sum()


def test_summary_agrees_with_the_files(found):
    _, summary, modisco, control = found
    with h5py.File(modisco) as store:
        sizes = [int(group["seqlets/n_seqlets"][0]) for sign in store.values() for group in sign.values()]
        assert store.attrs["window_size"] == LENGTH
    assert summary["n_rows"] == N and summary["explanation"] == ""
    assert (summary["n_patterns"], summary["n_seqlets"]) == (len(sizes), sum(sizes))
    assert summary["control_n_patterns"] == len(naming.read_patterns(control))
    assert summary["settings"] == discovery.Settings().as_dict()


def test_seqlets_point_at_rows_of_the_attribution_file(found):
    path, _, modisco, _ = found
    codes = read_arrays(path, ["sequences"])["sequences"]
    with h5py.File(modisco) as store:
        seqlets = store["pos_patterns/pattern_0/seqlets"]
        names = ("example_idx", "start", "end", "is_revcomp", "sequence")
        for row, start, end, reverse, sequence in zip(*(seqlets[name][:] for name in names), strict=True):
            expected = codes[row, start:end]
            expected = dna.reverse_complement(expected) if reverse else expected
            np.testing.assert_array_equal(sequence.argmax(axis=1), expected)


def test_whole_window_is_searched(found):
    """Not its centre only: seqlets start in the first and in the last quarter."""
    _, _, modisco, _ = found
    with h5py.File(modisco) as store:
        starts = np.concatenate([group["seqlets/start"][:] for group in store["pos_patterns"].values()])
    assert starts.min() < LENGTH / 4 and starts.max() > LENGTH / 2


def test_same_seed_same_bytes(found, tmp_path):
    path, _, modisco, control = found
    _, again, control_again = discover(tmp_path, path)
    assert modisco.read_bytes() == again.read_bytes()
    assert control.read_bytes() == control_again.read_bytes()


def test_cap_on_seqlets_is_kept(found, tmp_path):
    summary, modisco, _ = discover(tmp_path, found[0], max_seqlets=150)
    assert 0 < summary["n_seqlets"] <= 150
    with h5py.File(modisco) as store:
        rows = np.concatenate([group["seqlets/example_idx"][:] for group in store["pos_patterns"].values()])
    # The first rows of the file have no precedence.
    assert rows.max() > 0.8 * N


def test_unknown_bases_contribute_nothing(found, tmp_path):
    arrays = read_arrays(found[0], ["sequences", "multipliers"])
    codes = arrays["sequences"].copy()
    codes[:, 75:85] = dna.UNKNOWN
    codes[0] = dna.UNKNOWN
    rows = attributions(codes, arrays["multipliers"])
    found = discovery.find_patterns(rows.codes, rows.hypothetical(), discovery.Settings())
    discovery.write_patterns(tmp_path / "n.h5", [(discovery.Part("", np.arange(N)), found)], LENGTH)
    with h5py.File(tmp_path / "n.h5") as store:
        seqlets = store["pos_patterns/pattern_0/seqlets"]
        assert 0 not in seqlets["example_idx"][:]
        for row, start, end, reverse, sequence, scores in zip(
            *(seqlets[name][:] for name in ("example_idx", "start", "end", "is_revcomp", "sequence", "contrib_scores")),
            strict=True,
        ):
            unknown = (codes[row, start:end] == dna.UNKNOWN)[:: -1 if reverse else 1]
            assert not sequence[unknown].any() and not scores[unknown].any()


# The control -----------------------------------------------------------------------------------------------------


def test_shuffle_keeps_every_column_and_no_order():
    rng = np.random.default_rng(0)
    codes, scores = rng.integers(0, 5, (20, 50)).astype(np.uint8), rng.normal(size=(20, 4, 50)).astype(np.float32)
    shuffled = discovery.shuffle_positions(codes, scores, np.random.default_rng(1))
    for row in range(20):
        before = np.vstack([codes[row], scores[row]])
        after = np.vstack([shuffled[0][row], shuffled[1][row]])
        assert not np.array_equal(before, after)
        np.testing.assert_array_equal(before[:, np.lexsort(before)], after[:, np.lexsort(after)])
    assert not np.array_equal(np.argsort(shuffled[1][0, 0]), np.argsort(shuffled[1][1, 0]))
    again = discovery.shuffle_positions(codes, scores, np.random.default_rng(1))
    assert np.array_equal(again[0], shuffled[0]) and np.array_equal(again[1], shuffled[1])


@pytest.mark.slow
def test_noise_yields_nothing_that_has_a_name(tmp_path, database):
    rng = np.random.default_rng(3)
    n, length = 800, 200
    codes = rng.integers(0, 4, (n, length)).astype(np.uint8)
    found = discovery.find_patterns(codes, rng.normal(0, 1, (n, 4, length)).astype(np.float32), discovery.Settings())
    discovery.write_patterns(tmp_path / "noise.h5", [(discovery.Part("", np.arange(n)), found)], length)
    table = naming.name_patterns(tmp_path / "noise.h5", tmp_path / "noise.h5", database)
    assert len(table) == 2 * found.n_patterns <= 2
    assert (table["match_id"] == "").all()


def test_patterns_hold_more_than_random_sequences(found):
    for path in found[2:]:
        for pattern in naming.read_patterns(path):
            information = naming.column_information(pattern.sequence)
            assert np.convolve(information, np.ones(6), "valid").max() > 1.5


# Outputs, and shuffled sequences -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def outputs(tmp_path_factory, database):
    """(attribution file, summary, patterns) of two outputs with a motif each, rows in turns, and few shuffled ones."""
    folder = tmp_path_factory.mktemp("outputs")
    motifs = {motif.id: motif for motif in read_meme(database)}
    rng = np.random.default_rng(0)
    codes, multipliers = planted([motifs[PLANTED[0]]], rng)
    other = planted([motifs[PLANTED[1]]], rng)
    codes[1::2], multipliers[1::2] = other[0][1::2], other[1][1::2]
    targets = np.where(np.arange(N) % 2, "b", "a")
    path = write(folder / "a.npz", codes, multipliers, targets=targets)
    null = write(folder / "null.npz", *few(5, LENGTH), targets=np.array(["b", "a", "b", "b", "a"]))
    return path, *discover(folder, path, null=null, by_output=True, min_seqlets=40, n_leiden_runs=1)[:2]


def test_each_output_has_the_patterns_of_its_own_rows(outputs, database):
    path, summary, modisco = outputs
    table = naming.name_patterns(modisco, modisco, database, attributions=path)
    table = table[table["run"] == "attributions"]
    assert set(table["target"]) == {"a", "b"} and table["pattern"].is_unique
    for target, motif in zip("ab", PLANTED, strict=True):
        own = table[(table["target"] == target) & (table["q_value"] < 1e-3)]
        assert set(PLANTED) & set(own["match_id"]) == {motif}
    positive = table[table["pattern"].str.startswith("pos")].sort_values("pattern")
    assert positive["n_seqlets"].is_monotonic_decreasing


def test_summary_counts_each_output(outputs):
    _, summary, modisco = outputs
    a, b = summary["outputs"]
    assert (a["output"], b["output"]) == ("a", "b") and (a["n_rows"], b["n_rows"]) == (N // 2, N // 2)
    assert (a["shuffled_n_rows"], b["shuffled_n_rows"]) == (2, 3)
    for name in ("n_rows", "n_patterns", "n_seqlets", "control_n_patterns", "shuffled_n_rows", "shuffled_n_patterns"):
        assert summary[name] == a[name] + b[name]
    assert summary["n_patterns"] == len(naming.read_patterns(modisco)) and summary["shuffled_n_patterns"] == 0
    assert groups(modisco.parent / "shuffled.h5") == []


def test_one_output_by_itself_is_all_there_is():
    order = np.random.default_rng(0).permutation(9)
    (apart,), (together,) = (discovery.parted(np.full(9, "t"), order, by_output) for by_output in (True, False))
    np.testing.assert_array_equal(apart.rows, together.rows)


def test_shuffled_sequences_are_searched_as_the_others_are(tmp_path, monkeypatch):
    searched = []

    def find(codes, hypothetical, settings):
        searched.append({(*code, *scores.ravel()) for code, scores in zip(codes, hypothetical, strict=True)})
        return discovery.Patterns([], [], "Nothing.")

    monkeypatch.setattr(discovery, "find_patterns", find)
    (codes, scores), targets = few(7, 40), np.array(list("abbabba"))
    path = write(tmp_path / "a.npz", *few(9, 40), targets=np.array(list("ababababa")))
    null = write(tmp_path / "n.npz", codes, scores, targets=targets)
    discover(tmp_path, path, null=null, by_output=True)
    hypothetical = attributions(codes, scores).hypothetical()
    for rows, own in zip((targets == "a", targets == "b"), searched[4:], strict=True):
        assert own == {(*code, *values.ravel()) for code, values in zip(codes[rows], hypothetical[rows], strict=True)}


def test_shuffled_windows_of_another_length_are_refused(found, tmp_path):
    null = write(tmp_path / "null.npz", *few(5, 50))
    with pytest.raises(InputError, match=r"null.npz: windows of 50 bp, expected 160 as in .*few.npz"):
        discover(tmp_path, write(tmp_path / "few.npz", *few(5, LENGTH)), null=null)


def test_no_output_with_patterns_is_explained(tmp_path):
    path = write(tmp_path / "few.npz", *few(4), targets=np.array(["x", "y", "x", "z"]))
    summary, modisco, _ = discover(tmp_path, path, by_output=True)
    assert summary["explanation"].startswith("Nothing in any of 3 outputs; in x: ") and groups(modisco) == []
    assert [line["explanation"] != "" for line in summary["outputs"]] == [True] * 3


# Too little ------------------------------------------------------------------------------------------------------


def few(n=5, length=100):
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, (n, length)).astype(np.uint8)
    return codes, rng.normal(0, 1, (n, 4, length)).astype(np.float32)


def one_sign():
    codes, _ = few(200, 60)
    multipliers = np.full((200, 4, 60), -1, dtype=np.float32)
    np.put_along_axis(multipliers, codes[:, None].astype(int), 1, axis=1)
    return codes, multipliers


def nearly_one_sign():
    """The library divides by the number of values of the other sign in its null distribution, which is zero."""
    codes, multipliers = one_sign()
    multipliers[0] *= -1
    multipliers += np.random.default_rng(0).normal(0, 0.05, multipliers.shape).astype(np.float32)
    return codes, multipliers


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        (few(0), "There is nothing to search"),
        (few(5), "No more than 100 seqlets of either sign stand out in 5 rows"),
        (few(50, 1), "windows of 1 bp are shorter than a seqlet of 30 bp"),
        (few(50, 29), "windows of 29 bp are shorter than a seqlet of 30 bp"),
        (one_sign(), "needs both signs"),
        (nearly_one_sign(), "Nearly all contributions of 200 rows are of one sign"),
        ((few(50)[0], np.zeros((50, 4, 100), np.float32)), "lie between 0 and 0"),
        ((few(50)[0], np.ones((50, 4, 100), np.float32)), "lie between 0 and 0"),
        ((np.full((50, 100), 4, np.uint8), few(50)[1]), "lie between 0 and 0"),
    ],
)
def test_too_little_is_explained(tmp_path, arrays, words):
    summary, modisco, control = discover(tmp_path, write(tmp_path / "few.npz", *arrays))
    assert words in summary["explanation"] and summary["explanation"].endswith(".")
    assert summary["n_patterns"] == summary["n_seqlets"] == summary["control_n_patterns"] == 0
    assert groups(modisco) == groups(control) == []
    assert naming.read_patterns(modisco) == []


# Short windows ---------------------------------------------------------------------------------------------------


def short(length, n=600):
    """AP-1's site somewhere in each window of `length` bp."""
    rng = np.random.default_rng(0)
    matrix = np.full((4, 7), 0.03)
    matrix[dna.encode("TGACTCA"), np.arange(7)] = 0.91
    effect = np.log2((matrix + 0.01) / 0.26) * (matrix * np.log2(matrix / 0.25)).sum(axis=0) / 10
    codes = rng.integers(0, 4, (n, length)).astype(np.uint8)
    multipliers = rng.normal(0, 0.02, (n, 4, length)).astype(np.float32)
    for row, start in enumerate(rng.integers(0, length - 6, n)):
        codes[row, start : start + 7] = [rng.choice(4, p=column) for column in matrix.T]
        multipliers[row, :, start : start + 7] += effect
    return codes, multipliers


@pytest.mark.parametrize("length", [30, 33, 36, 41])
def test_short_windows_are_searched_for_narrower_seqlets(tmp_path, length):
    codes, multipliers = short(length)
    summary, modisco, _ = discover(tmp_path, write(tmp_path / "short.npz", codes, multipliers))
    assert summary["n_patterns"] > 0 and summary["explanation"] == ""
    strands = [p.sequence[::s, ::s] for p in naming.read_patterns(modisco) for s in (1, -1)]
    found = [naming.consensus(matrix) for matrix in strands]
    assert any("GACTCA" in sequence for sequence in found), found
    with h5py.File(modisco) as store:
        for sign in store.values():
            for pattern in sign.values():
                seqlets = pattern["seqlets"]
                assert (seqlets["start"][:] >= 0).all() and (seqlets["end"][:] <= length).all()


def test_windows_of_100_bp_and_more_are_searched_with_the_widths_of_the_settings():
    for length in (100, 101, 4096):
        assert discovery.widths(length, discovery.Settings())[:2] == (20, 5)
    narrow = [discovery.widths(length, discovery.Settings()) for length in range(30, 101)]
    assert narrow == sorted(narrow)
    for length, found in zip(range(30, 101), narrow, strict=True):
        assert found.trim_to_window_size + 2 * found.initial_flank_to_add <= length / 2 + 1.5


# Bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"seqlets": 5}, "discovery: unknown key 'seqlets'; expected keys: max_seqlets"),
        ({"max_seqlets": 0}, r"discovery\.max_seqlets: 0 is less than the minimum of 1"),
        ({"flank_size": 2.5}, r"discovery\.flank_size: 2\.5 is not of type 'integer'"),
        ({"n_leiden_runs": True}, r"discovery\.n_leiden_runs: True is not of type 'integer'"),
        ({"target_seqlet_fdr": 1}, r"discovery\.target_seqlet_fdr: 1 is greater than or equal to the maximum of 1"),
        ({"target_seqlet_fdr": "x"}, r"discovery\.target_seqlet_fdr: 'x' is not of type 'number'"),
    ],
)
def test_bad_settings_are_refused(settings, words):
    with pytest.raises(InputError, match=words):
        discovery.Settings.complete(settings, "discovery")


def test_summary_is_plain_json(found):
    assert json.loads((found[2].parent / "discovery.json").read_text()) == found[1]
