"""Each source against what its files say, on the real data that ship with the project and on small made files."""

import gzip
from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp

from cisflow.data import duplicates
from cisflow.data.sources import annotation, bed, fasta, planted, table
from cisflow.errors import InputError
from cisflow.io.genome import Genome, parse_locus
from cisflow.io.meme import information, read_meme
from cisflow.sequence import dna

DEMO = Path(__file__).parents[2] / "resources" / "demo"
MATRICES = ["MA0139.2", "MA0138.3", "MA0106.3"]
CTCF = {"kind": "fasta", "positives": "ctcf", "background": {"genome": "hg19", "per_positive": 2}}


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The shipped data, unpacked: resource name -> file."""
    folder = tmp_path_factory.mktemp("demo")
    names = {
        "hg19": "hg19_fragments.fa",
        "gtf": "hg19_transcripts.gtf",
        "ctcf": "ctcf_gm12878_peaks.fa",
        "jaspar": "JASPAR2024_CORE_vertebrates_non-redundant.meme",
    }
    for name in names.values():
        (folder / name).write_bytes(gzip.decompress((DEMO / f"{name}.gz").read_bytes()))
    return {key: folder / name for key, name in names.items()}


@pytest.fixture(scope="module")
def genome(demo):
    return Genome(demo["hg19"])


def spread(windows):
    """Labels of a single target and decoded sequences."""
    return windows.labels[:, 0].tolist(), [dna.decode(row) for row in windows.codes]


# FASTA ---------------------------------------------------------------------------------------------------------------


def test_fasta_puts_positives_before_negatives(tmp_path):
    (tmp_path / "p.fa").write_text(">chr1:0-4(-)\nACGT\n>b\nTTTT\n")
    (tmp_path / "n.fa").write_text(">c\nGGNN\n")
    source = {"kind": "fasta", "positives": "p", "negatives": "n", "target": "bound"}
    found = fasta.collect(source, 4, {"p": tmp_path / "p.fa", "n": tmp_path / "n.fa"}, 1)
    assert spread(found) == ([1, 1, 0], ["ACGT", "TTTT", "GGNN"])
    assert found.frame.iloc[0].tolist() == ["chr1:0-4(-)", "chr1", 0, 4, "-"]
    assert found.frame["id"].tolist() == ["chr1:0-4(-)", "b", "c"]
    assert found.targets == ["bound"] and found.dropped == {} and found.truth is None


@pytest.fixture(scope="module")
def peaks(demo):
    return fasta.collect(CTCF, 200, demo, 1)


def test_a_background_matches_the_gc_content_of_the_positives(peaks):
    gc = dna.gc_content(peaks.codes)
    positive = peaks.labels[:, 0] == 1
    assert (positive.sum(), (~positive).sum()) == (500, 1000)
    assert abs(gc[positive].mean() - gc[~positive].mean()) < 0.01
    assert ks_2samp(gc[positive], gc[~positive]).statistic < 0.02


def test_a_background_is_real_sequence_without_unknown_bases(peaks, genome):
    assert (peaks.codes[500:] < dna.UNKNOWN).all()
    for row in range(500, 1500, 37):
        locus = parse_locus(peaks.frame["id"].iloc[row])
        assert locus[:3] == tuple(peaks.frame.loc[row, ["chrom", "start", "end"]])
        assert np.array_equal(genome.fetch(*locus[:3]), peaks.codes[row])


def test_a_background_overlaps_neither_a_positive_nor_itself(peaks):
    loci = peaks.frame[["chrom", "start", "end"]].to_numpy()
    for chrom in set(loci[500:, 0]):
        drawn = sorted((start, end) for name, start, end in loci[500:] if name == chrom)
        assert all(left[1] <= right[0] for left, right in zip(drawn, drawn[1:], strict=False))
    positives = loci[:500]
    for chrom, start, end in loci[500:]:
        assert not any(name == chrom and first < end and start < last for name, first, last in positives)


def test_a_background_is_drawn_again_from_the_same_seed_only(peaks, demo):
    again = fasta.collect(CTCF, 200, demo, 1)
    assert again.frame.equals(peaks.frame) and np.array_equal(again.codes, peaks.codes)
    assert not fasta.collect(CTCF, 200, demo, 2).frame["id"].equals(peaks.frame["id"])


def test_windows_that_overlap_a_positive_are_left_out_by_bedtools(peaks):
    assert peaks.dropped["overlap with a positive"] == 4
    assert peaks.dropped["unknown bases"] == 501


def test_without_overlap_against_comparing_all_pairs():
    rng = np.random.default_rng(0)
    tiles = pd.DataFrame({"chrom": ["a"] * 40 + ["b"] * 40, "start": [10 * i for i in range(40)] * 2})
    tiles["end"] = tiles["start"] + 10
    start = rng.integers(0, 390, 12)
    positives = pd.DataFrame({"chrom": list("aabbc") + ["", *"aabbaa"], "start": start, "end": start + 10})
    expected = [
        not any(p.chrom == t.chrom and p.start < t.end and t.start < p.end for p in positives.itertuples())
        for t in tiles.itertuples()
    ]
    assert fasta.without_overlap(tiles, positives).equals(tiles[expected])


def test_match_gc_takes_the_closest_without_replacement():
    rng = np.random.default_rng(0)
    offered = rng.integers(0, 101, 3000) / 100
    wanted = rng.integers(30, 71, 100) / 100
    chosen = fasta.match_gc(wanted, offered, 100, 3, 1)
    assert len(set(chosen)) == 300
    # About 30 windows of each content are on offer and 7 are wanted of each: nearly all matches are exact.
    assert np.abs(np.sort(offered[chosen]) - np.sort(np.repeat(wanted, 3))).max() <= 0.01


def test_match_gc_uses_everything_when_it_must():
    offered = np.array([0.1, 0.5, 0.9, 0.2])
    assert sorted(fasta.match_gc(np.array([0.8, 0.9]), offered, 10, 2, 1)) == [0, 1, 2, 3]


def test_match_gc_is_even_handed_between_equally_close_contents():
    picks = [fasta.match_gc(np.array([0.5]), np.array([0.4, 0.6]), 10, 1, seed)[0] for seed in range(200)]
    assert 60 < sum(picks) < 140


# BED -----------------------------------------------------------------------------------------------------------------


def test_bed_windows_lie_around_the_middle_and_read_on_the_strand(tmp_path):
    sequence = dna.decode(np.random.default_rng(0).integers(0, 4, 100).astype(np.uint8))
    (tmp_path / "g.fa").write_text(f">c\n{sequence}\n")
    (tmp_path / "x.bed").write_text(
        "#chrom\tstart\tend\tname\tstrand\tliver\tlung\n"
        "c\t10\t20\tone\t+\t1\t0\n"
        "c\t50\t51\ttwo\t-\t0\t\n"
        "c\t40\t90\t.\t.\t\t1\n"
        "c\t30\t36\t\t-\t1\t1\n"
    )
    source = {"kind": "bed", "bed": "bed", "genome": "g", "targets": ["lung", "liver"]}
    found = bed.collect(source, 6, {"bed": tmp_path / "x.bed", "g": tmp_path / "g.fa"}, 1)
    assert found.frame["id"].tolist() == ["one", "two", "c:62-68", "c:30-36(-)"]
    assert found.frame["start"].tolist() == [12, 47, 62, 30]
    assert found.frame["end"].tolist() == [18, 53, 68, 36]
    assert found.frame["strand"].tolist() == ["+", "-", ".", "-"]
    reverse = str.maketrans("ACGT", "TGCA")
    assert spread(found)[1] == [
        sequence[12:18],
        sequence[47:53].translate(reverse)[::-1],
        sequence[62:68],
        sequence[30:36].translate(reverse)[::-1],
    ]
    assert found.targets == ["lung", "liver"]
    assert np.array_equal(found.labels, [[0, 1], [np.nan, 0], [1, np.nan], [1, 1]], equal_nan=True)


def test_bed_needs_neither_name_nor_strand_nor_order_of_columns(tmp_path):
    (tmp_path / "g.fa").write_text(">c\n" + "ACGT" * 10 + "\n")
    (tmp_path / "x.bed").write_text("label\tend\tstart\tchrom\n1\t8\t4\tc\n0\t12\t8\tc\n")
    found = bed.collect({"bed": "b", "genome": "g"}, 4, {"b": tmp_path / "x.bed", "g": tmp_path / "g.fa"}, 1)
    assert found.frame["id"].tolist() == ["c:4-8", "c:8-12"]
    assert spread(found) == ([1, 0], ["ACGT", "ACGT"])


# Table ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("separator", [",", "\t"])
def test_a_table_gives_its_rows_in_order(tmp_path, separator):
    rows = [("header", "sequence", "label"), ("chr1:100-104(+)", "acgt", "1"), ("b", "NNRU", "0"), ("c", "TTTT", "")]
    path = tmp_path / "table.txt"
    path.write_text("\n".join(separator.join(row) for row in rows))
    found = table.collect({"kind": "table", "table": "t"}, 4, {"t": path}, 1)
    assert found.frame["id"].tolist() == ["chr1:100-104(+)", "b", "c"]
    assert found.frame["start"].tolist() == [100, pd.NA, pd.NA]
    assert np.array_equal(found.labels[:, 0], [1, 0, np.nan], equal_nan=True)
    assert spread(found)[1] == ["ACGT", "NNNT", "TTTT"]


def test_repeated_headers_are_numbered_and_keep_their_locus(tmp_path):
    (tmp_path / "t.csv").write_text(
        "header,sequence,label\nchr1:4-8,ACGT,1\nb,ACGA,0\nchr1:4-8,ACGC,0\nchr1:4-8,ACGG,1\n"
    )
    found = table.collect({"table": "t", "repeated": "number"}, 4, {"t": tmp_path / "t.csv"}, 1)
    assert found.frame["id"].tolist() == ["chr1:4-8", "b", "chr1:4-8#2", "chr1:4-8#3"]
    assert found.frame["start"].tolist() == [4, pd.NA, 4, 4] and found.labels[:, 0].tolist() == [1, 0, 0, 1]
    (tmp_path / "t.csv").write_text("header,sequence,label\nb,ACGT,1\nb#2,ACGA,0\nb,ACGC,0\n")
    with pytest.raises(InputError, match="rows 3 and 4 have the same id 'b#2'"):
        table.collect({"table": "t", "repeated": "number"}, 4, {"t": tmp_path / "t.csv"}, 1)


def test_a_table_of_many_rows_is_encoded_as_row_by_row(tmp_path):
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 5, (2000, 60)).astype(np.uint8)
    frame = pd.DataFrame({"header": range(2000), "sequence": [dna.decode(row) for row in codes]})
    frame.assign(label=rng.integers(0, 2, 2000)).to_csv(tmp_path / "t.csv", index=False)
    found = table.collect({"table": "t", "target": "bound"}, 60, {"t": tmp_path / "t.csv"}, 1)
    assert np.array_equal(found.codes, codes)
    assert found.targets == ["bound"]


def test_a_table_laid_out_as_the_published_one(tmp_path):
    """600 bp, headers of DHS windows, `_r` behind those of reverse complements, lower case and unknown bases."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, (3, 600)).astype(np.uint8)
    codes[2, 392:] = dna.UNKNOWN
    texts = [dna.decode(row) for row in (codes[0], dna.reverse_complement(codes[0]), codes[1], codes[2])]
    headers = ["chr9:100-700(+)", "chr9:100-700(+)_r", "chr10:5-605(-)_r", "chr1:142535226-142535826(+)"]
    rows = [f"{header},{text},{i % 2}" for i, (header, text) in enumerate(zip(headers, texts, strict=True))]
    rows[2] = rows[2].replace(texts[2], texts[2].lower())
    (tmp_path / "final_data.csv").write_text("\r\n".join(["header,sequence,label", *rows]) + "\r\n")
    found = table.collect({"table": "t", "target": "retained"}, 600, {"t": tmp_path / "final_data.csv"}, 1)
    assert found.frame["id"].tolist() == headers
    assert found.frame["chrom"].tolist() == ["chr9", "chr9", "chr10", "chr1"]
    assert found.frame["strand"].tolist() == ["+", "-", "+", "+"]
    assert spread(found) == ([0, 1, 0, 1], texts)
    assert (found.codes == dna.UNKNOWN).sum() == 208
    # A reverse complement is a near-duplicate of its window, at any threshold.
    near = duplicates.find(found.codes, 15, 1)
    assert near[["first", "second"]].to_numpy().tolist() == [[0, 1]]


