"""What fit learns from: targets, weights and the rows that are held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.validation import _check_sample_weight, check_consistent_length

from .batches import Rows, make_rows
from .checkpoint import fingerprint
from .row_inputs import RowInputs, UnreadRows
from .sphere import FloatArray, IntArray
from .values import rows_text

KNOWN_ROWS = 200_000
"""Training rows over which effects are averaged and whose residuals are kriged, where
there are more: means of so many are known to a 450th of a deviation."""

TARGET_LIMIT = 1e300
"""Largest target; predictions of larger ones overflow."""


@dataclass(frozen=True)
class KnownRows:
    """Training rows that are looked at again once the networks are trained.

    Attributes
    ----------
    inputs : RowInputs or UnreadRows
        Inputs of the networks.
    target : ndarray of shape (n,)
        Standardized target.
    weight : ndarray of shape (n,) or None
        Sample weights; None for all alike.
    fold : ndarray of shape (n,)
        Number of the network that does not see a row; -1 where all do.
    """

    inputs: RowInputs | UnreadRows
    target: FloatArray
    weight: FloatArray | None
    fold: IntArray

    def __len__(self) -> int:
        return len(self.target)


class Split(NamedTuple):
    """What rows are for; rows without weight are for nothing.

    Attributes
    ----------
    training, held_out, calibrating : ndarray of int
        Rows to train on, rows to stop by, and rows to calibrate by.
    unseen : ndarray of int
        Rows of places, or groups, of which no row is to be trained on.
    """

    training: IntArray
    held_out: IntArray
    calibrating: IntArray
    unseen: IntArray


@dataclass(frozen=True)
class Samples:
    """Rows ready for training.

    Attributes
    ----------
    inputs : RowInputs or UnreadRows
        Inputs of the networks.
    target : ndarray of shape (n,)
        Standardized target.
    weight : ndarray of shape (n,) or None
        Sample weights with mean 1; None for all alike.
    split : Split
        Rows to train on, to stop by, and to calibrate by.
    fold : ndarray of shape (n,)
        Number of the network that does not see a row; -1 where all do.
    """

    inputs: RowInputs | UnreadRows
    target: FloatArray
    weight: FloatArray | None
    split: Split
    fold: IntArray

    @property
    def n_training(self) -> int:
        """Number of rows to train on."""
        return len(self.split.training)

    def known(self) -> KnownRows:
        """Return the training rows, at most `KNOWN_ROWS`."""
        rows = self.split.training
        if len(rows) > KNOWN_ROWS:
            kept = np.random.RandomState(0).choice(len(rows), KNOWN_ROWS, replace=False)
            rows = rows[np.sort(kept)]
        return KnownRows(
            self.inputs.subset(rows),
            self.target[rows],
            take_weight(self.weight, rows),
            self.fold[rows],
        )

    def to_device(self, device: str, dtype: torch.dtype) -> tuple[Rows, Rows | None]:
        """Put the rows on the device.

        Parameters
        ----------
        device : str
            Where to.
        dtype : torch.dtype
            Precision of target and weights.

        Returns
        -------
        training : Rows
            Rows to train on.
        held_out : Rows or None
            Rows to stop by.
        """
        rows = make_rows(
            self.inputs.read(), self.target, self.weight, self.fold, device, dtype
        )
        training = rows
        if self.n_training < len(rows):
            training = rows.subset(torch.from_numpy(self.split.training).to(device))
        if len(self.split.held_out) == 0:
            return training, None
        held_out = torch.from_numpy(self.split.held_out).to(device)
        return training, rows.subset(held_out)

    @property
    def n_steps(self) -> int:
        """Steps of the time axis that these rows reach."""
        return int(self.inputs.read().tables["time"]["step_upper"].max()) + 1

    def fingerprint(
        self, parameters: dict[str, Any], weights: Sequence[NDArray[Any]]
    ) -> str:
        """Digest of these rows, of parameters and of a network's weights."""
        rows = (
            *(self.target, self.weight),
            *(self.split.training, self.split.held_out, self.split.calibrating),
            self.fold,
        )
        return fingerprint([*self.inputs.read().values(), *rows, *weights], parameters)


def draw_folds(
    n_folds: int, n_rows: int, training: IntArray, random: np.random.RandomState
) -> IntArray:
    """Deal the training rows out to folds of nearly equal size.

    Parameters
    ----------
    n_folds : int
        Number of folds; 1 leaves out none.
    n_rows : int
        Number of rows.
    training : ndarray of int
        Rows to deal out.
    random : RandomState
        Draws.

    Returns
    -------
    ndarray of shape (n_rows,)
        Fold of each training row; -1 for other rows, and for all with one fold.

    Examples
    --------
    >>> draw_folds(2, 5, np.array([0, 1, 3, 4]), np.random.RandomState(0))
    array([ 1,  0, -1,  0,  1])
    """
    fold = np.full(n_rows, -1, dtype=np.int64)
    if n_folds > 1:
        fold[random.permutation(training)] = np.arange(len(training)) % n_folds
    return fold


