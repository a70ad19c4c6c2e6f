"""The graph of the spatiotemporal condition: nodes, edges, attached rows.

The graph is frozen once it is built. A row attaches to nodes and never to
another row, so its prediction does not depend on its company.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.cluster import KMeans
from sklearn.utils import assert_all_finite
from sklearn.utils.validation import check_consistent_length

from .checks import METRICS, check_amount, check_choice, check_count
from .sphere import (
    EARTH_RADIUS_KM,
    FloatArray,
    IntArray,
    SphericalKMeans,
    embed,
    length,
    nearest_in_space,
    to_lat_lon,
)

if TYPE_CHECKING:
    from torch_geometric.data import Data

_TINY = 1e-12


@dataclass(frozen=True)
class Attachment:
    """Rows tied to their nearest nodes.

    Attributes
    ----------
    index : ndarray of shape (n, n_attached)
        Nodes, nearest first.
    log_kernel : ndarray of shape (n, n_attached)
        Logarithm of the Gaussian kernel.
    distance : ndarray of shape (n, n_attached)
        Distance to these nodes, in km (`metric="haversine"`) or in the units
        of the coordinates.
    """

    index: IntArray
    log_kernel: FloatArray
    distance: FloatArray

    @property
    def weight(self) -> FloatArray:
        """Kernel weights, (n, n_attached); each row sums to 1."""
        # Relative to the largest: rows far from every node must not underflow.
        top = self.log_kernel.max(axis=1, keepdims=True)
        kernel = np.exp(self.log_kernel - top)
        return kernel / kernel.sum(axis=1, keepdims=True)


class ConditionGraph:
    """Nodes spread over the places of the data, tied to their neighbors.

    Nodes are k-means centers of the distinct places, each weighted by the
    square root of its number of rows: a place with many rows pulls, yet cannot
    take all nodes. Edges tie each node to its nearest neighbors, are symmetric
    and carry Gaussian kernel weights. Components that do not touch are joined
    by their nearest pair of nodes.

    Parameters
    ----------
    n_nodes : int, default=200
        Number of nodes; no more are made than there are distinct places.
    n_neighbors : int, default=8
        Edges that each node sends out.
    n_attached : int, default=8
        Nodes that each row attaches to.
    bandwidth : float or "auto", default="auto"
        Width of the Gaussian kernel in km (`metric="haversine"`) or in the
        units of the coordinates. "auto" gives each node its own, the mean
        distance to its two nearest nodes, so that cities and oceans each get
        what their density asks for [1]_.
    metric : {"haversine", "euclidean"}, default="haversine"
        Great-circle distance, or straight distance on the bare numbers (for
        projected coordinates, and for comparison).
    random_state : int, RandomState instance or None, default=None
        Draws the starting centers of k-means.

    Attributes
    ----------
    node_lat, node_lon : ndarray of shape (n_nodes,)
        Places of the nodes, degrees (or the units of the coordinates).
    edge_index : ndarray of shape (2, n_edges)
        Both directions of every edge, self loops not included.
    edge_weight : ndarray of shape (n_edges,)
        Kernel weights in (0, 1].
    node_bandwidth : ndarray of shape (n_nodes,)
        Kernel width of each node.
    bandwidth_ : float
        Median of `node_bandwidth`.
    n_components : int
        Parts that the graph fell into before they were joined.

    Raises
    ------
    TypeError, ValueError
        If a parameter is out of its range; says which, and what would be right.

    References
    ----------
    .. [1] Zelnik-Manor, L., Perona, P. (2004). Self-tuning spectral
       clustering. Advances in Neural Information Processing Systems 17.

    Examples
    --------
    >>> graph = ConditionGraph(n_nodes=3, random_state=0).fit(
    ...     lat=[0.0, 0.0, 60.0, 61.0], lon=[179.0, -179.0, 10.0, 12.0]
    ... )
    >>> graph
    ConditionGraph(3 nodes, 3 edges, bandwidth 6728 km, connected)
    >>> graph.attach([0.0], [180.0]).weight.sum().round(6).item()
    1.0
    """

    def __init__(
        self,
        n_nodes: int = 200,
        *,
        n_neighbors: int = 8,
        n_attached: int = 8,
        bandwidth: float | str = "auto",
        metric: str = "haversine",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        check_count("n_nodes", n_nodes, 1)
        check_count("n_neighbors", n_neighbors, 1)
        check_count("n_attached", n_attached, 1)
        if bandwidth != "auto":
            check_amount("bandwidth", bandwidth)
        check_choice("metric", metric, METRICS)
        self.requested_nodes = n_nodes
        self.n_neighbors = n_neighbors
        self.n_attached = n_attached
        self.bandwidth = bandwidth
        self.metric = metric
        self.random_state = random_state

    @property
    def n_nodes(self) -> int:
        """Number of nodes."""
        return len(self.node_points)

    @property
    def n_edges(self) -> int:
        """Number of undirected edges, self loops not included."""
        return self.edge_index.shape[1] // 2

    @property
    def is_connected(self) -> bool:
        """Whether every node reached every other before components were joined."""
        return self.n_components == 1

    def fit(
        self,
        lat: ArrayLike,
        lon: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> ConditionGraph:
        """Place the nodes, tie them, and choose kernel widths.

        Parameters
        ----------
        lat, lon : array_like of shape (n,)
            Coordinates of the training rows, degrees (or projected units).
        sample_weight : array_like of shape (n,), default=None
            How many rows each row stands for; None means 1.

        Returns
        -------
        ConditionGraph
            Itself.

        Raises
        ------
        ValueError
            If coordinates are missing, infinite, of different length or none at all, or
            latitudes are no degrees.

        Warns
        -----
        UserWarning
            If the graph fell into parts, which are then joined.
        """
        check_consistent_length(lat, lon, sample_weight)
        for name, values in {"lat": lat, "lon": lon}.items():
            assert_all_finite(values, input_name=name)
        if not len(np.asarray(lat)):
            raise ValueError("lat and lon are empty: a graph needs one place or more.")
        places, place = np.unique(
            embed(lat, lon, self.metric), axis=0, return_inverse=True
        )
        weight = None if sample_weight is None else np.asarray(sample_weight, float)
        rows = np.bincount(place.ravel(), weight)
        self.node_points = self._place_nodes(places, np.sqrt(rows))
        self.node_lat, self.node_lon = self._coordinates(self.node_points)
        self.node_bandwidth = self._kernel_widths(places)
        self.bandwidth_ = float(np.median(self.node_bandwidth))
        self._tie_neighbors()
        return self

    def attach(self, lat: ArrayLike, lon: ArrayLike) -> Attachment:
        """Tie rows to their nearest nodes.

        Parameters
        ----------
        lat, lon : array_like of shape (n,)
            Coordinates of the rows.

        Returns
        -------
        Attachment
            Nodes, weights and distances of each row.
        """
        k = min(self.n_attached, self.n_nodes)
        straight, index = nearest_in_space(
            embed(lat, lon, self.metric), self.node_points, k
        )
        distance = length(straight, self.metric)
        log_kernel = -0.5 * (distance / self.node_bandwidth[index]) ** 2
        return Attachment(index, log_kernel, distance)

    def points(self, lat: ArrayLike, lon: ArrayLike) -> FloatArray:
        """Points in km, between which straight distances are meant.

        Parameters
        ----------
        lat, lon : array_like of shape (n,)
            Coordinates.

        Returns
        -------
        ndarray of shape (n, n_axes)
            Points on the sphere, to the millimeter, so that longitudes of either kind
            give the same; with `metric="euclidean"` the coordinates themselves.
        """
        points = embed(lat, lon, self.metric)
        if self.metric == "euclidean":
            return points
        return np.round(EARTH_RADIUS_KM * points, 6)

    def normalized_adjacency(self) -> tuple[IntArray, FloatArray]:
        r"""Edges with self loops, normalized for graph convolution.

        Returns
        -------
        index : ndarray of shape (2, n_entries)
            Rows and columns.
        value : ndarray of shape (n_entries,)
            Entries of :math:`D^{-1/2} (A + I) D^{-1/2}`.

        References
        ----------
        Kipf, T. N., Welling, M. (2017). Semi-supervised classification with
        graph convolutional networks. ICLR.
        """
        loops = np.tile(np.arange(self.n_nodes), (2, 1))
        index = np.concatenate([self.edge_index, loops], axis=1)
        value = np.concatenate([self.edge_weight, np.ones(self.n_nodes)])
        degree = np.bincount(index[0], value, minlength=self.n_nodes)
        return index, value / np.sqrt(degree[index[0]] * degree[index[1]])

    def to_pyg(self) -> Data:
        """Hand the graph to PyTorch Geometric.

        Returns
        -------
        torch_geometric.data.Data
            `pos` holds latitude and longitude, `edge_weight` the kernel.
        """
        import torch
        from torch_geometric.data import Data

        return Data(
            edge_index=torch.from_numpy(self.edge_index),
            edge_weight=torch.from_numpy(self.edge_weight),
            pos=torch.from_numpy(np.stack([self.node_lat, self.node_lon], axis=1)),
            num_nodes=self.n_nodes,
        )

    def __repr__(self) -> str:
        if not hasattr(self, "node_points"):
            return f"ConditionGraph(n_nodes={self.requested_nodes}, not fitted)"
        unit = " km" if self.metric == "haversine" else ""
        parts = (
            "connected" if self.is_connected else f"{self.n_components} parts, joined"
        )
        return (
            f"ConditionGraph({self.n_nodes} nodes, {self.n_edges} edges, "
            f"bandwidth {self.bandwidth_:.4g}{unit}, {parts})"
        )

    def _coordinates(self, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        if self.metric == "haversine":
            return to_lat_lon(points)
        return points[:, 0], points[:, 1]

    def _place_nodes(self, places: FloatArray, weight: FloatArray) -> FloatArray:
        if len(places) <= self.requested_nodes:
            return places
        if self.metric == "haversine":
            kmeans = SphericalKMeans(
                self.requested_nodes, random_state=self.random_state
            )
        else:
            kmeans = KMeans(
                self.requested_nodes, n_init=1, random_state=self.random_state
            )
        return kmeans.fit(places, sample_weight=weight).cluster_centers_

    def _kernel_widths(self, places: FloatArray) -> FloatArray:
        if self.bandwidth != "auto":
            return np.full(self.n_nodes, float(self.bandwidth))
        if self.n_nodes == 1:
            reach = length(
                np.linalg.norm(places - self.node_points, axis=1), self.metric
            )
            return np.array([np.sqrt(np.mean(reach**2)) or 1.0])
        k = min(3, self.n_nodes)
        straight, _ = nearest_in_space(self.node_points, self.node_points, k)
        return np.maximum(length(straight[:, 1:], self.metric).mean(axis=1), _TINY)

    def _tie_neighbors(self) -> None:
        """Connect nearest nodes in both directions, then join loose parts."""
        n = self.n_nodes
        k = min(self.n_neighbors, n - 1)
        _, neighbors = nearest_in_space(self.node_points, self.node_points, k + 1)
        # With coinciding nodes a node need not be its own first neighbor.
        source = np.repeat(np.arange(n), k + 1)
        target = neighbors.ravel()
        pairs = {
            (min(i, j), max(i, j))
            for i, j in zip(source.tolist(), target.tolist(), strict=True)
            if i != j
        }
        self.n_components, bridges = _bridges(self.node_points, pairs)
        if bridges:
            warnings.warn(
                f"The condition graph fell into {self.n_components} parts; each was "
                "joined to the rest by its nearest pair of nodes. Raise n_neighbors "
                "if far regions should share more.",
                stacklevel=2,
            )
        edges = np.array(sorted(pairs | bridges), dtype=np.int64).reshape(-1, 2).T
        straight = np.linalg.norm(
            self.node_points[edges[0]] - self.node_points[edges[1]], axis=1
        )
        width = self.node_bandwidth[edges[0]] * self.node_bandwidth[edges[1]]
        weight = np.exp(-0.5 * length(straight, self.metric) ** 2 / width)
        self.edge_index = np.concatenate([edges, edges[::-1]], axis=1)
        self.edge_weight = np.maximum(np.concatenate([weight, weight]), _TINY)


def _bridges(
    points: FloatArray, pairs: set[tuple[int, int]]
) -> tuple[int, set[tuple[int, int]]]:
    """Count connected parts and name the pairs that join them.

    Each round ties the first part to the node nearest to it outside.
    """
    bridges: set[tuple[int, int]] = set()
    n_found = 0
    while True:
        index = np.array(sorted(pairs | bridges), dtype=np.int64).reshape(-1, 2).T
        adjacency = coo_array(
            (np.ones(index.shape[1]), (index[0], index[1])), shape=(len(points),) * 2
        )
        n_parts, part = connected_components(adjacency, directed=False)
        n_found = n_found or n_parts
        if n_parts == 1:
            return n_found, bridges
        inside, outside = np.flatnonzero(part == 0), np.flatnonzero(part != 0)
        distance, nearest = nearest_in_space(points[outside], points[inside], 1)
        best = int(distance[:, 0].argmin())
        i, j = int(outside[best]), int(inside[nearest[best, 0]])
        bridges.add((min(i, j), max(i, j)))
