"""Numbers and names in the words and tables of a page."""


def value(number, digits=3):
    """`0.812`, NaN in words."""
    return "not known" if number != number else f"{number:.{digits}f}"


def signed(number):
    """`+0.012`, NaN in words."""
    return "not known" if number != number else f"{number:+.3f}"


def percent(share):
    """`27.2%` of 0.272, NaN in words."""
    return "not known" if share != share else f"{100 * share:.1f}%"


def cell(row):
    """`0.812 (0.795 to 0.828)` of a row of the metrics, None for none."""
    if row is None or row.value != row.value:
        return "not known"
    return value(row.value) + (f" ({value(row.lower)} to {value(row.upper)})" if row.lower == row.lower else "")


def markdown(header, rows):
    """Lines of a table, an empty one below."""
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows), ""]


def code(names):
    """`a`, `b` and `c`."""
    names = [f"`{name}`" for name in names]
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def spread(values):
    """`from -0.010 (model) to +0.020 (other)` of {model: signed number}; of one model its number alone."""
    low, high = min(values, key=values.get), max(values, key=values.get)
    if len(values) == 1:
        return f"{signed(values[low])} (`{low}`)"
    return f"from {signed(values[low])} (`{low}`) to {signed(values[high])} (`{high}`)"


def plural(n, one, many):
    """`1 model`, `2,000 models`."""
    return f"{n:,} {one if n == 1 else many}"
