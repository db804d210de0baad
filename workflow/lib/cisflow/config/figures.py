"""Figures as jobs: what each module of `figures` says of itself (see there), wherever the config has it."""

import functools
import itertools
import math
from dataclasses import dataclass, field
from types import SimpleNamespace

from cisflow.config import code, declared, entries, paths
from cisflow.config.study import Study, to_json
from cisflow.errors import InputError

EVALUATION_TABLES = ("metrics", "curves", "comparisons", "strata", "calibration")
# Of numbers as targets alone.
TRACK_TABLES = ("tracks", "track_comparisons", "similarity")
COMPARISON_TABLES = ("agreement", "planted", "perturbation", "seeds", "cost", "summary")
# What there is one figure of -> (end of its name, what the report calls its place).
PLACES = {
    "run": ("", "all"),
    "windows": ("", "all"),
    "dataset": ("", "all"),
    "study": ("", "all"),
    "split": (".{split}", "{split}"),
    "study_set": (".{group}.{split}", "{group}, {split}"),
    "classifier": (".{model}.{split}", "{model}, {split}"),
    "comparison": (".{model}.{split}", "{model}, {split}"),
    "explanation": (".{model}.{split}.seed{seed}", "{model}, {split}, seed {seed}"),
    "variants": ("", "{job}"),
    "design": (".{design}.seed{seed}", "{design}, seed {seed}"),
    "motifs": ("", "all"),
    "effects": (".{model}.{split}", "{model}, {split}"),
    "variant_effects": (".{job}", "{job}"),
    "saturation": (".{job}", "{job}"),
}
FOLDERS = {"run": ("results", "logs"), "variants": (paths.VARIANTS, "logs/variants/{job}")}
# Artifact -> pattern: one file for every method of an explanation.
PER_METHOD = {
    "attributions": paths.ATTRIBUTIONS,
    "seqlets": paths.SEQLETS,
    "modisco": paths.MODISCO,
    "discovery": paths.DISCOVERY,
    "patterns": paths.PATTERNS,
    "recovery": paths.RECOVERY,
    "motif_scores": paths.MOTIF_SCORES,
    "motif_nulls": paths.MOTIF_NULLS,
    "hits": paths.HITS,
}
# Artifact -> pattern: one file.
FILES = {
    "windows": paths.WINDOWS,
    "ledger": paths.LEDGER,
    "runs": paths.RUNS,
    "job_costs": paths.JOB_COSTS,
    "class_scores": paths.VARIANT_CLASSES,
    "merged_patterns": paths.MERGED_PATTERNS,
    "merged_matrices": paths.MERGED_MATRICES,
    "spacing": paths.SPACING,
    "distances": paths.DISTANCES,
    "motifs_singly": paths.MOTIFS_SINGLY,
    "motif_positions": paths.MOTIF_POSITIONS,
    "motif_pairs": paths.MOTIF_PAIRS,
    **{
        name: paths.escaped(paths.DESIGN_TABLE, but="table").format(table=name.removeprefix("design_"))
        for name in ("designs", "design_scores", "design_networks", "design_motifs", "design_logos")
    },
    "variant_effects": paths.VARIANT_EFFECTS,
    "variant_null": paths.VARIANT_NULL,
    "haplotypes": paths.HAPLOTYPES,
    "saturation": paths.SATURATION,
    **{name: f"{paths.EVALUATION}/{name}.tsv" for name in (*EVALUATION_TABLES, *TRACK_TABLES)},
    **{
        name: f"{paths.COMPARISON}/{name}.tsv"
        for name in ("agreement", "planted", "perturbation", "seeds", "cost", "summary")
    },
}


@dataclass(frozen=True)
class Figure:
    """A figure as its module declares it. `of`, `inputs`, … are described in `cisflow.figures`."""

    module: str
    name: str
    of: str
    label: str
    inputs: dict
    order: float = math.inf
    caption: str = ""
    reads: list = field(default_factory=list)
    least: dict = field(default_factory=dict)
    settings: list = field(default_factory=list)
    tasks: list | None = None

    @property
    def path(self):
        """Pattern of the figure without its ending."""
        return f"{FOLDERS.get(self.of, (paths.DATASET, ''))[0]}/figures/{self.name}{PLACES[self.of][0]}"

    @property
    def log(self):
        return f"{FOLDERS.get(self.of, ('', 'logs/{dataset}'))[1]}/{self.name}{PLACES[self.of][0]}.log"

    @property
    def report(self):
        """Arguments of Snakemake's `report`, without the caption."""
        labels = {"figure": self.label, "split": PLACES[self.of][1]}
        groups = {"run": {}, "variants": {"subcategory": "variants"}}.get(self.of, {"subcategory": "{dataset}"})
        return {"category": "Figures", "labels": labels} | groups


