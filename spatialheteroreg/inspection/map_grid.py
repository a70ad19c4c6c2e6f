"""Places that form a grid, and its cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..sphere import FloatArray, IntArray

_FILLED = 0.15
"""Share of the cells that a regular grid with gaps, such as land, must fill."""

_FILLED_UNEVEN = 0.5
"""The same where the spacing is uneven, as in Gaussian grids."""


@dataclass(frozen=True)
class MapGrid:
    """Cells of a grid.

    Attributes
    ----------
    x_edges, y_edges : ndarray of shape (n_columns + 1,) or (n_rows + 1,)
        Edges of the cells, rising.
    row, column : ndarray of shape (n,)
        Cell of each place.
    ring : bool
        Whether the last column is the rest of the first, which the edge of the
        map cuts.
    """

    x_edges: FloatArray
    y_edges: FloatArray
    row: IntArray
    column: IntArray
    ring: bool = False

    def fill(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Lay values into the cells.

        Parameters
        ----------
        values : ndarray of shape (n,)
            One for each place.

        Returns
        -------
        ndarray of shape (n_rows, n_columns)
            NaN where there is no place.
        """
        cells = np.full((len(self.y_edges) - 1, len(self.x_edges) - 1), np.nan)
        cells[self.row, self.column] = values
        if self.ring:
            cells[:, -1] = cells[:, 0]
        return cells

    def strips(self, chosen: NDArray[np.bool_]) -> tuple[IntArray, IntArray, IntArray]:
        """Join cells side by side, a sixth of the map at most.

        Thousands of hatched cells take seconds to draw, strips do not.

        Parameters
        ----------
        chosen : ndarray of shape (n,), bool
            Places whose cells are joined.

        Returns
        -------
        row, first, last : ndarray of shape (n_strips,)
            Row of each strip, its first column and its last.
        """
        cells = np.isfinite(self.fill(np.where(chosen, 1.0, np.nan)))
        share = (self.x_edges[:-1] - self.x_edges[0]) / np.ptp(self.x_edges)
        sixth = np.floor(6 * share + 1e-9)
        joined = cells[:, 1:] & cells[:, :-1] & (sixth[1:] == sixth[:-1])
        free = np.zeros((len(cells), 1), dtype=bool)
        row, first = np.nonzero(cells & ~np.hstack([free, joined]))
        _, last = np.nonzero(cells & ~np.hstack([joined, free]))
        return row, first, last


def find_grid(
    x: FloatArray, y: FloatArray, turn: tuple[float, float] | None = None
) -> MapGrid | None:
    """Recognise places that form a grid.

    Parameters
    ----------
    x, y : ndarray of shape (n,)
        Distinct places: longitude and latitude on the map, or bare coordinates.
    turn : tuple of two floats or None
        Longitudes of the left and the right edge of the map; None where the
        coordinates are bare.

    Returns
    -------
    MapGrid or None
        The grid; None where the places are scattered.
    """
    if len(x) < 6:
        return None
    columns, x_axis, x_even = _axis(x)
    rows, y_axis, y_even = _axis(y)
    n_cells = len(x_axis) * len(y_axis)
    least = _FILLED if x_even and y_even else _FILLED_UNEVEN
    if min(len(x_axis), len(y_axis)) < 2 or len(x) < least * n_cells:
        return None
    x_edges, y_edges, ring = _edges(x_axis), _edges(y_axis), False
    if turn is not None:
        y_edges = np.clip(y_edges, -90.0, 90.0)
        left, right = turn
        if x_edges[0] < left:
            around = x_edges[0] + 360.0
            x_edges[0] = left
            ring = bool(np.isclose(x_edges[-1], around))
            if ring:
                x_edges = np.append(x_edges, right)
        x_edges = np.clip(x_edges, left, right)
    return MapGrid(x_edges, y_edges, rows, columns, ring)


def _axis(values: FloatArray) -> tuple[IntArray, FloatArray, bool]:
    """Position of each value on the axis, the axis, and whether it is even."""
    size = np.ptp(values) or 1.0
    # Grids of 32-bit numbers differ in the last digits.
    _, first, position = np.unique(
        np.round((values - values.min()) / size, 6),
        return_index=True,
        return_inverse=True,
    )
    axis, position = values[first], position.ravel()
    steps = np.diff(axis)
    if len(steps) == 0:
        return position, axis, True
    jumps = np.round(steps / steps.min())
    step = (axis[-1] - axis[0]) / jumps.sum()
    if jumps.sum() > 20 * len(axis) or (np.abs(steps / step - jumps) > 0.05).any():
        return position, axis, False
    # A row of cells without any place is kept free.
    slot = np.append(0, jumps.cumsum()).astype(np.int64)
    return slot[position], np.linspace(axis[0], axis[-1], slot[-1] + 1), True


def _edges(axis: FloatArray) -> FloatArray:
    """Edges of cells around their centers."""
    middle = (axis[1:] + axis[:-1]) / 2
    return np.concatenate(
        [[2 * axis[0] - middle[0]], middle, [2 * axis[-1] - middle[-1]]]
    )
