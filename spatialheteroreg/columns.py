"""The table and its columns: which column is what.

Columns are found by name or position when the model is fitted and by position
afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .frames import plain_column, read_table
from .sphere import IntArray
from .values import kind_of, names_text

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
        Column names; None when X has none, or others than strings.
    geometry : int or None
        Position of the active geometry column of a GeoDataFrame; None where it
        was dropped or renamed.
    n_rows, n_columns : int
        Shape.
    """

    def __init__(self, X: Any) -> None:
        self._data = read_table(X)
        self.names: list[str] | None = None
        self.geometry: int | None = None
        if isinstance(self._data, pd.DataFrame):
            names = list(self._data.columns)
            if all(isinstance(name, str) for name in names):
                self.names = names
                _check_distinct(names)
            # Asked of the class: a column may have any name.
            if hasattr(type(self._data), "active_geometry_name"):
                active = self._data.active_geometry_name
                self.geometry = names.index(active) if active in names else None
        self.n_rows, self.n_columns = self._data.shape

    @property
    def frame(self) -> pd.DataFrame | NDArray[Any]:
        """The values, as they are kept."""
        return self._data

    def rows(self, start: int, stop: int) -> Table:
        """Return some of the rows, without a copy.

        Parameters
        ----------
        start, stop : int
            First row, and the row after the last.

        Returns
        -------
        Table
            These rows of all columns.
        """
        part = copy(self)
        part._data = (
            self._data.iloc[start:stop]
            if isinstance(self._data, pd.DataFrame)
            else self._data[start:stop]
        )
        part.n_rows = len(part._data)
        return part

    def take(self, rows: IntArray) -> Table:
        """Return a copy of some of the rows.

        Parameters
        ----------
        rows : ndarray of int
            Positions, in the order wanted.

        Returns
        -------
        Table
            These rows of all columns.
        """
        part = copy(self)
        part._data = (
            self._data.iloc[rows]
            if isinstance(self._data, pd.DataFrame)
            else self._data[rows]
        )
        part.n_rows = len(rows)
        return part

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
        column = plain_column(
            self._data.iloc[:, position]
            if isinstance(self._data, pd.DataFrame)
            else self._data[:, position]
        )
        if column.dtype == object:
            _check_cells(column, self.label(position))
        return column

    def to_show(self) -> NDArray[Any]:
        """Return all values as they are to be shown.

        Returns
        -------
        ndarray of shape (n, p)
            Of an array of numbers a copy. Otherwise Python objects:
            numbers, text and None as the user gave them, other things as text.
        """
        if isinstance(self._data, np.ndarray) and self._data.dtype.kind in "biuf":
            return np.array(self._data)
        values = np.array(self._data, dtype=object)
        if isinstance(self._data, pd.DataFrame):
            dtypes = list(self._data.dtypes)
        else:
            dtypes = [self._data.dtype] * self.n_columns
        for position, dtype in enumerate(dtypes):
            if isinstance(dtype, np.dtype) and dtype.kind in "biuf":
                continue
            # shap's force plot takes nothing but numbers and text.
            column = self.column(position)
            if column.dtype.kind in "mM":
                values[:, position] = column.astype(str)
            else:
                values[:, position] = [_plain(value) for value in values[:, position]]
        return values

    def label(self, position: int) -> str:
        """Name a column as a message should.

        Parameters
        ----------
        position : int
            From 0.

        Returns
        -------
        str
            `'name'`, or the position where there are no names.
        """
        if self.names:
            return repr(self.names[position])
        if isinstance(self._data, pd.DataFrame):
            return f"{position} (named {list(self._data.columns)[position]!r})"
        return str(position)


def _plain(value: Any) -> Any:
    """Give a number, text or nothing as it is, and else the text of a value."""
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    return value if isinstance(value, (str, Real, np.bool_)) else str(value)


def _check_distinct(names: list[str]) -> None:
    if len(set(names)) < len(names):
        index = pd.Index(names)
        twice = sorted(set(index[index.duplicated()]))
        raise ValueError(
            f"Column names of X must differ, but {names_text(twice)} occur more than "
            "once. Rename or drop these columns."
        )


def _check_cells(column: pd.Series, label: str) -> None:
    for value in column:
        if isinstance(value, tuple) or type(value).__hash__ is None:
            raise TypeError(
                f"Column {label}: argument must be a string or a number, "
                f"not {type(value).__name__!r}."
            )


# --- what each column is -----------------------------------------------------


