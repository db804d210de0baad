"""The losses of `tasks.losses` in torch: means over known labels, so that no gradient grows with batch or tracks.

Each is a module of raw outputs and labels. What it adds up are `Part`s: a mean and what it is over, so that the loss of
a fold is put together from its batches exactly. Notation: y a label, z the raw output, m = link(z) the prediction.
"""

import math
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

from cisflow.tasks import losses

# Weight of the total beside the shape: Linder et al. 2025, Nat. Genet. 57:949 (Borzoi).
TOTAL = 0.2
# What a signal is multiplied by before its logarithm: Kempynck et al. 2025 (CREsted), for means of coverage per base.
SCALE = 1000
# Square of a spread, in units of the labels, below which outputs count as constant.
FLAT = 1e-12


class Part(NamedTuple):
    """One mean of a loss.

    Attributes
    ----------
    weight : of the mean in the sum. mean : scalar tensor; 0 over nothing.
    count : what it is over, a scalar tensor: known labels or rows, or the sum of their weights. The mean over a fold
        is that of the means over its batches, weighted by their counts, where the loss is additive (tasks.losses).
    """

    weight: float
    mean: torch.Tensor
    count: torch.Tensor


class Seen(NamedTuple):
    """A batch as the losses see it; what is missing is 0 in `raw`, `predictions`, `labels` and `share`.

    Attributes
    ----------
    raw, predictions, labels : (n, t) float32. known : (n, t) bool. share : (n, t), 1 or the weight of each label.
    shapes, profiles : (n, t, bins) logits and counts, None without profiles.
    """

    raw: torch.Tensor
    predictions: torch.Tensor
    labels: torch.Tensor
    known: torch.Tensor
    share: torch.Tensor
    shapes: torch.Tensor | None = None
    profiles: torch.Tensor | None = None


def build(spec, n_tracks):
    """The `Loss` of a name or mixture {name: weight} (InputError: see `tasks.losses.get`)."""
    return Loss(losses.get(spec), n_tracks)


class Loss(nn.Module):
    """A loss or mixture of losses of `n_tracks` tracks; it may hold parameters, which are learned with the network's.

    Attributes
    ----------
    kind : tasks.losses.Loss. link : its link.
    """

    def __init__(self, kind, n_tracks):
        super().__init__()
        self.kind, self.link = kind, kind.link
        self.terms = nn.ModuleDict({name: _TERMS[name](n_tracks) for name in kind.terms})

    def parts(self, outputs, labels, weights=None, shapes=None, profiles=None):
        """The means that make the loss, a list of Part.

        Parameters
        ----------
        outputs : raw (n, t). labels : (n, t), NaN = missing. weights : (n, t) of the labels, 0 or more; None for 1.
        shapes, profiles : (n, t, bins) logits and counts (NaN = missing), for losses of profiles.
        """
        known = ~torch.isnan(labels)
        raw = torch.where(known, outputs.float(), 0.0)
        share = known.float() if weights is None else torch.where(known, weights, 0.0).nan_to_num(0.0)
        predictions = linked(raw, self.link)
        seen = Seen(raw, predictions, torch.where(known, labels, 0.0), known, share, shapes, profiles)
        return [
            part._replace(weight=part.weight * weight)
            for name, weight in self.kind.terms.items()
            for part in self.terms[name](seen)
        ]

    def forward(self, outputs, labels, weights=None, shapes=None, profiles=None):
        """(loss, number of known labels, or the sum of their weights), scalar tensors; parameters as of `parts`."""
        known = ~torch.isnan(labels)
        count = known.sum() if weights is None else torch.where(known, weights, 0.0).nansum()
        return total(self.parts(outputs, labels, weights, shapes, profiles)), count


def total(parts):
    """The sum of the means of parts, by their weights."""
    # A weight of 1 costs no operation.
    summands = [part.mean if part.weight == 1 else part.weight * part.mean for part in parts]
    return sum(summands[1:], summands[0])


def linked(raw, link):
    """Predictions of raw outputs, tensors."""
    return {"identity": lambda: raw, "exp": raw.exp, "sigmoid": raw.sigmoid}[link]()


def _mean(values, share, weight=1.0):
    """The Part of values, weighted by their share."""
    count = share.sum()
    return Part(weight, (values * share).sum() / torch.where(count > 0, count, 1.0), count)


