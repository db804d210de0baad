"""The page of a study: its sections, in order."""

from pathlib import Path

from cisflow.report import comparisons, folds, original, performance
from cisflow.report.tables import FOLD


def text(tables):
    """The page as Markdown; the same tables give the same text."""
    parts = [
        f"# {tables.settings['dataset']}: the study, rerun\n",
        "Written from the tables of this run. Intervals are 95%, by a bootstrap over test sequences; numbers are of "
        f"the {FOLD} fold and, with several seeds, the mean over them.\n",
    ]
    sections = {
        "Data": folds.data,
        "What was reproduced": performance.reproduced,
        "What changed, and why": performance.changed,
        "What GC content and short words can do": comparisons.simple,
        "What the folds have in common": folds.leakage,
        "Calibration": performance.calibration,
        "Which models differ": comparisons.differences,
        "What to know of the models": original.notes,
        "Figures": figures,
    }
    for title, write in sections.items():
        lines = write(tables)
        if lines:
            parts += [f"## {title}\n", *lines]
    return "\n".join(parts).rstrip("\n") + "\n"


def figures(tables):
    """A link to each figure of the dataset."""
    links = [f"- [{Path(name).stem}](figures/{name})" for name in tables.settings.get("figures", [])]
    return [*links, ""] if links else []
