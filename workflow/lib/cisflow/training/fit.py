"""Train a network on windows and labels: lightning's loop around a plain module, resumable to the bit on CPU."""

import inspect
import logging
import sys
import warnings
from pathlib import Path

import lightning as L
import numpy as np
import torch
from lightning.pytorch.callbacks import EarlyStopping, TQDMProgressBar

from cisflow import tasks
from cisflow.errors import InputError
from cisflow.models import checkpoints, finetune, kernels, registry
from cisflow.models.device import deterministic
from cisflow.training import batches, resuming
from cisflow.training.objective import Means, Objective
from cisflow.training.recipe import Training
from cisflow.training.schedule import learning_rate

# What an epoch is better by, the lower the better, where that is not the loss of all modalities.
WATCHED = "watched"


class Learner(L.LightningModule):
    """A network under the loss of its dataset; missing labels carry none.

    `history` gains a row an epoch; it travels with the checkpoints, as does what is known of the round of annealing:
    its number, 0 before the first, and the epoch that it started in.

    Parameters
    ----------
    network : Architecture. dataset : whose task, modalities and inputs count. best : file of the best checkpoint.
    """

    def __init__(self, network, dataset, training, seed, best=None):
        super().__init__()
        self.network = network
        self.task = dataset.task
        self.training_settings = training
        self.objective = Objective(dataset.modalities, training, self.task.loss)
        self.other_strand = training.other_strand_of(self.task)
        self.segments = [end - start for _, start, end in dataset.inputs]
        self.seed = seed
        self.best = best
        self.history = []
        self.round, self.round_start = 0, 0

    def configure_optimizers(self):
        how = self.training_settings
        groups = [{"params": [parameter for parameter in self.network.parameters() if parameter.requires_grad]}]
        if of_losses := list(self.objective.parameters()):
            # Decay would draw a variance towards 1.
            groups.append({"params": of_losses, "weight_decay": 0.0})
        common = {"lr": how.learning_rate, "weight_decay": how.weight_decay}
        if how.optimizer == "sgd":
            return torch.optim.SGD(groups, momentum=how.momentum, **common)
        return torch.optim.AdamW(groups, betas=tuple(how.betas), **common)

    def on_save_checkpoint(self, checkpoint):
        checkpoint["history"] = self.history
        checkpoint["round"] = [self.round, self.round_start]

    def on_load_checkpoint(self, checkpoint):
        self.history = checkpoint["history"]
        self.round, self.round_start = checkpoint["round"]

    def on_train_epoch_start(self):
        # Dropout and augmentation depend on the epoch, not on how the run got there.
        torch.manual_seed(self.seed * 100_003 + self.current_epoch)
        if self.round and self.current_epoch == self.round_start:
            best = torch.load(self.best, map_location=self.device, weights_only=True)
            self.load_state_dict(best["state_dict"])
            self.trainer.optimizers[0].load_state_dict(best["optimizer_states"][0])
        self._train = Means()

    def on_train_batch_start(self, _, number):
        # Set from the epoch and the batch alone, so that a resumed run has the rates of one that never stopped.
        how = self.training_settings
        if self.round:
            rate = how.learning_rate * how.anneal.factor**self.round
        else:
            rate = learning_rate(how, self.current_epoch + (number + 0.5) / self.trainer.num_training_batches)
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = rate

    def transfer_batch_to_device(self, batch, device, _):
        # Lightning's own search for tensors takes longer than a small batch.
        return batches.Batch(*(None if values is None else values.to(device, non_blocking=True) for values in batch))

    def forward(self, codes):
        """Raw outputs (n, t) of base codes (n, length), and logits (n, t, bins) where the loss reads profiles."""
        inputs = self.network.inputs(codes, self.device)
        return self.network.profile(*inputs) if self.objective.profile else (self.network(*inputs), None)

    def training_step(self, batch, _):
        batch = batch._replace(codes=batches.shifted(batch.codes, self.training_settings.shift, self.segments))
        if self.training_settings.reverse_complement == "random":
            batch = batches.on_random_strand(batch, self.other_strand)
        outputs, shapes = self(batch.codes)
        parts = self.objective.parts(outputs, batch, shapes)
        self._train.add(parts)
        return self.objective.loss(parts)

    def on_validation_epoch_start(self):
        self._valid = Means()
        self._seen = []

    def validation_step(self, batch, _):
        outputs, shapes = self(batch.codes)
        outputs = outputs.float()
        self._valid.add(self.objective.parts(outputs, batch, shapes))
        # Totals alone are kept of a fold: profiles are larger by their bins.
        kept = batches.Batch(outputs, batch.labels, batch.weights)
        self._seen.append([None if values is None else values.cpu() for values in kept[:3]])

    def on_validation_epoch_end(self):
        outputs, labels, weights = (
            None if part[0] is None else torch.cat(part) for part in zip(*self._seen, strict=True)
        )
        self._seen = []
        valid = self._valid.values() | self.objective.of_whole_fold(outputs, labels, weights)
        train = self._train.values()
        for fold, loss in (("training", self.objective.sum(train)), ("validation", self.objective.sum(valid))):
            if not np.isfinite(loss):
                raise InputError(
                    f"{fold} loss is {loss} in epoch {self.current_epoch + 1}: "
                    f"lower the learning rate ({self.training_settings.learning_rate})"
                )
        # The validation loss is logged here, in float64, because early stopping and checkpoints watch it.
        labels, predictions = labels.numpy(), self.objective.predictions(outputs).numpy()
        self.log("valid_loss", self.objective.sum(valid), prog_bar=True)
        self.log(f"valid_{self.task.score}", self.task.mean_score(labels, predictions), prog_bar=True)
        if self.training_settings.watch == "last":
            self.log(WATCHED, -float(self.current_epoch))
        elif self.training_settings.watch == "score":
            columns = self.objective.watched_columns()
            score = self.task.mean_score(labels[:, columns], predictions[:, columns])
            # Without a target of which it is defined, no epoch is better than another.
            self.log(WATCHED, 0.0 if np.isnan(score) else -score)
        elif not self.objective.all_watched:
            self.log(WATCHED, self.objective.sum(valid, watched=True))
        self._of_modalities = {}
        if len(valid) > 1:
            for modality in self.objective.modalities:
                score = self.task.mean_score(labels[:, modality.columns], predictions[:, modality.columns])
                self._of_modalities |= {
                    f"train_loss_{modality.name}": train[modality.name],
                    f"valid_loss_{modality.name}": valid[modality.name],
                    f"valid_{self.task.score}_{modality.name}": score,
                }

    def on_train_epoch_end(self):
        metrics = self.trainer.callback_metrics
        score = f"valid_{self.task.score}"
        self.history.append(
            {
                "epoch": self.current_epoch + 1,
                "learning_rate": self.trainer.optimizers[0].param_groups[0]["lr"],
                "train_loss": self.objective.sum(self._train.values()),
                "valid_loss": float(metrics["valid_loss"]),
                score: float(metrics[score]),
                **self._of_modalities,
            }
        )