@pytest.mark.parametrize(
    ("name", "strand"),
    [("c:1-3", "."), ("c:1-3_r", "-"), ("c:1-3(+)_r", "-"), ("c:1-3(-)_r x", "+"), ("c:1-3_reference", ".")],
)
def test_a_name_tells_that_a_sequence_is_reversed(name, strand):
    assert parse_locus(name) == ("c", 1, 3, strand)


# Annotation ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def introns(demo):
    return annotation.collect({"kind": "annotation", "annotation": "gtf", "genome": "hg19"}, 600, demo, 1)


def introns_by_hand(path):
    """intron locus -> genes that own it, and the loci retained, by comparing all pairs."""
    transcripts = defaultdict(list)
    for line in path.read_text().splitlines():
        fields = line.split("\t")
        words = fields[8].replace('"', "").split("; ")
        names = dict(word.rstrip(";").split(" ", 1) for word in words)
        key = (names["gene_id"], names["transcript_id"], fields[0], fields[6])
        transcripts[key].append((int(fields[3]) - 1, int(fields[4])))
    genes = defaultdict(list)
    for (gene, transcript, _, _), exons in transcripts.items():
        genes[gene] += [(transcript, *exon) for exon in exons]
    owners, retained = defaultdict(set), set()
    for (gene, transcript, chrom, strand), exons in transcripts.items():
        exons = sorted(exons)
        for (_, start), (end, _) in zip(exons, exons[1:], strict=False):
            if start >= end:
                continue
            owners[chrom, start, end, strand].add(gene)
            if any(name != transcript and first <= start and end <= last for name, first, last in genes[gene]):
                retained.add((chrom, start, end, strand))
    return owners, retained


