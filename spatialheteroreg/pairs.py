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
    pairs = [torch.broadcast_tensors(*two) for two in _around(torch.arange(m)[None])]
    one, other = (
        torch.cat([part.flatten() for part in parts])
        for parts in zip(*pairs, strict=True)
    )
    below = torch.stack([torch.maximum(one, other), torch.minimum(one, other)])
    return below.to(device)


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
    return torch.cat([(one - other).flatten(1) for one, other in _around(x)], dim=1)


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


def _around(x: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Numbers of neighbors (B, m), and those of the ones that they are paired with."""
    B, m = x.shape
    half = max(m - 1, 0) // 2
    around = torch.cat([x, x[:, :half]], dim=1)[:, 1:]
    following = around.unfold(1, half, 1) if half else x.new_empty(B, m, 0)
    pairs = [(x[:, :, None], following)]
    if m % 2 == 0:  # each faces one that is as far either way
        pairs.append((x[:, : m // 2], x[:, m // 2 :]))
    return pairs
