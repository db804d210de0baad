"""The entries of a config as frozen, typed objects: what they are named, what they are, and what they read.

Each is made of its part of a config that the schema has checked and completed. Settings that a module of the package
declares (of a source, a split, a training, a method) stay mappings here: their names are that module's own.
"""

import dataclasses
from dataclasses import dataclass, field

from cisflow.config import code, declared, paths
from cisflow.errors import InputError


def parts(source):
    """The sources that a source joins, and those that they join; itself where it joins none."""
    listed = declared.literal(f"data/sources/{source['kind']}", "PARTS")
    if listed is None:
        return [source]
    return [leaf for part in source[listed] for leaf in parts(part["source"])]


def is_labelled(source):
    """Whether a source labels its windows itself; of one that joins others, whether any of them does."""
    module = f"data/sources/{source['kind']}"
    if (leaves := parts(source)) != [source]:
        return any(map(is_labelled, leaves))
    keys, without = declared.literal(module, "LABELS", ()), declared.literal(module, "UNLABELLED", {})
    if any(source.get(key) in values for key, values in without.items()):
        return False
    return not keys or any(source.get(key) is not None for key in keys)


def _known(cls, entry):
    """The keys of an entry that are fields of a class."""
    names = {item.name for item in dataclasses.fields(cls)}
    return {key: value for key, value in entry.items() if key in names}


@dataclass(frozen=True)
class Resource:
    """A file that a run needs: downloaded from, or linked to, `url`."""

    name: str
    url: str
    sha256: str | None = None
    md5: str | None = None
    member: str | None = None

    @property
    def source(self):
        """The file that it is made of, where that is a path: changing it reruns what reads it."""
        return [] if "://" in self.url else [self.url]

    @property
    def options(self):
        """Checksums and member of an archive, as options of `fetch`."""
        given = (("--sha256", self.sha256), ("--md5", self.md5), ("--member", self.member))
        return [part for option in given if option[1] for part in option]


@dataclass(frozen=True)
class Training:
    """One training of a network, that another network or an extractor starts from."""

    model: str
    dataset: str
    split: str
    seed: int

    @property
    def weights(self):
        return paths.fill(paths.WEIGHTS, **dataclasses.asdict(self))


@dataclass(frozen=True)
class Network:
    """A network of `models`: trained here, or with published `weights`."""

    name: str
    architecture: str
    settings: dict
    training: dict
    seeds: tuple
    weights: str | None = None
    pretrained: str | None = None
    trained_on: Training | None = None
    freeze: bool = False
    finetune: dict | None = None
    motifs: str | None = None
    tokenizer: str | None = None
    prediction_precision: str = "float32"

    @property
    def is_published(self):
        """Whether it comes with weights and is not trained here."""
        return self.weights is not None

    @property
    def reads_tokens(self):
        return self.tokenizer is not None

    @property
    def strands(self):
        """What its prediction is of, see `models.network`."""
        return "forward" if self.training.get("reverse_complement") == "none" else "both"

    @property
    def layout(self):
        """What rebuilds it: architecture and settings."""
        return {"architecture": self.architecture, "settings": self.settings}

    @property
    def described(self):
        """What `train` reads."""
        chosen = {"finetune": self.finetune} if self.finetune is not None else {}
        return self.layout | {"training": self.training, "freeze": self.freeze} | chosen

    @property
    def start(self):
        """Weights that its training starts from, in a list; empty where it starts from none."""
        if self.trained_on is not None:
            return [self.trained_on.weights]
        return [paths.fill(paths.RESOURCE, name=self.pretrained)] if self.pretrained else []

    @property
    def module(self):
        """Module of its architecture, which the registry imports by name."""
        return code.architectures()[self.architecture]


@dataclass(frozen=True)
class Classifier:
    """A classifier of `models`, on the features of an extractor."""

    name: str
    classifier: str
    features: str
    settings: dict
    seeds: tuple
    groups: tuple | None = None
    tune: dict | None = None

    @property
    def described(self):
        """What `fit` and `tune` read."""
        found = {"classifier": self.classifier, "settings": self.settings}
        found |= {"groups": list(self.groups)} if self.groups is not None else {}
        return found | ({"tune": self.tune} if self.tune is not None else {})


