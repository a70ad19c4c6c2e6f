"""Predict the cells of an xarray data set, chunk by chunk where it has chunks."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils._param_validation import StrOptions, validate_parameter_constraints

from .cube_variables import (
    cell_dimensions,
    cells_to_predict,
    check_coordinates,
    find_variables,
    read_mask,
)
from .outputs import RowOutputs
from .row_inputs import CHUNK_ROWS, slices
from .values import names_text

if TYPE_CHECKING:
    import xarray as xr

    from .regressor import STCGRegressor

DIMENSIONS = {"effect": "part", "slope": "feature", "slope_std": "feature"}
"""Second axis of what a cell has several of."""

_OPTIONS = {
    "return_std": ["boolean"],
    "effects": ["boolean"],
    "slopes": ["boolean"],
    "dropna": [StrOptions({"all", "any"})],
    "dtype": [StrOptions({"float32", "float64"})],
    "attrs": [Mapping, None],
}


def predict_dataset(
    model: STCGRegressor,
    ds: xr.Dataset,
    *,
    return_std: bool = False,
    effects: bool = False,
    slopes: bool = False,
    mask: xr.DataArray | str | None = None,
    dropna: str = "all",
    dtype: str = "float32",
    attrs: Mapping[str, Any] | None = None,
) -> xr.Dataset:
    """Predict each cell of a data set, on its own coordinates.

    Where variables have dask chunks nothing is computed yet: the result has the same
    chunks, and computing it takes the memory of one chunk for each worker.

    Parameters
    ----------
    model : STCGRegressor
        Fitted on a table with names.
    ds : Dataset
        Has a variable of the name of each feature, on any dimensions: those of the
        others are repeated. Latitude, longitude and time are found by the name of
        the model's column, then by their usual names, then by `standard_name`. They
        may run up or down, 0..360 or -180..180, and have two dimensions.
    return_std : bool, default=False
        Whether to add standard deviations of a new observation, and standard errors
        of the slopes; for `n_members` of 2 and more.
    effects : bool, default=False
        Whether to add the parts of each prediction, as
        :meth:`~spatialheteroreg.STCGRegressor.decompose` gives them.
    slopes : bool, default=False
        Whether to add the slopes of the numeric features, as
        :meth:`~spatialheteroreg.STCGRegressor.local_effects` gives them.
    mask : DataArray or str, default=None
        Cells to predict; the others are False, zero or missing. On some or all of
        the dimensions. A name is one of a variable of `ds`.
    dropna : {"all", "any"}, default="all"
        Leave cells out where all, or where any, of their features are missing.
    dtype : {"float32", "float64"}, default="float32"
        Of the result. The model adds up in float64 in any case.
    attrs : mapping, default=None
        Attributes of the target, of which the result takes `long_name` and `units`.

    Returns
    -------
    Dataset
        "prediction"; with `return_std` "prediction_std"; with `effects` "effect",
        with one more dimension "part"; with `slopes` "slope", and with `return_std`
        "slope_std", with one more dimension "feature". Dimensions are ordered as in
        the feature that has most of them. Coordinates keep values and attributes.
        Cells that are left out are NaN and take no time.

    Raises
    ------
    ValueError
        If a variable is missing, `mask` lies on other cells, the model was fitted
        without names or, with `return_std`, has no uncertainty.
    ImportError
        If xarray is not installed.

    Warns
    -----
    UserWarning
        If times lie where the model does not reach.

    See Also
    --------
    predict_partitions : The same for dask data frames.

    Examples
    --------
    >>> import xarray as xr
    >>> from spatialheteroreg import STCGRegressor, predict_dataset
    >>> random = np.random.RandomState(0)
    >>> lat, lon = np.arange(50.0, 40.0, -1.0), np.arange(350.0, 360.0)
    >>> rain = xr.DataArray(random.gamma(2.0, size=(10, 10)), {"lat": lat, "lon": lon})
    >>> ds = rain.rename("rain").to_dataset()
    >>> table = ds.to_dataframe().reset_index()
    >>> model = STCGRegressor(max_iter=2, random_state=0).fit(table, 2 * table["rain"])
    >>> cube = predict_dataset(model, ds, effects=True)
    >>> dict(cube.sizes)
    {'lat': 10, 'lon': 10, 'part': 5}
    >>> total = cube.effect.sum("part")
    >>> bool(abs(total - cube.prediction).max() < 1e-5)
    True
    """
    xarray = _import_xarray()
    validate_parameter_constraints(
        _OPTIONS,
        {
            "return_std": return_std,
            "effects": effects,
            "slopes": slopes,
            "dropna": dropna,
            "dtype": dtype,
            "attrs": attrs,
        },
        caller_name="predict_dataset",
    )
    if not isinstance(ds, xarray.Dataset):
        raise TypeError(
            f"ds must be an xarray Dataset, not {type(ds).__name__}. Of an array pass "
            "array.to_dataset(name=...), for a table use model.predict."
        )
    outputs = RowOutputs(
        model, return_std=return_std, effects=effects, slopes=slopes, warn=False
    )
    features, coordinates = find_variables(model, outputs.names, ds)
    check_coordinates(model, outputs.names, coordinates)
    read = {**features, **coordinates}
    dims = cell_dimensions(list(read.values()))
    labels = {DIMENSIONS[n]: axis for n, axis in outputs.labels.items() if axis}
    grid = _grid_mapping(features)
    cells = _coordinates(ds, dims, grid)
    _check_free([*outputs.labels, *labels], {*dims, *cells.variables})
    on = read_mask(mask, ds, dims)
    block = partial(
        _predict_block,
        names=(list(features), list(coordinates)),
        masked=on is not None,
        dropna=dropna,
        dtype=dtype,
    )
    variables = [*read.values(), *([] if on is None else [on])]
    found = _apply(block, outputs, variables, dtype)
    described = _attributes(dict(attrs or {}))
    data = {
        name: xarray.Variable(
            (*dims, *variable.dims[len(dims) :]),
            variable.transpose(*dims, ...).data,
            {**described[name], **grid},
        )
        for name, variable in found.items()
    }
    result: xr.Dataset = cells.assign(data).assign_coords(labels)
    return result.assign_attrs(source="STCGRegressor of spatialheteroreg")


def _apply(
    block: partial[Any],
    outputs: RowOutputs,
    variables: list[xr.Variable],
    dtype: str,
) -> dict[str, xr.Variable]:
    """Run over all blocks: at once, or later where variables have chunks."""
    import xarray as xr

    sizes: dict[Hashable, int] = {}
    for variable in variables:
        sizes |= variable.sizes
    extra = [
        [DIMENSIONS[name]] if name in DIMENSIONS else [] for name in outputs.labels
    ]
    variables = [
        _placeholder(variable) if 0 in sizes.values() else _in_memory(variable)
        for variable in variables
    ]
    if any(variable.chunks is not None for variable in variables):
        # dask does not guess chunks of objects, so all get one.
        variables = [v if v.chunks is not None else v.chunk() for v in variables]
        # As a value of the graph, and not of each task, it is sent to a worker once.
        variables = [_as_task(outputs), *variables]
    else:
        block = partial(block, outputs)
    found = xr.apply_ufunc(
        block,
        *variables,
        output_core_dims=extra,
        dask="parallelized",
        output_dtypes=[np.dtype(dtype)] * len(extra),
        dask_gufunc_kwargs={
            "output_sizes": {
                DIMENSIONS[n]: len(names)
                for n, names in outputs.labels.items()
                if names
            }
        },
    )
    return dict(zip(outputs.labels, found if len(extra) > 1 else [found], strict=True))


def _as_task(outputs: RowOutputs) -> xr.Variable:
    import dask.array as da
    import xarray as xr
    from dask.delayed import delayed

    held = delayed(outputs, traverse=False)
    return xr.Variable((), da.from_delayed(held, shape=(), dtype=object))


def _in_memory(variable: xr.Variable) -> xr.Variable:
    """Make a NumPy array of what has no chunks, whatever pandas makes of it."""
    import xarray as xr

    if variable.chunks is not None:
        return variable
    return xr.Variable(variable.dims, variable.values)


def _placeholder(variable: xr.Variable) -> xr.Variable:
    """Stand in for what is never read, as there are no cells; dask trips over it."""
    import xarray as xr

    nothing = np.zeros((), variable.dtype)
    return xr.Variable(variable.dims, np.broadcast_to(nothing, variable.shape))


def _predict_block(
    outputs: RowOutputs,
    *arrays: NDArray[Any],
    names: tuple[list[str], list[str]],
    masked: bool,
    dropna: str,
    dtype: str,
) -> Any:
    """Predict the cells of arrays that broadcast against each other."""
    features, coordinates = names
    shape = np.broadcast_shapes(*(array.shape for array in arrays))
    grid = shape or (1,)  # a single cell has no axis to stand on
    read = arrays[: len(features) + len(coordinates)]
    on = cells_to_predict(
        list(read[: len(features)]),
        list(read[len(features) :]),
        arrays[-1] if masked else None,
        dropna,
    )
    cells = np.flatnonzero(np.broadcast_to(on, grid))
    whole = [np.broadcast_to(array, grid) for array in read]
    found = {
        name: np.full(grid if axis is None else (*grid, len(axis)), np.nan, dtype)
        for name, axis in outputs.labels.items()
    }
    for part in slices(len(cells), CHUNK_ROWS):
        where = np.unravel_index(cells[part], grid)
        columns = zip([*features, *coordinates], whole, strict=True)
        rows = pd.DataFrame({name: values[where] for name, values in columns})
        # Columns that the model was fitted with and does not read need not be there.
        rows = rows.reindex(columns=outputs.names)
        for name, values in outputs(rows).items():
            found[name][where] = values
    if not shape:
        found = {name: values[0] for name, values in found.items()}
    return tuple(found.values()) if len(found) > 1 else found["prediction"]


def _check_free(names: list[str], taken: set[Hashable]) -> None:
    """Refuse a cube whose own axes are called as the result's variables are."""
    clashes = [name for name in names if name in taken]
    if clashes:
        raise ValueError(
            f"ds has dimensions or coordinates called {names_text(clashes)}, as the "
            "result has. Rename them, ds.rename(prediction='old'), or drop them."
        )


