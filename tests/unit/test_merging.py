"""Patterns of several runs, merged: what is shared is one row, with the seqlets, effects and seeds planted."""

import numpy as np
import pandas as pd
import pytest

from attributed import write as write_attributions
from cisflow.errors import InputError
from cisflow.io.meme import Motif, read_meme, write_meme
from cisflow.io.tables import write_table
from cisflow.motifs import merging, runs, similarity
from cisflow.sequence import dna
from patterned import Planted, plant, probabilities, write
from tables import check_table

N, LENGTH = 40, 100
HIT_COLUMNS = ("id", "target", "pattern", "name", "start", "end", "strand", "score", "similarity", "q_value")
SHARED, OWN = "TGACTCAGCAT", "CCGGAAGTG"
TABLES = {"patterns": "merged_patterns", "members": "pattern_members", "instances": "pattern_instances"}


def brute_force(first, second):
    """Largest correlation of two matrices over the union of their columns, over places and strands."""
    best = -1.0
    for reverse in (False, True):
        other = second[::-1, ::-1] if reverse else second
        for offset in range(1 - other.shape[1], first.shape[1]):
            left, right = min(0, offset), max(first.shape[1], offset + other.shape[1])
            views = np.full((2, 4, right - left), 0.25)
            views[0, :, -left : first.shape[1] - left] = first
            views[1, :, offset - left : offset - left + other.shape[1]] = other
            best = max(best, np.corrcoef(views[0].ravel(), views[1].ravel())[0, 1])
    return best


def test_similarity_is_the_correlation_over_the_union_as_motifs_lie_best():
    rng = np.random.default_rng(0)
    matrices = [rng.dirichlet(np.full(4, 0.4), width).T for width in (4, 9, 13, 6)]
    found = similarity.similarities(matrices)
    expected = [[brute_force(first, second) for second in matrices] for first in matrices]
    np.testing.assert_allclose(found.r, expected, atol=1e-12)
    np.testing.assert_allclose(found.r.diagonal(), 1)
    assert not found.offset.diagonal().any() and not found.reverse.diagonal().any()


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("offset", [-3, 0, 5])
def test_similarity_says_where_a_motif_lies(offset, reverse):
    matrix = np.random.default_rng(1).dirichlet(np.full(4, 0.1), 12).T
    pieces = np.full((4, 40), 0.25)
    pieces[:, 14 + offset : 26 + offset] = matrix[::-1, ::-1] if reverse else matrix
    found = similarity.similarities([pieces[:, 14:26]], [matrix])
    assert (found.offset.item(), found.reverse.item()) == (offset, reverse)


def test_similarity_of_uniform_columns_and_of_nothing():
    uniform = similarity.similarities([np.full((4, 5), 0.25), probabilities("ACGTT")])
    np.testing.assert_allclose(uniform.r, [[0, 0], [0, 1]])
    assert similarity.similarities([]).r.shape == (0, 0)


# Two models, of which one has two seeds, share one motif -------------------------------------------------------------

RUNS = [
    ("a", "random", 1, "ism"),
    ("a", "random", 2, "ism"),
    ("b", "random", 1, "tism"),
]


def planted():
    """Of each run, its motifs: the shared one lies in each file elsewhere, on either strand and with either sign."""
    rng = np.random.default_rng(0)

    def somewhere(rows, low, high):
        return rng.integers(low, high, len(rows)), rng.choice(["+", "-"], len(rows))

    first, second, third = range(0, 20), range(5, 20), range(10, 40)
    return [
        [Planted(SHARED, first, *somewhere(first, 20, 70), height=1.0)],
        [
            Planted(SHARED, second, *somewhere(second, 20, 40), height=2.0, shift=4, reverse=True),
            Planted(OWN, second, *somewhere(second, 60, 70), height=0.5),
        ],
        [Planted(SHARED, third, *somewhere(third, 20, 70), sign="neg", height=3.0, shift=-3)],
    ]


def written(folder, planted, hits=None, targets=("t", "u"), settings=None):
    """{table: frame of text} of a merge; rows of the attribution files are half of one target, half of the other."""
    rng = np.random.default_rng(7)
    table = pd.DataFrame(RUNS[: len(planted)], columns=runs.COLUMNS)
    (folder / "patterns").mkdir(exist_ok=True)
    write_table(folder / "patterns" / "runs.tsv", table)
    for number, (run, motifs) in enumerate(zip(runs.read(folder / "patterns" / "runs.tsv"), planted, strict=True)):
        for path in (run.modisco, run.attributions):
            path.parent.mkdir(parents=True, exist_ok=True)
        codes = plant(rng.integers(0, 4, (N, LENGTH)).astype(np.uint8), motifs)
        write(run.modisco, codes, motifs)
        of = np.array(targets)[np.arange(N) % len(targets)]
        write_attributions(run.attributions, codes, np.zeros((N, 4, LENGTH), np.float32), targets=of)
        # What naming says beside names: of the patterns against an output in the third run.
        told = [("attributions", "pos_0", ""), ("attributions", "neg_0", "splice donor"), ("control", "pos_0", "x")]
        write_table(run.patterns, pd.DataFrame(told, columns=["run", "pattern", "note"]))
        if hits is not None:
            write_table(run.hits, pd.DataFrame(hits[number], columns=HIT_COLUMNS))
    known = {"K1": "ATGCTGAGTCA", "K2": "CCGGAAGTG", "K3": "CACGTGTTAC"}
    others = {f"R{number}": dna.decode(rng.integers(0, 4, 10).astype(np.uint8)) for number in range(30)}
    known = [Motif(key, f"name of {key}", probabilities(text)) for key, text in (known | others).items()]
    write_meme(folder / "known.meme", known, [20] * len(known))
    return merge(folder, settings, hits is not None)


