"""Spatial autocorrelation over a graph: Moran's I, tested by permutation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state

from ..sphere import FloatArray


@dataclass(frozen=True)
class MoranTest:
    """Moran's I of values on the nodes of a graph, and how likely it is by chance.

    Attributes
    ----------
    statistic : float
        Moran's I: near 1 where neighbors are alike, near `expectation` where
        they are unrelated, below it where they are opposite.
    expectation : float
        Mean of I over all ways to deal the values to the nodes, -1 / (n - 1).
    z_score : float
        Distance from the expectation in standard deviations of the permutations.
    p_value : float
        Share of the permutations with an I at least as large: the smaller, the
        less likely neighbors are alike by chance.
    """

    statistic: float
    expectation: float
    z_score: float
    p_value: float


def moran_test(
    values: ArrayLike,
    edge_index: ArrayLike,
    edge_weight: ArrayLike,
    *,
    n_permutations: int = 999,
    random_state: int | np.random.RandomState | None = 0,
) -> MoranTest | None:
    r"""Test whether neighbors on a graph are more alike than chance has it.

    Moran's I [1]_ of the values :math:`x_i` with edge weights :math:`w_{ij}` is

    .. math:: I = \frac{n}{\sum_{ij} w_{ij}}
        \frac{\sum_{ij} w_{ij} (x_i - \bar x)(x_j - \bar x)}{\sum_i (x_i - \bar x)^2}

    Parameters
    ----------
    values : array_like of shape (n_nodes,)
        One number a node; NaN leaves the node and its edges out.
    edge_index : array_like of shape (2, n_edges)
        Both directions of every edge, as :class:`ConditionGraph` has them.
    edge_weight : array_like of shape (n_edges,)
        Weights, not negative.
    n_permutations : int, default=999
        How often to deal the values anew.
    random_state : int, RandomState instance or None, default=0
        Deals the values.

    Returns
    -------
    MoranTest or None
        The test; None where it says nothing, with fewer than 4 nodes, no edge
        between them, or values that are all the same.

    References
    ----------
    .. [1] Cliff, A. D., Ord, J. K. (1981). Spatial processes: models and
       applications. Pion, London. Chapters 1 and 2.

    Examples
    --------
    Four nodes in a row, the low ones side by side:

    >>> edges = [[0, 1, 2, 1, 2, 3], [1, 2, 3, 0, 1, 2]]
    >>> test = moran_test([0.0, 0.0, 1.0, 1.0], edges, np.ones(6))
    >>> round(test.statistic, 3), round(test.expectation, 3)
    (0.333, -0.333)
    """
    x = np.asarray(values, dtype=np.float64)
    source, target = np.asarray(edge_index)
    weight = np.asarray(edge_weight, dtype=np.float64)
    there = np.isfinite(x)
    used = there[source] & there[target]
    # Positions among the nodes that are left.
    position = np.cumsum(there) - 1
    source, target = position[source[used]], position[target[used]]
    weight, x = weight[used], x[there]
    n = len(x)
    if n < 4 or weight.sum() <= 0 or np.ptp(x) == 0:
        return None
    deviation = x - x.mean()
    scale = n / weight.sum() / (deviation @ deviation)

    def statistic(z: FloatArray) -> float:
        return float(scale * (weight @ (z[source] * z[target])))

    observed, random = statistic(deviation), check_random_state(random_state)
    dealt = np.array(
        [statistic(random.permutation(deviation)) for _ in range(n_permutations)]
    )
    spread = float(dealt.std())
    expectation = -1.0 / (n - 1)
    # Rounding must not make of an equal deal a smaller one.
    as_large = int(np.sum(dealt >= observed - 1e-12 * max(abs(observed), 1.0)))
    return MoranTest(
        statistic=observed,
        expectation=expectation,
        z_score=(observed - expectation) / spread if spread > 0 else 0.0,
        p_value=(as_large + 1) / (n_permutations + 1),
    )
