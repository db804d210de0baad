import jsonschema
import numpy as np
import pandas as pd
import pytest

from tables import SCHEMAS, check_table, kinds, read_schema

NAMES = sorted(path.name.removesuffix(".schema.yaml") for path in SCHEMAS.glob("*.yaml"))
CONTRACT = {
    *("windows.regression", "targets.regression", "predictions.regression", "history.regression", "windows"),
    *("targets", "split", "runs", "truth", "features_targets", "history", "predictions", "metrics", "curves"),
    *(
        "comparisons",
        "strata",
        "calibration",
        "tuning",
        "patterns",
        "seqlets",
        "motif_scores",
        "motif_nulls",
        "recovery",
    ),
    *(
        "agreement",
        "planted",
        "perturbation",
        "seeds",
        "cost",
        "summary",
        "timing",
        "job_costs",
        "variants",
        "class_scores",
    ),
    *("tracks", "track_comparisons", "similarity", "input_contribution"),
    *("unseen_tracks", "unseen_track_comparisons", "track_weights", "homology", "reach"),
    *("species_effects", "species_agreement"),
    *("published", "published_classes"),
    *("sequence_classes", "leakage", "near_duplicates", "ledger", "explained_ledger", "matching"),
    *("predictions.transformed", "targets.tracks", "targets.stranded", "hits", "kernels"),
    *("merged_patterns", "pattern_members", "pattern_instances", "pattern_runs"),
    *("motifs_singly", "motif_positions", "motif_pairs", "motif_interactions"),
    *("designs", "design_steps", "design_scores", "design_networks", "design_motifs", "design_hits", "design_logos"),
    *("variant_effects", "variant_null", "haplotypes", "saturation"),
    *("together", "spacing", "distances", "motif_clusters", "enrichment", "motif_matrix"),
}
# Tables with a column for each of what a run names.
OPEN = ("windows", "windows.regression", "class_scores", "sequence_classes", "matching", "history.regression")
VALID = {"id": ["a", "b"], "fold": ["train", "test"]}
NUMBERS = {
    "epoch": [1, 2],
    "learning_rate": [0.1, 0.1],
    "train_loss": [0.7, 0.6],
    "valid_loss": [0.7, None],
    "valid_auroc": [0.5, None],
    "best": [0, 1],
}


def written(folder, columns):
    pd.DataFrame(columns).to_csv(folder / "table.tsv", sep="\t", index=False)
    return folder / "table.tsv"


def test_every_table_of_the_contract_has_a_schema():
    assert set(NAMES) == CONTRACT


@pytest.mark.parametrize("name", NAMES)
def test_schema_is_valid_and_complete(name):
    schema = read_schema(name)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["type"] == "object" and schema["description"]
    assert schema["required"] == list(schema["properties"])
    extra = [schema["additionalProperties"]] if name in OPEN else []
    assert extra or schema["additionalProperties"] is False
    for column in [*schema["properties"].values(), *extra]:
        assert column["description"].endswith((".", ")."))
        assert set(kinds(column)) <= {"string", "integer", "number", "null"}
        assert set(column) <= {"description", "type", "minimum", "maximum", "minLength", "enum", "pattern"}


def test_good_tables_pass(tmp_path):
    assert len(check_table(written(tmp_path, VALID), "split")) == 2
    check_table(written(tmp_path, NUMBERS), "history")
    windows = {"id": ["a", "b"], "chrom": ["chr1", ""], "start": ["5", ""], "end": ["9", ""], "strand": ["+", ""]}
    check_table(written(tmp_path, {**windows, "CTCF": [1, None], "GATA1": [0, 1]}), "windows")


def test_empty_table_passes(tmp_path):
    check_table(written(tmp_path, {name: [] for name in NUMBERS}), "history")


@pytest.mark.parametrize(
    ("schema", "columns", "words"),
    [
        ("split", {"id": ["a"]}, "no column fold"),
        ("split", {**VALID, "extra": [1, 2]}, "column 'extra' is not in the schema"),
        ("split", {**VALID, "fold": ["train", "dev"]}, "column 'fold': row 3 is 'dev'"),
        ("split", {**VALID, "id": ["a", ""]}, "column 'id': row 3 is '', expected a value"),
        ("history", {**NUMBERS, "epoch": ["1", "1.5"]}, "row 3 is '1.5', expected a whole number"),
        ("history", {**NUMBERS, "epoch": [0, 1]}, "row 2 is '0', expected 1 or more"),
        ("history", {**NUMBERS, "valid_auroc": [0.5, 1.5]}, "row 3 is '1.5', expected 1 or less"),
        ("history", {**NUMBERS, "train_loss": ["0.5", "high"]}, "row 3 is 'high', expected a finite number"),
        ("history", {**NUMBERS, "train_loss": [0.5, np.inf]}, "row 3 is 'inf', expected a finite number"),
        ("history", {**NUMBERS, "best": [0, 2]}, "row 3 is '2'"),
    ],
)
def test_bad_tables_are_told_apart(tmp_path, schema, columns, words):
    with pytest.raises(AssertionError) as error:
        check_table(written(tmp_path, columns), schema)
    assert words in str(error.value)


def test_rows_beyond_those_of_jsonschema_are_checked(tmp_path):
    folds = ["train"] * 999 + ["dev"]
    with pytest.raises(AssertionError, match="row 1001 is 'dev'"):
        check_table(written(tmp_path, {"id": range(1000), "fold": folds}), "split")
