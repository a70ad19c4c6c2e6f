"""The variables of a cube that a model reads: found, checked, masked."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .columns import USUAL_NAMES, Table
from .outputs import check_names
from .values import names_text

if TYPE_CHECKING:
    import xarray as xr

    from .regressor import STCGRegressor

STANDARD_NAMES = {"lat": "latitude", "lon": "longitude", "time": "time"}
PROJECTED_NAMES = {
    "lat": "projection_y_coordinate",
    "lon": "projection_x_coordinate",
    "time": "time",
}
"""What the attribute `standard_name` of the CF conventions says of coordinates."""


def find_variables(
    model: STCGRegressor, names: list[str], ds: xr.Dataset
) -> tuple[dict[str, xr.Variable], dict[str, xr.Variable]]:
    """Find features and coordinates of a model.

    Parameters
    ----------
    model : STCGRegressor
        A fitted model.
    names : list of str
        Its columns.
    ds : Dataset
        The cube.

    Returns
    -------
    features, coordinates : dict of str to Variable
        By the name of the column.

    Raises
    ------
    ValueError
        If one is not there, or a coordinate could be more than one variable.
    """
    roles = model._inputs.roles
    if roles.lat is not None and roles.lat == roles.lon:
        raise ValueError(
            "The model was fitted on points of a GeoDataFrame, and a cube has none. "
            "Fit it with two columns, lat=X.geometry.y and lon=X.geometry.x, in their "
            "place."
        )
    features = [names[j] for j in sorted(roles.features)]
    check_names(features, list(map(str, ds.variables)), "ds")
    projected = model.crs is not None or model.metric == "euclidean"
    coordinates = {
        names[position]: _find_coordinate(role, names[position], ds, projected)
        for role in ("lat", "lon", "time")
        if (position := getattr(roles, role)) is not None
    }
    return (
        {name: ds.variables[name] for name in features},
        {name: ds.variables[found] for name, found in coordinates.items()},
    )


def _find_coordinate(
    role: str, column: str, ds: xr.Dataset, projected: bool
) -> Hashable:
    if column in ds.variables:
        return column
    usual = () if projected and role != "time" else USUAL_NAMES[role]
    standard = (PROJECTED_NAMES if projected else STANDARD_NAMES)[role]
    hits = [name for name in ds.variables if str(name).lower() in usual] or [
        name
        for name, variable in ds.variables.items()
        if variable.attrs.get("standard_name") == standard
    ]
    if len(hits) > 1:
        raise ValueError(
            f"Several variables of ds could be the column {column!r} of the model: "
            f"{names_text(list(map(str, hits)))}. Rename the one to use to {column!r}."
        )
    if not hits:
        raise ValueError(
            f"ds has no coordinate for the column {column!r} of the model: none of "
            f"that name, of a usual one, or of the standard_name {standard!r}. Rename "
            f"the one to use to {column!r}, or add it with ds.assign_coords."
        )
    return hits[0]


def cell_dimensions(variables: list[xr.Variable]) -> tuple[Hashable, ...]:
    """Say which dimensions cells have, in which order.

    Parameters
    ----------
    variables : list of Variable
        Features and coordinates.

    Returns
    -------
    tuple of hashable
        Dimensions of the variable that has most of them, as it has them, behind
        those that only others have.
    """
    widest = max(variables, key=lambda variable: variable.ndim).dims
    others = dict.fromkeys(dim for variable in variables for dim in variable.dims)
    return (*(dim for dim in others if dim not in widest), *widest)


# --- checks that need no chunk to be computed --------------------------------


def check_coordinates(
    model: STCGRegressor, names: list[str], coordinates: dict[str, xr.Variable]
) -> None:
    """Refuse coordinates that the model cannot read, as far as they are in memory.

    Parameters
    ----------
    model : STCGRegressor
        A fitted model.
    names : list of str
        Its columns.
    coordinates : dict of str to Variable
        As :func:`find_variables` finds them.

    Raises
    ------
    ValueError
        If places or times cannot be read.

    Warns
    -----
    UserWarning
        If times lie where the steps of the model do not reach.
    """
    inputs = model._inputs
    if not inputs.use_coordinates:
        return
    # A cell without a place or a time is left out, so it is not refused.
    there = {
        name: values[~pd.isna(values)]
        for name, variable in coordinates.items()
        if variable.chunks is None and (values := variable.values.ravel()).size
    }
    roles = inputs.roles
    place = [names[j] for j in (roles.lat, roles.lon) if j is not None]
    if place and all(name in there and there[name].size for name in place):
        length = max(there[name].size for name in place)
        padded = {
            name: np.pad(there[name], (0, length - there[name].size), mode="edge")
            for name in place
        }
        inputs.read_place(Table(_probe(names, padded)))
    time = None if roles.time is None else names[roles.time]
    if time in there and there[time].size:
        _check_calendar(there[time], time)
        times = inputs.read_time(Table(_probe(names, {time: there[time]})))
        inputs.axis_.warn_outside(times, stacklevel=4)


def _probe(names: list[str], known: dict[str, NDArray[Any]]) -> pd.DataFrame:
    """Make a table like that of fit, of which only some columns are read."""
    index = range(len(next(iter(known.values()))))
    return pd.DataFrame({name: known.get(name, 0.0) for name in names}, index=index)


def _check_calendar(times: NDArray[Any], column: str) -> None:
    if type(times[0]).__module__.startswith("cftime"):
        raise ValueError(
            f"Column {column!r}: the times of ds are cftime dates of the calendar "
            f"{times[0].calendar!r}, and the model reads dates of the standard one. "
            "Pass ds.convert_calendar('standard', use_cftime=False), for 360 days a "
            "year with align_on='date'."
        )


# --- cells that are left out -------------------------------------------------


def read_mask(
    mask: Any, ds: xr.Dataset, dims: tuple[Hashable, ...]
) -> xr.Variable | None:
    """Take a mask.

    Parameters
    ----------
    mask : DataArray, str or None
        What the user passed.
    ds : Dataset
        The cube.
    dims : tuple of hashable
        Dimensions of its cells.

    Returns
    -------
    Variable or None
        The mask on the cells of the cube.

    Raises
    ------
    TypeError
        If it is no DataArray and no name.
    ValueError
        If it is not there, or lies on other cells.
    """
    import xarray as xr

    if mask is None:
        return None
    if isinstance(mask, str):
        check_names([mask], list(map(str, ds.variables)), "ds")
        mask = ds[mask]
    if not isinstance(mask, xr.DataArray):
        raise TypeError(
            f"mask must be a DataArray or the name of a variable of ds, not "
            f"{type(mask).__name__}."
        )
    for dim in mask.dims:
        if dim not in dims:
            raise ValueError(
                f"mask has the dimension {dim!r}, which the cells of ds do not have. "
                f"Theirs are {names_text(list(map(str, dims)))}."
            )
        indexed = dim in mask.indexes and dim in ds.indexes
        if mask.sizes[dim] != ds.sizes[dim] or (
            indexed and not mask.indexes[dim].equals(ds.indexes[dim])
        ):
            raise ValueError(
                f"mask has other coordinates than ds along {dim!r}. Bring it onto "
                "those of ds, for example by mask.reindex_like(ds)."
            )
    return mask.variable


def cells_to_predict(
    features: list[NDArray[Any]],
    coordinates: list[NDArray[Any]],
    mask: NDArray[Any] | None,
    dropna: str,
) -> NDArray[np.bool_]:
    """Say which cells have what a prediction needs.

    Parameters
    ----------
    features, coordinates : list of ndarray
        Arrays that broadcast against each other.
    mask : ndarray or None
        Zero, False or missing where a cell is off.
    dropna : {"all", "any"}
        Whether all or any of the features must be missing to leave a cell out.

    Returns
    -------
    ndarray of bool
        Broadcasts against the arrays.

    Examples
    --------
    >>> rain, heat = np.array([1.0, np.nan, np.nan]), np.array([2.0, 2.0, np.nan])
    >>> cells_to_predict([rain, heat], [], None, "all")
    array([ True,  True, False])
    >>> cells_to_predict([rain, heat], [], np.array([0, 1, 1]), "all")
    array([False,  True, False])
    """
    on: NDArray[np.bool_] = np.array(dropna == "any" or not features)
    for values in features:
        there = ~pd.isna(values)
        on = on & there if dropna == "any" else on | there
    for values in coordinates:
        on = on & ~pd.isna(values)
    if mask is not None:
        on = on & ~pd.isna(mask) & (mask != 0)
    return on
