"""A network while it trains: lightning's module around it, and what stops it."""

import lightning as L
import numpy as np
import torch
from lightning.pytorch.callbacks import EarlyStopping, TQDMProgressBar

from cisflow.errors import InputError
from cisflow.training import batches, sharing
from cisflow.training.objective import Means, Objective
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

    Attributes
    ----------
    share : sharing.Share of this process in every batch.
    """

    def __init__(self, network, dataset, training, seed, best=None):
        super().__init__()
        self.network = network
        self.task = dataset.task
        self.training_settings = training
        self.objective = Objective(dataset.modalities, training, self.task.loss)
        self.other_strand = training.other_strand_of(self.task)
        self.opposite = dataset.opposite
        self.segments = [end - start for _, start, end in dataset.inputs]
        self.seed = seed
        self.best = best
        self.share = sharing.Share()
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

    def _outputs(self, codes, *draws):
        """As `forward`, by all processes together; `draws` tell this batch from others."""
        if self.share.alone:
            return self(codes)
        return sharing.outputs(self, codes, self.share, (self.seed, *draws))

    def training_step(self, batch, number):
        batch = batch._replace(codes=batches.shifted(batch.codes, self.training_settings.shift, self.segments))
        if self.training_settings.reverse_complement == "random":
            batch = batches.on_random_strand(batch, self.other_strand, self.opposite)
        outputs, shapes = self._outputs(batch.codes, self.current_epoch, number)
        parts = self.objective.parts(outputs, batch, shapes)
        self._train.add(parts)
        return self.objective.loss(parts)

    def on_validation_epoch_start(self):
        self._valid = Means()
        self._seen = []

    def validation_step(self, batch, number):
        outputs, shapes = self._outputs(batch.codes, self.current_epoch, number)
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


class Bar(TQDMProgressBar):
    """Lightning's progress bar without a second bar for each pass over the validation fold."""

    def init_validation_tqdm(self):
        bar = super().init_validation_tqdm()
        bar.disable = True
        return bar