@dataclass(frozen=True)
class ColumnRoles:
    """Positions of the columns by what they are for.

    Attributes
    ----------
    lat, lon, time : int or None
        Coordinates. Points in one column are both latitude and longitude.
    numeric, categorical : tuple of int
        Features, in the order of X. Geometries are never among them.
    crs : str or None
        Coordinate reference system of the training geometries, as WKT.
    """

    lat: int | None
    lon: int | None
    time: int | None
    numeric: tuple[int, ...]
    categorical: tuple[int, ...]
    crs: str | None = None

    @property
    def features(self) -> tuple[int, ...]:
        """Positions of the features as the network orders them."""
        return self.numeric + self.categorical

    @property
    def has_place(self) -> bool:
        """Whether rows have coordinates, or one of the two."""
        return self.lat is not None or self.lon is not None


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
        Name or position; "auto" looks for the usual names, then for the active
        geometry of a GeoDataFrame; None for no such column.
    categorical_features : "from_dtype", sequence of str or int, or None
        Columns whose values are categories.

    Returns
    -------
    ColumnRoles
        Positions of all columns.

    Raises
    ------
    ValueError
        If a column is named but absent or ambiguous, or a position names
        another column than the usual name does.
    """
    found = {
        role: _find_column(table, role, wanted)
        for role, wanted in (("lat", lat), ("lon", lon), ("time", time))
    }
    if lat == lon == "auto" and found["lat"] is found["lon"] is None:
        found["lat"] = found["lon"] = table.geometry
    taken = [position for position in found.values() if position is not None]
    kinds = [kind_of(table.column(j)) for j in range(table.n_columns)]
    points = found["lat"] is not None and kinds[found["lat"]] == "geometries"
    if len(set(taken)) < len(taken) - (points and found["lat"] == found["lon"]):
        raise ValueError(
            f"lat, lon and time must be different columns, got positions {taken}."
        )
    # A geometry that does not give the place is left out.
    rest = [
        j for j, kind in enumerate(kinds) if j not in taken and kind != "geometries"
    ]
    categorical = _find_categorical(table, rest, kinds, categorical_features)
    return ColumnRoles(
        **found,
        numeric=tuple(j for j in rest if j not in categorical),
        categorical=tuple(j for j in rest if j in categorical),
        crs=_crs_of(table, found["lat"]) if points else None,
    )


def _find_column(table: Table, role: str, wanted: str | int | None) -> int | None:
    if wanted is None:
        return None
    usual = USUAL_NAMES[role]
    hits = [j for j, name in enumerate(table.names or []) if name.lower() in usual]
    if wanted == "auto":
        if len(hits) > 1:
            names = ", ".join(table.label(j) for j in hits)
            raise ValueError(
                f"Several columns could be {role}=: {names}. Name the one to use, or "
                f"pass {role}=None."
            )
        return hits[0] if hits else None
    position = _position(table, wanted, f"{role}=")
    if not isinstance(wanted, str) and hits and position not in hits:
        # Selectors drop columns, and a position then is another column's.
        raise ValueError(
            f"{role}={wanted} is column {table.label(position)}, but X has a column "
            f"{table.label(hits[0])} too. Positions shift when columns are dropped "
            f"or moved: pass the name, {role}={table.label(position)} if it is meant "
            f"or {role}={table.label(hits[0])}."
        )
    return position


def _position(table: Table, wanted: str | int, what: str) -> int:
    if isinstance(wanted, (bool, np.bool_)):
        raise ValueError(
            f"{what}{wanted} is neither a name nor a position. Pass the positions of "
            "the columns instead of a mask."
        )
    if not isinstance(wanted, (str, int, np.integer)):
        raise ValueError(
            f"{what}{wanted!r} is neither a name nor a position. Pass a string or an "
            "integer."
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
                f"{names_text(table.names)}."
            )
        return table.names.index(wanted)
    if not -table.n_columns <= wanted < table.n_columns:
        raise ValueError(
            f"{what}{wanted} is not a position in X, which has {table.n_columns} "
            "columns."
        )
    return int(wanted) % table.n_columns


def _find_categorical(
    table: Table,
    candidates: list[int],
    kinds: list[str],
    wanted: str | Sequence[str | int] | None,
) -> set[int]:
    if wanted is None:
        return set()
    if isinstance(wanted, str):
        if wanted != "from_dtype":
            raise ValueError(
                f"categorical_features={wanted!r} must be 'from_dtype', None, or a "
                "list of column names or positions."
            )
        return {j for j in candidates if kinds[j] == "categories"}
    positions = {_position(table, item, "categorical_features: ") for item in wanted}
    clash = positions - set(candidates)
    if clash:
        names = ", ".join(table.label(j) for j in sorted(clash))
        raise ValueError(
            f"categorical_features names a coordinate or a geometry: {names}."
        )
    return positions


def _crs_of(table: Table, position: int | None) -> str | None:
    assert position is not None
    crs = getattr(table.column(position).array, "crs", None)
    return None if crs is None else str(crs.to_wkt())
