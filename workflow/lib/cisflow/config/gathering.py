"""What the job that gathers a dataset's windows reads: resources, and the files that its sheets name."""

from cisflow.config import paths, sheets
from cisflow.config.figures import Figures
from cisflow.config.study import to_json


def resource(name):
    return paths.fill(paths.RESOURCE, name=name)


def genomes(dataset):
    """Names of the genomes that a dataset's sources read, and of those that they draw backgrounds from, each once."""
    places = [part for source in dataset.sources for part in (source, source.get("background", {}))]
    return list(dict.fromkeys(part["genome"] for part in places if "genome" in part))


class Gathering(Figures):
    """A Study that answers the rules of windows."""

    def target_arguments(self, wildcards):
        """The entries of a dataset's `targets`, as an option."""
        targets = self.dataset(wildcards).targets
        return ["--targets", to_json(list(targets))] if targets else []

    def source_files(self, wildcards):
        """Resources of a dataset's source, each once, then the index of each genome, sheets and the files they name."""
        dataset = self.dataset(wildcards)
        names = sorted(set(dataset.resources))
        indices = [paths.fill(paths.INDEX, name=name) for name in genomes(dataset)]
        found = [resource(name) for name in names] + indices
        local = self.sheets(dataset).values()
        return [*found, *local, *dict.fromkeys(path for sheet in local for path in sheets.files(sheet))]

    def source_arguments(self, wildcards, input):
        """NAME=PATH of each resource of a dataset's source; of a sheet, where it lies itself with its files."""
        dataset = self.dataset(wildcards)
        found = dict(zip(sorted(set(dataset.resources)), input, strict=False))
        places = self.source_files(wildcards)
        found |= {name: input[places.index(path)] for name, path in self.sheets(dataset).items()}
        return [f"{name}={path}" for name, path in found.items()]

    def sheets(self, dataset):
        """{resource: path} of the sheets of a dataset's targets that are files here, not taken from an archive."""
        named = dict.fromkeys(entry["sheet"] for entry in dataset.targets if "sheet" in entry)
        found = {name: self.resources[name] for name in named}
        return {name: self.shipped(entry.url) for name, entry in found.items() if entry.source and not entry.member}
