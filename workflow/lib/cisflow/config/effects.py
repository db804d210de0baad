"""Effects of motifs as entries of a dataset, and what their rules ask of a study."""

from dataclasses import dataclass

from cisflow.config import declared, paths
from cisflow.config.explaining import Explaining
from cisflow.config.gathering import resource
from cisflow.config.jobs import option
from cisflow.config.refusals import expect, refuse
from cisflow.config.study import to_json

MOTIFS = "effects/motif_effects"


@dataclass(frozen=True)
class MotifEffects:
    """An entry of a dataset's `effects`: which motifs are put in, for which seeds of a network."""

    dataset: str
    model: str
    split: str
    seeds: tuple
    settings: dict
    seed: int
    outputs: list | None = None


def motif_effects(dataset, entry):
    """MotifEffects of an entry of a dataset's `effects`."""
    own = ("model", "split", "seeds", "seed", "outputs")
    settings = {key: value for key, value in entry.items() if key not in own}
    known = {key: entry[key] for key in own if key in entry}
    return MotifEffects(**known | {"dataset": dataset, "seeds": tuple(entry["seeds"]), "settings": settings})


def entries_of(datasets):
    """Every MotifEffects of the datasets of a config."""
    return tuple(motif_effects(name, entry) for name, dataset in datasets.items() for entry in dataset["effects"])


def check(study):
    """Refuse entries that do not fit the rest of the config (InputError)."""
    seen, counts = set(), {}
    for job in study.motif_effects:
        number = counts[job.dataset] = counts.get(job.dataset, -1) + 1
        where = f"datasets.{job.dataset}.effects[{number}]"
        check_trained(study, job, where)
        if (job.dataset, job.model, job.split) in seen:
            refuse(where, "this model and split are in an entry above; expected one entry")
        seen.add((job.dataset, job.model, job.split))
        for name in declared.classes(MOTIFS)["Settings"].resources(job.settings):
            expect(name, study.resources, f"{where}.motifs")
        check_motifs(job.settings, study.datasets[job.dataset].window, where)


def check_trained(study, job, where):
    """The seeds of a network that are measured are trained on the dataset."""
    dataset = study.datasets[job.dataset]
    expect(job.model, [name for name in dataset.models if name in study.networks], f"{where}.model")
    if study.networks[job.model].reads_tokens:
        refuse(f"{where}.model", f"'{job.model}' reads tokens; expected a network on one-hot sequence")
    expect(job.split, dataset.splits, f"{where}.split")
    for seed in job.seeds:
        expect(seed, study.networks[job.model].seeds, f"{where}.seeds")


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
        outputs = self.motif_effect_job(wildcards).outputs
        from_file = option("motifs", input.get("motifs", []))
        return from_file + (["--outputs", to_json(outputs)] if outputs is not None else [])

    def motif_effect_code(self, wildcards):
        return self.code("motif_effects", self.architecture)(wildcards)

    def motif_effect_results(self):
        """A table of every entry; the others come with it."""
        return [
            paths.fill(paths.MOTIFS_SINGLY, dataset=job.dataset, model=job.model, split=job.split)
            for job in self.motif_effects
        ]
