"""Distance between rows in the space of their features, as importance weighs it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from ..sphere import FloatArray, IntArray

PART_ROWS = 250
"""Rows whose distances to all others are held at once: 4 MB of 2,000 rows."""


def feature_distances(
    rows: list[NDArray[Any]], others: list[NDArray[Any]], shares: FloatArray
) -> FloatArray:
    """Distances of rows in the space of the weighted features.

    A number that is missing takes the mean, and one unit of distance to the
    side: it then is as far from the numbers of training as these are from each
    other, in the mean. Two categories that differ are as far apart.

    Parameters
    ----------
    rows, others : list of three ndarrays
        Standardized numbers, where they are missing, and category codes.
    shares : ndarray of shape (n_features,)
        Weight of each feature.

    Returns
    -------
    ndarray of shape (n, m)
        Distance of each row to each of the others.
    """
    (numeric, missing, codes), (numeric_, missing_, codes_) = rows, others
    n_numeric = numeric.shape[1]
    weight = shares[:n_numeric]
    square = np.zeros((len(numeric), len(numeric_)))
    if n_numeric:
        square += cdist(numeric * weight, numeric_ * weight, "sqeuclidean")
    if missing.any() or missing_.any():
        square += cdist(missing * weight, missing_ * weight, "sqeuclidean")
    for k, share in enumerate(shares[n_numeric:]):
        # Two standardized numbers differ by 2 in the mean of the square.
        square += 2.0 * share**2 * (codes[:, k, None] != codes_[:, k])
    return np.sqrt(square, out=square)


def feature_scale(
    features: list[NDArray[Any]], shares: FloatArray, fold: IntArray
) -> tuple[float, float]:
    """Mean distance of two training rows, and the largest usual dissimilarity.

    Parameters
    ----------
    features : list of three ndarrays
        As for :func:`feature_distances`.
    shares : ndarray of shape (n_features,)
        Weight of each feature.
    fold : ndarray of shape (m,)
        Fold of each row; rows of a fold are not compared with each other. With
        one fold alone, all rows are.

    Returns
    -------
    mean, threshold : float
        Mean distance, and the upper whisker of the distances to the nearest
        row of another fold, over the mean.
    """
    n, total, nearest = len(fold), 0.0, []
    for start in range(0, n, PART_ROWS):
        rows = slice(start, start + PART_ROWS)
        some = [values[rows] for values in features]
        distance = feature_distances(some, features, shares)
        total += float(distance.sum())
        nearest.append(nearest_elsewhere(distance, fold[rows], fold))
    # Rows that are all alike differ from others by the bare distance.
    mean = total / max(n * (n - 1), 1) or 1.0
    return mean, whisker(np.concatenate(nearest) / mean)


def nearest_elsewhere(
    distance: FloatArray, fold: IntArray, other_fold: IntArray
) -> FloatArray:
    """Distance to the nearest of another fold.

    Parameters
    ----------
    distance : ndarray of shape (n, m)
        Distance of each to each of the others; written to.
    fold : ndarray of shape (n,)
        Fold of each.
    other_fold : ndarray of shape (m,)
        Fold of each of the others.

    Returns
    -------
    ndarray of shape (n,)
        The nearest distance. With one fold alone it is to the nearest that is not
        at the same place, or 0.
    """
    same = fold[:, None] == other_fold
    if same.all():
        same = distance == 0.0
    distance[same] = np.inf
    nearest = distance.min(axis=1)
    return np.where(np.isfinite(nearest), nearest, 0.0)


def whisker(values: FloatArray) -> float:
    """Upper whisker: Q75 + 1.5 IQR, or the largest value where this is less.

    Parameters
    ----------
    values : ndarray of shape (n,)
        At least one number.

    Returns
    -------
    float
        The whisker.

    Examples
    --------
    >>> whisker(np.array([0.0, 1.0, 2.0, 3.0, 4.0]))
    4.0
    >>> whisker(np.array([0.0, 1.0, 2.0, 3.0, 40.0]))
    6.0
    """
    low, high = np.quantile(values, [0.25, 0.75])
    return float(min(high + 1.5 * (high - low), values.max()))