def merge(folder, settings=None, hits=False):
    settings = merging.Settings.complete(settings or {}, "motifs.merging")
    out = folder / "patterns"
    merging.merge_patterns(out / "runs.tsv", folder / "known.meme", settings, out, hits, threads=1)
    return {name: check_table(out / f"{name}.tsv", schema) for name, schema in TABLES.items()}


@pytest.fixture(scope="module")
def merged(tmp_path_factory):
    folder = tmp_path_factory.mktemp("merged")
    return folder, written(folder, planted())


def test_the_shared_motif_is_one_pattern_and_the_other_one_more(merged):
    _, tables = merged
    members = tables["members"]
    of = members.groupby("pattern")[["model", "seed", "member"]].apply(lambda part: part.values.tolist())
    assert of["M1"] == [["a", "1", "pos_0"], ["a", "2", "pos_0"], ["b", "1", "neg_0"]]
    assert of["M2"] == [["a", "2", "pos_1"]] and len(members) == 4
    assert (members["similarity"].astype(float) > 0.9).all()


def test_cells_count_the_seqlets_effects_and_seeds_that_were_planted(merged):
    table = merged[1]["patterns"].set_index(["pattern", "model", "output", "sign"])
    width = len(SHARED)
    for output, rows in (("t", 0), ("u", 1)):
        # 20 seqlets of height 1 and 15 of height 2, of which every second row is of the output.
        n = [sum(row % 2 == rows for row in span) for span in (range(20), range(5, 20), range(10, 40))]
        cell = table.loc[("M1", "a", output, "+")]
        assert (int(cell["n_seqlets"]), cell["n_seeds"], cell["seeds"]) == (n[0] + n[1], "2", "2")
        assert float(cell["effect"]) == pytest.approx(width * (n[0] + 2 * n[1]) / (n[0] + n[1]))
        assert int(cell["n_sequences"]) == n[0]
        cell = table.loc[("M1", "b", output, "-")]
        assert (int(cell["n_seqlets"]), float(cell["effect"])) == (n[2], pytest.approx(-3 * width))
    assert table.loc[("M1", "a", "", "+")]["n_seqlets"] == "35" and table.loc[("M2", "a", "", "+")]["n_seeds"] == "1"
    absent = table.loc[("M2", "b", "t", "")]
    assert (absent["n_seqlets"], absent["effect"], absent["n_seeds"], absent["seeds"]) == ("0", "", "0", "1")
    assert (table["n_hits"] == "").all()


def test_matrices_are_the_planted_motifs_as_their_match_is_read(merged):
    folder, tables = merged
    motifs = {motif.id: motif for motif in read_meme(folder / "patterns" / "patterns.meme")}
    table = tables["patterns"].drop_duplicates("pattern").set_index("pattern")
    assert table["match_name"].to_dict() == {"M1": "name of K1", "M2": "name of K2"}
    assert (table["q_value"].astype(float) < 0.01).all() and motifs["M1"].name == "name of K1"
    # K1 is the reverse complement of what was planted; the pattern has a flank on either side.
    for name, consensus in (("M1", "ATGCTGAGTCA"), ("M2", OWN)):
        assert dna.decode(motifs[name].matrix.argmax(axis=0).astype(np.uint8))[1:-1] == consensus
        assert table.loc[name, "consensus"].strip("N") == consensus
        assert int(table.loc[name, "width"]) == motifs[name].matrix.shape[1] == len(consensus) + 2


def test_instances_lie_where_the_sites_were_planted(merged):
    instances = merged[1]["instances"]
    for run, motifs in zip(RUNS, planted(), strict=True):
        for motif in motifs:
            name = "M1" if motif.consensus == SHARED else "M2"
            same = (instances["pattern"] == name) & (instances["model"] == run[0])
            found = instances[same & (instances["seed"] == str(run[2]))].set_index("id")
            assert len(found) == len(motif.rows)
            for row, place, strand in zip(motif.rows, motif.places, motif.strands, strict=True):
                one = found.loc[f"w{row}"]
                # The merged pattern is read as its match, the other strand of what was planted.
                strand = strand if name == "M2" else "+-"[strand == "+"]
                expected = (place - 1, place + len(motif.consensus) + 1, strand)
                assert (int(one["start"]), int(one["end"]), one["strand"]) == expected
                assert one["output"] == "tu"[row % 2] and one["sign"] == {"pos": "+", "neg": "-"}[motif.sign]


