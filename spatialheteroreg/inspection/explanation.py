"""Explanations from arrays: contributions, weights, shap objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..sphere import FloatArray

if TYPE_CHECKING:
    import shap


@dataclass(frozen=True)
class RowEffects:
    """What each part of the model says of each row, in target units.

    All arrays may have an axis of members in front.

    Attributes
    ----------
    prediction : ndarray of shape (n,)
        The prediction.
    combination : ndarray of shape (n,)
        Intercept plus features; the prediction, for the additive head.
    level : ndarray of shape (1,)
        Intercept of the mean training place at the mean training time.
    place : ndarray of shape (n,)
        What the place adds to the level, over the training times.
    time : ndarray of shape (n,)
        What the time adds to the level, over the training places.
    place_time : ndarray of shape (n,)
        What is left of the intercept: what the time does at this place beyond what
        it does everywhere.
    features : ndarray of shape (n, n_features)
        What each feature adds.
    """

    prediction: FloatArray
    combination: FloatArray
    level: FloatArray
    place: FloatArray
    time: FloatArray
    place_time: FloatArray
    features: FloatArray

    @classmethod
    def joined(cls, parts: Iterable[RowEffects], n_rows: int) -> RowEffects:
        """Put some rows after others.

        Parameters
        ----------
        parts : iterable of RowEffects
            Of some rows each, members averaged; looked at one after the other.
        n_rows : int
            Rows of all of them.

        Returns
        -------
        RowEffects
            Of all rows.
        """
        # Laid out at once: small arrays between large ones keep memory from being
        # given back.
        whole: dict[str, FloatArray] = {}
        start = 0
        for part in parts:
            found = vars(part)
            if not whole:
                shapes = {name: (n_rows, *found[name].shape[1:]) for name in found}
                shapes["level"] = found["level"].shape
                whole = {name: np.empty(shape) for name, shape in shapes.items()}
            stop = start + len(part.prediction)
            for name, array in whole.items():
                rows = slice(None) if name == "level" else slice(start, stop)
                array[rows] = found[name]
            start = stop
        return cls(**whole)

    def __getitem__(self, rows: slice) -> RowEffects:
        found = vars(self)
        own = {name: found[name][rows] for name in found if name != "level"}
        return RowEffects(level=self.level, **own)

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

        Latitude and longitude get half each of the effect of the place. Time gets
        its own effect and what it does at this place beyond that. All are measured
        from their own means over the training rows.

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
        columns = np.zeros((*self.combination.shape, n_columns))
        columns[..., list(features)] = self.features - baseline.features
        if time is not None:
            columns[..., time] = self.time + self.place_time - baseline.place_time
        if lat is not None and lon is not None:
            columns[..., lat] += self.place / 2
            columns[..., lon] += self.place / 2
        return columns


@dataclass(frozen=True)
class EffectBaseline:
    """Means over the training rows, from which contributions are measured.

    Those of `RowEffects.place` and `RowEffects.time` are zero as they stand.

    Attributes
    ----------
    level : float
        `RowEffects.level`.
    place_time : float
        Mean of `RowEffects.place_time`.
    features : ndarray of shape (n_features,)
        Mean of `RowEffects.features`.
    """

    level: float
    place_time: float | FloatArray
    features: FloatArray

    @property
    def value(self) -> float:
        """Base value: the mean of `combination`, what contributions of zero say."""
        return self.level + float(self.place_time) + float(self.features.sum())

    @classmethod
    def of(cls, effects: RowEffects, weight: FloatArray) -> EffectBaseline:
        """Take the means.

        Parameters
        ----------
        effects : RowEffects
            Effects of the training rows.
        weight : ndarray of shape (n,)
            Their sample weights.

        Returns
        -------
        EffectBaseline
            The means.
        """
        share = weight / weight.sum()
        return cls(
            float(effects.level[0]),
            float(share @ effects.place_time),
            share @ effects.features,
        )


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
    from slicer import Obj

    # Slicer asks every object of an array for its depth; one row tells it as well.
    shown = Obj(display_data[:1])
    shown.o = display_data
    return shap.Explanation(
        values=contributions,
        base_values=np.full(len(contributions), base_value),
        data=data,
        display_data=shown,
        feature_names=list(feature_names),
    )
