"""The page of the genome: what it holds are the arrays, it is well-formed, and it reaches for nothing."""

import base64
import json
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from cisflow.attribution import files
from cisflow.figures import style
from cisflow.report import genome_page
from cisflow.sequence import dna
from placed import WIDTH, base_by_base, explained

EMPTY = {"path", "rect", "line", "use", "meta", "br"}


class Page(HTMLParser):
    """Open tags, addresses and the text of each script of a page."""

    def __init__(self, text):
        super().__init__()
        self.open, self.addresses, self.scripts, self.text = [], [], [], ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.addresses += [value for name, value in attrs if name in ("src", "href", "xlink:href", "action", "data")]
        self.open.append(tag)
        if tag == "script":
            self.scripts.append("")

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts[-1] += data
        self.text += data


SPANS = pd.DataFrame(
    [
        ("d", "one", 3, 9, "+", 2.5, "pos_0", "<CTCF> & co"),
        ("d", "one", 0, 5, "-", 1.0, "pos_1", ""),
        ("a", "two", 1, 7, "+", 1.5, "pos_0", "<CTCF> & co"),
    ],
    columns=["id", "target", "start", "end", "strand", "score", "pattern", "name"],
)


@pytest.fixture
def placed(tmp_path):
    """Two methods, of which the second has other numbers, seqlets and hits of the first."""
    found = explained(tmp_path)
    files.write(tmp_path / "b.npz", found.rows._replace(multipliers=-2 * found.rows.multipliers))
    SPANS.to_csv(tmp_path / "hits.tsv", sep="\t", index=False)
    SPANS.assign(strand="", p_value=0.1).drop(columns=["pattern", "name"]).to_csv(
        tmp_path / "seqlets.tsv", sep="\t", index=False
    )
    return found


def write(placed, n_regions=20, attributions=("a", "b"), **changes):
    folder = placed.folder
    given = {"seqlets": {"a": folder / "seqlets.tsv"}, "hits": {"a": folder / "hits.tsv"}} | changes
    paths = {name: folder / f"{name}.npz" for name in attributions}
    output = folder / "page.html"
    genome_page.write_page(
        paths, given["seqlets"], given["hits"], folder, n_regions, "demo: <model> & split, seed 1", output
    )
    return output.read_text()


def held(text):
    """The regions that a page holds, with their numbers as arrays."""
    regions = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[1])
    for region in regions["regions"]:
        for track in region["tracks"]:
            track["values"] = np.frombuffer(base64.b64decode(track["values"]), dtype="<f4")
    return regions["regions"]


def test_page_is_well_formed_and_names_no_address(placed):
    text = write(placed)
    page = Page(text)
    assert page.open == [] and len(page.scripts) == 2
    assert ElementTree.fromstring(text.encode()).tag == "html"
    assert page.addresses == [] and not re.search(
        r"https?:|//[a-z]|\burl\((?!#)|@import|fetch\(|XMLHttp|import\(", text
    )
    assert "demo: <model> & split, seed 1" in page.text
    # Each has an element that the script looks for.
    for name in set(re.findall(r'getElementById\("(\w+)"\)', text)):
        assert f'id="{name}"' in text


def test_numbers_are_those_of_the_arrays(placed):
    """On the plus strand, in the order of the chromosome, base by base."""
    regions = held(write(placed))
    assert {region["label"].split("(")[1].rstrip(")") for region in regions} >= set("acdef")
    by_base = {target: base_by_base(placed, target) for target in ("one", "two")}
    for region in regions:
        assert [(track["method"], track["target"]) for track in region["tracks"]] == [
            (method, target) for target in ("one", "two") for method in "ab"
        ]
        codes = dna.encode(region["sequence"])
        genome = placed.genome[region["chrom"]][region["start"] : region["start"] + WIDTH]
        np.testing.assert_array_equal(codes, genome)
        for track in region["tracks"]:
            assert track["values"].shape == (WIDTH,)
            factor = {"a": 1, "b": -2}[track["method"]]
            for place, value in enumerate(track["values"]):
                known = by_base[track["target"]].get((region["chrom"], region["start"] + place), [0])
                assert np.abs(np.array(known) * factor - value).min() < 1e-5


