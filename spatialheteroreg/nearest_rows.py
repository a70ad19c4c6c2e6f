"""The training rows that are nearest to a row, in place and in time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from .sphere import FloatArray, IntArray

SLIGHTLY = 0.05
"""How much time counts, beside place, among the nearest places."""


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
    """Looks for the nearest of some rows, twice where they have times.

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
        self.spacing, self.span, self.has_time = spacing, span, has_time
        self._trees = [cKDTree(axes) for axes in self._axes(where)]

    def n_neighbors(self, most: int) -> int:
        """How many :meth:`neighbors` finds where so many are asked for."""
        return sum(min(most // len(self._trees), tree.n) for tree in self._trees)

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
            for earlier in found:
                twice = (index[:, :, None] == earlier[:, None, :]).any(axis=2)
                index = np.where(twice, -1, index)
            found.append(index)
        return np.concatenate(found, axis=1)

    def _axes(self, where: Locations) -> list[FloatArray]:
        point = where.point / (5.0 * self.spacing)
        if not self.has_time:
            return [point]
        time = (8.0 / self.span) * where.time[:, None]
        return [np.hstack([point, SLIGHTLY * time]), np.hstack([point, time])]
