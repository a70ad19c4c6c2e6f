"""The distinct places of a table: blocks, regions, distances, balanced folds."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.cluster import KMeans

from ..columns import Table, find_roles
from ..coordinates import read_place
from ..sphere import (
    EARTH_RADIUS_KM,
    FloatArray,
    IntArray,
    SphericalKMeans,
    embed,
    length,
    nearest_in_space,
)
from .splitter import Mask

Random = int | np.random.RandomState | None


@dataclass(frozen=True)
class Places:
    """Distinct places, and which of them each row has.

    Attributes
    ----------
    lat, lon : ndarray of shape (n_places,)
        Degrees, from south to north and west to east; or projected units.
    row_place : ndarray of shape (n,)
        Place of each row.
    metric : {"haversine", "euclidean"}
        Great-circle km, or straight distance in the units of the coordinates.
    """

    lat: FloatArray
    lon: FloatArray
    row_place: IntArray
    metric: str

    def __len__(self) -> int:
        return len(self.lat)

    @property
    def unit(self) -> str:
        """Unit of lengths, to put behind a number."""
        return " km" if self.metric == "haversine" else ""

    @property
    def points(self) -> FloatArray:
        """Points whose straight distance orders places, one row for each."""
        return embed(self.lat, self.lon, self.metric)

    def blocks(self, size: float) -> IntArray:
        """Number the blocks that the places lie in.

        Parameters
        ----------
        size : float
            Side of a block, km or projected units.

        Returns
        -------
        ndarray of shape (n_places,)
            Block of each place, from 0; only blocks with places are numbered.

        Raises
        ------
        ValueError
            If bare coordinates are too large to be counted in such blocks.
        """
        if self.metric == "haversine":
            cells = sphere_cells(self.lat, self.lon, size)
        else:
            with np.errstate(over="ignore"):
                cells = np.floor(self.points / size)
            if not np.isfinite(cells).all():
                raise ValueError(
                    f"block_size={size:g} is too small for coordinates up to "
                    f"{np.abs(self.points).max():g}. Pass a larger block_size."
                )
        return np.unique(cells, axis=0, return_inverse=True)[1].ravel()

    def regions(self, n_regions: int, random_state: Random) -> IntArray:
        """Cluster the places by k-means.

        Parameters
        ----------
        n_regions : int
            Number of regions.
        random_state : int, RandomState instance or None
            Draws the starting centers.

        Returns
        -------
        ndarray of shape (n_places,)
            Region of each place, from 0; every region has places.

        Raises
        ------
        ValueError
            If there are fewer distinct places, or they are too close to each
            other for so many regions.
        """
        n_distinct = len(np.unique(self.points, axis=0))
        if n_distinct < n_regions:
            raise ValueError(
                f"X has {n_distinct} distinct places, fewer than n_regions="
                f"{n_regions}. Pass a smaller n_regions."
            )
        kmeans = (
            SphericalKMeans(n_regions, max_iter=300, random_state=random_state)
            if self.metric == "haversine"
            else KMeans(n_regions, n_init=1, random_state=random_state)
        )
        region = kmeans.fit(self.points).labels_
        n_found = len(np.unique(region))
        if n_found < n_regions:
            # Centers of places that are millimeters apart cannot be told apart.
            raise ValueError(
                f"The places of X lie too close to each other for n_regions="
                f"{n_regions}; {n_found} were found. Pass a smaller n_regions."
            )
        return region

    def near(self, candidates: Mask, others: Mask, radius: float) -> Mask:
        """Tell which places lie within a distance of any of the others.

        Parameters
        ----------
        candidates, others : ndarray of bool of shape (n_places,)
            Places to judge, and places to measure from; at least one each.
        radius : float
            Largest distance, km or projected units.

        Returns
        -------
        ndarray of bool of shape (n_places,)
            Candidates that are near; False for all that are no candidates.
        """
        points = self.points
        distance, _ = nearest_in_space(points[candidates], points[others], 1)
        near = np.zeros(len(self), dtype=bool)
        near[candidates] = length(distance[:, 0], self.metric) <= radius
        return near


def sphere_cells(lat: FloatArray, lon: FloatArray, size: float) -> IntArray:
    """Cells of a grid of nearly square blocks on the sphere.

    Bands of latitude are about `size` high. Each is cut into as many equal
    cells as bring their area closest to that of a square, so there are fewer
    towards the poles and three around each pole.

    Parameters
    ----------
    lat, lon : ndarray of shape (n,)
        Degrees, longitude in [-180, 180).
    size : float
        Side of a block in km.

    Returns
    -------
    ndarray of shape (n, 2)
        Band from the south pole and cell from the date line, both from 0.

    Examples
    --------
    >>> lat, lon = np.array([0.5, 0.5, 89.0]), np.array([-179.9, 179.9, 0.0])
    >>> sphere_cells(lat, lon, 1000.0).tolist()
    [[10, 0], [10, 39], [19, 1]]
    """
    n_bands = max(1, round(np.pi * EARTH_RADIUS_KM / size))
    height = np.pi / n_bands
    band = np.floor((np.deg2rad(lat) + np.pi / 2) / height)
    band = np.minimum(band, n_bands - 1)
    middle = (band + 0.5) * height - np.pi / 2
    area = 4 * np.pi * EARTH_RADIUS_KM**2 * np.cos(middle) * np.sin(height / 2)
    n_cells = np.maximum(1, np.rint(area / size / size))
    cell = np.minimum(np.floor((lon + 180.0) / 360.0 * n_cells), n_cells - 1)
    return np.stack([band, cell], axis=1).astype(np.int64)


def balanced_folds(
    rows: IntArray, n_folds: int, random: np.random.RandomState | None = None
) -> IntArray:
    """Deal groups to folds so that these have about as many rows.

    Each group goes to the fold that has the fewest rows so far. Folds
    therefore differ by no more than the rows of the largest group.

    Parameters
    ----------
    rows : ndarray of int of shape (n_groups,)
        Rows of each group, at least 1.
    n_folds : int
        Number of folds, at most the number of groups.
    random : RandomState, default=None
        Draws the order of the groups; None takes the largest first.

    Returns
    -------
    ndarray of shape (n_groups,)
        Fold of each group, from 0.

    Examples
    --------
    >>> balanced_folds(np.array([5, 1, 2, 3]), 2).tolist()
    [0, 0, 1, 1]
    """
    order = (
        np.argsort(-rows, kind="stable")
        if random is None
        else random.permutation(len(rows))
    )
    emptiest = [(0, fold) for fold in range(n_folds)]  # a heap
    fold_of = np.empty(len(rows), dtype=np.int64)
    for group in order:
        dealt, fold = emptiest[0]
        fold_of[group] = fold
        heapq.heapreplace(emptiest, (dealt + int(rows[group]), fold))
    return fold_of


def read_places(
    table: Table,
    *,
    lat: str | int,
    lon: str | int,
    crs: Any,
    metric: str,
    reader: str,
) -> Places:
    """Find the distinct places of a table.

    Parameters
    ----------
    table : Table
        Rows with their coordinates.
    lat, lon : str or int
        Name or position; "auto" looks for the usual names.
    crs : object
        Coordinate reference system of the columns; None means degrees.
    metric : {"haversine", "euclidean"}
        Whether they are degrees in the end.
    reader : str
        Who needs them, in messages.

    Returns
    -------
    Places
        The places, and the place of each row.

    Raises
    ------
    ValueError
        If the columns are not found, or values are missing or no degrees.
    """
    roles = find_roles(table, lat=lat, lon=lon, time=None, categorical_features=None)
    if not roles.has_place:
        raise ValueError(
            f"{reader} needs the place of each row, but found no columns of latitude "
            f"and longitude (lat={lat!r}, lon={lon!r}). Pass lat= and lon= with their "
            "names or positions."
        )
    if roles.lat is None or roles.lon is None:
        there, absent = ("lat", "lon") if roles.lon is None else ("lon", "lat")
        raise ValueError(
            f"{reader} needs latitude and longitude, but found {there}= alone, in "
            f"column {table.label(getattr(roles, there))}. Pass {absent}= with its "
            "name or position."
        )
    degrees = metric == "haversine"
    y, x = read_place(table, roles, geographic=degrees, crs=crs)
    if degrees:
        # As unit vectors take them: places closer than 0.1 mm are one, and so is
        # a pole with all its longitudes.
        y = np.round(y, 9)
        x = np.where(np.abs(y) == 90.0, 0.0, x)
    # Complex numbers sort by their first and then by their second part, and much
    # faster than rows of an array.
    places, row_place = np.unique(y + 1j * x, return_inverse=True)
    return Places(places.real, places.imag, row_place, metric)
