"""Variants against a genome: which are scored, and their sequences against edits of the genome's own string."""

import numpy as np
import pytest
import torch

from cisflow import models
from cisflow.errors import InputError
from cisflow.features import variants
from cisflow.io.genome import Genome
from cisflow.io.resumable import Rows
from cisflow.sequence import dna

BASES = "".join(np.random.default_rng(5).choice(list("ACGT"), 300))
HEADER = "#CHROM\tPOS\tID\tREF\tALT\n"
COMPLEMENT = str.maketrans("ACGT", "TGCA")
CPU = torch.device("cpu")


def other(base, step=1):
    return "ACGT"[("ACGT".index(base) + step) % 4]


def reverse(text):
    return text.translate(COMPLEMENT)[::-1]


def genome_of(folder, bases, name="chr1"):
    folder.mkdir(exist_ok=True)
    (folder / "genome.fa").write_text(f">{name}\n{bases}\n>chr2:1000-1050\n{BASES[:50]}\n")
    return Genome(folder / "genome.fa")


def vcf_of(folder, *rows):
    """A VCF of rows (chrom, position from 0, ID, REF, ALT)."""
    path = folder / "variants.vcf"
    path.write_text(HEADER + "".join(f"{c}\t{p + 1}\t{i}\t{r}\t{a}\n" for c, p, i, r, a in rows))
    return path


@pytest.fixture
def genome(tmp_path):
    return genome_of(tmp_path, BASES)


def snv(position, name="."):
    return ("chr1", position, name, BASES[position], other(BASES[position]))


def test_every_alternative_has_a_row_with_its_status(tmp_path, genome, capsys):
    at = BASES[99]
    path = vcf_of(
        tmp_path,
        ("chr1", 99, "rs1", at, f"{other(at)},{at}GG,<DEL>,*,{at}[chr2:7[,.{at},R"),
        ("chr1", 99, ".", other(at), at),
        ("1", 99, ".", at, other(at)),
        ("chrM", 99, ".", "A", "C"),
        ("chr1", 299, ".", BASES[299], other(BASES[299])),
        ("chr1", 299, ".", BASES[299] + "A", "C"),
        ("chr1", 300, ".", "A", "C"),
        ("chr1", -1, ".", "N", "C"),
        ("chr2", 20, ".", "A", "C"),
        ("chr2", 1020, ".", BASES[20], other(BASES[20])),
        ("chr1", 5, ".", BASES[5], "."),
        ("chr1", 5, ".", BASES[5], BASES[5] + "A" * 51),
        ("chr1", 99, "rs1", at, other(at)),
        ("chr1", 99, "rs2", at.lower(), other(at).lower()),
    )
    frame = variants.read(path, genome, 50)
    expected = ["scored", "scored", "symbolic", "spanning_deletion", "breakend", "breakend", "not_bases"]
    expected += ["ref_differs", "scored", "unknown_contig", "scored", "outside", "outside", "outside"]
    expected += ["outside", "scored", "no_alternative", "longer_than_input", "duplicate", "scored"]
    assert frame["status"].tolist() == expected
    assert (frame["note"] == "").tolist() == [status == "scored" for status in expected]
    assert frame["id"][0] == f"rs1:chr1:100:{at}>{other(at)}" and frame["id"][7] == f"chr1:100:{other(at)}>{at}"
    assert frame["record"].tolist()[:8] == ["rs1"] * 7 + [""]
    assert frame["note"][7] == f"REF is {other(at)}, the genome has {at} at chr1:100"
    # `1` is the genome's chr1.
    assert frame["id"][8] == f"1:100:{at}>{other(at)}" and "'chrM' is not in" in frame["note"][9]
    message = capsys.readouterr().err
    assert "14 of 20 variants are left out: 1 symbolic" in message and "1 unknown_contig" in message


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (("chr1", 9, ".", other(BASES[9]), "N"), "REF is"),
        (("7", 9, ".", BASES[9], "N"), "'7' is not in .*it has chr1"),
        (("chr1", 300, ".", "A", "N"), "reaches past"),
    ],
)
def test_strict_makes_a_contradiction_an_error_that_names_the_line(tmp_path, genome, row, words):
    path = vcf_of(tmp_path, snv(3), row, ("chr1", 3, ".", BASES[3], "<DEL>"))
    with pytest.raises(InputError, match=f"variants.vcf: line 3: .*{words}"):
        variants.read(path, genome, 50, strict=True)
    assert (variants.read(path, genome, 50)["status"] == "scored").sum() == 1