def read_target(
    X: Any, y: Any, sample_weight: Any, n_rows: int
) -> tuple[FloatArray, FloatArray | None]:
    """Read target and weights; those that count are scaled to mean 1.

    Parameters
    ----------
    X : array_like of shape (n, p)
        Rows, to compare lengths with.
    y : array_like of shape (n,)
        Target.
    sample_weight : array_like of shape (n,) or None
        Weights.
    n_rows : int
        Number of rows of X.

    Returns
    -------
    target : ndarray of shape (n,)
        Finite numbers.
    weight : ndarray of shape (n,) or None
        Weights; None for all alike.

    Raises
    ------
    ValueError
        If targets are no finite numbers, or of several columns; if there are too
        few rows; if weights are negative or all zero.
    """
    target = check_array(
        check_one_target(y),
        ensure_2d=False,
        dtype=np.float64,
        input_name="y",
        ensure_min_samples=0,
    )
    check_consistent_length(X, target)
    if target.size and np.abs(target).max() > TARGET_LIMIT:
        raise ValueError(
            f"y holds numbers beyond {TARGET_LIMIT:g}, near the end of what floats "
            "hold. Pass it in a larger unit."
        )
    if n_rows < 2:
        raise ValueError("Fitting needs at least 2 rows, but X has n_samples=1.")
    if sample_weight is None:
        return target, None
    weight = _check_sample_weight(sample_weight, target, ensure_non_negative=True)
    if not weight.any():
        raise ValueError("sample_weight is zero in all rows.")
    weight = weight / weight.max()  # first, so that no sum overflows
    if np.count_nonzero(weight) < 2:
        raise ValueError(
            "sample_weight leaves 1 row to learn from, and 2 are needed. Pass weights "
            "whose sizes differ less."
        )
    return target, weight / weight[weight > 0].mean()


def check_one_target(y: Any) -> NDArray[Any]:
    """See that there is one target, of numbers.

    Parameters
    ----------
    y : array_like of shape (n,) or (n, 1)
        Target.

    Returns
    -------
    ndarray of shape (n,)
        The target; no copy of an array, memory-mapped ones included.

    Raises
    ------
    ValueError
        If there are several columns, or dates.
    """
    shape = np.asarray(y).shape
    if len(shape) == 2 and shape[1] != 1:
        raise ValueError(
            f"y should be a 1d array, got an array of shape {shape}: "
            "STCGRegressor predicts one target. For several, wrap it in "
            "sklearn.multioutput.MultiOutputRegressor."
        )
    target = np.asarray(column_or_1d(y, warn=True))
    if target.dtype.kind in "mM":
        raise ValueError(
            "y holds dates or durations. Pass numbers, such as years or days."
        )
    return target


def number_groups(groups: Any, n_rows: int) -> IntArray:
    """Number the labels of groups.

    Parameters
    ----------
    groups : array_like of shape (n,) or (n, 1)
        A label for each row.
    n_rows : int
        Number of rows.

    Returns
    -------
    ndarray of shape (n,)
        Numbers from 0, the same for the same label.

    Raises
    ------
    ValueError
        If there is not one label for each row; says where.
    """
    number, _ = pd.factorize(read_labels(groups))
    if len(number) != n_rows:
        raise ValueError(
            f"groups has {len(number)} labels for {n_rows} rows; one for each is "
            "needed."
        )
    missing = number < 0
    if missing.any():
        raise ValueError(
            f"groups has no label in {rows_text(missing)}. Give these rows one, or "
            "leave them out."
        )
    return number


def read_labels(groups: Any) -> NDArray[Any]:
    """Read the labels of groups.

    Parameters
    ----------
    groups : array_like of shape (n,) or (n, 1)
        A label for each row.

    Returns
    -------
    ndarray of shape (n,), object
        The labels.

    Raises
    ------
    ValueError
        If there are several columns.
    """
    if isinstance(groups, pd.MultiIndex):
        groups = groups.to_flat_index()
    if isinstance(groups, list) and groups and isinstance(groups[0], list):
        groups = np.asarray(groups, dtype=object)
    # Tuples in a list are labels, not columns.
    labels = groups if hasattr(groups, "shape") else pd.Series(groups)
    if len(labels.shape) == 2 and labels.shape[1] == 1:
        labels = np.asarray(labels, dtype=object)[:, 0]
    if len(labels.shape) != 1:
        raise ValueError(
            f"groups should be a 1d array, got an array of shape {labels.shape}. Pass "
            "one label for each row; frame.groupby(columns).ngroup() makes one of "
            "several columns."
        )
    return pd.Series(labels).to_numpy(dtype=object)


def take_weight(weight: FloatArray | None, rows: IntArray) -> FloatArray | None:
    """Return the weights of some rows, or None where all count alike."""
    return None if weight is None else weight[rows]
