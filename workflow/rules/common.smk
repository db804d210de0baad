# Every helper function of the workflow. Standard library and Snakemake only: a dry run needs no torch and no network.
import ast
import hashlib
import json
import re
import shlex
from pathlib import Path
from types import SimpleNamespace

from snakemake.exceptions import WorkflowError
from snakemake.utils import validate

LIB = Path(workflow.basedir) / "lib"
# Numbers of the intron retention study, which ship with the repository.
PUBLISHED = "resources/published/metrics.tsv"
PUBLISHED_TARGETS = "resources/published/top_targets.tsv"
NETWORK_KEYS = ("architecture", "settings", "training", "freeze")
# Settings that belong to some attribution methods only.
PATH_METHODS = ("integrated_gradients", "deep_lift_shap")
METHOD_KEYS = {
    "steps": ("integrated_gradients",),
    "baseline": PATH_METHODS,
    "n_baselines": PATH_METHODS,
    "max_error": ("deep_lift_shap",),
    "target_chunk": ("gradient", "tism", "integrated_gradients", "taylor_ism"),
    "plan": ("ism",),
    "memory_mb": ("ism", "taylor_ism", "deep_lift_shap"),
    "layer": ("taylor_ism",),
    "smoothing": ("taylor_ism",),
}


# --- Configuration ---------------------------------------------------------------------------------------------------


def fail(message):
    raise WorkflowError(f"config: {message}")


def check_schema():
    """Validate the config and fill in defaults; one line says where and what."""
    try:
        validate(config, schema="../schemas/config.schema.yaml")
    except WorkflowError as error:
        cause = error.__context__
        if not hasattr(cause, "json_path"):
            raise
        where = cause.json_path.removeprefix("$").removeprefix(".")
        raise WorkflowError(": ".join(filter(None, ["config", where, complaint(cause)]))) from None


def complaint(error):
    """What was found and what was expected, of an error of jsonschema, whose own words on keys say too little."""
    found = error.instance
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        unknown = [key for key in found if key not in known]
        return f"unknown key '{unknown[0]}'; expected keys: {', '.join(known)}"
    if error.validator == "required":
        missing = [key for key in error.validator_value if key not in found]
        return f"no key '{missing[0]}'; found keys: {', '.join(map(str, found)) or '(none)'}"
    if error.validator == "oneOf":
        keys = [key for choice in error.validator_value for key in choice["required"]]
        present = [key for key in keys if key in found]
        return f"found {' and '.join(present) or 'neither'}; expected exactly one of the keys {', '.join(keys)}"
    return error.message


def expect(name, known, where):
    """Fail unless `name` is one of `known`, the names that the config defines under `where`'s other end."""
    if name not in known:
        fail(f"{where}: '{name}' is not defined; expected one of {', '.join(map(str, known)) or '(none)'}")


def is_network(model):
    return "architecture" in config["models"][model]


def is_published(model):
    """Whether a network comes with weights and is not trained here."""
    return "weights" in config["models"][model]


def is_composition(extractor):
    return "kind" in config["features"][extractor]


