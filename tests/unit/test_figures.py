"""Figures: what they say agrees with the tables, they are reproducible, and no text collides."""

import io
import itertools
import re
import warnings
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from scipy.stats import norm, pearsonr, spearmanr

from cisflow import dna, files
from cisflow.attribution import scores
from cisflow.context import Sequences
from cisflow.errors import InputError
from cisflow.figures import attribution_logos, logos, method_agreement, reading, style
from cisflow.genome import Genome

REPORT = Path(__file__).parents[2] / "workflow" / "report"
FIGURES = (
    "attribution_agreement",
    "attribution_logos",
    "attribution_recovery",
    "calibration",
    "discovered_motifs",
    "learning_curves",
    "method_agreement",
    "model_comparison",
    "performance_curves",
    "robustness",
    "study_comparison",
    "top_factors",
    "top_targets",
)
LONG = [f"BassetLike_with_attention_pooling_and_reverse_complement_average_{i}" for i in range(10)]
MODELS = ["LR on TF", "LR on HM", "LR on ALL", "LightGBM on TF", "LightGBM on ALL", "FSei"]
MODELS += ["BassetLike", "ConvNet", "AttentionConv", "DNABERT-2"]
METHODS = ["integrated_gradients", "tism", "ism", "deeplift_shap", "gradient_x_input"]
RUN = {"dataset": "demo", "model": "FSei", "split": "random", "seed": 1}


def metric_table(path, models, splits=("random",), n_seeds=1, targets=("ir",), n=1200, n_positive=400):
    """metrics.tsv with a row a seed and a mean with its interval; returns (path, frame)."""
    rng = np.random.default_rng(0)
    rows = []
    for (s, split), (m, model) in itertools.product(enumerate(splits), enumerate(models)):
        base = {"auroc": 0.88 - 0.02 * m - 0.04 * s, "average_precision": 0.74 - 0.03 * m - 0.05 * s}
        base |= {"accuracy": 0.81 - 0.012 * m - 0.02 * s, "brier": 0.14 + 0.007 * m + 0.01 * s}
        for target, (metric, value) in itertools.product(targets, base.items()):
            names = {"dataset": "demo", "split": split, "model": model, "fold": "test", "target": target}
            names["strands"] = "averaged"
            counts = {"metric": metric, "n": n + 10 * s, "n_positive": n_positive}
            noise = rng.normal(0, 0.008, n_seeds)
            for seed in range(n_seeds):
                one = value + noise[seed]
                rows.append(
                    names | counts | {"seed": str(seed + 1), "value": one, "lower": one - 0.03, "upper": one + 0.03}
                )
            mean = value + noise.mean()
            interval = {"value": mean, "lower": mean - 0.021, "upper": mean + 0.019}
            rows.append(names | counts | {"seed": "mean"} | interval)
    frame = pd.DataFrame(rows)
    files.write_table(path, frame)
    return str(path), pd.read_csv(path, sep="\t", dtype={"seed": str})


def curve_table(path, metrics, n_positive=400, n=1200):
    """curves.tsv of binormal models that have the AUROC of the metrics."""
    rows = []
    means = metrics[(metrics["seed"] == "mean") & (metrics["metric"] == "auroc")]
    for row in means.itertuples():
        x = np.linspace(0, 1, 101)
        shift = np.sqrt(2) * norm.ppf(row.value)
        roc = norm.cdf(norm.ppf(x) + shift)
        fpr = norm.cdf(norm.ppf(np.clip(x, 0.01, 1)) - shift)
        hits = np.clip(x, 0.01, 1) * n_positive
        pr = hits / (hits + fpr * (n - n_positive))
        for curve, y in (("roc", roc), ("pr", pr)):
            width = 0.03 * (1 - np.abs(2 * x - 1)) + (0.02 if curve == "pr" else 0)
            part = pd.DataFrame({"x": x, "y": y, "lower": np.clip(y - width, 0, 1), "upper": np.clip(y + width, 0, 1)})
            names = {"dataset": "demo", "split": row.split, "model": row.model, "fold": "test", "target": row.target}
            rows.append(part.assign(curve=curve, **names))
    files.write_table(path, pd.concat(rows))
    return str(path)


def history_tables(folder, models, splits=("random",), n_seeds=1):
    """[{model, split, seed, path}] of runs that converge, then overfit."""
    rng = np.random.default_rng(1)
    sources = []
    for model, split, seed in itertools.product(models, splits, range(1, n_seeds + 1)):
        epochs = np.arange(1, int(rng.integers(12, 25)))
        train = 0.3 + 0.4 * np.exp(-epochs / 5) + rng.normal(0, 0.004, len(epochs))
        valid = train + 0.02 + 0.004 * np.maximum(epochs - 8, 0) + rng.normal(0, 0.008, len(epochs))
        auroc = 0.86 - 0.25 * np.exp(-epochs / 4) + rng.normal(0, 0.005, len(epochs))
        auroc[2] = np.nan
        path = folder / f"{model}-{split}-{seed}.tsv"
        frame = pd.DataFrame({"epoch": epochs, "learning_rate": 0.001, "train_loss": train, "valid_loss": valid})
        files.write_table(path, frame.assign(valid_auroc=auroc, best=(epochs == epochs[valid.argmin()]).astype(int)))
        sources.append({"model": model, "split": split, "seed": seed, "path": str(path)})
    return sources


CTCF = "TGGCCACCAGGGGGCGCTA"


def attribution_files(folder, methods, n=24, length=200):
    """npz files of methods that see a planted CTCF site, with method-wise noise; returns (sources, truth path)."""
    rng = np.random.default_rng(2)
    codes = rng.integers(0, 4, (n, length)).astype(np.uint8)
    starts = rng.integers(40, length - 60, n)
    signal = 0.02 * rng.normal(size=(n, 4, length))
    truth = []
    for row, start in enumerate(starts):
        codes[row, start : start + len(CTCF)] = dna.encode(CTCF)
        weight = rng.uniform(0.3, 1, len(CTCF))
        signal[row, codes[row, start : start + len(CTCF)], np.arange(start, start + len(CTCF))] += weight
        truth.append((f"s{row:03d}", "ir", "MA0139.2", start, start + len(CTCF), "+"))
    ids = np.array([row[0] for row in truth])
    sources = []
    for i, method in enumerate(methods):
        noise = (0.02 + 0.04 * i) * rng.normal(size=signal.shape)
        multipliers = (10.0 ** (1 - i) * (signal + noise)).astype(np.float32)
        order = rng.permutation(n)[: n - i]
        path = folder / f"{method}.npz"
        files.write_arrays(
            path,
            multipliers=multipliers[order],
            ids=ids[order],
            target=np.full(len(order), "ir"),
            fold=np.full(len(order), "test"),
            probability=np.linspace(0.99, 0.5, n, dtype=np.float32)[order],
            sequences=codes[order],
            baseline=np.full(4, 0.25, dtype=np.float32),
            method=np.array(method),
        )
        sources.append({"method": method, "path": str(path)})
    path = folder / "truth.tsv"
    files.write_table(path, pd.DataFrame(truth, columns=["id", "target", "matrix_id", "start", "end", "strand"]))
    return sources, str(path)


DATABASE = {
    "MA0139.2": ("CTCF", "TGGCCACCAGGGGGCGCTA"),
    "MA0466.4": ("CEBPB", "ATTGCGCAAT"),
    "MA1130.2": ("FOSL2::JUN", "GATGACTCATCA"),
    "MA0512.2": ("Rxra", "CAAAGGTCAGAG"),
    "MA0830.3": ("TCF4", "AGCACCTGCC"),
    "MA1990.1": ("SMAD2::SMAD3::SMAD4", "CTGTCTGTC"),
}


def probabilities(consensus, strength=0.88):
    matrix = np.full((4, len(consensus)), (1 - strength) / 3)
    matrix[dna.encode(consensus), np.arange(len(consensus))] = strength
    return matrix


def database_file(path):
    lines = ["MEME version 4", "", "ALPHABET= ACGT", "", "strands: + -", ""]
    for motif, (name, consensus) in DATABASE.items():
        lines += [f"MOTIF {motif} {name}", f"letter-probability matrix: alength= 4 w= {len(consensus)} nsites= 20 E= 0"]
        lines += [" ".join(f"{value:.6f}" for value in column) for column in probabilities(consensus).T] + [""]
    path.write_text("\n".join(lines))
    return str(path)


