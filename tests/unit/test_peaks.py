"""Peaks as a source: what their windows are, and negatives against comparing everything with everything."""

import gzip
import time

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp

from cisflow.data import ledger, negatives
from cisflow.errors import InputError
from cisflow.io.genome import Genome
from cisflow.sequence import dna, intervals
from sources import collect, unpacked
from twobits import two_bit

PEAKS = {"peaks": "p", "genome": "g"}


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return unpacked(tmp_path_factory.mktemp("demo"))


def genome_file(folder, lengths, seed=0):
    rng = np.random.default_rng(seed)
    texts = {name: dna.decode(rng.integers(0, 4, length).astype(np.uint8)) for name, length in lengths.items()}
    (folder / "g.fa").write_text("".join(f">{name}\n{text}\n" for name, text in texts.items()))
    return folder / "g.fa"


def narrow_peak(path, rows):
    """Rows are (chrom, start, end, offset of the summit, signal)."""
    lines = [f"{chrom}\t{start}\t{end}\t.\t0\t.\t{signal}\t-1\t-1\t{peak}" for chrom, start, end, peak, signal in rows]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def small(tmp_path):
    """A genome of two chromosomes and four rows: three summits of one peak and one peak elsewhere."""
    rows = [("c1", 1000, 1600, peak, signal) for peak, signal in ((50, 3), (300, 9), (550, 1))]
    files = {"g": genome_file(tmp_path, {"c1": 40_000, "c2": 30_000})}
    return files | {"p": narrow_peak(tmp_path / "p.narrowPeak", [*rows, ("c2", 5000, 5101, 20, 5)])}


@pytest.mark.parametrize(
    ("anchor", "middles"),
    [
        ("summit", [1050, 1300, 1550, 5020]),
        ("center", [1300, 5050]),
        ("start", [1000, 5000]),
        ("end", [1600, 5101]),
    ],
)
def test_each_summit_is_a_window_of_its_own(small, anchor, middles):
    found = collect("peaks", PEAKS | {"anchor": anchor}, 100, small)
    positive = found.labels[:, 0] == 1
    starts = found.frame["start"].to_numpy(dtype=int)[positive]
    assert starts.tolist() == [middle - 50 for middle in middles]
    assert found.frame["id"].is_unique and (~positive).sum() == len(middles)
    # Three summits of one peak have one middle: two of three rows are the same window.
    dropped = found.ledger[(found.ledger["step"] == "window") & (found.ledger["outcome"] == "dropped")]
    assert dropped["reason"].tolist() == ["listed more than once"] * (4 - len(middles))
    genome = Genome(small["g"])
    for row, codes in zip(found.frame.itertuples(), found.codes, strict=True):
        np.testing.assert_array_equal(codes, genome.fetch(row.chrom, row.start, row.end))


def test_peaks_that_overlap_can_be_one_window_on_the_strongest(small):
    found = collect("peaks", PEAKS | {"overlapping": "merge"}, 100, small)
    assert found.frame["start"].tolist()[:2] == [1250, 4970]
    assert found.dropped["merged with a peak that it overlaps"] == 2


def test_a_bed_of_three_columns_is_centred(tmp_path):
    files = {"g": genome_file(tmp_path, {"c1": 9000}), "p": tmp_path / "p.bed"}
    files["p"].write_text("track name=x\nc1 1000 1101\n# a comment\nc1 3000 3100\n")
    found = collect("peaks", PEAKS, 100, files)
    assert found.frame["start"].tolist()[:2] == [1000, 3000]


def shares(one, two):
    """Whether (chrom, start, end) of two intervals share a base."""
    return one[0] == two[0] and one[1] < two[2] and two[1] < one[2]


@pytest.fixture(scope="module")
def biased(demo, tmp_path_factory):
    """1,000 peaks of the demo's genome that prefer high GC content, and a blacklist of a tenth of a chromosome."""
    folder, rng, rows = tmp_path_factory.mktemp("biased"), np.random.default_rng(0), []
    genome = Genome(demo["hg19"])
    for region in genome.regions():
        starts = rng.integers(region.start + 500, region.end - 500, 6000)
        for start in starts.tolist():
            codes = genome.fetch(region.chrom, start, start + 200)
            if (codes < dna.UNKNOWN).all() and rng.random() < 2 * (dna.gc_content(codes) - 0.35):
                rows.append((region.chrom, start, start + 200, 100, 1))
    chosen = [rows[i] for i in sorted(rng.choice(len(rows), 1000, replace=False))]
    region = genome.regions()[0]
    (folder / "black.bed").write_text(f"{region.chrom}\t{region.start}\t{region.start + 200_000}\n")
    return demo | {"p": narrow_peak(folder / "p.narrowPeak", chosen), "black": folder / "black.bed"}


