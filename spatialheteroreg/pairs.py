"""Each two neighbors of a row, once."""

from __future__ import annotations

import torch
from torch import Tensor


def neighbor_pairs(m: int, device: torch.device | str = "cpu") -> Tensor:
    """Number each two of some neighbors once: the later one, and the earlier.

    Around a circle, each is paired with the next ones halfway around.

    Parameters
    ----------
    m : int
        How many there are.
    device : device or str, default="cpu"
        Where the numbers are to lie.

    Returns
    -------
    Tensor of shape (2, m (m - 1) / 2)
        The rows and the columns below the diagonal of a matrix.

    Examples
    --------
    >>> neighbor_pairs(4).tolist()
    [[1, 2, 3, 3, 2, 3], [0, 1, 2, 0, 0, 1]]
    """
    each, half = torch.arange(m, device=device), max(m - 1, 0) // 2
    following = (each[:, None] + torch.arange(1, half + 1, device=device)) % m
    one, other = each.repeat_interleave(half), following.flatten()
    if m % 2 == 0:
        one = torch.cat([one, each[: m // 2]])
        other = torch.cat([other, each[m // 2 :]])
    return torch.stack([torch.maximum(one, other), torch.minimum(one, other)])


def pair_differences(x: Tensor) -> Tensor:
    """Differences of each two neighbors, but for their signs.

    To pick the pairs out takes a CPU several times as long.

    Parameters
    ----------
    x : Tensor of shape (B, m)
        A number of each neighbor.

    Returns
    -------
    Tensor of shape (B, m (m - 1) / 2)
        In the order of :func:`neighbor_pairs`.

    Examples
    --------
    >>> pair_differences(torch.tensor([[1.0, 5.0, 7.0, 8.0]])).abs().tolist()
    [[4.0, 2.0, 1.0, 7.0, 6.0, 3.0]]
    """
    B, m = x.shape
    half = max(m - 1, 0) // 2
    around = torch.cat([x, x[:, :half]], dim=1)[:, 1:]
    following = around.unfold(1, half, 1) if half else x.new_empty(B, m, 0)
    differences = (x[:, :, None] - following).flatten(1)
    if m % 2:
        return differences
    return torch.cat([differences, x[:, : m // 2] - x[:, m // 2 :]], dim=1)


def pair_distances(points: Tensor) -> Tensor:
    """Straight distances of each two neighbors.

    Parameters
    ----------
    points : Tensor of shape (B, m, n_axes)
        Where they are.

    Returns
    -------
    Tensor of shape (B, m (m - 1) / 2)
        In the order of :func:`neighbor_pairs`.

    Examples
    --------
    >>> pair_distances(torch.tensor([[[0.0, 0.0], [3.0, 4.0]]])).tolist()
    [[5.0]]
    """
    first, *others = points.unbind(dim=2)
    squares = pair_differences(first).square_()
    for axis in others:
        apart = pair_differences(axis)
        squares.addcmul_(apart, apart)
    return squares.sqrt_()
