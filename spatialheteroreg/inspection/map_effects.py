"""What a map of effects shows: values by place, their label, names of its axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ..columns import USUAL_NAMES
from ..sphere import FloatArray
from .effect_places import average_places, dominant_places, read_coordinates
from .plotting import as_floats, check_lengths, check_step, effect_label

if TYPE_CHECKING:
    from ..regressor import STCGRegressor

KINDS = ("slope", "contribution", "dominant")
"""What a map can show."""

BARE_AXES = ("Easting", "Northing")
"""Names of the axes of bare coordinates that have no others."""


class MapEffects(NamedTuple):
    """What a map of effects shows.

    Attributes
    ----------
    lat, lon : ndarray of shape (n_places,)
        Distinct places.
    values : ndarray of shape (n_places,)
        Mean effect, or the dominant feature.
    significant : ndarray of shape (n_places,), bool, or None
        Whether most rows are.
    label : str
        Text of the colour bar or the legend.
    features : list of str or None
        All features of which one can be the dominant one, in their order.
    """

    lat: FloatArray
    lon: FloatArray
    values: NDArray[Any]
    significant: NDArray[np.bool_] | None
    label: str
    features: list[str] | None


def gather_effects(
    lat: ArrayLike,
    lon: ArrayLike,
    values: Any,
    significant: Any,
    *,
    feature: str,
    kind: str,
    step: float,
    metric: str,
) -> MapEffects:
    """Check effects of rows, and gather them by place.

    Parameters
    ----------
    lat, lon : array_like of shape (n,)
        Places of the rows.
    values : array_like of shape (n,), or DataFrame of shape (n, k)
        Effects, contributions of several features, or names of the dominant one.
    significant : array_like like `values`, bool, or None
        Where the sign is known.
    feature : str
        Name of the feature for the label.
    kind : {"slope", "contribution", "dominant"}
        What the values are.
    step : float
        Change of the feature that a slope is given for.
    metric : {"haversine", "euclidean"}
        Degrees, or bare coordinates.

    Returns
    -------
    MapEffects
        One entry for each place.

    Raises
    ------
    ValueError
        If lengths differ, an option is unknown, or nothing is left to draw.
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}.")
    check_step(step, kind)
    lat, lon = read_coordinates(lat, lon, metric)
    if kind == "dominant":
        known = _feature_names(values)
        effect = values if isinstance(values, pd.DataFrame) else np.asarray(values)
        certain = None if significant is None else np.asarray(significant, bool)
        check_lengths(lat=lat, lon=lon, values=effect, significant=certain)
        found = dominant_places(lat, lon, effect, certain)
        return MapEffects(*found, "Dominant feature", known)
    effect = as_floats(values, "values") * step
    certain = None if significant is None else np.ravel(significant)
    check_lengths(lat=lat, lon=lon, values=effect, significant=certain)
    found = average_places(lat, lon, effect, certain)
    return MapEffects(*found, effect_label(kind, feature, step), None)


def model_axes(model: STCGRegressor) -> tuple[str, str]:
    """Name the axes of bare coordinates by the columns of a model.

    Parameters
    ----------
    model : STCGRegressor
        A fitted model.

    Returns
    -------
    tuple of two str
        The columns of longitude and latitude, such as u and v; easting and northing
        where these have no names, are geometries, or are called as if they were
        degrees.
    """
    roles = model._inputs.roles
    named = hasattr(model, "feature_names_in_")
    if not named or roles.lat is None or roles.lon is None or roles.lat == roles.lon:
        return BARE_AXES
    columns = model._column_names()
    names = str(columns[roles.lon]), str(columns[roles.lat])
    misleading = {*USUAL_NAMES["lat"], *USUAL_NAMES["lon"]}
    return BARE_AXES if {name.lower() for name in names} & misleading else names


def _feature_names(values: Any) -> list[str] | None:
    """Names in their order, where the values tell more than those they hold."""
    if isinstance(values, pd.DataFrame):
        return [str(name) for name in values.columns]
    dtype = getattr(values, "dtype", None)
    if isinstance(dtype, pd.CategoricalDtype):
        return [str(name) for name in dtype.categories]
    return None
