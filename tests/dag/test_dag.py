"""What Snakemake plans: derived from the configs by other means, offline, and without the libraries of the jobs."""

import json
import logging
import re
from collections import Counter
from types import SimpleNamespace

import pytest
import yaml
from snakemake_executor_plugin_slurm.partitions import get_best_partition, read_partition_file

import pipeline
from cisflow.config import figures
from planning import FIGURES, GENERALISATION, TARGETS, asked, examples, expected_figures, graph, jobs, read

# What a profile needs beside Snakemake.
PLUGINS = {
    "generic": ["snakemake_executor_plugin_cluster_generic"],
    "kubernetes": ["snakemake_executor_plugin_kubernetes", "snakemake_storage_plugin_fs"],
}
WINDOWS = {"windows", "planted_windows", "matched_windows"}
# Artifact that a figure shows -> the rules that write it.
WRITTEN_BY = {
    "windows": WINDOWS,
    "ledger": WINDOWS,
    "matching": {"matched_windows"},
    "split_tables": {"split"},
    "explained_ledgers": {"explained_ledger"},
    "all_explained_ledgers": {"explained_ledger"},
    "truth": {"planted_windows"},
    "runs": {"runs"},
    "histories": {"train"},
    "predictions": {"predict", "fit"},
    "leakage": {"leakage"},
    "weights": {"fit"},
    "feature_targets": {"features"},
    "attributions": {"attribute"},
    "modisco": {"discover_motifs"},
    "discovery": {"discover_motifs"},
    "patterns": {"name_motifs"},
    "recovery": {"recovery"},
    "seqlets": {"scan_seqlets"},
    "motif_scores": {"scan_seqlets"},
    "motif_nulls": {"scan_seqlets"},
    "published_scores": {"published_scores"},
    "published_classes": {"published_scores"},
    "hits": {"call_hits"},
    "motif_database": {"fetch"},
    "kernels": {"kernels"},
    "kernel_matrices": {"kernels"},
    "kernel_summary": {"kernels"},
    "merged_patterns": {"merge_patterns"},
    "merged_matrices": {"merge_patterns"},
    "spacing": {"motif_spacing"},
    "distances": {"motif_spacing"},
    **dict.fromkeys(("motifs_singly", "motif_positions", "motif_pairs"), {"motif_effects"}),
    **dict.fromkeys(("variant_effects", "variant_null", "haplotypes"), {"variant_effects"}),
    "saturation": {"saturate"},
    **dict.fromkeys(("designs", "design_scores", "design_networks", "design_motifs", "design_logos"), {"design"}),
    "timing": {"time_attributions"},
    "job_costs": {"job_costs"},
    "unseen_tracks": {"evaluate_unseen_tracks"},
    "track_weights": {"stack_track_weights"},
    "homology": {"evaluate_homology"},
    "reach": {"stack_reach"},
    "species_effects": {"compare_species"},
    "split_table": {"split"},
    "profile_predictions": {"predict"},
    "explained_predictions": {"predict"},
    "class_scores": {"class_variants"},
    "published_metrics": set(),
    "published_targets": set(),
    **dict.fromkeys(figures.EVALUATION_TABLES, {"evaluate"}),
    **dict.fromkeys(figures.TRACK_TABLES, {"evaluate_tracks"}),
    **dict.fromkeys(figures.COMPARISON_TABLES, {"compare_attributions"}),
}


ORDER = (
    "resources",
    "windows",
    "features",
    "variants",
    "models",
    "evaluation",
    "generalisation",
    "attribution",
    "motifs",
    "scoring",
    "exports",
    "patterns",
    "effects",
    "design",
    "figures",
    "study",
    "summary",
)


def shown(figure):
    """The rules whose files a figure reads."""
    artifacts = [artifact.rstrip("?") for artifact in [*figure.inputs.values(), *figure.reads]]
    found = set().union(*(WRITTEN_BY[artifact] for artifact in artifacts))
    # No windows of these configs that are drawn or planted have numbers and are explained.
    return found if "binary" in (figure.tasks or ["binary"]) else found - (WINDOWS - {"windows"})


