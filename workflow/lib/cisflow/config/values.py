"""What means nothing anywhere in a config: keys that are no text, text of several lines, endless numbers."""

import math
import unicodedata

from cisflow.config.refusals import below, refuse

# Control characters, ends of lines and of paragraphs, and halves of characters, which no file can hold.
UNPRINTABLE = ("Cc", "Zl", "Zp", "Cs")
# Of whole numbers, as numpy and torch hold them, without their sign.
BITS = 63


def check(config, where="", around=()):
    """Refuse keys and values of a config, at any depth, that are read as something else than they look (InputError).

    Parameters
    ----------
    config : a mapping, or a part of one at `where`. around : ids of the parts that it lies in, as YAML's `&` and `*`
        can put a part within itself.
    """
    if id(config) in around:
        refuse(where, "found a part that holds itself; expected no alias of what it lies in")
    around = (*around, id(config))
    if isinstance(config, dict):
        for key, value in config.items():
            if not isinstance(key, str):
                refuse(where, f"key {key!r} is of type {type(key).__name__}; expected text, in quotes")
            check_text(key, where, "key ")
            check(value, below(where, key), around)
    elif isinstance(config, list):
        for number, value in enumerate(config):
            check(value, below(where, number), around)
    elif isinstance(config, str):
        check_text(config, where)
    elif isinstance(config, float):
        if not math.isfinite(config):
            refuse(where, f"found {config}; expected a finite number")
    elif isinstance(config, int):
        if config.bit_length() > BITS:
            refuse(where, f"found a whole number of {config.bit_length()} bits; expected {BITS} at most")
    elif config is not None:
        refuse(where, f"{str(config)!r} is of type {type(config).__name__}; expected text, in quotes")


def check_text(text, where, kind=""):
    if any(unicodedata.category(character) in UNPRINTABLE for character in text):
        refuse(where, f"{kind}{text!r} holds a line break or another unprintable character; expected one line of text")
