"""Places of rows, tied to the nodes of graphs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .graph import ConditionGraph
from .row_inputs import DEGREES, POINT, Arrays, distinct_places, slices
from .sphere import FloatArray
from .threads import Mapping, finish

NOTHING = -1e30
"""Logarithm of the kernel of a node that says nothing."""

ATTACHED_ROWS = 8_192
"""Places that are tied to the nodes at once."""


@dataclass(frozen=True)
class Places:
    """Where the rows of a table are.

    Attributes
    ----------
    number : ndarray of shape (n,)
        Number of the place of each row.
    entries : dict of str to ndarray
        What the networks are told of each place.
    """

    number: NDArray[np.integer[Any]]
    entries: Arrays

    def __getitem__(self, rows: slice) -> Places:
        return Places(self.number[rows], self.entries)

    @classmethod
    def of(
        cls,
        graphs: Sequence[ConditionGraph],
        lat: FloatArray,
        lon: FloatArray,
        dtype: str,
    ) -> Places:
        """Tie rows to the nodes, those of a place together."""
        number, lat, lon = distinct_places(lat, lon)
        return cls(number, tie_places(graphs, lat, lon, dtype))


def tie_places(
    graphs: Sequence[ConditionGraph],
    lat: FloatArray,
    lon: FloatArray,
    dtype: str,
    run: Mapping = map,
) -> Arrays:
    """Tie places to the nodes of all graphs, and say where they are.

    Parameters
    ----------
    graphs : sequence of ConditionGraph
        The graphs, the finest first.
    lat, lon : ndarray of shape (n,)
        Coordinates.
    dtype : str
        Precision of what the networks are told.
    run : callable, default=map
        Does so for `ATTACHED_ROWS` places after the other, or beside each other.

    Returns
    -------
    dict of str to ndarray
        What the networks are told of each place, the nodes of shape
        (n, n_graphs, K).
    """
    width = max(min(graph.n_attached, graph.n_nodes) for graph in graphs)
    shape = (len(lat), len(graphs), width)
    index = np.zeros(shape, dtype=np.int32)
    log_kernel = np.full(shape, NOTHING, dtype=dtype)
    distance = np.zeros(shape, dtype=dtype)

    def attach(rows: slice) -> None:
        for k, graph in enumerate(graphs):
            tied = graph.attach(lat[rows], lon[rows])
            far = tied.distance / graph.bandwidth_
            # A graph may have fewer nodes than others have attached ones; its last
            # node stands in, and says nothing.
            m = tied.index.shape[1]
            index[rows, k, :m], index[rows, k, m:] = tied.index, tied.index[:, -1:]
            log_kernel[rows, k, :m] = np.maximum(tied.log_kernel, NOTHING)
            distance[rows, k, :m], distance[rows, k, m:] = far, far[:, -1:]

    finish(run(attach, slices(len(lat), ATTACHED_ROWS)))
    return {
        "node_index": index,
        "node_log_kernel": log_kernel,
        "node_distance": distance,
        POINT: graphs[0].points(lat, lon),
        DEGREES: np.stack([lat, lon], axis=1),
    }