# Rule -> the rules whose files it reads, of all configs together.
READS = {
    "fetch": {"fetch"},
    "index_genome": {"fetch"},
    "windows": {"fetch", "index_genome"},
    "planted_windows": {"fetch", "index_genome"},
    "matched_windows": {"fetch", "index_genome"},
    "near_duplicates": {*WINDOWS},
    "split": {*WINDOWS, "near_duplicates"},
    "leakage": {*WINDOWS, "split", "near_duplicates", "fetch"},
    "train": {*WINDOWS, "split", "train", "fetch"},
    "predict": {*WINDOWS, "split", "train"},
    "features_shard": {"windows", "train", "fetch", "index_genome"},
    "features": {"windows", "train", "fetch", "features_shard"},
    "sequence_classes": {"features", "fetch"},
    "variants": {"fetch", "index_genome", "train"},
    "class_variants": {"fetch", "index_genome"},
    "composition": {"windows"},
    "motif_features": {"windows", "fetch"},
    "tune": {"windows", "split", "features"},
    "fit": {"windows", "split", "features", "tune", "composition", "motif_features"},
    "runs": set(),
    "evaluate": {*WINDOWS, "predict", "fit", "runs"},
    "evaluate_tracks": {"windows", "planted_windows", "predict", "fit", "runs"},
    "evaluate_unseen_tracks": {"windows", "planted_windows", "predict", "runs", "fetch"},
    "evaluate_homology": {"windows", "planted_windows", "predict", "runs"},
    "compare_species": {"windows", "predict", "runs", "fetch"},
    "track_weights": {"windows", "planted_windows", "split", "train"},
    "stack_track_weights": {"track_weights"},
    "reach": {"windows", "planted_windows", "split", "train"},
    "stack_reach": {"reach"},
    "input_contribution": {"windows", "split", "train"},
    "stack_inputs": {"input_contribution"},
    "stack_metrics": {"evaluate"},
    "attribute": {*WINDOWS, "train", "predict", "split", "fetch", "index_genome"},
    "attribute_classes": {"windows", "train", "predict"},
    "export_tracks": {*WINDOWS, "attribute", "fetch", "index_genome"},
    "explained_ledger": {*WINDOWS, "predict", "split"},
    "discover_motifs": {"attribute", "attribute_shuffled"},
    "name_motifs": {"discover_motifs", "attribute", "windows", "fetch"},
    "motif_report": {"discover_motifs", "name_motifs", "fetch"},
    # No network with published weights of these configs has motifs sought.
    "attribute_shuffled": {*WINDOWS, "train", "predict"},
    "scan_seqlets": {*WINDOWS, "attribute", "attribute_shuffled", "fetch"},
    "published_scores": {"attribute_classes", "windows", "predict", "scan_seqlets", "fetch"},
    "call_hits": {"attribute", "attribute_shuffled", "discover_motifs", "name_motifs"},
    "export_motifs": {
        *WINDOWS,
        *("attribute", "export_tracks", "scan_seqlets", "call_hits", "discover_motifs", "name_motifs"),
    },
    "genome_page": {*WINDOWS, "attribute", "scan_seqlets", "call_hits"},
    "recovery": {"name_motifs", "planted_windows", "fetch"},
    "kernels": {*WINDOWS, "split", "train", "fetch"},
    "motif_runs": set(),
    "motif_clusters": {"motif_runs", "merge_patterns", "attribute"},
    "motif_spacing": {"motif_runs", "merge_patterns", "discover_motifs", "attribute"},
    "merge_patterns": {"motif_runs", "call_hits", "name_motifs", "discover_motifs", "attribute", "fetch"},
    "motif_effects": {"windows", "split", "train", "fetch"},
    **dict.fromkeys(("variant_effects", "saturate"), {"windows", "train", "fetch", "index_genome"}),
    "design": {"windows", "split", "train", "fetch"},
    "study_settings": set(),
    "study": {
        *("windows", "split", "leakage", "evaluate", "features", "study_settings", "fit"),
        *(
            f"figure_{name}"
            for name, figure in FIGURES.items()
            if figure.of not in ("run", "variants", "comparison", "effects", "variant_effects", "saturation", "design")
            and "binary" in (figure.tasks or ["binary"])
            # No study of these configs has negatives that were drawn.
            and "matching" not in figure.inputs.values()
            # Nor is one asked about what its models have not seen.
            and not set(figure.inputs.values()) & set(GENERALISATION)
        ),
    },
    "compare_attributions": {"attribute", "train", "planted_windows", "fetch"},
    "all": {
        *(
            "leakage",
            "stack_metrics",
            "evaluate_tracks",
            "motif_report",
            "name_motifs",
            "scan_seqlets",
            "published_scores",
            "export_motifs",
            "export_tracks",
            "genome_page",
            "recovery",
            "kernels",
            "merge_patterns",
            "motif_spacing",
            "motif_clusters",
            "study",
            "job_costs",
        ),
        *("sequence_classes", "variants", "class_variants", "stack_inputs", "motif_effects"),
        *("variant_effects", "saturate", "design"),
        *("evaluate_unseen_tracks", "evaluate_homology", "compare_species", "stack_track_weights", "stack_reach"),
        *(f"figure_{name}" for name in FIGURES),
    },
    **{f"figure_{name}": shown(figure) for name, figure in FIGURES.items()},
}
# Told when all that a run is made for is there.
READS["job_costs"] = READS["all"] - {"job_costs", "figure_job_costs"}


