"""What Snakemake plans: derived from the configs by other means, offline, and without the libraries of the jobs."""

import ast
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml

import pipeline
from distributions import LIB

HEAVY = ("torch", "lightning", "sklearn", "lightgbm", "optuna", "tangermeme", "modiscolite", "matplotlib", "numba")
# A training of the demo that another network starts from.
START = {"model": "trunk", "dataset": "factors", "split": "random", "seed": 1}
TARGETS = {"all", "features_only", "variants_only", "evaluation_only", "attributions_only"}
ORDER = (
    "resources",
    "windows",
    "features",
    "variants",
    "models",
    "evaluation",
    "attribution",
    "motifs",
    "figures",
    "study",
)

# Rule -> the rules whose files it reads, of all configs together.
READS = {
    "fetch": {"fetch"},
    "index_genome": {"fetch"},
    "windows": {"fetch", "index_genome"},
    "planted_windows": {"fetch", "index_genome"},
    "near_duplicates": {"windows", "planted_windows"},
    "split": {"windows", "planted_windows", "near_duplicates"},
    "leakage": {"windows", "planted_windows", "split", "near_duplicates", "fetch"},
    "train": {"windows", "planted_windows", "split", "train", "fetch"},
    "predict": {"windows", "planted_windows", "split", "train"},
    "features_shard": {"windows", "train", "fetch", "index_genome"},
    "features": {"windows", "train", "fetch", "features_shard"},
    "sequence_classes": {"features", "fetch"},
    "variants": {"fetch", "index_genome", "train"},
    "class_variants": {"fetch", "index_genome"},
    "figure_variant_classes": {"class_variants"},
    "composition": {"windows"},
    "tune": {"windows", "split", "features"},
    "fit": {"windows", "split", "features", "tune", "composition"},
    "evaluate": {"windows", "planted_windows", "predict", "fit"},
    "stack_metrics": {"evaluate"},
    "attribute": {"windows", "planted_windows", "train", "predict", "split", "fetch", "index_genome"},
    "discover_motifs": {"attribute"},
    "name_motifs": {"discover_motifs", "fetch"},
    "motif_report": {"discover_motifs", "name_motifs", "fetch"},
    "scan_hotspots": {"attribute", "fetch"},
    "recovery": {"name_motifs", "planted_windows", "fetch"},
    "figure_performance_curves": {"evaluate"},
    "figure_model_comparison": {"evaluate"},
    "figure_robustness": {"evaluate"},
    "figure_calibration": {"evaluate"},
    "figure_learning_curves": {"train"},
    "figure_leakage": {"leakage"},
    "figure_study_curves": {"evaluate"},
    "figure_study_comparison": {"evaluate"},
    "figure_top_targets": {"fit", "features"},
    "study": {
        *("windows", "split", "leakage", "evaluate", "features", "figure_leakage", "figure_performance_curves"),
        *("figure_model_comparison", "figure_robustness", "figure_calibration", "figure_learning_curves"),
        *("figure_study_curves", "figure_study_comparison", "figure_top_targets", "figure_attribution_logos"),
        *("figure_method_agreement", "figure_discovered_motifs", "figure_top_factors", "fit"),
    },
    "figure_attribution_logos": {"attribute", "windows", "planted_windows", "scan_hotspots"},
    "figure_method_agreement": {"attribute"},
    "compare_attributions": {"attribute", "train", "planted_windows", "fetch"},
    "figure_attribution_agreement": {"attribute", "compare_attributions"},
    "figure_attribution_recovery": {"attribute", "compare_attributions"},
    "figure_attribution_cost": {"time_attributions"},
    "figure_discovered_motifs": {"discover_motifs", "name_motifs", "recovery", "fetch"},
    "figure_top_factors": {"scan_hotspots"},
    "all": {
        *("leakage", "stack_metrics", "motif_report", "name_motifs", "scan_hotspots", "recovery", "figure_leakage"),
        *("figure_performance_curves", "figure_model_comparison", "figure_learning_curves"),
        *("figure_robustness", "figure_calibration", "study"),
        *("figure_study_curves", "figure_study_comparison", "figure_top_targets"),
        *("figure_attribution_logos", "figure_method_agreement", "figure_discovered_motifs", "figure_top_factors"),
        *("figure_attribution_agreement", "figure_attribution_recovery", "figure_attribution_cost"),
        *("sequence_classes", "variants", "class_variants", "figure_variant_classes"),
    },
}