def check_references():
    """Every name that one part of the config uses is defined by another."""
    resources, models, datasets = config["resources"], config["models"], config["datasets"]
    for name, model in models.items():
        if "weights" in model:
            expect(model["weights"], resources, f"models.{name}.weights")
        if "classifier" in model:
            expect(model["features"], config["features"], f"models.{name}.features")
            if "tune" in model and model["classifier"] != "lightgbm":
                fail(f"models.{name}.tune: the classifier is {model['classifier']}; only lightgbm is tuned")
        for key in ("pretrained", "tokenizer"):
            if key in model:
                expect(model[key], resources, f"models.{name}.{key}")
        check_start(name, model)
    for name, extractor in config["features"].items():
        if is_composition(name):
            continue
        where = f"features.{name}"
        expect(extractor["model"], [model for model in models if is_network(model)], f"{where}.model")
        if "tokenizer" in models[extractor["model"]]:
            fail(f"{where}.model: '{extractor['model']}' reads tokens; expected a network on one-hot sequence")
        for key in ("genome", "names", "classes", "class_names", "histone"):
            if key in extractor:
                expect(extractor[key], resources, f"{where}.{key}")
        if ("classes" in extractor) != ("class_names" in extractor):
            fail(f"{where}: found one of the keys classes, class_names; expected both or neither")
        if "classes" in extractor and extractor["strands"] == "separate":
            fail(f"{where}.strands: found separate and classes; expected both or forward, of which classes have scores")
        if extractor["context"] == "genome" and "genome" not in extractor:
            fail(f"{where}: context: genome needs the key genome, a resource")
        if "weights" not in models[extractor["model"]]:
            if "trained_on" not in extractor:
                fail(f"{where}: model '{extractor['model']}' has no published weights, so the key trained_on is needed")
            check_training(extractor["model"], extractor["trained_on"], f"{where}.trained_on")
    for name, job in config["variants"].items():
        where = f"variants.{name}"
        for key in ("vcf", "genome"):
            expect(job[key], resources, f"{where}.{key}")
        expect(job["features"], config["features"], f"{where}.features")
        extractor = config["features"][job["features"]]
        if extractor.get("strands") == "separate":
            fail(f"{where}.features: features.{job['features']} keeps strands separate; expected both or forward")
        if "classes" in extractor and not {"histone", "names"} & set(extractor):
            fail(f"{where}: features.{job['features']} has classes but neither histone nor names; expected one of them")
    for name, dataset in datasets.items():
        where = f"datasets.{name}"
        for resource in get_source_resources(dataset["source"]):
            expect(resource, resources, f"{where}.source")
        if "genes" in dataset:
            expect(dataset["genes"], resources, f"{where}.genes")
        for model in dataset["models"]:
            expect(model, models, f"{where}.models")
            if "weights" in models[model]:
                fail(
                    f"{where}.models: '{model}' has published weights and is not trained; use it in features or explain"
                )
            if not is_network(model) and count_targets(dataset["source"]) > 1:
                fail(f"{where}.models: '{model}' is a classifier, which expects one target; the source has several")
        explained, compared = set(), set()
        for number, job in enumerate(dataset["explain"]):
            where = f"datasets.{name}.explain[{number}]"
            known = [model for model in models if model in dataset["models"] or is_published(model)]
            expect(job["model"], [model for model in known if is_network(model)], f"{where}.model")
            if "tokenizer" in models[job["model"]]:
                fail(f"{where}.model: '{job['model']}' reads tokens, so that it cannot be attributed to bases")
            expect(job["split"], dataset["splits"], f"{where}.split")
            check_published(job, dataset, where)
            for method in job["methods"]:
                expect(method, config["attribution"], f"{where}.methods")
            if "reference" in job:
                expect(job["reference"], job["methods"], f"{where}.reference")
                if len(job["methods"]) < 2:
                    fail(f"{where}.reference: found one method; expected another to compare with it")
            for seed in job["seeds"]:
                expect(seed, models[job["model"]]["seeds"], f"{where}.seeds")
                if (job["model"], job["split"], seed) in explained:
                    fail(f"{where}: seed {seed} of this model and split is in an entry above; expected one entry")
                explained.add((job["model"], job["split"], seed))
            if "reference" in job and (job["model"], job["split"]) in compared:
                fail(f"{where}.reference: this model and split have one in an entry above; expected one entry")
            if "reference" in job:
                compared.add((job["model"], job["split"]))
        if "study" in dataset:
            check_study(dataset, f"datasets.{name}.study")
    for name, method in config["attribution"].items():
        if method["method"] == "taylor_ism" and "layer" not in method:
            fail(f"attribution.{name}: taylor_ism needs the key layer")
    if "timing" in config:
        model = config["timing"]["model"]
        expect(model, [name for name in models if is_network(name)], "timing.model")
        if "tokenizer" in models[model]:
            fail(f"timing.model: '{model}' reads tokens, so that it cannot be attributed to bases")
        for method in config["timing"]["methods"]:
            expect(method, config["attribution"], "timing.methods")
    if "database" in config["motifs"]:
        expect(config["motifs"]["database"], resources, "motifs.database")


def check_study(dataset, where):
    """The models and splits that a comparison with a published study names are those of its dataset."""
    study = dataset["study"]
    for role, split in study["splits"].items():
        expect(split, dataset["splits"], f"{where}.splits.{role}")
    for model in study["published"]:
        expect(model, dataset["models"], f"{where}.published")
    for name, models in study["sets"].items():
        for model in models:
            expect(model, dataset["models"], f"{where}.sets.{name}")


def check_published(job, dataset, where):
    """What an explanation says of a network with published weights, and what only such a network may have."""
    model = job["model"]
    if not is_published(model):
        if "features" in job:
            fail(f"{where}.features: '{model}' is trained here, on bare windows; expected no such key")
        return
    if "targets" not in job:
        fail(f"{where}: '{model}' has published weights and no predictions to choose by; expected the key targets")
    if "features" in job:
        known = [name for name, entry in config["features"].items() if entry.get("model") == model]
        expect(job["features"], known, f"{where}.features")
        if dataset["source"]["kind"] == "planted" and config["features"][job["features"]]["context"] != "none":
            fail(
                f"{where}.features: planted motifs have their places in bare windows; expected an extractor of "
                "context none, or no such key, and windows as long as the network reads"
            )


def check_start(name, model):
    """What a network starts from: nothing, a checkpoint or a training of another network, in a chain without a ring."""
    where = f"models.{name}.trained_on"
    if "trained_on" in model:
        if "pretrained" in model:
            fail(f"models.{name}: found pretrained and trained_on; expected one of them at most")
        start = model["trained_on"]
        expect(start["model"], [other for other in config["models"] if is_network(other)], f"{where}.model")
        check_training(start["model"], start, where)
        chain = [name]
        while "trained_on" in config["models"][chain[-1]]:
            chain.append(config["models"][chain[-1]]["trained_on"]["model"])
            if chain[-1] in chain[:-1]:
                fail(f"{where}: {' starts from '.join(chain)}; expected a chain that ends")
    elif model.get("freeze") and "pretrained" not in model:
        fail(f"models.{name}.freeze: true needs the key pretrained or trained_on")


