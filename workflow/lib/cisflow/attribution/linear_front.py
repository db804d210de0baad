"""The layers of a network before its first non-linearity, taken apart from the rest."""

from torch import fx, nn

# Affine in their input, in eval mode.
AFFINE = (
    nn.Conv1d,
    nn.Conv2d,
    nn.Linear,
    nn.BatchNorm1d,
    nn.BatchNorm2d,
    nn.AvgPool1d,
    nn.Dropout,
    nn.Identity,
    nn.Flatten,
    nn.Unflatten,
)


class _Tracer(fx.Tracer):
    def is_leaf_module(self, module, name):
        """Takes modules without children whole, so that what they compute from shapes is not followed."""
        return super().is_leaf_module(module, name) or not any(module.children())


def split(network):
    """A network in eval mode as (front, rest), with `network(x) = rest(front(x))` and `front` affine.

    The front is the chain of affine modules that the input goes through alone. It is the identity for a network that
    starts otherwise, or whose course torch.fx cannot follow. Weights are shared with the network, not copied.
    """
    try:
        graph = _Tracer().trace(network)
    # fx gives up on control flow with whatever error the network's own code then raises.
    except Exception:
        return nn.Identity(), network
    start = next(node for node in graph.nodes if node.op == "placeholder")
    chain = []
    end = start
    while len(end.users) == 1:
        node = next(iter(end.users))
        affine = node.op == "call_module" and isinstance(network.get_submodule(node.target), AFFINE)
        if not affine or node.args != (end,) or node.kwargs:
            break
        chain.append(node)
        end = node
    if not chain:
        return nn.Identity(), network
    front = nn.Sequential(*(network.get_submodule(node.target) for node in chain))
    end.replace_all_uses_with(start)
    for node in reversed(chain):
        graph.erase_node(node)
    return front, fx.GraphModule(network, graph)