def examples():
    """The complete configs that the README and the docs show; the last is that of the docs."""
    text = "".join((pipeline.ROOT / path).read_text() for path in ("config/README.md", "docs/variants.md"))
    return dict(enumerate(re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)))


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A copy of the workflow with the configs that are planned; nothing in it may change."""
    folder = pipeline.copy(tmp_path_factory.mktemp("dag"))
    seeded = read(folder, "config/demo.yaml")
    seeded["models"]["basset"]["seeds"].append(99)
    (folder / "seeded.yaml").write_text(yaml.safe_dump(seeded))
    sharded = read(folder, "config/demo.yaml")
    sharded["datasets"]["ctcf"]["explain"][0]["shards"] = 3
    (folder / "sharded.yaml").write_text(yaml.safe_dump(sharded))
    (folder / "scored.yaml").write_text(yaml.safe_dump(scored(read(folder, "config/demo.yaml"))))
    started = read(folder, "config/demo.yaml")
    started["resources"] |= {name: {"url": f"https://localhost/{name}"} for name in ("sei.pth", "tokenizer.json")}
    started["models"] |= {
        "trunk": {"architecture": "FSei"},
        "fsei": {"architecture": "FSei", "freeze": True, "trained_on": START},
        "fsei_published": {"architecture": "FSei", "pretrained": "sei.pth"},
        "dnabert2": {"architecture": "DNABERT2", "tokenizer": "tokenizer.json"},
    }
    started["datasets"]["factors"]["models"].append("trunk")
    started["datasets"]["ctcf"]["models"] = ["fsei", "fsei_published", "dnabert2"]
    started["datasets"]["ctcf"]["explain"] = []
    started["models"]["one_sided"] = {"architecture": "BassetLike", "training": {"reverse_complement": "none"}}
    started["attribution"]["tism_both"] = {"method": "tism", "strands": "both"}
    started["timing"] = {"model": "one_sided", "methods": ["tism", "tism_both"]}
    (folder / "started.yaml").write_text(yaml.safe_dump(started))
    for number, text in examples().items():
        (folder / f"example{number}.yaml").write_text(text)
        resources = yaml.safe_load(text)["resources"]
        for entry in resources.values():
            if "://" not in entry["url"] and entry["url"].removeprefix("resources/") not in resources:
                (folder / entry["url"]).parent.mkdir(exist_ok=True)
                (folder / entry["url"]).touch()
    return folder


@pytest.fixture(scope="session")
def planned(folder, tmp_path_factory):
    """All calls, on a machine without a network, with libraries that cannot be imported and with a stand-in conda."""
    outputs = tmp_path_factory.mktemp("plans")
    for name in HEAVY:
        (outputs / f"{name}.py").write_text(f"raise RuntimeError('{name} was imported')\n")
    dead = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    variables = dead | pipeline.fake_conda(tmp_path_factory.mktemp("conda") / "base") | {"PYTHONPATH": str(outputs)}
    calls = {
        "demo": [*pipeline.DEMO, "--d3dag"],
        "study": ["--d3dag"],
        "small": ["--configfile", "config/study_small.yaml", "--d3dag"],
        "attributions": ["--configfile", "config/attributions.yaml", "--d3dag"],
        "beluga": ["--configfile", "config/attributions_beluga.yaml", "--d3dag"],
        "seeded": ["--configfile", "seeded.yaml", "--d3dag"],
        "sharded": ["--configfile", "sharded.yaml", "--d3dag"],
        "scored": ["--configfile", "scored.yaml", "--d3dag"],
        "default": ["-n", "--cores", "2", *pipeline.DEMO],
        "demo_profile": ["-n", "--cores", "2", "--workflow-profile", "workflow/profiles/demo", *pipeline.DEMO],
        "slurm": ["-n", "--workflow-profile", "workflow/profiles/slurm"],
        "features_only": ["features_only", *pipeline.DEMO, "--d3dag"],
        "evaluation_only": ["evaluation_only", *pipeline.DEMO, "--d3dag"],
        "attributions_only": ["attributions_only", *pipeline.DEMO, "--d3dag"],
        "started": ["-n", "-p", "--cores", "2", "--configfile", "started.yaml"],
        "beluga_jobs": ["-n", "-p", "--cores", "2", "--configfile", "config/attributions_beluga.yaml"],
        "lint": ["--lint"],
        "lint_demo": ["--lint", *pipeline.DEMO],
    }
    calls |= {f"example{number}": ["--configfile", f"example{number}.yaml", "--d3dag"] for number in examples()}
    before = listing(folder)
    results = pipeline.plans(folder, outputs, calls, **variables)
    results["changed"] = {path for path in listing(folder) ^ before if not path.startswith(".snakemake/")}
    return results


@pytest.fixture(scope="session")
def rules(folder):
    return pipeline.rules(folder, "config/demo.yaml")


def listing(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def text(folder, room):
    return (folder / "workflow" / "rules" / f"{room}.smk").read_text()


def read(folder, name):
    return yaml.safe_load((folder / name).read_text())


def graph(call):
    """(rule of each job, set of (rule, rule that it reads)) of a `--d3dag`."""
    assert call.status == 0, call.err
    found = json.loads(call.out)
    names = {node["id"]: node["value"]["rule"] for node in found["nodes"]}
    return list(names.values()), {(names[edge["v"]], names[edge["u"]]) for edge in found["edges"]}


def jobs(text):
    """(rule, what the dry run says of the job) of each job of a dry run."""
    parts = re.split(r"^(?:local)?rule (\w+):$", text, flags=re.MULTILINE)
    return list(zip(parts[1::2], parts[2::2], strict=True))


def scored(config):
    """A config with variants that its first extractor, trained there, scores."""
    genome = next(entry["source"]["genome"] for entry in config["datasets"].values() if "genome" in entry["source"])
    config["resources"]["some.vcf"] = config["resources"]["other.vcf"] = {"url": "https://example.org/some.vcf"}
    common = {"genome": genome, "features": next(iter(config["features"]))}
    config["variants"] = {"some": common | {"vcf": "some.vcf"}, "other": common | {"vcf": "other.vcf", "strict": True}}
    return config


def expected_counts(config):
    """Jobs of each rule, counted from the config alone."""
    evaluated = [name for name, dataset in config["datasets"].items() if dataset.get("models")]
    counts = Counter(all=1, stack_metrics=bool(evaluated))
    read, genomes, extracted = set(), set(), set()
    networks = {name for name, model in config["models"].items() if "architecture" in model}
    database = config.get("motifs", {}).get("database")
    for name, dataset in config["datasets"].items():
        source, splits = dataset["source"], len(dataset["splits"])
        planted = source["kind"] == "planted"
        counts["planted_windows" if planted else "windows"] += 1
        counts["near_duplicates"] += 1
        counts["split"] += splits
        counts["leakage"] += splits
        read |= {dataset.get("genes")}
        background = source.get("background", {})
        genomes |= {entry["genome"] for entry in (source, background) if "genome" in entry}
        files = {"positives", "negatives", "bed", "table", "annotation", "events", "motifs"} & set(source)
        read |= {source[key] for key in files}
        for model in dataset.get("models", []):
            runs = splits * len(config["models"][model].get("seeds", [1]))
            counts["train" if model in networks else "fit"] += runs
            counts["predict"] += runs if model in networks else 0
            counts["tune"] += runs if "tune" in config["models"][model] else 0
            read |= {config["models"][model].get(key) for key in ("pretrained", "tokenizer")}
            extracted |= {(name, config["models"][model]["features"])} if model not in networks else set()
        read.add(dataset.get("genes") if name in evaluated else None)
        for figure in ("evaluate", "figure_model_comparison", "figure_leakage"):
            counts[figure] += name in evaluated
        for figure in ("performance_curves", "robustness", "calibration"):
            counts[f"figure_{figure}"] += splits * (name in evaluated)
        counts["figure_learning_curves"] += bool(networks & set(dataset.get("models", [])))
        if "study" in dataset:
            pair = len(set(dataset["study"]["splits"].values()))
            counts["study"] += 1
            counts["figure_study_comparison"] += 1
            counts["figure_study_curves"] += pair * len(dataset["study"].get("sets", {}))
            extractors = [config["models"][model].get("features") for model in dataset["models"]]
            counts["figure_top_targets"] += pair * sum(
                "model" in config["features"].get(name, {}) for name in extractors
            )
        for entry in dataset.get("explain", []):
            seeds, methods = len(entry.get("seeds", [1])), len(entry["methods"])
            extractor = config.get("features", {}).get(entry.get("features"), {})
            genomes |= {extractor["genome"]} if extractor.get("context") == "genome" else set()
            read |= {config["models"][entry["model"]].get("weights"), extractor.get("names")}
            counts["attribute"] += seeds * methods
            counts["figure_attribution_logos"] += seeds
            counts["figure_method_agreement"] += seeds if methods > 1 else 0
            for rule in ("compare_attributions", "figure_attribution_agreement", "figure_attribution_recovery"):
                counts[rule] += "reference" in entry
            if database:
                for rule in ("discover_motifs", "name_motifs", "motif_report", "scan_hotspots"):
                    counts[rule] += seeds * methods
                counts["recovery"] += seeds * methods if planted else 0
                counts["figure_discovered_motifs"] += seeds
                counts["figure_top_factors"] += seeds
                read.add(database)
    for _, extractor in extracted:
        entry = config["features"][extractor]
        if "kind" in entry:
            counts["composition"] += 1
            continue
        counts["features"] += 1
        counts["features_shard"] += config.get("shards", 2)
        genomes |= {entry["genome"]} if entry.get("context") == "genome" else set()
        read |= {entry.get("names"), config["models"][entry["model"]].get("weights")}
        counts["sequence_classes"] += "classes" in entry
        read |= {entry.get("classes"), entry.get("class_names")}
    for job in config.get("variants", {}).values():
        entry = config["features"][job["features"]]
        counts["class_variants" if "classes" in entry else "variants"] += 1
        counts["figure_variant_classes"] += "classes" in entry
        genomes.add(job["genome"])
        read |= {job["vcf"], config["models"][entry["model"]].get("weights")}
        read |= {entry.get(key) for key in ("names", "classes", "class_names", "histone")}
    for rule in ("time_attributions", "figure_attribution_cost"):
        counts[rule] += "timing" in config
    fetched = (read | genomes) - {None}
    # Archives from which others are taken.
    sources = {config["resources"][name]["url"].removeprefix("resources/") for name in fetched}
    counts["fetch"] = len(fetched | (sources & set(config["resources"])))
    counts["index_genome"] = len(genomes)
    return +counts


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("demo", "config/demo.yaml"),
        ("study", "config/config.yaml"),
        ("small", "config/study_small.yaml"),
        ("attributions", "config/attributions.yaml"),
        ("beluga", "config/attributions_beluga.yaml"),
        ("seeded", "seeded.yaml"),
        ("scored", "scored.yaml"),
    ],
)
def test_jobs_are_the_product_of_what_the_config_names(planned, folder, name, config):
    assert Counter(graph(planned[name])[0]) == expected_counts(read(folder, config))


def test_one_more_seed_adds_its_trainings_and_predictions_alone(planned, folder):
    demo, seeded = (Counter(graph(planned[name])[0]) for name in ("demo", "seeded"))
    datasets = read(folder, "config/demo.yaml")["datasets"].values()
    splits = sum(len(dataset["splits"]) for dataset in datasets if "basset" in dataset["models"])
    assert seeded - demo == Counter(train=splits, predict=splits)
    assert not demo - seeded


def test_shards_of_an_explanation_are_jobs_that_one_more_puts_together(planned, folder):
    (demo, plain), (jobs, edges) = (graph(planned[name]) for name in ("demo", "sharded"))
    entry = read(folder, "config/demo.yaml")["datasets"]["ctcf"]["explain"][0]
    files = len(entry.get("seeds", [1])) * len(entry["methods"])
    demo, jobs = Counter(demo), Counter(jobs)
    assert jobs - demo == Counter(attribute_shard=3 * files, gather_attributions=files)
    assert demo - jobs == Counter(attribute=files)
    assert {source for rule, source in edges if rule == "gather_attributions"} == {"attribute_shard"}
    assert {source for rule, source in edges if rule == "attribute_shard"} <= READS["attribute"]
    readers = {rule for rule, source in edges if source == "gather_attributions"}
    assert readers and all("attribute" in READS[rule] for rule in readers)


@pytest.mark.parametrize("name", ["demo", "study", "small", "attributions", "beluga"])
def test_rules_read_from_the_rules_that_they_should(planned, name):
    present, edges = graph(planned[name])
    for rule, source in edges:
        assert source in READS[rule], f"{rule} reads from {source}"
    assert {rule for rule, _ in edges} | {source for _, source in edges} == set(present)


def test_every_edge_occurs_in_one_config_or_the_other(planned):
    names = ("demo", "study", "small", "attributions", "beluga", "scored", f"example{len(examples()) - 1}")
    edges = set().union(*(graph(planned[name])[1] for name in names))
    assert edges == {(rule, source) for rule, sources in READS.items() for source in sources}


@pytest.mark.parametrize(("name", "seeds"), [("config", 3), ("study_small", 2)])
def test_a_study_has_every_model_of_the_paper_and_its_baselines(folder, name, seeds):
    config = read(folder, f"config/{name}.yaml")
    dataset = next(iter(config["datasets"].values()))
    models = {model: config["models"][model] for model in dataset["models"]}
    networks = {key: model for key, model in models.items() if "architecture" in model}
    classifiers = {key: model for key, model in models.items() if "classifier" in model}
    published = {"FSei", "BassetLike", "ConvNet", "AttentionConv", "DNABERT2"}
    assert {model["architecture"] for model in networks.values()} == published
    assert all(len(model["seeds"]) == seeds for model in networks.values())
    assert all(networks[key]["settings"]["two_logits"] for key in networks if not key.endswith("_modern"))
    assert any("pretrained" in model or "trained_on" in model for model in networks.values())
    assert {"chromosome", "published"} <= {split["kind"] for split in dataset["splits"].values()}
    on_targets = {
        (model["classifier"], *model.get("groups", ["all"]), "tune" in model)
        for model in classifiers.values()
        if "model" in config["features"][model["features"]]
    }
    expected = {("logistic_regression", group, False) for group in ("TF", "histone", "all")}
    expected |= {("lightgbm", "TF", tuned) for tuned in (False, True)}
    assert on_targets == expected
    baselines = {
        (model["classifier"], config["features"][model["features"]]["k"] > 1)
        for model in classifiers.values()
        if "kind" in config["features"][model["features"]]
    }
    assert baselines == {("logistic_regression", False), ("lightgbm", True)}


def test_the_small_study_runs_the_rules_of_the_whole(planned):
    study, small = (set(graph(planned[name])[0]) for name in ("study", "small"))
    assert study - small == {"sequence_classes"}, "only Sei has sequence classes"


def test_nothing_flows_back(planned, folder):
    """No rule reads from a stage below its own, but features, which may come from a network that was trained here."""
    stage = {}
    for path in (folder / "workflow" / "rules").glob("*.smk"):
        for rule in re.findall(r"^(?:rule|use rule \w+ as) (\w+)", path.read_text(), re.MULTILINE):
            stage[rule] = ORDER.index(path.stem)
    edges = graph(planned["demo"])[1] | graph(planned["study"])[1]
    edges |= graph(planned["scored"])[1] | graph(planned["small"])[1]
    edges |= graph(planned["attributions"])[1] | graph(planned["beluga"])[1]
    back = {(rule, source) for rule, source in edges if rule != "all" and stage[rule] < stage[source]}
    assert back == {("features_shard", "train"), ("features", "train"), ("variants", "train")}


@pytest.mark.parametrize(
    ("target", "last"),
    [("features_only", "features"), ("evaluation_only", "evaluate"), ("attributions_only", "attribute")],
)
def test_a_target_stops_where_its_name_says(planned, target, last):
    whole, part = (Counter(graph(planned[name])[0]) for name in ("demo", target))
    needed, waiting = set(), [last]
    while waiting:
        needed.add(waiting.pop())
        waiting += {source for rule in needed for source in READS.get(rule, ())} - needed
    assert part[last] == whole[last] and set(part) <= needed | {target, "stack_metrics"}
    assert part["stack_metrics"] == (target == "evaluation_only")


def test_a_network_is_given_what_it_starts_from(planned):
    assert planned["started"].status == 0, planned["started"].err
    found = {}
    for rule, text in jobs(planned["started"].out):
        if rule == "train":
            where = re.search(r"--work results/(\S+)/models/(\S+)/chromosome/seed1/work", text)
            if where and where[1] == "ctcf":
                found[where[2]] = re.findall(r"--(?:pretrained|tokenizer) \S+", text)
                assert ('"freeze": true' in text) == (where[2] == "fsei")
    assert found == {
        "fsei": ["--pretrained results/factors/models/trunk/random/seed1/model.safetensors"],
        "fsei_published": ["--pretrained resources/sei.pth"],
        "dnabert2": ["--tokenizer resources/tokenizer.json"],
    }


def test_methods_are_timed_on_the_strands_that_the_model_predicts(planned):
    (text,) = (text for rule, text in jobs(planned["started"].out) if rule == "time_attributions")
    methods = json.loads(re.search(r"--methods '(.*?)'", text)[1])
    assert {name: settings["strands"] for name, settings in methods.items()} == {"tism": "forward", "tism_both": "both"}


def test_published_weights_are_explained_without_a_training(planned, folder):
    """Of Beluga's config: what each attribution is told of the network and of its windows."""
    config = read(folder, "config/attributions_beluga.yaml")
    assert all(not dataset.get("models") for dataset in config["datasets"].values())
    told = {}
    for rule, text in jobs(planned["beluga_jobs"].out):
        if rule == "attribute":
            assert "--weights resources/beluga.pth" in text and "--predictions" not in text
            name = re.search(r"--split results/(\w+)/splits/", text)[1]
            told[name] = json.loads(re.search(r"--extractor '(.*?)'", text)[1])["context"], "--genome" in text
        if rule == "compare_attributions":
            assert '"weights": "resources/beluga.pth"' in text and "--extractor" in text
    assert told == {"planted": ("none", False), "introns": ("genome", True)}