def check_training(model, training, where):
    expect(training["dataset"], config["datasets"], f"{where}.dataset")
    dataset = config["datasets"][training["dataset"]]
    expect(model, dataset["models"], f"{where}.dataset ({training['dataset']}): models")
    expect(training["split"], dataset["splits"], f"{where}.split")
    expect(training["seed"], config["models"][model]["seeds"], f"{where}.seed")


def count_targets(source):
    """Number of label columns that a dataset's source gives."""
    return len(source.get("matrices") or source.get("targets") or ["label"])


def get_source_resources(source):
    """Names of the resources that a dataset's source reads."""
    keys = ("positives", "negatives", "bed", "table", "annotation", "events", "genome", "motifs")
    names = [source[key] for key in keys if key in source]
    return names + ([source["background"]["genome"]] if "background" in source else [])


check_schema()
check_references()


# --- Code and environment of a job -----------------------------------------------------------------------------------

# Conda strips PYTHONPATH from a job, so the command itself sets it. numba compiles for most of a minute on an empty
# cache, and cannot even be imported where it finds no writable one. glibc by default gives every large tensor back to
# the system and asks for it anew, which took a third of the time of in silico mutagenesis; other systems ignore this.
shell.prefix(
    "set -euo pipefail; "
    f"export PYTHONPATH={shlex.quote(str(LIB))} PYTHONNOUSERSITE=1 "
    'NUMBA_CACHE_DIR="$PWD/results/.cache/numba" NUMBA_NUM_THREADS="${{OMP_NUM_THREADS:-1}}" '
    "MALLOC_MMAP_THRESHOLD_=33554432 MALLOC_TRIM_THRESHOLD_=268435456; "
)


def imported_modules(path):
    """Files of the package that one file imports, at any depth of its body."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    for name in names:
        if name.split(".")[0] == "cisflow":
            base = LIB / name.replace(".", "/")
            yield from (file for file in (base.with_suffix(".py"), base / "__init__.py") if file.is_file())


def code_files(*modules):
    """The named modules of the package (`commands/train`) and all that they import, directly or not."""
    waiting = [LIB / "cisflow" / f"{module}.py" for module in modules]
    found = set()
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting.extend(imported_modules(file))
    return sorted(found)


_digests = {}


def code_digest(*modules):
    """Digest of the code a job runs: by content, so that touching, moving or checking out files reruns nothing."""
    if modules not in _digests:
        state = hashlib.sha256()
        for file in code_files(*modules):
            state.update(file.relative_to(LIB).as_posix().encode())
            state.update(file.read_bytes())
        _digests[modules] = state.hexdigest()[:16]
    return _digests[modules]


def architecture_module(model):
    """Module of a network's architecture, which the registry imports by name."""
    registry = ast.parse((LIB / "cisflow/models/__init__.py").read_text())
    for node in registry.body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "ARCHITECTURES":
            return f"models/{ast.literal_eval(node.value)[config['models'][model]['architecture']]}"


def network_code(command):
    """Digest function for a rule that builds the network of its wildcard `model`."""
    return lambda wildcards: code_digest(f"commands/{command}", architecture_module(wildcards.model))


def any_of(names):
    """A regular expression that matches the given names and no other; nothing when there are none."""
    return "|".join(map(re.escape, names)) or "(?!)"


def to_json(content):
    return json.dumps(content, sort_keys=True)


# --- Resources and windows -------------------------------------------------------------------------------------------


def get_resource_arguments(wildcards):
    """Checksums and archive member of a download, as options."""
    entry = config["resources"][wildcards.name]
    options = [("--sha256", entry.get("sha256")), ("--md5", entry.get("md5")), ("--member", entry.get("member"))]
    return " ".join(f"{option} {shlex.quote(value)}" for option, value in options if value)


def get_resource_file(wildcards):
    """A resource that is a path is an input, so that changing it reruns what reads it."""
    url = config["resources"][wildcards.name]["url"]
    return [] if "://" in url else [url]


def get_source_files(wildcards):
    """Resources of a dataset's source, with the index of each genome."""
    source = config["datasets"][wildcards.dataset]["source"]
    genomes = [entry["genome"] for entry in (source, source.get("background", {})) if "genome" in entry]
    return [f"resources/{name}" for name in get_source_resources(source)] + [
        f"resources/{name}.fai" for name in genomes
    ]


def get_source_arguments(wildcards):
    """NAME=PATH of each resource of a dataset's source."""
    names = sorted(set(get_source_resources(config["datasets"][wildcards.dataset]["source"])))
    return [f"{name}=resources/{name}" for name in names]


def is_planted(dataset):
    return config["datasets"][dataset]["source"]["kind"] == "planted"


def datasets_of_kind(planted):
    """Wildcard constraint: the datasets with, or without, a planted truth."""
    return any_of(dataset for dataset in config["datasets"] if is_planted(dataset) == planted)


def source_code(wildcards):
    kind = config["datasets"][wildcards.dataset]["source"]["kind"]
    return code_digest("commands/windows", f"data/sources/{kind}")


def get_truth(wildcards):
    """The planted truth of a dataset, where it has one."""
    return [f"results/{wildcards.dataset}/truth.tsv"] if is_planted(wildcards.dataset) else []


