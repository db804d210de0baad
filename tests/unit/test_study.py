"""The page of a study: numbers planted in the tables come out in its sentences, and in none that are not there."""

import itertools
import json
import re

import numpy as np
import pandas as pd
import pytest

from cisflow.__main__ import main
from cisflow.errors import InputError
from cisflow.features import arrays as features
from cisflow.features import families
from cisflow.io import files
from cisflow.io.arrays import read_array, write_array
from cisflow.io.tables import read_table, write_table
from cisflow.report import page, tables

SPLITS = ("published", "chromosome")
# AUROC of strands as rows on the published split, then averaged on the published and on the held-out one.
AUROC = {"fsei": (0.810, 0.820, 0.790), "attention": (0.780, 0.785, 0.770), "lr_tf": (None, 0.805, 0.800)}
AUROC |= {"gc": (None, 0.640, 0.630)}
MODELS = {
    "fsei": {"architecture": "FSei", "pretrained": "sei.pth", "freeze": True, "seeds": [1, 2]},
    "attention": {"architecture": "AttentionConv", "seeds": [1, 2]},
    "lr_tf": {"classifier": "logistic_regression", "features": "sei", "settings": {"standardise": False}, "seeds": [1]},
    "gc": {"classifier": "logistic_regression", "features": "gc", "seeds": [1]},
}
PUBLISHED = {"fsei": ("FSei", 0.815, 0.654), "lr_tf": ("LR", 0.900, 0.636)}


def metric_rows():
    """Rows of metrics.tsv: average precision is AUROC - 0.2 and its area by trapezoids 0.01 more."""
    rows = []
    for model, (single, *averaged) in AUROC.items():
        several = len(MODELS[model].get("seeds", [1]))
        places = [("published", "separate", single), *zip(SPLITS, ("averaged",) * 2, averaged, strict=True)]
        for split, strands, auroc in places:
            if auroc is None:
                continue
            values = {"auroc": auroc, "average_precision": auroc - 0.2, "auprc_trapezoid": auroc - 0.19}
            values |= {"calibration_error": 1 - auroc, "calibration_slope": 0.9 if model == "fsei" else 1.1}
            for metric, value in values.items():
                known = metric != "calibration_error"
                rows.append(
                    {"dataset": "demo", "split": split, "model": model, "fold": "test", "target": "ir", "seed": "mean"}
                    | {"strands": strands, "metric": metric, "value": value, "n": 200, "n_positive": 50}
                    | {"lower": value - 0.012 if known else None, "upper": value + 0.013 if known else None}
                    | {"minimum": value - 0.004, "maximum": value + 0.005, "n_seeds": several}
                )
    return rows


def comparison_rows(close):
    rows = []
    for split, (a, b) in itertools.product(SPLITS, itertools.combinations(AUROC, 2)):
        difference = AUROC[a][1] - AUROC[b][1]
        same = {a, b} == {"fsei", "lr_tf"}
        row = {"dataset": "demo", "split": split, "fold": "test", "target": "ir", "metric": "auroc", "model_a": a}
        row |= {"model_b": b, "difference": difference, "lower": difference - 0.02, "upper": difference + 0.02}
        row |= {"p_holm": 0.3 if same else 0.01, "delong_holm": 0.2 if same else 0.001}
        rows.append(row | {"close": int(b == "gc" and a in close), "baseline": int(b == "gc")})
    return rows


def fitted(folder, model, split, converged=True, seed=1):
    path = folder / "models" / model / split / f"seed{seed}" / "manifest.json"
    files.write_json(path, {"seed": seed, "chosen": {"C": 0.1, "converged": converged}})


