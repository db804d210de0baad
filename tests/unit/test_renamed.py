"""Old names of the config: each goes on working, with one line that says the new one."""

import copy

import pytest
import yaml

import pipeline
from cisflow.config import renamed
from cisflow.config.loading import load

NEW = """
resources: {peaks.fa: {url: peaks.fa}, genome.fa: {url: genome.fa}, motifs.meme: {url: motifs.meme}}
datasets:
  peaks:
    source: {kind: fasta, positives: peaks.fa, background: {genome: genome.fa}}
    window: 200
    splits: {random: {kind: random}}
    models: [net]
    explain:
      - {model: net, split: random, methods: [tism], outputs: [label]}
    study:
      splits: {published: random, held_out: random}
models:
  net: {architecture: MotifCNN, training: {schedule: warmup_cosine}}
attribution: {tism: {method: tism}}
motifs: {database: motifs.meme, seqlets: {min_length: 5}}
"""
OLD = NEW.replace("outputs:", "targets:").replace("held_out", "honest").replace("warmup_cosine", "modern")
OLD = OLD.replace("seqlets:", "hotspots:")


def test_an_old_config_is_the_new_one():
    new, old = yaml.safe_load(NEW), yaml.safe_load(OLD)
    lines = renamed.update(old)
    assert old == new
    assert lines == [
        "config: motifs.hotspots is called seqlets now; the old name works in this version alone",
        "config: datasets.peaks.explain[0].targets is called outputs now; the old name works in this version alone",
        "config: datasets.peaks.study.splits.honest is called held_out now; the old name works in this version alone",
        "config: models.net.training.schedule: 'modern' is called 'warmup_cosine' now; the old name works in this "
        "version alone",
    ]


def test_a_new_config_stays_as_it_is():
    config = yaml.safe_load(NEW)
    assert renamed.update(config) == [] and config == yaml.safe_load(NEW)


@pytest.mark.parametrize("broken", [{}, {"datasets": None}, {"datasets": {"a": {"explain": 3}}}, {"motifs": []}])
def test_what_is_no_config_is_left_to_the_schema(broken):
    before = copy.deepcopy(broken)
    assert renamed.update(broken) == [] and broken == before


def test_both_configs_make_the_same_study():
    warnings = []
    old = load(yaml.safe_load(OLD), pipeline.ROOT, warn=warnings.append)
    assert old == load(yaml.safe_load(NEW), pipeline.ROOT)
    assert len(warnings) == 4
