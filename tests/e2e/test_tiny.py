"""The whole workflow on a few hundred real windows: every kind of source, every rule, run as a user runs it."""

import contextlib
import gzip
import json
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from PIL import Image
from scipy import stats
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    roc_auc_score,
    root_mean_squared_error,
)

import forking
import pipeline
import reruns
from planning import expected_figures
from tables import check_table, text
from tiny import CONFIG, NARROW, genome, planned, prepare, prepare_module, run, written

pytestmark = pytest.mark.slow

COMPLEMENT = str.maketrans("ACGT", "TGCA")
METRICS = {
    "pearson": lambda labels, scores: stats.pearsonr(labels, scores).statistic,
    "spearman": lambda labels, scores: stats.spearmanr(labels, scores).statistic,
    "rmse": root_mean_squared_error,
    "auroc": roc_auc_score,
    "average_precision": average_precision_score,
    "accuracy": lambda labels, scores: accuracy_score(labels, scores >= 0.5),
    "brier": brier_score_loss,
}
TABLES = {
    "windows.tsv": "windows",
    "targets.tsv": "targets",
    "truth.tsv": "truth",
    "runs.tsv": "runs",
    "ledger.tsv": "ledger",
    "matching.tsv": "matching",
    "splits/random.tsv": "split",
    "splits/chromosome.tsv": "split",
    "splits/cluster.tsv": "split",
    "splits/genome.tsv": "split",
    "splits/*.leakage.tsv": "leakage",
    "near_duplicates.tsv": "near_duplicates",
    "features/*/targets.tsv": "features_targets",
    "features/*/sequence_classes.tsv": "sequence_classes",
    "*/variants.tsv": "variants",
    "*/class_scores.tsv": "class_scores",
    "models/*/*/*/history.tsv": "history",
    "models/*/*/*/tuning.tsv": "tuning",
    "models/*/*/*/predictions.tsv": "predictions",
    "evaluation/metrics.tsv": "metrics",
    "evaluation/curves.tsv": "curves",
    "evaluation/comparisons.tsv": "comparisons",
    "evaluation/strata.tsv": "strata",
    "evaluation/calibration.tsv": "calibration",
    "evaluation/tracks.tsv": "tracks",
    "evaluation/track_comparisons.tsv": "track_comparisons",
    "evaluation/similarity.tsv": "similarity",
    "evaluation/unseen_tracks.tsv": "unseen_tracks",
    "evaluation/unseen_track_comparisons.tsv": "unseen_track_comparisons",
    "evaluation/homology.tsv": "homology",
    "evaluation/species_effects.tsv": "species_effects",
    "evaluation/species_agreement.tsv": "species_agreement",
    **{f"{place}/track_weights.tsv": "track_weights" for place in ("evaluation", "models/*/*/*")},
    **{f"{place}/reach.tsv": "reach" for place in ("evaluation", "models/*/*/*")},
    "evaluation/inputs.tsv": "input_contribution",
    "models/*/*/*/inputs.tsv": "input_contribution",
    "comparisons/*/*/agreement.tsv": "agreement",
    "comparisons/*/*/planted.tsv": "planted",
    "comparisons/*/*/perturbation.tsv": "perturbation",
    "comparisons/*/*/seeds.tsv": "seeds",
    "comparisons/*/*/cost.tsv": "cost",
    "comparisons/*/*/summary.tsv": "summary",
    "attributions/*/*/*/ledger.tsv": "explained_ledger",
    "motifs/*/*/*/*/patterns.tsv": "patterns",
    "motifs/*/*/*/*/seqlets.tsv": "seqlets",
    "motifs/*/*/*/*/motif_scores.tsv": "motif_scores",
    "motifs/*/*/*/*/motif_nulls.tsv": "motif_nulls",
    "motifs/*/*/*/*/hits.tsv": "hits",
    "motifs/*/*/*/*/recovery.tsv": "recovery",
    "motifs/*/*/*/*/published.tsv": "published",
    "motifs/*/*/*/*/published_classes.tsv": "published_classes",
    "effects/*/*/single.tsv": "motifs_singly",
    "effects/*/*/positions.tsv": "motif_positions",
    "effects/*/*/pairs.tsv": "motif_pairs",
    "effects/*/*/interactions.tsv": "motif_interactions",
    "variants/*/effects.tsv": "variant_effects",
    "variants/*/null.tsv": "variant_null",
    "variants/*/haplotypes.tsv": "haplotypes",
    "saturation/*.tsv": "saturation",
    "designs/*/*/designs.tsv": "designs",
    **{
        f"designs/*/*/{name}.tsv": f"design_{name}"
        for name in ("steps", "scores", "networks", "motifs", "hits", "logos")
    },
    "patterns/runs.tsv": "pattern_runs",
    "kernels/*/*/*/kernels.tsv": "kernels",
    "patterns/patterns.tsv": "merged_patterns",
    "patterns/members.tsv": "pattern_members",
    "patterns/instances.tsv": "pattern_instances",
    "patterns/together.tsv": "together",
    "patterns/spacing.tsv": "spacing",
    "patterns/distances.tsv": "distances",
    "patterns/clusters.tsv": "motif_clusters",
    "patterns/enrichment.tsv": "enrichment",
    "patterns/matrix.tsv": "motif_matrix",
}
MOTIFS = "JASPAR2024_CORE_vertebrates_non-redundant.meme.gz"
# Tables with other columns where labels are numbers, and where these come from a file of their own.
OF_NUMBERS = {name: f"{name}.regression" for name in ("windows", "targets", "predictions", "history")}
OF_MATRIX = OF_NUMBERS | {"targets": "targets.tracks", "predictions": "predictions.transformed"}
OF_SIGNAL = OF_NUMBERS | {"targets": "targets.tracks"}
OF_DATASET = {"strengths": OF_NUMBERS, "alleles": OF_MATRIX, "signals": OF_SIGNAL, "unseen": OF_NUMBERS}


