"""Haplotypes: what the variants that a chromosome of a sample carries do together in a window."""

import sys

import numpy as np
import pandas as pd

from cisflow.effects import intervals
from cisflow.errors import InputError, listing
from cisflow.io import vcf
from cisflow.variants import edits, scoring

COLUMNS = (
    *("window", "sample", "haplotype", "n_variants", "variants", "target", "scale"),
    *(
        "effect",
        "effect_lower",
        "effect_upper",
        "sum_of_variants",
        "interaction",
        "lower",
        "upper",
        "sd_seeds",
        "n_seeds",
    ),
)


def carried(path, sample):
    """{(chrom, pos, REF, ALT): haplotypes that carry it, phase set} of a sample; what is not called is not carried.

    Haplotypes are numbered from 0.

    Raises
    ------
    InputError : no such sample, a row without its genotype, or a heterozygous genotype that is not phased.
    """
    names = vcf.samples(path)
    if sample not in names:
        raise InputError(f"{path}: no sample '{sample}'; expected one of {listing(names, 6) or '(none)'}")
    found, uncalled = {}, 0
    for record in vcf.read(path):
        called = vcf.genotype(path, record, names.index(sample))
        uncalled += None in called.alleles
        alleles = [0 if allele is None else allele for allele in called.alleles]
        if len(set(alleles)) > 1 and not called.phased:
            text = "/".join(map(str, alleles))
            expected = f"expected {text.replace('/', '|')} or the other order, which say what each haplotype carries"
            raise InputError(f"{path}: line {record.line}: GT of '{sample}' is {text}, not phased; {expected}")
        same = len(set(alleles)) == 1
        for number, alt in enumerate(record.alts, 1):
            haplotypes = tuple(place for place, allele in enumerate(alleles) if allele == number)
            if haplotypes:
                key = (record.chrom, record.start + 1, record.ref, alt)
                found[key] = haplotypes, "" if same else called.phase_set
    if uncalled:
        print(f"{path}: {uncalled} genotypes of '{sample}' are not called; taken for the reference", file=sys.stderr)
    return found


def gather(variants, rows, found, held):
    """[(window, haplotype, [number among `found` of each variant that it carries])], those that carry any.

    Parameters
    ----------
    variants : frame of all variants. rows, found : of `places.place`. held : of `carried`.

    Raises
    ------
    InputError : variants of a window whose phases are not known to each other.
    """
    groups, sets = {}, {}
    keys = list(zip(variants["chrom"], variants["pos"], variants["ref"], variants["alt"], strict=True))
    for number, row in enumerate(rows.itertuples(index=False)):
        haplotypes, phase_set = held.get(keys[row.variant], ((), ""))
        for haplotype in haplotypes:
            groups.setdefault((row.window, haplotype), []).append(number)
        if haplotypes and phase_set:
            others = sets.setdefault(row.window, {phase_set})
            if phase_set not in others:
                both = listing(sorted([*others, phase_set]))
                raise InputError(
                    f"window '{row.window}': phase sets {both}; expected one, within which phases are known"
                )
    return [(window, haplotype, numbers) for (window, haplotype), numbers in groups.items()]


def score(measure_all, groups, found, genome):
    """(whole, sums), each (networks, groups, g): the effect of each group together, and the sum of those of each alone.

    Parameters
    ----------
    measure_all : function of a list of Edits to the `scoring.values` of each network.
    """
    joined = [edits.joined([found[number] for number in numbers], genome) for *_, numbers in groups]
    flat = [found[number] for *_, numbers in groups for number in numbers]
    whole = [_effects(values) for values in measure_all(joined, "haplotypes")]
    single = [_effects(values) for values in measure_all(flat, "variants of haplotypes")]
    ends = np.cumsum([len(numbers) for *_, numbers in groups])[:-1] if groups else []
    sums = [np.stack([part.sum(axis=0) for part in np.split(values, ends)]) for values in single] if groups else []
    return np.stack(whole), np.stack(sums) if groups else np.stack(whole)


def _effects(values):
    mean, _, _ = scoring.over_shifts(values)
    return mean[:, 1] - mean[:, 0]


def table(groups, rows, whole, sums, ids, sample, targets, scale):
    """haplotypes.tsv: a row for each window, haplotype that carries a variant there, and output.

    Parameters
    ----------
    groups : of `gather`. rows : of `places.place`. whole, sums : of `score`. ids : of all variants.
    """
    effect, total = intervals.over_seeds(whole), intervals.over_seeds(sums)
    apart = intervals.over_seeds(whole - sums)
    lines = []
    for number, (window, haplotype, numbers) in enumerate(groups):
        names = [ids[rows["variant"].iloc[row]] for row in numbers]
        for column, target in enumerate(targets):
            at = number, column
            lines.append(
                (
                    *(window, sample, haplotype + 1, len(names), ",".join(names), target, scale),
                    *(effect.mean[at], effect.lower[at], effect.upper[at], total.mean[at]),
                    *(apart.mean[at], apart.lower[at], apart.upper[at], apart.sd_seeds[at], len(whole)),
                )
            )
    return pd.DataFrame(lines, columns=list(COLUMNS))