def test_a_file_without_a_variant_to_score_is_refused(tmp_path, genome):
    with pytest.raises(InputError, match="none of 1 variants can be scored: 1 unknown_contig; the first: .* has chr1"):
        variants.read(vcf_of(tmp_path, ("7", 9, ".", "A", "C")), genome, 50)
    with pytest.raises(InputError, match="none of 0 variants can be scored"):
        variants.read(vcf_of(tmp_path), genome, 50)


@pytest.mark.parametrize("length", [40, 41])
@pytest.mark.parametrize(
    ("ref", "alt"),
    [(1, 1), (4, 4), (1, 3), (1, 8), (7, 1), (3, 5), (9, 2)],
    ids=["snv", "mnv", "insertion", "longer", "deletion", "both", "shorter"],
)
def test_alleles_are_edits_of_the_genome_around_their_middle(tmp_path, genome, length, ref, alt):
    """The edited genome, written out as a string, holds each allele's sequence with the change in its middle."""
    start, old = 120, BASES[120 : 120 + ref]
    new = "".join(other(base) for base in (old + BASES[:alt])[:alt])
    # A row with a shared base before and one behind means the same change.
    for padding in (0, 1):
        row = (
            "chr1",
            start - padding,
            ".",
            *(BASES[start - padding : start] + a + BASES[start + ref : start + ref + padding] for a in (old, new)),
        )
        alleles = variants.Alleles(variants.read(vcf_of(tmp_path, row), genome, length), genome, length)
        assert len(alleles) == 2 and alleles[0:2].shape == (2, length)
        at, old_, new_ = variants.trim(start, old, new)
        for text, bases, allele in zip(
            map(dna.decode, alleles[0:2]),
            (BASES, BASES[:start] + new + BASES[start + ref :]),
            (old_, new_),
            strict=True,
        ):
            first = at - (length - len(allele)) // 2
            assert text == bases[first : first + length]


def test_bases_past_the_end_are_unknown(tmp_path, genome):
    alleles = variants.Alleles(variants.read(vcf_of(tmp_path, snv(2), snv(298)), genome, 21), genome, 21)
    texts = [dna.decode(row) for row in alleles[0:4]]
    assert texts[0] == "N" * 8 + BASES[:13]
    assert texts[3] == BASES[288:298] + other(BASES[298]) + BASES[299] + "N" * 9


def test_parts_and_slices_are_rows_of_the_whole(tmp_path, genome):
    path = vcf_of(tmp_path, *(snv(position, f"rs{position}") for position in (200, 50, 90)))
    alleles = variants.Alleles(variants.read(path, genome, 30), genome, 30)
    part = alleles.part(slice(2, None))
    assert len(part) == 4
    np.testing.assert_array_equal(part[1:9], alleles[3:6])
    assert part.ids.tolist() == alleles.ids.tolist()[2:]
    assert alleles.ids[1].startswith("rs200:chr1:201:") and alleles.ids[1].endswith("|alt")


def test_an_allele_longer_than_the_input_is_refused_where_the_length_was_not_known(tmp_path, genome):
    frame = variants.read(vcf_of(tmp_path, ("chr1", 9, ".", BASES[9], BASES[9] + "A" * 31)), genome)
    with pytest.raises(InputError, match="an allele of 31 bases, the network sees 30"):
        variants.Alleles(frame, genome, 30)


