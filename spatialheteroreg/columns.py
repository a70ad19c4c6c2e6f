"""The table and its columns: which column is what.

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

from .sphere import FloatArray

USUAL_NAMES = {
    "lat": ("lat", "latitude"),
    "lon": ("lon", "long", "lng", "longitude"),
    "time": ("time", "date", "datetime"),
}


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
    # Strings stay strings, even "10": what they are must not depend on the other
    # rows of the call.
    kind = pd.api.types.infer_dtype(column, skipna=True)
    if kind in {"floating", "integer", "mixed-integer-float", "decimal"}:
        return pd.Series(column).to_numpy(dtype=np.float64, na_value=np.nan)
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
        hits = [j for j, name in enumerate(table.names or []) if name.lower() in usual]
        if len(hits) > 1:
            names = ", ".join(table.label(j) for j in hits)
            raise ValueError(
                f"Several columns could be {role}=: {names}. Name the one to use, or "
                f"pass {role}=None."
            )
        return hits[0] if hits else None
    return _position(table, wanted, f"{role}=")


def _position(table: Table, wanted: str | int, what: str) -> int:
    if isinstance(wanted, (bool, np.bool_)):
        raise ValueError(
            f"{what}{wanted} is neither a name nor a position. Pass the positions of "
            "the columns instead of a mask."
        )
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
