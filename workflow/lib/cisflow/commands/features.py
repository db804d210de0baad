"""Targets of a multi-output network for one shard of a dataset's windows."""

import json
import sys

import numpy as np

from cisflow import device, extraction, features, files, inference, models


def arguments(parser):
    parser.add_argument("--windows", required=True, help="windows.tsv")
    parser.add_argument("--sequences", required=True, help="sequences.npy")
    parser.add_argument(
        "--extractor", required=True, type=json.loads, help="JSON: architecture, settings, context, length, strands, …"
    )
    parser.add_argument("--weights", required=True, help="checkpoint, .safetensors or PyTorch")
    parser.add_argument("--genome", help="FASTA, for context: genome")
    parser.add_argument("--shard", required=True, type=int, help="number of this shard, from 1")
    parser.add_argument("--shards", required=True, type=int, help="number of all shards")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--gpus", default=1, type=int, help="GPUs that the workflow granted")
    parser.add_argument("--threads", default=1, type=int)
    parser.add_argument("--output", required=True, help=".npz with ids and features")


def run(args):
    windows = files.read_table(args.windows, ["id", "chrom", "start", "end", "strand"], text=("id", "chrom", "strand"))
    codes = files.read_array(args.sequences, np.uint8, (len(windows), None), mmap=True)
    rows = features.shard_rows(len(windows), args.shard, args.shards)
    extractor = args.extractor
    if extractor.get("architecture"):
        model = models.load_pretrained(extractor["architecture"], extractor.get("settings", {}), args.weights)
    else:
        model, _ = models.load(args.weights)
    context = extractor.get("context", "none")
    length = extractor.get("length") or model.length or codes.shape[1]
    sequences = extraction.with_context(windows.iloc[rows], np.array(codes[rows]), length, context, args.genome)
    with device.acquire(args.device, args.gpus, args.threads) as where:
        model, precision = inference.prepare(model, extractor.get("precision", "float32"), where)
        print(f"precision: {precision}", file=sys.stderr)
        values = extraction.extract(
            model, sequences, where, extractor.get("strands", "both"), extractor.get("batch_size", "auto")
        )
    files.write_arrays(args.output, ids=windows["id"].to_numpy(dtype=str)[rows], features=values)
