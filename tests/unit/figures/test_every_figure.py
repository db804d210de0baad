"""What all figures of the registry share: layout, results of nothing, bytes, messages, captions; and their style.

Every other module of this folder has CASES of its figures: {name of the case: (figure, function of a folder -> inputs,
settings)}. The first of a figure is an ordinary one; that of no result says so in its name.
"""

import importlib.util
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from cisflow.config import figures
from cisflow.errors import InputError
from cisflow.figures import registry, style
from drawing import LONG, RUN, SPLIT, check_layout, check_reproducible, check_says_why, drawn, empty_cases, svg
from evaluated import performance

REPORT = Path(__file__).parents[3] / "workflow" / "report"


def gathered():
    """The CASES of the other modules of this folder."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        if path.name != Path(__file__).name:
            spec = importlib.util.spec_from_file_location(f"cases_of_{path.stem}", path)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            found |= {f"{case[0]}: {name}": case for name, case in getattr(module, "CASES", {}).items()}
    return found


CASES = gathered()
FIRST = {case[0]: name for name, case in reversed(CASES.items())}


@pytest.mark.parametrize("figure", registry.declarations())
def test_every_figure_has_a_case_with_a_result_and_one_without(figure):
    names = [name for name, case in CASES.items() if case[0] == figure]
    assert set(names) - set(empty_cases(names)) and empty_cases(names)


@pytest.mark.parametrize("case", CASES, indirect=True)
def test_fits_a_page_and_no_text_collides(case):
    check_layout(drawn(*case))


@pytest.mark.parametrize("case", empty_cases(CASES), indirect=True)
def test_empty_results_say_why(case):
    check_says_why(drawn(*case))


@pytest.mark.parametrize("case", FIRST.values(), indirect=True)
def test_two_runs_give_the_same_bytes(case, tmp_path):
    check_reproducible(case, tmp_path)


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


@pytest.mark.parametrize("name", registry.declarations())
def test_missing_inputs_and_settings_are_named(name, tmp_path):
    with pytest.raises(InputError, match=f"figure {name}: inputs has no .*; expected .*, found nothing"):
        drawn(name, {}, {})
    _, build, settings = CASES[FIRST[name]]
    inputs = build(tmp_path)
    with pytest.raises(InputError, match=f"figure {name}: unknown input 'x'; expected "):
        drawn(name, inputs | {"x": "x.tsv"}, settings)
    if settings:
        with pytest.raises(InputError, match=f"figure {name}: settings has no .*; expected .*, found nothing"):
            drawn(name, inputs, {})


def test_files_that_are_not_one_a_method_are_refused(tmp_path):
    with pytest.raises(InputError, match="figure motif_nulls: 1 files of nulls; expected one for each of tism, ism"):
        drawn("motif_nulls", {"nulls": "a.tsv"}, RUN | {"methods": ["tism", "ism"]})


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


# What captions say of the config.
CONFIG = {
    "datasets": {"demo_data": {}},
    "timing": {"model": "demo_data"},
    "attribution": {
        "ig": {"method": "integrated_gradients", "steps": 7, "n_baselines": 20},
        "shap": {"method": "deep_lift_shap", "steps": 20, "n_baselines": 9},
    },
}
WILDCARDS = {"dataset": "demo_data", "job": "demo_data", "group": "both", "design": "raised"}
WILDCARDS |= {"model": "FSei", "split": "random", "seed": "1", "method": "tism"}
# Caption -> the wildcards of each rule that has it.
CAPTIONS = {name: [WILDCARDS] for name in ("designs", "genome_page", "motif_report", "study", "tables", "workflow")}
for figure in figures.registry().values():
    held = {name: WILDCARDS[name] for name in re.findall(r"{(\w+)}", figure.path)}
    CAPTIONS.setdefault(figure.caption or figure.name, []).append(held)


@pytest.mark.parametrize("name", sorted(CAPTIONS))
def test_captions_are_valid_and_name_what_they_show(name):
    jinja2, docutils = pytest.importorskip("jinja2"), pytest.importorskip("docutils.core")
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
    for known in CAPTIONS[name]:
        snakemake = SimpleNamespace(wildcards=Wildcards(**known), config=CONFIG)
        text = environment.from_string((REPORT / f"{name}.rst").read_text()).render(snakemake=snakemake)
        assert "demo_data" in text
        strict = {"halt_level": 2, "report_level": 2}
        assert docutils.publish_parts(text, writer="html", settings_overrides=strict)["body"]
