"""Training rows that are read anew in each epoch, in another order."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from ..allocator import give_back
from ..batches import Batch, Rows, make_rows, spread_folds
from ..inputs import InputBuilder
from ..network.layers import RandomSource
from ..row_inputs import RowInputs, as_complex, slices
from ..samples import KnownRows
from ..sizing import spreads_folds
from ..sphere import IntArray
from ..threads import map_ahead
from .counting import fold_of_rows
from .sources import Chunk, Source, groups_at_once, in_groups, in_order
from .survey import READ_ROWS, counted_rows

T = TypeVar("T")

ENCODED_ROWS = 4_096
"""Rows whose inputs are made at once on a CPU, if a batch has no more."""

GIVE_BACK_ROWS = 131_072
"""Rows after which a CPU gives back what training has freed: it would add up otherwise,
as threads free what others have asked for. It takes 0.1 s of some 5."""


@dataclass(frozen=True)
class HeldOut:
    """Rows that must not be trained on.

    Attributes
    ----------
    number : ndarray of int
        Numbers of single rows.
    place : ndarray of complex
        Places, all rows of which are held out: latitude and longitude.
    label : ndarray of object
        Groups, all rows of which are held out.
    """

    number: IntArray
    place: NDArray[np.complex128] = field(default_factory=lambda: np.zeros(0, complex))
    label: NDArray[np.object_] = field(default_factory=lambda: np.zeros(0, object))

    @property
    def is_whole(self) -> bool:
        """Whether whole places or groups are held out."""
        return len(self.place) > 0 or len(self.label) > 0

    def training(self, chunk: Chunk, inputs: InputBuilder) -> IntArray:
        """Positions of the rows of a chunk to train on."""
        rows = counted_rows(chunk)
        rows = rows[~np.isin(chunk.number[rows], self.number)]
        if len(self.label):
            assert chunk.label is not None
            known = {*self.label}
            rows = rows[[label not in known for label in chunk.label[rows]]]
        if len(self.place):
            lat, lon = inputs.read_place(chunk.table, always=True)
            rows = rows[~np.isin(as_complex(lat, lon)[rows], self.place)]
        return rows


class Block(KnownRows):
    """Rows that are trained on one after the other; weights have mean 1."""

    inputs: RowInputs

    def take(self, rows: slice) -> Block:
        """Return the rows at these positions, without a copy."""
        weight = None if self.weight is None else self.weight[rows]
        inputs = self.inputs.cut(rows)
        return Block(inputs, self.target[rows], weight, self.fold[rows])

    def alone(self) -> Block:
        """Return a copy that holds on to nothing of other rows."""
        weight = None if self.weight is None else self.weight.copy()
        inputs = self.inputs.alone()
        return Block(inputs, self.target.copy(), weight, self.fold.copy())

    def followed_by(self, other: Block) -> Block:
        """Put the rows of another block behind these."""
        weight = None
        if self.weight is not None and other.weight is not None:
            weight = np.concatenate([self.weight, other.weight])
        return Block(
            RowInputs.join([self.inputs, other.inputs]),
            np.concatenate([self.target, other.target]),
            weight,
            np.concatenate([self.fold, other.fold]),
        )


class StreamedRows(Dataset):  # type: ignore[type-arg]
    """Training rows of a source, of which some are in memory at a time.

    In each epoch the pieces of the source come in a new order. So many of them as
    make `READ_ROWS` rows are read together, shuffled and cut into batches, while the
    next are made ready by another thread.

    Parameters
    ----------
    source : Source
        The rows.
    inputs : InputBuilder
        Fitted; makes the inputs of the networks.
    held_out : HeldOut
        Rows to leave out.
    n_rows : int
        Number of the others.
    target_mean, target_scale : float
        Units of the target.
    mean_weight : float
        Unit of the weights.
    n_folds : int
        Networks, each blind to one fold.
    seed : int
        Deals out the folds.
    """

    def __init__(
        self,
        source: Source,
        inputs: InputBuilder,
        held_out: HeldOut,
        *,
        n_rows: int,
        target_mean: float,
        target_scale: float,
        mean_weight: float,
        n_folds: int,
        seed: int,
    ) -> None:
        self.source = source
        self.inputs = inputs
        self.held_out = held_out
        self.n_rows = n_rows
        self.target_mean = target_mean
        self.target_scale = target_scale
        self.mean_weight = mean_weight
        self.n_folds = n_folds
        self.seed = seed
        self.device = "cpu"
        self.dtype = torch.float32
        self._passes: list[Generator[tuple[Batch, Tensor], None, None]] = []

    def to(self, device: str, dtype: torch.dtype) -> StreamedRows:
        """Have batches lie on a device, targets in a precision."""
        self.device, self.dtype = device, dtype
        return self

    def close(self) -> None:
        """End the last pass and its thread, and give back what is no longer needed."""
        if not self._passes:
            return
        while self._passes:
            self._passes.pop().close()
        give_back()

    def __len__(self) -> int:
        return self.n_rows

    def batches(
        self, batch_size: int, random: RandomSource | None = None
    ) -> StreamedBatches:
        """Go through the rows; `random` shuffles them, anew in every pass."""
        return StreamedBatches(self, batch_size, random)

    def hold(self, most_bytes: float) -> Rows | None:
        """Read all rows once, and keep them on the device.

        Parameters
        ----------
        most_bytes : float
            Memory that they may take there.

        Returns
        -------
        Rows or None
            All rows in the order of the source; None if they take more.
        """
        held: Batch = {}
        at = 0
        for block in self._blocks_in_order():
            parts = block.inputs, block.target, block.weight, block.fold
            rows = make_rows(*parts, self.device, self.dtype, pinned=True)
            found, _ = rows[slice(None)]
            found["target"] = rows.target
            if rows.weight is not None:
                found["weight"] = rows.weight
            if not held:
                n_bytes = sum(column.nbytes for column in found.values())
                if n_bytes / len(rows) * self.n_rows > most_bytes:
                    return None
                held = {
                    name: column.new_empty((self.n_rows, *column.shape[1:]))
                    for name, column in found.items()
                }
            for name, column in found.items():
                held[name][at : at + len(rows)] = column
            at += len(rows)
        return Rows(held, held.pop("target"), held.pop("weight", None))

    def blocks(self, batch_size: int, seed: int | None) -> Iterator[Block]:
        """Read all rows once.

        Parameters
        ----------
        batch_size : int
            All blocks but the last have a multiple of so many rows.
        seed : int or None
            Decides the order; None keeps that of the source.

        Yields
        ------
        Block
            Rows in the order in which to train on them.
        """
        random = None if seed is None else np.random.RandomState(seed)
        order = np.arange(len(self.source.pieces))
        rest: Block | None = None
        # What a row is tied to takes many times the room of its features, and a row
        # group may be large.
        size = max(ENCODED_ROWS, batch_size) if self.device == "cpu" else READ_ROWS
        for numbers in in_groups(self.source, _shuffled(order, random), READ_ROWS):
            chunk = self.source.read(numbers)
            rows = _shuffled(self.held_out.training(chunk, self.inputs), random)
            if random is not None and spreads_folds(self.n_rows):
                fold = self._fold(chunk.number[rows])
                rows = spread_folds(*map(torch.as_tensor, (rows, fold))).numpy()
            for part in slices(len(rows), size):
                block = self._block(chunk.take(rows[part]))
                if rest is not None:
                    block = rest.followed_by(block)
                full = len(block) // batch_size * batch_size
                rest = block.take(slice(full, None)).alone()
                if full:
                    yield block.take(slice(full))
        if rest is not None and len(rest):
            yield rest

    def _blocks_in_order(self) -> Iterator[Block]:
        """Read all rows once, several groups at a time where they are not large."""
        at_once = groups_at_once(self.source, READ_ROWS)
        if at_once == 1:
            return read_ahead(self.blocks(1, None))
        groups = in_order(self.source, READ_ROWS)
        # All rows of a group may be held out.
        return filter(None, map_ahead(self._read_group, groups, at_once))

    def _read_group(self, numbers: list[int]) -> Block | None:
        """Make the training rows of some pieces ready, in their order, if any."""
        chunk = self.source.read(numbers)
        rows = self.held_out.training(chunk, self.inputs)
        return self._block(chunk.take(rows)) if len(rows) else None

    def _block(self, chunk: Chunk) -> Block:
        return Block(
            self.inputs.encode(chunk.table),
            (chunk.target - self.target_mean) / self.target_scale,
            None if chunk.weight is None else chunk.weight / self.mean_weight,
            self._fold(chunk.number),
        )

    def _fold(self, number: IntArray) -> IntArray:
        return fold_of_rows(number, self.n_folds, self.seed)


class StreamedBatches:
    """Batches of streamed rows, in the form of those of rows in memory.

    Parameters
    ----------
    rows : StreamedRows
        What to go through.
    batch_size : int
        Rows a batch; the last one takes what is left.
    random : RandomSource, default=None
        Shuffles, anew in every pass; None keeps the order.
    """

    def __init__(
        self, rows: StreamedRows, batch_size: int, random: RandomSource | None = None
    ) -> None:
        self.rows = rows
        self.batch_size = batch_size
        self.random = random

    def __len__(self) -> int:
        return -(-len(self.rows) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Batch, Tensor]]:
        self.rows.close()
        one_pass = self._go_through()
        self.rows._passes.append(one_pass)
        return one_pass

    def _go_through(self) -> Generator[tuple[Batch, Tensor], None, None]:
        seen = 0
        for rows in read_ahead(self._on_device()):
            yield from rows.batches(self.batch_size)
            seen += len(rows)
            if seen >= GIVE_BACK_ROWS and self.rows.device == "cpu":
                give_back()
                seen = 0

    def _on_device(self) -> Iterator[Rows]:
        device, dtype = self.rows.device, self.rows.dtype
        for block in self.rows.blocks(self.batch_size, self._draw_seed()):
            parts = block.inputs, block.target, block.weight, block.fold
            yield make_rows(*parts, device, dtype, pinned=True)

    def _draw_seed(self) -> int | None:
        if self.random is None:
            return None
        generator = self.random.generator
        most = torch.iinfo(torch.int32).max
        drawn = torch.randint(most, (1,), generator=generator, device=generator.device)
        return int(drawn)


def read_ahead(blocks: Iterator[T]) -> Iterator[T]:
    """Have a thread make the next block while this one is used.

    Parameters
    ----------
    blocks : iterator
        Run by the thread alone.

    Yields
    ------
    object
        The same blocks. When the iteration ends, by an error too, so does the thread.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as thread:
        following: Future[T | None] = thread.submit(next, blocks, None)
        while (block := following.result()) is not None:
            following = thread.submit(next, blocks, None)
            yield block
            del block


def _shuffled(values: IntArray, random: np.random.RandomState | None) -> IntArray:
    return values if random is None else random.permutation(values)
