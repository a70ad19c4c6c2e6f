"""Rows as tensors on the device, and batches as slices of them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from .network.layers import RandomSource
from .row_inputs import RowInputs, gather, network_inputs, slices
from .sizing import spreads_folds

Batch = dict[str, Tensor]

SPARE_ROWS = 16
"""By how many rows a batch may miss its share of a fold where folds of about one size
are spread: by two, but for the rounding of millions."""


class Rows(Dataset):  # type: ignore[type-arg]
    """Rows as tensors that already lie on the device.

    Parameters
    ----------
    inputs : dict of str to Tensor
        Arguments of the network, each with one entry a row; under the name of a
        table, positions in it.
    target : Tensor of shape (n,), default=None
        Standardized target; None to predict.
    weight : Tensor of shape (n,), default=None
        Sample weights with mean 1; None for all alike.
    tables : dict of str to dict of str to Tensor, default=None
        Arguments of the network that several rows share.
    """

    def __init__(
        self,
        inputs: Batch,
        target: Tensor | None = None,
        weight: Tensor | None = None,
        tables: dict[str, Batch] | None = None,
    ) -> None:
        self.inputs = inputs
        n_rows = len(next(iter(inputs.values())))
        self.target = torch.zeros(n_rows) if target is None else target
        self.weight = weight
        self.tables = {} if tables is None else tables
        self.index: Tensor | None = None

    def __len__(self) -> int:
        return len(self.target) if self.index is None else len(self.index)

    def __getitem__(self, index: Any) -> tuple[Batch, Tensor]:
        if self.index is not None:
            index = self.index[index]
        target = self.target[index]
        if self.weight is not None:
            target = torch.stack([target, self.weight[index]], dim=-1)
        return gather(self.inputs, self.tables, index), target

    def fold(self) -> Tensor:
        """Number of the network that does not see each row."""
        fold = self.inputs["fold"]
        return fold if self.index is None else fold[self.index]

    def subset(self, index: Tensor) -> Rows:
        """Return the rows at these positions, without a copy."""
        part = copy.copy(self)
        part.index = index if self.index is None else self.index[index]
        return part

    def batches(self, batch_size: int, random: RandomSource | None = None) -> Batches:
        """Go through the rows; `random` shuffles them, anew in every pass."""
        return Batches(self, batch_size, random)

    def close(self) -> None:
        """Let go of nothing: rows in memory need no thread."""


def make_rows(
    inputs: RowInputs,
    target: NDArray[np.float64],
    weight: NDArray[np.float64] | None,
    fold: NDArray[np.int64],
    device: str,
    dtype: torch.dtype = torch.float32,
    *,
    pinned: bool = False,
) -> Rows:
    """Put rows on the device; no copy of their inputs where it is the CPU.

    Parameters
    ----------
    inputs : RowInputs
        Inputs of the networks.
    target : ndarray of shape (n,)
        Standardized target.
    weight : ndarray of shape (n,) or None
        Sample weights with mean 1.
    fold : ndarray of shape (n,)
        Number of the network that does not see a row; -1 where all do.
    device : str
        Where to.
    dtype : torch.dtype, default=torch.float32
        Precision of target and weights.
    pinned : bool, default=False
        Whether a GPU may copy from pinned memory while it computes. That memory
        comes on top of the rows: for some rows at a time.

    Returns
    -------
    Rows
        Ready for batches.
    """
    pins = pinned and torch.device(device).type == "cuda"

    def move(tensor: Tensor) -> Tensor:
        return (tensor.pin_memory() if pins else tensor).to(device, non_blocking=pins)

    def put(arrays: dict[str, NDArray[Any]]) -> Batch:
        return {name: move(torch.as_tensor(array)) for name, array in arrays.items()}

    wanted, counted = (
        None if array is None else move(torch.as_tensor(array).to(dtype))
        for array in (target, weight)
    )
    tables = {name: put(network_inputs(part)) for name, part in inputs.tables.items()}
    return Rows(put({**inputs.rows, "fold": fold}), wanted, counted, tables)


class Batches:
    """Batches as index slices, which cost nothing for each row.

    Parameters
    ----------
    rows : Rows
        What to go through.
    batch_size : int
        Rows a batch; the last one takes what is left.
    random : RandomSource, default=None
        Shuffles, anew in every pass; None keeps the order. Of few and of many rows
        each batch has its share of each fold. All networks then make steps of one
        size, whose memory serves again: what many sizes leave over would add up to
        more than a step needs.

    Attributes
    ----------
    spreads : bool
        Whether each batch has its share of each fold.
    """

    def __init__(
        self, rows: Rows, batch_size: int, random: RandomSource | None = None
    ) -> None:
        self.rows = rows
        self.batch_size = batch_size
        self.random = random
        self.spreads = spreads_folds(len(rows))

    def __len__(self) -> int:
        return -(-len(self.rows) // self.batch_size)

    def most_seen(self, n_parts: int) -> list[int]:
        """Say how many rows of a batch each network sees at most, if folds are spread.

        Parameters
        ----------
        n_parts : int
            Number of networks.

        Returns
        -------
        list of int
            Numbers of rows, which are asked of the device once.
        """
        n_rows, fold = len(self.rows), self.rows.fold()
        size = min(self.batch_size, n_rows)
        unseen = torch.stack([(fold == k).sum() for k in range(n_parts)]).tolist()
        return [size - max(size * n // n_rows - SPARE_ROWS, 0) for n in unseen]

    def __iter__(self) -> Iterator[tuple[Batch, Tensor]]:
        order = self._order()
        for rows in slices(len(self.rows), self.batch_size):
            yield self.rows[rows if order is None else order[rows]]

    def _order(self) -> Tensor | None:
        """Draw the order of a pass; None for that of the rows."""
        if self.random is None:
            return None
        generator = self.random.generator
        n_rows, device = len(self.rows), generator.device
        order = torch.randperm(n_rows, generator=generator, device=device)
        if not self.spreads:
            return order
        return spread_folds(order, self.rows.fold()[order])


def spread_folds(order: Tensor, fold: Tensor) -> Tensor:
    """Spread the rows of each fold evenly over an order.

    Parameters
    ----------
    order : Tensor of shape (n,)
        Rows in any order, which those of a fold keep among themselves.
    fold : Tensor of shape (n,)
        Fold of each of them.

    Returns
    -------
    Tensor of shape (n,)
        The same rows: wherever it is cut, each piece has its share of each fold, to
        a row or two.

    Examples
    --------
    >>> order = torch.tensor([4, 3, 0, 1, 5, 2])
    >>> spread_folds(order, torch.tensor([0, 0, 1, 0, 1, 1])).tolist()
    [4, 0, 3, 5, 1, 2]
    """
    if not len(order):
        return order
    by_fold = fold.argsort(stable=True)
    _, sizes = fold[by_fold].unique_consecutive(return_counts=True)
    place = [
        torch.arange(size, dtype=torch.float32, device=fold.device) / size
        for size in sizes.tolist()
    ]
    return order[by_fold[torch.cat(place).argsort(stable=True)]]


def split_validation(
    kind: bool | str,
    fraction: float,
    places: NDArray[np.int64],
    random: np.random.RandomState,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Choose the rows to train on and the rows to stop by.

    Parameters
    ----------
    kind : {False, "rows", "places"}
        Hold out nothing, single rows, or all rows of some places.
    fraction : float
        Share of the rows or places to hold out.
    places : ndarray of shape (n,)
        Number of the place of each row.
    random : RandomState
        Draws the split.

    Returns
    -------
    training, held_out : ndarray of int
        Positions of the rows.

    Raises
    ------
    ValueError
        If too few rows or places are there to hold any out.
    """
    n_rows = len(places)
    if not kind:
        return np.arange(n_rows), np.arange(0)
    groups = places if kind == "places" else np.arange(n_rows)
    unit = "places" if kind == "places" else "rows"
    n_groups = groups.max() + 1
    n_held = round(fraction * n_groups)
    if not 1 <= n_held < n_groups:
        raise ValueError(
            f"early_stopping={kind!r} with validation_fraction={fraction} would "
            f"hold out {n_held} of {n_groups} {unit}; at "
            "least one must be held out and one be left."
        )
    chosen = random.permutation(n_groups)[:n_held]
    held_out = np.isin(groups, chosen)
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)
