"""Plans of Snakemake and what is read from them; the configs that only tests have."""

import json
import re
from collections import Counter

import yaml

import pipeline
from cisflow.config import figures

# Numbers as labels: of a table, counted in bins, and of two sequences a sample, for networks and motif scores.
REGRESSION = {
    "resources": {
        name: {"url": name}
        for name in ("reporters.csv", "enhancers.csv", "sites.bed", "genome.fa", "signals.tsv", "known.meme", "own.vcf")
    },
    "datasets": {
        "reporters": {
            "source": {"kind": "table", "table": "reporters.csv"},
            "task": "regression",
            "window": 60,
            "splits": {"random": {"kind": "random"}},
            "models": ["motif_cnn", "motif_scores"],
            "explain": [{"model": "motif_cnn", "split": "random", "methods": ["tism"]}],
            "effects": [{"model": "motif_cnn", "split": "random", "seeds": [1, 2], "motifs": "known.meme"}],
        },
        "counted": {
            "source": {"kind": "bed", "bed": "sites.bed", "genome": "genome.fa"},
            "task": "regression",
            "window": 100,
            "targets": [{"kind": "bigwig", "sheet": "signals.tsv", "bins": 20}],
            "splits": {"random": {"kind": "random"}},
            "models": ["profiles"],
            "motifs": "known.meme",
            "design": [
                {
                    "name": "raised",
                    "model": "profiles",
                    "split": "random",
                    "objective": {"up": ["x"]},
                    "method": {"method": "greedy"},
                }
            ],
            "variants": {"own": {"vcf": "own.vcf", "genome": "genome.fa", "model": "profiles", "split": "random"}},
            "saturation": {
                "one": {"regions": ["chr1:5-9"], "genome": "genome.fa", "model": "profiles", "split": "random"}
            },
        },
        "pairs": {
            "source": {
                "kind": "inputs",
                "inputs": [
                    {"name": "promoter", "window": 60, "source": {"kind": "table", "table": "reporters.csv"}},
                    {
                        "name": "enhancer",
                        "window": 40,
                        "source": {"kind": "table", "table": "enhancers.csv", "target": None},
                    },
                ],
            },
            "task": "regression",
            "window": 100,
            "splits": {"random": {"kind": "random"}},
            "models": ["joined"],
        },
    },
    "models": {
        "motif_cnn": {"architecture": "MotifCNN", "seeds": [1, 2]},
        "motif_scores": {"classifier": "ridge", "features": "known"},
        "profiles": {"architecture": "BPNet", "training": {"loss": "profile"}},
        "joined": {"architecture": "Modular", "training": {"reverse_complement": "none"}},
    },
    "features": {"known": {"kind": "motifs", "database": "known.meme"}},
    "attribution": {"tism": {"method": "tism"}},
}


# A training of the demo that another network starts from.
START = {"model": "trunk", "dataset": "factors", "split": "random", "seed": 1}


TARGETS = {"all", "features_only", "variants_only", "evaluation_only", "attributions_only"}


FIGURES = figures.registry()
# Tables of what models have not seen -> the rule that writes each.
GENERALISATION = {
    "unseen_tracks": "evaluate_unseen_tracks",
    "track_weights": "stack_track_weights",
    "homology": "evaluate_homology",
    "reach": "stack_reach",
    "species_effects": "compare_species",
}


def asked(artifact, config, name):
    """Whether a config asks for one of GENERALISATION of a dataset that networks alone are trained on."""
    dataset, section = config["datasets"][name], config.get("generalisation", {})
    if artifact == "unseen_tracks":
        return any("tracks" in split for split in dataset["splits"].values())
    if artifact == "track_weights":
        return any("vectors" in config["models"][model].get("settings", {}) for model in dataset["models"])
    if artifact == "species_effects":
        return "species" in section and dataset["source"]["kind"] == "genomes"
    return artifact in section and name in section[artifact].get("datasets", [name])


def examples():
    """The complete configs that the README and the docs show; the last is that of the docs."""
    text = "".join((pipeline.ROOT / path).read_text() for path in ("config/README.md", "docs/variants.md"))
    return dict(enumerate(re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)))


def listing(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


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


def expected_figures(config):
    """Jobs of each figure's rule, counted from the config and from what the figures say of themselves."""
    counts = Counter()
    database = "database" in config.get("motifs", {})
    for figure in FIGURES.values():
        rule, artifacts = f"figure_{figure.name}", [*figure.inputs.values(), *figure.reads]
        searched = {
            "seqlets",
            "modisco",
            "discovery",
            "patterns",
            "motif_scores",
            "motif_nulls",
            "motif_database",
            "kernels",
        }
        searched &= set(artifacts)
        if figure.of == "run":
            counts[rule] += "timing" in config or "timing" not in artifacts
        elif figure.of == "variants":
            jobs = config.get("variants", {}).values()
            counts[rule] += sum("classes" in config["features"][job["features"]] for job in jobs)
        for called, dataset in config["datasets"].items():
            if dataset.get("task", "binary") not in (figure.tasks or [dataset.get("task", "binary")]):
                continue
            models = [config["models"][name] for name in dataset.get("models", [])]
            unasked = [artifact for artifact in artifacts if artifact in GENERALISATION]
            if unasked and not (models and asked(unasked[0], config, called)):
                continue
            if figure.of == "motifs":
                counts[rule] += bool(database and dataset.get("explain"))
                continue
            trained = any("architecture" in model for model in models)
            if figure.of == "effects":
                counts[rule] += len(dataset.get("effects", []))
                continue
            if figure.of == "design":
                counts[rule] += sum(len(entry.get("seeds", [1])) for entry in dataset.get("design", []))
                continue
            if figure.of in ("variant_effects", "saturation"):
                counts[rule] += len(dataset.get({"variant_effects": "variants"}.get(figure.of, figure.of), {}))
                continue
            if figure.of == "windows" and dataset.get("splits"):
                counts[rule] += dataset["source"]["kind"] == "peaks" or "matching" not in artifacts
            elif "profile_predictions" in artifacts and not counted_in_bins(dataset):
                continue
            elif models and (trained or "histories" not in artifacts):
                counts[rule] += places(figure, dataset, config)
            for entry in dataset.get("explain", []):
                enough = len(entry["methods"]) >= figure.least.get("attributions", 1)
                enough &= "published" in entry or "published_scores" not in artifacts
                enough &= "weights" not in config["models"][entry["model"]] or "kernels" not in artifacts
                if figure.of == "explanation" and enough and (database or not searched):
                    counts[rule] += len(entry.get("seeds", [1]))
                if figure.of == "comparison":
                    counts[rule] += "reference" in entry
    return counts


def counted_in_bins(dataset):
    return any(entry.get("bins") for entry in dataset.get("targets", []))


def places(figure, dataset, config):
    """How many of a figure a dataset has, of those that stand beside its evaluation or its study."""
    study = dataset.get("study")
    pair = len(set(study["splits"].values())) if study else 0
    extractors = [config["models"][model].get("features") for model in dataset["models"]]
    return {
        "dataset": 1,
        "split": len(dataset["splits"]),
        "study": bool(study),
        "study_set": pair * len((study or {}).get("sets", {})),
        "classifier": pair * sum("model" in config.get("features", {}).get(name, {}) for name in extractors),
    }.get(figure.of, 0)
