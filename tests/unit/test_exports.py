"""Tracks, BED and MEME of explanations, read back and compared with the arrays base by base."""

import numpy as np
import pandas as pd
import pytest
from figwig import BigWigReader

from cisflow.attribution import files, places, tracks
from cisflow.errors import InputError
from cisflow.io import bed
from cisflow.io.bigwig import write_bases
from cisflow.io.genome import Genome, read_fasta
from cisflow.io.meme import Motif, read_meme, write_meme
from cisflow.motifs import exports, naming
from cisflow.sequence import dna
from patterns import PATTERNS, write_modisco
from placed import SIZES, WIDTH, base_by_base, explained


def export(placed, output, genomes=None):
    genomes = [placed.fasta] if genomes is None else genomes
    tracks.export_tracks(placed.folder / "a.npz", placed.folder, genomes, output)
    return output


@pytest.mark.parametrize("context", [0, 30, 31])
def test_bigwig_is_the_mean_of_the_windows_at_each_base(tmp_path, context):
    placed = explained(tmp_path / "data", context)
    folder = export(placed, tmp_path / "tracks")
    assert {path.name for path in folder.iterdir()} == {"one.bw", "two.bw", "chrom.sizes"}
    assert places.read_sizes(folder / "chrom.sizes") == dict(sorted(SIZES.items()))
    for target in ("one", "two"):
        reader = BigWigReader(folder / f"{target}.bw")
        assert dict(reader.chrom_sizes) == SIZES
        expected = base_by_base(placed, target)
        assert any(len(values) > 1 for values in expected.values()) and ("chr1", 112) not in expected
        assert {("chr1", 0), ("chr1", 399), ("chr10", 60)} <= set(expected)
        for chrom, size in SIZES.items():
            read = reader.read([chrom], [0], size, missing=np.nan)[0]
            own = np.full(size, np.nan)
            for (name, at), values in expected.items():
                if name == chrom:
                    own[at] = np.mean(values)
            np.testing.assert_allclose(read, own, rtol=1e-5, atol=1e-6)


def test_one_window_is_read_back_exactly(tmp_path):
    placed = explained(tmp_path / "data")
    rows = placed.rows.take([5])
    files.write(placed.folder / "a.npz", rows)
    folder = export(placed, tmp_path / "tracks")
    read = BigWigReader(folder / "one.bw").read(["chr10"], [37], WIDTH, missing=np.nan)[0]
    observed = np.take_along_axis(rows.hypothetical()[0], rows.codes[:1], axis=0)[0]
    np.testing.assert_array_equal(read, observed[::-1])


def test_same_input_same_bytes(tmp_path):
    placed = explained(tmp_path / "data")
    one, other = export(placed, tmp_path / "one"), export(placed, tmp_path / "other")
    assert (one / "one.bw").read_bytes() == (other / "one.bw").read_bytes()


def unplaced(folder):
    """Rows whose windows have no place, but for one; with a name of a chromosome, and one with blanks."""
    placed = explained(folder)
    frame = pd.read_csv(folder / "windows.tsv", sep="\t", keep_default_na=False).astype(object)
    frame.loc[1:, ["chrom", "start", "end", "strand"]] = ""
    names = {"b": "chr1", "c": "gene 1", "d": "gene_1"}
    frame["id"] = frame["id"].replace(names)
    frame.to_csv(folder / "windows.tsv", sep="\t", index=False)
    ids = np.array([names.get(name, name) for name in placed.rows.ids])
    rows = placed.rows._replace(ids=ids)
    files.write(folder / "a.npz", rows)
    return placed._replace(rows=rows)


def test_a_window_without_a_place_is_its_own_chromosome(tmp_path):
    placed = unplaced(tmp_path / "data")
    folder = export(placed, tmp_path / "tracks", genomes=[])
    sizes = places.read_sizes(folder / "chrom.sizes")
    called = {"chr1": "chr1#2", "gene 1": "gene_1", "gene_1": "gene_1#2", "e": "e", "f": "f", "g": "g", "h": "h"}
    assert sizes == {"chr1": 124} | dict.fromkeys(called.values(), WIDTH)
    spelled = dict(read_fasta(folder / "windows.fa"))
    assert set(spelled) == set(called.values())
    observed = np.take_along_axis(placed.rows.hypothetical(), np.minimum(placed.rows.codes, 3)[:, None], axis=1)[:, 0]
    for target in ("one", "two"):
        reader = BigWigReader(folder / f"{target}.bw")
        for row in np.flatnonzero(placed.rows.targets == target):
            if (name := placed.rows.ids[row]) in called:
                np.testing.assert_array_equal(spelled[called[name]], placed.rows.codes[row])
                read = reader.read([called[name]], [0], WIDTH, missing=np.nan)[0]
                known = placed.rows.codes[row] < dna.UNKNOWN
                np.testing.assert_allclose(read[known], observed[row][known], rtol=1e-6)
                assert np.isnan(read[~known]).all()


