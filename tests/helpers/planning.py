"""Plans of Snakemake and what is read from them; the configs that only tests have."""

import json
import re

import yaml

import pipeline
from cisflow.config import figures

# Numbers as labels, which a network is trained on.
REGRESSION = {
    "resources": {"reporters.csv": {"url": "reporters.csv"}},
    "datasets": {
        "reporters": {
            "source": {"kind": "table", "table": "reporters.csv"},
            "task": "regression",
            "window": 60,
            "splits": {"random": {"kind": "random"}},
            "models": ["motif_cnn"],
        }
    },
    "models": {"motif_cnn": {"architecture": "MotifCNN", "seeds": [1, 2]}},
}


# A training of the demo that another network starts from.
START = {"model": "trunk", "dataset": "factors", "split": "random", "seed": 1}


TARGETS = {"all", "features_only", "variants_only", "evaluation_only", "attributions_only"}


FIGURES = figures.registry()


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