def test_introns_and_retention_against_all_pairs(introns, demo):
    owners, retained = introns_by_hand(demo["gtf"])
    found = [parse_locus(name) for name in introns.frame["id"]]
    assert found == sorted(owners)
    assert {locus for locus, label in zip(found, introns.labels[:, 0], strict=True) if label == 1} == retained
    assert (len(found), len(retained)) == (1162, 82)
    # An intron that several genes share is one window.
    assert sum(len(genes) for genes in owners.values()) == 1206
    assert introns.dropped == {"chromosome not in the genome": 0, "past the end of a chromosome": 0}


def test_intron_windows_are_centred_and_read_on_the_strand(introns, genome):
    assert introns.targets == ["retained"]
    for row in range(0, 1162, 29):
        intron = parse_locus(introns.frame["id"].iloc[row])
        window = introns.frame.iloc[row]
        assert abs((intron.start - window["start"]) - (window["end"] - intron.end)) <= 1
        assert window["strand"] == intron.strand
        assert np.array_equal(introns.codes[row], genome.fetch(*window[["chrom", "start", "end", "strand"]]))


@pytest.mark.parametrize("length", [600, 601])
@pytest.mark.parametrize(("anchor", "offset", "motif"), [("donor", 0, "GT"), ("acceptor", -2, "AG")])
def test_windows_on_splice_sites_hold_the_splice_site_in_the_middle(demo, anchor, offset, motif, length):
    source = {"annotation": "gtf", "genome": "hg19", "anchor": anchor}
    found = annotation.collect(source, length, demo, 1)
    middle = length // 2 + offset
    assert len(found.frame) == 1162
    for strand in "+-":
        rows = found.codes[(found.frame["strand"] == strand).to_numpy(), middle : middle + 2]
        assert np.mean([dna.decode(row) == motif for row in rows]) > 0.95


