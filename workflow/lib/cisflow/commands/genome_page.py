"""One HTML page of regions of the genome with their attributions, seqlets and hits."""

from cisflow.commands import options
from cisflow.report import genome_page


def arguments(parser):
    options.named_paths(parser, "--attributions", ".npz of each method")
    options.named_paths(parser, "--seqlets", "table of seqlets of each method", required=False)
    options.named_paths(parser, "--hits", "table of hits of each method", required=False)
    parser.add_argument("--dataset", required=True, help="folder that `cisflow windows` wrote")
    parser.add_argument("--regions", required=True, type=options.positive, help="at most so many")
    parser.add_argument("--title", required=True, help="of the page")
    parser.add_argument("--output", required=True, help="HTML file to write")


def run(args):
    genome_page.write_page(
        args.attributions, args.seqlets, args.hits, args.dataset, args.regions, args.title, args.output
    )
