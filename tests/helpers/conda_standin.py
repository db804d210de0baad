"""A `conda` that makes environments with rattler, whose solver and links are those of pixi.

It answers what Snakemake asks of conda. Beside `bin/conda` lies `bin/activate`, and in `channels/` the folders that an
environment's channels are looked for in; `wheels/` is all that pip finds.
"""

import asyncio
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import yaml

VERSION = "25.1.0"
ACTIVATE = """\
export CONDA_PREFIX="$1" CONDA_DEFAULT_ENV="$1" PATH="$1/bin:$PATH"
for script in "$1"/etc/conda/activate.d/*.sh; do [ ! -e "$script" ] || source "$script"; done
"""


def install(folder):
    """Put it into `folder`; returns the folder for PATH."""
    (folder / "bin").mkdir(parents=True)
    words = [sys.executable, __file__, str(folder)]
    (folder / "bin" / "conda").write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    (folder / "bin" / "conda").chmod(0o755)
    (folder / "bin" / "activate").write_text(ACTIVATE)
    return folder / "bin"


async def create(root, file, prefix):
    """Make the environment that a file describes."""
    import rattler

    content = yaml.safe_load(file.read_text())
    config = rattler.ChannelConfig(channel_alias=f"{(root / 'channels').as_uri()}/")
    # Not a channel: it says that those of conda's own settings are left out.
    channels = [rattler.Channel(name, config) for name in content["channels"] if name != "nodefaults"]
    specs = [entry for entry in content["dependencies"] if isinstance(entry, str)]
    gateway = rattler.Gateway(cache_dir=root / "cache")
    virtual = rattler.VirtualPackage.detect()
    records = await rattler.solve(channels, specs, gateway=gateway, virtual_packages=virtual)
    await rattler.install(records, prefix, cache_dir=root / "cache", show_progress=False)
    for entry in content["dependencies"]:
        if isinstance(entry, dict):
            pip(root, prefix, entry["pip"])


def pip(root, prefix, lines):
    requirements = prefix.with_suffix(".requirements.txt")
    requirements.write_text("".join(f"{line}\n" for line in lines))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))}
    wheels = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(root / "wheels"), "PIP_CONFIG_FILE": os.devnull}
    # What is imported is compiled then.
    wheels |= {"PIP_NO_COMPILE": "1", "PIP_NO_CACHE_DIR": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    wheels |= {"PIP_ROOT_USER_ACTION": "ignore"}
    command = [prefix / "bin" / "python", "-m", "pip", "install", "-U", "-r", requirements]
    subprocess.run(command, env=kept | wheels, check=True)


def main(root, *words):
    if words == ("info", "--json"):
        import rattler

        print(json.dumps({"conda_prefix": str(root), "platform": str(rattler.Platform.current())}))
    elif words == ("--version",):
        print(f"conda {VERSION}")
    elif words == ("config", "--get", "channel_priority", "--json"):
        print(json.dumps({"get": {"channel_priority": "strict"}}))
    elif words[:2] == ("env", "create"):
        options = dict(zip(words, words[1:], strict=False))
        asyncio.run(create(root, Path(options["--file"]), Path(options["--prefix"])))
    elif words[:1] != ("clean",):
        raise NotImplementedError(f"conda {shlex.join(words)}")


if __name__ == "__main__":
    status = 0
    try:
        main(Path(sys.argv[1]), *sys.argv[2:])
    except Exception as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        status = 1
    sys.stdout.flush()
    # Threads of rattler's do not survive the end of an interpreter.
    os._exit(status)
