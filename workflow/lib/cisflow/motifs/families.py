"""Families of a motif database: motifs whose matrices resemble each other are one finding."""

import itertools

import numpy as np
from scipy.cluster import hierarchy
from scipy.spatial import distance

from cisflow.io.meme import column_information
from cisflow.motifs import information

# Motifs are as far apart as the share of their information that they do not share; trees are cut at this distance. Of
# JASPAR's 879 motifs of vertebrates it makes 161 clusters.
CUT = 0.3
# Clusters that share so large a part of the names of the smaller one are one family: sites of a dimer with spacers of
# several lengths (TFAP2A), or a short and a long form of a motif (CTCF).
SAME_NAMES = 0.5


def of(motifs, cut=CUT):
    """Family (n,) int of each motif, numbered from 1 in the order of the database.

    Average linkage on the distance 1 - shared / poorer: the bits that two motifs share as they lie best on either
    strand (`information.shared`), over those of the poorer of the two. Clusters with mostly the same names
    are one.
    """
    if len(motifs) < 2:
        return np.ones(len(motifs), dtype=np.int64)
    matrices = [motif.matrix for motif in motifs]
    held = np.array([column_information(matrix).sum() for matrix in matrices])
    shared = information.shared(matrices, matrices)
    apart = 1 - np.clip(shared / np.maximum(np.minimum.outer(held, held), 1e-9), 0, 1)
    # Rounding of the sums of both strands.
    apart = (apart + apart.T) / 2
    np.fill_diagonal(apart, 0)
    tree = hierarchy.linkage(distance.squareform(apart, checks=False), "average")
    found = hierarchy.fcluster(tree, cut, "distance")
    found = _merged(found, [motif.name.casefold() for motif in motifs])
    # Numbered as they first occur.
    _, first, place = np.unique(found, return_index=True, return_inverse=True)
    return (np.argsort(np.argsort(first)) + 1)[place]


def _merged(clusters, names):
    """Cluster (n,) of each motif, of which those with mostly the same names have one number."""
    members = {
        cluster: {name for name, of in zip(names, clusters, strict=True) if of == cluster} for cluster in clusters
    }
    merged = {cluster: cluster for cluster in members}
    for one, other in itertools.combinations(members, 2):
        common = len(members[one] & members[other])
        if common >= SAME_NAMES * min(len(members[one]), len(members[other])):
            kept, lost = merged[one], merged[other]
            merged = {cluster: kept if of == lost else of for cluster, of in merged.items()}
    return np.array([merged[cluster] for cluster in clusters])
