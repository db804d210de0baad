"""How a network is trained: the settings of `training.fit`."""

from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.errors import InputError


class Loss(settings.Settings):
    """A loss, or weights of several."""

    loss: str | dict[str, float] = setting(
        None,
        choices=[
            "mse",
            "huber",
            "gaussian",
            "poisson",
            "negative_binomial",
            "binary_cross_entropy",
            "cosine_log_mse",
            "poisson_multinomial",
            "profile",
            "profile_log_mse",
            "correlation_tracks",
            "correlation_regions",
        ],
        items={"above": 0},
        meaning="What training minimises, a mean over the known labels, or weights of several: mse, huber, gaussian "
        "(learns a variance a track), poisson and negative_binomial (learns a dispersion a track) of counts, "
        "binary_cross_entropy, cosine_log_mse (CREsted), poisson_multinomial over the tracks of a region, profile "
        "(Borzoi) and profile_log_mse (BPNet) over bins, correlation_tracks of a region, correlation_regions of a "
        "track. Without it that of the training, or of the task: binary_cross_entropy of binary, mse of regression.",
    )


class Modality(Loss):
    """What training makes of the targets of one modality."""

    weight: float = setting(1.0, above=0, meaning="Of its loss in the sum over the modalities.")
    stop: bool = setting(True, meaning="Whether early stopping and the choice of the best epoch heed its loss.")


class Anneal(settings.Settings):
    """Rounds of training on from the best weights, at lower learning rates."""

    rounds: int = setting(2, minimum=1, meaning="How many.")
    factor: float = setting(0.2, above=0, below=1, meaning="Of the learning rate, with each round once more.")
    patience: int = setting(3, minimum=1, meaning="Epochs of a round.")


class Training(Loss):
    """How a network is trained."""

    max_epochs: int = setting(30, minimum=1, meaning="Epochs at most.")
    batch_size: int = setting(128, minimum=2, meaning="Windows in a batch.")
    devices: int = setting(
        1,
        minimum=1,
        meaning="GPUs that work on each batch together, a process each; without a GPU, as many processes on the CPU. "
        "Batches, their order, losses and learning rates stay those of one.",
    )
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
    patience: int = setting(5, minimum=1, meaning="Epochs without a better one before training stops.")
    watch: str = setting(
        "loss",
        choices=["loss", "score", "last"],
        meaning="By what an epoch is better, and the best one kept: the validation loss, or the score of the "
        "validation fold, AUROC or of numbers Pearson's r, as a mean over targets. A small fold may have its lowest "
        "squared error long before its highest correlation. With `last` every epoch is better than those before it, so "
        "that training never stops early: for a schedule that ends near a rate of 0.",
    )
    anneal: Anneal = setting(
        None,
        meaning="Once training has stopped, go on from the best weights for some rounds, in which the learning rate is "
        "constant and falls from round to round.",
    )
    gradient_clip: float = setting(
        None, above=0, meaning="Norm of all gradients together that a longer one is scaled down to."
    )
    modalities: dict[str, Modality] = setting(
        None, meaning="What differs for the targets of one modality of the dataset, by its name."
    )
    reverse_complement: str = setting(
        "random",
        choices=["random", "append", "none"],
        meaning="Show each window on a random strand, or append the other strand of windows to the training and "
        "validation folds as further rows, as published. With `none` it sees the forward strand alone, whose "
        "probability then counts and is explained; samples of several sequences are shown so.",
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

    @property
    def most_epochs(self):
        """Epochs at most, those of the rounds of annealing included."""
        return self.max_epochs + (self.anneal.rounds * self.anneal.patience if self.anneal else 0)

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
