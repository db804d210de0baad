"""Gather the shards of a feature array into one float16 array, with its ids and target names."""

from cisflow.commands import options
from cisflow.features import inputs, shards


def arguments(parser):
    inputs.arguments(parser)
    parser.add_argument("--shards", required=True, nargs="+", help="shards in order")
    parser.add_argument("--weights", required=True, help="checkpoint, for its target names and digest")
    options.mapping(parser, "--extractor", "architecture, settings, groups, …", default={})
    parser.add_argument("--names", help="list of target names, where the checkpoint has none")
    parser.add_argument("--output", required=True, help="folder")


def run(args):
    shards.gather(args.output, args.shards, inputs.read(args), args.extractor, args.weights, args.names)