# Keys of `targets` that name a resource.
NAMED = ("matrix", "sheet", "features")


def expected_counts(config):
    """Jobs of each rule, counted from the config alone."""
    evaluated = [name for name, dataset in config["datasets"].items() if dataset.get("models")]
    counts = Counter(all=1, job_costs=1, stack_metrics=bool(evaluated)) + expected_figures(config)
    read, genomes, extracted = set(), set(), set()
    networks = {name for name, model in config["models"].items() if "architecture" in model}
    database = config.get("motifs", {}).get("database")
    for name, dataset in config["datasets"].items():
        source, splits = dataset["source"], len(dataset["splits"])
        planted = source["kind"] == "planted"
        counts[{"planted": "planted_windows", "peaks": "matched_windows"}.get(source["kind"], "windows")] += 1
        counts["near_duplicates"] += 1
        counts["split"] += splits
        counts["leakage"] += splits
        read |= {dataset.get("genes")}
        background = source.get("background", {})
        genomes |= {entry["genome"] for entry in (source, background) if "genome" in entry}
        parts = [part["source"] for part in source.get("inputs", source.get("genomes", ()))] or [source]
        genomes |= {part["genome"] for part in parts if "genome" in part}
        files = {"positives", "negatives", "bed", "table", "annotation", "events", "motifs", "peaks"}
        read |= {part[key] for part in parts for key in files & set(part)}
        read |= {entry[key] for entry in dataset.get("targets", []) for key in NAMED if key in entry}
        read |= {dataset.get("track_features")}
        for model in dataset.get("models", []):
            runs = splits * len(config["models"][model].get("seeds", [1]))
            counts["train" if model in networks else "fit"] += runs
            counts["predict"] += runs if model in networks else 0
            counts["train", name] += runs if model in networks else 0
            counts["tune"] += runs if "tune" in config["models"][model] else 0
            read |= {config["models"][model].get(key) for key in ("pretrained", "tokenizer")}
            extracted |= {(name, config["models"][model]["features"])} if model not in networks else set()
        read.add(dataset.get("genes") if name in evaluated else None)
        for rule in ("evaluate", "runs"):
            counts[rule] += name in evaluated
        counts["evaluate_tracks"] += name in evaluated and dataset.get("task") == "regression"
        for artifact, rule in GENERALISATION.items():
            if name in evaluated and asked(artifact, config, name):
                each = {"stack_track_weights": "track_weights", "stack_reach": "reach"}.get(rule)
                counts[rule] += 1
                counts[each or rule] += 0 if each is None else counts["train", name]
                read |= {config["generalisation"]["species"]["database"]} if rule == "compare_species" else set()
        if source["kind"] == "inputs":
            counts["stack_inputs"] += 1
            counts["input_contribution"] += sum(
                splits * len(config["models"][model].get("seeds", [1])) for model in networks & set(dataset["models"])
            )
        for rule in ("motif_runs", "merge_patterns", "motif_spacing", "motif_clusters"):
            counts[rule] += bool(database and dataset.get("explain"))
        for rule in ("study", "study_settings"):
            counts[rule] += "study" in dataset
        counts["motif_effects"] += len(dataset.get("effects", []))
        read |= {entry.get("motifs") for entry in dataset.get("effects", [])}
        own = [*dataset.get("variants", {}).values(), *dataset.get("saturation", {}).values()]
        counts["variant_effects"] += len(dataset.get("variants", {}))
        counts["design"] += sum(len(entry.get("seeds", [1])) for entry in dataset.get("design", []))
        read.add(dataset.get("motifs", database) if dataset.get("design") else None)
        counts["saturate"] += len(dataset.get("saturation", {}))
        genomes |= {entry["genome"] for entry in own if "genome" in entry}
        read |= {entry.get(key) for entry in own for key in ("vcf", "null_vcf")}
        for entry in dataset.get("explain", []):
            seeds, methods = len(entry.get("seeds", [1])), len(entry["methods"])
            extractor = config.get("features", {}).get(entry.get("features"), {})
            genomes |= {extractor["genome"]} if extractor.get("context") == "genome" else set()
            read |= {config["models"][entry["model"]].get("weights"), extractor.get("names")}
            counts["attribute"] += seeds * methods
            counts["export_tracks"] += seeds * methods
            counts["genome_page"] += seeds
            counts["explained_ledger"] += seeds
            counts["compare_attributions"] += "reference" in entry
            for rule in ("attribute_classes", "published_scores"):
                counts[rule] += seeds * ("published" in entry)
            if database:
                for rule in (
                    *("attribute_shuffled", "discover_motifs", "name_motifs", "motif_report", "scan_seqlets"),
                    *("call_hits", "export_motifs"),
                ):
                    counts[rule] += seeds * methods
                counts["kernels"] += seeds * ("weights" not in config["models"][entry["model"]])
                counts["recovery"] += seeds * methods if planted else 0
                read.add(dataset.get("motifs", database))
    for _, extractor in extracted:
        entry = config["features"][extractor]
        if "kind" in entry:
            counts["composition" if entry["kind"] == "composition" else "motif_features"] += 1
            read.add(entry.get("database"))
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
        genomes.add(job["genome"])
        read |= {job["vcf"], config["models"][entry["model"]].get("weights")}
        read |= {entry.get(key) for key in ("names", "classes", "class_names", "histone")}
    counts["time_attributions"] += "timing" in config
    fetched = (read | genomes) - {None}
    # Archives from which others are taken.
    sources = {config["resources"][name]["url"].removeprefix("resources/") for name in fetched}
    counts["fetch"] = len(fetched | (sources & set(config["resources"])))
    counts["index_genome"] = len(genomes)
    return Counter({rule: count for rule, count in counts.items() if isinstance(rule, str) and count})


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
        ("regression", "regression.yaml"),
        ("generalisation", "config/generalisation.yaml"),
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


