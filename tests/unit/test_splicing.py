"""Splice sites among patterns: told by their place in windows on real introns, and by nothing else."""

import h5py
import numpy as np
import pytest

from cisflow.errors import InputError
from cisflow.io.tables import write_table
from cisflow.motifs import naming, splicing
from cisflow.sequence import dna
from sources import collect, unpacked

LENGTH, WIDTH = 300, 16


@pytest.fixture(scope="module")
def introns(tmp_path_factory):
    """(Windows centred on the introns of the demo, path of windows.tsv)."""
    folder = tmp_path_factory.mktemp("introns")
    found = collect("annotation", {"annotation": "gtf", "genome": "hg19"}, LENGTH, unpacked(folder), 1)
    write_table(folder / "windows.tsv", found.frame)
    return found, folder / "windows.tsv"


def inside(places, ids, margin=0):
    at = np.array([places[name] for name in ids])
    return at, (at >= margin) & (at < LENGTH - margin)


@pytest.mark.parametrize(("site", "before", "bases"), [("donor", 0, "GT"), ("acceptor", 1, "AG")])
def test_sites_lie_where_the_genome_reads_them(introns, site, before, bases):
    found, path = introns
    at, kept = inside(getattr(splicing.read_sites(path), site), found.frame["id"], 2)
    assert kept.sum() > 100
    for strand in "+-":
        rows = np.flatnonzero(kept & (found.frame["strand"] == strand).to_numpy())
        read = [dna.decode(found.codes[row, at[row] - before : at[row] - before + 2]) for row in rows]
        assert np.mean([pair == bases for pair in read]) > 0.9


def write(path, codes, spans):
    """A TF-MoDISco result of one pattern, of seqlets (row, start, end, reverse) of windows."""
    read = [dna.reverse_complement(codes[r, s:e]) if reverse else codes[r, s:e] for r, s, e, reverse in spans]
    frequencies = np.mean([np.eye(5, 4)[sequence] for sequence in read], axis=0)
    with h5py.File(path, "w") as store:
        group = store.create_group("pos_patterns/pattern_0")
        group["sequence"], group["contrib_scores"] = frequencies, frequencies
        rows, starts, ends, reverse = map(np.array, zip(*spans, strict=True))
        seqlets = {"example_idx": rows, "start": starts, "end": ends, "is_revcomp": reverse}
        seqlets["n_seqlets"] = np.array([len(rows)])
        for name, values in seqlets.items():
            group[f"seqlets/{name}"] = values
    return path


def noted(path, introns):
    found, windows = introns
    ids = found.frame["id"].to_numpy(dtype=str)
    return splicing.notes(path, naming.read_patterns(path), ids, splicing.read_sites(windows))["pos_0"]


def spans_at(introns, site, offset=6, reverse=False, n=60):
    """Seqlets with the site's base at one column, of windows that hold it."""
    found, windows = introns
    at, kept = inside(getattr(splicing.read_sites(windows), site), found.frame["id"], WIDTH)
    return [(row, at[row] - offset, at[row] - offset + WIDTH, reverse) for row in np.flatnonzero(kept)[:n]]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("site", ["donor", "acceptor"])
def test_seqlets_at_the_ends_of_introns_are_splice_sites(tmp_path, introns, site, reverse):
    spans = spans_at(introns, site, reverse=reverse)
    assert noted(write(tmp_path / "m.h5", introns[0].codes, spans), introns) == f"splice {site}"


def test_most_of_the_seqlets_are_enough_and_fewer_are_not(tmp_path, introns):
    codes = introns[0].codes
    spans = spans_at(introns, "donor", n=80)
    away = [(row, start + 1, end + 1, False) for row, start, end, _ in spans[48:]]
    assert noted(write(tmp_path / "more.h5", codes, spans[:48] + away), introns) == "splice donor"
    assert noted(write(tmp_path / "less.h5", codes, spans[:28] + away), introns) == ""


def test_a_place_without_its_bases_is_no_splice_site(tmp_path, introns):
    codes = introns[0].codes.copy()
    spans = spans_at(introns, "donor")
    for row, start, _, _ in spans:
        codes[row, start + 6 : start + 8] = dna.encode("CA")
    assert noted(write(tmp_path / "m.h5", codes, spans), introns) == ""


def test_gt_anywhere_else_is_no_splice_site(tmp_path, introns):
    """Donors in all but place: GTAAGT somewhere in the window."""
    codes = introns[0].codes.copy()
    spans = [(row, int(start), int(start) + WIDTH, False) for row, start in enumerate(range(20, 260, 3))]
    for row, start, _, _ in spans:
        codes[row, start + 5 : start + 11] = dna.encode("GTAAGT")
    assert noted(write(tmp_path / "m.h5", codes, spans), introns) == ""


def test_random_seqlets_have_no_place(introns):
    rng = np.random.default_rng(0)
    start = rng.integers(0, LENGTH - WIDTH, 2000)
    place, reverse = rng.integers(0, LENGTH, 2000), rng.random(2000) < 0.5
    assert splicing.commonest_column(place, start, start + WIDTH, reverse)[2] < 0.02
    assert splicing.commonest_column(place, start + LENGTH, start + LENGTH, reverse) == (0, False, 0.0)


@pytest.mark.parametrize(
    ("name", "strand", "words"),
    [("peak 1", "+", "row 3: id is 'peak 1', strand '\\+'"), ("chr1:10-90(+)", "", "strand ''; expected an intron")],
)
def test_windows_of_no_introns_are_refused(tmp_path, introns, name, strand, words):
    frame = introns[0].frame.head(2).astype(object)
    frame.loc[frame.index[1], ["id", "strand"]] = name, strand
    write_table(tmp_path / "windows.tsv", frame)
    with pytest.raises(InputError, match=words):
        splicing.read_sites(tmp_path / "windows.tsv")
