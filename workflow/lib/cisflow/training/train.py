"""Train a network on windows and labels: lightning's loop around a plain module, resumable to the bit on CPU."""

import json
import logging
import math
import signal
import sys
import warnings
from pathlib import Path

import lightning as L
import numpy as np
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.utilities.exceptions import SIGTERMException
from sklearn.metrics import roc_auc_score
from torch.nn import functional

from cisflow import models
from cisflow.errors import InputError
from cisflow.io import files
from cisflow.models.device import deterministic
from cisflow.sequence import dna

DEFAULTS = {
    "max_epochs": 30,
    "batch_size": 128,
    "accumulate": 1,
    "optimizer": "adamw",
    "learning_rate": 1e-3,
    "weight_decay": 0.01,
    "betas": [0.9, 0.999],
    "momentum": 0.95,
    "schedule": "constant",
    "warmup_epochs": 5,
    "patience": 5,
    "reverse_complement": "random",
    "reverse_complement_labels": [0, 1],
    "shift": 0,
    "precision": "32-true",
}
CHOICES = {
    "optimizer": ("adamw", "sgd"),
    "schedule": ("constant", "published", "modern"),
    "reverse_complement": ("random", "append", "none"),
}
# Where the published schedule starts and where it ends (Daoud & Ben-Hur 2025).
PUBLISHED_START, PUBLISHED_END = 1e-4, 1e-5


class Windows(torch.utils.data.Dataset):
    """Codes and labels as tensors, fetched a whole batch at a time."""

    def __init__(self, codes, labels):
        self.codes = torch.from_numpy(np.ascontiguousarray(codes))
        self.labels = torch.from_numpy(np.ascontiguousarray(labels))

    def __len__(self):
        return len(self.codes)

    def __getitems__(self, rows):
        return self.codes[rows], self.labels[rows]


class Shuffle(torch.utils.data.Sampler):
    """A permutation that depends on the seed and the epoch alone, so that a resumed run sees the same batches."""

    def __init__(self, n, seed):
        self.n = n
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __len__(self):
        return self.n

    def __iter__(self):
        return iter(np.random.default_rng([self.seed, self.epoch]).permutation(self.n).tolist())


class Classification(L.LightningModule):
    """Independent labels under binary cross-entropy; missing labels carry no loss.

    `history` gains a row an epoch and travels with the checkpoints.
    """

    def __init__(self, network, settings, seed):
        super().__init__()
        self.network = network
        self.settings = settings
        self.seed = seed
        self.history = []

    def configure_optimizers(self):
        trained = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        common = {"lr": self.settings["learning_rate"], "weight_decay": self.settings["weight_decay"]}
        if self.settings["optimizer"] == "sgd":
            return torch.optim.SGD(trained, momentum=self.settings["momentum"], **common)
        return torch.optim.AdamW(trained, betas=tuple(self.settings["betas"]), **common)

    def on_save_checkpoint(self, checkpoint):
        checkpoint["history"] = self.history

    def on_load_checkpoint(self, checkpoint):
        self.history = checkpoint["history"]

    def on_train_epoch_start(self):
        # Dropout and augmentation depend on the epoch, not on how the run got there.
        torch.manual_seed(self.seed * 100_003 + self.current_epoch)
        self._train = _Mean()

    def on_train_batch_start(self, _, number):
        # Set from the epoch and the batch alone, so that a resumed run has the rates of one that never stopped.
        moment = self.current_epoch + (number + 0.5) / self.trainer.num_training_batches
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = learning_rate(self.settings, moment)

    def training_step(self, batch, _):
        codes, labels = batch
        codes = shifted(codes, self.settings["shift"])
        if self.settings["reverse_complement"] == "random":
            flipped = torch.rand(len(codes), device=codes.device) < 0.5
            flipped &= labelled(labels, self.settings["reverse_complement_labels"])
            codes = torch.where(flipped[:, None], reverse_complement(codes), codes)
        loss, count = _loss(self.network(models.inputs(self.network, codes, self.device)), labels)
        self._train.add(loss, count)
        return loss

    def on_validation_epoch_start(self):
        self._valid = _Mean()
        self._logits, self._labels = [], []

    def validation_step(self, batch, _):
        codes, labels = batch
        logits = self.network(models.inputs(self.network, codes, self.device)).float()
        self._valid.add(*_loss(logits, labels))
        self._logits.append(logits.cpu())
        self._labels.append(labels.cpu())

    def on_validation_epoch_end(self):
        for fold, loss in (("training", self._train.value()), ("validation", self._valid.value())):
            if not np.isfinite(loss):
                raise InputError(
                    f"{fold} loss is {loss} in epoch {self.current_epoch + 1}: "
                    f"lower the learning rate ({self.settings['learning_rate']})"
                )
        # The validation loss is logged here, in float64, because early stopping and checkpoints watch it.
        auroc = mean_auroc(torch.cat(self._labels).numpy(), torch.cat(self._logits).numpy())
        self.log("valid_loss", self._valid.value(), prog_bar=True)
        self.log("valid_auroc", auroc, prog_bar=True)

    def on_train_epoch_end(self):
        metrics = self.trainer.callback_metrics
        self.history.append(
            {
                "epoch": self.current_epoch + 1,
                "learning_rate": self.trainer.optimizers[0].param_groups[0]["lr"],
                "train_loss": self._train.value(),
                "valid_loss": float(metrics["valid_loss"]),
                "valid_auroc": float(metrics["valid_auroc"]),
            }
        )


