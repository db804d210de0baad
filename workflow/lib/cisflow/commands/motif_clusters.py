"""Merged patterns of a dataset: sub-clusters by effect, models against each other, sequences by patterns."""

from cisflow.commands import options
from cisflow.motifs import clusters


def arguments(parser):
    parser.add_argument("--runs", required=True, help="table of explanations, in the folder `patterns` of a dataset")
    parser.add_argument("--instances", required=True, help="table of the instances of merged patterns")
    options.mapping(parser, "--settings", "distance, min_seqlets, max_seqlets", default={})
    options.seed(parser, "of the choice of seqlets that are clustered")
    parser.add_argument("--clusters", required=True, help="table of sub-clusters by effect")
    parser.add_argument("--enrichment", required=True, help="table of patterns of two models")
    parser.add_argument("--matrix", required=True, help="table of sequences by patterns")


def run(args):
    settings = clusters.Settings.complete(args.settings, "motifs.clusters")
    outputs = (args.clusters, args.enrichment, args.matrix)
    clusters.write_clusters(args.runs, args.instances, settings, args.seed, *outputs)
