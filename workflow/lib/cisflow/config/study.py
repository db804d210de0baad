"""A config as one object, which the rules speak to: `study = loading.load(config, …)`.

It knows every entry by its name (`entries`), every path (`paths`), what each rule reads and is told (`jobs`), and which
files a run ends in (`targets`).
"""

import functools
import json
from dataclasses import dataclass
from pathlib import Path

from cisflow.config import entries, paths


def to_json(content):
    """JSON with sorted keys, so that the same settings are the same text."""
    return json.dumps(content, sort_keys=True)


@dataclass(frozen=True)
class Study:
    """What a config says. Entries are dicts by name; wildcards are any object with the attributes that a method reads.

    root : the folder of the workflow's repository, whose `resources/demo` and `resources/published` are shipped.
    moved : whether Snakemake puts a prefix before relative paths, which files that are there already do not have.
    """

    device: str
    torch: str
    container: str | None
    shards: int
    resources: dict
    datasets: dict
    models: dict
    extractors: dict
    variants: dict
    methods: dict
    evaluation: dict
    motifs: dict
    figure_counts: dict
    generalisation: dict
    timing: entries.Timing | None
    motif_effects: tuple
    designs: tuple
    variant_effects: tuple
    saturations: tuple
    root: Path
    moved: bool

    @functools.cached_property
    def networks(self):
        return {name: model for name, model in self.models.items() if isinstance(model, entries.Network)}

    @functools.cached_property
    def classifiers(self):
        return {name: model for name, model in self.models.items() if isinstance(model, entries.Classifier)}

    def motif_database(self, dataset):
        """Name of the resource with the known motifs of a dataset; None where none are sought."""
        return self.datasets[dataset].motifs or self.motifs.get("database")

    def published_database(self, dataset):
        """Name of the resource with the motifs that are scored as published; None where there is none."""
        return self.motifs["published"].get("database") or self.motif_database(dataset)

    def database(self, wildcards):
        """The file of known motifs; where none are sought, no rule asks for it."""
        return paths.fill(paths.RESOURCE, name=self.motif_database(wildcards.dataset) or "none")

    def dataset(self, wildcards):
        return self.datasets[wildcards.dataset]

    def model(self, wildcards):
        return self.models[wildcards.model]

    def extractor(self, wildcards):
        return self.extractors[wildcards.extractor]

    def is_baseline(self, model):
        """Whether a model is a classifier that sees no more than the k-mers of a sequence; k = 1 is GC content."""
        classifier = self.classifiers.get(model)
        return classifier is not None and isinstance(self.extractors[classifier.features], entries.Composition)

    def baselines(self, dataset):
        """{baseline of a dataset: length of the k-mers that it counts}."""
        models = [model for model in self.datasets[dataset].models if self.is_baseline(model)]
        return {model: self.extractors[self.models[model].features].k for model in models}

    @property
    def evaluated(self):
        """The datasets that some model is trained on."""
        return [dataset for dataset in self.datasets.values() if dataset.models]

    @functools.cached_property
    def explained(self):
        """(dataset, model, split, seed, Explanation) of everything that is explained."""
        return [
            (dataset.name, job.model, job.split, seed, job)
            for dataset in self.datasets.values()
            for job in dataset.explain
            for seed in job.seeds
        ]

    @property
    def designed(self):
        """Wildcards of every design, as dicts."""
        return [
            {"dataset": job.dataset, "design": job.name, "seed": seed} for job in self.designs for seed in job.seeds
        ]

    @property
    def searched(self):
        """The datasets whose attributions are searched for motifs."""
        return [name for name, entry in self.datasets.items() if entry.explain and self.motif_database(name)]

    @property
    def compared(self):
        """The explanations whose methods are compared with a reference."""
        return [job for dataset in self.datasets.values() for job in dataset.explain if job.reference is not None]

    @functools.cached_property
    def _explanations(self):
        return {(dataset, model, split, str(seed)): job for dataset, model, split, seed, job in self.explained}

    def explanation(self, wildcards):
        """The entry that the wildcards dataset, model, split and seed name."""
        return self._explanations[wildcards.dataset, wildcards.model, wildcards.split, str(wildcards.seed)]

    def comparison(self, wildcards):
        """The entry with a reference that the wildcards dataset, model and split name."""
        wanted = (wildcards.dataset, wildcards.model, wildcards.split)
        return next(job for job in self.compared if (job.dataset, job.model, job.split) == wanted)

    def shipped(self, path):
        """A file that is there already: in the folder of the run or, where it has none, in that of the workflow."""
        here, there = Path(path), self.root / path
        if not here.exists() and there.exists():
            return there.as_posix()
        return here.absolute().as_posix() if self.moved and here.exists() else path

    def resource_url(self, wildcards, input):
        """Where a resource comes from, as `fetch` reads it."""
        return input[0] if input else self.resources[wildcards.name].url

    def resource_source(self, wildcards):
        """The file that a resource is made of, where that is a path."""
        made = {paths.fill(paths.RESOURCE, name=name) for name in self.resources}
        return [path if path in made else self.shipped(path) for path in self.resources[wildcards.name].source]
