"""Checks of single parameters, for what is no estimator of scikit-learn."""

from __future__ import annotations

from collections.abc import Collection
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils import check_scalar

METRICS = ("haversine", "euclidean")


def check_count(name: str, value: Any, low: int, high: int | None = None) -> None:
    """Refuse what is no number of things.

    Parameters
    ----------
    name : str
        Name of the parameter.
    value : object
        What was passed.
    low : int
        Smallest number that will do.
    high : int, default=None
        Largest; None for any.

    Raises
    ------
    TypeError, ValueError
        If it is no whole number, or out of range.

    Examples
    --------
    >>> check_count("n_splits", 1, 2)
    Traceback (most recent call last):
        ...
    ValueError: n_splits == 1, must be >= 2.
    """
    check_scalar(value, name, Integral, min_val=low, max_val=high)


def check_amount(
    name: str, value: Any, low: float = 0.0, *, included: bool = False
) -> None:
    """Refuse what is no length, duration or the like.

    Parameters
    ----------
    name : str
        Name of the parameter.
    value : object
        What was passed.
    low : float, default=0.0
        What it must be larger than.
    included : bool, default=False
        Whether `low` itself will do.

    Raises
    ------
    TypeError, ValueError
        If it is no number, too small, or not finite.

    Examples
    --------
    >>> check_amount("radius", float("inf"))
    Traceback (most recent call last):
        ...
    ValueError: radius == inf, must be finite.
    """
    boundaries = "left" if included else "neither"
    check_scalar(value, name, Real, min_val=low, include_boundaries=boundaries)
    if not np.isfinite(value):
        raise ValueError(f"{name} == {value}, must be finite.")


def check_choice(name: str, value: Any, choices: Collection[str]) -> None:
    """Refuse what is none of a few words.

    Parameters
    ----------
    name : str
        Name of the parameter.
    value : object
        What was passed.
    choices : collection of str
        Words that will do.

    Raises
    ------
    ValueError
        If it is none of them.

    Examples
    --------
    >>> check_choice("metric", "Haversine", METRICS)
    Traceback (most recent call last):
        ...
    ValueError: metric='Haversine' must be 'haversine' or 'euclidean'.
    """
    if not isinstance(value, str) or value not in choices:
        *others, last = map(repr, choices)
        wanted = f"{', '.join(others)} or {last}" if others else last
        raise ValueError(f"{name}={value!r} must be {wanted}.")
