"""Stack tables with the same columns into one."""

from pathlib import Path

from cisflow.errors import InputError
from cisflow.io import files


def arguments(parser):
    parser.add_argument("--tables", nargs="+", type=Path, required=True, help="TSV files, in the order of the output")
    parser.add_argument("--output", type=Path, required=True, help="TSV file")


def run(args):
    files.write_text(args.output, stack(args.tables))


def stack(paths):
    """The text of all tables under one header, values untouched (InputError: a header differs from the first)."""
    first, rows = None, []
    for path in paths:
        header, *body = _lines(path)
        first = first or header
        if header != first:
            raise InputError(f"{path}: columns are {_listed(header)}; expected those of {paths[0]}: {_listed(first)}")
        rows += body
    return "\n".join([first, *rows]) + "\n"


def _lines(path):
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not readable as text: {error}") from error
    if not lines:
        raise InputError(f"{path}: empty, expected a table with a header")
    return lines


def _listed(header):
    return header.replace("\t", ", ")
