"""Sei (Chen et al. 2022): 4,096 bp to 21,907 chromatin targets. One file, read from top to bottom."""

import torch
from torch import nn

from cisflow.models.network import Architecture

SPLINE_COLUMNS = 16
DILATIONS = (2, 4, 8, 16, 25)
# Bases in one pass of the fused convolutions on a CPU. In float32, activations of 480 channels then stay under the
# 32 MB from which malloc asks the kernel for new pages. In bfloat16 larger passes pay: each one reorders the weights.
BASES_AT_ONCE = {torch.float64: 8192, torch.float32: 16384, torch.bfloat16: 65536}


def _pair(n_in, n_out, front):
    """Two 9-wide convolutions without a non-linearity between them."""
    return nn.Sequential(*front, nn.Conv1d(n_in, n_out, 9, padding=4), nn.Conv1d(n_out, n_out, 9, padding=4))


def _rectified_pair(n, front):
    return nn.Sequential(*front, nn.Conv1d(n, n, 9, padding=4), nn.ReLU(), nn.Conv1d(n, n, 9, padding=4), nn.ReLU())


def _dilated(n, dilation):
    return nn.Sequential(nn.Dropout(0.1), nn.Conv1d(n, n, 5, dilation=dilation, padding=2 * dilation), nn.ReLU())


class Sei(Architecture):
    """(n, 4, length) -> (n, n_targets) probabilities. 889,979,983 parameters in 38 tensors at full size.

    Tensors are named as in the published checkpoint. Any length that pools to at least 16 positions is accepted;
    4,096 is what the published weights were trained on.

    Parameters
    ----------
    n_targets : chromatin profiles.
    channels : widths of the three stages; smaller ones make a narrow Sei for tests and small data.
    """

    output = "probability"

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

    def for_inference(self, dtype=torch.float32):
        return FusedSei(self, dtype)


class FusedConvolutions(nn.Module):
    """A chain of zero-padded convolutions without non-linearities between them, as one wider convolution.

    (n, channels, length) in and out. The composition of the chain is one convolution only where none of its layers
    reaches the zeros that pad the one before: in the interior. The outputs next to either end come from the chain
    itself, on the few inputs that they see, so the result is the chain's at every position and for every length.

    Parameters
    ----------
    chain : Conv1d of odd widths, each padded to keep the length; they are kept, not copied.
    """

    def __init__(self, *chain):
        super().__init__()
        self.chain = nn.Sequential(*chain)
        reach = [convolution.kernel_size[0] // 2 for convolution in chain]
        # An output closer to the end than the later layers reach sees the padding between layers.
        self.border = sum(reach[1:])
        self.seen = self.border + sum(reach)
        weight, bias = compose(chain)
        self.whole = nn.Conv1d(weight.shape[1], weight.shape[0], weight.shape[2], padding=sum(reach), device="meta")
        self.whole.weight = nn.Parameter(weight.to(chain[0].weight.dtype), requires_grad=False)
        self.whole.bias = nn.Parameter(bias.to(chain[0].bias.dtype), requires_grad=False)

    def extra_repr(self):
        return f"{len(self.chain)} convolutions as one; {self.border} outputs at either end by the originals"

    def forward(self, x):
        if x.shape[-1] < self.seen:
            return self.chain(x)
        out = self.whole(x)
        out[..., : self.border] = self.chain(x[..., : self.seen])[..., : self.border]
        out[..., -self.border :] = self.chain(x[..., -self.seen :])[..., -self.border :]
        return out


@torch.no_grad()
def compose(chain):
    """Weight (out, in, width) and bias (out,) of the one convolution that a chain of them amounts to, float64.

    Of two layers h = A * x + a and y = B * h + b, tap k of the composition is the sum of B_j A_i over i + j = k, and
    its bias b + sum_j B_j a.
    """
    weight, bias = chain[0].weight.double(), chain[0].bias.double()
    for convolution in chain[1:]:
        taps = convolution.weight.double().unbind(2)
        n_out, width = len(taps[0]), weight.shape[2]
        wider = weight.new_zeros(n_out, weight.shape[1], width + len(taps) - 1)
        for offset, tap in enumerate(taps):
            wider[..., offset : offset + width] += (tap @ weight.flatten(1)).unflatten(1, weight.shape[1:])
        weight, bias = wider, sum(taps) @ bias + convolution.bias.double()
    return weight, bias


class FusedSei(Architecture):
    """A loaded Sei made ready for inference: the same function of the sequence, with a third of the arithmetic gone.

    Sei's `lconv` pairs have no non-linearity between their convolutions, so each is one wider convolution
    (`FusedConvolutions`); nor has `lconv1` before the first convolution of `conv1`, so those three are one as well,
    with 4 input channels in place of 480. On a CPU the convolutions take a few sequences at a time, so that their
    activations stay in cache and in memory already mapped, and the dense layers take the whole batch.

    All other layers are those of `sei`, shared, not copied: the dense layers, 92% of the weights, exist once.

    Parameters
    ----------
    sei : the network; with another `dtype` its convolutions are converted in place.
    dtype : of the convolutions' weights and activations. The sums along the dilated layers, the splines and the dense
        layers keep the dtype of `sei`: in bfloat16 they would make more than half of the error and save little time.
    """

    def __init__(self, sei, dtype=torch.float32):
        super().__init__()
        self.output, self.n_outputs = sei.output, sei.n_outputs
        self.lconv1 = FusedConvolutions(*sei.lconv1)
        self.conv1 = nn.Sequential(FusedConvolutions(*sei.lconv1, sei.conv1[0]), *sei.conv1[1:])
        self.lconv2 = nn.Sequential(*sei.lconv2[:-2], FusedConvolutions(*sei.lconv2[-2:]))
        self.conv2 = sei.conv2
        self.lconv3 = nn.Sequential(*sei.lconv3[:-2], FusedConvolutions(*sei.lconv3[-2:]))
        self.conv3 = sei.conv3
        self.dilated = nn.ModuleList(getattr(sei, f"dconv{number}") for number in range(1, len(DILATIONS) + 1))
        self.spline_tr = sei.spline_tr
        self.classifier = sei.classifier
        for name, module in self.named_children():
            if name != "classifier":
                module.to(dtype)
        self.dtype = dtype
        self.train(sei.training)

    def extra_repr(self):
        return f"lconv1-3 fused, lconv1 with conv1.0; convolutions in {self.dtype}"

    def trunk(self, x):
        x = x.to(self.dtype)
        out = self.conv1(x) + self.lconv1(x)
        linear = self.lconv2(out)
        out = self.conv2(linear) + linear
        linear = self.lconv3(out)
        total = self.conv3(linear).to(self.classifier[0].weight.dtype)
        step = self.dilated[0]((total + linear).to(self.dtype))
        for dilated in self.dilated[1:]:
            total = total + step
            step = dilated(total.to(self.dtype))
        return self.spline_tr(total + step).flatten(1)

    def forward(self, x):
        chunk = max(1, BASES_AT_ONCE[self.dtype] // x.shape[-1]) if x.device.type == "cpu" else len(x)
        return self.classifier(torch.cat([self.trunk(part) for part in x.split(chunk)]))


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
