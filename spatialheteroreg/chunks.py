"""Tables as inputs of the networks, some rows at a time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from .attaching import Places, tie_places
from .columns import Table
from .row_inputs import CHUNK_ROWS, Arrays, distinct_places, slices
from .sphere import FloatArray
from .threads import Mapping, mapping

if TYPE_CHECKING:
    from .inputs import InputBuilder

T = TypeVar("T")

APART = 6
"""Chunks that are looked after beside each other, at most: threads of Python get into
each other's way, and a GPU has to hold what all of them compute. Of 2 to 16, on an H100
with 16 cores, so many were the fastest."""

ROWS_A_PLACE = 4
"""Rows a place from which on the places of a table are tied once, and not with each of
its chunks: what that takes stays some 100 bytes a row."""


class Part(NamedTuple):
    """Some rows of a table.

    Attributes
    ----------
    rows : slice
        Which ones.
    table : Table
        They themselves.
    inputs : dict of str to ndarray
        What the networks are told of them.
    """

    rows: slice
    table: Table
    inputs: Arrays


def map_chunks(
    inputs: InputBuilder,
    table: Table,
    do: Callable[[Part], T],
    *,
    apart: bool = False,
) -> list[T]:
    """Make the inputs of the network, `CHUNK_ROWS` rows at a time, and use them.

    Warns of times that the steps do not reach.

    Parameters
    ----------
    inputs : InputBuilder
        Fitted inputs.
    table : Table
        Any table with the columns of the training table.
    do : callable
        Takes some of its rows.
    apart : bool, default=False
        Whether several threads do so, each on one core.

    Returns
    -------
    list
        What `do` returned, in the order of the rows.
    """
    time = inputs.read_time(table)
    inputs.axis_.warn_outside(time, stacklevel=5)
    lat, lon = inputs.read_place(table)
    parts = slices(table.n_rows, CHUNK_ROWS)

    def use(rows: slice) -> T:
        chunk = table.rows(rows.start, rows.stop)
        places = (
            Places.of(inputs.graphs_, lat[rows], lon[rows], inputs.dtype)
            if shared is None
            else shared[rows]
        )
        return do(Part(rows, chunk, inputs.transform(chunk, time[rows], places)))

    try:
        with mapping(min(len(parts), APART)) if apart else nullcontext(map) as run:
            shared = _shared_places(inputs, lat, lon, run)
            return list(run(use, parts))
    except ValueError:
        # The whole table knows the numbers of its rows.
        inputs.encoder_.transform(table)
        raise


def _shared_places(
    inputs: InputBuilder, lat: FloatArray, lon: FloatArray, run: Mapping
) -> Places | None:
    """Tie the places of a table at once, where many rows have them in common."""
    if len(lat) <= CHUNK_ROWS:
        return None
    number, lat, lon = distinct_places(lat, lon)
    if len(lat) * ROWS_A_PLACE > len(number):
        return None
    return Places(number, tie_places(inputs.graphs_, lat, lon, inputs.dtype, run))
