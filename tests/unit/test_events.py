"""The source `events` against its rules, worked out pair by pair and by hand."""

import numpy as np
import pandas as pd
import pytest

from cisflow.errors import InputError
from cisflow.io.genome import Genome
from cisflow.sequence import dna
from sources import collect as collect_source

SOURCE = {"bed": "bed", "annotation": "gtf", "events": "events", "genome": "fa"}
HEADER = "Gene_ID\tPre_Exon\tIntron\tPost_Exon\tStrand\tChromosome\tFirst_Intron"
# Gene, first and last base (from 1), strand; three on c, of which two overlap on other strands.
GENES = [("c", "G", 101, 4000, "+"), ("c", "H", 3001, 5000, "-"), ("d", "K", 1, 2000, "+"), ("e", "L", 1, 500, "+")]
# Pre-exon, intron, post-exon, strand, first; on the minus strand the exon before the intron lies behind it.
EVENTS = [
    ("G", "(401,500)", "(501,600)", "(601,700)", "+", "c", "True"),
    ("G", "(701,800)", "(801,900)", "(901,1000)", "+", "c", "False"),
    ("H", "(4501,4600)", "(4401,4500)", "(4301,4400)", "-", "c", "False"),
]


def write(folder, sites, rows=EVENTS, length=5000):
    """The files of a source on three chromosomes; site = (chrom, start, end)."""
    rng = np.random.default_rng(0)
    bases = {name: dna.decode(rng.integers(0, 4, length).astype(np.uint8)) for name in "cd"}
    if not (folder / "g.fa").exists():
        (folder / "g.fa").write_text("".join(f">{name}\n{text}\n" for name, text in bases.items()))
    lines = []
    for chrom, gene, first, last, strand in GENES:
        names = f'gene_id "{gene}"; transcript_id "{gene}1";'
        for ends in ((first, first + 50), (last - 50, last)):
            lines.append(f"{chrom}\t.\texon\t{ends[0]}\t{ends[1]}\t.\t{strand}\t.\t{names}\n")
    (folder / "x.gtf").write_text("".join(lines))
    (folder / "x.bed").write_text("track name=x\n" + "".join("\t".join(map(str, site)) + "\n" for site in sites))
    (folder / "x.tsv").write_text("\n".join([HEADER, *("\t".join(row) for row in rows)]) + "\n")
    return {"bed": folder / "x.bed", "gtf": folder / "x.gtf", "events": folder / "x.tsv", "fa": folder / "g.fa"}


def collect(folder, sites, rows=EVENTS, seed=1, **settings):
    settings = {"negatives_per_positive": None, **settings}
    return collect_source("events", SOURCE | settings, 20, write(folder, sites, rows), seed)


def labelled(windows):
    return dict(zip(windows.frame["id"], windows.labels[:, 0].tolist(), strict=True))


def test_rules_at_their_edges(tmp_path):
    sites = [
        ("c", 100, 120),  # starts with the gene: not strictly inside
        ("c", 101, 121),  # inside by a base
        ("c", 380, 400),  # touches the first exon of an event
        ("c", 381, 401),  # one base on it
        ("c", 480, 500),  # touches the intron, on its exon
        ("c", 481, 501),  # one base on the intron
        ("c", 599, 619),  # its last base
        ("c", 600, 620),  # behind it
        ("c", 1000, 1020),  # behind the last exon
        ("c", 4290, 4310),  # exon of the minus strand
        ("c", 4440, 4480),  # intron of the minus strand; longer than the window
        ("c", 4600, 4620),  # behind its exon
        ("c", 4980, 5000),  # ends with the gene
        ("c", 3500, 3520),  # in two genes
        ("c", 3500, 3520),  # twice
        ("d", 1000, 1020),
        ("d", 4990, 5010),  # past the end
        ("e", 10, 30),  # not in the genome
    ]
    found = collect(tmp_path, sites)
    assert labelled(found) == {
        "c:101-121(+)": 0,
        "c:380-400(+)": 0,
        "c:481-501(+)": 1,
        "c:599-619(+)": 1,
        "c:1000-1020(+)": 0,
        "c:3500-3520(+)": 0,
        "c:4450-4470(+)": 1,
        "c:4600-4620(+)": 0,
        "d:1000-1020(+)": 0,
    }
    assert found.dropped == {
        "chromosome not in the genome": 1,
        "past the end of a chromosome": 1,
        "listed more than once": 1,
        "not inside a gene": 2,
        "on an exon beside a retained intron": 4,
        "negatives not drawn": 0,
    }
    assert len(sites) == len(found.frame) + sum(found.dropped.values())
    genome = Genome(tmp_path / "g.fa")
    for row, codes in zip(found.frame.itertuples(), found.codes, strict=True):
        assert row.end - row.start == 20 and np.array_equal(codes, genome.fetch(row.chrom, row.start, row.end))


