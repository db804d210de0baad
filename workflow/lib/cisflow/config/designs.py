"""Designs as entries of a dataset, what is refused of them, and what their rules ask of a study."""

from dataclasses import dataclass

from cisflow.config import code, declared, paths
from cisflow.config.explaining import Explaining
from cisflow.config.jobs import any_of, option
from cisflow.config.refusals import expect, refuse
from cisflow.config.study import to_json

# What `cisflow design` writes, each with the suffix .tsv.
TABLES = ("designs", "steps", "scores", "networks", "motifs", "hits", "logos")
PARTS = ("objective", "constraints", "method", "starts")


@dataclass(frozen=True)
class Judge:
    """A training that judges what another one designs."""

    model: str
    split: str
    seed: int

    @property
    def name(self):
        return f"{self.model}.{self.split}.seed{self.seed}"


@dataclass(frozen=True)
class Design:
    """An entry of a dataset's `design`: what the trained seeds of a network design, and which networks judge it.

    parts : {"objective", "constraints", "method", "starts": settings}. compared : settings of design.run.
    """

    dataset: str
    name: str
    model: str
    split: str
    seeds: tuple
    judges: tuple
    parts: dict
    compared: dict


def design(dataset, entry):
    """Design of an entry of a dataset's `design`."""
    known = {key: entry[key] for key in ("name", "model", "split")}
    compared = {key: entry[key] for key in declared.classes("design/run")["Settings"].fields if key in entry}
    judges = tuple(Judge(**judge) for judge in entry["judges"])
    parts = {key: entry[key] for key in PARTS}
    return Design(dataset=dataset, seeds=tuple(entry["seeds"]), judges=judges, parts=parts, compared=compared, **known)


def entries_of(datasets):
    """Every Design of the datasets of a config."""
    return tuple(design(name, entry) for name, dataset in datasets.items() for entry in dataset["design"])


def check(study, warn):
    """Refuse entries that do not fit the rest of the config (InputError); `warn` gets what only a job can tell."""
    seen, counts = set(), {}
    for job in study.designs:
        number = counts[job.dataset] = counts.get(job.dataset, -1) + 1
        where = f"datasets.{job.dataset}.design[{number}]"
        dataset = study.datasets[job.dataset]
        if (job.dataset, job.name.lower()) in seen:
            refuse(f"{where}.name", f"'{job.name}' is of an entry above; expected another name")
        seen.add((job.dataset, job.name.lower()))
        if dataset.has_inputs:
            refuse(where, "a sample has several sequences; expected a dataset of one")
        for seed in job.seeds:
            check_trained(study, job.dataset, job.model, job.split, seed, where, "seeds")
        check_objective(job.parts["objective"], f"{where}.objective")
        check_constraints(study, job, dataset, f"{where}.constraints")
        check_judges(study, dataset, job, where, warn)


def check_trained(study, dataset, model, split, seed, where, key="seed"):
    """Refuse what is not a network on one-hot sequence that a dataset, by its name, trains on a split with a seed.

    key : what the entry at `where` calls the seed, or the list that it is of.
    """
    dataset = study.datasets[dataset]
    expect(model, [name for name in dataset.models if name in study.networks], f"{where}.model")
    if study.networks[model].reads_tokens:
        refuse(f"{where}.model", f"'{model}' reads tokens; expected a network on one-hot sequence")
    expect(split, dataset.splits, f"{where}.split")
    expect(seed, study.networks[model].seeds, f"{where}.{key}")


def check_objective(wanted, where):
    """Something is wanted, and no output in two ways."""
    names = [name for key in ("up", "down", "flat") for name in wanted.get(key, ())]
    if "targets" in wanted and names:
        refuse(where, "found targets beside up, down or flat; expected the one or the others")
    if not any(key in wanted for key in ("up", "down", "targets")):
        refuse(where, "nothing to reach; expected one of the keys up, down, targets")
    if twice := [name for name in names if names.count(name) > 1]:
        refuse(where, f"'{twice[0]}' is wanted in two ways; expected each output once")


def check_constraints(study, job, dataset, where):
    """Ranges that some sequence of the dataset's window can be in, and flanks that leave something of it."""
    given, window = job.parts["constraints"], dataset.window
    low, high = given.get("gc", (0, 1))
    if low > high:
        refuse(f"{where}.gc", f"found {low} to {high}; expected the lowest, then the highest")
    flanks = len(given.get("left", "")) + len(given.get("right", ""))
    if flanks >= window:
        refuse(where, f"flanks of {flanks} bases leave nothing of the window, {window}; expected shorter ones")
    for side in ("left", "right"):
        if wrong := [base for base in given.get(side, "") if base.upper() not in "ACGT"]:
            refuse(f"{where}.{side}", f"found '{wrong[0]}'; expected A, C, G and T")
    for number, span in enumerate(given.get("protected", ())):
        if not span["start"] < span["end"] <= window:
            found = f"found {span['start']} to {span['end']}"
            refuse(f"{where}.protected[{number}]", f"{found}; expected positions within the window, 0 to {window}")
    words = [(key, name) for key in ("banned", "required") for name in given.get(key, ())]
    for key, name in words:
        if study.motif_database(job.dataset) is None and not set(name.upper()) <= set("ACGTRYSWKMBDHVN"):
            refuse(f"{where}.{key}", f"'{name}' is no word of IUPAC letters, and the run has no database of motifs")


