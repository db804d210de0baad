"""What a figure is given: files by name, and of an input of several files one a method or split."""

from cisflow.errors import InputError, listing


def demand(figure, what, given, keys):
    """Refuse a mapping that lacks one of the keys a figure needs (InputError)."""
    missing = [key for key in keys if key not in given]
    if missing:
        found = listing(given, 9) or "nothing"
        raise InputError(
            f"figure {figure}: {what} has no {listing(missing)}; expected {listing(keys, 9)}, found {found}"
        )


def several(inputs, name):
    """The files of an input as a list: a single one comes by itself, none at all is an absent name."""
    found = inputs.get(name, [])
    return found if isinstance(found, list) else [found]


def paired(figure, inputs, name, keys):
    """{key: file} of an input of one file a key, in their order (InputError: there are not as many files as keys)."""
    files = several(inputs, name)
    if len(keys) != len(files):
        raise InputError(
            f"figure {figure}: {len(files)} files of {name}; expected one for each of {listing(keys) or 'none'}"
        )
    return dict(zip(keys, files, strict=True))


def by_method(figure, inputs, settings, name):
    """{method: file} of an input of one file a method, in the order of settings["methods"] (InputError: see paired)."""
    demand(figure, "settings", settings, ("methods",))
    return paired(figure, inputs, name, settings["methods"])