@pytest.mark.parametrize("match", [["gc"], ["gc", "cpg", "gene_distance"], ["gc", "chromosome"]])
def test_negatives_match_and_lie_apart(biased, match):
    settings = {"peaks": "p", "genome": "hg19", "annotation": "gtf", "blacklist": "black", "match": match}
    found = collect("peaks", settings, 200, biased)
    positive = found.labels[:, 0] == 1
    frame, gc = found.frame, dna.gc_content(found.codes)
    assert (~positive).sum() >= 0.95 * positive.sum()
    assert ks_2samp(gc[positive], gc[~positive]).pvalue > 0.5
    for name in ("cpg", "gene_distance"):
        if name in match:
            one, two = (found.matching.loc[found.matching["label"] == label, name] for label in (1, 0))
            assert ks_2samp(one, two).pvalue > 0.05
    assert (found.codes[~positive] < dna.UNKNOWN).all()
    # Against all pairs: neither a peak, nor its window, nor the blacklist, nor another negative.
    rows = [line.split("\t")[:3] for line in biased["p"].read_text().splitlines()]
    rows += [line.split("\t")[:3] for line in biased["black"].read_text().splitlines()]
    others = [(chrom, int(start), int(end)) for chrom, start, end in rows]
    loci = [tuple(row) for row in frame[["chrom", "start", "end"]].itertuples(index=False)]
    others += [locus for locus, own in zip(loci, positive, strict=True) if own]
    drawn = [locus for locus, own in zip(loci, positive, strict=True) if not own]
    starts = {chrom: np.array([[s, e] for c, s, e in others if c == chrom]) for chrom, _, _ in others}
    for chrom, start, end in drawn:
        spans = starts[chrom]
        assert not ((spans[:, 0] < end) & (start < spans[:, 1])).any()
    ordered = sorted(drawn)
    assert all(not shares(one, two) for one, two in zip(ordered, ordered[1:], strict=False))
    # As many of each label on each chromosome, but where a chromosome has too few.
    counts = pd.crosstab(frame["chrom"], positive)
    assert (abs(counts[True] - counts[False]) <= 0.05 * counts[True]).all()


def test_negatives_come_back_from_their_seed_alone(biased):
    settings = {"peaks": "p", "genome": "hg19"}
    one, two, other = (collect("peaks", settings, 200, biased, seed) for seed in (1, 1, 2))
    assert one.frame["id"].tolist() == two.frame["id"].tolist() != other.frame["id"].tolist()


@pytest.mark.parametrize("ratio", [0.5, 2.0, 2.5])
def test_as_many_negatives_as_asked_for(small, ratio):
    found = collect("peaks", PEAKS | {"negatives_per_positive": ratio}, 20, small)
    assert (found.labels == 0).sum() == round(ratio * 4)


def test_too_few_candidates_are_one_line(tmp_path):
    files = {"g": genome_file(tmp_path, {"c1": 3000})}
    files["p"] = narrow_peak(tmp_path / "p.narrowPeak", [("c1", 300 * i + 100, 300 * i + 300, 50, 1) for i in range(9)])
    with pytest.raises(InputError, match="g.fa: offers 0 negatives like the peaks in gc, .* expected 9: a smaller neg"):
        collect("peaks", PEAKS, 200, files)


def test_a_distance_needs_genes(small):
    with pytest.raises(InputError, match="match names gene_distance; expected the key annotation"):
        collect("peaks", PEAKS | {"match": ["gene_distance"]}, 100, small)


def test_a_draw_is_the_same_in_distribution_as_exhaustive_matching():
    """Where candidates abound, each positive finds one of its own finest bin."""
    rng = np.random.default_rng(1)
    positives = pd.DataFrame({"chrom": rng.choice(["a", "b"], 300), "gc": rng.beta(8, 6, 300)})
    offered = pd.DataFrame({"chrom": rng.choice(["a", "b"], 60_000), "gc": rng.beta(5, 7, 60_000)})
    rows = negatives.draw(positives, offered, ["gc"], 1, 0)
    assert len(set(rows)) == 300
    width = negatives.WIDTHS["gc"]

    def histogram(frame):
        bins = np.floor(frame["gc"] / width + 0.5)
        return pd.crosstab(frame["chrom"], bins)

    one, two = histogram(positives).align(histogram(offered.iloc[rows]), fill_value=0)
    # All but a tail that the candidates hardly reach is matched bin by bin.
    assert np.abs(one - two).to_numpy().sum() <= 12


def test_a_positive_without_a_like_candidate_gets_none():
    positives = pd.DataFrame({"chrom": "a", "gc": [0.9, 0.3]})
    offered = pd.DataFrame({"chrom": "a", "gc": np.full(50, 0.3)})
    assert len(negatives.draw(positives, offered, ["gc"], 1, 0)) == 1


def test_another_chromosome_serves_unless_it_must_not():
    positives = pd.DataFrame({"chrom": ["short"] * 4, "gc": 0.5})
    offered = pd.DataFrame({"chrom": ["short", *["long"] * 9], "gc": 0.5})
    assert len(negatives.draw(positives, offered, ["gc"], 1, 0)) == 4
    assert len(negatives.draw(positives, offered, ["gc"], 1, 0, strict=True)) == 1


