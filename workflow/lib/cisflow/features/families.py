"""What the targets of a feature extractor measure and in which sample, read from their names."""

import re

# Family -> how the names of its members begin, in upper case and without hyphens; the first that fits.
FAMILIES = {
    "Pol II": r"POLR?2|POLII|RNAPII",
    "MYC": r"C?MYC|NMYC",
    "CTCF": r"CTCF",
    "zinc finger": r"ZNF\d|ZFP|ZBTB|ZSCAN|ZKSCAN|ZF[XY]",
    "histone": r"H2A|H2B|H3|H4|H1\.|CENPA",
    "accessibility": r"DNASE|ATAC|FAIRE",
    "other": r"",
}


def assay(target):
    """What a target measures: the second field of `biosample | assay | source`, or the whole of a plain name."""
    fields = target.split("|")
    return fields[min(1, len(fields) - 1)].strip()


def biosample(target):
    """The first field of `biosample | assay | source`; "" for a plain name."""
    return target.split("|")[0].strip() if "|" in target else ""


def family(target):
    """Family of what a target measures: one of FAMILIES."""
    name = assay(target).upper().replace("-", "")
    return next(family for family, beginning in FAMILIES.items() if re.match(beginning, name))