def get_near_duplicates(wildcards):
    """Near-duplicates of a dataset, which a split of kind cluster reads."""
    kind = config["datasets"][wildcards.dataset]["splits"][wildcards.split]["kind"]
    return [f"results/{wildcards.dataset}/near_duplicates.tsv"] if kind == "cluster" else []


def get_genes(wildcards):
    """Annotation of the genes that folds may share, where the config names one."""
    dataset = config["datasets"][wildcards.dataset]
    return [f"resources/{dataset['genes']}"] if "genes" in dataset else []


def get_leakage_tables(dataset):
    """Split and leakage table of every split of a dataset."""
    return [
        {"split": split, "path": f"results/{dataset}/splits/{split}.leakage.tsv"}
        for split in config["datasets"][dataset]["splits"]
    ]


# --- Features --------------------------------------------------------------------------------------------------------


def get_extractor(wildcards):
    """Settings of a feature extractor, with the layout of its network where the checkpoint does not hold it."""
    extractor = dict(config["features"][wildcards.extractor])
    model = config["models"][extractor["model"]]
    if "weights" in model:
        extractor |= {"architecture": model["architecture"], "settings": model["settings"]}
    files = ("trained_on", "genome", "names", "classes", "class_names", "histone")
    return {key: value for key, value in extractor.items() if key not in files}


def extractor_code(wildcards):
    return code_digest("commands/features", architecture_module(config["features"][wildcards.extractor]["model"]))


def get_trained_weights(model, trained):
    """Weights of a network that this run trains, by its entry `trained_on`."""
    return f"results/{trained['dataset']}/models/{model}/{trained['split']}/seed{trained['seed']}/model.safetensors"


def get_extractor_weights(wildcards):
    extractor = config["features"][wildcards.extractor]
    model = config["models"][extractor["model"]]
    if "weights" in model:
        return f"resources/{model['weights']}"
    return get_trained_weights(extractor["model"], extractor["trained_on"])


def get_extractor_genome(wildcards):
    extractor = config["features"][wildcards.extractor]
    if extractor["context"] != "genome":
        return []
    return [f"resources/{extractor['genome']}", f"resources/{extractor['genome']}.fai"]


def get_extractor_names(wildcards):
    extractor = config["features"][wildcards.extractor]
    return [f"resources/{extractor['names']}"] if "names" in extractor else []


def extractors_of_kind(composition):
    """Wildcard constraint: the extractors that count k-mers, or those that run a network."""
    return any_of(extractor for extractor in config["features"] if is_composition(extractor) == composition)


def get_extracted():
    """Folder and extractor of each feature array that some model of some dataset reads."""
    pairs = {
        (dataset, config["models"][model]["features"])
        for dataset, entry in config["datasets"].items()
        for model in entry["models"]
        if not is_network(model)
    }
    return [(f"results/{dataset}/features/{extractor}", extractor) for dataset, extractor in sorted(pairs)]


def get_feature_arrays():
    return [f"{folder}/features.npy" for folder, extractor in get_extracted()]


def get_sequence_classes():
    """Class scores of every feature array whose extractor has sequence classes."""
    return [
        f"{folder}/sequence_classes.tsv"
        for folder, extractor in get_extracted()
        if "classes" in config["features"][extractor]
    ]


def get_class_files(wildcards):
    extractor = config["features"][wildcards.extractor]
    return {key: f"resources/{extractor[key]}" for key in ("classes", "class_names") if key in extractor}


# --- Variants --------------------------------------------------------------------------------------------------------


def variant_extractor(wildcards):
    """The extractor of a variants job, as wildcards of a feature array name it."""
    return SimpleNamespace(extractor=config["variants"][wildcards.job]["features"])


def get_variant_weights(wildcards):
    return get_extractor_weights(variant_extractor(wildcards))


def variants_code(wildcards):
    extractor = config["features"][variant_extractor(wildcards).extractor]
    return code_digest("commands/variants", architecture_module(extractor["model"]))


def get_variant_extractor(wildcards):
    """Settings of a variants job's extractor; a variant has its surroundings from the genome in any case."""
    extractor = get_extractor(variant_extractor(wildcards))
    return {key: value for key, value in extractor.items() if key != "context"}


def get_variant_resources(wildcards):
    """The files that a variants job reads by an option of its command, by that option's name."""
    job = config["variants"][wildcards.job]
    extractor = config["features"][job["features"]]
    named = {key: extractor[key] for key in ("names", "classes", "class_names", "histone") if key in extractor}
    return {key: f"resources/{name}" for key, name in ({"vcf": job["vcf"], "genome": job["genome"]} | named).items()}


def get_variant_files(wildcards):
    """The same, with the index of the genome."""
    found = get_variant_resources(wildcards)
    return found | {"index": f"{found['genome']}.fai"}


def get_variant_arguments(wildcards):
    options = [f"--{key.replace('_', '-')} {path}" for key, path in get_variant_resources(wildcards).items()]
    return " ".join(options + ["--strict"] * config["variants"][wildcards.job]["strict"])


def has_classes(job):
    return "classes" in config["features"][config["variants"][job]["features"]]


def variant_jobs(classes):
    """Wildcard constraint: the variants jobs whose extractor has, or has no, sequence classes."""
    return any_of(job for job in config["variants"] if has_classes(job) == classes)


