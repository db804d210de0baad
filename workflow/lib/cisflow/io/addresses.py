"""Addresses of downloads: their secrets come from the environment or stand in them, and are never told."""

import base64
import hashlib
import os
import re
import urllib.parse

from cisflow.errors import InputError

VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def shown(url):
    """An address as messages may name it: without user, password and query."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    host, slash, path = rest.partition("/")
    path, mark, _ = path.partition("?")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}{mark and '?…'}"


def key(url):
    """What tells an address from others, without its secrets."""
    return shown(url) if shown(url) == url else f"{shown(url)} {hashlib.sha256(url.encode()).hexdigest()}"


def request(url, name):
    """(address to ask, headers that go to its host alone): variables `${NAME}` of the environment have their values.

    Parameters
    ----------
    name : what messages call the resource.

    Raises
    ------
    InputError : a variable is not set.
    """

    def value(match):
        if match[1] not in os.environ:
            raise InputError(f"resource '{name}': its url names ${{{match[1]}}}, which the environment does not set")
        return os.environ[match[1]]

    url = VARIABLE.sub(value, url)
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    user, at, host = host.rpartition("@")
    if not at:
        return url, {}
    login = base64.b64encode(urllib.parse.unquote(user).encode()).decode()
    return f"{scheme}://{host}{slash}{path}", {"Authorization": f"Basic {login}"}


def hidden(text, url, name):
    """A text that may repeat an address, as it was asked, without the secrets of that."""
    asked, _ = request(url, name)
    for part in (asked, asked.partition("?")[2]):
        text = text.replace(part, shown(url)) if part else text
    return text