def learning_rate(training, moment):
    """The learning rate at a moment of training, counted in epochs from 0.

    `constant` is the same throughout. `published` rises linearly from 1e-4 over `warmup_epochs`, and falls in a half
    cosine to 1e-5 at `max_epochs`; it changes between epochs alone, so that the first one runs at 1e-4. `modern` rises
    from 0 and falls to 0 in the same way, and changes with every batch.
    """
    highest, warmup = training["learning_rate"], training["warmup_epochs"]
    if training["schedule"] == "constant":
        return highest
    start, end = 0.0, 0.0
    if training["schedule"] == "published":
        start, end, moment = PUBLISHED_START, PUBLISHED_END, math.floor(moment)
    if moment < warmup:
        return start + (highest - start) * moment / warmup
    phase = (moment - warmup) / (training["max_epochs"] - warmup)
    return end + (highest - end) * (1 + math.cos(math.pi * phase)) / 2


def labelled(labels, wanted):
    """Which rows of labels (n, t) have one of the `wanted` labels, 0 or 1, for any target: (n,) bool."""
    return torch.stack([labels == value for value in wanted]).any(0).any(1)


def reverse_complement(codes):
    """Reverse complement of each row of codes (n, length)."""
    return torch.as_tensor(dna.COMPLEMENT, device=codes.device)[codes.long()].flip(1)


def shifted(codes, most):
    """Each row of codes (n, length) moved by its own random -most … most positions; unknown bases fill the gap."""
    if most == 0:
        return codes
    n, length = codes.shape
    padded = functional.pad(codes, (most, most), value=dna.UNKNOWN)
    start = torch.randint(0, 2 * most + 1, (n, 1), device=codes.device)
    return padded.gather(1, start + torch.arange(length, device=codes.device))


class _Mean:
    """Running mean weighted by the number of labels, in float64."""

    def __init__(self):
        self.total, self.count = 0.0, 0.0

    def add(self, value, count):
        self.total = self.total + value.detach().double() * count
        self.count = self.count + count

    def value(self):
        return float(self.total / self.count)


def _loss(logits, labels):
    """Mean binary cross-entropy over the labels that are known, and their number."""
    known = ~torch.isnan(labels)
    losses = functional.binary_cross_entropy_with_logits(
        logits.float(), torch.where(known, labels, 0.0), reduction="none"
    )
    count = known.sum()
    return torch.where(known, losses, 0.0).sum() / count.clamp(min=1), count


def mean_auroc(labels, scores):
    """Mean AUROC over targets, (n, t) each; targets without both classes are left out; NaN where none is left."""
    values = []
    for target in range(labels.shape[1]):
        known = ~np.isnan(labels[:, target])
        truth = labels[known, target]
        if 0 < truth.sum() < len(truth):
            values.append(roc_auc_score(truth, scores[known, target]))
    return float(np.mean(values)) if values else float("nan")


