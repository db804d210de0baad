"""Options that commands share: devices, seeds, JSON, paths by name. Standard library only, so that every environment
can import it.

What an option refuses is one line: `cisflow figure: error: --settings: not JSON: …`.
"""

import argparse
import json

from cisflow.errors import InputError


def device(parser, threads=1):
    """--device, --gpus and --threads, as `models.device.acquire` takes them; `threads` None: as many as torch finds."""
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--gpus", default=1, type=natural, help="GPUs that the workflow granted")
    if threads is None:
        parser.add_argument("--threads", type=positive, help="CPU threads (default: as many as torch finds)")
    else:
        cpu_threads(parser, threads)


def cpu_threads(parser, default=1):
    """--threads of a command that needs no device."""
    parser.add_argument("--threads", default=default, type=positive, help="CPU threads")


def seed(parser, help=None):
    """--seed, always asked for: no job draws numbers that its config does not name."""
    parser.add_argument("--seed", required=True, type=int, help=help)


def positive(text):
    """An integer of 1 or more, as an option gives it."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"found '{text}', expected an integer of 1 or more")
    return int(text)


def natural(text):
    """An integer of 0 or more, as an option gives it."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"found '{text}', expected an integer of 0 or more")
    return int(text)


def mapping(parser, option, help, default=None, required=False):
    """An option that takes a JSON object, parsed into a dict; without it `default`, where it is not required.

    Raises, when the command line is parsed
    ---------------------------------------
    InputError : no JSON, or no object.
    """
    parser.add_argument(
        option, default=default, required=required, type=_reader(option, dict), metavar="JSON", help=help
    )


def array(parser, option, help, default=None, required=False):
    """As `mapping`, of a JSON array, parsed into a list."""
    parser.add_argument(
        option, default=default, required=required, type=_reader(option, list), metavar="JSON", help=help
    )


def _reader(option, kind):
    expected = {dict: "a JSON object of names and values", list: "a JSON array"}[kind]

    def read(text):
        try:
            value = json.loads(text)
        except ValueError as error:
            raise InputError(f"{option}: not JSON: {error}") from error
        if not isinstance(value, kind):
            raise InputError(f"{option}: found {type(value).__name__}, expected {expected}")
        return value

    return read


def named_paths(parser, option, help, required=True, least=1):
    """An option of NAME=PATH, `least` 0 or 1 times or more: {name: path}, and {name: [path, …]} of a repeated name.

    Raises, when the command line is parsed
    ---------------------------------------
    InputError : a value without a name or without a path.
    """
    parser.add_argument(
        option,
        required=required,
        nargs="+" if least else "*",
        action=_ByName,
        metavar="NAME=PATH",
        default={},
        help=help,
    )


class _ByName(argparse.Action):
    def __call__(self, parser, namespace, values, option_string=None):
        found = {
            name: paths if isinstance(paths, list) else [paths] for name, paths in getattr(namespace, self.dest).items()
        }
        for text in values:
            name, equals, path = text.partition("=")
            if not (name and equals and path):
                raise InputError(f"{option_string}: found '{text}', expected NAME=PATH")
            found[name] = [*found.get(name, []), path]
        setattr(namespace, self.dest, {name: paths if len(paths) > 1 else paths[0] for name, paths in found.items()})
