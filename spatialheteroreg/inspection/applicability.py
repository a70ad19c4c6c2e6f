"""Where a model can be trusted: how far rows are from those of training.

Takes arrays. The features of a row are compared with those of training rows in
the way of Meyer and Pebesma (2021); its place with the training places.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist
from sklearn.utils.validation import check_is_fitted

from ..chunks import map_chunks
from ..row_inputs import as_complex, draw_rows, slices
from ..sphere import FloatArray, IntArray, embed, length, nearest_in_space
from .dissimilarity import (
    feature_distances,
    feature_scale,
    nearest_elsewhere,
    whisker,
)

if TYPE_CHECKING:
    from ..regressor import STCGRegressor

Arrays = dict[str, NDArray[Any]]

MAX_ROWS = 2_000
"""Training rows that are kept to compare with: 0.1 s at fit, however many there are."""

MAX_PLACES = 20_000
"""Training places that are kept: 0.3 MB in a saved model."""

FAR_WIDTHS = 2.0
"""A row further than this from every node, in kernel widths, is far from them."""

_SAMPLE = 400
"""Training places that the usual distance is taken from."""

_SAMPLE_PART = 25
"""Of these, places whose distances to all others are held at once: 4 MB."""

_CHUNK = 4_000_000
"""Distances that are held at once: 32 MB."""


class Applicability(NamedTuple):
    """How far rows are from the training rows.

    Attributes
    ----------
    distance : ndarray of shape (n,)
        Distance to the nearest training place, in km or in the units of the
        coordinates; NaN where the model reads no place.
    widths : ndarray of shape (n,)
        The same in kernel widths.
    dissimilarity : ndarray of shape (n,)
        Distance to the nearest training row among the features, over the mean
        distance of two training rows.
    inside : ndarray of shape (n,), bool
        Whether both are small.
    """

    distance: FloatArray
    widths: FloatArray
    dissimilarity: FloatArray
    inside: NDArray[np.bool_]


@dataclass(frozen=True)
class TrainingReference:
    """What a model keeps of its training rows, to compare other rows with.

    The features are standardized and weighted by importance; see
    :func:`~spatialheteroreg.inspection.dissimilarity.feature_distances`.

    Attributes
    ----------
    numeric, missing, codes : ndarray of shape (m, n_numeric or n_categorical)
        Features of up to `MAX_ROWS` training rows, as the network takes them.
    shares : ndarray of shape (n_features,)
        Weight of each feature; sums to 1.
    mean_distance : float
        Mean distance of two of these rows.
    threshold : float
        Largest dissimilarity inside: the upper whisker, at most Q75 + 1.5 IQR, of
        that of the training rows, each compared with the rows at other nodes.
    places : ndarray of shape (k, d)
        Up to `MAX_PLACES` training places, as unit vectors or bare coordinates;
        empty where the model reads no place.
    place_threshold : float
        Largest distance inside: the upper whisker of the distances of training
        places to the nearest one at another node; 0 where there is no other.
    metric : {"haversine", "euclidean"}
        Great-circle km, or straight distance.
    bandwidth : float
        Kernel width, as a distance.
    node_rows : ndarray of shape (n_nodes,)
        Training rows nearest to each node.
    far_share : float
        Share of the training rows more than `FAR_WIDTHS` kernel widths from
        every node.
    """

    numeric: NDArray[Any]
    missing: NDArray[np.bool_]
    codes: IntArray
    shares: FloatArray
    mean_distance: float
    threshold: float
    places: FloatArray
    place_threshold: float
    metric: str
    bandwidth: float
    node_rows: IntArray
    far_share: float

    @classmethod
    def of(
        cls,
        arrays: Arrays,
        shares: ArrayLike,
        place: tuple[FloatArray, FloatArray] | None,
        *,
        n_nodes: int,
        metric: str,
        bandwidth: float,
    ) -> TrainingReference:
        """Keep what is needed of the training rows.

        Rows and places beyond the limits are left out at random, the same ones
        each time.

        Parameters
        ----------
        arrays : dict of str to ndarray
            Inputs of the network.
        shares : array_like of shape (n_features,)
            Importance of each feature, as the network orders them; not negative.
        place : tuple of two ndarrays of shape (n,), or None
            Latitude and longitude of the rows; None where the model reads none.
        n_nodes : int
            Nodes of the graph.
        metric : {"haversine", "euclidean"}
            How to measure between places.
        bandwidth : float
            Kernel width, as a distance.

        Returns
        -------
        TrainingReference
            The reference.
        """
        random = np.random.RandomState(0)
        node = arrays["node_index"][:, 0, 0]
        kept = draw_rows(len(node), MAX_ROWS, random)
        weight = np.asarray(shares, dtype=np.float64)
        # Where nothing is important, every feature counts the same.
        weight = weight if weight.sum() > 0 else np.ones_like(weight)
        features = [arrays[name][kept] for name in ("numeric", "missing", "codes")]
        weight = weight / max(weight.sum(), np.finfo(float).tiny)
        mean, threshold = feature_scale(features, weight, node[kept])
        points, reach = np.empty((0, 0)), 0.0
        if place is not None:
            points, nodes = _distinct_places(place, node, metric, random)
            reach = _place_reach(points, nodes, metric)
        numeric, missing, codes = features
        return cls(
            numeric=numeric,
            missing=missing,
            codes=codes,
            shares=weight,
            mean_distance=mean,
            threshold=threshold,
            places=points,
            place_threshold=reach,
            metric=metric,
            bandwidth=bandwidth,
            node_rows=np.bincount(node, minlength=n_nodes),
            far_share=float(np.mean(arrays["node_distance"][:, 0, 0] > FAR_WIDTHS)),
        )

    def compare(
        self, arrays: Arrays, place: tuple[FloatArray, FloatArray]
    ) -> Applicability:
        """Compare rows with the training rows.

        Parameters
        ----------
        arrays : dict of str to ndarray
            Inputs of the network.
        place : tuple of two ndarrays of shape (n,)
            Latitude and longitude of the rows; not read where the model reads no
            place.

        Returns
        -------
        Applicability
            Distances, and whether they are small.
        """
        n_rows, size = len(arrays["numeric"]), max(_CHUNK // len(self.numeric), 1)
        reference = [self.numeric, self.missing, self.codes]
        dissimilarity = np.empty(n_rows)
        for rows in slices(n_rows, size):
            features = [arrays[name][rows] for name in ("numeric", "missing", "codes")]
            nearest = feature_distances(features, reference, self.shares).min(axis=1)
            dissimilarity[rows] = nearest / self.mean_distance
        inside = dissimilarity <= self.threshold
        distance = np.full(n_rows, np.nan)
        if len(self.places):
            points = embed(*place, self.metric)
            straight = nearest_in_space(points, self.places, 1)[0][:, 0]
            distance = length(straight, self.metric)
            # Cells of a regular grid are equally far but for rounding.
            inside = inside & (distance <= self.place_threshold * (1 + 1e-9))
        return Applicability(distance, distance / self.bandwidth, dissimilarity, inside)


def applicability(model: STCGRegressor, X: Any) -> pd.DataFrame:
    """Say how far rows are from the training rows of a model.

    Inside the area of applicability the error is what validation with places
    held out says. Outside it nobody knows: the row has features unlike those
    of training [1]_, or lies further from the training places than these lie
    from each other. :doc:`/trust` tells more.

    Parameters
    ----------
    model : STCGRegressor
        A fitted model.
    X : DataFrame or array_like of shape (n, p)
        Columns as in fit.

    Returns
    -------
    DataFrame of shape (n, 4)
        Indexed as X is:

        distance : float
            To the nearest training place, in km (with `metric="euclidean"` in
            the units of the coordinates); NaN where the model reads no place.
        widths : float
            The same in kernel widths of the graph.
        dissimilarity : float
            Among the features, weighted by their importance: the distance to the
            nearest training row, over the mean distance of two training rows.
            0 for a row like one of training.
        inside : bool
            Whether both are as small as among the training rows: at most the
            upper whisker of what these have when each is compared with those
            at other nodes alone.

    Notes
    -----
    Time is not part of it: of times that the model cannot reach, `predict`
    warns. Up to 2,000 training rows and 20,000 places are kept to compare with,
    so of a larger table a training row itself may have a small dissimilarity.

    References
    ----------
    .. [1] Meyer, H., Pebesma, E. (2021). Predicting into unknown space? Estimating
       the area of applicability of spatial prediction models. Methods in Ecology
       and Evolution 12, 1620-1633.

    Examples
    --------
    >>> from spatialheteroreg import STCGRegressor
    >>> from spatialheteroreg.datasets import make_heterogeneous_globe
    >>> globe = make_heterogeneous_globe(200, 100, random_state=0)
    >>> X, north = globe.data, globe.data["lat"] > 0
    >>> model = STCGRegressor(max_iter=2, random_state=0)
    >>> model = model.fit(X[north], globe.target[north])
    >>> where = model.applicability(X)
    >>> bool(where.loc[north, "inside"].mean() > 0.9)
    True
    >>> bool(where.loc[X["lat"] < -60, "inside"].any())
    False
    """
    check_is_fitted(model)
    table, inputs = model._read_fitted(X), model._inputs
    parts = map_chunks(
        inputs,
        table,
        lambda part: model._reference.compare(
            part.inputs, inputs.read_place(part.table)
        ),
    )
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return pd.DataFrame(
        dict(zip(Applicability._fields, columns, strict=True)),
        index=X.index if isinstance(X, pd.DataFrame) else None,
    )


def _distinct_places(
    place: tuple[FloatArray, FloatArray],
    node: IntArray,
    metric: str,
    random: np.random.RandomState,
) -> tuple[FloatArray, IntArray]:
    """Points of the distinct places, and the node of each."""
    lat, lon = place
    _, first = np.unique(as_complex(lat, lon), return_index=True)
    first = first[draw_rows(len(first), MAX_PLACES, random)]
    return embed(lat[first], lon[first], metric), node[first]


def _place_reach(points: FloatArray, node: IntArray, metric: str) -> float:
    """Upper whisker of the distances to the nearest place at another node."""
    sample = draw_rows(len(points), _SAMPLE, np.random.RandomState(0))
    straight = [
        nearest_elsewhere(cdist(points[rows], points), node[rows], node)
        for rows in np.array_split(sample, -(-len(sample) // _SAMPLE_PART))
    ]
    return whisker(length(np.concatenate(straight), metric))