def test_the_strand_of_the_gene(tmp_path):
    sites = [("c", 1500, 1520), ("c", 3500, 3520), ("c", 4440, 4460), ("c", 4700, 4720)]
    found = collect(tmp_path, sites, strand="gene")
    assert labelled(found) == {"c:1500-1520(+)": 0, "c:4440-4460(-)": 1, "c:4700-4720(-)": 0}
    assert found.dropped["inside genes of both strands"] == 1
    plus = collect(tmp_path, sites)
    assert plus.frame["strand"].unique().tolist() == ["+"] and len(plus.frame) == 4
    assert np.array_equal(found.codes[1], dna.reverse_complement(plus.codes[2]))


def test_every_event_labels_a_window_or_has_a_reason(tmp_path):
    rows = [
        *EVENTS,
        EVENTS[0],
        ("K", "(401,500)", "(501,600)", "(601,700)", "+", "d", "False"),
        ("L", "(41,50)", "(51,60)", "(61,70)", "+", "e", "True"),
    ]
    sites = [("c", 540, 560), ("c", 1500, 1520), ("c", 4440, 4460), ("c", 3500, 3520)]
    for first, reasons in (
        ("keep", ["", "no window on its intron", "", "listed more than once"]),
        ("exclude", ["first intron", "no window on its intron", "", "listed more than once"]),
    ):
        lines = collect(tmp_path, sites, rows, first_introns=first).ledger
        told = lines[lines["input"] == "x.tsv"]
        assert told["row"].tolist() == list(range(2, 8)) and set(told["step"]) == {"read"}
        assert told["name"].tolist() == ["G", "G", "H", "G", "K", "L"]
        assert told["reason"].tolist() == [*reasons, "no window on its intron", "chromosome not in the genome"]
        assert ((told["outcome"] == "kept") == (told["reason"] == "")).all()
        genes = lines[lines["input"] == "x.gtf"].set_index("reason")["n"].to_dict()
        assert genes == {"": 6, "chromosome not in the genome": 2}
        assert (lines.loc[lines["input"] == "x.bed", "step"] == "window").all()


@pytest.mark.parametrize(
    "lines",
    [
        ["c 540 560", "c  1500 1520", "trackless 5 25"],
        ["#chrom\tstart\tend\tname", "c\t540\t560\ta", "c\t1500\t1520\ta", "trackless\t5\t25\ta"],
        ["#name\tchrom\tstart\tend", "a\tc\t540\t560", "a\tc\t1500\t1520", "a\ttrackless\t5\t25"],
        ["c\t540\t560\ta\t0\tplus", "c\t1500\t1520\ta\t0\tplus", "trackless\t5\t25\ta\t0\tplus"],
    ],
    ids=["spaces", "a header", "a header in another order", "other columns of any kind"],
)
def test_sites_are_read_as_any_other_bed(tmp_path, lines):
    paths = write(tmp_path, SITE)
    paths["bed"].write_text("\n".join(["browser position c", *lines]) + "\n")
    found = collect_source("events", SOURCE | {"negatives_per_positive": None}, 20, paths, 1)
    assert labelled(found) == labelled(collect(tmp_path, SITE))
    assert found.dropped["chromosome not in the genome"] == 1


def test_first_introns_can_be_left_out(tmp_path):
    sites = [("c", 540, 560), ("c", 840, 860), ("c", 1500, 1520)]
    assert list(labelled(collect(tmp_path, sites)).values()) == [1, 1, 0]
    found = collect(tmp_path, sites, first_introns="exclude")
    assert labelled(found) == {"c:840-860(+)": 1, "c:1500-1520(+)": 0}
    assert found.dropped["on a retained first intron"] == 1


@pytest.fixture(scope="module")
def many():
    rng = np.random.default_rng(1)
    return [("c", int(start), int(start) + 20) for start in rng.choice(4900, 800, replace=False)]


