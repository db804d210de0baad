"""Raw multipliers of a network: gradients, path methods, and in silico mutagenesis."""

import contextlib
import sys
import zlib
from typing import NamedTuple

import numpy as np
import torch
from tqdm import tqdm

from cisflow import models
from cisflow.attribution import baselines
from cisflow.attribution.deep_lift import deep_lift
from cisflow.attribution.ism.exact import exact_ism
from cisflow.attribution.ism.graph import Plan, Unplannable
from cisflow.attribution.ism.taylor import taylor_ism
from cisflow.attribution.linear_front import split
from cisflow.attribution.targets import Targets
from cisflow.errors import InputError, listing
from cisflow.sequence import dna

# What the methods take unless told otherwise.
DEFAULTS = {
    "strands": None,
    "batch_size": 256,
    "target_chunk": 32,
    "steps": 20,
    "baseline": None,
    "n_baselines": 20,
    "max_error": 1e-3,
    "plan": True,
    "memory_mb": 512,
    "layer": None,
    "smoothing": 0,
}
# Those of them that count something.
COUNTS = ("batch_size", "target_chunk", "steps", "n_baselines", "memory_mb")
# Sequences of in silico mutagenesis that are finished together: enough that what is computed once a block costs little.
ISM_SEQUENCES = 16
# Baselines of the path methods where none is asked for.
DEFAULT_BASELINE = {"integrated_gradients": "uniform", "deep_lift_shap": "dinucleotide_shuffled"}


class Attribution(NamedTuple):
    """Multipliers of n sequences and t targets, and how well those of a path method add up.

    multipliers : (n, t, 4, length) float32.
    difference : (n, t) float32, target of the sequence minus target of the baseline (mean over baselines); None for
        methods without a baseline.
    error : (n, t) float32, sum of the contributions minus `difference`: 0 where completeness holds; None likewise.
    """

    multipliers: np.ndarray
    difference: np.ndarray | None = None
    error: np.ndarray | None = None


def multipliers(model, codes, targets=None, method="gradient", device="cpu", seed=0, **settings):
    """Raw multipliers of a network.

    Methods
    -------
    `gradient`, `tism` : the gradient at the sequence. With `transform(…, "tism")` it is the first-order in silico
        mutagenesis of Sasse et al. (2023), and with `transform(…, "global", baseline=0)` gradient x input.
    `integrated_gradients` : the mean gradient on the straight path from the baseline (Sundararajan et al. 2017), by
        Gauss-Legendre quadrature. Layers before the first non-linearity are passed once, not once a step.
    `deep_lift_shap` : DeepLIFT's rescale rule (Shrikumar et al. 2017), the mean over the baselines (Lundberg & Lee
        2017).
    `ism` : exact in silico mutagenesis, target of the mutant minus target of the reference (alternative − reference);
        0 at the reference base. At an unknown base the reference is the sequence as it stands. Only what a mutant
        changes is evaluated, unless the network has no plan for that (`plan`); the log then says why.
    `taylor_ism` : the same, exact up to `layer` and linear after it. At `input` this is TISM, at `output` exact ISM.

    Against one constant baseline b, contributions are m (x − b). Against shuffles b_k of the sequence there is no
    such b, so each position's mean of sum_i b_k,i m_k,i is subtracted from its multipliers: contributions are then
    m x, with a baseline of 0, and `corrected`, `tism` and `mean_effect` are what they would be without.

    Parameters
    ----------
    model : network of the registry; its outputs are attributed as they come (logits, for the networks trained here).
        Its mode, and which of its parameters ask for gradients, are restored.
    codes : (n, length) uint8.
    targets : (t,) outputs by index; (t, n_outputs) float weights, for means and contrasts; None for every output; or
        Targets, for targets of each sequence's own.
    seed : of the shuffled baselines.
    strands : "both" attributes the mean of the network over both strands, "forward" the bare one; None what the network
        predicts, see `models.strands`.
    batch_size : sequences × targets × path points (or pairs with a baseline, or mutants that go through the whole
        network) that a pass holds at most, where one of each is more than that.
    target_chunk : targets that go through one backward pass together.
    steps : points of the path of `integrated_gradients`.
    baseline : "uniform" (0.25 in each channel; what `integrated_gradients` takes without it), "zeros", or
        "dinucleotide_shuffled" (what `deep_lift_shap` takes without it).
    n_baselines : shuffles of a sequence.
    max_error : `deep_lift_shap` fails where completeness is off by more than this share of the absolute
        contributions: some layer of the network then has no rule.
    plan : False makes `ism` pass every mutant through the whole network.
    memory_mb : working memory of `ism` and `taylor_ism`, beside the network and the result; of `deep_lift_shap`, what
        the multipliers of the sequences in a block take.
    layer : of `taylor_ism`, one of `plan.layers(model, length)`.
    smoothing : of `taylor_ism`, how far its slopes are means, see `smoothing.smoothed`; 0 takes the gradient.

    Returns
    -------
    (n, t, 4, length) float32.

    Raises
    ------
    InputError : unknown method, setting, target or layer; a network that reads tokens; DeepLIFT that does not
        converge; a network without the layers that `taylor_ism` needs.
    """
    targets = targets if isinstance(targets, Targets) else Targets(targets, model.n_outputs)
    result = np.empty((len(codes), len(targets), 4, codes.shape[1]), dtype=np.float32)
    for rows, part in attribute(model, codes, targets, method, device, seed, **settings):
        result[rows] = part.multipliers
    return result


