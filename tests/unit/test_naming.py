"""Names of patterns, by TOMTOM against the database that the patterns were made from."""

import gzip
from pathlib import Path

import h5py
import numpy as np
import pytest
from memelite import tomtom

import attributed
from cisflow.errors import InputError
from cisflow.io.meme import read_meme
from cisflow.motifs import families, information, naming
from tables import check_table

DATABASE = Path(__file__).parents[2] / "resources" / "demo" / "JASPAR2024_CORE_vertebrates_non-redundant.meme.gz"
FLANK = 12


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    path = tmp_path_factory.mktemp("database") / "jaspar.meme"
    path.write_bytes(gzip.decompress(DATABASE.read_bytes()))
    return path


@pytest.fixture(scope="module")
def motifs(database):
    return {motif.id: motif for motif in read_meme(database)}


def pattern(matrix, sign=1, n_seqlets=50):
    """A pattern of TF-MoDISco that shows a matrix between flanks without contributions."""
    rng = np.random.default_rng(0)
    flank = rng.dirichlet(np.full(4, 50), FLANK).T
    frequencies = np.hstack([flank, matrix / matrix.sum(axis=0), flank])
    contributions = np.zeros(frequencies.shape)
    contributions[:, FLANK:-FLANK] = sign * matrix
    return frequencies, contributions, n_seqlets


def write(path, positive=(), negative=()):
    with h5py.File(path, "w") as store:
        for key, patterns in (("pos_patterns", positive), ("neg_patterns", negative)):
            for number, (frequencies, contributions, n_seqlets) in enumerate(patterns):
                group = store.create_group(f"{key}/pattern_{number}")
                group["sequence"], group["contrib_scores"] = frequencies.T, contributions.T
                group["seqlets/n_seqlets"] = np.array([n_seqlets])
    return path


def test_each_pattern_gets_the_name_of_its_matrix(tmp_path, database, motifs):
    ids = ["MA0139.2", "MA0138.3", "MA0106.3", "MA0003.5"]
    reverse = motifs["MA0003.5"].matrix[::-1, ::-1]
    modisco = write(
        tmp_path / "modisco.h5",
        [pattern(motifs[ids[0]].matrix, 1, 40), pattern(motifs[ids[1]].matrix, 1, 60)],
        [pattern(motifs[ids[2]].matrix, -1, 50)],
    )
    control = write(tmp_path / "control.h5", negative=[pattern(reverse, -1)])
    naming.write_names(modisco, control, database, tmp_path / "patterns.tsv", threads=1)
    table = check_table(tmp_path / "patterns.tsv", "patterns")
    assert table["run"].tolist() == ["attributions"] * 3 + ["control"]
    assert table["pattern"].tolist() == ["pos_1", "neg_0", "pos_0", "neg_0"]
    assert table["n_seqlets"].tolist() == ["60", "50", "40", "50"]
    assert table["match_id"].tolist() == [ids[1], ids[2], ids[0], ids[3]]
    assert table["match_name"].tolist() == [motifs[item].name for item in (ids[1], ids[2], ids[0], ids[3])]
    assert (table["q_value"].astype(float) < 1e-3).all()
    assert (table["q_value"].astype(float) >= table["p_value"].astype(float)).all()
    widths = [motifs[item].matrix.shape[1] + 2 * naming.FLANK for item in (ids[1], ids[2], ids[0], ids[3])]
    assert table["width"].astype(int).tolist() == widths
    assert table["consensus"].str.len().tolist() == widths


def test_next_matches_and_family_are_those_of_the_comparison(tmp_path, database, motifs):
    known = list(motifs.values())
    path = write(tmp_path / "m.h5", [pattern(motifs["MA0003.5"].matrix), pattern(motifs["MA0138.3"].matrix)])
    table = naming.name_patterns(path, path, database)
    members = dict(zip(motifs, families.of(known), strict=True))
    for row, query in zip(table.itertuples(), naming.read_patterns(path) * 2, strict=True):
        p, q = (values[0] for values in naming.compare([query.trimmed().sequence], known))
        best = sorted((value, motif.id) for value, motif in zip(p, known, strict=True) if value < 1)[:3]
        cells = [row.match_id, row.match2_id, row.match3_id][: len(best)]
        assert cells == [item for _, item in best] and row.family == members[row.match_id]
        values = [row.q_value, row.match2_q_value, row.match3_q_value][: len(best)]
        np.testing.assert_allclose(values, [q[list(motifs).index(item)] for item in cells])
    # AP-2 has many matrices, which are one family.
    assert {motifs[item].name[:5] for item in (table["match_id"][0], table["match2_id"][0])} == {"TFAP2"}


