"""Rows of short tables, looked up many times over, with gradients that a CPU adds up.

PyTorch's gradients of `embedding` and `embedding_bag` took a CPU five times as long. On
a GPU they add up in one order, and others do not.
"""

from __future__ import annotations

import torch
from torch import Tensor
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
    # Whatever the caller has set, rows are predicted in one way.
    learned = torch.is_grad_enabled() and (table.requires_grad or weight.requires_grad)
    if table.is_cuda or not learned:
        return F.embedding_bag(row, table, mode="sum", per_sample_weights=weight)
    return (look_up(table, row) * weight[:, :, None]).sum(dim=1)