def discovery(folder, methods, n_patterns=6, empty=(), recovery=False):
    """Inputs of discovered_motifs: patterns that carry the database's motifs, every second one reverse-complemented."""
    rng = np.random.default_rng(3)
    inputs = {"runs": [], "database": database_file(folder / "jaspar.meme")}
    for i, method in enumerate(methods):
        paths = {key: str(folder / f"{method}.{key}") for key in ("modisco", "patterns", "summary", "recovery")}
        n = 0 if i in empty else n_patterns
        rows = []
        with h5py.File(paths["modisco"], "w") as store:
            for k, (motif, (name, consensus)) in enumerate(list(DATABASE.items())[:n]):
                codes = rng.integers(0, 4, 30).astype(np.uint8)
                site = dna.encode(consensus)
                codes[6 : 6 + len(site)] = dna.reverse_complement(site) if k % 2 else site
                sign = "neg" if k == n - 1 else "pos"
                weights = dna.one_hot(codes) * 0.02
                weights[:, 6 : 6 + len(site)] *= 10 * rng.uniform(0.5, 1, len(site))
                pattern = f"{sign}_{k if sign == 'pos' else 0}"
                group = store.create_group(f"{sign}_patterns/pattern_{pattern[4:]}")
                group["contrib_scores"] = (-weights if sign == "neg" else weights).T
                group["sequence"], group["hypothetical_contribs"] = dna.one_hot(codes).T, weights.T
                missing = k == 3
                q = np.nan if missing else 10.0 ** -(9 - 2 * k)
                rows.append(
                    ("attributions", pattern, 1400 // (k + 1), 30, consensus, "" if missing else motif, name, q)
                )
        rows.append(("control", "pos_0", 9999, 30, "A" * 30, "MA0139.2", "CTCF", 0.5))
        columns = ["run", "pattern", "n_seqlets", "width", "consensus", "match_id", "match_name", "q_value"]
        files.write_table(paths["patterns"], pd.DataFrame(rows, columns=columns).assign(p_value=0.001))
        explanation = "" if n else "Only 12 seqlets were above the threshold; TF-MoDISco needs 20 to form a pattern."
        files.write_json(
            paths["summary"],
            {"n_rows": 40, "n_patterns": n, "n_seqlets": 812, "control_n_patterns": 1, "explanation": explanation},
        )
        inputs["runs"].append({"method": method} | {key: paths[key] for key in ("modisco", "patterns", "summary")})
        if recovery:
            found = [
                ("ir", motif, name, int(k < 4 - i), f"pos_{k}", motif, name, 1e-5, "name" if k else "family")
                for k, (motif, (name, _)) in enumerate(DATABASE.items())
            ]
            columns = [
                "target",
                "matrix_id",
                "matrix_name",
                "found",
                "pattern",
                "match_id",
                "match_name",
                "q_value",
                "how",
            ]
            files.write_table(paths["recovery"], pd.DataFrame(found, columns=columns))
            inputs.setdefault("recovery", []).append({"method": method, "path": paths["recovery"]})
    return inputs


FACTORS = ["CTCF", "CTCFL", "SMAD2::SMAD3::SMAD4", "NFYA", "Ahr::Arnt", "ZNF610", "KLF15", "SP1", "E2F6", "Nrf1"]
FACTORS += ["PPARG::RXRA", "TFAP2A", "EGR1", "ZBTB7A", "MAZ", "RREB1", "THAP1", "YY1", "REST", "HINFP", "GABPA", "ELK4"]


def score_tables(folder, methods, empty=(), n_significant=(22, 22, 0, 5, 12)):
    """[{method, path of motif_scores.tsv}]."""
    rng = np.random.default_rng(4)
    sources = []
    for i, method in enumerate(methods):
        p = np.sort(10 ** -rng.uniform(2, 14, len(FACTORS)))
        q = np.where(np.arange(len(FACTORS)) < (0 if i in empty else n_significant[i]), 3 * p, 0.4)
        background = rng.integers(10, 60, len(FACTORS))
        hot = (background * rng.uniform(1.3, 5, len(FACTORS))).astype(int)
        frame = pd.DataFrame({"motif_id": [f"MA{k:04d}.1" for k in range(len(FACTORS))], "motif_name": FACTORS})
        frame = frame.assign(n_sequences=320, n_hot=hot, n_background=background, hot_only=hot, background_only=5)
        frame = frame.assign(log2_ratio=np.log2(hot / background), p_value=p, q_value=q)
        path = folder / f"{method}-scores.tsv"
        files.write_table(path, frame)
        sources.append({"method": method, "path": str(path)})
    return sources


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    """Small bitmaps, for speed."""
    monkeypatch.setitem(style.RC, "savefig.dpi", 80)


def drawn(name, inputs, settings):
    """The Figure, drawn in the project's style; matplotlib's complaints are errors."""
    with style.applied(), warnings.catch_warnings():
        warnings.simplefilter("error")
        return import_module(f"cisflow.figures.{name}").draw(inputs, settings)


def saved(figure, folder, name="figure"):
    """(bytes of the SVG, bytes of the PNG)."""
    paths = folder / f"{name}.svg", folder / f"{name}.png"
    with style.applied(), warnings.catch_warnings():
        warnings.simplefilter("error")
        style.save(figure, *paths)
    return tuple(path.read_bytes() for path in paths)


def svg(figure):
    """The SVG."""
    handle = io.StringIO()
    with style.applied():
        figure.savefig(handle, format="svg", metadata={"Date": None})
    return handle.getvalue()


def svg_text(figure):
    """All text of the SVG, one line an element."""
    elements = re.findall(r"<text[^>]*>.*?</text>", svg(figure), re.DOTALL)
    return "\n".join(re.sub(r"<[^>]+>", "", element) for element in elements)


def performance(folder, models, targets=("ir",), **keywords):
    metrics, frame = metric_table(folder / "metrics.tsv", models, ("random", "chromosome"), 3, targets, **keywords)
    return {"curves": curve_table(folder / "curves.tsv", frame), "metrics": metrics}


def comparison(folder, models, splits, n_seeds, close=()):
    metrics = metric_table(folder / "metrics.tsv", models, splits, n_seeds)[0]
    return {"metrics": metrics, "comparisons": comparison_table(folder / "comparisons.tsv", models, splits, close)}


def comparison_table(path, models, splits=("random",), close=(), difference=0.0123):
    """comparisons.tsv in which the last model is a baseline that is as good as some others; returns its path."""
    rows = [
        {"dataset": "demo", "split": split, "fold": "test", "target": "ir", "metric": metric, "model_a": model}
        | {"model_b": models[-1], "difference": difference, "close": int(model in close), "baseline": 1}
        for split, model, metric in itertools.product(splits, models[:-1], ("auroc", "average_precision"))
    ]
    columns = ("dataset", "split", "fold", "target", "metric", "model_a", "model_b", "difference", "close", "baseline")
    files.write_table(path, pd.DataFrame(rows, columns=columns))
    return str(path)


def robust(folder, models, splits=("random", "chromosome"), strands=True, chromosomes=9, targets=("ir",)):
    """metrics.tsv with rows of single strands and of an ensemble, and strata.tsv."""
    path, frame = metric_table(folder / "metrics.tsv", models, splits, 2, targets)
    rows = [frame, frame[frame["seed"] == "mean"].assign(seed="ensemble", value=0.999)]
    if strands:
        rows.append(frame.assign(strands="separate", value=frame["value"] - 0.02))
    files.write_table(path, pd.concat(rows))
    names = [("chromosome", f"chr{i + 1}", None, None) for i in range(chromosomes)]
    names += [("gc", "low", 0.31, 0.42), ("gc", "middle", 0.42, 0.5), ("gc", "high", 0.51, 0.74)]
    means = frame[(frame["seed"] == "mean") & (frame["metric"] == "auroc")]
    strata = [
        {key: getattr(row, key) for key in ("dataset", "split", "model", "fold", "target", "metric")}
        | dict(zip(("kind", "stratum", "gc_from", "gc_to"), name, strict=True))
        | {"value": row.value - 0.005 * i, "lower": row.value - 0.06, "upper": row.value + 0.05}
        | {"n": 400, "n_positive": 130}
        for row in means.itertuples()
        for i, name in enumerate(names)
    ]
    files.write_table(folder / "strata.tsv", pd.DataFrame(strata))
    return {"metrics": path, "strata": str(folder / "strata.tsv")}


def calibration(folder, models, targets=("ir",), seeds=("1", "2", "ensemble")):
    """calibration.tsv whose third bin is empty, and metrics.tsv with rows of the ensembles."""
    path, frame = metric_table(folder / "metrics.tsv", models, ("random",), 2, targets)
    own = frame[frame["metric"] == "brier"]
    values = [own.assign(metric="calibration_error", value=0.034), own.assign(metric="calibration_slope", value=1.21)]
    values = pd.concat(values)
    files.write_table(path, pd.concat([frame, values, values[values["seed"] == "mean"].assign(seed="ensemble")]))
    rows = []
    for model, target, seed, i in itertools.product(models, targets, seeds, range(10)):
        n = 0 if i == 2 else 200 - 18 * i
        observed = 0.05 + 0.09 * i
        shares = {"predicted": 0.05 + 0.1 * i, "observed": observed, "lower": observed - 0.04, "upper": observed + 0.05}
        where = {"dataset": "demo", "split": "random", "model": model, "seed": seed, "fold": "test", "target": target}
        rows.append(
            where | {"bin_from": i / 10, "bin_to": (i + 1) / 10} | {k: v if n else None for k, v in shares.items()}
        )
        rows[-1] |= {"n": n, "n_positive": round(n * observed)}
    files.write_table(folder / "calibration.tsv", pd.DataFrame(rows))
    return {"calibration": str(folder / "calibration.tsv"), "metrics": path}


def logo_inputs(folder, n_methods, truth=True):
    sources, path = attribution_files(folder, METHODS[:n_methods])
    return {"attributions": sources} | ({"truth": path} if truth else {})


def awkward_logos(folder):
    """Crowded planted motifs, unknown bases, hot spots, the minus strand of a genome, a long id, zero attributions."""
    rng = np.random.default_rng(5)
    name = "ENST00000641515.2_intron_retention_candidate_chr1:65419-65433(-)_of_a_long_name"
    codes = rng.integers(0, 5, (1, 60)).astype(np.uint8)
    sources = []
    for i, method in enumerate(("integrated_gradients", "ism")):
        path = folder / f"{method}.npz"
        multipliers = np.zeros((1, 4, 60), np.float32) if i else rng.normal(size=(1, 4, 60)).astype(np.float32)
        row = {"ids": np.array([name]), "target": np.array(["ir"]), "fold": np.array(["test"])}
        row |= {"probability": np.array([0.7], np.float32), "sequences": codes, "multipliers": multipliers}
        files.write_arrays(path, **row, baseline=np.full(4, 0.25, np.float32), method=np.array(method))
        sources.append({"method": method, "path": str(path)})
    spans = pd.DataFrame({"id": name, "target": "ir", "start": [0, 8, 16, 24, 52], "end": [8, 16, 24, 32, 60]})
    files.write_table(folder / "truth.tsv", spans.assign(matrix_id="MA0139.2", strand="-"))
    files.write_table(folder / "hotspots.tsv", spans.iloc[:2].assign(strand="", score=1.0, p_value=0.01))
    window = {"id": name, "chrom": "chr1", "start": 65400, "end": 65460, "strand": "-", "ir": 1}
    files.write_table(folder / "windows.tsv", pd.DataFrame([window]))
    hotspots = [{"method": "ism", "path": str(folder / "hotspots.tsv")}]
    paths = {key: str(folder / f"{key}.tsv") for key in ("truth", "windows")}
    return {"attributions": sources, "hotspots": hotspots} | paths


def variant_table(folder, n, n_classes):
    """{scores: path of class_scores.tsv}, with variants of long names."""
    scores = np.random.default_rng(6).normal(size=(n, n_classes))
    frame = pd.DataFrame({"id": [f"rs{10**8 + i}:chr22:{10**7 + i}:ACCGT>A" for i in range(n)]})
    frame = frame.assign(record="", chrom="chr22", pos=range(1, n + 1), ref="ACCGT", alt="A")
    frame["max_abs_class_score"] = np.abs(scores).max(axis=1) if n else []
    classes = pd.DataFrame(scores, columns=[f"HET{i} Heterochromatin" for i in range(n_classes)])
    files.write_table(folder / "class_scores.tsv", pd.concat([frame, classes], axis=1))
    return {"scores": str(folder / "class_scores.tsv")}


def leakage_tables(folder, splits, note=()):
    """Leakage tables of splits; checks of `note` are not known."""
    sources = []
    for number, split in enumerate(splits):
        rows = []
        for check in ("near_duplicate", "overlap", "sei_trained", "shared_gene"):
            pairs = [("valid", "train"), ("test", "train"), ("test", "valid")]
            for place, (fold, other) in enumerate(
                [("train", ""), ("valid", ""), ("test", "")] if check == "sei_trained" else pairs
            ):
                count = [0, 3, 4321, 7599][(number + place) % 4]
                row = {"check": check, "fold": fold, "other": other, "count": count, "n": 7599}
                row |= {"fraction": count / 7599, "note": ""}
                rows.append(row | ({"count": None, "n": 0, "fraction": None, "note": "x"} if check in note else {}))
        path = folder / f"{number}.leakage.tsv"
        files.write_table(path, pd.DataFrame(rows).astype({"count": "Int64"}))
        sources.append({"split": split, "path": str(path)})
    return {"tables": sources}


def published_table(folder, models, missing=()):
    """({our model: row}, path) of published numbers; those of `missing` are empty."""
    rows = [
        {"figure": "final", "model": f"paper {model}", "features": "x", "auroc": 0.8 - 0.01 * i, "auprc": 0.6}
        | {"base_rate": 0.272}
        for i, model in enumerate(models)
    ]
    frame = pd.DataFrame(rows)
    frame.loc[[model in missing for model in models], ["auroc", "auprc"]] = np.nan
    files.write_table(folder / "published.tsv", frame)
    return {model: {"model": f"paper {model}", "features": "x"} for model in models}, str(folder / "published.tsv")


def with_published(folder, models, **keywords):
    return performance(folder, models, **keywords) | {"published": published_table(folder, models)[1]}


def study(folder, models, splits=("random", "chromosome"), n_seeds=3, close=()):
    """Inputs of study_comparison: the last model is a baseline; networks alone have single strands."""
    path, frame = metric_table(folder / "metrics.tsv", models, splits, n_seeds)
    frame["n_seeds"] = np.where(frame["seed"] == "mean", n_seeds, 1)
    frame["minimum"], frame["maximum"] = frame["value"] - 0.004, frame["value"] + 0.006
    ap = frame[frame["metric"] == "average_precision"]
    frame = pd.concat([frame, ap.assign(metric="auprc_trapezoid", value=ap["value"] + 0.01)])
    single = frame[~frame["model"].str.startswith("L")]
    shifted = {name: single[name] - 0.015 for name in ("value", "lower", "upper", "minimum", "maximum")}
    files.write_table(path, pd.concat([frame, single.assign(strands="separate", **shifted)]))
    beside = published_table(folder, models[:-1])[1]
    comparisons = comparison_table(folder / "comparisons.tsv", models, splits, close)
    return {"metrics": path, "comparisons": comparisons, "published": beside}


def study_settings(models, splits=("random", "chromosome"), **keywords):
    rows = {model: {"model": f"paper {model}", "features": "x"} for model in models[:-1]}
    entry = {"splits": dict(zip(("published", "honest"), splits, strict=True)), "published": rows} | keywords
    return {"dataset": "demo", "study": entry, "baselines": {models[-1]: 1}}


TARGETS = ["HepG2 | ZNF274 | ENCODE", "293T | ZNF101 | Cistrome ID:1", "K562 | Pol2(phosphoS2) | ENCODE"]
TARGETS += ["LNCaP | MYC | Cistrome ID:2", "NHEK | CTCF | ENCODE", "H9 | H3K4me3 | Roadmap", "K562 | DNase | ENCODE"]
TARGETS += [f"Endometrial_adenocarcinoma_sample_{i % 11} | FACTOR{i}-with-a-long-name | x" for i in range(40)]


def weight_tables(folder, names, n_seeds=2, groups=("TF", "histone", "accessibility"), scale=1.0):
    """{weights: [weights.tsv], targets}: the weight falls from the first target to the last."""
    paths = []
    for seed in range(n_seeds):
        weights = scale * (np.linspace(1, -0.4, len(names)) + 0.01 * seed * (-1) ** np.arange(len(names)))
        path = folder / f"weights{seed}.tsv"
        files.write_table(path, pd.DataFrame({"name": names, "weight": weights}))
        paths.append(str(path))
    table = {"name": names, "group": [groups[i % len(groups)] for i in range(len(names))]}
    files.write_table(folder / "targets.tsv", pd.DataFrame(table))
    return {"weights": paths, "targets": str(folder / "targets.tsv")}


WEIGHTS = {"dataset": "demo", "model": "LR", "split": "random", "classifier": "logistic_regression", "n": 20}
PAPER_TARGETS = str(Path(__file__).parents[2] / "resources" / "published" / "top_targets.tsv")
DATASET = {"dataset": "demo"}
STUDIED16 = [*(f"attention_conv_{i}" for i in range(15)), "lightgbm_kmers"]
STUDIED = ["fsei", "basset", "convnet", "attention_conv", "dnabert2", "fsei_modern", "basset_modern"]
SPLIT = {"dataset": "demo", "split": "random"}
NOWHERE = {"dataset": "other", "split": "random"}

# Name of the case: (figure, function of a folder -> inputs, settings).
CASES = {
    "performance of one model": ("performance_curves", lambda f: performance(f, ["FSei"]), SPLIT),
    "performance of ten": ("performance_curves", lambda f: performance(f, MODELS), SPLIT),
    "performance, long names": ("performance_curves", lambda f: performance(f, LONG), SPLIT),
    "performance, many targets": (
        "performance_curves",
        lambda f: performance(f, MODELS[:3], ("a", "b", "mean")),
        SPLIT,
    ),
    "performance of nothing": ("performance_curves", lambda f: performance(f, MODELS), NOWHERE),
    "performance beside a study": (
        "performance_curves",
        lambda f: with_published(f, MODELS),
        SPLIT | {"published": study_settings([*MODELS, "x"])["study"]["published"], "same_data": True},
    ),
    "performance of a set, long names": (
        "performance_curves",
        lambda f: with_published(f, LONG),
        SPLIT | {"published": study_settings(LONG)["study"]["published"], "models": LONG[2:]},
    ),
    "study of one model": (
        "study_comparison",
        lambda f: study(f, ["FSei", "LR on GC"], ("random", "random"), 1),
        study_settings(["FSei", "LR on GC"], ("random", "random"), same_data=True),
    ),
    "study of nine": (
        "study_comparison",
        lambda f: study(f, MODELS, close=MODELS[:4]),
        study_settings(MODELS),
    ),
    "study, long names": ("study_comparison", lambda f: study(f, LONG), study_settings(LONG)),
    "study of sixteen": (
        "study_comparison",
        lambda f: study(f, [f"model_{i}" for i in range(16)]),
        study_settings([f"model_{i}" for i in range(16)]),
    ),
    "study of sixteen, a baseline that wins or is below chance": (
        "study_comparison",
        lambda f: below_chance(study(f, STUDIED16, close=STUDIED16[:15]), STUDIED16[-1], "chromosome", 0.17),
        study_settings(STUDIED16) | {"baselines": {STUDIED16[-1]: 6}},
    ),
    "comparison of sixteen, a baseline that wins or is below chance": (
        "model_comparison",
        lambda f: below_chance(
            comparison(f, STUDIED16, ("random", "chromosome", "cluster"), 3, STUDIED16[:15]),
            STUDIED16[-1],
            "chromosome",
            0.17,
        ),
        DATASET | {"baselines": {STUDIED16[-1]: 6}},
    ),
    "study of nothing": (
        "study_comparison",
        lambda f: study(f, MODELS),
        study_settings(MODELS, ("other", "nowhere")),
    ),
    "many targets": ("top_targets", lambda f: weight_tables(f, TARGETS), WEIGHTS),
    "targets beside published ones": (
        "top_targets",
        lambda f: weight_tables(f, TARGETS) | {"published": PAPER_TARGETS},
        WEIGHTS | {"published_model": "LR", "where": "measured on split published"},
    ),
    "targets of plain names beside published ones": (
        "top_targets",
        lambda f: weight_tables(f, ["CTCF"], 1) | {"published": PAPER_TARGETS},
        WEIGHTS | {"classifier": "lightgbm", "published_model": "LGBM", "where": "measured on other data"},
    ),
    "targets of plain names": ("top_targets", lambda f: weight_tables(f, FACTORS, 1, ("all",)), WEIGHTS),
    "one target": ("top_targets", lambda f: weight_tables(f, ["CTCF"], 1), WEIGHTS | {"classifier": "lightgbm"}),
    "targets without signal, no weight": ("top_targets", lambda f: weight_tables(f, FACTORS, scale=0), WEIGHTS),
    "comparison of one model": ("model_comparison", lambda f: comparison(f, ["FSei"], ("random",), 1), DATASET),
    "comparison of ten": ("model_comparison", lambda f: comparison(f, MODELS, ("random", "chromosome"), 5), DATASET),
    "comparison, long names": ("model_comparison", lambda f: comparison(f, LONG, ("random",), 1), DATASET),
    "comparison of nothing": ("model_comparison", lambda f: comparison(f, MODELS, ("random",), 1), NOWHERE),
    "comparison, baselines that come close": (
        "model_comparison",
        lambda f: comparison(f, MODELS, ("random", "chromosome"), 2, MODELS[:6]),
        DATASET | {"baselines": {MODELS[-1]: 6}},
    ),
    "robustness of one model": ("robustness", lambda f: robust(f, ["FSei"], ("random",), False, 1), SPLIT),
    "robustness of ten": ("robustness", lambda f: robust(f, MODELS), SPLIT),
    "robustness, long names": ("robustness", lambda f: robust(f, LONG), SPLIT),
    "robustness, many targets": ("robustness", lambda f: robust(f, MODELS[:3], targets=("a", "b", "mean")), SPLIT),
    "robustness without chromosomes": ("robustness", lambda f: robust(f, MODELS[:3], chromosomes=0), SPLIT),
    "robustness of nothing": ("robustness", lambda f: robust(f, MODELS), NOWHERE),
    "calibration of one model": ("calibration", lambda f: calibration(f, ["FSei"], seeds=("1",)), SPLIT),
    "calibration of ten": ("calibration", lambda f: calibration(f, MODELS), SPLIT),
    "calibration, long names": ("calibration", lambda f: calibration(f, LONG), SPLIT),
    "calibration, many targets": ("calibration", lambda f: calibration(f, MODELS[:3], ("a", "b", "mean")), SPLIT),
    "calibration of nothing": ("calibration", lambda f: calibration(f, MODELS), NOWHERE),
    "leakage of one split": ("leakage", lambda f: leakage_tables(f, ["random"], ("shared_gene",)), DATASET),
    "leakage of five": ("leakage", lambda f: leakage_tables(f, [f"{name}_split" for name in "abcde"]), DATASET),
    "leakage, long names": ("leakage", lambda f: leakage_tables(f, LONG[:3]), DATASET),
    "leakage of nothing": ("leakage", lambda f: leakage_tables(f, []), DATASET),
    "one network": ("learning_curves", lambda f: {"histories": history_tables(f, ["FSei"])}, DATASET),
    "many networks": (
        "learning_curves",
        lambda f: {"histories": history_tables(f, MODELS[6:], ("random", "chromosome"), 2)},
        DATASET,
    ),
    "networks, long names": ("learning_curves", lambda f: {"histories": history_tables(f, LONG[:3])}, DATASET),
    # As many as config/config.yaml trains: seven on three splits with three seeds.
    "networks of the whole study": (
        "learning_curves",
        lambda f: {"histories": history_tables(f, STUDIED, ("chromosome", "published", "cluster"), 3)},
        DATASET,
    ),
    "no network": ("learning_curves", lambda f: {"histories": []}, DATASET),
    "logos of one method": ("attribution_logos", lambda f: logo_inputs(f, 1, truth=False), RUN),
    "logos of five methods": ("attribution_logos", lambda f: logo_inputs(f, 5), RUN),
    "awkward logos": ("attribution_logos", awkward_logos, RUN),
    "no logos": ("attribution_logos", lambda f: {"attributions": []}, RUN),
    "agreement of one method": ("method_agreement", lambda f: logo_inputs(f, 1), RUN),
    "agreement of two": ("method_agreement", lambda f: logo_inputs(f, 2), RUN),
    "agreement of five": ("method_agreement", lambda f: logo_inputs(f, 5), RUN),
    "motifs of one method": ("discovered_motifs", lambda f: discovery(f, METHODS[:1]), RUN),
    "motifs of five": ("discovered_motifs", lambda f: discovery(f, METHODS, empty=(2,), recovery=True), RUN),
    "no motifs": ("discovered_motifs", lambda f: discovery(f, METHODS[:1], empty=(0,)), RUN),
    "no discovery": ("discovered_motifs", lambda f: discovery(f, []), RUN),
    "factors of one method": ("top_factors", lambda f: {"scores": score_tables(f, METHODS[:1])}, RUN),
    "factors of five": ("top_factors", lambda f: {"scores": score_tables(f, METHODS)}, RUN),
    "no factors": ("top_factors", lambda f: {"scores": score_tables(f, METHODS[:1], empty=(0,))}, RUN),
    "no scores": ("top_factors", lambda f: {"scores": []}, RUN),
    "classes of one variant": ("variant_classes", lambda f: variant_table(f, 1, 3), {}),
    "classes of many variants": ("variant_classes", lambda f: variant_table(f, 80, 48), {"n": 60}),
    "no variants": ("variant_classes", lambda f: variant_table(f, 0, 3), {}),
}


@pytest.fixture
def case(request, tmp_path):
    name, build, settings = CASES[request.param]
    return name, build(tmp_path), settings


@pytest.mark.parametrize("case", CASES, indirect=True)
def test_fits_a_page_and_no_text_collides(case, monkeypatch):
    figure = drawn(*case)
    # By artist: a figure may be drawn twice, first to lay it out.
    placed = {}
    draw = Text.draw

    def record(self, renderer):
        draw(self, renderer)
        if self.get_visible() and self.get_text().strip():
            placed[id(self)] = self.get_text(), self.get_window_extent(renderer), self.get_fontsize()

    monkeypatch.setattr(Text, "draw", record)
    width, height = figure.get_size_inches() * 25.4
    assert width <= 183.5 and height <= 247, "larger than a journal page"
    with style.applied(), warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.draw_without_rendering()
    texts, page = list(placed.values()), figure.bbox
    assert texts
    for text, box, size in texts:
        assert size >= 7, text
        assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= page.x1 + 1 and box.y1 <= page.y1 + 1, text
    for (text, box, _), (other, second, _) in itertools.combinations(texts, 2):
        width = min(box.x1, second.x1) - max(box.x0, second.x0)
        height = min(box.y1, second.y1) - max(box.y0, second.y0)
        assert width < 1 or height < 1, f"{text!r} and {other!r} overlap"


@pytest.mark.parametrize(
    "case",
    ["performance of one model", "one network", "logos of one method", "agreement of two", "motifs of one method"],
    indirect=True,
)
def test_two_runs_give_the_same_bytes(case, tmp_path):
    first, second = (saved(drawn(*case), tmp_path, name) for name in ("first", "second"))
    assert first == second
    assert b"tEXt" not in first[1] and b"tIME" not in first[1]
    assert b"<dc:date>" not in first[0] and b"matplotlib v" not in first[0].lower()


def test_the_users_matplotlib_settings_change_nothing(tmp_path, monkeypatch):
    inputs = performance(tmp_path, ["FSei"])
    plain = svg(drawn("performance_curves", inputs, SPLIT))
    monkeypatch.setitem(style.matplotlib.rcParams, "lines.linewidth", 9)
    monkeypatch.setitem(style.matplotlib.rcParams, "axes.grid", True)
    assert svg(drawn("performance_curves", inputs, SPLIT)) == plain


def test_a_failed_save_leaves_no_file(tmp_path):
    with pytest.raises(AttributeError):
        style.save(None, tmp_path / "a.svg", tmp_path / "a.png")
    assert not list(tmp_path.iterdir())


# Performance curves


def test_performance_says_the_numbers_of_the_table(tmp_path):
    path, frame = metric_table(tmp_path / "metrics.tsv", MODELS, ("random", "chromosome"), 3)
    inputs = {"curves": curve_table(tmp_path / "curves.tsv", frame), "metrics": path}
    figure = drawn("performance_curves", inputs, {"dataset": "demo", "split": "chromosome"})
    text = svg_text(figure)
    means = frame[(frame["seed"] == "mean") & (frame["split"] == "chromosome")]
    for row in means[means["metric"].isin(["auroc", "average_precision"])].itertuples():
        assert f"{row.value:.3f} ({row.lower:.3f}\u2013{row.upper:.3f})" in text
    assert "n = 1,210, 400 positive" in text and f"{400 / 1210:.3f}" in text
    places = [text.index(model + "\n") for model in means[means["metric"] == "auroc"].sort_values("value")["model"]]
    assert places == sorted(places, reverse=True)


def test_performance_draws_the_curves_of_the_table(tmp_path):
    path, frame = metric_table(tmp_path / "metrics.tsv", MODELS[:3])
    curves = curve_table(tmp_path / "curves.tsv", frame)
    figure = drawn("performance_curves", {"curves": curves, "metrics": path}, SPLIT)
    table = pd.read_csv(curves, sep="\t")
    for axes, curve in zip(figure.axes, ("roc", "pr"), strict=False):
        lines = {line.get_label(): line for line in axes.lines if line.get_label() in MODELS}
        assert set(lines) == set(MODELS[:3])
        for model, line in lines.items():
            rows = table[(table["model"] == model) & (table["curve"] == curve)]
            points = line.get_xydata()[1:] if curve == "roc" else line.get_xydata()
            np.testing.assert_allclose(points, rows[["x", "y"]])
        assert len(axes.collections) == 3
    assert {line.get_drawstyle() for line in figure.axes[1].lines[:3]} == {"steps-pre"}


def test_performance_of_many_targets_shows_their_mean(tmp_path):
    figure = drawn("performance_curves", performance(tmp_path, ["FSei"], ("a", "b", "mean")), SPLIT)
    assert len([line for line in figure.axes[0].lines if line.get_label() == "FSei"]) == 1
    assert "mean of 2 targets, n = 1,200, 400 positive" in svg_text(figure)
    inputs = performance(tmp_path, ["FSei"], ("a", "b"))
    with pytest.raises(InputError, match="found targets a, b and no row for 'mean'"):
        drawn("performance_curves", inputs, SPLIT)


def test_performance_without_intervals_or_metrics(tmp_path):
    path, frame = metric_table(tmp_path / "metrics.tsv", ["FSei", "LR"])
    curves = curve_table(tmp_path / "curves.tsv", frame)
    frame.loc[frame["model"] == "FSei", ["lower", "upper"]] = np.nan
    value = frame.loc[(frame["model"] == "FSei") & (frame["metric"] == "auroc"), "value"].iloc[-1]
    files.write_table(path, frame[(frame["model"] == "FSei") & (frame["metric"] == "auroc")].assign(n_positive=np.nan))
    text = svg_text(drawn("performance_curves", {"curves": curves, "metrics": path}, SPLIT))
    assert f"{value:.3f}\n" in text and "n/a" in text and "unknown positive" in text


def test_a_model_keeps_its_look_on_every_split(tmp_path):
    inputs = performance(tmp_path, MODELS[:4])
    curves = files.read_table(inputs["curves"])
    gone = (curves["model"] == MODELS[0]) & (curves["split"] == "chromosome")
    files.write_table(inputs["curves"], curves[~gone])
    colours = []
    for split in ("random", "chromosome"):
        axes = drawn("performance_curves", inputs, SPLIT | {"split": split}).axes[0]
        colours.append({line.get_label(): line.get_color() for line in axes.lines if line.get_label() in MODELS})
    assert len(colours[0]) == 4 and len(colours[1]) == 3
    assert colours[1].items() <= colours[0].items()


# Model comparison


@pytest.mark.parametrize(("n_models", "splits", "n_seeds"), [(1, ["random"], 1), (10, ["random", "homology"], 5)])
def test_comparison_has_a_point_for_each_model_and_seed(tmp_path, n_models, splits, n_seeds):
    path, frame = metric_table(tmp_path / "metrics.tsv", MODELS[:n_models], splits, n_seeds)
    figure = drawn(
        "model_comparison", {"metrics": path, "comparisons": comparison_table(tmp_path / "c.tsv", ["x"])}, DATASET
    )
    for axes, metric in zip(figure.axes, ("auroc", "average_precision", "accuracy", "brier"), strict=True):
        rows = frame[frame["metric"] == metric]
        points = np.concatenate([line.get_xdata() for line in axes.lines if line.get_linestyle() == "None"])
        np.testing.assert_allclose(np.sort(points), np.sort(rows["value"]))
        assert len(points) == n_models * len(splits) * (n_seeds + 1)
        intervals = np.concatenate([np.array(item.get_segments())[:, :, 0] for item in axes.collections])
        np.testing.assert_allclose(np.sort(intervals[:, 0]), np.sort(rows.loc[rows["seed"] == "mean", "lower"]))


def test_comparison_guides_are_what_no_skill_scores(tmp_path):
    path, _ = metric_table(tmp_path / "metrics.tsv", ["FSei"], n=1000, n_positive=300)
    figure = drawn(
        "model_comparison", {"metrics": path, "comparisons": comparison_table(tmp_path / "c.tsv", ["x"])}, DATASET
    )
    labels = np.arange(1000) < 300
    constant = np.full(1000, labels.mean())
    expected = [0.5, labels.mean(), (labels == (constant >= 0.5)).mean(), ((labels - constant) ** 2).mean()]
    guides = [[line.get_xdata()[0] for line in axes.lines if len(line.get_xdata()) == 2] for axes in figure.axes]
    np.testing.assert_allclose(np.ravel(guides), expected)
    assert "random (test fold: n = 1,000, 300 positive)" in svg_text(figure)


def test_comparison_orders_models_by_auroc_and_bears_missing_values(tmp_path):
    path, frame = metric_table(tmp_path / "metrics.tsv", ["a", "b", "c"], n_seeds=2)
    frame.loc[(frame["model"] == "a") & (frame["metric"] == "auroc"), ["value", "lower", "upper"]] = np.nan
    files.write_table(path, frame)
    figure = drawn(
        "model_comparison", {"metrics": path, "comparisons": comparison_table(tmp_path / "c.tsv", ["x"])}, DATASET
    )
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["b", "c", "a"]


def test_a_value_that_is_no_number_is_named(tmp_path):
    path, frame = metric_table(tmp_path / "metrics.tsv", ["FSei"])
    files.write_table(path, frame.assign(value=["0.5", "high", *frame["value"].iloc[2:].astype(str)]))
    with pytest.raises(InputError, match=r"metrics.tsv: row 2: value is 'high', expected a number"):
        drawn(
            "model_comparison", {"metrics": path, "comparisons": comparison_table(tmp_path / "c.tsv", ["x"])}, DATASET
        )


def test_comparison_says_which_models_a_baseline_is_as_good_as(tmp_path):
    models = ["FSei", "LR", "gc_only"]
    inputs = comparison(tmp_path, models, ("random", "homology"), 1, ["LR"])
    settings = DATASET | {"baselines": {"gc_only": 1}}
    text = svg_text(drawn("model_comparison", inputs, settings)).replace("\n", " ")
    for split in ("random", "homology"):
        line = f"gc_only, which sees GC content alone, is as good as or better than a model in AUROC on {split}: LR "
        assert line + "(+0.012)." in text
    assert "FSei (" not in text and "below chance" not in text
    text = svg_text(drawn("model_comparison", inputs, DATASET | {"baselines": {"gc_only": 4}})).replace("\n", " ")
    assert "sees 4-mers alone (short words without position or order)" in text and "GC content" not in text
    # One that wins.
    comparison_table(tmp_path / "comparisons.tsv", models, close=["LR"], difference=-0.15)
    text = svg_text(drawn("model_comparison", inputs, settings)).replace("\n", " ")
    assert "as good as or better than a model in AUROC on random: LR (-0.150)." in text
    inputs = comparison(tmp_path, models, ("random",), 1)
    assert "as good as" not in svg_text(drawn("model_comparison", inputs, settings))


def below_chance(inputs, model, split, value):
    """The same inputs, with the AUROC of one model below one half in the table of metrics."""
    path = inputs["metrics"]
    frame = files.read_table(path)
    where = (frame["model"] == model) & (frame["split"] == split) & (frame["metric"] == "auroc")
    frame.loc[where, ["value", "lower", "upper"]] = value, value - 0.05, value + 0.05
    files.write_table(path, frame)
    return inputs


@pytest.mark.parametrize("name", ["model_comparison", "study_comparison"])
def test_a_baseline_below_chance_is_not_called_weak(tmp_path, name):
    models = [*MODELS[:3], "gc_only"]
    make = comparison if name == "model_comparison" else study
    inputs = make(tmp_path, models, ("random", "chromosome"), 1)
    settings = study_settings(models)
    assert "below chance" not in svg_text(drawn(name, inputs, settings))
    below_chance(inputs, "gc_only", "chromosome", 0.17)
    text = svg_text(drawn(name, inputs, settings)).replace("\n", " ")
    # Reversed it is at 0.83, above the second and third model (0.82 and 0.80) alone.
    reached = f"reversed its AUROC would be 0.830 and reach {MODELS[1]}, {MODELS[2]}. "
    assert "gc_only is below chance on chromosome: " + reached in text
    assert "GC content separates its test fold the other way round than its training fold." in text
    assert "gc_only is below chance on random" not in text


def test_a_baseline_whose_interval_holds_chance_is_not_below_it():
    rows = {"split": "s", "metric": "auroc", "model": ["gc", "kmers", "net"]}
    rows |= {"value": [0.45, 0.3, 0.7], "lower": [0.38, 0.2, 0.6], "upper": [0.52, 0.4, 0.8]}
    found = reading.reversals(pd.DataFrame(rows), {"gc": 1, "kmers": 4})
    assert found == [reading.Reversal("kmers", "s", 0.7, ["net"])]


# Robustness and calibration


def test_robustness_draws_splits_strands_and_strata(tmp_path):
    inputs = robust(tmp_path, MODELS[:4])
    metrics, strata = (pd.read_csv(inputs[name], sep="\t") for name in ("metrics", "strata"))
    metrics = metrics[(metrics["metric"] == "auroc") & (metrics["seed"] == "mean")]
    both, single = (metrics[metrics["strands"] == name] for name in ("averaged", "separate"))
    here, single = both[both["split"] == "random"], single[single["split"] == "random"]
    strata = strata[strata["split"] == "random"]
    expected = [both, pd.concat([here, single]), strata[strata["kind"] == "gc"], strata[strata["kind"] == "chromosome"]]
    figure = drawn("robustness", inputs, SPLIT)
    for axes, rows in zip(figure.axes, expected, strict=True):
        points = np.concatenate([line.get_xdata() for line in axes.lines])
        np.testing.assert_allclose(np.sort(points), np.sort(rows["value"]))
    text = svg_text(figure).replace("\n", " ")
    for words in (
        "Low, 31\u201342%: 130 of 400 positive",
        "High, 51\u201374%:",
        "random: 400 of 1,200 positive",
        "One of 9 chromosomes",
        "Both, averaged",
    ):
        assert words in text


def test_calibration_draws_the_bins_of_the_ensemble(tmp_path):
    inputs = calibration(tmp_path, ["FSei", "LR"])
    table = pd.read_csv(inputs["calibration"], sep="\t")
    changed = (table["seed"] == "ensemble") & (table["model"] == "LR")
    table.loc[changed, "observed"] = table.loc[changed, "observed"] ** 2
    files.write_table(inputs["calibration"], table)
    figure = drawn("calibration", inputs, SPLIT)
    for axes, model in zip(figure.axes, ("FSei", "LR"), strict=True):
        rows = table[(table["model"] == model) & (table["seed"] == "ensemble") & (table["n"] > 0)]
        np.testing.assert_allclose(axes.lines[1].get_xydata(), rows[["predicted", "observed"]])
        assert axes.get_title(loc="center") == model
    assert "n = 1,200, 400 positive" in svg_text(figure)
    assert svg_text(figure).count("Error 0.03") == 2 and "Slope 1.21" in svg_text(figure)


def test_calibration_of_many_targets_pools_their_sequences(tmp_path):
    inputs = calibration(tmp_path, ["FSei"], ("a", "b", "mean"))
    table = pd.read_csv(inputs["calibration"], sep="\t")
    table = table[table["target"] != "mean"]
    table.loc[table["target"] == "b", "n_positive"] = 0
    files.write_table(inputs["calibration"], table)
    points = drawn("calibration", inputs, SPLIT).axes[0].lines[1].get_ydata()
    rows = table[(table["seed"] == "ensemble") & (table["n"] > 0)]
    expected = rows.groupby("bin_from")["n_positive"].sum() / rows.groupby("bin_from")["n"].sum()
    np.testing.assert_allclose(points, expected)


# Learning curves


def test_leakage_says_counts_shares_and_what_is_not_known(tmp_path):
    figure = drawn("leakage", leakage_tables(tmp_path, ["random", "cluster"], ("shared_gene",)), DATASET)
    text = svg_text(figure)
    for words in ("4,321 (56.9%)", "3 (&lt;0.1%)", "0 (0.0%)", "7,599 (100.0%)", "test / train", "random", "cluster"):
        assert words in text, words
    assert text.count("not known") == 6
    widths = [[patch.get_width() for patch in axes.patches] for axes in figure.axes]
    assert [len(row) for row in widths] == [6, 6, 0, 6]
    # Of the first panel: test / train of both splits, valid / train, test / valid.
    assert widths[0] == pytest.approx([count / 7599 for count in (3, 4321, 0, 3, 4321, 7599)])


def test_learning_curves_have_a_line_for_each_run(tmp_path):
    sources = history_tables(tmp_path, ["FSei", "ConvNet"], ["random", "homology"], 3)
    figure = drawn("learning_curves", {"histories": sources}, DATASET)
    assert len(figure.axes) == 2 * 4
    titles = [axes.get_title().split("\n") for axes in figure.axes[::2]]
    for (model, split), upper, lower in zip(titles, figure.axes[::2], figure.axes[1::2], strict=True):
        tables = [
            pd.read_csv(source["path"], sep="\t")
            for source in sources
            if (source["model"], source["split"]) == (model, split)
        ]
        lines = [line.get_xydata() for line in upper.lines if line.get_marker() == "None"]
        for table, train, valid in zip(tables, lines[::2], lines[1::2], strict=True):
            np.testing.assert_allclose(train, table[["epoch", "train_loss"]])
            np.testing.assert_allclose(valid, table[["epoch", "valid_loss"]])
        marks = [line.get_xydata()[0] for line in lower.lines if line.get_marker() == "D"]
        best = [table.loc[table["best"] == 1, ["epoch", "valid_auroc"]].to_numpy()[0] for table in tables]
        np.testing.assert_allclose(marks, best)


# Attribution logos


def letters_of(axes):
    """{(position, base)} of a logo, read from the colours of its glyphs."""
    bases = {style.matplotlib.colors.to_rgba(colour): base for base, colour in style.BASE_COLOURS.items()}
    glyphs = next(item for item in axes.collections if len(item.get_paths()))
    places = [int(np.median(path.vertices[:, 0])) for path in glyphs.get_paths()]
    return {(place, bases[tuple(colour)]) for place, colour in zip(places, glyphs.get_facecolors(), strict=True)}


def test_logos_show_the_same_bases_under_every_method(tmp_path):
    sources, _ = attribution_files(tmp_path, METHODS[:4])
    figure = drawn("attribution_logos", {"attributions": sources}, RUN | {"n_sequences": 2})
    with np.load(sources[0]["path"]) as archive:
        codes = dict(zip(archive["ids"], archive["sequences"], strict=True))
    logo_axes = [axes for axes in figure.axes if axes.get_xlim() == (0, 72) and axes.collections and axes.axison]
    assert len(logo_axes) == 2 * 4
    for i, name in enumerate(("s000", "s001")):
        of_sequence = logo_axes[4 * i : 4 * i + 4]
        assert len({axes.get_ylim() for axes in of_sequence}) == 1
        tick, label = of_sequence[-1].get_xticks()[0], of_sequence[-1].get_xticklabels()[0].get_text()
        start = int(label) - round(tick - 0.475)
        for axes in of_sequence:
            shown = letters_of(axes)
            assert len(shown) > 15
            assert all(base == dna.BASES[codes[name][start + place]] for place, base in shown)


def test_logos_choose_the_most_probable_planted_sequences_and_mark_them(tmp_path):
    sources, truth = attribution_files(tmp_path, METHODS[:2])
    table = files.read_table(truth)
    files.write_table(truth, table[table["id"].isin(["s010", "s020"])])
    figure = drawn("attribution_logos", {"attributions": sources, "truth": truth}, RUN)
    text = svg_text(figure)
    assert re.findall(r"s0\d\d", text) == ["s010", "s020", "s000"]
    assert text.count("MA0139.2 +") == 2


def test_logos_zoom_on_the_planted_site(tmp_path):
    sources, truth = attribution_files(tmp_path, METHODS[:3])
    module = import_module("cisflow.figures.attribution_logos")
    table = files.read_table(truth).set_index("id")
    for item in module.gather(reading.attributions(sources), {}, 9):
        site = table.loc[item.key[0]]
        assert item.start <= site["start"] and site["end"] <= item.end == item.start + 72


def test_logos_use_the_hypothetical_score_of_the_base_present(tmp_path):
    sources, _ = attribution_files(tmp_path, METHODS[:1])
    module = import_module("cisflow.figures.attribution_logos")
    part = reading.attributions(sources)[0]
    item = module.gather([part], {}, 1)[0]
    row = part.ids.tolist().index(item.key[0])
    centred = part.multipliers[row] - part.multipliers[row].mean(axis=0)
    np.testing.assert_allclose(item.scores[0], centred[part.codes[row], np.arange(200)], rtol=1e-5)


def test_logos_count_the_minus_strand_down(tmp_path):
    figure = drawn("attribution_logos", awkward_logos(tmp_path), RUN)
    axes = figure.axes[-1]
    labels = {
        round(tick - 0.475): label.get_text()
        for tick, label in zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)
    }
    # Base 0 of the window is the last base of 65400-65460, number 65460 when counted from 1.
    assert labels == {10 * i: f"{65460 - 10 * i:,}" for i in range(6)}
    assert "Position on chr1, minus strand (bp, 1-based)" in svg_text(figure)


