"""Attributions along the genome as bigWig, one file a target."""

from cisflow.attribution import tracks


def arguments(parser):
    parser.add_argument("--attributions", required=True, help=".npz that `cisflow attribute` wrote")
    parser.add_argument("--dataset", required=True, help="folder that `cisflow windows` wrote")
    parser.add_argument("--genomes", nargs="*", default=[], help="FASTA or 2bit of the windows, for chromosomes' ends")
    parser.add_argument("--output", required=True, help="folder to write the files to")


def run(args):
    tracks.export_tracks(args.attributions, args.dataset, args.genomes, args.output)
