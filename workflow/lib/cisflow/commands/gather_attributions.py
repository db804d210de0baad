"""Put the shards of an attribution file together, to the bytes that one job gives."""

from cisflow.attribution import files


def arguments(parser):
    parser.add_argument("--shards", required=True, nargs="+", help="shards in order, .npz")
    parser.add_argument("--output", required=True, help=".npz")


def run(args):
    files.write(args.output, files.concatenated(args.shards))