# --- what the result says of itself ------------------------------------------


def _attributes(target: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Describe each output in the words of the target."""
    name = target.get("long_name", "target")
    units = {"units": target["units"]} if "units" in target else {}
    return {
        "prediction": {"long_name": f"predicted {name}", **units},
        "prediction_std": {
            "long_name": f"standard deviation of a new observation of {name}",
            **units,
        },
        "effect": {"long_name": f"part of the predicted {name}", **units},
        "slope": {"long_name": f"change of {name} for one unit of the feature"},
        "slope_std": {"long_name": f"standard error of the slope of {name}"},
    }


def _grid_mapping(features: Mapping[str, xr.Variable]) -> dict[str, Any]:
    """Name the variable that says how the grid is projected, where features do."""
    for variable in features.values():
        for place in (variable.attrs, variable.encoding):
            if "grid_mapping" in place:
                return {"grid_mapping": place["grid_mapping"]}
    return {}


def _coordinates(
    ds: xr.Dataset, dims: tuple[Hashable, ...], grid: dict[str, Any]
) -> xr.Dataset:
    """Keep the coordinates of the cells, with their attributes and encodings."""
    kept = ds.coords.to_dataset()
    kept = kept.drop_vars([n for n in kept.variables if not {*kept[n].dims} <= {*dims}])
    projection = grid.get("grid_mapping")
    if projection in ds.data_vars:
        kept = kept.assign_coords({projection: ds.variables[projection]})
    return kept


def _import_xarray() -> Any:
    try:
        import xarray
    except ImportError as error:
        raise ImportError(
            "predict_dataset needs xarray, which is not installed. Install it with "
            '`pip install "spatialheteroreg[cubes]"`.'
        ) from error
    return xarray
