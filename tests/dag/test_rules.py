"""What each rule declares: log, environment, resources, code."""

import argparse
import importlib
import itertools
import re
import subprocess
import sys
from pathlib import Path

import pytest

import pipeline
from cisflow.config import code, declared
from cisflow.io import process
from planning import TARGETS, read


def test_the_default_profile_counts_one_gpu(folder):
    assert read(folder, "workflow/profiles/default/profile.yaml")["resources"] == {"gpu": 1}
    assert "resources" not in read(folder, "workflow/profiles/slurm/profile.yaml")


@pytest.mark.parametrize("profile", ["demo", "slurm"])
def test_profiles_set_rules_that_exist(folder, rules, profile):
    settings = read(folder, f"workflow/profiles/{profile}/profile.yaml")
    for key in ("set-threads", "set-resources"):
        assert set(settings.get(key, {})) <= set(rules)


def test_every_rule_has_a_log_and_an_environment(rules):
    written = {name for name, rule in rules.items() if rule["writes"]}
    assert {name for name, rule in rules.items() if rule["shell"] is None} == TARGETS | written
    for name in set(rules) - TARGETS - written:
        assert rules[name]["log"], f"rule {name}: no log"
        assert rules[name]["shell"].endswith("> {log:q} 2>&1"), f"rule {name}: its output does not go to the log"
        assert Path(rules[name]["env"] or "").is_file(), f"rule {name}: no environment {rules[name]['env']}"


def takes_device(command):
    """Whether a command of the package has the option --device."""
    parser = argparse.ArgumentParser()
    importlib.import_module(f"cisflow.commands.{command.replace('-', '_')}").arguments(parser)
    return "--device" in parser.format_help()


def test_a_gpu_is_asked_for_by_the_rules_that_run_a_network(rules):
    asking = {name for name, rule in rules.items() if rule["gpu"]}
    attributing = {
        "attribute",
        "attribute_shard",
        "attribute_shuffled",
        "attribute_classes",
        "compare_attributions",
        "time_attributions",
    }
    predicting = {
        "predict",
        "input_contribution",
        "features_shard",
        "variants",
        "class_variants",
        "kernels",
        "motif_effects",
        "design",
        "reach",
        "track_weights",
        "variant_effects",
        "saturate",
    }
    assert asking == {"train"} | predicting | attributing
    for name, rule in rules.items():
        if rule["shell"] is None:
            continue
        command = re.match(r"python -m cisflow ([a-z-]+) ", rules[name]["shell"])[1]
        assert takes_device(command) == (name in asking), f"rule {name}: --device and gpu do not go together"
        assert ("--gpus {resources.gpu}" in rules[name]["shell"]) == (name in asking), f"rule {name}: --gpus"


def test_the_code_that_a_rule_depends_on_is_that_of_its_command(rules):
    """Digests themselves are tested by what an edit reruns; here, that each rule names its own command."""
    rooms = ("models", "classifiers", "attribution/methods", "data/sources", "figures")
    chosen = [f"{room}/{name}" for room in rooms for name in declared.names(room)]
    pairs = [(), *((module,) for module in chosen)]
    pairs += [(method, network) for method in chosen for network in chosen if network.startswith("models/")]
    numbers = [f"data/targets/{name}" for name in declared.names("data/targets")]
    pairs += [(source, kind) for source in chosen for kind in numbers if source.startswith("data/sources/")]
    for name, rule in rules.items():
        if rule["code"]:
            command = re.match(r"python -m cisflow (\S+)", rule["shell"])[1].replace("-", "_")
            unknown = set(rule["code"])
            # Most are of the command alone; digests of all pairs would take a minute.
            for modules, task in itertools.product(pairs, (None, "binary", "regression")):
                if not unknown:
                    break
                unknown.discard(code.command(command, *modules, task=task))
            assert not unknown, f"rule {name}: not the code of {command}"


def test_rules_are_formatted():
    command = [sys.executable, "-m", "snakefmt", "--check", "workflow"]
    done = subprocess.run(command, cwd=pipeline.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_rule_tells_its_command_where_to_write_by_the_option_that_is_locked(rules):
    for name, rule in rules.items():
        if rule["shell"] is not None:
            output = process.output_of(rule["shell"].split()[4:])
            assert re.match(r"\{output|\{params\.folder", output or ""), f"rule {name}: {output}"


def test_a_shell_sees_only_numbers_and_choices_unquoted(rules):
    """Paths and names, which a config or a table brings, are quoted."""
    plain = {"threads", "resources.gpu", "wildcards.dataset", "wildcards.name", "wildcards.seed", "wildcards.split"}
    plain |= {f"params.{name}" for name in ("code", "device", "module", "regions", "repeats", "resamples", "seed")}
    plain |= {f"params.{name}" for name in ("shard", "task", "window")}
    for name, rule in rules.items():
        assert set(re.findall(r"\{([^{}:]+)\}", rule["shell"] or "")) <= plain, f"rule {name}"
