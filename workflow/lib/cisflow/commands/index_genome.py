"""Index a genome, as `samtools faidx` does.

Of a FASTA that no index can speak of (packed, or of uneven lines) the copy that is read in its place is made, and the
index is empty; of a 2bit, which needs none, the names and lengths are written.
"""

from pathlib import Path

from cisflow.io import files, indexed
from cisflow.io.twobit import TwoBit, is_twobit


def arguments(parser):
    parser.add_argument("--fasta", required=True, type=Path, help="FASTA or 2bit")
    parser.add_argument("--output", required=True, type=Path, help="the index: <fasta>.fai")


def run(args):
    if is_twobit(args.fasta):
        lengths = TwoBit(args.fasta).lengths
        files.write_text(args.output, "".join(f"{name}\t{length}\n" for name, length in lengths.items()))
    else:
        indexed.make_index(args.fasta, args.output)
