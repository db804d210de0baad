"""What the rules ask of a study: the inputs and settings of a job, by its wildcards, and the jobs that there are.

A method that takes wildcards alone is an input function of Snakemake; one that takes wildcards and input makes options
of the files of a job, so that paths stay right where Snakemake puts a prefix before them.
"""

import re
from pathlib import PurePosixPath

from cisflow.config import code, entries, paths, vectors
from cisflow.config.gathering import resource
from cisflow.config.published import Published
from cisflow.config.study import to_json


def any_of(names):
    """A regular expression that matches the given names and no other; nothing when there are none."""
    return "|".join(map(re.escape, names)) or "(?!)"


def option(name, files):
    """[--name, path] of the one path of a list, or an empty list."""
    files = [files] if isinstance(files, str) else list(files)
    return [f"--{name}", files[0]] if files else []


def growing(mem_mb, each=0):
    """Resource function: the memory of a job's first attempt, in MB, and as much again for each attempt after it.

    Parameters
    ----------
    each : MB more for each MB of input; how much that is is known once the input is there.
    """
    if each:
        return lambda wildcards, input, attempt: int(mem_mb + each * input.size_mb) * attempt
    return lambda wildcards, attempt: mem_mb * attempt


def genome(name):
    """A genome with its index."""
    return [resource(name), paths.fill(paths.INDEX, name=name)]


