"""What the rules ask of a study that asks models about what they have not seen."""

from cisflow.config import paths, vectors
from cisflow.config.explaining import Explaining
from cisflow.config.gathering import resource
from cisflow.config.study import to_json


class Generalising(Explaining):
    """A Study that answers the rules of generalisation."""

    def vector_table(self, wildcards):
        """The vectors of a dataset's tracks; where it has none, no rule asks for them."""
        return resource(self.dataset(wildcards).track_features or "none")

    def held_tracks(self, wildcards):
        return to_json(vectors.held(self.dataset(wildcards)))

    def _of_vectors(self, dataset):
        """Whether a network of a dataset reads vectors of its tracks."""
        return any(vectors.reads(self.models[model]) for model in self.datasets[dataset].models)

    def track_weights(self, wildcards):
        """What each training of a dataset whose heads read vectors makes of them."""
        return [
            paths.fill(paths.TRACK_WEIGHTS, dataset=wildcards.dataset, split=split, model=model, seed=seed)
            for split, model, seed in self.runs(wildcards.dataset)
            if vectors.reads(self.models[model])
        ]

    def generalisation_tables(self):
        """Tables of every dataset that asks for them."""
        found = []
        for dataset in self.evaluated:
            if vectors.held(dataset):
                found += [paths.fill(pattern, dataset=dataset.name) for pattern in self.UNSEEN]
            if self._of_vectors(dataset.name):
                found.append(paths.fill(paths.STACKED_WEIGHTS, dataset=dataset.name))
        return found

    UNSEEN = (paths.UNSEEN_TRACKS, paths.UNSEEN_COMPARISONS)

    def _artifact_unseen_tracks(self, known):
        held = vectors.held(self.datasets[known["dataset"]])
        return [paths.fill(paths.UNSEEN_TRACKS, **known)] if held else []

    def _artifact_track_weights(self, known):
        return [paths.fill(paths.STACKED_WEIGHTS, **known)] if self._of_vectors(known["dataset"]) else []
