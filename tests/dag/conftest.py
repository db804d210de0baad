"""The workflow, planned once for all tests of this folder."""

import pytest
import yaml

import pipeline
from planning import REGRESSION, START, examples, listing, read, scored

HEAVY = ("torch", "lightning", "sklearn", "lightgbm", "optuna", "tangermeme", "modiscolite", "matplotlib", "numba")


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
    for name in REGRESSION["resources"]:
        (folder / name).touch()
    (folder / "regression.yaml").write_text(yaml.safe_dump(REGRESSION))
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
        "regression": ["--configfile", "regression.yaml", "--d3dag"],
        "generalisation": ["--configfile", "config/generalisation.yaml", "--d3dag"],
        "default": ["-n", "--cores", "2", *pipeline.DEMO],
        "demo_profile": ["-n", "--cores", "2", "--workflow-profile", "workflow/profiles/demo", *pipeline.DEMO],
        "slurm": ["-n", "--workflow-profile", "workflow/profiles/slurm"],
        "generic": ["-n", "--workflow-profile", "workflow/profiles/generic", *pipeline.DEMO],
        # What has no shared folder has its inputs in a storage.
        "kubernetes": [
            *("-n", "--workflow-profile", "workflow/profiles/kubernetes", *pipeline.DEMO),
            *("--default-storage-prefix", outputs / "storage"),
        ],
        "features_only": ["features_only", *pipeline.DEMO, "--d3dag"],
        "evaluation_only": ["evaluation_only", *pipeline.DEMO, "--d3dag"],
        "attributions_only": ["attributions_only", *pipeline.DEMO, "--d3dag"],
        "started": ["-n", "-p", "--cores", "2", "--configfile", "started.yaml"],
        "beluga_jobs": ["-n", "-p", "--cores", "2", "--configfile", "config/attributions_beluga.yaml"],
        "lint": ["--lint"],
        "lint_demo": ["--lint", *pipeline.DEMO],
    }
    calls |= {f"example{number}": ["--configfile", f"example{number}.yaml", "--d3dag"] for number in examples()}
    (outputs / "storage").mkdir()
    (outputs / "storage" / "resources").symlink_to(folder / "resources")
    before = listing(folder)
    results = pipeline.plans(folder, outputs, calls, **variables)
    results["changed"] = {path for path in listing(folder) ^ before if not path.startswith(".snakemake/")}
    return results


@pytest.fixture(scope="session")
def rules(folder):
    return pipeline.rules(folder, "config/demo.yaml")
