"""Rows of short tables, looked up many times over, with gradients that a CPU adds up.

PyTorch's gradient of :func:`torch.nn.functional.embedding` took a CPU five times as
long. On a GPU it adds up in one order, and others do not.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F


def look_up(table: Tensor, row: Tensor) -> Tensor:
    """Take rows of a table.

    Parameters
    ----------
    table : Tensor of shape (M, D)
        The table.
    row : Tensor of any shape, int
        Which rows.

    Returns
    -------
    Tensor of shape (..., D)
        One row for each.

    Examples
    --------
    >>> look_up(torch.eye(3), torch.tensor([[0, 2]])).tolist()
    [[[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]]
    """
    if table.is_cuda:
        return F.embedding(row, table)
    rows = table.index_select(0, row.reshape(-1))
    return rows.view(*row.shape, table.shape[1])


def sum_of_rows(table: Tensor, row: Tensor, weight: Tensor) -> Tensor:
    """Add up rows of a table, weighted.

    Parameters
    ----------
    table : Tensor of shape (M, D)
        The table.
    row : Tensor of shape (B, K), int
        Which rows.
    weight : Tensor of shape (B, K)
        How much of them.

    Returns
    -------
    Tensor of shape (B, D)
        The sums.

    Examples
    --------
    >>> weight = torch.tensor([[0.25, 0.75]])
    >>> sum_of_rows(torch.eye(3), torch.tensor([[0, 2]]), weight).tolist()
    [[0.25, 0.0, 0.75]]
    """
    if table.is_cuda:
        return _bag(table, row, weight)
    return _WeightedSum.apply(table, row, weight)


def _bag(table: Tensor, row: Tensor, weight: Tensor) -> Tensor:
    return F.embedding_bag(row, table, mode="sum", per_sample_weights=weight)


class _WeightedSum(torch.autograd.Function):
    """Sums of rows, whose gradient is added up row by row."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, row: Tensor, weight: Tensor) -> Tensor:
        """Add up."""
        ctx.save_for_backward(table, row, weight)
        return _bag(table, row, weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        """Give the slopes of table and weight."""
        table, row, weight = ctx.saved_tensors
        of_table = of_weight = None
        if ctx.needs_input_grad[0]:
            B, K = row.shape
            parts = (weight[:, :, None] * slope[:, None]).view(B * K, -1)
            of_table = torch.zeros_like(table).index_add_(0, row.reshape(-1), parts)
        if ctx.needs_input_grad[2]:
            of_weight = (look_up(table, row) * slope[:, None]).sum(dim=-1)
        return of_table, None, of_weight
