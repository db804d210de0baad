"""Figures drawn from made-up tables, the names that they must hold, and what is checked of every figure."""

import io
import itertools
import re
import warnings
from unittest import mock

import numpy as np
from matplotlib.text import Text

from cisflow.figures import registry, style
from cisflow.sequence import dna

CTCF = "TGGCCACCAGGGGGCGCTA"
LONG = [f"BassetLike_with_attention_pooling_and_reverse_complement_average_{i}" for i in range(10)]
MODELS = ["LR on TF", "LR on HM", "LR on ALL", "LightGBM on TF", "LightGBM on ALL", "FSei"]
MODELS += ["BassetLike", "ConvNet", "AttentionConv", "DNABERT-2"]
METHODS = ["integrated_gradients", "tism", "ism", "deeplift_shap", "gradient_x_input"]
FACTORS = ["CTCF", "CTCFL", "SMAD2::SMAD3::SMAD4", "NFYA", "Ahr::Arnt", "ZNF610", "KLF15", "SP1", "E2F6", "Nrf1"]
FACTORS += ["PPARG::RXRA", "TFAP2A", "EGR1", "ZBTB7A", "MAZ", "RREB1", "THAP1", "YY1", "REST", "HINFP", "GABPA", "ELK4"]
COUNTS = {"n_sequences": 3, "n_patterns": 5, "n_factors": 20, "n_kernels": 16}
DATASET = {"dataset": "demo", "task": "binary"}
SPLIT = DATASET | {"split": "random"}
RUN = SPLIT | {"model": "FSei", "seed": "1"} | COUNTS
NOWHERE = SPLIT | {"dataset": "other"}


def probabilities(consensus, strength=0.88):
    """(4, w) probabilities of a motif with such a consensus."""
    matrix = np.full((4, len(consensus)), (1 - strength) / 3)
    matrix[dna.encode(consensus), np.arange(len(consensus))] = strength
    return matrix


def database_file(path, database):
    """Path of a MEME file of motifs, {id: (name, consensus)}."""
    lines = ["MEME version 4", "", "ALPHABET= ACGT", "", "strands: + -", ""]
    for motif, (name, consensus) in database.items():
        lines += [f"MOTIF {motif} {name}", f"letter-probability matrix: alength= 4 w= {len(consensus)} nsites= 20 E= 0"]
        lines += [" ".join(f"{value:.6f}" for value in column) for column in probabilities(consensus).T] + [""]
    path.write_text("\n".join(lines))
    return str(path)


def drawn(name, inputs, settings):
    """The Figure, drawn in the project's style; matplotlib's complaints are errors."""
    with style.applied(), warnings.catch_warnings():
        warnings.simplefilter("error")
        return registry.draw(name, inputs, settings)


def saved(figure, folder, name="figure"):
    """(bytes of the SVG, bytes of the PNG)."""
    paths = folder / f"{name}.svg", folder / f"{name}.png"
    with style.applied(), warnings.catch_warnings():
        warnings.simplefilter("error")
        style.save(figure, *paths)
    return tuple(path.read_bytes() for path in paths)


def svg(figure):
    """The SVG."""
    handle = io.StringIO()
    with style.applied():
        figure.savefig(handle, format="svg", metadata={"Date": None})
    return handle.getvalue()


def svg_text(figure):
    """All text of the SVG, one line an element."""
    elements = re.findall(r"<text[^>]*>.*?</text>", svg(figure), re.DOTALL)
    return "\n".join(re.sub(r"<[^>]+>", "", element) for element in elements)


def check_layout(figure):
    """Assert that a figure fits a journal's page, and that no text is small, outside it or upon another."""
    # By artist: a figure may be drawn twice, first to lay it out.
    placed = {}
    draw = Text.draw

    def record(self, renderer):
        draw(self, renderer)
        if self.get_visible() and self.get_text().strip():
            placed[id(self)] = self.get_text(), self.get_window_extent(renderer), self.get_fontsize()

    width, height = figure.get_size_inches() * 25.4
    assert width <= 183.5 and height <= 247, "larger than a journal page"
    with style.applied(), warnings.catch_warnings(), mock.patch.object(Text, "draw", record):
        warnings.simplefilter("error")
        figure.draw_without_rendering()
    texts, page = list(placed.values()), figure.bbox
    assert texts
    for text, box, size in texts:
        assert size >= 7, text
        assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= page.x1 + 1 and box.y1 <= page.y1 + 1, text
    for (text, box, _), (other, second, _) in itertools.combinations(texts, 2):
        width = min(box.x1, second.x1) - max(box.x0, second.x0)
        height = min(box.y1, second.y1) - max(box.y0, second.y0)
        assert width < 1 or height < 1, f"{text!r} and {other!r} overlap"


def check_reproducible(case, folder):
    """Assert that a case, drawn twice, is saved as the same bytes, without date or version."""
    first, second = (saved(drawn(*case), folder, name) for name in ("first", "second"))
    assert first == second
    assert b"tEXt" not in first[1] and b"tIME" not in first[1]
    assert b"<dc:date>" not in first[0] and b"matplotlib v" not in first[0].lower()


def empty_cases(cases):
    """Names of the cases of no result."""
    return [name for name in cases if "no " in f"{name} " or "nothing" in name]


def check_says_why(figure):
    """Assert that a figure of no result says why there is none."""
    assert re.search(r"No |None of|Only 12 seqlets|at least two", svg_text(figure).replace("\n", " "))
