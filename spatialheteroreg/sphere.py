"""Geometry on the sphere: unit vectors, great circles, k-means, neighbors.

Everything works on unit vectors, so the date line and the poles are ordinary
places. Angles are degrees and lengths kilometers throughout.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree
from sklearn.cluster import kmeans_plusplus
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_array

EARTH_RADIUS_KM = 6371.0088
"""Mean radius of the Earth (IUGG), in km."""

MANY_QUERIES = 4_096
"""Points whose nearest are searched for by as many threads as PyTorch may use."""

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def wrap_longitude(lon: ArrayLike) -> FloatArray:
    """Bring longitudes to [-180, 180).

    Rounds to 1e-9 degrees (0.1 mm), so that the same place given as -75.3 and
    as 284.7 becomes the same float, bit for bit.

    Parameters
    ----------
    lon : array_like of shape (n,)
        Longitudes in degrees, in any turn (-180..180, 0..360, ...).

    Returns
    -------
    ndarray of shape (n,)
        Longitudes in degrees in [-180, 180).

    Examples
    --------
    >>> wrap_longitude([-75.3, 284.7, 180.0]).tolist()
    [-75.3, -75.3, -180.0]
    """
    wrapped = (np.asarray(lon, dtype=np.float64) + 180.0) % 360.0 - 180.0
    wrapped = np.round(wrapped, 9)
    # Rounding may lift a value from just under the seam onto it.
    return np.where(wrapped >= 180.0, -180.0, wrapped) + 0.0


def unit_vectors(lat: ArrayLike, lon: ArrayLike) -> FloatArray:
    """Turn latitude and longitude into unit vectors.

    Parameters
    ----------
    lat, lon : array_like of shape (n,)
        Degrees. Longitudes may run -180..180 or 0..360.

    Returns
    -------
    ndarray of shape (n, 3)
        Axis x towards (0 N, 0 E), y towards (0 N, 90 E), z towards the north pole.

    Raises
    ------
    ValueError
        If a latitude lies outside [-90, 90].

    Examples
    --------
    >>> unit_vectors([0.0, 90.0], [90.0, 12.0]).round(6).tolist()
    [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    lat = np.round(np.asarray(lat, dtype=np.float64), 9)
    beyond = np.abs(lat) > 90.0
    if beyond.any():
        first = lat[beyond].flat[0] if lat.ndim else lat
        raise ValueError(
            f"lat must lie in [-90, 90] degrees, and holds {first:g}. Are lat and lon "
            "swapped?"
        )
    phi = np.deg2rad(lat)
    lam = np.deg2rad(wrap_longitude(lon))
    # cos(90 deg) is 6e-17 in floats: a pole would depend on its longitude.
    radius = np.where(np.abs(phi) >= np.pi / 2, 0.0, np.cos(phi))
    return np.stack([radius * np.cos(lam), radius * np.sin(lam), np.sin(phi)], axis=-1)


def to_lat_lon(vectors: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Turn unit vectors back into latitude and longitude.

    Parameters
    ----------
    vectors : array_like of shape (n, 3)
        Unit vectors as made by :func:`unit_vectors`.

    Returns
    -------
    lat, lon : ndarray of shape (n,)
        Degrees, longitude in [-180, 180).

    Examples
    --------
    >>> lat, lon = to_lat_lon([[0.0, 1.0, 0.0]])
    >>> lat.tolist(), lon.tolist()
    ([0.0], [90.0])
    """
    x, y, z = np.asarray(vectors, dtype=np.float64).T
    lat = np.rad2deg(np.arctan2(z, np.hypot(x, y)))
    return lat, wrap_longitude(np.rad2deg(np.arctan2(y, x)))


def chord_to_km(chord: ArrayLike) -> FloatArray:
    """Length of the great circle over a chord of the unit sphere.

    Parameters
    ----------
    chord : array_like
        Straight distances between unit vectors, in [0, 2].

    Returns
    -------
    ndarray
        Great-circle lengths in km.
    """
    half = np.clip(np.asarray(chord, dtype=np.float64) / 2.0, 0.0, 1.0)
    return 2.0 * EARTH_RADIUS_KM * np.arcsin(half)


def embed(lat: ArrayLike, lon: ArrayLike, metric: str) -> FloatArray:
    """Give places as points whose straight distance orders them.

    Parameters
    ----------
    lat, lon : array_like of shape (n,)
        Degrees, or bare coordinates.
    metric : {"haversine", "euclidean"}
        Which of the two.

    Returns
    -------
    ndarray of shape (n, n_axes)
        Unit vectors, or the coordinates themselves.
    """
    if metric == "haversine":
        return unit_vectors(lat, lon)
    return np.stack([np.asarray(lat, float), np.asarray(lon, float)], axis=-1)


def length(straight: FloatArray, metric: str) -> FloatArray:
    """Turn straight distances between :func:`embed`-ded places into their distance.

    Parameters
    ----------
    straight : ndarray
        Straight distances.
    metric : {"haversine", "euclidean"}
        How they were embedded.

    Returns
    -------
    ndarray
        Great-circle distances in km, or the same in the units of the coordinates.
    """
    return chord_to_km(straight) if metric == "haversine" else straight


def great_circle_distance(
    lat1: ArrayLike, lon1: ArrayLike, lat2: ArrayLike, lon2: ArrayLike
) -> FloatArray:
    """Distance along the surface of the sphere, in km.

    Parameters
    ----------
    lat1, lon1, lat2, lon2 : array_like
        Degrees; broadcast against each other.

    Returns
    -------
    ndarray
        Great-circle distance in km. Accurate from millimeters to antipodes.

    Examples
    --------
    Across the date line, one degree at the equator:

    >>> float(great_circle_distance(0.0, 179.5, 0.0, -179.5).round(2))
    111.2
    """
    a, b = np.broadcast_arrays(unit_vectors(lat1, lon1), unit_vectors(lat2, lon2))
    sine = np.linalg.norm(np.cross(a, b), axis=-1)
    cosine = np.sum(a * b, axis=-1)
    return EARTH_RADIUS_KM * np.arctan2(sine, cosine)


def nearest_neighbors(
    query: ArrayLike, points: ArrayLike, n_neighbors: int
) -> tuple[FloatArray, IntArray]:
    """Find the nearest points to each query point, on the sphere.

    Chords order neighbors as great circles do, so a k-d tree on unit vectors
    is exact.

    Parameters
    ----------
    query : array_like of shape (n, 3)
        Unit vectors.
    points : array_like of shape (m, 3)
        Unit vectors to choose from.
    n_neighbors : int
        Number of neighbors, at most m.

    Returns
    -------
    distance : ndarray of shape (n, n_neighbors)
        Great-circle distance in km, ascending.
    index : ndarray of shape (n, n_neighbors)
        Positions in `points`.

    Examples
    --------
    >>> places = unit_vectors([0.0, 0.0, 60.0], [179.0, -178.0, 0.0])
    >>> distance, index = nearest_neighbors(places[:1], places, 2)
    >>> index.tolist(), distance.round().tolist()
    ([[0, 1]], [[0.0, 334.0]])
    """
    chord, index = nearest_in_space(query, points, n_neighbors)
    return chord_to_km(chord), index


def nearest_in_space(
    query: ArrayLike, points: ArrayLike, n_neighbors: int
) -> tuple[FloatArray, IntArray]:
    """Find the nearest points by straight distance, in any dimension.

    Parameters
    ----------
    query : array_like of shape (n, d)
        Points to search from.
    points : array_like of shape (m, d)
        Points to choose from.
    n_neighbors : int
        Number of neighbors, at most m.

    Returns
    -------
    distance : ndarray of shape (n, n_neighbors)
        Straight distance, ascending.
    index : ndarray of shape (n, n_neighbors)
        Positions in `points`.
    """
    query = np.asarray(query)
    ranks = np.arange(1, n_neighbors + 1)  # a list of ranks keeps the result 2-D
    workers = torch.get_num_threads() if len(query) >= MANY_QUERIES else 1
    distance, index = cKDTree(np.asarray(points)).query(query, ranks, workers=workers)
    return distance, index.astype(np.int64)


class SphericalKMeans:
    """K-means whose centers lie on the sphere.

    Rows go to the center with the largest cosine; a center is the weighted
    mean direction of its rows. That is the spherical k-means of [1]_, started
    by k-means++.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of centers, at most the number of distinct points.
    max_iter : int, default=50
        Largest number of Lloyd steps.
    random_state : int, RandomState instance or None, default=None
        Draws the starting centers.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, 3)
        Unit vectors.
    labels_ : ndarray of shape (n,)
        Center of each row.
    n_iter_ : int
        Lloyd steps done.

    References
    ----------
    .. [1] Dhillon, I. S., Modha, D. S. (2001). Concept decompositions for
       large sparse text data using clustering. Machine Learning 42, 143-175.

    Examples
    --------
    >>> places = unit_vectors([0.0, 1.0, 80.0, 81.0], [179.9, -179.9, 0.0, 9.0])
    >>> kmeans = SphericalKMeans(n_clusters=2, random_state=0).fit(places)
    >>> bool(kmeans.labels_[0] == kmeans.labels_[1])  # one cluster, both sides
    True
    """

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        max_iter: int = 50,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.max_iter = max_iter
        self.random_state = random_state

    def fit(
        self, vectors: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> SphericalKMeans:
        """Find the centers.

        Parameters
        ----------
        vectors : array_like of shape (n, 3)
            Unit vectors.
        sample_weight : array_like of shape (n,), default=None
            Pull of each row on the centers; None means 1 for all.

        Returns
        -------
        SphericalKMeans
            Itself.

        Raises
        ------
        ValueError
            If there are fewer distinct points than clusters.
        """
        points = check_array(vectors, dtype=np.float64)
        weight = (
            np.ones(len(points))
            if sample_weight is None
            else np.asarray(sample_weight, dtype=np.float64)
        )
        n_distinct = len(np.unique(points, axis=0))
        if not 1 <= self.n_clusters <= n_distinct:
            raise ValueError(
                f"n_clusters={self.n_clusters} must lie between 1 and the number of "
                f"distinct points, {n_distinct}."
            )
        centers, _ = kmeans_plusplus(
            points,
            self.n_clusters,
            sample_weight=weight,
            random_state=check_random_state(self.random_state),
        )
        labels = np.full(len(points), -1)
        self.n_iter_ = 0
        while self.n_iter_ < self.max_iter:
            chord, nearest = nearest_in_space(points, centers, 1)
            moved = nearest[:, 0] != labels
            if not moved.any():
                break
            self.n_iter_ += 1
            labels = nearest[:, 0]
            centers = _mean_directions(points, weight, labels, chord[:, 0], centers)
        self.cluster_centers_ = centers
        self.labels_ = nearest_in_space(points, centers, 1)[1][:, 0]
        return self


def _mean_directions(
    points: FloatArray,
    weight: FloatArray,
    labels: IntArray,
    chord: FloatArray,
    previous: FloatArray,
) -> FloatArray:
    """Weighted mean direction of each cluster; empty ones take a far point."""
    n_clusters = len(previous)
    sums = np.stack(
        [np.bincount(labels, weight * axis, minlength=n_clusters) for axis in points.T],
        axis=1,
    )
    length = np.linalg.norm(sums, axis=1)
    empty = np.bincount(labels, minlength=n_clusters) == 0
    if empty.any():
        farthest = np.argsort(-chord, kind="stable")[: empty.sum()]
        sums[empty], length[empty] = points[farthest], 1.0
    # Points that cancel (antipodes) have no mean direction: stay where we were.
    cancelled = length < 1e-12
    sums[cancelled], length[cancelled] = previous[cancelled], 1.0
    return sums / length[:, None]
