"""A conda channel, and wheels for pip, made from what is installed: environments without a network.

Packages hold the files of the distributions that are installed beside this Python, and ask for what their metadata
asks for: solving, linking and pip's own resolution are real. Not so: `python` is a link to this interpreter, `bedtools`
one to that of the system, under the version that an environment asks for; wheels of what no environment without torch
has, a gigabyte, and of what numba compiles are links to what is installed. What is solved for is what this Python has,
which says nothing of what conda-forge and bioconda offer.
"""

import hashlib
import importlib.metadata
import io
import json
import re
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

RENAMED = {"matplotlib": "matplotlib-base"}
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
SITE = f"lib/python{PYTHON}/site-packages"
# numba keeps what it compiles by the path of the source: where these are installed, it is compiled for all tests once.
COMPILED = {"figwig", "memelite", "modisco-lite", "tangermeme"}
# What a linked distribution puts into site-packages: its packages are found where they are installed.
FINDER = """
import importlib.util, sys

PLACES = {places!r}


class Finder:
    def find_spec(name, path=None, target=None):
        return importlib.util.spec_from_file_location(name, PLACES[name]) if name in PLACES else None


sys.meta_path.append(Finder)
"""
# Block of a frame of Zstandard, and the descriptor of a window of as many bytes.
BLOCK, WINDOW = 1 << 17, 7 << 3


def asked(env):
    """(requirements of conda, of pip) of an environment file: {distribution: version, or bounds}."""
    conda, pip = {}, {}
    for entry in yaml.safe_load(env.read_text())["dependencies"]:
        if isinstance(entry, dict):
            pip |= dict(line.split("==") for line in entry["pip"] if not line.startswith("-"))
        else:
            name, version = entry.split(" ")
            conda[{new: old for old, new in RENAMED.items()}.get(name, name)] = version.removeprefix("=")
    return conda, pip


def needed(distribution, extras=()):
    """Requirements of an installed distribution on this machine, with those of its extras."""
    for line in importlib.metadata.requires(distribution) or ():
        requirement = Requirement(line)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield requirement


def closure(names):
    """All distributions that the named ones need, themselves included."""
    found, waiting = set(), [(name, frozenset()) for name in names]
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) not in found:
            found.add((name, extras))
            more = needed(name, extras)
            waiting += [(canonicalize_name(each.name), frozenset(each.extras)) for each in more]
    return {name for name, _ in found}


def files(distribution):
    """{path below site-packages: file} of what a distribution has installed, with bytecode where it is there."""
    found = {}
    for entry in importlib.metadata.files(distribution):
        path = Path(entry.locate())
        if ".." in entry.parts or entry.name in ("INSTALLER", "REQUESTED", "direct_url.json") or not path.is_file():
            continue
        found[entry.as_posix()] = path
        if path.suffix == ".py":
            cached = path.parent / "__pycache__" / f"{path.stem}.{sys.implementation.cache_tag}.pyc"
            if cached.is_file():
                found[(Path(entry).parent / "__pycache__" / cached.name).as_posix()] = cached
    return found


# ---- packages of conda -----------------------------------------------------------------------------------------------


class Frame:
    """A file to write to, as a frame of Zstandard whose blocks are stored as they are, at the speed of the disk."""

    def __init__(self, file):
        self._file, self._rest = file, b""
        file.write(b"\x28\xb5\x2f\xfd\x00" + bytes([WINDOW]))

    def write(self, content):
        content = self._rest + bytes(content)
        for start in range(0, len(content) - BLOCK, BLOCK):
            self._block(content[start : start + BLOCK])
        self._rest = content[max(0, (len(content) - 1) // BLOCK * BLOCK) :]
        return len(content)

    def close(self):
        self._block(self._rest, last=True)

    def _block(self, content, last=False):
        self._file.write((last | len(content) << 3).to_bytes(3, "little") + content)


def write_archive(path, files, info):
    """Write a package: {name in it: file, text of a file, or Path to link to} and {name below info/: JSON}.

    A link is a tuple of one path.
    """
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"conda_pkg_format_version": 2}))
        parts = {"pkg": files, "info": {f"info/{name}": json.dumps(content) for name, content in info.items()}}
        for part, contents in parts.items():
            with archive.open(f"{part}-{path.stem}.tar.zst", "w", force_zip64=True) as file:
                frame = Frame(file)
                with tarfile.open(fileobj=frame, mode="w|", format=tarfile.PAX_FORMAT) as tar:
                    for name, content in contents.items():
                        add(tar, name, content)
                frame.close()


def add(tar, name, content):
    entry = tarfile.TarInfo(name)
    if isinstance(content, Path):
        tar.add(content, name, recursive=False)
    elif isinstance(content, tuple):
        entry.type, entry.linkname = tarfile.SYMTYPE, str(content[0])
        tar.addfile(entry)
    else:
        entry.size = len(content.encode())
        tar.addfile(entry, io.BytesIO(content.encode()))