def get_variant_results():
    """Tables and figures of every variants job."""
    tables = [f"results/variants/{job}/variants.tsv" for job in config["variants"]]
    return tables + [
        f"results/variants/{job}/figures/variant_classes.svg" for job in config["variants"] if has_classes(job)
    ]


# --- Models and evaluation -------------------------------------------------------------------------------------------


def get_model(wildcards):
    """What makes a model: the keys that its command reads."""
    model = config["models"][wildcards.model]
    keys = NETWORK_KEYS if is_network(wildcards.model) else ("classifier", "groups", "settings", "tune")
    return {key: model[key] for key in keys if key in model}


def get_pretrained(wildcards):
    """Weights that a network starts from, where it does."""
    model = config["models"][wildcards.model]
    if "trained_on" in model:
        return [get_trained_weights(model["trained_on"]["model"], model["trained_on"])]
    return [f"resources/{model['pretrained']}"] if "pretrained" in model else []


def get_tokenizer(wildcards):
    model = config["models"][wildcards.model]
    return [f"resources/{model['tokenizer']}"] if "tokenizer" in model else []


def option(name, paths):
    """`--name path` for the one path of a list, or nothing."""
    return f"--{name} {shlex.quote(paths[0])}" if paths else ""


def get_classifier_features(wildcards):
    extractor = config["models"][wildcards.model]["features"]
    folder = f"results/{wildcards.dataset}/features/{extractor}"
    return {"features": f"{folder}/features.npy", "names": f"{folder}/targets.tsv", "ids": f"{folder}/ids.tsv"}


def get_tuning(wildcards):
    """The trials behind a classifier's settings, where it is tuned."""
    path = "results/{dataset}/models/{model}/{split}/seed{seed}/tuning.tsv"
    return [path.format(**dict(wildcards.items()))] if "tune" in config["models"][wildcards.model] else []


def tuned_models():
    """Wildcard constraint: the classifiers whose settings are searched."""
    return any_of(model for model, entry in config["models"].items() if "tune" in entry)


def get_runs(dataset):
    """Every trained model of a dataset: split, model, seed and the path of its predictions."""
    entry = config["datasets"][dataset]
    return [
        {
            "split": split,
            "model": model,
            "seed": seed,
            "predictions": f"results/{dataset}/models/{model}/{split}/seed{seed}/predictions.tsv",
        }
        for split in entry["splits"]
        for model in entry["models"]
        for seed in config["models"][model]["seeds"]
    ]


def is_baseline(model):
    """Whether a model is a classifier that sees no more than the k-mers of a sequence, of which k = 1 is GC content."""
    return (
        not is_network(model) and config["features"][config["models"][model]["features"]].get("kind") == "composition"
    )


def get_baselines(dataset):
    """The baselines of a dataset, with the length of the k-mers that each counts."""
    models = [model for model in config["datasets"][dataset]["models"] if is_baseline(model)]
    return {model: config["features"][config["models"][model]["features"]]["k"] for model in models}


def get_baseline_option(dataset):
    """The baselines of a dataset as an option; nothing where it has none."""
    names = get_baselines(dataset)
    return f"--baselines {' '.join(names)}" if names else ""


def models_of_kind(network):
    """Wildcard constraint: the networks that are trained here, or the classifiers."""
    return any_of(model for model in config["models"] if is_network(model) == network)


def get_stacked_metrics():
    return ["results/metrics.tsv"] if evaluated_datasets() else []


def get_metric_tables():
    return [f"results/{dataset}/evaluation/metrics.tsv" for dataset in evaluated_datasets()]


def evaluated_datasets():
    return [dataset for dataset, entry in config["datasets"].items() if entry["models"]]


def get_histories(wildcards):
    """Training histories of a dataset's networks: model, split, seed and path."""
    return [
        {key: run[key] for key in ("model", "split", "seed")}
        | {"path": run["predictions"].replace("predictions.tsv", "history.tsv")}
        for run in get_runs(wildcards.dataset)
        if is_network(run["model"])
    ]


# --- Explanations ----------------------------------------------------------------------------------------------------


def get_explanations():
    """Every (dataset, model, split, seed) to explain, with its entry of the config."""
    return [
        (dataset, job["model"], job["split"], seed, job)
        for dataset, entry in config["datasets"].items()
        for job in entry["explain"]
        for seed in job["seeds"]
    ]


def get_explanation(wildcards):
    """The entry of the config that a job's wildcards name."""
    for dataset, model, split, seed, job in get_explanations():
        if (dataset, model, split, str(seed)) == (
            wildcards.dataset,
            wildcards.model,
            wildcards.split,
            str(wildcards.seed),
        ):
            return job
    fail(f"datasets.{wildcards.dataset}.explain: no entry for {wildcards.model}, {wildcards.split}, {wildcards.seed}")


def get_reading(job):
    """How the published network of an explanation reads windows: settings of its extractor, or of bare windows."""
    if "features" in job:
        return get_extractor(SimpleNamespace(extractor=job["features"]))
    return get_layout(job["model"]) | {"context": "none"}


def get_explained_names(job):
    """The list of target names of a published network, where it has one."""
    entry = config["features"].get(job.get("features"), {})
    return [f"resources/{entry['names']}"] if "names" in entry else []