def test_labels_against_all_pairs(tmp_path, many):
    found = labelled(collect(tmp_path, many))
    expected = {}
    spans = [[tuple(map(int, text.strip("()").split(","))) for text in row[1:4]] for row in EVENTS]
    for _, start, end in many:
        bases = set(range(start + 1, end + 1))
        if not any(first <= start and end < last for chrom, _, first, last, _ in GENES if chrom == "c"):
            continue
        on = [bool(bases & set(range(intron[0], intron[1] + 1))) for _, intron, _ in spans]
        near = [bool(bases & set(range(min(a[0] for a in s), max(a[1] for a in s) + 1))) for s in spans]
        if any(on) or not any(near):
            expected[f"c:{start}-{end}(+)"] = float(any(on))
    assert found == expected and {0, 1} == set(found.values())


def test_negatives_are_drawn_by_the_seed_and_the_ratio(tmp_path, many):
    everything = labelled(collect(tmp_path, many))
    one, again, two = (collect(tmp_path, many, seed=seed, negatives_per_positive=1.5) for seed in (1, 1, 2))
    n_positive = sum(everything.values())
    for drawn in (one, two):
        labels = labelled(drawn)
        assert labels.items() <= everything.items() and sum(labels.values()) == n_positive
        assert len(labels) == n_positive + round(1.5 * n_positive)
        assert len(drawn.frame) + drawn.dropped["negatives not drawn"] == len(everything)
        assert drawn.frame["start"].is_monotonic_increasing
    assert one.frame.equals(again.frame) and not one.frame.equals(two.frame)
    found = collect_source("events", SOURCE, 20, write(tmp_path, many), 1)
    assert len(found.frame) == 3 * n_positive


SITE = [("c", 540, 560), ("c", 1500, 1520)]


@pytest.mark.parametrize(
    ("sites", "rows", "settings", "words"),
    [
        (SITE, EVENTS, {"strand": "both"}, r"source.strand: 'both' is not one of \['plus', 'gene'\]"),
        (SITE, EVENTS, {"negatives_per_positive": 2}, "takes 2 negatives for 1 positives; found 1, expected a smaller"),
        (SITE[1:], EVENTS, {}, "x.tsv: no window overlaps the intron of an event"),
        ([("z", 1, 9)], EVENTS, {}, r"x.bed: none of its chromosomes \(z\) is in .*g.fa \(c, d\)"),
        ([("d", 5, 40)], EVENTS, {}, r"x.tsv: none of its chromosomes \(c\) is one of the windows' \(d\)"),
        ([("c", 9, 9)], EVENTS, {}, "x.bed: row 2: start is 9 and end is 9, expected start < end"),
        ([("c", "x", 9)], EVENTS, {}, "x.bed: row 2: start is 'x', expected an integer of 0 or more"),
        ([], EVENTS, {}, "x.bed: holds no interval"),
        (
            SITE,
            [("G", "(401,500)", "501-600", *EVENTS[0][3:])],
            {},
            r"row 2: Intron is '501-600', expected \(start,end",
        ),
        (
            SITE,
            [("G", "(401,500)", "(9,8)", *EVENTS[0][3:])],
            {},
            r"row 2: Intron is '\(9,8\)', expected \(start,end\)",
        ),
        (SITE, [("G", "(401,500)", "(901,950)", *EVENTS[0][3:])], {}, "expected it between Pre_Exon .401, 500. and"),
        (SITE, [(*EVENTS[0][:6], "maybe")], {"first_introns": "exclude"}, "First_Intron is 'maybe', expected one of"),
    ],
)
def test_bad_input_is_told_in_one_message(tmp_path, sites, rows, settings, words):
    with pytest.raises(InputError, match=words) as error:
        collect(tmp_path, sites, rows, **settings)
    assert "\n" not in str(error.value)


def test_a_table_without_a_column_is_refused(tmp_path):
    inputs = write(tmp_path, SITE)
    table = pd.read_csv(inputs["events"], sep="\t").drop(columns=["First_Intron"])
    table.to_csv(inputs["events"], sep="\t", index=False)
    assert len(collect_source("events", SOURCE | {"negatives_per_positive": 1}, 20, inputs, 1).frame) == 2
    with pytest.raises(InputError, match="row 1: no column First_Intron; found columns Gene_ID"):
        collect_source("events", SOURCE | {"first_introns": "exclude"}, 20, inputs, 1)