def write_gtf(path, exons):
    rows = ["# a comment"]
    for chrom, start, end, strand, gene, transcript in exons:
        names = f'gene_id "{gene}"; transcript_id "{transcript}";'
        rows.append(f"{chrom}\t.\texon\t{start}\t{end}\t.\t{strand}\t.\t{names}")
        rows.append(f"{chrom}\t.\tCDS\t{start}\t{end}\t.\t{strand}\t.\twhatever")
    path.write_text("\n".join(rows) + "\n")
    return path


def test_retention_needs_an_exon_of_the_same_gene_that_covers_all(tmp_path):
    (tmp_path / "g.fa").write_text(">c\n" + "ACGT" * 250 + "\n")
    path = write_gtf(
        tmp_path / "x.gtf",
        [
            ("c", 201, 300, "+", "G", "t1"),
            ("c", 101, 150, "+", "G", "t1"),
            ("c", 401, 450, "+", "G", "t1"),
            ("c", 120, 260, "+", "G", "t2"),
            ("c", 301, 399, "+", "G", "t3"),
            ("c", 301, 400, "+", "H", "t4"),
            ("c", 301, 400, "-", "G", "t5"),
            ("d", 1, 10, "+", "K", "t6"),
            ("d", 21, 30, "+", "K", "t6"),
            ("c", 981, 985, "-", "L", "t7"),
            ("c", 991, 995, "-", "L", "t7"),
            # Exons that touch leave no intron, and an exon within another does not open one.
            ("c", 501, 600, "-", "M", "t8"),
            ("c", 510, 520, "-", "M", "t8"),
            ("c", 601, 650, "-", "M", "t8"),
        ],
    )
    found = annotation.collect({"annotation": "a", "genome": "g"}, 40, {"a": path, "g": tmp_path / "g.fa"}, 1)
    assert found.frame["id"].tolist() == ["c:150-200(+)", "c:300-400(+)"]
    assert found.labels[:, 0].tolist() == [1, 0]
    assert found.dropped == {"chromosome not in the genome": 1, "past the end of a chromosome": 1}


