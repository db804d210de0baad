"""Modular: one network, composed of blocks as its settings say, for any number of modalities and of inputs."""

import torch
from torch import nn

from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.errors import InputError, listing
from cisflow.models.blocks import dense, heads, join
from cisflow.models.blocks.trunk import Trunk
from cisflow.models.network import Architecture

LENGTH = 600
PARTS = ("stem", "blocks", "summary")


class Settings(settings.Settings):
    """What a network is composed of."""

    stem: dict = setting({}, meaning="What reads the bases.")
    blocks: list[dict] = setting(None, meaning="What lies between, in this order; the key `kind` says what each is.")
    summary: dict = setting({}, meaning="What becomes one row of numbers a sequence.")
    dense: dict = setting(None, meaning="A dense stack on these numbers. Without it the heads read them.")
    heads: dict[str, dict] = setting(
        None, meaning="Dense layers of a modality's own, before its last one, by the modality's name."
    )
    trunks: list[dict] = setting(
        None, meaning="For each input, in their order, `stem`, `blocks` and `summary` where its trunk is another."
    )
    shared: bool = setting(
        False,
        meaning="One trunk for all inputs, which then have one length; under a formula the dense stack and heads too.",
    )
    join: dict = setting({}, meaning="How several inputs are joined.")
    joins: dict[str, dict] = setting(None, meaning="The same for modalities that are joined otherwise, by their name.")
    profile: dict = setting({}, meaning="The head for shapes, where the dataset has bins.")
    vectors: int = setting(
        None,
        word="full",
        minimum=1,
        meaning="Heads read a vector of each track, the dataset's `track_features`, so that a track that no training "
        "saw is predicted from its vector: `full`, or through so many numbers (the rank of the bilinear form).",
    )


