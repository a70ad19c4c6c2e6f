"""Splitters over space: blocks, regions, and folds with a buffer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from sklearn.utils import check_random_state

from ..checks import METRICS, check_amount, check_choice, check_count
from ..columns import Table
from ..sphere import IntArray
from .places import Places, Random, balanced_folds, read_places
from .splitter import (
    Mask,
    TableSplitter,
    check_block_size,
    check_shuffle,
)


class PlaceSplitter(TableSplitter):
    """A splitter by place: all rows of a place are on one side."""

    lat: str | int
    lon: str | int
    crs: Any
    metric: str
    _remedy: ClassVar[str] = "Pass fewer folds, or more places."

    def _masks(self, table: Table) -> Iterator[tuple[Mask, Mask]]:
        places = read_places(
            table,
            lat=self.lat,
            lon=self.lon,
            crs=self.crs,
            metric=self.metric,
            reader=type(self).__name__,
        )
        fold = self._folds(places)
        for number in range(self.get_n_splits()):
            test = fold == number
            train = self._training(places, test)
            yield train[places.row_place], test[places.row_place]

    def _folds(self, places: Places) -> IntArray:
        """Fold of each place."""
        raise NotImplementedError

    def _training(self, places: Places, test: Mask) -> Mask:
        """Places to train on."""
        return ~test


class FoldSplitter(PlaceSplitter):
    """Folds of about as many rows, dealt from places or blocks."""

    n_splits: int
    block_size: float | None
    shuffle: bool
    random_state: Random

    def _n_splits(self) -> int:
        return self.n_splits

    def _folds(self, places: Places) -> IntArray:
        if self.block_size is None:
            group, groups = np.arange(len(places)), "distinct places"
            remedy = "Pass a smaller n_splits."
        else:
            group = places.blocks(self.block_size)
            groups = f"blocks of {self.block_size:g}{places.unit}"
            remedy = "Pass a smaller block_size, or a smaller n_splits."
        rows = np.bincount(group[places.row_place])
        if len(rows) < self.n_splits:
            raise ValueError(
                f"The rows lie in {len(rows)} {groups}, fewer than n_splits="
                f"{self.n_splits}. {remedy}"
            )
        random = check_random_state(self.random_state) if self.shuffle else None
        return balanced_folds(rows, self.n_splits, random)[group]


class SpatialBlockKFold(FoldSplitter):
    """K-fold over blocks of the globe: rows of one block stay together.

    The globe is cut into nearly square blocks of about equal area: bands of
    latitude, each cut into cells, fewer towards the poles. The date line is an
    edge between blocks like any other, and every longitude of a pole is one
    place. Whole blocks are dealt to the folds, each to the fold with the fewest
    rows so far, so the folds differ by no more rows than the largest block has.

    Use it to estimate the error between the places of the training rows, with
    folds that resemble each other. In the middle of a test block the nearest
    training rows are about half a block away; at its edge they may be next
    door. :class:`BufferedKFold` with `block_size` keeps a distance there too.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2.
    block_size : float
        Side of a block in km (with `metric="euclidean"` in the units of the
        coordinates).
    shuffle : bool, default=False
        Deal the blocks in random order. Otherwise the largest comes first, and
        equal ones from south to north and west to east.
    random_state : int, RandomState instance or None, default=None
        Draws the order with `shuffle=True`. Pass an int to get the same folds
        each time.
    lat, lon : str or int, default="auto"
        Columns of latitude and longitude in degrees, by name or position.
        Longitudes may run -180..180 or 0..360. "auto" looks for lat, latitude,
        lon, long, lng and longitude in any case, then for the points of a
        GeoDataFrame.
    crs : object, default=None
        Coordinate reference system of the columns `lat` (northing) and `lon`
        (easting), as pyproj takes it: an EPSG code, a string. They are converted
        to degrees. None means that they are degrees. A GeoDataFrame brings its own.
    metric : {"haversine", "euclidean"}, default="haversine"
        Blocks on the sphere, or squares of bare coordinates, which may then be
        projected ones.

    See Also
    --------
    LeaveRegionOut : Holds out fewer and larger parts.
    BufferedKFold : Also drops what lies close to the test rows.

    Examples
    --------
    >>> from spatialheteroreg.datasets import make_heterogeneous_globe
    >>> from spatialheteroreg.model_selection import SpatialBlockKFold
    >>> globe = make_heterogeneous_globe(600, 300, random_state=0)
    >>> cv = SpatialBlockKFold(n_splits=4, block_size=1000)
    >>> [len(test) for train, test in cv.split(globe.data)]
    [150, 150, 150, 150]
    """

    def __init__(
        self,
        n_splits: int = 5,
        *,
        block_size: float,
        shuffle: bool = False,
        random_state: Random = None,
        lat: str | int = "auto",
        lon: str | int = "auto",
        crs: Any = None,
        metric: str = "haversine",
    ) -> None:
        check_count("n_splits", n_splits, 2)
        check_shuffle(shuffle, random_state)
        check_choice("metric", metric, METRICS)
        check_block_size(block_size, metric)
        self.n_splits = n_splits
        self.block_size = block_size
        self.shuffle = shuffle
        self.random_state = random_state
        self.lat = lat
        self.lon = lon
        self.crs = crs
        self.metric = metric


class LeaveRegionOut(PlaceSplitter):
    """Leave one region out: clusters of places, each held out in turn.

    Regions are clusters of the distinct places by spherical k-means; a place
    with many rows pulls no more than one with few. They are compact, and where
    places lie in groups with gaps between them, as on continents, regions tend
    to follow the gaps. They differ in area and in number of rows.

    Use it to estimate the error in a part of the world without any training
    rows.

    Parameters
    ----------
    n_regions : int, default=5
        Number of regions, and of splits; at least 2.
    random_state : int, RandomState instance or None, default=None
        Draws the starting centers of k-means. Pass an int to get the same
        regions each time.
    lat, lon : str or int, default="auto"
        As for :class:`SpatialBlockKFold`.
    crs : object, default=None
        As for :class:`SpatialBlockKFold`.
    metric : {"haversine", "euclidean"}, default="haversine"
        Clusters on the sphere, or by straight distance on bare coordinates.

    See Also
    --------
    SpatialBlockKFold : Balanced folds of many small blocks.
    sklearn.model_selection.LeaveOneGroupOut : For regions that are known.

    Examples
    --------
    >>> from spatialheteroreg.model_selection import LeaveRegionOut
    >>> X = [[60.0, 179.0], [61.0, -179.0], [-20.0, 20.0], [-21.0, 22.0]]
    >>> cv = LeaveRegionOut(n_regions=2, lat=0, lon=1, random_state=0)
    >>> sorted(test.tolist() for train, test in cv.split(X))
    [[0, 1], [2, 3]]
    """

    def __init__(
        self,
        n_regions: int = 5,
        *,
        random_state: Random = None,
        lat: str | int = "auto",
        lon: str | int = "auto",
        crs: Any = None,
        metric: str = "haversine",
    ) -> None:
        check_count("n_regions", n_regions, 2)
        check_choice("metric", metric, METRICS)
        self.n_regions = n_regions
        self.random_state = random_state
        self.lat = lat
        self.lon = lon
        self.crs = crs
        self.metric = metric

    def _n_splits(self) -> int:
        return self.n_regions

    def _folds(self, places: Places) -> IntArray:
        return places.regions(self.n_regions, self.random_state)


class BufferedKFold(FoldSplitter):
    """K-fold that drops training rows close to any test row.

    Whole places, or with `block_size` whole blocks, are dealt to the folds as
    by :class:`SpatialBlockKFold`. Of the rows that are not in the test fold,
    those within `radius` of any row of it are dropped: every training row is
    farther than `radius` from every test row. All rows are tested once; rows
    near the edge of a fold are not trained on in that split.

    Use it when rows that lie close to each other are alike, with `radius` about
    the range of that likeness. Single places as folds are spread over the whole
    area, so a large radius leaves little to train on: the more places, the
    sooner. Blocks several times as wide as the radius lose much less. With
    `n_splits` equal to the number of places it is buffered leave-one-out.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2.
    radius : float
        Great-circle distance in km up to which training rows are dropped (with
        `metric="euclidean"` straight distance, in the units of the coordinates).
    block_size : float or None, default=None
        Side of the blocks that stay together, in the unit of `radius`. None
        means that only the rows of one place do.
    shuffle : bool, default=False
        Deal in random order. Otherwise the places or blocks with most rows come
        first, and equal ones from south to north and west to east.
    random_state : int, RandomState instance or None, default=None
        Draws the order with `shuffle=True`. Pass an int to get the same folds
        each time.
    lat, lon : str or int, default="auto"
        As for :class:`SpatialBlockKFold`.
    crs : object, default=None
        As for :class:`SpatialBlockKFold`.
    metric : {"haversine", "euclidean"}, default="haversine"
        Distance along the sphere, or straight distance on bare coordinates.

    See Also
    --------
    SpatialBlockKFold : The same without dropping rows.

    Examples
    --------
    >>> from spatialheteroreg.model_selection import BufferedKFold
    >>> X = [[0.0, 1.0], [0.0, 2.0], [0.0, 3.0], [0.0, 9.0]]
    >>> cv = BufferedKFold(n_splits=4, radius=120, lat=0, lon=1)
    >>> for train, test in cv.split(X):  # one degree is 111 km
    ...     print(train, test)
    [2 3] [0]
    [3] [1]
    [0 3] [2]
    [0 1 2] [3]
    """

    _remedy: ClassVar[str] = (
        "All others lie within radius of a test row. Pass a smaller radius, or a "
        "block_size larger than it, so that the test rows lie together."
    )

    def __init__(
        self,
        n_splits: int = 5,
        *,
        radius: float,
        block_size: float | None = None,
        shuffle: bool = False,
        random_state: Random = None,
        lat: str | int = "auto",
        lon: str | int = "auto",
        crs: Any = None,
        metric: str = "haversine",
    ) -> None:
        check_count("n_splits", n_splits, 2)
        check_amount("radius", radius, included=True)
        check_shuffle(shuffle, random_state)
        check_choice("metric", metric, METRICS)
        if block_size is not None:
            check_block_size(block_size, metric)
        self.n_splits = n_splits
        self.radius = radius
        self.block_size = block_size
        self.shuffle = shuffle
        self.random_state = random_state
        self.lat = lat
        self.lon = lon
        self.crs = crs
        self.metric = metric

    def _training(self, places: Places, test: Mask) -> Mask:
        return ~test & ~places.near(~test, test, self.radius)
