"""An HTML page of discovered patterns with logos and the most similar known motifs."""

from cisflow.motifs import report


def arguments(parser):
    parser.add_argument("--modisco", required=True, help="patterns that `cisflow discover` found, .h5")
    parser.add_argument("--summary", required=True, help="its counts, .json")
    parser.add_argument("--patterns", help="table of their names, for the output and the note of each")
    parser.add_argument("--database", required=True, help="motifs: MEME, JASPAR, TRANSFAC or HOMER")
    parser.add_argument("--output", required=True, help="folder to write motifs.html and its images to")


def run(args):
    report.write_report(args.modisco, args.summary, args.database, args.output, args.patterns)
