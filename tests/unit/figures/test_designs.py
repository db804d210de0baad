"""Figures of designs: trajectories with logos, and designs beside natural sequences."""

import numpy as np
import pandas as pd

from cisflow.design import content, judging, logos, run
from cisflow.io.tables import write_table
from cisflow.sequence import dna
from drawing import drawn, svg_text

JUDGES = ("pooled.second.seed2", "a_network_with_a_long_name_of_three_blocks.third.seed3")
KEYS = {
    "design_trajectories": ("scores", "networks", "logos"),
    "design_judged": ("designs", "scores", "networks", "motifs"),
}


def results(folder, figure, n=12, judges=JUDGES, length=80, steps=30, motifs=True, outcomes=("met", "not met")):
    """Tables of n designs, the last of which found nothing better than its start."""
    rng = np.random.default_rng(n)
    names = [f"design{number}" for number in range(1, n + 1)]
    last = rng.integers(steps // 2, steps + 1, n) if steps else np.zeros(n, dtype=int)
    last[-1:] = 0
    networks = (judging.DESIGNER, *judges)
    scores, final = [], {}
    for row, name in enumerate(names):
        for step in range(last[row] + 1):
            for number, network in enumerate(networks):
                score = 5 * step / 30 - 0.3 * number + rng.normal(0, 0.2)
                role = judging.JUDGE if number else judging.DESIGNER
                scores.append((name, step, network, role, score))
                final[name, network] = score
    values = np.array([[final[name, network] for network in networks] for name in names]).reshape(n, len(networks))
    designs = {
        "design": names,
        "start": [f"random{row}" for row in range(n)],
        "outcome": np.resize(outcomes, n),
        "steps": last,
        "edits": last,
        "repaired": 0,
        "gc": rng.uniform(0.4, 0.6, n),
        "distance": rng.uniform(0.6, 0.9, n),
        "start_score": 0.0,
        "score": values[:, 0],
        "judges": values[:, 1:].mean(axis=1) if judges else np.nan,
        "lowest_judge": values[:, 1:].min(axis=1) if judges else np.nan,
        "gap": values[:, 0] - (values[:, 1:].mean(axis=1) if judges else np.nan),
        "above_natural": 1,
        "sequence": "A" * length,
    }
    told = {
        "network": networks,
        "role": [judging.DESIGNER, *[judging.JUDGE] * len(judges)],
        "overlap": 0.0,
        "n_natural": 100,
        "mean": 0.1,
        "standard_deviation": 0.5,
        "best": [2.0 + 0.2 * number for number in range(len(networks))],
        "n_designs": n,
        "n_above": n,
    }
    letters = [
        (name, step, place, dna.BASES[rng.integers(4)], rng.normal(0.2 * (step > 0), 0.1))
        for name, end in list(zip(names, last, strict=True))[:3]
        for step in sorted({0, int(end) // 2, int(end)})
        for place in range(length)
    ]
    known = [
        (f"MA{number}.1", ["FOS::JUN", "SMAD2::SMAD3::SMAD4", "MAX"][number % 3], kind, 10, 5, rng.random(), 1.0, 0.1)
        for kind in ("design", "start", "natural")
        for number in range(14 if motifs else 0)
    ]
    known = [(*row, *((None, None) if row[2] == "natural" else (1e-3, 10.0 ** -len(row[1])))) for row in known]
    frames = {
        "designs": pd.DataFrame(designs, columns=run.DESIGNS),
        "scores": pd.DataFrame(scores, columns=run.SCORES),
        "networks": pd.DataFrame(told, columns=run.NATURAL),
        "motifs": pd.DataFrame(known, columns=content.COLUMNS),
        "logos": pd.DataFrame(letters, columns=logos.COLUMNS),
    }
    paths = {}
    for key in KEYS[figure]:
        paths[key] = str(folder / f"{key}.tsv")
        write_table(paths[key], frames[key])
    return paths


def case(figure, **settings):
    return figure, lambda folder: results(folder, figure, **settings), {}


CASES = {
    "trajectories": case("design_trajectories"),
    "trajectories of long sequences": case("design_trajectories", length=400, n=3),
    "trajectories without judges or logos": case("design_trajectories", judges=(), length=0),
    "trajectories of no step": case("design_trajectories", steps=0),
    "judged": case("design_judged"),
    "judged without judges or motifs": case("design_judged", judges=(), motifs=False),
    "judged, one design that stayed as it was": case("design_judged", n=1, outcomes=("unchanged",)),
    "judged, no designs": case("design_judged", n=0),
}


def test_trajectories_name_every_network_and_the_steps_of_their_logos(tmp_path):
    inputs = results(tmp_path, "design_trajectories", n=4)
    text = svg_text(drawn("design_trajectories", inputs, {}))
    frame = pd.read_csv(inputs["logos"], sep="\t")
    assert judging.DESIGNER in text and JUDGES[0] in text
    for step in frame["step"].unique():
        assert f"step {step}\n" in text


def test_the_motifs_that_differ_most_stand_first(tmp_path):
    text = svg_text(drawn("design_judged", results(tmp_path, "design_judged"), {}))
    assert text.count("SMAD2::SMAD3::\u2026".replace("::\u2026", "\u2026")) or "SMAD2::SMAD3" in text
    assert "FOS::JUN" in text and "MAX" not in text.split()
