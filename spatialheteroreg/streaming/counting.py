"""Counting and drawing among rows that pass by once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..sphere import FloatArray, IntArray

SMALLEST = 4_096
"""Hashes that are kept to count by: exact for fewer values, to 2 % for more."""

_LARGEST = float(2**64)


def hash_numbers(
    numbers: NDArray[np.int64] | NDArray[np.uint64], seed: int = 0
) -> NDArray[np.uint64]:
    """Turn integers into others that look drawn at random.

    Parameters
    ----------
    numbers : ndarray of int
        Different ones stay different.
    seed : int, default=0
        Another seed gives other hashes.

    Returns
    -------
    ndarray of uint64
        Hashes, uniform over all.

    References
    ----------
    Steele, G. L., Lea, D., Flood, C. H. (2014). Fast splittable pseudorandom number
    generators. OOPSLA. (SplitMix64.)

    Examples
    --------
    >>> share = hash_numbers(np.arange(10_000)) / 2.0**64
    >>> round(float(share.mean()), 2), round(float(share.std() * 12**0.5), 2)
    (0.5, 1.0)
    """
    golden = 0x9E3779B97F4A7C15
    offset = np.uint64((seed + 1) * golden % 2**64)
    x = numbers.astype(np.uint64) * np.uint64(golden) + offset
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def hash_floats(*values: FloatArray) -> NDArray[np.uint64]:
    """Hash rows of floats.

    Parameters
    ----------
    *values : ndarray of shape (n,)
        Finite floats; 0 and -0 are the same.

    Returns
    -------
    ndarray of shape (n,), uint64
        Hashes, the same for the same floats.
    """
    total = np.zeros(len(values[0]), dtype=np.uint64)
    for value in values:
        bits = (np.asarray(value, np.float64) + 0.0).view(np.uint64)
        total = hash_numbers(total ^ bits)
    return total


def drawn_rows(number: IntArray, share: float) -> NDArray[np.bool_]:
    """Say which rows belong to a sample of about this share of all.

    Parameters
    ----------
    number : ndarray of shape (n,)
        Numbers of rows.
    share : float
        Share of all rows; 1 takes all.

    Returns
    -------
    ndarray of shape (n,), bool
        The same for the same row, whatever its company.
    """
    if share >= 1.0:
        return np.ones(len(number), dtype=bool)
    return hash_numbers(number) < np.uint64(share * _LARGEST)


def fold_of_rows(number: IntArray, n_folds: int, seed: int) -> IntArray:
    """Deal rows out to folds by their numbers.

    Parameters
    ----------
    number : ndarray of shape (n,)
        Numbers of rows.
    n_folds : int
        Number of folds; 1 leaves out none.
    seed : int
        Another seed deals otherwise.

    Returns
    -------
    ndarray of shape (n,)
        Folds, each once in `n_folds` numbers, counted off from 0; -1 for all with one
        fold.

    Examples
    --------
    >>> fold_of_rows(np.arange(9), 3, seed=0).tolist()
    [0, 1, 2, 1, 2, 0, 1, 2, 0]
    """
    if n_folds == 1:
        return np.full(len(number), -1, dtype=np.int64)
    turn = hash_numbers(number // n_folds, seed + 1) % np.uint64(n_folds)
    return (number + turn.astype(np.int64)) % n_folds


class DistinctCounter:
    """Count distinct values in little memory, by the smallest of their hashes.

    References
    ----------
    Bar-Yossef, Z. et al. (2002). Counting distinct elements in a data stream. RANDOM.

    Examples
    --------
    >>> counter = DistinctCounter()
    >>> for start in (0.0, 500.0):
    ...     counter.add(hash_floats(start + np.arange(1_000.0)))
    >>> counter.count()
    1500
    """

    def __init__(self) -> None:
        self._smallest = np.zeros(0, dtype=np.uint64)

    def add(self, hashes: NDArray[np.uint64]) -> None:
        """Take in hashes of values.

        Parameters
        ----------
        hashes : ndarray of uint64
            From :func:`hash_floats`.
        """
        if len(self._smallest) == SMALLEST:
            hashes = hashes[hashes < self._smallest[-1]]
        both = np.unique(np.concatenate([self._smallest, hashes]))
        self._smallest = both[:SMALLEST]

    def count(self) -> int:
        """Return how many distinct values there were, about.

        Returns
        -------
        int
            Exact below `SMALLEST`.
        """
        found = len(self._smallest)
        if found < SMALLEST:
            return found
        return round((found - 1) / (float(self._smallest[-1]) / _LARGEST))


def distinct_values(column: Any) -> set[Any]:
    """Distinct cells of a column that are not missing."""
    return set(column.dropna().unique())