def test_planning_leaves_no_file_behind(planned):
    assert planned["changed"] == set()


@pytest.mark.parametrize("number", examples())
def test_examples_of_the_readme_can_be_planned(planned, number):
    counts = Counter(graph(planned[f"example{number}"])[0])
    assert counts == expected_counts(yaml.safe_load(examples()[number]))


def test_readme_counts_the_trainings_of_its_second_example(planned):
    assert graph(planned["example1"])[0].count("train") == 6


@pytest.mark.parametrize("profile", ["default", "demo", "slurm"])
def test_a_dry_run_with_each_profile(planned, profile):
    call = planned[profile if profile != "demo" else "demo_profile"]
    assert call.status == 0, call.err
    assert f"workflow/profiles/{profile} for setting default command line arguments" in call.err
    assert {rule for rule, _ in jobs(call.out)} >= {"train", "evaluate", "attribute"}


def test_slurm_sends_network_jobs_to_the_gpu_partition(planned, rules):
    for rule, text in jobs(planned["slurm"].out):
        if rule in TARGETS:
            continue
        partition = "gpu" if rules[rule]["gpu"] else "cpu"
        resources = re.search(r"resources: (.*)", text)[1]
        assert f"slurm_partition={partition}" in resources, f"{rule}: {resources}"
        assert re.search(r"mem_mb=\d", resources) and re.search(r"runtime=\d", resources), f"{rule}: {resources}"
        assert ("cpus_per_gpu" in resources) == (partition == "gpu"), f"{rule}: {resources}"


