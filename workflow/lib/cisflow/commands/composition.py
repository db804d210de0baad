"""GC content or k-mer frequencies of every window, as features for a classifier: what order adds is not in them."""

from pathlib import Path

from cisflow.commands import options
from cisflow.data import dataset as datasets
from cisflow.features import arrays as features
from cisflow.features.kinds import composition
from cisflow.io.manifests import manifest


def arguments(parser):
    parser.add_argument("--windows", required=True, help="windows.tsv")
    parser.add_argument("--sequences", required=True, help="sequences.npy")
    options.mapping(parser, "--extractor", "kind, k", required=True)
    parser.add_argument("--output", required=True, help="folder")


def run(args):
    given = {name: value for name, value in args.extractor.items() if name != "kind"}
    k = composition.Settings.complete(given, "composition").k
    folder = Path(args.output)
    ids = datasets.read_ids(args.windows)
    codes = datasets.read_sequences(args.sequences, len(ids))
    with manifest(folder / "manifest.json", args.extractor, [args.windows, args.sequences]) as record:
        names = composition.names(k)
        record |= features.write(folder, ids, names, "composition", composition.frequencies(codes, k))
