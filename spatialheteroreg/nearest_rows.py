"""The training rows that are nearest to a row, in place and in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from .sphere import FloatArray, IntArray

SLIGHTLY = 0.05
"""How much time counts, beside place, among the nearest places."""

EACH = 24
"""Rows of each kind in the surroundings of a row; without times there are as many more
that are near in place."""

MOST = 56
"""Rows of all kinds there: some are found twice, and the farthest places go first."""


@dataclass(frozen=True)
class Locations:
    """Where and when rows are.

    Attributes
    ----------
    point : ndarray of shape (n, n_axes)
        Points between which straight distances are meant, in km on the sphere.
    time : ndarray of shape (n,)
        Times, in periods where there is one.
    """

    point: FloatArray
    time: FloatArray

    def __len__(self) -> int:
        return len(self.time)

    def __getitem__(self, rows: NDArray[np.integer] | slice) -> Locations:
        return Locations(self.point[rows], self.time[rows])


class NearestRows:
    """Looks for the nearest of some rows, of two kinds where they have times.

    Once time counts slightly, as what is near in place may last, and once as much as
    place does.

    Parameters
    ----------
    where : Locations
        Rows that are looked for.
    spacing : float
        Usual distance of neighboring places.
    span : float
        Length of the times.
    has_time : bool
        Whether the rows have any.

    Examples
    --------
    >>> where = Locations(np.array([[0.0], [1.0], [1.0]]), np.array([0.0, 0.0, 9.0]))
    >>> nearest = NearestRows(where, spacing=1.0, span=9.0, has_time=True)
    >>> nearest.closest(Locations(np.array([[0.9]]), np.array([8.5]))).tolist()
    [[2, 2]]
    """

    def __init__(
        self, where: Locations, *, spacing: float, span: float, has_time: bool
    ) -> None:
        self.where = where
        self.spacing, self.span, self.has_time = spacing, span, has_time
        self._trees = [cKDTree(axes) for axes in self._axes(where)]

    def closest(self, where: Locations) -> IntArray:
        """Give the nearest row of each kind (n, 1 or 2)."""
        pairs = zip(self._trees, self._axes(where), strict=True)
        return np.stack([tree.query(axes)[1] for tree, axes in pairs], axis=1)

    def neighbors(
        self, where: Locations, most: int, own: IntArray | None = None
    ) -> IntArray:
        """Give the nearest rows of all kinds.

        Parameters
        ----------
        where : Locations
            The rows to find some for.
        most : int
            How many, over all kinds.
        own : ndarray of shape (n,), default=None
            Their numbers, where they are among those that are looked for: they are no
            neighbors of themselves.

        Returns
        -------
        ndarray of shape (n, m)
            Numbers of the neighbors, -1 for those found twice.
        """
        each = most // len(self._trees)
        found: list[IntArray] = []
        for tree, axes in zip(self._trees, self._axes(where), strict=True):
            n_asked = min(each + (own is not None), tree.n)
            _, index = tree.query(axes, n_asked)
            index = index.reshape(len(where), n_asked)
            if own is not None:
                # Where rows coincide a row need not be its own nearest.
                itself = index == own[:, None]
                itself[:, -1] |= ~itself.any(axis=1)
                index = index[~itself].reshape(len(where), n_asked - 1)
            found.append(index)
        return each_once(found)

    def _axes(self, where: Locations) -> list[FloatArray]:
        point = where.point / (5.0 * self.spacing)
        if not self.has_time:
            return [point]
        time = (8.0 / self.span) * where.time[:, None]
        return [np.hstack([point, SLIGHTLY * time]), np.hstack([point, time])]


class Surroundings:
    """Looks for the rows that are around training rows: near ones, and near places.

    Where there are many times the nearest rows are all of the same few places, and say
    nothing of what is between these and others. So of the nearest places one row each
    is among them, the nearest in time.

    Parameters
    ----------
    nearest : NearestRows
        Looks for the nearest rows.

    Attributes
    ----------
    n_rows : int
        Rows that are found for each, at most.

    Examples
    --------
    >>> point, time = np.array([[0.0], [0.0], [3.0]]), np.array([0.0, 1.0, 0.9])
    >>> where = Locations(point, time)
    >>> nearest = NearestRows(where, spacing=3.0, span=1.0, has_time=True)
    >>> sorted(Surroundings(nearest).rows(where[:1])[0].tolist())
    [-1, -1, -1, -1, -1, 0, 1, 2]
    """

    def __init__(self, nearest: NearestRows) -> None:
        where = self._where = nearest.where
        self._nearest = nearest
        places, place = np.unique(where.point, axis=0, return_inverse=True)
        self._tree = cKDTree(places)
        place = place.ravel()
        self._order = np.lexsort((where.time, place))
        self._first = np.searchsorted(place[self._order], np.arange(len(places) + 1))
        self._start = float(where.time.min())
        self._span = float(np.ptp(where.time))
        # Ascending: places one after the other, and the times of each.
        self._instant = self._instants(place[self._order], where.time[self._order])
        self.n_rows = self.rows(where[:1]).shape[1]

    def rows(self, where: Locations) -> IntArray:
        """Find rows.

        Parameters
        ----------
        where : Locations
            What they are to be around.

        Returns
        -------
        ndarray of shape (n, n_rows)
            Their numbers; -1 after the last.
        """
        near = self._nearest.neighbors(where, 2 * EACH)
        found = each_once([near, self._of_places(where)])
        some = np.argsort(found < 0, axis=1, kind="stable")[:, :MOST]
        return np.take_along_axis(found, some, axis=1)

    def _of_places(self, where: Locations) -> IntArray:
        """Of each of the nearest places the row that is nearest in time."""
        n_places = min(EACH, self._tree.n)
        _, place = self._tree.query(where.point, n_places)
        place = place.reshape(len(where), n_places)
        time = where.time[:, None]
        after = np.searchsorted(self._instant, self._instants(place, time))
        first, last = self._first[place], self._first[place + 1] - 1
        before, after = (
            self._order[np.clip(row, first, last)] for row in (after - 1, after)
        )
        earlier, later = (
            np.abs(self._where.time[row] - time) for row in (before, after)
        )
        return np.where(earlier <= later, before, after)

    def _instants(self, place: IntArray, time: FloatArray) -> FloatArray:
        """One number for each place and time, which grows with both."""
        within = np.clip(time - self._start, 0.0, self._span)
        return place * (2.0 * self._span + 1.0) + within


def each_once(found: Sequence[IntArray]) -> IntArray:
    """Join rows that were found in several ways; put -1 for those found before.

    Parameters
    ----------
    found : sequence of ndarray of shape (n, m_i)
        Numbers of rows, or -1.

    Returns
    -------
    ndarray of shape (n, sum of m_i)
        The numbers.

    Examples
    --------
    >>> each_once([np.array([[3, 1]]), np.array([[2, 3]])]).tolist()
    [[3, 1, 2, -1]]
    """
    once = [found[0]]
    for index in found[1:]:
        twice = [(index[:, :, None] == one[:, None]).any(axis=2) for one in once]
        once.append(np.where(np.any(twice, axis=0), -1, index))
    return np.concatenate(once, axis=1)