def effects(folder, bases, rows, length, strands="both"):
    """Differences (n, targets) of a small Sei."""
    torch.manual_seed(0)
    model = models.build("Sei", n_targets=5, channels=(6, 7, 8)).eval()
    # Untrained, its outputs hardly differ.
    with torch.no_grad():
        model.classifier[2].weight *= 30
    genome = genome_of(folder, bases)
    frame = variants.read(vcf_of(folder, *rows), genome, length)
    with Rows(folder / "work", "key", len(frame), variants.layout(5)) as filled:
        alleles = variants.Alleles(frame, genome, length)
        variants.score(model, alleles, filled, CPU, strands, batch_size=3)
        table = variants.table(frame, filled, [f"t{number}" for number in range(5)])
        return np.array(filled.read("diff")), table


def rows_of(length):
    """Changes whose middle is the same seen from both strands: no allele shares an end with the other."""
    sizes = [(1, 1), (3, 3), (3, 1), (5, 3)] if length % 2 else [(2, 2), (4, 4), (4, 2), (2, 4)]
    for number, (ref, alt) in enumerate(sizes):
        start = 130 + 5 * number
        old = BASES[start : start + ref]
        ends = next(base for base in "ACGT" if base not in (old[0], old[-1]))
        yield start, old, ends + "GATC"[: alt - 2] + ends if alt > 1 else ends


@pytest.mark.parametrize("length", [128, 129])
def test_the_reverse_complement_of_everything_has_the_same_effects(tmp_path, length):
    changes = list(rows_of(length))
    forward = [("chr1", start, ".", old, new) for start, old, new in changes]
    mirrored = [("chr1", 300 - start - len(old), ".", reverse(old), reverse(new)) for start, old, new in changes]
    one, table = effects(tmp_path / "one", BASES, forward, length)
    two, _ = effects(tmp_path / "two", reverse(BASES), mirrored, length)
    assert np.abs(one).max(axis=1).min() > 1e-4
    np.testing.assert_allclose(one, two, atol=1e-6)
    single, _ = effects(tmp_path / "three", BASES, forward, length, "forward")
    assert np.abs(single - one).max() > 1e-4
    # The largest of each row, found by other means.
    for row, (name, value) in enumerate(zip(table["top_target"], table["top_target_diff"], strict=True)):
        best = max(range(5), key=lambda target: abs(one[row, target]))
        assert name == f"t{best}" and value == pytest.approx(one[row, best])


def test_no_change_has_no_effect_and_a_change_and_its_undoing_cancel(tmp_path):
    start, old, new = next(rows_of(129))
    edited = BASES[:start] + new + BASES[start + 1 :]
    one, _ = effects(tmp_path / "one", BASES, [("chr1", start, ".", old, new), ("chr1", start, ".", old, old)], 129)
    two, _ = effects(tmp_path / "two", edited, [("chr1", start, ".", new, old)], 129)
    np.testing.assert_allclose(one[1], 0, atol=1e-7)
    np.testing.assert_allclose(one[0], -two[0], atol=1e-6)


def test_arrays_are_what_the_network_says_of_each_allele(tmp_path, genome):
    torch.manual_seed(1)
    model = models.build("Sei", n_targets=4, channels=(4, 5, 6)).eval()
    frame = variants.read(vcf_of(tmp_path, snv(150), snv(60)), genome, 100)
    alleles = variants.Alleles(frame, genome, 100)
    vectors = np.eye(4, dtype=np.float32)[:2]
    classes = variants.Classes(["a", "b"], vectors, np.array([], dtype=int))
    with Rows(tmp_path / "work", "key", 2, variants.layout(4, classes)) as rows:
        variants.score(model, alleles, rows, CPU, "forward", 64, classes)
        found = {name: np.array(rows.read(name)) for name in variants.layout(4, classes)}
    with torch.no_grad():
        exact = model(torch.as_tensor(dna.one_hot(alleles[0:4]))).numpy()
    np.testing.assert_array_equal(found["ref"], exact[0::2].astype(np.float16))
    np.testing.assert_array_equal(found["alt"], exact[1::2].astype(np.float16))
    np.testing.assert_allclose(found["diff"], exact[1::2] - exact[0::2], atol=1e-7)
    np.testing.assert_allclose(found["class_scores"], found["diff"][:, :2], atol=1e-7)
