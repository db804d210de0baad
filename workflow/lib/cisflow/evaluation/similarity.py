"""How well a region is predicted against how much of it the training fold holds."""

import numpy as np
import pandas as pd
from scipy import sparse
from tqdm import tqdm

from cisflow.data import duplicates
from cisflow.evaluation.predictions import MEAN

COLUMNS = ("dataset", "split", "model", "fold", "modality", "class", "region", "similarity", "metric", "value", "n")
METRICS = ("pearson", "spearman", "rmse")
ROWS = 256


def nearest(codes, rows, others, k):
    """(m,) float64: the largest similarity of each of some windows to any of others, as of `data.duplicates`.

    It is the number of distinct canonical k-mers that both hold over the number that the richer one holds; 0 where
    none is shared, NaN of a window without a known k-mer.

    Parameters
    ----------
    codes : (n, length) uint8. rows : (m,) int. others : (o,) int. k : int.
    """
    row, word, size = duplicates.distinct_kmers(codes, k)
    words, column = np.unique(word, return_inverse=True)
    # 32 bits hold every count: a window has fewer k-mers than that.
    held = sparse.csr_array((np.ones(len(row), np.int32), (row, column)), shape=(len(codes), len(words)))
    beside, found = held[others].T.tocsr(), np.zeros(len(rows))
    for start in tqdm(range(0, len(rows), ROWS), desc="similarity", unit_scale=ROWS, unit="window"):
        part = rows[start : start + ROWS]
        shared = (held[part] @ beside).tocoo()
        largest = np.maximum(size[part][shared.row], size[others][shared.col])
        np.maximum.at(found, start + shared.row, shared.data / largest)
    found[size[rows] == 0] = np.nan
    return found


def table(tracks, dataset, trained, k):
    """Frame of COLUMNS: each test region's metrics with its largest similarity to a training sequence.

    Parameters
    ----------
    tracks : frame of tracks.COLUMNS, whose rows of single regions of one split are taken, of the mean over seeds.
    dataset : dataset.Dataset. trained : {split: (k,) int rows of the training fold}. k : length of the k-mers.
    """
    rows = tracks[(tracks["axis"] == "region") & (tracks["seed"] == MEAN) & tracks["metric"].isin(METRICS)]
    rows = rows[(rows["fold"] == "test") & rows["split"].isin(list(trained))]
    index, parts = pd.Index(dataset.ids), []
    for split, part in rows.groupby("split", sort=False):
        places = index.get_indexer(part["unit"])
        # The row of the mean over regions is of none.
        part, places = part[places >= 0], places[places >= 0]
        chosen, number = np.unique(places, return_inverse=True)
        similarity = nearest(dataset.codes, chosen, trained[split], k)
        parts.append(part.rename(columns={"unit": "region"}).assign(similarity=similarity[number]))
    found = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(COLUMNS))
    return found[list(COLUMNS)]