@pytest.fixture(scope="session")
def everything(tmp_path_factory, numba):
    """(folder before the run, {(rule, outputs)} of all its jobs)."""
    folder = prepare(tmp_path_factory.mktemp("tiny"), numba)
    return folder, planned(folder)


@pytest.fixture(scope="session")
def finished(everything, tmp_path_factory):
    """A folder in which the whole workflow has run."""
    folder, _ = everything
    with forking.interpreter(tmp_path_factory.mktemp("python")) as python:
        call = run(folder, *NARROW, PATH=os.pathsep.join([str(python), pipeline.environment()["PATH"]]))
    assert call.status == 0, call.out + call.err
    return folder


def test_every_rule_has_run(finished, everything):
    rules = {rule for rule, _ in everything[1]}
    declared = pipeline.rules(finished, "tiny.yaml")
    assert rules == {name for name, rule in declared.items() if rule["shell"] or rule["writes"]}


def test_what_is_done_is_not_done_again(finished):
    call = run(finished)
    assert call.status == 0 and "Nothing to be done" in call.out + call.err


def test_status_counts_files_of_a_run_that_is_done(finished, everything):
    command = [sys.executable, "-m", "cisflow", "status", "results"]
    path = (finished / "workflow" / "lib").as_posix()
    call = subprocess.run(
        command, cwd=finished, env=pipeline.environment(PYTHONPATH=path), capture_output=True, text=True
    )
    assert call.returncode == 0, call.stderr
    lines = call.stdout.splitlines()
    assert "not running" in lines[0] and "tiny.yaml" in lines[0]
    assert lines[1].split() == ["done", "running", "stale", "missing"]
    total = next(line.split() for line in lines if line.startswith("files"))
    # A job has one output or more.
    assert int(total[1].replace(",", "")) >= len(everything[1]) and total[2:] == ["0", "0", "0"]