def get_explained_weights(dataset, job, seed):
    model = job["model"]
    if is_published(model):
        return f"resources/{config['models'][model]['weights']}"
    return get_trained_weights(model, {"dataset": dataset, "split": job["split"], "seed": seed})


def get_explained_files(wildcards):
    """Weights of an explained network, and what its windows are chosen by and read from."""
    job = get_explanation(wildcards)
    weights = get_explained_weights(wildcards.dataset, job, wildcards.seed)
    if not is_published(job["model"]):
        return {"weights": weights, "predictions": weights.replace("model.safetensors", "predictions.tsv")}
    split = f"results/{wildcards.dataset}/splits/{job['split']}.tsv"
    found = {"weights": weights, "split": split, "names": get_explained_names(job)}
    if "features" in job:
        found["genome"] = get_extractor_genome(SimpleNamespace(extractor=job["features"]))
    return found


def get_explained_arguments(wildcards, input):
    """The options that say what is explained, by the files of `get_explained_files`."""
    if "predictions" in input.keys():
        return f"--predictions {shlex.quote(input.predictions)}"
    reading = to_json(get_reading(get_explanation(wildcards)))
    options = [f"--split {shlex.quote(input.split)}", f"--extractor {shlex.quote(reading)}"]
    return " ".join(options + [option(key, input.get(key, [])) for key in ("names", "genome")])


def get_selection(wildcards):
    job = get_explanation(wildcards)
    return {key: job[key] for key in ("folds", "labels", "min_probability", "max_per_target", "targets") if key in job}


def explained_datasets(sharded):
    """Wildcard constraint: a dataset where it stands before an explanation that has, or has not, several shards."""
    return (
        "|".join(
            f"{re.escape(dataset)}(?=/attributions/{re.escape(model)}/{re.escape(split)}/seed{seed}/)"
            for dataset, model, split, seed, job in get_explanations()
            if (job["shards"] > 1) == sharded
        )
        or "(?!)"
    )


def get_attribution_shards(wildcards):
    """The shards of an attribution file, in order."""
    count = get_explanation(wildcards)["shards"]
    folder = "results/{dataset}/attributions/{model}/{split}/seed{seed}/{method}.shards"
    return [f"{folder}/{number}-of-{count}.npz".format(**dict(wildcards.items())) for number in range(1, count + 1)]


def get_shard_option(wildcards):
    """Which part of the rows a job explains; nothing where it explains all."""
    part = dict(wildcards.items()).get("part")
    return f"--shard {part.replace('-of-', ' --shards ')}" if part else ""


def get_method(name):
    """Settings of an attribution method: those that it reads."""
    method = config["attribution"][name]
    return {key: value for key, value in method.items() if method["method"] in METHOD_KEYS.get(key, [method["method"]])}


def get_attributions():
    return [
        f"results/{dataset}/attributions/{model}/{split}/seed{seed}/{method}.npz"
        for dataset, model, split, seed, job in get_explanations()
        for method in job["methods"]
    ]


def get_method_files(pattern):
    """Input function: `pattern` for every method that explains the network of a rule's wildcards."""
    return lambda wildcards: [
        pattern.format(**dict(wildcards.items()), method=method) for method in get_explanation(wildcards)["methods"]
    ]


def get_recovery_files(wildcards):
    """Recovery tables of every method, for a dataset with planted truth."""
    pattern = "results/{dataset}/motifs/{model}/{split}/seed{seed}/{method}/recovery.tsv"
    return get_method_files(pattern)(wildcards) if is_planted(wildcards.dataset) else []


COMPARISONS = ("agreement", "planted", "perturbation", "seeds", "cost", "summary")


def get_comparisons():
    """(dataset, model, split) of every entry whose methods are compared."""
    return [
        (dataset, job["model"], job["split"])
        for dataset, entry in config["datasets"].items()
        for job in entry["explain"]
        if "reference" in job
    ]


def get_comparison(wildcards):
    """The entry of the config that a comparison's wildcards name."""
    for job in config["datasets"][wildcards.dataset]["explain"]:
        if "reference" in job and (job["model"], job["split"]) == (wildcards.model, wildcards.split):
            return job
    fail(f"datasets.{wildcards.dataset}.explain: no reference for {wildcards.model}, {wildcards.split}")


def get_compared_runs(wildcards):
    """Weights and attributions of every seed of a comparison."""
    job = get_comparison(wildcards)
    folder = f"results/{wildcards.dataset}/attributions/{wildcards.model}/{wildcards.split}"
    return [
        {
            "seed": seed,
            "weights": get_explained_weights(wildcards.dataset, job, seed),
            "attributions": {method: f"{folder}/seed{seed}/{method}.npz" for method in job["methods"]},
        }
        for seed in job["seeds"]
    ]


def get_compared_files(wildcards):
    runs = get_compared_runs(wildcards)
    return [run["weights"] for run in runs] + [path for run in runs for path in run["attributions"].values()]


def get_compared_methods(wildcards):
    return {method: get_method(method) for method in get_comparison(wildcards)["methods"]}


def get_compared_targets(wildcards):
    """The entries that were explained, as an option; nothing where every output was."""
    job = get_comparison(wildcards)
    return f"--targets {shlex.quote(to_json(job['targets']))}" if "targets" in job else ""


