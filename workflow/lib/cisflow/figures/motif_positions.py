"""Effects of motifs by position: what an output gains where a motif stands here or there in backgrounds."""

from cisflow.figures import given, style
from cisflow.figures.motif_effects import axis, shortened, strongest
from cisflow.io import tables

FIGURE = {
    "of": "effects",
    "label": "effects of motifs by position",
    "order": 171,
    "inputs": {"positions": "motif_positions"},
}
TEXT = ("target", "scale", "background", "motif", "strand")
NUMBERS = ("middle", "effect", "lower", "upper")
MOTIFS, COLUMNS = 12, 4
LOOKS = {"+": ("Forward", style.BLUE), "-": ("Reverse", style.VERMILLION)}
TITLE_WIDTH = 60
# Millimetres.
PANEL, HEAD = 30, 14


def draw(inputs, settings):
    """The Figure: a panel for each motif, of the output and the background where motifs do most.

    Parameters
    ----------
    inputs : positions: path of the table. settings : not used.
    """
    given.demand("motif_positions", "inputs", inputs, ("positions",))
    found = tables.table(inputs["positions"], TEXT, NUMBERS)
    if found.empty:
        return style.explained("No motif was put into backgrounds.")
    most = found.loc[found["effect"].abs().idxmax()]
    found = found[(found["target"] == most["target"]) & (found["background"] == most["background"])]
    motifs = strongest(found, MOTIFS)
    columns = min(COLUMNS, len(motifs))
    rows = -(-len(motifs) // columns)
    figure = style.figure(style.DOUBLE, HEAD + PANEL * rows)
    drawn = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for number, axes in enumerate(drawn.flat):
        if number >= len(motifs):
            axes.set_axis_off()
            continue
        axes.axhline(0, color=style.GREY, linewidth=0.6)
        for strand, (label, colour) in LOOKS.items():
            own = found[(found["motif"] == motifs[number]) & (found["strand"] == strand)].sort_values("middle")
            axes.plot(own["middle"], own["effect"], color=colour, label=label)
            axes.fill_between(own["middle"], own["lower"], own["upper"], color=colour, alpha=0.2, linewidth=0)
        axes.set_title(shortened(motifs[number]))
    # Panels without one below have their axis too.
    for axes in drawn.flat[max(len(motifs) - columns, 0) : len(motifs)]:
        axes.tick_params(labelbottom=True)
    figure.supxlabel("Middle of the motif (bp from the start of the window)", fontsize=style.TEXT)
    figure.supylabel(axis(most["scale"]), fontsize=style.TEXT)
    title = style.wrap(f"{most['target']}, backgrounds: {most['background']}", TITLE_WIDTH)
    figure.suptitle(title.split("\n")[0])
    figure.legend(*drawn[0, 0].get_legend_handles_labels(), loc="outside upper right", ncols=2)
    return figure
