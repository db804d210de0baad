"""Known motifs that occur in spots of high attribution more often than elsewhere in the same sequences."""

import json

from cisflow.motifs import hotspots


def arguments(parser):
    parser.add_argument("--attributions", required=True, help=".npz that `cisflow attribute` wrote")
    parser.add_argument("--database", required=True, help="motifs, MEME format")
    parser.add_argument("--settings", default={}, type=json.loads, help="JSON: target_fdr, flank, p_value, …")
    parser.add_argument("--seed", required=True, type=int)
    parser.add_argument("--threads", default=1, type=int)
    parser.add_argument("--hotspots", required=True, help="table of hot spots")
    parser.add_argument("--scores", required=True, help="table of motifs")


def run(args):
    hotspots.scan_hotspots(
        args.attributions, args.database, args.settings, args.seed, args.threads, args.hotspots, args.scores
    )