@pytest.mark.parametrize("strand", ["+", "-"])
def test_context_around_a_window_has_its_own_coordinates(tmp_path, strand):
    """A window of 7 bases in the middle of 12: where `context.Sequences` puts it."""
    chromosome = np.random.default_rng(0).integers(0, 4, 40).astype(np.uint8)
    (tmp_path / "genome.fa").write_text(f">chr1\n{''.join('ACGT'[base] for base in chromosome)}\n")
    frame = pd.DataFrame({"id": ["w"], "chrom": ["chr1"], "start": [14], "end": [21], "strand": [strand]})
    seen = Sequences(frame, None, 12, "genome", Genome(tmp_path / "genome.fa"))[:][0]
    places, label = attribution_logos.coordinates(frame, "windows.tsv", "w", 12)
    there = chromosome[places - 1]
    np.testing.assert_array_equal(seen, there if strand == "+" else 3 - there)
    assert label == (
        "Position on chr1, minus strand (bp, 1-based)" if strand == "-" else "Position on chr1 (bp, 1-based)"
    )


def test_attributions_of_other_sequences_are_refused(tmp_path):
    sources, _ = attribution_files(tmp_path, METHODS[:2])
    arrays = dict(np.load(sources[1]["path"]))
    arrays["sequences"][3, 5] = (arrays["sequences"][3, 5] + 1) % 4
    np.savez(sources[1]["path"], **arrays)
    with pytest.raises(InputError, match=rf"tism.npz: id '{arrays['ids'][3]}' has another sequence than in .*npz"):
        drawn("attribution_logos", {"attributions": sources}, RUN)


