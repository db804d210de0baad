"""Networks: the registry of architectures, `Network`, checkpoints, and the pass over windows."""

from cisflow.models import checkpoints
from cisflow.models.checkpoints import load_pretrained, read_header, save, take_weights
from cisflow.models.network import Architecture, Network, one_hot
from cisflow.models.registry import architectures, build

__all__ = [
    "Architecture",
    "Network",
    "architectures",
    "build",
    "load",
    "load_pretrained",
    "one_hot",
    "read_header",
    "save",
    "take_weights",
]
ARCHITECTURES = {
    "AttentionConv": "attention_conv",
    "BassetLike": "basset",
    "Beluga": "beluga",
    "ConvNet": "convnet",
    "DNABERT2": "dnabert2",
    "FSei": "fsei",
    "MotifCNN": "motif_cnn",
    "Sei": "sei",
}


def reads_tokens(model):
    return Network.of(model).reads == "tokens"


def inputs(model, codes, device):
    return Network.of(model).inputs(codes, device)[0]


def probabilities(model, outputs):
    return Network.of(model).predictions(outputs)


def strands(model):
    return getattr(model, "strands", "both")


def load(path):
    network = checkpoints.load(path)
    network.module.strands = network.strands
    return network.module, read_header(path)