def test_tables_fit_their_schemas(finished):
    checked = set()
    for pattern, schema in TABLES.items():
        for path in (finished / "results").glob(f"*/{pattern}"):
            check_table(path, OF_DATASET.get(path.relative_to(finished / "results").parts[0], {}).get(schema, schema))
            checked.add(path)
        assert any(path.match(f"results/*/{pattern}") for path in checked), f"no {pattern}"
    check_table(finished / "results" / "metrics.tsv", "metrics")
    check_table(finished / "results" / "timing.tsv", "timing")
    check_table(finished / "results" / "job_costs.tsv", "job_costs")
    others = {path.name for path in (finished / "results").rglob("*.tsv")} - {path.name for path in checked}
    assert others == {"ids.tsv", "genomes.tsv", "weights.tsv", "timing.tsv", "job_costs.tsv"}


def test_windows_are_the_bases_at_their_coordinates(finished):
    pieces, located = genome(), 0
    for folder in datasets(finished):
        frame, codes = text(folder / "windows.tsv"), np.load(folder / "sequences.npy")
        targets = text(folder / "targets.tsv")["target"]
        labels = np.load(folder / "targets.npy")
        assert codes.dtype == np.uint8 and codes.shape[0] == len(frame) and frame["id"].is_unique
        assert labels.dtype == np.float32 and labels.shape == (len(frame), len(targets))
        read = frame[targets].replace("", "nan").to_numpy(np.float32)
        np.testing.assert_allclose(read, labels, rtol=1e-7)
        if folder.name == "factors":
            continue
        for row, sequence in zip(frame.itertuples(), codes, strict=True):
            if row.chrom in pieces:
                start, bases = pieces[row.chrom]
                expected = bases[int(row.start) - start : int(row.end) - start]
                # A peak of the FASTA may lie on a chromosome of the pieces, yet outside them.
                if len(expected) == len(sequence) and int(row.start) >= start:
                    expected = expected.translate(COMPLEMENT)[::-1] if row.strand == "-" else expected
                    assert "".join("ACGTN"[code] for code in sequence) == expected, row.id
                    located += 1
    assert located > 300


def datasets(folder):
    return sorted(path.parent for path in (folder / "results").glob("*/windows.tsv"))


