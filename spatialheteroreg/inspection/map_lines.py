"""Lines on a map of longitude and latitude, cut where the map ends."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike

from ..sphere import FloatArray, to_lat_lon, unit_vectors, wrap_longitude

_SAMPLE_DEGREES = 2.0
_MAX_TURN = 90.0


def great_circles(
    lat: ArrayLike, lon: ArrayLike, edges: ArrayLike
) -> list[tuple[FloatArray, FloatArray]]:
    """Follow the shortest way between pairs of places.

    Parameters
    ----------
    lat, lon : array_like of shape (n,)
        Places in degrees.
    edges : array_like of shape (2, m)
        Pairs of places.

    Returns
    -------
    list of tuple of two ndarrays
        Latitude and longitude along each way, both ends included.
    """
    points, pairs = unit_vectors(lat, lon), np.asarray(edges, dtype=np.int64)
    start, end = points[pairs[0]], points[pairs[1]]
    along = (start * end).sum(axis=1, keepdims=True)
    side = end - along * start
    across = np.linalg.norm(side, axis=1, keepdims=True)
    # Between opposite places every way is as short: take one of them.
    helper = np.eye(3)[np.abs(start).argmin(axis=1)]
    any_side = np.cross(start, helper)
    lost = across < 1e-9
    side = np.where(lost, any_side, side)
    side = side / np.linalg.norm(side, axis=1, keepdims=True)
    angle = np.arctan2(across, along)
    longest = float(np.degrees(angle.max())) if angle.size else 0.0
    n_steps = max(int(np.ceil(longest / _SAMPLE_DEGREES)), 1)
    turn = angle * np.linspace(0.0, 1.0, n_steps + 1)  # (m, n_steps + 1)
    ways = (
        start[:, None] * np.cos(turn)[..., None]
        + side[:, None] * np.sin(turn)[..., None]
    )
    way_lat, way_lon = to_lat_lon(ways.reshape(-1, 3))
    way_lat = way_lat.reshape(turn.shape)
    way_lon = way_lon.reshape(turn.shape)
    return [_at_poles(*way) for way in zip(way_lat, way_lon, strict=True)]


def cut_lines(
    lines: Iterable[tuple[FloatArray, FloatArray]], center: float = 0.0
) -> list[FloatArray]:
    """Cut lines where a map ends, so that none runs back across it.

    Parameters
    ----------
    lines : iterable of tuple of two ndarrays
        Latitude and longitude along each line, in degrees.
    center : float, default=0.0
        Longitude in the middle of the map.

    Returns
    -------
    list of ndarray of shape (k, 2)
        Longitude from `center - 180` to `center + 180` and latitude of each piece.
        A line that leaves the map ends at its edge, and goes on at the other.

    Examples
    --------
    >>> line = (np.array([0.0, 10.0]), np.array([175.0, -175.0]))
    >>> for piece in cut_lines([line]):
    ...     print(piece.tolist())
    [[175.0, 0.0], [180.0, 5.0]]
    [[-180.0, 5.0], [-175.0, 10.0]]
    """
    pieces = []
    for lat, lon in lines:
        east = wrap_longitude(np.asarray(lon) - center)
        turn = np.diff(east)
        first: int = 0
        head: list[list[float]] = []
        for k in np.flatnonzero(np.abs(turn) > _MAX_TURN).tolist():
            piece = head + np.column_stack([east, lat])[first : k + 1].tolist()
            head, first = [], k + 1
            length = 360.0 - abs(turn[k])
            # A wide turn that stays on the map is a way over a pole.
            if length <= _MAX_TURN:
                edge = 180.0 if turn[k] < 0 else -180.0
                share = abs(edge - east[k]) / length if length else 0.0
                at = float(lat[k] + share * (lat[k + 1] - lat[k]))
                piece.append([edge, at])
                head = [[-edge, at]]
            pieces.append(piece)
        pieces.append(head + np.column_stack([east, lat])[first:].tolist())
    arrays = [np.array(piece) for piece in pieces if len(piece) > 1]
    return [piece + [center, 0.0] for piece in arrays]


def _at_poles(lat: FloatArray, lon: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Let a way come to a pole along its own meridian; the pole has none."""
    for k in np.flatnonzero(np.abs(lat) > 90.0 - 1e-6):
        lon[k] = lon[k - 1] if k else lon[min(1, len(lon) - 1)]
    return lat, lon
