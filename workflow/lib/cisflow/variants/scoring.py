"""Effects of variants on the outputs of networks, and where they stand among those of a null."""

import numpy as np
import pandas as pd
from tqdm import tqdm

from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.effects import intervals
from cisflow.errors import InputError
from cisflow.variants import nulls
from cisflow.variants.edits import Edited

VARIANT = ("id", "record", "chrom", "pos", "ref", "alt", "status", "note", "frequency")
COLUMNS = (
    *VARIANT,
    *("window", "strand", "position", "target", "scale", "reference", "alternative", "effect", "sd_shifts", "n_shifts"),
    *("lower", "upper", "sd_seeds", "n_seeds", "kind", "percentile", "absolute_percentile", "n_null"),
)
NULL_COLUMNS = ("kind", "target", "chrom", "start", "end", "alt", "window", "effect")


class Settings(settings.Settings):
    """Effects of the variants of a VCF on the outputs of networks that are trained on a dataset."""

    vcf: str = setting(resource=True, meaning="Resource with the variants.")
    genome: str = setting(resource=True, meaning="Resource with the genome that their positions refer to.")
    strict: bool = setting(
        False, meaning="End with an error at a variant whose REF or place the genome lacks, instead of a reason."
    )
    placement: str = setting(
        "windows",
        choices=["windows", "centre"],
        meaning="Where a variant lies in what the network reads: at its place in each window of the dataset that holds "
        "it, or in the middle.",
    )
    scale: str = setting(
        "output",
        choices=["output", "prediction", "log", "logit"],
        meaning="Numbers that effects are differences of, as in `effects`.",
    )
    strands: str = setting(
        None,
        choices=["both", "forward"],
        meaning="Mean over both strands of the window, or the forward one. Without it what the network predicts.",
    )
    shifts: list[int] = setting(
        [0],
        min_items=1,
        unique=True,
        meaning="Bases by which the window is moved; the effect is the mean over those that still hold the variant.",
    )
    null: str = setting(
        "random",
        choices=["random", "variants", "none"],
        meaning="What effects are compared with: changes of the same kind at random places of the windows, variants of "
        "`null_vcf` of the same kind, or nothing, without percentiles.",
    )
    null_vcf: str = setting(None, resource=True, meaning="Resource with the variants of `null: variants`.")
    n_null: int = setting(200, minimum=1, meaning="Variants of each kind in the null, at most.")
    least_null: int = setting(50, minimum=1, meaning="Without as many of its kind a variant has no percentile.")
    parts: int = setting(
        5,
        minimum=1,
        meaning="Equal parts of a window; a variant is compared with those in the same part. Not asked in the middle.",
    )
    frequencies: list[float] = setting(
        [0.001, 0.01, 0.05],
        items={"above": 0, "below": 1},
        unique=True,
        meaning="Bounds of the bins of allele frequency, of which a variant of `null_vcf` shares that of the variant "
        "where that has AF.",
    )
    sample: str = setting(None, meaning="Sample of the VCF whose haplotypes are scored too; needs placement windows.")


def values(measured, found, genome, length, shifts, device, what="variants"):
    """(n, shifts, 2, g) float64 of the reference and the alternative of Edits in windows moved by each shift, NaN where
    a window no longer holds the edit.
    """
    rows, given = [], []
    for number, edit in enumerate(found):
        for place, shift in enumerate(shifts):
            moved = edit.shifted(shift)
            if moved.fits(length):
                rows.append((number, place))
                given += [moved.reference, moved]
    result = np.full((len(found), len(shifts), 2, len(measured.names)), np.nan)
    flat = np.empty((len(given), len(measured.names)))
    done = 0
    with tqdm(total=len(given), desc=what, unit="sequence", unit_scale=True) as bar:
        for part in measured.stream(Edited(given, genome, length), device) if given else ():
            flat[done : done + len(part)] = part
            done += len(part)
            bar.update(len(part))
    if rows:
        number, place = np.array(rows).T
        result[number, place] = flat.reshape(len(rows), 2, -1)
    return result


def over_shifts(found):
    """Means (n, 2, g) of `values` over shifts, standard deviations (n, g) of the effect between them, and their number
    (n,).

    An edit that no shifted window holds has NaN.
    """
    held = ~np.isnan(found[:, :, 0, 0]) if found.shape[3] else np.ones(found.shape[:2], dtype=bool)
    n = held.sum(axis=1)
    total = np.nansum(found, axis=1)
    mean = np.divide(total, n[:, None, None], out=np.full(total.shape, np.nan), where=n[:, None, None] > 0)
    effect = found[:, :, 1] - found[:, :, 0]
    apart = np.where(held[..., None], effect - (mean[:, 1] - mean[:, 0])[:, None], 0)
    freedom = np.maximum(n - 1, 1)[:, None]
    sd = np.where((n > 1)[:, None], np.sqrt((apart**2).sum(axis=1) / freedom), np.nan)
    return mean, sd, n


