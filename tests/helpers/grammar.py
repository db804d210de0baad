"""A network in closed form: motifs that add known numbers to its output, and pairs that add more at one spacing."""

import torch
from torch import nn

from cisflow.sequence import dna

# Eight bases each, none of which holds a shift of another, and none its own reverse complement.
MOTIFS = {"one": "GATTACAC", "two": "CCGTAGTT", "three": "AGGTCTCG"}
EFFECTS = {"one": 1.5, "two": -0.75, "three": 0.5}
# (first, second, bases between) -> what both add beside their own, the first before the second on the forward strand.
SYNERGIES = {("one", "two", 4): 2.0, ("one", "three", 10): -1.0}


class Grammar(nn.Module):
    """Output 0 is the sum of EFFECTS of every motif on the forward strand and of SYNERGIES; output 1 is its negative.

    A motif is found where all its bases match: a convolution of which a match has 1 and anything else 0.
    """

    n_outputs = 2

    def __init__(self):
        super().__init__()
        kernels = torch.stack([torch.from_numpy(dna.one_hot(dna.encode(bases))) for bases in MOTIFS.values()])
        self.register_buffer("kernels", kernels)

    def forward(self, x):
        found = torch.relu(nn.functional.conv1d(x, self.kernels) - 7.5) * 2
        sums = sum(EFFECTS[name] * found[:, number].sum(1) for number, name in enumerate(MOTIFS))
        names = list(MOTIFS)
        for (first, second, gap), synergy in SYNERGIES.items():
            apart = 8 + gap
            both = found[:, names.index(first), :-apart] * found[:, names.index(second), apart:]
            sums = sums + synergy * both.sum(1)
        return torch.stack([sums, -sums], dim=1)