def test_a_pattern_of_one_output_has_its_name(tmp_path, database, motifs):
    codes = np.zeros((4, 20), dtype=np.uint8)
    targets = np.array(["a", "b", "a", "b"])
    attributions = attributed.write(tmp_path / "a.npz", codes, np.zeros((4, 4, 20), np.float32), targets=targets)
    path = write(tmp_path / "m.h5", [pattern(motifs["MA0138.3"].matrix, n_seqlets=n) for n in (9, 8, 7)])
    with h5py.File(path, "r+") as store:
        for number, rows in enumerate(([0, 2, 2], [3], [0, 1])):
            store[f"pos_patterns/pattern_{number}/seqlets/example_idx"] = np.array(rows)
    table = naming.name_patterns(path, path, database, null=path, attributions=attributions)
    assert table["run"].tolist() == ["attributions"] * 3 + ["shuffled"] * 3 + ["control"] * 3
    # Rows of shuffled sequences are others.
    assert table["target"].tolist() == ["a", "b", "", "", "", "", "a", "b", ""]


def test_p_values_are_those_of_tomtom_where_enough_is_shared(motifs):
    known = list(motifs.values())
    matrices = [motif.matrix for motif in known]
    found = naming.compare([motifs["MA0139.2"].matrix], known, threads=1).p[0]
    expected = tomtom([motifs["MA0139.2"].matrix], matrices)[0][0]
    kept = found < 1
    np.testing.assert_array_equal(found[kept], expected[kept])
    assert {motif.name for motif, keep in zip(known, kept, strict=True) if keep} >= {"CTCF", "CTCFL"}
    assert expected[~kept].min() > 1e-6


def test_q_values_are_those_of_benjamini_and_hochberg_over_the_database(motifs):
    queries = [motifs[item].matrix for item in ("MA0139.2", "MA0003.5")]
    found = naming.compare(queries, list(motifs.values()), threads=1)
    for p, q in zip(found.p, found.q, strict=True):
        # Step-up by its definition: the smallest p(j) t / j of all ranks j at or above one's own.
        order = np.argsort(p)
        scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
        expected = [min(scaled[rank:].min(), 1) for rank in range(len(p))]
        np.testing.assert_allclose(q[order], expected, rtol=1e-12)


def sampled(rng, frequencies, n):
    """What `n` sequences with these base frequencies (4, w) show."""
    return np.array([rng.multinomial(n, column / column.sum()) for column in frequencies.T]).T / n


def test_what_noise_makes_of_seqlets_gets_no_name(motifs):
    """TOMTOM alone is sure: the flat middle of long motifs is like nothing else in the database."""
    rng = np.random.default_rng(0)
    known = list(motifs.values())
    queries = [sampled(rng, np.full((4, width), 0.25), n) for n in (20, 50, 200) for width in (15, 30, 50)]
    alone = tomtom(queries, [motif.matrix for motif in known])[0].min(axis=1)
    assert (alone < 1e-6).all()
    assert (naming.compare(queries, known).p == 1).all()


def test_columns_drawn_from_the_database_are_named_as_often_as_the_level_says(motifs):
    rng = np.random.default_rng(0)
    known = list(motifs.values())
    columns = np.hstack([motif.matrix for motif in known])
    queries = [columns[:, rng.integers(0, columns.shape[1], 10)] for _ in range(150)]
    named = (naming.compare(queries, known).q < 0.05).any(axis=1)
    # 5% and three standard errors.
    assert named.mean() < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 150)


def test_few_seqlets_and_long_flanks_leave_the_name(motifs):
    rng = np.random.default_rng(0)
    known = list(motifs.values())
    chosen = known[::25]
    flanks = np.full((4, 5), 0.25), np.full((4, 20), 0.25)
    queries = [sampled(rng, np.hstack([flanks[0], motif.matrix, flanks[1]]), 30) for motif in chosen]
    found = naming.compare(queries, known)
    names = [known[naming.nearest(p, known, 1)[0]].name for p in found.p]
    right = [name == motif.name for name, motif in zip(names, chosen, strict=True)]
    assert np.mean(right) > 0.8 and (found.q.min(axis=1) < 0.05).mean() > 0.95


def test_a_matrix_shares_all_its_information_with_itself(motifs):
    chosen = [motif.matrix for motif in list(motifs.values())[::50]]
    held = [naming.column_information(matrix).sum() for matrix in chosen]
    for number, matrix in enumerate(chosen):
        for strand in (matrix, matrix[::-1, ::-1]):
            padded = np.hstack([np.full((4, 3), 0.25), strand])
            shared = information.shared([padded], chosen)[0]
            assert shared[number] == pytest.approx(held[number], rel=1e-3)
            assert (shared <= np.minimum(held, held[number]) * (1 + 1e-3)).all()


