"""Index a FASTA, as `samtools faidx` does."""

from pathlib import Path

import pyfaidx

from cisflow.errors import InputError
from cisflow.io import files, genome


def arguments(parser):
    parser.add_argument("--fasta", required=True, type=Path, help="uncompressed FASTA")
    parser.add_argument("--output", required=True, type=Path, help="the index: <fasta>.fai")


def run(args):
    genome.check_fasta(args.fasta)
    try:
        with files.atomic(args.output) as temporary:
            pyfaidx.Faidx(str(args.fasta), indexname=str(temporary)).close()
    except (pyfaidx.FastaIndexingError, ValueError) as error:
        raise InputError(f"{args.fasta}: not a readable FASTA: {error}") from error
