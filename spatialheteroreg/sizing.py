"""Sizes that follow from the data where the user asks for "auto"."""

from __future__ import annotations

import math

FEWEST_TO_FOLD = 500
"""Rows below which one network sees them all."""

FEW_ROWS = 10_000
"""Rows up to which a fit makes few steps, which are long."""

MANY_ROWS = 50_000
"""Rows above which a fit has fewer networks, and large batches."""


def auto_n_nodes(n_places: int, n_rows: int) -> int:
    """Nodes of the condition graph: one for 10 rows up to 200, then one for 30.

    Parameters
    ----------
    n_places : int
        Distinct places of the training rows.
    n_rows : int
        Training rows.

    Returns
    -------
    int
        Number of nodes, 12 to 1,000, and no more than there are places.

    Examples
    --------
    >>> auto_n_nodes(n_places=625, n_rows=625), auto_n_nodes(2_000, 2_000)
    (62, 200)
    >>> auto_n_nodes(n_places=176, n_rows=8_000), auto_n_nodes(12_590, 16_512)
    (176, 550)
    """
    wanted = max(min(200, n_rows // 10), min(1000, n_rows // 30))
    return min(n_places, max(12, wanted))


def nodes_of_graphs(n_nodes: int, n_graphs: int) -> list[int]:
    """Nodes of several graphs: two fine ones, then each half as fine as the last.

    Coarse graphs carry a law to places that were not seen, fine ones know those that
    were.

    Parameters
    ----------
    n_nodes : int
        Nodes of the finest.
    n_graphs : int
        Number of graphs.

    Returns
    -------
    list of int
        Number of nodes of each.

    Examples
    --------
    >>> nodes_of_graphs(200, 5)
    [200, 200, 100, 50, 25]
    """
    halvings = [max(k - 1, 0) % 4 for k in range(n_graphs)]
    fewest = min(n_nodes, 12)
    return [max(fewest, round(n_nodes / 2**halving)) for halving in halvings]


def auto_n_folds(n_rows: int) -> int:
    """Networks of a fit: 5, 3 of many rows, and one where a fold would be of few.

    Parameters
    ----------
    n_rows : int
        Training rows.

    Returns
    -------
    int
        Number of networks and folds.

    Examples
    --------
    >>> [auto_n_folds(n) for n in (100, 1_000, 100_000)]
    [1, 5, 3]
    """
    if n_rows < FEWEST_TO_FOLD:
        return 1
    return 5 if n_rows <= MANY_ROWS else 3


def auto_batch_size(n_rows: int, on_gpu: bool = False) -> int:
    """Rows a step: up to 10,000 rows a power of two near a sixth of them.

    It is 64 of fewer than 1,000 rows, and 1,024 at most. Of more rows it is 512, of
    more than 50,000 rows 2,048, and 4,096 from 120,000 on: each step computes the
    states of all nodes anew, and fewer steps compute them less often. On a GPU it grows
    with the rows from there, as long as an epoch has 500 steps or more, to 65,536:
    fewer do not keep a GPU busy.

    Parameters
    ----------
    n_rows : int
        Training rows.
    on_gpu : bool, default=False
        Whether a GPU of CUDA is to be kept busy.

    Returns
    -------
    int
        Batch size.

    Examples
    --------
    >>> [auto_batch_size(n) for n in (900, 1_000, 8_000, 60_000, 1_000_000)]
    [64, 128, 1024, 2048, 4096]
    >>> [auto_batch_size(n, on_gpu=True) for n in (1_000_000, 6_000_000, 50_000_000)]
    [4096, 8192, 65536]
    """
    if n_rows < 1_000:
        return 64
    if n_rows <= FEW_ROWS:
        return min(1_024, 2 ** round(math.log2(n_rows / 6)))
    if n_rows <= MANY_ROWS:
        return 512
    size = 4_096 if n_rows >= 120_000 else 2_048
    if on_gpu:
        size = max(size, min(65_536, 2 ** int(math.log2(n_rows / 500))))
    return size


def auto_max_iter(n_rows: int) -> int:
    """Epochs: 20 up to 5,000 rows, 16 of more.

    Parameters
    ----------
    n_rows : int
        Training rows.

    Returns
    -------
    int
        Number of epochs.

    Examples
    --------
    >>> auto_max_iter(2_000), auto_max_iter(8_000)
    (20, 16)
    """
    return 20 if n_rows <= 5_000 else 16


def spreads_folds(n_rows: int) -> bool:
    """Say whether each batch is to have its share of each fold of so many rows.

    Of few rows, networks then make steps of one size, and err a little less. Of many,
    the memory of a step serves the next.

    Parameters
    ----------
    n_rows : int
        Training rows.

    Returns
    -------
    bool
        Up to 10,000 rows, and above 50,000.

    Examples
    --------
    >>> [spreads_folds(n) for n in (8_000, 20_000, 80_000)]
    [True, False, True]
    """
    return n_rows <= FEW_ROWS or n_rows > MANY_ROWS


def auto_learning_rate(n_rows: int, batch_size: int) -> float:
    """Peak of the schedule: 0.006 with up to 512 rows a step, growing with their root.

    Up to 10,000 rows make few steps, which are longer: 0.012 with the batches that suit
    them, and 0.006 with those of half the size and less.

    Parameters
    ----------
    n_rows : int
        Training rows.
    batch_size : int
        Rows a step; the rate stays that of 4,096 above.

    Returns
    -------
    float
        Learning rate.

    References
    ----------
    Malladi, S., Lyu, K., Panigrahi, A., Arora, S. (2022). On the SDEs and scaling rules
    for adaptive gradient algorithms. NeurIPS.

    Examples
    --------
    >>> [auto_learning_rate(n, 512) for n in (3_000, 60_000)]
    [0.012, 0.006]
    >>> [auto_learning_rate(8_000, n) for n in (64, 512, 1_024, 4_096)]
    [0.006, 0.006, 0.012, 0.012]
    >>> [round(auto_learning_rate(10**6, n), 4) for n in (512, 2_048, 16_384)]
    [0.006, 0.012, 0.017]
    """
    if n_rows <= FEW_ROWS:
        return 6e-3 * min(max(2 * batch_size / auto_batch_size(n_rows), 1.0), 2.0)
    return 6e-3 * math.sqrt(min(max(batch_size / 512, 1.0), 8.0))


def auto_warm_up(n_rows: int) -> float:
    """Share of the steps in which the rate rises: 0.3, and 0.15 up to 10,000 rows.

    Parameters
    ----------
    n_rows : int
        Training rows.

    Returns
    -------
    float
        Share of all steps.

    Examples
    --------
    >>> auto_warm_up(8_000), auto_warm_up(80_000)
    (0.15, 0.3)
    """
    return 0.15 if n_rows <= FEW_ROWS else 0.3


def auto_regularization(n_rows: int, few: float, many: float) -> float:
    """Regularization that eases as rows grow from 8,000 to 30,000.

    Parameters
    ----------
    n_rows : int
        Training rows.
    few, many : float
        Strength at 8,000 rows and fewer, and at 30,000 rows and more.

    Returns
    -------
    float
        Strength, linear in the logarithm of the rows in between.

    Examples
    --------
    >>> [round(auto_regularization(n, 0.3, 0.1), 2) for n in (500, 15_500, 10**6)]
    [0.3, 0.2, 0.1]
    """
    share = math.log(max(n_rows, 1) / 8_000) / math.log(30_000 / 8_000)
    return few + (many - few) * min(1.0, max(0.0, share))
