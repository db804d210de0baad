"""Draw one figure from tables and attribution files, as SVG and PNG."""

from cisflow.commands import options
from cisflow.figures import registry, style


def arguments(parser):
    parser.add_argument("name", metavar="NAME", help=f"one of {', '.join(registry.declarations())}")
    options.named_paths(parser, "--inputs", "files that the figure shows; a name given several times is a list")
    options.mapping(parser, "--settings", "what of them it shows", required=True)
    parser.add_argument("--output", required=True, metavar="P.svg")
    parser.add_argument("--png", required=True, metavar="P.png")


def run(args):
    with style.applied():
        style.save(registry.draw(args.name, args.inputs, args.settings), args.output, args.png)