def test_attributions_twice_or_not_finite_are_refused(tmp_path):
    sources, _ = attribution_files(tmp_path, METHODS[:1])
    arrays = dict(np.load(sources[0]["path"]))
    np.savez(sources[0]["path"], **arrays | {"ids": np.where(arrays["ids"] == "s001", "s002", arrays["ids"])})
    with pytest.raises(InputError, match="id 's002', target 'ir' occurs more than once"):
        reading.attributions(sources)
    arrays["multipliers"][4, 0, 0] = np.nan
    np.savez(sources[0]["path"], **arrays)
    with pytest.raises(InputError, match=f"id '{arrays['ids'][4]}': multipliers are not finite in 1 of 24 rows"):
        reading.attributions(sources)


def test_attributions_and_truth_without_a_row(tmp_path):
    sources, truth = attribution_files(tmp_path, METHODS[:2])
    files.write_table(truth, files.read_table(truth).head(0))
    assert "s000" in svg_text(drawn("attribution_logos", {"attributions": sources, "truth": truth}, RUN))
    arrays = dict(np.load(sources[0]["path"]))
    np.savez(sources[0]["path"], **{name: array[:0] if array.ndim else array for name, array in arrays.items()})
    for figure in ("attribution_logos", "method_agreement"):
        assert "share no sequence" in svg_text(drawn(figure, {"attributions": sources}, RUN))


