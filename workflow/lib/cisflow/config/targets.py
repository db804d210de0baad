"""What a run ends in: the files that the target rules ask for."""

from cisflow.config import paths
from cisflow.config.designs import Designs
from cisflow.config.effects import Effects
from cisflow.config.figures import TRACK_TABLES
from cisflow.config.generalising import Generalising
from cisflow.config.study import to_json


class Targets(Designs, Effects, Generalising):
    """A Study that knows which files its config asks for, as lists of paths."""

    def results(self):
        """All that a run is made for; what it says of its own jobs is in `summary`."""
        return [
            *self.stacked_metrics(),
            *self.track_tables(),
            *self.input_tables(),
            *self.generalisation_tables(),
            *self.all_leakage(),
            *(path for path in self.figures() if path not in self.summary()),
            *self.study_pages(),
            *self.motif_results(),
            *self.published_results(),
            *self.kernel_tables(),
            *self.genome_files(),
            *self.class_tables(),
            *self.variant_results(),
            *self.motif_effect_results(),
            *self.own_variant_results(),
            *self.design_results(),
        ]

    def summary(self):
        """What the jobs of a run took, and what made it."""
        return [paths.JOB_COSTS, paths.PROVENANCE, paths.JOB_COSTS_FIGURE]

    def provenance(self, wildcards):
        """What the config says of the origin of a run, as JSON: data, models with their seeds, device."""
        resources = {name: [one.url, one.sha256] for name, one in self.resources.items()}
        models = {name: sorted(getattr(model, "seeds", ())) for name, model in self.models.items()}
        return to_json(
            {"datasets": sorted(self.datasets), "models": models, "resources": resources, "device": self.device}
        )

    def stacked_metrics(self):
        return [paths.STACKED_METRICS] if self.evaluated else []

    def metric_tables(self):
        return [paths.fill(paths.EVALUATION_TABLE, dataset=dataset.name, table="metrics") for dataset in self.evaluated]

    def track_tables(self):
        """Tables on tracks and regions of every dataset of numbers."""
        return [
            paths.fill(paths.EVALUATION_TABLE, dataset=dataset.name, table=table)
            for dataset in self.evaluated
            if dataset.task == "regression"
            for table in TRACK_TABLES
        ]

    def input_tables(self):
        """What each of several sequences a sample gives, of every dataset of numbers that has a network."""
        return [
            paths.fill(paths.STACKED_INPUTS, dataset=dataset.name)
            for dataset in self.evaluated
            if dataset.task == "regression" and dataset.has_inputs and set(dataset.models) & set(self.networks)
        ]

    def all_leakage(self):
        return [
            paths.fill(paths.LEAKAGE, dataset=dataset.name, split=split)
            for dataset in self.datasets.values()
            for split in dataset.splits
        ]

    def feature_arrays(self):
        return [
            paths.fill(paths.FEATURE_ARRAY, dataset=name, extractor=extractor) for name, extractor in self.extracted
        ]

    def class_tables(self):
        """Class scores of every feature array whose extractor has sequence classes."""
        return [
            paths.fill(paths.CLASS_TABLE, dataset=name, extractor=extractor)
            for name, extractor in self.extracted
            if getattr(self.extractors[extractor], "classes", None) is not None
        ]

    def variant_results(self):
        """Tables of every variants job."""
        return [paths.fill(paths.VARIANT_TABLE, job=job) for job in self.variants]

    def variant_figures(self):
        return [path for path in self.figures() if path.startswith("results/variants/")]

    def explained_results(self, *patterns):
        """Each pattern for every method of every explanation."""
        return [
            paths.fill(pattern, dataset=dataset, model=model, split=split, seed=seed, method=method)
            for dataset, model, split, seed, job in self.explained
            for method in job.methods
            for pattern in patterns
        ]

    def genome_files(self):
        """Tracks of every method of every explanation, and the page of each explanation."""
        pages = [
            paths.fill(paths.GENOME_PAGE, dataset=dataset, model=model, split=split, seed=seed)
            for dataset, model, split, seed, _ in self.explained
        ]
        return self.explained_results(paths.TRACKS) + pages

    def motif_results(self):
        """Tables and reports of every motif search."""
        sought = [f"results/{name}/" for name in self.searched]
        found = self.explained_results(paths.PATTERNS, paths.MOTIF_REPORT, paths.MOTIF_SCORES)
        found += self.explained_results(paths.SEQLET_BED, paths.HIT_BED, paths.PATTERN_MATRICES)
        found += [path for path in self.explained_results(paths.RECOVERY) if self._of_planted(path)]
        found = [path for path in found if path.startswith(tuple(sought))]
        merged = (paths.MERGED_PATTERNS, paths.TOGETHER, paths.CLUSTERS)
        return found + [paths.fill(pattern, dataset=name) for name in self.searched for pattern in merged]

    def kernel_tables(self):
        """Kernels of every explained network that is trained here, where motifs are sought."""
        return [
            paths.fill(paths.KERNEL_TABLE, dataset=dataset, model=model, split=split, seed=seed)
            for dataset, model, split, seed, _ in self.explained
            if dataset in self.searched and not self.networks[model].is_published
        ]

    def published_results(self):
        """Tables of everything that is scored as published."""
        return [
            paths.fill(pattern, dataset=dataset, model=model, split=split, seed=seed, method=job.published)
            for dataset, model, split, seed, job in self.explained
            if job.published is not None
            for pattern in (paths.PUBLISHED_SCORES, paths.PUBLISHED_CLASSES)
        ]

    def _of_planted(self, path):
        return any(path.startswith(f"results/{name}/") for name, dataset in self.datasets.items() if dataset.is_planted)

    def study_pages(self):
        return [
            paths.fill(paths.STUDY_PAGE, dataset=dataset.name)
            for dataset in self.evaluated
            if dataset.study is not None
        ]
