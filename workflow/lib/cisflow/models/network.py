"""Networks: what an architecture states of itself, and a network together with what is known of its outputs."""

import dataclasses

import torch
from torch import nn

from cisflow import tasks
from cisflow.errors import InputError
from cisflow.sequence import dna
from cisflow.tasks.task import Task


def one_hot(codes, device, unknown=0.25):
    """Base codes (n, length) uint8, numpy or torch -> (n, 4, length) float32 on `device`.

    An unknown base is `unknown` in each channel, where there is none all channels are 0.
    """
    codes = torch.as_tensor(codes, device=device)[:, None]
    # Made of kernels alone: copying a table to a GPU would wait for all work before it.
    bases = torch.arange(len(dna.BASES), dtype=torch.uint8, device=device)[:, None]
    return torch.where(codes == dna.UNKNOWN, unknown, (codes == bases).float())


def reverse_complement(codes):
    """Reverse complement of each row of base codes (n, length) uint8, a tensor on any device."""
    return torch.where(codes >= dna.UNKNOWN, codes, 3 - codes).flip(1)


class Architecture(nn.Module):
    """Base of the networks. An architecture is one module of this folder with a class that states `output`.

    Attributes
    ----------
    output : what `forward` returns, "logit" (any number) or "probability"; a literal of the class.
    reads : "one-hot" sequence, or "tokens", which have no gradient towards the bases.
    unknown : what an unknown base is in each channel.
    length : the one length in bp that it reads, or None for any.
    n_outputs : number of outputs, an argument of the constructor.
    """

    output: str
    reads = "one-hot"
    unknown = 0.25
    length: int | None = None
    n_outputs: int

    def inputs(self, codes, device):
        """What `forward` takes for base codes (n, length) uint8, numpy or torch: a tuple of tensors on `device`."""
        return (one_hot(codes, device, self.unknown),)

    def published(self):
        """Names in published checkpoints that are not the network's own: a list of {own name: name in the file}."""
        return []

    def adopt(self, state):
        """Weights as their authors published them -> as this network reads and returns.

        Parameters
        ----------
        state : {own name: tensor}, of the right shapes; it is not changed.

        Returns
        -------
        the weights, and what was changed, in words for the log; "" where nothing was.
        """
        return state, ""

    def pretrained(self):
        """Parts of checkpoints that the network can start from.

        Returns
        -------
        list of ({own name: name in the checkpoint}, prefixes of names that the checkpoint may hold besides), of which
        one that fits is taken; empty for an architecture that starts from no checkpoint.
        """
        return []

    def output_layers(self):
        """For each output where its weights are: [(name of a layer, row of its weights and constants)].

        Those of the last nn.Linear, from as many rows as there are outputs, or from two for each.
        """
        layers = [(name, layer) for name, layer in self.named_modules() if isinstance(layer, nn.Linear)]
        name, rows = (layers[-1][0], layers[-1][1].out_features) if layers else (None, 0)
        each = rows // self.n_outputs
        if each not in (1, 2) or rows % self.n_outputs:
            raise InputError(f"{type(self).__name__}: the weights of its outputs are in no layer of their own")
        return [[(name, each * output + row) for row in range(each)] for output in range(self.n_outputs)]

    def for_inference(self, dtype=torch.float32):
        """An exact faster form of this network, with convolutions in `dtype`; it may share or use up its modules.

        None for an architecture that has none.
        """
        return None


@dataclasses.dataclass(frozen=True, eq=False)
class Network:
    """A network, and what must be known to use it. A trained one comes from `checkpoints.load`.

    Attributes
    ----------
    module : an Architecture; of another torch module is taken that it reads one-hot sequence and returns logits.
    outputs : names of its outputs (t,), or None where they have none.
    strands : what its prediction is of: "both" for the mean over both strands; "forward" for a network that was trained
        without the reverse one, of which it knows nothing.
    task : what its outputs predict.
    links : what makes a prediction of each output (t,), of `tasks.losses.LINKS`; None where the task alone does.
    opposite : of each output (t,) the one that says on the reverse strand what it says on the forward one: its own
        number, or the other of two outputs of one signal on both strands; None where all are their own.
    """

    module: nn.Module
    outputs: list | None = None
    strands: str = "both"
    task: Task = dataclasses.field(default_factory=lambda: tasks.get(tasks.DEFAULT))
    links: list | None = None
    opposite: list | None = None

    @classmethod
    def of(cls, model):
        """A Network as it is, or that of a bare module."""
        return model if isinstance(model, cls) else cls(model)

    @property
    def name(self):
        """Of the class of its module."""
        return type(self.module).__name__

    @property
    def length(self):
        """The one length in bp that it reads, or None for any."""
        return self.module.length

    @property
    def n_outputs(self):
        return self.module.n_outputs

    @property
    def reads(self):
        """What it reads: "one-hot" sequence or "tokens", see Architecture."""
        return self.module.reads if isinstance(self.module, Architecture) else Architecture.reads

    def inputs(self, codes, device):
        """What the network reads of base codes (n, length) uint8, numpy or torch: a tuple of tensors on `device`."""
        if isinstance(self.module, Architecture):
            return self.module.inputs(codes, device)
        return (one_hot(codes, device),)

    def __call__(self, *inputs):
        """Raw outputs (n, t) of what `inputs` gave."""
        return self.module(*inputs)

    def predictions(self, raw):
        """Predictions of raw outputs (…, t), a tensor: probabilities, or what else the task predicts.

        Without `links` the tensor may be of any shape.
        """
        predicted = self.task.link(raw, getattr(self.module, "output", "logit"))
        if self.links is None:
            return predicted
        for link, function in (("exp", torch.exp), ("sigmoid", torch.sigmoid)):
            where = torch.tensor([own == link for own in self.links], device=raw.device)
            predicted = torch.where(where, function(predicted), predicted)
        return predicted

    def turned(self, values):
        """What the network says of the reverse strand (…, t), any tensor, as outputs of the forward one."""
        return values if self.opposite is None else values[..., self.opposite]

    def to(self, device):
        """Itself, with its module on `device`."""
        self.module.to(device)
        return self