@pytest.fixture
def folder(tmp_path):
    """A dataset of 400 windows, 100 of them positive, half of them for testing, with its tables."""
    ids = [f"w{i}" for i in range(400)]
    write_table(tmp_path / "windows.tsv", pd.DataFrame({"id": ids}))
    write_array(tmp_path / "sequences.npy", np.zeros((400, 10), dtype=np.uint8))
    write_array(tmp_path / "targets.npy", (np.arange(400) % 4 == 0).astype(np.float32)[:, None])
    write_table(tmp_path / "targets.tsv", pd.DataFrame({"target": ["ir"]}))
    folds = np.repeat(["train", "valid", "test"], (150, 50, 200))
    checks = [("overlap", "train", 31, ""), ("near_duplicate", "train", 0, ""), ("sei_trained", "", 200, "")]
    for number, split in enumerate(SPLITS):
        write_table(tmp_path / "splits" / f"{split}.tsv", pd.DataFrame({"id": ids, "fold": folds}))
        rows = [
            {"check": check, "fold": "test", "other": other, "count": count + number, "n": 200, "note": note}
            | {"fraction": (count + number) / 200}
            for check, other, count, note in checks
        ]
        unknown = {"check": "shared_gene", "fold": "test", "other": "train", "n": 0, "note": "no gene annotation given"}
        for model in ("lr_tf", "gc"):
            fitted(tmp_path, model, split)
        frame = pd.DataFrame([*rows, unknown])
        write_table(tmp_path / "splits" / f"{split}.leakage.tsv", frame.astype({"count": "Int64"}))
    write_table(tmp_path / "evaluation" / "metrics.tsv", pd.DataFrame(metric_rows()))
    write_table(tmp_path / "evaluation" / "comparisons.tsv", pd.DataFrame(comparison_rows(["attention"])))
    names = ["K562 | CTCF | ENCODE", "K562 | DNase.hot | Roadmap", "H9 | FAIRE | ENCODE", "H9 | H1.2 | x"]
    table = pd.DataFrame({"name": names, "group": [features.group_of(name) for name in names]})
    write_table(tmp_path / "features" / "sei" / "targets.tsv", table)
    rows = [
        {"model": name, "features": "x", "auroc": a, "auprc": b, "base_rate": 0.272}
        for name, a, b in PUBLISHED.values()
    ]
    write_table(tmp_path / "published.tsv", pd.DataFrame(rows))
    return tmp_path


def settings(**changes):
    rows = {model: {"model": row[0], "features": "x"} for model, row in PUBLISHED.items()}
    entry = {"splits": dict(zip(("published", "held_out"), SPLITS, strict=True)), "published": rows, "same_data": True}
    return {
        "dataset": "demo",
        "study": entry | changes,
        "splits": list(SPLITS),
        "models": MODELS,
        "baselines": {"gc": 1},
        "resamples": 5000,
        "extractors": {"sei": {"groups": "legacy", "context": "pad", "length": 4000, "strands": "separate"}},
        "figures": ["study_comparison.svg"],
    }


def written(folder, **changes):
    return page.text(tables.read(folder, folder / "published.tsv", settings(**changes)))


def section(text, title):
    return re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)[1]


def change(folder, edit, name="metrics"):
    path = folder / "evaluation" / f"{name}.tsv"
    write_table(path, edit(pd.read_csv(path, sep="\t")))


def test_data_are_counted(folder):
    text = section(written(folder), "Data")
    assert "400 windows, of which 100 (25.0%) are positive for target `ir`" in text
    assert "| `chromosome` | test | 200 | 200 | 50 | 25.0% |" in text
    assert "`chromosome` is chosen in the config as the held-out one" in text
    assert "not the data" not in text
    text = written(folder, same_data=False)
    assert "**These are not the data of the published study.**" in text and "lies in our interval for" not in text


def test_windows_without_a_label_are_no_negatives(folder):
    labels = read_array(folder / "targets.npy", np.float32, (400, None)).copy()
    labels[-100:][labels[-100:] == 0] = np.nan
    write_array(folder / "targets.npy", labels)
    text = section(written(folder), "Data")
    # Of the last 100 windows, all for testing, the 25 positives alone have a label.
    assert "400 windows, 325 of them with a label, of which 100 (30.8%) are positive" in text
    assert "| `chromosome` | test | 200 | 125 | 50 | 40.0% |" in text


