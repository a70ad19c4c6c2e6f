"""How a cost grows with a size: the slope of a line through logarithms."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


class PowerLaw(NamedTuple):
    """A cost of ``factor * size**exponent``.

    Attributes
    ----------
    exponent : float
        1 where the cost is proportional to the size, 0 where it does not depend on it.
    error : float
        Standard error of the exponent; NaN with fewer than three points.
    factor : float
        Cost at size 1.
    """

    exponent: float
    error: float
    factor: float

    def __call__(self, size: ArrayLike) -> NDArray[np.float64]:
        """Cost at sizes."""
        return self.factor * np.asarray(size, dtype=np.float64) ** self.exponent


def fit_power_law(size: ArrayLike, cost: ArrayLike) -> PowerLaw:
    """Fit by least squares to the logarithms.

    Parameters
    ----------
    size : array_like of shape (n,)
        Sizes.
    cost : array_like of shape (n,)
        Cost at each; those that are not positive numbers are left out.

    Returns
    -------
    PowerLaw
        NaN in all places where fewer than two different sizes are left.

    Examples
    --------
    >>> fit_power_law([1, 10, 100], [3.0, 30.0, 300.0]).exponent
    1.0
    """
    size, cost = np.asarray(size, dtype=float), np.asarray(cost, dtype=float)
    told = np.isfinite(cost) & (cost > 0)
    x, y = np.log(size[told]), np.log(cost[told])
    spread = ((x - x.mean()) ** 2).sum() if len(x) else 0.0
    if spread == 0:
        return PowerLaw(np.nan, np.nan, np.nan)
    exponent = float(((x - x.mean()) * y).sum() / spread)
    level = float(y.mean() - exponent * x.mean())
    rest = y - level - exponent * x
    error = np.nan
    if len(x) > 2:
        error = float(np.sqrt((rest**2).sum() / (len(x) - 2) / spread))
    return PowerLaw(exponent, error, float(np.exp(level)))


def large_sizes(size: ArrayLike) -> NDArray[np.bool_]:
    """Mark the sizes in the upper half of the range of their logarithms.

    A fixed cost hides the law among small sizes.

    Parameters
    ----------
    size : array_like of shape (n,)
        Sizes.

    Returns
    -------
    ndarray of shape (n,), bool
        Which are large.

    Examples
    --------
    >>> large_sizes([1, 10, 100]).tolist()
    [False, True, True]
    """
    size = np.asarray(size, dtype=float)
    return np.asarray(size**2 >= 0.999 * size.min() * size.max())
