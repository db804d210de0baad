"""What the rules of attributions and motifs ask of a study, by the wildcards of a job."""

import re
from pathlib import PurePosixPath

from cisflow.config import code, declared, paths
from cisflow.config.gathering import genomes, resource
from cisflow.config.jobs import Jobs, genome, option
from cisflow.config.study import to_json


class Explaining(Jobs):
    """A Study that answers the rules of what is explained."""

    def explained_reading(self, job):
        """How the published network of an explanation reads windows: as its extractor does, or bare."""
        if job.features is not None:
            return self.reading(self.extractors[job.features])
        return self.networks[job.model].layout | {"context": "none"}

    def explained_names(self, job):
        """The list of target names of a published network, where it has one."""
        names = self.extractors[job.features].names if job.features is not None else None
        return [resource(names)] if names is not None else []

    def explained_files(self, wildcards):
        """Weights of an explained network, and what its windows are chosen by and read from."""
        job, network = self.explanation(wildcards), self.networks[wildcards.model]
        known = {key: getattr(wildcards, key) for key in ("dataset", "model", "split", "seed")}
        if not network.is_published:
            return {key: paths.fill(getattr(paths, key.upper()), **known) for key in ("weights", "predictions")}
        found = {"weights": resource(network.weights), "split_table": paths.fill(paths.SPLIT, **known)}
        found["names"] = self.explained_names(job)
        extractor = self.extractors.get(job.features)
        found["genome"] = genome(extractor.genome) if extractor and extractor.context == "genome" else []
        return found

    def explained_choice(self, wildcards):
        """What the windows that are explained are chosen by: predictions, or, of published weights, the split."""
        files = self.explained_files(wildcards)
        return {key: files[key] for key in ("predictions", "split_table") if key in files}

    def choice_arguments(self, wildcards, input):
        """The files of `explained_choice`, as options."""
        return option("predictions", input.get("predictions", [])) + option("split", input.get("split_table", []))

    def explained_arguments(self, wildcards, input):
        """The options that say what is explained, by the files of `explained_files`."""
        if hasattr(input, "predictions"):
            return ["--predictions", input.predictions]
        reading = to_json(self.explained_reading(self.explanation(wildcards)))
        options = ["--split", input.split_table, "--extractor", reading]
        return options + option("names", input.get("names", [])) + option("genome", input.get("genome", []))

    def intron_windows(self, wildcards):
        """The windows of a dataset, where their ids are the loci of introns."""
        dataset = self.dataset(wildcards)
        of_introns = declared.literal(dataset.source_module, "INTRONS", False) and dataset.is_labelled
        return [paths.fill(paths.WINDOWS, dataset=dataset.name)] if of_introns else []

    def explained_datasets(self, sharded):
        """A dataset where it stands before an explanation that has, or has not, several shards, as a constraint."""
        return (
            "|".join(
                f"{re.escape(dataset)}(?=/attributions/{re.escape(model)}/{re.escape(split)}/seed{seed}/)"
                for dataset, model, split, seed, job in self.explained
                if (job.shards > 1) == sharded
            )
            or "(?!)"
        )

    def attribution_shards(self, wildcards):
        """The shards of an attribution file, in order."""
        count = self.explanation(wildcards).shards
        known = dict(wildcards.items())
        parts = (f"{number}-of-{count}" for number in range(1, count + 1))
        return [paths.fill(paths.ATTRIBUTION_SHARD, **known, part=part) for part in parts]

    def shard_arguments(self, wildcards):
        """Which part of the rows a job explains; nothing where it explains all."""
        part = dict(wildcards.items()).get("part")
        if part is None:
            return []
        number, count = part.split("-of-")
        return ["--shard", number, "--shards", count]

    def scanned_files(self, wildcards):
        """What seqlets are told from, and the genome that their background is drawn from, where settings ask for it."""
        asked, found = self.motifs["seqlets"], {}
        if asked["null"] == "shuffled":
            found["null"] = paths.fill(paths.NULL_ATTRIBUTIONS, **dict(wildcards.items()))
        if asked["background"] == "genome" and (names := genomes(self.dataset(wildcards))):
            found["genome"] = genome(names[0])
        return found

    def scanned_arguments(self, wildcards, input):
        """The files of `scanned_files`, as options."""
        return option("null", input.get("null", [])) + option("genome", input.get("genome", []))

    def window_genomes(self, wildcards):
        """The genomes, with their indices, that the windows of a dataset are of."""
        return [path for name in genomes(self.dataset(wildcards)) for path in genome(name)]

    def genome_arguments(self, wildcards, input):
        """The genomes of `window_genomes`, as an option."""
        return ["--genomes", *input.genomes[::2]] if input.genomes else []

    def page_files(self, wildcards):
        """Attributions, seqlets and hits of every method of an explanation."""
        return {name: self.artifact(name, wildcards) for name in ("attributions", "seqlets", "hits")}

    def page_arguments(self, wildcards, input):
        """The files of `page_files`, as options of NAME=PATH."""
        options, methods = [], self.explanation(wildcards).methods
        for name in ("attributions", "seqlets", "hits"):
            found = input.get(name, [])
            found = [found] if isinstance(found, str) else found
            if found:
                pairs = zip(methods, found, strict=True)
                options += [f"--{name}", *(f"{method}={path}" for method, path in pairs)]
        return options

    def compared_files(self, wildcards):
        """Weights and attributions of every seed of a comparison, and the names of a published network's outputs."""
        job = self.comparison(wildcards)
        network = self.networks[job.model]
        known = {"dataset": job.dataset, "model": job.model, "split": job.split}
        weights = [resource(network.weights)] if network.is_published else []
        weights += [] if network.is_published else [paths.fill(paths.WEIGHTS, **known, seed=seed) for seed in job.seeds]
        attributions = [
            paths.fill(paths.ATTRIBUTIONS, **known, seed=seed, method=method)
            for seed in job.seeds
            for method in job.methods
        ]
        return {"weights": weights, "attributions": attributions, "names": self.explained_names(job)}

    def compared_arguments(self, wildcards, input):
        """The options that say what is compared; of a published network, how it is loaded and what its outputs are."""
        job = self.comparison(wildcards)
        folder = PurePosixPath(input.attributions[0]).parents[4].as_posix()
        methods = {name: self.methods[name].described for name in job.methods}
        options = ["--folder", folder, "--model", job.model, "--split", job.split]
        options += ["--seeds", *map(str, job.seeds), "--methods", to_json(methods), "--reference", job.reference]
        options += ["--outputs", to_json(job.outputs)] if job.outputs is not None else []
        options += option("truth", input.truth)
        if not self.networks[job.model].is_published:
            return options
        options += ["--weights", input.weights[0], "--extractor", to_json(self.explained_reading(job))]
        return options + option("names", input.names)

    def compared_code(self, wildcards):
        modules = sorted({self.methods[name].module for name in self.comparison(wildcards).methods})
        return self.code("compare_attributions", *modules, self.architecture)(wildcards)

    def timed_methods(self):
        """Settings of the methods that are timed; what has no strands of its own explains what the model predicts."""
        strands = self.networks[self.timing.model].strands
        return {name: {"strands": strands} | self.methods[name].described for name in self.timing.methods}

    def timing_code(self, wildcards):
        modules = sorted({self.methods[name].module for name in self.timing.methods})
        return code.command("time_attributions", *modules, self.networks[self.timing.model].module)

    # --- Patterns of all explanations of a dataset ------------------------------------------------------------------

    def motif_runs(self, wildcards):
        """The text of patterns/runs.tsv: every explanation of a dataset by every method."""
        keys = ("model", "split", "seed", "method")
        lines = ["\t".join(str(run[key]) for key in keys) for run in self._motif_runs(wildcards.dataset)]
        return "\n".join(["\t".join(keys), *lines]) + "\n"

    def motif_files(self, pattern):
        """Input function: a file of every explanation of a dataset by every method."""

        def of_dataset(wildcards):
            return [paths.fill(pattern, **run) for run in self._motif_runs(wildcards.dataset)]

        return of_dataset

    def _motif_runs(self, dataset):
        return [
            {"dataset": dataset, "model": model, "split": split, "seed": seed, "method": method}
            for name, model, split, seed, job in self.explained
            if name == dataset
            for method in job.methods
        ]
