"""Which planted motifs count as found, and how."""

import gzip
from pathlib import Path

import pandas as pd
import pytest

from cisflow.errors import InputError
from cisflow.io.meme import read_meme
from cisflow.motifs import recovery
from tables import check_table

DATABASE = Path(__file__).parents[2] / "resources" / "demo" / "JASPAR2024_CORE_vertebrates_non-redundant.meme.gz"
COLUMNS = ["run", "pattern", "match_id", "match_name", "p_value", "q_value"]


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    path = tmp_path_factory.mktemp("database") / "jaspar.meme"
    path.write_bytes(gzip.decompress(DATABASE.read_bytes()))
    return path


@pytest.fixture(scope="module")
def motifs(database):
    return {motif.id: motif for motif in read_meme(database)}


def recovered(motifs, patterns, planted):
    truth = pd.DataFrame(planted, columns=["target", "matrix_id"])
    return recovery.recovered(pd.DataFrame(patterns, columns=COLUMNS), truth, motifs).to_dict("records")


def row(motifs, item, q=1e-5, run="attributions", pattern="pos_0"):
    return (run, pattern, item, motifs[item].name, q / 100, q)


def test_found_by_name(motifs):
    (found,) = recovered(motifs, [row(motifs, "MA0139.2")], [("CTCF", "MA0139.2")] * 3)
    assert found == {
        **{"target": "CTCF", "matrix_id": "MA0139.2", "matrix_name": "CTCF", "found": 1, "pattern": "pos_0"},
        **{"match_id": "MA0139.2", "match_name": "CTCF", "q_value": 1e-5, "how": "name"},
    }


def test_other_matrix_of_the_same_factor_is_the_name(motifs):
    assert motifs["MA1929.2"].name == "CTCF"
    (found,) = recovered(motifs, [row(motifs, "MA1929.2")], [("CTCF", "MA0139.2")])
    assert (found["found"], found["how"], found["match_id"]) == (1, "name", "MA1929.2")


def test_similar_matrix_of_another_factor_is_the_family(motifs):
    ids = {motif.name: item for item, motif in motifs.items()}
    (found,) = recovered(motifs, [row(motifs, ids["Gata3"])], [("x", ids["GATA2"])])
    assert (found["found"], found["how"], found["match_name"]) == (1, "family", "Gata3")


def test_other_factor_is_not_found(motifs):
    ids = {motif.name: item for item, motif in motifs.items()}
    (found,) = recovered(motifs, [row(motifs, ids["GATA2"])], [("CTCF", "MA0139.2")])
    assert (found["found"], found["pattern"], found["match_id"], found["how"]) == (0, "", "", "")
    assert pd.isna(found["q_value"])


@pytest.mark.parametrize("change", [{"run": "control"}, {"pattern": "neg_0"}, {"q": 0.05}])
def test_control_negative_and_weak_patterns_do_not_count(motifs, change):
    assert recovered(motifs, [row(motifs, "MA0139.2", **change)], [("CTCF", "MA0139.2")])[0]["found"] == 0


def test_name_goes_before_a_better_family_and_the_best_pattern_is_given(motifs):
    ids = {motif.name: item for item, motif in motifs.items()}
    patterns = [
        row(motifs, ids["Gata3"], 1e-9, pattern="pos_0"),
        row(motifs, ids["GATA2"], 1e-3, pattern="pos_1"),
        row(motifs, ids["GATA2"], 1e-4, pattern="pos_2"),
    ]
    (found,) = recovered(motifs, patterns, [("x", ids["GATA2"])])
    assert (found["pattern"], found["how"], found["q_value"]) == ("pos_2", "name", 1e-4)


def test_rows_are_sorted_and_one_a_target_and_matrix(motifs):
    planted = [("b", "MA0139.2"), ("a", "MA0138.3"), ("b", "MA0139.2"), ("a", "MA0106.3")]
    found = recovered(motifs, [], planted)
    assert [(item["target"], item["matrix_id"]) for item in found] == [
        *(("a", "MA0106.3"), ("a", "MA0138.3"), ("b", "MA0139.2")),
    ]
    assert [item["found"] for item in found] == [0, 0, 0]


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("MAX::MYC", "Myc", True),
        ("Gata1", "GATA1", True),
        ("RORA(var.2)", "RORA", True),
        ("FOS::JUN(var.2)", "JUN", True),
        ("GATA1", "GATA10", False),
        ("CTCF", "CTCFL", False),
    ],
)
def test_names_share_a_factor(first, second, same):
    assert recovery.same_factor(first, second) == recovery.same_factor(second, first) == same


def test_every_motif_is_of_its_own_family_and_families_are_small(motifs):
    ids = [item for item in list(motifs)[::40] if motifs[item].matrix.shape[1] > 8]
    families = recovery.families(ids, motifs)
    assert all(item in families[item] for item in ids)
    assert max(map(len, families.values())) < len(motifs) / 4


def write(folder, patterns, truth):
    pd.DataFrame(patterns, columns=COLUMNS).to_csv(folder / "patterns.tsv", sep="\t", index=False)
    pd.DataFrame(truth, columns=["target", "matrix_id"]).to_csv(folder / "truth.tsv", sep="\t", index=False)
    return folder / "patterns.tsv", folder / "truth.tsv"


def test_table_fits_its_schema(tmp_path, database, motifs):
    paths = write(tmp_path, [row(motifs, "MA0139.2")], [("CTCF", "MA0139.2"), ("REST", "MA0138.3")])
    recovery.write_recovery(*paths, database, tmp_path / "recovery.tsv")
    table = check_table(tmp_path / "recovery.tsv", "recovery")
    assert table["found"].tolist() == ["1", "0"]


def test_patterns_without_a_match_pass(tmp_path, database):
    patterns = [("attributions", "pos_0", "", "", None, None), ("control", "pos_0", "", "", None, None)]
    paths = write(tmp_path, patterns, [("CTCF", "MA0139.2")])
    recovery.write_recovery(*paths, database, tmp_path / "recovery.tsv")
    assert check_table(tmp_path / "recovery.tsv", "recovery")["found"].tolist() == ["0"]


def test_without_patterns_nothing_is_found(tmp_path, database):
    recovery.write_recovery(*write(tmp_path, [], [("CTCF", "MA0139.2")]), database, tmp_path / "recovery.tsv")
    assert check_table(tmp_path / "recovery.tsv", "recovery")["found"].tolist() == ["0"]


def test_unknown_matrices_are_refused(tmp_path, database, motifs):
    paths = write(tmp_path, [], [("CTCF", "MA0139.2"), ("x", "MA9.9")])
    with pytest.raises(InputError, match=r"truth.tsv: row 3: matrix_id is 'MA9.9', expected a motif of .*jaspar.meme"):
        recovery.write_recovery(*paths, database, tmp_path / "recovery.tsv")
    paths = write(tmp_path, [("control", "pos_0", "MA9.9", "x", 0, 0)], [("CTCF", "MA0139.2")])
    with pytest.raises(InputError, match=r"patterns.tsv: row 2: match_id is 'MA9.9'"):
        recovery.write_recovery(*paths, database, tmp_path / "recovery.tsv")