def test_published_numbers_stand_beside_ours(folder):
    text = section(written(folder), "What was reproduced")
    # FSei: strands as rows; the classifier, which has no single ones: averaged.
    assert (
        "| `fsei` | 0.815 | 0.810 (0.798 to 0.823) | -0.005 | 0.654 | 0.620 (0.608 to 0.633) | -0.034 |" in text
        and "| `lr_tf` | 0.900 | 0.805 (0.793 to 0.818) | -0.095 | 0.636 | 0.615 (0.603 to 0.628) | -0.021 |" in text
    )
    assert "The published AUROC lies in our interval for 1 of 2 models; not for `lr_tf`." in text
    assert "The published AUPRC lies in our interval for 0 of 2 models; not for `fsei` and `lr_tf`." in text
    assert "No published number answers to `attention`." in text
    assert "27.2% behind the published numbers, 25.0% of our test fold." in text


def test_each_change_is_measured_by_itself(folder):
    text = section(written(folder), "What changed, and why")
    assert "trapezoids give +0.010 on average" in text
    assert "changes AUROC by +0.007 on average, from +0.005 (`attention`) to +0.010 (`fsei`)" in text
    assert "`lr_tf` have no predictions of single strands: they read features of both merged, or" in text
    assert "AUROC changes by -0.017 on average, from -0.030 (`fsei`) to -0.005 (`lr_tf`)" in text
    assert "2 models were trained with several seeds" in text and "0.786 to 0.795 over 2 seeds" in text
    assert "`lr_tf` ran with one seed, so that its spread is not known." in text
    assert "| `gc` | `chromosome` | 0.630 (0.618 to 0.643) | one | 0.430 (0.418 to 0.443) |" in text
    assert "base rates" not in text


SIMPLE = "What GC content and short words can do"


def test_a_baseline_that_is_as_good_is_named(folder):
    text = section(written(folder), SIMPLE)
    line = "`gc` sees GC content alone and has AUROC 0.630 (0.618 to 0.643) on `chromosome`. "
    verdict = "**It is as good as or better than 1 of 3 models**: `attention` (+0.145). What these predict may be "
    assert line + verdict + "GC content." in text
    change(folder, lambda frame: frame.assign(close=0), "comparisons")
    text = section(written(folder), SIMPLE)
    assert "as good as none of 3 models: the nearest, `attention`, is better by 0.145 (0.125 to 0.165)" in text


def test_a_baseline_that_wins_is_said_to_be_better(folder):
    def lose(frame):
        lost = (frame["model_a"] == "attention") & (frame["baseline"] == 1)
        return frame.assign(difference=np.where(lost, -0.15, frame["difference"]))

    change(folder, lose, "comparisons")
    text = section(written(folder), SIMPLE)
    assert "as good as or better than 1 of 3 models**: `attention` (-0.150)." in text and "better by -" not in text


def test_a_baseline_below_chance_is_not_called_weak(folder):
    assert "below chance" not in written(folder)

    def low(frame):
        rows = (frame["model"] == "gc") & (frame["split"] == "chromosome") & (frame["metric"] == "auroc")
        return frame.assign(
            value=frame["value"].mask(rows, 0.22),
            lower=frame["lower"].mask(rows, 0.18),
            upper=frame["upper"].mask(rows, 0.26),
        )

    change(folder, low)
    change(folder, lambda frame: frame.assign(close=0), "comparisons")
    lines = section(written(folder), SIMPLE).splitlines()
    (line,) = [line for line in lines if "on `chromosome`" in line]
    assert (
        "**That is below chance: reversed it would be 0.780.** So GC content separates this test fold, in the" in line
    )
    assert "opposite direction to training" in line and "as good as none" not in line
    # The models have 0.790, 0.770 and 0.800.
    assert "Reversed it would be as good as or better than `attention`." in line
    (line,) = [line for line in lines if "on `published`" in line]
    assert "below chance" not in line and "as good as none of 3 models" in line


