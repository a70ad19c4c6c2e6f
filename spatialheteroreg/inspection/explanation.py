"""Explanations from arrays: contributions, weights, shap objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..sphere import FloatArray

if TYPE_CHECKING:
    import shap


@dataclass(frozen=True)
class RowEffects:
    """What each part of the model says of each row, in target units.

    Attributes
    ----------
    prediction : ndarray of shape (n,)
        The prediction.
    combination : ndarray of shape (n,)
        Intercept plus features; the prediction, for the additive head.
    intercept : ndarray of shape (n,)
        What place and time say.
    place : ndarray of shape (n,)
        Mean of the intercept at the row's place over the training times.
    features : ndarray of shape (n, n_features)
        What each feature adds.
    """

    prediction: FloatArray
    combination: FloatArray
    intercept: FloatArray
    place: FloatArray
    features: FloatArray

    def contributions(
        self,
        baseline: EffectBaseline,
        n_columns: int,
        features: Sequence[int],
        lat: int | None,
        lon: int | None,
        time: int | None,
    ) -> FloatArray:
        """Lay the effects out over the columns of X.

        Time gets the intercept minus its mean over the training times; latitude
        and longitude get half each of that mean. All are measured from their
        own means over the training rows.

        Parameters
        ----------
        baseline : EffectBaseline
            Means over the training rows.
        n_columns : int
            Columns of X.
        features : sequence of int
            Positions of the features.
        lat, lon, time : int or None
            Positions of the coordinates.

        Returns
        -------
        ndarray of shape (n, n_columns)
            Contributions; with `baseline.value` they add up to `combination`.
        """
        columns = np.zeros((len(self.combination), n_columns))
        columns[:, list(features)] = self.features - baseline.features
        seasonal = self.intercept - self.place
        spatial = self.place - baseline.place
        if time is None:
            spatial, seasonal = spatial + seasonal, np.zeros_like(seasonal)
        else:
            columns[:, time] = seasonal
        if lat is not None and lon is not None:
            columns[:, lat] += spatial / 2
            columns[:, lon] += spatial / 2
        return columns


@dataclass(frozen=True)
class EffectBaseline:
    """Means over the training rows, from which contributions are measured.

    Attributes
    ----------
    place : float
        Mean of `RowEffects.place`.
    features : ndarray of shape (n_features,)
        Mean of `RowEffects.features`.
    """

    place: float
    features: FloatArray

    @property
    def value(self) -> float:
        """Base value: what contributions of zero predict."""
        return float(self.place + self.features.sum())

    @classmethod
    def of(cls, effects: RowEffects, weight: FloatArray | None) -> EffectBaseline:
        """Take the means.

        Parameters
        ----------
        effects : RowEffects
            Effects of the training rows.
        weight : ndarray of shape (n,) or None
            Sample weights.

        Returns
        -------
        EffectBaseline
            The means.
        """
        share = np.ones(len(effects.place)) if weight is None else weight
        share = share / share.sum()
        return cls(float(share @ effects.place), share @ effects.features)


def normalized_weights(contributions: FloatArray) -> FloatArray:
    """Absolute contributions as shares of their row.

    Parameters
    ----------
    contributions : ndarray of shape (n, p)
        Signed contributions.

    Returns
    -------
    ndarray of shape (n, p)
        Rows sum to 1; uniform where all contributions are zero.

    Examples
    --------
    >>> normalized_weights(np.array([[3.0, -1.0], [0.0, 0.0]])).tolist()
    [[0.75, 0.25], [0.5, 0.5]]
    """
    size = np.abs(contributions)
    total = size.sum(axis=1, keepdims=True)
    uniform = np.full_like(size, 1.0 / size.shape[1])
    return np.divide(size, total, out=uniform, where=total > 0)


def make_explanation(
    contributions: FloatArray,
    base_value: float,
    data: FloatArray,
    display_data: Any,
    feature_names: Sequence[str],
) -> shap.Explanation:
    """Build a `shap.Explanation` in the form that all of shap's plots take.

    Parameters
    ----------
    contributions : ndarray of shape (n, p)
        Contributions.
    base_value : float
        What contributions of zero predict.
    data : ndarray of shape (n, p), float
        Inputs as numbers.
    display_data : array_like of shape (n, p)
        Inputs as the user gave them.
    feature_names : sequence of str
        Names of the columns.

    Returns
    -------
    shap.Explanation
        Its rows add up: `values.sum(axis=1) + base_values`.
    """
    import shap

    return shap.Explanation(
        values=contributions,
        base_values=np.full(len(contributions), base_value),
        data=data,
        display_data=display_data,
        feature_names=list(feature_names),
    )
