"""What all splitters share: scikit-learn's protocol and its checks."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_consistent_length

from ..checks import check_amount
from ..columns import Table
from ..sphere import IntArray

Mask = NDArray[np.bool_]

SMALLEST_BLOCK_KM = 1e-7
"""A tenth of a millimeter, to which places are rounded."""


class TableSplitter(BaseCrossValidator):
    """A splitter that finds coordinates in the columns of X.

    Subclasses say in `_masks` which rows train and which test.
    """

    # What to do when a split leaves no training rows.
    _remedy: ClassVar[str]

    def split(
        self, X: Any, y: Any = None, groups: Any = None
    ) -> Iterator[tuple[IntArray, IntArray]]:
        """Generate the rows to train on and the rows to test on.

        Parameters
        ----------
        X : DataFrame or array_like of shape (n, p)
            Rows with their coordinates.
        y : array_like of shape (n,), default=None
            Not used.
        groups : array_like of shape (n,), default=None
            Not used, with a warning.

        Yields
        ------
        train, test : ndarray of int
            Positions of the rows, ascending.

        Raises
        ------
        ValueError
            If coordinates are missing or wrong, or X has too few places or
            times for the split.

        Warns
        -----
        UserWarning
            If there are groups.
        """
        if groups is not None:
            warnings.warn(
                f"{type(self).__name__} makes its own groups from the columns of X; "
                "the groups given are ignored.",
                stacklevel=2,
            )
        table = Table(X)
        check_consistent_length(X, y, groups)
        n_splits = self.get_n_splits()
        for number, (train, test) in enumerate(self._masks(table), start=1):
            if not train.any():
                raise ValueError(
                    f"{type(self).__name__}: split {number} of {n_splits} leaves no "
                    f"rows to train on. {self._remedy}"
                )
            yield np.flatnonzero(train), np.flatnonzero(test)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of splits.

        Parameters
        ----------
        X, y, groups : object, default=None
            Not used.

        Returns
        -------
        int
            How many pairs :meth:`split` yields.
        """
        return self._n_splits()

    @abstractmethod
    def _n_splits(self) -> int:
        """Number of splits that the parameters ask for."""

    @abstractmethod
    def _masks(self, table: Table) -> Iterator[tuple[Mask, Mask]]:
        """Mark the training and the test rows of each split."""


# --- parameters, checked when they are given, as KFold does ------------------


def check_block_size(size: Any, metric: str) -> None:
    """Refuse what is no side of a block.

    Parameters
    ----------
    size : object
        What was passed.
    metric : {"haversine", "euclidean"}
        Whether it is in km.

    Raises
    ------
    TypeError, ValueError
        If it is no positive finite number, or below what tells places apart.
    """
    check_amount("block_size", size)
    if metric == "haversine" and size < SMALLEST_BLOCK_KM:
        raise ValueError(
            f"block_size == {size}, must be >= {SMALLEST_BLOCK_KM:g} km: places closer "
            "than that are one place."
        )


def check_shuffle(shuffle: Any, random_state: Any) -> None:
    """Refuse a random state that would have no effect.

    Parameters
    ----------
    shuffle, random_state : object
        What was passed.

    Raises
    ------
    TypeError, ValueError
        If `shuffle` is no bool, or `random_state` is set without it.
    """
    check_scalar(shuffle, "shuffle", (bool, np.bool_))
    if not shuffle and random_state is not None:
        raise ValueError(
            f"random_state={random_state!r} has no effect without shuffle=True. Pass "
            "shuffle=True, or no random_state."
        )
