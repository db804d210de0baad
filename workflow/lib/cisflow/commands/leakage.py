"""Report how far the folds of a split are from independent: overlaps, near-duplicates, shared genes, Sei's training."""

from cisflow.data import dataset as datasets
from cisflow.data import leakage
from cisflow.data.windows import require_bedtools
from cisflow.io import contigs
from cisflow.io.gtf import genes_of, read_exons
from cisflow.io.tables import write_table


def arguments(parser):
    parser.add_argument("--windows", required=True, help="windows.tsv of the data set")
    parser.add_argument("--split", required=True, help="table of id and fold")
    parser.add_argument("--near-duplicates", required=True, help="table that `cisflow near-duplicates` wrote")
    parser.add_argument("--genes", help="GTF whose genes the windows may share")
    parser.add_argument("--output", required=True, help="table to write")


def run(args):
    frame = datasets.read_windows(args.windows)
    folds = datasets.read_folds(args.split, frame["id"])
    near = datasets.read_near_duplicates(args.near_duplicates, frame["id"])
    genes = None
    if args.genes:
        require_bedtools()
        genes = genes_of(read_exons(args.genes))
        names = contigs.Names([name for name in frame["chrom"].unique() if name], args.windows)
        genes["chrom"] = names.of(args.genes, genes["chrom"])
    write_table(args.output, leakage.report(frame, folds, near, genes))
