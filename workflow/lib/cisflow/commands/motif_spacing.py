"""Pairs of merged patterns of a dataset: co-occurrence, spacing and orientation."""

from cisflow.commands import options
from cisflow.motifs import spacing


def arguments(parser):
    parser.add_argument("--runs", required=True, help="table of explanations, in the folder `patterns` of a dataset")
    parser.add_argument("--patterns", required=True, help="table of merged patterns")
    parser.add_argument("--instances", required=True, help="table of their instances")
    options.mapping(parser, "--settings", "max_distance, null, min_pairs", default={})
    parser.add_argument("--together", required=True, help="table of patterns in the same sequences")
    parser.add_argument("--spacing", required=True, help="table of preferred spacings and orientations")
    parser.add_argument("--distances", required=True, help="table of all distances of the most unlikely pairs")


def run(args):
    settings = spacing.Settings.complete(args.settings, "motifs.spacing")
    files = (args.runs, args.patterns, args.instances)
    spacing.write_spacing(*files, settings, args.together, args.spacing, args.distances)