class Jobs(Published):
    """A Study that answers the rules."""

    def code(self, command, *modules):
        """Parameter function: digest of the code that a command runs for the wildcard `dataset`.

        Parameters
        ----------
        modules : what it imports by name, as modules or as functions of the wildcards.
        """

        def of_job(wildcards):
            named = [module(wildcards) if callable(module) else module for module in modules]
            return code.command(command, *named, task=self.dataset(wildcards).task)

        return of_job

    def architecture(self, wildcards):
        """Module of the network of the wildcard `model`."""
        return self.networks[wildcards.model].module

    def classifier(self, wildcards):
        """Module of the classifier of the wildcard `model`."""
        return f"classifiers/{self.model(wildcards).classifier}"

    def source_code(self, wildcards):
        """Digest of the code that gathers the wildcard `dataset`."""
        dataset = self.dataset(wildcards)
        return self.code("windows", dataset.source_module, *dataset.joined_modules, *dataset.target_modules)(wildcards)

    def method(self, wildcards):
        """Module of the attribution method of the wildcard `method`."""
        return self.methods[wildcards.method].module

    # --- Windows -----------------------------------------------------------------------------------------------------

    def datasets_with(self, planted=False, matched=False):
        """The datasets whose source writes a planted truth, what negatives were matched on, or neither, as a wildcard
        constraint.
        """
        asked = (planted, matched)
        return any_of(name for name, entry in self.datasets.items() if (entry.is_planted, entry.is_matched) == asked)

    def truth(self, wildcards):
        """The planted truth of a dataset, where it has one."""
        return [paths.fill(paths.TRUTH, dataset=wildcards.dataset)] if self.dataset(wildcards).is_planted else []

    def split_settings(self, wildcards):
        """What divides the windows; tracks that are held out besides do not."""
        split = self.dataset(wildcards).splits[wildcards.split]
        return {key: value for key, value in split.items() if key != "tracks"}

    def near_duplicates(self, wildcards):
        """Near-duplicates of a dataset, which a split of kind cluster, or of folds by cluster, reads."""
        split = self.split_settings(wildcards)
        asked = "cluster" in (split["kind"], split.get("by"))
        return [paths.fill(paths.NEAR_DUPLICATES, dataset=wildcards.dataset)] if asked else []

    def genes(self, wildcards):
        """Annotation of the genes that folds may share, where the config names one."""
        genes = self.dataset(wildcards).genes
        return [resource(genes)] if genes is not None else []

    def leakage_tables(self, wildcards):
        """Leakage table of every split of a dataset."""
        splits = self.dataset(wildcards).splits
        return [paths.fill(paths.LEAKAGE, dataset=wildcards.dataset, split=split) for split in splits]

    # --- Features ----------------------------------------------------------------------------------------------------

    def reading(self, extractor):
        """How an extractor reads windows, with the layout of its network where the checkpoint does not hold it."""
        network = self.networks[extractor.model]
        return extractor.described | (network.layout if network.is_published else {})

    def extractor_weights(self, wildcards):
        return self._weights_of(self.extractor(wildcards))

    def _weights_of(self, extractor):
        network = self.networks[extractor.model]
        return resource(network.weights) if network.is_published else extractor.trained_on.weights

    def extractor_genome(self, wildcards):
        """The genome around the windows, with its index, where the extractor reads them in their context."""
        extractor = self.extractor(wildcards)
        return genome(extractor.genome) if extractor.context == "genome" else []

    def extractor_database(self, wildcards):
        """The motifs that features are scores of."""
        return resource(self.extractor(wildcards).database)

    def extractor_names(self, wildcards):
        names = self.extractor(wildcards).names
        return [resource(names)] if names is not None else []

    def extractor_code(self, wildcards):
        network = self.networks[self.extractor(wildcards).model]
        return self.code("features", network.module)(wildcards)

    def extractors_of(self, kind):
        """The extractors that count k-mers (Composition), score motifs (Motifs) or run a network (Extractor), as a
        constraint.
        """
        return any_of(name for name, extractor in self.extractors.items() if isinstance(extractor, kind))

    @property
    def extracted(self):
        """(dataset, extractor) of each feature array that some classifier reads, sorted."""
        return sorted(
            {
                (dataset.name, self.models[model].features)
                for dataset in self.datasets.values()
                for model in dataset.models
                if model in self.classifiers
            }
        )

    def class_files(self, wildcards):
        """Vectors and names of an extractor's sequence classes."""
        found = self.extractor(wildcards).resources
        return {key: resource(found[key]) for key in ("classes", "class_names") if key in found}

    # --- Variants ----------------------------------------------------------------------------------------------------

    def _scorer(self, wildcards):
        return self.extractors[self.variants[wildcards.job].features]

    def variant_files(self, wildcards):
        """The files that a variants job reads, by the options of its command, and the index of the genome."""
        job = self.variants[wildcards.job]
        named = {key: name for key, name in self._scorer(wildcards).resources.items() if key != "genome"}
        named = {"vcf": job.vcf, "genome": job.genome} | named
        return {key: resource(name) for key, name in named.items()} | {
            "weights": self._weights_of(self._scorer(wildcards)),
            "index": paths.fill(paths.INDEX, name=job.genome),
        }

    def variant_arguments(self, wildcards, input):
        """The options of a variants job: files, and whether an odd variant is an error."""
        given = [(key, path) for key, path in input.items() if key != "index"]
        options = [part for key, path in given for part in (f"--{key.replace('_', '-')}", path)]
        return options + ["--strict"] * self.variants[wildcards.job].strict

    def variant_reading(self, wildcards):
        """How a variants job reads alleles; a variant has its surroundings from the genome in any case."""
        told = self.reading(self._scorer(wildcards))
        return {key: value for key, value in told.items() if key not in ("context", "padding")}

    def variant_code(self, wildcards):
        return code.command("variants", self.networks[self._scorer(wildcards).model].module)

    def has_classes(self, job):
        return self.extractors[self.variants[job].features].classes is not None

    def variant_jobs(self, classes):
        """The variants jobs whose extractor has, or has no, sequence classes, as a wildcard constraint."""
        return any_of(job for job in self.variants if self.has_classes(job) == classes)

    # --- Models and evaluation ---------------------------------------------------------------------------------------

    def models_of(self, kind):
        """The networks (Network), or the classifiers (Classifier), as a wildcard constraint."""
        return any_of(name for name, model in self.models.items() if isinstance(model, kind))

    def tuned_models(self):
        return any_of(name for name, model in self.classifiers.items() if model.tune is not None)

    def start(self, wildcards):
        """Weights that a network starts from, where it does."""
        return self.model(wildcards).start

    def devices(self, wildcards):
        """GPUs that train the network of the wildcard `model`."""
        return self.model(wildcards).training.get("devices", 1)

    def tokenizer(self, wildcards):
        tokenizer = self.model(wildcards).tokenizer
        return [resource(tokenizer)] if tokenizer is not None else []

    def kernel_motifs(self, wildcards):
        """Known motifs that first kernels start from, where they do."""
        motifs = self.model(wildcards).motifs
        return [resource(motifs)] if motifs is not None else []

    def track_features(self, wildcards):
        """The vectors of a dataset's tracks, where a network reads them."""
        dataset = self.dataset(wildcards)
        return [resource(dataset.track_features)] if vectors.reads(self.model(wildcards)) else []

    def start_arguments(self, wildcards, input):
        found = option("pretrained", input.pretrained) + option("motifs", input.motifs)
        found += option("track-features", input.track_features)
        held = vectors.held(self.dataset(wildcards)).get(wildcards.split)
        found += ["--held-tracks", to_json(held)] if held else []
        return found + option("tokenizer", input.tokenizer)

    def classifier_features(self, wildcards):
        known = {"dataset": wildcards.dataset, "extractor": self.model(wildcards).features}
        files = {"features": paths.FEATURE_ARRAY, "names": paths.FEATURE_TARGETS, "ids": paths.FEATURE_IDS}
        return {key: paths.fill(pattern, **known) for key, pattern in files.items()}

    def tuning(self, wildcards):
        """The trials behind a classifier's settings, where it is tuned."""
        return [paths.fill(paths.TUNING, **dict(wildcards.items()))] if self.model(wildcards).tune is not None else []

    def runs(self, dataset):
        """(split, model, seed) of every training of a dataset."""
        return [
            (split, model, seed)
            for split in self.datasets[dataset].splits
            for model in self.datasets[dataset].models
            for seed in self.models[model].seeds
        ]

    def run_table(self, wildcards):
        """The text of runs.tsv: every training of a dataset, whether it is a network, and a baseline's k-mers."""
        baselines = self.baselines(wildcards.dataset)
        lines = ["split\tmodel\tseed\tkind\tk"]
        for split, model, seed in self.runs(wildcards.dataset):
            kind = "network" if model in self.networks else "classifier"
            lines.append(f"{split}\t{model}\t{seed}\t{kind}\t{baselines.get(model, '')}")
        return "\n".join(lines) + "\n"

    def run_files(self, pattern, dataset, network=None):
        """`pattern` of every training of a dataset; of the networks (True) or the classifiers (False) alone."""
        return [
            paths.fill(pattern, dataset=dataset, split=split, model=model, seed=seed)
            for split, model, seed in self.runs(dataset)
            if network is None or (model in self.networks) == network
        ]

    def predictions(self, wildcards):
        return self.run_files(paths.PREDICTIONS, wildcards.dataset)

    def metric_arguments(self, wildcards):
        """The metrics that the config asks for, as options; nothing where it asks for all."""
        metrics = self.dataset(wildcards).metrics
        return ["--metrics", *metrics] if metrics is not None else []

    def contributions(self, wildcards):
        """What each input gives to each network of a dataset."""
        return self.run_files(paths.INPUT_CONTRIBUTION, wildcards.dataset, network=True)

    def track_settings(self, wildcards):
        """How tracks and regions are judged, and which splits' test folds may be pooled: those of one kind that differ
        in nothing but what they hold out.
        """
        dataset, alike = self.dataset(wildcards), {}
        for name, split in dataset.splits.items():
            same = {key: value for key, value in split.items() if key not in ("valid", "test", "fold")}
            alike.setdefault(to_json(same), []).append(name)
        several = [names for names in alike.values() if len(names) > 1]
        pools = {"pooled" if len(several) == 1 else f"pooled_{names[0]}": names for names in several}
        pools = {name: names for name, names in pools.items() if name not in dataset.splits}
        keys = ("seed", "resamples", "permutations", "cut", "cut_quantile")
        given = {key: self.evaluation[key] for key in keys if key in self.evaluation}
        given |= {"held_tracks": held} if (held := vectors.held(dataset)) else {}
        return to_json(given | {"pools": pools, "k": dataset.near_duplicates["k"]})

    # --- The page of a study -----------------------------------------------------------------------------------------

    def study_features(self, dataset):
        """Extractors on networks that the classifiers of a dataset read, sorted."""
        return [
            extractor
            for name, extractor in self.extracted
            if name == dataset and isinstance(self.extractors[extractor], entries.Extractor)
        ]

    def study_settings(self, wildcards):
        """What the page needs to know beside the tables."""
        dataset = self.dataset(wildcards)
        settings = {"dataset": dataset.name, "study": dataset.study_entry, "splits": list(dataset.splits)}
        settings |= {"models": {name: self._told(self.models[name]) for name in dataset.models}}
        settings |= {"baselines": self.baselines(dataset.name), "resamples": self.evaluation["resamples"]}
        keys = ("groups", "context", "length", "strands", "padding")
        extractors = {
            name: {key: value for key, value in self.extractors[name].described.items() if key in keys}
            for name in self.study_features(dataset.name)
        }
        figures = [PurePosixPath(path).name for path in self.figures_of(dataset.name)]
        return to_json(settings | {"extractors": extractors, "figures": figures}) + "\n"

    @staticmethod
    def _told(model):
        """How a model was made, as its entry of the config tells it."""
        told = model.described | {"seeds": list(model.seeds)}
        if isinstance(model, entries.Classifier):
            return told | {"features": model.features}
        told |= {"pretrained": model.pretrained} if model.pretrained is not None else {}
        start = model.trained_on
        return told | ({"trained_on": vars(start)} if start is not None else {})

    def study_files(self, wildcards):
        """What the page of a study is written from, beside the tables of the dataset and its evaluation."""
        dataset = self.dataset(wildcards)
        known = {"dataset": dataset.name}
        logistic = [
            paths.fill(paths.MODEL_MANIFEST, **known, split=split, model=model, seed=seed)
            for split, model, seed in self.runs(dataset.name)
            if getattr(self.models[model], "classifier", None) == "logistic_regression"
        ]
        return {
            "splits": [paths.fill(paths.SPLIT, **known, split=split) for split in dataset.splits],
            "leakage": self.leakage_tables(wildcards),
            "features": [
                paths.fill(paths.FEATURE_TARGETS, **known, extractor=name) for name in self.study_features(dataset.name)
            ],
            "published": self.shipped(paths.PUBLISHED_METRICS),
            "manifests": logistic,
            "figures": self.figures_of(dataset.name),
        }
