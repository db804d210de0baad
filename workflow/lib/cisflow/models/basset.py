"""Basset-like network: three convolutions and three dense layers on one-hot sequence."""

from torch import nn

from cisflow.models.layers import logits, renamed
from cisflow.models.network import Architecture


class BassetLike(Architecture):
    """(n, 4, length) -> (n, n_outputs) logits. 2,392,802 parameters at length 600 with the published two logits.

    The layout of the Basset-like baseline of Daoud & Ben-Hur (2025), after Basset (Kelley et al. 2016): convolutions
    without bias, each followed by batch normalisation and ReLU.

    Parameters
    ----------
    length : in bp.
    two_logits : see layers.logits.
    """

    output = "logit"

    def __init__(self, length=600, n_outputs=1, two_logits=False):
        super().__init__()
        self.length = length
        self.n_outputs = n_outputs
        self.convolutions = nn.Sequential(
            nn.Conv1d(4, 200, 13, padding=6, bias=False),
            nn.BatchNorm1d(200),
            nn.ReLU(),
            nn.MaxPool1d(6),
            nn.Dropout(0.2),
            nn.Conv1d(200, 100, 5, padding=2, bias=False),
            nn.BatchNorm1d(100),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Conv1d(100, 50, 8, padding=4, bias=False),
            nn.BatchNorm1d(50),
            nn.ReLU(),
            nn.MaxPool1d(2),
            nn.Dropout(0.2),
            nn.Flatten(),
        )
        # An even kernel with symmetric padding adds one position.
        positions = (length // 6 + 1) // 2
        self.dense = nn.Sequential(
            nn.Linear(50 * positions, 800),
            nn.ReLU(),
            nn.Dropout(0.4),
            nn.Linear(800, 300),
            nn.ReLU(),
            nn.Dropout(0.4),
            *logits(300, n_outputs, two_logits),
        )

    def forward(self, x):
        return self.dense(self.convolutions(x))

    def published(self):
        layers = {"convolutions.0": "layer1.0", "convolutions.1": "layer1.1", "convolutions.5": "layer2.0"}
        layers |= {"convolutions.6": "layer2.1", "convolutions.9": "layer3.0", "convolutions.10": "layer3.1"}
        return [renamed(self, layers | {"dense.0": "fc1", "dense.3": "fc2", "dense.6": "fc3"})]
