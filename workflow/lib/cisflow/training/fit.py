"""Train a network on windows and labels: lightning's loop around a plain module, resumable to the bit on CPU."""

import contextlib
import inspect
import logging
import os
import sys
import warnings
from pathlib import Path

import lightning as L
import numpy as np
import torch

from cisflow import tasks
from cisflow.data import track_features
from cisflow.errors import InputError
from cisflow.models import checkpoints, finetune, kernels, registry
from cisflow.models.blocks import vectors
from cisflow.models.device import deterministic
from cisflow.training import batches, processes, resuming, sharing
from cisflow.training.learner import WATCHED, Bar, Learner, Stopping
from cisflow.training.recipe import Training


def train(
    dataset,
    folds,
    architecture,
    settings,
    training,
    seed,
    device,
    work,
    inputs=(),
    pretrained=None,
    freeze=False,
    chosen=None,
    motifs=(),
    others=(),
    features=None,
    held=None,
):
    """Train one network and return it with the weights of its best epoch.

    A checkpoint is kept in `work` after every epoch; called again with the same arguments after an interruption,
    training goes on from the last complete epoch and, on CPU, ends in the same bytes as an uninterrupted run. Where
    `work` holds anything else, it is emptied, which a line says.

    Parameters
    ----------
    dataset : data.dataset.Dataset.
    folds : (n,) "train", "valid" or "test".
    architecture, settings : for registry.build; `n_outputs`, and `length` where the architecture has one fixed length,
        are taken from the dataset unless they are set.
    training : {name: value} of Training.
    seed : seeds the initial weights, the batches, dropout and augmentation.
    device : torch.device.
    work : folder of the checkpoints; removed by the caller once the result is safe.
    inputs : digests of the input files; checkpoints made from others are not resumed.
    pretrained : checkpoint whose weights the network's pretrained part starts from; see checkpoints.take_weights.
    freeze : keep those weights as they are. Dropout between them stays, as in the published training.
    chosen : {name: value} of finetune.Settings, which say what of `pretrained` is taken and kept; None for what the
        architecture names.
    motifs : matrices (4, w) that first kernels start from, see `kernels.initialise`.
    others : more torch devices, each of a process of its own that works on the same batches as this one, and ends with
        it. Up to the order in which numbers are added, and to what dropout draws, the weights are those of one device.
    features : track_features.TrackFeatures of the targets, for a network whose heads read vectors of tracks.
    held : {fold: names} of tracks held out, whose labels training does not see, see `track_features.masked`.

    Returns
    -------
    (Architecture in eval mode on the CPU, header for checkpoints.save, history: list of dicts, one an epoch)

    Raises
    ------
    InputError : a training setting that there is not, an architecture that gives probabilities, too few windows,
        weights that do not fit, or a loss that is not finite.
    """
    training = Training.complete(training)
    _refuse_unfit(dataset, training)
    seen = np.ones(len(dataset.targets), dtype=bool)
    if held:
        dataset, seen = track_features.masked(dataset, folds, held, "tracks held out")
    settings = complete_settings(architecture, settings, dataset, features)
    if held and settings.get("vectors") is None:
        raise InputError(
            f"architecture {architecture} predicts no track that it has not seen; expected its setting vectors, as "
            f"{np.sum(~seen)} tracks are held out"
        )
    work, devices = Path(work), [device, *others]
    start = (pretrained, freeze, chosen, motifs)
    given = (work, devices, dataset, folds, architecture, settings, training, seed, start, features, seen)
    module, stopping, loaders = _made(*given)
    module.objective.check(dataset, folds)
    job = {"architecture": architecture, "settings": settings, "training": training.as_dict(), "seed": seed}
    job |= {"held": held} if held else {}
    job |= {"freeze": freeze, "finetune": chosen, "task": dataset.task.name, "inputs": list(inputs)}
    resuming.prepare(work, job, module, stopping.state_key)
    last = work / "last.ckpt"
    if not _stopped(last, stopping):
        with processes.started(devices, _follow, given) as share:
            _run(module, stopping, loaders, work, devices, share)
    network = module.network
    best = torch.load(work / "best.ckpt", map_location="cpu", weights_only=True)
    module.load_state_dict(best["state_dict"])
    rows = torch.load(last, map_location="cpu", weights_only=True)["history"]
    history = [row | {"best": int(row["epoch"] == best["epoch"] + 1)} for row in rows]
    header = {"architecture": architecture, "settings": settings, "targets": dataset.targets}
    header["strands"] = "forward" if training.reverse_complement == "none" else "both"
    if dataset.task.name != tasks.DEFAULT:
        header["task"] = dataset.task.name
        if set(links := module.objective.links()) != {"identity"}:
            header["links"] = links
    if dataset.opposite is not None:
        header["opposite"] = dataset.opposite
    return network.cpu().eval(), header, history