def test_many_chromosomes_are_read_back(tmp_path):
    rng = np.random.default_rng(0)
    sizes = {f"window{number:05d}": 9 for number in range(5000)}
    values = {chrom: (np.array([2, 3, 7]), rng.normal(size=3).astype(np.float32)) for chrom in sizes}
    write_bases(tmp_path / "m.bw", sizes, values)
    read = BigWigReader(tmp_path / "m.bw").read(list(sizes), [0] * 5000, 9, missing=np.nan)
    np.testing.assert_array_equal(read[:, [2, 3, 7]], np.array([values[chrom][1] for chrom in sizes]))
    assert np.isnan(read[:, [0, 1, 4, 5, 6, 8]]).all()


def test_several_sequences_a_sample_have_no_place(tmp_path):
    placed = explained(tmp_path / "data")
    (placed.folder / "inputs.tsv").write_text(f"name\tstart\tend\none\t0\t10\ntwo\t10\t{WIDTH}\n")
    assert not places.of_rows(placed.folder, placed.rows.ids, WIDTH).placed.any()


def test_pieces_of_chromosomes_reach_as_far_as_they_are(tmp_path):
    placed = explained(tmp_path / "data")
    (tmp_path / "g.fa").write_text(f">chr1:90-150\n{'A' * 60}\n>chr2:0-500\n{'C' * 500}\n>chr3\n{'G' * 7}\n")
    found = places.of_rows(placed.folder, placed.rows.ids, WIDTH)
    assert places.sizes(found, [Genome(tmp_path / "g.fa")]) == {"chr1": 400, "chr10": 61, "chr2": 500, "chr3": 7}


def test_names_of_files():
    targets = np.array(["K562 | H3K4me3/a", "K562 | H3K4me3 a", "..", "plain", "plain"])
    assert list(tracks.file_names(targets).values()) == ["K562_H3K4me3_a", "K562_H3K4me3_a_2", "_", "plain"]


def test_no_rows_give_no_track(tmp_path):
    placed = explained(tmp_path / "data")
    files.write(placed.folder / "a.npz", placed.rows.take(slice(0, 0)))
    folder = export(placed, tmp_path / "tracks")
    assert {path.name for path in folder.iterdir()} == {"chrom.sizes"}
    assert places.read_sizes(folder / "chrom.sizes") == SIZES


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace("\nh\t", "\nx\t"), "has no window 'h'; expected every id of the attributions"),
        (lambda text: text.replace("100\t124", "100\t999"), "id 'a': spans 899 bases, its sequence 24; expected no mo"),
    ],
)
def test_windows_that_do_not_fit_are_refused(tmp_path, change, words):
    placed = explained(tmp_path / "data")
    path = placed.folder / "windows.tsv"
    path.write_text(change(path.read_text()))
    with pytest.raises(InputError, match=words):
        export(placed, tmp_path / "tracks")
    assert not (tmp_path / "tracks").exists()


# BED and MEME ----------------------------------------------------------------------------------------------------

SPANS = [
    # id, target, start, end and strand in the window, score; then on the genome: chromosome, start, end, strand.
    ("a", "one", 3, 9, "+", 2.0, "chr1", 103, 109, "+"),
    ("b", "one", 3, 9, "+", -4.0, "chr1", 125, 131, "-"),
    ("b", "one", 0, 24, "-", 1.0, "chr1", 110, 134, "+"),
    ("g", "two", 20, 24, "-", 5.0, "chr2", 70, 74, "-"),
    ("h", "two", 20, 24, "-", 1.0, "chr2", 50, 54, "+"),
]


def write_spans(folder, spans):
    columns = ["id", "target", "start", "end", "strand", "score"]
    frame = pd.DataFrame([span[:6] for span in spans], columns=columns)
    frame["p_value"] = 0.1
    frame.assign(strand="").to_csv(folder / "seqlets.tsv", sep="\t", index=False)
    frame["pattern"] = [f"pos_{number % 2}" for number in range(len(frame))]
    frame["name"] = ["CTCF x" if pattern == "pos_0" else "" for pattern in frame["pattern"]]
    frame.drop(columns="p_value").to_csv(folder / "hits.tsv", sep="\t", index=False)


def export_motifs(placed, spans, patterns=PATTERNS, genomes=None):
    folder = placed.folder
    write_spans(folder, spans)
    write_modisco(folder / "m.h5", patterns)
    (folder / "patterns.tsv").write_text("run\ttarget\tpattern\tmatch_name\nattributions\t\tpos_0\tCTCF x\n")
    export(placed, folder / "tracks", genomes)
    inputs = {name: folder / f"{name}.tsv" for name in ("seqlets", "hits", "patterns")} | {"modisco": folder / "m.h5"}
    outputs = {"seqlets": folder / "s.bed", "hits": folder / "h.bed", "patterns": folder / "p.meme"}
    exports.export_motifs(folder / "a.npz", folder, folder / "tracks", inputs, outputs)
    return outputs