def attribute(model, codes, targets, method, device="cpu", seed=0, start=0, stop=None, progress=True, **settings):
    """Attributions block by block, with a progress bar unless told otherwise: yields (slice of rows, Attribution).

    Parameters are those of `multipliers`; `targets` is Targets, and `start` and `stop` bound the rows, at the starts of
    blocks (`block_rows`) or the end: what the blocks are does not depend on them.
    """
    settings = _complete(model, codes, method, settings) | {"seed": seed}
    stop = len(codes) if stop is None else stop
    with frozen(model):
        model.to(device)
        rows_at_once, explain = METHODS[method](model, len(targets), settings)
        with tqdm(total=stop, initial=start, desc=method, unit="sequence", disable=not progress) as bar:
            for first in range(start, stop, rows_at_once):
                rows = slice(first, min(first + rows_at_once, len(codes)))
                block, chosen = np.ascontiguousarray(codes[rows]), targets.take(rows, device)
                x = models.one_hot(block, device)
                found = explain(x, block, chosen)
                if settings["strands"] == "both":
                    # The mean over strands is linear in the two, and so is every method.
                    reverse = explain(x.flip(1, 2), dna.reverse_complement(block), chosen)
                    found = _mean(found, reverse)
                yield rows, found
                bar.update(rows.stop - rows.start)


def block_rows(model, codes, targets, method, **settings):
    """Rows of each block of `attribute` but the last."""
    with frozen(model):
        return METHODS[method](model, len(targets), _complete(model, codes, method, settings))[0]


def refuse_unknown(settings):
    """Refuse what is no setting of a method, as a parameter of `attribute` is none (InputError)."""
    if unknown := [name for name in settings if name not in DEFAULTS]:
        raise InputError(f"unknown setting '{unknown[0]}' of attribution; expected one of {listing(DEFAULTS, 12)}")


