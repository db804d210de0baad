"""Train a network on the sequences of a dataset."""

from pathlib import Path

import pandas as pd

from cisflow.commands import options
from cisflow.data import dataset as datasets
from cisflow.data import track_features
from cisflow.io import files, work
from cisflow.io.manifests import manifest
from cisflow.io.meme import read_meme
from cisflow.io.tables import write_table
from cisflow.models import checkpoints, device
from cisflow.training import fit
from cisflow.training.recipe import Training


def arguments(parser):
    parser.add_argument("--dataset", required=True, help="folder that `cisflow windows` wrote")
    parser.add_argument("--split", required=True, help="table of id and fold")
    options.mapping(parser, "--model", "architecture, settings, training, freeze, finetune", required=True)
    parser.add_argument("--pretrained", help="checkpoint that the network's pretrained part starts from")
    parser.add_argument("--motifs", help="MEME file of motifs that first kernels start from")
    parser.add_argument("--track-features", help="table of a vector for each track, for heads that read one")
    options.mapping(parser, "--held-tracks", "names of tracks that are held out: valid, test", default={})
    parser.add_argument("--tokenizer", help="tokenizer.json, for a network that reads tokens")
    options.seed(parser)
    options.device(parser)
    parser.add_argument("--work", required=True, help="folder for checkpoints; removed on success")
    parser.add_argument("--output", required=True, help="weights, .safetensors")
    parser.add_argument("--history", required=True, help="table of losses, one row an epoch")
    parser.add_argument("--manifest", required=True)


def run(args):
    # Mapped: training holds a batch of it at a time.
    dataset = datasets.read(args.dataset, mmap=True)
    folds = datasets.read_folds(args.split, dataset.ids)
    inputs = [Path(args.dataset, name) for name in ("windows.tsv", "sequences.npy", "targets.npy")] + [args.split]
    inputs += [path for name in datasets.OPTIONAL if (path := Path(args.dataset, name)).exists()]
    inputs += [path for path in (args.pretrained, args.tokenizer, args.motifs, args.track_features) if path]
    settings = dict(args.model.get("settings", {}))
    if args.tokenizer:
        # The text itself, so that the trained network can be read without the file.
        settings["tokenizer"] = files.read_text(args.tokenizer)
    job = {"architecture": args.model["architecture"], "settings": settings, "training": args.model.get("training", {})}
    job |= {"pretrained": args.pretrained, "freeze": args.model.get("freeze", False)}
    job |= {"chosen": args.model.get("finetune")}
    job |= {"motifs": [motif.matrix for motif in read_meme(args.motifs)] if args.motifs else ()}
    if args.track_features:
        job["features"] = track_features.read(args.track_features, dataset.targets)
    if args.held_tracks:
        job["held"] = args.held_tracks
    # Checkpoints of other data or another recipe must not be resumed.
    job_inputs = [files.digest(path) for path in inputs]
    wanted = Training.complete(job["training"]).devices
    with work.held(args.work) as folder:
        with (
            manifest(args.manifest, args.model, inputs, args.seed) as record,
            device.acquire_several(wanted, args.device, args.gpus, args.threads) as (first, *others),
        ):
            where = {"device": first, "others": others, "work": folder}
            network, header, history = fit.train(dataset, folds, **job, seed=args.seed, inputs=job_inputs, **where)
            checkpoints.save(args.output, network, header)
            write_table(args.history, pd.DataFrame(history))
            weights = list(network.parameters())
            record |= {
                "device": ", ".join(map(str, [first, *others])),
                "epochs": len(history),
                "parameters": sum(parameter.numel() for parameter in weights),
                "frozen": sum(parameter.numel() for parameter in weights if not parameter.requires_grad),
            }
        work.remove(folder)
