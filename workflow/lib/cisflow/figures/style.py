"""One look for all figures: sizes and type of a journal page, colours that survive colour blindness, exact files."""

import contextlib
import re
from itertools import count
from typing import NamedTuple

import matplotlib

matplotlib.use("Agg")

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from cisflow.io import files

# Widths of one and of two journal columns, and the highest figure that leaves room for a caption, in mm.
SINGLE, DOUBLE = 89, 183
PAGE = 245
MM = 1 / 25.4
DPI = 400
TEXT = 7
LETTER = 9

# Okabe and Ito's palette (https://jfly.uni-koeln.de/color/) without its yellow: a thin yellow line is lost on white.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILLION, PURPLE = "#0072B2", "#D55E00", "#CC79A7"
GREY, PALE = "#767676", "#F0F0F0"

BASE_COLOURS = {"A": GREEN, "C": BLUE, "G": ORANGE, "T": VERMILLION}

# Five and seven are coprime: 35 models differ in the pair of colour and dashes, and neighbours differ in both.
COLOURS = (BLUE, VERMILLION, GREEN, BLACK, ORANGE, PURPLE, SKY)
DASHES = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1.2, 1, 1.2)), (0, (8, 2)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

# Attribution methods and the control beside them, as papers write them. Their order gives each its look.
METHODS = {
    "deep_lift_shap": "DeepLIFT/SHAP",
    "integrated_gradients": "Integrated gradients",
    "ism": "ISM",
    "plain_ism": "Plain ISM",
    "taylor_ism": "Taylor ISM",
    "tism": "TISM",
    "gradient": "Gradient",
    "random": "Random",
}

RC = {
    "font.family": "sans-serif",
    # DejaVu Sans comes with matplotlib, so that every machine lays out the same; the others are for SVG viewers.
    "font.sans-serif": ["DejaVu Sans", "Arial", "Helvetica"],
    "font.size": TEXT,
    "axes.labelsize": TEXT,
    "axes.titlesize": TEXT,
    "xtick.labelsize": TEXT,
    "ytick.labelsize": TEXT,
    "legend.fontsize": TEXT,
    "figure.titlesize": TEXT,
    "axes.titlepad": 4,
    "axes.labelpad": 2.5,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.major.pad": 2,
    "ytick.major.pad": 2,
    "lines.linewidth": 1.1,
    "lines.markersize": 4,
    "legend.frameon": False,
    "legend.handlelength": 2.2,
    "legend.borderaxespad": 0.3,
    "figure.constrained_layout.h_pad": 0.03,
    "figure.constrained_layout.w_pad": 0.03,
    "savefig.dpi": DPI,
    "svg.fonttype": "none",
    "svg.hashsalt": "cisflow",
    # Names that have a dollar are no formulas.
    "text.parse_math": False,
}


SUPERSCRIPT = str.maketrans("0123456789", "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079")


class Look(NamedTuple):
    """How a model is drawn: a colour, and as a second cue dashes and a marker."""

    colour: str
    dashes: object
    marker: str


@contextlib.contextmanager
def applied():
    """Draw and save in the project's style, whatever the user's matplotlibrc says."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(RC)
        yield


def figure(width, height, layout="constrained"):
    """An empty Figure of a size in mm."""
    return Figure(figsize=(width * MM, height * MM), layout=layout)


def place(figure, left, top, width, height, **keywords):
    """Axes at a place in mm, measured from the left and upper edge of a figure without automatic layout."""
    full_width, full_height = figure.get_size_inches() / MM
    box = (left / full_width, 1 - (top + height) / full_height, width / full_width, height / full_height)
    return figure.add_axes(box, **keywords)


def write(figure, left, top, text, **keywords):
    """Text at a place in mm from the left and upper edge of a figure."""
    full_width, full_height = figure.get_size_inches() / MM
    return figure.text(left / full_width, 1 - top / full_height, text, **keywords)


def panel(axes, letter, title=""):
    """Name a panel: a bold letter at its upper left corner and a short title."""
    axes.set_title(letter, loc="left", fontweight="bold", fontsize=LETTER)
    axes.set_title(title, loc="center")


def log_ticks(axis):
    """Ticks of a log axis at 1, 2 and 5 times the powers of ten where it spans less than two of these, else at each."""
    low, high = sorted(axis.get_view_interval())
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 100 * low else (1,), numticks=12))
    axis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_minor_formatter(NullFormatter())


def letters():
    """Panel letters a, b, c, ..."""
    return iter("abcdefghijklmnopqrstuvwxyz")


def explain(axes, text, width=60):
    """Make a panel that has nothing to show say why."""
    axes.set_axis_off()
    axes.text(
        0.5,
        0.5,
        wrap(text, width),
        transform=axes.transAxes,
        ha="center",
        va="center",
        color=GREY,
        bbox={"boxstyle": "round,pad=0.8", "facecolor": PALE, "edgecolor": "none"},
    )


def explained(text, width=SINGLE, height=40):
    """A valid figure of an empty result: one panel that says why there is nothing to show."""
    result = figure(width, height)
    explain(result.add_subplot(), text, width=int(width * 0.55))
    return result


def looks(names):
    """A Look for each name, the same for the same set of names."""
    return {name: look(i) for i, name in enumerate(sorted(set(names)))}


def method_looks(names):
    """A Look for each attribution method: that of one in METHODS is the same in all figures."""
    names = set(names)
    numbers = {name: i for i, name in enumerate(METHODS) if name in names}
    free = (i for i in count() if i not in set(numbers.values()))
    others = dict(zip(sorted(names - set(numbers)), free, strict=False))
    return {name: look(i) for name, i in (numbers | others).items()}


def look(i):
    """The Look number `i`."""
    # Where colours begin again, markers are those of the next colour.
    marker = MARKERS[(i + i // len(COLOURS)) % len(MARKERS)]
    return Look(COLOURS[i % len(COLOURS)], DASHES[i % len(DASHES)], marker)


def method_label(method):
    """A method's name as papers write it."""
    return METHODS.get(method, method.replace("_", " ").capitalize())


def wrap(text, width):
    """Break text into lines of at most `width` characters, after a space, `-`, `_`, `.`, `:` or `/` where it can."""
    lines = [""]
    for piece in re.findall(r"[^\s\-_.:/]*[\s\-_.:/]*", text):
        while len(lines[-1]) + len(piece.rstrip()) > width:
            if not lines[-1]:
                lines[-1], piece = piece[:width], piece[width:]
            lines.append("")
        lines[-1] += piece
    return "\n".join(line.rstrip() for line in lines).rstrip()


def number(value, lower=float("nan"), upper=float("nan"), digits=3):
    """`0.812 (0.795-0.828)`, without the interval where it is not known; `n/a` for a missing value.

    A dash between numbers would be taken for a minus where one of them is negative: `-0.21 (-0.29 to -0.14)`.
    """
    if value != value:
        return "n/a"
    value, lower, upper = (f"{number:.{digits}f}".replace("-", "\u2212") for number in (value, lower, upper))
    between = " to " if "\u2212" in lower + upper else "\u2013"
    return value if "nan" in (lower, upper) else f"{value} ({lower}{between}{upper})"


def small(value):
    """A p or q value: three decimals, or two significant digits and a power of ten below 0.001."""
    if value != value:
        return "n/a"
    if value >= 0.001 or value <= 0:
        return f"{value:.3f}" if value > 0 else "0"
    digits, _, power = f"{value:.1e}".partition("e-")
    return f"{digits}\u00d710\u207b{str(int(power)).translate(SUPERSCRIPT)}"


def save(figure, svg, png):
    """Write a figure as SVG (text stays text) and PNG, atomically; same figure, same bytes."""
    with files.atomic(svg) as vector, files.atomic(png) as bitmap:
        figure.savefig(vector, format="svg", metadata={"Date": None, "Creator": None})
        figure.savefig(bitmap, format="png", metadata={"Software": None})
