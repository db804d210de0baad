"""Overlaps against comparing all pairs of intervals."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from cisflow.data import duplicates
from cisflow.sequence import intervals


def frames(n, largest=12):
    row = st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 60), st.integers(1, largest))
    return st.lists(row, min_size=0, max_size=n).map(
        lambda rows: pd.DataFrame(
            [(chrom, start, start + length) for chrom, start, length in rows], columns=["chrom", "start", "end"]
        )
    )


def share(one, two):
    return one.chrom == two.chrom and one.start < two.end and two.start < one.end


@settings(max_examples=40, deadline=None)
@given(frames(15), frames(15))
def test_overlaps_and_insides_are_those_of_all_pairs(left, right):
    pairs = [[(one, two) for two in right.itertuples()] for one in left.itertuples()]
    overlapping = [any(share(*pair) for pair in row) for row in pairs]
    inside = [any(w.chrom == g.chrom and g.start < w.start and w.end < g.end for w, g in row) for row in pairs]
    assert intervals.overlapping(left, right).tolist() == overlapping
    assert intervals.strictly_inside(left, right).tolist() == inside


@settings(max_examples=40, deadline=None)
@given(frames(20))
def test_blocks_are_the_components_of_overlap(frame):
    pairs = [(i, j) for i, a in enumerate(frame.itertuples()) for j, b in enumerate(frame.itertuples()) if share(a, b)]
    first, second = np.array(pairs, dtype=int).reshape(-1, 2).T
    components = duplicates.components(len(frame), first, second)
    blocks = intervals.blocks(frame)
    assert len(set(zip(blocks, components, strict=True))) == len(set(blocks)) == len(set(components))
    bases = {(row.chrom, base) for row in frame.itertuples() for base in range(row.start, row.end)}
    union = intervals.merged(frame)
    assert (union["end"] - union["start"]).sum() == len(bases) and len(union) == len(set(blocks))