def test_distances_against_all_pairs():
    rng = np.random.default_rng(2)

    def some(n, chroms):
        start = rng.integers(0, 5000, n)
        return pd.DataFrame({"chrom": rng.choice(chroms, n), "start": start, "end": start + rng.integers(1, 60, n)})

    left, right = some(200, ["a", "b", "c"]), some(40, ["a", "b"])
    expected = []
    for one in left.itertuples():
        others = right[right["chrom"] == one.chrom]
        gaps = np.maximum(others["start"] - one.end, one.start - others["end"]).clip(lower=0)
        expected.append(gaps.min() if len(gaps) else 1e9)
    np.testing.assert_array_equal(negatives.distance(left, intervals.merged(right)), expected)


def test_repeats_are_what_is_in_lower_case(tmp_path):
    (tmp_path / "g.fa").write_text(">c\nACGTacgtACNNnnac\n")
    assert Genome(tmp_path / "g.fa").soft_masked("c", 2, 16).tolist() == [c.islower() for c in "GTacgtACNNnnac"]


def test_repeats_of_a_2bit_are_matched_on_like_those_of_its_fasta(tmp_path):
    rng = np.random.default_rng(5)
    bases = dna.decode(rng.integers(0, 4, 30_000).astype(np.uint8))
    # Repeats of 30 to 300 bp, over half of the sequence.
    for start in range(0, 30_000, 500):
        end = start + int(rng.integers(30, 450))
        bases = bases[:start] + bases[start:end].lower() + bases[end:]
    (tmp_path / "g.fa").write_text(f">c1\n{bases}\n")
    (tmp_path / "g.2bit").write_bytes(two_bit({"c1": bases}))
    peaks = narrow_peak(tmp_path / "p.narrowPeak", [("c1", 900 + 2000 * i, 1100 + 2000 * i, 100, 1) for i in range(12)])
    fasta, packed = (
        collect("peaks", PEAKS | {"match": ["gc", "repeats"]}, 200, {"p": peaks, "g": tmp_path / name})
        for name in ("g.fa", "g.2bit")
    )
    assert fasta.frame.equals(packed.frame) and fasta.matching.equals(packed.matching)
    shares = packed.matching.set_index("id")["repeats"]
    for row in packed.frame.itertuples():
        assert shares[row.id] == pytest.approx(np.mean([base.islower() for base in bases[row.start : row.end]]))
    assert shares.nunique() > 5


def test_every_row_of_the_file_is_in_the_ledger(tmp_path):
    files = {"g": genome_file(tmp_path, {"c1": 20_000, "c2": 900})}
    rows = [("c1", 500 + 400 * i, 700 + 400 * i, 100, 1) for i in range(20)]
    rows += [
        rows[3],
        ("c1", 19_900, 19_990, 60, 1),
        ("c2", 0, 60, 10, 1),
        ("c9", 10, 60, 10, 1),
        ("c2", 300, 400, 50, 1),
    ]
    files |= {"p": narrow_peak(tmp_path / "p.narrowPeak", rows), "black": tmp_path / "b.bed"}
    files["black"].write_text("c2\t340\t350\n")
    found = collect("peaks", PEAKS | {"blacklist": "black"}, 200, files)
    lines = found.ledger
    own = lines[lines["step"] == "window"]
    assert own["row"].tolist() == list(range(1, 26))
    reasons = own.set_index("row")["reason"]
    assert reasons[reasons != ""].to_dict() == {
        21: "listed more than once",
        22: "past the end of a chromosome",
        23: "past the end of a chromosome",
        24: "chromosome not in the genome",
        25: "in the blacklist",
    }
    ledger.check(lines, found.frame["id"], "ledger.tsv")
    offered = int(lines.loc[lines["step"] == "draw", "n"].sum())
    assert offered == 20_000 // 200 + 900 // 200


@pytest.mark.slow
def test_very_many_peaks_take_bounded_time(tmp_path):
    """800,000 positives against two million candidates, in a minute or so."""
    rng = np.random.default_rng(3)
    chroms = np.array([f"chr{i}" for i in range(1, 23)])
    positives = pd.DataFrame({"chrom": rng.choice(chroms, 800_000), "gc": rng.beta(9, 9, 800_000)})
    offered = pd.DataFrame({"chrom": rng.choice(chroms, 4_000_000), "gc": rng.beta(7, 9, 4_000_000)})
    started = time.monotonic()
    rows = negatives.draw(positives, offered, ["gc"], 1, 0)
    assert time.monotonic() - started < 120
    assert len(np.unique(rows)) == len(rows) > 790_000
    assert ks_2samp(positives["gc"], offered["gc"].iloc[rows]).statistic < 0.01


def test_packed_peaks_are_read(small, tmp_path):
    packed = tmp_path / "q.narrowPeak.gz"
    packed.write_bytes(gzip.compress(small["p"].read_bytes()))
    one, two = (collect("peaks", PEAKS, 100, small | {"p": path}) for path in (small["p"], packed))
    assert one.frame.equals(two.frame)