@dataclass(frozen=True)
class Extractor:
    """Features from a network."""

    name: str
    model: str
    groups: str
    context: str
    padding: str
    length: int | None
    strands: str
    precision: str
    batch_size: int | str
    trained_on: Training | None = None
    names: str | None = None
    genome: str | None = None
    classes: str | None = None
    class_names: str | None = None
    histone: str | None = None

    @property
    def resources(self):
        """{key: resource} of the files that it names."""
        keys = ("genome", "names", "classes", "class_names", "histone")
        return {key: getattr(self, key) for key in keys if getattr(self, key) is not None}

    @property
    def described(self):
        """How it reads windows: its own keys that are no files."""
        keys = ("model", "groups", "context", "length", "strands", "precision", "batch_size")
        # Told where something is padded, so that other features are those that they were before there was a choice.
        keys += ("padding",) if self.context == "pad" and self.padding != "unknown" else ()
        return {key: getattr(self, key) for key in keys}


@dataclass(frozen=True)
class Composition:
    """Features that are frequencies of k-mers: a baseline without a network."""

    name: str
    k: int

    @property
    def described(self):
        return {"kind": "composition", "k": self.k}


@dataclass(frozen=True)
class Motifs:
    """Features that are scores of known motifs: a baseline without a network."""

    name: str
    database: str
    settings: dict

    @property
    def described(self):
        return {"kind": "motifs", "database": self.database, **self.settings}


@dataclass(frozen=True)
class Method:
    """An attribution method with settings, by the name that explanations use."""

    name: str
    method: str
    settings: dict

    @property
    def described(self):
        return {"method": self.method, **self.settings}

    @property
    def module(self):
        return f"attribution/methods/{self.method}"


@dataclass(frozen=True)
class Explanation:
    """An entry of `explain`: which rows of which trainings are attributed by which methods."""

    dataset: str
    model: str
    split: str
    seeds: tuple
    methods: tuple
    selection: dict
    shards: int
    features: str | None = None
    reference: str | None = None
    published: str | None = None
    outputs: list | None = None

    @property
    def asked(self):
        """What `attribute` reads as --selection."""
        return self.selection | ({"outputs": self.outputs} if self.outputs is not None else {})


@dataclass(frozen=True)
class PublishedStudy:
    """What stands beside a published study: its splits, rows of its table, and sets of models drawn together."""

    splits: dict
    same_data: bool
    published: dict
    sets: dict


@dataclass(frozen=True)
class Dataset:
    """Windows with labels, and what runs on them."""

    name: str
    source: dict
    task: str
    window: int
    seed: int
    near_duplicates: dict
    splits: dict
    models: tuple
    explain: tuple
    targets: tuple = ()
    genes: str | None = None
    motifs: str | None = None
    track_features: str | None = None
    metrics: tuple | None = None
    study: PublishedStudy | None = None
    # The entry `study` as the config has it, for settings of figures and of the page.
    study_entry: dict = field(default_factory=dict)

    @property
    def kind(self):
        return self.source["kind"]

    @property
    def source_module(self):
        return f"data/sources/{self.kind}"

    @property
    def sources(self):
        """The sources that read its files: its own, or those that this one joins."""
        return parts(self.source)

    @property
    def joined_modules(self):
        """Modules of the kinds that its source joins, directly or not, each once."""
        found, waiting = set(), [self.source]
        while waiting:
            source = waiting.pop()
            listed = declared.literal(f"data/sources/{source['kind']}", "PARTS")
            waiting += [part["source"] for part in source[listed]] if listed else []
            found.add(f"data/sources/{source['kind']}")
        return sorted(found - {self.source_module})

    @property
    def target_modules(self):
        """Modules of the kinds of its `targets`, each once."""
        return sorted({f"data/targets/{entry['kind']}" for entry in self.targets})

    @property
    def resources(self):
        """Names of the resources that its source and its targets read."""
        found = declared.classes(self.source_module)["Settings"].resources(self.source)
        for entry in self.targets:
            found += declared.classes(f"data/targets/{entry['kind']}")["Settings"].resources(entry)
        return found

    @property
    def has_profiles(self):
        """Whether numbers are counted in bins."""
        return any(entry.get("bins") for entry in self.targets)

    @property
    def has_inputs(self):
        """Whether a sample has several sequences."""
        joined = "data/sources/inputs" in (self.source_module, *self.joined_modules)
        return joined or any(len(source.get("sequences", ())) > 1 for source in self.sources)

    @property
    def is_labelled(self):
        """Whether its source labels its windows itself, see `data.build`."""
        return is_labelled(self.source)

    @property
    def is_planted(self):
        """Whether its source writes the truth that it planted."""
        return declared.literal(self.source_module, "TRUTH", False)

    @property
    def is_matched(self):
        """Whether its source draws negatives, and writes what they were matched on."""
        return declared.literal(self.source_module, "MATCHING", False)

    @property
    def n_targets(self):
        """Number of label columns that its source gives; None where files of `targets` tell."""
        if self.targets:
            return None
        # Sources that are joined have the same labels, or all but one have none.
        source = next(filter(is_labelled, self.sources), self.source)
        return len(source.get("matrices") or source.get("targets") or ["label"])


