"""Find de novo motifs in attributions with TF-MoDISco, and as controls in those of shuffled sequences and in shuffled
ones."""

import os
import sys

from cisflow.commands import options
from cisflow.errors import InputError


def arguments(parser):
    parser.add_argument("--attributions", required=True, help=".npz that `cisflow attribute` wrote")
    options.mapping(parser, "--settings", "max_seqlets, n_leiden_runs, …", default={})
    options.seed(parser)
    options.cpu_threads(parser)
    parser.add_argument("--output", required=True, help="patterns, .h5")
    parser.add_argument("--control", required=True, help="patterns of the shuffled attributions, .h5")
    parser.add_argument("--null", help="attributions of shuffled sequences under the same network, .npz")
    parser.add_argument("--null-output", help="patterns in those, .h5")
    parser.add_argument("--summary", required=True, help="counts and settings, .json")


def run(args):
    # numba reads this once, when it is first imported. Set later, the limit would start its threads, after which
    # modisco-lite neither forks nor keeps what it compiles. Limited to one thread it does not either, which costs more
    # than a second thread for the moments that it is used.
    if "numba" not in sys.modules:
        os.environ["NUMBA_NUM_THREADS"] = str(max(2, args.threads))
    from cisflow.motifs import discovery

    if (args.null is None) != (args.null_output is None):
        raise InputError("--null and --null-output: found one of them; expected both or neither")
    settings = discovery.Settings.complete(args.settings, "motifs.discovery")
    paths = args.output, args.control, args.summary, args.null, args.null_output
    discovery.discover(args.attributions, settings, args.seed, *paths)
