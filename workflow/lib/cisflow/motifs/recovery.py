"""Which of the planted motifs came back as patterns."""

import re

import pandas as pd

from cisflow.errors import InputError
from cisflow.io import matrices
from cisflow.io.tables import read_table, write_table
from cisflow.motifs import naming

COLUMNS = ("target", "matrix_id", "matrix_name", "found", "pattern", "match_id", "match_name", "q_value", "how")
# A pattern counts as named below NAMED. Two motifs of the database belong to one family where TOMTOM's comparison of
# their matrices has a q-value below FAMILY: a MEME file holds no classification of factors.
NAMED = 0.05
FAMILY = 1e-3


def write_recovery(patterns, truth, database, output):
    """Write `recovered` of three files to `output`."""
    named = read_table(
        patterns,
        ["run", "pattern", "match_id", "match_name", "p_value", "q_value"],
        text=("run", "pattern", "match_id", "match_name"),
        numbers=("p_value", "q_value"),
    )
    planted = read_table(truth, ["target", "matrix_id"], text=("target", "matrix_id"))
    motifs = {motif.id: motif for motif in matrices.read_motifs(database)}
    check_ids(truth, planted["matrix_id"], motifs, database)
    check_ids(patterns, named["match_id"], {*motifs, ""}, database)
    write_table(output, recovered(named, planted, motifs))


def check_ids(path, ids, known, database):
    """Refuse a table that names a motif which the database does not hold (InputError)."""
    unknown = ids.index[~ids.isin(list(known))]
    if len(unknown):
        raise InputError(
            f"{path}: row {unknown[0] + 2}: {ids.name} is '{ids[unknown[0]]}', expected a motif of {database}"
        )


def recovered(patterns, truth, motifs):
    """For each planted target and matrix, the pattern of positive contributions that shows it.

    By name where the best match of the pattern is a motif of the planted factor, else by family where it is one
    whose matrix resembles the planted one. Of several patterns the one with the smallest q-value is given.

    Parameters
    ----------
    patterns : frame of patterns.tsv; the control run is left out.
    truth : frame with target and matrix_id, one row an instance.
    motifs : dict of id -> Motif.

    Returns
    -------
    frame with COLUMNS, by target and matrix; without a pattern, `found` is 0 and what follows is empty.
    """
    usable = positive(patterns)
    usable = usable[usable["q_value"] < NAMED].sort_values(["q_value", "p_value"], kind="stable")
    planted = truth[["target", "matrix_id"]].drop_duplicates().sort_values(["target", "matrix_id"])
    # The comparison compiles for most of a minute where nothing is cached, and without patterns there is no use for it.
    relatives = families(sorted(set(planted["matrix_id"])), motifs) if len(usable) else {}
    rows = []
    for target, matrix_id in planted.itertuples(index=False):
        name = motifs[matrix_id].name
        by_name = usable[[same_factor(name, match) for match in usable["match_name"]]]
        by_family = usable[usable["match_id"].isin(relatives.get(matrix_id, ()))]
        how, hits = ("name", by_name) if len(by_name) else ("family", by_family)
        if len(hits):
            best = hits.iloc[0]
            found = (1, best["pattern"], best["match_id"], best["match_name"], best["q_value"], how)
        else:
            found = (0, "", "", "", None, "")
        rows.append((target, matrix_id, name, *found))
    return pd.DataFrame(rows, columns=COLUMNS)


def assigned(patterns, truth, motifs):
    """The patterns of positive contributions, with `planted`: whether one shows some planted motif, as in `recovered`.

    Its mean is the precision of a search. Parameters are those of `recovered`.
    """
    usable = positive(patterns)
    planted = sorted(set(truth["matrix_id"]))
    related = set().union(*families(planted, motifs).values()) if len(usable) else set()
    names = [motifs[item].name for item in planted]
    shown = usable["match_name"].map(lambda match: any(same_factor(name, match) for name in names)).astype(bool)
    return usable.assign(planted=(usable["match_id"].isin(related) | shown) & (usable["q_value"] < NAMED))


def positive(patterns):
    """The patterns of positive contributions that were found in the attributions."""
    return patterns[(patterns["run"] == "attributions") & patterns["pattern"].str.startswith("pos_")]


def families(ids, motifs):
    """{id: set of the ids of motifs whose matrices resemble its own}."""
    if not ids:
        return {}
    known = list(motifs.values())
    q = naming.compare([motifs[item].matrix for item in ids], known).q
    return {
        item: {motif.id for motif, value in zip(known, row, strict=True) if value < FAMILY}
        for item, row in zip(ids, q, strict=True)
    }


def same_factor(first, second):
    """Whether two motif names share a factor: `MAX::MYC` and `Myc` do; a variant such as `(var.2)` does not matter."""
    return bool(factors(first) & factors(second))


def factors(name):
    """{'max', 'myc'} of `MAX::MYC(var.2)`."""
    return {part.strip().casefold() for part in re.sub(r"\(var\.\d+\)", "", name).split("::")}