@pytest.mark.parametrize("name", ["demo", "study", "small", "attributions", "beluga", "regression", "generalisation"])
def test_rules_read_from_the_rules_that_they_should(planned, name):
    present, edges = graph(planned[name])
    for rule, source in edges:
        assert source in READS[rule], f"{rule} reads from {source}"
    assert {rule for rule, _ in edges} | {source for _, source in edges} == set(present)


def test_every_edge_occurs_in_one_config_or_the_other(planned):
    names = (
        "demo",
        "study",
        "small",
        "attributions",
        "beluga",
        "scored",
        "regression",
        "generalisation",
        f"example{len(examples()) - 1}",
        *(f"example{number}" for number, text in examples().items() if "kind: peaks" in text),
    )
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


def test_nothing_flows_back(planned, rules):
    """No rule reads from a stage below its own, but features, which may come from a network that was trained here, and
    the figure of what all jobs took."""
    stage = {name: ORDER.index(rule["stage"]) for name, rule in rules.items() if name not in TARGETS}
    edges = graph(planned["demo"])[1] | graph(planned["study"])[1]
    edges |= graph(planned["scored"])[1] | graph(planned["small"])[1]
    edges |= graph(planned["attributions"])[1] | graph(planned["beluga"])[1]
    back = {(rule, source) for rule, source in edges if rule != "all" and stage.get(rule, 0) < stage.get(source, 0)}
    trained = {("features_shard", "train"), ("features", "train"), ("variants", "train")}
    assert back == trained | {("figure_job_costs", "job_costs")}