def test_the_default_profile_counts_one_gpu(folder):
    assert read(folder, "workflow/profiles/default/profile.yaml")["resources"] == {"gpu": 1}
    assert "resources" not in read(folder, "workflow/profiles/slurm/profile.yaml")


@pytest.mark.parametrize("profile", ["demo", "slurm"])
def test_profiles_set_rules_that_exist(folder, rules, profile):
    settings = read(folder, f"workflow/profiles/{profile}/profile.yaml")
    for key in ("set-threads", "set-resources"):
        assert set(settings.get(key, {})) <= set(rules)


def test_every_rule_has_a_log_and_an_environment(rules):
    assert {name for name, rule in rules.items() if rule["shell"] is None} == TARGETS
    for name in set(rules) - TARGETS:
        assert rules[name]["log"], f"rule {name}: no log"
        assert rules[name]["shell"].endswith("> {log} 2>&1"), f"rule {name}: its output does not go to the log"
        assert Path(rules[name]["env"] or "").is_file(), f"rule {name}: no environment {rules[name]['env']}"


def takes_device(command):
    """Whether a command of the package has the option --device, read from its source."""
    source = ast.parse((LIB / "cisflow" / "commands" / f"{command.replace('-', '_')}.py").read_text())
    return any(isinstance(node, ast.Constant) and node.value == "--device" for node in ast.walk(source))