def test_every_row_is_a_window_or_has_a_reason(finished):
    """From file to window, from window to fold, from fold to explained sequence."""
    rows = {
        "peaks": {"few_peaks.fa": 50},
        "introns": {},
        "intervals": {"intervals.bed": 160},
        "reporters": {"reporters.csv": 150},
        "strengths": {"strengths.tsv": 150},
        "alleles": {"pairs.tsv": 150},
        "unseen": {"one: first.tsv": 80, "two: second.tsv": 80},
        "signals": {"sites.bed": len((finished / "data" / "sites.bed").read_text().splitlines())},
        "accessible": {"sites.bed": len((finished / "data" / "sites.bed").read_text().splitlines())},
        "summits": {"summits.narrowPeak": 163},
        "factors": {},
    }
    genes = len(gzip.decompress((finished / "data" / "genes.gtf.gz").read_bytes()).splitlines())
    events = len((finished / "data" / "events.tsv").read_text().splitlines()) - 1
    with gzip.open(pipeline.ROOT / "resources" / "demo" / MOTIFS, "rt") as handle:
        motifs = sum(line.startswith("MOTIF") for line in handle)
    read = {
        "introns": {"genes.gtf": genes},
        "accessible": {"genes.gtf": genes, "events.tsv": events},
        "factors": {"jaspar.meme": motifs},
    }
    assert rows.keys() == {folder.name for folder in datasets(finished)}
    for folder in datasets(finished):
        ledger, ids = text(folder / "ledger.tsv"), text(folder / "windows.tsv")["id"].tolist()
        assert ((ledger["reason"] == "") == (ledger["outcome"] == "kept")).all()
        before = ledger[ledger["step"] == "read"].astype({"n": int})
        assert before.groupby("input")["n"].sum().to_dict() == read.get(folder.name, {})
        placed = ledger[ledger["step"].isin(["window", "draw"])]
        assert ((placed["id"] != "") == (placed["outcome"] == "kept")).all()
        filtered = ledger[(ledger["step"] == "filter") & (ledger["outcome"] == "dropped")]["name"]
        assert sorted(placed.loc[placed["outcome"] == "kept", "id"]) == sorted([*ids, *filtered])
        of_files = placed[(placed["step"] == "window") & (placed["row"] != "")]
        assert of_files.groupby("input").size().to_dict() == rows[folder.name]
        assert not of_files.duplicated(["input", "row"]).any() and set(placed["n"][placed["step"] == "window"]) <= {"1"}
        for path in (folder / "splits").glob("*[!e].tsv"):
            assert path.stem.endswith(".leakage") or text(path)["id"].tolist() == ids
        for path in folder.glob("attributions/*/*/*/ledger.tsv"):
            told = text(path)
            targets = told["target"].unique()
            assert told["id"].tolist() == ids * len(targets)
            kept = told[told["outcome"] == "kept"]
            assert (kept["reason"] == "").all() and (told.loc[told["outcome"] == "dropped", "reason"] != "").all()
            for file in path.parent.glob("*.npz"):
                with np.load(file) as arrays:
                    explained = list(zip(arrays["ids"], arrays["target"], strict=True))
                assert sorted(explained) == sorted(zip(kept["id"], kept["target"], strict=True))
    numbers = text(finished / "results" / "alleles" / "ledger.tsv")
    numbers = numbers[numbers["step"].isin(["target", "filter"])].astype({"n": int})
    assert numbers.groupby(["step", "outcome"])["n"].sum().to_dict() == {
        ("filter", "dropped"): 1,
        ("filter", "kept"): 149,
        ("target", "dropped"): 1,
        ("target", "kept"): 149,
    }
    ledger = text(finished / "results" / "summits" / "ledger.tsv")
    dropped = ledger[(ledger["step"] == "window") & (ledger["outcome"] == "dropped")]
    assert dropped[["row", "reason"]].values.tolist() == [
        ["161", "listed more than once"],
        ["162", "past the end of a chromosome"],
        ["163", "chromosome not in the genome"],
    ]


def test_planted_instances_stand_where_the_truth_says(finished):
    folder = finished / "results" / "factors"
    frame, truth = text(folder / "windows.tsv"), text(folder / "truth.tsv")
    codes = dict(zip(frame["id"], np.load(folder / "sequences.npy"), strict=True))
    pieces = genome()
    for row in frame.itertuples():
        start, bases = pieces[row.chrom]
        natural = bases[int(row.start) - start : int(row.end) - start]
        changed = {place for place, code in enumerate(codes[row.id]) if "ACGTN"[code] != natural[place]}
        spans = truth[truth["id"] == row.id]
        covered = {place for span in spans.itertuples() for place in range(int(span.start), int(span.end))}
        assert changed <= covered, row.id
    planted = set(zip(truth["id"], truth["target"], strict=True))
    for target in ("CTCF", "REST"):
        assert {name for name, other in planted if other == target} == set(frame["id"][frame[target] == "1"])


def test_folds_hold_what_their_split_says(finished):
    for path in (finished / "results").glob("*/splits/*.tsv"):
        if path.stem.endswith(".leakage"):
            continue
        frame, split = text(path.parents[1] / "windows.tsv"), text(path)
        assert split["id"].tolist() == frame["id"].tolist()
        if path.stem == "chromosome":
            folds = set(zip(frame["chrom"], split["fold"], strict=True))
            assert folds == {("chr22", "train"), ("chr3", "train"), ("chr4", "valid"), ("chr5", "test")}
        elif path.stem == "cluster":
            fold = dict(zip(split["id"], split["fold"], strict=True))
            near = text(path.parents[1] / "near_duplicates.tsv")
            assert len(near) and (near["id"].map(fold) == near["other"].map(fold)).all()
            leaks = text(path.with_suffix(".leakage.tsv"))
            counts = leaks.astype({"count": int}).groupby("check")["count"].sum()
            assert counts["overlap"] == counts["near_duplicate"] == 0 < counts["shared_gene"]
        else:
            settings = yaml.safe_load(CONFIG)["datasets"][path.parents[1].name]["splits"][path.stem]
            if settings["kind"] == "genome":
                tests = text(path.parents[1] / "genomes.tsv")["genome"].isin(settings["test"])
                assert ((split["fold"] == "test") == tests).all()
                continue
            assert (split["fold"] == "test").sum() == round(settings["test"] * len(split))


