"""Beluga, the 2019 DeepSEA network (Zhou et al. 2018, ExPecto): 2,000 bp to 2,002 chromatin targets."""

from torch import nn


class _Reshape(nn.Module):
    """Gives convolutions over (1, width) kernels the four axes that they expect."""

    def forward(self, x):
        return x.unsqueeze(2)


class Beluga(nn.Module):
    """(n, 4, 2000) -> (n, 2002) logits. 149,536,251 parameters in 16 tensors, named as in the published checkpoint."""

    output = "logit"
    length = 2000

    def __init__(self, n_targets=2002, hidden=2003):
        super().__init__()
        self.n_outputs = n_targets
        self.reshape = _Reshape()
        self.model = nn.Sequential(
            nn.Sequential(
                nn.Conv2d(4, 320, (1, 8)),
                nn.ReLU(),
                nn.Conv2d(320, 320, (1, 8)),
                nn.ReLU(),
                nn.Dropout(0.2),
                nn.MaxPool2d((1, 4)),
                nn.Conv2d(320, 480, (1, 8)),
                nn.ReLU(),
                nn.Conv2d(480, 480, (1, 8)),
                nn.ReLU(),
                nn.Dropout(0.2),
                nn.MaxPool2d((1, 4)),
                nn.Conv2d(480, 640, (1, 8)),
                nn.ReLU(),
                nn.Conv2d(640, 640, (1, 8)),
                nn.ReLU(),
            ),
            # The dense layers sit one level deeper because the checkpoint names them so (model.1.2.1, model.1.4.1).
            nn.Sequential(
                nn.Dropout(0.5),
                nn.Flatten(),
                nn.Sequential(nn.Identity(), nn.Linear(640 * 106, hidden)),
                nn.ReLU(),
                nn.Sequential(nn.Identity(), nn.Linear(hidden, n_targets)),
            ),
        )

    def forward(self, x):
        return self.model(self.reshape(x))
