"""Write the tables of config/README.md anew: every key of the config, as the schema and the modules declare it."""

from pathlib import Path

from cisflow.config import documentation
from cisflow.io import files


def arguments(parser):
    parser.add_argument("--readme", required=True, help="config/README.md, whose text before the tables is kept")


def run(args):
    text = files.read_text(args.readme)
    if (updated := documentation.update(text)) != text:
        files.write_text(Path(args.readme), updated)
