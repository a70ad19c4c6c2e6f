"""From a table to arrays: which column is what, and what it holds.

A table is a pandas DataFrame or anything that makes a 2-D array. Columns are
found by name or position when the model is fitted and by position afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.validation import check_array

from .sphere import FloatArray, IntArray

USUAL_NAMES = {
    "lat": ("lat", "latitude"),
    "lon": ("lon", "long", "lng", "longitude"),
    "time": ("time", "date", "datetime"),
}
Z_LIMIT = 10.0
"""Standardized values are held within this many standard deviations."""


# --- the table ---------------------------------------------------------------


class Table:
    """Columns by position, whatever X was.

    Parameters
    ----------
    X : DataFrame or array_like of shape (n, p)
        What the user passed.

    Attributes
    ----------
    names : list of str or None
        Column names; None when X has none.
    n_rows, n_columns : int
        Shape.
    """

    def __init__(self, X: Any) -> None:
        if isinstance(X, pd.DataFrame):
            if 0 in X.shape:
                what = "sample" if X.shape[0] == 0 else "feature"
                raise ValueError(
                    f"Found array with 0 {what}(s) (shape={X.shape}) while a minimum "
                    "of 1 is required: X is empty."
                )
            self._data: pd.DataFrame | NDArray[Any] = X
            self.names: list[str] | None = None
            if all(isinstance(name, str) for name in X.columns):
                self.names = list(X.columns)
        else:
            self._data = check_array(X, dtype=None, ensure_all_finite=False)
            self.names = None
        self.n_rows, self.n_columns = self._data.shape

    def column(self, position: int) -> pd.Series:
        """Return one column.

        Parameters
        ----------
        position : int
            From 0.

        Returns
        -------
        Series
            The values; no copy where none is needed.
        """
        if isinstance(self._data, pd.DataFrame):
            return self._data.iloc[:, position]
        column = self._data[:, position]
        if column.dtype.kind in "OUS":
            column = _without_object(column, self.label(position))
        return pd.Series(column, copy=False)

    def label(self, position: int) -> str:
        """Name a column as a message should.

        Parameters
        ----------
        position : int
            From 0.

        Returns
        -------
        str
            `'name'`, or `number` where there are no names.
        """
        return repr(self.names[position]) if self.names else str(position)


def _without_object(column: NDArray[Any], label: str) -> NDArray[Any]:
    """Cells of an object array as numbers where all of them are."""
    bad = [value for value in column if isinstance(value, (dict, list, set, tuple))]
    if bad:
        raise TypeError(
            f"Column {label}: argument must be a string or a number, "
            f"not {type(bad[0]).__name__!r}."
        )
    try:
        return column.astype(np.float64)
    except (TypeError, ValueError):
        return column


def rows_text(mask: NDArray[np.bool_]) -> str:
    """Say which rows a mask marks.

    Parameters
    ----------
    mask : ndarray of bool
        Marked rows.

    Returns
    -------
    str
        Positions from 0, the first five of them.

    Examples
    --------
    >>> rows_text(np.array([True, False, True]))
    'rows 0, 2'
    """
    where = np.flatnonzero(mask)
    text = ", ".join(map(str, where[:5]))
    more = f" and {len(where) - 5} more" if len(where) > 5 else ""
    return f"row{'s' if len(where) > 1 else ''} {text}{more}"


# --- what each column is -----------------------------------------------------


@dataclass(frozen=True)
class ColumnRoles:
    """Positions of the columns by what they are for.

    Attributes
    ----------
    lat, lon, time : int or None
        Coordinates.
    numeric, categorical : tuple of int
        Features, in the order of X.
    """

    lat: int | None
    lon: int | None
    time: int | None
    numeric: tuple[int, ...]
    categorical: tuple[int, ...]

    @property
    def features(self) -> tuple[int, ...]:
        """Positions of the features as the network orders them."""
        return self.numeric + self.categorical

    @property
    def has_place(self) -> bool:
        """Whether rows have coordinates."""
        return self.lat is not None


def find_roles(
    table: Table,
    *,
    lat: str | int | None,
    lon: str | int | None,
    time: str | int | None,
    categorical_features: str | Sequence[str | int] | None,
) -> ColumnRoles:
    """Find out which column is what.

    Parameters
    ----------
    table : Table
        The training table.
    lat, lon, time : str, int or None
        Name or position; "auto" looks for the usual names; None for no such
        column.
    categorical_features : "from_dtype", sequence of str or int, or None
        Columns whose values are categories.

    Returns
    -------
    ColumnRoles
        Positions of all columns.

    Raises
    ------
    ValueError
        If a column is named but absent or ambiguous, or only one of latitude
        and longitude is there.
    """
    found = {
        role: _find_column(table, role, wanted)
        for role, wanted in (("lat", lat), ("lon", lon), ("time", time))
    }
    if (found["lat"] is None) != (found["lon"] is None):
        there, absent = ("lat", "lon") if found["lon"] is None else ("lon", "lat")
        raise ValueError(
            f"Only one of latitude and longitude is there: {there}= is column "
            f"{table.label(found[there] or 0)}, {absent}= is missing. Pass {absent}= "
            f"with its name or position, or {there}=None to use no place."
        )
    taken = [position for position in found.values() if position is not None]
    if len(set(taken)) < len(taken):
        raise ValueError(
            f"lat, lon and time must be different columns, got positions {taken}."
        )
    rest = [j for j in range(table.n_columns) if j not in taken]
    categorical = _find_categorical(table, rest, categorical_features)
    return ColumnRoles(
        **found,
        numeric=tuple(j for j in rest if j not in categorical),
        categorical=tuple(j for j in rest if j in categorical),
    )


def _find_column(table: Table, role: str, wanted: str | int | None) -> int | None:
    if wanted is None:
        return None
    if wanted == "auto":
        usual = USUAL_NAMES[role]
        hits = [
            j for j, name in enumerate(table.names or []) if name.lower() in usual
        ]
        if len(hits) > 1:
            names = ", ".join(table.label(j) for j in hits)
            raise ValueError(
                f"Several columns could be {role}=: {names}. Name the one to use, or "
                f"pass {role}=None."
            )
        return hits[0] if hits else None
    return _position(table, wanted, f"{role}=")


def _position(table: Table, wanted: str | int, what: str) -> int:
    if isinstance(wanted, str):
        if table.names is None:
            raise ValueError(
                f"{what}{wanted!r} names a column, but X has no column names. Pass a "
                "position, or a DataFrame."
            )
        if wanted not in table.names:
            raise ValueError(
                f"{what}{wanted!r} is not a column of X. Columns: "
                f"{', '.join(map(repr, table.names))}."
            )
        return table.names.index(wanted)
    if not -table.n_columns <= wanted < table.n_columns:
        raise ValueError(
            f"{what}{wanted} is not a position in X, which has {table.n_columns} "
            "columns."
        )
    return int(wanted) % table.n_columns


def _find_categorical(
    table: Table, candidates: list[int], wanted: str | Sequence[str | int] | None
) -> set[int]:
    if wanted is None:
        return set()
    if isinstance(wanted, str):
        if wanted != "from_dtype":
            raise ValueError(
                f"categorical_features={wanted!r} must be 'from_dtype', None, or a "
                "list of column names or positions."
            )
        return {j for j in candidates if _holds_categories(table.column(j))}
    positions = {_position(table, item, "categorical_features: ") for item in wanted}
    clash = positions - set(candidates)
    if clash:
        names = ", ".join(table.label(j) for j in sorted(clash))
        raise ValueError(f"categorical_features names a coordinate: {names}.")
    return positions


def _holds_categories(column: pd.Series) -> bool:
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype) or pd.api.types.is_bool_dtype(dtype):
        return True
    if pd.api.types.is_object_dtype(dtype):
        # Numbers that sit in an object column are still numbers.
        kind = pd.api.types.infer_dtype(column, skipna=True)
        return kind not in {"floating", "integer", "mixed-integer-float", "decimal"}
    return pd.api.types.is_string_dtype(dtype)


# --- coordinates -------------------------------------------------------------


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
        Finite coordinates. Zeros where there is no place.

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
    if pd.api.types.is_datetime64_any_dtype(dtype) or isinstance(
        dtype, pd.PeriodDtype
    ):
        return True
    return not (
        pd.api.types.is_numeric_dtype(dtype)
        or pd.api.types.infer_dtype(column, skipna=True)
        in {"floating", "integer", "mixed-integer-float"}
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


def read_numbers(column: pd.Series, label: str, what: str = "feature") -> FloatArray:
    """Read a column as float64, missing values as NaN.

    Parameters
    ----------
    column : Series
        Numbers of any dtype.
    label : str
        Name of the column in messages.
    what : str, default="feature"
        What the column is for, in messages.

    Returns
    -------
    ndarray of shape (n,)
        The numbers.

    Raises
    ------
    ValueError
        If values are no numbers; says in which rows.
    """
    if column.dtype.kind == "c":
        raise ValueError(f"Column {label}: Complex data not supported.")
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        raise ValueError(
            f"Column {label} holds dates but serves as {what}. Name it with time=, "
            "or turn it into a number."
        )
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    numbers = pd.to_numeric(column.astype(object), errors="coerce")
    unread = (numbers.isna() & column.notna()).to_numpy()
    if unread.any():
        raise ValueError(
            f"Column {label}: {what} must be numeric, but {rows_text(unread)} hold "
            f"for example {column[unread].iloc[0]!r}."
        )
    return numbers.to_numpy(dtype=np.float64)


# --- features ----------------------------------------------------------------


@dataclass(frozen=True)
class EncodedFeatures:
    """Features as the network takes them.

    Attributes
    ----------
    numeric : ndarray of shape (n, n_numeric), float32
        Standardized; 0 where missing.
    missing : ndarray of shape (n, n_numeric), bool
        Where numbers are missing.
    codes : ndarray of shape (n, n_categorical), int64
        Categories: 0 unseen, 1 missing, 2 and on as in training.
    """

    numeric: NDArray[np.float32]
    missing: NDArray[np.bool_]
    codes: IntArray


class FeatureEncoder:
    """Standardize numbers, number categories, mark what is missing.

    Attributes
    ----------
    center_, scale_ : ndarray of shape (n_numeric,)
        Mean and standard deviation over the training rows; the deviation of
        a constant feature is infinite, so that it counts as 0 ever after.
    categories_ : list of Index
        Known values of each categorical feature.
    """

    UNSEEN, MISSING, FIRST = 0, 1, 2

    def fit(self, table: Table, roles: ColumnRoles) -> FeatureEncoder:
        """Learn scales and categories.

        Parameters
        ----------
        table : Table
            Training table.
        roles : ColumnRoles
            Which columns are features.

        Returns
        -------
        FeatureEncoder
            Itself.
        """
        self.roles = roles
        moments = [
            mean_and_deviation(_finite_numbers(table, j)) for j in roles.numeric
        ]
        self.center_, self.scale_ = np.array(moments).reshape(-1, 2).T
        self.categories_ = [
            pd.Index(
                sorted(table.column(j).dropna().unique(), key=str), dtype=object
            )
            for j in roles.categorical
        ]
        return self

    @property
    def n_codes(self) -> list[int]:
        """Number of codes of each categorical feature, reserved ones included."""
        return [len(known) + self.FIRST for known in self.categories_]

    def transform(self, table: Table) -> EncodedFeatures:
        """Encode a table.

        Parameters
        ----------
        table : Table
            Table with the columns of the training table.

        Returns
        -------
        EncodedFeatures
            Arrays for the network.

        Raises
        ------
        ValueError
            If a number is infinite or not a number; says in which rows.
        """
        n = table.n_rows
        numeric = np.zeros((n, len(self.roles.numeric)), dtype=np.float32)
        missing = np.zeros(numeric.shape, dtype=bool)
        for k, j in enumerate(self.roles.numeric):
            values = _finite_numbers(table, j)
            missing[:, k] = np.isnan(values)
            with np.errstate(over="ignore"):
                z = (values - self.center_[k]) / self.scale_[k]
            numeric[:, k] = np.nan_to_num(np.clip(z, -Z_LIMIT, Z_LIMIT))
        codes = np.empty((n, len(self.roles.categorical)), dtype=np.int64)
        for k, j in enumerate(self.roles.categorical):
            column = table.column(j)
            known = self.categories_[k].get_indexer(column.astype(object))
            codes[:, k] = np.where(
                column.isna(),
                self.MISSING,
                np.where(known < 0, self.UNSEEN, known + self.FIRST),
            )
        return EncodedFeatures(numeric, missing, codes)


def _finite_numbers(table: Table, position: int) -> FloatArray:
    label = table.label(position)
    values = read_numbers(table.column(position), label)
    infinite = np.isinf(values)
    if infinite.any():
        raise ValueError(
            f"Column {label}: Input X contains infinity in {rows_text(infinite)}. "
            "Replace it by a number, or by NaN for a missing value."
        )
    return values


def mean_and_deviation(values: FloatArray) -> tuple[float, float]:
    """Mean and standard deviation of what is there, safe from overflow.

    A constant column gets an infinite deviation: whatever it holds later, it
    taught nothing and counts as 0.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Numbers and NaN.

    Returns
    -------
    mean, deviation : float
        Of the numbers that are there.

    Examples
    --------
    >>> mean_and_deviation(np.array([1.0, 3.0, np.nan]))
    (2.0, 1.0)
    """
    present = values[~np.isnan(values)]
    if present.size == 0:
        return 0.0, np.inf
    unit = max(float(np.abs(present).max()), np.finfo(float).tiny)
    scaled = present / unit
    center, deviation = float(scaled.mean()), float(scaled.std())
    # A constant column keeps rounding noise; it must not be blown up to size 1.
    if deviation * unit == 0.0 or deviation <= 1e-12 * max(abs(center), 1e-300):
        return center * unit, np.inf
    return center * unit, deviation * unit
