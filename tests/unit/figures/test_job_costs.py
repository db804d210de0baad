"""What jobs took, drawn: a dot a job, a row a rule, the longest on top, a panel for what was measured."""

import numpy as np
import pandas as pd

from cisflow.io.tables import write_table
from drawing import drawn


def costs(folder, rules=("train", "attribute", "evaluate", "features"), jobs=4, gpu=True):
    rows = [
        {
            "dataset": "peaks",
            "rule": rule,
            "job": f"{rule}.{number}",
            "seconds": 10.0 ** (place % 4 + 1) * (number + 1),
            "cpu_seconds": np.nan,
            "memory_mb": 300.0 * (place % 9 + 1) if number else np.nan,
            "device": "GPU",
            "gpu_memory_mb": 2000.0 if gpu and rule == "train" else np.nan,
        }
        for place, rule in enumerate(rules)
        for number in range(jobs)
    ]
    columns = ("dataset", "rule", "job", "seconds", "cpu_seconds", "memory_mb", "device", "gpu_memory_mb")
    write_table(folder / "job_costs.tsv", pd.DataFrame(rows, columns=columns))
    return {"job_costs": str(folder / "job_costs.tsv")}


CASES = {
    "with a GPU": ("job_costs", costs, {}),
    "many rules": ("job_costs", lambda f: costs(f, [f"a_rule_of_number_{n}" for n in range(40)], 2, gpu=False), {}),
    "one job": ("job_costs", lambda f: costs(f, ["train"], 1, gpu=False), {}),
    "no jobs": ("job_costs", lambda f: costs(f, ()), {}),
}


def test_a_panel_for_each_measure_and_the_longest_rule_on_top(tmp_path):
    figure = drawn("job_costs", costs(tmp_path), {})
    assert [axes.get_xlabel().split(" (")[0] for axes in figure.axes] == [
        *("Minutes a job", "Peak memory", "Peak memory of the GPU")
    ]
    names = [label.get_text().split()[0] for label in figure.axes[0].get_yticklabels()]
    assert names == ["train", "attribute", "evaluate", "features"]
    dots = np.concatenate([line.get_xdata() for line in figure.axes[0].lines])
    np.testing.assert_allclose(sorted(dots * 60), sorted(10.0 ** (p + 1) * (n + 1) for p in range(4) for n in range(4)))
    assert sum(len(line.get_xdata()) for line in figure.axes[1].lines) == 12
