"""Places and times as numbers, checked.

Latitude and longitude are degrees; dates become fractional years.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import numpy as np
import pandas as pd

from .columns import ColumnRoles, Table
from .geometry import convert, read_points
from .sphere import FloatArray, wrap_longitude
from .values import kind_of, read_numbers, rows_text, to_float

LAST_YEAR = 290_000
"""Dates further from the year 0 do not fit into microseconds."""

LARGEST = 1e100
"""Beyond it, squares of distances and numbers of steps overflow."""

_ISO_8601 = re.compile(
    r"""
    [0-9]{4} (-[0-9]{2})?                                      # a year or a month
    | [0-9]{4} -? W[0-9]{2} (-?[1-7])?                         # a week or its day
    | [0-9]{4} (-[0-9]{2}-[0-9]{2} | [0-9]{4})                 # a day
      ( [T\ ] [0-9]{2} (:?[0-9]{2} (:?[0-9]{2} ([.,][0-9]+)?)?)?
        ( Z | [+-][0-9]{2} (:?[0-9]{2})? )? )?                  # its time and zone
    """,
    re.VERBOSE,
)
"""What is read as a date. pandas alone would take 2003.10 for an October."""


# --- places ------------------------------------------------------------------


def read_place(
    table: Table, roles: ColumnRoles, *, geographic: bool = True, crs: Any = None
) -> tuple[FloatArray, FloatArray]:
    """Read latitude and longitude.

    Parameters
    ----------
    table : Table
        Any table with the columns of the training table.
    roles : ColumnRoles
        Which columns to read; points in one column are both.
    geographic : bool, default=True
        Whether places are degrees in the end, which are then checked. False
        takes the coordinates as they are.
    crs : object, default=None
        Coordinate reference system of northing (`lat`) and easting (`lon`), as
        pyproj takes it; None means degrees. Points that bring their own need
        none.

    Returns
    -------
    lat, lon : ndarray of shape (n,)
        Finite coordinates, longitude in [-180, 180). Zeros where there is no
        place.

    Raises
    ------
    ValueError
        If only one of the two is there, if values are missing, infinite, no
        points, or not degrees; says in which rows.
    ImportError
        If a coordinate reference system is given and pyproj is missing.
    """
    if crs is not None and not geographic:
        raise ValueError(
            "crs= is for degrees: with metric='euclidean' coordinates are taken as "
            "they are. Drop one of the two."
        )
    if roles.lat is None and roles.lon is None:
        return np.zeros(table.n_rows), np.zeros(table.n_rows)
    if roles.lat is None or roles.lon is None:
        there, absent = ("lat", "lon") if roles.lon is None else ("lon", "lat")
        position = roles.lat if roles.lat is not None else roles.lon
        assert position is not None
        raise ValueError(
            f"Only one of latitude and longitude is there: {there}= is column "
            f"{table.label(position)}, {absent}= is missing. Pass {absent}= with its "
            f"name or position, or {there}=None to use no place."
        )
    if roles.lat == roles.lon:
        lat, lon, crs = read_points(table, roles, crs)
    else:
        lat = _read_coordinate(table, roles.lat, "latitude")
        lon = _read_coordinate(table, roles.lon, "longitude")
    target = "EPSG:4326" if geographic else roles.crs
    if crs is not None and target is not None and crs != target:
        lat, lon = convert(lat, lon, crs, target)
        if geographic:
            # A rounding error of the conversion must not lie off the globe.
            lon = np.where(np.abs(lon + 180.0) < 1e-9, -180.0, lon)
        lost = ~(np.isfinite(lat) & np.isfinite(lon))
        if lost.any():
            raise ValueError(
                f"Column {table.label(roles.lat)}: no place of the reference system "
                f"has the coordinates in {rows_text(lost)}. lat= takes the "
                "northing and lon= the easting; are they swapped, or of another system?"
            )
    if geographic:
        _check_degrees(table, roles, lat, lon, stated=crs is not None)
        # One place has one pair of numbers: no turns, no longitude at a pole.
        lon = np.where(np.abs(lat) == 90.0, 0.0, wrap_longitude(lon))
    else:
        _check_size(lat, table.label(roles.lat), "northing")
        _check_size(lon, table.label(roles.lon), "easting")
    return lat, lon


def show_coordinate(table: Table, position: int) -> FloatArray:
    """Read a coordinate column to show it, whatever it holds.

    Parameters
    ----------
    table : Table
        Any table.
    position : int
        Column of latitude or longitude.

    Returns
    -------
    ndarray of shape (n,)
        Its numbers; NaN for points, and where it holds no numbers.
    """
    try:
        return read_numbers(table.column(position), table.label(position))
    except ValueError:  # points; or it is not used, and so not refused
        return np.full(table.n_rows, np.nan)


def _read_coordinate(table: Table, position: int, what: str) -> FloatArray:
    values = read_numbers(table.column(position), table.label(position), what)
    bad = ~np.isfinite(values)
    if bad.any():
        raise ValueError(
            f"Column {table.label(position)}: {what} is missing or infinite in "
            f"{rows_text(bad)}. Drop these rows or fill them."
        )
    return values


def _check_degrees(
    table: Table, roles: ColumnRoles, lat: FloatArray, lon: FloatArray, *, stated: bool
) -> None:
    assert roles.lat is not None
    assert roles.lon is not None
    advice = (
        "Do they belong to another coordinate reference system?"
        if stated
        else "For projected coordinates pass crs= or metric='euclidean'."
    )
    outside = np.abs(lat) > 90.0
    if outside.any():
        if (np.abs(lon) <= 90.0).all():
            advice = f"Are latitude and longitude swapped? {advice}"
        raise ValueError(
            f"Column {table.label(roles.lat)}: latitude must lie in [-90, 90] degrees, "
            f"but {rows_text(outside)} hold "
            f"{', '.join(f'{v:g}' for v in lat[outside][:5])}. {advice}"
        )
    outside = (lon < -180.0) | (lon > 360.0)
    if outside.any():
        raise ValueError(
            f"Column {table.label(roles.lon)}: longitude must lie in [-180, 360] "
            f"degrees, but {rows_text(outside)} hold "
            f"{', '.join(f'{v:g}' for v in lon[outside][:5])}. {advice}"
        )


def _check_size(values: FloatArray, label: str, what: str) -> None:
    large = np.abs(values) > LARGEST
    if large.any():
        raise ValueError(
            f"Column {label}: {what} is beyond {LARGEST:g} in {rows_text(large)}. Pass "
            "it in larger units, or counted from another start."
        )


# --- times -------------------------------------------------------------------


def holds_dates(column: pd.Series) -> bool:
    """Tell dates from numbers.

    Parameters
    ----------
    column : Series
        A time column.

    Returns
    -------
    bool
        True for dates of any kind, ISO strings among them.
    """
    return kind_of(_without_categories(column)) != "numbers"


def read_time(column: pd.Series, label: str) -> FloatArray:
    """Read times as numbers.

    Parameters
    ----------
    column : Series
        Numbers; or dates: datetime64 of any unit, with or without zone (taken
        to UTC), Period (its start), Python datetimes, ISO 8601 strings.
    label : str
        Name of the column in messages.

    Returns
    -------
    ndarray of shape (n,)
        The numbers as they are; dates as fractional years, where the middle
        of 2003 is 2003.5.

    Raises
    ------
    ValueError
        If times are missing or cannot be read; says in which rows.

    Examples
    --------
    >>> read_time(pd.Series(["2003-01-01", "2003-07-02 12:00"]), "'date'").tolist()
    [2003.0, 2003.5]
    """
    column = _without_categories(column)
    if holds_dates(column):
        numbers = _fractional_years(_to_dates(column, label), label)
    else:
        numbers = read_numbers(column, label, "time")
    bad = ~np.isfinite(numbers)
    if bad.any():
        raise ValueError(
            f"Column {label}: time is missing or infinite in {rows_text(bad)}. Drop "
            "these rows or fill them."
        )
    _check_size(numbers, label, "time")
    return numbers


def _without_categories(column: pd.Series) -> pd.Series:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.astype(object)
    return column


def _to_dates(column: pd.Series, label: str) -> pd.Series:
    dtype, kind = column.dtype, kind_of(column)
    if kind in {"durations", "times of day"}:
        raise ValueError(
            f"Column {label} holds {kind}, which are no points in time. Pass dates, "
            "or numbers of days: column.dt.total_seconds() / 86400 of durations, "
            "pandas.to_timedelta(column.astype(str)) makes these of times of day."
        )
    if isinstance(dtype, pd.PeriodDtype):
        return column.dt.to_timestamp()
    if isinstance(dtype, pd.DatetimeTZDtype):
        return column.dt.tz_convert("UTC").dt.tz_localize(None)
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return column
    # Strings and objects: read them all, then say which could not be read.
    cells = column.astype(object).map(_readable, na_action="ignore")
    read = pd.to_datetime(cells, utc=True, errors="coerce", format="ISO8601")
    dates = read.dt.tz_localize(None).to_numpy().astype("datetime64[us]")
    for k in np.flatnonzero(read.isna() & cells.notna()):
        dates[k] = _read_far(cells.iloc[k])
    unread = np.isnat(dates) & column.notna().to_numpy()
    if unread.any():
        example = column[unread].iloc[0]
        advice = (
            "Pass datetime64, ISO 8601 strings (2003-07-02) or numbers; "
            "pd.to_datetime(column, format=...) reads other strings."
        )
        if type(example).__module__.startswith("cftime"):
            advice = "cftime dates have no counterpart here; pass fractional years."
        elif isinstance(example, str) and np.isfinite(to_float(example)):
            advice = "Pass numbers as numbers, not as strings: column.astype(float)."
        raise ValueError(
            f"Column {label}: time cannot be read in {rows_text(unread)}, for example "
            f"{example!r}. {advice}"
        )
    return pd.Series(dates)


def _readable(value: Any) -> Any:
    """Return what pandas reads as a date, NaT for what it would misread."""
    if isinstance(value, pd.Period):
        return value.to_timestamp()
    if isinstance(value, str):  # words such as "now" would change with the day
        value = value.strip()
        return value if _ISO_8601.fullmatch(value) else pd.NaT
    return value if isinstance(value, (dt.date, np.datetime64)) else pd.NaT


def _read_far(value: Any) -> np.datetime64:
    """Read a date that pandas before 3.0 cannot hold, or an ISO week."""
    try:
        if isinstance(value, str):
            value = dt.datetime.fromisoformat(value)
        if isinstance(value, dt.datetime) and value.tzinfo is not None:
            value = value.astimezone(dt.UTC).replace(tzinfo=None)
        return np.datetime64(value, "us")
    except (ValueError, OverflowError):
        return np.datetime64("NaT")


def _fractional_years(dates: pd.Series, label: str) -> FloatArray:
    instant = dates.to_numpy()
    year = instant.astype("datetime64[Y]")
    far = ~np.isnat(instant) & (np.abs(year.astype(np.int64) + 1970) > LAST_YEAR)
    if far.any():
        raise ValueError(
            f"Column {label}: time lies more than {LAST_YEAR:,} years from the year 0 "
            f"in {rows_text(far)}. Pass fractional years instead of dates."
        )
    instant = instant.astype("datetime64[us]")
    start = year.astype("datetime64[us]")
    length = (year + np.timedelta64(1, "Y")).astype("datetime64[us]") - start
    numbers = year.astype(np.int64) + 1970 + (instant - start) / length
    return np.where(np.isnat(instant), np.nan, numbers)