def _made(work, devices, dataset, folds, architecture, settings, training, seed, start, features, seen):
    """(Learner, Stopping, [loaders of the training and the validation fold]) of a training, alike in all processes."""
    L.seed_everything(seed, verbose=False)
    network = registry.build(architecture, **settings)
    _start(network, *start)
    if settings.get("vectors") is not None:
        vectors.fill(network, features.values, seen)
    module = Learner(network, dataset, training, seed, work / "best.ckpt")
    if module.objective.profile and not hasattr(network, "profile"):
        raise InputError(f"architecture {architecture} gives no profiles, which the loss expects")
    by_loss = training.watch == "loss" and module.objective.all_watched
    loaders = [
        _loader(dataset, folds == "train", training, training.batch_size, seed, len(devices)),
        _loader(dataset, folds == "valid", training, 4 * training.batch_size, None),
    ]
    return module, Stopping("valid_loss" if by_loss else WATCHED, training), loaders


def _follow(share, work, devices, *given):
    """The part of a process but the first: the same training, told by the first alone."""
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
        made = _made(work, devices, *given)
    _run(*made, work, devices, share)


def _run(module, stopping, loaders, work, devices, share):
    """Train until it stops, from the last checkpoint in `work` on, where there is one."""
    # The best epoch is saved first, so that the last checkpoint, which a resumed run starts from, knows of it.
    every_epoch = {"save_on_train_epoch_end": True, "enable_version_counter": False}
    keeping = [
        resuming.Kept(work, "best", monitor=stopping.monitor, **every_epoch),
        resuming.Kept(work, "last", **every_epoch),
    ]
    last, device = work / "last.ckpt", devices[share.place]
    callbacks = [stopping, *keeping] + ([Bar(refresh_rate=20)] if share.place == 0 else [])
    module.share = share
    with warnings.catch_warnings():
        # One process reads tensors that are already in memory: workers would only cost time.
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        # The folder of the checkpoints holds the note that says whose they are.
        warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")
        if not share.alone:
            processes.silence()
        # Lightning asks torch for deterministic algorithms, and does not take that back.
        with deterministic(device.type == "cpu"), sharing.moments_of_all(module.network, share):
            idle = not share.alone and sharing.has_idle_weights(module, loaders[0].dataset.__getitems__([0]).codes)
            trainer = _trainer(module.training_settings, devices, share, work, callbacks, idle)
            trainer.fit(module, *loaders, ckpt_path=last if last.exists() else None, weights_only=True)


def _start(network, pretrained, freeze, chosen, motifs):
    """Put weights of a checkpoint and motifs in the place of those that were drawn; freeze what is to stay."""
    if motifs:
        count = kernels.initialise(network, motifs)
        print(f"first kernels: {count} start from motifs", file=sys.stderr)
    if not pretrained:
        if freeze or chosen is not None:
            key = "freeze" if freeze else "finetune"
            raise InputError(f"{key}: there are no pretrained weights to keep")
        return
    if chosen is None:
        taken = checkpoints.take_weights(network, pretrained)
        frozen = taken if freeze else []
        for name in frozen:
            network.get_parameter(name).requires_grad_(False)
    else:
        wanted = finetune.Settings.complete(chosen, "finetune")
        taken = finetune.take(network, pretrained, wanted)
        patterns = taken if freeze else wanted.freeze
        frozen = finetune.freeze(network, patterns) if patterns else []
    text = f"{pretrained}: {len(taken)} tensors taken, {len(network.state_dict()) - len(taken)} new"
    print(text + (f", {len(frozen)} kept as they are" if frozen else ""), file=sys.stderr)


