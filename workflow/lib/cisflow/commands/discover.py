"""Find de novo motifs in attributions with TF-MoDISco, and in shuffled attributions as a control."""

import json
import os
import sys


def arguments(parser):
    parser.add_argument("--attributions", required=True, help=".npz that `cisflow attribute` wrote")
    parser.add_argument("--settings", default={}, type=json.loads, help="JSON: max_seqlets, n_leiden_runs, …")
    parser.add_argument("--seed", required=True, type=int)
    parser.add_argument("--threads", default=1, type=int)
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

    discovery.discover(args.attributions, args.settings, args.seed, args.output, args.control, args.summary)