@functools.cache
def registry():
    """{name: Figure} of all figures, in their order."""
    found = {}
    for module in declared.names("figures"):
        one = declared.literal(f"figures/{module}", "FIGURE")
        for entry in declared.literal(f"figures/{module}", "FIGURES", [one] if one else []):
            figure = Figure(**{"module": module, "name": module} | entry)
            found[figure.name] = figure
    return dict(sorted(found.items(), key=lambda item: (item[1].order, item[0])))


class Figures(Study):
    """A Study whose figures are planned."""

    def figure_inputs(self, figure):
        """Input function of a figure's rule: {name: path, or list of paths}, and what it reads beside them."""

        def inputs(wildcards):
            found = {name: self.artifact(artifact.rstrip("?"), wildcards) for name, artifact in figure.inputs.items()}
            others = (name.rstrip("?") for name in figure.reads)
            return found | {name: self.artifact(name, wildcards) for name in others if name not in found}

        return inputs

    def figure_arguments(self, figure):
        """Parameter function of a figure's rule: NAME=PATH of each file on its command line."""

        def arguments(wildcards, input):
            given = ((name, input.get(name, [])) for name in figure.inputs)
            return [f"{name}={path}" for name, files in given for path in _listed(files)]

        return arguments

    def figure_code(self, figure):
        """Parameter function of a figure's rule: digest of the code that draws it."""

        def of_job(wildcards):
            task = self.dataset(wildcards).task if hasattr(wildcards, "dataset") else None
            return code.command("figure", f"figures/{figure.module}", task=task)

        return of_job

    def has_logos(self, figure):
        """Whether a figure's module draws logos, which takes tangermeme and, with it, torch."""
        return declared.PACKAGE / "figures" / "logos.py" in code.files(f"figures/{figure.module}")

    def figure_settings(self, figure):
        """Parameter function of a figure's rule: JSON of its wildcards and of what the config says for it."""

        def settings(wildcards):
            found = dict(wildcards.items())
            for name in figure.settings:
                found |= self.setting(name, wildcards)
            return to_json(found)

        return settings

    def artifact(self, name, wildcards):
        """Files of an artifact, as a path or a list; an empty list where the config has none of it."""
        known = vars(wildcards) if isinstance(wildcards, SimpleNamespace) else dict(wildcards.items())
        if name in PER_METHOD:
            return self._per_method(name, known, wildcards)
        if name in FILES:
            return paths.fill(FILES[name], **known)
        return self._answer("artifact", name)(known)

    def _per_method(self, name, known, wildcards):
        if name != "attributions" and self.motif_database(known["dataset"]) is None:
            return []
        if name == "recovery" and not self.dataset(wildcards).is_planted:
            return []
        if "seed" in known:
            methods = self.explanation(wildcards).methods
        else:
            # Of a comparison, those of its first seed.
            job = self.comparison(wildcards)
            known, methods = known | {"seed": job.seeds[0]}, job.methods
        return [paths.fill(PER_METHOD[name], **known, method=method) for method in methods]

    def _artifact_published_scores(self, known):
        return self._of_published(paths.PUBLISHED_SCORES, known)

    def _artifact_published_classes(self, known):
        return self._of_published(paths.PUBLISHED_CLASSES, known)

    def _of_published(self, pattern, known):
        """The file of an explanation whose motifs are scored as published."""
        method = self.explanation(SimpleNamespace(**known)).published
        return [paths.fill(pattern, **known, method=method)] if method is not None else []

    def _artifact_timing(self, known):
        return [paths.TIMING] if self.timing is not None else []

    def _artifact_kernels(self, known):
        return self._of_kernels(paths.KERNEL_TABLE, known)

    def _artifact_kernel_matrices(self, known):
        return self._of_kernels(paths.KERNEL_MATRICES, known)

    def _artifact_kernel_summary(self, known):
        return self._of_kernels(paths.KERNEL_SUMMARY, known)

    def _of_kernels(self, pattern, known):
        """The file of an explained network that is trained here, where motifs are sought."""
        sought = known["dataset"] in self.searched and not self.networks[known["model"]].is_published
        return [paths.fill(pattern, **known)] if sought else []

    def _artifact_histories(self, known):
        return self.run_files(paths.HISTORY, known["dataset"], network=True)

    def _artifact_predictions(self, known):
        files = self.run_files(paths.PREDICTIONS, known["dataset"])
        return [path for path in files if f"/{known['split']}/seed" in path] if "split" in known else files

    def _artifact_explained_predictions(self, known):
        """Of the network that is explained, where it is trained here."""
        return [] if self.networks[known["model"]].is_published else paths.fill(paths.PREDICTIONS, **known)

    def _artifact_profile_predictions(self, known):
        """The predictions beside which networks of profiles write these, where windows have any."""
        return self._artifact_predictions(known) if self.datasets[known["dataset"]].has_profiles else []

    def _artifact_split_table(self, known):
        return paths.fill(paths.SPLIT, **known)

    def _artifact_leakage(self, known):
        return self.leakage_tables(SimpleNamespace(**known))

    def _artifact_split_tables(self, known):
        splits = self.datasets[known["dataset"]].splits
        return [paths.fill(paths.SPLIT, dataset=known["dataset"], split=split) for split in splits]

    def _artifact_matching(self, known):
        """What negatives were matched on, where the source draws them."""
        matched = self.datasets[known["dataset"]].is_matched
        return [paths.fill(paths.MATCHING, **known)] if matched else []

    def _artifact_explained_ledgers(self, known):
        """What became of the windows of each entry of a dataset's `explain`, by its first seed."""
        return [
            paths.fill(paths.EXPLAINED_LEDGER, **known, model=job.model, split=job.split, seed=job.seeds[0])
            for job in self.datasets[known["dataset"]].explain
        ]

    def _artifact_all_explained_ledgers(self, known):
        """The same by every seed."""
        return [
            paths.fill(paths.EXPLAINED_LEDGER, dataset=dataset, model=model, split=split, seed=seed)
            for dataset, model, split, seed, _ in self.explained
            if dataset == known["dataset"]
        ]

    def _artifact_truth(self, known):
        return self.truth(SimpleNamespace(**known))

    def _artifact_motif_database(self, known):
        database = self.motif_database(known["dataset"])
        return [paths.fill(paths.RESOURCE, name=database)] if database is not None else []

    def _artifact_published_metrics(self, known):
        has = self.datasets[known["dataset"]].study is not None
        return [self.shipped(paths.PUBLISHED_METRICS)] if has else []

    def _artifact_published_targets(self, known):
        """The published targets, where a published model on factors answers to a classifier."""
        return [self.shipped(paths.PUBLISHED_TARGETS)] if self._published_row(known).get("features") == "TF" else []

    def _artifact_weights(self, known):
        """Weights of a classifier with each of its seeds."""
        seeds = self.models[known["model"]].seeds
        return [paths.fill(paths.CLASSIFIER_WEIGHTS, **known, seed=seed) for seed in seeds]

    def _artifact_feature_targets(self, known):
        extractor = self.models[known["model"]].features
        return paths.fill(paths.FEATURE_TARGETS, dataset=known["dataset"], extractor=extractor)

    def _published_row(self, known):
        study = self.datasets[known["dataset"]].study
        return study.published.get(known["model"], {}) if study is not None else {}

    def setting(self, name, wildcards):
        """What the config says for a figure under a name, as {setting: value}."""
        if name in self.figure_counts:
            return {name: self.figure_counts[name]}
        return self._answer("setting", name)(wildcards)

    def _answer(self, what, name):
        """The method that answers to a name in the declaration of a figure."""
        if (found := getattr(self, f"_{what}_{name}", None)) is None:
            known = [method.removeprefix(f"_{what}_") for method in dir(self) if method.startswith(f"_{what}_")]
            known += {"artifact": [*PER_METHOD, *FILES], "setting": list(self.figure_counts)}[what]
            raise InputError(f"figures: no {what} '{name}'; expected one of {', '.join(sorted(known))}")
        return found

    def _setting_task(self, wildcards):
        return {"task": self.dataset(wildcards).task}

    def _setting_splits(self, wildcards):
        return {"splits": list(self.dataset(wildcards).splits)}

    def _setting_explanations(self, wildcards):
        """Names of what is explained of a dataset, in the order of `explained_ledgers`."""
        jobs = self.dataset(wildcards).explain
        return {"explanations": [f"{job.model}, {job.split}, seed {job.seeds[0]}" for job in jobs]}

    def _setting_baselines(self, wildcards):
        return {"baselines": self.baselines(wildcards.dataset)}

    def _setting_study(self, wildcards):
        return {"study": self.dataset(wildcards).study_entry}

    def _setting_published(self, wildcards):
        """Which published row stands beside which model, whether it is of the same data, and of which split."""
        study = self.dataset(wildcards).study
        if study is None:
            return {}
        known = {"published": study.published, "same_data": study.same_data}
        return known | {"published_split": study.splits["published"]}

    def _setting_models(self, wildcards):
        """The models of a set that a study draws together."""
        return {"models": self.dataset(wildcards).study.sets[wildcards.group]}

    def _setting_methods(self, wildcards):
        job = self.explanation(wildcards) if hasattr(wildcards, "seed") else self.comparison(wildcards)
        return {"methods": list(job.methods)}

    def _setting_outputs(self, wildcards):
        """What is explained, as the config has it."""
        return {"outputs": self.explanation(wildcards).outputs}

    def _setting_reference(self, wildcards):
        return {"reference": self.comparison(wildcards).reference}

    def _setting_weights(self, wildcards):
        """Which classifier gave the weights, and whether they are per standard deviation."""
        classifier = self.models[wildcards.model]
        logistic = classifier.classifier == "logistic_regression"
        standardised = logistic and classifier.settings.get("standardise", True)
        return {"classifier": classifier.classifier, "standardised": standardised}

    def _setting_published_targets(self, wildcards):
        """Whose the published targets are, and what they were measured on."""
        row = self._published_row({"dataset": wildcards.dataset, "model": wildcards.model})
        if row.get("features") != "TF":
            return {}
        study = self.dataset(wildcards).study
        where = f"measured on split {study.splits['published']}" if study.same_data else "measured on other data"
        return {"published_model": row["model"], "where": where}

    def places(self, figure):
        """Wildcards of every place where the config allows a figure, as dicts."""
        return [
            place
            for place in self._places(figure.of)
            if self._has_task(figure, place) and self._has_inputs(figure, SimpleNamespace(**place))
        ]

    def _has_task(self, figure, place):
        return figure.tasks is None or self.datasets[place["dataset"]].task in figure.tasks

    def _has_inputs(self, figure, wildcards):
        for name, artifact in [*figure.inputs.items(), *((name, name) for name in figure.reads)]:
            least = figure.least.get(name, 0 if artifact.endswith("?") else 1)
            if len(_listed(self.artifact(artifact.rstrip("?"), wildcards))) < least:
                return False
        return True

    def _places(self, of):
        if of == "run":
            return [{}]
        if of == "windows":
            return [{"dataset": dataset} for dataset in self.datasets]
        if of == "motifs":
            return [{"dataset": dataset} for dataset in self.searched]
        if of == "variants":
            return [{"job": job} for job in self.variants if self.has_classes(job)]
        if of == "effects":
            keys = ("dataset", "model", "split")
            return [{key: getattr(job, key) for key in keys} for job in self.motif_effects]
        if of == "design":
            return self.designed
        if of in ("variant_effects", "saturation"):
            jobs = self.variant_effects if of == "variant_effects" else self.saturations
            return [{"dataset": job.dataset, "job": job.name} for job in jobs]
        if of == "explanation":
            keys = ("dataset", "model", "split", "seed")
            return [dict(zip(keys, explained[:4], strict=True)) for explained in self.explained]
        if of == "comparison":
            return [{"dataset": job.dataset, "model": job.model, "split": job.split} for job in self.compared]
        places = []
        for dataset in self.evaluated:
            name = {"dataset": dataset.name}
            studied = sorted(set(dataset.study.splits.values())) if dataset.study is not None else []
            if of == "dataset" or (of == "study" and studied):
                places.append(name)
            elif of == "split":
                places += [name | {"split": split} for split in dataset.splits]
            elif of == "study_set" and studied:
                places += [name | {"group": group, "split": split} for group in dataset.study.sets for split in studied]
            elif of == "classifier":
                places += [
                    name | {"model": model, "split": split} for model in self._ranked(dataset) for split in studied
                ]
        return places

    def _ranked(self, dataset):
        """The classifiers of a dataset whose features have names worth a ranking."""
        return [model for model in dataset.models if model in self.classifiers and not self.is_baseline(model)]

    def figures(self):
        """Every figure that the config's jobs allow, in order; those of one explanation stand together."""
        found = []
        for of, group in itertools.groupby(registry().values(), key=lambda figure: figure.of):
            drawn = [(figure, place) for figure in group for place in self.places(figure)]
            if of in ("explanation", "comparison"):
                places = self._places(of)
                drawn.sort(key=lambda pair: places.index(pair[1]))
            found += [paths.fill(figure.path, **place) + ".svg" for figure, place in drawn]
        return found

    def figures_of(self, dataset):
        """All figures of a dataset, which its page links to."""
        return [path for path in self.figures() if path.startswith(f"results/{dataset}/")]

    def figure_models(self, figure):
        """The models that a figure may have as wildcard, as names: classifiers and networks share a pattern."""
        kind = entries.Classifier if figure.of == "classifier" else entries.Network
        return [name for name, model in self.models.items() if isinstance(model, kind)]


def _listed(files):
    return [files] if isinstance(files, str) else list(files)