# Planted -------------------------------------------------------------------------------------------------------------

PLANTED = {"kind": "planted", "genome": "hg19", "motifs": "jaspar", "matrices": MATRICES, "n": 4000, "probability": 0.2}


@pytest.fixture(scope="module")
def grammar(demo):
    return planted.collect(PLANTED, 300, demo, 1)


def test_labels_and_truth_tell_the_same(grammar):
    assert grammar.targets == ["CTCF", "REST", "TP53"]
    assert dict(zip(grammar.truth["matrix_id"], grammar.truth["target"], strict=True)) == dict(
        zip(MATRICES, grammar.targets, strict=True)
    )
    for column, target in enumerate(grammar.targets):
        rows = grammar.truth[grammar.truth["target"] == target]
        assert rows["id"].is_unique
        assert set(rows["id"]) == set(grammar.frame["id"][grammar.labels[:, column] == 1])


def test_motifs_are_planted_with_the_probability_given_and_independently(grammar):
    labels = grammar.labels
    # Binomial(4000, 0.2): standard deviation 25; (4000, 0.04): 12.
    assert np.abs(labels.sum(axis=0) - 800).max() < 100
    assert np.abs(np.triu(labels.T @ labels, 1)[np.triu_indices(3, 1)] - 160).max() < 50


def best_place(matrix, codes):
    """Start and strand of the highest log-odds score of a motif in one window, and the scores there are."""
    width = matrix.shape[1]
    weights = np.log2(np.maximum(matrix, 1e-3) / 0.25)
    words = np.lib.stride_tricks.sliding_window_view(codes, width)
    scores = np.stack([weights[words, range(width)].sum(axis=1), weights[::-1, ::-1][words, range(width)].sum(axis=1)])
    strand, start = np.unravel_index(scores.argmax(), scores.shape)
    return start, "+-"[strand], scores


def test_instances_score_high_and_are_found_at_their_place_and_strand(grammar, demo):
    motifs = {motif.id: motif.matrix for motif in read_meme(demo["jaspar"])}
    rows = dict(zip(grammar.frame["id"], range(4000), strict=True))
    for identifier, truth in grammar.truth.groupby("matrix_id"):
        matrix, own, found = motifs[identifier], [], []
        for item in truth.itertuples():
            codes = grammar.codes[rows[item.id]]
            assert item.end - item.start == matrix.shape[1]
            start, strand, scores = best_place(matrix, codes)
            own.append(scores["+-".index(item.strand), item.start])
            # TP53 binds as a palindrome, so that its strand cannot be told.
            found.append(start == item.start and (strand == item.strand or item.target == "TP53"))
            instance = codes[item.start : item.end]
            if item.strand == "-":
                instance = dna.reverse_complement(instance)
            # No instance holds a base that its matrix excludes.
            assert (matrix[instance, range(len(instance))] > 0).all()
        # The expected log-odds of an instance drawn from a matrix is the matrix's information.
        assert np.mean(own) == pytest.approx(information(matrix), abs=0.5)
        assert np.mean(found) > 0.9
    assert abs((grammar.truth["strand"] == "+").mean() - 0.5) < 0.05


