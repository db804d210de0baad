"""Seqlets and hits as BED in genome coordinates, patterns as MEME."""

from cisflow.motifs import exports


def arguments(parser):
    parser.add_argument("--attributions", required=True, help=".npz in which they were found")
    parser.add_argument("--dataset", required=True, help="folder that `cisflow windows` wrote")
    parser.add_argument("--tracks", required=True, help="folder that `cisflow export-tracks` wrote, for chrom.sizes")
    parser.add_argument("--seqlets", required=True, help="table that `cisflow scan-seqlets` wrote")
    parser.add_argument("--hits", required=True, help="table that `cisflow call-hits` wrote")
    parser.add_argument("--modisco", required=True, help="patterns that `cisflow discover` found, .h5")
    parser.add_argument("--patterns", required=True, help="their names: table that `cisflow name-motifs` wrote")
    parser.add_argument("--seqlet-bed", required=True, help="BED to write")
    parser.add_argument("--hit-bed", required=True, help="BED to write")
    parser.add_argument("--meme", required=True, help="MEME file to write")


def run(args):
    inputs = {name: getattr(args, name) for name in ("seqlets", "hits", "modisco", "patterns")}
    outputs = {"seqlets": args.seqlet_bed, "hits": args.hit_bed, "patterns": args.meme}
    exports.export_motifs(args.attributions, args.dataset, args.tracks, inputs, outputs)
