"""Known motifs that occur in spots of high attribution more often than elsewhere in the same sequences."""

from cisflow.commands import options
from cisflow.motifs import seqlets


def arguments(parser):
    parser.add_argument("--attributions", required=True, help=".npz that `cisflow attribute` wrote")
    parser.add_argument("--database", required=True, help="motifs, MEME format")
    options.mapping(parser, "--settings", "target_fdr, flank, p_value, …", default={})
    options.seed(parser)
    options.cpu_threads(parser)
    parser.add_argument("--seqlets", required=True, help="table of seqlets")
    parser.add_argument("--scores", required=True, help="table of motifs")


def run(args):
    settings = seqlets.Settings.complete(args.settings, "motifs.seqlets")
    seqlets.scan_seqlets(args.attributions, args.database, settings, args.seed, args.threads, args.seqlets, args.scores)
