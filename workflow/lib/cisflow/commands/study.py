"""Write the page that sets a dataset beside the published study: what was reproduced, what changed, and why."""

from pathlib import Path

from cisflow.errors import InputError, listing
from cisflow.io import files
from cisflow.report import page, tables

# What the page cannot be written without; see report.tables.Tables for the others.
SETTINGS = ("dataset", "study", "splits", "models")


def arguments(parser):
    parser.add_argument("--folder", required=True, type=Path, help="folder of the dataset, with its evaluation")
    parser.add_argument("--published", required=True, help="table of published numbers")
    parser.add_argument("--settings", required=True, help="JSON file: what the config says of the study")
    parser.add_argument("--output", required=True, help="page to write, in Markdown")


def run(args):
    settings = files.read_record(args.settings)
    missing = [key for key in SETTINGS if key not in settings]
    if missing:
        raise InputError(f"{args.settings}: no {listing(missing)}; expected {', '.join(SETTINGS)}")
    files.write_text(args.output, page.text(tables.read(args.folder, args.published, settings)))