def test_a_window_of_another_length_is_refused(tmp_path):
    inputs = awkward_logos(tmp_path)
    windows = files.read_table(inputs["windows"])
    files.write_table(inputs["windows"], windows.assign(end=65461))
    with pytest.raises(InputError, match="windows.tsv: id 'ENST.*spans 61 bases, its sequence 60; expected no more"):
        drawn("attribution_logos", inputs, RUN)


# Agreement of methods


def test_correlations_equal_those_of_scipy(tmp_path):
    sources, _ = attribution_files(tmp_path, METHODS[:3], n=6, length=150)
    parts = reading.attributions(sources)
    values = method_agreement.correlations(parts)
    assert values.shape == (2, 2, 3, len(parts[0].ids))
    for pair, (a, b) in enumerate(itertools.combinations(parts, 2)):
        for row in range(3):
            full = [scores.transform(part.multipliers[row], part.codes[row], "corrected") for part in (a, b)]
            at_base = [score[part.codes[row], np.arange(150)] for score, part in zip(full, (a, b), strict=True)]
            for which, vectors in enumerate(([score.ravel() for score in full], at_base)):
                expected = pearsonr(*vectors)[0], spearmanr(*vectors)[0]
                np.testing.assert_allclose(values[which, :, pair, row], expected, atol=1e-5)