def test_nothing_changes_outside_the_instances(grammar, genome):
    inside = np.zeros(grammar.codes.shape, dtype=bool)
    rows = dict(zip(grammar.frame["id"], range(4000), strict=True))
    for item in grammar.truth.itertuples():
        # Instances do not overlap.
        assert not inside[rows[item.id], item.start : item.end].any()
        inside[rows[item.id], item.start : item.end] = True
    native = np.stack([genome.fetch(*row) for row in grammar.frame[["chrom", "start", "end"]].itertuples(index=False)])
    assert np.array_equal(grammar.codes[~inside], native[~inside])
    assert (grammar.codes[inside] != native[inside]).mean() > 0.5
    assert (native < dna.UNKNOWN).all()


def test_planted_windows_do_not_overlap_and_come_back_from_their_seed(grammar, demo):
    frame = grammar.frame
    assert frame["id"].is_unique and len(frame) == 4000
    for _, group in frame.groupby("chrom"):
        starts = group["start"].to_numpy(dtype=int)
        assert (np.diff(starts) >= 300).all()
    again = planted.collect(PLANTED, 300, demo, 1)
    assert np.array_equal(again.codes, grammar.codes) and again.truth.equals(grammar.truth)
    assert not planted.collect(PLANTED, 300, demo, 2).frame["id"].equals(frame["id"])


def test_places_are_even_where_one_instance_is_planted():
    rng = np.random.default_rng(0)
    starts = [planted.place([5], 14, rng)[0] for _ in range(5000)]
    counts = np.bincount(starts, minlength=10)
    # Ten places, 500 each, standard deviation 21.
    assert len(counts) == 10 and np.abs(counts - 500).max() < 100


def test_instances_fill_a_window_to_the_brim_and_no_further():
    rng = np.random.default_rng(0)
    assert sorted(planted.place([4, 4], 8, rng)) == [0, 4]
    with pytest.raises(InputError, match="3 instances of 12 bp together found no room in a window of 11 bp"):
        planted.place([4, 4, 4], 11, rng)


def test_instances_are_drawn_column_by_column():
    rng = np.random.default_rng(0)
    matrix = np.array([[0.7, 0], [0.1, 0], [0.2, 0], [0, 1.0]])
    drawn = [planted.draw_instance(matrix, rng) for _ in range(4000)]
    forward = np.array([dna.reverse_complement(codes) if strand == "-" else codes for codes, strand in drawn])
    frequencies = np.stack([np.bincount(column, minlength=4) / 4000 for column in forward.T], axis=1)
    assert np.abs(frequencies - matrix).max() < 0.03


def test_motifs_that_share_a_name_are_told_apart_by_their_id(demo):
    motifs = planted.choose_motifs(demo["jaspar"], ["MA0139.2", "MA1930.2", "MA0106.3"], 0, 300)
    assert planted.target_names(motifs) == ["CTCF_MA0139.2", "CTCF_MA1930.2", "TP53"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"matrices": ["MA0139.2", "MA9999.1"]}, "no motif 'MA9999.1'; expected an id such as MA0002.3"),
        ({"matrices": ["MA0002.3"]}, r"motif 'MA0002.3' \(Runx1\) holds 10.2 bits, expected 14 or more"),
        ({"matrices": ["MA0139.2"], "min_information": 19}, "holds 1[0-9.]* bits, expected 19 or more"),
        ({"matrices": ["MA0139.2", "MA0139.2"]}, "matrices lists MA0139.2, expected distinct ids"),
        ({"matrices": []}, "matrices lists nothing"),
        ({"probability": 1.2}, "probability is 1.2, expected a number between 0 and 1"),
        ({"n": 10**6}, "offers 2[0-9]* windows of 300 bp without unknown bases, expected at least 1000000"),
    ],
)
def test_settings_that_cannot_be_planted_are_refused(demo, changes, words):
    with pytest.raises(InputError, match=words):
        planted.collect({**PLANTED, **changes}, 300, demo, 1)


