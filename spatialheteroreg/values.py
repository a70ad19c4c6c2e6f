"""What the values of a column are: numbers, categories, dates, geometries."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .sphere import FloatArray

_OBJECT_KINDS = {
    **dict.fromkeys(
        ("floating", "integer", "mixed-integer-float", "decimal", "complex"), "numbers"
    ),
    **dict.fromkeys(("datetime64", "datetime", "date", "period"), "dates"),
    **dict.fromkeys(("timedelta64", "timedelta"), "durations"),
    "time": "times of day",
}
"""Kinds by the name that pandas gives the content of an object column."""


def kind_of(column: pd.Series) -> str:
    """Tell what a column holds.

    Parameters
    ----------
    column : Series
        As :meth:`spatialheteroreg.columns.Table.column` returns it.

    Returns
    -------
    str
        "numbers", "categories", "dates", "durations", "times of day",
        "geometries" or "others". Of categories made of anything, "categories".

    Examples
    --------
    >>> kind_of(pd.Series([1, None], dtype=object))  # numbers among objects
    'numbers'
    >>> kind_of(pd.Series(["10", "20"]))
    'categories'
    """
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype) or pd.api.types.is_bool_dtype(dtype):
        return "categories"
    if pd.api.types.is_datetime64_any_dtype(dtype) or isinstance(dtype, pd.PeriodDtype):
        return "dates"
    if pd.api.types.is_timedelta64_dtype(dtype):
        return "durations"
    if pd.api.types.is_numeric_dtype(dtype):
        return "numbers"
    if str(dtype) == "geometry":
        return "geometries"
    if pd.api.types.is_object_dtype(dtype):
        content = pd.api.types.infer_dtype(column, skipna=True)
        if content not in {"mixed", "mixed-integer"}:
            return _OBJECT_KINDS.get(content, "categories")
        return _kind_of_cells([value for value in column if not _is_missing(value)])
    return "categories" if pd.api.types.is_string_dtype(dtype) else "others"


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
        The numbers; infinite where float64 cannot hold them.

    Raises
    ------
    ValueError
        If values are no numbers; says in which rows.
    """
    numeric = pd.api.types.is_numeric_dtype(column.dtype)
    if numeric and column.dtype.kind != "c":
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    kind = kind_of(column)
    if kind in _NO_NUMBERS:
        raise ValueError(
            f"Column {label} holds {kind} but serves as {what}. {_NO_NUMBERS[kind]}"
        )
    cells = column.astype(object)
    try:
        numbers = pd.to_numeric(cells, errors="coerce")
    except (OverflowError, TypeError):
        numbers = cells.map(to_float, na_action="ignore").astype(np.float64)
    if numbers.dtype.kind == "c":
        raise ValueError(f"Column {label}: Complex data not supported.")
    unread = (numbers.isna() & column.notna()).to_numpy()
    fractions = unread & cells.map(lambda value: isinstance(value, Real)).to_numpy()
    if fractions.any():
        numbers[fractions] = cells[fractions].map(to_float)
        unread = unread & ~fractions
    if unread.any():
        raise ValueError(
            f"Column {label}: {what} must be numeric, but {rows_text(unread)} hold "
            f"for example {column[unread].iloc[0]!r}."
        )
    return numbers.to_numpy(dtype=np.float64)


_NO_NUMBERS = {
    "dates": "Name it with time=, or turn it into a number.",
    "durations": "Turn them into numbers, for example "
    "column.dt.total_seconds() / 86400 for days.",
    "times of day": "Turn them into numbers, for example hours.",
    "geometries": "Points give the place if lat= and lon= both name their column.",
}
"""Kinds that are never read as numbers, and what to do."""


def to_float(value: Any) -> float:
    """Read one value as a float.

    Parameters
    ----------
    value : object
        Anything.

    Returns
    -------
    float
        The number; infinite where a float cannot hold it, NaN where it is none.

    Examples
    --------
    >>> to_float("2003.5"), to_float(10**400), to_float("2003-07-02")
    (2003.5, inf, nan)
    """
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else -float("inf")
    except (TypeError, ValueError):
        return float("nan")


_FIRST_ROW = ContextVar("number of the first row", default=0)


@contextmanager
def rows_counted_from(start: int) -> Iterator[None]:
    """Have messages number the rows as in the whole that they are a part of.

    Parameters
    ----------
    start : int
        Position of the first row in the whole, which may itself be a part.

    Yields
    ------
    None
        Within, :func:`rows_text` counts from `start`.

    Examples
    --------
    >>> with rows_counted_from(1_000):
    ...     rows_text(np.array([True, False, True]))
    'rows 1000, 1002'
    """
    token = _FIRST_ROW.set(_FIRST_ROW.get() + start)
    try:
        yield
    finally:
        _FIRST_ROW.reset(token)


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
    where = np.flatnonzero(mask) + _FIRST_ROW.get()
    text = ", ".join(map(str, where[:5]))
    more = f" and {len(where) - 5} more" if len(where) > 5 else ""
    return f"row{'s' if len(where) > 1 else ''} {text}{more}"


def names_text(names: Sequence[str], limit: int = 20) -> str:
    """List names of columns as a message should.

    Parameters
    ----------
    names : sequence of str
        Names of columns.
    limit : int, default=20
        How many to write out.

    Returns
    -------
    str
        The names in quotes, and how many more there are.

    Examples
    --------
    >>> names_text(["lat", "lon", "rain"], limit=2)
    "'lat', 'lon' and 1 more"
    """
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(map(repr, names[:limit])) + more


def free_name(name: str, columns: Sequence[str], taken: Collection[str]) -> str:
    """Name something of a table that none of its columns is called.

    Parameters
    ----------
    name : str
        Name wanted.
    columns : sequence of str
        Columns that it is made of.
    taken : collection of str
        Names that are taken.

    Returns
    -------
    str
        The name, with the columns behind it where it is taken.

    Examples
    --------
    >>> free_name("place", ["lat", "lon"], ["rain"])
    'place'
    >>> free_name("place", ["lat", "lon"], ["rain", "place"])
    'place (lat, lon)'
    """
    if name in taken:
        name = f"{name} ({', '.join(columns) or 'of all'})"
    while name in taken:
        name += "_"
    return name


def _kind_of_cells(cells: list[Any]) -> str:
    if cells and hasattr(cells[0], "geom_type"):
        return "geometries"
    numbers = (
        isinstance(v, (Real, Decimal)) and not isinstance(v, bool) for v in cells
    )
    return "numbers" if cells and all(numbers) else "categories"


def _is_missing(value: Any) -> bool:
    return bool(np.all(pd.isna(value)))