class _Each(nn.Module):
    """A loss that is the mean of one of each label."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, seen):
        return [_mean(self.function(seen), seen.share)]


def _squared_error(seen):
    return (seen.predictions - seen.labels) ** 2


def _huber(seen):
    """e² / 2 of an error |e| up to 1, and |e| - 1/2 beyond: Huber 1964, Ann. Math. Stat. 35:73."""
    return functional.huber_loss(seen.predictions, seen.labels, reduction="none")


def _cross_entropy(seen):
    return functional.binary_cross_entropy_with_logits(seen.raw, seen.labels, reduction="none")


def _poisson(seen):
    """-log p(y) of a Poisson distribution of mean m; its terms in y alone included."""
    return seen.predictions - seen.labels * seen.raw + torch.lgamma(seen.labels + 1)


class _Gaussian(nn.Module):
    """-log p(y) of a normal distribution of mean m, with one learned variance a track: Nix & Weigend 1994."""

    def __init__(self, n_tracks):
        super().__init__()
        self.log_variance = nn.Parameter(torch.zeros(n_tracks))

    def forward(self, seen):
        precision = torch.exp(-self.log_variance)
        values = (seen.predictions - seen.labels) ** 2 * precision + self.log_variance + math.log(2 * math.pi)
        return [_mean(values / 2, seen.share)]


class _NegativeBinomial(nn.Module):
    """-log p(y) of a negative binomial distribution of mean m and variance m + a m², with one learned a a track.

    With r = 1 / a: p(y) = Γ(y + r) / (Γ(r) y!) (r / (r + m))^r (m / (r + m))^y, as in Love et al. 2014 (DESeq2).
    """

    def __init__(self, n_tracks):
        super().__init__()
        self.log_dispersion = nn.Parameter(torch.zeros(n_tracks))

    def forward(self, seen):
        log_r = -self.log_dispersion.expand_as(seen.raw)
        r, both = log_r.exp(), torch.logaddexp(log_r, seen.raw)
        # In double precision, because two large numbers are subtracted where the dispersion is small.
        choose = (torch.lgamma(seen.labels + r.double()) - torch.lgamma(r.double())).float()
        choose = choose - torch.lgamma(seen.labels + 1)
        return [_mean(-choose - r * (log_r - both) - seen.labels * (seen.raw - both), seen.share)]


class _CosineLogMSE(nn.Module):
    """1 - cosine of a region's tracks, and the squared error of log(1 + 1000 m): Kempynck et al. 2025 (CREsted)."""

    def forward(self, seen):
        cosine, defined = _cosine(seen.predictions, seen.labels, seen.share, 1)
        logs = functional.softplus(seen.raw + math.log(SCALE)) - torch.log1p(SCALE * seen.labels)
        return [_mean(1 - cosine, _row_share(seen) * defined), _mean(logs**2, seen.share)]


class _PoissonMultinomial(nn.Module):
    """The total over the tracks of a region under a Poisson, their shares under a multinomial distribution.

    Both are deviances halved, log p(y | best possible) - log p(y | m), and divided by the number of labels: 0 where the
    prediction is the label. With weights 1 and 1 their sum would be that of the tracks' own Poisson deviances; the
    total has the weight of Borzoi (Linder et al. 2025), which takes bins for tracks.
    """

    def forward(self, seen):
        logits, known = _masked(seen.raw, seen.known)
        labels = seen.labels.sum(1)
        of_total = _poisson_deviance(torch.logsumexp(logits, 1), labels)
        of_shares = _multinomial_deviance(logits, seen.labels, known)
        share, count = _row_share(seen), seen.share.sum()
        over = torch.where(count > 0, count, 1.0)
        return [
            Part(weight, (values * share).sum() / over, count)
            for values, weight in ((of_shares, 1.0), (of_total, TOTAL))
        ]


class _Profile(nn.Module):
    """Shape over bins under a multinomial, total of each label under a Poisson distribution, per bin.

    Halved deviances, as of `_PoissonMultinomial`, divided by the number of bins: Linder et al. 2025 (Borzoi).
    """

    def forward(self, seen):
        logits, counts, known = _bins(seen)
        bins = logits.shape[2]
        of_total = _poisson_deviance(seen.raw, seen.labels)
        of_shape = _multinomial_deviance(logits, counts, known)
        return [_mean(of_shape / bins, seen.share), _mean(of_total / bins, seen.share, TOTAL)]


