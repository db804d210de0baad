"""Small batch-normalised network for many labels: two convolutions, then the strongest position of each channel."""

from torch import nn

from cisflow.models.network import Architecture


class MotifCNN(Architecture):
    """(n, 4, any length) -> (n, n_outputs) logits.

    The first convolution has the width of a transcription factor motif; the maximum over positions asks whether a
    motif is present anywhere, so a network trained on one length serves others.
    """

    output = "logit"

    def __init__(self, n_outputs=1, channels=128, width=19, pool=4, hidden=64):
        super().__init__()
        self.n_outputs = n_outputs
        self.layers = nn.Sequential(
            nn.Conv1d(4, channels, width, padding=width // 2, bias=False),
            nn.BatchNorm1d(channels),
            nn.ReLU(),
            nn.MaxPool1d(pool),
            nn.Conv1d(channels, hidden, 7, padding=3, bias=False),
            nn.BatchNorm1d(hidden),
            nn.ReLU(),
            nn.AdaptiveMaxPool1d(1),
            nn.Flatten(),
            nn.Linear(hidden, n_outputs),
        )

    def forward(self, x):
        return self.layers(x)
