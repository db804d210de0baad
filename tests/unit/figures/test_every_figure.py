"""What all figures share: style, saved files, words for numbers, messages, captions."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from cisflow.errors import InputError
from cisflow.figures import style
from drawing import LONG, RUN, SPLIT, drawn, svg
from evaluated import performance

REPORT = Path(__file__).parents[3] / "workflow" / "report"
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


@pytest.mark.parametrize("name", [*FIGURES, "attribution_cost"])
def test_missing_inputs_and_settings_are_named(name):
    with pytest.raises(InputError, match=f"figure {name}: inputs has no .*; expected .*, found nothing"):
        drawn(name, {}, {})


def test_missing_keys_of_a_source_are_named(tmp_path):
    with pytest.raises(InputError, match="figure top_factors: inputs, scores has no path; expected method, path"):
        drawn("top_factors", {"scores": [{"method": "ism"}]}, RUN)


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
