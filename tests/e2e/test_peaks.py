"""From peaks and a genome to motifs, by the config that README.md shows, on the demo's genome."""

import json
import os

import numpy as np
import pytest
import yaml
from scipy.stats import ks_2samp

import forking
import peaks
import pipeline
from sources import unpacked
from tables import text

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def finished(tmp_path_factory, numba):
    """A folder in which that config has run on 1,000 peaks where the genome spells CTCF's motif best."""
    folder = pipeline.copy(tmp_path_factory.mktemp("peaks") / "run")
    (folder / "data").mkdir()
    demo = unpacked(folder / "data")
    peaks.write(folder / "peaks.narrowPeak", peaks.hits(demo["hg19"], demo["jaspar"], 1000))
    (folder / "mine.yaml").write_text(peaks.config("data/hg19_fragments.fa", "peaks.narrowPeak"))
    (folder / "results").mkdir()
    (folder / "results" / ".cache").symlink_to(numba)
    profile = ("--workflow-profile", "workflow/profiles/demo")
    with forking.interpreter(tmp_path_factory.mktemp("python")) as python:
        path = os.pathsep.join([str(python), pipeline.environment()["PATH"]])
        call = pipeline.snakemake(
            folder, "--configfile", "mine.yaml", *profile, "--cores", "2", timeout=1800, PATH=path
        )
    assert call.status == 0, call.out + call.err
    return folder


def test_the_config_has_fifteen_lines_at_most():
    assert len(peaks.example().strip().splitlines()) <= 15
    assert yaml.safe_load(peaks.example())["datasets"]["peaks"]["source"]["kind"] == "peaks"


def test_negatives_match_and_lie_off_the_peaks(finished):
    folder = finished / "results" / "peaks"
    frame, codes = text(folder / "windows.tsv"), np.load(folder / "sequences.npy")
    gc = np.isin(codes, (1, 2)).sum(axis=1) / (codes < 4).sum(axis=1)
    bound = (frame["bound"] == "1").to_numpy()
    assert bound.sum() == 1000 and (~bound).sum() >= 950
    assert ks_2samp(gc[bound], gc[~bound]).pvalue > 0.5
    rows = [line.split("\t") for line in (finished / "peaks.narrowPeak").read_text().splitlines()]
    spans = [(chrom, int(start), int(end)) for chrom, start, end, *_ in rows]
    summits = {(chrom, int(start) + int(offset)) for chrom, start, *_, offset in rows}
    located = list(zip(frame["chrom"], frame["start"].astype(int), frame["end"].astype(int), strict=True))
    assert {(chrom, start + 100) for (chrom, start, _), own in zip(located, bound, strict=True) if own} == summits
    spans += [locus for locus, own in zip(located, bound, strict=True) if own]
    for chrom in set(frame["chrom"]):
        there = np.array([(start, end) for other, start, end in spans if other == chrom])
        for other, start, end in np.array(located, dtype=object)[~bound]:
            assert other != chrom or not ((there[:, 0] < end) & (start < there[:, 1])).any()


def test_each_fold_has_as_many_of_each_label(finished):
    folder = finished / "results" / "peaks"
    frame = text(folder / "windows.tsv").merge(text(folder / "splits" / "chromosome.tsv"), on="id")
    for _, rows in frame.groupby("fold"):
        assert abs((rows["bound"] == "1").mean() - 0.5) < 0.02


def test_a_network_learns_the_motif_and_it_is_found(finished):
    folder = finished / "results" / "peaks"
    metrics = text(folder / "evaluation" / "metrics.tsv")
    rows = metrics[(metrics["metric"] == "auroc") & (metrics["fold"] == "test") & (metrics["strands"] == "averaged")]
    assert (rows["value"].astype(float) > 0.8).all() and len(rows)
    (found,) = folder.glob("motifs/*/*/*/*/discovery.json")
    assert json.loads(found.read_text())["n_patterns"] > 0
    patterns = text(found.with_name("patterns.tsv"))
    assert patterns["match_name"].str.contains("CTCF").any()
    for name in ("funnel", "negative_matching"):
        assert (folder / "figures" / f"{name}.svg").is_file()