class Scores:
    """What several networks make of a list of Edits.

    reference, alternative, effect, sd_shifts : (n, g) means over networks; lower, upper, sd_seeds : of the effect.
    n_shifts : (n,).
    """

    def __init__(self, of_networks):
        means, sds, counts = zip(*map(over_shifts, of_networks), strict=True)
        means = np.stack(means)
        self.reference, self.alternative = means[:, :, 0].mean(axis=0), means[:, :, 1].mean(axis=0)
        found = intervals.over_seeds(means[:, :, 1] - means[:, :, 0])
        self.effect, self.lower, self.upper, self.sd_seeds = found.mean, found.lower, found.upper, found.sd_seeds
        self.sd_shifts, self.n_shifts, self.n_seeds = np.stack(sds).mean(axis=0), counts[0], len(means)


def table(frame, rows, found, kinds, scores, targets, asked, null):
    """effects.tsv: a row for each variant, window and output, and one for each variant that is not scored.

    Parameters
    ----------
    frame : VARIANT columns, all variants. rows : of `places.place`, with `variant` as position in `frame`.
    found, kinds : the Edit and Kind of each of `rows`. scores : Scores of them. targets : names of the outputs.
    asked : Settings. null : {Kind: effects (n, g)}.
    """
    length = rows.attrs["length"]
    parts = []
    told = [kind.told(asked.parts, asked.frequencies) for kind in kinds]
    positions = [edit.position(length) for edit in found]
    own = frame.iloc[rows["variant"]].reset_index(drop=True)
    counts = np.array([len(null.get(kind, ())) for kind in kinds], dtype=int)
    for number, target in enumerate(targets):
        part = own.assign(window=rows["window"], strand=[edit.strand for edit in found], position=positions)
        part = part.assign(
            target=target, scale=asked.scale, n_shifts=scores.n_shifts, n_seeds=scores.n_seeds, kind=told
        )
        for name in ("reference", "alternative", "effect", "sd_shifts", "lower", "upper", "sd_seeds"):
            part[name] = getattr(scores, name)[:, number]
        signed, absolute = np.full((2, len(part)), np.nan)
        for row, kind in enumerate(kinds):
            if counts[row] >= asked.least_null:
                effects, effect = null[kind][:, number], part["effect"].iloc[row]
                signed[row] = nulls.percentiles(effect, effects)
                absolute[row] = nulls.percentiles(abs(effect), np.abs(effects))
        part["percentile"], part["absolute_percentile"] = signed, absolute
        part["n_null"] = counts if asked.null != "none" else None
        parts.append(part)
    scored = pd.concat(parts, ignore_index=True) if parts else own
    left = frame[~frame.index.isin(frame.index[rows["variant"]])]
    whole = pd.concat([scored, left], ignore_index=True).reindex(columns=list(COLUMNS))
    order = {name: place for place, name in enumerate(frame["id"])}
    # Rows of one variant stay together, in the file's order.
    whole = whole.assign(order=whole["id"].map(order)).sort_values("order", kind="stable").drop(columns="order")
    for name in ("position", "n_shifts", "n_seeds", "n_null"):
        whole[name] = pd.to_numeric(whole[name]).astype("Int64")
    return whole.reset_index(drop=True)


def null_table(found, null, targets, asked):
    """null.tsv: the effect of each variant of the null on each output; a row for each.

    Parameters
    ----------
    found : {Kind: list of Edit}. null : {Kind: effects (n, g)}.
    """
    rows = []
    for kind, edits in found.items():
        told = kind.told(asked.parts, asked.frequencies)
        for edit, effects in zip(edits, null[kind], strict=True):
            where = (edit.chrom, edit.start, edit.end, edit.alt, edit.window)
            rows += [(told, target, *where, effect) for target, effect in zip(targets, effects, strict=True)]
    return pd.DataFrame(rows, columns=list(NULL_COLUMNS))


def refuse_small(null, asked, where):
    """Refuse a null of which no kind has as many variants as are needed (InputError)."""
    most = max((len(effects) for effects in null.values()), default=0)
    if null and most < asked.least_null:
        raise InputError(
            f"{where}: the null has {most} variants of a kind at most; expected least_null, {asked.least_null}"
        )
