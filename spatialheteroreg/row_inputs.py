"""Inputs of many rows, where what rows of a place or of a time share is kept once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from .sphere import FloatArray, IntArray

if TYPE_CHECKING:
    from .columns import Table

Arrays = dict[str, NDArray[Any]]
Array = TypeVar("Array", NDArray[Any], torch.Tensor)

CHUNK_ROWS = 65_536
"""Rows that are made ready at once: some 20 MB, however long the table."""


POINT, INSTANT, DEGREES = "point", "instant", "degrees"
"""Names of the entries that the networks do not read: where and when each row is, and
its latitude and longitude."""


def network_inputs(arrays: Arrays) -> Arrays:
    """Leave out what is not for the networks."""
    others = {POINT, INSTANT, DEGREES}
    return {name: array for name, array in arrays.items() if name not in others}


def gather(
    rows: dict[str, Array], tables: dict[str, dict[str, Array]], index: Any
) -> dict[str, Array]:
    """Look up rows, and in the tables what each of them points at.

    Parameters
    ----------
    rows : dict of str to ndarray or Tensor
        One entry a row. One that is called as a table holds positions in it.
    tables : dict of str to dict
        What several rows share; replaces their positions.
    index : slice, ndarray or Tensor
        Rows.

    Returns
    -------
    dict of str to ndarray or Tensor
        One entry for each of these rows.

    Examples
    --------
    >>> rows = {"x": np.array([5, 6, 7]), "place": np.array([1, 0, 1])}
    >>> found = gather(rows, {"place": {"node": np.array([30, 40])}}, slice(0, 2))
    >>> found["x"].tolist(), found["node"].tolist(), sorted(found)
    ([5, 6], [40, 30], ['node', 'x'])
    """
    found = {name: array[index] for name, array in rows.items()}
    for name, table in tables.items():
        position = found.pop(name)
        found.update({column: array[position] for column, array in table.items()})
    return found


@dataclass(frozen=True)
class RowInputs:
    """Inputs of the network for many rows.

    What a row is tied to takes many times the room of its features, and rows of
    one place are tied to the same.

    Attributes
    ----------
    rows : dict of str to ndarray
        One entry a row: features, and under the name of each table a position in it.
    tables : dict of str to dict of str to ndarray
        One entry for each distinct place, and for each distinct time.
    """

    rows: Arrays
    tables: dict[str, Arrays]

    def __len__(self) -> int:
        return len(self.rows["numeric"])

    def __getitem__(self, index: slice | IntArray) -> Arrays:
        """Spread some rows out: every input with an entry a row."""
        return gather(self.rows, self.tables, index)

    def subset(self, index: IntArray) -> RowInputs:
        """Keep some rows, no copy where these are all in their order.

        Parameters
        ----------
        index : ndarray of int
            Distinct positions.

        Returns
        -------
        RowInputs
            These rows, with all of the tables.
        """
        if len(index) == len(self) and bool((index[1:] > index[:-1]).all()):
            return self
        kept = {name: array[index] for name, array in self.rows.items()}
        return RowInputs(kept, self.tables)

    def read(self) -> RowInputs:
        """Return itself, as :meth:`UnreadRows.read` would."""
        return self

    def cut(self, rows: slice) -> RowInputs:
        """Keep neighboring rows, without a copy, and all of the tables."""
        kept = {name: array[rows] for name, array in self.rows.items()}
        return RowInputs(kept, self.tables)

    def alone(self) -> RowInputs:
        """Copy the rows, and of the tables what they point at."""
        rows = {name: array.copy() for name, array in self.rows.items()}
        tables = {}
        for name, table in self.tables.items():
            used, position = np.unique(rows[name], return_inverse=True)
            rows[name] = position.astype(np.int32)
            tables[name] = {column: array[used] for column, array in table.items()}
        return RowInputs(rows, tables)

    def values(self) -> Iterator[NDArray[Any]]:
        """All arrays, those of the tables last."""
        yield from self.rows.values()
        for table in self.tables.values():
            yield from table.values()

    @classmethod
    def join(cls, parts: list[RowInputs]) -> RowInputs:
        """Put rows behind each other.

        Parameters
        ----------
        parts : list of RowInputs
            At least one.

        Returns
        -------
        RowInputs
            All rows; tables may hold a place or a time once for each part.
        """
        if len(parts) == 1:
            return parts[0]
        rows = {
            name: np.concatenate([part.rows[name] for part in parts])
            for name in parts[0].rows
        }
        tables: dict[str, Arrays] = {}
        for name, table in parts[0].tables.items():
            tables[name] = {
                column: np.concatenate([part.tables[name][column] for part in parts])
                for column in table
            }
            sizes = [len(next(iter(part.tables[name].values()))) for part in parts]
            starts = np.cumsum([0, *sizes[:-1]])
            rows[name] = np.concatenate(
                [
                    part.rows[name] + np.int32(start)
                    for part, start in zip(parts, starts, strict=True)
                ]
            )
        return cls(rows, tables)


@dataclass(frozen=True)
class UnreadRows:
    """Rows of a table whose inputs are made when asked for, and not kept.

    To be used as :class:`RowInputs`, in a small part of its memory.

    Attributes
    ----------
    table : Table
        Any table with the columns of the training table.
    encode : callable
        Makes the inputs of a table.
    index : ndarray of int, default=None
        Positions of the rows in the table; None for all in their order.
    """

    table: Table
    encode: Callable[[Table], RowInputs]
    index: IntArray | None = None

    def __len__(self) -> int:
        return self.table.n_rows if self.index is None else len(self.index)

    def __getitem__(self, index: slice | IntArray) -> Arrays:
        """Make some rows ready: every input with an entry a row."""
        if self.index is not None:
            part = self.table.take(self.index[index])
        elif isinstance(index, slice):
            part = self.table.rows(index.start, index.stop)
        else:
            part = self.table.take(index)
        return self.encode(part)[:]

    def subset(self, index: IntArray) -> UnreadRows:
        """Keep some rows, as :meth:`RowInputs.subset` does."""
        return replace(self, index=index if self.index is None else self.index[index])

    def read(self) -> RowInputs:
        """Make all rows ready."""
        table = self.table if self.index is None else self.table.take(self.index)
        return self.encode(table)


def slices(n_rows: int, size: int) -> list[slice]:
    """Cut rows into parts of a size; the last may be smaller."""
    return [slice(start, start + size) for start in range(0, n_rows, size)]


def draw_rows(
    n_rows: int, n_drawn: int | None, random: np.random.RandomState
) -> IntArray:
    """Draw row numbers without replacement, in ascending order.

    Parameters
    ----------
    n_rows : int
        Rows there are.
    n_drawn : int or None
        Rows to draw; all where it is None or there are no more.
    random : RandomState
        Draws them.

    Returns
    -------
    ndarray of int
        The numbers.
    """
    if n_drawn is None or n_drawn >= n_rows:
        return np.arange(n_rows)
    return np.sort(random.choice(n_rows, n_drawn, replace=False))


def distinct_places(
    lat: FloatArray, lon: FloatArray
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Number the places of rows.

    Parameters
    ----------
    lat, lon : ndarray of shape (n,)
        Finite coordinates.

    Returns
    -------
    place : ndarray of shape (n,)
        Number of the place of each row.
    lat, lon : ndarray of shape (n_places,)
        Coordinates of each place.

    Examples
    --------
    >>> place, lat, lon = distinct_places(np.array([1.0, 1, 2]), np.array([5.0, 5, 5]))
    >>> place.tolist(), lat.tolist(), lon.tolist()
    ([0, 0, 1], [1.0, 2.0], [5.0, 5.0])
    """
    # Complex numbers are hashed many times faster than rows of a matrix are sorted.
    number, places = pd.factorize(as_complex(lat, lon))
    return number.astype(np.int32), places.real.copy(), places.imag.copy()


def as_complex(lat: FloatArray, lon: FloatArray) -> NDArray[np.complex128]:
    """Make one number of two coordinates.

    Parameters
    ----------
    lat, lon : ndarray of shape (n,)
        Coordinates.

    Returns
    -------
    ndarray of shape (n,)
        Latitude as real and longitude as imaginary part.
    """
    places = np.empty(len(lat), dtype=np.complex128)
    places.real, places.imag = lat, lon
    return places


def distinct_times(time: FloatArray) -> tuple[IntArray, FloatArray]:
    """Number the times of rows.

    Parameters
    ----------
    time : ndarray of shape (n,)
        Finite times.

    Returns
    -------
    number : ndarray of shape (n,)
        Number of the time of each row.
    time : ndarray of shape (n_times,)
        The distinct times.
    """
    number, times = pd.factorize(time)
    return number.astype(np.int32), times
