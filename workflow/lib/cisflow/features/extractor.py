"""Feature extractors: what a network is asked of windows, by whom it was trained, and what its outputs are called."""

import json
import sys

from cisflow.config.settings import complain, setting
from cisflow.errors import InputError
from cisflow.features import arrays as features
from cisflow.features.variants import Alleles
from cisflow.io.genome import Genome
from cisflow.models import checkpoints, inference
from cisflow.models.inference import Settings as Inference
from cisflow.models.network import Network
from cisflow.sequence import dna
from cisflow.sequence.context import Sequences

# Keys of an extractor that say which network it is, and not what is asked of it.
NETWORK = ("model", "architecture", "settings")
PADDING = {"unknown": dna.UNKNOWN, "zeros": dna.ABSENT}


class Settings(Inference):
    """Targets of a multi-output network."""

    groups: str = setting(
        "legacy",
        choices=["legacy", "corrected"],
        meaning="Rule that files Sei's targets under TF, histone and accessibility; legacy is the published one.",
    )
    context: str = setting(
        "none",
        choices=["none", "pad", "genome"],
        meaning="Around the window: nothing, padding, or the genome's own sequence.",
    )
    padding: str = setting(
        "unknown",
        choices=["unknown", "zeros"],
        meaning="Around the window where context is pad: unknown bases, 0.25 in each channel, or zeros.",
    )
    length: int | None = setting(
        None, minimum=1, meaning="Length the network sees, in bp; null is its own, or the window's."
    )
    strands: str = setting(
        "both",
        choices=["both", "forward", "separate"],
        meaning="Mean over both strands, the forward one alone, or both as rows of their own: a classifier is then "
        "fitted to both and predicts both.",
    )


def arguments(parser):
    """Options of a command that runs a feature extractor; `read` takes what they give."""
    choices = {name: entry.get("enum") for name, entry in Settings.schema().items()}
    parser.add_argument("--weights", required=True, help="checkpoint, .safetensors or PyTorch")
    parser.add_argument("--extractor", default={}, type=json.loads, help="JSON of the settings below, names as in them")
    parser.add_argument("--architecture", help="of weights that cisflow did not train, e.g. Sei")
    parser.add_argument("--settings", type=json.loads, help="JSON: the architecture's settings")
    parser.add_argument("--length", type=int, help="bases the network sees (default: its own, or that of windows)")
    parser.add_argument("--strands", choices=choices["strands"], help="mean of both (default), forward alone, or each")
    parser.add_argument("--batch-size", type=int, help="windows in a forward pass (default: what memory holds)")
    parser.add_argument("--precision", choices=choices["precision"], help="arithmetic (default: float32)")
    parser.add_argument("--groups", choices=choices["groups"], help="rule for Sei's targets (default: legacy)")
    parser.add_argument("--names", help="list of target names, where the checkpoint has none")


def read(args):
    """The extractor that the options give: those of the JSON, overridden by options of their own.

    Raises
    ------
    InputError : a setting that there is not, or out of its range.
    """
    names = (*NETWORK[1:], *Settings.schema())
    given = {name: getattr(args, name, None) for name in names}
    extractor = args.extractor | {name: value for name, value in given.items() if value is not None}
    own = {name: value for name, value in extractor.items() if name not in NETWORK}
    complain(own, Settings.block(), "extractor")
    return extractor


def load(extractor, weights):
    """The Network that an extractor names, or the one that a checkpoint of cisflow's own holds."""
    if extractor.get("architecture"):
        module = checkpoints.load_pretrained(extractor["architecture"], extractor.get("settings", {}), weights)
        return Network(module)
    return checkpoints.load(weights)


def ready(network, extractor, device):
    """A loaded Network on `device`, made fast for inference at the extractor's `precision` ("float32")."""
    network, precision = inference.prepare(network, extractor.get("precision", "float32"), device)
    print(f"features: {network.name} in {precision} on {device}", file=sys.stderr)
    return network


def open_sequences(rows, network, extractor, genome=None):
    """`inputs.Rows` as the network sees them.

    Parameters
    ----------
    extractor : `length` (the network's own, or the windows'), `context` ("genome" where one is given, or "pad") and
        `padding` ("unknown").
    genome : path of a FASTA, or None.

    Raises
    ------
    InputError : whatever `Sequences` refuses, a length that the network does not accept, or padding with zeros where
        nothing is padded.
    """
    context = extractor.get("context") or ("genome" if genome else "pad")
    length = extractor.get("length") or network.length
    padding = extractor.get("padding", "unknown")
    if padding == "zeros" and context != "pad":
        raise InputError(f"padding: found zeros and context {context}; expected context pad")
    if rows.variants is None:
        given = Genome(genome) if genome else None
        sequences = Sequences(rows.frame, rows.codes, length, context, given, PADDING[padding])
    elif context == "genome" and length:
        sequences = Alleles(rows.variants, Genome(genome), length)
    else:
        raise InputError("variants have no length of their own: expected context genome and a length")
    if network.length and sequences.length != network.length:
        raise InputError(f"windows have {sequences.length} bases, the network expects {network.length}")
    return sequences


def target_names(extractor, weights, n_targets, path=None):
    """Names and groups of a network's targets: of the list at `path`, or of the checkpoint, or numbered."""
    if path:
        return features.read_target_names(path, extractor.get("groups", "legacy"), n_targets)
    named = None if extractor.get("architecture") else checkpoints.read_header(weights).get("targets")
    return named or [f"target_{number}" for number in range(n_targets)], ["all"] * n_targets