def test_a_model_below_chance_is_named_with_its_numbers(folder):
    def low(frame):
        rows = (frame["model"] == "attention") & (frame["split"] == "chromosome") & (frame["metric"] == "auroc")
        changed = {name: frame[name].mask(rows, at) for name, at in (("value", 0.38), ("lower", 0.31), ("upper", 0.45))}
        return frame.assign(**changed)

    change(folder, low)
    (line,) = [line for line in written(folder).splitlines() if "elow chance" in line]
    assert "on `chromosome`" in line and "`attention` 0.380 (0.310 to 0.450)" in line


def test_a_baseline_on_words_is_not_called_composition(folder):
    words = settings() | {"baselines": {"gc": 4}}
    text = page.text(tables.read(folder, folder / "published.tsv", words))
    assert "`gc` sees 4-mers alone (short words without position or order)" in text
    assert "What these predict may be 4-mers." in text and "composition" not in text and "GC content alone" not in text


def test_leakage_is_counted_and_what_is_not_known_says_why(folder):
    text = section(written(folder), "What the folds have in common")
    assert "`published`: 31 of 200 test windows (15.5%) share a base of the genome with a training window." in text
    assert "`chromosome`: 1 of 200 test windows (0.5%) are nearly the same sequence as a training window." in text
    assert "`published`: 200 of 200 test windows (100.0%) lie on a chromosome that Sei was trained on." in text
    assert text.count("lie on a gene that has a training window too is not known (no gene annotation given)") == 2


def test_the_held_out_split_is_judged_by_the_counts(folder):
    text = section(written(folder), "What the folds have in common")
    # The fixture gives the split that is called held out one more of each, and no genes.
    shown = "more by overlapping windows, near-duplicates, chromosomes that Sei was trained on."
    assert f"the test fold of `chromosome` leaks, against `published`: {shown}" in text
    path = folder / "splits" / "chromosome.leakage.tsv"
    table = read_table(path)
    table.loc[table["check"] == "overlap", "fraction"] = 0.1
    table.loc[table["check"] == "near_duplicate", "fraction"] = 0.0
    write_table(path, table)
    text = section(written(folder), "What the folds have in common")
    shown = "less by overlapping windows; as much by near-duplicates; more by chromosomes that Sei was trained on."
    assert shown in text


def test_calibration_and_pairs(folder):
    text = written(folder)
    assert "from 0.200 (`lr_tf`) to 0.230 (`attention`)" in section(text, "Calibration")
    assert "overconfident, for 1 of 3 models" in section(text, "Calibration")
    pairs = section(text, "Which models differ")
    assert "`published`: of 6 pairs of models, 5 differ in AUROC after Holm's adjustment" in pairs
    assert "5 by DeLong's test. The highest AUROC is that of `fsei`; `lr_tf` cannot be told from it." in pairs
    few = settings() | {"resamples": 100}
    pairs = page.text(tables.read(folder, folder / "published.tsv", few))
    assert f"the bootstrap's least adjusted p-value is {12 / 101:.3f}" in pairs


def test_notes_are_those_of_the_models_at_hand(folder):
    text = section(written(folder), "What to know of the models")
    assert "`fsei` starts from the weights of `sei.pth`, which stay as they are." in text
    assert "`attention` attends along the sequence." in text
    assert "the 4 targets of group TF hold 2 accessibility tracks and 1 histone track" in text
    assert "DNABERT" not in text and "standardised" not in text and "search" not in text
    with_others = settings()
    with_others["models"] = {
        "bert": {"architecture": "DNABERT2"},
        "lr": {"classifier": "logistic_regression", "settings": {}, "seeds": [1]},
        "boosted": {"classifier": "lightgbm", "tune": {}},
    }
    for split in SPLITS:
        fitted(folder, "lr", split)
    text = page.text(tables.read(folder, folder / "published.tsv", with_others))
    assert "`bert` starts from random weights. The published DNABERT-2 was very probably" in text
    assert (
        "- `lr`: features are standardised; the published ones were not." in text
        and "- `boosted`: the folds of the search" in text
    )
    assert "attends along" not in text