def read_bed(path):
    return [record for _, record in bed.read_bed(path)]


def test_bed_is_on_the_genome_and_sorted(tmp_path):
    outputs = export_motifs(explained(tmp_path), SPANS)
    expected = sorted(span[6:] for span in SPANS)
    for kind in ("seqlets", "hits"):
        found = read_bed(outputs[kind])
        loci = [bed.interval("here", record) for record in found]
        strands = [one[3] if kind == "hits" else "." for one in expected]
        assert [tuple(locus) for locus in loci] == [
            (*one[:3], strand) for one, strand in zip(expected, strands, strict=True)
        ]
        assert all((record["thickStart"], record["thickEnd"]) == (record["start"], record["end"]) for record in found)
        scores = {(record["chrom"], record["start"]): int(record["score"]) for record in found}
        assert scores["chr1", "125"] == 1000 and scores["chr1", "103"] == 500 and scores["chr2", "50"] == 200
    names = {record["start"]: record["name"] for record in read_bed(outputs["hits"])}
    assert names["103"] == "CTCF_x(pos_0):one" and names["125"] == "pos_1:one"
    assert {record["name"] for record in read_bed(outputs["seqlets"])} == {"one", "two"}
    assert len({record["itemRgb"] for record in read_bed(outputs["hits"])}) == 2


def test_bed_is_clipped_to_the_chromosome(tmp_path):
    """Window d of the minus strand is seen with 15 bases beyond the start of chr1, e with as many beyond its end."""
    spans = [("d", "one", 36, 50, "+", 1), ("e", "one", 37, 45, "+", 1), ("e", "one", 40, 45, "+", 1)]
    outputs = export_motifs(explained(tmp_path, context=30), spans)
    found = [bed.interval("here", record) for record in read_bed(outputs["hits"])]
    assert [tuple(locus) for locus in found] == [("chr1", 0, 3, "-"), ("chr1", 398, 400, "+")]


def test_bed_of_a_window_without_a_place(tmp_path):
    spans = [("gene 1", "one", 2, 5, "-", 1), ("chr1", "one", 2, 5, "+", 1)]
    outputs = export_motifs(unplaced(tmp_path), spans, genomes=[])
    found = [tuple(bed.interval("here", record)) for record in read_bed(outputs["hits"])]
    assert found == [("chr1#2", 2, 5, "+"), ("gene_1", 2, 5, "-")]


def test_nothing_found_is_said(tmp_path):
    outputs = export_motifs(explained(tmp_path), [], patterns=[])
    assert outputs["hits"].read_text() == "# no hit was called\n"
    assert outputs["seqlets"].read_text() == "# no seqlet was called\n"
    assert (
        outputs["patterns"].read_text().startswith("MEME version 4") and "MOTIF" not in outputs["patterns"].read_text()
    )


def test_a_hit_of_no_row_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"seqlets.tsv: row 2: id 'a', target 'x', 3 to 9; expected a row of the attr"):
        export_motifs(explained(tmp_path), [("a", "x", 3, 9, "+", 1.0)])
    with pytest.raises(InputError, match=r"seqlets.tsv: row 2: .* 20 to 25; expected .* within its 24 bases"):
        export_motifs(explained(tmp_path), [("a", "one", 20, 25, "+", 1.0)])


def test_meme_reads_back_equal(tmp_path):
    outputs = export_motifs(explained(tmp_path), SPANS)
    found = read_meme(outputs["patterns"])
    patterns = sorted((one.trimmed() for one in PATTERNS), key=lambda one: ["pos_0", "pos_1", "neg_0"].index(one.name))
    assert [motif.id for motif in found] == [one.name for one in patterns]
    assert [motif.name for motif in found] == ["CTCF x", *(naming.consensus(one.sequence) for one in patterns[1:])]
    for motif, one in zip(found, patterns, strict=True):
        np.testing.assert_array_equal(motif.matrix, one.sequence)


def test_meme_of_awkward_numbers(tmp_path):
    columns = np.random.default_rng(0).dirichlet([0.01] * 4, 30).T
    write_meme(tmp_path / "m.meme", [Motif("a b", "two  words", columns)], [7])
    (motif,) = read_meme(tmp_path / "m.meme")
    assert motif[:2] == ("a_b", "two words")
    np.testing.assert_array_equal(motif.matrix, columns)
    assert "e-" not in (tmp_path / "m.meme").read_text().split("E= 0")[1]
