"""Find the windows of a data set that are nearly the same sequence, on either strand."""

from cisflow.commands import options
from cisflow.data import dataset as datasets
from cisflow.data import duplicates


def arguments(parser):
    parser.add_argument("--windows", required=True, help="windows.tsv of the data set")
    parser.add_argument("--sequences", required=True, help="sequences.npy of the data set")
    options.mapping(parser, "--settings", "k, similarity", required=True)
    parser.add_argument("--output", required=True, help="table to write (id, other, similarity)")


def run(args):
    settings = duplicates.Settings.complete(args.settings, "near_duplicates")
    ids = datasets.read_ids(args.windows)
    pairs = duplicates.find(datasets.read_sequences(args.sequences, len(ids)), settings)
    datasets.write_near_duplicates(args.output, ids, pairs)
