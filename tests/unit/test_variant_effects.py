"""Effects of variants: against sequences edited by hand, and percentiles and their nulls against theory."""

import itertools

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

import small_genome
import small_networks
from cisflow.data import dataset as datasets
from cisflow.effects.scales import Measure
from cisflow.errors import InputError
from cisflow.features import variants as vcfs
from cisflow.io import vcf
from cisflow.models.network import Network
from cisflow.sequence import dna
from cisflow.variants import edits, haplotypes, nulls, places, saturation, scoring
from small_genome import LENGTH

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(folder, Genome, Dataset, frame of its windows)."""
    folder = tmp_path_factory.mktemp("variants")
    genome, place = small_genome.write(folder)
    dataset = datasets.read(place, coordinates=True)
    return folder, genome, dataset, places.windows_of(dataset, genome, place)


def network(strands="both"):
    return Network(small_networks.build("MotifCNN"), ["x", "y", "z"], strands)


def brute(measured, text):
    """Values of sequences as text, one at a time."""
    return np.concatenate([measured(dna.encode(item)[None], CPU) for item in text])


def chromosome(genome, name):
    return dna.decode(genome.fetch(name, *next(iter((r.start, r.end) for r in genome.regions() if r.chrom == name))))


def window_text(genome, window, alt_of):
    """Bases of a window, edited as a string: `alt_of` maps (chrom, 0-based start, REF) to ALT, of one length."""
    text = list(chromosome(genome, window.chrom))
    for (chrom, start, ref), alt in alt_of.items():
        if chrom == window.chrom:
            text[start : start + len(ref)] = alt
    part = "".join(text)[window.start : window.end]
    return part if window.strand == "+" else dna.decode(dna.reverse_complement(dna.encode(part)))


def placed(frame, windows, placement="windows"):
    scored = frame[frame["status"] == vcfs.SCORED].reset_index(drop=True)
    return scored, *places.place(scored.assign(contig=scored["chrom"]), windows, LENGTH, placement)


def test_effects_of_single_bases_are_those_of_windows_edited_by_hand(made):
    folder, genome, _, windows = made
    rng = np.random.default_rng(1)
    rows = [small_genome.single(genome, f"chr{1 + n % 2}", int(rng.integers(1, 350)), rng) for n in range(12)]
    frame = vcfs.read(small_genome.vcf(folder / "a.vcf", rows), genome, LENGTH)
    scored, found, at = placed(frame, windows)
    measured = Measure(network())
    mean, sd, n = scoring.over_shifts(scoring.values(measured, found, genome, LENGTH, [0], CPU))
    seen = 0
    for number, row in enumerate(scored.itertuples()):
        for window in windows.itertuples():
            if window.chrom == row.chrom and window.start < row.pos <= window.end:
                (mine,) = np.flatnonzero((at["variant"] == number) & (at["window"] == window.id))
                pair = [
                    window_text(genome, window, {}),
                    window_text(genome, window, {(row.chrom, row.pos - 1, row.ref): row.alt}),
                ]
                np.testing.assert_allclose(mean[mine], brute(measured, pair), atol=1e-5)
                assert n[mine] == 1 and np.isnan(sd[mine]).all()
                seen += 1
    assert seen == len(found) > 12


def test_the_mean_over_shifts_is_that_of_moved_windows(made):
    folder, genome, _, windows = made
    rng = np.random.default_rng(2)
    frame = vcfs.read(
        small_genome.vcf(folder / "a.vcf", [small_genome.single(genome, "chr1", 70, rng)]), genome, LENGTH
    )
    scored, found, at = placed(frame, windows)
    measured, shifts = Measure(network()), [-6, 0, 3, 60]
    mean, sd, n = scoring.over_shifts(scoring.values(measured, found, genome, LENGTH, shifts, CPU))
    row = scored.iloc[0]
    for number, name in enumerate(at["window"]):
        window = windows.set_index("id").loc[name]
        effects = []
        for shift in shifts:
            start = window["start"] + (shift if window["strand"] == "+" else -shift)
            if start < row["pos"] <= start + LENGTH:
                moved = window.to_dict() | {"start": start, "end": start + LENGTH}
                moved = pd.Series(moved)
                change = {("chr1", row["pos"] - 1, row["ref"]): row["alt"]}
                values = brute(measured, [window_text(genome, moved, {}), window_text(genome, moved, change)])
                effects.append(values[1] - values[0])
        assert n[number] == len(effects) < len(shifts)
        np.testing.assert_allclose(mean[number, 1] - mean[number, 0], np.mean(effects, axis=0), atol=1e-5)
        np.testing.assert_allclose(sd[number], np.std(effects, axis=0, ddof=1), atol=1e-5)


def test_in_the_middle_alleles_are_those_of_the_other_command(made):
    folder, genome, _, windows = made
    text = chromosome(genome, "chr1")
    rows = [
        small_genome.single(genome, "chr1", 500, np.random.default_rng(0)),
        ("chr1", 600, text[599:603], text[599]),
        ("chr1", 700, text[699], text[699] + "GATTACA"),
        ("chr1", 5, text[4:7], "A" if text[4] != "A" else "C"),
    ]
    frame = vcfs.read(small_genome.vcf(folder / "a.vcf", rows), genome, LENGTH)
    scored, found, at = placed(frame, windows, "centre")
    given = [edit for pair in zip((e.reference for e in found), found, strict=True) for edit in pair]
    np.testing.assert_array_equal(edits.Edited(given, genome, LENGTH)[:], vcfs.Alleles(scored, genome, LENGTH)[:])
    assert at["window"].eq("").all()


def test_both_strands_are_the_mean_of_each(made):
    folder, genome, _, windows = made
    frame = vcfs.read(
        small_genome.vcf(folder / "a.vcf", [small_genome.single(genome, "chr1", 70, np.random.default_rng(3))]),
        genome,
        LENGTH,
    )
    _, found, _ = placed(frame, windows)
    turned = [edit._replace(strand={"+": "-", "-": "+"}[edit.strand]) for edit in found]

    def effect(given, strands):
        values = scoring.values(Measure(network(), strands=strands), given, genome, LENGTH, [0], CPU)
        return values[:, 0, 1] - values[:, 0, 0]

    each = effect(found, "forward"), effect(turned, "forward")
    np.testing.assert_allclose(effect(found, "both"), np.mean(each, axis=0), atol=1e-6)
    assert np.abs(each[0] - each[1]).max() > 1e-3


def test_longer_and_shorter_alleles_take_the_flanks_of_both_sides_alike(made):
    _, genome, _, windows = made
    text = chromosome(genome, "chr1")
    window = windows[(windows["chrom"] == "chr1") & (windows["strand"] == "+")].iloc[1]
    start = window["start"]
    for at, lost, alt in ((10, 4, ""), (20, 0, "GATTACA"), (0, 3, "T"), (37, 3, "ACGTACG"), (5, 1, "ACG")):
        edit = edits.Edit("chr1", start, "+", start + at, start + at + lost, alt)
        (codes,) = edits.Edited([edit], genome, LENGTH)[:]
        found = dna.decode(codes)
        whole = text[: start + at] + alt + text[start + at + lost :]
        begins = [place for place in range(len(whole) - LENGTH) if whole[place : place + LENGTH] == found]
        assert len(begins) == 1
        # The window begins half as many bases earlier or later as it gains or loses, unless it would lose the allele.
        assert abs(begins[0] - start - (len(alt) - lost) / 2) <= 1 or at == 37
        assert begins[0] <= start + at and start + at + len(alt) <= begins[0] + LENGTH


def test_haplotypes_are_direct_edits_and_the_interaction_is_what_is_left(made):
    folder, genome, _, windows = made
    rng = np.random.default_rng(4)
    rows = [small_genome.single(genome, "chr1", pos, rng) for pos in (55, 60, 66, 72, 320)]
    given = ["1|0", "1|1", "0|1", "1|0", "0|1"]
    path = small_genome.vcf(folder / "h.vcf", rows, given)
    frame = vcfs.read(path, genome, LENGTH)
    scored, found, at = placed(frame, windows)
    held = haplotypes.carried(path, "s1")
    groups = haplotypes.gather(scored, at, found, held)
    measures = [Measure(network()), Measure(network("forward"))]

    def measure_all(some, what):
        return [scoring.values(one, some, genome, LENGTH, [0], CPU, what) for one in measures]

    whole, sums = haplotypes.score(measure_all, groups, found, genome)
    assert {haplotype for _, haplotype, _ in groups} == {0, 1}
    for number, (name, haplotype, members) in enumerate(groups):
        window = windows.set_index("id").loc[name]
        inside = [
            row
            for row, genotype in zip(rows, given, strict=True)
            if genotype[2 * haplotype] == "1" and window["start"] < row[1] <= window["end"]
        ]
        assert len(members) == len(inside)
        change = {(chrom, pos - 1, ref): alt for chrom, pos, ref, alt in inside}
        for place, measured in enumerate(measures):
            plain, edited = brute(measured, [window_text(genome, window, {}), window_text(genome, window, change)])
            singles = brute(measured, [window_text(genome, window, {key: alt}) for key, alt in change.items()]) - plain
            np.testing.assert_allclose(whole[place, number], edited - plain, atol=1e-5)
            np.testing.assert_allclose(sums[place, number], singles.sum(axis=0), atol=1e-5)
    table = haplotypes.table(groups, at, whole, sums, scored["id"].tolist(), "s1", ["x", "y", "z"], "output")
    np.testing.assert_allclose(table["interaction"], table["effect"] - table["sum_of_variants"], atol=1e-9)
    alone = table[table["n_variants"] == 1]
    assert len(alone) and alone["interaction"].abs().max() < 1e-6


@pytest.mark.parametrize(
    ("pos", "given", "words"),
    [
        ([60], ["0/1"], "line 3: GT of 's1' is 0/1, not phased; expected 0|1 or the other order"),
        ([60], ["0|2"], "line 3: GT is '0|2', expected alleles from 0 to 1"),
        ([60], ["x"], "line 3: GT is 'x', expected alleles"),
    ],
)
def test_genotypes_that_say_nothing_of_haplotypes_are_refused(made, pos, given, words):
    folder, genome, *_ = made
    rows = [small_genome.single(genome, "chr1", at, np.random.default_rng(0)) for at in pos]
    with pytest.raises(InputError) as caught:
        haplotypes.carried(small_genome.vcf(folder / "x.vcf", rows, given), "s1")
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_other_samples_and_variants_of_the_same_bases_are_refused(made):
    folder, genome, _, windows = made
    path = small_genome.vcf(
        folder / "x.vcf", [small_genome.single(genome, "chr1", 60, np.random.default_rng(0))], ["0|1"]
    )
    with pytest.raises(InputError, match="no sample 's2'; expected one of s1"):
        haplotypes.carried(path, "s2")
    edit = edits.Edit("chr1", 50, "+", 60, 63, "")
    with pytest.raises(InputError, match="variants at chr1:63 change the same bases"):
        edits.joined([edit, edit._replace(start=62, end=63, alt="A")], genome)


@pytest.mark.parametrize("placement", ["windows", "centre"])
def test_random_nulls_are_of_the_kind_that_is_asked_for(made, placement):
    folder, genome, dataset, windows = made
    rng = np.random.default_rng(5)
    text = chromosome(genome, "chr1")
    rows = [small_genome.single(genome, f"chr{1 + n % 2}", int(rng.integers(2, 350)), rng) for n in range(20)]
    rows += [
        ("chr1", 60, text[59:63], text[59]),
        ("chr1", 66, text[65], text[65] + "GA"),
        ("chr1", 70, text[69:71], "".join({"A": "C"}.get(b, "A") for b in text[69:71])),
    ]
    frame = vcfs.read(small_genome.vcf(folder / "a.vcf", rows), genome, LENGTH)
    _, found, at = placed(frame, windows, placement)
    parts = 4 if placement == "windows" else 0
    asked = places.kinds(found, genome, LENGTH, parts)
    null = nulls.drawn(asked, windows, dataset.codes, 10, parts, placement, rng)
    assert set(null) == set(asked) and {"3>0", "0>2", "2>2"} <= {kind.change for kind in null}
    for kind, some in null.items():
        assert len(set(some)) == len(some) <= 10
        assert places.kinds(some, genome, LENGTH, parts) == [kind] * len(some)
        for edit in some:
            assert edit.fits(LENGTH) and not genome.problem(edit.chrom, max(edit.start - 1, 0), edit.end + 1)
            if edit.alt and len(edit.alt) == edit.end - edit.start:
                old = dna.decode(genome.fetch(edit.chrom, edit.start, edit.end))
                assert all(a != b for a, b in zip(old, edit.alt, strict=True))
    assert max(map(len, null.values())) == 10
    again = nulls.drawn(asked, windows, dataset.codes, 10, parts, placement, np.random.default_rng(7))
    assert again == nulls.drawn(asked, windows, dataset.codes, 10, parts, placement, np.random.default_rng(7))


def test_a_kind_is_of_context_place_and_frequency(made):
    _, genome, _, _ = made
    text = chromosome(genome, "chr1")
    start = next(place for place in range(100, 900) if text[place : place + 3] == "ACG")
    edit = edits.Edit("chr1", start - 29, "+", start + 1, start + 2, "T")
    (kind,) = places.kinds([edit], genome, LENGTH, 4, [0.02], [0.01, 0.05])
    assert kind == ("A[C>T]G", 3, 1) and kind.told(4, [0.01, 0.05]) == "A[C>T]G, part 4 of 4, AF 0.01-0.05"
    # On the other strand the window is read from its end.
    (kind,) = places.kinds([edit._replace(strand="-")], genome, LENGTH, 4, [np.nan], [0.01, 0.05])
    assert kind == ("C[G>A]T", 0, -1) and kind.told(4, []) == "C[G>A]T, part 1 of 4"


def test_percentiles_are_uniform_on_what_the_null_is_made_of():
    rng = np.random.default_rng(0)
    found = [nulls.percentiles(rng.standard_t(3), rng.standard_t(3, 199)) for _ in range(1000)]
    assert stats.kstest(np.array(found) / 100, "uniform").pvalue > 0.01
    ties = rng.integers(0, 3, 2000)
    mean = np.mean([nulls.percentiles(effect, ties) for effect in rng.integers(0, 3, 3000)])
    assert mean == pytest.approx(50, abs=1.5)
    with pytest.raises(InputError, match="null: no variant to compare with"):
        nulls.percentiles(0.1, np.empty(0))


def test_percentiles_of_random_variants_are_uniform(made):
    """One variant of each kind, drawn as its null is, through the network."""
    _, genome, dataset, windows = made
    rng = np.random.default_rng(6)
    changes = [f"{a}[{b}>{c}]{d}" for a, b, c, d in itertools.product("ACGT", repeat=4) if b != c]
    wanted = [places.Kind(change, 0) for change in changes]
    drawn = nulls.drawn(wanted, windows, dataset.codes, 1000, 1, "windows", rng)
    assert len(drawn) == 192
    flat = [edit for some in drawn.values() for edit in some]
    mean, _, _ = scoring.over_shifts(scoring.values(Measure(network(), ["x"]), flat, genome, LENGTH, [0], CPU))
    ends = np.cumsum([len(some) for some in drawn.values()])[:-1]
    found = []
    for effects in np.split((mean[:, 1] - mean[:, 0])[:, 0], ends):
        if len(effects) > 5:
            one = rng.integers(len(effects))
            found.append(nulls.percentiles(effects[one], np.delete(effects, one)))
    assert len(found) > 150 and stats.kstest(np.array(found) / 100, "uniform").pvalue > 0.01


def test_frequencies_are_those_of_info(made, tmp_path):
    _, genome, *_ = made
    row = small_genome.single(genome, "chr1", 60, np.random.default_rng(0))
    rows = [row[:3] + (row[3] + ",N",), row, row]
    path = small_genome.vcf(tmp_path / "a.vcf", rows, info=["DP=3;AF=0.1,.", ".", "AF=1.5"])
    first, second, third = vcf.read(path)
    np.testing.assert_array_equal(vcf.frequencies(path, first), [0.1, np.nan])
    np.testing.assert_array_equal(vcf.frequencies(path, second), [np.nan])
    with pytest.raises(InputError, match="line 5: AF is '1.5', expected 1 from 0 to 1"):
        vcf.frequencies(path, third)


def test_saturation_is_every_mutant_through_the_network(made):
    _, genome, dataset, _ = made
    names = [str(dataset.ids[2]), "chr1:400-412"]
    codes, regions = saturation.read(names, dataset, genome)
    networks = [network(), network("forward")]
    found = [saturation.mutated(one, codes, ["y", {"name": "d", "contrast": ["x", "z"]}], CPU) for one in networks]
    targets, effects = found[0][0], np.stack([part for _, part in found])
    table = saturation.table(regions, codes, effects, targets)
    assert table.groupby("region", sort=False).size().tolist() == [2 * 3 * LENGTH, 2 * 3 * 12]
    text = chromosome(genome, "chr1")
    assert (table["n_seeds"] == 2).all()
    for row in table.iloc[::37].itertuples():
        if row.region == "chr1:400-412":
            assert row.reference == text[row.pos - 1]
            whole = list(text[400 - 14 : 400 - 14 + LENGTH])
        else:
            window = dataset.frame.set_index("id").loc[row.region]
            whole = list(window_text(genome, window, {}))
            there = dna.decode(genome.fetch(window["chrom"], row.pos - 1, row.pos, window["strand"]))
            assert row.reference == there
        mutant = whole.copy()
        assert mutant[row.position] == row.reference
        mutant[row.position] = row.base
        each = []
        for one in networks:
            plain, changed = brute(Measure(one), ["".join(whole), "".join(mutant)])
            each.append((changed - plain)[1] if row.target == "y" else (changed - plain)[0] - (changed - plain)[2])
        assert row.effect == pytest.approx(np.mean(each), abs=1e-5)


@pytest.mark.parametrize(
    ("region", "words"),
    [
        ("w999", "'w999' is no window; expected an id of windows.tsv, or a region as chr1:100-140"),
        ("chr3:1-9", "'chr3:1-9': chromosome 'chr3' is not in"),
        ("chr1:10-90", "'chr1:10-90' has 80 bp, the network reads 40; expected fewer"),
    ],
)
def test_regions_that_cannot_be_read_are_refused(made, region, words):
    _, genome, dataset, _ = made
    with pytest.raises(InputError) as caught:
        saturation.read([region], dataset, genome)
    assert words in str(caught.value) and "\n" not in str(caught.value)