def get_compared_names(wildcards):
    return get_explained_names(get_comparison(wildcards))


def get_compared_subject(wildcards, input):
    """The options that say how a published network is loaded and what its outputs are called."""
    job = get_comparison(wildcards)
    if not is_published(job["model"]):
        return ""
    return f"--extractor {shlex.quote(to_json(get_reading(job)))} {option('names', input.names)}"


def get_first_attributions(wildcards):
    """Attributions of the first seed of a comparison, by every method."""
    return list(get_compared_runs(wildcards)[0]["attributions"].values())


def comparison_inputs(wildcards, input):
    """Tables of a comparison, and the attributions of its first seed."""
    methods = zip(get_comparison(wildcards)["methods"], input.attributions, strict=True)
    parts = [{"method": method, "path": path} for method, path in methods]
    return {name: input[name] for name in COMPARISONS} | {"attributions": parts}


def timing_code(wildcards):
    return code_digest("commands/time_attributions", architecture_module(config["timing"]["model"]))


def get_timed_methods():
    """Settings of the methods that are timed; what has none of its own explains the strands that the model predicts."""
    training = config["models"][config["timing"]["model"]].get("training", {})
    strands = "forward" if training.get("reverse_complement") == "none" else "both"
    return {method: {"strands": strands} | get_method(method) for method in config["timing"]["methods"]}


def get_layout(model):
    return {key: config["models"][model][key] for key in ("architecture", "settings")}


def get_timing_figure():
    return ["results/figures/attribution_cost.svg"] if "timing" in config else []


def get_motif_database():
    return f"resources/{config['motifs'].get('database', 'none')}"


def get_motif_results():
    """Tables and reports of every motif search."""
    if "database" not in config["motifs"]:
        return []
    results = []
    for dataset, model, split, seed, job in get_explanations():
        names = ["patterns.tsv", "report", "motif_scores.tsv"] + (["recovery.tsv"] if is_planted(dataset) else [])
        for method in job["methods"]:
            folder = f"results/{dataset}/motifs/{model}/{split}/seed{seed}/{method}"
            results += [f"{folder}/{name}" for name in names]
    return results


# --- Figures ---------------------------------------------------------------------------------------------------------


def get_figures():
    """Every figure that the config's jobs allow."""
    figures = []
    for dataset in evaluated_datasets():
        folder = f"results/{dataset}/figures"
        figures += [f"{folder}/model_comparison.svg", f"{folder}/leakage.svg"]
        figures += [
            f"{folder}/{name}.{split}.svg"
            for name in ("performance_curves", "robustness", "calibration")
            for split in config["datasets"][dataset]["splits"]
        ]
        if any(is_network(model) for model in config["datasets"][dataset]["models"]):
            figures.append(f"{folder}/learning_curves.svg")
        figures += get_study_figures(dataset)
    for dataset, model, split, seed, job in get_explanations():
        names = ["attribution_logos"]
        names += ["method_agreement"] if len(job["methods"]) > 1 else []
        names += ["discovered_motifs", "top_factors"] if "database" in config["motifs"] else []
        figures += [f"results/{dataset}/figures/{name}.{model}.{split}.seed{seed}.svg" for name in names]
    figures += [
        f"results/{dataset}/figures/{name}.{model}.{split}.svg"
        for dataset, model, split in get_comparisons()
        for name in ("attribution_agreement", "attribution_recovery")
    ]
    return figures + get_timing_figure()


def get_study(dataset):
    """What the config says of the published study beside a dataset; nothing where it names none."""
    return config["datasets"][dataset].get("study", {})


def get_study_figures(dataset):
    """Figures that stand beside those of a published study."""
    study = get_study(dataset)
    if not study:
        return []
    splits = sorted(set(study["splits"].values()))
    classifiers = [
        model for model in config["datasets"][dataset]["models"] if not is_network(model) and not is_baseline(model)
    ]
    names = ["study_comparison"]
    names += [f"study_curves.{group}.{split}" for group in study["sets"] for split in splits]
    names += [f"top_targets.{model}.{split}" for model in classifiers for split in splits]
    return [f"results/{dataset}/figures/{name}.svg" for name in names]


def get_published(wildcards):
    """The published numbers, where the dataset stands beside a study."""
    return [PUBLISHED] if get_study(wildcards.dataset) else []


def published_settings(wildcards):
    """Which published row stands beside which model, whether it is of the same data, and of which split."""
    study = get_study(wildcards.dataset)
    settings = {key: study[key] for key in ("published", "same_data") if key in study}
    return settings | ({"published_split": study["splits"]["published"]} if study else {})


def curve_inputs(input):
    published = {"published": input.published[0]} if input.published else {}
    return to_json({"curves": input.curves, "metrics": input.metrics} | published)


def get_weight_files(wildcards):
    """Weights of a classifier with each of its seeds."""
    seeds = config["models"][wildcards.model]["seeds"]
    return [
        f"results/{wildcards.dataset}/models/{wildcards.model}/{wildcards.split}/seed{seed}/weights.tsv"
        for seed in seeds
    ]


