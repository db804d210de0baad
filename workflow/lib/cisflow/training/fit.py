"""Train a network on windows and labels: lightning's loop around a plain module, resumable to the bit on CPU."""

import json
import logging
import signal
import sys
import warnings
from pathlib import Path

import lightning as L
import numpy as np
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.utilities.exceptions import SIGTERMException

from cisflow import tasks
from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.errors import InputError
from cisflow.io import files
from cisflow.models import checkpoints, registry
from cisflow.models.device import deterministic
from cisflow.training import batches
from cisflow.training.schedule import learning_rate


class Training(settings.Settings):
    """How a network is trained."""

    max_epochs: int = setting(30, minimum=1, meaning="Epochs at most.")
    batch_size: int = setting(128, minimum=2, meaning="Windows in a batch.")
    accumulate: int = setting(1, minimum=1, meaning="Batches whose gradients make one step.")
    optimizer: str = setting("adamw", choices=["adamw", "sgd"], meaning="How weights follow gradients.")
    learning_rate: float = setting(0.001, above=0, meaning="The highest of the schedule.")
    weight_decay: float = setting(0.01, minimum=0, meaning="Of the optimizer.")
    betas: list[float] = setting(
        [0.9, 0.999], min_items=2, max_items=2, items={"above": 0, "below": 1}, meaning="Of AdamW."
    )
    momentum: float = setting(0.95, minimum=0, below=1, meaning="Of SGD.")
    schedule: str = setting(
        "constant",
        choices=["constant", "published", "warmup_cosine"],
        meaning="Course of the learning rate: published rises from 1e-4 and falls in a cosine to 1e-5, epoch by epoch; "
        "warmup_cosine rises from 0 and falls to 0, batch by batch.",
    )
    warmup_epochs: int = setting(5, minimum=0, meaning="Epochs of the rise; fewer than `max_epochs`.")
    patience: int = setting(5, minimum=1, meaning="Epochs without a lower validation loss before training stops.")
    reverse_complement: str = setting(
        "random",
        choices=["random", "append", "none"],
        meaning="Show each window on a random strand, or append the other strand of windows to the training and "
        "validation folds as further rows, as published. With `none` it sees the forward strand alone, whose "
        "probability then counts and is explained.",
    )
    reverse_complement_labels: list[int] = setting(
        [0, 1],
        unique=True,
        items={"choices": [0, 1]},
        meaning="Labels whose windows are shown on the other strand.",
    )
    shift: int = setting(0, minimum=0, meaning="Move each window by up to so many bases at random.")
    precision: str = setting(
        "32-true", choices=["32-true", "bf16-mixed", "16-mixed"], meaning="Arithmetic of training."
    )

    @classmethod
    def complete(cls, given, where="training settings"):
        """As `Settings.complete`; a warm-up that leaves nothing of the training is refused too."""
        training = super().complete(given, where)
        if training.schedule != "constant" and training.warmup_epochs >= training.max_epochs:
            raise InputError(
                f"{where}: warmup_epochs: {training.warmup_epochs}; "
                f"expected less than max_epochs, {training.max_epochs}"
            )
        return training

    def other_strand_of(self, task):
        """The labels whose windows are shown on the other strand; None where a task has no classes to choose from.

        Raises
        ------
        InputError : a choice of labels for such a task.
        """
        if task.classes:
            return self.reverse_complement_labels
        if sorted(self.reverse_complement_labels) != [0, 1]:
            raise InputError(
                f"training settings: reverse_complement_labels: {self.reverse_complement_labels}; "
                f"expected none under task {task.name}, whose labels are no classes"
            )
        return None