def test_shared_information_of_small_matrices_by_hand():
    a, c, flat = np.eye(4)[:, :1], np.eye(4)[:, 1:2], np.full((4, 1), 0.25)
    half = np.array([[0.5, 0.5, 0, 0]]).T
    query = np.hstack([a, flat, a])
    targets = [a, np.hstack([a, c, a]), c, flat, half, np.hstack([a, a])]
    # A half-half column holds one bit, and its deviation lies at 54.7 degrees from that of one of its bases.
    expected = [2, 4, 0, 0, 1 / np.sqrt(3), 2]
    np.testing.assert_allclose(information.shared([query], targets)[0], expected, atol=1e-12)


def test_a_pattern_without_match_has_empty_columns(tmp_path, database):
    path = write(tmp_path / "m.h5", [pattern(sampled(np.random.default_rng(0), np.full((4, 20), 0.25), 30))])
    naming.write_names(path, path, database, tmp_path / "patterns.tsv")
    table = check_table(tmp_path / "patterns.tsv", "patterns")
    assert (table.loc[:, "match_id":"match3_q_value"] == "").all(axis=None)


def test_ties_go_to_the_first_id(tmp_path, database, motifs):
    text = database.read_text()
    block = text[text.index("MOTIF MA0139.2") : text.index("URL", text.index("MOTIF MA0139.2"))]
    twins = block.replace("MA0139.2 CTCF", "MZ9 LATE") + "\n" + block.replace("MA0139.2 CTCF", "AA1 EARLY")
    (tmp_path / "twins.meme").write_text(f"{text}\n{twins}")
    path = write(tmp_path / "m.h5", [pattern(motifs["MA0139.2"].matrix)])
    assert naming.name_patterns(path, path, tmp_path / "twins.meme")["match_id"].tolist() == ["AA1", "AA1"]


def test_trimming_keeps_weak_columns_inside():
    contributions = np.zeros((4, 10))
    contributions[0, [3, 6]] = [-1.0, 0.3]
    contributions[1, 8] = 0.29
    trimmed = naming.Pattern("pos_0", 1, np.full((4, 10), 0.25), contributions).trimmed()
    np.testing.assert_array_equal(trimmed.contributions, contributions[:, 2:8])
    assert trimmed.sequence.shape == (4, 6)


def test_trimming_stops_at_the_ends():
    contributions = np.eye(4)
    assert naming.Pattern("pos_0", 1, contributions, contributions).trimmed().sequence.shape == (4, 4)


def test_consensus_is_n_without_a_majority():
    assert naming.consensus(np.array([[0.9, 0.5, 0.4], [0, 0.5, 0.3], [0, 0, 0.3], [0.1, 0, 0]])) == "AAN"


def test_unknown_bases_leave_frequencies(tmp_path):
    frequencies = np.array([[0.5, 0, 0], [0.25, 0, 0], [0, 0, 1], [0, 0, 0]])
    found = naming.read_patterns(write(tmp_path / "m.h5", [(frequencies, np.ones((4, 3)), 3)]))[0]
    np.testing.assert_allclose(found.sequence.sum(axis=0), 1)
    np.testing.assert_allclose(found.sequence[:, 0], [2 / 3, 1 / 3, 0, 0])
    np.testing.assert_allclose(found.sequence[:, 1], 0.25)


def test_patterns_are_ranked_by_seqlets_then_number(tmp_path):
    part = np.full((4, 6), 0.25)
    positive = [(part, part, 20)] * 11
    positive[10] = (part, part, 90)
    names = [item.name for item in naming.read_patterns(write(tmp_path / "m.h5", positive, [(part, part, 20)]))]
    assert names == ["pos_10", *(f"pos_{i}" for i in range(10)), "neg_0"]


def test_no_patterns_give_an_empty_table(tmp_path, database):
    empty = write(tmp_path / "m.h5")
    naming.write_names(empty, empty, database, tmp_path / "patterns.tsv")
    assert len(check_table(tmp_path / "patterns.tsv", "patterns")) == 0


def test_same_input_same_bytes(tmp_path, database, motifs):
    path = write(tmp_path / "m.h5", [pattern(motifs["MA0139.2"].matrix)])
    for name, threads in (("a.tsv", 1), ("b.tsv", None)):
        naming.write_names(path, path, database, tmp_path / name, threads)
    assert (tmp_path / "a.tsv").read_bytes() == (tmp_path / "b.tsv").read_bytes()


def test_what_is_no_result_is_refused(tmp_path):
    (tmp_path / "text.h5").write_text("not HDF5")
    with h5py.File(tmp_path / "other.h5", "w") as store:
        store["pos_patterns/pattern_0/sequence"] = np.zeros((3, 4))
    with pytest.raises(InputError, match="absent.h5: no such file"):
        naming.read_patterns(tmp_path / "absent.h5")
    for name in ("text.h5", "other.h5"):
        with pytest.raises(InputError, match=f"{name}: not a complete TF-MoDISco result"):
            naming.read_patterns(tmp_path / name)
