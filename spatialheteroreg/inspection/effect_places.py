"""Effects of rows, gathered by place."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ..checks import METRICS, check_choice
from ..sphere import FloatArray, IntArray, wrap_longitude
from ..values import rows_text
from .plotting import as_floats, check_lengths


class PlaceEffects(NamedTuple):
    """Effects by place.

    Attributes
    ----------
    lat, lon : ndarray of shape (n_places,)
        Distinct places.
    values : ndarray of shape (n_places,)
        Mean effect, or the dominant feature.
    significant : ndarray of shape (n_places,), bool, or None
        Whether most rows are.
    """

    lat: FloatArray
    lon: FloatArray
    values: NDArray[Any]
    significant: NDArray[np.bool_] | None


def read_coordinates(
    lat: ArrayLike, lon: ArrayLike, metric: str
) -> tuple[FloatArray, FloatArray]:
    """Check coordinates of rows.

    Parameters
    ----------
    lat, lon : array_like of shape (n,)
        Places of the rows.
    metric : {"haversine", "euclidean"}
        Degrees, or bare coordinates.

    Returns
    -------
    lat, lon : ndarray of shape (n,)
        Finite; longitude in [-180, 180) where they are degrees.

    Raises
    ------
    ValueError
        If they are missing, infinite or no degrees, or the metric is unknown.
    """
    check_choice("metric", metric, METRICS)
    lat, lon = as_floats(lat, "lat"), as_floats(lon, "lon")
    check_lengths(lat=lat, lon=lon)
    bad = ~(np.isfinite(lat) & np.isfinite(lon))
    if bad.any():
        raise ValueError(
            f"lat or lon is missing or infinite in {rows_text(bad)}. Drop these rows."
        )
    if metric == "euclidean":
        return lat, lon
    if (np.abs(lat) > 90.0).any():
        raise ValueError(
            "lat must lie in [-90, 90] degrees. For bare coordinates pass "
            "metric='euclidean'."
        )
    return lat, wrap_longitude(lon)


def average_places(
    lat: FloatArray,
    lon: FloatArray,
    values: FloatArray,
    significant: NDArray[Any] | None,
) -> PlaceEffects:
    """Average the rows of each place.

    Parameters
    ----------
    lat, lon : ndarray of shape (n,)
        Places of the rows.
    values : ndarray of shape (n,)
        Effects; rows with NaN are left out.
    significant : ndarray of shape (n,) or None
        Where the sign is known.

    Returns
    -------
    PlaceEffects
        One entry for each place that has effects.

    Raises
    ------
    ValueError
        If there is no effect at all.
    """
    known = np.isfinite(values)
    if not known.any():
        raise ValueError("values are all missing: there is nothing to draw.")
    first, place = _distinct(lat[known], lon[known])
    certain = None
    if significant is not None:
        share = _mean(place, np.asarray(significant, float)[known])
        certain = share > 0.5
    return PlaceEffects(
        lat[known][first], lon[known][first], _mean(place, values[known]), certain
    )


def dominant_places(
    lat: FloatArray,
    lon: FloatArray,
    values: pd.DataFrame | NDArray[Any],
    significant: NDArray[np.bool_] | None,
) -> PlaceEffects:
    """Find the dominant feature of each place.

    Parameters
    ----------
    lat, lon : ndarray of shape (n,)
        Places of the rows.
    values : DataFrame of shape (n, k), or ndarray of shape (n,)
        Contributions, or the name of the dominant feature of each row.
    significant : ndarray like `values`, bool, or None
        Where the sign is known.

    Returns
    -------
    PlaceEffects
        The feature with the largest mean absolute contribution, or the most
        frequent name.

    Raises
    ------
    ValueError
        If the values are an array of contributions without names.
    """
    first, place = _distinct(lat, lon)
    if isinstance(values, pd.DataFrame):
        names = np.array([str(name) for name in values.columns], dtype=object)
        size = np.abs(values.to_numpy(dtype=np.float64))
    elif values.ndim == 1:
        names, code = np.unique(values.astype(str), return_inverse=True)
        size = np.eye(len(names))[code.ravel()]
    else:
        raise ValueError(
            "Contributions of several features need names: pass a DataFrame with one "
            "column for each feature."
        )
    means = np.column_stack([_mean(place, np.nan_to_num(part)) for part in size.T])
    best = means.argmax(axis=1)
    certain = None
    if significant is not None:
        check_lengths(values=size, significant=significant)
        flags = significant.astype(float)
        if flags.ndim == 2:
            flags = flags[np.arange(len(flags)), best[place]]
        certain = _mean(place, flags) > 0.5
    return PlaceEffects(lat[first], lon[first], names[best].astype(str), certain)


def _distinct(lat: FloatArray, lon: FloatArray) -> tuple[IntArray, IntArray]:
    """First row of each place, and the place of each row."""
    _, first, place = np.unique(lat + 1j * lon, return_index=True, return_inverse=True)
    return first, place.ravel()


def _mean(place: IntArray, values: FloatArray) -> FloatArray:
    return np.bincount(place, values) / np.bincount(place)
