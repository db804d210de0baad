"""Sub-clusters by effect, two models against each other, and sequences by patterns, of made-up instances."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from attributed import write as write_attributions
from cisflow.io.tables import write_table
from cisflow.motifs import clusters, instances, runs
from tables import check_table

N, LENGTH, WIDTH = 60, 50, 8
OUTPUTS = ("a", "b", "c", "d")
RUNS = [("net", "random", 1, "ism"), ("net", "random", 2, "ism"), ("other", "random", 1, "ism")]
TABLES = {"clusters": "motif_clusters", "enrichment": "enrichment", "matrix": "motif_matrix"}
UP, DOWN = (3.0, 2.5, -2.0, -3.0), (-2.0, -2.0, 3.0, 2.5)


def instance(run, pattern, sequence, start, output="a", **others):
    known = dict(zip(runs.COLUMNS, run, strict=True)) | {"pattern": pattern, "kind": "seqlet", "output": output}
    place = {"id": f"w{sequence}", "start": start, "end": start + WIDTH, "strand": "+", "sign": "+"}
    return known | place | {"contribution": 1.0} | others


def tables(folder, rows, effects=None, outputs=OUTPUTS, without=(), **settings):
    """{table: frame} of instances; `effects` {(run, sequence): of each output} are those of the bases 10 to 18."""
    out = folder / "patterns"
    out.mkdir(exist_ok=True)
    write_table(out / "runs.tsv", pd.DataFrame(RUNS, columns=runs.COLUMNS))
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, (N, LENGTH)).astype(np.uint8)
    for number, run in enumerate(runs.read(out / "runs.tsv")):
        keys = [(row, place) for row in range(N) for place in range(len(outputs)) if (row, place) not in without]
        multipliers = np.zeros((len(keys), 4, LENGTH), dtype=np.float32)
        for at, (row, place) in enumerate(keys):
            wanted = (effects or {}).get((number, row), np.zeros(len(outputs)))[place] / WIDTH
            # Of the base present 3/4 of a multiplier remain against the mean of all four.
            multipliers[at, codes[row, 10 : 10 + WIDTH], np.arange(10, 10 + WIDTH)] = wanted / 0.75
        ids, targets = (np.array(column) for column in zip(*[(f"w{r}", outputs[p]) for r, p in keys], strict=True))
        run.attributions.parent.mkdir(parents=True, exist_ok=True)
        chosen = codes[[row for row, _ in keys]]
        write_attributions(run.attributions, chosen, multipliers, ids=ids, targets=targets)
    write_table(out / "instances.tsv", pd.DataFrame(rows, columns=instances.COLUMNS))
    settings = clusters.Settings.complete(settings, "motifs.clusters")
    paths = [out / f"{name}.tsv" for name in TABLES]
    clusters.write_clusters(out / "runs.tsv", out / "instances.tsv", settings, 1, *paths)
    for name, schema in TABLES.items():
        check_table(out / f"{name}.tsv", schema)
    return {name: pd.read_csv(out / f"{name}.tsv", sep="\t") for name in TABLES}


def test_one_motif_with_two_effects_is_two_clusters_with_their_seeds(tmp_path):
    rng = np.random.default_rng(1)
    effects, rows = {}, []
    for number, run in enumerate(RUNS):
        for row in range(40):
            # Of the first network only the second seed has sites that act the other way.
            of = DOWN if row < 15 and number == 1 else UP
            effects[number, row] = np.array(of) + rng.normal(0, 0.3, 4)
            # A place counts once, for however many outputs it is a seqlet.
            rows += [instance(run, "M1", row, 10, output) for output in OUTPUTS[: 1 + row % 2]]
    found = tables(tmp_path, rows, effects)["clusters"]
    of = found.drop_duplicates(["cluster", "model"]).set_index(["cluster", "model"])
    assert of["n_seqlets"].to_dict() == {("M1.1", "net"): 65, ("M1.1", "other"): 40, ("M1.2", "net"): 15}
    assert of["n_seeds"].tolist() == [2, 1, 1] and of["seeds"].tolist() == [2, 1, 2]
    assert of["n_sequences"].tolist() == [40, 40, 15]
    of = found.set_index(["cluster", "model", "output"])["effect"]
    for cluster, model, numbers, expected in (("M1.1", "net", (0, 1), UP), ("M1.2", "net", (1,), DOWN)):
        values = np.array([v for (n, _), v in effects.items() if n in numbers and (v[0] > 0) == (expected is UP)])
        np.testing.assert_allclose(of[cluster, model][list(OUTPUTS)], values.mean(axis=0), rtol=1e-4)


def test_every_two_of_a_cluster_are_alike():
    effects = np.random.default_rng(2).normal(size=(120, 6))
    settings = clusters.Settings(min_seqlets=1)
    labels = clusters.by_effect(effects, settings, np.random.default_rng(0))
    sizes = np.bincount(labels)
    assert len(sizes) > 3 and (np.diff(sizes) <= 0).all()
    r = np.corrcoef(effects)
    for one, other in itertools.combinations(range(120), 2):
        assert labels[one] != labels[other] or r[one, other] >= 1 - settings.distance - 1e-9


def test_few_join_the_nearest_and_what_is_not_sampled_too():
    rng = np.random.default_rng(3)
    effects = np.vstack([np.array(UP) + rng.normal(0, 0.2, (300, 4)), np.array(DOWN) + rng.normal(0, 0.2, (100, 4))])
    effects = np.vstack([effects, [[3, -1, -1, -1]] * 3])
    settings = clusters.Settings(max_seqlets=80)
    labels = clusters.by_effect(effects, settings, np.random.default_rng(0))
    assert (labels[:300] == 0).all() and (labels[300:400] == 1).all() and (labels[400:] == 0).all()


@pytest.mark.parametrize("outputs", [("a",), ("a", "b")])
def test_outputs_too_few_for_a_correlation(tmp_path, outputs):
    """One output makes one cluster; two are split by which of them is higher."""
    effects = {(0, row): np.array((2.0, 1.0) if row < 20 else (1.0, 2.0))[: len(outputs)] for row in range(40)}
    rows = [instance(RUNS[0], "M1", row, 10) for row in range(40)]
    found = tables(tmp_path, rows, effects, outputs)["clusters"]
    assert found["cluster"].nunique() == len(outputs)
    assert found["n_seqlets"].unique().tolist() == [40 // len(outputs)]


def test_equal_effects_are_one_cluster():
    labels = clusters.by_effect(np.full((30, 3), 2.5), clusters.Settings(), np.random.default_rng(0))
    assert not labels.any()


def test_sequences_without_all_outputs_have_no_cluster(tmp_path):
    rows = [instance(RUNS[0], "M1", row, 10) for row in range(40)]
    effects = {(0, row): UP for row in range(40)}
    found = tables(tmp_path, rows, effects, without={(row, 2) for row in range(30)})["clusters"]
    assert found["n_seqlets"].unique().tolist() == [10]


def test_two_models_are_compared_by_sequences(tmp_path):
    first = [instance(run, "M1", row, 10) for run in RUNS[:2] for row in range(20)]
    first += [instance(RUNS[0], "M2", row, 30) for row in range(10, 40)]
    second = [instance(RUNS[2], "M1", row, 20) for row in range(50)]
    found = tables(tmp_path, first + second)["enrichment"].set_index("pattern")
    assert found.loc["M1", ["model", "other_model", "n", "total", "other_n", "other_total"]].tolist() == [
        *("net", "other", 20, 40, 50, 50)
    ]
    assert found.loc["M2", ["n", "total", "other_n", "other_total"]].tolist() == [30, 40, 0, 50]
    p = [stats.fisher_exact([[20, 20], [50, 0]]).pvalue, stats.fisher_exact([[30, 10], [0, 50]]).pvalue]
    np.testing.assert_allclose(found.loc[["M1", "M2"], "p_value"], p, rtol=1e-6)
    np.testing.assert_allclose(found.loc[["M1", "M2"], "q_value"], stats.false_discovery_control(p), rtol=1e-6)
    assert found.loc["M1", "log2_odds"] == pytest.approx(np.log2(20.5 * 0.5 / (20.5 * 50.5)))
    assert found.loc["M2", "log2_odds"] > 0


def test_matrix_is_the_instances_of_each_sequence(tmp_path):
    values = {("M10", 3): [1.5], ("M2", 3): [0.5, -2.0, 1.0], ("M2", 11): [4.0, 1.0]}
    rows = [
        instance(RUNS[0], pattern, row, 10 * place, contribution=value)
        for (pattern, row), of in values.items()
        for place, value in enumerate(of)
    ]
    rows.append(instance(RUNS[0], "M2", 3, 10, kind="hit", contribution=7.0))
    found = tables(tmp_path, rows)["matrix"]
    assert found["pattern"].tolist() == ["M2"] * 3 + ["M10"]
    seqlets = found[found["kind"] == "seqlet"].set_index(["pattern", "id"])
    for (pattern, row), of in values.items():
        cell = seqlets.loc[pattern, f"w{row}"]
        expected = [len(of), max(of, key=abs), np.mean(of), sum(of)]
        np.testing.assert_allclose(cell[["count", "max", "mean", "sum"]].astype(float), expected)
    assert found[found["kind"] == "hit"]["sum"].tolist() == [7.0]


def test_nothing_found_is_empty_tables(tmp_path):
    assert all(table.empty for table in tables(tmp_path, []).values())
