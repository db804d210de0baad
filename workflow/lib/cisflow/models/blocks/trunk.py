"""Trunk: stem, blocks and summary, from one sequence to its features."""

from torch import nn

from cisflow.models import blocks
from cisflow.models.blocks import stem, summary
from cisflow.models.blocks.common import Shape


class Trunk(nn.Module):
    """(n, 4, length) -> (n, width).

    Parameters
    ----------
    settings : {"stem": mapping, "blocks": list of mappings, "summary": mapping}, as in a config.
    length : in bp.
    where : what they are settings of, for messages.
    """

    def __init__(self, settings, length, where):
        super().__init__()
        read = stem.Settings.complete(settings["stem"], f"{where}.stem")
        self.stem = stem.Block(read, Shape(4, length), f"{where}.stem")
        self.blocks = nn.Sequential()
        self.shape = self.stem.shape
        for number, entry in enumerate(settings["blocks"]):
            place = f"{where}.blocks[{number}]"
            kind, read = blocks.read(entry, place)
            block = kind.Block(read, self.shape, place)
            self.blocks.append(block)
            self.shape = block.shape
        self.summary = summary.Block(summary.Settings.complete(settings["summary"], f"{where}.summary"), self.shape)
        self.width = self.summary.width

    def positions(self, x):
        """(n, 4, length) -> (n, channels, positions): what the summary is of."""
        return self.blocks(self.stem(x))

    def forward(self, x):
        return self.summary(self.positions(x))
