"""FSei (Daoud & Ben-Hur 2025): Sei's trunk under a small head of its own. One file, read from top to bottom."""

from torch import nn

from cisflow.models.layers import AttentionPool, logits
from cisflow.models.network import Architecture
from cisflow.models.sei import DILATIONS, SPLINE_COLUMNS, SplineProjection


def _pair(n_in, n_out, *front):
    """Two 9-wide convolutions without a non-linearity between them."""
    return nn.Sequential(*front, nn.Conv1d(n_in, n_out, 9, padding=4), nn.Conv1d(n_out, n_out, 9, padding=4))


def _rectified_pair(n, *front):
    return nn.Sequential(*front, nn.Conv1d(n, n, 9, padding=4), nn.ReLU(), nn.Conv1d(n, n, 9, padding=4), nn.ReLU())


def _dilated(n, dilation):
    return nn.Sequential(nn.Dropout(0.1), nn.Conv1d(n, n, 5, dilation=dilation, padding=2 * dilation), nn.ReLU())


class FSei(Architecture):
    """(n, 4, length) -> (n, n_outputs) logits. 75,569,522 parameters at full size with the published two logits.

    The trunk is Sei's, with the pools outside of its second and third stage, so that their tensors are numbered one
    lower than Sei's; there is no dropout before the splines. Any length is accepted.

    Parameters
    ----------
    channels : widths of the trunk's three stages.
    hidden : width of the head.
    two_logits : see layers.logits.
    """

    output = "logit"

    def __init__(self, n_outputs=1, channels=(480, 640, 960), hidden=520, two_logits=False):
        super().__init__()
        first, second, third = channels
        self.n_outputs = n_outputs
        self.lconv1 = _pair(4, first)
        self.conv1 = _rectified_pair(first)
        self.pool1 = nn.MaxPool1d(4)
        self.lconv2 = _pair(first, second, nn.Dropout(0.2))
        self.conv2 = _rectified_pair(second, nn.Dropout(0.2))
        self.pool2 = nn.MaxPool1d(4)
        self.lconv3 = _pair(second, third, nn.Dropout(0.2))
        self.conv3 = _rectified_pair(third, nn.Dropout(0.2))
        for number, dilation in enumerate(DILATIONS, start=1):
            setattr(self, f"dconv{number}", _dilated(third, dilation))
        self.spline_tr = SplineProjection(SPLINE_COLUMNS)
        self.classifier = nn.ModuleDict(
            {
                "project": nn.Sequential(nn.Conv1d(third, hidden, 3), nn.BatchNorm1d(hidden), nn.ReLU()),
                "attention_pool": AttentionPool(hidden),
                "fcn": nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(0.2)),
            }
        )
        self.classifier["prediction_head"], self.difference = logits(hidden, n_outputs, two_logits)

    def trunk(self, x):
        """(n, 4, length) -> (n, channels, length // 16): what Sei computes before its splines."""
        linear = self.lconv1(x)
        linear = self.lconv2(self.pool1(self.conv1(linear) + linear))
        linear = self.lconv3(self.pool2(self.conv2(linear) + linear))
        out = self.conv3(linear)
        # The running sum starts from the rectified path alone, as in Sei.
        total = out
        step = self.dconv1(out + linear)
        for number in range(2, len(DILATIONS) + 1):
            total = total + step
            step = getattr(self, f"dconv{number}")(total)
        return total + step

    def forward(self, x):
        x = self.spline_tr(self.trunk(x))
        for part in ("project", "attention_pool", "fcn", "prediction_head"):
            x = self.classifier[part](x)
        return self.difference(x)

    def pretrained(self):
        """The trunk, of Sei's checkpoint or of another FSei's with any head."""
        own = [name for name in self.state_dict() if not name.startswith("classifier.")]
        moved = {f"lconv{stage}.{number}": f"lconv{stage}.{number + 1}" for stage in (2, 3) for number in (1, 2)}
        of_sei = {name: moved.get(name[:8], name[:8]) + name[8:] for name in own}
        return [(of_sei, ("classifier.",)), ({name: name for name in own}, ("classifier.",))]