class Learner(L.LightningModule):
    """A network under the loss of its task; missing labels carry none.

    `history` gains a row an epoch and travels with the checkpoints.
    """

    def __init__(self, network, task, training, seed):
        super().__init__()
        self.network = network
        self.task = task
        self.training_settings = training
        self.other_strand = training.other_strand_of(task)
        self.seed = seed
        self.history = []

    def configure_optimizers(self):
        how = self.training_settings
        trained = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        common = {"lr": how.learning_rate, "weight_decay": how.weight_decay}
        if how.optimizer == "sgd":
            return torch.optim.SGD(trained, momentum=how.momentum, **common)
        return torch.optim.AdamW(trained, betas=tuple(how.betas), **common)

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
            group["lr"] = learning_rate(self.training_settings, moment)

    def forward(self, codes):
        """Raw outputs (n, t) of base codes (n, length)."""
        return self.network(*self.network.inputs(codes, self.device))

    def training_step(self, batch, _):
        codes, labels = batch
        codes = batches.shifted(codes, self.training_settings.shift)
        if self.training_settings.reverse_complement == "random":
            codes = batches.on_random_strand(codes, labels, self.other_strand)
        loss, count = self.task.loss(self(codes), labels)
        self._train.add(loss, count)
        return loss

    def on_validation_epoch_start(self):
        self._valid = _Mean()
        self._outputs, self._labels = [], []

    def validation_step(self, batch, _):
        codes, labels = batch
        outputs = self(codes).float()
        self._valid.add(*self.task.loss(outputs, labels))
        self._outputs.append(outputs.cpu())
        self._labels.append(labels.cpu())

    def on_validation_epoch_end(self):
        for fold, loss in (("training", self._train.value()), ("validation", self._valid.value())):
            if not np.isfinite(loss):
                raise InputError(
                    f"{fold} loss is {loss} in epoch {self.current_epoch + 1}: "
                    f"lower the learning rate ({self.training_settings.learning_rate})"
                )
        # The validation loss is logged here, in float64, because early stopping and checkpoints watch it.
        score = self.task.mean_score(torch.cat(self._labels).numpy(), torch.cat(self._outputs).numpy())
        self.log("valid_loss", self._valid.value(), prog_bar=True)
        self.log(f"valid_{self.task.score}", score, prog_bar=True)

    def on_train_epoch_end(self):
        metrics = self.trainer.callback_metrics
        score = f"valid_{self.task.score}"
        self.history.append(
            {
                "epoch": self.current_epoch + 1,
                "learning_rate": self.trainer.optimizers[0].param_groups[0]["lr"],
                "train_loss": self._train.value(),
                "valid_loss": float(metrics["valid_loss"]),
                score: float(metrics[score]),
            }
        )


class _Mean:
    """Running mean weighted by the number of labels, in float64."""

    def __init__(self):
        self.total, self.count = 0.0, 0.0

    def add(self, value, count):
        self.total = self.total + value.detach().double() * count
        self.count = self.count + count

    def value(self):
        return float(self.total / self.count)


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

    Returns
    -------
    (Architecture in eval mode on the CPU, header for checkpoints.save, history: list of dicts, one an epoch)

    Raises
    ------
    InputError : a training setting that there is not, an architecture that gives probabilities, too few windows,
        weights that do not fit, or a loss that is not finite.
    SystemExit : status 143 after SIGTERM; the last complete epoch is in `work`.
    """
    training = Training.complete(training)
    settings = complete_settings(architecture, settings, dataset)
    L.seed_everything(seed, verbose=False)
    network = registry.build(architecture, **settings)
    if pretrained:
        taken = checkpoints.take_weights(network, pretrained)
        print(
            f"{pretrained}: {len(taken)} tensors taken, {len(network.state_dict()) - len(taken)} new", file=sys.stderr
        )
        for name in taken if freeze else ():
            network.get_parameter(name).requires_grad_(False)
    elif freeze:
        raise InputError("freeze: there are no pretrained weights to keep")
    module = Learner(network, dataset.task, training, seed)
    loaders = [
        _loader(dataset, folds == "train", training, training.batch_size, seed),
        _loader(dataset, folds == "valid", training, 4 * training.batch_size, None),
    ]
    job = {"architecture": architecture, "settings": settings, "training": training.as_dict(), "seed": seed}
    work = _resumable(work, job | {"freeze": freeze, "task": dataset.task.name, "inputs": list(inputs)})
    stopping = EarlyStopping("valid_loss", patience=training.patience, check_on_train_epoch_end=True)
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
    header["strands"] = "forward" if training.reverse_complement == "none" else "both"
    if dataset.task.name != tasks.DEFAULT:
        header["task"] = dataset.task.name
    return network.cpu().eval(), header, history


def complete_settings(architecture, settings, dataset):
    """The settings of a network with the number of outputs and the length that a dataset asks for.

    Raises
    ------
    InputError : an architecture or setting that there is not, or a network whose outputs are probabilities, which no
        loss takes.
    """
    completed = {"n_outputs": len(dataset.targets)} | settings
    with torch.device("meta"):
        layout = registry.build(architecture, **completed)
    if layout.output != "logit":
        raise InputError(f"architecture {architecture} gives probabilities; training expects one with raw outputs")
    return {"length": dataset.codes.shape[1]} | completed if layout.length is not None else completed


def _loader(dataset, rows, training, batch_size, seed):
    codes, labels = dataset.codes[rows], dataset.labels[rows]
    if training.reverse_complement == "append":
        codes, labels = batches.with_other_strand(codes, labels, training.other_strand_of(dataset.task))
    return batches.loader(codes, labels, batch_size, seed)


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
        precision=training.precision,
        accumulate_grad_batches=training.accumulate,
        max_epochs=training.max_epochs,
        callbacks=callbacks,
        deterministic=device.type == "cpu",
        num_sanity_val_steps=0,
        logger=False,
        enable_model_summary=False,
        default_root_dir=work,
    )
