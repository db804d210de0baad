"""Rows find their windows by the names that both have: the same as a look-up in a dict, and nothing is lost."""

import numpy as np
import pytest

from cisflow.data import dataset as datasets
from cisflow.data import joining, ledger, numbers
from cisflow.data.targets import matrix
from cisflow.errors import InputError
from matrices import collect, windows, write_text

RNG = np.random.default_rng(8)
GENES = [f"ENSG{i:011d}" for i in range(40)]


def joined(folder, names, rows, **settings):
    """{window: its number}, of a matrix whose n-th row holds n."""
    write_text(folder / "m.tsv", np.arange(len(names))[:, None], names, ["x"])
    found = collect(folder / "m.tsv", rows, **settings)
    ids = rows.frame["id"]
    assert (found.ledger["outcome"] == "kept").sum() + (found.ledger["outcome"] == "dropped").sum() == len(names)
    return {
        id: None if np.isnan(value) else int(value) for id, value in zip(ids, found.values[:, 0], strict=True)
    }, found


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("id", str, "id"),
        ("gene_id", str, "gene_id"),
        ("gene_id", lambda gene: f"{gene}.{RNG.integers(1, 20)}", "gene_id without version"),
        ("gene_name", lambda gene: f"SYM{gene[-3:]}", "gene_name"),
        ("transcript_id", lambda gene: f"NM_{gene[-6:]}.2", "transcript_id without version"),
    ],
)
def test_rows_find_windows_as_in_a_dict(tmp_path, capsys, name, text, kind):
    wanted = RNG.permutation(40)[:25]
    genes = [GENES[i] for i in wanted]
    own = {
        "gene_id": [f"{gene}.7" if "without" in kind else gene for gene in genes],
        "gene_name": [f"SYM{gene[-3:]}" for gene in genes],
        "transcript_id": [f"NM_{gene[-6:]}" for gene in genes],
    }
    ids = genes if name == "id" else [f"w{i}" for i in range(25)]
    rows = windows(ids, None if name == "id" else own)
    matrix_names = [text(gene) for gene in GENES if int(gene[4:]) % 5]
    found, _ = joined(tmp_path, matrix_names, rows)
    place = {gene: i for i, gene in enumerate(gene for gene in GENES if int(gene[4:]) % 5)}
    assert found == {id: place.get(gene) for id, gene in zip(ids, genes, strict=True)}
    assert f"rows joined by name to the windows' {kind}: " in capsys.readouterr().err


@pytest.mark.parametrize("text", ["chr1:{}-{}", "chr1_{}_{}", "chr1-{}-{}", "1:{}-{}", "chr1:{}-{}(+)"])
@pytest.mark.parametrize("first", [0, 1])
def test_regions_are_named_by_where_they_lie_however_it_is_written(tmp_path, text, first):
    names = [text.format(100 * i + first, 100 * i + 50) for i in (5, 2, 77)]
    rows = windows(["a", "b", "c", "d", "e", "f"])
    assert joined(tmp_path, names, rows)[0] == {"a": None, "b": None, "c": 1, "d": None, "e": None, "f": 0}


def test_peaks_are_called_by_their_own_interval_and_not_by_the_window(tmp_path):
    rows = windows(["a", "b"], {"interval": ["chr1:10-30", "chr1:115-140"]})
    assert joined(tmp_path, ["chr1:115-140", "chr1:9-30"], rows)[0] == {"a": None, "b": 0}


def test_coordinates_in_columns_name_rows_and_are_no_tracks(tmp_path):
    lines = ["chr\tstart\tend\tstrand\tset\tx", "chr1\t100\t150\t+\tq\t1.5", "chr1\t0\t50\t-\tq\t2.5"]
    (tmp_path / "m.tsv").write_text("\n".join(lines) + "\n")
    found = collect(tmp_path / "m.tsv", windows(["a", "b"]))
    assert found.values.tolist() == [[2.5], [1.5]] and found.tracks["target"].tolist() == ["x"]


