"""Rows gathered by season and by belt of latitude or region."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ..sphere import FloatArray, IntArray
from ..values import rows_text
from .map_frame import degrees
from .plotting import check_lengths

MONTHS = list("JFMAMJJASOND")
"""Tick labels of a year."""

_MONTH_STARTS = np.array(
    [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334], dtype=np.float64
)
_BAND_WIDTHS = (30.0, 20.0, 15.0, 10.0, 5.0, 2.0, 1.0, 0.5, 0.2, 0.1)


class TimeBins(NamedTuple):
    """Rows by bin of time.

    Attributes
    ----------
    bin : ndarray of shape (n,)
        Bin of each row.
    centers : ndarray of shape (n_bins,)
        Months 1 to 12, or the middle of each bin.
    label : str
        Name of the axis.
    """

    bin: IntArray
    centers: FloatArray
    label: str


def months_of(years: ArrayLike) -> IntArray:
    """Find the month of fractional years.

    Parameters
    ----------
    years : array_like of shape (n,)
        Such as 2003.5.

    Returns
    -------
    ndarray of shape (n,)
        From 0 to 11.

    Examples
    --------
    >>> months_of([2003.0, 2003 + 31 / 365, 2004 + 59 / 366, 2004 + 60 / 366]).tolist()
    [0, 1, 1, 2]
    """
    time = np.asarray(years, dtype=np.float64)
    year = np.floor(time)
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    # A minute more: the first of a month must not be rounded into the one before.
    day = (time - year) * np.where(leap, 366.0, 365.0) + 1.0 / 1440.0
    day = np.where(leap & (day >= 59.0), day - 1.0, day)
    return np.searchsorted(_MONTH_STARTS, day, side="right") - 1


def time_bins(
    time: FloatArray, dates: bool, period: float | None, n_bins: int
) -> TimeBins:
    """Gather rows by time.

    Parameters
    ----------
    time : ndarray of shape (n,)
        Fractional years, or numbers.
    dates : bool
        Whether they were dates.
    period : float or None
        Length of the cycle; None gathers along the whole span. One year of dates
        is gathered by month.
    n_bins : int
        Bins other than months.

    Returns
    -------
    TimeBins
        Bin of each row.

    Raises
    ------
    ValueError
        If the period or the number of bins is not positive.
    """
    if n_bins < 1:
        raise ValueError(f"n_bins must be 1 or more, got {n_bins}.")
    if period is not None and not period > 0:
        raise ValueError(f"period must be positive, got {period}.")
    if dates and period == 1.0:
        return TimeBins(months_of(time), np.arange(1.0, 13.0), "Month")
    if period is not None:
        start, span, label = 0.0, float(period), "Time within the period"
        position = np.mod(time, period)
    else:
        start = float(time.min())
        span = float(np.ptp(time)) or 1.0
        position, label = time - start, "Year" if dates else "Time"
    index = np.minimum((position / span * n_bins).astype(np.int64), n_bins - 1)
    centers = start + (np.arange(n_bins) + 0.5) * span / n_bins
    return TimeBins(index, centers, label)


def latitude_bands(
    lat: FloatArray, bands: ArrayLike | str, metric: str
) -> tuple[IntArray, list[str]]:
    """Gather rows by latitude.

    Parameters
    ----------
    lat : ndarray of shape (n,)
        Latitudes, or northings.
    bands : array_like of float or "auto"
        Edges of the bands. "auto": 30 degrees wide, or narrower where the rows
        span less than three such bands; four equal parts of the northings.
    metric : {"haversine", "euclidean"}
        Degrees, or bare coordinates.

    Returns
    -------
    index : ndarray of shape (n,)
        Band of each row, from the north; -1 outside all.
    labels : list of str
        Their names.

    Raises
    ------
    ValueError
        If the edges do not rise, or there are fewer than two.
    """
    if isinstance(bands, str):
        if bands != "auto":
            raise ValueError(f"bands must be 'auto' or edges, got {bands!r}.")
        edges = _auto_edges(lat, metric)
    else:
        edges = np.asarray(bands, dtype=np.float64)
    if edges.ndim != 1 or len(edges) < 2 or not (np.diff(edges) > 0).all():
        raise ValueError("bands must be two or more edges that rise.")
    band = np.searchsorted(edges, lat, side="right") - 1
    # The last edge belongs to the last band, as the pole does.
    band = np.where(lat == edges[-1], len(edges) - 2, band)
    inside = (band >= 0) & (band < len(edges) - 1)
    write = _write_belt if metric == "haversine" else _write_part
    labels = [write(*pair) for pair in pairwise(edges)]
    return np.where(inside, len(edges) - 2 - band, -1), labels[::-1]


def region_index(labels: Any) -> tuple[IntArray, list[str]]:
    """Gather rows by label.

    Parameters
    ----------
    labels : array_like of shape (n,)
        Region of each row; missing ones are left out.

    Returns
    -------
    index : ndarray of shape (n,)
        Region of each row; -1 where it is missing.
    names : list of str
        Regions, in the order of their categories or sorted.
    """
    column = pd.Series(labels).reset_index(drop=True)
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.cat.remove_unused_categories()
    else:
        column = column.astype("category")
    codes = column.cat.codes.to_numpy().astype(np.int64)
    return codes, [str(name) for name in column.cat.categories]


class SeasonTables(NamedTuple):
    """Effects by band and bin of time.

    Attributes
    ----------
    mean, std, count : DataFrame of shape (n_bands, n_bins)
        Mean, standard deviation and number of the effects.
    time_label : str
        Name of the axis of time.
    """

    mean: pd.DataFrame
    std: pd.DataFrame
    count: pd.DataFrame
    time_label: str


def season_tables(
    time: FloatArray,
    dates: bool,
    values: FloatArray,
    *,
    lat: FloatArray | None,
    by: Any,
    bands: ArrayLike | str,
    period: float | None,
    n_bins: int,
    metric: str,
) -> SeasonTables:
    """Gather effects by band and bin of time.

    Parameters
    ----------
    time : ndarray of shape (n,)
        Fractional years, or numbers.
    dates : bool
        Whether they were dates.
    values : ndarray of shape (n,)
        Effects; NaN is left out.
    lat : ndarray of shape (n,) or None
        Latitudes, which `by="latitude"` needs.
    by : "latitude", array_like of shape (n,), or None
        Belts of latitude; the region of each row; None for all rows together.
    bands : array_like of float or "auto"
        As for :func:`latitude_bands`.
    period : float or None
        As for :func:`time_bins`.
    n_bins : int
        As for :func:`time_bins`.
    metric : {"haversine", "euclidean"}
        As for :func:`latitude_bands`.

    Returns
    -------
    SeasonTables
        Bands without effects are left out.

    Raises
    ------
    ValueError
        If lengths differ, latitudes are missing, or nothing is left.
    """
    if isinstance(by, str):
        if by != "latitude":
            raise ValueError(
                f"by={by!r} must be 'latitude', the region of each row, or None."
            )
        if lat is None:
            raise ValueError(
                "Belts of latitude need latitudes: pass lat=, or by= with the region "
                "of each row, or by=None."
            )
        check_lengths(time=time, values=values, lat=lat)
        if not np.isfinite(lat).all():
            raise ValueError(
                f"lat is missing or infinite in {rows_text(~np.isfinite(lat))}. Drop "
                "these rows."
            )
        row, names = latitude_bands(lat, bands, metric)
    elif by is None:
        row, names = np.zeros(len(time), dtype=np.int64), ["all rows"]
    else:
        row, names = region_index(by)
    check_lengths(time=time, values=values, by=row)
    bins = time_bins(time, dates, period, n_bins)
    shape = (len(names), len(bins.centers))
    tables = [
        pd.DataFrame(part, index=names, columns=bins.centers)
        for part in cell_statistics(values, row, bins.bin, shape)
    ]
    filled = tables[2].sum(axis=1) > 0
    if not filled.any():
        raise ValueError("No row has an effect and a band: there is nothing to draw.")
    mean, std, count = (table[filled] for table in tables)
    return SeasonTables(mean, std, count, bins.label)


def cell_statistics(
    values: FloatArray, row: IntArray, column: IntArray, shape: tuple[int, int]
) -> tuple[FloatArray, FloatArray, NDArray[np.int64]]:
    """Mean, standard deviation and number of values in each cell.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Values; NaN is left out.
    row, column : ndarray of shape (n,)
        Cell of each value; a row of -1 is left out.
    shape : tuple of two ints
        Numbers of rows and columns.

    Returns
    -------
    mean, std : ndarray of shape `shape`
        NaN in empty cells.
    count : ndarray of shape `shape`
        Number of values.
    """
    kept = np.isfinite(values) & (row >= 0)
    values, cell = values[kept], (row * shape[1] + column)[kept]
    size = shape[0] * shape[1]
    count = np.bincount(cell, minlength=size)
    number = np.where(count > 0, count, np.nan)
    mean = np.bincount(cell, values, minlength=size) / number
    spread = np.bincount(cell, (values - mean[cell]) ** 2, minlength=size) / number
    return mean.reshape(shape), np.sqrt(spread).reshape(shape), count.reshape(shape)


def _auto_edges(lat: FloatArray, metric: str) -> FloatArray:
    low, high = float(lat.min()), float(lat.max())
    if metric == "euclidean":
        return np.linspace(low, high, 5) if high > low else np.array([low, low + 1.0])
    # One latitude alone lies in a belt as wide as those of the globe.
    narrow = [width for width in _BAND_WIDTHS if high - low >= 2 * width]
    width = narrow[0] if narrow else _BAND_WIDTHS[0 if high == low else -1]
    first = min(np.floor(low / width), 90.0 / width - 1)
    last = max(np.ceil(high / width), first + 1)
    edges = np.clip(np.arange(first, last + 1) * width, -90.0, 90.0)
    # Multiples of tenths are rounded, and must not leave a row outside.
    edges[0], edges[-1] = min(edges[0], low), max(edges[-1], high)
    return edges


def _write_belt(low: float, high: float) -> str:
    """Name a belt: the hemisphere once where both edges share it."""
    if low >= 0 or high <= 0:
        near, far = sorted([abs(low), abs(high)])
        return f"{near:g}–{far:g}°{'N' if low >= 0 else 'S'}"
    return f"{degrees(low, 'NS')}–{degrees(high, 'NS')}"


def _write_part(low: float, high: float) -> str:
    # Northings may be negative: a dash would look like another sign.
    return f"{low:.6g} to {high:.6g}"