class Stopping(EarlyStopping):
    """Early stopping, and after it the rounds of annealing, which start from the best weights."""

    def __init__(self, monitor, training):
        super().__init__(monitor, patience=training.patience, check_on_train_epoch_end=True)
        self.training = training

    def on_train_epoch_end(self, trainer, module):
        done, anneal = trainer.current_epoch + 1, self.training.anneal
        if module.round:
            over = done == module.round_start + anneal.patience
        else:
            super().on_train_epoch_end(trainer, module)
            over = trainer.should_stop or done == self.training.max_epochs
        if over and anneal is not None:
            # The best weights are read when the next epoch starts, in this process or in one that resumes.
            trainer.should_stop = module.round == anneal.rounds
            self.stopped_epoch = trainer.current_epoch if trainer.should_stop else 0
            module.round, module.round_start = module.round + 1, done


class _Bar(TQDMProgressBar):
    """Lightning's progress bar without a second bar for each pass over the validation fold."""

    def init_validation_tqdm(self):
        bar = super().init_validation_tqdm()
        bar.disable = True
        return bar


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
    settings = complete_settings(architecture, settings, dataset)
    L.seed_everything(seed, verbose=False)
    network = registry.build(architecture, **settings)
    _start(network, pretrained, freeze, chosen, motifs)
    work = Path(work)
    module = Learner(network, dataset, training, seed, work / "best.ckpt")
    if module.objective.profile and not hasattr(network, "profile"):
        raise InputError(f"architecture {architecture} gives no profiles, which the loss expects")
    module.objective.check(dataset, folds)
    loaders = [
        _loader(dataset, folds == "train", training, training.batch_size, seed),
        _loader(dataset, folds == "valid", training, 4 * training.batch_size, None),
    ]
    job = {"architecture": architecture, "settings": settings, "training": training.as_dict(), "seed": seed}
    job |= {"freeze": freeze, "finetune": chosen, "task": dataset.task.name, "inputs": list(inputs)}
    by_loss = training.watch == "loss" and module.objective.all_watched
    monitor = "valid_loss" if by_loss else WATCHED
    stopping = Stopping(monitor, training)
    resuming.prepare(work, job, module, stopping.state_key)
    # The best epoch is saved first, so that the last checkpoint, which a resumed run starts from, knows of it.
    every_epoch = {"save_on_train_epoch_end": True, "enable_version_counter": False}
    keeping = [
        resuming.Kept(work, "best", monitor=monitor, **every_epoch),
        resuming.Kept(work, "last", **every_epoch),
    ]
    last = work / "last.ckpt"
    with warnings.catch_warnings():
        # One process reads tensors that are already in memory: workers would only cost time.
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        # The folder of the checkpoints holds the note that says whose they are.
        warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")
        if not _stopped(last, stopping):
            # Lightning asks torch for deterministic algorithms, and does not take that back.
            with deterministic(device.type == "cpu"):
                trainer = _trainer(training, device, work, [stopping, *keeping, _Bar(refresh_rate=20)])
                trainer.fit(module, *loaders, ckpt_path=last if last.exists() else None, weights_only=True)
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
    return network.cpu().eval(), header, history


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


def complete_settings(architecture, settings, dataset):
    """The settings of a network with what a dataset says of it, where its constructor takes it.

    That are the number of outputs and the length, and as far as they are there modalities {name: number of targets},
    segments (lengths of the inputs that lie side by side) and bins (of profiles).

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
    with torch.device("meta"):
        layout = registry.build(architecture, **completed)
    if layout.output != "logit":
        raise InputError(f"architecture {architecture} gives probabilities; training expects one with raw outputs")
    return completed


def _loader(dataset, chosen, training, batch_size, seed):
    rows, turned = np.flatnonzero(chosen), ()
    if training.reverse_complement == "append":
        turned = batches.turned(dataset.labels, rows, training.other_strand_of(dataset.task))
    arrays = batches.Batch(dataset.codes, dataset.labels, dataset.weights, dataset.profiles)
    return batches.loader(batches.Windows(arrays, rows, turned), batch_size, seed)


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
        max_epochs=training.most_epochs,
        gradient_clip_val=training.gradient_clip,
        callbacks=callbacks,
        deterministic=device.type == "cpu",
        plugins=[resuming.Checkpoints()],
        num_sanity_val_steps=0,
        logger=False,
        enable_model_summary=False,
        default_root_dir=work,
    )
