"""Names of one chromosome in the styles of UCSC (`chr1`), Ensembl (`1`), RefSeq (`NC_000001.11`) and GenBank
(`CM000663.2`), and the map between the names of two files.
"""

import re
import sys
from pathlib import Path

import pandas as pd

from cisflow.errors import InputError, listing

HUMAN = (*map(str, range(1, 23)), "X", "Y")
MOUSE = (*map(str, range(1, 20)), "X", "Y")
ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII", "XIII", "XIV", "XV", "XVI")
# Accessions count up along the chromosomes of an assembly: the first of them, and the chromosomes.
# From NCBI's assembly reports of GRCh37/38, GRCm38/39, GRCz11, TAIR10, R64 and WBcel235. Their versions differ between
# the assemblies of a species, which the lengths of the chromosomes tell apart.
RUNS = (
    ("NC_000001", HUMAN),
    ("CM000663", HUMAN),
    ("NC_000067", MOUSE),
    ("CM000994", MOUSE),
    ("NC_007112", tuple(map(str, range(1, 26)))),
    ("NC_001133", ROMAN),
    ("BK006935", ROMAN[:7]),
    ("BK006934", ROMAN[7:8]),
    ("BK006942", ROMAN[8:]),
    ("NC_003279", (*ROMAN[:5], "X")),
    ("NC_003070", ("1",)),
    ("NC_003071", ("2",)),
    ("NC_003074", ("3", "4", "5")),
)
ACCESSIONS = {
    "NC_012920": "M",
    "J01415": "M",
    "NC_005089": "M",
    "NC_001224": "M",
    "NC_001328": "M",
    "NC_002333": "M",
    "NC_024511": "M",
    "NC_037304": "M",
    "NC_000932": "Pt",
    "NT_033779": "2L",
    "NT_033778": "2R",
    "NT_037436": "3L",
    "NT_033777": "3R",
    "NC_004353": "4",
    "NC_004354": "X",
    "NC_024512": "Y",
}
for _first, _chromosomes in RUNS:
    _letters, _digits = re.fullmatch(r"(\D+)(\d+)", _first).groups()
    for _step, _name in enumerate(_chromosomes):
        ACCESSIONS[f"{_letters}{int(_digits) + _step:0{len(_digits)}d}"] = _name

ACCESSION = re.compile(r"([A-Z]{1,2}_?\d{5,9})(?:\.\d+)?")
# UCSC writes the accession of a scaffold into its name: chr1_KI270706v1_random is KI270706.1.
SCAFFOLD = re.compile(r"chr[^_]+_([A-Z]+\d+)v(\d+)(?:_\w+)?")
# Two-letter names of organelles, and what mitochondria are called.
MITOCHONDRIA = ("m", "mt", "mito", "mtdna", "mitochondrion")
PLASTIDS = ("chrc", "pt", "chrpt", "chloroplast", "pltd")


def canonical(name):
    """The name of a chromosome without the marks of a style: `1` of chr1, Chr1, 1 and NC_000001.11; itself if unknown.

    Mitochondria are `M`, plastids `Pt`. The version of an accession is not looked at.
    """
    scaffold = SCAFFOLD.fullmatch(name)
    if scaffold:
        return f"{scaffold[1]}.{scaffold[2]}"
    accession = ACCESSION.fullmatch(name)
    if accession and accession[1] in ACCESSIONS:
        return ACCESSIONS[accession[1]]
    bare = name[3:] if name[:3].lower() == "chr" and len(name) > 3 else name
    if bare.lower() in MITOCHONDRIA:
        return "M"
    return "Pt" if name.lower() in PLASTIDS else bare


def mapping(names, known):
    """The name among `known` of each of `names` that another style writes there: {name: known name}.

    A name that is known as it stands is itself, and so are all where two known names mean one chromosome. Names that
    stand for no known one are left out, and so are several names of one chromosome.

    Parameters
    ----------
    names, known : names of chromosomes, such as those of two files.
    """
    names, known = list(dict.fromkeys(names)), list(dict.fromkeys(known))
    meaning, found = _by_meaning(known), {name: name for name in names if name in set(known)}
    for name, others in _by_meaning(names).items():
        if len(others) == len(meaning.get(name, ())) == 1:
            found.setdefault(others[0], meaning[name][0])
    return found


def _by_meaning(names):
    meant = {}
    for name in names:
        meant.setdefault(canonical(name), []).append(name)
    return meant


class Names:
    """The names of chromosomes that a run uses, and the map of the names of its other files to them.

    Parameters
    ----------
    known : names to use. whose : the file that they are of, for messages.
    """

    def __init__(self, known, whose):
        self.known, self.whose, self._rows = list(dict.fromkeys(known)), whose, []

    def of(self, path, column):
        """A column of names (n,) of a file in the style of the known ones; a line on stderr says what was mapped.

        Names that mean no known chromosome stay as they are.

        Parameters
        ----------
        column : Series of str; "" is no name.
        """
        found = mapping([name for name in column.unique() if name], self.known)
        changed = {name: other for name, other in found.items() if name != other}
        if not changed:
            return column
        pairs = listing((f"{name} is {other}" for name, other in changed.items()), 3)
        print(f"{path}: chromosomes are named in another style than in {self.whose}: {pairs}", file=sys.stderr)
        self._rows += [(Path(path).name, name, other) for name, other in changed.items()]
        return column.map(lambda name: changed.get(name, name))

    def table(self):
        """What was mapped: frame of file, name (as the file has it) and known (as the run calls it)."""
        return pd.DataFrame(self._rows, columns=["file", "name", "known"]).drop_duplicates(ignore_index=True)

    def refuse_strangers(self, path, column):
        """Refuse a column of names none of which is known (InputError); it says what the two sides call theirs."""
        if not set(column) & set(self.known):
            raise InputError(
                f"{path}: none of its chromosomes ({listing(dict.fromkeys(column))}) is in {self.whose} "
                f"({listing(self.known)})"
            )
