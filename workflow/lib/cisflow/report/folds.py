"""What the folds of each split hold, and what they have in common."""

import itertools

import numpy as np

from cisflow.errors import listing
from cisflow.io.tables import matching
from cisflow.report.tables import FOLD, roles, share
from cisflow.report.words import markdown, percent, plural

CHECKS = {
    "overlap": "share a base of the genome with a {other} window",
    "near_duplicate": "are nearly the same sequence as a {other} window",
    "shared_gene": "lie on a gene that has a {other} window too",
    "sei_trained": "lie on a chromosome that Sei was trained on",
}
NAMES = {
    "overlap": "overlapping windows",
    "near_duplicate": "near-duplicates",
    "shared_gene": "shared genes",
    "sei_trained": "chromosomes that Sei was trained on",
}
OTHERS = {"train": "training", "valid": "validation"}


def data(tables):
    """How many windows, labels and positives each fold of each split has, and whose data they are."""
    lines = []
    first = tables.counts[tables.counts["split"] == tables.settings["splits"][0]]
    windows, n, positive = (first[name].sum() for name in ("windows", "n", "positive"))
    of = f"target `{tables.target}`" if tables.target != "mean" else "at least one of several targets"
    labelled = "" if n == windows else f", {n:,} of them with a label"
    lines.append(
        f"{windows:,} windows{labelled}, of which {positive:,} "
        f"({percent(positive / n if n else np.nan)}) are positive for {of}."
    )
    if not tables.settings["study"].get("same_data"):
        lines.append(
            "**These are not the data of the published study.** Its numbers stand beside ours to show the form of the "
            "comparison; agreement or difference says nothing about the study."
        )
    published, held_out = roles(tables)
    lines.append(
        f"Split `{published}` stands for the published one, `{held_out}` is chosen in the config as the held-out one; "
        "what test and training folds of either have in common is counted below.\n"
    )
    rows = [
        (
            f"`{row.split}`",
            row.fold,
            f"{row.windows:,}",
            f"{row.n:,}",
            f"{row.positive:,}",
            percent(share(row)),
        )
        for row in tables.counts.itertuples()
    ]
    return lines + markdown(("split", "fold", "windows", "labelled", "positive", "base rate"), rows)


def leakage(tables):
    """What test and training folds have in common, by the counts of each split's leakage table."""
    lines = []
    for split, table in tables.leakage.items():
        for check, text in CHECKS.items():
            for other in ("",) if check == "sei_trained" else ("train",):
                rows = matching(table, check=check, fold=FOLD, other=other)
                for row in rows.itertuples():
                    words = text.format(other=OTHERS.get(other, ""))
                    if row.fraction != row.fraction:
                        lines.append(f"- `{split}`: how many test windows {words} is not known ({row.note}).")
                        continue
                    note = f" ({row.note})" if row.note else ""
                    lines.append(
                        f"- `{split}`: {row.count:,.0f} of {plural(int(row.n), 'test window', 'test windows')} "
                        f"({percent(row.fraction)}) {words}{note}."
                    )
    return [*lines, *less_in_common(tables), ""]


def less_in_common(tables):
    """Whether the split that is called held out shares less with its training fold, by the counts."""
    published, held_out = roles(tables)
    shares = {split: {} for split in (published, held_out)}
    for split, check in itertools.product(shares, CHECKS):
        other = "" if check == "sei_trained" else "train"
        rows = matching(tables.leakage[split], check=check, fold=FOLD, other=other)
        for row in rows[rows["fraction"].notna()].itertuples():
            shares[split][check] = row.fraction
    checks = [check for check in CHECKS if all(check in known for known in shares.values())]
    if published == held_out or not checks:
        return []
    kinds = {"less": [], "as much": [], "more": []}
    for check in checks:
        gap = shares[held_out][check] - shares[published][check]
        kinds["less" if gap < 0 else "more" if gap > 0 else "as much"].append(NAMES[check])
    found = "; ".join(f"{kind} by {listing(names)}" for kind, names in kinds.items() if names)
    return [f"- By these counts the test fold of `{held_out}` leaks, against `{published}`: {found}."]
