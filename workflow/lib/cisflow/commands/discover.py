"""Find de novo motifs in attributions with TF-MoDISco, and in shuffled attributions as a control."""

import os
import sys

from cisflow.commands import options


def arguments(parser):
    parser.add_argument("--attributions", required=True, help=".npz that `cisflow attribute` wrote")
    options.mapping(parser, "--settings", "max_seqlets, n_leiden_runs, …", default={})
    options.seed(parser)
    options.cpu_threads(parser)
    parser.add_argument("--output", required=True, help="patterns, .h5")
    parser.add_argument("--control", required=True, help="patterns of the shuffled attributions, .h5")
    parser.add_argument("--summary", required=True, help="counts and settings, .json")


def run(args):
    # numba reads this once, when it is first imported. Set later, the limit would start its threads, after which
    # modisco-lite neither forks nor keeps what it compiles. Limited to one thread it does not either, which costs more
    # than a second thread for the moments that it is used.
    if "numba" not in sys.modules:
        os.environ["NUMBA_NUM_THREADS"] = str(max(2, args.threads))
    from cisflow.motifs import discovery

    settings = discovery.Settings.complete(args.settings, "motifs.discovery")
    discovery.discover(args.attributions, settings, args.seed, args.output, args.control, args.summary)
