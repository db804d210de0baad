"""Effects of the variants of a VCF on every target of a network, and on Sei's sequence classes.

The same command again goes on where a stopped one was.
"""

import functools
import json
import sys
from pathlib import Path

import numpy as np
import torch

from cisflow.commands import options
from cisflow.errors import InputError
from cisflow.features import arrays as features
from cisflow.features import extractor as extractors
from cisflow.features import sequence_classes, shards, variants
from cisflow.io import manifests
from cisflow.io.genome import Genome
from cisflow.io.manifests import manifest
from cisflow.io.resumable import Rows
from cisflow.io.tables import write_table
from cisflow.models import device


def arguments(parser):
    parser.add_argument("--vcf", required=True, help="variants, plain or gzipped")
    parser.add_argument("--genome", required=True, help="FASTA that the positions refer to")
    extractors.arguments(parser)
    parser.add_argument("--classes", help="vectors of the sequence classes, projvec_targets.npy")
    parser.add_argument("--class-names", help="names of the sequence classes, one a line")
    parser.add_argument("--histone", help="indices of histone targets (.npy); without it, group histone of --names")
    parser.add_argument("--strict", action="store_true", help="make a REF or place that the genome lacks an error")
    options.device(parser, threads=None)
    parser.add_argument("--output", required=True, help="folder")


def run(args):
    folder = Path(args.output)
    extractor = extractors.read(args)
    inputs = [args.vcf, args.genome, args.weights]
    inputs += [path for path in (args.names, args.classes, args.class_names, args.histone) if path]
    made_of = {"extractor": extractor, "strict": args.strict, "files": [shards.identity(path) for path in inputs]}
    finished = folder / "manifest.json"
    if manifests.agrees(finished, made_of):
        print(f"variants: {folder} is complete", file=sys.stderr)
        return
    # Without its manifest, an array of an earlier run does not look like that of this one.
    finished.unlink(missing_ok=True)
    if extractor.get("strands") == "separate":
        raise InputError("strands: found separate; a variant has one effect, expected both or forward")
    network = extractors.load(extractor, args.weights)
    length = extractor.get("length") or network.length
    if not length:
        raise InputError(f"length: {args.weights}: the network takes any length; expected --length, 4096 for Sei")
    if network.length and length != network.length:
        raise InputError(f"length: found {length}, the network expects {network.length}")
    names, groups = extractors.target_names(extractor, args.weights, network.n_outputs, args.names)
    classes = read_classes(args, np.array(groups))
    genome = Genome(args.genome)
    frame = variants.read(args.vcf, genome, length, args.strict)
    scored = frame[frame["status"] == variants.SCORED]
    with manifest(finished, extractor, inputs) as record:
        alleles = variants.Alleles(scored, genome, length)
        layout = variants.layout(network.n_outputs, classes)
        acquire = functools.partial(device.acquire, args.device, args.gpus, args.threads or torch.get_num_threads())
        with Rows(folder / "work", json.dumps(made_of), len(scored), layout) as rows, acquire() as where:
            how = extractor.get("strands", "both"), extractor.get("batch_size", "auto")
            variants.score(extractors.ready(network, extractor, where), alleles, rows, where, *how, classes)
            class_names = classes.names if classes else []
            write_table(folder / "variants.tsv", variants.table(frame, rows, names, class_names))
            arrays = ["ref", "alt", "diff"]
            if classes:
                scores = rows.read("class_scores")
                write_table(folder / "class_scores.tsv", variants.class_table(frame, scores, class_names))
                arrays.append("class_scores")
            write_table(folder / "targets.tsv", features.target_table(names, groups))
            rows.finish(folder, arrays)
        counts = frame["status"].value_counts(sort=False)
        record |= {"variants": {name: int(count) for name, count in counts.items()}, "targets": network.n_outputs}
        tables = ["variants.tsv", "targets.tsv", *(["class_scores.tsv"] if classes else [])]
        made = [*tables, *(f"{name}.npy" for name in arrays)]
        record |= {"device": where.type, **manifests.as_made(made_of, folder, made)}


def read_classes(args, groups):
    """The `variants.Classes` that the options name, or None.

    Raises
    ------
    InputError : whatever their files are refused for, or options that do not go together.
    """
    if not args.classes:
        return None
    if not args.class_names:
        raise InputError("classes: no class names; expected --class-names beside --classes")
    names = sequence_classes.read_names(args.class_names)
    vectors = sequence_classes.read_vectors(args.classes, len(names), len(groups))
    if args.histone:
        return variants.Classes(names, vectors, sequence_classes.read_histone_columns(args.histone, len(groups)))
    histone = np.flatnonzero(groups == "histone")
    if not len(histone):
        raise InputError("classes: no target of group histone; expected --histone, or --names that has such targets")
    return variants.Classes(names, vectors, histone)