def test_a_note_is_that_of_most_seqlets(merged, tmp_path):
    # 35 seqlets of two seeds without a note, 30 of a third run with one.
    assert set(merged[1]["patterns"]["note"]) == {""}
    table = written(tmp_path, [planted()[0], [], planted()[2]])["patterns"]
    assert table.groupby("pattern")["note"].agg(set).to_dict() == {"M1": {"splice donor"}}


def test_hits_lie_on_the_merged_pattern_and_are_counted(tmp_path):
    """Where the hits are the sites that the seqlets are of, both are the same instances."""
    hits = []
    for motifs in planted():
        rank, rows = {"pos": 0, "neg": 0}, []
        for motif in motifs:
            for row, place, strand in zip(motif.rows, motif.places, motif.strands, strict=True):
                read = strand if not motif.reverse else "+-"[strand == "+"]
                span = (place, place + len(motif.consensus), read)
                rows.append((f"w{row}", "tu"[row % 2], f"{motif.sign}_{rank[motif.sign]}", "", *span, 2.5, 0.9, 0.01))
            rank[motif.sign] += 1
        hits.append(rows)
    tables = written(tmp_path, planted(), hits)
    places = ["pattern", *runs.COLUMNS, "output", "id", "start", "end", "strand", "sign"]
    found = {kind: part[places].values.tolist() for kind, part in tables["instances"].groupby("kind")}
    assert found["hit"] == found["seqlet"]
    table = tables["patterns"]
    assert (table["n_hits"] == table["n_seqlets"]).all() and table["n_hits"].astype(int).sum() > 100
    scores = tables["instances"].groupby(["kind", "sign"])["contribution"].apply(lambda part: set(part.astype(float)))
    assert scores["hit"].to_dict() == {"+": {2.5}, "-": {-2.5}}


def test_hits_of_an_unknown_pattern_are_refused(tmp_path):
    row = ("w0", "t", "pos_9", "", 5, 20, "+", 1.0, 0.9, 0.01)
    with pytest.raises(InputError, match=r"hits.tsv: pattern 'pos_9' is none of its run; expected one of pos_0"):
        written(tmp_path, planted()[:1], [[row]])


def test_one_output_has_no_cell_of_all_together(tmp_path):
    table = written(tmp_path, planted()[:1], targets=("t",))["patterns"]
    assert table[["model", "output", "n_seqlets"]].values.tolist() == [["a", "t", "20"]]


def test_a_site_past_the_end_of_its_window_is_clipped(tmp_path):
    motif = Planted(SHARED, range(20), [0] * 10 + [LENGTH - len(SHARED)] * 10, ["+"] * 20)
    instances = written(tmp_path, [[motif]], targets=("t",))["instances"].astype({"start": int, "end": int})
    assert set(zip(instances["start"], instances["end"], strict=True)) == {(0, 12), (LENGTH - 12, LENGTH)}


def test_nothing_found_is_empty_tables(tmp_path):
    tables = written(tmp_path, [[], [], []])
    assert all(table.empty for table in tables.values())
    assert "MOTIF" not in (tmp_path / "patterns" / "patterns.meme").read_text()


def test_similarity_of_one_merges_equal_patterns_alone(tmp_path):
    assert written(tmp_path, planted(), settings={"similarity": 1})["members"]["pattern"].nunique() == 4


def test_a_seqlet_of_no_row_is_refused(tmp_path):
    written(tmp_path, [[Planted(SHARED, range(20), [30] * 20, ["+"] * 20)]])
    codes = np.zeros((3, LENGTH), dtype=np.uint8)
    (run,) = runs.read(tmp_path / "patterns" / "runs.tsv")
    write_attributions(run.attributions, codes, np.zeros((3, 4, LENGTH), np.float32))
    with pytest.raises(InputError, match=r"modisco.h5: a seqlet is of row 20; expected one of 3 rows"):
        merge(tmp_path)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "no row, expected at least one run"),
        (["a\tr\t1.5\tism"], "row 1: seed is 1.5, expected a whole number"),
        (["a\tr\t1\tism", "a\tr\t1\tism"], "row 2: the run is there twice"),
    ],
)
def test_bad_tables_of_runs_are_refused(tmp_path, rows, words):
    (tmp_path / "runs.tsv").write_text("\n".join(["model\tsplit\tseed\tmethod", *rows]) + "\n")
    with pytest.raises(InputError, match=words):
        runs.read(tmp_path / "runs.tsv")


def test_meme_files_are_read_back(tmp_path):
    motifs = [Motif("M1", "A::B (var.2)", probabilities("ACGT")), Motif("M2", "M2", np.full((4, 3), 0.25))]
    write_meme(tmp_path / "m.meme", motifs, [3, 4])
    for motif, found in zip(motifs, read_meme(tmp_path / "m.meme"), strict=True):
        assert (motif.id, motif.name) == (found.id, found.name)
        np.testing.assert_allclose(motif.matrix, found.matrix, atol=1e-6)
