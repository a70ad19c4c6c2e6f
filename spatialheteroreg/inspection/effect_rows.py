"""What the displays of effects ask a fitted model for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
from sklearn.utils.validation import check_is_fitted

from ..columns import Table
from ..coordinates import holds_dates, read_time
from ..sphere import FloatArray
from ..values import names_text

if TYPE_CHECKING:
    from ..regressor import STCGRegressor


def read_effects(
    model: STCGRegressor,
    X: Any,
    features: Sequence[str | int] | None,
    kind: str,
    significance: bool | str = False,
    alpha: float = 0.1,
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Compute effects of features.

    Parameters
    ----------
    model : STCGRegressor
        A fitted model.
    X : DataFrame or array_like of shape (n, p)
        Columns as in fit.
    features : sequence of str or int, or None
        Names or positions in X; None means all features.
    kind : {"slope", "contribution"}
        As `output` of `local_effects`.
    significance : {"auto", True, False}, default=False
        Whether to compute it; "auto" where the model has uncertainty.
    alpha : float, default=0.1
        False-discovery rate.

    Returns
    -------
    effect : DataFrame of shape (n, k)
        Effects.
    significant : DataFrame of shape (n, k) or None
        Where their sign is known; None where it was not computed.

    Raises
    ------
    ValueError
        If a feature is unknown, or a category and slopes are asked for.
    """
    check_is_fitted(model)
    if kind not in {"slope", "contribution"}:
        raise ValueError(f"kind must be 'slope' or 'contribution', got {kind!r}.")
    if significance not in (True, False, "auto"):
        raise ValueError(
            f"significance must be True, False or 'auto', got {significance!r}."
        )
    names = model._column_names()
    chosen = _choose(model, names, features, kind)
    certain = significance
    if certain == "auto":
        # Fitted with several members and rows to calibrate them by.
        certain = getattr(model, "_uncertainty", None) is not None
    if not certain:
        return model.local_effects(X, output=kind)[chosen], None
    found = model.local_effects(X, output=kind, return_std=True, alpha=alpha)
    return found.effect[chosen], found.significant[chosen]


def read_places(model: STCGRegressor, X: Any) -> tuple[FloatArray, FloatArray]:
    """Read latitude and longitude of rows.

    Parameters
    ----------
    model : STCGRegressor
        A fitted model.
    X : DataFrame or array_like of shape (n, p)
        Columns as in fit.

    Returns
    -------
    lat, lon : ndarray of shape (n,)
        Degrees, or bare coordinates with `metric="euclidean"`.

    Raises
    ------
    ValueError
        If the model knows no coordinates.
    """
    check_is_fitted(model)
    if not model._inputs.roles.has_place:
        raise ValueError(
            "The model was fitted without coordinates, so its effects have no place "
            "on a map. Fit with lat= and lon=, or pass coordinates to "
            "from_predictions."
        )
    return model._inputs.read_place(Table(X), always=True)


def read_row_times(model: STCGRegressor, X: Any) -> tuple[FloatArray, bool]:
    """Read times of rows.

    Parameters
    ----------
    model : STCGRegressor
        A fitted model.
    X : DataFrame or array_like of shape (n, p)
        Columns as in fit.

    Returns
    -------
    time : ndarray of shape (n,)
        Fractional years for dates, else the numbers.
    dates : bool
        Whether they were dates.

    Raises
    ------
    ValueError
        If the model knows no time.
    """
    check_is_fitted(model)
    position = model._inputs.roles.time
    if position is None:
        raise ValueError(
            "The model was fitted without a time, so its effects have no season. Fit "
            "with time=, or pass times to from_predictions."
        )
    table = Table(X)
    column = table.column(position)
    return read_time(column, table.label(position)), holds_dates(column)


def _choose(
    model: STCGRegressor,
    names: list[str],
    features: Sequence[str | int] | None,
    kind: str,
) -> list[str]:
    """Names of the columns that were asked for."""
    roles = model._inputs.roles
    numeric = [names[j] for j in roles.numeric]
    categorical = [names[j] for j in roles.categorical]
    available = numeric if kind == "slope" else names
    if not roles.features:
        raise ValueError("The model has no features besides place and time.")
    if features is None:
        return [names[j] for j in sorted(roles.features)]
    if not available:
        raise ValueError(
            "The model has no numeric features, and categories have no slope. Pass "
            "kind='contribution'."
        )
    chosen = []
    for feature in features:
        name = feature
        if not isinstance(feature, str) and 0 <= feature < len(names):
            name = names[feature]
        if name in categorical and kind == "slope":
            raise ValueError(
                f"Feature {name!r} holds categories, which have no slope. Pass "
                "kind='contribution'."
            )
        if name not in available:
            raise ValueError(
                f"feature={feature!r} has no {kind}. Features: {names_text(available)}."
            )
        chosen.append(str(name))
    return chosen
