"""Places and times as numbers, checked.

Latitude and longitude are degrees; dates become fractional years.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from .columns import ColumnRoles, Table, read_numbers, rows_text
from .sphere import FloatArray, wrap_longitude


def read_place(
    table: Table, roles: ColumnRoles, *, geographic: bool = True
) -> tuple[FloatArray, FloatArray]:
    """Read latitude and longitude.

    Parameters
    ----------
    table : Table
        Any table with the columns of the training table.
    roles : ColumnRoles
        Which columns to read.
    geographic : bool, default=True
        Whether they are degrees, which are then checked.

    Returns
    -------
    lat, lon : ndarray of shape (n,)
        Finite coordinates, longitude in [-180, 180). Zeros where there is no
        place.

    Raises
    ------
    ValueError
        If values are missing, infinite, or not degrees; says in which rows.
    """
    if roles.lat is None or roles.lon is None:
        return np.zeros(table.n_rows), np.zeros(table.n_rows)
    lat = _read_coordinate(table, roles.lat, "latitude")
    lon = _read_coordinate(table, roles.lon, "longitude")
    if geographic:
        outside = np.abs(lat) > 90.0
        if outside.any():
            swapped = bool((np.abs(lon) <= 90.0).all())
            raise ValueError(
                f"Column {table.label(roles.lat)}: latitude must lie in [-90, 90] "
                f"degrees, but {rows_text(outside)} hold "
                f"{', '.join(f'{v:g}' for v in lat[outside][:5])}."
                + (" Are latitude and longitude swapped?" if swapped else "")
                + " For projected coordinates pass metric='euclidean'."
            )
        outside = (lon < -180.0) | (lon > 360.0)
        if outside.any():
            raise ValueError(
                f"Column {table.label(roles.lon)}: longitude must lie in [-180, 360] "
                f"degrees, but {rows_text(outside)} hold "
                f"{', '.join(f'{v:g}' for v in lon[outside][:5])}. For projected "
                "coordinates pass metric='euclidean'."
            )
        # One place has one pair of numbers: no turns, no longitude at a pole.
        lon = np.where(np.abs(lat) == 90.0, 0.0, wrap_longitude(lon))
    return lat, lon


def _read_coordinate(table: Table, position: int, what: str) -> FloatArray:
    values = read_numbers(table.column(position), table.label(position), what)
    bad = ~np.isfinite(values)
    if bad.any():
        raise ValueError(
            f"Column {table.label(position)}: {what} is missing or infinite in "
            f"{rows_text(bad)}. Drop these rows or fill them."
        )
    return values


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
    dtype = column.dtype
    if pd.api.types.is_datetime64_any_dtype(dtype) or isinstance(dtype, pd.PeriodDtype):
        return True
    return not (
        pd.api.types.is_numeric_dtype(dtype)
        or pd.api.types.infer_dtype(column, skipna=True)
        in {"floating", "integer", "mixed-integer-float", "decimal"}
    )


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
    if holds_dates(column):
        numbers = _fractional_years(_to_dates(column, label))
    else:
        numbers = read_numbers(column, label, "time")
    bad = ~np.isfinite(numbers)
    if bad.any():
        raise ValueError(
            f"Column {label}: time is missing or infinite in {rows_text(bad)}. Drop "
            "these rows or fill them."
        )
    return numbers


def _to_dates(column: pd.Series, label: str) -> pd.Series:
    dtype = column.dtype
    if isinstance(dtype, pd.PeriodDtype):
        return column.dt.to_timestamp()
    if isinstance(dtype, pd.DatetimeTZDtype):
        return column.dt.tz_convert("UTC").dt.tz_localize(None)
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return column
    if pd.api.types.infer_dtype(column, skipna=True) == "period":
        column = column.map(lambda period: period.to_timestamp(), na_action="ignore")
    # Strings and objects: read them all, then say which could not be read.
    text = column.astype(object)
    dates = pd.to_datetime(text, utc=True, errors="coerce", format="ISO8601")
    unread = (dates.isna() & column.notna()).to_numpy()
    if unread.any():
        raise ValueError(
            f"Column {label}: time cannot be read in {rows_text(unread)}, for example "
            f"{text[unread].iloc[0]!r}. Pass datetime64, ISO 8601 strings "
            "(2003-07-02) or numbers."
        )
    return dates.dt.tz_localize(None)


def _fractional_years(dates: pd.Series) -> FloatArray:
    instant = dates.to_numpy().astype("datetime64[us]")
    year = instant.astype("datetime64[Y]")
    start = year.astype("datetime64[us]")
    length = (year + 1).astype("datetime64[us]") - start
    numbers = year.astype(np.int64) + 1970 + (instant - start) / length
    return np.where(np.isnat(instant), np.nan, numbers)