def test_agreement_says_medians_and_n_and_bears_constant_scores(tmp_path):
    sources, _ = attribution_files(tmp_path, METHODS[:3])
    arrays = dict(np.load(sources[1]["path"]))
    arrays["multipliers"][:] = 0
    np.savez(sources[1]["path"], **arrays)
    parts = reading.attributions(sources)
    values = method_agreement.correlations(parts)
    assert np.isnan(values[:, :, [0, 2]]).all() and np.isfinite(values[:, :, 1]).all()
    text = svg_text(drawn("method_agreement", {"attributions": sources}, RUN))
    assert f"n = {len(parts[0].ids)} sequence\u2013target pairs" in text
    assert text.count("undefined: constant scores") == 8
    for median in np.median(values[:, :, 1], axis=-1).ravel():
        assert f"{median:.2f}\n" in text


def test_methods_without_a_common_row_are_explained(tmp_path):
    sources, _ = attribution_files(tmp_path, METHODS[:2])
    arrays = dict(np.load(sources[1]["path"]))
    np.savez(sources[1]["path"], **arrays | {"target": np.full(len(arrays["target"]), "other")})
    for figure in ("method_agreement", "attribution_logos"):
        assert "share no sequence" in svg_text(drawn(figure, {"attributions": sources}, RUN))


