"""Write the page that sets a dataset beside the published study: what was reproduced, what changed, and why."""

import json
from pathlib import Path

from cisflow.io import files
from cisflow.report import page, tables


def arguments(parser):
    parser.add_argument("--folder", required=True, type=Path, help="folder of the dataset, with its evaluation")
    parser.add_argument("--published", required=True, help="table of published numbers")
    parser.add_argument("--settings", required=True, type=json.loads, help="JSON: what the config says of the study")
    parser.add_argument("--output", required=True, help="page to write, in Markdown")


def run(args):
    read = tables.read(args.folder, args.published, args.settings)
    files.write_text(args.output, page.text(read))