def test_each_difference_from_the_published_training_is_one_sentence(folder):
    def notes(**models):
        given = settings() | {"models": models}
        return section(page.text(tables.read(folder, folder / "published.tsv", given)), "What to know of the models")

    published = {"schedule": "published", "reverse_complement": "append", "shift": 0, "optimizer": "sgd"}
    as_published = {"architecture": "FSei", "settings": {"two_logits": True}, "training": published}
    text = notes(a=as_published)
    assert not re.search("learning rate|random strand|moved|logit|trained by|sizes", text)
    changed = {"schedule": "warmup_cosine", "reverse_complement": "random", "shift": 7, "optimizer": "adamw"}
    # The name says nothing: the config alone does.
    other = {"architecture": "FSei", "settings": {"hidden": 64}, "training": changed}
    text = notes(a=as_published, fsei_modern=as_published, b=other, c=other | {"architecture": "BassetLike"})
    for line in (
        "- `b` and `c`: the learning rate rises from 0 and falls to 0, batch by batch;",
        "- `b` and `c`: each window is shown on a random strand;",
        "- `b` and `c`: windows are moved by up to 7 bases at random in training;",
        "- `b` and `c`: the last layer has one logit a target; the published one had two.",
        "- `b` and `c`: the sizes of the network are its own (`hidden`), not the published ones.",
        "- `b`: trained by AdamW, the published network by SGD.",
    ):
        assert text.count(line) == 1
    assert not re.search("^- .*(`a`|modern`).*:", text, re.MULTILINE)


def test_what_features_are_made_of_is_said_of_the_models_that_read_them(folder):
    text = section(written(folder), "What to know of the models")
    line = "- Features `sei`, which `lr_tf` reads: the window with unknown bases around it, each 0.25 of every base, "
    assert line + "4,000 bases in all, and each strand as a row of its own. The published features" in text
    assert "- `lr_tf`: fitted to the optimum by L-BFGS, with an L2 penalty chosen on the validation fold." in text
    given = settings()
    given["extractors"]["sei"] = {"groups": "legacy", "context": "genome", "length": 4096, "strands": "both"}
    text = page.text(tables.read(folder, folder / "published.tsv", given))
    assert "the genome's own sequence around it, 4,096 bases in all, and the mean over both strands." in text
    given["extractors"]["sei"] = {"groups": "legacy", "context": "pad", "padding": "zeros", "strands": "separate"}
    text = page.text(tables.read(folder, folder / "published.tsv", given))
    assert "- Features `sei`, which `lr_tf` reads: the window with zeros around it, and each strand as a row" in text


def test_attention_across_the_batch_is_told(folder):
    across = {"architecture": "AttentionConv", "settings": {"two_logits": True, "attention": "batch"}}
    given = settings()
    given["models"] = given["models"] | {"attention": across}
    text = section(page.text(tables.read(folder, folder / "published.tsv", given)), "What to know of the models")
    assert "- `attention` attends across the batch, as published" in text and "along the sequence" not in text
    assert "sizes of the network" not in text


def test_a_regression_short_of_its_optimum_is_named(folder):
    assert "Stopped short" not in written(folder)
    fitted(folder, "gc", "chromosome", converged=False)
    line = "- **Stopped short of the optimum**: `gc` on `chromosome` with seed 1."
    assert line in section(written(folder), "What to know of the models")


def test_every_split_is_in_the_table(folder):
    for name in ("splits/chromosome.tsv", "splits/chromosome.leakage.tsv"):
        write_table(folder / name.replace("chromosome", "cluster"), read_table(folder / name))

    def more(frame):
        rows = frame[frame["split"] == "chromosome"]
        shifted = {name: rows[name] - 0.1 for name in ("value", "lower", "upper")}
        return pd.concat([frame, rows.assign(split="cluster", **shifted)])

    change(folder, more)
    for model in ("lr_tf", "gc"):
        fitted(folder, model, "cluster")
    given = settings() | {"splits": [*SPLITS, "cluster"]}
    text = section(page.text(tables.read(folder, folder / "published.tsv", given)), "What changed, and why")
    assert "| `fsei` | `cluster` | 0.690 (0.678 to 0.703) | 0.786 to 0.795 |" in text


