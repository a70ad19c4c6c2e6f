"""Regions of nodes, whose errors the invariance penalty compares."""

from __future__ import annotations

import numpy as np
from sklearn.cluster import KMeans

from .graph import ConditionGraph
from .sphere import IntArray

N_REGIONS = 8


def node_regions(graph: ConditionGraph, n_regions: int = N_REGIONS) -> IntArray:
    """Divide the nodes into compact regions.

    Parameters
    ----------
    graph : ConditionGraph
        A fitted graph.
    n_regions : int, default=8
        Regions wanted; no more are made than there are nodes.

    Returns
    -------
    ndarray of shape (n_nodes,)
        Region of each node; the same for the same graph.

    Examples
    --------
    >>> graph = ConditionGraph(4, random_state=0)
    >>> graph = graph.fit(lat=[0.0, 1.0, 50.0, 51.0], lon=[0.0, 0.0, 90.0, 90.0])
    >>> region = node_regions(graph, 2)
    >>> bool((region == region[0]).sum() == 2)
    True
    """
    n_regions = min(n_regions, len(np.unique(graph.node_points, axis=0)))
    kmeans = KMeans(n_regions, n_init=10, random_state=0).fit(graph.node_points)
    return kmeans.labels_.astype(np.int64)
