"""Rows in the input are rows kept and rows dropped with a reason: every source, every rule; and explained windows."""

import numpy as np
import pandas as pd
import pytest

from cisflow import tasks
from cisflow.attribution import explained, selection
from cisflow.data import ledger
from cisflow.data.dataset import Dataset
from cisflow.errors import InputError
from cisflow.io.genome import Genome
from sources import collect, unpacked


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return unpacked(tmp_path_factory.mktemp("demo"))


BED = [
    "chrom\tstart\tend\tname\tbound",
    "c\t10\t20\ta\t1",
    "c\t30\t40\tb\t0",
    "c\t30\t40\tagain\t0",
    "c\t0\t4\tearly\t1",
    "c\t96\t100\tlate\t0",
    "z\t10\t20\telsewhere\t1",
    "c\t50\t60\tc\t",
]


@pytest.fixture
def files(tmp_path):
    (tmp_path / "g.fa").write_text(">c\n" + "ACGTTGCAAC" * 10 + "\n")
    (tmp_path / "x.bed").write_text("\n".join(BED) + "\n")
    return {"b": tmp_path / "x.bed", "g": tmp_path / "g.fa"}


def of_bed(files, **settings):
    return collect("bed", {"bed": "b", "genome": "g", "target": "bound"} | settings, 10, files)


def test_a_window_without_a_place_is_dropped_with_its_reason(files):
    found = of_bed(files)
    assert found.frame["id"].tolist() == ["a", "b", "c"]
    lines = found.ledger.set_index("row")
    assert lines.index.tolist() == list(range(2, 9))
    assert lines["reason"].to_dict() == {
        2: "",
        3: "",
        4: "listed more than once",
        5: "past the end of a chromosome",
        6: "past the end of a chromosome",
        7: "chromosome not in the genome",
        8: "",
    }
    assert lines["id"].to_dict() == {2: "a", 3: "b", 4: "", 5: "", 6: "", 7: "", 8: "c"}
    assert found.dropped == lines["reason"][lines["reason"] != ""].value_counts().to_dict()


def test_what_lies_past_an_end_can_be_padded(files):
    found = of_bed(files, edge="pad")
    assert found.frame["id"].tolist() == ["a", "b", "early", "late", "c"]
    # A window of ten bases around [0, 4) begins three bases before the chromosome.
    assert found.frame["start"].tolist()[2] == -3
    assert found.codes[2].tolist() == [4, 4, 4, 0, 1, 2, 3, 3, 2, 1]
    assert (found.codes[3] == 4).sum() == 3


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"edge": "error"},
            "x.bed: row 4: window c:30-40: listed more than once; expected a place of its own on .*g.fa",
        ),
        (
            {"max_dropped": 0.3},
            r"43% of 7 windows have no place on .*g.fa, expected 30% at most .*contigs are c, z here",
        ),
    ],
)
def test_a_rule_can_be_an_error(files, settings, words):
    with pytest.raises(InputError, match=words):
        of_bed(files, **settings)


def test_one_window_with_two_labels_is_refused(files):
    files["b"].write_text("\n".join(["chrom\tstart\tend\tbound", "c\t10\t20\t1", "c\t10\t20\t0"]) + "\n")
    with pytest.raises(InputError, match="rows 2 and 3 are the same window, c:10-20, with other labels"):
        of_bed(files)


