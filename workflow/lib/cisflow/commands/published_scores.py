"""Known motifs in hot spots of attribution, scored as in the intron retention study, beside matched scores."""

from cisflow.commands import options
from cisflow.motifs import published


def arguments(parser):
    parser.add_argument("--attributions", required=True, help=".npz that `cisflow attribute --classes` wrote")
    parser.add_argument("--predictions", required=True, help="those that its rows were chosen by")
    parser.add_argument("--dataset", required=True, help="folder that `cisflow windows` wrote, for the background")
    parser.add_argument("--database", required=True, help="motifs, in any format that `check` knows")
    parser.add_argument("--matched", help="motif_scores.tsv of the same network and method")
    options.mapping(parser, "--settings", "window, threshold, control, strands, …", default={})
    options.seed(parser, "of the windows of independent bases")
    parser.add_argument("--output", required=True, help="table of motifs")
    parser.add_argument("--classes", required=True, help="table of classes")


def run(args):
    settings = published.Settings.complete(args.settings, "motifs.published")
    names = ("attributions", "predictions", "dataset", "database", "matched")
    paths = {name: getattr(args, name) for name in names}
    published.score(paths, settings, args.seed, args.output, args.classes)