def test_features_are_the_outputs_of_the_network_on_each_window(finished):
    """The extractor is the network that predicts on `factors`; its outputs lie between its smallest and largest."""
    for name in ("peaks", "introns"):
        folder = finished / "results" / name / "features" / "outputs"
        values = np.load(folder / "features.npy")
        assert values.dtype == np.float16 and np.isfinite(values).all() and (values > 0).all() and (values < 1).all()
        assert text(folder / "ids.tsv")["id"].tolist() == text(folder.parents[1] / "windows.tsv")["id"].tolist()
        assert text(folder / "targets.tsv")["name"].tolist() == ["CTCF", "REST"]
        assert values.shape == (len(text(folder / "ids.tsv")), 2)


def test_predictions_are_of_the_windows_of_their_dataset(finished):
    paths = list((finished / "results").glob("*/models/*/*/*/predictions.tsv"))
    assert len(paths) == 17
    for path in paths:
        folder, split = path.parents[4], path.parents[1].name
        frame, table = text(folder / "windows.tsv"), text(path).rename(columns={"value": "label"})
        targets = text(folder / "targets.tsv")["target"].tolist()
        assert table["id"].tolist() == np.repeat(frame["id"], len(targets)).tolist()
        assert table["label"].tolist() == frame[targets].to_numpy().ravel().tolist()
        folds = np.repeat(text(folder / "splits" / f"{split}.tsv")["fold"], len(targets))
        assert table["fold"].tolist() == folds.tolist()


def test_metrics_are_those_of_scikit_learn(finished):
    metrics = text(finished / "results" / "metrics.tsv")
    single = ~metrics["seed"].isin(["mean", "ensemble"]) & (metrics["target"] != "mean")
    own = metrics[single & (metrics["strands"] == "averaged") & metrics["metric"].isin(METRICS)]
    assert set(own["dataset"]) == {folder.name for folder in datasets(finished)}
    for row in own.itertuples():
        run = f"{row.dataset}/models/{row.model}/{row.split}/seed{row.seed}"
        table = text(finished / "results" / run / "predictions.tsv")
        numbers = "value" in table
        truth, predicted = ("value", "prediction") if numbers else ("label", "probability")
        table = table[(table["fold"] == row.fold) & (table["target"] == row.target) & (table[truth] != "")]
        labels, scores = table[truth].astype(float), table[predicted].astype(float)
        assert int(row.n) == len(labels) and row.n_positive == ("" if numbers else str(int(labels.sum())))
        assert float(row.value) == pytest.approx(METRICS[row.metric](labels, scores), abs=1e-6), row
        assert float(row.lower) <= float(row.upper)
    # The mean over the seeds, and over the targets, is the mean of the rows above.
    keys = ["dataset", "split", "model", "fold", "metric", "strands"]
    values = metrics[metrics["seed"] != "ensemble"]
    values = values.assign(value=pd.to_numeric(values["value"]))
    for over, other in (("seed", "target"), ("target", "seed")):
        single, mean = (values[(values[over] == "mean") == wanted] for wanted in (False, True))
        joined = mean.merge(single.groupby([*keys, other])["value"].mean().reset_index(), on=[*keys, other])
        np.testing.assert_allclose(joined["value_x"], joined["value_y"], atol=1e-6)
        assert len(joined) == len(mean)