SOURCES = {
    "fasta": ({"positives": "ctcf", "background": {"genome": "hg19", "per_positive": 2}}, 200),
    "annotation": ({"annotation": "gtf", "genome": "hg19"}, 400),
    "planted": ({"genome": "hg19", "motifs": "jaspar", "matrices": ["MA0139.2"], "n": 50}, 300),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_every_source_tells_of_every_row(demo, kind):
    settings, length = SOURCES[kind]
    found = collect(kind, settings, length, demo)
    lines = found.ledger
    ledger.check(lines, found.frame["id"], "ledger.tsv")
    assert ((lines["reason"] == "") == (lines["outcome"] == "kept")).all()
    assert lines["input"].map(lambda name: "/" not in name).all()
    drawn = lines[lines["step"] == "draw"]
    regions = Genome(demo["hg19"]).regions()
    # A remainder of each piece is shorter than a window.
    tiles = sum((region.end - region.start) // length for region in regions)
    remainders = sum((region.end - region.start) % length > 0 for region in regions)
    if kind == "fasta":
        assert lines.loc[lines["step"] == "window", "row"].tolist() == list(range(1, 501))
    if kind == "annotation":
        # The only exon of a transcript bounds no intron; the introns themselves are rows.
        gtf = pd.read_csv(demo["gtf"], sep="\t", header=None, comment="#")
        names = gtf[8].str.extract(r'transcript_id "([^"]+)"')[0]
        single = (names.map(names.value_counts()) == 1).sum()
        read = lines[lines["step"] == "read"].set_index("reason")["n"].to_dict()
        assert read == {"": len(gtf) - single, "only exon of its transcript": single}
        assert len(lines[lines["step"] == "window"]) == 1162
    else:
        assert drawn["n"].sum() == tiles + remainders


LOCI = [("c", 11, 20), ("c", 31, 40), ("c", 51, 60), ("c", 71, 80)]


def annotation_line(feature, locus, strand, names):
    chrom, start, end = locus
    return "\t".join([chrom, "x", feature, str(start), str(end), ".", strand, ".", names])


def test_every_line_of_a_gtf_is_used_or_has_a_reason(files):
    """As GENCODE writes it, with what RefSeq and StringTie have besides."""
    one, two, none = (f'gene_id "G"; transcript_id "{name}";' for name in ("T", "U", ""))
    lines = ["#!genome-build x", ""]
    lines += [annotation_line(feature, ("c", 11, 80), "+", one) for feature in ("gene", "transcript", "transcript")]
    lines += [annotation_line(feature, LOCI[0], "+", one) for feature in ("CDS", "start_codon", "five_prime_utr")]
    lines += [annotation_line("exon", locus, "+", one) for locus in LOCI[:3]]
    lines += [annotation_line("exon", LOCI[1], "+", one), annotation_line("exon", LOCI[3], "+", two)]
    lines += [annotation_line("exon", locus, ".", two) for locus in LOCI[:2]]
    lines += [annotation_line("exon", LOCI[0], "+", none), "# end"]
    files["a"] = files["b"].with_name("x.gtf")
    files["a"].write_text("\n".join(lines) + "\n")
    found = collect("annotation", {"annotation": "a", "genome": "g"}, 10, files).ledger
    read = found[found["step"] == "read"].set_index("reason")["n"].to_dict()
    assert read == {
        "": 3,
        "listed more than once": 1,
        "only exon of its transcript": 1,
        "exon without a strand": 2,
        "exon without a transcript": 1,
        "gene, not an exon": 1,
        "transcript, not an exon": 2,
        "CDS, not an exon": 1,
        "start_codon, not an exon": 1,
        "five_prime_utr, not an exon": 1,
    }
    assert sum(read.values()) == sum(bool(line) and not line.startswith("#") for line in lines)


def test_a_line_of_a_gff3_counts_once_whatever_its_parents(files):
    lines = ["##gff-version 3", annotation_line("gene", ("c", 11, 60), "+", "ID=G")]
    lines += [annotation_line("mRNA", ("c", 11, 60), "+", f"ID={name};Parent=G") for name in "TUV"]
    for locus, names in zip(LOCI[:3], ("T,U", "T,U", "T,V"), strict=True):
        lines.append(annotation_line("exon", locus, "+", f"Parent={names}"))
    lines += [
        annotation_line("exon", ("c", 91, 95), "+", "Parent=V"),
        annotation_line("exon", LOCI[3], "+", "gene_id=H"),
    ]
    lines += ["##FASTA", ">c", "ACGT"]
    files["a"] = files["b"].with_name("x.gff3")
    files["a"].write_text("\n".join(lines) + "\n")
    found = collect("annotation", {"annotation": "a", "genome": "g"}, 10, files).ledger
    read = found[found["step"] == "read"].set_index("reason")["n"].to_dict()
    assert read == {"": 4, "exon without a transcript": 1, "gene, not an exon": 1, "mRNA, not an exon": 3}


def test_a_blacklist_and_the_genes_of_peaks_are_told_of(tmp_path, files):
    rng = np.random.default_rng(0)
    files["g"].write_text(">c\n" + "".join(rng.choice(list("ACGT"), 4000)) + "\n")
    files["p"], files["no"], files["a"] = tmp_path / "p.bed", tmp_path / "no.bed", tmp_path / "x.gtf"
    files["p"].write_text("c\t100\t200\nc\t1000\t1100\n")
    files["no"].write_text("track name=x\nc\t90\t110\nz\t5\t9\n")
    names = 'gene_id "G"; transcript_id "T";'
    lines = [annotation_line("exon", ("c", 500, 600), "+", names), annotation_line("exon", ("z", 5, 9), "+", names)]
    files["a"].write_text("\n".join([*lines, annotation_line("gene", ("c", 500, 600), "+", names)]) + "\n")
    source = {"peaks": "p", "genome": "g", "blacklist": "no", "annotation": "a", "match": ["gc", "gene_distance"]}
    found = collect("peaks", source, 20, files).ledger
    read = found[found["step"] == "read"]
    strange = "chromosome not in the genome"
    assert read[["input", "reason", "n"]].values.tolist() == [
        ["x.gtf", "", 1],
        ["x.gtf", strange, 1],
        ["x.gtf", "gene, not an exon", 1],
        ["no.bed", "", 1],
        ["no.bed", strange, 1],
    ]
    assert read["row"].dropna().tolist() == [2, 3]


def test_motifs_that_are_not_planted_are_counted(demo):
    settings, length = SOURCES["planted"]
    lines = collect("planted", settings, length, demo).ledger
    read = lines[lines["step"] == "read"].set_index("reason")["n"].to_dict()
    n = sum(line.startswith("MOTIF") for line in demo["jaspar"].read_text().splitlines())
    assert read == {"": 1, "not among the matrices asked for": n - 1}


def test_a_ledger_that_loses_a_window_is_refused():
    lines = ledger.rows("x.bed", [1, 2], ["a", "b"], ["a", "b"], ["", "gone"])
    ledger.check(lines, ["a"], "ledger.tsv")
    for ids in (["a", "b"], [], ["b"], ["a", "a"]):
        with pytest.raises(InputError, match="ledger.tsv: tells of 1 windows, expected the"):
            ledger.check(lines, ids, "ledger.tsv")


def test_the_log_counts_what_was_dropped(capsys):
    lines = ledger.join(
        ledger.rows("d/x.bed", range(1, 4), "abc", "abc", ["", "late", "late"]),
        ledger.drawn("g.fa", [], {"left": 1200}),
    )
    ledger.report(lines)
    assert capsys.readouterr().err.splitlines() == [
        "ledger: window: x.bed: 1 of 3 kept; dropped: 2 late",
        "ledger: draw: g.fa: 0 of 1,200 kept; dropped: 1,200 left",
    ]


# Explained windows ---------------------------------------------------------------------------------------------------


@pytest.fixture
def predictions(tmp_path):
    """40 windows of two targets, of which w39 has no prediction."""
    rng = np.random.default_rng(0)
    rows = [
        (f"w{i}", ("train", "valid", "test")[i % 3], target, int(rng.random() < 0.5), rng.random())
        for i in range(39)
        for target in ("A", "B")
    ]
    frame = pd.DataFrame(rows, columns=["id", "fold", "target", "label", "probability"])
    frame.to_csv(tmp_path / "predictions.tsv", sep="\t", index=False)
    return tmp_path / "predictions.tsv", frame


@pytest.mark.parametrize("groups", [None, {"both": {"A": 0.5, "B": 0.5}, "B": {"B": 1.0}}])
@pytest.mark.parametrize("most", [None, 3])
def test_what_is_explained_is_what_is_selected(predictions, groups, most):
    path, frame = predictions
    asked = {"folds": ["test", "valid"], "labels": [1], "min_probability": 0.6, "max_per_target": most}
    asked = selection.Settings.complete(asked, "selection")
    ids = [f"w{i}" for i in range(40)]
    found = explained.of_predictions(ids, path, asked, groups)
    chosen = selection.select(path, asked, groups)
    kept = found[found["outcome"] == "kept"]
    assert set(zip(kept["id"], kept["target"], strict=True)) == set(zip(chosen["id"], chosen["target"], strict=True))
    for _, lines in found.groupby("target"):
        assert lines["id"].tolist() == ids
        assert ((lines["reason"] == "") == (lines["outcome"] == "kept")).all()
        assert lines["reason"].iloc[39] == "no prediction"
    # The first of the rules that a window of B breaks, read row by row.
    reasons = found[found["target"] == "B"].set_index("id")["reason"]
    drawn = {identifier for identifier, target in zip(chosen["id"], chosen["target"], strict=True) if target == "B"}
    for row in frame[frame["target"] == "B"].itertuples():
        own = row.probability if row.label == 1 else 1 - row.probability
        expected = "fold not asked for" if row.fold == "train" else "label not asked for" if row.label != 1 else None
        expected = expected or ("not predicted correctly" if own <= 0.6 else "")
        if not expected and row.id not in drawn:
            expected = "not drawn (max_per_target)"
        assert reasons[row.id] == expected


def test_windows_of_published_weights_have_reasons_too():
    ids, folds = np.array(["a", "b", "c"]), np.array(["test", "train", "test"])
    labels = np.array([[1], [1], [0]], dtype=np.float32)
    dataset = Dataset(ids, np.zeros((3, 4), np.uint8), labels, ["bound"], tasks.get("binary"))
    asked = selection.Settings.complete({}, "selection")
    found = explained.of_windows(dataset, folds, asked, {"bound": {"x": 1.0}})
    assert found["reason"].tolist() == ["", "fold not asked for", "label not asked for"]
