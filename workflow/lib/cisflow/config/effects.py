"""Effects of motifs as entries of a dataset, and what their rules ask of a study."""

from dataclasses import dataclass

from cisflow.config import declared, paths
from cisflow.config.designs import check_trained
from cisflow.config.explaining import Explaining
from cisflow.config.gathering import genomes, resource
from cisflow.config.jobs import genome, option
from cisflow.config.refusals import expect, refuse
from cisflow.config.study import to_json

MOTIFS = "effects/motif_effects"
VARIANTS, SATURATION = "variants/scoring", "variants/saturation"
OWN = ("model", "split", "seeds", "seed", "outputs")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What seeds of a network of a dataset are asked; `settings` are those of the module that answers."""

    dataset: str
    model: str
    split: str
    seeds: tuple
    settings: dict
    outputs: list | None = None


@dataclass(frozen=True, kw_only=True)
class MotifEffects(Entry):
    """An entry of a dataset's `effects`: which motifs are put in."""

    seed: int


@dataclass(frozen=True, kw_only=True)
class VariantEffects(Entry):
    """An entry of a dataset's `variants`: a VCF that is scored."""

    name: str
    seed: int


@dataclass(frozen=True, kw_only=True)
class Saturation(Entry):
    """An entry of a dataset's `saturation`: regions, of which every single base is scored."""

    name: str


def _parts(dataset, entry):
    """What every entry has, and the settings of its own module."""
    settings = {key: value for key, value in entry.items() if key not in OWN}
    known = {key: entry[key] for key in OWN if key in entry}
    return known | {"dataset": dataset, "seeds": tuple(entry["seeds"]), "settings": settings}


def entries_of(datasets):
    """{field of a Study: every entry of the datasets of a config}."""
    found = {"motif_effects": [], "variant_effects": [], "saturations": []}
    for dataset, entry in datasets.items():
        found["motif_effects"] += [MotifEffects(**_parts(dataset, job)) for job in entry["effects"]]
        for field, key, kind in (
            ("variant_effects", "variants", VariantEffects),
            ("saturations", "saturation", Saturation),
        ):
            found[field] += [kind(name=name, **_parts(dataset, job)) for name, job in entry[key].items()]
    return {field: tuple(jobs) for field, jobs in found.items()}


def check(study):
    """Refuse entries that do not fit the rest of the config (InputError)."""
    for job in study.variant_effects:
        check_variants(study, job, f"datasets.{job.dataset}.variants.{job.name}")
    for job in study.saturations:
        where = f"datasets.{job.dataset}.saturation.{job.name}"
        check_seeds(study, job, where)
        check_resources(study, SATURATION, job.settings, where)
    seen, counts = set(), {}
    for job in study.motif_effects:
        number = counts[job.dataset] = counts.get(job.dataset, -1) + 1
        where = f"datasets.{job.dataset}.effects[{number}]"
        check_seeds(study, job, where)
        if (job.dataset, job.model, job.split) in seen:
            refuse(where, "this model and split are in an entry above; expected one entry")
        seen.add((job.dataset, job.model, job.split))
        check_resources(study, MOTIFS, job.settings, where)
        if study.datasets[job.dataset].has_inputs:
            refuse(where, "a sample has several sequences; expected one, which motifs are put into")
        check_motifs(job.settings, study.datasets[job.dataset].window, where)


def check_variants(study, job, where):
    """What a VCF is compared with, and how its haplotypes lie, fits together."""
    check_seeds(study, job, where)
    check_resources(study, VARIANTS, job.settings, where)
    null, other = job.settings["null"], job.settings.get("null_vcf")
    if (null == "variants") != (other is not None):
        found = f"found null {null} and {'no' if other is None else 'the key'} null_vcf"
        refuse(where, f"{found}; expected null_vcf beside null variants alone")
    if null != "none" and job.settings["n_null"] < job.settings["least_null"]:
        refuse(
            f"{where}.n_null",
            f"found {job.settings['n_null']}; expected least_null, {job.settings['least_null']}, or more",
        )
    if "sample" in job.settings and job.settings["placement"] == "centre":
        refuse(f"{where}.sample", "found placement centre; expected windows, which haplotypes lie in")
    if job.settings["frequencies"] != sorted(job.settings["frequencies"]):
        refuse(f"{where}.frequencies", f"found {job.settings['frequencies']}; expected the lowest first")
    if study.datasets[job.dataset].has_inputs:
        refuse(where, "a sample has several sequences; expected one, which variants lie in")
    if not genomes(study.datasets[job.dataset]) and study.datasets[job.dataset].kind != "table":
        refuse(where, "the source reads no genome; expected windows that have coordinates")


def check_resources(study, module, given, where):
    """The resources that settings name are there."""
    for key, (*_, details) in declared.classes(module)["Settings"].fields.items():
        if details["resource"] and key in given:
            expect(given[key], study.resources, f"{where}.{key}")


def check_seeds(study, job, where):
    """The seeds of a network that are measured are trained on the dataset."""
    for seed in job.seeds:
        check_trained(study, job.dataset, job.model, job.split, seed, where, "seeds")