def test_values_are_exact(placed):
    files.write(placed.folder / "a.npz", placed.rows.take([1]))
    (region,) = held(write(placed, attributions=("a",)))
    observed = np.take_along_axis(placed.rows.hypothetical()[1], np.minimum(placed.rows.codes[1:2], 3), axis=0)[0]
    observed = np.where(placed.rows.codes[1] < dna.UNKNOWN, observed, region["tracks"][0]["values"][::-1])
    np.testing.assert_array_equal(region["tracks"][0]["values"], observed[::-1])


def test_seqlets_and_hits_lie_where_they_do(placed):
    regions = {region["label"].split("(")[1][0]: region for region in held(write(placed))}
    tracks = {(track["method"], track["target"]): track for track in regions["d"]["tracks"]}
    hits = [(hit["start"], hit["end"], hit["strand"], hit["name"]) for hit in tracks["a", "one"]["hits"]]
    # Window d is of the minus strand.
    assert hits == [(15, 21, "-", "<CTCF> & co"), (19, 24, "+", "pos_1")]
    assert [(one["start"], one["end"]) for one in tracks["a", "one"]["seqlets"]] == [(15, 21), (19, 24)]
    assert len({hit["hue"] for hit in tracks["a", "one"]["hits"]}) == 2
    assert "pos_0" in tracks["a", "one"]["hits"][0]["told"] and "2.5" in tracks["a", "one"]["hits"][0]["told"]
    assert not tracks["b", "one"]["hits"] and not tracks["a", "two"]["hits"]


def test_regions_are_the_strongest_and_apart(placed):
    rows = placed.rows
    strength = pd.Series(np.zeros(len(rows.ids)), index=rows.ids)
    observed = np.abs(np.take_along_axis(rows.hypothetical(), np.minimum(rows.codes, 3)[:, None], axis=1)[:, 0])
    sums = np.where(rows.codes < dna.UNKNOWN, observed, 0).sum(axis=1)
    for target in ("one", "two"):
        own = rows.targets == target
        strength[own] = sums[own] / sums[own].mean()
    ranked = list(dict.fromkeys(strength.sort_values(ascending=False, kind="stable").index))
    shown = [region["label"].split("(")[1].rstrip(")") for region in held(write(placed, n_regions=3))]
    assert len(shown) == 3 and shown[0] == ranked[0] and shown == sorted(shown, key=ranked.index)
    every = [region["label"].split("(")[1].rstrip(")") for region in held(write(placed))]
    # g and h are one place on two strands; b shares more than half with a, and with c.
    assert len({"g", "h"} & set(every)) == 1 and not {"a", "b"} <= set(every) and not {"b", "c"} <= set(every)


def test_a_page_stays_small(tmp_path, monkeypatch):
    placed = explained(tmp_path, targets=tuple(f"t{number:02d}" for number in range(40)))
    monkeypatch.setattr(genome_page, "NUMBERS", 60 * WIDTH)
    text = write(placed, attributions=("a",), seqlets={}, hits={})
    regions = held(text)
    assert [len(region["tracks"]) for region in regions] == [24, 24, 12]
    assert [region["left_out"] for region in regions] == [16, 16, 28]
    assert "the strongest are shown" in text


def test_nothing_to_show_is_said(placed):
    files.write(placed.folder / "b.npz", placed.rows.take(slice(0, 0)))
    text = write(placed)
    assert held(text) == [] and "share no sequence" in text
    assert ElementTree.fromstring(text.encode()).tag == "html"


def test_largest_page_is_less_than_two_megabytes():
    assert genome_page.NUMBERS * 4 / 3 * 4 < 1.5e6


def test_bases_have_the_colours_of_the_figures():
    assert genome_page.BASE_COLOURS == style.BASE_COLOURS