def _refuse_unfit(dataset, training):
    """InputError for what training cannot do to samples of several sequences, or with profiles."""
    if len(dataset.inputs) > 1 and training.reverse_complement != "none":
        raise InputError(
            f"training settings: reverse_complement: '{training.reverse_complement}'; expected 'none' for samples of "
            f"{len(dataset.inputs)} sequences, whose strands do not turn together"
        )
    if dataset.profiles is not None and training.shift:
        raise InputError(
            f"training settings: shift: {training.shift}; expected 0 for profiles, whose bins stay where they are"
        )


def complete_settings(architecture, settings, dataset, features=None):
    """The settings of a network with what a dataset says of it, where its constructor takes it.

    That are the number of outputs and the length, and as far as they are there modalities {name: number of targets},
    segments (lengths of the inputs that lie side by side) and bins (of profiles), and of a network whose heads read
    vectors of tracks the names of their `features` (track_features.TrackFeatures).

    Raises
    ------
    InputError : an architecture or setting that there is not, one that does not tell several inputs apart, or one
        whose outputs are probabilities, which no loss takes.
    """
    offered = {"modalities": dataset.modalities} if dataset.tracks is not None else {}
    if dataset.inputs:
        offered["segments"] = [int(end - start) for _, start, end in dataset.inputs]
    if dataset.profiles is not None:
        # Bins divide the length, so that none is built without it.
        offered |= {"bins": dataset.profiles.shape[2], "length": dataset.codes.shape[1]}
    taken = inspect.signature(registry.get(architecture)).parameters
    if len(dataset.inputs) > 1 and "segments" not in taken:
        raise InputError(f"architecture {architecture} reads one sequence a sample; found {len(dataset.inputs)}")
    # What a network is checked for, bins that fit or pools that leave something, depends on the length.
    completed = {"length": dataset.codes.shape[1]} if "length" in taken else {}
    completed |= {"n_outputs": len(dataset.targets)}
    completed |= {name: value for name, value in offered.items() if name in taken} | settings
    if settings.get("vectors") is not None:
        completed["track_features"] = None if features is None else features.features
    with torch.device("meta"):
        layout = registry.build(architecture, **completed)
    if layout.output != "logit":
        raise InputError(f"architecture {architecture} gives probabilities; training expects one with raw outputs")
    return completed


def _loader(dataset, chosen, training, batch_size, seed, processes=1):
    rows, turned = np.flatnonzero(chosen), ()
    if training.reverse_complement == "append":
        turned = batches.turned(dataset.labels, rows, training.other_strand_of(dataset.task))
    arrays = batches.Batch(dataset.codes, dataset.labels, dataset.weights, dataset.profiles)
    return batches.loader(batches.Windows(arrays, rows, turned, dataset.opposite), batch_size, seed, processes)


def _stopped(last, stopping):
    """Whether the checkpoint is that of a run that early stopping had already ended."""
    if not last.exists():
        return False
    state = torch.load(last, map_location="cpu", weights_only=True)["callbacks"]
    return state[stopping.state_key]["stopped_epoch"] > 0


def _trainer(training, devices, share, work, callbacks, idle):
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    device = devices[share.place]
    plugins = [resuming.Checkpoints()]
    options = {"devices": 1 if device.type == "cpu" else [device.index or 0]}
    if not share.alone:
        options = processes.trainer_options(devices, idle)
        plugins.append(processes.Machine(share))
        callbacks = [*callbacks, processes.Terminated()]
    return L.Trainer(
        accelerator="cpu" if device.type == "cpu" else "gpu",
        precision=training.precision,
        accumulate_grad_batches=training.accumulate,
        max_epochs=training.most_epochs,
        gradient_clip_val=training.gradient_clip,
        callbacks=callbacks,
        deterministic=device.type == "cpu",
        plugins=plugins,
        num_sanity_val_steps=0,
        logger=False,
        enable_model_summary=False,
        enable_progress_bar=share.place == 0,
        default_root_dir=work,
        **options,
    )
