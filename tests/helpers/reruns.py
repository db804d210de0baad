"""Which jobs of the tiny run an edit of a module makes due, told by what the module feeds."""

NUMBERS = ("strengths", "alleles", "signals", "unseen")
# Rules that write down which jobs there are.
LISTS = ("runs", "motif_runs")


def fed_by_bed(rule, output):
    named = any(f"results/{name}/" in output for name in ("intervals", "signals"))
    return (named and rule not in LISTS) or rule == "stack_metrics"


def fed_by_regression(rule, output):
    """All of the datasets with numbers as labels."""
    return (any(f"results/{name}/" in output for name in NUMBERS) and rule not in LISTS) or rule == "stack_metrics"


def fed_by_top_factors(rule, output):
    return rule == "figure_top_factors"


def fed_by_motif_cnn(rule, output):
    """All of the datasets that the small network is trained on, or whose features it makes, from the network on."""
    made_before = {"windows", "planted_windows", "near_duplicates", "split", "leakage", "figure_leakage", "fetch"}
    made_before |= {"index_genome", *LISTS, "study_settings", "matched_windows", "figure_negative_matching"}
    others = ("reporters", "accessible", "summits", "alleles", "signals", "unseen")
    apart = any(f"results/{name}/" in output for name in others)
    # Of the rows of these two, the network explains none.
    apart |= rule == "figure_funnel" and any(f"results/{name}/" in output for name in ("peaks", "introns"))
    return rule not in made_before and not apart


def fed_by_logistic_regression(rule, output):
    """Of the datasets with a logistic regression: its fits, and what stands on the evaluation."""
    figures = (
        "performance_curves",
        "model_comparison",
        "robustness",
        "calibration",
        "study_curves",
        "study_comparison",
    )
    evaluated = {"evaluate", "study", *(f"figure_{name}" for name in figures)}
    named = any(f"results/{name}/" in output for name in ("peaks", "introns", "accessible", "summits"))
    fitted = rule == "fit" and any(f"/models/{name}/" in output for name in ("regression", "gc_only"))
    fitted |= rule == "figure_top_targets" and ".regression." in output
    return fitted or (rule in evaluated and named) or rule == "stack_metrics"