# Discovered motifs


def test_motifs_say_names_q_values_and_the_control(tmp_path):
    inputs = discovery(tmp_path, METHODS[:1], recovery=True)
    text = svg_text(drawn("discovered_motifs", inputs, RUN | {"n_patterns": 3}))
    for expected in (
        "6 patterns; in shuffled attributions: 1",
        "n = 1,400",
        "CTCF",
        "1.0\u00d710\u207b\u2079",
        "FOSL2::JUN",
    ):
        assert expected in text
    assert "pos_2\n" in text and "n = 350" not in text and "9,999" not in text
    assert "Planted motifs found again by any method: 4 of 6" in text
    assert "pos_0 (family)" in text and text.count("not found") == 2


def test_contributions_are_trimmed_and_missing_patterns_named(tmp_path):
    inputs = discovery(tmp_path, METHODS[:1])
    module = import_module("cisflow.figures.discovered_motifs")
    path = inputs["runs"][0]["modisco"]
    weights = module.contributions(path, "pos_0")
    assert weights.shape == (4, len(CTCF) + 2)
    assert dna.decode(weights.argmax(axis=0).astype(np.uint8))[1:-1] == CTCF
    with pytest.raises(InputError, match=r"pattern 'pos_7' not found as pos_patterns/pattern_7"):
        module.contributions(path, "pos_7")


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("offset", [-3, 0, 4])
def test_align_finds_where_a_motif_was_put(offset, reverse):
    heights = logos.information_heights(probabilities(CTCF))
    placed = heights[::-1, ::-1] if reverse else heights
    pattern = np.zeros((4, 24))
    left, right = max(0, offset), min(24, offset + len(CTCF))
    pattern[:, left:right] = placed[:, left - offset : right - offset]
    oriented, found, flipped = logos.align(pattern, heights)
    assert (found, flipped) == (offset, reverse)
    np.testing.assert_array_equal(oriented, placed)


def test_information_heights_sum_to_the_information():
    matrix = np.array([[1, 0.25, 0.5], [0, 0.25, 0.5], [0, 0.25, 0], [0, 0.25, 0]])
    np.testing.assert_allclose(logos.information_heights(matrix).sum(axis=0), [2, 0, 1])


def test_a_match_outside_the_database_is_refused(tmp_path):
    inputs = discovery(tmp_path, METHODS[:1])
    table = files.read_table(inputs["runs"][0]["patterns"])
    files.write_table(inputs["runs"][0]["patterns"], table.assign(match_id="MA9999.1"))
    with pytest.raises(InputError, match="match 'MA9999.1' is not in the motif database"):
        drawn("discovered_motifs", inputs, RUN)


# Beside a published study


def test_performance_says_published_numbers_and_draws_the_set_alone(tmp_path):
    inputs = with_published(tmp_path, MODELS[:4])
    rows = study_settings(MODELS[:4])["study"]["published"]
    del rows[MODELS[1]]
    whole = drawn("performance_curves", inputs, SPLIT)
    figure = drawn("performance_curves", inputs, SPLIT | {"models": MODELS[:2], "published": rows, "same_data": True})
    text = svg_text(figure)
    assert "0.800, 0.600" in text and "0.790, 0.600" not in text and MODELS[2] + "\n" not in text
    assert "Published: on the same data, base rate 27.2%" in text and "count each strand a row" in text
    # A set keeps the colours of the whole.
    lines = [{line.get_label(): line.get_color() for line in each.axes[0].lines} for each in (figure, whole)]
    assert all(lines[0][model] == lines[1][model] for model in MODELS[:2])
    assert "Published: on other data" in svg_text(drawn("performance_curves", inputs, SPLIT | {"published": rows}))


def test_performance_on_another_split_does_not_claim_the_published_one(tmp_path):
    inputs = with_published(tmp_path, MODELS[:4])
    settings = {"published": study_settings(MODELS[:4])["study"]["published"], "same_data": True}
    settings |= {"published_split": "random"}
    text = svg_text(drawn("performance_curves", inputs, SPLIT | settings))
    assert "Published: on the same data" in text and "not on this one" not in text
    text = svg_text(drawn("performance_curves", inputs, SPLIT | settings | {"split": "chromosome"}))
    assert "Published: measured on split 'random', not on this one" in text and "same data" not in text


def test_study_comparison_draws_each_way_to_measure(tmp_path):
    models = [*MODELS[5:9], "LR on GC"]
    inputs = study(tmp_path, models)
    figure = drawn("study_comparison", inputs, study_settings(models))
    table = reading.table(inputs["metrics"], reading.METRICS, ("value", "lower", "upper"))
    table = table[(table["seed"] == "mean") & table["model"].isin(models[:-1])]
    ways = {
        "s": {"split": "random", "strands": "separate"},
        "o": {"split": "random", "strands": "averaged"},
        "^": {"split": "chromosome", "strands": "averaged"},
    }
    for axes, published, right in zip(
        figure.axes, ("auroc", "auprc_trapezoid"), ("auroc", "average_precision"), strict=True
    ):
        for marker, where in ways.items():
            rows = reading.matching(table, **where, metric=published if marker == "s" else right)
            (line,) = [line for line in axes.lines if line.get_marker() == marker]
            np.testing.assert_allclose(np.sort(line.get_xdata()), np.sort(rows["value"]))
        (paper,) = [line for line in axes.lines if line.get_marker() == "D"]
        expected = [0.77, 0.78, 0.79, 0.8] if published == "auroc" else [0.6] * 4
        np.testing.assert_allclose(np.sort(paper.get_xdata()), expected)
        assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == models[:-1]


