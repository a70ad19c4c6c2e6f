"""One look at all rows: what is wrong, how much there is, and a sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..features import finite_numbers
from ..inputs import Extent, InputBuilder
from ..samples import TARGET_LIMIT, number_groups
from ..sphere import FloatArray, IntArray
from ..threads import map_ahead
from ..values import rows_counted_from, rows_text
from .counting import DistinctCounter, distinct_values, drawn_rows, hash_floats
from .sources import Chunk, Source, groups_at_once, in_order

SAMPLE_ROWS = 200_000
"""Rows from which scales, nodes and kriging are learned where there are more."""

READ_ROWS = 32_768
"""Rows that are read and shuffled at once, where row groups are not larger."""


@dataclass(frozen=True)
class Survey:
    """What is known of all rows.

    Attributes
    ----------
    sample : Chunk
        A sample of the rows of positive weight, drawn evenly; its weights are not
        scaled.
    extent : Extent
        Of all rows of positive weight.
    mean_weight : float
        Mean of the positive weights.
    """

    sample: Chunk
    extent: Extent
    mean_weight: float

    @property
    def weight(self) -> FloatArray | None:
        """Weights of the sample, scaled to mean 1 over all rows."""
        if self.sample.weight is None:
            return None
        return self.sample.weight / self.mean_weight


def survey(source: Source, inputs: InputBuilder) -> Survey:
    """Look at all rows once.

    Parameters
    ----------
    source : Source
        The rows.
    inputs : InputBuilder
        Knows which column is what.

    Returns
    -------
    Survey
        What there is.

    Raises
    ------
    ValueError
        If values cannot be used; names column and rows.
    """
    places, times = DistinctCounter(), DistinctCounter()
    categories: list[set[Any]] = [set() for _ in inputs.roles.categorical]
    start, end = np.inf, -np.inf
    n_rows, total, drawn = 0, np.longdouble(0.0), []
    for found in map_ahead(
        lambda numbers: _look(source, numbers, inputs),
        in_order(source, READ_ROWS),
        groups_at_once(source, READ_ROWS),
    ):
        n_rows, total = n_rows + len(found.time), total + found.weight
        drawn.append(found.drawn)
        if len(found.time) == 0:
            continue
        for known, new in zip(categories, found.categories, strict=True):
            known |= new
        places.add(found.place)
        times.add(hash_floats(found.time))
        start = min(start, float(found.time.min()))
        end = max(end, float(found.time.max()))
    rows = np.concatenate([*drawn, np.zeros(0, dtype=np.int64)])
    if n_rows < 2 or len(rows) < 2:
        raise ValueError(
            f"X has {n_rows} rows of positive weight, and at least 2 are needed."
        )
    extent = Extent(
        n_rows,
        places.count(),
        times.count(),
        start,
        end,
        [list(known) for known in categories],
    )
    return Survey(source.pick(rows), extent, float(total / n_rows))


class _Found(NamedTuple):
    """What is known of some rows: those of positive weight.

    Attributes
    ----------
    weight : longdouble
        Sum of their weights, in wide floats: they may be as large as floats can be.
    place : ndarray of uint64
        Hashes of their places.
    time : ndarray of shape (n,)
        Their times.
    categories : list of set
        Values of each categorical feature.
    drawn : ndarray of int
        Numbers of those that belong to the sample.
    """

    weight: np.longdouble
    place: NDArray[np.uint64]
    time: FloatArray
    categories: list[set[Any]]
    drawn: IntArray


def _look(source: Source, numbers: Sequence[int], inputs: InputBuilder) -> _Found:
    """Look at the rows of some pieces, and refuse what cannot be used."""
    chunk, roles = source.read(numbers), inputs.roles
    with rows_counted_from(int(chunk.number[0])):
        _check(chunk, source.target_label)
        lat, lon = inputs.read_place(chunk.table)
        time = inputs.read_time(chunk.table)
        for j in roles.numeric:
            finite_numbers(chunk.table, j)
        if chunk.label is not None:
            number_groups(chunk.label, len(chunk))
    counted = counted_rows(chunk)
    if len(counted) < len(chunk):
        chunk = chunk.take(counted)
    columns = [chunk.table.column(j) for j in roles.categorical]
    share = SAMPLE_ROWS / source.n_rows
    return _Found(
        np.longdouble(len(chunk))
        if chunk.weight is None
        else chunk.weight.sum(dtype=np.longdouble),
        hash_floats(lat[counted], lon[counted]),
        time[counted],
        [distinct_values(column) if len(chunk) else set() for column in columns],
        chunk.number[drawn_rows(chunk.number, share)],
    )


def counted_rows(chunk: Chunk) -> IntArray:
    """Positions of the rows of positive weight."""
    if chunk.weight is None:
        return np.arange(len(chunk))
    return np.flatnonzero(chunk.weight > 0)


def _check(chunk: Chunk, target: str) -> None:
    """Refuse targets and weights that nothing can be learned from."""
    bad = ~np.isfinite(chunk.target)
    if bad.any():
        raise ValueError(
            f"{target}: the target is missing or infinite in {rows_text(bad)}. Drop "
            "these rows."
        )
    if np.abs(chunk.target).max() > TARGET_LIMIT:
        raise ValueError(
            f"y holds numbers beyond {TARGET_LIMIT:g}, near the end of what floats "
            "hold. Pass it in a larger unit."
        )
    if chunk.weight is None:
        return
    bad = ~(np.isfinite(chunk.weight) & (chunk.weight >= 0))
    if bad.any():
        raise ValueError(
            f"sample_weight is missing, infinite or negative in {rows_text(bad)}. Give "
            "these rows 0 to leave them out."
        )
