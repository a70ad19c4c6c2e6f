"""Where the rows of a large fit come from: arrays, or a data set in files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..columns import Table
from ..row_inputs import RowInputs, UnreadRows
from ..samples import check_one_target, read_labels
from ..sphere import FloatArray, IntArray
from ..values import read_numbers

PIECE_ROWS = 512
"""Neighboring rows of an array that are read together: a disk reads no single row."""


Encode = Callable[[Table], RowInputs]
"""Makes the inputs of the networks for the rows of a table."""

GROUPS = 8
"""Groups of pieces that are read at a time, at most."""


@dataclass(frozen=True)
class Piece:
    """Rows that lie together.

    Attributes
    ----------
    start : int
        Number of the first row among all.
    n_rows : int
        Number of rows.
    """

    start: int
    n_rows: int


@dataclass(frozen=True)
class Chunk:
    """Rows in memory, as they were passed.

    Attributes
    ----------
    number : ndarray of shape (n,)
        Number of each row among all.
    table : Table
        Coordinates and features.
    target : ndarray of shape (n,)
        Target; may be missing, as it has not been checked.
    weight : ndarray of shape (n,) or None
        Sample weights, not checked.
    label : ndarray of shape (n,) or None
        Labels of groups.
    """

    number: IntArray
    table: Table
    target: FloatArray
    weight: FloatArray | None
    label: NDArray[Any] | None

    def __len__(self) -> int:
        return len(self.number)

    def take(self, rows: IntArray) -> Chunk:
        """Return the rows at these positions."""
        return Chunk(
            self.number[rows],
            self.table.take(rows),
            self.target[rows],
            None if self.weight is None else self.weight[rows],
            None if self.label is None else self.label[rows],
        )


class Source(Protocol):
    """Rows that are read piece by piece, as often as needed.

    Attributes
    ----------
    pieces : sequence of Piece
        All rows, in their order.
    n_rows : int
        Number of rows.
    target_label : str
        What the target is called in messages.
    """

    pieces: Sequence[Piece]
    n_rows: int
    target_label: str

    def head(self) -> Table:
        """Return rows that tell what the columns are."""

    def read(self, numbers: Sequence[int]) -> Chunk:
        """Read the pieces of these numbers, one behind the other."""

    def pick(self, rows: IntArray) -> Chunk:
        """Read the rows of these numbers, which ascend."""

    def unread(self, chunk: Chunk, encode: Encode) -> UnreadRows:
        """Keep what it takes to make the inputs of rows of a chunk later."""


class ArraySource:
    """Rows of an array or a frame, which may lie on disk as a memory map.

    Parameters
    ----------
    table : Table
        Coordinates and features.
    y : array_like of shape (n,)
        Target.
    sample_weight : array_like of shape (n,) or None
        Weights.
    groups : array_like of shape (n,) or None
        Labels of groups.
    """

    target_label = "y"

    def __init__(self, table: Table, y: Any, sample_weight: Any, groups: Any) -> None:
        self.table = table
        self.n_rows = table.n_rows
        self.pieces: Sequence[Piece] = [
            Piece(start, min(PIECE_ROWS, self.n_rows - start))
            for start in range(0, self.n_rows, PIECE_ROWS)
        ]
        self.y = check_one_target(y)
        self.weight = None if sample_weight is None else np.asarray(sample_weight)
        self.label = None if groups is None else read_labels(groups)
        for name, values in (("y", self.y), ("sample_weight", self.weight)):
            if values is not None and values.shape != (self.n_rows,):
                raise ValueError(
                    f"{name} has the shape {values.shape} for {self.n_rows} rows of X; "
                    "one number for each is needed."
                )
        if self.label is not None and len(self.label) != self.n_rows:
            raise ValueError(
                f"groups has {len(self.label)} labels for {self.n_rows} rows; one for "
                "each is needed."
            )

    def head(self) -> Table:
        """Return all rows, which are not copied."""
        return self.table

    def read(self, numbers: Sequence[int]) -> Chunk:
        """Read the pieces of these numbers, one behind the other."""
        return self.pick(_rows_of(self.pieces, numbers))

    def pick(self, rows: IntArray) -> Chunk:
        """Read the rows of these numbers, which ascend."""
        return Chunk(
            rows,
            self.table.take(rows),
            np.asarray(self.y[rows], dtype=np.float64),
            None if self.weight is None else np.asarray(self.weight[rows], float),
            None if self.label is None else self.label[rows],
        )

    def unread(self, chunk: Chunk, encode: Encode) -> UnreadRows:
        """Keep the numbers of rows, which are read again from the array."""
        return UnreadRows(self.table, encode, chunk.number)


class DatasetSource:
    """Rows of a `pyarrow.dataset.Dataset`, row group by row group.

    Parameters
    ----------
    dataset : pyarrow.dataset.Dataset
        The files.
    y : str
        Column of the target.
    sample_weight, groups : str or None
        Columns of weights and of labels.
    """

    def __init__(
        self, dataset: Any, y: Any, sample_weight: Any = None, groups: Any = None
    ) -> None:
        self.dataset = dataset
        names = list(dataset.schema.names)
        self.y, self.weight, self.group = (
            _column_named(what, name, names)
            for what, name in (
                ("y", y),
                ("sample_weight", sample_weight),
                ("groups", groups),
            )
        )
        if self.y is None:
            raise ValueError(
                "y must name the column of the target where X is a data set."
            )
        self.target_label = f"Column {self.y!r}"
        taken = {self.y, self.weight, self.group}
        self.columns = [name for name in names if name not in taken]
        try:
            fragments = list(dataset.get_fragments())
        except ValueError as error:
            raise ValueError(
                "X is a filtered data set, whose rows are not known before they are "
                "read. Write them to files of their own, and pass these."
            ) from error
        self.parts = [part for whole in fragments for part in _row_groups(whole)]
        sizes = [_count_rows(part) for part in self.parts]
        starts = np.cumsum([0, *sizes])
        self.n_rows = int(starts[-1])
        if self.n_rows == 0 or not self.columns:
            raise ValueError(
                f"X is a data set of {self.n_rows} rows and {len(self.columns)} "
                "columns beside target, weights and groups; one of each is needed."
            )
        self.pieces: Sequence[Piece] = [
            Piece(int(start), size) for start, size in zip(starts, sizes, strict=False)
        ]

    def head(self) -> Table:
        """Return the rows of the first piece that has any."""
        first = next(k for k, piece in enumerate(self.pieces) if piece.n_rows)
        return self.read([first]).table

    def read(self, numbers: Sequence[int]) -> Chunk:
        """Read the pieces of these numbers, one behind the other."""
        import pyarrow as pa

        tables = [self._table(k) for k in numbers]
        return self._chunk(pa.concat_tables(tables), _rows_of(self.pieces, numbers))

    def pick(self, rows: IntArray) -> Chunk:
        """Read the rows of these numbers, which ascend."""
        import pyarrow as pa

        tables = []
        for k, piece in enumerate(self.pieces):
            ends = np.searchsorted(rows, [piece.start, piece.start + piece.n_rows])
            own = rows[slice(*ends)] - piece.start
            if len(own):
                tables.append(self._table(k).take(pa.array(own)))
        return self._chunk(pa.concat_tables(tables), rows)

    def unread(self, chunk: Chunk, encode: Encode) -> UnreadRows:
        """Keep the rows: to read them again takes as long as reading all."""
        return UnreadRows(chunk.table, encode)

    def _table(self, number: int) -> Any:
        """Read one piece as an Arrow table."""
        own = [name for name in (self.y, self.weight, self.group) if name is not None]
        return self.parts[number].to_table(
            schema=self.dataset.schema,
            columns=list(dict.fromkeys([*self.columns, *own])),
            use_threads=False,
        )

    def _chunk(self, rows: Any, number: IntArray) -> Chunk:
        """Tell columns of an Arrow table from target, weights and labels."""
        target = _numbers(rows, self.y)
        assert target is not None
        label = None
        if self.group is not None:
            label = _column(rows, self.group).to_numpy(dtype=object)
        table = Table(rows.select(self.columns))
        return Chunk(number, table, target, _numbers(rows, self.weight), label)


def groups_at_once(source: Source, n_rows: int) -> int:
    """Say how many groups of :func:`in_order` may be in memory at a time.

    Parameters
    ----------
    source : Source
        Where their pieces are from, which may be larger than a group is to be.
    n_rows : int
        Rows from which on a group is full.

    Returns
    -------
    int
        So many as have eight times these rows, and one at least.
    """
    largest = max(n_rows, *(piece.n_rows for piece in source.pieces))
    return max(1, GROUPS * n_rows // largest)


def in_order(source: Source, n_rows: int) -> Iterator[list[int]]:
    """List the pieces one after the other, so many rows at a time or one piece."""
    yield from in_groups(source, range(len(source.pieces)), n_rows)


def in_groups(
    source: Source, order: Sequence[int] | IntArray, n_rows: int
) -> Iterator[list[int]]:
    """Put pieces together until there are so many rows.

    Parameters
    ----------
    source : Source
        Where the pieces are from.
    order : sequence of int
        Numbers of the pieces.
    n_rows : int
        Rows from which on a group is full.

    Yields
    ------
    list of int
        Numbers of the pieces of a group.
    """
    group, filled = [], 0
    for number in order:
        if source.pieces[number].n_rows == 0:
            continue
        group.append(int(number))
        filled += source.pieces[number].n_rows
        if filled >= n_rows:
            yield group
            group, filled = [], 0
    if group:
        yield group


def _rows_of(pieces: Sequence[Piece], numbers: Sequence[int]) -> IntArray:
    """Numbers of the rows of some pieces."""
    some = [pieces[k] for k in numbers]
    return np.concatenate(
        [np.arange(piece.start, piece.start + piece.n_rows) for piece in some]
    )


def _column(rows: Any, name: str) -> pd.Series:
    return Table(rows.select([name])).column(0)


def _numbers(rows: Any, name: str | None) -> FloatArray | None:
    """Target or weights of an Arrow table; missing ones as NaN."""
    if name is None:
        return None
    return read_numbers(_column(rows, name), repr(name), "target or weight")


def _row_groups(fragment: Any) -> list[Any]:
    """Row groups of a Parquet file; files of other kinds are read as a whole."""
    if hasattr(fragment, "split_by_row_group"):
        return list(fragment.split_by_row_group())
    return [fragment]


def _count_rows(part: Any) -> int:
    """Rows of a row group, from what the file says of itself."""
    groups = getattr(part, "row_groups", None)
    # Of a row group `count_rows` counts the rows of its whole file.
    return sum(g.num_rows for g in groups) if groups else part.count_rows()


def _column_named(what: str, name: Any, names: list[str]) -> str | None:
    if name is None:
        return None
    if not isinstance(name, str) or name not in names:
        given = repr(name) if isinstance(name, str) else f"a {type(name).__name__}"
        raise ValueError(
            f"{what}={given} must name a column of the data set X, not hold values. "
            f"Columns: {', '.join(map(repr, names))}."
        )
    return name
