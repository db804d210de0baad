"""First-layer kernels of a trained network: matrices, known motifs, and what the network loses without each."""

from cisflow.commands import options
from cisflow.models import device
from cisflow.motifs import kernels


def arguments(parser):
    parser.add_argument("--dataset", required=True, help="folder that `cisflow windows` wrote")
    parser.add_argument("--split", required=True, help="table of id and fold, of which the test fold counts")
    parser.add_argument("--weights", required=True, help="network that `cisflow train` wrote")
    parser.add_argument("--database", required=True, help="motifs: MEME, JASPAR, TRANSFAC or HOMER")
    options.mapping(parser, "--settings", "n_sequences, min_response, n_windows, …", default={})
    options.seed(parser)
    options.device(parser)
    parser.add_argument("--output", required=True, help="table of kernels and outputs")
    parser.add_argument("--matrices", required=True, help="what excites each kernel, MEME")
    parser.add_argument("--raw", required=True, help="weights of each kernel as base frequencies, MEME")
    parser.add_argument("--summary", required=True, help="counts, and why there are no kernels, .json")


def run(args):
    settings = kernels.Settings.complete(args.settings, "motifs.kernels")
    outputs = {"table": args.output, "matrices": args.matrices, "raw": args.raw, "summary": args.summary}
    with device.acquire(args.device, args.gpus, args.threads) as where:
        kernels.read_kernels(args.dataset, args.split, args.weights, args.database, settings, args.seed, where, outputs)