@dataclass(frozen=True)
class VariantJob:
    """A VCF whose variants an extractor scores."""

    name: str
    vcf: str
    genome: str
    features: str
    strict: bool


@dataclass(frozen=True)
class Timing:
    """Time and memory of methods on a network with random weights."""

    model: str
    methods: tuple
    lengths: tuple
    sequences: tuple
    targets: tuple
    repeats: int

    @property
    def sizes(self):
        return {key: list(getattr(self, key)) for key in ("lengths", "sequences", "targets")}


def model(name, entry):
    """Network or Classifier of an entry of `models`."""
    common = {"name": name, "seeds": tuple(entry["seeds"])}
    if "classifier" in entry:
        groups = tuple(entry["groups"]) if "groups" in entry else None
        return Classifier(**_known(Classifier, entry) | common | {"groups": groups})
    start = entry.get("trained_on")
    return Network(**_known(Network, entry) | common | {"trained_on": Training(**start) if start else None})


def extractor(name, entry):
    """Composition, Motifs or Extractor of an entry of `features`."""
    if entry.get("kind") == "composition":
        return Composition(name, entry["k"])
    if "kind" in entry:
        settings = {key: value for key, value in entry.items() if key not in ("kind", "database")}
        return Motifs(name, entry["database"], settings)
    start = entry.get("trained_on")
    training = Training(model=entry["model"], **start) if start else None
    return Extractor(**_known(Extractor, entry) | {"name": name, "trained_on": training})


def method(name, entry):
    """Method of an entry of `attribution`."""
    return Method(name, entry["method"], {key: value for key, value in entry.items() if key != "method"})


def explanation(dataset, entry):
    """Explanation of an entry of a dataset's `explain`."""
    selected = declared.classes("attribution/selection")["Settings"].fields
    lists = {key: tuple(entry[key]) for key in ("seeds", "methods")}
    selection = {key: entry[key] for key in selected if key in entry}
    return Explanation(**_known(Explanation, entry) | lists | {"dataset": dataset, "selection": selection})


def splits(dataset, given):
    """The splits of a dataset; one of kind `folds` that names no fold is as many as it has folds, `cv1` to `cv5`."""
    found = {}
    for name, split in given.items():
        several = split["kind"] == "folds" and "fold" not in split
        each = {f"{name}{fold}": split | {"fold": fold} for fold in range(1, split["k"] + 1)} if several else {}
        for made, settings in (each or {name: split}).items():
            if made in found or (each and made in given):
                place = f"config: datasets.{dataset}.splits.{name}"
                raise InputError(f"{place}: fold '{made}' has the name of another split; expected names of their own")
            found[made] = settings
    return found


def dataset(name, entry):
    """Dataset of an entry of `datasets`."""
    study = entry.get("study")
    parts = {
        "name": name,
        "models": tuple(entry["models"]),
        "splits": splits(name, entry["splits"]),
        "explain": tuple(explanation(name, job) for job in entry["explain"]),
        "targets": tuple(entry["targets"]),
        "metrics": tuple(entry["metrics"]) if "metrics" in entry else None,
        "study": PublishedStudy(**study) if study else None,
        "study_entry": study or {},
    }
    return Dataset(**_known(Dataset, entry) | parts)


def timing(entry):
    """Timing of the section `timing`."""
    return Timing(**{key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()})