class Modular(Architecture):
    """(n, 4, length) -> (n, n_outputs) raw outputs: a trunk for each input, what joins them, and a head a modality.

    A trunk is a stem, blocks and a summary; behind it come a dense stack and the heads. With several inputs a row holds
    their sequences side by side, and each has a trunk of its own, or all share one. They are joined by the dense stack,
    on the features of all, or by a formula of one term for each (blocks.join); every term then has a dense stack and
    heads of its own, or all share these too.

    Parameters
    ----------
    length : in bp, of all inputs together; 600 without it, or the sum of the segments.
    n_outputs : outputs; 1 without it, or those of the modalities.
    modalities : {name: number of outputs}, or pairs of them, in the order of the outputs; one named `signal` without.
    segments : lengths of the inputs in bp; None for one input.
    bins : of a profile; the network then has a head for shapes.
    track_features : names of the numbers of a track's vector, where heads read one (`vectors`); `blocks.vectors.fill`
        then gives the vectors.
    stem and others : see Settings, and the modules of models.blocks for what each of them takes.

    Raises
    ------
    InputError : an unknown setting, or one of a wrong value; numbers that contradict each other.
    """

    output = "logit"

    def __init__(
        self,
        length=None,
        n_outputs=None,
        stem=None,
        blocks=None,
        summary=None,
        dense=None,
        heads=None,
        modalities=None,
        segments=None,
        trunks=None,
        shared=None,
        join=None,
        joins=None,
        profile=None,
        bins=None,
        vectors=None,
        track_features=None,
    ):
        super().__init__()
        given = {"stem": stem, "blocks": blocks, "summary": summary, "dense": dense, "heads": heads, "trunks": trunks}
        given |= {"shared": shared, "join": join, "joins": joins, "profile": profile, "vectors": vectors}
        # An empty list or mapping says no more than none.
        given = {name: value for name, value in given.items() if value is not None and value not in ([], {})}
        read = Settings.complete(given, type(self).__name__)
        self.modalities = _modalities(modalities, n_outputs)
        self.n_outputs = sum(self.modalities.values())
        self.segments = _segments(segments, length, read.shared)
        self.length = sum(self.segments)
        self.shared = read.shared
        parts = {"stem": read.stem, "blocks": read.blocks or [], "summary": read.summary}
        self.trunks = nn.ModuleList(self._trunks(parts, read.trunks))
        self.joins = self._joins(read.join, read.joins or {})
        widths = [trunk.width for trunk in self.trunks]
        if self.joins is None:
            widths = [sum(widths) * (len(self.segments) if read.shared else 1)]
        self.track_features = self._features_of_tracks(read.vectors, track_features, bins)
        rank = None if read.vectors == "full" else read.vectors
        self.readouts = nn.ModuleList(self._readout(read.dense, read.heads or {}, width, rank) for width in widths)
        self.bins = bins
        self.shape = None if bins is None else self._shape(read.profile, bins)

    def _trunks(self, given, trunks):
        """The trunks: one for each input, or the one that all share."""
        name = type(self).__name__
        count = 1 if self.shared else len(self.segments)
        if trunks is not None and len(trunks) != count:
            raise InputError(f"{name}.trunks: {len(trunks)} given; expected {count}")
        for number in range(count):
            own = {} if trunks is None else trunks[number]
            where = name if trunks is None else f"{name}.trunks[{number}]"
            if unknown := set(own) - set(PARTS):
                raise InputError(f"{where}: unknown key '{sorted(unknown)[0]}'; expected keys: {', '.join(PARTS)}")
            yield Trunk(given | own, self.segments[number], where)

    def _joins(self, common, own):
        """A formula a modality; None for one input, or where a dense stack joins them."""
        name = type(self).__name__
        if unknown := set(own) - set(self.modalities):
            raise InputError(
                f"{name}.joins: no modality '{sorted(unknown)[0]}'; expected some of {listing(self.modalities)}"
            )
        if len(self.segments) == 1:
            if common or own:
                raise InputError(f"{name}.join: there is one input; expected several (segments)")
            return None
        read = {"join": join.Settings.complete(common, f"{name}.join")}
        read |= {key: join.Settings.complete(given, f"{name}.joins.{key}") for key, given in own.items()}
        if all(settings.kind == "dense" for settings in read.values()):
            return None
        chosen = [(key, key if key in own else "join") for key in self.modalities]
        for _, key in chosen:
            if read[key].kind == "dense":
                raise InputError(f"{name}.{key}: dense beside formulas; expected a formula for every modality")
        return nn.ModuleList(join.Block(read[key], len(self.segments), f"{name}.{key}") for _, key in chosen)

    def _features_of_tracks(self, vectors, names, bins):
        """Names of the features that heads read, with their scales as buffers; None of heads that read none."""
        name = type(self).__name__
        if vectors is None:
            return None
        if not names:
            raise InputError(f"{name}.vectors: {vectors}, and tracks have no features; expected track_features")
        if bins is not None:
            raise InputError(f"{name}.vectors: {vectors} of a profile of {bins} bins; expected numbers without bins")
        self.register_buffer("feature_centre", torch.zeros(len(names)))
        self.register_buffer("feature_scale", torch.ones(len(names)))
        return list(names)

    def _readout(self, stack, own, width, rank):
        name = type(self).__name__
        if unknown := set(own) - set(self.modalities):
            raise InputError(
                f"{name}.heads: no modality '{sorted(unknown)[0]}'; expected some of {listing(self.modalities)}"
            )
        stack = None if stack is None else dense.Settings.complete(stack, f"{name}.dense")
        own = {key: dense.Settings.complete(given, f"{name}.heads.{key}") for key, given in own.items()}
        features = None if self.track_features is None else len(self.track_features)
        return heads.Readout(stack, own, self.modalities, width, features, rank)

    def _shape(self, given, bins):
        """The head for shapes of profiles: convolution, crop, and the mean over each bin."""
        name = type(self).__name__
        settings = heads.Profile.complete(given, f"{name}.profile")
        if len(self.segments) > 1:
            raise InputError(f"{name}.bins: a profile of {len(self.segments)} inputs; expected one")
        channels, positions, stride = self.trunks[0].shape
        crop, rest = divmod(settings.crop, stride)
        left = positions - 2 * crop
        if rest or left < bins or left % bins:
            raise InputError(
                f"{name}.bins: {bins} of {positions} positions, {stride} bp each, less {settings.crop} bp on both "
                "sides; expected bins that divide the positions left"
            )
        convolution = nn.Conv1d(channels, self.n_outputs, settings.width, padding="same")
        return nn.Sequential(convolution, nn.ConstantPad1d(-crop, 0.0), nn.AvgPool1d(left // bins))

    def forward(self, x):
        if self.joins is None:
            return self.readouts[0](self.features(x))
        return self._joined(self._of_each(self.readouts, self._features(x)))

    def features(self, x):
        """(n, 4, length) -> (n, width): the summaries of all inputs side by side, where no formula joins them."""
        found = self._features(x)
        return found[0] if len(found) == 1 else torch.cat(found, dim=1)

    def heads_of(self, modality):
        """The head of a modality, and those of each input where a formula joins them: list of nn.Sequential."""
        return [readout.heads[heads.head(modality)] for readout in self.readouts]

    def profile(self, x):
        """(n, 4, length) -> raw totals (n, t), and logits of shapes (n, t, bins), of which softmax gives shares.

        Raises
        ------
        InputError : the network has no head for shapes.
        """
        if self.shape is None:
            raise InputError(f"{type(self).__name__}: no profile, as it has no bins")
        positions = self.trunks[0].positions(x)
        return self.readouts[0](self.trunks[0].summary(positions)), self.shape(positions)

    def parts(self, x):
        """(n, 4, length) -> (n, inputs, n_outputs): what each output is a formula of, see join.Block.parts.

        Raises
        ------
        InputError : no formula joins inputs in this network.
        """
        if self.joins is None:
            raise InputError(f"{type(self).__name__}: no parts, as no formula joins its inputs")
        terms = self._of_each(self.readouts, self._features(x))
        found = [formula.parts(part) for formula, part in zip(self.joins, self._by_modality(terms), strict=True)]
        return torch.stack([torch.cat(of_input, dim=1) for of_input in zip(*found, strict=True)], dim=1)

    def output_layers(self):
        """For each output, in their order, where its weights are: (names of the last layers, row of these)."""
        found = []
        before = 0
        for name, count in self.modalities.items():
            last = f"heads.{heads.head(name)}"
            layers = [
                f"readouts.{number}.{last}.{len(readout.get_submodule(last)) - 1}"
                for number, readout in enumerate(self.readouts)
            ]
            # The head for shapes has the rows of all outputs.
            shape = [] if self.shape is None else ["shape.0"]
            for row in range(count):
                found.append([(layer, row) for layer in layers] + [(layer, before + row) for layer in shape])
            before += count
        return found

    def _features(self, x):
        if len(self.segments) == 1:
            return [self.trunks[0](x)]
        starts = [sum(self.segments[:number]) for number in range(len(self.segments))]
        return self._of_each(
            self.trunks, [x.narrow(2, start, length) for start, length in zip(starts, self.segments, strict=True)]
        )

    def _of_each(self, modules, inputs):
        """[module(input)], with a module for each input, or one for all."""
        if not self.shared:
            return [module(part) for module, part in zip(modules, inputs, strict=True)]
        if self.training:
            # In one batch, so that batch normalisation sees the same of all inputs as it does later.
            together = modules[0](torch.stack(inputs, dim=1).flatten(0, 1))
            return list(together.unflatten(0, (-1, len(inputs))).unbind(1))
        return [modules[0](part) for part in inputs]

    def _by_modality(self, terms):
        """[(n, t) of each input] -> for each modality [(n, its outputs) of each input]."""
        if len(self.modalities) == 1:
            return [terms]
        counts = list(self.modalities.values())
        starts = [sum(counts[:number]) for number in range(len(counts))]
        return [[term.narrow(1, start, count) for term in terms] for start, count in zip(starts, counts, strict=True)]

    def _joined(self, terms):
        found = [formula(part) for formula, part in zip(self.joins, self._by_modality(terms), strict=True)]
        return found[0] if len(found) == 1 else torch.cat(found, dim=1)


def _modalities(given, n_outputs):
    """{name: number of outputs}, in their order."""
    if given is None:
        return {"signal": 1 if n_outputs is None else n_outputs}
    # JSON sorts the names of an object, and their order is that of the outputs: pairs keep it.
    found = dict(given.items() if isinstance(given, dict) else given)
    names = {heads.head(name) for name in found}
    if (
        not found
        or len(names) != len(given)
        or any(not isinstance(count, int) or count < 1 for count in found.values())
    ):
        raise InputError(f"modalities: {given}; expected distinct names, and of each the number of its outputs")
    if n_outputs is not None and sum(found.values()) != n_outputs:
        raise InputError(f"modalities: {found} are {sum(found.values())} outputs; expected {n_outputs}")
    return found


def _segments(given, length, shared):
    """Lengths of the inputs."""
    found = [LENGTH if length is None else length] if given is None else list(given)
    if any(not isinstance(part, int) or part < 1 for part in found) or not found:
        raise InputError(f"segments: {given}; expected the length of each input in bp")
    if length is not None and sum(found) != length:
        raise InputError(f"segments: {found} are {sum(found)} bp; expected {length}")
    if shared and (len(found) < 2 or len(set(found)) > 1):
        raise InputError(f"segments: {found} under a shared trunk; expected several of one length")
    return found
