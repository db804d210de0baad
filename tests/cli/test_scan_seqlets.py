"""From attributions to seqlets, their background and the table of motifs, against planted truth, by each background."""

import json

import numpy as np
import pandas as pd
import pytest

from attributed import write
from cisflow.__main__ import main
from cisflow.data import dataset as datasets
from cisflow.data import windows
from cisflow.data.windows import Windows
from cisflow.io import matrices
from cisflow.io.genome import Locus
from cisflow.sequence import dna
from database import JASPAR
from tables import check_table

PLANTED = "MA0139.2"  # CTCF
M, LENGTH, OTHERS = 120, 150, 60
TABLES = ("seqlets", "motif_scores", "motif_nulls")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A genome, windows of it on either strand, and attributions that show one motif; of both classes."""
    folder = tmp_path_factory.mktemp("scan")
    rng = np.random.default_rng(0)
    motif = next(motif for motif in matrices.read_motifs(JASPAR) if motif.id == PLANTED)
    site = motif.matrix.argmax(axis=0).astype(np.uint8)
    n = M + OTHERS
    genome = rng.integers(0, 4, n * LENGTH + 40000).astype(np.uint8)
    starts = np.arange(n) * LENGTH
    places = rng.integers(20, LENGTH - 40, n)
    for start, place in zip(starts[:M], places[:M], strict=True):
        genome[start + place : start + place + len(site)] = site
    (folder / "genome.fa").write_text(f">chr1\n{dna.decode(genome)}\n")
    strands = np.where(np.arange(n) % 3 == 0, "-", "+")
    codes = np.array([genome[start : start + LENGTH] for start in starts])
    codes[strands == "-"] = [dna.reverse_complement(row) for row in codes[strands == "-"]]
    places = np.where(strands == "-", LENGTH - places - len(site), places)
    loci = [
        Locus("chr1", int(start), int(start) + LENGTH, strand) for start, strand in zip(starts, strands, strict=True)
    ]
    labels = np.r_[np.ones(M), np.zeros(OTHERS)].astype(np.float32)[:, None]
    ids = [f"w{row}" for row in range(n)]
    datasets.write(folder / "dataset", Windows(windows.table(ids, loci), codes, labels, ["bound"], {}))
    observed = rng.normal(0, 0.05, (M, LENGTH))
    for row, place in enumerate(places[:M]):
        observed[row, place : place + len(site)] += 1
    write(folder / "a.npz", codes[:M], multipliers_of(observed, codes[:M]), targets=np.full(M, "bound"))
    shuffled, flat = rng.permuted(codes[:M], axis=1), rng.normal(0, 0.05, (M, LENGTH))
    write(folder / "null.npz", shuffled, multipliers_of(flat, shuffled), targets=np.full(M, "bound"))
    return folder


def multipliers_of(observed, codes):
    """Multipliers whose hypothetical score at the base present is `observed`."""
    return (np.moveaxis(np.eye(4)[codes], 1, 2) * observed[:, None] * 4 / 3).astype(np.float32)


def scan(folder, out, settings=None, attributions="a.npz", status=0, **paths):
    out.mkdir(exist_ok=True)
    given = {"attributions": folder / attributions, "null": folder / "null.npz", "dataset": folder / "dataset"}
    given |= {
        "database": JASPAR,
        "settings": json.dumps(settings or {}),
        "seed": 1,
        "background": out / "background.bed",
    }
    given |= {name: out / f"{table}.tsv" for name, table in zip(("seqlets", "scores", "nulls"), TABLES, strict=True)}
    command = ["scan-seqlets"]
    for name, value in (given | paths).items():
        command += [f"--{name}", str(value)]
    assert main(command) == status
    return {table: check_table(out / f"{table}.tsv", table) for table in TABLES} if status == 0 else None


def bed(out):
    columns = ["chrom", "start", "end", "name", "score", "strand"]
    return pd.read_csv(out / "background.bed", sep="\t", names=columns, comment="#")


@pytest.mark.parametrize("background", ["sequences", "other", "genome"])
def test_the_planted_motif_comes_first_against_each_background(folder, tmp_path, background):
    out = tmp_path / background
    tables = scan(folder, out, {"background": background}, genome=folder / "genome.fa")
    # CTCFL's motif lies in that of CTCF.
    assert PLANTED in tables["motif_scores"]["motif_id"].head(3).tolist()
    first = tables["motif_scores"].set_index("motif_id").loc[PLANTED]
    assert (first["target"], first["null"]) == ("bound", "shuffled")
    assert float(first["q_value"]) < 1e-10 and int(first["n_in_seqlets"]) > 0.9 * int(first["n_sequences"])
    assert float(first["seqlet_fdr"]) <= 0.1
    rows = tables["seqlets"]["id"].str[1:].astype(int)
    assert set(rows) == set(range(M)) and tables["seqlets"]["q_value"].astype(float).max() <= 0.1
    drawn = bed(out)
    assert len(drawn) >= 0.95 * int(first["n_sequences"]) and (drawn["chrom"] == "chr1").all()
    inside = drawn["start"] < (M + (background == "other") * OTHERS) * LENGTH
    assert inside.all() if background != "genome" else not inside.all()
    if background == "other":
        assert (drawn["start"] >= M * LENGTH).all()


def test_background_windows_have_the_bases_that_their_intervals_say(folder, tmp_path):
    """Composition of each interval on the genome equals that of the seqlet window that its name tells."""
    scan(folder, tmp_path, {})
    genome = (folder / "genome.fa").read_text().split("\n")[1]
    codes = datasets.read(folder / "dataset").codes

    def composition(text):
        return len(text), text.count("G") + text.count("C"), text.count("CG")

    drawn = bed(tmp_path)
    assert set(drawn["strand"]) == {"+", "-"}
    for row in drawn.itertuples(index=False):
        name, _, span = row.name.rpartition(":")
        start, end = map(int, span.split("-"))
        window = dna.decode(codes[int(name[1:]), start:end])
        assert composition(window) == composition(genome[row.start : row.end])


def test_same_seed_same_bytes(folder, tmp_path):
    for name in ("one", "other"):
        scan(folder, tmp_path / name)
    one, other = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "other"))
    assert one == other and len(one) == 4


def test_p_values_where_nothing_is_to_be_found(folder, tmp_path):
    nulls = scan(folder, tmp_path, {"p_value": 0.001})["motif_nulls"]
    for _, part in nulls.groupby("null"):
        assert (part["p_value"].astype(float) < 0.05).mean() < 0.08
    assert set(nulls["null"]) == {"sides", "composition"}


def test_negative_attribution_makes_no_seqlet_and_valid_empty_tables(folder, tmp_path, capsys):
    rng = np.random.default_rng(1)
    codes = datasets.read(folder / "dataset").codes[:40]
    write(tmp_path / "a.npz", codes, multipliers_of(-rng.random((40, LENGTH)), codes), targets=np.full(40, "bound"))
    tables = scan(folder, tmp_path / "out", attributions=tmp_path / "a.npz")
    assert all(not len(table) for table in tables.values())
    assert (tmp_path / "out" / "background.bed").read_text() == "# no window of the background was drawn\n"
    assert "0 seqlets in 0 of 40 rows" in capsys.readouterr().err


def test_no_rows(folder, tmp_path):
    write(tmp_path / "a.npz", np.zeros((0, LENGTH), np.uint8), np.zeros((0, 4, LENGTH), np.float32))
    assert all(not len(table) for table in scan(folder, tmp_path / "out", attributions=tmp_path / "a.npz").values())


@pytest.mark.parametrize(
    ("settings", "paths", "words"),
    [
        (
            {"background": "genome"},
            {},
            "background: genome: the dataset's source has none; expected sequences or other",
        ),
        ({}, {"dataset": "absent"}, "absent/windows.tsv: no such file"),
        ({}, {"null": "absent.npz"}, "absent.npz: no such file"),
    ],
)
def test_bad_input_is_one_message(folder, tmp_path, capsys, settings, paths, words):
    scan(folder, tmp_path, settings, status=1, **paths)
    error = capsys.readouterr().err
    assert words in error and "Traceback" not in error and not list(tmp_path.glob("*.tsv"))


def test_other_class_of_what_is_no_label(folder, tmp_path, capsys):
    codes = datasets.read(folder / "dataset").codes[:M]
    write(tmp_path / "a.npz", codes, multipliers_of(np.ones((M, LENGTH)), codes), targets=np.full(M, "contrast"))
    scan(folder, tmp_path / "out", {"background": "other", "null": "permuted"}, tmp_path / "a.npz", status=1)
    assert "'contrast' is no label of the dataset and has no other class" in capsys.readouterr().err