def get_published_targets(wildcards):
    """The published targets, where a published model on factors answers to a classifier."""
    row = get_study(wildcards.dataset).get("published", {}).get(wildcards.model, {})
    return [PUBLISHED_TARGETS] if row.get("features") == "TF" else []


def target_settings(wildcards):
    """Whose the published targets are, and what they were measured on."""
    if not get_published_targets(wildcards):
        return {}
    study = get_study(wildcards.dataset)
    where = f"measured on split {study['splits']['published']}" if study.get("same_data") else "measured on other data"
    return {"published_model": study["published"][wildcards.model]["model"], "where": where}


def target_inputs(input):
    published = {"published": input.published[0]} if input.published else {}
    return to_json({"weights": list(input.weights), "targets": input.targets} | published)


def weight_settings(model):
    """Which classifier gave the weights, and whether they are per standard deviation."""
    entry = config["models"][model]
    logistic = entry["classifier"] == "logistic_regression"
    return {
        "classifier": entry["classifier"],
        "standardised": logistic and entry["settings"].get("standardise", True),
    }


def figure_settings(wildcards, **settings):
    """Settings of a figure: the job it shows, and what the config says of it."""
    return to_json(dict(wildcards.items()) | settings)


def per_method(wildcards, **paths):
    """One dict a method: its name and one path of each kind, given as lists in the order of the methods."""
    methods = get_explanation(wildcards)["methods"]
    return [
        {"method": method} | {kind: files[number] for kind, files in paths.items()}
        for number, method in enumerate(methods)
    ]


def get_hotspot_files(wildcards):
    """Hot spots of every method, where motifs are sought."""
    pattern = "results/{dataset}/motifs/{model}/{split}/seed{seed}/{method}/hotspots.tsv"
    return get_method_files(pattern)(wildcards) if "database" in config["motifs"] else []


def logo_inputs(wildcards, input):
    inputs = {"attributions": per_method(wildcards, path=input.attributions), "windows": input.windows}
    inputs |= {"hotspots": per_method(wildcards, path=input.hotspots)} if input.hotspots else {}
    return inputs | ({"truth": input.truth[0]} if input.truth else {})


def motif_inputs(wildcards, input):
    runs = per_method(wildcards, modisco=input.modisco, patterns=input.patterns, summary=input.summary)
    inputs = {"runs": runs, "database": input.database}
    return inputs | ({"recovery": per_method(wildcards, path=input.recovery)} if input.recovery else {})


# --- The study -------------------------------------------------------------------------------------------------------


def studied_datasets():
    return [dataset for dataset in evaluated_datasets() if get_study(dataset)]


def get_study_pages():
    return [f"results/{dataset}/study.md" for dataset in studied_datasets()]


def get_dataset_figures(wildcards):
    """All figures of a dataset, which its page links to."""
    return [path for path in get_figures() if path.startswith(f"results/{wildcards.dataset}/")]


def get_study_features(dataset):
    """Extractors that the classifiers of a dataset read, without those that count k-mers."""
    return sorted(
        extractor
        for folder, extractor in get_extracted()
        if folder.startswith(f"results/{dataset}/") and not is_composition(extractor)
    )


def get_logistic_manifests(wildcards):
    """How each logistic regression of a dataset was fitted: whether it reached its optimum."""
    dataset = config["datasets"][wildcards.dataset]
    return [
        f"results/{wildcards.dataset}/models/{model}/{split}/seed{seed}/manifest.json"
        for model in dataset["models"]
        if config["models"][model].get("classifier") == "logistic_regression"
        for split in dataset["splits"]
        for seed in config["models"][model]["seeds"]
    ]


def get_study_models(dataset):
    """What the page says of each model: the keys of the config that tell how it was made."""
    keys = ("architecture", "pretrained", "trained_on", "freeze", "classifier", "features", "groups", "tune", "seeds")
    return {
        model: {
            key: config["models"][model][key]
            for key in (*keys, "settings", "training")
            if key in config["models"][model]
        }
        for model in config["datasets"][dataset]["models"]
    }


def study_settings(wildcards):
    """What the page needs to know beside the tables."""
    dataset = wildcards.dataset
    splits = list(config["datasets"][dataset]["splits"])
    settings = {"dataset": dataset, "study": get_study(dataset), "splits": splits, "models": get_study_models(dataset)}
    settings |= {"baselines": get_baselines(dataset), "resamples": config["evaluation"]["resamples"]}
    keys = ("groups", "context", "length", "strands")
    extractors = {name: {key: config["features"][name][key] for key in keys} for name in get_study_features(dataset)}
    figures = [Path(path).name for path in get_dataset_figures(wildcards)]
    return to_json(settings | {"extractors": extractors, "figures": figures})


wildcard_constraints:
    dataset="[A-Za-z0-9_-]+",
    group="[A-Za-z0-9_-]+",
    model="[A-Za-z0-9_-]+",
    split="[A-Za-z0-9_-]+",
    seed=r"\d+",
    extractor="[A-Za-z0-9_-]+",
    job="[A-Za-z0-9_-]+",
    method="[A-Za-z0-9_-]+",
    part=r"\d+-of-\d+",
    # An index `<name>.fai` is not a resource.
    name=any_of(config["resources"]),


scattergather:
    shard=config["shards"],
