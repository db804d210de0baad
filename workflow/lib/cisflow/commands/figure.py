"""Draw one figure from tables and attribution files, as SVG and PNG."""

import ast
import importlib
import json
from pathlib import Path

from cisflow import figures
from cisflow.errors import InputError
from cisflow.figures import style

ROOM = Path(figures.__file__).parent


def figure_names():
    """Names of all figures, sorted: the modules with a function `draw`, found without importing them."""
    return sorted(path.stem for path in ROOM.glob("*.py") if _draws(path))


def _draws(path):
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return any(isinstance(node, ast.FunctionDef) and node.name == "draw" for node in body)


def arguments(parser):
    parser.add_argument("name", metavar="NAME", help=f"one of {', '.join(figure_names())}")
    parser.add_argument("--inputs", required=True, metavar="JSON", help="paths of the files that the figure shows")
    parser.add_argument("--settings", required=True, metavar="JSON", help="what of them it shows")
    parser.add_argument("--output", required=True, metavar="P.svg")
    parser.add_argument("--png", required=True, metavar="P.png")


def run(args):
    if args.name not in figure_names():
        raise InputError(f"unknown figure '{args.name}'; expected one of {', '.join(figure_names())}")
    inputs, settings = mapping("--inputs", args.inputs), mapping("--settings", args.settings)
    module = importlib.import_module(f"cisflow.figures.{args.name}")
    with style.applied():
        style.save(module.draw(inputs, settings), args.output, args.png)


def mapping(option, text):
    """The JSON object of an option (InputError where it is none)."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise InputError(f"{option}: not JSON: {error}") from error
    if not isinstance(value, dict):
        raise InputError(f"{option}: found {type(value).__name__}, expected a JSON object of names and values")
    return value