class _Bar(TQDMProgressBar):
    """Lightning's progress bar without a second bar for each pass over the validation fold."""

    def init_validation_tqdm(self):
        bar = super().init_validation_tqdm()
        bar.disable = True
        return bar


def train(
    dataset, folds, architecture, settings, training, seed, device, work, inputs=(), pretrained=None, freeze=False
):
    """Train one network and return it with the weights of its best epoch.

    A checkpoint is kept in `work` after every epoch; called again with the same arguments after an interruption,
    training goes on from the last complete epoch and, on CPU, ends in the same bytes as an uninterrupted run.

    Parameters
    ----------
    dataset : datasets.Dataset.
    folds : (n,) "train", "valid" or "test".
    architecture, settings : for models.build; `n_outputs`, and `length` where the architecture has one fixed length,
        are taken from the dataset unless they are set.
    training : DEFAULTS, overridden.
    seed : seeds the initial weights, the batches, dropout and augmentation.
    device : torch.device.
    work : folder of the checkpoints; removed by the caller once the result is safe.
    inputs : digests of the input files; checkpoints made from others are not resumed.
    pretrained : checkpoint whose weights the network's pretrained part starts from; see models.take_weights.
    freeze : keep those weights as they are. Dropout between them stays, as in the published training.

    Returns
    -------
    (network in eval mode on the CPU, header for models.save, history: list of dicts, one an epoch)

    Raises
    ------
    InputError : unknown training key or choice, too few windows, weights that do not fit, or a loss that is not
        finite.
    SystemExit : status 143 after SIGTERM; the last complete epoch is in `work`.
    """
    training = complete_training(training)
    settings = complete_settings(architecture, settings, dataset)
    L.seed_everything(seed, verbose=False)
    network = models.build(architecture, **settings)
    if pretrained:
        taken = models.take_weights(network, pretrained)
        print(
            f"{pretrained}: {len(taken)} tensors taken, {len(network.state_dict()) - len(taken)} new", file=sys.stderr
        )
        for name in taken if freeze else ():
            network.get_parameter(name).requires_grad_(False)
    elif freeze:
        raise InputError("freeze: there are no pretrained weights to keep")
    loaders = [
        _loader(dataset, folds == "train", training, training["batch_size"], seed),
        _loader(dataset, folds == "valid", training, 4 * training["batch_size"], None),
    ]
    job = {"architecture": architecture, "settings": settings, "training": training, "seed": seed, "freeze": freeze}
    work = _resumable(work, job | {"inputs": list(inputs)})
    module = Classification(network, training, seed)
    stopping = EarlyStopping("valid_loss", patience=training["patience"], check_on_train_epoch_end=True)
    # The best epoch is saved first, so that the last checkpoint, which a resumed run starts from, knows of it.
    every_epoch = {"save_on_train_epoch_end": True, "enable_version_counter": False}
    keeping = [
        ModelCheckpoint(work, "best", monitor="valid_loss", **every_epoch),
        ModelCheckpoint(work, "last", **every_epoch),
    ]
    last = work / "last.ckpt"
    with warnings.catch_warnings():
        # One process reads tensors that are already in memory: workers would only cost time.
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        # The folder of the checkpoints holds the note that says whose they are.
        warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")
        if not _stopped(last, stopping):
            try:
                # Lightning asks torch for deterministic algorithms, and does not take that back.
                with deterministic(device.type == "cpu"):
                    trainer = _trainer(training, device, work, [stopping, *keeping, _Bar(refresh_rate=20)])
                    trainer.fit(module, *loaders, ckpt_path=last if last.exists() else None, weights_only=True)
            except SIGTERMException:
                # Lightning's own exit has status 0, as if all were done.
                print(f"stopped by SIGTERM: the same call goes on from the last epoch in {work}", file=sys.stderr)
                sys.exit(128 + signal.SIGTERM)
    best = torch.load(work / "best.ckpt", map_location="cpu", weights_only=True)
    module.load_state_dict(best["state_dict"])
    rows = torch.load(last, map_location="cpu", weights_only=True)["history"]
    history = [row | {"best": int(row["epoch"] == best["epoch"] + 1)} for row in rows]
    header = {"architecture": architecture, "settings": settings, "targets": dataset.targets}
    header["strands"] = "forward" if training["reverse_complement"] == "none" else "both"
    return network.cpu().eval(), header, history