def test_the_names_that_most_windows_have_are_taken_but_those_asked_for_first(tmp_path):
    lines = ["n\tsymbol\tgene\tx", "0\tS1\tG1\t1", "1\tS2\tG2\t2", "2\tw3\tG9\t3"]
    (tmp_path / "m.tsv").write_text("\n".join(lines) + "\n")
    rows = windows(["w1", "w2", "w3"], {"gene_id": ["G1", "G2", "G3"]})
    assert collect(tmp_path / "m.tsv", rows).values[:, 0].tolist()[:2] == [1, 2]
    asked = collect(tmp_path / "m.tsv", rows, names="symbol", columns=["x"]).values[:, 0]
    assert np.isnan(asked[:2]).all() and asked[2] == 3


def test_windows_of_one_gene_have_the_same_numbers(tmp_path):
    rows = windows(["t1", "t2", "t3"], {"gene_id": ["G1", "G2", "G1"]})
    found, part = joined(tmp_path, ["G1", "G3"], rows)
    assert found == {"t1": 0, "t2": None, "t3": 0}
    assert part.ledger["id"].tolist() == ["t1", ""] and part.ledger["reason"].tolist() == ["", joining.NO_WINDOW]
    assert part.ledger["row"].tolist() == [2, 3] and part.found.tolist() == [True, False, True]


def test_a_point_in_a_name_is_no_version():
    assert joining._unversioned("AT1G01010.1") == "AT1G01010.1"
    assert joining._unversioned("ENSMUSG00000000001.4") == "ENSMUSG00000000001"
    assert joining._unversioned("ENSG00000002586.20_PAR_Y") == "ENSG00000002586.20_PAR_Y"


def test_a_shared_name_is_refused_where_a_window_has_it_alone(tmp_path):
    assert joined(tmp_path, ["a", "q", "q"], windows(["a", "b"]))[0] == {"a": 0, "b": None}
    with pytest.raises(InputError, match="m.tsv: rows 2 and 4 are 'a' and 'a', both the window 'a'; expected one row"):
        joined(tmp_path, ["a", "q", "a"], windows(["a", "b"]))
    rows = windows(["w"], {"gene_id": ["ENSG00000000001.3"]})
    with pytest.raises(InputError, match="rows 2 and 3 are 'ENSG00000000001.1' and 'ENSG00000000001.2', both the wind"):
        joined(tmp_path, ["ENSG00000000001.1", "ENSG00000000001.2"], rows)


def test_names_that_match_nothing_are_shown_from_both_sides(tmp_path):
    rows = windows([f"w{i}" for i in range(5)], {"gene_id": list("abcde")})
    with pytest.raises(InputError) as error:
        joined(tmp_path, ["G1", "G2", "G3", "G4"], rows)
    assert str(error.value).endswith(
        "m.tsv: none of its 4 rows (G1, G2, G3 and 1 more) or 1 columns (x) is a window; expected names such as w0, "
        "w1, w2 and 2 more; their other names are gene_id (a, b, c and 2 more)"
    )
    with pytest.raises(InputError, match=r"none of its 1 columns \(x\) is a window"):
        joined(tmp_path, ["w1"], rows, orientation="columns")


def test_the_ledger_adds_up_and_says_why_a_window_has_no_numbers(tmp_path):
    values = np.array([[1, 2], [np.nan, np.nan], [5, np.nan], [7, 8]])
    write_text(tmp_path / "m.tsv", values, ["a", "b", "c", "z"], ["x", "y"])
    rows = windows(["a", "b", "c", "d"])
    settings = matrix.Settings.complete({"matrix": "m"}, "t")
    object.__setattr__(settings, "matrix", tmp_path / "m.tsv")
    found = numbers.attach("d", rows, [(matrix, settings)], rows.task)
    lines = found.ledger
    assert found.frame["id"].tolist() == ["a", "c"]
    dropped = lines[lines["outcome"] == ledger.DROPPED]
    assert dropped[["step", "name", "reason"]].to_numpy().tolist() == [
        ["target", "z", joining.NO_WINDOW],
        ["filter", "b", numbers.UNMEASURED],
        ["filter", "d", numbers.ABSENT],
    ]
    assert lines.groupby("step")["n"].sum().to_dict() == {"window": 4, "target": 4, "filter": 4}
    datasets.write(tmp_path / "out", found)
    again = datasets.read(tmp_path / "out")
    np.testing.assert_array_equal(again.labels, values[[0, 2]])