class _ProfileLogMSE(nn.Module):
    """Shape over bins under a multinomial distribution, and half the squared error of log(1 + total).

    Avsec et al. 2021, Nat. Genet. 53:354 (BPNet) weight the squared error by half the mean total, which makes shape
    and total alike. Divided by that mean total the shape becomes a mean over fragments: no depth is in the loss.
    """

    def forward(self, seen):
        logits, counts, known = _bins(seen)
        logs = functional.softplus(seen.raw) - torch.log1p(seen.labels)
        fragments = (seen.share * counts.sum(2)).sum()
        shape = (seen.share * _multinomial_deviance(logits, counts, known)).sum()
        return [
            Part(1.0, shape / torch.where(fragments > 0, fragments, 1.0), fragments),
            _mean(logs**2 / 2, seen.share),
        ]


class _Correlation(nn.Module):
    """1 - Pearson's r of predictions and labels, along one axis of a batch; mean over the other.

    Rows or tracks are left out of which fewer than two labels are known, or all alike.

    Parameters
    ----------
    axis : 1 across the tracks of a region, 0 across the regions of a track.
    """

    def __init__(self, axis):
        super().__init__()
        self.axis = axis

    def forward(self, seen):
        axis, share = self.axis, seen.share
        size = share.sum(axis, keepdim=True).clamp(min=torch.finfo(torch.float32).tiny)
        centred = [
            torch.where(seen.known, values - (values * share).sum(axis, keepdim=True) / size, 0.0)
            for values in (seen.predictions, seen.labels)
        ]
        correlation, defined = _cosine(*centred, share, axis)
        infinite = torch.where(seen.known, 0.0, torch.inf)
        spread = (seen.labels - infinite).amax(axis) > (seen.labels + infinite).amin(axis)
        whole = _row_share(seen) if axis else torch.ones_like(correlation)
        return [_mean(1 - correlation, whole * (defined & spread))]


def _row_share(seen):
    """Mean share of the known labels of each row (n,)."""
    return seen.share.sum(1) / seen.known.sum(1).clamp(min=1)


def _cosine(predictions, labels, share, axis):
    """Cosine of two arrays (n, t) along an axis, weighted, and where it is defined: where not all labels are 0."""
    length = (share * labels**2).sum(axis)
    defined = length > 0
    # Labels of length 1 leave one scale under the root.
    unit = labels / torch.where(defined, length, 1.0).sqrt().unsqueeze(axis)
    norm = (share * predictions**2).sum(axis).clamp(min=FLAT).sqrt()
    return (share * predictions * unit).sum(axis) / norm, defined


def _masked(logits, known):
    """Logits with minus infinity where the last axis has a gap, and where it has none; rows of gaps alone stay."""
    known = known | ~known.any(-1, keepdim=True)
    return torch.where(known, logits, -torch.inf), known


def _bins(seen):
    """Logits, counts (0 = missing) and where they are known, of profiles (n, t, bins)."""
    known = ~torch.isnan(seen.profiles)
    logits, filled = _masked(seen.shapes.float(), known)
    return logits, torch.where(known, seen.profiles, 0.0), filled


def _poisson_deviance(log_mean, counts):
    """Half the deviance of counts under a Poisson distribution, elementwise."""
    return log_mean.exp() - counts + torch.xlogy(counts, counts) - counts * log_mean


def _multinomial_deviance(logits, counts, known):
    """Half the deviance of counts (…, k) under the multinomial distribution of logits, summed over the last axis."""
    sums = counts.sum(-1, keepdim=True)
    best = torch.xlogy(counts, counts) - torch.xlogy(counts, torch.where(sums > 0, sums, 1.0))
    return (best - torch.where(known, counts * logits.log_softmax(-1), 0.0)).sum(-1)


_TERMS = {
    "mse": lambda n_tracks: _Each(_squared_error),
    "huber": lambda n_tracks: _Each(_huber),
    "gaussian": _Gaussian,
    "poisson": lambda n_tracks: _Each(_poisson),
    "negative_binomial": _NegativeBinomial,
    "binary_cross_entropy": lambda n_tracks: _Each(_cross_entropy),
    "cosine_log_mse": lambda n_tracks: _CosineLogMSE(),
    "poisson_multinomial": lambda n_tracks: _PoissonMultinomial(),
    "profile": lambda n_tracks: _Profile(),
    "profile_log_mse": lambda n_tracks: _ProfileLogMSE(),
    "correlation_tracks": lambda n_tracks: _Correlation(1),
    "correlation_regions": lambda n_tracks: _Correlation(0),
}