def _complete(model, codes, method, settings):
    """The settings of a method with those that nobody asked for; refuses what the method or the network is not for."""
    if models.reads_tokens(model):
        raise InputError(f"{type(model).__name__} reads tokens, so that its output cannot be attributed to bases")
    if method not in METHODS:
        raise InputError(f"unknown attribution method '{method}'; expected one of {listing(METHODS, 9)}")
    refuse_unknown(settings)
    settings = DEFAULTS | settings
    for name in COUNTS:
        if not isinstance(settings[name], int) or settings[name] < 1:
            raise InputError(f"setting '{name}' of attribution is {settings[name]!r}; expected an integer from 1 on")
    if not isinstance(settings["smoothing"], int | float) or not settings["smoothing"] >= 0:
        raise InputError(f"setting 'smoothing' of attribution is {settings['smoothing']!r}; expected 0 or more")
    if settings["strands"] not in (None, "both", "forward"):
        raise InputError(f"setting 'strands' of attribution is {settings['strands']!r}; expected both or forward")
    baseline = settings["baseline"] or DEFAULT_BASELINE.get(method)
    strands = settings["strands"] or models.strands(model)
    return settings | {"baseline": baseline, "strands": strands, "length": codes.shape[1]}


@contextlib.contextmanager
def frozen(model):
    """The model in eval mode with parameters that ask for no gradients, which cost a third of a backward pass."""
    asking = [parameter for parameter in model.parameters() if parameter.requires_grad]
    training = model.training
    model.eval().requires_grad_(False)
    try:
        yield
    finally:
        model.train(training)
        for parameter in asking:
            parameter.requires_grad_(True)


def _mean(forward, reverse):
    """Mean of the attributions of sequences and of their reverse complements, in the direction of the former."""
    parts = [(a + b) / 2 for a, b in zip(forward[1:], reverse[1:], strict=True) if a is not None]
    # In the former's place: of every target of a large network, one more array is gigabytes.
    mean = forward.multipliers
    mean += reverse.multipliers[..., ::-1, ::-1]
    mean /= 2
    return Attribution(mean, *parts)


def _parts(n_targets, settings):
    """Targets in slices that go through a backward pass together."""
    size = settings["target_chunk"]
    return [slice(first, min(first + size, n_targets)) for first in range(0, n_targets, size)]


