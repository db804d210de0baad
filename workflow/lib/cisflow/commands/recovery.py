"""Which planted motifs came back as discovered patterns."""

from cisflow.motifs import recovery


def arguments(parser):
    parser.add_argument("--patterns", required=True, help="table that `cisflow name-motifs` wrote")
    parser.add_argument("--truth", required=True, help="truth.tsv of a planted data set")
    parser.add_argument("--database", required=True, help="motifs: MEME, JASPAR, TRANSFAC or HOMER")
    parser.add_argument("--output", required=True, help="table of planted motifs")


def run(args):
    recovery.write_recovery(args.patterns, args.truth, args.database, args.output)