def check_motifs(settings, window, where):
    """There is a motif to put in, and what is written out fits into a window."""
    sequences = settings.get("sequences", {})
    if "motifs" not in settings and not sequences:
        refuse(where, "found neither motifs nor sequences; expected one of them, or both")
    if "matrices" in settings and "motifs" not in settings:
        refuse(f"{where}.matrices", "needs the key motifs, the file that they are of")
    for name, bases in sequences.items():
        if not 0 < len(bases) <= window:
            refuse(f"{where}.sequences.{name}", f"found {len(bases)} bp; expected 1 to {window}, that of the window")
        if wrong := [base for base in bases if base.upper() not in "ACGTUNRYSWKMBDHV"]:
            refuse(f"{where}.sequences.{name}", f"found '{wrong[0]}'; expected bases")
    if (centre := settings.get("centre")) is not None and centre >= window:
        refuse(f"{where}.centre", f"found {centre}; expected a base of the window, below {window}")
    names = [*sequences]
    if "motifs" not in settings:
        for name in settings.get("paired", ()):
            expect(name, names, f"{where}.paired")
    shortest = min(map(len, sequences.values()), default=0)
    if settings["pairs"] != "none" and 2 * shortest + min(settings["gaps"]) > window:
        refuse(f"{where}.gaps", f"no pair fits into a window of {window} bp; expected smaller gaps, or pairs none")


class Effects(Explaining):
    """A Study that answers the rules of effects."""

    def motif_effect_job(self, wildcards):
        """The entry that the wildcards dataset, model and split name."""
        wanted = (wildcards.dataset, wildcards.model, wildcards.split)
        return next(job for job in self.motif_effects if (job.dataset, job.model, job.split) == wanted)

    def motif_effect_files(self, wildcards):
        """Weights of every seed, the split, and the matrices where there are any."""
        job = self.motif_effect_job(wildcards)
        known = {"dataset": job.dataset, "model": job.model, "split": job.split}
        motifs = job.settings.get("motifs")
        return {
            "weights": [paths.fill(paths.WEIGHTS, **known, seed=seed) for seed in job.seeds],
            "split_table": paths.fill(paths.SPLIT, **known),
            "motifs": [resource(motifs)] if motifs is not None else [],
        }

    def motif_effect_arguments(self, wildcards, input):
        """The options that name motifs and outputs."""
        return option("motifs", input.get("motifs", [])) + self._outputs(self.motif_effect_job(wildcards))

    def motif_effect_code(self, wildcards):
        return self.code("motif_effects", self.architecture)(wildcards)

    def motif_effect_results(self):
        """A table of every entry; the others come with it."""
        return [
            paths.fill(paths.MOTIFS_SINGLY, dataset=job.dataset, model=job.model, split=job.split)
            for job in self.motif_effects
        ]

    def _own(self, jobs, wildcards):
        """The entry of some that the wildcards dataset and job name."""
        return next(job for job in jobs if (job.dataset, job.name) == (wildcards.dataset, wildcards.job))

    def variant_effect_job(self, wildcards):
        return self._own(self.variant_effects, wildcards)

    def saturation_job(self, wildcards):
        return self._own(self.saturations, wildcards)

    def _own_files(self, job, module):
        """{"weights": of every seed, "resources": files of settings, "indices": of genomes} of an entry."""
        known = {"dataset": job.dataset, "model": job.model, "split": job.split}
        settings = declared.classes(module)["Settings"]
        names = settings.resources(job.settings)
        indices = [genome(job.settings["genome"])[1]] if "genome" in job.settings else []
        return {
            "weights": [paths.fill(paths.WEIGHTS, **known, seed=seed) for seed in job.seeds],
            "resources": [resource(name) for name in names],
            "indices": indices,
        }

    def variant_effect_files(self, wildcards):
        return self._own_files(self.variant_effect_job(wildcards), VARIANTS)

    def saturation_files(self, wildcards):
        return self._own_files(self.saturation_job(wildcards), SATURATION)

    def variant_effect_arguments(self, wildcards, input):
        """NAME=PATH of each resource, and the outputs."""
        job = self.variant_effect_job(wildcards)
        names = declared.classes(VARIANTS)["Settings"].resources(job.settings)
        named = [f"{name}={path}" for name, path in zip(names, input.resources, strict=True)]
        return ["--inputs", *named, *self._outputs(job)]

    def saturation_arguments(self, wildcards, input):
        """The genome, where there is one, and the outputs."""
        return option("genome", input.get("resources", [])) + self._outputs(self.saturation_job(wildcards))

    @staticmethod
    def _outputs(job):
        return ["--outputs", to_json(job.outputs)] if job.outputs is not None else []

    def _network_of(self, job):
        return self.networks[job.model].module

    def variant_effect_code(self, wildcards):
        job = self.variant_effect_job(wildcards)
        return self.code("variant_effects", self._network_of(job))(wildcards)

    def saturation_code(self, wildcards):
        network = self._network_of(self.saturation_job(wildcards))
        return self.code("saturate", "attribution/methods/ism", network)(wildcards)

    def own_variant_results(self):
        """A table of every entry of `variants` and `saturation` of a dataset."""
        tables = [(paths.VARIANT_EFFECTS, job) for job in self.variant_effects]
        tables += [(paths.SATURATION, job) for job in self.saturations]
        return [paths.fill(pattern, dataset=job.dataset, job=job.name) for pattern, job in tables]
