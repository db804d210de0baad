"""Panels side by side, as many as there are, within a page."""

from cisflow.figures import style

COLUMNS = 3


def grid(count, height, legend=8):
    """(Figure, list of `count` axes in rows of up to COLUMNS), rows `height` mm high, and `legend` mm below them."""
    columns = min(COLUMNS, count)
    rows = -(-count // columns)
    figure = style.figure(style.DOUBLE if columns > 1 else style.SINGLE, rows * height + legend)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for empty in axes[count:]:
        empty.set_axis_off()
    return figure, list(axes[:count])


def label(axes, x, y, width=34):
    """Name the axes of a grid: x below the panels that have none below them, y left of the first of each row."""
    columns = min(COLUMNS, len(axes))
    for place, one in enumerate(axes):
        if place + columns >= len(axes):
            one.set_xlabel(style.wrap(x, width))
        if place % columns == 0:
            one.set_ylabel(style.wrap(y, width))