def check_judges(study, dataset, job, where, warn):
    """At least two judges, none of them like the designer, trained on windows that it was not trained on."""
    if len(job.judges) == 1:
        refuse(f"{where}.judges", "found one; expected two or more, or none")
    for number, judge in enumerate(job.judges):
        place = f"{where}.judges[{number}]"
        check_trained(study, job.dataset, judge.model, judge.split, judge.seed, place)
        if judge in job.judges[:number]:
            refuse(place, f"{judge.name} is in an entry above; expected another network")
        if judge.model == job.model and judge.seed in job.seeds:
            same = "is the designer" if judge.split == job.split else "has the designer's model and seed"
            refuse(place, f"{judge.name} {same}; expected a network of another model and seed")
        if study.networks[judge.model].layout == study.networks[job.model].layout:
            refuse(f"{place}.model", f"'{judge.model}' has the designer's architecture and settings; expected others")
        if job.compared["folds"] == "shared":
            continue
        if judge.split == job.split:
            told = f"'{judge.split}' is the designer's, so that both learn from the same windows"
            refuse(f"{place}.split", f"{told}; expected another split, or folds: shared")
        if not apart(dataset.splits[judge.split], dataset.splits[job.split]):
            warn(
                f"config: {place}: whether splits '{judge.split}' and '{job.split}' train on windows in common is told "
                "by the job, which refuses it; splits of kind parts do not"
            )
    if len(job.judges) > 1 and len({(judge.model, judge.seed) for judge in job.judges}) == 1:
        refuse(f"{where}.judges", "all are of one model and seed; expected some that differ")


def apart(split, other):
    """Whether two splits train on different parts of one division."""
    if not split["kind"] == other["kind"] == "parts" or split["part"] == other["part"]:
        return False
    same = [{key: value for key, value in each.items() if key not in ("part", "valid")} for each in (split, other)]
    return same[0] == same[1]


class Designs(Explaining):
    """A Study that answers the rules of designs."""

    def design_entry(self, wildcards):
        """The entry that the wildcards dataset and design name."""
        wanted = (wildcards.dataset, wildcards.design)
        return next(job for job in self.designs if (job.dataset, job.name) == wanted)

    def design_names(self):
        """Names of all designs, as a wildcard constraint."""
        return any_of(job.name for job in self.designs)

    def design_files(self, wildcards):
        """Weights and splits of the designer and of its judges, and known motifs, where there are any."""
        job, dataset = self.design_entry(wildcards), wildcards.dataset
        known = {"dataset": dataset, "model": job.model, "split": job.split, "seed": wildcards.seed}
        judges = [{"dataset": dataset, **vars(judge)} for judge in job.judges]
        return {
            "weights": paths.fill(paths.WEIGHTS, **known),
            "split_table": paths.fill(paths.SPLIT, **known),
            "judges": [paths.fill(paths.WEIGHTS, **judge) for judge in judges],
            "judge_splits": [paths.fill(paths.SPLIT, **judge) for judge in judges],
            "database": [self.database(wildcards)] if self.motif_database(dataset) is not None else [],
        }

    def design_arguments(self, wildcards, input):
        """The files of `design_files` and the settings of an entry, as options."""
        job = self.design_entry(wildcards)
        options = option("database", input.get("database", []))
        for name, files in (("judges", input.get("judges", [])), ("judge-splits", input.get("judge_splits", []))):
            files = [files] if isinstance(files, str) else list(files)
            if files:
                pairs = zip(job.judges, files, strict=True)
                options += [f"--{name}", *(f"{judge.name}={path}" for judge, path in pairs)]
        for part in PARTS:
            options += [f"--{part}", to_json(job.parts[part])]
        return [*options, "--settings", to_json(job.compared)]

    def design_code(self, wildcards):
        job = self.design_entry(wildcards)
        models = {self.networks[model].module for model in (job.model, *(judge.model for judge in job.judges))}
        method = f"design/methods/{job.parts['method']['method']}"
        return code.command("design", method, *sorted(models), task=self.dataset(wildcards).task)

    def design_results(self):
        """Tables of every design."""
        return [paths.fill(paths.DESIGN_TABLE, **place, table=TABLES[0]) for place in self.designed]
