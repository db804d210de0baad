import pandas as pd
import pytest

from cisflow.attribution import selection
from cisflow.io.tables import write_table


@pytest.fixture
def predictions(tmp_path):
    rows = [
        ("a", "test", "x", 1, 0.9),
        ("b", "test", "x", 1, 0.4),
        ("c", "test", "x", 0, 0.1),
        ("d", "train", "x", 1, 0.8),
        ("e", "test", "x", None, 0.99),
        ("f", "test", "y", 1, 0.7),
        ("g", "test", "y", 1, 0.95),
    ]
    path = tmp_path / "predictions.tsv"
    write_table(path, pd.DataFrame(rows, columns=["id", "fold", "target", "label", "probability"]))
    return path


def chosen(predictions, **settings):
    return selection.select(predictions, settings)["id"].tolist()


def test_default_is_the_correctly_predicted_positives_of_the_test_fold(predictions):
    assert chosen(predictions) == ["a", "f", "g"]


def test_folds_labels_and_probability_narrow_the_choice(predictions):
    assert chosen(predictions, folds=["train", "test"]) == ["a", "d", "f", "g"]
    assert chosen(predictions, labels=[0, 1]) == ["a", "c", "f", "g"]
    assert chosen(predictions, min_probability=0.8) == ["a", "g"]


def test_at_most_so_many_rows_of_a_target(predictions):
    few = chosen(predictions, folds=["train", "test"], max_per_target=1)
    assert len(few) == 2
    assert few == chosen(predictions, folds=["train", "test"], max_per_target=1)


def test_another_network_is_explained_on_the_same_windows_where_it_predicts_them(tmp_path):
    ids = [f"w{number}" for number in range(200)]
    drawn = []
    for number, wrong in enumerate((set(), set(ids[::10]))):
        rows = [(item, "test", "x", 1, 0.1 if item in wrong else 0.9) for item in ids]
        path = tmp_path / f"{number}.tsv"
        write_table(path, pd.DataFrame(rows, columns=["id", "fold", "target", "label", "probability"]))
        drawn.append(set(chosen(path, max_per_target=50)))
    assert drawn[0] - set(ids[::10]) <= drawn[1]
    assert len(drawn[0]) == len(drawn[1]) == 50