def test_study_comparison_says_where_composition_comes_close_and_whose_data_it_is(tmp_path):
    inputs = study(tmp_path, MODELS[:4], close=MODELS[1:2])
    text = svg_text(drawn("study_comparison", inputs, study_settings(MODELS[:4])))
    line = f"{MODELS[3]}, which sees GC content alone, is as good as or better than a model in AUROC on chromosome: "
    assert line + f"{MODELS[1]} (+0.012)." in text.replace("\n", " ")
    assert "measured on other data" in text and "Published (other data)" in text
    assert "Base rate behind the published AUPRC: 27.2%." in text
    plain = study(tmp_path, MODELS[:4])
    text = svg_text(drawn("study_comparison", plain, study_settings(MODELS[:4], same_data=True))).replace("\n", " ")
    assert "as good as" not in text and "other data" not in text and "Published (split random)" in text
    assert f"{MODELS[3]}: GC content alone, chromosome, 95% interval" in text


def test_top_targets_are_the_highest_and_lowest_weights_in_the_colours_of_their_families(tmp_path):
    inputs = weight_tables(tmp_path, TARGETS, 2)
    figure = drawn("top_targets", inputs, WEIGHTS | {"n": 7})
    mean = np.mean([pd.read_csv(path, sep="\t")["weight"] for path in inputs["weights"]], axis=0)
    bars = figure.axes[0].patches
    np.testing.assert_allclose([bar.get_width() for bar in bars], [*mean[:7], *mean[-5:]])
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names[:5] == ["HepG2 ZNF274", "293T ZNF101", "K562 Pol2(phosphoS2)", "LNCaP MYC", "NHEK CTCF"]
    colours = [bar.get_facecolor() for bar in bars]
    assert colours[0] == colours[1] and len({*colours[1:8]}) == 7


def test_published_targets_stand_beside_ours_in_the_colours_of_their_families(tmp_path):
    inputs = weight_tables(tmp_path, TARGETS, 1) | {"published": PAPER_TARGETS}
    settings = WEIGHTS | {"published_model": "LGBM", "where": "measured on other data"}
    figure = drawn("top_targets", inputs, settings)
    (axes,) = [axes for axes in figure.axes if axes.get_title(loc="left") == "As published" or len(axes.patches) == 20]
    table = pd.read_csv(PAPER_TARGETS, sep="\t")
    rows = table[table["model"] == "LGBM"]
    np.testing.assert_allclose([bar.get_width() for bar in axes.patches], rows["value"])
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == (rows["biosample"] + " " + rows["target"]).tolist()
    colours = [bar.get_facecolor() for bar in figure.axes[0].patches]
    # Pol II first and fifth MYC, as third and fourth of ours; ZNF101 eighth, as second.
    assert [axes.patches[i].get_facecolor() for i in (0, 4, 7)] == [colours[i] for i in (2, 3, 1)]
    assert "the 20 highest of LGBM, measured on other data" in svg_text(figure)
    with pytest.raises(InputError, match="top_targets.tsv: no row of model 'FSei'; expected one of LGBM, LR"):
        drawn("top_targets", inputs, settings | {"published_model": "FSei"})


def test_the_published_targets_are_those_of_the_study():
    table = pd.read_csv(PAPER_TARGETS, sep="\t")
    assert table.columns.tolist() == ["model", "rank", "biosample", "target", "value"]
    for model, rows in table.groupby("model"):
        assert rows["rank"].tolist() == list(range(1, 21)) and rows["value"].is_monotonic_decreasing, model
    first = table[table["rank"] == 1].set_index("model")
    assert first["value"].to_dict() == {"LR": 0.652, "LGBM": 364} and not table.isna().any(axis=None)


def test_shares_of_the_signal_are_those_of_absolute_weights(tmp_path):
    module = import_module("cisflow.figures.top_targets")
    table = module.signal(*weight_tables(tmp_path, TARGETS, 1).values())
    for column in ("group", "family"):
        part = module.shares(table, column)
        np.testing.assert_allclose(part[["share", "of_targets"]].sum(), 1)
    total = table["weight"].abs().sum()
    part = module.shares(table, "biosample").set_index("label")
    k562 = np.linspace(1, -0.4, len(TARGETS))[[2, 6]].sum() / total
    np.testing.assert_allclose(part.loc["K562", ["share", "of_targets"]].to_list(), [k562, 2 / len(TARGETS)], rtol=1e-6)


def test_weights_of_other_targets_are_refused(tmp_path):
    inputs = weight_tables(tmp_path, FACTORS, 2)
    table = files.read_table(inputs["weights"][1])
    files.write_table(inputs["weights"][1], table[::-1])
    with pytest.raises(InputError, match="weights1.tsv: its targets are not those of .*weights0.tsv"):
        drawn("top_targets", inputs, WEIGHTS)
    files.write_table(inputs["targets"], files.read_table(inputs["targets"]).iloc[1:])
    with pytest.raises(InputError, match="target 'CTCF' is not in .*targets.tsv .1 are not."):
        drawn("top_targets", inputs | {"weights": inputs["weights"][:1]}, WEIGHTS)


# Top factors


def test_factors_are_the_significant_ones_and_say_their_q_values(tmp_path):
    sources = score_tables(tmp_path, METHODS[:2], n_significant=(22, 5))
    figure = drawn("top_factors", {"scores": sources}, RUN | {"n": 8})
    text = svg_text(figure)
    for source, (ratio, count), n in zip(sources, (figure.axes[:2], figure.axes[2:]), (8, 5), strict=True):
        table = pd.read_csv(source["path"], sep="\t").head(n)
        np.testing.assert_allclose(ratio.lines[0].get_xdata(), table["log2_ratio"])
        np.testing.assert_allclose(count.lines[0].get_xdata(), table["n_background"] / 320)
        np.testing.assert_allclose(count.lines[1].get_xdata(), table["n_hot"] / 320)
        assert [label.get_text()[:5] for label in ratio.get_yticklabels()] == [name[:5] for name in FACTORS[:n]]
        for q in table["q_value"]:
            assert style.small(q) in text
    assert "22 of 22 factors with q \u2264 0.05" in text and "5 of 22 factors" in text


def test_a_table_without_a_row_is_explained(tmp_path):
    sources = score_tables(tmp_path, METHODS[:1])
    files.write_table(sources[0]["path"], files.read_table(sources[0]["path"]).head(0))
    assert "nothing to test" in svg_text(drawn("top_factors", {"scores": sources}, RUN))


# Sequence classes of variants


def test_the_variants_shown_are_those_with_the_largest_scores_in_their_order(tmp_path):
    inputs = variant_table(tmp_path, 9, 3)
    table = pd.read_csv(inputs["scores"], sep="\t").sort_values("max_abs_class_score", ascending=False)
    text = svg_text(drawn("variant_classes", inputs, {"n": 4}))
    assert "4 of 9 variants" in text
    assert re.findall(r"rs1\d+", text) == [name.split(":")[0] for name in table["id"].head(4)]


# What all share


@pytest.mark.parametrize("name", [*FIGURES, "attribution_cost"])
def test_missing_inputs_and_settings_are_named(name):
    with pytest.raises(InputError, match=f"figure {name}: inputs has no .*; expected .*, found nothing"):
        drawn(name, {}, {})


def test_missing_keys_of_a_source_are_named(tmp_path):
    with pytest.raises(InputError, match="figure top_factors: inputs, scores has no path; expected method, path"):
        drawn("top_factors", {"scores": [{"method": "ism"}]}, RUN)


@pytest.mark.parametrize("case", [name for name in CASES if "no " in f"{name} " or "nothing" in name], indirect=True)
def test_empty_results_say_why(case, tmp_path):
    text = svg_text(drawn(*case)).replace("\n", " ")
    assert re.search(r"No |None of|Only 12 seqlets|at least two", text)


@pytest.mark.parametrize("width", [5, 12, 40])
@pytest.mark.parametrize("text", [*LONG[:1], "a-b_c.d/e f", "PPARG::RXRA", "x" * 30, ""])
def test_wrap_keeps_every_letter_within_the_width(text, width):
    lines = style.wrap(text, width).split("\n")
    assert all(len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize(
    ("value", "text"), [(0.04999, "0.050"), (0.001, "0.001"), (1.04e-12, "1.0\u00d710\u207b\u00b9\u00b2"), (0, "0")]
)
def test_small_numbers(value, text):
    assert style.small(value) == text
    assert style.small(np.nan) == style.number(np.nan) == "n/a"


def test_thirty_five_models_look_different():
    looks = style.looks([f"m{i}" for i in range(35)])
    assert len({(look.colour, look.dashes) for look in looks.values()}) == 35


# Captions


class Wildcards(SimpleNamespace):
    """Stands for Snakemake's."""


@pytest.mark.parametrize("name", [*FIGURES, "motif_report", "study", "tables", "workflow"])
def test_captions_are_valid_and_name_their_dataset(name):
    jinja2, docutils = pytest.importorskip("jinja2"), pytest.importorskip("docutils.core")
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
    wildcards = {
        "dataset": "demo_data",
        "job": "demo_data",
        "model": "FSei",
        "split": "random",
        "seed": "1",
        "method": "tism",
    }
    for known in (wildcards, {"dataset": "demo_data", "job": "demo_data"}):
        snakemake = SimpleNamespace(wildcards=Wildcards(**known), config={"datasets": {"demo_data": {}}})
        text = environment.from_string((REPORT / f"{name}.rst").read_text()).render(snakemake=snakemake)
        assert "demo_data" in text
        strict = {"halt_level": 2, "report_level": 2}
        assert docutils.publish_parts(text, writer="html", settings_overrides=strict)["body"]