def test_a_gpu_is_asked_for_by_the_rules_that_run_a_network(rules):
    asking = {name for name, rule in rules.items() if rule["gpu"]}
    attributing = {"attribute", "attribute_shard", "compare_attributions", "time_attributions"}
    assert asking == {"train", "predict", "features_shard", "variants", "class_variants"} | attributing
    for name in set(rules) - TARGETS:
        command = re.match(r"python -m cisflow ([a-z-]+) ", rules[name]["shell"])[1]
        assert takes_device(command) == (name in asking), f"rule {name}: --device and gpu do not go together"
        assert ("--gpus {resources.gpu}" in rules[name]["shell"]) == (name in asking), f"rule {name}: --gpus"


def test_the_code_that_a_rule_depends_on_is_that_of_its_command(folder, rules):
    """Digests themselves are tested by what an edit reruns; here, that each rule names its own command."""
    definitions = re.findall(r"^def (\w+_code)\(.*\):\n((?: +.*\n)+)", text(folder, "common"), re.MULTILINE)
    functions = {name: re.search(r"code_digest\((.*)\)", body)[1] for name, body in definitions}
    blocks = "".join(text(folder, room) for room in ORDER)
    found = dict(re.findall(r"^rule (\w+):\n((?: +.*\n|\n)+)", blocks, re.MULTILINE))
    assert {*found, "planted_windows", "class_variants", "attribute_shard"} == set(rules) - TARGETS
    for name, block in found.items():
        command, argument = re.search(r'"python -m cisflow (\S+) (\S+)', block).groups()
        code = re.search(r"code=(\w+)(?:\((.*)\))?,", block)
        called = (code[2] or "").strip('"')
        depends = functions[code[1]].replace("{command}", called) if code[1] in functions else code[2]
        assert f'"commands/{command.replace("-", "_")}"' in depends, f"rule {name}: {depends}"
        assert command != "figure" or f'"figures/{argument}"' in depends, f"rule {name}: {depends}"


@pytest.mark.parametrize("name", ["lint", "lint_demo"])
def test_the_linter_finds_nothing(planned, name):
    assert planned[name].status == 0, planned[name].err


def test_rules_are_formatted():
    command = [sys.executable, "-m", "snakefmt", "--check", "workflow"]
    done = subprocess.run(command, cwd=pipeline.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
