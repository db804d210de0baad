"""Random weights under which a network's outputs differ, from each other and from one half."""

import torch
from torch import nn


@torch.no_grad()
def randomise(model, generator=None):
    """Weights that keep a signal's size from layer to layer, and biases that are not negligible; in place."""
    for module in model.modules():
        if isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Linear)):
            module.weight.normal_(0, (1.5 / module.weight[0].numel()) ** 0.5, generator=generator)
            if module.bias is not None:
                module.bias.normal_(0, 0.3, generator=generator)
    return model.eval().requires_grad_(False)


@torch.no_grad()
def spread_sei(sei, x, deviation=1.0, seed=0):
    """A random Sei whose logits, over the sequences x and all targets, have mean 0 and this standard deviation."""
    randomise(sei, torch.Generator().manual_seed(seed))
    last = sei.classifier[2]
    logits = []
    handle = last.register_forward_hook(lambda _, inputs, output: logits.append(output))
    sei(x)
    handle.remove()
    factor = deviation / logits[0].std()
    last.weight *= factor
    last.bias.sub_(logits[0].mean()).mul_(factor)
    return sei


def unlike_each_other(model):
    """Statistics and weights that training could give: those of an untrained normalisation do nothing."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
    return model.eval()