def complete_training(training):
    """DEFAULTS, overridden.

    Raises
    ------
    InputError : unknown key or choice, or a warm-up that leaves nothing of the training.
    """
    if unknown := sorted(set(training) - set(DEFAULTS)):
        raise InputError(f"training settings: unknown key '{unknown[0]}'; expected {', '.join(DEFAULTS)}")
    training = DEFAULTS | training
    for key, choices in CHOICES.items():
        if training[key] not in choices:
            raise InputError(f"training settings: {key}: '{training[key]}'; expected one of {', '.join(choices)}")
    if training["schedule"] != "constant" and training["warmup_epochs"] >= training["max_epochs"]:
        raise InputError(
            f"training settings: warmup_epochs: {training['warmup_epochs']}; "
            f"expected less than max_epochs, {training['max_epochs']}"
        )
    return training


def complete_settings(architecture, settings, dataset):
    """The settings of a network with the number of outputs and the length that a dataset asks for."""
    completed = {"n_outputs": len(dataset.targets)} | settings
    with torch.device("meta"):
        fixed = models.build(architecture, **completed).length is not None
    return ({"length": dataset.codes.shape[1]} | completed) if fixed else completed


def _loader(dataset, rows, training, batch_size, seed):
    codes, labels = dataset.codes[rows], dataset.labels[rows]
    if training["reverse_complement"] == "append":
        twice = labelled(torch.from_numpy(labels), training["reverse_complement_labels"]).numpy()
        codes = np.concatenate([codes, dna.reverse_complement(codes[twice])])
        labels = np.concatenate([labels, labels[twice]])
    windows = Windows(codes, labels)
    if len(windows) == 0:
        raise InputError("a fold to train or validate on holds no windows")
    # Batch normalisation cannot work on a last batch of one.
    alone = seed is not None and len(windows) % batch_size == 1 and len(windows) > 1
    return torch.utils.data.DataLoader(
        windows,
        batch_size=batch_size,
        sampler=Shuffle(len(windows), seed) if seed is not None else None,
        collate_fn=lambda batch: batch,
        drop_last=alone,
        # A loader draws a seed for its workers; drawn from torch's own generator it would shift dropout.
        generator=torch.Generator(),
    )


def _resumable(work, job):
    """The folder of the checkpoints, emptied if they belong to a job with other settings."""
    work = Path(work)
    note = work / "job.json"
    if work.exists() and (not note.exists() or note.read_text() != json.dumps(job, sort_keys=True)):
        for path in work.iterdir():
            path.unlink()
    work.mkdir(parents=True, exist_ok=True)
    files.write_text(note, json.dumps(job, sort_keys=True))
    return work


def _stopped(last, stopping):
    """Whether the checkpoint is that of a run that early stopping had already ended."""
    if not last.exists():
        return False
    state = torch.load(last, map_location="cpu", weights_only=True)["callbacks"]
    return state[stopping.state_key]["stopped_epoch"] > 0


def _trainer(training, device, work, callbacks):
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    return L.Trainer(
        accelerator="cpu" if device.type == "cpu" else "gpu",
        devices=1 if device.type == "cpu" else [device.index or 0],
        precision=training["precision"],
        accumulate_grad_batches=training["accumulate"],
        max_epochs=training["max_epochs"],
        callbacks=callbacks,
        deterministic=device.type == "cpu",
        num_sanity_val_steps=0,
        logger=False,
        enable_model_summary=False,
        default_root_dir=work,
    )


def table(history):
    """The history as columns for history.tsv."""
    columns = ["epoch", "learning_rate", "train_loss", "valid_loss", "valid_auroc", "best"]
    return {name: [row[name] for row in history] for name in columns}