def test_attributions_agree_with_the_dataset(finished):
    folder = finished / "results" / "factors"
    frame = text(folder / "windows.tsv")
    row_of = {name: row for row, name in enumerate(frame["id"])}
    codes = np.load(folder / "sequences.npy")
    selected = set()
    for method in ("integrated_gradients", "tism", "ism"):
        with np.load(folder / "attributions" / "small" / "random" / "seed1" / f"{method}.npz") as arrays:
            ids, targets, multipliers = arrays["ids"], arrays["target"], arrays["multipliers"]
            np.testing.assert_array_equal(arrays["sequences"], codes[[row_of[name] for name in ids]])
            assert multipliers.shape == (len(ids), 4, 120) and np.isfinite(multipliers).all()
            assert str(arrays["method"]) == method and set(arrays["fold"]) <= {"valid", "test"}
        assert {target: (targets == target).sum() for target in ("CTCF", "REST")} == {"CTCF": 6, "REST": 6}
        selected.add(tuple(zip(ids, targets, strict=True)))
    assert len(selected) == 1


def test_a_search_without_motifs_says_why(finished):
    folders = list((finished / "results" / "factors" / "motifs" / "small" / "random" / "seed1").iterdir())
    assert len(folders) == 3
    for folder in folders:
        summary = json.loads((folder / "discovery.json").read_text())
        assert summary["n_rows"] == 12 and summary["n_patterns"] == 0
        assert re.fullmatch(r"[A-Z].*\.", summary["explanation"])
        assert text(folder / "patterns.tsv").empty
        with h5py.File(folder / "modisco.h5") as store:
            assert not {"pos_patterns", "neg_patterns"} & set(store)
        assert summary["explanation"] in (folder / "report" / "motifs.html").read_text()
        recovery = text(folder / "recovery.tsv")
        assert recovery["matrix_id"].tolist() == ["MA0139.2", "MA0138.3"] and set(recovery["found"]) == {"0"}


def test_figures_are_whole_images(finished):
    paths = sorted((finished / "results").rglob("figures/*.svg"))
    assert len(paths) == expected_figures(yaml.safe_load(CONFIG)).total()
    for path in paths:
        root = ElementTree.parse(path).getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg" and len(list(root.iter())) > 12
        with Image.open(path.with_suffix(".png")) as image:
            assert image.mode in ("RGB", "RGBA")
            low, high = zip(*image.convert("RGB").getextrema(), strict=True)
        assert max(high) - min(low) > 127, f"{path}: one colour"


def test_manifests_say_how_outputs_were_made(finished):
    paths = list((finished / "results").rglob("manifest.json"))
    # Of eleven datasets, five feature arrays, ten networks, seven classifiers and two jobs of variants.
    assert len(paths) == 11 + 5 + 10 + 7 + 2
    for path in paths:
        manifest = json.loads(path.read_text())
        assert set(manifest) >= {"settings", "inputs", "versions", "seed", "seconds", "peak_memory_mb"}
        assert manifest["versions"]["numpy"] == np.__version__ and manifest["inputs"]


def test_a_report_holds_figures_tables_and_pages(finished):
    call = run(finished, "--report", "report.zip", "--report-metadata", "results/provenance.yaml")
    assert call.status == 0, call.out + call.err
    with zipfile.ZipFile(finished / "report.zip") as archive:
        names = archive.namelist()
        page = archive.read(next(name for name in names if name.endswith("/report.html"))).decode()
    # What made it, on the page that it opens on.
    assert "peaks.narrowPeak" in page or "few_peaks.fa" in page
    assert "Asked for" in page and torch.__version__.partition("+")[0] in page
    for name in ("report.html", "model_comparison.svg", "attribution_logos.small.random.seed1.svg", "motifs.html"):
        assert any(path.endswith(f"/{name}") for path in names), f"the report lacks {name}: {names}"


# ---- what a change reruns --------------------------------------------------------------------------------------------


@contextlib.contextmanager
def edited(path):
    """A comment more at the end of a file, while the block runs."""
    before = path.read_text()
    path.write_text(f"{before}# A comment.\n")
    try:
        yield
    finally:
        path.write_text(before)


