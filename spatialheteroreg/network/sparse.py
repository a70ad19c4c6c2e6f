"""Products with a matrix of which most entries are zero."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class _Entries(NamedTuple):
    """Entries of a matrix, row by row: where each row begins, their columns, values."""

    first: Tensor
    column: Tensor
    value: Tensor


class SparseMatrix(nn.Module):
    """A matrix that stays as it is, to multiply others by.

    Each row of a product is a weighted sum of rows of the other matrix, as
    :func:`torch.nn.functional.embedding_bag` computes it. `torch.sparse.mm` adds up the
    same numbers in the same order, but took 7 to 16 times as long on one core (200 to
    5,000 rows of 9 entries), sorts the entries anew for each gradient, and on a GPU
    waits for how many there are.

    Parameters
    ----------
    matrix : Tensor of shape (M, N), sparse
        The matrix.

    Examples
    --------
    >>> half = SparseMatrix((0.5 * torch.eye(3)).to_sparse())
    >>> half.times(torch.ones(3, 2)).tolist()
    [[0.5, 0.5], [0.5, 0.5], [0.5, 0.5]]
    """

    def __init__(self, matrix: Tensor) -> None:
        super().__init__()
        for name, part in (("by_row", matrix), ("by_column", matrix.t())):
            for field, values in zip(_Entries._fields, _read(part), strict=True):
                # The values have a precision that is kept with a network.
                kept = field == "value"
                self.register_buffer(f"{name}_{field}", values, persistent=kept)

    def times(self, x: Tensor) -> Tensor:
        """Multiply by x of shape (N, D): (M, D)."""
        by_row, by_column = (
            _Entries(
                *(self.get_buffer(f"{name}_{field}") for field in _Entries._fields)
            )
            for name in ("by_row", "by_column")
        )
        return _Product.apply(x, by_row, by_column)


def _read(matrix: Tensor) -> _Entries:
    """Take a sparse matrix apart."""
    matrix = matrix.coalesce()
    row, column = matrix.indices()
    rows = torch.arange(matrix.shape[0], device=row.device)
    return _Entries(torch.searchsorted(row, rows), column, matrix.values())


class _Product(torch.autograd.Function):
    """The product, whose gradient is one with the transposed matrix."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, matrix: _Entries, transposed: _Entries) -> Tensor:
        """Multiply."""
        ctx.matrix, ctx.transposed = matrix, transposed
        return F.embedding_bag(
            matrix.column,
            x,
            matrix.first,
            mode="sum",
            per_sample_weights=matrix.value,
        )

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None, None]:
        """Multiply by the transposed matrix."""
        slope = slopes[0].contiguous()
        return _Product.apply(slope, ctx.transposed, ctx.matrix), None, None
