"""Known motifs that occur in spots of high attribution more often than in like windows elsewhere."""

from cisflow.commands import options
from cisflow.motifs import scoring, seqlets


def arguments(parser):
    parser.add_argument("--attributions", required=True, help=".npz that `cisflow attribute` wrote")
    parser.add_argument("--null", help="the same of shuffled sequences, where settings have `null: shuffled`")
    parser.add_argument("--dataset", required=True, help="folder that `cisflow windows` wrote")
    parser.add_argument("--genome", help="FASTA, for `background: genome`")
    parser.add_argument("--database", required=True, help="motifs, MEME format")
    options.mapping(parser, "--settings", "target_fdr, flank, p_value, …", default={})
    options.seed(parser)
    options.cpu_threads(parser)
    parser.add_argument("--seqlets", required=True, help="table of seqlets")
    parser.add_argument("--scores", required=True, help="table of motifs")
    parser.add_argument("--background", required=True, help="BED of the windows that seqlets were compared with")
    parser.add_argument("--nulls", required=True, help="table of p-values where there is nothing to find")


def run(args):
    settings = seqlets.Settings.complete(args.settings, "motifs.seqlets")
    names = ("attributions", "null", "dataset", "genome", "database", "seqlets", "scores", "background", "nulls")
    scoring.score({name: getattr(args, name) for name in names}, settings, args.seed, args.threads)