@pytest.mark.parametrize(
    ("module", "is_fed"),
    [
        ("data/sources/bed.py", reruns.fed_by_bed),
        ("figures/top_factors.py", reruns.fed_by_top_factors),
        ("models/motif_cnn.py", reruns.fed_by_motif_cnn),
        ("classifiers/logistic_regression.py", reruns.fed_by_logistic_regression),
        ("tasks/regression.py", reruns.fed_by_regression),
    ],
)
def test_an_edit_reruns_what_the_module_feeds_and_nothing_else(finished, everything, module, is_fed):
    with edited(finished / "workflow" / "lib" / "cisflow" / module):
        due = planned(finished)
    last = ("job_costs", "figure_job_costs")
    expected = {(rule, output) for rule, output in everything[1] if is_fed(rule, output) or rule in last}
    assert len(expected) > len(last) and due == expected


def test_touching_code_and_configuration_reruns_nothing(finished):
    """Nor is anything left due of the edits above, which were taken back."""
    later = time.time() + 60
    for path in [*(finished / "workflow").rglob("*"), *(finished / "envs").iterdir(), finished / "tiny.yaml"]:
        os.utime(path, (later, later))
    assert planned(finished) == set()


# ---- elsewhere: as a module of another workflow, with conda ----------------------------------------------------------


@pytest.fixture(scope="session")
def elsewhere(tmp_path_factory, numba):
    """(another folder, in which the workflow has run as a module with --use-conda, what the stand-in conda was asked).

    The folder holds data, a config and a Snakefile of its own; the workflow stays where it is.
    """
    folder, base = tmp_path_factory.mktemp("elsewhere") / "mine", tmp_path_factory.mktemp("conda") / "base"
    prepare_module(folder, numba)
    profile = ("--workflow-profile", pipeline.ROOT / "workflow" / "profiles" / "demo")
    with forking.interpreter(tmp_path_factory.mktemp("python")) as python:
        call = run(folder, "--use-conda", *profile, **pipeline.fake_conda(base, python))
    assert call.status == 0, call.out + call.err
    return folder, base


def test_another_run_writes_the_same_bytes(finished, elsewhere):
    one, other = written(finished), written(elsewhere[0])
    assert one.keys() == other.keys()
    assert [name for name in one if one[name] != other[name]] == []


def test_each_environment_is_made_once_and_jobs_run_in_it(elsewhere):
    _, base = elsewhere
    made = [line for line in (base / "calls").read_text().splitlines() if line.startswith("env create")]
    # Of the two builds of torch, the one that the config asks for.
    assert len(made) == len(list((pipeline.ROOT / "envs").glob("*.yaml"))) - 1
    prefixes = {Path(line.split("--prefix ")[1].split()[0]).name for line in made}
    activated = {Path(line).name for line in (base / "activated").read_text().splitlines()}
    assert activated == prefixes


def test_a_module_goes_on_from_the_results_and_has_a_report(elsewhere):
    folder, _ = elsewhere
    call = run(folder, "--report", "report.zip")
    assert call.status == 0, call.out + call.err
    with zipfile.ZipFile(folder / "report.zip") as archive:
        assert any(name.endswith("/model_comparison.svg") for name in archive.namelist())
    assert not (folder / "resources" / "demo").exists() and not (folder / "workflow").exists()


def test_a_prefix_stands_before_every_path_of_a_command(tmp_path, numba):
    folder = prepare_module(tmp_path / "mine", numba)
    text = (folder / "Snakefile").read_text()
    (folder / "Snakefile").write_text(text.replace("    config: config\n", '    config: config\n    prefix: "sub"\n'))
    call = run(folder, "-n", "-p")
    assert call.status == 0, call.out + call.err
    commands = re.findall(r"python -m cisflow .*", call.out)
    assert len(commands) > 100
    for command in commands:
        assert not re.search(r"(?<![\w/])(results|logs|benchmarks)/", command), command
        assert not re.search(r"(?<![\w/])resources/(?!demo/|published/)", command), command