def test_figures_are_linked(folder):
    assert "- [study_comparison](figures/study_comparison.svg)" in section(written(folder), "Figures")


def test_what_is_missing_is_said_and_never_printed_as_nan(folder):
    path = folder / "published.tsv"
    write_table(path, read_table(path).assign(auprc=np.nan))
    change(folder, lambda frame: frame[(frame["model"] != "fsei") & (frame["metric"] != "calibration_slope")])
    change(folder, lambda frame: frame.assign(delong_holm=np.nan, p_holm=np.nan), "comparisons")
    text = written(folder)
    assert "nan" not in text.lower()
    assert "| `fsei` | 0.815 | not known | not known | none | not known | none |" in text
    assert "No model has both a published AUPRC and ours." in text
    text = written(folder, published={})
    assert "nan" not in text.lower() and "The config names no published number for any model." in text
    change(folder, lambda frame: frame.assign(value=np.nan, lower=np.nan, upper=np.nan))
    assert "nan" not in written(folder).lower()


def test_base_rates_that_differ_are_named(folder):
    path = folder / "splits" / "chromosome.tsv"
    table = read_table(path)
    table["fold"] = np.repeat(["test", "valid", "train"], (160, 40, 200))
    write_table(path, table)
    assert "base rates" not in section(written(folder), "What changed, and why")
    write_array(folder / "targets.npy", (np.arange(400) >= 120).astype(np.float32)[:, None])
    text = section(written(folder), "What changed, and why")
    assert "The base rates of the test folds differ (100.0% against 25.0%)" in text


def test_a_published_row_that_does_not_exist_is_refused(folder):
    with pytest.raises(InputError, match="0 rows of model 'Sei' and features 'x', named for 'fsei'.*FSei on x, LR on"):
        written(folder, published={"fsei": {"model": "Sei", "features": "x"}})


def test_the_command_writes_the_same_bytes_twice(folder):
    options = ["--folder", str(folder), "--published", str(folder / "published.tsv")]
    (folder / "settings.json").write_text(json.dumps(settings()))
    options += ["--settings", str(folder / "settings.json")]
    for name in ("a.md", "b.md"):
        assert main(["study", *options, "--output", str(folder / name)]) == 0
    assert (folder / "a.md").read_bytes() == (folder / "b.md").read_bytes() == written(folder).encode()


def test_the_command_names_what_its_settings_lack(folder, capsys):
    files.write_json(folder / "settings.json", {"dataset": "demo", "study": {}})
    options = ["--folder", str(folder), "--published", "p.tsv", "--settings", str(folder / "settings.json")]
    assert main(["study", *options, "--output", str(folder / "a.md")]) == 1
    assert "settings.json: no splits, models; expected dataset, study, splits, models" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("target", "family"),
    [
        ("LNCaP-abl | POLR2A | Cistrome ID:1", "Pol II"),
        ("K562 | Pol2(phosphoS2) | ENCODE", "Pol II"),
        ("K562 | Pol3 | ENCODE", "other"),
        ("HUVEC | c-Myc | ENCODE", "MYC"),
        ("293T | ZNF101 | Cistrome ID:2", "zinc finger"),
        ("MCF-7 | ZMYND11 | x", "other"),
        ("CTCF", "CTCF"),
        ("ZNF143", "zinc finger"),
        ("H3K4me3 | FOXA1 | x", "other"),
    ],
)
def test_families_are_read_from_the_factor(target, family):
    assert families.family(target) == family


@pytest.mark.parametrize("assay", ["H3K27ac", "H2A.Z", "CENPA", "H1.4", "DNase", "DNase.hot", "ATAC-seq", "FAIRE"])
def test_families_agree_with_the_corrected_groups(assay):
    assert families.family(f"K562 | {assay} | x") == features.group_of(f"K562 | {assay} | x", "corrected")
