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

    def asked(self, what):
        """What the config says of a kind of generalisation, as an option; of one that it lacks no rule asks."""
        given = self.generalisation.get(what, {})
        return to_json({key: value for key, value in given.items() if key not in ("database", "datasets")})

    def _asks(self, what, known):
        """Whether the config asks a kind of generalisation of a dataset."""
        given = self.generalisation.get(what)
        return given is not None and known["dataset"] in given.get("datasets", self.datasets)

    def species_motifs(self, _):
        """The motifs whose effects are compared between genomes; where none are, no rule asks for them."""
        return resource(self.generalisation.get("species", {}).get("database", "none"))

    def kmers(self, wildcards):
        return self.dataset(wildcards).near_duplicates["k"]

    def track_weights(self, wildcards):
        """What each training of a dataset whose heads read vectors makes of them."""
        readers = [model for model in self.dataset(wildcards).models if vectors.reads(self.models[model])]
        return self._of_each_training(paths.TRACK_WEIGHTS, wildcards.dataset, readers)

    def reaches(self, wildcards):
        """How far each network of a dataset looks, of those that read sequence."""
        return self._of_each_training(paths.REACH, wildcards.dataset, self._readers_of_sequence(wildcards.dataset))

    def _of_each_training(self, pattern, dataset, models):
        return [
            paths.fill(pattern, dataset=dataset, split=split, model=model, seed=seed)
            for split, model, seed in self.runs(dataset)
            if model in models
        ]

    def _readers_of_sequence(self, dataset):
        models = self.datasets[dataset].models
        return [model for model in models if model in self.networks and not self.networks[model].reads_tokens]

    def generalisation_tables(self):
        """Tables of every dataset that asks for them."""
        kinds = ("unseen_tracks", "unseen_comparisons", "track_weights", "reach", "homology", "species_effects")
        kinds += ("species_agreement",)
        known = [{"dataset": dataset.name} for dataset in self.evaluated]
        return [path for place in known for kind in kinds for path in getattr(self, f"_artifact_{kind}")(place)]

    # Tables of one dataset as a list: empty where the config asks for none. Figures read some.

    def _artifact_unseen_tracks(self, known):
        return self._one(paths.UNSEEN_TRACKS, known, vectors.held(self.datasets[known["dataset"]]))

    def _artifact_unseen_comparisons(self, known):
        return self._one(paths.UNSEEN_COMPARISONS, known, vectors.held(self.datasets[known["dataset"]]))

    def _artifact_track_weights(self, known):
        models = self.datasets[known["dataset"]].models
        return self._one(paths.STACKED_WEIGHTS, known, any(vectors.reads(self.models[model]) for model in models))

    def _artifact_reach(self, known):
        asked = self._asks("reach", known) and self._readers_of_sequence(known["dataset"])
        return self._one(paths.STACKED_REACH, known, asked)

    def _artifact_homology(self, known):
        return self._one(paths.HOMOLOGY, known, self._asks("homology", known))

    def _artifact_species_effects(self, known):
        return self._of_species(paths.SPECIES_EFFECTS, known)

    def _artifact_species_agreement(self, known):
        return self._of_species(paths.SPECIES_AGREEMENT, known)

    def _of_species(self, pattern, known):
        several = self.datasets[known["dataset"]].kind == "genomes"
        return self._one(pattern, known, several and self._asks("species", known))

    @staticmethod
    def _one(pattern, known, asked):
        return [paths.fill(pattern, dataset=known["dataset"])] if asked else []
