"""Names and sources that a disk, a table or a download would take for something else."""

import posixpath
import re

from cisflow.config import declared, paths
from cisflow.config.refusals import below, refuse

SCHEMES = ("http", "https", "file")
# In a URL, a password of its user, or a value of its query that is one by its name; `${NAME}` is not.
SECRET = re.compile(
    r"://[^/?]*:(?!\$\{\w+\}@)[^/?]+@"
    r"|[?&][^=&]*(?:token|secret|passw|signature|api_?key|credential)[^=&]*=(?!\$\{\w+\}(?:&|$))",
    re.IGNORECASE,
)
# What lies in the folders of all datasets and of all resources.
RESULTS = (posixpath.basename(posixpath.dirname(paths.VARIANTS)),)
SHIPPED = ("demo", posixpath.basename(posixpath.dirname(paths.PUBLISHED_METRICS)))


def check(study):
    """Refuse names and sources (InputError)."""
    named = {"resources": study.resources, "datasets": study.datasets, "models": study.models}
    named |= {"features": study.extractors, "variants": study.variants, "attribution": study.methods}
    named |= {f"datasets.{dataset.name}.splits": dataset.splits for dataset in study.datasets.values()}
    for where, names in named.items():
        check_case(names, where)
    for where, names, taken in (("datasets", study.datasets, RESULTS), ("resources", study.resources, SHIPPED)):
        for name in taken:
            if name in map(str.lower, names):
                refuse(where, f"'{name}' is a folder of the workflow's own; expected another name")
    for resource in study.resources.values():
        check_source(study, resource)
    for dataset in study.datasets.values():
        check_targets(dataset)


def check_case(names, where):
    """On a disk that takes upper and lower case for the same, one would overwrite the other."""
    seen = {}
    for name in names:
        other = seen.setdefault(name.lower(), name)
        if other != name:
            refuse(
                where, f"'{other}' and '{name}' differ in upper and lower case alone; expected names that differ more"
            )


def check_source(study, resource):
    """A source is a path or a URL that can be read, and no resource is made of itself."""
    where = f"{below('resources', resource.name)}.url"
    if SECRET.search(resource.url):
        refuse(
            where, "commands and logs would tell its password; expected ${NAME}, a variable of the environment, there"
        )
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", resource.url)
    if scheme and scheme[1].lower() not in SCHEMES:
        expected = ", ".join(f"{name}://" for name in SCHEMES)
        refuse(where, f"found '{resource.url}'; expected a path, or a URL that begins with one of {expected}")
    if resource.url.startswith("~"):
        refuse(where, f"found '{resource.url}'; expected a path without ~, which no shell expands here")
    if resource.source and set("{}") & set(resource.url):
        refuse(where, f"found '{resource.url}'; expected a path without braces, which Snakemake takes for wildcards")
    made = {paths.fill(paths.RESOURCE, name=name): name for name in study.resources}
    chain = [resource.name]
    while (source := made.get(posixpath.normpath(study.resources[chain[-1]].url))) is not None:
        chain.append(source)
        if source in chain[:-1]:
            refuse(where, f"{' is made of '.join(chain)}; expected another file or a URL")


def check_targets(dataset):
    """A target is a column of the table of windows, and a row of the tables of metrics."""
    taken = (*declared.literal("data/dataset", "COLUMNS"), declared.literal("data/dataset", "MEAN"))
    for where, names in _targets(dataset):
        for name in names:
            if name in taken or not name:
                refuse(
                    where, f"'{name}' is a name of tables themselves; expected none of {', '.join(taken)}, and no ''"
                )


def _targets(dataset):
    """(place, names) of the targets that a config names itself."""
    where = f"datasets.{dataset.name}"
    for source in dataset.sources:
        for key in ("target", "targets", "matrices"):
            if source.get(key) is not None:
                yield f"{where}.source.{key}", [source[key]] if isinstance(source[key], str) else source[key]
    for number, entry in enumerate(dataset.targets):
        prefix = entry.get("prefix", "")
        yield f"{where}.targets[{number}].columns", [prefix + name for name in entry.get("columns") or ()]