def _rows_at_once(n_targets, settings):
    return max(1, settings["batch_size"] // max(1, min(n_targets, settings["target_chunk"])))


def _rows_in_memory(n_targets, settings):
    """Sequences whose multipliers for so many targets `memory_mb` holds."""
    return settings["memory_mb"] * 2**20 // (4 * 4 * settings["length"] * max(1, n_targets))


def _backward(outputs, inputs, cotangents, keep=False):
    """Vector-Jacobian products: for each input (k, *input), from k cotangents (k, *output) of each output."""
    if len(cotangents[0]) > 1:
        return torch.autograd.grad(outputs, inputs, cotangents, retain_graph=keep, is_grads_batched=True)
    found = torch.autograd.grad(outputs, inputs, [part[0] for part in cotangents], retain_graph=keep)
    return [part[None] for part in found]


# A method is prepared once for a network: (network, number of targets, settings) -> (rows at once, function).
# The function takes x (n, 4, length), its codes and the Targets of its rows, and returns their Attribution.


def _gradient(network, n_targets, settings):
    parts = _parts(n_targets, settings)

    def explain(x, codes, targets):
        x = x.clone().requires_grad_(True)
        outputs = network(x)
        result = np.empty((len(x), n_targets, *x.shape[1:]), dtype=np.float32)
        for part in parts:
            cotangents = targets.cotangents(len(x), part)
            (found,) = _backward([outputs], [x], [cotangents], keep=part is not parts[-1])
            result[:, part] = found.transpose(0, 1).cpu().numpy()
        return Attribution(result)

    return _rows_at_once(n_targets, settings), explain


def _integrated_gradients(network, n_targets, settings):
    front, rest = split(network)
    # The nodes are those of [-1, 1], moved to [0, 1].
    points, weights = np.polynomial.legendre.leggauss(settings["steps"])
    points, weights = (points + 1) / 2, weights / 2

    def path(begin, end, targets, part):
        """Mean gradients (k, n, …) of the targets in a slice on the way between two sets of the front's tensors."""
        n = len(end[0])
        at_once = max(1, settings["batch_size"] // (n * (part.stop - part.start)))
        cotangents = targets.cotangents(n, part)
        totals = [0] * len(end)
        for first in range(0, len(points), at_once):
            share = torch.tensor(points[first : first + at_once], dtype=cotangents.dtype, device=cotangents.device)
            weight = torch.tensor(weights[first : first + at_once], dtype=cotangents.dtype, device=cotangents.device)
            where = [_between(a, b, share).requires_grad_(True) for a, b in zip(begin, end, strict=True)]
            # Points of a path lie next to each other in the batch.
            weighted = (cotangents[:, :, None] * weight[:, None]).flatten(1, 2)
            found = _backward([rest(*where)], where, [weighted])
            totals = [
                total + part.unflatten(1, (n, len(share))).sum(dim=2) for total, part in zip(totals, found, strict=True)
            ]
        return totals

    def against(x, base, targets):
        """Targets in slices: their multipliers (n, k, 4, length) against one baseline, and differences (n, k)."""
        x = x.clone().requires_grad_(True)
        end = front(x)
        with torch.no_grad():
            begin = front(base)
            difference = targets.of(rest(*end)) - targets.of(rest(*begin).expand(len(x), -1))
        fixed = [part.detach() for part in end]
        for part in _parts(n_targets, settings):
            (found,) = _backward(end, [x], path(begin, fixed, targets, part), keep=True)
            yield part, found.transpose(0, 1), difference[:, part]

    def explain(x, codes, targets):
        bases, constant = _bases(x, codes, settings)
        # A constant baseline is the same for every sequence: one pass serves all.
        each = [bases[:1, number] if constant else bases[:, number] for number in range(bases.shape[1])]
        parts = ((*found, base) for base in each for found in against(x, base, targets))
        return _against_all(x, n_targets, parts, len(each), constant)[0]

    return _rows_at_once(n_targets, settings), explain


def _deep_lift_shap(network, n_targets, settings):
    def explain(x, codes, targets):
        bases, constant = _bases(x, codes, settings)

        def parts():
            for number in range(n_targets):
                target = slice(number, number + 1)
                weights = targets.cotangents(len(x), target)[0]
                found, difference = deep_lift(network, x, bases, weights, settings["batch_size"])
                for base in range(bases.shape[1]):
                    which = slice(base, base + 1)
                    yield target, found[:, which], difference[:, which], bases[:, base]

        result, error = _against_all(x, n_targets, parts(), bases.shape[1], constant)
        if error > settings["max_error"]:
            raise InputError(
                f"deep_lift_shap: contributions miss the difference of the outputs by {error:.2g} of their absolute "
                f"sum; expected {settings['max_error']:g} at most. A layer that is not linear has no rule: every one "
                "must be a module of torch.nn that tangermeme knows, used once"
            )
        return result

    constant = settings["baseline"] in baselines.CONSTANT
    pairs = settings["batch_size"] // (1 if constant else settings["n_baselines"])
    return max(1, min(pairs, _rows_in_memory(n_targets, settings))), explain


def _between(begin, end, share):
    """Points (n points, …) at shares of the way from begin (n or 1, …) to end (n, …), all of a row together."""
    share = share.view(1, -1, *[1] * (end.ndim - 1))
    return (begin[:, None] + share * (end - begin)[:, None]).flatten(0, 1)


def _bases(x, codes, settings):
    """Baselines (n, k, 4, length), and whether they are one constant."""
    made = baselines.make(settings["baseline"], x, codes, settings["n_baselines"], settings["seed"])
    return made, settings["baseline"] in baselines.CONSTANT


def _against_all(x, n_targets, parts, count, constant):
    """Mean over baselines, and the largest error of any as a share of its absolute contributions.

    `parts` gives, for each of `count` baselines and for targets in slices: the slice, multipliers (n, k, 4, length),
    difference (n, k) and the baseline (n or 1, 4, length). They are summed as they come.
    """
    x = x.detach().cpu()
    total = torch.zeros((len(x), n_targets, *x.shape[1:]))
    total_difference, total_error, worst = *torch.zeros((2, len(x), n_targets)), 0.0
    for targets, found, difference, base in parts:
        found, difference, base = found.cpu(), difference.cpu(), base.cpu()[:, None]
        contributions = found * (x[:, None] - base)
        error = contributions.sum(dim=(2, 3)) - difference
        # Below that, the rounding of outputs near 1 would count.
        size = contributions.abs().sum(dim=(2, 3)).clamp_min(1e-3)
        worst = max(worst, (error.abs() / size).max().item())
        total[:, targets] += found if constant else found - (base * found).sum(dim=2, keepdim=True)
        total_difference[:, targets] += difference
        total_error[:, targets] += error
    means = (part.div_(count).numpy() for part in (total, total_difference, total_error))
    return Attribution(*means), worst


def _ism(network, n_targets, settings):
    plain = _plain_ism(network, n_targets, settings)
    if not settings["plan"]:
        return 1, plain
    try:
        plan = Plan(network, settings["length"])
    except Unplannable as error:
        tqdm.write(f"ism: plain forward passes, because {error}", file=sys.stderr)
        return 1, plain
    refuted = False

    def explain(x, codes, targets):
        nonlocal refuted
        if refuted:
            rows = (slice(row, row + 1) for row in range(len(x)))
            parts = [plain(x[row], codes[row], targets.take(row, x.device)).multipliers for row in rows]
            return Attribution(np.concatenate(parts))
        used = targets.used()
        found = exact_ism(
            network,
            codes,
            used,
            x.device,
            memory_mb=settings["memory_mb"],
            batch_size=settings["batch_size"],
            # Other mutants of each block are checked, the same ones where a run resumes.
            seed=[settings["seed"], zlib.crc32(codes.tobytes())],
            progress=False,
            plan=plan,
        )
        refuted = found.route == "plain"
        return Attribution(targets.combine(found.effects, used))

    return max(1, min(ISM_SEQUENCES, _rows_in_memory(network.n_outputs, settings))), explain


def _plain_ism(network, n_targets, settings):
    @torch.inference_mode()
    def explain(x, codes, targets):
        length = x.shape[-1]
        reference = targets.of(network(x))
        effects = torch.zeros((n_targets, 4, length), device=x.device)
        # Position-major list of the mutants: every base that is not the one present.
        position, base = torch.nonzero(x[0].T != 1, as_tuple=True)
        bases = torch.eye(4, device=x.device)
        for start in range(0, len(position), settings["batch_size"]):
            where = position[start : start + settings["batch_size"]]
            what = base[start : start + settings["batch_size"]]
            mutants = x.expand(len(where), 4, length).clone()
            mutants[torch.arange(len(where), device=x.device), :, where] = bases[what]
            effects[:, what, where] = (targets.of(network(mutants)) - reference).T
        return Attribution(effects[None].cpu().numpy())

    return explain


def _taylor_ism(network, n_targets, settings):
    layer = settings["layer"]
    if layer is None:
        raise InputError("taylor_ism: no layer; expected the one up to which the network is followed exactly")
    if layer == "output":
        return _ism(network, n_targets, settings)
    try:
        plan = Plan(network, settings["length"], until=layer)
    except Unplannable as error:
        raise InputError(
            f"taylor_ism: {type(network).__name__} has no layers to start from, because {error}"
        ) from error
    parts = _parts(n_targets, settings)

    def explain(x, codes, targets):
        result = np.empty((len(x), n_targets, *x.shape[1:]), dtype=np.float32)
        for part in parts:
            chosen = targets.part(part)
            result[:, part] = taylor_ism(
                network, codes, chosen, layer, x.device, settings["memory_mb"], settings["smoothing"], plan
            )
        return Attribution(result)

    return _rows_at_once(n_targets, settings), explain


METHODS = {
    "gradient": _gradient,
    "tism": _gradient,
    "integrated_gradients": _integrated_gradients,
    "deep_lift_shap": _deep_lift_shap,
    "ism": _ism,
    "taylor_ism": _taylor_ism,
}