def test_a_motif_wider_than_the_window_is_refused(demo):
    with pytest.raises(InputError, match=r"motif 'MA0139.2' \(CTCF\) is 15 bp wide, windows are 12 bp"):
        planted.collect(PLANTED, 12, demo, 1)


# MEME ----------------------------------------------------------------------------------------------------------------

MEME = "MEME version 4\n\nALPHABET= ACGT\n\nMOTIF {} \nletter-probability matrix: alength= 4 w= 2\n{}\nURL x\n"


def test_the_motif_database_is_read_whole(demo):
    motifs = read_meme(demo["jaspar"])
    assert len(motifs) == 879 == len({motif.id for motif in motifs})
    assert all(motif.matrix.dtype == np.float64 and motif.matrix.shape[0] == 4 for motif in motifs)
    assert max(np.abs(motif.matrix.sum(axis=0) - 1).max() for motif in motifs) < 1e-5
    runx = motifs[0]
    assert (runx.id, runx.name, runx.matrix.shape) == ("MA0002.3", "Runx1", (4, 9))
    assert runx.matrix[:, 1].tolist() == [0.0285, 0, 0.0035, 0.968]


def test_the_motif_database_against_another_reader(demo):
    memelite = pytest.importorskip("memelite.io")
    expected = memelite.read_meme(str(demo["jaspar"]))
    found = read_meme(demo["jaspar"])
    assert [f"{motif.id} {motif.name}" for motif in found] == list(expected)
    for motif, matrix in zip(found, expected.values(), strict=True):
        assert np.allclose(motif.matrix, matrix)


def test_information_of_known_columns():
    assert information(np.array([[1.0, 0.25, 0.5], [0, 0.25, 0.5], [0, 0.25, 0], [0, 0.25, 0]])) == 3


def test_a_motif_without_name_is_named_by_its_id(tmp_path):
    (tmp_path / "m.meme").write_text(MEME.format("M1", "1 0 0 0\n0 0 0.5 0.5"))
    (motif,) = read_meme(tmp_path / "m.meme")
    assert motif.name == "M1" and motif.matrix.tolist() == [[1, 0], [0, 0], [0, 0.5], [0, 0.5]]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (">chr1\nACGT\n", "not a MEME file: .* found '>chr1'"),
        ("MEME version 4\n", "holds no motif"),
        (MEME.format("M1", "1 0 0 0\n0 0 1"), "line 8: motif 'M1': found '0 0 1', expected four probabilities"),
        (MEME.format("M1", "1 0 0 0\n9 0 1 0"), "line 8: motif 'M1': found '9 0 1 0', expected four probabilities"),
        (MEME.format("M1", "1 0 0 0\nnan 0 1 0"), "line 8: motif 'M1': found 'nan 0 1 0'"),
        (MEME.format("M1", "1 0 0 0"), "line 6: motif 'M1': matrix has 1 rows, expected 2"),
        (MEME.format("", "1 0 0 0\n1 0 0 0"), "line 5: found 'MOTIF', expected 'MOTIF id name'"),
        (MEME.format("M1", "1 0 0 0\n1 0 0 0") + MEME.format("M1", "1 0 0 0\n1 0 0 0"), "motif id 'M1' occurs more"),
        ("MEME version 4\nMOTIF M1\nURL x\n", "line 2: motif 'M1' has no 'letter-probability matrix'"),
        ("MEME version 4\nALPHABET= ACDEFGHIKLMNPQRSTVWY\n", "alphabet is .*, expected 'ALPHABET= ACGT'"),
        ("", "not a MEME file"),
    ],
)
def test_a_bad_motif_file_is_refused(tmp_path, content, words):
    (tmp_path / "m.meme").write_text(content)
    with pytest.raises(InputError, match=f"m.meme: {words}|m.meme: line [0-9]+: {words}"):
        read_meme(tmp_path / "m.meme")
