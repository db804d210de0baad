"""Sei (Chen et al. 2022): 4,096 bp to 21,907 chromatin targets. One file, read from top to bottom."""

import torch
from torch import nn

SPLINE_COLUMNS = 16
DILATIONS = (2, 4, 8, 16, 25)


def _pair(n_in, n_out, front):
    """Two 9-wide convolutions without a non-linearity between them."""
    return nn.Sequential(*front, nn.Conv1d(n_in, n_out, 9, padding=4), nn.Conv1d(n_out, n_out, 9, padding=4))


def _rectified_pair(n, front):
    return nn.Sequential(*front, nn.Conv1d(n, n, 9, padding=4), nn.ReLU(), nn.Conv1d(n, n, 9, padding=4), nn.ReLU())


def _dilated(n, dilation):
    return nn.Sequential(nn.Dropout(0.1), nn.Conv1d(n, n, 5, dilation=dilation, padding=2 * dilation), nn.ReLU())


class Sei(nn.Module):
    """(n, 4, length) -> (n, n_targets) probabilities. 889,979,983 parameters in 38 tensors at full size.

    Tensors are named as in the published checkpoint. Any length that pools to at least 16 positions is accepted;
    4,096 is what the published weights were trained on.

    Parameters
    ----------
    n_targets : chromatin profiles.
    channels : widths of the three stages; smaller ones make a narrow Sei for tests and small data.
    """

    output = "probability"
    length = None

    def __init__(self, n_targets=21907, channels=(480, 640, 960)):
        super().__init__()
        first, second, third = channels
        self.n_outputs = n_targets
        self.lconv1 = _pair(4, first, [])
        self.conv1 = _rectified_pair(first, [])
        self.lconv2 = _pair(first, second, [nn.MaxPool1d(4), nn.Dropout(0.2)])
        self.conv2 = _rectified_pair(second, [nn.Dropout(0.2)])
        self.lconv3 = _pair(second, third, [nn.MaxPool1d(4), nn.Dropout(0.2)])
        self.conv3 = _rectified_pair(third, [nn.Dropout(0.2)])
        for number, dilation in enumerate(DILATIONS, start=1):
            setattr(self, f"dconv{number}", _dilated(third, dilation))
        self.spline_tr = nn.Sequential(nn.Dropout(0.5), SplineProjection(SPLINE_COLUMNS))
        self.classifier = nn.Sequential(
            nn.Linear(third * SPLINE_COLUMNS, n_targets), nn.ReLU(), nn.Linear(n_targets, n_targets), nn.Sigmoid()
        )

    def forward(self, x):
        linear = self.lconv1(x)
        linear = self.lconv2(self.conv1(linear) + linear)
        linear = self.lconv3(self.conv2(linear) + linear)
        out = self.conv3(linear)
        # The running sum starts from the rectified path alone, as in the published network.
        total = out
        step = self.dconv1(out + linear)
        for number in range(2, len(DILATIONS) + 1):
            total = total + step
            step = getattr(self, f"dconv{number}")(total)
        total = total + step
        return self.classifier(self.spline_tr(total).flatten(1))


class SplineProjection(nn.Module):
    """(n, channels, positions) -> (n, channels, columns): each channel's course along the sequence, in cubic B-splines.

    No parameters. The basis is computed for the number of positions it meets, and kept.
    """

    def __init__(self, columns):
        super().__init__()
        self.columns = columns
        self._bases = {}

    def forward(self, x):
        key = (x.shape[-1], x.device, x.dtype)
        if key not in self._bases:
            # A tensor made under inference_mode could not take part in a later backward pass.
            with torch.inference_mode(False):
                self._bases[key] = spline_basis(x.shape[-1], self.columns).to(device=x.device, dtype=x.dtype)
        return torch.matmul(x, self._bases[key])


def spline_basis(n, columns, degree=3):
    """Cubic B-spline basis over the positions 0 … n - 1, with inner knots at their evenly spaced percentiles.

    Cox-de Boor recursion in float64; columns sum to 1 at every position.

    Returns
    -------
    tensor (n, columns) float64.
    """
    last = n - 1
    n_inner = columns - degree - 1
    inner = torch.linspace(0, last, n_inner + 2, dtype=torch.float64)[1:-1]
    ends = torch.zeros(degree + 1, dtype=torch.float64)
    knots = torch.cat([ends, inner, ends + last])
    x = torch.arange(n, dtype=torch.float64)[:, None]
    basis = ((knots[:-1] <= x) & (x < knots[1:])).double()
    # The last position closes the last interval that is not empty.
    basis[-1] = 0
    basis[-1, degree + n_inner] = 1
    for order in range(1, degree + 1):
        rise = knots[order:-1] - knots[: -order - 1]
        fall = knots[order + 1 :] - knots[1:-order]
        up = torch.where(rise > 0, (x - knots[: -order - 1]) / rise, 0.0)
        down = torch.where(fall > 0, (knots[order + 1 :] - x) / fall, 0.0)
        basis = up * basis[:, :-1] + down * basis[:, 1:]
    return basis
