"""Which models a baseline is as good as, and which differ from each other."""

from cisflow.evaluation import results
from cisflow.io.tables import matching
from cisflow.report.tables import baselines, measured, roles
from cisflow.report.words import cell, code, plural, signed, value

LEVEL = 0.05


def simple(tables):
    """How far the baselines get, on both splits."""
    found = baselines(tables)
    if not found:
        return ["The config has no baseline on GC content or k-mers, so that their part in the results is not known.\n"]
    lines = [
        "A baseline counts as good as a model where the model's AUROC is less than 0.02 higher, or where the interval "
        "of their paired difference reaches zero. Differences are model minus baseline.\n"
    ]
    means = matching(tables.metrics, strands="averaged", seed="mean")
    reversed_ = {(item.model, item.split): item for item in results.reversals(means, found)}
    for model, k in found.items():
        for split in dict.fromkeys(roles(tables)):
            row = measured(tables, split, "auroc").get(model)
            if row is None:
                continue
            text = f"- `{model}` sees {results.sees(k)} and has AUROC {cell(row)} on `{split}`. "
            below = reversed_.get((model, split))
            lines.append(text + (below_chance(below, k) if below else "") + verdict(tables, model, k, split, below))
    return [*lines, ""]


def below_chance(found, k):
    """What an AUROC below one half says."""
    what = results.counted(k)
    text = (
        f"**That is below chance: reversed it would be {value(found.value)}.** So {what} "
        f"separate{'s' if k == 1 else ''} this test fold, in the opposite direction to training: what positives have "
        "more of differs between training and test fold. "
    )
    return text + (f"Reversed it would be as good as or better than {code(found.reached)}. " if found.reached else "")


def verdict(tables, baseline, k, split, below=None):
    """How many models the baseline is as good as; of one below chance only where there are any."""
    rows = matching(tables.comparisons, split=split, metric="auroc", model_b=baseline)
    rows = rows[(rows["baseline"] == 1) & rows["difference"].notna()]
    if rows.empty:
        return "No model is compared with it."
    close = rows[rows["close"] == 1].sort_values("difference", kind="stable")
    if close.empty and below:
        return "As it stands every model is better, which says nothing of how much it could explain."
    if close.empty:
        nearest = rows.loc[rows["difference"].idxmin()]
        return (
            f"It is as good as none of {plural(len(rows), 'model', 'models')}: the nearest, `{nearest['model_a']}`, "
            f"is better by {value(nearest['difference'])} ({value(nearest['lower'])} to {value(nearest['upper'])})."
        )
    named = ", ".join(f"`{row.model_a}` ({signed(row.difference)})" for row in close.itertuples())
    return (
        f"**It is as good as or better than {len(close)} of {plural(len(rows), 'model', 'models')}**: {named}. What "
        f"these predict may be {results.counted(k)}."
    )


def differences(tables):
    """How many paired differences in AUROC stand after Holm's adjustment, on both splits."""
    lines = []
    for split in dict.fromkeys(roles(tables)):
        rows = matching(tables.comparisons, split=split, metric="auroc")
        pairs = len(rows)
        if not pairs:
            continue
        stand = int((rows["p_holm"] < LEVEL).sum())
        text = f"- `{split}`: of {plural(pairs, 'pair', 'pairs')} of models, {stand} differ in AUROC after "
        text += "Holm's adjustment of the paired bootstrap"
        if rows["delong_holm"].notna().any():
            text += f", {int((rows['delong_holm'] < LEVEL).sum())} by DeLong's test"
        lines.append(text + ".")
        resamples = tables.settings.get("resamples")
        least = 2 * pairs / (resamples + 1) if resamples else 0
        if least >= LEVEL:
            lines[-1] += (
                f" With {resamples:,} resamples the bootstrap's least adjusted p-value is {value(min(least, 1.0))}: it "
                "cannot tell any single pair apart."
            )
        auroc = {model: row.value for model, row in measured(tables, split, "auroc").items()}
        best = max(auroc, key=auroc.get) if auroc else None
        column = "delong_holm" if least >= LEVEL and rows["delong_holm"].notna().any() else "p_holm"
        with_best = rows[(rows["model_a"] == best) | (rows["model_b"] == best)]
        like = with_best[~(with_best[column] < LEVEL)]
        same = [row.model_b if row.model_a == best else row.model_a for row in like.itertuples()]
        if best:
            lines[-1] += f" The highest AUROC is that of `{best}`; " + (
                f"{code(same)} cannot be told from it." if same else "every other model differs from it."
            )
    return [*lines, ""] if lines else []