class Channel:
    """A channel that is written package by package into `folder`; `subdir` is the platform's."""

    def __init__(self, folder, subdir):
        self.folder, self.subdir, self.records = folder, subdir, {}
        for name in (subdir, "noarch"):
            (folder / name).mkdir(parents=True)

    def add(self, name, version, depends, files):
        path = self.folder / self.subdir / f"{name}-{version}-0.conda"
        index = {"name": name, "version": version, "build": "0", "build_number": 0, "depends": depends}
        index["subdir"] = self.subdir
        kinds = {entry: "softlink" if isinstance(content, tuple) else "hardlink" for entry, content in files.items()}
        paths = [{"_path": entry, "path_type": kind} for entry, kind in kinds.items()]
        write_archive(path, files, {"index.json": index, "paths.json": {"paths": paths, "paths_version": 1}})
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        self.records[path.name] = index | {"sha256": digest, "size": path.stat().st_size}

    def close(self):
        """Write the index that solvers read."""
        for name, records in ((self.subdir, self.records), ("noarch", {})):
            content = {"info": {"subdir": name}, "packages": {}, "packages.conda": records, "repodata_version": 1}
            (self.folder / name / "repodata.json").write_text(json.dumps(content))


def conda_name(name):
    return RENAMED.get(canonicalize_name(name), canonicalize_name(name))


def write_channels(folder, envs, subdir):
    """Channels conda-forge and bioconda with all that the environment files ask of conda; their bedtools is a link."""
    forge, bio = (Channel(folder / name, subdir) for name in ("conda-forge", "bioconda"))
    demands = [asked(env)[0] for env in envs]
    for name in sorted(closure(set().union(*demands) - {"python", "bedtools"})):
        depends = [f"{conda_name(each.name)} {str(each.specifier).replace(' ', '')}".strip() for each in needed(name)]
        contents = {f"{SITE}/{entry}": path for entry, path in files(name).items()}
        version = importlib.metadata.version(name)
        forge.add(conda_name(name), version.replace("+", "_"), [f"python {PYTHON}.*", *depends], contents)
    interpreter = Path(sys._base_executable).resolve()
    links = {f"bin/{name}": (f"python{PYTHON}",) for name in ("python", "python3")}
    links |= {
        f"bin/python{PYTHON}": (interpreter,),
        "pyvenv.cfg": f"home = {interpreter.parent}\ninclude-system-site-packages = false\n",
    }
    forge.add("python", ".".join(map(str, sys.version_info[:3])), [], links)
    bedtools = {demand["bedtools"] for demand in demands if "bedtools" in demand}
    for version in bedtools:
        bio.add("bedtools", version, [], {"bin/bedtools": (shutil.which("bedtools"),)})
    for channel in (forge, bio):
        channel.close()


# ---- wheels of pip ---------------------------------------------------------------------------------------------------


def write_wheels(folder, envs):
    """Wheels of all that the environment files ask of pip, and that conda does not bring.

    Linked are those that only environments with torch have, and those that numba compiles.
    """
    folder.mkdir()
    demands = {
        env: (closure(set(conda) - {"python", "bedtools"}), closure(pip))
        for env, (conda, pip) in ((env, asked(env)) for env in envs)
    }
    copied = set().union(*(pip for _, pip in demands.values() if "torch" not in pip))
    for name in sorted(set().union(*(pip - conda for conda, pip in demands.values()))):
        write_wheel(folder, name, linked=name not in copied or name in COMPILED)


def links(folder, name, top):
    """{name: text} of files for site-packages by which what a distribution has installed there, `top`, is found.

    What is no package with an `__init__.py` is linked to from `folder`, and imported from there.
    """
    installed = {each: Path(importlib.metadata.distribution(name).locate_file(each)) for each in top}
    places = {each: path / "__init__.py" for each, path in installed.items() if (path / "__init__.py").is_file()}
    folder.mkdir(parents=True)
    for each in installed.keys() - places.keys():
        (folder / each).symlink_to(installed[each])
    module = f"_linked_{name.replace('-', '_')}"
    text = FINDER.format(places={each: str(path) for each, path in places.items()})
    return {f"{module}.py": text, f"{module}.pth": f"{folder}\nimport {module}\n"}


def write_wheel(folder, name, linked):
    contents = {entry: path for entry, path in files(name).items() if not entry.endswith(".pyc")}
    metadata = next(entry.split("/")[0] for entry in contents if re.match(r"[^/]+\.dist-info/METADATA$", entry))
    tags = re.findall(r"^Tag: (\S+)", importlib.metadata.distribution(name).read_text("WHEEL"), re.MULTILINE)
    tag = "-".join(".".join(dict.fromkeys(parts)) for parts in zip(*(each.split("-") for each in tags), strict=True))
    if linked:
        top = sorted({entry.split("/")[0] for entry in contents} - {metadata})
        contents = {entry: path for entry, path in contents.items() if entry.split("/")[0] == metadata}
        contents |= links(folder / "links" / name, name, top)
        tag = "py3-none-any"
        contents[f"{metadata}/WHEEL"] = f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n"
    contents.pop(f"{metadata}/RECORD", None)
    with zipfile.ZipFile(folder / f"{metadata.removesuffix('.dist-info')}-{tag}.whl", "w") as archive:
        for entry, content in contents.items():
            if isinstance(content, Path):
                archive.write(content, entry)
            else:
                archive.writestr(entry, content)
        archive.writestr(f"{metadata}/RECORD", "".join(f"{entry},,\n" for entry in [*contents, f"{metadata}/RECORD"]))
