"""Labelled sequences from a table (CSV or TSV) with the columns header, sequence and label."""

from collections import Counter

from cisflow.data.windows import Windows, locate, read_labels, read_rows, refuse_duplicates, resource
from cisflow.errors import InputError
from cisflow.sequence import dna


def collect(source, length, inputs, seed):
    """Windows of a table, in its order. The ids are its headers; coordinates come from headers that hold a locus.

    Where `repeated` is `number`, the second row with the header `x` has the id `x#2`, and so on: no row is lost, and
    with it no place in the published permutation.

    Parameters
    ----------
    source : kind, table, target (name to give to the label; "label"), repeated ("refuse" or "number").
    length : bases that each sequence must have.
    inputs : resource name -> file.
    seed : not used.

    Raises
    ------
    InputError : a column that is absent, a sequence of another length or with a character that is no base, a label
        other than 0, 1 and empty, a header that is empty or occurs twice (unless numbered), or no row.
    """
    path = resource(inputs, source["table"])
    rows, columns = read_rows(path, ["header", "sequence", "label"])
    headers = columns["header"]
    ids = numbered(headers) if source.get("repeated") == "number" else headers
    refuse_duplicates(path, ids, rows)
    codes = encode_rows(path, columns["sequence"], rows, length)
    labels = read_labels(path, "label", columns["label"], rows)
    frame = locate(path, headers, [f"row {row}" for row in rows], length).assign(id=ids)
    return Windows(frame, codes, labels[:, None], [source.get("target", "label")], {})


def numbered(names):
    """The names, of which the n-th occurrence of one, n > 1, ends in `#n`."""
    seen, out = Counter(), []
    for name in names:
        seen[name] += 1
        out.append(name if seen[name] == 1 or not name else f"{name}#{seen[name]}")
    return out


def encode_rows(path, sequences, rows, length):
    """Base codes (n, length) of strings of that length, encoded in one go."""
    for row, sequence in zip(rows, sequences, strict=True):
        if len(sequence) != length:
            raise InputError(
                f"{path}: row {row}: the sequence has {len(sequence)} bases, expected {length} (the window)"
            )
    try:
        return dna.encode("".join(sequences)).reshape(len(sequences), length)
    except InputError:
        for row, sequence in zip(rows, sequences, strict=True):
            dna.encode(sequence, f"{path}: row {row}")
        raise
