"""Deletion curves: what is left of a prediction as its features are removed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_scalar

from ..row_inputs import CHUNK_ROWS, draw_rows
from ..sphere import FloatArray, IntArray
from .units import UnitTable

if TYPE_CHECKING:
    from ..regressor import STCGRegressor

RANDOM = "random"
"""Name of the curve of a random order."""


@dataclass(frozen=True, eq=False)
class DeletionCurves:
    """How fast predictions fall to the base value, for orders of removal.

    Attributes
    ----------
    curves : DataFrame of shape (n_units + 1, n_methods + 1)
        Mean over the rows of the absolute difference between prediction and base
        value, as a share of that difference with nothing removed. The index is the
        number of units removed: each column starts at 1 and ends at 0. The
        last column is a random order.
    row_areas : DataFrame of shape (n, n_methods + 1)
        Area under the curve of each row, in the units of `curves`. The mean over
        the rows is `areas`; the difference of two columns tells, row by row,
        which order was better.
    """

    curves: pd.DataFrame
    row_areas: pd.DataFrame

    @property
    def areas(self) -> pd.Series:
        """Area under each curve; the smaller, the more faithful."""
        return self.row_areas.mean().rename("area")

    @property
    def standard_errors(self) -> pd.Series:
        """Standard error of each area less that of the random order.

        Rows that are hard for one order are hard for all, which is why the
        differences are known better than the areas.
        """
        lead = self.row_areas.sub(self.row_areas[RANDOM], axis=0)
        return lead.sem().rename("standard_error")


def deletion_curves(
    model: STCGRegressor,
    X: Any,
    contributions: Mapping[str, Any],
    *,
    background: Any = None,
    n_background: int = 50,
    random_state: int | np.random.RandomState | None = None,
) -> DeletionCurves:
    """Check explanations by removing from each row what they call important.

    From each row the units (the place, the time, each feature) are removed one
    after another, the largest absolute contribution first. To remove a unit is
    to replace it by that of rows of the background, and to average the
    predictions over them. With all removed the prediction is the base value,
    the mean prediction of the background. The sooner an order gets there, the
    more faithful is the explanation that it comes from: see [1]_ for pixels of
    an image in the order of their relevance, and [2]_ for the area under the
    curve.

    Parameters
    ----------
    model : STCGRegressor
        A fitted model.
    X : DataFrame or array_like of shape (n, p)
        Rows to take apart; columns as in fit.
    contributions : dict of str to array_like of shape (n, p) or (p,)
        For each method the contributions of the columns of X, or a
        `shap.Explanation` of them. Signs tell how latitude and longitude add up;
        then sizes alone count. A single row stands for all rows.
    background : DataFrame or array_like of shape (m, p), default=None
        Rows to replace by; None draws them from X.
    n_background : int, default=50
        Rows of the background to use at most.
    random_state : int, RandomState instance or None, default=None
        Draws the background and the random order.

    Returns
    -------
    DeletionCurves
        Curves, and areas by row, for each method and a random order.

    Raises
    ------
    ValueError
        If contributions have the wrong shape or are not finite, or a method is
        named "random".

    Notes
    -----
    Units are removed regardless of each other, as in SHAP with an interventional
    background: a hot day may keep its deep snow. That measures what the *model*
    does, not what the world would do.

    With n rows, U units, m rows of the background and k methods the model
    predicts (k + 1) n (U + 1) m rows.

    References
    ----------
    .. [1] Samek, W., Binder, A., Montavon, G., Lapuschkin, S., Müller, K.-R.
       (2017). Evaluating the visualization of what a deep neural network has
       learned. IEEE Transactions on Neural Networks and Learning Systems, 28(11),
       2660-2673.
    .. [2] Petsiuk, V., Das, A., Saenko, K. (2018). RISE: Randomized input sampling
       for explanation of black-box models. British Machine Vision Conference.

    Examples
    --------
    >>> from spatialheteroreg import STCGRegressor
    >>> from spatialheteroreg.datasets import make_heterogeneous_globe
    >>> globe = make_heterogeneous_globe(150, 30, random_state=0)
    >>> model = STCGRegressor(max_iter=2, random_state=0)
    >>> model = model.fit(globe.data, globe.target)
    >>> deletion = deletion_curves(
    ...     model, globe.data, {"native": model.explain(globe.data)}, random_state=0
    ... )
    >>> bool(deletion.areas["native"] < deletion.areas["random"])
    True
    """
    check_scalar(n_background, "n_background", Integral, min_val=1)
    random = check_random_state(random_state)
    table = UnitTable(model, X)
    n_rows = table.n_rows
    others = draw_rows(n_rows, n_background, random)
    if background is not None:
        table = UnitTable(model, X, background)
        others = n_rows + draw_rows(table.n_rows - n_rows, n_background, random)
    shape = (n_rows, table.floats.shape[1])
    sizes = {
        name: np.abs(table.sum_columns(_read_contributions(name, values, shape)))
        for name, values in contributions.items()
    }
    return remove_in_order(table, np.arange(n_rows), others, sizes, random)


def remove_in_order(
    table: UnitTable,
    rows: IntArray,
    background: IntArray,
    sizes: Mapping[str, FloatArray],
    random: np.random.RandomState,
) -> DeletionCurves:
    """Remove units of rows, the largest first, and follow the predictions.

    Parameters
    ----------
    table : UnitTable
        The table.
    rows : ndarray of int of shape (n,)
        Rows to take apart.
    background : ndarray of int of shape (m,)
        Rows to replace by.
    sizes : dict of str to ndarray of shape (n, n_units)
        How important each method finds each unit of each row.
    random : RandomState
        Draws the random order, and breaks ties.

    Returns
    -------
    DeletionCurves
        Curves, and areas by row.
    """
    if RANDOM in sizes:
        raise ValueError(
            f"contributions: {RANDOM!r} is the name of the random order. Give the "
            "method another name."
        )
    sizes = {**sizes, RANDOM: random.uniform(size=(len(rows), table.n_units))}
    full = table.predict(table.cells()[rows])
    base = float(table.predict(table.cells()[background]).mean())
    scale = float(np.abs(full - base).mean())
    # A model that predicts one value for all has nothing to lose.
    scale = scale if scale > 0 else 1.0
    fraction = np.arange(table.n_units + 1) / table.n_units
    curves, areas = {}, {}
    for name, size in sizes.items():
        rank = _removal_rank(size, random)
        left = np.empty((len(rows), table.n_units + 1))
        left[:, 0], left[:, -1] = full - base, 0.0
        for k in range(1, table.n_units):
            left[:, k] = _without(table, rows, background, rank < k) - base
        left = np.abs(left) / scale
        curves[name] = left.mean(axis=0)
        areas[name] = np.trapezoid(left, fraction, axis=1)
    index = pd.RangeIndex(table.n_units + 1, name="removed")
    return DeletionCurves(
        pd.DataFrame(curves, index=index),
        pd.DataFrame(areas, index=pd.Index(rows, name="row")),
    )


def _read_contributions(name: str, values: Any, shape: tuple[int, int]) -> FloatArray:
    array = np.asarray(getattr(values, "values", values), dtype=np.float64)
    if array.shape not in (shape, shape[1:]):
        raise ValueError(
            f"contributions[{name!r}] has the shape {array.shape}, but X has the shape "
            f"{shape}. Pass a number for each row and column of X, or for each column."
        )
    if not np.isfinite(array).all():
        raise ValueError(
            f"contributions[{name!r}] holds {(~np.isfinite(array)).sum()} numbers that "
            "are not finite. Pass 0 where a column contributes nothing."
        )
    return np.broadcast_to(array, shape)


def _removal_rank(size: FloatArray, random: np.random.RandomState) -> IntArray:
    """Turn at which each unit is removed, (n, n_units), from 0."""
    # Without this, ties would be removed in the order of the columns.
    tie = random.uniform(size=size.shape)
    order = np.lexsort((tie, -size), axis=1)
    return np.argsort(order, axis=1)


def _without(
    table: UnitTable,
    rows: IntArray,
    background: IntArray,
    removed: NDArray[np.bool_],
) -> FloatArray:
    """Mean prediction of each row over the background's units in its gaps, (n,)."""
    step = max(1, CHUNK_ROWS // len(background))
    parts = []
    for start in range(0, len(rows), step):
        own = rows[start : start + step, None, None]
        gap = removed[start : start + step, None, :]
        cells = np.where(gap, background[None, :, None], own)  # (n, m, n_units)
        prediction = table.predict(cells.reshape(-1, table.n_units))
        parts.append(prediction.reshape(len(own), -1).mean(axis=1))
    return np.concatenate(parts)
