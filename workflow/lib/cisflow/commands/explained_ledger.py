"""Say of every window of a data set whether a network is explained on it, and if not, why."""

import sys

from cisflow.attribution import explained, selection, weighted
from cisflow.commands import options
from cisflow.data import dataset as datasets
from cisflow.errors import InputError
from cisflow.io.tables import write_table


def arguments(parser):
    parser.add_argument("--dataset", required=True, help="folder that `cisflow windows` wrote")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--predictions", help="those of a network that is trained here")
    source.add_argument("--split", help="table of id and fold, of a network with published weights")
    options.mapping(parser, "--selection", "folds, labels, min_probability, outputs, …, as of `attribute`", default={})
    parser.add_argument("--output", required=True, help="table to write")


def run(args):
    asked = dict(args.selection)
    entries = asked.pop("outputs", None)
    groups = None if entries is None else weighted.members(entries)
    asked = selection.Settings.complete(asked, "--selection")
    dataset = datasets.read(args.dataset, mmap=True)
    if args.predictions:
        found = explained.of_predictions(dataset.ids, args.predictions, asked, groups, dataset.task)
    elif groups is None:
        raise InputError("--selection: no outputs; expected those to explain where there are no predictions")
    else:
        found = explained.of_windows(dataset, datasets.read_folds(args.split, dataset.ids), asked, groups)
    for target, lines in found.groupby("target", sort=False):
        counts = lines["reason"].value_counts()
        told = ", ".join(f"{count:,} {reason}" for reason, count in counts.items() if reason)
        kept = int(counts.get("", 0))
        text = f"; dropped: {told}" if told else ""
        print(f"ledger: explained: {target}: {kept:,} of {len(lines):,} kept{text}", file=sys.stderr)
    write_table(args.output, found)
