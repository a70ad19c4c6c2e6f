"""Edges of the condition graph as the dynamic graph needs them: with directions."""

from __future__ import annotations

import numpy as np
import torch

from .graph import ConditionGraph
from .network.dynamic import Edges
from .sphere import FloatArray, chord_to_km


def directed_edges(graph: ConditionGraph) -> Edges:
    """List the edges with their directions, self loops included.

    Parameters
    ----------
    graph : ConditionGraph
        A fitted graph.

    Returns
    -------
    Edges
        Both directions of every edge and a loop at each node, by target.

    Examples
    --------
    >>> graph = ConditionGraph(2, bandwidth=111.0, random_state=0)
    >>> edges = directed_edges(graph.fit(lat=[0.0, 1.0], lon=[0.0, 0.0]))
    >>> edges.target.tolist(), edges.source.tolist()
    ([0, 0, 1, 1], [0, 1, 0, 1])
    >>> edges.vector[1].round().abs().tolist()  # east, north, length in kernel widths
    [0.0, 1.0, 1.0]
    """
    loops = np.tile(np.arange(graph.n_nodes), (2, 1))
    target, source = np.concatenate([graph.edge_index, loops], axis=1)
    kernel = np.concatenate([graph.edge_weight, np.ones(graph.n_nodes)])
    width = np.sqrt(graph.node_bandwidth[target] * graph.node_bandwidth[source])
    tangent, length = _displacement(graph, target, source)
    vector = np.column_stack([tangent, length]) / width[:, None]
    order = np.lexsort([source, target])
    return Edges(
        torch.as_tensor(target[order]),
        torch.as_tensor(source[order]),
        torch.as_tensor(np.log(kernel)[order], dtype=torch.float32),
        torch.as_tensor(vector[order], dtype=torch.float32),
    )


def _displacement(
    graph: ConditionGraph, start: FloatArray, end: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Way from nodes to others: east and north parts (n, 2), and length (n,)."""
    here, there = graph.node_points[start], graph.node_points[end]
    if graph.metric == "euclidean":
        way = there - here
        return way[:, ::-1], np.linalg.norm(way, axis=1)
    length = chord_to_km(np.linalg.norm(there - here, axis=1))
    east = np.stack([-here[:, 1], here[:, 0], np.zeros(len(here))], axis=1)
    at_pole = np.linalg.norm(east, axis=1) < 1e-9
    east[at_pole] = [0.0, 1.0, 0.0]
    east /= np.linalg.norm(east, axis=1, keepdims=True)
    north = np.cross(here, east)
    parts = np.stack([(there * east).sum(axis=1), (there * north).sum(axis=1)], axis=1)
    size = np.linalg.norm(parts, axis=1, keepdims=True)
    return parts / np.where(size > 0, size, 1.0) * length[:, None], length