@pytest.mark.parametrize(
    ("target", "last"),
    [
        ("features_only", ["features", "composition"]),
        ("evaluation_only", ["evaluate", "evaluate_tracks"]),
        ("attributions_only", ["attribute"]),
    ],
)
def test_a_target_stops_where_its_name_says(planned, target, last):
    whole, part = (Counter(graph(planned[name])[0]) for name in ("demo", target))
    needed, waiting = set(), [*last]
    while waiting:
        needed.add(waiting.pop())
        waiting += {source for rule in needed for source in READS.get(rule, ())} - needed
    assert all(part[rule] == whole[rule] for rule in last) and set(part) <= needed | {target, "stack_metrics"}
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
            assert "--weights resources/beluga.pth" in text and "--extractor" in text
    assert told == {"planted": ("none", False), "introns": ("genome", True)}


def test_planning_leaves_no_file_behind(planned):
    assert planned["changed"] == set()


@pytest.mark.parametrize("number", examples())
def test_examples_of_the_readme_can_be_planned(planned, number):
    counts = Counter(graph(planned[f"example{number}"])[0])
    assert counts == expected_counts(yaml.safe_load(examples()[number]))


def test_readme_counts_the_trainings_of_its_second_example(planned):
    assert graph(planned["example1"])[0].count("train") == 6


@pytest.mark.parametrize("profile", ["default", "demo", "slurm", "generic", "kubernetes"])
def test_a_dry_run_with_each_profile(planned, profile):
    for plugin in PLUGINS.get(profile, []):
        pytest.importorskip(plugin)
    call = planned[profile if profile != "demo" else "demo_profile"]
    assert call.status == 0, call.err
    assert f"workflow/profiles/{profile} for setting default command line arguments" in call.err
    assert {rule for rule, _ in jobs(call.out)} >= {"train", "evaluate", "attribute"}


def test_slurm_sends_network_jobs_to_the_gpu_partition(planned, rules):
    """Of the profile's partitions, asked of Snakemake's own choice between them."""
    partitions = read_partition_file(pipeline.ROOT / "workflow/profiles/slurm/partitions.yaml")
    for rule, text in jobs(planned["slurm"].out):
        if rule in TARGETS:
            continue
        resources = dict(re.findall(r"(\w+)=([^,\n]*)", re.search(r"resources: (.*)", text)[1]))
        # By the size of an input that is not there yet.
        assert resources["mem_mb"] == "<TBD>" or int(resources["mem_mb"]) > 0, f"{rule}: {resources}"
        assert int(resources["runtime"]) > 0, f"{rule}: {resources}"
        assert int(resources["gpu"]) == rules[rule]["gpu"] and resources["tasks_per_gpu"] == "0", f"{rule}: {resources}"
        threads = re.search(r"threads: (\d+)", text)
        job = SimpleNamespace(name=rule, resources=resources, threads=int(threads[1]) if threads else 1)
        chosen = get_best_partition(partitions, job, logging.getLogger())
        assert chosen == ("gpu" if rules[rule]["gpu"] else "cpu"), f"{rule}: {resources}"


def test_the_submit_line_holds_for_every_rule(planned, folder):
    """Of the example for any scheduler: with the GPUs of rules that ask for one, and 0 for the others."""
    pytest.importorskip(*PLUGINS["generic"])
    line = read(folder, "workflow/profiles/generic/profile.yaml")["cluster-generic-submit-cmd"]
    asked = Counter()
    for rule, text in jobs(planned["generic"].out):
        if rule in TARGETS:
            continue
        resources = dict(re.findall(r"(\w+)=([^,\n]*)", re.search(r"resources: (.*)", text)[1]))
        order = line.format(rule=rule, threads=1, resources=SimpleNamespace(**resources))
        assert re.search(r"--time=\d+ --mem=(\d+|<TBD>) --cpus-per-task=1 --ntasks=1 --gres=gpu:[01]$", order), order
        asked[order[-1]] += 1
    assert asked["0"] and asked["1"]


def test_kubernetes_is_told_whose_gpu_a_job_needs_and_no_other_job_needs_one(planned, rules):
    for plugin in PLUGINS["kubernetes"]:
        pytest.importorskip(plugin)
    for rule, text in jobs(planned["kubernetes"].out):
        if rule not in TARGETS:
            resources = re.search(r"resources: (.*)", text)[1]
            assert ("gpu=1" in resources) == bool(rules[rule]["gpu"]), f"{rule}: {resources}"
            assert "gpu_manufacturer=nvidia" in resources and "scale=0" in resources, f"{rule}: {resources}"


@pytest.mark.parametrize("name", ["lint", "lint_demo"])
def test_the_linter_finds_nothing(planned, name):
    assert planned[name].status == 0, planned[name].err
